//! The affine coordinates of a scan, found by two passes over the rows.
//!
//! `x' = S (x - m)`: m is the mean, S a diagonal of powers of two, so that mapping a direction there and back
//! is exact. S is a multiple of the identity unless the columns' ranges differ by more than
//! [`UNEVEN`]: one common scale keeps Euclidean geometry, and with it the sharpest bounds.

use super::rounding::{U64, gamma};
use crate::control::Control;
use crate::error::Result;
use crate::rows::{Rows, map_chunks};

/// Columns whose ranges differ by more than this factor get a scale each.
const UNEVEN: f64 = 1024.0;

/// The affine coordinates in which a scan works: `x' = S (x - m)`.
#[derive(Debug, Clone)]
pub struct Frame {
    /// m, length d; about the mean of the rows.
    pub centre: Vec<f64>,
    /// The diagonal of S, length d; powers of two.
    pub scale: Vec<f64>,
    /// e, a power of two: the common scale of the Euclidean bias term.
    pub euclid: f64,
    /// An upper bound on `|x'_i|` over all rows.
    pub radius: f64,
    /// An upper bound on `e |x_i - m|` over all rows.
    pub euclid_radius: f64,
    /// Smallest and largest value of each column.
    pub lowest: Vec<f64>,
    pub highest: Vec<f64>,
    /// `-e^2 |x_i - m|^2 / 2`, length N: the bias of the nearest score, rounded once.
    pub bias: Vec<f32>,
}

struct Columns {
    sum: Vec<f64>,
    lowest: Vec<f64>,
    highest: Vec<f64>,
}

impl Columns {
    fn of(values: &[f64], d: usize) -> Self {
        let mut all = Columns {
            sum: vec![0.0; d],
            lowest: vec![f64::INFINITY; d],
            highest: vec![f64::NEG_INFINITY; d],
        };
        // Sums are taken from the first row, so that data far from the origin keeps its digits.
        let origin = &values[..d];
        for row in values.chunks_exact(d) {
            for j in 0..d {
                all.sum[j] += row[j] - origin[j];
                all.lowest[j] = all.lowest[j].min(row[j]);
                all.highest[j] = all.highest[j].max(row[j]);
            }
        }
        let count = (values.len() / d) as f64;
        for j in 0..d {
            all.sum[j] += count * origin[j];
        }
        all
    }

    fn join(mut self, other: &Columns) -> Self {
        for j in 0..self.sum.len() {
            self.sum[j] += other.sum[j];
            self.lowest[j] = self.lowest[j].min(other.lowest[j]);
            self.highest[j] = self.highest[j].max(other.highest[j]);
        }
        self
    }
}

/// The power of two nearest below `value`, kept where its square and that of its inverse are normal f32.
fn power_of_two(value: f64) -> f64 {
    value.log2().floor().clamp(-900.0, 900.0).exp2()
}

impl Frame {
    /// Survey the rows: two passes.
    pub fn survey(rows: &dyn Rows, control: &Control) -> Result<Self> {
        let (n, d) = (rows.len(), rows.dim());
        let mut parts = map_chunks(rows, control, |_, values| {
            control.advance((values.len() / d) as u64);
            Columns::of(values, d)
        })?
        .into_iter();
        let first = parts
            .next()
            .unwrap_or_else(|| Columns::of(&vec![0.0; d], d));
        let columns = parts.fold(first, |all, part| all.join(&part));
        let mut frame = Frame::shape(rows, columns, n);
        frame.norms(rows, control)?;
        Ok(frame)
    }

