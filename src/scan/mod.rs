//! The basic operation: score every reference row in a batch of directions, and return the k best rows for each.
//!
//! ```text
//! score(i, b) = <x'_i, w_b> + c_b * (-|e (x_i - m)|^2 / 2)      x'_i = S (x_i - m)
//! answer(b)   = the k largest scores with their row numbers, score descending, row ascending
//! ```
//!
//! `m` (the centre), `S` (a diagonal of powers of two) and `e` (a power of two) are the scan's [`Frame`]. They are
//! fixed when the scan is made, cost no accuracy, and keep f32 useful for data far from the origin or on very different
//! scales. With `c_b = 0` the answer is the support function `h(w)` of the hull, with `c_b = 1` and
//! `w = e^2 S^-1 (q - m)` it is the nearest rows of q. Every stated score is within [`Scan::error_bound`] of the exact one;
//! callers rely on that bound, not on the hardware. Rows so far away that they would make every bound useless are left out: a scan
//! sees the centre in their place, and its caller scores them one by one ([`Far`]). A scan knows nothing of hulls,
//! files or terminals.

mod ahead;
mod counting;
pub mod cpu;
mod cpu_engine;
mod frame;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod int8;
mod lists;
mod own;
pub mod rounding;
pub mod sharded;
pub mod small_sets;
pub mod topk;

pub use ahead::Ahead;
pub use counting::{CountingEngine, ScanCounts};
pub use cpu_engine::{CpuEngine, CpuScan};
pub use frame::{Far, Frame, Norms, Sketch, SketchPart};
pub use int8::{Int8Engine, Int8Scan};
pub use sharded::{LocalShard, ShardedEngine, ShardedScan};

use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;

/// Directions to scan together.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// B x d, row-major, in the scan's frame; finite.
    pub directions: &'a [f32],
    /// c_b, length B: 0 for support, 1 for nearest.
    pub bias: &'a [f32],
    /// The number of rows wanted for each direction; at most N are returned.
    pub k: usize,
}

/// What is needed of a direction's list. Of the k best rows: the best, those whose scores are within `slack` of its, and those whose
/// scores reach `score`. The other places may hold any other rows, each once, with its own score, in the same order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floor {
    pub score: f32,
    pub slack: f32,
}

impl Floor {
    /// The whole list is needed.
    pub const NONE: Floor = Floor {
        score: f32::NEG_INFINITY,
        slack: 0.0,
    };
}

/// The k best rows for each direction of a [`Batch`], in lists of equal length; every row is an existing one.
#[derive(Debug, Clone, Default)]
pub struct Hits {
    k: usize,
    scores: Vec<f32>,
    rows: Vec<usize>,
    proved: Vec<(&'static str, u64)>,
}

/// Equal lists, whatever proved them.
impl PartialEq for Hits {
    fn eq(&self, other: &Self) -> bool {
        (self.k, &self.scores, &self.rows) == (other.k, &other.scores, &other.rows)
    }
}

impl Hits {
    /// Lists of k rows for each direction: B x k `scores`, descending within a direction, and the B x k rows with these
    /// scores, ascending among equal scores.
    ///
    /// Panics unless there are as many rows as scores, in whole lists, and every row is below `len`, the number of rows
    /// scanned (else a bug of the engine).
    pub fn new(len: usize, k: usize, scores: Vec<f32>, rows: Vec<usize>) -> Self {
        assert_eq!(scores.len(), rows.len(), "a row for every score");
        assert!(
            scores.is_empty() || k > 0 && scores.len().is_multiple_of(k),
            "lists must be whole"
        );
        assert!(rows.iter().all(|&row| row < len), "rows must exist");
        Hits {
            k,
            scores,
            rows,
            proved: Vec::new(),
        }
    }

    /// So many of the lists were proved in this precision.
    pub fn proved_in(mut self, precision: &'static str, directions: usize) -> Self {
        if directions > 0 {
            self.proved.push((precision, directions as u64));
        }
        self
    }

    /// How many lists each precision proved; nothing where the engine does not say.
    pub fn proved(&self) -> &[(&'static str, u64)] {
        &self.proved
    }

    /// The length of each list: min(k, N).
    pub fn k(&self) -> usize {
        self.k
    }

    /// B x k scores.
    pub fn scores(&self) -> &[f32] {
        &self.scores
    }

    /// B x k rows.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// Scores and rows of direction `b`.
    pub fn of(&self, b: usize) -> (&[f32], &[usize]) {
        let range = b * self.k..(b + 1) * self.k;
        (&self.scores[range.clone()], &self.rows[range])
    }
}

/// An engine that can scan one reference set.
pub trait Scan: Send + Sync {
    /// The number of rows, N.
    fn len(&self) -> usize;

