//! `hullscope verify`: do the certificates of a file hold? Checked in f64, without any of the solver's code.

use super::inputs::{RowArgs, info};
use super::progress::Bar;
use crate::control::Control;
use crate::error::Result;
use crate::hull::certificate::{Claim, Fault, Tally, check};
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
    /// The reference rows of that analysis (without it: the built-in sample)
    #[arg(requires = "queries")]
    reference: Option<String>,
    /// The queries of that analysis
    queries: Option<String>,
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
        exclude_rows: typed.exclude_rows.clone().or(stored.exclude_rows.clone()),
        scale: typed.scale.or(stored.scale),
        normalize: typed.normalize || stored.normalize,
        skip_nonfinite: typed.skip_nonfinite || stored.skip_nonfinite,
        memory: typed.memory,
    }
}

/// Run the command; the exit code says whether every certificate holds.
pub fn run(args: Args, control: &Arc<Control>) -> Result<ExitCode> {
    super::threads(args.threads)?;
    args.json.as_deref().map_or(Ok(()), file::check_text)?;
    let started = Instant::now();
    let bar = Bar::start(control, args.quiet);
    let reader = Reader::open(&args.certificates)?;
    let rows = settled(&args.rows, reader.settings());
    let inputs = rows.inputs(args.reference.as_deref(), args.queries.as_deref(), control)?;
    let tolerance = args.tolerance.or(reader.tolerance()).unwrap_or(1e-9);
    let mut failures: Vec<Value> = Vec::new();
    let mut failed = |claim: &Claim, fault: Fault| {
        if failures.len() < SHOWN {
            let (verdict, reason) = (claim.verdict().name(), fault.to_string());
            failures.push(json!({ "query": claim.query, "verdict": verdict, "reason": reason }));
        }
    };
    let (reference, queries) = (&*inputs.reference, &*inputs.queries);
    let tally = check(reader, reference, queries, tolerance, control, &mut failed)?;
    drop(bar);
    let found = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "command": super::command_line(),
        "inputs": {
            "certificates": args.certificates.display().to_string(),
            "reference": info(reference.name(), reference),
            "queries": info(queries.name(), queries),
        },
        "settings": { "tolerance": tolerance, "rows": rows.settings() },
        "certificates": tally,
        "holds": tally.holds(),
        "failures": failures,
        "seconds": { "total": started.elapsed().as_secs_f64() },
    });
    show(&args, &tally, tolerance, &failures)?;
    if let Some(target) = &args.json {
        file::write_text(target, &json::pretty(&found))?;
    }
    Ok(ExitCode::from(u8::from(tally.failed > 0)))
}

/// The result, for people.
fn show(args: &Args, tally: &Tally, tolerance: f64, failures: &[Value]) -> Result<()> {
    if args.quiet {
        return Ok(());
    }
    for failure in failures {
        let text = |key: &str| failure[key].as_str().unwrap_or_default().to_string();
        file::tell(&format!(
            "does not hold: query {} ({}): {}",
            failure["query"],
            text("verdict"),
            text("reason")
        ));
    }
    if tally.failed > failures.len() as u64 {
        file::tell(&format!(
            "... and {} more",
            tally.failed - failures.len() as u64
        ));
    }
    if args.json.as_deref() == Some("-") {
        return Ok(());
    }
    file::print(&format!("{}\n", sentence(tally, tolerance)))
}

fn sentence(tally: &Tally, tolerance: f64) -> String {
    let mut text = format!(
        "{} of {} certificates hold: {} inside (to {tolerance:e} of the radius), {} outside",
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
