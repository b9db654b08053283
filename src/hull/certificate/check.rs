//! Do the certificates of a file hold? Judged from the rows alone, with every rounding accounted for.
//!
//! Nothing in the file is trusted: a direction is tested against every row ([`outside`]), a convex combination against
//! the query ([`inside`]); a second claim about the same query is an error; queries without a claim are counted. The
//! caller sets the tolerance.

mod fault;
mod inside;
mod outside;
mod scaled;

pub use fault::Fault;

use super::{Body, Claim, Evidence, Proof};
use crate::control::{Control, WorkStage};
use crate::error::{Error, Result};
use crate::rows::{Rows, Spreads, fold_chunks, spreads};
use outside::{Lens, Pass, Test, merge};
use rayon::prelude::*;
use std::collections::HashSet;

/// The default tolerance of inside claims, as a share of the local scale. The weights of exact claims are always held
/// to this one.
pub const STRICT: f64 = 1e-9;

/// The number of directions that share one pass over the reference.
const DIRECTIONS: usize = 256;

/// The most numbers in the certificates of one batch, and in one chunk of rows (but at least one certificate, one row).
const BATCH: usize = 8 << 20;
const CHUNK: usize = 512 << 10;

/// The most rows in a chunk, so that the scores of a chunk stay small in low dimension.
const CHUNK_ROWS: usize = 2048;

/// How many certificates hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Tally {
    /// Certificates that hold, by kind of proof.
    pub exact: u64,
    pub tolerance: u64,
    pub separated: u64,
    /// Queries for which nothing is claimed.
    pub undecided: u64,
    /// Certificates about the cone that hold, inside and outside; all others are about the hull.
    pub cone: u64,
    /// Certificates that do not hold.
    pub failed: u64,
    /// Queries of the set without a certificate, and the row number of the first of them.
    pub missing: u64,
    pub first_missing: Option<u64>,
}

impl Tally {
    /// The number of certificates that hold.
    pub const fn holds(&self) -> u64 {
        self.exact + self.tolerance + self.separated + self.cone
    }
}

/// The result of checking one certificate.
type Judged = std::result::Result<(), Fault>;

/// Check claims one by one; each that does not hold goes to `failed`, in the order of the claims.
///
/// `tolerance` is the largest distance of a combination from its query as a share of the local scale
/// (see the module `local`); [`STRICT`] is the program's own. Errors: dimensions that differ, a
/// tolerance that is not between 0 and 1, what the iterator yields, rows that can no longer be read, and
/// [`Error::Interrupted`].
pub fn check(
    claims: impl IntoIterator<Item = Result<Claim>>,
    reference: &dyn Rows,
    queries: &dyn Rows,
    tolerance: f64,
    control: &Control,
    failed: &mut dyn FnMut(&Claim, Fault),
) -> Result<Tally> {
    possible(reference, queries, tolerance)?;
    control.begin(WorkStage::Survey, 0);
    let spreads = spreads(reference, control)?;
    let checker = Checker {
        reference,
        queries,
        tolerance,
        control,
        lens: Lens::new(&spreads),
        spreads,
    };
    control.begin(WorkStage::Verify, queries.len() as u64);
    let mut tally = Tally::default();
    let mut answered = HashSet::new();
    let mut claims = claims.into_iter();
    loop {
        let batch = next_batch(&mut claims)?;
        if batch.is_empty() {
            break;
        }
        for (claim, judged) in batch.iter().zip(checker.batch(&batch)?) {
            let judged = if answered.insert((claim.of, claim.query)) {
                judged
            } else {
                Err(Fault::RepeatedQuery)
            };
            match (judged, claim.evidence()) {
                (Err(fault), _) => {
                    tally.failed += 1;
                    failed(claim, fault);
                }
                (Ok(()), Some(_)) if claim.of == Body::Cone => tally.cone += 1,
                (Ok(()), None) if claim.of == Body::Cone => {}
                (Ok(()), Some(Evidence::Exact)) => tally.exact += 1,
                (Ok(()), Some(Evidence::Tolerance)) => tally.tolerance += 1,
                (Ok(()), Some(Evidence::Separated)) => tally.separated += 1,
                (Ok(()), None) => tally.undecided += 1,
            }
        }
        control.advance(batch.len() as u64);
    }
    let numbers = (0..queries.len()).map(|row| queries.number(row));
    for number in numbers.filter(|number| !answered.contains(&(Body::Hull, *number))) {
        tally.missing += 1;
        tally.first_missing.get_or_insert(number);
    }
    Ok(tally)
}

