//! Combinations against exact arithmetic in big integers.

use num_bigint::{BigInt, Sign};
use rand::RngExt;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::*;
use crate::hull::certificate::integers::split;

/// The result of exact elimination for `sum l_i x_i = q, sum l_i = 1`.
#[derive(Debug)]
enum Truth {
    /// The rows are affinely dependent.
    Dependent,
    OffAffineHull,
    /// `l_i = weights[i] / share`, share > 0.
    Weights {
        weights: Vec<BigInt>,
        share: BigInt,
    },
}

impl Truth {
    fn inside(&self) -> bool {
        match self {
            Truth::Weights { weights, .. } => weights.iter().all(|l| l.sign() != Sign::Minus),
            _ => false,
        }
    }
}

/// The numbers times the power of two that makes all of them integers.
fn integers(numbers: &[f64]) -> Vec<BigInt> {
    let parts: Vec<(i64, i32)> = numbers.iter().map(|&x| split(x)).collect();
    let nonzero = parts.iter().filter(|part| part.0 != 0);
    let unit = nonzero.map(|part| part.1).min().unwrap_or(0);
    let whole = |&(mantissa, exponent): &(i64, i32)| match mantissa {
        0 => BigInt::ZERO,
        _ => BigInt::from(mantissa) << (exponent - unit),
    };
    parts.iter().map(whole).collect()
}

/// Fraction-free Gauss-Jordan elimination (Bareiss 1968).
fn truth(points: &[f64], query: &[f64]) -> Truth {
    let d = query.len();
    let m = points.len() / d;
    let mut rows: Vec<Vec<BigInt>> = (0..d)
        .map(|j| {
            let column: Vec<f64> = (0..m)
                .map(|i| points[i * d + j])
                .chain([query[j]])
                .collect();
            integers(&column)
        })
        .collect();
    rows.push(vec![BigInt::from(1); m + 1]);
    let mut before = BigInt::from(1);
    for k in 0..m {
        let Some(pivot) = (k..=d).find(|&j| rows[j][k] != BigInt::ZERO) else {
            return Truth::Dependent;
        };
        rows.swap(k, pivot);
        let row = rows[k].clone();
        for (j, other) in rows.iter_mut().enumerate().filter(|(j, _)| *j != k) {
            let share = other[k].clone();
            for (c, entry) in other.iter_mut().enumerate() {
                if c >= k || c == j {
                    *entry = (&*entry * &row[k] - &share * &row[c]) / &before;
                }
            }
        }
        before = row[k].clone();
    }
    if rows[m..].iter().any(|row| row[m] != BigInt::ZERO) {
        return Truth::OffAffineHull;
    }
    let flip = before.sign() == Sign::Minus;
    let signed = |x: &BigInt| if flip { -x } else { x.clone() };
    Truth::Weights {
        weights: rows[..m].iter().map(|row| signed(&row[m])).collect(),
        share: signed(&before),
    }
}

/// `a / b <= x`, b > 0.
fn at_most(a: &BigInt, b: &BigInt, x: f64) -> bool {
    if x.is_infinite() {
        return x > 0.0;
    }
    let (mantissa, exponent) = split(x);
    let (a, x) = match exponent < 0 {
        true => (a << -exponent, BigInt::from(mantissa)),
        false => (a.clone(), BigInt::from(mantissa) << exponent),
    };
    a <= x * b
}

/// Asserts that an answer agrees with exact elimination, and returns both.
fn judged(points: &[f64], query: &[f64]) -> (Combination, Truth) {
    let (answer, truth) = (combination(points, query), truth(points, query));
    let context = || format!("{answer:?} but {truth:?} of {points:?} and {query:?}");
    match (&answer, &truth) {
        (Combination::Proved { weights }, Truth::Weights { .. }) => {
            assert!(truth.inside(), "{}", context());
            assert!(weights.iter().all(|&l| l >= 0.0), "{}", context());
        }
        (Combination::Proved { .. }, _) => panic!("{}", context()),
        (Combination::OffAffineHull, Truth::Weights { .. }) => panic!("{}", context()),
        (Combination::Unproved { lower, upper }, Truth::Weights { weights, share }) => {
            for ((l, &lower), &upper) in weights.iter().zip(lower).zip(upper) {
                assert!(at_most(l, share, upper), "{}", context());
                assert!(at_most(&-l, share, -lower), "{}", context());
            }
        }
        _ => {}
    }
    (answer, truth)
}

fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn numbers(random: &mut ChaCha8Rng, n: usize) -> Vec<f64> {
    (0..n).map(|_| random.random_range(-1.0..1.0)).collect()
}

/// A rounded convex combination of the rows.
fn mixture(random: &mut ChaCha8Rng, points: &[f64], d: usize) -> Vec<f64> {
    let m = points.len() / d;
    let weights: Vec<f64> = (0..m).map(|_| random.random_range(0.01..1.0)).collect();
    let total: f64 = weights.iter().sum();
    (0..d)
        .map(|j| (0..m).map(|i| weights[i] / total * points[i * d + j]).sum())
        .collect()
}

/// The number of answers of each kind that are as strong as they should be.
#[derive(Default, Debug)]
struct Reached {
    /// Queries exactly inside, with d + 1 independent rows and all weights positive.
    inside: usize,
    proved: usize,
    off: usize,
    proved_off: usize,
}

impl Reached {
    fn add(&mut self, (answer, truth): (Combination, Truth)) {
        if truth.inside() {
            self.inside += 1;
            self.proved += usize::from(matches!(answer, Combination::Proved { .. }));
        }
        if matches!(truth, Truth::OffAffineHull) {
            self.off += 1;
            self.proved_off += usize::from(answer == Combination::OffAffineHull);
        }
    }

    fn assert_all(&self, least: usize) {
        assert_eq!((self.inside, self.off), (self.proved, self.proved_off));
        assert!(self.inside + self.off >= least, "{self:?}");
    }
}

#[test]
fn random_simplices_are_decided_inside_and_out() {
    let mut random = random(1);
    let mut reached = Reached::default();
    for d in 1..=6 {
        for _ in 0..60 {
            let points = numbers(&mut random, (d + 1) * d);
            let inside = mixture(&mut random, &points, d);
            reached.add(judged(&points, &inside));
            let any = numbers(&mut random, d);
            let (answer, truth) = judged(&points, &any);
            assert!(decided(&answer), "{answer:?} {points:?} {any:?}");
            let expected = matches!(answer, Combination::Proved { .. });
            assert_eq!(truth.inside(), expected, "{points:?} {any:?}");
        }
    }
    reached.assert_all(350);
}

/// Simplices and their faces with so many rows that elimination runs in blocks; also with a coordinate that all rows share.
#[test]
fn large_simplices_are_decided() {
    let mut random = random(21);
    let mut reached = Reached::default();
    let mut outside = 0;
    for (d, m) in [(17, 17), (24, 24), (33, 33), (33, 20)] {
        let mut points = numbers(&mut random, m * d);
        points.iter_mut().step_by(d).for_each(|v| *v = 0.25);
        let mut query = mixture(&mut random, &points, d);
        query[0] = 0.25;
        reached.add(judged(&points, &query));
        let points = numbers(&mut random, (d + 1) * d);
        let inside = mixture(&mut random, &points, d);
        reached.add(judged(&points, &inside));
        let (answer, truth) = judged(&points, &numbers(&mut random, d));
        assert!(decided(&answer) && !truth.inside());
        outside += 1;
    }
    reached.assert_all(8);
    assert_eq!(outside, 4);
}

