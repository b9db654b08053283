//! The scan against one plain sgemm of the same size, as ratios within one run.
//!
//! `cargo bench --bench scan` prints, for each kind of rows, d and k: GFLOP/s of one call of the `gemm` crate that
//! writes the whole N x B matrix, and of the scan with its top-k in f32 and in eight bits (each with its ratio to the
//! product). They are measured in turn, so that other load affects all of them; the figures are medians. Quantising is
//! not timed. MNIST is read from the folder in `HULLSCOPE_DATA`; words after `--` select lines by their kind of rows, and
//! numbers by d.

mod common;

use common::{gaussian, median, sgemm, time};
use hullscope::control::Control;
use hullscope::rows::{self, Memory, OpenOptions, Rows};
use hullscope::scan::int8::{Kernel, Options, Precision};
use hullscope::scan::{Batch, CpuScan, Int8Scan, Scan};

const N: usize = 200_000;
const B: usize = 2_048;
const REPEATS: usize = 5;

/// Rows around 64 centres, all of unit length.
fn clustered(count: usize, d: usize, seed: u64) -> Vec<f32> {
    let (centres, mut all) = (gaussian(64 * d, 9), gaussian(count * d, seed));
    for (i, row) in all.chunks_exact_mut(d).enumerate() {
        let centre = &centres[i * 37 % 64 * d..][..d];
        row.iter_mut()
            .zip(centre)
            .for_each(|(v, c)| *v = 0.3 * *v + c);
        let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
        row.iter_mut().for_each(|v| *v /= length);
    }
    all
}

/// The raw pixels of an MNIST file, repeated until there are enough rows (each time a little brighter).
fn pixels(file: &str, count: usize, control: &Control) -> Option<Vec<f32>> {
    let folder = std::env::var("HULLSCOPE_DATA").ok()?;
    let options = OpenOptions::default();
    let set = rows::open(&format!("{folder}/mnist/{file}"), &options, control).ok()?;
    let mut all = vec![0f32; set.len() * set.dim()];
    set.read_f32(0, &mut all).ok()?;
    let rounds = count.div_ceil(set.len());
    let brighter = (0..rounds).flat_map(|round| {
        let factor = 1.0 + 0.03 * round as f32;
        all.iter().map(move |v| v * factor)
    });
    Some(brighter.take(count * set.dim()).collect())
}

/// One table line for each k.
fn measure(name: &str, d: usize, x: &[f32], queries: &[f32], product: &mut [f32]) {
    let control = Control::default();
    let rows = Memory::from_f32("x", d, x.to_vec());
    let plain = CpuScan::new(&rows as &dyn Rows, &control).expect("in-memory rows can be read");
    let options = Options {
        precision: Precision::Int8,
        kernel: Kernel::chosen().expect("a kernel that runs here"),
        memory: u64::MAX,
    };
    let int8 =
        Int8Scan::new(&rows as &dyn Rows, options, &control).expect("in-memory rows can be read");
    // The directions whose best rows are the nearest neighbours.
    let frame = plain.frame();
    let scale = frame.euclid * frame.euclid;
    let w: Vec<f32> = queries
        .iter()
        .enumerate()
        .map(|(i, v)| ((f64::from(*v) - frame.centre[i % d]) * scale / frame.scale[i % d]) as f32)
        .collect();
    let gflop = 2.0 * (N * d * B) as f64 * 1e-9;
    let batch = |k| Batch {
        directions: &w,
        bias: &[1.0; B],
        k,
    };
    let scan = |scan: &dyn Scan, k| {
        scan.scan(&batch(k), &control)
            .expect("in-memory rows can be read")
    };
    assert!(
        scan(&int8, 10) == scan(&plain, 10),
        "the answers must be the same"
    );
    let mut times = [const { Vec::new() }; 5];
    for _ in 0..REPEATS {
        times[0].push(time(|| sgemm(x, &w, d, product)));
        for (slot, k) in [(1, 1), (3, 10)] {
            times[slot].push(time(|| drop(scan(&plain, k))));
            times[slot + 1].push(time(|| drop(scan(&int8, k))));
        }
    }
    let times = times.map(|seconds| gflop / median(seconds));
    for (slot, k) in [(1, 1), (3, 10)] {
        let (sgemm, plain, int8) = (times[0], times[slot], times[slot + 1]);
        let (a, b) = (plain / sgemm, int8 / sgemm);
        println!("| {name} | {d} | {k} | {sgemm:.0} | {plain:.0} | {int8:.0} | {a:.2} | {b:.2} |");
    }
}

fn main() {
    let control = Control::default();
    let kernel = Kernel::chosen().expect("a kernel that runs here");
    println!("int8 by {}\n", kernel.title());
    println!(
        "| rows | d | k | sgemm GFLOP/s | f32 scan | int8 scan | f32 / sgemm | int8 / sgemm |\n|--|--|--|--|--|--|--|--|"
    );
    let words = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'));
    let (dims, kinds): (Vec<String>, Vec<String>) =
        words.partition(|word| word.parse::<usize>().is_ok());
    let wanted = |name: &str, d: usize| {
        (kinds.is_empty() || kinds.iter().any(|kind| name.contains(kind.as_str())))
            && (dims.is_empty() || dims.contains(&d.to_string()))
    };
    let mut product = vec![0f32; N * B];
    for d in [64, 128, 512, 784] {
        if wanted("Gaussian", d) {
            measure(
                "Gaussian",
                d,
                &gaussian(N * d, 1),
                &gaussian(B * d, 2),
                &mut product,
            );
        }
        if wanted("clustered", d) && d != 64 {
            measure(
                "clustered",
                d,
                &clustered(N, d, 3),
                &clustered(B, d, 4),
                &mut product,
            );
        }
    }
    let sets = pixels("train-images-idx3-ubyte.gz", N, &control).zip(pixels(
        "t10k-images-idx3-ubyte.gz",
        B,
        &control,
    ));
    if let Some((train, test)) = sets.filter(|_| wanted("MNIST", 784)) {
        measure("MNIST", 784, &train, &test, &mut product);
    }
}
