//! The range box: a query extrapolates when any of its coordinates leaves the range of the reference's.
//!
//! The box holds the hull, so a query outside the box is outside the hull; the reverse does not hold, and in high
//! dimension nothing is easier than to be in the box. For independent continuous coordinates a new point of the same
//! law is in the box with probability `((N-1)/(N+1))^d`.

use crate::control::Control;
use crate::error::Result;
use crate::rows::{Rows, map_chunks};

/// The smallest and largest value of each coordinate.
pub struct RangeBox {
    lowest: Vec<f64>,
    highest: Vec<f64>,
}

impl RangeBox {
    /// The box of the rows, in one pass.
    pub fn fit(rows: &dyn Rows, control: &Control) -> Result<Self> {
        let d = rows.dim();
        let parts = map_chunks(rows, control, |_, values| {
            let mut part = RangeBox::empty(d);
            values.chunks_exact(d).for_each(|row| part.widen(row, row));
            part
        })?;
        let mut all = RangeBox::empty(d);
        parts
            .iter()
            .for_each(|part| all.widen(&part.lowest, &part.highest));
        Ok(all)
    }

    fn empty(d: usize) -> Self {
        RangeBox {
            lowest: vec![f64::INFINITY; d],
            highest: vec![f64::NEG_INFINITY; d],
        }
    }

    fn widen(&mut self, lowest: &[f64], highest: &[f64]) {
        for j in 0..lowest.len() {
            self.lowest[j] = self.lowest[j].min(lowest[j]);
            self.highest[j] = self.highest[j].max(highest[j]);
        }
    }

    /// How many coordinates of a query leave their range.
    pub fn outside(&self, query: &[f64]) -> usize {
        let ranges = self.lowest.iter().zip(&self.highest);
        ranges
            .zip(query)
            .filter(|((low, high), value)| value < low || value > high)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{Memory, synthetic};

    #[test]
    fn coordinates_that_leave_their_range_are_counted() {
        let rows = Memory::from_f64("rows", 2, vec![0.0, 5.0, 2.0, 3.0, 1.0, 4.0]);
        let found = RangeBox::fit(&rows, &Control::default()).unwrap();
        assert_eq!(found.outside(&[0.0, 5.0]), 0);
        assert_eq!(found.outside(&[-0.1, 4.0]), 1);
        assert_eq!(found.outside(&[9.0, 0.0]), 2);
    }

    /// `((N-1)/(N+1))^d` at N = 1,000 and d = 100 is .818731 (computed); 2,000 queries of one reference, whose own
    /// spread (a standard deviation of about .02 between references) dominates.
    #[test]
    fn independent_coordinates_stay_in_the_box_as_often_as_predicted() {
        let (n, d, count) = (1000, 100, 2000);
        let mut inside = 0;
        for seed in 0..4 {
            let rows = synthetic::gaussian(n, d, 2 * seed);
            let found = RangeBox::fit(&rows, &Control::default()).unwrap();
            let queries = synthetic::gaussian(count, d, 2 * seed + 1);
            let mut values = vec![0.0; count * d];
            queries.read_f64(0, &mut values).unwrap();
            inside += values
                .chunks_exact(d)
                .filter(|query| found.outside(query) == 0)
                .count();
        }
        let rate = inside as f64 / (4 * count) as f64;
        assert!((rate - 0.818731).abs() < 0.04, "{rate}");
    }
}
