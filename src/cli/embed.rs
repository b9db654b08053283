//! `hullscope embed`: the rows of a space, as files that other programs read.

use super::run::Manner;
use crate::control::Control;
use crate::error::Result;
use crate::job::embed::Options;
use crate::store::file;

const EXAMPLES: &str = "\
Examples:
  hullscope embed --space onnx:sample@features -o out/
      the built-in sample: out/sample-reference.npy and out/sample-queries.npy, with their classes
  hullscope embed --space onnx:vit.onnx,pool=cls,preset=clip photos/train photos/test -o out/
      each image prepared from its own size, whatever it is
  hullscope embed --space pca:64 --format parquet train.npy test.npy extra.npy -o out/
      all three in the principal components of the first, with row numbers, ids and labels
  hullscope embed --space 'file:a.npy,b.npy|whiten' -o out/";

/// The rows of a space as files: networks run and components fitted, for other programs
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES, after_help = "`--help` shows examples; `compare --help` lists the spaces.")]
#[command(mut_arg("quiet", |quiet| quiet.help("No lines about what was written, no notes, no progress bar")))]
pub struct Args {
    #[command(flatten)]
    what: Options,
    #[command(flatten)]
    manner: Manner,
}

/// Runs the command.
pub fn run(args: &Args, control: &Control) -> Result<()> {
    let plan = args.what.plan()?;
    let bar = args.manner.begin(control, "embed")?;
    let written = plan.run(&super::command_line(), control)?;
    drop(bar);
    args.manner.note(written.notes);
    match args.manner.quiet {
        true => Ok(()),
        false => file::print(&(written.lines.join("\n") + "\n")),
    }
}
