//! The Delaunay simplex of a query: of all simplices of rows that contain it, the one with an empty circumsphere.
//!
//! The simplex minimises `sum l_i |x_i - q|^2` over the weights l with mean q, and with it the bound
//! `g/2 sum l_i |x_i - q|^2` on the error of interpolating a function whose gradient has the Lipschitz constant g. Lux et
//! al. (Interpolation of sparse high-dimensional data, Numerical Algorithms 88, 2021) bound the error by
//! `g |q - x0|^2 / 2 + sqrt(d) g k^2 / (2 sigma) |q - x0|` with the nearest vertex x0, the longest edge k from x0 and the
//! smallest singular value sigma of the edges from x0. The columns are the terms of these bounds.
//!
//! Simplices are found among a few rows (`hull::lifted`), at first the nearest and those of the hull's certificate. Then the
//! nearest rows of the sphere's centre are searched, exactly: rows inside the sphere are added, and if there are none, that
//! is the proof. For any centre c, `sum l_i |x_i - c|^2` is at least the least `|x - c|^2`, so that the least distance of
//! all rows to c bounds the minimum from below. A simplex is returned if its weights are within [`SLACK`] of this bound,
//! with all rounding errors allowed for.

mod face;

use self::face::Face;
use super::hull::of;
use super::metric::{Metric, Near};
use super::neighbours::Neighbours;
use super::{Block, Column, Judge, Judgement, Needs, Notion, Reference, Type, Value};
use crate::control::Control;
use crate::error::Result;
use crate::hull::certificate::{local, residual};
use crate::hull::lifted::{Lifted, Simplex, thickness};
use crate::hull::{Answer, Bracket, Certificate, Nearest};
use crate::rows::{Repeats, Rows};
use crate::scan::Frame;
use crate::scan::rounding::{U64, gamma};
use rayon::prelude::*;
use std::borrow::Cow;

/// How far the sum may be above the minimum, relative to the sum.
const SLACK: f64 = 1e-9;

/// Rows closer to the sphere than this, relative to the sum, make the simplex ambiguous.
const CHOICE: f64 = 1e-7;

/// Nearest rows to begin with: this many for each vertex, within the two limits.
const BEGIN: usize = 2;
const LEAST: usize = 16;
const MOST: usize = 256;

/// Rows that are searched at a centre in addition to the vertices; the most searches for a query; and the most for a
/// projection, whose sphere grows without bound as its face is found, and which in many columns is rarely found later.
const SPARE: usize = 8;
const SEARCHES: usize = 100;
const PROJECTED: usize = 8;

/// The most bytes for the rows of a group of queries.
const GROUP_BUDGET: usize = 192 << 20;

/// If the ranges of columns differ by more than this factor, the message names it as a possible reason for no proof.
const SCALES: f64 = 1e3;

/// The Delaunay simplex.
pub struct Delaunay;

impl Notion for Delaunay {
    fn id(&self) -> String {
        "delaunay".into()
    }

    fn score(&self) -> String {
        "root of the weighted mean of the squared distances to the rows of the Delaunay simplex: interpolating a function \
         whose gradient has the Lipschitz constant g is off by at most g/2 times its square; outside the hull the score is that \
         of the query's projection onto the hull"
            .into()
    }

    fn outside(&self) -> String {
        "in no Delaunay simplex of the reference: outside the hull".into()
    }

