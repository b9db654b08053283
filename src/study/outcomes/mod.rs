//! How well definitions of "outside" predict outcomes: errors of a model, its losses, or which of two sets a query is from.
//!
//! Pure functions of slices. [`measure`] takes the judgements of notions on the queries ([`Scores`]) and the queries'
//! outcomes ([`Outcome`]). For each notion and space it computes the error rate inside and outside with Fisher's exact
//! test, the area under the ROC curve with DeLong's interval, DeLong's paired test between the notions of a space, average
//! precision, false positives, the risk that is left when the most extrapolated queries are refused, the area within
//! classes, what the score adds to the nearest distance, and the error rate by decile. A larger score is a more
//! extrapolated query, so that a useful score has an area above one half. A number that cannot be computed is [`Missing`]
//! with its reason, never NaN.
//!
//! A query counts for a number only if everything that the number needs is known of it.

mod classes;
mod curve;
mod deciles;
mod delong;
mod fisher;
mod logistic;
mod missing;
mod normal;
mod ranks;
mod risk;
mod spearman;
mod strength;

pub use classes::WithinClasses;
pub use curve::{Precision, TPR};
pub use deciles::Decile;
pub use delong::{Auroc, Comparison, Difference};
pub use fisher::fisher;
pub use logistic::Adds;
pub use missing::{Measured, Missing};
pub use risk::{Aurc, Risk};
pub use spearman::Spearman;

use crate::error::{Error, Result};
use crate::notion::{Judgement, Notion};
use crate::study::holm::holm;
use curve::Roc;
use delong::Components;
use serde::{Deserialize, Serialize};

/// The judgements of a notion on every query in a space.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    pub space: String,
    /// Id of the notion.
    pub notion: String,
    /// `None` where the notion could not decide, or has only a score.
    pub outside: Vec<Option<bool>>,
    /// Larger is more extrapolated; NaN is unknown.
    pub score: Vec<f64>,
    /// Whether each query was in the sample that a costly notion judged; `None` for a notion that judged all queries.
    pub sample: Option<Vec<bool>>,
}

impl Scores {
    /// Empty scores of a notion.
    pub fn empty(space: &str, notion: &dyn Notion) -> Self {
        Scores {
            space: space.into(),
            notion: notion.id(),
            outside: Vec::new(),
            score: Vec::new(),
            sample: notion.sampled().then(Vec::new),
        }
    }

    /// Adds the judgement on the next query.
    pub fn push(&mut self, judgement: &Judgement) {
        self.outside.push(judgement.outside);
        self.score.push(judgement.score);
        if let Some(sample) = &mut self.sample {
            sample.push(!judgement.passed_over);
        }
    }

    /// Whether the notion judged a query.
    fn judged(&self, query: usize) -> bool {
        self.sample.as_ref().is_none_or(|sample| sample[query])
    }

    /// The queries that the notion judged.
    fn queries(&self) -> impl Iterator<Item = usize> {
        (0..self.outside.len()).filter(|&query| self.judged(query))
    }

    /// The sides of those of the given queries that the notion judged.
    pub fn sides(
        &self,
        queries: impl Iterator<Item = usize>,
    ) -> impl Iterator<Item = Option<bool>> {
        let judged = queries.filter(|&query| self.judged(query));
        judged.map(|query| self.outside[query])
    }
}

/// The outcome of every query.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Whether a model was wrong; `None` is unknown.
    Wrong(Vec<Option<bool>>),
    /// A model's loss; what is not finite is unknown.
    Loss(Vec<f64>),
    /// Which of two query sets the query is from.
    Sets {
        /// The names of the sets.
        names: [String; 2],
        /// Whether the query is from the second set; `None` if it is from neither.
        second: Vec<Option<bool>>,
    },
}

/// The kind of outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    Errors,
    Loss,
    /// The names of the two query sets.
    Sets([String; 2]),
}

