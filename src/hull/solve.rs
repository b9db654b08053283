//! The loop for queries that one direction did not settle: direction, pool, scan, active set, direction.
//!
//! Each open query holds the least-norm point p of `conv(active rows) - q` ([`MinNorm`]). Its residual is the next
//! direction `-p`. Priced against the [`Pool`] it either finds rows that lower the norm, and the active set goes
//! on, or it is as good as the pool allows, and a full scan decides: separated (outside), or new rows. All open
//! queries share each pass over the pool and over the reference (method: dual column generation; the step is
//! Wolfe's, Math. Programming 11, 1976). The loop serves two goals: a verdict, in the whitened metric, and a
//! bracket of the distance, in the Euclidean one.

use super::min_norm::{MinNorm, dot};
use super::pool::{Pool, Slot};
use super::prove::{Direction, Judge, Scanned};
use super::{Certificate, Metric, Reason, Settings, Stage};
use crate::control::Control;
use crate::error::Result;
use rayon::prelude::*;

/// Slots offered to a query in d dimensions each time it is priced against the pool.
fn pooled(d: usize) -> usize {
    (d / 4).clamp(12, 32)
}

/// Rows wanted from the scan of a first direction, and the most ever wanted.
pub(super) const FIRST_K: usize = 32;
const MOST_K: usize = 512;

/// Rows wanted from the second scan on: an inside query needs up to d+1.
pub(super) fn loop_k(d: usize) -> usize {
    (d / 4).clamp(FIRST_K, 256)
}

/// A full scan is worth asking for once the pool leaves this share of the norm as separation.
const WORTH_A_SCAN: f64 = 0.5;

/// Pool rounds between two full scans: where the pool lacks the rows that matter, grinding on it is in vain.
const POOL_ROUNDS: usize = 64;

/// A query whose norm fell by less than this between two full scans asks for twice the rows.
const SLOW: f64 = 0.25;

/// What the loop is to find.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Goal {
    Verdict,
    /// A bracket of the distance to this relative gap.
    Distance(f64),
}

/// How a query left the loop.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Inside {
        rows: Vec<usize>,
        weights: Vec<f64>,
    },
    Outside {
        direction: Vec<f64>,
        margin: f64,
        exact: bool,
    },
    /// The distance is within `[lower, upper]`, the norm of p in the data's units.
    Bracketed {
        lower: f64,
        upper: f64,
    },
    Undecided(Reason),
}

/// A query in the loop.
pub(super) struct Open {
    /// Its number among the caller's queries.
    pub query: usize,
    /// Metric coordinates of the query.
    pub target: Vec<f64>,
    pub set: MinNorm,
    /// Pool slots to consider next.
    pub fresh: Vec<Slot>,
    /// Rows wanted from the next full scan.
    pub k: usize,
    /// Full scans so far, in this loop and before it.
    pub scans: u32,
    /// A reference row that does not count (leave-one-out).
    pub excluded: Option<usize>,
    /// Distances below this are excluded by a proof, in the data's units.
    pub lower: f64,
    /// f32 cannot tell any more: scan in f64.
    pub fine: bool,
    /// |p| at the last full scan.
    last: f64,
    /// p, once something is active.
    point: Vec<f64>,
    state: State,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    /// Has fresh candidates to take.
    Solving,
    /// Has a point that was not yet priced against the pool.
    Pricing,
    /// Waits for a full scan.
    Waiting,
    Done,
}

impl Open {
    /// A query with candidates to start from.
    pub fn new(query: usize, target: Vec<f64>, fresh: Vec<Slot>, k: usize) -> Self {
        let d = target.len();
        Open {
            query,
            set: MinNorm::new(d, 0.0),
            target,
            fresh,
            k,
            scans: 0,
            excluded: None,
            lower: 0.0,
            fine: false,
            last: f64::INFINITY,
            point: Vec::new(),
            state: State::Solving,
        }
    }

    /// Judge this query without a reference row.
    pub fn exclude(&mut self, row: Option<usize>, pool: &Pool) {
        self.excluded = row;
        self.fresh.retain(|&slot| Some(pool.row(slot)) != row);
    }

    fn norm(&self) -> f64 {
        dot(&self.point, &self.point).sqrt()
    }

