//! Gaussian elimination that chooses m equations, an approximate inverse of their matrix, and a bound on its error.
//!
//! The inverse need not be accurate: its error is bounded from its stored numbers.

use super::doubled::{Number, Pairs, TINY, minus_dot};
use super::equations::System;
use super::roundoff::gamma;
use crate::hull::min_norm::dot;
use crate::linear;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};

/// From this many unknowns on, one-word factors are computed in blocks.
const BLOCKED: usize = 16;

/// Covers the roundings of a bound itself: sums of less than 2^30 positive numbers.
pub(super) const UP: f64 = 1.0 + 1e-6;

/// m equations that elimination chose, and an approximate inverse of their matrix.
pub(super) struct Pivots {
    /// Equations, as rows of the system: the chosen ones first.
    pub order: Vec<usize>,
    pub inverse: Inverse,
}

impl Pivots {
    /// Gaussian elimination. For each column the equation with the largest remaining coefficient becomes the pivot.
    /// `None` if no non-zero coefficient remains.
    pub fn new<T: Number>(system: &System) -> Option<Self> {
        match T::WORDS == 1 && system.m >= BLOCKED {
            true => Pivots::in_blocks(system),
            false => Pivots::one_by_one::<T>(system),
        }
    }

    /// In one word, by products of blocks.
    fn in_blocks(system: &System) -> Option<Self> {
        let (n, m) = (system.names.len(), system.m);
        if n < m {
            return None;
        }
        let matrix = MatRef::from_row_major_slice(&system.high, n, m);
        let (order, inverse) = linear::pivots_and_inverse(matrix.to_owned())?;
        let mut high = vec![0.0; m * m];
        MatMut::from_row_major_slice_mut(&mut high, m, m).copy_from(inverse);
        let low = Vec::new();
        let inverse = Inverse { m, high, low };
        Some(Pivots { order, inverse })
    }

    fn one_by_one<T: Number>(system: &System) -> Option<Self> {
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

/// R, m x m, an approximate inverse in one or two words. It may hold any numbers: every use bounds its error.
pub(super) struct Inverse {
    m: usize,
    high: Vec<f64>,
    /// Empty if R has one word.
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

    /// Row i, if R has two words.
    fn pairs(&self, i: usize) -> Option<Pairs<'_>> {
        let range = i * self.m..(i + 1) * self.m;
        let low = self.low.get(range)?;
        let high = self.row(i);
        Some(Pairs { high, low })
    }

    /// `(R r)_i` and a bound on its error; each residual `r_i` is off by at most `errors[i]`.
    pub fn times(&self, i: usize, r: Pairs, errors: &[f64]) -> (f64, f64) {
        let row = self.row(i);
        let unsure = size_of_products(row, errors);
        if let Some(pairs) = self.pairs(i) {
            let (value, error) = minus_dot(0.0, pairs, r).rounded();
            return (-value, UP * (error + 2.0 * unsure + self.m as f64 * TINY));
        }
        let size = size_of_products(row, r.high);
        // The low words of r are below u |r|.
        let lost = gamma(self.m + 3) * size + unsure + 4.0 * self.m as f64 * TINY;
        (dot(row, r.high), UP * lost)
    }

    /// Bounds of the row sums of |I - R A|, where A is the exact matrix of the `chosen` equations.
    ///
    /// With one word, the plain sums lose at most `gamma(m + 1) (1 + |R| |A|)`, in whatever order they are added, and the
    /// low words are below u |A|. Underflow takes the slack from every coefficient and TINY from every product.
    pub fn contraction(&self, system: &System, chosen: &[usize]) -> Vec<f64> {
        let m = self.m;
        let defects = match self.low.is_empty() {
            true => self.defects(system, chosen),
            false => self.doubled_defects(system, chosen),
        };
        let bound = |(i, defect): (usize, f64)| {
            let row = self.row(i).iter().zip(chosen);
            let lost: f64 = row.map(|(r, &e)| r.abs() * system.slack[e]).sum();
            let lost = 2.0 * m as f64 * lost + m as f64 * m as f64 * TINY + f64::MIN_POSITIVE;
            UP * (lost + defect)
        };
        defects.into_iter().enumerate().map(bound).collect()
    }

    /// The row sums of |I - R A| for the stored numbers, with the roundings of R in one word.
    fn defects(&self, system: &System, chosen: &[usize]) -> Vec<f64> {
        let m = self.m;
        let ones = vec![1.0; m];
        let size = |&equation: &usize| size_of_products(system.row(equation), &ones);
        let sizes: Vec<f64> = chosen.iter().map(size).collect();
        let equations: Vec<f64> = chosen
            .iter()
            .flat_map(|&equation| system.row(equation).iter().copied())
            .collect();
        let mut products = Mat::<f64>::zeros(m, m);
        matmul(
            products.as_mut().transpose_mut(),
            Accum::Replace,
            MatRef::from_row_major_slice(&self.high, m, m),
            MatRef::from_row_major_slice(&equations, m, m),
            1.0,
            Par::Seq,
        );
        let bound = |i: usize| {
            products[(i, i)] -= 1.0;
            let defect = size_of_products(products.col_as_slice(i), &ones);
            let spread = 1.0 + size_of_products(self.row(i), &sizes);
            defect + gamma(m + 4) * spread
        };
        (0..m).map(bound).collect()
    }

    /// The same with R in two words.
    fn doubled_defects(&self, system: &System, chosen: &[usize]) -> Vec<f64> {
        let m = self.m;
        let columns = ReducedColumns::new(system, chosen);
        let bound = |i: usize| {
            let row = Pairs {
                high: self.row(i),
                low: &self.low[i * m..][..m],
            };
            let each = (0..m).map(|k| {
                let unit = f64::from(u8::from(k == i));
                let (value, error) = minus_dot(unit, row, columns.pairs(k, m)).rounded();
                value.abs() + error
            });
            each.sum()
        };
        (0..m).map(bound).collect()
    }
}

/// `sum_i |a_i b_i|`, in running sums that the processor adds at the same time.
fn size_of_products(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a_whole, a_rest) = a.as_chunks::<8>();
    let (b_whole, b_rest) = b.as_chunks::<8>();
    for (a, b) in a_whole.iter().zip(b_whole) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += (a * b).abs();
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(a, b)| (a * b).abs());
    sums.iter().sum::<f64>() + rest.sum::<f64>()
}

/// The columns of A, stored one after the other.
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
