//! The summary as a short table for a terminal.

use super::compare::words;
use super::{Context, text_table};
use crate::notion::neighbours::Method;
use crate::study::rate::{Quantiles, Rate};
use crate::study::summary::{HullSummary, NeighbourSummary, NotionSummary, SelfTest, Summary};
use comfy_table::Table;

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

/// The summary, at most a screen long.
pub fn summary(context: &Context, summary: &Summary) -> String {
    let mut table = text_table::table();
    let set = |input: &super::InputInfo| {
        let dropped = if input.dropped > 0 {
            format!(", {} rows dropped", input.dropped)
        } else {
            String::new()
        };
        format!(
            "{}: {} x {} {:?}{dropped}",
            input.path, input.rows, input.dim, input.element
        )
    };
    table.add_row(["reference", &set(&context.reference)]);
    table.add_row(["queries", &set(&context.queries)]);
    let line = |input: &super::InputInfo| input.columns.as_ref().map(|columns| columns.line());
    let lines = (line(&context.reference), line(&context.queries));
    if let (Some(reference), Some(queries)) = &lines
        && reference == queries
    {
        table.add_row(["columns", reference]);
    } else {
        for (name, line) in [("reference columns", lines.0), ("query columns", lines.1)] {
            line.map(|line| table.add_row([name, &line]));
        }
    }
    if let Some(rank) = summary.reference.affine_rank {
        table.add_row([
            "affine rank",
            &format!("{rank} of {}", summary.reference.dim),
        ]);
    }
    if let Some(test) = &summary.self_test {
        self_test(&mut table, test);
    }
    if let Some(hull) = &summary.hull {
        verdicts(&mut table, hull);
    }
    if let Some(neighbours) = &summary.neighbours {
        nearest(&mut table, neighbours, summary);
    }
    // Stages that take hardly any time are only in the JSON.
    let stages: Vec<String> = STAGES
        .iter()
        .filter_map(|&(stage, name)| Some((name, *summary.seconds.get(stage)?)))
        .filter(|(_, seconds)| *seconds >= 0.005)
        .map(|(name, seconds)| format!("{name} {seconds:.2}"))
        .collect();
    table.add_row(["seconds", &stages.join(", ")]);
    table.add_row([
        "scan",
        &format!(
            "{:.0} GFLOP/s ({})",
            summary.scan_gflop_per_second, summary.backend
        ),
    ]);
    let directions: Vec<String> = summary
        .directions
        .iter()
        .map(|(name, count)| format!("{count} by {name}"))
        .collect();
    if !directions.is_empty() {
        table.add_row(["directions", &directions.join(", ")]);
    }
    format!(
        "{}\n{}",
        table.trim_fmt(),
        notions(&summary.notions, summary.queries)
    )
}

/// A line per notion; empty if the hull is the only notion, because its rate is above.
fn notions(notions: &[NotionSummary], queries: u64) -> String {
    if notions.iter().all(|notion| notion.rate.notion == "hull") {
        return String::new();
    }
    let asked = |rate: &&Rate| rate.queries > 0;
    let left_out = |notion: &NotionSummary| notion.leave_one_out.clone().filter(|r| asked(&r));
    let others = notions.iter().any(|notion| left_out(notion).is_some());
    let open = notions.iter().any(|notion| notion.rate.undecided > 0);
    let mut table = text_table::table();
    let mut head = vec!["notion", "outside", "95 %"];
    head.extend(open.then_some("undecided"));
    table.add_row(head);
    for notion in notions {
        let rate = &notion.rate;
        // Where no query was decided, "0 outside" would be no finding.
        let known = Some(rate).filter(|rate| rate.queries > rate.undecided);
        let mut line = vec![
            words::of_some(rate, queries),
            match others {
                true => words::bracketed(known, left_out(notion).as_ref()),
                false => words::share(known),
            },
            words::interval(known),
        ];
        line.extend(open.then(|| rate.undecided.to_string()));
        table.add_row(line);
    }
    let others = match others {
        true => " (reference rows, each left out, %)",
        false => "",
    };
    let open = match open {
        true => "; undecided queries count as not outside",
        false => "",
    };
    format!(
        "\nby notion: outside, %{others}{open}; `hullscope analyze --help` explains the notions\n\n{}",
        text_table::text(table)
    )
}

