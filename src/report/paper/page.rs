//! The experiments as one self-contained page.

use super::tables::tables;
use super::{Collection, Experiment, figures, reading, set_up};
use crate::report::html;
use crate::report::plot::Figure;
use maud::{Markup, html};

/// The number of notes that are open; more are folded.
const NOTES: usize = 8;

/// The number of rows of a table that fit a screen; longer tables are folded.
const ROWS: usize = 16;

/// All experiments as one page: the findings, each experiment with its set-up, figure and numbers, and how it was made.
///
/// Errors: a figure that cannot be drawn.
pub fn page(collection: &Collection) -> Result<String, String> {
    let drawn = figures(collection);
    let said = reading(&collection.findings());
    let sections = html! {
        @if !said.is_empty() {
            (html::section("What it says", &html! { @for sentence in &said { p { (sentence) } } }))
        }
        @for experiment in &collection.experiments {
            @let figure = drawn.iter().find(|(name, _)| *name == experiment.name);
            (html::section(title(&experiment.name), &shown(experiment, figure.map(|(_, figure)| figure))?))
        }
        @if !collection.notes.is_empty() {
            (html::section("Notes", &html::list(&collection.notes)))
        }
        (html::sources())
    };
    let title = "Learning in high dimension always amounts to extrapolation: the experiments";
    Ok(html::page(title, &sections, &collection.date))
}

/// One experiment: its set-up, its figure, its numbers, its notes, and how it was made.
fn shown(experiment: &Experiment, figure: Option<&Figure>) -> Result<Markup, String> {
    let notes = &experiment.notes;
    Ok(html! {
        p { (set_up(experiment)) }
        @if let Some(figure) = figure {
            @let alt = format!("{}; the numbers are in the tables below", figure.title);
            (html::figure(figure, &alt, &figure.title)?)
        }
        @for table in &tables(&experiment.findings, &experiment.name) {
            (html::details(&table.caption, table.rows.len() <= ROWS, &html::table(table)))
        }
        @if !notes.is_empty() {
            (html::details(&format!("Notes ({})", notes.len()), notes.len() <= NOTES, &html::list(notes)))
        }
        (html::code(&experiment.command))
        (html::terms([("Date", experiment.date.as_str())]))
        (html::settings(&experiment.settings))
    })
}

/// The heading of an experiment.
fn title(experiment: &str) -> &'static str {
    match experiment {
        "fig1" => "Samples of a law",
        "pixels" => "Images by their pixels",
        "latents" => "Images in latent space",
        _ => "Vertices of a cube",
    }
}
