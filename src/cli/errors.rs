//! `hullscope errors`: which notion predicts a model's errors or losses, from what a comparison left in its folder.

use crate::control::Control;
use crate::error::Result;
use crate::job::guard::Outputs;
use crate::job::lock::Lock;
use crate::job::outcomes::{ClassArgs, OutcomeArgs, predicted};
use crate::report::outcomes as show;
use crate::store::{file, queries};
use serde_json::json;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  hullscope compare train.npy test.npy --space 'pca:8,16' -o out/
  hullscope errors out/ --predictions pred.npy --labels test-labels.npy
  hullscope errors out/ --correct results.csv:correct
  hullscope errors out/ --loss losses.npy --json -

Reads queries.parquet in the folder and writes outcomes.parquet (a row a space and notion), outcome_pairs.parquet (DeLong's
test between two notions), outcome_deciles.parquet, their figures as PNG and SVG, and outcomes.html beside it.";

/// Which notion predicts a model's errors or losses, from the folder that `compare -o` wrote
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// The folder of the comparison
    #[arg(required_unless_present = "help_columns")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    classes: ClassArgs,
    #[command(flatten)]
    outcomes: OutcomeArgs,
    /// Write everything as JSON (- for stdout)
    #[arg(long, value_name = "FILE|-")]
    json: Option<String>,
    /// List the columns of the files, and stop
    #[arg(long)]
    help_columns: bool,
    /// Print nothing, only write files
    #[arg(short, long)]
    quiet: bool,
}

/// Runs the command.
pub fn run(args: &Args, control: &Control) -> Result<()> {
    let Some(folder) = args.folder.as_deref().filter(|_| !args.help_columns) else {
        return file::print(&show::help());
    };
    let path = queries::of_folder(folder)?;
    let written = show::written(folder);
    let outputs = Outputs::files(written.iter().map(PathBuf::as_path), args.json.as_deref());
    let files = args.outcomes.files().chain(args.classes.files());
    let inputs = files.map(String::from).chain([path.display().to_string()]);
    outputs.check(&inputs.collect::<Vec<_>>())?;
    let _lock = Lock::take(folder)?;
    let found = predicted(&path, &args.classes, &args.outcomes, control)?;
    let command = super::command_line();
    let settings = json!({
        "outcomes": args.outcomes.files().collect::<Vec<_>>(),
        "labels": args.classes.labels,
        "class_names": args.classes.class_names,
    });
    show::write_all(folder, &command, &settings, &found)?;
    let page = folder.join("outcomes.html");
    show::write_page(&page, &command, &crate::bench::date(), &found)?;
    let all = || json!({ "version": env!("CARGO_PKG_VERSION"), "command": command, "settings": settings, "outcomes": found });
    outputs.deliver(all, || match args.quiet {
        true => String::new(),
        false => show::text(&found),
    })
}
