//! What a scan proves: separation, with a bound on every rounding subtracted, and the rows that refute it.
//!
//! The scanned direction w is itself the certificate, whatever f32 (or f64) numbers it has, so it carries no error.
//! With the best reported score s, `h(w) <= s + E`, E the engine's [`error_bound`](Scan::error_bound); `<w, q'>` is
//! computed in f64. Where that is not sufficient, the separation `<w, q - x>` of every row whose score is within 2E of
//! the best is computed from the stored numbers in double-word arithmetic. If the scan did not return all these rows,
//! or if f32 cannot rank the rows at all, the whole scan is repeated in f64 for that direction. Far rows, which a scan
//! leaves out, are always tested one by one.
//!
//! A separation counts only if it exceeds the rounding of a plain f64 scan ([`Judge::rounding`], about d unit roundoffs
//! of the rows' size). A smaller distance to a face may come from the rounding of the input: the coordinates of points
//! that were rotated in f64 are off by as much.

use super::certificate::separation;
use super::min_norm::dot;
use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;
use crate::scan::rounding::{U64, f64_score, gamma};
use crate::scan::{Batch, Floor, Scan};
use rayon::prelude::*;

/// A direction to scan for one query.
pub(super) struct Direction<'q> {
    /// In the frame, of about unit length.
    pub vector: Vec<f64>,
    /// The query in the frame, and its raw values.
    pub query: &'q [f64],
    pub raw: &'q [f64],
    /// The largest separation that the active set allows: |p|^2 over the direction's length before it was scaled.
    /// `None` for a first direction.
    pub promise: Option<f64>,
    /// How many rows are wanted.
    pub k: usize,
    pub excluded: Option<usize>,
    /// Beside the best row, only those are needed whose separation from the query is at most this share of the promise, or, for a
    /// first direction, of `<w, q'>`.
    pub within: Option<f64>,
    /// Scan in f64 without trying f32 first.
    pub fine: bool,
}

/// What a full scan found for one direction.
#[derive(Debug, Clone)]
pub(super) struct Scanned {
    /// The scanned vector w, in the frame.
    pub vector: Vec<f64>,
    /// A proven lower bound on `<w, q'> - h(w)`; not positive when nothing is proved.
    pub separation: f64,
    /// A proven separation below the rounding of a plain f64 scan, set where `separation` proves nothing; else 0.
    pub faint: f64,
    /// Whether f64 scores were needed for the proof.
    pub exact: bool,
    /// Rows that may lower the norm, best first.
    pub rows: Vec<usize>,
    /// Whether f32 could not rank the rows near the maximum.
    pub blurred: bool,
}

/// Turns scans into proofs about the stored rows.
pub(super) struct Judge<'a> {
    pub rows: &'a dyn Rows,
    pub scan: &'a dyn Scan,
    /// Largest residual of an inside certificate that is not exact, as a share of the local scale.
    pub tolerance: f64,
}

impl<'q> Direction<'q> {
    /// A direction from a vector in the frame, of any length; `square` is |p|^2 if there is a point p. A query at the
    /// mean has no first direction: then an axis is scanned, to find rows to start from.
    pub fn new(
        vector: &[f64],
        (query, raw): (&'q [f64], &'q [f64]),
        square: Option<f64>,
        k: usize,
    ) -> Self {
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
            raw,
            promise: square.map(|square| square / largest / length),
            k,
            excluded: None,
            within: None,
            fine: false,
        }
    }

    /// A direction from a vector of which every digit matters: scaled by a power of two only, and scanned in f64 for
    /// rows beyond the query.
    pub fn sharp(vector: &[f64], (query, raw): (&'q [f64], &'q [f64]), k: usize) -> Self {
        let largest = vector.iter().fold(0f64, |most, v| most.max(v.abs()));
        let scale = largest.log2().floor().exp2();
        Direction {
            vector: vector.iter().map(|v| v / scale).collect(),
            query,
            raw,
            promise: Some(0.0),
            k,
            excluded: None,
            within: None,
            fine: true,
        }
    }

    /// The direction in f32, as an f32 scan uses it.
    fn round(&self, out: &mut [f32]) {
        let each = out.iter_mut().zip(&self.vector);
        each.for_each(|(out, v)| *out = *v as f32);
    }
}

