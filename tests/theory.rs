//! Exactly known values: closed forms of distances, and hull probabilities.

use crate::common::{gaussian, random, rows, verdicts};
use hullscope::hull::{Answer, Settings, Verdict};
use rand::RngExt;

/// Distances to a relative gap of 1e-10.
fn exact(d: usize, reference: &[f64], queries: &[f64]) -> Vec<Answer> {
    verdicts(
        &rows(d, reference),
        queries,
        Settings {
            gap: Some(1e-10),
            ..Settings::default()
        },
    )
}

fn near(answer: &Answer, expected: f64) {
    let bracket = answer.distance.unwrap();
    let slack = 1e-9 * expected.max(1e-3);
    assert!(
        bracket.lower <= expected + slack && bracket.upper >= expected - slack,
        "{bracket:?}, not {expected}"
    );
    assert!(
        bracket.upper - bracket.lower <= 1e-9 * bracket.upper + 1e-12,
        "wide: {bracket:?}"
    );
}

fn hypercube(d: usize) -> Vec<f64> {
    (0..1usize << d)
        .flat_map(|i| (0..d).map(move |j| (i >> j & 1) as f64))
        .collect()
}

#[test]
fn hypercube_distance_is_to_the_clipped_point() {
    let d = 7;
    let queries: Vec<f64> = gaussian(40 * d, 1).iter().map(|v| 0.5 + 0.6 * v).collect();
    for (answer, q) in exact(d, &hypercube(d), &queries)
        .iter()
        .zip(queries.chunks_exact(d))
    {
        let expected = q
            .iter()
            .map(|v| (v - v.clamp(0.0, 1.0)).powi(2))
            .sum::<f64>()
            .sqrt();
        near(answer, expected);
        assert_eq!(answer.verdict == Verdict::Inside, expected == 0.0);
    }
}

#[test]
fn a_hypercube_vertex_is_one_over_root_d_from_the_others() {
    for d in [2, 4, 8] {
        let all = hypercube(d);
        let answers = exact(d, &all[d..], &all[..d]);
        near(&answers[0], 1.0 / (d as f64).sqrt());
    }
}

#[test]
fn cross_polytope_is_the_unit_ball_of_the_one_norm() {
    let d = 6;
    let mut x = vec![0.0; 2 * d * d];
    for j in 0..d {
        x[j * d + j] = 1.0;
        x[(d + j) * d + j] = -1.0;
    }
    let queries: Vec<f64> = gaussian(60 * d, 3).iter().map(|v| v / d as f64).collect();
    for (answer, q) in exact(d, &x, &queries).iter().zip(queries.chunks_exact(d)) {
        assert_eq!(
            answer.verdict == Verdict::Inside,
            q.iter().map(|v| v.abs()).sum::<f64>() <= 1.0
        );
    }
    near(
        &exact(d, &x, &vec![2.0 / d as f64; d])[0],
        1.0 / (d as f64).sqrt(),
    );
}

#[test]
fn corner_simplex() {
    for d in [2, 5, 20] {
        let mut x = vec![0.0; (d + 1) * d];
        for j in 0..d {
            x[(j + 1) * d + j] = 1.0;
        }
        let root = (d as f64).sqrt();
        let answers = exact(d, &x, &[vec![1.0; d], vec![-0.5; d]].concat());
        near(&answers[0], (d as f64 - 1.0) / root);
        near(&answers[1], root / 2.0);
    }
}

#[test]
fn a_new_point_of_the_moment_curve_is_outside() {
    for d in [2, 3, 5] {
        let curve = |t: f64| (1..=d as i32).map(move |power| t.powi(power));
        let x: Vec<f64> = (0..60).flat_map(|i| curve(i as f64 / 30.0 - 1.0)).collect();
        let q: Vec<f64> = (0..59)
            .flat_map(|i| curve((i as f64 + 0.4) / 30.0 - 1.0))
            .collect();
        let answers = verdicts(&rows(d, &x), &q, Settings::default());
        assert!(
            answers.iter().all(|a| a.verdict == Verdict::Outside),
            "d = {d}"
        );
    }
}

#[test]
fn midpoints_are_inside_and_points_on_a_sphere_are_not() {
    let (n, d) = (500, 9);
    let mut x = gaussian(n * d, 5);
    let midpoints: Vec<f64> = (0..200)
        .flat_map(|i| {
            (0..d)
                .map(|j| 0.5 * (x[i * d + j] + x[(i + 200) * d + j]))
                .collect::<Vec<_>>()
        })
        .collect();
    let inside = verdicts(&rows(d, &x), &midpoints, Settings::default());
    assert!(inside.iter().all(|a| a.verdict == Verdict::Inside));
    hullscope::space::normalise(&mut x, d);
    let mut q = gaussian(100 * d, 6);
    hullscope::space::normalise(&mut q, d);
    let outside = verdicts(&rows(d, &x), &q, Settings::default());
    assert!(outside.iter().all(|a| a.verdict == Verdict::Outside));
}

#[test]
fn in_one_dimension_the_hull_is_the_range() {
    let x = gaussian(1000, 7);
    let (low, high) = (
        x.iter().copied().fold(f64::MAX, f64::min),
        x.iter().copied().fold(f64::MIN, f64::max),
    );
    let q: Vec<f64> = gaussian(500, 8)
        .iter()
        .map(|v| 1.5 * v)
        .chain([low, high])
        .collect();
    for (answer, q) in exact(1, &x, &q).iter().zip(&q) {
        near(answer, (q - q.clamp(low, high)).abs());
        assert_eq!(answer.verdict == Verdict::Inside, (low..=high).contains(q));
    }
}

/// Wendel (1962): among N directions symmetric about the origin, the origin is inside with probability
/// `1 - 2^-(N-1) sum_{k<d} C(N-1, k)`, which is one half at N = 2d.
#[test]
fn the_origin_is_inside_half_the_time_at_twice_as_many_points_as_dimensions() {
    let (d, trials) = (5, 600);
    let mut seeds = random(9);
    let inside = (0..trials)
        .filter(|_| {
            let x = gaussian(2 * d * d, seeds.random());
            verdicts(&rows(d, &x), &vec![0.0; d], Settings::default())[0].verdict == Verdict::Inside
        })
        .count() as f64;
    // Four standard deviations of a fair coin.
    assert!(
        (inside - trials as f64 / 2.0).abs() < 2.0 * (trials as f64).sqrt(),
        "{inside} of {trials}"
    );
}

/// Kabluchko and Zaporozhets (2020), as quoted with the paper's theorem 4: at d = 8 and N = 1,000 a Gaussian query
/// is inside with probability .484965.
#[test]
fn gaussian_queries_are_inside_as_often_as_predicted() {
    let (n, d, count) = (1000, 8, 400);
    let inside: usize = (0..5)
        .map(|seed| {
            let answers = verdicts(
                &rows(d, &gaussian(n * d, 100 + seed)),
                &gaussian(count * d, 200 + seed),
                Settings::default(),
            );
            answers
                .iter()
                .filter(|a| a.verdict == Verdict::Inside)
                .count()
        })
        .sum();
    let expected = 0.484965 * 2000.0;
    // The queries of one reference are correlated: the tolerance is five standard deviations of independent queries.
    assert!(
        (inside as f64 - expected).abs() < 5.0 * 22.4,
        "{inside} of 2000, expected {expected}"
    );
}
