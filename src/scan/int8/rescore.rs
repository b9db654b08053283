//! Scores of single pairs of a row and a direction, bit for bit as the f32 product computes them.
//!
//! The product adds the terms of a score in order with fused multiply-add, in runs of equal length, and then adds the
//! sums of the runs: in the same way for every element of a tile. The length of a run depends on the library, the
//! machine's caches and d, so it is found by trying ([`Chain::of_product`]). If no length gives the same bits, for
//! example on a processor without fused multiply-add, nothing can be rescored and the caller uses f32.

use crate::scan::cpu::{TILE, padded, product};

/// How many pairs are scored at a time: a single sum waits for its last addition, eight keep the processor busy.
pub const TOGETHER: usize = 8;

/// The order in which the f32 product adds the d terms of a score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chain {
    run: usize,
}

/// Runs are at least this long, unless there is only one.
const SHORTEST: usize = 256;

impl Chain {
    /// The order of additions in the product of a whole tile in d dimensions; `None` if it is not of this form.
    pub fn of_product(d: usize) -> Option<Chain> {
        // Numbers of different magnitudes and signs, so that another order gives another sum.
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let value = ((state >> 40) as f32 / (1u32 << 23) as f32) - 1.0;
            if state >> 33 & 3 == 0 {
                value * 64.0
            } else {
                value
            }
        };
        const LANES: usize = 80;
        let stride = padded(d);
        let directions: Vec<f32> = (0..d * LANES).map(|_| next()).collect();
        let tile: Vec<f32> = (0..TILE * stride).map(|_| next()).collect();
        let mut scores = vec![0f32; TILE * LANES];
        product::score(&directions, LANES, &tile, stride, d, &mut scores);
        let column = |b: usize| -> Vec<f32> { (0..d).map(|k| directions[k * LANES + b]).collect() };
        let columns: Vec<Vec<f32>> = (0..TOGETHER)
            .map(|b| column(b * LANES / TOGETHER))
            .collect();
        let same = |chain: &Chain| {
            (0..TILE).step_by(5).all(|r| {
                let row = &tile[r * stride..][..d];
                let found = chain.scores(std::array::from_fn(|p| (row, columns[p].as_slice())));
                (0..TOGETHER).all(|p| found[p] == scores[r * LANES + p * LANES / TOGETHER])
            })
        };
        let runs = (1..=d.div_ceil(SHORTEST)).map(|parts| d.div_ceil(parts));
        runs.map(|run| Chain { run }).find(same)
    }

    /// The products of some pairs of vectors of equal length.
    pub fn scores(&self, pairs: [(&[f32], &[f32]); TOGETHER]) -> [f32; TOGETHER] {
        pulp::Arch::new().dispatch(Scores {
            run: self.run,
            pairs,
        })
    }
}

struct Scores<'a> {
    run: usize,
    pairs: [(&'a [f32], &'a [f32]); TOGETHER],
}

impl pulp::NullaryFnOnce for Scores<'_> {
    type Output = [f32; TOGETHER];

    #[inline(always)]
    fn call(self) -> Self::Output {
        let d = self.pairs[0].0.len();
        let pairs = self.pairs.map(|(x, w)| (&x[..d], &w[..d]));
        let mut total = [0f32; TOGETHER];
        for start in (0..d).step_by(self.run) {
            let mut sums = [0f32; TOGETHER];
            for k in start..d.min(start + self.run) {
                for p in 0..TOGETHER {
                    sums[p] = pairs[p].0[k].mul_add(pairs[p].1[k], sums[p]);
                }
            }
            for (total, sum) in total.iter_mut().zip(sums) {
                *total = if start == 0 { sum } else { *total + sum };
            }
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If the product uses fused multiply-add, its order must be of the known form, or eight bits would never be used.
    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn the_order_of_the_product_is_found_in_every_dimension() {
        #[cfg(target_arch = "x86_64")]
        if !is_x86_feature_detected!("fma") {
            return;
        }
        for d in [3, 16, 100, 512, 513, 784, 1024, 3000] {
            let chain = Chain::of_product(d);
            assert!(chain.is_some(), "d={d}");
            assert!(
                d <= 512 || chain.unwrap().run < d || d == 513,
                "runs are cut somewhere: {chain:?}"
            );
        }
    }
}
