//! Verdicts compared with a linear-programming solver, and invariants of any correct solver. Every certificate is
//! checked by the naive checker in `common`.

use crate::common::{gaussian, lp, random, rows, verdicts};
use hullscope::hull::{Answer, Settings, Verdict};
use hullscope::rows::{Memory, Rows};
use proptest::prelude::*;
use rand::RngExt;

fn plain(reference: &dyn Rows, queries: &[f64]) -> Vec<Answer> {
    verdicts(reference, queries, Settings::default())
}

fn kinds(answers: &[Answer]) -> Vec<Verdict> {
    answers.iter().map(|a| a.verdict).collect()
}

/// A small problem of one of several kinds: (d, rows, queries).
pub fn problem(kind: usize, seed: u64) -> (usize, Vec<f64>, Vec<f64>) {
    let mut random = random(seed);
    let d = random.random_range(1..=8);
    let n = random.random_range(1..=50);
    let mut x = gaussian(n * d, seed ^ 0xA5);
    let mut q = gaussian(5 * d, seed ^ 0x5A);
    match kind {
        // Small integers: ties, facets, duplicates.
        1 => {
            x.iter_mut().for_each(|v| *v = v.round());
            q.iter_mut().for_each(|v| *v = v.round());
        }
        // Flat: the last column repeats the first, also in some queries.
        2 => {
            for (i, row) in x
                .chunks_exact_mut(d)
                .chain(q.chunks_exact_mut(d))
                .enumerate()
            {
                if i < n || i % 2 == 0 {
                    row[d - 1] = row[0];
                }
            }
        }
        // Scales from 1e-6 to 1e6, far from the origin.
        3 => {
            for row in x.chunks_exact_mut(d).chain(q.chunks_exact_mut(d)) {
                for (j, value) in row.iter_mut().enumerate() {
                    *value = (*value + 10.0) * 10f64.powi(3 * (j % 5) as i32 - 6);
                }
            }
        }
        // Convex combinations, moved slightly inwards or outwards.
        4 => {
            for query in q.chunks_exact_mut(d) {
                let weights: Vec<f64> = (0..n).map(|_| -random.random::<f64>().ln()).collect();
                let total: f64 = weights.iter().sum();
                let stretch = 1.0 + 0.4 * (random.random::<f64>() - 0.5);
                for j in 0..d {
                    query[j] = stretch
                        * (0..n)
                            .map(|i| weights[i] / total * x[i * d + j])
                            .sum::<f64>();
                }
            }
        }
        // Queries scaled down, so that many are inside.
        _ => q.iter_mut().for_each(|v| *v *= 0.4),
    }
    (d, x, q)
}

#[test]
fn agree_with_a_linear_program_on_random_problems() {
    let (mut compared, mut inside) = (0, 0);
    for seed in 0..300 {
        let (d, x, q) = problem(seed as usize % 6, seed);
        let answers = plain(&rows(d, &x), &q);
        for (answer, query) in answers.iter().zip(q.chunks_exact(d)) {
            // The linear program gets columns of unit range, because its tolerances are absolute.
            let range: Vec<f64> = (0..d)
                .map(|j| {
                    let column = || x.iter().skip(j).step_by(d);
                    column().copied().fold(f64::MIN, f64::max)
                        - column().copied().fold(f64::MAX, f64::min)
                })
                .map(|r| if r > 0.0 { r } else { 1.0 })
                .collect();
            let scale = |v: &[f64]| -> Vec<f64> {
                v.iter()
                    .enumerate()
                    .map(|(i, v)| v / range[i % d])
                    .collect()
            };
            let Some(reach) = lp::reach(d, &scale(&x), &scale(query)) else {
                continue;
            };
            if (reach - 1.0).abs() < 1e-5 {
                continue;
            }
            let expected = if reach > 1.0 {
                Verdict::Inside
            } else {
                Verdict::Outside
            };
            assert_eq!(answer.verdict, expected, "seed {seed}, reach {reach}");
            compared += 1;
            inside += usize::from(reach > 1.0);
        }
    }
    assert!(
        compared >= 1_000,
        "only {compared} problems were clear of the boundary"
    );
    assert!(
        inside > 200 && inside < compared - 200,
        "{inside} of {compared} inside: too one-sided a test"
    );
}

