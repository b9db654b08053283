//! Quantised tiles of the reference: made at first use, and kept if memory allows.

use super::bound::{Panel, Row};
use super::kernel::{Kernel, ROWS};
use super::numbers;
use crate::error::Result;
use crate::scan::Frame;
use crate::scan::cpu::{Space, TILE, TileDecoder, Tiles, padded};
use std::borrow::Cow;
use std::sync::{Mutex, OnceLock};

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
        layout: &Layout,
        space: &mut Space<f32>,
    ) -> Result<Option<Tile>> {
        let bias = &Tiles::<f32>::bias(source)[first..first + TILE];
        let framed: &[f32] = source.read(first, TILE, space)?;
        Ok(pulp::Arch::new().dispatch(Quantise {
            framed,
            bias,
            layout,
        }))
    }
}

/// The work of [`Tile::read`], compiled for the instruction set found at run time.
struct Quantise<'a> {
    framed: &'a [f32],
    bias: &'a [f32],
    layout: &'a Layout,
}

impl pulp::NullaryFnOnce for Quantise<'_> {
    type Output = Option<Tile>;

    #[inline(always)]
    fn call(self) -> Option<Tile> {
        let &Layout {
            d, stride, levels, ..
        } = self.layout;
        let width = self.layout.width();
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
            let x = self.layout.row(&x[..d])?;
            let row = numbers::quantise(&x, levels, &mut q[..width])?;
            tile.bounds
                .push(tile.panels[r / PANEL].admit(&row, self.bias[r], d));
        }
        Some(tile)
    }
}

/// The layout of quantised rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// The number of columns of the reference set.
    d: usize,
    /// The columns that are stored, if not all: a column of zeros adds nothing to a product.
    columns: Option<Vec<usize>>,
    /// Bytes of a row, including padding.
    stride: usize,
    levels: i32,
}

impl Layout {
    /// The layout for rows in a frame. The columns in which all rows have the centre's value are left out.
    pub fn new(frame: &Frame, kernel: Kernel) -> Self {
        let d = frame.dim();
        let ends = frame.lowest.iter().zip(&frame.highest);
        let differs = |((low, high), centre): ((&f64, &f64), &f64)| low != centre || high != centre;
        let differs: Vec<bool> = ends.zip(&frame.centre).map(differs).collect();
        let some = (0..d).filter(|&column| differs[column]);
        let columns: Vec<usize> = some.collect();
        let all = columns.len() == d || columns.is_empty();
        let columns = (!all).then_some(columns);
        Layout {
            d,
            stride: kernel.stride(columns.as_ref().map_or(d, Vec::len)),
            columns,
            levels: numbers::levels(d),
        }
    }

    /// The number of columns that are stored.
    pub fn width(&self) -> usize {
        self.columns.as_ref().map_or(self.d, Vec::len)
    }

    /// The stored columns of a row; `None` if another one is not zero.
    #[inline(always)]
    fn row<'x>(&self, x: &'x [f32]) -> Option<Cow<'x, [f32]>> {
        let stored = self.of_vectors(x);
        let count = |x: &[f32]| x.iter().filter(|v| **v != 0.0).count();
        (self.columns.is_none() || count(x) == count(&stored)).then_some(stored)
    }

    /// The stored columns of some vectors, of d numbers each.
    pub fn of_vectors<'x>(&self, vectors: &'x [f32]) -> Cow<'x, [f32]> {
        match &self.columns {
            None => Cow::Borrowed(vectors),
            Some(columns) => {
                let each = vectors.chunks_exact(self.d);
                let stored = each.flat_map(|vector| columns.iter().map(|&j| vector[j]));
                Cow::Owned(stored.collect())
            }
        }
    }

    /// Bytes of the quantised tiles of n rows.
    pub fn bytes(&self, n: usize) -> u64 {
        (n / TILE * TILE) as u64 * (self.stride + size_of::<Row>()) as u64
    }
}

/// The tiles of a reference set.
pub struct Kept {
    /// One entry per whole tile, if tiles are kept.
    tiles: Option<Vec<OnceLock<Option<Tile>>>>,
    layout: Layout,
    /// A buffer for products, which one batch leaves for the next.
    pub buffer: Mutex<Vec<i32>>,
}

impl Kept {
    /// Without any tile yet; `keep` says whether tiles are kept after their first use.
    pub fn new(n: usize, layout: Layout, keep: bool) -> Self {
        Kept {
            tiles: keep.then(|| (0..n / TILE).map(|_| OnceLock::new()).collect()),
            layout,
            buffer: Mutex::default(),
        }
    }

    /// The layout of the rows.
    pub fn layout(&self) -> &Layout {
        &self.layout
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
        let mut read = || Tile::read(source, tile * TILE, &self.layout, space);
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
