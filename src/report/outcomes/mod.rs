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
pub use page::{section, write_page};
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

/// Write the tables as Parquet and the figures as PNG and SVG into a folder.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::outcomes::{Outcome, Scores, measure};

    /// Outcomes of two spaces with three notions: one predicts errors, one does not, one is constant.
    pub(super) fn outcomes(loss: bool) -> Outcomes {
        let of = |space: &str, notion: &str, score: fn(usize) -> f64| {
            let score: Vec<f64> = (0..200).map(score).collect();
            Scores {
                space: space.into(),
                notion: notion.into(),
                outside: score.iter().map(|score| Some(*score > 120.0)).collect(),
                score,
                sample: None,
            }
        };
        let notions = |space: &str| {
            [
                of(space, "hull", |query| ((query * 37) % 200) as f64),
                of(space, "nearest", |query| query as f64),
                of(space, "range", |_| 1.0),
            ]
        };
        let scores: Vec<Scores> = ["pixels", "pca:<8>"]
            .iter()
            .flat_map(|space| notions(space))
            .collect();
        let wrong =
            |query: usize| query.is_multiple_of(3) && query > 60 || query.is_multiple_of(20);
        let outcome = match loss {
            true => Outcome::Loss((0..200).map(|query| (query * query % 91) as f64).collect()),
            false => Outcome::Wrong((0..200).map(|query| Some(wrong(query))).collect()),
        };
        let classes: Vec<Option<u32>> = (0..200).map(|query| Some(query % 2)).collect();
        measure(&scores, &outcome, Some(&classes), "nearest").unwrap()
    }

    #[test]
    fn all_files_are_there() {
        let folder = tempfile::tempdir().unwrap();
        write_all(
            folder.path(),
            "hullscope errors",
            &Value::Null,
            &outcomes(false),
        )
        .unwrap();
        let mut names: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let expected = "outcome_deciles.parquet outcome_pairs.parquet outcomes.parquet outcomes_deciles.png \
                        outcomes_deciles.svg outcomes_heat.png outcomes_heat.svg outcomes_roc.png outcomes_roc.svg";
        assert_eq!(names, expected.split_whitespace().collect::<Vec<_>>());
        // Losses have no ROC curves.
        assert_eq!(figures(&outcomes(true)).len(), 2);
    }
}
