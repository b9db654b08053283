//! The affine coordinates of a scan, computed in two passes over the rows.
//!
//! `x' = S (x - m)`: m is the mean, S a diagonal of powers of two, so that mapping a direction there and back
//! is exact. S is a multiple of the identity unless the columns' ranges differ by more than
//! [`UNEVEN`]: one common scale keeps Euclidean geometry, and with it the sharpest bounds.
//!
//! Rows more than [`FAR`] times as far from the columns' medians as the median row are *far*. A fill value of 1e14
//! among numbers of size 1, say, would make every f32 (and f64) score of the other rows useless, because error bounds
//! grow with the longest row. Far rows do not enter m, S and the bounds; a scan sees the centre in their place; and the
//! code that uses a scan scores them separately ([`Frame::far`]).

mod made;
mod packed;
mod passes;

pub use made::Made;
pub use passes::Norms;

use super::rounding::{U64, gamma};
use crate::control::Control;
use crate::error::Result;
use crate::rows::pass::pass;
use crate::rows::{Rows, Spreads, chunk_rows, spreads};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// Columns whose ranges differ by more than this factor get a scale each.
const UNEVEN: f64 = 1024.0;

/// A row is far when its distance from the columns' medians is more than this many times that of the median row.
const FAR: f64 = 1024.0;

/// At most one row in this many is far, so that scoring the far rows one by one stays cheap beside a scan (but at least
/// this many may be far, up to half of the rows); and the most rows, and the most numbers, stored for it.
const FAR_SHARE: usize = 64;
const ALWAYS_FAR: usize = 64;
const MOST_FAR: usize = 1024;
const MOST_FAR_NUMBERS: usize = 4 << 20;

/// The bias of a far row: below every score of another row, so that no nearest-neighbour search returns it.
const FAR_BIAS: f32 = -1e30;

/// The affine coordinates in which a scan works: `x' = S (x - m)`.
#[derive(Debug, Clone)]
pub struct Frame {
    /// m, length d: approximately the mean of the rows that are not far.
    pub centre: Vec<f64>,
    /// The diagonal of S, length d; powers of two.
    pub scale: Vec<f64>,
    /// e, a power of two: the common scale of the Euclidean bias term.
    pub euclid: f64,
    /// An upper bound on `|x'_i|` over all rows that are not far.
    pub radius: f64,
    /// An upper bound on `e |x_i - m|` over all rows that are not far.
    pub euclid_radius: f64,
    /// Smallest and largest value of each column, over all rows.
    pub lowest: Vec<f64>,
    pub highest: Vec<f64>,
    /// Largest less smallest value of each column, over all rows that are not far.
    pub range: Vec<f64>,
    /// `-e^2 |x_i - m|^2 / 2`, length N: the bias of the nearest score, rounded once; -1e30 for far rows.
    pub bias: Arc<[f32]>,
    /// The rows that a scan leaves out.
    pub far: Far,
    /// The unit of each column, which a few outliers cannot change: see [`spreads`].
    pub unit: Vec<f64>,
    /// What scans cache about the rows for the next scan in this frame.
    pub made: Made,
}

/// Rows so far away that a scan leaves them out; see the module's documentation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Far {
    /// Row indices, ascending.
    pub rows: Vec<usize>,
    /// Their values as stored (rows x d).
    pub points: Vec<f64>,
    /// How many times farther than the median row the farthest row is; 0 if none is far.
    pub ratio: f64,
}

impl Far {
    /// Whether a row is far.
    pub fn contains(&self, row: usize) -> bool {
        !self.rows.is_empty() && self.rows.binary_search(&row).is_ok()
    }

    /// The far rows among `first .. first + count`, relative to `first`.
    pub fn within(&self, first: usize, count: usize) -> impl Iterator<Item = usize> + '_ {
        let start = self.rows.partition_point(|&row| row < first);
        let rows = self.rows[start..].iter();
        rows.take_while(move |&&row| row < first + count)
            .map(move |&row| row - first)
    }
}

