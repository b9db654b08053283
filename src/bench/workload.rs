//! The problem of the benches: seeded Gaussian rows and queries.
//!
//! Rows are generated in blocks on all cores, each block with its own stream of random numbers, so they are the same
//! for any number of threads.

use crate::rows::Memory;
use crate::study::bench::Shape;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

/// The number of values drawn from one stream.
const BLOCK: usize = 1 << 16;

/// Reference rows and queries of one shape.
pub struct Workload {
    pub shape: Shape,
    pub reference: Memory,
    /// B x d.
    pub queries: Vec<f64>,
}

impl Workload {
    /// Standard normal rows, and standard normal queries. About the share `inside` of the queries is moved towards the
    /// mean until it lies in the hull.
    pub fn new(shape: Shape, inside: f64, seed: u64) -> Self {
        let Shape { rows, dim, .. } = shape;
        let mut queries: Vec<f64> = normal(shape.queries * dim, seed, 1)
            .into_iter()
            .map(f64::from)
            .collect();
        let factor = half_depth(rows, dim);
        for (row, query) in queries.chunks_exact_mut(dim).enumerate() {
            // Spread over the batch: the first n queries have about the same share for every n.
            if ((row + 1) as f64 * inside).floor() > (row as f64 * inside).floor() {
                query.iter_mut().for_each(|value| *value *= factor);
            }
        }
        Workload {
            shape,
            reference: Memory::from_f32(
                format!("Gaussian {rows} x {dim}, seed {seed}"),
                dim,
                normal(rows * dim, seed, 0),
            ),
            queries,
        }
    }
}

/// Standard normal numbers; `kind` separates the streams of one seed by their use.
pub fn normal(count: usize, seed: u64, kind: u64) -> Vec<f32> {
    let mut values = vec![0f32; count];
    let blocks = values.par_chunks_mut(BLOCK).enumerate();
    blocks.for_each(|(block, values)| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(2 * block as u64 + kind);
        for value in values {
            *value = StandardNormal.sample(&mut random);
        }
    });
    values
}

/// The factor that moves a normal point to about half the distance from the mean to the nearest part of the hull's
/// surface: N normal rows reach at least sqrt(2 ln(N / d)) in every direction, and a point has length sqrt(d).
fn half_depth(rows: usize, dim: usize) -> f64 {
    let reach = (2.0 * (rows as f64 / dim as f64).max(1.0).ln()).sqrt();
    (0.5 * reach / (dim as f64).sqrt()).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_rows() {
        let all = normal(BLOCK + 10, 7, 0);
        assert_eq!(all[..100], normal(100, 7, 0)[..]);
        assert_ne!(all[..100], normal(100, 7, 1)[..]);
        assert_ne!(all[..10], all[BLOCK..]);
        let mean = all.iter().sum::<f32>() / all.len() as f32;
        assert!(mean.abs() < 0.02, "{mean}");
    }
}
