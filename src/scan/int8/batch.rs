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
//! lists have the same total order, so the answer, as far as it is needed ([`crate::scan::Floor`]), is that of the f32 scan.
//!
//! Each worker compares its time for an integer tile with that of the f32 tiles; the time for quantising a tile that is then
//! kept is not counted. If integers stay slower because they exclude too little, the batch goes on with directions in two
//! parts ([`super::bound`]); if they are slower all the same, in f32.

use super::bound::{self, Lane, Thresholds, quantised};
use super::kernel::{GROUP, Lanes, Panel, Scratch};
use super::numbers;
use super::rescore::TOGETHER;
use super::screen::{self, Slack};
use super::stated::{Answer, How, Stated};
use super::tile::{Kept, PANEL, Tile};
use crate::control::Control;
use crate::error::Result;
use crate::scan::cpu::{BLOCK, Space, TILE, TileDecoder, Tiles, padded};
use crate::scan::{Batch, Floor};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// One tile in this many sets the bars, and at most `MOST_FIRST`.
const FIRST_SHARE: usize = 64;
const MOST_FIRST: usize = 8;

/// The number of a worker's tiles whose mean time is compared.
const WINDOW: u32 = 4;

/// How many such means in a row must be slower than f32.
const SLOW: u32 = 3;

/// If more than one product in this many cannot be excluded, scoring them one by one takes longer than scoring all: the
/// batch goes on in another [`Form`] at once. Fewer are left to the clock: among MNIST's pixels 30 % are not excluded in the first
/// tile, by bars from few rows, and 0.5 % in the last.
const CROWD: usize = 2;

/// If one product in this many is not excluded, scoring those takes about as long as the products: then products in two parts,
/// which leave fewer open, cost no more.
const OPEN: usize = 64;

/// How many batches of a kind start with directions in two parts after one that ended so.
const STAYS: u32 = 16;

/// If a panel has more rows to score than this, all its rows are read at once.
const MANY: usize = 8;

/// How directions are multiplied: the first that pays. Where most is lost in the rounding of directions, as with pixels and
/// directions in which they hardly vary, two parts of eight bits exclude what one cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Form {
    Whole,
    Split,
    /// In f32.
    Plain,
}

/// Some directions of one block, as integers, with their bounds.
struct Integers {
    block: usize,
    /// The first of them in the block.
    first: usize,
    lanes: Lanes,
    bounds: Vec<Lane>,
    slack: Vec<Slack>,
    /// How many directions there are, with padding.
    count: usize,
    /// What high parts count for, if directions are split.
    base: Option<f32>,
}

/// The directions of a batch, as integers.
type Parts = Vec<Integers>;

/// The state that all workers of a batch share.
pub struct Int8Batch<'s, 'a> {
    stated: Stated<'s, 'a>,
    kept: &'s Kept,
    how: How,
    /// Whole and split, each made when it is needed first; `None` if a direction is out of range.
    parts: [OnceLock<Option<Parts>>; 2],
    /// The [`Form`] of the tiles that come next.
    form: AtomicU8,
    /// How many batches of this kind still start with split directions, and whether this one does.
    split: &'s AtomicU32,
    starts_split: bool,
    /// Whole tiles in the order of work, starting with those that set the bars.
    order: Vec<usize>,
    first: usize,
    next: AtomicUsize,
    pace: Pace,
}

/// Time per tile in f32.
#[derive(Default)]
struct Pace {
    plain_nanoseconds: AtomicU64,
    plain_tiles: AtomicU64,
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

/// A worker's times for some tiles in one form.
#[derive(Default)]
struct Window {
    form: Option<Form>,
    tiles: u32,
    nanoseconds: u64,
    /// The mean of the tiles before these, and how many means in a row were slower than f32.
    before: u64,
    slow: u32,
}

impl Window {
    fn of(form: Form) -> Self {
        Window {
            form: Some(form),
            ..Self::default()
        }
    }

