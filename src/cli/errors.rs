//! `hullscope errors`: which notion predicts a model's errors or losses, from what a comparison left in its folder.

use crate::control::Control;
use crate::error::{Error, Result};
use crate::job::outcomes::{OutcomeArgs, Queries, of_queries};
use crate::report::lock::Lock;
use crate::report::outcomes::{self as show, KeptQueries};
use crate::report::{file, json};
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
    /// Print the columns of the files and what they say, and end
    #[arg(long)]
    help_columns: bool,
    /// Only write files
    #[arg(short, long)]
    quiet: bool,
}

/// Run the command.
pub fn run(args: &Args, control: &Arc<Control>) -> Result<()> {
    let Some(folder) = args.folder.as_deref().filter(|_| !args.help_columns) else {
        let lines = show::help().into_iter();
        let lines = lines.map(|(file, column, help)| format!("{file}  {column}: {help}\n"));
        return file::print(&lines.collect::<String>());
    };
    let path = folder.join(show::FILE);
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
            show::FILE
        )));
    }
    let _lock = Lock::take(folder)?;
    let kept = show::read(&path)?;
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

/// The classes that a file says, matched with the queries as their outcomes are.
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

/// The outcome that was named, or the one that the comparison was told.
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
                "there is nothing to predict: name --predictions, --correct, --errors or --loss (the comparison was told of no \
                 errors)"
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

/// A number for each class.
fn codes(labels: &[Option<String>]) -> Vec<Option<u32>> {
    let mut known: HashMap<&str, u32> = HashMap::new();
    let mut codes = Vec::with_capacity(labels.len());
    for label in labels {
        let next = known.len() as u32;
        codes.push(
            label
                .as_deref()
                .map(|label| *known.entry(label).or_insert(next)),
        );
    }
    codes
}

/// The files, and what is printed.
fn write(args: &Args, folder: &Path, found: &Outcomes) -> Result<()> {
    let command = super::command_line();
    let settings =
        json!({ "outcomes": args.outcomes.files().collect::<Vec<_>>(), "labels": args.labels });
    show::write_all(folder, &command, &settings, found)?;
    show::write_page(
        &folder.join("outcomes.html"),
        &command,
        &crate::bench::date(),
        found,
    )?;
    if let Some(target) = &args.json {
        let all = json!({ "version": env!("CARGO_PKG_VERSION"), "command": command, "settings": settings, "outcomes": found });
        file::write_text(target, &json::pretty(&all))?;
    }
    if !args.quiet && args.json.as_deref() != Some("-") {
        let findings = show::findings(found);
        let said = findings
            .iter()
            .map(|(space, finding)| format!("{space}: {finding}\n"));
        file::print(&format!(
            "{}\n{}",
            show::table(found),
            said.collect::<String>()
        ))?;
    }
    Ok(())
}
