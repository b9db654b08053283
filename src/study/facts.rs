//! Facts about a reference set that matter before a rate is interpreted: repeats, constant columns, norms, far rows.
//!
//! They come from the [`Survey`] of the set and the [`Frame`] of a scan. Columns count as repeated when the 64-bit hashes
//! of their values agree; rows only when their values do.

use super::survey::{Facts, FarRows, Survey};
use crate::scan::Frame;

/// Rows count as lying on a sphere if their norms r differ by less than this share of s^2 / r, with s the median distance of
/// a row from the centre. A flat patch of size s that touches the sphere deviates from it by s^2 / 2r, so the rows must
/// follow the sphere to 1/500 of that. The norms of unit rows in all directions (s = r) may differ by 1e-3, which is more
/// than rounding to f16 causes.
const SAME_NORM: f64 = 1e-3;

impl Survey {
    /// The facts, computed at the first call; `frame` is that of the set's distinct rows.
    pub fn facts(&self, frame: &Frame) -> &Facts {
        self.facts.get_or_init(|| self.found(frame))
    }

    fn found(&self, frame: &Frame) -> Facts {
        let constant = |j: &usize| frame.lowest[*j] == frame.highest[*j];
        let varying = (0..self.columns.len())
            .filter(|j| !constant(j))
            .map(|j| self.columns[j])
            .collect();
        Facts {
            constant_columns: (0..self.columns.len()).filter(constant).count() as u64,
            duplicate_columns: repeats(varying),
            zero_rows: self.zero_rows,
            constant_norm: self.constant_norm(frame),
            far_rows: self.far_rows(frame),
        }
    }

    fn constant_norm(&self, frame: &Frame) -> Option<f64> {
        let [least, most] = self.norms;
        let spread = median_distance(frame);
        let several = self.rows as u64 > self.zero_rows + 1;
        let same = several && (most - least) / spread <= SAME_NORM * (spread / most);
        same.then_some(0.5 * (least + most))
    }

    /// The far rows of the frame, together with all rows that equal them.
    fn far_rows(&self, frame: &Frame) -> Option<FarRows> {
        let far = &frame.far;
        let mut rows: Vec<usize> = match &self.repeats {
            Some(repeats) => {
                let members = far.rows.iter().flat_map(|&row| repeats.members(row));
                members.collect()
            }
            None => far.rows.clone(),
        };
        rows.sort_unstable();
        (!rows.is_empty()).then_some(FarRows {
            rows,
            ratio: far.ratio,
        })
    }
}

/// The median distance of the frame's rows from its centre.
fn median_distance(frame: &Frame) -> f64 {
    let mut bias = frame.bias.to_vec();
    if bias.is_empty() {
        return 0.0;
    }
    let middle = bias.len() / 2;
    let (_, &mut median, _) = bias.select_nth_unstable_by(middle, f32::total_cmp);
    (-2.0 * f64::from(median)).sqrt() / frame.euclid
}

/// The number of values that have occurred before.
fn repeats(mut hashes: Vec<u64>) -> u64 {
    hashes.sort_unstable();
    hashes.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Control;
    use crate::rows::{Memory, Rows};

    fn of(d: usize, values: Vec<f64>) -> (Facts, Survey) {
        let rows = Memory::from_f64("rows", d, values);
        let control = Control::default();
        let mut survey = Survey::of(&rows, &control).unwrap();
        let different = survey.repeats.as_ref().map(|all| all.subset(&rows));
        let different = different.as_ref().map_or(&rows as &dyn Rows, |some| some);
        let frame = survey.frame(different, &control).unwrap();
        (survey.facts(&frame).clone(), survey)
    }

    #[test]
    fn repeats_and_constants_are_counted() {
        let (found, survey) = of(
            4,
            vec![1.0, 5.0, 1.0, 0.0, 2.0, 5.0, 2.0, -0.0, 1.0, 5.0, 1.0, -0.0],
        );
        assert_eq!(found.constant_columns, 2);
        assert_eq!(found.duplicate_columns, 1);
        assert!(survey.repeats.unwrap().members(0).eq([0, 2]));
        assert_eq!(found.constant_norm, None);
        assert_eq!(found.far_rows, None);
    }

    #[test]
    fn points_on_a_circle_have_one_norm() {
        let circle = |factor: f64| -> Vec<f64> {
            (0..20)
                .flat_map(|i| [f64::from(i).cos(), f64::from(i).sin()])
                .map(|v| factor * v)
                .collect()
        };
        assert!((of(2, circle(1.0)).0.constant_norm.unwrap() - 1.0).abs() < 1e-12);
        let zeros = [circle(3.0), vec![0.0; 6]].concat();
        let (found, _) = of(2, zeros);
        assert!((found.constant_norm.unwrap() - 3.0).abs() < 1e-12);
        assert_eq!(found.zero_rows, 3);
        for no_sphere in [
            vec![0.0; 4],
            vec![1.0; 4],
            vec![3.0, 4.0],
            vec![0.0, 0.0, 3.0, 4.0],
        ] {
            assert_eq!(of(2, no_sphere).0.constant_norm, None);
        }
    }

    /// Far rows are found even where most rows are equal, and rows at a distance beyond f64 are far.
    #[test]
    fn far_rows_are_found_among_equal_ones() {
        let mut values = vec![0.0; 60];
        for (row, value) in values.iter_mut().enumerate().skip(41) {
            *value = row as f64 * 0.01;
        }
        values[50] = 1e6;
        let far = of(1, values.clone()).0.far_rows.unwrap();
        assert_eq!(far.rows, [50]);
        assert!((1e6..2e7).contains(&far.ratio), "{far:?}");
        values[3] = -1e308;
        assert_eq!(of(1, values).0.far_rows.unwrap().rows, [3, 50]);
        assert_eq!(of(2, vec![1.0; 10]).0.far_rows, None);
    }
}
