//! One batch over all rows: integer products first, f32 for the rows that these cannot exclude.
//!
//! ```text
//! a few tiles, spread over the set:   f32 products, as the f32 scan makes them; the k best so far set the bars
//! every other whole tile:             integer products; what may reach its bar is screened in f32, and what then still may
//!                                     is scored, to the same bits
//! the last rows, less than a tile:    f32 products
//! ```
//!
//! Batches of few directions are scanned as [`super::few`] says, if the integer rows are kept in memory.
//!
//! Every stated score has the bits of the f32 scan, every row that is not scored lies strictly below a bar, and the
//! lists have the same total order, so the answer is that of the f32 scan. Each worker compares its time for an integer
//! tile with that of the f32 tiles, and the batch goes on in f32 if integers are slower; the time for quantising a tile
//! that is then kept is not counted.

use super::bound::{Lane, Thresholds, quantised};
use super::kernel::{Lanes, Panel, Scratch};
use super::rescore::TOGETHER;
use super::screen::{self, Slack};
use super::stated::{Answer, How, Stated};
use super::tile::{Kept, PANEL, Tile};
use crate::control::Control;
use crate::error::Result;
use crate::scan::Batch;
use crate::scan::cpu::{BLOCK, Block, Space, TILE, TileDecoder, Tiles, padded};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

/// One tile in this many sets the bars, and at most `MOST_FIRST`.
const FIRST_SHARE: usize = 64;
const MOST_FIRST: usize = 8;

/// The number of a worker's tiles after which times are compared.
const WINDOW: u32 = 4;

/// If more than one product in this many cannot be excluded, scoring them one by one takes as long as scoring all: the
/// batch goes on in f32 at once.
const CROWD: usize = 16;

/// If a panel has more rows to score than this, all its rows are read at once.
const MANY: usize = 8;

/// Directions of one block, as integers, with their bounds.
struct Integers {
    lanes: Lanes,
    bounds: Vec<Lane>,
    slack: Vec<Slack>,
}

/// The state that all workers of a batch share.
pub struct Int8Batch<'s, 'a> {
    stated: Stated<'s, 'a>,
    kept: &'s Kept,
    how: How,
    integers: Vec<Integers>,
    /// Whole tiles in the order of work, starting with those that set the bars.
    order: Vec<usize>,
    first: usize,
    next: AtomicUsize,
    pace: Pace,
}

/// Time per tile in f32, and whether integers were given up.
#[derive(Default)]
struct Pace {
    plain_nanoseconds: AtomicU64,
    plain_tiles: AtomicU64,
    left: AtomicBool,
}

impl Pace {
    fn plain(&self, since: Instant) {
        self.plain_nanoseconds
            .fetch_add(since.elapsed().as_nanos() as u64, Relaxed);
        self.plain_tiles.fetch_add(1, Relaxed);
    }

    /// Whether this time for a tile exceeds the mean time of an f32 tile.
    fn is_slower(&self, nanoseconds: u64) -> bool {
        let tiles = self.plain_tiles.load(Relaxed);
        tiles > 0 && nanoseconds > self.plain_nanoseconds.load(Relaxed) / tiles
    }
}

/// The number of tiles that set the bars: enough for k rows, and some share of the set. They are spread, as rows may be sorted.
fn first_tiles(whole: usize, k: usize) -> usize {
    (whole / FIRST_SHARE)
        .clamp(1, MOST_FIRST)
        .max(k.div_ceil(TILE))
}

/// Whether a batch that wants k of n rows leaves enough tiles for integer products.
pub fn fits(n: usize, k: usize) -> bool {
    let whole = n / TILE;
    whole >= 2 && first_tiles(whole, k) <= whole / 2
}

/// The first tiles, evenly spread, then the others.
fn order(whole: usize, first: usize) -> Vec<usize> {
    let mut spread: Vec<usize> = (0..first).map(|i| i * whole / first).collect();
    let others: Vec<usize> = (0..whole)
        .filter(|tile| spread.binary_search(tile).is_err())
        .collect();
    spread.extend(others);
    spread
}

/// Buffers of one worker.
#[derive(Default)]
struct Worker {
    space: Space<f32>,
    quantising: Space<f32>,
    scores: Vec<f32>,
    products: Vec<i32>,
    scratch: Scratch,
    thresholds: Thresholds,
    found: Vec<(u32, u32)>,
    framed: Framed,
}

/// Rows of a panel in f32, read on demand.
struct Framed {
    rows: Vec<f32>,
    there: [bool; PANEL],
    /// At least the length of each row that is there.
    lengths: [f64; PANEL],
}

