//! `hullscope sweep`: how often is a new point inside, as N and d grow?

use super::run::RunArgs;
use crate::control::Control;
use crate::error::Result;
use crate::job::guard::Outputs;
use crate::job::row_args::RowArgs;
use crate::job::sweep::Options;
use crate::report::plot;
use crate::report::sweep::{self as show, SweepContext};
use crate::scan::CpuEngine;
use crate::store::file;
use serde_json::json;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  hullscope sweep
      Gaussian points in 2, 4 and 8 dimensions, beside the exact probability
  hullscope sweep --law gaussian --dims 2,4,8,16 --sizes 10,100,...,1e6 --trials 10000 --plot rates.svg
  hullscope sweep --law subspace:4 --dims 5,6,7 --sizes 63 --trials 1e5
      Gaussian points of a 4-dimensional subspace: .503013 whatever the dimension
  hullscope sweep --law ball --law cube --dims 2,4,...,20 --sizes 1000 -o rates.parquet --json -
  hullscope sweep --law gaussian --query-variance 0.25 --dims 32 --sizes 1e4
  hullscope sweep --query origin --dims 5 --sizes 6,7,...,20
      Wendel's theorem: exactly one half at N = 2 d
  hullscope sweep train.npy test.npy --dims 4,8,16 --sizes 1000,10000
      random columns and random rows of a data set, each subset within the next
  hullscope sweep train.npy test.npy --components --dims 2,4,...,32

Laws: gaussian, ball, sphere, cube, vertices (of a cube), subspace:D (Gaussian, of dimension D), curve or curve:K (a
spline through d+2 or K Gaussian knots: with few the share inside levels off, with many it is nearly that of Gaussian
points; `paper` takes 160), mixture:K (of K Gaussian clusters). Numbers are written 1000 or 1e3;
`10,100,...,1e6` goes on by the same factor, or else by the same step.

Without --shared-reference every trial has a reference set of its own. Its first rows are the smaller sets: the trials
at one N are independent, the rates at two N are not. Barany and Furedi's threshold, a vertical line in plots of ball,
is the number of points of a ball below which all are extreme almost surely as d grows; it does not say that a new
point is inside above it.";

/// Rates of new points inside the hull of N points in d dimensions, beside the theory
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES, after_help = "`--help` shows examples and laws.")]
pub struct Args {
    #[command(flatten)]
    what: Options,
    /// Write all points: .parquet
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write all points as JSON (- for stdout)
    #[arg(long, value_name = "FILE|-")]
    json: Option<String>,
    /// List the columns of -o, and stop
    #[arg(long)]
    help_columns: bool,
    /// Draw the rate against N (or d, for one N): .png or .svg
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    run: RunArgs,
}

/// Runs the command.
pub fn run(args: &Args, control: &Control) -> Result<()> {
    if args.help_columns {
        return file::print(&show::help());
    }
    let (output, plot) = (args.output.as_deref(), args.plot.as_deref());
    let outputs = Outputs::files(output.into_iter().chain(plot), args.json.as_deref());
    outputs.check(&args.what.inputs())?;
    let check = |path| file::check_parquet(path, "the points of a sweep");
    output.map_or(Ok(()), check)?;
    plot.map_or(Ok(()), plot::check)?;
    args.what.check(&args.rows)?;
    // Where nothing is scanned, a GPU is used only if asked for.
    let swept = match args.what.scans() || args.run.backend.asks_for_gpu() {
        true => (args.run).run(None, "sweep", control, |engine, opened| {
            args.what.run(&args.rows, engine, opened, control)
        }),
        false => {
            let _bar = args.run.manner.begin(control, "sweep")?;
            args.what.run(&args.rows, &CpuEngine, || (), control)
        }
    }?;
    args.run.manner.note(swept.warnings.iter());
    let points = &swept.points;
    let context = &SweepContext {
        command: super::command_line(),
        settings: swept.settings,
        about: swept.about,
    };
    if let Some(path) = output {
        show::write_parquet(path, context, points)?;
    }
    if let Some(path) = plot {
        plot::write(path, &show::figure(context, points))?;
    }
    outputs.deliver(|| json!(points), || show::table(context, points))
}
