//! Principal components of the reference, and whitening by them.
//!
//! ```text
//! C = 1/N sum_i (x_i - m)(x_i - m)^T = V diag(l_1 >= l_2 >= ...) V^T,      y = V_D^T (x - m)
//! ```
//!
//! The covariance is summed in f64, chunk by chunk. A component's sign is the one that makes its largest entry
//! positive. Up to [`DENSE`] dimensions C is decomposed whole; above, the top components come from subspace iteration
//! (Halko, Martinsson and Tropp, SIAM Review 53, 2011, algorithm 4.4) with C applied row by row and never formed.
//!
//! Whether the reference varies along a direction cannot be seen in C, which squares: what is below 1e-8 of the spread
//! is lost in its rounding. So directions that look flat are made orthogonal to the rows themselves, and rotated to
//! their own components, in further passes; what is left there is variation, or the rounding of a product.

use super::projection::{COMPONENTS, Linear, generator};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::rows::{Rows, map_chunks};
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::prelude::Solve;
use faer::{Accum, Mat, MatRef, Par, Side};
use rand_distr::{Distribution, StandardNormal};

/// The covariance of more dimensions than this is not formed: it would take more than 128 MiB.
const DENSE: usize = 4096;

/// Variances below this share of the largest are looked at again: the covariance does not tell them from rounding.
const DOUBTFUL: f64 = 1e-10;

/// Directions of the subspace iteration beyond the wanted ones, at least; numbers of its basis where all directions
/// that N rows span are taken, at most; passes at most; and the residual, as a share of the variance, that is enough.
const SPARE: usize = 16;
const WHOLE: usize = 1 << 26;
const PASSES: usize = 40;
const RESIDUAL: f64 = 1e-3;

/// Rows less their mean, each column divided by its own divisor.
struct Centred<'r> {
    rows: &'r dyn Rows,
    mean: Vec<f64>,
    /// Empty for none.
    divisor: Vec<f64>,
    /// Columns in which all rows are equal; their mean is that value.
    constant: Vec<bool>,
}

/// Directions as columns, with the variance along each, largest first.
struct Components<'r> {
    centred: Centred<'r>,
    variances: Vec<f64>,
    directions: Mat<f64>,
    /// How many vary; the reference is flat along the others.
    rank: usize,
    /// Of each, what is rounding, as a share of a row's length and of the mean's size; 0 for those that vary.
    noise: Vec<f64>,
}

impl Components<'_> {
    /// The map to the components `range`, each divided by `divisor(variance)`; the flat ones like the last that varies.
    fn map(self, range: std::ops::Range<usize>, divisor: impl Fn(f64) -> f64) -> Linear {
        let varies = &self.variances[..self.rank];
        let least = varies.last().map_or(1.0, |&variance| divisor(variance));
        let scale = |k: usize| varies.get(k).map_or(least, |&variance| divisor(variance));
        let noise = range.clone().map(|k| self.noise[k] / scale(k));
        let directions = self.directions.subcols(range.start, range.len());
        Linear {
            noise: noise.collect(),
            size: self.centred.size(directions),
            basis: Mat::from_fn(self.centred.mean.len(), range.len(), |i, k| {
                self.directions[(i, range.start + k)] / scale(range.start + k)
            }),
            centre: self.centred.mean,
            divisor: self.centred.divisor,
        }
    }
}

/// The `dims` components of largest variance.
///
/// Errors ([`Error::Usage`]): more than there are columns. Says so where they could not be found exactly.
pub fn top(rows: &dyn Rows, dims: usize, control: &Control) -> Result<Linear> {
    check(rows, "pca", dims)?;
    let found = if rows.dim() <= DENSE {
        dense(rows, false, dims, control)?
    } else {
        iterated(rows, dims, control)?
    };
    Ok(found.map(0..dims, |_| 1.0))
}

