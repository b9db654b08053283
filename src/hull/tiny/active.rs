//! The point of a few vectors' convex hull nearest to the origin, by non-negative least squares with an orthogonal factor.
//!
//! As in `min_norm`, `min |[A; t 1^T] u - [0; t]|, u >= 0` is solved by Lawson and Hanson's method, here with the
//! factor `H [A; t 1^T] = [R; 0]` itself, H orthogonal: a few vectors cost little more than their Gram matrix, whose
//! condition is the square of theirs. The residual r comes from the rows of H below R alone, without cancellation. Its first d numbers are the
//! direction: `<a, r> <= -|r|^2` for all vectors when no vector improves. With d + 1 independent vectors there are no
//! such rows: r is zero, and the origin is in their hull but for rounding, which the caller judges.

use crate::hull::lawson_hanson;
use crate::hull::min_norm::{back_substitute, dot_in};

/// A vector is independent of the active ones if more than this share of its length is left outside their span.
const DEPENDENT: f64 = 1e-13;

/// A vector enters only if its product with the residual exceeds rounding: this share of the lengths involved.
const IMPROVES: f64 = 1e-13;

/// A residual below this share of the lift counts as rounding.
const VANISHED: f64 = 1e-14;

/// Active vectors, and the residual that they leave.
#[derive(Debug, Clone, Default)]
pub(in crate::hull) struct Active {
    /// The length of lifted vectors, d + 1.
    size: usize,
    /// The lift t.
    lift: f64,
    ids: Vec<usize>,
    /// H by rows.
    turned: Vec<f64>,
    /// R by columns, `size` numbers each.
    factor: Vec<f64>,
    u: Vec<f64>,
    next: Vec<f64>,
    /// r, lifted: d + 1 numbers.
    residual: Vec<f64>,
    /// `|r|^2`.
    square: f64,
    /// Scratch: a vector multiplied by H; a row.
    turn: Vec<f64>,
    row: Vec<f64>,
}

impl Active {
    /// Clear the active set, for d dimensions; `lift` is a typical length of the vectors to come, not zero.
    pub fn reset(&mut self, d: usize, lift: f64) {
        let size = d + 1;
        self.size = size;
        self.lift = lift;
        self.ids.clear();
        self.u.clear();
        self.turned.clear();
        self.turned.resize(size * size, 0.0);
        for i in 0..size {
            self.turned[i * size + i] = 1.0;
        }
        self.factor.resize(size * size, 0.0);
        self.residual.clear();
        self.residual.resize(size, 0.0);
        self.residual[d] = lift;
        self.square = lift * lift;
        self.turn.resize(size, 0.0);
        self.row.resize(size, 0.0);
    }

    /// Ids of the active vectors.
    pub fn ids(&self) -> &[usize] {
        &self.ids
    }

    /// Their weights, which sum to about 1.
    pub fn weights(&self) -> &[f64] {
        &self.u
    }

    /// The direction that separates when no vector improves: then `<a, direction>` is at most minus its square for each vector.
    pub fn direction(&self) -> &[f64] {
        &self.residual[..self.size - 1]
    }

    /// r itself: the direction, and last its lifted coordinate.
    pub fn residual(&self) -> &[f64] {
        &self.residual
    }

    /// `|r|^2`.
    pub fn square(&self) -> f64 {
        self.square
    }

    /// Whether the residual is zero up to rounding.
    pub fn vanished(&self) -> bool {
        self.square <= (VANISHED * self.lift).powi(2)
    }

    /// The length of the lifted coordinate.
    pub fn lift(&self) -> f64 {
        self.lift
    }

