//! Reference rows that some query has used, kept in metric coordinates and shared by all queries.
//!
//! Between two full scans every open query is priced against the pool alone. The pool holds some thousand rows, so this
//! costs little, and it keeps the number of full scans small. Each row carries the round in which it was last used;
//! when the pool outgrows its budget, the least recently used rows are evicted.
//!
//! Rows that queries with soft constraints or for distances ask for, many at a time, are kept here unlisted: no query is priced
//! against them until an active set uses them, for a distance until its query is settled.
//!
//! Rows are ranked in f32 and the scores of the best are recomputed in f64. How far any other row can score above them
//! is bounded; if the bound leaves open whether some row is better, the caller asks again in f64. A caller that needs only
//! rows above a level says so: then few rows enter a list.

use super::metric::Metric;
use super::min_norm::dot;
use super::prove::length;
use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;
use crate::scan::rounding::f32_score;
use crate::scan::{Frame, cpu, topk::Best};
use rayon::prelude::*;
use std::collections::HashMap;

/// The most bytes of pooled rows between groups of queries.
const BUDGET: usize = 64 << 20;

/// The most rows: more cost more to price than they save.
const MOST: usize = 16_384;

/// Rows that are read and brought to the metric by one thread at a time.
const TOGETHER: usize = 128;

/// Marks a row that no active set has used.
const NEVER: u64 = 0;

/// A row's place in the pool.
pub type Slot = usize;

/// The shared rows and their coordinates.
#[derive(Debug)]
pub struct Pool {
    dim: usize,
    /// The reference row of each slot.
    rows: Vec<usize>,
    /// Metric coordinates, `dim` numbers a slot.
    points: Vec<f64>,
    /// The slots that queries are priced against, their points in f32, and whether a slot is among them.
    listed: Vec<Slot>,
    rounded: Vec<f32>,
    lists: Vec<bool>,
    /// An upper bound on the length of every listed point.
    reach: f64,
    /// The round in which each slot was last in an active set; [`NEVER`] if it never was.
    used: Vec<u64>,
    slots: HashMap<usize, Slot>,
    clock: u64,
    /// Whether a row's coordinates have the same digits whichever rows are added together with it.
    apart: bool,
}

/// The best slots of some directions, best first, with scores in f64.
pub struct Prices(Vec<Price>);

/// The best slots of a direction.
struct Price {
    scores: Vec<f64>,
    slots: Vec<Slot>,
    /// An upper bound on the score of every other listed row.
    beyond: f64,
}

impl Prices {
    /// For direction `b`: the scores and slots of its best rows, and an upper bound on the score of every other listed row.
    pub fn of(&self, b: usize) -> (&[f64], &[Slot], f64) {
        let Price {
            scores,
            slots,
            beyond,
        } = &self.0[b];
        (scores, slots, *beyond)
    }
}

impl Pool {
    /// An empty pool of points in `dim` dimensions.
    pub fn new(dim: usize) -> Self {
        Pool {
            dim,
            rows: Vec::new(),
            points: Vec::new(),
            listed: Vec::new(),
            rounded: Vec::new(),
            lists: Vec::new(),
            reach: 0.0,
            used: Vec::new(),
            slots: HashMap::new(),
            clock: 1,
            apart: false,
        }
    }

    /// The same; a row's coordinates have the same digits whichever rows are added together with it.
    pub fn apart(dim: usize) -> Self {
        Pool {
            apart: true,
            ..Pool::new(dim)
        }
    }

    /// Drop all rows.
    pub fn clear(&mut self) {
        *self = Pool {
            apart: self.apart,
            ..Pool::new(self.dim)
        };
    }

    /// The number of listed rows.
    pub fn len(&self) -> usize {
        self.listed.len()
    }

    /// Metric coordinates of a slot.
    pub fn point(&self, slot: Slot) -> &[f64] {
        &self.points[slot * self.dim..(slot + 1) * self.dim]
    }

    /// The points of slots less a point: `dim` numbers each.
    pub fn relative(&self, slots: &[Slot], to: &[f64]) -> Vec<f64> {
        let mut vectors = Vec::with_capacity(slots.len() * self.dim);
        for &slot in slots {
            vectors.extend(self.point(slot).iter().zip(to).map(|(y, q)| y - q));
        }
        vectors
    }

