//! Which rows of a set repeat an earlier one, so that work on equal rows is done once.
//!
//! Rows whose hashes agree are read again and compared value by value: a hash alone decides nothing. 0 and -0 are one
//! value.

use super::chunks::chunk_rows;
use super::{KnownRows, Pack, Rows, Subset};
use crate::control::Control;
use crate::error::Result;
use rayon::prelude::*;

/// Different rows of one hash that are told apart; more are so rare that the rest may stay rows of their own.
const ALIKE: usize = 8;

/// The rows of a set, grouped by value. Made only where at least one row repeats another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeats {
    /// Of each row, the place of its value among the different ones, which are in the order of their first rows.
    places: Vec<usize>,
    /// The rows of the first value, ascending, then those of the second, and so on.
    members: Vec<usize>,
    /// Where each value's rows start in `members`; at last, where they end.
    starts: Vec<usize>,
}

/// Mix a value into a running hash (the multiply-xorshift finaliser of splitmix64, Steele et al. 2014).
#[inline]
pub fn mix(hash: u64, value: u64) -> u64 {
    let mut z = (hash ^ value).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The bits of a value, with one zero.
#[inline]
pub fn bits(value: f64) -> u64 {
    (value + 0.0).to_bits()
}

/// The hash of a row: [`mix`] over the [`bits`] of its values, from 0.
pub(super) fn hash(row: &[f64]) -> u64 {
    row.iter().fold(0, |hash, &value| mix(hash, bits(value)))
}

impl Repeats {
    /// Group the rows of a set that are known by hash; `None` if none repeats another.
    ///
    /// Errors: rows that can no longer be read, and [`crate::Error::Interrupted`].
    pub fn of_rows(rows: &dyn Rows, known: &KnownRows, control: &Control) -> Result<Option<Self>> {
        assert_eq!(known.sorted().len(), rows.len(), "a hash for each row");
        let read = |some: &[usize], out: &mut [f64]| rows.gather(some, out);
        Self::find(known, rows.dim(), read, control)
    }

    /// The same of rows in memory (N x d, row-major).
    pub fn of_values(values: &[f64], d: usize, control: &Control) -> Result<Option<Self>> {
        let hashes: Vec<u64> = values.par_chunks_exact(d).map(hash).collect();
        let read = |some: &[usize], out: &mut [f64]| {
            for (&row, out) in some.iter().zip(out.chunks_exact_mut(d)) {
                out.copy_from_slice(&values[row * d..][..d]);
            }
            Ok(())
        };
        Self::find(&KnownRows::new(&hashes), d, read, control)
    }

    fn find(
        known: &KnownRows,
        d: usize,
        read: impl Fn(&[usize], &mut [f64]) -> Result<()> + Sync,
        control: &Control,
    ) -> Result<Option<Self>> {
        let repeats: Vec<Vec<(usize, usize)>> = suspects(known.sorted())
            .par_iter()
            .map(|rows| compare(rows, d, &read, control))
            .collect::<Result<_>>()?;
        if repeats.iter().all(Vec::is_empty) {
            return Ok(None);
        }
        let mut firsts: Vec<usize> = (0..known.sorted().len()).collect();
        for (row, first) in repeats.into_iter().flatten() {
            firsts[row] = first;
        }
        Ok(Some(Self::grouped(firsts)))
    }

    /// From the first row of equal value of each row.
    fn grouped(firsts: Vec<usize>) -> Self {
        let mut places = firsts;
        let mut starts = vec![0];
        for row in 0..places.len() {
            let first = places[row];
            if first == row {
                places[row] = starts.len() - 1;
                starts.push(1);
            } else {
                places[row] = places[first];
                starts[places[row] + 1] += 1;
            }
        }
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        let mut next = starts.clone();
        let mut members = vec![0; places.len()];
        for (row, &place) in places.iter().enumerate() {
            members[next[place]] = row;
            next[place] += 1;
        }
        Repeats {
            places,
            members,
            starts,
        }
    }

    /// Keep of each row the first one of its value.
    pub fn pack(&self, pack: &mut Pack) {
        let firsts = self.places.iter().map(|&place| self.first(place));
        pack.put_counts("rows.first", firsts);
    }

    /// The same of `n` rows again; `None` where nothing was kept. Errors: an array that does not fit.
    pub fn unpack(pack: &mut Pack, n: usize) -> Result<Option<Self>> {
        if !pack.has("rows.first") {
            return Ok(None);
        }
        let firsts = pack.indices("rows.first", Some(n), n)?;
        let wrong = |row: &usize| firsts[*row] > *row || firsts[firsts[*row]] != firsts[*row];
        match (0..n).find(wrong) {
            Some(row) => Err(pack.fault("rows.first", format!("row {row} follows no first row"))),
            None => Ok(Some(Self::grouped(firsts))),
        }
    }

    /// Rows of the set.
    pub fn rows(&self) -> usize {
        self.places.len()
    }

    /// Different values: rows that repeat no earlier one.
    pub fn distinct(&self) -> usize {
        self.starts.len() - 1
    }

    /// The place of a row's value among the different ones.
    pub fn place(&self, row: usize) -> usize {
        self.places[row]
    }

    /// The rows of the value at `place`, ascending.
    pub fn members(&self, place: usize) -> &[usize] {
        &self.members[self.starts[place]..self.starts[place + 1]]
    }

    /// The first row of the value at `place`.
    pub fn first(&self, place: usize) -> usize {
        self.members[self.starts[place]]
    }

    /// The first row of each value, as a set; its row at a place is numbered as the first row of that value.
    pub fn subset<'a>(&self, rows: &'a dyn Rows) -> Subset<'a> {
        let firsts = (0..self.distinct()).map(|place| self.first(place));
        Subset::new(rows.name(), rows, firsts.collect())
    }

    /// The different values of rows in memory (N x d), in their order.
    pub fn pick(&self, values: &[f64], d: usize) -> Vec<f64> {
        let firsts = (0..self.distinct()).map(|place| self.first(place));
        firsts
            .flat_map(|row| values[row * d..][..d].iter().copied())
            .collect()
    }

    /// What was found for each value, for each row.
    pub fn spread<T: Clone>(&self, found: &[T]) -> Vec<T> {
        let places = self.places.iter();
        places.map(|&place| found[place].clone()).collect()
    }
}

