//! Do the certificates of a file hold? Judged from the rows alone, in f64, with every rounding accounted for.
//!
//! Outside: `<w, q - x_i> >= margin |w|` must hold for every row. One pass over the reference scores up to
//! [`DIRECTIONS`] directions together, on rows shifted by the mean; the shifted rows and the sums are off by at most
//! `gamma(d+4) min(|w| R, sum_j |w_j| r_j)`, R the radius and r_j the range of column j about the mean. Rows that
//! come closer to the claim than that are decided by [`exact::separation`], so what holds is a theorem about the
//! stored numbers.
//! Inside: the weights, made to sum to exactly 1, are a convex combination of rows; its distance from the query must
//! not exceed the tolerance.

use super::exact::{self, U, gamma};
use super::{Claim, Proof, Verdict};
use crate::control::{Control, Stage};
use crate::error::{Error, Result};
use crate::rows::Rows;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;
use std::collections::HashSet;
use std::fmt;

/// Directions that share one pass over the reference.
const DIRECTIONS: usize = 256;

/// Numbers in the certificates of one batch, and in a chunk of rows, at most (or one certificate, one row).
const BATCH: usize = 8 << 20;
const CHUNK: usize = 512 << 10;

/// Rows of a chunk at most, so that its scores stay small in low dimension.
const CHUNK_ROWS: usize = 2048;

/// Chunks whose results are held at a time.
const GROUP: usize = 64;

/// A stated margin may exceed the proven one by this share: it was itself divided by a rounded length.
const MARGIN_SLACK: f64 = 1e-9;

/// A residual may exceed the tolerance by this share: the mean and the radius are rounded here and by the solver.
const RESIDUAL_SLACK: f64 = 1e-6;

/// Weights may miss the sum 1 by this and their own rounding.
const SUM_SLACK: f64 = 1e-12;

/// Why a certificate does not hold. Rows are numbers in the reference file.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    NoSuchQuery,
    RepeatedQuery,
    /// The direction is zero, not finite, or of another dimension; or the margin is not a positive number.
    BadDirection,
    /// A row that is not on the other side of the hyperplane.
    NotSeparated {
        row: u64,
    },
    /// The margin that is claimed, and the smaller one that this row leaves.
    Overstated {
        row: u64,
        claimed: f64,
        found: f64,
    },
    NoRows,
    TooManyRows {
        rows: usize,
        most: usize,
    },
    NoSuchRow {
        row: u64,
    },
    RepeatedRow {
        row: u64,
    },
    BadWeight {
        row: u64,
        weight: f64,
    },
    BadSum {
        sum: f64,
    },
    /// Distance of the weighted rows from the query, and what the tolerance allows.
    Missed {
        residual: f64,
        allowed: f64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NoSuchQuery => write!(f, "the query set has no such row"),
            Fault::RepeatedQuery => write!(f, "the query has an earlier certificate"),
            Fault::BadDirection => write!(f, "the direction or its margin is not usable"),
            Fault::NotSeparated { row } => write!(
                f,
                "the direction does not separate it from reference row {row}"
            ),
            Fault::Overstated {
                row,
                claimed,
                found,
            } => {
                write!(
                    f,
                    "the margin is overstated: {claimed:e} is claimed, reference row {row} leaves {found:e}"
                )
            }
            Fault::NoRows => write!(f, "the combination has no rows, or not one weight a row"),
            Fault::TooManyRows { rows, most } => {
                write!(f, "the combination has {rows} rows; {most} are enough")
            }
            Fault::NoSuchRow { row } => write!(f, "the reference has no row {row}"),
            Fault::RepeatedRow { row } => write!(f, "reference row {row} is used twice"),
            Fault::BadWeight { row, weight } => {
                write!(f, "the weight of reference row {row} is {weight:e}")
            }
            Fault::BadSum { sum } => write!(f, "the weights sum to {sum}, not 1"),
            Fault::Missed { residual, allowed } => {
                write!(
                    f,
                    "the weighted rows miss it by {residual:e}; {allowed:e} is allowed"
                )
            }
        }
    }
}

/// How many certificates hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Tally {
    /// Certificates that hold, by what they prove.
    pub inside: u64,
    pub outside: u64,
    /// Queries for which nothing is claimed.
    pub undecided: u64,
    /// Certificates that do not hold.
    pub failed: u64,
    /// Queries of the set that no certificate speaks of.
    pub missing: u64,
}

