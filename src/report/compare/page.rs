//! A comparison as one page: the findings, the figures, the tables, the contact sheets, and how it was made.

use super::names::shortened;
use super::{figures, reading, words};
use crate::error::{Error, Result};
use crate::report::html::{self, Figure, Page, Picture, Section, SectionPart, Table};
use crate::report::{file, outcomes, plot};
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

/// The page as text: first what was found, then the figures, then the numbers, and last how it was made.
///
/// Errors: a figure that cannot be drawn.
pub fn page(made: &Made, report: &Report, sheets: &[(String, Vec<u8>)]) -> Result<String, String> {
    let (short, typed) = shortened(report);
    let name = |space: &String| {
        let known = typed.iter().find(|(_, typed)| typed == space);
        known.map_or(space, |(name, _)| name).clone()
    };
    let sheets = sheets.iter().map(|(space, png)| (name(space), png.clone()));
    let (report, sheets) = (&short, &sheets.collect::<Vec<_>>());
    let mut sections = vec![read(report)];
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
    sections.extend([how(made), sources()]);
    let count = report.spaces.len();
    let plural = if count == 1 { "" } else { "s" };
    Ok(html::render(&Page {
        title: format!("Interpolation or extrapolation? The same queries in {count} space{plural}"),
        sections,
        foot: format!("hullscope {}, {}", env!("CARGO_PKG_VERSION"), made.date),
    }))
}

fn section(title: &str, parts: Vec<SectionPart>) -> Section {
    Section {
        title: title.into(),
        parts,
    }
}

fn how(made: &Made) -> Section {
    let mut facts = made.inputs.clone();
    facts.push(("Date".into(), made.date.clone()));
    let settings = SectionPart::Details {
        summary: "All settings".into(),
        open: false,
        parts: vec![SectionPart::Code(format!("{:#}", made.settings))],
    };
    let parts = vec![
        SectionPart::Code(made.command.clone()),
        SectionPart::Terms(facts),
        settings,
    ];
    section("How it was made", parts)
}

fn read(report: &Report) -> Section {
    let mut parts = vec![
        SectionPart::Terms(reading::findings(report)),
        SectionPart::Text(reading::question(report)),
    ];
    parts.extend(reading::pairs(report).map(SectionPart::Text));
    section("What it says", parts)
}

/// A column of the table of spaces: its name, what it means, and its cell.
type PageColumn = (&'static str, &'static str, fn(&SpaceReport) -> String);

fn outside(space: &SpaceReport) -> String {
    share(words::asked(space, "hull"))
}

fn share(rate: Option<&Rate>) -> String {
    dashed(words::share(rate))
}

/// A page has the longer dash.
fn dashed(text: String) -> String {
    match text.as_str() {
        "-" => "–".into(),
        _ => text,
    }
}

fn estimate(value: Option<f64>) -> String {
    value.map_or("–".into(), |value| format!("{value:.1}"))
}

