//! A k-d tree: finds the exact nearest rows in few dimensions without computing most distances.
//!
//! Points lie in leaves of `LEAF`, column by column; a node is the bounding box of its points. A search keeps the k nearest
//! points found so far and skips every box that is farther than the last of them. Both distances are f64 sums over the same
//! columns in the same order, and rounding is monotonic: if a box is at least as far in every column, so is the computed
//! sum. Therefore no allowance for rounding is needed, the answers are those of computing every distance, and of equally
//! distant rows the lower ones are kept. Where squares lose digits in f64 (below 1e-280 or above 1e300) a search returns no
//! answer (`Tree::nearest`).
//!
//! The layout is implicit: the left child of a node has the first half of its leaves and directly follows the node; the right
//! child follows the left child's nodes. J. L. Bentley, Multidimensional binary search trees, CACM 18 (1975); splits at the
//! median of the widest column after Friedman, Bentley and Finkel, ACM TOMS 3 (1977).

mod search;

use super::metric::{Metric, Near};
use crate::control::Control;
use crate::error::Result;
use crate::rows::{Rows, chunk_rows, normalise};
use crate::scan::Frame;
use rayon::prelude::*;

/// Points of a leaf: few, so that most of a visited leaf is near, but enough for full vectors of f64.
const LEAF: usize = 16;

/// Branches with fewer points are built by a single thread.
const ALONE: usize = 1 << 13;

/// The range of the data's unit in which squares of distances keep their digits.
const UNITS: std::ops::Range<f64> = 1e-100..1e100;

/// Whether a tree over `n` rows of `d` columns, including its construction, answers 2,000 queries faster than a scan.
///
/// Seconds for 2,000 Gaussian queries and rows, k = 1 and 10, on 2 cores with AVX-512 (scan; tree + its construction):
///
/// | d | n = 10,000 | | n = 1,000,000 | |
/// |--|--|--|--|--|
/// | 2 | 0.05, 0.12 | 0.001, 0.004 + 0.001 | 2.4, 2.2 | 0.008, 0.012 + 0.6 |
/// | 4 | 0.06, 0.08 | 0.002, 0.005 + 0.001 | 2.1, 2.3 | 0.015, 0.042 + 0.8 |
/// | 8 | 0.05, 0.09 | 0.024, 0.057 + 0.002 | 2.1, 2.9 | 0.23, 0.69 + 1.0 |
/// | 10 | 0.06, 0.13 | 0.065, 0.136 + 0.004 | 3.1, 3.1 | 0.96, 2.6 + 1.1 |
/// | 12 | 0.06, 0.15 | 0.12, 0.20 + 0.01 | 3.2, 2.8 | 3.1, 5.7 + 1.5 |
/// | 14 | 0.03, 0.11 | 0.16, 0.24 + 0.003 | 2.8, 3.4 | 5.6, 12.8 + 0.9 |
/// | 16 | 0.04, 0.07 | 0.17, 0.24 + 0.01 | - | - |
pub fn pays(n: usize, d: usize) -> bool {
    let most = if n < 1_000_000 { 8 } else { 10 };
    d <= most
}

/// The most bytes that a tree takes while it is built.
fn bytes(n: usize, d: usize) -> u64 {
    let point = 8 * d + 8;
    let leaf = LEAF * (8 * d + 4) + 2 * (16 * d + 4);
    (n * point + n.div_ceil(LEAF) * leaf) as u64
}

/// A search tree over one reference set.
pub struct Tree {
    metric: Metric,
    len: usize,
    /// Rows of zeros, which have no angle for the cosine and are not in the tree.
    zeros: Vec<u32>,
    form: Option<Box<dyn Form>>,
}

/// A tree of any number of dimensions.
trait Form: Send + Sync {
    /// See `Tree::nearest`; rows in `zeros` have distance 1.
    fn nearest(
        &self,
        queries: &[f64],
        k: usize,
        metric: Metric,
        zeros: &[u32],
        control: &Control,
    ) -> Result<Vec<Option<Vec<Near>>>>;
}

/// A point and its row.
#[derive(Debug, Clone, Copy)]
struct Point<const D: usize> {
    at: [f64; D],
    row: u32,
}

/// The smallest and the largest value of each column.
type Bounds<const D: usize> = [[f64; D]; 2];

