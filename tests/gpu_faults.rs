//! A device that is lost or out of memory costs time, but never changes an answer: chunks get smaller, work continues
//! from the last finished chunk, and finally the CPU takes over with a warning. A pass that computes wrongly is
//! detected before its answers are used, and is never used.

use crate::common::adapters::{adapters, engine, is_one, one};
use crate::common::suite;
use crate::common::{gaussian, rows};
use hullscope::Error;
use hullscope::control::Control;
use hullscope::hull::tiny::{Trials, first_inside, first_inside_with};
use hullscope::rows::law::{Law, Query};
use hullscope::rows::{Element, Memory, Rows};
use hullscope::scan::gpu::adapters::Adapter;
use hullscope::scan::gpu::check::{self, Problem};
use hullscope::scan::gpu::device::{Device, Trouble};
use hullscope::scan::gpu::faults::{Faults, Spoiled};
use hullscope::scan::gpu::pass::Pass;
use hullscope::scan::gpu::pipeline::Variant;
use hullscope::scan::gpu::tile::{NormsParams, PLAIN_TILE, Stored, TILES};
use hullscope::scan::gpu::{GpuEngine, Options, Precision, Proven};
use hullscope::scan::{Batch, Engine, Hits};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Several chunks, which do not all fit into the memory of a streamed scan; a whole tile of directions and a part of a second.
const N: usize = 3000;
const D: usize = 20;
const COUNT: usize = 35;

fn reference() -> Memory {
    rows(D, &gaussian(N * D, 61))
}

/// Chunks of 512 rows; with little memory they stream.
fn options(faults: &Faults, streamed: bool) -> Options {
    Options {
        precision: Precision::F32,
        chunk: Some(512),
        memory: streamed.then_some(640 << 10),
        faults: faults.clone(),
        ..Options::default()
    }
}

struct Outcome {
    hits: Hits,
    proven: Proven,
    warnings: Vec<String>,
    /// Numbers of submissions and allocations before and after the scan.
    before: (usize, usize),
    after: (usize, usize),
}

/// One scan on a device with injected faults.
fn run(adapter: &Adapter, faults: &Faults, streamed: bool) -> Outcome {
    run_with(adapter, options(faults, streamed))
}

fn run_with(adapter: &Adapter, options: Options) -> Outcome {
    let (faults, control) = (options.faults.clone(), Control::default());
    let engine = GpuEngine::open(adapter, options, &control).unwrap();
    let before = faults.counts();
    let reference = reference();
    let directions: Vec<f32> = gaussian(COUNT * D, 62).iter().map(|&v| v as f32).collect();
    let bias: Vec<f32> = (0..COUNT).map(|b| (b % 2) as f32).collect();
    let batch = Batch {
        directions: &directions,
        bias: &bias,
        k: 7,
    };
    let scan = engine.scan(&reference, &control).unwrap();
    let hits = scan.scan(&batch, &control).unwrap();
    suite::check(&reference, &*scan, &batch, &hits);
    Outcome {
        hits,
        proven: engine.proven(),
        warnings: engine.take_warnings(),
        before,
        after: faults.counts(),
    }
}

/// Runs without a fault.
fn healthy(adapter: &Adapter, streamed: bool) -> Outcome {
    run(adapter, &Faults::planted(&[], &[]), streamed)
}

fn recovers(adapter: &Adapter, well: &Outcome, faults: &Faults, streamed: bool) -> Outcome {
    let outcome = run(adapter, faults, streamed);
    assert_eq!(outcome.warnings, [""; 0], "{}", adapter.facts.name);
    assert!(
        outcome.hits == well.hits,
        "{}: other answers than without a fault",
        adapter.facts.name
    );
    let all_on_device = Proven {
        f32: COUNT as u64,
        ..Proven::default()
    };
    assert_eq!(outcome.proven, all_on_device);
    outcome
}