impl Tally {
    /// Certificates that hold.
    pub const fn holds(&self) -> u64 {
        self.inside + self.outside
    }
}

/// What one certificate comes to.
type Judged = std::result::Result<(), Fault>;

/// Check claims one by one; each that does not hold goes to `failed`, in the order of the claims.
///
/// `tolerance` is the largest residual of an inside certificate as a share of the reference radius
/// `max_i |x_i - mean|`. Errors: dimensions that differ, what the iterator yields, rows that can no longer be read,
/// and [`Error::Interrupted`].
pub fn check(
    claims: impl IntoIterator<Item = Result<Claim>>,
    reference: &dyn Rows,
    queries: &dyn Rows,
    tolerance: f64,
    control: &Control,
    failed: &mut dyn FnMut(&Claim, Fault),
) -> Result<Tally> {
    if reference.dim() != queries.dim() {
        return Err(Error::Usage(format!(
            "the two sets have different dimensions: {} has {}, {} has {}",
            reference.name(),
            reference.dim(),
            queries.name(),
            queries.dim()
        )));
    }
    let checker = Checker {
        reference,
        queries,
        tolerance,
        control,
        extent: Extent::survey(reference, control)?,
    };
    control.begin(Stage::Verify, queries.len() as u64);
    let mut tally = Tally::default();
    let mut answered = HashSet::new();
    let mut claims = claims.into_iter();
    loop {
        let batch = next_batch(&mut claims)?;
        if batch.is_empty() {
            break;
        }
        for (claim, judged) in batch.iter().zip(checker.batch(&batch)?) {
            let judged = if answered.insert(claim.query) {
                judged
            } else {
                Err(Fault::RepeatedQuery)
            };
            match (judged, claim.verdict()) {
                (Err(fault), _) => {
                    tally.failed += 1;
                    failed(claim, fault);
                }
                (Ok(()), Verdict::Inside) => tally.inside += 1,
                (Ok(()), Verdict::Outside) => tally.outside += 1,
                (Ok(()), Verdict::Undecided) => tally.undecided += 1,
            }
        }
        control.advance(batch.len() as u64);
    }
    let known = answered
        .iter()
        .filter(|&&number| index_of(queries, number).is_some())
        .count();
    tally.missing = (queries.len() - known) as u64;
    Ok(tally)
}

/// Claims to judge together.
fn next_batch(claims: &mut impl Iterator<Item = Result<Claim>>) -> Result<Vec<Claim>> {
    let (mut batch, mut directions, mut numbers) = (Vec::new(), 0, 0);
    while directions < DIRECTIONS && numbers < BATCH {
        let Some(claim) = claims.next().transpose()? else {
            break;
        };
        match &claim.proof {
            Proof::Inside { rows, .. } => numbers += 2 * rows.len(),
            Proof::Outside { direction, .. } => {
                directions += 1;
                numbers += direction.len();
            }
            Proof::None => numbers += 1,
        }
        batch.push(claim);
    }
    Ok(batch)
}

