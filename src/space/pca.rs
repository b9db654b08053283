//! Principal components of the reference, and whitening by them.
//!
//! ```text
//! C = 1/N sum_i (x_i - m)(x_i - m)^T = V diag(l_1 >= l_2 >= ...) V^T,      y = V_D^T (x - m)
//! ```
//!
//! The covariance is summed in f64, chunk by chunk. A component's sign is the one that makes its largest entry
//! positive. Up to [`DENSE`] dimensions C is decomposed whole; above, the top components come from subspace iteration
//! (Halko, Martinsson and Tropp, SIAM Review 53, 2011, algorithm 4.4) with C applied row by row and never formed.

use super::projection::{Linear, generator};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::rows::{Rows, map_chunks};
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatRef, Par, Side};
use rand_distr::{Distribution, StandardNormal};

/// The covariance of more dimensions than this is not formed: it would take more than 128 MiB.
const DENSE: usize = 4096;

/// Variances below this share of the largest are rounding: the reference does not vary there.
const FLAT: f64 = 1e-11;

/// Components that do not vary are rounding errors of up to about this share of the reference's spread.
const NOISE: f64 = 1e-6;

/// Directions beyond the wanted ones, and passes, of the subspace iteration.
const SPARE: usize = 16;
const PASSES: usize = 8;

/// Variances, largest first, with their directions as columns, and the mean.
struct Components {
    mean: Vec<f64>,
    variances: Vec<f64>,
    directions: Mat<f64>,
}

impl Components {
    /// How many vary.
    fn rank(&self) -> usize {
        let largest = self.variances.first().copied().unwrap_or(0.0);
        let varies = |variance: &&f64| **variance > FLAT * largest && **variance > 0.0;
        self.variances.iter().take_while(varies).count()
    }

    /// The map to the components `range`, each divided by `divisor(variance)`.
    fn map(&self, range: std::ops::Range<usize>, divisor: impl Fn(f64) -> f64) -> Linear {
        let rank = self.rank();
        let spread = self.variances.iter().sum::<f64>().sqrt();
        let least = divisor(self.variances[..rank].last().copied().unwrap_or(1.0));
        let scale: Vec<f64> = range
            .clone()
            .map(|k| {
                if k < rank {
                    divisor(self.variances[k])
                } else {
                    least
                }
            })
            .collect();
        let silence = range.clone().zip(&scale).map(|(k, scale)| {
            if k < rank {
                0.0
            } else {
                NOISE * spread / scale
            }
        });
        Linear {
            centre: self.mean.clone(),
            silence: silence.collect(),
            basis: Mat::from_fn(self.mean.len(), range.len(), |i, k| {
                self.directions[(i, range.start + k)] / scale[k]
            }),
        }
    }
}

