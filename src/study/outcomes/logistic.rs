//! Does a score add to another as a predictor of errors? Logistic regression with and without it.
//!
//! Both scores are standardised, so that units do not matter. The likelihoods are maximised by Newton's method (iteratively
//! reweighted least squares); twice the difference of their logarithms is chi-square with one degree of freedom if the score
//! adds nothing (Wilks 1938). Where a combination of the scores separates all errors from the others, the likelihood has no
//! maximum (Albert and Anderson 1984), and the result is [`Missing::Separated`].

use super::missing::Missing;
use super::normal::chi_square_1;
use crate::linear;
use faer::Mat;
use serde::{Deserialize, Serialize};

/// The most Newton steps. With a maximum a handful is enough; without one, coefficients grow by about 1 in each step.
const STEPS: usize = 60;

/// The step in standardised coefficients at which iteration stops: the likelihood's error is the square of that.
const SETTLED: f64 = 1e-9;

/// The share of a score's variance that the other score leaves unexplained, below which both count as the same score.
const SAME: f64 = 1e-10;

/// What a score adds to another as a predictor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Adds {
    /// Queries with an outcome and both scores.
    pub queries: u64,
    /// Change of the log odds of an error per standard deviation of the score, the other score held constant.
    pub log_odds: f64,
    /// Twice the difference of the log-likelihoods.
    pub chi_square: f64,
    /// The p-value of the likelihood-ratio test with one degree of freedom.
    pub p_value: f64,
}

/// The effect of adding `score` to `base`; both without NaN.
pub(super) fn adds(base: &[f64], score: &[f64], errors: &[bool]) -> Result<Adds, Missing> {
    super::delong::check(base, errors)?;
    super::delong::check(score, errors)?;
    let base = standardised(base)?;
    let score = standardised(score)?;
    let n = base.len() as f64;
    let correlation = base.iter().zip(&score).map(|(a, b)| a * b).sum::<f64>() / n;
    if 1.0 - correlation * correlation < SAME {
        return Err(Missing::SameScore);
    }
    let alone = fit(&[&base], errors)?;
    let both = fit(&[&base, &score], errors)?;
    let chi_square = (2.0 * (both.likelihood - alone.likelihood)).max(0.0);
    Ok(Adds {
        queries: base.len() as u64,
        log_odds: both.coefficients[2],
        chi_square,
        p_value: chi_square_1(chi_square),
    })
}

/// The values shifted and scaled to mean 0 and variance 1.
fn standardised(values: &[f64]) -> Result<Vec<f64>, Missing> {
    let largest = values
        .iter()
        .fold(0.0, |most: f64, value| most.max(value.abs()));
    if !largest.is_finite() {
        return Err(Missing::Infinite);
    }
    // Values are divided by the largest first, so that neither sums nor squares overflow.
    let n = values.len() as f64;
    let mean = values.iter().map(|value| value / largest).sum::<f64>() / n;
    let centred: Vec<f64> = values.iter().map(|value| value / largest - mean).collect();
    let deviation = (centred.iter().map(|value| value * value).sum::<f64>() / n).sqrt();
    match deviation > 0.0 {
        true => Ok(centred.iter().map(|value| value / deviation).collect()),
        false => Err(Missing::Constant),
    }
}

/// A fitted model.
struct Fit {
    /// The coefficients; the intercept is first.
    coefficients: Vec<f64>,
    likelihood: f64,
}

/// The log-likelihood and its derivatives at some coefficients.
struct State {
    likelihood: f64,
    /// Whether every query is on the side of its outcome.
    separated: bool,
    gradient: Mat<f64>,
    /// The negative matrix of second derivatives.
    information: Mat<f64>,
}

fn fit(columns: &[&[f64]], errors: &[bool]) -> Result<Fit, Missing> {
    let mut coefficients = vec![0.0; columns.len() + 1];
    let mut state = at(&coefficients, columns, errors);
    for _ in 0..STEPS {
        let step = linear::solve(state.information.clone(), state.gradient.clone());
        let step: Vec<f64> = (0..coefficients.len())
            .map(|place| step[(place, 0)])
            .collect();
        let size = step
            .iter()
            .fold(0.0, |most: f64, part| most.max(part.abs()));
        if !size.is_finite() {
            break;
        }
        // The log-likelihood is concave, so a small enough share of the step increases it, up to rounding.
        let mut share = 1.0;
        let (mut tried, mut next);
        loop {
            tried = coefficients.clone();
            tried
                .iter_mut()
                .zip(&step)
                .for_each(|(value, step)| *value += share * step);
            next = at(&tried, columns, errors);
            if next.likelihood >= state.likelihood || share * size < SETTLED {
                break;
            }
            share *= 0.5;
        }
        if next.separated {
            return Err(Missing::Separated);
        }
        (coefficients, state) = (tried, next);
        if size < SETTLED {
            return Ok(Fit {
                coefficients,
                likelihood: state.likelihood,
            });
        }
    }
    Err(Missing::Separated)
}