/// Columns stretched to 1e12, offsets to 1e6, one row at 1e14 or 1e20.
#[test]
fn units_offsets_and_far_rows_do_not_matter() {
    let mut random = random(2);
    let mut reached = Reached::default();
    for d in 2..=6 {
        for case in 0..60 {
            let mut points = numbers(&mut random, (d + 1) * d);
            if case % 3 == 1 {
                let far = [1e14, 1e20][case % 2];
                points[..d]
                    .iter_mut()
                    .for_each(|x| *x = far * (1.0 + x.abs()));
            }
            for j in 0..d {
                let stretch = 10f64.powi(random.random_range(-12..=12));
                let offset = if case % 4 == 0 { 1e6 } else { 0.0 };
                for i in 0..=d {
                    points[i * d + j] = stretch * (offset + points[i * d + j]);
                }
            }
            let mut inside = mixture(&mut random, &points[d..], d);
            if case % 3 != 1 {
                inside = mixture(&mut random, &points, d);
            }
            let (answer, truth) = judged(&points, &inside);
            let proved = matches!(answer, Combination::Proved { .. });
            assert_eq!(
                proved,
                truth.inside(),
                "{answer:?} {truth:?} {points:?} {inside:?}"
            );
            reached.add((answer, truth));
        }
    }
    assert!(reached.inside > 200, "{reached:?}");
}

/// Corners of lattices: the query is the mean of 2^k of them with equal weights, so it is exact, or it is one ulp off that.
#[test]
fn faces_of_lattices_are_decided_to_the_last_digit() {
    let mut random = random(3);
    let mut reached = Reached::default();
    for d in 2..=12usize {
        for case in 0..40 {
            let m = [2, 4, 8][case % 3].min(d.next_power_of_two() / 2).max(2);
            let most = [1, 3, 255][case % 3];
            let points: Vec<f64> = (0..m * d)
                .map(|_| f64::from(random.random_range(0..=most)))
                .collect();
            let mean = |j: usize| (0..m).map(|i| points[i * d + j]).sum::<f64>() / m as f64;
            let query: Vec<f64> = (0..d).map(mean).collect();
            let (answer, truth) = judged(&points, &query);
            if matches!(truth, Truth::Dependent) {
                continue;
            }
            reached.add((answer, truth));
            let j = random.random_range(0..d);
            for moved in [query[j].next_up(), query[j].next_down()] {
                let mut near = query.clone();
                near[j] = moved;
                reached.add(judged(&points, &near));
            }
        }
    }
    reached.assert_all(900);
    assert!(reached.inside > 250 && reached.off > 300, "{reached:?}");
}

/// Pixels divided by 255 have no common unit.
#[test]
fn faces_of_pixels_are_decided() {
    let mut random = random(4);
    let mut reached = Reached::default();
    for d in [4, 9, 16] {
        for _ in 0..20 {
            let m = 4;
            let points: Vec<f64> = (0..m * d)
                .map(|_| f64::from(random.random_range(0..=255u8)) / 255.0)
                .collect();
            let query = mixture(&mut random, &points, d);
            reached.add(judged(&points, &query));
            // Constant columns satisfy their equations for all weights: only one coordinate differs.
            let mut flat = points.clone();
            for i in 1..m {
                for j in 1..d {
                    flat[i * d + j] = flat[j];
                }
            }
            let mut query = flat[..d].to_vec();
            query[0] = 0.5 * (flat[0] + flat[d]);
            reached.add(judged(&flat[..2 * d], &query));
            query[d - 1] = query[d - 1].next_up();
            reached.add(judged(&flat[..2 * d], &query));
        }
    }
    reached.assert_all(150);
}

