//! The upper triangle of `sum m m^T` in f32, its Cholesky factor, and the solution for a right side that is zero but for its
//! last entry.
//!
//! Both the sum and the factor are computed by one kernel: it adds the products of many rows to four rows of the triangle at
//! a time, so that each number is loaded once for all rows. In 129 dimensions that takes less than half the time of a
//! general product and factorisation in f64, which are made for large matrices.

use pulp::Simd;

/// Rows start at multiples of this many numbers: the widest vectors of any processor.
const WIDTH: usize = 16;

/// Rows of the triangle that the kernel updates together.
const TALL: usize = 4;

/// Rows of the factor that are finished before the rest is updated.
const PANEL: usize = 16;

/// How long rows of `size` numbers are with their padding.
pub(super) fn padded(size: usize) -> usize {
    size.next_multiple_of(WIDTH)
}

/// The upper triangle of a symmetric matrix, by rows. What is below the diagonal is never read.
pub(super) struct Normal {
    size: usize,
    stride: usize,
    sum: Vec<f32>,
    factor: Vec<f32>,
    /// The rows to add.
    rows: Vec<f32>,
}

impl Normal {
    /// Zero.
    pub fn new(size: usize) -> Self {
        let stride = padded(size);
        let length = size.next_multiple_of(TALL) * stride;
        Normal {
            size,
            stride,
            sum: vec![0.0; length],
            factor: vec![0.0; length],
            rows: Vec::new(),
        }
    }

    pub fn clear(&mut self) {
        self.sum.fill(0.0);
    }

    /// Add `share m m^T` for some rows m, padded with zeros.
    #[inline(always)]
    pub fn add<'r, S: Simd>(&mut self, simd: S, rows: impl Iterator<Item = &'r [f32]>, share: f32) {
        self.rows.clear();
        for row in rows {
            self.rows.extend_from_slice(row);
        }
        update(simd, &mut self.sum, self.stride, 0, (&self.rows, share));
    }

    /// w of `(sum + ridge) w = [0; right]`; `None` if the matrix is not positive definite up to rounding.
    #[inline(always)]
    pub fn solve<S: Simd>(&mut self, simd: S, ridge: f32, right: f32) -> Option<Vec<f32>> {
        self.factor.copy_from_slice(&self.sum);
        for i in 0..self.size {
            self.factor[i * (self.stride + 1)] += ridge;
        }
        for first in (0..self.size).step_by(PANEL) {
            let end = self.size.min(first + PANEL);
            for i in first..end {
                self.finish(simd, first, i)?;
            }
            if end == self.size {
                break;
            }
            let (done, rest) = self.factor.split_at_mut(end * self.stride);
            let done = &done[first * self.stride..];
            update(simd, rest, self.stride, end, (done, -1.0));
        }
        Some(self.substitute(simd, right))
    }

    /// Finish row i of the factor: less its share of the rows from `first` on, over the root of its diagonal.
    #[inline(always)]
    fn finish<S: Simd>(&mut self, simd: S, first: usize, i: usize) -> Option<()> {
        let (done, row) = self.factor.split_at_mut(i * self.stride);
        let start = i / WIDTH * WIDTH;
        let row = &mut row[start..self.stride];
        let (row_s, _) = S::as_mut_simd_f32s(row);
        for k in first..i {
            let above = &done[k * self.stride..][..self.stride];
            let less = simd.splat_f32s(-above[i]);
            let (above, _) = S::as_simd_f32s(&above[start..]);
            for k in 0..row_s.len() {
                row_s[k] = simd.mul_add_e_f32s(less, above[k], row_s[k]);
            }
        }
        let pivot = row[i - start];
        // False also for what is not a number.
        let positive = pivot > 0.0;
        if !positive {
            return None;
        }
        let share = simd.splat_f32s(pivot.sqrt().recip());
        let (row, _) = S::as_mut_simd_f32s(row);
        for k in 0..row.len() {
            row[k] = simd.mul_f32s(row[k], share);
        }
        Some(())
    }

    /// The solution from the factor. The forward substitution of `[0; right]` leaves all but the last entry zero.
    #[inline(always)]
    fn substitute<S: Simd>(&self, simd: S, right: f32) -> Vec<f32> {
        let (n, stride) = (self.size, self.stride);
        let mut w = vec![0.0; stride];
        let last = self.factor[(n - 1) * (stride + 1)];
        w[n - 1] = right / (last * last);
        for i in (0..n - 1).rev() {
            // What follows the diagonal up to the next whole vector, and from there on.
            let row = &self.factor[i * stride..][..stride];
            let whole = padded(i + 1).min(stride);
            let mut known = 0.0;
            for j in i + 1..whole {
                known += row[j] * w[j];
            }
            known += product(simd, &row[whole..], &w[whole..]);
            w[i] = -known / row[i];
        }
        w
    }
}

