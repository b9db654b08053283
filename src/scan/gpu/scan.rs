//! The scan of one reference set on the GPU: precisions in turn, recovery from device failures, the CPU as the last resort.

use super::batch::{Directions, Group, Lists, Vectors};
use super::chunk::Upload;
use super::device::Trouble;
use super::engine::{Shared, lock};
use super::finish::{Answer, Bounds, DeviceList, finish};
use super::integers;
use super::precision_stage::PrecisionStage;
use super::shape::{self, KEPT, RowCut};
use super::store::Store;
use super::tile::{Stored, TERMS};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::rows::Rows;
use crate::scan::rounding::{self, DIRECTION_SCALE, DeviceError, U32, U64, gamma};
use crate::scan::{Batch, Floor, Frame, Hits, Scan, cpu};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// A low precision is given up only after this many directions, and if it failed on more than half of them.
const ENOUGH: usize = 256;

/// A product of lengths above this may overflow f32 on a device.
const LARGEST: f64 = 1e36;

/// Rows on the device, with the device's generation and the cut.
struct Held {
    store: Store,
    generation: u64,
    tile_rows: u32,
    cut: RowCut,
}

/// How many directions a precision tried, and how many of them it could not prove.
#[derive(Clone, Copy, Default)]
struct Fared {
    tried: usize,
    failed: usize,
}

impl Fared {
    fn hopeless(&self) -> bool {
        self.tried >= ENOUGH && 2 * self.failed > self.tried
    }
}

/// What one reference set has on the device, and how the low precisions fared.
#[derive(Default)]
struct State {
    held: HashMap<Stored, Held>,
    /// Rows per chunk in the last cut.
    chunk: usize,
    /// Separate for support directions and for nearest-neighbour directions.
    fared: HashMap<(PrecisionStage, bool), Fared>,
}

impl State {
    /// Whether a precision is no longer tried on directions of this kind.
    fn gave_up(&self, stage: PrecisionStage, nearest: bool) -> bool {
        let fared = self.fared.get(&(stage, nearest));
        fared.is_some_and(Fared::hopeless)
    }
}

/// Whether the batch searches nearest neighbours, whose directions are counted apart from support directions.
fn is_nearest(batch: &Batch<'_>) -> bool {
    batch.bias.iter().any(|&c| c != 0.0)
}

/// The scan of one reference set on a graphics adapter.
pub struct GpuScan<'a> {
    shared: Arc<Mutex<Shared>>,
    rows: &'a dyn Rows,
    frame: Frame,
    state: Mutex<State>,
}

/// Directions in the device's units.
struct Scaled {
    vectors: Vec<f32>,
    bias: Vec<f32>,
    /// The same in eight bits, if the stage uses them.
    words: Vec<u32>,
    terms: Vec<[f32; TERMS]>,
    slack: Vec<[f32; 4]>,
    /// The factor of each direction's scores on the device.
    factors: Vec<f64>,
}

impl Scaled {
    /// A range of the directions, of d columns, as they are sent.
    fn part(&self, range: std::ops::Range<usize>, d: usize) -> Directions<'_> {
        let vectors = if self.terms.is_empty() {
            let vectors = &self.vectors[range.start * d..range.end * d];
            Vectors::Numbers(vectors, &self.bias[range.clone()])
        } else {
            let each = Stored::Int8.elements(d);
            let words = &self.words[range.start * each..range.end * each];
            Vectors::Words(words, &self.terms[range.clone()])
        };
        Directions {
            vectors,
            slack: &self.slack[range],
        }
    }
}

/// What the device answered of a batch, and how many directions each precision proved.
struct Answered {
    answers: Vec<Answer>,
    proved: Vec<(&'static str, usize)>,
}

/// Why the device did not answer.
enum GaveUp {
    Host(Error),
    Device(String),
}

impl<'a> GpuScan<'a> {
    pub(super) fn new(shared: Arc<Mutex<Shared>>, rows: &'a dyn Rows, frame: Frame) -> Self {
        GpuScan {
            shared,
            rows,
            frame,
            state: Mutex::default(),
        }
    }