fn verdicts(table: &mut Table, hull: &HullSummary) {
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    table.add_row([
        "verdicts",
        &format!(
            "{} inside, {} outside, {} undecided",
            hull.inside, hull.outside, hull.undecided
        ),
    ]);
    table.add_row([
        "proved",
        &format!(
            "{} exactly inside, {} inside within the tolerance, {} separated",
            hull.exact, hull.tolerance, hull.separated
        ),
    ]);
    if let (Some(rate), Some([low, high])) = (hull.extrapolation_rate, hull.interval95) {
        table.add_row([
            "extrapolation rate",
            &format!(
                "{} (95 %: {} to {})",
                percent(rate),
                percent(low),
                percent(high)
            ),
        ]);
    }
    let settled: Vec<String> = hull
        .settled_by
        .iter()
        .map(|(stage, count)| format!("{} {count}", stage.replace('_', " ")))
        .collect();
    table.add_row(["decided in stage", &settled.join(", ")]);
    if !hull.undecided_because.is_empty() {
        let reasons: Vec<String> = hull
            .undecided_because
            .iter()
            .map(|(why, count)| format!("{why} {count}"))
            .collect();
        table.add_row(["undecided because", &reasons.join(", ")]);
    }
    table.add_row([
        "cost",
        &format!(
            "{:.3} scans per query, at most {}, {} rows in the shared pool{}",
            hull.scans_per_query,
            hull.rounds,
            hull.pool,
            hull.extreme_rows.map_or_else(String::new, |rows| {
                format!("; the solver uses only the {rows} extreme rows")
            })
        ),
    ]);
    for (name, found) in [
        ("certified margin", &hull.margin),
        ("distance, lower bound", &hull.distance_lower),
        ("distance, upper bound", &hull.distance_upper),
        ("relative gap", &hull.gap),
    ] {
        if let Some(found) = found {
            table.add_row([name, &quantiles(found)]);
        }
    }
}

fn nearest(table: &mut Table, neighbours: &NeighbourSummary, summary: &Summary) {
    if let Some(found) = &neighbours.nearest_distance {
        table.add_row([
            &format!("nearest ({:?})", neighbours.metric).to_lowercase(),
            &format!("{}, by {}", quantiles(found), means(neighbours.method)),
        ]);
    }
    if let (Some(found), Some(median)) =
        (&neighbours.nearest_ratio, summary.reference.median_nearest)
    {
        table.add_row([
            "nearest ratio",
            &format!("{}; times {}", quantiles(found), number(median)),
        ]);
    }
}

/// The name of the method that found the nearest rows.
fn means(method: Method) -> &'static str {
    match method {
        Method::Scan => "scanning all rows",
        Method::Tree => "a k-d tree",
    }
}

fn self_test(table: &mut Table, test: &SelfTest) {
    table.add_row([
        "self-test",
        &format!("{} of {} reference rows inside", test.inside, test.rows),
    ]);
    table.add_row([
        "left out",
        &format!(
            "{} inside the hull of the others, {} outside, {} undecided",
            test.leave_one_out_inside, test.leave_one_out_outside, test.leave_one_out_undecided
        ),
    ]);
}

fn quantiles(found: &Quantiles) -> String {
    let [min, median, max] = [found.min, found.median, found.max].map(number);
    format!("min {min}, median {median}, max {max}")
}

/// Four significant digits, without an exponent where it stays short.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if !(1e-3..1e6).contains(&size) => format!("{value:.3e}"),
        size => format!(
            "{value:.*}",
            (3 - size.log10().floor() as i32).max(0) as usize
        ),
    }
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
    fn line(text: &str, start: &str) -> Vec<String> {
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
        assert_eq!(line(&text, "notion"), ["notion", "outside", "95", "%"]);
        assert_eq!(line(&text, "hull"), ["hull", "1.5", "0.5", "to", "4.3"]);
        assert_eq!(
            line(&text, "range"),
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
        assert_eq!(line(&text, "notion"), head);
        let hull = ["hull", "1.5", "(", "7.0)", "0.5", "to", "4.3", "2"];
        assert_eq!(line(&text, "hull"), hull);
        assert_eq!(
            line(&text, "class_own"),
            ["class_own", "-", "(", "-)", "-", "200"]
        );
        let knn = ["knn_10", "100", "(", "5.0)", "98.1", "to", "100", "0"];
        assert_eq!(line(&text, "knn_10"), knn);
        assert!(text.contains("each left out") && text.contains("count as not outside"));
    }

    /// The rate of a costly notion is of a sample, and its line says so.
    #[test]
    fn a_sample_is_named_with_its_queries() {
        let all = [notion("hull", 3, 0, None), notion("cone", 50, 0, None)];
        let text = notions(&all, 1200);
        assert_eq!(line(&text, "cone")[..3], ["cone", "(of", "200)"]);
        let text = notions(&all, 200);
        assert_eq!(line(&text, "cone")[..2], ["cone", "25.0"]);
    }

    #[test]
    fn four_digits() {
        assert_eq!(number(1234.56), "1235");
        assert_eq!(number(0.012345), "0.01235");
        assert_eq!(number(3e-7), "3.000e-7");
        assert_eq!(number(0.0), "0");
    }
}
