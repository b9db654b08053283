//! Rows to store on the device, and a chunk of stored rows.

use super::device::{Device, Trouble};
use super::pass::Pass;
use super::pipeline::Variant;
use super::tile::{SPAN, Stored, TERMS, Tile};
use crate::rows::Rows;
use crate::scan::Frame;
use wgpu::Buffer;

/// The rows to store, and the form to store them in.
#[derive(Clone, Copy)]
pub struct Upload<'a> {
    pub rows: &'a dyn Rows,
    pub frame: &'a Frame,
    pub tile: Tile,
    pub stored: Stored,
    /// The power of two by which stored rows are multiplied.
    pub factor: f32,
}

impl Upload<'_> {
    /// Elements of a row before padding.
    pub fn elements(&self) -> usize {
        self.stored.elements(self.frame.dim())
    }

    /// Elements of a row after padding.
    pub fn depth(&self) -> usize {
        self.stored.depth(self.frame.dim())
    }

    /// The variant of a pass for these rows.
    pub fn variant(&self, pass: Pass, unrolled: bool) -> Variant {
        Variant {
            pass,
            tile: self.tile,
            stored: self.stored,
            width: self.tile.rows,
            unrolled,
        }
    }
}

/// Consecutive rows on the device.
pub struct Chunk {
    pub first: usize,
    pub count: usize,
    /// The panels; the biases of all rows in these panels, or their terms for eight bits; the largest length in each
    /// span, which eight bits do not need.
    pub x: Buffer,
    pub beside: Buffer,
    pub norms: Buffer,
}

impl Chunk {
    /// Allocate a chunk for `rows` rows.
    pub fn new(device: &mut Device, source: &Upload<'_>, rows: usize) -> Result<Self, Trouble> {
        let whole = rows.next_multiple_of(source.tile.rows as usize);
        let bytes = whole * source.depth() * source.stored.bytes();
        let (beside, norms) = match source.stored {
            Stored::Int8 => (4 * whole * TERMS, 0),
            _ => (4 * whole, 4 * whole / SPAN as usize),
        };
        Ok(Chunk {
            first: 0,
            count: 0,
            x: device.buffer("rows", bytes as u64)?,
            beside: device.buffer("row biases", beside as u64)?,
            norms: device.buffer("span norms", norms as u64)?,
        })
    }

    /// Spans with at least one row.
    pub fn spans(&self) -> usize {
        self.count.div_ceil(SPAN as usize)
    }

    /// Panels with at least one row.
    pub fn panels(&self, tile: &Tile) -> usize {
        self.count.div_ceil(tile.rows as usize)
    }
}
