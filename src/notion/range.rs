//! The range box: a query is outside when any of its coordinates leaves the range of the reference's.
//!
//! The box contains the hull, so a query outside the box is outside the hull. The reverse does not hold, and in high
//! dimension nearly all queries are in the box. With independent continuous coordinates a new point of the same law is in
//! the box with probability `((N-1)/(N+1))^d`, and outside in every coordinate with `(2/(N+1))^d`.

use super::{Block, Column, Judge, Judgement, Notion, Reference, Type, Value};
use crate::control::Control;
use crate::error::Result;
use crate::rows::pass::{Pass, pass};
use crate::rows::{Pack, Rows};
use std::sync::Arc;

/// The range of each coordinate.
pub struct Range;

impl Notion for Range {
    fn id(&self) -> String {
        "range".into()
    }

    fn score(&self) -> String {
        "number of coordinates outside their range in the reference".into()
    }

    fn outside(&self) -> String {
        "some coordinate is outside the range of that coordinate in the reference".into()
    }

    fn columns(&self) -> Vec<Column> {
        let count = "number of coordinates outside their range in the reference";
        let every = "whether every coordinate leaves its range";
        vec![
            Column::new("range_count", Type::Count, count),
            Column::new("range_every", Type::Bool, every),
        ]
    }

    fn fit<'r>(&self, reference: &Reference<'r>, control: &Control) -> Result<Box<dyn Judge + 'r>> {
        let stored = reference.stored;
        let found = reference
            .fits
            .of("range", || match stored.has("range.lowest") {
                true => RangeBox::stored(stored, reference.rows.dim()),
                false => RangeBox::fit(reference.rows, control),
            })?;
        Ok(Box::new(found))
    }
}

/// The two smallest and the two largest values of each coordinate. If a row is left out, the second value is the end of the
/// range where the row alone has the first.
pub struct RangeBox {
    lowest: Vec<[f64; 2]>,
    highest: Vec<[f64; 2]>,
}

/// The pass that finds the box, for rows of so many columns.
pub struct Ends(usize);

impl Pass for Ends {
    type Part = RangeBox;
    const NAME: &'static str = "ends";

    fn chunk(&self, _: usize, values: &[f64]) -> RangeBox {
        let mut part = RangeBox::empty(self.0);
        values.chunks_exact(self.0).for_each(|row| part.widen(row));
        part
    }

    fn put(&self, _: &mut Pack) {}

    fn of(_: &mut Pack, dim: usize) -> Result<Self> {
        Ok(Ends(dim))
    }

    fn put_part(part: RangeBox, answer: &mut Pack) {
        answer.put_reals("lowest", part.lowest.into_iter().flatten());
        answer.put_reals("highest", part.highest.into_iter().flatten());
    }

    fn part(answer: &mut Pack, _: usize, dim: usize) -> Result<RangeBox> {
        let mut ends = |name| -> Result<Vec<[f64; 2]>> {
            let values = answer.reals(name, Some(2 * dim))?;
            Ok(values.as_chunks::<2>().0.to_vec())
        };
        Ok(RangeBox {
            lowest: ends("lowest")?,
            highest: ends("highest")?,
        })
    }
}

impl RangeBox {
    /// The box of the rows, by one pass.
    pub fn fit(rows: &dyn Rows, control: &Control) -> Result<Self> {
        let d = rows.dim();
        let parts = pass(rows, &Ends(d), control)?;
        let mut all = RangeBox::empty(d);
        for part in &parts {
            for end in 0..2 {
                let ends = |pairs: &[[f64; 2]]| pairs.iter().map(|pair| pair[end]).collect();
                let (low, high): (Vec<f64>, Vec<f64>) = (ends(&part.lowest), ends(&part.highest));
                // The second ends of a part with one row are infinite, which does not widen the box.
                all.widen_low(&low);
                all.widen_high(&high);
            }
        }
        Ok(all)
    }

    /// A box that [`Judge::pack`] stored, of d columns.
    fn stored(stored: &Pack, d: usize) -> Result<Self> {
        let ends = |name| -> Result<Vec<[f64; 2]>> {
            Ok(stored.look(name, 2 * d)?.as_chunks::<2>().0.to_vec())
        };
        Ok(RangeBox {
            lowest: ends("range.lowest")?,
            highest: ends("range.highest")?,
        })
    }

