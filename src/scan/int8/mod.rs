//! The CPU scan in eight bits: the same answers, to the last bit, for less arithmetic.
//!
//! ```text
//! numbers   vectors as s q: integers, one scale a vector, and the length of what was lost
//! kernel    exact integer products, one file an instruction set, each the equal of the plain one
//! bound     which rows an integer product excludes from the k best, and why
//! levels    how rows are stored in eight bits, and the integers of a tile
//! tile      the quantised reference, kept or made anew
//! stored    the same as a file holds it
//! lists     the k best so far, and their bars
//! screen    fast f32 scores of pairs that integers cannot exclude, for most of which they suffice
//! rescore   scores of single pairs, to the bits of the f32 scan
//! stated    what is not excluded, scored in f32 and offered to the lists
//! batch     one batch over all rows
//! few       one batch of at most four directions
//! ```
//!
//! A row is left out only if it is proved that its score in the f32 scan is below that of k other rows, or that it is not needed
//! ([`Floor`]). So [`Int8Scan`] gives exactly the answer of [`CpuScan`], with the same error bound; only the time
//! differs. Where eight bits do not pay (few columns, few rows, many rows that cannot be excluded, no fast kernel), the
//! first tiles show it, and the batch continues with directions in two parts, or in f32; after three batches in a row that
//! ended in f32, those of that kind use f32 from their start on. A batch of few directions is not timed and ends in eight
//! bits (unless a tile cannot be quantised: then all of it is f32), but counts among those three if too many rows could
//! not be excluded.

mod batch;
mod bound;
mod few;
mod kernel;
mod levels;
pub(in crate::scan) mod numbers;
mod rescore;
mod screen;
mod stated;
mod stored;
mod tile;

pub use kernel::{Kernel, VARIABLE};
pub use stored::{Extent, Quantiser, StoredCopy};

use super::cpu::{self, TileDecoder};
use super::{Batch, Engine, Floor, Frame, Hits, Scan};
use super::{CpuEngine, CpuScan};
use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;
use batch::Int8Batch;
use few::FewBatch;
use rescore::Chain;
use stated::{Answer, How};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// Eight bits are no longer tried for a kind of batch once this many in a row gave them up or should have.
const TRIES: u32 = 3;

/// Sets with fewer columns or rows than this always use f32.
const FEW_COLUMNS: usize = 16;
const FEW_ROWS: usize = 4096;

/// Batches of few directions until AVX2 is tried for them: quantising the rows takes as long as about three batches in f32.
const FEW_BEFORE: u32 = 3;

/// When to use eight bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// With kernels that have instructions for it, if the first tiles show that they are faster. With AVX2 only for
    /// batches of few directions, which f32 pads to sixteen: for others the hull part of MNIST took 2.3 times as long
    /// as in f32, and nearest rows 1.15 times (AMD EPYC, 2 cores).
    #[default]
    Auto,
    /// Never.
    F32,
    /// Wherever they can be used.
    Int8,
}

/// Settings of the scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    pub precision: Precision,
    pub kernel: Kernel,
    /// The most bytes for the rows and their quantised copy together; above, tiles are quantised in every scan.
    pub memory: u64,
}

/// A reservation of bytes from a budget that several scans share; released when it is dropped.
struct Reserved {
    taken: Arc<AtomicU64>,
    bytes: u64,
}

impl Reserved {
    /// `None` if the budget has not enough room left.
    fn of(taken: &Arc<AtomicU64>, bytes: u64, room: u64) -> Option<Self> {
        let before = taken.fetch_add(bytes, Relaxed);
        let reserved = Reserved {
            taken: Arc::clone(taken),
            bytes,
        };
        (before.saturating_add(bytes) <= room).then_some(reserved)
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Relaxed);
    }
}

/// The scan on the CPU, in eight bits where that is faster.
pub struct Int8Scan<'a> {
    rows: &'a dyn Rows,
    plain: CpuScan<'a>,
    options: Options,
    shared: Arc<Shared>,
}

/// What all scans in one frame share, because a reference that answers queries one by one is scanned anew for each.
struct Shared {
    kept: tile::Kept,
    /// The order in which the f32 product adds, if it could be found; determined at its first use.
    chain: OnceLock<Option<Chain>>,
    /// How many batches in a row gave up eight bits, or should have: many directions and few, and of each the [`kind`]s.
    left: [[AtomicU32; KINDS]; 2],
    /// How many batches of many directions of each kind still start with directions in two parts.
    split: [AtomicU32; KINDS],
    /// Batches of few directions so far, and whether the next one takes the rows backwards.
    few: AtomicU32,
    backwards: AtomicBool,
    /// The share of the engine's memory budget.
    _reserved: Option<Reserved>,
}

