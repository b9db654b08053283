//! A comparison as one page: the findings, the figures, the tables, the contact sheets, and how it was made.

use super::names::shortened;
use super::spaces::{columns, of_pairs};
use super::{figures, reading, words};
use crate::error::Result;
use crate::report::html::{self, Table};
use crate::report::{outcomes, plot};
use crate::store::file;
use crate::study::compare::{LabelReport, Pair, Rate, Report, SpaceReport};
use crate::study::summary::NotionSummary;
use maud::{Markup, html};
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
    let sections = html! {
        (html::section("What it says", &findings(report)))
        @for (name, figure) in &figures(report) { (drawn(name, figure)?) }
        @for found in &report.outcomes {
            (html::section(&outcomes::title(found), &outcomes::found(found)?))
        }
        (html::section("Spaces", &spaces(report, &typed)))
        @if let Some(first) = report.spaces.first() {
            (html::section("Definitions of inside", &notions(report, first)))
            @if !report.pairs.is_empty() { (html::section("Query by query", &pairs(report, &first.space))) }
        }
        (classes(report))
        @if !sheets.is_empty() { (html::section("Queries to look at", &pictures(report, sheets))) }
        (warnings(report))
        (html::section("How it was made", &how_made(made)))
        (html::sources())
    };
    let count = report.spaces.len();
    let plural = if count == 1 { "" } else { "s" };
    let title =
        format!("Interpolation or extrapolation? The same queries in {count} space{plural}");
    Ok(html::page(&title, &sections, &made.date))
}

fn how_made(made: &RunInfo) -> Markup {
    let date = [("Date".to_string(), made.date.clone())];
    html! {
        (html::code(&made.command))
        (html::terms(made.inputs.iter().cloned().chain(date)))
        (html::settings(&made.settings))
    }
}

fn findings(report: &Report) -> Markup {
    html! {
        (html::terms(reading::findings(report)))
        p { (reading::question(report)) }
        @if let Some(differ) = reading::pairs(report) { p { (differ) } }
    }
}

/// Two rates in percent, the second in brackets.
fn two_rates(rate: Option<&Rate>, other: Option<&Rate>) -> String {
    let other = words::share(other).replace('-', "–");
    format!("{} ({other})", words::share(rate))
}

fn spaces(report: &Report, typed: &[(String, String)]) -> Markup {
    let columns = columns();
    let repeats = words::counted(&report.spaces, |space| space.repeated_rows);
    let meaning = columns.iter();
    let meaning = meaning.map(|column| (column.name.as_str(), column.help.as_str()));
    html! {
        (html::table(&Table::of("Rates and distances by space.", &columns, &report.spaces).titled()))
        @if !typed.is_empty() {
            p { "Short names, and the spaces as typed:" }
            (html::terms(typed.iter().cloned()))
        }
        @if !repeats.is_empty() {
            p { "TwoNN and MLE count equal reference rows once. Repeated rows: " (repeats.join(", ")) "." }
        }
        (html::details("What the columns mean", false, &html::terms(meaning)))
    }
}

/// The rates of every notion, space by space; `first` is the first space.
fn notions(report: &Report, first: &SpaceReport) -> Markup {
    let tables = report.spaces.chunks(ACROSS).map(|spaces| {
        let row = |notion: &NotionSummary| {
            let id = &notion.rate.notion;
            let cell = |space| two_rates(words::asked(space, id), words::left_out(space, id));
            let name = std::iter::once(words::named(first, id));
            name.chain(spaces.iter().map(cell)).collect()
        };
        let names = spaces.iter().map(|space| space.space.as_str());
        Table::new(
            "Outside by each notion, % (reference rows left out, %).",
            std::iter::once("Notion").chain(names),
            first.notions.iter().map(row),
        )
    });
    html! {
        p {
            "Queries outside, %, and in brackets reference rows of a sample that are outside by the same definition when each is \
             left out: where the two are near, the queries extrapolate no more than the reference does itself."
        }
        @for table in tables { (html::table(&table)) }
        dl {
            @for notion in &first.notions {
                dt { (notion.rate.notion) }
                dd { "Outside: " (notion.outside_means) ". Score: " (notion.score_means) "." }
            }
        }
    }
}