    /// Take the fresh candidates into the active set.
    fn improve(&mut self, pool: &Pool) {
        let shifted: Vec<(Slot, Vec<f64>)> = self
            .fresh
            .drain(..)
            .map(|slot| {
                (
                    slot,
                    pool.point(slot)
                        .iter()
                        .zip(&self.target)
                        .map(|(y, q)| y - q)
                        .collect(),
                )
            })
            .collect();
        if self.set.ids().is_empty() {
            let longest = shifted.iter().map(|(_, a)| dot(a, a)).fold(0.0, f64::max);
            self.set = MinNorm::new(self.target.len(), longest.sqrt());
        }
        let candidates: Vec<_> = shifted
            .iter()
            .map(|(slot, a)| (*slot, a.as_slice()))
            .collect();
        self.set.improve(&candidates);
        self.point = self.set.point();
        self.state = State::Pricing;
    }

    /// Judge the pool's answer to the direction `-p`: go on with better slots, or wait for a full scan.
    fn weigh(&mut self, scores: &[f64], slots: &[Slot], pool: &Pool, goal: Goal) {
        let square = dot(&self.point, &self.point);
        let at_query = -dot(&self.point, &self.target);
        let level = at_query - square;
        let noise = 1e-12 * (square + square.sqrt() * dot(&self.target, &self.target).sqrt());
        let share = match goal {
            Goal::Verdict => WORTH_A_SCAN,
            Goal::Distance(gap) => 1.0 - 0.5 * gap,
        };
        let allowed = |slot: Slot| Some(pool.row(slot)) != self.excluded;
        let best = scores
            .iter()
            .zip(slots)
            .find(|(_, slot)| allowed(**slot))
            .map_or(level, |(score, _)| *score);
        if at_query - best < share * square {
            let better = scores
                .iter()
                .zip(slots)
                .filter(|(score, _)| **score > level + noise);
            self.fresh = better
                .map(|(_, &slot)| slot)
                .filter(|&s| allowed(s) && !self.set.ids().contains(&s))
                .collect();
        }
        self.state = if self.fresh.is_empty() {
            State::Waiting
        } else {
            State::Solving
        };
    }

    /// After a full scan: the rows that lower the norm, or the next step where there is none.
    fn after_scan(&mut self, scanned: &Scanned, slots: Vec<Slot>) -> Option<Outcome> {
        self.fresh = slots;
        self.fresh.retain(|slot| !self.set.ids().contains(slot));
        let norm = self.norm();
        // Rows that tie with the active ones are offered again and again, and lower nothing.
        let stuck = self.fresh.is_empty() || norm >= self.last * (1.0 - 1e-12);
        if stuck && self.fine {
            return Some(Outcome::Undecided(Reason::Rounding));
        }
        if norm > SLOW * self.last {
            self.k = (2 * self.k).min(MOST_K);
        }
        self.last = norm;
        if !self.fine && (stuck || scanned.blurred) {
            // The norm counts as new to the f64 scan, which may offer other rows.
            self.fine = true;
            self.last = f64::INFINITY;
        }
        self.state = if self.fresh.is_empty() {
            State::Waiting
        } else {
            State::Solving
        };
        None
    }
}

/// A group of open queries and what they share.
pub(super) struct Group<'s, 'a> {
    pub judge: &'s Judge<'a>,
    pub metric: &'s Metric,
    pub pool: &'s mut Pool,
    pub settings: &'s Settings,
    pub goal: Goal,
}

/// A settled query: its number, how, the stage, its support and its scans.
pub(super) struct Settled {
    pub query: usize,
    pub outcome: Outcome,
    pub stage: Stage,
    pub support: usize,
    pub scans: u32,
}

impl Group<'_, '_> {
    /// Run the loop until every query is settled. `queries` are the raw rows, in the frame, B x d.
    pub fn run(
        &mut self,
        mut open: Vec<Open>,
        queries: &Queries<'_>,
        control: &Control,
    ) -> Result<Vec<Settled>> {
        let mut settled = Vec::new();
        let mut round = 0;
        while !open.is_empty() {
            round += 1;
            control.round(round, open.len() as u64);
            self.pool_rounds(&mut open, queries, &mut settled, control)?;
            open.retain(|q| q.state != State::Done);
            self.full_round(&mut open, queries, &mut settled, control)?;
            open.retain(|q| q.state != State::Done);
        }
        Ok(settled)
    }

