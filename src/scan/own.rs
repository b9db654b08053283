//! The nearest rows of every row of a set: each pair of rows is multiplied once, for both rows.
//!
//! ```text
//! p = <x'_i, x'_j>:    j scores p + bias(j) for i,    i scores p + bias(i) for j
//! ```
//!
//! If the frame scales all columns equally, x' = e (x - m), the direction that ranks rows by nearness to row i is x'_i itself.
//! The matrix of products is then symmetric, and only one half of it is computed. Rows are taken in blocks of [`BLOCK`]. A block
//! is multiplied with itself, where both products of a pair are computed, and with all tiles after it.
//!
//! A stated score is the product of two rows, each rounded to f32 once, plus one sum. Its error is covered, for either row as
//! the direction, by [`super::rounding::f32_score`] and the rounding of a direction to f32. All workers share the lists of
//! best rows, whose content does not depend on the order in which pairs are scored.

use super::cpu::{BLOCK, Block, Space, TILE, TileDecoder, Tiles, blocks, padded, product};
use super::lists::Lists;
use super::topk::Running;
use super::{Frame, Hits};
use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

/// The least number of rows for which this is used, and the most entries of all lists together (16 bytes each).
const LEAST: usize = 4 * BLOCK;
const MOST_HELD: usize = 16 << 20;

/// The most blocks, and the most numbers in them, for which a tile is read once; and the tiles in a piece of work.
const TOGETHER: usize = 4;
const NUMBERS: usize = 1 << 20;
const TILES: usize = 32;

/// Lanes that are compared before one branch: first in groups, then in parts of a group that has a hit.
const GROUP: usize = 64;
const FEW: usize = 8;

/// Whether this scan can find the k best rows for every row of the frame.
pub(super) fn suits(frame: &Frame, k: usize) -> bool {
    let n = frame.bias.len();
    let even = frame.scale.iter().all(|&scale| scale == frame.euclid);
    even && n >= LEAST && (1..=n).contains(&k) && n.saturating_mul(Running::most(k)) <= MOST_HELD
}

/// A piece of work: some rows as directions, and some of the tiles that they are multiplied with.
struct Piece {
    rows: Range<usize>,
    tiles: Range<usize>,
}

/// All pieces of work, each with at most `rows` rows as directions.
fn pieces(n: usize, rows: usize) -> Vec<Piece> {
    let tiles = n.div_ceil(TILE);
    let firsts = (0..n).step_by(rows);
    let of = |first: usize| {
        let starts = (first / TILE..tiles).step_by(TILES);
        starts.map(move |start| Piece {
            rows: first..n.min(first + rows),
            tiles: start..tiles.min(start + TILES),
        })
    };
    firsts.flat_map(of).collect()
}

/// For every row, the k best rows of its direction of nearness, the row itself included. The answers for far rows are
/// meaningless. Every row counts as progress.
///
/// Panics unless the frame [`suits`].
pub(super) fn scan(rows: &dyn Rows, frame: &Frame, k: usize, control: &Control) -> Result<Hits> {
    assert!(suits(frame, k), "a frame and a k for which `suits` is true");
    let (n, d, started) = (rows.len(), frame.dim(), Instant::now());
    let own = Own {
        source: TileDecoder::new(rows, frame),
        bias: &frame.bias,
        lists: Lists::new(n, k),
    };
    let together = BLOCK * (NUMBERS / (BLOCK * d)).clamp(1, TOGETHER);
    let pieces = pieces(n, together);
    let all: usize = pieces.iter().map(|piece| piece.tiles.len()).sum();
    let (next, done, scored) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicU64::new(0));
    let work = || -> Result<()> {
        let mut worker = Worker::default();
        while let Some(piece) = pieces.get(next.fetch_add(1, Relaxed)) {
            scored.fetch_add(own.piece(piece, &mut worker, control)?, Relaxed);
            let before = done.fetch_add(piece.tiles.len(), Relaxed);
            let rows = |tiles: usize| (n as u128 * tiles as u128 / all as u128) as u64;
            control.advance(rows(before + piece.tiles.len()) - rows(before));
        }
        Ok(())
    };
    let results = rayon::broadcast(|_| work());
    results.into_iter().collect::<Result<Vec<()>>>()?;
    control.scanned(2 * d as u64 * scored.into_inner(), started.elapsed());
    let (scores, best) = own.lists.finish();
    Ok(Hits::new(n, k, scores, best).proved_in("f32", n))
}

/// The scan of a set for its own rows.
struct Own<'a> {
    source: TileDecoder<'a>,
    bias: &'a [f32],
    lists: Lists,
}

/// Buffers of one worker.
#[derive(Default)]
struct Worker {
    space: Space<f32>,
    products: Vec<f32>,
    lane_bars: Vec<f32>,
    row_bars: Vec<f32>,
    found: Vec<(u32, u32)>,
}

