//! The search in a k-d tree: nearest boxes first, leaves in whole vectors of points.

use super::super::metric::{Metric, Near};
use super::super::wide::PLAIN;
use super::{Fixed, Form, LEAF};
use crate::control::Control;
use crate::error::Result;
use rayon::prelude::*;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Queries that a thread takes at a time.
const TOGETHER: usize = 32;

/// The relative rounding error between a square, its root, and the square of that root.
const ROOT: f64 = 4.0 * f64::EPSILON;

/// A row among the nearest; ordered by distance, then by row.
#[derive(Debug, Clone, Copy)]
struct Held {
    distance: f64,
    row: u32,
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_distance = self.distance.total_cmp(&other.distance);
        by_distance.then(self.row.cmp(&other.row))
    }
}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Held {}

/// A node that is still to be visited.
struct Ahead {
    /// The computed squared distance of its box.
    square: f64,
    node: usize,
    leaf: usize,
    leaves: usize,
}

/// The k nearest points so far.
struct Best {
    k: usize,
    metric: Metric,
    held: BinaryHeap<Held>,
    /// The last of the k nearest, once there are k.
    last: Option<Held>,
    /// Points with a larger square are farther than the last one; those with a square below `floor` are nearer.
    bar: f64,
    floor: f64,
}

impl Best {
    fn new(k: usize, metric: Metric) -> Self {
        Best {
            k,
            metric,
            held: BinaryHeap::with_capacity(k),
            last: None,
            bar: f64::INFINITY,
            floor: f64::INFINITY,
        }
    }

    /// Clears the list for a new query; the rows in `zeros` are inserted at distance 1.
    fn clear(&mut self, zeros: &[u32]) {
        self.held.clear();
        self.last = None;
        (self.bar, self.floor) = (f64::INFINITY, f64::INFINITY);
        for &row in zeros.iter().take(self.k) {
            self.keep(Held { distance: 1.0, row });
        }
    }

    /// The distance from a computed square, rounded as in [`super::super::wide::distance`].
    fn distance(&self, square: f64) -> f64 {
        match self.metric {
            Metric::Euclidean => square.sqrt(),
            _ => 0.5 * square,
        }
    }

    #[inline(always)]
    fn offer(&mut self, square: f64, row: u32) {
        let distance = self.distance(square);
        self.keep(Held { distance, row });
    }

    fn keep(&mut self, new: Held) {
        if self.held.len() < self.k {
            self.held.push(new);
        } else if let Some(mut last) = self.held.peek_mut()
            && new < *last
        {
            *last = new;
        }
        if self.held.len() == self.k
            && let Some(&last) = self.held.peek()
        {
            self.last = Some(last);
            let square = match self.metric {
                Metric::Euclidean => last.distance * last.distance,
                _ => 2.0 * last.distance,
            };
            self.bar = square * (1.0 + ROOT);
            self.floor = square * (1.0 - ROOT);
        }
    }

    /// Whether no point of a box can be among the nearest, given its squared distance and its lowest row `first`.
    #[inline(always)]
    fn excludes(&self, square: f64, first: u32) -> bool {
        square > self.bar || (square >= self.floor && self.ties(square, first))
    }

    /// Whether a box is no nearer than the last of the nearest, and has only higher rows.
    #[cold]
    fn ties(&self, square: f64, first: u32) -> bool {
        let distance = self.distance(square);
        self.last.is_some_and(|last| {
            distance
                .total_cmp(&last.distance)
                .then(first.cmp(&last.row))
                .is_gt()
        })
    }

    /// The rows found, nearest first.
    fn found(&mut self) -> Vec<Near> {
        let mut held: Vec<Held> = self.held.drain().collect();
        held.sort_unstable();
        let near = held.iter().map(|near| (near.row as usize, near.distance));
        near.collect()
    }
}

/// The computed square of the distance between a query and a box.
#[inline(always)]
fn square_to<const D: usize>([lowest, highest]: &[[f64; D]; 2], query: &[f64; D]) -> f64 {
    let mut square = 0.0;
    for column in 0..D {
        let below = lowest[column] - query[column];
        let above = query[column] - highest[column];
        let off = f64::max(f64::max(below, above), 0.0);
        square += off * off;
    }
    square
}