/// The `dims` components of largest variance. Errors ([`Error::Usage`]): more than there are columns.
pub fn top(rows: &dyn Rows, dims: usize, control: &Control) -> Result<Linear> {
    check(rows, "pca", dims)?;
    let found = if rows.dim() <= DENSE {
        dense(rows, control)?
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
    let found = whole(rows, "pca-last", control)?;
    let rank = found.rank();
    if dims > rank {
        return Err(Error::Usage(format!(
            "pca-last:{dims} asks for more components than vary: {} has {rank}; ask for at most as many",
            rows.name()
        )));
    }
    Ok(found.map(rank - dims..rank, |_| 1.0))
}

/// All components at unit variance; those that do not vary are scaled like the last one that does, so that the map
/// stays invertible and verdicts are those of the rows themselves.
///
/// Errors ([`Error::Usage`]): too many columns for all components.
pub fn whiten(rows: &dyn Rows, control: &Control) -> Result<Linear> {
    let found = whole(rows, "whiten", control)?;
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

fn whole(rows: &dyn Rows, name: &str, control: &Control) -> Result<Components> {
    if rows.dim() > DENSE {
        return Err(Error::Usage(format!(
            "{name} needs all principal components, which are found up to {DENSE} columns; {} has {}: put another \
             space before it, as in pca:64|{name}",
            rows.name(),
            rows.dim()
        )));
    }
    dense(rows, control)
}

/// The mean of the rows.
fn mean(rows: &dyn Rows, control: &Control) -> Result<Vec<f64>> {
    let d = rows.dim();
    let sums = map_chunks(rows, control, |_, values| {
        let mut sum = vec![0.0; d];
        for row in values.chunks_exact(d) {
            sum.iter_mut().zip(row).for_each(|(s, v)| *s += v);
        }
        sum
    })?;
    let mut mean = vec![0.0; d];
    for sum in sums {
        mean.iter_mut().zip(sum).for_each(|(m, s)| *m += s);
    }
    let n = rows.len() as f64;
    mean.iter_mut().for_each(|m| *m /= n);
    Ok(mean)
}

/// Hand centred rows (d x n, a column a row) to `work`, chunk by chunk.
fn each_centred(
    rows: &dyn Rows,
    mean: &[f64],
    control: &Control,
    mut work: impl FnMut(MatRef<'_, f64>),
) -> Result<()> {
    let d = rows.dim();
    let step = ((1 << 21) / d).max(1);
    let mut values = Vec::new();
    for first in (0..rows.len()).step_by(step) {
        control.check()?;
        let count = step.min(rows.len() - first);
        values.resize(count * d, 0.0);
        rows.read_f64(first, &mut values)?;
        for row in values.chunks_exact_mut(d) {
            row.iter_mut().zip(mean).for_each(|(v, m)| *v -= m);
        }
        work(MatRef::from_column_major_slice(&values, d, count));
        control.advance(count as u64);
    }
    Ok(())
}

fn undecomposed(rows: &dyn Rows) -> Error {
    Error::Usage(format!(
        "the covariance of {} cannot be decomposed: its values are too large",
        rows.name()
    ))
}

/// All components, from the whole covariance.
fn dense(rows: &dyn Rows, control: &Control) -> Result<Components> {
    let d = rows.dim();
    let mean = mean(rows, control)?;
    let mut covariance = Mat::<f64>::zeros(d, d);
    each_centred(rows, &mean, control, |columns| {
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
    decomposed(covariance, mean).ok_or_else(|| undecomposed(rows))
}

/// Components of a symmetric matrix given by its lower half.
fn decomposed(matrix: Mat<f64>, mean: Vec<f64>) -> Option<Components> {
    let found = matrix.self_adjoint_eigen(Side::Lower).ok()?;
    let d = matrix.nrows();
    // Smallest first, as they come.
    let values: Vec<f64> = (0..d).rev().map(|k| found.S()[k]).collect();
    let vectors = found.U();
    let signs: Vec<f64> = (0..d).rev().map(|k| sign(vectors.col(k).iter())).collect();
    Some(Components {
        mean,
        directions: Mat::from_fn(d, d, |i, k| signs[k] * vectors[(i, d - 1 - k)]),
        variances: values.into_iter().map(|v| v.max(0.0)).collect(),
    })
}

/// The sign of the entry of largest size, the first of equals.
fn sign<'v>(entries: impl Iterator<Item = &'v f64>) -> f64 {
    let largest = entries.fold(
        0.0f64,
        |most, v| if v.abs() > most.abs() { *v } else { most },
    );
    if largest < 0.0 { -1.0 } else { 1.0 }
}

/// The top components without the covariance: subspace iteration, then the decomposition within the subspace.
fn iterated(rows: &dyn Rows, dims: usize, control: &Control) -> Result<Components> {
    let d = rows.dim();
    let mean = mean(rows, control)?;
    let width = (dims + SPARE).min(d).min(rows.len().max(dims));
    let mut random = generator(0, 3);
    let mut basis = Mat::from_fn(d, width, |_, _| StandardNormal.sample(&mut random));
    for _ in 0..PASSES {
        basis = applied(rows, &mean, &basis, control)?.qr().compute_thin_Q();
    }
    let image = applied(rows, &mean, &basis, control)?;
    let mut small = Mat::<f64>::zeros(width, width);
    matmul(
        &mut small,
        Accum::Replace,
        basis.transpose(),
        &image,
        1.0,
        Par::rayon(0),
    );
    let within = decomposed(small, Vec::new()).ok_or_else(|| undecomposed(rows))?;
    let mut directions = &basis * &within.directions;
    for k in 0..width {
        let sign = sign(directions.col(k).iter());
        directions.col_mut(k).iter_mut().for_each(|v| *v *= sign);
    }
    Ok(Components {
        mean,
        variances: within.variances,
        directions,
    })
}

/// `C basis`, in one pass over the rows.
fn applied(rows: &dyn Rows, mean: &[f64], basis: &Mat<f64>, control: &Control) -> Result<Mat<f64>> {
    let mut image = Mat::<f64>::zeros(basis.nrows(), basis.ncols());
    each_centred(rows, mean, control, |columns| {
        let along = columns.transpose() * basis;
        matmul(
            &mut image,
            Accum::Add,
            columns,
            &along,
            1.0 / rows.len() as f64,
            Par::rayon(0),
        );
    })?;
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;
    use crate::space::Map;

    /// Rows with deviations 9, 3, 1 along three orthogonal directions of five, and none along the others.
    fn sheet(n: usize) -> Memory {
        let mut random = generator(5, 9);
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
            dense(&rows, &control).unwrap(),
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
}
