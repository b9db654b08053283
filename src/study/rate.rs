//! Proportions and quantiles with their uncertainty.
//!
//! Wilson's score interval (Wilson 1927): for p = x/n and z = 1.96,
//! `(p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)`. It stays within [0, 1] and has no zero width at x = 0 and x = n.

use crate::notion::quantile_of_sorted;
use serde::{Deserialize, Serialize};

/// The z-value of a two-sided 95 % interval.
const Z95: f64 = 1.959_963_984_540_054;

/// Wilson's 95 % interval of `hits` out of `trials`; (0, 1) when there are no trials.
pub fn wilson95(hits: u64, trials: u64) -> [f64; 2] {
    if trials == 0 {
        return [0.0, 1.0];
    }
    let (n, p) = (trials as f64, hits as f64 / trials as f64);
    let z2 = Z95 * Z95;
    let middle = p + z2 / (2.0 * n);
    let half = Z95 * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let whole = 1.0 + z2 / n;
    // At x = 0 and x = n the formula gives 0 and 1 up to rounding.
    [
        if hits == 0 {
            0.0
        } else {
            (middle - half) / whole
        },
        if hits == trials {
            1.0
        } else {
            (middle + half) / whole
        },
    ]
}

/// `hits` out of `trials` as a share; `None` without trials.
pub fn share(hits: u64, trials: u64) -> Option<f64> {
    (trials > 0).then(|| hits as f64 / trials as f64)
}

/// The 95 % interval of that share; `None` without trials.
pub fn share95(hits: u64, trials: u64) -> Option<[f64; 2]> {
    (trials > 0).then(|| wilson95(hits, trials))
}

/// The number of queries outside by one notion, and their share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// The notion's id: `hull`, `range`, `knn_10`, ...
    pub notion: String,
    pub queries: u64,
    pub outside: u64,
    /// Queries that the notion could not decide; they count as not outside.
    pub undecided: u64,
    /// outside / queries; `None` without queries.
    pub rate: Option<f64>,
    /// Wilson's 95 % interval of the rate.
    pub interval95: Option<[f64; 2]>,
}

impl Rate {
    /// The rate of some queries.
    pub fn new(notion: &str, queries: u64, outside: u64, undecided: u64) -> Self {
        Rate {
            notion: notion.into(),
            queries,
            outside,
            undecided,
            rate: share(outside, queries),
            interval95: share95(outside, queries),
        }
    }

    /// The rate of queries that are outside, not outside, or undecided (`None`).
    pub fn of(notion: &str, outside: impl Iterator<Item = Option<bool>>) -> Self {
        let (mut queries, mut count, mut undecided) = (0, 0, 0);
        for outside in outside {
            queries += 1;
            count += u64::from(outside == Some(true));
            undecided += u64::from(outside.is_none());
        }
        Rate::new(notion, queries, count, undecided)
    }

    /// Whether the rate differs from another one, by Newcombe's 95 % interval for a difference of two proportions
    /// (Statistics in Medicine 17, 1998, method 10), widened by the undecided queries.
    pub fn against(&self, other: &Rate) -> Contrast {
        let ends = |rate: &Rate| {
            let most = rate.outside + rate.undecided;
            let all = rate.queries.max(1) as f64;
            let [low, _] = wilson95(rate.outside, rate.queries);
            let [_, high] = wilson95(most, rate.queries);
            (rate.outside as f64 / all, low, most as f64 / all, high)
        };
        let (least, low, most, high) = ends(self);
        let (other_least, other_low, other_most, other_high) = ends(other);
        if least > NEARLY_ALL && other_least > NEARLY_ALL {
            return Contrast::NearlyAll;
        }
        let more = least - other_most - (least - low).hypot(other_high - other_most) > 0.0;
        let less = other_least - most - (other_least - other_low).hypot(high - most) > 0.0;
        match (more, less) {
            (true, _) => Contrast::More,
            (_, true) => Contrast::Less,
            _ => Contrast::None,
        }
    }
}

/// Where both of two rates are above this, they are not compared.
const NEARLY_ALL: f64 = 0.99;

/// How a rate differs from another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contrast {
    /// Both are so near to 1 that a difference would mean nothing.
    NearlyAll,
    More,
    Less,
    /// No difference is certain.
    None,
}

/// Order statistics of a sample, by linear interpolation between neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    pub min: f64,
    pub q05: f64,
    pub q25: f64,
    pub median: f64,
    pub q75: f64,
    pub q95: f64,
    pub max: f64,
    pub mean: f64,
}

/// Quantiles of `values`; `None` if there are none. Values must be finite.
pub fn quantiles(values: &mut [f64]) -> Option<Quantiles> {
    if values.is_empty() {
        return None;
    }
    values.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| quantile_of_sorted(values, share);
    Some(Quantiles {
        min: at(0.0),
        q05: at(0.05),
        q25: at(0.25),
        median: at(0.5),
        q75: at(0.75),
        q95: at(0.95),
        max: at(1.0),
        mean: values.iter().sum::<f64>() / values.len() as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_at_the_edges_and_in_the_middle() {
        // Expected values: Wilson's formula in exact rational arithmetic, for 50 of 100 and 0 of 10.
        let [low, high] = wilson95(50, 100);
        assert!((low - 0.403_831_5).abs() < 1e-6 && (high - 0.596_168_5).abs() < 1e-6);
        let [low, high] = wilson95(0, 10);
        assert_eq!(low, 0.0);
        assert!((high - 0.277_532_8).abs() < 1e-6);
        for trials in [1, 7, 2000] {
            assert_eq!(wilson95(0, trials)[0], 0.0);
            assert_eq!(wilson95(trials, trials)[1], 1.0);
        }
    }

    #[test]
    fn of_no_query_there_is_no_rate() {
        let none = Rate::new("hull", 0, 0, 0);
        assert_eq!((none.rate, none.interval95), (None, None));
        let written = serde_json::to_value(&none).unwrap();
        assert!(written["rate"].is_null() && written["interval95"].is_null());
        assert_eq!(serde_json::from_value::<Rate>(written).unwrap(), none);
    }

    #[test]
    fn quantiles_interpolate() {
        let all = quantiles(&mut [4.0, 1.0, 3.0, 2.0, 5.0]).unwrap();
        assert_eq!(
            (all.min, all.q25, all.median, all.max, all.mean),
            (1.0, 2.0, 3.0, 5.0, 3.0)
        );
        assert_eq!(quantiles(&mut [1.0, 2.0]).unwrap().median, 1.5);
        assert!(quantiles(&mut []).is_none());
    }

    /// At equal rates, large samples differ significantly and small ones do not, nor samples with too many undecided queries.
    #[test]
    fn only_a_clear_difference_is_one() {
        let rate = |queries, outside| Rate::new("hull", queries, outside, 0);
        let found = |a: Rate, b: Rate| a.against(&b);
        assert_eq!(found(rate(100, 40), rate(100, 35)), Contrast::None);
        let (many, fewer) = (|| rate(10_000, 4000), || rate(10_000, 3500));
        assert_eq!(found(many(), fewer()), Contrast::More);
        assert_eq!(found(fewer(), many()), Contrast::Less);
        let mut open = fewer();
        open.undecided = 500;
        assert_eq!(found(open, many()), Contrast::None);
        let all = found(rate(1000, 1000), rate(1000, 995));
        assert_eq!(all, Contrast::NearlyAll);
    }
}