    /// The reference row of a slot.
    pub fn row(&self, slot: Slot) -> usize {
        self.rows[slot]
    }

    /// The slot of a reference row, if the row is in the pool.
    pub fn slot(&self, row: usize) -> Option<Slot> {
        self.slots.get(&row).copied()
    }

    /// Record that slots are in active sets, and list them.
    pub fn touch(&mut self, slots: &[Slot]) {
        self.keep(slots);
        self.list(slots);
    }

    /// Record that slots are in active sets.
    pub fn keep(&mut self, slots: &[Slot]) {
        slots.iter().for_each(|&slot| self.used[slot] = self.clock);
    }

    /// Add reference rows that are not yet here, in the given order, and list them all.
    pub fn admit(
        &mut self,
        wanted: &[usize],
        rows: &dyn Rows,
        frame: &Frame,
        metric: &Metric,
    ) -> Result<()> {
        self.admit_unlisted(wanted, rows, frame, metric)?;
        let slots: Vec<Slot> = wanted.iter().map(|row| self.slots[row]).collect();
        self.list(&slots);
        Ok(())
    }

    /// Add reference rows that are not yet here, in the given order, unlisted.
    pub fn admit_unlisted(
        &mut self,
        wanted: &[usize],
        rows: &dyn Rows,
        frame: &Frame,
        metric: &Metric,
    ) -> Result<()> {
        let mut fresh = Vec::new();
        for &row in wanted {
            if let std::collections::hash_map::Entry::Vacant(place) = self.slots.entry(row) {
                place.insert(self.rows.len() + fresh.len());
                fresh.push(row);
            }
        }
        let start = self.points.len();
        self.points.resize(start + fresh.len() * self.dim, 0.0);
        let points = self.points[start..].par_chunks_mut(TOGETHER * self.dim);
        let each = points.zip(fresh.par_chunks(TOGETHER));
        let read = each.try_for_each(|(points, fresh)| {
            rows.gather(fresh, points)?;
            frame.apply(points);
            match self.apart {
                true => metric.whiten_apart(points),
                false => metric.whiten(points),
            }
            Ok(())
        });
        if read.is_err() {
            self.points.truncate(start);
            let known = self.rows.len();
            self.slots.retain(|_, slot| *slot < known);
            return read;
        }
        self.used.resize(self.used.len() + fresh.len(), NEVER);
        self.lists.resize(self.lists.len() + fresh.len(), false);
        self.rows.append(&mut fresh);
        Ok(())
    }

    /// List slots that are not listed yet.
    fn list(&mut self, slots: &[Slot]) {
        let (d, start) = (self.dim, self.listed.len());
        let new = |slot: &Slot| !std::mem::replace(&mut self.lists[*slot], true);
        self.listed.extend(slots.iter().copied().filter(new));
        self.rounded.resize(self.listed.len() * d, 0.0);
        let each = self.rounded[start * d..].par_chunks_exact_mut(d);
        let lengths = each.zip(&self.listed[start..]).map(|(rounded, &slot)| {
            let point = &self.points[slot * d..][..d];
            let each = rounded.iter_mut().zip(point);
            each.for_each(|(rounded, &v)| *rounded = v as f32);
            let length = dot(point, point).sqrt() * (1.0 + 1e-9);
            // A length that overflowed makes f32 pricing impossible.
            if length.is_nan() {
                f64::INFINITY
            } else {
                length
            }
        });
        self.reach = lengths.reduce(|| self.reach, f64::max);
    }

    /// The k best slots for each direction (B x d, in metric coordinates), or, with a level for each direction, of those that
    /// score above it: computed in f64 if `fine`, else ranked in f32.
    pub fn price(
        &self,
        directions: &[f64],
        (k, levels): (usize, Option<&[f64]>),
        fine: bool,
        control: &Control,
    ) -> Result<Prices> {
        let k = k.min(self.len());
        let asked = (directions, k, levels);
        // Squared lengths must not overflow in f32; squared entries may underflow.
        match fine || self.reach > f32::MAX.sqrt().into() {
            true => self.price_f64(asked, control),
            false => self.price_f32(asked, control),
        }
    }

