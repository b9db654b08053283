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
    /// Quantise the rows from `first` on. `None` if an entry is too large, or one that is not stored is not zero.
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
        let mut stored = Vec::new();
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
            let x = self.layout.row(&x[..d], &mut stored)?;
            let row = numbers::quantise(x, levels, &mut q[..width])?;
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
    /// The layout for rows in a frame. The columns in which all rows have the centre's value are left out, if that makes rows
    /// shorter.
    pub fn new(frame: &Frame, kernel: Kernel) -> Self {
        let d = frame.dim();
        let (low, high, centre) = (&frame.lowest, &frame.highest, &frame.centre);
        let differs = |&j: &usize| low[j] != centre[j] || high[j] != centre[j];
        let columns: Vec<usize> = (0..d).filter(differs).collect();
        let shorter = kernel.stride(columns.len()) < kernel.stride(d) && !columns.is_empty();
        let columns = shorter.then_some(columns);
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

    /// Whether this is a layout for the kernel.
    pub fn suits(&self, kernel: Kernel) -> bool {
        self.stride == kernel.stride(self.width())
    }

    /// The stored columns of a row, with a buffer; `None` if another one is not zero.
    #[inline(always)]
    fn row<'x>(&self, x: &'x [f32], stored: &'x mut Vec<f32>) -> Option<&'x [f32]> {
        let Some(columns) = &self.columns else {
            return Some(x);
        };
        stored.clear();
        stored.extend(columns.iter().map(|&j| x[j]));
        let count = |x: &[f32]| x.iter().filter(|v| **v != 0.0).count();
        (count(x) == count(stored)).then_some(&**stored)
    }

    /// The stored columns of some directions, of d numbers each; `None` if a number is not finite.
    pub fn of_directions<'x>(&self, directions: &'x [f32]) -> Option<Cow<'x, [f32]>> {
        if !directions.iter().all(|v| v.is_finite()) {
            return None;
        }
        Some(match &self.columns {
            None => Cow::Borrowed(directions),
            Some(columns) => {
                let each = directions.chunks_exact(self.d);
                let stored = each.flat_map(|direction| columns.iter().map(|&j| direction[j]));
                Cow::Owned(stored.collect())
            }
        })
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
    /// A buffer for products, which one batch of few directions leaves for the next.
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