    fn columns(&self) -> Vec<Column> {
        let column = |name: &str, of, help: &str| Column::new(format!("delaunay_{name}"), of, help);
        let rows = "rows of positive weight of the Delaunay simplex that holds the query, or outside the hull its projection; \
                    null where none is proved (of a projection after eight searches), and outside where no distance is asked for";
        let unique = "whether no other row is on the circumsphere, to within a share of 1e-7 of the squared score; false \
                      where such rows leave a choice";
        let off = "outside the hull all other columns are those of the nearest point of the hull that is known, at most so far \
                   from the query's projection onto it; 0 inside";
        let sigma = "smallest singular value of the matrix of edges from the nearest vertex; null of a single vertex";
        vec![
            column("rows", Type::Rows, rows),
            column(
                "weights",
                Type::Floats,
                "weights of these rows: barycentric coordinates of the query, or outside the hull of its projection",
            ),
            column(
                "radius",
                Type::Float,
                "radius of the sphere through the vertices, which holds no row",
            ),
            column(
                "nearest",
                Type::Float,
                "distance to the nearest vertex, outside the hull from the projection",
            ),
            column("edge", Type::Float, "longest edge from the nearest vertex"),
            column("sigma", Type::Float, sigma),
            column("unique", Type::Bool, unique),
            column("off", Type::Float, off),
        ]
    }

    fn needs(&self) -> Needs {
        Needs {
            neighbours: 1,
            hull: true,
            ..Needs::default()
        }
    }

    fn is_hull(&self) -> bool {
        true
    }

    fn fit<'r>(&self, reference: &Reference<'r>, _: &Control) -> Result<Box<dyn Judge + 'r>> {
        let rows = reference.distinct;
        let shared = reference
            .search
            .filter(|_| reference.metric == Metric::Euclidean);
        Ok(Box::new(Simplices {
            rows,
            repeats: reference.repeats,
            frame: reference.scan.frame(),
            tolerance: reference.settings.tolerance,
            search: match shared {
                Some(search) => Search::Shared(search),
                None => Search::Own(Neighbours::new(rows, reference.scan, Metric::Euclidean)),
            },
        }))
    }
}

/// The search of the analysis, or a separate one if that uses another metric.
enum Search<'r> {
    Shared(&'r Neighbours<'r>),
    Own(Neighbours<'r>),
}

struct Simplices<'r> {
    /// The distinct rows, to which places refer.
    rows: &'r dyn Rows,
    repeats: Option<&'r Repeats>,
    frame: &'r Frame,
    tolerance: f64,
    search: Search<'r>,
}

/// The simplex found for a query, with weights by index among the distinct rows, and its sphere.
#[derive(Debug, Clone, PartialEq)]
struct EmptySimplex {
    rows: Vec<usize>,
    weights: Vec<f64>,
    /// The weighted mean of the squared distances, and the radius of the sphere, in units of `scale`.
    sum: f64,
    radius: f64,
    scale: f64,
    unique: Option<bool>,
}

/// A point of the hull whose simplex is to be found.
struct Task<'q> {
    /// The index of its query in the block.
    place: usize,
    /// The query if it is inside, otherwise the best known approximation of its projection onto the hull.
    point: Cow<'q, [f64]>,
    /// The hull's verdict on the query, and a bound on the distance of the point from the projection.
    outside: Option<bool>,
    off: f64,
    face: Face,
    /// Rows and weights whose mean is the point.
    certificate: Vec<(usize, f64)>,
}

/// A query whose simplex has not been found yet.
struct Open<'q> {
    task: Task<'q>,
    /// The rows of `lifted`, in the same order.
    members: Vec<usize>,
    lifted: Lifted,
    simplex: Option<Simplex>,
    /// A power of two near the distance of close rows: the unit of all numbers in `lifted`.
    scale: f64,
}

/// The start of the search for a query.
enum Begun<'q> {
    /// The point equals a row.
    Row(usize, Judgement),
    Open(Box<Open<'q>>),
    /// Numbers overflow or underflow, or no basis contains the point.
    Never,
}

/// The result of a search at the centre of a simplex.
enum Seen {
    /// The sphere contains no row.
    Empty(EmptySimplex),
    /// These rows are inside the sphere, or may be.
    Inside(Vec<usize>),
}

impl Search<'_> {
    fn nearest(&self, raw: &[f64], k: usize, control: &Control) -> Result<Vec<Vec<Near>>> {
        match self {
            Search::Shared(search) => search.nearest_values(raw, k, control),
            Search::Own(search) => search.nearest_values(raw, k, control),
        }
    }
}

