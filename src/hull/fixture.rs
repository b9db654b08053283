//! What the tests of several parts of the solver share.

use super::min_norm::dot;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Numbers with distribution N(0, 1).
pub fn gaussian(count: usize, seed: u64) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let each = (0..count).map(|_| StandardNormal.sample(&mut random));
    each.collect()
}

/// How far a direction separates a query from the nearest of some rows, as a distance; negative if it does not.
pub fn separation<'r>(
    direction: &[f64],
    query: &[f64],
    rows: impl Iterator<Item = &'r [f64]>,
) -> f64 {
    let best = rows.map(|row| dot(direction, row));
    let best = best.fold(f64::NEG_INFINITY, f64::max);
    (dot(direction, query) - best) / dot(direction, direction).sqrt()
}
