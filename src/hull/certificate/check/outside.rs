//! Does a hyperplane separate the query from every row, by the margin that is claimed?
//!
//! `<w, q - x_i> >= margin |w|` must hold for every row. One pass over the reference scores up to
//! [`DIRECTIONS`](super::DIRECTIONS) directions together, in coordinates of the columns' units about their medians,
//! `y = (x - c) / u`, u powers of two: a computed score is off by at most `gamma(d+8) |w'| |y_i|`, w' the direction in
//! these coordinates. That bound is each row's own, so a far row spoils no other. Rows that come closer to the claim than
//! that are decided by [`scaled::separation`]: what holds is a theorem about the stored numbers.

use super::super::exact::length;
use super::super::roundoff::{U, gamma};
use super::scaled::{self, length_of_normalised, separation};
use super::{Fault, Judged};
use crate::rows::Spreads;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use libm::{ilogb, scalbn};

/// Roundings that a stated margin may have beyond the proven one: of the product here, and of the division by the
/// length where it was made.
const ROUNDINGS: usize = 8;

/// Exponents of units are kept to this range, so that a unit and its inverse are normal numbers.
const UNITS: i32 = 1000;

/// The coordinates of the pass: `y_j = (x_j - centre_j) / 2^unit_j`.
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

/// A direction made ready for the pass over the reference. Numbers are `2^-shift` times what the file says.
pub(super) struct Test {
    /// The direction, its largest entry between 1 and 2, in the data's coordinates.
    w: Vec<f64>,
    /// The same in those of the pass.
    seen: Vec<f64>,
    shift: i32,
    query: Vec<f64>,
    /// The margin as the file states it, and what `<w, q - x_i>` must reach: `need * 2^need_exponent`.
    claimed: f64,
    need: f64,
    need_exponent: i32,
    /// The least that is ever enough: more than 0 for the hull, 0 for the cone.
    least: f64,
    /// `<w, q - centre>`; what it can be off by; and what a score can be off by for each unit of the row's length.
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
        // What underflows on the way loses at most the smallest normal number each time.
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

    /// That no row has a positive product with the direction, and the query's is at least `sine |w| |q|`: the former is
    /// left to the pass, with the origin in the place of the query.
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
        // A number that overflowed proves nothing.
        let holds = found.value - found.error >= needed.max(f64::from_bits(1));
        if !holds {
            return Err(Fault::NotAngled {
                claimed: sine,
                found: scalbn(found.value / lengths, found.exponent),
            });
        }
        Ok(Test { least: 0.0, ..test })
    }

    /// What `<w, q - x_i> / 2^exponent` must reach: for the hull never 0, also where the margin is, or is too small for
    /// f64.
    fn needed(&self, exponent: i32) -> f64 {
        scalbn(self.need, self.need_exponent - exponent).max(self.least)
    }

    /// Whether a row refutes the claim. A number that overflowed proves nothing, so every comparison is one that NaN
    /// fails.
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
            // Of a row that is proved to be on the other side it is sure that it leaves too little.
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

/// A row against a claim: `<w, q - x>`, and whether it is proved to be too little.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refuted {
    gap: f64,
    certain: bool,
}

impl Refuted {
    /// Whether this one speaks louder: proved, and by more.
    fn before(&self, other: &Refuted) -> bool {
        match (self.certain, other.certain) {
            (true, false) => true,
            (false, true) => false,
            _ => self.gap.total_cmp(&other.gap).is_lt(),
        }
    }
}

/// The row that refutes each direction most, by its place, if one does.
pub(super) type Worst = Vec<Option<(Refuted, usize)>>;

/// The directions that share a pass over the reference.
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

    /// What a chunk of rows (overwritten) says of each direction: the row that refutes it most, by its place.
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

    /// The judgement of each direction; `number` gives a row's number in the file.
    pub(super) fn judged(&self, worst: Worst, number: impl Fn(usize) -> u64) -> Vec<Judged> {
        let judge = |(test, worst): (&Test, Option<(Refuted, usize)>)| match worst {
            None => Ok(()),
            Some((refuted, row)) => Err(test.fault(number(row), refuted)),
        };
        self.tests.iter().zip(worst).map(judge).collect()
    }
}

/// Take over what the chunk of rows from `first` on says.
pub(super) fn merge(worst: &mut Worst, first: usize, part: Worst) {
    for (all, one) in worst.iter_mut().zip(part) {
        if let Some((found, row)) = one {
            keep(all, found, first + row);
        }
    }
}

/// Keep the row that refutes most, of equal ones the first.
fn keep(worst: &mut Option<(Refuted, usize)>, found: Refuted, row: usize) {
    if worst.is_none_or(|(most, _)| found.before(&most)) {
        *worst = Some((found, row));
    }
}
