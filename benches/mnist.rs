//! The whole command on MNIST against two plain matrix products, in one run.
//!
//! `HULLSCOPE_DATA=DIR cargo bench --bench mnist` times, in turn, two calls of sgemm (60,000 x 784 by 784 x 10,000, the
//! `gemm` crate on all threads) and `hullscope analyze` on all 10,000 test images against all 60,000 training images
//! with one nearest neighbour: reading, verdicts, neighbours and writing. The goal is a ratio of at most 2.5. It also
//! prints the scans per query for the central patches, a count that does not depend on the machine.

mod common;

use common::{gaussian, median, sgemm, time};
use std::path::{Path, PathBuf};
use std::process::Command;

const REPEATS: usize = 3;

/// Run the command on the two image files; returns the summary.
fn analyze(train: &Path, test: &Path, output: &Path, more: &[&str]) -> serde_json::Value {
    let summary = output.with_extension("json");
    let status = Command::new(env!("CARGO_BIN_EXE_hullscope"))
        .arg("analyze")
        .args([train, test])
        .arg("-o")
        .arg(output)
        .arg("--json")
        .arg(&summary)
        .arg("--quiet")
        .args(more)
        .status()
        .expect("the program starts");
    assert!(status.success(), "the program failed");
    let text = std::fs::read_to_string(summary).expect("the summary was written");
    serde_json::from_str(&text).expect("the summary is JSON")
}

fn main() {
    let Some(data) = std::env::var_os("HULLSCOPE_DATA").map(PathBuf::from) else {
        println!("skipped: HULLSCOPE_DATA is not set");
        return;
    };
    let train = data.join("mnist/train-images-idx3-ubyte.gz");
    let test = data.join("mnist/t10k-images-idx3-ubyte.gz");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = folder.path().join("verdicts.parquet");
    let (n, b, d) = (60_000, 10_000, 784);
    let (x, w) = (gaussian(n * d, 1), gaussian(b * d, 2));
    let mut product = vec![0f32; n * b];
    sgemm(&x, &w, d, &mut product);
    let (mut plain, mut whole) = (Vec::new(), Vec::new());
    let mut summary = serde_json::Value::Null;
    for _ in 0..REPEATS {
        plain.push(time(|| {
            sgemm(&x, &w, d, &mut product);
            sgemm(&x, &w, d, &mut product);
        }));
        whole.push(time(|| summary = analyze(&train, &test, &output, &[])));
    }
    let (plain, whole) = (median(plain), median(whole));
    println!("two sgemm calls   {plain:.2} s");
    println!("whole command     {whole:.2} s");
    println!("ratio             {:.2} (goal: at most 2.5)", whole / plain);
    println!("scans per query   {}", summary["hull"]["scans_per_query"]);
    println!("seconds           {}", summary["seconds"]);
}
