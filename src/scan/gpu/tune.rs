//! Which tile is fastest on this adapter for so many columns and directions: measured once, remembered.
//!
//! No tile is best everywhere, and the best of one device may be half as fast on another, so each is timed on random
//! numbers of the shape at hand, rounded up to a power of two. Software adapters get one small tile without measuring.

use super::cache;
use super::device::{Device, Trouble};
use super::pipeline::{Pass, Variant};
use super::tile::{PLAIN_TILE, ScanParams, Stored, TILES, Tile, padded};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Instant;

/// Operations of one timed dispatch: milliseconds on a graphics card.
pub const FLOP: f64 = 4e10;

/// Bytes of rows to time with, at most.
const BYTES: usize = 64 << 20;

/// Timed runs of a tile; the fastest counts.
const RUNS: usize = 3;

/// What was measured on one adapter: shape to tile.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Table(BTreeMap<String, Tile>);

/// The tiles of one adapter.
pub struct Tuner {
    key: String,
    software: bool,
    table: Table,
}

impl Tuner {
    /// Remember what earlier runs found on this adapter.
    pub fn new(info: &wgpu::AdapterInfo) -> Self {
        let key = cache::adapter_key(info);
        let stored = cache::folder().and_then(|folder| cache::load(&folder, "tiles", &key));
        // A table that does not parse is one that was never measured.
        let table = stored
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Tuner {
            key,
            software: info.device_type == wgpu::DeviceType::Cpu,
            table,
        }
    }

    /// A tile without measuring.
    pub fn plain(&self) -> Tile {
        if self.software { PLAIN_TILE } else { TILES[0] }
    }

    /// The tiles of this adapter, the plain one first: all of as many rows, so that rows on the device suit each.
    pub fn tiles(&self) -> Vec<Tile> {
        let plain = self.plain();
        let others = TILES.into_iter().filter(|tile| *tile != plain);
        let alike = others.filter(|tile| tile.rows == plain.rows);
        std::iter::once(plain).chain(alike).collect()
    }

    /// The fastest of some tiles for `count` directions of d columns; measured if it is not known. Software adapters take
    /// the first.
    pub fn tile(
        &mut self,
        device: &mut Device,
        tiles: &[Tile],
        d: usize,
        count: usize,
        stored: Stored,
    ) -> Result<Tile, Trouble> {
        if let (true, Some(first)) = (self.software, tiles.first()) {
            return Ok(*first);
        }
        let depth = padded(d).next_power_of_two().min(1024);
        let count = count.next_power_of_two().clamp(32, 1024);
        let shape = format!("{depth} columns, {count} directions, {}", stored.wgsl());
        let fits = |tile: &Tile| device.fits(&scan(*tile, stored));
        let candidates: Vec<Tile> = tiles.iter().copied().filter(fits).collect();
        if let Some(known) = self
            .table
            .0
            .get(&shape)
            .filter(|known| candidates.contains(known))
        {
            return Ok(*known);
        }
        let mut best: Option<(f64, Tile)> = None;
        for tile in candidates {
            let seconds = measure(device, tile, stored, depth, count)?;
            if best.is_none_or(|(least, _)| seconds < least) {
                best = Some((seconds, tile));
            }
        }
        let Some((_, tile)) = best else {
            return Err(Trouble::Bug("no tile fits the device's limits".into()));
        };
        self.table.0.insert(shape, tile);
        self.save();
        Ok(tile)
    }

    fn save(&self) {
        if let (Some(folder), Ok(text)) = (cache::folder(), serde_json::to_vec(&self.table)) {
            // Not remembered means measured again.
            let _ = cache::store(&folder, "tiles", &self.key, &text);
        }
    }
}

/// The scan with one tile.
fn scan(tile: Tile, stored: Stored) -> Variant {
    Variant {
        pass: Pass::Scan,
        tile,
        stored,
        width: tile.rows,
        unrolled: true,
    }
}

/// Seconds for [`FLOP`] operations with a tile, after one run to warm up.
pub fn measure(
    device: &mut Device,
    tile: Tile,
    stored: Stored,
    depth: usize,
    count: usize,
) -> Result<f64, Trouble> {
    let panel = tile.rows as usize;
    let tiles = count.div_ceil(tile.queries as usize);
    let most = BYTES / depth / stored.bytes() / panel;
    let flop_of_panel = 2.0 * (panel * depth * tiles * tile.queries as usize) as f64;
    let panels = ((FLOP / flop_of_panel) as usize).clamp(1, most.max(1));
    let bytes = panels * panel * depth * stored.bytes();
    // Random bits of moderate numbers: the sign and the low bits of 1.0.
    let pattern: Vec<u32> = random_bits(bytes / 4, stored);
    let x = device.filled("tuning rows", &pattern)?;
    let w = device.filled(
        "tuning directions",
        &random_bits(tiles * tile.queries as usize * depth, Stored::F32),
    )?;
    let row_bias = device.buffer("tuning biases", (panels * panel * 4) as u64)?;
    let query_bias = device.buffer("tuning biases", (tiles * tile.queries as usize * 4) as u64)?;
    let spans = panels * panel / super::tile::SPAN as usize;
    let maxima = device.buffer("tuning maxima", (count * spans * 4) as u64)?;
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
    let variant = scan(tile, stored);
    let mut least = f64::INFINITY;
    for run in 0..=RUNS {
        let started = Instant::now();
        let index = device.guarded(&variant.label(), |device| {
            let mut encoder = device.record();
            let bound = [&x, &w, &row_bias, &query_bias, &maxima];
            // Its numbers are of no use to anyone.
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

/// Words whose numbers (one f32 or two f16) lie between 1 and 2 in size, with random signs and digits.
fn random_bits(words: usize, stored: Stored) -> Vec<u32> {
    let mut state = 0x9e37_79b9u32;
    let (keep, one) = match stored {
        Stored::F32 => (0x807f_ffff, 0x3f80_0000),
        Stored::F16 => (0x83ff_83ff, 0x3c00_3c00),
    };
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state ^ state.rotate_left(16)) & keep) | one
    };
    (0..words).map(step).collect()
}
