//! `hullscope verify`: do the certificates of a file hold? Checked in f64, without any of the solver's code.

use super::inputs::RowArgs;
use super::progress::Bar;
use crate::control::Control;
use crate::error::Result;
use crate::hull::certificate::{Tally, check};
use crate::report::certificates::Reader;
use crate::report::{RowSettings, file, json};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// Failures that are described one by one.
const SHOWN: usize = 10;

const EXAMPLES: &str = "\
Examples:
  hullscope analyze train.npy test.npy --certificates proof.parquet
  hullscope verify proof.parquet train.npy test.npy
  hullscope verify proof.parquet train.npy test.npy --json -

The settings under which rows were read (--scale, --normalize, limits ...) are taken from the file; options given
here replace them. Exits with 1 if a certificate does not hold.";

/// Check every certificate of a file against the two inputs
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// The file that `analyze --certificates` wrote
    certificates: PathBuf,
    /// The reference rows of that analysis
    reference: String,
    /// The queries of that analysis
    queries: String,
    /// Largest residual of an inside certificate, as a share of the reference radius (default: that of the file)
    #[arg(long, value_name = "T")]
    tolerance: Option<f64>,
    /// Write the result as JSON (- for stdout)
    #[arg(long, value_name = "FILE|-")]
    json: Option<String>,
    #[command(flatten)]
    rows: RowArgs,
    /// Worker threads (default: all cores)
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Only the exit code
    #[arg(short, long)]
    quiet: bool,
}

/// What is typed here, else what the file says.
fn settled(typed: &RowArgs, stored: &RowSettings) -> RowArgs {
    RowArgs {
        limit_reference: typed.limit_reference.or(stored.limit_reference),
        limit_queries: typed.limit_queries.or(stored.limit_queries),
        scale: typed.scale.or(stored.scale),
        normalize: typed.normalize || stored.normalize,
        skip_nonfinite: typed.skip_nonfinite || stored.skip_nonfinite,
        memory: typed.memory,
    }
}

/// Run the command; the exit code says whether every certificate holds.
pub fn run(args: Args, control: &Arc<Control>) -> Result<ExitCode> {
    super::threads(args.threads)?;
    let started = Instant::now();
    let bar = Bar::start(control, args.quiet);
    let reader = Reader::open(&args.certificates)?;
    let inputs =
        settled(&args.rows, reader.settings()).open(&args.reference, &args.queries, control)?;
    let tolerance = args.tolerance.or(reader.tolerance()).unwrap_or(1e-9);
    let mut failures: Vec<Value> = Vec::new();
    let mut lines: Vec<String> = Vec::new();
    let tally = check(
        reader,
        &*inputs.reference,
        &*inputs.queries,
        tolerance,
        control,
        &mut |claim, fault| {
            if lines.len() < SHOWN {
                lines.push(format!(
                    "query {} ({}): {fault}",
                    claim.query,
                    claim.verdict().name()
                ));
                failures.push(json!({
                "query": claim.query, "verdict": claim.verdict().name(), "reason": fault.to_string()
            }));
            }
        },
    )?;
    drop(bar);
    if !args.quiet {
        lines
            .iter()
            .for_each(|line| eprintln!("does not hold: {line}"));
        if tally.failed > lines.len() as u64 {
            eprintln!("... and {} more", tally.failed - lines.len() as u64);
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    if let Some(target) = &args.json {
        let value = json!({ "certificates": tally, "holds": tally.holds(), "failures": failures,
            "tolerance": tolerance, "seconds": seconds });
        file::write_text(target, &json::pretty(&value))?;
    }
    if !args.quiet && args.json.as_deref() != Some("-") {
        file::print(&format!("{}\n", sentence(&tally, seconds)))?;
    }
    Ok(if tally.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

fn sentence(tally: &Tally, seconds: f64) -> String {
    let mut text = format!(
        "{} of {} certificates hold ({} inside, {} outside) in {seconds:.2} s",
        tally.holds(),
        tally.holds() + tally.failed,
        tally.inside,
        tally.outside
    );
    if tally.undecided > 0 {
        text += &format!(
            "; {} queries are undecided, which claims nothing",
            tally.undecided
        );
    }
    if tally.missing > 0 {
        text += &format!("; {} queries have no certificate", tally.missing);
    }
    text
}