    /// Centre and scales from the columns' sums and ranges.
    fn shape(rows: &dyn Rows, columns: Columns, n: usize) -> Self {
        let d = columns.sum.len();
        let Columns {
            sum,
            lowest,
            highest,
        } = columns;
        let centre: Vec<f64> = (0..d)
            .map(|j| {
                let mean = (sum[j] / n as f64).clamp(lowest[j], highest[j]);
                // With rows and centre in f32, `x - m` is one f32 operation, rounded once.
                if rows.fits_f32() {
                    f64::from(mean as f32)
                } else {
                    mean
                }
            })
            .collect();
        let reach: Vec<f64> = (0..d)
            .map(|j| (highest[j] - centre[j]).max(centre[j] - lowest[j]))
            .collect();
        let widest = reach.iter().copied().fold(0.0, f64::max);
        let narrowest = reach
            .iter()
            .copied()
            .filter(|&r| r > 0.0)
            .fold(f64::INFINITY, f64::min);
        let common = if widest > 0.0 {
            1.0 / power_of_two(widest)
        } else {
            1.0
        };
        let uneven = widest > UNEVEN * narrowest;
        let scale = reach
            .iter()
            .map(|&r| {
                if uneven && r > 0.0 {
                    1.0 / power_of_two(r)
                } else {
                    common
                }
            })
            .collect();
        Frame {
            centre,
            scale,
            euclid: common,
            radius: 0.0,
            euclid_radius: 0.0,
            lowest,
            highest,
            bias: Vec::new(),
        }
    }

    /// The largest norms and the bias of each row.
    fn norms(&mut self, rows: &dyn Rows, control: &Control) -> Result<()> {
        let d = rows.dim();
        let parts = map_chunks(rows, control, |_, values| {
            let (mut largest, mut largest_euclid) = (0.0f64, 0.0f64);
            let mut bias = Vec::with_capacity(values.len() / d);
            for row in values.chunks_exact(d) {
                let (mut scaled, mut euclid) = (0.0, 0.0);
                for j in 0..d {
                    let difference = row[j] - self.centre[j];
                    scaled += (difference * self.scale[j]).powi(2);
                    euclid += (difference * self.euclid).powi(2);
                }
                largest = largest.max(scaled);
                largest_euclid = largest_euclid.max(euclid);
                bias.push((-0.5 * euclid) as f32);
            }
            (largest, largest_euclid, bias)
        })?;
        let mut bias = Vec::with_capacity(rows.len());
        let up = 1.0 + gamma(d + 6, U64);
        for (scaled, euclid, part) in parts {
            self.radius = self.radius.max(scaled.sqrt() * up);
            self.euclid_radius = self.euclid_radius.max(euclid.sqrt() * up);
            bias.extend(part);
        }
        self.bias = bias;
        Ok(())
    }

    /// Points (n x d, row-major) into the frame, in place: `x' = S (x - m)`.
    pub fn apply(&self, points: &mut [f64]) {
        for point in points.chunks_exact_mut(self.dim()) {
            for ((value, centre), scale) in point.iter_mut().zip(&self.centre).zip(&self.scale) {
                *value = (*value - centre) * scale;
            }
        }
    }

    /// d.
    pub fn dim(&self) -> usize {
        self.centre.len()
    }

    /// The largest distance of a row from the centre, in the data's own units (rounded up).
    pub fn reference_radius(&self) -> f64 {
        self.euclid_radius / self.euclid
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;

    #[test]
    fn even_columns_share_one_scale_and_uneven_ones_do_not() {
        let even = Memory::from_f64("even", 2, vec![0.0, 0.0, 4.0, 1.0, 2.0, 3.0]);
        let frame = Frame::survey(&even, &Control::default()).unwrap();
        assert_eq!(frame.scale[0], frame.scale[1]);
        let uneven = Memory::from_f64("uneven", 2, vec![0.0, 0.0, 4e-6, 1e6]);
        let frame = Frame::survey(&uneven, &Control::default()).unwrap();
        assert!(frame.scale[0] > 1e9 * frame.scale[1] && frame.radius < 4.0);
    }

    #[test]
    fn far_data_is_centred_on_its_mean() {
        let far = Memory::from_f64("far", 1, vec![1e9 - 1.0, 1e9 + 1.0, 1e9]);
        let frame = Frame::survey(&far, &Control::default()).unwrap();
        assert_eq!(frame.centre, [1e9]);
        assert!((frame.reference_radius() - 1.0).abs() < 1e-9);
    }
}
