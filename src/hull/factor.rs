//! The inverse of a triangular factor that grows by a column and shrinks by one: `R^T R` is the Gram matrix of the active vectors.
//!
//! With `R^-1` both solves are products with a matrix, in which no number waits for the one before it, and the rotations after a
//! column leaves depend on one row alone. With R, in sets of 40 to 130 vectors, most of the time went into such waiting.
//!
//! `R^-1` is stored by columns. What lies below the diagonal is zero, and so are the columns beyond the last up to a multiple of
//! [`LANES`]: all loops run over whole vector registers.

use crate::linear::{self, products};
use faer::MatRef;
use pulp::Simd;

/// Numbers and columns are taken in multiples of this: as many f64 as the widest vector register holds.
const LANES: usize = 8;
const _: () = assert!(LANES == 8, "products take eight columns, or two times four");

/// The inverse of an upper triangular matrix R.
#[derive(Debug, Clone, Default)]
pub(super) struct InverseFactor {
    /// The number of rows.
    size: usize,
    /// Numbers from one column to the next, a multiple of [`LANES`].
    stride: usize,
    /// Column k holds its entries up to row k at `k * stride`, and zeros below.
    columns: Vec<f64>,
    /// A column during rotations.
    carried: Vec<f64>,
}

/// A number of columns, or rows, with room for some more.
pub(super) fn roomy(size: usize) -> usize {
    size + (size / 4).max(32)
}

/// A stride with room for more columns than `size`; an odd multiple, so that the entries of a row do not fall into one cache set.
fn stride(size: usize) -> usize {
    ((roomy(size) / LANES) | 1) * LANES
}

/// The length of a column with the padding that solves need.
pub(super) fn padded(size: usize) -> usize {
    size.next_multiple_of(LANES)
}

/// The product with the matrix of these columns, in place of b. Numbers must be finite, because they meet the zeros.
#[inline(always)]
fn multiply<S: Simd>(simd: S, columns: &[f64], stride: usize, b: &mut [f64]) {
    for first in (0..b.len()).step_by(LANES) {
        let end = first + LANES;
        let column = |j: usize| &columns[(first + j) * stride..][..end];
        let b = &mut b[..end];
        let less = std::array::from_fn(|j| -b[first + j]);
        b[first..].fill(0.0);
        products::subtract_eight(simd, less, std::array::from_fn(column), b);
    }
}

impl InverseFactor {
    /// Of R whose transpose is a lower triangle.
    pub fn of_transpose(lower: MatRef<'_, f64>) -> Self {
        let size = lower.nrows();
        let stride = stride(size);
        let mut columns = vec![0.0; padded(size) * stride];
        let inverse = linear::inverse_of_lower(lower);
        for (k, column) in columns.chunks_exact_mut(stride).take(size).enumerate() {
            for (i, entry) in column[..=k].iter_mut().enumerate() {
                *entry = inverse[(k, i)];
            }
        }
        InverseFactor {
            size,
            stride,
            columns,
            ..InverseFactor::default()
        }
    }

    /// The numbers that are kept.
    pub fn numbers(&self) -> usize {
        self.columns.capacity()
    }

    /// The most numbers that are kept for so many columns.
    pub fn most_numbers(size: usize) -> usize {
        padded(roomy(size)) * stride(size)
    }

    /// Append a column to R with `pivot` on the diagonal and R `combination` above it: the new vector is that combination of the
    /// others, and a rest of length `pivot` that is orthogonal to them.
    #[inline(always)]
    pub fn push(&mut self, combination: &[f64], pivot: f64) {
        let n = self.size;
        if n == self.stride {
            self.widen();
        }
        let numbers = padded(n + 1) * self.stride;
        if numbers > self.columns.capacity() {
            let room = padded(roomy(n)) * self.stride;
            self.columns.reserve_exact(room - self.columns.len());
        }
        self.columns.resize(numbers, 0.0);
        let new = &mut self.columns[n * self.stride..];
        for (entry, value) in new[..n].iter_mut().zip(combination) {
            *entry = -value / pivot;
        }
        new[n] = 1.0 / pivot;
        self.size += 1;
    }

