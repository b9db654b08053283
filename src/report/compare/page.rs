//! A comparison as one page: the findings, the figures, the tables, the contact sheets, and how it was made.

use super::names::shortened;
use super::{figures, reading, words};
use crate::error::Result;
use crate::report::columns::{TableColumn, as_field, columns};
use crate::report::html::{self, PageFigure, Picture, Section, SectionPart, Table};
use crate::report::{file, outcomes, plot};
use crate::study::compare::{LabelReport, Pair, Rate, Report, SpaceReport};
use serde_json::Value;
use std::path::Path;

/// The most pairs of spaces in one open table; of more pairs those without the first space are folded.
const PAIRS: usize = 15;

/// The most classes that are listed.
const CLASSES: usize = 100;

/// The most spaces side by side in a table of classes.
const ACROSS: usize = 7;

/// The command, inputs and settings of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct RunInfo {
    pub command: String,
    pub date: String,
    /// The inputs by role: reference, queries, labels, encoder.
    pub inputs: Vec<(String, String)>,
    pub settings: Value,
}

/// Writes the page; `sheets` holds spaces with their contact sheets as PNG.
pub fn write_page(
    path: &Path,
    made: &RunInfo,
    report: &Report,
    sheets: &[(String, Vec<u8>)],
) -> Result<()> {
    file::write_drawn(path, page(made, report, sheets))
}

/// The page as HTML: the findings, the figures, the numbers, and how it was made.
///
/// Errors: a figure that cannot be drawn.
pub fn page(
    made: &RunInfo,
    report: &Report,
    sheets: &[(String, Vec<u8>)],
) -> Result<String, String> {
    let (short, typed) = shortened(report);
    let name = |space: &String| {
        let known = typed.iter().find(|(_, typed)| typed == space);
        known.map_or(space, |(name, _)| name).clone()
    };
    let sheets = sheets.iter().map(|(space, png)| (name(space), png.clone()));
    let (report, sheets) = (&short, &sheets.collect::<Vec<_>>());
    let mut sections = vec![findings_section(report)];
    sections.extend(drawn(report)?);
    for found in &report.outcomes {
        sections.push(outcomes::section(found)?);
    }
    sections.push(spaces(report, &typed));
    sections.extend(notions(report));
    sections.extend(pairs(report));
    sections.extend(classes(report));
    sections.extend(pictures(report, sheets));
    sections.extend(warnings(report));
    let sources = Section::new("Sources", vec![SectionPart::sources()]);
    sections.extend([how_made(made), sources]);
    let count = report.spaces.len();
    let plural = if count == 1 { "" } else { "s" };
    let title =
        format!("Interpolation or extrapolation? The same queries in {count} space{plural}");
    Ok(html::page(title, sections, &made.date))
}

fn how_made(made: &RunInfo) -> Section {
    let mut facts = made.inputs.clone();
    facts.push(("Date".into(), made.date.clone()));
    let parts = vec![
        SectionPart::Code(made.command.clone()),
        SectionPart::Terms(facts),
        SectionPart::settings(&made.settings),
    ];
    Section::new("How it was made", parts)
}

fn findings_section(report: &Report) -> Section {
    let mut parts = vec![
        SectionPart::Terms(reading::findings(report)),
        SectionPart::Text(reading::question(report)),
    ];
    parts.extend(reading::pairs(report).map(SectionPart::Text));
    Section::new("What it says", parts)
}

fn share(rate: Option<&Rate>) -> String {
    dashed(words::share(rate))
}

/// Replaces `-` by an en dash, which a page shows for a missing number.
fn dashed(text: String) -> String {
    match text.as_str() {
        "-" => "–".into(),
        _ => text,
    }
}

fn estimate(value: Option<f64>) -> String {
    value.map_or("–".into(), |value| format!("{value:.1}"))
}

