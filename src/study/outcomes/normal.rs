//! Tail probabilities of the normal and chi-square distributions, and normal intervals.

use std::f64::consts::FRAC_1_SQRT_2;

/// The z-value of a two-sided 95 % interval.
pub(super) const Z95: f64 = 1.959_963_984_540_054;

/// The probability that a standard normal variable is at least |z| in absolute value.
pub(super) fn two_sided(z: f64) -> f64 {
    libm::erfc(z.abs() * FRAC_1_SQRT_2)
}

/// The probability that a chi-square variable with one degree of freedom, the square of a normal one, is at least x.
pub(super) fn chi_square_1(x: f64) -> f64 {
    two_sided(x.max(0.0).sqrt())
}

/// `middle` with 1.96 standard errors on each side, clipped to `least..most`.
pub(super) fn interval95(middle: f64, error: f64, [least, most]: [f64; 2]) -> [f64; 2] {
    [
        (middle - Z95 * error).max(least),
        (middle + Z95 * error).min(most),
    ]
}
