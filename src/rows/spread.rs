//! A robust scale ("unit") for each column: the typical distance of its values from their median.
//!
//! ```text
//! centre_j = median_i x_ij,        unit_j = median of |x_ij - centre_j| over the rows where it is not 0
//! ```
//!
//! both over an evenly spaced sample of rows. Lengths measured in these units do not change when a column is rescaled,
//! and outliers hardly affect them: a median depends on the order of the values, not on the size of the largest (its
//! breakdown point is one half; Hampel 1974, the median absolute deviation). Rows at the median itself are left out, so
//! that a column that is mostly 0 is scaled by its other values.

use super::chunks::chunk_rows;
use super::pass::{Pass, pass};
use super::{Pack, Rows};
use crate::control::Control;
use crate::error::Result;
use rayon::prelude::*;

/// The most rows of the sample.
const SAMPLE: usize = 4096;

/// The most numbers of the sample (32 MiB), as long as it has [`LEAST`] rows.
const NUMBERS: usize = 1 << 22;

/// The fewest rows of the sample, however wide they are (unless the set has fewer).
const LEAST: usize = 64;

/// How many columns a task extracts from the sample together: two cache lines of a row.
const COLUMNS: usize = 16;

/// How many deviations are kept for a column that is constant in the sample.
const KEPT: usize = 64;

/// The centre and the unit of each column.
#[derive(Debug, Clone, PartialEq)]
pub struct Spreads {
    /// The median of each column in the sample, which is always one of its values.
    pub centre: Vec<f64>,
    /// The unit of each column: positive and finite.
    pub unit: Vec<f64>,
}

/// The units of the columns, from at most 4,096 evenly spaced rows (fewer where d > 1,024; at least 64).
///
/// For a column that is constant in the sample, the unit is the median of its first 64 nonzero deviations among all
/// rows, or 1 if there is none. The result does not depend on the number of threads. Errors: rows that can no longer be
/// read, and [`Error::Interrupted`](crate::Error::Interrupted).
pub fn spreads(rows: &dyn Rows, control: &Control) -> Result<Spreads> {
    let (n, d) = (rows.len(), rows.dim());
    let count = n.min(SAMPLE).min((NUMBERS / d).max(LEAST));
    // In u128, since the number of rows times an index into the sample may overflow a 32-bit usize.
    let places: Vec<usize> = (0..count)
        .map(|i| (i as u128 * n as u128 / count as u128) as usize)
        .collect();
    let mut sample = vec![0.0; count * d];
    let step = chunk_rows(d);
    places
        .par_chunks(step)
        .zip(sample.par_chunks_mut(step * d))
        .try_for_each(|(places, out)| {
            control.check()?;
            rows.gather(places, out)
        })?;
    let mut spreads = of_sample(&sample, d);
    drop(sample);
    let constant: Vec<usize> = (0..d).filter(|&j| spreads.unit[j] == 0.0).collect();
    if !constant.is_empty() {
        let units = of_all_rows(rows, &constant, &spreads.centre, count == n, control)?;
        for (&j, unit) in constant.iter().zip(units) {
            spreads.unit[j] = unit;
        }
    }
    Ok(spreads)
}

/// The centre and unit of each column of the sample (rows x d); the unit is 0 where all values are equal.
fn of_sample(sample: &[f64], d: usize) -> Spreads {
    let rows = sample.len() / d;
    let blocks: Vec<Vec<(f64, f64)>> = (0..d.div_ceil(COLUMNS))
        .into_par_iter()
        .map(|block| {
            let first = block * COLUMNS;
            let width = COLUMNS.min(d - first);
            let mut columns = vec![Vec::with_capacity(rows); width];
            for row in sample.chunks_exact(d) {
                for (column, &value) in columns.iter_mut().zip(&row[first..]) {
                    column.push(value);
                }
            }
            columns.into_iter().map(of_column).collect()
        })
        .collect();
    let (centre, unit) = blocks.into_iter().flatten().unzip();
    Spreads { centre, unit }
}

/// The centre and unit of one column; the unit is 0 where all values are equal.
fn of_column(mut values: Vec<f64>) -> (f64, f64) {
    let centre = median(&mut values);
    let mut deviations: Vec<f64> = values
        .iter()
        .map(|&value| deviation(value, centre))
        .filter(|&deviation| deviation != 0.0)
        .collect();
    let unit = if deviations.is_empty() {
        0.0
    } else {
        median(&mut deviations)
    };
    (centre, unit)
}

/// The lower median, which is one of the values. 0 if there are none.
fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = (values.len() - 1) / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// `|value - centre|`, at most the largest finite number.
fn deviation(value: f64, centre: f64) -> f64 {
    (value - centre).abs().min(f64::MAX)
}

/// Units of columns that are constant in the sample, computed from all rows.
fn of_all_rows(
    rows: &dyn Rows,
    columns: &[usize],
    centre: &[f64],
    seen: bool,
    control: &Control,
) -> Result<Vec<f64>> {
    let mut kept: Vec<Vec<f64>> = vec![Vec::new(); columns.len()];
    // If the sample held all rows, nothing more is to be found.
    if !seen {
        let differ = Differ {
            columns: columns.to_vec(),
            centre: centre.to_vec(),
        };
        for (place, deviation) in pass(rows, &differ, control)?.into_iter().flatten() {
            if let Some(kept) = kept.get_mut(place)
                && kept.len() < KEPT
            {
                kept.push(deviation);
            }
        }
    }
    let unit = |mut kept: Vec<f64>| match median(&mut kept) {
        0.0 => 1.0,
        unit => unit,
    };
    Ok(kept.into_iter().map(unit).collect())
}

