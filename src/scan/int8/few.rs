//! One batch of few directions over all rows, for which an f32 product would compute a whole group of lanes: all integer
//! products first, then f32 for the rows that these cannot exclude.
//!
//! ```text
//! tiles        integer products with every direction, stored; the k greatest estimates of each direction are noted
//! k rows       those with the greatest estimates are scored in f32: the k-th best score becomes the bar
//! every row    is compared with the bar, and scored in f32 if its product cannot exclude it
//! the last rows, less than a tile: scored in f32
//! ```
//!
//! The estimates only choose which rows are scored first. The proof is that of [`super::bound`]: a row that is not scored lies
//! strictly below the bar. Directions are rounded to 16 bits if the kernel takes them: for a first direction of MNIST's
//! hull, 60 to 100 of 60,000 rows then remain to be scored, instead of 600 to 26,000 with 8 bits.

use super::batch::{How, quantised};
use super::bound::{Lane, Thresholds, estimates};
use super::kernel::{Kernel, Lanes, Panel, Scratch};
use super::numbers::wide_levels;
use super::rescore::TOGETHER;
use super::stated::{Answer, Stated};
use super::tile::{Kept, PANEL};
use crate::control::Control;
use crate::error::Result;
use crate::scan::Batch;
use crate::scan::cpu::{Space, TILE, TileDecoder, Tiles};
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard};

/// The tiles whose products are stored at a time: a million rows, 16 MiB for four directions.
const STRETCH: usize = 4096;

/// If more than one product in this many cannot be excluded, the batch would have been faster in f32.
const CROWD: usize = 16;

/// A batch of few directions.
pub struct FewBatch<'s, 'a> {
    stated: Stated<'s, 'a>,
    kept: &'s Kept,
    kernel: Kernel,
    lanes: Lanes,
    bounds: Vec<Lane>,
    /// Take the tiles in the opposite order: what the scan before left in the caches comes first.
    backwards: bool,
    /// The number of tiles whose products are stored at a time.
    stretch: usize,
}

/// Buffers of one worker.
#[derive(Default)]
struct Worker {
    scratch: Scratch,
    estimates: Vec<f32>,
    space: Space<f32>,
}

/// The k rows with the greatest estimates, and up to as many more until they are next sorted out.
struct Greatest {
    k: usize,
    rows: Vec<(f32, usize)>,
    /// No row with a smaller estimate is one of the k.
    bar: f32,
}

impl Greatest {
    fn new(k: usize) -> Self {
        Greatest {
            k,
            rows: Vec::with_capacity(2 * k),
            bar: f32::NEG_INFINITY,
        }
    }

    /// Add a row.
    fn push(&mut self, estimate: f32, row: usize) {
        self.rows.push((estimate, row));
        if self.rows.len() >= 2 * self.k {
            self.shorten();
        }
    }

    /// Drop all but the k greatest.
    fn shorten(&mut self) {
        if self.rows.len() >= self.k {
            let (_, least, _) = self
                .rows
                .select_nth_unstable_by(self.k - 1, |a, b| b.0.total_cmp(&a.0));
            self.bar = least.0;
            self.rows.truncate(self.k);
        }
    }
}

/// What a lock holds. Rows behind a poisoned lock are still valid.
fn locked(greatest: &Mutex<Greatest>) -> MutexGuard<'_, Greatest> {
    greatest.lock().unwrap_or_else(|held| held.into_inner())
}

impl<'s, 'a> FewBatch<'s, 'a> {
    /// Prepares the batch. `None` if a direction is out of the range of the integers and their bounds.
    pub fn new(
        source: TileDecoder<'a>,
        kept: &'s Kept,
        how: How,
        batch: &'s Batch<'s>,
        backwards: bool,
    ) -> Option<Self> {
        let d = Tiles::<f32>::dim(&source);
        let (directions, bias) = (batch.directions, batch.bias);
        let (lanes, bounds) = if how.kernel.takes_wide() {
            let (numbers, bounds) = quantised(directions, bias, wide_levels(d))?;
            (Lanes::wide(&numbers, d), bounds)
        } else {
            let (numbers, bounds) = quantised(directions, bias, how.levels)?;
            (Lanes::new(&numbers, d, how.kernel), bounds)
        };
        Some(FewBatch {
            stated: Stated::new(source, batch, how.chain),
            kept,
            kernel: how.kernel,
            lanes,
            bounds,
            backwards,
            stretch: STRETCH,
        })
    }

