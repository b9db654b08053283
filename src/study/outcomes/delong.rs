//! The area under the ROC curve with its variance, and the difference of two areas over the same queries.
//!
//! ```text
//! AUROC = P(score of an error > score of another query) + P(equal) / 2,   over all m n pairs
//! V10_i = share of the n others that error i is above,   V01_j = share of the m errors that are above other j
//! var   = var(V10) / m + var(V01) / n,   and the same with covariances for two scores (DeLong et al. 1988)
//! ```
//!
//! The shares come from ranks: with T_all the midrank among all queries and T_own that among queries of the same outcome,
//! V10_i is (T_all - T_own) / n (Sun and Xu 2014), which needs a sort instead of all pairs.

use super::missing::{Measured, Missing};
use super::normal::{interval95, two_sided};
use super::ranks::{Order, midranks};
use serde::{Deserialize, Serialize};

/// The area under a ROC curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Auroc {
    /// From 0 to 1; one half is chance. Ties count half.
    pub value: f64,
    /// DeLong's 95 % interval, clipped to 0..1.
    pub interval95: Measured<[f64; 2]>,
    /// DeLong's standard error.
    pub standard_error: Measured<f64>,
}

/// Two notions of a space, as predictors of the same outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    pub space: String,
    /// Ids of the two notions.
    pub a: String,
    pub b: String,
    /// Queries that have an outcome and both scores.
    pub queries: u64,
    /// The difference over these queries.
    pub found: Measured<Difference>,
}

/// The difference of two areas under ROC curves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    pub auroc_a: f64,
    pub auroc_b: f64,
    /// `auroc_a - auroc_b`.
    pub difference: f64,
    /// DeLong's 95 % interval of the difference.
    pub interval95: [f64; 2],
    /// DeLong's test that the areas are equal, two-sided.
    pub p_value: f64,
    /// The same, corrected by Holm for all pairs of notions of all spaces: see [`crate::study::holm`].
    pub p_holm: f64,
}

impl Difference {
    /// The comparison of b with a.
    pub fn turned(self) -> Self {
        let [low, high] = self.interval95;
        Difference {
            auroc_a: self.auroc_b,
            auroc_b: self.auroc_a,
            difference: -self.difference,
            interval95: [-high, -low],
            ..self
        }
    }
}

/// The structural components of an area.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Components {
    /// V10 of each error, in the order of the queries.
    errors: Vec<f64>,
    /// V01 of each other query.
    others: Vec<f64>,
}

/// The values of the errors if `kind` is true, otherwise those of the others.
fn those(values: &[f64], errors: &[bool], kind: bool) -> Vec<f64> {
    let each = values.iter().zip(errors);
    each.filter(|(_, error)| **error == kind)
        .map(|(value, _)| *value)
        .collect()
}

/// Refuses queries for which there is no area, and a constant score, whose area is meaningless.
pub(super) fn check(score: &[f64], errors: &[bool]) -> Result<(), Missing> {
    let count = errors.iter().filter(|error| **error).count();
    if score.is_empty() {
        Err(Missing::NoQueries)
    } else if count == 0 {
        Err(Missing::NoErrors)
    } else if count == errors.len() {
        Err(Missing::OnlyErrors)
    } else if score.iter().all(|value| *value == score[0]) {
        Err(Missing::Constant)
    } else {
        Ok(())
    }
}

impl Components {
    /// The components of a score without NaN, over queries with both errors and others.
    pub fn of(score: &[f64], errors: &[bool]) -> Self {
        let all = Order::of(score).midranks();
        let share = |kind: bool| -> Vec<f64> {
            let own = midranks(&those(score, errors, kind));
            let other = (score.len() - own.len()) as f64;
            let among_all = those(&all, errors, kind);
            let below = among_all.iter().zip(&own);
            below.map(|(all, own)| (all - own) / other).collect()
        };
        Components {
            errors: share(true),
            others: share(false).into_iter().map(|below| 1.0 - below).collect(),
        }
    }

