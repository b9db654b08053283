//! The last step for a query so close to the boundary that the solver's metric cannot tell on which side it is.
//!
//! The loop of `solve` holds the point p of the hull nearest to the query (relative to it) to about 1e-16 of the rows'
//! size. The error of its direction -p is then about 1e-16 / |p|, and it separates nothing once |p| is below 1e-8. Here
//! the direction is computed from the face instead: with the active rows x_0 .. x_k,
//!
//! ```text
//! w = (q - x_0) less its part in the span of x_i - x_0,      <w, x_i> = <w, x_0> to working precision of |w|
//! ```
//!
//! however small |q - p| is. Products with the raw rows are computed in double-word arithmetic, corrections are solved
//! with the orthonormal basis of the face, coordinates are differences to the query in units of the columns, and inside
//! is proved by [`combination`]. Each step proves the query inside, or gives a direction for a full scan. The rows
//! beyond it come back as candidates; if there are none, the query is separated, or no f64 direction separates it.

use super::basis::Basis;
use super::certificate::verified::{Combination, combination};
use super::certificate::{local, separation};
use super::lawson_hanson;
use super::min_norm::dot;
use crate::error::Result;
use crate::rows::Rows;

/// The most candidates kept beside the active rows, as a multiple of d + 1.
const KEPT: usize = 4;

/// The most exact exchanges of one row for another between two scans; and the most multiply-adds that these may take,
/// where d is large.
const EXCHANGES: usize = 100;
const WORK: usize = 100_000_000;

/// In at most this many dimensions the exact proof is still tried for a query that is within the tolerance already.
const WORTH_EXACT: usize = 64;

/// In more dimensions than that, how many rows are dropped one at a time in search of an exact proof.
const SINGLES: usize = 4;

/// A weight whose bounds, in double-word arithmetic, are below this counts as zero.
const ZERO: f64 = 1e-25;

/// A candidate lowers the norm only if its product with the residual exceeds this share of both lengths.
const IMPROVES: f64 = 1e-15;

/// Numbers of bits to which a direction is rounded, to find the exact normal where it has few bits, as for lattice data.
const SIMPLE_BITS: [i32; 4] = [10, 20, 30, 40];

/// A query near the boundary, with its candidate rows.
pub(super) struct Finish {
    d: usize,
    query: Vec<f64>,
    /// Units of the columns.
    unit: Vec<f64>,
    rows: Vec<usize>,
    /// Raw values of the rows, d each.
    points: Vec<f64>,
    /// `(x - q) / unit`, scaled down by a power of two where the row is far; and that power.
    columns: Vec<Vec<f64>>,
    shrink: Vec<f64>,
    /// The typical length of a column, by which the equation for the sum of the weights is multiplied.
    lift: f64,
    /// Indices of the rows that had weight in the last step, and their least-squares weights, from which the next step starts.
    active: (Vec<usize>, Vec<f64>),
    /// The convex combination nearest to the query so far.
    best: Option<Best>,
    /// [`Finish::last_direction`] was called.
    ended: bool,
}

/// A convex combination near the query.
#[derive(Debug, Clone)]
pub(super) struct Best {
    pub rows: Vec<usize>,
    pub weights: Vec<f64>,
    /// Its distance from the query as a share of the local scale.
    pub share: f64,
}

/// A normal of a face, in the data's units.
struct Normal {
    direction: Vec<f64>,
    /// Whether it certainly separates the query from the rows of the face.
    certain: bool,
}

/// The result of a step.
pub(super) enum Step {
    /// Exactly inside: rows and weights.
    Inside { rows: Vec<usize>, weights: Vec<f64> },
    /// Scan along this direction (in the data's units): rows beyond the query are wanted.
    Scan { direction: Vec<f64> },
    /// No direction is left to scan.
    Stuck,
}

impl Finish {
    /// For a query (raw), in units of the columns.
    pub fn new(query: &[f64], unit: &[f64]) -> Self {
        Finish {
            d: query.len(),
            query: query.to_vec(),
            unit: unit.to_vec(),
            rows: Vec::new(),
            points: Vec::new(),
            columns: Vec::new(),
            shrink: Vec::new(),
            lift: 0.0,
            active: (Vec::new(), Vec::new()),
            best: None,
            ended: false,
        }
    }

    /// Whether the search may end: the query is within the tolerance, and an exact proof would cost too much.
    pub fn suffices(&self, tolerance: f64) -> bool {
        self.d > WORTH_EXACT
            && self
                .best
                .as_ref()
                .is_some_and(|best| best.share <= tolerance)
    }

