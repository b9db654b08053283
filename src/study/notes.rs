//! Caveats about a rate, as sentences.

use super::plan::AnalysisPlan;
use super::summary::{ReferenceFacts, Summary, Tally};
use crate::notion::class::OWN;
use crate::notion::metric::Metric;
use crate::notion::{Classes, Notion};
use crate::rows::RowList;
use indicatif::HumanCount;
use std::collections::HashSet;

/// The most letters of a list of rows that is written out in full.
const LIST: usize = 60;

/// Notes about the reference, before any query is answered.
pub(super) fn of_reference(plan: &AnalysisPlan, facts: &ReferenceFacts) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(far_rows(facts));
    if plan.hull {
        notes.extend(rank(facts));
        notes.extend(flat(facts));
        notes.extend(sphere(facts));
        if facts.constant_columns > 0 {
            notes.push(format!(
                "{} of {} columns are constant in the reference: a query that differs there is outside",
                HumanCount(facts.constant_columns),
                HumanCount(facts.dim)
            ));
        }
        if facts.duplicate_columns > 0 {
            notes.push(format!(
                "{} columns repeat an earlier column",
                HumanCount(facts.duplicate_columns)
            ));
        }
    }
    if facts.duplicate_rows > 0 {
        notes.push(format!(
            "{} of {} reference rows repeat an earlier row",
            HumanCount(facts.duplicate_rows),
            HumanCount(facts.rows)
        ));
    }
    if facts.zero_rows > 0 && asks_for_cosine(plan) {
        notes.push(zero_vectors(facts.zero_rows, facts.rows, "reference rows"));
    }
    if facts.median_nearest == Some(0.0) {
        notes.push(
            "at least half of the reference rows repeat another: nearest_ratio is undefined".into(),
        );
    }
    notes
}

/// A note about the queries for whose class the hull is vacuous, if the notion is asked for; none without queries.
pub(super) fn of_classes(notions: &[Box<dyn Notion>], classes: Option<&Classes>) -> Vec<String> {
    let asked = notions.iter().any(|notion| notion.id() == OWN);
    let Some(classes) = classes.filter(|_| asked) else {
        return Vec::new();
    };
    let (id, all) = (OWN, classes.queries.len());
    let known: Vec<u32> = (0..all)
        .filter_map(|query| classes.of_query(query))
        .collect();
    let mut notes = Vec::new();
    match all - known.len() {
        0 => (),
        unknown if unknown == all => notes.push(format!(
            "{id} is null for all queries, since their classes are not known; hullscope score takes them with --labels FILE"
        )),
        unknown => notes.push(format!(
            "{id} is null for {} of {} queries, since their class is not known",
            HumanCount(unknown as u64),
            HumanCount(all as u64)
        )),
    }
    let held: HashSet<u32> = classes.reference.iter().copied().collect();
    let absent = known.iter().filter(|class| !held.contains(class)).count();
    if absent > 0 {
        notes.push(format!(
            "{id} is null for {} of {} queries, since the reference has no row of their class",
            HumanCount(absent as u64),
            HumanCount(all as u64)
        ));
    }
    notes
}

/// A note about queries that are, or nearly are, rows of the reference. None for rows in a `space` other than their own: in
/// few dimensions, such as a corner of an image, different rows may well be equal.
pub fn leakage(summary: &Summary, space: Option<&str>) -> Option<String> {
    if space.is_some_and(|space| space != "pixels") {
        return None;
    }
    let (leakage, queries) = (&summary.leakage, HumanCount(summary.queries));
    let near = leakage.near_repeats.unwrap_or(0);
    let nearly = "at less than a hundredth of the median distance between reference rows";
    match (leakage.repeats, near) {
        (0, 0) => None,
        (0, near) => Some(format!(
            "{} of {queries} queries nearly repeat a reference row, {nearly}: the sets may overlap",
            HumanCount(near)
        )),
        (repeats, near) => {
            let verb = if repeats == 1 {
                "query repeats"
            } else {
                "queries repeat"
            };
            let nearly = match near {
                0 => String::new(),
                near => format!(", {} more nearly do, {nearly}", HumanCount(near)),
            };
            Some(format!(
                "{} {verb} a reference row (of {queries}){nearly}: the sets overlap",
                HumanCount(repeats)
            ))
        }
    }
}

