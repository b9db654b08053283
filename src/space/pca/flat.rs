//! Decides from the rows themselves whether the reference is flat along directions of tiny variance.
//!
//! The covariance holds squares, so variation below 1e-8 of the spread is lost in its rounding. Doubtful directions are
//! therefore made orthogonal to the rows' variation and rotated to their own components, in further passes over the
//! rows. What then remains along them is either true variation or the rounding of a product.

use super::centred::Centred;
use super::{Components, DOUBTFUL, decomposed};
use crate::control::Control;
use crate::error::Result;
use crate::linear::{add_gram, add_product, product, solve};
use faer::Mat;

/// Examines doubtful components in the rows themselves, if any is among the first `wanted`.
pub(super) fn settled<'r>(
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
    // A remainder above the largest rounding error of a product of d numbers is variation.
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

/// Removes from flat directions what they share with the rows' variation along the others: `F - V P^-1 K`, with the
/// rows' second moments P along V, and K between V and F.
fn orthogonal(
    centred: &Centred,
    varied: &Mat<f64>,
    mut flat: Mat<f64>,
    control: &Control,
) -> Result<Mat<f64>> {
    let (r, f) = (varied.ncols(), flat.ncols());
    if r == 0 {
        return Ok(flat);
    }
    let (mut own, mut shared) = (Mat::<f64>::zeros(r, r), Mat::<f64>::zeros(r, f));
    centred.each(control, |columns| {
        let (along, across) = (
            product(varied.transpose(), columns),
            product(flat.transpose(), columns),
        );
        add_product(own.as_mut(), along.as_ref(), along.transpose(), 1.0);
        add_product(shared.as_mut(), along.as_ref(), across.transpose(), 1.0);
    })?;
    let share = solve(own, shared);
    add_product(flat.as_mut(), varied.as_ref(), share.as_ref(), -1.0);
    Ok(flat)
}

/// Rotates directions to the principal components of the rows within their span; returns variances and directions.
fn rotated(centred: &Centred, flat: Mat<f64>, control: &Control) -> Result<(Vec<f64>, Mat<f64>)> {
    let mut small = Mat::<f64>::zeros(flat.ncols(), flat.ncols());
    let share = 1.0 / centred.rows.len() as f64;
    centred.each(control, |columns| {
        let along = product(flat.transpose(), columns);
        add_gram(small.as_mut(), along.as_ref(), share);
    })?;
    let (variances, within) = decomposed(small).ok_or_else(|| centred.undecomposed())?;
    Ok((variances, product(flat.as_ref(), within.as_ref())))
}

/// For each direction, the largest component of any row, relative to the row's length and to the mean's size.
fn largest_share(centred: &Centred, directions: &Mat<f64>, control: &Control) -> Result<Vec<f64>> {
    let mut most = vec![0.0f64; directions.ncols()];
    let size = centred.size(directions.as_ref());
    centred.each(control, |columns| {
        let along = product(directions.transpose(), columns);
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
    /// Adds the axes of constant columns as further flat directions, along which nothing is rounded.
    pub(super) fn and_axes(mut self, columns: &[usize]) -> Self {
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
