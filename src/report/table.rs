//! The summary as a short table for a terminal.

use super::compare::words;
use super::numerals::{hundredths, significant};
use super::text_table::{self, Table};
use crate::notion::neighbours::Method;
use crate::store::{Context, InputInfo};
use crate::study::rate::{Quantiles, Rate};
use crate::study::summary::{HullSummary, NeighbourSummary, NotionSummary, SelfTest, Summary};

/// Names of the timed stages in the summary and in the table, in the order of work.
const STAGES: [(&str, &str); 11] = [
    ("open_backend", "open device"),
    ("read", "read"),
    ("survey", "survey"),
    ("self_test", "self-test"),
    ("reference_neighbours", "reference neighbours"),
    ("whiten", "whiten"),
    ("hull", "hull"),
    ("neighbours", "neighbours"),
    ("read_queries", "read queries"),
    ("write", "write"),
    ("total", "total"),
];

/// A line of the summary: its name, and its text; a line whose text is missing or empty is left out.
type Line = (String, Option<String>);

fn line(name: impl Into<String>, text: impl Into<Option<String>>) -> Line {
    (name.into(), text.into())
}

/// The summary, at most a screen long.
pub fn summary(context: &Context, summary: &Summary) -> String {
    let mut lines = sets(context);
    let of_dim = |rank| format!("{rank} of {}", summary.reference.dim);
    let rank = summary.reference.affine_rank.map(of_dim);
    lines.push(line("affine rank", rank));
    lines.extend(summary.self_test.iter().flat_map(self_test));
    lines.extend(summary.hull.iter().flat_map(verdicts));
    let neighbours = summary.neighbours.iter();
    lines.extend(neighbours.flat_map(|found| nearest(found, summary)));
    // Stages that take hardly any time are only in the JSON.
    let stages = STAGES.iter();
    let stages = stages.filter_map(|&(stage, name)| Some((name, *summary.seconds.get(stage)?)));
    let stages = stages.filter(|(_, seconds)| *seconds >= 0.005);
    let stages = joined(stages.map(|(name, seconds)| format!("{name} {seconds:.2}")));
    let (speed, backend) = (summary.scan_gflop_per_second, &summary.backend);
    let directions = summary.directions.iter();
    let directions = joined(directions.map(|(name, count)| format!("{count} by {name}")));
    lines.extend([
        line("seconds", stages),
        line("scan", format!("{speed:.0} GFLOP/s ({backend})")),
        line("directions", directions),
    ]);
    let mut table = text_table::table();
    let known = lines.into_iter();
    let known =
        known.filter_map(|(name, text)| Some((name, text.filter(|text| !text.is_empty())?)));
    table.add_rows(known.map(|(name, text)| [name, text]));
    let notions = notions(&summary.notions, summary.queries);
    format!("{}\n{notions}", table.trim_fmt())
}

