//! Parts of a set, without a copy: its first rows, some of its columns; and a set made of another, with its numbers.

use super::{Element, Provenance, Rows};
use crate::error::Result;
use std::sync::Arc;

/// Rows that were made one by one from those of another set, and have their numbers: if some of the files' rows were
/// left out there, the others are still counted as in the files.
pub struct Numbered {
    rows: Arc<dyn Rows>,
    source: Arc<dyn Rows>,
}

impl Numbered {
    /// `rows` with the numbers of `source`, which has as many.
    pub fn like(rows: Arc<dyn Rows>, source: &Arc<dyn Rows>) -> Arc<dyn Rows> {
        assert_eq!(rows.len(), source.len());
        if source.dropped() == 0 && source.provenance().is_none() {
            return rows;
        }
        Arc::new(Numbered {
            rows,
            source: Arc::clone(source),
        })
    }
}

impl Rows for Numbered {
    fn name(&self) -> &str {
        self.rows.name()
    }
    fn len(&self) -> usize {
        self.rows.len()
    }
    fn dim(&self) -> usize {
        self.rows.dim()
    }
    fn element(&self) -> Element {
        self.rows.element()
    }
    fn fits_f32(&self) -> bool {
        self.rows.fits_f32()
    }
    fn read_f32(&self, first: usize, out: &mut [f32]) -> Result<()> {
        self.rows.read_f32(first, out)
    }
    fn read_f64(&self, first: usize, out: &mut [f64]) -> Result<()> {
        self.rows.read_f64(first, out)
    }
    fn gather(&self, rows: &[usize], out: &mut [f64]) -> Result<()> {
        self.rows.gather(rows, out)
    }
    fn dropped(&self) -> u64 {
        self.source.dropped()
    }
    fn resident_bytes(&self) -> u64 {
        self.rows.resident_bytes()
    }
    fn number(&self, row: usize) -> u64 {
        self.source.number(row)
    }
    fn provenance(&self) -> Option<&Provenance> {
        self.source.provenance()
    }
}

/// The first rows of a set.
pub struct Prefix<'a> {
    rows: &'a dyn Rows,
    len: usize,
}

impl<'a> Prefix<'a> {
    /// At most all rows, and at least one.
    pub fn new(rows: &'a dyn Rows, len: usize) -> Self {
        let len = len.clamp(1, rows.len());
        Prefix { rows, len }
    }
}

impl Rows for Prefix<'_> {
    fn name(&self) -> &str {
        self.rows.name()
    }
    fn len(&self) -> usize {
        self.len
    }
    fn dim(&self) -> usize {
        self.rows.dim()
    }
    fn element(&self) -> Element {
        self.rows.element()
    }
    fn fits_f32(&self) -> bool {
        self.rows.fits_f32()
    }
    fn read_f32(&self, first: usize, out: &mut [f32]) -> Result<()> {
        assert!(first * self.dim() + out.len() <= self.len * self.dim());
        self.rows.read_f32(first, out)
    }
    fn read_f64(&self, first: usize, out: &mut [f64]) -> Result<()> {
        assert!(first * self.dim() + out.len() <= self.len * self.dim());
        self.rows.read_f64(first, out)
    }
    fn gather(&self, rows: &[usize], out: &mut [f64]) -> Result<()> {
        self.rows.gather(rows, out)
    }
    fn number(&self, row: usize) -> u64 {
        self.rows.number(row)
    }
    fn provenance(&self) -> Option<&Provenance> {
        self.rows.provenance()
    }
}

/// Some columns of a set, in a given order.
pub struct SomeColumns<'a> {
    rows: &'a dyn Rows,
    columns: Vec<usize>,
}

impl<'a> SomeColumns<'a> {
    /// At least one column; each below the set's dimension.
    pub fn new(rows: &'a dyn Rows, columns: Vec<usize>) -> Self {
        assert!(!columns.is_empty() && columns.iter().all(|&column| column < rows.dim()));
        SomeColumns { rows, columns }
    }

    /// Whole rows to the columns wanted.
    fn pick<T: Copy>(&self, whole: &[T], out: &mut [T]) {
        let rows = whole.chunks_exact(self.rows.dim());
        for (row, out) in rows.zip(out.chunks_exact_mut(self.columns.len())) {
            for (value, &column) in out.iter_mut().zip(&self.columns) {
                *value = row[column];
            }
        }
    }

    /// Numbers of the whole rows behind `out`.
    fn whole(&self, out: usize) -> usize {
        out / self.columns.len() * self.rows.dim()
    }
}

impl Rows for SomeColumns<'_> {
    fn name(&self) -> &str {
        self.rows.name()
    }
    fn len(&self) -> usize {
        self.rows.len()
    }
    fn dim(&self) -> usize {
        self.columns.len()
    }
    fn element(&self) -> Element {
        self.rows.element()
    }
    fn fits_f32(&self) -> bool {
        self.rows.fits_f32()
    }
    fn read_f32(&self, first: usize, out: &mut [f32]) -> Result<()> {
        let mut whole = vec![0.0; self.whole(out.len())];
        self.rows.read_f32(first, &mut whole)?;
        self.pick(&whole, out);
        Ok(())
    }
    fn read_f64(&self, first: usize, out: &mut [f64]) -> Result<()> {
        let mut whole = vec![0.0; self.whole(out.len())];
        self.rows.read_f64(first, &mut whole)?;
        self.pick(&whole, out);
        Ok(())
    }
    fn gather(&self, rows: &[usize], out: &mut [f64]) -> Result<()> {
        let mut whole = vec![0.0; self.whole(out.len())];
        self.rows.gather(rows, &mut whole)?;
        self.pick(&whole, out);
        Ok(())
    }
    fn number(&self, row: usize) -> u64 {
        self.rows.number(row)
    }
    fn provenance(&self) -> Option<&Provenance> {
        self.rows.provenance()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;

    #[test]
    fn parts_read_what_the_whole_holds() {
        let whole = Memory::from_f64("whole", 3, (0..12).map(f64::from).collect());
        let columns = SomeColumns::new(&whole, vec![2, 0]);
        let part = Prefix::new(&columns, 3);
        assert_eq!((part.len(), part.dim(), part.name()), (3, 2, "whole"));
        let (mut double, mut single) = ([0.0; 4], [0f32; 4]);
        part.read_f64(1, &mut double).unwrap();
        part.read_f32(1, &mut single).unwrap();
        assert_eq!(double, [5.0, 3.0, 8.0, 6.0]);
        assert_eq!(single, [5.0, 3.0, 8.0, 6.0]);
        part.gather(&[2, 0], &mut double).unwrap();
        assert_eq!(double, [8.0, 6.0, 2.0, 0.0]);
        assert_eq!(Prefix::new(&whole, 9).len(), 4);
    }
}
