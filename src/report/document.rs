//! What a command says, as sections: a terminal shows their texts and tables, a page also figures and pictures.

use super::html;
use super::numerals::unbroken;
use super::plot::Figure;
use super::text_table::{Table, lines, paragraph};
use maud::{Markup, html};

/// A part of a section.
#[derive(Debug)]
pub enum Part {
    /// A paragraph.
    Text(String),
    /// Names, each with what is said about it.
    Terms(Vec<(String, String)>),
    /// Lines that are not wrapped, because paths in them may be copied.
    Lines(Vec<String>),
    Table(Table),
    /// A table that only a page has, folded under its caption.
    Folded(Table),
    /// A figure on a page, with its caption.
    Figure(Figure, String),
    /// Anything else that only a page shows.
    Page(Markup),
}

/// A heading, and what is below it.
#[derive(Debug)]
pub struct Section {
    pub title: String,
    pub parts: Vec<Part>,
}

impl Section {
    pub fn new(title: impl Into<String>, parts: impl IntoIterator<Item = Part>) -> Self {
        let (title, parts) = (title.into(), parts.into_iter().collect());
        Section { title, parts }
    }

    /// A section that only a page has.
    pub fn page(title: &str, below: Markup) -> Self {
        Section::new(title, [Part::Page(below)])
    }
}

/// The sections for a terminal.
pub fn text(sections: &[Section]) -> String {
    let texts = sections.iter().filter_map(|section| {
        let parts: Vec<String> = section.parts.iter().filter_map(part_text).collect();
        (!parts.is_empty()).then(|| format!("{}\n\n{}", section.title, parts.join("\n")))
    });
    texts.collect::<Vec<_>>().join("\n")
}

fn part_text(part: &Part) -> Option<String> {
    match part {
        Part::Text(text) => Some(paragraph(text)),
        Part::Terms(terms) => Some(lines(terms.iter().cloned())),
        Part::Lines(lines) => Some(lines.join("\n") + "\n"),
        Part::Table(table) => {
            let key = lines(table.key.iter().cloned());
            let texts = [paragraph(&table.caption), table.text(), key];
            let known = texts.into_iter().filter(|text| text != "\n");
            Some(known.collect::<Vec<_>>().join("\n"))
        }
        Part::Folded(_) | Part::Figure(..) | Part::Page(_) => None,
    }
}

/// The sections as a page.
pub fn page(title: &str, sections: &[Section], date: &str) -> String {
    let mut all = Markup::default();
    for section in sections {
        let below = html! { @for part in &section.parts { (part_markup(part)) } };
        all.0 += &html::section(&section.title, &below).0;
    }
    html::page(title, &all, date)
}

/// Names with their meanings, whose numbers keep their units.
fn meanings(all: &[(String, String)]) -> Markup {
    let each = all.iter();
    html::terms(each.map(|(name, meaning)| (name.clone(), unbroken(meaning))))
}

fn part_markup(part: &Part) -> Markup {
    match part {
        Part::Text(text) => html! { p { (unbroken(text)) } },
        Part::Terms(terms) => meanings(terms),
        Part::Lines(lines) => html::list(lines),
        Part::Table(table) => html! {
            (html::table(table))
            @if !table.key.is_empty() {
                (html::details("What the names mean", false, &meanings(&table.key)))
            }
        },
        Part::Folded(table) => html::details(&table.caption, false, &html::table(table)),
        Part::Figure(figure, caption) => {
            let alt = format!("{}; the numbers are in the tables below", figure.title);
            let untitled = Figure {
                title: String::new(),
                ..figure.clone()
            };
            html::figure(&untitled, &alt, caption)
        }
        Part::Page(markup) => markup.clone(),
    }
}
