//! The summary of an analysis: its types, and the tally that fills them.
//!
//! Field names are part of the interface: the JSON summary has the same. Of each record only the numbers that quantiles
//! need are kept, eight bytes each.

use super::Record;
use super::plan::AnalysisPlan;
use super::rate::{Quantiles, Rate, quantiles, share, share95};
use super::verdicts::Verdicts;
use crate::hull::{Answer, Evidence, Reason, SolverStage, Verdict};
use crate::notion::Fact;
use crate::notion::metric::Metric;
use crate::notion::neighbours::Method;
use crate::rows::Element;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A gap counts as reached if it exceeds the requested one by at most this share, because both bounds are rounded outwards.
const REACHED: f64 = 1e-9;

/// Facts about the reference that matter before a rate is interpreted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReferenceFacts {
    pub rows: u64,
    pub dim: u64,
    /// Numerical affine rank; `None` when d is too large to find it.
    pub affine_rank: Option<u64>,
    /// The type in which the numbers are stored.
    pub element: Element,
    /// A smaller number of dimensions that explain the rows up to the rounding of their stored type.
    pub flat_rank: Option<u64>,
    /// The share of the spread that these dimensions leave unexplained.
    pub flat_share: Option<f64>,
    pub constant_columns: u64,
    pub duplicate_columns: u64,
    pub duplicate_rows: u64,
    /// Rows of zeros.
    pub zero_rows: u64,
    /// The norm, if all nonzero rows have the same one.
    pub constant_norm: Option<f64>,
    /// Row numbers of rows that are more than 1,024 times farther from the columns' medians than the median row.
    pub far_rows: Vec<u64>,
    /// How many times farther than the median row the farthest of them is.
    pub far_ratio: Option<f64>,
    /// Largest distance of a row from the mean.
    pub radius: f64,
    /// Median leave-one-out nearest distance of sampled reference rows.
    pub median_nearest: Option<f64>,
    /// The 95 % quantile of these distances: the radius of the nearest-neighbour ball.
    pub nearest_q95: Option<f64>,
    /// The number of rows sampled for both.
    pub median_nearest_sample: u64,
    /// Intrinsic dimension by TwoNN and by maximum likelihood, repeated rows counted once; see
    /// [`crate::notion::dimension`]. `None` without neighbours, or with too few different rows.
    pub two_nn: Option<f64>,
    pub mle: Option<f64>,
    /// The number of rows sampled for these estimates.
    pub dimension_sample: u64,
}

/// The hull part of a summary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HullSummary {
    pub inside: u64,
    pub outside: u64,
    pub undecided: u64,
    /// The inside queries whose certificate is proved exactly, in real numbers.
    pub exact: u64,
    /// The inside queries whose certificate holds within the tolerance.
    pub tolerance: u64,
    /// The outside queries, all proved by a separating hyperplane.
    pub separated: u64,
    /// outside / (inside + outside + undecided); `None` without queries.
    pub extrapolation_rate: Option<f64>,
    /// Wilson's 95 % interval of the rate.
    pub interval95: Option<[f64; 2]>,
    pub scans_per_query: f64,
    /// The most scans of the reference that any query took.
    pub rounds: u64,
    /// The number of vertices in the pool that queries share, at the end.
    pub pool: u64,
    /// In up to three dimensions: the number of reference rows whose hull holds all rows, so that the solver needs no others.
    pub extreme_rows: Option<u64>,
    /// The number of queries settled by each stage: off_affine_hull, first_direction, pool, distance, full_solve, f64_recheck.
    pub settled_by: BTreeMap<String, u64>,
    /// The number of undecided queries by reason.
    pub undecided_because: BTreeMap<String, u64>,
    /// Certified margins of the outside queries.
    pub margin: Option<Quantiles>,
    pub distance_lower: Option<Quantiles>,
    pub distance_upper: Option<Quantiles>,
    /// (upper - lower) / upper of the distances, without queries that are inside within the tolerance.
    pub gap: Option<Quantiles>,
    /// The number of queries for which the requested gap was not reached.
    pub gap_missed: u64,
}