    /// Counts a tile; the mean time of the last [`WINDOW`] tiles once there are as many, after which others are counted.
    fn add(&mut self, took: Duration) -> Option<u64> {
        self.nanoseconds += took.as_nanos() as u64;
        self.tiles += 1;
        let mean = self.nanoseconds / u64::from(WINDOW);
        (self.tiles == WINDOW).then(|| {
            (self.tiles, self.nanoseconds) = (0, 0);
            mean
        })
    }

    /// Counts a mean; whether some in a row were slower than f32, and the last did not fall. A single one may come from other
    /// programs. And bars are low at first: most of what integers leave open is scored in the first tiles.
    fn stays_slow(&mut self, mean: u64, slower: bool) -> bool {
        let falls = mean < self.before - self.before / 10;
        self.before = mean;
        self.slow = if slower { self.slow + 1 } else { 0 };
        self.slow >= SLOW && !falls
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

/// Whether so many products are open, of `count` pairs of a tile and a direction, that scoring those takes as long as the products.
fn crowded(open: usize, count: usize) -> bool {
    open * OPEN > count * TILE
}

/// The same, if they are also more than twice those of rows that are among the k best of the rows in the tiles `met` so far, which
/// are scored in any form.
fn many(open: usize, count: usize, k: usize, met: usize) -> bool {
    let among_the_best = count * k / met;
    crowded(open, count) && open > 2 * among_the_best
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
    /// How many products were not excluded since times were compared last.
    open: usize,
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
    /// Prepares the batch; `split` says how many batches of this kind start with split directions. `None` if a direction is out
    /// of the range of eight bits and their bounds.
    pub fn new(
        source: TileDecoder<'a>,
        kept: &'s Kept,
        how: How,
        asked: (&'s Batch<'s>, &[Floor]),
        split: &'s AtomicU32,
    ) -> Option<Self> {
        let whole = Tiles::<f32>::len(&source) / TILE;
        let first = first_tiles(whole, asked.0.k);
        let left = split.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        let starts_split = left.is_ok();
        let form = match starts_split {
            true => Form::Split,
            false => Form::Whole,
        };
        let batch = Int8Batch {
            stated: Stated::new(source, asked, how.chain),
            parts: Default::default(),
            form: AtomicU8::new(form as u8),
            split,
            starts_split,
            order: order(whole, first),
            next: AtomicUsize::new(0),
            pace: Pace::default(),
            kept,
            how,
            first,
        };
        // Here, before the workers start, all threads can make them.
        let parts = batch.made(form, true);
        parts.is_some().then_some(batch)
    }

    /// Scan with all threads.
    pub fn run(self, control: &Control) -> Result<Answer> {
        let results = rayon::broadcast(|_| self.work(control));
        results.into_iter().collect::<Result<Vec<()>>>()?;
        let form = self.form();
        match (form, self.starts_split) {
            (Form::Split, false) => self.split.store(STAYS, Relaxed),
            // The next batch tries one part again before f32 is all that is left.
            (Form::Plain, true) => self.split.store(0, Relaxed),
            _ => {}
        }
        let slow = form == Form::Plain;
        let (scores, rows) = self.stated.lists.finish();
        Ok(Answer { scores, rows, slow })
    }

    /// The form of what comes next.
    fn form(&self) -> Form {
        match self.form.load(Relaxed) {
            0 => Form::Whole,
            1 => Form::Split,
            _ => Form::Plain,
        }
    }

    /// Go on with another form than one that was too slow: split directions help if many products were not excluded (`open`), and
    /// else f32, unless integers are asked for.
    fn leave(&self, form: Form, open: bool) {
        let next = match form {
            Form::Whole if open => Form::Split,
            _ if self.how.stays => return,
            _ => Form::Plain,
        };
        self.form.fetch_max(next as u8, Relaxed);
    }

    /// The directions as integers; `None` if one is out of range, or in f32.
    fn parts(&self, form: Form) -> Option<&Parts> {
        self.made(form, false)
    }

    /// The same, made by all threads or by this one alone. A worker that waits for others inside of the lock might be given work
    /// that waits for the lock.
    fn made(&self, form: Form, together: bool) -> Option<&Parts> {
        let parts = self.parts.get(form as usize)?;
        let make = || {
            let ranges = self.ranges(form);
            let part = |&(block, first, end)| self.part(form, block, first..end);
            match together {
                true => ranges.par_iter().map(part).collect(),
                false => ranges.iter().map(part).collect(),
            }
        };
        parts.get_or_init(make).as_ref()
    }

    /// The block, the first and the end of each part.
    fn ranges(&self, form: Form) -> Vec<(usize, usize, usize)> {
        // As many lanes either way.
        let most = match form {
            Form::Split => BLOCK / 2,
            _ => BLOCK,
        };
        let blocks = self.stated.blocks.iter().enumerate();
        let each = blocks.flat_map(|(place, block)| {
            let used = block.bias.len();
            let firsts = (0..used).step_by(most);
            firsts.map(move |first| (place, first, used.min(first + most)))
        });
        each.collect()
    }

    /// Some directions of a block as integers.
    fn part(&self, form: Form, place: usize, range: Range<usize>) -> Option<Integers> {
        let (layout, d) = (self.kept.layout(), self.stated.dim());
        let (width, levels) = (layout.width(), self.how.levels);
        let block = &self.stated.blocks[place];
        let (start, end) = (block.first + range.start, block.first + range.end);
        let stored = layout.of_directions(&self.stated.batch.directions[start * d..end * d])?;
        let bias = &block.bias[range.clone()];
        let count = bias.len().next_multiple_of(GROUP);
        let split = form == Form::Split;
        let (numbers, bounds) = match split {
            true => bound::split(&stored, bias, (levels, count), d)?,
            false => quantised(&stored, bias, levels, d)?,
        };
        let slack = bounds.iter().map(|lane| Slack::new(d, lane.norm()));
        Some(Integers {
            block: place,
            first: range.start,
            lanes: Lanes::new(&numbers, width, self.how.kernel),
            slack: slack.collect(),
            bounds,
            count,
            base: split.then_some(numbers::base(levels) as f32),
        })
    }

    /// The loop of one worker: takes tiles until none is left.
    fn work(&self, control: &Control) -> Result<()> {
        let mut worker = Worker::default();
        let mut window = Window::default();
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
            let form = self.form();
            let parts = self.parts(form);
            let first = place < self.first || !self.stated.lists.full();
            let started = Instant::now();
            let took = match parts {
                Some(parts) if !first => self.integers(tile, parts, &mut worker, control)?,
                _ => None,
            };
            let Some(took) = took else {
                self.plain(tile, TILE, &mut worker)?;
                self.pace.plain(started);
                continue;
            };
            if window.form != Some(form) {
                window = Window::of(form);
                worker.open = 0;
            }
            let Some(mean) = window.add(took) else {
                continue;
            };
            let open = std::mem::take(&mut worker.open);
            let count = WINDOW as usize * self.stated.batch.bias.len();
            // The window's first tile was compared with bars from fewer tiles than are met at its end.
            let met = (place / 2).max(self.first);
            let many = many(open, count, self.stated.batch.k, met);
            let stays_slow = window.stays_slow(mean, self.pace.is_slower(mean));
            if stays_slow || (form == Form::Whole && many && window.slow > 0) {
                self.leave(form, crowded(open, count));
            }
        }
    }

    /// Score some rows of a tile in f32.
    fn plain(&self, tile: usize, count: usize, worker: &mut Worker) -> Result<()> {
        self.stated
            .rows(tile * TILE, count, &mut worker.space, &mut worker.scores)
    }

    /// A whole tile by integer products, and the time that it took: without quantising if that happens once, because it says
    /// nothing about later batches. `None` if the tile cannot be quantised.
    fn integers(
        &self,
        tile: usize,
        parts: &Parts,
        worker: &mut Worker,
        control: &Control,
    ) -> Result<Option<Duration>> {
        let mut space = std::mem::take(&mut worker.quantising);
        let started = Instant::now();
        let took = self
            .kept
            .with(tile, &self.stated.source, &mut space, |numbers| {
                let quantised = Instant::now();
                for panel in 0..TILE / PANEL {
                    control.check()?;
                    self.panel((tile, panel), numbers, parts, worker)?;
                }
                Ok(match self.kept.keeps() {
                    true => quantised.elapsed(),
                    false => started.elapsed(),
                })
            });
        worker.quantising = space;
        took
    }

    /// One panel of a tile with all directions.
    fn panel(
        &self,
        (tile, panel): (usize, usize),
        numbers: &Tile,
        parts: &Parts,
        worker: &mut Worker,
    ) -> Result<()> {
        let stride = numbers.rows.len() / TILE;
        let first = panel * PANEL;
        let rows = Panel::new(&numbers.rows[first * stride..][..PANEL * stride], stride);
        let bounds = &numbers.bounds[first..first + PANEL];
        worker.framed.there = [false; PANEL];
        for part in parts {
            worker.products.resize(PANEL * part.lanes.count(), 0);
            self.how
                .kernel
                .product(rows, &part.lanes, &mut worker.scratch, &mut worker.products);
            let lanes = self.stated.blocks[part.block].first + part.first..;
            let bars = lanes.take(part.bounds.len());
            let bars = bars.map(|b| self.stated.lists.bar(b));
            worker
                .thresholds
                .set(&numbers.panels[panel], &part.bounds, bars, part.count);
            worker.found.clear();
            pulp::Arch::new().dispatch(Survivors {
                thresholds: &worker.thresholds,
                bounds,
                products: &worker.products,
                base: part.base,
                found: &mut worker.found,
            });
            worker.open += worker.found.len();
            if worker.found.len() * CROWD > PANEL * part.bounds.len() {
                let form = match part.base {
                    Some(_) => Form::Split,
                    None => Form::Whole,
                };
                self.leave(form, true);
            }
            if !worker.found.is_empty() {
                self.rescore(tile * TILE + first, part, worker)?;
            }
        }
        Ok(())
    }

    /// Score in f32 the pairs that neither integers nor the screen could exclude in the panel that starts at row `panel`:
    /// (row of the panel, lane of the part), ascending by row.
    fn rescore(&self, panel: usize, part: &Integers, worker: &mut Worker) -> Result<()> {
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
        let first = self.stated.blocks[part.block].first + part.first;
        found.retain(|&(row, lane)| {
            let (row, lane) = (row as usize, lane as usize);
            let (x, direction) = (&framed.rows[row * stride..][..stride], first + lane);
            let (score, bias) = self.stated.screened((panel + row, direction), x);
            let bar = self.stated.lists.bar(direction);
            part.slack[lane].may_reach(score, bar, framed.lengths[row], bias)
        });
        let pairs: Vec<(usize, usize)> = found
            .iter()
            .map(|&(row, lane)| (panel + row as usize, first + lane as usize))
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
    base: Option<f32>,
    found: &'a mut Vec<(u32, u32)>,
}

impl pulp::NullaryFnOnce for Survivors<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.thresholds
            .survivors(self.bounds, self.products, self.base, self.found);
    }
}

const _: () = assert!(BLOCK.is_multiple_of(2 * GROUP));

#[cfg(test)]
mod tests {
    use super::super::kernel::Kernel;
    use super::super::levels::Layout;
    use super::super::numbers::levels;
    use super::super::rescore::Chain;
    use super::*;
    use crate::rows::Memory;
    use crate::scan::{CpuScan, Frame, Hits, Scan};

