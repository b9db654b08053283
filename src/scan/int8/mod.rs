//! The CPU scan in eight bits: the same answers, to the last bit, for less arithmetic.
//!
//! ```text
//! numbers   vectors as s q: integers, one scale a vector, and the length of what was lost
//! kernel    exact integer products, one file an instruction set, each the equal of the plain one
//! bound     which rows an integer product excludes from the k best, and why
//! tile      the quantised reference, kept or made anew
//! lists     the k best so far, and their bars
//! rescore   what is not excluded, scored in f32 to the bits of the f32 scan
//! stage     one batch over all rows
//! ```
//!
//! A row is left out only where it is proved that the f32 scan would state a score below that of k other rows. So
//! [`Int8Scan`] gives the very answer of [`CpuScan`], with its error bound, and nothing above it can tell the two apart but
//! by the time. Where eight bits do not pay (few columns, few rows, many rows that cannot be excluded, no fast kernel), the
//! first tiles show it, and the batch goes on in f32.

mod bound;
mod kernel;
mod lists;
mod numbers;
mod rescore;
mod stage;
mod tile;

pub use kernel::{Kernel, VARIABLE};

use super::cpu::{self, CpuEngine, CpuScan, Source};
use super::{Batch, Engine, Frame, Hits, Scan};
use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;
use rescore::Chain;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Batches after which eight bits are no longer tried, if all of them left them early.
const TRIES: u32 = 3;

/// Fewer columns than this are never worth a try, nor is a set of fewer rows.
const FEW_COLUMNS: usize = 16;
const FEW_ROWS: usize = 4096;

/// Coarser integers than this prove too little: it takes 557,000 columns.
const FEWEST_LEVELS: i32 = 15;

/// When to use eight bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// Where the first tiles show that they are faster.
    #[default]
    Auto,
    /// Never.
    F32,
    /// Wherever they can be used.
    Int8,
}

/// How to scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    pub precision: Precision,
    pub kernel: Kernel,
    /// Bytes that the rows and their quantised copy may take together; beyond, tiles are quantised in every scan.
    pub memory: u64,
}

/// The scan on the machine's own cores, in eight bits where that is faster.
pub struct Int8Scan<'a> {
    rows: &'a dyn Rows,
    plain: CpuScan<'a>,
    options: Options,
    kept: tile::Kept,
    /// The order in which the f32 product adds, if known; found when it is first needed.
    chain: OnceLock<Option<Chain>>,
    /// Batches that left eight bits early, less those that did not.
    left: AtomicU32,
}

impl<'a> Int8Scan<'a> {
    /// Survey the rows and stand ready; rows are quantised when a batch first needs them.
    pub fn new(rows: &'a dyn Rows, options: Options, control: &Control) -> Result<Self> {
        let frame = Frame::survey(rows, control)?;
        Ok(Int8Scan::in_frame(rows, frame, options))
    }

    /// For rows whose frame is known.
    fn in_frame(rows: &'a dyn Rows, frame: Frame, options: Options) -> Self {
        let (n, d) = (rows.len(), rows.dim());
        let room = options.memory.saturating_sub(rows.resident_bytes());
        Int8Scan {
            rows,
            plain: CpuScan::in_frame(rows, frame),
            options,
            kept: tile::Kept::new(n, d, tile::bytes(n, d) <= room),
            chain: OnceLock::new(),
            left: AtomicU32::new(0),
        }
    }

    /// The batch in eight bits, if it may be worth it and everything is in range.
    fn stage<'s>(&'s self, batch: &'s Batch<'s>) -> Option<stage::Stage<'s, 's>> {
        let (n, d) = (self.rows.len(), self.rows.dim());
        let forced = self.options.precision == Precision::Int8;
        let worth = d >= FEW_COLUMNS && n >= FEW_ROWS && self.left.load(Relaxed) < TRIES;
        let levels = numbers::levels(d);
        if self.options.precision == Precision::F32
            || !(worth || forced)
            || levels < FEWEST_LEVELS
            || !stage::fits(n, batch.k)
        {
            return None;
        }
        let chain = (*self.chain.get_or_init(|| Chain::of_product(d)))?;
        let source = Source::new(self.rows, self.plain.frame());
        let how = (self.options.kernel, chain);
        stage::Stage::new(source, &self.kept, how, batch, levels, forced)
    }
}

impl Scan for Int8Scan<'_> {
    fn len(&self) -> usize {
        self.plain.len()
    }

    fn frame(&self) -> &Frame {
        self.plain.frame()
    }

    fn scan(&self, batch: &Batch<'_>, control: &Control) -> Result<Hits> {
        let k = batch.k.min(self.rows.len());
        let batch = Batch { k, ..*batch };
        let Some(stage) = self.stage(&batch) else {
            return self.plain.scan(&batch, control);
        };
        let (scores, rows, left) =
            cpu::counted(self.rows, batch.bias.len(), control, || stage.run(control))?;
        control.answered(if left { "f32" } else { "int8" }, batch.bias.len());
        if left {
            self.left.fetch_add(1, Relaxed);
        } else {
            self.left.store(0, Relaxed);
        }
        Ok(Hits::new(self.rows.len(), k, scores, rows))
    }

    fn error_bound(&self, norm: f64, c: f32) -> f64 {
        self.plain.error_bound(norm, c)
    }
}

/// The machine's own cores, in eight bits where that is faster.
#[derive(Debug, Clone, Copy)]
pub struct Int8Engine {
    options: Options,
}

impl Int8Engine {
    /// Scans with these options. Errors: [`Kernel::chosen`].
    pub fn new(precision: Precision, memory: u64) -> Result<Self> {
        let kernel = Kernel::chosen()?;
        Ok(Int8Engine {
            options: Options {
                precision,
                kernel,
                memory,
            },
        })
    }
}

impl Engine for Int8Engine {
    fn scan_in<'r>(
        &self,
        rows: &'r dyn Rows,
        frame: Frame,
        _: &Control,
    ) -> Result<Box<dyn Scan + 'r>> {
        Ok(Box::new(Int8Scan::in_frame(rows, frame, self.options)))
    }

    fn describe(&self) -> String {
        let kernel = self.options.kernel.title();
        let plain = CpuEngine.describe();
        match self.options.precision {
            Precision::F32 => format!("{plain}, f32"),
            Precision::Int8 => format!("{plain}, int8 by {kernel}"),
            Precision::Auto => format!("{plain}, f32, and int8 by {kernel} where it is faster"),
        }
    }
}
