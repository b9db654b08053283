//! The scan against one plain sgemm of the same size, as ratios within one run.
//!
//! `cargo bench --bench scan` prints, for each d and k: GFLOP/s of one call of the `gemm` crate that writes the
//! whole N x B matrix, GFLOP/s of the scan with its top-k, and their ratio (the goal is at least 0.80). The two
//! are measured in turn, so that a noisy machine disturbs both; the figures are medians.

use hullscope::control::Control;
use hullscope::rows::{Memory, Rows};
use hullscope::scan::{Batch, CpuScan, Scan};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::time::Instant;

const N: usize = 200_000;
const B: usize = 2_048;
const REPEATS: usize = 5;

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// Standard normal numbers.
fn gaussian(count: usize, seed: u64) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| StandardNormal.sample(&mut random)).collect()
}

fn time(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64()
}

/// One call of the gemm crate on all threads: scores = X W^T, written out.
fn sgemm(x: &[f32], w: &[f32], d: usize, out: &mut [f32]) {
    let (n, b) = (x.len() / d, w.len() / d);
    assert_eq!(out.len(), n * b);
    // SAFETY: x is n x d, w is b x d and out is n x b (asserted or by construction), all row-major.
    unsafe {
        gemm::gemm(
            n,
            b,
            d,
            out.as_mut_ptr(),
            1,
            b as isize,
            false,
            x.as_ptr(),
            1,
            d as isize,
            w.as_ptr(),
            d as isize,
            1,
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::Rayon(0),
        );
    }
}

fn main() {
    println!("| d | k | sgemm GFLOP/s | scan GFLOP/s | ratio |\n|--|--|--|--|--|");
    let control = Control::default();
    let mut product = vec![0f32; N * B];
    for d in [64, 128, 512, 784] {
        let x: Vec<f32> = gaussian(N * d, 1);
        let w: Vec<f32> = gaussian(B * d, 2);
        let rows = Memory::from_f32("x", d, x.clone());
        let scan = CpuScan::new(&rows as &dyn Rows, &control).expect("in-memory rows can be read");
        let bias = vec![1.0; B];
        let gflop = 2.0 * (N * d * B) as f64 * 1e-9;
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..REPEATS {
            times[0].push(time(|| sgemm(&x, &w, d, &mut product)));
            for (slot, k) in [(1, 1), (2, 10)] {
                let batch = Batch { directions: &w, bias: &bias, k };
                times[slot].push(time(|| {
                    scan.scan(&batch, &control).expect("in-memory rows can be read");
                }));
            }
        }
        let [plain, one, ten] = times.map(median);
        for (k, seconds) in [(1, one), (10, ten)] {
            let (a, b) = (gflop / plain, gflop / seconds);
            println!("| {d} | {k} | {a:.0} | {b:.0} | {:.2} |", b / a);
        }
    }
}
