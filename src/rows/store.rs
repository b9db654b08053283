//! Rows as every reader leaves them: bytes in memory, or in a file that is read by position.
//!
//! A [`Store`] is one or more parts (files of a set) in order, in one element type. What fits the budget is
//! resident in its stored type; a plain file that does not is read by position into reused buffers (a short read
//! is an error, where a memory map would kill the process); anything else was decoded into a spool file.
//! Scaling and normalising happen on the way out.

use super::handle::Handle;
use super::{Element, Provenance, Rows, decode, normalise, rounded};
use crate::error::Result;
use std::cell::RefCell;
use std::path::PathBuf;

/// Bytes read at a time when rows are streamed.
const READ: usize = 1 << 20;

/// Where the bytes of a part are.
#[derive(Debug)]
pub(super) enum Bytes {
    /// In memory, contiguous, native order.
    Resident(Vec<u8>),
    /// In a file.
    File(FixedRows),
}

/// Rows at fixed distances in a file.
#[derive(Debug)]
pub(super) struct FixedRows {
    pub file: Handle,
    pub path: PathBuf,
    /// Where the first row's values start.
    pub offset: u64,
    /// Bytes from one row's values to the next's.
    pub stride: u64,
    /// Whether numbers must be swapped.
    pub foreign: bool,
}

/// Rows of one file.
#[derive(Debug)]
pub(super) struct FilePart {
    pub name: String,
    /// The number of its first row among those of all files.
    pub first: usize,
    pub len: usize,
    pub bytes: Bytes,
}

/// What is done to values on the way out.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Transform {
    pub scale: Option<f64>,
    pub normalize: bool,
}

impl Transform {
    fn changes(self) -> bool {
        self != Transform::default()
    }
}

/// A set of rows, in memory or on disk.
#[derive(Debug)]
pub struct Store {
    pub(super) name: String,
    pub(super) dim: usize,
    pub(super) axes: Vec<usize>,
    pub(super) element: Element,
    pub(super) parts: Vec<FilePart>,
    pub(super) transform: Transform,
    /// Rows of the file that are left out, ascending.
    pub(super) dropped: Vec<usize>,
    pub(super) len: usize,
    pub(super) about: Provenance,
}

/// Rows in memory.
pub type Memory = Store;

thread_local! {
    /// Bytes on their way from a file, reused by every read of a thread.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Store {
    /// Rows in memory from `values` (N x `dim`, row-major). Panics unless the shape fits.
    pub fn from_f32(name: impl Into<String>, dim: usize, values: Vec<f32>) -> Self {
        Self::in_memory(
            name.into(),
            dim,
            Element::F32,
            bytemuck::cast_slice(&values).to_vec(),
        )
    }

    /// As [`Store::from_f32`].
    pub fn from_f64(name: impl Into<String>, dim: usize, values: Vec<f64>) -> Self {
        Self::in_memory(
            name.into(),
            dim,
            Element::F64,
            bytemuck::cast_slice(&values).to_vec(),
        )
    }

    /// As [`Store::from_f32`].
    pub fn from_u8(name: impl Into<String>, dim: usize, values: Vec<u8>) -> Self {
        Self::in_memory(name.into(), dim, Element::U8, values)
    }

    /// The same rows, each of these axes. Panics unless their product is the dimension.
    pub fn with_axes(mut self, axes: &[usize]) -> Self {
        assert_eq!(axes.iter().product::<usize>(), self.dim, "axes must fit");
        self.axes = axes.to_vec();
        self
    }

    pub(super) fn in_memory(name: String, dim: usize, element: Element, bytes: Vec<u8>) -> Self {
        let width = dim * element.size();
        assert!(
            width > 0 && bytes.len().is_multiple_of(width),
            "values must be N x dim"
        );
        let len = bytes.len() / width;
        let part = FilePart {
            name: name.clone(),
            first: 0,
            len,
            bytes: Bytes::Resident(bytes),
        };
        Store {
            name,
            dim,
            axes: vec![dim],
            element,
            parts: vec![part],
            transform: Transform::default(),
            dropped: Vec::new(),
            len,
            about: Provenance::default(),
        }
    }

    /// Bytes of a row's values.
    pub(super) fn width(&self) -> usize {
        self.dim * self.element.size()
    }

    /// The file row of a row.
    fn file_row(&self, row: usize) -> usize {
        // The answer is row + c, c the number of dropped file rows up to it: grow c until it is stable.
        let mut at = row;
        loop {
            let next = row + self.dropped.partition_point(|&gone| gone <= at);
            if next == at {
                return at;
            }
            at = next;
        }
    }

    /// The part of a file row, and the row's place in it. Panics outside the set.
    fn part(&self, file_row: usize) -> (&FilePart, usize) {
        let after = self.parts.partition_point(|part| part.first <= file_row);
        let part = &self.parts[after - 1];
        assert!(file_row < part.first + part.len, "row outside the set");
        (part, file_row - part.first)
    }

    /// The file (of a set of files) and the row in it, for messages.
    pub(super) fn locate(&self, file_row: usize) -> (&str, usize) {
        let (part, row) = self.part(file_row);
        (&part.name, row)
    }

    /// Hand the stored bytes of rows `first ..` to `take`, run by run: (values before the run, its bytes).
    pub(super) fn runs(
        &self,
        first: usize,
        count: usize,
        mut take: impl FnMut(usize, &[u8]),
    ) -> Result<()> {
        assert!(first + count <= self.len, "rows outside the set");
        let mut done = 0;
        while done < count {
            let at = self.file_row(first + done);
            let (part, row) = self.part(at);
            let until_gap = self
                .dropped
                .get(self.dropped.partition_point(|&gone| gone <= at))
                .map_or(usize::MAX, |gone| gone - at);
            let run = (count - done).min(part.len - row).min(until_gap);
            let run = part
                .bytes
                .with(row, run, self, |bytes| take(done * self.dim, bytes))?;
            done += run;
        }
        Ok(())
    }

    /// Rows `first ..` as stored: neither scaled nor normalised.
    pub(super) fn stored(&self, first: usize, out: &mut [f64]) -> Result<()> {
        let size = self.element.size();
        self.runs(first, out.len() / self.dim, |at, bytes| {
            decode::to_f64(self.element, bytes, &mut out[at..at + bytes.len() / size]);
        })
    }

    fn transform(&self, values: &mut [f64]) {
        if let Some(scale) = self.transform.scale {
            values.iter_mut().for_each(|v| *v *= scale);
        }
        if self.transform.normalize {
            normalise(values, self.dim);
        }
    }
}