/// Groups of rows of one hash, each ascending.
fn suspects(sorted: &[(u64, usize)]) -> Vec<Vec<usize>> {
    sorted
        .chunk_by(|a, b| a.0 == b.0)
        .filter(|group| group.len() > 1)
        .map(|group| group.iter().map(|&(_, row)| row).collect())
        .collect()
}

/// Of rows of one hash, those that are equal to an earlier one: (row, the first of its value).
fn compare(
    rows: &[usize],
    d: usize,
    read: impl Fn(&[usize], &mut [f64]) -> Result<()>,
    control: &Control,
) -> Result<Vec<(usize, usize)>> {
    let mut known: Vec<(usize, Vec<f64>)> = Vec::new();
    let mut repeats = Vec::new();
    let mut values = Vec::new();
    for part in rows.chunks(chunk_rows(d)) {
        control.check()?;
        values.resize(part.len() * d, 0.0);
        read(part, &mut values)?;
        for (&row, value) in part.iter().zip(values.chunks_exact(d)) {
            match known.iter().find(|(_, other)| other == value) {
                Some(&(first, _)) => repeats.push((row, first)),
                None if known.len() < ALIKE => known.push((row, value.to_vec())),
                None => {}
            }
        }
    }
    Ok(repeats)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;

    #[test]
    fn equal_rows_are_grouped_in_row_order() {
        let values = [
            [1.0, 2.0],
            [0.0, 0.0],
            [1.0, 2.0],
            [3.0, 1.0],
            [-0.0, 0.0],
            [1.0, 2.0],
        ]
        .concat();
        let control = Control::default();
        let found = Repeats::of_values(&values, 2, &control).unwrap().unwrap();
        assert_eq!((found.rows(), found.distinct()), (6, 3));
        let groups = [0, 1, 2].map(|place| found.members(place).to_vec());
        assert_eq!(groups, [vec![0, 2, 5], vec![1, 4], vec![3]]);
        assert_eq!(
            found.spread(&['a', 'b', 'c']).iter().collect::<String>(),
            "abacba"
        );
        assert_eq!(found.pick(&values, 2), [1.0, 2.0, 0.0, 0.0, 3.0, 1.0]);
        let rows = Memory::from_f64("rows", 2, values);
        let hashes: Vec<u64> = [0, 1, 0, 3, 1, 0].to_vec();
        assert_eq!(
            Repeats::of_rows(&rows, &KnownRows::new(&hashes), &control).unwrap(),
            Some(found.clone())
        );
        let subset = found.subset(&rows);
        assert_eq!([0, 1, 2].map(|row| subset.number(row)), [0, 1, 3]);
    }

    /// One hash for all rows: only values count, and beyond [`ALIKE`] values equal rows may stay apart.
    #[test]
    fn a_hash_alone_decides_nothing() {
        let control = Control::default();
        let of = |values: Vec<f64>| {
            let hashes = vec![7; values.len()];
            let rows = Memory::from_f64("rows", 1, values);
            Repeats::of_rows(&rows, &KnownRows::new(&hashes), &control).unwrap()
        };
        assert_eq!(of(vec![1.0, 2.0, 3.0]), None);
        let found = of(vec![1.0, 2.0, 1.0]).unwrap();
        assert_eq!((found.distinct(), found.members(0)), (2, &[0, 2][..]));
        let many: Vec<f64> = (0..2 * ALIKE).map(|i| i as f64).collect();
        let found = of([many.clone(), many.clone()].concat()).unwrap();
        assert_eq!(found.distinct(), 3 * ALIKE);
        assert_eq!(found.members(ALIKE - 1), [ALIKE - 1, 3 * ALIKE - 1]);
    }

    #[test]
    fn rows_that_differ_in_the_last_bit_are_two() {
        let values = [1.0, 1.0 + f64::EPSILON, 1.0 - f64::EPSILON];
        let found = Repeats::of_values(&values, 1, &Control::default());
        assert_eq!(found.unwrap(), None);
    }
}
