//! Linear maps `y = B^T (x - m) / s`, where B is a matrix of columns, and random projections and coordinates.
//!
//! Random projections have independent entries from N(0, 1/D), so that squared lengths are preserved in expectation
//! (Johnson and Lindenstrauss 1984); random coordinates are drawn without replacement and kept in order.

use super::Map;
use super::pixel::Select;
use crate::error::Result;
use crate::rows::Pack;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// `y = B^T (x - m) / s`.
pub struct Linear {
    /// m, length d; empty for none.
    pub centre: Vec<f64>,
    /// s, a divisor of each column; empty for none.
    pub divisor: Vec<f64>,
    /// B, d x D.
    pub basis: Mat<f64>,
    /// For each column of B: results below this fraction of the length of (x - m) / s and of `size` are rounding errors
    /// and become 0. Empty for none.
    pub noise: Vec<f64>,
    /// For each column of B: the magnitude of m / s along it, to which rounding errors of all rows are proportional.
    pub size: Vec<f64>,
    /// Whether the columns of B are orthonormal.
    pub orthonormal: bool,
}

impl Linear {
    /// D random projections of rows of d numbers.
    pub fn random(d: usize, dims: usize, mut random: ChaCha8Rng) -> Self {
        let deviation = 1.0 / (dims as f64).sqrt();
        let mut basis = Mat::zeros(d, dims);
        // Drawn column by column: except for their scale, the first columns do not depend on how many follow.
        for k in 0..dims {
            for entry in basis.col_mut(k).iter_mut() {
                let drawn: f64 = StandardNormal.sample(&mut random);
                *entry = drawn * deviation;
            }
        }
        Linear {
            centre: Vec::new(),
            divisor: Vec::new(),
            basis,
            noise: Vec::new(),
            size: Vec::new(),
            orthonormal: false,
        }
    }

    /// Restores the map from d numbers that [`Map::pack`] stored in a pack; `dims` is the number of results, where it
    /// is known.
    ///
    /// Errors: arrays that are missing, or do not fit.
    pub fn unpack(name: &str, d: usize, dims: Option<usize>, pack: &mut Pack) -> Result<Self> {
        let key = |part: &str| format!("{name}.{part}");
        let basis = kept_columns(&key("basis"), d, dims, pack)?;
        let dims = basis.ncols();
        let orthonormal = pack.has(&key("orthonormal"));
        if orthonormal {
            pack.words(&key("orthonormal"), Some(0))?;
        }
        let mut optional = |part: &str, len: usize| match pack.has(&key(part)) {
            true => pack.reals(&key(part), Some(len)),
            false => Ok(Vec::new()),
        };
        Ok(Linear {
            centre: optional("centre", d)?,
            divisor: optional("divisor", d)?,
            basis,
            noise: optional("noise", dims)?,
            size: optional("size", dims)?,
            orthonormal,
        })
    }
}

/// Purposes of random numbers; values are below 16.
pub const RANDOM: u64 = 1;
pub const DIMS: u64 = 2;
pub const COMPONENTS: u64 = 3;
pub const RELU: u64 = 4;

/// The generator for a purpose in the stage at index `place` of a space: from one seed, all of them get independent
/// numbers.
pub fn generator(seed: u64, purpose: u64, place: usize) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(purpose + 16 * place as u64);
    random
}

