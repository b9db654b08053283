//! A comparison as sections, which a terminal and a page share, and what only the page has.

use super::names::shortened;
use super::words;
use super::{figures, files, findings};
use crate::error::Result;
use crate::report::columns::{TableColumn, column, columns};
use crate::report::document::{self, Part, Section};
use crate::report::numerals::{number, percent, probability};
use crate::report::text_table::Table;
use crate::report::{html, outcomes};
use crate::store::file;
use crate::study::compare::{LabelReport, Pair, Rate, Report, SpaceReport};
use maud::{Markup, html};
use serde_json::Value;
use std::iter::once;
use std::path::Path;

/// The most classes that are listed.
const CLASSES: usize = 100;

/// The command, inputs and settings of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct RunInfo {
    pub command: String,
    pub date: String,
    /// The inputs by role: reference, queries, labels, encoder.
    pub inputs: Vec<(String, String)>,
    pub settings: Value,
}

/// The most spaces whose findings a terminal shows, each in about two sentences.
const FINDINGS: usize = 4;

/// The findings of the first spaces, and the tables, for a terminal.
pub fn text(report: &Report) -> String {
    let (short, typed) = shortened(report);
    let mut all = vec![findings::section(&short, FINDINGS)];
    all.extend(sections(&short, &typed));
    document::text(&all)
}

/// Writes the page; `sheets` holds spaces with their contact sheets as PNG.
pub fn write_page(
    path: &Path,
    made: &RunInfo,
    report: &Report,
    sheets: &[(String, Vec<u8>)],
) -> Result<()> {
    file::write_bytes(path, page(made, report, sheets).as_bytes())
}

/// The page as HTML: the findings, the figures, the numbers, and how it was made.
pub fn page(made: &RunInfo, report: &Report, sheets: &[(String, Vec<u8>)]) -> String {
    let (short, typed) = shortened(report);
    let mut all = vec![findings::section(&short, usize::MAX)];
    all.extend(sections(&short, &typed));
    if !sheets.is_empty() {
        let shown = sheets.iter().filter_map(|(typed, png)| {
            let place = report.spaces.iter().position(|s| s.space == *typed)?;
            Some((&short.spaces[place], png.as_slice()))
        });
        let pictures = pictures(&shown.collect::<Vec<_>>());
        all.push(Section::page("Queries to look at", pictures));
    }
    let warnings = short.spaces.iter().flat_map(|space| {
        let texts = space.warnings.iter();
        texts.map(|text| format!("{}: {text}", space.space))
    });
    let warnings: Vec<String> = warnings.collect();
    if !warnings.is_empty() {
        all.push(Section::page("Warnings", html::list(&warnings)));
    }
    let date = [("Date".to_string(), made.date.clone())];
    let how = html! {
        (html::code(&made.command))
        (html::terms(made.inputs.iter().cloned().chain(date)))
        (html::settings(&made.settings))
    };
    all.push(Section::page("How it was made", how));
    all.push(Section::page("Sources", html::sources()));
    let title = format!(
        "Interpolation or extrapolation? The same queries by space (spaces: {})",
        report.spaces.len()
    );
    document::page(&title, &all, &made.date)
}

