//! The eight-bit copy of the rows as a file holds it: in the layout of no kernel, so that the tiles of each are made by
//! copying.
//!
//! Only whole tiles are in it, because scans take the rows after them in f32. Of each row it has the integers of the columns in
//! which rows differ, the scale, and two lengths; the third follows from the integers. Tiles that are made of it equal those
//! that are made from the rows, to the last bit, and take its memory.

use super::kernel::Kernel;
use super::levels::{Layout, Levels};
use super::numbers::{self, Quantised, SMALLEST};
use super::{FEW_COLUMNS, FEW_ROWS};
use crate::error::Result;
use crate::rows::{Numbers, Pack, Rows};
use crate::scan::Frame;
use crate::scan::cpu::{TILE, TileDecoder};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Mutex;

/// Bytes of integers that are made at a time.
const PART: usize = 32 << 20;

/// A row of every kernel has at most a multiple of this many columns.
const WIDEST: usize = 64;

/// The arrays beside the integers.
const SCALE: &str = "int8.scale";
const LOST: &str = "int8.lost";
const LENGTH: &str = "int8.length";

/// The size of a copy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extent {
    /// The rows in it, in whole tiles.
    pub rows: usize,
    /// The columns in it.
    pub width: usize,
    /// The largest integer.
    pub most: i32,
}

impl Extent {
    /// For the rows of a frame. Errors: why scans take the set in f32: few rows or columns, or too many columns.
    pub fn of(frame: &Frame) -> Result<Self, &'static str> {
        let (n, d) = (frame.bias.len(), frame.dim());
        let layout = Layout::new(frame, Kernel::Plain);
        let lacks = [
            (n < FEW_ROWS, "the rows are so few"),
            (d < FEW_COLUMNS, "the columns are so few"),
            (
                layout.levels() < numbers::FEWEST_LEVELS,
                "the columns are so many",
            ),
        ];
        match lacks.into_iter().find(|(lacks, _)| *lacks) {
            Some((_, why)) => Err(why),
            None => Ok(Extent {
                rows: n / TILE * TILE,
                width: layout.width(),
                most: layout.levels(),
            }),
        }
    }

    /// How many tiles there are, and the integers of each.
    pub fn tiles(&self) -> usize {
        self.rows / TILE
    }

    pub fn tile(&self) -> usize {
        TILE * self.width
    }

    /// Zeros in place of the integers of a tile, with room for the padding of every kernel: the tile takes the place of its part of
    /// the copy.
    pub fn buffer(&self) -> Vec<i8> {
        let mut buffer = Vec::with_capacity(TILE * self.width.next_multiple_of(WIDEST));
        buffer.resize(self.tile(), 0);
        buffer
    }

    /// Bytes of the copy in memory.
    pub fn bytes(&self) -> u64 {
        self.rows as u64 * (self.width + size_of::<Measures>()) as u64
    }
}

/// The scale of a row and the lengths that cannot be computed from its integers. A row with scale 0 belongs to a tile that cannot
/// be quantised.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Measures {
    scale: f32,
    lost: f64,
    length: f64,
}

/// Makes the copy of some rows, part by part.
pub struct Quantiser<'a> {
    source: TileDecoder<'a>,
    layout: Layout,
    extent: Extent,
    measures: Vec<Measures>,
}

impl<'a> Quantiser<'a> {
    /// For the rows of a frame; `None` where [`Extent::of`] gives a reason.
    pub fn new(rows: &'a dyn Rows, frame: &'a Frame) -> Option<Self> {
        Some(Quantiser {
            source: TileDecoder::new(rows, frame),
            layout: Layout::new(frame, Kernel::Plain),
            extent: Extent::of(frame).ok()?,
            measures: Vec::new(),
        })
    }

    /// The size of the copy.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// The integers of the next tiles as bytes (two's complement, rows x width); `None` after the last one.
    ///
    /// Errors: rows that can no longer be read.
    pub fn part(&mut self) -> Result<Option<Vec<u8>>> {
        let (first, all) = (self.measures.len() / TILE, self.extent.tiles());
        let count = (PART / self.extent.tile()).clamp(1, all);
        let tiles = first..all.min(first + count);
        if tiles.is_empty() {
            return Ok(None);
        }
        let made = self.tiles(tiles)?;
        let mut bytes = Vec::with_capacity(made.len() * self.extent.tile());
        for levels in made {
            let Some(Levels { rows, each }) = levels else {
                bytes.resize(bytes.len() + self.extent.tile(), 0);
                let none = [Measures::default(); TILE];
                self.measures.extend(none);
                continue;
            };
            bytes.extend(rows.iter().map(|&level| level as u8));
            self.measures.extend(each.iter().map(|row| Measures {
                scale: row.scale,
                lost: row.lost,
                length: row.length,
            }));
        }
        Ok(Some(bytes))
    }