impl Own<'_> {
    /// Score a piece; returns the number of pairs.
    fn piece(&self, piece: &Piece, worker: &mut Worker, control: &Control) -> Result<u64> {
        let (n, d) = (self.bias.len(), Tiles::<f32>::dim(&self.source));
        let stride = Tiles::<f32>::stride(&self.source);
        let blocks = self.blocks(piece.rows.clone(), &mut worker.space)?;
        let mut space = std::mem::take(&mut worker.space);
        let mut pairs = 0;
        for tile in piece.tiles.clone() {
            control.check()?;
            let rows = tile * TILE..n.min((tile + 1) * TILE);
            let tile: &[f32] = self.source.read(rows.start, rows.len(), &mut space)?;
            // Blocks after the tile: their pairs with it belong to the piece of the tile's own block.
            let met = |block: &&Block<f32>| piece.rows.start + block.first <= rows.start;
            for block in blocks.iter().filter(met) {
                let Worker { products, .. } = worker;
                products.resize(rows.len() * block.lanes, 0.0);
                product::score(&block.directions, block.lanes, tile, stride, d, products);
                let first = piece.rows.start + block.first;
                let lanes = first..first + block.bias.len();
                self.offer(lanes, rows.clone(), block.lanes, worker);
                pairs += (rows.len() * block.lanes) as u64;
            }
        }
        worker.space = space;
        Ok(pairs)
    }

    /// The rows as blocks of directions.
    fn blocks(&self, rows: Range<usize>, space: &mut Space<f32>) -> Result<Vec<Block<f32>>> {
        let d = Tiles::<f32>::dim(&self.source);
        let mut directions = Vec::with_capacity(rows.len() * d);
        for first in rows.clone().step_by(TILE) {
            let count = TILE.min(rows.end - first);
            let tile: &[f32] = self.source.read(first, count, space)?;
            let each = tile.chunks_exact(padded(d));
            each.for_each(|row| directions.extend_from_slice(&row[..d]));
        }
        Ok(blocks(&directions, &vec![1.0; rows.len()], d))
    }

    /// Offers the rows of a tile to the lists of a block's rows and, unless the tile is part of the block, the other way round.
    /// `stride` is the number of products per row of the tile.
    fn offer(&self, lanes: Range<usize>, rows: Range<usize>, stride: usize, worker: &mut Worker) {
        let both = rows.start >= lanes.start + BLOCK;
        let bars = |of: Range<usize>| of.map(|row| self.lists.bar(row));
        worker.lane_bars.clear();
        worker.lane_bars.extend(bars(lanes.clone()));
        worker.row_bars.clear();
        match both {
            true => worker.row_bars.extend(bars(rows.clone())),
            false => worker.row_bars.resize(rows.len(), f32::INFINITY),
        }
        worker.found.clear();
        pulp::Arch::new().dispatch(Find {
            products: &worker.products,
            stride,
            lanes: Side {
                bars: &worker.lane_bars,
                bias: &self.bias[lanes.clone()],
            },
            rows: Side {
                bars: &worker.row_bars,
                bias: &self.bias[rows.clone()],
            },
            found: &mut worker.found,
        });
        for &(r, b) in &worker.found {
            let product = worker.products[r as usize * stride + b as usize];
            let (row, lane) = (rows.start + r as usize, lanes.start + b as usize);
            self.lists
                .offer(lane, stated(product + self.bias[row]), row);
            if both {
                self.lists
                    .offer(row, stated(product + self.bias[lane]), lane);
            }
        }
    }
}

/// NaN, about which nothing is known, ranks above all numbers.
fn stated(score: f32) -> f32 {
    if score.is_nan() { f32::INFINITY } else { score }
}

/// The current k-th best scores (bars) and the biases of some rows.
#[derive(Clone, Copy)]
struct Side<'a> {
    bars: &'a [f32],
    bias: &'a [f32],
}

/// Finds the products (row, lane) that reach the bar of either, by ascending row.
struct Find<'a> {
    products: &'a [f32],
    stride: usize,
    lanes: Side<'a>,
    rows: Side<'a>,
    found: &'a mut Vec<(u32, u32)>,
}

impl pulp::NullaryFnOnce for Find<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Find {
            products,
            stride,
            lanes,
            rows,
            found,
        } = self;
        for (r, products) in products.chunks_exact(stride).enumerate() {
            let (bar, bias) = (rows.bars[r], rows.bias[r]);
            for group in (0..lanes.bars.len()).step_by(GROUP) {
                let end = lanes.bars.len().min(group + GROUP);
                if !reaches(products, lanes, group..end, bar, bias) {
                    continue;
                }
                for part in (group..end).step_by(FEW) {
                    let few = part..end.min(part + FEW);
                    if !reaches(products, lanes, few.clone(), bar, bias) {
                        continue;
                    }
                    for b in few {
                        if reaches(products, lanes, b..b + 1, bar, bias) {
                            found.push((r as u32, b as u32));
                        }
                    }
                }
            }
        }
    }
}

