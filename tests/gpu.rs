//! The GPU engine on every adapter that is there (software ones in CI): each pass against its twin, the whole scan
//! through the one suite, answers that do not depend on the adapter, and a device that fails.

use crate::common::adapters::{adapters, engine};
use crate::common::suite::suite;
use hullscope::control::Control;
use hullscope::scan::Engine;
use hullscope::scan::gpu::check::{Problem, pass};
use hullscope::scan::gpu::device::Device;
use hullscope::scan::gpu::faults::Faults;
use hullscope::scan::gpu::pipeline::{Pass, Variant};
use hullscope::scan::gpu::tile::{COOP_TILE, PLAIN_TILE, Stored, TILES, Tile};
use hullscope::scan::gpu::{Options, Precision};

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
                                    panic!("{}: {trouble} ({problem:?})", adapter.facts.name)
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

/// Options of the engine as the suite runs it: every tile width and form that a software adapter can compile quickly.
fn small(precision: Precision) -> Options {
    Options {
        precision,
        ..Options::default()
    }
}

fn through_the_suite(options: &Options) {
    for adapter in adapters() {
        let engine = engine(adapter, options.clone());
        suite(|rows| engine.scan(rows, &Control::default()).unwrap());
        let proven = engine.proven();
        assert_eq!(proven.cpu, 0, "{}: {proven:?}", adapter.facts.name);
        if options.precision == Precision::F32 {
            assert_eq!(proven.f16, 0);
        }
        eprintln!("{}: {proven:?}", adapter.facts.name);
    }
}

#[test]
fn suite_in_f32() {
    through_the_suite(&small(Precision::F32));
}

#[test]
fn suite_in_f16() {
    through_the_suite(&small(Precision::F16));
}

#[test]
fn suite_with_loops_left_as_they_are() {
    through_the_suite(&Options {
        rolled: true,
        ..small(Precision::F32)
    });
}

#[test]
fn suite_in_small_chunks() {
    through_the_suite(&Options {
        chunk: Some(128),
        ..small(Precision::F32)
    });
}

#[test]
fn suite_streamed() {
    through_the_suite(&Options {
        chunk: Some(192),
        memory: Some(1 << 20),
        ..small(Precision::F16)
    });
}