impl Judge for Simplices<'_> {
    fn judge(&mut self, block: &Block<'_>, control: &Control) -> Result<Vec<Judgement>> {
        let mut tasks = Vec::new();
        let mut judged: Vec<Judgement> = Vec::with_capacity(block.len());
        for (place, (query, answer)) in block.queries().zip(block.hull).enumerate() {
            judged.push(nothing(of(answer.as_ref()).outside));
            let Some(answer) = answer else { continue };
            if let Some(task) = self.task(place, query, answer)? {
                judged[place].open = true;
                tasks.push(task);
            }
        }
        control.advance((block.len() - tasks.len()) as u64);
        let mut tasks = tasks.into_iter();
        loop {
            let group: Vec<Task<'_>> = tasks.by_ref().take(together(block.dim)).collect();
            if group.is_empty() {
                return Ok(judged);
            }
            for (place, judgement) in self.group(group, control)? {
                judged[place] = judgement;
            }
        }
    }

    fn why_open(&self) -> String {
        let why = format!(
            "no simplex could be proved in double precision, or, outside the hull, none was found in {PROJECTED} searches"
        );
        let moving = self.frame.range.iter().filter(|range| **range > 0.0);
        let (least, most) = moving.fold((f64::INFINITY, 0f64), |ends, &range| {
            (ends.0.min(range), ends.1.max(range))
        });
        match most > SCALES * least {
            true => format!(
                "{why}; the ranges of the columns differ by a factor of {:.0e}, and --space whiten brings them to one scale",
                most / least
            ),
            false => why,
        }
    }
}

/// The number of queries whose rows fit the budget: each needs up to about six rows per equation, and the inverse.
fn together(d: usize) -> usize {
    (GROUP_BUDGET / (8 * (d + 1) * (7 * (d + 1) + LEAST))).clamp(16, 4096)
}

/// A judgement without a simplex.
fn nothing(outside: Option<bool>) -> Judgement {
    Judgement {
        outside,
        score: f64::NAN,
        more: vec![Value::Null; 8],
        ..Judgement::default()
    }
}