/// The neighbours part of a summary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NeighbourSummary {
    pub k: u64,
    pub metric: Metric,
    /// The method of the search.
    pub method: Method,
    pub nearest_distance: Option<Quantiles>,
    pub nearest_ratio: Option<Quantiles>,
}

/// The judgements of a notion on the queries, and on left-out reference rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotionSummary {
    /// The notion's id, and how many queries are outside by it.
    #[serde(flatten)]
    pub rate: Rate,
    /// A sentence on when a query is outside.
    pub outside_means: String,
    /// The meaning of the score, with its unit.
    pub score_means: String,
    /// Quantiles of the finite scores; `None` without any.
    pub score: Option<Quantiles>,
    /// The rate of a sample of reference rows, each judged as if it were not in the reference; `None` if not asked for.
    pub leave_one_out: Option<Rate>,
    /// Thresholds, and numbers about both sets.
    pub facts: Vec<Fact>,
}

/// Reference rows judged against their own set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SelfTest {
    pub rows: u64,
    /// Rows inside the hull of the whole set: if not all are, the solver is wrong.
    pub inside: u64,
    /// Of these rows, those inside the hull of all other rows: the interpolation rate of the set itself.
    pub leave_one_out_inside: u64,
    pub leave_one_out_outside: u64,
    pub leave_one_out_undecided: u64,
    /// Wilson's 95 % interval of the share outside; `None` if there is no other row.
    pub leave_one_out_interval95: Option<[f64; 2]>,
}

/// Queries that are, or nearly are, rows of the reference: a leak, if the two sets should be disjoint.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Leakage {
    /// Queries that repeat a reference row exactly.
    pub repeats: u64,
    /// Other queries with a nearest_ratio below 0.01; null without Euclidean or cosine neighbours.
    pub near_repeats: Option<u64>,
}

/// A query counts as nearly equal to a reference row below this share of the median distance between reference rows.
const NEAR: f64 = 0.01;

/// All results except for those of single queries.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// "cpu", with threads and instruction set.
    pub backend: String,
    pub queries: u64,
    pub reference: ReferenceFacts,
    pub hull: Option<HullSummary>,
    pub neighbours: Option<NeighbourSummary>,
    /// The notions in the order of the plan.
    pub notions: Vec<NotionSummary>,
    pub self_test: Option<SelfTest>,
    pub leakage: Leakage,
    pub warnings: Vec<String>,
    /// Wall-clock seconds by stage in the order of the run: survey, hull, neighbours, ...; front ends add open_backend, read, write
    /// and total.
    pub seconds: IndexMap<String, f64>,
    /// The number of scanned directions by the precision that gave the answer: int8, f32, f64.
    pub directions: BTreeMap<String, u64>,
    pub scan_gflop: f64,
    pub scan_gflop_per_second: f64,
}

/// The data of the records that the summary needs.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) inside: u64,
    pub(super) outside: u64,
    pub(super) undecided: u64,
    scans: u64,
    rounds: u64,
    stages: BTreeMap<SolverStage, u64>,
    proofs: BTreeMap<Evidence, u64>,
    reasons: BTreeMap<Reason, u64>,
    margins: Vec<f64>,
    lower: Vec<f64>,
    upper: Vec<f64>,
    gaps: Vec<f64>,
    /// The number of queries with all values 0.
    pub(super) zero_queries: u64,
    /// The number of queries that repeat a reference row.
    pub(super) repeats: u64,
    near: u64,
    nearest: Vec<f64>,
    ratios: Vec<f64>,
}

/// The serialised name of a unit variant.
pub(crate) fn name(value: impl Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|v| v.as_str().map(String::from))
        .unwrap_or_default()
}

impl Tally {
    /// Queries that repeat a reference row, or nearly do.
    pub(super) fn leakage(&self) -> Leakage {
        // Without ratios none is near; queries that repeat a row are among the near ones and are subtracted.
        let near = (!self.ratios.is_empty()).then(|| self.near.saturating_sub(self.repeats));
        Leakage {
            repeats: self.repeats,
            near_repeats: near,
        }
    }

