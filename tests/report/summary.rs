//! The notions of an analysis as lines for a terminal.

use hullscope::report::table::notions;
use hullscope::study::rate::Rate;
use hullscope::study::summary::NotionSummary;

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
fn words_of<'t>(text: &'t str, start: &str) -> Vec<&'t str> {
    let line = text.lines().find(|line| line.starts_with(start));
    let line = line.unwrap_or_else(|| panic!("{start}: {text}"));
    line.split_whitespace().collect()
}

#[test]
fn each_notion_has_a_line() {
    let notions = |all: &[NotionSummary]| notions(all, 200);
    assert_eq!(notions(&[notion("hull", 3, 0, None)]), "");
    let usual = [notion("hull", 3, 0, None), notion("range", 50, 0, None)];
    let text = notions(&usual);
    assert_eq!(words_of(&text, "notion"), ["notion", "outside", "95", "%"]);
    assert_eq!(words_of(&text, "hull"), ["hull", "1.5", "0.5", "to", "4.3"]);
    let range = ["range", "25.0", "19.5", "to", "31.4"];
    assert_eq!(words_of(&text, "range"), range);
    assert!(
        !text.contains("undecided") && !text.contains("left out"),
        "{text}"
    );
    let all = [
        notion("hull", 3, 2, Some(7)),
        notion("class_own", 0, 200, None),
        notion("knn_10", 200, 0, Some(5)),
    ];
    let text = notions(&all);
    let head = ["notion", "outside", "95", "%", "left", "out", "undecided"];
    assert_eq!(words_of(&text, "notion"), head);
    let hull = ["hull", "1.5", "0.5", "to", "4.3", "7.0", "2"];
    assert_eq!(words_of(&text, "hull"), hull);
    assert_eq!(
        words_of(&text, "class_own"),
        ["class_own", "-", "-", "-", "200"]
    );
    let knn = ["knn_10", "100", "98.1", "to", "100", "5.0", "-"];
    assert_eq!(words_of(&text, "knn_10"), knn);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
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
