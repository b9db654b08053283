//! Error rates and mean losses with their intervals, and the risk that remains when the most extrapolated are refused.
//!
//! Queries are accepted in the order of their scores, the least extrapolated first. `risk(k)` is the mean outcome of the
//! first k of n queries:
//!
//! ```text
//! AURC = 1/n sum_k risk(k),    excess = AURC - (AURC of the outcomes' own order)    (Geifman, Uziel, El-Yaniv 2019)
//! ```
//!
//! For queries with equal scores, whose order is arbitrary, the mean over all orders is taken.

use super::missing::{Measured, Missing};
use super::normal::Z95;
use super::ranks::Order;
use crate::study::rate::wilson95;
use serde::{Deserialize, Serialize};

/// The error rate, or the mean loss, of some queries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Risk {
    pub queries: u64,
    /// The error rate, or the mean loss.
    pub mean: f64,
    /// The 95 % interval: Wilson's for errors, the normal one for losses, which needs two queries.
    pub interval95: Measured<[f64; 2]>,
}

/// The risk when queries are refused by their score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Aurc {
    /// The area under the risk-coverage curve; smaller is better.
    pub aurc: f64,
    /// The area in excess of that of the best order; 0 is perfect.
    pub excess: f64,
}

/// The mean of outcomes; `errors` says that they are 0 and 1.
pub(super) fn risk(outcomes: impl Iterator<Item = f64>, errors: bool) -> Result<Risk, Missing> {
    let outcomes: Vec<f64> = outcomes.collect();
    let (queries, n) = (outcomes.len() as u64, outcomes.len() as f64);
    if queries == 0 {
        return Err(Missing::NoQueries);
    }
    let sum: f64 = outcomes.iter().sum();
    let mean = sum / n;
    let interval95 = if errors {
        Measured::Value(wilson95(sum as u64, queries))
    } else if queries == 1 {
        Measured::Missing(Missing::TooFew)
    } else {
        let squares: f64 = outcomes.iter().map(|value| (value - mean).powi(2)).sum();
        let half = Z95 * (squares / (n - 1.0) / n).sqrt();
        Measured::Value([mean - half, mean + half])
    };
    Ok(Risk {
        queries,
        mean,
        interval95,
    })
}

/// AURC of a score without NaN over at least one outcome.
pub(super) fn aurc(score: &[f64], outcomes: &[f64]) -> Aurc {
    let aurc = area(&Order::of(score), outcomes);
    Aurc {
        aurc,
        excess: (aurc - area(&Order::of(outcomes), outcomes)).max(0.0),
    }
}

fn area(order: &Order, outcomes: &[f64]) -> f64 {
    let (mut accepted, mut total) = (0.0, 0.0);
    for group in &order.groups {
        let places = &order.places[group.clone()];
        let sum: f64 = places.iter().map(|&place| outcomes[place]).sum();
        let each = sum / places.len() as f64;
        for at in group.clone() {
            let of_group = (at + 1 - group.start) as f64;
            total += (accepted + each * of_group) / (at + 1) as f64;
        }
        accepted += sum;
    }
    total / outcomes.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean over all orders of tied queries.
    #[test]
    fn ties_count_as_the_mean_of_all_orders() {
        let score = [1.0, 2.0, 2.0, 2.0, 3.0];
        let outcomes = [0.0, 1.0, 0.0, 0.5, 1.0];
        let orders = [
            [1, 2, 3],
            [1, 3, 2],
            [2, 1, 3],
            [2, 3, 1],
            [3, 1, 2],
            [3, 2, 1],
        ];
        let of = |middle: &[usize; 3]| -> f64 {
            let order = [0, middle[0], middle[1], middle[2], 4];
            let sums = order.iter().scan(0.0, |sum, &place| {
                *sum += outcomes[place];
                Some(*sum)
            });
            sums.enumerate()
                .map(|(k, sum)| sum / (k + 1) as f64)
                .sum::<f64>()
                / 5.0
        };
        let expected = orders.iter().map(of).sum::<f64>() / 6.0;
        assert!((aurc(&score, &outcomes).aurc - expected).abs() < 1e-15);
    }

    #[test]
    fn the_outcomes_own_order_has_no_excess() {
        let outcomes = [0.0, 0.0, 1.0, 1.0];
        let best = aurc(&[1.0, 2.0, 3.0, 4.0], &outcomes);
        assert_eq!((best.excess, best.aurc), (0.0, (1.0 / 3.0 + 0.5) / 4.0));
        assert!(aurc(&[4.0, 3.0, 2.0, 1.0], &outcomes).excess > 0.5);
    }

    #[test]
    fn rates_and_means_have_intervals() {
        let rate = risk([1.0, 0.0, 0.0, 1.0].into_iter(), true).unwrap();
        assert_eq!(
            (rate.mean, rate.interval95),
            (0.5, Measured::Value(wilson95(2, 4)))
        );
        let mean = risk([1.0, 3.0].into_iter(), false).unwrap();
        assert_eq!(mean.interval95, Measured::Value([2.0 - Z95, 2.0 + Z95]));
        let one = risk([1.0].into_iter(), false).unwrap();
        assert_eq!(one.interval95, Measured::Missing(Missing::TooFew));
        assert_eq!(risk(std::iter::empty(), true), Err(Missing::NoQueries));
    }
}