/// Statistics of the columns from one pass.
struct ColumnRanges {
    /// Over the rows that are not far.
    sum: Vec<f64>,
    near_lowest: Vec<f64>,
    near_highest: Vec<f64>,
    near: usize,
    /// Over all rows.
    lowest: Vec<f64>,
    highest: Vec<f64>,
}

impl ColumnRanges {
    fn of(first: usize, values: &[f64], d: usize, far: &Far) -> Self {
        let mut all = ColumnRanges {
            sum: vec![0.0; d],
            near_lowest: vec![f64::INFINITY; d],
            near_highest: vec![f64::NEG_INFINITY; d],
            near: 0,
            lowest: vec![f64::INFINITY; d],
            highest: vec![f64::NEG_INFINITY; d],
        };
        let count = values.len() / d;
        let mut skipped = far.within(first, count).peekable();
        // Sums are taken of differences to the first row, so that data far from the origin keeps its digits.
        let mut origin: Option<&[f64]> = None;
        for (i, row) in values.chunks_exact(d).enumerate() {
            if skipped.next_if_eq(&i).is_some() {
                for j in 0..d {
                    all.lowest[j] = all.lowest[j].min(row[j]);
                    all.highest[j] = all.highest[j].max(row[j]);
                }
                continue;
            }
            let origin = *origin.get_or_insert(row);
            all.near += 1;
            for j in 0..d {
                all.sum[j] += row[j] - origin[j];
                all.near_lowest[j] = all.near_lowest[j].min(row[j]);
                all.near_highest[j] = all.near_highest[j].max(row[j]);
            }
        }
        if let Some(origin) = origin {
            for j in 0..d {
                all.sum[j] += all.near as f64 * origin[j];
                all.lowest[j] = all.lowest[j].min(all.near_lowest[j]);
                all.highest[j] = all.highest[j].max(all.near_highest[j]);
            }
        }
        all
    }

    fn join(mut self, other: &ColumnRanges) -> Self {
        for j in 0..self.sum.len() {
            self.sum[j] += other.sum[j];
            self.near_lowest[j] = self.near_lowest[j].min(other.near_lowest[j]);
            self.near_highest[j] = self.near_highest[j].max(other.near_highest[j]);
            self.lowest[j] = self.lowest[j].min(other.lowest[j]);
            self.highest[j] = self.highest[j].max(other.highest[j]);
        }
        self.near += other.near;
        self
    }
}

/// The largest power of two up to `value`, between 2^-900 and 2^900.
fn power_of_two(value: f64) -> f64 {
    value.log2().floor().clamp(-900.0, 900.0).exp2()
}

/// The first pass over the rows for a [`Frame`]; it can be combined with other passes.
pub struct Sketch {
    spreads: Spreads,
    /// The scale in which distances from the columns' medians are measured.
    scale: Vec<f64>,
}

/// The result of a [`Sketch`] for a chunk of rows.
pub struct SketchPart {
    /// Distance of each row from the columns' medians.
    lengths: Vec<f32>,
    columns: ColumnRanges,
}

impl Sketch {
    /// From a sample of the rows. Errors: rows that can no longer be read, and [`crate::Error::Interrupted`].
    pub fn begin(rows: &dyn Rows, control: &Control) -> Result<Self> {
        let spreads = spreads(rows, control)?;
        let widest = spreads.unit.iter().copied().fold(0.0, f64::max);
        let narrowest = spreads.unit.iter().copied().fold(f64::INFINITY, f64::min);
        let uneven = widest > UNEVEN * narrowest;
        let scale = spreads
            .unit
            .iter()
            .map(|&unit| 1.0 / power_of_two(if uneven { unit } else { widest }))
            .collect();
        Ok(Sketch { spreads, scale })
    }

    /// The number of columns, d.
    pub fn dim(&self) -> usize {
        self.scale.len()
    }

    fn length(&self, row: &[f64]) -> f64 {
        let each = row.iter().zip(&self.spreads.centre).zip(&self.scale);
        each.map(|((x, m), s)| ((x - m) * s).powi(2))
            .sum::<f64>()
            .sqrt()
    }

