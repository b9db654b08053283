//! Is a query a convex combination of a few rows, as real numbers? A proof for either answer, or bounds of the weights.
//!
//! With rows x_1 .. x_m and the query q, the weights l solve d + 1 linear equations: `sum_i l_i (x_ij - q_j) = 0` for
//! each coordinate j and `sum_i l_i = 1`. Three steps:
//! 1. Pivoting chooses m equations that are far from singular ([`System`]). Coordinates and rows are scaled by powers
//!    of two first, so that neither units nor one far row decide.
//! 2. Rump (2010), "Verification methods", Acta Numerica 19, section 10: with an approximate inverse R of the matrix A
//!    of those equations and approximate weights s, the error `e = l - s` is `R (b - A s) + (I - R A) e`. Where
//!    `alpha = |I - R A|_inf < 1`, A is not singular and every `|e_i|` is below
//!    `|R (b - A s)|_i + alpha_i |R (b - A s)|_inf / (1 - alpha)`, alpha_i the sum of row i. s has two words and the
//!    residual is computed in doubled arithmetic, so the bounds close to about 1e-30 ([`Solution`]).
//! 3. The other equations hold exactly or they do not: [`consistent`].

use super::consistent::consistent;
use super::exact::{U, gamma, two_product, two_sum};
use super::integers::{exponent, scaled};