fn at(coefficients: &[f64], columns: &[&[f64]], errors: &[bool]) -> State {
    let p = coefficients.len();
    let mut state = State {
        likelihood: 0.0,
        separated: true,
        gradient: Mat::zeros(p, 1),
        information: Mat::zeros(p, p),
    };
    for (query, &error) in errors.iter().enumerate() {
        let input = |place: usize| match place {
            0 => 1.0,
            place => columns[place - 1][query],
        };
        let sum: f64 = (0..p).map(|place| coefficients[place] * input(place)).sum();
        // The sum's sign is chosen so that it is positive on the side of the query's outcome.
        let own = if error { sum } else { -sum };
        let small = (-own.abs()).exp();
        state.likelihood += own.min(0.0) - small.ln_1p();
        state.separated &= own > 0.0;
        let probability = if sum >= 0.0 { 1.0 } else { small } / (1.0 + small);
        let weight = small / ((1.0 + small) * (1.0 + small));
        for row in 0..p {
            state.gradient[(row, 0)] += (f64::from(u8::from(error)) - probability) * input(row);
            for column in 0..p {
                state.information[(row, column)] += weight * input(row) * input(column);
            }
        }
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: u32) -> f64 {
        f64::from(n.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24) - 0.5
    }

    #[test]
    fn units_do_not_matter() {
        let base: Vec<f64> = (0..300).map(noise).collect();
        let score: Vec<f64> = (0..300).map(|n| noise(n + 7919)).collect();
        let errors: Vec<bool> = (0..300_u32)
            .map(|n| base[n as usize] + score[n as usize] + 2.0 * noise(n + 31) > 0.3)
            .collect();
        let found = adds(&base, &score, &errors).unwrap();
        assert!(found.chi_square > 10.0 && found.p_value < 0.01 && found.log_odds > 0.0);
        let scaled =
            |values: &[f64], by: f64| values.iter().map(|v| by * v + 3.0 * by).collect::<Vec<_>>();
        let other = adds(&scaled(&base, 1e200), &scaled(&score, 1e-200), &errors).unwrap();
        assert!((other.chi_square - found.chi_square).abs() < 1e-9 * found.chi_square);
    }

    #[test]
    fn separation_is_said() {
        let base: Vec<f64> = (0..100).map(noise).collect();
        let errors: Vec<bool> = (0..100).map(|n| n % 4 == 0).collect();
        let apart: Vec<f64> = errors
            .iter()
            .map(|&error| f64::from(u8::from(error)))
            .collect();
        assert_eq!(adds(&base, &apart, &errors), Err(Missing::Separated));
        // Errors and others overlap at only one value: the likelihood increases without a maximum, but its limit is below 1.
        let partly: Vec<f64> = (0..100_u32)
            .map(|n| match n {
                0..8 => 0.0,
                _ if n % 4 == 0 => 1.0 + f64::from(n),
                _ => -1.0 - f64::from(n),
            })
            .collect();
        assert_eq!(adds(&base, &partly, &errors), Err(Missing::Separated));
        // With a single query on the wrong side the likelihood has a maximum.
        let mut nearly = apart.clone();
        nearly[0] = 0.0;
        nearly[1] = 1.0;
        assert!(adds(&base, &nearly, &errors).unwrap().chi_square > 50.0);
    }

    #[test]
    fn what_cannot_be_fitted_has_a_name() {
        let base: Vec<f64> = (0..40).map(noise).collect();
        let errors: Vec<bool> = (0..40).map(|n| n % 3 == 0).collect();
        let twice: Vec<f64> = base.iter().map(|value| 1.0 - 2.0 * value).collect();
        assert_eq!(adds(&base, &twice, &errors), Err(Missing::SameScore));
        assert_eq!(adds(&base, &[1.0; 40], &errors), Err(Missing::Constant));
        let mut infinite = base.clone();
        infinite[3] = f64::INFINITY;
        assert_eq!(adds(&base, &infinite, &errors), Err(Missing::Infinite));
        assert_eq!(adds(&base, &twice, &[true; 40]), Err(Missing::OnlyErrors));
    }
}
