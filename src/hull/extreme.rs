//! In one, two and three dimensions: the few rows between which all others lie.
//!
//! The hull of a million points in the plane has some tens of corners. Chunks of rows are reduced to the corners of their
//! own hulls, in parallel, and these together once more. A row is left out only where exact signs of determinants say that
//! it lies in the hull of rows that are kept (Shewchuk's predicates, by the `robust` crate), so every verdict about the
//! rows that are kept is one about all. Rows whose values are so small or so large that the predicates' products would leave
//! the range of f64 are kept whatever they are, and so are [`Far`](crate::scan::Far) rows.

mod polygon;
mod polytope;

use crate::control::Control;
use crate::error::Result;
use crate::rows::{Rows, Subset, map_chunks};
use crate::scan::Frame;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Fewer rows are scanned as fast as they are reduced.
const LEAST: usize = 4_096;

/// Reducing pays where at most one row in so many is kept.
const SHARE: usize = 8;

/// Sizes of values whose products of three, to their last digit, f64 holds: 2^-290 to 2^300.
const TAME: std::ops::RangeInclusive<f64> = 5.027e-88..=2.037e90;

/// A point and its row.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point<const D: usize> {
    at: [f64; D],
    row: usize,
}

/// Rows in whose hull all rows lie, in their order; `None` where the dimensions are too many, or hardly any row can be
/// left out.
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

/// Reduce chunks, and what is left of them together.
fn kept<const D: usize>(
    rows: &dyn Rows,
    control: &Control,
    corners: impl Fn(Vec<Point<D>>) -> Vec<Point<D>> + Sync,
) -> Result<Option<Vec<usize>>> {
    let (seen, left) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let most = |seen: usize| LEAST.max(seen / SHARE);
    let parts = map_chunks(rows, control, |first, values| {
        // Once it is seen not to pay, the rest is skipped.
        if left.load(Relaxed) > most(seen.load(Relaxed)) {
            return (Vec::new(), Vec::new());
        }
        let (values, _) = values.as_chunks::<D>();
        // With one zero: points are put in order by their bits.
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

/// Whether the predicates are exact on a point.
fn tame<const D: usize>(point: &Point<D>) -> bool {
    let mut each = point.at.iter();
    each.all(|&value| value == 0.0 || TAME.contains(&value.abs()))
}

/// The first and the last point of a line.
fn ends(points: Vec<Point<1>>) -> Vec<Point<1>> {
    ends_by(&points, |point| point.at[0])
}

/// The points of the least and of the largest value; of equal ones the first.
fn ends_by<const D: usize>(points: &[Point<D>], value: impl Fn(&Point<D>) -> f64) -> Vec<Point<D>> {
    let order = |a: &&Point<D>, b: &&Point<D>| value(a).total_cmp(&value(b));
    let first = points.iter().min_by(order);
    let last = points.iter().rev().max_by(order);
    first.into_iter().chain(last).copied().collect()
}

#[cfg(test)]
mod tests;
