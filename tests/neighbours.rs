//! Nearest neighbours compared with brute force in f64: exact for all data, also where f32 alone is not.

use crate::common::{gaussian, naive, rows};
use hullscope::control::{Control, WorkStage};
use hullscope::notion::metric::Metric;
use hullscope::notion::neighbours::{Neighbours, UnitReference};
use hullscope::rows::{Memory, Repeats, Rows};
use hullscope::scan::{CpuScan, Scan};

fn search(reference: &dyn Rows, queries: &[f64], k: usize) -> Vec<Vec<(usize, f64)>> {
    let control = Control::default();
    let scan = CpuScan::new(reference, &control).unwrap();
    Neighbours::new(reference, &scan, Metric::Euclidean)
        .nearest(queries, k, &control)
        .unwrap()
}

fn agrees_with_brute_force(reference: &dyn Rows, queries: &[f64], k: usize) {
    let found = search(reference, queries, k);
    for (query, (found, q)) in found
        .iter()
        .zip(queries.chunks_exact(reference.dim()))
        .enumerate()
    {
        let expected = naive::nearest(reference, q, k);
        let rows: Vec<usize> = expected.iter().map(|e| e.1).collect();
        assert_eq!(
            found.iter().map(|f| f.0).collect::<Vec<_>>(),
            rows,
            "query {query}"
        );
        for (found, expected) in found.iter().zip(&expected) {
            assert!(
                (found.1 - expected.0).abs() <= 1e-12 * expected.0,
                "{found:?} {expected:?}"
            );
        }
    }
}

#[test]
fn far_from_the_origin() {
    let (n, d) = (3000, 24);
    for offset in [0.0, 100.0, 1e3, 1e4] {
        let shift = |v: Vec<f64>| -> Vec<f32> { v.iter().map(|v| (v + offset) as f32).collect() };
        let reference = Memory::from_f32("far", d, shift(gaussian(n * d, 1)));
        let queries: Vec<f64> = shift(gaussian(300 * d, 2))
            .iter()
            .map(|&v| f64::from(v))
            .collect();
        agrees_with_brute_force(&reference, &queries, 10);
    }
}

#[test]
fn any_k_and_any_shape() {
    for (n, d, k) in [
        (1, 1, 1),
        (5, 3, 9),
        (700, 2, 1),
        (700, 40, 64),
        (300, 7, 300),
    ] {
        agrees_with_brute_force(&rows(d, &gaussian(n * d, 3)), &gaussian(40 * d, 4), k);
    }
}

#[test]
fn ties_and_duplicates_go_to_the_lower_row() {
    let d = 2;
    let grid: Vec<f64> = gaussian(4000 * d, 5).iter().map(|v| v.round()).collect();
    agrees_with_brute_force(&rows(d, &grid), &grid[..100 * d], 12);
}

#[test]
fn a_reference_row_is_at_distance_zero_and_near_duplicates_keep_their_digits() {
    let d = 16;
    let mut x: Vec<f64> = gaussian(500 * d, 6).iter().map(|v| v + 1000.0).collect();
    let twin: Vec<f64> = x[..d].iter().map(|v| v + 1e-9).collect();
    x.extend(&twin);
    let reference = rows(d, &x);
    let found = search(&reference, &x[..d], 2);
    assert_eq!(found[0][0], (0, 0.0));
    assert_eq!(found[0][1].0, 500);
    agrees_with_brute_force(&reference, &x[..20 * d], 3);
}

#[test]
fn columns_of_very_different_scale() {
    let d = 5;
    let stretch = |v: Vec<f64>| -> Vec<f64> {
        v.iter()
            .enumerate()
            .map(|(i, v)| v * 10f64.powi(3 * (i % d) as i32 - 6))
            .collect()
    };
    agrees_with_brute_force(
        &rows(d, &stretch(gaussian(900 * d, 7))),
        &stretch(gaussian(50 * d, 8)),
        5,
    );
}

#[test]
fn a_query_absurdly_far_away_still_has_neighbours() {
    let reference = rows(3, &gaussian(100 * 3, 9));
    agrees_with_brute_force(&reference, &[1e30, -1e25, 0.0, 1e12, 1e12, 1e12], 3);
}

