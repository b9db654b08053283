//! Checks that all certificates of a file hold, and that they are about the given rows.

use super::{CertificateReader, Counts, Identity, Origin};
use crate::control::Control;
use crate::error::Result;
use crate::hull::certificate::{Body, Claim, Fault, Tally, check};
use crate::report::RowSettings;
use crate::rows::Rows;
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

/// The result of checking a file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Audit {
    pub problems: Vec<Problem>,
    /// `None` where the certificates are about other rows, so that they were not checked.
    pub tally: Option<Tally>,
}

impl Audit {
    /// Whether every certificate holds, and there is one for every query.
    pub fn holds(&self) -> bool {
        self.problems.is_empty() && self.tally.is_some_and(|tally| tally.failed == 0)
    }
}

/// Checks a file against the two sets, which were read under the settings `given`.
///
/// Each claim that does not hold goes to `failed`. The certificates are not checked where the sets are not those of the
/// file. Errors: sets of different dimensions, rows that can no longer be read, a file that cannot be decoded, and
/// interruption; claims that do not hold are in the result.
pub fn audit(
    reader: CertificateReader,
    given: &RowSettings,
    reference: &dyn Rows,
    queries: &dyn Rows,
    tolerance: f64,
    control: &Control,
    failed: &mut dyn FnMut(&Claim, Fault),
) -> Result<Audit> {
    let origin = match reader.origin_under(given) {
        Ok(origin) => origin.clone(),
        Err(problem) => return Ok(Audit::of(vec![problem])),
    };
    let problems = other_sets(&origin, reference, queries, control)?;
    if !problems.is_empty() {
        return Ok(Audit::of(problems));
    }
    let (mut found, mut cone) = (Counts::default(), 0);
    let claims = reader.inspect(|claim| match claim {
        Ok(claim) if claim.of == Body::Hull => found.add(claim.evidence()),
        Ok(_) => cone += 1,
        Err(_) => {}
    });
    let tally = check(claims, reference, queries, tolerance, control, failed)?;
    let mut audit = Audit {
        problems: Vec::new(),
        tally: Some(tally),
    };
    let (stated, queries) = (origin.certificates, queries.len() as u64);
    if stated != found || stated.total() != queries {
        audit.problems.push(Problem::Count {
            stated,
            found,
            queries,
        });
    }
    if origin.cone != cone {
        audit.problems.push(Problem::Cone {
            stated: origin.cone,
            found: cone,
        });
    }
    if let Some(first) = tally.first_missing {
        let queries = tally.missing;
        audit.problems.push(Problem::Missing { queries, first });
    }
    Ok(audit)
}

impl Audit {
    /// The result for a file whose certificates were not checked.
    pub fn of(problems: Vec<Problem>) -> Self {
        Audit {
            problems,
            tally: None,
        }
    }
}

/// The sets that are not those of the certificates.
fn other_sets(
    origin: &Origin,
    reference: &dyn Rows,
    queries: &dyn Rows,
    control: &Control,
) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for (role, made, rows) in [
        ("reference rows", &origin.reference, reference),
        ("queries", &origin.queries, queries),
    ] {
        let given = Identity::of(rows, control)?;
        if !made.same_rows(&given) {
            problems.push(Problem::OtherSet {
                role,
                made: Box::new(made.clone()),
                given: Box::new(given),
            });
        }
    }
    Ok(problems)
}