/// What is known of a query and a few rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Combination {
    /// Proved: weights >= 0 with sum 1 exist for which the combination of the rows is the query itself. These are they,
    /// rounded.
    Proved { weights: Vec<f64> },
    /// Proved: the query is not in the affine hull of these rows, so no weights with sum 1 give it.
    OffAffineHull,
    /// Neither. The weights that solve m of the equations lie between these bounds (one a row; infinite where the rows
    /// are affinely dependent or too near to it): a row whose weight cannot be positive can be left out.
    Unproved { lower: Vec<f64>, upper: Vec<f64> },
    /// Weights >= 0 solve m of the equations, but whether they solve the others would take more exact arithmetic than
    /// is allowed.
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
/// `points` is m x d, row after row, d = `query.len()`; m <= d + 1 rows, which should be affinely independent (repeated
/// rows, say, are never proved). Anything that is not finite is answered by unknown bounds.
pub fn combination(points: &[f64], query: &[f64]) -> Combination {
    let d = query.len();
    if d == 0 || points.len() % d != 0 {
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
    let Some(solution) = Pivots::new(&system).and_then(|pivots| Solution::new(&system, pivots))
    else {
        return Combination::unknown(m);
    };
    solution.answer(points, query)
}

/// The equations, scaled: unknowns `mu_i = l_i / 2^unit_i`.
struct System {
    /// Rows, i.e. unknowns.
    m: usize,
    /// Number of each equation: a coordinate, or d for the sum of the weights. Coordinates in which all rows equal the
    /// query are left out: they hold for all weights with sum 1.
    names: Vec<usize>,
    /// Coefficients, equations x m, to two words: [`Self::slack`] is all that they differ from the exact ones.
    high: Vec<f64>,
    low: Vec<f64>,
    /// Right side of the sum; it is 0 for the coordinates.
    total: f64,
    /// By equation: the most that underflow may have taken from a coefficient.
    slack: Vec<f64>,
    unit: Vec<i32>,
}

/// Marks a coefficient of zero among exponents.
const ZERO: i32 = i32::MIN;

impl System {
    fn new(points: &[f64], query: &[f64]) -> Self {
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
            // Both words of a difference of two numbers that are off by 2^-1074 at most.
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

    fn row(&self, equation: usize) -> &[f64] {
        &self.high[equation * self.m..][..self.m]
    }

    fn right_side(&self, equation: usize) -> f64 {
        if equation + 1 == self.names.len() {
            self.total
        } else {
            0.0
        }
    }

    /// `b - sum_i a_i (high_i + low_i)` of one equation, |low| <= u |high|, and a bound on its error.
    ///
    /// Dot2 of Ogita, Rump and Oishi (2005) with the low words among what is carried along. With S = |b| + sum |a high|,
    /// the carried terms sum up to at most `gamma(m + 4) S` in magnitude and their plain sum loses `gamma(m + 8)` of
    /// that; the factor 2 covers the roundings of S and of the bound. Products lose to underflow.
    fn residual(&self, equation: usize, s: &Weights) -> (f64, f64) {
        let m = self.m;
        let (high, low) = (self.row(equation), &self.low[equation * m..][..m]);
        let mut sum = self.right_side(equation);
        let (mut rest, mut size, mut weight) = (0.0, sum.abs(), 0.0);
        for i in 0..m {
            let (term, term_error) = two_product(-high[i], s.high[i]);
            let (next, sum_error) = two_sum(sum, term);
            sum = next;
            let cross = high[i] * s.low[i] + low[i] * (s.high[i] + s.low[i]);
            rest += (term_error + sum_error) - cross;
            size += term.abs();
            weight += s.high[i].abs();
        }
        let value = sum + rest;
        let lost = gamma(m + 4) * gamma(m + 8) * size + 4.0 * m as f64 * TINY;
        let error = 2.0 * (U * value.abs() + lost + self.slack[equation] * weight) + TINY;
        (value, error)
    }
}

/// The smallest positive number: what an operation may lose to underflow.
const TINY: f64 = f64::from_bits(1);

/// Covers the roundings of a bound itself: sums of less than 2^30 positive numbers.
const UP: f64 = 1.0 + 1e-6;

/// Powers of two by equation and by unknown that bring the coefficients near 1, and none to 2.
///
/// The median first: a far row has one large coefficient in every equation, which must not shrink the others.
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
    // The sum of the weights leaves no unknown without a coefficient.
    let unit: Vec<i32> = most.iter().map(|most| -most).collect();
    for (row, scale) in exponents.chunks(m).zip(&mut scale) {
        let entries = row.iter().zip(&unit).filter(|(e, _)| **e != ZERO);
        *scale = -entries.map(|(e, unit)| e + unit).max().unwrap_or(0);
    }
    (scale, unit)
}

/// m equations that elimination chose, and an approximate inverse of their matrix.
struct Pivots {
    /// Equations, as rows of the system: the chosen ones first.
    order: Vec<usize>,
    /// R, m x m.
    inverse: Vec<f64>,
}

impl Pivots {
    /// Gaussian elimination; the largest coefficient in what is left of a column chooses the next equation. `None`
    /// where nothing is left.
    fn new(system: &System) -> Option<Self> {
        let m = system.m;
        let mut factors = system.high.clone();
        let n = factors.len() / m;
        let mut order: Vec<usize> = (0..n).collect();
        for k in 0..m {
            let size = |row: &usize| factors[row * m + k].abs();
            let pivot = (k..n).max_by(|a, b| size(a).total_cmp(&size(b)))?;
            let (upper, below) = factors.split_at_mut((k + 1) * m);
            let row = &mut upper[k * m..];
            if pivot > k {
                order.swap(k, pivot);
                row.swap_with_slice(&mut below[(pivot - k - 1) * m..][..m]);
            }
            if row[k] == 0.0 || !row[k].is_finite() {
                return None;
            }
            for other in below.chunks_mut(m) {
                let share = other[k] / row[k];
                other[k] = share;
                if share != 0.0 {
                    subtract(&mut other[k + 1..], share, &row[k + 1..]);
                }
            }
        }
        Some(Pivots {
            inverse: inverse(&factors, m),
            order,
        })
    }
}

/// `target -= share * row`
#[inline]
fn subtract(target: &mut [f64], share: f64, row: &[f64]) {
    for (target, row) in target.iter_mut().zip(row) {
        *target -= share * row;
    }
}

/// `U^-1 L^-1` from the first m rows of the factors (L has a unit diagonal).
fn inverse(factors: &[f64], m: usize) -> Vec<f64> {
    let mut result = vec![0.0; m * m];
    for i in 0..m {
        let (above, row) = result.split_at_mut(i * m);
        let row = &mut row[..m];
        row[i] = 1.0;
        for k in 0..i {
            subtract(&mut row[..=k], factors[i * m + k], &above[k * m..][..=k]);
        }
    }
    for i in (0..m).rev() {
        let (row, below) = result[i * m..].split_at_mut(m);
        for k in i + 1..m {
            subtract(row, factors[i * m + k], &below[(k - i - 1) * m..][..m]);
        }
        let pivot = factors[i * m + i];
        row.iter_mut().for_each(|r| *r /= pivot);
    }
    result
}

/// Approximate unknowns in two words, |low| <= u |high|.
struct Weights {
    high: Vec<f64>,
    low: Vec<f64>,
}

impl Weights {
    fn add(&mut self, step: &[f64]) {
        for ((high, low), &step) in self.high.iter_mut().zip(&mut self.low).zip(step) {
            let (sum, error) = two_sum(*high, step);
            (*high, *low) = two_sum(sum, error + *low);
        }
    }
}

/// The verified solution of the chosen equations: every unknown is within `radius` of `weights + step`.
struct Solution<'a> {
    system: &'a System,
    pivots: Pivots,
    /// By row of I - R A: a bound of the sum of magnitudes.
    alpha: Vec<f64>,
    weights: Weights,
    step: Vec<f64>,
    radius: Vec<f64>,
}

impl<'a> Solution<'a> {
    /// `None` where A could not be proved to be nonsingular.
    fn new(system: &'a System, pivots: Pivots) -> Option<Self> {
        let m = system.m;
        let alpha = contraction(system, &pivots);
        let most = alpha
            .iter()
            .fold(0f64, |most, &a| if a <= most { most } else { a });
        // Also where it is not a number, or where the right side is at the edge of the numbers.
        if !(most < 0.9 && system.total > 1e-280) {
            return None;
        }
        let zero = || vec![0.0; m];
        let mut solution = Solution {
            system,
            pivots,
            alpha,
            weights: Weights {
                high: zero(),
                low: zero(),
            },
            step: zero(),
            radius: zero(),
        };
        solution.refine(most);
        Some(solution)
    }

