//! The corners of the convex hull of points in the plane: A. M. Andrew's monotone chain (1979), after most inner points
//! are dropped by means of a polygon of extreme points (Akl and Toussaint, 1978).

use super::Point;
use robust::{Coord, orient2d};

/// The first polygon is made of the extreme points in this many directions, taken from this many points.
const DIRECTIONS: usize = 16;
const SAMPLE: usize = 4_096;

/// Fewer points than this are sorted without the first step.
const FEW: usize = 256;

/// A floating-point cross product of differences is off by at most this share of the magnitudes of its two terms
/// (Shewchuk 1997, bound A of ORIENT2D, with a reserve).
const ROUNDING: f64 = 4.0 * f64::EPSILON;

/// Twice the area of a triangle, positive where its corners turn left: its sign is exact.
pub(super) fn turn(a: &[f64; 2], b: &[f64; 2], c: &[f64; 2]) -> f64 {
    let [a, b, c] = [a, b, c].map(|&[x, y]| Coord { x, y });
    orient2d(a, b, c)
}

/// The points that are corners of their hull; of equal points the first.
pub(super) fn corners(points: Vec<Point<2>>) -> Vec<Point<2>> {
    if points.len() <= FEW {
        return chain(points);
    }
    let sample = points.iter().step_by(points.len().div_ceil(SAMPLE));
    let first = chain(extremes(&sample.copied().collect::<Vec<_>>()));
    let inner = Inner::of(&first);
    let mut left = points;
    left.retain(|point| !inner.holds(&point.at));
    left.extend(first);
    chain(left)
}

/// The farthest point in each of some directions.
fn extremes(points: &[Point<2>]) -> Vec<Point<2>> {
    let direction = |i: usize| {
        let angle = i as f64 * std::f64::consts::TAU / DIRECTIONS as f64;
        [angle.cos(), angle.sin()]
    };
    let directions: [[f64; 2]; DIRECTIONS] = std::array::from_fn(direction);
    // Columns may have any two scales, so they are measured by their ranges.
    let range = |column: usize| {
        let values = points.iter().map(|point| point.at[column]);
        let (least, most) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), v| {
            (least.min(v), most.max(v))
        });
        if most > least { most - least } else { 1.0 }
    };
    let scale = [range(0), range(1)].map(f64::recip);
    let mut best = [(f64::NEG_INFINITY, points[0]); DIRECTIONS];
    for point in points {
        let at = [point.at[0] * scale[0], point.at[1] * scale[1]];
        for (best, [x, y]) in best.iter_mut().zip(directions) {
            let reach = x * at[0] + y * at[1];
            if reach > best.0 {
                *best = (reach, *point);
            }
        }
    }
    best.map(|(_, point)| point).to_vec()
}

/// A convex polygon that tells whether a point is inside it.
struct Inner {
    /// Corners, anticlockwise, each with the step to the next.
    sides: Vec<[[f64; 2]; 2]>,
}

impl Inner {
    fn of(corners: &[Point<2>]) -> Self {
        let next = corners.iter().cycle().skip(1);
        let sides = corners.iter().zip(next).map(|(a, b)| {
            let step = [b.at[0] - a.at[0], b.at[1] - a.at[1]];
            [a.at, step]
        });
        Inner {
            sides: sides.collect(),
        }
    }

    /// Whether a point is certainly in the interior of the polygon.
    fn holds(&self, point: &[f64; 2]) -> bool {
        self.sides.len() > 2
            && self.sides.iter().all(|[corner, step]| {
                let left = step[0] * (point[1] - corner[1]);
                let right = step[1] * (point[0] - corner[0]);
                left - right > ROUNDING * (left.abs() + right.abs())
            })
    }
}

/// The corners of the hull, anticlockwise.
fn chain(mut points: Vec<Point<2>>) -> Vec<Point<2>> {
    points.sort_unstable_by(|a, b| {
        let by_value = a.at[0].total_cmp(&b.at[0]);
        by_value
            .then(a.at[1].total_cmp(&b.at[1]))
            .then(a.row.cmp(&b.row))
    });
    points.dedup_by(|later, earlier| later.at == earlier.at);
    if points.len() < 3 {
        return points;
    }
    let mut lower = half(points.iter());
    let mut upper = half(points.iter().rev());
    lower.pop();
    upper.pop();
    lower.extend(upper);
    lower
}

/// The lower or upper side of the hull of sorted points, including both ends.
fn half<'p>(points: impl Iterator<Item = &'p Point<2>>) -> Vec<Point<2>> {
    let mut side: Vec<Point<2>> = Vec::new();
    for point in points {
        while let [.., a, b] = &side[..]
            && turn(&a.at, &b.at, &point.at) <= 0.0
        {
            side.pop();
        }
        side.push(*point);
    }
    side
}
