//! Compares trees with scans, on rows that are hard for trees.

use super::*;
use crate::notion::neighbours::Neighbours;
use crate::rows::Memory;
use crate::scan::Engine;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The results of a scan and of a tree.
fn both(d: usize, x: &[f64], q: &[f64], k: usize, metric: Metric) -> [Vec<Vec<Near>>; 2] {
    let (rows, control) = (Memory::from_f64("rows", d, x.to_vec()), Control::default());
    let unit = crate::notion::neighbours::UnitReference::new(&rows);
    let scan = match metric {
        Metric::Cosine => unit
            .scan(
                &crate::scan::CpuEngine,
                &crate::notion::Fits::default(),
                &control,
            )
            .unwrap(),
        _ => crate::scan::CpuEngine.scan(&rows, &control).unwrap(),
    };
    let scanned = Neighbours::new(&rows, &*scan, metric);
    let tree = Tree::new(&rows, metric, &control).unwrap().unwrap();
    let grown = Neighbours::by_tree(&rows, tree.into());
    [scanned, grown].map(|search| search.nearest(q, k, &control).unwrap())
}

fn same(d: usize, x: &[f64], q: &[f64], k: usize, metric: Metric, what: &str) {
    let [scanned, grown] = both(d, x, q, k, metric);
    for (query, (a, b)) in scanned.iter().zip(&grown).enumerate() {
        assert_eq!(
            a, b,
            "{what}: query {query} of {d} columns, k = {k}, {metric:?}"
        );
    }
}

fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| random.random_range(-1.0..1.0)).collect()
}

/// Sets of rows that are hard for trees, and queries to them, some of which equal rows.
fn hard(d: usize, seed: u64) -> Vec<(&'static str, Vec<f64>)> {
    let plain = noise(700 * d, seed);
    let map = |f: &dyn Fn(f64) -> f64| plain.iter().map(|&v| f(v)).collect::<Vec<f64>>();
    let mut constant = plain.clone();
    constant.iter_mut().step_by(d).for_each(|v| *v = 3.0);
    let mut outlier = plain.clone();
    outlier[5 * d..6 * d].fill(-1e250);
    let mut line = plain.clone();
    for row in line.chunks_exact_mut(d) {
        let first = row[0];
        row.fill(first);
    }
    vec![
        ("a grid", map(&|v| (3.0 * v).round())),
        ("far from the origin", map(&|v| 1e8 + v)),
        (
            "a few values far from the origin",
            map(&|v| 1e8 + (8.0 * v).round() * 1e-7),
        ),
        ("one value", vec![0.25; 700 * d]),
        ("beyond squares", map(&|v| 1e200 * v)),
        ("below squares", map(&|v| 1e-170 * v)),
        ("at the edge of squares", map(&|v| 1e-140 * v)),
        ("zeros", map(&|v| if v < 0.9 { 0.0 } else { v })),
        ("a constant column", constant),
        ("an outlier", outlier),
        ("a line", line),
        ("plain", plain),
    ]
}

#[test]
fn trees_find_what_scans_find() {
    for d in [1, 2, 3, 10] {
        for (what, x) in hard(d, d as u64) {
            let mut queries = x[..20 * d].to_vec();
            queries.extend(x[20 * d..40 * d].iter().map(|v| v * 1.5));
            queries.extend(noise(10 * d, 9));
            queries.extend(vec![0.0; d]);
            queries.extend(vec![1e180; d]);
            queries.extend(vec![-1e-200; d]);
            for k in [1, 10, 64] {
                same(d, &x, &queries, k, Metric::Euclidean, what);
                same(d, &x, &queries, k, Metric::Cosine, what);
            }
        }
    }
}

#[test]
fn any_number_of_rows_and_neighbours() {
    for n in [1, 2, 15, 16, 17, 31, 33, 100, 257] {
        let x: Vec<f64> = noise(n * 3, 4).iter().map(|v| (4.0 * v).round()).collect();
        for k in [1, n / 2 + 1, n, n + 5] {
            same(3, &x, &noise(12, 5), k, Metric::Euclidean, "a grid");
            same(3, &x, &x[..3], k, Metric::Cosine, "a grid");
        }
    }
}

/// Enough points for several threads in the construction, many of them at the same distance.
#[test]
fn large_trees_keep_the_lower_of_equal_rows() {
    let x: Vec<f64> = noise(2 * 30_000, 6)
        .iter()
        .map(|v| (60.0 * v).round())
        .collect();
    let queries: Vec<f64> = noise(2 * 100, 7)
        .iter()
        .map(|v| (60.0 * v).round() + 0.5)
        .collect();
    same(2, &x, &queries, 3, Metric::Euclidean, "a grid");
    same(2, &x, &queries, 3, Metric::Cosine, "a grid");
}

#[test]
fn a_tree_is_made_only_where_it_fits() {
    let (rows, control) = (
        Memory::from_f64("rows", 2, noise(2000, 8)),
        Control::default(),
    );
    let frame = Frame::survey(&rows, &control).unwrap();
    let made = |metric, room| {
        let tree = Tree::where_it_pays(&rows, &frame, metric, room, &control);
        tree.unwrap().is_some()
    };
    assert!(made(Metric::Euclidean, u64::MAX) && made(Metric::Cosine, bytes(1000, 2)));
    assert!(!made(Metric::Euclidean, bytes(1000, 2) - 1) && !made(Metric::Dot, u64::MAX));
    control.stop();
    assert!(Tree::new(&rows, Metric::Euclidean, &control).is_err());
}

#[test]
fn a_stopped_search_ends() {
    let (rows, control) = (
        Memory::from_f64("rows", 2, noise(2000, 8)),
        Control::default(),
    );
    let tree = Tree::new(&rows, Metric::Euclidean, &control)
        .unwrap()
        .unwrap();
    control.stop();
    assert!(tree.nearest(&[0.0; 2], 2, 1, &control).is_err());
}

/// `cargo test --release --lib crossover -- --ignored --nocapture` prints the timings at [`pays`] (for more columns, add them
/// in [`Tree::new`]).
#[test]
#[ignore = "a measurement"]
fn crossover() {
    let control = Control::default();
    for d in [2, 3, 4, 6, 8, 10] {
        for n in [1_000, 10_000, 100_000, 1_000_000] {
            let mut random = ChaCha8Rng::seed_from_u64(d as u64);
            let mut normal = |count| -> Vec<f32> {
                let law = rand_distr::StandardNormal;
                (0..count).map(|_| random.sample::<f32, _>(law)).collect()
            };
            let rows = Memory::from_f32("rows", d, normal(n * d));
            let queries: Vec<f64> = normal(2_000 * d).iter().map(|&v| f64::from(v)).collect();
            for k in [1, 10] {
                let started = std::time::Instant::now();
                let scan = crate::scan::CpuEngine.scan(&rows, &control).unwrap();
                let search = Neighbours::new(&rows, &*scan, Metric::Euclidean);
                let made = started.elapsed();
                let a = search.nearest(&queries, k, &control).unwrap();
                let scanned = started.elapsed() - made;
                let started = std::time::Instant::now();
                let tree = Tree::new(&rows, Metric::Euclidean, &control)
                    .unwrap()
                    .unwrap();
                let search = Neighbours::by_tree(&rows, tree.into());
                let grown = started.elapsed();
                let b = search.nearest(&queries, k, &control).unwrap();
                let found = started.elapsed() - grown;
                assert_eq!(a, b);
                println!(
                    "d {d:2} n {n:7} k {k:2}: scan {scanned:10.2?}, tree {found:10.2?} + {grown:10.2?}"
                );
            }
        }
    }
}
