//! An array of numbers in a file, with any axes and strides, read as rows: the first axis counts the rows, and all
//! other axes together make one row.
//!
//! Contiguous rows are read in place. Other layouts (Fortran order, a transposed or sliced tensor) become a stream that
//! reads neighbouring numbers in one go.

use super::columns::Columns;
use super::input::input_error;
use super::size_check::{product, row_axes};
use super::store::FixedRows;
use super::table::{Ask, Chunk, STEP, Stream, Table};
use super::{Element, decode};
use crate::error::{Place, Result};
use std::fs::File;
use std::path::PathBuf;

/// An array and its place in a file.
pub(super) struct Array {
    pub file: File,
    pub path: PathBuf,
    /// The byte offset of its first number.
    pub offset: u64,
    /// The number of bytes from `offset` on that belong to the array.
    pub bytes: u64,
    pub element: Element,
    /// Whether the bytes of each number must be swapped, because the file has the other byte order.
    pub foreign: bool,
    pub shape: Vec<u64>,
    /// The stride of each axis, counted in numbers; None for C order.
    pub strides: Option<Vec<u64>>,
    /// The name of the array within the file, for messages.
    pub place: Place,
}

impl Array {
    /// The rows, as a table. In a set of several files an array of one axis is one row, and an array without rows adds
    /// none.
    ///
    /// Errors: no axis, an axis of length 0, numbers outside of the array's bytes, or numbers repeated by strides of 0
    /// beyond the memory.
    pub fn table(mut self, ask: &Ask) -> Result<Table> {
        if ask.several && self.shape.first() == Some(&0) {
            return Ok(self.without_rows());
        }
        let mut columns = Columns::default();
        if let ([len], true) = (&self.shape[..], ask.several) {
            columns.notes.push(ONE_ROW.into());
            let strides = self.strides.take();
            self.strides = strides.map(|strides| [&[0], &strides[..]].concat());
            self.shape = vec![1, *len];
        }
        let (len, dim) = self.sizes()?;
        let strides = match self.strides.take() {
            Some(strides) => strides,
            None => c_order(&self.shape),
        };
        self.within(len, dim, &strides, ask)?;
        let axes = row_axes(self.shape[1..].iter().map(|&axis| axis as usize));
        // The stride of an axis of length 1 has no effect.
        let row = self.shape[1..].iter().zip(&strides[1..]);
        let row: Vec<(u64, u64)> = row
            .filter(|(axis, _)| **axis > 1)
            .map(|(a, s)| (*a, *s))
            .collect();
        let lengths: Vec<u64> = row.iter().map(|(axis, _)| *axis).collect();
        let together = row.iter().map(|(_, stride)| *stride).eq(c_order(&lengths));
        let step = if len == 1 { dim as u64 } else { strides[0] };
        let layout = FixedRows {
            file: self.file.into(),
            path: self.path,
            offset: self.offset,
            stride: step * self.element.size() as u64,
            foreign: self.foreign,
        };
        // Rows far apart do not become `Plain`, since readers of plain rows also read the gaps between them.
        if together && step >= dim as u64 && step <= 2 * dim as u64 {
            return Ok(Table::plain(layout, axes, len, self.element).of(columns));
        }
        let groups = groups(&offsets(&row), step);
        Ok(Table::stream(Strided {
            layout,
            element: self.element,
            axes,
            len,
            dim,
            step,
            groups,
            next: 0,
        })
        .of(columns))
    }

    /// A table of no rows.
    fn without_rows(self) -> Table {
        let layout = FixedRows {
            file: self.file.into(),
            path: self.path,
            offset: self.offset,
            stride: 0,
            foreign: self.foreign,
        };
        Table::plain(layout, Vec::new(), 0, self.element)
    }

    /// The number of rows, and of numbers in a row.
    fn sizes(&self) -> Result<(usize, usize)> {
        let fault = |what, advice| Err(input_error(&self.path, self.place.clone(), what, advice));
        let Some((&len, rest)) = self.shape.split_first() else {
            return fault(
                "it is a single number, not a table of rows".into(),
                "name an array with rows and columns",
            );
        };
        let dim = product(rest).filter(|dim| dim.checked_mul(8).is_some());
        if let (Some(dim), Ok(len)) = (dim, usize::try_from(len))
            && let Ok(dim) = usize::try_from(dim)
        {
            if len > 0 && dim > 0 {
                return Ok((len, dim));
            }
            return fault(
                format!("the shape is {:?}: no axis may be zero", self.shape),
                "an array with rows and columns is needed",
            );
        }
        fault(
            format!("the shape {:?} is more than any file can hold", self.shape),
            "it is corrupt",
        )
    }

