//! How well notions predict errors, losses or a query's set: as tables for a terminal, as Parquet, as figures, as a section
//! of a page. All of them show the same [`Outcomes`].

mod columns;
mod figures;
mod page;
mod queries;
mod table;
mod words;

pub use columns::help;
pub use figures::{deciles_figure, heat_figure, roc_figure};
pub use page::{found, title, write_page};
pub use queries::{FILE, FileRows, KeptQueries, load, read, scores};
pub use table::table;
pub use words::findings;

use super::columns::write;
use super::plot;
use crate::error::Result;
use crate::study::outcomes::Outcomes;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Every file that `hullscope errors` may write into a folder.
pub fn written(folder: &Path) -> Vec<PathBuf> {
    let tables = ["outcomes", "outcome_pairs", "outcome_deciles"];
    let tables = tables.map(|name| format!("{name}.parquet"));
    let figures = ["outcomes_heat", "outcomes_deciles", "outcomes_roc"];
    let figures = figures.map(|name| ["png", "svg"].map(|ending| format!("{name}.{ending}")));
    let names = tables.into_iter().chain(figures.into_iter().flatten());
    let names = names.chain(["outcomes.html".to_string()]);
    names.map(|name| folder.join(name)).collect()
}

/// The figures that the outcome has, with the names of their files without extension.
pub fn figures(outcomes: &Outcomes) -> Vec<(&'static str, plot::Figure)> {
    let all = [
        ("outcomes_heat", heat_figure(outcomes)),
        ("outcomes_deciles", deciles_figure(outcomes)),
        ("outcomes_roc", roc_figure(outcomes)),
    ];
    all.into_iter()
        .filter_map(|(name, figure)| Some((name, figure?)))
        .collect()
}

/// Writes the tables as Parquet and the figures as PNG and SVG into a folder.
///
/// Errors: files that cannot be written.
pub fn write_all(
    folder: &Path,
    command: &str,
    settings: &Value,
    outcomes: &Outcomes,
) -> Result<()> {
    let path = |name: &str| folder.join(format!("{name}.parquet"));
    let (notions, pairs) = (&outcomes.notions, &outcomes.comparisons);
    write(
        &path("outcomes"),
        command,
        settings,
        &columns::notions(),
        notions,
    )?;
    write(
        &path("outcome_pairs"),
        command,
        settings,
        &columns::pairs(),
        pairs,
    )?;
    let deciles = columns::decile_rows(outcomes);
    write(
        &path("outcome_deciles"),
        command,
        settings,
        &columns::deciles(),
        &deciles,
    )?;
    let mut figures = figures(outcomes).into_iter();
    figures.try_for_each(|(name, figure)| plot::write_both(folder, name, &figure))
}
