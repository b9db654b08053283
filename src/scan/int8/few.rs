//! One batch of few directions over all rows: all integer products first, then f32 for the rows that these cannot exclude. For
//! so few directions an f32 product would compute a whole group of lanes.
//!
//! ```text
//! the last rows, less than a tile:  scored in f32
//! a million rows at a time:
//!   tiles                           integer products with every direction, stored; the k greatest estimates of each
//!   k rows                          those with the greatest estimates are scored in f32: the k-th best score is the bar
//!   every row                       is compared with the bar, and scored in f32 if its product cannot exclude it
//! ```
//!
//! The estimates only choose which rows are scored first. The proof is that of [`super::bound`]: a row that is not scored lies
//! strictly below the bar. Directions are rounded to 16 bits if the kernel takes them: for a first direction of MNIST's
//! hull, 60 to 100 of 60,000 rows then remain to be scored, instead of 600 to 26,000 with 8 bits.

use super::bound::{Lane, Thresholds, estimates, quantised};
use super::kernel::{FEW, Kernel, Lanes, Panel, Scratch};
use super::numbers::wide_levels;
use super::rescore::TOGETHER;
use super::stated::{Answer, How, Stated};
use super::tile::{Kept, PANEL, locked};
use crate::control::Control;
use crate::error::Result;
use crate::scan::cpu::{Space, TILE, TileDecoder, Tiles};
use crate::scan::topk::Best;
use crate::scan::{Batch, Floor};
use rayon::prelude::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The tiles whose products are stored at a time: a million rows, 16 MiB for four directions.
const STRETCH: usize = 4096;

/// Bytes of the buffer of products for n rows.
pub fn buffer_bytes(n: usize) -> u64 {
    ((n / TILE).min(STRETCH) * TILE * FEW * size_of::<i32>()) as u64
}

/// If more pairs than one for this many rows are scored, the batch would have been about as fast in f32, which multiplies each
/// row with sixteen lanes: a pair, with reading its row, takes about as long as that.
const CROWD: usize = 2;

/// Whether so few rows are wanted of n for so many directions that f32 does not pay already for those.
pub fn fits(n: usize, k: usize, directions: usize) -> bool {
    k.saturating_mul(directions).saturating_mul(CROWD) <= n
}

/// If more pairs than this cannot be excluded in a tile, all its rows are read at once.
const MANY: usize = 32;

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

/// Buffers of a thread that multiplies.
#[derive(Default)]
struct Worker {
    scratch: Scratch,
    estimates: Vec<f32>,
    space: Space<f32>,
}

/// What some tiles' products do not exclude.
#[derive(Default)]
struct Survivors {
    thresholds: Thresholds,
    space: Space<f32>,
    framed: Framed,
    /// Pairs of a row and a direction, of one tile.
    pairs: Vec<(usize, usize)>,
    /// Pairs of several tiles that are not scored yet, fewer than [`TOGETHER`].
    pending: Vec<(usize, usize)>,
    /// The number of pairs so far.
    count: usize,
}

/// A few rows in the frame.
#[derive(Default)]
struct Framed {
    rows: Vec<f32>,
    space: Space<f32>,
}

/// An empty list of the k rows with the greatest estimates of one direction. Tiles come in any order, so that any of several rows
/// with the least of these estimates may be left out.
fn greatest_estimates(k: usize) -> Best<f32> {
    Best::above(vec![f32::NEG_INFINITY], k)
}

