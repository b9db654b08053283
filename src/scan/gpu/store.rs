//! Packed rows on the device: uploaded once and kept, or streamed through two buffers.
//!
//! Raw rows go through a ring of mapped buffers, piece by piece, and are packed on the device. Copies and passes run in
//! the order of submission, so a buffer may be refilled as soon as the commands that read it are submitted; only the
//! ring buffers wait, each for its own copy.

use super::chunk::{Chunk, Upload};
use super::device::{Device, Trouble};
use super::integers;
use super::pass::Pass;
use super::shape::PIECE;
use super::spot;
use super::tile::{NormsParams, PackParams, SPAN, Stored, TERMS};
use crate::control::Control;
use crate::scan::cpu;
use wgpu::{Buffer, BufferUsages};

/// The most pieces in flight.
const RING: usize = 4;

/// One buffer of the ring, and the submission that reads it.
struct Slot {
    buffer: Buffer,
    busy: Option<wgpu::SubmissionIndex>,
}

/// The path of rows onto the device.
pub struct Uploader {
    ring: Vec<Slot>,
    next: usize,
    /// A piece after upload, row-major.
    raw: Buffer,
    host: Vec<f32>,
    /// For eight bits: the terms of the chunk's rows sent so far.
    terms: Vec<[f32; TERMS]>,
    piece: usize,
    /// How many more chunks are compared after they are filled.
    looks: usize,
}

impl Uploader {
    /// A ring for rows of this source, for at most `most` rows at a time; the first `looks` chunks are compared.
    pub fn new(
        device: &mut Device,
        source: &Upload<'_>,
        most: usize,
        looks: usize,
    ) -> Result<Self, Trouble> {
        let (d, panel) = (source.frame.dim(), source.tile.rows as usize);
        let piece =
            ((PIECE as usize / 4 / d) / panel * panel).clamp(panel, most.next_multiple_of(panel));
        let bytes = (piece * source.elements() * 4) as u64;
        let usage = BufferUsages::MAP_WRITE | BufferUsages::COPY_SRC;
        let ring = (0..RING.min(most.div_ceil(piece) + 1))
            .map(|_| {
                Ok(Slot {
                    buffer: device.allocate("upload", bytes, usage)?,
                    busy: None,
                })
            })
            .collect::<Result<_, Trouble>>()?;
        Ok(Uploader {
            ring,
            next: 0,
            raw: device.buffer("raw rows", bytes)?,
            host: Vec::new(),
            terms: Vec::new(),
            piece,
            looks,
        })
    }

    /// Fill `chunk` with rows `first .. first + count`.
    pub fn fill(
        &mut self,
        device: &mut Device,
        source: &Upload<'_>,
        chunk: &mut Chunk,
        (first, count): (usize, usize),
        control: &Control,
    ) -> Result<(), Trouble> {
        (chunk.first, chunk.count) = (first, count);
        self.terms.clear();
        for start in (0..count).step_by(self.piece) {
            control.check()?;
            self.send(device, source, chunk, start, self.piece.min(count - start))?;
        }
        let beside = self.beside(source, chunk);
        device.write(&chunk.beside, bytemuck::cast_slice(&beside));
        if source.stored != Stored::Int8 {
            norms(device, source, chunk)?;
        }
        if self.looks == 0 {
            return Ok(());
        }
        self.looks -= 1;
        spot::check(device, source, chunk)
    }

    /// The biases or terms of the rows of a chunk. Rows past the end get some too; their results are discarded.
    fn beside(&self, source: &Upload<'_>, chunk: &Chunk) -> Vec<f32> {
        if source.stored == Stored::Int8 {
            return integers::in_panels(&self.terms, source.tile.rows);
        }
        let factor = f64::from(source.factor);
        let bias = &source.frame.bias[chunk.first..chunk.first + chunk.count];
        let mut bias: Vec<f32> = bias
            .iter()
            .map(|&b| (f64::from(b) * factor) as f32)
            .collect();
        bias.resize(bias.len().next_multiple_of(source.tile.rows as usize), 0.0);
        bias
    }

    /// Read rows in the frame, and quantise them to words if the source asks for eight bits.
    fn read(
        &mut self,
        source: &Upload<'_>,
        first: usize,
        count: usize,
    ) -> Result<Option<Vec<u32>>, Trouble> {
        let (frame, d) = (source.frame, source.frame.dim());
        self.host.resize(count * d, 0.0);
        cpu::framed(source.rows, frame, first, source.factor, &mut self.host)?;
        if source.stored != Stored::Int8 {
            return Ok(None);
        }
        let (words, terms) = integers::rows(&self.host, d, &frame.bias[first..first + count]);
        self.terms.extend(terms);
        Ok(Some(words))
    }

