//! The CPU twin of the scan: tile by tile, a matrix product and a running top-k.
//!
//! ```text
//! for each tile of TILE rows:  T = W X'^T   (B x TILE, the `gemm` crate, AVX-512 where the machine has it)
//!                              for each row: offer T[., row] + c bias(row) to the B running bests
//! ```
//!
//! Workers draw tiles from one counter, so each worker sees ascending rows. A tile always has the same rows, so scores
//! are the same for any number of threads, and the total order of [`super::topk`] makes the answers the same too. The
//! same code in f64 is [`scan_f64`], which decides what f32 cannot prove. The one `unsafe` is the call of the matrix
//! product.

use super::topk::{Best, enters};
use super::{Batch, Frame, Hits, rounding};
use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

/// Rows of a tile: enough to hide the packing of directions, few enough for a tile of scores to stay in L2.
pub(super) const TILE: usize = 256;

/// Directions scored at a time: TILE x BLOCK scores are half a megabyte in f32.
pub(super) const BLOCK: usize = 512;

/// The directions of a thread that compares them with all points.
const ALONE: usize = 128;

/// Lanes that are compared with their bars before one branch: first in groups, then in parts of a group that has a hit.
const GROUP: usize = 64;
const PART: usize = 16;

/// Rows start this many numbers apart beyond d, so that eight rows do not fall into one cache set.
const PAD: usize = 16;

/// A safe wrapper of the matrix product.
pub(super) mod product {
    use super::super::topk::Score;
    use gemm::Parallelism;

    /// f32 or f64.
    pub trait Real:
        Score + Default + std::ops::Mul<Output = Self> + std::ops::Add<Output = Self>
    {
        const ZERO: Self;
        const ONE: Self;
        fn from_f32(value: f32) -> Self;
    }

    impl Real for f32 {
        const ZERO: f32 = 0.0;
        const ONE: f32 = 1.0;
        fn from_f32(value: f32) -> f32 {
            value
        }
    }

    impl Real for f64 {
        const ZERO: f64 = 0.0;
        const ONE: f64 = 1.0;
        fn from_f32(value: f32) -> f64 {
            f64::from(value)
        }
    }

    /// `scores[r][b] = sum_k directions[k][b] tile[r][k]` for k < d: `directions` is d x `lanes`, `tile` has
    /// rows `stride` apart, `scores` is count x `lanes`.
    pub fn score<T: Real>(
        directions: &[T],
        lanes: usize,
        tile: &[T],
        stride: usize,
        d: usize,
        scores: &mut [T],
    ) {
        // Sums are split here into equal runs of at most RUN terms, which the library does not split further. Otherwise
        // the library would choose the runs by shape and caches, and a score would depend on what else is scored.
        let run = d.div_ceil(d.div_ceil(RUN).max(1)).max(1);
        for start in (0..d).step_by(run) {
            let terms = run.min(d - start);
            add(
                &directions[start * lanes..][..terms * lanes],
                lanes,
                &tile[start..],
                stride,
                (terms, start > 0),
                scores,
            );
        }
    }

    /// The longest run of terms that the library sums at once for every shape.
    const RUN: usize = 512;

