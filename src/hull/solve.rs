//! The loop for queries that one direction did not settle: direction, pool, scan, active set, direction.
//!
//! Each open query holds the least-norm point p of `conv(active rows) - q` ([`MinNorm`]). The next direction is `-p`.
//! It is priced against the [`Pool`]: if pooled rows lower the norm, they enter the active set. If none does, a full
//! scan decides: separated (outside), or new rows. All open queries share each pass over the pool and over the
//! reference (method: dual column generation; the step is Wolfe's, Math. Programming 11, 1976). The loop serves two
//! goals: a verdict, in the whitened metric, and a bracket of the distance, in the Euclidean metric. A query too close
//! to the boundary for this arithmetic ends in [`Finish`]. Near the boundary the constraints of a query may be soft at first
//! ([`Soft`]): its points are then scanned at once.

use super::certificate::residual;
use super::finish::{Finish, Proved, Step, proved};
use super::min_norm::{MinNorm, dot, median_length};
use super::pool::{Pool, Slot};
use super::prove::{Direction, Judge, Scanned};
use super::soften::{self, Soft};
use super::{Bracket, Certificate, Metric, Nearest, Reason, Settings, SolverStage};
use crate::control::Control;
use crate::error::Result;
use rayon::prelude::*;

/// Slots offered to a query in d dimensions each time it is priced against the pool.
pub(super) fn pooled(d: usize) -> usize {
    (d / 4).clamp(12, 32)
}

/// Rows wanted from the scan of a first direction, and the most ever wanted.
pub(super) const FIRST_K: usize = 32;
const MOST_K: usize = 512;

/// Of the rows of a first direction only the best, and those whose separation is at most this share of the query's own product:
/// where the best one separates the query, no other is needed, and else rows that lie lower do not help. Eight bits then
/// exclude most rows at once.
pub(super) const FIRST_WITHIN: f64 = 0.5;

/// Rows wanted from a scan for a distance. A point that is near enough to the nearest one has few active rows: about 30 for a
/// gap of 5 % among 60,000 images of 784 pixels.
pub(super) const DISTANCE_K: usize = 32;

/// For a distance, a row that shortens |p| is needed if it lies this share of the gap nearer to the query than the point p.
const DISTANCE_STEP: f64 = 0.25;

/// Rows wanted from the second scan on: an inside query needs up to d+1. Among 60,000 Gaussian rows in 128 dimensions,
/// queries near the boundary need 3 and 6 scans (inside, outside) with d rows a scan, and 5 and 8 with d / 4.
///
/// All rows join the pool, with which every open query is then compared: if many queries are open `together`, each wants d / 4.
pub(super) fn loop_k(d: usize, together: usize) -> usize {
    let share = if together * d <= MANY { 1 } else { 4 };
    (d / share).clamp(FIRST_K, 256)
}

/// The most rows from one scan of all open queries, where each wants d.
const MANY: usize = 1 << 16;

/// A full scan pays once the separation from the pooled rows is at least this share of the norm.
const WORTH_A_SCAN: f64 = 0.5;

/// Pool rounds between two full scans. Where the pool lacks the rows that matter, more rounds do not help.
const POOL_ROUNDS: usize = 64;

/// A query asks for twice as many rows if a full scan left its norm above this share of the norm at the scan before;
/// for more than twice [`loop_k`] only above the second share, because all queries of a scan get as many rows as one.
const SLOW: f64 = 0.25;
const STUCK: f64 = 0.9;

/// Scans for a distance without a verdict that may fail to separate the query. Of 10,000 images of Fashion-MNIST in 64, 32 and 16
/// dimensions, 3 take 0.83, 0.87 and 0.93 of the processor time of 1, and 6 as much as 3.
const DOUBTS: u32 = 3;

/// What the loop computes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Goal {
    Verdict,
    /// A bracket of the distance to this relative gap.
    Distance(f64),
    /// The distance bracket of a query without a verdict: a query that [`DOUBTS`] scans do not separate leaves the loop.
    Both(f64),
}

