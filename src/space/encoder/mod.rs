//! The latent space of a network: images through an ONNX file up to a named tensor, run by tract on the CPU.
//!
//! ```text
//! input = (pixel / range - mean) / std        range: 255 for bytes, 1 for floating-point images
//! ```
//!
//! resampled to the network's size and with its number of channels (grey is repeated, colour becomes brightness).
//! Batches run in parallel, in f32; a tensor of more axes than two is flattened. All tensors that are asked of one
//! network come from one pass. Before any, a trial on noise shows that an image's row is its own, whichever images are
//! in its batch.

mod model;
mod network;

pub use model::{Model, Signature};

use super::Map;
use super::pixel::{Gray, Resample, index};
use super::spec::{Layout, OnnxArgs, in_reach};
use crate::control::Control;
use crate::error::{Error, Place, Result};
use crate::rows::images::Shape;
use crate::rows::{Collector, Element, Rows, Store};
use network::{Network, guarded};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Numbers of a batch's input, about: enough work for one call, little memory for one thread.
const BATCH_NUMBERS: usize = 1 << 16;

/// Images of a batch at most.
const BATCH_MOST: usize = 32;

/// Batches in the air a thread.
const AHEAD: usize = 4;

/// A network ready to run on images of one shape.
pub struct Encoder {
    name: String,
    network: Network,
    preparation: Preparation,
    /// Numbers an image of each tensor.
    dims: Vec<usize>,
}

/// From a stored image to a network's input.
pub struct Preparation {
    /// Numbers of a stored image.
    stored: usize,
    gray: Option<Gray>,
    resample: Option<Resample>,
    /// After both.
    shape: Shape,
    channels: usize,
    layout: Layout,
    range: f64,
    mean: Vec<f64>,
    std: Vec<f64>,
}

impl Encoder {
    /// Make a network ready for the tensors `outputs`, on images of `shape` whose pixels run from 0 to `range`. What
    /// was read of its file is let go.
    ///
    /// Errors: no such tensor, an input that images do not fit, a network that tract cannot run, a tensor without a
    /// row for each image.
    pub fn new(
        model: Model,
        args: &OnnxArgs,
        outputs: &[String],
        shape: Shape,
        range: f64,
    ) -> Result<Self> {
        let signature = model.signature();
        let preparation = Preparation::new(&signature, args, shape, range)?;
        let fixed = signature.input.axes.first().copied().flatten();
        let open = (BATCH_NUMBERS / preparation.numbers()).clamp(1, BATCH_MOST);
        let [shown, again] = trial(fixed.unwrap_or(open), fixed.is_some());
        let graph = guarded(&signature.name, || model.into_graph())?;
        let network = |batch: usize| {
            let axes = preparation.axes(signature.input.axes.len(), batch);
            Network::new(&signature, &graph, axes, outputs)
        };
        let of = |images: &[usize]| preparation.noise(images);
        // An axis that is as long as the batch by accident is not as long as another one; the smaller network goes
        // before the larger one comes.
        let other = match fixed {
            Some(_) => None,
            None => Some(network(again.len())?.run(of(&again)?)?),
        };
        let network = network(shown.len())?;
        let first = network.run(of(&shown)?)?;
        let second = other.map_or_else(|| network.run(of(&again)?), Ok)?;
        network.independent([&shown, &again], &first, &second)?;
        Ok(Encoder {
            name: signature.name.clone(),
            dims: first.iter().map(|rows| rows.len() / shown.len()).collect(),
            network,
            preparation,
        })
    }

    /// Numbers an image of each tensor.
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// All tensors of up to a batch of images.
    fn encode(&self, images: &[f64]) -> Result<Vec<Vec<f32>>> {
        let mut input = self.preparation.apply(images)?;
        let numbers = self.preparation.numbers();
        let count = input.len() / numbers;
        input.resize(self.network.batch() * numbers, 0.0);
        let mut outputs = self.network.run(input)?;
        for (values, dim) in outputs.iter_mut().zip(&self.dims) {
            values.truncate(count * dim);
            if let Some(wild) = values.iter().position(|v| !v.is_finite()) {
                return Err(Error::input(
                    &self.name,
                    Place::Whole,
                    format!("the network gives {} for an image", values[wild]),
                    "check mean=, std= and the file",
                ));
            }
        }
        Ok(outputs)
    }

    /// Encode all rows in one pass: a set for each tensor, each in memory up to `budget` bytes.
    pub fn encode_all(
        &self,
        rows: &dyn Rows,
        names: &[String],
        budget: u64,
        control: &Control,
    ) -> Result<Vec<Store>> {
        let mut sets: Vec<Collector> = names
            .iter()
            .zip(&self.dims)
            .map(|(name, dim)| {
                Collector::new(name, *dim, Element::F32, budget / names.len() as u64)
            })
            .collect();
        let (n, d, batch) = (rows.len(), rows.dim(), self.network.batch());
        let together = batch * AHEAD * rayon::current_num_threads();
        for first in (0..n).step_by(together) {
            control.check()?;
            let end = n.min(first + together);
            let parts: Vec<Vec<Vec<f32>>> = (first..end)
                .into_par_iter()
                .step_by(batch)
                .map(|start| {
                    let mut images = vec![0.0; batch.min(end - start) * d];
                    rows.read_f64(start, &mut images)?;
                    let outputs = self.encode(&images)?;
                    control.advance((images.len() / d) as u64);
                    Ok(outputs)
                })
                .collect::<Result<_>>()?;
            for part in parts {
                for (set, values) in sets.iter_mut().zip(part) {
                    set.push(&values)?;
                }
            }
        }
        Ok(sets.into_iter().map(Collector::finish).collect())
    }
}