/// The figures, of which a terminal shows nothing, and the tables; `typed` has the spaces whose names are shortened.
fn sections(report: &Report, typed: &[(String, String)]) -> Vec<Section> {
    let Some(first) = report.spaces.first() else {
        return Vec::new();
    };
    let figures = figures(report).into_iter();
    let mut all: Vec<Section> = figures
        .map(|(name, figure)| {
            let title = figure.title.clone();
            Section::new(title, [Part::Figure(figure, caption(name).into())])
        })
        .collect();
    all.push(spaces(report, typed));
    all.push(notions(report, first));
    all.extend(report.spaces.iter().filter_map(sets));
    all.extend(pairs(report, &first.space));
    all.extend(classes(report));
    all.extend(report.outcomes.iter().map(outcomes::section));
    all
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

fn spaces(report: &Report, typed: &[(String, String)]) -> Section {
    let table = Table::of(
        "Rates and distances by space.",
        &of_spaces(),
        &report.spaces,
    );
    let unbounded = ["cannot tell: all or no queries are outside."];
    let mut parts = vec![Part::Table(table.explaining(&unbounded))];
    if !typed.is_empty() {
        parts.push(Part::Text("Short names, and the spaces as typed:".into()));
        let typed = typed.iter().map(|(name, typed)| format!("{name}: {typed}"));
        parts.push(Part::Lines(typed.collect()));
    }
    Section::new("Spaces", parts)
}

/// The columns of spaces.
fn of_spaces() -> Vec<TableColumn<'static, SpaceReport>> {
    let estimate = |value: f64| format!("{value:.1}");
    columns! { space: SpaceReport;
        "space" = space.space.clone(), "";
        "N" = space.n_reference, "reference rows, on which a rate depends as well as on the rank.";
        "d" = space.d, "coordinates of a row.";
        "rank" = space.rank,
            "dimension of the affine hull of the reference.";
        "outside" = words::share(words::asked(space, "hull")),
            "queries outside the convex hull of the reference, %: the extrapolation rate.";
        "95 %" = words::interval(words::asked(space, "hull")), "Wilson's interval of that rate.";
        "undecided" = words::some(space.rate("hull").map_or(0, |rate| rate.undecided)),
            "queries neither proved inside nor outside, which count as not outside.";
        "left out" = words::share(words::left_out(space, "hull")),
            "reference rows of a sample that are outside the hull of all other rows, %.";
        "Gaussian" = space.null_rate.map(percent),
            "the rate of Gaussian data with as many rows of that rank (Kabluchko and Zaporozhets), %.";
        "d_eff" = words::effective(space),
            "the rank at which Gaussian data have the measured rate.";
        "distance" = space.distance_ratio.as_ref().map(|ratio| number(ratio.median)),
            "median certified distance to the hull (0 inside), in median nearest distances of the reference.";
        "undecided in class" = words::some(words::undecided_in_class(space)),
            "queries neither proved inside nor outside the hull of the reference rows of their own class.";
        "TwoNN" = space.two_nn.map(estimate),
            "intrinsic dimension of the reference by the two nearest rows (Facco et al. 2017).";
        "MLE" = space.mle.map(estimate),
            "intrinsic dimension of the reference by maximum likelihood over 20 nearest rows (Levina and Bickel 2004).";
        "repeated" = words::some(space.repeated_rows), "equal reference rows, which the intrinsic dimension counts once.";
        "scans" = format!("{:.2}", space.scans_per_query), "passes over the reference a query.";
        "s" = format!("{:.1}", space.seconds), "seconds.";
    }
}

/// The rates of every notion, by space; `first` is the first space.
fn notions(report: &Report, first: &SpaceReport) -> Section {
    let ids: Vec<&str> = first.notions.iter().map(|n| &*n.rate.notion).collect();
    let caption = "Queries outside by each notion, %, and in brackets reference rows of a sample, each left out: where the \
                   two are near, the queries extrapolate no more than the reference does itself.";
    let mut table = Table::crossed(
        caption,
        "notion",
        ids.iter().map(|id| words::named(first, id)),
        report.spaces.iter().map(|space| space.space.as_str()),
        |row, column| {
            let space = &report.spaces[column];
            let asked = words::asked(space, ids[row]);
            words::bracketed(asked, words::left_out(space, ids[row]))
        },
    );
    let means = first.notions.iter().map(|notion| {
        let [outside, score] = [&notion.outside_means, &notion.score_means];
        (
            notion.rate.notion.clone(),
            format!("{outside}; score: {score}."),
        )
    });
    table.key = means.collect();
    Section::new("Definitions of inside", [Part::Table(table)])
}

/// The rates by set of queries, if there are several sets.
fn sets(space: &SpaceReport) -> Option<Section> {
    let sets = &space.sets;
    let table = Table::crossed(
        format!("Outside by set of queries, %, in {}.", space.space),
        "notion",
        space
            .notions
            .iter()
            .map(|notion| words::named(space, &notion.rate.notion)),
        sets.iter().map(|set| set.set.as_str()),
        |row, column| words::share(sets[column].rates.get(row)),
    );
    let table =
        table.explaining(&["-: the sample that the notion judged holds no query of the set."]);
    let title = format!("Sets of queries in {}", space.space);
    (!sets.is_empty()).then(|| Section::new(title, [Part::Table(table)]))
}

