//! The summary of an analysis for a terminal.

use super::columns::columns;
use super::compare::words;
use super::document::{self, Part, Section};
use super::numerals::{grouped, hundredths, significant};
use super::text_table::{Table, lines};
use crate::notion::neighbours::Method;
use crate::store::{Context, InputInfo};
use crate::study::rate::{Quantiles, Rate};
use crate::study::summary::{HullSummary, NeighbourSummary, NotionSummary, SelfTest, Summary};
use indexmap::IndexMap;
use itertools::Itertools;
use std::borrow::Borrow;
use std::fmt::Display;

/// A line of the summary: its name, and its text; a line without text is left out.
type Line = (&'static str, String);

/// The summary, at most a screen long.
pub fn summary(context: &Context, summary: &Summary) -> String {
    let reference = &summary.reference;
    let rank = reference.affine_rank;
    let rank = rank.map(|rank| format!("{} of {}", grouped(rank), grouped(reference.dim)));
    let mut all = vec![
        ("reference", set(&context.reference)),
        ("queries", set(&context.queries)),
        ("affine rank", rank.unwrap_or_default()),
    ];
    all.extend(summary.self_test.iter().flat_map(self_test));
    all.extend(summary.hull.iter().flat_map(verdicts));
    let found = summary.neighbours.iter();
    all.extend(found.flat_map(|found| nearest(found, reference.median_nearest)));
    let (speed, backend) = (summary.scan_gflop_per_second, &summary.backend);
    all.extend([
        ("seconds", seconds(&summary.seconds)),
        ("scan", format!("{speed:.0} GFLOP/s ({backend})")),
        ("directions", counts(&summary.directions)),
    ]);
    all.retain(|(_, text)| !text.is_empty());
    let known = lines(all.into_iter().map(|(name, text)| (name.into(), text)));
    known + &notions(&summary.notions, summary.queries)
}

/// A set, and the columns that make its rows.
fn set(input: &InputInfo) -> String {
    let (path, element) = (&input.path, input.element);
    let [rows, dim, dropped] = [input.rows, input.dim, input.dropped].map(grouped);
    let mut text = format!("{path}: {rows} x {dim} {element:?}");
    if input.dropped > 0 {
        text += &format!(", {dropped} rows dropped");
    }
    if let Some(columns) = &input.columns {
        text += &format!("; {}", columns.line());
    }
    text
}

/// Seconds by stage, in the order of the run; stages that take hardly any time are only in the JSON.
fn seconds(stages: &IndexMap<String, f64>) -> String {
    let long = stages.iter().filter(|(_, seconds)| **seconds >= 0.005);
    let mut texts = long.map(|(stage, seconds)| format!("{stage} {seconds:.2}"));
    texts.join(", ").replace('_', " ")
}

/// Counts, each before its name.
fn counts(all: impl IntoIterator<Item = (impl Display, impl Borrow<u64>)>) -> String {
    let each = all.into_iter();
    let mut texts = each.map(|(name, count)| format!("{} {name}", grouped(*count.borrow())));
    texts.join(", ").replace('_', " ")
}

/// A line per notion; empty if the hull is the only notion, because its rate is above.
pub fn notions(notions: &[NotionSummary], queries: u64) -> String {
    if notions.iter().all(|notion| notion.rate.notion == "hull") {
        return String::new();
    }
    // Where no query was decided, "0 outside" would be no finding.
    let known = |rate: &Rate| (rate.queries > rate.undecided).then(|| rate.clone());
    let columns = columns! { notion: NotionSummary;
        "notion" = words::of_some(&notion.rate, queries), "";
        "outside" = words::share(known(&notion.rate).as_ref()), "queries outside, %; `hullscope analyze --help` explains the notions.";
        "95 %" = words::interval(known(&notion.rate).as_ref()), "";
        "left out" = words::share(notion.leave_one_out.as_ref()), "reference rows outside, each left out, %.";
        "undecided" = words::some(notion.rate.undecided), "queries that count as not outside.";
    };
    let table = Part::Table(Table::of("", &columns, notions));
    "\n".to_string() + &document::text(&[Section::new("By notion", [table])])
}

fn verdicts(hull: &HullSummary) -> Vec<Line> {
    let verdicts = [
        ("inside", hull.inside),
        ("outside", hull.outside),
        ("undecided", hull.undecided),
    ];
    let proofs = [
        ("exactly inside", hull.exact),
        ("inside within the tolerance", hull.tolerance),
        ("separated", hull.separated),
    ];
    let rate = hull.extrapolation_rate.zip(hull.interval95);
    let rate = rate.map(|(rate, ends)| {
        let [rate, low, high] = [rate, ends[0], ends[1]].map(hundredths);
        format!("{rate} (95 %: {low} to {high})")
    });
    let mut cost = format!(
        "{:.3} scans per query, at most {}, {} rows in the shared pool",
        hull.scans_per_query,
        grouped(hull.rounds),
        grouped(hull.pool)
    );
    if let Some(extreme) = hull.extreme_rows.map(grouped) {
        cost += &format!("; the solver uses only the {extreme} extreme rows");
    }
    vec![
        ("verdicts", counts(verdicts)),
        ("proved", counts(proofs)),
        ("extrapolation rate", rate.unwrap_or_default()),
        ("decided in stage", counts(&hull.settled_by)),
        ("undecided because", counts(&hull.undecided_because)),
        ("cost", cost),
        ("certified margin", quantiles(&hull.margin, "")),
        ("distance, lower bound", quantiles(&hull.distance_lower, "")),
        ("distance, upper bound", quantiles(&hull.distance_upper, "")),
        ("relative gap", quantiles(&hull.gap, "")),
    ]
}

fn nearest(found: &NeighbourSummary, median: Option<f64>) -> Vec<Line> {
    let by = match found.method {
        Method::Scan => "scanning all rows",
        Method::Tree => "a k-d tree",
    };
    let metric = format!("{:?}", found.metric).to_lowercase();
    let unit = median.map(|median| format!("; times {}", significant(median, DIGITS)));
    let [distance, ratio] = [&found.nearest_distance, &found.nearest_ratio];
    vec![
        (
            "nearest",
            quantiles(distance, &format!("; {metric}, by {by}")),
        ),
        ("nearest ratio", quantiles(ratio, &unit.unwrap_or_default())),
    ]
}

fn self_test(test: &SelfTest) -> Vec<Line> {
    let [inside, rows] = [test.inside, test.rows].map(grouped);
    let left_out = [
        ("inside the hull of the others", test.leave_one_out_inside),
        ("outside", test.leave_one_out_outside),
        ("undecided", test.leave_one_out_undecided),
    ];
    vec![
        (
            "self-test",
            format!("{inside} of {rows} reference rows inside"),
        ),
        ("left out", counts(left_out)),
    ]
}

/// Significant digits of distances.
const DIGITS: usize = 4;

/// Quantiles, if there are any, followed by `more`.
fn quantiles(found: &Option<Quantiles>, more: &str) -> String {
    found.map_or(String::new(), |found| {
        let ends = [found.min, found.median, found.max];
        let [min, median, max] = ends.map(|number| significant(number, DIGITS));
        format!("min {min}, median {median}, max {max}{more}")
    })
}
