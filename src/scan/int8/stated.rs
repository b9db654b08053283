//! Rows scored in f32 to the bits of the f32 scan, and offered to the lists of the k best.

use super::kernel::Kernel;
use super::rescore::{Chain, TOGETHER};
use super::screen;
use crate::error::Result;
use crate::scan::cpu::{
    BLOCK, Block, BlockLists, Space, TILE, TileDecoder, Tiles, blocks, offer_above, product,
};
use crate::scan::lists::Lists;
use crate::scan::{Batch, Floor};

/// The choices for the scan of a batch.
#[derive(Clone, Copy)]
pub struct How {
    pub kernel: Kernel,
    pub chain: Chain,
    pub levels: i32,
    /// Use integers even if f32 is faster.
    pub stays: bool,
}

/// The answer of a batch by integers.
pub struct Answer {
    /// B x k.
    pub scores: Vec<f32>,
    /// B x k.
    pub rows: Vec<usize>,
    /// f32 was faster for part of it, or would have been.
    pub slow: bool,
}

/// The rows and directions of a batch, and its lists.
pub struct Stated<'s, 'a> {
    pub source: TileDecoder<'a>,
    pub batch: &'s Batch<'s>,
    pub blocks: Vec<Block<f32>>,
    pub lists: Lists,
    chain: Chain,
}

impl<'s, 'a> Stated<'s, 'a> {
    /// Empty lists for a batch, of which no more is needed than the floors say.
    pub fn new(
        source: TileDecoder<'a>,
        (batch, floors): (&'s Batch<'s>, &[Floor]),
        chain: Chain,
    ) -> Self {
        Stated {
            blocks: blocks(batch.directions, batch.bias, Tiles::<f32>::dim(&source)),
            lists: Lists::above(batch.bias.len(), batch.k, floors),
            source,
            batch,
            chain,
        }
    }

    /// The number of columns, d.
    pub fn dim(&self) -> usize {
        Tiles::<f32>::dim(&self.source)
    }

    /// The number of rows after the last whole tile.
    pub fn rest(&self) -> usize {
        Tiles::<f32>::len(&self.source) % TILE
    }

    /// Score the rows from `first` on with all directions, by one product.
    pub fn rows(
        &self,
        first: usize,
        count: usize,
        space: &mut Space<f32>,
        scores: &mut Vec<f32>,
    ) -> Result<()> {
        if count == 0 {
            return Ok(());
        }
        let rows: &[f32] = self.source.read(first, count, space)?;
        let stride = Tiles::<f32>::stride(&self.source);
        for block in &self.blocks {
            scores.resize(count * block.lanes, 0.0);
            product::score(
                &block.directions,
                block.lanes,
                rows,
                stride,
                self.dim(),
                scores,
            );
            self.offer(block, first, scores);
        }
        Ok(())
    }

    /// Offer the rows from `first` on, by their products with the directions of a block.
    fn offer(&self, block: &Block<f32>, first: usize, products: &[f32]) {
        let (lanes, count) = (block.lanes, products.len() / block.lanes);
        if !self.lists.full() {
            // Most rows enter: one list after the other.
            for b in 0..block.bias.len() {
                let each = products[b..].iter().step_by(lanes).zip(first..);
                let scores = each.map(|(&product, row)| self.biased(product, block, b, row));
                self.lists.offer_all(block.first + b, first, scores);
            }
            return;
        }
        let row_bias = Tiles::<f32>::bias(&self.source);
        let rows = (first, row_bias.get(first..first + count).unwrap_or(&[]));
        let bars = (0..block.bias.len()).map(|b| below(self.lists.bar(block.first + b)));
        let mut lists = SharedLists {
            lists: &self.lists,
            first: block.first,
            bars: bars.collect(),
        };
        offer_above(block, rows, products, &mut lists);
    }

    /// Score up to [`TOGETHER`] pairs of a row and a direction; `framed(p)` is the row of pair p in the frame.
    pub fn pairs<'x>(&self, pairs: &[(usize, usize)], framed: impl Fn(usize) -> &'x [f32]) {
        let d = self.dim();
        let scores = self.chain.scores(std::array::from_fn(|p| {
            // The group is filled up with copies of the last pair.
            let p = p.min(pairs.len() - 1);
            let direction = pairs[p].1 * d;
            (
                &framed(p)[..d],
                &self.batch.directions[direction..direction + d],
            )
        }));
        for (&(row, direction), score) in pairs.iter().zip(scores) {
            let block = &self.blocks[direction / BLOCK];
            let score = self.biased(score, block, direction - block.first, row);
            self.lists.offer(direction, score, row);
        }
        debug_assert!(pairs.len() <= TOGETHER);
    }

    /// A fast score of a pair of a row and a direction, and the bias in it; x is the row in the frame.
    pub fn screened(&self, (row, direction): (usize, usize), x: &[f32]) -> (f32, f32) {
        let d = self.dim();
        let product = screen::product(&x[..d], &self.batch.directions[direction * d..][..d]);
        let block = &self.blocks[direction / BLOCK];
        let lane = direction - block.first;
        let bias = self.biased(0.0, block, lane, row);
        (self.biased(product, block, lane, row), bias)
    }

    /// The stated score of a product: adds the bias as the f32 scan does.
    fn biased(&self, product: f32, block: &Block<f32>, lane: usize, row: usize) -> f32 {
        if block.biased {
            product + block.bias[lane] * Tiles::<f32>::bias(&self.source)[row]
        } else {
            product
        }
    }
}

/// The lists of a block's directions, which all workers share.
struct SharedLists<'l> {
    lists: &'l Lists,
    /// The first direction of the block.
    first: usize,
    /// Just below each bar when it was read last.
    bars: Vec<f32>,
}

/// The bar that a score exceeds if it is at least this one: workers offer rows in any order, and one that equals the last of a
/// list may be needed. Every score exceeds what is no number.
fn below(bar: f32) -> f32 {
    match bar.next_down() {
        low if low < bar => low,
        _ => f32::NAN,
    }
}

impl BlockLists<f32> for SharedLists<'_> {
    #[inline(always)]
    fn bars(&self) -> &[f32] {
        &self.bars
    }

    #[inline(always)]
    fn offer(&mut self, b: usize, score: f32, row: usize) {
        self.lists.offer(self.first + b, score, row);
        self.bars[b] = below(self.lists.bar(self.first + b));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Control;
    use crate::rows::Memory;
    use crate::scan::Frame;

    /// Of rows with equal scores the first are kept, in whatever order tiles are scored.
    #[test]
    fn a_row_that_equals_the_bar_is_kept_if_it_comes_earlier() {
        let n = 2 * TILE;
        let values = (0..n).map(|row| (row % TILE) as f64).collect();
        let rows = Memory::from_f64("rows", 1, values);
        let frame = Frame::survey(&rows, &Control::default()).unwrap();
        let Some(chain) = Chain::of_product(1) else {
            return;
        };
        for k in [1, 5, 40] {
            let batch = Batch {
                directions: &[1.0, -1.0],
                bias: &[0.0, 0.0],
                k,
            };
            let stated = Stated::new(TileDecoder::new(&rows, &frame), (&batch, &[]), chain);
            let (mut space, mut scores) = Default::default();
            for first in [TILE, 0] {
                stated.rows(first, TILE, &mut space, &mut scores).unwrap();
            }
            let (_, found) = stated.lists.finish();
            let up = (0..k).map(|i| TILE - 1 - i / 2 + i % 2 * TILE);
            let down = (0..k).map(|i| i / 2 + i % 2 * TILE);
            assert_eq!(found, up.chain(down).collect::<Vec<_>>());
        }
    }
}
