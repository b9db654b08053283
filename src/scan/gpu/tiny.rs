//! Small problems on the device: thousands in one dispatch, a workgroup each.

use super::device::{Device, SUBMISSION, Trouble};
use super::engine::{GpuEngine, lock};
use super::pass::Pass;
use super::pipeline::Variant;
use super::tile::{INSIDE, NONE, OUTSIDE, Stored, TINY_DIMS, TINY_THREADS, Tile, TinyParams};
use crate::control::Control;
use crate::error::Result;
use crate::scan::small_sets::{Claim, Propose, Sets};
use std::time::Instant;

/// Bytes of vectors of one call at most: they are in memory in f64 and f32 as well.
const BYTES: u64 = 64 << 20;

/// Numbers of one problem: a workgroup reads them in a fraction of a millisecond, some hundred times.
const MOST_OF_ONE: usize = 1 << 20;

/// Passes over its vectors that a problem takes: a guess, for the length of a submission.
const PRICINGS: f64 = 40.0;

impl Propose for GpuEngine {
    fn most_dims(&self) -> usize {
        TINY_DIMS as usize
    }

    fn most_numbers(&self) -> usize {
        let room = lock(&self.shared).room();
        (BYTES.min(room.binding).min(room.total / 4) / 4) as usize
    }

    fn most_numbers_of_one(&self) -> usize {
        MOST_OF_ONE
    }

    fn propose(&self, sets: &Sets<'_>, control: &Control) -> Result<Option<Vec<Vec<Claim>>>> {
        assert!(
            (1..=TINY_DIMS as usize).contains(&sets.d),
            "a small problem is small"
        );
        let mut shared = lock(&self.shared);
        if !shared.recovery().takes_small() {
            return Ok(None);
        }
        let tile = shared.first_tile();
        let done = shared
            .device()
            .and_then(|(device, _)| run(device, tile, sets, control));
        match done {
            Ok(claims) => Ok(Some(claims)),
            Err(Trouble::Host(error)) => Err(error),
            Err(trouble) => {
                shared.warn(format!(
                    "the CPU goes on with some small problems: {trouble}"
                ));
                shared.small_failed(&trouble);
                Ok(None)
            }
        }
    }
}

/// All sets, a few submissions.
fn run(
    device: &mut Device,
    tile: Tile,
    sets: &Sets<'_>,
    control: &Control,
) -> Result<Vec<Vec<Claim>>, Trouble> {
    let Sets {
        d,
        rows,
        sizes,
        vectors,
    } = *sets;
    let count = vectors.len() / (d * rows);
    let places = count * sizes.len();
    let buffers = [
        device.filled("small sets", vectors)?,
        device.filled("sizes", sizes)?,
        device.buffer("claims", 4 * places as u64)?,
        device.buffer("directions", (4 * places * d) as u64)?,
        device.buffer("supports", (4 * count * (d + 1)) as u64)?,
    ];
    let bound: Vec<&wgpu::Buffer> = buffers.iter().collect();
    let variant = Variant {
        pass: Pass::Tiny,
        tile,
        stored: Stored::F32,
        width: tile.rows,
        unrolled: false,
    };
    let each = 2.0 * PRICINGS * d as f64 * rows.next_multiple_of(TINY_THREADS as usize) as f64;
    let mut first = 0;
    while first < count {
        control.check()?;
        let now = ((device.pace / each) as usize).clamp(1, count - first);
        let params = TinyParams {
            problems: now as u32,
            first_problem: first as u32,
            d: d as u32,
            rows: rows as u32,
            sizes: sizes.len() as u32,
        };
        let started = Instant::now();
        device.guarded("tiny", |device| {
            let mut encoder = device.record();
            device.dispatch(&mut encoder, variant, &params, &bound, now as u64)?;
            let index = device.submit(encoder)?;
            device.wait(index)
        })?;
        if now as f64 * each >= 0.5 * device.pace {
            let share = SUBMISSION.as_secs_f64() / started.elapsed().as_secs_f64().max(1e-6);
            device.pace = (device.pace * share.clamp(0.5, 2.0)).clamp(1e7, 1e13);
        }
        first += now;
    }
    let claims = device.read::<u32>(&buffers[2], places)?;
    let directions = device.read::<f32>(&buffers[3], places * d)?;
    let supports = device.read::<u32>(&buffers[4], count * (d + 1))?;
    let of_set = claims
        .chunks_exact(sizes.len())
        .zip(directions.chunks_exact(sizes.len() * d))
        .zip(supports.chunks_exact(d + 1));
    Ok(of_set
        .map(|((claims, directions), support)| listed(claims, directions, support, rows))
        .collect())
}

/// The claims about one set, up to the first that is not outside.
fn listed(claims: &[u32], directions: &[f32], support: &[u32], rows: usize) -> Vec<Claim> {
    let d = directions.len() / claims.len();
    let mut listed = Vec::new();
    for (claim, direction) in claims.iter().zip(directions.chunks_exact(d)) {
        match *claim {
            OUTSIDE => listed.push(Claim::Outside {
                direction: direction.to_vec(),
            }),
            INSIDE => {
                let named = support.iter().copied().take_while(|&row| row != NONE);
                let support = named.filter(|&row| (row as usize) < rows).collect();
                listed.push(Claim::Inside { support });
                break;
            }
            _ => {
                listed.push(Claim::Open);
                break;
            }
        }
    }
    listed
}
