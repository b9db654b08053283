//! `<w, q - x>` as if computed in twice the working precision, with a bound on the error.
//!
//! Ogita, Rump, Oishi (2005), "Accurate sum and dot product", algorithm Dot2 over the 2d products `w_j q_j` and
//! `-w_j x_j`: the result is off by at most `u |s| + gamma(n)^2 sum |a_j b_j|`, n = 2d (their theorem 3.4 has
//! `gamma(n)^2`). At an offset of 1e8 that is still 1e-20 of the data's own scale.

use super::doubled::{TINY, two_product, two_sum};
use super::roundoff::{U, gamma};

/// `<w, q - x>` and a bound on its error. NaN or infinite where the numbers overflow.
pub(crate) fn separation(w: &[f64], q: &[f64], x: &[f64]) -> (f64, f64) {
    let (mut sum, mut rest, mut size) = (0.0, 0.0, 0.0);
    for ((&w, &q), &x) in w.iter().zip(q).zip(x) {
        for factor in [q, -x] {
            let (product, product_error) = two_product(w, factor);
            let (next, sum_error) = two_sum(sum, product);
            sum = next;
            rest += product_error + sum_error;
            size += product.abs();
        }
    }
    let value = sum + rest;
    let n = 2 * w.len();
    // The factor 2 covers the roundings of `size` and of the bound itself. Each product loses at most half of the
    // smallest positive number to underflow (in its error, below 2^-969, or in itself, below 2^-1022); sums lose
    // nothing, and products of the bound that underflow are less than the other half.
    let error = 2.0 * (U * value.abs() + gamma(n).powi(2) * size + n as f64 * TINY);
    (value, error)
}

/// |v| up to a few roundings, without intermediate overflow or underflow.
pub(super) fn length(v: &[f64]) -> f64 {
    let largest = v.iter().fold(0f64, |most, v| most.max(v.abs()));
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    largest * v.iter().map(|v| (v / largest).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use num_bigint::{BigInt, Sign};
    use rand::RngExt;
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

    use super::super::integers::split;
    use super::*;

    /// The points differ by 2^-20 in one coordinate at 1e8: scaling 0.1 by that is exact, plain sums are not.
    #[test]
    fn a_small_step_at_a_large_offset_is_seen() {
        let (w, q) = ([0.1, -0.3], [1e8 + 2f64.powi(-20), 3e8 + 0.7]);
        let x = [1e8, q[1]];
        let exact = 0.1 * 2f64.powi(-20);
        let plain = (w[0] * q[0] + w[1] * q[1]) - (w[0] * x[0] + w[1] * x[1]);
        let (value, error) = separation(&w, &q, &x);
        assert!(
            (value - exact).abs() <= error && error < 1e-20,
            "{value} {error}"
        );
        assert!(
            (plain - exact).abs() > 1e-12,
            "the example must be hard: {plain}"
        );
    }

    #[test]
    fn a_tie_is_zero_and_overflow_is_not_a_number_to_trust() {
        let (value, _) = separation(&[0.1, 0.7], &[3.0, -2.0], &[3.0, -2.0]);
        assert_eq!(value, 0.0);
        let (value, error) = separation(&[1e200], &[1e200], &[-1e200]);
        assert!(!(value - error).is_finite());
    }

    /// Also at the ends of the range of f64: products that underflow, and sums that cancel to the last bit.
    #[test]
    fn the_bound_covers_exact_arithmetic() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let whole = |x: f64| {
            let (mantissa, exponent) = split(x);
            BigInt::from(mantissa) << (exponent + 1100)
        };
        let (mut undecided, mut zero) = (0, 0);
        for case in 0..600 {
            let d = case % 4 + 1;
            let scale = [1.0, 1e-310, 1e-160, 1e150, 1e307][case / 4 % 5];
            let mut number = |scale: f64| scale * f64::from(random.random_range(-9..=9)) * 0.1;
            let w: Vec<f64> = (0..d).map(|_| number(1.0)).collect();
            let q: Vec<f64> = (0..d).map(|_| number(scale)).collect();
            let mut x = q.clone();
            // A step in the separating plane: the products cancel up to the roundings of x.
            if d > 1 && case % 3 > 0 {
                (x[0], x[1]) = (q[0] + w[1] * scale, q[1] - w[0] * scale);
            } else {
                x[d - 1] = number(scale);
            }
            let exact: BigInt = (0..d)
                .map(|j| whole(w[j]) * (whole(q[j]) - whole(x[j])))
                .sum();
            let expected = exact.sign().cmp(&Sign::NoSign);
            let (value, error) = separation(&w, &q, &x);
            if value.abs() > error {
                assert_eq!(value.partial_cmp(&0.0), Some(expected), "{w:?} {q:?} {x:?}");
            } else {
                undecided += 1;
                zero += usize::from(expected.is_eq());
            }
        }
        assert!(zero > 30 && undecided - zero > 10, "{undecided} {zero}");
    }

    #[test]
    fn lengths_do_not_overflow() {
        assert!((length(&[3e200, 4e200]) - 5e200).abs() < 1e186);
        assert_eq!(length(&[0.0, 0.0]), 0.0);
    }
}
