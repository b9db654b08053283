//! A device that is lost or out of memory costs time, never an answer: chunks get smaller, work goes on from the last
//! finished chunk, and in the end the CPU takes over and says so.

use crate::common::adapters::{adapters, engine};
use crate::common::suite::check;
use crate::common::{gaussian, rows};
use hullscope::Error;
use hullscope::control::Control;
use hullscope::hull::tiny::{Trials, first_inside, first_inside_with};
use hullscope::rows::law::{Law, Query};
use hullscope::rows::{Element, Memory, Rows};
use hullscope::scan::gpu::adapters::Adapter;
use hullscope::scan::gpu::faults::Faults;
use hullscope::scan::gpu::{GpuEngine, Options, Precision, Proven};
use hullscope::scan::{Batch, Engine, Hits};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const N: usize = 3000;
const D: usize = 20;
const COUNT: usize = 70;

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
    /// Submissions and allocations before the scan and after it.
    before: (usize, usize),
    after: (usize, usize),
}

/// One scan on a device on which `faults` are planted.
fn run(adapter: &Adapter, faults: &Faults, streamed: bool) -> Outcome {
    let engine = engine(adapter, options(faults, streamed));
    let before = faults.counts();
    let reference = reference();
    let directions: Vec<f32> = gaussian(COUNT * D, 62).iter().map(|&v| v as f32).collect();
    let bias: Vec<f32> = (0..COUNT).map(|b| (b % 2) as f32).collect();
    let batch = Batch {
        directions: &directions,
        bias: &bias,
        k: 7,
    };
    let control = Control::default();
    let scan = engine.scan(&reference, &control).unwrap();
    let hits = scan.scan(&batch, &control).unwrap();
    check(&reference, &*scan, &batch, &hits);
    Outcome {
        hits,
        proven: engine.proven(),
        warnings: control.take_warnings(),
        before,
        after: faults.counts(),
    }
}

/// Runs without a fault, resident and streamed.
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
    for adapter in adapters() {
        for streamed in [false, true] {
            let well = healthy(adapter, streamed);
            let (first, last) = (well.before.0, well.after.0 - 1);
            let middle = (first + last) / 2;
            for lost in [
                vec![first],
                vec![middle],
                vec![last],
                vec![first, first + 1],
                vec![middle, middle + 3],
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
    for adapter in adapters() {
        for streamed in [false, true] {
            let well = healthy(adapter, streamed);
            let step = ((well.after.1 - well.before.1) / 8).max(1);
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

/// Rows read by one streamed scan, without what making the scan reads.
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
    assert_eq!(control.take_warnings(), [""; 0]);
    reference.read.load(Relaxed) - made
}

#[test]
fn work_goes_on_from_the_last_finished_chunk() {
    for adapter in adapters() {
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
    for adapter in adapters() {
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

/// An adapter that fails while it is opened is an error that names it.
#[test]
fn a_device_that_fails_its_self_check_is_not_taken() {
    for adapter in adapters() {
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
    for adapter in adapters() {
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
        let warnings = control.take_warnings();
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
    use hullscope::scan::gpu::device::{Device, Trouble};
    for adapter in adapters() {
        let mut device = Device::open(adapter, Faults::default()).unwrap();
        let most = device.limits.max_buffer_size;
        // Above the limit for one buffer: refused before the driver is asked.
        match device.buffer("too large", most + 4) {
            Err(Trouble::OutOfMemory(text)) => assert!(text.contains("too large"), "{text}"),
            other => panic!("{other:?}"),
        }
        // As many of the largest as the driver gives; then, or never, the same trouble.
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

/// Small problems go to the CPU where the device fails, and to a new device after that.
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
    for adapter in adapters() {
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
            let warnings = control.take_warnings();
            assert!(!warnings.is_empty(), "the fault did not happen");
            assert!(
                warnings.iter().all(|w| w.contains("the CPU goes on")),
                "{warnings:?}"
            );
            // The next call finds the device well.
            let (found, shares) =
                first_inside_with(small, &trials, 0..150, &sizes, memory, &control).unwrap();
            assert!(found == expected && shares.solved == 0, "{shares:?}");
            assert_eq!(control.take_warnings(), [""; 0]);
        }
    }
}
