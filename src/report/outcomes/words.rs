//! Numbers of outcomes as people read them, and the finding in sentences.

use crate::report::compare::words::{between, grouped, number, percent, probability};
use crate::study::outcomes::{Kind, Measured, Missing, NotionOutcomes, Outcomes, Risk};

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
pub fn risk(kind: &Kind, risk: &Risk) -> String {
    match kind {
        Kind::Loss => number(risk.mean),
        _ => percent(risk.mean),
    }
}

/// The interval of an error rate in percent, or of a mean loss.
pub fn interval(kind: &Kind, risk: &Risk) -> String {
    shown(&risk.interval95, |ends| match kind {
        Kind::Loss => format!("{} to {}", number(ends[0]), number(ends[1])),
        _ => between(*ends),
    })
}

/// What the rates are of, with the unit.
pub fn rate(kind: &Kind) -> String {
    match kind {
        Kind::Errors => "error rate, %".into(),
        Kind::Loss => "mean loss".into(),
        Kind::Sets([_, second]) => format!("share of {second}, %"),
    }
}

/// What a score is to tell.
pub fn told(kind: &Kind) -> String {
    match kind {
        Kind::Errors => "errors".into(),
        Kind::Loss => "losses".into(),
        Kind::Sets([first, second]) => format!("{second} from {first}"),
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

/// What was asked about, and how often it is so.
pub fn asked(outcomes: &Outcomes) -> String {
    let kind = &outcomes.kind;
    let Measured::Value(all) = &outcomes.all else {
        return "No outcome is known of any query.".into();
    };
    let queries = grouped(all.queries);
    let [rate, ends] = [risk(kind, all), interval(kind, all)];
    match kind {
        Kind::Errors => format!(
            "Of {queries} queries whose outcome is known, {rate} % are errors (95 %: {ends} %)."
        ),
        Kind::Loss => format!("The mean loss of {queries} queries is {rate} (95 %: {ends})."),
        Kind::Sets([first, second]) => {
            format!("Of {queries} queries, {rate} % are of {second}, the others of {first}.")
        }
    }
}

/// The finding, a paragraph a space: which notion tells the outcome best, whether the hull's verdict and distance do.
pub fn findings(outcomes: &Outcomes) -> Vec<String> {
    let mut said = vec![asked(outcomes)];
    said.extend(
        spaces(outcomes)
            .iter()
            .map(|space| finding(outcomes, space)),
    );
    said
}

/// Whether a notion knows no more than a model does: the hull of a query's own class knows its label, and so, in part,
/// whether the model errs.
pub fn fair(kind: &Kind, notion: &str) -> bool {
    *kind != Kind::Errors || notion != "class_own"
}

fn finding(outcomes: &Outcomes, space: &str) -> String {
    let notions = of_space(outcomes, space);
    let known = notions
        .iter()
        .filter(|notion| fair(&outcomes.kind, &notion.notion))
        .filter_map(|notion| Some((*notion, strength(notion).ok()?)));
    let best = known.max_by(|a, b| a.1.total_cmp(&b.1));
    let told = told(&outcomes.kind);
    let mut text = match best {
        None => format!("{space}: no notion has a score that could tell {told}."),
        Some((notion, strength)) => {
            let (name, ends) = match outcomes.kind {
                Kind::Loss => (
                    "rank correlation",
                    notion.spearman.map(|found| found.interval95),
                ),
                _ => ("AUROC", notion.auroc.map(|found| found.interval95)),
            };
            let ends = shown(&ends, |ends| shown(ends, areas));
            let weak = match (&outcomes.kind, strength > 0.5) {
                (Kind::Loss, _) | (_, true) => "",
                _ => ", which is no better than chance",
            };
            format!(
                "{space}: of all scores {} tells {told} best, {name} {} (95 %: {ends}){weak}.",
                notion.notion,
                area(strength)
            )
        }
    };
    if let Some(hull) = notions.iter().find(|notion| notion.notion == "hull") {
        text += &of_hull(outcomes, hull);
    }
    text
}

/// What the hull says of the outcome.
fn of_hull(outcomes: &Outcomes, hull: &NotionOutcomes) -> String {
    let kind = &outcomes.kind;
    let unit = if *kind == Kind::Loss { "" } else { " %" };
    let side =
        |found: &Measured<Risk>| shown(found, |found| format!("{}{unit}", risk(kind, found)));
    let what = match kind {
        Kind::Errors => "error rate".into(),
        Kind::Loss => "mean loss".into(),
        Kind::Sets([_, second]) => format!("share of {second}"),
    };
    let mut text = match (&hull.inside, &hull.outside) {
        (Measured::Missing(why), _) | (_, Measured::Missing(why)) => {
            format!(" By the hull there is nothing to compare: {}.", why.words())
        }
        _ => format!(
            " The {what} is {} inside the hull and {} outside",
            side(&hull.inside),
            side(&hull.outside)
        ),
    };
    if hull.inside.value().is_some() && hull.outside.value().is_some() {
        let test = hull
            .fisher_p
            .value()
            .map(|p| format!(" (Fisher's exact test: p {})", equals(*p)));
        text += &test.unwrap_or_default();
        text.push('.');
    }
    if let Measured::Value(adds) = &hull.adds {
        let adds_or_not = if adds.p_value < 0.05 {
            "adds"
        } else {
            "adds nothing clear"
        };
        text += &format!(
            " The hull's score {adds_or_not} to the nearest distance (likelihood ratio, p {}).",
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
        assert_eq!(said.len(), 3);
        assert!(
            said[0].starts_with("Of 200 queries whose outcome is known, "),
            "{said:?}"
        );
        assert!(
            said[1].starts_with("pixels: of all scores nearest tells errors best, AUROC 0."),
            "{said:?}"
        );
        assert!(
            said[1].contains(" inside the hull and ")
                && said[1].contains("Fisher's exact test: p = 0."),
            "{said:?}"
        );
        assert!(
            said[1].contains("The hull's score adds nothing clear to the nearest distance"),
            "{said:?}"
        );
        let said = findings(&outcomes(true));
        assert!(
            said[1].contains("rank correlation ") && !said[1].contains('%')
                || said[1].contains("(95 %:"),
            "{said:?}"
        );
    }

    #[test]
    fn what_is_missing_is_said_in_words() {
        let mut found = outcomes(false);
        for notion in &mut found.notions {
            notion.auroc = Measured::Missing(Missing::NoErrors);
            notion.inside = Measured::Missing(Missing::NoneInside);
        }
        let said = findings(&found)[1].clone();
        assert!(
            said.contains("no notion has a score that could tell errors"),
            "{said}"
        );
        assert!(said.contains("nothing to compare: none inside."), "{said}");
        assert_eq!(
            shown(&Measured::<f64>::Missing(Missing::Constant), |_| {
                String::new()
            }),
            "constant"
        );
    }
}
