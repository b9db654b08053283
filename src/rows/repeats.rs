//! The rows of a set, grouped by value, so that work on equal rows is done once.
//!
//! A set may hold hundreds of millions of rows, most of them equal, so numbers are stored in as few bits as possible, and
//! consecutive equal rows together: the groups of N equal rows take no memory that grows with N.

mod find;

use super::hashes::ChunkHashes;
use super::narrow::Narrow;
use super::{KnownRows, Pack, Rows, Subset, chunk_rows};
use crate::control::Control;
use crate::error::Result;
use rayon::prelude::*;

/// The rows of a set, grouped by value. It exists only where at least one row repeats another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeats {
    /// For each row, the index of its value among the distinct values, which are in order of their first rows.
    places: Narrow,
    /// The first row of each run of consecutive equal rows: those of the first value, ascending, then those of the
    /// second, and so on.
    runs: Narrow,
    /// Where each value's runs start in `runs`; the last entry is their total number.
    starts: Narrow,
    /// The number of rows of each value.
    counts: Narrow,
}

/// Mixes a value into a running hash (the multiply-xorshift finaliser of splitmix64, Steele et al. 2014).
#[inline]
pub fn mix(hash: u64, value: u64) -> u64 {
    let mut z = (hash ^ value).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The bits of a value, the same for 0 and -0.
#[inline]
pub fn bits(value: f64) -> u64 {
    (value + 0.0).to_bits()
}

/// The hash of a row: [`mix`] over the [`bits`] of its values, starting from 0.
pub(super) fn hash(row: &[f64]) -> u64 {
    row.iter().fold(0, |hash, &value| mix(hash, bits(value)))
}

impl Repeats {
    /// Groups the rows of a set by their hashes; `None` if no row repeats another. Also returns the rows by hash, the
    /// first of each value.
    ///
    /// Errors: rows that can no longer be read, and [`crate::Error::Interrupted`].
    pub(crate) fn of_rows(
        rows: &dyn Rows,
        hashes: Vec<ChunkHashes>,
        control: &Control,
    ) -> Result<(Option<Self>, KnownRows)> {
        let count: usize = hashes.iter().map(ChunkHashes::rows).sum();
        assert_eq!(count, rows.len(), "a hash for each row");
        let read = |some: &[usize], out: &mut [f64]| read_some(rows, some, out);
        find::find(hashes, rows.dim(), &read, control)
    }

    /// Groups rows in memory (N x d, row-major); otherwise as `of_rows`.
    pub fn of_values(values: &[f64], d: usize, control: &Control) -> Result<Option<Self>> {
        let hashes = values
            .par_chunks(chunk_rows(d) * d)
            .map(|chunk| ChunkHashes::of(chunk.chunks_exact(d).map(hash).collect()))
            .collect();
        let read = |some: &[usize], out: &mut [f64]| {
            for (&row, out) in some.iter().zip(out.chunks_exact_mut(d)) {
                out.copy_from_slice(&values[row * d..][..d]);
            }
            Ok(())
        };
        Ok(find::find(hashes, d, &read, control)?.0)
    }

    /// From the value of each row, an index among the `distinct` values in order of their first rows.
    fn of_places(places: Narrow, distinct: usize) -> Self {
        let n = places.len();
        let begins = |&row: &usize| row == 0 || places.get(row - 1) != places.get(row);
        let runs = (0..n).filter(begins);
        let mut starts = Narrow::zeros(distinct + 1, n);
        let mut counts = Narrow::zeros(distinct, n);
        for row in 0..n {
            let place = places.get(row);
            counts.set(place, counts.get(place) + 1);
        }
        for row in runs.clone() {
            let after = places.get(row) + 1;
            starts.set(after, starts.get(after) + 1);
        }
        for place in 1..=distinct {
            starts.set(place, starts.get(place - 1) + starts.get(place));
        }
        // Each entry of `starts` moves to the end of its value's runs, which is where the next value's start.
        let mut all = Narrow::zeros(starts.get(distinct), n - 1);
        for row in runs {
            let place = places.get(row);
            let at = starts.get(place);
            all.set(at, row);
            starts.set(place, at + 1);
        }
        for place in (1..=distinct).rev() {
            starts.set(place, starts.get(place - 1));
        }
        starts.set(0, 0);
        let most = counts.iter().max().unwrap_or(0);
        Repeats {
            starts: Narrow::of(starts.iter(), all.len()),
            counts: Narrow::of(counts.iter(), most),
            runs: all,
            places,
        }
    }

    /// Packs, for each row, the first row of equal value.
    pub fn pack(&self, pack: &mut Pack) {
        let firsts = self.places.iter().map(|place| self.first(place));
        pack.put_counts("rows.first", firsts);
    }

    /// Restores it for a set of `n` rows; `None` where nothing was packed. Errors: an array that does not fit.
    pub fn unpack(pack: &mut Pack, n: usize) -> Result<Option<Self>> {
        if !pack.has("rows.first") {
            return Ok(None);
        }
        let mut firsts = pack.indices("rows.first", Some(n), n)?;
        let wrong = |row: &usize| firsts[*row] > *row || firsts[firsts[*row]] != firsts[*row];
        if let Some(row) = (0..n).find(wrong) {
            return Err(pack.fault("rows.first", format!("row {row} follows no first row")));
        }
        let mut distinct = 0;
        for row in 0..n {
            if firsts[row] == row {
                firsts[row] = distinct;
                distinct += 1;
            } else {
                firsts[row] = firsts[firsts[row]];
            }
        }
        let places = Narrow::of(firsts.into_iter(), distinct.saturating_sub(1));
        Ok(Some(Self::of_places(places, distinct)))
    }

    /// The number of rows of the set.
    pub fn rows(&self) -> usize {
        self.places.len()
    }

    /// The number of distinct values.
    pub fn distinct(&self) -> usize {
        self.counts.len()
    }

    /// The index of a row's value among the distinct values.
    pub fn place(&self, row: usize) -> usize {
        self.places.get(row)
    }

    /// The rows of the value with index `place`, ascending.
    pub fn members(&self, place: usize) -> impl Iterator<Item = usize> + '_ {
        let runs = self.starts.get(place)..self.starts.get(place + 1);
        runs.flat_map(move |run| {
            let rows = self.runs.get(run)..self.rows();
            rows.take_while(move |&row| self.place(row) == place)
        })
    }

    /// The number of rows of the value with index `place`.
    pub fn count(&self, place: usize) -> usize {
        self.counts.get(place)
    }

    /// The first row of the value with index `place`.
    pub fn first(&self, place: usize) -> usize {
        self.runs.get(self.starts.get(place))
    }

    /// The set of the first rows of all values; its rows keep their numbers.
    pub fn subset<'a>(&self, rows: &'a dyn Rows) -> Subset<'a> {
        let firsts = (0..self.distinct()).map(|place| self.first(place));
        Subset::new(rows.name(), rows, firsts.collect())
    }

    /// The distinct values among rows in memory (N x d), in order of their first rows.
    pub fn pick(&self, values: &[f64], d: usize) -> Vec<f64> {
        let firsts = (0..self.distinct()).map(|place| self.first(place));
        firsts
            .flat_map(|row| values[row * d..][..d].iter().copied())
            .collect()
    }

    /// Expands results per distinct value to results per row.
    pub fn spread<T: Clone>(&self, found: &[T]) -> Vec<T> {
        let places = self.places.iter();
        places.map(|place| found[place].clone()).collect()
    }

    /// Bytes of memory.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        let all = [&self.places, &self.runs, &self.starts, &self.counts];
        all.into_iter().map(Narrow::bytes).sum()
    }
}

