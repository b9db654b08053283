//! Where vectors come from: one trait over every file format, every memory layout and every generator.
//!
//! A [`Rows`] is an immutable N x d table of finite numbers that can be read by row range from any number of
//! threads. [`open()`] recognises a file by its content. Nothing here knows what the rows are for.

mod assemble;
mod bin;
mod checked;
mod chunks;
mod collect;
mod content;
mod csv;
mod decode;
mod fingerprint;
mod idx;
pub mod images;
pub mod law;
mod list;
mod messages;
mod npy;
mod npz;
mod open;
pub(crate) mod pages;
mod parquet;
mod repeats;
mod safetensors;
pub mod sample;
mod shape;
mod spread;
pub mod store;
mod subset;
pub mod synthetic;
mod vecs;
pub mod view;

pub(crate) use chunks::{chunk_rows, fold_chunks, map_chunks};
pub use collect::Collector;
pub(crate) use collect::{keep, kept_size};
pub use content::content_hash;
pub use fingerprint::fingerprint;
pub use law::Law;
pub use list::RowList;
pub(crate) use open::check_there;
pub use open::{OpenOptions, open};
pub use repeats::{Repeats, bits, mix};
pub use spread::{Spreads, spreads};
pub use store::{Memory, Store};
pub use subset::Subset;

use crate::error::Result;

/// The type in which numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Element {
    F16,
    BF16,
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Bool,
}

impl Element {
    /// Bytes a number.
    pub const fn size(self) -> usize {
        match self {
            Element::I8 | Element::U8 | Element::Bool => 1,
            Element::F16 | Element::BF16 | Element::I16 | Element::U16 => 2,
            Element::F32 | Element::I32 | Element::U32 => 4,
            Element::F64 | Element::I64 | Element::U64 => 8,
        }
    }

    /// Whether every value of this type is exactly an `f32`.
    pub const fn fits_f32(self) -> bool {
        !matches!(
            self,
            Element::F64 | Element::I32 | Element::I64 | Element::U32 | Element::U64
        )
    }

    /// Whether the type can hold NaN or infinity.
    pub const fn is_float(self) -> bool {
        matches!(
            self,
            Element::F16 | Element::BF16 | Element::F32 | Element::F64
        )
    }
}

/// N rows of d finite numbers each.
///
/// Rows are numbered from 0 without gaps; [`Rows::number`] gives the number in the file, which differs where
/// rows were dropped. Values are exactly those stored, in `f64`: integers that it does not hold are refused.
pub trait Rows: Send + Sync {
    /// What the user called this set, for messages.
    fn name(&self) -> &str;

    /// N, at least 1.
    fn len(&self) -> usize;

    /// Whether there are no rows; never true for a set that [`open()`] returned.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// d, at least 1.
    fn dim(&self) -> usize;

    /// The axes of one row where the file gives them, such as [height, width] of an image; their product is d.
    fn axes(&self) -> Vec<usize> {
        vec![self.dim()]
    }

    /// How the numbers are stored.
    fn element(&self) -> Element;

    /// Whether every value is exactly an `f32`, so that [`Rows::read_f32`] loses nothing.
    fn fits_f32(&self) -> bool;

    /// Rows `first ..` into `out` (row-major, a whole number of rows), rounded to nearest.
    ///
    /// Panics if the range is not inside the set; errors only if the file can no longer be read.
    fn read_f32(&self, first: usize, out: &mut [f32]) -> Result<()>;

    /// Rows `first ..` into `out` (row-major, a whole number of rows), exact.
    fn read_f64(&self, first: usize, out: &mut [f64]) -> Result<()>;

    /// The named rows, in that order, into `out` (`rows.len() * dim`).
    fn gather(&self, rows: &[usize], out: &mut [f64]) -> Result<()> {
        for (&row, out) in rows.iter().zip(out.chunks_exact_mut(self.dim())) {
            self.read_f64(row, out)?;
        }
        Ok(())
    }

    /// Rows of the file that were left out: for a NaN or an infinity, or because they were named.
    fn dropped(&self) -> u64 {
        0
    }

    /// Bytes of rows that are kept in memory.
    fn resident_bytes(&self) -> u64 {
        0
    }

    /// The number of this row in the file it came from.
    fn number(&self, row: usize) -> u64 {
        row as u64
    }
}

/// Scale rows (n x d, row-major) to unit length in place, without overflow or underflow; zero rows stay zero.
pub fn normalise(rows: &mut [f64], d: usize) {
    for row in rows.chunks_exact_mut(d) {
        let largest = row.iter().fold(0f64, |most, v| most.max(v.abs()));
        if largest == 0.0 {
            continue;
        }
        let length = row
            .iter()
            .map(|v| (v / largest).powi(2))
            .sum::<f64>()
            .sqrt();
        for value in row {
            *value = *value / largest / length;
        }
    }
}
