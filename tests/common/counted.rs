//! Rows that count how many of them are read, for tests of what is not read again.

use hullscope::rows::{Element, Rows};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Rows that count how many of them are read.
pub struct Counted<'r>(pub &'r dyn Rows, pub AtomicUsize);

impl Rows for Counted<'_> {
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
        self.0.element()
    }
    fn fits_f32(&self) -> bool {
        self.0.fits_f32()
    }
    fn read_f32(&self, first: usize, out: &mut [f32]) -> hullscope::Result<()> {
        self.1.fetch_add(out.len() / self.dim(), Relaxed);
        self.0.read_f32(first, out)
    }
    fn read_f64(&self, first: usize, out: &mut [f64]) -> hullscope::Result<()> {
        self.1.fetch_add(out.len() / self.dim(), Relaxed);
        self.0.read_f64(first, out)
    }
    fn resident_bytes(&self) -> u64 {
        self.0.resident_bytes()
    }
}