    /// The residual of the last combination as a direction, only at the first call: it is scanned before a query ends
    /// as within the tolerance or undecided.
    pub fn last_direction(&mut self) -> Option<Vec<f64>> {
        if std::mem::replace(&mut self.ended, true) {
            return None;
        }
        let (active, u) = &self.active;
        let mut w = vec![0.0; self.d];
        for (&i, u) in active.iter().zip(u) {
            let each = w.iter_mut().zip(&self.columns[i]);
            each.for_each(|(w, v)| *w -= u * v);
        }
        let moving = w.iter().any(|&v| v != 0.0) && w.iter().all(|v| v.is_finite());
        moving.then(|| self.in_data_units(&w))
    }

    /// The nearest combination so far.
    pub fn best(&self) -> Option<&Best> {
        self.best.as_ref()
    }

    /// Add candidates. Returns whether any is new.
    pub fn admit(&mut self, wanted: &[usize], rows: &dyn Rows) -> Result<bool> {
        let mut fresh: Vec<usize> = wanted.to_vec();
        fresh.retain(|row| !self.rows.contains(row));
        fresh.truncate((KEPT * (self.d + 1)).saturating_sub(self.rows.len()).max(1));
        if fresh.is_empty() {
            return Ok(false);
        }
        let start = self.points.len();
        self.points.resize(start + fresh.len() * self.d, 0.0);
        rows.gather(&fresh, &mut self.points[start..])?;
        self.rows.extend(fresh);
        for x in self.points[start..].chunks_exact(self.d) {
            let each = x.iter().zip(&self.query).zip(&self.unit);
            let column: Vec<f64> = each.map(|((x, q), unit)| (x - q) / unit).collect();
            self.columns.push(column);
        }
        self.scale();
        Ok(true)
    }

    /// Start from convex weights of the candidates added first.
    pub fn start(&mut self, weights: &[f64]) {
        let positive = (0..weights.len().min(self.rows.len())).filter(|&i| weights[i] > 0.0);
        let places: Vec<usize> = positive.collect();
        let u = places
            .iter()
            .map(|&i| weights[i] / self.shrink[i])
            .collect();
        let kept: Vec<f64> = places.iter().map(|&i| weights[i]).collect();
        self.remember(&places, &kept);
        self.active = (places, u);
    }

    /// Choose the lift, and scale far rows down: see [`super::min_norm`].
    fn scale(&mut self) {
        for (column, shrink) in self.columns.iter_mut().zip(&self.shrink) {
            column.iter_mut().for_each(|value| *value /= shrink);
        }
        let length = |column: &Vec<f64>| {
            let longest = column.iter().fold(0f64, |most, v| most.max(v.abs()));
            let square: f64 = column.iter().map(|v| (v / longest).powi(2)).sum();
            if longest > 0.0 {
                longest * square.sqrt()
            } else {
                0.0
            }
        };
        let lengths: Vec<f64> = self.columns.iter().map(length).collect();
        let mut positive: Vec<f64> = lengths.iter().copied().filter(|&l| l > 0.0).collect();
        positive.sort_unstable_by(f64::total_cmp);
        self.lift = positive.get(positive.len() / 2).copied().unwrap_or(1.0);
        let shrink = |&length: &f64| (self.lift / length).min(1.0).log2().floor().exp2();
        self.shrink = lengths.iter().map(shrink).collect();
        for (column, shrink) in self.columns.iter_mut().zip(&self.shrink) {
            column.iter_mut().for_each(|value| *value *= shrink);
        }
    }

    /// Prove the query inside, or find the next direction to scan. `tolerance` is a share of the local scale.
    pub fn step(&mut self, tolerance: f64) -> Step {
        if self.suffices(tolerance) {
            return match self.normal(&self.active.0) {
                Some(Normal { direction, .. }) => Step::Scan { direction },
                None => Step::Stuck,
            };
        }
        let (mut active, weights) = self.nearest();
        self.remember(&active, &weights);
        let mut sharpest = Step::Stuck;
        let each = 4 * self.d * (active.len() + 1).pow(2);
        for _ in 0..(WORK / each).clamp(1, EXCHANGES) {
            if let Some(inside) = self.reduced(&mut active) {
                return inside;
            }
            let Some(Normal { direction, certain }) = self.normal(&active) else {
                return Step::Stuck;
            };
            if !certain {
                return self.either_side(&direction, &active);
            }
            let beyond = self.beyond(&direction, &active);
            sharpest = Step::Scan { direction };
            match beyond {
                Some(beyond) if active.len() <= self.d => active.push(beyond),
                _ => break,
            }
        }
        sharpest
    }

