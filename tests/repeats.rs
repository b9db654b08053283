//! Equal rows: the answers equal brute force, every row is kept, and the cost is that of the distinct rows.

use crate::common::watched::Watched;
use crate::common::{Kept, gaussian, naive, random, rows};
use hullscope::control::Control;
use hullscope::hull::Verdict;
use hullscope::notion::Classes;
use hullscope::notion::metric::Metric;
use hullscope::notion::registry::Wanted;
use hullscope::rows::Rows;
use hullscope::scan::CpuEngine;
use hullscope::study::Record;
use hullscope::study::analyze::{AnalysisPlan, Sets, prepare, run, run_prepared};
use hullscope::study::summary::Summary;
use rand::RngExt;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The records, the summary, and the scans' floating-point operations.
fn analyze(
    plan: &AnalysisPlan,
    reference: &dyn Rows,
    queries: &dyn Rows,
) -> (Vec<Record>, Summary, u64) {
    let (mut kept, control) = (Kept::default(), Control::default());
    let summary = run(plan, &CpuEngine, reference, queries, &mut kept, &control).unwrap();
    (kept.0, summary, control.progress().flop)
}

/// `n` rows of `d` columns: about one in three repeats an earlier row, and one in four is zero.
fn with_repeats(n: usize, d: usize, seed: u64) -> Vec<f64> {
    let mut values = gaussian(n * d, seed);
    let mut random = random(seed + 1);
    for row in 1..n {
        match random.random_range(0..12) {
            0..4 => {
                let earlier = random.random_range(0..row);
                values.copy_within(earlier * d..(earlier + 1) * d, row * d);
            }
            4..7 => values[row * d..][..d].fill(0.0),
            _ => {}
        }
    }
    values
}

/// The nearest rows, sorted by distance and row number; distances as the program defines them.
fn brute_force(metric: Metric, all: &[f64], q: &[f64], k: usize) -> Vec<(usize, f64)> {
    let product = |x: &[f64], q: &[f64]| x.iter().zip(q).map(|(x, q)| x * q).sum::<f64>();
    let distance = |x: &[f64]| match metric {
        Metric::Euclidean => {
            let square: f64 = x.iter().zip(q).map(|(x, q)| (x - q).powi(2)).sum();
            square.sqrt()
        }
        Metric::Dot => 0.0 - product(x, q),
        Metric::Cosine => match (product(x, x) * product(q, q)).sqrt() {
            0.0 => 1.0,
            lengths => 1.0 - product(x, q) / lengths,
        },
    };
    let mut near: Vec<(usize, f64)> = all
        .chunks_exact(q.len())
        .map(distance)
        .enumerate()
        .collect();
    // Distances that agree up to the rounding of these few operations belong to equal rows.
    let rounded = |distance: f64| (distance * 1e11).round();
    near.sort_by(|a, b| rounded(a.1).total_cmp(&rounded(b.1)).then(a.0.cmp(&b.0)));
    near.truncate(k);
    near
}

#[test]
fn neighbours_name_every_equal_row_in_row_order() {
    let (n, d) = (500, 6);
    let all = with_repeats(n, d, 20);
    // Rows of the reference, other rows, zeros; each query twice.
    let some = [&all[..40 * d], &gaussian(40 * d, 22), &vec![0.0; d]].concat();
    let queries = [&some[..], &some].concat();
    let (reference, asked) = (rows(d, &all), rows(d, &queries));
    for metric in [Metric::Euclidean, Metric::Cosine, Metric::Dot] {
        for k in [1, 7, 200, n + 5] {
            let plan = AnalysisPlan {
                hull: false,
                neighbours: k,
                metric,
                ..AnalysisPlan::default()
            };
            let (records, ..) = analyze(&plan, &reference, &asked);
            assert_eq!(records.len(), queries.len() / d);
            for (record, q) in records.iter().zip(queries.chunks_exact(d)) {
                let expected = brute_force(metric, &all, q, k);
                let found: Vec<usize> = record.neighbours.iter().map(|n| n.row as usize).collect();
                let numbers: Vec<usize> = expected.iter().map(|near| near.0).collect();
                assert_eq!(found, numbers, "{metric:?}, {k} of query {}", record.query);
                for (found, expected) in record.neighbours.iter().zip(&expected) {
                    assert!((found.distance - expected.1).abs() < 1e-11, "{metric:?}");
                }
            }
        }
    }
}

