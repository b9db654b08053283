//! The GPU engine on every adapter of this machine (software adapters in CI): each pass against its twin, the whole
//! scan through the suite, and answers that do not depend on the adapter.

use crate::common::adapters::{adapters, engine, is_one, one};
use crate::common::suite::{check, suite};
use crate::common::{gaussian, rows, verdicts, verdicts_with};
use crate::mnist::{self, patch};
use crate::verdicts::problem;
use hullscope::control::Control;
use hullscope::hull::tiny::{Trials, first_inside, first_inside_with};
use hullscope::hull::{Answer, Settings, Verdict};
use hullscope::rows::law::{Law, Query};
use hullscope::rows::{Memory, Rows};
use hullscope::scan::gpu::adapters::{Adapter, AdapterKind};
use hullscope::scan::gpu::check::{self, Problem};
use hullscope::scan::gpu::device::{Device, Trouble};
use hullscope::scan::gpu::faults::{Faults, Spoiled};
use hullscope::scan::gpu::pass::Pass;
use hullscope::scan::gpu::pipeline::Variant;
use hullscope::scan::gpu::tile::{COOP_TILE, PLAIN_TILE, Stored, TILES, Tile};
use hullscope::scan::gpu::{GpuEngine, Options, Precision};
use hullscope::scan::small_sets::{Claim, Propose, Sets};
use hullscope::scan::{Batch, CpuScan, Engine, Hits, Scan};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

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

/// The number of buffers that a pass writes.
fn outputs(pass: Pass) -> usize {
    match pass {
        Pass::Select | Pass::Merge => 2,
        Pass::Tiny => 3,
        _ => 1,
    }
}

/// The passes whose shader text depends on the tile.
const OF_A_TILE: [Pass; 8] = [
    Pass::Pack,
    Pass::Norms,
    Pass::Scan,
    Pass::ScanCoop,
    Pass::ScanInt8,
    Pass::Rescore,
    Pass::RescoreInt8,
    Pass::Gather,
];

