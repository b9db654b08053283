//! The scan against one plain sgemm of the same size, as ratios within one run.
//!
//! `cargo bench --bench scan` prints, for each d and k: GFLOP/s of one call of the `gemm` crate that writes the
//! whole N x B matrix, GFLOP/s of the scan with its top-k, and their ratio (the goal is at least 0.80). The two
//! are measured in turn, so that a noisy machine disturbs both; the figures are medians.

mod common;

use common::{gaussian, median, sgemm, time};
use hullscope::control::Control;
use hullscope::rows::{Memory, Rows};
use hullscope::scan::{Batch, CpuScan, Scan};

const N: usize = 200_000;
const B: usize = 2_048;
const REPEATS: usize = 5;

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
                let batch = Batch {
                    directions: &w,
                    bias: &bias,
                    k,
                };
                times[slot].push(time(|| {
                    scan.scan(&batch, &control)
                        .expect("in-memory rows can be read");
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
