//! Hull verdicts where rows repeat: of equal reference rows the solver sees the first, and equal queries it answers once.

use crate::control::Control;
use crate::error::Result;
use crate::hull::{Answer, Certificate, Solver};
use crate::rows::Repeats;

/// A solver for the different rows of a reference.
pub(super) struct Verdicts<'r> {
    pub(super) solver: Solver<'r>,
    /// The equal rows of the reference, if there are any.
    pub(super) repeats: Option<&'r Repeats>,
    /// Columns.
    pub(super) dim: usize,
    /// How often a query is settled: with a distance asked for, twice.
    pub(super) passes: u64,
}

impl Verdicts<'_> {
    /// Answer queries (B x d). Rows in the certificates are those of the whole reference.
    pub(super) fn answer(&mut self, values: &[f64], control: &Control) -> Result<Vec<Answer>> {
        let Some(alike) = Repeats::of_values(values, self.dim, control)? else {
            return self.settle(values, None, control);
        };
        let found = self.settle(&alike.pick(values, self.dim), None, control)?;
        control.advance(self.passes * (alike.rows() - alike.distinct()) as u64);
        Ok(alike.spread(&found))
    }

    /// Verdicts, without distances, on reference rows (their indices and values), each against the hull of all others. A
    /// row that equals one of the others is in their hull, and there is no answer for it.
    pub(super) fn leave_out(
        &mut self,
        rows: &[usize],
        values: &[f64],
        control: &Control,
    ) -> Result<Vec<Option<Answer>>> {
        let places: Vec<Option<usize>> = rows.iter().map(|&row| self.single(row)).collect();
        let excluded: Vec<usize> = places.iter().copied().flatten().collect();
        let asked = places.iter().zip(values.chunks_exact(self.dim));
        let asked: Vec<&[f64]> = asked
            .filter_map(|(place, value)| place.map(|_| value))
            .collect();
        let mut found = self
            .settle(&asked.concat(), Some(&excluded), control)?
            .into_iter();
        control.advance((rows.len() - excluded.len()) as u64);
        let each = places.iter();
        Ok(each.map(|place| place.and_then(|_| found.next())).collect())
    }

    /// The place among the different rows of a reference row that equals no other.
    fn single(&self, row: usize) -> Option<usize> {
        let Some(repeats) = self.repeats else {
            return Some(row);
        };
        let place = repeats.place(row);
        (repeats.members(place).len() == 1).then_some(place)
    }

    fn settle(
        &mut self,
        values: &[f64],
        excluded: Option<&[usize]>,
        control: &Control,
    ) -> Result<Vec<Answer>> {
        let mut answers = match excluded {
            None => self.solver.answer(values, None, control)?,
            Some(_) => self.solver.verdicts(values, excluded, control)?,
        };
        if let Some(repeats) = self.repeats {
            for answer in &mut answers {
                if let Certificate::Inside { rows, .. } = &mut answer.certificate {
                    rows.iter_mut().for_each(|row| *row = repeats.first(*row));
                }
            }
        }
        Ok(answers)
    }
}
