//! The experiments as one self-contained page.

use super::tables::tables;
use super::{Collection, Experiment, figures, reading, set_up};
use crate::report::html::{self, Section, SectionPart};
use crate::report::plot::Figure;

/// The number of notes that are open; more are folded.
const NOTES: usize = 8;

/// All experiments as one page: the findings, each experiment with its set-up, figure and numbers, and how it was made.
///
/// Errors: a figure that cannot be drawn.
pub fn page(collection: &Collection) -> Result<String, String> {
    let drawn = figures(collection);
    let mut sections = Vec::new();
    let sentences = reading(&collection.findings());
    if !sentences.is_empty() {
        let parts = sentences.into_iter().map(SectionPart::Text).collect();
        sections.push(Section::new("What it says", parts));
    }
    for experiment in &collection.experiments {
        let figure = drawn.iter().find(|(name, _)| *name == experiment.name);
        let parts = shown(experiment, figure.map(|(_, figure)| figure))?;
        sections.push(Section::new(title(&experiment.name), parts));
    }
    if !collection.notes.is_empty() {
        sections.push(Section::new(
            "Notes",
            vec![SectionPart::List(collection.notes.clone())],
        ));
    }
    sections.push(Section::new("Sources", vec![SectionPart::sources()]));
    let title = "Learning in high dimension always amounts to extrapolation: the experiments";
    Ok(html::page(title, sections, &collection.date))
}

/// One experiment: its set-up, its figure, its numbers, its notes, and how it was made.
fn shown(experiment: &Experiment, figure: Option<&Figure>) -> Result<Vec<SectionPart>, String> {
    let mut parts = vec![SectionPart::Text(set_up(experiment))];
    if let Some(figure) = figure {
        let alt = format!("{}; the numbers are in the tables below", figure.title);
        parts.push(SectionPart::figure(figure, alt, &figure.title)?);
    }
    for table in tables(&experiment.findings, &experiment.name) {
        // A table that fits a screen is open.
        let open = table.rows.len() <= 16;
        parts.push(SectionPart::Details {
            summary: table.caption.clone(),
            open,
            parts: vec![SectionPart::Table(table)],
        });
    }
    if !experiment.notes.is_empty() {
        parts.push(SectionPart::Details {
            summary: format!("Notes ({})", experiment.notes.len()),
            open: experiment.notes.len() <= NOTES,
            parts: vec![SectionPart::List(experiment.notes.clone())],
        });
    }
    parts.extend([
        SectionPart::Code(experiment.command.clone()),
        SectionPart::terms(&[("Date", &experiment.date)]),
        SectionPart::settings(&experiment.settings),
    ]);
    Ok(parts)
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