    #[test]
    fn f32_comes_after_some_slow_tiles_in_a_row_that_do_not_become_faster() {
        let plain = 20_000_000;
        let run = |milliseconds: &[u64]| {
            let mut window = Window::of(Form::Whole);
            let mut each = milliseconds.iter().enumerate();
            each.find_map(|(i, &time)| {
                let mean = (0..WINDOW).find_map(|_| window.add(Duration::from_millis(time)));
                let mean = mean.unwrap();
                window.stays_slow(mean, mean > plain).then_some(i)
            })
        };
        assert_eq!(run(&[30, 30, 30, 30]), Some(2));
        // One that is slow by chance, and tiles that become faster.
        assert_eq!(run(&[10, 90, 10, 10, 90, 90, 10]), None);
        assert_eq!(run(&[90, 60, 50, 40, 30, 25, 21, 15, 10]), None);
        assert_eq!(run(&[90, 60, 50, 49]), Some(3));
    }

    /// The 32 best of 768 rows are 4 % of them: so many products are open in the next tiles whatever the form, but not in later
    /// ones.
    #[test]
    fn bars_that_are_low_at_first_do_not_speak_for_two_parts() {
        let count = WINDOW as usize * 1000;
        let open = count * TILE / 24;
        assert!(!many(open, count, 32, 3) && many(open, count, 32, 30));
        assert!(many(count * TILE / 10, count, 32, 3) && !many(count * TILE / 65, count, 32, 200));
    }

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

