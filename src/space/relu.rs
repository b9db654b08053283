//! Random convolutional features: an untrained network, the same for every run with one seed.
//!
//! ```text
//! conv 5 x 5, 16 filters, stride 2, ReLU;   conv 3 x 3, 32 filters, stride 2, ReLU;   dense to D, ReLU
//! ```
//!
//! Weights are drawn from N(0, 2 / inputs of a unit) (He et al. 2015), biases are zero, and pixels are standardised by
//! the mean and standard deviation of all the reference's pixels.

use super::Map;
use super::pixel_index::index;
use super::projection::{kept_columns, put_columns};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::rows::images::Shape;
use crate::rows::{Pack, Rows, map_chunks};
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// One convolution with zero padding of half its side.
struct Convolution {
    side: usize,
    /// (inputs of a unit, side x side x channels) x filters.
    weights: Mat<f64>,
}

/// The distance in pixels between neighbouring outputs of a convolution.
const STRIDE: usize = 2;

/// Filters of the second convolution.
const FILTERS: usize = 32;

/// A random network.
pub struct ReluFeatures {
    shape: Shape,
    mean: f64,
    deviation: f64,
    layers: [Convolution; 2],
    /// (inputs of the last layer) x D.
    dense: Mat<f64>,
}

fn weights(inputs: usize, units: usize, random: &mut ChaCha8Rng) -> Mat<f64> {
    let deviation = (2.0 / inputs as f64).sqrt();
    Mat::from_fn(inputs, units, |_, _| {
        let draw: f64 = StandardNormal.sample(random);
        deviation * draw
    })
}

/// For each of the two convolutions on images of a shape: side, input channels and filters.
fn sides(shape: Shape) -> [(usize, usize, usize); 2] {
    [(5, shape.channels, 16), (3, 16, FILTERS)]
}

/// The number of inputs of the last layer for images of a shape.
pub fn inputs(shape: Shape) -> usize {
    let shrunk = |length: usize| length.div_ceil(STRIDE).div_ceil(STRIDE);
    shrunk(shape.height) * shrunk(shape.width) * FILTERS
}

impl ReluFeatures {
    /// Draws the network, and computes the mean and deviation of the pixels of `rows`, which are images of `shape`.
    pub fn fit(
        rows: &dyn Rows,
        shape: Shape,
        dims: usize,
        mut random: ChaCha8Rng,
        control: &Control,
    ) -> Result<Self> {
        let count = rows.len() as f64 * rows.dim() as f64;
        let sums = map_chunks(rows, control, |_, values| values.iter().sum::<f64>())?;
        let mean = sums.into_iter().sum::<f64>() / count;
        let squares = map_chunks(rows, control, |_, values| {
            values.iter().map(|v| (v - mean).powi(2)).sum::<f64>()
        })?;
        let variance = squares.into_iter().sum::<f64>() / count;
        let layers = sides(shape).map(|(side, channels, filters)| Convolution {
            side,
            weights: weights(side * side * channels, filters, &mut random),
        });
        Ok(ReluFeatures {
            shape,
            mean,
            deviation: if variance > 0.0 { variance.sqrt() } else { 1.0 },
            layers,
            dense: weights(inputs(shape), dims, &mut random),
        })
    }

    /// Restores the network for images of a shape that [`Map::pack`] stored in a pack.
    ///
    /// Errors: arrays that are missing, or do not fit.
    pub fn unpack(name: &str, shape: Shape, dims: usize, pack: &mut Pack) -> Result<Self> {
        let mut matrix = |part: &str, inputs: usize, units: usize| {
            kept_columns(&format!("{name}.{part}"), inputs, Some(units), pack)
        };
        let mut layer = |part: &str, (side, channels, filters): (usize, usize, usize)| {
            let weights = matrix(part, side * side * channels, filters)?;
            Ok::<_, Error>(Convolution { side, weights })
        };
        let [first, second] = sides(shape);
        let layers = [layer("first", first)?, layer("second", second)?];
        let dense = matrix("dense", inputs(shape), dims)?;
        let standard = pack.reals(&format!("{name}.pixels"), Some(2))?;
        Ok(ReluFeatures {
            shape,
            mean: standard[0],
            deviation: standard[1],
            layers,
            dense,
        })
    }

    /// The pixels of a row in the order (row, column, channel), standardised.
    fn pixels(&self, row: &[f64]) -> Vec<f64> {
        let Shape {
            width, channels, ..
        } = self.shape;
        (0..row.len())
            .map(|place| {
                let (pixel, c) = (place / channels, place % channels);
                let value = row[index(self.shape, pixel / width, pixel % width, c)];
                (value - self.mean) / self.deviation
            })
            .collect()
    }
}

