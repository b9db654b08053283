//! A comparison as one page: the reading, the tables, the figures, the contact sheets, and how to read them.

use super::figures::narrow;
use super::reading::reading;
use super::{distances_figure, rates_figure, words};
use crate::error::{Error, Result};
use crate::report::html::{self, Figure, Page, Part, Picture, Section, Table};
use crate::report::{file, outcomes};
use crate::study::compare::{LabelReport, Pair, Rate, Report, SpaceReport};
use serde_json::Value;
use std::path::Path;

/// Pairs that are shown in one table; of more only those with the first space are not folded.
const PAIRS: usize = 15;

/// Classes that are listed.
const CLASSES: usize = 100;

/// Spaces side by side in a table of classes.
const ACROSS: usize = 7;

/// Where a comparison comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    pub command: String,
    pub date: String,
    /// What was read, by name: reference, queries, labels, encoder.
    pub inputs: Vec<(String, String)>,
    pub settings: Value,
}

/// Write the page; `sheets` are spaces with their contact sheets as PNG.
pub fn write_page(
    path: &Path,
    made: &Made,
    report: &Report,
    sheets: &[(String, Vec<u8>)],
) -> Result<()> {
    let page = page(made, report, sheets);
    let page = page.map_err(|why| Error::io("draw", path, std::io::Error::other(why)))?;
    file::write_bytes(path, page.as_bytes())
}

/// The page as text.
///
/// Errors: a figure that cannot be drawn.
pub fn page(made: &Made, report: &Report, sheets: &[(String, Vec<u8>)]) -> Result<String, String> {
    let mut sections = vec![how(made), read(report), spaces(report)];
    sections.extend(notions(report));
    sections.push(figures(report)?);
    for found in &report.outcomes {
        sections.push(outcomes::section(found)?);
    }
    sections.extend(pairs(report));
    sections.extend(classes(report));
    sections.extend(pictures(report, sheets));
    sections.extend(warnings(report));
    sections.push(key(report));
    sections.push(sources());
    let count = report.spaces.len();
    let plural = if count == 1 { "" } else { "s" };
    Ok(html::render(&Page {
        title: format!("Interpolation or extrapolation? The same queries in {count} space{plural}"),
        sections,
        foot: format!("hullscope {}, {}", env!("CARGO_PKG_VERSION"), made.date),
    }))
}

fn section(title: &str, parts: Vec<Part>) -> Section {
    Section {
        title: title.into(),
        parts,
    }
}

fn how(made: &Made) -> Section {
    let mut facts = made.inputs.clone();
    facts.push(("Date".into(), made.date.clone()));
    let settings = Part::Details {
        summary: "All settings".into(),
        open: false,
        parts: vec![Part::Code(format!("{:#}", made.settings))],
    };
    let parts = vec![
        Part::Code(made.command.clone()),
        Part::Terms(facts),
        settings,
    ];
    section("How it was made", parts)
}

fn read(report: &Report) -> Section {
    section(
        "What it says",
        reading(report).into_iter().map(Part::Text).collect(),
    )
}

/// A column that is left out where all spaces have as many rows.
const ROWS: &str = "N";

/// The columns that a report needs.
fn columns(
    report: &Report,
) -> impl Iterator<Item = (usize, &'static (&'static str, &'static str))> {
    let same = words::same_rows(report);
    let all = COLUMNS.iter().enumerate();
    all.filter(move |(_, (name, _))| !(same && *name == ROWS))
}

/// Column names of the table of spaces, and what they mean.
const COLUMNS: [(&str, &str); 12] = [
    (
        "Space",
        "How rows are seen before anything is asked, as typed.",
    ),
    (
        ROWS,
        "Reference rows, of which each space has its own number; a rate depends on it as it does on the rank.",
    ),
    ("d", "Coordinates of a row in the space."),
    (
        "Rank",
        "Dimension of the affine hull of the reference: the fewest coordinates that describe all its rows exactly. The \
         paper's convex hull dimension, d*.",
    ),
    (
        "Outside, %",
        "Queries outside the convex hull of the reference: the extrapolation rate.",
    ),
    ("95 %", "Wilson's interval of that rate."),
    (
        "Left out, %",
        "Reference rows of a sample, each outside the hull of all other rows: the rate of the reference among itself.",
    ),
    (
        "Gaussian, %",
        "The rate that Gaussian data of the same number of rows and the same rank would have (Kabluchko and Zaporozhets).",
    ),
    (
        "d_eff",
        "Effective hull dimension: the rank at which Gaussian data have the measured rate. With > or < where all or none are \
         outside and the interval gives a bound only; none where the rate hangs on undecided queries.",
    ),
    (
        "Distance",
        "Median over the queries of the certified distance to the hull, at least (0 inside), in median nearest distances \
         of the reference; none where that is 0, as it is where most rows are repeated, or not known.",
    ),
    (
        "Scans",
        "Passes over the reference that a query took on average.",
    ),
    ("Seconds", "Time that the space took."),
];

