//! Every scan goes through the one suite, the suite goes through planted faults, and the verdicts hold under the
//! worst errors that a scan may make.

use crate::common::naive::Naive;
use crate::common::scripted::{Fault, Faulty, Worst};
use crate::common::suite::{check, suite};
use crate::common::{gaussian, rows, verdicts, verdicts_with};
use hullscope::control::Control;
use hullscope::hull::Settings;
use hullscope::rows::Rows;
use hullscope::scan::{Batch, CpuScan, Scan};
use proptest::prelude::*;

fn cpu<'r>(rows: &'r dyn Rows) -> Box<dyn Scan + 'r> {
    Box::new(CpuScan::new(rows, &Control::default()).unwrap())
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

macro_rules! caught {
    ($($name:ident: $fault:ident,)*) => {
        $(#[test]
        #[should_panic]
        fn $name() {
            suite(|rows| Box::new(Faulty::new(rows, Fault::$fault)));
        })*
    };
}

caught! {
    suite_catches_a_lost_last_row: LastRowLost,
    suite_catches_an_index_off_by_one: OffByOne,
    suite_catches_a_tie_broken_the_wrong_way: TieTheWrongWay,
    suite_catches_a_stale_buffer: StaleBuffer,
    suite_catches_a_score_off_by_a_thousandth: ScoreOff,
    suite_catches_a_forgotten_bias: BiasForgotten,
    suite_catches_a_short_list: ShortList,
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
