//! Checks that a hyperplane separates the query from every row, by the claimed margin.
//!
//! `<w, q - x_i> >= margin |w|` must hold for every row. One pass over the reference scores up to
//! [`DIRECTIONS`](super::DIRECTIONS) directions together, in coordinates scaled by column and centred on the medians,
//! `y = (x - c) / u`, u powers of two: a computed score is off by at most `gamma(d+8) |w'| |y_i|`, w' the direction in
//! these coordinates. The bound is different for each row, so a far row does not loosen it for others. Rows that come
//! closer to the claimed margin than their bound are decided by [`scaled::separation`], so a passed check is a theorem
//! about the stored numbers.

use super::super::exact::length;
use super::super::roundoff::{U, gamma};
use super::scaled::{self, length_of_normalised, separation};
use super::{Fault, Judged};
use crate::rows::Spreads;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use libm::{ilogb, scalbn};

/// The number of roundings by which a stated margin may exceed the proven one: those of the product here, and of the
/// division by the length when the margin was computed.
const ROUNDINGS: usize = 8;

/// Exponents of units are limited to this range, so that a unit and its inverse are normal numbers.
const UNITS: i32 = 1000;

/// The coordinates used in the pass: `y_j = (x_j - centre_j) / 2^unit_j`.
pub(super) struct Lens {
    centre: Vec<f64>,
    unit: Vec<i32>,
    /// `2^-unit_j`.
    factor: Vec<f64>,
}

impl Lens {
    pub(super) fn new(spreads: &Spreads) -> Self {
        let unit: Vec<i32> = spreads
            .unit
            .iter()
            .map(|&unit| ilogb(unit).clamp(-UNITS, UNITS))
            .collect();
        Lens {
            centre: spreads.centre.clone(),
            factor: unit.iter().map(|&e| scalbn(1.0, -e)).collect(),
            unit,
        }
    }

    /// Rows (n x d) in these coordinates, in place; returns the length of each.
    fn apply(&self, rows: &mut [f64]) -> Vec<f64> {
        let each = |row: &mut [f64]| {
            let mut square = 0.0;
            for j in 0..row.len() {
                row[j] = (row[j] - self.centre[j]) * self.factor[j];
                square += row[j] * row[j];
            }
            square.sqrt()
        };
        rows.chunks_exact_mut(self.centre.len()).map(each).collect()
    }
}

/// A direction prepared for the pass over the reference. Numbers are `2^-shift` times those in the file.
pub(super) struct Test {
    /// The direction in the data's coordinates, scaled so that its largest entry is between 1 and 2.
    w: Vec<f64>,
    /// The direction in the coordinates of the pass.
    seen: Vec<f64>,
    shift: i32,
    query: Vec<f64>,
    /// The margin as stated in the file, and the value that `<w, q - x_i>` must reach: `need * 2^need_exponent`.
    claimed: f64,
    need: f64,
    need_exponent: i32,
    /// The smallest value that is ever sufficient: above 0 for the hull, 0 for the cone.
    least: f64,
    /// `<w, q - centre>`; a bound on its error; and a bound on a score's error for each unit of the row's length.
    value: f64,
    error: f64,
    error_rate: f64,
}

impl Test {
    pub(super) fn new(
        direction: &[f64],
        claimed: f64,
        query: Vec<f64>,
        lens: &Lens,
    ) -> std::result::Result<Self, Fault> {
        if direction.len() != query.len() || !(claimed >= 0.0 && claimed.is_finite()) {
            return Err(Fault::BadDirection);
        }
        let Some((w, _)) = scaled::normalised(direction) else {
            return Err(Fault::BadDirection);
        };
        let parts = w.iter().zip(&lens.unit);
        let exponents = parts
            .filter(|(w, _)| **w != 0.0)
            .map(|(&w, &unit)| ilogb(w) + unit);
        let shift = exponents.max().unwrap_or(0);
        let seen: Vec<f64> = w
            .iter()
            .zip(&lens.unit)
            .map(|(&w, &unit)| scalbn(w, unit - shift))
            .collect();
        let at = separation(&w, &query, &lens.centre);
        let value = scalbn(at.value, at.exponent - shift);
        let need_exponent = if claimed > 0.0 { ilogb(claimed) } else { 0 };
        let need = scalbn(claimed, -need_exponent) * length_of_normalised(&w);
        let d = w.len();
        // Each underflow on the way loses at most the smallest normal number.
        let smallest = d as f64 * f64::MIN_POSITIVE;
        Ok(Test {
            shift,
            query,
            claimed,
            need: need * (1.0 - gamma(ROUNDINGS)),
            need_exponent,
            least: f64::from_bits(1),
            value,
            error: scalbn(at.error, at.exponent - shift) + 4.0 * U * value.abs() + 4.0 * smallest,
            error_rate: gamma(d + 8) * length(&seen) * (1.0 + 1e-9) + smallest,
            w,
            seen,
        })
    }

