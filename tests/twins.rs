//! Every scan passes the suite, the suite detects faulty scans, and verdicts are right under the largest errors that a
//! scan may have.

use crate::common::naive::Naive;
use crate::common::scripted::{Fault, Faulty, Sparing, Worst};
use crate::common::suite::{check, suite};
use crate::common::{gaussian, rows, verdicts, verdicts_with};
use hullscope::control::Control;
use hullscope::hull::{Answer, Settings, Solver, Verdict};
use hullscope::rows::{Memory, Rows};
use hullscope::scan::int8::{Kernel, Options, Precision};
use hullscope::scan::{Batch, CpuScan, Floor, Hits, Int8Scan, Scan};
use proptest::prelude::*;
use rayon::prelude::*;

fn cpu<'r>(rows: &'r dyn Rows) -> Box<dyn Scan + 'r> {
    Box::new(CpuScan::new(rows, &Control::default()).unwrap())
}

/// The eight-bit scan, used wherever possible.
fn int8(rows: &dyn Rows, kernel: Kernel, memory: u64) -> Box<dyn Scan + '_> {
    let options = Options {
        precision: Precision::Int8,
        kernel,
        memory,
    };
    Box::new(Int8Scan::new(rows, options, &Control::default()).unwrap())
}

#[test]
fn naive_scan() {
    suite(|rows| Box::new(Naive::new(rows)));
}

#[test]
fn cpu_scan() {
    suite(cpu);
}

#[test]
fn cpu_scan_on_one_and_on_three_threads() {
    let reference = rows(9, &gaussian(3000 * 9, 1));
    let directions: Vec<f32> = gaussian(70 * 9, 2).iter().map(|&v| v as f32).collect();
    let batch = Batch {
        directions: &directions,
        bias: &[1.0; 70],
        k: 11,
    };
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| cpu(&reference).scan(&batch, &Control::default()).unwrap())
    };
    let one = on(1);
    assert_eq!(one, on(2));
    assert_eq!(one, on(3));
}

#[test]
fn int8_scan() {
    for kernel in Kernel::all() {
        suite(|rows| int8(rows, kernel, u64::MAX));
    }
    suite(|rows| int8(rows, Kernel::Plain, 0));
}

/// Rows of many kinds, including difficult ones: sorted, repeated, tied, with far rows, far from the origin.
fn kinds(n: usize, d: usize, seed: u64) -> Vec<(&'static str, Memory)> {
    let base = gaussian(n * d, seed);
    let with = |change: &dyn Fn(usize, usize, f64) -> f64| -> Memory {
        let each = base.iter().enumerate();
        rows(
            d,
            &each
                .map(|(at, &v)| change(at / d, at % d, v))
                .collect::<Vec<_>>(),
        )
    };
    vec![
        ("plain", with(&|_, _, v| v)),
        (
            "sorted",
            with(&|i, j, v| if j == 0 { i as f64 / 100.0 } else { v }),
        ),
        ("ties", with(&|_, _, v| v.round().clamp(-1.0, 1.0))),
        ("repeated", with(&|i, j, _| base[i % 40 * d + j])),
        (
            "far",
            with(&|i, _, v| if i % 300 == 7 { v * 1e9 } else { v }),
        ),
        (
            "tails",
            with(&|i, _, v| v * (i % 10) as f64 * (i % 7) as f64),
        ),
        ("offset", with(&|_, _, v| v + 1e4)),
        (
            "uneven",
            with(&|_, j, v| v * 10f64.powi(2 * (j % 5) as i32)),
        ),
        (
            "tiny",
            with(&|i, _, v| if i % 2 == 0 { v * 1e-25 } else { v }),
        ),
        ("equal", with(&|_, j, _| j as f64)),
        (
            "constant",
            with(&|_, j, v| if j % 3 == 2 { 2.5 } else { v }),
        ),
        (
            "bytes",
            Memory::from_u8(
                "bytes",
                d,
                base.iter().map(|v| (v * 60.0 + 128.0) as u8).collect(),
            ),
        ),
    ]
}

