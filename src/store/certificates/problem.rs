//! What can be wrong with a certificate file as a whole.

use super::{Counts, Identity};
use crate::rows::RowSettings;

/// A fault of the file as a whole.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Problem {
    /// The metadata are missing, cannot be read, or are of another version.
    #[error(
        "the file does not say which rows its certificates are of ({0}); write it again with `hullscope analyze --certificates`"
    )]
    Metadata(String),
    /// The rows were read under other options when the certificates were made than for the check.
    #[error("the rows of the certificates were read {}, and here {}", made.words(), given.words())]
    Settings {
        made: Box<RowSettings>,
        given: Box<RowSettings>,
    },
    /// One set ("reference rows" or "queries") is not the one of the certificates.
    #[error("the {role} differ from those of the certificates: {given} here, {made} there")]
    OtherSet {
        role: &'static str,
        made: Box<Identity>,
        given: Box<Identity>,
    },
    /// The certificates that the metadata state, those in the file, and the number of queries.
    #[error("the file states {stated} and holds {found}, for {queries} queries")]
    Count {
        stated: Counts,
        found: Counts,
        queries: u64,
    },
    /// The certificates about the cone that the metadata state, and those in the file.
    #[error("the file states {stated} certificates about the cone and holds {found}")]
    Cone { stated: u64, found: u64 },
    /// The number of queries without a certificate, and the first of them.
    #[error("{queries} queries have no certificate, the first of them query {first}")]
    Missing { queries: u64, first: u64 },
}
