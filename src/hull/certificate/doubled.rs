//! Double-word numbers (a sum of two f64) and their dot products, with a bound on the error.

use super::roundoff::{U, gamma};

/// The smallest positive number: an operation loses at most half of it to underflow.
pub(super) const TINY: f64 = f64::from_bits(1);

/// The exact sum `a + b = sum + error` (Knuth).
#[inline(always)]
pub(super) fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

/// The exact product `a * b = product + error`, unless it underflows.
#[inline(always)]
pub(super) fn two_product(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    (product, a.mul_add(b, -product))
}

/// Numbers `high + low` with `|low| <= u |high|`.
#[derive(Clone, Copy)]
pub(super) struct Pairs<'a> {
    pub high: &'a [f64],
    pub low: &'a [f64],
}

/// `high + low`, within `error` of the truth, `|low| <= u |high|`.
pub(super) struct Bounded {
    pub high: f64,
    pub low: f64,
    pub error: f64,
}

/// Running sums of a dot product, which the processor adds at the same time.
const LANES: usize = 8;

/// `start - sum_i a_i b_i`. Where numbers overflow the error is infinite or not a number.
///
/// Dot2 of Ogita, Rump and Oishi (2005), "Accurate sum and dot product"; the products with the low words are added to
/// its correction term. With n products, L lanes and `S = |start| + sum |a b|`, the terms of the correction (the errors of
/// n products and at most n + L sums, and the products with the low words) sum to at most `gamma(n + L + 4) S` in
/// magnitude, and their plain sum loses `gamma(n + L + 8)` of that. The factor 2 covers the roundings of S and of the
/// bound; four operations for each product may underflow.
#[inline]
pub(super) fn minus_dot(start: f64, a: Pairs, b: Pairs) -> Bounded {
    match a.high.len() < LANES {
        true => lanes(start, a, b),
        false => pulp::Arch::new().dispatch(MinusDot { start, a, b }),
    }
}

/// [`minus_dot`], compiled for the instruction set found at run time.
struct MinusDot<'a> {
    start: f64,
    a: Pairs<'a>,
    b: Pairs<'a>,
}

impl pulp::NullaryFnOnce for MinusDot<'_> {
    type Output = Bounded;

    #[inline(always)]
    fn call(self) -> Bounded {
        lanes(self.start, self.a, self.b)
    }
}

/// The same, with the instruction set of the caller.
#[inline(always)]
fn lanes(start: f64, a: Pairs, b: Pairs) -> Bounded {
    let n = a.high.len();
    let (a_high, a_high_rest) = a.high.as_chunks::<LANES>();
    let (a_low, a_low_rest) = a.low[..n].as_chunks::<LANES>();
    let (b_high, b_high_rest) = b.high[..n].as_chunks::<LANES>();
    let (b_low, b_low_rest) = b.low[..n].as_chunks::<LANES>();
    let mut lanes = [[0.0; LANES]; 3];
    for (((a, a_low), b), b_low) in a_high.iter().zip(a_low).zip(b_high).zip(b_low) {
        let [sum, rest, size] = &mut lanes;
        for i in 0..LANES {
            let (a, b) = ((a[i], a_low[i]), (b[i], b_low[i]));
            subtract_product(&mut sum[i], &mut rest[i], &mut size[i], a, b);
        }
    }
    let (mut sum, mut rest, mut size) = (start, 0.0, start.abs());
    if !a_high.is_empty() {
        for i in 0..LANES {
            let (next, error) = two_sum(sum, lanes[0][i]);
            sum = next;
            rest += error + lanes[1][i];
            size += lanes[2][i];
        }
    }
    for i in 0..a_high_rest.len() {
        let a = (a_high_rest[i], a_low_rest[i]);
        let b = (b_high_rest[i], b_low_rest[i]);
        subtract_product(&mut sum, &mut rest, &mut size, a, b);
    }
    let (high, low) = two_sum(sum, rest);
    let terms = n + LANES * usize::from(!a_high.is_empty());
    let lost = gamma(terms + 4) * gamma(terms + 8) * size + 4.0 * n as f64 * TINY;
    Bounded {
        high,
        low,
        error: 2.0 * lost,
    }
}

/// Subtract the product of two numbers of two words from a sum; its rounding errors go to `rest`, its size to `size`.
#[inline(always)]
fn subtract_product(
    sum: &mut f64,
    rest: &mut f64,
    size: &mut f64,
    (a, a_low): (f64, f64),
    (b, b_low): (f64, f64),
) {
    let (term, term_error) = two_product(-a, b);
    let (next, sum_error) = two_sum(*sum, term);
    *sum = next;
    *rest += (term_error + sum_error) - (a * b_low + a_low * (b + b_low));
    *size += term.abs();
}

