//! The probability that a query is inside, where a theorem gives it.
//!
//! - Gaussian rows, and Gaussian rows of a subspace, by the dimension of their affine hull: Kabluchko and Zaporozhets 2020,
//!   with any variance of the query.
//! - The origin among N points of a law that is symmetric about it, any d of them independent: Wendel 1962.
//! - d = 1, a continuous law: the query is one of the two ends of N + 1 exchangeable points with probability 2/(N+1).
//! - Points of a sphere, all of which are extreme: never inside, except for d = 1, where the sphere is two points.
//! - Vertices of a cube, all of which are extreme: inside exactly when drawn before, `1 - (1 - 2^-d)^N`.
//! - At most d points of a law in which hyperplanes have probability 0: never inside.

use crate::rows::law::{Law, Query};
use crate::study::theory::{absorption, expected_vertices, wendel};

/// `P(inside)` for one query and n rows in d dimensions; `None` where no formula is known here.
pub fn expected(law: Law, query: Query, d: usize, n: usize) -> Option<f64> {
    match query {
        Query::Origin => origin(law, d, n),
        Query::Variance(variance) => gaussian(law, d, n, variance),
        Query::Same => gaussian(law, d, n, 1.0).or_else(|| same(law, d, n)),
    }
}

/// The expected number of vertices of the hull of `points` points in d dimensions (Efron 1965); `None` where no formula is
/// known here. Equal points count as one vertex.
pub fn vertices(law: Law, d: usize, points: usize) -> Option<f64> {
    match law {
        Law::Gaussian => Some(expected_vertices(points as u64, d as u64)),
        Law::Subspace(inner) => Some(expected_vertices(points as u64, inner as u64)),
        _ => {
            let inside = same(law, d, points - 1)?;
            Some(points as f64 * (1.0 - inside))
        }
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

/// A query of the same law as the rows.
fn same(law: Law, d: usize, n: usize) -> Option<f64> {
    let n_points = n as f64;
    match law {
        // On a line, the sphere is the two vertices of the cube.
        Law::Vertices => Some(drawn_before(d, n_points)),
        Law::Sphere if d == 1 => Some(drawn_before(d, n_points)),
        Law::Sphere => Some(0.0),
        Law::Ball | Law::Cube | Law::Curve(_) | Law::Mixture(_) if d == 1 => {
            Some((n_points - 1.0) / (n_points + 1.0))
        }
        // Of a curve, more than d points may lie in one hyperplane, so it is not in this list.
        Law::Ball | Law::Cube | Law::Mixture(_) if n <= d => Some(0.0),
        _ => None,
    }
}

/// The probability that n draws with replacement from 2^d things include a given one: `1 - (1 - 2^-d)^n`. Beyond d = 53 the
/// inner difference rounds to 1, so its logarithm is used.
fn drawn_before(d: usize, n: f64) -> f64 {
    let chance = (-(d as f64)).exp2();
    -(n * (-chance).ln_1p()).exp_m1()
}

/// A query at the origin.
fn origin(law: Law, d: usize, n: usize) -> Option<f64> {
    match law {
        Law::Gaussian | Law::Ball | Law::Sphere | Law::Cube => {
            Some(wendel(n as u64, d as u64).inside)
        }
        // On a line, the two vertices of the cube are the sphere.
        Law::Vertices if d == 1 => Some(wendel(n as u64, d as u64).inside),
        // The affine subspace does not contain the origin.
        Law::Subspace(inner) if inner < d => Some(0.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: Option<f64>, exact: f64) -> bool {
        (found.unwrap() - exact).abs() <= 1e-14 * exact
    }

    /// Compares with exact fractions: (2^dN - (2^d - 1)^N) / 2^dN.
    #[test]
    fn vertices_in_whole_numbers() {
        for d in 1..=8usize {
            for n in 1..=120 / d {
                let all = 1u128 << (d * n);
                let missed = ((1u128 << d) - 1).pow(n as u32);
                let exact = (all - missed) as f64 / all as f64;
                let found = expected(Law::Vertices, Query::Same, d, n);
                assert!(close(found, exact), "{d} {n}: {found:?}, not {exact}");
            }
        }
    }

    /// For large d, the series `N p (1 - (N - 1) p / 2 + ..)` with p = 2^-d.
    #[test]
    fn vertices_of_large_cubes_keep_their_digits() {
        let vertices = |d, n| expected(Law::Vertices, Query::Same, d, n);
        assert!(close(vertices(60, 1000), 1000.0 / (1u64 << 60) as f64));
        assert!(close(vertices(60, 1), 1.0 / (1u64 << 60) as f64));
        assert!(close(vertices(1000, 3), 3.0 * 0.5f64.powi(1000)));
        // With as many draws as vertices, a given one is missed with probability 1/e.
        let missed = (-1.0f64).exp();
        let found = vertices(40, 1 << 40).unwrap();
        assert!((found - (1.0 - missed)).abs() < 1e-12, "{found}");
        for d in [1 << 20, (1 << 32) + 1, usize::MAX] {
            assert_eq!(vertices(d, 1000), Some(0.0));
        }
    }

    /// Two points with equal probability: a new one is inside when it was drawn before, the origin when both were drawn.
    #[test]
    fn a_sphere_on_a_line_is_two_points() {
        for n in 1..60 {
            let half = 0.5f64.powi(n as i32);
            for law in [Law::Sphere, Law::Vertices] {
                assert!(close(expected(law, Query::Same, 1, n), 1.0 - half));
                let both = expected(law, Query::Origin, 1, n).unwrap();
                assert!((both - (1.0 - 2.0 * half)).abs() < 1e-12, "{law} {n}");
            }
            assert_eq!(expected(Law::Sphere, Query::Same, 2, n), Some(0.0));
        }
    }

    const ON_A_LINE: [Law; 6] = [
        Law::Gaussian,
        Law::Subspace(1),
        Law::Ball,
        Law::Cube,
        Law::Curve(None),
        Law::Mixture(3),
    ];

    #[test]
    fn vertices_of_a_segment_are_its_two_ends() {
        for law in ON_A_LINE {
            for points in [2, 3, 10, 100] {
                let found = vertices(law, 1, points).unwrap();
                assert!((found - 2.0).abs() < 1e-7, "{law} {points}: {found}");
            }
        }
        // In the plane: 4 pi times the integral of Renyi and Sulanke; of three points all are vertices.
        assert!((vertices(Law::Gaussian, 2, 3).unwrap() - 3.0).abs() < 1e-12);
        assert_eq!(vertices(Law::Sphere, 3, 50), Some(50.0));
        assert_eq!(vertices(Law::Ball, 3, 50), None);
    }

    #[test]
    fn one_row_holds_no_other_point_and_no_more_rows_than_dimensions_do() {
        for law in ON_A_LINE {
            assert_eq!(expected(law, Query::Same, 1, 1), Some(0.0), "{law}");
            for n in [2, 3, 10, 1000] {
                let found = expected(law, Query::Same, 1, n).unwrap();
                let exact = (n - 1) as f64 / (n + 1) as f64;
                assert!((found - exact).abs() < 1e-9, "{law} {n}: {found}");
            }
        }
        for d in [2, 5, 40] {
            for n in [1, d] {
                for law in [Law::Gaussian, Law::Ball, Law::Cube, Law::Mixture(3)] {
                    assert_eq!(expected(law, Query::Same, d, n), Some(0.0), "{law}");
                }
                for law in [Law::Gaussian, Law::Ball, Law::Sphere, Law::Cube] {
                    assert_eq!(expected(law, Query::Origin, d, n), Some(0.0), "{law}");
                }
            }
            let simplex = expected(Law::Gaussian, Query::Origin, d, d + 1).unwrap();
            let exact = 0.5f64.powi(d as i32);
            assert!((simplex - exact).abs() < 1e-12 * exact, "{d}: {simplex}");
        }
    }

    /// A query of variance 0 is the mean of the rows' law, so that Wendel's theorem applies; for a subspace, within it.
    #[test]
    fn a_query_without_variance_is_the_mean() {
        let still = Query::Variance(0.0);
        for (d, n) in [(1, 1), (1, 2), (3, 3), (3, 6), (8, 20)] {
            let origin = expected(Law::Gaussian, Query::Origin, d, n);
            assert_eq!(expected(Law::Gaussian, still, d, n), origin);
            assert_eq!(expected(Law::Subspace(d), still, d + 2, n), origin);
        }
        assert!(close(expected(Law::Gaussian, still, 3, 6), 0.5));
        // The subspace does not contain the origin; if it is the whole space, the law is not symmetric about the origin.
        assert_eq!(expected(Law::Subspace(2), Query::Origin, 3, 50), Some(0.0));
        assert_eq!(expected(Law::Subspace(3), Query::Origin, 3, 50), None);
    }

    /// Three normal numbers on a line: the query is between two rows with a probability given by the angle of two differences.
    #[test]
    fn a_query_of_any_variance_between_two_rows() {
        for variance in [1e-6, 0.01, 0.25, 1.0, 4.0, 25.0, 400.0] {
            let found = expected(Law::Gaussian, Query::Variance(variance), 1, 2).unwrap();
            let exact = 0.5 - (variance / (1.0 + variance)).asin() / std::f64::consts::PI;
            assert!(
                (found - exact).abs() < 1e-8,
                "{variance}: {found}, not {exact}"
            );
        }
    }
}
