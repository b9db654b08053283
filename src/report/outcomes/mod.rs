//! How well notions predict errors, losses or a query's set: as tables for a terminal, as Parquet, as figures, as a section
//! of a page. All of them show the same [`Outcomes`].

mod columns;
mod figures;
mod sections;
mod words;

pub use columns::help;
pub use figures::{deciles_figure, roc_figure, scores_figure};
pub use sections::{section, text, write_page};
pub use words::findings;

use super::columns::write;
use super::plot;
use crate::error::Result;
use crate::study::outcomes::Outcomes;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The names of the tables and of the figures, without endings.
const TABLES: [&str; 3] = ["outcomes", "outcome_pairs", "outcome_deciles"];
const FIGURES: [&str; 3] = ["outcomes_scores", "outcomes_deciles", "outcomes_roc"];

/// Every file that `hullscope errors` may write into a folder.
pub fn written(folder: &Path) -> Vec<PathBuf> {
    let tables = TABLES.iter().map(|name| (name, "parquet"));
    let figures = ["png", "svg"].map(|ending| FIGURES.iter().map(move |name| (name, ending)));
    let all = tables.chain(figures.into_iter().flatten());
    all.chain([(&"outcomes", "html")])
        .map(|(name, ending)| folder.join(format!("{name}.{ending}")))
        .collect()
}

/// The figures that the outcome has, with the names of their files without extension.
pub fn figures(outcomes: &Outcomes) -> Vec<(&'static str, plot::Figure)> {
    let draw = [scores_figure, deciles_figure, roc_figure];
    let each = FIGURES.into_iter().zip(draw);
    each.filter_map(|(name, draw)| Some((name, draw(outcomes)?)))
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
    let [notions, pairs, deciles] = TABLES.map(|name| folder.join(format!("{name}.parquet")));
    let rows = &outcomes.notions;
    write(&notions, command, settings, &columns::notions(), rows)?;
    let rows = &outcomes.comparisons;
    write(&pairs, command, settings, &columns::pairs(), rows)?;
    let rows = columns::all_deciles(outcomes);
    write(&deciles, command, settings, &columns::deciles(), &rows)?;
    let mut figures = figures(outcomes).into_iter();
    figures.try_for_each(|(name, figure)| plot::write_both(folder, name, &figure))
}