    /// Send rows `start .. start + count` of the chunk: decode, copy, pack.
    fn send(
        &mut self,
        device: &mut Device,
        source: &Upload<'_>,
        chunk: &Chunk,
        start: usize,
        count: usize,
    ) -> Result<(), Trouble> {
        let columns = source.elements();
        let words = self.read(source, chunk.first + start, count)?;
        let place = self.next;
        self.next = (place + 1) % self.ring.len();
        let slot = &mut self.ring[place];
        device.map(&slot.buffer, wgpu::MapMode::Write, slot.busy.take())?;
        {
            let view = slot.buffer.slice(..).get_mapped_range_mut();
            let mut view = view
                .map_err(|error| Trouble::Lost(format!("a mapped buffer is not there: {error}")))?;
            let bytes: &[u8] = match &words {
                Some(words) => bytemuck::cast_slice(words),
                None => bytemuck::cast_slice(&self.host),
            };
            view.slice(..bytes.len()).copy_from_slice(bytes);
        }
        slot.buffer.unmap();
        let mut encoder = device.record();
        encoder.copy_buffer_to_buffer(
            &slot.buffer,
            0,
            &self.raw,
            0,
            Some((count * columns * 4) as u64),
        );
        let panel = source.tile.rows as usize;
        let params = PackParams {
            rows: count as u32,
            columns: columns as u32,
            depth: source.depth() as u32,
            first_panel: (start / panel) as u32,
            panels: count.div_ceil(panel) as u32,
        };
        let items = u64::from(params.panels) * u64::from(params.depth) * panel as u64;
        let variant = source.variant(Pass::Pack, false);
        let groups = items.div_ceil(u64::from(variant.threads()));
        device.dispatch(
            &mut encoder,
            variant,
            &params,
            &[&self.raw, &chunk.x],
            groups,
        )?;
        slot.busy = Some(device.submit(encoder)?);
        Ok(())
    }
}

/// The largest length in each span of a chunk, for the error of its scores.
fn norms(device: &mut Device, source: &Upload<'_>, chunk: &Chunk) -> Result<(), Trouble> {
    let mut encoder = device.record();
    let params = NormsParams {
        spans: chunk.spans() as u32,
        depth: source.depth() as u32,
    };
    let variant = source.variant(Pass::Norms, false);
    let groups = (chunk.spans() * SPAN as usize).div_ceil(variant.threads() as usize);
    let bound = [&chunk.x, &chunk.norms];
    device.dispatch(&mut encoder, variant, &params, &bound, groups as u64)?;
    device.submit(encoder)?;
    Ok(())
}

/// The rows of one reference set on one device.
pub enum Store {
    /// All rows.
    Resident(Vec<Chunk>),
    /// Two chunks in turn, and the start and the end of each chunk.
    Streamed {
        slots: Box<[Chunk; 2]>,
        parts: Vec<(usize, usize)>,
        uploader: Uploader,
    },
}

/// N rows in chunks; no chunk crosses row `split`, at which earlier work ended.
pub fn parts(n: usize, chunk: usize, split: usize) -> Vec<(usize, usize)> {
    [(0, split), (split, n)]
        .into_iter()
        .flat_map(|(from, to)| {
            (from..to)
                .step_by(chunk)
                .map(move |first| (first, chunk.min(to - first)))
        })
        .collect()
}

impl Store {
    /// Allocate the chunks, and upload them if `resident`.
    pub fn new(
        device: &mut Device,
        source: &Upload<'_>,
        chunk: usize,
        resident: bool,
        split: usize,
        control: &Control,
    ) -> Result<Self, Trouble> {
        let parts = parts(source.rows.len(), chunk, split);
        // A comparison waits for the device: of streamed chunks only the first in each slot are compared.
        let looks = if resident { parts.len() } else { 2 };
        let mut uploader = Uploader::new(device, source, chunk.min(source.rows.len()), looks)?;
        if !resident {
            let slots = Box::new([
                Chunk::new(device, source, chunk)?,
                Chunk::new(device, source, chunk)?,
            ]);
            return Ok(Store::Streamed {
                slots,
                parts,
                uploader,
            });
        }
        let mut chunks = Vec::new();
        for part in parts {
            let mut room = Chunk::new(device, source, part.1)?;
            uploader.fill(device, source, &mut room, part, control)?;
            chunks.push(room);
        }
        Ok(Store::Resident(chunks))
    }
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn parts_cover_every_row_once_and_respect_the_split() {
        assert_eq!(parts(10, 4, 0), [(0, 4), (4, 4), (8, 2)]);
        assert_eq!(parts(10, 4, 6), [(0, 4), (4, 2), (6, 4)]);
        assert_eq!(parts(3, 8, 0), [(0, 3)]);
    }
}