/// The columns of the table of spaces.
fn columns() -> Vec<TableColumn<'static, SpaceReport>> {
    columns! { space: SpaceReport;
        "Space" = space.space.clone(), "The transformation of the rows before queries are judged.";
        "N" = words::grouped(space.n_reference),
            "Number of reference rows; a rate depends on it as well as on the rank.";
        "d" = space.d.to_string(), "Coordinates of a row in the space.";
        "Rank" = space.rank.map_or("?".into(), |rank| rank.to_string()),
            "Dimension of the affine hull of the reference: the fewest coordinates that describe all its rows exactly.";
        "TwoNN" = estimate(space.two_nn),
            "Intrinsic dimension, the number of dimensions that the rows fill locally, from the ratio of the distances to \
             the two nearest rows (Facco et al. 2017).";
        "MLE" = estimate(space.mle),
            "The same by maximum likelihood from the 20 nearest rows (Levina and Bickel 2004).";
        "Outside, %" = share(words::asked(space, "hull")),
            "Queries outside the convex hull of the reference: the extrapolation rate.";
        "95 %" = dashed(words::interval(words::asked(space, "hull"))), "Wilson's interval of that rate.";
        "Left out, %" = share(words::left_out(space, "hull")),
            "Share of a sample of reference rows that are outside the hull of all other rows: the reference's own rate.";
        "Gaussian, %" = space.null_rate.map_or("–".into(), words::percent),
            "The rate that Gaussian data of the same number of rows and the same rank would have (Kabluchko and \
             Zaporozhets).";
        "d_eff" = words::effective(space),
            "Effective hull dimension: the rank at which Gaussian data have the measured rate. 'cannot tell': all or no \
             queries are outside, which only bounds it. Not given where undecided queries decide the rate.";
        "Distance" = space.distance_ratio.as_ref().map_or("–".into(), |ratio| words::number(ratio.median)),
            "Median over the queries of the certified lower bound of the distance to the hull (0 inside), in units of the \
             reference's median nearest distance; not given where that is unknown or 0, as where most rows are repeated.";
        "Scans" = format!("{:.2}", space.scans_per_query), "Passes over the reference that a query took on average.";
        "Seconds" = format!("{:.1}", space.seconds), "Time that the space took.";
    }
}

fn spaces(report: &Report, typed: &[(String, String)]) -> Section {
    let columns = columns();
    let row = |space: &SpaceReport| {
        let cells = columns.iter().map(|column| as_field(column.value(space)));
        cells.collect()
    };
    let mut parts = vec![SectionPart::Table(Table::new(
        "Rates and distances by space.",
        columns.iter().map(|column| &column.name),
        report.spaces.iter().map(row).collect(),
        1,
    ))];
    if !typed.is_empty() {
        parts.push(SectionPart::text("Short names, and the spaces as typed:"));
        parts.push(SectionPart::Terms(typed.to_vec()));
    }
    let repeats = words::counted(&report.spaces, |space| space.repeated_rows);
    if !repeats.is_empty() {
        parts.push(SectionPart::Text(format!(
            "TwoNN and MLE count equal reference rows once. Repeated rows: {}.",
            repeats.join(", ")
        )));
    }
    let terms = columns.into_iter().map(|column| (column.name, column.help));
    let terms = vec![SectionPart::Terms(terms.collect())];
    parts.push(SectionPart::folded("What the columns mean", terms));
    Section::new("Spaces", parts)
}

/// The rates of every notion, space by space.
fn notions(report: &Report) -> Option<Section> {
    let first = report.spaces.first()?;
    let mut parts = vec![SectionPart::text(
        "Queries outside, %, and in brackets reference rows of a sample that are outside by the same definition when each is \
         left out: where the two are near, the queries extrapolate no more than the reference does itself.",
    )];
    for spaces in report.spaces.chunks(ACROSS) {
        let row = |id: &str| {
            let cell = |space: &SpaceReport| {
                let others = share(words::left_out(space, id));
                format!("{} ({others})", share(words::asked(space, id)))
            };
            std::iter::once(words::named(first, id))
                .chain(spaces.iter().map(cell))
                .collect()
        };
        let names = spaces.iter().map(|space| space.space.clone());
        let notions = first.notions.iter();
        parts.push(SectionPart::Table(Table::new(
            "Outside by each notion, % (reference rows left out, %).",
            std::iter::once("Notion".into()).chain(names),
            notions.map(|notion| row(&notion.rate.notion)).collect(),
            1,
        )));
    }
    let meaning = first.notions.iter().map(|notion| {
        let what = format!(
            "Outside: {}. Score: {}.",
            notion.outside_means, notion.score_means
        );
        (notion.rate.notion.clone(), what)
    });
    parts.push(SectionPart::Terms(meaning.collect()));
    Some(Section::new("Definitions of inside", parts))
}

