//! Checks that a convex combination of rows meets the query, as exactly as is claimed.
//!
//! The stored weights must be at least 0, sum to 1 up to rounding, and meet the query within the tolerance times the
//! local scale ([`local::share`]). An exact claim is proved again from the rows alone ([`verified::combination`]):
//! weights that are proved to be at least 0 exist for exactly these rows.

use super::super::local;
use super::super::roundoff::gamma;
use super::super::verified::{self, Combination};
use super::{Checker, Fault, Judged, STRICT, index_of};
use crate::error::Result;
use std::collections::HashSet;

impl Checker<'_> {
    /// Check one combination; rows are given by their numbers in the file.
    pub(super) fn inside(
        &self,
        numbers: &[u64],
        weights: &[f64],
        exact: bool,
        query: &[f64],
    ) -> Result<Judged> {
        let d = query.len();
        let rows = self.combination(numbers, weights, d);
        let rows = match rows.and_then(|rows| sums_to_one(weights).map(|()| rows)) {
            Ok(rows) => rows,
            Err(fault) => return Ok(Err(fault)),
        };
        let mut points = vec![0.0; rows.len() * d];
        self.reference.gather(&rows, &mut points)?;
        let share = local::share(&points, weights, query, &self.spreads.unit);
        // The weights of an exact claim are the proved ones, rounded: the caller's tolerance does not apply to them.
        let allowed = if exact { STRICT } else { self.tolerance };
        if share.is_nan() || share > allowed {
            return Ok(Err(Fault::Missed { share, allowed }));
        }
        Ok(if exact {
            proved(&points, query)
        } else {
            Ok(())
        })
    }

    /// The row indices, if row numbers and weights form a valid combination.
    fn combination(
        &self,
        numbers: &[u64],
        weights: &[f64],
        d: usize,
    ) -> std::result::Result<Vec<usize>, Fault> {
        if numbers.is_empty() || numbers.len() != weights.len() {
            return Err(Fault::NoRows);
        }
        if numbers.len() > d + 1 {
            return Err(Fault::TooManyRows {
                rows: numbers.len(),
                most: d + 1,
            });
        }
        let mut used = HashSet::new();
        let mut rows = Vec::with_capacity(numbers.len());
        for (&row, &weight) in numbers.iter().zip(weights) {
            if !used.insert(row) {
                return Err(Fault::RepeatedRow { row });
            }
            if !(weight >= 0.0 && weight.is_finite()) {
                return Err(Fault::BadWeight { row, weight });
            }
            rows.push(index_of(self.reference, row).ok_or(Fault::NoSuchRow { row })?);
        }
        Ok(rows)
    }

    /// Check a combination with any sum of weights: divided by that sum, weights and query are a case of the hull.
    pub(super) fn in_cone(
        &self,
        numbers: &[u64],
        weights: &[f64],
        query: &[f64],
    ) -> Result<Judged> {
        if numbers.is_empty() && weights.is_empty() && query.iter().all(|&v| v == 0.0) {
            return Ok(Ok(()));
        }
        let rows = match self.combination(numbers, weights, query.len()) {
            Ok(rows) => rows,
            Err(fault) => return Ok(Err(fault)),
        };
        let sum: f64 = weights.iter().sum();
        if !(sum >= f64::MIN_POSITIVE && sum.is_finite()) {
            return Ok(Err(Fault::BadSum { sum }));
        }
        let mut points = vec![0.0; rows.len() * query.len()];
        self.reference.gather(&rows, &mut points)?;
        let shares: Vec<f64> = weights.iter().map(|weight| weight / sum).collect();
        let at: Vec<f64> = query.iter().map(|v| v / sum).collect();
        let share = local::share(&points, &shares, &at, &self.spreads.unit);
        let allowed = self.tolerance;
        Ok(match share <= allowed {
            true => Ok(()),
            false => Err(Fault::Missed { share, allowed }),
        })
    }
}

/// Errors unless the weights sum to 1, up to rounding.
fn sums_to_one(weights: &[f64]) -> Judged {
    let sum: f64 = weights.iter().sum();
    // Each weight was divided by a sum that had one rounding for each term; the sum here has as many.
    match (sum - 1.0).abs() <= gamma(2 * weights.len() + 4) {
        true => Ok(()),
        false => Err(Fault::BadSum { sum }),
    }
}

/// Whether the query is proved to be in the hull of these points (m x d) as real numbers.
fn proved(points: &[f64], query: &[f64]) -> Judged {
    let why = match verified::combination(points, query) {
        Combination::Proved { .. } => return Ok(()),
        Combination::OffAffineHull => "it is not in their affine hull".into(),
        Combination::Unproved { lower, .. } => {
            let least = lower.into_iter().fold(f64::INFINITY, f64::min);
            format!("of the smallest weight it is only known that it is at least {least:e}")
        }
        Combination::TooLarge => "the rows are too many for exact arithmetic".into(),
    };
    Err(Fault::NotExact(why))
}
