//! The experiments as one self-contained page.

use super::tables::for_page;
use super::{Collection, Experiment, figures, reading, set_up};
use crate::report::html::{self, Page, Part, Picture, Section};
use crate::report::plot::Figure;

/// The number of notes that are open; more are folded.
const NOTES: usize = 8;

/// All experiments as one page: the findings, each experiment with its set-up, figure and numbers, and how it was made.
///
/// Errors: a figure that cannot be drawn.
pub fn page(collection: &Collection) -> Result<String, String> {
    let drawn = figures(collection);
    let section = |title: &str, parts: Vec<Part>| Section {
        title: title.into(),
        parts,
    };
    let mut sections = Vec::new();
    let sentences = reading(&collection.findings());
    if !sentences.is_empty() {
        let parts = sentences.into_iter().map(Part::Text).collect();
        sections.push(section("What it says", parts));
    }
    for experiment in &collection.experiments {
        let figure = drawn.iter().find(|(name, _)| *name == experiment.name);
        let parts = shown(experiment, figure.map(|(_, figure)| figure))?;
        sections.push(section(title(&experiment.name), parts));
    }
    if !collection.notes.is_empty() {
        sections.push(section("Notes", vec![Part::List(collection.notes.clone())]));
    }
    sections.push(section("Sources", vec![sources()]));
    Ok(html::render(&Page {
        title: "Learning in high dimension always amounts to extrapolation: the experiments".into(),
        sections,
        foot: format!(
            "hullscope {}, {}",
            env!("CARGO_PKG_VERSION"),
            collection.date
        ),
    }))
}

/// One experiment: its set-up, its figure, its numbers, its notes, and how it was made.
fn shown(experiment: &Experiment, figure: Option<&Figure>) -> Result<Vec<Part>, String> {
    let settings = Part::Details {
        summary: "All settings".into(),
        open: false,
        parts: vec![Part::Code(format!("{:#}", experiment.settings))],
    };
    let date = Part::Terms(vec![("Date".into(), experiment.date.clone())]);
    let mut parts = vec![Part::Text(set_up(experiment))];
    if let Some(figure) = figure {
        parts.push(Part::Figure(html::Figure {
            alt: format!("{}; the numbers are in the tables below", figure.title),
            caption: figure.title.clone(),
            picture: Picture::of(figure)?,
        }));
    }
    for table in for_page(&experiment.findings, &experiment.name) {
        // A table that fits a screen is open.
        let open = table.rows.len() <= 16;
        parts.push(Part::Details {
            summary: table.caption.clone(),
            open,
            parts: vec![Part::Table(table)],
        });
    }
    if !experiment.notes.is_empty() {
        parts.push(Part::Details {
            summary: format!("Notes ({})", experiment.notes.len()),
            open: experiment.notes.len() <= NOTES,
            parts: vec![Part::List(experiment.notes.clone())],
        });
    }
    parts.extend([Part::Code(experiment.command.clone()), date, settings]);
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

fn sources() -> Part {
    let links = [
        (
            "Balestriero, Pesenti and LeCun: Learning in High Dimension Always Amounts to Extrapolation, 2021",
            "https://arxiv.org/abs/2110.09485",
        ),
        (
            "Kabluchko and Zaporozhets: Absorption probabilities for Gaussian polytopes and regular spherical simplices, 2020",
            "https://arxiv.org/abs/1704.04968",
        ),
    ];
    Part::Links(links.map(|(text, to)| (text.into(), to.into())).to_vec())
}
