//! The tables of a comparison for a terminal, and its numbers as JSON.

use super::fixtures::{report, space};
use hullscope::report::compare::{json, shortened, text};
use hullscope::study::compare::SpaceReport;
use serde_json::Value;

/// The width of the terminal in letters.
const WIDE: usize = 120;

/// The cells of the first line of a table whose name begins with `name`.
fn cells<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let (_, table) = text.split_once("space  ").unwrap_or(("", text));
    let line = table.lines().find(|line| line.starts_with(name));
    line.unwrap().split_whitespace().collect()
}

/// Whether the key below a table has a line for this name that starts so.
fn explains(text: &str, name: &str, start: &str) -> bool {
    let mut rests = text.lines().filter_map(|line| line.strip_prefix(name));
    rests.any(|rest| rest.starts_with("  ") && rest.trim_start().starts_with(start))
}

/// Each key has lines of its own, and their further lines are indented; no line ends between a number and its unit.
#[test]
fn keys_are_lines_and_numbers_keep_their_units() {
    let text = text(&report(false));
    let key = text
        .split("\n\n")
        .find(|part| part.starts_with("N  "))
        .unwrap();
    let names = key.lines().map(|line| line.split("  ").next().unwrap());
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    assert_eq!(names[..5], ["N", "d", "rank", "outside", "95 %"], "{text}");
    for line in text.lines() {
        assert!(
            !line.starts_with(['%', '=']) && !line.ends_with('='),
            "{line}"
        );
        assert!(
            line.chars().count() <= WIDE && !line.contains('\u{a0}'),
            "{line}"
        );
    }
}

#[test]
fn names_are_as_short_as_tells_them_apart() {
    let short = |typed: &[&str]| {
        let mut report = report(false);
        report.spaces = typed.iter().map(|name| space(name, 8, 500)).collect();
        let (short, _) = shortened(&report);
        let names = short.spaces.into_iter().map(|space| space.space);
        names.collect::<Vec<_>>()
    };
    let found = short(&[
        "file:/data/a/train.npy,/data/a/test.npy|pca:8",
        "onnx:/models/vit.onnx@features",
        "pca:8",
    ]);
    assert_eq!(found, ["train|pca:8", "onnx:vit@features", "pca:8"]);
    let same = short(&["file:/a/train.npy,/a/t.npy", "file:/b/train.npy,/b/t.npy"]);
    assert_eq!(same, ["a/train", "b/train"]);
    let given = [
        "pixels=pca:8",
        "l3=file:/a/b.npy,/a/c.npy",
        "random:8,seed=1",
    ];
    assert_eq!(short(&given), ["pixels", "l3", "random:8,seed=1"]);
    let one_file = ["file:a.npz,b.npz", "file:a.npz,c.npz"];
    assert_eq!(short(&one_file), one_file);
}

#[test]
fn usual_names_fit_a_terminal() {
    let mut report = report(true);
    let labels = report.spaces[0].labels.clone();
    report.spaces = [
        "pixels",
        "onnx:sample-untrained@features",
        "onnx:sample-untrained@features|dims:16,seed=7",
        "patch:8",
        "wavelet|dims:16",
        "relu-features:16",
    ]
    .map(|name| SpaceReport {
        labels: labels.clone(),
        scans_per_query: 12.34,
        seconds: 1234.5,
        d: 150_528,
        rank: Some(49_999),
        ..space(name, 700, 999)
    })
    .to_vec();
    let mut other = report.pairs[0].clone();
    other.a = "pixels".into();
    report.pairs = vec![other.clone(), report.pairs[0].clone()];
    report.spaces[0].n_reference = 60_000;
    for space in &mut report.spaces {
        space.notions[0].rate.undecided = 1000;
    }
    let text = text(&report);
    assert!(text.contains("for 1 of 2 pairs of spaces"), "{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= WIDE, "{line}\n{text}");
    }
    assert!(text.contains("\n  dims:16,seed=7"), "{text}");
    assert!(
        text.contains(" 150,528  49,999 ") && !text.contains("150528"),
        "{text}"
    );
    let (_, table) = text.split_once("Rates and distances").unwrap();
    assert_eq!(table.matches(" 1,000 ").count(), 6, "{text}");
}

#[test]
fn rows_that_differ_and_classes_that_are_undecided_are_said() {
    let mut report = report(true);
    report.spaces[1].n_reference = 4000;
    let own = &mut report.spaces[1].labels[0].own_class;
    own.as_mut().unwrap().undecided = 3;
    let text = text(&report);
    assert!(
        text.contains("1,000 queries against the hull of 4,000 to 6,000 reference rows."),
        "{text}"
    );
    assert_eq!(cells(&text, "pixels")[1], "4,000");
    assert_eq!(cells(&text, "dims:16,")[1], "6,000");
    assert!(text.contains("undecided in class"), "{text}");
    assert!(!explains(&text, "undecided", "queries neither"), "{text}");
}

