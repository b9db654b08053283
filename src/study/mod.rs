//! Experiments: what to run, on what, and whom to tell. No terminal, and no files of its own.
//!
//! A study takes an [`AnalysisPlan`](analyze::AnalysisPlan), drives `scan`, `hull` and `notion`, and hands what it finds to a
//! [`Sink`]. `report` implements sinks that write files; notebooks get the same events.

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

/// A near reference row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Row number in the reference file.
    pub row: u64,
    /// In the metric asked for; Euclidean is not squared.
    pub distance: f64,
}

/// All that was found about one query.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Place of the query among all, from 0.
    pub place: usize,
    /// Row number in the query file.
    pub query: u64,
    /// `None` with `--no-hull`. Row indices in its certificate are indices into the reference rows
    /// (map through [`Rows::number`](crate::rows::Rows::number) before writing).
    pub hull: Option<Answer>,
    /// The certificate of the notion `cone`, if it is asked for: row indices as in that of the hull.
    pub cone: Option<Certificate>,
    /// What each notion of the plan says, in their order.
    pub judgements: Vec<Judgement>,
    /// Nearest first; empty when not asked.
    pub neighbours: Vec<Neighbour>,
    /// Nearest distance over the reference's own median nearest distance; NaN when undefined.
    pub nearest_ratio: f64,
}

/// Receives results as they are found.
pub trait Sink {
    /// The next records, in query order.
    fn records(&mut self, records: &[Record]) -> Result<()>;
}
