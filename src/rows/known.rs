//! Whether a row is among those of a set, value by value.

use super::repeats::hash;
use super::{Pack, Rows};
use crate::error::Result;
use rayon::prelude::*;

/// The rows of a set, by hash: 16 bytes a row.
#[derive(Debug, Clone)]
pub struct KnownRows {
    /// Of each row its hash and its number, sorted.
    rows: Vec<(u64, usize)>,
}

impl KnownRows {
    /// From the hashes of all rows ([`mix`](super::mix) over the [`bits`](super::bits) of a row's values, from 0).
    pub fn new(hashes: &[u64]) -> Self {
        let mut rows: Vec<(u64, usize)> = hashes.iter().copied().zip(0..).collect();
        rows.par_sort_unstable();
        KnownRows { rows }
    }

    /// Keep the hashes, in their order, and the rows that they are of.
    pub fn pack(&self, pack: &mut Pack) {
        let hashes = self.rows.iter().map(|&(hash, _)| hash).collect();
        pack.put("rows.hash", super::Numbers::U64(hashes));
        pack.put_counts("rows.hashed", self.rows.iter().map(|&(_, row)| row));
    }

    /// The same of `n` rows again. Errors: arrays that do not fit.
    pub fn unpack(pack: &mut Pack, n: usize) -> Result<Self> {
        let hashes = pack.words("rows.hash", Some(n))?;
        let rows = pack.indices("rows.hashed", Some(n), n)?;
        let rows: Vec<(u64, usize)> = hashes.into_iter().zip(rows).collect();
        match rows.is_sorted_by(|a, b| a < b) {
            true => Ok(KnownRows { rows }),
            false => Err(pack.fault("rows.hash", "the hashes do not ascend")),
        }
    }

    /// Of each row its hash and its number, sorted.
    pub(super) fn sorted(&self) -> &[(u64, usize)] {
        &self.rows
    }

    /// How many of `values` (n x d, row-major) are among `rows`, the set that the hashes are of. Rows of one hash are
    /// compared value by value: a hash alone decides nothing.
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
        let hashes: Vec<u64> = [[1.0, 2.0], [0.0, 3.0], [1.0, 2.0]]
            .iter()
            .map(|r| hash(r))
            .collect();
        let queries = [1.0, 2.0, 2.0, 1.0, -0.0, 3.0, 1.0, 2.0 + f64::EPSILON * 2.0];
        assert_eq!(KnownRows::new(&hashes).count(&rows, &queries).unwrap(), 2);
        // One hash for all: values decide.
        let same = [hash(&[2.0, 1.0]); 3];
        assert_eq!(KnownRows::new(&same).count(&rows, &[2.0, 1.0]).unwrap(), 0);
    }
}
