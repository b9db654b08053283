//! Converts stored images to a network's input.
//!
//! ```text
//! grey if the network takes one channel, resampled, cropped;    input = (white pixel / range - mean) / std
//! ```
//!
//! `range` is the largest value of stored pixels: 255 for bytes, 1 for floating-point images. `white` is the value to
//! which that is scaled, 1 unless a recipe says otherwise. Settings are taken from the user, then from a preset that
//! the user named, then from the network's own metadata, then from the config beside it.

use super::super::Map;
use super::super::frame::Frame;
use super::super::pixel::Gray;
use super::super::pixel_index::index;
use super::super::spec::{AxisOrder, Filter, OnnxArgs, Resize, in_reach};
use super::configs;
use super::model::Signature;
use super::network;
use super::recipe::Recipe;
use crate::error::{Error, Place, Result};
use crate::rows::images::{Misfit, Shape};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// The properties of a set's images that a network needs to know.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pixels {
    pub shape: Shape,
    /// The largest pixel value.
    pub range: f64,
    /// Whether they are whole numbers from 0 to 255.
    pub bytes: bool,
    /// Whether each image was already brought to the network's size when it was decoded.
    pub framed: bool,
}

/// The conversion from a stored image to a network's input.
pub struct Preparation {
    /// The number of values in a stored image.
    pub(super) stored: usize,
    pub(super) steps: Vec<Arc<dyn Map>>,
    /// The shape after all steps.
    pub(super) shape: Shape,
    pub(super) channels: usize,
    pub(super) layout: AxisOrder,
    /// The largest stored pixel value, and the value to which it is scaled before mean and std.
    pub(super) range: f64,
    pub(super) white: f64,
    pub(super) mean: Vec<f64>,
    pub(super) std: Vec<f64>,
    /// Notes for the user.
    pub(super) notes: Vec<String>,
}

impl Preparation {
    /// Errors: images that do not fit the network's input, settings that do not fit either.
    pub fn new(signature: &Signature, args: &OnnxArgs, images: Pixels) -> Result<Self> {
        let axes = &signature.input.axes;
        if ![2, 4].contains(&axes.len()) {
            let what = format!("its input has {} axes, not 4 (or 2)", axes.len());
            return Err(signature.unfit(&what));
        }
        let stored = images.shape;
        let layout = order(signature, args, stored.channels)?;
        let channels = axis(axes, layout, CHANNELS).unwrap_or(stored.channels);
        let mut steps: Vec<Arc<dyn Map>> = Vec::new();
        let mut shape = stored;
        if channels == 1 && stored.channels != 1 {
            let gray = Gray::new(stored);
            shape = gray.shape().unwrap_or(stored);
            steps.push(Arc::new(gray));
        }
        // Grey is repeated for red, green and blue; other channels of networks are not brightness.
        if shape.channels != channels && (shape.channels, channels) != (1, 3) {
            return Err(signature.unfit(&format!(
                "its input has {channels} channels, and the images have {}",
                stored.channels
            )));
        }
        let said = Said::new(signature, args, fixed(axes, layout))?;
        let frame = said.frame()?;
        // Brightness is not a whole number.
        let bytes = images.bytes && steps.is_empty();
        if !images.framed {
            let made = frame.steps(shape, bytes);
            let made = made.map_err(|Misfit { what, advice }| said.wrong(&what, &advice))?;
            shape = made.shape;
            steps.extend(made.maps());
        }
        said.check(shape, frame)?;
        let mean = said.each("mean", channels)?;
        let std = said.each("std", channels)?;
        let preparation = Preparation {
            notes: said.notes(frame, images, &mean, &std),
            mean,
            std,
            stored: stored.height * stored.width * stored.channels,
            steps,
            shape,
            channels,
            layout,
            range: images.range,
            white: said.recipe.as_ref().map_or(1.0, |recipe| recipe.white),
        };
        preparation.fits(signature)?;
        Ok(preparation)
    }

    /// Checks that the images have the lengths that the network fixes for its axes, and that a batch is not too large.
    fn fits(&self, signature: &Signature) -> Result<()> {
        let wanted = &signature.input.axes;
        let batch = wanted.first().copied().flatten().unwrap_or(1);
        let given = self.axes(wanted.len(), batch);
        network::within_reason(&signature.name, batch, "input", &given)?;
        for (axis, (wanted, given)) in wanted.iter().zip(given).enumerate().skip(1) {
            if let Some(wanted) = wanted.filter(|&wanted| wanted != given) {
                return Err(signature.unfit(&format!(
                    "axis {axis} of its input has {wanted} numbers, and the images have {given}"
                )));
            }
        }
        Ok(())
    }

