//! The plan of an analysis: which answers, how accurate, for how many rows.

use crate::error::{Error, Result};
use crate::hull::Settings;
pub use crate::notion::metric::Metric;
use crate::notion::registry::{self, Wanted};
use crate::notion::{self, Classes, Notion};
use indicatif::HumanCount;
use serde::{Deserialize, Serialize};

/// The default share of reference rows that a notion with a threshold calls inside.
pub const QUANTILE: f64 = 0.95;

/// The plan. Built by a front end, checked by [`super::analyze::run`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnalysisPlan {
    /// Whether to compute hull verdicts.
    pub hull: bool,
    /// The number of nearest reference rows per query; 0 for none.
    pub neighbours: usize,
    pub metric: Metric,
    /// The largest residual of an inside certificate without an exact proof, as a share of the local scale: see
    /// [`crate::hull::certificate`].
    pub tolerance: f64,
    /// Scans of the reference per query, after which it is undecided.
    pub max_rounds: u32,
    /// The relative gap to which the distance to the hull is bounded; `None` for no distances.
    pub gap: Option<f64>,
    /// The number of reference rows that are judged against their own set, and against it without them; 0 for none.
    pub self_test: usize,
    /// The definitions of "inside" that queries are judged by.
    pub notions: Wanted,
    /// The share of reference rows inside, from which notions with a threshold compute it (leave-one-out).
    pub quantile: f64,
    /// The number of reference rows that every notion judges as if they were not in the reference; 0 for none.
    pub leave_one_out: usize,
    /// Seed of every random choice, such as the samples of reference rows.
    pub seed: u64,
    /// Whether to answer each query as if it were the only one. Answers then do not depend on how queries are split into calls;
    /// queries that need several scans take longer.
    pub alone: bool,
}

impl Default for AnalysisPlan {
    fn default() -> Self {
        AnalysisPlan {
            hull: true,
            neighbours: 1,
            metric: Metric::Euclidean,
            tolerance: 1e-9,
            max_rounds: 200,
            gap: None,
            self_test: 0,
            notions: Wanted::default(),
            quantile: QUANTILE,
            leave_one_out: 0,
            seed: 0,
            alone: false,
        }
    }
}

impl AnalysisPlan {
    /// Checks that every number is in its valid range.
    ///
    /// Errors ([`Error::Usage`]): the first that is not.
    pub fn check(&self) -> Result<()> {
        if !(self.tolerance > 0.0 && self.tolerance < 1.0) {
            return Err(Error::Usage(format!(
                "the tolerance is {}; it must lie between 0 and 1",
                self.tolerance
            )));
        }
        if self.gap.is_some_and(|gap| !(gap > 0.0 && gap < 1.0)) {
            return Err(Error::Usage("the gap must lie between 0 and 1".into()));
        }
        if self.max_rounds == 0 {
            return Err(Error::Usage(
                "the number of rounds must be at least 1".into(),
            ));
        }
        if !(self.quantile > 0.0 && self.quantile < 1.0) {
            return Err(Error::Usage(format!(
                "the quantile is {}; it must lie between 0 and 1",
                self.quantile
            )));
        }
        Ok(())
    }

    /// The notions of the plan for sets with these classes. Where hull verdicts are off, the default notions are those without
    /// the hull; notions about predictions are left out if there are none.
    ///
    /// Errors ([`Error::Usage`]): an unknown notion.
    pub fn made(&self, classes: Option<&Classes>) -> Result<Vec<Box<dyn Notion>>> {
        let options = registry::Options {
            distance: self.gap.is_some(),
            classes: classes.is_some(),
            every: self.alone,
        };
        let mut made = registry::parse(&self.notions.0, &options)?;
        if self.notions == Wanted::default() {
            made.retain(|notion| self.hull || !notion.needs().hull);
        }
        let predictions = classes.is_some_and(|classes| !classes.predicted.is_empty());
        made.retain(|notion| predictions || !notion.needs().predicted);
        Ok(made)
    }

    /// A line that says which costly notions judge only a sample of so many queries, because they are part of `all`.
    ///
    /// Errors ([`Error::Usage`]): an unknown notion.
    pub fn sampled(&self, queries: usize) -> Result<Option<String>> {
        let made = self.made(None)?;
        let ids: Vec<String> = (made.iter().filter(|notion| notion.sampled()))
            .map(|notion| notion.id())
            .collect();
        let most = notion::sampled::MOST;
        if ids.is_empty() || queries <= most {
            return Ok(None);
        }
        Ok(Some(format!(
            "{} of the {} queries, drawn by --seed {}, are judged by {}, because judging all would take long; --notion \
             {},{} judges all",
            HumanCount(most as u64),
            HumanCount(queries as u64),
            self.seed,
            ids.join(", "),
            self.notions.0.join(","),
            ids.join(",")
        )))
    }

    pub(super) fn settings(&self) -> Settings {
        Settings {
            tolerance: self.tolerance,
            max_rounds: self.max_rounds,
            gap: self.gap,
        }
    }
}