/// A figure as a section, whose heading is the figure's title.
fn drawn(name: &str, figure: &plot::Figure) -> Result<Markup, String> {
    let alt = format!("{}; the numbers are in the tables below", figure.title);
    let untitled = plot::Figure {
        title: String::new(),
        ..figure.clone()
    };
    let figure_below = html::figure(&untitled, &alt, caption(name))?;
    Ok(html::section(&figure.title, &figure_below))
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

/// Every pair of spaces; `first` is the first space.
fn pairs(report: &Report, first: &str) -> Markup {
    let table = |caption: &str, pairs: &[&Pair]| {
        let table = Table::of(caption, &of_pairs(), pairs.iter().copied());
        html::table(&table.named_by(2).titled())
    };
    let all: Vec<&Pair> = report.pairs.iter().collect();
    let (of_first, others): (Vec<_>, Vec<_>) = all.iter().partition(|pair| pair.a == *first);
    html! {
        p {
            "Numbers of queries inside both spaces, one or neither. p: McNemar's exact test, two-sided, of whether only A and \
             only B are equally likely. The last column is corrected by Holm for all " (all.len()) " pairs: among its p-values \
             below 0.05 there is a false positive with a probability of at most 0.05."
        }
        @if all.len() <= PAIRS {
            (table("All pairs of spaces.", &all))
        } @else {
            (table(&format!("All spaces against {first}."), &of_first))
            (html::details(
                &format!("The other {} pairs", others.len()),
                false,
                &table("Pairs without the first space.", &others)
            ))
        }
    }
}

/// The section of classes; empty where queries have none.
fn classes(report: &Report) -> Markup {
    let split = report.spaces.iter().filter(|s| !s.labels.is_empty());
    let split: Vec<&SpaceReport> = split.collect();
    let Some(first) = split.first() else {
        return Markup::default();
    };
    let more = first.labels.len().saturating_sub(CLASSES);
    let below = html! {
        p { (two_hulls(&split)) }
        @for spaces in split.chunks(ACROSS) { (html::table(&overview(&first.labels, spaces))) }
        @if more > 0 { p { (more) " more classes are in by_label.parquet." } }
        @for space in &split { (html::details(&space.space, false, &html::table(&by_class(space)))) }
    };
    html::section("By class", &below)
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
    let cell = |label: &LabelReport| two_rates(rate_of(label, "hull"), label.own_class.as_ref());
    let row = |(place, label): (usize, &LabelReport)| {
        let of_space = |space: &&SpaceReport| space.labels.get(place).map_or("-".into(), cell);
        let name = std::iter::once(label.label.clone());
        name.chain(spaces.iter().map(of_space)).collect()
    };
    let names = spaces.iter().map(|space| space.space.as_str());
    Table::new(
        "Outside the hull of all rows, % (outside the hull of the rows of their own class, %).",
        std::iter::once("Class").chain(names),
        labels.iter().take(CLASSES).enumerate().map(row),
    )
}

fn rate_of<'l>(label: &'l LabelReport, notion: &str) -> Option<&'l Rate> {
    label.rates.iter().find(|rate| rate.notion == notion)
}

/// The classes of one space with all rates.
fn by_class(space: &SpaceReport) -> Table {
    let notions = space.notions.iter().map(|n| n.rate.notion.as_str());
    let row = |label: &LabelReport| {
        let (hull, own) = (rate_of(label, "hull"), label.own_class.as_ref());
        let mut cells = vec![
            label.label.clone(),
            label.n_reference.to_string(),
            label.n_queries.to_string(),
        ];
        cells.extend(
            notions
                .clone()
                .map(|notion| words::share(rate_of(label, notion))),
        );
        cells.extend([
            words::interval(hull),
            words::share(own),
            words::interval(own),
        ]);
        cells
    };
    let names = notions.clone();
    let names = names.map(|notion| format!("{}, %", words::named(space, notion)));
    let head = ["Class", "Rows", "Queries"].map(String::from).into_iter();
    let ends = ["hull, 95 %", "Own class, %", "95 %"].map(String::from);
    Table::new(
        format!("{}, by class: rates outside.", space.space),
        head.chain(names).chain(ends),
        space.labels.iter().take(CLASSES).map(row),
    )
}

fn pictures(report: &Report, sheets: &[(String, Vec<u8>)]) -> Markup {
    // The first sheet with a query inside is open, the others are folded.
    let certified = |(name, _): &(String, Vec<u8>)| {
        let space = report.spaces.iter().find(|space| &space.space == name);
        let mut picks = space
            .into_iter()
            .flat_map(|space| &space.picks.interpolated);
        picks.any(|pick| !pick.support.is_empty())
    };
    let open = sheets.iter().position(certified).unwrap_or(0);
    html! {
        p {
            "For each space: queries inside the hull that lie nearest to a reference image, with the images of their \
             certificate (the query is their weighted mean in that space; the heaviest are shown); where few are inside, those \
             least far from the hull; and the queries farthest outside, if any are. Beside a query: the query as the space \
             transforms it, if that is an image, and its nearest reference image."
        }
        @for (place, (space, png)) in sheets.iter().enumerate() {
            @let alt = format!("Contact sheet of {space}: the most interpolated and the most extrapolated queries");
            (html::details(space, place == open, &html::sheet(png, &alt)))
        }
    }
}

/// The section of warnings; empty without any.
fn warnings(report: &Report) -> Markup {
    let of_space = |space: &SpaceReport| {
        let texts = space.warnings.iter();
        let texts = texts.map(|text| format!("{}: {text}", space.space));
        texts.collect::<Vec<_>>()
    };
    let all: Vec<String> = report.spaces.iter().flat_map(of_space).collect();
    match all.is_empty() {
        true => Markup::default(),
        false => html::section("Warnings", &html::list(&all)),
    }
}
