//! What can be wrong with a certificate file as a whole.

use super::{Counts, Identity};
use crate::rows::RowSettings;
use std::fmt;

/// A fault of the file as a whole.
#[derive(Debug, Clone, PartialEq)]
pub enum Problem {
    /// The metadata are missing, cannot be read, or are of another version.
    Metadata(String),
    /// The rows were read under other options when the certificates were made than for the check.
    Settings {
        made: Box<RowSettings>,
        given: Box<RowSettings>,
    },
    /// One set ("reference rows" or "queries") is not the one of the certificates.
    OtherSet {
        role: &'static str,
        made: Box<Identity>,
        given: Box<Identity>,
    },
    /// The certificates that the metadata state, those in the file, and the number of queries.
    Count {
        stated: Counts,
        found: Counts,
        queries: u64,
    },
    /// The certificates about the cone that the metadata state, and those in the file.
    Cone { stated: u64, found: u64 },
    /// The number of queries without a certificate, and the first of them.
    Missing { queries: u64, first: u64 },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = |set: &Identity| {
            format!(
                "{} with {} rows of {} numbers (hash {})",
                set.name,
                set.rows,
                set.dim,
                set.content.chars().take(12).collect::<String>()
            )
        };
        match self {
            Problem::Metadata(what) => write!(
                f,
                "the file does not say which rows its certificates are of ({what}); write it again with `hullscope \
                 analyze --certificates`"
            ),
            Problem::Settings { made, given } => write!(
                f,
                "the rows of the certificates were read {}, and here {}",
                made.words(),
                given.words()
            ),
            Problem::OtherSet { role, made, given } => write!(
                f,
                "the {role} differ from those of the certificates: {} here, {} there",
                set(given),
                set(made)
            ),
            Problem::Count {
                stated,
                found,
                queries,
            } => write!(
                f,
                "the file states {} certificates and holds {}, for {queries} queries",
                counts(stated),
                counts(found)
            ),
            Problem::Cone { stated, found } => write!(
                f,
                "the file states {stated} certificates about the cone and holds {found}"
            ),
            Problem::Missing { queries, first } => write!(
                f,
                "{queries} queries have no certificate, the first of them query {first}"
            ),
        }
    }
}

fn counts(counts: &Counts) -> String {
    format!(
        "{} ({} exact, {} within tolerance, {} separated, {} undecided)",
        counts.total(),
        counts.exact,
        counts.tolerance,
        counts.separated,
        counts.undecided
    )
}