    /// Try the precisions in order on every direction; the CPU answers the rest.
    fn ladder(
        &self,
        shared: &mut Shared,
        state: &mut State,
        batch: &Batch<'_>,
        control: &Control,
    ) -> std::result::Result<Answered, GaveUp> {
        let k = batch.k.min(self.rows.len());
        let mut answers: Vec<Answer> = vec![None; batch.bias.len()];
        let mut proved = Vec::new();
        let nearest = is_nearest(batch);
        for stage in self.stages(shared, state, batch) {
            let open: Vec<usize> = (0..answers.len())
                .filter(|&b| answers[b].is_none())
                .collect();
            if open.is_empty() || state.gave_up(stage, nearest) {
                continue;
            }
            let (directions, bias) = self.subset(batch, &open);
            let part = Batch {
                directions: &directions,
                bias: &bias,
                k,
            };
            let found = self.stage(shared, state, stage, &part, control)?;
            let proven = found.iter().filter(|answer| answer.is_some()).count();
            let left = found.len() - proven;
            shared.proven.count(stage, proven as u64, left as u64);
            proved.push((stage.stored().name(), proven));
            if stage != PrecisionStage::Single {
                let fared = state.fared.entry((stage, nearest)).or_default();
                fared.tried += found.len();
                fared.failed += left;
            }
            for (b, answer) in open.into_iter().zip(found) {
                answers[b] = answer;
            }
        }
        Ok(Answered { answers, proved })
    }

    /// Precisions to try, in order; without eight bits if they cannot bound this batch or have failed on most
    /// directions before.
    fn stages(&self, shared: &mut Shared, state: &State, batch: &Batch<'_>) -> Vec<PrecisionStage> {
        if self.suits_int8(batch) && !state.gave_up(PrecisionStage::Int8, is_nearest(batch)) {
            return shared.plan((self.rows.len(), self.dim()), batch.bias.len());
        }
        let mut stages = shared.stages();
        stages.retain(|&stage| stage != PrecisionStage::Int8);
        stages
    }

    fn subset(&self, batch: &Batch<'_>, which: &[usize]) -> (Vec<f32>, Vec<f32>) {
        let d = self.dim();
        let directions = which
            .iter()
            .flat_map(|&b| &batch.directions[b * d..(b + 1) * d])
            .copied()
            .collect();
        (directions, which.iter().map(|&b| batch.bias[b]).collect())
    }

    /// One precision: lists from the device, group by group, then answers.
    fn stage(
        &self,
        shared: &mut Shared,
        state: &mut State,
        stage: PrecisionStage,
        batch: &Batch<'_>,
        control: &Control,
    ) -> std::result::Result<Vec<Answer>, GaveUp> {
        let n = self.rows.len();
        // More rows than wanted, so that the last wanted one is clearly better than the rows left out.
        let extra = match stage {
            PrecisionStage::Single => 8,
            PrecisionStage::Coop | PrecisionStage::Half => 16.max(batch.k),
            // The bounds of eight bits are so wide that 20 to 160 rows could be among the 10 best.
            PrecisionStage::Int8 => 118.max(batch.k),
        };
        let kept = (batch.k + extra).min(n).min(KEPT);
        let scaled = self.scale(batch, stage);
        let mut answers = Vec::new();
        shared.begin();
        let mut first = 0;
        let mut lists: Option<Lists> = None;
        while first < batch.bias.len() {
            match self.attempt(
                shared,
                state,
                stage,
                &scaled,
                (first, kept),
                &mut lists,
                control,
            ) {
                Ok(count) => {
                    let done = lists.take().unwrap_or_else(|| Lists::new(0, kept));
                    let part = first..first + count;
                    answers.extend(
                        self.finish(stage, batch, &scaled, part, &done)
                            .map_err(GaveUp::Host)?,
                    );
                    first += count;
                }
                Err(Trouble::Host(error)) => return Err(GaveUp::Host(error)),
                Err(trouble @ Trouble::Wrong(..)) => {
                    let given_up = |trouble: Trouble| GaveUp::Device(trouble.to_string());
                    shared.distrust(stage, trouble).map_err(given_up)?;
                    if shared.tiles(stage).is_empty() {
                        // The next stage answers the rest.
                        answers.resize(batch.bias.len(), None);
                        break;
                    }
                }
                Err(trouble) => {
                    let bytes = n as u64 * shape::row_bytes(self.dim(), stage.stored());
                    if !shared.retries(&trouble, state.chunk, bytes) {
                        return Err(GaveUp::Device(trouble.to_string()));
                    }
                    state.held.clear();
                }
            }
        }
        Ok(answers)
    }

