//! What an analysis comes to: the summary's types, and the tally that fills them.
//!
//! Field names are part of the interface: the JSON summary has the same. Only what quantiles need is kept of each
//! record, eight bytes a number.

use super::Record;
use super::plan::AnalysisPlan;
use super::rate::{Quantiles, Rate, quantiles, share, share95};
use super::verdicts::Verdicts;
use crate::hull::{Answer, Evidence, Reason, SolverStage, Verdict};
use crate::notion::Fact;
use crate::notion::neighbours::{Method, Metric};
use crate::rows::Element;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A gap is reached that is wider than was asked for by no more than this share: both ends are rounded outwards.
const REACHED: f64 = 1e-9;

/// What a reader must know of the reference before believing a rate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReferenceFacts {
    pub rows: u64,
    pub dim: u64,
    /// Numerical affine rank; `None` when d is too large to find it.
    pub affine_rank: Option<u64>,
    /// How the numbers are stored.
    pub element: Element,
    /// Fewer dimensions that explain the rows but for the rounding to the type in which they are stored.
    pub flat_rank: Option<u64>,
    /// The spread that these leave, as a share of all.
    pub flat_share: Option<f64>,
    pub constant_columns: u64,
    pub duplicate_columns: u64,
    pub duplicate_rows: u64,
    /// Rows of zeros.
    pub zero_rows: u64,
    /// The norm, if all rows but those of zeros have the same one.
    pub constant_norm: Option<f64>,
    /// Row numbers of rows that are more than 1,024 times farther from the columns' medians than the median row.
    pub far_rows: Vec<u64>,
    /// How many times farther the farthest of them is.
    pub far_ratio: Option<f64>,
    /// Largest distance of a row from the mean.
    pub radius: f64,
    /// Median leave-one-out nearest distance of sampled reference rows.
    pub median_nearest: Option<f64>,
    /// Their 95 % quantile: the radius of the nearest-neighbour ball.
    pub nearest_q95: Option<f64>,
    /// How many rows were sampled for both.
    pub median_nearest_sample: u64,
    /// Intrinsic dimension by TwoNN and by maximum likelihood, repeated rows counted once; see
    /// [`crate::notion::dimension`]. `None` without neighbours, or with too few different rows.
    pub two_nn: Option<f64>,
    pub mle: Option<f64>,
    /// How many rows were sampled for these.
    pub dimension_sample: u64,
}

/// The hull part of a summary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HullSummary {
    pub inside: u64,
    pub outside: u64,
    pub undecided: u64,
    /// Of the inside ones, those that are inside as real numbers.
    pub exact: u64,
    /// Of the inside ones, those that are inside within the tolerance.
    pub tolerance: u64,
    /// Outside ones, all by a hyperplane that separates.
    pub separated: u64,
    /// outside / (inside + outside + undecided); of no query there is no rate.
    pub extrapolation_rate: Option<f64>,
    /// Wilson's 95 % interval of the rate.
    pub interval95: Option<[f64; 2]>,
    pub scans_per_query: f64,
    /// The most full scans that any query took.
    pub rounds: u64,
    /// Vertices shared between queries at the end.
    pub pool: u64,
    /// In up to three dimensions: the reference rows between which all others lie, so that only they were asked about.
    pub extreme_rows: Option<u64>,
    /// Queries that each stage settled: off_affine_hull, first_direction, pool, distance, full_solve, f64_recheck.
    pub settled_by: BTreeMap<String, u64>,
    /// Why queries stayed undecided.
    pub undecided_because: BTreeMap<String, u64>,
    /// Certified margins of the outside queries.
    pub margin: Option<Quantiles>,
    pub distance_lower: Option<Quantiles>,
    pub distance_upper: Option<Quantiles>,
    /// (upper - lower) / upper of the distances, without those of queries that are inside within the tolerance.
    pub gap: Option<Quantiles>,
    /// Queries for which the gap that was asked for was not reached.
    pub gap_missed: u64,
}

