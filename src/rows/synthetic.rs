//! Seeded point sets whose hulls are known, for tests, benches and trials.

use super::Memory;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

fn normal(count: usize, seed: u64) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..count)
        .map(|_| StandardNormal.sample(&mut random))
        .collect()
}

/// n x d standard normal numbers, stored in f32.
pub fn gaussian(n: usize, d: usize, seed: u64) -> Memory {
    let values = normal(n * d, seed).into_iter().map(|v| v as f32).collect();
    Memory::from_f32(format!("Gaussian {n} x {d}, seed {seed}"), d, values)
}

/// n uniform points on the unit sphere in d dimensions: none is inside the hull of the others.
pub fn sphere(n: usize, d: usize, seed: u64) -> Memory {
    let mut values = normal(n * d, seed);
    super::normalise(&mut values, d);
    Memory::from_f64(format!("sphere {n} x {d}, seed {seed}"), d, values)
}

/// The 2^d vertices of the unit hypercube; each is 1/sqrt(d) from the hull of the others.
pub fn hypercube(d: usize) -> Memory {
    let values = (0..1usize << d)
        .flat_map(|i| (0..d).map(move |j| (i >> j & 1) as f64))
        .collect();
    Memory::from_f64(format!("hypercube in {d} dimensions"), d, values)
}

/// The origin and the unit vectors: a simplex with a corner at the origin.
pub fn corner_simplex(d: usize) -> Memory {
    let values = (0..=d)
        .flat_map(|row| (0..d).map(move |j| f64::from(u8::from(row == j + 1))))
        .collect();
    Memory::from_f64(format!("corner simplex in {d} dimensions"), d, values)
}