/// The row with this number in the file; numbers ascend, with gaps where rows were dropped.
fn index_of(rows: &dyn Rows, number: u64) -> Option<usize> {
    let (mut low, mut high) = (0, rows.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if rows.number(middle) < number {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    (low < rows.len() && rows.number(low) == number).then_some(low)
}

/// Read all rows in chunks, in parallel; `merge` gets (first row, result) in order.
fn chunks<T: Send>(
    rows: &dyn Rows,
    control: &Control,
    make: impl Fn(&mut [f64]) -> T + Sync,
    mut merge: impl FnMut(usize, T),
) -> Result<()> {
    let step = (CHUNK / rows.dim()).clamp(1, CHUNK_ROWS);
    let starts: Vec<usize> = (0..rows.len()).step_by(step).collect();
    for group in starts.chunks(GROUP) {
        let parts = group.par_iter().map(|&first| {
            control.check()?;
            let mut values = vec![0.0; step.min(rows.len() - first) * rows.dim()];
            rows.read_f64(first, &mut values)?;
            Ok(make(&mut values))
        });
        for (&first, part) in group.iter().zip(parts.collect::<Result<Vec<T>>>()?) {
            merge(first, part);
        }
    }
    Ok(())
}

/// Where the reference lies.
struct Extent {
    /// The mean, to within rounding; any point would do for the proofs.
    centre: Vec<f64>,
    /// `max_i |x_ij - centre_j|`.
    ranges: Vec<f64>,
    /// `max_i |x_i - centre|`.
    radius: f64,
}

impl Extent {
    fn survey(rows: &dyn Rows, control: &Control) -> Result<Self> {
        let d = rows.dim();
        control.begin(Stage::Survey, 2 * rows.len() as u64);
        // Sums of differences from the first row: no digits are lost far from the origin, and equal rows have
        // exactly themselves as mean.
        let mut first = vec![0.0; d];
        rows.read_f64(0, &mut first)?;
        let mut sums = vec![0.0; d];
        let sum = |values: &mut [f64]| {
            let mut sums = vec![0.0; d];
            for row in values.chunks_exact(d) {
                for j in 0..d {
                    sums[j] += row[j] - first[j];
                }
            }
            control.advance((values.len() / d) as u64);
            sums
        };
        chunks(rows, control, sum, |_, part| {
            sums.iter_mut().zip(part).for_each(|(all, one)| *all += one)
        })?;
        let n = rows.len() as f64;
        let centre: Vec<f64> = first
            .iter()
            .zip(&sums)
            .map(|(first, sum)| first + sum / n)
            .collect();
        let mut extent = Extent {
            centre,
            ranges: vec![0.0; d],
            radius: 0.0,
        };
        let (mut ranges, mut radius) = (vec![0f64; d], 0f64);
        let most = |values: &mut [f64]| {
            extent.shift(values);
            let mut ranges = vec![0f64; d];
            let mut radius = 0f64;
            for row in values.chunks_exact(d) {
                ranges
                    .iter_mut()
                    .zip(row)
                    .for_each(|(range, v)| *range = range.max(v.abs()));
                radius = radius.max(exact::length(row));
            }
            control.advance((values.len() / d) as u64);
            (ranges, radius)
        };
        chunks(rows, control, most, |_, (part, length)| {
            ranges
                .iter_mut()
                .zip(part)
                .for_each(|(all, one)| *all = all.max(one));
            radius = radius.max(length);
        })?;
        (extent.ranges, extent.radius) = (ranges, radius);
        Ok(extent)
    }

    /// Rows relative to the centre.
    fn shift(&self, values: &mut [f64]) {
        for row in values.chunks_exact_mut(self.centre.len()) {
            row.iter_mut().zip(&self.centre).for_each(|(v, c)| *v -= c);
        }
    }

    /// How far the computed `<w, x_i - centre>` of any row can be from the exact one.
    fn score_error(&self, w: &[f64], norm: f64) -> f64 {
        let columns: f64 = w
            .iter()
            .zip(&self.ranges)
            .map(|(w, range)| w.abs() * range)
            .sum();
        let d = w.len();
        // One rounding of x - c, d of the product, and three for this bound itself; each product may underflow.
        gamma(d + 4) * columns.min(norm * self.radius) * (1.0 + 1e-9) + d as f64 * f64::MIN_POSITIVE
    }
}

/// A direction made ready for the pass over the reference.
struct Test<'c> {
    w: &'c [f64],
    query: Vec<f64>,
    norm: f64,
    claimed: f64,
    /// `<w, q - centre>`, and what it and a score can be off by together.
    value: f64,
    error: f64,
    /// What `<w, q - x_i>` must reach.
    need: f64,
}

impl Test<'_> {
    /// Whether a row refutes the claim: `<w, q - x>` if so. `score` is the computed `<w, x - centre>`. A number
    /// that overflowed proves nothing, so every comparison is one that NaN fails.
    fn refuted_by(&self, score: f64, x: &[f64]) -> Option<f64> {
        let gap = self.value - score;
        if gap - self.error >= self.need {
            return None;
        }
        if gap + self.error < self.need {
            return Some(gap);
        }
        let (gap, error) = exact::separation(self.w, &self.query, x);
        let proven = gap - error;
        if proven > 0.0 && proven >= self.need {
            None
        } else {
            Some(gap)
        }
    }

    fn fault(&self, row: u64, gap: f64) -> Fault {
        if gap > 0.0 {
            Fault::Overstated {
                row,
                claimed: self.claimed,
                found: gap / self.norm,
            }
        } else {
            Fault::NotSeparated { row }
        }
    }
}