#[test]
fn lost_at_the_first_chunk_in_the_middle_and_twice() {
    if let Some(adapter) = one() {
        for streamed in [false, true] {
            let well = healthy(adapter, streamed);
            let (first, last) = (well.before.0, well.after.0 - 1);
            let middle = (first + last) / 2;
            for lost in [
                vec![first],
                vec![middle],
                vec![first, first + 1],
                vec![middle, middle + 3],
                vec![last],
            ] {
                let outcome = recovers(adapter, &well, &Faults::planted(&lost, &[]), streamed);
                assert!(
                    outcome.after.0 > well.after.0,
                    "{lost:?} did not happen: {:?}",
                    outcome.after
                );
            }
        }
    }
}

#[test]
fn out_of_memory_at_any_allocation() {
    if let Some(adapter) = one() {
        for streamed in [false, true] {
            let well = healthy(adapter, streamed);
            let step = ((well.after.1 - well.before.1) / 3).max(1);
            for refused in (well.before.1..well.after.1).step_by(step) {
                recovers(adapter, &well, &Faults::planted(&[], &[refused]), streamed);
            }
            let twice = [well.before.1, well.before.1 + 1];
            recovers(adapter, &well, &Faults::planted(&[], &twice), streamed);
        }
    }
}

/// Rows that count how often they are read.
struct Counted {
    rows: Memory,
    read: AtomicUsize,
}

impl Rows for Counted {
    fn name(&self) -> &str {
        "counted"
    }
    fn len(&self) -> usize {
        self.rows.len()
    }
    fn dim(&self) -> usize {
        self.rows.dim()
    }
    fn element(&self) -> Element {
        Element::F64
    }
    fn fits_f32(&self) -> bool {
        false
    }
    fn read_f32(&self, first: usize, out: &mut [f32]) -> hullscope::Result<()> {
        self.read.fetch_add(out.len() / D, Relaxed);
        self.rows.read_f32(first, out)
    }
    fn read_f64(&self, first: usize, out: &mut [f64]) -> hullscope::Result<()> {
        self.read.fetch_add(out.len() / D, Relaxed);
        self.rows.read_f64(first, out)
    }
}

/// How many rows one streamed scan reads, not counting those read when the scan is made.
fn rows_read(adapter: &Adapter, faults: &Faults) -> usize {
    let reference = Counted {
        rows: reference(),
        read: AtomicUsize::new(0),
    };
    let engine = engine(adapter, options(faults, true));
    let control = Control::default();
    let scan = engine.scan(&reference, &control).unwrap();
    let made = reference.read.load(Relaxed);
    let directions = vec![1f32; D];
    let batch = Batch {
        directions: &directions,
        bias: &[0.0],
        k: 1,
    };
    scan.scan(&batch, &control).unwrap();
    assert_eq!(engine.take_warnings(), [""; 0]);
    reference.read.load(Relaxed) - made
}

#[test]
fn work_goes_on_from_the_last_finished_chunk() {
    if let Some(adapter) = one() {
        let plan = Faults::planted(&[], &[]);
        let well = rows_read(adapter, &plan);
        let before = healthy(adapter, true).before.0;
        let last = plan.counts().0 - 1;
        let late = rows_read(adapter, &Faults::planted(&[last], &[]));
        assert!(
            late < well + N / 2,
            "{}: {late} rows read, {well} without a fault",
            adapter.facts.name
        );
        let early = rows_read(adapter, &Faults::planted(&[before], &[]));
        assert!(early < well + N, "{early} rows read");
    }
}

#[test]
fn the_cpu_takes_over_from_a_device_that_keeps_failing() {
    if let Some(adapter) = one() {
        let opened = healthy(adapter, false).before;
        let always: Vec<usize> = (0..5000).collect();
        for faults in [
            Faults::planted(&always[opened.0..], &[]),
            Faults::planted(&[], &always[opened.1..]),
        ] {
            let outcome = run(adapter, &faults, false);
            assert_eq!(
                outcome.proven,
                Proven {
                    cpu: COUNT as u64,
                    ..Proven::default()
                }
            );
            let [warning] = &outcome.warnings[..] else {
                panic!("one warning was expected: {:?}", outcome.warnings);
            };
            assert!(warning.contains("the CPU does the rest"), "{warning}");
        }
    }
}

