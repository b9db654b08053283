//! The GPU twin of the scan: WGSL passes on packed rows, answers finished in f64 on the host.
//!
//! ```text
//! rows -> pack -> [ scan: maximum of each 32 rows -> select spans -> rescore -> select rows -> merge ] -> lists
//! lists -> exact scores in f64 -> the k best, if what was left out is proven to be no better
//! ```
//!
//! The device proposes a few more rows than wanted and says, for each direction, the most that any other row can score
//! ([`DeviceError`](super::rounding::DeviceError) with the lengths of the rows left out). The scores stated are exact ones rounded to f32, so they
//! are the same on every adapter, and so are the rows wherever the proof is strict. A precision that cannot prove its
//! answers to the bound of [`Scan::error_bound`](super::Scan::error_bound) hands the direction to the next: f16 or int8, f32, then
//! the CPU. In eight bits (`integers`) the device ranks rows by the most that each can score, and the host scores them
//! in that order until the rest is proven to be worse. A device
//! that fails is opened again with smaller chunks, from the last finished chunk on; after a few failures the CPU
//! takes over and says so.
//!
//! What is believed of a device is that it goes on computing as in its checks: the largest scores of the rows left out
//! and the lengths of rows are its own, and each variant of a pass was held against its twin on this adapter before it
//! was first used (`trust`). The rows that it works on are looked at where they lie, a few of each chunk (`spot`).

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
    /// f16 where a matrix unit makes it faster, int8 where it was measured to be faster still, f32 for what neither can
    /// prove.
    #[default]
    Auto,
    F32,
    /// f16 first, wherever the adapter has it.
    F16,
    /// Eight bits first, f32 for what they cannot prove.
    Int8,
}

/// How to use an adapter.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub precision: Precision,
    /// Device memory to use at most, in bytes.
    pub memory: Option<u64>,
    /// Leave the matrix unit alone: a bench times f16 with and without it.
    pub no_matrix_unit: bool,
    /// For tests: a fixed tile, loops left as they are, small chunks, planted faults.
    #[doc(hidden)]
    pub tile: Option<Tile>,
    #[doc(hidden)]
    pub rolled: bool,
    #[doc(hidden)]
    pub chunk: Option<usize>,
    #[doc(hidden)]
    pub faults: Faults,
}
