//! `<w, q - x>` for any finite numbers, as if computed in twice the working precision, with a bound on the error.
//!
//! Each difference `q_j - x_j` is split into two numbers that sum to it exactly; then Ogita, Rump, Oishi (2005),
//! "Accurate sum and dot product", algorithm Dot2: the result s is off by at most `u |s| + gamma(n)^2 sum |a_j b_j|` over
//! the n products (their theorem 3.4 has `gamma(n)^2`). The products are of differences, so an offset of the data costs
//! nothing. Numbers near the ends of the range of f64 are brought to its middle by powers of two first, so that no sum
//! overflows and none drowns in underflow.

use super::super::doubled::{two_product, two_sum};
use super::super::roundoff::{U, gamma};
use libm::{ilogb, scalbn};

/// Exponents up to this size are left as they are: products of three such numbers neither overflow nor underflow.
const MIDDLE: i32 = 300;

/// A number `value * 2^exponent`, and how far it can be from the exact one, `error * 2^exponent`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounded {
    pub value: f64,
    pub error: f64,
    pub exponent: i32,
}

/// The largest magnitude among the numbers; NaN and infinity count as infinite.
fn largest(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.fold(0f64, |most, v| {
        if v.is_finite() {
            most.max(v.abs())
        } else {
            f64::INFINITY
        }
    })
}

/// `v / 2^e` with its largest entry between 1 and 2, and e. Exact except for entries below 1e-308 of the largest.
/// `None` for a vector that is 0 or not finite.
pub(super) fn normalised(v: &[f64]) -> Option<(Vec<f64>, i32)> {
    let largest = largest(v.iter().copied());
    if largest == 0.0 || !largest.is_finite() {
        return None;
    }
    let exponent = ilogb(largest);
    Some((v.iter().map(|&v| scalbn(v, -exponent)).collect(), exponent))
}

/// `<w, q - x>` for a w whose entries are below 2 in size, of which the largest is at least 1 ([`normalised`]).
pub(super) fn separation(w: &[f64], q: &[f64], x: &[f64]) -> Bounded {
    let largest = largest(q.iter().chain(x).copied());
    if largest == 0.0 {
        return Bounded {
            value: 0.0,
            error: 0.0,
            exponent: 0,
        };
    }
    let exponent = ilogb(largest);
    if exponent.abs() <= MIDDLE {
        return of_differences(w, q.iter().zip(x).map(|(&q, &x)| (q, x)), 0);
    }
    let scaled = |v: f64| scalbn(v, -exponent - 1);
    let pairs = q.iter().zip(x).map(|(&q, &x)| (scaled(q), scaled(x)));
    of_differences(w, pairs, exponent + 1)
}

/// The sum of `w_j (q_j - x_j)` over the pairs (q_j, x_j), times 2^exponent.
fn of_differences(w: &[f64], pairs: impl Iterator<Item = (f64, f64)>, exponent: i32) -> Bounded {
    let parts = w.iter().zip(pairs).flat_map(|(&w, (q, x))| {
        let (difference, rest) = two_sum(q, -x);
        [(w, difference), (w, rest)]
    });
    dot(parts, exponent)
}

/// The sum of the products, times 2^exponent.
fn dot(pairs: impl Iterator<Item = (f64, f64)>, exponent: i32) -> Bounded {
    let (mut sum, mut rest, mut size, mut n) = (0.0, 0.0, 0.0, 0);
    for (a, b) in pairs {
        let (product, product_error) = two_product(a, b);
        let (next, sum_error) = two_sum(sum, product);
        sum = next;
        rest += product_error + sum_error;
        size += product.abs();
        n += 1;
    }
    let value = sum + rest;
    // The factor 2 covers the roundings of `size` and of the bound itself; each product, and each factor that was
    // scaled, may lose a few of the smallest numbers to underflow.
    let error = 2.0 * (U * value.abs() + gamma(n).powi(2) * size + n as f64 * f64::MIN_POSITIVE);
    Bounded {
        value,
        error,
        exponent,
    }
}

/// |v| of a [`normalised`] vector, off by less than 4 u of itself.
pub(super) fn length_of_normalised(v: &[f64]) -> f64 {
    dot(v.iter().map(|&v| (v, v)), 0).value.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The points differ by 2^-20 in one coordinate at 1e8: scaling 0.1 by that is exact, plain sums are not.
    #[test]
    fn a_small_step_at_a_large_offset_is_seen() {
        let (w, e) = normalised(&[0.1, -0.3]).unwrap();
        let (q, step) = ([1e8 + 2f64.powi(-20), 3e8 + 0.7], 2f64.powi(-20));
        let x = [1e8, q[1]];
        let exact = scalbn(0.1, -e) * step;
        let plain = (w[0] * q[0] + w[1] * q[1]) - (w[0] * x[0] + w[1] * x[1]);
        let found = separation(&w, &q, &x);
        assert!(
            (found.value - exact).abs() <= found.error && found.error < 1e-19,
            "{found:?}"
        );
        assert!(
            (plain - exact).abs() > 1e-12,
            "the example must be hard: {plain}"
        );
    }

    #[test]
    fn a_tie_is_zero() {
        let w = normalised(&[0.1, 0.7]).unwrap().0;
        assert_eq!(separation(&w, &[3.0, -2.0], &[3.0, -2.0]).value, 0.0);
        assert_eq!(separation(&w, &[0.0; 2], &[0.0; 2]).value, 0.0);
    }

    /// `(3, -4) . (q - x)` with q = (s, 0) and x = (0, s / 2) is 5 s, whatever s is.
    #[test]
    fn no_number_is_too_large_or_too_small() {
        for scale in [5e-324, 1e-310, 1e-300, 1e-100, 1.0, 1e100, 1e300, 8e307] {
            let scale = 2.0 * scale;
            for weight in [1e-310, 1e-200, 1.0, 1e300] {
                let (w, _) = normalised(&[3.0 * weight, -4.0 * weight]).unwrap();
                let found = separation(&w, &[scale, 0.0], &[0.0, scale / 2.0]);
                let (value, exponent) = libm::frexp(scale);
                let exact = scalbn(5.0 / 3.0 * w[0] * value, exponent - found.exponent);
                let off = (found.value - exact).abs();
                assert!(off <= 1e-15 * exact, "{scale} {weight}: {found:?}, {exact}");
                assert!(found.error < 1e-14 * exact, "{scale} {weight}: {found:?}");
            }
        }
        assert!(normalised(&[0.0, 0.0]).is_none() && normalised(&[f64::NAN, 1.0]).is_none());
    }

    #[test]
    fn lengths_do_not_underflow() {
        let (v, e) = normalised(&[3e-300, 4e-300]).unwrap();
        assert!((scalbn(length_of_normalised(&v), e) - 5e-300).abs() < 1e-314);
    }
}
