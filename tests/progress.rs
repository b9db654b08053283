//! The lines that are printed during long work, for simulated clocks and for an analysis.

use crate::common::Kept;
use crate::common::watched::Watched;
use hullscope::cli::progress::{PATIENCE, ProgressLines};
use hullscope::control::{Control, Progress, WorkStage};
use hullscope::notion::Classes;
use hullscope::notion::registry::Wanted;
use hullscope::rows::synthetic;
use hullscope::scan::CpuEngine;
use hullscope::study::analyze::{AnalysisPlan, Sets, run_sets};
use std::sync::Mutex;
use std::time::{Duration, Instant};

#[test]
fn a_line_tells_of_each_finished_task_and_of_long_stages() {
    let mut lines = ProgressLines::new("", PATIENCE);
    let start = Instant::now();
    let mut look = |task: &str, stage, seconds| {
        let progress = Progress {
            stage,
            ..Progress::default()
        };
        lines.look(task, &progress, start + Duration::from_secs(seconds))
    };
    assert!(look("", WorkStage::Read, 0).is_empty());
    assert!(look("pca:8 (1 of 2)", WorkStage::Survey, 1).is_empty());
    assert!(look("pca:8 (1 of 2)", WorkStage::Hull, 2).is_empty());
    let found = look("pca:16 (2 of 2)", WorkStage::Survey, 30);
    assert_eq!(
        found,
        [
            "pca:8 (1 of 2): verdicts took 28 s",
            "pca:8 (1 of 2): done in 29.0 s"
        ]
    );
    assert_eq!(
        look("", WorkStage::Survey, 33),
        ["pca:16 (2 of 2): done in 3.0 s"]
    );
    assert!(look("", WorkStage::Survey, 40).is_empty());
    assert!(look("pca:2", WorkStage::Survey, 41).is_empty());
    assert!(look("", WorkStage::Survey, 41).is_empty(), "it was quick");
}

/// The estimate is printed once, after some seconds, where minutes are left.
#[test]
fn a_line_tells_how_long_a_long_stage_will_take() {
    let mut lines = ProgressLines::new("compare", PATIENCE);
    let start = Instant::now();
    let mut look = |done, total, seconds| {
        let progress = Progress {
            stage: WorkStage::Hull,
            done,
            total,
            ..Progress::default()
        };
        lines.look("pixels", &progress, start + Duration::from_secs(seconds))
    };
    assert!(look(0, 100, 0).is_empty());
    assert!(look(1, 100, 4).is_empty(), "too early to tell");
    let said = look(5, 100, 10);
    assert!(
        said[0].starts_with(
            "pixels: verdicts: about 4 min left, by the 5 % done in 10 s; --no-distance and fewer"
        ),
        "{said:?}"
    );
    assert!(look(6, 100, 12).is_empty(), "it was said");
    let mut quick = ProgressLines::new("", PATIENCE);
    let most = Progress {
        done: 90,
        total: 100,
        ..Progress::default()
    };
    assert!(quick.look("", &most, start).is_empty());
    assert!(
        quick
            .look("", &most, start + Duration::from_secs(10))
            .is_empty()
    );
}

/// A stage that is entered for each block of queries is one stage: its time is reported once, at the end, and its estimate
/// covers all blocks.
#[test]
fn a_stage_in_blocks_is_one_stage() {
    let mut lines = ProgressLines::new("analyze", PATIENCE);
    let start = Instant::now();
    let mut look = |stage, notion: &str, done, seconds| {
        let progress = Progress {
            stage,
            notion: notion.into(),
            done,
            total: 100_000,
            ..Progress::default()
        };
        let now = start + Duration::from_secs(seconds);
        lines.look("pixels", &progress, now)
    };
    assert!(look(WorkStage::Hull, "", 0, 0).is_empty());
    assert!(look(WorkStage::Hull, "", 10_000, 3).is_empty());
    // Units are counted once a block is over: the time left is known when the next block begins.
    assert!(look(WorkStage::Notion, "delaunay", 0, 3).is_empty());
    assert!(look(WorkStage::Notion, "delaunay", 0, 23).is_empty());
    assert!(look(WorkStage::Hull, "", 10_000, 24).is_empty());
    assert!(look(WorkStage::Hull, "", 20_000, 26).is_empty(), "quick");
    let said = look(WorkStage::Notion, "delaunay", 10_000, 27);
    assert_eq!(
        said,
        [
            "pixels: notion delaunay: about 4 min left, by the 10 % done in 21 s; a list of --notion without delaunay \
          leaves it out, and in --notion all it judges 500 queries"
        ]
    );
    assert!(look(WorkStage::Notion, "delaunay", 20_000, 46).is_empty());
    assert!(look(WorkStage::Hull, "", 20_000, 47).is_empty());
    assert!(look(WorkStage::Notion, "delaunay", 20_000, 50).is_empty());
    assert!(look(WorkStage::Hull, "", 30_000, 70).is_empty());
    assert!(look(WorkStage::Notion, "delaunay", 30_000, 70).is_empty());
    assert_eq!(
        lines.end(start + Duration::from_secs(75)),
        [
            "pixels: notion delaunay took 66 s",
            "pixels: done in 75.0 s"
        ]
    );
}

