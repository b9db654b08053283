//! An active set that starts from many vectors and their weights: one product and one factorisation for all of them.

use super::{Candidate, CandidateColumn, DEPENDENT, InverseFactor, MinNorm, WEARS};
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

    /// The factor of all columns at once, and whether one of them nearly depends on others; `None` if one does.
    fn factor_of(&self, columns: &[CandidateColumn<'_>]) -> Option<(InverseFactor, bool)> {
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
        linear::add_gram(gram.as_mut(), vectors.transpose(), 1.0);
        linear::cholesky(gram.as_mut())?;
        let above = |least: f64| {
            let mut each = columns.iter().enumerate();
            each.all(|(i, column)| {
                gram[(i, i)].powi(2) > least * (column.square + column.lift.powi(2))
            })
        };
        above(DEPENDENT).then(|| (InverseFactor::of_transpose(gram.as_ref()), !above(WEARS)))
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
        if let Some((factor, worn)) = set.factor_of(&columns) {
            (set.factor, set.worn) = (factor, worn);
            for (column, u) in columns.iter().zip(&u) {
                set.ids.push(column.id);
                set.lifts.push(column.lift);
                set.store(&column.vector);
                set.u.push(*u);
                set.half.push(set.lift * column.lift);
            }
            set.factor.solve_transposed(simd, &mut set.half);
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
            // The first solution says whether rounding matters.
            if set.delicate {
                set.settle(simd);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hull::min_norm::dot;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn named(vectors: &[Vec<f64>]) -> Vec<Candidate<'_>> {
        let each = vectors.iter().map(Vec::as_slice);
        each.enumerate().collect()
    }

    /// After a start from some vectors the search ends at the same point as from nothing, and no vector lies below its
    /// supporting plane. Equal, dependent, far and infinite vectors are among those to start from, and more than d + 1.
    #[test]
    fn a_search_that_starts_from_many_vectors_ends_at_the_same_point() {
        let mut random = ChaCha8Rng::seed_from_u64(4);
        for (d, count, first) in [
            (3, 20, 4),
            (8, 60, 9),
            (8, 60, 5),
            (8, 60, 0),
            (8, 60, 30),
            (40, 300, 41),
        ] {
            for (lift, odd) in [(0.3, 0), (2.0, 0), (0.3, 1), (0.3, 2), (0.3, 3), (0.3, 4)] {
                let mut next = || random.random_range(-1.0..1.0);
                let mut vectors: Vec<Vec<f64>> = (0..count)
                    .map(|_| {
                        (0..d)
                            .map(|j| next() + if j == 0 { lift } else { 0.0 })
                            .collect()
                    })
                    .collect();
                match odd {
                    1 => vectors[1] = vectors[0].clone(),
                    2 => {
                        vectors[2] = vectors[0]
                            .iter()
                            .zip(&vectors[1])
                            .map(|(a, b)| (a + b) / 2.0)
                            .collect()
                    }
                    3 => vectors[1].iter_mut().for_each(|v| *v *= 1e30),
                    4 => vectors[1][0] = f64::INFINITY,
                    _ => {}
                }
                let all = named(&vectors);
                let mut started = MinNorm::new(d, 1.0);
                started.start(&all[..first], &vec![0.1; first]);
                let mut plain = MinNorm::new(d, 1.0);
                for set in [&mut started, &mut plain] {
                    for _ in 0..20 {
                        let active = set.ids().to_vec();
                        let rest = all.iter().filter(|one| !active.contains(&one.0));
                        set.improve(&rest.copied().collect::<Vec<_>>());
                    }
                }
                let (point, expected) = (started.point(), plain.point());
                let off = point.iter().zip(&expected).map(|(a, b)| (a - b).abs());
                assert!(
                    off.fold(0.0, f64::max) < 1e-9,
                    "d={d}, {first} first, odd {odd}"
                );
                let square = dot(&point, &point);
                for a in vectors.iter().filter(|a| a.iter().all(|v| v.abs() < 1e20)) {
                    assert!(dot(a, &point) >= square - 1e-9);
                }
                assert!(started.ids().len() <= d + 1);
            }
        }
    }
}
