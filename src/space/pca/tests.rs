//! Components against what is known of the rows, and of one way against another.

use super::*;
use crate::rows::Memory;
use crate::space::Map;

/// Rows with deviations 9, 3, 1 along three orthogonal directions of five, and none along the others.
fn sheet(n: usize) -> Memory {
    let mut random = generator(5, 9, 0);
    let axes = [
        [0.6, 0.8, 0.0, 0.0, 0.0],
        [-0.8, 0.6, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 1.0, 0.0],
    ];
    let values = (0..n).flat_map(|_| {
        let along: [f64; 3] = [9.0, 3.0, 1.0].map(|deviation| {
            let draw: f64 = StandardNormal.sample(&mut random);
            deviation * draw
        });
        (0..5)
            .map(|j| 7.0 + (0..3).map(|k| along[k] * axes[k][j]).sum::<f64>())
            .collect::<Vec<_>>()
    });
    Memory::from_f64("sheet", 5, values.collect())
}

fn mapped(map: &Linear, rows: &dyn Rows) -> Vec<f64> {
    let mut values = vec![0.0; rows.len() * rows.dim()];
    rows.read_f64(0, &mut values).unwrap();
    let mut out = vec![0.0; rows.len() * map.dim()];
    map.apply(&values, &mut out).unwrap();
    out
}

fn variance(values: &[f64], dims: usize, k: usize) -> f64 {
    let column = || values.chunks_exact(dims).map(|row| row[k]);
    let n = (values.len() / dims) as f64;
    let mean = column().sum::<f64>() / n;
    column().map(|v| (v - mean).powi(2)).sum::<f64>() / n
}

#[test]
fn components_come_by_variance_with_fixed_signs() {
    let (rows, control) = (sheet(4000), Control::default());
    let map = top(&rows, 5, &mut Warnings::default(), &control).unwrap();
    let out = mapped(&map, &rows);
    for (k, expected) in [81.0, 9.0, 1.0].into_iter().enumerate() {
        let found = variance(&out, 5, k);
        assert!((found / expected - 1.0).abs() < 0.1, "{k}: {found}");
    }
    // Directions in which nothing varies are exactly zero, not rounding noise of full rank.
    assert!(
        out.chunks_exact(5)
            .all(|row| row[3] == 0.0 && row[4] == 0.0)
    );
    assert!((map.basis[(1, 0)] - 0.8).abs() < 0.02 && (map.basis[(0, 1)] - 0.8).abs() < 0.02);
    assert!(map.basis[(3, 2)] > 0.99);
}

#[test]
fn the_last_ones_vary_and_whitening_makes_variances_one() {
    let (rows, control) = (sheet(2000), Control::default());
    let out = mapped(&last(&rows, 2, &control).unwrap(), &rows);
    assert!(variance(&out, 2, 0) > 8.0 && (0.9..1.1).contains(&variance(&out, 2, 1)));
    assert!(last(&rows, 4, &control).is_err());
    let out = mapped(&whiten(&rows, &control).unwrap(), &rows);
    for k in 0..3 {
        assert!((variance(&out, 5, k) - 1.0).abs() < 1e-9);
    }
    assert!(
        out.chunks_exact(5)
            .all(|row| row[3] == 0.0 && row[4] == 0.0)
    );
    // A query off the affine hull stays off it.
    let map = whiten(&rows, &control).unwrap();
    let mut off = vec![0.0; 5];
    map.apply(&[7.0, 7.0, 8.0, 7.0, 7.0], &mut off).unwrap();
    assert!(off[3].abs() + off[4].abs() > 0.1, "{off:?}");
}

#[test]
fn iteration_finds_what_the_covariance_has() {
    let (rows, control) = (sheet(1000), Control::default());
    let (whole, part) = (
        dense(&rows, false, 3, &control).unwrap(),
        iterated(&rows, 3, &mut Warnings::default(), &control).unwrap(),
    );
    for k in 0..3 {
        assert!((whole.variances[k] / part.variances[k] - 1.0).abs() < 1e-9);
        for i in 0..5 {
            assert!((whole.directions[(i, k)] - part.directions[(i, k)]).abs() < 1e-6);
        }
    }
}

#[test]
fn too_many_components_are_refused() {
    let message = top(&sheet(10), 6, &mut Warnings::default(), &Control::default())
        .err()
        .unwrap()
        .to_string();
    assert!(
        message.contains("pca:6") && message.contains("(5)"),
        "{message}"
    );
}