#[test]
fn verdicts_are_those_of_the_different_rows_and_name_rows_of_the_whole_set() {
    let (n, d) = (300, 4);
    let all = with_repeats(n, d, 30);
    let mut first: Vec<&[f64]> = Vec::new();
    for row in all.chunks_exact(d) {
        if !first.contains(&row) {
            first.push(row);
        }
    }
    let different = first.concat();
    assert!(different.len() < all.len() / 2, "{}", different.len());
    let some = [&gaussian(60 * d, 32)[..], &all[..30 * d]].concat();
    let queries = rows(d, &[&some[..], &some].concat());
    let plan = AnalysisPlan {
        gap: Some(0.01),
        self_test: n,
        ..AnalysisPlan::default()
    };
    let reference = rows(d, &all);
    let (records, summary, _) = analyze(&plan, &reference, &queries);
    let (expected, fewer, _) = analyze(&plan, &rows(d, &different), &queries);
    let every = naive::values(&queries);
    for ((record, expected), q) in records.iter().zip(&expected).zip(every.chunks_exact(d)) {
        let (answer, expected) = (
            record.hull.as_ref().unwrap(),
            expected.hull.as_ref().unwrap(),
        );
        assert_eq!(answer.verdict, expected.verdict);
        naive::certificate_holds(&reference, q, answer, plan.tolerance);
    }
    let both = |records: &[Record]| {
        let mut all = records.iter().map(|record| record.hull.clone());
        let first: Vec<_> = all.by_ref().take(some.len() / d).collect();
        (first, all.collect::<Vec<_>>())
    };
    let (once, again) = both(&records);
    assert_eq!(once, again, "equal queries have equal answers");
    assert!(
        records
            .iter()
            .any(|r| r.hull.as_ref().unwrap().verdict == Verdict::Outside)
    );
    // A row with a copy is inside the hull of the others; the other rows have the same verdicts as without copies.
    let (test, fewer) = (summary.self_test.unwrap(), fewer.self_test.unwrap());
    assert_eq!((test.rows, test.inside), (n as u64, n as u64));
    let copied = first
        .iter()
        .filter(|row| all.chunks_exact(d).filter(|x| x == *row).count() > 1);
    let vertices_with_copies = copied
        .filter(|row| {
            let others: Vec<f64> = first
                .iter()
                .filter(|x| x != row)
                .copied()
                .flatten()
                .copied()
                .collect();
            let plan = AnalysisPlan {
                neighbours: 0,
                ..AnalysisPlan::default()
            };
            analyze(&plan, &rows(d, &others), &rows(d, row))
                .1
                .hull
                .unwrap()
                .outside
                == 1
        })
        .count() as u64;
    assert!(vertices_with_copies > 0);
    assert_eq!(
        test.leave_one_out_outside + vertices_with_copies,
        fewer.leave_one_out_outside
    );
}

/// Half of the rows, or of the queries, are equal: zeros, as failed embeddings give, or any other row.
#[test]
fn equal_rows_cost_no_more_than_different_ones() {
    let (n, d) = (400, 48);
    let plan = AnalysisPlan {
        neighbours: 3,
        ..AnalysisPlan::default()
    };
    let work = |all: &[f64], asked: &[f64]| {
        let reference = rows(d, all);
        let read = AtomicUsize::new(0);
        let count = |rows| _ = read.fetch_add(rows, Relaxed);
        let reference = Watched {
            rows: &reference,
            seen: &count,
        };
        let (.., flop) = analyze(&plan, &reference, &rows(d, asked));
        (flop, read.load(Relaxed))
    };
    let (all, asked) = (gaussian(n * d, 40), gaussian(200 * d, 41));
    let (flop, read) = work(&all, &asked);
    let half = |values: &[f64], row: &[f64]| {
        let mut values = values.to_vec();
        values
            .chunks_exact_mut(d)
            .step_by(2)
            .for_each(|value| value.copy_from_slice(row));
        values
    };
    for row in [&vec![0.0; d][..], &all[..d]] {
        for (all, asked) in [
            (half(&all, row), asked.clone()),
            (all.clone(), half(&asked, row)),
            (half(&all, row), half(&asked, row)),
        ] {
            let (more, again) = work(&all, &asked);
            assert!(more <= flop, "{more} operations, {flop} without repeats");
            // Rows that may be equal are read once more for comparison.
            let most = read + n;
            assert!(again <= most, "{again} rows read, {read} without repeats");
        }
    }
}

/// What was computed about a reference is not computed again for the next queries.
#[test]
fn the_next_session_reads_no_more_than_its_queries_need() {
    let (n, d, control) = (3_000, 5, Control::default());
    let reference = rows(d, &gaussian(n * d, 1));
    let read = AtomicUsize::new(0);
    let count = |rows| _ = read.fetch_add(rows, Relaxed);
    let reference = Watched {
        rows: &reference,
        seen: &count,
    };
    let queries = rows(d, &gaussian(d, 2));
    let classes = Classes {
        reference: (0..n as u32).map(|row| row * row % 3).collect(),
        ..Classes::default()
    };
    let sets = Sets {
        reference: &reference,
        queries: &queries,
        classes: Some(&classes),
        layers: &[],
        warnings: &[],
        memory: u64::MAX,
    };
    // The hull, the cone and the manifold scan all rows for a query.
    let notions = "range,ball,knn:3,mahalanobis,leaf,region";
    let plan = AnalysisPlan {
        hull: false,
        notions: Wanted(notions.split(',').map(String::from).collect()),
        ..AnalysisPlan::default()
    };
    let known = prepare(&plan, &CpuEngine, &sets, &control).unwrap();
    let read = || read.swap(0, Relaxed);
    assert!(read() > 3 * n);
    let mut kept = Kept::default();
    run_prepared(&plan, &CpuEngine, &sets, Some(&known), &mut kept, &control).unwrap();
    let again = read();
    assert!(again < n, "{again} rows were read");
}
