//! One group of directions against all chunks: the passes in order, two submissions ahead, the lists copied back after
//! each chunk.
//!
//! ```text
//! for each chunk:  for each run of queries:  scan -> select spans -> rescore -> select rows -> merge
//!                  copy the lists back
//! ```
//!
//! The host's [`Lists`] always hold the state after the last finished chunk. After a failure the work continues from
//! there, on another device or in smaller chunks, and no row is counted twice.

use super::chunk::{Chunk, Upload};
use super::device::{Device, Landing, SUBMISSION, Trouble};
use super::integers;
use super::pass::Pass;
use super::pipeline::Variant;
use super::precision_stage::PrecisionStage;
use super::shape::BatchCut;
use super::store::Store;
use super::tile::{
    Entry, LOWEST, MergeParams, PackParams, RescoreParams, SPAN, ScanParams, SelectParams, Stored,
    TERMS,
};
use crate::control::Control;
use std::collections::VecDeque;
use std::time::Instant;
use wgpu::{Buffer, CommandEncoder, SubmissionIndex};

/// The most submissions in flight.
const AHEAD: usize = 2;

/// Directions for the device, row-major, scaled by powers of two, with what each element type needs beside them.
pub enum Vectors<'a> {
    /// The directions in floating point, and c of each, scaled like the direction.
    Numbers(&'a [f32], &'a [f32]),
    /// The directions in eight bits, and their terms.
    Words(&'a [u32], &'a [[f32; TERMS]]),
}

/// The directions of a group, as sent to the device.
pub struct Directions<'a> {
    pub vectors: Vectors<'a>,
    /// What must be added to a score for a proven bound: a factor of the span's norm, a constant, and a slack for any row.
    pub slack: &'a [[f32; 4]],
}

impl Directions<'_> {
    fn count(&self) -> usize {
        self.slack.len()
    }

    /// Uploads the vectors row by row and their terms in tiles of `width`; also returns the type to pack the vectors to.
    fn send(&self, device: &mut Device, width: usize) -> Result<(Buffer, Buffer, Stored), Trouble> {
        let (raw, beside, stored) = match self.vectors {
            Vectors::Numbers(vectors, bias) => {
                let mut bias = bias.to_vec();
                bias.resize(bias.len().next_multiple_of(width), 0.0);
                (device.filled("directions", vectors)?, bias, Stored::F32)
            }
            Vectors::Words(words, terms) => {
                let terms = integers::in_panels(terms, width as u32);
                (device.filled("directions", words)?, terms, Stored::Int8)
            }
        };
        let beside = device.filled("direction biases", &beside)?;
        Ok((raw, beside, stored))
    }
}

/// The lists of a group for the rows before `next_row`.
pub struct Lists {
    pub kept: usize,
    /// count x kept.
    pub entries: Vec<Entry>,
    /// For each direction, an upper bound on the score of every row that is not listed.
    pub missed: Vec<f32>,
    pub next_row: usize,
}

impl Lists {
    /// The lists before the first row.
    pub fn new(count: usize, kept: usize) -> Self {
        Lists {
            kept,
            entries: vec![Entry::EMPTY; count * kept],
            missed: vec![LOWEST; count],
            next_row: 0,
        }
    }
}

/// Buffers of one group.
struct Buffers {
    w: Buffer,
    /// The same in f16, for the matrix unit.
    w_half: Option<Buffer>,
    /// Biases, or terms for eight bits.
    beside: Buffer,
    slack: Buffer,
    missed: Buffer,
    /// Lists before and after the present chunk.
    held: [Buffer; 2],
    maxima: Buffer,
    spans: Buffer,
    scores: Buffer,
    chosen: Buffer,
    left: Buffer,
}

/// Lists that are being copied back.
struct Checkpoint {
    entries: Landing,
    missed: Landing,
    next_row: usize,
}