    fn empty(d: usize) -> Self {
        RangeBox {
            lowest: vec![[f64::INFINITY; 2]; d],
            highest: vec![[f64::NEG_INFINITY; 2]; d],
        }
    }

    fn widen(&mut self, row: &[f64]) {
        self.widen_low(row);
        self.widen_high(row);
    }

    fn widen_low(&mut self, values: &[f64]) {
        for (low, &value) in self.lowest.iter_mut().zip(values) {
            if value < low[0] {
                *low = [value, low[0]];
            } else if value < low[1] {
                low[1] = value;
            }
        }
    }

    fn widen_high(&mut self, values: &[f64]) {
        for (high, &value) in self.highest.iter_mut().zip(values) {
            if value > high[0] {
                *high = [value, high[0]];
            } else if value > high[1] {
                high[1] = value;
            }
        }
    }

    /// The number of coordinates of a query that leave their range.
    pub fn outside(&self, query: &[f64]) -> usize {
        let out =
            |(j, value): (usize, &f64)| *value < self.lowest[j][0] || *value > self.highest[j][0];
        query.iter().enumerate().filter(|&at| out(at)).count()
    }

    /// The same for a reference row that is left out: it leaves the range of the other rows where it alone has the smallest or
    /// largest value.
    fn outside_others(&self, row: &[f64]) -> usize {
        let out = |(j, value): (usize, &f64)| {
            *value < self.lowest[j][1] && *value <= self.lowest[j][0]
                || *value > self.highest[j][1] && *value >= self.highest[j][0]
        };
        row.iter().enumerate().filter(|&at| out(at)).count()
    }
}

impl Judge for Arc<RangeBox> {
    fn judge(&mut self, block: &Block<'_>, _: &Control) -> Result<Vec<Judgement>> {
        let judgement = |(place, query): (usize, &[f64])| {
            let count = match block.without(place) {
                Some(_) => self.outside_others(query),
                None => self.outside(query),
            };
            Judgement {
                outside: Some(count > 0),
                score: count as f64,
                more: vec![
                    Value::Count(count as u64),
                    Value::Bool(count == query.len()),
                ],
                ..Judgement::default()
            }
        };
        Ok(block.queries().enumerate().map(judgement).collect())
    }

    fn pack(&self, pack: &mut Pack) {
        pack.put_reals("range.lowest", self.lowest.iter().flatten().copied());
        pack.put_reals("range.highest", self.highest.iter().flatten().copied());
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

    /// Left-out rows are compared with the box of the other rows, computed anew; two of the values occur in two rows.
    #[test]
    fn a_row_left_out_is_judged_by_the_box_of_the_others() {
        let values = vec![
            0.0, 5.0, 2.0, 5.0, 2.0, 1.0, 0.5, -3.0, 1.0, -3.0, -1.0, 4.0,
        ];
        let rows = Memory::from_f64("rows", 2, values.clone());
        let all = RangeBox::fit(&rows, &Control::default()).unwrap();
        let mut seen = [0; 3];
        for row in 0..6 {
            let others = [&values[..2 * row], &values[2 * row + 2..]].concat();
            let others = Memory::from_f64("others", 2, others);
            let others = RangeBox::fit(&others, &Control::default()).unwrap();
            let value = &values[2 * row..][..2];
            assert_eq!(all.outside_others(value), others.outside(value), "{row}");
            seen[others.outside(value)] += 1;
        }
        assert_eq!(seen, [5, 1, 0]);
        let one = Memory::from_f64("one", 2, vec![1.0, 2.0]);
        let one = RangeBox::fit(&one, &Control::default()).unwrap();
        assert_eq!(one.outside_others(&[1.0, 2.0]), 2);
    }

    /// `((N-1)/(N+1))^d` at N = 1,000 and d = 100 is .818731 (computed). The 2,000 queries share one reference, and the
    /// variation between references (a standard deviation of about .02) dominates.
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
