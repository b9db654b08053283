//! The inner product that the solver uses, and the affine hull of the rows, from the same factorisation.
//!
//! Membership does not change under an invertible affine map, so the solver works on `y = L^-1 P D^-1 x'`,
//! where x' are the scan's coordinates, D the columns' ranges, P a permutation and `L L^T = P (C + r I) P^T` the
//! pivoted Cholesky factor of the covariance of `D^-1 x'` with a small ridge r.
//! Rows are never transformed: a direction r in y is the direction `w = D^-1 P^T L^-T r` in x', and rows are scanned in
//! x'. Distances need the Euclidean metric, where the map is a diagonal. The same factor without the ridge gives the
//! directions in which the rows do not vary: the normals of the [`AffineHull`].
//!
//! Rank is decided in two steps. A pivot below [`FLAT`] (in columns of unit range) means that the covariance, whose
//! entries are squares, cannot resolve whether the rows vary in that direction. The components of all rows along such
//! directions can: where they exceed rounding, their own covariance is factorised, and only directions in which the
//! rows vary by less than the rounding of these very products count as flat. Far rows count only by their direction,
//! scaled to the size of the others, so that none of them dominates.

mod packed;

use crate::control::Control;
use crate::error::Result;
use crate::linear;
use crate::rows::pass::{Pass, pass};
use crate::rows::{Element, Pack, Rows, chunk_rows, map_chunks};
use crate::scan::Frame;
use crate::scan::rounding::{U32, U64, gamma};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt_pivoting::factor as pivoted;
use faer::linalg::triangular_solve;
use faer::{Accum, Mat, MatRef, Par};
use rayon::prelude::*;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Above this many dimensions the metric is diagonal, because a dense factor would take too much memory.
const DENSE_LIMIT: usize = 3072;

/// The covariance is estimated from as many rows as this many multiply-adds allow (any positive-definite
/// metric is valid), but never from fewer than eight a dimension.
const COVARIANCE_WORK: usize = 50_000_000_000;

/// Pivots below this, where columns have unit range, count as rounding: the covariance does not resolve the variation there.
const FLAT: f64 = 1e-13;

/// Rows vary along the normals if their component is more than this many times its rounding error.
const THIN: f64 = 16.0;

/// Rounds of computing the components along the normals: the first corrects the normals; each further one resolves
/// directions that are 1e-6 times thinner.
const THIN_ROUNDS: usize = 5;

/// The most multiply-adds of such a round; a larger sample is thinned.
const THIN_WORK: usize = 2_000_000_000;

/// The share of the mean variance that is added to every variance, so that rare features do not dominate the metric.
/// Measured on MNIST's pixels (784, 2,000 queries): 1.994 scans a query without it, 1.007 with it.
const RIDGE: f64 = 1e-3;

/// An invertible linear map to coordinates in which hull problems are well conditioned.
#[derive(Debug, Clone)]
pub struct Metric {
    /// The diagonal D, in the frame's coordinates.
    deviation: Vec<f64>,
    /// L and P, shared by solvers; `None` for a diagonal metric.
    factor: Option<Arc<(Mat<f64>, Vec<usize>)>>,
}

/// The affine hull of the rows, by the directions in which no row varies. A query with a component along them is
/// outside without a scan.
#[derive(Debug, Clone)]
pub struct AffineHull {
    dim: usize,
    /// Numerical affine rank; `None` if d is too large to compute it.
    pub rank: Option<usize>,
    /// Orthonormal basis (in the frame) of the orthogonal complement: one row of d numbers each. Shared by solvers.
    pub normals: Arc<[f64]>,
    /// An upper bound on the length of any row's component along the normals, far rows excepted.
    pub slack: f64,
    /// The lower rank that explains the rows up to the rounding of their stored type, if there is one.
    pub flat: Option<Flat>,
}

/// A rank lower than the numerical one, where the difference may be rounding of the stored type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flat {
    /// The rank that explains the rows.
    pub rank: usize,
    /// The remaining spread, as a share of the whole (standard deviations, columns of unit range).
    pub share: f64,
}

/// The factorisation of a sample's covariance.
struct FittedMetric {
    metric: Metric,
    rank: usize,
    normals: Vec<f64>,
    flat: Option<Flat>,
    /// The factor without the ridge, and the order of its columns.
    factor: Mat<f64>,
    order: Vec<usize>,
}

