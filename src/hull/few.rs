//! The hull of a few rows that are held in memory, asked about one query: the verdicts of the solver without a scan.
//!
//! The nearest point of the hull is found by `MinNorm` in the data's own units, and the direction from it to the query
//! is tested against every row in double-word arithmetic: if every row is proved to be on the other side, the query is
//! outside, and the smallest separation bounds its distance from below. Other queries go through `Finish`, like queries
//! near the boundary of a large reference: proved exactly inside, within the tolerance, or left undecided.

use super::certificate::separation;
use super::finish::{Finish, Step};
use super::min_norm::{MinNorm, dot};
use super::{Evidence, Verdict};
use crate::error::Result;
use crate::rows::Memory;
use crate::scan::rounding::{U64, gamma};

/// The most rows beyond a direction that enter the last step together, and the most steps.
const TAKEN: usize = 32;
const STEPS: usize = 64;

/// The verdict on one query and its proof.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Few {
    pub verdict: Verdict,
    /// How the verdict is proved; `None` when undecided.
    pub proof: Option<Evidence>,
    /// A certified lower bound of the Euclidean distance to the hull; 0 for inside and undecided.
    pub lower: f64,
}

impl Few {
    fn inside(proof: Evidence) -> Self {
        Few {
            verdict: Verdict::Inside,
            proof: Some(proof),
            lower: 0.0,
        }
    }

    fn outside(lower: f64) -> Self {
        Few {
            verdict: Verdict::Outside,
            proof: Some(Evidence::Separated),
            lower,
        }
    }
}

/// Judge a query (d numbers) against the hull of at least one row (n x d).
///
/// `unit` holds the units of the columns. `tolerance` is the largest residual of an inside verdict that is not exact,
/// as a share of the local scale: see [`certificate`](super::certificate). Errors: only those of reading `points`.
pub fn judge(points: &[f64], query: &[f64], unit: &[f64], tolerance: f64) -> Result<Few> {
    let d = query.len();
    if points.chunks_exact(d).any(|x| x == query) {
        return Ok(Few::inside(Evidence::Exact));
    }
    let set = nearest(points, query);
    if !set.ids().is_empty() {
        let direction: Vec<f64> = set.point().iter().map(|v| -v).collect();
        if let Some(lower) = separated(&direction, points, query).margin {
            return Ok(Few::outside(lower));
        }
    }
    finish(&set, points, query, unit, tolerance)
}

/// The active set of the nearest point of the hull, in the data's units.
fn nearest(points: &[f64], query: &[f64]) -> MinNorm {
    let d = query.len();
    let shifted: Vec<f64> = points
        .chunks_exact(d)
        .flat_map(|x| x.iter().zip(query).map(|(x, q)| x - q))
        .collect();
    let candidates: Vec<_> = shifted.chunks_exact(d).enumerate().collect();
    let mut squares: Vec<f64> = candidates.iter().map(|(_, a)| dot(a, a)).collect();
    squares.sort_unstable_by(f64::total_cmp);
    let mut set = MinNorm::new(d, squares[squares.len() / 2].sqrt());
    // A candidate that left the active set may enter again, so this repeats until no candidate lowers the norm by more
    // than rounding.
    for _ in 0..STEPS {
        let before = norm(&set);
        let inactive = candidates.iter().filter(|(id, _)| !set.ids().contains(id));
        let inactive: Vec<_> = inactive.copied().collect();
        set.improve(&inactive);
        if norm(&set) >= before * (1.0 - 1e-12) {
            break;
        }
    }
    set
}

/// The norm of the nearest point; infinite if nothing is active.
fn norm(set: &MinNorm) -> f64 {
    if set.ids().is_empty() {
        return f64::INFINITY;
    }
    let point = set.point();
    dot(&point, &point).sqrt()
}

/// What a direction proves about the rows.
struct Separated {
    /// The certified distance, if every row is proved to be on the other side.
    margin: Option<f64>,
    /// Rows proved to lie beyond the query, the furthest first.
    beyond: Vec<usize>,
}