    /// Scan with all threads. `None` if a tile is out of the range of the integers.
    pub fn run(self, control: &Control) -> Result<Option<Answer>> {
        let rows = Tiles::<f32>::len(&self.stated.source);
        let (whole, rest) = (rows / TILE, self.stated.rest());
        let (mut space, mut scores) = (Space::default(), Vec::new());
        self.stated
            .rows(whole * TILE, rest, &mut space, &mut scores)?;
        let mut stretches: Vec<usize> = (0..whole).step_by(self.stretch).collect();
        if self.backwards {
            stretches.reverse();
        }
        let mut scored = 0;
        for first in stretches {
            let tiles = first..whole.min(first + self.stretch);
            let Some(pairs) = self.stretch(tiles, control)? else {
                return Ok(None);
            };
            scored += pairs;
        }
        let slow = scored > rows * self.bounds.len() / CROWD;
        let (scores, rows) = self.stated.lists.finish();
        Ok(Some(Answer { scores, rows, slow }))
    }

    /// Scan some tiles; returns the number of pairs that were scored, `None` if a tile is out of range.
    fn stretch(&self, tiles: std::ops::Range<usize>, control: &Control) -> Result<Option<usize>> {
        let count = self.bounds.len();
        let mut products = vec![0i32; tiles.len() * count * TILE];
        let k = self.stated.batch.k;
        let greatest: Vec<_> = (0..count).map(|_| Mutex::new(Greatest::new(k))).collect();
        if !self.products(tiles.start, &mut products, &greatest, control)? {
            return Ok(None);
        }
        let mut first: Vec<(usize, usize)> = Vec::with_capacity(2 * k * count);
        for (lane, greatest) in greatest.iter().enumerate() {
            let mut greatest = locked(greatest);
            greatest.shorten();
            first.extend(greatest.rows.iter().map(|&(_, row)| (row, lane)));
        }
        first.sort_unstable();
        self.score(&first, control)?;
        let left = self.left(tiles.start, &products, &first, control)?;
        self.score(&left, control)?;
        Ok(Some(first.len() + left.len()))
    }

    /// The products of the tiles from `first` on, for each tile directions x rows; and the greatest estimates of each
    /// direction. False if a tile cannot be quantised.
    fn products(
        &self,
        first: usize,
        products: &mut [i32],
        greatest: &[Mutex<Greatest>],
        control: &Control,
    ) -> Result<bool> {
        let tiles = products.par_chunks_exact_mut(greatest.len() * TILE);
        let all = AtomicBool::new(true);
        let each = |worker: &mut Worker, (place, products): (usize, &mut [i32])| {
            control.check()?;
            if !self.tile(first + place, products, greatest, worker)? {
                all.store(false, Relaxed);
            }
            Ok(())
        };
        let tiles = tiles.enumerate();
        match self.backwards {
            true => tiles.rev().try_for_each_init(Worker::default, each)?,
            false => tiles.try_for_each_init(Worker::default, each)?,
        }
        Ok(all.into_inner())
    }

    /// The products of one tile. False if it cannot be quantised.
    fn tile(
        &self,
        tile: usize,
        products: &mut [i32],
        greatest: &[Mutex<Greatest>],
        worker: &mut Worker,
    ) -> Result<bool> {
        let Worker {
            scratch,
            estimates: found,
            space,
        } = worker;
        let source = &self.stated.source;
        let done = self.kept.with(tile, source, space, |numbers| {
            let rows = Panel::new(&numbers.rows, numbers.rows.len() / TILE);
            self.kernel.few(rows, &self.lanes, scratch, products);
            let each = products.chunks_exact(TILE).zip(&self.bounds);
            for ((products, bound), greatest) in each.zip(greatest) {
                found.resize(TILE, 0.0);
                estimates(bound, &numbers.bounds, products, found);
                let mut greatest = locked(greatest);
                for (r, &estimate) in found.iter().enumerate() {
                    if estimate > greatest.bar {
                        greatest.push(estimate, tile * TILE + r);
                    }
                }
            }
            Ok(())
        });
        Ok(done?.is_some())
    }