const COLUMNS: [PageColumn; 14] = [
    (
        "Space",
        "How rows are seen before anything is asked.",
        |space| space.space.clone(),
    ),
    (
        "N",
        "Reference rows; a rate depends on their number as it does on the rank.",
        |space| words::grouped(space.n_reference),
    ),
    ("d", "Coordinates of a row in the space.", |space| {
        space.d.to_string()
    }),
    (
        "Rank",
        "Dimension of the affine hull of the reference: the fewest coordinates that describe all its rows exactly.",
        |space| space.rank.map_or("?".into(), |rank| rank.to_string()),
    ),
    (
        "TwoNN",
        "Intrinsic dimension, how many dimensions the rows fill nearby, from the ratio of the distances to the two nearest \
         rows (Facco et al. 2017).",
        |space| estimate(space.two_nn),
    ),
    (
        "MLE",
        "The same by maximum likelihood from the 20 nearest rows (Levina and Bickel 2004).",
        |space| estimate(space.mle),
    ),
    (
        "Outside, %",
        "Queries outside the convex hull of the reference: the extrapolation rate.",
        outside,
    ),
    ("95 %", "Wilson's interval of that rate.", |space| {
        dashed(words::interval(words::asked(space, "hull")))
    }),
    (
        "Left out, %",
        "Reference rows of a sample, each outside the hull of all other rows: the rate of the reference among itself.",
        |space| share(words::left_out(space, "hull")),
    ),
    (
        "Gaussian, %",
        "The rate that Gaussian data of the same number of rows and the same rank would have (Kabluchko and Zaporozhets).",
        |space| space.null_rate.map_or("–".into(), words::percent),
    ),
    (
        "d_eff",
        "Effective hull dimension: the rank at which Gaussian data have the measured rate. Where all or none are outside it is \
         only bounded, and one cannot tell; none where the rate hangs on undecided queries.",
        words::effective,
    ),
    (
        "Distance",
        "Median over the queries of the certified distance to the hull, at least (0 inside), in median nearest distances \
         of the reference; none where that is 0, as it is where most rows are repeated, or not known.",
        |space| {
            let ratio = space.distance_ratio.as_ref();
            ratio.map_or("–".into(), |ratio| words::number(ratio.median))
        },
    ),
    (
        "Scans",
        "Passes over the reference that a query took on average.",
        |space| format!("{:.2}", space.scans_per_query),
    ),
    ("Seconds", "Time that the space took.", |space| {
        format!("{:.1}", space.seconds)
    }),
];

fn spaces(report: &Report, typed: &[(String, String)]) -> Section {
    let row = |space: &SpaceReport| COLUMNS.iter().map(|(.., cell)| cell(space)).collect();
    let mut parts = vec![SectionPart::Table(Table {
        caption: "Rates and distances by space.".into(),
        head: COLUMNS.iter().map(|(name, ..)| (*name).into()).collect(),
        rows: report.spaces.iter().map(row).collect(),
        names: 1,
    })];
    if !typed.is_empty() {
        parts.push(SectionPart::Text(
            "Short names, and the spaces as typed:".into(),
        ));
        parts.push(SectionPart::Terms(typed.to_vec()));
    }
    let repeats = report.spaces.iter().filter(|space| space.repeated_rows > 0);
    let repeats =
        repeats.map(|space| format!("{} in {}", words::grouped(space.repeated_rows), space.space));
    let repeats: Vec<String> = repeats.collect();
    if !repeats.is_empty() {
        parts.push(SectionPart::Text(format!(
            "TwoNN and MLE count reference rows that repeat others once: {}.",
            repeats.join(", ")
        )));
    }
    let terms = COLUMNS
        .iter()
        .map(|(name, what, _)| (name.to_string(), what.to_string()));
    parts.push(SectionPart::Details {
        summary: "What the columns mean".into(),
        open: false,
        parts: vec![SectionPart::Terms(terms.collect())],
    });
    section("Spaces", parts)
}

