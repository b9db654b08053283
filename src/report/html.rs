//! A self-contained HTML page: text, tables, figures, and a short script that sorts tables. It loads nothing, and without
//! scripts only the sorting is missing.
//!
//! [`Section`]s are plain data, so that every report looks the same: readable on a phone (wide tables scroll, figures shrink),
//! printable (folded parts are unfolded), and accessible (headings, captions and alternative texts for screen readers).

use super::plot::{self, canvas::SCALE};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;

/// The factors by which a figure may shrink on a narrow screen before it scrolls, and grow on a wide one.
const LEAST: f64 = 0.75;
const MOST: f64 = 1.3;

/// A heading, and what is below it.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    pub title: String,
    pub parts: Vec<SectionPart>,
}

impl Section {
    pub fn new(title: impl Into<String>, parts: Vec<SectionPart>) -> Self {
        Section {
            title: title.into(),
            parts,
        }
    }
}

/// A part of a section.
#[derive(Debug, Clone, PartialEq)]
pub enum SectionPart {
    /// A paragraph.
    Text(String),
    /// Preformatted text: a command, or JSON.
    Code(String),
    List(Vec<String>),
    /// Terms and their definitions.
    Terms(Vec<(String, String)>),
    /// The text of each link, and its address.
    Links(Vec<(String, String)>),
    Table(Table),
    Figure(PageFigure),
    /// Parts below a summary line, folded or open.
    Details {
        summary: String,
        open: bool,
        parts: Vec<SectionPart>,
    },
}

impl SectionPart {
    /// A paragraph.
    pub fn text(text: impl Into<String>) -> Self {
        SectionPart::Text(text.into())
    }

    /// Parts below a summary line, folded.
    pub fn folded(summary: impl Into<String>, parts: Vec<SectionPart>) -> Self {
        SectionPart::Details {
            summary: summary.into(),
            open: false,
            parts,
        }
    }

    /// Terms and their definitions.
    pub fn terms(terms: &[(&str, &str)]) -> Self {
        SectionPart::Terms(owned(terms))
    }

    /// The text of each link, and its address.
    pub fn links(links: &[(&str, &str)]) -> Self {
        SectionPart::Links(owned(links))
    }

    /// The papers that the reports rest on.
    pub fn sources() -> Self {
        SectionPart::links(&[
            (
                "Balestriero, Pesenti and LeCun: Learning in High Dimension Always Amounts to Extrapolation, 2021",
                "https://arxiv.org/abs/2110.09485",
            ),
            (
                "Kabluchko and Zaporozhets: Absorption probabilities for Gaussian polytopes and regular spherical simplices, \
                 2020",
                "https://arxiv.org/abs/1704.04968",
            ),
        ])
    }

    /// Settings as JSON, folded.
    pub fn settings(settings: &Value) -> Self {
        SectionPart::folded(
            "All settings",
            vec![SectionPart::Code(format!("{settings:#}"))],
        )
    }

    /// A figure. Errors: it cannot be drawn.
    pub fn figure(
        figure: &plot::Figure,
        alt: String,
        caption: impl Into<String>,
    ) -> Result<Self, String> {
        let [wide, narrow] = [false, true].map(|narrow| plot::for_page(figure, narrow));
        let wide = wide?;
        let narrow = Some(narrow?).filter(|narrow| *narrow != wide);
        Ok(SectionPart::Figure(PageFigure {
            alt,
            caption: caption.into(),
            picture: Picture::Svg { wide, narrow },
        }))
    }
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = pairs.iter();
    pairs
        .map(|&(one, other)| (one.into(), other.into()))
        .collect()
}

/// A table. The first column names the rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub caption: String,
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// The number of leading columns with names, aligned left; the others hold numbers.
    pub names: usize,
}

/// A picture with its alternative text.
#[derive(Debug, Clone, PartialEq)]
pub struct PageFigure {
    pub alt: String,
    pub caption: String,
    pub picture: Picture,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Picture {
    /// The text of an SVG file, and of another one for narrow screens if that differs.
    Svg {
        wide: String,
        narrow: Option<String>,
    },
    /// The bytes of a PNG file of twice the size at which it is shown. On a narrow screen it scrolls.
    Png(Vec<u8>),
}

impl Table {
    /// A table whose first `names` columns hold names.
    pub fn new(
        caption: impl Into<String>,
        head: impl IntoIterator<Item = impl Into<String>>,
        rows: Vec<Vec<String>>,
        names: usize,
    ) -> Self {
        Table {
            caption: caption.into(),
            head: head.into_iter().map(Into::into).collect(),
            rows,
            names,
        }
    }
}

/// A page as HTML, with the program's version and the date at its foot.
pub fn page(title: impl Into<String>, sections: Vec<Section>, date: &str) -> String {
    let title: String = title.into();
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(include_str!("html.css"))) }
            }
            body {
                main {
                    h1 { (title) }
                    @for section in &sections {
                        section {
                            h2 { (section.title) }
                            @for part in &section.parts { (shown(part)) }
                        }
                    }
                    footer { "hullscope " (env!("CARGO_PKG_VERSION")) ", " (date) }
                }
                script { (PreEscaped(include_str!("html.js"))) }
            }
        }
    };
    markup.into_string()
}

