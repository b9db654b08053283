//! Outcomes as text for a terminal.

use super::words::{self, area, areas, shown};
use crate::report::numerals::{number, percent, probability};
use crate::report::text_table;
use crate::study::outcomes::{Measured, Missing, NotionOutcomes, OutcomeKind, Outcomes};

/// The table of all notions, one line per space and notion; then the comparisons of notions within a space.
pub fn table(outcomes: &Outcomes) -> String {
    let mut text = words::introduction(outcomes) + "\n\n";
    text += &match outcomes.kind {
        OutcomeKind::Loss => losses(outcomes),
        _ => errors(outcomes),
    };
    text + &pairs(outcomes)
}

/// Each notion with the name of its space, which is empty except on the space's first line.
fn names(outcomes: &Outcomes) -> impl Iterator<Item = (String, &NotionOutcomes)> {
    let mut last = "";
    outcomes.notions.iter().map(move |notion| {
        let new = notion.space != last;
        last = &notion.space;
        let name = if new {
            notion.space.clone()
        } else {
            String::new()
        };
        (name, notion)
    })
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

fn errors(outcomes: &Outcomes) -> String {
    let kind = &outcomes.kind;
    let mut table = text_table::table();
    let mut head = vec![
        "space", "notion", "inside", "outside", "p", "AUROC", "95 %", "in class", "AP", "FPR95",
    ];
    let sets = matches!(kind, OutcomeKind::Sets(_));
    if !sets {
        head.push("E-AURC");
    }
    head.push("adds, p");
    table.add_row(head);
    for (space, notion) in names(outcomes) {
        let side = |found| shown(found, |found| words::risk(kind, found));
        let known = notion.auroc.missing();
        let mut row = vec![
            space,
            words::named(notion),
            side(&notion.inside),
            side(&notion.outside),
            or_dash(&notion.fisher_p, |p| probability(*p)),
            shown(&notion.auroc, |found| area(found.value)),
            or_dash(&notion.auroc, |found| shown(&found.interval95, areas)),
            said(&notion.within_classes, known, |found| area(found.auroc)),
            or_dash(&notion.precision, |found| area(found.average)),
            or_dash(&notion.precision, |found| percent(found.fpr95)),
        ];
        if !sets {
            row.push(or_dash(&notion.aurc, |found| area(found.excess)));
        }
        row.push(said(&notion.adds, known, |found| {
            probability(found.p_value)
        }));
        table.add_row(row);
    }
    let own = |notion: &NotionOutcomes| !notion.is_fair(kind);
    let flagged = match kind {
        OutcomeKind::Sets([_, second]) => second,
        _ => "the errors",
    };
    format!(
        "{}
inside, outside: {}; p: Fisher's exact test. AUROC: of the score, ties half, with DeLong's interval;
in class: over pairs of one class. AP: average precision. FPR95: % of others flagged with 95 % of {flagged}.
{}adds: does the score add to the nearest distance as a predictor?
{}",
        text_table::text(table),
        words::rate_name(kind),
        if sets { "" } else { "E-AURC: excess risk over coverage. " },
        match outcomes.notions.iter().any(own) {
            true => "class_own uses the query's label, which a model does not know.\n",
            false => "",
        }
    )
}

fn losses(outcomes: &Outcomes) -> String {
    let head = [
        "space", "notion", "inside", "outside", "Spearman", "95 %", "AURC", "E-AURC",
    ];
    let rows = names(outcomes).map(|(space, notion)| {
        let side = |found| shown(found, |found| words::risk(&outcomes.kind, found));
        [
            space,
            words::named(notion),
            side(&notion.inside),
            side(&notion.outside),
            shown(&notion.spearman, |found| area(found.rho)),
            shown(&notion.spearman, |found| shown(&found.interval95, areas)),
            shown(&notion.aurc, |found| number(found.aurc)),
            shown(&notion.aurc, |found| number(found.excess)),
        ]
    });
    format!(
        "{}
inside, outside: mean loss. Spearman: rank correlation of score and loss. AURC: mean loss over coverage, the least
extrapolated accepted first; E-AURC: its excess over the best possible order.
",
        text_table::text(text_table::rows(head, rows))
    )
}

/// The best notion of each space against the others.
fn pairs(outcomes: &Outcomes) -> String {
    let tested = outcomes.comparisons.iter();
    let tested = tested.filter_map(|pair| Some((pair, pair.found.value()?)));
    let spaces = words::spaces(outcomes).into_iter();
    let best = spaces.filter_map(|space| Some(outcomes.strongest(space)?.0));
    let rows = best.flat_map(|best| {
        let tested = tested.clone().filter(|(pair, _)| pair.space == best.space);
        tested.filter_map(|(pair, found)| {
            let [low, high] = found.interval95;
            let (other, difference, ends) = if pair.a == best.notion {
                (&pair.b, found.difference, [low, high])
            } else if pair.b == best.notion {
                (&pair.a, -found.difference, [-high, -low])
            } else {
                return None;
            };
            Some([
                best.space.clone(),
                best.notion.clone(),
                other.clone(),
                area(difference),
                areas(&ends),
                probability(found.p_value),
                probability(found.p_holm),
            ])
        })
    });
    let rows: Vec<[String; 7]> = rows.collect();
    if rows.is_empty() {
        return String::new();
    }
    let head = ["space", "A", "B", "A - B", "95 %", "p", "p, Holm"];
    format!(
        "\nthe best score of each space against the others: difference of AUROC, DeLong's paired test; Holm: p corrected\nfor \
         all {} pairs of notions\n{}",
        tested.count(),
        text_table::text(text_table::rows(head, rows))
    )
}