impl<'s, 'a> Int8Batch<'s, 'a> {
    /// Prepares the batch. `None` if a direction is out of the range of eight bits and their bounds.
    pub fn new(
        source: TileDecoder<'a>,
        kept: &'s Kept,
        how: How,
        batch: &'s Batch<'s>,
    ) -> Option<Self> {
        let (n, d) = (Tiles::<f32>::len(&source), Tiles::<f32>::dim(&source));
        let whole = n / TILE;
        let first = first_tiles(whole, batch.k);
        let stated = Stated::new(source, batch, how.chain);
        let integers = stated.blocks.iter().map(|block| {
            let count = block.bias.len();
            let directions = &batch.directions[block.first * d..][..count * d];
            let stored = kept.layout().of_directions(directions)?;
            let (numbers, bounds) = quantised(&stored, &block.bias, how.levels, d)?;
            let lanes = Lanes::new(&numbers, kept.layout().width(), how.kernel);
            let slack = bounds.iter().map(|lane| Slack::new(d, lane.norm()));
            Some(Integers {
                lanes,
                slack: slack.collect(),
                bounds,
            })
        });
        Some(Int8Batch {
            integers: integers.collect::<Option<_>>()?,
            order: order(whole, first),
            next: AtomicUsize::new(0),
            pace: Pace::default(),
            stated,
            kept,
            how,
            first,
        })
    }

    /// Scan with all threads.
    pub fn run(self, control: &Control) -> Result<Answer> {
        let results = rayon::broadcast(|_| self.work(control));
        results.into_iter().collect::<Result<Vec<()>>>()?;
        let (scores, rows) = self.stated.lists.finish();
        let slow = self.pace.left.into_inner() && !self.how.stays;
        Ok(Answer { scores, rows, slow })
    }

    /// The loop of one worker: takes tiles until none is left.
    fn work(&self, control: &Control) -> Result<()> {
        let mut worker = Worker::default();
        let (mut tiles, mut nanoseconds) = (0u32, 0u64);
        loop {
            let place = self.next.fetch_add(1, Relaxed);
            if place > self.order.len() {
                return Ok(());
            }
            control.check()?;
            // The rows after the last whole tile are scored last.
            let Some(&tile) = self.order.get(place) else {
                self.plain(self.order.len(), self.stated.rest(), &mut worker)?;
                continue;
            };
            let left = self.pace.left.load(Relaxed) && !self.how.stays;
            let first = place < self.first || !self.stated.lists.full();
            let once = self.kept.is_due(tile);
            let started = Instant::now();
            if first || left || !self.integers(tile, &mut worker, control)? {
                self.plain(tile, TILE, &mut worker)?;
                self.pace.plain(started);
                continue;
            }
            // The time for quantising, which happens once, says nothing about later batches.
            if once {
                continue;
            }
            nanoseconds += started.elapsed().as_nanos() as u64;
            tiles += 1;
            if tiles == WINDOW {
                if self.pace.is_slower(nanoseconds / u64::from(WINDOW)) {
                    self.pace.left.store(true, Relaxed);
                }
                (tiles, nanoseconds) = (0, 0);
            }
        }
    }

    /// Score some rows of a tile in f32.
    fn plain(&self, tile: usize, count: usize, worker: &mut Worker) -> Result<()> {
        self.stated
            .rows(tile * TILE, count, &mut worker.space, &mut worker.scores)
    }

    /// A whole tile by integer products. False if the tile cannot be quantised.
    fn integers(&self, tile: usize, worker: &mut Worker, control: &Control) -> Result<bool> {
        let mut space = std::mem::take(&mut worker.quantising);
        let done = self
            .kept
            .with(tile, &self.stated.source, &mut space, |numbers| {
                for panel in 0..TILE / PANEL {
                    control.check()?;
                    self.panel(tile, panel, numbers, worker)?;
                }
                Ok(())
            });
        worker.quantising = space;
        Ok(done?.is_some())
    }