    /// Make room for more rows.
    fn widen(&mut self) {
        let stride = stride(self.size);
        let mut columns = vec![0.0; padded(self.size) * stride];
        for k in 0..self.size {
            columns[k * stride..][..self.size].copy_from_slice(&self.column(k)[..self.size]);
        }
        (self.columns, self.stride) = (columns, stride);
    }

    #[inline(always)]
    fn column(&self, k: usize) -> &[f64] {
        &self.columns[k * self.stride..][..self.stride]
    }

    /// Remove a column of R, which is a row of the inverse: rotations of the columns gather that row in one column, which goes, and
    /// keep the others triangular. They turn `half`, a vector as long as a column, too: its last entry goes.
    #[inline(always)]
    pub fn remove(&mut self, gone: usize, half: &mut Vec<f64>) {
        let (n, stride) = (self.size, self.stride);
        self.carried.clear();
        let carried = &self.columns[gone * stride..][..=gone];
        self.carried.extend_from_slice(&carried[..gone]);
        let (mut weight, mut held) = (carried[gone], half[gone]);
        for k in gone + 1..n {
            let (before, column) = self.columns.split_at_mut(k * stride);
            let rotated = &mut before[(k - 1) * stride..][..k];
            let other = column[gone];
            column.copy_within(gone + 1..=k, gone);
            self.carried.push(0.0);
            let length = weight.hypot(other);
            let (c, s) = (weight / length, other / length);
            let each = rotated.iter_mut().zip(&mut self.carried).zip(&column[..k]);
            for ((rotated, carried), value) in each {
                *rotated = c * value - s * *carried;
                *carried = c * *carried + s * value;
            }
            half[k - 1] = c * half[k] - s * held;
            held = c * held + s * half[k];
            weight = length;
        }
        self.size -= 1;
        self.columns[(n - 1) * stride..][..n].fill(0.0);
        self.columns.truncate(padded(self.size) * stride);
        half.truncate(self.size);
    }

    /// `R^T x = b`, in place of b.
    #[inline(always)]
    pub fn solve_transposed<S: Simd>(&self, simd: S, b: &mut Vec<f64>) {
        b.resize(padded(self.size), 0.0);
        // From the last to the first: a product reads nothing that was replaced, but for what is multiplied by zeros.
        for first in (0..b.len()).step_by(4).rev() {
            let end = padded(first + 4);
            let columns = std::array::from_fn(|j| &self.column(first + j)[..end]);
            let products = products::four(simd, columns, &b[..end]);
            b[first..first + 4].copy_from_slice(&products);
        }
        b.truncate(self.size);
    }

    /// `R x = b`, in place of b.
    #[inline(always)]
    pub fn solve<S: Simd>(&self, simd: S, b: &mut Vec<f64>) {
        b.resize(padded(self.size), 0.0);
        multiply(simd, &self.columns, self.stride, b);
        b.truncate(self.size);
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
        let (mut factor, mut half) = (InverseFactor::default(), Vec::new());
        let mut vectors: Vec<Vec<f64>> = Vec::new();
        for round in 0..260 {
            if vectors.len() > 70 || round % 3 == 2 {
                let gone = random.random_range(0..vectors.len());
                vectors.remove(gone);
                factor.remove(gone, &mut half);
            } else {
                let vector: Vec<f64> = (0..d).map(|_| random.random_range(-1.0..1.0)).collect();
                let mut column: Vec<f64> = vectors.iter().map(|v| dot(v, &vector)).collect();
                factor.solve_transposed(pulp::Scalar, &mut column);
                let pivot = (dot(&vector, &vector) - dot(&column, &column)).sqrt();
                half.push((1.0 - dot(&column, &half)) / pivot);
                factor.solve(pulp::Scalar, &mut column);
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
