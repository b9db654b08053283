//! Which tile is fastest on this adapter for a number of columns and directions: measured once, then cached.
//!
//! No tile is best everywhere, and the best of one device may be half as fast on another, so each is timed on random
//! numbers in the shape of the problem, rounded up to powers of two. Software adapters get one small tile without timing.

use super::cache;
use super::device::{Device, Trouble};
use super::needs::Params;
use super::pipeline::Variant;
use super::precision_stage::PrecisionStage;
use super::tile::{PLAIN_TILE, ScanParams, Stored, TILES, Tile};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Instant;

/// Operations of one timed dispatch: milliseconds on a graphics card.
pub const FLOP: f64 = 4e10;

/// The most bytes of rows to time with.
const BYTES: usize = 64 << 20;

/// Timed runs for each tile; the fastest counts.
const RUNS: usize = 3;

/// The fastest tile of a shape, and its seconds for [`FLOP`] operations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    pub tile: Tile,
    pub seconds: f64,
}

/// What was measured on one adapter, by shape.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Table(BTreeMap<String, Measured>);

/// The tiles of one adapter.
pub struct Tuner {
    key: String,
    software: bool,
    table: Table,
}

impl Tuner {
    /// Loads the times that earlier runs measured on this adapter.
    pub fn new(info: &wgpu::AdapterInfo) -> Self {
        let key = cache::adapter_key(info);
        let stored = cache::folder().and_then(|folder| cache::load(&folder, "tiles", &key));
        // A table that does not parse is treated as empty.
        let table = stored
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Tuner {
            key,
            software: info.device_type == wgpu::DeviceType::Cpu,
            table,
        }
    }

    /// The tile to use without timing.
    pub fn plain(&self) -> Tile {
        if self.software { PLAIN_TILE } else { TILES[0] }
    }

    /// The tiles for this adapter, the plain one first. All have the same number of rows, so the rows on the device
    /// suit each.
    pub fn tiles(&self) -> Vec<Tile> {
        let plain = self.plain();
        let others = TILES.into_iter().filter(|tile| *tile != plain);
        let alike = others.filter(|tile| tile.rows == plain.rows);
        std::iter::once(plain).chain(alike).collect()
    }

    /// The fastest of some tiles for `count` directions of d columns. Software adapters take the first.
    pub fn tile(
        &mut self,
        device: &mut Device,
        stage: PrecisionStage,
        tiles: &[Tile],
        d: usize,
        count: usize,
    ) -> Result<Tile, Trouble> {
        if let (true, Some(first)) = (self.software, tiles.first()) {
            return Ok(*first);
        }
        let measured = self.fastest(device, stage, tiles, d, count)?;
        Ok(measured.tile)
    }

    /// Whether timings on this adapter are meaningful: on a software adapter they are not.
    pub fn measures(&self, device: &Device) -> bool {
        !self.software || device.faults.times().is_some()
    }

    /// The fastest of some tiles for `count` directions of d columns, and its time; measured unless it is known.
    pub fn fastest(
        &mut self,
        device: &mut Device,
        stage: PrecisionStage,
        tiles: &[Tile],
        d: usize,
        count: usize,
    ) -> Result<Measured, Trouble> {
        if let (Some(planted), Some(&tile)) = (device.faults.times(), tiles.first()) {
            let found = planted.iter().find(|(stored, _)| *stored == stage.stored());
            let seconds = found.map_or(f64::INFINITY, |(_, seconds)| *seconds);
            return Ok(Measured { tile, seconds });
        }
        let stored = stage.stored();
        let depth = stored.depth(d).next_power_of_two().min(1024);
        let count = count.next_power_of_two().clamp(32, 1024);
        let columns = depth * stored.columns();
        let pass = stage.scan().name();
        let shape = format!(
            "{columns} columns, {count} directions, {pass} {}",
            stored.name()
        );
        let fits = |tile: &Tile| device.fits(&scan(stage, *tile));
        let candidates: Vec<Tile> = tiles.iter().copied().filter(fits).collect();
        if let Some(known) = self
            .table
            .0
            .get(&shape)
            .filter(|known| candidates.contains(&known.tile))
        {
            return Ok(*known);
        }
        let mut best: Option<Measured> = None;
        for tile in candidates {
            let seconds = measure(device, stage, tile, (depth, count), FLOP)?;
            if best.is_none_or(|best| seconds < best.seconds) {
                best = Some(Measured { tile, seconds });
            }
        }
        let Some(best) = best else {
            return Err(Trouble::Bug("no tile fits the device's limits".into()));
        };
        self.table.0.insert(shape, best);
        self.save();
        Ok(best)
    }