    /// Directions scaled by powers of two until their largest entry is about [`DIRECTION_SCALE`], with bounds on the
    /// errors of their scores.
    fn scale(&self, batch: &Batch<'_>, stage: PrecisionStage) -> Scaled {
        let d = self.dim();
        let error = match stage {
            PrecisionStage::Coop => DeviceError::coop(d),
            PrecisionStage::Half => DeviceError::f16(d),
            // In eight bits the bounds include the errors.
            PrecisionStage::Single | PrecisionStage::Int8 => DeviceError::f32(d),
        };
        let row_factor = f64::from(row_factor(stage.stored()));
        // Lengths as stored: rounded, and computed on the device in f32.
        let inflate = 1.0 + gamma(d + 16, 4.0 * U32);
        let radius = row_factor * self.frame.radius * (1.0 + error.relative);
        let largest_bias = row_factor * 0.5 * self.frame.euclid_radius.powi(2);
        let mut scaled = Scaled {
            vectors: Vec::new(),
            bias: Vec::new(),
            words: Vec::new(),
            terms: Vec::new(),
            slack: Vec::new(),
            factors: Vec::new(),
        };
        for (direction, &c) in batch.directions.chunks_exact(d).zip(batch.bias) {
            let most = direction.iter().fold(0f32, |most, w| most.max(w.abs()));
            let factor = if most > 0.0 {
                (DIRECTION_SCALE.log2() - f64::from(most).log2().floor()).exp2()
            } else {
                1.0
            };
            scaled
                .vectors
                .extend(direction.iter().map(|&w| (f64::from(w) * factor) as f32));
            let c = f64::from(c) * factor;
            let norm = length(direction) * factor;
            let rest =
                error.bound(0.0, norm, c.abs() * largest_bias) + 1e-15 * error.relative * norm;
            let row = error.bound(radius, norm, c.abs() * largest_bias);
            // Rounded up, because the slack itself is stored in f32.
            let up = |value: f64| (value * inflate * (1.0 + 1e-6)) as f32;
            scaled.slack.push(match stage {
                PrecisionStage::Int8 => [0.0, 0.0, up(integers::hidden(d, norm)), 0.0],
                _ => [up(error.relative * norm), up(rest), up(row), 0.0],
            });
            scaled.bias.push(c as f32);
            scaled.factors.push(factor * row_factor);
        }
        if stage == PrecisionStage::Int8 {
            (scaled.words, scaled.terms) = integers::directions(&scaled.vectors, d, &scaled.bias);
        }
        scaled
    }

    /// Scan one group of directions, starting at `first`, from the state of `lists`. Returns the number of directions done.
    #[allow(clippy::too_many_arguments)] // what an attempt starts from, and what it leaves behind
    fn attempt(
        &self,
        shared: &mut Shared,
        state: &mut State,
        stage: PrecisionStage,
        scaled: &Scaled,
        (first, kept): (usize, usize),
        lists: &mut Option<Lists>,
        control: &Control,
    ) -> std::result::Result<usize, Trouble> {
        let (n, d) = (self.rows.len(), self.dim());
        let open = scaled.bias.len() - first;
        let tile = shared.tile(stage, d, open)?;
        let stored = stage.stored();
        let split = lists.as_ref().map_or(0, |lists| lists.next_row);
        let source = Upload {
            rows: self.rows,
            frame: &self.frame,
            tile,
            stored,
            factor: row_factor(stored),
        };
        self.hold(shared, state, &source, split, control)?;
        let Some(held) = state.held.get_mut(&stored) else {
            return Err(Trouble::Bug("rows that were uploaded are not there".into()));
        };
        let cut = shape::batch(open, d, kept, held.cut.chunk.min(n), &tile, shared.room());
        let count = cut.group.min(open);
        let lists = lists.get_or_insert_with(|| Lists::new(count, kept));
        // The cut may be smaller after a failure; the group still has all directions of its lists.
        let count = lists.missed.len();
        let range = first..first + count;
        let directions = scaled.part(range, d);
        let unrolled = !shared.options.rolled;
        let (device, _) = shared.device()?;
        device.guarded("scan", |device| {
            let group = Group {
                device,
                source: &source,
                cut,
                stage,
                unrolled,
                control,
            };
            group.run(&mut held.store, &directions, lists, held.cut.chunk.min(n))
        })?;
        Ok(count)
    }