impl Map for Linear {
    fn dim(&self) -> usize {
        self.basis.ncols()
    }
    fn in_blocks(&self) -> bool {
        true
    }
    fn pack(&self, name: &str, pack: &mut Pack) {
        put_columns(&format!("{name}.basis"), &self.basis, pack);
        let parts = [
            ("centre", &self.centre),
            ("divisor", &self.divisor),
            ("noise", &self.noise),
            ("size", &self.size),
        ];
        for (part, values) in parts.into_iter().filter(|(_, values)| !values.is_empty()) {
            pack.put_reals(&format!("{name}.{part}"), values.iter().copied());
        }
        if self.orthonormal {
            pack.put_counts(&format!("{name}.orthonormal"), []);
        }
    }
    /// `x = m + s B y`.
    fn back(&self, mapped: &[f64]) -> Option<Vec<f64>> {
        (self.orthonormal && mapped.len() == self.dim()).then_some(())?;
        let row = |i: usize| {
            let along = mapped.iter().enumerate();
            let sum: f64 = along.map(|(k, y)| self.basis[(i, k)] * y).sum();
            let scale = self.divisor.get(i).copied().unwrap_or(1.0);
            self.centre.get(i).copied().unwrap_or(0.0) + scale * sum
        };
        Some((0..self.basis.nrows()).map(row).collect())
    }
    fn apply(&self, rows: &[f64], out: &mut [f64]) -> Result<()> {
        let (d, dims) = (self.basis.nrows(), self.dim());
        let n = out.len() / dims;
        let mut centred = Vec::new();
        let rows = if self.centre.is_empty() {
            rows
        } else {
            centred.extend_from_slice(rows);
            for row in centred.chunks_exact_mut(d) {
                row.iter_mut().zip(&self.centre).for_each(|(v, m)| *v -= m);
                row.iter_mut().zip(&self.divisor).for_each(|(v, s)| *v /= s);
            }
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
        if !self.noise.is_empty() {
            for (row, out) in rows.chunks_exact(d).zip(out.chunks_exact_mut(dims)) {
                let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
                for ((value, share), size) in out.iter_mut().zip(&self.noise).zip(&self.size) {
                    if value.abs() <= share * (length + size) {
                        *value = 0.0;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Stores a matrix in a pack, column by column.
pub fn put_columns(name: &str, matrix: &Mat<f64>, pack: &mut Pack) {
    let columns = (0..matrix.ncols()).flat_map(|k| matrix.col(k).iter().copied());
    pack.put_reals(name, columns);
}

/// Restores a matrix that [`put_columns`] stored in a pack, of columns of d numbers, `count` of them where that is
/// known.
///
/// Errors: the matrix is missing, or does not fit.
pub fn kept_columns(
    name: &str,
    d: usize,
    count: Option<usize>,
    pack: &mut Pack,
) -> Result<Mat<f64>> {
    let entries = pack.reals(name, count.map(|count| d.saturating_mul(count)))?;
    let count = entries.len() / d;
    if count == 0 || entries.len() != d * count {
        return Err(pack.fault(name, format!("there are no columns of {d} numbers")));
    }
    Ok(Mat::from_fn(d, count, |i, k| entries[k * d + i]))
}

/// Restores the `dims` of d coordinates that a selection stored in a pack. Errors: they are missing, or do not fit.
pub fn kept_coordinates(name: &str, d: usize, dims: usize, pack: &mut Pack) -> Result<Select> {
    let name = format!("{name}.places");
    let chosen = pack.ascending(&name, d)?;
    match chosen.len() == dims {
        true => Ok(Select::new(chosen)),
        false => Err(pack.fault(&name, format!("there are not {dims}"))),
    }
}

/// Draws `dims` of the d coordinates; `None` if there are fewer.
pub fn coordinates(d: usize, dims: usize, mut random: ChaCha8Rng) -> Option<Select> {
    if dims > d {
        return None;
    }
    let mut chosen = rand::seq::index::sample(&mut random, d, dims).into_vec();
    chosen.sort_unstable();
    Some(Select::new(chosen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projections_keep_squared_lengths_on_average() {
        let (d, dims) = (40, 2000);
        let map = Linear::random(d, dims, generator(3, RANDOM, 0));
        let row: Vec<f64> = (0..d).map(|v| v as f64).collect();
        let mut out = vec![0.0; dims];
        map.apply(&row, &mut out).unwrap();
        let square = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>();
        // A mean of 2,000 chi-square variables: standard deviation sqrt(2/2000) = 3 %.
        let ratio = square(&out) / square(&row);
        assert!((ratio - 1.0).abs() < 0.13, "{ratio}");
    }

    #[test]
    fn the_same_seed_gives_the_same_map_and_another_one_another() {
        let entries = |seed, place| Linear::random(5, 3, generator(seed, RANDOM, place)).basis;
        assert_eq!(entries(1, 0), entries(1, 0));
        assert_ne!(entries(1, 0), entries(2, 0));
        assert_ne!(entries(1, 0), entries(1, 1));
        let places = |seed| {
            let mut out = vec![0.0; 8];
            let row: Vec<f64> = (0..100).map(f64::from).collect();
            coordinates(100, 8, generator(seed, DIMS, 0))
                .unwrap()
                .apply(&row, &mut out)
                .unwrap();
            out
        };
        assert_eq!(places(1), places(1));
        assert_ne!(places(1), places(2));
        assert!(places(1).windows(2).all(|pair| pair[0] < pair[1]));
        assert!(coordinates(4, 5, generator(0, DIMS, 0)).is_none());
    }

    #[test]
    fn centred_rows_and_silenced_noise() {
        let map = Linear {
            centre: vec![1.0, 2.0],
            divisor: vec![2.0, 1.0],
            basis: Mat::from_fn(2, 2, |i, j| f64::from(u8::from(i == j))),
            noise: vec![0.0, 0.5],
            size: vec![0.0, 0.5],
            orthonormal: true,
        };
        assert_eq!(map.back(&[4.0, 3.0]), Some(vec![9.0, 5.0]));
        // (4, 3) has length 5 and (4, 2) length 4.5: the second number must exceed half of that and 1/2.
        let mut out = vec![0.0; 4];
        map.apply(&[9.0, 5.0, 9.0, 4.0], &mut out).unwrap();
        assert_eq!(out, [4.0, 3.0, 4.0, 0.0]);
    }
}