impl Simplices<'_> {
    /// The index of a row among the distinct ones, and the first row with that value.
    fn place(&self, row: usize) -> usize {
        self.repeats.map_or(row, |all| all.place(row))
    }

    fn first(&self, place: usize) -> usize {
        self.repeats.map_or(place, |all| all.first(place))
    }

    /// The point at which a query is judged, with rows and weights whose mean it is; `None` where no point is known.
    fn task<'q>(
        &self,
        place: usize,
        query: &'q [f64],
        answer: &Answer,
    ) -> Result<Option<Task<'q>>> {
        let (point, held, off) = match (&answer.certificate, &answer.nearest) {
            (Certificate::Inside { rows, weights, .. }, _) => {
                (Cow::Borrowed(query), (rows, weights), 0.0)
            }
            (_, Some(nearest)) if !nearest.rows.is_empty() => {
                let held = (&nearest.rows, &nearest.weights);
                let (point, rounding) = self.point(nearest, query.len())?;
                let off = answer.distance.map_or(f64::INFINITY, Bracket::off);
                (Cow::Owned(point), held, off + rounding)
            }
            _ => return Ok(None),
        };
        let pairs = held.0.iter().zip(held.1);
        Ok(Some(Task {
            place,
            face: Face::of(&point, self.frame),
            point,
            outside: answer.verdict.outside(),
            off,
            certificate: pairs
                .map(|(&row, &weight)| (self.place(row), weight))
                .collect(),
        }))
    }

    /// A combination of rows in f64, and a bound on its distance from the exact combination.
    fn point(&self, nearest: &Nearest, d: usize) -> Result<(Vec<f64>, f64)> {
        let places: Vec<usize> = nearest.rows.iter().map(|&row| self.place(row)).collect();
        let mut points = vec![0.0; places.len() * d];
        self.rows.gather(&places, &mut points)?;
        let origin = &points[..d];
        let mut point = origin.to_vec();
        for (j, value) in point.iter_mut().enumerate() {
            let column = points.iter().skip(j).step_by(d);
            let each = column.zip(&nearest.weights);
            *value += each.map(|(x, w)| w * (x - origin[j])).sum::<f64>();
        }
        let rounding = residual(&points, &nearest.weights, &point).length;
        Ok((point, rounding))
    }

    /// Judges some queries; each judgement comes with the index of its query.
    fn group(&self, tasks: Vec<Task<'_>>, control: &Control) -> Result<Vec<(usize, Judgement)>> {
        let d = self.rows.dim();
        let centres = tasks.iter().flat_map(|task| {
            let mut centre = task.point.to_vec();
            task.face.move_out(&mut centre, &self.frame.unit);
            centre
        });
        let values: Vec<f64> = centres.collect();
        let mut left = tasks.len();
        let count = (BEGIN * (d + 1)).clamp(LEAST, MOST) + 1;
        let near = self.search.nearest(&values, count, control)?;
        let begun: Vec<Begun<'_>> = tasks
            .into_par_iter()
            .zip(near)
            .map(|(task, near)| self.begin(task, near))
            .collect::<Result<_>>()?;
        let mut judged = Vec::new();
        let mut open: Vec<Open<'_>> = Vec::new();
        for begun in begun {
            match begun {
                Begun::Row(place, judgement) => judged.push((place, judgement)),
                Begun::Open(query) => open.push(*query),
                Begun::Never => {}
            }
        }
        for search in 0..SEARCHES {
            if search == PROJECTED {
                open.retain(|query| query.task.outside != Some(true));
            }
            control.advance((left - open.len()) as u64);
            left = open.len();
            if open.is_empty() {
                break;
            }
            judged.extend(self.round(&mut open, control)?);
        }
        control.advance(left as u64);
        Ok(judged)
    }

    /// The start of the search: the nearest rows and those of the certificate, relative to the point.
    fn begin<'q>(&self, mut task: Task<'q>, near: Vec<Near>) -> Result<Begun<'q>> {
        let d = task.point.len();
        let certificate: Vec<usize> = task.certificate.iter().map(|row| row.0).collect();
        let held = self.offsets(&certificate, &task.point, 1.0)?;
        // For verdicts within the tolerance, rows with weight may be off the face.
        let on = |j: usize| held.iter().skip(j).step_by(d).all(|&a| a == 0.0);
        task.face.columns.retain(|&(j, _)| on(j));
        let near: Vec<usize> = near.into_iter().map(|row| row.0).collect();
        let mut members = Vec::with_capacity(near.len() + certificate.len());
        let mut offsets = Vec::with_capacity((near.len() + certificate.len()) * d);
        let found = self.offsets(&near, &task.point, 1.0)?;
        for (&row, offset) in near.iter().zip(found.chunks_exact(d)) {
            if offset.iter().all(|&a| a == 0.0) {
                let judgement = at_row(self.first(row), task.outside, task.off);
                return Ok(Begun::Row(task.place, judgement));
            }
            if task.face.holds(offset) {
                members.push(row);
                offsets.extend_from_slice(offset);
            }
        }
        let mut sizes: Vec<f64> = offsets.chunks_exact(d).map(largest).collect();
        let near = members.len();
        for (&row, offset) in certificate.iter().zip(held.chunks_exact(d)) {
            if !members[..near].contains(&row) {
                members.push(row);
                offsets.extend_from_slice(offset);
            }
        }
        if near == 0 {
            sizes = offsets.chunks_exact(d).map(largest).collect();
        }
        sizes.sort_unstable_by(f64::total_cmp);
        let middle = sizes.get(sizes.len() / 2).copied().unwrap_or(0.0);
        let scale = libm::scalbn(1.0, libm::frexp(middle).1);
        offsets.iter_mut().for_each(|a| *a /= scale);
        if !(middle > 0.0 && scale > 0.0 && offsets.iter().all(|value| value.is_finite())) {
            return Ok(Begun::Never);
        }
        let held = if near == 0 { members.len() } else { near };
        // The scale is taken from near rows only, so that a far row of the certificate does not determine it.
        let size = |rows: &[f64], j: usize| {
            let column = rows.iter().skip(j).step_by(d);
            column.fold(0f64, |most, value| most.max(value.abs()))
        };
        let unit = (0..d).map(
            |j| match (size(&offsets[..held * d], j), size(&offsets, j)) {
                (near, _) if near > 0.0 => near,
                (_, far) if far > 0.0 => far,
                _ => 1.0,
            },
        );
        let mut lifted = Lifted::new(unit.collect());
        offsets
            .chunks_exact(d)
            .for_each(|offset| lifted.push(offset));
        let place = |row: usize| members.iter().position(|&member| member == row);
        let start = task
            .certificate
            .iter()
            .filter_map(|&(row, weight)| Some((place(row)?, weight)));
        let start: Vec<(usize, f64)> = start.collect();
        if !lifted.start(&start) {
            return Ok(Begun::Never);
        }
        Ok(Begun::Open(Box::new(Open {
            task,
            members,
            lifted,
            simplex: None,
            scale,
        })))
    }

    /// Rows relative to a query, in units of `scale`.
    fn offsets(&self, places: &[usize], query: &[f64], scale: f64) -> Result<Vec<f64>> {
        let mut values = vec![0.0; places.len() * query.len()];
        self.rows.gather(places, &mut values)?;
        for x in values.chunks_exact_mut(query.len()) {
            x.iter_mut()
                .zip(query)
                .for_each(|(x, q)| *x = (*x - q) / scale);
        }
        Ok(values)
    }

    /// One round: solves, and searches at every centre; queries that are settled are removed.
    fn round(
        &self,
        open: &mut Vec<Open<'_>>,
        control: &Control,
    ) -> Result<Vec<(usize, Judgement)>> {
        let d = self.rows.dim();
        open.par_iter_mut().try_for_each(|query| {
            control.check()?;
            query.simplex = query.lifted.solve();
            Result::Ok(())
        })?;
        // A query without a simplex keeps the hull's verdict.
        open.retain(|query| query.simplex.is_some());
        let centres: Vec<f64> = open
            .iter()
            .flat_map(|query| query.centre(&self.frame.unit))
            .collect();
        if centres.is_empty() {
            return Ok(Vec::new());
        }
        let near = self.search.nearest(&centres, d + 2 + SPARE, control)?;
        let each = open.par_iter().zip(near).zip(centres.par_chunks_exact(d));
        let seen: Vec<Seen> = each
            .map(|((query, near), centre)| self.seen(query, near, centre))
            .collect::<Result<_>>()?;
        let mut judged = Vec::new();
        let mut left = Vec::new();
        for (mut query, seen) in open.drain(..).zip(seen) {
            match seen {
                Seen::Empty(found) => {
                    judged.extend(
                        self.judgement(&query, &found)?
                            .map(|j| (query.task.place, j)),
                    );
                }
                Seen::Inside(rows) if rows.is_empty() => {
                    if query.task.face.further() {
                        left.push(query);
                    }
                }
                Seen::Inside(rows) => {
                    let offsets = self.offsets(&rows, &query.task.point, query.scale)?;
                    offsets
                        .chunks_exact(d)
                        .for_each(|offset| query.lifted.push(offset));
                    query.members.extend(rows);
                    left.push(query);
                }
            }
        }
        *open = left;
        Ok(judged)
    }
}

