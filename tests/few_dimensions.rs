//! In few dimensions only extreme rows are scanned and a tree finds neighbours: the answers equal those for all rows.

use crate::common::{Kept, gaussian, naive, random, rows, verdicts};
use hullscope::control::Control;
use hullscope::hull::{Evidence, Settings, Solver, Verdict};
use hullscope::notion::metric::Metric;
use hullscope::notion::neighbours::{Method, Neighbours};
use hullscope::rows::Rows;
use hullscope::scan::{CpuEngine, CpuScan};
use hullscope::study::Record;
use hullscope::study::analyze::{AnalysisPlan, Sets, run_sets};
use hullscope::study::summary::Summary;
use rand::RngExt;

fn analyze(
    plan: &AnalysisPlan,
    reference: &dyn Rows,
    queries: &dyn Rows,
    memory: u64,
) -> (Vec<Record>, Summary) {
    let (mut kept, control) = (Kept::default(), Control::default());
    let sets = Sets {
        reference,
        queries,
        classes: None,
        layers: &[],
        warnings: &[],
        memory,
    };
    let summary = run_sets(plan, &CpuEngine, &sets, &mut kept, &control).unwrap();
    (kept.0, summary)
}

/// Reference rows of several kinds, some of them repeated.
fn sets(d: usize) -> Vec<(&'static str, Vec<f64>)> {
    let n = 6_000;
    let plain = gaussian(n * d, 1);
    let map = |f: &dyn Fn(f64) -> f64| plain.iter().map(|&v| f(v)).collect::<Vec<f64>>();
    let mut outlier = plain.clone();
    outlier[5 * d..6 * d].fill(16_384.0);
    let mut flat = plain.clone();
    flat.chunks_exact_mut(d).for_each(|row| row[d - 1] = 0.25);
    vec![
        ("a grid", map(&|v| (4.0 * v).round())),
        ("far from the origin", map(&|v| 1e6 + v)),
        ("an outlier", outlier),
        ("a constant column", flat),
        ("plain", plain),
    ]
}

/// Queries around the rows, on the rows, and between two of the outermost of them.
fn queries(d: usize, x: &[f64]) -> Vec<f64> {
    let mut random = random(3);
    let mut q: Vec<f64> = x[..20 * d].to_vec();
    for _ in 0..70 {
        let mut pick = || &x[random.random_range(0..x.len() / d) * d..][..d];
        let (a, b) = (pick(), pick());
        q.extend(a.iter().zip(b).map(|(a, b)| a + 0.7 * (a - b)));
    }
    let along = |column: usize, sign: f64| {
        let reach = |row: &&[f64]| sign * row[column];
        let rows = x.chunks_exact(d);
        rows.max_by(|a, b| reach(a).total_cmp(&reach(b))).unwrap()
    };
    for column in 0..d {
        let (a, b) = (along(column, 1.0), along((column + 1) % d, -1.0));
        q.extend(a.iter().zip(b).map(|(a, b)| 0.5 * a + 0.5 * b));
    }
    q
}

#[test]
fn verdicts_are_those_about_all_rows() {
    for d in 1..=3 {
        for (what, x) in sets(d) {
            let (reference, q) = (rows(d, &x), queries(d, &x));
            let plan = AnalysisPlan {
                gap: Some(0.01),
                ..AnalysisPlan::default()
            };
            let (found, summary) = analyze(&plan, &reference, &rows(d, &q), u64::MAX);
            let different = summary.reference.rows - summary.reference.duplicate_rows;
            match summary.hull.unwrap().extreme_rows {
                Some(few) => assert!((1..=different / 8).contains(&few), "{what}: {few} rows"),
                None => assert!(different < 4_096, "{what}: {different} rows"),
            }
            let truth = verdicts(
                &reference,
                &q,
                Settings {
                    gap: Some(0.01),
                    ..Settings::default()
                },
            );
            for ((record, truth), query) in found.iter().zip(&truth).zip(q.chunks_exact(d)) {
                let what = format!("{what}, {d} columns, query {}", record.query);
                let answer = record.hull.as_ref().unwrap();
                assert_eq!(answer.verdict, truth.verdict, "{what}");
                naive::certificate_holds(&reference, query, answer, 1e-9);
                let (a, b) = (answer.distance.unwrap(), truth.distance.unwrap());
                assert!(
                    a.lower <= b.upper && b.lower <= a.upper,
                    "{what}: {a:?} {b:?}"
                );
                assert!(
                    a.gap() <= 0.01 * (1.0 + 1e-9)
                        || b.gap() > 0.01
                        // A query inside within the tolerance needs no narrow bracket.
                        || answer.proof == Some(Evidence::Tolerance),
                    "{what}: {a:?} {b:?}"
                );
            }
        }
    }
}

#[test]
fn rows_left_out_are_judged_by_all_others() {
    for d in 1..=3 {
        let x = gaussian(5_000 * d, 4);
        let (reference, control) = (rows(d, &x), Control::default());
        let plan = AnalysisPlan {
            self_test: 5_000,
            ..AnalysisPlan::default()
        };
        let (_, summary) = analyze(&plan, &reference, &rows(d, &x[..d]), u64::MAX);
        let scan = CpuScan::new(&reference, &control).unwrap();
        let mut solver = Solver::new(&reference, &scan, Settings::default(), &control).unwrap();
        let all: Vec<usize> = (0..5_000).collect();
        let truth = solver.answer(&x, Some(&all), &control).unwrap();
        let outside = truth
            .iter()
            .filter(|a| a.verdict == Verdict::Outside)
            .count() as u64;
        let test = summary.self_test.unwrap();
        assert_eq!(
            (test.inside, test.leave_one_out_outside),
            (5_000, outside),
            "{d} columns"
        );
        // Exactly the corners are outside the hull of the other rows.
        assert_eq!(Some(outside), summary.hull.unwrap().extreme_rows);
    }
}

#[test]
fn neighbours_are_the_same_by_a_tree_and_by_scans() {
    let d = 3;
    for (what, x) in sets(d) {
        let q = queries(d, &x);
        let (reference, asked) = (rows(d, &x), rows(d, &q));
        for metric in [Metric::Euclidean, Metric::Cosine] {
            let plan = AnalysisPlan {
                hull: false,
                neighbours: 5,
                metric,
                ..AnalysisPlan::default()
            };
            let (by_tree, tree) = analyze(&plan, &reference, &asked, u64::MAX);
            let (by_scan, scan) = analyze(&plan, &reference, &asked, 1 << 16);
            assert_eq!(tree.neighbours.unwrap().method, Method::Tree);
            assert_eq!(scan.neighbours.unwrap().method, Method::Scan);
            // Compared as text, because a ratio may be NaN.
            let (by_tree, by_scan) = (format!("{by_tree:?}"), format!("{by_scan:?}"));
            assert_eq!(by_tree, by_scan, "{what}, {metric:?}");
            assert_eq!(tree.reference.median_nearest, scan.reference.median_nearest);
            assert_eq!(tree.reference.nearest_q95, scan.reference.nearest_q95);
        }
    }
    // The tree is not used for inner products.
    let (reference, control) = (rows(d, &gaussian(30, 1)), Control::default());
    let scan = CpuScan::new(&reference, &control).unwrap();
    let search = Neighbours::new(&reference, &scan, Metric::Dot);
    assert_eq!(search.method(), Method::Scan);
}