    fn price_f64(
        &self,
        (directions, k, levels): (&[f64], usize, Option<&[f64]>),
        control: &Control,
    ) -> Result<Prices> {
        let count = directions.len() / self.dim;
        let empty = levels.map_or(Best::new(count, k), |levels| {
            Best::above(levels.to_vec(), k)
        });
        let each = self.listed.iter().flat_map(|&slot| self.point(slot));
        let points: Vec<f64> = each.copied().collect();
        let best = cpu::scan_points(&points, self.dim, directions, &empty, control)?;
        let price = |(b, list): (usize, Vec<(f64, usize)>)| {
            let (scores, places): (Vec<f64>, Vec<usize>) = list.into_iter().unzip();
            let beyond = beyond(&scores, (k, levels.map(|levels| levels[b])), 0.0);
            Price {
                scores,
                slots: places.iter().map(|&place| self.listed[place]).collect(),
                beyond,
            }
        };
        Ok(Prices(
            best.lists().into_iter().enumerate().map(price).collect(),
        ))
    }

    fn price_f32(
        &self,
        (directions, k, levels): (&[f64], usize, Option<&[f64]>),
        control: &Control,
    ) -> Result<Prices> {
        let d = self.dim;
        let mut unit = vec![0.0f32; directions.len()];
        let each = directions.par_chunks_exact(d);
        let each = each.zip(unit.par_chunks_exact_mut(d));
        let lengths = each.map(|(w, unit)| {
            let length = match length(w) {
                length if length > 0.0 => length,
                _ => 1.0,
            };
            let rounded = unit.iter_mut().zip(w);
            rounded.for_each(|(unit, v)| *unit = (v / length) as f32);
            length
        });
        let lengths: Vec<f64> = lengths.collect();
        // One rounding more than in a scan: that of the direction.
        let error = f32_score(d + 1, self.reach, 1.0 + 1e-6, 0.0);
        let empty = match levels {
            None => Best::new(lengths.len(), k),
            Some(levels) => {
                let each = levels.iter().zip(&lengths);
                Best::above(
                    each.map(|(level, length)| bar(level / length - error))
                        .collect(),
                    k,
                )
            }
        };
        let best = cpu::scan_points(&self.rounded, d, &unit, &empty, control)?;
        let lists = best.lists();
        let price = |(b, w): (usize, &[f64])| {
            let (scores, slots) = self.rescored(w, &lists[b]);
            // The factor 2: the last listed row may be ranked too high and an unlisted one too low.
            let beyond = beyond(
                &scores,
                (k, levels.map(|levels| levels[b])),
                2.0 * error * lengths[b],
            );
            Price {
                scores,
                slots,
                beyond,
            }
        };
        let each = directions.par_chunks_exact(d).enumerate();
        Ok(Prices(each.map(price).collect()))
    }

    /// The slots of listed rows by their scores in f64, best first.
    fn rescored(&self, w: &[f64], places: &[(f32, usize)]) -> (Vec<f64>, Vec<Slot>) {
        let each = places.iter().map(|&(_, place)| self.listed[place]);
        let mut ranked: Vec<(f64, Slot)> =
            each.map(|slot| (dot(self.point(slot), w), slot)).collect();
        ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        ranked.into_iter().unzip()
    }

    /// Between groups of queries, when no slot is in use: drop the rows that no active set used, and shrink to the budget.
    pub fn trim(&mut self) {
        self.clock += 1;
        let most = (BUDGET / (12 * self.dim)).clamp(64, MOST);
        let mut order: Vec<Slot> = (0..self.rows.len())
            .filter(|&slot| self.used[slot] != NEVER)
            .collect();
        if order.len() > most {
            order.sort_unstable_by_key(|&slot| (u64::MAX - self.used[slot], slot));
            // Shrink to half of the budget, so that a full pool is not trimmed after every group.
            order.truncate(most / 2);
            order.sort_unstable();
        }
        let d = self.dim;
        for (place, &slot) in order.iter().enumerate() {
            self.rows[place] = self.rows[slot];
            self.used[place] = self.used[slot];
            self.points.copy_within(slot * d..(slot + 1) * d, place * d);
        }
        self.rows.truncate(order.len());
        self.used.truncate(order.len());
        self.points.truncate(order.len() * d);
        // The memory of a group with many rows is not kept for groups with few.
        self.points.shrink_to(2 * most * d);
        let slots = self.rows.iter().enumerate().map(|(slot, &row)| (row, slot));
        self.slots = slots.collect();
        self.listed.clear();
        self.rounded.clear();
        self.rounded.shrink_to(2 * most * d);
        self.reach = 0.0;
        self.lists = vec![false; order.len()];
        self.list(&Vec::from_iter(0..order.len()));
    }
}

