//! Numbers of outcomes as text, and the findings in sentences.

use crate::report::numerals::{
    between, distinct, grouped, none_sampled, number, of_queries, percent, probability,
};
use crate::study::outcomes::{Measured, Missing, NotionOutcomes, OutcomeKind, Outcomes, Risk};

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

/// The number of queries with a known outcome, and the share of errors or the mean loss.
pub fn introduction(outcomes: &Outcomes) -> String {
    let kind = &outcomes.kind;
    let Measured::Value(all) = &outcomes.all else {
        return "No outcome is known of any query.".into();
    };
    let queries = grouped(all.queries);
    let [rate, ends] = [risk(kind, all), interval(kind, all)];
    let text = match kind {
        OutcomeKind::Errors => format!(
            "Of {queries} queries whose outcome is known, {rate} % are errors (95 %: {ends} %)."
        ),
        OutcomeKind::Loss => {
            format!("The mean loss of {queries} queries is {rate} (95 %: {ends}).")
        }
        OutcomeKind::Sets([first, second]) => {
            format!("Of {queries} queries, {rate} % are of {second}, the others of {first}.")
        }
    };
    text + &of_sample(outcomes, all.queries) + &not_sampled(outcomes)
}

/// A sentence that names the notions which judged at most half of the queries; empty if there are none.
fn of_sample(outcomes: &Outcomes, queries: u64) -> String {
    let all = outcomes.notions.iter();
    let few = all.filter(|notion| notion.is_few(queries) && notion.queries > 0);
    let Some(most) = few.clone().map(|notion| notion.queries).max() else {
        return String::new();
    };
    format!(
        " The scores of {} are known of {} queries or fewer, and are not called best.",
        distinct(few.map(|notion| notion.notion.as_str())).join(", "),
        grouped(most)
    )
}

/// A sentence that names the sets without a query in the sample of a notion; empty if there are none.
fn not_sampled(outcomes: &Outcomes) -> String {
    let (OutcomeKind::Sets(names), Measured::Value(all)) = (&outcomes.kind, &outcomes.all) else {
        return String::new();
    };
    let second = (all.mean * all.queries as f64).round() as u64;
    let sets = [
        (Missing::FirstNotSampled, all.queries - second),
        (Missing::SecondNotSampled, second),
    ];
    let said = sets.iter().zip(names).map(|((why, count), name)| {
        let missed = outcomes.notions.iter();
        let missed = missed.filter(|notion| notion.auroc.missing() == Some(*why));
        let notions = distinct(missed.map(|notion| notion.notion.as_str()));
        match notions.is_empty() {
            true => String::new(),
            false => format!(
                " \"none sampled\": {}.",
                none_sampled(name, *count, &notions)
            ),
        }
    });
    said.collect()
}

/// The finding of each space: the score that predicts the outcome best, and the result for the hull.
pub fn findings(outcomes: &Outcomes) -> Vec<(String, String)> {
    let spaces = spaces(outcomes).into_iter();
    spaces
        .map(|space| (space.to_string(), finding(outcomes, space)))
        .collect()
}

fn finding(outcomes: &Outcomes, space: &str) -> String {
    let kind = &outcomes.kind;
    let target = target(kind);
    let notions = outcomes.of_space(space);
    let best = match outcomes.strongest(space) {
        None => format!("No score can predict {target}."),
        Some((notion, strength)) => {
            let [auroc, rho] = [
                notion.auroc.map(|found| found.interval95),
                notion.spearman.map(|found| found.interval95),
            ];
            let (name, chance, ends) = match kind {
                OutcomeKind::Loss => ("rank correlation", 0.0, rho),
                _ => ("AUROC", 0.5, auroc),
            };
            let low = ends.value().and_then(Measured::value);
            let better = match low.is_some_and(|ends| ends[0] > chance) {
                true => "better",
                false => "not clearly better",
            };
            let (notion, area) = (&notion.notion, area(strength));
            let ends = shown(&ends, |ends| shown(ends, areas));
            match strength <= chance {
                true => format!(
                    "No notion's score predicts {target} better than chance: the highest {name} is {area} (95 %: {ends}), that of \
                     {notion}."
                ),
                false => format!(
                    "{notion} predicts {target} best: {name} {area} (95 %: {ends}), {better} than chance."
                ),
            }
        }
    };
    let hull = notions.iter().find(|notion| notion.notion == "hull");
    best + &hull.map_or(String::new(), |hull| of_hull(kind, hull))
}

/// The result for the hull.
fn of_hull(kind: &OutcomeKind, hull: &NotionOutcomes) -> String {
    let side = |found: &Measured<Risk>| shown(found, |found| risk(kind, found));
    let test = hull.fisher_p.value();
    let test = test.map_or(String::new(), |p| {
        format!("; Fisher's exact test: p {}", equals(*p))
    });
    let (inside, outside, rate) = (side(&hull.inside), side(&hull.outside), rate_name(kind));
    let mut text = format!(" Inside the hull: {inside}; outside: {outside} ({rate}{test}).");
    if let Measured::Value(adds) = &hull.adds {
        text += &format!(
            " Does the hull's score add to the nearest distance as a predictor? Likelihood-ratio test: p {}.",
            equals(adds.p_value)
        );
    }
    text
}

/// `= 0.03` or `< 1e-12`.
fn equals(p: f64) -> String {
    let text = probability(p);
    match text.starts_with('<') {
        true => text,
        false => format!("= {text}"),
    }
}
