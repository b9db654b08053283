//! Outcomes as tables, for a terminal and for a page: a line per space and notion, and a line per pair of notions.

use super::words::{self, area, areas, shown};
use crate::report::columns::{TableColumn, columns};
use crate::report::numerals::{number, percent, probability};
use crate::report::text_table::Table;
use crate::study::outcomes::{
    Comparison, Difference, Measured, Missing, NotionOutcomes, OutcomeKind, Outcomes, Risk,
};

/// The text for a terminal: all notions; then the comparisons of notions within a space.
pub fn table(outcomes: &Outcomes) -> String {
    let numbers = Table::of("", &columns(outcomes, false), &outcomes.notions);
    format!(
        "{}\n\n{}\n{}{}",
        words::introduction(outcomes),
        numbers.without_repeats().text(),
        key(outcomes),
        best_pairs(outcomes)
    )
}

/// A number, or a dash where another column of the row says why it is missing.
fn or_dash<T>(found: &Measured<T>, write: impl FnOnce(&T) -> String) -> String {
    found.value().map_or("-".into(), write)
}

/// A number, or why it is missing; a dash where that reason is `known` from another column.
fn said<T>(
    found: &Measured<T>,
    known: Option<Missing>,
    write: impl FnOnce(&T) -> String,
) -> String {
    match found.missing() == known {
        true => or_dash(found, write),
        false => shown(found, write),
    }
}

/// The columns of the table of notions, with their meaning; a page has room for more of them.
pub(super) fn columns(outcomes: &Outcomes, page: bool) -> Vec<TableColumn<'_, NotionOutcomes>> {
    let kind = &outcomes.kind;
    let side = move |found: &Measured<Risk>| {
        shown(found, |found| match page {
            true => format!(
                "{} ({})",
                words::risk(kind, found),
                words::interval(kind, found)
            ),
            false => words::risk(kind, found),
        })
    };
    let mut all = columns! { row: NotionOutcomes;
        "space" = row.space.clone(), "The space, as typed.";
        "notion" = words::named(row), "The notion, by its id.";
        "inside" = side(&row.inside), "Error rate (or mean loss) of the queries that the notion calls inside.";
        "outside" = side(&row.outside), "The same of those that it calls outside.";
    };
    match kind {
        OutcomeKind::Loss => all.extend(of_losses()),
        // Of two sets no model's risk is known; a terminal has no room for it.
        OutcomeKind::Sets(_) => all.extend(of_errors(page)),
        OutcomeKind::Errors => all.extend(of_errors(true)),
    }
    all
}

fn of_losses<'o>() -> Vec<TableColumn<'o, NotionOutcomes>> {
    columns! { row: NotionOutcomes;
        "Spearman" = shown(&row.spearman, |found| area(found.rho)), "Rank correlation of score and loss.";
        "95 %" = or_dash(&row.spearman, |found| shown(&found.interval95, areas)), "Its 95 % interval.";
        "AURC" = shown(&row.aurc, |found| number(found.aurc)),
            "Area under the curve of mean loss against coverage, the least extrapolated queries accepted first.";
        "E-AURC" = or_dash(&row.aurc, |found| number(found.excess)),
            "The excess of that area over that of the best possible order.";
    }
}

fn of_errors<'o>(aurc: bool) -> Vec<TableColumn<'o, NotionOutcomes>> {
    let mut all = columns! { row: NotionOutcomes;
        "p" = or_dash(&row.fisher_p, |p| probability(*p)),
            "Fisher's exact test, two-sided, of whether the two error rates are equal.";
        "AUROC" = shown(&row.auroc, |found| area(found.value)),
            "The probability that an error has a larger score than another query, ties half: 0.5 is chance.";
        "95 %" = or_dash(&row.auroc, |found| shown(&found.interval95, areas)), "DeLong's 95 % interval of that area.";
        "in class" = said(&row.within_classes, row.auroc.missing(), |found| area(found.auroc)),
            "The same area over pairs of queries of one class, each with equal weight: how the score predicts errors apart \
             from some classes being harder.";
        "AP" = or_dash(&row.precision, |found| area(found.average)),
            "Average precision; that of chance is the share of errors.";
        "FPR95" = or_dash(&row.precision, |found| percent(found.fpr95)),
            "The share of other queries above the threshold that flags 95 % of the errors, in percent.";
    };
    if aurc {
        all.extend(columns! { row: NotionOutcomes;
            "E-AURC" = or_dash(&row.aurc, |found| area(found.excess)),
                "Excess area under the curve of risk against coverage, over that of the best possible order of refusing \
                 queries.";
        });
    }
    all.extend(columns! { row: NotionOutcomes;
        "adds, p" = said(&row.adds, row.auroc.missing(), |found| probability(found.p_value)),
            "Logistic regression: does the score add to the nearest distance as a predictor of errors? Likelihood-ratio test; \
             \"separated\" where the scores separate all errors from the other queries.";
    });
    all
}