/// Columns of scales far apart, one of which is the sum of two others.
fn uneven(n: usize) -> (Memory, Vec<f64>) {
    let mut random = generator(6, 9, 0);
    let mut draw = || -> f64 { StandardNormal.sample(&mut random) };
    let rows = (0..n).flat_map(|_| {
        let (a, b, c) = (1e9 * draw(), draw(), 1e-9 * draw());
        // Whole numbers, so that the sum is exact.
        let (a, b) = (a.round(), (1e3 * b).round());
        [a, b, a + b, 5.0 + c]
    });
    let values: Vec<f64> = rows.collect();
    (Memory::from_f64("uneven", 4, values.clone()), values)
}

#[test]
fn whitening_loses_no_column_and_no_query_near_the_flat() {
    let (rows, values) = uneven(500);
    let control = Control::default();
    let map = whiten(&rows, &control).unwrap();
    let out = mapped(&map, &rows);
    for k in 0..3 {
        assert!((variance(&out, 4, k) - 1.0).abs() < 1e-4, "{k}");
    }
    assert!(out.chunks_exact(4).all(|row| row[3] == 0.0));
    // Off the sum by 1e-7 of the row's length; and by nothing.
    let mut near = values[..4].to_vec();
    let mut off = vec![0.0; 4];
    map.apply(&near, &mut off).unwrap();
    assert_eq!(off[3], 0.0);
    near[2] += 1e-7 * near[0].abs();
    map.apply(&near, &mut off).unwrap();
    assert_ne!(off[3], 0.0);
}

#[test]
fn constant_columns_stay_as_they_are() {
    let values: Vec<f64> = (0..40).flat_map(|i| [0.1, f64::from(i), 7.0]).collect();
    let rows = Memory::from_f64("rows", 3, values);
    let map = whiten(&rows, &Control::default()).unwrap();
    let out = mapped(&map, &rows);
    assert!(
        out.chunks_exact(3)
            .all(|row| row[1] == 0.0 && row[2] == 0.0)
    );
    let mut off = vec![0.0; 3];
    map.apply(&[0.1 + 1e-14, 3.0, 7.0], &mut off).unwrap();
    assert!(off[1] != 0.0 && off[2] == 0.0, "{off:?}");
    // A single row does not vary at all.
    let one = Memory::from_f64("one", 3, vec![1.0, 2.0, 3.0]);
    let map = whiten(&one, &Control::default()).unwrap();
    map.apply(&[1.0, 2.0, 5.0], &mut off).unwrap();
    assert_eq!(off, [0.0, 0.0, 2.0]);
}

#[test]
fn iteration_goes_on_until_components_stand() {
    // A slowly falling spectrum, of which eight passes leave percents.
    let mut random = generator(7, 9, 0);
    let (n, d) = (400, 120);
    let values = (0..n * d).map(|place| {
        let draw: f64 = StandardNormal.sample(&mut random);
        draw * (1.0 - 0.003 * (place % d) as f64)
    });
    let rows = Memory::from_f64("rows", d, values.collect());
    let control = Control::default();
    let whole = dense(&rows, false, 10, &control).unwrap();
    let part = iterated(&rows, 10, &mut Warnings::default(), &control).unwrap();
    for k in 0..10 {
        let (exact, found) = (whole.variances[k], part.variances[k]);
        assert!((found / exact - 1.0).abs() < 1e-3, "{k}: {exact}, {found}");
    }
}

/// Two rows on each axis, at +a and -a: the variances are as a^2, here 70, 20, 8 and 2 % of their sum.
#[test]
fn a_share_of_the_variance_takes_as_few_components_as_hold_it() {
    let lengths = [0.02f64, 0.7, 0.08, 0.2].map(f64::sqrt);
    let mut values = vec![0.0; 8 * 4];
    for (axis, length) in lengths.into_iter().enumerate() {
        values[8 * axis + axis] = length;
        values[8 * axis + 4 + axis] = -length;
    }
    let rows = Memory::from_f64("rows", 4, values);
    for (wanted, dims, held) in [
        (0.5, 1, "70.00"),
        (0.85, 2, "90.00"),
        (0.95, 3, "98.00"),
        (0.999, 4, "100.00"),
    ] {
        let (mut warnings, control) = (Warnings::default(), Control::default());
        assert_eq!(
            share(&rows, wanted, &mut warnings, &control).unwrap().dim(),
            dims,
            "{wanted}"
        );
        let said = warnings.join(" ");
        assert!(
            said.contains(&format!("{dims} components, which hold {held} %")),
            "{said}"
        );
    }
}
