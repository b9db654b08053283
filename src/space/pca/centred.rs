//! Passes over rows minus their mean, the sums on which all methods for principal components are built.

use crate::control::Control;
use crate::error::{Error, Result};
use crate::linear::{add_product, product};
use crate::rows::{Rows, map_chunks};
use faer::{Mat, MatRef};

/// Rows minus their mean, with each column divided by its divisor.
pub(super) struct Centred<'r> {
    pub rows: &'r dyn Rows,
    pub mean: Vec<f64>,
    /// Empty for no divisor.
    pub divisor: Vec<f64>,
    /// Which columns are constant; their mean is exactly that constant.
    pub constant: Vec<bool>,
}

impl<'r> Centred<'r> {
    pub fn new(rows: &'r dyn Rows, control: &Control) -> Result<Self> {
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

    /// For each direction, the root of the summed squared terms of its product with the mean, to which rounding errors
    /// are proportional.
    pub fn size(&self, directions: MatRef<'_, f64>) -> Vec<f64> {
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

    /// Passes the rows (d x n, one row per column of the matrix) to `work`, chunk by chunk.
    pub fn each(&self, control: &Control, mut work: impl FnMut(MatRef<'_, f64>)) -> Result<()> {
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

    /// `C basis`, computed in one pass over the rows.
    pub fn applied(&self, basis: &Mat<f64>, control: &Control) -> Result<Mat<f64>> {
        let mut image = Mat::<f64>::zeros(basis.nrows(), basis.ncols());
        let share = 1.0 / self.rows.len() as f64;
        self.each(control, |columns| {
            let along = product(columns.transpose(), basis.as_ref());
            add_product(image.as_mut(), columns, along.as_ref(), share);
        })?;
        Ok(image)
    }

    pub fn undecomposed(&self) -> Error {
        Error::Usage(format!(
            "the covariance of {} cannot be decomposed: its values are too large",
            self.rows.name()
        ))
    }
}