/// The figures, one section each, the main one first.
fn drawn(report: &Report) -> Result<Vec<Section>, String> {
    let figure = |(name, figure): (&str, plot::Figure)| {
        let alt = format!("{}; the numbers are in the tables below", figure.title);
        let title = String::new();
        let part = SectionPart::figure(
            &plot::Figure {
                title,
                ..figure.clone()
            },
            alt,
            caption(name),
        )?;
        Ok(Section::new(figure.title, vec![part]))
    };
    figures(report).into_iter().map(figure).collect()
}

fn caption(figure: &str) -> &'static str {
    match figure {
        "rank" => {
            "The rank and the number of rows drive the rate even of data without structure: the dotted curve is that of Gaussian \
             rows. A space below it holds more queries than Gaussian rows of its rank would. Where a point lies near the \
             triangle of its rank, queries extrapolate no more than reference rows do among themselves."
        }
        "rates" => "Share of queries outside, by space and notion, with 95 % intervals.",
        _ => {
            "Certified distances to the hull in median nearest distances of the reference, by space."
        }
    }
}

fn pairs(report: &Report) -> Option<Section> {
    let first = &report.spaces.first()?.space;
    if report.pairs.is_empty() {
        return None;
    }
    let row = |pair: &Pair| {
        vec![
            pair.a.clone(),
            pair.b.clone(),
            pair.both_inside.to_string(),
            pair.only_a_inside.to_string(),
            pair.only_b_inside.to_string(),
            pair.neither_inside.to_string(),
            pair.undecided.to_string(),
            words::probability(pair.p_value),
            words::probability(pair.p_holm),
        ]
    };
    let head = "A; B; Inside both; Only A; Only B; Neither; Undecided; p; p, Holm".split("; ");
    let table = |caption: &str, shown: &dyn Fn(&Pair) -> bool| {
        let rows = report.pairs.iter().filter(|pair| shown(pair)).map(row);
        SectionPart::Table(Table::new(caption, head.clone(), rows.collect(), 2))
    };
    let mut parts = vec![SectionPart::Text(format!(
        "Numbers of queries inside both spaces, one or neither. p: McNemar's exact test, two-sided, of whether only A and only \
         B are equally likely. The last column is corrected by Holm for all {} pairs: among its p-values below 0.05 there is a \
         false positive with a probability of at most 0.05.",
        report.pairs.len()
    ))];
    if report.pairs.len() <= PAIRS {
        parts.push(table("All pairs of spaces.", &|_| true));
    } else {
        let of_first = |pair: &Pair| &pair.a == first;
        let others = report.pairs.iter().filter(|pair| !of_first(pair)).count();
        parts.push(table(&format!("All spaces against {first}."), &of_first));
        let others_table = table("Pairs without the first space.", &|pair| !of_first(pair));
        parts.push(SectionPart::folded(
            format!("The other {others} pairs"),
            vec![others_table],
        ));
    }
    Some(Section::new("Query by query", parts))
}

fn classes(report: &Report) -> Option<Section> {
    let split = report.spaces.iter().filter(|s| !s.labels.is_empty());
    let split: Vec<&SpaceReport> = split.collect();
    let labels = &split.first()?.labels;
    let mut parts = vec![SectionPart::Text(two_hulls(&split))];
    let overviews = split.chunks(ACROSS).map(|spaces| overview(labels, spaces));
    parts.extend(overviews.map(SectionPart::Table));
    if labels.len() > CLASSES {
        parts.push(SectionPart::Text(format!(
            "{} more classes are in by_label.parquet.",
            labels.len() - CLASSES
        )));
    }
    let by_class = |space: &&SpaceReport| vec![SectionPart::Table(by_class(space))];
    parts.extend(
        split
            .iter()
            .map(|s| SectionPart::folded(&s.space, by_class(s))),
    );
    Some(Section::new("By class", parts))
}

/// Explains the two rates of a class.
fn two_hulls(spaces: &[&SpaceReport]) -> String {
    let mut text = String::from(
        "Each class's queries, against the hull of the whole reference and against that of the reference rows of their own \
         class. The second hull is part of the first, so at least as many are outside",
    );
    text += &match words::counted(spaces.iter().copied(), words::undecided_in_class).join(", ") {
        open if open.is_empty() => ".".into(),
        open => format!(
            ", except for queries that are undecided against the second, which count as not outside: {open}."
        ),
    };
    let mut classes = spaces.iter().flat_map(|space| &space.labels);
    if classes.any(|label| label.own_class.is_none()) {
        text += " A dash stands where the reference has no row of the class.";
    }
    text
}

