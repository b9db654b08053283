//! Reads vectors: one trait over every file format, memory layout and generator.
//!
//! A [`Rows`] is an immutable N x d table of finite numbers that can be read by row range from any number of threads.
//! [`open()`] recognises a file by its content. This module does not depend on how the rows are used.

mod archive;
mod array;
mod arrow_columns;
mod arrow_messages;
mod arrow_values;
mod assemble;
mod bin;
mod blosc;
mod borrowed;
mod checked;
mod chunks;
mod collect;
mod columns;
mod content;
mod counting;
mod csv;
mod decode;
mod faiss;
mod fingerprint;
mod format;
mod formats;
mod guarded;
mod handle;
mod hashes;
mod hdf5;
mod idx;
mod image_columns;
pub mod images;
mod input;
mod json;
mod kept;
mod known;
pub mod law;
mod list;
mod lzf;
mod members;
mod narrow;
mod npy;
mod npz;
mod open;
mod options;
mod pack;
mod packed;
mod parquet;
pub(crate) mod parquet_pages;
pub mod pass;
mod pickle;
mod pipe;
mod provenance;
mod read_at;
mod refused;
mod repeats;
mod safetensors;
pub mod sample;
mod saved;
mod settings;
pub mod sharded;
mod size_check;
mod sources;
mod spread;
pub mod store;
mod subset;
pub mod synthetic;
mod table;
mod texts;
mod torch;
mod values;
mod vecs;
mod vector_text;
pub mod view;
mod watch;
mod words;
mod zarr;

pub use borrowed::{Borrowed, Stored};
pub(crate) use chunks::{chunk_rows, fold_chunks, map_chunks};
pub use collect::Collector;
pub(crate) use collect::{keep, kept_size};
pub use columns::{Choice, Columns, LeftOut};
pub use content::content_hash;
pub(crate) use fingerprint::check_repeatable;
pub use fingerprint::{fingerprint, named_files};
pub(crate) use hashes::ChunkHashes;
pub(crate) use input::{open_expected, open_file};
pub use kept::{KeptRows, SetFacts};
pub use known::KnownRows;
pub use law::Law;
pub use list::RowList;
pub use open::open;
pub(crate) use open::{check_there, like};
pub use options::OpenOptions;
pub use pack::{Numbers, Pack};
pub(crate) use provenance::said;
pub use provenance::{FileRow, Provenance};
pub use repeats::{Repeats, bits, mix};
pub use settings::RowSettings;
pub use sources::Order;
pub(crate) use sources::PIPE;
pub(crate) use spread::Differ;
pub use spread::{Spreads, spreads};
pub use store::{Memory, Store};
pub use subset::Subset;
pub use texts::Texts;
pub(crate) use values::texts;
pub use values::{Values, column};
pub use watch::Watch;

use crate::error::Result;

/// The type in which numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Element {
    F8E4M3,
    F8E5M2,
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
    /// The size of a number, in bytes.
    pub const fn size(self) -> usize {
        match self {
            Element::I8 | Element::U8 | Element::Bool | Element::F8E4M3 | Element::F8E5M2 => 1,
            Element::F16 | Element::BF16 | Element::I16 | Element::U16 => 2,
            Element::F32 | Element::I32 | Element::U32 => 4,
            Element::F64 | Element::I64 | Element::U64 => 8,
        }
    }

    /// Whether `f32` represents every value of this type exactly.
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
            Element::F8E4M3
                | Element::F8E5M2
                | Element::F16
                | Element::BF16
                | Element::F32
                | Element::F64
        )
    }
}

/// The types that the user can name for files that do not state one, with their names.
const NAMED: [(&str, Element); 4] = [
    ("f8e4m3", Element::F8E4M3),
    ("f8e5m2", Element::F8E5M2),
    ("f16", Element::F16),
    ("bf16", Element::BF16),
];

impl std::str::FromStr for Element {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wanted = text.to_lowercase().replace('_', "");
        let found = NAMED.iter().find(|(name, _)| *name == wanted);
        found.map(|&(_, element)| element).ok_or_else(|| {
            format!("{text:?} is not a type of numbers that files leave unnamed; write bf16, f16, f8e4m3 or f8e5m2")
        })
    }
}

impl std::fmt::Display for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

/// N rows of d finite numbers each.
///
/// Rows are numbered from 0 without gaps; [`Rows::number`] gives the number in the file, which differs where
/// rows were dropped. Values are exactly those stored, as `f64`: integers that `f64` does not represent are refused.
pub trait Rows: Send + Sync {
    /// The user's name of this set, for messages.
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

    /// The type in which the numbers are stored.
    fn element(&self) -> Element;

    /// Whether `f32` represents every value exactly, so that [`Rows::read_f32`] loses nothing.
    fn fits_f32(&self) -> bool;

    /// Reads rows from `first` on into `out` (row-major, a whole number of rows), rounded to nearest.
    ///
    /// Panics if the range is not inside the set; errors only if the file can no longer be read.
    fn read_f32(&self, first: usize, out: &mut [f32]) -> Result<()> {
        rounded(out, |exact| self.read_f64(first, exact))
    }

    /// Reads rows from `first` on into `out` (row-major, a whole number of rows), exactly.
    fn read_f64(&self, first: usize, out: &mut [f64]) -> Result<()>;

    /// Reads the listed rows, in that order, into `out` (`rows.len() * dim`).
    fn gather(&self, rows: &[usize], out: &mut [f64]) -> Result<()> {
        for (&row, out) in rows.iter().zip(out.chunks_exact_mut(self.dim())) {
            self.read_f64(row, out)?;
        }
        Ok(())
    }

    /// The number of rows of the file that were left out: for a NaN or an infinity, or because the user excluded them.
    fn dropped(&self) -> u64 {
        0
    }

    /// The number of bytes of rows that are kept in memory.
    fn resident_bytes(&self) -> u64 {
        0
    }

    /// The number of this row in the file it came from; in a set of several files, counted through all of them.
    fn number(&self, row: usize) -> u64 {
        row as u64
    }

    /// Where the rows come from: files, ids, labels, columns.
    fn provenance(&self) -> Option<&Provenance> {
        None
    }

    /// The sharded set that holds the rows, and which of its rows these are; None for rows on this machine.
    fn shards(&self) -> Option<sharded::Share<'_>> {
        None
    }
}

/// Fills `out` with the numbers that `read` gives, rounded to nearest.
fn rounded(out: &mut [f32], read: impl FnOnce(&mut [f64]) -> Result<()>) -> Result<()> {
    let mut exact = vec![0.0; out.len()];
    read(&mut exact)?;
    for (out, value) in out.iter_mut().zip(exact) {
        *out = value as f32;
    }
    Ok(())
}

/// Scales rows (n x d, row-major) to unit length in place, without overflow or underflow; zero rows stay zero.
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
