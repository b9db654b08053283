//! The scan of a set on the CPU, and its engine.

use super::cpu::{error_bound, scan_batch};
use super::{Batch, Engine, Floor, Frame, Hits, Scan, own};
use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;

/// The scan on the CPU.
pub struct CpuScan<'a> {
    rows: &'a dyn Rows,
    frame: Frame,
}

impl<'a> CpuScan<'a> {
    /// Computes the frame of the rows (two passes).
    pub fn new(rows: &'a dyn Rows, control: &Control) -> Result<Self> {
        Ok(CpuScan {
            rows,
            frame: Frame::survey(rows, control)?,
        })
    }

    /// For rows with a known frame. Panics unless the frame has a bias for each row.
    pub fn in_frame(rows: &'a dyn Rows, frame: Frame) -> Self {
        assert_eq!(rows.len(), frame.bias.len(), "a frame of the same rows");
        CpuScan { rows, frame }
    }
}

impl Scan for CpuScan<'_> {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn scan_above(&self, batch: &Batch<'_>, _: &[Floor], control: &Control) -> Result<Hits> {
        scan_batch(self.rows, &self.frame, batch, control)
    }

    fn own(&self, k: usize, control: &Control) -> Result<Option<Hits>> {
        let suits = own::suits(&self.frame, k);
        suits
            .then(|| own::scan(self.rows, &self.frame, k, control))
            .transpose()
    }

    fn error_bound(&self, norm: f64, c: f32) -> f64 {
        error_bound(&self.frame, norm, c)
    }
}

/// The engine of [`CpuScan`].
#[derive(Debug, Clone, Copy, Default)]
pub struct CpuEngine;

impl Engine for CpuEngine {
    fn scan_in<'r>(
        &self,
        rows: &'r dyn Rows,
        frame: Frame,
        _: &Control,
    ) -> Result<Box<dyn Scan + 'r>> {
        Ok(Box::new(CpuScan::in_frame(rows, frame)))
    }

    fn describe(&self) -> String {
        format!(
            "cpu, {} threads, {}",
            rayon::current_num_threads(),
            instruction_set()
        )
    }
}

/// The widest vector instructions that the scan uses on this machine.
fn instruction_set() -> String {
    format!("{:?}", pulp::Arch::new())
        .split(['(', ' '])
        .next()
        .map_or_else(
            || "scalar".into(),
            |name| match name {
                "V4" => "AVX-512".into(),
                "V3" => "AVX2".into(),
                "Scalar" => "scalar".into(),
                other => other.to_string(),
            },
        )
}