    /// The area: the mean of V10.
    pub fn area(&self) -> f64 {
        mean(&self.errors)
    }

    /// The number of pairs of an error and another query.
    pub fn pairs(&self) -> f64 {
        self.errors.len() as f64 * self.others.len() as f64
    }

    /// DeLong's covariance of two areas over the same queries; with itself, the variance of an area. It needs two errors and two
    /// others.
    pub fn covariance(&self, other: &Components) -> Result<f64, Missing> {
        if self.errors.len() < 2 || self.others.len() < 2 {
            return Err(Missing::TooFew);
        }
        Ok(
            covariance(&self.errors, &other.errors) / self.errors.len() as f64
                + covariance(&self.others, &other.others) / self.others.len() as f64,
        )
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The unbiased sample covariance.
fn covariance(a: &[f64], b: &[f64]) -> f64 {
    let (middle_a, middle_b) = (mean(a), mean(b));
    let products = a
        .iter()
        .zip(b)
        .map(|(a, b)| (a - middle_a) * (b - middle_b));
    products.sum::<f64>() / (a.len() - 1) as f64
}

/// The area of components, with its interval.
pub(super) fn auroc(components: &Components) -> Auroc {
    let value = components.area();
    // An area of 0 or 1 has an estimated variance of 0, from which no valid interval follows.
    let error = match components.covariance(components) {
        Ok(variance) if variance > 0.0 => Ok(variance.sqrt()),
        Ok(_) => Err(Missing::Separated),
        Err(why) => Err(why),
    };
    let error: Measured<f64> = error.into();
    Auroc {
        value,
        interval95: error.map(|error| interval95(value, error, [0.0, 1.0])),
        standard_error: error,
    }
}

/// DeLong's paired test; its p-value is not yet corrected.
pub(super) fn difference(a: &Components, b: &Components) -> Result<Difference, Missing> {
    let variance = a.covariance(a)? + b.covariance(b)? - 2.0 * a.covariance(b)?;
    let (auroc_a, auroc_b) = (a.area(), b.area());
    let difference = auroc_a - auroc_b;
    if a == b {
        return Err(Missing::SameOrder);
    }
    // A variance this small is the rounding error of terms that cancel.
    if variance <= 1e-15 {
        return Err(Missing::Separated);
    }
    let error = variance.sqrt();
    let p_value = two_sided(difference / error);
    Ok(Difference {
        auroc_a,
        auroc_b,
        difference,
        interval95: interval95(difference, error, [-1.0, 1.0]),
        p_value,
        p_holm: p_value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The components by their definition: all pairs, ties half.
    fn pairs(score: &[f64], errors: &[bool]) -> Components {
        let above = |a: f64, b: f64| match a.partial_cmp(&b).unwrap() {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        };
        let (x, y) = (those(score, errors, true), those(score, errors, false));
        Components {
            errors: x
                .iter()
                .map(|&x| mean(&y.iter().map(|&y| above(x, y)).collect::<Vec<_>>()))
                .collect(),
            others: y
                .iter()
                .map(|&y| mean(&x.iter().map(|&x| above(x, y)).collect::<Vec<_>>()))
                .collect(),
        }
    }

    fn near(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12)
    }

    proptest! {
        /// Scores have few different values, so that most pairs are ties.
        #[test]
        fn ranks_give_what_all_pairs_give(
            queries in prop::collection::vec((0..12_i32, any::<bool>()), 2..60),
        ) {
            let score: Vec<f64> = queries.iter().map(|query| f64::from(query.0) / 3.0 - 1.0).collect();
            let errors: Vec<bool> = queries.iter().map(|query| query.1).collect();
            prop_assume!(errors.iter().any(|error| *error) && errors.iter().any(|error| !*error));
            let (fast, slow) = (Components::of(&score, &errors), pairs(&score, &errors));
            prop_assert!(near(&fast.errors, &slow.errors) && near(&fast.others, &slow.others));
            prop_assert!((fast.area() - mean(&slow.others)).abs() < 1e-12);
        }
    }

    /// The data of DeLong, DeLong and Clarke-Pearson (1988): 43 patients with ovarian cancer for whom all three tests are known.
    /// Two of the tests are compared, total protein and the K-G score. Data and results are from the SAS/STAT 14.1 User's
    /// Guide, PROC LOGISTIC, "Comparing Receiver Operating Characteristic Curves", to its four digits:
    /// <https://support.sas.com/documentation/cdl/en/statug/68162/HTML/default/statug_logistic_examples08.htm>.
    #[test]
    fn the_example_of_delong_and_others() {
        const DATA: &str = "3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0 \
            1.6 5.6 5 1 3.8 5.7 5 1 3.7 6.7 6 1 3.2 5.4 4 1 3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1 4.3 7.0 4 1 \
            3.6 6.7 4 0 2.3 4.4 6 1 4.2 7.6 4 0 4.0 6.6 6 0 3.5 5.8 6 1 3.8 6.8 7 1 3.0 4.7 8 0 4.5 7.4 5 1 \
            3.7 7.4 5 1 3.1 6.6 6 1 4.1 8.2 6 1 4.3 7.0 5 1 4.3 6.5 4 1 3.2 5.1 5 1 2.6 4.7 6 1 3.3 6.8 6 0 \
            1.7 4.0 7 0 3.7 6.1 5 1 3.3 6.3 7 1 4.2 7.7 6 1 3.5 6.2 5 1 2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 \
            4.0 7.0 7 1 3.3 5.7 6 1 3.7 6.9 5 1 3.6 6.6 5 1";
        let values: Vec<f64> = DATA
            .split_whitespace()
            .map(|v| v.parse().unwrap())
            .collect();
        let patients = values.as_chunks::<4>().0;
        let errors: Vec<bool> = patients.iter().map(|patient| patient[3] == 1.0).collect();
        let of = |test: usize, sign: f64| {
            let score: Vec<f64> = patients
                .iter()
                .map(|patient| sign * patient[test])
                .collect();
            Components::of(&score, &errors)
        };
        let (protein, kg) = (of(1, 1.0), of(2, -1.0));
        let near = |found: f64, published: f64| (found - published).abs() <= 0.5e-4 + 1e-12;
        for (components, area, error, low, high) in [
            (&kg, 0.7258, 0.1028, 0.5243, 0.9273),
            (&protein, 0.6478, 0.1000, 0.4518, 0.8439),
        ] {
            let found = auroc(components);
            let ends = found.interval95.value().unwrap();
            assert!(
                near(found.value, area) && near(*found.standard_error.value().unwrap(), error),
                "{found:?}"
            );
            assert!(near(ends[0], low) && near(ends[1], high), "{found:?}");
        }
        let found = difference(&protein, &kg).unwrap();
        assert!(
            near(found.difference, -0.0780) && near(found.p_value, 0.4561),
            "{found:?}"
        );
        let [low, high] = found.interval95;
        assert!(near(low, -0.2830) && near(high, 0.1271), "{found:?}");
    }

    #[test]
    fn what_has_no_variance_says_so() {
        let errors = [true, true, false, false];
        let whole = Components::of(&[3.0, 4.0, 1.0, 2.0], &errors);
        let found = auroc(&whole);
        assert_eq!(
            (found.value, found.interval95.missing()),
            (1.0, Some(Missing::Separated))
        );
        assert_eq!(difference(&whole, &whole), Err(Missing::SameOrder));
        let none = Components::of(&[1.0, 2.0, 3.0, 4.0], &errors);
        assert_eq!(difference(&whole, &none), Err(Missing::Separated));
        let one = Components::of(&[1.0, 2.0, 0.0], &[true, false, false]);
        assert_eq!(auroc(&one).interval95.missing(), Some(Missing::TooFew));
        assert_eq!(check(&[1.0, 1.0], &[true, false]), Err(Missing::Constant));
        assert_eq!(check(&[], &[]), Err(Missing::NoQueries));
    }
}
