//! How images are brought to the size of a network: squashed, or resampled and cropped as in the network's training.
//!
//! A [`Frame`] gives maps for images of one size; [`Frames`] bring images of any size to it while they are decoded,
//! with the same maps, so that both ways give the same bytes for images of one size. Results for 16-bit images are
//! rounded to 16 bits.

use super::pixel::Select;
use super::resample::Resample;
use super::spec::{Filter, Resize, in_reach};
use super::{Map, pillow};
use crate::error::Result;
use crate::rows::images::{Misfit, Pixels, Prepare, Shape};
use std::fmt;
use std::sync::Arc;

/// A width and a height.
type Size = (usize, usize);

/// How images of any size are brought to a network's size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Frame {
    /// To a width and a height, each pixel the mean of those that it covers; or unchanged.
    Squash(Option<Size>),
    /// Resampled as in the network's training, then cropped to the centre.
    Resample {
        resize: Option<Resize>,
        crop: Option<Size>,
        filter: Filter,
        antialias: bool,
    },
}

/// The maps by which a frame converts images of one shape.
pub struct Steps {
    resample: Option<Resample>,
    crop: Option<Select>,
    /// The shape after these maps.
    pub shape: Shape,
}

impl Frame {
    /// The sizes of images of this width and height after resampling, and after the crop.
    ///
    /// Errors: sides out of range, a crop that is larger than the image.
    pub fn sizes(self, (width, height): Size) -> Result<[Size; 2], Misfit> {
        let (resize, crop) = match self {
            Frame::Squash(size) => (
                size.map(|(width, height)| Resize::Exact(width, height)),
                None,
            ),
            Frame::Resample { resize, crop, .. } => (resize, crop),
        };
        let size = match resize {
            None => (width, height),
            Some(Resize::Exact(width, height)) => (width, height),
            Some(Resize::Shorter(side)) if width <= height => (side, side * height / width),
            Some(Resize::Shorter(side)) => (side * width / height, side),
        };
        if resize.is_some() && !in_reach(&size) {
            return Err(Misfit {
                what: format!(
                    "images of {width} x {height} would become {} x {}, more than the 4096 x 4096 that images may be \
                     brought to",
                    size.0, size.1
                ),
                advice: "give a smaller resize=, or resize=WxH".into(),
            });
        }
        let centre = crop.unwrap_or(size);
        match centre.0 > size.0 || centre.1 > size.1 {
            true => Err(Misfit {
                what: format!(
                    "the images are {} x {} pixels when the centre of {} x {} is to be cut out",
                    size.0, size.1, centre.0, centre.1
                ),
                advice: "give a larger resize= or a smaller crop=".into(),
            }),
            false => Ok([size, centre]),
        }
    }

    /// The maps for images of a shape; `bytes` says that pixels are whole numbers from 0 to 255.
    ///
    /// Errors: those of [`Frame::sizes`].
    pub fn steps(self, shape: Shape, bytes: bool) -> Result<Steps, Misfit> {
        let own = (shape.width, shape.height);
        let [size, centre] = self.sizes(own)?;
        let resample = (size != own).then(|| match self {
            Frame::Squash(_) => Resample::resize(shape, size.0, size.1),
            Frame::Resample {
                filter, antialias, ..
            } => pillow::resized(shape, size, filter, antialias, bytes),
        });
        let of = |(width, height)| Shape {
            width,
            height,
            ..shape
        };
        Ok(Steps {
            resample,
            crop: (centre != size).then(|| Select::centre(of(size), centre.0, centre.1)),
            shape: of(centre),
        })
    }

    /// Describes the conversion of images that have `size` before the crop.
    pub fn described(self, size: Size) -> String {
        self.in_words(&format!("resampled to {} x {}", size.0, size.1))
    }

