//! Figure 1 of the paper: the probability that a new sample is inside the hull of N samples, against N, in three settings.
//!
//! - left: Gaussian data whose hull has full dimension; the exact probability is beside it.
//! - middle: a nonlinear manifold of dimension 1 that spans d dimensions: a cubic spline through [`KNOTS`] Gaussian knots.
//! - right: Gaussian data whose affine hull has dimension 4, whatever the ambient dimension is.
//!
//! What matters is the dimension of the affine hull, not that of the manifold, nor that of the space around.

use super::Point;
use crate::control::Control;
use crate::error::Result;
use crate::rows::law::{Law, Query};
use crate::scan::Engine;
use crate::study::sweep;

/// Knots of the curve of the middle setting: enough that every arc of it can be between others.
pub const KNOTS: usize = 64;

/// Dimension of the affine hull of the right setting.
pub const INNER: usize = 4;

/// How much is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub trials: u64,
    /// Numbers of samples, ascending.
    pub sizes: Vec<usize>,
    pub seed: u64,
    /// Bytes of rows that may be in memory.
    pub memory: u64,
}

/// A setting: its name, its law, its ambient dimensions.
pub const SETTINGS: [(&str, Law, &[usize]); 3] = [
    ("Gaussian", Law::Gaussian, &[2, 3, 4, 5, 6, 7]),
    (
        "one-dimensional manifold",
        Law::Curve(Some(KNOTS)),
        &[2, 3, 4, 5, 6, 7],
    ),
    (
        "Gaussian in a 4-dimensional affine subspace",
        Law::Subspace(INNER),
        &[5, 6, 7],
    ),
];

/// Sizes at even steps of the logarithm: `each` of them a doubling, from 3 to about `most`.
pub fn sizes(each: u32, most: usize) -> Vec<usize> {
    let mut sizes: Vec<usize> = (0..)
        .map(|step| (3.0 * (f64::from(step) / f64::from(each)).exp2()).round() as usize)
        .take_while(|&size| size <= most)
        .collect();
    sizes.dedup();
    sizes
}

/// The points of all three settings.
///
/// Errors: those of [`sweep::run`].
pub fn run(plan: &Plan, engine: &dyn Engine, control: &Control) -> Result<Vec<Point>> {
    let mut points = Vec::new();
    for (setting, law, dims) in SETTINGS {
        control.set_task(setting);
        let sweep = sweep::Plan {
            laws: vec![law],
            dims: dims.to_vec(),
            sizes: plan.sizes.clone(),
            trials: plan.trials,
            seed: plan.seed,
            query: Query::Same,
            shared_reference: false,
            memory: plan.memory,
        };
        let found = sweep::run(&sweep, engine, control)?;
        points.extend(found.into_iter().map(|point| of(setting, law, point)));
    }
    control.set_task("");
    Ok(points)
}

fn of(setting: &str, law: Law, point: sweep::Point) -> Point {
    let rank = match law {
        Law::Subspace(inner) => inner,
        _ => point.d,
    };
    Point {
        figure: "fig1".into(),
        data: setting.into(),
        series: format!("d = {}", point.d),
        space: point.law,
        d: point.d as u64,
        rank: Some(rank as u64),
        n: point.n as u64,
        trials: point.trials,
        inside: point.inside,
        undecided: point.undecided,
        rate: point.rate,
        interval95: point.interval95,
        theory: point.theory,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_ascend_evenly_and_end_in_time() {
        let all = sizes(2, 10_000);
        assert_eq!(&all[..6], [3, 4, 6, 8, 12, 17]);
        assert!(all.is_sorted_by(|a, b| a < b) && *all.last().unwrap() > 5_000);
    }
}
