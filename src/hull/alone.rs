//! Answers that depend on nothing but the query and the reference: not on other queries, and not on how queries are split
//! into calls.
//!
//! Queries that are answered together share a pool of rows, so the rows that a query is compared with depend on the
//! other queries, and so do the last digits of its margin and the rows of its certificate. Here each query has its own
//! pool. Only the first directions are scanned together: they depend on the query alone, and the score of a direction
//! does not depend on what else is scanned.

use super::pool::Pool;
use super::solve::{Goal, Open, Queries, Settled, loop_k};
use super::warm::{Given, ends};
use super::{Answer, Solver};
use crate::control::Control;
use crate::error::Result;
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

impl Solver<'_> {
    /// Answer queries (B x d, raw values), in order. No answer depends on the other queries.
    ///
    /// Errors: as [`Solver::answer`].
    pub fn answer_alone(&mut self, raw: &[f64], control: &Control) -> Result<Vec<Answer>> {
        let dim = self.metric.dim();
        let framed = self.framed(raw);
        let queries = self.queries(raw, &framed);
        let count = raw.len() / dim;
        let mut settled: Vec<Settled> = Vec::new();
        let off: Vec<Option<Settled>> = (0..count)
            .into_par_iter()
            .map(|query| self.off_affine_hull(query, &queries))
            .collect();
        let left: Vec<usize> = (0..count).filter(|&query| off[query].is_none()).collect();
        settled.extend(off.into_iter().flatten());
        control.advance((count - left.len()) as u64);
        for group in left.chunks(self.group_size()) {
            for open in self.first_alone(group, &queries, &mut settled, control)? {
                settled.extend(self.run_alone(open, &queries, control)?);
            }
        }
        self.pool = Pool::new(dim);
        settled.sort_unstable_by_key(|done| done.query);
        assert_eq!(settled.len(), count, "every query is settled once");
        let starts = ends(&mut settled);
        let mut answers = self.answers(settled, &queries)?;
        if let Some(gap) = self.settings.gap {
            for (query, answer) in answers.iter_mut().enumerate() {
                self.euclidean_pool = Pool::new(dim);
                let place = query * dim..(query + 1) * dim;
                let one = self.queries(&raw[place.clone()], &framed[place]);
                let given = Given {
                    excluded: None,
                    starts: std::slice::from_ref(&starts[query]),
                };
                self.bracket(std::slice::from_mut(answer), gap, &one, given, control)?;
            }
            self.euclidean_pool = Pool::new(dim);
        }
        Ok(answers)
    }

    /// Verdicts on reference rows (`raw`, their values), each against the hull of all other rows; `excluded` are the
    /// rows' indices. No verdict depends on the other rows that are asked about.
    ///
    /// Errors: as [`Solver::answer`].
    pub fn others_alone(
        &mut self,
        raw: &[f64],
        excluded: &[usize],
        control: &Control,
    ) -> Result<Vec<Answer>> {
        let dim = self.metric.dim();
        let mut answers = Vec::with_capacity(excluded.len());
        for (row, one) in excluded.iter().zip(raw.chunks_exact(dim)) {
            self.pool = Pool::new(dim);
            answers.extend(self.verdicts(one, Some(std::slice::from_ref(row)), control)?);
        }
        self.pool = Pool::new(dim);
        Ok(answers)
    }

    /// Answers queries, `alone` or not: [`Solver::answer_alone`] or [`Solver::answer`].
    ///
    /// Errors: as [`Solver::answer`].
    pub fn answer_queries(
        &mut self,
        raw: &[f64],
        alone: bool,
        control: &Control,
    ) -> Result<Vec<Answer>> {
        match alone {
            true => self.answer_alone(raw, control),
            false => self.answer(raw, None, control),
        }
    }

    /// Verdicts on reference rows, `alone` or not, each against the hull of the others: [`Solver::others_alone`] or
    /// [`Solver::verdicts`].
    ///
    /// Errors: as [`Solver::answer`].
    pub fn answer_others(
        &mut self,
        raw: &[f64],
        excluded: &[usize],
        alone: bool,
        control: &Control,
    ) -> Result<Vec<Answer>> {
        match alone {
            true => self.others_alone(raw, excluded, control),
            false => self.verdicts(raw, Some(excluded), control),
        }
    }

    /// Scan the first direction of each query of a group. Returns the queries that are still open, each with the rows
    /// that its scan found.
    fn first_alone(
        &mut self,
        group: &[usize],
        queries: &Queries<'_>,
        settled: &mut Vec<Settled>,
        control: &Control,
    ) -> Result<Vec<(Open, Vec<usize>)>> {
        let dim = queries.dim;
        let mut targets = queries.points(group);
        // One target at a time: a triangular solve of many columns may round a column differently than a solve of that
        // column alone.
        match group.len() {
            1 => {
                let done = AtomicBool::new(false);
                let whiten = || {
                    self.metric.whiten(&mut targets);
                    done.store(true, Relaxed);
                };
                rayon::join(whiten, || self.metric.read_through(&done));
            }
            _ => {
                let each = targets.par_chunks_exact_mut(dim);
                each.for_each(|target| self.metric.whiten(target));
            }
        }
        let mut vectors = targets.clone();
        let each = vectors.par_chunks_exact_mut(dim);
        each.for_each(|vector| self.metric.direction(vector));
        let scanning = group.iter().copied().zip(targets.chunks_exact(dim));
        let scanning: Vec<(usize, &[f64])> = scanning.collect();
        self.pool = Pool::new(dim);
        let mut open = Vec::new();
        self.scan_first(
            (&scanning, &vectors),
            queries,
            Given::default(),
            &mut open,
            settled,
            control,
        )?;
        let with_rows = |open: Open| {
            let met = open.fresh.iter().map(|&slot| self.pool.row(slot));
            let rows = met.collect();
            (open, rows)
        };
        Ok(open.into_iter().map(with_rows).collect())
    }

    /// Settle one query with its own pool, which starts with the rows that its first scan found.
    fn run_alone(
        &mut self,
        (first, rows): (Open, Vec<usize>),
        queries: &Queries<'_>,
        control: &Control,
    ) -> Result<Vec<Settled>> {
        let dim = queries.dim;
        self.pool = Pool::new(dim);
        let frame = self.judge.scan.frame();
        self.pool
            .admit(&rows, self.judge.rows, frame, &self.metric)?;
        let slots = (0..rows.len()).collect();
        let mut open = Open::new(first.query, first.target, slots, loop_k(dim, 1));
        open.scans = first.scans;
        self.group(Goal::Verdict).run(vec![open], queries, control)
    }
}
