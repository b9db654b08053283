//! How near a convex combination is to a query, by a measure that is the query's own.
//!
//! ```text
//! share = |r / u| / (sum_i l_i |(x_i - q) / u| + 1e-6),   r_j >= |sum_i l_i x_ij - q_j|, u the units of the columns
//! ```
//!
//! The lengths are taken where every column has unit spread, so that stretching a column changes nothing. The scale is
//! the mean distance from the query to the rows of its own combination, by their weights: no other row has a say, and a
//! far row that is given a weight of next to nothing has none either. The share is the backward error: if each row is
//! moved by this share of its distance from the query, the combination can meet it. A millionth of the unit is added,
//! for a query that misses a row by the last digit of its column's values and is far from no other.

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
