//! From the device's lists to answers: exact scores on the host, and the proof that nothing better was left out.

use super::tile::Entry;
use crate::error::Result;
use crate::rows::Rows;
use crate::scan::Frame;
use crate::scan::topk::order;
use rayon::prelude::*;

/// Numbers of gathered rows that one task holds.
const GATHER: usize = 1 << 19;

/// One direction and what the device found for it.
pub struct Found<'a> {
    /// w, in the frame.
    pub direction: &'a [f32],
    pub c: f32,
    pub entries: &'a [Entry],
    /// An upper bound, in the frame's units, on the exact score of every row that is not in `entries`.
    pub missed: f64,
    /// How far below the last stated score a better row may hide: the scan's stated bound.
    pub allowed: f64,
}

/// The k best rows with exact scores, or nothing where a row that was left out may be better than allowed.
pub type Answer = Option<(Vec<f32>, Vec<usize>)>;

/// Finish every direction.
pub fn finish(
    rows: &dyn Rows,
    frame: &Frame,
    found: &[Found<'_>],
    k: usize,
) -> Result<Vec<Answer>> {
    let most = found
        .iter()
        .map(|one| one.entries.len())
        .max()
        .unwrap_or(1)
        .max(1);
    let part = (GATHER / most / frame.dim()).max(1);
    let parts: Vec<Vec<Answer>> = found
        .par_chunks(part)
        .map(|part| finish_part(rows, frame, part, k))
        .collect::<Result<_>>()?;
    Ok(parts.into_iter().flatten().collect())
}

/// The same for a few directions, which often share rows: each row is gathered once.
fn finish_part(
    rows: &dyn Rows,
    frame: &Frame,
    found: &[Found<'_>],
    k: usize,
) -> Result<Vec<Answer>> {
    let d = frame.dim();
    let listed = |one: &Found<'_>| {
        one.entries
            .iter()
            .filter_map(|entry| entry.row().map(|row| row as usize))
            .collect()
    };
    let lists: Vec<Vec<usize>> = found.iter().map(listed).collect();
    let mut wanted: Vec<usize> = lists.concat();
    wanted.sort_unstable();
    wanted.dedup();
    let mut values = vec![0.0; wanted.len() * d];
    rows.gather(&wanted, &mut values)?;
    let mut lengths = Vec::new();
    if found.iter().any(|one| one.c != 0.0) {
        let square = |row: &[f64]| {
            row.iter()
                .zip(&frame.centre)
                .map(|(x, m)| ((x - m) * frame.euclid).powi(2))
                .sum::<f64>()
        };
        lengths = values.chunks_exact(d).map(square).collect();
    }
    frame.apply(&mut values);
    for (at, row) in wanted.iter().enumerate() {
        if frame.far.contains(*row) {
            values[at * d..(at + 1) * d].fill(0.0);
            if let Some(length) = lengths.get_mut(at) {
                *length = -2.0 * f64::from(frame.bias[*row]);
            }
        }
    }
    let score = |one: &Found<'_>, row: usize| {
        // Every listed row was put into `wanted`.
        let at = wanted.partition_point(|&known| known < row);
        let product: f64 = values[at * d..(at + 1) * d]
            .iter()
            .zip(one.direction)
            .map(|(x, &w)| x * f64::from(w))
            .sum();
        match one.c {
            0.0 => product as f32,
            c => (product - 0.5 * f64::from(c) * lengths[at]) as f32,
        }
    };
    let answers = found.iter().zip(&lists).map(|(one, list)| {
        let mut ranked: Vec<(f32, usize)> =
            list.iter().map(|&row| (score(one, row), row)).collect();
        ranked.sort_unstable_by(|&a, &b| order(a, b));
        ranked.truncate(k);
        let last = ranked
            .last()
            .map_or(f64::NEG_INFINITY, |(score, _)| f64::from(*score));
        let complete = list.len() == rows.len() || one.missed <= last + one.allowed;
        (complete && ranked.len() == k).then(|| ranked.into_iter().unzip())
    });
    Ok(answers.collect())
}