impl Open<'_> {
    /// The centre of the simplex's sphere, rounded and moved out from the face; the query itself while there is no simplex.
    fn centre(&self, unit: &[f64]) -> Vec<f64> {
        let offset = self.simplex.as_ref().map(|simplex| &simplex.centre);
        let each = self.task.point.iter().enumerate();
        let centre = each.map(|(j, q)| q + offset.map_or(0.0, |offset| offset[j] * self.scale));
        let mut centre: Vec<f64> = centre.collect();
        self.task.face.move_out(&mut centre, unit);
        // A centre that is not finite proves nothing, and must not be passed to a search.
        let each = centre.iter_mut();
        each.for_each(|c| *c = c.clamp(-f64::MAX, f64::MAX));
        centre
    }
}

impl Simplices<'_> {
    /// Tests the sphere of a query's simplex against every row: `near` are the rows nearest to the rounded `centre`.
    fn seen(&self, open: &Open<'_>, near: Vec<Near>, centre: &[f64]) -> Result<Seen> {
        let (Some(simplex), d) = (&open.simplex, centre.len()) else {
            return Ok(Seen::Inside(Vec::new()));
        };
        let (query, scale, u) = (&*open.task.point, open.scale, &simplex.centre);
        let rounding = gamma(2 * d + 16, U64);
        let length =
            |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
        let reach = length(&mut u.iter().copied());
        // A lower bound of |x - c|^2 - |c - q|^2 over all rows that are not in `near`.
        let face = &open.task.face;
        let (mut moved, mut lifted) = (vec![0.0; d], vec![0.0; d]);
        for (j, ((c, q), u)) in centre.iter().zip(query).zip(u).enumerate() {
            let offset = (c - q) / scale;
            match face.columns.iter().any(|&(column, _)| column == j) {
                // In this column every row on the face, and so every vertex, equals the query.
                true => (moved[j], lifted[j]) = (u.abs(), offset),
                false => moved[j] = (offset - u).abs() + 4.0 * U64 * offset.abs(),
            }
        }
        let lifted = length(&mut lifted.into_iter()) * (1.0 + rounding);
        let moved = length(&mut moved.into_iter()) * (1.0 + rounding);
        let all = near.len() == self.rows.len();
        let beyond = match near.last() {
            Some(last) if !all => {
                let least = last.1 / scale * (1.0 - rounding);
                let on_face = ((least - lifted) * (least + lifted)).max(0.0).sqrt();
                let least = (on_face * (1.0 - rounding) - moved).max(0.0);
                least * least * (1.0 - rounding) - reach * reach * (1.0 + rounding)
            }
            _ => f64::INFINITY,
        };
        let near: Vec<usize> = near.into_iter().map(|row| row.0).collect();
        let offsets = self.offsets(&near, query, scale)?;
        let on_face = near.iter().zip(offsets.chunks_exact(d));
        let on_face = on_face.filter(|(_, offset)| face.holds(offset));
        let (near, heights): (Vec<usize>, Vec<(f64, f64)>) = on_face
            .map(|(&row, offset)| (row, height(offset, u, rounding)))
            .unzip();
        let rows: Vec<usize> = simplex.rows.iter().map(|&row| open.members[row]).collect();
        let vertices = self.offsets(&rows, query, scale)?;
        let each = vertices.chunks_exact(d).zip(&simplex.weights);
        let sum: f64 = each
            .map(|(a, w)| w * a.iter().map(|v| v * v).sum::<f64>())
            .sum();
        let least = heights.iter().map(|(low, _)| *low).fold(beyond, f64::min);
        // Comparisons with numbers that overflowed are false and prove nothing.
        let proved = least >= sum * (1.0 + 2.0 * rounding - SLACK);
        if !proved {
            let new = near.iter().zip(&heights);
            let new = new.filter(|(row, height)| height.0 < sum && !open.members.contains(row));
            return Ok(Seen::Inside(new.map(|(row, _)| *row).collect()));
        }
        let level = sum * (1.0 + CHOICE);
        let others = near
            .iter()
            .zip(&heights)
            .filter(|(row, _)| !rows.contains(row));
        let (mut touching, mut open_ends) = (false, beyond <= level);
        for (_, (low, high)) in others {
            touching |= *high <= level;
            open_ends |= *low <= level;
        }
        let unique = match (touching, open_ends) {
            (true, _) => Some(false),
            (false, true) => None,
            (false, false) => Some(true),
        };
        Ok(Seen::Empty(EmptySimplex {
            weights: simplex.weights.clone(),
            rows,
            sum,
            radius: (reach * reach + sum).sqrt(),
            scale,
            unique,
        }))
    }

    /// The judgement by a simplex; `None` if its weights do not pass the test for inside verdicts.
    fn judgement(&self, open: &Open<'_>, found: &EmptySimplex) -> Result<Option<Judgement>> {
        let (query, d) = (&*open.task.point, open.task.point.len());
        let mut order: Vec<usize> = (0..found.rows.len()).collect();
        order.sort_unstable_by_key(|&place| self.first(found.rows[place]));
        let places: Vec<usize> = order.iter().map(|&place| found.rows[place]).collect();
        let weights: Vec<f64> = order.iter().map(|&place| found.weights[place]).collect();
        let mut points = vec![0.0; places.len() * d];
        self.rows.gather(&places, &mut points)?;
        if local::share(&points, &weights, query, &self.frame.unit) > self.tolerance {
            return Ok(None);
        }
        let offsets = self.offsets(&places, query, found.scale)?;
        let offsets: Vec<&[f64]> = offsets.chunks_exact(d).collect();
        let length = |a: &[f64]| a.iter().map(|v| v * v).sum::<f64>().sqrt();
        let nearest = offsets
            .iter()
            .min_by(|a, b| length(a).total_cmp(&length(b)));
        let Some(nearest) = nearest else {
            return Ok(None);
        };
        let edges = offsets.iter().filter(|a| *a != nearest);
        let edges: Vec<Vec<f64>> = edges
            .map(|a| a.iter().zip(*nearest).map(|(a, b)| a - b).collect())
            .collect();
        let longest = edges.iter().map(|edge| length(edge)).fold(0.0, f64::max);
        let rows = places
            .iter()
            .map(|&place| self.first(place) as u64)
            .collect();
        let scaled = |value: f64| Value::finite(value * found.scale);
        Ok(Some(Judgement {
            outside: open.task.outside,
            score: found.sum.sqrt() * found.scale,
            more: vec![
                Value::Rows(rows),
                Value::Floats(weights),
                scaled(found.radius),
                scaled(length(nearest)),
                scaled(longest),
                Value::of(thickness(&edges), scaled),
                Value::of(found.unique, Value::Bool),
                Value::finite(open.task.off),
            ],
            ..Judgement::default()
        }))
    }
}

/// Lower and upper bounds of `|a|^2 - 2 <a, u>`.
fn height(a: &[f64], u: &[f64], rounding: f64) -> (f64, f64) {
    let (mut value, mut size) = (0.0, 0.0);
    for (a, u) in a.iter().zip(u) {
        value += a * (a - 2.0 * u);
        size += a.abs() * (a.abs() + 2.0 * u.abs());
    }
    (value - 2.0 * rounding * size, value + 2.0 * rounding * size)
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, value| most.max(value.abs()))
}

/// The judgement of a query whose point equals a row.
fn at_row(row: usize, outside: Option<bool>, off: f64) -> Judgement {
    Judgement {
        outside,
        score: 0.0,
        more: vec![
            Value::Rows(vec![row as u64]),
            Value::Floats(vec![1.0]),
            Value::Float(0.0),
            Value::Float(0.0),
            Value::Float(0.0),
            Value::Null,
            Value::Bool(true),
            Value::finite(off),
        ],
        ..Judgement::default()
    }
}
