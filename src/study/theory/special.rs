//! Special functions for the Gaussian law: Faddeeva's w, and logarithms of the normal distribution and of binomials.
//!
//! All are in f64, with relative errors of a few roundings; `libm` has the real erfc.

use num_complex::Complex64;
use std::f64::consts::{FRAC_1_SQRT_2, LN_2, PI};
use std::sync::LazyLock;

/// Terms of Weideman's expansion: the fewest for which its error is at the rounding of f64.
const TERMS: usize = 48;

/// Scale of Weideman's expansion, sqrt(TERMS / sqrt 2).
static SCALE: LazyLock<f64> = LazyLock::new(|| (TERMS as f64 * FRAC_1_SQRT_2).sqrt());

/// Fourier coefficients of `exp(-t²) (L² + t²)`, t = L tan(theta / 2), highest first.
static COEFFICIENTS: LazyLock<[f64; TERMS]> = LazyLock::new(|| {
    let (scale, samples) = (*SCALE, 2 * TERMS);
    std::array::from_fn(|place| {
        let order = TERMS - place;
        // The sample at theta = pi is zero, and samples at negative theta mirror the others.
        let sum: f64 = (1..samples)
            .map(|sample| {
                let theta = sample as f64 * PI / samples as f64;
                let t = scale * (theta / 2.0).tan();
                2.0 * (-t * t).exp() * (scale * scale + t * t) * (order as f64 * theta).cos()
            })
            .sum();
        (scale * scale + sum) / (2 * samples) as f64
    })
});

/// Faddeeva's `w(z) = exp(-z²) erfc(-iz)` for Im z >= 0, to about 1e-14 of its size.
///
/// Weideman, "Computation of the complex error function", SIAM J. Numer. Anal. 31 (1994): a Taylor series in
/// (L + iz) / (L - iz), which maps the upper half plane to a disc, so that no case needs special treatment.
pub(super) fn faddeeva(z: Complex64) -> Complex64 {
    let iz = Complex64::new(-z.im, z.re);
    let below = (*SCALE - iz).inv();
    let place = (*SCALE + iz) * below;
    let series = COEFFICIENTS
        .iter()
        .fold(Complex64::ZERO, |sum, &term| sum * place + term);
    below * (2.0 * series * below + 1.0 / PI.sqrt())
}

/// ln Phi(u), the logarithm of the normal distribution function, for u >= -37; below that erfc is subnormal.
pub(super) fn ln_normal(u: f64) -> f64 {
    if u > 0.0 {
        (-0.5 * libm::erfc(u * FRAC_1_SQRT_2)).ln_1p()
    } else {
        (0.5 * libm::erfc(-u * FRAC_1_SQRT_2)).ln()
    }
}

/// phi(u) / Phi(u) for u >= 0: the derivative of `ln_normal`.
pub(super) fn hazard(u: f64) -> f64 {
    (-0.5 * u * u).exp() / ((2.0 * PI).sqrt() * (1.0 - 0.5 * libm::erfc(u * FRAC_1_SQRT_2)))
}

/// ln n! minus Stirling's `(n + 1/2) ln n - n + ln(2 pi) / 2`.
fn stirling_error(n: f64) -> f64 {
    if n < 16.0 {
        let factorial: f64 = (2..=n as u32).map(f64::from).product();
        return factorial.ln() - ((n + 0.5) * n.ln() - n + 0.5 * (2.0 * PI).ln());
    }
    let s = 1.0 / (n * n);
    (1.0 / 12.0 - s * (1.0 / 360.0 - s * (1.0 / 1260.0 - s / 1680.0))) / n
}

/// The correction term in Loader (2000): `ln C(n, k) = k ln(n/k) + (n-k) ln(n/(n-k)) + this`, for 0 < k < n.
fn binomial_error(n: f64, k: f64) -> f64 {
    stirling_error(n) - stirling_error(k) - stirling_error(n - k)
        + 0.5 * (n / (2.0 * PI * k * (n - k))).ln()
}

/// ln C(n, k), accurate to a few roundings of the result even where ln n! would lose the digits.
pub(super) fn ln_binomial(n: u64, k: u64) -> f64 {
    let k = k.min(n - k);
    if k == 0 {
        return 0.0;
    }
    let (n, k) = (n as f64, k as f64);
    binomial_error(n, k) + k * (n / k).ln() - (n - k) * (-k / n).ln_1p()
}

/// ln of `C(n, k) / 2^n`, the fair coin; accurate also near k = n/2, where `ln C` and `n ln 2` cancel.
pub(super) fn ln_fair_binomial(n: u64, k: u64) -> f64 {
    let lean = (n - k).abs_diff(k) as f64 / n as f64;
    if k == 0 || k == n {
        return -(n as f64) * LN_2;
    }
    // n times the Kullback-Leibler divergence of k/n from 1/2.
    let divergence = 0.5 * n as f64 * (2.0 * lean * lean.atanh() + (-lean * lean).ln_1p());
    binomial_error(n as f64, k as f64) - divergence
}
