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
use itertools::Itertools;
use std::collections::BTreeMap;

/// A line of the summary: its name, and its text; a line without text is left out.
type Line = (&'static str, String);

/// The summary, at most a screen long.
pub fn summary(context: &Context, summary: &Summary) -> String {
    let rank = summary.reference.affine_rank;
    let rank = rank.map(|rank| format!("{rank} of {}", summary.reference.dim));
    let median = summary.reference.median_nearest;
    let mut all = vec![
        ("reference", set(&context.reference)),
        ("queries", set(&context.queries)),
        ("affine rank", rank.unwrap_or_default()),
    ];
    all.extend(summary.self_test.iter().flat_map(self_test));
    all.extend(summary.hull.iter().flat_map(verdicts));
    all.extend(
        summary
            .neighbours
            .iter()
            .flat_map(|found| nearest(found, median)),
    );
    // Stages that take hardly any time are only in the JSON.
    let stages = summary
        .seconds
        .iter()
        .filter(|(_, seconds)| **seconds >= 0.005);
    let stages = stages.sorted_by_key(|(stage, _)| *stage == "total");
    let mut stages = stages.map(|(stage, seconds)| format!("{stage} {seconds:.2}"));
    let (speed, backend) = (summary.scan_gflop_per_second, &summary.backend);
    all.extend([
        ("seconds", stages.join(", ").replace('_', " ")),
        ("scan", format!("{speed:.0} GFLOP/s ({backend})")),
        ("directions", counts(&summary.directions)),
    ]);
    all.retain(|(_, text)| !text.is_empty());
    let known = lines(all.into_iter().map(|(name, text)| (name.into(), text)));
    known + &notions(&summary.notions, summary.queries)
}

/// A set, and the columns that make its rows.
fn set(input: &InputInfo) -> String {
    let InputInfo {
        path,
        rows,
        dim,
        element,
        ..
    } = input;
    let dropped = (input.dropped > 0).then(|| format!(", {} rows dropped", input.dropped));
    let columns = input
        .columns
        .as_ref()
        .map(|columns| format!("; {}", columns.line()));
    let more = [dropped, columns].into_iter().flatten().join("");
    format!("{path}: {rows} x {dim} {element:?}{more}")
}

/// Counts by name.
fn counts(counts: &BTreeMap<String, u64>) -> String {
    let mut each = counts.iter().map(|(name, count)| format!("{name} {count}"));
    each.join(", ").replace('_', " ")
}

/// A line per notion; empty if the hull is the only notion, because its rate is above.
pub fn notions(notions: &[NotionSummary], queries: u64) -> String {
    if notions.iter().all(|notion| notion.rate.notion == "hull") {
        return String::new();
    }
    // Where no query was decided, "0 outside" would be no finding.
    let known = |rate: &Rate| (rate.queries > rate.undecided).then(|| rate.clone());
    let asked = |rate: &Rate| (rate.queries > 0).then(|| rate.clone());
    let columns = columns! { notion: NotionSummary;
        "notion" = words::of_some(&notion.rate, queries), "";
        "outside" = words::share(known(&notion.rate).as_ref()), "queries outside, %; `hullscope analyze --help` explains the notions.";
        "95 %" = words::interval(known(&notion.rate).as_ref()), "";
        "left out" = words::share(notion.leave_one_out.as_ref().and_then(asked).as_ref()),
            "reference rows outside, each left out, %.";
        "undecided" = words::some(notion.rate.undecided), "queries that count as not outside.";
    };
    let table = Part::Table(Table::of("", &columns, notions));
    "\n".to_string() + &document::text(&[Section::new("By notion", [table])])
}

fn verdicts(hull: &HullSummary) -> Vec<Line> {
    let rate = hull.extrapolation_rate.zip(hull.interval95);
    let rate = rate.map(|(rate, ends)| {
        let [low, high] = ends.map(hundredths);
        format!("{} (95 %: {low} to {high})", hundredths(rate))
    });
    let extreme = hull.extreme_rows.map(grouped);
    let extreme = extreme.map(|rows| format!("; the solver uses only the {rows} extreme rows"));
    let verdicts = [hull.inside, hull.outside, hull.undecided];
    let proofs = [hull.exact, hull.tolerance, hull.separated];
    let cost = format!(
        "{:.3} scans per query, at most {}, {} rows in the shared pool{}",
        hull.scans_per_query,
        hull.rounds,
        hull.pool,
        extreme.unwrap_or_default()
    );
    vec![
        (
            "verdicts",
            named(verdicts, ["inside", "outside", "undecided"]),
        ),
        (
            "proved",
            named(
                proofs,
                ["exactly inside", "inside within the tolerance", "separated"],
            ),
        ),
        ("extrapolation rate", rate.unwrap_or_default()),
        ("decided in stage", counts(&hull.settled_by)),
        ("undecided because", counts(&hull.undecided_because)),
        ("cost", cost),
        ("certified margin", quantiles(&hull.margin)),
        ("distance, lower bound", quantiles(&hull.distance_lower)),
        ("distance, upper bound", quantiles(&hull.distance_upper)),
        ("relative gap", quantiles(&hull.gap)),
    ]
}

/// Numbers, each before its name.
fn named(numbers: [u64; 3], names: [&str; 3]) -> String {
    let mut each = numbers
        .iter()
        .zip(names)
        .map(|(number, name)| format!("{number} {name}"));
    each.join(", ")
}

fn nearest(neighbours: &NeighbourSummary, median: Option<f64>) -> Vec<Line> {
    let by = match neighbours.method {
        Method::Scan => "scanning all rows",
        Method::Tree => "a k-d tree",
    };
    let metric = format!("{:?}", neighbours.metric).to_lowercase();
    let distance = neighbours.nearest_distance.as_ref();
    let distance = distance.map(|_| {
        format!(
            "{}; {metric}, by {by}",
            quantiles(&neighbours.nearest_distance)
        )
    });
    let ratio = neighbours.nearest_ratio.as_ref().zip(median);
    let ratio = ratio.map(|(_, median)| {
        let unit = significant(median, DIGITS);
        format!("{}; times {unit}", quantiles(&neighbours.nearest_ratio))
    });
    vec![
        ("nearest", distance.unwrap_or_default()),
        ("nearest ratio", ratio.unwrap_or_default()),
    ]
}

fn self_test(test: &SelfTest) -> Vec<Line> {
    let left_out = [
        test.leave_one_out_inside,
        test.leave_one_out_outside,
        test.leave_one_out_undecided,
    ];
    let names = ["inside the hull of the others", "outside", "undecided"];
    let own = format!("{} of {} reference rows inside", test.inside, test.rows);
    vec![("self-test", own), ("left out", named(left_out, names))]
}

/// Significant digits of distances.
const DIGITS: usize = 4;

fn quantiles(found: &Option<Quantiles>) -> String {
    let text = found.map(|found| {
        let ends = [found.min, found.median, found.max];
        let [min, median, max] = ends.map(|number| significant(number, DIGITS));
        format!("min {min}, median {median}, max {max}")
    });
    text.unwrap_or_default()
}
