//! Shared code of the benches: a plain matrix product to compare with, random numbers, a clock.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::time::Instant;

/// The median of some measurements.
pub fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// Standard normal numbers.
pub fn gaussian(count: usize, seed: u64) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..count)
        .map(|_| StandardNormal.sample(&mut random))
        .collect()
}

/// The wall-clock seconds of some work.
pub fn time(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64()
}

/// One call of the gemm crate on all threads: out (n x b) = x (n x d) times w (b x d) transposed, all row-major.
pub fn sgemm(x: &[f32], w: &[f32], d: usize, out: &mut [f32]) {
    let (n, b) = (x.len() / d, w.len() / d);
    assert!(x.len() == n * d && w.len() == b * d && out.len() == n * b);
    // SAFETY: the shapes and row-major strides match the slices' lengths, as asserted.
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