/// Solves a triangular system for columns, in place.
type Solve = fn(MatRef<'_, f64>, &mut [f64]);

impl Metric {
    /// Plain Euclidean distance, scaled by the frame's common power of two.
    pub fn euclidean(frame: &Frame) -> Self {
        let deviation = frame.scale.iter().map(|s| s / frame.euclid).collect();
        Metric {
            deviation,
            factor: None,
        }
    }

    /// The number of dimensions, d.
    pub fn dim(&self) -> usize {
        self.deviation.len()
    }

    /// Points (n x d, row-major, relative to the frame's centre) to metric coordinates, in place.
    pub fn whiten(&self, points: &mut [f64]) {
        self.whiten_by(points, linear::solve_lower);
    }

    /// The same, where no point's digits depend on the other points.
    pub fn whiten_apart(&self, points: &mut [f64]) {
        self.whiten_by(points, linear::solve_lower_apart);
    }

    /// Reads what [`Metric::whiten`] of a single point needs. For a second thread: one thread alone waits for memory most of the time.
    /// It ends when `stop` is set.
    pub fn read_through(&self, stop: &AtomicBool) {
        if let Some((factor, _)) = self.factor.as_deref() {
            linear::read_through(factor.as_ref(), stop);
        }
    }

    fn whiten_by(&self, points: &mut [f64], solve: Solve) {
        let d = self.dim();
        match self.factor.as_deref() {
            None => points.par_chunks_exact_mut(d).for_each(|point| {
                for (value, deviation) in point.iter_mut().zip(&self.deviation) {
                    *value /= deviation;
                }
            }),
            Some((factor, order)) => {
                let mut permuted = vec![0.0; d];
                for point in points.chunks_exact_mut(d) {
                    for (out, &column) in permuted.iter_mut().zip(order) {
                        *out = point[column] / self.deviation[column];
                    }
                    point.copy_from_slice(&permuted);
                }
                solve(factor.as_ref(), points);
            }
        }
    }

    /// Directions in metric coordinates (n x d, row-major) to the frame's, in place: `D^-1 P^T L^-T r`.
    pub fn direction(&self, residuals: &mut [f64]) {
        self.direction_by(residuals, linear::solve_upper);
    }

    /// The same, where no direction's digits depend on the other directions.
    pub fn direction_apart(&self, residuals: &mut [f64]) {
        self.direction_by(residuals, linear::solve_upper_apart);
    }

    fn direction_by(&self, residuals: &mut [f64], solve: Solve) {
        let d = self.dim();
        let Some((factor, order)) = self.factor.as_deref() else {
            return self.whiten(residuals);
        };
        solve(factor.transpose(), residuals);
        let mut restored = vec![0.0; d];
        for residual in residuals.chunks_exact_mut(d) {
            for (value, &column) in residual.iter().zip(order) {
                restored[column] = value / self.deviation[column];
            }
            residual.copy_from_slice(&restored);
        }
    }

    /// The metric in which the rows' own covariance is the identity; and the affine hull.
    pub fn whitening(
        rows: &dyn Rows,
        frame: &Frame,
        control: &Control,
    ) -> Result<(Self, AffineHull)> {
        let (n, d) = (rows.len(), rows.dim());
        let unknown = AffineHull {
            dim: d,
            rank: None,
            normals: Arc::default(),
            slack: 0.0,
            flat: None,
        };
        if d > DENSE_LIMIT {
            let metric = Metric {
                deviation: deviations(rows, frame, control)?,
                factor: None,
            };
            return Ok((metric, unknown));
        }
        let wanted = (COVARIANCE_WORK / (d * d)).max(8 * d).max(1024);
        let every = (0..n).step_by(n.div_ceil(wanted));
        let mut sample: Vec<usize> = every.filter(|&row| !frame.far.contains(row)).collect();
        let near = n - frame.far.rows.len();
        loop {
            let FittedMetric {
                metric,
                rank,
                normals,
                flat,
                factor,
                order,
            } = Self::from_sample(rows, frame, &sample, control)?;
            let mut hull = AffineHull {
                rank: Some(rank),
                normals: normals.into(),
                flat,
                ..unknown.clone()
            };
            if rank == d {
                hull.rank = Some(rank.min(n.saturating_sub(1)));
                hull.flat = hull.flat.filter(|flat| flat.rank < d);
                return Ok((metric, hull));
            }
            let lengths = hull.row_lengths(rows, frame, control)?;
            let strays = strays(&lengths, frame.radius);
            if strays.is_empty() || sample.len() == near {
                let sample = Sample {
                    rows,
                    frame,
                    chosen: &sample,
                    factor,
                    order,
                    rank,
                    deviation: metric.deviation.clone(),
                };
                hull.settle(rows, frame, &sample, lengths, control)?;
                hull.flat = hull.flat.filter(|flat| Some(flat.rank) < hull.rank);
                return Ok((metric, hull));
            }
            // Rows outside the sample's affine hull are added to the sample, so that its hull is that of all rows.
            sample.extend(strays);
            sample.sort_unstable();
            sample.dedup();
        }
    }

    /// The regularised factor of the sample's covariance, its rank, and the normals of its affine hull.
    fn from_sample(
        rows: &dyn Rows,
        frame: &Frame,
        sample: &[usize],
        control: &Control,
    ) -> Result<FittedMetric> {
        let d = rows.dim();
        let covariance = covariance(rows, frame, sample, control)?;
        let deviation: Vec<f64> = (0..d)
            .map(|j| {
                let range = frame.range[j] * frame.scale[j];
                if range > 0.0 {
                    range
                } else {
                    frame.scale[j] / frame.euclid
                }
            })
            .collect();
        let scaled = |i: usize, j: usize| covariance[(i, j)] / (deviation[i] * deviation[j]);
        let mut regular = Mat::from_fn(d, d, |i, j| if i >= j { scaled(i, j) } else { 0.0 });
        drop(covariance);
        let mut exact = regular.clone();
        let (order, rank, left) = factorise(&mut exact);
        let flat = flat(rows, frame, &deviation, &left);
        let normals = if rank < d {
            null_space(&exact, &order, rank, &deviation)
        } else {
            Vec::new()
        };
        let ridge = RIDGE * (0..d).map(|j| regular[(j, j)]).sum::<f64>() / d as f64;
        for j in 0..d {
            regular[(j, j)] += ridge;
        }
        let (regular_order, ..) = factorise(&mut regular);
        Ok(FittedMetric {
            metric: Metric {
                deviation,
                factor: Some(Arc::new((regular, regular_order))),
            },
            rank,
            normals,
            flat,
            factor: exact,
            order,
        })
    }
}

/// Whether fewer dimensions than there are explain the rows up to the rounding of their stored type. `left[r]` is the
/// variance that r dimensions leave, in columns of unit range.
fn flat(rows: &dyn Rows, frame: &Frame, deviation: &[f64], left: &[f64]) -> Option<Flat> {
    let unit = match rows.element() {
        Element::F16 => 1.0 / 2048.0,
        Element::BF16 => 1.0 / 256.0,
        Element::F32 => U32,
        // Numbers that were stored in f32 before still have the rounding of f32.
        Element::F64 if rows.fits_f32() => U32,
        _ => return None,
    };
    let noise: f64 = (0..deviation.len())
        .map(|j| {
            let largest = frame.centre[j].abs() + frame.range[j];
            (unit * largest * frame.scale[j] / deviation[j]).powi(2)
        })
        .sum();
    let total = *left.first()?;
    let rank = left.iter().position(|&left| left <= noise)?;
    let share = (left[rank] / total).max(0.0).sqrt();
    (rank > 0).then_some(Flat { rank, share })
}

/// Orthonormal normals of the affine hull (a row of d numbers each): the null space `[-L11^-T L21^T; I]` of the
/// unregularised factor, mapped to the frame and orthonormalised.
fn null_space(factor: &Mat<f64>, order: &[usize], rank: usize, deviation: &[f64]) -> Vec<f64> {
    let d = deviation.len();
    let count = d - rank;
    let mut null = Mat::<f64>::zeros(d, count);
    for i in 0..count {
        for k in 0..rank {
            null[(k, i)] = -factor[(rank + i, k)];
        }
        null[(rank + i, i)] = 1.0;
    }
    let upper = factor.as_ref().submatrix(0, 0, rank, rank).transpose();
    let head = null.as_mut().submatrix_mut(0, 0, rank, count);
    triangular_solve::solve_upper_triangular_in_place(upper, head, Par::Seq);
    let mut normals = Mat::<f64>::zeros(d, count);
    for (k, &column) in order.iter().enumerate() {
        for i in 0..count {
            normals[(column, i)] = null[(k, i)] / deviation[column];
        }
    }
    columns(&linear::orthonormal(normals))
}

/// The columns of a matrix, one after another.
fn columns(matrix: &Mat<f64>) -> Vec<f64> {
    matrix
        .col_iter()
        .flat_map(|column| column.iter().copied())
        .collect()
}

/// The rows by which flatness is decided, and the factor of their covariance.
struct Sample<'s> {
    rows: &'s dyn Rows,
    frame: &'s Frame,
    chosen: &'s [usize],
    /// L and P, and the number of columns of L that are not flat.
    factor: Mat<f64>,
    order: Vec<usize>,
    rank: usize,
    deviation: Vec<f64>,
}

