//! Images resampled as Pillow and torchvision do it, so that networks see the pixels that they were trained on.
//!
//! ```text
//! antialiased (Pillow, any filter f of support s; z = max(in / out, 1)):
//!     weight of pixel i for place p:  f((i + 0.5 - (p + 0.5) in / out) / z),   |.| < s,   normalised
//! not antialiased (torch.nn.functional.interpolate, align_corners off):
//!     the 2 or 4 pixels around (p + 0.5) in / out - 0.5; beyond the edge, the pixel at the edge
//! ```
//!
//! The columns are combined first, then the rows, as Pillow did up to version 12. Pillow 13 turns that round for some
//! ratios of sides, as where images become wider and less high, and gives other bytes there. Pillow (`Resample.c`)
//! rounds weights to 22 bits, and bytes after each of the two; torchvision rounds what `interpolate` gives once,
//! halves to even. Other numbers than bytes are not rounded. Pillow's cubic has Keys' a = -0.5; that of
//! `interpolate` without antialias has -0.75.

use super::Map;
use super::pixel::{Window, index};
use super::spec::Filter;
use crate::error::Result;
use crate::rows::images::Shape;

/// Bits of Pillow's weights for bytes.
const BITS: u32 = 22;

/// A map of images to another size.
pub struct Resized {
    from: Shape,
    to: Shape,
    across: Vec<Window>,
    down: Vec<Window>,
    rounding: Rounding,
}

/// What happens to numbers that are not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rounding {
    /// They stay.
    Never,
    /// Whole weights, and bytes after each direction.
    Each,
    /// Bytes at the end.
    Last,
}

impl Resized {
    /// To `width` x `height` pixels; `bytes` says that the images hold whole numbers from 0 to 255, and shall again.
    pub fn new(
        from: Shape,
        (width, height): (usize, usize),
        filter: Filter,
        antialias: bool,
        bytes: bool,
    ) -> Self {
        let windows = |length: usize, wanted: usize| -> Vec<Window> {
            (0..wanted)
                .map(|place| match antialias {
                    true => wide(place, length, wanted, filter),
                    false => narrow(place, length, wanted, filter),
                })
                .collect()
        };
        Resized {
            from,
            to: Shape {
                width,
                height,
                ..from
            },
            across: windows(from.width, width),
            down: windows(from.height, height),
            rounding: match (bytes, antialias) {
                (false, _) => Rounding::Never,
                (true, true) => Rounding::Each,
                (true, false) => Rounding::Last,
            },
        }
    }

    /// The weighted sum of pixels, rounded if that is done after each direction.
    fn combine(&self, weights: &[f64], pixels: impl Iterator<Item = f64>) -> f64 {
        if self.rounding != Rounding::Each {
            return weights.iter().zip(pixels).map(|(w, p)| w * p).sum();
        }
        let whole = |weight: &f64| (weight * f64::from(1 << BITS)).round() as i64;
        let sum: i64 = weights
            .iter()
            .zip(pixels)
            .map(|(weight, pixel)| whole(weight) * pixel as i64)
            .sum();
        ((sum + (1 << (BITS - 1))) >> BITS).clamp(0, 255) as f64
    }
}

/// The pixels that an antialiased filter sees from a place.
fn wide(place: usize, length: usize, wanted: usize, filter: Filter) -> Window {
    let scale = length as f64 / wanted as f64;
    let stretch = scale.max(1.0);
    let (support, kernel): (f64, fn(f64) -> f64) = match filter {
        Filter::Bilinear => (1.0, |x| (1.0 - x.abs()).max(0.0)),
        Filter::Bicubic => (2.0, |x| cubic(x, -0.5)),
    };
    let middle = (place as f64 + 0.5) * scale;
    let reach = support * stretch;
    let first = (middle - reach + 0.5).max(0.0) as usize;
    let end = ((middle + reach + 0.5) as usize).min(length);
    let mut weights: Vec<f64> = (first..end)
        .map(|pixel| kernel((pixel as f64 - middle + 0.5) * (1.0 / stretch)))
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    (first, weights)
}

/// The pixels around a place, as many as the filter takes where the size stays.
fn narrow(place: usize, length: usize, wanted: usize, filter: Filter) -> Window {
    let last = length as i64 - 1;
    let middle = (place as f64 + 0.5) * (length as f64 / wanted as f64) - 0.5;
    let middle = match filter {
        Filter::Bilinear => middle.max(0.0),
        Filter::Bicubic => middle,
    };
    let base = middle.floor();
    let share = middle - base;
    let (offset, weights) = match filter {
        Filter::Bilinear => (0, vec![1.0 - share, share]),
        Filter::Bicubic => {
            let taps = [-1.0, 0.0, 1.0, 2.0];
            (-1, taps.map(|tap| cubic(tap - share, -0.75)).to_vec())
        }
    };
    let pixel = |tap: usize| (base as i64 + offset + tap as i64).clamp(0, last) as usize;
    let first = pixel(0);
    let mut window = vec![0.0; pixel(weights.len() - 1) - first + 1];
    for (tap, weight) in weights.iter().enumerate() {
        window[pixel(tap) - first] += weight;
    }
    (first, window)
}

/// Keys' cubic convolution kernel.
fn cubic(x: f64, a: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * a
    } else {
        0.0
    }
}

impl Map for Resized {
    fn dim(&self) -> usize {
        self.to.height * self.to.width * self.to.channels
    }
    fn shape(&self) -> Option<Shape> {
        Some(self.to)
    }
    fn apply(&self, rows: &[f64], out: &mut [f64]) -> Result<()> {
        let (from, to) = (self.from, self.to);
        let (numbers, length) = (from.height * from.width * from.channels, self.dim());
        // One channel with its columns combined: (from.height, to.width).
        let mut half = vec![0.0; from.height * to.width];
        for (row, out) in rows.chunks_exact(numbers).zip(out.chunks_exact_mut(length)) {
            for c in 0..from.channels {
                for y in 0..from.height {
                    for (x, (first, weights)) in self.across.iter().enumerate() {
                        let pixels = (*first..).map(|x| row[index(from, y, x, c)]);
                        half[y * to.width + x] = self.combine(weights, pixels);
                    }
                }
                for (y, (first, weights)) in self.down.iter().enumerate() {
                    for x in 0..to.width {
                        let pixels = (*first..).map(|y| half[y * to.width + x]);
                        let value = self.combine(weights, pixels);
                        out[index(to, y, x, c)] = match self.rounding {
                            Rounding::Last => value.round_ties_even().clamp(0.0, 255.0),
                            _ => value,
                        };
                    }
                }
            }
        }
        Ok(())
    }
}
