//! How a set of rows is to be read.

use super::columns::Choice;
use super::sources::Order;
use super::{Element, RowList};
use std::path::PathBuf;

/// How a set is to be read.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// Only the first so many rows.
    pub limit: Option<usize>,
    /// Multiply every value.
    pub scale: Option<f64>,
    /// Scale rows to unit length.
    pub normalize: bool,
    /// Bytes of rows that may stay in memory.
    pub memory: u64,
    /// Bytes that working on rows may take whatever their number: rows so wide that it takes more are refused. `None` for
    /// no limit.
    pub work: Option<u64>,
    /// Drop rows with NaN or infinity, and those that lack a number, instead of refusing them.
    pub skip_nonfinite: bool,
    /// Leave out these rows of the file (of the first so many, if there is a limit), whatever they hold.
    pub exclude: Option<RowList>,
    /// Where spool files go; the system's temporary directory by default.
    pub temporary: Option<PathBuf>,
    /// Bytes that a spool file may take; a quarter of what is free there by default.
    pub spool: Option<u64>,
    /// Which columns of a table.
    pub choice: Choice,
    /// The order of a set's files.
    pub order: Order,
    /// The type of numbers that a file does not name.
    pub dtype: Option<Element>,
    /// The columns of another set, and what it is called: those of this one are put into its order, by name.
    pub like: Option<(String, Vec<String>)>,
}
