//! The test suite for every scan. Scores are compared within the stated bounds, with order and completeness of the
//! lists; exactly where f32 is exact.

use super::naive::{Naive, best};
use super::{gaussian, rows};
use hullscope::control::Control;
use hullscope::rows::{Memory, Rows};
use hullscope::scan::{Batch, Hits, Scan};

/// Run all tests on a kind of scan.
pub fn suite(make: impl for<'r> Fn(&'r dyn Rows) -> Box<dyn Scan + 'r>) {
    cliffs(&make);
    exact_ties(&make);
    offsets_and_scales(&make);
    calls_are_independent(&make);
}

/// Panics unless `hits` is a correct answer to the batch.
pub fn check(reference: &dyn Rows, scan: &dyn Scan, batch: &Batch<'_>, hits: &Hits) {
    let naive = Naive::new(reference);
    let (n, d) = (reference.len(), reference.dim());
    assert_eq!(hits.k(), batch.k.min(n), "answers a direction");
    assert_eq!(
        hits.scores().len(),
        hits.k() * batch.bias.len(),
        "number of answers"
    );
    for (b, direction) in batch.directions.chunks_exact(d).enumerate() {
        let norm = direction
            .iter()
            .map(|w| f64::from(*w).powi(2))
            .sum::<f64>()
            .sqrt();
        // The expected score is itself computed in f64.
        let bound = scan.error_bound(norm, batch.bias[b]) * (1.0 + 1e-6) + 1e-300;
        let truth = naive.scores(direction, batch.bias[b]);
        let (scores, rows) = hits.of(b);
        let mut seen = vec![false; n];
        for (&score, &row) in scores.iter().zip(rows) {
            assert!(!std::mem::replace(&mut seen[row], true), "row {row} twice");
            let error = (f64::from(score) - truth[row]).abs();
            assert!(
                error <= bound,
                "score of row {row} is off by {error}, the bound is {bound}"
            );
        }
        for pair in (0..hits.k()).collect::<Vec<_>>().windows(2) {
            let (above, below) = (
                (scores[pair[0]], rows[pair[0]]),
                (scores[pair[1]], rows[pair[1]]),
            );
            assert!(
                above.0 > below.0 || (above.0 == below.0 && above.1 < below.1),
                "order of {above:?} and {below:?}"
            );
        }
        if let Some(&last) = scores.last() {
            let missed = (0..n)
                .filter(|&row| !seen[row])
                .map(|row| truth[row])
                .fold(f64::NEG_INFINITY, f64::max);
            assert!(
                missed <= f64::from(last) + bound,
                "a row that scores {missed} is missing below {last}"
            );
        }
    }
}

fn run(reference: &dyn Rows, scan: &dyn Scan, directions: &[f32], bias: &[f32], k: usize) -> Hits {
    let batch = Batch {
        directions,
        bias,
        k,
    };
    let hits = scan.scan(&batch, &Control::default()).unwrap();
    check(reference, scan, &batch, &hits);
    hits
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}

/// Sizes around every edge of tiles, blocks, groups and lanes, stored in f32 and in f64.
fn cliffs(make: &impl for<'r> Fn(&'r dyn Rows) -> Box<dyn Scan + 'r>) {
    let shapes = [
        (1, 1, 1, 1),
        (2, 1, 3, 5),
        (255, 3, 1, 1),
        (256, 15, 2, 10),
        (257, 16, 17, 257),
        (513, 17, 63, 2),
        (300, 2, 64, 300),
        (1023, 33, 65, 32),
        (260, 8, 511, 3),
        (290, 5, 513, 7),
        (40, 130, 16, 64),
    ];
    for (n, d, count, k) in shapes {
        let x = gaussian(n * d, (n * d) as u64);
        let directions = narrow(&gaussian(count * d, 7));
        let bias: Vec<f32> = (0..count).map(|b| (b % 2) as f32).collect();
        // How rows are stored does not depend on how many directions there are.
        if count < 100 {
            let wide = rows(d, &x);
            run(&wide, &*make(&wide), &directions, &bias, k);
        }
        let single = Memory::from_f32("rows", d, narrow(&x));
        run(&single, &*make(&single), &directions, &bias, k);
    }
}

/// Small integers, symmetric about zero: every score is exact in f32, so the answers must be exact too.
fn exact_ties(make: &impl for<'r> Fn(&'r dyn Rows) -> Box<dyn Scan + 'r>) {
    for (n, d, k) in [(600, 2, 40), (64, 3, 64), (515, 1, 9)] {
        let half: Vec<f64> = gaussian(n / 2 * d, 3)
            .iter()
            .map(|v| (2.0 * v).round().clamp(-4.0, 4.0))
            .collect();
        let mirrored: Vec<f64> = half
            .iter()
            .copied()
            .chain(half.iter().map(|v| -v))
            .collect();
        let reference = rows(d, &mirrored);
        let scan = make(&reference);
        let directions: Vec<f32> = gaussian(20 * d, 5)
            .iter()
            .map(|v| (3.0 * v).round() as f32)
            .collect();
        let bias = vec![0.0; 20];
        let hits = run(&reference, &*scan, &directions, &bias, k);
        let naive = Naive::new(&reference);
        for (b, direction) in directions.chunks_exact(d).enumerate() {
            let expected = best(naive.scores(direction, 0.0).into_iter(), k);
            let (scores, rows) = hits.of(b);
            let found: Vec<_> = scores.iter().copied().zip(rows.iter().copied()).collect();
            assert_eq!(found, expected, "exact scores");
        }
    }
}

/// Data far from the origin, tiny, huge, and with columns of very different scales.
fn offsets_and_scales(make: &impl for<'r> Fn(&'r dyn Rows) -> Box<dyn Scan + 'r>) {
    let (n, d, count) = (400, 6, 33);
    let base = gaussian(n * d, 21);
    let directions = narrow(&gaussian(count * d, 22));
    let bias: Vec<f32> = (0..count).map(|b| (b % 2) as f32).collect();
    // Every offset with every scale, including the extremes of both.
    let pairs = [
        (0.0, 1e-30),
        (0.0, 1.0),
        (0.0, 1e30),
        (100.0, 1e-6),
        (1e4, 1e6),
        (1e8, 1e-30),
        (1e8, 1.0),
        (1e8, 1e30),
    ];
    for (offset, scale) in pairs {
        let x: Vec<f64> = base.iter().map(|v| (v + offset) * scale).collect();
        let reference = rows(d, &x);
        run(&reference, &*make(&reference), &directions, &bias, 5);
    }
    let uneven: Vec<f64> = base
        .iter()
        .enumerate()
        .map(|(i, v)| v * 10f64.powi(3 * (i % d) as i32 - 6))
        .collect();
    let reference = rows(d, &uneven);
    run(&reference, &*make(&reference), &directions, &bias, 5);
}

/// Two calls on one scan do not influence each other.
fn calls_are_independent(make: &impl for<'r> Fn(&'r dyn Rows) -> Box<dyn Scan + 'r>) {
    let reference = rows(4, &gaussian(300 * 4, 31));
    let scan = make(&reference);
    for seed in 0..3 {
        let directions = narrow(&gaussian(5 * 4, 40 + seed));
        run(&reference, &*scan, &directions, &[0.0; 5], 6);
    }
}
