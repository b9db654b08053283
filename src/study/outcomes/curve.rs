//! ROC curves and their numbers: points, average precision, the false positive rate at a given true positive rate.
//!
//! A threshold flags the queries whose score is at least as large. Thresholds are the different scores, from the largest
//! down, so that queries with equal scores are flagged together.

use super::ranks::Order;
use serde::{Deserialize, Serialize};

/// The true positive rate at which false positives are counted.
pub const TPR: f64 = 0.95;

/// The most points of a curve that is kept for drawing.
const POINTS: usize = 200;

/// How well a score predicts errors, from its ROC curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Precision {
    /// Average precision, `sum (R_k - R_(k-1)) P_k` over thresholds, without interpolation (as scikit-learn defines it).
    pub average: f64,
    /// The average precision of a score that is independent of errors: the share of errors.
    pub chance: f64,
    /// The share of the other queries flagged at the largest threshold that flags at least 95 % of the errors.
    pub fpr95: f64,
}

/// The numbers of errors and of other queries that are flagged at each threshold.
pub(super) struct Roc {
    steps: Vec<[u64; 2]>,
}

impl Roc {
    /// The curve of a score without NaN, over queries with both errors and others.
    pub fn of(score: &[f64], errors: &[bool]) -> Self {
        let order = Order::of(score);
        let mut steps = Vec::with_capacity(order.groups.len());
        let mut flagged = [0, 0];
        for group in order.groups.iter().rev() {
            for &place in &order.places[group.clone()] {
                flagged[usize::from(!errors[place])] += 1;
            }
            steps.push(flagged);
        }
        Roc { steps }
    }

    fn totals(&self) -> [f64; 2] {
        self.steps
            .last()
            .copied()
            .unwrap_or([0, 0])
            .map(|n| n as f64)
    }

    /// Average precision and false positive rate.
    pub fn precision(&self) -> Precision {
        let [errors, others] = self.totals();
        let (mut average, mut before) = (0.0, 0);
        for &[found, alarms] in &self.steps {
            average += (found - before) as f64 / errors * found as f64 / (found + alarms) as f64;
            before = found;
        }
        let enough = |step: &&[u64; 2]| step[0] as f64 / errors >= TPR;
        let alarms = self
            .steps
            .iter()
            .find(enough)
            .map_or(others, |step| step[1] as f64);
        Precision {
            average,
            chance: errors / (errors + others),
            fpr95: alarms / others,
        }
    }

    /// (false positive rate, true positive rate) from (0, 0) to (1, 1): all thresholds, or about 200 of them evenly spaced.
    pub fn points(&self) -> Vec<[f64; 2]> {
        let [errors, others] = self.totals();
        let every = self.steps.len().div_ceil(POINTS).max(1);
        let last = self.steps.len().saturating_sub(1);
        let kept = self.steps.iter().enumerate();
        let kept = kept.filter(|(at, _)| at % every == 0 || *at == last);
        let shares =
            kept.map(|(_, &[found, alarms])| [alarms as f64 / others, found as f64 / errors]);
        std::iter::once([0.0, 0.0]).chain(shares).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_start_and_end_in_the_corners() {
        let score: Vec<f64> = (0..1000).map(|n| f64::from(n % 450)).collect();
        let errors: Vec<bool> = (0..1000).map(|n| n % 7 == 0).collect();
        let points = Roc::of(&score, &errors).points();
        assert!((100..=POINTS + 2).contains(&points.len()));
        assert_eq!(
            (points[0], points[points.len() - 1]),
            ([0.0, 0.0], [1.0, 1.0])
        );
        assert!(points.is_sorted_by(|a, b| a[0] <= b[0] && a[1] <= b[1]));
    }

    #[test]
    fn a_score_that_says_nothing_has_the_precision_of_chance() {
        let found = Roc::of(
            &[1.0; 8],
            &[true, false, false, false, true, false, false, false],
        )
        .precision();
        assert_eq!(
            (found.average, found.chance, found.fpr95),
            (0.25, 0.25, 1.0)
        );
    }
}
