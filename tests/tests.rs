//! What a user relies on, one module a subject, in one binary.

mod common;

/// Nearest neighbours are exact, whatever the data.
mod neighbours;
/// Closed forms and hull probabilities.
mod theory;
/// Every scan through one suite, and the suite through planted faults.
mod twins;
/// Verdicts against a linear program; invariants; degenerate references.
mod verdicts;
