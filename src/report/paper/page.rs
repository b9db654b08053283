//! The experiments as one self-contained page.

use super::tables::for_page;
use super::{Context, Findings, figures, reading, set_up};
use crate::report::html::{self, Page, Part, Picture, Section};

/// Everything as one page: what it says, each experiment with its set-up, figure and numbers.
///
/// Errors: a figure that cannot be drawn.
pub fn page(context: &Context, findings: &Findings) -> Result<String, String> {
    let drawn = figures(context, findings);
    let text = |text: &str| Part::Text(text.into());
    let section = |title: &str, parts: Vec<Part>| Section {
        title: title.into(),
        parts,
    };
    let made = Part::Details {
        summary: "All settings".into(),
        open: false,
        parts: vec![Part::Code(format!("{:#}", context.settings))],
    };
    let date = Part::Terms(vec![("Date".into(), context.date.clone())]);
    let mut sections = vec![section(
        "How it was made",
        vec![Part::Code(context.command.clone()), date, made],
    )];
    let sentences = reading(findings);
    if !sentences.is_empty() {
        let parts = sentences.into_iter().map(Part::Text).collect();
        sections.push(section("What it says", parts));
    }
    for (name, title) in TITLES {
        let tables = for_page(findings, name);
        if tables.is_empty() {
            continue;
        }
        let mut parts = vec![text(set_up(name))];
        for (_, figure) in drawn.iter().filter(|(drawn, _)| drawn == name) {
            parts.push(Part::Figure(html::Figure {
                alt: format!("{}; the numbers are in the tables below", figure.title),
                caption: figure.title.clone(),
                picture: Picture::of(figure)?,
            }));
        }
        for table in tables {
            // What fits a screen is open.
            let open = table.rows.len() <= 16;
            parts.push(Part::Details {
                summary: table.caption.clone(),
                open,
                parts: vec![Part::Table(table)],
            });
        }
        sections.push(section(title, parts));
    }
    if !context.notes.is_empty() {
        sections.push(section("Notes", vec![Part::List(context.notes.clone())]));
    }
    sections.push(section("Sources", vec![sources()]));
    Ok(html::render(&Page {
        title: "Learning in high dimension always amounts to extrapolation: the experiments".into(),
        sections,
        foot: format!("hullscope {}, {}", env!("CARGO_PKG_VERSION"), context.date),
    }))
}

/// Experiments and their headings.
const TITLES: [(&str, &str); 4] = [
    ("fig1", "Samples of a law"),
    ("pixels", "Images by their pixels"),
    ("latents", "Images in latent space"),
    ("fig5", "Vertices of a cube"),
];

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