/// An invertible affine map of rows and queries.
fn mapped(d: usize, values: &[f64], seed: u64) -> Vec<f64> {
    let mut map = gaussian(d * d, seed);
    for j in 0..d {
        map[j * d + j] += 3.0;
    }
    let shift = gaussian(d, seed + 1);
    values
        .chunks_exact(d)
        .flat_map(|x| {
            let (map, shift) = (&map, &shift);
            (0..d)
                .map(move |i| shift[i] * 50.0 + (0..d).map(|j| map[i * d + j] * x[j]).sum::<f64>())
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn affine_maps_change_nothing(d in 1usize..7, n in 2usize..200, seed in 0u64..10_000) {
        let x = gaussian(n * d, seed);
        let q: Vec<f64> = gaussian(20 * d, seed + 1).iter().map(|v| 0.7 * v).collect();
        let before = plain(&rows(d, &x), &q);
        let after = plain(&rows(d, &mapped(d, &x, seed)), &mapped(d, &q, seed));
        prop_assert_eq!(kinds(&before), kinds(&after));
    }

    #[test]
    fn order_of_rows_changes_nothing(d in 1usize..7, n in 2usize..200, seed in 0u64..10_000) {
        let x = gaussian(n * d, seed);
        let q: Vec<f64> = gaussian(20 * d, seed + 1).iter().map(|v| 0.7 * v).collect();
        let reversed: Vec<f64> = x.chunks_exact(d).rev().flatten().copied().collect();
        prop_assert_eq!(kinds(&plain(&rows(d, &x), &q)), kinds(&plain(&rows(d, &reversed), &q)));
    }

    #[test]
    fn rows_are_inside_and_extreme_rows_pushed_out_are_not(d in 1usize..9, n in 2usize..300, seed in 0u64..10_000) {
        let x = gaussian(n * d, seed);
        let reference = rows(d, &x);
        let on = plain(&reference, &x);
        prop_assert!(on.iter().all(|a| a.verdict == Verdict::Inside));
        // The row furthest from the origin is a vertex; a point slightly further out is outside.
        let square = |x: &[f64]| x.iter().map(|v| v * v).sum::<f64>();
        let furthest = x.chunks_exact(d).max_by(|a, b| square(a).total_cmp(&square(b))).unwrap();
        let pushed: Vec<f64> = furthest.iter().map(|v| v * (1.0 + 1e-5)).collect();
        prop_assert_eq!(plain(&reference, &pushed)[0].verdict, Verdict::Outside);
    }
}

/// A simplex: queries at its centre, on its edges and facets, and off them by one part in 1e5.
#[test]
fn vertices_edges_and_facets() {
    for d in [1, 2, 3, 10, 40] {
        let mut x = vec![0.0; (d + 1) * d];
        for j in 0..d {
            x[(j + 1) * d + j] = 1.0;
        }
        let reference = rows(d, &x);
        let facet = vec![1.0 / d as f64; d];
        let mut edge = vec![0.0; d];
        edge[0] = 0.5;
        let off = |v: &[f64], by: f64| -> Vec<f64> { v.iter().map(|v| v * (1.0 + by)).collect() };
        let mut below_edge = edge.clone();
        below_edge[d - 1] -= 1e-5;
        let q = [
            facet.clone(),
            off(&facet, -1e-5),
            edge,
            vec![0.0; d],
            off(&facet, 1e-5),
        ]
        .concat();
        let found = kinds(&plain(&reference, &q));
        assert_eq!(found[..4], [Verdict::Inside; 4], "d = {d}");
        assert_eq!(found[4], Verdict::Outside, "d = {d}");
        if d > 1 {
            assert_eq!(kinds(&plain(&reference, &below_edge)), [Verdict::Outside]);
        }
    }
}

#[test]
fn one_row_and_equal_rows() {
    for n in [1, 7] {
        let reference = rows(3, &[2.0, -1.0, 5.0].repeat(n));
        let q = [2.0, -1.0, 5.0, 2.0, -1.0, 5.0001];
        assert_eq!(
            kinds(&plain(&reference, &q)),
            [Verdict::Inside, Verdict::Outside]
        );
    }
    // All rows at the origin: the radius is zero, and so is the tolerance.
    let origin = rows(2, &[0.0; 8]);
    assert_eq!(
        kinds(&plain(&origin, &[0.0, 0.0, 1e-300, 0.0])),
        [Verdict::Inside, Verdict::Outside]
    );
}

#[test]
fn fewer_rows_than_dimensions() {
    let d = 30;
    let x = gaussian(10 * d, 5);
    let middle: Vec<f64> = (0..d)
        .map(|j| (0..10).map(|i| x[i * d + j]).sum::<f64>() / 10.0)
        .collect();
    let mut beside = middle.clone();
    beside[3] += 1e-6;
    let found = plain(&rows(d, &x), &[middle, beside].concat());
    assert_eq!(kinds(&found), [Verdict::Inside, Verdict::Outside]);
    assert_eq!(found[1].scans, 0, "off the affine hull needs no scan");
}

#[test]
fn constant_and_repeated_columns() {
    let base = gaussian(400 * 3, 8);
    let widen = |v: &[f64]| -> Vec<f64> {
        v.chunks_exact(3)
            .flat_map(|x| [x[0], 7.5, x[1], x[0], x[2]])
            .collect()
    };
    let q: Vec<f64> = gaussian(60 * 3, 9).iter().map(|v| 0.8 * v).collect();
    let narrow = kinds(&plain(&rows(3, &base), &q));
    assert_eq!(narrow, kinds(&plain(&rows(5, &widen(&base)), &widen(&q))));
    let mut off = widen(&q[..3]);
    off[1] += 1e-7;
    assert_eq!(
        kinds(&plain(&rows(5, &widen(&base)), &off)),
        [Verdict::Outside]
    );
}

#[test]
fn far_from_the_origin_nothing_changes() {
    let d = 6;
    let x = gaussian(2000 * d, 31);
    let q: Vec<f64> = gaussian(200 * d, 32).iter().map(|v| 0.9 * v).collect();
    let near = kinds(&plain(&rows(d, &x), &q));
    for offset in [1e4, -1e6] {
        let shift = |v: &[f64]| -> Vec<f64> { v.iter().map(|v| v + offset).collect() };
        assert_eq!(near, kinds(&plain(&rows(d, &shift(&x)), &shift(&q))));
    }
}

#[test]
fn bytes_with_ties() {
    let x: Vec<u8> = gaussian(3000 * 6, 3)
        .iter()
        .map(|v| (128.0 + 2.0 * v) as u8)
        .collect();
    let reference = Memory::from_u8("bytes", 6, x.clone());
    let wide: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
    let on = plain(&reference, &wide[..600 * 6]);
    assert!(on.iter().all(|a| a.verdict == Verdict::Inside));
}

#[test]
fn two_thousand_dimensions() {
    let d = 2048;
    let x = gaussian(300 * d, 13);
    let reference = Memory::from_f32("wide", d, x.iter().map(|&v| v as f32).collect());
    let mut exact = vec![0.0; 300 * d];
    reference.read_f64(0, &mut exact).unwrap();
    let mixture: Vec<f64> = (0..d)
        .map(|j| (0..40).map(|i| exact[i * d + j] / 40.0).sum())
        .collect();
    let found = plain(&reference, &[mixture, gaussian(d, 14)].concat());
    assert_eq!(kinds(&found), [Verdict::Inside, Verdict::Outside]);
}

/// Outside by 3e-7 of the radius, as for real latents: f32 cannot resolve it, but the verdict must be right.
#[test]
fn misses_far_below_f32() {
    let d = 12;
    let x = gaussian(2000 * d, 17);
    let reference = rows(d, &x);
    let gap = Settings {
        gap: Some(1e-6),
        ..Settings::default()
    };
    let far: Vec<f64> = gaussian(10 * d, 18).iter().map(|v| 3.0 * v).collect();
    for (query, answer) in far.chunks_exact(d).zip(verdicts(&reference, &far, gap)) {
        // Move towards the hull until a few 1e-7 are left: along the ray from the mean, by bisection on verdicts.
        let (mut inner, mut outer) = (0.0, 1.0);
        for _ in 0..30 {
            let middle = 0.5 * (inner + outer);
            let point: Vec<f64> = query.iter().map(|v| v * middle).collect();
            match plain(&reference, &point)[0].verdict {
                Verdict::Inside => inner = middle,
                _ => outer = middle,
            }
        }
        let at = |t: f64| -> Verdict {
            plain(&reference, &query.iter().map(|v| v * t).collect::<Vec<_>>())[0].verdict
        };
        assert_eq!(at(outer * (1.0 + 3e-7)), Verdict::Outside);
        assert_eq!(at(inner * (1.0 - 3e-7)), Verdict::Inside);
        assert!(answer.distance.unwrap().lower > 0.0);
    }
}

#[test]
fn leave_one_out_judges_without_the_row() {
    use hullscope::control::Control;
    use hullscope::hull::Solver;
    use hullscope::scan::CpuScan;
    let (n, d) = (120, 3);
    let x = gaussian(n * d, 23);
    let reference = rows(d, &x);
    let control = Control::default();
    let scan = CpuScan::new(&reference, &control).unwrap();
    let mut solver = Solver::new(&reference, &scan, Settings::default(), &control).unwrap();
    let all: Vec<usize> = (0..n).collect();
    let found = solver.answer(&x, Some(&all), &control).unwrap();
    for (row, answer) in found.iter().enumerate() {
        let others: Vec<f64> = (0..n)
            .filter(|&i| i != row)
            .flat_map(|i| x[i * d..][..d].to_vec())
            .collect();
        let expected = plain(&rows(d, &others), &x[row * d..][..d])[0].verdict;
        assert_eq!(answer.verdict, expected, "row {row}");
    }
}