/// What the judgement rests on.
struct Checker<'a> {
    reference: &'a dyn Rows,
    queries: &'a dyn Rows,
    tolerance: f64,
    control: &'a Control,
    extent: Extent,
}

impl Checker<'_> {
    fn batch(&self, claims: &[Claim]) -> Result<Vec<Judged>> {
        let judged = claims.par_iter().map(|claim| {
            self.control.check()?;
            let Some(query) = index_of(self.queries, claim.query) else {
                return Ok(Err(Fault::NoSuchQuery));
            };
            let mut point = vec![0.0; self.queries.dim()];
            self.queries.read_f64(query, &mut point)?;
            Ok(match &claim.proof {
                Proof::None => Ok(None),
                Proof::Inside { rows, weights, .. } => {
                    self.inside(rows, weights, &point)?.map(|()| None)
                }
                Proof::Outside { direction, margin } => {
                    self.ready(direction, *margin, point).map(Some)
                }
            })
        });
        let mut judged: Vec<std::result::Result<Option<Test<'_>>, Fault>> =
            judged.collect::<Result<_>>()?;
        let tests: Vec<Test<'_>> = judged
            .iter_mut()
            .filter_map(|one| one.as_mut().ok()?.take())
            .collect();
        let places = claims.iter().zip(&judged).enumerate();
        let places: Vec<usize> = places
            .filter(|(_, (claim, judged))| {
                matches!(claim.proof, Proof::Outside { .. }) && judged.is_ok()
            })
            .map(|(place, _)| place)
            .collect();
        let mut judged: Vec<Judged> = judged.into_iter().map(|one| one.map(|_| ())).collect();
        for (place, found) in places.into_iter().zip(self.outside(&tests)?) {
            judged[place] = found;
        }
        Ok(judged)
    }

    fn ready<'c>(
        &self,
        w: &'c [f64],
        claimed: f64,
        query: Vec<f64>,
    ) -> std::result::Result<Test<'c>, Fault> {
        if w.len() != query.len() || !(claimed > 0.0 && claimed.is_finite()) {
            return Err(Fault::BadDirection);
        }
        let norm = exact::length(w);
        if !(norm > 0.0 && norm.is_finite()) {
            return Err(Fault::BadDirection);
        }
        let (value, value_error) = exact::separation(w, &query, &self.extent.centre);
        let error = self.extent.score_error(w, norm) + value_error;
        // The difference of value and score is rounded once more.
        let error = error + 4.0 * U * (value.abs() + norm * self.extent.radius);
        let need = claimed * norm * (1.0 - MARGIN_SLACK);
        Ok(Test {
            w,
            query,
            norm,
            claimed,
            value,
            error,
            need,
        })
    }

    /// One pass over the reference for all directions.
    fn outside(&self, tests: &[Test<'_>]) -> Result<Vec<Judged>> {
        if tests.is_empty() {
            return Ok(Vec::new());
        }
        let d = self.reference.dim();
        let directions: Vec<f64> = tests
            .iter()
            .flat_map(|test| test.w.iter().copied())
            .collect();
        let refute = |values: &mut [f64]| -> Vec<Option<(f64, usize)>> {
            let raw = values.to_vec();
            self.extent.shift(values);
            let rows = values.len() / d;
            let mut scores = vec![0.0; rows * tests.len()];
            matmul(
                MatMut::from_column_major_slice_mut(&mut scores, rows, tests.len()),
                Accum::Replace,
                MatRef::from_row_major_slice(values, rows, d),
                MatRef::from_column_major_slice(&directions, d, tests.len()),
                1.0,
                Par::Seq,
            );
            let worst = |(test, scores): (&Test<'_>, &[f64])| {
                let each = scores.iter().zip(raw.chunks_exact(d)).enumerate();
                let refuted = each
                    .filter_map(|(i, (&score, x))| test.refuted_by(score, x).map(|gap| (gap, i)));
                refuted.min_by(|a, b| a.0.total_cmp(&b.0))
            };
            tests
                .iter()
                .zip(scores.chunks_exact(rows))
                .map(worst)
                .collect()
        };
        let mut worst: Vec<Option<(f64, usize)>> = vec![None; tests.len()];
        chunks(self.reference, self.control, refute, |first, part| {
            for (all, one) in worst.iter_mut().zip(part) {
                if let Some((gap, row)) = one
                    && all.is_none_or(|(least, _)| gap < least)
                {
                    *all = Some((gap, first + row));
                }
            }
        })?;
        let judge = |(test, worst): (&Test<'_>, Option<(f64, usize)>)| match worst {
            None => Ok(()),
            Some((gap, row)) => Err(test.fault(self.reference.number(row), gap)),
        };
        Ok(tests.iter().zip(worst).map(judge).collect())
    }

    /// A convex combination of rows, at the query.
    fn inside(&self, numbers: &[u64], weights: &[f64], query: &[f64]) -> Result<Judged> {
        let d = query.len();
        let (rows, sum) = match self.combination(numbers, weights, d) {
            Ok(found) => found,
            Err(fault) => return Ok(Err(fault)),
        };
        let mut residual = vec![0.0; d];
        let mut size = 0.0;
        let mut points = Vec::new();
        let step = (CHUNK / d).max(1);
        for (rows, weights) in rows.chunks(step).zip(weights.chunks(step)) {
            self.control.check()?;
            points.resize(rows.len() * d, 0.0);
            self.reference.gather(rows, &mut points)?;
            for (x, &weight) in points.chunks_exact_mut(d).zip(weights) {
                x.iter_mut().zip(query).for_each(|(x, q)| *x -= q);
                residual
                    .iter_mut()
                    .zip(&*x)
                    .for_each(|(sum, x)| *sum += weight * x);
                size += weight * exact::length(x);
            }
        }
        let residual = exact::length(&residual) / sum;
        // What the rounding of this very sum could explain is not held against the certificate: it is 1e-16 of the
        // distances to the rows that are combined.
        let rounding = gamma(rows.len() + 3) * size;
        let allowed = self.tolerance * self.extent.radius * (1.0 + RESIDUAL_SLACK) + rounding;
        // Negated, so that a residual that is not a number fails.
        Ok(if residual <= allowed {
            Ok(())
        } else {
            Err(Fault::Missed { residual, allowed })
        })
    }

    /// Whether numbers and weights are a convex combination at all: the row indices, and the sum of the weights.
    fn combination(
        &self,
        numbers: &[u64],
        weights: &[f64],
        d: usize,
    ) -> std::result::Result<(Vec<usize>, f64), Fault> {
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
        let sum: f64 = weights.iter().sum();
        // Each weight was rounded once when it was scaled to the sum, and the sum once a term.
        let slack = SUM_SLACK + gamma(2 * weights.len() + 2);
        if (sum - 1.0).abs() <= slack {
            Ok((rows, sum))
        } else {
            Err(Fault::BadSum { sum })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;

    fn set(d: usize, values: &[f64]) -> Memory {
        Memory::from_f64("rows", d, values.to_vec())
    }

    /// What each claim comes to, in order.
    fn judge(
        reference: &Memory,
        queries: &Memory,
        claims: Vec<Claim>,
        tolerance: f64,
    ) -> (Tally, Vec<(u64, Fault)>) {
        let mut faults = Vec::new();
        let control = Control::default();
        let mut failed = |claim: &Claim, fault| faults.push((claim.query, fault));
        let tally = check(
            claims.into_iter().map(Ok),
            reference,
            queries,
            tolerance,
            &control,
            &mut failed,
        )
        .unwrap();
        (tally, faults)
    }

    fn outside(query: u64, direction: &[f64], margin: f64) -> Claim {
        Claim {
            query,
            proof: Proof::Outside {
                direction: direction.to_vec(),
                margin,
            },
        }
    }

    fn inside(query: u64, rows: &[u64], weights: &[f64]) -> Claim {
        Claim {
            query,
            proof: Proof::Inside {
                rows: rows.to_vec(),
                weights: weights.to_vec(),
                exact: false,
            },
        }
    }

    /// The unit square moved to `offset`.
    fn square(offset: f64) -> Memory {
        set(
            2,
            &[0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0].map(|v| v + offset),
        )
    }

    #[test]
    fn good_certificates_hold() {
        for offset in [0.0, 1e4, 1e8] {
            let queries = set(
                2,
                &[2.0, 0.5, 0.5, 0.25, 1.0, 1.0, 9.0, 9.0].map(|v| v + offset),
            );
            let claims = vec![
                outside(0, &[1.0, 0.0], 1.0),
                inside(1, &[0, 1, 3], &[0.5, 0.25, 0.25]),
                inside(2, &[3], &[1.0]),
            ];
            let (tally, faults) = judge(&square(offset), &queries, claims, 1e-9);
            assert_eq!(faults, [], "offset {offset}");
            assert_eq!(
                tally,
                Tally {
                    inside: 2,
                    outside: 1,
                    missing: 1,
                    ..Tally::default()
                }
            );
        }
    }

    /// One unit in the last place of 1e8 is 1.5e-8; the query is that far outside, or exactly on the edge.
    #[test]
    fn a_near_tie_far_from_the_origin_is_decided_exactly() {
        let offset = 1e8;
        let step = 2f64.powi(-26);
        let queries = set(
            2,
            &[
                offset + 1.0 + step,
                offset + 0.5,
                offset + 1.0,
                offset + 0.5,
            ],
        );
        let claims = vec![
            outside(0, &[1.0, 0.0], step),
            outside(1, &[1.0, 0.0], 1e-12),
        ];
        let (tally, faults) = judge(&square(offset), &queries, claims, 1e-9);
        assert_eq!(tally.outside, 1);
        assert_eq!(faults, [(1, Fault::NotSeparated { row: 1 })]);
        let claims = vec![outside(0, &[1.0, 0.0], 1.001 * step)];
        let (_, faults) = judge(&square(offset), &queries, claims, 1e-9);
        assert!(
            matches!(faults[..], [(0, Fault::Overstated { row: 1, .. })]),
            "{faults:?}"
        );
    }

    /// A direction whose products round: plain f64 sums of the shifted rows cannot tell the sign here.
    #[test]
    fn a_sign_below_the_rounding_of_a_plain_sum_is_decided() {
        let w = [0.1, 0.7, -0.3];
        let x = [1e8 + 0.25, -3e7 + 0.5, 2e8];
        let mut beyond = x;
        beyond[0] += 2f64.powi(-26);
        let mut before = x;
        before[0] -= 2f64.powi(-26);
        let reference = set(3, &[x, [-1e9, -1e8, 1e8], [-2e8, -9e8, 1e8]].concat());
        let queries = set(3, &[beyond, before, x].concat());
        let margin = 0.1 * 2f64.powi(-26) / exact::length(&w);
        let claims = vec![
            outside(0, &w, margin),
            outside(1, &w, margin),
            outside(2, &w, 1e-30),
        ];
        let (tally, faults) = judge(&reference, &queries, claims, 1e-9);
        assert_eq!(tally.outside, 1, "{faults:?}");
        assert_eq!(
            faults,
            [
                (1, Fault::NotSeparated { row: 0 }),
                (2, Fault::NotSeparated { row: 0 })
            ]
        );
    }

    #[test]
    fn bad_directions_and_margins_fail() {
        let queries = set(2, &[2.0, 0.5, 0.5, 0.5]);
        let cases = [
            (
                outside(0, &[-1.0, 0.0], 1.0),
                Fault::NotSeparated { row: 0 },
            ),
            (outside(1, &[1.0, 0.0], 0.1), Fault::NotSeparated { row: 1 }),
            (
                outside(0, &[1.0, 0.0], 1.1),
                Fault::Overstated {
                    row: 1,
                    claimed: 1.1,
                    found: 1.0,
                },
            ),
            (outside(0, &[0.0, 0.0], 1.0), Fault::BadDirection),
            (outside(0, &[1.0], 1.0), Fault::BadDirection),
            (outside(0, &[f64::NAN, 0.0], 1.0), Fault::BadDirection),
            (outside(0, &[1.0, 0.0], 0.0), Fault::BadDirection),
            (outside(0, &[1.0, 0.0], f64::INFINITY), Fault::BadDirection),
            (outside(2, &[1.0, 0.0], 1.0), Fault::NoSuchQuery),
        ];
        for (claim, fault) in cases {
            let (tally, faults) = judge(&square(0.0), &queries, vec![claim.clone()], 1e-9);
            assert_eq!(faults, [(claim.query, fault)], "{claim:?}");
            assert_eq!((tally.holds(), tally.failed), (0, 1));
        }
    }

    #[test]
    fn bad_combinations_fail() {
        let queries = set(2, &[0.5, 0.5]);
        let cases = [
            (inside(0, &[0, 3], &[0.4, 0.6]), "miss"),
            (inside(0, &[0, 3], &[0.5, 0.6]), "sum to"),
            (
                inside(0, &[0, 3, 1], &[0.75, 0.75, -0.5]),
                "weight of reference row 1",
            ),
            (inside(0, &[0, 9], &[0.5, 0.5]), "no row 9"),
            (inside(0, &[0, 3, 3], &[0.5, 0.25, 0.25]), "twice"),
            (inside(0, &[0, 1, 2, 3], &[0.25; 4]), "3 are enough"),
            (inside(0, &[], &[]), "no rows"),
            (
                inside(0, &[0, 3], &[f64::NAN, 0.5]),
                "weight of reference row 0",
            ),
        ];
        for (claim, word) in cases {
            let (_, faults) = judge(&square(0.0), &queries, vec![claim.clone()], 1e-9);
            assert!(
                faults.len() == 1 && faults[0].1.to_string().contains(word),
                "{claim:?}: {faults:?}"
            );
        }
    }

    /// The tolerance is a share of the radius (here sqrt(1/2)) and counts on both of its sides.
    #[test]
    fn the_tolerance_bounds_the_residual() {
        let radius = 0.5f64.sqrt();
        for (share, holds) in [(0.9, 1), (1.1, 0)] {
            let queries = set(2, &[0.5 + share * 1e-6 * radius, 0.5]);
            let (tally, _) = judge(
                &square(0.0),
                &queries,
                vec![inside(0, &[0, 3], &[0.5, 0.5])],
                1e-6,
            );
            assert_eq!(tally.inside, holds, "{share}");
        }
    }

    #[test]
    fn equal_rows_hold_themselves_and_a_repeated_query_fails() {
        let reference = set(2, &[0.1; 6]);
        let queries = set(2, &[0.1; 2]);
        let claims = vec![inside(0, &[2], &[1.0]), inside(0, &[1], &[1.0])];
        let (tally, faults) = judge(&reference, &queries, claims, 1e-9);
        assert_eq!(tally.inside, 1);
        assert_eq!(faults, [(0, Fault::RepeatedQuery)]);
    }

    /// More directions than fit one pass, more rows than fit one chunk; every third claim is a little too bold.
    #[test]
    fn batches_and_chunks_keep_their_places() {
        let angle = |i: usize, n: usize| i as f64 / n as f64 * std::f64::consts::TAU;
        let n = 3 * CHUNK_ROWS + 5;
        let reference = set(
            2,
            &(0..n)
                .flat_map(|i| [angle(i, n).cos(), angle(i, n).sin()])
                .collect::<Vec<_>>(),
        );
        let m = 2 * DIRECTIONS + 9;
        let at = |i: usize| [2.0 * angle(i, m).cos(), 2.0 * angle(i, m).sin()];
        let queries = set(2, &(0..m).flat_map(at).collect::<Vec<_>>());
        let bold = |i: usize| i.is_multiple_of(3);
        let claims = (0..m)
            .map(|i| outside(i as u64, &at(i), if bold(i) { 1.01 } else { 0.9999999 }))
            .collect();
        let (tally, faults) = judge(&reference, &queries, claims, 1e-9);
        assert_eq!(tally.outside as usize, (0..m).filter(|&i| !bold(i)).count());
        assert!(
            faults
                .iter()
                .map(|(query, _)| *query as usize)
                .eq((0..m).filter(|&i| bold(i)))
        );
        assert!(
            faults.iter().all(
                |(_, fault)| matches!(fault, Fault::Overstated { found, .. } if *found < 1.001)
            )
        );
    }

    #[test]
    fn numbers_that_overflow_prove_nothing() {
        let reference = set(2, &[1e200, 0.0, -1e200, 0.0]);
        let queries = set(2, &[1e201, 0.0]);
        let (tally, _) = judge(
            &reference,
            &queries,
            vec![outside(0, &[1e200, 0.0], 1.0)],
            1e-9,
        );
        assert_eq!(tally.failed, 1);
    }
}
