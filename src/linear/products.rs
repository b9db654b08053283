//! Products of f64 vectors with the processor's vector instructions.
//!
//! Written with the instructions themselves: the compiler leaves sums in arrays scalar, and spills them.

use pulp::{Simd, WithSimd};

/// `<a, b>` of two vectors of the same length.
#[inline(always)]
pub(crate) fn one<S: Simd>(simd: S, a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (S::as_simd_f64s(a), S::as_simd_f64s(b));
    let ((a4, a1), (b4, b1)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let zero = simd.splat_f64s(0.0);
    let (mut s0, mut s1, mut s2, mut s3) = (zero, zero, zero, zero);
    for (a, b) in a4.iter().zip(b4) {
        s0 = simd.mul_add_e_f64s(a[0], b[0], s0);
        s1 = simd.mul_add_e_f64s(a[1], b[1], s1);
        s2 = simd.mul_add_e_f64s(a[2], b[2], s2);
        s3 = simd.mul_add_e_f64s(a[3], b[3], s3);
    }
    for (a, b) in a1.iter().zip(b1) {
        s0 = simd.mul_add_e_f64s(*a, *b, s0);
    }
    let sum = simd.add_f64s(simd.add_f64s(s0, s1), simd.add_f64s(s2, s3));
    let mut rest = 0.0;
    for (a, b) in a_rest.iter().zip(b_rest) {
        rest += a * b;
    }
    simd.reduce_sum_f64s(sum) + rest
}

/// The products of four vectors with one, all of the same length.
#[inline(always)]
pub(crate) fn four<S: Simd>(simd: S, a: [&[f64]; 4], b: &[f64]) -> [f64; 4] {
    let (b, b_rest) = S::as_simd_f64s(b);
    let (a0, r0) = S::as_simd_f64s(a[0]);
    let (a1, r1) = S::as_simd_f64s(a[1]);
    let (a2, r2) = S::as_simd_f64s(a[2]);
    let (a3, r3) = S::as_simd_f64s(a[3]);
    let zero = simd.splat_f64s(0.0);
    let (mut s0, mut s1, mut s2, mut s3) = (zero, zero, zero, zero);
    for ((((b, a0), a1), a2), a3) in b.iter().zip(a0).zip(a1).zip(a2).zip(a3) {
        s0 = simd.mul_add_e_f64s(*a0, *b, s0);
        s1 = simd.mul_add_e_f64s(*a1, *b, s1);
        s2 = simd.mul_add_e_f64s(*a2, *b, s2);
        s3 = simd.mul_add_e_f64s(*a3, *b, s3);
    }
    let mut sums = [
        simd.reduce_sum_f64s(s0),
        simd.reduce_sum_f64s(s1),
        simd.reduce_sum_f64s(s2),
        simd.reduce_sum_f64s(s3),
    ];
    for ((((b, r0), r1), r2), r3) in b_rest.iter().zip(r0).zip(r1).zip(r2).zip(r3) {
        sums[0] += r0 * b;
        sums[1] += r1 * b;
        sums[2] += r2 * b;
        sums[3] += r3 * b;
    }
    sums
}

/// `b -= share a` for two vectors of the same length.
#[inline(always)]
pub(crate) fn subtract<S: Simd>(simd: S, share: f64, a: &[f64], b: &mut [f64]) {
    let ((a, a_rest), (b, b_rest)) = (S::as_simd_f64s(a), S::as_mut_simd_f64s(b));
    let less = simd.splat_f64s(-share);
    for (a, b) in a.iter().zip(b) {
        *b = simd.mul_add_e_f64s(less, *a, *b);
    }
    for (a, b) in a_rest.iter().zip(b_rest) {
        *b -= share * a;
    }
}

/// `b -= sum_c shares[c] a[c]` for nine vectors of the same length. Eight vectors that lie apart in memory are read together, so
/// that the processor waits for all of them at once.
#[inline(always)]
pub(crate) fn subtract_eight<S: Simd>(simd: S, shares: [f64; 8], a: [&[f64]; 8], b: &mut [f64]) {
    let length = b.len();
    let less = shares.map(|share| simd.splat_f64s(-share));
    let (a0, a1) = (S::as_simd_f64s(a[0]).0, S::as_simd_f64s(a[1]).0);
    let (a2, a3) = (S::as_simd_f64s(a[2]).0, S::as_simd_f64s(a[3]).0);
    let (a4, a5) = (S::as_simd_f64s(a[4]).0, S::as_simd_f64s(a[5]).0);
    let (a6, a7) = (S::as_simd_f64s(a[6]).0, S::as_simd_f64s(a[7]).0);
    let (whole, rest) = S::as_mut_simd_f64s(b);
    let first = a0.iter().zip(a1).zip(a2).zip(a3);
    let second = a4.iter().zip(a5).zip(a6).zip(a7);
    for ((b, (((a0, a1), a2), a3)), (((a4, a5), a6), a7)) in whole.iter_mut().zip(first).zip(second)
    {
        let mut sum = simd.mul_add_e_f64s(less[0], *a0, *b);
        sum = simd.mul_add_e_f64s(less[1], *a1, sum);
        sum = simd.mul_add_e_f64s(less[2], *a2, sum);
        sum = simd.mul_add_e_f64s(less[3], *a3, sum);
        sum = simd.mul_add_e_f64s(less[4], *a4, sum);
        sum = simd.mul_add_e_f64s(less[5], *a5, sum);
        sum = simd.mul_add_e_f64s(less[6], *a6, sum);
        *b = simd.mul_add_e_f64s(less[7], *a7, sum);
    }
    let done = length - rest.len();
    for (share, a) in shares.into_iter().zip(a) {
        for (b, a) in rest.iter_mut().zip(&a[done..]) {
            *b -= share * a;
        }
    }
}

/// [`one`] for a call outside of code that is compiled for the instruction set.
pub(crate) struct One<'a>(pub &'a [f64], pub &'a [f64]);

impl WithSimd for One<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        one(simd, self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Four<'a>([&'a [f64]; 4], &'a [f64]);

    struct Subtract<'a>(f64, &'a [f64], &'a mut [f64]);

    impl WithSimd for Subtract<'_> {
        type Output = ();

        fn with_simd<S: Simd>(self, simd: S) {
            subtract(simd, self.0, self.1, self.2);
        }
    }

    impl WithSimd for Four<'_> {
        type Output = [f64; 4];

        fn with_simd<S: Simd>(self, simd: S) -> [f64; 4] {
            four(simd, self.0, self.1)
        }
    }

    #[test]
    fn what_is_subtracted_is_gone() {
        for n in [0, 1, 5, 8, 19, 100] {
            let a: Vec<f64> = (0..n).map(f64::from).collect();
            let mut b: Vec<f64> = a.iter().map(|a| 3.0 * a + 7.0).collect();
            pulp::Arch::new().dispatch(Subtract(3.0, &a, &mut b));
            assert_eq!(b, vec![7.0; a.len()]);
        }
    }

    /// Of small integers, for which no order of summation rounds.
    #[test]
    fn products_are_those_of_plain_sums() {
        let numbers: Vec<f64> = (0..500).map(|i| f64::from(i % 17) - 8.0).collect();
        let plain = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        for n in [0, 1, 3, 4, 7, 8, 9, 16, 31, 64, 100] {
            let rows = [0, 100, 200, 300].map(|first| &numbers[first..first + n]);
            let b = &numbers[400..400 + n];
            let expected = rows.map(|a| plain(a, b));
            let arch = pulp::Arch::new();
            assert_eq!(arch.dispatch(Four(rows, b)), expected);
            assert_eq!(rows.map(|a| arch.dispatch(One(a, b))), expected);
            assert_eq!(rows.map(|a| one(pulp::Scalar, a, b)), expected);
        }
    }
}