    /// The exact proof that the query is in the hull of these candidates; without a proof, `active` loses the rows that
    /// [`proved`] drops.
    fn reduced(&self, active: &mut Vec<usize>) -> Option<Step> {
        match proved(self.gathered(active), &self.query) {
            Ok(found) => {
                let rows = found.places.iter().map(|&place| self.rows[active[place]]);
                Some(Step::Inside {
                    rows: rows.collect(),
                    weights: found.weights,
                })
            }
            Err(places) => {
                *active = places.iter().map(|&place| active[place]).collect();
                None
            }
        }
    }

    /// For a query so near the span of the face that no f64 direction separates them: a candidate on either side may
    /// still complete a simplex that contains the query.
    fn either_side(&self, direction: &[f64], active: &[usize]) -> Step {
        for side in [1.0, -1.0] {
            let w: Vec<f64> = direction.iter().map(|v| side * v).collect();
            if active.len() <= self.d
                && let Some(beyond) = self.beyond(&w, active)
                && let Some(inside) = self.reduced(&mut [active, &[beyond]].concat())
            {
                return inside;
            }
        }
        Step::Stuck
    }

    /// The raw values of some candidates.
    fn gathered(&self, places: &[usize]) -> Vec<f64> {
        let each = places.iter().map(|&i| self.point(i));
        each.collect::<Vec<_>>().concat()
    }

    fn point(&self, place: usize) -> &[f64] {
        &self.points[place * self.d..(place + 1) * self.d]
    }

    /// Keep a combination if it is the nearest so far.
    fn remember(&mut self, active: &[usize], weights: &[f64]) {
        if active.is_empty() {
            return;
        }
        let share = local::share(&self.gathered(active), weights, &self.query, &self.unit);
        if self.best.as_ref().is_none_or(|best| share < best.share) {
            let pairs = active.iter().map(|&i| self.rows[i]).zip(weights);
            let (rows, weights) = pairs.filter(|(_, weight)| **weight > 0.0).unzip();
            self.best = Some(Best {
                rows,
                weights,
                share,
            });
        }
    }

    /// The nearest convex combination of the candidates in units of the columns, by Lawson and Hanson's method with an
    /// orthonormal basis: the indices of the rows with weight, and their weights.
    fn nearest(&mut self) -> (Vec<usize>, Vec<f64>) {
        let lifted: Vec<Vec<f64>> = self
            .columns
            .iter()
            .zip(&self.shrink)
            .map(|(column, shrink)| {
                let mut lifted = column.clone();
                lifted.push(self.lift * shrink);
                lifted
            })
            .collect();
        let target = [vec![0.0; self.d], vec![self.lift]].concat();
        let (mut active, mut u) = std::mem::take(&mut self.active);
        let mut basis = Basis::default();
        let kept = active.iter().all(|&i| basis.push(&lifted[i]));
        if !kept || !settle(&lifted, &target, &mut active, &mut u, &mut basis) {
            (active, u, basis) = (Vec::new(), Vec::new(), Basis::default());
        }
        let mut refused = vec![false; lifted.len()];
        for _ in 0..4 * lifted.len() + 8 {
            let mut rest = target.clone();
            basis.remove(&mut rest);
            basis.remove(&mut rest);
            let length = dot(&rest, &rest).sqrt();
            let gain = |&i: &usize| {
                let gain = dot(&lifted[i], &rest);
                let least = IMPROVES * length * dot(&lifted[i], &lifted[i]).sqrt();
                (gain > least).then_some(gain)
            };
            let open = (0..lifted.len()).filter(|i| !refused[*i] && !active.contains(i));
            let best = open.filter_map(|i| gain(&i).map(|gain| (gain, i)));
            let Some((_, entering)) = best.max_by(|a, b| a.0.total_cmp(&b.0)) else {
                break;
            };
            if !basis.push(&lifted[entering]) {
                refused[entering] = true;
                continue;
            }
            active.push(entering);
            u.push(0.0);
            if !settle(&lifted, &target, &mut active, &mut u, &mut basis) {
                break;
            }
        }
        let each = active.iter().zip(&u);
        let weights: Vec<f64> = each.map(|(&i, u)| u * self.shrink[i]).collect();
        let total: f64 = weights.iter().sum();
        self.active = (active.clone(), u);
        (active, weights.iter().map(|w| w / total).collect())
    }