/// Scores and rows equal those of the f32 scan exactly, for support and for nearest neighbours.
#[test]
fn int8_answers_are_those_of_f32_to_the_last_bit() {
    for (n, d, count, k) in [
        (1100, 20, 40, 1),
        (1030, 3, 17, 11),
        (1100, 70, 270, 40),
        (800, 600, 5, 5),
        (1100, 70, 2, 5),
    ] {
        let directions: Vec<f32> = gaussian(count * d, 5).iter().map(|&v| v as f32).collect();
        for (name, reference) in kinds(n, d, 6) {
            let plain = cpu(&reference);
            let ways = [(1.0, 1.0), (0.0, 1.0), (1.0, 1e-3), (0.5, 0.0)];
            // Many directions are more blocks of the same work.
            let most = if count > 100 { 1 } else { ways.len() };
            for (c, size) in ways.into_iter().take(most) {
                let directions: Vec<f32> = directions.iter().map(|v| v * size).collect();
                let bias: Vec<f32> = (0..count)
                    .map(|b| if b % 5 == 4 { 0.0 } else { c })
                    .collect();
                let batch = Batch {
                    directions: &directions,
                    bias: &bias,
                    k,
                };
                let expected = plain.scan(&batch, &Control::default()).unwrap();
                // The plain kernel is slow, and other tests compare it with the others.
                let most = if count > 100 { 1 } else { 2 };
                for kernel in Kernel::all().into_iter().take(most) {
                    let scan = int8(&reference, kernel, u64::MAX);
                    let found = scan.scan(&batch, &Control::default()).unwrap();
                    let by_integers = found.proved() == [("int8", count as u64)];
                    // Without fused multiply-add the scan only uses f32.
                    assert!(by_integers || kernel == Kernel::Plain);
                    assert!(
                        found == expected,
                        "{name}, {n} x {d}, k={k}, {kernel:?}, c={c}, size {size}"
                    );
                }
            }
        }
    }
}

/// What is needed of lists with floors equals the f32 scan's, with few directions and with many.
#[test]
fn int8_gives_what_is_needed_above_floors() {
    let (n, d, k) = (3000, 40, 12);
    let reference = rows(d, &gaussian(n * d, 7));
    let (plain, control) = (cpu(&reference), Control::default());
    for count in [3, 90] {
        let directions: Vec<f32> = gaussian(count * d, 8).iter().map(|&v| v as f32).collect();
        let batch = Batch {
            directions: &directions,
            bias: &vec![0.0; count],
            k,
        };
        let expected = plain.scan(&batch, &control).unwrap();
        // Above, among and below the k best.
        let floors: Vec<Floor> = (0..count)
            .map(|b| match b % 3 {
                0 => Floor::NONE,
                1 => Floor {
                    score: 2.0 * expected.of(b).0[0],
                    slack: 0.01 * expected.of(b).0[0],
                },
                _ => Floor {
                    score: expected.of(b).0[k / 2],
                    slack: 0.0,
                },
            })
            .collect();
        let scan = int8(&reference, Kernel::all()[0], u64::MAX);
        let found = scan.scan_above(&batch, &floors, &control).unwrap();
        for (b, floor) in floors.iter().enumerate() {
            let needed = |hits: &Hits| -> Vec<(f32, usize)> {
                let (scores, rows) = hits.of(b);
                let each = scores.iter().copied().zip(rows.iter().copied());
                let least = scores[0] - floor.slack;
                each.filter(|one| one.0 >= least || one.0 >= floor.score)
                    .collect()
            };
            assert_eq!(needed(&found), needed(&expected), "{count}, {b}");
        }
    }
}