    /// The number of values in one image's input.
    pub fn numbers(&self) -> usize {
        self.shape.width * self.shape.height * self.channels
    }

    /// The order of the input's axes.
    pub fn layout(&self) -> AxisOrder {
        self.layout
    }

    /// What the user should know.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The lengths of the input's axes.
    pub fn axes(&self, rank: usize, batch: usize) -> Vec<usize> {
        let Shape { height, width, .. } = self.shape;
        match (rank, self.layout) {
            (2, _) => vec![batch, self.numbers()],
            (_, AxisOrder::Nchw) => vec![batch, self.channels, height, width],
            (_, AxisOrder::Nhwc) => vec![batch, height, width, self.channels],
        }
    }

    /// Inputs for the trial: images of noise, given by number. Each has another brightness, so that statistics over a
    /// batch change with its images.
    pub fn noise(&self, images: &[usize]) -> Result<Vec<f32>> {
        let mut input = Vec::new();
        for &image in images {
            let mut random = ChaCha8Rng::seed_from_u64(image as u64);
            // Multiples of the golden ratio, modulo 1, are evenly spread, however many there are.
            let most = self.range * ((image + 1) as f64 * 0.618_033_988_75).fract();
            let pixels: Vec<f64> = (0..self.stored)
                .map(|_| random.random::<f64>() * most)
                .collect();
            input.extend(self.apply(&pixels)?);
        }
        Ok(input)
    }

    /// Converts images to inputs.
    pub fn apply(&self, images: &[f64]) -> Result<Vec<f32>> {
        let count = images.len() / self.stored;
        let mut pixels = images.to_vec();
        for map in &self.steps {
            let mut mapped = vec![0.0; count * map.dim()];
            map.apply(&pixels, &mut mapped)?;
            pixels = mapped;
        }
        let Shape {
            height,
            width,
            channels,
            ..
        } = self.shape;
        let mut input = Vec::with_capacity(pixels.len() / channels * self.channels);
        for image in pixels.chunks_exact(height * width * channels) {
            for place in 0..self.numbers() {
                let (y, x, c) = match self.layout {
                    AxisOrder::Nchw => {
                        let (c, pixel) = (place / (height * width), place % (height * width));
                        (pixel / width, pixel % width, c)
                    }
                    AxisOrder::Nhwc => {
                        let (pixel, c) = (place / self.channels, place % self.channels);
                        (pixel / width, pixel % width, c)
                    }
                };
                let value = image[index(self.shape, y, x, c.min(channels - 1))];
                let value = self.white * value / self.range;
                input.push(((value - self.mean[c]) / self.std[c]) as f32);
            }
        }
        Ok(input)
    }
}

/// The note if nothing says how pixels are scaled.
const RAW: &str = "pixels go in as they are, from 0 to 1: nothing says mean= and std=, neither the file nor a config \
                   beside it; most networks want others, as preset=imagenet, preset=clip, preset=siglip or \
                   mean=0.5,std=0.5 give (mean=0,std=1 says that it is meant)";

/// An axis of images: its index if the channels come first, and if they come last.
type Axis = [usize; 2];

const CHANNELS: Axis = [1, 3];
const HEIGHT: Axis = [2, 1];
const WIDTH: Axis = [3, 2];

/// The length of an axis of a network's input, if the input has image axes and fixes it.
fn axis(axes: &[Option<usize>], layout: AxisOrder, [nchw, nhwc]: Axis) -> Option<usize> {
    let place = if layout == AxisOrder::Nchw {
        nchw
    } else {
        nhwc
    };
    axes.get(place)
        .copied()
        .flatten()
        .filter(|_| axes.len() == 4)
}

/// The width and height of a network's images, if it fixes them.
fn fixed(axes: &[Option<usize>], layout: AxisOrder) -> Option<(usize, usize)> {
    axis(axes, layout, WIDTH).zip(axis(axes, layout, HEIGHT))
}