/// A space without notions, rank, unit of distance or any decided query.
#[test]
fn what_is_not_known_is_a_dash() {
    let mut report = report(false);
    let space = &mut report.spaces[1];
    space.notions.truncate(1);
    space.notions[0].rate.queries = 0;
    (space.rank, space.null_rate, space.distance_ratio) = (None, None, None);
    let text = text(&report);
    assert_eq!(
        cells(&text, "pixels")[1..10],
        ["6,000", "784", "-", "-", "-", "50.0", "-", "-", "-"]
    );
}

#[test]
fn what_the_table_says() {
    let text = text(&report(true));
    assert!(text.contains("1,000 queries against the hull of 6,000 reference rows."));
    let line = |start: &str| {
        let found = text.lines().find(|line| line.starts_with(start));
        found
            .unwrap_or_else(|| panic!("{start}: {text}"))
            .split_whitespace()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        cells(&text, "pixels")[1..13],
        [
            "6,000", "784", "700", "100", "99.6", "to", "100", "50.0", "62.5", "cannot", "tell",
            "0.500"
        ]
    );
    let (_, pairs) = text
        .split_once("Queries inside A = dims:16,seed=<b>&\"")
        .unwrap();
    let pair = cells(pairs, "pixels");
    assert_eq!(
        pair[1..],
        ["0", "700", "0", "298", "2", "<", "1e-12", "<", "1e-12"]
    );
    assert_eq!(line("Bag")[1..], ["40.0", "(75.0)", "40.0", "(75.0)"]);
    assert!(explains(&text, "(-)", "the reference has no row"));
    assert!(explains(&text, "cannot tell", "all or no"));
    assert_eq!(line("Coat")[1..], ["40.0", "(-)", "40.0", "(-)"]);
    let mut one = report(false);
    one.spaces.truncate(1);
    one.pairs.clear();
    one.spaces[0].notions[0].rate.undecided = 5;
    let text = self::text(&one);
    assert!(!explains(&text, "cannot tell", ""));
    assert!(
        !text.contains("Query by query") && text.contains("which count as not outside."),
        "{text}"
    );
}

/// A terminal shows the findings of the first spaces before the tables, and says where the others are.
#[test]
fn the_findings_of_the_first_spaces_come_first() {
    let mut report = report(false);
    let place =
        |text: &str, what: &str| text.find(what).unwrap_or_else(|| panic!("{what}: {text}"));
    let few = text(&report);
    let order = [
        "What it says",
        "30.0 % of the queries are outside the hull",
        "100 % of the queries are outside the hull",
        "Inside the hull means: ",
        "Rates and distances by space.",
    ];
    assert!(order.map(|what| place(&few, what)).is_sorted());
    assert!(!few.contains("are on the page"));
    report
        .spaces
        .extend((0..5).map(|n| space(&format!("space-{n}"), 16, 300)));
    let many = text(&report);
    place(
        &many,
        "Findings of other spaces, on the page that -o writes: 3.",
    );
    let (said, _) = many.split_once("Rates and distances by space.").unwrap();
    assert!(
        said.contains("\nspace-1") && !said.contains("\nspace-2"),
        "{said}"
    );
}

#[test]
fn json_has_numbers_and_not_every_verdict() {
    let found = json(
        "hullscope compare",
        &serde_json::json!({"seed": 7}),
        &report(true),
    );
    assert_eq!(found["settings"]["seed"], 7);
    let space = &found["spaces"][1];
    assert_eq!(space["space"], "pixels");
    assert_eq!(space["notions"][0]["outside"], 1000);
    assert_eq!(space["d_eff"], Value::Null);
    assert_eq!(space["d_eff_interval"][0], 16.5);
    assert_eq!(space["labels"][0]["own_class"]["rate"], 0.75);
    assert!(space.get("verdicts").is_none() && space.get("picks").is_none());
    assert_eq!(found["pairs"][0]["only_a_inside"], 700);
}

/// The effective dimension is not told where it is only bounded, nor where undecided queries decide the rate.
#[test]
fn a_dimension_is_told_where_it_is_known() {
    let told = |change: &dyn Fn(&mut SpaceReport)| {
        let mut report = report(false);
        report.spaces = vec![space("pixels", 16, 300)];
        change(&mut report.spaces[0]);
        let text = text(&report);
        // A column without any value is left out.
        let undecided = usize::from(explains(&text, "undecided", "queries neither"));
        match explains(&text, "d_eff", "the rank") {
            true => cells(&text, "pixels")[10 + undecided].to_string(),
            false => "-".into(),
        }
    };
    assert_eq!(told(&|_| {}), "17.2");
    assert_eq!(told(&|found| *found = space("pixels", 16, 1000)), "cannot");
    assert_eq!(
        told(&|found| (found.d_eff, found.d_eff_interval) = (None, [None; 2])),
        "-"
    );
    assert_eq!(told(&|found| found.notions[0].rate.undecided = 2), "17.2");
    assert_eq!(told(&|found| found.notions[0].rate.undecided = 200), "-");
}