    fn tiles(&self, tiles: Range<usize>) -> Result<Vec<Option<Levels>>> {
        let layout = (&self.layout, self.extent.width);
        let made = tiles
            .into_par_iter()
            .map_init(Default::default, |space, tile| {
                Levels::read(&self.source, tile * TILE, layout, space)
            });
        made.collect()
    }

    /// Puts what belongs to the integers of all parts into a pack.
    pub fn pack(self, pack: &mut Pack) {
        let scales = self.measures.iter().map(|row| row.scale);
        pack.put(SCALE, Numbers::F32(scales.collect()));
        pack.put_reals(LOST, self.measures.iter().map(|row| row.lost));
        pack.put_reals(LENGTH, self.measures.iter().map(|row| row.length));
    }
}

/// A copy that was read from a file. Each tile is given away once.
pub struct StoredCopy {
    extent: Extent,
    measures: Vec<Measures>,
    /// The integers of each tile, until the tile is made.
    tiles: Vec<Mutex<Option<Vec<i8>>>>,
}

impl StoredCopy {
    /// Takes what belongs to the integers out of a pack, for a copy of this size; the integers are still to be added.
    ///
    /// Errors: arrays that are missing or of another length, and numbers that no row has.
    pub fn unpack(pack: &mut Pack, extent: Extent) -> Result<Self> {
        let scales = pack.floats(SCALE, Some(extent.rows))?;
        let lost = pack.reals(LOST, Some(extent.rows))?;
        let lengths = pack.reals(LENGTH, Some(extent.rows))?;
        let none = |scale: f32| scale == 0.0;
        let in_range = |scale: &f32| none(*scale) || (SMALLEST..=1.0 / SMALLEST).contains(scale);
        if !scales.iter().all(in_range) || scales.chunks(TILE).any(partly) {
            return Err(pack.fault(SCALE, "a scale is not in the range of scales"));
        }
        for (name, lengths) in [(LOST, &lost), (LENGTH, &lengths)] {
            let length = |length: &f64| *length >= 0.0 && length.is_finite();
            if !lengths.iter().all(length) {
                return Err(pack.fault(name, "a length is negative or not finite"));
            }
        }
        let each = scales.into_iter().zip(lost).zip(lengths);
        let each = each.map(|((scale, lost), length)| Measures {
            scale,
            lost,
            length,
        });
        Ok(StoredCopy {
            extent,
            measures: each.collect(),
            tiles: Vec::with_capacity(extent.tiles()),
        })
    }

    /// Adds the integers of the next tile, in an [`Extent::buffer`]. False if one is out of range, or their number is not that of a
    /// tile.
    pub fn add(&mut self, levels: Vec<i8>) -> bool {
        let largest = levels
            .iter()
            .fold(0, |largest, level| level.unsigned_abs().max(largest));
        let fits = levels.len() == self.extent.tile() && i32::from(largest) <= self.extent.most;
        if fits {
            self.tiles.push(Mutex::new(Some(levels)));
        }
        fits
    }

    /// Whether the copy is a whole one of n rows of this layout.
    pub(super) fn fits(&self, n: usize, layout: &Layout) -> bool {
        let Extent { rows, width, most } = self.extent;
        let tiles = self.tiles.len() * TILE;
        (rows, rows, width, most) == (n / TILE * TILE, tiles, layout.width(), layout.levels())
    }

    /// Bytes of what stays in memory when all tiles are made.
    pub(super) fn beside(&self) -> u64 {
        (self.measures.len() * size_of::<Measures>()) as u64
    }

    /// The place of the integers of a tile.
    pub(super) fn part(&self, tile: usize) -> &Mutex<Option<Vec<i8>>> {
        &self.tiles[tile]
    }

    /// The rows of a tile, `stride` bytes each, from its integers; `None` if the tile cannot be quantised.
    pub(super) fn levels(&self, tile: usize, levels: Vec<i8>, stride: usize) -> Option<Levels> {
        let measures = &self.measures[tile * TILE..][..TILE];
        let quantised = measures.iter().all(|row| row.scale > 0.0);
        let width = self.extent.width;
        quantised.then(|| {
            let rows = padded(levels, width, stride);
            let lengths = pulp::Arch::new().dispatch(Lengths {
                rows: &rows,
                width,
                stride,
            });
            let each = measures.iter().zip(lengths);
            let each = each.map(|(row, integers)| Quantised {
                scale: row.scale,
                integers,
                lost: row.lost,
                length: row.length,
            });
            Levels {
                each: each.collect(),
                rows,
            }
        })
    }
}

/// Whether some rows of a tile are quantised and others are not.
fn partly(scales: &[f32]) -> bool {
    let none = |scale: &f32| *scale == 0.0;
    scales.iter().any(none) && !scales.iter().all(none)
}

