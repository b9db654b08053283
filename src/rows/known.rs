//! Tests whether a row occurs in a set, by hash and then value by value.

use super::repeats::hash;
use super::{Pack, Rows};
use crate::error::Result;
use rayon::prelude::*;

/// The rows of a set, by hash: of equal rows only the first. They take 16 bytes a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRows {
    /// The hash and the index of each of these rows, sorted.
    rows: Vec<(u64, usize)>,
}

impl KnownRows {
    /// From the hash ([`mix`](super::mix) over the [`bits`](super::bits) of a row's values, starting from 0) and the index
    /// of the first row of each value, sorted.
    pub(super) fn of_sorted(rows: Vec<(u64, usize)>) -> Self {
        KnownRows { rows }
    }

    /// Packs the hashes and their row indices.
    pub fn pack(&self, pack: &mut Pack) {
        let hashes = self.rows.iter().map(|&(hash, _)| hash).collect();
        pack.put("rows.hash", super::Numbers::U64(hashes));
        pack.put_counts("rows.hashed", self.rows.iter().map(|&(_, row)| row));
    }

    /// Restores it for a set of `n` rows. Errors: arrays that do not fit.
    pub fn unpack(pack: &mut Pack, n: usize) -> Result<Self> {
        let hashes = pack.words("rows.hash", None)?;
        if hashes.len() > n {
            let what = format!("{} hashes for {n} rows", hashes.len());
            return Err(pack.fault("rows.hash", what));
        }
        let rows = pack.indices("rows.hashed", Some(hashes.len()), n)?;
        let rows: Vec<(u64, usize)> = hashes.into_iter().zip(rows).collect();
        match rows.is_sorted_by(|a, b| a < b) {
            true => Ok(KnownRows { rows }),
            false => Err(pack.fault("rows.hash", "the hashes do not ascend")),
        }
    }

    /// How many of `values` (n x d, row-major) occur in `rows`, the set that was hashed. Rows of equal hash are
    /// compared value by value, since hashes can collide.
    ///
    /// Errors: rows that can no longer be read.
    pub fn count(&self, rows: &dyn Rows, values: &[f64]) -> Result<u64> {
        let d = rows.dim();
        let found: Vec<bool> = values
            .par_chunks_exact(d)
            .map(|row| self.has(rows, row))
            .collect::<Result<_>>()?;
        Ok(found.into_iter().filter(|&found| found).count() as u64)
    }

    /// Bytes of memory.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.rows.capacity() * size_of::<(u64, usize)>()
    }

    fn has(&self, rows: &dyn Rows, values: &[f64]) -> Result<bool> {
        let hash = hash(values);
        let first = self.rows.partition_point(|&(known, _)| known < hash);
        let alike = self.rows[first..]
            .iter()
            .take_while(|(known, _)| *known == hash);
        let mut other = vec![0.0; values.len()];
        for &(_, row) in alike {
            rows.read_f64(row, &mut other)?;
            if other == values {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;

    #[test]
    fn rows_are_known_by_value() {
        let rows = Memory::from_f64("rows", 2, vec![1.0, 2.0, 0.0, 3.0, 1.0, 2.0]);
        let known = |mut all: Vec<(u64, usize)>| {
            all.sort_unstable();
            KnownRows::of_sorted(all)
        };
        let first = known(vec![(hash(&[1.0, 2.0]), 0), (hash(&[0.0, 3.0]), 1)]);
        let queries = [1.0, 2.0, 2.0, 1.0, -0.0, 3.0, 1.0, 2.0 + f64::EPSILON * 2.0];
        assert_eq!(first.count(&rows, &queries).unwrap(), 2);
        // All hashes are equal: the values decide.
        let same = known((0..3).map(|row| (hash(&[2.0, 1.0]), row)).collect());
        assert_eq!(same.count(&rows, &[2.0, 1.0]).unwrap(), 0);
    }
}