    /// Ensure that the rows are on the device, in the cut that it needs now.
    fn hold(
        &self,
        shared: &mut Shared,
        state: &mut State,
        source: &Upload<'_>,
        split: usize,
        control: &Control,
    ) -> std::result::Result<(), Trouble> {
        shared.device()?;
        let generation = shared.generation;
        let fits =
            |held: &Held| held.generation == generation && held.tile_rows == source.tile.rows;
        if state.held.get(&source.stored).is_some_and(fits) {
            return Ok(());
        }
        state.held.remove(&source.stored);
        let mut room = shared.room();
        if !state.held.is_empty() {
            room.total /= 2;
        }
        let cut = shape::rows(
            self.rows.len(),
            self.dim(),
            &source.tile,
            source.stored,
            room,
            shared.recovery().limits().chunk,
        )
        .ok_or_else(|| Trouble::OutOfMemory("one panel is more than a binding holds".into()))?;
        // Set before the upload: after a failed upload the size of its chunks must be known.
        state.chunk = cut.chunk;
        let (device, _) = shared.device()?;
        let store = device.guarded("upload", |device| {
            Store::new(device, source, cut.chunk, cut.resident, split, control)
        })?;
        state.held.insert(
            source.stored,
            Held {
                store,
                generation,
                tile_rows: source.tile.rows,
                cut,
            },
        );
        Ok(())
    }

    /// The answers of the directions `part` from their lists.
    fn finish(
        &self,
        stage: PrecisionStage,
        batch: &Batch<'_>,
        scaled: &Scaled,
        part: std::ops::Range<usize>,
        lists: &Lists,
    ) -> Result<Vec<Answer>> {
        let d = self.dim();
        let found: Vec<DeviceList<'_>> = part
            .enumerate()
            .map(|(place, b)| {
                let direction = &batch.directions[b * d..(b + 1) * d];
                let (norm, slack) = (length(direction), f64::from(scaled.slack[b][2]));
                let missed = f64::from(lists.missed[place]);
                // The device added value and slack in f32, which rounds.
                let rounding = 8.0 * U32 * (missed.abs() + 2.0 * slack);
                let bounds = (stage == PrecisionStage::Int8).then(|| Bounds {
                    slack,
                    factor: scaled.factors[b],
                    hidden: self.host_error(norm, batch.bias[b]),
                });
                DeviceList {
                    direction,
                    c: batch.bias[b],
                    entries: &lists.entries[place * lists.kept..(place + 1) * lists.kept],
                    missed: (missed + rounding) / scaled.factors[b],
                    allowed: self.error_bound(norm, batch.bias[b]),
                    bounds,
                }
            })
            .collect();
        finish(self.rows, &self.frame, &found, batch.k)
    }

    /// Twice the error bound of a score that the host computes in f64, before it is rounded to f32.
    fn host_error(&self, norm: f64, c: f32) -> f64 {
        let (d, radius) = (self.dim(), self.frame.radius);
        let bias = f64::from(c).abs() * self.frame.euclid_radius.powi(2);
        2.0 * (rounding::f64_score(d, radius, norm) + gamma(d + 8, U64) * bias)
    }

    /// Whether eight bits can bound the scores of this batch: see [`integers`].
    fn suits_int8(&self, batch: &Batch<'_>) -> bool {
        integers::fits(self.dim()) && batch.bias.iter().all(|&c| c >= 0.0)
    }