/// The neighbours part of a summary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NeighbourSummary {
    pub k: u64,
    pub metric: Metric,
    /// What found them.
    pub method: Method,
    pub nearest_distance: Option<Quantiles>,
    pub nearest_ratio: Option<Quantiles>,
}

/// What a notion says of the queries, and of reference rows among themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotionSummary {
    /// The notion, and how many queries are outside by it.
    #[serde(flatten)]
    pub rate: Rate,
    /// When a query is outside, in a sentence.
    pub outside_means: String,
    /// What the score is, with its unit.
    pub score_means: String,
    /// Of the finite scores; `None` without any.
    pub score: Option<Quantiles>,
    /// The same of a sample of reference rows, each as if it were not in the reference; `None` if not asked for.
    pub leave_one_out: Option<Rate>,
    /// Thresholds, and figures of both sets.
    pub facts: Vec<Fact>,
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
    /// Wilson's 95 % interval of the share outside; `None` where there is no other row.
    pub leave_one_out_interval95: Option<[f64; 2]>,
}

/// Queries that are, or nearly are, rows of the reference: where the two sets should be apart, a leak.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Leakage {
    /// Queries that repeat a reference row exactly.
    pub repeats: u64,
    /// Other queries with a nearest_ratio below 0.01; null without Euclidean or cosine neighbours.
    pub near_repeats: Option<u64>,
}

/// A query nearer to a reference row than this share of the median distance between reference rows nearly repeats it.
const NEAR: f64 = 0.01;

/// Everything but the single answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// "cpu", with threads and instruction set.
    pub backend: String,
    pub queries: u64,
    pub reference: ReferenceFacts,
    pub hull: Option<HullSummary>,
    pub neighbours: Option<NeighbourSummary>,
    /// In the order of the plan.
    pub notions: Vec<NotionSummary>,
    pub self_test: Option<SelfTest>,
    pub leakage: Leakage,
    pub warnings: Vec<String>,
    /// Wall seconds a stage: survey, hull, neighbours, ...; front ends add read, write and total.
    pub seconds: BTreeMap<String, f64>,
    /// Directions that scans answered, by the precision that did: int8, f32, f64.
    pub directions: BTreeMap<String, u64>,
    pub scan_gflop: f64,
    pub scan_gflop_per_second: f64,
}

/// What a summary needs of the records.
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
    /// Queries of zeros.
    pub(super) zero_queries: u64,
    /// Queries that repeat a reference row.
    pub(super) repeats: u64,
    near: u64,
    nearest: Vec<f64>,
    ratios: Vec<f64>,
}

/// The name that a unit variant is written with.
pub(crate) fn name(value: impl Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|v| v.as_str().map(String::from))
        .unwrap_or_default()
}

impl Tally {
    /// Queries that repeat a reference row, or nearly do.
    pub(super) fn leakage(&self) -> Leakage {
        // Without a ratio nothing is near; among those that are near are all that repeat.
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

    /// Count queries (B x d) of zeros.
    pub(super) fn zeros(&mut self, values: &[f64], d: usize) {
        let rows = values.chunks_exact(d);
        let zeros = rows.filter(|row| row.iter().all(|&value| value == 0.0));
        self.zero_queries += zeros.count() as u64;
    }

    /// Why queries stayed undecided, by name.
    pub(super) fn reasons(&self) -> BTreeMap<String, u64> {
        let reasons = self.reasons.iter();
        reasons
            .map(|(reason, count)| (name(reason), *count))
            .collect()
    }

    /// The gaps of the distances that are wider than was asked for. Of a query that is inside within the tolerance the
    /// lower end is 0, and no gap is asked for.
    pub(super) fn gaps_beyond(&self, asked: f64) -> Vec<f64> {
        let wide = |gap: &&f64| **gap > asked * (1.0 + REACHED);
        self.gaps.iter().filter(wide).copied().collect()
    }

    /// Queries for which no distance was found.
    pub(super) fn without_distance(&self) -> u64 {
        self.total() - self.lower.len() as u64
    }

    fn total(&self) -> u64 {
        self.inside + self.outside + self.undecided
    }

    /// The hull part of the summary, with the gap that was asked for.
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
