//! Resamples images as Pillow and torchvision do, so that networks get the same pixels as in training.
//!
//! ```text
//! antialiased (Pillow, any filter f of support s; z = max(in / out, 1)):
//!     weight of pixel i for place p:  f((i + 0.5 - (p + 0.5) in / out) / z),   |.| < s,   normalised
//! not antialiased (torch.nn.functional.interpolate, align_corners off):
//!     the 2 or 4 pixels around (p + 0.5) in / out - 0.5; beyond the edge, the pixel at the edge
//! ```
//!
//! The columns are combined first, then the rows, as in Pillow up to version 12. Pillow 13 reverses the order for some
//! ratios of sides, for instance where images become wider and less high, and gives other bytes there. Pillow
//! (`Resample.c`) rounds weights to 22 bits, and bytes after each of the two steps; torchvision rounds the result of
//! `interpolate` once, half to even. Numbers other than bytes are not rounded. Pillow's cubic has Keys' a = -0.5; that
//! of `interpolate` without antialias has -0.75.

use super::resample::{Resample, Rounding, Window};
use super::spec::Filter;
use crate::rows::images::Shape;

/// The map that resamples images of shape `from` to `width` x `height` pixels; `bytes` says that pixels are whole
/// numbers from 0 to 255, to which results are rounded.
pub fn resized(
    from: Shape,
    (width, height): (usize, usize),
    filter: Filter,
    antialias: bool,
    bytes: bool,
) -> Resample {
    let windows = |length: usize, wanted: usize| -> Vec<Window> {
        (0..wanted)
            .map(|place| match antialias {
                true => wide(place, length, wanted, filter),
                false => narrow(place, length, wanted, filter),
            })
            .collect()
    };
    let rounding = match (bytes, antialias) {
        (false, _) => Rounding::Never,
        (true, true) => Rounding::Each,
        (true, false) => Rounding::Last,
    };
    let (across, down) = (windows(from.width, width), windows(from.height, height));
    Resample::new(from, across, down, rounding)
}

/// The window of pixels that an antialiased filter weights for an output place.
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

/// The window of pixels without antialiasing: as many as the filter covers when the size does not change.
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
