//! Bounds on rounding errors in f64.

/// Unit roundoff of f64.
pub(super) const U: f64 = f64::EPSILON / 2.0;

/// `n u / (1 - n u)`: a bound on the relative error of n successive roundings (Higham 2002, lemma 3.1).
pub(super) fn gamma(n: usize) -> f64 {
    let loss = n as f64 * U;
    if loss < 1.0 {
        loss / (1.0 - loss)
    } else {
        f64::INFINITY
    }
}