/// The work on one group.
pub struct Group<'a> {
    pub device: &'a mut Device,
    pub source: &'a Upload<'a>,
    pub cut: BatchCut,
    pub stage: PrecisionStage,
    pub unrolled: bool,
    pub control: &'a Control,
}

impl Group<'_> {
    /// Scan all rows from `lists.next_row` on.
    pub fn run(
        mut self,
        store: &mut Store,
        directions: &Directions<'_>,
        lists: &mut Lists,
        largest_chunk: usize,
    ) -> Result<(), Trouble> {
        let count = directions.count();
        let buffers = self.buffers(directions, lists, largest_chunk)?;
        let mut queue = Queue::default();
        let mut turn = 0;
        let mut pending: Option<Checkpoint> = None;
        let parts = match store {
            Store::Resident(chunks) => chunks
                .iter()
                .map(|chunk| (chunk.first, chunk.count))
                .collect(),
            Store::Streamed { parts, .. } => parts.clone(),
        };
        let todo: Vec<usize> = (0..parts.len())
            .filter(|&i| parts[i].0 >= lists.next_row)
            .collect();
        if let Some(&first) = todo.first() {
            self.load(store, first, parts[first])?;
        }
        for (step, &i) in todo.iter().enumerate() {
            let chunk = match store {
                Store::Resident(chunks) => &chunks[i],
                Store::Streamed { slots, .. } => &slots[i % 2],
            };
            self.chunk(&buffers, turn, chunk, count, lists.kept, &mut queue)?;
            turn = 1 - turn;
            let next = Checkpoint {
                entries: self.device.copy_back(
                    &buffers.held[turn],
                    count * lists.kept,
                    size_of::<Entry>(),
                )?,
                missed: self.device.copy_back(&buffers.missed, count, 4)?,
                next_row: parts[i].0 + parts[i].1,
            };
            // While the device scans this chunk, the host decodes the next one.
            if let Some(&following) = todo.get(step + 1) {
                self.load(store, following, parts[following])?;
            }
            if let Some(done) = pending.replace(next) {
                self.take(done, lists)?;
            }
        }
        pending.map_or(Ok(()), |done| self.take(done, lists))
    }

    /// Upload chunk `i` unless it is on the device.
    fn load(&mut self, store: &mut Store, i: usize, part: (usize, usize)) -> Result<(), Trouble> {
        match store {
            Store::Resident(_) => Ok(()),
            Store::Streamed {
                slots, uploader, ..
            } => uploader.fill(
                self.device,
                self.source,
                &mut slots[i % 2],
                part,
                self.control,
            ),
        }
    }

    fn take(&mut self, done: Checkpoint, lists: &mut Lists) -> Result<(), Trouble> {
        let entries = self.device.fetch(done.entries)?;
        lists.missed = self.device.fetch(done.missed)?;
        lists.entries = entries;
        lists.next_row = done.next_row;
        Ok(())
    }

    fn buffers(
        &mut self,
        directions: &Directions<'_>,
        lists: &Lists,
        largest_chunk: usize,
    ) -> Result<Buffers, Trouble> {
        let (depth, width) = (self.source.depth(), self.source.tile.queries as usize);
        let (count, kept, queries) = (directions.count(), lists.kept, self.cut.queries);
        let whole = count.next_multiple_of(width);
        let spans = largest_chunk.div_ceil(SPAN as usize);
        let slots = kept.min(spans);
        let device = &mut *self.device;
        let (raw, beside, sent) = directions.send(device, width)?;
        let w = device.buffer("packed directions", (whole * depth * 4) as u64)?;
        let w_half = match self.stage {
            PrecisionStage::Coop => {
                Some(device.buffer("packed directions in f16", (whole * depth * 2) as u64)?)
            }
            _ => None,
        };
        let buffers = Buffers {
            beside,
            slack: device.filled("slack", directions.slack)?,
            missed: device.filled("missed", &lists.missed)?,
            held: [
                device.filled("lists", &lists.entries)?,
                device.buffer("lists", (count * kept * size_of::<Entry>()) as u64)?,
            ],
            maxima: device.buffer("maxima", (queries * spans * 4) as u64)?,
            spans: device.buffer("chosen spans", (queries * slots * 4) as u64)?,
            scores: device.buffer("scores", (queries * slots * SPAN as usize * 4) as u64)?,
            chosen: device.buffer("chosen rows", (queries * kept * 4) as u64)?,
            left: device.buffer("left out", (queries * 8) as u64)?,
            w,
            w_half,
        };
        self.pack_directions(&raw, &buffers.w, sent, count)?;
        if let Some(half) = &buffers.w_half {
            self.pack_directions(&raw, half, Stored::F16, count)?;
        }
        Ok(buffers)
    }

    fn pack_directions(
        &mut self,
        raw: &Buffer,
        packed: &Buffer,
        stored: Stored,
        count: usize,
    ) -> Result<(), Trouble> {
        let width = self.source.tile.queries;
        let params = PackParams {
            rows: count as u32,
            columns: self.source.elements() as u32,
            depth: self.source.depth() as u32,
            first_panel: 0,
            panels: count.div_ceil(width as usize) as u32,
        };
        let variant = Variant {
            stored,
            width,
            ..self.source.variant(Pass::Pack, false)
        };
        let items = u64::from(params.panels) * u64::from(params.depth) * u64::from(width);
        let mut encoder = self.device.record();
        let groups = items.div_ceil(u64::from(variant.threads()));
        self.device
            .dispatch(&mut encoder, variant, &params, &[raw, packed], groups)?;
        self.device.submit(encoder)?;
        Ok(())
    }

    /// All queries against one chunk.
    fn chunk(
        &mut self,
        buffers: &Buffers,
        turn: usize,
        chunk: &Chunk,
        count: usize,
        kept: usize,
        queue: &mut Queue,
    ) -> Result<(), Trouble> {
        for first in (0..count).step_by(self.cut.queries) {
            let queries = self.cut.queries.min(count - first);
            self.control.check()?;
            let mut encoder = self.device.record();
            encoder = self.score(buffers, chunk, first, queries, encoder, queue)?;
            self.reduce(&mut encoder, buffers, turn, chunk, (first, queries), kept)?;
            queue.submit(self.device, encoder, 0.0)?;
        }
        Ok(())
    }

    /// Compute the maxima of all spans, a few panels in each submission.
    fn score(
        &mut self,
        buffers: &Buffers,
        chunk: &Chunk,
        first: usize,
        queries: usize,
        mut encoder: CommandEncoder,
        queue: &mut Queue,
    ) -> Result<CommandEncoder, Trouble> {
        let tile = self.source.tile;
        let depth = self.source.depth();
        let variant = self.source.variant(self.stage.scan(), self.unrolled);
        let tiles = queries.div_ceil(tile.queries as usize);
        let panel_flop = 2.0 * (tile.rows as usize * tiles * tile.queries as usize * depth) as f64;
        let panels = chunk.panels(&tile);
        let mut done = 0;
        while done < panels {
            let now = ((self.device.pace / panel_flop) as usize).clamp(1, panels - done);
            let params = ScanParams {
                rows: chunk.count as u32,
                spans: chunk.spans() as u32,
                first_panel: done as u32,
                panels: now as u32,
                first_tile: (first / tile.queries as usize) as u32,
                tiles: tiles as u32,
                queries: queries as u32,
                depth: depth as u32,
            };
            let w = buffers.w_half.as_ref().unwrap_or(&buffers.w);
            let bound = [&chunk.x, w, &chunk.beside, &buffers.beside, &buffers.maxima];
            self.device
                .dispatch(&mut encoder, variant, &params, &bound, (now * tiles) as u64)?;
            done += now;
            if done < panels {
                let full = std::mem::replace(&mut encoder, self.device.record());
                queue.submit(self.device, full, now as f64 * panel_flop)?;
                self.control.check()?;
            }
        }
        Ok(encoder)
    }

    /// Turn the maxima into lists.
    fn reduce(
        &mut self,
        encoder: &mut CommandEncoder,
        buffers: &Buffers,
        turn: usize,
        chunk: &Chunk,
        (first, queries): (usize, usize),
        kept: usize,
    ) -> Result<(), Trouble> {
        let (spans, slots, fresh) = (
            chunk.spans(),
            kept.min(chunk.spans()),
            kept.min(chunk.count),
        );
        let (queries, first_query) = (queries as u32, first as u32);
        let select = self.source.variant(Pass::Select, false);
        let of_spans = SelectParams {
            count: spans as u32,
            wanted: slots as u32,
            queries,
            first_query,
            // In eight bits the error is part of each row's own bound.
            by_norm: u32::from(self.stage != PrecisionStage::Int8),
            which: 0,
        };
        let bound = [
            &buffers.maxima,
            &chunk.norms,
            &buffers.slack,
            &buffers.spans,
            &buffers.left,
        ];
        self.device
            .dispatch(encoder, select, &of_spans, &bound, u64::from(queries))?;
        let params = RescoreParams {
            rows: chunk.count as u32,
            slots: slots as u32,
            queries,
            first_query,
            depth: self.source.depth() as u32,
        };
        let bound = [
            &chunk.x,
            &buffers.w,
            &chunk.beside,
            &buffers.beside,
            &buffers.spans,
            &buffers.scores,
        ];
        let variant = self.source.variant(self.stage.rescore(), false);
        let items = u64::from(queries) * (slots * SPAN as usize) as u64;
        self.device.dispatch(
            encoder,
            variant,
            &params,
            &bound,
            items.div_ceil(u64::from(variant.threads())),
        )?;
        let of_rows = SelectParams {
            count: slots as u32 * SPAN,
            wanted: fresh as u32,
            by_norm: 0,
            which: 1,
            ..of_spans
        };
        let bound = [
            &buffers.scores,
            &chunk.norms,
            &buffers.slack,
            &buffers.chosen,
            &buffers.left,
        ];
        self.device
            .dispatch(encoder, select, &of_rows, &bound, u64::from(queries))?;
        let params = MergeParams {
            kept: kept as u32,
            fresh: fresh as u32,
            slots: slots as u32,
            queries,
            first_query,
            base_low: chunk.first as u32,
            base_high: (chunk.first as u64 >> 32) as u32,
        };
        let [held, merged] = [&buffers.held[turn], &buffers.held[1 - turn]];
        let bound = [
            held,
            &buffers.scores,
            &buffers.spans,
            &buffers.chosen,
            &buffers.left,
            &buffers.slack,
            &buffers.missed,
            merged,
        ];
        let merge = self.source.variant(Pass::Merge, false);
        self.device
            .dispatch(encoder, merge, &params, &bound, u64::from(queries))
    }
}

/// Submissions in flight, oldest first.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<(SubmissionIndex, f64)>,
    last: Option<Instant>,
}

impl Queue {
    /// Submit, and wait for the oldest submission if too many are in flight. The time between two completions controls
    /// how much work goes into one submission.
    fn submit(
        &mut self,
        device: &mut Device,
        encoder: CommandEncoder,
        flop: f64,
    ) -> Result<(), Trouble> {
        self.waiting.push_back((device.submit(encoder)?, flop));
        while self.waiting.len() > AHEAD
            && let Some((index, flop)) = self.waiting.pop_front()
        {
            device.wait(index)?;
            let now = Instant::now();
            if let Some(last) = self.last.replace(now)
                && flop >= 0.5 * device.pace
            {
                let share = SUBMISSION.as_secs_f64() / (now - last).as_secs_f64().max(1e-6);
                device.pace = (device.pace * share.clamp(0.5, 2.0)).clamp(1e7, 1e13);
            }
        }
        Ok(())
    }
}
