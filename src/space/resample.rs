//! Separable linear maps of images: blurs and changes of size.
//!
//! Every pixel of the result is a weighted mean of pixels, with weights that are the product of one for the column and
//! one for the row. The columns are combined first, channel by channel. [`super::pixel`] and [`super::pillow`] give the
//! weights.

use super::Map;
use super::pixel_index::index;
use crate::error::Result;
use crate::rows::images::Shape;

/// The precision, in bits, of Pillow's weights for bytes.
const BITS: u32 = 22;

/// The input positions that contribute to an output position: the first one, and the weight of each.
pub type Window = (usize, Vec<f64>);

/// How results are rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Not at all.
    Never,
    /// Weights to 22 bits, and results to bytes after each direction, as in Pillow's `Resample.c`.
    Each,
    /// To bytes at the end, half to even.
    Last,
}

/// A map of images to another size.
pub struct Resample {
    from: Shape,
    to: Shape,
    across: Vec<Window>,
    down: Vec<Window>,
    rounding: Rounding,
}

impl Resample {
    /// A map with a window, inside of the image, for each column and each row of the result.
    pub fn new(
        from: Shape,
        mut across: Vec<Window>,
        mut down: Vec<Window>,
        rounding: Rounding,
    ) -> Self {
        if rounding == Rounding::Each {
            let weights = across.iter_mut().chain(&mut down);
            weights
                .flat_map(|(_, weights)| weights)
                .for_each(|weight| *weight = (*weight * f64::from(1 << BITS)).round());
        }
        Resample {
            to: Shape {
                width: across.len(),
                height: down.len(),
                ..from
            },
            from,
            across,
            down,
            rounding,
        }
    }

    /// Maps one image, given as a function from a place in the row to its number; passes each result and its place to
    /// `put`.
    pub fn each(&self, pixel: impl Fn(usize) -> f64, mut put: impl FnMut(usize, f64)) {
        let (from, to) = (self.from, self.to);
        // One channel after its columns are combined: (from.height, to.width).
        let mut half = vec![0.0; from.height * to.width];
        for c in 0..from.channels {
            for y in 0..from.height {
                for (x, (first, weights)) in self.across.iter().enumerate() {
                    let pixels = (*first..).map(|x| pixel(index(from, y, x, c)));
                    half[y * to.width + x] = self.combined(weights, pixels);
                }
            }
            for (y, (first, weights)) in self.down.iter().enumerate() {
                for x in 0..to.width {
                    let pixels = (*first..).map(|y| half[y * to.width + x]);
                    let value = self.combined(weights, pixels);
                    let value = match self.rounding {
                        Rounding::Last => value.round_ties_even().clamp(0.0, 255.0),
                        _ => value,
                    };
                    put(index(to, y, x, c), value);
                }
            }
        }
    }

    /// The weighted sum of pixels, rounded if each direction is rounded: weights and pixels are then integers, and sums
    /// exact.
    fn combined(&self, weights: &[f64], pixels: impl Iterator<Item = f64>) -> f64 {
        let sum: f64 = weights.iter().zip(pixels).map(|(w, p)| w * p).sum();
        match self.rounding {
            Rounding::Each => {
                let one = f64::from(1 << BITS);
                ((sum + 0.5 * one) / one).floor().clamp(0.0, 255.0)
            }
            _ => sum,
        }
    }
}

impl Map for Resample {
    fn dim(&self) -> usize {
        self.to.height * self.to.width * self.to.channels
    }
    fn shape(&self) -> Option<Shape> {
        Some(self.to)
    }
    fn apply(&self, rows: &[f64], out: &mut [f64]) -> Result<()> {
        let from = self.from;
        let (numbers, length) = (from.height * from.width * from.channels, self.dim());
        for (row, out) in rows.chunks_exact(numbers).zip(out.chunks_exact_mut(length)) {
            self.each(|place| row[place], |place, value| out[place] = value);
        }
        Ok(())
    }
}
