//! How far a computed score can be from the exact one.
//!
//! `gamma(n) = n u / (1 - n u)` bounds the relative error of n successive roundings in any order, with or
//! without fused multiply-add (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., lemma 3.1 and
//! section 3.1: `|fl(x'y) - x'y| <= gamma(d) |x|'|y|`; by Cauchy-Schwarz at most `gamma(d) |x| |y|`).

/// Unit roundoff of f32: half the distance from 1 to the next number.
pub const U32: f64 = 1.0 / (1u64 << 24) as f64;

/// Unit roundoff of f64.
pub const U64: f64 = 1.0 / (1u64 << 53) as f64;

/// Smallest positive f32: what one product can lose to underflow, at most.
const TINY32: f64 = 1.401_298_464_324_817e-45;

/// `n u / (1 - n u)`; infinite when n roundings can lose everything.
pub fn gamma(n: usize, u: f64) -> f64 {
    let loss = n as f64 * u;
    if loss < 1.0 {
        loss / (1.0 - loss)
    } else {
        f64::INFINITY
    }
}

/// Error of an f32 score `<x', w> + c b` in d dimensions.
///
/// `radius >= |x'|`, `norm >= |w|`, `bias >= |b|` (0 when `c = 0`). Two roundings come on top of the d of the
/// product: that of `x'` to f32, and the addition of the bias, which was itself rounded once. Each of the d
/// products and of the d entries of `x'` may also underflow.
pub fn f32_score(d: usize, radius: f64, norm: f64, bias: f64) -> f64 {
    let relative = gamma(d + 3, U32) * (radius * norm + bias);
    relative + d as f64 * TINY32 * (1.0 + norm)
}

/// Error of an f64 score `<x', w>` in d dimensions whose rows were centred and scaled in f64.
pub fn f64_score(d: usize, radius: f64, norm: f64) -> f64 {
    gamma(d + 3, U64) * radius * norm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gamma_grows_and_saturates() {
        assert_eq!(gamma(0, U32), 0.0);
        assert!(gamma(100, U32) > 100.0 * U32 && gamma(100, U32) < 101.0 * U32);
        assert_eq!(gamma(1 << 24, U32), f64::INFINITY);
    }

    /// The worst case of a running sum: every partial sum rounds down by almost half a unit.
    #[test]
    fn bound_holds_where_every_addition_loses_half_a_unit() {
        let d = 4096;
        let mut x = vec![U32 as f32 * 0.999_999; d];
        x[0] = 1.0;
        let computed = x.iter().fold(0f32, |sum, v| sum + v);
        let exact: f64 = x.iter().map(|&v| v as f64).sum();
        let norm = (d as f64).sqrt();
        let radius = x.iter().map(|&v| (v as f64).powi(2)).sum::<f64>().sqrt();
        let error = (exact - computed as f64).abs();
        assert!(
            error > 0.9 * (d - 1) as f64 * U32,
            "the example must be bad: {error}"
        );
        assert!(error <= f32_score(d, radius, norm, 0.0));
    }
}