/// An adapter that fails while it is opened gives an error with its name.
#[test]
fn a_device_that_fails_its_self_check_is_not_taken() {
    if let Some(adapter) = one() {
        let faults = Faults::planted(&[0], &[]);
        let opened = GpuEngine::open(adapter, options(&faults, false), &Control::default());
        match opened {
            Err(Error::Usage(text)) => assert!(text.contains(&adapter.facts.name), "{text}"),
            other => panic!("{:?}", other.err()),
        }
    }
}

/// Rows that change between two readings.
struct Changing(Counted);

impl Rows for Changing {
    fn name(&self) -> &str {
        "changing"
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn element(&self) -> Element {
        Element::F64
    }
    fn fits_f32(&self) -> bool {
        false
    }
    fn read_f32(&self, first: usize, out: &mut [f32]) -> hullscope::Result<()> {
        self.0.read_f32(first, out)
    }
    fn read_f64(&self, first: usize, out: &mut [f64]) -> hullscope::Result<()> {
        self.0.read_f64(first, out)?;
        let drift = self.0.read.load(Relaxed) as f64 * 1e-6;
        out.iter_mut().for_each(|value| *value += drift);
        Ok(())
    }
}

#[test]
fn rows_that_are_not_on_the_device_as_sent_are_noticed() {
    if let Some(adapter) = one() {
        let reference = Changing(Counted {
            rows: reference(),
            read: AtomicUsize::new(0),
        });
        let engine = engine(adapter, options(&Faults::default(), false));
        let control = Control::default();
        let scan = engine.scan(&reference, &control).unwrap();
        let batch = Batch {
            directions: &[1.0; D],
            bias: &[0.0],
            k: 1,
        };
        scan.scan(&batch, &control).unwrap();
        let warnings = engine.take_warnings();
        assert!(
            warnings.len() == 1 && warnings[0].contains("did the file change?"),
            "{warnings:?}"
        );
        assert_eq!(engine.proven().cpu, 1);
    }
}

/// A device that really has no memory left: SwiftShader refuses what lavapipe only promises.
#[test]
fn a_refused_allocation_is_out_of_memory_not_a_panic() {
    for adapter in adapters() {
        let mut device = Device::open(adapter, Faults::default()).unwrap();
        let most = device.limits.max_buffer_size;
        // Above the limit for one buffer: refused before the driver is called.
        match device.buffer("too large", most + 4) {
            Err(Trouble::OutOfMemory(text)) => assert!(text.contains("too large"), "{text}"),
            other => panic!("{other:?}"),
        }
        // The largest buffers, as many as the driver gives; then either the same error, or none.
        let mut held = Vec::new();
        let refused = (0..64).find_map(|i| match device.buffer("ballast", most) {
            Ok(buffer) => {
                held.push(buffer);
                None
            }
            Err(trouble) => Some((i, trouble)),
        });
        if let Some((count, trouble)) = refused {
            eprintln!(
                "{}: {count} buffers of {most} bytes, then {trouble}",
                adapter.facts.name
            );
            assert!(matches!(trouble, Trouble::OutOfMemory(_)), "{trouble}");
            drop(held);
            device.buffer("after", 1 << 16).unwrap();
        }
    }
}

/// Small problems go to the CPU if the device fails, and later ones to a new device.
#[test]
fn small_problems_survive_a_lost_device_and_a_refused_allocation() {
    let trials = Trials {
        law: Law::Gaussian,
        query: Query::Same,
        d: 3,
        seed: 5,
    };
    let (sizes, memory) = ([5, 20, 400], 1 << 26);
    let expected = first_inside(&trials, 0..150, &sizes, memory, &Control::default()).unwrap();
    if let Some(adapter) = one() {
        let healthy = Faults::planted(&[], &[]);
        let _opened = engine(adapter, options(&healthy, false));
        let (submissions, allocations) = healthy.counts();
        for faults in [
            Faults::planted(&[submissions + 1], &[]),
            Faults::planted(&[submissions], &[]),
            Faults::planted(&[], &[allocations + 2]),
        ] {
            let engine = engine(adapter, options(&faults, false));
            let small = engine.small().unwrap();
            let control = Control::default();
            let (found, _) =
                first_inside_with(small, &trials, 0..150, &sizes, memory, &control).unwrap();
            assert!(found == expected, "{}", adapter.facts.name);
            let warnings = engine.take_warnings();
            assert!(!warnings.is_empty(), "the fault did not happen");
            assert!(
                warnings.iter().all(|w| w.contains("the CPU goes on")),
                "{warnings:?}"
            );
            // The next call finds a working device.
            let (found, shares) =
                first_inside_with(small, &trials, 0..150, &sizes, memory, &control).unwrap();
            assert!(found == expected && shares.solved == 0, "{shares:?}");
            assert_eq!(engine.take_warnings(), [""; 0]);
        }
    }
}

/// Passes of a scan, without the matrix unit's.
const OF_A_SCAN: [Pass; 7] = [
    Pass::Pack,
    Pass::Norms,
    Pass::Scan,
    Pass::Select,
    Pass::Rescore,
    Pass::Merge,
    Pass::Gather,
];

/// The warnings of a run, one for each tile tried: the last names the adapter, its driver, the pass and the consequence.
fn names_all(outcome: &Outcome, adapter: &Adapter, tiles: usize, pass: &str, then: &str) {
    assert_eq!(outcome.warnings.len(), tiles, "{:?}", outcome.warnings);
    let (warning, facts) = (&outcome.warnings[tiles - 1], &adapter.facts);
    for part in [&facts.name, &facts.driver, pass, "wrongly", then] {
        assert!(warning.contains(part), "{part}: {warning}");
    }
}

/// If a single f16 pass is wrong, f32 gives the answers that it would have given alone.
#[test]
fn a_pass_that_is_wrong_in_f16_is_not_used() {
    let adapters = adapters().iter().filter(|adapter| adapter.facts.f16);
    a_low_precision_is_not_used(adapters, Precision::F16, Stored::F16, &OF_A_SCAN);
}

/// The same in eight bits.
#[test]
fn a_pass_that_is_wrong_in_int8_is_not_used() {
    let passes = OF_A_SCAN.map(|pass| match pass {
        Pass::Scan => Pass::ScanInt8,
        Pass::Rescore => Pass::RescoreInt8,
        other => other,
    });
    let passes: Vec<Pass> = passes
        .into_iter()
        .filter(|pass| *pass != Pass::Norms)
        .collect();
    a_low_precision_is_not_used(one(), Precision::Int8, Stored::Int8, &passes);
}

fn a_low_precision_is_not_used(
    adapters: impl IntoIterator<Item = &'static Adapter>,
    precision: Precision,
    stored: Stored,
    passes: &[Pass],
) {
    for adapter in adapters {
        let f32_alone = healthy(adapter, false);
        for streamed in [false, true] {
            // The source of rows is host code, which is tested on one adapter only.
            if streamed && !is_one(adapter) {
                continue;
            }
            for &pass in passes {
                let faults = Faults::planted(&[], &[]);
                faults.spoil(&[Spoiled {
                    stored: Some(stored),
                    ..Spoiled::any(pass)
                }]);
                let options = Options {
                    precision,
                    no_matrix_unit: true,
                    ..options(&faults, streamed)
                };
                let outcome = run_with(adapter, options);
                assert!(outcome.hits == f32_alone.hits, "{pass:?}");
                assert_eq!(outcome.proven, f32_alone.proven, "{pass:?}");
                // Other passes are the same for every tile.
                let of_tile = [Pass::Scan, Pass::ScanInt8, Pass::Rescore, Pass::RescoreInt8];
                // In eight bits the packing pass also packs directions, whose panel width differs between tiles.
                let packs = (pass, stored) == (Pass::Pack, Stored::Int8);
                let tiles = if packs || of_tile.contains(&pass) {
                    2
                } else {
                    1
                };
                let then = format!("{} is not used", stored.name());
                names_all(&outcome, adapter, tiles, pass.name(), &then);
            }
        }
    }
}

/// If a tile's scan or rescoring is wrong, the next tile is used.
#[test]
fn a_tile_that_is_wrong_gives_way_to_another() {
    if let Some(adapter) = one() {
        let well = healthy(adapter, false);
        for pass in [Pass::Scan, Pass::Rescore] {
            let faults = Faults::planted(&[], &[]);
            faults.spoil(&[Spoiled {
                tile: Some(PLAIN_TILE),
                ..Spoiled::any(pass)
            }]);
            let outcome = run(adapter, &faults, false);
            assert!(outcome.hits == well.hits, "{pass:?}");
            assert_eq!(outcome.proven, well.proven, "{pass:?}");
            let variant = format!("{} 64x32x16/4x4 f32", pass.name());
            names_all(&outcome, adapter, 1, &variant, "another tile is used");
        }
    }
}

/// An adapter on which a pass is wrong with every tile is refused, for any pass.
#[test]
fn an_adapter_without_a_right_f32_pass_is_refused() {
    if let Some(adapter) = one() {
        for pass in OF_A_SCAN {
            let faults = Faults::planted(&[], &[]);
            faults.spoil(&[Spoiled::any(pass)]);
            let opened = GpuEngine::open(adapter, options(&faults, false), &Control::default());
            let Err(Error::Usage(text)) = opened else {
                panic!("{pass:?}: {:?}", opened.err());
            };
            for part in [&adapter.facts.name, &adapter.facts.driver, pass.name()] {
                assert!(text.contains(part), "{part}: {text}");
            }
        }
    }
}

/// The pass for small problems is first used, and checked, after the engine was opened.
#[test]
fn small_problems_go_to_the_cpu_where_their_pass_is_wrong() {
    let trials = Trials {
        law: Law::Gaussian,
        query: Query::Same,
        d: 3,
        seed: 5,
    };
    let (sizes, memory, control) = ([5, 20, 400], 1 << 26, Control::default());
    let expected = first_inside(&trials, 0..50, &sizes, memory, &control).unwrap();
    if let Some(adapter) = one() {
        for output in 0..3 {
            let faults = Faults::planted(&[], &[]);
            let engine = engine(adapter, options(&faults, false));
            faults.spoil(&[Spoiled {
                output,
                ..Spoiled::any(Pass::Tiny)
            }]);
            let small = engine.small().unwrap();
            for again in [false, true] {
                let (found, shares) =
                    first_inside_with(small, &trials, 0..50, &sizes, memory, &control).unwrap();
                assert!(found == expected);
                assert_eq!((shares.proposed, shares.solved), (0, 50), "{again}");
            }
            let warnings = engine.take_warnings();
            let [warning] = &warnings[..] else {
                panic!("one warning was expected: {warnings:?}");
            };
            for part in [&adapter.facts.driver, "tiny", "wrongly", "the CPU goes on"] {
                assert!(warning.contains(part), "{part}: {warning}");
            }
        }
    }
}

/// Every caller's variant is checked before its first use, and the outcome is remembered.
#[test]
fn nothing_is_dispatched_that_failed_its_check() {
    if let Some(adapter) = one() {
        let faults = Faults::planted(&[], &[]);
        let mut device = Device::open(adapter, faults.clone()).unwrap();
        let with = |tile| Variant {
            pass: Pass::Norms,
            tile,
            stored: Stored::F32,
            width: 64,
            unrolled: false,
        };
        let params = NormsParams {
            spans: 2,
            depth: 16,
        };
        let x = device.filled("x", &[1f32; 64 * 16]).unwrap();
        let norms = device.filled("norms", &[9f32; 2]).unwrap();
        let mut dispatch = |tile| {
            let mut encoder = device.record();
            device.dispatch(&mut encoder, with(tile), &params, &[&x, &norms], 1)?;
            device.submit(encoder)
        };
        dispatch(PLAIN_TILE).unwrap();
        // Outcomes do not change afterwards, good or bad.
        faults.spoil(&[Spoiled::any(Pass::Norms)]);
        dispatch(PLAIN_TILE).unwrap();
        for _ in 0..2 {
            match dispatch(TILES[4]) {
                Err(Trouble::Wrong(variant, _)) => assert_eq!(variant, with(TILES[4])),
                other => panic!("{other:?}"),
            }
            faults.spoil(&[]);
        }
    }
}

/// Faults of a shader compiler, each at a place that a coarser check would miss.
const MISCOMPILED: [(Pass, &str, &str); 30] = [
    // The last row, the last column, the last panel.
    (Pass::Pack, "row < params.rows", "row + 1u < params.rows"),
    (Pass::Pack, "k < params.columns", "k + 1u < params.columns"),
    (
        Pass::Pack,
        "item >= params.panels *",
        "item + PASS_THREADS >= params.panels *",
    ),
    // The last row of a span, the last column, a sum in the precision of f16.
    (Pass::Norms, "i < SPAN;", "i < SPAN - 1u;"),
    (Pass::Norms, "k < params.depth;", "k < params.depth - 16u;"),
    (
        Pass::Norms,
        "fma(value, value, square)",
        "quantizeToF16(fma(value, value, square))",
    ),
    (Pass::Scan, "slab + 1u < count", "slab + 2u < count"),
    (Pass::Scan, "max(scores.z, scores.w)", "scores.z"),
    (Pass::Scan, "fma(vec4<f32>(c), bias, products)", "products"),
    (
        Pass::Scan,
        "fma(vec4<f32>(c), bias, products)",
        "quantizeToF16(fma(vec4<f32>(c), bias, products))",
    ),
    (Pass::Scan, "vec4<f32>(LOWEST)", "vec4<f32>(0.0)"),
    // A part of a word, unsigned words, a wrong term of the bound.
    (Pass::ScanInt8, "slab + 1u < count", "slab + 2u < count"),
    (
        Pass::ScanInt8,
        "dot4I8Packed(rows.w, query)",
        "dot4I8Packed(rows.w, query & 0xffffffu)",
    ),
    (
        Pass::ScanInt8,
        "dot4I8Packed(rows.y, query)",
        "i32(dot4U8Packed(rows.y, query))",
    ),
    (Pass::ScanInt8, "query.w * rows.lost", "query.z * rows.lost"),
    (Pass::ScanInt8, "terms + 2u * X_TERM", "terms + 3u * X_TERM"),
    (Pass::RescoreInt8, "(k + 3u) * TILE", "(k + 2u) * TILE"),
    (
        Pass::RescoreInt8,
        "of_query + 3u * TILE",
        "of_query + 2u * TILE",
    ),
    (Pass::RescoreInt8, "row % PANEL", "0u"),
    // A part of the values, the second stripe, the bound of what was left out.
    (
        Pass::Select,
        "params.which] = bounds[0]",
        "params.which] = bounds[1]",
    ),
    (
        Pass::Select,
        "larger_before += sums",
        "larger_before = sums",
    ),
    (
        Pass::Select,
        "fma(room.x, norms[i], room.y)",
        "fma(room.x, norms[0], room.y)",
    ),
    (
        Pass::Select,
        "step = PASS_THREADS / 2u",
        "step = PASS_THREADS / 4u",
    ),
    (Pass::Rescore, "(k + 3u) * TILE", "(k + 2u) * TILE"),
    (Pass::Rescore, "query_bias[query]", "query_bias[0]"),
    (Pass::Rescore, "query % TILE", "0u"),
    (
        Pass::Merge,
        "mine.score + slack[place].z",
        "mine.score - slack[place].z",
    ),
    (Pass::Merge, "low < row", "false"),
    (Pass::Gather, "row % PANEL", "0u"),
    // A residual that is not updated.
    (
        Pass::Tiny,
        "residual[thread] = sum;",
        "residual[thread] += sum;",
    ),
];

#[test]
fn a_miscompiled_pass_is_caught() {
    if let Some(adapter) = one() {
        for (pass, from, to) in MISCOMPILED {
            assert!(pass.template().contains(from), "{pass:?} has no {from}");
            let faults = Faults::planted(&[], &[]);
            faults.miscompile(pass, from, to);
            let mut device = Device::open(adapter, faults).unwrap();
            let variant = Variant {
                pass,
                tile: PLAIN_TILE,
                stored: pass.stores()[0],
                width: PLAIN_TILE.rows,
                unrolled: false,
            };
            match check::variant(&mut device, variant, Problem::known(&variant)) {
                Err(Trouble::Wrong(named, _)) => assert_eq!(named, variant),
                other => panic!("{}: {from} as {to}: {other:?}", adapter.facts.name),
            }
        }
    }
}