    /// The scores of `d` terms, added to `scores` if `more`. The last row of `tile` may end with its last term.
    fn add<T: Real>(
        directions: &[T],
        lanes: usize,
        tile: &[T],
        stride: usize,
        (d, more): (usize, bool),
        scores: &mut [T],
    ) {
        let count = scores.len() / lanes;
        assert!(directions.len() == d * lanes && scores.len() == count * lanes);
        assert!(d <= stride && (count == 0 || tile.len() >= (count - 1) * stride + d));
        // SAFETY: the product reads directions[k * lanes + b] for k < d, b < lanes and tile[r * stride + k]
        // for r < count, k < d, and writes scores[r * lanes + b]; the assertions above put every one of these
        // inside its slice, `scores` is borrowed mutably and so overlaps neither input, and T is f32 or f64.
        unsafe {
            gemm::gemm(
                lanes,
                count,
                d,
                scores.as_mut_ptr(),
                lanes as isize,
                1,
                more,
                directions.as_ptr(),
                lanes as isize,
                1,
                tile.as_ptr(),
                stride as isize,
                1,
                if more { T::ONE } else { T::ZERO },
                T::ONE,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }
}

use product::Real;

/// A source of tiles.
pub(super) trait Tiles<T>: Sync {
    /// The number of rows, N.
    fn len(&self) -> usize;
    /// The number of columns, d.
    fn dim(&self) -> usize;
    /// Numbers from one row of a tile to the next.
    fn stride(&self) -> usize;
    /// The bias of each row; empty if no direction uses it.
    fn bias(&self) -> &[f32];
    /// Rows `first .. first + count`.
    fn read<'t>(&'t self, first: usize, count: usize, space: &'t mut Space<T>) -> Result<&'t [T]>;
}

/// Buffers of one worker.
#[derive(Default)]
pub(super) struct Space<T> {
    tile: Vec<T>,
    raw32: Vec<f32>,
    raw64: Vec<f64>,
}

/// Reference rows, decoded into the frame tile by tile.
pub(super) struct TileDecoder<'a> {
    rows: &'a dyn Rows,
    frame: &'a Frame,
    centre32: Vec<f32>,
    scale32: Vec<f32>,
    /// Whether centring in f32 rounds only once: all values, and all powers of two involved, fit f32.
    narrow: bool,
}

impl<'a> TileDecoder<'a> {
    pub(super) fn new(rows: &'a dyn Rows, frame: &'a Frame) -> Self {
        let scale32: Vec<f32> = frame.scale.iter().map(|&v| v as f32).collect();
        let values = frame.centre.iter().zip(&frame.range);
        let largest = values.fold(0f64, |most, (m, range)| most.max(m.abs() + range));
        let narrow = rows.fits_f32() && scale32.iter().all(|s| s.is_normal()) && largest < 1e37;
        TileDecoder {
            rows,
            frame,
            centre32: frame.centre.iter().map(|&v| v as f32).collect(),
            scale32,
            narrow,
        }
    }

    /// Replace far rows by the centre, because their scores would be meaningless.
    fn blank<T: Real>(&self, first: usize, tile: &mut [T]) {
        let stride = padded(self.frame.dim());
        for row in self.frame.far.within(first, tile.len() / stride) {
            tile[row * stride..(row + 1) * stride].fill(T::ZERO);
        }
    }

    /// Decode through f64, then round once.
    fn read_wide<'t, T: Real>(
        &self,
        first: usize,
        count: usize,
        space: &'t mut Space<T>,
        round: impl Fn(f64) -> T,
    ) -> Result<&'t [T]> {
        let (d, stride) = (self.frame.dim(), padded(self.frame.dim()));
        space.raw64.resize(count * d, 0.0);
        self.rows.read_f64(first, &mut space.raw64)?;
        space.tile.resize(count * stride, T::ZERO);
        for (out, row) in space
            .tile
            .chunks_exact_mut(stride)
            .zip(space.raw64.chunks_exact(d))
        {
            let frame = self.frame.centre.iter().zip(&self.frame.scale);
            for ((out, x), (centre, scale)) in out.iter_mut().zip(row).zip(frame) {
                *out = round((x - centre) * scale);
            }
        }
        self.blank(first, &mut space.tile);
        Ok(&space.tile)
    }
}

/// Row stride of a tile of `d` columns.
pub(super) fn padded(d: usize) -> usize {
    d.next_multiple_of(PAD) + PAD
}

impl Tiles<f32> for TileDecoder<'_> {
    fn len(&self) -> usize {
        self.rows.len()
    }
    fn dim(&self) -> usize {
        self.frame.dim()
    }
    fn stride(&self) -> usize {
        padded(self.frame.dim())
    }
    fn bias(&self) -> &[f32] {
        &self.frame.bias
    }
    fn read<'t>(
        &'t self,
        first: usize,
        count: usize,
        space: &'t mut Space<f32>,
    ) -> Result<&'t [f32]> {
        if !self.narrow {
            return self.read_wide(first, count, space, |value| value as f32);
        }
        let (d, stride) = (self.frame.dim(), padded(self.frame.dim()));
        space.raw32.resize(count * d, 0.0);
        self.rows.read_f32(first, &mut space.raw32)?;
        space.tile.resize(count * stride, 0.0);
        for (out, row) in space
            .tile
            .chunks_exact_mut(stride)
            .zip(space.raw32.chunks_exact(d))
        {
            let frame = self.centre32.iter().zip(&self.scale32);
            for ((out, x), (centre, scale)) in out.iter_mut().zip(row).zip(frame) {
                *out = (x - centre) * scale;
            }
        }
        self.blank(first, &mut space.tile);
        Ok(&space.tile)
    }
}