/// The pairs of spaces; a terminal shows those with the first space.
fn pairs(report: &Report, first: &str) -> Option<Section> {
    let (all, columns) = (&report.pairs, of_pairs());
    let of_first = || all.iter().filter(|pair| pair.a == *first);
    let caption = format!(
        "Queries inside A = {first} and inside B, for {} of {} pairs of spaces; --json FILE writes all.",
        of_first().count(),
        all.len()
    );
    let shown = Table::of(caption, &columns[1..], of_first());
    let folded = Table::of("All pairs of spaces.", &columns, all).named_by(2);
    let folded = (of_first().count() < all.len()).then_some(Part::Folded(folded));
    let parts = once(Part::Table(shown)).chain(folded);
    // Without queries there is nothing to count.
    let are_asked = report.spaces.iter().any(|space| space.n_queries > 0);
    (are_asked && !all.is_empty()).then(|| Section::new("Query by query", parts))
}

/// The columns of pairs of spaces A and B.
fn of_pairs() -> Vec<TableColumn<'static, Pair>> {
    columns! { pair: Pair;
        "A" = pair.a.clone(), "";
        "B" = pair.b.clone(), "";
        "inside both" = pair.both_inside, "";
        "only A" = pair.only_a_inside, "";
        "only B" = pair.only_b_inside, "";
        "neither" = pair.neither_inside, "";
        "undecided" = pair.undecided, "queries that are undecided in one of them.";
        "p" = probability(pair.p_value), "McNemar's exact test of whether only A and only B are equally likely, two-sided.";
        "p, Holm" = probability(pair.p_holm), "the same, corrected for all pairs of spaces.";
    }
}

/// The rates by class; `None` where queries have no classes.
fn classes(report: &Report) -> Option<Section> {
    let split = report.spaces.iter().filter(|s| !s.labels.is_empty());
    let split: Vec<&SpaceReport> = split.collect();
    let labels = &split.first()?.labels;
    let table = Table::crossed(
        "Outside the hull of all reference rows, %, and in brackets outside that of the rows of the query's own class. The \
         second hull is part of the first, so at least as many are outside, but for undecided queries, which count as not \
         outside.",
        "class",
        labels.iter().take(CLASSES).map(|label| label.label.clone()),
        split.iter().map(|space| space.space.as_str()),
        |row, column| {
            let label = split[column].labels.get(row);
            let own = label.and_then(|label| label.own_class.as_ref());
            words::bracketed(label.and_then(|label| rate_of(label, "hull")), own)
        },
    );
    let mut table = table.explaining(&["(-): the reference has no row of the class."]);
    if labels.len() > CLASSES {
        let all = format!("the first {CLASSES}; by_label.parquet has all.");
        table.key.push(("class".into(), all));
    }
    let each = split.iter().map(|space| Part::Folded(by_class(space)));
    let parts = once(Part::Table(table)).chain(each);
    Some(Section::new("By class", parts))
}

fn rate_of<'l>(label: &'l LabelReport, notion: &str) -> Option<&'l Rate> {
    let mut rates = files::rates(label);
    rates.find_map(|(id, rate)| (id == notion).then_some(rate))
}

/// The classes of one space with all rates.
fn by_class(space: &SpaceReport) -> Table {
    let mut all = columns! { label: LabelReport;
        "class" = label.label.clone(), "";
        "rows" = label.n_reference, "";
        "queries" = label.n_queries, "";
    };
    let ids = space.notions.iter().map(|notion| &*notion.rate.notion);
    for id in ids.chain(["own_class_hull"]) {
        let name = words::named(space, id);
        all.push(column(&name, "", |label| words::share(rate_of(label, id))));
        all.push(column("95 %", "", |label| {
            words::interval(rate_of(label, id))
        }));
    }
    let caption = format!("{}, by class: rates outside, %.", space.space);
    Table::of(caption, &all, space.labels.iter().take(CLASSES))
}

/// The contact sheets; the first is open.
fn pictures(sheets: &[(&SpaceReport, &[u8])]) -> Markup {
    html! {
        p {
            "For each space: queries inside the hull that lie nearest to a reference image, with the images of their \
             certificate (the query is their weighted mean in that space; the heaviest are shown); where few are inside, those \
             least far from the hull; and the queries farthest outside, if any are. Beside a query: the query as the space \
             transforms it, if that is an image, and its nearest reference image."
        }
        @for (place, (space, png)) in sheets.iter().enumerate() {
            @let space = &space.space;
            @let alt = format!("Contact sheet of {space}: the most interpolated and the most extrapolated queries");
            (html::details(space, place == 0, &html::sheet(png, &alt)))
        }
    }
}
