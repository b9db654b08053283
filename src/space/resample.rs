//! Linear maps of images that act on rows and columns apart: blurs, and images of another size.
//!
//! Every pixel of the result is a weighted mean of pixels, with weights that are a product of one over the columns and
//! one over the rows. The columns are combined first, channel by channel. Which weights, [`super::pixel`] and
//! [`super::pillow`] know.

use super::Map;
use super::pixel_index::index;
use crate::error::Result;
use crate::rows::images::Shape;

/// Bits of Pillow's weights for bytes.
const BITS: u32 = 22;

/// Weights of the input positions (the first one, then one each) that make up one output position.
pub type Window = (usize, Vec<f64>);

/// What happens to numbers that are not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// They stay.
    Never,
    /// Weights of 22 bits, and bytes after each direction, as Pillow's `Resample.c` has them.
    Each,
    /// Bytes at the end, halves to even.
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
    /// With a window for each column and for each row of the result, inside of the image.
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

    /// One image, whose number at each place of its row `pixel` knows; what it becomes is handed to `put`, with its
    /// place.
    pub fn each(&self, pixel: impl Fn(usize) -> f64, mut put: impl FnMut(usize, f64)) {
        let (from, to) = (self.from, self.to);
        // One channel with its columns combined: (from.height, to.width).
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

    /// The weighted sum of pixels, rounded if that is done after each direction: then all are whole, and sums exact.
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