/// Notes about the queries, after all are answered.
pub(super) fn of_queries(plan: &AnalysisPlan, tally: &Tally, queries: u64) -> Vec<String> {
    let mut notes = Vec::new();
    if tally.zero_queries > 0 && asks_for_cosine(plan) {
        notes.push(zero_vectors(tally.zero_queries, queries, "queries"));
    }
    if tally.undecided > 0 {
        let reasons: Vec<String> = tally
            .reasons()
            .into_iter()
            .map(|(reason, count)| format!("{reason} {}", HumanCount(count)))
            .collect();
        notes.push(format!(
            "{} of {} queries are undecided: {}",
            HumanCount(tally.undecided),
            HumanCount(queries),
            reasons.join(", ")
        ));
    }
    if let Some(gap) = plan.gap {
        notes.extend(gaps(gap, tally, queries));
    }
    notes
}

fn asks_for_cosine(plan: &AnalysisPlan) -> bool {
    plan.neighbours > 0 && plan.metric == Metric::Cosine
}

fn zero_vectors(count: u64, all: u64, what: &str) -> String {
    let [count, all] = [count, all].map(HumanCount);
    format!(
        "{count} of {all} {what} are zero vectors: their cosine with any vector is taken to be 0, so they are at \
         distance 1 from everything"
    )
}

/// Notes about few rows, or rows of low rank.
fn rank(facts: &ReferenceFacts) -> Vec<String> {
    let mut notes = Vec::new();
    let Some(rank) = facts.affine_rank else {
        return notes;
    };
    if rank < facts.dim {
        notes.push(format!(
            "the reference has affine rank {} of {}: any query off that subspace is outside, however near",
            HumanCount(rank),
            HumanCount(facts.dim)
        ));
    }
    let different = facts.rows - facts.duplicate_rows;
    let rows = match facts.duplicate_rows {
        0 => format!("{} rows", HumanCount(different)),
        _ => format!("{} different rows", HumanCount(different)),
    };
    if different <= facts.dim {
        notes.push(format!(
            "{rows} in {} dimensions span at most {} of them: with so few rows the hull has no interior",
            HumanCount(facts.dim),
            HumanCount(different - 1)
        ));
    } else if different <= rank {
        let rank = HumanCount(rank);
        notes.push(format!("only {rows} for an affine rank of {rank}"));
    }
    notes
}

/// A note about rows that lie in fewer dimensions up to the rounding of their stored type.
fn flat(facts: &ReferenceFacts) -> Option<String> {
    let (rank, share) = facts.flat_rank.zip(facts.flat_share)?;
    let stored = format!("{:?}", facts.element).to_lowercase();
    Some(format!(
        "the data look flat to {stored} rounding: rank {rank} explains all but {share:.0e} of their spread; queries of the same \
         kind may be outside by that rounding alone"
    ))
}

fn sphere(facts: &ReferenceFacts) -> Option<String> {
    let norm = facts.constant_norm?;
    let but = match facts.zero_rows {
        0 => String::new(),
        zeros => format!(" but {} of zeros", HumanCount(zeros)),
    };
    Some(format!(
        "all reference rows{but} have the norm {norm:.6}: points on a sphere are never inside each other's hull, so \
         verdicts on rows of that norm say nothing; --notion cone asks about their directions"
    ))
}

/// A note that names the rows far from all others, with the option that leaves them out.
fn far_rows(facts: &ReferenceFacts) -> Option<String> {
    let rows = &facts.far_rows;
    let ratio = facts.far_ratio?;
    let (who, one) = match rows[..] {
        [] => return None,
        [row] => (format!("row {row} is"), true),
        [a, b] => (format!("rows {a} and {b} are up to"), false),
        [a, b, ..] => (
            format!("rows {a}, {b} and {} more are up to", rows.len() - 2),
            false,
        ),
    };
    let list = RowList::of(rows).to_string();
    let (them, list) = match list.len() <= LIST {
        true => (if one { "it" } else { "them" }, list),
        false => ("them", "LIST".into()),
    };
    Some(format!(
        "{who} {ratio:.0e} times farther from the columns' medians than the median row; leave \
         {them} out with --exclude-rows {list}"
    ))
}