    /// Whether the set is empty (it never is).
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of columns, d.
    fn dim(&self) -> usize {
        self.frame().dim()
    }

    /// The coordinates in which directions are given.
    fn frame(&self) -> &Frame;

    /// The k best rows of every direction.
    ///
    /// Panics on shapes that do not fit (a caller's mistake). Errors: rows that can no longer be read, and
    /// [`crate::Error::Interrupted`].
    fn scan(&self, batch: &Batch<'_>, control: &Control) -> Result<Hits> {
        self.scan_above(batch, &[], control)
    }

    /// As [`Scan::scan`], for a caller that needs less of some lists: an engine may then do less, or ignore it. `floors` holds
    /// one for each direction, or is empty.
    fn scan_above(&self, batch: &Batch<'_>, floors: &[Floor], control: &Control) -> Result<Hits>;

    /// Make now what the first batch would make of a copy that a file held.
    ///
    /// Errors: rows that can no longer be read.
    fn make_ready(&self) -> Result<()> {
        Ok(())
    }

    /// Announce a batch that will be scanned soon, after others: a scan may answer it together with the next one.
    fn expect(&self, _: &Batch<'_>) {}

    /// For every row, the k best rows of the direction that ranks rows by nearness to it, the row itself included, with scores as
    /// [`Scan::scan`] states them; `None` if the engine has no faster way than one direction per row. The answers for far
    /// rows are meaningless. Every row counts as progress.
    ///
    /// Errors: as [`Scan::scan`].
    fn own(&self, _k: usize, _: &Control) -> Result<Option<Hits>> {
        Ok(None)
    }

    /// A bound on the error of a stated score, for a direction of length `norm` (in the frame) and bias `c`; see [`rounding`].
    fn error_bound(&self, norm: f64, c: f32) -> f64;

    /// Scores in f64 of B directions over `rows`, which must be the rows of this scan: see [`cpu::scan_f64`].
    ///
    /// Errors: as [`Scan::scan`].
    fn scan_f64(
        &self,
        rows: &dyn Rows,
        directions: &[f64],
        k: usize,
        control: &Control,
    ) -> Result<(Vec<f64>, Vec<usize>)> {
        cpu::scan_f64(rows, self.frame(), directions, k, control)
    }
}

/// A factory of scans: the CPU, or a graphics adapter.
pub trait Engine: Send + Sync {
    /// A scan of `rows`. Errors: rows that cannot be read, [`crate::Error::Interrupted`].
    fn scan<'r>(&self, rows: &'r dyn Rows, control: &Control) -> Result<Box<dyn Scan + 'r>> {
        self.scan_in(rows, Frame::survey(rows, control)?, control)
    }

    /// The same with a known frame of the rows.
    fn scan_in<'r>(
        &self,
        rows: &'r dyn Rows,
        frame: Frame,
        control: &Control,
    ) -> Result<Box<dyn Scan + 'r>>;

    /// What runs the scans, for messages: `cpu, 2 threads, AVX-512`.
    fn describe(&self) -> String;

    /// Warnings since the last call: work that was moved to the CPU, or done in another precision than was asked for.
    fn take_warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// The part of the engine that answers many small sets at once, if it has one.
    fn small(&self) -> Option<&dyn small_sets::Propose> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_hold_whole_lists_of_rows_that_exist() {
        let hits = Hits::new(9, 2, vec![3.0, 1.0, 2.0, 0.5], vec![8, 0, 1, 7]);
        assert_eq!(hits.of(1), ([2.0f32, 0.5].as_slice(), [1, 7].as_slice()));
        let refused = |len, k, scores: usize, rows: Vec<usize>| {
            let made = std::panic::catch_unwind(|| Hits::new(len, k, vec![0.0; scores], rows));
            assert!(made.is_err());
        };
        refused(9, 2, 2, vec![8, 9]);
        refused(9, 2, 2, vec![0, usize::MAX]);
        refused(9, 2, 3, vec![0, 1, 2]);
        refused(9, 1, 2, vec![0]);
    }
}