    /// Let lifted vectors (d + 1 numbers each) enter while one of them shortens the residual. Returns whether any did.
    #[inline(always)]
    pub fn improve(&mut self, ids: &[usize], vectors: &[f64]) -> bool {
        let mut improved = false;
        // Every round but the last shortens the residual; the limit is for rounding.
        for _ in 0..8 * self.size + 2 * ids.len() {
            if self.vanished() {
                break;
            }
            let mut best = (0.0, usize::MAX);
            for (place, vector) in vectors.chunks_exact(self.size).enumerate() {
                let gain = product(vector, &self.residual);
                if gain > best.0 && !self.ids.contains(&ids[place]) {
                    best = (gain, place);
                }
            }
            let (gain, place) = best;
            if place == usize::MAX {
                break;
            }
            let vector = &vectors[place * self.size..][..self.size];
            let length = product(vector, vector).sqrt();
            let before = self.square;
            if gain <= IMPROVES * length * before.sqrt() || !self.enter(ids[place], vector, length)
            {
                break;
            }
            self.settle();
            if self.square >= before {
                break;
            }
            improved = true;
        }
        improved
    }

    /// Extend the factor by a vector. False if it depends on the active ones.
    #[inline(always)]
    fn enter(&mut self, id: usize, vector: &[f64], length: f64) -> bool {
        let (size, k) = (self.size, self.ids.len());
        if k == size {
            return false;
        }
        for (out, row) in self.turn.iter_mut().zip(self.turned.chunks_exact(size)) {
            *out = product(row, vector);
        }
        // Householder's reflection of the part below R onto its first axis.
        let tail = &mut self.turn[k..];
        let rest = product(tail, tail).sqrt();
        if rest <= DEPENDENT * length {
            return false;
        }
        let pivot = if tail[0] > 0.0 { -rest } else { rest };
        tail[0] -= pivot;
        // |v|^2 / 2 = rest (rest + |first|) for v = tail - pivot e.
        let half = -pivot * tail[0];
        self.row.fill(0.0);
        for (&v, row) in tail.iter().zip(self.turned[k * size..].chunks_exact(size)) {
            for (sum, value) in self.row.iter_mut().zip(row) {
                *sum += v * value;
            }
        }
        for (&v, row) in tail
            .iter()
            .zip(self.turned[k * size..].chunks_exact_mut(size))
        {
            let share = v / half;
            for (value, sum) in row.iter_mut().zip(&self.row) {
                *value -= share * sum;
            }
        }
        let column = &mut self.factor[k * size..][..size];
        column[..k].copy_from_slice(&self.turn[..k]);
        column[k] = pivot;
        self.ids.push(id);
        self.u.push(0.0);
        true
    }

    /// Lawson and Hanson's inner loop: move to the least-squares solution, dropping weights that turn negative.
    #[inline(always)]
    fn settle(&mut self) {
        loop {
            self.solve();
            let Some(least) = lawson_hanson::step(&mut self.u, &self.next) else {
                break;
            };
            for j in (0..self.ids.len()).rev() {
                if self.next[j] <= 0.0 && self.u[j] <= least {
                    self.leave(j);
                }
            }
            if self.ids.is_empty() {
                break;
            }
        }
        self.leftover();
    }

    /// Solve `R next = (H [0; t])` by back substitution.
    #[inline(always)]
    fn solve(&mut self) {
        let (size, k) = (self.size, self.ids.len());
        self.next.clear();
        let last = self.turned[size - 1..].iter().step_by(size);
        self.next.extend(last.take(k).map(|h| h * self.lift));
        back_substitute(|j| &self.factor[j * size..], &mut self.next);
    }

    /// The weights of the active vectors whose sum is nearest to v (d + 1 numbers), of any sign.
    pub fn nearest(&self, v: &[f64]) -> Vec<f64> {
        let rows = self.turned.chunks_exact(self.size).take(self.ids.len());
        let mut weights: Vec<f64> = rows.map(|row| product(row, v)).collect();
        back_substitute(|j| &self.factor[j * self.size..], &mut weights);
        weights
    }

    /// Compute r: the part of `[0; t]` along the rows of H below R.
    #[inline(always)]
    fn leftover(&mut self) {
        let (size, k) = (self.size, self.ids.len());
        self.residual.fill(0.0);
        self.square = 0.0;
        for row in self.turned[k * size..].chunks_exact(size) {
            let share = self.lift * row[size - 1];
            self.square += share * share;
            for (sum, value) in self.residual.iter_mut().zip(row) {
                *sum += share * value;
            }
        }
    }

