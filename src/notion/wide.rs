//! f64 numbers with a separate exponent: products and distances of finite rows that cannot overflow or underflow.
//!
//! `<x, q>` of two rows of 1e200 overflows f64, and that of two rows of 1e-200 underflows: all rows would seem equally near.
//! Therefore, where a plain sum leaves the range in which it is accurate, its terms are first scaled by a common power of
//! two, which causes no rounding.

use std::cmp::Ordering;

/// `value * 2^exponent`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wide {
    value: f64,
    exponent: i32,
}

/// The range of sums in which no term has overflowed, and any underflow of a term is far below the last digit of the sum.
pub(super) const PLAIN: std::ops::Range<f64> = 1e-280..1e300;

impl Wide {
    /// Converts an f64.
    pub fn from(value: f64) -> Self {
        Wide::new(value, 0)
    }

    /// A number from its parts; -0 becomes 0.
    fn new(value: f64, exponent: i32) -> Self {
        Wide {
            value: value + 0.0,
            exponent,
        }
    }

    /// The nearest f64; infinite if the number overflows.
    pub fn rounded(self) -> f64 {
        libm::scalbn(self.value, self.exponent)
    }

    pub fn negated(self) -> Self {
        // Not `-value`: -0 would sort before 0, and rows that differ in the sign of a zero are equal.
        Wide::new(0.0 - self.value, self.exponent)
    }

    /// Compares by value.
    pub fn order(self, other: Self) -> Ordering {
        if self.exponent == other.exponent {
            return self.value.total_cmp(&other.value);
        }
        let parts = |wide: Wide| {
            let (fraction, exponent) = libm::frexp(wide.value);
            (fraction, exponent + wide.exponent)
        };
        let ((a, power_a), (b, power_b)) = (parts(self), parts(other));
        let same_side = a * b > 0.0;
        let by_power = match same_side {
            true if a > 0.0 => power_a.cmp(&power_b),
            true => power_b.cmp(&power_a),
            false => Ordering::Equal,
        };
        by_power.then(a.total_cmp(&b))
    }
}

/// `<x, q>`.
pub(super) fn product(x: &[f64], q: &[f64]) -> Wide {
    let plain: f64 = x.iter().zip(q).map(|(x, q)| x * q).sum();
    if PLAIN.contains(&plain.abs()) {
        return Wide::from(plain);
    }
    let terms = || {
        let factors = x.iter().zip(q).filter(|(x, q)| **x != 0.0 && **q != 0.0);
        factors.map(|(x, q)| {
            let ((x, power_x), (q, power_q)) = (libm::frexp(*x), libm::frexp(*q));
            (x * q, power_x + power_q)
        })
    };
    let Some(power) = terms().map(|(_, power)| power).max() else {
        return Wide::from(0.0);
    };
    let scaled = terms().map(|(term, own)| libm::scalbn(term, own - power));
    Wide::new(scaled.sum(), power)
}

/// `|x - q|`, from the differences of the coordinates.
pub(super) fn distance(x: &[f64], q: &[f64]) -> Wide {
    let square: f64 = x.iter().zip(q).map(|(x, q)| (x - q) * (x - q)).sum();
    if PLAIN.contains(&square) {
        return Wide::from(square.sqrt());
    }
    let largest = |share: f64| {
        let differences = x.iter().zip(q).map(|(x, q)| (share * x - share * q).abs());
        differences.fold(0f64, f64::max)
    };
    let whole = largest(1.0);
    if whole == 0.0 {
        return Wide::from(0.0);
    }
    // Halves have a finite difference even if that of the numbers overflows.
    let share = if whole.is_finite() { 1.0 } else { 0.5 };
    let (_, power) = libm::frexp(largest(share));
    let scaled = x
        .iter()
        .zip(q)
        .map(|(x, q)| libm::scalbn(share * x - share * q, -power));
    let square: f64 = scaled.map(|v| v * v).sum();
    Wide::new(square.sqrt(), power + i32::from(share != 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `number * 2^power`, exact.
    fn times(number: i64, power: i32) -> f64 {
        libm::scalbn(number as f64, power)
    }

    #[test]
    fn order_is_that_of_the_values() {
        // Numbers in ascending order, each with its value.
        let all = [
            Wide::new(-1.5, 3000),
            Wide::new(-1.0, 3000),
            Wide::new(-8.0, 2000),
            Wide::from(-2.0),
            Wide::new(-1.0, -3000),
            Wide::new(-0.0, 5000),
            Wide::new(1.0, -3000),
            Wide::new(4.0, -2999),
            Wide::from(1.0),
            Wide::new(1.0, 1),
            Wide::new(0.5, 3000),
        ];
        for (i, a) in all.iter().enumerate() {
            for (j, b) in all.iter().enumerate() {
                assert_eq!(a.order(*b), i.cmp(&j), "{a:?} {b:?}");
            }
        }
        assert!(Wide::new(8.0, -3).order(Wide::from(1.0)).is_eq());
        assert!(Wide::from(-0.0).order(Wide::new(0.0, -9)).is_eq());
    }

    #[test]
    fn whole_numbers_times_powers_of_two_keep_their_order_and_their_value() {
        let rows = [
            [3i64, -5, 0, 7],
            [1000, 1, 1, -2],
            [0, 0, 0, 0],
            [-3, 5, 2, -7],
        ];
        let q = [11i64, 2, -400, 6];
        let dot = |x: &[i64]| -> i64 { x.iter().zip(&q).map(|(x, q)| x * q).sum() };
        let apart = |x: &[i64]| -> i64 { x.iter().zip(&q).map(|(x, q)| (x - q).pow(2)).sum() };
        let scaled =
            |x: &[i64], power| -> Vec<f64> { x.iter().map(|&v| times(v, power)).collect() };
        for a in [-1070, -800, -300, 0, 300, 800, 1010] {
            for b in [-1070, -300, 0, 300, 1010] {
                let found = rows.map(|x| product(&scaled(&x, a), &scaled(&q, b)));
                for (x, found) in rows.iter().zip(&found) {
                    let truth = Wide::new(dot(x) as f64, a + b);
                    assert!(found.order(truth).is_eq(), "{found:?} {truth:?}");
                }
            }
            for x in rows {
                let found = distance(&scaled(&x, a), &scaled(&q, a));
                let truth = Wide::new((apart(&x) as f64).sqrt(), a);
                assert!(found.order(truth).is_eq(), "{found:?} {truth:?}");
            }
        }
        let far = distance(&[f64::MAX], &[-f64::MAX]);
        assert!(far.order(Wide::new(f64::MAX, 1)).is_eq() && far.rounded() == f64::INFINITY);
    }
}
