//! The residual of a convex combination, relative to the scale of the rows near the query.
//!
//! ```text
//! share = |r / u| / (sum_i l_i |(x_i - q) / u| + 1e-6),   r_j >= |sum_i l_i x_ij - q_j|, u the units of the columns
//! ```
//!
//! Lengths are measured in columns of unit spread, so stretching a column changes nothing. The scale is the weighted
//! mean distance from the query to the rows of its combination: other rows have no influence, and neither has a far row
//! with a negligible weight. The share is a backward error: the combination meets the query if each row is moved by
//! this share of its distance from the query. A millionth of the unit is added to the scale for a query that misses a
//! row by the last digit of its column's values while all rows of the combination are that close.

use super::residual;

/// The least scale, in units of the columns.
const LEAST: f64 = 1e-6;

/// The residual of convex weights (which need not sum to exactly 1: they are divided by their sum) as a share of the
/// local scale; an upper bound. `points` are the rows (m x d, raw), `unit` the d units of the columns.
///
/// 0 where all rows equal the query; infinite where numbers overflow.
pub(crate) fn share(points: &[f64], weights: &[f64], query: &[f64], unit: &[f64]) -> f64 {
    let length = |parts: &mut dyn Iterator<Item = f64>| {
        let parts: Vec<f64> = parts.collect();
        super::exact::length(&parts)
    };
    let residual = residual(points, weights, query).per_column;
    let missed = length(&mut residual.iter().zip(unit).map(|(r, unit)| r / unit));
    let total: f64 = weights.iter().sum();
    let rows = points.chunks_exact(query.len()).zip(weights);
    let scale: f64 = rows
        .map(|(x, weight)| {
            let each = x.iter().zip(query).zip(unit);
            let each = each.map(|((x, q), unit)| (x - q) / unit);
            // A distance that overflows counts as less than it is: 0 must not come of dividing by it.
            let distance = length(&mut each.map(|v| v.clamp(-f64::MAX, f64::MAX)));
            weight / total * distance.min(f64::MAX)
        })
        .sum();
    if missed == 0.0 {
        return 0.0;
    }
    let share = missed / (scale + LEAST) * (1.0 + 1e-9);
    if share.is_nan() { f64::INFINITY } else { share }
}