    fn save(&self) {
        if let (Some(folder), Ok(text)) = (cache::folder(), serde_json::to_vec(&self.table)) {
            // If this fails, the next run measures again.
            let _ = cache::store(&folder, "tiles", &self.key, &text);
        }
    }
}

/// The scan of a stage with one tile.
fn scan(stage: PrecisionStage, tile: Tile) -> Variant {
    Variant {
        pass: stage.scan(),
        tile,
        stored: stage.stored(),
        width: tile.rows,
        unrolled: true,
    }
}

/// Seconds for [`FLOP`] operations with a tile on vectors of `depth` elements, from runs of `flop` operations after one
/// warm-up run.
pub fn measure(
    device: &mut Device,
    stage: PrecisionStage,
    tile: Tile,
    (depth, count): (usize, usize),
    flop: f64,
) -> Result<f64, Trouble> {
    let stored = stage.stored();
    let panel = tile.rows as usize;
    let tiles = count.div_ceil(tile.queries as usize);
    let most = BYTES / depth / stored.bytes() / panel;
    let columns = depth * stored.columns();
    let flop_of_panel = 2.0 * (panel * columns * tiles * tile.queries as usize) as f64;
    let panels = ((flop / flop_of_panel) as usize).clamp(1, most.max(1));
    let spans = panels * panel / super::tile::SPAN as usize;
    let params = ScanParams {
        rows: (panels * panel) as u32,
        spans: spans as u32,
        first_panel: 0,
        panels: panels as u32,
        first_tile: 0,
        tiles: tiles as u32,
        queries: count as u32,
        depth: depth as u32,
    };
    let variant = scan(stage, tile);
    let buffers = filled(device, stage, &variant, &params)?;
    let bound: Vec<&wgpu::Buffer> = buffers.iter().collect();
    let mut least = f64::INFINITY;
    for run in 0..=RUNS {
        let started = Instant::now();
        let index = device.guarded(&variant.label(), |device| {
            let mut encoder = device.record();
            // The results of these dispatches are not used.
            device.issue(
                &mut encoder,
                variant,
                &params,
                &bound,
                (panels * tiles) as u64,
            )?;
            device.submit(encoder)
        })?;
        device.wait(index)?;
        if run > 0 {
            least = least.min(started.elapsed().as_secs_f64());
        }
    }
    Ok(least / (panels as f64 * flop_of_panel) * FLOP)
}

/// The buffers of a scan with random rows and directions.
fn filled(
    device: &mut Device,
    stage: PrecisionStage,
    variant: &Variant,
    params: &ScanParams,
) -> Result<Vec<wgpu::Buffer>, Trouble> {
    let of_directions = match stage {
        PrecisionStage::Half | PrecisionStage::Single => Stored::F32,
        PrecisionStage::Coop | PrecisionStage::Int8 => stage.stored(),
    };
    let mut buffers = Vec::new();
    for (place, need) in params.needs(variant).iter().enumerate() {
        let words = (need.bytes() / 4) as usize;
        buffers.push(match place {
            0 => device.filled("tuning rows", &random_bits(words, variant.stored))?,
            1 => device.filled("tuning directions", &random_bits(words, of_directions))?,
            _ => device.buffer("tuning", need.bytes())?,
        });
    }
    Ok(buffers)
}

/// Random words whose numbers (one f32 or two f16) have magnitudes between 1 and 2; for eight bits, arbitrary words.
fn random_bits(words: usize, stored: Stored) -> Vec<u32> {
    let mut state = 0x9e37_79b9u32;
    let (keep, one) = match stored {
        Stored::F32 => (0x807f_ffff, 0x3f80_0000),
        Stored::F16 => (0x83ff_83ff, 0x3c00_3c00),
        Stored::Int8 => (u32::MAX, 0),
    };
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state ^ state.rotate_left(16)) & keep) | one
    };
    (0..words).map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::super::adapters;
    use super::super::faults::Faults;
    use super::*;

    /// The timed dispatch is a valid scan: buffers have the right lengths for every precision, on every adapter present.
    #[test]
    fn every_stage_can_be_timed() {
        for adapter in adapters::list() {
            let mut device = Device::open(&adapter, Faults::default()).unwrap();
            for stage in [
                PrecisionStage::Single,
                PrecisionStage::Half,
                PrecisionStage::Int8,
            ] {
                if !device.fits(&scan(stage, PLAIN_TILE)) {
                    continue;
                }
                let depth = stage.stored().depth(70);
                let seconds = measure(&mut device, stage, PLAIN_TILE, (depth, 40), 1e6).unwrap();
                assert!(seconds > 0.0 && seconds.is_finite(), "{stage:?}");
            }
        }
    }
}