/// Verdicts and all that belongs to them are the same with a scan that gives no more than is needed: far outside and next
/// to the boundary, deep inside, at the mean, with far rows and with rows that are left out.
#[test]
fn verdicts_need_no_more_than_floors_say() {
    let (n, d) = (600, 10);
    let control = Control::default();
    let base = gaussian(n * d, 3);
    let mut far = base.clone();
    far[5 * d] = 1e12;
    for values in [base, far] {
        let reference = rows(d, &values);
        let mut queries = gaussian(90 * d, 4);
        for (i, query) in queries.chunks_exact_mut(d).enumerate() {
            let share = [0.1, 0.4, 0.6, 0.8, 1.0, 4.0][i % 6];
            query.iter_mut().for_each(|v| *v *= share);
        }
        let mean = (0..d).map(|j| values.iter().skip(j).step_by(d).sum::<f64>() / n as f64);
        queries.extend(mean);
        let (naive, sparing) = (Naive::new(&reference), Sparing::new(&reference));
        let answers =
            |scan: &dyn Scan| verdicts_with(&reference, scan, &queries, Settings::default());
        let summed = |answers: Vec<Answer>| -> Vec<(Verdict, u64, u32, usize)> {
            let each = answers.iter();
            each.map(|a| (a.verdict, a.margin.to_bits(), a.scans, a.support))
                .collect()
        };
        let expected = summed(answers(&naive));
        assert_eq!(summed(answers(&sparing)), expected);
        let inside = expected.iter().filter(|a| a.0 == Verdict::Inside).count();
        assert!(10 < inside && inside < 80, "{inside}");
        let spared = sparing.spared.load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!(spared > 100, naive.frame().far.rows.is_empty());
        // Rows of the set itself, each left out.
        let (some, places) = (&values[..40 * d], (0..40).collect::<Vec<usize>>());
        let without = |scan: &dyn Scan| {
            let mut solver = Solver::new(&reference, scan, Settings::default(), &control).unwrap();
            summed(solver.answer(some, Some(&places), &control).unwrap())
        };
        assert_eq!(without(&sparing), without(&naive));
    }
}

macro_rules! caught {
    ($($name:ident: $fault:ident, $words:literal;)*) => {
        $(#[test]
        #[should_panic(expected = $words)]
        fn $name() {
            suite(|rows| Box::new(Faulty::new(rows, Fault::$fault)));
        })*
    };
}

caught! {
    suite_catches_a_lost_last_row: LastRowLost, "is missing below";
    suite_catches_an_index_off_by_one: OffByOne, "row 1 twice";
    suite_catches_a_tie_broken_the_wrong_way: TieTheWrongWay, "order of";
    suite_catches_a_stale_buffer: StaleBuffer, "is off by";
    suite_catches_a_score_off_by_a_thousandth: ScoreOff, "is off by";
    suite_catches_a_forgotten_bias: BiasForgotten, "is off by";
    suite_catches_a_short_list: ShortList, "answers a direction";
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn cpu_scan_of_any_shape(n in 1usize..900, d in 1usize..40, count in 1usize..90, k in 1usize..70, seed in 0u64..1000) {
        let reference = rows(d, &gaussian(n * d, seed));
        let directions: Vec<f32> = gaussian(count * d, seed + 1).iter().map(|&v| v as f32).collect();
        let bias: Vec<f32> = (0..count).map(|b| (b % 3 == 0) as u8 as f32).collect();
        let batch = Batch { directions: &directions, bias: &bias, k };
        let scan = cpu(&reference);
        check(&reference, &*scan, &batch, &scan.scan(&batch, &Control::default()).unwrap());
    }
}

/// The answers do not depend on timings, and batches do not influence each other.
#[test]
fn int8_answers_do_not_depend_on_time_memory_or_threads() {
    let reference = rows(20, &gaussian(6000 * 20, 1));
    let directions: Vec<f32> = gaussian(70 * 20, 2).iter().map(|&v| v as f32).collect();
    let batch = Batch {
        directions: &directions,
        bias: &[1.0; 70],
        k: 11,
    };
    let control = Control::default();
    let expected = cpu(&reference).scan(&batch, &control).unwrap();
    for precision in [Precision::Auto, Precision::F32, Precision::Int8] {
        for (memory, threads) in [(0, 1), (u64::MAX, 2), (u64::MAX, 3)] {
            let options = Options {
                precision,
                kernel: Kernel::chosen().unwrap(),
                memory,
            };
            let scan = Int8Scan::new(&reference, options, &control).unwrap();
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            for _ in 0..4 {
                assert!(pool.install(|| scan.scan(&batch, &control).unwrap()) == expected);
            }
        }
    }
}

