//! `hullscope bench`: is a GPU worth it here?

use super::run::Manner;
use crate::bench::{self, BenchPlan};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::job::guard::Outputs;
use crate::job::memory;
use crate::report::bench::{self as show, BenchContext};
use crate::report::plot;
use crate::study::bench::Shape;
use crate::warnings::Warnings;
use std::path::PathBuf;
use std::sync::Arc;

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
    /// Reference rows
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    rows: usize,
    /// Columns
    #[arg(long, value_name = "D", default_value_t = 128)]
    dim: usize,
    /// Queries, all of them scanned together
    #[arg(long, value_name = "B", default_value_t = 1_000)]
    queries: usize,
    /// Nearest rows of each query
    #[arg(short, value_name = "K", default_value_t = 10)]
    k: usize,
    /// Share of the queries that lie inside the hull: these take more scans
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    inside: f64,
    /// Time scans against these numbers of rows [default with --plot: N/16, N/8, .., N]
    #[arg(long, value_name = "N,N,..", value_delimiter = ',')]
    sizes: Vec<usize>,
    /// Time scans against these numbers of columns [default with --plot: D/8, D/4, .., 2 D]
    #[arg(long, value_name = "D,D,..", value_delimiter = ',')]
    dims: Vec<usize>,
    /// Repeats of each measurement, after one to warm up
    #[arg(long, value_name = "R", default_value_t = 5)]
    repeats: usize,
    /// Repeat a measurement no more once it has taken this many seconds in all
    #[arg(long, value_name = "SECONDS", default_value_t = 4.0)]
    patience: f64,
    /// Seed of rows and queries
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Time no hull verdicts
    #[arg(long)]
    no_hull: bool,
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

impl Args {
    fn plan(&self) -> BenchPlan {
        let (n, d) = (self.rows, self.dim);
        BenchPlan {
            shape: Shape {
                rows: n,
                dim: d,
                queries: self.queries,
                k: self.k,
            },
            inside: self.inside,
            seed: self.seed,
            repeats: self.repeats,
            patience: self.patience,
            hull: !self.no_hull,
            sizes: self.curve(&self.sizes, [n / 16, n / 8, n / 4, n / 2, n]),
            dims: self.curve(&self.dims, [d / 8, d / 4, d / 2, d, d.saturating_mul(2)]),
        }
    }

    /// The numbers that were typed, or with --plot the usual ones; ascending.
    fn curve(&self, typed: &[usize], usual: [usize; 5]) -> Vec<usize> {
        let mut all = match typed.is_empty() && self.plot.is_some() {
            true => usual.into_iter().filter(|&number| number > 0).collect(),
            false => typed.to_vec(),
        };
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Runs the command. Exit code 1 if an engine's answers differ from the CPU's.
pub fn run(args: &Args, control: &Arc<Control>) -> Result<u8> {
    let plan = args.plan();
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