    /// Improves the weights until every sign is known or nothing is gained. Where other equations are left, they are
    /// told apart from the query's best with weights as good as they get.
    fn refine(&mut self, alpha: f64) {
        /// Three steps of a good inverse reach the last digit of two words; a poor one needs more.
        const MOST: usize = 40;
        let square = self.pivots.order.len() == self.system.m;
        let mut before = f64::INFINITY;
        for _ in 0..MOST {
            let error = self.improve(alpha);
            if !(error < before / 2.0) || square && self.signs_known() {
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

    /// Adds the last step and computes the next one. Returns a bound of the largest error left.
    fn improve(&mut self, alpha: f64) -> f64 {
        let m = self.system.m;
        let step = std::mem::take(&mut self.step);
        self.weights.add(&step);
        let residuals: Vec<(f64, f64)> = self.pivots.order[..m]
            .iter()
            .map(|&equation| self.system.residual(equation, &self.weights))
            .collect();
        let mut most = 0f64;
        self.step = step;
        for (i, row) in self.pivots.inverse.chunks(m).enumerate() {
            let (mut sum, mut size, mut unsure) = (0.0, 0.0, 0.0);
            for (r, (value, error)) in row.iter().zip(&residuals) {
                let term = r * value;
                sum += term;
                size += term.abs();
                unsure += r.abs() * error;
            }
            self.step[i] = sum;
            self.radius[i] = UP * (gamma(m + 1) * size + unsure + 3.0 * m as f64 * TINY);
            most = most.max(sum.abs() + self.radius[i]);
        }
        let error = UP * most / (1.0 - alpha);
        for (radius, alpha) in self.radius.iter_mut().zip(&self.alpha) {
            *radius = UP * (*radius + alpha * error) + TINY;
        }
        // What is left once the step is added.
        self.radius.iter().fold(0.0, |most, &r| most.max(r))
    }

    /// Lower and upper bound of `l_i`.
    fn bounds(&self, i: usize) -> (f64, f64) {
        let (high, low, step) = (self.weights.high[i], self.weights.low[i], self.step[i]);
        let radius = UP * (self.radius[i] + 4.0 * U * (low.abs() + step.abs() + self.radius[i]));
        let (lower, upper) = (
            (high + (low + step - radius)).next_down(),
            (high + (low + step + radius)).next_up(),
        );
        // One more step each for underflow, in which a positive bound may become zero.
        let unit = self.system.unit[i];
        let (down, up) = (scaled(lower, unit), scaled(upper, unit));
        (
            if scaled(down, -unit) == lower {
                down
            } else {
                down.next_down()
            },
            if scaled(up, -unit) == upper {
                up
            } else {
                up.next_up()
            },
        )
    }

    /// Whether an equation that was not chosen is proved to fail: its residual at the solution is not zero.
    fn fails(&self, equation: usize) -> bool {
        let (value, error) = self.system.residual(equation, &self.weights);
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
        let holds = others.is_empty() || {
            match consistent(points, query, &names(chosen), &names(others)) {
                Some(holds) => holds,
                None => return Combination::TooLarge,
            }
        };
        if !holds {
            return Combination::OffAffineHull;
        }
        let weights = (0..m)
            .map(|i| scaled(self.weights.high[i] + self.step[i], self.system.unit[i]).max(0.0))
            .collect();
        Combination::Proved { weights }
    }
}

/// Bounds of the row sums of |I - R A|, with the exact A.
///
/// The plain sums lose at most `gamma(m + 3) (1 + |R| |A|)`, the low words are below u |A|, and underflow takes the
/// slack from every coefficient and TINY from every product.
fn contraction(system: &System, pivots: &Pivots) -> Vec<f64> {
    let m = system.m;
    let chosen = &pivots.order[..m];
    let size: Vec<f64> = chosen
        .iter()
        .map(|&equation| system.row(equation).iter().map(|a| a.abs()).sum())
        .collect();
    let mut defect = vec![0.0; m];
    (0..m)
        .map(|i| {
            defect.fill(0.0);
            defect[i] = 1.0;
            let (mut spread, mut lost) = (1.0, 0.0);
            for (k, &r) in pivots.inverse[i * m..][..m].iter().enumerate() {
                subtract(&mut defect, r, system.row(chosen[k]));
                spread += r.abs() * size[k];
                lost += r.abs() * system.slack[chosen[k]];
            }
            let sum: f64 = defect.iter().map(|e| e.abs()).sum();
            let m = m as f64;
            let lost = m * lost + m * m * TINY + f64::MIN_POSITIVE;
            UP * (sum + gamma(system.m + 4) * spread + lost)
        })
        .collect()
}

#[cfg(test)]
mod tests;
