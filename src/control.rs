//! The connection between long work and its caller: a stop flag, and the progress of the work.
//!
//! Long loops call [`Control::check`] every few milliseconds of work; a front end sets the flag on Ctrl-C and
//! polls [`Control::progress`] for its progress bar. Relies on nothing but [`crate::error`].

use crate::error::{Error, Result};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// The current stage of the work, for a progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WorkStage {
    /// Reading and checking files; units are bytes.
    #[default]
    Read,
    /// Means, ranges, rank of the reference; units are rows.
    Survey,
    /// Reference rows judged as queries of their own set; units are verdicts.
    SelfTest,
    /// Reference rows judged as if they were not in the reference; units are rows.
    LeaveOneOut,
    /// Hull verdicts; units are queries settled.
    Hull,
    /// Nearest neighbours; units are queries answered.
    Neighbours,
    /// A notion judges queries; units are queries, counted twice if both a side and a distance are computed.
    Notion,
    /// Figures of a notion about all queries together; units are rows.
    Figures,
    /// Re-checking certificates; units are certificates.
    Verify,
    /// Fitting a space or a notion on the reference; units are rows.
    Fit,
    /// Mapping rows into a space; units are rows.
    Map,
    /// Images through a network; units are images.
    Encode,
    /// Small problems of random points; units are problems.
    Trials,
}

/// A snapshot of the progress.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    pub stage: WorkStage,
    /// The notion to which the stage belongs; empty if to none.
    pub notion: String,
    /// Units done, and all units of this stage; a total of 0 means unknown.
    pub done: u64,
    pub total: u64,
    /// Rounds of full scans so far, and queries still open, in the hull stages.
    pub round: u64,
    pub open: u64,
    /// Floating-point operations of the scan, and the seconds they took.
    pub flop: u64,
    pub scan_seconds: f64,
}

/// Shared between the working threads and the front end: a clone is the same control.
#[derive(Debug, Clone, Default)]
pub struct Control(Arc<Shared>);

/// The stop flag, and where the work is.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    at: Mutex<At>,
    done: AtomicU64,
    total: AtomicU64,
    round: AtomicU64,
    open: AtomicU64,
    flop: AtomicU64,
    scan_nanoseconds: AtomicU64,
    task: Mutex<String>,
}

/// The stage that was begun last, and its notion.
#[derive(Debug, Default)]
struct At {
    stage: WorkStage,
    notion: String,
    /// The notion of the stages that will begin.
    next: String,
}

impl Control {
    /// Ask all work under this control to end with [`Error::Interrupted`].
    pub fn stop(&self) {
        self.0.stop.store(true, Relaxed);
    }

    /// [`Error::Interrupted`] once [`Control::stop`] was called.
    pub fn check(&self) -> Result<()> {
        if self.0.stop.load(Relaxed) {
            Err(Error::Interrupted)
        } else {
            Ok(())
        }
    }

    /// Enter a stage of `total` units (0: unknown).
    pub fn begin(&self, stage: WorkStage, total: u64) {
        self.resume(stage, 0, total);
    }

    /// Enter a stage again, of which `done` units are done: blocks of queries pass through the same stages one after the other.
    pub fn resume(&self, stage: WorkStage, done: u64, total: u64) {
        let mut at = self.at();
        at.stage = stage;
        at.notion = at.next.clone();
        self.0.done.store(done, Relaxed);
        self.0.total.store(total, Relaxed);
        self.0.round.store(0, Relaxed);
        self.0.open.store(0, Relaxed);
    }

    /// Runs the work of a notion: the stages that `work` begins belong to the notion.
    pub fn within<T>(&self, notion: &str, work: impl FnOnce() -> T) -> T {
        self.at().next = notion.into();
        let done = work();
        self.at().next.clear();
        done
    }

    /// The current stage. The lock is held while a stage begins and while a snapshot is taken, so that no snapshot mixes two stages.
    fn at(&self) -> MutexGuard<'_, At> {
        // A poisoned lock still holds a whole stage.
        self.0.at.lock().unwrap_or_else(|held| held.into_inner())
    }

    /// Count finished units of the stage.
    pub fn advance(&self, units: u64) {
        self.0.done.fetch_add(units, Relaxed);
    }

    /// Count finished units of a stage, if it is the current one: the same pass over rows may be part of several stages.
    pub fn advance_in(&self, stage: WorkStage, units: u64) {
        if self.at().stage == stage {
            self.advance(units);
        }
    }

    /// State how many units of the stage are done, where not all of them were counted one by one.
    pub fn reach(&self, done: u64) {
        self.0.done.store(done, Relaxed);
    }

    /// State the round and the number of open queries.
    pub fn round(&self, round: u64, open: u64) {
        self.0.round.store(round, Relaxed);
        self.0.open.store(open, Relaxed);
    }

    /// Count the operations (a multiply and an add are two) and wall time of a scan.
    pub fn scanned(&self, flop: u64, time: Duration) {
        self.0.flop.fetch_add(flop, Relaxed);
        self.0
            .scan_nanoseconds
            .fetch_add(time.as_nanos() as u64, Relaxed);
    }

    /// Sets the name of the current part of a larger job; empty for none.
    pub fn set_task(&self, task: impl Into<String>) {
        *self.0.task.lock().unwrap_or_else(|held| held.into_inner()) = task.into();
    }

    /// The name of the current part of a larger job.
    pub fn task(&self) -> String {
        self.0
            .task
            .lock()
            .unwrap_or_else(|held| held.into_inner())
            .clone()
    }

    /// All counters as of now.
    pub fn progress(&self) -> Progress {
        let at = self.at();
        Progress {
            stage: at.stage,
            notion: at.notion.clone(),
            done: self.0.done.load(Relaxed),
            total: self.0.total.load(Relaxed),
            round: self.0.round.load(Relaxed),
            open: self.0.open.load(Relaxed),
            flop: self.0.flop.load(Relaxed),
            scan_seconds: self.0.scan_nanoseconds.load(Relaxed) as f64 * 1e-9,
        }
    }
}