    pub(super) fn records(&mut self, records: &[Record]) {
        for record in records {
            if let Some(answer) = &record.hull {
                self.hull_answers(std::slice::from_ref(answer));
            }
            self.nearest
                .extend(record.neighbours.first().map(|near| near.distance));
            self.near += u64::from(record.nearest_ratio < NEAR);
            self.ratios
                .extend(Some(record.nearest_ratio).filter(|ratio| ratio.is_finite()));
        }
    }

    pub(super) fn hull_answers(&mut self, answers: &[Answer]) {
        for answer in answers {
            match answer.verdict {
                Verdict::Inside => self.inside += 1,
                Verdict::Outside => {
                    self.outside += 1;
                    self.margins.push(answer.margin);
                }
                Verdict::Undecided => self.undecided += 1,
            }
            self.scans += u64::from(answer.scans);
            self.rounds = self.rounds.max(u64::from(answer.scans));
            *self.stages.entry(answer.stage).or_default() += 1;
            if let Some(reason) = answer.reason {
                *self.reasons.entry(reason).or_default() += 1;
            }
            if let Some(distance) = answer.distance {
                self.lower.push(distance.lower);
                self.upper.push(distance.upper);
                if answer.proof != Some(Evidence::Tolerance) {
                    self.gaps.push(distance.gap());
                }
            }
            if let Some(proof) = answer.proof {
                *self.proofs.entry(proof).or_default() += 1;
            }
        }
    }

    /// Counts the queries (B x d) with all values 0.
    pub(super) fn zeros(&mut self, values: &[f64], d: usize) {
        let rows = values.chunks_exact(d);
        let zeros = rows.filter(|row| row.iter().all(|&value| value == 0.0));
        self.zero_queries += zeros.count() as u64;
    }

    /// The numbers of undecided queries by reason.
    pub(super) fn reasons(&self) -> BTreeMap<String, u64> {
        let reasons = self.reasons.iter();
        reasons
            .map(|(reason, count)| (name(reason), *count))
            .collect()
    }

    /// The gaps of the distances that are wider than requested. Queries inside within the tolerance have the lower bound 0, and
    /// no gap is requested for them.
    pub(super) fn gaps_beyond(&self, asked: f64) -> Vec<f64> {
        let wide = |gap: &&f64| **gap > asked * (1.0 + REACHED);
        self.gaps.iter().filter(wide).copied().collect()
    }

    /// The number of queries without a distance.
    pub(super) fn without_distance(&self) -> u64 {
        self.total() - self.lower.len() as u64
    }

    fn total(&self) -> u64 {
        self.inside + self.outside + self.undecided
    }

    /// The hull part of the summary; `gap` is the requested gap.
    pub(super) fn hull(&mut self, verdicts: &Verdicts<'_>, gap: Option<f64>) -> HullSummary {
        let total = self.total();
        let proved = |how| self.proofs.get(&how).copied().unwrap_or(0);
        let missed = |gap| self.gaps_beyond(gap).len() as u64 + self.without_distance();
        HullSummary {
            inside: self.inside,
            outside: self.outside,
            undecided: self.undecided,
            exact: proved(Evidence::Exact),
            tolerance: proved(Evidence::Tolerance),
            separated: proved(Evidence::Separated),
            gap_missed: gap.map_or(0, missed),
            extrapolation_rate: share(self.outside, total),
            interval95: share95(self.outside, total),
            scans_per_query: self.scans as f64 / total.max(1) as f64,
            rounds: self.rounds,
            pool: verdicts.pool_rows(),
            extreme_rows: verdicts.extreme_rows(),
            settled_by: self
                .stages
                .iter()
                .map(|(stage, count)| (name(stage), *count))
                .collect(),
            undecided_because: self.reasons(),
            margin: quantiles(&mut self.margins),
            distance_lower: quantiles(&mut self.lower),
            distance_upper: quantiles(&mut self.upper),
            gap: quantiles(&mut self.gaps),
        }
    }

    pub(super) fn neighbours(&mut self, plan: &AnalysisPlan, method: Method) -> NeighbourSummary {
        NeighbourSummary {
            k: plan.neighbours as u64,
            metric: plan.metric,
            method,
            nearest_distance: quantiles(&mut self.nearest),
            nearest_ratio: quantiles(&mut self.ratios),
        }
    }
}