/// The `dims` components of smallest variance among those that vary, largest first.
///
/// Errors ([`Error::Usage`]): more than vary, or too many columns for all components.
pub fn last(rows: &dyn Rows, dims: usize, control: &Control) -> Result<Linear> {
    check(rows, "pca-last", dims)?;
    let found = whole(rows, "pca-last", false, control)?;
    let rank = found.rank;
    if dims > rank {
        return Err(Error::Usage(format!(
            "pca-last:{dims} asks for more components than vary: {} has {rank}; ask for at most as many",
            rows.name()
        )));
    }
    Ok(found.map(rank - dims..rank, |_| 1.0))
}

/// All components of the standardised columns at unit variance; those that do not vary are scaled like the last one
/// that does, so that the map stays invertible and verdicts are those of the rows themselves.
///
/// Standardising first changes the result by a rotation alone, and keeps columns of small scale from being lost
/// beside large ones.
///
/// Errors ([`Error::Usage`]): too many columns for all components.
pub fn whiten(rows: &dyn Rows, control: &Control) -> Result<Linear> {
    let found = whole(rows, "whiten", true, control)?;
    Ok(found.map(0..rows.dim(), f64::sqrt))
}

fn check(rows: &dyn Rows, name: &str, dims: usize) -> Result<()> {
    if dims <= rows.dim() {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "{name}:{dims} asks for more components than {} has columns ({}); ask for at most as many",
        rows.name(),
        rows.dim()
    )))
}

fn whole<'r>(
    rows: &'r dyn Rows,
    name: &str,
    standard: bool,
    control: &Control,
) -> Result<Components<'r>> {
    if rows.dim() > DENSE {
        return Err(Error::Usage(format!(
            "{name} needs all principal components, which are found up to {DENSE} columns; {} has {}: put another \
             space before it, as in pca:64|{name}",
            rows.name(),
            rows.dim()
        )));
    }
    dense(rows, standard, rows.dim(), control)
}

impl<'r> Centred<'r> {
    fn new(rows: &'r dyn Rows, control: &Control) -> Result<Self> {
        let d = rows.dim();
        let parts = map_chunks(rows, control, |_, values| {
            let mut sum = vec![0.0; d];
            let (mut low, mut high) = (values[..d].to_vec(), values[..d].to_vec());
            for row in values.chunks_exact(d) {
                for (j, &value) in row.iter().enumerate() {
                    sum[j] += value;
                    low[j] = low[j].min(value);
                    high[j] = high[j].max(value);
                }
            }
            [sum, low, high]
        })?;
        let column = |j: usize| {
            let sum: f64 = parts.iter().map(|[sum, ..]| sum[j]).sum();
            let low = parts
                .iter()
                .map(|[_, low, _]| low[j])
                .fold(f64::INFINITY, f64::min);
            let high = parts
                .iter()
                .map(|[.., high]| high[j])
                .fold(f64::NEG_INFINITY, f64::max);
            match low == high {
                true => (low, true),
                false => (sum / rows.len() as f64, false),
            }
        };
        let (mean, constant) = (0..d).map(column).unzip();
        Ok(Centred {
            rows,
            mean,
            divisor: Vec::new(),
            constant,
        })
    }

    /// The length of the mean along each direction, column by column: numbers are rounded at their own size.
    fn size(&self, directions: MatRef<'_, f64>) -> Vec<f64> {
        let value = |j: usize| match self.constant[j] {
            true => 0.0,
            false => self.mean[j] / self.divisor.get(j).copied().unwrap_or(1.0),
        };
        let each = directions.col_iter().map(|direction| {
            let parts = direction
                .iter()
                .enumerate()
                .map(|(j, v)| (value(j) * v).powi(2));
            parts.sum::<f64>().sqrt()
        });
        each.collect()
    }