impl<const D: usize> Fixed<D> {
    /// Visits the points that may be among the nearest; false where squares are too small for f64.
    #[inline(always)]
    fn seek(&self, query: &[f64; D], best: &mut Best, ahead: &mut Vec<Ahead>) -> bool {
        ahead.clear();
        ahead.push(Ahead {
            square: square_to(&self.bounds[0], query),
            node: 0,
            leaf: 0,
            leaves: self.panels.len(),
        });
        while let Some(mut at) = ahead.pop() {
            while at.leaves > 1 && !best.excludes(at.square, self.firsts[at.node]) {
                at = self.descend(&at, query, ahead);
            }
            if !best.excludes(at.square, self.firsts[at.node]) && !self.meet(at.leaf, query, best) {
                return false;
            }
        }
        true
    }

    /// Returns the nearer child; the other is put on the stack.
    #[inline(always)]
    fn descend(&self, at: &Ahead, query: &[f64; D], ahead: &mut Vec<Ahead>) -> Ahead {
        let half = at.leaves / 2;
        let (left, right) = (at.node + 1, at.node + 2 * half);
        let left = Ahead {
            square: square_to(&self.bounds[left], query),
            node: left,
            leaf: at.leaf,
            leaves: half,
        };
        let right = Ahead {
            square: square_to(&self.bounds[right], query),
            node: right,
            leaf: at.leaf + half,
            leaves: at.leaves - half,
        };
        let left_first = match left.square.total_cmp(&right.square) {
            Ordering::Less => true,
            Ordering::Equal => self.firsts[left.node] < self.firsts[right.node],
            Ordering::Greater => false,
        };
        let (near, far) = if left_first {
            (left, right)
        } else {
            (right, left)
        };
        ahead.push(far);
        near
    }

    /// Tests the points of a leaf; false where a square is too small for f64, unless the point equals the query.
    #[inline(always)]
    fn meet(&self, leaf: usize, query: &[f64; D], best: &mut Best) -> bool {
        let panel = &self.panels[leaf];
        let mut squares = [0.0; LEAF];
        for column in 0..D {
            for place in 0..LEAF {
                let off = panel[column][place] - query[column];
                squares[place] += off * off;
            }
        }
        let count = if leaf + 1 == self.panels.len() {
            self.last
        } else {
            LEAF
        };
        let near = squares.iter().fold(f64::INFINITY, |a, &b| a.min(b));
        if near > best.bar {
            return true;
        }
        for (place, &square) in squares[..count].iter().enumerate() {
            if square <= best.bar {
                let tiny = square < PLAIN.start && best.metric == Metric::Euclidean;
                if tiny && (0..D).any(|column| panel[column][place] != query[column]) {
                    return false;
                }
                best.offer(square, self.rows[leaf][place]);
            }
        }
        true
    }
}

/// Some queries of one thread, searched by code compiled for the instruction set found at run time.
struct Part<'t, const D: usize> {
    tree: &'t Fixed<D>,
    queries: &'t [[f64; D]],
    best: &'t mut Best,
    zeros: &'t [u32],
}

impl<const D: usize> pulp::NullaryFnOnce for Part<'_, D> {
    type Output = Vec<Option<Vec<Near>>>;

    #[inline(always)]
    fn call(self) -> Self::Output {
        let mut ahead = Vec::new();
        let mut answers = Vec::with_capacity(self.queries.len());
        for query in self.queries {
            self.best.clear(self.zeros);
            let good = self.tree.seek(query, self.best, &mut ahead);
            let near = self.best.found();
            // f64 cannot rank squares beyond its range, but nearer points were ranked, so they are kept first.
            let last = near.last().map_or(0.0, |near| near.1);
            let ranked = good && (self.best.metric != Metric::Euclidean || last * last < PLAIN.end);
            answers.push(ranked.then_some(near));
        }
        answers
    }
}

impl<const D: usize> Form for Fixed<D> {
    fn nearest(
        &self,
        queries: &[f64],
        k: usize,
        metric: Metric,
        zeros: &[u32],
        control: &Control,
    ) -> Result<Vec<Option<Vec<Near>>>> {
        let (queries, _) = queries.as_chunks::<D>();
        let arch = pulp::Arch::new();
        let parts: Vec<Vec<Option<Vec<Near>>>> = queries
            .par_chunks(TOGETHER)
            .map_init(
                || Best::new(k, metric),
                |best, queries| {
                    control.check()?;
                    Ok(arch.dispatch(Part {
                        tree: self,
                        queries,
                        best,
                        zeros,
                    }))
                },
            )
            .collect::<Result<_>>()?;
        Ok(parts.into_iter().flatten().collect())
    }
}