    /// The test that no row has a positive product with the direction and that the query's is at least `sine |w| |q|`.
    /// The pass tests the rows, with the origin in place of the query.
    pub(super) fn of_cone(
        direction: &[f64],
        sine: f64,
        query: &[f64],
        lens: &Lens,
    ) -> std::result::Result<Self, Fault> {
        let zero = vec![0.0; query.len()];
        let test = Test::new(direction, 0.0, zero.clone(), lens)?;
        let usable = sine > 0.0 && sine <= 1.0;
        let Some((q, _)) = scaled::normalised(query).filter(|_| usable) else {
            return Err(Fault::BadDirection);
        };
        let found = separation(&test.w, &q, &zero);
        let lengths = length_of_normalised(&test.w) * length_of_normalised(&q);
        let needed = scalbn(sine * lengths * (1.0 - gamma(ROUNDINGS)), -found.exponent);
        // An overflow proves nothing.
        let holds = found.value - found.error >= needed.max(f64::from_bits(1));
        if !holds {
            return Err(Fault::NotAngled {
                claimed: sine,
                found: scalbn(found.value / lengths, found.exponent),
            });
        }
        Ok(Test { least: 0.0, ..test })
    }

    /// The value that `<w, q - x_i> / 2^exponent` must reach. For the hull it is never 0, even where the margin is 0 or
    /// too small for f64.
    fn needed(&self, exponent: i32) -> f64 {
        scalbn(self.need, self.need_exponent - exponent).max(self.least)
    }

    /// Whether a row refutes the claim. An overflow proves nothing, so every comparison is false for NaN.
    fn refuted_by(&self, score: f64, length: f64, needed: f64, x: &[f64]) -> Option<Refuted> {
        let gap = self.value - score;
        let error = self.error + self.error_rate * length;
        if gap - error >= needed {
            return None;
        }
        if gap + error < needed {
            return Some(Refuted { gap, certain: true });
        }
        let found = separation(&self.w, &self.query, x);
        let needed = self.needed(found.exponent);
        if found.value - found.error >= needed {
            return None;
        }
        Some(Refuted {
            gap: scalbn(found.value, found.exponent - self.shift),
            // A row proved to be on the other side can still be proved to leave less than the claimed margin.
            certain: found.value > found.error || found.value + found.error < needed,
        })
    }

    fn fault(&self, row: u64, refuted: Refuted) -> Fault {
        if !refuted.certain {
            return Fault::UnknownSide { row };
        }
        if refuted.gap > 0.0 {
            let found = scalbn(refuted.gap / length_of_normalised(&self.w), self.shift);
            return Fault::Overstated {
                row,
                claimed: self.claimed,
                found,
            };
        }
        Fault::NotSeparated { row }
    }
}

/// A row that refutes a claim: `<w, q - x>`, and whether it is proved to be too small.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refuted {
    gap: f64,
    certain: bool,
}

impl Refuted {
    /// Whether this is stronger evidence than `other`: proved before unproved, then the smaller gap.
    fn before(&self, other: &Refuted) -> bool {
        match (self.certain, other.certain) {
            (true, false) => true,
            (false, true) => false,
            _ => self.gap.total_cmp(&other.gap).is_lt(),
        }
    }
}

/// For each direction the row that refutes it most, with the row's index, if any does.
pub(super) type Worst = Vec<Option<(Refuted, usize)>>;

/// The directions of one pass over the reference.
pub(super) struct Pass<'t> {
    tests: &'t [Test],
    /// The directions in the coordinates of the pass, one after the other.
    seen: Vec<f64>,
}

impl<'t> Pass<'t> {
    pub(super) fn new(tests: &'t [Test]) -> Self {
        let seen = tests.iter().flat_map(|test| test.seen.iter().copied());
        Pass {
            tests,
            seen: seen.collect(),
        }
    }

    /// For each direction, the row of this chunk (overwritten) that refutes it most, with the row's index in the chunk.
    pub(super) fn rows(&self, lens: &Lens, values: &mut [f64]) -> Worst {
        let d = lens.centre.len();
        let raw = values.to_vec();
        let lengths = lens.apply(values);
        let (rows, count) = (lengths.len(), self.tests.len());
        let mut scores = vec![0.0; rows * count];
        matmul(
            MatMut::from_column_major_slice_mut(&mut scores, rows, count),
            Accum::Replace,
            MatRef::from_row_major_slice(values, rows, d),
            MatRef::from_column_major_slice(&self.seen, d, count),
            1.0,
            Par::Seq,
        );
        let worst = |(test, scores): (&Test, &[f64])| {
            let needed = test.needed(test.shift);
            let mut worst: Option<(Refuted, usize)> = None;
            for (i, (&score, x)) in scores.iter().zip(raw.chunks_exact(d)).enumerate() {
                if let Some(found) = test.refuted_by(score, lengths[i], needed, x) {
                    keep(&mut worst, found, i);
                }
            }
            worst
        };
        let each = self.tests.iter().zip(scores.chunks_exact(rows));
        each.map(worst).collect()
    }

    /// The result for each direction; `number` maps a row index to the row's number in the file.
    pub(super) fn judged(&self, worst: Worst, number: impl Fn(usize) -> u64) -> Vec<Judged> {
        let judge = |(test, worst): (&Test, Option<(Refuted, usize)>)| match worst {
            None => Ok(()),
            Some((refuted, row)) => Err(test.fault(number(row), refuted)),
        };
        self.tests.iter().zip(worst).map(judge).collect()
    }
}

/// Merge the result of the chunk of rows that starts at row `first`.
pub(super) fn merge(worst: &mut Worst, first: usize, part: Worst) {
    for (all, one) in worst.iter_mut().zip(part) {
        if let Some((found, row)) = one {
            keep(all, found, first + row);
        }
    }
}

/// Keep the row that refutes the claim most; among equals, the first.
fn keep(worst: &mut Option<(Refuted, usize)>, found: Refuted, row: usize) {
    if worst.is_none_or(|(most, _)| found.before(&most)) {
        *worst = Some((found, row));
    }
}