/// The advice is the option that leaves out the stage at work: for a notion on left-out rows that is `--loo 0`.
#[test]
fn the_advice_of_a_notion_names_it() {
    let check_of = |command, stage, notion: &str, total, name: &str, advice: &str| {
        let mut lines = ProgressLines::new(command, PATIENCE);
        let start = Instant::now();
        let mut look = |done, seconds| {
            let progress = Progress {
                stage,
                notion: notion.into(),
                done,
                total,
                ..Progress::default()
            };
            lines.look("", &progress, start + Duration::from_secs(seconds))
        };
        assert!(look(0, 0).is_empty());
        let said = look(1, 10);
        let [line] = &said[..] else {
            panic!("{said:?}")
        };
        let begins = line.starts_with(&format!("{name}: about "));
        assert!(begins && line.ends_with(advice), "{line}");
    };
    let check = |stage, notion: &str, total, name: &str, advice: &str| {
        check_of("analyze", stage, notion, total, name, advice);
    };
    let without = |name: &str| format!(" s; a list of --notion without {name} leaves it out");
    for (stage, notion, total, name, kind) in [
        (
            WorkStage::Notion,
            "class_own",
            9000,
            "notion class_own",
            "class",
        ),
        (WorkStage::Notion, "gauge", 500, "notion gauge", "gauge"),
        (
            WorkStage::Fit,
            "manifold_3",
            60_000,
            "fitting manifold_3",
            "manifold",
        ),
        (
            WorkStage::Figures,
            "manifold",
            9,
            "figures of manifold",
            "manifold",
        ),
    ] {
        check(stage, notion, total, name, &without(kind));
    }
    let left_out = " s; --loo 0 leaves it out";
    check(
        WorkStage::LeaveOneOut,
        "cone",
        1000,
        "rows left out, cone",
        left_out,
    );
    check(WorkStage::Fit, "", 9, "fitting", " s");
    for (stage, name, advice) in [
        (
            WorkStage::Trials,
            "trials",
            " s; fewer --trials and smaller --sizes are quicker",
        ),
        (
            WorkStage::Hull,
            "verdicts",
            " s; smaller --sizes are quicker",
        ),
    ] {
        check_of("sweep", stage, "", 9000, name, advice);
    }
}

/// For an analysis without a terminal: the lines name every notion that takes long while it works, and no stage counts more
/// than its total.
#[test]
fn notions_at_work_are_estimated_by_name() {
    let plan = AnalysisPlan {
        gap: Some(0.01),
        notions: Wanted(vec!["delaunay,cone,gauge,class,local".into()]),
        leave_one_out: 100,
        ..AnalysisPlan::default()
    };
    let said = watched(&plan, 700);
    for name in ["delaunay", "cone", "gauge", "class_own", "local"] {
        let begins = format!("notion {name}: about ");
        let told: Vec<&String> = said
            .iter()
            .filter(|line| line.starts_with(&begins))
            .collect();
        assert_eq!(told.len(), 1, "{name} in {said:#?}");
        assert!(told[0].contains(" without "), "{told:?}");
    }
    let left_out = said
        .iter()
        .filter(|line| line.starts_with("rows left out, cone: about"));
    assert_eq!(left_out.count(), 1, "{said:#?}");
}

/// The total of a notion's stage is the size of the sample of queries that it judges.
#[test]
fn the_stage_of_a_sampled_notion_is_its_sample() {
    let plan = AnalysisPlan {
        gap: Some(0.01),
        notions: Wanted(vec!["all".into()]),
        ..AnalysisPlan::default()
    };
    let said = watched(&plan, 500);
    assert!(
        said.iter()
            .any(|line| line.starts_with("notion delaunay: about")),
        "{said:#?}"
    );
}

/// The lines of an analysis under thresholds that make every stage a long one; every reading checks the counters, and
/// that the total of the notion delaunay is `delaunay_queries`.
fn watched(plan: &AnalysisPlan, delaunay_queries: u64) -> Vec<String> {
    let control = Control::default();
    let lines = Mutex::new((ProgressLines::new("analyze", Duration::ZERO), Vec::new()));
    // Lines are printed whenever rows are read.
    let look = |_| {
        let mut lines = lines.lock().unwrap();
        let progress = control.progress();
        assert!(
            progress.total == 0 || progress.done <= progress.total,
            "{progress:?}"
        );
        if progress.notion == "delaunay" && progress.stage == WorkStage::Notion {
            assert_eq!(progress.total, delaunay_queries);
        }
        let found = lines.0.look("", &progress, Instant::now());
        lines.1.extend(found);
    };
    let rows = Watched {
        rows: &synthetic::gaussian(300, 5, 1),
        seen: &look,
    };
    let queries = synthetic::gaussian(700, 5, 2);
    let classes = Classes {
        reference: (0..300).map(|row| row % 2).collect(),
        queries: (0..700).map(|query| query % 2).collect(),
        ..Classes::default()
    };
    let sets = Sets {
        reference: &rows,
        queries: &queries,
        classes: Some(&classes),
        layers: &[],
        warnings: &[],
        memory: u64::MAX,
    };
    run_sets(plan, &CpuEngine, &sets, &mut Kept::default(), &control).unwrap();
    lines.into_inner().unwrap().1
}
