//! Upper bounds on how far a weighted mean of rows is from a query, and on the lengths of vectors.

use super::doubled::{Pairs, TINY, minus_dot, two_sum};
use super::integers::{exponent, scaled};
use super::roundoff::{U, gamma};

/// Upper bounds of the distance of a weighted mean of rows from a query; infinite where nothing could be bounded.
#[derive(Debug, Clone, PartialEq)]
pub struct Residual {
    /// An upper bound of `|sum_i l_i x_ij / sum_i l_i - q_j|` for each coordinate j.
    pub per_column: Vec<f64>,
    /// An upper bound of the Euclidean length of the residual.
    pub length: f64,
}

/// Plain f64 arithmetic suffices where its error bound is below this share of the value.
const PLAIN: f64 = 1e-9;

/// Bounds for the mean with the stored weights, divided by their exact sum.
///
/// `points` is m x d, row by row; `weights` are m numbers >= 0, the largest between 2^-200 and 2^200. For any other
/// input, or one that is not finite, the bounds are infinite.
pub fn residual(points: &[f64], weights: &[f64], query: &[f64]) -> Residual {
    let (m, d) = (weights.len(), query.len());
    let most = weights.iter().fold(0f64, |most, &l| most.max(l));
    let usable = weights.iter().all(|&l| l >= 0.0)
        && (2f64.powi(-200)..=2f64.powi(200)).contains(&most)
        && points.len() == m * d
        && points.iter().chain(query).all(|x| x.is_finite());
    if !usable {
        return Residual {
            per_column: vec![f64::INFINITY; d],
            length: f64::INFINITY,
        };
    }
    let (mut value, mut size) = (vec![0.0; d], vec![0.0; d]);
    for (x, &l) in points.chunks(d.max(1)).zip(weights) {
        for j in 0..d {
            let term = l * (x[j] - query[j]);
            value[j] += term;
            size[j] += term.abs();
        }
    }
    // At most the exact sum.
    let total = weights.iter().sum::<f64>() * (1.0 - gamma(m + 4));
    let per_column: Vec<f64> = (0..d)
        .map(|j| {
            let error = 2.0 * gamma(m + 2) * size[j] + m as f64 * TINY;
            if error <= PLAIN * value[j].abs() && value[j].is_finite() {
                ((value[j].abs() + error) * (1.0 + 4.0 * U) / total).next_up()
            } else {
                let column: Vec<f64> = points.iter().skip(j).step_by(d).copied().collect();
                doubled(&column, weights, query[j], total)
            }
        })
        .collect();
    let length = length_upper(&per_column);
    Residual { per_column, length }
}

/// The bound of one coordinate in double-word arithmetic, scaled so that nothing overflows.
fn doubled(column: &[f64], weights: &[f64], q: f64, total: f64) -> f64 {
    if column.iter().all(|&x| x == q) {
        return 0.0;
    }
    let most = column.iter().fold(q.abs(), |most, x| most.max(x.abs()));
    // All magnitudes below 1/2, each scaled number off by at most TINY.
    let shrink = -exponent(most) - 2;
    let q = scaled(q, shrink);
    let differences = column.iter().map(|&x| two_sum(scaled(x, shrink), -q));
    let (high, low): (Vec<f64>, Vec<f64>) = differences.unzip();
    let differences = Pairs {
        high: &high,
        low: &low,
    };
    let weights = Pairs {
        high: weights,
        low: &vec![0.0; weights.len()],
    };
    let (value, error) = minus_dot(0.0, weights, differences).rounded();
    let error = error + 4.0 * total * TINY;
    let bound = ((value.abs() + error) * (1.0 + 4.0 * U) / total).next_up();
    scaled(bound, -shrink).next_up()
}

/// An upper bound of the Euclidean length of v, exceeding it by a few roundings; infinite if v is not finite.
pub fn length_upper(v: &[f64]) -> f64 {
    let Some((length, shrink)) = scaled_length(v) else {
        return f64::INFINITY;
    };
    if length == 0.0 {
        return 0.0;
    }
    scaled(length * (1.0 + gamma(v.len() + 8)), shrink).next_up()
}

/// (length, k) with |v| = length 2^k up to a relative error of `gamma(n + 4)`; `None` if v is not finite.
///
/// The largest entry becomes at least 1, so squares that underflow, below 2^-1022 each, are part of that.
fn scaled_length(v: &[f64]) -> Option<(f64, i32)> {
    if !v.iter().all(|x| x.is_finite()) {
        return None;
    }
    let most = v.iter().fold(0f64, |most, x| most.max(x.abs()));
    if most == 0.0 {
        return Some((0.0, 0));
    }
    let k = exponent(most);
    let squares: f64 = v.iter().map(|&x| scaled(x, -k).powi(2)).sum();
    Some((squares.sqrt(), k))
}

#[cfg(test)]
mod tests {
    use num_bigint::{BigInt, Sign};
    use rand::RngExt;
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

    use super::*;
    use crate::hull::certificate::integers::split;

    /// x 2^2200, an integer for any finite x.
    fn whole(x: f64) -> BigInt {
        let (mantissa, exponent) = split(x);
        BigInt::from(mantissa) << (exponent + 2200)
    }

