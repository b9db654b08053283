//! The options for reading a set of rows.

use super::columns::Choice;
use super::sources::Order;
use super::{Element, RowList};
use std::path::PathBuf;

/// How to read a set.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// Read only the first rows, at most this many.
    pub limit: Option<usize>,
    /// Multiply every value by this.
    pub scale: Option<f64>,
    /// Scale rows to unit length.
    pub normalize: bool,
    /// The bytes of rows that may stay in memory; other rows are read from files.
    pub memory: u64,
    /// The bytes that work on a few rows may take: rows so wide that it takes more are refused. `None` for no limit.
    pub work: Option<u64>,
    /// Drop rows with NaN, infinity or missing numbers instead of refusing them.
    pub skip_nonfinite: bool,
    /// Leave out these rows of the file, whatever they hold. With a limit, they count among its rows.
    pub exclude: Option<RowList>,
    /// The folder of spool files; the system's temporary directory by default.
    pub temporary: Option<PathBuf>,
    /// The bytes that a spool file may take; a quarter of the free space by default.
    pub spool: Option<u64>,
    /// Which columns of a table to use.
    pub choice: Choice,
    /// The order of a set's files.
    pub order: Order,
    /// The element type for files that do not state one.
    pub dtype: Option<Element>,
    /// The column names of another set, and that set's name: columns of this set are reordered to match, by name.
    pub like: Option<(String, Vec<String>)>,
}