/// A direction that separates a query, in the data's units.
#[derive(Debug, Clone)]
pub(super) struct Separated {
    pub direction: Vec<f64>,
    pub margin: f64,
    pub exact: bool,
}

/// How a query left the loop.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Inside {
        rows: Vec<usize>,
        weights: Vec<f64>,
        /// Proved by verified arithmetic; otherwise within the tolerance.
        exact: bool,
    },
    Outside {
        direction: Vec<f64>,
        margin: f64,
        exact: bool,
    },
    /// The distance, in the data's units, and the point that gives its upper end; with the best direction if the query
    /// had no verdict before.
    Bracketed {
        bracket: Bracket,
        nearest: Nearest,
        separated: Option<Box<Separated>>,
    },
    /// The distance was sought before the verdict, and no direction separates the query so far.
    NotSeparated,
    Undecided(Reason),
}

/// A query in the loop.
pub(super) struct Open {
    /// Its index among the caller's queries.
    pub query: usize,
    /// Metric coordinates of the query.
    pub target: Vec<f64>,
    pub set: MinNorm,
    /// The problem with soft constraints, before the active set starts.
    soft: Option<Box<Soft>>,
    /// Pool slots to consider next.
    pub fresh: Vec<Slot>,
    /// Convex weights of the fresh slots, if another search ended with them.
    weights: Vec<f64>,
    /// How many rows the next full scan should return.
    pub k: usize,
    /// Full scans so far, in this loop and, unless another search ended with the rows to start from, before.
    pub scans: u32,
    /// A reference row that this query leaves out (leave-one-out).
    pub excluded: Option<usize>,
    /// A direction that separates by less than the rounding of a plain scan.
    faint: Option<Scanned>,
    /// A proved lower bound of the distance, in the data's units.
    pub lower: f64,
    /// The best direction so far, unless only the distance is sought.
    separated: Option<Box<Separated>>,
    /// Scans in this loop after which no direction separated the query.
    doubts: u32,
    /// Scan in f64, because f32 is too coarse for this query.
    pub fine: bool,
    /// The last step, for a query that f64 in this metric cannot settle; and the direction that it wants scanned.
    finish: Option<Box<Finish>>,
    sharp: Vec<f64>,
    /// |p| at the last full scan.
    last: f64,
    /// The point p, if any row is active.
    point: Vec<f64>,
    state: State,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    /// Has candidates that were not offered to the active set yet.
    Solving,
    /// Has a point that was not priced against the pool yet.
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
            soft: None,
            target,
            fresh,
            weights: Vec::new(),
            k,
            scans: 0,
            excluded: None,
            lower: 0.0,
            separated: None,
            doubts: 0,
            fine: false,
            finish: None,
            sharp: Vec::new(),
            faint: None,
            last: f64::INFINITY,
            point: Vec::new(),
            state: State::Solving,
        }
    }

    /// The same from the point with which another search ended: its rows and their convex weights.
    pub fn warm(
        query: usize,
        target: Vec<f64>,
        (fresh, weights): (Vec<Slot>, Vec<f64>),
        k: usize,
    ) -> Self {
        Open {
            weights,
            ..Open::new(query, target, fresh, k)
        }
    }

    /// Leave a reference row out for this query.
    pub fn exclude(&mut self, row: Option<usize>, pool: &Pool) {
        self.excluded = row;
        self.fresh.retain(|&slot| Some(pool.row(slot)) != row);
    }

    fn norm(&self) -> f64 {
        dot(&self.point, &self.point).sqrt()
    }

    /// Start with soft constraints, and with so many rows from the first scan.
    pub fn soften(&mut self, wanted: usize) {
        self.soft = Some(Box::new(Soft::new(wanted)));
    }

    /// The outcome if a direction separates the query.
    fn outside(&mut self) -> Option<Outcome> {
        self.separated.take().map(|separated| Outcome::Outside {
            direction: separated.direction,
            margin: separated.margin,
            exact: separated.exact,
        })
    }

    /// Drop the active set; its rows become candidates again.
    fn fold(&mut self) {
        let fresh = std::mem::take(&mut self.fresh);
        self.fresh = self.set.ids().iter().copied().chain(fresh).collect();
        self.set = MinNorm::new(self.target.len(), 0.0);
        self.state = State::Solving;
    }

    /// Solve with soft constraints, or offer the fresh candidates to the active set.
    fn improve(&mut self, pool: &Pool) {
        let Some(soft) = &mut self.soft else {
            return self.offer(pool);
        };
        let fresh = std::mem::take(&mut self.fresh);
        match soft.step(&fresh, &self.target, pool) {
            soften::Step::Scan(point) => {
                self.point = point;
                self.state = State::Waiting;
            }
            soften::Step::Hard(set) => {
                self.point = set.point();
                self.set = *set;
                self.soft = None;
                self.state = State::Pricing;
            }
        }
    }

    /// Offer the fresh candidates to the active set.
    fn offer(&mut self, pool: &Pool) {
        let slots = std::mem::take(&mut self.fresh);
        let shifted = pool.relative(&slots, &self.target);
        let vectors = shifted.chunks_exact(self.target.len());
        if self.set.ids().is_empty() {
            let length = median_length(vectors.clone().map(|a| dot(a, a)));
            self.set = MinNorm::new(self.target.len(), length);
        }
        let candidates: Vec<_> = slots.into_iter().zip(vectors).collect();
        match std::mem::take(&mut self.weights) {
            weights if weights.len() == candidates.len() => self.set.start(&candidates, &weights),
            _ => self.set.improve(&candidates),
        }
        self.point = self.set.point();
        self.state = State::Pricing;
    }

    /// The score of the active rows for the direction `-p`: rows above it lower the norm.
    fn level(&self) -> f64 {
        -dot(&self.point, &self.target) - dot(&self.point, &self.point)
    }

    /// Evaluate the prices of the pool for the direction `-p`: continue with better slots, or wait for a full scan. If
    /// no slot of the prices is better but another one may be, the state stays, so that the pool is priced again in f64;
    /// unless these prices are `fine`.
    fn weigh(
        &mut self,
        (scores, slots, beyond): (&[f64], &[Slot], f64),
        fine: bool,
        pool: &Pool,
        goal: Goal,
    ) {
        let square = dot(&self.point, &self.point);
        let at_query = -dot(&self.point, &self.target);
        let level = self.level();
        let noise = 1e-12 * (square + square.sqrt() * dot(&self.target, &self.target).sqrt());
        let share = match goal {
            Goal::Verdict => WORTH_A_SCAN,
            Goal::Distance(gap) | Goal::Both(gap) => 1.0 - 0.5 * gap,
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
            if self.fresh.is_empty() && beyond > level + noise && !fine {
                return;
            }
        }
        self.state = if self.fresh.is_empty() {
            State::Waiting
        } else {
            State::Solving
        };
    }

    /// After a full scan: set up the next step, with the rows that lower the norm or with a scan in f64. False if
    /// neither is left. The next scan may ask for more rows if the list `grows`.
    fn after_scan(&mut self, scanned: &Scanned, slots: Vec<Slot>, grows: bool) -> bool {
        self.fresh = slots;
        self.fresh.retain(|slot| !self.set.ids().contains(slot));
        let norm = self.norm();
        // Rows that tie with the active ones are returned again and again and do not lower the norm.
        let stuck = self.fresh.is_empty() || norm >= self.last * (1.0 - 1e-12);
        if stuck && self.fine {
            return false;
        }
        if grows && norm > SLOW * self.last {
            let most = match norm > STUCK * self.last {
                true => MOST_K,
                false => (2 * loop_k(self.target.len(), 1)).min(MOST_K),
            };
            self.k = (2 * self.k).min(most).max(self.k);
        }
        self.last = norm;
        if !self.fine && (stuck || scanned.blurred) {
            // Forget the norm: the f64 scan may return other rows for the same point.
            self.fine = true;
            self.last = f64::INFINITY;
        }
        self.state = if self.fresh.is_empty() {
            State::Waiting
        } else {
            State::Solving
        };
        true
    }
}