/// How well a notion predicts the outcomes in a space. If two query sets are told apart, the queries of the second set count
/// as errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotionOutcomes {
    pub space: String,
    /// Id of the notion.
    pub notion: String,
    /// Whether the notion judged a sample of the queries, so that every number is of the sample.
    pub sampled: bool,
    /// Queries with a known outcome and score; all numbers but `inside`, `outside` and `fisher_p` are over these.
    pub queries: u64,
    /// Queries that the notion judged whose outcome or score is unknown.
    pub unknown: u64,
    /// Queries with a known outcome that the notion calls neither inside nor outside.
    pub undecided: u64,
    /// Error rate, or mean loss, of the queries inside.
    pub inside: Measured<Risk>,
    /// Error rate, or mean loss, of the queries outside.
    pub outside: Measured<Risk>,
    /// Fisher's exact test that the two error rates are equal, two-sided.
    pub fisher_p: Measured<f64>,
    /// Area under the ROC curve.
    pub auroc: Measured<Auroc>,
    /// Average precision and false positive rate.
    pub precision: Measured<Precision>,
    /// Area under the risk-coverage curve; missing for two sets.
    pub aurc: Measured<Aurc>,
    /// Rank correlation with losses.
    pub spearman: Measured<Spearman>,
    /// Area under the ROC curve within classes.
    pub within_classes: Measured<WithinClasses>,
    /// What the score adds to the nearest distance.
    pub adds: Measured<Adds>,
    /// Error rate, or mean loss, by decile of the score; none for a constant score.
    pub deciles: Vec<Decile>,
    /// (false positive rate, true positive rate) along the ROC curve, at most about 200 points; empty where there is no area.
    pub roc: Vec<[f64; 2]>,
}

/// How well all notions predict the outcomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcomes {
    pub kind: OutcomeKind,
    /// Error rate, or mean loss, of all queries whose outcome is known.
    pub all: Measured<Risk>,
    /// The notions, in the order of the scores.
    pub notions: Vec<NotionOutcomes>,
    /// Every pair of notions of a space.
    pub comparisons: Vec<Comparison>,
}

impl Outcome {
    fn len(&self) -> usize {
        match self {
            Outcome::Wrong(known) | Outcome::Sets { second: known, .. } => known.len(),
            Outcome::Loss(losses) => losses.len(),
        }
    }

    fn kind(&self) -> OutcomeKind {
        match self {
            Outcome::Wrong(_) => OutcomeKind::Errors,
            Outcome::Loss(_) => OutcomeKind::Loss,
            Outcome::Sets { names, .. } => OutcomeKind::Sets(names.clone()),
        }
    }

    /// 1 for an error, 0 for another query, or the loss.
    fn number(&self, query: usize) -> Option<f64> {
        match self {
            Outcome::Wrong(known) | Outcome::Sets { second: known, .. } => {
                known[query].map(|error| f64::from(u8::from(error)))
            }
            Outcome::Loss(losses) => Some(losses[query]).filter(|loss| loss.is_finite()),
        }
    }
}

/// The queries with a known outcome and score.
struct KnownScores {
    queries: Vec<usize>,
    score: Vec<f64>,
    outcomes: Vec<f64>,
    /// The errors; empty for losses.
    errors: Vec<bool>,
}

impl KnownScores {
    fn of(scores: &Scores, outcome: &Outcome) -> Self {
        let queries = scores
            .queries()
            .filter(|&query| !scores.score[query].is_nan() && outcome.number(query).is_some());
        KnownScores::among(queries.collect(), scores, outcome)
    }

    /// The data of `queries`, all of which have an outcome and a score.
    fn among(queries: Vec<usize>, scores: &Scores, outcome: &Outcome) -> Self {
        let outcomes: Vec<f64> = queries
            .iter()
            .filter_map(|&query| outcome.number(query))
            .collect();
        KnownScores {
            score: queries.iter().map(|&query| scores.score[query]).collect(),
            errors: match outcome {
                Outcome::Loss(_) => Vec::new(),
                _ => outcomes.iter().map(|outcome| *outcome == 1.0).collect(),
            },
            outcomes,
            queries,
        }
    }
}