impl Tiles<f64> for TileDecoder<'_> {
    fn len(&self) -> usize {
        self.rows.len()
    }
    fn dim(&self) -> usize {
        self.frame.dim()
    }
    fn stride(&self) -> usize {
        padded(self.frame.dim())
    }
    fn bias(&self) -> &[f32] {
        &[]
    }
    fn read<'t>(
        &'t self,
        first: usize,
        count: usize,
        space: &'t mut Space<f64>,
    ) -> Result<&'t [f64]> {
        self.read_wide(first, count, space, |value| value)
    }
}

/// The rows from `first` on, in the frame, row-major without padding, times a power of two, as devices store them.
#[cfg(feature = "gpu")]
pub(super) fn framed(
    rows: &dyn Rows,
    frame: &Frame,
    first: usize,
    factor: f32,
    out: &mut [f32],
) -> Result<()> {
    let d = frame.dim();
    let source = TileDecoder::new(rows, frame);
    out.par_chunks_mut(TILE * d).enumerate().try_for_each_init(
        Space::default,
        |space, (part, out)| {
            let tile: &[f32] = source.read(first + part * TILE, out.len() / d, space)?;
            for (out, row) in out.chunks_exact_mut(d).zip(tile.chunks_exact(padded(d))) {
                for (out, value) in out.iter_mut().zip(row) {
                    *out = factor * value;
                }
            }
            Ok(())
        },
    )
}

/// Points in memory, used as they are.
struct Points<'a, T> {
    points: &'a [T],
    dim: usize,
}

impl<T: Real> Tiles<T> for Points<'_, T> {
    fn len(&self) -> usize {
        self.points.len() / self.dim
    }
    fn dim(&self) -> usize {
        self.dim
    }
    fn stride(&self) -> usize {
        self.dim
    }
    fn bias(&self) -> &[f32] {
        &[]
    }
    fn read<'t>(&'t self, first: usize, count: usize, _: &'t mut Space<T>) -> Result<&'t [T]> {
        Ok(&self.points[first * self.dim..(first + count) * self.dim])
    }
}

/// Directions of one block, transposed: d x lanes.
pub(super) struct Block<T> {
    /// The index of its first direction.
    pub(super) first: usize,
    /// The number of directions, with padding.
    pub(super) lanes: usize,
    pub(super) directions: Vec<T>,
    /// c of each direction, and whether any is non-zero.
    pub(super) bias: Vec<T>,
    pub(super) biased: bool,
}

/// Cut B directions into blocks whose lanes are contiguous.
pub(super) fn blocks<T: Real>(directions: &[T], bias: &[f32], d: usize) -> Vec<Block<T>> {
    let places = (0..bias.len().div_ceil(BLOCK)).into_par_iter();
    places
        .map(|place| {
            let first = place * BLOCK;
            let used = BLOCK.min(bias.len() - first);
            let lanes = used.next_multiple_of(PAD);
            let mut transposed = vec![T::ZERO; d * lanes];
            for b in 0..used {
                for (k, &value) in directions[(first + b) * d..][..d].iter().enumerate() {
                    transposed[k * lanes + b] = value;
                }
            }
            let bias: Vec<T> = bias[first..first + used]
                .iter()
                .map(|&c| T::from_f32(c))
                .collect();
            let biased = bias.iter().any(|&c| c != T::ZERO);
            Block {
                first,
                lanes,
                directions: transposed,
                bias,
                biased,
            }
        })
        .collect()
}

/// The running lists of a block's directions.
pub(super) trait BlockLists<T> {
    /// For each direction, the score that a row must exceed to be offered.
    fn bars(&self) -> &[T];
    /// Offer a row to the list of direction `b` of the block.
    fn offer(&mut self, b: usize, score: T, row: usize);
}

/// The part of some running bests that belongs to the directions from `first` on.
struct BlockBest<'b, T> {
    best: &'b mut Best<T>,
    first: usize,
}

impl<T: Real> BlockLists<T> for BlockBest<'_, T> {
    #[inline(always)]
    fn bars(&self) -> &[T] {
        &self.best.bars()[self.first..]
    }

    #[inline(always)]
    fn offer(&mut self, b: usize, score: T, row: usize) {
        self.best.offer(self.first + b, score, row);
    }
}

/// A row's products with a block's directions.
#[derive(Clone, Copy)]
struct RowProducts<'r, T> {
    products: &'r [T],
    /// c of each direction, and the bias of the row.
    shares: &'r [T],
    bias: T,
}