/// The outcome of an exact proof.
fn inside(rows: Vec<usize>, weights: Vec<f64>) -> Outcome {
    Outcome::Inside {
        rows,
        weights,
        exact: true,
    }
}

/// A group of open queries and what they share.
pub(super) struct Group<'s, 'a> {
    pub judge: &'s Judge<'a>,
    pub metric: &'s Metric,
    pub pool: &'s mut Pool,
    pub settings: &'s Settings,
    pub goal: Goal,
    /// The most bytes of active sets at a time.
    pub budget: usize,
}

/// A settled query.
pub(super) struct Settled {
    pub query: usize,
    pub outcome: Outcome,
    pub stage: SolverStage,
    pub support: usize,
    pub scans: u32,
    /// The point of the hull with which the search ended, if distances are asked for and the query is outside or not separated.
    pub nearest: Nearest,
}

impl Group<'_, '_> {
    /// Run the loop until every query is settled. `queries` are the raw rows and the rows in the frame, each B x d.
    pub fn run(
        &mut self,
        mut open: Vec<Open>,
        queries: &Queries<'_>,
        control: &Control,
    ) -> Result<Vec<Settled>> {
        let mut settled = Vec::new();
        let mut aside = Vec::new();
        let (mut round, mut together) = (0, open.len());
        while !open.is_empty() {
            round += 1;
            control.round(round, (open.len() + aside.len()) as u64);
            let fitted = self.pool_rounds(&mut open, &mut aside, queries, &mut settled, control)?;
            together = fitted.unwrap_or(together);
            self.full_round(&mut open, queries, &mut settled, control)?;
            open.retain(|q| q.state != State::Done);
            if open.is_empty() {
                open = aside.split_off(aside.len().saturating_sub(together));
            }
        }
        Ok(settled)
    }

