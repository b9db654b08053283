//! Reads the rows of an array a slab at a time: unpacks each chunk that overlaps the slab, and copies its numbers.
//!
//! Metadata that claim much allocate neither memory nor disk: sizes are checked against the limits and against the
//! chunks that exist.

use super::codec::{self, crc32c};
use super::layout::{Shard, ZarrArray};
use super::store::{self, Object, Store};
use crate::error::{Place, Result};
use crate::rows::input::Input;
use crate::rows::size_check::{claimed, product, row_axes, slab};
use crate::rows::table::{Ask, Chunk, STEP, Stream, Table};
use crate::rows::{Element, array, decode};
use std::ops::Range;

/// How many bytes of rows may be claimed without any chunk, and how many chunks may be missing for each one that
/// exists.
const SMALL: u64 = 64 << 20;
const SPARSEST: u64 = 64;

/// The memory, in bytes, that a chunk may always take.
const LEAST: u64 = 16 << 20;

pub(super) struct Slabs {
    store: Store,
    name: String,
    layout: ZarrArray,
    axes: Vec<usize>,
    /// The number of rows of the table; the array is one row if `single`.
    len: u64,
    dim: usize,
    single: bool,
    /// Bytes of a chunk.
    bytes: usize,
    /// The memory, in bytes, that a packed member of an archive may take.
    may: u64,
    /// How many rows to read at a time.
    step: u64,
    next: u64,
}

impl Slabs {
    /// The table of an array's rows. Errors: more rows than may be stored, or too few chunks for them.
    pub fn table(
        input: &Input,
        store: Store,
        name: String,
        layout: ZarrArray,
        ask: &Ask,
    ) -> Result<Table> {
        let mut shape = layout.shape.clone();
        let single = shape.len() == 1 && ask.several;
        if single {
            shape.insert(0, 1);
        }
        let size = layout.element.size() as u64;
        let claim = claimed(input, &name, &shape, layout.element, ask)?;
        let row = claim.dim as u64 * size;
        let may = (ask.memory / 4).max(LEAST);
        let fault = |what: String, advice: &str| Err(input.error(place(&name), what, advice));
        let bytes = product(&layout.chunk).and_then(|numbers| numbers.checked_mul(size));
        let parts = product(&layout.stored).zip(product(&layout.chunk));
        let table = parts.and_then(|(whole, part)| (whole / part).checked_mul(ENTRY));
        let Some(bytes) =
            bytes.filter(|&bytes| bytes <= may && table.is_some_and(|table| table <= may))
        else {
            let (chunk, stored) = (&layout.chunk, &layout.stored);
            return fault(
                format!(
                    "chunks of {chunk:?} in parts of {stored:?} take more memory than is allowed"
                ),
                "give more --memory, or write it again in smaller chunks",
            );
        };
        let step = slab(STEP as u64, row, layout.stored[0], may / 2)
            .or_else(|| slab(STEP as u64, row, layout.chunk[0], may / 2));
        let mut slabs = Slabs {
            axes: row_axes(shape[1..].iter().map(|&axis| axis as usize)),
            len: claim.len,
            dim: claim.dim,
            single,
            bytes: bytes as usize,
            may,
            step: step.unwrap_or((STEP as u64 / row).max(1)).min(claim.len),
            next: 0,
            store,
            name,
            layout,
        };
        let (there, all) = slabs.there()?;
        if claim.bytes > SMALL && there.saturating_mul(SPARSEST) < all {
            return Err(input.error(
                place(&slabs.name),
                format!(
                    "the shape {:?} claims {} bytes, and {there} of {all} chunks are there",
                    slabs.layout.shape, claim.bytes
                ),
                "most of it was never written, or the folder was not copied whole; write it again",
            ));
        }
        let mut notes = Vec::new();
        if there < all {
            notes.push(format!(
                "{} of {all} chunks were never written: their numbers are the fill value ({})",
                all - there,
                slabs.layout.filled
            ));
        }
        if single {
            notes.push(array::ONE_ROW.into());
        }
        slabs.layout.shape = match single {
            true => shape[1..].to_vec(),
            false => shape,
        };
        let mut table = Table::stream(slabs);
        table.columns.notes = notes;
        Ok(table)
    }

    /// The number of chunks (or shards) along each axis.
    fn grid(&self) -> Vec<u64> {
        let axes = self.layout.shape.iter().zip(&self.layout.stored);
        axes.map(|(length, part)| length.div_ceil(*part)).collect()
    }

