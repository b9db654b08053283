//! What an analysis is to find out: which answers, how exact, of how many rows.

use crate::error::{Error, Result};
use crate::hull::Settings;
pub use crate::notion::neighbours::Metric;
use crate::notion::registry::{self, Wanted};
use crate::notion::{self, Classes, Notion};
use serde::{Deserialize, Serialize};

/// The share of reference rows that are inside by their own measure where nothing else is asked for.
pub const QUANTILE: f64 = 0.95;

/// What to find out. Built by a front end, checked by [`super::analyze::run`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnalysisPlan {
    /// Hull verdicts.
    pub hull: bool,
    /// Nearest reference rows a query; 0 for none.
    pub neighbours: usize,
    pub metric: Metric,
    /// Largest residual of an inside certificate that is not exact, as a share of the local scale: see
    /// [`crate::hull::certificate`].
    pub tolerance: f64,
    /// Full scans a query before it is called undecided.
    pub max_rounds: u32,
    /// Bracket the distance to the hull to this relative gap.
    pub gap: Option<f64>,
    /// Reference rows to ask about themselves, and left out; 0 for none.
    pub self_test: usize,
    /// The definitions of "inside" that queries are judged by.
    pub notions: Wanted,
    /// Share of the reference's own rows that are inside by their own measure, where a notion needs a threshold.
    pub quantile: f64,
    /// Reference rows that every notion judges as if they were not in the reference; 0 for none.
    pub leave_one_out: usize,
    /// Seed of every random choice (which reference rows are sampled).
    pub seed: u64,
    /// Answer each query as if it were the only one: then no answer depends on how queries are split into calls, and
    /// queries that take several scans take longer.
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
    /// Whether every number is one that can be worked with.
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

    /// The notions asked for, of sets with these classes. Where hull verdicts are turned off, the usual ones are those
    /// without them; those about predictions are left out where there are none.
    ///
    /// Errors ([`Error::Usage`]): a notion that is not known.
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

    /// What is said where `all` asks costly notions of a sample of so many queries, in a line.
    ///
    /// Errors ([`Error::Usage`]): a notion that is not known.
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
            "{most} of the {queries} queries, drawn by --seed {}, are judged by {}, for what it would cost to judge all; --notion \
             {},{} does",
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