/// `<a, b>` of two vectors of the same length, a multiple of the width.
#[inline(always)]
fn product<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let ((a, _), (b, _)) = (S::as_simd_f32s(a), S::as_simd_f32s(b));
    let zero = simd.splat_f32s(0.0);
    let (mut even, mut odd) = (zero, zero);
    let pairs = a.len() / 2 * 2;
    for k in (0..pairs).step_by(2) {
        even = simd.mul_add_e_f32s(a[k], b[k], even);
        odd = simd.mul_add_e_f32s(a[k + 1], b[k + 1], odd);
    }
    if pairs < a.len() {
        even = simd.mul_add_e_f32s(a[pairs], b[pairs], even);
    }
    simd.reduce_sum_f32s(simd.add_f32s(even, odd))
}

/// The products of rows, one after the other and as long as w, with w.
#[inline(always)]
pub(super) fn multiply<S: Simd>(simd: S, rows: &[f32], w: &[f32], products: &mut [f32]) {
    let length = w.len();
    let (w_s, _) = S::as_simd_f32s(w);
    let whole = products.len() / TALL * TALL;
    for first in (0..whole).step_by(TALL) {
        let four = &rows[first * length..][..TALL * length];
        let (a, _) = S::as_simd_f32s(&four[..length]);
        let (b, _) = S::as_simd_f32s(&four[length..2 * length]);
        let (c, _) = S::as_simd_f32s(&four[2 * length..3 * length]);
        let (d, _) = S::as_simd_f32s(&four[3 * length..]);
        let zero = simd.splat_f32s(0.0);
        let (mut s0, mut s1, mut s2, mut s3) = (zero, zero, zero, zero);
        for k in 0..w_s.len() {
            s0 = simd.mul_add_e_f32s(a[k], w_s[k], s0);
            s1 = simd.mul_add_e_f32s(b[k], w_s[k], s1);
            s2 = simd.mul_add_e_f32s(c[k], w_s[k], s2);
            s3 = simd.mul_add_e_f32s(d[k], w_s[k], s3);
        }
        products[first] = simd.reduce_sum_f32s(s0);
        products[first + 1] = simd.reduce_sum_f32s(s1);
        products[first + 2] = simd.reduce_sum_f32s(s2);
        products[first + 3] = simd.reduce_sum_f32s(s3);
    }
    for i in whole..products.len() {
        products[i] = product(simd, &rows[i * length..][..length], w);
    }
}

/// `matrix[i][j] += share sum_k rows[k][first + i] rows[k][j]` for j from the diagonal `first + i` on. All rows are `stride`
/// long; the matrix begins with row `first`, a multiple of [`TALL`].
#[inline(always)]
fn update<S: Simd>(
    simd: S,
    matrix: &mut [f32],
    stride: usize,
    first: usize,
    (rows, share): (&[f32], f32),
) {
    if rows.is_empty() {
        return;
    }
    for block in 0..matrix.len() / (TALL * stride) {
        let four = &mut matrix[block * TALL * stride..][..TALL * stride];
        let i = first + block * TALL;
        let mut vector = i / S::F32_LANES;
        let vectors = stride / S::F32_LANES;
        while vector < vectors {
            match vectors - vector {
                1 => tile::<S, 1>(simd, four, stride, (i, vector), (rows, share)),
                _ => tile::<S, 2>(simd, four, stride, (i, vector), (rows, share)),
            }
            vector += 2;
        }
    }
}