    /// The pairs of a row and a direction that the products of tiles from `first` on cannot exclude, without those in
    /// `known` (sorted).
    fn left(
        &self,
        first: usize,
        products: &[i32],
        known: &[(usize, usize)],
        control: &Control,
    ) -> Result<Vec<(usize, usize)>> {
        let count = self.bounds.len();
        let tiles = products.par_chunks_exact(count * TILE).enumerate();
        let of_tile = |(place, products): (usize, &[i32])| -> Result<Vec<(usize, usize)>> {
            control.check()?;
            let tile = first + place;
            let mut thresholds = Thresholds::default();
            let mut left = Vec::new();
            // The tile is there, since its products are.
            let source = &self.stated.source;
            self.kept
                .with(tile, source, &mut Space::default(), |numbers| {
                    for (panel, rows) in numbers.bounds.chunks_exact(PANEL).enumerate() {
                        let bars = (0..count).map(|lane| self.stated.lists.bar(lane));
                        thresholds.set(&numbers.panels[panel], &self.bounds, bars, count);
                        for lane in 0..count {
                            let products = &products[lane * TILE + panel * PANEL..][..PANEL];
                            let row = tile * TILE + panel * PANEL;
                            let found = |r: usize| left.push((row + r, lane));
                            thresholds.survivors_of(lane, rows, products, found);
                        }
                    }
                    Ok(())
                })?;
            left.retain(|pair| known.binary_search(pair).is_err());
            Ok(left)
        };
        let left: Vec<Vec<(usize, usize)>> = tiles.map(of_tile).collect::<Result<_>>()?;
        Ok(left.concat())
    }

    /// Score pairs of a row and a direction in f32.
    fn score(&self, pairs: &[(usize, usize)], control: &Control) -> Result<()> {
        let d = self.stated.dim();
        let groups = pairs.par_chunks(TOGETHER);
        groups.try_for_each_init(
            || (Space::default(), vec![0f32; TOGETHER * d]),
            |(space, rows), pairs| {
                control.check()?;
                for (&(row, _), out) in pairs.iter().zip(rows.chunks_exact_mut(d)) {
                    let read: &[f32] = self.stated.source.read(row, 1, space)?;
                    out.copy_from_slice(&read[..d]);
                }
                self.stated.pairs(pairs, |p| &rows[p * d..(p + 1) * d]);
                Ok(())
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;
    use crate::scan::int8::numbers::levels;
    use crate::scan::int8::rescore::Chain;
    use crate::scan::{CpuScan, Frame, Scan};

    /// Nine whole tiles and a rest, in stretches of 1, 4 and all tiles, forwards and backwards, with each kernel.
    #[test]
    fn stretches_and_their_order_change_no_answer() {
        let d = 20;
        let values = (0..(9 * TILE + 37) * d).map(|i| ((i * i + 31 * i) % 10_007) as f64 / 128.0);
        let rows = Memory::from_f64("rows", d, values.collect());
        let control = Control::default();
        let frame = Frame::survey(&rows, &control).unwrap();
        let Some(chain) = Chain::of_product(d) else {
            return;
        };
        let directions: Vec<f32> = (0..3 * d).map(|i| (i * 7 % 13) as f32 - 6.0).collect();
        let batch = Batch {
            directions: &directions,
            bias: &[0.0, 1.0, 0.5],
            k: 12,
        };
        let plain = CpuScan::in_frame(&rows, frame.clone());
        let expected = plain.scan(&batch, &control).unwrap();
        for kernel in Kernel::all() {
            let kept = Kept::new(9 * TILE + 37, d, true);
            for (stretch, backwards) in [(1, true), (4, false), (4, true), (STRETCH, true)] {
                let how = How {
                    kernel,
                    chain,
                    levels: levels(d),
                    stays: true,
                };
                let source = TileDecoder::new(&rows, &frame);
                let mut few = FewBatch::new(source, &kept, how, &batch, backwards).unwrap();
                few.stretch = stretch;
                let found = few.run(&control).unwrap().unwrap();
                for b in 0..3 {
                    let place = b * 12..(b + 1) * 12;
                    let of = (&found.scores[place.clone()], &found.rows[place]);
                    assert_eq!(of, expected.of(b), "{kernel:?}, {stretch} tiles");
                }
                assert!(!found.slow);
            }
        }
    }

    /// The k greatest of any numbers, in any order.
    #[test]
    fn the_greatest_are_kept() {
        for k in [1, 3, 40] {
            let mut greatest = Greatest::new(k);
            for row in 0..97 {
                let estimate = (row * 31 % 97) as f32;
                if estimate > greatest.bar {
                    greatest.push(estimate, row);
                }
            }
            greatest.shorten();
            let mut kept: Vec<f32> = greatest
                .rows
                .iter()
                .map(|&(estimate, _)| estimate)
                .collect();
            kept.sort_unstable_by(f32::total_cmp);
            let expected: Vec<f32> = (97 - k..97).map(|v| v as f32).collect();
            assert_eq!(kept, expected);
        }
    }
}
