//! The error type of the library: what is wrong, where, what was expected, and how to correct it.
//!
//! Everything in the library returns [`Result`]. Errors about user input carry the input's name and the place (row,
//! column, byte), so that the message is sufficient to find and correct the fault.

use std::fmt;
use std::path::{Path, PathBuf};

/// Result of a library call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The place of a fault in an input.
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
    /// An input file with unexpected contents.
    #[error("{input}{place}: {what}; {advice}")]
    Input {
        /// The input as the user named it (or the file of a set with the fault).
        input: String,
        place: Place,
        /// What was found and what was expected.
        what: String,
        /// What the user can do about it.
        advice: String,
    },
    /// A path with nothing there.
    #[error("{path}: {what}; {advice}")]
    Missing {
        /// The path as the user typed it.
        path: String,
        what: &'static str,
        /// What was expected there, and what to name.
        advice: String,
    },
    /// An operation that the operating system refused.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// "open", "read", "create", ...
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    /// Options that contradict each other or do not fit the data.
    #[error("{0}")]
    Usage(String),
    /// The user interrupted the program.
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

    /// Nothing is at the path; `advice` says what was expected there.
    pub fn missing(path: impl AsRef<Path>, advice: impl Into<String>) -> Self {
        Error::Missing {
            path: path.as_ref().display().to_string(),
            what: "there is no such file or folder",
            advice: advice.into(),
        }
    }

    /// A file that cannot be opened; `advice` says what was expected if there is none.
    pub fn opening(path: &Path, source: std::io::Error, advice: &str) -> Self {
        match source.kind() {
            std::io::ErrorKind::NotFound => Error::missing(path, advice),
            _ => Error::io("open", path, source),
        }
    }

    /// An unknown name: the message lists the known names, and suggests the one that was probably meant.
    pub fn unknown(kind: &str, given: &str, known: &[&str]) -> Self {
        Error::Usage(unknown(kind, given, known))
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

/// The most names that a message lists.
pub(crate) const SHOWN: usize = 60;

/// The first names of a list, at most `most`, and the number of the others: a file may hold any number of names.
pub(crate) fn first_of<S: AsRef<str>>(names: &[S], most: usize) -> String {
    let shown: Vec<&str> = names.iter().take(most).map(S::as_ref).collect();
    let more = match names.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}

/// The message for an unknown name: the nearest known name, if it is similar, and the list of known names.
pub(crate) fn unknown(kind: &str, given: &str, known: &[&str]) -> String {
    let meant =
        nearest(given, known).map_or(String::new(), |name| format!(" (did you mean {name}?)"));
    format!(
        "there is no {kind} {given:?}{meant}; there are: {}",
        first_of(known, SHOWN)
    )
}

/// The known name most similar to a mistyped one, if it is similar enough; arguments are ignored.
pub(crate) fn nearest<'k>(given: &str, known: &[&'k str]) -> Option<&'k str> {
    let head = |text: &str| text.split([':', '[']).next().unwrap_or(text).to_lowercase();
    let given = head(given);
    let distance = |name: &&str| strsim::damerau_levenshtein(&given, &head(name));
    let best = known.iter().copied().min_by_key(distance)?;
    (distance(&best) <= 1 + given.chars().count() / 4).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_if_it_is_near() {
        let known = ["gaussian", "ball", "subspace:D"];
        assert_eq!(nearest("gausian", &known), Some("gaussian"));
        assert_eq!(nearest("Subspce:4", &known), Some("subspace:D"));
        assert_eq!(nearest("nothing", &known), None);
        let message = Error::unknown("law", "bal", &known).to_string();
        assert!(message.contains("did you mean ball?") && message.contains("subspace:D"));
    }
}