/// Measures how well each of `scores` predicts `outcome`.
///
/// `classes` are the queries' classes, for the areas within classes; `nearest` is the id of the notion whose score is the
/// distance to the nearest row, the baseline for what other scores add.
///
/// Errors ([`Error::Usage`]): lists without exactly one entry per query.
pub fn measure(
    scores: &[Scores],
    outcome: &Outcome,
    classes: Option<&[Option<u32>]>,
    nearest: &str,
) -> Result<Outcomes> {
    let queries = outcome.len();
    for (what, len) in scores
        .iter()
        .flat_map(|scores| {
            [scores.score.len(), scores.outside.len()].map(|len| (scores.notion.as_str(), len))
        })
        .chain(classes.map(|classes| ("the classes", classes.len())))
    {
        if len != queries {
            return Err(Error::Usage(format!(
                "{what}: there are {len} values for {queries} outcomes; there must be one of each a query"
            )));
        }
    }
    let known: Vec<KnownScores> = scores
        .iter()
        .map(|scores| KnownScores::of(scores, outcome))
        .collect();
    let of_nearest = |space: &str| {
        scores
            .iter()
            .find(|other| other.space == space && other.notion == nearest)
    };
    let each = scores.iter().zip(&known);
    let notions =
        each.map(|(scores, known)| one(scores, known, outcome, classes, of_nearest(&scores.space)));
    let errors = !matches!(outcome, Outcome::Loss(_));
    Ok(Outcomes {
        kind: outcome.kind(),
        all: risk::risk(
            (0..queries).filter_map(|query| outcome.number(query)),
            errors,
        )
        .into(),
        notions: notions.collect(),
        comparisons: match errors {
            true => comparisons(scores, &known, outcome),
            false => Vec::new(),
        },
    })
}

/// One notion in one space.
fn one(
    scores: &Scores,
    known: &KnownScores,
    outcome: &Outcome,
    classes: Option<&[Option<u32>]>,
    nearest: Option<&Scores>,
) -> NotionOutcomes {
    let (score, errors) = (&known.score, &known.errors);
    let losses = matches!(outcome, Outcome::Loss(_));
    let constant = score.iter().all(|value| *value == score[0]);
    let sampled = both_sampled(scores, outcome);
    let area = match losses {
        true => Err(Missing::NotOfThisOutcome),
        false => sampled.and_then(|()| delong::check(score, errors)),
    };
    let roc = area.map(|()| Roc::of(score, errors));
    let side = |side| sampled.and_then(|()| split(scores, outcome, side));
    let [inside, outside] = [false, true].map(side);
    NotionOutcomes {
        space: scores.space.clone(),
        notion: scores.notion.clone(),
        sampled: scores.sample.is_some(),
        queries: known.queries.len() as u64,
        unknown: (scores.queries().count() - known.queries.len()) as u64,
        undecided: scores
            .queries()
            .filter(|&query| scores.outside[query].is_none())
            .filter(|&query| outcome.number(query).is_some())
            .count() as u64,
        fisher_p: match losses {
            true => Err(Missing::NotOfThisOutcome),
            false => between(&inside, &outside),
        }
        .into(),
        inside: inside.into(),
        outside: outside.into(),
        auroc: area
            .map(|()| delong::auroc(&Components::of(score, errors)))
            .into(),
        precision: roc.as_ref().map(Roc::precision).map_err(|why| *why).into(),
        aurc: match outcome {
            Outcome::Sets { .. } => Err(Missing::NotOfThisOutcome),
            _ if score.is_empty() => Err(Missing::NoQueries),
            _ if constant => Err(Missing::Constant),
            _ => Ok(risk::aurc(score, &known.outcomes)),
        }
        .into(),
        spearman: match losses {
            true => spearman::spearman(score, &known.outcomes),
            false => Err(Missing::NotOfThisOutcome),
        }
        .into(),
        within_classes: area.and_then(|()| within(known, classes)).into(),
        adds: area.and_then(|()| adds(scores, outcome, nearest)).into(),
        deciles: match constant || sampled.is_err() {
            true => Vec::new(),
            false => deciles::deciles(score, &known.outcomes, !losses),
        },
        roc: roc.map_or_else(|_| Vec::new(), |roc| roc.points()),
    }
}

/// Refuses a sample that does not hold queries of both sets: how a notion tells the sets apart is then unknown.
fn both_sampled(scores: &Scores, outcome: &Outcome) -> Result<(), Missing> {
    let (Outcome::Sets { second, .. }, Some(_)) = (outcome, &scores.sample) else {
        return Ok(());
    };
    let holds = |set| scores.queries().any(|query| second[query] == Some(set));
    match (holds(false), holds(true)) {
        (_, false) => Err(Missing::SecondNotSampled),
        (false, _) => Err(Missing::FirstNotSampled),
        _ => Ok(()),
    }
}