impl Sample<'_> {
    /// At most this many of the rows, evenly spaced.
    fn at_most(&self, most: usize) -> Vec<usize> {
        let every = self.chosen.len().div_ceil(most.max(1));
        self.chosen.iter().step_by(every).copied().collect()
    }

    /// Pass the chosen rows, in the frame, to `take` as columns of d numbers, in parts of a fixed size.
    fn read(
        &self,
        chosen: &[usize],
        control: &Control,
        mut take: impl FnMut(MatRef<'_, f64>),
    ) -> Result<()> {
        let d = self.rows.dim();
        let mut values = Vec::new();
        for part in chosen.chunks(((1 << 20) / d).max(1)) {
            control.check()?;
            values.resize(part.len() * d, 0.0);
            self.rows.gather(part, &mut values)?;
            self.frame.apply(&mut values);
            take(MatRef::from_column_major_slice(&values, d, part.len()));
        }
        Ok(())
    }
}

impl AffineHull {
    /// A bound on the rounding error of the difference between a query's and a row's component along the normals;
    /// `reach` is the sum of their lengths in the frame.
    ///
    /// With c normals n_i of length 1 to within 1e-12, each of the c products of a point p is off by at most
    /// `gamma(d+4) |p|` (two roundings bring p into the frame), so the vector of them by `sqrt(c) gamma(d+4) |p|`; the
    /// direction `sum u_i n_i` that is stated is off by at most `gamma(c+4) sqrt(c)`, and so its product with p. The
    /// factor 2 covers the normals' lengths and the roundings of this bound and of the lengths compared.
    pub fn rounding(&self, reach: f64) -> f64 {
        let count = self.codimension();
        2.0 * (count as f64).sqrt() * (gamma(self.dim + 8, U64) + gamma(count + 8, U64)) * reach
    }