    /// Remove column `gone`; rotations of rows make R triangular again.
    #[inline(always)]
    fn leave(&mut self, gone: usize) {
        let size = self.size;
        self.ids.remove(gone);
        self.u.remove(gone);
        self.next.remove(gone);
        let left = self.ids.len();
        for j in gone..left {
            // Below its first j + 2 numbers the next column is zero.
            let next = (j + 1) * size;
            self.factor.copy_within(next..next + j + 2, j * size);
        }
        for i in gone..left {
            let (upper, lower) = (self.factor[i * size + i], self.factor[i * size + i + 1]);
            let length = (upper * upper + lower * lower).sqrt();
            let (c, s) = (upper / length, lower / length);
            self.factor[i * size + i] = length;
            for column in self.factor[(i + 1) * size..left * size].chunks_exact_mut(size) {
                let (upper, lower) = (column[i], column[i + 1]);
                column[i] = c * upper + s * lower;
                column[i + 1] = c * lower - s * upper;
            }
            let (head, tail) = self.turned.split_at_mut((i + 1) * size);
            for (upper, lower) in head[i * size..].iter_mut().zip(&mut tail[..size]) {
                (*upper, *lower) = (c * *upper + s * *lower, c * *lower - s * *upper);
            }
        }
    }
}

/// A dot product for few numbers.
#[inline(always)]
fn product(a: &[f64], b: &[f64]) -> f64 {
    dot_in::<8>(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn solve(d: usize, points: &[Vec<f64>]) -> Active {
        let mut active = Active::default();
        active.reset(d, 1.0);
        let ids: Vec<usize> = (0..points.len()).collect();
        let lifted: Vec<f64> = points
            .iter()
            .flat_map(|point| point.iter().copied().chain([1.0]))
            .collect();
        while active.improve(&ids, &lifted) {}
        active
    }

    #[test]
    fn triangle_around_the_origin_leaves_nothing() {
        let active = solve(2, &[vec![1.0, 0.0], vec![-1.0, 1.0], vec![-1.0, -1.0]]);
        assert!(active.vanished());
        let weights = [0.5, 0.25, 0.25];
        for (id, weight) in active.ids().iter().zip(active.weights()) {
            assert!((weight - weights[*id]).abs() < 1e-15);
        }
    }

    #[test]
    fn segment_beside_the_origin_is_met_at_its_foot() {
        let active = solve(2, &[vec![1.0, -1.0], vec![1.0, 3.0]]);
        let total: f64 = active.weights().iter().sum();
        let weights: Vec<f64> = active.weights().iter().map(|u| u / total).collect();
        assert_eq!(active.ids().len(), 2);
        for (id, weight) in active.ids().iter().zip(&weights) {
            assert!((weight - [0.75, 0.25][*id]).abs() < 1e-14, "{weights:?}");
        }
    }

    proptest! {
        /// Either the residual separates or the weights meet the origin; and the active vectors stay independent.
        #[test]
        fn the_residual_supports_all_vectors(
            d in 1usize..7, values in prop::collection::vec(-1.0f64..1.0, 7..140), lift in 0.0f64..2.0,
        ) {
            let points: Vec<Vec<f64>> = values
                .chunks_exact(d)
                .map(|p| p.iter().enumerate().map(|(j, v)| if j == 0 { v + lift } else { *v }).collect())
                .collect();
            let active = solve(d, &points);
            prop_assert!(active.ids().len() <= d + 1);
            prop_assert!(active.weights().iter().all(|&u| u >= 0.0));
            for point in &points {
                prop_assert!(product(point, active.direction()) <= -active.square() + 1e-12);
            }
            let mut sum = vec![0.0; d];
            for (&id, &u) in active.ids().iter().zip(active.weights()) {
                for j in 0..d {
                    sum[j] += u * points[id][j];
                }
            }
            // r = [0; t] - [A; t] u.
            for j in 0..d {
                prop_assert!((sum[j] + active.direction()[j]).abs() < 1e-13);
            }
        }
    }
}
