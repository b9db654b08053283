//! The probability that a query is inside, where a theorem gives it.
//!
//! - Gaussian rows, and Gaussian rows of a subspace, by the dimension of their affine hull: Kabluchko and Zaporozhets
//!   2020, with any variance of the query.
//! - The origin among N points of a law that is symmetric about it, any d of them independent: Wendel 1962.
//! - d = 1, a continuous law: the query is one of the two ends of N + 1 exchangeable points with probability 2/(N+1).
//! - Points of a sphere, of which each is extreme: never, but for d = 1, where the sphere is two points.
//! - Vertices of a cube, each extreme: inside exactly when drawn before, `1 - (1 - 2^-d)^N`.
//! - No more than d points of a law that charges no hyperplane: never.

use crate::rows::law::{Law, Query};
use crate::study::theory::{absorption, wendel};

/// `P(inside)` for one query and n rows in d dimensions; `None` where no formula is known here.
pub fn expected(law: Law, query: Query, d: usize, n: usize) -> Option<f64> {
    match query {
        Query::Origin => origin(law, d, n),
        Query::Variance(variance) => gaussian(law, d, n, variance),
        Query::Same => gaussian(law, d, n, 1.0).or_else(|| same(law, d, n)),
    }
}

/// Gaussian rows.
fn gaussian(law: Law, d: usize, n: usize, variance: f64) -> Option<f64> {
    let inner = match law {
        Law::Gaussian => d,
        Law::Subspace(inner) => inner,
        _ => return None,
    };
    Some(absorption(n as u64, inner as u64, variance).inside)
}

/// A query like the rows.
fn same(law: Law, d: usize, n: usize) -> Option<f64> {
    let n_points = n as f64;
    match law {
        Law::Vertices => Some(1.0 - (1.0 - 0.5f64.powi(d as i32)).powf(n_points)),
        Law::Sphere if d == 1 => Some(1.0 - 0.5f64.powf(n_points)),
        Law::Sphere => Some(0.0),
        Law::Ball | Law::Cube | Law::Curve(_) | Law::Mixture(_) if d == 1 => {
            Some(1.0 - 2.0 / (n_points + 1.0))
        }
        // A curve may hold more than d points of one hyperplane.
        Law::Ball | Law::Cube | Law::Mixture(_) if n <= d => Some(0.0),
        _ => None,
    }
}

/// The origin.
fn origin(law: Law, d: usize, n: usize) -> Option<f64> {
    match law {
        Law::Gaussian | Law::Ball | Law::Sphere | Law::Cube => {
            Some(wendel(n as u64, d as u64).inside)
        }
        // The two vertices of a segment are its sphere.
        Law::Vertices if d == 1 => Some(wendel(n as u64, d as u64).inside),
        // The subspace misses the origin.
        Law::Subspace(inner) if inner < d => Some(0.0),
        _ => None,
    }
}