impl Bytes {
    /// Give `take` the bytes of up to `count` rows from `row` on; returns how many it gave.
    fn with(
        &self,
        row: usize,
        count: usize,
        store: &Store,
        take: impl FnOnce(&[u8]),
    ) -> Result<usize> {
        let width = store.width();
        match self {
            Bytes::Resident(bytes) => {
                take(&bytes[row * width..(row + count) * width]);
                Ok(count)
            }
            Bytes::File(layout) => BUFFER.with_borrow_mut(|buffer| {
                let count = count.min((READ / layout.stride as usize).max(1));
                layout.read(row, count, width, store.element, buffer)?;
                take(buffer);
                Ok(count)
            }),
        }
    }
}

impl FixedRows {
    /// The values of `count` rows, native order, into `buffer`.
    pub fn read(
        &self,
        row: usize,
        count: usize,
        width: usize,
        element: Element,
        buffer: &mut Vec<u8>,
    ) -> Result<()> {
        let stride = self.stride as usize;
        let start = self.offset + row as u64 * self.stride;
        buffer.resize((count - 1) * stride + width, 0);
        self.read_at(buffer, start)?;
        if stride > width {
            for i in 1..count {
                buffer.copy_within(i * stride..i * stride + width, i * width);
            }
            buffer.truncate(count * width);
        }
        if self.foreign {
            decode::swap(element, buffer);
        }
        Ok(())
    }

    /// Exactly these bytes, or an error that says where the file ended.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.file.read_at(&self.path, buffer, offset)
    }
}

impl Rows for Store {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.len
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn axes(&self) -> Vec<usize> {
        self.axes.clone()
    }

    fn element(&self) -> Element {
        self.element
    }

    fn fits_f32(&self) -> bool {
        self.element.fits_f32() && !self.transform.changes()
    }

    fn read_f32(&self, first: usize, out: &mut [f32]) -> Result<()> {
        if self.transform.changes() {
            return rounded(out, |exact| self.read_f64(first, exact));
        }
        let size = self.element.size();
        self.runs(first, out.len() / self.dim, |at, bytes| {
            decode::to_f32(self.element, bytes, &mut out[at..at + bytes.len() / size]);
        })
    }

    fn read_f64(&self, first: usize, out: &mut [f64]) -> Result<()> {
        self.stored(first, out)?;
        self.transform(out);
        Ok(())
    }

    fn number(&self, row: usize) -> u64 {
        self.file_row(row) as u64
    }

    fn dropped(&self) -> u64 {
        self.dropped.len() as u64
    }

    fn resident_bytes(&self) -> u64 {
        let resident = |part: &FilePart| match &part.bytes {
            Bytes::Resident(bytes) => bytes.len() as u64,
            Bytes::File(_) => 0,
        };
        let texts = self.about.ids.bytes() + self.about.labels.bytes();
        self.parts.iter().map(resident).sum::<u64>() + texts
    }

    fn provenance(&self) -> Option<&Provenance> {
        Some(&self.about)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_rows_keep_the_file_numbers_of_the_others() {
        let mut rows = Store::from_f64("rows", 1, (0..10).map(f64::from).collect());
        rows.dropped = vec![0, 3, 4, 9];
        rows.len = 6;
        let mut values = vec![0.0; 6];
        rows.read_f64(0, &mut values).unwrap();
        assert_eq!(values, [1.0, 2.0, 5.0, 6.0, 7.0, 8.0]);
        assert_eq!(
            (0..6).map(|r| rows.number(r)).collect::<Vec<_>>(),
            [1, 2, 5, 6, 7, 8]
        );
    }

    #[test]
    fn scaling_then_normalising() {
        let mut rows = Store::from_u8("rows", 2, vec![3, 4, 0, 2]);
        rows.transform = Transform {
            scale: Some(0.5),
            normalize: false,
        };
        let mut values = vec![0.0; 4];
        rows.read_f64(0, &mut values).unwrap();
        assert_eq!(values, [1.5, 2.0, 0.0, 1.0]);
        rows.transform.normalize = true;
        let mut values = vec![0.0f32; 4];
        rows.read_f32(0, &mut values).unwrap();
        assert_eq!(values, [0.6, 0.8, 0.0, 1.0]);
        assert!(!rows.fits_f32());
    }
}
