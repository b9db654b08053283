//! An active set that starts from many vectors and their weights: one product and one factorisation for all of them.

use super::{Candidate, CandidateColumn, DEPENDENT, Factor, MinNorm};
use crate::linear;
use faer::{Mat, MatRef};
use pulp::{Simd, WithSimd};

impl MinNorm {
    /// Start an empty set from candidates and their weights, which are positive: the point is at most as long as with
    /// these weights. Candidates that depend on earlier ones are left out.
    pub fn start(&mut self, candidates: &[Candidate<'_>], weights: &[f64]) {
        pulp::Arch::new().dispatch(Start {
            set: self,
            candidates,
            weights,
        });
    }

    /// The factor of all columns at once; `None` if one of them depends on others.
    fn factor_of(&self, columns: &[CandidateColumn<'_>]) -> Option<Factor> {
        let n = columns.len();
        if n > self.d + 1 {
            return None;
        }
        let mut vectors = Vec::with_capacity(n * self.d);
        for column in columns {
            vectors.extend_from_slice(&column.vector);
        }
        let vectors = MatRef::from_column_major_slice(&vectors, self.d, n);
        let mut gram = Mat::from_fn(n, n, |i, j| columns[i].lift * columns[j].lift);
        linear::add_products(gram.as_mut(), vectors);
        linear::cholesky(gram.as_mut())?;
        let independent = columns.iter().enumerate().all(|(i, column)| {
            gram[(i, i)].powi(2) > DEPENDENT * (column.square + column.lift.powi(2))
        });
        independent.then(|| Factor::of_transpose(gram.as_ref()))
    }
}

/// [`MinNorm::start`], compiled for the instruction set found at run time.
struct Start<'a, 'b> {
    set: &'a mut MinNorm,
    candidates: &'a [Candidate<'b>],
    weights: &'a [f64],
}

impl WithSimd for Start<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let set = self.set;
        let mut columns = Vec::with_capacity(self.candidates.len());
        let mut u = Vec::with_capacity(columns.len());
        for (&candidate, weight) in self.candidates.iter().zip(self.weights) {
            let column = set.column(simd, candidate);
            if column.square.is_finite() {
                u.push(weight * (set.lift / column.lift));
                columns.push(column);
            }
        }
        if let Some(factor) = set.factor_of(&columns) {
            set.factor = factor;
            for (column, u) in columns.iter().zip(&u) {
                set.ids.push(column.id);
                set.lifts.push(column.lift);
                set.store(&column.vector);
                set.u.push(*u);
                set.half.push(set.lift * column.lift);
            }
            set.factor.solve_transposed(&mut set.half);
        } else {
            for (column, u) in columns.iter().zip(u) {
                if set.enter(simd, column, Vec::new())
                    && let Some(last) = set.u.last_mut()
                {
                    *last = u;
                }
            }
        }
        if !set.ids.is_empty() {
            set.settle(simd);
        }
    }
}
