//! The proof that goes with a verdict, and its check.
//!
//! Outside: a direction `w` with `<w, q> > max_i <w, x_i>`; then `(<w, q> - max_i <w, x_i>) / |w|` bounds the
//! distance of q to the hull from below. Inside: at most d+1 rows and weights with `w >= 0`, `sum w = 1` and
//! `sum w_i x_i = q` up to a stated tolerance (Caratheodory). The check uses [`Rows`] alone and plain f64; it
//! imports nothing of the solver whose work it judges.

/// Whether a query is in the convex hull of the reference rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// A convex combination of reference rows: an interpolation.
    Inside,
    /// Separated from every reference row by a hyperplane: an extrapolation.
    Outside,
    /// Neither could be proved.
    Undecided,
}

/// What proves a verdict.
#[derive(Debug, Clone, PartialEq)]
pub enum Certificate {
    /// `q = sum weights[j] * x[rows[j]]`; rows are row indices of the reference ([`Rows::number`] maps them to
    /// the file), weights are positive and sum to 1.
    Inside { rows: Vec<usize>, weights: Vec<f64> },
    /// `<direction, q> - max_i <direction, x_i> >= margin * |direction| > 0`.
    Outside { direction: Vec<f64>, margin: f64 },
    /// Nothing was proved.
    None,
}
