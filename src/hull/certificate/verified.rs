//! Is a query a convex combination of a few rows, as real numbers? Proves either answer, or bounds the weights.
//!
//! With rows x_1 .. x_m and the query q, the weights l solve d + 1 linear equations: `sum_i l_i (x_ij - q_j) = 0` for
//! each coordinate j and `sum_i l_i = 1`. Three steps:
//! 1. Pivoting chooses m equations that are far from singular (`System`). Coordinates and rows are scaled by powers
//!    of two first, so that neither units nor one far row decide.
//! 2. Rump (2010), "Verification methods", Acta Numerica 19, section 10: with an approximate inverse R of the matrix A
//!    of those equations and approximate weights s, the error `e = l - s` is `R (b - A s) + (I - R A) e`. Where
//!    `alpha = |I - R A|_inf < 1`, A is not singular and every `|e_i|` is below
//!    `|R (b - A s)|_i + alpha_i |R (b - A s)|_inf / (1 - alpha)`, alpha_i the sum of row i. s has two words and the
//!    residual is computed in doubled arithmetic, so the bounds close to about 1e-30 (`Solution`). Where the
//!    condition of A is beyond 1e15, R gets two words as well (`Double`), which is good up to about 1e29.
//! 3. The other equations hold exactly or they do not: `consistent`.

pub use super::residual::{Residual, residual};

use super::consistent::consistent;
use super::doubled::{Double, Number, Pairs, TINY, two_sum};
use super::equations::System;
use super::integers::scaled;
use super::inverse::{Pivots, UP};
use super::roundoff::U;

/// The result for a query and a few rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Combination {
    /// Proved: weights >= 0 with sum 1 exist for which the combination of the rows is the query itself. `weights` are
    /// these, rounded.
    Proved { weights: Vec<f64> },
    /// Proved: the query is not in the affine hull of these rows, so no weights with sum 1 give it.
    OffAffineHull,
    /// Neither is proved. The weights that solve m of the equations lie between these bounds (one for each row;
    /// infinite where the rows are affinely dependent or nearly so). A row whose weight cannot be positive can be left out.
    Unproved { lower: Vec<f64>, upper: Vec<f64> },
    /// Non-negative weights solve m of the equations, but deciding whether they solve the others would exceed the limit
    /// on exact arithmetic.
    TooLarge,
}

impl Combination {
    fn unknown(m: usize) -> Self {
        Combination::Unproved {
            lower: vec![f64::NEG_INFINITY; m],
            upper: vec![f64::INFINITY; m],
        }
    }
}

/// Whether weights >= 0 with sum 1 give `query` from these rows exactly.
///
/// `points` is m x d, row by row, d = `query.len()`; m <= d + 1 rows, which should be affinely independent (repeated
/// rows, for example, are never proved). Input that is not finite gets infinite bounds.
pub fn combination(points: &[f64], query: &[f64]) -> Combination {
    let d = query.len();
    if d == 0 || !points.len().is_multiple_of(d) {
        return Combination::unknown(0);
    }
    let m = points.len() / d;
    if m == 0 || m > d + 1 || !points.iter().chain(query).all(|x| x.is_finite()) {
        return Combination::unknown(m);
    }
    if m == 1 {
        return match points == query {
            true => Combination::Proved { weights: vec![1.0] },
            false => Combination::OffAffineHull,
        };
    }
    let system = System::new(points, query);
    // First an inverse in one word; rows that are too close to dependent for that get one in two words.
    let solution = Solution::new::<f64>(&system).or_else(|| Solution::new::<Double>(&system));
    match solution {
        Some(solution) => solution.answer(points, query),
        None => Combination::unknown(m),
    }
}

/// The verified solution of the chosen equations: unknown i is within `radius[i]` of `high[i] + low[i] + step[i]`.
struct Solution<'a> {
    system: &'a System,
    pivots: Pivots,
    /// For each row of I - R A, a bound on the sum of its magnitudes.
    alpha: Vec<f64>,
    /// Approximate unknowns, |low| <= u |high|.
    high: Vec<f64>,
    low: Vec<f64>,
    step: Vec<f64>,
    radius: Vec<f64>,
}

impl<'a> Solution<'a> {
    /// `None` if A could not be proved to be nonsingular. The type T sets whether the inverse has one or two words.
    fn new<T: Number>(system: &'a System) -> Option<Self> {
        let m = system.m;
        let pivots = Pivots::new::<T>(system)?;
        let alpha = pivots.inverse.contraction(system, &pivots.order[..m]);
        // Also not if alpha is NaN.
        if !alpha.iter().all(|&alpha| alpha < 0.5) {
            return None;
        }
        let most = alpha.iter().fold(0f64, |most, &alpha| most.max(alpha));
        let mut solution = Solution {
            system,
            pivots,
            alpha,
            high: vec![0.0; m],
            low: vec![0.0; m],
            step: vec![0.0; m],
            radius: vec![f64::INFINITY; m],
        };
        solution.refine(most);
        Some(solution)
    }