/// A tree of D dimensions; the order of its nodes is described at the top of this file.
struct Fixed<const D: usize> {
    /// The bounding box of each node.
    bounds: Vec<Bounds<D>>,
    /// The lowest row of each node.
    firsts: Vec<u32>,
    /// The points of each leaf, column by column; the last leaf is filled up with copies of its last point.
    panels: Vec<[[f64; LEAF]; D]>,
    rows: Vec<[u32; LEAF]>,
    /// The number of points in the last leaf.
    last: usize,
}

impl Tree {
    /// A tree over `rows` for searches by `metric`, if it is faster than a scan, the magnitudes of the rows (in `frame`) allow
    /// it, and it fits into `room` bytes.
    ///
    /// Errors: rows that can no longer be read, and [`crate::Error::Interrupted`].
    pub fn where_it_pays(
        rows: &dyn Rows,
        frame: &Frame,
        metric: Metric,
        room: u64,
        control: &Control,
    ) -> Result<Option<Self>> {
        let (n, d) = (rows.len(), rows.dim());
        let plain = metric == Metric::Cosine || UNITS.contains(&frame.euclid.recip());
        if metric == Metric::Dot || !pays(n, d) || !plain || bytes(n, d) > room {
            return Ok(None);
        }
        Self::new(rows, metric, control)
    }

    /// A tree over `rows`; `None` for inner products, for more than 10 columns, and for 2^32 rows or more.
    ///
    /// Errors: as [`Tree::where_it_pays`].
    pub fn new(rows: &dyn Rows, metric: Metric, control: &Control) -> Result<Option<Self>> {
        if metric == Metric::Dot || u32::try_from(rows.len()).is_err() {
            return Ok(None);
        }
        macro_rules! of_dims {
            ($($d:literal)*) => {
                match rows.dim() {
                    $($d => Self::of::<$d>(rows, metric, control).map(Some),)*
                    _ => Ok(None),
                }
            };
        }
        of_dims!(1 2 3 4 5 6 7 8 9 10)
    }

    fn of<const D: usize>(rows: &dyn Rows, metric: Metric, control: &Control) -> Result<Self> {
        let mut points: Vec<Point<D>> = read(rows, metric, control)?;
        let mut zeros = Vec::new();
        if metric == Metric::Cosine {
            let zero = |point: &Point<D>| point.at.iter().all(|&value| value == 0.0);
            zeros.extend(points.iter().filter(|point| zero(point)).map(|p| p.row));
            points.retain(|point| !zero(point));
        }
        let form = match points.len() {
            0 => None,
            _ => Some(Box::new(Fixed::grown(points, control)?) as Box<dyn Form>),
        };
        Ok(Tree {
            metric,
            len: rows.len(),
            zeros,
            form,
        })
    }

    /// The metric of the tree.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// The k nearest rows of each query (B x d; of unit length for cosine), nearest first; min(k, N) each. `None` if squares of
    /// the distances leave the range of f64.
    ///
    /// Errors: [`crate::Error::Interrupted`].
    pub(super) fn nearest(
        &self,
        queries: &[f64],
        d: usize,
        k: usize,
        control: &Control,
    ) -> Result<Vec<Option<Vec<Near>>>> {
        let k = k.min(self.len);
        let Some(form) = &self.form else {
            let all: Vec<Near> = (0..k).map(|row| (row, 1.0)).collect();
            return Ok(vec![Some(all); queries.len() / d]);
        };
        let mut found = form.nearest(queries, k, self.metric, &self.zeros, control)?;
        if self.metric == Metric::Cosine {
            for (found, query) in found.iter_mut().zip(queries.chunks_exact(d)) {
                if query.iter().all(|&value| value == 0.0) {
                    *found = Some((0..k).map(|row| (row, 1.0)).collect());
                }
            }
        }
        Ok(found)
    }
}

/// All rows as points: as stored, or scaled to unit length.
fn read<const D: usize>(
    rows: &dyn Rows,
    metric: Metric,
    control: &Control,
) -> Result<Vec<Point<D>>> {
    let origin = Point {
        at: [0.0; D],
        row: 0,
    };
    let mut points = vec![origin; rows.len()];
    let step = chunk_rows(D);
    points.par_chunks_mut(step).enumerate().try_for_each_init(
        Vec::new,
        |values, (chunk, points)| {
            control.check()?;
            values.resize(points.len() * D, 0.0);
            rows.read_f64(chunk * step, values)?;
            if metric == Metric::Cosine {
                normalise(values, D);
            }
            let (values, _) = values.as_chunks::<D>();
            for ((row, point), &at) in (chunk * step..).zip(points).zip(values) {
                let row = row as u32;
                *point = Point { at, row };
            }
            Ok(())
        },
    )?;
    Ok(points)
}

