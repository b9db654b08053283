//! Elimination that chooses equations, the approximate inverse of their matrix, and how far it is from the true one.
//!
//! The inverse is only a proposal: what is claimed of it is bounded from the numbers that it has.

use super::doubled::{Number, Pairs, TINY, minus_dot};
use super::equations::System;
use super::roundoff::gamma;

/// Covers the roundings of a bound itself: sums of less than 2^30 positive numbers.
pub(super) const UP: f64 = 1.0 + 1e-6;

/// m equations that elimination chose, and an approximate inverse of their matrix.
pub(super) struct Pivots {
    /// Equations, as rows of the system: the chosen ones first.
    pub order: Vec<usize>,
    pub inverse: Inverse,
}

impl Pivots {
    /// Gaussian elimination; the largest coefficient in what is left of a column chooses the next equation. `None`
    /// where nothing is left.
    pub fn new<T: Number>(system: &System) -> Option<Self> {
        let m = system.m;
        let parts = system.high.iter().zip(&system.low);
        let mut factors: Vec<T> = parts.map(|(&high, &low)| T::new(high, low)).collect();
        let n = factors.len() / m;
        let mut order: Vec<usize> = (0..n).collect();
        for k in 0..m {
            let size = |row: &usize| factors[row * m + k].parts().0.abs();
            let pivot = (k..n).max_by(|a, b| size(a).total_cmp(&size(b)))?;
            let (upper, below) = factors.split_at_mut((k + 1) * m);
            let row = &mut upper[k * m..];
            if pivot > k {
                order.swap(k, pivot);
                row.swap_with_slice(&mut below[(pivot - k - 1) * m..][..m]);
            }
            let head = row[k].parts().0;
            if head == 0.0 || !head.is_finite() {
                return None;
            }
            for other in below.chunks_mut(m) {
                let share = other[k].over(row[k]);
                other[k] = share;
                if share.parts().0 != 0.0 {
                    subtract(&mut other[k + 1..], share, &row[k + 1..]);
                }
            }
        }
        let inverse = Inverse::new(&factors, m);
        Some(Pivots { order, inverse })
    }
}

/// `target -= share * row`
#[inline]
fn subtract<T: Number>(target: &mut [T], share: T, row: &[T]) {
    for (target, &row) in target.iter_mut().zip(row) {
        *target = target.minus_product(share, row);
    }
}

/// R, m x m, an approximate inverse in one or two words. What is claimed of it is checked: any numbers will do.
pub(super) struct Inverse {
    m: usize,
    high: Vec<f64>,
    /// Empty where it has one word.
    low: Vec<f64>,
}

impl Inverse {
    /// `U^-1 L^-1` from the first m rows of the factors (L has a unit diagonal).
    fn new<T: Number>(factors: &[T], m: usize) -> Self {
        let (zero, one) = (T::new(0.0, 0.0), T::new(1.0, 0.0));
        let mut result = vec![zero; m * m];
        for i in 0..m {
            let (above, row) = result.split_at_mut(i * m);
            let row = &mut row[..m];
            row[i] = one;
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
            row.iter_mut().for_each(|r| *r = r.over(pivot));
        }
        let (high, mut low): (Vec<f64>, Vec<f64>) = result.iter().map(|r| r.parts()).unzip();
        if T::WORDS == 1 {
            low.clear();
        }
        Inverse { m, high, low }
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.high[i * self.m..][..self.m]
    }

    /// Row i where there are two words.
    fn pairs(&self, i: usize) -> Option<Pairs<'_>> {
        let range = i * self.m..(i + 1) * self.m;
        let low = self.low.get(range)?;
        let high = self.row(i);
        Some(Pairs { high, low })
    }

    /// `(R r)_i` and a bound on its error, with residuals r that are off by their error at most.
    pub fn times(&self, i: usize, r: Pairs, errors: &[f64]) -> (f64, f64) {
        let row = self.row(i);
        let unsure: f64 = row.iter().zip(errors).map(|(a, e)| a.abs() * e).sum();
        if let Some(pairs) = self.pairs(i) {
            let (value, error) = minus_dot(0.0, pairs, r).rounded();
            return (-value, UP * (error + 2.0 * unsure + self.m as f64 * TINY));
        }
        let (mut sum, mut size) = (0.0, 0.0);
        for (row, r) in row.iter().zip(r.high) {
            sum += row * r;
            size += (row * r).abs();
        }
        // The low words of r are below u |r|.
        let lost = gamma(self.m + 3) * size + unsure + 4.0 * self.m as f64 * TINY;
        (sum, UP * lost)
    }

    /// Bounds of the row sums of |I - R A|, with the exact A. `chosen` are its equations.
    ///
    /// With one word, the plain sums lose at most `gamma(m + 1) (1 + |R| |A|)` and the low words are below u |A|.
    /// Underflow takes the slack from every coefficient and TINY from every product.
    pub fn contraction(&self, system: &System, chosen: &[usize]) -> Vec<f64> {
        let m = self.m;
        let columns = match self.low.is_empty() {
            true => ReducedColumns::default(),
            false => ReducedColumns::new(system, chosen),
        };
        let size = |row: &[f64]| row.iter().map(|a| a.abs()).sum::<f64>();
        let sizes: Vec<f64> = chosen.iter().map(|&e| size(system.row(e))).collect();
        let mut defect = vec![0.0; m];
        let bound = |i: usize| {
            let row = self.row(i);
            let lost: f64 = row
                .iter()
                .zip(chosen)
                .map(|(r, &e)| r.abs() * system.slack[e])
                .sum();
            let mut sum = 2.0 * m as f64 * lost + m as f64 * m as f64 * TINY + f64::MIN_POSITIVE;
            if let Some(pairs) = self.pairs(i) {
                for k in 0..m {
                    let unit = f64::from(u8::from(k == i));
                    let (value, error) = minus_dot(unit, pairs, columns.pairs(k, m)).rounded();
                    sum += value.abs() + error;
                }
            } else {
                defect.fill(0.0);
                defect[i] = 1.0;
                let mut spread = 1.0;
                for (k, &r) in row.iter().enumerate() {
                    subtract(&mut defect, r, system.row(chosen[k]));
                    spread += r.abs() * sizes[k];
                }
                sum += size(&defect) + gamma(m + 4) * spread;
            }
            UP * sum
        };
        (0..m).map(bound).collect()
    }
}

/// The columns of A, one after the other.
#[derive(Default)]
struct ReducedColumns {
    high: Vec<f64>,
    low: Vec<f64>,
}

impl ReducedColumns {
    fn new(system: &System, chosen: &[usize]) -> Self {
        let m = system.m;
        let turned = |words: &[f64]| -> Vec<f64> {
            let column = |i: usize| chosen.iter().map(move |&e| words[e * m + i]);
            (0..m).flat_map(column).collect()
        };
        ReducedColumns {
            high: turned(&system.high),
            low: turned(&system.low),
        }
    }

    fn pairs(&self, k: usize, m: usize) -> Pairs<'_> {
        Pairs {
            high: &self.high[k * m..][..m],
            low: &self.low[k * m..][..m],
        }
    }
}
