//! Writes the results: those of this run to the terminal and as JSON; all results of the folder into the folder.

use super::Args;
use crate::cli::command_line;
use crate::error::{Error, Result};
use crate::report::paper::{self as show, Collection, Experiment};
use crate::report::{file, json, plot};
use std::path::Path;

/// Writes the results.
pub fn write(args: &Args, made: Vec<Experiment>) -> Result<()> {
    let own = Collection {
        command: command_line(),
        date: crate::bench::date(),
        experiments: made,
        notes: Vec::new(),
    };
    if !args.run.quiet {
        for note in own.experiments.iter().flat_map(|made| &made.notes) {
            file::tell(&format!("note: {note}"));
        }
    }
    if let Some(folder) = &args.output {
        let (experiments, notes) = show::all(folder, &own.experiments);
        let all = Collection {
            experiments,
            notes,
            ..own.clone()
        };
        if !args.run.quiet {
            for note in &all.notes {
                file::tell(&format!("note: {note}"));
            }
        }
        files(folder, &all)?;
    }
    if let Some(target) = &args.json {
        file::write_text(target, &json::pretty(&show::json(&own)))?;
    }
    if args.json.as_deref() != Some("-") {
        file::print(&show::table(&own.experiments))?;
        for sentence in show::reading(&own.findings()) {
            file::print(&format!("{}\n\n", show::wrapped(&sentence)))?;
        }
    }
    Ok(())
}

/// Checks that files of these names can be written into the folder.
pub fn check(folder: &Path) -> Result<()> {
    let tables = ["points.parquet", "summary.json", "report.html"].map(String::from);
    let figures = show::NAMES
        .iter()
        .flat_map(|name| ["png", "svg"].map(|e| format!("{name}.{e}")));
    match tables
        .into_iter()
        .chain(figures)
        .find(|name| folder.join(name).is_dir())
    {
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
        if points.exists() {
            std::fs::remove_file(&points).map_err(|error| Error::io("remove", &points, error))?;
        }
    } else {
        show::write_parquet(&points, all)?;
    }
    let summary = folder.join("summary.json").display().to_string();
    file::write_text(&summary, &json::pretty(&show::json(all)))?;
    for (name, figure) in show::figures(all) {
        for ending in ["png", "svg"] {
            plot::write(&folder.join(format!("{name}.{ending}")), &figure)?;
        }
    }
    let path = folder.join("report.html");
    let page = show::page(all);
    let page = page.map_err(|why| Error::io("draw", &path, std::io::Error::other(why)))?;
    file::write_bytes(&path, page.as_bytes())
}
