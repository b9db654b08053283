//! `hullscope errors`: which notion predicts a model's errors or losses, from what a comparison left in its folder.

use crate::control::Control;
use crate::error::{Error, Result};
use crate::job::lock::Lock;
use crate::job::outcomes::{OutcomeArgs, Queries, of_queries};
use crate::report::outcomes as show;
use crate::store::file;
use crate::store::queries::{self, KeptQueries};
use crate::study::outcomes::{Outcome, Outcomes, measure};
use serde_json::json;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// The class of each query (default: what the comparison knew)
    #[arg(long, value_name = "FILE[:COLUMN]")]
    labels: Option<String>,
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
pub fn run(args: &Args, control: &Arc<Control>) -> Result<()> {
    let Some(folder) = args.folder.as_deref().filter(|_| !args.help_columns) else {
        return file::print(&show::help());
    };
    let path = folder.join(queries::FILE);
    let mut inputs: Vec<String> = args.outcomes.files().map(String::from).collect();
    inputs.extend(args.labels.clone());
    let written = show::written(folder);
    let written: Vec<&Path> = written.iter().map(PathBuf::as_path).collect();
    crate::job::guard::check(&written, None, None, &inputs)?;
    inputs.push(path.display().to_string());
    super::check_outputs(None, args.json.as_deref(), &inputs)?;
    if folder.is_dir() && !path.exists() {
        return Err(Error::Usage(format!(
            "{} has no {}: name a folder that `hullscope compare -o` wrote",
            folder.display(),
            queries::FILE
        )));
    }
    let _lock = Lock::take(folder)?;
    let kept = queries::read(&path)?;
    let name = path.display().to_string();
    let labels = match &args.labels {
        Some(spec) => Some(labels(spec, &name, &kept, control)?),
        None => kept.labels.clone(),
    };
    let outcome = outcome(args, &name, &kept, labels.as_deref(), control)?;
    let classes = labels.as_deref().map(codes);
    let found = measure(&kept.scores, &outcome, classes.as_deref(), kept.nearest)?;
    write(args, folder, &found)
}

/// The queries' classes from a file, matched with the queries row by row as outcomes are.
fn labels(
    spec: &str,
    name: &str,
    kept: &KeptQueries,
    control: &Control,
) -> Result<Vec<Option<String>>> {
    let queries = queries(name, kept, None);
    let (labels, rows) = of_queries(spec, "labels", &queries, control)?;
    Ok(rows.into_iter().map(|row| labels.text(row)).collect())
}

/// The queries of the folder.
fn queries<'q>(
    name: &'q str,
    kept: &'q KeptQueries,
    labels: Option<&'q [Option<String>]>,
) -> Queries<'q> {
    Queries {
        name,
        numbers: &kept.rows,
        of: kept.of,
        labels,
        classes: &[],
    }
}

/// The outcome that was named, or else the one that is stored in the comparison's folder.
fn outcome(
    args: &Args,
    name: &str,
    kept: &KeptQueries,
    labels: Option<&[Option<String>]>,
    control: &Control,
) -> Result<Outcome> {
    if args.outcomes.is_empty() {
        return kept.errors.clone().map(Outcome::Wrong).ok_or_else(|| {
            Error::Usage(
                "there is nothing to predict: name --predictions, --correct, --errors or --loss (the comparison had none of these)"
                    .into(),
            )
        });
    }
    let queries = queries(name, kept, labels);
    let given = args.outcomes.read(&queries, control)?;
    given.outcome.ok_or_else(|| {
        Error::Usage("--predictions needs the classes of the queries to be compared with: name a file with --labels".into())
    })
}

/// One number per class.
fn codes(labels: &[Option<String>]) -> Vec<Option<u32>> {
    let mut known: HashMap<&str, u32> = HashMap::new();
    let mut code = |label| {
        let next = known.len() as u32;
        *known.entry(label).or_insert(next)
    };
    labels
        .iter()
        .map(|label| label.as_deref().map(&mut code))
        .collect()
}

/// Writes the files, and prints the tables.
fn write(args: &Args, folder: &Path, found: &Outcomes) -> Result<()> {
    let command = super::command_line();
    let settings =
        json!({ "outcomes": args.outcomes.files().collect::<Vec<_>>(), "labels": args.labels });
    show::write_all(folder, &command, &settings, found)?;
    let page = folder.join("outcomes.html");
    show::write_page(&page, &command, &crate::bench::date(), found)?;
    let all = || json!({ "version": env!("CARGO_PKG_VERSION"), "command": command, "settings": settings, "outcomes": found });
    let text = || match args.quiet {
        true => String::new(),
        false => show::text(found),
    };
    super::deliver(args.json.as_deref(), all, text)
}
