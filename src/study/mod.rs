//! Experiments: plans, their execution, and their results. Nothing here prints or writes files.
//!
//! A study takes an [`AnalysisPlan`](analyze::AnalysisPlan), drives `scan`, `hull` and `notion`, and passes its results to a
//! [`Sink`]. `report` implements sinks that write files; the Python package collects the same records in memory.

pub mod analyze;
pub mod bench;
pub mod compare;
mod facts;
#[cfg(test)]
mod fixture;
pub mod holm;
pub mod mcnemar;
pub mod notes;
mod notions;
pub mod outcomes;
pub mod paper;
pub mod plan;
pub mod rate;
pub mod reference;
pub mod shard;
pub mod summary;
mod survey;
pub mod sweep;
pub mod theory;
mod verdicts;

use crate::error::Result;
use crate::hull::{Answer, Certificate};
use crate::notion::Judgement;

/// A nearest reference row of a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Row number in the reference file.
    pub row: u64,
    /// In the metric of the plan; Euclidean distances are not squared.
    pub distance: f64,
}

/// All results about one query.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Index of the query among all, from 0.
    pub place: usize,
    /// Row number in the query file.
    pub query: u64,
    /// `None` with `--no-hull`. Row indices in its certificate are indices into the reference rows
    /// (map through [`Rows::number`](crate::rows::Rows::number) before writing).
    pub hull: Option<Answer>,
    /// The certificate of the notion `cone`, if that is in the plan; its row indices are as in that of the hull.
    pub cone: Option<Certificate>,
    /// The judgement of each notion of the plan, in order.
    pub judgements: Vec<Judgement>,
    /// Nearest first; empty if neighbours were not asked for.
    pub neighbours: Vec<Neighbour>,
    /// Nearest distance over the reference's own median nearest distance; NaN when undefined.
    pub nearest_ratio: f64,
}

/// Receives results as they are computed.
pub trait Sink {
    /// The next records, in query order.
    fn records(&mut self, records: &[Record]) -> Result<()>;
}
