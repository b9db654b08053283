//! The page of a comparison, and its findings.

use super::fixtures::{png, report, tags};
use hullscope::report::compare::{RunInfo, findings, page};
use hullscope::study::compare::{Rate, Report};

fn made() -> RunInfo {
    RunInfo {
        command: "hullscope compare --space 'a|<b>'".into(),
        date: "2026-11-25".into(),
        inputs: vec![("Reference".into(), "train <images>".into())],
        settings: serde_json::json!({ "seed": 7 }),
    }
}

#[test]
fn the_page_is_whole() {
    let png = png(2, 2);
    let text = page(&made(), &report(true), &[("pixels".into(), png)]);
    let tags = tags(&text);
    let count = |tag: &str| tags.iter().filter(|found| *found == tag).count();
    // Three figures, each in a wide and a narrow version.
    assert_eq!((count("svg"), count("img"), count("h1")), (6, 1, 1));
    // Tables of spaces in two blocks, of notions, of pairs, of classes, and of the classes in each of two spaces.
    assert_eq!(count("table"), 7);
    for part in [
        "hullscope compare --space 'a|&lt;b&gt;'",
        "dims:16,<wbr>seed=&lt;b&gt;&amp;&quot;",
        "99.6 to 100",
        "cannot tell",
        "&lt; 1e-12",
        "40.0 (75.0)",
        "40.0 (-)",
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
    let text = page(&made(), &report, &[]);
    tags(&text);
    for absent in [
        "Query by query",
        "By class",
        "Queries to look at",
        "Warnings",
    ] {
        assert!(!text.contains(absent), "{absent}");
    }
    assert!(text.contains("(spaces: 1)"));
}

#[test]
fn first_the_findings_then_the_main_figure_then_the_tables() {
    let text = page(&made(), &report(true), &[]);
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what}"));
    let order = [
        "of the queries are outside the hull (of the",
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
    let text = page(&made(), &report, &[(typed.into(), png(2, 2))]);
    let (broken, whole) = ("file:/<wbr>data", "file:/data/train.npy");
    assert_eq!(
        (text.matches(broken).count(), text.matches(whole).count()),
        (0, 1)
    );
    assert!(text.contains("<summary>train</summary>") && text.contains(">train</text>"));
}

#[test]
fn dimensions_and_what_they_leave_out_are_shown() {
    let mut report = report(false);
    report.spaces[1].repeated_rows = 46;
    let text = page(&made(), &report, &[]);
    assert!(text.contains(">TwoNN<") && text.contains("<td>7.5</td>") && !text.contains(">MLE<"));
    assert!(
        text.contains("equal reference rows, which the intrinsic dimension counts once.")
            && text.contains(">46<")
    );
}

#[test]
fn classes_without_rows_and_undecided_queries_are_explained() {
    let mut report = report(true);
    let text = |report: &Report| page(&made(), report, &[]);
    let said = text(&report);
    assert!(said.contains("at least as many are outside, but for undecided queries"));
    assert!(said.contains("<dt>(-)</dt><dd>the reference has no row of the class.</dd>"));
    assert!(!said.contains("undecided in class"));
    let own = &mut report.spaces[1].labels[0].own_class;
    own.as_mut().unwrap().undecided = 4;
    let said = text(&report);
    assert!(said.contains("undecided in class") && said.contains("<td>4</td>"));
}

#[test]
fn many_pairs_are_folded() {
    let mut report = report(false);
    let more = "All pairs of spaces.";
    assert!(!page(&made(), &report, &[]).contains(more));
    let pair = report.pairs[0].clone();
    for number in 0..20 {
        let mut other = pair.clone();
        other.a = format!("space-{number}");
        report.pairs.push(other);
    }
    let text = page(&made(), &report, &[]);
    assert!(text.contains("--json FILE writes all") && text.contains("for 1 of 21 pairs"));
    assert!(text.contains(more));
}

#[test]
fn a_sentence_a_space_has_hull_ball_and_rows_left_out() {
    let mut found = report(false);
    let said = findings(&found);
    assert_eq!(
        said[0].1,
        "30.0 % of the queries are outside the hull (of the reference rows left out 15.0 %: more extrapolation). 6.0 % of the \
         queries are farther from their nearest row than usual (of the reference rows left out 3.0 %: more extrapolation)."
    );
    found.spaces[0].notions[0].rate.undecided = 2;
    let ball = &mut found.spaces[0].notions[2];
    ball.leave_one_out = None;
    let said = findings(&found);
    assert!(
        said[0]
            .1
            .ends_with("than usual. 2 undecided count as not outside."),
        "{said:?}"
    );
}

#[test]
fn nothing_asked_is_said() {
    let mut found = report(false);
    found.spaces[0]
        .notions
        .retain(|notion| notion.rate.notion == "range");
    assert_eq!(findings(&found)[0].1, "Nothing was asked about the hull.");
}

#[test]
fn each_contrast_has_its_sentence() {
    for (queries, left_out, words) in [
        (999, 998, ": nearly all of both"),
        (600, 300, ": more extrapolation)"),
        (300, 600, ": less extrapolation)"),
        (500, 501, ": no more extrapolation)"),
    ] {
        let mut found = report(false);
        let hull = &mut found.spaces[0].notions[0];
        hull.rate = Rate::new("hull", 1000, queries, 0);
        hull.leave_one_out = Some(Rate::new("hull", 1000, left_out, 0));
        let said = findings(&found)[0].1.clone();
        let (first, _) = said.split_once(". ").unwrap();
        assert!(first.contains(words), "{queries} and {left_out}: {said}");
    }
}

/// Where all or nearly all rows are outside, the finding does not interpret the rate.
#[test]
fn of_rows_on_a_sphere_the_hull_is_no_evidence() {
    let mut found = report(false);
    found.spaces[0].sphere = Some(1.0);
    let said = findings(&found)[0].1.clone();
    let start = "All reference rows have the norm 1.00: none can be inside the hull of others, and the hull is no evidence \
                 (--notion cone asks about directions). 6.0 % of the queries are";
    assert!(
        said.starts_with(start) && !said.contains("30.0 %"),
        "{said}"
    );
    let mut cone = found.spaces[0].notions[0].clone();
    cone.rate.notion = "cone".into();
    found.spaces[0].notions.push(cone);
    let said = findings(&found)[0].1.clone();
    assert!(!said.contains("--notion cone"), "{said}");
    assert!(
        said.contains(
            " 30.0 % of the queries are outside the cone of the rows (of the reference rows left out 15.0 %: "
        ),
        "{said}"
    );
}

#[test]
fn pairs_that_differ_after_correction_are_counted() {
    let pairs = |report: &Report| page(&made(), report, &[]);
    let mut found = report(false);
    assert!(pairs(&found).contains("1 of 1 pairs"));
    found.pairs[0].p_holm = 0.05;
    assert!(pairs(&found).contains("0 of 1 pairs"));
    found.pairs.clear();
    assert!(!pairs(&found).contains("All spaces saw"));
}