/// The outcomes of the queries that a notion calls inside, or outside.
fn split(scores: &Scores, outcome: &Outcome, side: bool) -> Result<Risk, Missing> {
    let queries = scores.queries();
    let queries = queries.filter(|&query| scores.outside[query] == Some(side));
    let outcomes = queries.filter_map(|query| outcome.number(query));
    let found = risk::risk(outcomes, !matches!(outcome, Outcome::Loss(_)));
    found.map_err(|_| match side {
        true => Missing::NoneOutside,
        false => Missing::NoneInside,
    })
}

/// Fisher's test between two error rates.
fn between(
    inside: &Result<Risk, Missing>,
    outside: &Result<Risk, Missing>,
) -> Result<f64, Missing> {
    let row = |risk: &Result<Risk, Missing>| {
        risk.map(|risk| {
            let errors = (risk.mean * risk.queries as f64).round() as u64;
            [errors, risk.queries - errors]
        })
    };
    Ok(fisher([row(inside)?, row(outside)?]))
}

fn within(known: &KnownScores, classes: Option<&[Option<u32>]>) -> Result<WithinClasses, Missing> {
    let classes = classes.ok_or(Missing::NoClasses)?;
    let own: Vec<Option<u32>> = known.queries.iter().map(|&query| classes[query]).collect();
    classes::within(&known.score, &known.errors, &own)
}

/// What a notion's score adds to the nearest distance as a predictor, over the queries that have both.
fn adds(scores: &Scores, outcome: &Outcome, nearest: Option<&Scores>) -> Result<Adds, Missing> {
    let nearest = nearest.ok_or(Missing::NoNearest)?;
    let queries = both(
        &KnownScores::of(nearest, outcome),
        &KnownScores::of(scores, outcome),
    );
    let base = KnownScores::among(queries.clone(), nearest, outcome);
    let own = KnownScores::among(queries, scores, outcome);
    logistic::adds(&base.score, &own.score, &own.errors)
}

/// The queries that are in both lists, which ascend.
fn both(a: &KnownScores, b: &KnownScores) -> Vec<usize> {
    let queries = a.queries.iter();
    let shared = queries.filter(|query| b.queries.binary_search(query).is_ok());
    shared.copied().collect()
}

/// DeLong's test for every pair of notions of a space.
fn comparisons(scores: &[Scores], known: &[KnownScores], outcome: &Outcome) -> Vec<Comparison> {
    // Most scores are known for the same queries; their components are computed once.
    let whole: Vec<Option<Components>> = known
        .iter()
        .map(|known| {
            let area = delong::check(&known.score, &known.errors);
            area.ok()
                .map(|()| Components::of(&known.score, &known.errors))
        })
        .collect();
    let mut found = Vec::new();
    for a in 0..scores.len() {
        for b in a + 1..scores.len() {
            if scores[a].space != scores[b].space {
                continue;
            }
            let shared = both(&known[a], &known[b]);
            let components = |place: usize| -> Result<Components, Missing> {
                match &whole[place] {
                    Some(whole) if shared.len() == known[place].queries.len() => Ok(whole.clone()),
                    _ => {
                        let own = KnownScores::among(shared.clone(), &scores[place], outcome);
                        delong::check(&own.score, &own.errors)?;
                        Ok(Components::of(&own.score, &own.errors))
                    }
                }
            };
            let sampled = both_sampled(&scores[a], outcome).and(both_sampled(&scores[b], outcome));
            let components = |place: usize| sampled.and_then(|()| components(place));
            let difference = components(a).and_then(|a| delong::difference(&a, &components(b)?));
            found.push(Comparison {
                space: scores[a].space.clone(),
                a: scores[a].notion.clone(),
                b: scores[b].notion.clone(),
                queries: shared.len() as u64,
                found: difference.into(),
            });
        }
    }
    correct(&mut found);
    found
}

/// Corrects the p-values for the number of tests.
fn correct(comparisons: &mut [Comparison]) {
    let mut tests: Vec<&mut Difference> = comparisons
        .iter_mut()
        .filter_map(|pair| match &mut pair.found {
            Measured::Value(test) => Some(test),
            Measured::Missing(_) => None,
        })
        .collect();
    let alone: Vec<f64> = tests.iter().map(|test| test.p_value).collect();
    for (test, corrected) in tests.iter_mut().zip(holm(&alone)) {
        test.p_holm = corrected;
    }
}

#[cfg(test)]
mod tests;