    /// The direction (in the data's units) orthogonal to the face of the active rows, with the query on its positive
    /// side. `None` if the face spans the space, or if the query lies in its span to the last digit.
    fn normal(&self, active: &[usize]) -> Option<Normal> {
        let (&first, others) = active.split_first()?;
        let mut basis = Basis::default();
        let mut spanning = Vec::new();
        let (base, shrink) = (&self.columns[first], self.shrink[first]);
        for &i in others {
            // The difference of two rows from their differences to the query, each scaled by its own power of two.
            let (ours, theirs) = (&self.columns[i], shrink / self.shrink[i]);
            let each = ours.iter().zip(base);
            let edge: Vec<f64> = if theirs >= 1.0 {
                each.map(|(x, b)| x - b / theirs).collect()
            } else {
                each.map(|(x, b)| x * theirs - b).collect()
            };
            if basis.push(&edge) {
                spanning.push(i);
            }
        }
        let mut w: Vec<f64> = base.iter().map(|v| -v).collect();
        let before = dot(&w, &w).sqrt();
        for _ in 0..3 {
            basis.remove(&mut w);
            let length = dot(&w, &w).sqrt();
            if length.is_nan() || length <= 0.0 || basis.len() == self.d {
                return None;
            }
            w.iter_mut().for_each(|v| *v *= before / length);
        }
        self.oriented(w, &basis, first, &spanning)
    }

    /// Correct a normal by products in double-word arithmetic, try normals with few bits, and orient it towards the query.
    fn oriented(
        &self,
        w: Vec<f64>,
        basis: &Basis,
        first: usize,
        spanning: &[usize],
    ) -> Option<Normal> {
        let x0 = self.point(first);
        let mut raw = self.in_data_units(&w);
        for _ in 0..2 {
            let products: Vec<f64> = spanning
                .iter()
                .map(|&i| {
                    separation(&raw, self.point(i), x0).0 * self.shrink[i].min(self.shrink[first])
                })
                .collect();
            if spanning.is_empty() {
                break;
            }
            let correction = basis.with_products(&products);
            let back = correction.iter().zip(&self.unit);
            raw.iter_mut()
                .zip(back)
                .for_each(|(w, (c, unit))| *w -= c / unit);
        }
        let mut tried = vec![raw.clone()];
        tried.extend(simple(&raw, &self.unit));
        let margin = |w: &Vec<f64>| {
            let (value, _) = separation(w, &self.query, x0);
            let sign = if value < 0.0 { -1.0 } else { 1.0 };
            let rows = spanning.iter().chain([&first]).map(|&i| {
                let (value, error) = separation(w, &self.query, self.point(i));
                sign * value - error
            });
            let least = rows.fold(f64::INFINITY, f64::min);
            (least / dot(w, w).sqrt(), sign)
        };
        let scored = tried.into_iter().map(|w| (margin(&w), w));
        let ((least, sign), mut direction) = scored.max_by(|a, b| a.0.0.total_cmp(&b.0.0))?;
        direction.iter_mut().for_each(|v| *v *= sign);
        let finite = direction.iter().all(|v| v.is_finite());
        finite.then_some(Normal {
            direction,
            certain: least > 0.0,
        })
    }

    /// A direction in units of the columns as one in the data's, its largest entry about 1.
    fn in_data_units(&self, w: &[f64]) -> Vec<f64> {
        let raw: Vec<f64> = w.iter().zip(&self.unit).map(|(w, unit)| w / unit).collect();
        let largest = raw.iter().fold(0f64, |most, v| most.max(v.abs()));
        let scale = largest.log2().floor().exp2();
        raw.iter().map(|v| v / scale).collect()
    }

    /// The candidate that lies furthest beyond the hyperplane through the query, if any certainly does.
    fn beyond(&self, w: &[f64], active: &[usize]) -> Option<usize> {
        let others = (0..self.rows.len()).filter(|i| !active.contains(i));
        let beyond = others.filter_map(|i| {
            let (value, error) = separation(w, &self.query, self.point(i));
            (value + error < 0.0).then_some((value * self.shrink[i], i))
        });
        beyond.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, i)| i)
    }
}

/// Rows whose hull contains a query, and their weights, all positive.
pub(super) struct Proved {
    /// Indices among the given rows.
    pub places: Vec<usize>,
    pub weights: Vec<f64>,
}