    /// How many chunks (or shards) exist, and how many the grid has.
    fn there(&self) -> Result<(u64, u64)> {
        let grid = self.grid();
        let all = product(&grid).unwrap_or(u64::MAX);
        let mut there = 0;
        self.store.below(&self.name, &mut |key| {
            there += u64::from(self.layout.keys.is_in(key, &grid));
            there < all
        })?;
        Ok((there, all))
    }

    /// Fills `out` with the numbers whose first index is in `range`.
    fn fill(&mut self, range: Range<u64>, out: &mut [u8]) -> Result<()> {
        if self.layout.fill.iter().any(|&byte| byte != 0) {
            out.chunks_exact_mut(self.layout.fill.len())
                .for_each(|number| number.copy_from_slice(&self.layout.fill));
        }
        let mut grid: Vec<Range<u64>> = self.grid().into_iter().map(|count| 0..count).collect();
        let stored = self.layout.stored.clone();
        grid[0] = range.start / stored[0]..range.end.div_ceil(stored[0]);
        let mut at = Some(first(&grid));
        while let Some(place) = at {
            let key = store::join(&self.name, &self.layout.keys.key(&place));
            if let Some(object) = self.store.object(&key, self.may)? {
                let origin: Vec<u64> = place
                    .iter()
                    .zip(&stored)
                    .map(|(at, size)| at * size)
                    .collect();
                match self.layout.shard {
                    None => {
                        let packed = self.whole(&key, &object)?;
                        self.put(packed, &key, &object, &origin, &range, out)?;
                    }
                    Some(shard) => self.parts(shard, &key, &object, &origin, &range, out)?,
                }
            }
            at = following(place, &grid);
        }
        Ok(())
    }

    /// Reads all bytes of a chunk, unless they are too many for one.
    fn whole(&self, key: &str, object: &Object) -> Result<Vec<u8>> {
        let (size, most) = (object.size(), codec::packed(self.bytes) as u64);
        if size > most {
            let what = format!(
                "the chunk has {size} bytes, too many for {} unpacked ones",
                self.bytes
            );
            return Err(object.error(key, what));
        }
        object.read(0, size)
    }

    /// Unpacks the chunks of a shard that overlap the rows.
    fn parts(
        &self,
        shard: Shard,
        key: &str,
        object: &Object,
        origin: &[u64],
        range: &Range<u64>,
        out: &mut [u8],
    ) -> Result<()> {
        let ZarrArray {
            chunk,
            stored,
            shape,
            ..
        } = &self.layout;
        let counts: Vec<u64> = stored
            .iter()
            .zip(chunk)
            .map(|(whole, part)| whole / part)
            .collect();
        let table = index(shard, key, object, counts.iter().product())?;
        let axes = (0..shape.len()).map(|axis| {
            let (mut from, mut to) = (origin[axis], (origin[axis] + stored[axis]).min(shape[axis]));
            if axis == 0 {
                (from, to) = (from.max(range.start), to.min(range.end));
            }
            (from - origin[axis]) / chunk[axis]..(to - origin[axis]).div_ceil(chunk[axis])
        });
        let grid: Vec<Range<u64>> = axes.collect();
        let mut at = Some(first(&grid));
        while let Some(place) = at {
            let number = place
                .iter()
                .zip(&counts)
                .fold(0, |number, (at, count)| number * count + at);
            let (from, size) = table[number as usize];
            // Offset and length are both all ones for a missing chunk.
            if (from, size) != (u64::MAX, u64::MAX) {
                if size > codec::packed(self.bytes) as u64 {
                    let what = format!(
                        "a chunk of {size} bytes is claimed, too many for {} unpacked ones",
                        self.bytes
                    );
                    return Err(object.error(key, what));
                }
                let packed = object.read(from, size)?;
                let corner = place.iter().zip(chunk).zip(origin);
                let corner: Vec<u64> = corner
                    .map(|((at, size), origin)| origin + at * size)
                    .collect();
                self.put(packed, key, object, &corner, range, out)?;
            }
            at = following(place, &grid);
        }
        Ok(())
    }

