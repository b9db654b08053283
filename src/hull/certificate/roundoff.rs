//! How much rounding in f64 can do.

/// Unit roundoff of f64.
pub(super) const U: f64 = f64::EPSILON / 2.0;

/// `n u / (1 - n u)`: the most that n successive roundings can do (Higham 2002, lemma 3.1).
pub(super) fn gamma(n: usize) -> f64 {
    let loss = n as f64 * U;
    if loss < 1.0 {
        loss / (1.0 - loss)
    } else {
        f64::INFINITY
    }
}
