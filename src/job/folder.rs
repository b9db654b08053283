//! The files of a comparison's folder: tables, plots, contact sheets and the page.

use super::compare::Done;
use super::images::Opened;
use super::{archive, results};
use crate::error::{Error, Result};
use crate::report::numerals::grouped_size;
use crate::report::sheet::sheet;
use crate::report::{compare as show, outcomes, plot};
use crate::space::Set;
use crate::store::{file, queries};
use crate::study::compare::Report;
use crate::study::outcomes::OutcomeKind;
use std::path::Path;

/// Writes tables, plots, contact sheets and the page.
///
/// Errors: files that cannot be written, images that can no longer be read.
pub fn write(folder: &Path, done: &Done) -> Result<()> {
    let Done {
        report,
        run,
        opened,
        ..
    } = done;
    let opened = opened.as_ref();
    let settings = &done.settings();
    let command = &run.command;
    show::write_rates(&folder.join("rates.parquet"), command, settings, report)?;
    let tables = report.spaces.iter();
    let tables = tables.map(|space| {
        folder
            .join("spaces")
            .join(format!("{}.parquet", archive::name(&space.space)))
    });
    let metadata = [
        ("hullscope.command", command.clone()),
        ("hullscope.settings", settings.to_string()),
    ];
    let metadata = metadata.map(|(key, value)| (key.to_string(), value));
    let rows = opened.map(|opened| opened.query_rows.entry());
    let classes = Some(&done.classes).filter(|names| !names.is_empty());
    let classes = classes.map(|names| queries::classes_entry(names));
    queries::join(
        &tables.collect::<Vec<_>>(),
        &folder.join("queries.parquet"),
        metadata.into_iter().chain(rows).chain(classes).collect(),
    )?;
    results::clear_outcomes(folder)?;
    for (place, found) in report.outcomes.iter().enumerate() {
        // The first figure is in the folder itself, as that of `errors` is.
        let within = match (place, &found.kind) {
            (0, _) => folder.to_path_buf(),
            (_, OutcomeKind::Sets([_, name])) => {
                folder.join(format!("outcomes-{}", archive::name(name)))
            }
            (_, _) => folder.join(format!("outcomes-{place}")),
        };
        file::create_folder(&within)?;
        outcomes::write_all(&within, command, settings, found)?;
    }
    let by_label = folder.join("by_label.parquet");
    if run.plan.by_label {
        show::write_labels(&by_label, command, settings, report)?;
    } else {
        // That file belongs to another comparison than the other files.
        file::remove(&by_label)?;
    }
    for (name, figure) in show::figures(report) {
        plot::write_both(folder, name, &figure)?;
    }
    let sheets = pictures(opened, report)?;
    let mut names = Vec::new();
    for (space, png) in &sheets {
        let name = format!("sheet-{}.png", archive::name(space));
        file::write_bytes(&folder.join(&name), png)?;
        names.push(name);
    }
    without_others(folder, &names)?;
    let made = show::RunInfo {
        command: command.clone(),
        date: crate::bench::date(),
        inputs: inputs(opened),
        settings: settings.clone(),
    };
    show::write_page(&folder.join("report.html"), &made, report, &sheets)?;
    let summary = folder.join("summary.json").display().to_string();
    file::write_text(&summary, &file::pretty(&done.json()))
}

/// Removes contact sheets of an earlier comparison, which do not belong to the other files.
fn without_others(folder: &Path, sheets: &[String]) -> Result<()> {
    let failed = |error| Error::io("list", folder, error);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let sheet = name.starts_with("sheet-") && name.ends_with(".png");
        if sheet && !sheets.contains(&name) {
            file::remove(&entry.path())?;
        }
    }
    Ok(())
}

/// The inputs by name.
fn inputs(opened: Option<&Opened>) -> Vec<(String, String)> {
    let set = |what: &str, set: &Set| {
        let [rows, dim] = [set.rows.len(), set.rows.dim()].map(grouped_size);
        let shape = set.shape.map(|shape| shape.to_string());
        let shape = shape.unwrap_or_else(|| format!("{dim} numbers a row"));
        (
            what.to_string(),
            format!("{}: {rows} rows, {shape}", set.rows.name()),
        )
    };
    opened.map_or_else(Vec::new, |opened| {
        vec![
            set("Reference", &opened.reference),
            set("Queries", &opened.queries),
        ]
    })
}

/// The contact sheet of each space whose rows correspond to the images.
fn pictures(opened: Option<&Opened>, report: &Report) -> Result<Vec<(String, Vec<u8>)>> {
    let Some(images) = opened.and_then(Opened::pictures) else {
        return Ok(Vec::new());
    };
    let mut sheets = Vec::new();
    for space in &report.spaces {
        let same = space.n_reference == images.reference.rows.len() as u64
            && space.n_queries == images.queries.rows.len() as u64;
        if same && let Some(png) = sheet(&space.space, &space.picks, &images)? {
            sheets.push((space.space.clone(), png));
        }
    }
    Ok(sheets)
}