    /// Unpacks a chunk, and copies those of its numbers to `out` whose first index is in `range`.
    fn put(
        &self,
        packed: Vec<u8>,
        key: &str,
        object: &Object,
        origin: &[u64],
        range: &Range<u64>,
        out: &mut [u8],
    ) -> Result<()> {
        let layout = &self.layout;
        let chunk = codec::decode(&layout.codecs, packed, self.bytes);
        let mut chunk =
            chunk.map_err(|what| object.error(key, format!("the chunk is broken: {what}")))?;
        if layout.foreign {
            decode::swap(layout.element, &mut chunk);
        }
        let size = layout.element.size();
        let steps = steps(&layout.chunk, &layout.order);
        let row_steps = array::c_order(&layout.shape);
        let axes = layout.shape.iter().enumerate().map(|(axis, &length)| {
            let end = (origin[axis] + layout.chunk[axis]).min(length);
            match axis {
                0 => origin[0].max(range.start)..end.min(range.end),
                _ => origin[axis]..end,
            }
        });
        let mut grid: Vec<Range<u64>> = axes.collect();
        let Some((last, run)) = grid.iter().cloned().enumerate().next_back() else {
            return Ok(());
        };
        let count = (run.end - run.start) as usize;
        grid[last] = run.start..run.start + 1;
        let mut at = Some(first(&grid));
        while let Some(place) = at {
            let from: u64 = place
                .iter()
                .zip(origin)
                .zip(&steps)
                .map(|((at, origin), step)| (at - origin) * step)
                .sum();
            let to: u64 = place
                .iter()
                .zip(&row_steps)
                .map(|(at, step)| at * step)
                .sum::<u64>()
                - range.start * row_steps[0];
            let to = &mut out[to as usize * size..][..count * size];
            let from = &chunk[from as usize * size..];
            match steps[last] {
                1 => to.copy_from_slice(&from[..count * size]),
                step => {
                    for (place, number) in to.chunks_exact_mut(size).enumerate() {
                        number.copy_from_slice(&from[place * step as usize * size..][..size]);
                    }
                }
            }
            at = following(place, &grid);
        }
        Ok(())
    }
}

fn place(name: &str) -> Place {
    match name {
        "" => Place::Whole,
        name => Place::Part(name.into()),
    }
}

/// The size of an entry in the table of a shard: offset and length of a chunk.
const ENTRY: u64 = 16;

/// Reads the table of a shard.
fn index(shard: Shard, key: &str, object: &Object, chunks: u64) -> Result<Vec<(u64, u64)>> {
    let bytes = chunks * ENTRY + if shard.checked { 4 } else { 0 };
    let Some(rest) = object.size().checked_sub(bytes) else {
        let what = format!(
            "the shard has {} bytes, and its table alone {bytes}",
            object.size()
        );
        return Err(object.error(key, what));
    };
    let mut table = object.read(if shard.at_end { rest } else { 0 }, bytes)?;
    if shard.checked {
        let sum = table.split_off((chunks * ENTRY) as usize);
        if sum != crc32c(&table).to_le_bytes() {
            return Err(object.error(key, "the checksum of the shard's table is another".into()));
        }
    }
    let words = |entry: &[u8; 16]| {
        let word = u128::from_le_bytes(*entry);
        (word as u64, (word >> 64) as u64)
    };
    Ok(table.as_chunks::<16>().0.iter().map(words).collect())
}

/// The stride of each axis, in numbers, in a chunk that stores its axes in this order.
fn steps(chunk: &[u64], order: &[usize]) -> Vec<u64> {
    let (mut steps, mut step) = (vec![0; chunk.len()], 1);
    for &axis in order.iter().rev() {
        steps[axis] = step;
        step *= chunk[axis];
    }
    steps
}

/// The first place of a grid whose axes are all nonempty.
fn first(grid: &[Range<u64>]) -> Vec<u64> {
    grid.iter().map(|axis| axis.start).collect()
}

/// The next place of the grid in C order; None at the end.
fn following(mut place: Vec<u64>, grid: &[Range<u64>]) -> Option<Vec<u64>> {
    for (at, axis) in place.iter_mut().zip(grid).rev() {
        *at += 1;
        if *at < axis.end {
            return Some(place);
        }
        *at = axis.start;
    }
    None
}

impl Stream for Slabs {
    fn axes(&self) -> Vec<usize> {
        self.axes.clone()
    }

    fn element(&self) -> Element {
        self.layout.element
    }

    fn next(&mut self, chunk: &mut Chunk) -> Result<bool> {
        let count = self.step.min(self.len - self.next);
        if count == 0 {
            return Ok(false);
        }
        let range = match self.single {
            true => 0..self.layout.shape[0],
            false => self.next..self.next + count,
        };
        let start = chunk.values.len();
        let bytes = count as usize * self.dim * self.layout.element.size();
        chunk.values.resize(start + bytes, 0);
        self.fill(range, &mut chunk.values[start..])?;
        self.next += count;
        Ok(true)
    }
}