    /// Hand rows (d x n, a column a row) to `work`, chunk by chunk.
    fn each(&self, control: &Control, mut work: impl FnMut(MatRef<'_, f64>)) -> Result<()> {
        let d = self.rows.dim();
        let step = ((1 << 21) / d).max(1);
        let mut values = Vec::new();
        for first in (0..self.rows.len()).step_by(step) {
            control.check()?;
            let count = step.min(self.rows.len() - first);
            values.resize(count * d, 0.0);
            self.rows.read_f64(first, &mut values)?;
            for row in values.chunks_exact_mut(d) {
                row.iter_mut().zip(&self.mean).for_each(|(v, m)| *v -= m);
                row.iter_mut().zip(&self.divisor).for_each(|(v, s)| *v /= s);
            }
            work(MatRef::from_column_major_slice(&values, d, count));
            control.advance(count as u64);
        }
        Ok(())
    }

    /// `C basis`, in one pass over the rows.
    fn applied(&self, basis: &Mat<f64>, control: &Control) -> Result<Mat<f64>> {
        let mut image = Mat::<f64>::zeros(basis.nrows(), basis.ncols());
        let share = 1.0 / self.rows.len() as f64;
        self.each(control, |columns| {
            let along = columns.transpose() * basis;
            matmul(
                &mut image,
                Accum::Add,
                columns,
                &along,
                share,
                Par::rayon(0),
            );
        })?;
        Ok(image)
    }

    fn undecomposed(&self) -> Error {
        Error::Usage(format!(
            "the covariance of {} cannot be decomposed: its values are too large",
            self.rows.name()
        ))
    }
}

/// All components, from the whole covariance; what is flat is settled only if the first `wanted` reach there.
fn dense<'r>(
    rows: &'r dyn Rows,
    standard: bool,
    wanted: usize,
    control: &Control,
) -> Result<Components<'r>> {
    let d = rows.dim();
    let mut centred = Centred::new(rows, control)?;
    let mut covariance = Mat::<f64>::zeros(d, d);
    centred.each(control, |columns| {
        triangular::matmul(
            &mut covariance,
            BlockStructure::TriangularLower,
            Accum::Add,
            columns,
            BlockStructure::Rectangular,
            columns.transpose(),
            BlockStructure::Rectangular,
            1.0 / rows.len() as f64,
            Par::rayon(0),
        );
    })?;
    let (constant, vary): (Vec<usize>, Vec<usize>) = (0..d).partition(|&j| centred.constant[j]);
    if standard {
        let deviation = |j: usize| covariance[(j, j)].sqrt();
        let usual = vary.iter().map(|&j| deviation(j)).sum::<f64>() / vary.len().max(1) as f64;
        let usual = if usual > 0.0 { usual } else { 1.0 };
        // A column can vary by less than the square of its variation can hold.
        let divisor = |j: usize| Some(deviation(j)).filter(|&s| s > 0.0).unwrap_or(usual);
        centred.divisor = (0..d).map(divisor).collect();
    }
    let divisor = |j: usize| centred.divisor.get(j).copied().unwrap_or(1.0);
    let small = Mat::from_fn(vary.len(), vary.len(), |a, b| {
        let (i, j) = (vary[a], vary[b]);
        if a < b {
            0.0
        } else {
            covariance[(i, j)] / divisor(i) / divisor(j)
        }
    });
    drop(covariance);
    let (variances, within) = decomposed(small).ok_or_else(|| centred.undecomposed())?;
    let mut directions = Mat::zeros(d, vary.len());
    for (a, &j) in vary.iter().enumerate() {
        directions.row_mut(j).copy_from(within.row(a));
    }
    let found = settled(centred, variances, directions, wanted, control)?;
    Ok(found.and_axes(&constant))
}

/// Variances, largest first, and directions of a symmetric matrix given by its lower half.
fn decomposed(matrix: Mat<f64>) -> Option<(Vec<f64>, Mat<f64>)> {
    let found = matrix.self_adjoint_eigen(Side::Lower).ok()?;
    let d = matrix.nrows();
    // Smallest first, as they come.
    let values = (0..d).rev().map(|k| found.S()[k].max(0.0)).collect();
    let vectors = found.U();
    let signs: Vec<f64> = (0..d).rev().map(|k| sign(vectors.col(k).iter())).collect();
    let directions = Mat::from_fn(d, d, |i, k| signs[k] * vectors[(i, d - 1 - k)]);
    Some((values, directions))
}

