//! `hullscope paper`: the experiments of "Learning in High Dimension Always Amounts to Extrapolation".

mod experiments;
mod inputs;
mod sets;
mod write;

use super::numbers;
use super::progress::{Advice, Bar};
use super::run::RunArgs;
use crate::control::{self, Control};
use crate::error::{Error, Result};
use crate::job::backend::Chosen;
use crate::job::images::ImageArgs;
use crate::job::lock::Lock;
use crate::job::networks::NetworkArgs;
use crate::job::results::{self, FolderOwner};
use crate::job::row_args::RowArgs;
use crate::job::{archive, findings};
use crate::report::paper::{self as show, Experiment};
use crate::space::{Spec, spec::SpaceStage};
use crate::store::file;
use crate::study::paper::fig1;
use clap::ValueEnum;
use inputs::PaperInputs;
use sets::Named;
use std::path::PathBuf;
use std::sync::Arc;

/// Trials of figure 1.
const TRIALS: u64 = 100_000;
const QUICK_TRIALS: u64 = 20_000;

/// The largest number N of samples in figure 1.
const MOST: usize = 10_000;

/// Test images of a quick run.
const QUICK_QUERIES: usize = 2_000;

/// Dimensions of the cubes of figure 5; the second list holds the dimensions that they are mapped to.
const CUBES: [u64; 2] = [8, 12];
const MAPPED: [u64; 4] = [2, 3, 4, 5];

/// Options that make each stage faster.
const QUICKER: Advice = &[&[
    (
        control::WorkStage::Trials,
        "--quick and fewer --trials are quicker",
    ),
    (control::WorkStage::Hull, "--quick is quicker"),
    (control::WorkStage::LeaveOneOut, "--quick is quicker"),
]];

const EXAMPLES: &str = "\
Examples:
  hullscope paper --quick -o paper/
      all experiments on the built-in sample: tables, figures, and a page
  hullscope paper fig1 --trials 500000 -o paper/
  hullscope paper pixels --data DIR -o paper/
      MNIST and Fashion-MNIST, whole: DIR holds mnist/ and fashion-mnist/ with their four files each
  hullscope paper pixels --images train/ test/ --images other.npy other-test.npy
  hullscope paper fig5 --space file:tsne.npy,tsne.npy
      also each vertex of the embedding of a cube that another program made, against the others

The paper: Balestriero, Pesenti and LeCun, arXiv 2110.09485. With -o, finished spaces are kept and not computed again, and
runs into one folder add up: the page, summary.json and points.parquet hold the last run of each experiment.";

/// The experiments of "Learning in High Dimension Always Amounts to Extrapolation" (arXiv 2110.09485)
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES, after_help = "`--help` shows examples.")]
pub struct Args {
    /// Experiments to run
    #[arg(value_enum, default_value_t = Which::All)]
    which: Which,
    /// Fewer trials, sizes and images: finished in a minute
    #[arg(long)]
    quick: bool,
    /// Write tables, figures and report.html into this folder
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Remove what another command left in that folder
    #[arg(long, requires = "output")]
    replace: bool,
    /// Write all points as JSON (- for stdout)
    #[arg(long, value_name = "FILE|-")]
    json: Option<String>,
    /// List the columns of points.parquet in the folder of -o, and stop
    #[arg(long)]
    help_columns: bool,
    /// Folder with mnist/ and fashion-mnist/ (without it: the built-in sample of Fashion-MNIST)
    #[arg(long, value_name = "FOLDER", env = "HULLSCOPE_DATA")]
    data: Option<PathBuf>,
    /// Training and test images to use instead of those; may be given several times
    #[arg(long, num_args = 2, value_names = ["TRAIN", "TEST"], action = clap::ArgAction::Append)]
    images: Vec<String>,
    /// Trials of figure 1 [default: 100000, quick 20000]
    #[arg(long, value_name = "T", value_parser = numbers::whole)]
    trials: Option<u64>,
    /// An embedding of a cube's vertices for figure 5: file:EMBEDDING,EMBEDDING
    #[arg(long = "space", value_name = "SPACE")]
    spaces: Vec<String>,
    /// Seed of everything random
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    decoding: ImageArgs,
    #[command(flatten)]
    networks: NetworkArgs,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// A new sample in the hull of N samples, against N
    Fig1,
    /// Test images in the hull of the training images, in pixels
    Pixels,
    /// The same in the latent space of a network
    Latents,
    /// The vertices of a cube, before and after a linear map
    Fig5,
    All,
}

impl Args {
    fn asks_for(&self, which: Which) -> bool {
        self.which == which || self.which == Which::All
    }

    fn memory(&self) -> u64 {
        self.rows.budget()
    }

