//! `hullscope sweep`: how often is a new point inside, as N and d grow?

use super::numbers::{self, Numbers};
use super::progress::{Advice, Bar};
use super::run::RunArgs;
use crate::control::{Control, WorkStage};
use crate::error::{Error, Result};
use crate::job::inputs::Inputs;
use crate::job::row_args::RowArgs;
use crate::report::plot;
use crate::report::sweep::{self as show, SweepContext};
use crate::rows::law::{Law, Query};
use crate::rows::{RowSettings, Rows};
use crate::scan::{CpuEngine, Engine};
use crate::space::{Set, Settings, Spec, Views};
use crate::store::file;
use crate::study::sweep::{self as study, DataPlan, LawPlan, Order, Point};
use crate::warnings::Warnings;
use clap::ValueEnum;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

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
    /// A data set instead of a law: the rows to take subsets of
    #[arg(requires = "queries")]
    reference: Option<String>,
    /// The rows to ask about
    queries: Option<String>,
    /// How points are distributed; may be given several times [default: gaussian]
    #[arg(long, value_name = "LAW", conflicts_with = "reference")]
    law: Vec<Law>,
    /// Numbers of dimensions [default: 2,4,8; for a data set all columns]
    #[arg(long, value_name = "D,D,..", value_parser = numbers::parse)]
    dims: Option<Numbers>,
    /// Numbers of reference rows [default: 10,20,50,..,1e4; for a data set N/16, N/8, .., N]
    #[arg(long, value_name = "N,N,..", value_parser = numbers::parse)]
    sizes: Option<Numbers>,
    /// Queries at each point
    #[arg(long, value_name = "T", value_parser = numbers::whole, default_value = "2000", conflicts_with = "reference")]
    trials: u64,
    /// Seed of rows and queries
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Where queries come from
    #[arg(long, value_enum, default_value_t = QueryArg::Law, conflicts_with = "reference")]
    query: QueryArg,
    /// Variance of a Gaussian query, where that of the rows is 1
    #[arg(long, value_name = "V", conflicts_with_all = ["reference", "query"])]
    query_variance: Option<f64>,
    /// Use one reference set for all queries of a law and dimension
    #[arg(long, conflicts_with = "reference")]
    shared_reference: bool,
    /// Use the first d principal components of a data set instead of d random columns
    #[arg(long, requires = "reference")]
    components: bool,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum QueryArg {
    /// Another point of the law
    Law,
    /// The origin
    Origin,
}

/// Options that make a sweep of a law faster, and that of a data set.
const QUICKER: Advice = &[&[
    (
        WorkStage::Trials,
        "fewer --trials and smaller --sizes are quicker",
    ),
    (
        WorkStage::Hull,
        "fewer --trials and smaller --sizes are quicker",
    ),
]];
const QUICKER_DATA: Advice = &[&[(WorkStage::Hull, "fewer and smaller --sizes are quicker")]];

/// The default sizes: three a decade.
const SIZES: [usize; 10] = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];
const DIMS: [usize; 3] = [2, 4, 8];

impl Args {
    fn plan(&self) -> LawPlan {
        let list = |typed: &Option<Numbers>, default: &[usize]| match typed {
            Some(Numbers(numbers)) => numbers.clone(),
            None => default.to_vec(),
        };
        LawPlan {
            laws: match &self.law[..] {
                [] => vec![Law::Gaussian],
                laws => laws.to_vec(),
            },
            dims: list(&self.dims, &DIMS),
            sizes: list(&self.sizes, &SIZES),
            trials: self.trials,
            seed: self.seed,
            query: match (self.query_variance, self.query) {
                (Some(variance), _) => Query::Variance(variance),
                (None, QueryArg::Origin) => Query::Origin,
                (None, QueryArg::Law) => Query::Same,
            },
            shared_reference: self.shared_reference,
            memory: self.rows.budget(),
        }
    }

    fn data_plan(&self, reference: &dyn Rows) -> DataPlan {
        let n = reference.len();
        DataPlan {
            dims: match &self.dims {
                Some(Numbers(dims)) => dims.clone(),
                None => vec![reference.dim()],
            },
            sizes: match &self.sizes {
                Some(Numbers(sizes)) => sizes.clone(),
                None => [16, 8, 4, 2, 1].map(|part| (n / part).max(1)).to_vec(),
            },
            order: if self.components {
                Order::Leading
            } else {
                Order::Seeded
            },
            seed: self.seed,
            memory: self.rows.budget(),
        }
    }
}

/// Runs the command.
pub fn run(args: Args, control: &Arc<Control>) -> Result<()> {
    if args.help_columns {
        return file::print(&show::help());
    }
    super::threads(args.run.threads)?;
    check_outputs(&args)?;
    let mut warnings = Warnings::default();
    let (context, points) = if args.reference.is_some() {
        data(&args, &mut warnings, control)?
    } else {
        laws(&args, &mut warnings, control)?
    };
    args.run.note(warnings.iter());
    write(&args, &context, &points)
}