impl Convolution {
    /// The outputs for an image (height x width x channels), one for each stride that starts inside it.
    fn apply(&self, image: &[f64], height: usize, width: usize) -> Vec<f64> {
        let channels = image.len() / (height * width);
        let (rows, columns) = (height.div_ceil(STRIDE), width.div_ceil(STRIDE));
        let inputs = self.weights.nrows();
        let half = self.side / 2;
        // The inputs of every output as a column; pixels beyond the edge are zero.
        let mut windows = vec![0.0; inputs * rows * columns];
        for (place, window) in windows.chunks_exact_mut(inputs).enumerate() {
            let (top, left) = (place / columns * STRIDE, place % columns * STRIDE);
            for (from, to) in window.chunks_exact_mut(channels).enumerate() {
                let (y, x) = (top + from / self.side, left + from % self.side);
                if (half..height + half).contains(&y) && (half..width + half).contains(&x) {
                    let pixel = (y - half) * width + x - half;
                    to.copy_from_slice(&image[pixel * channels..(pixel + 1) * channels]);
                }
            }
        }
        rectified(&self.weights, &windows, rows * columns)
    }
}

/// `max(0, weights^T inputs)` for `count` columns of inputs.
fn rectified(weights: &Mat<f64>, inputs: &[f64], count: usize) -> Vec<f64> {
    let mut out = vec![0.0; weights.ncols() * count];
    faer::linalg::matmul::matmul(
        MatMut::from_column_major_slice_mut(&mut out, weights.ncols(), count),
        Accum::Replace,
        weights.transpose(),
        MatRef::from_column_major_slice(inputs, weights.nrows(), count),
        1.0,
        Par::Seq,
    );
    out.iter_mut().for_each(|v| *v = v.max(0.0));
    out
}

impl Map for ReluFeatures {
    fn dim(&self) -> usize {
        self.dense.ncols()
    }
    fn in_blocks(&self) -> bool {
        true
    }
    fn pack(&self, name: &str, pack: &mut Pack) {
        let [first, second] = &self.layers;
        let matrices = [
            ("first", &first.weights),
            ("second", &second.weights),
            ("dense", &self.dense),
        ];
        for (part, matrix) in matrices {
            put_columns(&format!("{name}.{part}"), matrix, pack);
        }
        pack.put_reals(&format!("{name}.pixels"), [self.mean, self.deviation]);
    }
    fn apply(&self, rows: &[f64], out: &mut [f64]) -> Result<()> {
        let Shape {
            height,
            width,
            channels,
            ..
        } = self.shape;
        let images = rows.chunks_exact(height * width * channels);
        let mut last = Vec::new();
        for row in images {
            let first = self.layers[0].apply(&self.pixels(row), height, width);
            let (height, width) = (height.div_ceil(STRIDE), width.div_ceil(STRIDE));
            last.extend(self.layers[1].apply(&first, height, width));
        }
        let count = last.len() / self.dense.nrows();
        out.copy_from_slice(&rectified(&self.dense, &last, count));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;
    use crate::space::projection::{RELU, generator};

    #[test]
    fn a_convolution_by_hand() {
        // A 3 x 3 filter of ones on 3 x 3 pixels with stride 2: sums of the four corners' neighbourhoods.
        let ones = Convolution {
            side: 3,
            weights: Mat::from_fn(9, 1, |_, _| 1.0),
        };
        let image: Vec<f64> = (1..=9).map(f64::from).collect();
        assert_eq!(ones.apply(&image, 3, 3), [12.0, 16.0, 24.0, 28.0]);
        let minus = Convolution {
            side: 3,
            weights: Mat::from_fn(9, 1, |_, _| -1.0),
        };
        assert_eq!(minus.apply(&image, 3, 3), [0.0; 4]);
    }

    #[test]
    fn features_do_not_depend_on_storage_order_nor_on_the_batch() {
        let shape = Shape {
            height: 6,
            width: 7,
            channels: 3,
            planar: false,
        };
        let d = 6 * 7 * 3;
        let woven: Vec<f64> = (0..2 * d).map(|v| ((v * 37) % 101) as f64).collect();
        let mut planar = vec![0.0; 2 * d];
        for image in 0..2 {
            for place in 0..d {
                planar[image * d + place % 3 * 42 + place / 3] = woven[image * d + place];
            }
        }
        let features = |values: &[f64], planar: bool| {
            let rows = Memory::from_f64("images", d, values.to_vec());
            let shape = Shape { planar, ..shape };
            let control = Control::default();
            let map = ReluFeatures::fit(&rows, shape, 10, generator(1, RELU, 0), &control).unwrap();
            let (mut both, mut second) = (vec![0.0; 20], vec![0.0; 10]);
            map.apply(values, &mut both).unwrap();
            map.apply(&values[d..], &mut second).unwrap();
            assert!(
                both[10..]
                    .iter()
                    .zip(&second)
                    .all(|(a, b)| (a - b).abs() < 1e-12)
            );
            both
        };
        let (a, b) = (features(&woven, false), features(&planar, true));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-9));
        assert!(a.iter().any(|v| *v > 0.0) && a.contains(&0.0));
    }
}