fn shown(part: &SectionPart) -> Markup {
    html! {
        @match part {
            SectionPart::Text(text) => p { (text) },
            SectionPart::Code(text) => pre { code { (text) } },
            SectionPart::List(items) => ul { @for item in items { li { (item) } } },
            SectionPart::Terms(terms) => dl {
                @for (term, meaning) in terms {
                    dt { (term) }
                    dd { (meaning) }
                }
            },
            SectionPart::Links(links) => ul {
                @for (text, to) in links { li { (text) ": " a href=(to) { (to) } } }
            },
            SectionPart::Table(table) => (tabulated(table)),
            SectionPart::Figure(figure) => (drawn(figure)),
            SectionPart::Details { summary, open, parts } => details open[*open] {
                summary { (summary) }
                @for part in parts { (shown(part)) }
            },
        }
    }
}

fn tabulated(table: &Table) -> Markup {
    let class = |column: usize| (column < table.names).then_some("name");
    html! {
        // With tabindex the box can be scrolled from the keyboard.
        div.scroll role="region" aria-label=(table.caption) tabindex="0" {
            table {
                caption { span { (table.caption) } }
                thead {
                    tr {
                        @for (column, name) in table.head.iter().enumerate() {
                            th scope="col" class=[class(column)] { (breakable(name)) }
                        }
                    }
                }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for (column, cell) in row.iter().enumerate() {
                                @match (column, class(column)) {
                                    (0, class) => th scope="row" class=[class] { (breakable(cell)) },
                                    (_, Some(class)) => td class=(class) { (breakable(cell)) },
                                    (_, None) => td { (cell) },
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A name that may be broken across lines after punctuation marks.
fn breakable(name: &str) -> Markup {
    html! {
        @for (place, part) in name.split_inclusive(['|', '@', ',', '/']).enumerate() {
            @if place > 0 { wbr; }
            (part)
        }
    }
}

fn drawn(figure: &PageFigure) -> Markup {
    let caption = html! {
        @if !figure.caption.is_empty() { figcaption { (figure.caption) } }
    };
    match &figure.picture {
        Picture::Svg { wide, narrow } => html! {
            figure {
                @for (svg, class) in [(Some(wide), narrow.as_ref().map(|_| "wide")), (narrow.as_ref(), Some("narrow"))] {
                    @if let Some(svg) = svg {
                        div class=[class] {
                            div.scroll role="region" aria-label=(figure.alt) tabindex="0" {
                                (PreEscaped(embedded(svg, &figure.alt)))
                            }
                        }
                    }
                }
                (caption)
            }
        },
        Picture::Png(bytes) => {
            let source = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(bytes));
            let (width, height) = extent(bytes);
            html! {
                figure.sheet {
                    div.scroll role="region" aria-label=(figure.alt) tabindex="0" {
                        img src=(source) alt=(figure.alt) width=[width] height=[height];
                    }
                    (caption)
                }
            }
        }
    }
}

/// An SVG file as an element of a page, with an alternative text.
fn embedded(svg: &str, alt: &str) -> String {
    let alt = html! { (alt) }.into_string().replace('"', "&quot;");
    let size = width_of(svg).map_or(String::new(), |width| {
        let (least, most) = (LEAST * width, MOST * width);
        format!(" style=\"min-width:{least:.0}px;max-width:min(100%,{most:.0}px)\"")
    });
    svg.replacen(
        "<svg ",
        &format!("<svg role=\"img\" aria-label=\"{alt}\"{size} "),
        1,
    )
}

/// The width that an SVG file states.
fn width_of(svg: &str) -> Option<f64> {
    let (_, rest) = svg.split_once(" width=\"")?;
    rest.split_once('"')?.0.parse().ok()
}

/// Width and height at which a PNG file is shown, from its header: half its pixels.
fn extent(png: &[u8]) -> (Option<u32>, Option<u32>) {
    let number = |at: usize| {
        let bytes = png.get(at..at + 4)?;
        let pixels = bytes
            .iter()
            .fold(0, |all: u32, byte| (all << 8) | u32::from(*byte));
        Some((f64::from(pixels) / SCALE) as u32)
    };
    (number(16), number(20))
}
