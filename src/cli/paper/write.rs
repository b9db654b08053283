//! Writes the results: those of this run to the terminal and as JSON; all results of the folder into the folder.

use super::Args;
use crate::cli::command_line;
use crate::error::{Error, Result};
use crate::job::findings;
use crate::report::paper::{self as show, Collection, Experiment};
use crate::report::{json, plot};
use crate::store::file;
use std::path::Path;

/// Writes the results.
pub fn write(args: &Args, made: Vec<Experiment>) -> Result<()> {
    let own = Collection {
        command: command_line(),
        date: crate::bench::date(),
        experiments: made,
        notes: Vec::new(),
    };
    args.run
        .note(own.experiments.iter().flat_map(|made| &made.notes));
    if let Some(folder) = &args.output {
        let (experiments, notes) = findings::all(folder, &own.experiments);
        let all = Collection {
            experiments,
            notes,
            ..own.clone()
        };
        args.run.note(&all.notes);
        files(folder, &all)?;
    }
    crate::cli::deliver(
        args.json.as_deref(),
        || show::json(&own),
        || show::text(&own),
    )
}

/// Checks that files of these names can be written into the folder.
pub fn check(folder: &Path) -> Result<()> {
    let tables = ["points.parquet", "summary.json", "report.html"].map(String::from);
    let figures = show::NAMES
        .iter()
        .flat_map(|name| ["png", "svg"].map(|e| format!("{name}.{e}")));
    let mut names = tables.into_iter().chain(figures);
    match names.find(|name| folder.join(name).is_dir()) {
        None => Ok(()),
        Some(name) => Err(Error::Usage(format!(
            "{} is a folder, and a file of this name is to be written; remove it, or name another folder with -o",
            folder.join(name).display()
        ))),
    }
}

/// Writes tables, figures and the page.
fn files(folder: &Path, all: &Collection) -> Result<()> {
    let points = folder.join("points.parquet");
    if all.findings().points.is_empty() {
        // This file is from findings that the other files do not hold.
        file::remove(&points)?;
    } else {
        show::write_parquet(&points, all)?;
    }
    let summary = folder.join("summary.json").display().to_string();
    file::write_text(&summary, &json::pretty(&show::json(all)))?;
    for (name, figure) in show::figures(all) {
        plot::write_both(folder, &name, &figure)?;
    }
    file::write_bytes(&folder.join("report.html"), show::page(all).as_bytes())
}