/// Whether any of `some` products of a row reaches the bar of its lane, or the row's own; `bar` and `bias` are the row's.
#[inline(always)]
#[allow(clippy::neg_cmp_op_on_partial_ord, clippy::needless_range_loop)] // NaN must be offered
fn reaches(products: &[f32], lanes: Side<'_>, some: Range<usize>, bar: f32, bias: f32) -> bool {
    let products = &products[some.clone()];
    let (bars, biases) = (&lanes.bars[some.clone()], &lanes.bias[some]);
    let mut any = false;
    // By index: with several code generation units `zip` may become a call.
    for b in 0..products.len() {
        any |= !(products[b] + bias < bars[b]) | !(products[b] + biases[b] < bar);
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{Memory, synthetic};
    use crate::scan::CpuScan;
    use crate::scan::rounding::U32;

    fn gaussian(n: usize, d: usize, seed: u64) -> Vec<f64> {
        let mut values = vec![0.0; n * d];
        let rows = synthetic::gaussian(n, d, seed);
        rows.read_f64(0, &mut values).unwrap();
        values
    }

    fn found(rows: &Memory, k: usize, threads: usize) -> (Frame, Hits) {
        let control = Control::default();
        let frame = Frame::survey(rows, &control).unwrap();
        control.begin(crate::control::WorkStage::Fit, rows.len() as u64);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let hits = pool
            .unwrap()
            .install(|| scan(rows, &frame, k, &control))
            .unwrap();
        assert_eq!(control.progress().done, rows.len() as u64);
        (frame, hits)
    }

    /// Compares the lists of some rows with f64 scores: stated scores are within the error bound, and no row that is better by
    /// more than the bound is missing.
    fn holds(rows: &Memory, frame: &Frame, hits: &Hits) {
        let (n, d) = (rows.len(), rows.dim());
        let mut points = vec![0.0; n * d];
        rows.read_f64(0, &mut points).unwrap();
        frame.apply(&mut points);
        let points: Vec<&[f64]> = points.chunks_exact(d).collect();
        let square = |x: &[f64]| x.iter().map(|v| v * v).sum::<f64>();
        for (i, x) in points
            .iter()
            .enumerate()
            .filter(|(i, _)| i % 7 == 3 && !frame.far.contains(*i))
        {
            let norm = square(x).sqrt();
            let bound = super::super::cpu::error_bound(frame, norm * (1.0 + U32), 1.0)
                + U32 * 1.001 * norm * frame.radius;
            let exact = |j: usize| {
                let product: f64 = x.iter().zip(points[j]).map(|(a, b)| a * b).sum();
                product - 0.5 * square(points[j])
            };
            let (scores, best) = hits.of(i);
            let mut listed = vec![false; n];
            for (&score, &row) in scores.iter().zip(best) {
                assert!(!std::mem::replace(&mut listed[row], true) && !frame.far.contains(row));
                assert!((f64::from(score) - exact(row)).abs() <= bound, "{i} {row}");
            }
            assert!(scores.is_sorted_by(|a, b| a >= b));
            let last = f64::from(*scores.last().unwrap());
            let missed =
                |&j: &usize| !listed[j] && !frame.far.contains(j) && exact(j) > last + bound;
            assert_eq!((0..n).find(missed), None, "of {i}");
        }
    }

    /// Partial tiles and blocks, a far row, and rows at equal distances, with one worker and with several.
    #[test]
    fn every_pair_serves_both_of_its_rows() {
        for (n, d, round, far) in [
            (LEAST, 3, false, false),
            (LEAST + BLOCK + TILE + 17, 5, false, true),
            (LEAST + 3 * BLOCK - 1, 4, true, false),
        ] {
            let mut values = gaussian(n, d, 7);
            if round {
                values.iter_mut().for_each(|v| *v = (*v * 2.0).round());
            }
            if far {
                values[700 * d..701 * d].fill(1e14);
            }
            let rows = Memory::from_f64("rows", d, values);
            let (frame, hits) = found(&rows, 9, 1);
            assert_eq!(frame.far.rows.len(), usize::from(far));
            holds(&rows, &frame, &hits);
            assert_eq!(found(&rows, 9, 3).1, hits);
        }
    }

    #[test]
    fn sets_that_do_not_suit_are_scanned_as_any_queries_are() {
        let control = Control::default();
        let own = |values: Vec<f64>, k: usize| {
            let rows = Memory::from_f64("rows", 2, values);
            let scan = CpuScan::new(&rows, &control).unwrap();
            crate::scan::Scan::own(&scan, k, &control)
                .unwrap()
                .is_some()
        };
        let even = gaussian(LEAST, 2, 3);
        assert!(own(even.clone(), 5) && !own(even[2..].to_vec(), 5) && !own(even.clone(), 9000));
        let uneven = even.iter().zip([1.0, 1e6].iter().cycle());
        assert!(!own(uneven.map(|(v, s)| v * s).collect(), 5));
    }
}
