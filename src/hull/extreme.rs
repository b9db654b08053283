//! In one, two and three dimensions: reduces the rows to a few whose hull contains all others.
//!
//! The hull of a million points in the plane has a few dozen corners. Chunks of rows are reduced to the corners of
//! their own hulls, in parallel, and then all these corners together. A row is dropped only if exact signs of
//! determinants prove that it lies in the hull of the kept rows (Shewchuk's predicates, from the `robust` crate), so
//! every verdict about the kept rows holds for all rows. Rows with values so large or small that the products in the
//! predicates would leave the range of f64 are always kept, and so are [`Far`](crate::scan::Far) rows.

mod polygon;
mod polytope;

use crate::control::Control;
use crate::error::Result;
use crate::rows::{Rows, Subset, map_chunks};
use crate::scan::Frame;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// With fewer rows a scan is as fast as the reduction.
const LEAST: usize = 4_096;

/// The reduction pays if at most one row in this many is kept.
const SHARE: usize = 8;

/// Magnitudes for which products of three values are exact in f64 expansions: 2^-290 to 2^300.
const TAME: std::ops::RangeInclusive<f64> = 5.027e-88..=2.037e90;

/// A point and its row index.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point<const D: usize> {
    at: [f64; D],
    row: usize,
}

/// The indices of rows whose hull contains all rows, ascending. `None` if there are too many dimensions, or if hardly
/// any row can be dropped.
///
/// Errors: rows that can no longer be read, and [`crate::Error::Interrupted`].
pub fn extreme<'r>(
    rows: &'r dyn Rows,
    frame: &Frame,
    control: &Control,
) -> Result<Option<Subset<'r>>> {
    if rows.len() < LEAST {
        return Ok(None);
    }
    let kept = match rows.dim() {
        1 => kept(rows, control, ends)?,
        2 => kept(rows, control, polygon::corners)?,
        3 => kept(rows, control, polytope::corners)?,
        _ => None,
    };
    Ok(kept.map(|mut kept| {
        kept.extend(&frame.far.rows);
        kept.sort_unstable();
        kept.dedup();
        Subset::new(rows.name(), rows, kept)
    }))
}

/// Reduce each chunk, then the kept rows of all chunks together.
fn kept<const D: usize>(
    rows: &dyn Rows,
    control: &Control,
    corners: impl Fn(Vec<Point<D>>) -> Vec<Point<D>> + Sync,
) -> Result<Option<Vec<usize>>> {
    let (seen, left) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let most = |seen: usize| LEAST.max(seen / SHARE);
    let parts = map_chunks(rows, control, |first, values| {
        // Skip the rest once too many rows were kept.
        if left.load(Relaxed) > most(seen.load(Relaxed)) {
            return (Vec::new(), Vec::new());
        }
        let (values, _) = values.as_chunks::<D>();
        // Adding 0 turns -0 into +0: points are sorted by their bits.
        let points = (first..).zip(values).map(|(row, at)| Point {
            at: at.map(|value| value + 0.0),
            row,
        });
        let (tame, wild): (Vec<_>, Vec<_>) = points.partition(tame);
        let tame = corners(tame);
        seen.fetch_add(values.len(), Relaxed);
        left.fetch_add(tame.len() + wild.len(), Relaxed);
        (tame, wild)
    })?;
    if left.load(Relaxed) > most(rows.len()) {
        return Ok(None);
    }
    let (tame, wild): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    let all = corners(tame.concat());
    let kept = all.iter().chain(wild.iter().flatten());
    let kept: Vec<usize> = kept.map(|point| point.row).collect();
    Ok((kept.len() <= rows.len() / SHARE).then_some(kept))
}

/// Whether the predicates are exact for this point.
fn tame<const D: usize>(point: &Point<D>) -> bool {
    let mut each = point.at.iter();
    each.all(|&value| value == 0.0 || TAME.contains(&value.abs()))
}

/// The first and the last point of a line.
fn ends(points: Vec<Point<1>>) -> Vec<Point<1>> {
    ends_by(&points, |point| point.at[0])
}

/// The points with the smallest and the largest value; among equals, the first.
fn ends_by<const D: usize>(points: &[Point<D>], value: impl Fn(&Point<D>) -> f64) -> Vec<Point<D>> {
    let order = |a: &&Point<D>, b: &&Point<D>| value(a).total_cmp(&value(b));
    let first = points.iter().min_by(order);
    let last = points.iter().rev().max_by(order);
    first.into_iter().chain(last).copied().collect()
}

#[cfg(test)]
mod tests;
