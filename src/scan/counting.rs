//! An engine that counts the work of its scans: directions by the precision that proved them, operations, and time.

use super::{Batch, Engine, Floor, Frame, Hits, Scan, small_sets};
use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The counted work of scans.
#[derive(Debug, Clone, Default)]
pub struct ScanCounts {
    /// Directions answered, by the precision that proved the answer.
    pub directions: BTreeMap<String, u64>,
    /// Floating-point operations (a multiply and an add are two), and the time they took.
    pub flop: u64,
    pub time: Duration,
}

impl ScanCounts {
    /// Operations a second, in 10^9.
    pub fn gflop_per_second(&self) -> f64 {
        self.flop as f64 * 1e-9 / self.time.as_secs_f64().max(1e-9)
    }
}

/// Wraps another engine and counts the work of all its scans.
pub struct CountingEngine<'e> {
    engine: &'e dyn Engine,
    counts: Arc<Mutex<ScanCounts>>,
}

impl<'e> CountingEngine<'e> {
    pub fn new(engine: &'e dyn Engine) -> Self {
        CountingEngine {
            engine,
            counts: Arc::default(),
        }
    }

    /// The counts of all its scans so far.
    pub fn counts(&self) -> ScanCounts {
        lock(&self.counts).clone()
    }

    /// Wraps a scan, so that its work is counted here.
    pub fn counted<'r>(&self, scan: Box<dyn Scan + 'r>) -> Box<dyn Scan + 'r> {
        Box::new(CountingScan {
            scan,
            counts: Arc::clone(&self.counts),
        })
    }
}

impl Engine for CountingEngine<'_> {
    fn scan_in<'r>(
        &self,
        rows: &'r dyn Rows,
        frame: Frame,
        control: &Control,
    ) -> Result<Box<dyn Scan + 'r>> {
        Ok(self.counted(self.engine.scan_in(rows, frame, control)?))
    }

    fn describe(&self) -> String {
        self.engine.describe()
    }

    fn take_warnings(&self) -> Vec<String> {
        self.engine.take_warnings()
    }

    fn small(&self) -> Option<&dyn small_sets::Propose> {
        self.engine.small()
    }
}

struct CountingScan<'r> {
    scan: Box<dyn Scan + 'r>,
    counts: Arc<Mutex<ScanCounts>>,
}

impl CountingScan<'_> {
    /// Counts a scan of `directions` directions; `proved` has the number of them that each precision proved.
    fn count(&self, directions: usize, proved: &[(&'static str, u64)], began: Instant) {
        let time = began.elapsed();
        let mut counts = lock(&self.counts);
        counts.flop += 2 * (self.len() * self.dim() * directions) as u64;
        counts.time += time;
        for (precision, directions) in proved {
            let known = counts.directions.entry((*precision).into());
            *known.or_default() += directions;
        }
    }
}

impl Scan for CountingScan<'_> {
    fn len(&self) -> usize {
        self.scan.len()
    }

    fn frame(&self) -> &Frame {
        self.scan.frame()
    }

    fn scan_above(&self, batch: &Batch<'_>, floors: &[Floor], control: &Control) -> Result<Hits> {
        let began = Instant::now();
        let hits = self.scan.scan_above(batch, floors, control)?;
        self.count(batch.bias.len(), hits.proved(), began);
        Ok(hits)
    }

    fn own(&self, k: usize, control: &Control) -> Result<Option<Hits>> {
        let began = Instant::now();
        let hits = self.scan.own(k, control)?;
        if let Some(hits) = &hits {
            // Each pair of rows is scored once, which is half the work of a direction for every row.
            self.count(self.len() / 2, hits.proved(), began);
        }
        Ok(hits)
    }

    fn error_bound(&self, norm: f64, c: f32) -> f64 {
        self.scan.error_bound(norm, c)
    }

    fn scan_f64(
        &self,
        rows: &dyn Rows,
        directions: &[f64],
        k: usize,
        control: &Control,
    ) -> Result<(Vec<f64>, Vec<usize>)> {
        let (began, count) = (Instant::now(), directions.len() / self.dim());
        let found = self.scan.scan_f64(rows, directions, k, control)?;
        self.count(count, &[("f64", count as u64)], began);
        Ok(found)
    }
}

/// A poisoned lock still holds whole counts.
fn lock(counts: &Mutex<ScanCounts>) -> MutexGuard<'_, ScanCounts> {
    counts.lock().unwrap_or_else(|held| held.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;
    use crate::scan::CpuEngine;

    #[test]
    fn scans_of_one_engine_are_counted_together() {
        let rows = Memory::from_f64("rows", 2, vec![0.0, 0.0, 1.0, 0.0, 0.0, 1.0]);
        let (engine, control) = (CountingEngine::new(&CpuEngine), Control::default());
        for (directions, k) in [(&[1.0f32, 0.0, 0.0, 1.0][..], 1), (&[1.0, 1.0], 2)] {
            let bias = vec![0.0; directions.len() / 2];
            let batch = Batch {
                directions,
                bias: &bias,
                k,
            };
            let scan = engine.scan(&rows, &control).unwrap();
            let plain = CpuEngine.scan(&rows, &control).unwrap();
            let expected = plain.scan(&batch, &control).unwrap();
            assert_eq!(scan.scan(&batch, &control).unwrap(), expected);
        }
        let scan = engine.scan(&rows, &control).unwrap();
        scan.scan_f64(&rows, &[1.0, 0.0], 1, &control).unwrap();
        let counts = engine.counts();
        // Three rows of two columns, for four directions.
        assert_eq!(counts.flop, 2 * 3 * 2 * 4);
        let directions: Vec<(&str, u64)> = counts
            .directions
            .iter()
            .map(|(precision, count)| (precision.as_str(), *count))
            .collect();
        assert_eq!(directions, [("f32", 3), ("f64", 1)]);
    }
}
