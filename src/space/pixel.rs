//! Maps that reduce images: cropping, blurring and subsampling, resampling, removing colour.
//!
//! Cropping selects pixels and changes none. Blurring and resampling are both a [`Resample`].

use super::Map;
use super::pixel_index::index;
use super::resample::{Resample, Rounding, Window};
use crate::error::Result;
use crate::rows::Pack;
use crate::rows::images::Shape;

/// A selection of coordinates, in order.
pub struct Select {
    places: Vec<usize>,
    shape: Option<Shape>,
}

impl Select {
    /// Selects the coordinates `places` of a row.
    pub fn new(places: Vec<usize>) -> Self {
        Select {
            places,
            shape: None,
        }
    }

    /// The central `side` x `side` pixels: they start at row `(height - side) / 2`, rounded down, and likewise the
    /// column. `None` if the image is smaller.
    pub fn patch(shape: Shape, side: usize) -> Option<Self> {
        if side > shape.height || side > shape.width {
            return None;
        }
        let corner = ((shape.height - side) / 2, (shape.width - side) / 2);
        Some(Select::part(shape, corner, side, side))
    }

    /// The central `width` x `height` pixels as torchvision crops them: the margin is half the difference, rounded half
    /// to even. The image must be at least that large.
    pub fn centre(shape: Shape, width: usize, height: usize) -> Self {
        let start = |rest: usize| (rest as f64 / 2.0).round_ties_even() as usize;
        let corner = (start(shape.height - height), start(shape.width - width));
        Select::part(shape, corner, width, height)
    }

    /// The indices of the selected coordinates in a row.
    pub fn places(&self) -> &[usize] {
        &self.places
    }

    /// The pixels of a rectangle, given by its top row and left column.
    fn part(shape: Shape, (top, left): (usize, usize), width: usize, height: usize) -> Self {
        let small = Shape {
            height,
            width,
            ..shape
        };
        let mut places = vec![0; width * height * shape.channels];
        for y in 0..height {
            for x in 0..width {
                for c in 0..shape.channels {
                    places[index(small, y, x, c)] = index(shape, top + y, left + x, c);
                }
            }
        }
        Select {
            places,
            shape: Some(small),
        }
    }
}

impl Select {
    /// All pixels in another channel order: `to` differs from `from` in nothing else.
    pub fn reordered(from: Shape, to: Shape) -> Self {
        let mut places = vec![0; to.height * to.width * to.channels];
        for y in 0..to.height {
            for x in 0..to.width {
                for c in 0..to.channels {
                    places[index(to, y, x, c)] = index(from, y, x, c);
                }
            }
        }
        Select {
            places,
            shape: Some(to),
        }
    }
}

impl Map for Select {
    fn dim(&self) -> usize {
        self.places.len()
    }
    fn shape(&self) -> Option<Shape> {
        self.shape
    }
    fn selects(&self) -> bool {
        true
    }
    /// Stores nothing for a selection of pixels from an image, which is made again from the shape of the image.
    fn pack(&self, name: &str, pack: &mut Pack) {
        if self.shape.is_none() {
            pack.put_counts(&format!("{name}.places"), self.places.iter().copied());
        }
    }
    fn apply(&self, rows: &[f64], out: &mut [f64]) -> Result<()> {
        let (d, n) = (self.dim(), out.len() / self.dim());
        let from = rows.len() / n;
        for (row, out) in rows.chunks_exact(from).zip(out.chunks_exact_mut(d)) {
            for (out, &place) in out.iter_mut().zip(&self.places) {
                *out = row[place];
            }
        }
        Ok(())
    }
}

impl Resample {
    /// Gaussian blur with a standard deviation of half a step, truncated at three deviations and at the image's edge
    /// (weights always sum to 1), evaluated at the centre of each block of `step` x `step` pixels; a remainder at the
    /// right or the bottom counts as a block. A step of 1 changes nothing.
    pub fn smooth(from: Shape, step: usize) -> Self {
        let windows = |length: usize| -> Vec<Window> {
            (0..length.div_ceil(step))
                .map(|block| {
                    let last = ((block + 1) * step).min(length) - 1;
                    let middle = 0.5 * (block * step + last) as f64;
                    gaussian(middle, 0.5 * step as f64, length, step)
                })
                .collect()
        };
        let (down, across) = (windows(from.height), windows(from.width));
        Resample::new(from, across, down, Rounding::Never)
    }

