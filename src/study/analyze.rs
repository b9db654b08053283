//! One reference set, one query set: verdicts, distances, neighbours. (skeleton: `run` is being written)

use super::Sink;
use super::rate::Quantiles;
use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;
use serde::Serialize;
use std::collections::BTreeMap;

/// How nearness is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// |x - q|.
    #[default]
    Euclidean,
    /// 1 - cos(x, q); a zero row has cosine 0 with everything.
    Cosine,
    /// -<x, q>.
    Dot,
}

/// What to find out. Built by a front end, checked by [`run`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Hull verdicts.
    pub hull: bool,
    /// Nearest reference rows a query; 0 for none.
    pub neighbours: usize,
    pub metric: Metric,
    /// Largest residual of an inside certificate, as a share of the reference radius.
    pub tolerance: f64,
    /// Full scans a query before it is called undecided.
    pub max_rounds: u32,
    /// Bracket the distance to the hull to this relative gap.
    pub gap: Option<f64>,
    /// Reference rows to ask about themselves, and left out; 0 for none.
    pub self_test: usize,
    /// Seed of every random choice (which reference rows are sampled).
    pub seed: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Plan {
            hull: true,
            neighbours: 1,
            metric: Metric::Euclidean,
            tolerance: 1e-9,
            max_rounds: 200,
            gap: None,
            self_test: 0,
            seed: 0,
        }
    }
}

/// What a reader must know of the reference before believing a rate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReferenceFacts {
    pub rows: u64,
    pub dim: u64,
    /// Numerical affine rank; `None` when d is too large to find it.
    pub affine_rank: Option<u64>,
    pub constant_columns: u64,
    pub duplicate_columns: u64,
    pub duplicate_rows: u64,
    /// The norm, if all rows have the same one.
    pub constant_norm: Option<f64>,
    /// Largest distance of a row from the mean.
    pub radius: f64,
    /// Median leave-one-out nearest distance of sampled reference rows.
    pub median_nearest: Option<f64>,
    /// How many rows were sampled for it.
    pub median_nearest_sample: u64,
}

/// The hull part of a summary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HullSummary {
    pub inside: u64,
    pub outside: u64,
    pub undecided: u64,
    /// outside / (inside + outside + undecided).
    pub extrapolation_rate: f64,
    /// Wilson's 95 % interval of the rate.
    pub interval95: [f64; 2],
    pub scans_per_query: f64,
    /// The most full scans that any query took.
    pub rounds: u64,
    /// Vertices shared between queries at the end.
    pub pool: u64,
    /// Queries that each stage settled: off_affine_hull, first_direction, pool, full_solve, f64_recheck.
    pub settled_by: BTreeMap<String, u64>,
    /// Why queries stayed undecided.
    pub undecided_because: BTreeMap<String, u64>,
    /// Certified margins of the outside queries.
    pub margin: Option<Quantiles>,
    pub distance_lower: Option<Quantiles>,
    pub distance_upper: Option<Quantiles>,
}

/// The neighbours part of a summary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NeighbourSummary {
    pub k: u64,
    pub metric: Metric,
    pub nearest_distance: Option<Quantiles>,
    pub nearest_ratio: Option<Quantiles>,
}

/// Reference rows asked about their own set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SelfTest {
    pub rows: u64,
    /// Rows found inside the hull of the whole set: all of them, or the solver is wrong.
    pub inside: u64,
    /// Of the same rows, those inside the hull of the others: the interpolation rate of the set itself.
    pub leave_one_out_inside: u64,
    pub leave_one_out_outside: u64,
    pub leave_one_out_undecided: u64,
    pub leave_one_out_interval95: [f64; 2],
}

/// Everything but the single answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// "cpu", with threads and instruction set.
    pub backend: String,
    pub queries: u64,
    pub reference: ReferenceFacts,
    pub hull: Option<HullSummary>,
    pub neighbours: Option<NeighbourSummary>,
    pub self_test: Option<SelfTest>,
    pub warnings: Vec<String>,
    /// Wall seconds a stage: survey, hull, neighbours, ...; front ends add read, write and total.
    pub seconds: BTreeMap<String, f64>,
    pub scan_gflop: f64,
    pub scan_gflop_per_second: f64,
}

/// Analyze `queries` against `reference`, in query order into `sink`.
pub fn run(
    _plan: &Plan,
    _reference: &dyn Rows,
    _queries: &dyn Rows,
    _sink: &mut dyn Sink,
    _control: &Control,
) -> Result<Summary> {
    todo!()
}
