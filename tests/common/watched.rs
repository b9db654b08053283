//! Rows that say when they are read, for tests of what is not read again and of what is seen meanwhile.

use hullscope::rows::{Element, Rows};

/// Rows that call a function with how many of them are read, before each reading.
pub struct Watched<'r> {
    pub rows: &'r dyn Rows,
    pub seen: &'r (dyn Fn(usize) + Sync),
}

impl Rows for Watched<'_> {
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
    fn read_f32(&self, first: usize, out: &mut [f32]) -> hullscope::Result<()> {
        (self.seen)(out.len() / self.dim());
        self.rows.read_f32(first, out)
    }
    fn read_f64(&self, first: usize, out: &mut [f64]) -> hullscope::Result<()> {
        (self.seen)(out.len() / self.dim());
        self.rows.read_f64(first, out)
    }
    fn resident_bytes(&self) -> u64 {
        self.rows.resident_bytes()
    }
}