impl<T: Real> RowProducts<'_, T> {
    /// The score for direction `b`. It may be computed more than once but is never stored: writing the large tile back would
    /// cost more.
    #[inline(always)]
    fn score<const BIASED: bool>(&self, b: usize) -> T {
        match BIASED {
            true => self.products[b] + self.shares[b] * self.bias,
            false => self.products[b],
        }
    }

    /// Whether any of LANES scores from `first` on enters beside its bar; true if there are fewer. The compiler makes vector
    /// instructions of the loop because the number of lanes is known.
    #[inline(always)]
    fn any_enters<const BIASED: bool, const LANES: usize>(&self, first: usize, bars: &[T]) -> bool {
        let (Some(products), Some(shares), Some(bars)) = (
            self.products[first..].first_chunk::<LANES>(),
            self.shares[first..].first_chunk::<LANES>(),
            bars[first..].first_chunk::<LANES>(),
        ) else {
            return true;
        };
        let mut any = 0;
        for lane in 0..LANES {
            let score = match BIASED {
                true => products[lane] + shares[lane] * self.bias,
                false => products[lane],
            };
            any |= u32::from(enters(score, bars[lane]));
        }
        any != 0
    }

    /// Offer the row to the lists that it enters.
    #[inline(always)]
    fn offer<const BIASED: bool>(&self, row: usize, lists: &mut impl BlockLists<T>) {
        let used = self.shares.len();
        for group in (0..used).step_by(GROUP) {
            if !self.any_enters::<BIASED, GROUP>(group, lists.bars()) {
                continue;
            }
            let end = used.min(group + GROUP);
            for part in (group..end).step_by(PART) {
                if !self.any_enters::<BIASED, PART>(part, lists.bars()) {
                    continue;
                }
                for b in part..end.min(part + PART) {
                    let score = self.score::<BIASED>(b);
                    if enters(score, lists.bars()[b]) {
                        lists.offer(b, score, row);
                    }
                }
            }
        }
    }
}

/// Offer some rows by their products with a block's directions, with the bias if `BIASED`.
#[inline(always)]
fn reduce<T: Real, const BIASED: bool>(
    block: &Block<T>,
    (first_row, row_bias): (usize, &[f32]),
    products: &[T],
    lists: &mut impl BlockLists<T>,
) {
    for (r, products) in products.chunks_exact(block.lanes).enumerate() {
        let bias = match BIASED {
            true => T::from_f32(row_bias[r]),
            false => T::ZERO,
        };
        let row = RowProducts {
            products,
            shares: &block.bias,
            bias,
        };
        row.offer::<BIASED>(first_row + r, lists);
    }
}

/// One worker: draw tiles until none is left.
fn worker<T: Real>(
    tiles: &impl Tiles<T>,
    blocks: &[Block<T>],
    next: &AtomicUsize,
    mut best: Best<T>,
    control: &Control,
) -> Result<Best<T>> {
    let mut space = Space::default();
    let mut scores = Vec::new();
    loop {
        let first = next.fetch_add(1, Relaxed) * TILE;
        if first >= tiles.len() {
            return Ok(best);
        }
        control.check()?;
        let count = TILE.min(tiles.len() - first);
        let tile = tiles.read(first, count, &mut space)?;
        let row_bias = tiles.bias().get(first..first + count).unwrap_or(&[]);
        for block in blocks {
            scores.resize(count * block.lanes, T::ZERO);
            product::score(
                &block.directions,
                block.lanes,
                tile,
                tiles.stride(),
                tiles.dim(),
                &mut scores,
            );
            let mut lists = BlockBest {
                best: &mut best,
                first: block.first,
            };
            offer_above(block, (first, row_bias), &scores, &mut lists);
        }
    }
}

/// Offer the rows from `first` on whose scores lie above the bars, by their products with a block's directions.
pub(super) fn offer_above<T: Real>(
    block: &Block<T>,
    (first, row_bias): (usize, &[f32]),
    products: &[T],
    lists: &mut impl BlockLists<T>,
) {
    pulp::Arch::new().dispatch(Reduce {
        block,
        rows: (first, row_bias),
        products,
        lists,
    });
}

/// [`reduce`], compiled for the instruction set found at run time.
struct Reduce<'a, T, L> {
    block: &'a Block<T>,
    rows: (usize, &'a [f32]),
    products: &'a [T],
    lists: &'a mut L,
}

impl<T: Real, L: BlockLists<T>> pulp::NullaryFnOnce for Reduce<'_, T, L> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        match self.block.biased {
            true => reduce::<T, true>(self.block, self.rows, self.products, self.lists),
            false => reduce::<T, false>(self.block, self.rows, self.products, self.lists),
        }
    }
}