/// A pass that finds the first nonzero deviations of some columns, each with the index of its column in `columns`.
pub(crate) struct Differ {
    columns: Vec<usize>,
    centre: Vec<f64>,
}

impl Pass for Differ {
    type Part = Vec<(usize, f64)>;
    const NAME: &'static str = "differ";

    fn chunk(&self, _: usize, values: &[f64]) -> Self::Part {
        let (columns, centre) = (&self.columns, &self.centre);
        let mut found: Vec<(usize, f64)> = Vec::new();
        let mut counts = vec![0; columns.len()];
        for row in values.chunks_exact(centre.len()) {
            for (place, &j) in columns.iter().enumerate() {
                if row[j] != centre[j] && counts[place] < KEPT {
                    counts[place] += 1;
                    found.push((place, deviation(row[j], centre[j])));
                }
            }
        }
        found
    }

    fn put(&self, question: &mut Pack) {
        question.put_counts("columns", self.columns.iter().copied());
        question.put_reals("centre", self.centre.iter().copied());
    }

    fn of(question: &mut Pack, dim: usize) -> Result<Self> {
        Ok(Differ {
            columns: question.indices("columns", None, dim)?,
            centre: question.reals("centre", Some(dim))?,
        })
    }

    fn put_part(part: Self::Part, answer: &mut Pack) {
        answer.put_counts("places", part.iter().map(|found| found.0));
        answer.put_reals("deviations", part.into_iter().map(|found| found.1));
    }

    fn part(answer: &mut Pack, _: usize, dim: usize) -> Result<Self::Part> {
        let places = answer.indices("places", None, dim)?;
        let deviations = answer.reals("deviations", Some(places.len()))?;
        Ok(places.into_iter().zip(deviations).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;

    fn of(d: usize, values: Vec<f64>) -> Spreads {
        spreads(&Memory::from_f64("rows", d, values), &Control::default()).unwrap()
    }

    /// Three columns in different units: 0 to 1, thousands far from 0, and one that is mostly 0.
    fn table(n: usize) -> Vec<f64> {
        let row = |i: usize| {
            let part = (i * 37 % 101) as f64 / 101.0;
            let rare = if i.is_multiple_of(10) {
                5.0 + part
            } else {
                0.0
            };
            [part, 1e6 + 1000.0 * part, rare]
        };
        (0..n).flat_map(row).collect()
    }

    #[test]
    fn each_column_has_its_own_unit() {
        let found = of(3, table(1000));
        assert!((found.centre[0] - 0.5).abs() < 0.02, "{found:?}");
        assert!((found.unit[0] - 0.25).abs() < 0.02, "{found:?}");
        assert!((found.unit[1] / found.unit[0] - 1000.0).abs() < 1e-6);
        assert_eq!(found.centre[2], 0.0);
        assert!((found.unit[2] - 5.5).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn a_few_far_rows_move_nothing() {
        for n in [20, 500, 9000] {
            let plain = of(3, table(n));
            for far in [1e14, -1e20, 1e308] {
                let mut values = table(n);
                // Outliers in fewer than half of the rows that are not 0 in the third column.
                for row in (0..n / 20).map(|i| 7 + 10 * i) {
                    values[row * 3..][..3].fill(far);
                }
                let found = of(3, values);
                for j in 0..3 {
                    let moved = (found.centre[j] - plain.centre[j]).abs() / plain.unit[j];
                    assert!(moved < 1.0, "{n} {far} {j}: {found:?}, {plain:?}");
                    let ratio = found.unit[j] / plain.unit[j];
                    assert!(
                        (0.4..2.5).contains(&ratio),
                        "{n} {far} {j}: {found:?}, {plain:?}"
                    );
                }
            }
        }
    }

    /// Of three rows one may be an outlier: the unit is the distance of the other two.
    #[test]
    fn three_rows_are_enough() {
        assert_eq!(of(1, vec![0.0, 1e20, 1.0]).unit, [1.0]);
        assert_eq!(of(1, vec![5.0]).unit, [1.0]);
        assert_eq!(of(1, vec![0.0, 5e-324]).unit, [5e-324]);
        assert_eq!(of(1, vec![-1e308, -1e308, 1e308]).unit, [f64::MAX]);
    }

    /// Values that differ only in rows outside of the sample, one of them an outlier.
    #[test]
    fn a_column_that_differs_outside_the_sample_only() {
        let n = 2 * SAMPLE;
        let mut values: Vec<f64> = (0..n).flat_map(|i| [i as f64, 3.0, 4.0]).collect();
        for (row, value) in [(1, 3.5), (101, 2.5), (5001, 1e20)] {
            values[row * 3 + 1] = value;
        }
        let found = of(3, values);
        assert_eq!(found.unit[1..], [0.5, 1.0]);
        assert_eq!(found.centre[1..], [3.0, 4.0]);
    }

    #[test]
    fn wide_rows_and_threads_change_nothing() {
        let d = 70_000;
        let values: Vec<f64> = (0..9 * d).map(|i| (i % 9973) as f64).collect();
        let found = of(d, values.clone());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build();
        assert_eq!(pool.unwrap().install(|| of(d, values)), found);
        assert!(found.unit.iter().all(|&unit| unit > 0.0));
    }
}
