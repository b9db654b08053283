//! `hullscope analyze`: is each query inside the convex hull of the reference rows, and how far are its neighbours?

use super::judge::JudgeArgs;
use crate::control::Control;
use crate::error::Result;
use crate::job::inputs::JudgedInputs;
use crate::job::judge::Judge;
use crate::job::judging::{self, ANALYZE, JudgingArgs};
use crate::job::row_args::COLUMNS;
use crate::store::file;
use crate::store::hull_file::is_hull;
use crate::study::analyze::AnalysisPlan;
use std::path::Path;

const EXAMPLES: &str = "\
Examples:
  hullscope analyze
      the built-in sample: 1,000 test images of Fashion-MNIST against 6,000 training images
  hullscope analyze train.npy test.npy -o verdicts.parquet --json summary.json
  hullscope analyze train-images-idx3-ubyte.gz t10k-images-idx3-ubyte.gz --neighbours 10 --distance
  hullscope analyze embeddings.safetensors:train embeddings.safetensors:test --certificates proof.parquet
  hullscope analyze 'img_emb/*.npy' queries.fvecs --normalize --metric cosine --no-hull --neighbours 5
  hullscope analyze train.npy test.npy --backend gpu --gpu-memory 8GiB
  hullscope analyze train.parquet:embedding test.parquet:embedding --self-test 500 --json -

Columns of -o: --help-columns lists them with their meaning. Of each notion there are NOTION_outside (null where it cannot
decide) and NOTION_score (larger is more extrapolated).

Formats: .npy, .npz (FILE:MEMBER), Parquet and Arrow IPC (FILE:COLUMN), folders of save_to_disk (FOLDER:SPLIT),
HDF5 (FILE:DATASET, as in FILE:obsm/X_pca; MATLAB 7.3), Zarr 2 and 3 (FOLDER:ARRAY, FILE.zip:ARRAY),
safetensors (FILE:TENSOR), .fvecs .bvecs .ivecs,
.fbin .f16bin .u8bin .i8bin, IDX, torch's .pt (FILE:TENSOR), flat faiss indexes, CSV or TSV, JSON and JSON Lines
(FILE:FIELD, as in FILE:data.embedding), word vectors in text or word2vec's binary form (tokens become ids).";

/// Certified hull verdicts and exact nearest neighbours of QUERIES against REFERENCE
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("{EXAMPLES}\n\n{}\n{COLUMNS}", judging::help()), after_help = "`--help` shows examples and formats.")]
pub struct Args {
    /// The rows whose convex hull is asked about (without it: the built-in sample)
    #[arg(requires = "queries")]
    reference: Option<String>,
    /// The rows to ask about
    queries: Option<String>,
    /// Compute no hull verdicts
    #[arg(long, conflicts_with_all = ["distance", "certificates"])]
    no_hull: bool,
    /// Before the queries, judge N reference rows (all must be inside), and then each against all other rows
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        conflicts_with = "no_hull"
    )]
    self_test: usize,
    /// List the columns of -o for these sets and options, and stop
    #[arg(long)]
    help_columns: bool,
    #[command(flatten)]
    judging: JudgingArgs,
    #[command(flatten)]
    judge: JudgeArgs,
}

/// Runs the command.
pub fn run(args: &Args, control: &Control) -> Result<()> {
    let sets = [&args.reference, &args.queries].into_iter().flatten();
    let inputs: Vec<String> = sets.cloned().chain(args.judging.files()).collect();
    let open = || {
        let plan = AnalysisPlan {
            self_test: args.self_test,
            ..args.judging.plan(!args.no_hull, ANALYZE)
        };
        Ok((both_sets(args, control)?, plan))
    };
    if args.help_columns {
        let (judged, plan) = args.judge.run.read(control, open)?;
        let judge = Judge::new(super::command_line(), judged, plan);
        return file::print(&judge.help_columns()?);
    }
    (args.judge).judge("analyze", &inputs, control, open)
}

/// Both sets; the reference may be a `.hull` file of `hullscope fit`.
fn both_sets(args: &Args, control: &Control) -> Result<JudgedInputs> {
    let (rows, named) = (
        &args.judge.rows,
        args.reference.as_deref().zip(args.queries.as_deref()),
    );
    match named {
        Some((hull, queries)) if is_hull(Path::new(hull)) => {
            rows.fitted(Path::new(hull), queries, None, control)
        }
        _ => rows.not_fitted(named, control),
    }
}