    /// Alternate active sets and pool until every open query is settled or waits for a full scan.
    fn pool_rounds(
        &mut self,
        open: &mut [Open],
        queries: &Queries<'_>,
        settled: &mut Vec<Settled>,
        control: &Control,
    ) -> Result<()> {
        for _ in 0..POOL_ROUNDS {
            control.check()?;
            let (pool, this) = (&*self.pool, &*self);
            let found: Vec<Option<Outcome>> = open
                .par_iter_mut()
                .map(|q| {
                    if q.state != State::Solving {
                        return Ok(None);
                    }
                    q.improve(pool);
                    this.inside(q, queries)
                })
                .collect::<Result<_>>()?;
            for (q, outcome) in open.iter_mut().zip(found) {
                self.settle(q, outcome, settled, control);
            }
            if !self.price(open, control)? {
                return Ok(());
            }
        }
        for q in open.iter_mut().filter(|q| q.state != State::Done) {
            q.fresh.clear();
            q.state = State::Waiting;
        }
        Ok(())
    }

    /// Price every new point against the pool; whether any query goes on with it.
    fn price(&self, open: &mut [Open], control: &Control) -> Result<bool> {
        let d = self.metric.dim();
        let pricing = open.iter().filter(|q| q.state == State::Pricing);
        let directions: Vec<f64> = pricing.flat_map(|q| q.point.iter().map(|v| -v)).collect();
        if directions.is_empty() {
            return Ok(false);
        }
        let (scores, slots) = self.pool.price(&directions, pooled(d), control)?;
        let k = scores.len() / (directions.len() / d);
        let answers = scores.chunks_exact(k).zip(slots.chunks_exact(k));
        let mut going = false;
        for (q, (scores, slots)) in open
            .iter_mut()
            .filter(|q| q.state == State::Pricing)
            .zip(answers)
        {
            q.weigh(scores, slots, self.pool, self.goal);
            going |= q.state == State::Solving;
        }
        Ok(going)
    }

    /// One full scan for all waiting queries, in f32 where that can decide and in f64 where not.
    fn full_round(
        &mut self,
        open: &mut [Open],
        queries: &Queries<'_>,
        settled: &mut Vec<Settled>,
        control: &Control,
    ) -> Result<()> {
        let mut waiting: Vec<&mut Open> = open.iter_mut().collect();
        let directions = self.directions(&mut waiting, queries);
        let scanned = self.judge.scan(&directions, control)?;
        let mut wanted: Vec<usize> = Vec::new();
        for q in &waiting {
            self.pool.touch(q.set.ids());
        }
        for found in &scanned {
            wanted.extend_from_slice(&found.rows);
        }
        self.pool.admit(
            &wanted,
            self.judge.rows,
            self.judge.scan.frame(),
            self.metric,
        )?;
        for (q, found) in waiting.into_iter().zip(scanned) {
            q.scans += 1;
            let outcome = self.judged(q, found);
            self.settle(q, outcome, settled, control);
        }
        Ok(())
    }

