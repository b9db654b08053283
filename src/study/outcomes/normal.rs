//! Tails of the normal and chi-square laws, and intervals that rest on them.

use std::f64::consts::FRAC_1_SQRT_2;

/// z of a two-sided 95 % interval.
pub(super) const Z95: f64 = 1.959_963_984_540_054;

/// The probability that a standard normal number is at least as far from 0 as z.
pub(super) fn two_sided(z: f64) -> f64 {
    libm::erfc(z.abs() * FRAC_1_SQRT_2)
}

/// The probability that a chi-square number of one degree of freedom is at least x; it is the square of a normal one.
pub(super) fn chi_square_1(x: f64) -> f64 {
    two_sided(x.max(0.0).sqrt())
}

/// `middle` and 1.96 standard errors on each side, within `least` and `most`.
pub(super) fn interval95(middle: f64, error: f64, [least, most]: [f64; 2]) -> [f64; 2] {
    [
        (middle - Z95 * error).max(least),
        (middle + Z95 * error).min(most),
    ]
}