    /// Whether the device can scan this batch: short lists, and no overflow in f32.
    fn suits(&self, batch: &Batch<'_>) -> bool {
        let factor = f64::from(row_factor(Stored::F16)) * 2.0 * DIRECTION_SCALE;
        let radius = self.frame.radius.max(1.0);
        let fits = |(direction, &c): (&[f32], &f32)| {
            let most = direction.iter().fold(0f32, |most, w| most.max(w.abs()));
            let scale = factor / if most > 0.0 { f64::from(most) } else { 1.0 };
            let bias = scale * f64::from(c).abs() * (1.0 + 0.5 * self.frame.euclid_radius.powi(2));
            let length = factor * (self.dim() as f64).sqrt() * radius;
            // Directions so short that scaling them up would overflow also go to the CPU.
            bias < LARGEST
                && length < LARGEST
                && (most == 0.0 || most > 1e-30)
                && f64::from(most) < 1e30
        };
        batch.k + 8 <= KEPT
            && batch
                .directions
                .chunks_exact(self.dim())
                .zip(batch.bias)
                .all(fits)
    }

    /// Answer the directions that are still open on the CPU.
    fn complete(&self, batch: &Batch<'_>, found: Answered, control: &Control) -> Result<Hits> {
        let Answered { answers, proved } = found;
        let k = batch.k.min(self.rows.len());
        let open: Vec<usize> = (0..answers.len())
            .filter(|&b| answers[b].is_none())
            .collect();
        let (directions, bias) = self.subset(batch, &open);
        let mut rest = Hits::default();
        if !open.is_empty() {
            let part = Batch {
                directions: &directions,
                bias: &bias,
                k,
            };
            rest = cpu::scan_batch(self.rows, &self.frame, &part, control)?;
        }
        let (mut scores, mut rows) = (Vec::new(), Vec::new());
        let mut next = 0;
        for answer in answers {
            if let Some((found, places)) = answer {
                scores.extend(found);
                rows.extend(places);
            } else {
                let (found, places) = rest.of(next);
                scores.extend_from_slice(found);
                rows.extend_from_slice(places);
                next += 1;
            }
        }
        assert_eq!(next, open.len(), "each direction has one answer");
        let hits = Hits::new(self.rows.len(), k, scores, rows).proved_in("f32", open.len());
        let each = proved.into_iter();
        Ok(each.fold(hits, |hits, (name, count)| hits.proved_in(name, count)))
    }
}

/// The factor of stored rows: in f16 they are scaled up, away from numbers that a device may flush to zero.
fn row_factor(stored: Stored) -> f32 {
    match stored {
        Stored::F32 | Stored::Int8 => 1.0,
        Stored::F16 => DIRECTION_SCALE as f32,
    }
}

fn length(vector: &[f32]) -> f64 {
    vector
        .iter()
        .map(|&v| f64::from(v).powi(2))
        .sum::<f64>()
        .sqrt()
}

impl Scan for GpuScan<'_> {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn scan_above(&self, batch: &Batch<'_>, _: &[Floor], control: &Control) -> Result<Hits> {
        let count = batch.bias.len();
        assert_eq!(
            batch.directions.len(),
            count * self.dim(),
            "directions must be B x d"
        );
        let mut shared = lock(&self.shared);
        if shared.recovery().is_given_up() || count == 0 || batch.k == 0 || !self.suits(batch) {
            shared.proven.cpu += count as u64;
            drop(shared);
            return cpu::scan_batch(self.rows, &self.frame, batch, control);
        }
        let mut state = self.state.lock().unwrap_or_else(|held| held.into_inner());
        let started = Instant::now();
        match self.ladder(&mut shared, &mut state, batch, control) {
            Ok(found) => {
                let flop = 2 * (self.rows.len() * self.dim()) as u64 * count as u64;
                control.scanned(flop, started.elapsed());
                drop(shared);
                self.complete(batch, found, control)
            }
            Err(GaveUp::Host(error)) => Err(error),
            Err(GaveUp::Device(why)) => {
                shared.proven.cpu += count as u64;
                state.held.clear();
                shared.warn(format!(
                    "the GPU was given up, the CPU does the rest: {why}"
                ));
                drop(shared);
                cpu::scan_batch(self.rows, &self.frame, batch, control)
            }
        }
    }

    /// Twice the error bound of f32 on the device. A stated score is exact up to its last rounding; a row that was left
    /// out is bounded by the device's own error; and answers that do not meet this bound are not returned.
    fn error_bound(&self, norm: f64, c: f32) -> f64 {
        let bias = f64::from(c).abs() * 0.5 * self.frame.euclid_radius.powi(2);
        2.0 * DeviceError::f32(self.dim()).bound(self.frame.radius, norm, bias)
    }
}
