//! The one error type: what is wrong, where, what was expected, what to do about it.
//!
//! Everything in the library returns [`Result`]. Errors about user input carry the input's name and the
//! place (row, column, byte) so that the message alone is enough to find and mend the fault.

use std::fmt;
use std::path::{Path, PathBuf};

/// Result of a library call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Where in an input the fault lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The input as a whole.
    Whole,
    /// A byte offset from the start of the (decompressed) file.
    Byte(u64),
    /// A row number, counted from 0 in file order.
    Row(u64),
    /// A row and a column, both counted from 0.
    Cell { row: u64, column: u64 },
    /// A line of a text file, counted from 1.
    Line(u64),
    /// A named part: a tensor, a column, a member.
    Part(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Whole => Ok(()),
            Place::Byte(at) => write!(f, ", byte {at}"),
            Place::Row(row) => write!(f, ", row {row}"),
            Place::Cell { row, column } => write!(f, ", row {row}, column {column}"),
            Place::Line(line) => write!(f, ", line {line}"),
            Place::Part(name) => write!(f, ", {name:?}"),
        }
    }
}

/// Everything that can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An input file is not what it should be.
    #[error("{input}{place}: {what}; {advice}")]
    Input {
        /// The input as the user named it (or the file of a set that is at fault).
        input: String,
        place: Place,
        /// What was found and what was expected.
        what: String,
        /// What the user can do.
        advice: String,
    },
    /// The operating system refused.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// "open", "read", "create", ...
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    /// The options do not fit together, or do not fit the data.
    #[error("{0}")]
    Usage(String),
    /// The user asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// An input fault; `what` should say what was found and what was expected.
    pub fn input(
        input: impl Into<String>,
        place: Place,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Error::Input {
            input: input.into(),
            place,
            what: what.into(),
            advice: advice.into(),
        }
    }

    /// An I/O failure while doing `action` to `path`.
    pub fn io(action: &'static str, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Error::Io {
            action,
            path: path.as_ref().to_path_buf(),
            source,
        }
    }
}
