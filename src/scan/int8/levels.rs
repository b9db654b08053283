//! How rows are stored in eight bits, and the integers of a tile of rows, in the layout of a kernel or, for a file, of none.

use super::bound::Row;
use super::kernel::Kernel;
use super::numbers::{self, Quantised};
use crate::error::Result;
use crate::scan::Frame;
use crate::scan::cpu::{Space, TILE, TileDecoder, Tiles, padded};
use std::borrow::Cow;

/// The layout of quantised rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// The number of columns of the reference set.
    pub d: usize,
    /// The columns that are stored, if not all: a column of zeros adds nothing to a product.
    columns: Option<Vec<usize>>,
    /// Bytes of a row, including padding.
    pub stride: usize,
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