    fn size(x: BigInt) -> BigInt {
        if x.sign() == Sign::Minus { -x } else { x }
    }

    /// `|sum l_i x_i / sum l_i - q|` of one coordinate times `sum l_i`, with the sum, both times powers of 2^2200.
    fn exact(column: &[f64], weights: &[f64], q: f64) -> (BigInt, BigInt) {
        let total: BigInt = weights.iter().map(|&l| whole(l)).sum();
        let moved = column
            .iter()
            .zip(weights)
            .map(|(&x, &l)| whole(l) * (whole(x) - whole(q)));
        (size(moved.sum()), total)
    }

    /// No bound is below the exact value, and none exceeds it by more than the share `loose` of it plus `1e-31` of the
    /// local scale.
    fn check(points: &[f64], weights: &[f64], query: &[f64], loose: f64) {
        let d = query.len();
        let found = residual(points, weights, query);
        let mut squares = BigInt::ZERO;
        let mut total = BigInt::ZERO;
        for j in 0..d {
            let column: Vec<f64> = points.iter().skip(j).step_by(d).copied().collect();
            let (moved, sum) = exact(&column, weights, query[j]);
            squares += &moved * &moved;
            let bound = found.per_column[j];
            if bound.is_finite() {
                assert!(
                    whole(bound) * &sum >= moved,
                    "column {j} of {points:?} {weights:?} {query:?}"
                );
                let local = column
                    .iter()
                    .fold(0f64, |most, x| most.max((x / 4.0 - query[j] / 4.0).abs()));
                let room = (whole(local * 4e-31) + whole(1e-322)) * &sum * whole(1.0);
                let excess = (whole(bound) * &sum - &moved) * whole(1.0);
                assert!(
                    excess <= whole(loose) * &moved + room,
                    "{bound} is too loose: {points:?} {weights:?} {query:?}"
                );
            }
            total = sum;
        }
        if found.length.is_finite() {
            let bound = whole(found.length) * total;
            assert!(
                &bound * &bound >= squares,
                "{points:?} {weights:?} {query:?}"
            );
        }
    }

    #[test]
    fn bounds_are_never_below_the_truth_and_close_to_it() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for case in 0..400 {
            let d = case % 5 + 1;
            let m = random.random_range(1..=d + 1);
            let offset = [0.0, 1e3, 1e6][case % 3];
            let scale = [1.0, 1e-310, 1e300, 1e-150][case / 3 % 4];
            let points: Vec<f64> = (0..m * d)
                .map(|_| scale * (offset + random.random_range(-1.0..1.0)))
                .collect();
            let weights: Vec<f64> = (0..m).map(|_| random.random_range(0.0..1.0)).collect();
            let total: f64 = weights.iter().sum();
            let away = scale * 10f64.powi(-(case as i32 % 16));
            let query: Vec<f64> = (0..d)
                .map(|j| {
                    (0..m)
                        .map(|i| weights[i] / total * points[i * d + j])
                        .sum::<f64>()
                        + away
                })
                .collect();
            let loose = if scale < 1e-300 { 1.0 } else { 1e-6 };
            check(&points, &weights, &query, loose);
        }
    }

    #[test]
    fn nothing_known_is_infinity() {
        let bad = [
            residual(&[1.0, 2.0], &[0.5, -0.5], &[0.0]),
            residual(&[1.0, 2.0], &[0.0, 0.0], &[0.0]),
            residual(&[1.0, f64::NAN], &[0.5, 0.5], &[0.0]),
            residual(&[1.0, 2.0], &[f64::NAN, 0.5], &[0.0]),
            residual(&[1.0, 2.0], &[1e200, 0.5], &[0.0]),
            residual(&[1.0], &[1.0, 1.0], &[0.0]),
        ];
        for bad in bad {
            assert_eq!(
                (bad.per_column, bad.length),
                (vec![f64::INFINITY], f64::INFINITY)
            );
        }
        let opposite = residual(&[1.7e308, -1.7e308], &[0.5, 0.5], &[1e308]);
        assert!((opposite.length / 1e308 - 1.0).abs() < 1e-9, "{opposite:?}");
        let same = residual(&[0.1, 0.1], &[0.3, 0.7], &[0.1]);
        assert_eq!(same.length, 0.0);
    }

    #[test]
    fn lengths_are_never_too_short() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        for case in 0..300 {
            let scale = 10f64.powi([0, 307, -310, -323, 154, -162][case % 6]);
            let v: Vec<f64> = (0..case % 7 + 1)
                .map(|_| {
                    scale * random.random_range(-1.0..1.0) * 10f64.powi(-random.random_range(0..20))
                })
                .collect();
            let squares: BigInt = v.iter().map(|&x| whole(x) * whole(x)).sum();
            let upper = length_upper(&v);
            let tight = upper * (1.0 - 1e-14) - 1e-322;
            assert!(whole(upper) * whole(upper) >= squares, "{upper} {v:?}");
            assert!(
                tight <= 0.0 || whole(tight) * whole(tight) <= squares,
                "{upper} {v:?}"
            );
        }
        assert_eq!(length_upper(&[]), 0.0);
        assert_eq!(length_upper(&[1.7e308, 1.7e308]), f64::INFINITY);
        assert_eq!(length_upper(&[f64::NAN]), f64::INFINITY);
    }
}
