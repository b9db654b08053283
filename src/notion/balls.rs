//! Balls around rows, each with its own radius: an exact search, by nearest rows, for those that contain a point.
//!
//! ```text
//! |q - x| <= r   <=>   |(q, 0) - (x, h)|^2 <= R^2,      h^2 = R^2 - r^2,   R the largest radius
//! ```
//!
//! With one more coordinate, the rows whose balls contain q are those within R (the power distance: Aurenhammer, SIAM J.
//! Comput. 16, 1987). The search for nearest rows proves that no other row is nearer than the last one that it returns, and
//! thereby that no other ball contains q. It is asked for more rows until the last is beyond R; distances of the rows found
//! are computed again in the original coordinates. The largest balls are not searched but tested one by one, so that a few
//! outliers do not reduce the accuracy of the others' extra coordinate.

use super::metric::{Metric, Near};
use super::neighbours::Neighbours;
use super::wide::distance;
use crate::control::Control;
use crate::error::Result;
use crate::rows::{Element, Rows, Subset, map_chunks};
use crate::scan::rounding::{U64, gamma};
use crate::scan::{Engine, Frame, Scan};
use rayon::prelude::*;
use std::sync::{Arc, OnceLock};

/// The number of largest balls that are tested one by one: this many, and one more for every so many rows.
const WIDEST: usize = 64;
const WIDE_SHARE: usize = 1024;

/// The number of rows that are asked for at first (the nearest alone tells whether any ball holds a point), the largest number, and
/// the factor between requests; beyond, all rows are measured.
const FIRST: usize = 16;
const MOST: usize = 1024;
const GROWTH: usize = 4;

/// Points in one pass over all rows.
const TOGETHER: usize = 32;

/// Balls around all rows of a set.
pub(super) struct Balls<'r> {
    rows: &'r dyn Rows,
    sizes: Arc<Sizes>,
    /// The rows of the searched balls, with one more coordinate.
    lifted: Lifted<'r>,
}

/// The balls of a set, without the set.
pub(super) struct Sizes {
    radii: Vec<f64>,
    /// The rows of the searched balls, ascending, and the additional coordinate of each.
    searched: Vec<usize>,
    heights: Vec<f64>,
    /// The frame in which the balls are scanned, computed at the first search.
    frame: OnceLock<Frame>,
    /// The largest radius of the searched balls.
    reach: f64,
    /// The rows of the largest balls, ascending, and their values.
    wide: Vec<usize>,
    wide_points: Vec<f64>,
}

/// Which balls must be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sought {
    /// All that contain the point.
    All,
    /// One that contains the point, if any does.
    Any,
}

impl Sizes {
    /// Balls of the given radii (one per row, not negative) around all rows.
    ///
    /// Errors: rows that can no longer be read.
    pub fn new(rows: &dyn Rows, radii: Vec<f64>) -> Result<Self> {
        let mut order: Vec<usize> = (0..radii.len()).collect();
        order.sort_by(|&a, &b| radii[a].total_cmp(&radii[b]));
        let count = (WIDEST + radii.len() / WIDE_SHARE).min(radii.len());
        let mut wide = order.split_off(radii.len() - count);
        let reach = order.last().map_or(0.0, |&row| radii[row]);
        wide.sort_unstable();
        order.sort_unstable();
        let height = |&row: &usize| {
            let share = if reach > 0.0 { radii[row] / reach } else { 1.0 };
            reach * ((1.0 - share) * (1.0 + share)).sqrt()
        };
        let heights = order.iter().map(height).collect();
        let mut wide_points = vec![0.0; wide.len() * rows.dim()];
        rows.gather(&wide, &mut wide_points)?;
        Ok(Sizes {
            radii,
            searched: order,
            heights,
            frame: OnceLock::new(),
            reach,
            wide,
            wide_points,
        })
    }
}

impl<'r> Balls<'r> {
    /// Balls around `rows`, for which the sizes were made.
    pub fn new(rows: &'r dyn Rows, sizes: Arc<Sizes>) -> Self {
        let lifted = Lifted {
            rows: Subset::new(rows.name(), rows, sizes.searched.clone()),
            heights: sizes.heights.clone(),
        };
        Balls {
            rows,
            sizes,
            lifted,
        }
    }

    /// The radius of a row's ball.
    pub fn radius(&self, row: usize) -> f64 {
        self.sizes.radii[row]
    }

    /// The radius of every row's ball.
    pub fn radii(&self) -> &[f64] {
        &self.sizes.radii
    }

    /// For each point (n x d), rows with their distances. Among them are the rows whose balls contain the point: all, or one of
    /// them, depending on `sought`. If all are sought, the two others with the least `distance^2 - radius^2` are added.
    ///
    /// Errors: rows that can no longer be read, and [`crate::Error::Interrupted`].
    pub fn candidates(
        &self,
        points: &[f64],
        sought: Sought,
        engine: &dyn Engine,
        control: &Control,
    ) -> Result<Vec<Vec<Near>>> {
        let d = self.rows.dim();
        let mut found: Vec<Vec<usize>> = vec![Vec::new(); points.len() / d];
        let open = match self.lifted.is_empty() {
            true => Vec::new(),
            false => {
                let frame = self.frame(control)?;
                let scan = engine.scan_in(&self.lifted, frame, control)?;
                self.search(&*scan, points, sought, &mut found, control)?
            }
        };
        let each = points.par_chunks_exact(d).zip(&found);
        let measured = each.map(|(point, rows)| self.measured(point, rows));
        let mut answers: Vec<Vec<Near>> = measured.collect::<Result<_>>()?;
        self.measure_all(points, &open, &mut answers, control)?;
        Ok(answers)
    }

