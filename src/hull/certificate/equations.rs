//! The equations that the weights of a combination solve, scaled by powers of two.
//!
//! `sum_i l_i (x_ij - q_j) = 0` for each coordinate j, and `sum_i l_i = 1`.

use super::doubled::{Bounded, Pairs, TINY, minus_dot, two_sum};
use super::integers::{exponent, scaled};

/// The equations, scaled: unknowns `mu_i = l_i / 2^unit_i`.
pub(super) struct System {
    /// Rows, i.e. unknowns.
    pub m: usize,
    /// What each equation is: a coordinate's index, or d for the sum of the weights. Coordinates in which all rows
    /// equal the query are left out, because they hold for all weights with sum 1.
    pub names: Vec<usize>,
    /// Coefficients, equations x m, in two words; [`Self::slack`] bounds their difference from the exact ones.
    pub high: Vec<f64>,
    pub low: Vec<f64>,
    /// The right side of the equation for the sum of the weights; the other right sides are 0.
    pub total: f64,
    /// For each equation, the most that underflow may have changed a coefficient.
    pub slack: Vec<f64>,
    pub unit: Vec<i32>,
}

/// The exponent that stands for a coefficient of zero.
const ZERO: i32 = i32::MIN;

impl System {
    pub fn new(points: &[f64], query: &[f64]) -> Self {
        let d = query.len();
        let m = points.len() / d;
        let differs = |j: usize| (0..m).any(|i| points[i * d + j] != query[j]);
        let mut names: Vec<usize> = (0..d).filter(|&j| differs(j)).collect();
        let n = names.len() + 1;
        let (mut high, mut low) = (vec![0.0; n * m], vec![0.0; n * m]);
        let mut slack = vec![0.0; n];
        for (row, &j) in names.iter().enumerate() {
            let most = (0..m).fold(query[j].abs(), |most, i| most.max(points[i * d + j].abs()));
            // Below 1/2, so that differences cannot overflow.
            let shrink = -exponent(most) - 2;
            let reduced = |x: f64| {
                let small = scaled(x, shrink);
                (small, x != 0.0 && small.abs() < f64::MIN_POSITIVE)
            };
            let (q, mut lost) = reduced(query[j]);
            for i in 0..m {
                let (x, lost_here) = reduced(points[i * d + j]);
                lost |= lost_here;
                (high[row * m + i], low[row * m + i]) = two_sum(x, -q);
            }
            // The two-word difference of two numbers that are each off by at most 2^-1074.
            slack[row] = if lost { 2.0 * TINY } else { 0.0 };
        }
        high[(n - 1) * m..].fill(1.0);
        names.push(d);
        let (scale, unit) = balance(&high, m);
        let most_unit = unit.iter().copied().max().unwrap_or(0);
        for (row, &scale) in scale.iter().enumerate() {
            for i in 0..m {
                let at = row * m + i;
                high[at] = scaled(high[at], scale + unit[i]);
                low[at] = scaled(low[at], scale + unit[i]);
            }
            slack[row] = scaled(slack[row], scale + most_unit) + 4.0 * TINY;
        }
        let total = scaled(1.0, scale[n - 1]);
        System {
            m,
            names,
            high,
            low,
            total,
            slack,
            unit,
        }
    }

    pub fn row(&self, equation: usize) -> &[f64] {
        &self.high[equation * self.m..][..self.m]
    }

    fn right_side(&self, equation: usize) -> f64 {
        if equation + 1 == self.names.len() {
            self.total
        } else {
            0.0
        }
    }

    /// Coefficients of one equation.
    pub fn pairs(&self, equation: usize) -> Pairs<'_> {
        Pairs {
            high: self.row(equation),
            low: &self.low[equation * self.m..][..self.m],
        }
    }

    /// `b - sum_i a_i s_i` of one equation, slack included in the error.
    pub fn residual(&self, equation: usize, s: Pairs) -> Bounded {
        let mut result = minus_dot(self.right_side(equation), self.pairs(equation), s);
        let weight: f64 = s.high.iter().map(|s| s.abs()).sum();
        result.error += 2.0 * self.slack[equation] * weight;
        result
    }
}

/// Powers of two, one for each equation and one for each unknown, that bring the coefficients close to 1 and all below 2.
///
/// Equations are scaled by the median first: a far row has one large coefficient in every equation, which must not
/// scale the other rows down.
fn balance(coefficients: &[f64], m: usize) -> (Vec<i32>, Vec<i32>) {
    let exponents: Vec<i32> = coefficients
        .iter()
        .map(|&a| if a == 0.0 { ZERO } else { exponent(a) })
        .collect();
    let mut present: Vec<i32> = Vec::with_capacity(m);
    let mut scale: Vec<i32> = exponents
        .chunks(m)
        .map(|row| {
            present.clear();
            present.extend(row.iter().filter(|&&e| e != ZERO));
            match present.len() {
                // Differences that underflowed.
                0 => 0,
                n => -*present.select_nth_unstable(n / 2).1,
            }
        })
        .collect();
    let mut most = vec![ZERO; m];
    for (row, scale) in exponents.chunks(m).zip(&scale) {
        for (most, &e) in most.iter_mut().zip(row).filter(|(_, e)| **e != ZERO) {
            *most = (*most).max(e + scale);
        }
    }
    // No column is all zero, because of the equation for the sum of the weights.
    let unit: Vec<i32> = most.iter().map(|most| -most).collect();
    for (row, scale) in exponents.chunks(m).zip(&mut scale) {
        let entries = row.iter().zip(&unit).filter(|(e, _)| **e != ZERO);
        *scale = -entries.map(|(e, unit)| e + unit).max().unwrap_or(0);
    }
    (scale, unit)
}
