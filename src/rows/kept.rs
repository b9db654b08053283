//! Rows as they were judged, kept in another file than the one they came from: they answer as the set that they are from.

use super::store::Store;
use super::{Element, Provenance, Rows};
use crate::error::Result;

/// What a set says of itself beside its numbers.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SetFacts {
    pub name: String,
    pub rows: usize,
    pub dim: usize,
    /// How the numbers were stored in the first file.
    pub element: Element,
    pub fits_f32: bool,
    pub dropped: u64,
}

impl SetFacts {
    /// Of a set.
    pub fn of(rows: &dyn Rows) -> Self {
        SetFacts {
            name: rows.name().into(),
            rows: rows.len(),
            dim: rows.dim(),
            element: rows.element(),
            fits_f32: rows.fits_f32(),
            dropped: rows.dropped(),
        }
    }

    /// The type in which the rows are kept, which holds every value.
    pub fn kept_as(&self) -> Element {
        match (self.element, self.fits_f32) {
            (Element::U8, true) => Element::U8,
            (_, true) => Element::F32,
            _ => Element::F64,
        }
    }
}

/// Rows in memory that were kept.
pub struct KeptRows {
    rows: Store,
    facts: SetFacts,
    /// Their numbers in the first file, where these are not their places.
    numbers: Option<Vec<u64>>,
}

impl KeptRows {
    /// From the bytes of all rows, in the type that [`SetFacts::kept_as`] says and little-endian; `None` unless the sizes
    /// agree.
    pub fn new(facts: SetFacts, mut bytes: Vec<u8>, numbers: Option<Vec<u64>>) -> Option<Self> {
        let element = facts.kept_as();
        let width = facts.dim.checked_mul(element.size())?;
        let wanted = facts.rows.checked_mul(width)?;
        let numbered = numbers.as_ref().map_or(facts.rows, Vec::len);
        if wanted == 0 || bytes.len() != wanted || numbered != facts.rows {
            return None;
        }
        if cfg!(target_endian = "big") {
            let numbers = bytes.chunks_exact_mut(element.size());
            numbers.for_each(<[u8]>::reverse);
        }
        let rows = Store::in_memory(facts.name.clone(), facts.dim, element, bytes);
        Some(KeptRows {
            rows,
            facts,
            numbers,
        })
    }
}

impl Rows for KeptRows {
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
        self.facts.element
    }
    fn fits_f32(&self) -> bool {
        self.facts.fits_f32
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
        self.facts.dropped
    }
    fn resident_bytes(&self) -> u64 {
        self.rows.resident_bytes()
    }
    fn number(&self, row: usize) -> u64 {
        self.numbers
            .as_ref()
            .map_or(row as u64, |numbers| numbers[row])
    }
    fn provenance(&self) -> Option<&Provenance> {
        self.rows.provenance()
    }
}