fn spaces(report: &Report) -> Section {
    let row = |space: &SpaceReport| {
        let rate =
            |notion| words::asked(space, notion).map_or("–".into(), |r| words::percent(r.rate));
        let interval = words::asked(space, "hull").map(|rate| rate.interval95);
        let distance = space.distance_ratio.as_ref();
        let cells = [
            space.space.clone(),
            words::grouped(space.n_reference),
            space.d.to_string(),
            space.rank.map_or("?".into(), |rank| rank.to_string()),
            rate("hull"),
            interval.map_or("–".into(), words::between),
            words::left_out(space, "hull").map_or("–".into(), |r| words::percent(r.rate)),
            space.null_rate.map_or("–".into(), words::percent),
            words::effective(space),
            distance.map_or("–".into(), |ratio| words::number(ratio.median)),
            format!("{:.2}", space.scans_per_query),
            format!("{:.1}", space.seconds),
        ];
        columns(report)
            .map(|(place, _)| cells[place].clone())
            .collect()
    };
    let table = Table {
        caption: "Rates and distances by space; every column is explained below.".into(),
        head: columns(report)
            .map(|(_, (name, _))| (*name).into())
            .collect(),
        rows: report.spaces.iter().map(row).collect(),
        names: 1,
    };
    section("Spaces", vec![Part::Table(table)])
}

/// What every notion says, space by space.
fn notions(report: &Report) -> Option<Section> {
    let first = report.spaces.first()?;
    let share = |rate: Option<&Rate>| rate.map_or("–".into(), |rate| words::percent(rate.rate));
    let mut parts = vec![Part::Text(
        "Queries outside, %, and in brackets reference rows of a sample that are outside by the same definition when each is \
         left out: where the two are near, the queries extrapolate no more than the reference does itself."
            .into(),
    )];
    for spaces in report.spaces.chunks(ACROSS) {
        let row = |id: &str| {
            let cell = |space: &SpaceReport| {
                let others = share(words::left_out(space, id));
                format!("{} ({others})", share(words::asked(space, id)))
            };
            std::iter::once(id.to_string())
                .chain(spaces.iter().map(cell))
                .collect()
        };
        let names = spaces.iter().map(|space| space.space.clone());
        parts.push(Part::Table(Table {
            caption: "Outside by each notion, % (reference rows left out, %).".into(),
            head: std::iter::once("Notion".into()).chain(names).collect(),
            rows: first
                .notions
                .iter()
                .map(|notion| row(&notion.rate.notion))
                .collect(),
            names: 1,
        }));
    }
    let meaning = first.notions.iter().map(|notion| {
        let what = format!(
            "Outside: {}. Score: {}.",
            notion.outside_means, notion.score_means
        );
        (notion.rate.notion.clone(), what)
    });
    parts.push(Part::Terms(meaning.collect()));
    Some(section("Definitions of inside", parts))
}

fn figures(report: &Report) -> Result<Section, String> {
    let mut parts = vec![Part::Figure(Figure {
        alt: "Rows of dots: share of queries outside, by space and notion; the same numbers are in the table above".into(),
        caption: format!(
            "Share of queries outside, by space and notion, with 95 % intervals{}.",
            match report.spaces.iter().any(|space| space.null_rate.is_some()) {
                true => "; upright, the Gaussian null",
                false => "",
            }
        ),
        picture: Picture::of(&narrow(rates_figure(report)))?,
    })];
    if report
        .spaces
        .iter()
        .any(|space| space.distance_ratio.is_some())
    {
        parts.push(Part::Figure(Figure {
            alt: "Quantiles of the distance of queries to the hull, by space; medians are in the table above".into(),
            caption: "Certified distances to the hull in median nearest distances of the reference, by space.".into(),
            picture: Picture::of(&narrow(distances_figure(report)))?,
        }));
    }
    Ok(section("Figures", parts))
}

