//! `hullscope bench`: is a GPU worth it here?

use super::run::Manner;
use crate::bench::{self, BenchPlan};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::job::guard::Outputs;
use crate::job::memory;
use crate::report::bench::{self as show, BenchContext};
use crate::report::plot;
use crate::warnings::Warnings;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  hullscope bench
      100,000 rows in 128 dimensions, 1,000 queries, on the CPU and on every GPU
  hullscope bench --rows 1000000 --dim 512 --queries 10000 --json bench.json
  hullscope bench --plot bench.svg --sizes 10000,100000,1000000 --dims 64,256,1024
  hullscope bench --software --rows 2000 --queries 64 --json -
      software adapters too: slow, but they show whether everything works

Verdicts and neighbours of every engine must be the CPU's. Where they are not, the table says in what they differ, no
ratio is shown, and the exit code is 1.";

/// Time the scans, verdicts and neighbours of this machine's engines against each other
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES, after_help = "`--help` shows examples.")]
#[command(mut_arg("progress", |progress| progress.hide(true)))]
pub struct Args {
    #[command(flatten)]
    plan: BenchPlan,
    /// Include software adapters
    #[arg(long)]
    software: bool,
    /// GPU memory to use at most; larger sets stream through it
    #[arg(long, value_name = "SIZE", value_parser = memory::parse)]
    gpu_memory: Option<u64>,
    /// Write all figures as JSON (- for stdout)
    #[arg(long, value_name = "FILE|-")]
    json: Option<String>,
    /// Draw speed, and time against N and d: .png or .svg
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    manner: Manner,
}

/// Runs the command. Exit code 1 if an engine's answers differ from the CPU's.
pub fn run(args: &Args, control: &Control) -> Result<u8> {
    let plan = args.plan.clone().with_curves(args.plot.is_some());
    plan.check()?;
    check_memory(&plan)?;
    let outputs = Outputs::files(args.plot.as_deref(), args.json.as_deref());
    outputs.check(&[])?;
    args.plot.as_deref().map_or(Ok(()), plot::check)?;
    args.manner.start_threads()?;
    let mut watch = |what: &str| args.manner.tell(what);
    let mut warnings = Warnings::default();
    let engines = bench::candidates(args.software, args.gpu_memory, &mut warnings, control)?;
    let report = bench::run(&plan, &engines, control, &mut watch)?;
    for candidate in &engines {
        warnings.extend(candidate.engine.take_warnings());
    }
    // The engines are not needed any more; devices hold memory, and some take a moment to close.
    drop(engines);
    let context = BenchContext {
        command: super::command_line(),
        date: bench::date(),
        machine: bench::machine(),
        warnings: warnings.take(),
    };
    args.manner.note(&context.warnings);
    if let Some(path) = &args.plot {
        plot::write(path, &show::figure(&context, &report))?;
    }
    outputs.deliver(
        || show::json(&context, &report),
        || show::table(&context, &report),
    )?;
    Ok(u8::from(!report.agrees()))
}

/// Refuses sizes that do not fit the machine's memory.
fn check_memory(plan: &BenchPlan) -> Result<()> {
    let most = memory::default_budget().saturating_mul(2);
    match plan.bytes() {
        Some(bytes) if bytes > most => Err(Error::Usage(format!(
            "the rows and queries need about {} MiB and this machine has {} MiB; ask for fewer with --rows, --dim, \
             --queries, --sizes or --dims",
            bytes >> 20,
            most >> 20
        ))),
        _ => Ok(()),
    }
}