/// Errors unless dimensions and tolerance allow a check at all.
fn possible(reference: &dyn Rows, queries: &dyn Rows, tolerance: f64) -> Result<()> {
    if !(0.0..1.0).contains(&tolerance) {
        return Err(Error::Usage(format!(
            "the tolerance is {tolerance}; it must lie between 0 and 1"
        )));
    }
    if reference.dim() == queries.dim() {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "the two sets have different dimensions: {} has {}, {} has {}",
        reference.name(),
        reference.dim(),
        queries.name(),
        queries.dim()
    )))
}

/// The next claims, which are checked together.
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
            Proof::None | Proof::Contradiction { .. } => numbers += 1,
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

/// What the checks need: both sets, the tolerance, and the scales of the columns.
struct Checker<'a> {
    reference: &'a dyn Rows,
    queries: &'a dyn Rows,
    tolerance: f64,
    control: &'a Control,
    spreads: Spreads,
    lens: Lens,
}

/// A claim that is checked already, or a direction that has to be tested against all rows.
enum First {
    Judged(Judged),
    Direction(Test),
}

impl Checker<'_> {
    /// Check claims, in order: combinations one by one, all directions in one pass over the rows.
    fn batch(&self, claims: &[Claim]) -> Result<Vec<Judged>> {
        let first: Vec<First> = claims
            .par_iter()
            .map(|claim| self.first(claim))
            .collect::<Result<_>>()?;
        let mut judged = Vec::with_capacity(first.len());
        let (mut tests, mut places) = (Vec::new(), Vec::new());
        for (place, one) in first.into_iter().enumerate() {
            judged.push(match one {
                First::Judged(judged) => judged,
                First::Direction(test) => {
                    tests.push(test);
                    places.push(place);
                    Ok(())
                }
            });
        }
        for (place, found) in places.into_iter().zip(self.outside(&tests)?) {
            judged[place] = found;
        }
        Ok(judged)
    }

    /// Check everything about a claim that needs no pass over the reference.
    fn first(&self, claim: &Claim) -> Result<First> {
        self.control.check()?;
        let Some(query) = index_of(self.queries, claim.query) else {
            return Ok(First::Judged(Err(Fault::NoSuchQuery)));
        };
        let mut point = vec![0.0; self.queries.dim()];
        self.queries.read_f64(query, &mut point)?;
        Ok(match &claim.proof {
            Proof::None => First::Judged(Ok(())),
            Proof::Contradiction { what, .. } => {
                First::Judged(Err(Fault::Contradiction(what.clone())))
            }
            Proof::Inside {
                rows,
                weights,
                exact,
            } => First::Judged(match claim.of {
                Body::Hull => self.inside(rows, weights, *exact, &point)?,
                Body::Cone => self.in_cone(rows, weights, &point)?,
            }),
            Proof::Outside { direction, margin } => {
                let test = match claim.of {
                    Body::Hull => Test::new(direction, *margin, point, &self.lens),
                    Body::Cone => Test::of_cone(direction, *margin, &point, &self.lens),
                };
                match test {
                    Ok(test) => First::Direction(test),
                    Err(fault) => First::Judged(Err(fault)),
                }
            }
        })
    }

    /// One pass over the reference for all directions.
    fn outside(&self, tests: &[Test]) -> Result<Vec<Judged>> {
        if tests.is_empty() {
            return Ok(Vec::new());
        }
        let pass = Pass::new(tests);
        let mut worst = vec![None; tests.len()];
        let step = (CHUNK / self.reference.dim()).clamp(1, CHUNK_ROWS);
        fold_chunks(
            self.reference,
            step,
            self.control,
            |_, values| pass.rows(&self.lens, values),
            |first, part| merge(&mut worst, first, part),
        )?;
        Ok(pass.judged(worst, |row| self.reference.number(row)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;

    fn set(d: usize, values: &[f64]) -> Memory {
        Memory::from_f64("rows", d, values.to_vec())
    }

    /// The result of each claim, in order.
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
            of: Body::Hull,
            query,
            proof: Proof::Outside {
                direction: direction.to_vec(),
                margin,
            },
        }
    }

    fn inside(query: u64, rows: &[u64], weights: &[f64]) -> Claim {
        Claim {
            of: Body::Hull,
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
                    tolerance: 2,
                    separated: 1,
                    missing: 1,
                    first_missing: Some(3),
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
        assert_eq!(tally.separated, 1);
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
        let margin = 0.1 * 2f64.powi(-26) / w.iter().map(|w: &f64| w * w).sum::<f64>().sqrt();
        let claims = vec![
            outside(0, &w, margin),
            outside(1, &w, margin),
            outside(2, &w, 1e-30),
        ];
        let (tally, faults) = judge(&reference, &queries, claims, 1e-9);
        assert_eq!(tally.separated, 1, "{faults:?}");
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
            (outside(0, &[1.0, 0.0], -0.5), Fault::BadDirection),
            // With margin 0 the separation must still be strict.
            (outside(1, &[1.0, 0.0], 0.0), Fault::NotSeparated { row: 1 }),
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

    /// The tolerance is a share of the mean distance to the rows (here sqrt(1/2)); a miss just below it passes, one
    /// just above fails.
    #[test]
    fn the_tolerance_bounds_the_residual() {
        let mean = 0.5f64.sqrt();
        for (share, holds) in [(0.9, 1), (1.1, 0)] {
            let queries = set(2, &[0.5 + share * 1e-6 * mean, 0.5]);
            let (tally, _) = judge(
                &square(0.0),
                &queries,
                vec![inside(0, &[0, 3], &[0.5, 0.5])],
                1e-6,
            );
            assert_eq!(tally.tolerance, holds, "{share}");
        }
    }

    #[test]
    fn equal_rows_hold_themselves_and_a_repeated_query_fails() {
        let reference = set(2, &[0.1; 6]);
        let queries = set(2, &[0.1; 2]);
        let claims = vec![inside(0, &[2], &[1.0]), inside(0, &[1], &[1.0])];
        let (tally, faults) = judge(&reference, &queries, claims, 1e-9);
        assert_eq!(tally.tolerance, 1);
        assert_eq!(faults, [(0, Fault::RepeatedQuery)]);
    }

    /// More directions than fit one pass, more rows than fit one chunk; every third claim states a margin that is
    /// slightly too large.
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
        assert_eq!(
            tally.separated as usize,
            (0..m).filter(|&i| !bold(i)).count()
        );
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

    /// The unit square at any scale: right margins hold, margins that are a little too large do not.
    #[test]
    fn no_number_is_too_large_or_too_small() {
        for scale in [1e-310, 1e-300, 1e-160, 1e-20, 1e20, 1e160, 1e300, 5e307] {
            let at = |values: &[f64]| set(2, &values.iter().map(|v| v * scale).collect::<Vec<_>>());
            let square = at(&[0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
            let queries = at(&[3.0, 0.5, 0.5, 0.25, 0.5, 0.5]);
            for weight in [1e-310, 1e-200, 1.0, 1e300] {
                let claim = |margin: f64| outside(0, &[weight, 0.0], margin * scale);
                let claims = vec![claim(2.0), inside(1, &[0, 1, 3], &[0.5, 0.25, 0.25])];
                let (tally, faults) = judge(&square, &queries, claims, STRICT);
                assert_eq!(
                    (tally.separated, tally.tolerance),
                    (1, 1),
                    "{scale} {weight}: {faults:?}"
                );
                let claims = vec![claim(2.0 + 1e-6), inside(2, &[0, 3], &[0.75, 0.25])];
                let (_, faults) = judge(&square, &queries, claims, STRICT);
                assert!(
                    matches!(
                        faults[..],
                        [(0, Fault::Overstated { .. }), (2, Fault::Missed { .. })]
                    ),
                    "{scale} {weight}: {faults:?}"
                );
            }
        }
        let one = set(1, &[1e-300]);
        let claims = vec![outside(0, &[1.0], 1e-300), outside(1, &[-1.0], 2e-300)];
        let (tally, faults) = judge(&one, &set(1, &[2e-300, -1e-300]), claims, STRICT);
        assert_eq!(tally.separated, 2, "{faults:?}");
    }

    /// Ten far rows on the right side of the hyperplane and one near row on the wrong side: the near row is still found.
    #[test]
    fn far_rows_do_not_blur_the_others() {
        let near = |i: usize| [(i % 10) as f64 / 9.0, (i / 10) as f64 / 9.0];
        let mut rows: Vec<f64> = (0..100).flat_map(near).collect();
        for i in 0..10 {
            rows.extend([-1e20 * f64::from(i + 1), 1e20]);
        }
        let queries = set(2, &[1.0 + 1e-13, 0.5, 2.0, 1e20]);
        let gap = (1.0 + 1e-13) - 1.0;
        let claims = vec![outside(0, &[1.0, 0.0], gap), outside(1, &[1.0, 0.0], 1.0)];
        let (tally, faults) = judge(&set(2, &rows), &queries, claims, STRICT);
        assert_eq!(tally.separated, 2, "{faults:?}");
        let too_much = vec![outside(0, &[1.0, 0.0], 1.01 * gap)];
        assert_eq!(
            judge(&set(2, &rows), &queries, too_much, STRICT).0.failed,
            1
        );
        rows.extend([1e20, 0.0]);
        let (_, faults) = judge(
            &set(2, &rows),
            &queries,
            vec![outside(0, &[1.0, 0.0], gap)],
            STRICT,
        );
        assert_eq!(faults, [(0, Fault::NotSeparated { row: 110 })]);
    }

    /// Columns in units of 1 and 1e8. A query off by a thousandth of the narrow column's unit is not within the
    /// tolerance, also when there is a far row that the combination does not use.
    #[test]
    fn the_scale_of_a_miss_is_local() {
        let mut rows: Vec<f64> = vec![0.0, 0.0, 1e8, 0.0, 0.0, 1.0, 1e8, 1.0];
        let queries = set(2, &[5e7, 0.501]);
        for far in [None, Some(1e20)] {
            rows.extend(far.map(|far| [far; 2]).into_iter().flatten());
            let claim = inside(0, &[0, 3], &[0.5, 0.5]);
            let (_, faults) = judge(&set(2, &rows), &queries, vec![claim], STRICT);
            assert!(
                matches!(faults[..], [(0, Fault::Missed { share, .. })] if (0.0005..0.01).contains(&share)),
                "{faults:?}"
            );
        }
    }

    /// A far row with a negligible weight, beside rows that miss the query by half of their distance.
    #[test]
    fn a_row_that_is_not_used_does_not_stretch_the_scale() {
        for far in [1e20, 1e308] {
            let reference = set(2, &[0.0, 1.0, 1.0, 1.0, far, -far, 0.0, 0.0, 1.0, 0.0]);
            let queries = set(2, &[0.5, 1.5]);
            for weight in [0.0, 1e-300, 1e-200] {
                let claim = inside(0, &[0, 1, 2], &[0.5, 0.5, weight]);
                let (_, faults) = judge(&reference, &queries, vec![claim], STRICT);
                assert!(
                    matches!(faults[..], [(0, Fault::Missed { share, .. })] if share > 0.5),
                    "{far} {weight}: {faults:?}"
                );
            }
        }
    }

    /// An exact claim is proved again; a claim that holds only after rounding is rejected.
    #[test]
    fn exactness_is_proved_from_the_rows() {
        let exact = |query: u64, rows: &[u64], weights: &[f64]| Claim {
            of: Body::Hull,
            query,
            proof: Proof::Inside {
                rows: rows.to_vec(),
                weights: weights.to_vec(),
                exact: true,
            },
        };
        let reference = set(2, &[0.0, 0.0, 1.0, 0.0, 0.0, 1.0]);
        let queries = set(2, &[0.25, 0.25, 0.5, 0.5 + 1e-13, 0.0, 1.0, 0.5, 0.5]);
        let claims = vec![
            exact(0, &[0, 1, 2], &[0.5, 0.25, 0.25]),
            exact(2, &[2], &[1.0]),
            exact(3, &[1, 2], &[0.5, 0.5]),
        ];
        let (tally, faults) = judge(&reference, &queries, claims, STRICT);
        assert_eq!(tally.exact, 3, "{faults:?}");
        let half = [0.5, 0.5];
        assert_eq!(
            judge(
                &reference,
                &queries,
                vec![inside(1, &[1, 2], &half)],
                STRICT
            )
            .0
            .tolerance,
            1
        );
        let (_, faults) = judge(&reference, &queries, vec![exact(1, &[1, 2], &half)], STRICT);
        assert!(
            matches!(faults[..], [(1, Fault::NotExact(_))]),
            "{faults:?}"
        );
        // The larger tolerance applies to tolerance claims, not to the weights of exact claims.
        let off = [0.5 + 1e-8, 0.5 - 1e-8];
        let (_, faults) = judge(&reference, &queries, vec![exact(3, &[1, 2], &off)], 1e-6);
        assert!(
            matches!(faults[..], [(3, Fault::Missed { .. })]),
            "{faults:?}"
        );
    }

    #[test]
    fn a_tolerance_of_everything_is_refused() {
        for tolerance in [1.0, -1e-9, f64::INFINITY, f64::NAN] {
            let (rows, control) = (square(0.0), Control::default());
            let found = check(
                Vec::new(),
                &rows,
                &rows,
                tolerance,
                &control,
                &mut |_, _| {},
            );
            assert!(found.is_err(), "{tolerance}");
        }
    }
}
