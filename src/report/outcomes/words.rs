//! Numbers of outcomes as people read them, and the finding in sentences.

use crate::notion::class::OWN;
use crate::report::numerals::{
    between, grouped, none_sampled, number, of_queries, percent, probability,
};
use crate::study::outcomes::{Measured, Missing, NotionOutcomes, OutcomeKind, Outcomes, Risk};

/// A number, or in a few words why there is none.
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

/// What the rates are of, with the unit.
pub fn rate(kind: &OutcomeKind) -> String {
    match kind {
        OutcomeKind::Errors => "error rate, %".into(),
        OutcomeKind::Loss => "mean loss".into(),
        OutcomeKind::Sets([_, second]) => format!("share of {second}, %"),
    }
}

/// What a score is to tell.
pub fn told(kind: &OutcomeKind) -> String {
    match kind {
        OutcomeKind::Errors => "errors".into(),
        OutcomeKind::Loss => "losses".into(),
        OutcomeKind::Sets([first, second]) => format!("{second} from {first}"),
    }
}

/// How well a notion tells the outcome: its area, or its rank correlation with losses.
pub fn strength(notion: &NotionOutcomes) -> Result<f64, Missing> {
    match (&notion.auroc, &notion.spearman) {
        (Measured::Value(area), _) => Ok(area.value),
        (_, Measured::Value(spearman)) => Ok(spearman.rho),
        (Measured::Missing(Missing::NotOfThisOutcome), Measured::Missing(why)) => Err(*why),
        (Measured::Missing(why), _) => Err(*why),
    }
}

/// The spaces, in order.
pub fn spaces(outcomes: &Outcomes) -> Vec<&str> {
    let mut spaces: Vec<&str> = Vec::new();
    for notion in &outcomes.notions {
        if !spaces.contains(&notion.space.as_str()) {
            spaces.push(&notion.space);
        }
    }
    spaces
}

/// The notions of a space, in order.
pub fn of_space<'o>(outcomes: &'o Outcomes, space: &str) -> Vec<&'o NotionOutcomes> {
    let all = outcomes.notions.iter();
    all.filter(|notion| notion.space == space).collect()
}

/// What a notion is called where its numbers stand: with the queries that they are of, where it judged a sample.
pub fn named(notion: &NotionOutcomes) -> String {
    match notion.sampled {
        true => of_queries(&notion.notion, notion.queries),
        false => notion.notion.clone(),
    }
}

/// What was asked about, and how often it is so.
pub fn asked(outcomes: &Outcomes) -> String {
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

/// Whether a notion judged no more than half of so many queries.
fn is_few(notion: &NotionOutcomes, queries: u64) -> bool {
    2 * notion.queries <= queries
}

/// Which notions judged no more than half of the queries, in a sentence; nothing where none did.
fn of_sample(outcomes: &Outcomes, queries: u64) -> String {
    let mut few: Vec<(&str, u64)> = Vec::new();
    for notion in &outcomes.notions {
        let known = few.iter().any(|(name, _)| *name == notion.notion);
        if is_few(notion, queries) && notion.queries > 0 && !known {
            few.push((&notion.notion, notion.queries));
        }
    }
    let Some(most) = few.iter().map(|(_, queries)| *queries).max() else {
        return String::new();
    };
    let names: Vec<&str> = few.iter().map(|(name, _)| *name).collect();
    format!(
        " The scores of {} are known of {} queries or fewer, and are not called best.",
        names.join(", "),
        grouped(most)
    )
}

/// Of which set no query is in the sample of a notion, in a sentence; nothing where there is no such set.
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
        let mut notions: Vec<&str> = Vec::new();
        for notion in &outcomes.notions {
            let known = notions.contains(&notion.notion.as_str());
            if notion.auroc.missing() == Some(*why) && !known {
                notions.push(&notion.notion);
            }
        }
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

/// Each space with its finding: the score that tells the outcome best, and what the hull says of it.
pub fn findings(outcomes: &Outcomes) -> Vec<(String, String)> {
    let spaces = spaces(outcomes).into_iter();
    spaces
        .map(|space| (space.to_string(), finding(outcomes, space)))
        .collect()
}

/// Whether a notion knows no more than a model does: the hull of a query's own class knows its label, and so, in part,
/// whether the model errs.
pub fn fair(kind: &OutcomeKind, notion: &str) -> bool {
    *kind != OutcomeKind::Errors || notion != OWN
}

/// The notion of a space whose score tells the outcome best. One that judged a sample is not compared with those that judged
/// all: the areas of few queries vary more, and are the largest more often than they deserve.
pub fn strongest<'o>(outcomes: &'o Outcomes, space: &str) -> Option<(&'o NotionOutcomes, f64)> {
    let notions = of_space(outcomes, space);
    let most = notions.iter().map(|notion| notion.queries).max()?;
    let fair = notions
        .into_iter()
        .filter(|notion| fair(&outcomes.kind, &notion.notion) && !is_few(notion, most));
    let known = fair.filter_map(|notion| Some((notion, strength(notion).ok()?)));
    known.max_by(|a, b| a.1.total_cmp(&b.1))
}