    /// The rows that are [`Far`].
    fn far(&self, rows: &dyn Rows, lengths: &[f32]) -> Result<Far> {
        let (n, d) = (rows.len(), rows.dim());
        let mut sorted: Vec<f32> = lengths.iter().copied().filter(|&l| l > 0.0).collect();
        if sorted.is_empty() {
            return Ok(Far::default());
        }
        let middle = (sorted.len() - 1) / 2;
        let (_, &mut median, _) = sorted.select_nth_unstable_by(middle, f32::total_cmp);
        let bar = FAR as f32 * median;
        let mut far: Vec<usize> = (0..n).filter(|&row| lengths[row] > bar).collect();
        let most = (n / FAR_SHARE)
            .max(ALWAYS_FAR)
            .min(n / 2)
            .min(MOST_FAR)
            .min((MOST_FAR_NUMBERS / d).max(1));
        if far.len() > most {
            far.sort_unstable_by(|&a, &b| lengths[b].total_cmp(&lengths[a]).then(a.cmp(&b)));
            far.truncate(most);
            far.sort_unstable();
        }
        let mut points = vec![0.0; far.len() * d];
        rows.gather(&far, &mut points)?;
        let each = points.chunks_exact(d).map(|row| self.length(row));
        let farthest = each.fold(0.0, f64::max);
        Ok(Far {
            rows: far,
            points,
            // A ratio above the range of f64 is stated as the largest f64.
            ratio: (farthest.min(f64::MAX) / f64::from(median)).min(f64::MAX),
        })
    }
}

impl Frame {
    /// Computes the frame: a sample for the columns' units, and two passes.
    pub fn survey(rows: &dyn Rows, control: &Control) -> Result<Self> {
        let sketch = Sketch::begin(rows, control)?;
        let parts = pass(rows, &sketch, control)?;
        Frame::of(rows, sketch, parts, control)
    }

    /// From the results of a first pass for all chunks, in order; a second pass measures the distances from the mean.
    ///
    /// Errors: as [`Frame::survey`].
    pub fn of(
        rows: &dyn Rows,
        sketch: Sketch,
        parts: Vec<SketchPart>,
        control: &Control,
    ) -> Result<Self> {
        let (n, d) = (rows.len(), rows.dim());
        let (lengths, mut columns): (Vec<Vec<f32>>, Vec<ColumnRanges>) = parts
            .into_iter()
            .map(|part| (part.lengths, part.columns))
            .unzip();
        let far = sketch.far(rows, &lengths.concat())?;
        // Chunks with far rows are read again, without the far rows.
        let step = chunk_rows(d);
        let mut values = Vec::new();
        for (first, part) in (0..).step_by(step).zip(&mut columns) {
            let count = step.min(n - first);
            if far.within(first, count).next().is_some() {
                values.resize(count * d, 0.0);
                rows.read_f64(first, &mut values)?;
                *part = ColumnRanges::of(first, &values, d, &far);
            }
        }
        let columns = columns
            .into_iter()
            .reduce(|all, part| all.join(&part))
            .unwrap_or_else(|| ColumnRanges::of(0, &vec![0.0; d], d, &far));
        let mut frame = Frame::shape(rows, columns, far, sketch.spreads.unit);
        frame.norms(rows, control)?;
        Ok(frame)
    }