    /// Refuses numbers outside of the array's bytes, and numbers repeated by strides of 0 within a row or beyond the
    /// memory.
    fn within(&self, len: usize, dim: usize, strides: &[u64], ask: &Ask) -> Result<()> {
        let size = self.element.size() as u64;
        let last = self
            .shape
            .iter()
            .zip(strides)
            .try_fold(0u64, |at, (&axis, &stride)| {
                at.checked_add((axis - 1).checked_mul(stride)?)
            });
        let needed = last.and_then(|last| last.checked_add(1)?.checked_mul(size));
        if needed.is_none_or(|needed| needed > self.bytes) {
            let needed = needed.map_or("more than 2^64".into(), |needed| needed.to_string());
            return Err(input_error(
                &self.path,
                self.place.clone(),
                format!(
                    "the shape {:?} needs {needed} bytes, and there are {}",
                    self.shape, self.bytes
                ),
                "it is truncated or corrupt; write it again",
            ));
        }
        let row = (dim as u64).saturating_mul(size);
        let numbers = (len as u64).saturating_mul(row);
        if row > self.bytes || numbers > self.bytes && numbers > ask.memory {
            return Err(input_error(
                &self.path,
                self.place.clone(),
                format!(
                    "{} bytes are repeated to a shape of {:?}, which is {numbers} bytes",
                    self.bytes, self.shape
                ),
                "save it without repetition",
            ));
        }
        Ok(())
    }
}

/// The note for a set in which each file holds one axis, and so one row.
pub(super) const ONE_ROW: &str =
    "the files of the set hold arrays of one axis: each file is one row";

/// The strides of an array in C order; the caller has checked that its size does not overflow.
pub(super) fn c_order(shape: &[u64]) -> Vec<u64> {
    let mut strides = vec![1u64; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
    }
    strides
}

/// The strides of an array in Fortran order.
pub(super) fn fortran_order(shape: &[u64]) -> Vec<u64> {
    let mut strides = vec![1u64; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1].saturating_mul(shape[axis - 1]);
    }
    strides
}

/// For a row that is stored with its axes in reverse order: the place in the row of each stored number.
pub(super) fn turned(axes: &[u64]) -> Vec<usize> {
    let stored: Vec<u64> = axes.iter().rev().copied().collect();
    let mut strides = c_order(axes);
    strides.reverse();
    let row: Vec<(u64, u64)> = stored.into_iter().zip(strides).collect();
    offsets(&row).into_iter().map(|at| at as usize).collect()
}

/// The offset of each number of a row, counted in numbers from the first.
fn offsets(row: &[(u64, u64)]) -> Vec<u64> {
    let mut offsets = vec![0];
    for &(axis, stride) in row {
        offsets = offsets
            .iter()
            .flat_map(|&at| (0..axis).map(move |index| at + index * stride))
            .collect();
    }
    offsets
}

/// Numbers of a row that lie close together in the file and are read in one go.
struct Group {
    /// The offset of the first one, counted in numbers from the first number of the row.
    start: u64,
    /// How many numbers the group spans, from its first to its last, both included.
    span: u64,
    /// For each number: its offset within the group, and its place in the row.
    places: Vec<(usize, usize)>,
}

/// Limits of a group, counted in numbers: the widest gap within it, and its longest span.
const GAP: u64 = 1 << 12;
const SPAN: u64 = 1 << 18;

/// Splits the numbers of a row into groups. With rows `step` apart, a group spans less than `step` numbers, so that
/// little is read twice.
fn groups(offsets: &[u64], step: u64) -> Vec<Group> {
    let mut order: Vec<usize> = (0..offsets.len()).collect();
    order.sort_by_key(|&place| offsets[place]);
    let mut groups: Vec<Group> = Vec::new();
    for place in order {
        let at = offsets[place];
        let near = |group: &&mut Group| {
            let from = at - group.start;
            from < step.clamp(1, SPAN) && from - (group.span - 1) <= GAP
        };
        match groups.last_mut().filter(near) {
            Some(group) => {
                group.span = at - group.start + 1;
                group.places.push(((at - group.start) as usize, place));
            }
            None => groups.push(Group {
                start: at,
                span: 1,
                places: vec![(0, place)],
            }),
        }
    }
    groups
}

/// Rows of an array whose numbers are not stored in row order.
struct Strided {
    layout: FixedRows,
    element: Element,
    axes: Vec<usize>,
    len: usize,
    dim: usize,
    /// The stride of the rows, counted in numbers.
    step: u64,
    groups: Vec<Group>,
    next: usize,
}

impl Stream for Strided {
    fn axes(&self) -> Vec<usize> {
        self.axes.clone()
    }

    fn element(&self) -> Element {
        self.element
    }

    fn next(&mut self, chunk: &mut Chunk) -> Result<bool> {
        let (size, dim) = (self.element.size(), self.dim);
        let most = 8 * STEP / size;
        let rows = (most / dim)
            .min(most / self.step.clamp(1, most as u64) as usize)
            .clamp(1, self.len)
            .min(self.len - self.next);
        if rows == 0 {
            return Ok(false);
        }
        let out = &mut chunk.values;
        let start = out.len();
        out.resize(start + rows * dim * size, 0);
        let mut bytes = Vec::new();
        for group in &self.groups {
            let numbers = (rows - 1) as u64 * self.step + group.span;
            bytes.resize(numbers as usize * size, 0);
            let at = self.next as u64 * self.step + group.start;
            let at = self.layout.offset + at * size as u64;
            self.layout.read_at(&mut bytes, at)?;
            for row in 0..rows {
                let from = row * self.step as usize;
                for &(place, feature) in &group.places {
                    let value = &bytes[(from + place) * size..][..size];
                    out[start + (row * dim + feature) * size..][..size].copy_from_slice(value);
                }
            }
        }
        if self.layout.foreign {
            decode::swap(self.element, &mut out[start..]);
        }
        self.next += rows;
        Ok(true)
    }
}