    /// Keep only the normals along which no row varies by more than rounding, and bound the rows' components along
    /// them. `lengths` are the lengths of the rows' components along all normals; `sample` are the rows by which this
    /// is decided.
    fn settle(
        &mut self,
        rows: &dyn Rows,
        frame: &Frame,
        sample: &Sample<'_>,
        mut lengths: Vec<f64>,
        control: &Control,
    ) -> Result<()> {
        for round in 0..THIN_ROUNDS {
            let longest = lengths.iter().copied().fold(0.0, f64::max);
            let rounding = self.rounding(2.0 * frame.radius);
            self.slack = longest * (1.0 + 1e-9) + rounding;
            if longest <= THIN * rounding || round + 1 == THIN_ROUNDS {
                break;
            }
            if round == 0 {
                self.straighten(sample, control)?;
            } else if !self.drop_thick(sample, control)? {
                break;
            }
            if self.codimension() == 0 {
                self.slack = 0.0;
                break;
            }
            lengths = self.row_lengths(rows, frame, control)?;
        }
        // n points span at most n - 1 dimensions, whatever normals were dropped.
        let most = rows.len().saturating_sub(1);
        self.rank = Some((self.dim - self.codimension()).min(most));
        Ok(())
    }

    /// Remove from the normals their components along the rows' own directions. The normals carry the error of a factor
    /// of squares; this one step of iterative refinement, with products of the rows themselves, corrects it.
    fn straighten(&mut self, sample: &Sample<'_>, control: &Control) -> Result<()> {
        let (d, count) = (self.dim, self.codimension());
        let normals = MatRef::from_column_major_slice(&self.normals, d, count);
        // sum_i x_i <n, x_i> and the sums of both, for the covariance of rows and components.
        let mut product = Mat::<f64>::zeros(d, count);
        let (mut sum, mut component_sum) = (vec![0.0; d], vec![0.0; count]);
        let chosen = sample.at_most((THIN_WORK / (d * count)).max(2 * d));
        let n = chosen.len() as f64;
        sample.read(&chosen, control, |points| {
            let components = linear::product(normals.transpose(), points);
            linear::add_product(product.as_mut(), points, components.transpose(), 1.0);
            for (point, component) in points.col_iter().zip(components.col_iter()) {
                sum.iter_mut().zip(point.iter()).for_each(|(s, v)| *s += v);
                let each = component_sum.iter_mut().zip(component.iter());
                each.for_each(|(s, v)| *s += v);
            }
        })?;
        let (factor, order, rank) = (&sample.factor, &sample.order, sample.rank);
        let mut head = vec![0.0; rank * count];
        for (i, head) in head.chunks_exact_mut(rank.max(1)).enumerate() {
            for (head, &column) in head.iter_mut().zip(order) {
                let covariance = (product[(column, i)] - sum[column] * component_sum[i] / n) / n;
                *head = covariance / sample.deviation[column];
            }
        }
        let factor = factor.as_ref().submatrix(0, 0, rank, rank);
        linear::solve_lower(factor, &mut head);
        linear::solve_upper(factor.transpose(), &mut head);
        let mut straight = Mat::from_fn(d, count, |j, i| self.normals[i * d + j]);
        for (i, head) in head.chunks_exact(rank.max(1)).enumerate() {
            for (head, &column) in head.iter().zip(order) {
                straight[(column, i)] -= head / sample.deviation[column];
            }
        }
        self.normals = columns(&linear::orthonormal(straight)).into();
        Ok(())
    }