/// `<w, q'>` and a bound on its error, including the rounding of q' itself.
fn at_query(w: &[f64], query: &[f64]) -> (f64, f64) {
    let lengths = (dot(w, w) * dot(query, query)).sqrt();
    (dot(w, query), gamma(w.len() + 4, U64) * lengths)
}

impl<'a> Judge<'a> {
    /// For verdicts on `rows`, which `scan` scans.
    pub fn new(rows: &'a dyn Rows, scan: &'a dyn Scan, tolerance: f64) -> Self {
        Judge {
            rows,
            scan,
            tolerance,
        }
    }

    /// Scan all directions once and derive what each proves.
    pub fn scan(&self, directions: &[Direction<'_>], control: &Control) -> Result<Vec<Scanned>> {
        let mut found: Vec<Option<Scanned>> = directions.iter().map(|_| None).collect();
        let (fine, coarse): (Vec<usize>, Vec<usize>) = (0..directions.len())
            .partition(|&i| directions[i].fine || self.hopeless(&directions[i]));
        self.scan_f32(directions, &coarse, &mut found, control)?;
        self.scan_f64(directions, &fine, &mut found, control)?;
        let mut found: Vec<Scanned> = found.into_iter().flatten().collect();
        assert_eq!(
            found.len(),
            directions.len(),
            "every direction is judged once"
        );
        if !self.scan.frame().far.rows.is_empty() {
            found
                .par_iter_mut()
                .zip(directions)
                .for_each(|(found, direction)| self.judge_far(found, direction));
        }
        Ok(found)
    }

    /// Include the far rows, which the scan left out: they may refute the separation, and join the rows found.
    pub fn judge_far(&self, found: &mut Scanned, direction: &Direction<'_>) {
        let far = &self.scan.frame().far;
        let w = self.in_data_units(found);
        let promise = direction.promise.unwrap_or(f64::INFINITY);
        let mut offered = Vec::new();
        for (&row, x) in far.rows.iter().zip(far.points.chunks_exact(w.len())) {
            if Some(row) == direction.excluded {
                continue;
            }
            let (value, error) = separation(&w, direction.raw, x);
            let proven = least(&[(value, error)]);
            found.faint = found.faint.min(proven.max(0.0));
            if proven < found.separation {
                found.separation = proven;
                found.exact = true;
            }
            if value < promise {
                offered.push((value, row));
            }
        }
        offered.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let rows = offered.iter().map(|(_, row)| *row).take(direction.k);
        found.rows = rows.chain(found.rows.iter().copied()).collect();
    }

    /// The rounding error of `<w, q - x>` in a plain f64 scan: of the score of a row that is not far, and of the query's.
    fn rounding(&self, w: &[f64], query: &[f64]) -> f64 {
        let norm = dot(w, w).sqrt() * (1.0 + 1e-12);
        f64_score(w.len(), self.scan.frame().radius, norm) + at_query(w, query).1
    }

    /// Whether the largest possible separation is below the rounding of f32.
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
        let d = self.scan.dim();
        let mut flat = vec![0.0; which.len() * d];
        let each = flat.par_chunks_exact_mut(d).zip(which);
        each.for_each(|(w, &i)| directions[i].round(w));
        let bias = vec![0.0; which.len()];
        let each = which.par_iter().zip(flat.par_chunks_exact(d));
        let floors: Vec<Floor> = each.map(|(&i, w)| self.floor(&directions[i], w)).collect();
        let batch = Batch {
            directions: &flat,
            bias: &bias,
            k,
        };
        let hits = self.scan.scan_above(&batch, &floors, control)?;
        let judged = which.par_iter().enumerate().map(|(b, &i)| {
            let (scores, rows) = hits.of(b);
            let asked = (&flat[b * d..(b + 1) * d], floors[b]);
            self.judge_f32(&directions[i], asked, scores, rows)
        });
        for (&i, one) in which.iter().zip(judged.collect::<Result<Vec<_>>>()?) {
            found[i] = Some(one);
        }
        Ok(())
    }