    const ROWS: usize = 9 * TILE + 37;
    const COLUMNS: usize = 24;

    /// Multiples of 1/128 between -39 and 40, in no order.
    fn numbers(count: usize, seed: usize) -> Vec<f64> {
        let each = (0..count).map(|i| (i + seed) * (i + 31 * seed + 7) % 10_007);
        each.map(|i| i as f64 / 128.0 - 39.0).collect()
    }

    /// Whole and split directions, alone and one after the other in a batch, give the answers of the f32 scan, and exclude rows.
    #[test]
    fn every_form_gives_the_answers_of_f32() {
        let control = Control::default();
        let rows = Memory::from_f64("rows", COLUMNS, numbers(ROWS * COLUMNS, 1));
        let frame = Frame::survey(&rows, &control).unwrap();
        let plain = CpuScan::in_frame(&rows, frame.clone());
        let Some(chain) = Chain::of_product(COLUMNS) else {
            return;
        };
        for (count, k) in [(5, 3), (17, 11), (257, 1), (513, 9), (700, 20)] {
            let directions: Vec<f32> = numbers(count * COLUMNS, 5)
                .into_iter()
                .map(|v| v as f32)
                .collect();
            let bias: Vec<f32> = (0..count).map(|b| (b % 2) as f32).collect();
            let batch = Batch {
                directions: &directions,
                bias: &bias,
                k,
            };
            let expected = plain.scan(&batch, &control).unwrap();
            for (split, changes) in [(false, false), (true, false), (false, true)] {
                let kernel = Kernel::all()[0];
                let kept = Kept::new(ROWS, Layout::new(&frame, kernel), true, None);
                let how = How {
                    kernel,
                    chain,
                    levels: levels(COLUMNS),
                    stays: true,
                };
                let start = AtomicU32::new(u32::from(split));
                let source = TileDecoder::new(&rows, &frame);
                let int8 = Int8Batch::new(source, &kept, how, (&batch, &[]), &start).unwrap();
                let mut worker = Worker::default();
                if changes {
                    // Some tiles before the change, by this thread alone.
                    for &tile in &int8.order[..int8.first] {
                        int8.plain(tile, TILE, &mut worker).unwrap();
                    }
                    let parts = int8.parts(Form::Whole).unwrap();
                    for &tile in &int8.order[int8.first..][..3] {
                        let took = int8.integers(tile, parts, &mut worker, &control).unwrap();
                        assert!(took.is_some());
                    }
                    int8.next.store(int8.first + 3, Relaxed);
                    int8.leave(Form::Whole, true);
                    let products = 3 * TILE * count;
                    assert!(0 < worker.open && worker.open < products / 3, "{count}");
                }
                let form = int8.form();
                assert_eq!(form == Form::Split, split || changes);
                let answer = int8.run(&control).unwrap();
                let found = Hits::new(ROWS, k, answer.scores, answer.rows);
                assert!(found == expected, "{count}, {form:?}");
                // One that starts split says nothing new; one that becomes split speaks for some more.
                let expected = if changes { STAYS } else { 0 };
                assert_eq!(start.load(Relaxed), expected, "{split}");
            }
        }
    }
}
