//! `hullscope score`: queries against a reference that `fit` made ready, each answered as if it were the only one.

use super::judge::JudgeArgs;
use crate::control::Control;
use crate::error::Result;
use crate::study::analyze::AnalysisPlan;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  hullscope score ref.hull queries.npy -o verdicts.parquet
      a record for each query
  program | hullscope score ref.hull - -o verdicts.csv
      queries from a stream: .npy, Arrow or CSV
  hullscope score ref.hull queries.npy -o - | program
      a line of CSV for each query, in blocks of up to 8,192; the first line has the names
  hullscope score ref.hull queries.npy --json summary.json
      the summary as JSON";

/// Answer queries about a reference that `fit` made ready; no answer depends on the other queries
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// The file that `hullscope fit` wrote
    reference: PathBuf,
    /// The rows to ask about, or - for the standard input
    queries: String,
    /// Classes of the queries, where the reference was fitted with labels: a file of one integer a row
    #[arg(long, value_name = "FILE")]
    labels: Option<String>,
    #[command(flatten)]
    judge: JudgeArgs,
}

/// Runs the command.
pub fn run(args: &Args, control: &Control) -> Result<()> {
    let mut inputs = vec![args.reference.display().to_string(), args.queries.clone()];
    inputs.extend(args.labels.clone());
    let (rows, labels) = (&args.judge.rows, args.labels.as_deref());
    args.judge.judge("score", &inputs, control, || {
        let fitted = rows.fitted(&args.reference, &args.queries, labels, control)?;
        let plan = AnalysisPlan {
            alone: true,
            ..fitted.plan.clone()
        };
        Ok((fitted, plan))
    })
}