    /// One panel of a tile with all directions.
    fn panel(&self, tile: usize, panel: usize, numbers: &Tile, worker: &mut Worker) -> Result<()> {
        let stride = numbers.rows.len() / TILE;
        let first = panel * PANEL;
        let rows = Panel::new(&numbers.rows[first * stride..][..PANEL * stride], stride);
        let bounds = &numbers.bounds[first..first + PANEL];
        worker.framed.there = [false; PANEL];
        for (block, integers) in self.stated.blocks.iter().zip(&self.integers) {
            let count = integers.lanes.count();
            worker.products.resize(PANEL * count, 0);
            self.how.kernel.product(
                rows,
                &integers.lanes,
                &mut worker.scratch,
                &mut worker.products,
            );
            let bars = (0..integers.bounds.len()).map(|b| self.stated.lists.bar(block.first + b));
            worker
                .thresholds
                .set(&numbers.panels[panel], &integers.bounds, bars, count);
            worker.found.clear();
            pulp::Arch::new().dispatch(Survivors {
                thresholds: &worker.thresholds,
                bounds,
                products: &worker.products,
                found: &mut worker.found,
            });
            if worker.found.len() > PANEL * count / CROWD {
                self.pace.left.store(true, Relaxed);
            }
            if !worker.found.is_empty() {
                self.rescore(tile * TILE + first, (block, &integers.slack), worker)?;
            }
        }
        Ok(())
    }

    /// Score in f32 the pairs that neither integers nor the screen could exclude in the panel that starts at row `panel`:
    /// (row of the panel, lane of the block), ascending by row.
    fn rescore(
        &self,
        panel: usize,
        (block, slack): (&Block<f32>, &[Slack]),
        worker: &mut Worker,
    ) -> Result<()> {
        let Worker {
            found,
            framed,
            space,
            ..
        } = worker;
        let mut rows: Vec<usize> = found.iter().map(|&(row, _)| row as usize).collect();
        rows.dedup();
        framed.read(&self.stated.source, panel, &rows, space)?;
        let stride = padded(self.stated.dim());
        found.retain(|&(row, lane)| {
            let (row, lane) = (row as usize, lane as usize);
            let (x, direction) = (&framed.rows[row * stride..][..stride], block.first + lane);
            let (score, bias) = self.stated.screened((panel + row, direction), x);
            let bar = self.stated.lists.bar(direction);
            slack[lane].may_reach(score, bar, framed.lengths[row], bias)
        });
        let pairs: Vec<(usize, usize)> = found
            .iter()
            .map(|&(row, lane)| (panel + row as usize, block.first + lane as usize))
            .collect();
        for pairs in pairs.chunks(TOGETHER) {
            self.stated.pairs(pairs, |p| {
                let place = (pairs[p].0 - panel) * stride;
                &framed.rows[place..place + stride]
            });
        }
        Ok(())
    }
}

impl Default for Framed {
    fn default() -> Self {
        Framed {
            rows: Vec::new(),
            there: [false; PANEL],
            lengths: [0.0; PANEL],
        }
    }
}

impl Framed {
    /// Read rows of the panel that starts at row `panel`, unless they were read before.
    fn read(
        &mut self,
        source: &TileDecoder<'_>,
        panel: usize,
        rows: &[usize],
        space: &mut Space<f32>,
    ) -> Result<()> {
        let stride = Tiles::<f32>::stride(source);
        self.rows.resize(PANEL * stride, 0.0);
        let missing: Vec<usize> = rows
            .iter()
            .copied()
            .filter(|&row| !self.there[row])
            .collect();
        let mut take = |first: usize, count: usize| -> Result<()> {
            let read: &[f32] = source.read(panel + first, count, space)?;
            self.rows[first * stride..(first + count) * stride].copy_from_slice(read);
            self.there[first..first + count].fill(true);
            for row in first..first + count {
                self.lengths[row] = screen::length(&self.rows[row * stride..][..stride]);
            }
            Ok(())
        };
        if missing.len() > MANY {
            return take(0, PANEL);
        }
        missing.into_iter().try_for_each(|row| take(row, 1))
    }
}

/// [`Thresholds::survivors`], compiled for the instruction set found at run time.
struct Survivors<'a> {
    thresholds: &'a Thresholds,
    bounds: &'a [super::bound::Row],
    products: &'a [i32],
    found: &'a mut Vec<(u32, u32)>,
}

impl pulp::NullaryFnOnce for Survivors<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.thresholds
            .survivors(self.bounds, self.products, self.found);
    }
}

const _: () = assert!(BLOCK.is_multiple_of(super::kernel::GROUP));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tile_is_taken_once_and_the_first_are_spread() {
        for (whole, k) in [(2, 1), (3, 200), (64, 1), (500, 700), (1000, 10)] {
            let first = first_tiles(whole, k);
            assert!(first * TILE >= k && first <= whole);
            let order = order(whole, first);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..whole).collect::<Vec<_>>());
            assert!(
                order[..first]
                    .windows(2)
                    .all(|pair| pair[1] - pair[0] >= whole / first)
            );
        }
        assert!(!fits(TILE, 1) && fits(2 * TILE, 1) && !fits(4 * TILE, 3 * TILE));
    }
}
