//! The GPU engine on every adapter that is there (software ones in CI): each pass against its twin, the whole scan
//! through the one suite, answers that do not depend on the adapter, and a device that fails.

use crate::common::adapters::{adapters, engine};
use crate::common::suite::{check, suite};
use crate::common::{gaussian, rows};
use hullscope::control::Control;
use hullscope::scan::gpu::check::{Problem, pass};
use hullscope::scan::gpu::device::Device;
use hullscope::scan::gpu::faults::Faults;
use hullscope::scan::gpu::pipeline::{Pass, Variant};
use hullscope::scan::gpu::tile::{COOP_TILE, PLAIN_TILE, Stored, TILES, Tile};
use hullscope::scan::gpu::{GpuEngine, Options, Precision};
use hullscope::scan::{Batch, Engine, Hits, Scan};

/// Shapes around the edges of spans, panels and tiles.
const PROBLEMS: [Problem; 4] = [
    Problem {
        rows: 1,
        columns: 1,
        queries: 1,
        kept: 1,
        seed: 3,
    },
    Problem {
        rows: 257,
        columns: 33,
        queries: 129,
        kept: 40,
        seed: 4,
    },
    Problem {
        rows: 96,
        columns: 16,
        queries: 3,
        kept: 96,
        seed: 5,
    },
    Problem {
        rows: 1000,
        columns: 2,
        queries: 2,
        kept: 64,
        seed: 6,
    },
];

fn each_pass(tiles: &[Tile], unrolled: &[bool], problems: &[Problem]) {
    for adapter in adapters() {
        let mut device = Device::open(adapter, Faults::default()).unwrap();
        for &tile in tiles {
            for which in Pass::ALL {
                for stored in [Stored::F32, Stored::F16] {
                    for &unrolled in unrolled {
                        let variant = Variant {
                            pass: which,
                            tile,
                            stored,
                            width: tile.rows,
                            unrolled,
                        };
                        let coop = which == Pass::ScanCoop;
                        if !device.fits(&variant)
                            || (coop && (tile != COOP_TILE || stored == Stored::F32))
                        {
                            continue;
                        }
                        for &problem in problems {
                            pass(&mut device, which, tile, stored, unrolled, problem)
                                .unwrap_or_else(|trouble| {
                                    panic!("{}: {trouble} ({problem:?})", adapter.name)
                                });
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn each_pass_equals_its_twin() {
    each_pass(&[PLAIN_TILE], &[false, true], &PROBLEMS);
}

#[test]
fn each_tile_equals_its_twin() {
    each_pass(&TILES, &[true], &PROBLEMS[1..2]);
}