/// Two batches, as numbers of images, that have images in common, at other places or among other images: both of one
/// size if that is fixed, and the second of another size if not.
fn trial(batch: usize, fixed: bool) -> [Vec<usize>; 2] {
    let again = if fixed {
        let turned = |place: usize| match place < batch.div_ceil(2) {
            true => batch - 1 - place,
            false => batch + place,
        };
        (0..batch).map(turned).collect()
    } else {
        let other = if batch == 3 { 2 } else { 3 };
        (0..other).rev().collect()
    };
    [(0..batch).collect(), again]
}

impl Preparation {
    /// Errors: images that do not fit the network's input, settings that do not fit either.
    pub fn new(signature: &Signature, args: &OnnxArgs, shape: Shape, range: f64) -> Result<Self> {
        let axes = &signature.input.axes;
        if ![2, 4].contains(&axes.len()) {
            let what = format!("its input has {} axes, not 4 (or 2)", axes.len());
            return Err(signature.unfit(&what));
        }
        let layout = order(signature, args, shape)?;
        let axis = |nchw: usize, nhwc: usize| {
            let place = if layout == Layout::Nchw { nchw } else { nhwc };
            axes.get(place)
                .copied()
                .flatten()
                .filter(|_| axes.len() == 4)
        };
        let channels = axis(1, 3).unwrap_or(shape.channels);
        let gray = (channels == 1 && shape.channels != 1).then(|| Gray::new(shape));
        let now = gray.as_ref().and_then(|gray| gray.shape()).unwrap_or(shape);
        // Grey is repeated to red, green and blue; what else a network takes is not brightness.
        if now.channels != channels && (now.channels, channels) != (1, 3) {
            return Err(signature.unfit(&format!(
                "its input has {channels} channels, and the images have {}",
                shape.channels
            )));
        }
        let (width, height) = extent(signature, args, axis(3, 2).zip(axis(2, 1)), shape)?;
        let same = (now.width, now.height) == (width, height);
        let resample = (!same).then(|| Resample::resize(now, width, height));
        let preparation = Preparation {
            mean: each(
                "mean",
                &args.mean,
                || signature.mean(),
                0.0,
                channels,
                signature,
            )?,
            std: each(
                "std",
                &args.std,
                || signature.std(),
                1.0,
                channels,
                signature,
            )?,
            stored: shape.height * shape.width * shape.channels,
            gray,
            resample,
            shape: Shape {
                width,
                height,
                ..now
            },
            channels,
            layout,
            range,
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
    fn numbers(&self) -> usize {
        self.shape.width * self.shape.height * self.channels
    }

    fn axes(&self, rank: usize, batch: usize) -> Vec<usize> {
        let Shape { height, width, .. } = self.shape;
        match (rank, self.layout) {
            (2, _) => vec![batch, self.numbers()],
            (_, Layout::Nchw) => vec![batch, self.channels, height, width],
            (_, Layout::Nhwc) => vec![batch, height, width, self.channels],
        }
    }

    /// Inputs for the trial: images of noise, by their numbers, each of another brightness, so that they change what
    /// is taken over a batch.
    fn noise(&self, images: &[usize]) -> Result<Vec<f32>> {
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
    fn apply(&self, images: &[f64]) -> Result<Vec<f32>> {
        let count = images.len() / self.stored;
        let mut pixels = images.to_vec();
        let gray = self.gray.as_ref().map(|map| map as &dyn Map);
        let resample = self.resample.as_ref().map(|map| map as &dyn Map);
        for map in [gray, resample].into_iter().flatten() {
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
                input.push(((value / self.range - self.mean[c]) / self.std[c]) as f32);
            }
        }
        Ok(input)
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

/// Width and height of a network's images: as asked for, as its file states them, as its input has them, or as the
/// images have them.
fn extent(
    signature: &Signature,
    args: &OnnxArgs,
    fixed: Option<(usize, usize)>,
    shape: Shape,
) -> Result<(usize, usize)> {
    let (said, by) = match args.size {
        Some(size) => (Some(size), "was asked for"),
        None => (signature.size()?, "is what the file's metadata says"),
    };
    let Some((w, h)) = fixed else {
        return Ok(said.unwrap_or((shape.width, shape.height)));
    };
    if !in_reach(&(w, h)) {
        return Err(signature.unfit(&format!(
            "its images are {w} x {h} pixels, more than the 4096 x 4096 that images may be brought to"
        )));
    }
    match said {
        Some((width, height)) if (width, height) != (w, h) => Err(signature.unfit(&format!(
            "its images are {w} x {h} pixels, and size={width}x{height} {by}"
        ))),
        _ => Ok((w, h)),
    }
}

/// A number for each channel: as asked for, as the file states them, or `otherwise`.
fn each(
    key: &str,
    given: &Option<Vec<f64>>,
    said: impl FnOnce() -> Result<Option<Vec<f64>>>,
    otherwise: f64,
    channels: usize,
    signature: &Signature,
) -> Result<Vec<f64>> {
    let said = match given {
        Some(values) => Some(values.clone()),
        None => said()?,
    };
    let values = said.unwrap_or_else(|| vec![otherwise]);
    match values.len() {
        1 => Ok(vec![values[0]; channels]),
        n if n == channels => Ok(values),
        n => Err(signature.unfit(&format!(
            "{key}= has {n} numbers, and its input has {channels} channels"
        ))),
    }
}

#[cfg(test)]
mod tests;
