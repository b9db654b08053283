//! Bounds on the error of a computed score.
//!
//! `gamma(n) = n u / (1 - n u)` bounds the relative error of n successive roundings in any order, with or
//! without fused multiply-add (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., lemma 3.1 and
//! section 3.1: `|fl(x'y) - x'y| <= gamma(d) |x|'|y|`; by Cauchy-Schwarz at most `gamma(d) |x| |y|`).

/// Unit roundoff of f32: half the distance from 1 to the next number.
pub const U32: f64 = 1.0 / (1u64 << 24) as f64;

/// Unit roundoff of f64.
pub const U64: f64 = 1.0 / (1u64 << 53) as f64;

/// Smallest positive f32: the most that a product can lose to underflow.
const TINY32: f64 = 1.401_298_464_324_817e-45;

/// `n u / (1 - n u)`; infinite if n roundings can lose all digits.
pub fn gamma(n: usize, u: f64) -> f64 {
    let loss = n as f64 * u;
    if loss < 1.0 {
        loss / (1.0 - loss)
    } else {
        f64::INFINITY
    }
}

/// A bound on the error of an f32 score `<x', w> + c b` in d dimensions.
///
/// `radius >= |x'|`, `norm >= |w|`, `bias >= |b|` (0 when `c = 0`). Beside the d roundings of the product there are the
/// rounding of `x'` to f32 and the addition of the bias, which was itself rounded once. Each of the d products and of
/// the d entries of `x'` may also underflow.
pub fn f32_score(d: usize, radius: f64, norm: f64, bias: f64) -> f64 {
    let relative = gamma(d + 3, U32) * (radius * norm + bias);
    relative + d as f64 * TINY32 * (1.0 + norm)
}

/// A bound on the error of an f64 score `<x', w>` in d dimensions, with rows centred and scaled in f64.
pub fn f64_score(d: usize, radius: f64, norm: f64) -> f64 {
    gamma(d + 3, U64) * radius * norm
}

/// A bound on the error of a score computed on a device, in terms of |x| as the device stores it.
///
/// `error <= relative |x| |w| + constant (1 + |w|) + relative_bias |c b|`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeviceError {
    pub relative: f64,
    pub constant: f64,
    pub relative_bias: f64,
}

/// Directions are scaled, by a power of two, until their largest entry reaches this; so are rows stored in f16.
pub const DIRECTION_SCALE: f64 = 128.0;

/// Unit roundoff of f32 arithmetic on a device. Vulkan lets additions, multiplications and conversions return either
/// neighbour of the exact result (Vulkan specification, "Precision of core SPIR-V instructions": correctly rounded
/// means one of the two adjacent values), so it is twice the unit roundoff of rounding to nearest.
const DEVICE_U32: f64 = 2.0 * U32;

/// The same for a conversion to f16: 11 significant bits.
const DEVICE_U16: f64 = 1.0 / 1024.0;

/// Smallest normal numbers: a device may flush smaller ones to zero.
const NORMAL32: f64 = f32::MIN_POSITIVE as f64;
const NORMAL16: f64 = 1.0 / 16_384.0;

impl DeviceError {
    /// Rows stored in f32, products and sums in f32: the roundings of d products and sums, of x', and of the bias.
    pub fn f32(d: usize) -> Self {
        DeviceError {
            relative: gamma(d + 4, DEVICE_U32),
            constant: 2.0 * d as f64 * NORMAL32,
            relative_bias: gamma(d + 4, DEVICE_U32),
        }
    }

    /// Rows stored in f16, products and sums in f32. Rounding a row to f16 costs `u |x|`, with u relative to the
    /// stored value, and NORMAL16 for each entry that falls below the normal range.
    pub fn f16(d: usize) -> Self {
        let products = Self::f32(d);
        DeviceError {
            relative: products.relative + DEVICE_U16 / (1.0 - DEVICE_U16),
            constant: products.constant + (d as f64).sqrt() * NORMAL16,
            ..products
        }
    }

    /// Rows and directions in f16, multiplied by a matrix unit that sums in f32. Products of two f16 are exact in
    /// f32; the unit aligns the terms of a block of up to 16 and truncates (Fasi, Higham, Mikaitis and Pranesh,
    /// "Numerical behavior of NVIDIA tensor cores", PeerJ Computer Science 7:e330, 2021): each term and each carry
    /// loses less than one unit of the block's result, so at most twice the count of plain sums. Directions are
    /// rounded to nearest, which adds half a unit; their largest entry is at least [`DIRECTION_SCALE`], so that
    /// entries lost to flushing weigh little.
    pub fn coop(d: usize) -> Self {
        let (rows, directions) = (DEVICE_U16 / (1.0 - DEVICE_U16), 0.5 * DEVICE_U16);
        let sums = gamma(2 * d + 8, DEVICE_U32);
        let flushed = (d as f64).sqrt() * NORMAL16;
        let directions = directions + flushed / DIRECTION_SCALE;
        DeviceError {
            relative: (1.0 + sums) * (rows + directions + rows * directions) + sums,
            constant: 2.0 * d as f64 * NORMAL32 + (1.0 + sums) * flushed,
            relative_bias: gamma(d + 4, DEVICE_U32),
        }
    }

    /// The bound for a row of stored length `radius`, a direction of length `norm`, and `|c b| <= bias`.
    pub fn bound(&self, radius: f64, norm: f64, bias: f64) -> f64 {
        self.relative * radius * norm + self.constant * (1.0 + norm) + self.relative_bias * bias
    }
}