/// The sign of the entry of largest size, the first of equals.
fn sign<'v>(entries: impl Iterator<Item = &'v f64>) -> f64 {
    let largest = entries.fold(
        0.0f64,
        |most, v| if v.abs() > most.abs() { *v } else { most },
    );
    if largest < 0.0 { -1.0 } else { 1.0 }
}

/// Components whose doubtful ones are looked at in the rows themselves, if any is among the first `wanted`.
fn settled<'r>(
    centred: Centred<'r>,
    mut variances: Vec<f64>,
    directions: Mat<f64>,
    wanted: usize,
    control: &Control,
) -> Result<Components<'r>> {
    let count = variances.len();
    let largest = variances.first().copied().unwrap_or(0.0);
    let sure = variances
        .iter()
        .take_while(|&&v| v > DOUBTFUL * largest)
        .count();
    if wanted <= sure || sure == count {
        return Ok(Components {
            centred,
            variances,
            directions,
            rank: sure,
            noise: vec![0.0; count],
        });
    }
    let d = directions.nrows();
    let varied = directions.subcols(0, sure).to_owned();
    let flat = directions.subcols(sure, count - sure).to_owned();
    let flat = orthogonal(&centred, &varied, flat, control)?;
    let (small, flat) = rotated(&centred, flat, control)?;
    let noise = largest_share(&centred, &flat, control)?;
    // Beyond what the rounding of a product of d numbers can be, it is variation.
    let rounding = 32.0 * d as f64 * f64::EPSILON;
    let (vary, rest): (Vec<usize>, Vec<usize>) =
        (0..flat.ncols()).partition(|&k| noise[k] > rounding);
    let usual = (d as f64).sqrt() * f64::EPSILON;
    variances.truncate(sure);
    variances.extend(vary.iter().chain(&rest).map(|&k| small[k]));
    let rank = sure + vary.len();
    let noise = rest.iter().map(|&k| 4.0 * (noise[k] + usual));
    let noise = std::iter::repeat_n(0.0, rank).chain(noise).collect();
    let order: Vec<usize> = vary.into_iter().chain(rest).collect();
    let directions = Mat::from_fn(d, count, |i, k| match k.checked_sub(sure) {
        None => varied[(i, k)],
        Some(k) => flat[(i, order[k])],
    });
    Ok(Components {
        centred,
        variances,
        directions,
        rank,
        noise,
    })
}

/// Flat directions less what they share with the rows' variation along the others: `F - V P^-1 K` with the rows'
/// second moments P along V, and K between V and F.
fn orthogonal(
    centred: &Centred,
    varied: &Mat<f64>,
    flat: Mat<f64>,
    control: &Control,
) -> Result<Mat<f64>> {
    let (r, f) = (varied.ncols(), flat.ncols());
    if r == 0 {
        return Ok(flat);
    }
    let (mut own, mut shared) = (Mat::<f64>::zeros(r, r), Mat::<f64>::zeros(r, f));
    centred.each(control, |columns| {
        let (along, across) = (varied.transpose() * columns, flat.transpose() * columns);
        matmul(
            &mut own,
            Accum::Add,
            &along,
            along.transpose(),
            1.0,
            Par::rayon(0),
        );
        matmul(
            &mut shared,
            Accum::Add,
            &along,
            across.transpose(),
            1.0,
            Par::rayon(0),
        );
    })?;
    let share = own.partial_piv_lu().solve(&shared);
    Ok(flat - varied * share)
}