impl<'s, 'a> FewBatch<'s, 'a> {
    /// Prepares the batch. `None` if a direction is out of the range of the integers and their bounds.
    pub fn new(
        source: TileDecoder<'a>,
        kept: &'s Kept,
        how: How,
        asked: (&'s Batch<'s>, &[Floor]),
        backwards: bool,
    ) -> Option<Self> {
        let d = Tiles::<f32>::dim(&source);
        let (directions, bias) = (asked.0.directions, asked.0.bias);
        let (stored, width) = (
            kept.layout().of_directions(directions)?,
            kept.layout().width(),
        );
        // Rows have `levels(d)`, which are at most `levels(width)`: sums stay in range.
        let (lanes, bounds) = if how.kernel.takes_wide() {
            let (numbers, bounds) = quantised(&stored, bias, wide_levels(width), d)?;
            (Lanes::wide(&numbers, width, how.kernel), bounds)
        } else {
            let (numbers, bounds) = quantised(&stored, bias, how.levels, d)?;
            (Lanes::new(&numbers, width, how.kernel), bounds)
        };
        Some(FewBatch {
            stated: Stated::new(source, asked, how.chain),
            kept,
            kernel: how.kernel,
            lanes,
            bounds,
            backwards,
            stretch: STRETCH,
        })
    }

    /// Scan with all threads. `None` if a tile cannot be quantised.
    pub fn run(self, control: &Control) -> Result<Option<Answer>> {
        let rows = Tiles::<f32>::len(&self.stated.source);
        let whole = if rows / TILE <= self.stretch {
            let (rest, whole) = rayon::join(|| self.rest(), || self.whole(control));
            rest?;
            whole?
        } else {
            self.rest()?;
            self.whole(control)?
        };
        let Some(scored) = whole else {
            return Ok(None);
        };
        let slow = scored > rows / CROWD;
        let (scores, rows) = self.stated.lists.finish();
        Ok(Some(Answer { scores, rows, slow }))
    }

    /// Score the rows after the last whole tile.
    fn rest(&self) -> Result<()> {
        let (rows, rest) = (Tiles::<f32>::len(&self.stated.source), self.stated.rest());
        let (mut space, mut scores) = (Space::default(), Vec::new());
        self.stated.rows(rows - rest, rest, &mut space, &mut scores)
    }

    /// Scan all whole tiles. Returns the number of pairs that had to be scored beyond the first k of each direction of a
    /// stretch, `None` if a tile cannot be quantised.
    fn whole(&self, control: &Control) -> Result<Option<usize>> {
        let whole = Tiles::<f32>::len(&self.stated.source) / TILE;
        let mut stretches: Vec<usize> = (0..whole).step_by(self.stretch).collect();
        if self.backwards {
            stretches.reverse();
        }
        let mut products = std::mem::take(&mut *locked(&self.kept.buffer));
        let mut scored = 0;
        for first in stretches {
            let tiles = first..whole.min(first + self.stretch);
            products.resize(tiles.len() * self.bounds.len() * TILE, 0);
            let Some(pairs) = self.stretch(first, &mut products, control)? else {
                return Ok(None);
            };
            scored += pairs;
        }
        *locked(&self.kept.buffer) = products;
        Ok(Some(scored))
    }

    /// Scan the tiles from `first` on, with room for their products. Returns the number of pairs that had to be scored beyond the
    /// first k of each direction, `None` if a tile cannot be quantised.
    fn stretch(
        &self,
        first: usize,
        products: &mut [i32],
        control: &Control,
    ) -> Result<Option<usize>> {
        let (count, k) = (self.bounds.len(), self.stated.batch.k);
        let greatest: Vec<_> = (0..count)
            .map(|_| Mutex::new(greatest_estimates(k)))
            .collect();
        if !self.products(first, products, &greatest, control)? {
            return Ok(None);
        }
        let mut known: Vec<(usize, usize)> = Vec::new();
        for (lane, greatest) in greatest.into_iter().enumerate() {
            let greatest = greatest
                .into_inner()
                .unwrap_or_else(|held| held.into_inner());
            let rows = greatest.lists().into_iter().flatten();
            known.extend(rows.map(|(_, row)| (row, lane)));
        }
        known.sort_unstable();
        let groups = known.par_chunks(TOGETHER);
        groups.try_for_each_init(Framed::default, |framed, pairs| {
            control.check()?;
            self.score(pairs, framed)
        })?;
        (0..count).for_each(|lane| self.stated.lists.settle(lane));
        let tiles = products.par_chunks_exact(count * TILE).enumerate();
        let each = tiles.try_fold(Survivors::default, |mut some, (place, products)| {
            control.check()?;
            self.survivors(first + place, products, &known, &mut some)?;
            Ok(some)
        });
        let each = each.map(|some: Result<Survivors>| {
            let mut some = some?;
            self.score(&some.pending, &mut some.framed)?;
            Ok(some.count)
        });
        each.try_reduce(|| 0, |a, b| Ok(a + b)).map(Some)
    }