/// How colour images of any size are brought to the size of a network.
///
/// Errors: settings that do not fit the network, a config beside it that cannot be followed.
pub fn frame(signature: &Signature, args: &OnnxArgs) -> Result<Frame> {
    let layout = order(signature, args, 3)?;
    Said::new(signature, args, fixed(&signature.input.axes, layout))?.frame()
}

/// The settings for images by the user, by a recipe and by the network.
struct Said<'a> {
    signature: &'a Signature,
    args: &'a OnnxArgs,
    /// The width and height of the network's images, if it fixes them.
    fixed: Option<(usize, usize)>,
    recipe: Option<Recipe>,
}

impl<'a> Said<'a> {
    fn new(
        signature: &'a Signature,
        args: &'a OnnxArgs,
        fixed: Option<(usize, usize)>,
    ) -> Result<Self> {
        if let Some((w, h)) = fixed.filter(|fixed| !in_reach(fixed)) {
            return Err(signature.unfit(&format!(
                "its images are {w} x {h} pixels, more than the 4096 x 4096 that images may be brought to"
            )));
        }
        let recipe = match args.preset {
            Some(preset) => Recipe::preset(preset, fixed),
            None => configs::beside(&args.file, fixed)?,
        };
        Ok(Said {
            signature,
            args,
            fixed,
            recipe,
        })
    }

    /// How images are brought to the network's size.
    fn frame(&self) -> Result<Frame> {
        let args = self.args;
        let typed = args.resize.is_some() || args.crop.is_some();
        let (size, by) = match (args.size, typed || args.preset.is_some()) {
            (Some(size), _) => (Some(size), "was asked for"),
            (None, true) => (None, ""),
            (None, false) => (self.signature.size()?, "is what the file's metadata says"),
        };
        if let (Some((width, height)), Some((w, h))) = (size, self.fixed)
            && (width, height) != (w, h)
        {
            return Err(self.signature.unfit(&format!(
                "its images are {w} x {h} pixels, and size={width}x{height} {by}"
            )));
        }
        let recipe = self.recipe.as_ref().filter(|_| size.is_none());
        let kernel = args.filter.is_some() || args.antialias.is_some();
        let whole = size.or(self.fixed);
        if !(typed || kernel || recipe.is_some()) {
            return Ok(Frame::Squash(whole));
        }
        let resize = args.resize.or(recipe.and_then(|recipe| recipe.resize));
        let squash = || whole.filter(|_| !typed && recipe.is_none());
        let resize =
            resize.or_else(|| squash().map(|(width, height)| Resize::Exact(width, height)));
        if kernel && resize.is_none() {
            let what = "filter= and antialias= say how images are resampled, and nothing says to what size";
            return Err(self.wrong(what, "give resize= or size="));
        }
        Ok(Frame::Resample {
            resize,
            crop: args.crop.or(recipe.and_then(|recipe| recipe.crop)),
            filter: args
                .filter
                .or(recipe.map(|recipe| recipe.filter))
                .unwrap_or(Filter::Bilinear),
            antialias: args.antialias.unwrap_or(true),
        })
    }

    /// Checks that the prepared images have the size that the network takes.
    fn check(&self, shape: Shape, frame: Frame) -> Result<()> {
        let (w, h) = (shape.width, shape.height);
        match self.fixed.filter(|_| !matches!(frame, Frame::Squash(_))) {
            Some((x, y)) if (x, y) != (w, h) => {
                let by = match &self.recipe {
                    Some(recipe) => format!(" by {}", recipe.by),
                    None => String::new(),
                };
                Err(self.wrong(
                    &format!("its images are {x} x {y} pixels, and these become {w} x {h}{by}"),
                    "give resize= and crop= that end in its size",
                ))
            }
            _ => Ok(()),
        }
    }

    fn wrong(&self, what: &str, advice: &str) -> Error {
        Error::input(&self.signature.name, Place::Whole, what, advice)
    }