impl Shared {
    fn of(rows: &dyn Rows, frame: &Frame, options: Options, taken: &Arc<AtomicU64>) -> Self {
        let (n, layout) = (rows.len(), levels::Layout::new(frame, options.kernel));
        let room = options.memory.saturating_sub(rows.resident_bytes());
        let used = options.precision != Precision::F32;
        // A copy that will not be used is dropped here.
        let stored = frame.made.take_copy().filter(|_| used);
        let bytes = layout.bytes(n) + few::buffer_bytes(n);
        let bytes = bytes + stored.as_ref().map_or(0, StoredCopy::beside);
        let reserved = used.then(|| Reserved::of(taken, bytes, room)).flatten();
        let kept = tile::Kept::new(n, layout, reserved.is_some(), stored);
        // What is stored need not be paid for by batches in f32.
        let few = if kept.is_stored() { FEW_BEFORE } else { 0 };
        Shared {
            kept,
            chain: OnceLock::new(),
            left: Default::default(),
            split: Default::default(),
            few: AtomicU32::new(few),
            backwards: AtomicBool::new(false),
            _reserved: reserved,
        }
    }
}

impl<'a> Int8Scan<'a> {
    /// Computes the frame; rows are quantised when a batch first needs them.
    pub fn new(rows: &'a dyn Rows, options: Options, control: &Control) -> Result<Self> {
        let frame = Frame::survey(rows, control)?;
        Ok(Self::within(rows, frame, options, &Arc::default()))
    }

    /// The same in a known frame; `taken` counts the bytes that copies of all scans take.
    fn within(rows: &'a dyn Rows, frame: Frame, options: Options, taken: &Arc<AtomicU64>) -> Self {
        let make = || Shared::of(rows, &frame, options, taken);
        // A scan that only uses f32 reserves nothing.
        let shared = match options.precision {
            Precision::F32 => Arc::new(make()),
            _ => Some(frame.made.of(make))
                .filter(|made| made.kept.layout().suits(options.kernel))
                .unwrap_or_else(|| Arc::new(make())),
        };
        Int8Scan {
            rows,
            plain: CpuScan::in_frame(rows, frame),
            options,
            shared,
        }
    }

    /// The order in which the f32 product adds.
    fn chain(&self) -> &Option<Chain> {
        let make = || Chain::of_product(self.dim());
        self.shared.chain.get_or_init(make)
    }

