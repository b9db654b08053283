//! The result of a format's reader: rows at fixed places of a file, or a stream of rows, and the names of their
//! columns.
//!
//! Nothing is allocated because a header claims it: plain files are first checked against their size, streams grow as
//! data comes.

use super::columns::{Choice, Columns};
use super::store::FixedRows;
use super::{Element, Texts};
use crate::error::Result;
use std::path::Path;

/// The options that every reader gets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    /// The member, tensor, data set or column after the colon.
    pub member: Option<&'a str>,
    /// Which columns of a table.
    pub choice: &'a Choice,
    /// The element type for files that do not state one, such as `<V2` for bfloat16 in `.npy`.
    pub dtype: Option<Element>,
    /// The folder of spool files.
    pub temporary: &'a Path,
    /// The bytes that a spool file may take.
    pub spool: u64,
    /// The bytes of rows that may stay in memory.
    pub memory: u64,
    /// Whether the set has several files.
    pub several: bool,
}

/// The rows that a format's reader found.
pub(super) struct Table {
    pub rows: RowSource,
    pub columns: Columns,
}

/// Where the rows are.
pub(super) enum RowSource {
    /// Rows at fixed places of a file.
    Plain {
        layout: FixedRows,
        axes: Vec<usize>,
        len: usize,
        element: Element,
    },
    /// Rows that are read in order.
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

    /// The same rows with these columns.
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
    /// Appends some whole rows, about [`STEP`] bytes; false at the end.
    fn next(&mut self, chunk: &mut Chunk) -> Result<bool>;
}

/// About how many bytes a stream gives at a time.
pub(super) const STEP: usize = 1 << 20;

/// Some rows of a stream.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// Their numbers, in native byte order.
    pub values: Vec<u8>,
    /// One id a row, where the table has an id column.
    pub ids: Texts,
    /// One label a row, where the table has a label column.
    pub labels: Texts,
    /// Rows with a missing number (a null, an empty cell, a short list). Their numbers count from the first row of the
    /// stream; their values are arbitrary.
    pub lacking: Vec<Lack>,
}

/// A row with a missing number.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lack {
    /// The row, counted from the first of the file.
    pub row: u64,
    /// Its place in the file, for messages.
    pub place: crate::error::Place,
    /// What is wrong with it, as in "the value is null".
    pub what: String,
}