    /// Drop the normals along which the sampled rows vary according to the covariance of their components. Returns
    /// whether any was dropped.
    fn drop_thick(&mut self, sample: &Sample<'_>, control: &Control) -> Result<bool> {
        let (d, count) = (self.dim, self.codimension());
        let normals = MatRef::from_column_major_slice(&self.normals, d, count);
        let chosen = sample.at_most((THIN_WORK / (d * count)).max(2 * count));
        let mut parts: Vec<Mat<f64>> = Vec::new();
        sample.read(&chosen, control, |points| {
            parts.push(linear::product(normals.transpose(), points));
        })?;
        let mut unit = vec![0f64; count];
        for component in parts.iter().flat_map(|part| part.col_iter()) {
            let each = unit.iter_mut().zip(component.iter());
            each.for_each(|(most, v)| *most = most.max(v.abs()));
        }
        unit.iter_mut()
            .filter(|u| **u == 0.0)
            .for_each(|u| *u = 1.0);
        let mut matrix = Mat::<f64>::zeros(count, count);
        let mut sum = vec![0.0; count];
        for part in &mut parts {
            for component in part.col_iter_mut() {
                let each = component.iter_mut().zip(&unit).zip(&mut sum);
                each.for_each(|((v, unit), sum)| {
                    *v /= unit;
                    *sum += *v;
                });
            }
            linear::add_gram(matrix.as_mut(), part.as_ref(), 1.0);
        }
        let n = chosen.len() as f64;
        for j in 0..count {
            for i in j..count {
                matrix[(i, j)] = (matrix[(i, j)] - sum[i] * sum[j] / n) / n;
            }
        }
        let (order, rank, _) = factorise(&mut matrix);
        if rank == 0 {
            return Ok(false);
        }
        let kept = if rank < count {
            null_space(&matrix, &order, rank, &unit)
        } else {
            Vec::new()
        };
        let kept = MatRef::from_column_major_slice(&kept, count, kept.len() / count);
        self.normals = columns(&linear::product(normals, kept)).into();
        Ok(true)
    }

    /// The number of normals.
    pub fn codimension(&self) -> usize {
        self.normals.len() / self.dim.max(1)
    }

    /// The component of `point` (in the frame, relative to the centre) along the normals: its coordinates.
    pub fn component(&self, point: &[f64]) -> Vec<f64> {
        self.normals
            .chunks_exact(self.dim)
            .map(|normal| dot(normal, point))
            .collect()
    }

    /// `sum_i coordinates[i] normal_i`: a direction in the frame.
    pub fn direction(&self, coordinates: &[f64]) -> Vec<f64> {
        let mut direction = vec![0.0; self.dim];
        for (normal, &coordinate) in self.normals.chunks_exact(self.dim).zip(coordinates) {
            for (out, value) in direction.iter_mut().zip(normal) {
                *out += coordinate * value;
            }
        }
        direction
    }

