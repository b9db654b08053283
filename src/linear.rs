//! Products, solves and decompositions of dense f64 matrices with results that do not depend on the number of threads.
//!
//! A parallel routine of a linear algebra library may split its sums by the number of threads, and may choose its
//! kernel by the shape of its arguments. The last digits of a result, and with them the last digits of a margin, would
//! then differ between machines. Here the *result* is cut into blocks with sizes that depend on the problem's sizes
//! alone, one thread computes each block with sequential routines, and only the blocks are distributed over the
//! threads. Decompositions run on one thread.

pub(crate) mod products;

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor as llt;
use faer::linalg::lu::partial_pivoting;
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::qr::no_pivoting::factor as qr;
use faer::linalg::{evd, householder, triangular_inverse, triangular_solve};
use faer::{Accum, Conj, ContiguousFwd, Mat, MatMut, MatRef, Par};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Largest side of the blocks of a product: large enough that packing a panel costs little compared with its product,
/// small enough that several threads get blocks. With 784 dimensions and 1,337 rows, 2 threads take 0.92 to 0.94 times
/// as long as with the library's own split.
const SIDE: usize = 192;

/// A block of a result, and the row and column of its first entry.
struct Block<'m> {
    row: usize,
    column: usize,
    entries: MatMut<'m, f64>,
}