/// What the columns mean, in short.
fn key(outcomes: &Outcomes) -> String {
    let (flagged, aurc) = match &outcomes.kind {
        OutcomeKind::Loss => {
            return "\
inside, outside: mean loss. Spearman: rank correlation of score and loss. AURC: mean loss over coverage, the least
extrapolated accepted first; E-AURC: its excess over the best possible order.
"
            .into();
        }
        OutcomeKind::Sets([_, second]) => (second.as_str(), ""),
        OutcomeKind::Errors => ("the errors", "E-AURC: excess risk over coverage. "),
    };
    let own = |notion: &NotionOutcomes| !notion.is_fair(&outcomes.kind);
    format!(
        "\
inside, outside: {}; p: Fisher's exact test. AUROC: of the score, ties half, with DeLong's interval;
in class: over pairs of one class. AP: average precision. FPR95: % of others flagged with 95 % of {flagged}.
{aurc}adds: does the score add to the nearest distance as a predictor?
{}",
        words::rate_name(&outcomes.kind),
        match outcomes.notions.iter().any(own) {
            true => "class_own uses the query's label, which a model does not know.\n",
            false => "",
        }
    )
}

/// A table of pairs of notions.
pub(super) fn pairs(caption: &str, pairs: &[Comparison]) -> Table {
    let columns = columns! { pair: Comparison;
        "space" = pair.space.clone(), "";
        "A" = pair.a.clone(), "";
        "B" = pair.b.clone(), "";
        "A - B" = shown(&pair.found, |found| area(found.difference)), "";
        "95 %" = shown(&pair.found, |found| areas(&found.interval95)), "";
        "p" = shown(&pair.found, |found| probability(found.p_value)), "";
        "p, Holm" = shown(&pair.found, |found| probability(found.p_holm)), "";
    };
    Table::of(caption, &columns, pairs).named_by(3)
}

/// The best notion of each space against the others.
fn best_pairs(outcomes: &Outcomes) -> String {
    let tested = outcomes.comparisons.iter();
    let tested = tested.filter(|pair| pair.found.value().is_some());
    let spaces = words::spaces(outcomes).into_iter();
    let best = spaces.filter_map(|space| Some(outcomes.strongest(space)?.0));
    let of_best = best.flat_map(|best| {
        let of_space = tested.clone().filter(|pair| pair.space == best.space);
        of_space.filter_map(|pair| match &best.notion {
            best if *best == pair.a => Some(pair.clone()),
            best if *best == pair.b => Some(turned(pair)),
            _ => None,
        })
    });
    let of_best: Vec<Comparison> = of_best.collect();
    if of_best.is_empty() {
        return String::new();
    }
    format!(
        "\nthe best score of each space against the others: difference of AUROC, DeLong's paired test; Holm: p corrected\nfor \
         all {} pairs of notions\n{}",
        tested.count(),
        pairs("", &of_best).text()
    )
}

/// The comparison of B with A.
fn turned(pair: &Comparison) -> Comparison {
    let found = pair.found.map(|found| Difference {
        auroc_a: found.auroc_b,
        auroc_b: found.auroc_a,
        difference: -found.difference,
        interval95: [-found.interval95[1], -found.interval95[0]],
        ..found
    });
    let (space, queries) = (pair.space.clone(), pair.queries);
    let (a, b) = (pair.b.clone(), pair.a.clone());
    Comparison {
        space,
        a,
        b,
        queries,
        found,
    }
}