    /// The value of `mean` or `std` for each channel.
    fn each(&self, key: &str, channels: usize) -> Result<Vec<f64>> {
        let mean = key == "mean";
        let typed = if mean {
            &self.args.mean
        } else {
            &self.args.std
        };
        let recipe = self.recipe.as_ref();
        let recipe = recipe.map(|recipe| if mean { &recipe.mean } else { &recipe.std });
        let stated = || match mean {
            true => self.signature.mean(),
            false => self.signature.std(),
        };
        let values = match (typed, recipe) {
            (Some(typed), _) => typed.clone(),
            (None, Some(recipe)) if self.args.preset.is_some() => recipe.clone(),
            (None, recipe) => match (stated()?, recipe) {
                (Some(stated), _) => stated,
                (None, Some(recipe)) => recipe.clone(),
                (None, None) => vec![if mean { 0.0 } else { 1.0 }],
            },
        };
        match values.len() {
            1 => Ok(vec![values[0]; channels]),
            n if n == channels => Ok(values),
            n => Err(self.signature.unfit(&format!(
                "{key}= has {n} numbers, and its input has {channels} channels"
            ))),
        }
    }

    /// Notes on what was chosen and from where, and on what may not have been intended.
    fn notes(&self, frame: Frame, images: Pixels, mean: &[f64], std: &[f64]) -> Vec<String> {
        let Shape { width, height, .. } = images.shape;
        // The frame was checked before.
        let before = frame
            .sizes((width, height))
            .map_or((width, height), |sizes| sizes[0]);
        let how = match images.framed {
            true => format!("each from its own size, {frame}"),
            false => frame.described(before),
        };
        let mut notes = Vec::new();
        match (&self.recipe, frame) {
            (Some(recipe), _) => notes.push(format!(
                "images go in as {} says{}: {how}, mean {}, std {}",
                recipe.by,
                match self.typed() {
                    true => ", but for what was typed",
                    false => "",
                },
                numbers(mean),
                numbers(std)
            )),
            (None, Frame::Squash(Some((w, h))))
                if w * height != h * width && self.args.size.is_none() =>
            {
                notes.push(format!(
                    "images of {width} x {height} pixels are squashed to {w} x {h}; most networks were trained on the \
                     centre of images that keep their ratio of sides: preset=imagenet, preset=clip, or resize= and crop= \
                     (size={w}x{h} says that it is meant)"
                ));
            }
            (None, _) if images.framed => notes.push(format!("images go in {how}")),
            _ => {}
        }
        notes.extend(self.unstated().then(|| RAW.to_string()));
        notes
    }

    /// Whether neither mean nor std is given. Networks that take bytes apply these themselves.
    fn unstated(&self) -> bool {
        let args = self.args;
        let typed = args.mean.is_some() || args.std.is_some() || args.preset.is_some();
        let stated = [self.signature.mean(), self.signature.std()];
        let stated = stated.iter().any(|stated| !matches!(stated, Ok(None)));
        !(typed || self.recipe.is_some() || stated || self.signature.input.bytes)
    }

    /// Whether the user typed a setting that a recipe also has.
    fn typed(&self) -> bool {
        let args = self.args;
        let geometry = args.size.is_some() || args.resize.is_some() || args.crop.is_some();
        let kernel = args.filter.is_some() || args.antialias.is_some();
        geometry || kernel || args.mean.is_some() || args.std.is_some()
    }
}

fn numbers(values: &[f64]) -> String {
    let texts: Vec<String> = values.iter().map(f64::to_string).collect();
    texts.join(",")
}

/// The order of a network's axes: as the user says, as its file states, or as its input shape suggests for images of
/// `stored_channels`.
fn order(signature: &Signature, args: &OnnxArgs, stored_channels: usize) -> Result<AxisOrder> {
    let axes = &signature.input.axes;
    let length = |axis: usize| axes.get(axis).copied().flatten();
    let colours = |axis: usize| matches!(length(axis), Some(1 | 3));
    let Some(layout) = args
        .layout
        .map_or_else(|| signature.layout(), |own| Ok(Some(own)))?
    else {
        return Ok(match axes.len() == 2 || (colours(3) && !colours(1)) {
            true => AxisOrder::Nhwc,
            false => AxisOrder::Nchw,
        });
    };
    let (own, other, advice) = match layout {
        AxisOrder::Nchw => (1, 3, "give layout=nhwc"),
        AxisOrder::Nhwc => (3, 1, "give layout=nchw"),
    };
    match length(own) {
        Some(channels) if !colours(own) && channels != stored_channels && colours(other) => {
            Err(Error::input(
                &signature.name,
                Place::Part("layout".into()),
                format!(
                    "axis {own} of its input would be the channels, and is {channels} long, while axis {other} is {}",
                    length(other).unwrap_or(0)
                ),
                advice,
            ))
        }
        _ => Ok(layout),
    }
}
