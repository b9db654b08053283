//! Outcomes on a page: the findings, the figures, then the numbers.

use super::table::{columns, pairs};
use super::{figures, words};
use crate::error::Error;
use crate::report::html::{self, Table};
use crate::store::file;
use crate::study::outcomes::{OutcomeKind, Outcomes};
use maud::{Markup, html};
use std::path::Path;

/// The question that the outcomes answer.
pub fn title(outcomes: &Outcomes) -> String {
    match &outcomes.kind {
        OutcomeKind::Errors => "Which notion predicts errors?".into(),
        OutcomeKind::Loss => "Which notion predicts losses?".into(),
        OutcomeKind::Sets([first, second]) => format!("Which notion tells {second} from {first}?"),
    }
}

/// The answer, with figures and numbers.
///
/// Errors: a figure that cannot be drawn.
pub fn found(outcomes: &Outcomes) -> Result<Markup, String> {
    let columns = columns(outcomes, true);
    let rate = words::rate_name(&outcomes.kind);
    let caption = format!("By space and notion; inside and outside: {rate} with 95 % intervals.");
    let numbers = Table::of(caption, &columns, &outcomes.notions).named_by(2);
    let pairs = pairs(
        "AUROC of A minus that of B, over the queries with both scores; the last column is corrected by Holm for all pairs.",
        &outcomes.comparisons,
    );
    let meaning = columns.iter().skip(2);
    let meaning = meaning.map(|column| (column.name.as_str(), column.help.as_str()));
    Ok(html! {
        p { (words::introduction(outcomes)) }
        (html::terms(words::findings(outcomes)))
        @for (name, figure) in &figures(outcomes) {
            @let alt = format!("{}; the numbers are in the tables below", shows(name));
            (html::figure(figure, &alt, &format!("{}. {}.", figure.title, figure.note))?)
        }
        (html::table(&numbers.titled()))
        @if !pairs.rows.is_empty() {
            (html::details("Every pair of notions of a space: DeLong's paired test", false, &html::table(&pairs.titled())))
        }
        (html::details("What the numbers mean", false, &html::terms(meaning)))
    })
}

/// What a figure shows, for readers who cannot see it.
fn shows(figure: &str) -> &'static str {
    match figure {
        "outcomes_heat" => "Areas under ROC curves, or rank correlations, by space and notion",
        "outcomes_deciles" => "Rates by decile of each score, by space",
        _ => "ROC curves of each score, by space",
    }
}

/// Writes a page about these outcomes alone.
///
/// Errors: a figure that cannot be drawn, a file that cannot be written.
pub fn write_page(
    path: &Path,
    command: &str,
    date: &str,
    outcomes: &Outcomes,
) -> Result<(), Error> {
    let page = found(outcomes).map(|found| {
        let sections = html! {
            (html::section("What was found", &found))
            (html::section("How it was made", &html::code(command)))
        };
        html::page(&title(outcomes), &sections, date)
    });
    file::write_drawn(path, page)
}
