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

/// `e_j` and `-e_j`: q is inside exactly when the sum of |q_j| is at most 1.
pub fn cross_polytope(d: usize) -> Memory {
    let unit = |row: usize, j: usize| {
        if row % d == j {
            1.0 - 2.0 * (row / d) as f64
        } else {
            0.0
        }
    };
    let values = (0..2 * d)
        .flat_map(|row| (0..d).map(move |j| unit(row, j)))
        .collect();
    Memory::from_f64(format!("cross-polytope in {d} dimensions"), d, values)
}

/// `(t, t^2, .., t^d)` at n even steps of [-1, 1]: for d >= 2 a further point of the curve is never inside the hull.
pub fn moment_curve(n: usize, d: usize) -> Memory {
    let t = |row: usize| 2.0 * row as f64 / (n.max(2) - 1) as f64 - 1.0;
    let values = (0..n)
        .flat_map(|row| (1..=d as i32).map(move |power| t(row).powi(power)))
        .collect();
    Memory::from_f64(format!("moment curve {n} x {d}"), d, values)
}

/// The origin and the unit vectors: a simplex with a corner at the origin.
pub fn corner_simplex(d: usize) -> Memory {
    let values = (0..=d)
        .flat_map(|row| (0..d).map(move |j| f64::from(u8::from(row == j + 1))))
        .collect();
    Memory::from_f64(format!("corner simplex in {d} dimensions"), d, values)
}