    /// Centre and scales from the columns' sums and ranges.
    fn shape(rows: &dyn Rows, columns: ColumnRanges, far: Far, unit: Vec<f64>) -> Self {
        let d = columns.sum.len();
        let (lowest, highest) = (columns.near_lowest, columns.near_highest);
        let centre: Vec<f64> = (0..d)
            .map(|j| {
                let mean = (columns.sum[j] / columns.near as f64).clamp(lowest[j], highest[j]);
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
            lowest: columns.lowest,
            highest: columns.highest,
            range: (0..d).map(|j| highest[j] - lowest[j]).collect(),
            bias: Arc::default(),
            far,
            unit,
            made: Made::default(),
        }
    }

    /// The largest norms and the bias of each row.
    fn norms(&mut self, rows: &dyn Rows, control: &Control) -> Result<()> {
        let d = rows.dim();
        let parts = pass(rows, &Norms(Cow::Borrowed(self)), control)?;
        let mut bias = Vec::with_capacity(rows.len());
        let up = 1.0 + gamma(d + 6, U64);
        for part in parts {
            let [scaled, euclid] = part.largest;
            self.radius = self.radius.max(scaled.sqrt() * up);
            self.euclid_radius = self.euclid_radius.max(euclid.sqrt() * up);
            bias.extend(part.bias);
        }
        self.bias = bias.into();
        Ok(())
    }

    /// The same frame, with the same bounds, for a subset of the rows (ascending), which must include all far rows.
    pub fn of_some(&self, rows: &[usize]) -> Self {
        let place = |row: &usize| rows.binary_search(row).ok();
        Frame {
            bias: rows.iter().map(|&row| self.bias[row]).collect(),
            far: Far {
                rows: self.far.rows.iter().filter_map(place).collect(),
                ..self.far.clone()
            },
            made: Made::default(),
            ..self.clone()
        }
    }

    /// The same frame, with the same bounds, for a range of rows.
    pub fn of_run(&self, run: Range<usize>) -> Self {
        let d = self.dim();
        let place = |row: &usize| self.far.rows.partition_point(|far| far < row);
        let far = place(&run.start)..place(&run.end);
        Frame {
            centre: self.centre.clone(),
            scale: self.scale.clone(),
            lowest: self.lowest.clone(),
            highest: self.highest.clone(),
            range: self.range.clone(),
            unit: self.unit.clone(),
            bias: self.bias[run.clone()].into(),
            far: Far {
                rows: self.far.rows[far.clone()]
                    .iter()
                    .map(|row| row - run.start)
                    .collect(),
                points: self.far.points[far.start * d..far.end * d].to_vec(),
                ratio: self.far.ratio,
            },
            made: Made::default(),
            ..*self
        }
    }

    /// Maps points (n x d, row-major) into the frame, in place: `x' = S (x - m)`.
    pub fn apply(&self, points: &mut [f64]) {
        for point in points.chunks_exact_mut(self.dim()) {
            for ((value, centre), scale) in point.iter_mut().zip(&self.centre).zip(&self.scale) {
                *value = (*value - centre) * scale;
            }
        }
    }

    /// The number of columns, d.
    pub fn dim(&self) -> usize {
        self.centre.len()
    }

    /// The largest distance from the centre of a row that is not far, in the data's own units (rounded up).
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

    #[test]
    fn far_rows_are_set_apart_and_decide_nothing_for_the_others() {
        for fill in [1e5, 1e9, 1e14, 1e20, 1e300] {
            let mut values: Vec<f64> = (0..200).map(|i| f64::from(i * 37 % 101) / 50.0).collect();
            values[14..16].fill(fill);
            let rows = Memory::from_f64("rows", 2, values);
            let frame = Frame::survey(&rows, &Control::default()).unwrap();
            assert_eq!(frame.far.rows, [7]);
            assert_eq!(frame.far.points, [fill, fill]);
            assert!(
                frame.reference_radius() < 3.0,
                "{}",
                frame.reference_radius()
            );
            assert!(frame.far.contains(7) && !frame.far.contains(8));
            assert_eq!(frame.far.within(5, 10).collect::<Vec<_>>(), [2]);
            assert_eq!(frame.highest, [fill, fill]);
        }
    }

    #[test]
    fn heavy_tails_leave_most_rows_near() {
        let tails = (1..=1000).map(|i| (f64::from(i) / 100.0).exp()).collect();
        let rows = Memory::from_f64("rows", 1, tails);
        let frame = Frame::survey(&rows, &Control::default()).unwrap();
        assert!(frame.far.rows.len() <= 1000 / FAR_SHARE);
    }
}