/// A face of the cyclic polytope: points of the moment curve, far from orthogonal.
#[test]
fn faces_of_cyclic_polytopes_are_decided() {
    let mut random = random(5);
    let mut reached = Reached::default();
    for d in 2..=12 {
        for _ in 0..10 {
            let m = (d / 2).max(2);
            let m = if m >= 4 { 4 } else { 2 };
            let points: Vec<f64> = (0..m)
                .flat_map(|_| {
                    let t = f64::from(random.random_range(-8..=8));
                    (1..=d as i32).map(move |k| t.powi(k))
                })
                .collect();
            let query: Vec<f64> = (0..d)
                .map(|j| (0..m).map(|i| points[i * d + j]).sum::<f64>() / m as f64)
                .collect();
            reached.add(judged(&points, &query));
            let mut near = query.clone();
            near[d - 1] = near[d - 1].next_up();
            reached.add(judged(&points, &near));
        }
    }
    assert!(reached.proved * 100 >= reached.inside * 99, "{reached:?}");
    assert!(
        reached.inside > 60 && reached.off == reached.proved_off,
        "{reached:?}"
    );
}

/// Whether the query was proved to be inside, off the affine hull, or to need a negative weight.
fn decided(answer: &Combination) -> bool {
    match answer {
        Combination::Unproved { upper, .. } => upper.iter().any(|&upper| upper < 0.0),
        _ => *answer != Combination::TooLarge,
    }
}

/// The last row is as close to the plane of the others as rounding allows, so one word does not suffice.
#[test]
fn nearly_dependent_rows_are_decided() {
    let mut random = random(6);
    let (mut inside, mut hard) = (0, 0);
    for d in 2..=6 {
        for case in 0..60 {
            let mut points = numbers(&mut random, (d + 1) * d);
            let near = mixture(&mut random, &points[..d * d], d);
            let size = 10f64.powi(-(case % 18));
            for j in 0..d {
                points[d * d + j] = near[j] + size * random.random_range(-1.0..1.0);
            }
            let query = mixture(&mut random, &points, d);
            let (answer, truth) = judged(&points, &query);
            if matches!(truth, Truth::Dependent) {
                continue;
            }
            assert!(decided(&answer), "{answer:?} {points:?} {query:?}");
            inside += usize::from(truth.inside());
            let system = System::new(&points, &query);
            hard += usize::from(Solution::new::<f64>(&system).is_none());
        }
    }
    assert!(inside > 100 && hard > 10, "{inside} {hard}");
}

/// Simplices of the moment curve: their matrix has the condition of a Vandermonde matrix.
#[test]
fn simplices_of_the_moment_curve_are_decided() {
    let mut random = random(8);
    let mut hard = 0;
    for d in [8, 12, 16, 20] {
        for _ in 0..4 {
            let points: Vec<f64> = (0..=d)
                .flat_map(|_| {
                    let t: f64 = random.random_range(0.0..1.0);
                    (1..=d as i32).map(move |k| t.powi(k))
                })
                .collect();
            let query = mixture(&mut random, &points, d);
            let (answer, _) = judged(&points, &query);
            assert!(decided(&answer), "{d} {answer:?}");
            let system = System::new(&points, &query);
            hard += usize::from(Solution::new::<f64>(&system).is_none());
        }
    }
    assert!(hard > 2, "{hard}");
}

/// Few rows, and a query that is neither in their affine hull nor between them.
#[test]
fn a_query_off_the_affine_hull_is_said_to_be_so_whatever_its_weights() {
    let mut random = random(9);
    for d in 2..=6 {
        for m in 2..=d {
            let points = numbers(&mut random, m * d);
            let query: Vec<f64> = numbers(&mut random, d).iter().map(|x| 9.0 * x).collect();
            assert_eq!(judged(&points, &query).0, Combination::OffAffineHull);
        }
    }
}