fn pairs(report: &Report) -> Option<Section> {
    let first = &report.spaces.first()?.space;
    if report.pairs.is_empty() {
        return None;
    }
    let corrected = words::holm(&report.pairs);
    let row = |(pair, corrected): (&Pair, &f64)| {
        vec![
            pair.a.clone(),
            pair.b.clone(),
            pair.both_inside.to_string(),
            pair.only_a_inside.to_string(),
            pair.only_b_inside.to_string(),
            pair.neither_inside.to_string(),
            pair.undecided.to_string(),
            words::probability(pair.p_value),
            words::probability(*corrected),
        ]
    };
    let rows = |shown: &dyn Fn(&Pair) -> bool| -> Vec<Vec<String>> {
        let all = report.pairs.iter().zip(&corrected);
        all.filter(|(pair, _)| shown(pair)).map(row).collect()
    };
    let head = [
        "A",
        "B",
        "Inside both",
        "Only A",
        "Only B",
        "Neither",
        "Undecided",
        "p",
        "p, Holm",
    ];
    let table = |caption: String, rows| {
        Part::Table(Table {
            caption,
            head: head.map(String::from).to_vec(),
            rows,
            names: 2,
        })
    };
    let mut parts = vec![Part::Text(format!(
        "Numbers of queries inside both spaces, one or neither. p: McNemar's exact test, two-sided, of whether only A and only \
         B are equally likely. The last column is corrected by Holm for all {} pairs: p-values below 0.05 there are wrong \
         even once with a probability of at most 0.05.",
        report.pairs.len()
    ))];
    if report.pairs.len() <= PAIRS {
        parts.push(table("All pairs of spaces.".into(), rows(&|_| true)));
    } else {
        parts.push(table(
            format!("All spaces against {first}."),
            rows(&|pair| &pair.a == first),
        ));
        parts.push(Part::Details {
            summary: format!("The other {} pairs", rows(&|pair| &pair.a != first).len()),
            open: false,
            parts: vec![table(
                "Pairs without the first space.".into(),
                rows(&|pair| &pair.a != first),
            )],
        });
    }
    Some(section("Query by query", parts))
}

fn classes(report: &Report) -> Option<Section> {
    let split: Vec<&SpaceReport> = report
        .spaces
        .iter()
        .filter(|s| !s.labels.is_empty())
        .collect();
    let labels = &split.first()?.labels;
    let mut parts = vec![Part::Text(two_hulls(&split))];
    parts.extend(
        split
            .chunks(ACROSS)
            .map(|spaces| Part::Table(overview(labels, spaces))),
    );
    if labels.len() > CLASSES {
        parts.push(Part::Text(format!(
            "{} more classes are in by_label.parquet.",
            labels.len() - CLASSES
        )));
    }
    parts.extend(split.iter().map(|space| Part::Details {
        summary: space.space.clone(),
        open: false,
        parts: vec![Part::Table(by_class(space))],
    }));
    Some(section("By class", parts))
}

/// What the two rates of a class are.
fn two_hulls(spaces: &[&SpaceReport]) -> String {
    let mut text = String::from(
        "Each class's queries, against the hull of the whole reference and against that of the reference rows of their own \
         class. The second hull is part of the first, so at least as many are outside",
    );
    let open = spaces
        .iter()
        .map(|space| (words::undecided_in_class(space), *space));
    let open = open.filter(|(count, _)| *count > 0);
    let open: Vec<String> = open
        .map(|(count, space)| format!("{} in {}", words::grouped(count), space.space))
        .collect();
    text += &match open.is_empty() {
        true => ".".into(),
        false => format!(
            ", but for queries that the second left undecided, which count as not outside: {}.",
            open.join(", ")
        ),
    };
    let mut classes = spaces.iter().flat_map(|space| &space.labels);
    if classes.any(|label| label.own_class.is_none()) {
        text += " A dash stands where the reference has no row of the class.";
    }
    text
}

/// A row a class, a column a space.
fn overview(labels: &[LabelReport], spaces: &[&SpaceReport]) -> Table {
    let row = |place: usize| {
        let cell = |space: &&SpaceReport| space.labels.get(place).map_or("–".into(), both);
        std::iter::once(labels[place].label.clone())
            .chain(spaces.iter().map(cell))
            .collect()
    };
    let names = spaces.iter().map(|space| space.space.clone());
    Table {
        caption:
            "Outside the hull of all rows, % (outside the hull of the rows of their own class, %)."
                .into(),
        head: std::iter::once("Class".into()).chain(names).collect(),
        rows: (0..labels.len().min(CLASSES)).map(row).collect(),
        names: 1,
    }
}