impl Bounded {
    /// The number rounded to one word, and a bound on its error.
    pub fn rounded(&self) -> (f64, f64) {
        (self.high, self.error + 2.0 * U * self.high.abs() + TINY)
    }
}

/// A number as elimination uses it, in one or two words.
pub(super) trait Number: Copy {
    const WORDS: usize;
    fn new(high: f64, low: f64) -> Self;
    fn parts(self) -> (f64, f64);
    /// `self - a * b`
    fn minus_product(self, a: Self, b: Self) -> Self;
    /// `self / divisor`
    fn over(self, divisor: Self) -> Self;
}

impl Number for f64 {
    const WORDS: usize = 1;

    fn new(high: f64, _: f64) -> f64 {
        high
    }

    fn parts(self) -> (f64, f64) {
        (self, 0.0)
    }

    #[inline]
    fn minus_product(self, a: f64, b: f64) -> f64 {
        self - a * b
    }

    fn over(self, divisor: f64) -> f64 {
        self / divisor
    }
}

/// A double-word number, about 32 decimal digits.
#[derive(Clone, Copy)]
pub(super) struct Double(f64, f64);

impl Number for Double {
    const WORDS: usize = 2;

    fn new(high: f64, low: f64) -> Self {
        Double(high, low)
    }

    fn parts(self) -> (f64, f64) {
        (self.0, self.1)
    }

    #[inline]
    fn minus_product(self, a: Self, b: Self) -> Self {
        let (product, product_error) = two_product(-a.0, b.0);
        let (sum, sum_error) = two_sum(self.0, product);
        let rest = self.1 + (product_error + sum_error) - (a.0 * b.1 + a.1 * b.0);
        let (high, low) = two_sum(sum, rest);
        Double(high, low)
    }

    fn over(self, divisor: Self) -> Self {
        let first = self.0 / divisor.0;
        let left = self.minus_product(Double(first, 0.0), divisor);
        let (high, low) = two_sum(first, left.0 / divisor.0);
        Double(high, low)
    }
}

#[cfg(test)]
mod tests {
    use num_bigint::BigInt;
    use rand::RngExt;
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

    use super::*;
    use crate::hull::certificate::integers::split;

    /// x 2^1200.
    fn whole(x: f64) -> BigInt {
        let (mantissa, exponent) = split(x);
        BigInt::from(mantissa) << (exponent + 1200)
    }

    /// Sums that cancel down to a share of 1e-25: the bound holds, the error is not zero, and the bound is about 1e-30
    /// of the terms.
    #[test]
    fn dot_products_keep_their_bound() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut rounded = 0;
        for case in 0..300 {
            let n = case % 41 + 1;
            let mut number = || {
                let high: f64 = random.random_range(-1.0..1.0);
                (high, high * random.random_range(-0.5..0.5) * f64::EPSILON)
            };
            let (a_high, a_low): (Vec<f64>, Vec<f64>) = (0..n).map(|_| number()).unzip();
            let (b_high, b_low): (Vec<f64>, Vec<f64>) = (0..n).map(|_| number()).unzip();
            let (a, b) = (
                Pairs {
                    high: &a_high,
                    low: &a_low,
                },
                Pairs {
                    high: &b_high,
                    low: &b_low,
                },
            );
            let start = -minus_dot(0.0, a, b).high;
            let found = minus_dot(start, a, b);
            let exact = (0..n).fold(whole(start) * whole(1.0), |sum, i| {
                let (a, b) = (
                    whole(a_high[i]) + whole(a_low[i]),
                    whole(b_high[i]) + whole(b_low[i]),
                );
                sum - a * b
            });
            let miss = exact - (whole(found.high) + whole(found.low)) * whole(1.0);
            let error = whole(found.error) * whole(1.0);
            assert!(miss <= error && -&miss <= error, "{case}");
            let most = if n < 10 { 1e-28 } else { 1e-26 };
            assert!(found.error < most, "{n}: {}", found.error);
            rounded += usize::from(miss != BigInt::ZERO);
        }
        assert!(rounded > 100, "{rounded}");
    }

    #[test]
    fn two_words_divide_and_subtract_to_32_digits() {
        let third = Double::new(1.0, 0.0).over(Double::new(3.0, 0.0));
        let (high, low) = Double::new(1.0, 0.0)
            .minus_product(third, Double::new(3.0, 0.0))
            .parts();
        assert!((high + low).abs() < 1e-31, "{high} {low}");
        assert!(third.1 != 0.0);
    }
}
