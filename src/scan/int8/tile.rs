//! Quantised tiles of the reference: made at first use, of the copy in a file or from the rows, and kept if memory allows.

use super::bound::{Panel, Row};
use super::few::locked;
use super::kernel::{Kernel, ROWS};
use super::numbers::{self, Quantised};
use super::stored::StoredCopy;
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
#[derive(Debug, PartialEq)]
pub struct Tile {
    /// TILE x stride.
    pub rows: Vec<i8>,
    /// One entry per row.
    pub bounds: Vec<Row>,
    /// One entry per panel.
    pub panels: Vec<Panel>,
}

impl Tile {
    /// From the levels of a tile's rows and the bias of each; d is the number of columns of the set.
    pub fn new(Levels { rows, each }: Levels, bias: &[f32], d: usize) -> Self {
        let mut panels = vec![Panel::default(); TILE / PANEL];
        let bounds = each.iter().zip(bias).enumerate();
        let bounds = bounds.map(|(r, (row, &bias))| panels[r / PANEL].admit(row, bias, d));
        Tile {
            bounds: bounds.collect(),
            rows,
            panels,
        }
    }

    /// Quantise the rows from `first` on. `None` as of [`Levels::read`].
    fn read(
        source: &TileDecoder<'_>,
        first: usize,
        layout: &Layout,
        space: &mut Space<f32>,
    ) -> Result<Option<Tile>> {
        let bias = &Tiles::<f32>::bias(source)[first..first + TILE];
        let levels = Levels::read(source, first, (layout, layout.stride), space)?;
        Ok(levels.map(|levels| Tile::new(levels, bias, layout.d)))
    }
}

/// The rows of a whole tile as integers, and the scale and the lengths of each.
pub struct Levels {
    /// One row after the other, each padded with zeros if its stride is longer.
    pub rows: Vec<i8>,
    pub each: Vec<Quantised>,
}

impl Levels {
    /// Quantise the rows from `first` on, `stride` bytes each. `None` if an entry is too large, or one that is not stored is
    /// not zero.
    pub fn read(
        source: &TileDecoder<'_>,
        first: usize,
        (layout, stride): (&Layout, usize),
        space: &mut Space<f32>,
    ) -> Result<Option<Self>> {
        let framed: &[f32] = source.read(first, TILE, space)?;
        Ok(pulp::Arch::new().dispatch(Quantise {
            framed,
            layout,
            stride,
        }))
    }
}

/// The work of [`Levels::read`], compiled for the instruction set found at run time.
struct Quantise<'a> {
    framed: &'a [f32],
    layout: &'a Layout,
    stride: usize,
}

impl pulp::NullaryFnOnce for Quantise<'_> {
    type Output = Option<Levels>;

    #[inline(always)]
    fn call(self) -> Option<Levels> {
        let &Layout { d, levels, .. } = self.layout;
        let width = self.layout.width();
        let mut stored = Vec::new();
        let mut tile = Levels {
            rows: vec![0; TILE * self.stride],
            each: Vec::with_capacity(TILE),
        };
        for (q, x) in tile
            .rows
            .chunks_exact_mut(self.stride)
            .zip(self.framed.chunks_exact(padded(d)))
        {
            let x = self.layout.row(&x[..d], &mut stored)?;
            tile.each
                .push(numbers::quantise(x, levels, &mut q[..width])?);
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
    /// The layout for rows in a frame. The columns in which all rows have the centre's value are left out, for every kernel, so
    /// that a copy in a file suits all of them.
    pub fn new(frame: &Frame, kernel: Kernel) -> Self {
        let d = frame.dim();
        let (low, high, centre) = (&frame.lowest, &frame.highest, &frame.centre);
        let differs = |&j: &usize| low[j] != centre[j] || high[j] != centre[j];
        let columns: Vec<usize> = (0..d).filter(differs).collect();
        let fewer = columns.len() < d && !columns.is_empty();
        let columns = fewer.then_some(columns);
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

    /// The largest integer.
    pub fn levels(&self) -> i32 {
        self.levels
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
    /// The copy that a file held, of which tiles are made if they are kept.
    stored: Option<StoredCopy>,
    /// A buffer for products, which one batch of few directions leaves for the next.
    pub buffer: Mutex<Vec<i32>>,
}

impl Kept {
    /// Without any tile yet; `keep` says whether tiles are kept after their first use. They are made of `stored` where there is
    /// one of this layout.
    pub fn new(n: usize, layout: Layout, keep: bool, stored: Option<StoredCopy>) -> Self {
        Kept {
            tiles: keep.then(|| (0..n / TILE).map(|_| OnceLock::new()).collect()),
            stored: stored.filter(|stored| keep && stored.fits(n, &layout)),
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

    /// Whether tiles are made of a copy that a file held.
    pub fn is_stored(&self) -> bool {
        self.stored.is_some()
    }

    /// Call `work` with a tile; `None` if the tile cannot be quantised.
    pub fn with<T>(
        &self,
        tile: usize,
        source: &TileDecoder<'_>,
        space: &mut Space<f32>,
        work: impl FnOnce(&Tile) -> Result<T>,
    ) -> Result<Option<T>> {
        match &self.tiles {
            None => {
                let made = Tile::read(source, tile * TILE, &self.layout, space)?;
                made.as_ref().map(work).transpose()
            }
            Some(tiles) => {
                let kept = match tiles[tile].get() {
                    Some(kept) => kept,
                    None => self.made(tile, &tiles[tile], source, space)?,
                };
                kept.as_ref().map(work).transpose()
            }
        }
    }

    /// Makes a tile that is kept: of the stored copy, which gives up its part, or from the rows.
    fn made<'t>(
        &self,
        tile: usize,
        place: &'t OnceLock<Option<Tile>>,
        source: &TileDecoder<'_>,
        space: &mut Space<f32>,
    ) -> Result<&'t Option<Tile>> {
        if let Some(stored) = &self.stored {
            let bias = &Tiles::<f32>::bias(source)[tile * TILE..][..TILE];
            // A second thread waits here, and finds the tile made.
            let mut part = locked(stored.part(tile));
            if let Some(levels) = part.take() {
                let levels = stored.levels(tile, levels, self.layout.stride);
                let made = levels.map(|levels| Tile::new(levels, bias, self.layout.d));
                return Ok(place.get_or_init(|| made));
            }
            if let Some(made) = place.get() {
                return Ok(made);
            }
        }
        let made = Tile::read(source, tile * TILE, &self.layout, space)?;
        Ok(place.get_or_init(|| made))
    }
}