/// A bound on how far a number stored on a device in `bytes` bytes (4: f32, 2: f16) is from the f32 that was sent.
pub fn storing_error(bytes: usize, value: f64) -> f64 {
    match bytes {
        2 => DEVICE_U16 * value.abs() + NORMAL16,
        _ => NORMAL32,
    }
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

    /// `value` truncated to `bits` significant bits, as a device may round.
    fn cut(value: f64, bits: i32) -> f64 {
        if value == 0.0 {
            return 0.0;
        }
        let unit = 2f64.powi(value.abs().log2().floor() as i32 + 1 - bits);
        (value / unit).trunc() * unit
    }

    fn norm(vector: &[f64]) -> f64 {
        vector.iter().map(|v| v * v).sum::<f64>().sqrt()
    }

    fn dot(x: &[f64], w: &[f64]) -> f64 {
        x.iter().zip(w).map(|(x, w)| x * w).sum()
    }

    /// Entries just below a power of two lose almost a whole unit to f16, all in one direction.
    fn badly_stored(d: usize) -> Vec<f64> {
        (0..d)
            .map(|j| (1.0 + 1.0 / 1024.0 - 1e-6) * if j % 2 == 0 { 128.0 } else { 1.0 })
            .collect()
    }

    #[test]
    fn f32_bound_holds_where_every_step_loses_a_unit() {
        for d in [1, 7, 64, 4096] {
            let x: Vec<f64> = (0..d).map(|_| cut(1.0 + U32, 24)).collect();
            let w = vec![f64::from(1.0f32 + 3.0 * f32::EPSILON); d];
            let sum = x
                .iter()
                .zip(&w)
                .fold(0.0, |sum, (x, w)| cut(sum + cut(x * w, 24), 24));
            // The bias is lost completely: it is below the last place of the sum.
            let bias = 0.999 * U32 * sum;
            let error = (dot(&x, &w) + bias - cut(sum + bias, 24)).abs();
            assert!(error > 0.5 * U32 * d as f64, "the example must be bad");
            assert!(error <= DeviceError::f32(d).bound(norm(&x), norm(&w), bias));
        }
    }

    #[test]
    fn f16_bound_holds_where_every_entry_loses_a_unit() {
        for d in [1, 16, 513, 8192] {
            let x = badly_stored(d);
            // The direction in which all losses add up.
            let lost: Vec<f64> = x.iter().map(|v| v - cut(*v, 11)).collect();
            let w: Vec<f64> = lost.iter().map(|l| cut(128.0 * l / lost[0], 24)).collect();
            let sum = x
                .iter()
                .zip(&w)
                .fold(0.0, |sum, (x, w)| cut(sum + cut(cut(*x, 11) * w, 24), 24));
            let error = (dot(&x, &w) - sum).abs();
            let bound = DeviceError::f16(d).bound(norm(&x), norm(&w), 0.0);
            assert!(error <= bound, "d={d}: {error} above {bound}");
            assert!(
                error > 0.4 * bound,
                "d={d}: {error} of {bound}: a loose bound or a mild example"
            );
        }
    }

    /// Entries that f16 cannot store at all: below its normal range, flushed to zero.
    #[test]
    fn f16_bound_holds_where_entries_are_flushed() {
        let d = 400;
        let mut x = vec![0.999 * NORMAL16; d];
        x[0] = 0.0;
        let w = vec![128.0; d];
        let error = dot(&x, &w);
        let bound = DeviceError::f16(d).bound(norm(&x), norm(&w), 0.0);
        assert!(error <= bound && error > 0.9 * bound, "{error} of {bound}");
    }

    /// The sum of a matrix unit: the terms of a block of 16 and the carry are aligned to the largest of them and truncated.
    fn block_sum(carry: f64, terms: &[f64]) -> f64 {
        let all = || terms.iter().chain([&carry]);
        let largest = all().fold(0f64, |most, v| most.max(v.abs()));
        if largest == 0.0 {
            return 0.0;
        }
        let unit = 2f64.powi(largest.log2().floor() as i32 - 23);
        cut(all().map(|v| (v / unit).trunc() * unit).sum(), 24)
    }

    #[test]
    fn coop_bound_holds_where_rows_directions_and_blocks_lose_most() {
        for d in [16, 128, 1024, 8192] {
            let x = badly_stored(d);
            // Directions are rounded to nearest: at most half a unit is lost.
            let w = vec![128.0 * (1.0 + 0.4999 / 1024.0); d];
            let terms: Vec<f64> = x.iter().map(|v| cut(*v, 11) * 128.0).collect();
            let sum = terms.chunks(16).fold(0.0, block_sum);
            let error = (dot(&x, &w) - sum).abs();
            let bound = DeviceError::coop(d).bound(norm(&x), norm(&w), 0.0);
            assert!(error <= bound, "d={d}: {error} above {bound}");
            assert!(
                error > 0.2 * bound,
                "d={d}: {error} of {bound}: a loose bound or a mild example"
            );
        }
    }

    /// Summation only: one large term, then terms that each lose almost a unit of it.
    #[test]
    fn coop_bound_holds_where_every_term_is_cut_to_the_carry() {
        let d = 4096;
        let mut x = vec![1.999 / 16_384.0 * 1024.0 / 16_384.0; d];
        x[0] = 128.0;
        let w = vec![128.0; d];
        let x: Vec<f64> = x.iter().map(|v| cut(*v, 11)).collect();
        let terms: Vec<f64> = x.iter().map(|v| v * 128.0).collect();
        let sum = terms.chunks(16).fold(0.0, block_sum);
        let error = (dot(&x, &w) - sum).abs();
        assert!(error <= DeviceError::coop(d).bound(norm(&x), norm(&w), 0.0));
    }
}