/// An upper bound on the score of every row beside those of a list of at most k, which a row enters above the level: a row that
/// a full list leaves out exceeds the last one by at most `error`.
fn beyond(scores: &[f64], (k, level): (usize, Option<f64>), error: f64) -> f64 {
    match (scores.last(), level) {
        (_, Some(level)) if scores.len() < k => level,
        (Some(last), level) => (last + error).max(level.unwrap_or(f64::NEG_INFINITY)),
        (None, _) => f64::NEG_INFINITY,
    }
}

/// The largest f32 below a level; none for a level that f32 does not hold.
fn bar(level: f64) -> f32 {
    match (level as f32).next_down() {
        bar if bar.is_finite() => bar,
        _ => f32::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// A pool of points in the Euclidean metric of a frame whose centre is 0.
    fn pool(dim: usize, values: &[f64]) -> Pool {
        let mut pool = Pool::new(dim);
        pool.rows = (0..values.len() / dim).collect();
        pool.points = values.to_vec();
        pool.lists = vec![false; pool.rows.len()];
        pool.list(&Vec::from_iter(0..values.len() / dim));
        pool
    }

    /// Prices ranked in f32 have the scores of f64, and no unlisted row exceeds the bound, however close rows are to
    /// each other and however long or short the rows and the direction are.
    #[test]
    fn prices_from_f32_are_f64_scores_and_bound_the_rest() {
        let (d, count, k) = (24, 700, 9);
        let mut random = ChaCha8Rng::seed_from_u64(11);
        let (mut exchanged, mut short) = (0, 0);
        for (offset, spread, length) in [
            (0.0, 1.0, 1.0),
            (1e3, 1e-3, 1e-9),
            (0.0, 1e-30, 1e-200),
            (1e8, 1e-8, 1e150),
            (0.0, 1e25, 1.0),
            (1.0, 0.0, 1.0),
            (1.0, 1.0, 0.0),
        ] {
            let mut next = || random.random_range(-1.0..1.0);
            let values: Vec<f64> = (0..count * d).map(|_| offset + spread * next()).collect();
            let directions: Vec<f64> = (0..5 * d).map(|_| length * next()).collect();
            let pool = pool(d, &values);
            let control = Control::default();
            let price = |levels: Option<&[f64]>, fine| {
                let asked = (k, levels);
                pool.price(&directions, asked, fine, &control).unwrap()
            };
            let best = price(None, true);
            let level = |place: usize| (0..5).map(|b| best.of(b).0[place]).collect::<Vec<f64>>();
            let (fourth, first) = (level(3), level(0));
            for (levels, fine) in [
                (None, false),
                (Some(&fourth), false),
                (Some(&fourth), true),
                (Some(&first), false),
            ] {
                let prices = price(levels.map(Vec::as_slice), fine);
                for (b, w) in directions.chunks_exact(d).enumerate() {
                    let (scores, slots, beyond) = prices.of(b);
                    exchanged += usize::from(levels.is_none() && slots != best.of(b).1);
                    let close = 1e-13 * super::length(w) * pool.reach;
                    for (score, &slot) in scores.iter().zip(slots) {
                        assert!((score - dot(pool.point(slot), w)).abs() <= close);
                    }
                    assert!(scores.is_sorted_by(|a, b| a >= b));
                    let rest = (0..count).filter(|slot| !slots.contains(slot));
                    let highest = rest.map(|slot| dot(pool.point(slot), w));
                    let highest = highest.fold(f64::NEG_INFINITY, f64::max);
                    assert!(highest <= beyond + close, "{highest} {beyond}");
                    if let Some(levels) = levels.filter(|_| slots.len() < k) {
                        short += 1;
                        assert!(beyond <= levels[b]);
                    }
                }
            }
        }
        assert!(short > 40, "few rows are above these levels: {short}");
        assert!(exchanged > 4, "f32 ranks some of these otherwise");
    }

    /// However many directions are priced together, and by however many threads: each has the prices that it has alone.
    #[test]
    fn prices_do_not_depend_on_the_directions_beside() {
        let (d, count, k) = (20, 900, 20);
        let mut random = ChaCha8Rng::seed_from_u64(12);
        let mut next = || random.random_range(-1.0..1.0);
        let values: Vec<f64> = (0..count * d).map(|_| next()).collect();
        let directions: Vec<f64> = (0..900 * d).map(|_| next()).collect();
        let levels: Vec<f64> = (0..900).map(|_| next()).collect();
        let pool = pool(d, &values);
        let control = Control::default();
        let priced = |from: usize, to: usize, fine| {
            let asked = (k, Some(&levels[from..to]));
            let prices = pool.price(&directions[from * d..to * d], asked, fine, &control);
            prices.unwrap()
        };
        for fine in [false, true] {
            for threads in [1, 3] {
                let workers = rayon::ThreadPoolBuilder::new().num_threads(threads);
                let all = workers.build().unwrap().install(|| priced(0, 900, fine));
                for b in (0..900).step_by(7) {
                    assert_eq!(all.of(b), priced(b, b + 1, fine).of(0));
                }
            }
        }
    }

    #[test]
    fn a_pool_keeps_its_points_in_both_precisions() {
        let values: Vec<f64> = (0..40).map(|v| f64::from(v) / 3.0).collect();
        let rows = Memory::from_f64("rows", 4, values);
        let control = Control::default();
        let frame = Frame::survey(&rows, &control).unwrap();
        let metric = Metric::euclidean(&frame);
        let mut pool = Pool::new(4);
        pool.admit(&[3, 7, 3], &rows, &frame, &metric).unwrap();
        pool.admit(&[7, 1], &rows, &frame, &metric).unwrap();
        pool.touch(&[0, 2]);
        pool.trim();
        assert_eq!(pool.rows, [3, 1]);
        let rounded: Vec<f32> = pool.points.iter().map(|&v| v as f32).collect();
        assert_eq!(pool.rounded, rounded);
        assert!((0..2).all(|slot| length(pool.point(slot)) <= pool.reach));
    }

    /// A row that is not listed has no price until it was in an active set, or is admitted again.
    #[test]
    fn rows_are_priced_once_they_are_listed() {
        let values: Vec<f64> = (0..40).map(|v| f64::from(v * v)).collect();
        let rows = Memory::from_f64("rows", 4, values);
        let control = Control::default();
        let frame = Frame::survey(&rows, &control).unwrap();
        let metric = Metric::euclidean(&frame);
        let mut pool = Pool::new(4);
        pool.admit(&[2, 5], &rows, &frame, &metric).unwrap();
        pool.admit_unlisted(&[9, 8, 5], &rows, &frame, &metric)
            .unwrap();
        let priced = |pool: &Pool, fine| {
            let prices = pool.price(&[1.0; 4], (9, None), fine, &control).unwrap();
            prices
                .of(0)
                .1
                .iter()
                .map(|&slot| pool.row(slot))
                .collect::<Vec<_>>()
        };
        let both = |pool: &Pool| {
            assert_eq!(priced(pool, false), priced(pool, true));
            priced(pool, true)
        };
        assert_eq!(both(&pool), [5, 2]);
        let slot = pool.slot(9).unwrap();
        pool.touch(&[slot]);
        pool.touch(&[slot]);
        assert_eq!(both(&pool), [9, 5, 2]);
        pool.admit(&[8], &rows, &frame, &metric).unwrap();
        assert_eq!(both(&pool), [9, 8, 5, 2]);
        pool.admit_unlisted(&[0], &rows, &frame, &metric).unwrap();
        pool.trim();
        assert_eq!(both(&pool), [9]);
        assert!(pool.slot(0).is_none());
    }

    #[test]
    fn a_pool_of_rows_apart_stays_one() {
        let mut pool = Pool::apart(3);
        pool.trim();
        assert!(pool.apart);
        pool.clear();
        assert!(pool.apart);
    }
}