/// Notes about distances whose bounds are farther apart than `gap`.
fn gaps(gap: f64, tally: &Tally, queries: u64) -> Vec<String> {
    let mut notes = Vec::new();
    let (missed, unknown) = (tally.gaps_beyond(gap), tally.without_distance());
    let queries = HumanCount(queries);
    if !missed.is_empty() {
        let largest = missed.iter().copied().fold(0.0, f64::max);
        notes.push(format!(
            "the gap of {gap} between both ends of a distance was not reached for {} of {queries} queries; the largest \
             is {largest:.2e}",
            HumanCount(missed.len() as u64)
        ));
    }
    if unknown > 0 {
        notes.push(format!(
            "no distance was found for {} of {queries} queries",
            HumanCount(unknown)
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hull::{Answer, Bracket, Certificate, Reason, SolverStage, Verdict};
    use crate::notion::registry::Wanted;
    use crate::rows::images::UNLABELLED;

    fn undecided(reason: Reason, distance: Option<Bracket>) -> Answer {
        Answer {
            verdict: Verdict::Undecided,
            proof: None,
            residual: None,
            reason: Some(reason),
            stage: SolverStage::Open,
            margin: 0.0,
            support: 0,
            scans: 1,
            certificate: Certificate::None,
            distance,
            nearest: None,
        }
    }

    #[test]
    fn queries_without_rows_of_their_class_are_counted() {
        let plan = |text: &str| AnalysisPlan {
            notions: Wanted(vec![text.into()]),
            ..AnalysisPlan::default()
        };
        let said = |text: &str, queries: &[u32]| {
            let classes = Classes {
                reference: vec![0, 0, 1],
                queries: queries.to_vec(),
                predicted: Vec::new(),
                names: ["a", "b", "c", UNLABELLED].map(String::from).to_vec(),
            };
            of_classes(&plan(text).made(Some(&classes)).unwrap(), Some(&classes))
        };
        assert_eq!(
            said("hull,class", &[3, 3]),
            [
                "class_own is null for all queries, since their classes are not known; hullscope score takes them with \
              --labels FILE"
            ]
        );
        assert_eq!(
            said("class", &[0, 3, 1, 2, 2]),
            [
                "class_own is null for 1 of 5 queries, since their class is not known",
                "class_own is null for 2 of 5 queries, since the reference has no row of their class"
            ]
        );
        for (notions, queries) in [("class", &[0, 1][..]), ("class", &[]), ("hull", &[3, 3])] {
            assert!(said(notions, queries).is_empty(), "{notions} {queries:?}");
        }
        let notions = plan("class").made(None).unwrap();
        assert!(of_classes(&notions, None).is_empty());
    }

    #[test]
    fn undecided_queries_are_said_with_their_reasons_and_gaps() {
        let mut tally = Tally::default();
        let bracket = |lower, upper| Some(Bracket { lower, upper });
        tally.hull_answers(&[
            undecided(Reason::Rounds, bracket(0.5, 1.0)),
            undecided(Reason::Rounding, bracket(1.0, 1.01)),
            undecided(Reason::Rounds, None),
        ]);
        let plan = AnalysisPlan {
            gap: Some(0.05),
            ..AnalysisPlan::default()
        };
        assert_eq!(
            of_queries(&plan, &tally, 9),
            [
                "3 of 9 queries are undecided: rounding 1, rounds 2",
                "the gap of 0.05 between both ends of a distance was not reached for 1 of 9 queries; the largest is 5.00e-1",
                "no distance was found for 1 of 9 queries",
            ]
        );
        assert!(of_queries(&AnalysisPlan::default(), &Tally::default(), 9).is_empty());
    }
}
