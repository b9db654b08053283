//! Linear maps: `y = B^T (x - m)`, with B given by its columns, and the random ones among them.
//!
//! Random projections have independent entries from N(0, 1/D), so that squared lengths are kept on average (Johnson
//! and Lindenstrauss 1984); random coordinates are drawn without repeats and stay in their order.

use super::Map;
use super::pixel::Select;
use crate::error::Result;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// `y = B^T (x - m)`.
pub struct Linear {
    /// m, length d; empty for none.
    pub centre: Vec<f64>,
    /// B, d x D.
    pub basis: Mat<f64>,
    /// Results below this, one a column of B, are rounding and become 0; empty for none.
    pub silence: Vec<f64>,
}

impl Linear {
    /// D random projections of rows of d numbers.
    pub fn random(d: usize, dims: usize, seed: u64) -> Self {
        let mut random = generator(seed, 1);
        let deviation = 1.0 / (dims as f64).sqrt();
        // Drawn column by column: the first columns do not depend on how many follow, but for their scale.
        let entries: Vec<f64> = (0..d * dims)
            .map(|_| {
                let entry: f64 = StandardNormal.sample(&mut random);
                entry * deviation
            })
            .collect();
        Linear {
            centre: Vec::new(),
            basis: MatRef::from_column_major_slice(&entries, d, dims).to_owned(),
            silence: Vec::new(),
        }
    }
}

/// The generator of a purpose: one seed gives unrelated numbers to different purposes.
pub(super) fn generator(seed: u64, purpose: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(purpose);
    random
}

impl Map for Linear {
    fn dim(&self) -> usize {
        self.basis.ncols()
    }
    fn in_blocks(&self) -> bool {
        true
    }
    fn apply(&self, rows: &[f64], out: &mut [f64]) -> Result<()> {
        let (d, dims) = (self.basis.nrows(), self.dim());
        let n = out.len() / dims;
        let centred: Vec<f64>;
        let rows = if self.centre.is_empty() {
            rows
        } else {
            let each = rows.chunks_exact(d);
            centred = each
                .flat_map(|row| row.iter().zip(&self.centre).map(|(x, m)| x - m))
                .collect();
            &centred
        };
        faer::linalg::matmul::matmul(
            MatMut::from_column_major_slice_mut(out, dims, n),
            Accum::Replace,
            self.basis.transpose(),
            MatRef::from_column_major_slice(rows, d, n),
            1.0,
            Par::Seq,
        );
        if !self.silence.is_empty() {
            for row in out.chunks_exact_mut(dims) {
                for (value, least) in row.iter_mut().zip(&self.silence) {
                    if value.abs() < *least {
                        *value = 0.0;
                    }
                }
            }
        }
        Ok(())
    }
}

/// `dims` of the d coordinates; `None` if there are fewer.
pub fn coordinates(d: usize, dims: usize, seed: u64) -> Option<Select> {
    if dims > d {
        return None;
    }
    let mut chosen = rand::seq::index::sample(&mut generator(seed, 2), d, dims).into_vec();
    chosen.sort_unstable();
    Some(Select::new(chosen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projections_keep_squared_lengths_on_average() {
        let (d, dims) = (40, 2000);
        let map = Linear::random(d, dims, 3);
        let row: Vec<f64> = (0..d).map(|v| v as f64).collect();
        let mut out = vec![0.0; dims];
        map.apply(&row, &mut out).unwrap();
        let square = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>();
        // A mean of 2,000 chi-square variables: deviation sqrt(2/2000) = 3 %.
        let ratio = square(&out) / square(&row);
        assert!((ratio - 1.0).abs() < 0.13, "{ratio}");
    }

    #[test]
    fn the_same_seed_gives_the_same_map_and_another_one_another() {
        let entries = |seed| Linear::random(5, 3, seed).basis;
        assert_eq!(entries(1), entries(1));
        assert_ne!(entries(1), entries(2));
        let places = |seed| {
            let mut out = vec![0.0; 8];
            let row: Vec<f64> = (0..100).map(f64::from).collect();
            coordinates(100, 8, seed)
                .unwrap()
                .apply(&row, &mut out)
                .unwrap();
            out
        };
        assert_eq!(places(1), places(1));
        assert_ne!(places(1), places(2));
        assert!(places(1).windows(2).all(|pair| pair[0] < pair[1]));
        assert!(coordinates(4, 5, 0).is_none());
    }

    #[test]
    fn centred_rows_and_silenced_noise() {
        let map = Linear {
            centre: vec![1.0, 2.0],
            basis: Mat::from_fn(2, 2, |i, j| f64::from(u8::from(i == j))),
            silence: vec![0.0, 0.5],
        };
        let mut out = vec![0.0; 4];
        map.apply(&[1.25, 2.25, 0.0, 3.0], &mut out).unwrap();
        assert_eq!(out, [0.25, 0.0, -1.0, 1.0]);
    }
}
