//! `hullscope score`: queries against a reference that `fit` made ready, each answered as if it were the only one.

use super::analyze::{Outputs, about, annotate, is_stdout, record_file, show};
use super::progress::Bar;
use super::run::RunArgs;
use crate::control::Control;
use crate::error::Result;
use crate::job::backend::Chosen;
use crate::job::row_args::RowArgs;
use crate::report::{Context, InputInfo, records};
use crate::study::analyze::{AnalysisPlan, Sets, run_prepared};
use std::path::PathBuf;
use std::sync::Arc;

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
    /// Write a record for each query: .parquet, .arrow, .csv or .jsonl (- for CSV on stdout, without the table)
    #[arg(short, long, value_name = "FILE|-")]
    output: Option<PathBuf>,
    /// Write the summary as JSON (- for stdout)
    #[arg(long, value_name = "FILE|-")]
    json: Option<String>,
    /// Classes of the queries, where the reference was fitted with labels: a file of one integer a row
    #[arg(long, value_name = "FILE")]
    labels: Option<String>,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    run: RunArgs,
}

/// Runs the command.
pub fn run(args: &Args, control: &Arc<Control>) -> Result<()> {
    super::threads(args.run.threads)?;
    check_outputs(args)?;
    let Chosen { engine, note } = args.run.backend.engine(args.rows.memory, control)?;
    let bar = Bar::start(control, args.run.shown());
    let labels = args.labels.as_deref();
    let rows = &args.rows;
    let fitted = rows.fitted(&args.reference, &args.queries, labels, control)?;
    let inputs = &fitted.inputs;
    let context = Context {
        command: super::command_line(),
        reference: InputInfo::of(&*inputs.reference),
        queries: InputInfo::of(&*inputs.queries),
        plan: AnalysisPlan {
            alone: true,
            ..fitted.plan
        },
        rows: fitted.settings,
    };
    let about = about(&context, inputs, fitted.classes.as_ref());
    let mut outputs = Outputs::default();
    let more = args.json.is_some();
    outputs.record(args.output.as_deref(), more, &context, &about)?;
    args.run.tell(note);
    let sets = Sets {
        reference: &*inputs.reference,
        queries: &*inputs.queries,
        classes: fitted.classes.as_ref(),
        layers: &[],
        warnings: &fitted.warnings,
        memory: args.rows.budget(),
    };
    let (plan, known) = (&context.plan, Some(&fitted.known));
    let mut summary = run_prepared(plan, &*engine, &sets, known, &mut outputs, control)?;
    annotate(&context, fitted.space.as_deref(), &mut summary)?;
    outputs.finish()?;
    drop(bar);
    let taken = is_stdout(args.output.as_deref());
    show(&args.run, args.json.as_deref(), taken, &context, &summary)
}

/// Refuses outputs that cannot be written, or that are an input.
fn check_outputs(args: &Args) -> Result<()> {
    let json = args.json.as_deref();
    let output = record_file(args.output.as_deref(), json)?;
    let mut inputs = vec![args.reference.display().to_string(), args.queries.clone()];
    inputs.extend(args.labels.clone());
    super::check_files(&[output], json, &inputs)?;
    output.map_or(Ok(()), records::check)
}