/// Directions turned to the components of the rows within them: variances and directions.
fn rotated(centred: &Centred, flat: Mat<f64>, control: &Control) -> Result<(Vec<f64>, Mat<f64>)> {
    let mut small = Mat::<f64>::zeros(flat.ncols(), flat.ncols());
    let share = 1.0 / centred.rows.len() as f64;
    centred.each(control, |columns| {
        let along = flat.transpose() * columns;
        matmul(
            &mut small,
            Accum::Add,
            &along,
            along.transpose(),
            share,
            Par::rayon(0),
        );
    })?;
    let (variances, within) = decomposed(small).ok_or_else(|| centred.undecomposed())?;
    Ok((variances, flat * within))
}

/// The largest part of a row along each direction, as a share of the row's length and of the mean's size there.
fn largest_share(centred: &Centred, directions: &Mat<f64>, control: &Control) -> Result<Vec<f64>> {
    let mut most = vec![0.0f64; directions.ncols()];
    let size = centred.size(directions.as_ref());
    centred.each(control, |columns| {
        let along = directions.transpose() * columns;
        for (row, along) in columns.col_iter().zip(along.col_iter()) {
            let length = row.norm_l2().max(f64::MIN_POSITIVE);
            for ((most, part), size) in most.iter_mut().zip(along.iter()).zip(&size) {
                *most = most.max(part.abs() / (length + size));
            }
        }
    })?;
    Ok(most)
}

impl Components<'_> {
    /// With the coordinates in which all rows are equal as further flat directions; nothing is rounded there.
    fn and_axes(mut self, columns: &[usize]) -> Self {
        let (d, count) = (self.directions.nrows(), self.variances.len());
        self.directions = Mat::from_fn(d, count + columns.len(), |i, k| {
            match k.checked_sub(count) {
                None => self.directions[(i, k)],
                Some(k) => f64::from(u8::from(columns[k] == i)),
            }
        });
        self.variances.resize(count + columns.len(), 0.0);
        self.noise.resize(count + columns.len(), 0.0);
        self
    }
}

/// The top components without the covariance: subspace iteration until the wanted ones no longer turn.
fn iterated<'r>(rows: &'r dyn Rows, dims: usize, control: &Control) -> Result<Components<'r>> {
    let (n, d) = (rows.len(), rows.dim());
    let centred = Centred::new(rows, control)?;
    let width = match n.saturating_mul(d) <= WHOLE {
        // All that the rows span: one pass finds it.
        true => n.max(dims),
        false => dims + dims.max(SPARE),
    };
    let width = width.min(d);
    let mut random = generator(0, COMPONENTS, 0);
    let start = Mat::from_fn(d, width, |_, _| StandardNormal.sample(&mut random));
    let mut image = centred.applied(&start, control)?;
    for pass in 1.. {
        let basis = image.qr().compute_thin_Q();
        image = centred.applied(&basis, control)?;
        let small = basis.transpose() * &image;
        let (variances, within) = decomposed(small).ok_or_else(|| centred.undecomposed())?;
        let mut directions = &basis * &within;
        let turned = &image * &within;
        let residual = residual(&variances[..dims], &directions, &turned);
        if residual > RESIDUAL && pass < PASSES {
            continue;
        }
        if residual > RESIDUAL {
            control.warn(format!(
                "the {dims} principal components of {} were found to {residual:.1e} of their variance, not exactly",
                rows.name()
            ));
        }
        for k in 0..width {
            let sign = sign(directions.col(k).iter());
            directions.col_mut(k).iter_mut().for_each(|v| *v *= sign);
        }
        return settled(centred, variances, directions, dims, control);
    }
    Err(centred.undecomposed())
}