fn both(label: &LabelReport) -> String {
    let share = |rate: Option<&Rate>| rate.map_or("–".into(), |rate| words::percent(rate.rate));
    format!(
        "{} ({})",
        share(of(label, "hull")),
        share(label.own_class.as_ref())
    )
}

fn of<'l>(label: &'l LabelReport, notion: &str) -> Option<&'l Rate> {
    label.rates.iter().find(|rate| rate.notion == notion)
}

/// One space's classes with all rates.
fn by_class(space: &SpaceReport) -> Table {
    let share = |rate: Option<&Rate>| rate.map_or("–".into(), |rate| words::percent(rate.rate));
    let interval =
        |rate: Option<&Rate>| rate.map_or("–".into(), |rate| words::between(rate.interval95));
    let notions: Vec<&str> = space
        .notions
        .iter()
        .map(|n| n.rate.notion.as_str())
        .collect();
    let row = |label: &LabelReport| {
        let own = label.own_class.as_ref();
        let mut cells = vec![
            label.label.clone(),
            label.n_reference.to_string(),
            label.n_queries.to_string(),
        ];
        cells.extend(notions.iter().map(|notion| share(of(label, notion))));
        cells.extend([interval(of(label, "hull")), share(own), interval(own)]);
        cells
    };
    let names = notions.iter().map(|notion| format!("{notion}, %"));
    let head = ["Class", "Rows", "Queries"]
        .map(String::from)
        .into_iter()
        .chain(names);
    let own = ["hull, 95 %", "Own class, %", "95 %"].map(String::from);
    Table {
        caption: format!("{}, by class: rates outside.", space.space),
        head: head.chain(own).collect(),
        rows: space.labels.iter().take(CLASSES).map(row).collect(),
        names: 1,
    }
}

fn pictures(report: &Report, sheets: &[(String, Vec<u8>)]) -> Option<Section> {
    if sheets.is_empty() {
        return None;
    }
    let intro = "For each space: queries inside the hull that lie nearest to a reference image, with the images of their \
                 certificate (the query is their weighted mean in that space; the heaviest are shown); where few are inside, \
                 those least far from the hull; and the queries farthest outside, if any are. Beside a query, its nearest \
                 reference image.";
    // The first one with anything inside is not folded.
    let certified = |name: &String| {
        let space = report.spaces.iter().find(|space| &space.space == name);
        space.is_some_and(|space| {
            space
                .picks
                .interpolated
                .iter()
                .any(|p| !p.support.is_empty())
        })
    };
    let open = sheets
        .iter()
        .position(|(space, _)| certified(space))
        .unwrap_or(0);
    let sheet = |(place, (space, png)): (usize, &(String, Vec<u8>))| Part::Details {
        summary: space.clone(),
        open: place == open,
        parts: vec![Part::Figure(Figure {
            alt: format!(
                "Contact sheet of {space}: the most interpolated and the most extrapolated queries"
            ),
            caption: String::new(),
            picture: Picture::Png(png.clone()),
        })],
    };
    let parts =
        std::iter::once(Part::Text(intro.into())).chain(sheets.iter().enumerate().map(sheet));
    Some(section("Queries to look at", parts.collect()))
}

fn warnings(report: &Report) -> Option<Section> {
    let of_space = |space: &SpaceReport| {
        let named = space
            .warnings
            .iter()
            .map(|text| format!("{}: {text}", space.space));
        named.collect::<Vec<_>>()
    };
    let all: Vec<String> = report.spaces.iter().flat_map(of_space).collect();
    (!all.is_empty()).then(|| section("Warnings", vec![Part::List(all)]))
}

fn key(report: &Report) -> Section {
    let terms = columns(report).map(|(_, (name, what))| (name.to_string(), what.to_string()));
    section("How to read it", vec![Part::Terms(terms.collect())])
}

