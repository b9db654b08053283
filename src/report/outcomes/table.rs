//! Outcomes as text for a terminal.

use super::words::{self, area, areas, shown};
use crate::report::numerals::{number, percent, probability};
use crate::report::text_table;
use crate::study::outcomes::{Measured, Missing, NotionOutcomes, OutcomeKind, Outcomes};
use comfy_table::Table;

/// What was found, a line a space and notion; then which notions of a space differ.
pub fn table(outcomes: &Outcomes) -> String {
    let mut text = words::asked(outcomes) + "\n\n";
    text += &match outcomes.kind {
        OutcomeKind::Loss => losses(outcomes),
        _ => errors(outcomes),
    };
    text + &pairs(outcomes)
}

/// A space's name, on its first line only.
fn names(outcomes: &Outcomes) -> impl Iterator<Item = (String, &NotionOutcomes)> {
    let mut last = "";
    outcomes.notions.iter().map(move |notion| {
        let new = notion.space != last;
        last = &notion.space;
        (
            if new {
                notion.space.clone()
            } else {
                String::new()
            },
            notion,
        )
    })
}

/// A number whose absence another column of the row explains.
fn or_dash<T>(found: &Measured<T>, write: impl FnOnce(&T) -> String) -> String {
    found.value().map_or("-".into(), write)
}

/// A number, or why there is none where that is not what `known` says already.
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
    text_table::numbers_right(&mut table);
    names_left(&mut table);
    let own = |notion: &NotionOutcomes| !words::fair(kind, &notion.notion);
    let flagged = match kind {
        OutcomeKind::Sets([_, second]) => second,
        _ => "the errors",
    };
    format!(
        "{}\n
inside, outside: {}; p: Fisher's exact test. AUROC: of the score, ties half, with DeLong's interval;
in class: over pairs of one class. AP: average precision. FPR95: % of others flagged with 95 % of {flagged}.
{}adds: does the score add to the nearest distance?
{}",
        table.trim_fmt(),
        words::rate(kind),
        if sets { "" } else { "E-AURC: excess risk over coverage. " },
        match outcomes.notions.iter().any(own) {
            true => "class_own knows the label, which a model does not.\n",
            false => "",
        }
    )
}

fn losses(outcomes: &Outcomes) -> String {
    let mut table = text_table::table();
    table.add_row([
        "space", "notion", "inside", "outside", "Spearman", "95 %", "AURC", "E-AURC",
    ]);
    for (space, notion) in names(outcomes) {
        let side = |found| shown(found, |found| words::risk(&outcomes.kind, found));
        table.add_row([
            space,
            words::named(notion),
            side(&notion.inside),
            side(&notion.outside),
            shown(&notion.spearman, |found| area(found.rho)),
            shown(&notion.spearman, |found| shown(&found.interval95, areas)),
            shown(&notion.aurc, |found| number(found.aurc)),
            shown(&notion.aurc, |found| number(found.excess)),
        ]);
    }
    text_table::numbers_right(&mut table);
    names_left(&mut table);
    format!(
        "{}\n
inside, outside: mean loss. Spearman: rank correlation of score and loss. AURC: mean loss over coverage, the least
extrapolated accepted first; E-AURC: what of it the best order would save.
",
        table.trim_fmt()
    )
}

/// The best notion of each space against the others.
fn pairs(outcomes: &Outcomes) -> String {
    let mut table = text_table::table();
    table.add_row(["space", "A", "B", "A - B", "95 %", "p", "p, Holm"]);
    let mut rows = 0;
    for space in words::spaces(outcomes) {
        let Some((best, _)) = words::strongest(outcomes, space) else {
            continue;
        };
        for pair in outcomes
            .comparisons
            .iter()
            .filter(|pair| pair.space == space)
        {
            let Some(found) = pair
                .found
                .value()
                .filter(|_| [&pair.a, &pair.b].contains(&&best.notion))
            else {
                continue;
            };
            let first = pair.a == best.notion;
            let (a, b) = if first {
                (&pair.a, &pair.b)
            } else {
                (&pair.b, &pair.a)
            };
            let [low, high] = found.interval95;
            let (difference, ends) = match first {
                true => (found.difference, [low, high]),
                false => (-found.difference, [-high, -low]),
            };
            rows += 1;
            table.add_row([
                space,
                a,
                b,
                &area(difference),
                &areas(&ends),
                &probability(found.p_value),
                &probability(found.p_holm),
            ]);
        }
    }
    if rows == 0 {
        return String::new();
    }
    text_table::numbers_right(&mut table);
    names_left(&mut table);
    let tested = outcomes.comparisons.iter();
    let tested = tested.filter(|pair| pair.found.value().is_some());
    format!(
        "\nthe best score of each space against the others: difference of AUROC, DeLong's paired test; Holm: p corrected\nfor \
         all {} pairs of notions\n{}\n",
        tested.count(),
        table.trim_fmt()
    )
}

/// The first column begins at the edge.
fn names_left(table: &mut Table) {
    if let Some(names) = table.column_mut(0) {
        names.set_padding((0, 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::outcomes::tests::outcomes;

    #[test]
    fn every_notion_has_a_line_and_no_number_is_nan() {
        for loss in [false, true] {
            let text = table(&outcomes(loss));
            let lines: Vec<&str> = text.lines().collect();
            assert!(
                lines
                    .iter()
                    .any(|line| line.starts_with("pixels") && line.contains("hull")),
                "{text}"
            );
            assert_eq!(
                lines
                    .iter()
                    .filter(|line| line.contains("constant"))
                    .count(),
                2,
                "{text}"
            );
            assert!(
                !text.contains("NaN") && lines.iter().all(|line| line.chars().count() <= 120),
                "{text}"
            );
        }
    }

    #[test]
    fn the_best_score_is_compared_with_the_others() {
        let text = table(&outcomes(false));
        let (_, pairs) = text.split_once("the best score of each space").unwrap();
        let mut lines = pairs
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        let row = lines.find(|row| row.first() == Some(&"pixels")).unwrap();
        assert_eq!(row[..3], ["pixels", "nearest", "hull"], "{text}");
        assert!(!row[3].starts_with('-'), "{text}");
    }
}