/// Splits `matrix` into about equal blocks of at most [`SIDE`] x [`SIDE`] entries, column by column of blocks.
fn blocks(matrix: MatMut<'_, f64>) -> Vec<Block<'_>> {
    let even = |n: usize| n.div_ceil(n.div_ceil(SIDE).max(1)).next_multiple_of(8);
    let (tall, wide) = (even(matrix.nrows()), even(matrix.ncols()));
    let mut found = Vec::new();
    let (mut right, mut column) = (matrix, 0);
    while right.ncols() > 0 {
        let width = wide.min(right.ncols());
        let (mut below, rest) = right.split_at_col_mut(width);
        let mut row = 0;
        while below.nrows() > 0 {
            let height = tall.min(below.nrows());
            let (entries, next) = below.split_at_row_mut(height);
            found.push(Block {
                row,
                column,
                entries,
            });
            (below, row) = (next, row + height);
        }
        (right, column) = (rest, column + width);
    }
    found
}

/// `sum += share * columns columns^T`, only the lower triangle: `columns` is d x n, `sum` d x d.
pub(crate) fn add_gram(sum: MatMut<'_, f64>, columns: MatRef<'_, f64>, share: f64) {
    let mut blocks = blocks(sum);
    blocks.retain(|block| block.row >= block.column);
    blocks.into_par_iter().for_each(|block| {
        let (left, right) = (
            columns.subrows(block.row, block.entries.nrows()),
            columns.subrows(block.column, block.entries.ncols()),
        );
        if block.row == block.column {
            triangular::matmul(
                block.entries,
                BlockStructure::TriangularLower,
                Accum::Add,
                left,
                BlockStructure::Rectangular,
                right.transpose(),
                BlockStructure::Rectangular,
                share,
                Par::Seq,
            );
        } else {
            matmul(
                block.entries,
                Accum::Add,
                left,
                right.transpose(),
                share,
                Par::Seq,
            );
        }
    });
}

/// `sum += share * a b`.
pub(crate) fn add_product(
    sum: MatMut<'_, f64>,
    a: MatRef<'_, f64>,
    b: MatRef<'_, f64>,
    share: f64,
) {
    blocks(sum).into_par_iter().for_each(|block| {
        let (left, right) = (
            a.subrows(block.row, block.entries.nrows()),
            b.subcols(block.column, block.entries.ncols()),
        );
        matmul(block.entries, Accum::Add, left, right, share, Par::Seq);
    });
}

/// The Cholesky factor L of a symmetric matrix in place of its lower triangle; `None` if it is not positive definite.
pub(crate) fn cholesky(matrix: MatMut<'_, f64>) -> Option<()> {
    let scratch =
        llt::cholesky_in_place_scratch::<f64>(matrix.nrows(), Par::Seq, Default::default());
    llt::cholesky_in_place(
        matrix,
        Default::default(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .ok()
    .map(|_| ())
}

/// `a b`.
pub(crate) fn product(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Mat<f64> {
    let mut out = Mat::zeros(a.nrows(), b.ncols());
    add_product(out.as_mut(), a, b, 1.0);
    out
}

/// The number of columns that [`product_apart`] multiplies at a time.
const APART: usize = 64;

/// `a b`, where no column's digits depend on the other columns: a fixed number of columns is multiplied at a time, the
/// last ones padded with zeros, so that every column goes through the same arithmetic.
pub(crate) fn product_apart(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Mat<f64> {
    let mut out = Mat::zeros(a.nrows(), b.ncols());
    for first in (0..b.ncols()).step_by(APART) {
        let count = APART.min(b.ncols() - first);
        let part = Mat::from_fn(b.nrows(), APART, |i, j| match j < count {
            true => b[(i, first + j)],
            false => 0.0,
        });
        let found = product(a, part.as_ref());
        let mut to = out.as_mut().subcols_mut(first, count);
        to.copy_from(found.subcols(0, count));
    }
    out
}

/// `L^-1 columns` in place; L is the lower triangle of `factor` (d x d), each column has d numbers.
pub(crate) fn solve_lower(factor: MatRef<'_, f64>, columns: &mut [f64]) {
    if solve_one(factor, false, columns) {
        return;
    }
    in_parts(factor.nrows(), columns, |part| {
        triangular_solve::solve_lower_triangular_in_place(factor, part, Par::Seq);
    });
}

/// Reads the lower triangle of a matrix once, from a quarter of its columns on, so that it is in the cache that cores share;
/// until `stop` is set.
pub(crate) fn read_through(factor: MatRef<'_, f64>, stop: &AtomicBool) {
    let Some(lower) = factor.try_as_col_major() else {
        return;
    };
    let mut sum = 0.0;
    for j in lower.ncols() / 4..lower.ncols() {
        if stop.load(Relaxed) {
            break;
        }
        // One number of each 64 bytes.
        sum += lower.col(j).as_slice()[j..].iter().step_by(8).sum::<f64>();
    }
    // The sum is of no use, but the compiler has to compute it.
    std::hint::black_box(sum);
}

/// `U^-1 columns` in place; U is the upper triangle of `factor` (d x d), each column has d numbers.
pub(crate) fn solve_upper(factor: MatRef<'_, f64>, columns: &mut [f64]) {
    if solve_one(factor.transpose(), true, columns) {
        return;
    }
    in_parts(factor.nrows(), columns, |part| {
        triangular_solve::solve_upper_triangular_in_place(factor, part, Par::Seq);
    });
}

/// One column solved with a triangle that has its columns in one piece each: for one column the library's solves take several
/// times as long.
struct SolveOne<'a> {
    lower: MatRef<'a, f64, usize, usize, ContiguousFwd>,
    /// With the transpose of `lower`.
    transposed: bool,
    column: &'a mut [f64],
}

impl WithSimd for SolveOne<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let d = self.column.len();
        if self.transposed {
            let mut last = d;
            while last >= 8 {
                last -= 8;
                self.eight_transposed(simd, last);
            }
            for j in (0..last).rev() {
                let entries = &self.lower.col(j).as_slice()[j..];
                let (first, solved) = self.column.split_at_mut(j + 1);
                let known = products::one(simd, &entries[1..], solved);
                first[j] = (first[j] - known) / entries[0];
            }
            return;
        }
        let mut first = 0;
        while d - first >= 8 {
            self.eight(simd, first);
            first += 8;
        }
        for j in first..d {
            let entries = &self.lower.col(j).as_slice()[j..];
            let (first, left) = self.column.split_at_mut(j + 1);
            first[j] /= entries[0];
            products::subtract(simd, first[j], &entries[1..], left);
        }
    }
}

impl SolveOne<'_> {
    /// With the transpose: solves for the eight unknowns from `first` on, if all after them are known.
    #[inline(always)]
    fn eight_transposed<S: Simd>(&mut self, simd: S, first: usize) {
        let (left, known) = self.column.split_at_mut(first + 8);
        let left = &mut left[first..];
        let column = |j: usize| &self.lower.col(first + j).as_slice()[first..];
        let below = |j: usize| &column(j)[8..];
        let one = products::four(simd, [below(0), below(1), below(2), below(3)], known);
        let two = products::four(simd, [below(4), below(5), below(6), below(7)], known);
        for j in (0..8).rev() {
            let entries = column(j);
            let mut sum = [one, two][j / 4][j % 4];
            for i in j + 1..8 {
                sum += entries[i] * left[i];
            }
            left[j] = (left[j] - sum) / entries[j];
        }
    }

    /// Solves for the eight unknowns from `first` on, and subtracts their columns from what is left.
    #[inline(always)]
    fn eight<S: Simd>(&mut self, simd: S, first: usize) {
        let (solved, left) = self.column.split_at_mut(first + 8);
        let solved = &mut solved[first..];
        for j in 0..8 {
            let entries = &self.lower.col(first + j).as_slice()[first..];
            solved[j] /= entries[j];
            for i in j + 1..8 {
                solved[i] -= solved[j] * entries[i];
            }
        }
        let column = |j: usize| &self.lower.col(first + j).as_slice()[first + 8..];
        let columns = [
            column(0),
            column(1),
            column(2),
            column(3),
            column(4),
            column(5),
            column(6),
            column(7),
        ];
        let mut shares = [0.0; 8];
        shares.copy_from_slice(solved);
        products::subtract_eight(simd, shares, columns, left);
    }
}

/// Solves with [`SolveOne`] and returns true, if this is one column and the triangle has its columns in one piece each.
fn solve_one(lower: MatRef<'_, f64>, transposed: bool, column: &mut [f64]) -> bool {
    let Some(lower) = lower.try_as_col_major() else {
        return false;
    };
    let one = column.len() == lower.nrows();
    if one {
        pulp::Arch::new().dispatch(SolveOne {
            lower,
            transposed,
            column,
        });
    }
    one
}

/// Pass `columns`, of d numbers each, to `work` in parts: 16 parts if there are enough columns, each of 16 to 128
/// columns, because every part reads the factor once.
fn in_parts(d: usize, columns: &mut [f64], work: impl Fn(MatMut<'_, f64>) + Sync) {
    let count = columns.len() / d;
    let width = count.div_ceil(16).next_multiple_of(8).clamp(16, 128);
    columns.par_chunks_mut(width * d).for_each(|part| {
        let count = part.len() / d;
        work(MatMut::from_column_major_slice_mut(part, d, count));
    });
}

/// The number of columns that [`solve_lower_apart`] and [`solve_upper_apart`] solve for at a time.
const SOLVED_APART: usize = 16;

/// [`solve_lower`], where no column's digits depend on the other columns.
pub(crate) fn solve_lower_apart(factor: MatRef<'_, f64>, columns: &mut [f64]) {
    each_apart(factor.nrows(), columns, |part| {
        triangular_solve::solve_lower_triangular_in_place(factor, part, Par::Seq);
    });
}

/// [`solve_upper`], where no column's digits depend on the other columns.
pub(crate) fn solve_upper_apart(factor: MatRef<'_, f64>, columns: &mut [f64]) {
    each_apart(factor.nrows(), columns, |part| {
        triangular_solve::solve_upper_triangular_in_place(factor, part, Par::Seq);
    });
}

/// Pass `columns`, of d numbers each, to `work` in parts of the same size, the last one padded with zeros, so that every
/// column goes through the same arithmetic.
fn each_apart(d: usize, columns: &mut [f64], work: impl Fn(MatMut<'_, f64>) + Sync) {
    let size = SOLVED_APART * d;
    let whole = |part: &mut [f64]| {
        work(MatMut::from_column_major_slice_mut(part, d, SOLVED_APART));
    };
    columns.par_chunks_mut(size).for_each(|part| {
        if part.len() == size {
            return whole(part);
        }
        let mut padded = vec![0.0; size];
        padded[..part.len()].copy_from_slice(part);
        whole(&mut padded);
        part.copy_from_slice(&padded[..part.len()]);
    });
}

/// Eigenvalues, smallest first, and eigenvectors (columns) of a symmetric matrix given by its lower triangle; `None` if
/// the iteration does not converge, for example because an entry is not finite.
pub(crate) fn eigen(matrix: MatRef<'_, f64>) -> Option<(Vec<f64>, Mat<f64>)> {
    let d = matrix.nrows();
    let (mut values, mut vectors) = (Mat::<f64>::zeros(d, 1), Mat::zeros(d, d));
    let wanted = evd::ComputeEigenvectors::Yes;
    let scratch = evd::self_adjoint_evd_scratch::<f64>(d, wanted, Par::Seq, Default::default());
    evd::self_adjoint_evd(
        matrix,
        values.as_mut().col_mut(0).as_diagonal_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .ok()?;
    Some((values.col(0).iter().copied().collect(), vectors))
}

/// An orthonormal basis, as columns, of the span of the columns of `matrix` (d x n, n at most d): Q of `matrix = Q R`.
pub(crate) fn orthonormal(mut matrix: Mat<f64>) -> Mat<f64> {
    let (d, n) = (matrix.nrows(), matrix.ncols());
    let block = qr::recommended_block_size::<f64>(d, n);
    let mut coefficients = Mat::zeros(block, n.min(d));
    let scratch = qr::qr_in_place_scratch::<f64>(d, n, block, Par::Seq, Default::default());
    qr::qr_in_place(
        matrix.as_mut(),
        coefficients.as_mut(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    );
    let mut basis = Mat::identity(d, n.min(d));
    let scratch = householder::apply_block_householder_sequence_on_the_left_in_place_scratch::<f64>(
        d,
        block,
        n.min(d),
    );
    householder::apply_block_householder_sequence_on_the_left_in_place_with_conj(
        matrix.as_ref().subcols(0, n.min(d)),
        coefficients.as_ref(),
        Conj::No,
        basis.as_mut(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
    );
    basis
}

/// Gaussian elimination with partial pivoting, in place: L below the diagonal, U above it. Returns the rows in the order
/// of the elimination, which for a tall matrix is that of its pivots.
fn eliminate(matrix: &mut Mat<f64>) -> Vec<usize> {
    let (rows, columns) = (matrix.nrows(), matrix.ncols());
    let (mut forward, mut backward) = (vec![0usize; rows], vec![0usize; rows]);
    let scratch = partial_pivoting::factor::lu_in_place_scratch::<usize, f64>(
        rows,
        columns,
        Par::Seq,
        Default::default(),
    );
    partial_pivoting::factor::lu_in_place(
        matrix.as_mut(),
        &mut forward,
        &mut backward,
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    );
    forward
}

/// The inverse of the lower triangle of a matrix.
pub(crate) fn inverse_of_lower(factor: MatRef<'_, f64>) -> Mat<f64> {
    let mut inverse = Mat::zeros(factor.nrows(), factor.ncols());
    triangular_inverse::invert_lower_triangular(inverse.as_mut(), factor, Par::Seq);
    inverse
}

/// `matrix^-1 right`, by Gaussian elimination with partial pivoting.
pub(crate) fn solve(mut matrix: Mat<f64>, right: Mat<f64>) -> Mat<f64> {
    let order = eliminate(&mut matrix);
    let mut solution = Mat::from_fn(matrix.nrows(), right.ncols(), |i, k| right[(order[i], k)]);
    triangular_solve::solve_unit_lower_triangular_in_place(
        matrix.as_ref(),
        solution.as_mut(),
        Par::Seq,
    );
    triangular_solve::solve_upper_triangular_in_place(matrix.as_ref(), solution.as_mut(), Par::Seq);
    solution
}

/// As many rows of a tall matrix as it has columns, chosen by Gaussian elimination to be far from singular, and the
/// inverse of their square matrix: all rows in the order of the elimination, and the inverse for that order. `None` if
/// the elimination meets a pivot of zero, or one that is not finite.
pub(crate) fn pivots_and_inverse(mut matrix: Mat<f64>) -> Option<(Vec<usize>, Mat<f64>)> {
    let n = matrix.ncols();
    let order = eliminate(&mut matrix);
    if (0..n).any(|k| matrix[(k, k)] == 0.0 || !matrix[(k, k)].is_finite()) {
        return None;
    }
    let factors = matrix.subrows(0, n);
    let (mut left, mut right) = (Mat::zeros(n, n), Mat::zeros(n, n));
    triangular_inverse::invert_upper_triangular(left.as_mut(), factors, Par::Seq);
    triangular_inverse::invert_unit_lower_triangular(right.as_mut(), factors, Par::Seq);
    let mut inverse = Mat::zeros(n, n);
    triangular::matmul(
        inverse.as_mut(),
        BlockStructure::Rectangular,
        Accum::Replace,
        left.as_ref(),
        BlockStructure::TriangularUpper,
        right.as_ref(),
        BlockStructure::UnitTriangularLower,
        1.0,
        Par::Seq,
    );
    Some((order, inverse))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    /// d x n entries with distribution N(0, 1).
    fn random(d: usize, n: usize, seed: u64) -> Mat<f64> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        Mat::from_fn(d, n, |_, _| StandardNormal.sample(&mut random))
    }

    #[test]
    fn a_column_of_products_apart_depends_on_no_other() {
        for (m, d) in [(3, 6), (40, 33), (130, 200)] {
            let (a, b) = (random(m, d, 1), random(d, 150, 2));
            let all = product_apart(a.as_ref(), b.as_ref());
            let whole = product(a.as_ref(), b.as_ref());
            for j in 0..b.ncols() {
                let one = product_apart(a.as_ref(), b.as_ref().subcols(j, 1));
                for i in 0..m {
                    assert_eq!(all[(i, j)], one[(i, 0)], "{m} x {d}, column {j}");
                    assert!((all[(i, j)] - whole[(i, j)]).abs() < 1e-10);
                }
            }
        }
    }

    /// A well-conditioned lower triangular matrix.
    fn factor(d: usize) -> Mat<f64> {
        let noise = random(d, d, 9);
        Mat::from_fn(d, d, |i, j| match i.cmp(&j) {
            std::cmp::Ordering::Less => 0.0,
            std::cmp::Ordering::Equal => 2.0 + noise[(i, j)].abs(),
            std::cmp::Ordering::Greater => noise[(i, j)] / (d as f64).sqrt(),
        })
    }

    /// The result of `work`, which must be the same on 1, 2, 3 and 5 threads.
    fn alike<T: PartialEq + Send>(work: impl Fn() -> T + Sync) -> T {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build().unwrap().install(&work)
        };
        let first = on(1);
        for threads in [2, 3, 5] {
            assert!(on(threads) == first, "{threads} threads");
        }
        first
    }

    fn far(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> f64 {
        (a - b).norm_max()
    }

    #[test]
    fn a_square_chosen_from_a_tall_matrix_has_its_inverse() {
        for (rows, n) in [(1, 1), (7, 7), (40, 31), (130, 129)] {
            let matrix = random(rows, n, 4);
            let (order, inverse) = pivots_and_inverse(matrix.clone()).unwrap();
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..rows).collect::<Vec<_>>());
            let chosen = Mat::from_fn(n, n, |i, j| matrix[(order[i], j)]);
            let found = product(inverse.as_ref(), chosen.as_ref());
            assert!(far(found.as_ref(), Mat::identity(n, n).as_ref()) < 1e-9);
        }
        assert!(pivots_and_inverse(Mat::zeros(5, 3)).is_none());
        // In one row only, that row would not be chosen.
        let mut broken = random(40, 30, 5);
        (0..40).for_each(|row| broken[(row, 20)] = f64::NAN);
        assert!(pivots_and_inverse(broken).is_none());
    }

    #[test]
    fn products_are_right_and_do_not_depend_on_the_threads() {
        for (d, n) in [(1, 1), (3, 200), (127, 5), (200, 60)] {
            let (a, b) = (random(d, n, 1), random(n, d + 1, 2));
            let gram = alike(|| {
                let mut sum = Mat::from_fn(d, d, |i, j| (i + j) as f64);
                add_gram(sum.as_mut(), a.as_ref(), 0.5);
                sum
            });
            let both = alike(|| product(a.as_ref(), b.as_ref()));
            for i in 0..d {
                for j in 0..=d {
                    let entry: f64 = (0..n).map(|k| a[(i, k)] * b[(k, j)]).sum();
                    assert!((both[(i, j)] - entry).abs() < 1e-10);
                }
                for j in 0..d {
                    let entry: f64 = (0..n).map(|k| a[(i, k)] * a[(j, k)]).sum();
                    let added = if i >= j { 0.5 * entry } else { 0.0 };
                    assert!((gram[(i, j)] - (i + j) as f64 - added).abs() < 1e-10);
                }
            }
        }
    }

    #[test]
    fn solutions_are_right_and_do_not_depend_on_the_threads() {
        for (d, n) in [
            (1, 70),
            (7, 70),
            (130, 70),
            (300, 70),
            (1, 1),
            (7, 1),
            (8, 1),
            (80, 1),
            (300, 1),
        ] {
            let (lower, right) = (factor(d), random(d, n, 3));
            let columns: Vec<f64> = right.col_iter().flat_map(|c| c.iter().copied()).collect();
            let solved = alike(|| {
                let (mut down, mut up) = (columns.clone(), columns.clone());
                solve_lower(lower.as_ref(), &mut down);
                solve_upper(lower.transpose(), &mut up);
                (down, up)
            });
            let down = MatRef::from_column_major_slice(&solved.0, d, n);
            let up = MatRef::from_column_major_slice(&solved.1, d, n);
            assert!(far((&lower * down).as_ref(), right.as_ref()) < 1e-10);
            assert!(far((lower.transpose() * up).as_ref(), right.as_ref()) < 1e-10);
        }
    }

    #[test]
    fn decompositions_rebuild_their_matrix() {
        for d in [1, 2, 60, 200] {
            let square = random(d, d, 5);
            let symmetric = &square + square.transpose();
            let (values, vectors) = alike(|| eigen(symmetric.as_ref()).unwrap());
            assert!(values.windows(2).all(|pair| pair[0] <= pair[1]));
            let scaled = Mat::from_fn(d, d, |i, k| vectors[(i, k)] * values[k]);
            assert!(far((&scaled * vectors.transpose()).as_ref(), symmetric.as_ref()) < 1e-10);
            let basis = alike(|| orthonormal(random(d, d.div_ceil(2), 6)));
            let unit = Mat::<f64>::identity(basis.ncols(), basis.ncols());
            assert!(far((basis.transpose() * &basis).as_ref(), unit.as_ref()) < 1e-12);
            let spanned = random(d, d.div_ceil(2), 6);
            let back = &basis * (basis.transpose() * &spanned);
            assert!(far(back.as_ref(), spanned.as_ref()) < 1e-11);
            let right = random(d, 3, 7);
            let found = alike(|| solve(square.clone(), right.clone()));
            assert!(far((&square * &found).as_ref(), right.as_ref()) < 1e-8);
        }
    }
}
