//! What a scan proves: separation with every rounding taken off, and residuals of convex combinations.
//!
//! A direction w is whatever f32 (or f64) vector was scanned, so it carries no error of its own. With the best
//! stated score s, `h(w) <= s + E`, E the engine's [`error_bound`](Scan::error_bound); `<w, q'>` is computed in
//! f64. Where that does not suffice, the rows whose stated score is within 2E of the best are scored again in
//! f64; where these are more than the scan returned, or where f32 cannot rank the rows at all, the whole
//! scan is done in f64 for that direction.

use super::min_norm::dot;
use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;
use crate::scan::rounding::{U64, f64_score, gamma};
use crate::scan::{Batch, Scan, cpu};

/// A direction to scan for one query.
pub(super) struct Direction<'q> {
    /// In the frame, of unit length.
    pub vector: Vec<f64>,
    /// The query, in the frame.
    pub query: &'q [f64],
    /// The separation that the active set promises at most: |p|^2 over the direction's length before it was
    /// scaled. Absent for a first direction.
    pub promise: Option<f64>,
    /// Rows wanted.
    pub k: usize,
    pub excluded: Option<usize>,
    /// Scan in f64 at once.
    pub fine: bool,
}

/// What a full scan found for one direction.
#[derive(Debug, Clone)]
pub(super) struct Scanned {
    /// The vector w that was scanned, in the frame.
    pub vector: Vec<f64>,
    /// A proven lower bound on `<w, q'> - h(w)`; not positive when nothing is proved.
    pub separation: f64,
    /// Proved by f64 scores.
    pub exact: bool,
    /// Rows that may lower the norm, best first.
    pub rows: Vec<usize>,
    /// f32 could not rank the rows near the maximum.
    pub blurred: bool,
}

/// Turns scans into proofs about the stored rows.
pub(super) struct Judge<'a> {
    pub rows: &'a dyn Rows,
    pub scan: &'a dyn Scan,
    /// Largest residual of an inside certificate, in the data's units.
    pub tolerance: f64,
}

impl<'q> Direction<'q> {
    /// From a vector in the frame, of any length; `square` is |p|^2 where there is a point. A query at the mean
    /// has no first direction: any will do, to find rows to start from.
    pub fn new(vector: &[f64], query: &'q [f64], square: Option<f64>, k: usize) -> Self {
        let largest = vector.iter().fold(0f64, |most, v| most.max(v.abs()));
        let mut scaled: Vec<f64> = vector.iter().map(|v| v / largest).collect();
        if largest == 0.0 {
            scaled.fill(0.0);
            scaled[0] = 1.0;
        }
        let length = dot(&scaled, &scaled).sqrt();
        let vector = scaled.iter().map(|v| v / length).collect();
        Direction {
            vector,
            query,
            promise: square.map(|square| square / largest / length),
            k,
            excluded: None,
            fine: false,
        }
    }

    /// The direction that an f32 scan uses.
    fn rounded(&self) -> impl Iterator<Item = f32> + '_ {
        self.vector.iter().map(|&v| v as f32)
    }
}

/// `<w, q'>` and a bound on its error, including the rounding of q' itself.
fn at_query(w: &[f64], query: &[f64]) -> (f64, f64) {
    let lengths = (dot(w, w) * dot(query, query)).sqrt();
    (dot(w, query), gamma(w.len() + 4, U64) * lengths)
}

