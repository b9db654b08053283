//! Finds the rows of a set that repeat an earlier one.
//!
//! Rows of equal hash are read again and compared value by value, since hashes can collide. 0 and -0 are equal.

use super::Repeats;
use crate::control::Control;
use crate::error::Result;
use crate::rows::hashes::{Chunk, ChunkHashes, Entries};
use crate::rows::narrow::Narrow;
use crate::rows::{KnownRows, chunk_rows};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// How many different rows of one hash are distinguished; further ones are so rare that repeats among them may stay
/// undetected.
pub(super) const ALIKE: usize = 8;

/// Reads the listed rows, which ascend.
type Read<'a> = dyn Fn(&[usize], &mut [f64]) -> Result<()> + Sync + 'a;

/// Groups rows of `d` numbers by their hashes and values; `None` if no row repeats another. Also returns the rows by
/// hash, the first of each value.
pub(super) fn find(
    hashes: Vec<ChunkHashes>,
    d: usize,
    read: &Read<'_>,
    control: &Control,
) -> Result<(Option<Repeats>, KnownRows)> {
    let (entries, mut sorted) = Entries::sorted(hashes);
    let alone = sorted.windows(2).all(|pair| pair[0].0 != pair[1].0);
    if alone && entries.len() == entries.rows() {
        // The entry of each row is the row's index.
        return Ok((None, KnownRows::of_sorted(sorted)));
    }
    let leaders = leaders(&sorted, &entries);
    let others = others(&entries, &leaders, d, read, control)?;
    sorted.dedup_by_key(|&mut (hash, _)| hash);
    sorted.shrink_to_fit();
    let mut known = sorted;
    let new = new_values(&known, &others);
    known
        .par_iter_mut()
        .for_each(|pair| pair.1 = entries.first(pair.1));
    known.extend(new);
    known.par_sort_unstable();
    let distinct = known.len();
    let found = (distinct < entries.rows()).then(|| {
        let places = places(&entries, leaders, &others, distinct);
        Repeats::of_places(places, distinct)
    });
    Ok((found, KnownRows::of_sorted(known)))
}

/// For each entry, the first entry of the same hash.
fn leaders(sorted: &[(u64, usize)], entries: &Entries) -> Narrow {
    // Later they are replaced by indices of values, of which there are at most as many as rows.
    let mut leaders = Narrow::of(0..entries.len(), entries.rows() - 1);
    for group in sorted.chunk_by(|a, b| a.0 == b.0) {
        for &(_, entry) in &group[1..] {
            leaders.set(entry, group[0].1);
        }
    }
    leaders
}

/// A row that differs from the first row of its hash.
struct Other {
    row: usize,
    /// The first row of its value, as far as that is known.
    first: usize,
    /// The first entry of its hash.
    leader: usize,
}

/// The rows that differ from the first row of their hash, ascending.
fn others(
    entries: &Entries,
    leaders: &Narrow,
    d: usize,
    read: &Read<'_>,
    control: &Control,
) -> Result<Vec<Other>> {
    let found: Vec<Box<[(usize, usize)]>> = entries
        .chunks()
        .par_iter()
        .map(|chunk| {
            control.check()?;
            differing(chunk, entries, leaders, d, read)
        })
        .collect::<Result<_>>()?;
    let mut found: Vec<(usize, usize)> = found.concat();
    found.sort_unstable();
    let groups: Vec<&[(usize, usize)]> = found.chunk_by(|a, b| a.0 == b.0).collect();
    let others: Vec<Vec<Other>> = groups
        .par_iter()
        .map(|group| compare(group, d, read, control))
        .collect::<Result<_>>()?;
    let mut others: Vec<Other> = others.into_iter().flatten().collect();
    others.sort_unstable_by_key(|other| other.row);
    Ok(others)
}

