//! Two spaces compared query by query.

use super::SpaceReport;
use crate::study::holm::holm;
use crate::study::mcnemar::mcnemar;
use serde::Serialize;

/// The verdicts of two spaces as a two-by-two table, over the queries that both decided.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    pub a: String,
    pub b: String,
    pub both_inside: u64,
    pub only_a_inside: u64,
    pub only_b_inside: u64,
    pub neither_inside: u64,
    /// Queries that one of the two left undecided.
    pub undecided: u64,
    /// McNemar's exact test, two-sided: the probability of a difference at least as one-sided if none were real.
    pub p_value: f64,
    /// The same, corrected by Holm for the number of pairs: see [`holm`].
    pub p_holm: f64,
}

/// Every pair, in the order of the spaces. Spaces whose rows lie on a sphere are left out, because their hull is vacuous.
pub(super) fn all(spaces: &[SpaceReport]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let spaces = spaces.iter().filter(|space| space.sphere.is_none());
    let spaces: Vec<&SpaceReport> = spaces.collect();
    for (place, a) in spaces.iter().enumerate() {
        pairs.extend(spaces[place + 1..].iter().map(|b| pair(a, b)));
    }
    let alone: Vec<f64> = pairs.iter().map(|pair| pair.p_value).collect();
    for (pair, corrected) in pairs.iter_mut().zip(holm(&alone)) {
        pair.p_holm = corrected;
    }
    pairs
}

fn pair(a: &SpaceReport, b: &SpaceReport) -> Pair {
    let mut pair = Pair {
        a: a.space.clone(),
        b: b.space.clone(),
        both_inside: 0,
        only_a_inside: 0,
        only_b_inside: 0,
        neither_inside: 0,
        undecided: 0,
        p_value: 1.0,
        p_holm: 1.0,
    };
    for verdicts in a.verdicts.chars().zip(b.verdicts.chars()) {
        match verdicts {
            ('i', 'i') => pair.both_inside += 1,
            ('i', 'o') => pair.only_a_inside += 1,
            ('o', 'i') => pair.only_b_inside += 1,
            ('o', 'o') => pair.neither_inside += 1,
            _ => pair.undecided += 1,
        }
    }
    pair.p_value = mcnemar(pair.only_a_inside, pair.only_b_inside);
    pair
}
