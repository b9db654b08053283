//! From a stored image to a network's input.
//!
//! ```text
//! grey if the network takes one channel, resampled, cropped;    input = (white pixel / range - mean) / std
//! ```
//!
//! `range` is what stored pixels run up to: 255 for bytes, 1 for floating-point images. `white`, what a pixel of that
//! becomes, is 1 but where a recipe says otherwise. Who says what: the user, then a preset that the user named, then
//! the network's own metadata, then the config beside it.

use super::super::Map;
use super::super::pillow;
use super::super::pixel::{Gray, Select, index};
use super::super::resample::Resample;
use super::super::spec::{Filter, Layout, OnnxArgs, Resize, in_reach};
use super::model::Signature;
use super::network;
use super::recipe::Recipe;
use crate::error::{Error, Place, Result};
use crate::rows::images::Shape;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The images of a set, as far as a network needs to know them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pixels {
    pub shape: Shape,
    /// What they run up to.
    pub range: f64,
    /// Whether they are whole numbers from 0 to 255.
    pub bytes: bool,
}

/// From a stored image to a network's input.
pub struct Preparation {
    /// Numbers of a stored image.
    pub(super) stored: usize,
    pub(super) steps: Vec<Box<dyn Map>>,
    /// After the steps.
    pub(super) shape: Shape,
    pub(super) channels: usize,
    pub(super) layout: Layout,
    /// What stored pixels run up to, and what that becomes before mean and std.
    pub(super) range: f64,
    pub(super) white: f64,
    pub(super) mean: Vec<f64>,
    pub(super) std: Vec<f64>,
    /// What the user should know of all this.
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
        let layout = order(signature, args, stored)?;
        let axis = |nchw: usize, nhwc: usize| {
            let place = if layout == Layout::Nchw { nchw } else { nhwc };
            axes.get(place)
                .copied()
                .flatten()
                .filter(|_| axes.len() == 4)
        };
        let channels = axis(1, 3).unwrap_or(stored.channels);
        let mut steps: Vec<Box<dyn Map>> = Vec::new();
        let mut shape = stored;
        if channels == 1 && stored.channels != 1 {
            let gray = Gray::new(stored);
            shape = gray.shape().unwrap_or(stored);
            steps.push(Box::new(gray));
        }
        // Grey is repeated to red, green and blue; what else a network takes is not brightness.
        if shape.channels != channels && (shape.channels, channels) != (1, 3) {
            return Err(signature.unfit(&format!(
                "its input has {channels} channels, and the images have {}",
                stored.channels
            )));
        }
        let said = Said::new(signature, args, axis(3, 2).zip(axis(2, 1)))?;
        let frame = said.frame(shape)?;
        // Brightness is not a whole number.
        shape = frame.steps(shape, images.bytes && steps.is_empty(), &mut steps);
        let mean = said.each("mean", channels)?;
        let std = said.each("std", channels)?;
        let preparation = Preparation {
            notes: said.notes(&frame, stored, &mean, &std),
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

    /// Every axis that the network fixes must be as long as what it is given, and a batch within reason.
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

    /// Numbers of one image's input.
    pub fn numbers(&self) -> usize {
        self.shape.width * self.shape.height * self.channels
    }

    /// The order of the input's axes.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// What the user should know.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Lengths of the input's axes.
    pub fn axes(&self, rank: usize, batch: usize) -> Vec<usize> {
        let Shape { height, width, .. } = self.shape;
        match (rank, self.layout) {
            (2, _) => vec![batch, self.numbers()],
            (_, Layout::Nchw) => vec![batch, self.channels, height, width],
            (_, Layout::Nhwc) => vec![batch, height, width, self.channels],
        }
    }

    /// Inputs for the trial: images of noise, by their numbers, each of another brightness, so that they change what
    /// is taken over a batch.
    pub fn noise(&self, images: &[usize]) -> Result<Vec<f32>> {
        let mut input = Vec::new();
        for &image in images {
            let mut random = ChaCha8Rng::seed_from_u64(image as u64);
            // Multiples of the golden ratio fill the range evenly, however many there are.
            let most = self.range * ((image + 1) as f64 * 0.618_033_988_75).fract();
            let pixels: Vec<f64> = (0..self.stored)
                .map(|_| random.random::<f64>() * most)
                .collect();
            input.extend(self.apply(&pixels)?);
        }
        Ok(input)
    }

    /// Images to inputs.
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
                    Layout::Nchw => {
                        let (c, pixel) = (place / (height * width), place % (height * width));
                        (pixel / width, pixel % width, c)
                    }
                    Layout::Nhwc => {
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

/// How images come to a network's size.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Frame {
    /// To a width and a height, each pixel a mean of those that it covers.
    Squash(usize, usize),
    /// Resampled as networks are trained, to this width and height, and then the centre.
    Resample {
        size: Option<(usize, usize)>,
        crop: Option<(usize, usize)>,
        filter: Filter,
        antialias: bool,
    },
}

impl Frame {
    /// The steps for images of a shape, and the shape after them.
    fn steps(self, shape: Shape, bytes: bool, steps: &mut Vec<Box<dyn Map>>) -> Shape {
        let (size, crop) = match self {
            Frame::Squash(width, height) => (Some((width, height)), None),
            Frame::Resample { size, crop, .. } => (size, crop),
        };
        let mut now = shape;
        if let Some((width, height)) = size.filter(|&size| size != (shape.width, shape.height)) {
            steps.push(match self {
                Frame::Squash(..) => Box::new(Resample::resize(shape, width, height)),
                Frame::Resample {
                    filter, antialias, ..
                } => Box::new(pillow::resized(
                    shape,
                    (width, height),
                    filter,
                    antialias,
                    bytes,
                )),
            });
            now = Shape {
                width,
                height,
                ..now
            };
        }
        if let Some((width, height)) = crop.filter(|&crop| crop != (now.width, now.height)) {
            let cut = Select::centre(now, width, height);
            now = cut.shape().unwrap_or(now);
            steps.push(Box::new(cut));
        }
        now
    }
}

/// What is said about images by the user, by a recipe and by the network.
struct Said<'a> {
    signature: &'a Signature,
    args: &'a OnnxArgs,
    /// Width and height of the network's images, if it fixes them.
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
            None => Recipe::beside(&args.file)?,
        };
        Ok(Said {
            signature,
            args,
            fixed,
            recipe,
        })
    }

    /// How images of a shape come to the network's size.
    fn frame(&self, shape: Shape) -> Result<Frame> {
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
        if !(typed || kernel || recipe.is_some()) {
            let (width, height) = size.or(self.fixed).unwrap_or((shape.width, shape.height));
            return Ok(Frame::Squash(width, height));
        }
        let resize = args.resize.or(recipe.and_then(|recipe| recipe.resize));
        let crop = args.crop.or(recipe.and_then(|recipe| recipe.crop));
        let size = match resize {
            Some(resize) => Some(self.resized(resize, shape)?),
            None if typed || recipe.is_some() => None,
            None => size.or(self.fixed),
        };
        if kernel && size.is_none() {
            let what = "filter= and antialias= say how images are resampled, and nothing says to what size";
            return Err(self.wrong(what, "give resize= or size="));
        }
        self.check(shape, size, crop)?;
        Ok(Frame::Resample {
            size,
            crop,
            filter: args
                .filter
                .or(recipe.map(|recipe| recipe.filter))
                .unwrap_or(Filter::Bilinear),
            antialias: args.antialias.unwrap_or(true),
        })
    }

    /// Width and height after resampling.
    fn resized(&self, resize: Resize, shape: Shape) -> Result<(usize, usize)> {
        let size = match resize {
            Resize::Exact(width, height) => (width, height),
            Resize::Shorter(side) => {
                let (width, height) = (shape.width, shape.height);
                match width <= height {
                    true => (side, side * height / width),
                    false => (side * width / height, side),
                }
            }
        };
        match in_reach(&size) {
            true => Ok(size),
            false => Err(self.wrong(
                &format!(
                    "images of {} x {} would become {} x {}, more than the 4096 x 4096 that images may be brought to",
                    shape.width, shape.height, size.0, size.1
                ),
                "give a smaller resize=, or resize=WxH",
            )),
        }
    }

    /// The centre must be inside, and what comes out must be what the network takes.
    fn check(
        &self,
        shape: Shape,
        size: Option<(usize, usize)>,
        crop: Option<(usize, usize)>,
    ) -> Result<()> {
        let (width, height) = size.unwrap_or((shape.width, shape.height));
        let (w, h) = crop.unwrap_or((width, height));
        if w > width || h > height {
            return Err(self.wrong(
                &format!("the images are {width} x {height} pixels when the centre of {w} x {h} is to be cut out"),
                "give a larger resize= or a smaller crop=",
            ));
        }
        match self.fixed {
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

    /// A number for each channel, of `mean` or `std`.
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

    /// What was chosen, and from where; what may not have been meant.
    fn notes(&self, frame: &Frame, stored: Shape, mean: &[f64], std: &[f64]) -> Vec<String> {
        let squashed = match *frame {
            Frame::Squash(width, height) => width * stored.height != height * stored.width,
            Frame::Resample { .. } => false,
        };
        let numbers = |values: &[f64]| {
            let texts: Vec<String> = values.iter().map(f64::to_string).collect();
            texts.join(",")
        };
        match (&self.recipe, frame) {
            (Some(recipe), _) => vec![format!(
                "images go in as {} says{}: {}, mean {}, std {}",
                recipe.by,
                match self.typed() {
                    true => ", but for what was typed",
                    false => "",
                },
                self.described(frame),
                numbers(mean),
                numbers(std)
            )],
            (None, Frame::Squash(width, height)) if squashed && self.args.size.is_none() => {
                vec![format!(
                    "images of {} x {} pixels are squashed to {width} x {height}; most networks were trained on the \
                     centre of images that keep their ratio of sides: preset=imagenet, preset=clip, or resize= and crop= \
                     (size={width}x{height} says that it is meant)",
                    stored.width, stored.height
                )]
            }
            _ => Vec::new(),
        }
    }

    /// Whether anything was typed that a recipe says too.
    fn typed(&self) -> bool {
        let args = self.args;
        let geometry = args.size.is_some() || args.resize.is_some() || args.crop.is_some();
        let kernel = args.filter.is_some() || args.antialias.is_some();
        geometry || kernel || args.mean.is_some() || args.std.is_some()
    }

    fn described(&self, frame: &Frame) -> String {
        match *frame {
            Frame::Squash(width, height) => format!("squashed to {width} x {height}"),
            Frame::Resample {
                size,
                crop,
                filter,
                antialias,
            } => {
                let size = size.map(|(width, height)| {
                    let plain = if antialias { "" } else { " without antialias" };
                    format!("resampled to {width} x {height} ({}{plain})", filter.name())
                });
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

/// The order of a network's axes: as asked for, as its file states it, or as its input looks.
fn order(signature: &Signature, args: &OnnxArgs, shape: Shape) -> Result<Layout> {
    let axes = &signature.input.axes;
    let length = |axis: usize| axes.get(axis).copied().flatten();
    let colours = |axis: usize| matches!(length(axis), Some(1 | 3));
    let Some(layout) = args
        .layout
        .map_or_else(|| signature.layout(), |own| Ok(Some(own)))?
    else {
        return Ok(match axes.len() == 2 || (colours(3) && !colours(1)) {
            true => Layout::Nhwc,
            false => Layout::Nchw,
        });
    };
    let (own, other, advice) = match layout {
        Layout::Nchw => (1, 3, "give layout=nhwc"),
        Layout::Nhwc => (3, 1, "give layout=nchw"),
    };
    match length(own) {
        Some(channels) if !colours(own) && channels != shape.channels && colours(other) => {
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
