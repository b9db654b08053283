//! Haar wavelet coefficients of images (Haar 1910; the two-dimensional pyramid of Mallat 1989), orthonormal.
//!
//! ```text
//! one step along a line:   s_i = (x_2i + x_2i+1) / sqrt 2,   t_i = (x_2i - x_2i+1) / sqrt 2
//! ```
//!
//! over all rows, then all columns; then again on the quarter of sums, until it is one number. The last number of a
//! line of odd length is copied to the sums, which keeps the map orthonormal. Distances, and hence hulls, are those of
//! the pixels; the coordinates are not.

use super::Map;
use super::pixel_index::index;
use crate::error::Result;
use crate::rows::images::Shape;
use std::f64::consts::FRAC_1_SQRT_2;

/// The complete pyramid of every channel; a row holds the coefficients in place of the pixels, sums first.
pub struct Wavelet {
    shape: Shape,
}

impl Wavelet {
    pub fn new(shape: Shape) -> Self {
        Wavelet { shape }
    }
}

/// One step along the first `length` numbers of a line.
fn step(line: &mut [f64], length: usize, spare: &mut Vec<f64>) {
    spare.clear();
    let (pairs, rest) = line[..length].as_chunks::<2>();
    spare.extend(pairs.iter().map(|[a, b]| (a + b) * FRAC_1_SQRT_2));
    spare.extend_from_slice(rest);
    spare.extend(pairs.iter().map(|[a, b]| (a - b) * FRAC_1_SQRT_2));
    line[..length].copy_from_slice(spare);
}

/// All steps on a plane of height x width numbers.
fn pyramid(plane: &mut [f64], height: usize, width: usize) {
    let (mut rows, mut columns) = (height, width);
    let (mut line, mut spare) = (Vec::new(), Vec::new());
    while rows > 1 || columns > 1 {
        for y in 0..rows {
            step(&mut plane[y * width..], columns, &mut spare);
        }
        for x in 0..columns {
            line.clear();
            line.extend((0..rows).map(|y| plane[y * width + x]));
            step(&mut line, rows, &mut spare);
            for (y, value) in line.iter().enumerate() {
                plane[y * width + x] = *value;
            }
        }
        (rows, columns) = (rows.div_ceil(2), columns.div_ceil(2));
    }
}

impl Map for Wavelet {
    fn dim(&self) -> usize {
        self.shape.height * self.shape.width * self.shape.channels
    }
    fn apply(&self, rows: &[f64], out: &mut [f64]) -> Result<()> {
        let Shape {
            height,
            width,
            channels,
            ..
        } = self.shape;
        let mut plane = vec![0.0; height * width];
        let each = rows.chunks_exact(self.dim());
        for (row, out) in each.zip(out.chunks_exact_mut(self.dim())) {
            for c in 0..channels {
                for (place, value) in plane.iter_mut().enumerate() {
                    *value = row[index(self.shape, place / width, place % width, c)];
                }
                pyramid(&mut plane, height, width);
                for (place, value) in plane.iter().enumerate() {
                    out[index(self.shape, place / width, place % width, c)] = *value;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(height: usize, width: usize, channels: usize) -> Shape {
        Shape {
            height,
            width,
            channels,
            planar: false,
        }
    }

    #[test]
    fn two_by_two_by_hand() {
        let mut out = [0.0; 4];
        let map = Wavelet::new(shape(2, 2, 1));
        map.apply(&[1.0, 2.0, 3.0, 4.0], &mut out).unwrap();
        for (found, expected) in out.iter().zip([5.0, -1.0, -2.0, 0.0]) {
            assert!((found - expected).abs() < 1e-12, "{out:?}");
        }
    }

    #[test]
    fn inner_products_are_kept_at_any_size() {
        for shape in [
            shape(28, 28, 1),
            shape(7, 5, 3),
            shape(1, 6, 2),
            shape(3, 1, 1),
        ] {
            let map = Wavelet::new(shape);
            let d = map.dim();
            // The images of the unit vectors must be orthonormal.
            let mut basis = vec![0.0; d * d];
            (0..d).for_each(|i| basis[i * d + i] = 1.0);
            let mut out = vec![0.0; d * d];
            map.apply(&basis, &mut out).unwrap();
            let rows: Vec<&[f64]> = out.chunks_exact(d).collect();
            for i in (0..d).step_by(7) {
                for j in 0..d {
                    let product: f64 = rows[i].iter().zip(rows[j]).map(|(a, b)| a * b).sum();
                    let expected = f64::from(u8::from(i == j));
                    assert!((product - expected).abs() < 1e-12, "{shape:?} {i} {j}");
                }
            }
        }
    }

    #[test]
    fn a_constant_image_is_one_coefficient() {
        let map = Wavelet::new(shape(8, 8, 1));
        let mut out = vec![0.0; 64];
        map.apply(&[1.0; 64], &mut out).unwrap();
        assert!((out[0] - 8.0).abs() < 1e-12);
        assert!(out[1..].iter().all(|v| v.abs() < 1e-12));
    }
}
