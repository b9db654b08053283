//! Error rates, or mean losses, by decile of a score.
//!
//! A query with midrank r among n is in decile `floor(10 (r - 1/2) / n) + 1`: queries with equal scores are in the same
//! one whatever their order, so that with many ties some deciles are larger and others have no queries.

use super::ranks::Order;
use super::risk::{Risk, risk};
use serde::{Deserialize, Serialize};

/// The queries of a decile of a score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Decile {
    /// From 1, the least extrapolated, to 10.
    pub decile: u8,
    /// The least and the largest score in it; an infinite one is the largest finite number.
    pub scores: [f64; 2],
    pub risk: Risk,
}

/// The deciles that have queries, for a score without NaN.
pub(super) fn deciles(score: &[f64], outcomes: &[f64], errors: bool) -> Vec<Decile> {
    let order = Order::of(score);
    let n = score.len();
    let of_group = |group: &std::ops::Range<usize>| {
        // With ranks start+1..=end of the group, 2 r - 1 = start + end.
        ((10 * (group.start + group.end)) / (2 * n)) as u8 + 1
    };
    let mut found = Vec::new();
    for groups in order.groups.chunk_by(|a, b| of_group(a) == of_group(b)) {
        let (Some(first), Some(last)) = (groups.first(), groups.last()) else {
            continue;
        };
        let places = &order.places[first.start..last.end];
        let (Some(&least), Some(&most)) = (places.first(), places.last()) else {
            continue;
        };
        let of_places = places.iter().map(|&place| outcomes[place]);
        let Ok(risk) = risk(of_places, errors) else {
            continue;
        };
        found.push(Decile {
            decile: of_group(first),
            scores: [least, most].map(|place| score[place].clamp(f64::MIN, f64::MAX)),
            risk,
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenths_of_different_scores() {
        let score: Vec<f64> = (0..100).rev().map(f64::from).collect();
        let outcomes: Vec<f64> = (0..100).map(|n| f64::from(u8::from(n < 15))).collect();
        let found = deciles(&score, &outcomes, true);
        let numbers: Vec<u8> = found.iter().map(|decile| decile.decile).collect();
        assert_eq!(numbers, (1..=10).collect::<Vec<u8>>());
        assert!(found.iter().all(|decile| decile.risk.queries == 10));
        assert_eq!(found[9].scores, [90.0, 99.0]);
        assert_eq!(
            (found[9].risk.mean, found[8].risk.mean, found[0].risk.mean),
            (1.0, 0.5, 0.0)
        );
    }

    /// 64 of 100 queries have the score 0: they form one group in any order of the queries.
    #[test]
    fn equal_scores_stay_together() {
        let score: Vec<f64> = (0..100).map(|n| f64::from((n - 63).max(0))).collect();
        let found = deciles(&score, &[0.0; 100], true);
        let sizes: Vec<(u8, u64)> = found.iter().map(|d| (d.decile, d.risk.queries)).collect();
        assert_eq!(sizes, [(4, 64), (7, 6), (8, 10), (9, 10), (10, 10)]);
        assert_eq!(deciles(&[1.0; 7], &[0.0; 7], true).len(), 1);
        assert!(deciles(&[], &[], true).is_empty());
    }
}