/// Rows of `width` bytes moved apart in their own memory, with zeros after each.
fn padded(mut rows: Vec<i8>, width: usize, stride: usize) -> Vec<i8> {
    let count = rows.len() / width;
    rows.resize(count * stride, 0);
    // From the last row on, so that none is overwritten before it is moved.
    for row in (0..count).rev() {
        rows.copy_within(row * width..(row + 1) * width, row * stride);
        rows[row * stride + width..(row + 1) * stride].fill(0);
    }
    rows
}

/// The lengths of the integers of a tile's rows, compiled for the instruction set found at run time.
struct Lengths<'a> {
    rows: &'a [i8],
    width: usize,
    stride: usize,
}

impl pulp::NullaryFnOnce for Lengths<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn call(self) -> Vec<f64> {
        let mut lengths = Vec::with_capacity(TILE);
        for row in self.rows.chunks_exact(self.stride) {
            lengths.push(numbers::length(&row[..self.width]));
        }
        lengths
    }
}

#[cfg(test)]
mod tests {
    use super::super::tile::{Kept, Tile};
    use super::*;
    use crate::control::Control;
    use crate::error::Error;
    use crate::rows::{Element, Memory};
    use crate::scan::cpu::Space;

    /// Whole tiles and a part of one, of columns of which the second is constant.
    const COUNT: usize = FEW_ROWS + 300;
    const COLUMNS: usize = 21;

    fn rows() -> Memory {
        let value = |at: usize| match (at / COLUMNS, at % COLUMNS) {
            (_, 1) => 3.0,
            (7, _) => 1e12,
            (_, column) => ((at * at + 31 * column) % 10_007) as f64 / 128.0 - 40.0,
        };
        Memory::from_f64("rows", COLUMNS, (0..COUNT * COLUMNS).map(value).collect())
    }

    /// Rows that can no longer be read.
    struct Gone;

    impl Rows for Gone {
        fn name(&self) -> &str {
            "gone"
        }
        fn len(&self) -> usize {
            COUNT
        }
        fn dim(&self) -> usize {
            COLUMNS
        }
        fn element(&self) -> Element {
            Element::F64
        }
        fn fits_f32(&self) -> bool {
            true
        }
        fn read_f64(&self, _: usize, _: &mut [f64]) -> Result<()> {
            Err(Error::Usage("the rows were read".into()))
        }
    }

    /// The integers of a copy, tile by tile, and what belongs to them.
    fn made(rows: &Memory, frame: &Frame) -> (Vec<Vec<i8>>, Pack) {
        let mut made = Quantiser::new(rows, frame).unwrap();
        let (mut bytes, tile) = (Vec::new(), made.extent().tile());
        while let Some(part) = made.part().unwrap() {
            bytes.extend(part);
        }
        let mut pack = Pack::new("x.hull");
        made.pack(&mut pack);
        let tiles = bytes
            .chunks(tile)
            .map(|tile| tile.iter().map(|&level| level as i8).collect());
        (tiles.collect(), pack)
    }

    fn copy((tiles, mut pack): (Vec<Vec<i8>>, Pack), frame: &Frame) -> StoredCopy {
        let mut copy = StoredCopy::unpack(&mut pack, Extent::of(frame).unwrap()).unwrap();
        assert_eq!(pack.arrays().count(), 0);
        assert!(tiles.into_iter().all(|tile| copy.add(tile)));
        copy
    }

    /// A tile, made anew from its parts; the error of rows that are gone.
    fn tile(kept: &Kept, at: usize, source: &TileDecoder<'_>) -> Result<Option<Tile>> {
        kept.with(at, source, &mut Space::default(), |tile| {
            let (rows, bounds) = (tile.rows.clone(), tile.bounds.clone());
            let panels = tile.panels.clone();
            Ok(Tile {
                rows,
                bounds,
                panels,
            })
        })
    }

    #[test]
    fn tiles_of_a_copy_are_those_of_the_rows_which_are_not_read() {
        let rows = rows();
        let frame = Frame::survey(&rows, &Control::default()).unwrap();
        assert_eq!(frame.far.rows, [7]);
        let extent = Extent::of(&frame).unwrap();
        assert_eq!((extent.rows, extent.width), (4352, COLUMNS - 1));
        let (source, gone) = (
            TileDecoder::new(&rows, &frame),
            TileDecoder::new(&Gone, &frame),
        );
        for kernel in Kernel::all() {
            let kept = |keep, copy| Kept::new(COUNT, Layout::new(&frame, kernel), keep, copy);
            let stored = || Some(copy(made(&rows, &frame), &frame));
            let (with, without) = (kept(true, stored()), kept(true, None));
            for at in 0..COUNT / TILE {
                let expected = tile(&without, at, &source).unwrap();
                assert!(expected.is_some());
                // The second time it is the tile itself.
                for _ in 0..2 {
                    assert_eq!(tile(&with, at, &gone).unwrap(), expected, "{kernel:?}");
                }
            }
            // A copy is not used where tiles are not kept, and the test can fail.
            assert!(!kept(false, stored()).is_stored());
            for none in [kept(false, stored()), kept(true, None)] {
                assert!(tile(&none, 0, &gone).is_err());
            }
        }
    }