    /// The data sets of the experiments that were asked for.
    fn named(&self) -> Vec<Named> {
        let mut named = match (&self.images[..], &self.data) {
            ([], None) => sets::sample(),
            ([], Some(folder)) => sets::of_folder(folder),
            (images, _) => sets::given(images),
        };
        named.retain(|named| {
            let latents = self.asks_for(Which::Latents) && named.has_latents();
            self.asks_for(Which::Pixels) || latents
        });
        named
    }

    /// The reading options; a quick run has fewer queries.
    fn rows(&self) -> RowArgs {
        let mut rows = self.rows.clone();
        if self.quick && rows.limit_queries.is_none() {
            rows.limit_queries = Some(QUICK_QUERIES);
        }
        rows
    }

    /// The plan of figure 1, with `memory` bytes for rows.
    fn fig1(&self, memory: u64) -> fig1::Fig1Plan {
        let usual = if self.quick { QUICK_TRIALS } else { TRIALS };
        fig1::Fig1Plan {
            trials: self.trials.unwrap_or(usual),
            sizes: fig1::sizes(if self.quick { 2 } else { 4 }, MOST),
            seed: self.seed,
            memory,
        }
    }

    /// The embeddings for figure 5.
    fn embeddings(&self) -> Result<Vec<(String, String)>> {
        let specs = Spec::parse_all(&self.spaces)?;
        let file = |spec: Spec| match &spec.stages[..] {
            [SpaceStage::File { reference, queries }] if reference == queries => {
                Ok((spec.text.clone(), reference.clone()))
            }
            _ => Err(Error::Usage(format!(
                "figure 5 takes embeddings as file:EMBEDDING,EMBEDDING (each vertex against the others), not {}",
                spec.text
            ))),
        };
        specs.into_iter().map(file).collect()
    }
}

/// What the folder of -o is marked as: it holds experiments of several runs, of any data sets.
fn owner() -> FolderOwner {
    FolderOwner {
        command: "paper".into(),
        inputs: Vec::new(),
        grows: false,
    }
}

/// Runs the command.
pub fn run(args: Args, control: &Arc<Control>) -> Result<()> {
    if args.help_columns {
        return file::print(&show::help());
    }
    super::threads(args.run.threads)?;
    let (named, _lock) = check(&args)?;
    let Chosen { engine, note } = args.run.backend.engine(args.rows.memory, control)?;
    args.run.tell(note);
    let bar = Bar::advising(control, args.run.shown(), QUICKER);
    let inputs = PaperInputs::new(&args, named, control)?;
    if let Some(folder) = &args.output {
        results::claim(folder, &owner())?;
    }
    let mut made: Vec<Experiment> = Vec::new();
    for name in show::NAMES {
        let found = experiments::experiment(name, &args, &inputs, &*engine, control)?;
        let Some(experiment) = found else { continue };
        // Each experiment is written at once, so that it stays if a later one fails.
        if let Some(folder) = &args.output {
            findings::keep(folder, &experiment)?;
        }
        made.push(experiment);
    }
    drop(bar);
    write::write(&args, made)
}

/// The data sets to open. Options that contradict each other, missing files and outputs that cannot be written are refused
/// before anything is read.
fn check(args: &Args) -> Result<(Vec<Named>, Option<Lock>)> {
    if !args.spaces.is_empty() && !args.asks_for(Which::Fig5) {
        return Err(Error::Usage("--space goes with fig5".into()));
    }
    if args.trials.is_some() && !args.asks_for(Which::Fig1) {
        return Err(Error::Usage("--trials goes with fig1".into()));
    }
    if !args.images.is_empty() && !args.asks_for(Which::Pixels) && !args.asks_for(Which::Latents) {
        return Err(Error::Usage("--images goes with pixels and latents".into()));
    }
    let embeddings = args.embeddings()?;
    if args.asks_for(Which::Fig1) {
        args.fig1(args.memory()).check()?;
    }
    let named = args.named();
    let mut inputs: Vec<String> = named
        .iter()
        .flat_map(|named| named.pair.clone())
        .flatten()
        .collect();
    inputs.extend(embeddings.iter().map(|(_, path)| path.clone()));
    inputs.extend(args.decoding.files().map(String::from));
    let lock = super::check_outputs(args.output.as_deref(), args.json.as_deref(), &inputs)?;
    if let Some(folder) = &args.output {
        results::check(folder, &owner(), args.replace)?;
        archive::check(&folder.join("findings"))?;
        write::check(folder)?;
    }
    sets::check(&named)?;
    let mut files = embeddings.iter();
    files.try_for_each(|(_, path)| crate::rows::check_there(path))?;
    Ok((named, lock))
}
