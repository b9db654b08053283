//! A few uploaded rows, fetched back and compared with what was sent.
//!
//! Every proof assumes that the rows are on the device. A lost upload, or a file that changed between two readings,
//! usually shows here, before any answer; rows that are not compared are assumed to be there.

use super::chunk::{Chunk, Upload};
use super::device::{Device, Trouble};
use super::integers;
use super::pass::Pass;
use super::tile::{GatherParams, Stored};
use crate::scan::cpu;
use crate::scan::rounding::storing_error;
use bytemuck::Pod;
use std::fmt::Display;

/// How many rows of a chunk are compared: the first, the last, and evenly spaced ones.
const ROWS: usize = 16;

/// Compare rows of a filled chunk. Errors: [`Trouble::Bug`] if one differs from the source.
pub fn check(device: &mut Device, source: &Upload<'_>, chunk: &Chunk) -> Result<(), Trouble> {
    let d = source.frame.dim();
    let looked = ROWS.min(chunk.count);
    let rows: Vec<u32> = (0..looked)
        .map(|i| (i * (chunk.count - 1) / (looked - 1).max(1)) as u32)
        .collect();
    if source.stored == Stored::Int8 {
        return check_words(device, source, chunk, &rows);
    }
    let found: Vec<f32> = fetch(device, source, chunk, &rows)?;
    let mut sent = vec![0.0; d];
    for (&row, found) in rows.iter().zip(found.chunks_exact(d)) {
        let row = chunk.first + row as usize;
        cpu::framed(source.rows, source.frame, row, source.factor, &mut sent)?;
        let wrong = |(&found, &sent): (&f32, &f32)| {
            let error = storing_error(source.stored.bytes(), f64::from(sent));
            (f64::from(found) - f64::from(sent)).abs() > error
        };
        if let Some(column) = found.iter().zip(&sent).position(wrong) {
            return Err(other(source, row, column, found[column], sent[column]));
        }
    }
    Ok(())
}

/// The same for rows in eight bits, which must be equal to the last bit.
fn check_words(
    device: &mut Device,
    source: &Upload<'_>,
    chunk: &Chunk,
    rows: &[u32],
) -> Result<(), Trouble> {
    let d = source.frame.dim();
    let found: Vec<u32> = fetch(device, source, chunk, rows)?;
    let mut framed = vec![0.0; d];
    for (&row, found) in rows.iter().zip(found.chunks_exact(source.elements())) {
        let row = chunk.first + row as usize;
        cpu::framed(source.rows, source.frame, row, source.factor, &mut framed)?;
        let (sent, _) = integers::rows(&framed, d, &source.frame.bias[row..=row]);
        if let Some(word) = (0..sent.len()).find(|&word| found[word] != sent[word]) {
            let as_words = |word: u32| format!("{word:08x} in eight bits");
            let (found, sent) = (as_words(found[word]), as_words(sent[word]));
            return Err(other(source, row, 4 * word, found, sent));
        }
    }
    Ok(())
}

/// The error for a row that differs from the one sent.
fn other<T: Display>(source: &Upload<'_>, row: usize, column: usize, there: T, here: T) -> Trouble {
    Trouble::Bug(format!(
        "row {row} of {} is not on the device as it was sent: column {column} is {there} there and {here} here (did the \
         file change?)",
        source.rows.name()
    ))
}

/// Rows of a chunk as they are stored on the device.
fn fetch<T: Pod>(
    device: &mut Device,
    source: &Upload<'_>,
    chunk: &Chunk,
    rows: &[u32],
) -> Result<Vec<T>, Trouble> {
    let columns = source.elements();
    let params = GatherParams {
        count: rows.len() as u32,
        columns: columns as u32,
        depth: source.depth() as u32,
        rows: chunk.count as u32,
    };
    let list = device.filled("rows to fetch", rows)?;
    let gathered = device.buffer("fetched rows", (4 * rows.len() * columns) as u64)?;
    let variant = source.variant(Pass::Gather, false);
    let groups = (rows.len() * columns).div_ceil(variant.threads() as usize);
    let mut encoder = device.record();
    device.dispatch(
        &mut encoder,
        variant,
        &params,
        &[&chunk.x, &list, &gathered],
        groups as u64,
    )?;
    device.submit(encoder)?;
    device.read(&gathered, rows.len() * columns)
}
