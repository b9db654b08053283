//! Hull verdicts where rows repeat: the solver gets only the first of equal reference rows, and answers equal queries once.
//! In up to three dimensions it gets only the rows whose hull holds all rows ([`extreme`](crate::hull::extreme)).

use crate::control::Control;
use crate::error::Result;
use crate::hull::{Answer, Certificate, Solver};
use crate::rows::{Repeats, Subset};
use crate::scan::Scan;

/// Solvers for the distinct rows of a reference.
pub(super) struct Verdicts<'r> {
    /// The solver with all distinct rows.
    pub(super) solver: Solver<'r>,
    pub(super) extreme: Option<Extreme<'r>>,
    /// The groups of equal rows of the reference, if there are any.
    pub(super) repeats: Option<&'r Repeats>,
    /// The number of columns.
    pub(super) dim: usize,
    /// Whether each query is answered as if it were the only one.
    pub(super) alone: bool,
    /// How often each query is solved: twice if a distance is asked for.
    pub(super) passes: u64,
}

/// The solver with only the extreme rows.
pub(super) struct Extreme<'r> {
    solver: Solver<'r>,
    /// Their indices among the distinct rows, ascending.
    places: &'r [usize],
}

impl<'r> Extreme<'r> {
    /// A second solver beside `all`: `rows` are the extreme rows, and `scan` scans them in the frame of all rows.
    pub(super) fn new(all: &Solver<'_>, rows: &'r Subset<'r>, scan: &'r dyn Scan) -> Self {
        Extreme {
            solver: all.within(rows, scan),
            places: rows.chosen(),
        }
    }

    fn has(&self, place: usize) -> bool {
        self.places.binary_search(&place).is_ok()
    }
}

impl Verdicts<'_> {
    /// Rows in the pool of the solver that answers the queries.
    pub(super) fn pool_rows(&self) -> u64 {
        let extreme = self.extreme.as_ref();
        extreme.map_or(&self.solver, |few| &few.solver).pool_rows() as u64
    }

    /// The number of rows of the solver with only the extreme rows, if there is one.
    pub(super) fn extreme_rows(&self) -> Option<u64> {
        self.extreme.as_ref().map(|few| few.places.len() as u64)
    }

    /// Answers queries (B x d). Row indices in the certificates are those of the whole reference.
    pub(super) fn answer(&mut self, values: &[f64], control: &Control) -> Result<Vec<Answer>> {
        let Some(alike) = Repeats::of_values(values, self.dim, control)? else {
            return self.settle(values, None, control);
        };
        let found = self.settle(&alike.pick(values, self.dim), None, control)?;
        control.advance(self.passes * (alike.rows() - alike.distinct()) as u64);
        Ok(alike.spread(&found))
    }

    /// Verdicts, without distances, on reference rows (their indices and values), each against the hull of all others. A row
    /// that equals another has no answer: it is in their hull.
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

    /// The index among the distinct rows of a reference row that equals no other.
    fn single(&self, row: usize) -> Option<usize> {
        let Some(repeats) = self.repeats else {
            return Some(row);
        };
        let place = repeats.place(row);
        (repeats.count(place) == 1).then_some(place)
    }

    fn settle(
        &mut self,
        values: &[f64],
        excluded: Option<&[usize]>,
        control: &Control,
    ) -> Result<Vec<Answer>> {
        let mut answers = match (excluded, &mut self.extreme) {
            (None, None) => self.solver.answer_queries(values, self.alone, control)?,
            (None, Some(few)) => {
                let answers = few.solver.answer_queries(values, self.alone, control)?;
                among(answers, |row| few.places[row])
            }
            (Some(rows), None) => self
                .solver
                .answer_others(values, rows, self.alone, control)?,
            (Some(rows), Some(_)) => self.without(rows, values, control)?,
        };
        if let Some(repeats) = self.repeats {
            answers = among(answers, |row| repeats.first(row));
        }
        Ok(answers)
    }

    /// Judges distinct rows (by their indices), each against the others: only leaving out an extreme row changes the hull.
    fn without(
        &mut self,
        rows: &[usize],
        values: &[f64],
        control: &Control,
    ) -> Result<Vec<Answer>> {
        let Some(few) = &mut self.extreme else {
            return self.solver.verdicts(values, Some(rows), control);
        };
        let pick = |some: &[usize]| -> Vec<f64> {
            let each = some
                .iter()
                .map(|&query| &values[query * self.dim..][..self.dim]);
            each.collect::<Vec<_>>().concat()
        };
        let (outer, inner): (Vec<usize>, Vec<usize>) =
            (0..rows.len()).partition(|&query| few.has(rows[query]));
        let found = match self.alone {
            true => few.solver.answer_alone(&pick(&inner), control)?,
            false => few.solver.verdicts(&pick(&inner), None, control)?,
        };
        let found = among(found, |row| few.places[row]);
        let excluded: Vec<usize> = outer.iter().map(|&query| rows[query]).collect();
        let outer_values = pick(&outer);
        let others = self
            .solver
            .answer_others(&outer_values, &excluded, self.alone, control)?;
        let mut answers: Vec<(usize, Answer)> = inner.into_iter().zip(found).collect();
        answers.extend(outer.into_iter().zip(others));
        answers.sort_unstable_by_key(|(query, _)| *query);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }
}

/// Answers whose certificates have their row indices replaced by `number`.
fn among(mut answers: Vec<Answer>, number: impl Fn(usize) -> usize) -> Vec<Answer> {
    for answer in &mut answers {
        if let Certificate::Inside { rows, .. } = &mut answer.certificate {
            rows.iter_mut().for_each(|row| *row = number(*row));
        }
        if let Some(nearest) = &mut answer.nearest {
            let rows = nearest.rows.iter_mut();
            rows.for_each(|row| *row = number(*row));
        }
    }
    answers
}