    /// What is needed of a direction's rows. With a row that is left out, and with far rows, which the scan takes for others, it
    /// is all of them.
    fn floor(&self, direction: &Direction<'_>, w: &[f32]) -> Floor {
        let whole = direction.excluded.is_some() || !self.scan.frame().far.rows.is_empty();
        let Some(share) = direction.within.filter(|_| !whole) else {
            return Floor::NONE;
        };
        let w: Vec<f64> = w.iter().map(|&v| f64::from(v)).collect();
        let value = dot(&w, direction.query);
        let promise = direction.promise.unwrap_or(value);
        if promise <= 0.0 {
            return Floor::NONE;
        }
        let error = self.error(&w);
        // `judge_f32` needs the rows within two errors of the best. Scores less the slack are rounded, by less than one error.
        Floor {
            score: (value - share * promise - error) as f32,
            slack: (4.0 * error) as f32,
        }
    }

    /// A bound on the error of a stated score for this direction.
    fn error(&self, w: &[f64]) -> f64 {
        self.scan.error_bound(dot(w, w).sqrt() * (1.0 + 1e-12), 0.0)
    }

    fn judge_f32(
        &self,
        direction: &Direction<'_>,
        (w, floor): (&[f32], Floor),
        scores: &[f32],
        rows: &[usize],
    ) -> Result<Scanned> {
        let w: Vec<f64> = w.iter().map(|&v| f64::from(v)).collect();
        let error = self.error(&w);
        let (value, value_error) = at_query(&w, direction.query);
        let kept: Vec<(f64, usize)> = scores
            .iter()
            .map(|&s| f64::from(s))
            .zip(rows.iter().copied())
            .filter(|&(_, row)| self.counts(row, direction))
            .collect();
        let all = rows.len() == self.scan.len();
        let Some(&(best, _)) = kept.first() else {
            return Ok(Scanned::without_rows(w, all));
        };
        let mut separation = value - best - error - value_error;
        let (mut exact, mut faint) = (false, 0.0);
        let near = kept
            .iter()
            .take_while(|(score, _)| *score >= best - 2.0 * error)
            .count();
        let complete = near < kept.len() || all;
        if separation <= 0.0 && separation > -4.0 * error && complete {
            let near: Vec<usize> = kept[..near].iter().map(|(_, row)| *row).collect();
            let proven = least(&self.separations(&w, direction.raw, &near)?);
            (separation, faint) = above(proven, self.rounding(&w, direction.query));
            exact = separation > 0.0;
        }
        let level = direction
            .promise
            .map_or(f64::NEG_INFINITY, |promise| value - promise);
        let better = kept
            .iter()
            .take(direction.k)
            .filter(|(score, _)| *score > level - error);
        // Below the floor the rows depend on the engine.
        let needed = better.filter(|(score, _)| *score == best || *score >= f64::from(floor.score));
        let rows = needed.map(|(_, row)| *row).collect();
        let blurred = direction
            .promise
            .is_some_and(|promise| promise < 8.0 * error)
            || (!complete && separation <= 0.0 && separation > -4.0 * error);
        Ok(Scanned {
            vector: w,
            separation,
            faint,
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
        // Far rows are scored as the centre, and these scores may displace other rows where all rows lie in one plane.
        let spare = 1 + self.scan.frame().far.rows.len();
        let Some(k) = which.iter().map(|&i| directions[i].k + spare).max() else {
            return Ok(());
        };
        let flat: Vec<f64> = which
            .iter()
            .flat_map(|&i| directions[i].vector.iter().copied())
            .collect();
        let (scores, rows) = self.scan.scan_f64(self.rows, &flat, k, control)?;
        let k = scores.len() / which.len();
        for (b, &i) in which.iter().enumerate() {
            let direction = &directions[i];
            let scored = scores[b * k..][..k].iter().copied();
            let kept: Vec<(f64, usize)> = scored
                .zip(rows[b * k..][..k].iter().copied())
                .filter(|&(_, row)| self.counts(row, direction))
                .collect();
            let all = k == self.scan.len();
            found[i] = Some(match kept.first() {
                None => Scanned::without_rows(direction.vector.clone(), all),
                Some(_) => self.judge_f64(direction, &kept, all)?,
            });
        }
        Ok(())
    }

    /// What the f64 scores of the best rows prove; `all` says that these are all rows of the scan.
    fn judge_f64(
        &self,
        direction: &Direction<'_>,
        kept: &[(f64, usize)],
        all: bool,
    ) -> Result<Scanned> {
        let w = &direction.vector;
        let value = dot(w, direction.query);
        let rounding = self.rounding(w, direction.query);
        let best = kept[0].0;
        let mut separation = value - best - rounding;
        let near = kept
            .iter()
            .take_while(|(score, _)| *score >= best - 2.0 * rounding);
        let near: Vec<usize> = near.map(|(_, row)| *row).collect();
        let (mut beyond, mut faint) = (Vec::new(), 0.0);
        if separation <= 4.0 * rounding {
            let judged = self.separations(w, direction.raw, &near)?;
            if near.len() < kept.len() || all {
                (separation, faint) = above(least(&judged), rounding);
            }
            let each = near.iter().zip(&judged);
            beyond.extend(
                each.filter(|(_, (value, error))| value + error < 0.0)
                    .map(|(row, _)| *row),
            );
        }
        let level = direction
            .promise
            .map_or(f64::NEG_INFINITY, |promise| value - promise);
        let better = kept
            .iter()
            .filter(|(score, row)| *score > level + rounding || beyond.contains(row))
            .map(|(_, row)| *row);
        Ok(Scanned {
            vector: direction.vector.clone(),
            separation,
            faint,
            exact: true,
            rows: better.take(direction.k).collect(),
            blurred: true,
        })
    }

    /// Whether a row that the scan returned counts for the query: it is neither excluded nor far.
    fn counts(&self, row: usize, direction: &Direction<'_>) -> bool {
        Some(row) != direction.excluded && !self.scan.frame().far.contains(row)
    }

    /// `<w, q - x>` of some rows, each with a bound on its error; w in the frame, q raw.
    fn separations(&self, w: &[f64], raw: &[f64], rows: &[usize]) -> Result<Vec<(f64, f64)>> {
        let mut points = vec![0.0; rows.len() * w.len()];
        self.rows.gather(rows, &mut points)?;
        let w = self.unscaled(w);
        let each = points.chunks_exact(w.len()).map(|x| separation(&w, raw, x));
        Ok(each.collect())
    }

    /// A direction of the frame in the data's units: `S w`, exact.
    fn unscaled(&self, w: &[f64]) -> Vec<f64> {
        w.iter()
            .zip(&self.scan.frame().scale)
            .map(|(w, s)| w * s)
            .collect()
    }

    /// The direction that was scanned, in the data's units: `S w`, exact.
    pub fn in_data_units(&self, found: &Scanned) -> Vec<f64> {
        self.unscaled(&found.vector)
    }

    /// A proven separation as a distance in the data's units: divided by the direction's length there, rounded down.
    pub fn margin(&self, found: &Scanned) -> f64 {
        let direction = self.in_data_units(found);
        let margin =
            found.separation / length(&direction) * (1.0 - gamma(direction.len() + 4, U64));
        if (0.0..f64::MIN_POSITIVE).contains(&margin) {
            // Numbers this small have a larger relative error; the next smaller number, or 0, is safe.
            return margin.next_down().max(0.0);
        }
        margin.min(f64::MAX)
    }

    /// A length in the Euclidean metric's coordinates, in the data's units, rounded up.
    pub fn length(&self, norm: f64) -> f64 {
        norm / self.scan.frame().euclid * (1.0 + 1e-12)
    }

    /// A norm in metric coordinates up to which the distance may be zero up to rounding, so that an exact proof is tried.
    pub fn near_zero(&self, target: &[f64]) -> f64 {
        1e-10 * (1.0 + dot(target, target).sqrt())
    }
}

/// The smallest of some separations less their errors; minus infinity if a product overflowed.
fn least(separations: &[(f64, f64)]) -> f64 {
    let proven = separations.iter().map(|(value, error)| value - error);
    let proven = proven.map(|p| if p.is_nan() { f64::NEG_INFINITY } else { p });
    proven.fold(f64::INFINITY, f64::min)
}

/// (separation, 0) if the separation exceeds the rounding, else (0 or less, the faint separation).
fn above(separation: f64, rounding: f64) -> (f64, f64) {
    if separation > rounding {
        (separation, 0.0)
    } else {
        (separation.min(0.0), separation.max(0.0))
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
    /// The result if no row counts: all rows are excluded or far (`all`), or the scan returned too few.
    fn without_rows(vector: Vec<f64>, all: bool) -> Self {
        Scanned {
            vector,
            separation: if all { f64::MAX } else { f64::NEG_INFINITY },
            faint: 0.0,
            exact: true,
            rows: Vec::new(),
            blurred: !all,
        }
    }
}
