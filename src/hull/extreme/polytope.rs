//! The corners of the convex hull of points in space: Quickhull (Barber, Dobkin and Huhdanpaa, ACM TOMS 22, 1996) with
//! exact signs, which makes the merging of facets unnecessary.
//!
//! Facets are triangles; a point sees a facet if it lies strictly beyond the facet's plane. To add a point, the facets
//! that it sees are removed, and triangles from the point to the horizon close the hull again. Each remaining outer
//! point is assigned to one facet that it sees. When that facet is removed, the point sees one of the new facets or
//! none: at an edge between a removed facet and a kept facet that the point both sees, the plane of the new facet lies
//! between theirs. Coplanar or collinear points may leave triangles whose corners are not corners of the hull: then a
//! few rows too many are kept.

use super::polygon::{self, turn};
use super::{Point, ends_by};
use robust::{Coord3D, orient3d};
use std::collections::HashMap;

/// Positive where d lies beyond the plane through a, b and c, which turn left as seen from there: its sign is exact.
fn beyond([a, b, c]: [&[f64; 3]; 3], d: &[f64; 3]) -> f64 {
    let [a, b, c, d] = [a, b, c, d].map(|&[x, y, z]| Coord3D { x, y, z });
    -orient3d(a, b, c, d)
}

/// A triangle of the hull.
struct Facet {
    /// Anticlockwise as seen from outside.
    corners: [usize; 3],
    /// The facets that share the edges, each from one corner to the next.
    across: [usize; 3],
    /// The outer points assigned to this facet.
    waiting: Vec<usize>,
    gone: bool,
}

/// Points that include all corners of their hull, and possibly some between the corners.
pub(super) fn corners(points: Vec<Point<3>>) -> Vec<Point<3>> {
    match simplex(&points) {
        Simplex::None => Vec::new(),
        Simplex::Point => points[..1].to_vec(),
        Simplex::Line(axis) => ends_by(&points, |point| point.at[axis]),
        Simplex::Plane(skip) => in_a_plane(&points, skip),
        Simplex::Space(first) => match Hull::of(&points, first) {
            Some(hull) => hull.corners().iter().map(|&at| points[at]).collect(),
            None => points,
        },
    }
}

/// The affine dimension of a point set, with a first simplex.
enum Simplex {
    None,
    Point,
    /// All points are on one line, along which this coordinate grows.
    Line(usize),
    /// All points are in one plane, which the projection along this axis maps one to one.
    Plane(usize),
    /// Not in one plane.
    Space([usize; 4]),
}

fn simplex(points: &[Point<3>]) -> Simplex {
    let at = |place: usize| &points[place].at;
    let places = || 0..points.len();
    if points.is_empty() {
        return Simplex::None;
    }
    let away = |place: &usize| {
        let each = at(*place).iter().zip(at(0));
        each.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    let Some(second) = places()
        .filter(|&place| at(place) != at(0))
        .max_by(|a, b| away(a).total_cmp(&away(b)))
    else {
        return Simplex::Point;
    };
    // Three points that are not collinear in a projection are not collinear in space.
    let area = |place: usize, skip: usize| {
        turn(
            &without(at(0), skip),
            &without(at(second), skip),
            &without(at(place), skip),
        )
        .abs()
    };
    let areas = places().flat_map(|place| [0, 1, 2].map(|skip| (place, skip, area(place, skip))));
    let Some((third, skip, _)) = areas
        .filter(|(.., area)| *area > 0.0)
        .max_by(|a, b| a.2.total_cmp(&b.2))
    else {
        let axis = (0..3).find(|&axis| at(0)[axis] != at(second)[axis]);
        return axis.map_or(Simplex::Point, Simplex::Line);
    };
    let base = [at(0), at(second), at(third)];
    let heights = places().map(|place| (place, beyond(base, at(place))));
    match heights
        .filter(|(_, height)| *height != 0.0)
        .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
    {
        None => Simplex::Plane(skip),
        Some((fourth, height)) if height > 0.0 => Simplex::Space([0, third, second, fourth]),
        Some((fourth, _)) => Simplex::Space([0, second, third, fourth]),
    }
}

/// The other two coordinates.
fn without(at: &[f64; 3], skip: usize) -> [f64; 2] {
    [at[(skip + 1) % 3], at[(skip + 2) % 3]]
}

/// The corners of points that are all in one plane.
fn in_a_plane(points: &[Point<3>], skip: usize) -> Vec<Point<3>> {
    let flat = points.iter().enumerate().map(|(row, point)| Point {
        at: without(&point.at, skip),
        row,
    });
    let corners = polygon::corners(flat.collect());
    corners.iter().map(|point| points[point.row]).collect()
}

struct Hull<'p> {
    points: &'p [Point<3>],
    facets: Vec<Facet>,
}

