//! A triangular factor that grows by a column and shrinks by one: `R^T R` is the Gram matrix of the active vectors.
//!
//! R is stored by rows, so that every inner loop runs over neighbouring numbers, those of the rotations included.

use crate::linear::products;
use faer::MatRef;
use pulp::Simd;

/// Numbers between the rows beyond their capacity, so that the entries of a column do not fall into one cache set.
const PAD: usize = 8;

/// An upper triangular matrix R.
#[derive(Debug, Clone, Default)]
pub(super) struct Factor {
    /// The number of rows.
    size: usize,
    /// Numbers from one row to the next.
    stride: usize,
    /// Row i holds its entries from column i on at `i * stride + i`; what is before them is never read.
    rows: Vec<f64>,
    /// A row during rotations.
    carried: Vec<f64>,
}

/// A stride with room for more columns than `size`.
fn roomy(size: usize) -> usize {
    (size + (size / 4).max(16) + PAD).next_multiple_of(PAD) + PAD
}

impl Factor {
    /// The transpose of a lower triangle, whose columns are R's rows.
    pub fn of_transpose(lower: MatRef<'_, f64>) -> Self {
        let size = lower.nrows();
        let stride = roomy(size);
        let mut rows = vec![0.0; size * stride];
        for i in 0..size {
            let row = &mut rows[i * stride..][i..size];
            let column = lower.col(i).subrows(i, size - i);
            for (value, entry) in row.iter_mut().zip(column.iter()) {
                *value = *entry;
            }
        }
        Factor {
            size,
            stride,
            rows,
            ..Factor::default()
        }
    }

    /// The numbers that are kept.
    pub fn numbers(&self) -> usize {
        self.rows.capacity()
    }

    #[inline(always)]
    fn row(&self, i: usize) -> &[f64] {
        &self.rows[i * self.stride..][..self.size]
    }

    /// Append a column: `column` above the diagonal, `pivot` on it.
    #[inline(always)]
    pub fn push(&mut self, column: &[f64], pivot: f64) {
        if self.size + PAD >= self.stride {
            self.widen();
        }
        self.rows.resize((self.size + 1) * self.stride, 0.0);
        for (i, &value) in column.iter().enumerate() {
            self.rows[i * self.stride + self.size] = value;
        }
        self.rows[self.size * (self.stride + 1)] = pivot;
        self.size += 1;
    }

    /// Make room for more columns.
    fn widen(&mut self) {
        let stride = roomy(self.size);
        let mut rows = vec![0.0; self.size * stride];
        for i in 0..self.size {
            rows[i * stride..][..self.size].copy_from_slice(self.row(i));
        }
        (self.rows, self.stride) = (rows, stride);
    }

    /// Remove a column; rotations make the matrix triangular again, and turn `half`, a vector as long as a column, too:
    /// its last entry goes.
    #[inline(always)]
    pub fn remove(&mut self, gone: usize, half: &mut Vec<f64>) {
        let (n, stride) = (self.size, self.stride);
        for i in 0..gone {
            self.rows[i * stride..][..n].copy_within(gone + 1.., gone);
        }
        self.carried.clear();
        self.carried
            .extend_from_slice(&self.rows[gone * stride..][gone + 1..n]);
        for k in gone..n - 1 {
            let (upper, lower) = self.rows[k * stride..].split_at_mut(stride);
            let (upper, lower) = (&mut upper[k..n - 1], &lower[k + 1..n]);
            let carried = &mut self.carried[k - gone..];
            let length = (carried[0] * carried[0] + lower[0] * lower[0]).sqrt();
            let (c, s) = (carried[0] / length, lower[0] / length);
            for ((upper, lower), carried) in upper.iter_mut().zip(lower).zip(carried) {
                *upper = c * *carried + s * lower;
                *carried = c * lower - s * *carried;
            }
            let (first, second) = (half[k], half[k + 1]);
            half[k] = c * first + s * second;
            half[k + 1] = c * second - s * first;
        }
        self.size -= 1;
        self.rows.truncate(self.size * stride);
        half.truncate(self.size);
    }

    /// `R^T x = b`, in place of b: four rows at a time.
    #[inline(always)]
    pub fn solve_transposed(&self, b: &mut [f64]) {
        for first in (0..b.len()).step_by(4) {
            let end = b.len().min(first + 4);
            for i in first..end {
                let row = self.row(i);
                let value = b[i] / row[i];
                b[i] = value;
                for j in i + 1..end {
                    b[j] -= value * row[j];
                }
            }
            let (found, rest) = b.split_at_mut(end);
            if let &[.., v0, v1, v2, v3] = &*found
                && !rest.is_empty()
            {
                let (r0, r1) = (&self.row(first)[end..], &self.row(first + 1)[end..]);
                let (r2, r3) = (&self.row(first + 2)[end..], &self.row(first + 3)[end..]);
                for ((((b, r0), r1), r2), r3) in rest.iter_mut().zip(r0).zip(r1).zip(r2).zip(r3) {
                    *b -= (v0 * r0 + v1 * r1) + (v2 * r2 + v3 * r3);
                }
            }
        }
    }

    /// `R x = b`, in place of b: four rows at a time.
    #[inline(always)]
    pub fn solve<S: Simd>(&self, simd: S, b: &mut [f64]) {
        let (n, mut end) = (b.len(), b.len());
        while end > 0 {
            let first = end.saturating_sub(4);
            let mut known = [0.0; 4];
            if end - first == 4 {
                let rows = [
                    &self.row(first)[end..n],
                    &self.row(first + 1)[end..n],
                    &self.row(first + 2)[end..n],
                    &self.row(first + 3)[end..n],
                ];
                known = products::four(simd, rows, &b[end..]);
            } else {
                for i in first..end {
                    known[i - first] = products::one(simd, &self.row(i)[end..n], &b[end..]);
                }
            }
            for i in (first..end).rev() {
                let row = self.row(i);
                let mut left = b[i] - known[i - first];
                for j in i + 1..end {
                    left -= row[j] * b[j];
                }
                b[i] = left / row[i];
            }
            end = first;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hull::min_norm::dot;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// After columns come and go, R^T R is the Gram matrix of the vectors that are left, both solves undo R, and `half`
    /// is `R^-T` of what it was made from.
    #[test]
    fn a_factor_follows_its_vectors() {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let d = 90;
        let (mut factor, mut half) = (Factor::default(), Vec::new());
        let mut vectors: Vec<Vec<f64>> = Vec::new();
        for round in 0..260 {
            if vectors.len() > 70 || round % 3 == 2 {
                let gone = random.random_range(0..vectors.len());
                vectors.remove(gone);
                factor.remove(gone, &mut half);
            } else {
                let vector: Vec<f64> = (0..d).map(|_| random.random_range(-1.0..1.0)).collect();
                let mut column: Vec<f64> = vectors.iter().map(|v| dot(v, &vector)).collect();
                factor.solve_transposed(&mut column);
                let pivot = (dot(&vector, &vector) - dot(&column, &column)).sqrt();
                half.push((1.0 - dot(&column, &half)) / pivot);
                factor.push(&column, pivot);
                vectors.push(vector);
            }
            assert_eq!((factor.size, half.len()), (vectors.len(), vectors.len()));
            let mut u = half.clone();
            factor.solve(pulp::Scalar, &mut u);
            for v in &vectors {
                let product: f64 = vectors.iter().zip(&u).map(|(w, u)| u * dot(w, v)).sum();
                assert!((product - 1.0).abs() < 1e-9, "{round}: {product}");
            }
        }
        assert!(vectors.len() > 60);
    }
}