/// The update of four rows and V vectors of columns, from column i and from vector `at` of the rows on.
#[inline(always)]
fn tile<S: Simd, const V: usize>(
    simd: S,
    four: &mut [f32],
    stride: usize,
    (i, at): (usize, usize),
    (rows, share): (&[f32], f32),
) {
    // Plain loops over places: iterators may not be compiled for the instruction set.
    let (whole, _) = S::as_simd_f32s(rows);
    let vectors = stride / S::F32_LANES;
    let zero = simd.splat_f32s(0.0);
    let mut sums = [[zero; V]; TALL];
    for k in 0..rows.len() / stride {
        // The chunks are always there; taken as arrays, they are checked once.
        let (Some(entries), Some(row)) = (
            rows[k * stride + i..].first_chunk::<TALL>(),
            whole[k * vectors + at..].first_chunk::<V>(),
        ) else {
            return;
        };
        for r in 0..TALL {
            let entry = simd.splat_f32s(entries[r]);
            for v in 0..V {
                sums[r][v] = simd.mul_add_e_f32s(entry, row[v], sums[r][v]);
            }
        }
    }
    let (four, _) = S::as_mut_simd_f32s(four);
    let share = simd.splat_f32s(share);
    for r in 0..TALL {
        for v in 0..V {
            let place = r * vectors + at + v;
            four[place] = simd.mul_add_e_f32s(share, sums[r][v], four[place]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::WithSimd;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// The sum over all rows less those of the second list, solved.
    struct Solve<'a>(&'a mut Normal, &'a [Vec<f32>], &'a [Vec<f32>]);

    impl WithSimd for Solve<'_> {
        type Output = Option<Vec<f32>>;

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> Option<Vec<f32>> {
            let rows = |rows: &'_ [Vec<f32>]| rows.to_vec();
            let (all, less) = (rows(self.1), rows(self.2));
            self.0.add(simd, all.iter().map(Vec::as_slice), 1.0);
            self.0.add(simd, less.iter().map(Vec::as_slice), -1.0);
            self.0.solve(simd, 0.5, 2.0)
        }
    }

    /// The solution fulfils the equations, which are computed anew in f64, for every size around the kernel's blocks, with
    /// vector instructions and without.
    #[test]
    fn the_solution_fulfils_the_equations() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        for size in [1, 2, 3, 4, 5, 15, 16, 17, 31, 33, 48, 63, 64, 65, 129] {
            let mut row = || -> Vec<f32> {
                let mut row: Vec<f32> = (0..size).map(|_| random.random_range(-1.0..1.0)).collect();
                row.resize(padded(size), 0.0);
                row
            };
            let kept: Vec<Vec<f32>> = (0..size + 7).map(|_| row()).collect();
            let gone: Vec<Vec<f32>> = (0..3).map(|_| row()).collect();
            let all = [kept.as_slice(), &gone].concat();
            let fast = pulp::Arch::new().dispatch(Solve(&mut Normal::new(size), &all, &gone));
            let plain = Solve(&mut Normal::new(size), &all, &gone).with_simd(pulp::Scalar);
            for w in [fast.unwrap(), plain.unwrap()] {
                for i in 0..size {
                    let mut left = 0.5 * f64::from(w[i]);
                    for m in &kept {
                        let each = m.iter().zip(&w);
                        let product: f64 = each.map(|(m, w)| f64::from(*m) * f64::from(*w)).sum();
                        left += f64::from(m[i]) * product;
                    }
                    let right = if i + 1 == size { 2.0 } else { 0.0 };
                    assert!((left - right).abs() < 1e-3, "{size}, {i}: {left}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_positive_definite_has_no_solution() {
        let mut row = vec![1.0; 3];
        row.resize(padded(3), 0.0);
        let solved = Solve(&mut Normal::new(3), &[], &[row]).with_simd(pulp::Scalar);
        assert!(solved.is_none());
        let far = vec![vec![f32::NAN; padded(3)]];
        let solved = Solve(&mut Normal::new(3), &far, &[]).with_simd(pulp::Scalar);
        assert!(solved.is_none());
    }
}