    fn in_words(self, resampled: &str) -> String {
        match self {
            Frame::Squash(Some((width, height))) => format!("squashed to {width} x {height}"),
            Frame::Squash(None) => "as large as they are".into(),
            Frame::Resample {
                resize,
                crop,
                filter,
                antialias,
            } => {
                let plain = if antialias { "" } else { " without antialias" };
                let size = resize.map(|_| format!("{resampled} ({}{plain})", filter.name()));
                let crop = crop.map(|(width, height)| format!("the centre of {width} x {height}"));
                let parts: Vec<String> = size.into_iter().chain(crop).collect();
                match parts.is_empty() {
                    true => "as large as they are".into(),
                    false => parts.join(", "),
                }
            }
        }
    }
}

/// Describes the conversion of images of any size; frames that are equal have the same description.
impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let resize = match self {
            Frame::Resample { resize, .. } => *resize,
            Frame::Squash(_) => None,
        };
        let resampled = match resize {
            Some(Resize::Shorter(side)) => format!("the shorter side resampled to {side}"),
            Some(Resize::Exact(width, height)) => format!("resampled to {width} x {height}"),
            None => String::new(),
        };
        f.write_str(&self.in_words(&resampled))
    }
}

impl Steps {
    /// Converts one image, given as a function from a place in the row to its number; None if the image is unchanged.
    fn apply(&self, pixel: impl Fn(usize) -> f64) -> Option<Vec<f64>> {
        let Some(resample) = &self.resample else {
            let places = self.crop.as_ref()?.places();
            return Some(places.iter().map(|&place| pixel(place)).collect());
        };
        let mut whole = vec![0.0; resample.dim()];
        resample.each(pixel, |place, value| whole[place] = value);
        Some(match &self.crop {
            None => whole,
            Some(crop) => crop.places().iter().map(|&place| whole[place]).collect(),
        })
    }

    /// The steps as maps of rows.
    pub fn maps(self) -> impl Iterator<Item = Arc<dyn Map>> {
        let resample = self.resample.map(|map| Arc::new(map) as Arc<dyn Map>);
        let crop = self.crop.map(|map| Arc::new(map) as Arc<dyn Map>);
        resample.into_iter().chain(crop)
    }
}

/// The distinct frames of several networks; every image is converted to each of them.
#[derive(Debug, Clone)]
pub struct Frames(Vec<Frame>);

impl Frames {
    /// Frames without duplicates; None if there are none.
    pub fn new(frames: impl IntoIterator<Item = Frame>) -> Option<Self> {
        let mut own = Vec::new();
        for frame in frames {
            if !own.contains(&frame) {
                own.push(frame);
            }
        }
        (!own.is_empty()).then_some(Frames(own))
    }

    /// The frames, without duplicates.
    pub(super) fn frames(&self) -> &[Frame] {
        &self.0
    }
}

impl Prepare for Frames {
    fn sizes(&self, width: usize, height: usize) -> Result<Vec<Size>, Misfit> {
        let sizes = self.0.iter().map(|frame| frame.sizes((width, height)));
        sizes.map(|sizes| Ok(sizes?[1])).collect()
    }

    fn apply(&self, picture: &Pixels) -> Vec<u8> {
        let Pixels { shape, bytes, deep } = *picture;
        let mut out = Vec::new();
        for frame in &self.0 {
            // The sizes were checked before.
            let Ok(steps) = frame.steps(shape, !deep) else {
                continue;
            };
            match deep {
                false => match steps.apply(|place| bytes[place].into()) {
                    Some(made) => out.extend(made.into_iter().map(|value| value as u8)),
                    None => out.extend_from_slice(bytes),
                },
                true => {
                    let number = |place: usize| {
                        f64::from(u16::from_ne_bytes([bytes[2 * place], bytes[2 * place + 1]]))
                    };
                    match steps.apply(number) {
                        // The cubic filter can leave the range; the cast saturates.
                        Some(made) => out.extend(
                            made.into_iter()
                                .flat_map(|value| (value.round() as u16).to_ne_bytes()),
                        ),
                        None => out.extend_from_slice(bytes),
                    }
                }
            }
        }
        out
    }
}
