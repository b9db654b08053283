//! Rates split by class, each with the rate against the hull of the query's own class.

use super::{Classes, Rate, Scores};
use crate::error::{Error, Result};
use crate::notion::class::OWN;
use serde::{Deserialize, Serialize};

/// The queries of one class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelReport {
    pub label: String,
    /// Reference rows of the class.
    pub n_reference: u64,
    pub n_queries: u64,
    /// Rates against the whole reference; that of the hull is first.
    pub rates: Vec<Rate>,
    /// The rate against the hull of the class's own reference rows; `None` if there are no such rows.
    pub own_class: Option<Rate>,
}

/// Checks that there is one class for each row of a space.
pub(super) fn check(
    classes: &Classes,
    space: &str,
    reference: usize,
    queries: usize,
) -> Result<()> {
    for (what, rows, known) in [
        ("reference", reference, classes.reference.len()),
        ("queries", queries, classes.queries.len()),
    ] {
        if rows != known {
            return Err(Error::Usage(format!(
                "the {what} of the space {space} has {rows} rows, and there are classes of {known}: they must \
                 match row by row"
            )));
        }
    }
    Ok(())
}

/// A report for each class; the rates against its own class are those of the notion `class_own`.
pub(super) fn split(classes: &Classes, scores: &[Scores]) -> Vec<LabelReport> {
    let own = scores.iter().find(|scores| scores.notion == OWN);
    let report = |class: u32| {
        let asked = crate::notion::members(&classes.queries, class);
        let among = classes.members(class).len() as u64;
        let rate =
            |name: &str, scores: &Scores| Rate::of(name, scores.sides(asked.iter().copied()));
        LabelReport {
            label: classes.name(class),
            n_reference: among,
            n_queries: asked.len() as u64,
            rates: scores
                .iter()
                .map(|scores| rate(&scores.notion, scores))
                .collect(),
            own_class: own.filter(|_| among > 0).map(|own| rate("hull", own)),
        }
    };
    classes.present().into_iter().map(report).collect()
}
