//! The GPU version of the scan: WGSL passes over packed rows; the host computes the final scores in f64.
//!
//! ```text
//! rows -> pack -> [ scan: maximum of each 32 rows -> select spans -> rescore -> select rows -> merge ] -> lists
//! lists -> exact scores in f64 -> the k best, if what was left out is proven to be no better
//! ```
//!
//! The device proposes a few more rows than wanted, and for each direction an upper bound on the score of any other row
//! ([`DeviceError`](super::rounding::DeviceError), with the lengths of the rows left out). The stated scores are exact
//! ones rounded to f32, so they are the same on every adapter, and so are the rows wherever the proof is strict. A
//! precision that cannot prove its answer to within [`Scan::error_bound`](super::Scan::error_bound) passes the
//! direction to the next: f16 or int8, then f32, then the CPU. In eight bits (`integers`) the device ranks rows by an
//! upper bound on each score, and the host computes scores in that order until the remaining rows are proved to be
//! worse. After a failure the device is opened again and continues with smaller chunks from the last finished chunk;
//! after several failures the CPU takes over, with a warning.
//!
//! What is assumed, not proved: the device continues to compute as it did in its checks. It computes the largest scores
//! of the rows left out and the lengths of rows, and each variant of a pass is compared with its twin on this adapter
//! before its first use (`trust`). A few rows of each uploaded chunk are fetched back and compared (`spot`).

pub mod adapters;
mod batch;
pub mod cache;
#[doc(hidden)]
pub mod check;
mod chunk;
#[doc(hidden)]
pub mod device;
mod engine;
#[doc(hidden)]
pub mod faults;
mod finish;
mod integers;
pub(crate) mod layer;
#[doc(hidden)]
pub mod needs;
#[doc(hidden)]
pub mod pass;
#[doc(hidden)]
pub mod pipeline;
mod precision_stage;
mod recovery;
mod scan;
mod shape;
mod spot;
mod store;
mod stored;
#[doc(hidden)]
pub mod tile;
mod tiny;
mod trust;
mod tune;
#[doc(hidden)]
pub mod twin;

pub use engine::{GpuEngine, Proven};
pub use scan::GpuScan;

use faults::Faults;
use tile::Tile;

/// The element type that the device stores and multiplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// f16 where a matrix unit makes it faster, int8 where it was measured to be faster still, f32 for directions that
    /// these cannot prove.
    #[default]
    Auto,
    F32,
    /// f16 first, if the adapter supports it.
    F16,
    /// Eight bits first, f32 for directions that eight bits cannot prove.
    Int8,
}

/// How to use an adapter.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub precision: Precision,
    /// The most device memory to use, in bytes.
    pub memory: Option<u64>,
    /// Do not use the matrix unit: a bench times f16 with and without it.
    pub no_matrix_unit: bool,
    /// For tests: a fixed tile, loops not unrolled, small chunks, injected faults.
    #[doc(hidden)]
    pub tile: Option<Tile>,
    #[doc(hidden)]
    pub rolled: bool,
    #[doc(hidden)]
    pub chunk: Option<usize>,
    #[doc(hidden)]
    pub faults: Faults,
}
