//! What a row becomes before anything is asked of it. A mapped set is itself [`Rows`].

use crate::error::Result;
pub use crate::rows::normalise;
use crate::rows::{Element, Rows};

/// Rows scaled to unit Euclidean length; a zero row stays zero.
pub struct Unit<'a>(pub &'a dyn Rows);

impl Rows for Unit<'_> {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn element(&self) -> Element {
        Element::F64
    }
    fn fits_f32(&self) -> bool {
        false
    }
    fn read_f32(&self, first: usize, out: &mut [f32]) -> Result<()> {
        let mut exact = vec![0.0; out.len()];
        self.read_f64(first, &mut exact)?;
        for (out, value) in out.iter_mut().zip(exact) {
            *out = value as f32;
        }
        Ok(())
    }
    fn read_f64(&self, first: usize, out: &mut [f64]) -> Result<()> {
        self.0.read_f64(first, out)?;
        normalise(out, self.dim());
        Ok(())
    }
    fn number(&self, row: usize) -> u64 {
        self.0.number(row)
    }
}
