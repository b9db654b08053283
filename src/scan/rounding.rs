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

/// How far a score computed on a device is from the exact one, in terms of |x| as the device stores it.
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

/// What f32 arithmetic loses on a device. Vulkan lets additions, multiplications and conversions return either
/// neighbour of the exact result (Vulkan specification, "Precision of core SPIR-V instructions": correctly rounded
/// means one of the two adjacent values), so a unit is twice the unit roundoff of the CPU's rounding to nearest.
const DEVICE_U32: f64 = 2.0 * U32;

/// The same for a conversion to f16: 11 significant bits.
const DEVICE_U16: f64 = 1.0 / 1024.0;

/// Smallest normal numbers: a device may flush what lies below to zero.
const NORMAL32: f64 = f32::MIN_POSITIVE as f64;
const NORMAL16: f64 = 1.0 / 16_384.0;

impl DeviceError {
    /// Rows stored in f32, products and sums in f32: d products, the rounding of x', the bias.
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