/// The rows of a chunk that differ from the first row of their hash, each after the first entry of the hash.
fn differing(
    chunk: &Chunk,
    entries: &Entries,
    leaders: &Narrow,
    d: usize,
    read: &Read<'_>,
) -> Result<Box<[(usize, usize)]>> {
    let each = (0..chunk.rows).filter_map(|at| {
        let (row, entry) = (chunk.row + at, chunk.at(at));
        let leader = leaders.get(chunk.entry + entry);
        let leads = leader == chunk.entry + entry && row == chunk.first(entry);
        (!leads).then_some((leader, row))
    });
    let mut found: Vec<(usize, usize)> = each.collect();
    if found.is_empty() {
        return Ok(Box::default());
    }
    let mut led: Vec<usize> = found.iter().map(|pair| pair.0).collect();
    led.sort_unstable();
    led.dedup();
    let firsts: Vec<usize> = led.iter().map(|&leader| entries.first(leader)).collect();
    let mut values = vec![0.0; firsts.len() * d];
    read(&firsts, &mut values)?;
    let rows: Vec<usize> = found.iter().map(|pair| pair.1).collect();
    let mut own = vec![0.0; rows.len() * d];
    read(&rows, &mut own)?;
    let mut own = own.chunks_exact(d);
    found.retain(|(leader, _)| {
        let at = led.partition_point(|known| known < leader);
        own.next() != Some(&values[at * d..][..d])
    });
    // Without the room of the many rows that do not differ.
    Ok(found.into_boxed_slice())
}

/// Compares the rows of one hash that differ from the first of them, given ascending and each after the first entry of
/// the hash.
fn compare(
    rows: &[(usize, usize)],
    d: usize,
    read: &Read<'_>,
    control: &Control,
) -> Result<Vec<Other>> {
    let mut known: Vec<(usize, Vec<f64>)> = Vec::new();
    let mut others = Vec::with_capacity(rows.len());
    let mut values = Vec::new();
    for part in rows.chunks(chunk_rows(d)) {
        control.check()?;
        let numbers: Vec<usize> = part.iter().map(|pair| pair.1).collect();
        values.resize(part.len() * d, 0.0);
        read(&numbers, &mut values)?;
        for (&(leader, row), value) in part.iter().zip(values.chunks_exact(d)) {
            let like = known.iter().find(|(_, other)| other == value);
            let first = like.map_or(row, |known| known.0);
            if first == row && known.len() + 1 < ALIKE {
                known.push((row, value.to_vec()));
            }
            others.push(Other { row, first, leader });
        }
    }
    Ok(others)
}

/// The hash and the row of each row that is the first of its value, but not the first of its hash. `known` holds each
/// hash with its first entry.
fn new_values(known: &[(u64, usize)], others: &[Other]) -> Vec<(u64, usize)> {
    let mut led: Vec<usize> = others.iter().map(|other| other.leader).collect();
    led.sort_unstable();
    led.dedup();
    let of_others = |pair: &&(u64, usize)| led.binary_search(&pair.1).is_ok();
    let hashes: BTreeMap<usize, u64> = known
        .iter()
        .filter(of_others)
        .map(|&(hash, leader)| (leader, hash))
        .collect();
    let new = others.iter().filter(|other| other.row == other.first);
    new.map(|other| (hashes[&other.leader], other.row))
        .collect()
}

/// For each row, the index of its value among the `distinct` values in order of their first rows.
fn places(entries: &Entries, leaders: Narrow, others: &[Other], distinct: usize) -> Narrow {
    let mut places = Narrow::zeros(entries.rows(), distinct - 1);
    // The first entry of the hash for entries that are still to come, the index of the value for the others.
    let mut values = leaders;
    let mut others = others.iter().peekable();
    let mut next = 0;
    let mut fresh = || {
        next += 1;
        next - 1
    };
    for chunk in entries.chunks() {
        for at in 0..chunk.rows {
            let (row, local) = (chunk.row + at, chunk.at(at));
            let entry = chunk.entry + local;
            if row == chunk.first(local) {
                let leader = values.get(entry);
                let value = match leader == entry {
                    true => fresh(),
                    false => values.get(leader),
                };
                values.set(entry, value);
            }
            let place = match others.next_if(|other| other.row == row) {
                Some(other) if other.first == row => fresh(),
                Some(other) => places.get(other.first),
                None => values.get(entry),
            };
            places.set(row, place);
        }
    }
    places
}