    /// Refines the weights until every sign is known or a step gains nothing. If equations outside the chosen ones
    /// remain, the weights are refined as far as possible, because these equations are tested best that way.
    fn refine(&mut self, alpha: f64) {
        /// With a good inverse three steps reach the last digit of two words; a poor inverse needs more.
        const MOST: usize = 40;
        let square = self.pivots.order.len() == self.system.m;
        let mut before = f64::INFINITY;
        for _ in 0..MOST {
            let error = self.improve(alpha);
            let gained = error < before / 2.0;
            if !gained || square && self.signs_known() {
                return;
            }
            before = error;
        }
    }

    fn signs_known(&self) -> bool {
        (0..self.system.m).all(|i| {
            let (lower, upper) = self.bounds(i);
            lower > 0.0 || upper < 0.0
        })
    }

    fn weights(&self) -> Pairs<'_> {
        Pairs {
            high: &self.high,
            low: &self.low,
        }
    }

    /// Adds the last step and computes the next one. Returns a bound on the largest error that then remains.
    fn improve(&mut self, alpha: f64) -> f64 {
        for ((high, low), &step) in self.high.iter_mut().zip(&mut self.low).zip(&self.step) {
            let (sum, error) = two_sum(*high, step);
            (*high, *low) = two_sum(sum, error + *low);
        }
        let m = self.system.m;
        let (mut high, mut low, mut errors) = (vec![0.0; m], vec![0.0; m], vec![0.0; m]);
        for (k, &equation) in self.pivots.order[..m].iter().enumerate() {
            let residual = self.system.residual(equation, self.weights());
            (high[k], low[k], errors[k]) = (residual.high, residual.low, residual.error);
        }
        let residuals = Pairs {
            high: &high,
            low: &low,
        };
        let (mut most, mut finite) = (0f64, true);
        for i in 0..m {
            (self.step[i], self.radius[i]) = self.pivots.inverse.times(i, residuals, &errors);
            let reach = self.step[i].abs() + self.radius[i];
            finite &= reach.is_finite();
            most = most.max(reach);
        }
        let error = match finite {
            true => UP * most / (1.0 - alpha),
            false => f64::INFINITY,
        };
        for (radius, alpha) in self.radius.iter_mut().zip(&self.alpha) {
            *radius = UP * (*radius + alpha * error) + TINY;
        }
        self.radius.iter().fold(0.0, |most, &r| most.max(r))
    }

    /// Lower and upper bound of the weight `l_i`.
    fn bounds(&self, i: usize) -> (f64, f64) {
        let (high, low, step) = (self.high[i], self.low[i], self.step[i]);
        let radius = UP * (self.radius[i] + 4.0 * U * (low.abs() + step.abs() + self.radius[i]));
        let lower = (high + (low + step - radius)).next_down();
        let upper = (high + (low + step + radius)).next_up();
        if lower.is_nan() || upper.is_nan() {
            return (f64::NEG_INFINITY, f64::INFINITY);
        }
        // One more step outwards where underflow rounds, by which a positive bound may become zero.
        let unit = self.system.unit[i];
        let (down, up) = (scaled(lower, unit), scaled(upper, unit));
        let exact = |scaled_bound: f64, bound: f64| scaled(scaled_bound, -unit) == bound;
        (
            if exact(down, lower) {
                down
            } else {
                down.next_down()
            },
            if exact(up, upper) { up } else { up.next_up() },
        )
    }

    /// Whether an equation that was not chosen is proved to fail: its residual at the solution is not zero.
    fn fails(&self, equation: usize) -> bool {
        let (value, error) = self.system.residual(equation, self.weights()).rounded();
        let slack = self.system.slack[equation];
        let reach: f64 = (self.step.iter().zip(&self.radius))
            .zip(self.system.row(equation))
            .map(|((step, radius), a)| (step.abs() + radius) * (a.abs() + slack))
            .sum();
        value.abs() > UP * (error + UP * reach + TINY * self.system.m as f64)
    }

    fn answer(&self, points: &[f64], query: &[f64]) -> Combination {
        let m = self.system.m;
        let (chosen, others) = self.pivots.order.split_at(m);
        if others.iter().any(|&equation| self.fails(equation)) {
            return Combination::OffAffineHull;
        }
        let (lower, upper): (Vec<f64>, Vec<f64>) = (0..m).map(|i| self.bounds(i)).unzip();
        if !lower.iter().all(|&lower| lower >= 0.0) {
            return Combination::Unproved { lower, upper };
        }
        let names =
            |of: &[usize]| -> Vec<usize> { of.iter().map(|&row| self.system.names[row]).collect() };
        let holds = match others {
            [] => Some(true),
            _ => consistent(points, query, &names(chosen), &names(others)),
        };
        match holds {
            None => Combination::TooLarge,
            Some(false) => Combination::OffAffineHull,
            Some(true) => {
                let weight = |i: usize| scaled(self.high[i] + self.step[i], self.system.unit[i]);
                let weights = (0..m).map(|i| weight(i).max(0.0)).collect();
                Combination::Proved { weights }
            }
        }
    }
}

#[cfg(test)]
mod tests;