/// Each variant equals its twin on some problems and on the problem of its own check; in the plain tile, and for the pass that
/// has only another one, one wrong number in any of its outputs fails that check.
fn each_pass(
    adapters: impl IntoIterator<Item = &'static Adapter>,
    passes: &[Pass],
    tiles: &[Tile],
    unrolled: &[bool],
    problems: &[Problem],
) {
    for adapter in adapters {
        let faults = Faults::planted(&[], &[]);
        let mut device = Device::open(adapter, faults.clone()).unwrap();
        for &tile in tiles {
            for &which in passes {
                for &stored in which.stores() {
                    for &unrolled in unrolled {
                        let variant = Variant {
                            pass: which,
                            tile,
                            stored,
                            width: tile.rows,
                            unrolled,
                        };
                        let other = which == Pass::ScanCoop && tile != COOP_TILE;
                        if !device.fits(&variant) || other {
                            continue;
                        }
                        let known = Problem::known(&variant);
                        for &problem in problems.iter().chain([&known]) {
                            let checked = check::variant(&mut device, variant, problem);
                            checked.unwrap_or_else(|trouble| {
                                panic!("{}: {trouble} ({problem:?})", adapter.facts.name)
                            });
                        }
                        let spoilt = match tile == PLAIN_TILE || which == Pass::ScanCoop {
                            true => outputs(which),
                            false => 0,
                        };
                        for output in 0..spoilt {
                            let spoiled = Spoiled {
                                output,
                                tile: Some(tile),
                                stored: Some(stored),
                                ..Spoiled::any(which)
                            };
                            faults.spoil(&[spoiled]);
                            match check::variant(&mut device, variant, known) {
                                Err(Trouble::Wrong(named, _)) => assert_eq!(named, variant),
                                other => panic!("output {output} of {variant:?}: {other:?}"),
                            }
                            faults.spoil(&[]);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn each_pass_equals_its_twin() {
    each_pass(adapters(), &Pass::ALL, &[PLAIN_TILE], &[true], &PROBLEMS);
    // With loops as they are written, which no adapter is given unless it is asked for.
    each_pass(one(), &Pass::ALL, &[PLAIN_TILE], &[false], &PROBLEMS);
}

#[test]
fn each_tile_equals_its_twin() {
    each_pass(one(), &OF_A_TILE, &TILES, &[true], &PROBLEMS[1..2]);
}

/// The engine's options for the suite: every tile width and form that a software adapter compiles quickly.
fn small(precision: Precision) -> Options {
    Options {
        precision,
        ..Options::default()
    }
}

fn through_the_suite(adapters: impl IntoIterator<Item = &'static Adapter>, options: &Options) {
    for adapter in adapters {
        let engine = engine(adapter, options.clone());
        suite(|rows| engine.scan(rows, &Control::default()).unwrap());
        let proven = engine.proven();
        assert_eq!(proven.cpu, 0, "{}: {proven:?}", adapter.facts.name);
        if options.precision == Precision::F32 {
            assert_eq!((proven.f16, proven.int8), (0, 0));
        }
        assert!(options.precision != Precision::Int8 || proven.int8 > 0);
        eprintln!("{}: {proven:?}", adapter.facts.name);
    }
}

#[test]
fn suite_in_f32() {
    through_the_suite(adapters(), &small(Precision::F32));
}

#[test]
fn suite_in_f16() {
    through_the_suite(
        adapters().iter().filter(|adapter| adapter.facts.f16),
        &small(Precision::F16),
    );
}

#[test]
fn suite_in_int8() {
    through_the_suite(one(), &small(Precision::Int8));
}

#[test]
fn suite_in_int8_streamed() {
    through_the_suite(
        one(),
        &Options {
            chunk: Some(192),
            memory: Some(1 << 20),
            ..small(Precision::Int8)
        },
    );
}

#[test]
fn suite_with_loops_left_as_they_are() {
    through_the_suite(
        one(),
        &Options {
            rolled: true,
            ..small(Precision::F32)
        },
    );
}

#[test]
fn suite_in_small_chunks() {
    through_the_suite(
        one(),
        &Options {
            chunk: Some(128),
            ..small(Precision::F32)
        },
    );
}

#[test]
fn suite_streamed() {
    through_the_suite(
        one(),
        &Options {
            chunk: Some(192),
            memory: Some(1 << 20),
            ..small(Precision::F16)
        },
    );
}

/// Seeded directions.
fn directions(count: usize, d: usize, seed: u64) -> Vec<f32> {
    gaussian(count * d, seed)
        .iter()
        .map(|&v| v as f32)
        .collect()
}

/// The answer of an engine.
fn scanned(engine: &GpuEngine, reference: &dyn Rows, batch: &Batch<'_>) -> Hits {
    let control = Control::default();
    let scan = engine.scan(reference, &control).unwrap();
    scan.scan(batch, &control).unwrap()
}

/// The answer of an engine, checked against f64 scores.
fn answer(engine: &GpuEngine, reference: &dyn Rows, batch: &Batch<'_>) -> Hits {
    let scan = engine.scan(reference, &Control::default()).unwrap();
    let hits = scan.scan(batch, &Control::default()).unwrap();
    check(reference, &*scan, batch, &hits);
    hits
}

#[test]
fn any_shape() {
    let shapes = (
        1usize..500,
        1usize..40,
        1usize..70,
        1usize..70,
        0u64..1000,
        0usize..3,
    );
    for adapter in adapters() {
        for &precision in precisions(adapter) {
            // A chunk that ends within one of the smallest tiles, one that ends within the larger ones, and a long one.
            let engines = [9, 100, 300].map(|chunk| {
                let options = Options {
                    chunk: Some(chunk),
                    ..small(precision)
                };
                engine(adapter, options)
            });
            // Without f16 the adapter is so slow that only some cases are run.
            let cases = if adapter.facts.f16 { 8 } else { 2 };
            let mut runner = TestRunner::new(ProptestConfig::with_cases(cases));
            runner
                .run(&shapes, |(n, d, count, k, seed, chunk)| {
                    let directions = directions(count, d, seed + 1);
                    let bias: Vec<f32> = (0..count).map(|b| (b % 3 == 0) as u8 as f32).collect();
                    let batch = Batch {
                        directions: &directions,
                        bias: &bias,
                        k,
                    };
                    answer(&engines[chunk], &rows(d, &gaussian(n * d, seed)), &batch);
                    Ok(())
                })
                .unwrap();
        }
    }
}

/// The precisions in which whole scans are tested on an adapter: all on one adapter, only f32 on the others, which are
/// slow. The passes are tested on every adapter in every precision.
fn precisions(adapter: &Adapter) -> &'static [Precision] {
    match is_one(adapter) {
        true => &[Precision::F32, Precision::F16, Precision::Int8],
        false => &[Precision::F32],
    }
}

/// The largest supported numbers of columns and neighbours, and larger ones.
#[test]
fn many_columns_and_many_neighbours() {
    if let Some(adapter) = one() {
        for &precision in precisions(adapter) {
            let engine = engine(adapter, small(precision));
            for (n, d, k) in [(150, 8192, 64), (40, 9001, 40), (400, 3, 200)] {
                let directions = directions(3, d, 8);
                let batch = Batch {
                    directions: &directions,
                    bias: &[0.0, 1.0, 0.5],
                    k,
                };
                answer(&engine, &rows(d, &gaussian(n * d, 9)), &batch);
            }
        }
    }
}

/// Scores are exact ones rounded once, so answers do not depend on the device.
#[test]
fn answers_do_not_depend_on_adapter_tile_precision_or_chunks() {
    let (n, d, count) = (700, 24, 35);
    let reference = rows(d, &gaussian(n * d, 51));
    let directions = directions(count, d, 52);
    let bias: Vec<f32> = (0..count).map(|b| (b % 2) as f32).collect();
    let batch = Batch {
        directions: &directions,
        bias: &bias,
        k: 10,
    };
    let mut first: Option<Hits> = None;
    let ways = [
        (Precision::F32, None, None),
        (Precision::F16, None, Some(200)),
        (Precision::F32, Some(TILES[4]), Some(64)),
        (Precision::F16, Some(TILES[2]), None),
        (Precision::Int8, None, None),
        (Precision::Int8, Some(TILES[4]), Some(200)),
    ];
    for adapter in adapters() {
        // The first and the last way on the others, which are slow.
        let step = if is_one(adapter) { 1 } else { ways.len() - 1 };
        for (precision, tile, chunk) in ways.into_iter().step_by(step) {
            let options = Options {
                precision,
                tile,
                chunk,
                ..Options::default()
            };
            let hits = answer(&engine(adapter, options), &reference, &batch);
            let expected = first.get_or_insert_with(|| hits.clone());
            assert!(
                &hits == expected,
                "{}: {precision:?}, {tile:?}, chunks of {chunk:?}",
                adapter.facts.name
            );
        }
    }
}

/// References of several kinds: duplicates, far rows, values of all magnitudes, and columns that do not fill whole words.
fn awkward(kind: usize, n: usize, d: usize) -> Memory {
    let mut x = gaussian(n * d, 90 + kind as u64);
    match kind {
        // Every row four times, not adjacent.
        1 => {
            for row in n / 4..n {
                x.copy_within(row % (n / 4) * d..(row % (n / 4) + 1) * d, row * d);
            }
        }
        2 => x.iter_mut().for_each(|v| *v += 1e6),
        // A fill value in some rows, and one row very far away.
        3 => {
            for row in [5, n / 2, n - 1] {
                x[row * d..(row + 1) * d].fill(1e14);
            }
            x[7 * d..8 * d].iter_mut().for_each(|v| *v *= 300.0);
        }
        // Bytes, which are exact in eight bits until the mean is subtracted.
        4 => x
            .iter_mut()
            .for_each(|v| *v = (60.0 * *v + 128.0).round().clamp(0.0, 255.0)),
        5 => {
            for (i, v) in x.iter_mut().enumerate() {
                *v *= 10f64.powi((i % d) as i32 % 7 * 4 - 12);
            }
        }
        _ => (),
    }
    rows(d, &x)
}

/// Rows and scores in eight bits equal those of f32 for all these references, and most are proved in eight bits.
#[test]
fn answers_in_int8_are_those_of_f32() {
    let shapes = [(1000, 62, 1), (700, 9, 40), (500, 130, 200)];
    if let Some(adapter) = one() {
        for chunk in [None, Some(448)] {
            let with = |precision| Options {
                chunk,
                memory: chunk.map(|_| 1 << 20),
                ..small(precision)
            };
            let [low, high] =
                [Precision::Int8, Precision::F32].map(|one| engine(adapter, with(one)));
            for kind in 0..6 {
                for (n, d, k) in shapes {
                    let reference = awkward(kind, n, d);
                    let mut directions = directions(12, d, 91);
                    // A zero direction, and directions along one column.
                    directions[..d].fill(0.0);
                    directions[d..2 * d].fill(0.0);
                    directions[d] = 1e-20;
                    let bias: Vec<f32> = (0..12).map(|b| (b % 3) as f32 * 0.5).collect();
                    let batch = Batch {
                        directions: &directions,
                        bias: &bias,
                        k,
                    };
                    let found = scanned(&low, &reference, &batch);
                    let expected = scanned(&high, &reference, &batch);
                    assert!(found == expected, "kind {kind}, {n} x {d}, k = {k}");
                }
            }
            let proven = low.proven();
            assert!(proven.cpu == 0 && proven.int8 > proven.f32, "{proven:?}");
        }
    }
}

/// Rows that repeat more often than a list is long cannot be separated in eight bits: after some hundred directions f32
/// is used at once.
#[test]
fn int8_that_proves_nothing_is_given_up() {
    let (n, d) = (1200, 3);
    let corners = (0..n * d).map(|i| ((i / d) >> (i % d) & 1) as f64);
    let reference = rows(d, &corners.collect::<Vec<_>>());
    if let Some(adapter) = one() {
        let submissions = [Precision::Int8, Precision::F32].map(|precision| {
            let faults = Faults::planted(&[], &[]);
            let options = Options {
                faults: faults.clone(),
                ..small(precision)
            };
            let engine = engine(adapter, options);
            let scan = engine.scan(&reference, &Control::default()).unwrap();
            let mut before = 0;
            for count in [300, 40] {
                before = faults.counts().0;
                let batch = Batch {
                    directions: &directions(count, d, 74),
                    bias: &vec![0.0; count],
                    k: 1,
                };
                scan.scan(&batch, &Control::default()).unwrap();
            }
            let proven = engine.proven();
            assert_eq!((proven.int8, proven.f32), (0, 340), "{proven:?}");
            faults.counts().0 - before
        });
        assert_eq!(submissions[0], submissions[1], "{}", adapter.facts.name);
    }
}

/// If the user leaves the choice open, eight bits are used only if they were measured to be faster: never on an adapter
/// that is not timed.
#[test]
fn auto_takes_int8_only_where_it_was_measured_to_be_faster() {
    let (n, d, count) = (5000, 40, 20);
    let reference = rows(d, &gaussian(n * d, 71));
    let directions = directions(count, d, 72);
    let batch = Batch {
        directions: &directions,
        bias: &vec![1.0; count],
        k: 3,
    };
    let int8_is = |int8: f64| vec![(Stored::F32, 1.0), (Stored::F16, 1.0), (Stored::Int8, int8)];
    // 40 columns are padded to 48 in f32 and to 64 in eight bits: products that take 0.59 of the time take 0.79 of it
    // in total.
    let cases = [
        (None, false),
        (Some(0.59), true),
        (Some(0.61), false),
        (Some(3.0), false),
    ];
    for adapter in adapters()
        .iter()
        .filter(|adapter| adapter.facts.kind == AdapterKind::Software)
    {
        let expected = answer(&engine(adapter, small(Precision::F32)), &reference, &batch);
        for (time, taken) in cases {
            let faults = Faults::planted(&[], &[]);
            if let Some(time) = time {
                faults.time(&int8_is(time));
            }
            let options = Options {
                faults,
                ..small(Precision::Auto)
            };
            let engine = engine(adapter, options);
            assert!(answer(&engine, &reference, &batch) == expected);
            assert_eq!(engine.proven().int8 > 0, taken, "{time:?}");
            assert_eq!(engine.describe().contains("int8 where it was"), taken);
            let choice = engine.choice(d, count);
            assert_eq!(choice.starts_with("int8: its products"), taken, "{choice}");
            // With few rows it does not pay.
            answer(&engine, &rows(d, &gaussian(900 * d, 73)), &batch);
            assert!(engine.proven().int8 <= count as u64);
        }
    }
}

/// The verdicts of answers.
fn seen(answers: &[Answer]) -> Vec<Verdict> {
    answers.iter().map(|answer| answer.verdict).collect()
}

/// Asserts that the verdicts of every engine equal the CPU's.
fn say_the_same(engines: &[GpuEngine], reference: &dyn Rows, queries: &[f64], what: &str) {
    let expected = seen(&verdicts(reference, queries, Settings::default()));
    for engine in engines {
        let scan = engine.scan(reference, &Control::default()).unwrap();
        let found = verdicts_with(reference, &*scan, queries, Settings::default());
        assert_eq!(seen(&found), expected, "{}: {what}", engine.describe());
    }
}

/// The problems on which the CPU's verdicts are compared with a linear program.
#[test]
fn verdicts_equal_the_cpus_on_the_problems_of_the_linear_program() {
    if let Some(adapter) = one() {
        let engines = [Precision::F16, Precision::Int8].map(|low| engine(adapter, small(low)));
        for seed in 0..120 {
            let (d, x, queries) = problem(seed as usize % 6, seed);
            let reference = rows(d, &x);
            say_the_same(&engines, &reference, &queries, &format!("seed {seed}"));
        }
    }
}

#[test]
fn verdicts_equal_the_cpus_on_patches_of_mnist() {
    let all = (
        mnist::images(mnist::TRAIN, 2_000),
        mnist::images(mnist::TEST, 40),
    );
    let (Some(train), Some(test)) = all else {
        return;
    };
    if let Some(adapter) = one() {
        let engines = [Precision::F16, Precision::Int8].map(|low| engine(adapter, small(low)));
        for side in [4, 8] {
            let d = side * side;
            let reference = Memory::from_f32("train", d, patch(&train, side));
            let queries: Vec<f64> = patch(&test, side).iter().map(|&v| f64::from(v)).collect();
            say_the_same(&engines, &reference, &queries, &format!("side {side}"));
        }
        for proven in engines.map(|engine| engine.proven()) {
            assert_eq!(proven.cpu, 0, "{proven:?}");
        }
    }
}

#[test]
fn more_columns_than_the_adapter_can_bind_go_to_the_cpu() {
    for adapter in adapters() {
        let engine = engine(adapter, small(Precision::F32));
        let d = adapter.facts.max_storage_binding_bytes as usize / (4 * PLAIN_TILE.rows as usize);
        // Adapters with bindings of gigabytes would need as much memory here.
        if d > 1 << 20 {
            continue;
        }
        let d = d + 16;
        let reference = Memory::from_f32("wide", d, directions(3, d, 3));
        let queries = directions(1, d, 4);
        let batch = Batch {
            directions: &queries,
            bias: &[0.0],
            k: 2,
        };
        let control = Control::default();
        let scan = engine.scan(&reference, &control).unwrap();
        let warnings = engine.take_warnings();
        assert!(
            warnings.len() == 1 && warnings[0].contains("the CPU scans"),
            "{warnings:?}"
        );
        let cpu = CpuScan::new(&reference, &control).unwrap();
        assert_eq!(
            scan.scan(&batch, &control).unwrap(),
            cpu.scan(&batch, &control).unwrap()
        );
    }
}

/// Every verdict with the device's help equals the CPU's, and the device settles almost all problems.
#[test]
fn small_problems_are_settled_as_on_the_cpu() {
    let sizes = [3, 12, 40, 150, 700];
    let laws = [
        (Law::Gaussian, 2),
        (Law::Gaussian, 6),
        (Law::Cube, 3),
        (Law::Sphere, 5),
        (Law::Vertices, 4),
        (Law::Subspace(3), 8),
        (Law::Curve(None), 2),
        (Law::Mixture(3), 32),
    ];
    for adapter in adapters() {
        let engine = engine(adapter, small(Precision::F32));
        let proposing = engine.small().unwrap();
        // All adapters are slow here, and the others check the pass on its own.
        let count = if is_one(adapter) { 200 } else { 40 };
        for (law, d) in laws {
            let trials = Trials {
                law,
                query: Query::Same,
                d,
                seed: 17,
            };
            let control = Control::default();
            let memory = 1 << 26;
            let cpu = first_inside(&trials, 0..count, &sizes, memory, &control).unwrap();
            let (found, shares) =
                first_inside_with(proposing, &trials, 0..count, &sizes, memory, &control).unwrap();
            assert_eq!(found, cpu, "{}: {law}, d = {d}", adapter.facts.name);
            assert_eq!(shares.proposed + shares.solved, count);
            // Points between close neighbours on a curve are too close to the hull for f32.
            let percent = if law == Law::Curve(None) { 25 } else { 90 };
            assert!(
                shares.proposed * 100 > count * percent,
                "{law}, d = {d}: {shares:?}"
            );
            eprintln!("{law}, d = {d}: {shares:?}");
            assert_eq!(engine.take_warnings(), [""; 0]);
        }
    }
}

/// False claims of an engine are not trusted.
#[test]
fn false_claims_about_small_problems_change_nothing() {
    /// An engine that claims the opposite of everything, or random rows.
    struct Liar;
    impl Propose for Liar {
        fn most_dims(&self) -> usize {
            8
        }
        fn most_numbers(&self) -> usize {
            1 << 20
        }
        fn most_numbers_of_one(&self) -> usize {
            1 << 20
        }
        fn propose(
            &self,
            sets: &Sets<'_>,
            _: &Control,
        ) -> hullscope::Result<Option<Vec<Vec<Claim>>>> {
            let count = sets.vectors.len() / sets.d / sets.rows;
            let (d, rows) = (sets.d, sets.rows);
            let lie = |set: usize| match set % 5 {
                // A direction that usually does not separate.
                0 => vec![
                    Claim::Outside {
                        direction: vec![1.0; sets.d],
                    };
                    sets.sizes.len()
                ],
                1 => vec![Claim::Inside {
                    support: (0..=sets.d as u32).collect(),
                }],
                2 => vec![Claim::Inside {
                    support: vec![u32::MAX, 0],
                }],
                // The direction away from the first row, which does not have all other rows behind it.
                3 => {
                    let first = sets.vectors[set * d * rows..].iter().step_by(rows).take(d);
                    let direction: Vec<f32> = first.map(|a| -a).collect();
                    vec![Claim::Outside { direction }; sets.sizes.len()]
                }
                _ => Vec::new(),
            };
            Ok(Some((0..count).map(lie).collect()))
        }
    }
    let trials = Trials {
        law: Law::Gaussian,
        query: Query::Same,
        d: 3,
        seed: 18,
    };
    let (sizes, control) = ([4, 8, 30, 200], Control::default());
    let cpu = first_inside(&trials, 0..400, &sizes, 1 << 26, &control).unwrap();
    let (found, shares) =
        first_inside_with(&Liar, &trials, 0..400, &sizes, 1 << 26, &control).unwrap();
    assert_eq!(found, cpu);
    assert!(shares.solved > 350, "{shares:?}");
}
