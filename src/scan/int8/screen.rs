//! Pairs that eight bits could not exclude, screened by f32 products in whichever order of additions is fastest.
//!
//! A stated score adds its terms one after the other ([`super::rescore`]), which takes several times as long as adding sixteen
//! sums at a time. In any order the sum is off by at most [`rounding::f32_score`], so two scores of one pair are at most twice
//! that apart. A pair whose fast score lies further than that below its bar has a stated score below the bar.

use crate::scan::rounding;
use pulp::{Simd, WithSimd};

/// The terms of a direction's error.
#[derive(Debug, Clone, Copy)]
pub struct Slack {
    /// For each unit of |x|, and of |c b|.
    length: f64,
    bias: f64,
    constant: f64,
}

impl Slack {
    /// At least as far as two f32 scores of one row, added in different orders, are apart; `norm >= |w|`.
    pub fn new(d: usize, norm: f64) -> Self {
        let constant = rounding::f32_score(d, 0.0, norm, 0.0);
        // The terms are computed in f64, with a few roundings.
        let twice = |bound: f64| 2.0 * bound * (1.0 + 1e-12);
        Slack {
            length: twice(rounding::f32_score(d, 1.0, norm, 0.0) - constant),
            bias: twice(rounding::f32_score(d, 0.0, norm, 1.0) - constant),
            constant: twice(constant),
        }
    }

    /// Whether a stated score may reach the bar (NaN: no bar yet), by a fast score of the same pair with its bias `c b`; `length` is
    /// at least |x|.
    pub fn may_reach(&self, score: f32, bar: f32, length: f64, bias: f32) -> bool {
        let off = self.length * length + self.bias * f64::from(bias).abs() + self.constant;
        let excluded = f64::from(score) + off < f64::from(bar);
        !excluded
    }
}

/// `<x, w>`, added in any order.
pub fn product(x: &[f32], w: &[f32]) -> f32 {
    pulp::Arch::new().dispatch(Product { x, w })
}

/// At least |x|.
pub fn length(x: &[f32]) -> f64 {
    // Squares below the smallest number are lost, and each of the d roundings takes at most 2^-24.
    let d = x.len();
    let lost = d as f64 * f64::from(f32::MIN_POSITIVE);
    let square = f64::from(product(x, x)) / (1.0 - rounding::gamma(d + 3, rounding::U32)) + lost;
    square.sqrt() * (1.0 + 1e-12)
}

/// [`product`], compiled for the instruction set found at run time.
struct Product<'a> {
    x: &'a [f32],
    w: &'a [f32],
}

impl WithSimd for Product<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (x, x_rest) = S::as_simd_f32s(self.x);
        let (w, w_rest) = S::as_simd_f32s(&self.w[..self.x.len()]);
        let mut sums = [simd.splat_f32s(0.0); 4];
        let (x_four, x_one) = x.as_chunks::<4>();
        let (w_four, w_one) = w.as_chunks::<4>();
        for (x, w) in x_four.iter().zip(w_four) {
            for k in 0..4 {
                sums[k] = simd.mul_add_e_f32s(x[k], w[k], sums[k]);
            }
        }
        for (x, w) in x_one.iter().zip(w_one) {
            sums[0] = simd.mul_add_e_f32s(*x, *w, sums[0]);
        }
        let pairs = simd.add_f32s(
            simd.add_f32s(sums[0], sums[1]),
            simd.add_f32s(sums[2], sums[3]),
        );
        let mut sum = simd.reduce_sum_f32s(pairs);
        for (x, w) in x_rest.iter().zip(w_rest) {
            sum += x * w;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the order of additions of a score, a bar at that score is never found out of reach.
        #[test]
        fn a_score_that_reaches_its_bar_is_never_excluded(
            pairs in prop::collection::vec((-2f32..2.0, -2f32..2.0), 1..150),
            size in prop_oneof![Just(1f32), Just(1e-20), Just(1e12)],
            bias in prop_oneof![Just(0f32), -9f32..0.0, Just(-1e30)],
        ) {
            let (x, w): (Vec<f32>, Vec<f32>) = pairs.into_iter().map(|(x, w)| (x, w * size)).unzip();
            let exact = |a: &[f32]| a.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
            prop_assert!(length(&x) >= exact(&x) && length(&x) <= exact(&x) * 1.001 + 1e-17);
            let one_by_one = |reversed: bool| {
                let each = x.iter().zip(&w);
                let add = |sum: f32, (x, w): (&f32, &f32)| x.mul_add(*w, sum);
                let sum = if reversed { each.rev().fold(0f32, add) } else { each.fold(0f32, add) };
                sum + bias
            };
            let slack = Slack::new(x.len(), exact(&w));
            let score = product(&x, &w) + bias;
            for bar in [one_by_one(false), one_by_one(true), f32::NAN, f32::NEG_INFINITY] {
                prop_assert!(slack.may_reach(score, bar, length(&x), bias), "{} at {}", score, bar);
            }
        }
    }

    /// A bar that is above the score by a thousandth of the vectors' lengths is out of reach.
    #[test]
    fn what_is_far_below_its_bar_is_excluded() {
        let x: Vec<f32> = (0..500).map(|i| (i % 7) as f32 - 3.0).collect();
        let slack = Slack::new(x.len(), length(&x));
        let above = product(&x, &x) + (length(&x).powi(2) * 1e-3) as f32;
        assert!(!slack.may_reach(product(&x, &x), above, length(&x), 0.0));
    }
}
