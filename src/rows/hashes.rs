//! The hashes of the rows of a set, in little memory where rows repeat.
//!
//! Hashes are kept by chunks of rows, as a pass over the set computes them. A chunk in which few different hashes occur
//! holds each of them once, and for each row a short number that tells which it is: nothing at all if all are equal.

use super::narrow::Narrow;
use rayon::prelude::*;

/// A chunk holds each hash once if it has at least this many rows for each different hash.
const OFTEN: usize = 4;

/// How many occupied places of the table are passed in the search for a hash. Only hashes that were made to collide need
/// more, and such a chunk holds the hash of every row.
const PROBES: usize = 64;

/// A place in the table that holds no hash.
const FREE: u32 = u32::MAX;

/// The hashes of a chunk of consecutive rows, as entries: one for each row, or one for all rows of equal hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChunkHashes {
    /// The hash of each entry, in order of the entries' first rows.
    hashes: Vec<u64>,
    shared: Option<Shared>,
}

/// Which rows of a chunk have which entry.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shared {
    /// The entry of each row.
    entries: Narrow,
    /// The first row of each entry, counted within the chunk.
    firsts: Vec<u32>,
}

impl ChunkHashes {
    /// From the hash of each row. Panics for 2^32 rows or more; a chunk has far fewer.
    pub fn of(hashes: Vec<u64>) -> Self {
        assert!(hashes.len() < FREE as usize, "a chunk of fewer rows");
        let Some((entries, firsts)) = share(&hashes) else {
            return ChunkHashes {
                hashes,
                shared: None,
            };
        };
        let entries = entries.into_iter().map(|entry| entry as usize);
        ChunkHashes {
            hashes: firsts.iter().map(|&row| hashes[row as usize]).collect(),
            shared: Some(Shared {
                entries: Narrow::of(entries, firsts.len() - 1),
                firsts,
            }),
        }
    }

    /// Whether entries are shared, so that at least two rows have the same hash.
    pub fn repeats(&self) -> bool {
        self.shared.is_some()
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        let shared = self.shared.as_ref();
        shared.map_or(self.hashes.len(), |shared| shared.entries.len())
    }

    /// The hash of each row.
    pub fn into_words(self) -> Vec<u64> {
        match &self.shared {
            Some(shared) => shared.entries.iter().map(|at| self.hashes[at]).collect(),
            None => self.hashes,
        }
    }

    /// Bytes of memory.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        let shared = self.shared.as_ref();
        self.hashes.capacity() * 8
            + shared.map_or(0, |all| all.entries.bytes() + all.firsts.capacity() * 4)
    }
}

/// The entry of each row and the first row of each entry, if there are few enough entries.
fn share(hashes: &[u64]) -> Option<(Vec<u32>, Vec<u32>)> {
    let most = hashes.len() / OFTEN;
    if most == 0 {
        return None;
    }
    let mut table = vec![FREE; (2 * most).next_power_of_two()];
    let mask = table.len() - 1;
    let (mut entries, mut firsts) = (Vec::with_capacity(hashes.len()), Vec::<u32>::new());
    for (row, &hash) in hashes.iter().enumerate() {
        let mut places = (0..PROBES).map(|step| (hash as usize).wrapping_add(step) & mask);
        let known = |entry: u32| hashes[firsts[entry as usize] as usize] == hash;
        let place = places.find(|&place| table[place] == FREE || known(table[place]))?;
        if table[place] == FREE {
            if firsts.len() == most {
                return None;
            }
            table[place] = firsts.len() as u32;
            firsts.push(row as u32);
        }
        entries.push(table[place]);
    }
    firsts.shrink_to_fit();
    Some((entries, firsts))
}

/// The entries of all chunks of a set, numbered through in row order, without their hashes.
pub(super) struct Entries {
    chunks: Vec<Chunk>,
    rows: usize,
    entries: usize,
}

/// One chunk of [`Entries`].
pub(super) struct Chunk {
    /// The index of its first row and of its first entry.
    pub row: usize,
    pub entry: usize,
    pub rows: usize,
    shared: Option<Shared>,
}

impl Entries {
    /// Takes the chunks of a set apart: the entries of their rows, and each hash with its entry, sorted.
    pub fn sorted(chunks: Vec<ChunkHashes>) -> (Self, Vec<(u64, usize)>) {
        let entries = chunks.iter().map(|chunk| chunk.hashes.len()).sum();
        let mut sorted = Vec::with_capacity(entries);
        let mut all = Entries {
            chunks: Vec::with_capacity(chunks.len()),
            rows: 0,
            entries,
        };
        for chunk in chunks {
            all.chunks.push(Chunk {
                row: all.rows,
                entry: sorted.len(),
                rows: chunk.rows(),
                shared: None,
            });
            all.rows += chunk.rows();
            let first = sorted.len();
            sorted.extend(chunk.hashes.into_iter().zip(first..));
            all.chunks.last_mut().expect("just pushed").shared = chunk.shared;
        }
        sorted.par_sort_unstable();
        (all, sorted)
    }

    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// The first row of an entry.
    pub fn first(&self, entry: usize) -> usize {
        let after = self.chunks.partition_point(|chunk| chunk.entry <= entry);
        let chunk = &self.chunks[after - 1];
        chunk.first(entry - chunk.entry)
    }
}

impl Chunk {
    /// The first row of the chunk's entry number `at`.
    pub fn first(&self, at: usize) -> usize {
        let shared = self.shared.as_ref();
        self.row + shared.map_or(at, |shared| shared.firsts[at] as usize)
    }

    /// The chunk's entry of its row number `at`.
    pub fn at(&self, at: usize) -> usize {
        let shared = self.shared.as_ref();
        shared.map_or(at, |shared| shared.entries.get(at))
    }
}