    #[test]
    fn a_tile_without_a_scale_is_none_and_a_copy_of_other_rows_is_not_used() {
        let rows = rows();
        let frame = Frame::survey(&rows, &Control::default()).unwrap();
        let (tiles, mut pack) = made(&rows, &frame);
        let mut scales = pack.clone().floats(SCALE, None).unwrap();
        scales[TILE..2 * TILE].fill(0.0);
        pack.put(SCALE, Numbers::F32(scales));
        let copied = |tiles: &[Vec<i8>]| copy((tiles.to_vec(), pack.clone()), &frame);
        let layout = || Layout::new(&frame, Kernel::Plain);
        let (kept, gone) = (
            Kept::new(COUNT, layout(), true, Some(copied(&tiles))),
            TileDecoder::new(&Gone, &frame),
        );
        let made = [0, 1, 2].map(|at| tile(&kept, at, &gone).unwrap().is_some());
        assert_eq!(made, [true, false, true]);
        let stored = |n, tiles| Kept::new(n, layout(), true, Some(copied(tiles))).is_stored();
        assert!(stored(COUNT, &tiles) && !stored(COUNT, &tiles[1..]));
        assert!(!stored(COUNT + TILE, &tiles));
    }

    #[test]
    fn numbers_that_no_copy_has_are_refused() {
        let rows = rows();
        let frame = Frame::survey(&rows, &Control::default()).unwrap();
        let (tiles, pack) = made(&rows, &frame);
        let extent = Extent::of(&frame).unwrap();
        let mut copy = copy((Vec::new(), pack.clone()), &frame);
        let (mut least, short) = (tiles[0].clone(), tiles[0][1..].to_vec());
        least[5] = i8::MIN;
        assert!(!copy.add(least) && !copy.add(short) && copy.add(tiles[0].clone()));
        let scales = |change: &dyn Fn(&mut Vec<f32>)| {
            let mut scales = pack.clone().floats(SCALE, None).unwrap();
            change(&mut scales);
            Numbers::F32(scales)
        };
        let lengths = |value| Numbers::F64(vec![value; extent.rows]);
        for (name, array) in [
            (SCALE, scales(&|all| all[3] = 0.0)),
            (SCALE, scales(&|all| all[3] = f32::NAN)),
            (SCALE, scales(&|all| all[3] = -1.0)),
            (SCALE, scales(&|all| all[3] = 1e30)),
            (SCALE, scales(&|all| all.truncate(9))),
            (LOST, lengths(-1.0)),
            (LENGTH, lengths(f64::INFINITY)),
            (LENGTH, Numbers::F64(Vec::new())),
        ] {
            let mut wrong = pack.clone();
            wrong.put(name, array);
            let error = StoredCopy::unpack(&mut wrong, extent)
                .err()
                .unwrap()
                .to_string();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn a_tile_takes_the_memory_of_its_part() {
        let extent = Extent {
            rows: TILE,
            width: 717,
            most: 127,
        };
        for kernel in Kernel::all() {
            let buffer = extent.buffer();
            let (place, stride) = (buffer.as_ptr(), kernel.stride(extent.width));
            let moved = padded(buffer, extent.width, stride);
            assert_eq!((moved.as_ptr(), moved.len()), (place, TILE * stride));
        }
        let moved = padded(vec![1, 2, 3, 4, 5, 6, 7, 8, 9], 3, 5);
        assert_eq!(moved, [1, 2, 3, 0, 0, 4, 5, 6, 0, 0, 7, 8, 9, 0, 0]);
        assert_eq!(padded(vec![1, 2, 3, 4], 2, 2), [1, 2, 3, 4]);
    }

    #[test]
    fn few_rows_or_columns_have_no_copy() {
        let frame = |n: usize, d: usize| {
            let values = (0..n * d).map(|at| (at * at % 101) as f64).collect();
            let rows = Memory::from_f64("rows", d, values);
            Frame::survey(&rows, &Control::default()).unwrap()
        };
        let why = |n, d| Extent::of(&frame(n, d)).err();
        assert_eq!(why(FEW_ROWS, FEW_COLUMNS), None);
        assert_eq!(why(FEW_ROWS - 1, FEW_COLUMNS), Some("the rows are so few"));
        assert_eq!(
            why(FEW_ROWS, FEW_COLUMNS - 1),
            Some("the columns are so few")
        );
    }
}