    /// Move queries aside, to be continued when the others are settled, where active sets exceed the budget. The first query
    /// stays, and so do those in a soft problem or in their last step. Returns how many stay, if any goes.
    fn set_aside(&self, open: &mut Vec<Open>, aside: &mut Vec<Open>) -> Option<usize> {
        let (mut bytes, before) = (0, aside.len());
        let over = open.extract_if(1.min(open.len()).., |q| {
            bytes += q.set.bytes();
            bytes > self.budget && q.finish.is_none() && q.soft.is_none()
        });
        aside.extend(over.map(|mut q| {
            q.fold();
            q
        }));
        (aside.len() > before).then_some(open.len())
    }

    /// Alternate active sets and pool until every open query is settled or waits for a full scan. Returns how many
    /// stayed when queries were set aside, if any were.
    fn pool_rounds(
        &mut self,
        open: &mut Vec<Open>,
        aside: &mut Vec<Open>,
        queries: &Queries<'_>,
        settled: &mut Vec<Settled>,
        control: &Control,
    ) -> Result<Option<usize>> {
        let mut fitted = None;
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
                    this.reached(q, queries)
                })
                .collect::<Result<_>>()?;
            self.settle_all(open.iter_mut().zip(found), settled, control);
            open.retain(|q| q.state != State::Done);
            fitted = self.set_aside(open, aside).or(fitted);
            if !self.price(open, control)? {
                return Ok(fitted);
            }
        }
        for q in open {
            q.fresh.clear();
            q.state = State::Waiting;
        }
        Ok(fitted)
    }

    /// Price every new point against the pool in f32, and in f64 where f32 leaves open whether a row is better. Returns
    /// whether any query has new candidates.
    fn price(&self, open: &mut [Open], control: &Control) -> Result<bool> {
        for fine in [false, true] {
            let pricing = open.iter().filter(|q| q.state == State::Pricing);
            let pricing: Vec<&Open> = pricing.collect();
            if pricing.is_empty() {
                break;
            }
            let d = self.metric.dim();
            let mut directions = vec![0.0; pricing.len() * d];
            let each = directions.par_chunks_exact_mut(d).zip(&pricing);
            let levels = each.map(|(direction, q)| {
                let opposite = direction.iter_mut().zip(&q.point);
                opposite.for_each(|(out, v)| *out = -v);
                q.level()
            });
            let levels: Vec<f64> = levels.collect();
            let asked = (pooled(d), Some(levels.as_slice()));
            let prices = self.pool.price(&directions, asked, fine, control)?;
            let pricing = open.iter_mut().filter(|q| q.state == State::Pricing);
            for (b, q) in pricing.enumerate() {
                // If the pool is empty, because a scan could not rank any row, the lists are empty and the query waits
                // for a scan.
                q.weigh(prices.of(b), fine, self.pool, self.goal);
            }
        }
        Ok(open.iter().any(|q| q.state == State::Solving))
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
        let active: Vec<Slot> = waiting.iter().flat_map(|q| q.set.ids()).copied().collect();
        match self.goal {
            Goal::Verdict => self.pool.touch(&active),
            // They are listed when the query is settled: until then, prices of so many more take longer than they save.
            _ => self.pool.keep(&active),
        }
        let mut own: Vec<usize> = Vec::new();
        for (q, found) in waiting.iter().zip(&scanned) {
            // Rows for a soft problem stay unlisted until an active set uses them, those for a distance until a query that used
            // them is settled: prices of so many would cost more than a scan in eight bits.
            match q.soft.is_some() || self.goal != Goal::Verdict {
                true => own.extend_from_slice(&found.rows),
                false => wanted.extend_from_slice(&found.rows),
            }
        }
        let (rows, frame) = (self.judge.rows, self.judge.scan.frame());
        self.pool.admit(&wanted, rows, frame, self.metric)?;
        self.pool.admit_unlisted(&own, rows, frame, self.metric)?;
        let this = &*self;
        let outcomes: Vec<Option<Outcome>> = waiting
            .par_iter_mut()
            .zip(scanned)
            .zip(&directions)
            .map(|((q, found), direction)| {
                q.scans += 1;
                let promise = direction.promise.unwrap_or(f64::INFINITY);
                this.judged(q, found, promise, queries)
            })
            .collect::<Result<_>>()?;
        self.settle_all(waiting.into_iter().zip(outcomes), settled, control);
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
            let mut direction = if q.finish.is_some() {
                let scale = &self.judge.scan.frame().scale;
                let framed: Vec<f64> = q.sharp.iter().zip(scale).map(|(w, s)| w / s).collect();
                Direction::sharp(&framed, queries.both(q.query), q.k)
            } else {
                let square = match &q.soft {
                    Some(soft) => soft.level,
                    None => dot(&q.point, &q.point),
                };
                Direction::new(w, queries.both(q.query), Some(square), q.k)
            };
            if let Some(soft) = &q.soft {
                direction.k = soft.wanted;
            }
            direction.excluded = q.excluded;
            direction.within = Some(self.within());
            direction.fine |= q.fine;
            direction
        })
        .collect()
    }

    /// Which rows of a scan are needed, beside the best: those that shorten |p|, for a distance those that shorten it by enough.
    fn within(&self) -> f64 {
        match self.goal {
            Goal::Verdict => 1.0,
            Goal::Distance(gap) | Goal::Both(gap) => 1.0 - DISTANCE_STEP * gap,
        }
    }

    /// Apply the result of a full scan, of a direction with this [`Direction::promise`], to a query; returns its outcome if it
    /// is settled.
    fn judged(
        &self,
        q: &mut Open,
        found: Scanned,
        promise: f64,
        queries: &Queries<'_>,
    ) -> Result<Option<Outcome>> {
        if found.separation > 0.0 {
            let margin = self.judge.margin(&found);
            match self.goal {
                Goal::Verdict => {
                    self.note(q, &found, margin);
                    if !self.is_weak(q, &found, promise) {
                        return Ok(q.outside());
                    }
                }
                Goal::Distance(gap) | Goal::Both(gap) => {
                    self.note(q, &found, margin);
                    if let Some(bracketed) = self.reached_gap(q, gap, queries)? {
                        return Ok(Some(bracketed));
                    }
                }
            }
        }
        if self.in_doubt(q) {
            q.doubts += 1;
            if q.doubts == DOUBTS {
                return Ok(Some(Outcome::NotSeparated));
            }
        }
        if q.soft.is_none()
            && self.goal == Goal::Verdict
            && let Some(outside) = q.outside()
        {
            return Ok(Some(outside));
        }
        if found.faint > 0.0 {
            q.faint = Some(found.clone());
        }
        if q.scans >= self.settings.max_rounds {
            return self.unsettled(q, Reason::Rounds, queries).map(Some);
        }
        if let Some(finish) = &mut q.finish {
            let any = finish.admit(&found.rows, self.judge.rows)?;
            return if any && !finish.suffices(self.judge.tolerance) {
                self.finish(q, queries)
            } else {
                self.unsettled(q, Reason::Rounding, queries).map(Some)
            };
        }
        let slots = found
            .rows
            .iter()
            .filter_map(|&row| self.pool.slot(row))
            .collect();
        if let Some(soft) = &mut q.soft {
            q.fresh = soft.after_scan(&found, slots);
            q.state = State::Solving;
            return Ok(None);
        }
        if q.after_scan(&found, slots, self.goal == Goal::Verdict) {
            return Ok(None);
        }
        if self.in_doubt(q) {
            return Ok(Some(Outcome::NotSeparated));
        }
        self.begin_finish(q, queries)
    }

    /// Whether a soft direction separates a query by so little that a hard one may give much more margin; the next step is then
    /// the last soft one.
    fn is_weak(&self, q: &mut Open, found: &Scanned, promise: f64) -> bool {
        let last = q.scans >= self.settings.max_rounds;
        let weak = found.separation < soften::ENOUGH * promise && !last;
        match &mut q.soft {
            Some(soft) if weak => {
                soft.end();
                true
            }
            _ => false,
        }
    }

    /// Raise the lower bound of the distance by a separating direction, and keep the best direction unless the verdict is
    /// known.
    fn note(&self, q: &mut Open, found: &Scanned, margin: f64) {
        let first = q.separated.is_none();
        if !matches!(self.goal, Goal::Distance(_)) && (first || margin > q.lower) {
            q.separated = Some(Box::new(Separated {
                direction: self.judge.in_data_units(found),
                margin,
                exact: found.exact,
            }));
        }
        q.lower = q.lower.max(margin);
    }

    /// Whether the verdict is sought together with the distance and no direction separates the query so far.
    fn in_doubt(&self, q: &Open) -> bool {
        matches!(self.goal, Goal::Both(_)) && q.separated.is_none()
    }

    /// The bracket of the distance, if it is as narrow as requested.
    fn reached_gap(
        &self,
        q: &mut Open,
        gap: f64,
        queries: &Queries<'_>,
    ) -> Result<Option<Outcome>> {
        let enough = |upper: f64| q.lower >= (1.0 - gap) * upper;
        // First a cheap test: the norm in the metric is accurate to a few digits.
        if q.finish.is_none() && !enough(self.judge.length(q.norm()) * (1.0 - 1e-6)) {
            return Ok(None);
        }
        let (upper, nearest) = self.upper(q, queries)?;
        if !enough(upper) {
            return Ok(None);
        }
        let lower = q.lower;
        Ok(Some(Outcome::Bracketed {
            bracket: Bracket { lower, upper },
            nearest,
            separated: q.separated.take(),
        }))
    }

    /// A proven upper bound on the distance to the hull, with the convex combination that gives it: the best one known.
    fn upper(&self, q: &Open, queries: &Queries<'_>) -> Result<(f64, Nearest)> {
        let raw = queries.raw(q.query);
        let mut best = (f64::INFINITY, Nearest::default());
        let (rows, weights) = self.combined(q);
        let finished = q.finish.as_ref().and_then(|finish| finish.best());
        let finished = finished.map(|best| (best.rows.clone(), best.weights.clone()));
        for (rows, weights) in [(rows, weights)].into_iter().chain(finished) {
            if rows.is_empty() {
                continue;
            }
            let mut points = vec![0.0; rows.len() * raw.len()];
            self.judge.rows.gather(&rows, &mut points)?;
            let length = residual(&points, &weights, raw).length;
            if length < best.0 {
                best = (length, Nearest { rows, weights });
            }
        }
        Ok(best)
    }

    /// The reference rows of the active set that have weight, and their weights, which sum to 1.
    fn combined(&self, q: &Open) -> (Vec<usize>, Vec<f64>) {
        let rows = q.set.ids().iter().map(|&slot| self.pool.row(slot));
        let pairs = rows.zip(q.set.weights());
        let (rows, weights): (Vec<usize>, Vec<f64>) =
            pairs.filter(|(_, weight)| *weight > 0.0).unzip();
        let total: f64 = weights.iter().sum();
        (rows, weights.iter().map(|w| w / total).collect())
    }

    /// The outcome of a query that no proof settles: inside within the tolerance, a bracket wider than requested, or undecided.
    fn unsettled(&self, q: &mut Open, reason: Reason, queries: &Queries<'_>) -> Result<Outcome> {
        if self.in_doubt(q) {
            return Ok(Outcome::NotSeparated);
        }
        if self.goal != Goal::Verdict {
            let (upper, nearest) = self.upper(q, queries)?;
            let lower = q.lower;
            return Ok(Outcome::Bracketed {
                bracket: Bracket { lower, upper },
                nearest,
                separated: q.separated.take(),
            });
        }
        // A scan along the residual has failed to separate each query that comes here, up to rounding.
        let best = q.finish.as_ref().and_then(|finish| finish.best());
        if let Some(best) = best.filter(|best| best.share <= self.judge.tolerance) {
            return Ok(Outcome::Inside {
                rows: best.rows.clone(),
                weights: best.weights.clone(),
                exact: false,
            });
        }
        let Some(found) = &q.faint else {
            return Ok(Outcome::Undecided(reason));
        };
        let found = Scanned {
            separation: found.faint,
            ..found.clone()
        };
        Ok(Outcome::Outside {
            margin: self.judge.margin(&found),
            direction: self.judge.in_data_units(&found),
            exact: true,
        })
    }

    /// If the active set reaches the query up to rounding: the exact proof, or else the start of the last step.
    fn reached(&self, q: &mut Open, queries: &Queries<'_>) -> Result<Option<Outcome>> {
        let norm = q.norm();
        if q.soft.is_some() {
            return Ok(None);
        }
        if self.goal == Goal::Verdict && q.separated.is_some() {
            let near = norm <= self.judge.near_zero(&q.target);
            return Ok(if near { q.outside() } else { None });
        }
        if self.in_doubt(q) {
            let close = norm <= self.judge.near_zero(&q.target);
            return Ok(close.then_some(Outcome::NotSeparated));
        }
        if self.goal != Goal::Verdict {
            return if norm == 0.0 {
                self.begin_finish(q, queries)
            } else {
                Ok(None)
            };
        }
        if norm > self.judge.near_zero(&q.target) {
            return Ok(None);
        }
        let (rows, _) = self.combined(q);
        let raw = queries.raw(q.query);
        let mut points = vec![0.0; rows.len() * raw.len()];
        self.judge.rows.gather(&rows, &mut points)?;
        if let Ok(Proved { places, weights }) = proved(points, raw) {
            let rows = places.iter().map(|&place| rows[place]).collect();
            return Ok(Some(inside(rows, weights)));
        }
        self.begin_finish(q, queries)
    }

    /// Move a query to its last step.
    fn begin_finish(&self, q: &mut Open, queries: &Queries<'_>) -> Result<Option<Outcome>> {
        let frame = self.judge.scan.frame();
        let mut finish = match self.goal {
            Goal::Verdict => Finish::new(queries.raw(q.query), &frame.unit),
            Goal::Distance(_) | Goal::Both(_) => {
                let unit = vec![1.0 / frame.euclid; queries.dim];
                Finish::new(queries.raw(q.query), &unit)
            }
        };
        let active = q.set.ids().iter().chain(&q.fresh);
        let rows: Vec<usize> = active.map(|&slot| self.pool.row(slot)).collect();
        finish.admit(&rows, self.judge.rows)?;
        finish.start(&q.set.weights());
        q.finish = Some(Box::new(finish));
        q.fine = true;
        self.finish(q, queries)
    }

    /// One step of [`Finish`]: settles the query, or sets the direction for the next scan.
    fn finish(&self, q: &mut Open, queries: &Queries<'_>) -> Result<Option<Outcome>> {
        let Some(finish) = &mut q.finish else {
            return Ok(None);
        };
        match (finish.step(self.judge.tolerance), self.goal) {
            (Step::Inside { rows, weights }, Goal::Verdict) => {
                return Ok(Some(inside(rows, weights)));
            }
            (Step::Inside { rows, weights }, Goal::Distance(_)) => {
                return Ok(Some(Outcome::Bracketed {
                    bracket: Bracket {
                        lower: 0.0,
                        upper: 0.0,
                    },
                    nearest: Nearest { rows, weights },
                    separated: None,
                }));
            }
            // A direction separates the query by less than this step resolves: return the bracket known so far.
            (Step::Inside { .. }, Goal::Both(_)) => {
                return self.unsettled(q, Reason::Rounding, queries).map(Some);
            }
            (Step::Scan { direction }, _) => q.sharp = direction,
            (Step::Stuck, _) => match finish.last_direction() {
                Some(direction) => q.sharp = direction,
                None => return self.unsettled(q, Reason::Rounding, queries).map(Some),
            },
        }
        q.state = State::Waiting;
        Ok(None)
    }

    /// Settle the queries that have an outcome, and list the rows that they used.
    fn settle_all<'q>(
        &mut self,
        each: impl Iterator<Item = (&'q mut Open, Option<Outcome>)>,
        settled: &mut Vec<Settled>,
        control: &Control,
    ) {
        let mut used: Vec<Slot> = Vec::new();
        for (q, outcome) in each {
            if let Some(outcome) = outcome {
                used.extend_from_slice(q.set.ids());
                self.settle(q, outcome, settled, control);
            }
        }
        self.pool.touch(&used);
    }

    fn settle(
        &self,
        q: &mut Open,
        outcome: Outcome,
        settled: &mut Vec<Settled>,
        control: &Control,
    ) {
        let stage = match &outcome {
            Outcome::Inside { .. } if q.scans <= 1 => SolverStage::Pool,
            Outcome::Outside { exact: true, .. } => SolverStage::F64Recheck,
            Outcome::Undecided(_) | Outcome::NotSeparated => SolverStage::Open,
            _ => SolverStage::FullSolve,
        };
        let support = match &outcome {
            Outcome::Inside { rows, .. } => rows.len(),
            _ => q.set.ids().len(),
        };
        // If the verdict is sought with the distance, the caller counts the progress, and only of separated queries.
        if !matches!(self.goal, Goal::Both(_)) {
            control.advance(1);
        }
        let nearest = match &outcome {
            Outcome::Outside { .. } | Outcome::NotSeparated if self.settings.gap.is_some() => {
                let (rows, weights) = self.combined(q);
                Nearest { rows, weights }
            }
            _ => Nearest::default(),
        };
        settled.push(Settled {
            query: q.query,
            outcome,
            stage,
            support,
            scans: q.scans,
            nearest,
        });
        q.state = State::Done;
    }
}

/// The queries of one call: raw, and in the frame of the scan.
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

    /// Some queries in the frame, one after the other.
    pub fn points(&self, group: &[usize]) -> Vec<f64> {
        let each = group.iter().flat_map(|&query| self.point(query));
        each.copied().collect()
    }

    /// The query in the frame, and its raw values.
    pub fn both(&self, query: usize) -> (&[f64], &[f64]) {
        (self.point(query), self.raw(query))
    }
}

impl Outcome {
    /// The certificate of the outcome.
    pub fn certificate(self) -> Certificate {
        match self {
            Outcome::Inside {
                rows,
                weights,
                exact,
            } => Certificate::Inside {
                rows,
                weights,
                exact,
            },
            Outcome::Outside {
                direction, margin, ..
            } => Certificate::Outside { direction, margin },
            _ => Certificate::None,
        }
    }
}