/// Unrefined weights satisfy no equation accurately; that must not refute the equations that were not chosen.
#[test]
fn an_unrefined_solution_does_not_refute_an_equation() {
    let mut random = random(10);
    for d in 3..=8 {
        let points: Vec<f64> = (0..2 * d)
            .map(|_| random.random_range(0..=255u8).into())
            .collect();
        let query: Vec<f64> = (0..d)
            .map(|j| 0.75 * points[j] + 0.25 * points[d + j])
            .collect();
        let system = System::new(&points, &query);
        let mut solution = Solution::new::<f64>(&system).unwrap();
        for offset in [0.0, 1e-9, 0.3] {
            solution.high = vec![offset; 2];
            solution.low = vec![0.0; 2];
            solution.step = vec![0.0; 2];
            let alpha = solution
                .alpha
                .iter()
                .fold(0f64, |most, &alpha| most.max(alpha));
            solution.improve(alpha);
            let others = &solution.pivots.order[2..];
            assert!(
                others.iter().all(|&equation| !solution.fails(equation)),
                "{offset}"
            );
        }
    }
}

/// Scaling keeps a far row from spoiling the others: one word of the inverse is enough.
#[test]
fn a_far_row_does_not_spoil_the_condition() {
    let mut random = random(11);
    for far in [1e5, 1e10, 1e14, 1e20, 1e100] {
        for d in 3..=8 {
            let mut points = numbers(&mut random, (d + 1) * d);
            points[..d].iter_mut().for_each(|x| *x = far * (2.0 + *x));
            for j in 0..d {
                let stretch = 10f64.powi(j as i32 * 4 - 12);
                (0..=d).for_each(|i| points[i * d + j] *= stretch);
            }
            let query = mixture(&mut random, &points[d..], d);
            let system = System::new(&points, &query);
            let solution = Solution::new::<f64>(&system);
            assert!(
                solution.is_some_and(|s| s.alpha.iter().all(|&alpha| alpha < 1e-9)),
                "{far} {d}"
            );
        }
    }
}

#[test]
fn extreme_numbers_are_never_misjudged() {
    let mut random = random(7);
    let mut reached = Reached::default();
    for d in 1..=4 {
        for case in 0..70 {
            let mut points = numbers(&mut random, (d + 1) * d);
            for j in 0..d {
                for i in 0..=d {
                    let size = match case % 7 {
                        0 => 1e-310,
                        1 => 1.7e308,
                        2 => [1e-310, 1e308][j % 2],
                        3 => [1e-310, 1e308][i % 2],
                        4 => [1e-323, 1.0][(i + j) % 2],
                        // The other rows keep few digits at the scale of the first.
                        6 => [1e308, 1e-10][i.min(1)],
                        _ => 1e-160,
                    };
                    points[i * d + j] *= size;
                }
            }
            let others = &points[if case % 7 == 6 { d } else { 0 }..];
            let query = mixture(&mut random, others, d);
            let found = judged(&points, &query);
            if matches!(case % 7, 0 | 1 | 2 | 5) {
                reached.add(found);
            }
        }
    }
    assert!(
        reached.proved * 100 >= reached.inside * 99 && reached.inside > 100,
        "{reached:?}"
    );
}

#[test]
fn repeated_rows_and_wrong_shapes_prove_nothing() {
    let (a, b) = ([0.25, 1.0], [0.75, 3.0]);
    let twice = [a, b, a].concat();
    let answer = combination(&twice, &[0.5, 2.0]);
    assert!(matches!(answer, Combination::Unproved { .. }), "{answer:?}");
    assert_eq!(
        combination(&a, &a),
        Combination::Proved { weights: vec![1.0] }
    );
    assert_eq!(
        combination(&[0.0, 1.0], &[-0.0, 1.0]),
        Combination::Proved { weights: vec![1.0] }
    );
    assert_eq!(combination(&a, &b), Combination::OffAffineHull);
    for (points, query) in [
        (vec![], vec![]),
        (vec![1.0, 2.0, 3.0], vec![1.0, 2.0]),
        (vec![f64::NAN, 2.0], vec![1.0, 2.0]),
        (vec![1.0, 2.0, 3.0], vec![f64::INFINITY]),
        (vec![1.0, 2.0, 3.0], vec![2.0]),
    ] {
        let answer = combination(&points, &query);
        assert!(matches!(answer, Combination::Unproved { .. }), "{answer:?}");
    }
}
