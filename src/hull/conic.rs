//! Non-negative combinations of many vectors, nearest to a target: the small problem behind gauges and cones.
//!
//! ```text
//! min |sum_i u_i v_i - t|,  u >= 0;        at the least, r = t - sum u_i v_i has <v_i, r> <= 0 for every i
//! ```
//!
//! The caller prices columns along r and proposes a few v_i at a time. A reflection maps the target to the last axis,
//! where [`Active`] expects it; the orthogonal factor of [`Active`] keeps r accurate however short it is.

use super::min_norm::dot;
use super::tiny::Active;

/// One target and the columns that have weight.
#[derive(Debug, Clone)]
pub(super) struct Conic {
    active: Active,
    /// `t / |t|` less the last axis, times `sqrt 2 / |..|`; empty where the target is on that axis.
    mirror: Vec<f64>,
    /// r, in the columns' coordinates.
    residual: Vec<f64>,
}

impl Conic {
    /// The problem before any column is active: r is the target, which must not be zero.
    pub fn new(target: &[f64]) -> Self {
        let length = dot(target, target).sqrt();
        let mut mirror: Vec<f64> = target.iter().map(|v| v / length).collect();
        if let Some(last) = mirror.last_mut() {
            *last -= 1.0;
        }
        let square = dot(&mirror, &mirror);
        match square > 1e-30 {
            true => mirror.iter_mut().for_each(|v| *v *= (2.0 / square).sqrt()),
            false => mirror.clear(),
        }
        let mut active = Active::default();
        active.reset(target.len() - 1, length);
        Conic {
            active,
            mirror,
            residual: target.to_vec(),
        }
    }

    /// r: its product with every active column is at most 0, up to rounding.
    pub fn residual(&self) -> &[f64] {
        &self.residual
    }

    /// The ids of the active columns.
    pub fn ids(&self) -> &[usize] {
        self.active.ids()
    }

    /// Their weights, which are not negative.
    pub fn weights(&self) -> &[f64] {
        self.active.weights()
    }

    /// The weights of the active columns whose sum is nearest to a vector, of any sign.
    pub fn nearest(&self, vector: &[f64]) -> Vec<f64> {
        let mut turned = vector.to_vec();
        self.reflect(&mut turned);
        self.active.nearest(&turned)
    }

    /// Whether r is zero up to rounding.
    pub fn vanished(&self) -> bool {
        self.active.vanished()
    }

    /// Let the columns (each as long as the target) enter that make r shorter. Returns whether any did.
    pub fn improve(&mut self, ids: &[usize], mut columns: Vec<f64>) -> bool {
        let size = self.residual.len();
        columns.chunks_exact_mut(size).for_each(|v| self.reflect(v));
        let improved = pulp::Arch::new().dispatch(Improve {
            active: &mut self.active,
            ids,
            columns: &columns,
        });
        self.residual = self.active.residual().to_vec();
        let mut residual = std::mem::take(&mut self.residual);
        self.reflect(&mut residual);
        self.residual = residual;
        improved
    }

    fn reflect(&self, v: &mut [f64]) {
        if self.mirror.is_empty() {
            return;
        }
        let share = dot(&self.mirror, v);
        v.iter_mut()
            .zip(&self.mirror)
            .for_each(|(v, mirror)| *v -= share * mirror);
    }
}

/// [`Active::improve`], compiled for the instruction set found at run time.
struct Improve<'a> {
    active: &'a mut Active,
    ids: &'a [usize],
    columns: &'a [f64],
}

impl pulp::NullaryFnOnce for Improve<'_> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        self.active.improve(self.ids, self.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The nearest point of a quadrant to (-1, 2) is (0, 2); scipy.optimize.nnls gives the same.
    #[test]
    fn the_nearest_combination_leaves_a_residual_that_no_column_improves() {
        let mut conic = Conic::new(&[-1.0, 2.0, 0.5]);
        let columns = vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0];
        while conic.improve(&[0, 1, 2], columns.clone()) {}
        let expected = [-1.0, 0.0, 0.0];
        for (found, expected) in conic.residual().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-14, "{:?}", conic.residual());
        }
        for (id, weight) in conic.ids().iter().zip(conic.weights()) {
            assert!((weight - [0.0, 1.5, 0.5][*id]).abs() < 1e-14);
        }
        assert!(!conic.vanished());
        assert!(conic.improve(&[3], vec![-1.0, 0.0, 0.0]) && conic.vanished());
    }
}
