//! Column generation for many conic problems over one reference: the problems share a pool of rows and every scan.
//!
//! ```text
//! min |sum_i u_i (y_i - o, e) - t|,  u >= 0        y_i the rows in a metric, o an origin there, e the lift
//! ```
//!
//! The residual r of each problem ([`Conic`]) is priced against the pool until no pooled row improves it, then against
//! the whole reference by a scan. The caller decides what a scan proves: gauges and cones differ only there.

use super::certificate::separation;
use super::conic::Conic;
use super::metric::Metric;
use super::min_norm::dot;
use super::pool::{Pool, Slot};
use super::solve::{FIRST_K, pooled};
use super::{FEWEST_TOGETHER, GROUP_BUDGET, MOST_TOGETHER, prove};
use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;
use crate::scan::{Batch, Scan};
use rayon::prelude::*;
use std::sync::{Mutex, MutexGuard};

/// Pricings against the pool between two full scans.
const POOL_ROUNDS: usize = 16;

/// The pool is priced, in f64, while it holds at most one in so many rows of the reference; a larger pool costs as much
/// as a scan.
const POOL_SHARE: usize = 8;

/// The most rows that a problem remembers from its scans and from the pool.
const MET: usize = 1024;

/// Rows that enter at a time: those furthest along r. Of more rows many are close to each other and leave the active
/// set again.
const TAKEN: usize = 4;

/// A row enters where it exceeds the level by more than this share of the level, unless the caller sets a gap.
const IMPROVES: f64 = 1e-9;

/// Where the caller sets a gap, the scanned direction is a mixture: this share of the best direction so far, the rest
/// the residual's direction, which alone changes widely from scan to scan. (Wentges smoothing of column generation,
/// International Transactions in Operational Research 4, 1997.)
const STEADY: f64 = 0.8;

/// The relative width of a bracket, as a share of its upper end, where the caller asks for none.
pub const GAP: f64 = 0.05;

/// One problem with its active set and its candidate rows.
pub(super) struct Open {
    /// Its index among the caller's problems.
    pub place: usize,
    pub conic: Conic,
    /// The origin o and the lift e.
    pub origin: Vec<f64>,
    pub lift: f64,
    /// t without its last number.
    target: Vec<f64>,
    /// |t|.
    pub size: f64,
    /// A row enters where it exceeds the level by more than this share of the level.
    worth: f64,
    /// A reference row that this problem leaves out.
    excluded: Option<usize>,
    pub scans: u32,
    pub done: bool,
    /// Set if a mixture of directions is scanned instead of the residual's direction.
    steady: Option<Steady>,
    /// Rows to try before the first scan.
    first: Vec<usize>,
    /// Rows that scans and the pool have offered, the latest last.
    met: Vec<Slot>,
    waiting: bool,
}

impl Open {
    /// A problem with the target t (d + 1 numbers). A target that is zero or not finite is done at once.
    pub fn new(place: usize, target: &[f64], origin: Vec<f64>, lift: f64) -> Self {
        let size = dot(target, target).sqrt();
        let usable = size > 0.0 && size.is_finite();
        Open {
            place,
            conic: Conic::new(target),
            target: target[..origin.len()].to_vec(),
            origin,
            lift,
            size,
            worth: IMPROVES,
            excluded: None,
            scans: 0,
            done: !usable,
            steady: None,
            first: Vec::new(),
            met: Vec::new(),
            waiting: false,
        }
    }

    /// The reference row that this problem leaves out.
    pub fn excluded(&self) -> Option<usize> {
        self.excluded
    }

    /// Leaves out a reference row.
    pub fn without(self, excluded: Option<usize>) -> Self {
        Open { excluded, ..self }
    }

    /// Sets rows to try before the first scan.
    pub fn starting_from(self, first: Vec<usize>) -> Self {
        Open { first, ..self }
    }

    /// Asks for `sum u` to a relative gap: rows that change it by less than half of the gap do not enter.
    pub fn within_gap(self, gap: f64) -> Self {
        Open {
            worth: 0.5 * gap,
            steady: Some(Steady::default()),
            ..self
        }
    }

    /// The direction to scan.
    fn asks(&mut self) -> Vec<f64> {
        let direction = self.direction().to_vec();
        match &mut self.steady {
            Some(steady) => steady.mixed(direction, &self.target),
            None => direction,
        }
    }