/// Whether a query is exactly in the hull of a few rows (m x d, raw), or of what remains after dropping rows whose
/// weights are not positive (the query may lie on the face without them, or beyond it). If not proved, the indices of
/// the remaining rows.
pub(super) fn proved(mut points: Vec<f64>, query: &[f64]) -> Result<Proved, Vec<usize>> {
    let d = query.len();
    let mut places: Vec<usize> = (0..points.len() / d).collect();
    let mut singles = if d > WORTH_EXACT { SINGLES } else { usize::MAX };
    loop {
        let (lower, upper) = match combination(&points, query) {
            Combination::Proved { weights } => {
                let pairs = places.into_iter().zip(weights);
                let (places, weights) = pairs.filter(|(_, weight)| *weight > 0.0).unzip();
                return Ok(Proved { places, weights });
            }
            Combination::Unproved { lower, upper } if places.len() > 1 => (lower, upper),
            _ => return Err(places),
        };
        let doubtful = |i: usize| lower[i].is_nan() || lower[i] <= 0.0;
        let mut gone: Vec<usize> = (0..lower.len())
            .filter(|&i| doubtful(i) && upper[i] < ZERO)
            .collect();
        // Where no weights vanish, drop one row at a time: the weights of others may then turn positive.
        if gone.is_empty() || gone.len() == places.len() || gone.iter().any(|&i| lower[i] < -ZERO) {
            let negative = (0..lower.len()).filter(|&i| doubtful(i));
            gone = negative
                .min_by(|&i, &j| upper[i].total_cmp(&upper[j]))
                .into_iter()
                .collect();
        }
        if gone.is_empty() || singles == 0 {
            return Err(places);
        }
        singles -= usize::from(gone.len() == 1);
        let kept: Vec<usize> = (0..places.len()).filter(|i| !gone.contains(i)).collect();
        points = kept
            .iter()
            .flat_map(|&i| points[i * d..(i + 1) * d].iter().copied())
            .collect();
        places = kept.iter().map(|&i| places[i]).collect();
    }
}

/// Lawson and Hanson's inner loop: move the weights to the least-squares solution, dropping those that turn negative.
/// False if the basis could not be rebuilt.
fn settle(
    lifted: &[Vec<f64>],
    target: &[f64],
    active: &mut Vec<usize>,
    u: &mut Vec<f64>,
    basis: &mut Basis,
) -> bool {
    loop {
        let mut rest = target.to_vec();
        let mut y = basis.remove(&mut rest);
        let again = basis.remove(&mut rest);
        y.iter_mut().zip(again).for_each(|(y, a)| *y += a);
        let next = basis.coordinates(y);
        let Some(least) = lawson_hanson::step(u, &next) else {
            return true;
        };
        let kept: Vec<usize> = (0..u.len())
            .filter(|&j| !(next[j] <= 0.0 && u[j] <= least))
            .collect();
        *active = kept.iter().map(|&j| active[j]).collect();
        *u = kept.iter().map(|&j| u[j]).collect();
        *basis = Basis::default();
        if !active.iter().all(|&i| basis.push(&lifted[i])) {
            return false;
        }
    }
}

/// Directions near `w` with few significant bits, in the data's units: facets of lattice data have such normals.
fn simple(w: &[f64], unit: &[f64]) -> Vec<Vec<f64>> {
    let mut all = Vec::new();
    let weight = |j: usize| w[j].abs() * unit[j];
    let Some(largest) = (0..w.len()).max_by(|&i, &j| weight(i).total_cmp(&weight(j))) else {
        return all;
    };
    let scaled: Vec<f64> = w.iter().map(|v| v / w[largest].abs()).collect();
    for bits in SIMPLE_BITS {
        let grid = f64::from(bits).exp2();
        all.push(scaled.iter().map(|v| (v * grid).round() / grid).collect());
    }
    let smallest = (0..w.len())
        .filter(|&j| scaled[j].abs() > 1e-9)
        .min_by(|&i, &j| scaled[i].abs().total_cmp(&scaled[j].abs()));
    if let Some(smallest) = smallest {
        for multiple in 1..=12 {
            let factor = f64::from(multiple) / scaled[smallest].abs();
            let whole: Vec<f64> = scaled.iter().map(|v| (v * factor).round()).collect();
            let near = |(v, whole): (&f64, &f64)| (v * factor - whole).abs() < 1e-6;
            if scaled.iter().zip(&whole).all(near) {
                all.push(whole);
                break;
            }
        }
    }
    all
}
