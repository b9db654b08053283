//! Outcomes as a section of a page: the findings, the figures, then the numbers.

use super::words::{self, area, areas, shown};
use super::{deciles_figure, heat_figure, roc_figure};
use crate::error::Error;
use crate::report::file;
use crate::report::html::{self, Section, SectionPart, Table};
use crate::report::numerals::{percent, probability};
use crate::study::outcomes::{Comparison, NotionOutcomes, OutcomeKind, Outcomes};
use std::path::Path;

/// The section of a page.
///
/// Errors: a figure that cannot be drawn.
pub fn section(outcomes: &Outcomes) -> Result<Section, String> {
    let mut parts = vec![
        SectionPart::Text(words::introduction(outcomes)),
        SectionPart::Terms(words::findings(outcomes)),
    ];
    let alt = "the numbers are in the tables below";
    for (figure, what) in [
        (
            heat_figure(outcomes),
            "Areas under ROC curves, or rank correlations, by space and notion",
        ),
        (
            deciles_figure(outcomes),
            "Rates by decile of each score, by space",
        ),
        (roc_figure(outcomes), "ROC curves of each score, by space"),
    ] {
        if let Some(figure) = figure {
            let caption = format!("{}. {}.", figure.title, figure.note);
            parts.push(SectionPart::figure(
                &figure,
                format!("{what}; {alt}"),
                caption,
            )?);
        }
    }
    parts.push(SectionPart::Table(numbers(outcomes)));
    if !outcomes.comparisons.is_empty() {
        let summary = "Every pair of notions of a space: DeLong's paired test";
        let table = vec![SectionPart::Table(pairs(outcomes))];
        parts.push(SectionPart::folded(summary, table));
    }
    let meaning = vec![SectionPart::terms(&MEANING)];
    parts.push(SectionPart::folded("What the numbers mean", meaning));
    let title = match &outcomes.kind {
        OutcomeKind::Errors => "Which notion predicts errors?".into(),
        OutcomeKind::Loss => "Which notion predicts losses?".into(),
        OutcomeKind::Sets([first, second]) => format!("Which notion tells {second} from {first}?"),
    };
    Ok(Section { title, parts })
}

/// Writes a page that holds this section alone.
///
/// Errors: a figure that cannot be drawn, a file that cannot be written.
pub fn write_page(
    path: &Path,
    command: &str,
    date: &str,
    outcomes: &Outcomes,
) -> Result<(), Error> {
    let page = section(outcomes).map(|Section { title, parts }| {
        let found = Section::new("What was found", parts);
        let how = Section::new("How it was made", vec![SectionPart::Code(command.into())]);
        html::page(title, vec![found, how], date)
    });
    file::write_drawn(path, page)
}

const MEANING: [(&str, &str); 9] = [
    (
        "Inside, outside",
        "Error rate (or mean loss) of the queries that the notion calls inside, and outside.",
    ),
    (
        "p",
        "Fisher's exact test, two-sided, of whether the two error rates are equal.",
    ),
    (
        "AUROC",
        "The probability that an error has a larger score than another query, ties half: 0.5 is chance. With DeLong's 95 % \
         interval.",
    ),
    (
        "In class",
        "The same over pairs of queries of one class, each with equal weight: how the score predicts errors apart from some \
         classes being harder.",
    ),
    (
        "AP",
        "Average precision; that of chance is the share of errors.",
    ),
    (
        "FPR95",
        "The share of other queries above the threshold that flags 95 % of the errors, in percent.",
    ),
    (
        "E-AURC",
        "Excess area under the curve of risk against coverage, over that of the best possible order of refusing queries.",
    ),
    (
        "Adds, p",
        "Logistic regression: does the score add to the nearest distance as a predictor of errors? Likelihood-ratio test; \
         \"separated\" where the scores separate all errors from the other queries.",
    ),
    ("Spearman", "Rank correlation of score and loss."),
];

fn numbers(outcomes: &Outcomes) -> Table {
    let kind = &outcomes.kind;
    let loss = *kind == OutcomeKind::Loss;
    let row = |notion: &NotionOutcomes| {
        let side = |found| {
            shown(found, |found| {
                format!(
                    "{} ({})",
                    words::risk(kind, found),
                    words::interval(kind, found)
                )
            })
        };
        let mut row = vec![
            notion.space.clone(),
            words::named(notion),
            side(&notion.inside),
            side(&notion.outside),
        ];
        if loss {
            row.extend([
                shown(&notion.spearman, |found| area(found.rho)),
                shown(&notion.spearman, |found| shown(&found.interval95, areas)),
            ]);
        } else {
            row.extend([
                shown(&notion.fisher_p, |p| probability(*p)),
                shown(&notion.auroc, |found| area(found.value)),
                shown(&notion.auroc, |found| shown(&found.interval95, areas)),
                shown(&notion.within_classes, |found| area(found.auroc)),
                shown(&notion.precision, |found| area(found.average)),
                shown(&notion.precision, |found| percent(found.fpr95)),
            ]);
        }
        row.push(shown(&notion.aurc, |found| area(found.excess)));
        if !loss {
            row.push(shown(&notion.adds, |found| probability(found.p_value)));
        }
        row
    };
    let head: &[&str] = match loss {
        true => &[
            "Space", "Notion", "Inside", "Outside", "Spearman", "95 %", "E-AURC",
        ],
        false => &[
            "Space", "Notion", "Inside", "Outside", "p", "AUROC", "95 %", "In class", "AP",
            "FPR95", "E-AURC", "Adds, p",
        ],
    };
    let rate = words::rate_name(kind);
    let caption = format!("By space and notion; inside and outside: {rate} with 95 % intervals.");
    let rows = outcomes.notions.iter().map(row);
    Table::new(caption, head.iter().copied(), rows.collect(), 2)
}

fn pairs(outcomes: &Outcomes) -> Table {
    let row = |pair: &Comparison| {
        vec![
            pair.space.clone(),
            pair.a.clone(),
            pair.b.clone(),
            shown(&pair.found, |found| area(found.difference)),
            shown(&pair.found, |found| areas(&found.interval95)),
            shown(&pair.found, |found| probability(found.p_value)),
            shown(&pair.found, |found| probability(found.p_holm)),
        ]
    };
    Table::new(
        "AUROC of A minus that of B, over the queries with both scores; the last column is corrected by Holm for all pairs.",
        ["Space", "A", "B", "A − B", "95 %", "p", "p, Holm"],
        outcomes.comparisons.iter().map(row).collect(),
        3,
    )
}