/// Test a direction (in the data's units) against every row.
fn separated(direction: &[f64], points: &[f64], query: &[f64]) -> Separated {
    let mut least = f64::INFINITY;
    let mut beyond = Vec::new();
    for (row, x) in points.chunks_exact(query.len()).enumerate() {
        let (value, error) = separation(direction, query, x);
        let proved = value - error;
        // An overflow proves nothing.
        least = least.min(if proved.is_nan() {
            f64::NEG_INFINITY
        } else {
            proved
        });
        if value + error < 0.0 {
            beyond.push((value, row));
        }
    }
    beyond.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let length = super::prove::length(direction);
    let margin = least / length * (1.0 - gamma(direction.len() + 4, U64));
    Separated {
        margin: (least > 0.0 && margin.is_finite()).then_some(margin),
        beyond: beyond.into_iter().map(|(_, row)| row).collect(),
    }
}

/// The last step, for a query near the boundary or inside.
fn finish(
    set: &MinNorm,
    points: &[f64],
    query: &[f64],
    unit: &[f64],
    tolerance: f64,
) -> Result<Few> {
    let rows = Memory::from_f64("a few rows", query.len(), points.to_vec());
    let mut finish = Finish::new(query, unit);
    let start: Vec<usize> = match set.ids() {
        [] => (0..points.len() / query.len()).take(TAKEN).collect(),
        ids => ids.to_vec(),
    };
    finish.admit(&start, &rows)?;
    if !set.ids().is_empty() {
        finish.start(&set.weights());
    }
    for _ in 0..STEPS {
        let direction = match finish.step(tolerance) {
            Step::Inside { .. } => return Ok(Few::inside(Evidence::Exact)),
            Step::Scan { direction } => Some(direction),
            Step::Stuck => finish.last_direction(),
        };
        let Some(direction) = direction else { break };
        let found = separated(&direction, points, query);
        if let Some(lower) = found.margin {
            return Ok(Few::outside(lower));
        }
        let wanted = &found.beyond[..found.beyond.len().min(TAKEN)];
        if !finish.admit(wanted, &rows)? || finish.suffices(tolerance) {
            break;
        }
    }
    let near = finish.best().is_some_and(|best| best.share <= tolerance);
    Ok(match near {
        true => Few::inside(Evidence::Tolerance),
        false => Few {
            verdict: Verdict::Undecided,
            proof: None,
            lower: 0.0,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(query: [f64; 2]) -> Few {
        let points = [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0];
        judge(&points, &query, &[1.0; 2], 1e-9).unwrap()
    }

    #[test]
    fn a_square_holds_its_corners_edges_and_centre_exactly() {
        for query in [[0.0, 0.0], [1.0, 0.25], [0.5, 0.5], [0.1, 0.7]] {
            assert_eq!(square(query), Few::inside(Evidence::Exact), "{query:?}");
        }
    }

    #[test]
    fn distances_are_certified_and_sharp_down_to_the_last_digit() {
        for (query, distance) in [
            ([2.0, 0.5], 1.0),
            ([4.0, 5.0], 5.0),
            ([1.0 + f64::EPSILON, 0.5], f64::EPSILON),
        ] {
            let found = square(query);
            assert_eq!(found.verdict, Verdict::Outside, "{query:?}");
            assert!(found.lower <= distance && found.lower > distance * (1.0 - 1e-9));
        }
    }

    /// In f64, 0.1 + 0.2 is not 0.3: the point misses the segment by the rounding of a sum, and that is noticed.
    #[test]
    fn a_last_digit_beside_a_segment_is_never_called_exact() {
        let points = [0.0, 0.0, 1.0, 1.0];
        let found = judge(&points, &[0.3, 0.1 + 0.2], &[1.0; 2], 1e-9).unwrap();
        assert_ne!(found.proof, Some(Evidence::Exact));
        let found = judge(&points, &[0.3, 0.3], &[1.0; 2], 1e-9).unwrap();
        assert_eq!(found.proof, Some(Evidence::Exact));
    }
}