/// One row per class and one column per space.
fn overview(labels: &[LabelReport], spaces: &[&SpaceReport]) -> Table {
    let row = |place: usize| {
        let cell = |space: &&SpaceReport| space.labels.get(place).map_or("–".into(), two_rates);
        std::iter::once(labels[place].label.clone())
            .chain(spaces.iter().map(cell))
            .collect()
    };
    let names = spaces.iter().map(|space| space.space.clone());
    Table::new(
        "Outside the hull of all rows, % (outside the hull of the rows of their own class, %).",
        std::iter::once("Class".into()).chain(names),
        (0..labels.len().min(CLASSES)).map(row).collect(),
        1,
    )
}

fn two_rates(label: &LabelReport) -> String {
    format!(
        "{} ({})",
        share(rate_of(label, "hull")),
        share(label.own_class.as_ref())
    )
}

fn rate_of<'l>(label: &'l LabelReport, notion: &str) -> Option<&'l Rate> {
    label.rates.iter().find(|rate| rate.notion == notion)
}

/// The classes of one space with all rates.
fn by_class(space: &SpaceReport) -> Table {
    let interval = |rate: Option<&Rate>| dashed(words::interval(rate));
    let notions = space.notions.iter().map(|n| n.rate.notion.as_str());
    let notions: Vec<&str> = notions.collect();
    let row = |label: &LabelReport| {
        let own = label.own_class.as_ref();
        let mut cells = vec![
            label.label.clone(),
            label.n_reference.to_string(),
            label.n_queries.to_string(),
        ];
        cells.extend(notions.iter().map(|notion| share(rate_of(label, notion))));
        cells.extend([interval(rate_of(label, "hull")), share(own), interval(own)]);
        cells
    };
    let names = notions.iter();
    let names = names.map(|notion| format!("{}, %", words::named(space, notion)));
    let mut head = ["Class", "Rows", "Queries"].map(String::from).to_vec();
    head.extend(names);
    head.extend(["hull, 95 %", "Own class, %", "95 %"].map(String::from));
    let caption = format!("{}, by class: rates outside.", space.space);
    let rows = space.labels.iter().take(CLASSES).map(row);
    Table::new(caption, head, rows.collect(), 1)
}

fn pictures(report: &Report, sheets: &[(String, Vec<u8>)]) -> Option<Section> {
    if sheets.is_empty() {
        return None;
    }
    let intro = "For each space: queries inside the hull that lie nearest to a reference image, with the images of their \
                 certificate (the query is their weighted mean in that space; the heaviest are shown); where few are inside, \
                 those least far from the hull; and the queries farthest outside, if any are. Beside a query: the query as the \
                 space transforms it, if that is an image, and its nearest reference image.";
    // The first sheet with a query inside is open, the others are folded.
    let certified = |(name, _): &(String, Vec<u8>)| {
        let space = report.spaces.iter().find(|space| &space.space == name);
        let mut picks = space
            .into_iter()
            .flat_map(|space| &space.picks.interpolated);
        picks.any(|pick| !pick.support.is_empty())
    };
    let open = sheets.iter().position(certified).unwrap_or(0);
    let sheet = |(place, (space, png)): (usize, &(String, Vec<u8>))| SectionPart::Details {
        summary: space.clone(),
        open: place == open,
        parts: vec![SectionPart::Figure(PageFigure {
            alt: format!(
                "Contact sheet of {space}: the most interpolated and the most extrapolated queries"
            ),
            caption: String::new(),
            picture: Picture::Png(png.clone()),
        })],
    };
    let mut parts = vec![SectionPart::text(intro)];
    parts.extend(sheets.iter().enumerate().map(sheet));
    Some(Section::new("Queries to look at", parts))
}

fn warnings(report: &Report) -> Option<Section> {
    let spaces = report.spaces.iter();
    let of_each = spaces.flat_map(|space| space.warnings.iter().map(move |text| (space, text)));
    let all: Vec<String> = of_each
        .map(|(space, text)| format!("{}: {text}", space.space))
        .collect();
    (!all.is_empty()).then(|| Section::new("Warnings", vec![SectionPart::List(all)]))
}