#[test]
fn cosine_and_dot() {
    let (n, d) = (800, 12);
    let mut x: Vec<f64> = gaussian(n * d, 10).iter().map(|v| v + 0.3).collect();
    x[..d].fill(0.0);
    let reference = rows(d, &x);
    let queries = [gaussian(30 * d, 11), vec![0.0; d]].concat();
    let control = Control::default();
    let unit = UnitReference::new(&reference);
    let unit_scan = unit
        .scan(
            &hullscope::scan::CpuEngine,
            &hullscope::notion::Fits::default(),
            &control,
        )
        .unwrap();
    let scan = CpuScan::new(&reference, &control).unwrap();
    let product = |x: &[f64], q: &[f64]| x.iter().zip(q).map(|(x, q)| x * q).sum::<f64>();
    for metric in [Metric::Cosine, Metric::Dot] {
        let engine = if metric == Metric::Cosine {
            &*unit_scan
        } else {
            &scan as &dyn hullscope::scan::Scan
        };
        let found = Neighbours::new(&reference, engine, metric)
            .nearest(&queries, 7, &control)
            .unwrap();
        for (found, q) in found.iter().zip(queries.chunks_exact(d)) {
            let mut expected: Vec<(f64, usize)> = x
                .chunks_exact(d)
                .map(|x| {
                    let lengths = (product(x, x) * product(q, q)).sqrt();
                    match metric {
                        Metric::Dot => -product(x, q),
                        _ if lengths == 0.0 => 1.0,
                        _ => 1.0 - product(x, q) / lengths,
                    }
                })
                .zip(0..)
                .collect();
            expected.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found.0, expected.1, "{metric:?}");
                assert!((found.1 - expected.0).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn leave_one_out_skips_the_row_itself() {
    let reference = rows(1, &[0.0, 1.0, 1.0, 5.0]);
    let control = Control::default();
    let scan = CpuScan::new(&reference, &control).unwrap();
    let search = Neighbours::new(&reference, &scan, Metric::Euclidean);
    assert_eq!(
        search.others(&[0, 1, 2, 3], 2, &control).unwrap(),
        [
            [(1, 1.0), (2, 1.0)],
            [(2, 0.0), (0, 1.0)],
            [(1, 0.0), (0, 1.0)],
            [(1, 4.0), (2, 4.0)]
        ]
    );
}

/// All rows at once, by products that serve two rows each, as one by one: points at equal distances (more than are proposed at
/// first), equal rows, a far row, and columns that need a scale each, for which no product serves both.
#[test]
fn all_rows_at_once_have_the_neighbours_that_each_has_alone() {
    let control = Control::default();
    let even = gaussian(3000 * 6, 12);
    let grid: Vec<f64> = gaussian(2600 * 4, 13)
        .iter()
        .map(|v| (2.0 * v).round())
        .collect();
    let corners: Vec<f64> = (0..4096)
        .flat_map(|row| (0..12).map(move |j| f64::from(row >> j & 1)))
        .collect();
    let mut far = even.clone();
    far[6..9].fill(1e13);
    let uneven = even.iter().zip([1.0, 1e5].iter().cycle());
    let uneven: Vec<f64> = uneven.map(|(v, s)| v * s).collect();
    for (d, values, together) in [
        (6, &even, true),
        (4, &[&grid[..], &gaussian(2500 * 4, 14)].concat(), true),
        (12, &corners, true),
        (6, &far, true),
        (6, &uneven, false),
    ] {
        let all = rows(d, values);
        let repeats = Repeats::of_values(values, d, &control).unwrap();
        let subset = repeats.as_ref().map(|repeats| repeats.subset(&all));
        let distinct: &dyn Rows = subset.as_ref().map_or(&all, |subset| subset);
        let scan = CpuScan::new(distinct, &control).unwrap();
        assert_eq!(scan.own(9, &control).unwrap().is_some(), together);
        let search = Neighbours::new(distinct, &scan, Metric::Euclidean).filling(repeats.as_ref());
        let first = |place| {
            repeats
                .as_ref()
                .map_or(place, |repeats| repeats.first(place))
        };
        let firsts: Vec<usize> = (0..distinct.len()).map(first).collect();
        let mut found = Vec::new();
        control.begin(WorkStage::Fit, distinct.len() as u64);
        search
            .others_of_all(6, &control, |near| found.push(near))
            .unwrap();
        assert_eq!(control.progress().done, distinct.len() as u64);
        assert_eq!(found, search.others(&firsts, 6, &control).unwrap());
    }
}
