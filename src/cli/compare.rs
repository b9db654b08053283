//! `hullscope compare`: the same queries through several spaces.

use super::run::RunArgs;
use crate::control::Control;
use crate::error::Result;
use crate::job::compare::Options;
use crate::job::guard::Outputs;
use crate::job::row_args::COLUMNS;
use crate::job::{self, judging, results};
use crate::store::file;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  hullscope compare
      the built-in sample: pixels, patches, principal components, trained and untrained latents
  hullscope compare -o out/ --by-label
      the same with tables, plots and a page in out/, split by class
  hullscope compare train-images-idx3-ubyte.gz t10k-images-idx3-ubyte.gz --space patch:4,6,8 --space pca:8,16,32
  hullscope compare photos/train photos/test --resize 224x224 --space onnx:resnet.onnx@features --space 'gray|patch:16'
  hullscope compare train/ test/ --space 'onnx:vit.onnx,pool=cls,preset=clip' -o out/
      each image prepared from its own size, whatever it is
  hullscope compare --space file:a-train.npy,a-test.npy --space file:b-train.npy,b-test.npy

Settings after onnx:FILE[@TENSOR], separated by commas: mean= and std= (of pixels from 0 to 1), size=WxH (without keeping
the ratio of sides), resize=S (the shorter side) or WxH, crop=C (the centre), filter=bilinear or bicubic, antialias=no,
preset=imagenet, clip, siglip or none, pool=cls, mean, max or none, layout=nchw or nhwc. A processor_config.json,
preprocessor_config.json or config.json of timm beside the file is read; typed settings override it. Image files may have
any sizes if every --space is a network whose image preparation is known; otherwise bring them to one size with --resize.

Images: IDX, CIFAR's binary files, .npy of (N,H,W) or (N,H,W,C), or a folder of image files with a subfolder for each
class. Sets of plain vectors can be compared too, in the spaces that need no images.

With -o, finished spaces are kept: an interrupted comparison continues where it stopped, and changed inputs are noticed.";

/// The same queries through several spaces: extrapolation rates by space and notion, compared query by query
#[derive(Debug, clap::Args)]
#[command(after_long_help = examples(), after_help = "`--help` shows the spaces and examples.")]
pub struct Args {
    #[command(flatten)]
    what: Options,
    /// Write tables, plots, contact sheets and report.html into this folder
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Write the summary as JSON (- for stdout)
    #[arg(long, value_name = "FILE|-")]
    json: Option<String>,
    /// List the columns of the tables in the folder of -o for these sets and options, and stop
    #[arg(long)]
    help_columns: bool,
    #[command(flatten)]
    run: RunArgs,
}

/// The help text: the spaces, the notions and examples.
fn examples() -> String {
    let mut text = String::from("Spaces, joined by | where one is to follow another:\n");
    for (name, what) in crate::space::spec::KNOWN {
        text += &format!("  {name:<26}{what}\n");
    }
    text += &format!("\n{}", judging::help());
    text + "\n" + EXAMPLES + "\n\n" + COLUMNS
}

/// Runs the command.
pub fn run(args: &Args, control: &Control) -> Result<()> {
    let what = &args.what;
    let specs = what.specs()?;
    what.plan().analysis.check()?;
    let command = super::command_line();
    if args.help_columns {
        let open = || what.open(&command, specs, control);
        return file::print(&args.run.read(control, open)?.help_columns()?);
    }
    let known = specs.as_deref().unwrap_or_default();
    let folder = args.output.as_deref();
    let outputs = Outputs::folder(folder, args.json.as_deref());
    let _lock = outputs.check(&what.inputs(known))?;
    if let Some(folder) = folder {
        results::check(folder, &what.owner(known), what.replace)?;
    }
    let memory = what.rows.memory;
    let done = args.run.run(memory, "compare", control, |engine, opened| {
        let job = what.open(&command, specs, control)?;
        opened();
        job.run(engine, folder, control)
    })?;
    args.run
        .manner
        .note(done.reuse.iter().cloned().chain(done.all_notes()));
    if let Some(folder) = folder {
        job::folder::write(folder, &done)?;
    }
    outputs.deliver(|| done.json(), || done.text())
}