    /// The frame of the searched balls.
    fn frame(&self, control: &Control) -> Result<Frame> {
        if let Some(frame) = self.sizes.frame.get() {
            return Ok(frame.clone());
        }
        let frame = Frame::survey(&self.lifted, control)?;
        Ok(self.sizes.frame.get_or_init(|| frame).clone())
    }

    /// Searches rows with one more coordinate; returns the points that would need too many rows.
    fn search(
        &self,
        scan: &dyn Scan,
        points: &[f64],
        sought: Sought,
        found: &mut [Vec<usize>],
        control: &Control,
    ) -> Result<Vec<usize>> {
        let d = self.rows.dim();
        let search = Neighbours::new(&self.lifted, scan, Metric::Euclidean);
        // This exceeds all rounding errors of the extra coordinate and of both computations of distances.
        let slack = 4.0 * gamma(d + 32, U64);
        let reach = self.sizes.reach;
        let (within, beyond) = (reach * (1.0 - slack), reach * (1.0 + slack));
        let mut open: Vec<usize> = (0..found.len()).collect();
        let mut k = match sought {
            Sought::All => FIRST,
            Sought::Any => 1,
        };
        while !open.is_empty() && k <= MOST {
            let lifted: Vec<f64> = open
                .iter()
                .flat_map(|&place| points[place * d..][..d].iter().copied().chain([0.0]))
                .collect();
            let near = search.nearest(&lifted, k, control)?;
            let mut rest = Vec::new();
            for (place, near) in open.into_iter().zip(near) {
                let all = near.len() == self.lifted.len();
                let last = near.last().is_none_or(|last| last.1 > beyond);
                let any = near.first().is_some_and(|first| first.1 < within);
                if all || last || any && sought == Sought::Any {
                    let rows = near.iter().map(|&(row, _)| self.lifted.rows.chosen()[row]);
                    found[place] = rows.collect();
                } else {
                    rest.push(place);
                }
            }
            open = rest;
            k *= GROWTH;
        }
        Ok(open)
    }

    /// Distances of some rows, and of all rows with the largest balls.
    fn measured(&self, point: &[f64], rows: &[usize]) -> Result<Vec<Near>> {
        let mut values = vec![0.0; rows.len() * point.len()];
        self.rows.gather(rows, &mut values)?;
        let given = rows.iter().zip(values.chunks_exact(point.len()));
        let sizes = &self.sizes;
        let wide = sizes.wide.iter();
        let wide = wide.zip(sizes.wide_points.chunks_exact(point.len()));
        let near = given.chain(wide);
        Ok(near
            .map(|(&row, x)| (row, distance(x, point).rounded()))
            .collect())
    }

    /// The result of [`Balls::candidates`] for the remaining points, by measuring every row.
    fn measure_all(
        &self,
        points: &[f64],
        open: &[usize],
        answers: &mut [Vec<Near>],
        control: &Control,
    ) -> Result<()> {
        let d = self.rows.dim();
        for group in open.chunks(TOGETHER) {
            let parts = map_chunks(self.rows, control, |first, values| {
                let each = |&place: &usize| self.held(&points[place * d..][..d], first, values);
                group.iter().map(each).collect::<Vec<_>>()
            })?;
            for (at, &place) in group.iter().enumerate() {
                answers[place] = parts.iter().flat_map(|part| part[at].clone()).collect();
            }
        }
        Ok(())
    }

    /// Of rows `first ..`, those whose balls contain the point, and of the others the two of least power.
    fn held(&self, point: &[f64], first: usize, values: &[f64]) -> Vec<Near> {
        let mut held = Vec::new();
        let mut rest: Vec<(f64, Near)> = Vec::new();
        for (row, x) in (first..).zip(values.chunks_exact(point.len())) {
            let near = (row, distance(x, point).rounded());
            if near.1 <= self.radius(row) {
                held.push(near);
                continue;
            }
            rest.push((tangent(near.1, self.radius(row)), near));
            rest.sort_by(|a, b| a.0.total_cmp(&b.0));
            rest.truncate(2);
        }
        held.extend(rest.into_iter().map(|(_, near)| near));
        held
    }
}

/// The signed root of `distance^2 - radius^2`: outside a ball the length of a tangent from the point, inside negative.
pub(super) fn tangent(distance: f64, radius: f64) -> f64 {
    let apart = distance - radius;
    let length = apart.abs().sqrt() * (distance + radius).sqrt();
    if apart < 0.0 { -length } else { length }
}

/// Rows with one more coordinate.
struct Lifted<'r> {
    rows: Subset<'r>,
    heights: Vec<f64>,
}

impl Rows for Lifted<'_> {
    fn name(&self) -> &str {
        self.rows.name()
    }

    fn len(&self) -> usize {
        self.heights.len()
    }

    fn dim(&self) -> usize {
        self.rows.dim() + 1
    }

    fn element(&self) -> Element {
        Element::F64
    }

    fn fits_f32(&self) -> bool {
        false
    }

    fn resident_bytes(&self) -> u64 {
        self.rows.resident_bytes()
    }

    fn read_f64(&self, first: usize, out: &mut [f64]) -> Result<()> {
        let d = self.dim();
        let count = out.len() / d;
        let mut values = vec![0.0; count * (d - 1)];
        self.rows.read_f64(first, &mut values)?;
        let heights = &self.heights[first..first + count];
        for ((out, row), height) in out
            .chunks_exact_mut(d)
            .zip(values.chunks_exact(d - 1))
            .zip(heights)
        {
            out[..d - 1].copy_from_slice(row);
            out[d - 1] = *height;
        }
        Ok(())
    }
}