    /// The length of every row's component along the normals.
    fn row_lengths(&self, rows: &dyn Rows, frame: &Frame, control: &Control) -> Result<Vec<f64>> {
        let off = Off {
            normals: Cow::Borrowed(&self.normals),
            frame: Cow::Borrowed(frame),
        };
        let parts = pass(rows, &off, control)?;
        Ok(parts.into_iter().flatten().collect())
    }
}

/// A pass over the rows that measures their components along the normals (each a row of d numbers).
pub struct Off<'n> {
    normals: Cow<'n, [f64]>,
    frame: Cow<'n, Frame>,
}

impl Pass for Off<'_> {
    type Part = Vec<f64>;
    const NAME: &'static str = "off";

    fn chunk(&self, first: usize, values: &[f64]) -> Vec<f64> {
        let d = self.frame.dim();
        let count = self.normals.len() / d;
        let normals = MatRef::from_column_major_slice(&self.normals, d, count);
        let mut centred = values.to_vec();
        self.frame.apply(&mut centred);
        let n = centred.len() / d;
        let centred = MatRef::from_column_major_slice(&centred, d, n);
        let mut components = Mat::<f64>::zeros(count, n);
        faer::linalg::matmul::matmul(
            &mut components,
            Accum::Replace,
            normals.transpose(),
            centred,
            1.0,
            Par::Seq,
        );
        let lengths = components.col_iter().map(|column| column.norm_l2());
        let mut lengths: Vec<f64> = lengths.collect();
        let far = self.frame.far.within(first, n);
        far.for_each(|row| lengths[row] = 0.0);
        lengths
    }

    fn put(&self, question: &mut Pack) {
        question.put_reals("normals", self.normals.iter().copied());
        self.frame.send(question);
    }

    fn of(question: &mut Pack, dim: usize) -> Result<Self> {
        let normals = question.reals("normals", None)?;
        if !normals.len().is_multiple_of(dim) {
            return Err(question.fault("normals", "they are not whole"));
        }
        Ok(Off {
            normals: Cow::Owned(normals),
            frame: Cow::Owned(Frame::sent(question, dim)?),
        })
    }

    fn put_part(part: Vec<f64>, answer: &mut Pack) {
        answer.put_reals("lengths", part);
    }

    fn part(answer: &mut Pack, rows: usize, _: usize) -> Result<Vec<f64>> {
        answer.reals("lengths", Some(rows))
    }
}

/// The indices of rows whose component off the sample's affine hull exceeds rounding, the longest first, at most d.
fn strays(lengths: &[f64], radius: f64) -> Vec<usize> {
    const MOST: usize = 1024;
    let mut strays: Vec<usize> = (0..lengths.len())
        .filter(|&i| lengths[i] > 1e-6 * radius)
        .collect();
    strays.sort_unstable_by(|&a, &b| lengths[b].total_cmp(&lengths[a]).then(a.cmp(&b)));
    strays.truncate(MOST);
    strays
}

/// Standard deviations of all columns, in the frame; a constant column gets the frame's common unit instead.
fn deviations(rows: &dyn Rows, frame: &Frame, control: &Control) -> Result<Vec<f64>> {
    let d = rows.dim();
    let parts = map_chunks(rows, control, |first, values| {
        let mut squares = vec![0.0; d];
        for (i, row) in values.chunks_exact(d).enumerate() {
            if frame.far.contains(first + i) {
                continue;
            }
            for j in 0..d {
                squares[j] += ((row[j] - frame.centre[j]) * frame.scale[j]).powi(2);
            }
        }
        squares
    })?;
    Ok((0..d)
        .map(|j| {
            let near = rows.len() - frame.far.rows.len();
            let variance = parts.iter().map(|part| part[j]).sum::<f64>() / near as f64;
            if variance > 0.0 {
                variance.sqrt()
            } else {
                frame.scale[j] / frame.euclid
            }
        })
        .collect())
}

