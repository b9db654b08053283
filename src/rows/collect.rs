//! Rows that are made one after the other, kept in memory or, over a budget, in a spool file.
//!
//! Network features and mapped sets are asked for again and again; made once, they are ordinary rows.

use super::store::{Bytes, FilePart, FixedRows, Store, Transform};
use super::{Element, Provenance, Rows, chunk_rows};
use crate::control::Control;
use crate::error::{Error, Result};
use rayon::prelude::*;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

/// A set of f32 or f64 rows being made.
pub struct Collector {
    name: String,
    dim: usize,
    element: Element,
    budget: u64,
    folder: PathBuf,
    len: usize,
    held: Vec<u8>,
    spool: Option<File>,
}

impl Collector {
    /// Nothing yet: numbers will be stored as `element`, f32 or f64. `budget` are the bytes that may stay in memory; a
    /// spool file goes to the system's temporary folder.
    pub fn new(name: impl Into<String>, dim: usize, element: Element, budget: u64) -> Self {
        Collector {
            name: name.into(),
            dim,
            element,
            budget,
            folder: std::env::temp_dir(),
            len: 0,
            held: Vec::new(),
            spool: None,
        }
    }

    /// Add whole rows (n x dim) of the element's type.
    pub fn push<T: bytemuck::NoUninit>(&mut self, values: &[T]) -> Result<()> {
        assert!(values.len().is_multiple_of(self.dim), "rows must be whole");
        assert_eq!(size_of::<T>(), self.element.size(), "numbers of one type");
        self.len += values.len() / self.dim;
        self.held.extend_from_slice(bytemuck::cast_slice(values));
        // A vector doubles as it grows: what is held may take twice its length.
        if self.spool.is_none() && 2 * self.held.len() as u64 > self.budget {
            let made = tempfile::tempfile_in(&self.folder);
            self.spool = Some(made.map_err(|error| self.failed(error))?);
        }
        if let Some(spool) = &mut self.spool {
            let written = spool.write_all(&self.held);
            self.held.clear();
            written.map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    fn failed(&self, error: std::io::Error) -> Error {
        Error::io("write a spool file in", &self.folder, error)
    }

    /// The rows; at least one must have come.
    pub fn finish(mut self) -> Store {
        let width = (self.dim * self.element.size()) as u64;
        let bytes = match self.spool {
            None => {
                self.held.shrink_to_fit();
                Bytes::Resident(self.held)
            }
            Some(file) => Bytes::File(FixedRows {
                file: file.into(),
                path: self.folder.join("(spool file)"),
                offset: 0,
                stride: width,
                foreign: false,
            }),
        };
        let part = FilePart {
            name: self.name.clone(),
            first: 0,
            len: self.len,
            bytes,
        };
        Store {
            name: self.name,
            dim: self.dim,
            axes: vec![self.dim],
            element: self.element,
            parts: vec![part],
            transform: Transform::default(),
            dropped: Vec::new(),
            len: self.len,
            about: Provenance::default(),
        }
    }
}

/// The bytes of a number of rows that are kept.
pub(crate) fn kept_size(rows: &dyn Rows) -> usize {
    kept_as(rows).size()
}

/// Rows are kept to the last digit.
fn kept_as(rows: &dyn Rows) -> Element {
    match rows.fits_f32() {
        true => Element::F32,
        false => Element::F64,
    }
}

/// The same rows made once and kept, in f32 where that holds all of their numbers and in f64 otherwise.
pub(crate) fn keep(rows: &dyn Rows, budget: u64, control: &Control) -> Result<Store> {
    let mut kept = Collector::new(rows.name(), rows.dim(), kept_as(rows), budget);
    match kept.element {
        Element::F32 => collect(rows, &mut kept, control, |first, out: &mut [f32]| {
            rows.read_f32(first, out)
        })?,
        _ => collect(rows, &mut kept, control, |first, out: &mut [f64]| {
            rows.read_f64(first, out)
        })?,
    }
    Ok(kept.finish())
}

/// Read all rows, some on each thread, into `kept`.
fn collect<T: bytemuck::Pod + Send>(
    rows: &dyn Rows,
    kept: &mut Collector,
    control: &Control,
    read: impl Fn(usize, &mut [T]) -> Result<()> + Sync,
) -> Result<()> {
    let (n, d) = (rows.len(), rows.dim());
    let step = chunk_rows(d);
    // A few chunks a thread at a time, so that what is in the air stays small.
    let together = step * 4 * rayon::current_num_threads();
    for first in (0..n).step_by(together) {
        control.check()?;
        let mut values = vec![T::zeroed(); together.min(n - first) * d];
        values
            .par_chunks_mut(step * d)
            .enumerate()
            .try_for_each(|(chunk, out)| read(first + chunk * step, out))?;
        kept.push(&values)?;
        control.advance((values.len() / d) as u64);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;

    #[test]
    fn kept_and_spooled_rows_are_the_same() {
        let values: Vec<f32> = (0..3000).map(|v| v as f32 * 0.5).collect();
        let rows = Memory::from_f32("rows", 3, values.clone());
        for budget in [0, u64::MAX] {
            let kept = keep(&rows, budget, &Control::default()).unwrap();
            assert_eq!((kept.len(), kept.dim()), (1000, 3));
            assert_eq!(kept.resident_bytes() > 0, budget > 0);
            let mut out = vec![0f32; 3000];
            kept.read_f32(0, &mut out).unwrap();
            assert_eq!(out, values);
        }
    }

    #[test]
    fn numbers_beyond_f32_are_kept_in_f64() {
        let values: Vec<f64> = (0..3000).map(|v| f64::from(v) / 7.0).collect();
        let rows = Memory::from_f64("rows", 3, values.clone());
        for budget in [0, u64::MAX] {
            let kept = keep(&rows, budget, &Control::default()).unwrap();
            assert_eq!((kept.len(), kept.fits_f32()), (1000, false));
            let mut out = vec![0f64; 3000];
            kept.read_f64(0, &mut out).unwrap();
            assert_eq!(out, values);
        }
    }
}