    /// The part of r that belongs to the rows' coordinates, without the lift.
    fn direction(&self) -> &[f64] {
        &self.conic.residual()[..self.origin.len()]
    }

    /// A pooled row lowers |r| if its product with the direction is above this.
    fn level(&self) -> f64 {
        let lifted = self.lift * self.conic.residual()[self.origin.len()];
        dot(self.direction(), &self.origin) - lifted + self.worth * lifted.abs()
    }

    /// Take the rows that a scan offers. Returns whether another scan may help.
    fn take(&mut self, pool: &Pool, offered: Vec<Slot>) -> bool {
        if let Some(steady) = &mut self.steady {
            let along = offered
                .iter()
                .map(|&slot| dot(pool.point(slot), &steady.asked));
            let highest = along.fold(f64::NEG_INFINITY, f64::max);
            steady.found(highest - dot(&self.origin, &steady.asked));
        }
        self.meet(offered.into_iter());
        self.waiting = false;
        let improved = self.improve(pool);
        match &mut self.steady {
            Some(steady) => {
                let mixed = !std::mem::replace(&mut steady.plain, !improved);
                improved || mixed
            }
            None => improved,
        }
    }

    /// Remember more rows, and forget the oldest.
    fn meet(&mut self, slots: impl Iterator<Item = Slot>) {
        for slot in slots {
            if !self.met.contains(&slot) {
                self.met.push(slot);
            }
        }
        let old = self.met.len().saturating_sub(MET);
        self.met.drain(..old);
    }

    /// Let remembered rows enter until none makes r shorter. Returns whether any did.
    fn improve(&mut self, pool: &Pool) -> bool {
        pulp::Arch::new().dispatch(Climb { open: self, pool })
    }

    #[inline(always)]
    fn climb(&mut self, pool: &Pool) -> bool {
        let (mut improved, mut count) = (false, TAKEN);
        loop {
            let best = self.along(pool, count);
            if best.is_empty() {
                return improved;
            }
            let columns: Vec<f64> = (best.iter())
                .flat_map(|&slot| {
                    let each = pool.point(slot).iter().zip(&self.origin);
                    each.map(|(y, o)| y - o).chain([self.lift])
                })
                .collect();
            if self.conic.improve(&best, columns) {
                (improved, count) = (true, TAKEN);
            } else if best.len() < count {
                return improved;
            } else {
                // The rows furthest along r depend on the active ones, or exceed the level by rounding only: look at more.
                count *= 8;
            }
        }
    }

    /// The remembered rows above the level, the furthest along r first.
    #[inline(always)]
    fn along(&self, pool: &Pool, count: usize) -> Vec<Slot> {
        let level = self.level();
        let mut above: Vec<(f64, Slot)> = Vec::new();
        // A loop, because closures are not compiled for the instruction set found at run time.
        for &slot in &self.met {
            let score = dot(pool.point(slot), self.direction());
            if score > level && !self.conic.ids().contains(&slot) {
                above.push((score, slot));
            }
        }
        // Among equally far rows the first of the reference: their places in the pool depend on other problems.
        let further = |a: &(f64, Slot), b: &(f64, Slot)| {
            let first = || pool.row(a.1).cmp(&pool.row(b.1));
            b.0.total_cmp(&a.0).then_with(first)
        };
        if above.len() > count {
            above.select_nth_unstable_by(count, further);
            above.truncate(count);
        }
        above.sort_unstable_by(further);
        above.into_iter().map(|(_, slot)| slot).collect()
    }
}

/// [`Open::climb`], compiled for the instruction set found at run time.
struct Climb<'a> {
    open: &'a mut Open,
    pool: &'a Pool,
}

impl pulp::NullaryFnOnce for Climb<'_> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        self.open.climb(self.pool)
    }
}

/// Directions scaled to product 1 with the target. The lower the largest product of a row with a direction, the better
/// the direction.
#[derive(Default)]
struct Steady {
    /// The direction scanned last; and the best direction so far with the largest product of a row.
    asked: Vec<f64>,
    best: Option<(Vec<f64>, f64)>,
    /// Scan the residual's direction itself, because no row of the last mixture's scan entered.
    plain: bool,
}