/// Rates of laws.
fn laws(
    args: &Args,
    warnings: &mut Warnings,
    control: &Arc<Control>,
) -> Result<(SweepContext, Vec<Point>)> {
    let plan = args.plan().without_repeats();
    plan.check()?;
    if args.rows.settings() != RowSettings::default() {
        return Err(Error::Usage(
            "--limit-reference, --limit-queries, --exclude-rows, --scale, --normalize and --skip-nonfinite are about the \
             rows of a data set; name REFERENCE and QUERIES, or leave them out"
                .into(),
        ));
    }
    let engine = engine(args, plan.shared_reference, control)?;
    let bar = Bar::advising(control, args.run.shown(), QUICKER);
    let points = study::run(&plan, &*engine, control)?;
    warnings.extend(engine.take_warnings());
    drop(bar);
    let kind = if plan.shared_reference {
        "queries of one reference set"
    } else {
        "trials"
    };
    let query = match plan.query {
        Query::Same => String::new(),
        other => format!("; query: {other}"),
    };
    let about = format!("{} {kind} a point, seed {}{query}", plan.trials, plan.seed);
    Ok((context(json!(plan), about), points))
}

/// Rates of a data set.
fn data(
    args: &Args,
    warnings: &mut Warnings,
    control: &Arc<Control>,
) -> Result<(SweepContext, Vec<Point>)> {
    let bar = Bar::advising(control, args.run.shown(), QUICKER_DATA);
    let (reference, queries) = (args.reference.as_deref(), args.queries.as_deref());
    let inputs = args.rows.inputs(reference, queries, control)?;
    warnings.extend(inputs.said());
    let plan = args.data_plan(&*inputs.reference).without_repeats();
    plan.check(&*inputs.reference, &*inputs.queries)?;
    let engine = engine(args, true, control)?;
    warnings.extend(engine.take_warnings());
    let taken = if args.components {
        "random rows, and principal components,"
    } else {
        "random rows and columns"
    };
    let about = format!(
        "{} queries from {}; {taken} of {}, seed {}",
        inputs.queries.len(),
        inputs.queries.name(),
        inputs.reference.name(),
        plan.seed
    );
    let (reference, queries) = as_judged(args, &plan, inputs, warnings, control)?;
    let points = study::run_data(&plan, &*reference, &*queries, &*engine, control)?;
    warnings.extend(engine.take_warnings());
    drop(bar);
    Ok((context(json!(plan), about), points))
}

/// Both sets as the sweep uses them: as they are, or as their first principal components.
fn as_judged(
    args: &Args,
    plan: &DataPlan,
    inputs: Inputs,
    warnings: &mut Warnings,
    control: &Control,
) -> Result<(Arc<dyn Rows>, Arc<dyn Rows>)> {
    let (reference, queries): (Arc<dyn Rows>, _) = (Arc::from(inputs.reference), inputs.queries);
    if !args.components {
        return Ok((reference, queries));
    }
    let most = plan.dims.iter().copied().max().unwrap_or(1);
    let specs = Spec::parse(&format!("pca:{most}"))?;
    let settings = Settings {
        seed: args.seed,
        memory: args.rows.budget(),
        ..Settings::default()
    };
    let mut views = Views::new(
        Some((Set::vectors(reference), Set::vectors(queries))),
        specs.clone(),
        settings,
        control,
    )?;
    let view = views.view(&specs[0], control)?;
    warnings.extend(views.take_warnings());
    Ok((view.reference, view.queries))
}

fn context(settings: serde_json::Value, about: String) -> SweepContext {
    SweepContext {
        command: super::command_line(),
        settings,
        about,
    }
}

/// The engine. Independent trials scan nothing and spend their time on drawing points, so a GPU is used only if asked for.
fn engine(args: &Args, scans: bool, control: &Control) -> Result<Box<dyn Engine>> {
    if !scans && !args.run.backend.asks_for_gpu() {
        return Ok(Box::new(CpuEngine));
    }
    let chosen = args.run.backend.engine(None, control)?;
    args.run.tell(chosen.note);
    Ok(chosen.engine)
}

/// Refuses paths that cannot be written, or are named twice, before anything is drawn.
fn check_outputs(args: &Args) -> Result<()> {
    let inputs = [&args.reference, &args.queries].into_iter().flatten();
    let inputs: Vec<String> = inputs.cloned().collect();
    let files = [args.output.as_deref(), args.plot.as_deref()];
    super::check_files(&files, args.json.as_deref(), &inputs)?;
    if let Some(path) = &args.output {
        file::check_parquet(path, "the points of a sweep")?;
    }
    args.plot.as_deref().map_or(Ok(()), plot::check)
}

/// Prints the results, and writes the files that were asked for.
fn write(args: &Args, context: &SweepContext, points: &[Point]) -> Result<()> {
    if let Some(path) = &args.output {
        show::write_parquet(path, context, points)?;
    }
    if let Some(path) = &args.plot {
        plot::write(path, &show::figure(context, points))?;
    }
    let json = args.json.as_deref();
    super::deliver(json, || json!(points), || show::table(context, points))
}