    /// The directions `-p` of the waiting queries, mapped to the frame.
    fn directions<'q>(
        &self,
        waiting: &mut [&mut Open],
        queries: &'q Queries<'_>,
    ) -> Vec<Direction<'q>> {
        let d = self.metric.dim();
        let mut all: Vec<f64> = waiting
            .iter()
            .flat_map(|q| q.point.iter().map(|v| -v))
            .collect();
        self.metric.direction(&mut all);
        let each = waiting.iter().zip(all.chunks_exact(d));
        each.map(|(q, w)| {
            let square = dot(&q.point, &q.point);
            let mut direction = Direction::new(w, queries.point(q.query), Some(square), q.k);
            direction.excluded = q.excluded;
            direction.fine = q.fine;
            direction
        })
        .collect()
    }

    /// What a full scan means for a query.
    fn judged(&self, q: &mut Open, found: Scanned) -> Option<Outcome> {
        if found.separation > 0.0 {
            let margin = self.judge.margin(&found);
            match self.goal {
                Goal::Verdict => {
                    return Some(Outcome::Outside {
                        direction: self.judge.in_data_units(&found),
                        margin,
                        exact: found.exact,
                    });
                }
                Goal::Distance(gap) => {
                    q.lower = q.lower.max(margin);
                    let upper = self.judge.length(q.norm());
                    if q.lower >= (1.0 - gap) * upper {
                        return Some(Outcome::Bracketed {
                            lower: q.lower,
                            upper,
                        });
                    }
                }
            }
        }
        if q.scans >= self.settings.max_rounds {
            return Some(self.unsettled(q, Reason::Rounds));
        }
        let slots = found
            .rows
            .iter()
            .filter_map(|&row| self.pool.slot(row))
            .collect();
        q.after_scan(&found, slots)
            .map(|_| self.unsettled(q, Reason::Rounding))
    }

    /// The end of a query that could not be settled: an honest bracket, or no verdict.
    fn unsettled(&self, q: &Open, reason: Reason) -> Outcome {
        match self.goal {
            Goal::Verdict => Outcome::Undecided(reason),
            Goal::Distance(_) => Outcome::Bracketed {
                lower: q.lower,
                upper: self.judge.length(q.norm()),
            },
        }
    }

    /// Whether the active set reaches the query: checked on the rows themselves.
    fn inside(&self, q: &mut Open, queries: &Queries<'_>) -> Result<Option<Outcome>> {
        let norm = q.norm();
        if self.goal != Goal::Verdict || norm > self.judge.near_zero(&q.target) {
            return Ok((norm == 0.0 && self.goal != Goal::Verdict)
                .then(|| self.unsettled(q, Reason::Rounding)));
        }
        for attempt in 0..3 {
            if attempt > 0 {
                q.set.polish();
                q.point = q.set.point();
            }
            let pairs = q
                .set
                .ids()
                .iter()
                .map(|&slot| self.pool.row(slot))
                .zip(q.set.weights());
            let (rows, weights): (Vec<usize>, Vec<f64>) =
                pairs.filter(|(_, weight)| *weight > 0.0).unzip();
            let total: f64 = weights.iter().sum();
            let weights: Vec<f64> = weights.iter().map(|w| w / total).collect();
            if self.judge.residual(&rows, &weights, queries.raw(q.query))? <= self.judge.tolerance {
                return Ok(Some(Outcome::Inside { rows, weights }));
            }
        }
        // A residual of exactly zero has no direction to go on with.
        Ok((q.norm() == 0.0).then_some(Outcome::Undecided(Reason::Rounding)))
    }

    fn settle(
        &mut self,
        q: &mut Open,
        outcome: Option<Outcome>,
        settled: &mut Vec<Settled>,
        control: &Control,
    ) {
        let Some(outcome) = outcome else { return };
        self.pool.touch(q.set.ids());
        let stage = match &outcome {
            Outcome::Inside { .. } if q.scans <= 1 => Stage::Pool,
            Outcome::Outside { exact: true, .. } => Stage::F64Recheck,
            Outcome::Undecided(_) => Stage::Open,
            _ => Stage::FullSolve,
        };
        let support = match &outcome {
            Outcome::Inside { rows, .. } => rows.len(),
            _ => q.set.ids().len(),
        };
        control.advance(1);
        settled.push(Settled {
            query: q.query,
            outcome,
            stage,
            support,
            scans: q.scans,
        });
        q.state = State::Done;
    }
}

/// The queries of one call: raw, and in the scan's frame.
pub(super) struct Queries<'q> {
    pub dim: usize,
    pub raw: &'q [f64],
    pub framed: &'q [f64],
}

impl Queries<'_> {
    pub fn raw(&self, query: usize) -> &[f64] {
        &self.raw[query * self.dim..(query + 1) * self.dim]
    }

    pub fn point(&self, query: usize) -> &[f64] {
        &self.framed[query * self.dim..(query + 1) * self.dim]
    }
}

impl Outcome {
    /// The certificate that goes with the outcome.
    pub fn certificate(self) -> Certificate {
        match self {
            Outcome::Inside { rows, weights } => Certificate::Inside {
                rows,
                weights,
                exact: false,
            },
            Outcome::Outside {
                direction, margin, ..
            } => Certificate::Outside { direction, margin },
            _ => Certificate::None,
        }
    }
}