impl Steady {
    /// The residual's direction mixed with the best one.
    fn mixed(&mut self, mut w: Vec<f64>, target: &[f64]) -> Vec<f64> {
        let along = dot(&w, target);
        if along > 0.0 {
            w.iter_mut().for_each(|v| *v /= along);
            if let (Some((best, _)), false) = (&self.best, self.plain) {
                let each = w.iter_mut().zip(best);
                each.for_each(|(w, b)| *w = STEADY * b + (1.0 - STEADY) * *w);
            }
        }
        self.asked.clone_from(&w);
        w
    }

    /// Note the largest product of a row with the direction scanned last.
    fn found(&mut self, highest: f64) {
        if self.best.as_ref().is_none_or(|(_, best)| highest < *best) {
            self.best = Some((self.asked.clone(), highest));
        }
    }
}

/// What the scan of a problem's residual found.
pub(super) struct Seen<'s> {
    /// The direction that was scanned, in the frame.
    pub w: &'s [f32],
    pub scores: &'s [f32],
    pub rows: &'s [usize],
}

/// What all problems share: the reference, its scan, and the pool of rows.
pub(super) struct SharedColumns<'a> {
    pub rows: &'a dyn Rows,
    pub scan: &'a dyn Scan,
    pub metric: Metric,
    /// Rows that every problem leaves out.
    pub ignored: Vec<usize>,
    pool: Pool,
    /// Whether no problem's result may depend on the others: problems then share scans and coordinates of rows, but no rows.
    pub alone: bool,
}

impl<'a> SharedColumns<'a> {
    /// `alone`: whether no problem's result may depend on the other problems.
    pub fn new(rows: &'a dyn Rows, scan: &'a dyn Scan, metric: Metric, alone: bool) -> Self {
        let pool = if alone { Pool::apart } else { Pool::new };
        SharedColumns {
            rows,
            scan,
            ignored: Vec::new(),
            pool: pool(metric.dim()),
            metric,
            alone,
        }
    }

    /// Whether a row that a scan returned belongs to the problem: not left out, and not far (far rows are tested one by one).
    pub fn counts(&self, row: usize, excluded: Option<usize>) -> bool {
        let far = self.scan.frame().far.contains(row);
        !far && excluded != Some(row) && !self.ignored.contains(&row)
    }

