//! Spearman's rank correlation of a score and a loss: Pearson's correlation of their midranks.

use super::missing::{Measured, Missing};
use super::normal::interval95;
use super::ranks::Order;
use serde::{Deserialize, Serialize};

/// A rank correlation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spearman {
    /// From -1 to 1; positive where more extrapolated queries have larger losses.
    pub rho: f64,
    /// The 95 % interval, by Fisher's transform with the variance `(1 + rho^2 / 2) / (n - 3)` of Bonett and Wright (2000).
    pub interval95: Measured<[f64; 2]>,
}

/// The correlation of numbers without NaN.
pub(super) fn spearman(score: &[f64], losses: &[f64]) -> Result<Spearman, Missing> {
    if score.is_empty() {
        return Err(Missing::NoQueries);
    }
    let (score, losses) = (Order::of(score), Order::of(losses));
    if score.constant() {
        return Err(Missing::Constant);
    }
    if losses.constant() {
        return Err(Missing::SameOutcomes);
    }
    let (a, b) = (score.midranks(), losses.midranks());
    let n = a.len() as f64;
    let middle = (n + 1.0) / 2.0;
    let sum = |a: &[f64], b: &[f64]| -> f64 {
        let each = a.iter().zip(b);
        each.map(|(a, b)| (a - middle) * (b - middle)).sum()
    };
    let rho = (sum(&a, &b) / (sum(&a, &a) * sum(&b, &b)).sqrt()).clamp(-1.0, 1.0);
    let interval95 = if a.len() < 4 {
        Err(Missing::TooFew)
    } else if rho.abs() == 1.0 {
        Err(Missing::SameOrder)
    } else {
        let error = ((1.0 + rho * rho / 2.0) / (n - 3.0)).sqrt();
        Ok(interval95(rho.atanh(), error, [f64::NEG_INFINITY, f64::INFINITY]).map(f64::tanh))
    };
    Ok(Spearman {
        rho,
        interval95: interval95.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_order_and_its_reverse() {
        let score = [1.0, 2.0, 3.0, 4.0, 5.0];
        let found = spearman(&score, &[0.0, 1.0, 10.0, 11.0, 1e9]).unwrap();
        assert_eq!(
            (found.rho, found.interval95),
            (1.0, Measured::Missing(Missing::SameOrder))
        );
        let found = spearman(&score, &[5.0, 4.0, 3.0, 1.0, 2.0]).unwrap();
        let [low, high] = *found.interval95.value().unwrap();
        assert!((found.rho + 0.9).abs() < 1e-12 && low > -1.0 && low < -0.9 && high > -0.9);
    }

    #[test]
    fn what_has_no_order_says_so() {
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), Err(Missing::Constant));
        assert_eq!(
            spearman(&[1.0, 2.0], &[1.0, 1.0]),
            Err(Missing::SameOutcomes)
        );
        assert_eq!(spearman(&[], &[]), Err(Missing::NoQueries));
    }
}
