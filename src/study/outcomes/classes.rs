//! The area under the ROC curve within classes: how a score predicts errors apart from some classes being harder.
//!
//! Only pairs of an error and another query *of the same class* count, each with the same weight:
//! `sum_c m_c n_c AUROC_c / sum_c m_c n_c` over classes with `m_c` errors and `n_c` others. Classes are independent, so
//! the variance is `sum_c (m_c n_c)^2 var_c / (sum_c m_c n_c)^2` with DeLong's `var_c`, given the numbers of pairs.

use super::delong::{Components, check};
use super::missing::{Measured, Missing};
use super::normal::interval95;
use serde::{Deserialize, Serialize};

/// The area within classes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WithinClasses {
    pub auroc: f64,
    /// The 95 % interval; missing if a class has only a single error or a single other query.
    pub interval95: Measured<[f64; 2]>,
    /// The number of classes with both errors and other queries.
    pub classes: u64,
    /// The number of pairs within them.
    pub pairs: u64,
}

/// The area for a score without NaN; queries without a class are left out.
pub(super) fn within(
    score: &[f64],
    errors: &[bool],
    classes: &[Option<u32>],
) -> Result<WithinClasses, Missing> {
    check(score, errors)?;
    let mut members: Vec<(u32, usize)> = classes
        .iter()
        .enumerate()
        .filter_map(|(query, class)| Some(((*class)?, query)))
        .collect();
    members.sort_unstable();
    let (mut count, mut pairs, mut sum) = (0, 0.0, 0.0);
    let mut variance = Ok(0.0);
    for class in members.chunk_by(|a, b| a.0 == b.0) {
        let score: Vec<f64> = class.iter().map(|member| score[member.1]).collect();
        let errors: Vec<bool> = class.iter().map(|member| errors[member.1]).collect();
        if !errors.contains(&true) || !errors.contains(&false) {
            continue;
        }
        let components = Components::of(&score, &errors);
        let weight = components.pairs();
        count += 1;
        pairs += weight;
        sum += weight * components.area();
        let own = components.covariance(&components);
        variance = variance.and_then(|all: f64| Ok(all + weight * weight * own?));
    }
    if count == 0 {
        return Err(Missing::NoMixedClass);
    }
    let auroc = sum / pairs;
    let error = match variance {
        Ok(variance) if variance > 0.0 => Ok(variance.sqrt() / pairs),
        Ok(_) => Err(Missing::Separated),
        Err(why) => Err(why),
    };
    let error: Measured<f64> = error.into();
    Ok(WithinClasses {
        auroc,
        interval95: error.map(|error| interval95(auroc, error, [0.0, 1.0])),
        classes: count,
        pairs: pairs as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::outcomes::delong::auroc;

    /// A score that only tells classes apart seems to predict errors, but within classes it is at chance.
    #[test]
    fn class_alone_is_no_prediction() {
        let queries = 0..400_u32;
        let classes: Vec<Option<u32>> = queries.clone().map(|n| Some(n % 2)).collect();
        let errors: Vec<bool> = queries
            .clone()
            .map(|n| n % 2 == 1 && n % 3 != 0 || n % 20 == 0)
            .collect();
        let score: Vec<f64> = queries.map(|n| f64::from(n % 2)).collect();
        let whole = auroc(&Components::of(&score, &errors)).value;
        let found = within(&score, &errors, &classes).unwrap();
        assert!(whole > 0.75 && found.auroc == 0.5, "{whole} {found:?}");
    }

    #[test]
    fn one_class_is_the_whole() {
        let score = [1.0, 5.0, 2.0, 3.0, 3.0, 9.0];
        let errors = [false, true, true, false, true, false];
        let whole = auroc(&Components::of(&score, &errors));
        let found = within(&score, &errors, &[Some(3); 6]).unwrap();
        assert_eq!(
            (found.auroc, found.classes, found.pairs),
            (whole.value, 1, 9)
        );
        assert_eq!(found.interval95, whole.interval95);
    }

    /// Two classes computed by hand: 2 of 2 pairs and 1 of 4.
    #[test]
    fn pairs_weigh_the_same() {
        let classes = [0, 0, 0, 1, 1, 1, 1].map(Some);
        let errors = [true, false, false, true, true, false, false];
        let score = [9.0, 1.0, 2.0, 1.5, 0.5, 1.0, 2.0];
        let found = within(&score, &errors, &classes).unwrap();
        assert!((found.auroc - 3.0 / 6.0).abs() < 1e-15);
        assert_eq!(found.interval95.missing(), Some(Missing::TooFew));
        let none = within(&score, &errors, &[None; 7]);
        assert_eq!(none, Err(Missing::NoMixedClass));
    }
}