    /// The far rows that are not left out.
    fn far(&self) -> impl Iterator<Item = usize> + '_ {
        let far = self.scan.frame().far.rows.iter().copied();
        far.filter(|row| !self.ignored.contains(row))
    }

    /// How many problems fit into memory together.
    pub fn together(&self) -> usize {
        let size = self.metric.dim() + 1;
        (GROUP_BUDGET / (16 * size * size)).clamp(FEWEST_TOGETHER, MOST_TOGETHER)
    }

    /// A raw point in the metric.
    pub fn coordinates(&self, point: &[f64]) -> Vec<f64> {
        let mut y = point.to_vec();
        self.scan.frame().apply(&mut y);
        self.metric.whiten(&mut y);
        y
    }

    /// The rows with positive weight, and their weights as they stand.
    pub fn weighted(&self, conic: &Conic) -> (Vec<usize>, Vec<f64>) {
        self.positive(conic, conic.weights())
    }

    /// As [`Self::weighted`], but without the bias of about e^2 that the lift brings into the weights: they are
    /// moved to the least-squares solution without the lift, if none turns negative.
    pub fn unlifted(&self, q: &Open) -> (Vec<usize>, Vec<f64>) {
        let mut weights = q.conic.weights().to_vec();
        for _ in 0..2 {
            let mut rest = q.target.clone();
            for (&slot, u) in q.conic.ids().iter().zip(&weights) {
                let each = rest.iter_mut().zip(self.pool.point(slot)).zip(&q.origin);
                each.for_each(|((r, y), o)| *r -= u * (y - o));
            }
            rest.push(0.0);
            let step = q.conic.nearest(&rest);
            weights
                .iter_mut()
                .zip(step)
                .for_each(|(u, step)| *u += step);
        }
        match weights.iter().all(|&u| u >= 0.0) {
            true => self.positive(&q.conic, &weights),
            false => self.weighted(&q.conic),
        }
    }

    fn positive(&self, conic: &Conic, weights: &[f64]) -> (Vec<usize>, Vec<f64>) {
        let pairs = conic.ids().iter().zip(weights);
        pairs
            .filter(|(_, u)| **u > 0.0)
            .map(|(&slot, &u)| (self.pool.row(slot), u))
            .unzip()
    }

    /// Work on problems until each is done. `close` gets the result of every scan and marks the problems that it
    /// finishes. A problem for which a scan finds no new row, or that had `most` scans, ends after a call of `last`.
    pub fn run(
        &mut self,
        open: &mut [Open],
        most: u32,
        close: &(dyn Fn(&Self, &mut Open, &Seen<'_>) -> Result<()> + Sync),
        last: &(dyn Fn(&Self, &mut Open) -> Result<()> + Sync),
        control: &Control,
    ) -> Result<()> {
        self.begin(open)?;
        while open.iter().any(|q| !q.done) {
            self.pool_rounds(open, control)?;
            self.full_round(open, most, close, last, control)?;
        }
        Ok(())
    }

    /// Forget all rows.
    pub fn clear(&mut self) {
        self.pool.clear();
    }

    /// Between groups of problems: drop the pooled rows that none of them used.
    pub fn trim(&mut self) {
        self.pool.trim();
    }

    /// Let the rows enter that [`Open::starting_from`] set.
    fn begin(&mut self, open: &mut [Open]) -> Result<()> {
        let counted = |q: &mut Open| {
            let mut rows = std::mem::take(&mut q.first);
            rows.retain(|&row| self.counts(row, q.excluded));
            rows
        };
        let first: Vec<Vec<usize>> = open.iter_mut().map(counted).collect();
        let wanted = first.concat();
        let frame = self.scan.frame();
        self.pool.admit(&wanted, self.rows, frame, &self.metric)?;
        let pool = &self.pool;
        let each = open.par_iter_mut().zip(&first);
        each.filter(|(q, _)| !q.done).for_each(|(q, first)| {
            q.meet(first.iter().filter_map(|&row| pool.slot(row)));
            q.improve(pool);
        });
        Ok(())
    }

    /// Offer pooled rows to every problem until it waits for a scan.
    fn pool_rounds(&self, open: &mut [Open], control: &Control) -> Result<()> {
        if self.alone || self.pool.len() * POOL_SHARE > self.rows.len() {
            return control.check();
        }
        for _ in 0..POOL_ROUNDS {
            control.check()?;
            let mut asking: Vec<&mut Open> =
                open.iter_mut().filter(|q| !q.done && !q.waiting).collect();
            if asking.is_empty() {
                break;
            }
            let directions: Vec<f64> = asking
                .iter()
                .flat_map(|q| q.direction().iter().copied())
                .collect();
            let wanted = pooled(self.metric.dim());
            let prices = self
                .pool
                .price(&directions, (wanted, None), true, control)?;
            asking.par_iter_mut().enumerate().for_each(|(i, q)| {
                let slots = prices.of(i).1.iter().copied();
                let excluded = q.excluded;
                q.meet(slots.filter(|&slot| excluded != Some(self.pool.row(slot))));
                q.waiting = !q.improve(&self.pool);
            });
        }
        Ok(())
    }

    /// One scan for all open problems.
    fn full_round(
        &mut self,
        open: &mut [Open],
        most: u32,
        close: &(dyn Fn(&Self, &mut Open, &Seen<'_>) -> Result<()> + Sync),
        last: &(dyn Fn(&Self, &mut Open) -> Result<()> + Sync),
        control: &Control,
    ) -> Result<()> {
        let d = self.metric.dim();
        let mut asking: Vec<&mut Open> = open.iter_mut().filter(|q| !q.done).collect();
        let mut directions: Vec<f64> = asking.iter_mut().flat_map(|q| q.asks()).collect();
        match self.alone {
            true => self.metric.direction_apart(&mut directions),
            false => self.metric.direction(&mut directions),
        }
        directions.par_chunks_exact_mut(d).for_each(unit);
        let flat: Vec<f32> = directions.iter().map(|&v| v as f32).collect();
        let first = asking.iter().any(|q| q.scans == 0);
        let batch = Batch {
            directions: &flat,
            bias: &vec![0.0; asking.len()],
            // As many rows more as may be left out.
            k: 1 + self.ignored.len() + wanted(d, first),
        };
        let hits = self.scan.scan(&batch, control)?;
        let frame = self.scan.frame();
        let mut wanted: Vec<usize> = Vec::new();
        for (i, q) in asking.iter().enumerate() {
            let rows = hits.of(i).1.iter().copied();
            wanted.extend(rows.filter(|&row| self.counts(row, q.excluded)));
        }
        wanted.extend(self.far());
        self.pool.admit(&wanted, self.rows, frame, &self.metric)?;
        let this = &*self;
        asking.par_iter_mut().enumerate().try_for_each(|(i, q)| {
            let (scores, rows) = hits.of(i);
            let w = &flat[i * d..(i + 1) * d];
            q.scans += 1;
            close(this, q, &Seen { w, scores, rows })?;
            if q.done {
                return Ok(());
            }
            let near = rows
                .iter()
                .copied()
                .filter(|&row| this.counts(row, q.excluded));
            let far = this.far().filter(|row| q.excluded != Some(*row));
            let met: Vec<Slot> = near
                .chain(far)
                .filter_map(|row| this.pool.slot(row))
                .collect();
            if !q.take(&this.pool, met) || q.scans >= most {
                last(this, q)?;
                q.done = true;
            }
            Ok(())
        })?;
        for q in asking {
            self.pool.touch(q.conic.ids());
        }
        Ok(())
    }

    /// What a scanned direction proves: the direction in the data's units, and an upper bound of `<w, x_i - c>` over
    /// all rows but the excluded one; infinite where nothing is proved.
    pub fn highest(&self, seen: &Seen<'_>, c: &[f64], excluded: Option<usize>) -> (Vec<f64>, f64) {
        let frame = self.scan.frame();
        let norm = seen.w.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
        let error = self.scan.error_bound(norm.sqrt() * (1.0 + 1e-12), 0.0);
        let each = seen.w.iter().zip(&frame.scale);
        let w: Vec<f64> = each.map(|(&w, scale)| f64::from(w) * scale).collect();
        let mut kept = seen.scores.iter().zip(seen.rows);
        let best = match kept.find(|(_, row)| self.counts(**row, excluded)) {
            Some((&best, _)) => f64::from(best) + error,
            None => f64::INFINITY,
        };
        let highest = self.with_far(&w, best, c, excluded);
        (w, highest)
    }

    /// Turns an upper bound of the frame's scores `<w, x'_i>` into one of `<w, x_i - c>` that also holds for the far rows.
    pub fn with_far(&self, w: &[f64], best: f64, c: &[f64], excluded: Option<usize>) -> f64 {
        let frame = self.scan.frame();
        let (shift, error) = separation(w, &frame.centre, c);
        let mut highest = best + (shift + error);
        let far = frame.far.rows.iter();
        for (row, x) in far.zip(frame.far.points.chunks_exact(w.len())) {
            if excluded != Some(*row) && !self.ignored.contains(row) {
                let (value, error) = separation(w, x, c);
                highest = highest.max(value + error);
            }
        }
        // The two additions round.
        let highest = highest + 4.0 * f64::EPSILON * (best.abs() + shift.abs());
        if highest.is_nan() {
            f64::INFINITY
        } else {
            highest
        }
    }
}

/// Rows wanted from a scan: fewer from the first one, which settles many queries.
fn wanted(d: usize, first: bool) -> usize {
    match first {
        true => FIRST_K,
        false => (d / 4).clamp(FIRST_K, 256),
    }
}

/// Locks the state of one problem; only one thread works on it.
pub(super) fn held<T>(known: &Mutex<T>) -> MutexGuard<'_, T> {
    known.lock().unwrap_or_else(|held| held.into_inner())
}

/// Scale a direction to unit length, without overflow; a direction of zeros becomes an axis.
fn unit(direction: &mut [f64]) {
    let length = prove::length(direction);
    if length > 0.0 && length.is_finite() {
        direction.iter_mut().for_each(|v| *v /= length);
    } else {
        direction.fill(0.0);
        direction[0] = 1.0;
    }
}