    /// The products of the tiles from `first` on, for each tile directions x rows; and the greatest estimates of each
    /// direction. False if a tile cannot be quantised.
    fn products(
        &self,
        first: usize,
        products: &mut [i32],
        greatest: &[Mutex<Best<f32>>],
        control: &Control,
    ) -> Result<bool> {
        let tiles = products.par_chunks_exact_mut(greatest.len() * TILE);
        let all = AtomicBool::new(true);
        let each = |worker: &mut Worker, (place, products): (usize, &mut [i32])| {
            control.check()?;
            if all.load(Relaxed) && !self.tile(first + place, products, greatest, worker)? {
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
        greatest: &[Mutex<Best<f32>>],
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
                    if estimate > greatest.bars()[0] {
                        greatest.offer(0, estimate, tile * TILE + r);
                    }
                }
            }
            Ok(())
        });
        Ok(done?.is_some())
    }

    /// Score the rows of a tile that their products do not exclude, but for the pairs of a row and a direction in `known`
    /// (sorted). Fewer than [`TOGETHER`] are left to be scored with those of the next tile.
    fn survivors(
        &self,
        tile: usize,
        products: &[i32],
        known: &[(usize, usize)],
        some: &mut Survivors,
    ) -> Result<()> {
        self.remaining(tile, products, some)?;
        let Survivors {
            space,
            pairs,
            pending,
            count,
            framed,
            ..
        } = some;
        pairs.retain(|pair| known.binary_search(pair).is_err());
        pairs.sort_unstable();
        *count += pairs.len();
        if pairs.len() > MANY {
            let read: &[f32] = self.stated.source.read(tile * TILE, TILE, space)?;
            let stride = Tiles::<f32>::stride(&self.stated.source);
            for pairs in pairs.chunks(TOGETHER) {
                self.stated.pairs(pairs, |p| {
                    &read[(pairs[p].0 - tile * TILE) * stride..][..stride]
                });
            }
            return Ok(());
        }
        for &pair in &*pairs {
            pending.push(pair);
            if pending.len() == TOGETHER {
                self.score(pending, framed)?;
                pending.clear();
            }
        }
        Ok(())
    }

    /// Sets `pairs` to those of a tile that its products do not exclude.
    fn remaining(&self, tile: usize, products: &[i32], some: &mut Survivors) -> Result<()> {
        let Survivors {
            thresholds,
            space,
            pairs,
            ..
        } = some;
        pairs.clear();
        let count = self.bounds.len();
        let source = &self.stated.source;
        let there = self.kept.with(tile, source, space, |numbers| {
            for (panel, rows) in numbers.bounds.chunks_exact(PANEL).enumerate() {
                let bars = (0..count).map(|lane| self.stated.lists.bar(lane));
                thresholds.set(&numbers.panels[panel], &self.bounds, bars, count);
                for lane in 0..count {
                    let products = &products[lane * TILE + panel * PANEL..][..PANEL];
                    let row = tile * TILE + panel * PANEL;
                    thresholds.survivors_of(lane, rows, products, |r| pairs.push((row + r, lane)));
                }
            }
            Ok(())
        })?;
        debug_assert!(there.is_some(), "a tile with products");
        Ok(())
    }

    /// Score up to [`TOGETHER`] pairs of a row and a direction in f32, sorted by row; each row is read once.
    fn score(&self, pairs: &[(usize, usize)], framed: &mut Framed) -> Result<()> {
        if pairs.is_empty() {
            return Ok(());
        }
        let d = self.stated.dim();
        framed.rows.resize(TOGETHER * d, 0.0);
        let (mut places, mut count) = ([0; TOGETHER], 0);
        for (p, &(row, _)) in pairs.iter().enumerate() {
            if p == 0 || pairs[p - 1].0 != row {
                let read: &[f32] = self.stated.source.read(row, 1, &mut framed.space)?;
                framed.rows[count * d..(count + 1) * d].copy_from_slice(&read[..d]);
                count += 1;
            }
            places[p] = (count - 1) * d;
        }
        self.stated
            .pairs(pairs, |p| &framed.rows[places[p]..places[p] + d]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;
    use crate::scan::int8::levels::Layout;
    use crate::scan::int8::numbers::levels;
    use crate::scan::int8::rescore::Chain;
    use crate::scan::{CpuScan, Frame, Scan};

    const ROWS: usize = 9 * TILE + 37;
    const COLUMNS: usize = 20;

    fn rows(value: impl Fn(usize, usize) -> f64) -> Memory {
        let each = (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |column| (row, column)));
        let values = each.map(|(row, column)| value(row, column));
        Memory::from_f64("rows", COLUMNS, values.collect())
    }

    /// Numbers between -40 and 40.
    fn noise(row: usize, column: usize) -> f64 {
        let i = row * COLUMNS + column;
        ((i * i + 31 * i) % 10_007) as f64 / 128.0 - 40.0
    }

    /// In stretches of 1, 4 and all tiles, forwards and backwards, with each kernel, the answers are those of the f32 scan.
    /// Returns whether all, or no, batch was slow; `None` without the instructions.
    fn slow(rows: &Memory, directions: &[f32], k: usize) -> Option<bool> {
        let control = Control::default();
        let frame = Frame::survey(rows, &control).unwrap();
        let chain = Chain::of_product(COLUMNS)?;
        let bias = [0.0, 1.0, 0.5];
        let batch = Batch {
            directions,
            bias: &bias,
            k,
        };
        let plain = CpuScan::in_frame(rows, frame.clone());
        let expected = plain.scan(&batch, &control).unwrap();
        let mut slow = Vec::new();
        for kernel in Kernel::all() {
            let kept = Kept::new(ROWS, Layout::new(&frame, kernel), true, None);
            for (stretch, backwards) in [(1, true), (4, false), (4, true), (STRETCH, true)] {
                let how = How {
                    kernel,
                    chain,
                    levels: levels(COLUMNS),
                    stays: true,
                };
                let source = TileDecoder::new(rows, &frame);
                let mut few = FewBatch::new(source, &kept, how, (&batch, &[]), backwards).unwrap();
                few.stretch = stretch;
                let found = few.run(&control).unwrap().unwrap();
                for b in 0..bias.len() {
                    let place = b * k..(b + 1) * k;
                    let of = (&found.scores[place.clone()], &found.rows[place]);
                    assert_eq!(of, expected.of(b), "{kernel:?}, {stretch} tiles, k = {k}");
                }
                slow.push(found.slow);
            }
        }
        assert!(slow.windows(2).all(|two| two[0] == two[1]), "{slow:?}");
        Some(slow[0])
    }

    fn directions() -> Vec<f32> {
        let each = (0..3 * COLUMNS).map(|i| ((i * 7 + i % COLUMNS) % 13) as f32 - 6.0);
        each.collect()
    }

    #[test]
    fn stretches_and_their_order_change_no_answer() {
        let rows = rows(noise);
        // More rows than a stretch of one tile has.
        for k in [1, 12, TILE + 5] {
            assert_ne!(slow(&rows, &directions(), k), Some(true));
        }
    }

    /// What the directions multiply is too small for 8 bits, beside entries that they multiply by zero: estimates say nothing.
    #[test]
    fn rows_that_no_estimate_tells_apart_are_scored() {
        let rows = rows(|row, column| match (column < 10, row % 10) {
            (true, _) => [40.0, -40.0][(row + column) % 2],
            (false, 0) => -40.0,
            _ => noise(row, column) / 1e3,
        });
        let directions = (0..3 * COLUMNS).map(|i| match i % COLUMNS {
            0..10 => 0.0,
            column => (1 + (i * 7 + column) % 5) as f32,
        });
        let directions: Vec<f32> = directions.collect();
        assert_ne!(slow(&rows, &directions, 12), Some(false));
    }

    /// Five columns are constant, so that rows are stored in 16 bytes instead of 32.
    #[test]
    fn columns_of_zeros_change_no_answer() {
        let rows = rows(|row, column| match column % 4 {
            3 => 2.5,
            _ => noise(row, column),
        });
        let frame = Frame::survey(&rows, &Control::default()).unwrap();
        assert_eq!(Layout::new(&frame, Kernel::Plain).width(), COLUMNS - 5);
        assert_ne!(slow(&rows, &directions(), 12), Some(true));
    }

    /// Each tile has few rows that are not excluded, and the answer is among them.
    #[test]
    fn rows_that_wait_for_those_of_other_tiles_are_scored() {
        let rows = rows(|row, column| noise(row % 40, column));
        assert_ne!(slow(&rows, &directions(), 12), Some(true));
    }

    #[test]
    fn equal_rows_are_stored_whole() {
        let rows = rows(|_, column| column as f64);
        let frame = Frame::survey(&rows, &Control::default()).unwrap();
        for kernel in Kernel::all() {
            let layout = Layout::new(&frame, kernel);
            assert!(layout.width() == COLUMNS && layout.suits(kernel));
        }
    }

    /// A column that is said to be constant, but is not, has no place in the quantised rows.
    #[test]
    fn a_tile_with_a_column_that_was_said_to_be_zero_is_not_quantised() {
        let control = Control::default();
        let rows = rows(noise);
        let frame = Frame::survey(&rows, &control).unwrap();
        let mut wrong = frame.clone();
        for column in 0..4 {
            let centre = wrong.centre[column];
            (wrong.lowest[column], wrong.highest[column]) = (centre, centre);
        }
        let Some(chain) = Chain::of_product(COLUMNS) else {
            return;
        };
        for (frame, whole) in [(&frame, true), (&wrong, false)] {
            let kept = Kept::new(ROWS, Layout::new(frame, Kernel::Plain), true, None);
            let batch = Batch {
                directions: &directions(),
                bias: &[0.0; 3],
                k: 2,
            };
            let how = How {
                kernel: Kernel::Plain,
                chain,
                levels: levels(COLUMNS),
                stays: true,
            };
            let few = FewBatch::new(
                TileDecoder::new(&rows, frame),
                &kept,
                how,
                (&batch, &[]),
                false,
            );
            assert_eq!(few.unwrap().run(&control).unwrap().is_some(), whole);
        }
    }

    #[test]
    fn equal_rows_come_in_their_order() {
        let rows = rows(|row, column| noise(row % 2, column));
        assert_ne!(slow(&rows, &directions(), 12), Some(false));
    }

    /// A row that is far from all others has the score of the centre in integers, which would be a high one of nearest rows.
    #[test]
    fn a_far_row_does_not_set_the_bar() {
        let rows = rows(|row, column| match row {
            700 => 1e30,
            _ => noise(row, column),
        });
        assert_ne!(slow(&rows, &directions(), 2), Some(true));
    }

    /// The k greatest of any numbers, in any order.
    #[test]
    fn the_greatest_are_kept() {
        for (k, equal) in [(1, 1), (3, 1), (40, 1), (5, 10), (97, 1)] {
            let mut greatest = greatest_estimates(k);
            for row in 0..97 {
                let estimate = (row * 31 % 97 / equal) as f32;
                if estimate > greatest.bars()[0] {
                    greatest.offer(0, estimate, row);
                }
            }
            let kept = greatest.lists().into_iter().flatten();
            let mut kept: Vec<f32> = kept.map(|(estimate, _)| estimate).collect();
            kept.sort_unstable_by(f32::total_cmp);
            let expected: Vec<f32> = (97 - k..97).map(|v| (v / equal) as f32).collect();
            assert_eq!(kept, expected);
        }
    }
}