/// Reads the listed rows, which ascend. If they are at least half of a range of rows, the whole range is read, since a
/// request for each row may take far longer.
fn read_some(rows: &dyn Rows, some: &[usize], out: &mut [f64]) -> Result<()> {
    let (Some(&first), Some(&last)) = (some.first(), some.last()) else {
        return Ok(());
    };
    let (d, count) = (rows.dim(), last - first + 1);
    if some.len() < 2 || count.div_ceil(2) > some.len() {
        return rows.gather(some, out);
    }
    if count == some.len() {
        return rows.read_f64(first, out);
    }
    let mut range = vec![0.0; count * d];
    rows.read_f64(first, &mut range)?;
    for (row, out) in some.iter().zip(out.chunks_exact_mut(d)) {
        out.copy_from_slice(&range[(row - first) * d..][..d]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;

    /// Groups rows of one number by made-up hashes, which come in chunks of `step` rows.
    fn grouped(values: &[f64], hashes: &[u64], step: usize) -> (Option<Repeats>, KnownRows) {
        let rows = Memory::from_f64("rows", 1, values.to_vec());
        let chunks = hashes.chunks(step);
        let chunks = chunks.map(|chunk| ChunkHashes::of(chunk.to_vec()));
        Repeats::of_rows(&rows, chunks.collect(), &Control::default()).unwrap()
    }

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
        let groups = [0, 1, 2].map(|place| found.members(place).collect::<Vec<_>>());
        assert_eq!(groups, [vec![0, 2, 5], vec![1, 4], vec![3]]);
        assert_eq!(
            found.spread(&['a', 'b', 'c']).iter().collect::<String>(),
            "abacba"
        );
        assert_eq!(found.pick(&values, 2), [1.0, 2.0, 0.0, 0.0, 3.0, 1.0]);
        let rows = Memory::from_f64("rows", 2, values);
        let hashes = vec![ChunkHashes::of(vec![0, 1, 0, 3, 1, 0])];
        let again = Repeats::of_rows(&rows, hashes, &control).unwrap();
        assert_eq!(again.0, Some(found.clone()));
        let subset = found.subset(&rows);
        assert_eq!([0, 1, 2].map(|row| subset.number(row)), [0, 1, 3]);
    }

    /// With one hash for all rows, only values count; beyond [`find::ALIKE`] distinct values, equal rows may stay
    /// undetected.
    #[test]
    fn a_hash_alone_decides_nothing() {
        const ALIKE: usize = find::ALIKE;
        let of = |values: &[f64]| grouped(values, &vec![7; values.len()], values.len()).0;
        assert_eq!(of(&[1.0, 2.0, 3.0]), None);
        let found = of(&[1.0, 2.0, 1.0]).unwrap();
        assert!(found.distinct() == 2 && found.members(0).eq([0, 2]));
        let many: Vec<f64> = (0..2 * ALIKE).map(|i| i as f64).collect();
        assert_eq!(of(&many), None);
        let found = of(&[many.clone(), many.clone()].concat()).unwrap();
        assert_eq!(found.distinct(), 3 * ALIKE);
        assert!(found.members(ALIKE - 1).eq([ALIKE - 1, 3 * ALIKE - 1]));
    }

    /// The first row of equal value for each row, found one row after the other: of each hash, the first rows of so many
    /// values are known.
    fn plain(values: &[f64], hashes: &[u64]) -> Vec<usize> {
        let mut known: Vec<usize> = Vec::new();
        let mut first = |row: usize| {
            let of_hash = known.iter().filter(|&&other| hashes[other] == hashes[row]);
            let of_hash: Vec<usize> = of_hash.copied().collect();
            match of_hash.iter().find(|&&other| values[other] == values[row]) {
                Some(&other) => other,
                None => {
                    known.extend((of_hash.len() < find::ALIKE).then_some(row));
                    row
                }
            }
        };
        (0..values.len()).map(&mut first).collect()
    }

    /// Few and many values, alone and in runs, with hashes that tell them apart, that collide, or that tell nothing, in
    /// chunks of every kind.
    #[test]
    fn groups_are_those_of_a_plain_search() {
        let mut state = 1;
        let mut random = |below: u64| {
            state = mix(state, 1);
            state % below
        };
        for case in 0..400 {
            let n = 1 + random(120) as usize;
            let (values, stay) = ([1, 2, 3, 12, 60, 10_000][case % 6], 1 + random(4));
            let mut now = 0;
            let of = |now: &mut u64, random: &mut dyn FnMut(u64) -> u64| {
                *now = if random(stay) == 0 {
                    random(values)
                } else {
                    *now
                };
                *now as f64
            };
            let rows: Vec<f64> = (0..n).map(|_| of(&mut now, &mut random)).collect();
            let kinds = [u64::MAX, 40, 5, 1][case / 6 % 4];
            let hashes: Vec<u64> = rows.iter().map(|&v| mix(0, bits(v)) % kinds).collect();
            let (found, known) = grouped(&rows, &hashes, 1 + random(130) as usize);
            let firsts = plain(&rows, &hashes);
            let distinct: Vec<usize> = (0..n).filter(|&row| firsts[row] == row).collect();
            assert_eq!(found.is_none(), distinct.len() == n);
            let mut by_hash: Vec<_> = distinct.iter().map(|&row| (hashes[row], row)).collect();
            by_hash.sort_unstable();
            assert_eq!(known, KnownRows::of_sorted(by_hash));
            let Some(found) = found else { continue };
            assert_eq!((found.rows(), found.distinct()), (n, distinct.len()));
            for (place, &first) in distinct.iter().enumerate() {
                let members: Vec<usize> = (0..n).filter(|&row| firsts[row] == first).collect();
                assert!(members.iter().all(|&row| found.place(row) == place));
                let told = (found.first(place), found.count(place));
                assert_eq!(told, (first, members.len()));
                assert!(found.members(place).eq(members));
            }
            let mut pack = Pack::new("");
            found.pack(&mut pack);
            assert_eq!(Repeats::unpack(&mut pack, n).unwrap(), Some(found));
        }
    }

    /// What is kept of equal rows does not grow with their number; a few values in any order take their number's bits
    /// for each row and one row number for each run.
    #[test]
    fn equal_rows_take_little_memory() {
        let n = 300_000;
        let hashes = |values: &[f64]| {
            let step = chunk_rows(1);
            let chunk =
                |chunk: &[f64]| ChunkHashes::of(chunk.iter().map(|&v| hash(&[v])).collect());
            values.chunks(step).map(chunk).collect::<Vec<_>>()
        };
        let bytes = |values: Vec<f64>| {
            let hashes = hashes(&values);
            let before: usize = hashes.iter().map(ChunkHashes::bytes).sum();
            let rows = Memory::from_f64("rows", 1, values);
            let (found, known) = Repeats::of_rows(&rows, hashes, &Control::default()).unwrap();
            (before, found.map_or(0, |all| all.bytes()) + known.bytes())
        };
        let (before, after) = bytes(vec![2.5; n]);
        assert!(before < 200 && after < 200, "{before} and {after} bytes");
        let three = (0..n).map(|row| (mix(0, row as u64) % 3) as f64);
        let (before, after) = bytes(three.collect());
        assert!(before < n / 4 + 500, "{before} bytes");
        assert!(after < 2 * n, "{after} bytes");
        let (before, after) = bytes((0..n).map(|row| row as f64).collect());
        assert!(
            before <= 8 * n && after <= 16 * n,
            "{before} and {after} bytes"
        );
    }

    #[test]
    fn rows_that_differ_in_the_last_bit_are_two() {
        let values = [1.0, 1.0 + f64::EPSILON, 1.0 - f64::EPSILON];
        let found = Repeats::of_values(&values, 1, &Control::default());
        assert_eq!(found.unwrap(), None);
    }
}
