//! Reads rows in chunks on all threads and returns results in row order; every pass over a set in f64 uses it.

use super::Rows;
use crate::control::Control;
use crate::error::Result;
use rayon::prelude::*;

/// Numbers decoded at a time: a megabyte, which stays in cache.
const CHUNK: usize = 1 << 17;

/// Rows that one task decodes at a time.
pub(crate) fn chunk_rows(dim: usize) -> usize {
    (CHUNK / dim).max(1)
}

/// Maps chunks of rows (first row, values) in parallel and folds the results in row order.
pub(crate) fn map_chunks<T: Send>(
    rows: &dyn Rows,
    control: &Control,
    work: impl Fn(usize, &[f64]) -> T + Sync,
) -> Result<Vec<T>> {
    let (n, d) = (rows.len(), rows.dim());
    let step = chunk_rows(d);
    (0..n.div_ceil(step))
        .into_par_iter()
        .map_init(Vec::new, |buffer, chunk| {
            control.check()?;
            let first = chunk * step;
            buffer.resize(step.min(n - first) * d, 0.0);
            rows.read_f64(first, buffer)?;
            Ok(work(first, buffer))
        })
        .collect()
}

/// Chunks whose results are held at a time by [`fold_chunks`].
const GROUP: usize = 64;

/// Read all rows in chunks of `step`, in parallel, and give `merge` each chunk's result (first row, result) in row
/// order. At most [`GROUP`] results are held, however many rows there are.
pub(crate) fn fold_chunks<T: Send>(
    rows: &dyn Rows,
    step: usize,
    control: &Control,
    work: impl Fn(usize, &mut [f64]) -> T + Sync,
    mut merge: impl FnMut(usize, T),
) -> Result<()> {
    let (n, d) = (rows.len(), rows.dim());
    let chunks = n.div_ceil(step);
    for group in (0..chunks).step_by(GROUP) {
        let parts: Vec<T> = (group..chunks.min(group + GROUP))
            .into_par_iter()
            .map_init(Vec::new, |buffer, chunk| {
                control.check()?;
                let first = chunk * step;
                buffer.resize(step.min(n - first) * d, 0.0);
                rows.read_f64(first, buffer)?;
                Ok(work(first, buffer))
            })
            .collect::<Result<_>>()?;
        for (chunk, part) in (group..).zip(parts) {
            merge(chunk * step, part);
        }
    }
    Ok(())
}
