//! A few uploaded rows, fetched back and compared with what was sent.
//!
//! Every proof rests on the rows being on the device. A driver that loses a whole upload, or a file that changed between
//! two readings, most often shows here, before any answer; the rows that are not looked at are taken to be there.

use super::device::{Device, Trouble};
use super::pipeline::Pass;
use super::store::{Chunk, Source};
use super::tile::{GatherParams, padded};
use crate::scan::cpu;
use crate::scan::rounding::storing_error;

/// Rows of a chunk that are looked at: the first, the last, and evenly spaced ones.
const ROWS: usize = 16;

/// Compare rows of a filled chunk. Trouble: [`Trouble::Bug`] if one is not what the source says.
pub fn check(device: &mut Device, source: &Source<'_>, chunk: &Chunk) -> Result<(), Trouble> {
    let d = source.frame.dim();
    let looked = ROWS.min(chunk.count);
    let rows: Vec<u32> = (0..looked)
        .map(|i| (i * (chunk.count - 1) / (looked - 1).max(1)) as u32)
        .collect();
    let found = fetch(device, source, chunk, &rows)?;
    let mut sent = vec![0.0; d];
    for (&row, found) in rows.iter().zip(found.chunks_exact(d)) {
        let row = chunk.first + row as usize;
        cpu::framed(source.rows, source.frame, row, source.factor, &mut sent)?;
        let wrong = |(&found, &sent): (&f32, &f32)| {
            let error = storing_error(source.stored.bytes(), f64::from(sent));
            (f64::from(found) - f64::from(sent)).abs() > error
        };
        if let Some(column) = found.iter().zip(&sent).position(wrong) {
            return Err(Trouble::Bug(format!(
                "row {row} of {} is not on the device as it was sent: column {column} is {} there and {} here (did the \
                 file change?)",
                source.rows.name(),
                found[column],
                sent[column]
            )));
        }
    }
    Ok(())
}

fn fetch(
    device: &mut Device,
    source: &Source<'_>,
    chunk: &Chunk,
    rows: &[u32],
) -> Result<Vec<f32>, Trouble> {
    let d = source.frame.dim();
    let params = GatherParams {
        count: rows.len() as u32,
        columns: d as u32,
        depth: padded(d) as u32,
        rows: chunk.count as u32,
    };
    let list = device.filled("rows to fetch", rows)?;
    let gathered = device.buffer("fetched rows", (4 * rows.len() * d) as u64)?;
    let variant = source.variant(Pass::Gather, false);
    let groups = (rows.len() * d).div_ceil(variant.threads() as usize);
    let mut encoder = device.record();
    device.dispatch(
        &mut encoder,
        variant,
        &params,
        &[&chunk.x, &list, &gathered],
        groups as u64,
    )?;
    device.submit(encoder)?;
    device.read(&gathered, rows.len() * d)
}