impl Judge<'_> {
    /// Scan all directions once and judge each.
    pub fn scan(&self, directions: &[Direction<'_>], control: &Control) -> Result<Vec<Scanned>> {
        let mut found: Vec<Option<Scanned>> = directions.iter().map(|_| None).collect();
        let (fine, coarse): (Vec<usize>, Vec<usize>) = (0..directions.len())
            .partition(|&i| directions[i].fine || self.hopeless(&directions[i]));
        self.scan_f32(directions, &coarse, &mut found, control)?;
        self.scan_f64(directions, &fine, &mut found, control)?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Whether the promised separation drowns in f32 rounding.
    fn hopeless(&self, direction: &Direction<'_>) -> bool {
        direction
            .promise
            .is_some_and(|promise| promise < 3.0 * self.scan.error_bound(1.0, 0.0))
    }

    fn scan_f32(
        &self,
        directions: &[Direction<'_>],
        which: &[usize],
        found: &mut [Option<Scanned>],
        control: &Control,
    ) -> Result<()> {
        let Some(k) = which
            .iter()
            .map(|&i| directions[i].k + usize::from(directions[i].excluded.is_some()))
            .max()
        else {
            return Ok(());
        };
        let flat: Vec<f32> = which
            .iter()
            .flat_map(|&i| directions[i].rounded())
            .collect();
        let bias = vec![0.0; which.len()];
        let hits = self.scan.scan(
            &Batch {
                directions: &flat,
                bias: &bias,
                k,
            },
            control,
        )?;
        let d = self.scan.dim();
        for (b, &i) in which.iter().enumerate() {
            let (scores, rows) = hits.of(b);
            found[i] =
                Some(self.judge_f32(&directions[i], &flat[b * d..(b + 1) * d], scores, rows)?);
        }
        Ok(())
    }

    fn judge_f32(
        &self,
        direction: &Direction<'_>,
        w: &[f32],
        scores: &[f32],
        rows: &[usize],
    ) -> Result<Scanned> {
        let w: Vec<f64> = w.iter().map(|&v| f64::from(v)).collect();
        let error = self
            .scan
            .error_bound(dot(&w, &w).sqrt() * (1.0 + 1e-12), 0.0);
        let (value, value_error) = at_query(&w, direction.query);
        let kept: Vec<(f64, usize)> = scores
            .iter()
            .map(|&s| f64::from(s))
            .zip(rows.iter().copied())
            .filter(|(_, row)| Some(*row) != direction.excluded)
            .collect();
        let Some(&(best, _)) = kept.first() else {
            return Ok(Scanned::all_clear(w));
        };
        let mut separation = value - best - error - value_error;
        let mut exact = false;
        let near = kept
            .iter()
            .take_while(|(score, _)| *score >= best - 2.0 * error)
            .count();
        let complete = near < kept.len() || rows.len() == self.scan.len();
        if separation <= 0.0 && separation > -4.0 * error && complete {
            let near: Vec<usize> = kept[..near].iter().map(|(_, row)| *row).collect();
            let support = self.rescore(&w, &near)?;
            separation = value
                - support
                - value_error
                - f64_score(w.len(), self.scan.frame().radius, 1.0 + 1e-6);
            exact = separation > 0.0;
        }
        let level = direction
            .promise
            .map_or(f64::NEG_INFINITY, |promise| value - promise);
        let better = kept
            .iter()
            .take(direction.k)
            .filter(|(score, _)| *score > level - error);
        let rows = better.map(|(_, row)| *row).collect();
        let blurred = direction
            .promise
            .is_some_and(|promise| promise < 8.0 * error)
            || (!complete && separation <= 0.0 && separation > -4.0 * error);
        Ok(Scanned {
            vector: w,
            separation,
            exact,
            rows,
            blurred,
        })
    }

    fn scan_f64(
        &self,
        directions: &[Direction<'_>],
        which: &[usize],
        found: &mut [Option<Scanned>],
        control: &Control,
    ) -> Result<()> {
        let Some(k) = which.iter().map(|&i| directions[i].k + 1).max() else {
            return Ok(());
        };
        let flat: Vec<f64> = which
            .iter()
            .flat_map(|&i| directions[i].vector.iter().copied())
            .collect();
        let (scores, rows) = cpu::scan_f64(self.rows, self.scan.frame(), &flat, k, control)?;
        let k = scores.len() / which.len();
        for (b, &i) in which.iter().enumerate() {
            let direction = &directions[i];
            let (value, value_error) = at_query(&direction.vector, direction.query);
            let kept = scores[b * k..][..k].iter().zip(&rows[b * k..][..k]);
            let kept: Vec<_> = kept
                .filter(|(_, row)| Some(**row) != direction.excluded)
                .collect();
            let error =
                f64_score(self.scan.dim(), self.scan.frame().radius, 1.0 + 1e-12) + value_error;
            found[i] = Some(match kept.first() {
                None => Scanned::all_clear(direction.vector.clone()),
                Some((best, _)) => {
                    let level = direction
                        .promise
                        .map_or(f64::NEG_INFINITY, |promise| value - promise);
                    let better = kept
                        .iter()
                        .filter(|(score, _)| **score > level + error)
                        .map(|(_, row)| **row);
                    Scanned {
                        vector: direction.vector.clone(),
                        separation: value - **best - error,
                        exact: true,
                        rows: better.take(direction.k).collect(),
                        blurred: true,
                    }
                }
            });
        }
        Ok(())
    }

    /// The largest f64 score among the given rows.
    fn rescore(&self, w: &[f64], rows: &[usize]) -> Result<f64> {
        let mut points = vec![0.0; rows.len() * w.len()];
        self.rows.gather(rows, &mut points)?;
        self.scan.frame().apply(&mut points);
        Ok(points
            .chunks_exact(w.len())
            .map(|x| dot(x, w))
            .fold(f64::NEG_INFINITY, f64::max))
    }

    /// The direction that was scanned, in the data's units: `S w`, exact.
    pub fn in_data_units(&self, found: &Scanned) -> Vec<f64> {
        found
            .vector
            .iter()
            .zip(&self.scan.frame().scale)
            .map(|(w, s)| w * s)
            .collect()
    }

    /// A proven separation as a distance in the data's units: over the direction's length there.
    pub fn margin(&self, found: &Scanned) -> f64 {
        let direction = self.in_data_units(found);
        found.separation / length(&direction) * (1.0 - gamma(direction.len() + 4, U64))
    }

    /// A length in the Euclidean metric's coordinates, in the data's units, rounded up.
    pub fn length(&self, norm: f64) -> f64 {
        norm / self.scan.frame().euclid * (1.0 + 1e-12)
    }

    /// A norm in metric coordinates that could be zero but for rounding: worth a check on the rows.
    pub fn near_zero(&self, target: &[f64]) -> f64 {
        1e-6 * (1.0 + dot(target, target).sqrt())
    }

    /// `|sum weights[i] x[rows[i]] - q|` in the data's units, from differences; infinite where there is no row.
    pub fn residual(&self, rows: &[usize], weights: &[f64], query: &[f64]) -> Result<f64> {
        if rows.is_empty() {
            return Ok(f64::INFINITY);
        }
        let d = query.len();
        let mut points = vec![0.0; rows.len() * d];
        self.rows.gather(rows, &mut points)?;
        let mut residual = vec![0.0; d];
        for (x, &weight) in points.chunks_exact(d).zip(weights) {
            for j in 0..d {
                residual[j] += weight * (x[j] - query[j]);
            }
        }
        Ok(length(&residual))
    }
}

/// |v|, without overflow or underflow.
pub(super) fn length(v: &[f64]) -> f64 {
    let largest = v.iter().fold(0f64, |most, v| most.max(v.abs()));
    if largest == 0.0 {
        return 0.0;
    }
    largest * v.iter().map(|v| (v / largest).powi(2)).sum::<f64>().sqrt()
}

impl Scanned {
    /// Nothing to separate from: every row was excluded.
    fn all_clear(vector: Vec<f64>) -> Self {
        Scanned {
            vector,
            separation: f64::MAX,
            exact: true,
            rows: Vec::new(),
            blurred: false,
        }
    }
}
