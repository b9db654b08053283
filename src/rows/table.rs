//! What a format's reader gives: rows at fixed places of a file, or a stream of rows, and what their columns are called.
//!
//! Nothing is allocated on a header's word: plain files are measured against their size first, streams grow as data comes.

use super::columns::{Choice, Columns};
use super::store::FixedRows;
use super::{Element, Texts};
use crate::error::Result;
use std::path::Path;

/// How a file is to be read; what every reader is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    /// The member, tensor, data set or column after the colon.
    pub member: Option<&'a str>,
    /// Which columns of a table.
    pub choice: &'a Choice,
    /// The type of numbers that a file does not name, such as the `<V2` of bfloat16 in `.npy`.
    pub dtype: Option<Element>,
    /// Where spool files go.
    pub temporary: &'a Path,
    /// Bytes that a spool file may take.
    pub spool: u64,
    /// Bytes of rows that may stay in memory.
    pub memory: u64,
    /// Whether the set has several files.
    pub several: bool,
}

/// What a format's reader found.
pub(super) struct Table {
    pub rows: RowSource,
    pub columns: Columns,
}

/// Where the rows are.
pub(super) enum RowSource {
    /// Rows at fixed places.
    Plain {
        layout: FixedRows,
        axes: Vec<usize>,
        len: usize,
        element: Element,
    },
    /// Rows one after the other.
    Stream(Box<dyn Stream>),
}

impl Table {
    /// Rows at fixed places, whose columns have no names.
    pub fn plain(layout: FixedRows, axes: Vec<usize>, len: usize, element: Element) -> Self {
        Table {
            rows: RowSource::Plain {
                layout,
                axes,
                len,
                element,
            },
            columns: Columns::default(),
        }
    }

    /// A stream of rows, whose columns have no names.
    pub fn stream(stream: impl Stream + 'static) -> Self {
        Table {
            rows: RowSource::Stream(Box::new(stream)),
            columns: Columns::default(),
        }
    }

    /// The same rows, of these columns.
    pub fn of(mut self, columns: Columns) -> Self {
        self.columns = columns;
        self
    }
}

/// Rows that can only be read in order.
pub(super) trait Stream {
    /// The axes of one row; their product is its dimension.
    fn axes(&self) -> Vec<usize>;
    fn element(&self) -> Element;
    /// Append some whole rows, about [`STEP`] bytes; false at the end.
    fn next(&mut self, chunk: &mut Chunk) -> Result<bool>;
}

/// Bytes that a stream gives at a time, about.
pub(super) const STEP: usize = 1 << 20;

/// Some rows of a stream.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// Their numbers, native order.
    pub values: Vec<u8>,
    /// One id a row, where the table has an id column.
    pub ids: Texts,
    /// One label a row, where the table has a label column.
    pub labels: Texts,
    /// Rows that lack a number (a null, an empty cell, a short list): their places, counted from the first row that the
    /// stream ever gave, and what is wrong. Their values are any numbers.
    pub lacking: Vec<Lack>,
}

/// A row that lacks a number.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lack {
    /// The row, counted from the first of the file.
    pub row: u64,
    /// Where in the file, for a message.
    pub place: crate::error::Place,
    /// What is wrong with it, as in "the value is null".
    pub what: String,
}
