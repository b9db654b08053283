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
//! Whether the reference varies along a direction cannot be seen in C, which squares; `flat` looks again.

mod centred;
mod flat;

use super::projection::{COMPONENTS, Linear, generator};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::linear::{add_gram, eigen, orthonormal, product};
use crate::rows::Rows;
use crate::warnings::Warnings;
use centred::Centred;
use faer::Mat;
use flat::settled;
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
        let orthonormal = range.clone().all(|k| scale(k) == 1.0);
        Linear {
            noise: noise.collect(),
            size: self.centred.size(directions),
            basis: Mat::from_fn(self.centred.mean.len(), range.len(), |i, k| {
                self.directions[(i, range.start + k)] / scale(range.start + k)
            }),
            centre: self.centred.mean,
            divisor: self.centred.divisor,
            orthonormal,
        }
    }
}

/// The `dims` components of largest variance.
///
/// Errors ([`Error::Usage`]): more than there are columns. Says so where they could not be found exactly.
pub fn top(
    rows: &dyn Rows,
    dims: usize,
    warnings: &mut Warnings,
    control: &Control,
) -> Result<Linear> {
    check(rows, "pca", dims)?;
    let found = if rows.dim() <= DENSE {
        dense(rows, false, dims, control)?
    } else {
        iterated(rows, dims, warnings, control)?
    };
    Ok(found.map(0..dims, |_| 1.0))
}

/// As few components of largest variance as hold a share of all variance, between 0 and 1; which these are is said.
///
/// Errors ([`Error::Usage`]): too many columns for all components.
pub fn share(
    rows: &dyn Rows,
    share: f64,
    warnings: &mut Warnings,
    control: &Control,
) -> Result<Linear> {
    let found = whole(rows, &format!("pca:{share}"), false, control)?;
    let total: f64 = found.variances.iter().sum();
    let mut held = 0.0;
    let sums = found.variances.iter().map(|variance| {
        held += variance;
        held
    });
    // The last sum is the total itself.
    let sums: Vec<f64> = sums.collect();
    let dims = 1 + sums
        .iter()
        .take_while(|held| **held < share * total)
        .count();
    let dims = dims.min(found.rank).max(1);
    warnings.add(format!(
        "pca:{share} is {dims} components, which hold {:.2} % of the variance of {}",
        100.0 * sums.get(dims - 1).map_or(1.0, |held| held / total),
        rows.name()
    ));
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
        add_gram(covariance.as_mut(), columns, 1.0 / rows.len() as f64);
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
    let (smallest_first, vectors) = eigen(matrix.as_ref())?;
    let d = matrix.nrows();
    let values = smallest_first.iter().rev().map(|v| v.max(0.0)).collect();
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

/// The top components without the covariance: subspace iteration until the wanted ones no longer turn.
fn iterated<'r>(
    rows: &'r dyn Rows,
    dims: usize,
    warnings: &mut Warnings,
    control: &Control,
) -> Result<Components<'r>> {
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
        let basis = orthonormal(image);
        image = centred.applied(&basis, control)?;
        let small = product(basis.transpose(), image.as_ref());
        let (variances, within) = decomposed(small).ok_or_else(|| centred.undecomposed())?;
        let mut directions = product(basis.as_ref(), within.as_ref());
        let turned = product(image.as_ref(), within.as_ref());
        let residual = residual(&variances[..dims], &directions, &turned);
        if residual > RESIDUAL && pass < PASSES {
            continue;
        }
        if residual > RESIDUAL {
            warnings.add(format!(
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
mod tests;
