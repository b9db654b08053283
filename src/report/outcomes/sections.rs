//! Outcomes as a section, which a terminal and a page share: the findings, the figures, the numbers.

use super::figures;
use super::words::{self, area, areas, shown};
use crate::error::Error;
use crate::report::columns::{TableColumn, columns};
use crate::report::document::{self, Part, Section};
use crate::report::html;
use crate::report::numerals::{grouped_size, number, percent, probability};
use crate::report::text_table::Table;
use crate::store::file;
use crate::study::outcomes::{
    Comparison, Difference, Measured, NotionOutcomes, OutcomeKind, Outcomes, Risk,
};
use std::mem::swap;
use std::path::Path;

/// Words in cells, and what they mean.
const WORDS: [&str; 10] = [
    "class_own: uses the query's label, which a model does not know.",
    "constant: the score is the same for all queries.",
    "infinite score: the score of some query is infinite.",
    "no mixed class: no class has both errors and other queries.",
    "no nearest: no nearest distance is known to compare with.",
    "none sampled: the sample that the notion judged holds no query of one of the two sets.",
    "same order: both scores order the queries in the same way, or in reverse.",
    "same score: the score is a linear function of the nearest distance.",
    "separated: the score separates all errors from the other queries, so that there is no finite estimate.",
    "too few: too few queries for an interval or a test.",
];

/// The text for a terminal.
pub fn text(outcomes: &Outcomes) -> String {
    document::text(&[section(outcomes)])
}

/// Writes a page about these outcomes alone.
///
/// Errors: a file that cannot be written.
pub fn write_page(
    path: &Path,
    command: &str,
    date: &str,
    outcomes: &Outcomes,
) -> Result<(), Error> {
    let made = Section::page("How it was made", html::code(command));
    let Section { title, parts } = section(outcomes);
    let sections = [Section::new("What was found", parts), made];
    let page = document::page(&title, &sections, date);
    file::write_bytes(path, page.as_bytes())
}

/// The answer to the question which notion predicts the outcomes, with figures and numbers.
pub fn section(outcomes: &Outcomes) -> Section {
    let mut parts = vec![
        Part::Text(words::introduction(outcomes)),
        Part::Terms(words::findings(outcomes)),
    ];
    let figures = figures(outcomes).into_iter();
    parts.extend(figures.map(|(_, figure)| {
        let caption = format!("{}. {}.", figure.title, figure.note);
        Part::Figure(figure, caption)
    }));
    let caption = format!("Inside and outside: {}.", words::rate_name(&outcomes.kind));
    let sides = Table::of(caption, &of_sides(&outcomes.kind), &outcomes.notions);
    let scores = of_scores(&outcomes.kind);
    let scores = Table::of("Scores as predictors.", &scores, &outcomes.notions);
    let tables = [sides, scores].map(|table| table.named_by(2).explaining(&WORDS));
    parts.extend(tables.map(Part::Table));
    let tested = outcomes.comparisons.iter();
    let tested = tested.filter(|pair| pair.found.value().is_some());
    let caption = format!(
        "The best score A of each space against the others, by DeLong's paired test; p corrected by Holm for all {} pairs of \
         notions.",
        grouped_size(tested.clone().count())
    );
    let best: Vec<Comparison> = tested.filter_map(|pair| of_best(outcomes, pair)).collect();
    if !best.is_empty() {
        parts.push(Part::Table(pairs(&caption, &best)));
    }
    if !outcomes.comparisons.is_empty() {
        let caption = "Every pair of notions of a space: AUROC of A minus that of B, over the queries with both.";
        parts.push(Part::Folded(pairs(caption, &outcomes.comparisons)));
    }
    let target = words::target(&outcomes.kind);
    Section::new(format!("Which notion predicts {target}?"), parts)
}

/// The columns of the rates inside and outside.
fn of_sides(kind: &OutcomeKind) -> Vec<TableColumn<'_, NotionOutcomes>> {
    let risk = move |found: &Measured<Risk>| shown(found, |found| words::risk(kind, found));
    let ends =
        move |found: &Measured<Risk>| found.value().map(|found| words::interval(kind, found));
    columns! { row: NotionOutcomes;
        "space" = row.space.clone(), "";
        "notion" = words::named(row), "";
        "inside" = risk(&row.inside), "of the queries that the notion calls inside.";
        "95 %" = ends(&row.inside), "";
        "outside" = risk(&row.outside), "of those that it calls outside.";
        "95 %" = ends(&row.outside), "";
        "p" = row.fisher_p.value().map(|p| probability(*p)), "Fisher's exact test of whether both are equal, two-sided.";
    }
}

/// The columns of the scores; those that do not exist for a kind of outcome are empty.
fn of_scores(kind: &OutcomeKind) -> Vec<TableColumn<'_, NotionOutcomes>> {
    let risk = move |value: f64| match kind {
        OutcomeKind::Loss => number(value),
        _ => area(value),
    };
    columns! { row: NotionOutcomes;
        "space" = row.space.clone(), "";
        "notion" = words::named(row), "";
        "Spearman" = shown(&row.spearman, |found| area(found.rho)), "rank correlation of score and loss.";
        "95 %" = row.spearman.value().map(|found| shown(&found.interval95, areas)), "";
        "AUROC" = shown(&row.auroc, |found| area(found.value)),
            "the probability that an error (a query of the second set) has a larger score than another, ties half; 0.5 is \
             chance; with DeLong's interval.";
        "95 %" = row.auroc.value().map(|found| shown(&found.interval95, areas)), "";
        "in class" = shown(&row.within_classes, |found| area(found.auroc)),
            "AUROC over pairs of queries of one class.";
        "AP" = row.precision.value().map(|found| area(found.average)),
            "average precision; that of chance is the share of errors.";
        "FPR95" = row.precision.value().map(|found| percent(found.fpr95)),
            "% of other queries above the threshold that flags 95 % of the errors.";
        "AURC" = row.aurc.value().map(|found| risk(found.aurc)),
            "area under risk against coverage, the least extrapolated accepted first.";
        "E-AURC" = row.aurc.value().map(|found| risk(found.excess)), "its excess over the best possible order.";
        "adds, p" = shown(&row.adds, |found| probability(found.p_value)),
            "logistic regression: does the score add to the nearest distance as a predictor? Likelihood-ratio test.";
    }
}

/// A table of pairs of notions.
fn pairs(caption: &str, pairs: &[Comparison]) -> Table {
    let columns = columns! { pair: Comparison;
        "space" = pair.space.clone(), "";
        "A" = pair.a.clone(), "";
        "B" = pair.b.clone(), "";
        "A - B" = shown(&pair.found, |found| area(found.difference)), "";
        "95 %" = shown(&pair.found, |found| areas(&found.interval95)), "";
        "p" = shown(&pair.found, |found| probability(found.p_value)), "";
        "p, Holm" = shown(&pair.found, |found| probability(found.p_holm)), "";
    };
    let table = Table::of(caption, &columns, pairs);
    table.named_by(3).explaining(&WORDS)
}

/// The pair with the best notion of its space as A; `None` where neither is the best.
fn of_best(outcomes: &Outcomes, pair: &Comparison) -> Option<Comparison> {
    let (best, _) = outcomes.strongest(&pair.space)?;
    let mut pair = pair.clone();
    if pair.b == best.notion {
        swap(&mut pair.a, &mut pair.b);
        pair.found = pair.found.map(Difference::turned);
    }
    (pair.a == best.notion).then_some(pair)
}
