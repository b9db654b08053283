//! A self-contained HTML page: text, tables, figures, and a short script that sorts tables. It loads nothing, and without
//! scripts only the sorting is missing.
//!
//! Every report is made of these parts, so that all look the same: readable on a phone (wide tables scroll, figures shrink),
//! printable (folded parts are unfolded), and accessible (headings, captions and alternative texts for screen readers).

use super::plot::{self, Figure};
use super::sheet::WIDTH;
pub use super::text_table::Table;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;

/// The factors by which a figure may shrink on a narrow screen before it scrolls, and grow on a wide one.
const LEAST: f64 = 0.75;
const MOST: f64 = 1.3;

/// A page as HTML, with the program's version and the date at its foot.
pub fn page(title: &str, sections: &Markup, date: &str) -> String {
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
                    (sections)
                    footer { "hullscope " (env!("CARGO_PKG_VERSION")) ", " (date) }
                }
                script { (PreEscaped(include_str!("html.js"))) }
            }
        }
    };
    markup.into_string()
}

/// A heading, and what is below it.
pub fn section(title: &str, below: &Markup) -> Markup {
    html! { section { h2 { (title) } (below) } }
}

/// Preformatted text: a command, or JSON.
pub fn code(text: &str) -> Markup {
    html! { pre { code { (text) } } }
}

pub fn list(items: &[String]) -> Markup {
    html! { ul { @for item in items { li { (item) } } } }
}

/// Terms and their definitions.
pub fn terms<T: AsRef<str>>(terms: impl IntoIterator<Item = (T, T)>) -> Markup {
    html! {
        dl {
            @for (term, meaning) in terms {
                dt { (term.as_ref()) }
                dd { (meaning.as_ref()) }
            }
        }
    }
}

/// What is below a summary line, folded or open.
pub fn details(summary: &str, open: bool, below: &Markup) -> Markup {
    html! { details open[open] { summary { (summary) } (below) } }
}

/// Settings as JSON, folded.
pub fn settings(settings: &Value) -> Markup {
    details("All settings", false, &code(&format!("{settings:#}")))
}

/// The papers that the reports rest on.
pub fn sources() -> Markup {
    const PAPERS: [(&str, &str); 2] = [
        (
            "Balestriero, Pesenti and LeCun: Learning in High Dimension Always Amounts to Extrapolation, 2021",
            "https://arxiv.org/abs/2110.09485",
        ),
        (
            "Kabluchko and Zaporozhets: Absorption probabilities for Gaussian polytopes and regular spherical simplices, 2020",
            "https://arxiv.org/abs/1704.04968",
        ),
    ];
    html! { ul { @for (text, to) in PAPERS { li { (text) ": " a href=(to) { (to) } } } } }
}

/// A table in blocks that fit, whose heads are sorted by when clicked.
pub fn table(table: &Table) -> Markup {
    html! { @for block in table.blocks() { (self::block(&block)) } }
}

fn block(table: &Table) -> Markup {
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
                                    (_, None) if cell == "-" => td { "–" },
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

/// A figure as SVG, and as another one for narrow screens.
pub fn figure(figure: &Figure, alt: &str, caption: &str) -> Markup {
    let drawing = |narrow| plot::drawing(figure, narrow);
    let drawings = [("wide", drawing(false)), ("narrow", drawing(true))];
    // It shrinks and grows with the screen.
    let limits = |width: f64| {
        let (least, most) = (LEAST * width, MOST * width);
        format!("min-width:{least:.0}px;max-width:min(100%,{most:.0}px)")
    };
    html! {
        figure {
            @for (class, drawing) in drawings {
                div class=(class) {
                    div.scroll role="region" aria-label=(alt) tabindex="0" {
                        div style=(limits(drawing.width)) { (drawing.svg(alt)) }
                    }
                }
            }
            @if !caption.is_empty() { figcaption { (caption) } }
        }
    }
}

/// A contact sheet, a PNG file of more pixels than its width on the page. On a narrow screen it scrolls.
pub fn sheet(png: &[u8], alt: &str) -> Markup {
    let source = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png));
    html! {
        figure.sheet {
            div.scroll role="region" aria-label=(alt) tabindex="0" {
                img src=(source) alt=(alt) width=(WIDTH);
            }
        }
    }
}