    /// Bilinear resampling to another size. The triangle filter is as wide as the coarser of the two grids, so that
    /// reducing an image averages.
    pub fn resize(from: Shape, width: usize, height: usize) -> Self {
        let windows = |length: usize, wanted: usize| -> Vec<Window> {
            let ratio = length as f64 / wanted as f64;
            (0..wanted)
                .map(|place| {
                    let middle = (place as f64 + 0.5) * ratio - 0.5;
                    triangle(middle, ratio.max(1.0), length)
                })
                .collect()
        };
        let down = windows(from.height, height);
        let across = windows(from.width, width);
        Resample::new(from, across, down, Rounding::Never)
    }
}

/// The pixels within `reach` of `middle` inside the image, with normalised weights.
fn window(middle: f64, reach: f64, length: usize, weight: impl Fn(f64) -> f64) -> Window {
    let last = (length - 1) as f64;
    let first = (middle - reach).ceil().clamp(0.0, last) as usize;
    let end = (middle + reach).floor().clamp(0.0, last) as usize;
    let mut weights: Vec<f64> = (first..=end)
        .map(|place| weight(place as f64 - middle))
        .collect();
    let sum: f64 = weights.iter().sum();
    if sum > 0.0 {
        weights.iter_mut().for_each(|w| *w /= sum);
    } else {
        // All weights are zero only if a single pixel lies exactly at the end of the triangle.
        weights.fill(1.0 / (end - first + 1) as f64);
    }
    (first, weights)
}

fn gaussian(middle: f64, deviation: f64, length: usize, step: usize) -> Window {
    let reach = if step == 1 { 0.0 } else { 3.0 * deviation };
    window(middle, reach, length, |x| {
        (-0.5 * (x / deviation).powi(2)).exp()
    })
}

fn triangle(middle: f64, half: f64, length: usize) -> Window {
    window(middle, half, length, |x| (1.0 - x.abs() / half).max(0.0))
}

/// The brightness of images: 0.2126 R + 0.7152 G + 0.0722 B (the luma of ITU-R BT.709). Of two channels the first is
/// used, of four the first three, since the last is opacity.
pub struct Gray {
    from: Shape,
}

impl Gray {
    pub fn new(from: Shape) -> Self {
        Gray { from }
    }
}

