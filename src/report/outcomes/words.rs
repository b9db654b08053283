//! Numbers of outcomes as text, and the findings in fixed sentences.

use crate::report::numerals::{between, distinct, grouped, number, of_queries, percent};
use crate::study::outcomes::{Measured, NotionOutcomes, OutcomeKind, Outcomes, Risk};

/// A number, or a few words on why it is missing.
pub fn shown<T>(found: &Measured<T>, write: impl FnOnce(&T) -> String) -> String {
    match found {
        Measured::Value(value) => write(value),
        Measured::Missing(why) => why.words().into(),
    }
}

/// An area, with three decimals.
pub fn area(value: f64) -> String {
    format!("{value:.3}")
}

/// An interval of areas or correlations.
pub fn areas([low, high]: &[f64; 2]) -> String {
    format!("{} to {}", area(*low), area(*high))
}

/// An error rate in percent, or a mean loss.
pub fn risk(kind: &OutcomeKind, risk: &Risk) -> String {
    match kind {
        OutcomeKind::Loss => number(risk.mean),
        _ => percent(risk.mean),
    }
}

/// The interval of an error rate in percent, or of a mean loss.
pub fn interval(kind: &OutcomeKind, risk: &Risk) -> String {
    shown(&risk.interval95, |ends| match kind {
        OutcomeKind::Loss => format!("{} to {}", number(ends[0]), number(ends[1])),
        _ => between(*ends),
    })
}

/// The name of the rates, with their unit.
pub fn rate_name(kind: &OutcomeKind) -> String {
    match kind {
        OutcomeKind::Errors => "error rate, %".into(),
        OutcomeKind::Loss => "mean loss".into(),
        OutcomeKind::Sets([_, second]) => format!("share of {second}, %"),
    }
}

/// What a score is to predict.
pub fn target(kind: &OutcomeKind) -> String {
    match kind {
        OutcomeKind::Errors => "errors".into(),
        OutcomeKind::Loss => "losses".into(),
        OutcomeKind::Sets([first, second]) => format!("the set ({first} or {second})"),
    }
}

/// The spaces, in order.
pub fn spaces(outcomes: &Outcomes) -> Vec<&str> {
    distinct(outcomes.notions.iter().map(|notion| notion.space.as_str()))
}

/// A notion's name beside its numbers, with the number of queries if it judged a sample.
pub fn named(notion: &NotionOutcomes) -> String {
    match notion.sampled {
        true => of_queries(&notion.notion, notion.queries),
        false => notion.notion.clone(),
    }
}

/// The number of queries with a known outcome, the share of errors or the mean loss, and what is known of few queries only.
pub fn introduction(outcomes: &Outcomes) -> String {
    let kind = &outcomes.kind;
    let Measured::Value(all) = &outcomes.all else {
        return "No outcome is known of any query.".into();
    };
    let few = outcomes.notions.iter();
    let few = few.filter(|notion| notion.is_few(all.queries) && notion.queries > 0);
    let few = distinct(few.map(named)).join(", ");
    let few = match few.is_empty() {
        true => String::new(),
        false => format!(" Scores that are known of few queries are not called best: {few}."),
    };
    format!(
        "Of {} queries the outcome is known; {}: {} (95 %: {}).{few}",
        grouped(all.queries),
        rate_name(kind),
        risk(kind, all),
        interval(kind, all)
    )
}

/// The finding of each space: the score that predicts the outcome best, and the result for the hull.
pub fn findings(outcomes: &Outcomes) -> Vec<(String, String)> {
    let finding = |space: &str| {
        let mut notions = outcomes.of_space(space).into_iter();
        let hull = notions.find(|notion| notion.notion == "hull");
        let hull = hull.map(|hull| of_hull(&outcomes.kind, hull));
        let said = best(outcomes, space) + &hull.unwrap_or_default();
        (space.to_string(), said)
    };
    spaces(outcomes).into_iter().map(finding).collect()
}

/// The score that predicts the outcome best.
fn best(outcomes: &Outcomes, space: &str) -> String {
    let target = target(&outcomes.kind);
    let Some((notion, strength)) = outcomes.strongest(space) else {
        return format!("No score can predict {target}.");
    };
    let (name, chance) = strength_name(&outcomes.kind);
    let ends = ends(notion).map_or("unknown".into(), |ends| shown(ends, areas));
    format!(
        "The best score for {target} is that of {}: {name} {} (95 %: {ends}; chance: {chance}).",
        notion.notion,
        area(strength)
    )
}

/// The name of the strength of a score, and the strength of chance.
pub fn strength_name(kind: &OutcomeKind) -> (&'static str, f64) {
    match kind {
        OutcomeKind::Loss => ("rank correlation", 0.0),
        _ => ("AUROC", 0.5),
    }
}

/// The interval of the strength of a notion's score.
pub fn ends(notion: &NotionOutcomes) -> Option<&Measured<[f64; 2]>> {
    let ends = notion.auroc.value().map(|auroc| &auroc.interval95);
    ends.or(notion.spearman.value().map(|spearman| &spearman.interval95))
}

/// The result for the hull.
fn of_hull(kind: &OutcomeKind, hull: &NotionOutcomes) -> String {
    let [inside, outside] =
        [&hull.inside, &hull.outside].map(|found| shown(found, |found| risk(kind, found)));
    let name = rate_name(kind);
    format!(" Inside the hull: {inside}; outside: {outside} ({name}).")
}
