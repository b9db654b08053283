//! The linear region of a network: a query is outside when no reference row has its sign code.
//!
//! ```text
//! code(q)_j = 1 where q_j > 0, else 0;      score = the least number of places in which a reference row's code differs
//! ```
//!
//! In a space of pre-activations of ReLU units the code names the region of inputs on which the network is one affine
//! map (max-affine spline operators: Balestriero and Baraniuk, ICML 2018). Of two random directions at the angle a, a
//! share a / pi of the bits differs. Codes are packed 64 to a word and compared by counting bits: exact.

use super::{Block, Column, Fact, Judge, Judgement, Notion, Reference, Type, Value};
use crate::control::{Control, Stage};
use crate::error::Result;
use crate::rows::map_chunks;
use rayon::prelude::*;
use std::collections::HashMap;

/// The sign codes of the reference.
pub struct Region;

impl Notion for Region {
    fn id(&self) -> String {
        "region".into()
    }

    fn score(&self) -> String {
        "in how many places the signs (above 0 or not) differ from those of the nearest reference row".into()
    }

    fn outside(&self) -> String {
        "no reference row has the same signs".into()
    }

    fn columns(&self) -> Vec<Column> {
        let help = "how many reference rows have the same signs";
        vec![Column::new("region_rows", Type::Count, help)]
    }

    fn fit<'r>(&self, reference: &Reference<'r>, control: &Control) -> Result<Box<dyn Judge + 'r>> {
        Ok(Box::new(Codes::fit(reference, control)?))
    }
}

/// The different codes of a reference.
struct Codes {
    /// Words of a code.
    words: usize,
    codes: Vec<u64>,
    /// Rows of each code.
    counts: Vec<u64>,
    /// Where each code is.
    places: HashMap<Vec<u64>, usize>,
}

/// The signs of a row, 64 to a word.
fn code(row: &[f64]) -> impl Iterator<Item = u64> + '_ {
    row.chunks(64).map(|part| {
        let bits = part.iter().enumerate();
        bits.fold(0, |word, (j, value)| word | u64::from(*value > 0.0) << j)
    })
}

/// In how many places two codes differ.
fn hamming(a: &[u64], b: &[u64]) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}

impl Codes {
    fn fit(reference: &Reference<'_>, control: &Control) -> Result<Self> {
        let (rows, d) = (reference.distinct, reference.distinct.dim());
        control.begin(Stage::Fit, rows.len() as u64);
        let parts = map_chunks(rows, control, |_, values| {
            control.advance((values.len() / d) as u64);
            values.chunks_exact(d).flat_map(code).collect::<Vec<u64>>()
        })?;
        let words = d.div_ceil(64);
        let mut all = Codes {
            words,
            codes: Vec::new(),
            counts: Vec::new(),
            places: HashMap::new(),
        };
        let codes = parts.iter().flat_map(|part| part.chunks_exact(words));
        for (place, code) in codes.enumerate() {
            let count = reference.repeats.map_or(1, |all| all.members(place).len());
            let next = all.counts.len();
            let place = *all.places.entry(code.to_vec()).or_insert(next);
            if place == next {
                all.codes.extend_from_slice(code);
                all.counts.push(0);
            }
            all.counts[place] += count as u64;
        }
        Ok(all)
    }

    /// Rows with the code of a value, and the distance to the nearest code; without a row of that very code where
    /// `left_out`.
    fn find(&self, row: &[f64], left_out: bool) -> (u64, Option<u32>) {
        let code: Vec<u64> = code(row).collect();
        let own = self.places.get(&code).copied();
        let same = own.map_or(0, |place| self.counts[place]) - u64::from(left_out && own.is_some());
        if same > 0 {
            return (same, Some(0));
        }
        let others = self.codes.chunks_exact(self.words).enumerate();
        let others = others.filter(|(place, _)| Some(*place) != own);
        (0, others.map(|(_, other)| hamming(&code, other)).min())
    }
}

impl Judge for Codes {
    fn judge(&mut self, block: &Block<'_>, control: &Control) -> Result<Vec<Judgement>> {
        let queries = block.values.par_chunks_exact(block.dim).enumerate();
        let judged = queries.map(|(place, query)| {
            control.check()?;
            let (rows, distance) = self.find(query, block.without(place).is_some());
            Ok(Judgement {
                outside: distance.map(|distance| distance > 0),
                score: distance.map_or(f64::NAN, f64::from),
                more: vec![Value::Count(rows)],
            })
        });
        judged.collect()
    }

    fn facts(&self) -> Vec<Fact> {
        vec![Fact {
            name: "regions".into(),
            value: self.counts.len() as f64,
            what: "different sign codes among the reference rows".into(),
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;
    use crate::rows::{Memory, Rows, synthetic};

    fn values(rows: &Memory) -> Vec<f64> {
        let mut values = vec![0.0; rows.len() * rows.dim()];
        rows.read_f64(0, &mut values).unwrap();
        values
    }

    /// Signs compared one by one; the distance to the nearest of `rows`, and how many have the same.
    fn brute(rows: &[&[f64]], query: &[f64]) -> (u64, f64) {
        let apart = |row: &&[f64]| {
            let pairs = row.iter().zip(query);
            pairs.filter(|(a, b)| (**a > 0.0) != (**b > 0.0)).count()
        };
        let all: Vec<usize> = rows.iter().map(apart).collect();
        let same = all.iter().filter(|apart| **apart == 0).count();
        (same as u64, all.into_iter().min().unwrap() as f64)
    }

    /// Dimensions of less than, just, and more than whole words; repeated rows, and both zeros.
    #[test]
    fn codes_are_compared_as_signs_one_by_one() {
        for d in [3, 64, 70] {
            let mut all = values(&synthetic::gaussian(60, d, 1));
            let repeated = all[..2 * d].to_vec();
            all.extend(repeated);
            all[5 * d] = 0.0;
            all[6 * d] = -0.0;
            let queries = values(&synthetic::gaussian(30, d, 2));
            let rows: Vec<&[f64]> = all.chunks_exact(d).collect();
            let found =
                Fixture::new(Memory::from_f64("rows", d, all.clone())).judged(&Region, &queries);
            for (found, query) in found.queries.iter().zip(queries.chunks_exact(d)) {
                let (same, apart) = brute(&rows, query);
                assert_eq!((found.score, found.outside), (apart, Some(apart > 0.0)));
                assert_eq!(found.more, [Value::Count(same)]);
            }
            for (row, found) in found.others.iter().enumerate() {
                let mut others = rows.clone();
                let value = others.remove(row);
                let (same, apart) = brute(&others, value);
                assert_eq!(found.score, apart);
                assert_eq!(found.more, [Value::Count(same)]);
            }
        }
    }

    /// Pre-activations of 4,000 random units at two inputs: a share of angle / pi of the signs differs.
    #[test]
    fn signs_differ_in_the_share_of_the_angle() {
        let units = values(&synthetic::gaussian(4000, 2, 3));
        for angle in [0.3f64, 1.0, 2.5] {
            let at = |x: f64, y: f64| -> Vec<f64> {
                units.chunks_exact(2).map(|w| w[0] * x + w[1] * y).collect()
            };
            let rows = Memory::from_f64("one", 4000, at(1.0, 0.0));
            let found = Fixture::new(rows).judged(&Region, &at(angle.cos(), angle.sin()));
            let share = found.queries[0].score / 4000.0;
            assert!(
                (share - angle / std::f64::consts::PI).abs() < 0.03,
                "{share}"
            );
        }
    }
}