fn finding(outcomes: &Outcomes, space: &str) -> String {
    let kind = &outcomes.kind;
    let told = told(kind);
    let notions = of_space(outcomes, space);
    let best = match strongest(outcomes, space) {
        None => format!("No score could tell {told}."),
        Some((notion, strength)) => {
            let (name, chance, ends) = match kind {
                OutcomeKind::Loss => (
                    "rank correlation",
                    0.0,
                    notion.spearman.map(|found| found.interval95),
                ),
                _ => ("AUROC", 0.5, notion.auroc.map(|found| found.interval95)),
            };
            let low = ends
                .value()
                .and_then(Measured::value)
                .map_or(0.0, |ends| ends[0]);
            let (notion, area) = (&notion.notion, area(strength));
            let ends = shown(&ends, |ends| shown(ends, areas));
            if strength <= chance {
                format!(
                    "No notion's score tells {told} better than chance: the highest {name} is {area} (95 %: {ends}), that of {notion}."
                )
            } else {
                let better = if low > chance {
                    "better"
                } else {
                    "not clearly better"
                };
                format!(
                    "{notion} tells {told} best: {name} {area} (95 %: {ends}), {better} than chance."
                )
            }
        }
    };
    let hull = notions.iter().find(|notion| notion.notion == "hull");
    best + &hull.map_or(String::new(), |hull| of_hull(kind, hull))
}

/// What the hull says of the outcome.
fn of_hull(kind: &OutcomeKind, hull: &NotionOutcomes) -> String {
    let side = |found: &Measured<Risk>| shown(found, |found| risk(kind, found));
    let test = hull.fisher_p.value();
    let test = test.map_or(String::new(), |p| {
        format!("; Fisher's exact test: p {}", equals(*p))
    });
    let mut text = format!(
        " Inside the hull: {}; outside: {} ({}{}).",
        side(&hull.inside),
        side(&hull.outside),
        rate(kind),
        test
    );
    if let Measured::Value(adds) = &hull.adds {
        text += &format!(
            " Does the hull's score add to the nearest distance? Likelihood ratio: p {}.",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::outcomes::tests::outcomes;

    #[test]
    fn the_finding_names_the_best_notion_and_what_the_hull_says() {
        let said = findings(&outcomes(false));
        assert_eq!((said.len(), said[0].0.as_str()), (2, "pixels"));
        for part in [
            "nearest tells errors best: AUROC 0.",
            ", better than chance. Inside the hull: ",
            " (error rate, %; Fisher's exact test: p = 0.",
            " Does the hull's score add to the nearest distance? Likelihood ratio: p = 0.",
        ] {
            assert!(said[0].1.contains(part), "{part} {said:?}");
        }
        let said = findings(&outcomes(true));
        assert!(
            said[0].1.starts_with("No notion's score tells losses better than chance: the highest rank correlation is -0.0"),
            "{said:?}"
        );
        assert!(said[0].1.contains("(mean loss)"), "{said:?}");
    }

    #[test]
    fn what_is_missing_is_said_in_words() {
        let mut found = outcomes(false);
        for notion in &mut found.notions {
            notion.auroc = Measured::Missing(Missing::NoErrors);
            notion.inside = Measured::Missing(Missing::NoneInside);
            notion.fisher_p = Measured::Missing(Missing::NoneInside);
        }
        let said = findings(&found)[0].1.clone();
        assert!(
            said.starts_with("No score could tell errors. Inside the hull: none inside; "),
            "{said}"
        );
        assert!(!said.contains("Fisher"), "{said}");
        assert_eq!(
            shown(&Measured::<f64>::Missing(Missing::Constant), |_| {
                String::new()
            }),
            "constant"
        );
    }
}
