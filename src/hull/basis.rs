//! An orthonormal basis of a few vectors, built one vector at a time, and least squares over them.
//!
//! Gram-Schmidt, each vector orthogonalised twice, which leaves the basis orthogonal to working precision (Giraud,
//! Langou and Rozloznik, Computers and Mathematics with Applications 50, 2005). Unlike the normal equations it does not
//! square the condition number of the vectors.

use super::min_norm::{back_substitute, dot};

/// A vector depends linearly on the others if less than this share of its length is left after orthogonalising.
const DEPENDENT: f64 = 1e-13;

/// The factorisation `V = Q R` of the vectors added so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Basis {
    /// The columns of Q.
    q: Vec<Vec<f64>>,
    /// The columns of R: column j has j + 1 numbers.
    r: Vec<Vec<f64>>,
}

impl Basis {
    /// Vectors in the basis.
    pub fn len(&self) -> usize {
        self.q.len()
    }

    /// Add a vector. Returns false, and adds nothing, if it depends on the vectors already added.
    pub fn push(&mut self, vector: &[f64]) -> bool {
        let mut rest = vector.to_vec();
        let before = dot(&rest, &rest).sqrt();
        let mut column = self.remove(&mut rest);
        let again = self.remove(&mut rest);
        column.iter_mut().zip(again).for_each(|(c, a)| *c += a);
        let length = dot(&rest, &rest).sqrt();
        // Negated, so that a vector that is not finite is refused too.
        if !(length > DEPENDENT * before && before.is_finite()) {
            return false;
        }
        rest.iter_mut().for_each(|value| *value /= length);
        column.push(length);
        self.q.push(rest);
        self.r.push(column);
        true
    }

    /// Subtract from a vector its projection onto the span of the basis; returns the coordinates of the projection in Q.
    pub fn remove(&self, vector: &mut [f64]) -> Vec<f64> {
        let each = self.q.iter().map(|q| {
            let share = dot(q, vector);
            vector.iter_mut().zip(q).for_each(|(v, q)| *v -= share * q);
            share
        });
        each.collect()
    }

    /// `R^-1 y`: turns coordinates in Q into coordinates in the added vectors.
    pub fn coordinates(&self, mut y: Vec<f64>) -> Vec<f64> {
        back_substitute(|j| &self.r[j], &mut y);
        y
    }

    /// The vector in the span whose inner products with the added vectors are `products`: `Q R^-T products`.
    pub fn with_products(&self, products: &[f64]) -> Vec<f64> {
        let mut y: Vec<f64> = Vec::with_capacity(products.len());
        for (j, product) in products.iter().enumerate() {
            let known = dot(&self.r[j][..j], &y);
            y.push((product - known) / self.r[j][j]);
        }
        let mut vector = vec![0.0; self.q.first().map_or(0, Vec::len)];
        for (y, q) in y.iter().zip(&self.q) {
            vector.iter_mut().zip(q).for_each(|(v, q)| *v += y * q);
        }
        vector
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_dependent_vectors_give_an_orthogonal_basis_and_exact_coordinates() {
        let mut basis = Basis::default();
        let vectors = [[1.0, 1e-9, 0.0], [1.0, 0.0, 1e-9], [1.0, 0.0, 0.0]];
        assert!(vectors.iter().all(|v| basis.push(v)));
        assert!(
            !basis.push(&[3.0, 1.0, -2.0]),
            "four vectors in three dimensions"
        );
        for i in 0..3 {
            for j in 0..i {
                assert!(dot(&basis.q[i], &basis.q[j]).abs() < 1e-15);
            }
        }
        let mut b = [2.0, 3e-9, -1e-9];
        let found = basis.remove(&mut b);
        let found = basis.coordinates(found);
        for (found, expected) in found.iter().zip([3.0, -1.0, 0.0]) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        let w = basis.with_products(&[1.0, 2.0, -1.0]);
        for (vector, expected) in vectors.iter().zip([1.0, 2.0, -1.0]) {
            assert!((dot(&w, vector) - expected).abs() < 1e-6);
        }
    }
}
