//! Reference rows that some query has met, kept in metric coordinates and shared by all.
//!
//! Between two full scans every open query is priced against the pool alone: the pool is thousands of rows, so
//! this costs next to nothing, and it is what makes the number of full scans small. Rows enter with the round in
//! which they were met and are evicted, least recently useful first, when the pool outgrows its budget.

use super::metric::Metric;
use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;
use crate::scan::{Frame, cpu};
use std::collections::HashMap;

/// Bytes that pooled rows may take between groups of queries.
const BUDGET: usize = 64 << 20;

/// More rows than this cost more to price than they save.
const MOST: usize = 16_384;

/// A row that no active set took.
const NEVER: u64 = 0;

/// A row's place in the pool.
pub type Slot = usize;

/// The shared rows.
#[derive(Debug)]
pub struct Pool {
    dim: usize,
    /// The reference row of each slot.
    rows: Vec<usize>,
    /// Metric coordinates, `dim` numbers a slot.
    points: Vec<f64>,
    /// When each slot was last in somebody's active set; [`NEVER`] if it never was.
    used: Vec<u64>,
    slots: HashMap<usize, Slot>,
    clock: u64,
}

impl Pool {
    /// An empty pool of points in `dim` dimensions.
    pub fn new(dim: usize) -> Self {
        Pool {
            dim,
            rows: Vec::new(),
            points: Vec::new(),
            used: Vec::new(),
            slots: HashMap::new(),
            clock: 1,
        }
    }

    /// Pooled rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Metric coordinates of a slot.
    pub fn point(&self, slot: Slot) -> &[f64] {
        &self.points[slot * self.dim..(slot + 1) * self.dim]
    }

    /// The reference row of a slot.
    pub fn row(&self, slot: Slot) -> usize {
        self.rows[slot]
    }

    /// The slot of a reference row that is in the pool.
    pub fn slot(&self, row: usize) -> Option<Slot> {
        self.slots.get(&row).copied()
    }

    /// Note that slots are in somebody's active set.
    pub fn touch(&mut self, slots: &[Slot]) {
        for &slot in slots {
            self.used[slot] = self.clock;
        }
    }

    /// Add reference rows that are not yet here, in the given order.
    pub fn admit(
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
        let points = &mut self.points[start..];
        rows.gather(&fresh, points)?;
        frame.apply(points);
        metric.whiten(points);
        self.used.resize(self.used.len() + fresh.len(), NEVER);
        self.rows.append(&mut fresh);
        Ok(())
    }

    /// The k best slots of each direction (B x d, in metric coordinates): (scores, slots), B x min(k, len).
    pub fn price(
        &self,
        directions: &[f64],
        k: usize,
        control: &Control,
    ) -> Result<(Vec<f64>, Vec<Slot>)> {
        cpu::scan_points(
            &self.points,
            self.dim,
            directions,
            k.min(self.len()),
            control,
        )
    }

    /// Between groups of queries, when nobody holds a slot: forget rows that no active set took, and shrink to
    /// the budget.
    pub fn trim(&mut self) {
        self.clock += 1;
        let most = (BUDGET / (8 * self.dim)).clamp(64, MOST);
        let mut order: Vec<Slot> = (0..self.len())
            .filter(|&slot| self.used[slot] != NEVER)
            .collect();
        if order.len() > most {
            order.sort_unstable_by_key(|&slot| (u64::MAX - self.used[slot], slot));
            // Half, so that a full pool is not trimmed after every group.
            order.truncate(most / 2);
            order.sort_unstable();
        }
        let mut kept = Pool::new(self.dim);
        kept.clock = self.clock;
        for slot in order {
            kept.slots.insert(self.rows[slot], kept.rows.len());
            kept.rows.push(self.rows[slot]);
            kept.used.push(self.used[slot]);
            kept.points.extend_from_slice(self.point(slot));
        }
        *self = kept;
    }
}