impl<const D: usize> Fixed<D> {
    /// A tree of at least one point.
    fn grown(mut points: Vec<Point<D>>, control: &Control) -> Result<Self> {
        let leaves = points.len().div_ceil(LEAF);
        let mut tree = Fixed {
            bounds: vec![[[0.0; D]; 2]; 2 * leaves - 1],
            firsts: vec![0; 2 * leaves - 1],
            panels: vec![[[0.0; LEAF]; D]; leaves],
            rows: vec![[0; LEAF]; leaves],
            last: points.len() - (leaves - 1) * LEAF,
        };
        let root = Branch {
            points: &mut points,
            bounds: &mut tree.bounds,
            firsts: &mut tree.firsts,
            panels: &mut tree.panels,
            rows: &mut tree.rows,
        };
        root.grow(control)?;
        Ok(tree)
    }
}

/// A node with all nodes below it, during construction.
struct Branch<'t, const D: usize> {
    points: &'t mut [Point<D>],
    bounds: &'t mut [Bounds<D>],
    firsts: &'t mut [u32],
    panels: &'t mut [[[f64; LEAF]; D]],
    rows: &'t mut [[u32; LEAF]],
}

impl<const D: usize> Branch<'_, D> {
    fn grow(self, control: &Control) -> Result<()> {
        let count = self.points.len();
        self.bounds[0] = bounds(self.points);
        self.firsts[0] = self.points.iter().map(|p| p.row).min().unwrap_or(0);
        if self.panels.len() == 1 {
            self.fill();
            return Ok(());
        }
        let [left, right] = self.halves();
        if count < ALONE {
            left.grow(control)?;
            return right.grow(control);
        }
        control.check()?;
        let (left, right) = rayon::join(|| left.grow(control), || right.grow(control));
        left.and(right)
    }

    /// The children, split at the median of the widest column.
    fn halves(self) -> [Self; 2] {
        let [lowest, highest] = self.bounds[0];
        let width = |column: usize| highest[column] - lowest[column];
        let widest = (0..D).max_by(|&a, &b| width(a).total_cmp(&width(b)));
        let widest = widest.unwrap_or(0);
        let leaves = self.panels.len() / 2;
        let along = |a: &Point<D>, b: &Point<D>| a.at[widest].total_cmp(&b.at[widest]);
        self.points.select_nth_unstable_by(leaves * LEAF, along);
        let (points, later_points) = self.points.split_at_mut(leaves * LEAF);
        let (bounds, later_bounds) = self.bounds[1..].split_at_mut(2 * leaves - 1);
        let (firsts, later_firsts) = self.firsts[1..].split_at_mut(2 * leaves - 1);
        let (panels, later_panels) = self.panels.split_at_mut(leaves);
        let (rows, later_rows) = self.rows.split_at_mut(leaves);
        let left = Branch {
            points,
            bounds,
            firsts,
            panels,
            rows,
        };
        let right = Branch {
            points: later_points,
            bounds: later_bounds,
            firsts: later_firsts,
            panels: later_panels,
            rows: later_rows,
        };
        [left, right]
    }

    /// Write the points of a leaf.
    fn fill(self) {
        for place in 0..LEAF {
            let point = self.points[place.min(self.points.len() - 1)];
            for column in 0..D {
                self.panels[0][column][place] = point.at[column];
            }
            self.rows[0][place] = point.row;
        }
    }
}

/// The bounding box of some points.
fn bounds<const D: usize>(points: &[Point<D>]) -> Bounds<D> {
    let mut bounds = [[f64::INFINITY; D], [f64::NEG_INFINITY; D]];
    for point in points {
        for column in 0..D {
            bounds[0][column] = bounds[0][column].min(point.at[column]);
            bounds[1][column] = bounds[1][column].max(point.at[column]);
        }
    }
    bounds
}

#[cfg(test)]
mod tests;