/// Both sets, and the columns that make their rows.
fn sets(context: &Context) -> Vec<Line> {
    let set = |input: &InputInfo| {
        let dropped = match input.dropped {
            0 => String::new(),
            dropped => format!(", {dropped} rows dropped"),
        };
        let InputInfo {
            path,
            rows,
            dim,
            element,
            ..
        } = input;
        format!("{path}: {rows} x {dim} {element:?}{dropped}")
    };
    let both = [&context.reference, &context.queries];
    let [reference, queries] = both.map(|input| Some(input.columns.as_ref()?.line()));
    let mut lines = vec![
        line("reference", set(&context.reference)),
        line("queries", set(&context.queries)),
    ];
    match reference == queries {
        true => lines.push(line("columns", reference)),
        false => lines.extend([
            line("reference columns", reference),
            line("query columns", queries),
        ]),
    }
    lines
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// A line per notion; empty if the hull is the only notion, because its rate is above.
fn notions(notions: &[NotionSummary], queries: u64) -> String {
    if notions.iter().all(|notion| notion.rate.notion == "hull") {
        return String::new();
    }
    let asked = |rate: &Rate| rate.queries > 0;
    let of_left_out_rows = |notion: &NotionSummary| notion.leave_one_out.clone().filter(asked);
    let has_left_out = notions
        .iter()
        .any(|notion| of_left_out_rows(notion).is_some());
    let open = notions.iter().any(|notion| notion.rate.undecided > 0);
    let head = ["notion", "outside", "95 %"].into_iter();
    let rows = notions.iter().map(|notion| {
        let rate = &notion.rate;
        // Where no query was decided, "0 outside" would be no finding.
        let known = Some(rate).filter(|rate| rate.queries > rate.undecided);
        let mut line = vec![
            words::of_some(rate, queries),
            match has_left_out {
                true => words::bracketed(known, of_left_out_rows(notion).as_ref()),
                false => words::share(known),
            },
            words::interval(known),
        ];
        line.extend(open.then(|| rate.undecided.to_string()));
        line
    });
    let table = Table::new("", head.chain(open.then_some("undecided")), rows);
    let left_out = match has_left_out {
        true => " (reference rows, each left out, %)",
        false => "",
    };
    let open = match open {
        true => "; undecided queries count as not outside",
        false => "",
    };
    format!(
        "\nby notion: outside, %{left_out}{open}; `hullscope analyze --help` explains the notions\n\n{}",
        table.text()
    )
}

fn verdicts(hull: &HullSummary) -> Vec<Line> {
    let rate = hull.extrapolation_rate.zip(hull.interval95);
    let rate = rate.map(|(rate, ends)| (hundredths(rate), ends.map(hundredths)));
    let settled = hull.settled_by.iter();
    let settled = settled.map(|(stage, count)| format!("{} {count}", stage.replace('_', " ")));
    let reasons = hull.undecided_because.iter();
    let reasons = reasons.map(|(why, count)| format!("{why} {count}"));
    let extreme = |rows| format!("; the solver uses only the {rows} extreme rows");
    let cost = format!(
        "{:.3} scans per query, at most {}, {} rows in the shared pool{}",
        hull.scans_per_query,
        hull.rounds,
        hull.pool,
        hull.extreme_rows.map(extreme).unwrap_or_default()
    );
    let of = |found: &Option<Quantiles>| found.as_ref().map(quantiles);
    vec![
        line(
            "verdicts",
            format!(
                "{} inside, {} outside, {} undecided",
                hull.inside, hull.outside, hull.undecided
            ),
        ),
        line(
            "proved",
            format!(
                "{} exactly inside, {} inside within the tolerance, {} separated",
                hull.exact, hull.tolerance, hull.separated
            ),
        ),
        line(
            "extrapolation rate",
            rate.map(|(rate, [low, high])| format!("{rate} (95 %: {low} to {high})")),
        ),
        line("decided in stage", joined(settled)),
        line("undecided because", joined(reasons)),
        line("cost", cost),
        line("certified margin", of(&hull.margin)),
        line("distance, lower bound", of(&hull.distance_lower)),
        line("distance, upper bound", of(&hull.distance_upper)),
        line("relative gap", of(&hull.gap)),
    ]
}

fn nearest(neighbours: &NeighbourSummary, summary: &Summary) -> Vec<Line> {
    let by = match neighbours.method {
        Method::Scan => "scanning all rows",
        Method::Tree => "a k-d tree",
    };
    let distance = neighbours.nearest_distance.as_ref();
    let ratio = neighbours.nearest_ratio.as_ref();
    let ratio = ratio.zip(summary.reference.median_nearest);
    let times = |median| format!("times {}", significant(median, DIGITS));
    vec![
        line(
            format!("nearest ({:?})", neighbours.metric).to_lowercase(),
            distance.map(|found| format!("{}, by {by}", quantiles(found))),
        ),
        line(
            "nearest ratio",
            ratio.map(|(found, median)| format!("{}; {}", quantiles(found), times(median))),
        ),
    ]
}

fn self_test(test: &SelfTest) -> Vec<Line> {
    let others = format!(
        "{} inside the hull of the others, {} outside, {} undecided",
        test.leave_one_out_inside, test.leave_one_out_outside, test.leave_one_out_undecided
    );
    let own = format!("{} of {} reference rows inside", test.inside, test.rows);
    vec![line("self-test", own), line("left out", others)]
}

/// Significant digits of distances.
const DIGITS: usize = 4;

fn quantiles(found: &Quantiles) -> String {
    let ends = [found.min, found.median, found.max];
    let [min, median, max] = ends.map(|number| significant(number, DIGITS));
    format!("min {min}, median {median}, max {max}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notion(name: &str, outside: u64, undecided: u64, others: Option<u64>) -> NotionSummary {
        NotionSummary {
            rate: Rate::new(name, 200, outside, undecided),
            outside_means: String::new(),
            score_means: String::new(),
            score: None,
            leave_one_out: others.map(|outside| Rate::new(name, 100, outside, 0)),
            facts: Vec::new(),
        }
    }

    /// The words of the line that starts with `start`.
    fn words_of(text: &str, start: &str) -> Vec<String> {
        let line = text.lines().find(|line| line.starts_with(start));
        let line = line.unwrap_or_else(|| panic!("{start}: {text}"));
        line.split_whitespace().map(String::from).collect()
    }

    #[test]
    fn each_notion_has_a_line() {
        let notions = |all: &[NotionSummary]| notions(all, 200);
        assert_eq!(notions(&[notion("hull", 3, 0, None)]), "");
        let usual = [notion("hull", 3, 0, None), notion("range", 50, 0, None)];
        let text = notions(&usual);
        assert_eq!(words_of(&text, "notion"), ["notion", "outside", "95", "%"]);
        assert_eq!(words_of(&text, "hull"), ["hull", "1.5", "0.5", "to", "4.3"]);
        assert_eq!(
            words_of(&text, "range"),
            ["range", "25.0", "19.5", "to", "31.4"]
        );
        assert!(!text.contains("undecided") && !text.contains('('), "{text}");
        let all = [
            notion("hull", 3, 2, Some(7)),
            notion("class_own", 0, 200, None),
            notion("knn_10", 200, 0, Some(5)),
        ];
        let text = notions(&all);
        let head = ["notion", "outside", "95", "%", "undecided"];
        assert_eq!(words_of(&text, "notion"), head);
        let hull = ["hull", "1.5", "(", "7.0)", "0.5", "to", "4.3", "2"];
        assert_eq!(words_of(&text, "hull"), hull);
        assert_eq!(
            words_of(&text, "class_own"),
            ["class_own", "-", "(", "-)", "-", "200"]
        );
        let knn = ["knn_10", "100", "(", "5.0)", "98.1", "to", "100", "0"];
        assert_eq!(words_of(&text, "knn_10"), knn);
        assert!(text.contains("each left out") && text.contains("count as not outside"));
    }

    /// The rate of a costly notion is of a sample, and its line says so.
    #[test]
    fn a_sample_is_named_with_its_queries() {
        let all = [notion("hull", 3, 0, None), notion("cone", 50, 0, None)];
        let text = notions(&all, 1200);
        assert_eq!(words_of(&text, "cone")[..3], ["cone", "(of", "200)"]);
        let text = notions(&all, 200);
        assert_eq!(words_of(&text, "cone")[..2], ["cone", "25.0"]);
    }
}