impl<'p> Hull<'p> {
    /// The hull of all points. The first four must not be coplanar, and the fourth must lie behind the plane of the
    /// others. `None` if a horizon is no closed line, which exact signs exclude.
    fn of(points: &'p [Point<3>], [a, b, c, d]: [usize; 4]) -> Option<Self> {
        let facet = |corners, across| Facet {
            corners,
            across,
            waiting: Vec::new(),
            gone: false,
        };
        let facets = vec![
            facet([a, b, c], [1, 2, 3]),
            facet([b, a, d], [0, 3, 2]),
            facet([c, b, d], [0, 1, 3]),
            facet([a, c, d], [0, 2, 1]),
        ];
        let mut hull = Hull { points, facets };
        hull.assign((0..points.len()).collect(), 0);
        // New facets are added at the end, so that all are looked at.
        let mut next = 0;
        while next < hull.facets.len() {
            match hull.farthest(next) {
                Some(point) => hull.add(point, next)?,
                None => next += 1,
            }
        }
        Some(hull)
    }

    /// Whether a point sees a facet.
    fn sees(&self, point: usize, facet: usize) -> bool {
        let corners = self.facets[facet]
            .corners
            .map(|corner| &self.points[corner].at);
        beyond(corners, &self.points[point].at) > 0.0
    }

    /// Assign each point to the first facet that it sees, from facet `from` on. Points that see none are inner points.
    fn assign(&mut self, points: Vec<usize>, from: usize) {
        for point in points {
            let seen = (from..self.facets.len()).find(|&facet| self.sees(point, facet));
            if let Some(facet) = seen {
                self.facets[facet].waiting.push(point);
            }
        }
    }

    /// Of the points assigned to a facet, the one furthest beyond it, as computed in f64.
    fn farthest(&self, facet: usize) -> Option<usize> {
        let facet = &self.facets[facet];
        if facet.gone {
            return None;
        }
        let [a, b, c] = facet.corners.map(|corner| self.points[corner].at);
        let minus = |a: [f64; 3], b: [f64; 3]| [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
        let (u, v) = (minus(b, a), minus(c, a));
        let normal = [
            u[1] * v[2] - u[2] * v[1],
            u[2] * v[0] - u[0] * v[2],
            u[0] * v[1] - u[1] * v[0],
        ];
        let height = |point: &&usize| {
            let off = minus(self.points[**point].at, a);
            normal[0] * off[0] + normal[1] * off[1] + normal[2] * off[2]
        };
        let waiting = facet.waiting.iter();
        waiting
            .max_by(|a, b| height(a).total_cmp(&height(b)))
            .copied()
    }

    /// Add a point that sees this facet to the hull.
    fn add(&mut self, point: usize, facet: usize) -> Option<()> {
        let (seen, horizon) = self.horizon(point, facet);
        let horizon = around(&horizon)?;
        let mut waiting = Vec::new();
        for facet in seen {
            self.facets[facet].gone = true;
            waiting.append(&mut self.facets[facet].waiting);
        }
        waiting.retain(|&other| other != point);
        let (from, count) = (self.facets.len(), horizon.len());
        for (place, edge) in horizon.iter().enumerate() {
            let beyond = &mut self.facets[edge.beyond];
            let side = beyond.corners.iter().position(|&c| c == edge.to)?;
            beyond.across[side] = from + place;
            let (next, last) = ((place + 1) % count, (place + count - 1) % count);
            self.facets.push(Facet {
                corners: [edge.from, edge.to, point],
                across: [edge.beyond, from + next, from + last],
                waiting: Vec::new(),
                gone: false,
            });
        }
        self.assign(waiting, from);
        Some(())
    }

    /// All facets that a point sees, starting from one of them, and the edges around them.
    fn horizon(&self, point: usize, facet: usize) -> (Vec<usize>, Vec<Edge>) {
        let (mut seen, mut horizon) = (vec![facet], Vec::new());
        let mut next = 0;
        while next < seen.len() {
            let Facet {
                corners, across, ..
            } = &self.facets[seen[next]];
            for side in 0..3 {
                let beyond = across[side];
                if seen.contains(&beyond) {
                    continue;
                }
                if self.sees(point, beyond) {
                    seen.push(beyond);
                } else {
                    horizon.push(Edge {
                        from: corners[side],
                        to: corners[(side + 1) % 3],
                        beyond,
                    });
                }
            }
            next += 1;
        }
        (seen, horizon)
    }

    /// The places of the points that are corners of facets.
    fn corners(&self) -> Vec<usize> {
        let facets = self.facets.iter().filter(|facet| !facet.gone);
        let mut corners: Vec<usize> = facets.flat_map(|facet| facet.corners).collect();
        corners.sort_unstable();
        corners.dedup();
        corners
    }
}

/// The edges in cyclic order; `None` if they do not form one closed line.
fn around(edges: &[Edge]) -> Option<Vec<Edge>> {
    let starts: HashMap<usize, Edge> = edges.iter().map(|edge| (edge.from, *edge)).collect();
    let mut line = vec![*edges.first()?];
    while line[line.len() - 1].to != line[0].from {
        line.push(*starts.get(&line[line.len() - 1].to)?);
        if line.len() > edges.len() {
            return None;
        }
    }
    (line.len() == edges.len()).then_some(line)
}

/// An edge between a facet that is seen, to its left, and one that is not.
#[derive(Debug, Clone, Copy)]
struct Edge {
    from: usize,
    to: usize,
    beyond: usize,
}
