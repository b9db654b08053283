//! Quantised tiles of the reference: made at first use, and kept if memory allows.

use super::bound::{Panel, Row};
use super::kernel::{self, ROWS};
use super::numbers;
use crate::error::Result;
use crate::scan::cpu::{Space, TILE, TileDecoder, Tiles, padded};
use std::sync::OnceLock;

/// Rows that are multiplied and compared together: few enough for their products with a block of directions to fit the
/// L2 cache.
pub const PANEL: usize = 64;

const _: () = assert!(TILE.is_multiple_of(PANEL) && PANEL.is_multiple_of(ROWS));

/// A whole tile, quantised.
pub struct Tile {
    /// TILE x stride.
    pub rows: Vec<i8>,
    /// One entry per row.
    pub bounds: Vec<Row>,
    /// One entry per panel.
    pub panels: Vec<Panel>,
}

impl Tile {
    /// Quantise the rows from `first` on. `None` if an entry is too large.
    fn read(
        source: &TileDecoder<'_>,
        first: usize,
        levels: i32,
        space: &mut Space<f32>,
    ) -> Result<Option<Tile>> {
        let d = Tiles::<f32>::dim(source);
        let bias = &Tiles::<f32>::bias(source)[first..first + TILE];
        let framed: &[f32] = source.read(first, TILE, space)?;
        Ok(pulp::Arch::new().dispatch(Quantise {
            framed,
            bias,
            d,
            levels,
        }))
    }
}

/// The work of [`Tile::read`], compiled for the instruction set found at run time.
struct Quantise<'a> {
    framed: &'a [f32],
    bias: &'a [f32],
    d: usize,
    levels: i32,
}

impl pulp::NullaryFnOnce for Quantise<'_> {
    type Output = Option<Tile>;

    #[inline(always)]
    fn call(self) -> Option<Tile> {
        let d = self.d;
        let stride = kernel::stride(d);
        let mut tile = Tile {
            rows: vec![0; TILE * stride],
            bounds: Vec::with_capacity(TILE),
            panels: vec![Panel::default(); TILE / PANEL],
        };
        for (r, (q, x)) in tile
            .rows
            .chunks_exact_mut(stride)
            .zip(self.framed.chunks_exact(padded(d)))
            .enumerate()
        {
            let row = numbers::quantise(&x[..d], self.levels, &mut q[..d])?;
            tile.bounds
                .push(tile.panels[r / PANEL].admit(&row, self.bias[r], d));
        }
        Some(tile)
    }
}

/// The tiles of a reference set.
pub struct Kept {
    /// One entry per whole tile, if tiles are kept.
    tiles: Option<Vec<OnceLock<Option<Tile>>>>,
    levels: i32,
}

/// Bytes of the quantised tiles of n rows of d columns.
pub fn bytes(n: usize, d: usize) -> u64 {
    (n / TILE * TILE) as u64 * (kernel::stride(d) + size_of::<Row>()) as u64
}

impl Kept {
    /// Without any tile yet; `keep` says whether tiles are kept after their first use.
    pub fn new(n: usize, d: usize, keep: bool) -> Self {
        Kept {
            tiles: keep.then(|| (0..n / TILE).map(|_| OnceLock::new()).collect()),
            levels: numbers::levels(d),
        }
    }

    /// Whether tiles are kept.
    pub fn keeps(&self) -> bool {
        self.tiles.is_some()
    }

    /// Whether the tile is one to be kept that was not made yet.
    pub fn is_due(&self, tile: usize) -> bool {
        let kept = self.tiles.as_ref().map(|tiles| &tiles[tile]);
        kept.is_some_and(|tile| tile.get().is_none())
    }

    /// Call `work` with a tile; `None` if the tile cannot be quantised.
    pub fn with<T>(
        &self,
        tile: usize,
        source: &TileDecoder<'_>,
        space: &mut Space<f32>,
        work: impl FnOnce(&Tile) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut read = || Tile::read(source, tile * TILE, self.levels, space);
        match &self.tiles {
            None => read()?.as_ref().map(work).transpose(),
            Some(tiles) => {
                let kept = match tiles[tile].get() {
                    Some(kept) => kept,
                    None => {
                        let made = read()?;
                        tiles[tile].get_or_init(|| made)
                    }
                };
                kept.as_ref().map(work).transpose()
            }
        }
    }
}