/// What every notion says, space by space.
fn notions(report: &Report) -> Option<Section> {
    let first = report.spaces.first()?;
    let mut parts = vec![SectionPart::Text(
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
            std::iter::once(words::named(first, id))
                .chain(spaces.iter().map(cell))
                .collect()
        };
        let names = spaces.iter().map(|space| space.space.clone());
        parts.push(SectionPart::Table(Table {
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
    parts.push(SectionPart::Terms(meaning.collect()));
    Some(section("Definitions of inside", parts))
}

/// The figures, a section each, the main one first.
fn drawn(report: &Report) -> Result<Vec<Section>, String> {
    let figure = |(name, figure): (&str, plot::Figure)| {
        let title = figure.title.clone();
        let part = SectionPart::Figure(Figure {
            alt: format!("{title}; the numbers are in the tables below"),
            caption: caption(name).into(),
            picture: Picture::of(&plot::Figure {
                title: String::new(),
                ..figure
            })?,
        });
        Ok(section(&title, vec![part]))
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
    let rows = |shown: &dyn Fn(&Pair) -> bool| -> Vec<Vec<String>> {
        let all = report.pairs.iter();
        all.filter(|pair| shown(pair)).map(row).collect()
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
        SectionPart::Table(Table {
            caption,
            head: head.map(String::from).to_vec(),
            rows,
            names: 2,
        })
    };
    let mut parts = vec![SectionPart::Text(format!(
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
        parts.push(SectionPart::Details {
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
    let mut parts = vec![SectionPart::Text(two_hulls(&split))];
    parts.extend(
        split
            .chunks(ACROSS)
            .map(|spaces| SectionPart::Table(overview(labels, spaces))),
    );
    if labels.len() > CLASSES {
        parts.push(SectionPart::Text(format!(
            "{} more classes are in by_label.parquet.",
            labels.len() - CLASSES
        )));
    }
    parts.extend(split.iter().map(|space| SectionPart::Details {
        summary: space.space.clone(),
        open: false,
        parts: vec![SectionPart::Table(by_class(space))],
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
    let interval = |rate: Option<&Rate>| dashed(words::interval(rate));
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
    let names = notions
        .iter()
        .map(|notion| format!("{}, %", words::named(space, notion)));
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
                 those least far from the hull; and the queries farthest outside, if any are. Beside a query: how the space sees it, where that is an image, and its nearest \
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
    let sheet = |(place, (space, png)): (usize, &(String, Vec<u8>))| SectionPart::Details {
        summary: space.clone(),
        open: place == open,
        parts: vec![SectionPart::Figure(Figure {
            alt: format!(
                "Contact sheet of {space}: the most interpolated and the most extrapolated queries"
            ),
            caption: String::new(),
            picture: Picture::Png(png.clone()),
        })],
    };
    let parts = std::iter::once(SectionPart::Text(intro.into()))
        .chain(sheets.iter().enumerate().map(sheet));
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
    (!all.is_empty()).then(|| section("Warnings", vec![SectionPart::List(all)]))
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
    section("Sources", vec![SectionPart::Links(links.to_vec())])
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
        // Three figures, each wide and narrow.
        assert_eq!((count("svg"), count("img"), count("h1")), (6, 1, 1));
        // Of spaces, of notions, of pairs, of classes, and of the classes in each space.
        assert_eq!(count("table"), 6);
        for part in [
            "hullscope compare --space 'a|&lt;b&gt;'",
            "dims:16,<wbr>seed=&lt;b&gt;&amp;&quot;",
            "99.6 to 100",
            "cannot tell",
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
    fn first_the_findings_then_the_main_figure_then_the_tables() {
        let text = page(&made(), &report(true), &[]).unwrap();
        let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what}"));
        let order = [
            "of the queries are outside the hull, ",
            "Share outside the hull against the rank",
            "<svg",
            "Share of queries outside",
            "<table",
            "How it was made",
        ];
        assert!(order.map(place).is_sorted());
    }

    #[test]
    fn long_names_of_files_stand_once_in_the_table_of_spaces() {
        let mut report = report(true);
        let typed = "file:/data/train.npy,/data/test.npy";
        report.spaces[0].space = typed.into();
        report.pairs[0].a = typed.into();
        let text = page(
            &made(),
            &report,
            &[(typed.into(), plot::to_png(&[0; 12], 2, 2).unwrap())],
        )
        .unwrap();
        let (broken, whole) = ("file:/<wbr>data", "file:/data/train.npy");
        assert_eq!(
            (text.matches(broken).count(), text.matches(whole).count()),
            (0, 1)
        );
        assert!(text.contains("<summary>train</summary>") && text.contains("\ntrain\n"));
    }

    #[test]
    fn dimensions_and_what_they_leave_out_are_shown() {
        let mut report = report(false);
        report.spaces[1].repeated_rows = 46;
        let text = page(&made(), &report, &[]).unwrap();
        assert!(text.contains(">TwoNN<") && text.contains("<td>7.5</td><td>–</td>"));
        assert!(text.contains("count reference rows that repeat others once: 46 in pixels."));
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
