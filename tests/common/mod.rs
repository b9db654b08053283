//! Code shared by test modules: a naive reference implementation, rows that say when they are read, faulty scans, the suite, an LP solver, small networks.

#[cfg(feature = "gpu")]
pub mod adapters;
pub mod alloc;
pub mod exact;
pub mod lp;
pub mod naive;
pub mod onnx;
pub mod scripted;
pub mod suite;
pub mod watched;

use hullscope::control::Control;
use hullscope::hull::{Answer, Settings, Solver};
use hullscope::rows::{Memory, Rows};
use hullscope::scan::{CpuScan, Scan};
use hullscope::study::{Record, Sink};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Whether an environment variable says that what tests would otherwise skip must be present, such as `HULLSCOPE_REQUIRE_GPU=1`.
pub fn required(switch: &str) -> bool {
    std::env::var_os(switch).is_some_and(|value| value == "1")
}

/// A sink that keeps all records.
#[derive(Default)]
pub struct Kept(pub Vec<Record>);

impl Sink for Kept {
    fn records(&mut self, records: &[Record]) -> hullscope::Result<()> {
        self.0.extend_from_slice(records);
        Ok(())
    }
}

/// A seeded random generator.
pub fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Standard normal numbers.
pub fn gaussian(count: usize, seed: u64) -> Vec<f64> {
    let mut random = random(seed);
    (0..count)
        .map(|_| StandardNormal.sample(&mut random))
        .collect()
}

/// Rows in memory, in f64.
pub fn rows(d: usize, values: &[f64]) -> Memory {
    Memory::from_f64("rows", d, values.to_vec())
}

/// Verdicts of the solver with the CPU scan; every certificate is checked.
pub fn verdicts(reference: &dyn Rows, queries: &[f64], settings: Settings) -> Vec<Answer> {
    let control = Control::default();
    let scan = CpuScan::new(reference, &control).unwrap();
    verdicts_with(reference, &scan, queries, settings)
}

/// The same with a given scan.
pub fn verdicts_with(
    reference: &dyn Rows,
    scan: &dyn Scan,
    queries: &[f64],
    settings: Settings,
) -> Vec<Answer> {
    let mut solver = Solver::new(reference, scan, settings, &Control::default()).unwrap();
    let answers = solver.answer(queries, None, &Control::default()).unwrap();
    for (answer, query) in answers.iter().zip(queries.chunks_exact(reference.dim())) {
        naive::certificate_holds(reference, query, answer, settings.tolerance);
    }
    answers
}