/// Batches of few directions use one buffer, one after the other and two at once.
#[test]
fn batches_of_few_directions_do_not_meet() {
    let (n, d) = (6100, 20);
    let reference = rows(d, &gaussian(n * d, 1));
    let directions: Vec<f32> = gaussian(4 * d, 2).iter().map(|&v| v as f32).collect();
    let control = Control::default();
    let ask = |scan: &dyn Scan, count: usize| -> Hits {
        let batch = Batch {
            directions: &directions[(4 - count) * d..],
            bias: &[0.0, 1.0, 0.5, 0.0][4 - count..],
            k: 9,
        };
        scan.scan(&batch, &control).unwrap()
    };
    let plain = cpu(&reference);
    let expected: Vec<Hits> = (1..=4).map(|count| ask(&*plain, count)).collect();
    let right = |scan: &dyn Scan, count: usize| {
        assert!(
            ask(scan, count) == expected[count - 1],
            "{count} directions"
        );
    };
    for threads in [1, 2] {
        let scan = int8(&reference, Kernel::chosen().unwrap(), u64::MAX);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(|| {
            for count in [4, 1, 3] {
                right(&*scan, count);
            }
            (0..8)
                .into_par_iter()
                .for_each(|i| right(&*scan, i % 4 + 1));
        });
    }
}

/// However a batch is scanned, its products count once; a batch of no directions has no answers.
#[test]
fn products_are_counted_once_in_every_precision() {
    let (n, d) = (5000, 20);
    let reference = rows(d, &gaussian(n * d, 1));
    let directions: Vec<f32> = gaussian(9 * d, 2).iter().map(|&v| v as f32).collect();
    for precision in [Precision::Auto, Precision::F32, Precision::Int8] {
        let options = Options {
            precision,
            kernel: Kernel::chosen().unwrap(),
            memory: u64::MAX,
        };
        let scan = Int8Scan::new(&reference, options, &Control::default()).unwrap();
        // With AVX2 few directions are scanned in f32 a few times before they are in eight bits.
        for count in [9, 2, 2, 2, 2, 2, 1, 0] {
            let batch = Batch {
                directions: &directions[..count * d],
                bias: &vec![1.0; count],
                k: 3,
            };
            let control = Control::default();
            let found = scan.scan(&batch, &control).unwrap();
            assert_eq!(found.scores().len(), 3 * count);
            assert_eq!(
                control.progress().flop,
                2 * (n * d * count) as u64,
                "{precision:?}"
            );
        }
    }
}

/// Directions with scores outside the range of f32, or with NaN, are scanned in f32.
#[test]
fn int8_leaves_directions_beyond_its_range_to_f32() {
    // Columns in which all rows have the same value are not stored in eight bits.
    let values = gaussian(2000 * 20, 1);
    let values: Vec<f64> = values
        .iter()
        .enumerate()
        .map(|(at, &v)| if at % 20 < 5 { 0.5 } else { v })
        .collect();
    let reference = rows(20, &values);
    let control = Control::default();
    for odd in [f32::INFINITY, f32::NAN, 1e38, 1e30, 1e-40] {
        let directions: Vec<f32> = gaussian(3 * 20, 2)
            .iter()
            .map(|&v| v as f32 * if v > 1.0 { odd } else { 1.0 })
            .collect();
        let batch = Batch {
            directions: &directions,
            bias: &[0.0, 1.0, -1.0],
            k: 5,
        };
        let expected = cpu(&reference).scan(&batch, &control).unwrap();
        let found = int8(&reference, Kernel::Plain, 0)
            .scan(&batch, &control)
            .unwrap();
        assert_eq!(found.rows(), expected.rows(), "{odd}");
    }
}

/// The solver must use the stated bound, not trust the scores.
#[test]
fn verdicts_hold_under_the_worst_allowed_errors() {
    for (d, n, share) in [
        (3, 60, 1e-6),
        (5, 300, 1e-4),
        (8, 200, 1e-3),
        (4, 500, 1e-2),
    ] {
        let reference = rows(d, &gaussian(n * d, 11));
        let queries: Vec<f64> = gaussian(150 * d, 12).iter().map(|v| 0.8 * v).collect();
        let right = verdicts(&reference, &queries, Settings::default());
        let scan = Worst::new(&reference, share);
        let found = verdicts_with(&reference, &scan, &queries, Settings::default());
        for (query, (right, found)) in right.iter().zip(&found).enumerate() {
            assert_eq!(
                right.verdict, found.verdict,
                "query {query} of d={d}, share {share}"
            );
        }
    }
}
