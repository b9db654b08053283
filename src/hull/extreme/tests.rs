//! Tests of the kept rows, in exact integer arithmetic.

use super::*;
use crate::rows::Memory;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const ROWS: usize = 6_000;

/// The indices of the kept rows.
fn of(d: usize, values: &[f64]) -> Option<Vec<usize>> {
    let (rows, control) = (
        Memory::from_f64("rows", d, values.to_vec()),
        Control::default(),
    );
    let frame = Frame::survey(&rows, &control).unwrap();
    let kept = extreme(&rows, &frame, &control).unwrap();
    kept.map(|kept| kept.chosen().to_vec())
}

/// Integers with an approximately normal distribution: sums of three uniform ones.
fn whole(d: usize, most: i64, seed: u64) -> Vec<i64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut one = || random.random_range(-most..=most);
    (0..ROWS * d).map(|_| one() + one() + one()).collect()
}

fn floats(values: &[i64]) -> Vec<f64> {
    values.iter().map(|&value| value as f64).collect()
}

/// Asserts that no row lies beyond the kept ones: neither along any of many directions nor beyond any face of the hull
/// of the kept rows.
fn holds(d: usize, values: &[i64], kept: &[usize], what: &str) {
    let row = |row: usize| &values[row * d..][..d];
    let reach = |normal: &[i64], x: &[i64]| -> i128 {
        let each = normal.iter().zip(x);
        each.map(|(a, b)| i128::from(*a) * i128::from(*b)).sum()
    };
    let farthest = |normal: &[i64], rows: &mut dyn Iterator<Item = usize>| {
        rows.map(|at| reach(normal, row(at))).max().unwrap()
    };
    let mut normals: Vec<Vec<i64>> = Vec::new();
    let mut random = ChaCha8Rng::seed_from_u64(5);
    normals.extend((0..60).map(|_| (0..d).map(|_| random.random_range(-99..=99)).collect()));
    let minus = |a: usize, b: usize| -> Vec<i64> {
        row(a).iter().zip(row(b)).map(|(a, b)| a - b).collect()
    };
    let some: Vec<usize> = kept
        .iter()
        .copied()
        .step_by(kept.len().div_ceil(8))
        .collect();
    for &a in &some {
        for &b in &some {
            if d == 2 {
                let along = minus(b, a);
                normals.push(vec![along[1], -along[0]]);
            }
            for &c in some.iter().filter(|_| d == 3 && a < b) {
                let (u, v) = (minus(b, a), minus(c, a));
                normals.push(vec![
                    u[1] * v[2] - u[2] * v[1],
                    u[2] * v[0] - u[0] * v[2],
                    u[0] * v[1] - u[1] * v[0],
                ]);
            }
        }
    }
    for normal in normals {
        // Rows can lie beyond three kept rows only if these span a face.
        let of_kept = farthest(&normal, &mut kept.iter().copied());
        let mut all = 0..values.len() / d;
        assert!(
            all.all(|at| reach(&normal, row(at)) <= of_kept),
            "{what}: {normal:?}"
        );
    }
}

#[test]
fn every_row_lies_between_those_that_are_kept() {
    for d in 1..=3 {
        let plain = whole(d, 1 << 16, 3);
        let by = |f: &dyn Fn(usize, i64) -> i64| -> Vec<i64> {
            plain
                .iter()
                .enumerate()
                .map(|(at, &v)| f(at % d, v))
                .collect()
        };
        let mut sorted: Vec<Vec<i64>> = plain.chunks_exact(d).map(<[i64]>::to_vec).collect();
        sorted.sort();
        let first = |at: usize| plain[at / d * d];
        let line: Vec<i64> = (0..plain.len())
            .map(|at| (at % d) as i64 + first(at))
            .collect();
        let plane: Vec<i64> = (0..plain.len())
            .map(|at| {
                if at % d == 2 {
                    plain[at - 1] - 3 * plain[at - 2]
                } else {
                    plain[at]
                }
            })
            .collect();
        for (what, values) in [
            ("sorted", sorted.concat()),
            ("a grid", by(&|_, v| v >> 14)),
            ("a coarse grid", by(&|_, v| v >> 17)),
            (
                "a constant column",
                by(&|column, v| if column == 0 { 7 } else { v }),
            ),
            ("one row", vec![5; plain.len()]),
            ("far from the origin", by(&|_, v| v + (1 << 50))),
            (
                "of two scales",
                by(&|column, v| if column == 0 { v << 20 } else { v }),
            ),
            ("a line", line),
            ("a plane", plane),
            ("plain", plain.clone()),
        ] {
            let kept = of(d, &floats(&values)).unwrap_or_else(|| panic!("{what}, {d} columns"));
            assert!(kept.len() <= ROWS / SHARE, "{what}: {}", kept.len());
            assert!(kept.is_sorted() && !kept.is_empty());
            holds(d, &values, &kept, what);
        }
    }
}

/// If the farthest row along a tested direction is missing, the check above fails.
#[test]
fn a_missing_row_is_noticed() {
    for d in 1..=3 {
        let values = whole(d, 1 << 16, 4);
        let kept = of(d, &floats(&values)).unwrap();
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let normal: Vec<i64> = (0..d).map(|_| random.random_range(-99..=99)).collect();
        let reach = |row: usize| -> i64 {
            let each = normal.iter().zip(&values[row * d..][..d]);
            each.map(|(a, b)| a * b).sum()
        };
        let most = kept.iter().map(|&row| reach(row)).max().unwrap();
        let without: Vec<usize> = kept
            .iter()
            .copied()
            .filter(|&row| reach(row) < most)
            .collect();
        assert!(without.len() < kept.len());
        let lost = std::panic::catch_unwind(|| holds(d, &values, &without, "one is missing"));
        assert!(lost.is_err(), "{d} columns");
    }
}

#[test]
fn rows_that_cannot_be_left_out_are_found_soon() {
    let circle: Vec<f64> = (0..ROWS * 2)
        .map(|at| {
            if at % 2 == 0 {
                ((at / 2) as f64).sin()
            } else {
                ((at / 2) as f64).cos()
            }
        })
        .collect();
    assert_eq!(of(2, &circle), None);
    let sphere: Vec<f64> = floats(&whole(3, 1 << 16, 6))
        .chunks_exact(3)
        .flat_map(|x| {
            let length = x.iter().map(|v| v * v).sum::<f64>().sqrt();
            [x[0] / length, x[1] / length, x[2] / length]
        })
        .collect();
    assert_eq!(of(3, &sphere), None);
    assert_eq!(of(4, &floats(&whole(4, 9, 6))), None);
    assert_eq!(of(2, &floats(&whole(2, 9, 6))[..2 * (LEAST - 1)]), None);
}

/// Values outside the range of the exact predicates are kept and do not prevent others from being dropped.
#[test]
fn wild_rows_and_far_rows_are_kept() {
    let mut values = floats(&whole(2, 1 << 16, 7));
    values[20..22].copy_from_slice(&[1e-200, 0.0]);
    values[40..42].copy_from_slice(&[0.0, 1e200]);
    values[60..62].copy_from_slice(&[-1e20, 3.0]);
    let kept = of(2, &values).unwrap();
    assert!(kept.contains(&10) && kept.contains(&20) && kept.contains(&30));
    assert!(kept.len() < 100, "{}", kept.len());
}