/// The lower triangle of the covariance about the sample's own mean, in the frame.
fn covariance(
    rows: &dyn Rows,
    frame: &Frame,
    sample: &[usize],
    control: &Control,
) -> Result<Mat<f64>> {
    let d = rows.dim();
    let mut sum = vec![0.0; d];
    let mut product = Mat::<f64>::zeros(d, d);
    let step = ((1 << 20) / d).max(1);
    let mut values = Vec::new();
    for part in sample.chunks(step) {
        values.resize(part.len() * d, 0.0);
        let some = (chunk_rows(d) / 8).max(1);
        part.par_chunks(some)
            .zip(values.par_chunks_mut(some * d))
            .try_for_each(|(part, values)| {
                control.check()?;
                read(rows, part, values)?;
                frame.apply(values);
                Ok(())
            })?;
        // Each sum adds its rows in the same order for any number of threads.
        let columns = d.div_ceil(rayon::current_num_threads()).max(8);
        sum.par_chunks_mut(columns)
            .enumerate()
            .for_each(|(at, sum)| {
                for row in values.chunks_exact(d) {
                    for (total, value) in sum.iter_mut().zip(&row[at * columns..]) {
                        *total += value;
                    }
                }
            });
        let columns = MatRef::from_column_major_slice(&values, d, part.len());
        linear::add_gram(product.as_mut(), columns, 1.0);
    }
    let n = sample.len() as f64;
    for j in 0..d {
        for i in j..d {
            product[(i, j)] = (product[(i, j)] - sum[i] * sum[j] / n) / n;
        }
    }
    add_far(&mut product, frame, n);
    Ok(product)
}

/// Read the rows of a sample, given in ascending order.
fn read(rows: &dyn Rows, some: &[usize], values: &mut [f64]) -> Result<()> {
    if some[some.len() - 1] - some[0] + 1 == some.len() {
        rows.read_f64(some[0], values)
    } else {
        rows.gather(some, values)
    }
}

/// Add each far row as one point in its direction, at half the radius of the other rows.
fn add_far(product: &mut Mat<f64>, frame: &Frame, n: f64) {
    let d = frame.dim();
    for x in frame.far.points.chunks_exact(d) {
        let mut point = x.to_vec();
        frame.apply(&mut point);
        let longest = point.iter().fold(0f64, |most, v| most.max(v.abs()));
        point.iter_mut().for_each(|v| *v /= longest);
        let length = dot(&point, &point).sqrt();
        let factor = 0.5 * frame.radius / length;
        if factor.is_finite() {
            for j in 0..d {
                for i in j..d {
                    product[(i, j)] += factor * point[i] * factor * point[j] / n;
                }
            }
        }
    }
}

/// Pivoted Cholesky factorisation in place, with pivots below [`FLAT`] raised to it: returns the order of the columns,
/// the numerical rank, and for r = 0, 1, .. the trace that remains after r columns. The strict upper triangle is zeroed.
fn factorise(matrix: &mut Mat<f64>) -> (Vec<usize>, usize, Vec<f64>) {
    let d = matrix.nrows();
    for j in 0..d {
        // Rounding can make a constant column's diagonal slightly negative.
        matrix[(j, j)] = matrix[(j, j)].max(0.0);
    }
    let (mut order, mut inverse) = (vec![0usize; d], vec![0usize; d]);
    let scratch = pivoted::cholesky_in_place_scratch::<usize, f64>(d, Par::Seq, Default::default());
    let mut memory = MemBuffer::new(scratch);
    let stack = MemStack::new(&mut memory);
    let found = pivoted::cholesky_in_place(
        matrix.as_mut(),
        &mut order,
        &mut inverse,
        // One thread, so that no digit depends on the number of threads.
        Par::Seq,
        stack,
        Default::default(),
    );
    // The only failures are a negative or NaN diagonal, ruled out above for finite rows; a metric that is
    // merely diagonal is valid all the same.
    let rank = found.map_or(0, |(info, _)| info.rank);
    if rank == 0 {
        order = (0..d).collect();
    }
    let mut left = vec![0.0; rank + 1];
    for j in (0..rank).rev() {
        let column: f64 = (j..d).map(|i| matrix[(i, j)].powi(2)).sum();
        left[j] = left[j + 1] + column;
    }
    let rank = (0..rank)
        .find(|&j| matrix[(j, j)] < FLAT.sqrt())
        .unwrap_or(rank);
    for j in 0..d {
        for i in 0..j {
            matrix[(i, j)] = 0.0;
        }
        if j >= rank {
            matrix.as_mut().submatrix_mut(j, j, d - j, 1).fill(0.0);
            matrix[(j, j)] = if rank == 0 { 1.0 } else { FLAT.sqrt() };
        }
    }
    (order, rank, left)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
