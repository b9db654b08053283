//! Theorem 4 of the paper (Kabluchko and Zaporozhets, "Absorption probabilities for Gaussian polytopes", 2020).
//!
//! For N >= d+1 rows from N(0, I_d) and a query from N(0, s I_d):
//!
//! ```text
//! P(outside) = 2 (b(d-1) + b(d-3) + ...),    P(inside) = 2 (b(d+1) + b(d+3) + ...),
//! b(k) = C(N, k) g_k(-s/(1 + k s)) g_{N-k}(s/(1 + k s)),    g_m(r) = E Phi(sqrt(r) X)^m,  X from N(0, 1)
//! ```
//!
//! The b(k) are positive and sum to 1 (half of it for each parity), so whichever sum is the smaller one has no
//! cancellation. The integrand of g for a positive argument is a single peak, which is located first; that for a negative
//! one, an angle of a simplex, is complex and oscillates along the real line, where its integral cancels. With the path
//! moved to `x + i p/sqrt(r)` through the saddle point, and `t = x / sqrt(1 + k s)`, it becomes
//!
//! ```text
//! g_k(-r) = sqrt((1 + k s)/2 pi) e^(p²/2s) 2^-k ∫ exp(-t²/2 - i p t/sqrt(s)) w((sqrt(s) t + i p)/sqrt 2)^k dt
//! ```
//!
//! with Faddeeva's w, which does not oscillate where the integrand matters. Both integrals are trapezoidal sums, which
//! converge exponentially for such integrands. All factors are kept as logarithms.

use super::special::{faddeeva, hazard, ln_binomial, ln_normal};
use super::{Absorption, shrinking, wendel};
use num_complex::Complex64;
use std::f64::consts::{FRAC_1_SQRT_2, LN_2, PI};

/// The step of the trapezoidal sums, as a share of the integrand's width.
const STEP: f64 = 0.2;

/// Terms below this share of the largest (as a logarithm) are left out.
const NOTHING: f64 = -42.0;

/// `P(inside)` and `P(outside)` for a query from N(0, `query_variance` I_d) and n rows from N(0, I_d), each to about nine
/// digits, however small, for variances from 1e-12 to 1e12. A variance of 0 is Wendel's theorem; d = 0 is a single point,
/// which contains its query.
pub fn absorption(n: u64, d: u64, query_variance: f64) -> Absorption {
    if d == 0 {
        return Absorption::ALWAYS;
    }
    if n <= d {
        return Absorption::NEVER;
    }
    if query_variance == 0.0 {
        return wendel(n, d);
    }
    let term = |k: u64| 2.0 * ln_term(n, k, query_variance).exp();
    if ln_term(n, d + 1, query_variance) < ln_term(n, d - 1, query_variance) {
        Absorption::from_inside(shrinking((d + 1..=n).step_by(2).map(term)))
    } else {
        Absorption::from_outside(shrinking((0..d).rev().step_by(2).map(term)))
    }
}

/// ln b(k).
fn ln_term(n: u64, k: u64, s: f64) -> f64 {
    ln_binomial(n, k) + ln_angle(k as f64, s) + ln_bell((n - k) as f64, s / (1.0 + k as f64 * s))
}

/// The root of an increasing function that is negative at 0.
fn root(function: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 8.0);
    while function(high) < 0.0 {
        high *= 2.0;
    }
    // Small errors in the root only shift the path and the centre of the sum, which changes no digit.
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if function(middle) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// ln g_m(r), r > 0.
fn ln_bell(m: f64, r: f64) -> f64 {
    if m == 0.0 {
        return 0.0;
    }
    let peak = root(|u| u - m * r * hazard(u));
    let (at, width) = (
        peak / r.sqrt(),
        1.0 / (1.0 + peak * (peak + hazard(peak))).sqrt(),
    );
    let value = |x: f64| m * ln_normal(r.sqrt() * x) - 0.5 * x * x;
    let top = value(at);
    let step = STEP * width;
    let mut sum = 1.0;
    for side in [step, -step] {
        for place in 1.. {
            let below = value(at + f64::from(place) * side) - top;
            sum += below.exp();
            if below < NOTHING {
                break;
            }
        }
    }
    top + (sum * step / (2.0 * PI).sqrt()).ln()
}

/// ln g_k(-s/(1 + k s)).
fn ln_angle(k: f64, s: f64) -> f64 {
    if k == 0.0 {
        return 0.0;
    }
    let r = s / (1.0 + k * s);
    // phi(p) / Phi(-p) is computed by w on the imaginary axis, because Phi(-p) would underflow.
    let mills = |p: f64| {
        let w = faddeeva(Complex64::new(0.0, p * FRAC_1_SQRT_2)).re;
        2.0 / ((2.0 * PI).sqrt() * w)
    };
    let p = root(|p| p - k * r * mills(p));
    let exponent = |t: f64| {
        let w = faddeeva(Complex64::new(s.sqrt() * t, p) * FRAC_1_SQRT_2);
        k * w.ln() + Complex64::new(-0.5 * t * t, -p * t / s.sqrt())
    };
    let top = exponent(0.0).re;
    let mut sum = 1.0;
    for place in 1.. {
        let t = f64::from(place) * 0.5 * STEP;
        let below = exponent(t) - top;
        // The other half of the path is the complex conjugate.
        sum += 2.0 * below.exp().re;
        if below.re < NOTHING {
            break;
        }
    }
    let scale = 0.5 * ((1.0 + k * s) / (2.0 * PI)).ln() + p * p / (2.0 * s) - k * LN_2;
    scale + top + (sum * 0.5 * STEP).ln()
}