/// The largest of `|C v - l v| / l` over the components; those that look flat are settled later.
fn residual(variances: &[f64], directions: &Mat<f64>, turned: &Mat<f64>) -> f64 {
    let largest = variances.first().copied().unwrap_or(0.0);
    let each = variances.iter().enumerate();
    let varied = each.filter(|(_, variance)| **variance > DOUBTFUL * largest);
    let shares = varied.map(|(k, variance)| {
        let pairs = turned.col(k).iter().zip(directions.col(k).iter());
        let square: f64 = pairs.map(|(c, v)| (c - variance * v).powi(2)).sum();
        square.sqrt() / variance
    });
    shares.fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;
    use crate::space::Map;

    /// Rows with deviations 9, 3, 1 along three orthogonal directions of five, and none along the others.
    fn sheet(n: usize) -> Memory {
        let mut random = generator(5, 9, 0);
        let axes = [
            [0.6, 0.8, 0.0, 0.0, 0.0],
            [-0.8, 0.6, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 1.0, 0.0],
        ];
        let values = (0..n).flat_map(|_| {
            let along: [f64; 3] = [9.0, 3.0, 1.0].map(|deviation| {
                let draw: f64 = StandardNormal.sample(&mut random);
                deviation * draw
            });
            (0..5)
                .map(|j| 7.0 + (0..3).map(|k| along[k] * axes[k][j]).sum::<f64>())
                .collect::<Vec<_>>()
        });
        Memory::from_f64("sheet", 5, values.collect())
    }

    fn mapped(map: &Linear, rows: &dyn Rows) -> Vec<f64> {
        let mut values = vec![0.0; rows.len() * rows.dim()];
        rows.read_f64(0, &mut values).unwrap();
        let mut out = vec![0.0; rows.len() * map.dim()];
        map.apply(&values, &mut out).unwrap();
        out
    }

    fn variance(values: &[f64], dims: usize, k: usize) -> f64 {
        let column = || values.chunks_exact(dims).map(|row| row[k]);
        let n = (values.len() / dims) as f64;
        let mean = column().sum::<f64>() / n;
        column().map(|v| (v - mean).powi(2)).sum::<f64>() / n
    }

    #[test]
    fn components_come_by_variance_with_fixed_signs() {
        let (rows, control) = (sheet(4000), Control::default());
        let map = top(&rows, 5, &control).unwrap();
        let out = mapped(&map, &rows);
        for (k, expected) in [81.0, 9.0, 1.0].into_iter().enumerate() {
            let found = variance(&out, 5, k);
            assert!((found / expected - 1.0).abs() < 0.1, "{k}: {found}");
        }
        // Directions in which nothing varies are exactly zero, not rounding noise of full rank.
        assert!(
            out.chunks_exact(5)
                .all(|row| row[3] == 0.0 && row[4] == 0.0)
        );
        assert!((map.basis[(1, 0)] - 0.8).abs() < 0.02 && (map.basis[(0, 1)] - 0.8).abs() < 0.02);
        assert!(map.basis[(3, 2)] > 0.99);
    }

    #[test]
    fn the_last_ones_vary_and_whitening_makes_variances_one() {
        let (rows, control) = (sheet(2000), Control::default());
        let out = mapped(&last(&rows, 2, &control).unwrap(), &rows);
        assert!(variance(&out, 2, 0) > 8.0 && (0.9..1.1).contains(&variance(&out, 2, 1)));
        assert!(last(&rows, 4, &control).is_err());
        let out = mapped(&whiten(&rows, &control).unwrap(), &rows);
        for k in 0..3 {
            assert!((variance(&out, 5, k) - 1.0).abs() < 1e-9);
        }
        assert!(
            out.chunks_exact(5)
                .all(|row| row[3] == 0.0 && row[4] == 0.0)
        );
        // A query off the affine hull stays off it.
        let map = whiten(&rows, &control).unwrap();
        let mut off = vec![0.0; 5];
        map.apply(&[7.0, 7.0, 8.0, 7.0, 7.0], &mut off).unwrap();
        assert!(off[3].abs() + off[4].abs() > 0.1, "{off:?}");
    }

    #[test]
    fn iteration_finds_what_the_covariance_has() {
        let (rows, control) = (sheet(1000), Control::default());
        let (whole, part) = (
            dense(&rows, false, 3, &control).unwrap(),
            iterated(&rows, 3, &control).unwrap(),
        );
        for k in 0..3 {
            assert!((whole.variances[k] / part.variances[k] - 1.0).abs() < 1e-9);
            for i in 0..5 {
                assert!((whole.directions[(i, k)] - part.directions[(i, k)]).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn too_many_components_are_refused() {
        let message = top(&sheet(10), 6, &Control::default())
            .err()
            .unwrap()
            .to_string();
        assert!(
            message.contains("pca:6") && message.contains("(5)"),
            "{message}"
        );
    }

    /// Columns of scales far apart, one of which is the sum of two others.
    fn uneven(n: usize) -> (Memory, Vec<f64>) {
        let mut random = generator(6, 9, 0);
        let mut draw = || -> f64 { StandardNormal.sample(&mut random) };
        let rows = (0..n).flat_map(|_| {
            let (a, b, c) = (1e9 * draw(), draw(), 1e-9 * draw());
            // Whole numbers, so that the sum is exact.
            let (a, b) = (a.round(), (1e3 * b).round());
            [a, b, a + b, 5.0 + c]
        });
        let values: Vec<f64> = rows.collect();
        (Memory::from_f64("uneven", 4, values.clone()), values)
    }

    #[test]
    fn whitening_loses_no_column_and_no_query_near_the_flat() {
        let (rows, values) = uneven(500);
        let control = Control::default();
        let map = whiten(&rows, &control).unwrap();
        let out = mapped(&map, &rows);
        for k in 0..3 {
            assert!((variance(&out, 4, k) - 1.0).abs() < 1e-4, "{k}");
        }
        assert!(out.chunks_exact(4).all(|row| row[3] == 0.0));
        // Off the sum by 1e-7 of the row's length; and by nothing.
        let mut near = values[..4].to_vec();
        let mut off = vec![0.0; 4];
        map.apply(&near, &mut off).unwrap();
        assert_eq!(off[3], 0.0);
        near[2] += 1e-7 * near[0].abs();
        map.apply(&near, &mut off).unwrap();
        assert_ne!(off[3], 0.0);
    }

    #[test]
    fn constant_columns_stay_as_they_are() {
        let values: Vec<f64> = (0..40).flat_map(|i| [0.1, f64::from(i), 7.0]).collect();
        let rows = Memory::from_f64("rows", 3, values);
        let map = whiten(&rows, &Control::default()).unwrap();
        let out = mapped(&map, &rows);
        assert!(
            out.chunks_exact(3)
                .all(|row| row[1] == 0.0 && row[2] == 0.0)
        );
        let mut off = vec![0.0; 3];
        map.apply(&[0.1 + 1e-14, 3.0, 7.0], &mut off).unwrap();
        assert!(off[1] != 0.0 && off[2] == 0.0, "{off:?}");
        // A single row does not vary at all.
        let one = Memory::from_f64("one", 3, vec![1.0, 2.0, 3.0]);
        let map = whiten(&one, &Control::default()).unwrap();
        map.apply(&[1.0, 2.0, 5.0], &mut off).unwrap();
        assert_eq!(off, [0.0, 0.0, 2.0]);
    }

    #[test]
    fn iteration_goes_on_until_components_stand() {
        // A slowly falling spectrum, of which eight passes leave percents.
        let mut random = generator(7, 9, 0);
        let (n, d) = (400, 120);
        let values = (0..n * d).map(|place| {
            let draw: f64 = StandardNormal.sample(&mut random);
            draw * (1.0 - 0.003 * (place % d) as f64)
        });
        let rows = Memory::from_f64("rows", d, values.collect());
        let control = Control::default();
        let whole = dense(&rows, false, 10, &control).unwrap();
        let part = iterated(&rows, 10, &control).unwrap();
        for k in 0..10 {
            let (exact, found) = (whole.variances[k], part.variances[k]);
            assert!((found / exact - 1.0).abs() < 1e-3, "{k}: {exact}, {found}");
        }
    }
}