/// Scan all tiles with all threads. `empty` are the lists before any row.
fn scan_tiles<T: Real>(
    tiles: &impl Tiles<T>,
    directions: &[T],
    bias: &[f32],
    empty: &Best<T>,
    control: &Control,
) -> Result<Best<T>> {
    let count = bias.len();
    assert_eq!(
        directions.len(),
        count * tiles.dim(),
        "directions must be B x d"
    );
    let blocks = blocks(directions, bias, tiles.dim());
    let next = AtomicUsize::new(0);
    let work = |_| worker(tiles, &blocks, &next, empty.clone(), control);
    let parts = if tiles.len() > TILE {
        rayon::broadcast(|_| work(()))
    } else {
        vec![work(())]
    };
    Ok(Best::merge(parts.into_iter().collect::<Result<Vec<_>>>()?))
}

/// Count a full scan of N x d rows for B directions, and time it.
pub(super) fn counted<T>(
    rows: &dyn Rows,
    directions: usize,
    control: &Control,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let started = Instant::now();
    let answer = work()?;
    control.scanned(flop(rows, directions), started.elapsed());
    Ok(answer)
}

/// Floating-point operations of the products of all rows with some directions.
pub(super) fn flop(rows: &dyn Rows, directions: usize) -> u64 {
    2 * (rows.len() * rows.dim()) as u64 * directions as u64
}

/// Scores in f64 of B directions (B x d, in the frame): (scores, rows), B x min(k, N), best first. Far rows have the
/// score of the centre: see [`Frame::far`].
///
/// Each score is within [`rounding::f64_score`] of the exact one.
pub fn scan_f64(
    rows: &dyn Rows,
    frame: &Frame,
    directions: &[f64],
    k: usize,
    control: &Control,
) -> Result<(Vec<f64>, Vec<usize>)> {
    let bias = vec![0.0; directions.len() / frame.dim()];
    counted(rows, bias.len(), control, || {
        scan_tiles(
            &TileDecoder::new(rows, frame),
            directions,
            &bias,
            &Best::new(bias.len(), k.min(rows.len())),
            control,
        )
    })
    .map(Best::whole)
}

/// The same over points in memory (n x dim), used as they are, in f64 or in f32. `empty` are the lists before any point. Where
/// there are directions enough, each thread takes some of them instead of some points: then no lists have to be merged, and
/// their bars rise sooner.
pub fn scan_points<T: product::Real>(
    points: &[T],
    dim: usize,
    directions: &[T],
    empty: &Best<T>,
    control: &Control,
) -> Result<Best<T>> {
    let count = directions.len() / dim;
    assert_eq!(directions.len(), count * dim, "directions must be B x d");
    let points = Points { points, dim };
    if count < ALONE * rayon::current_num_threads() {
        return scan_tiles(&points, directions, &vec![0.0; count], empty, control);
    }
    let parts = directions.par_chunks(ALONE * dim).enumerate();
    let parts = parts.map(|(place, directions)| {
        let first = place * ALONE;
        let best = empty.part(first..count.min(first + ALONE));
        let blocks = blocks(directions, &vec![0.0; best.bars().len()], dim);
        worker(&points, &blocks, &AtomicUsize::new(0), best, control)
    });
    Ok(Best::joined(parts.collect::<Result<_>>()?))
}

/// Scans one batch over all rows: the work of [`super::CpuScan`], also for an engine that has rows and frame itself.
pub(super) fn scan_batch(
    rows: &dyn Rows,
    frame: &Frame,
    batch: &Batch<'_>,
    control: &Control,
) -> Result<Hits> {
    let k = batch.k.min(rows.len());
    let empty = Best::new(batch.bias.len(), k);
    let best = counted(rows, batch.bias.len(), control, || {
        let tiles = TileDecoder::new(rows, frame);
        scan_tiles(&tiles, batch.directions, batch.bias, &empty, control)
    })?;
    let (scores, best) = best.whole();
    Ok(Hits::new(rows.len(), k, scores, best).proved_in("f32", batch.bias.len()))
}

/// [`super::Scan::error_bound`] of [`scan_batch`].
pub(super) fn error_bound(frame: &Frame, norm: f64, c: f32) -> f64 {
    let bias = f64::from(c) * 0.5 * frame.euclid_radius.powi(2);
    rounding::f32_score(frame.dim(), frame.radius, norm, bias)
}
