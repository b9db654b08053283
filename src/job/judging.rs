//! How queries are judged: the options that every command with a reference and queries has.

use crate::hull::Settings;
use crate::notion::registry::{self, USUAL, Wanted};
use crate::study::analyze::{AnalysisPlan, Metric, QUANTILE};

/// Notions, distances and samples.
#[derive(Debug, clap::Args)]
pub struct JudgingArgs {
    /// Definitions of "inside" to judge by, as in hull,knn:1,10, or all; `--help` lists them
    #[arg(long, value_name = "LIST", default_value = USUAL)]
    notion: Vec<String>,
    /// Share of the reference rows that are inside: sets the threshold of notions that need one (from leave-one-out scores)
    #[arg(long, value_name = "Q", default_value_t = QUANTILE)]
    quantile: f64,
    /// Let every notion judge N reference rows too, each as if it were not in the reference (default: analyze 0, compare 1000)
    #[arg(long, value_name = "N")]
    loo: Option<usize>,
    /// How nearness is measured: euclidean |x - q|, cosine 1 - cos, dot -<x, q>
    #[arg(long, value_enum, default_value_t)]
    metric: Metric,
    /// Nearest reference rows to report; 0 turns them off
    #[arg(long, value_name = "K", default_value_t = 1)]
    neighbours: usize,
    /// Compute proved lower and upper bounds of the Euclidean distance to the hull (default of compare)
    #[arg(long, conflicts_with = "no_distance")]
    distance: bool,
    /// Do not compute these bounds: the hull's score is then the verdict's margin, a weaker lower bound (default of analyze)
    #[arg(long)]
    no_distance: bool,
    /// Relative width of these bounds, (upper - lower) / upper (default: analyze 0.01, compare 0.05)
    #[arg(long, value_name = "G", value_parser = share)]
    gap: Option<f64>,
    /// Largest residual of an inside verdict where neither side can be proved, as a share of the mean distance from
    /// the query to the rows of its certificate
    #[arg(long, value_name = "T", default_value_t = Settings::default().tolerance)]
    tolerance: f64,
    /// Scans of the reference per query, after which it is undecided
    #[arg(long, value_name = "R", default_value_t = Settings::default().max_rounds)]
    max_rounds: u32,
    /// Seed of random spaces and of the samples of reference rows
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
    /// Answer each query as if it were the only one (score does): no answer depends on the others, to its last digit
    #[arg(long)]
    alone: bool,
}

/// The defaults of a command.
#[derive(Debug, Clone, Copy)]
pub struct Defaults {
    pub distance: bool,
    pub gap: f64,
    pub leave_one_out: usize,
}

/// The defaults of `analyze` and `fit`: verdicts, and no distances.
pub const ANALYZE: Defaults = Defaults {
    distance: false,
    gap: 0.01,
    leave_one_out: 0,
};

/// The defaults of `compare`: distances, and reference rows left out.
pub const COMPARE: Defaults = Defaults {
    distance: true,
    gap: 0.05,
    leave_one_out: 1000,
};

impl JudgingArgs {
    /// The files that notions read, as in `leaf:FILE.npz`.
    pub fn files(&self) -> impl Iterator<Item = String> {
        let words = self.notion.iter().flat_map(|list| list.split(','));
        words.filter_map(|word| Some(word.strip_prefix("leaf:")?.to_string()))
    }

    /// The plan; `hull` says whether hull verdicts are computed.
    pub fn plan(&self, hull: bool, defaults: Defaults) -> AnalysisPlan {
        let distance = self.distance || defaults.distance && !self.no_distance;
        AnalysisPlan {
            hull,
            neighbours: self.neighbours,
            metric: self.metric,
            tolerance: self.tolerance,
            max_rounds: self.max_rounds,
            gap: (hull && distance).then_some(self.gap.unwrap_or(defaults.gap)),
            self_test: 0,
            notions: Wanted(self.notion.clone()),
            quantile: self.quantile,
            leave_one_out: self.loo.unwrap_or(defaults.leave_one_out),
            seed: self.seed,
            alone: self.alone,
        }
    }
}

/// A number above 0 and below 1.
fn share(text: &str) -> Result<f64, String> {
    match text.trim().parse() {
        Ok(number) if number > 0.0 && number < 1.0 => Ok(number),
        _ => Err(format!(
            "{text:?} does not lie between 0 and 1; write for example 0.01"
        )),
    }
}

/// The notions, for the long help.
pub fn help() -> String {
    format!("Notions of --notion LIST:\n{}", registry::help())
}