    /// The rows, a tile at a time.
    fn source(&self) -> TileDecoder<'_> {
        TileDecoder::new(self.rows, self.plain.frame())
    }

    /// The counter for batches of this kind.
    fn left_by(&self, asked: (&Batch<'_>, &[Floor])) -> &AtomicU32 {
        &self.shared.left[usize::from(self.is_few(asked.0))][kind(asked)]
    }

    /// Whether the batch has few directions, for which an f32 product would compute a whole group, and wants few rows, and
    /// the integers are kept.
    fn is_few(&self, batch: &Batch<'_>) -> bool {
        (1..=kernel::FEW).contains(&batch.bias.len())
            && few::fits(self.rows.len(), batch.k, batch.bias.len())
            && self.shared.kept.keeps()
    }

    /// Whether eight bits are tried for a batch.
    fn suits(&self, asked: (&Batch<'_>, &[Floor])) -> bool {
        let batch = asked.0;
        let again = self.left_by(asked).load(Relaxed) < TRIES;
        let waited = || self.shared.few.fetch_add(1, Relaxed) >= FEW_BEFORE;
        match self.options.kernel {
            Kernel::Avx2 => again && self.is_few(batch) && waited(),
            _ => again,
        }
    }

    /// How the batch is scanned in eight bits, if that may pay and everything is in range.
    fn how(&self, asked: (&Batch<'_>, &[Floor])) -> Option<How> {
        let (n, d) = (self.rows.len(), self.rows.dim());
        let forced = self.options.precision == Precision::Int8;
        let large = d >= FEW_COLUMNS && n >= FEW_ROWS;
        let worth = large && self.suits(asked);
        let levels = numbers::levels(d);
        if self.options.precision == Precision::F32
            || !(worth || forced)
            || levels < numbers::FEWEST_LEVELS
            || !batch::fits(n, asked.0.k)
        {
            return None;
        }
        let chain = self.chain();
        Some(How {
            kernel: self.options.kernel,
            chain: (*chain)?,
            levels,
            stays: forced,
        })
    }

    /// The answer of a batch by eight bits; `None` if all of it needs f32.
    fn int8(
        &self,
        batch: &Batch<'_>,
        floors: &[Floor],
        control: &Control,
    ) -> Result<Option<Answer>> {
        let asked = (batch, floors);
        let Some(how) = self.how(asked) else {
            return Ok(None);
        };
        let source = self.source();
        let (kept, count) = (&self.shared.kept, batch.bias.len());
        if !self.is_few(batch) {
            let split = &self.shared.split[kind(asked)];
            let int8 = Int8Batch::new(source, kept, how, asked, split);
            let run =
                |int8: Int8Batch| cpu::counted(self.rows, count, control, || int8.run(control));
            return int8.map(run).transpose();
        }
        let backwards = self.shared.backwards.fetch_not(Relaxed);
        let Some(few) = FewBatch::new(source, kept, how, asked, backwards) else {
            return Ok(None);
        };
        let started = Instant::now();
        let answer = few.run(control)?;
        match answer {
            Some(_) => control.scanned(cpu::flop(self.rows, count), started.elapsed()),
            // The next one would meet the same rows.
            None => _ = self.left_by(asked).fetch_add(1, Relaxed),
        }
        Ok(answer)
    }
}

/// How many kinds of batches there are.
const KINDS: usize = 3;

/// The kind of a batch: rows near to something are wanted (2), or rows far out in some direction, all of them (1), or those above
/// floors (0). What eight bits exclude differs.
fn kind((batch, floors): (&Batch<'_>, &[Floor])) -> usize {
    match batch.bias.iter().any(|&c| c != 0.0) {
        true => 2,
        false => usize::from(floors.is_empty() || floors.contains(&Floor::NONE)),
    }
}

impl Scan for Int8Scan<'_> {
    fn len(&self) -> usize {
        self.plain.len()
    }

    fn frame(&self) -> &Frame {
        self.plain.frame()
    }

    fn scan_above(&self, batch: &Batch<'_>, floors: &[Floor], control: &Control) -> Result<Hits> {
        let k = batch.k.min(self.rows.len());
        let batch = Batch { k, ..*batch };
        let Some(Answer { scores, rows, slow }) = self.int8(&batch, floors, control)? else {
            return self.plain.scan(&batch, control);
        };
        match slow {
            // A batch that could not give them up says nothing about others.
            _ if self.options.precision == Precision::Int8 => {}
            true => {
                self.left_by((&batch, floors)).fetch_add(1, Relaxed);
            }
            false => self.left_by((&batch, floors)).store(0, Relaxed),
        }
        // Few directions are decided by integers to the end, even where f32 would have been faster.
        let precision = match slow && !self.is_few(&batch) {
            true => "f32",
            false => "int8",
        };
        Ok(Hits::new(self.rows.len(), k, scores, rows).proved_in(precision, batch.bias.len()))
    }

    fn make_ready(&self) -> Result<()> {
        if self.shared.kept.is_stored() {
            self.chain();
        }
        self.shared.kept.make_stored(&self.source())
    }

    fn own(&self, k: usize, control: &Control) -> Result<Option<Hits>> {
        // If int8 is used only for few directions, or not at all, half of the products in f32 are faster.
        match (self.options.precision, self.options.kernel) {
            (Precision::F32, _) | (Precision::Auto, Kernel::Avx2) => self.plain.own(k, control),
            _ => Ok(None),
        }
    }

    fn error_bound(&self, norm: f64, c: f32) -> f64 {
        self.plain.error_bound(norm, c)
    }
}

/// The engine of [`Int8Scan`].
#[derive(Debug, Clone)]
pub struct Int8Engine {
    options: Options,
    /// Bytes of quantised copies that the engine's scans hold.
    taken: Arc<AtomicU64>,
}

impl Int8Engine {
    /// Scans with these options. Errors: [`Kernel::chosen`].
    pub fn new(precision: Precision, memory: u64) -> Result<Self> {
        let kernel = Kernel::chosen()?;
        let precision = match precision {
            Precision::Auto if kernel == Kernel::Plain => Precision::F32,
            asked => asked,
        };
        Ok(Int8Engine {
            options: Options {
                precision,
                kernel,
                memory,
            },
            taken: Arc::default(),
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
        Ok(Box::new(Int8Scan::within(
            rows,
            frame,
            self.options,
            &self.taken,
        )))
    }

    fn describe(&self) -> String {
        let kernel = self.options.kernel.title();
        let plain = CpuEngine.describe();
        match self.options.precision {
            Precision::F32 => format!("{plain}, f32"),
            Precision::Int8 => format!("{plain}, int8 by {kernel}"),
            Precision::Auto if self.options.kernel == Kernel::Avx2 => {
                format!(
                    "{plain}, f32, and int8 by {kernel} for up to {} directions at a time",
                    kernel::FEW
                )
            }
            Precision::Auto => format!("{plain}, f32, and int8 by {kernel} where it is faster"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_several_scans_share_the_memory() {
        let values = (0..70_000).map(f64::from).collect();
        let rows = crate::rows::Memory::from_f64("rows", 70, values);
        let frame = Frame::survey(&rows, &Control::default()).unwrap();
        let layout = levels::Layout::new(&frame, Kernel::Plain);
        let (taken, bytes) = (Arc::default(), layout.bytes(1000));
        // Three whole tiles, padded to 80 columns, and 8 bytes a row for the bounds.
        assert_eq!(bytes, 3 * 256 * (80 + 8));
        let first = Reserved::of(&taken, bytes, bytes);
        assert!(first.is_some() && Reserved::of(&taken, 1, bytes).is_none());
        drop(first);
        assert!(Reserved::of(&taken, bytes, bytes).is_some());
        assert!(Reserved::of(&taken, bytes, bytes - 1).is_none());
        assert_eq!(taken.load(Relaxed), 0);
    }
}
