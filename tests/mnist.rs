//! Known answers on real data: MNIST's central patches and mixtures of its images. Skipped without HULLSCOPE_DATA,
//! unless HULLSCOPE_REQUIRE_DATA=1 requires it.
//!
//! The counts agreed with a linear-programming solver on every query tried. The limits on scans are the promised cost;
//! scans are counted, not timed, so they do not depend on the machine.

use crate::common::{random, required, verdicts};
use hullscope::control::Control;
use hullscope::hull::{Settings, Solver, Verdict};
use hullscope::rows::{Memory, OpenOptions, open};
use hullscope::scan::CpuScan;
use rand::RngExt;

/// Images as bytes, 784 per row; `None` (after a printed line) without the data.
pub fn images(file: &str, limit: usize) -> Option<Vec<f64>> {
    let Some(folder) = std::env::var_os("HULLSCOPE_DATA") else {
        assert!(
            !required("HULLSCOPE_REQUIRE_DATA"),
            "HULLSCOPE_REQUIRE_DATA is set and HULLSCOPE_DATA is not"
        );
        println!("skipped: HULLSCOPE_DATA is not set");
        return None;
    };
    let path = std::path::Path::new(&folder).join("mnist").join(file);
    let options = OpenOptions {
        memory: 1 << 30,
        limit: Some(limit),
        ..OpenOptions::default()
    };
    let rows = open(&path.to_string_lossy(), &options, &Control::default()).unwrap();
    let mut values = vec![0.0; rows.len() * rows.dim()];
    rows.read_f64(0, &mut values).unwrap();
    Some(values)
}

pub const TRAIN: &str = "train-images-idx3-ubyte.gz";
pub const TEST: &str = "t10k-images-idx3-ubyte.gz";

/// The central patch of side `c` of each image, divided by 255 in f32.
pub fn patch(images: &[f64], c: usize) -> Vec<f32> {
    let start = (28 - c) / 2;
    let pixel =
        |image: &[f64], i: usize| (image[(start + i / c) * 28 + start + i % c] / 255.0) as f32;
    images
        .chunks_exact(784)
        .flat_map(|image| (0..c * c).map(move |i| pixel(image, i)))
        .collect()
}

#[test]
fn central_patches_have_the_known_counts_at_the_promised_cost() {
    let (Some(train), Some(test)) = (images(TRAIN, 60_000), images(TEST, 400)) else {
        return;
    };
    // Side, known number inside (for the first 2,000 test images: 1,087, 194, 45, 0), most scans per query.
    let known = [(4, 240, 3.0), (6, 45, 3.0), (8, 9, 2.0), (28, 0, 1.1)];
    for (side, count, most) in known {
        let d = side * side;
        let reference = Memory::from_f32("train", d, patch(&train, side));
        let queries: Vec<f64> = patch(&test, side).iter().map(|&v| f64::from(v)).collect();
        let control = Control::default();
        let scan = CpuScan::new(&reference, &control).unwrap();
        let mut solver = Solver::new(&reference, &scan, Settings::default(), &control).unwrap();
        let answers = solver.answer(&queries, None, &control).unwrap();
        let inside = answers
            .iter()
            .filter(|a| a.verdict == Verdict::Inside)
            .count();
        assert_eq!(inside, count, "side {side}");
        assert!(answers.iter().all(|a| a.verdict != Verdict::Undecided));
        let scans = answers.iter().map(|a| f64::from(a.scans)).sum::<f64>() / answers.len() as f64;
        assert!(scans <= most, "side {side}: {scans} scans a query");
    }
}

#[test]
fn mixtures_of_images_are_inside_after_few_scans() {
    let Some(train) = images(TRAIN, 2_000) else {
        return;
    };
    let reference = Memory::from_u8("train", 784, train.iter().map(|&v| v as u8).collect());
    let mut random = random(7);
    for (mixed, most) in [(10, 4), (40, 8), (120, 25)] {
        // Exponential weights divided by their sum are uniform on the simplex (Dirichlet).
        let weights: Vec<f64> = (0..mixed).map(|_| -random.random::<f64>().ln()).collect();
        let total: f64 = weights.iter().sum();
        let rows: Vec<usize> = (0..mixed).map(|_| random.random_range(0..2_000)).collect();
        let mixture = |j: usize| {
            let terms = rows.iter().zip(&weights);
            terms.map(|(r, w)| w / total * train[r * 784 + j]).sum()
        };
        let query: Vec<f64> = (0..784).map(mixture).collect();
        for answer in verdicts(&reference, &query, Settings::default()) {
            assert_eq!(answer.verdict, Verdict::Inside, "mixture of {mixed}");
            assert!(
                answer.scans <= most,
                "mixture of {mixed}: {} scans",
                answer.scans
            );
        }
    }
}