impl Map for Gray {
    fn dim(&self) -> usize {
        self.from.height * self.from.width
    }
    fn shape(&self) -> Option<Shape> {
        Some(Shape {
            channels: 1,
            ..self.from
        })
    }
    fn selects(&self) -> bool {
        self.from.channels < 3
    }
    fn apply(&self, rows: &[f64], out: &mut [f64]) -> Result<()> {
        let from = self.from;
        let width = from.height * from.width * from.channels;
        for (row, out) in rows
            .chunks_exact(width)
            .zip(out.chunks_exact_mut(self.dim()))
        {
            for (place, out) in out.iter_mut().enumerate() {
                let (y, x) = (place / from.width, place % from.width);
                let channel = |c| row[index(from, y, x, c)];
                *out = if from.channels < 3 {
                    channel(0)
                } else {
                    0.2126 * channel(0) + 0.7152 * channel(1) + 0.0722 * channel(2)
                };
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREY: Shape = Shape {
        height: 5,
        width: 4,
        channels: 1,
        planar: false,
    };

    fn apply(map: &dyn Map, row: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; map.dim()];
        map.apply(row, &mut out).unwrap();
        out
    }

    fn counting(shape: Shape) -> Vec<f64> {
        let count = shape.height * shape.width * shape.channels;
        (0..count).map(|v| v as f64).collect()
    }

    #[test]
    fn a_patch_starts_where_half_the_rest_is_cut_off() {
        // 5 x 4 pixels; the central 2 x 2 start at row (5-2)/2 = 1 and column (4-2)/2 = 1.
        let map = Select::patch(GREY, 2).unwrap();
        assert_eq!(apply(&map, &counting(GREY)), [5.0, 6.0, 9.0, 10.0]);
        assert!(Select::patch(GREY, 5).is_none());
        let planar = Shape {
            channels: 2,
            planar: true,
            ..GREY
        };
        let map = Select::patch(planar, 1).unwrap();
        assert_eq!(apply(&map, &counting(planar)), [9.0, 29.0]);
        let woven = Shape {
            channels: 2,
            ..GREY
        };
        let map = Select::patch(woven, 1).unwrap();
        assert_eq!(apply(&map, &counting(woven)), [18.0, 19.0]);
    }

    #[test]
    fn smoothing_keeps_constants_and_ramps_and_step_one_keeps_all() {
        let shape = Shape {
            height: 9,
            width: 8,
            channels: 1,
            planar: false,
        };
        let map = Resample::smooth(shape, 2);
        let size = map.shape().map(|to| (to.height, to.width));
        assert_eq!(size, Some((5, 4)));
        for value in apply(&map, &[3.5; 72]) {
            assert!((value - 3.5).abs() < 1e-12);
        }
        // A ramp along x: away from the edges, symmetric weights give its value at the middle of the block.
        let ramp: Vec<f64> = (0..72).map(|place| (place % 8) as f64).collect();
        let smooth = apply(&map, &ramp);
        assert!((smooth[4 + 1] - 2.5).abs() < 1e-12 && (smooth[4 + 2] - 4.5).abs() < 1e-12);
        assert_eq!(
            apply(&Resample::smooth(GREY, 1), &counting(GREY)),
            counting(GREY)
        );
    }

    #[test]
    fn smoothing_weighs_by_the_gaussian() {
        // One row of pixels: for a step of 2 the deviation is 1, so the block of pixels 2 and 3 has its middle at 2.5
        // and the window reaches from 0 to 5.
        let row = Shape {
            height: 1,
            width: 8,
            channels: 1,
            planar: false,
        };
        let map = Resample::smooth(row, 2);
        let weight = |x: f64| (-0.5 * x * x).exp();
        let sum: f64 = (0..6).map(|x| weight(f64::from(x) - 2.5)).sum();
        let mut pulse = vec![0.0; 8];
        pulse[4] = 1.0;
        assert!((apply(&map, &pulse)[1] - weight(1.5) / sum).abs() < 1e-12);
    }

    #[test]
    fn resizing_averages_blocks_and_keeps_its_size() {
        assert_eq!(
            apply(&Resample::resize(GREY, 4, 5), &counting(GREY)),
            counting(GREY)
        );
        let square = Shape {
            height: 4,
            width: 4,
            channels: 1,
            planar: false,
        };
        let half = apply(&Resample::resize(square, 2, 2), &counting(square));
        // By symmetry the mean is kept, and the four results are symmetric about it.
        assert!((half.iter().sum::<f64>() / 4.0 - 7.5).abs() < 1e-12);
        assert!((half[0] + half[3] - 15.0).abs() < 1e-12);
        let large = apply(&Resample::resize(square, 8, 8), &[2.0; 16]);
        assert!(large.iter().all(|v| (v - 2.0).abs() < 1e-12));
    }

    #[test]
    fn gray_is_brightness() {
        let colour = Shape {
            height: 1,
            width: 2,
            channels: 3,
            planar: false,
        };
        let gray = apply(&Gray::new(colour), &[255.0, 0.0, 0.0, 10.0, 10.0, 10.0]);
        assert!((gray[0] - 54.213).abs() < 1e-9 && (gray[1] - 10.0).abs() < 1e-9);
        let planar = Shape {
            planar: true,
            ..colour
        };
        let gray = apply(&Gray::new(planar), &[255.0, 10.0, 0.0, 10.0, 0.0, 10.0]);
        assert!((gray[0] - 54.213).abs() < 1e-9 && (gray[1] - 10.0).abs() < 1e-9);
    }
}