fn sources() -> Section {
    let links = [
        (
            "Balestriero, Pesenti, LeCun: Learning in High Dimension Always Amounts to Extrapolation",
            "https://arxiv.org/abs/2110.09485",
        ),
        (
            "Kabluchko, Zaporozhets: Absorption probabilities for Gaussian polytopes and regular spherical simplices",
            "https://arxiv.org/abs/1704.04968",
        ),
    ];
    let links = links.map(|(text, to)| (text.to_string(), to.to_string()));
    section("Sources", vec![Part::Links(links.to_vec())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::compare::tests::report;
    use crate::report::html::tests::tags;
    use crate::report::plot;

    fn made() -> Made {
        Made {
            command: "hullscope compare --space 'a|<b>'".into(),
            date: "2026-11-25".into(),
            inputs: vec![("Reference".into(), "train <images>".into())],
            settings: serde_json::json!({ "seed": 7 }),
        }
    }

    #[test]
    fn the_page_is_whole() {
        let png = plot::to_png(&[0; 12], 2, 2).unwrap();
        let text = page(&made(), &report(true), &[("pixels".into(), png)]).unwrap();
        let tags = tags(&text);
        let count = |tag: &str| tags.iter().filter(|found| *found == tag).count();
        assert_eq!((count("svg"), count("img"), count("h1")), (2, 1, 1));
        // Of spaces, of notions, of pairs, of classes, and of the classes in each space.
        assert_eq!(count("table"), 6);
        for part in [
            "hullscope compare --space 'a|&lt;b&gt;'",
            "dims:16,<wbr>seed=&lt;b&gt;&amp;&quot;",
            "99.6 to 100",
            "&gt; 16.5",
            "&lt; 1e-12",
            "40.0 (75.0)",
            "40.0 (–)",
            "pixels: rows repeat",
            "https://arxiv.org/abs/2110.09485",
        ] {
            assert!(text.contains(part), "{part}");
        }
        assert!(!text.contains("<b>"));
    }

    #[test]
    fn what_is_not_there_has_no_section() {
        let mut report = report(false);
        report.spaces.truncate(1);
        report.pairs.clear();
        report.spaces[0].warnings.clear();
        report.spaces[0].distance_ratio = None;
        let text = page(&made(), &report, &[]).unwrap();
        tags(&text);
        for absent in [
            "Query by query",
            "By class",
            "Queries to look at",
            "Warnings",
        ] {
            assert!(!text.contains(absent), "{absent}");
        }
        assert!(text.contains("in 1 space<"));
    }

    #[test]
    fn numbers_of_rows_that_differ_have_a_column() {
        let mut report = report(false);
        let text = page(&made(), &report, &[]).unwrap();
        assert!(!text.contains("of which each space has its own number"));
        report.spaces[1].n_reference = 4000;
        let text = page(&made(), &report, &[]).unwrap();
        assert!(text.contains("of which each space has its own number; a rate depends"));
        assert!(text.contains("4,000 to 6,000"));
        let Part::Table(table) = spaces(&report).parts.remove(0) else {
            panic!("no table")
        };
        assert_eq!(table.head[..4], ["Space", "N", "d", "Rank"]);
        assert!(table.rows.iter().all(|row| row.len() == table.head.len()));
        assert_eq!(table.rows[1][..4], ["pixels", "4,000", "784", "700"]);
    }

    /// No rank and so no null, no notion beside the hull, and no distance has a unit.
    #[test]
    fn figures_are_not_said_to_show_what_is_not_there() {
        let mut report = report(false);
        for space in &mut report.spaces {
            space.notions.truncate(1);
            (space.rank, space.null_rate, space.distance_ratio) = (None, None, None);
        }
        let figures = figures(&report).unwrap();
        let [Part::Figure(rates)] = &figures.parts[..] else {
            panic!("one figure")
        };
        assert!(!rates.caption.contains("null") && !rates.alt.contains("ball"));
        tags(&page(&made(), &report, &[]).unwrap());
    }

    #[test]
    fn classes_without_rows_and_undecided_queries_are_explained() {
        let mut report = report(true);
        let text = |report: &Report| two_hulls(&report.spaces.iter().collect::<Vec<_>>());
        assert!(text(&report).contains("so at least as many are outside. A dash stands"));
        let own = report.spaces[0].labels[0].own_class.clone();
        for space in &mut report.spaces {
            space.labels[1].own_class = own.clone();
        }
        assert!(text(&report).ends_with("so at least as many are outside."));
        report.spaces[1].labels[1]
            .own_class
            .as_mut()
            .unwrap()
            .undecided = 4;
        let found = text(&report);
        assert!(
            found.ends_with("which count as not outside: 4 in pixels."),
            "{found}"
        );
    }

    #[test]
    fn many_pairs_are_folded() {
        let mut report = report(false);
        let pair = report.pairs[0].clone();
        for number in 0..20 {
            let mut other = pair.clone();
            other.a = format!("space-{number}");
            report.pairs.push(other);
        }
        let text = page(&made(), &report, &[]).unwrap();
        assert!(text.contains("The other 20 pairs") && text.contains("for all 21 pairs"));
    }
}
