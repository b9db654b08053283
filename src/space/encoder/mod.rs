//! The latent space of a network: images through an ONNX file up to a named tensor, run by tract on the CPU.
//!
//! ```text
//! input = (pixel / range - mean) / std        range: 255 for bytes, 1 for floating-point images
//! ```
//!
//! resampled to the network's size and with its number of channels (grey is repeated, colour becomes brightness).
//! Batches run in parallel, in f32; a tensor of more axes than two is flattened. All tensors that are asked of one
//! network come from one pass.

mod model;

pub use model::Model;

use super::Map;
use super::pixel::{Gray, Resample, index};
use super::spec::{Layout, OnnxArgs};
use crate::control::Control;
use crate::error::{Error, Place, Result};
use crate::rows::images::Shape;
use crate::rows::{Collector, Rows, Store};
use rayon::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tract_onnx::prelude::*;

/// Numbers of a batch's input, about: enough work for one call, little memory for one thread.
const BATCH_NUMBERS: usize = 1 << 16;

/// Images of a batch at most.
const BATCH_MOST: usize = 32;

/// Batches in the air a thread.
const AHEAD: usize = 4;

/// A network ready to run on images of one shape.
pub struct Encoder {
    name: String,
    plan: Arc<TypedRunnableModel>,
    preparation: Preparation,
    batch: usize,
    /// Lengths of the input's axes.
    axes: Vec<usize>,
    /// Numbers an image of each tensor.
    dims: Vec<usize>,
}

/// From a stored image to a network's input.
struct Preparation {
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
    /// Make a network ready for the tensors `outputs`, on images of `shape` whose pixels run from 0 to `range`.
    ///
    /// Errors: no such tensor, an input that images do not fit, a network that tract cannot run.
    pub fn new(
        model: &Model,
        args: &OnnxArgs,
        outputs: &[String],
        shape: Shape,
        range: f64,
    ) -> Result<Self> {
        let input = model.input()?;
        let preparation = Preparation::new(model, args, &input.axes, shape, range)?;
        let numbers = preparation.numbers();
        let batch = match input.axes.first() {
            Some(Some(fixed)) => *fixed,
            _ => (BATCH_NUMBERS / numbers).clamp(1, BATCH_MOST),
        };
        let axes = preparation.axes(input.axes.len(), batch);
        let plan = guarded(model, || built(model, &input.name, &axes, outputs))?;
        let mut encoder = Encoder {
            name: model.name.clone(),
            plan,
            preparation,
            batch,
            axes,
            dims: Vec::new(),
        };
        // One run tells the shapes, and that it runs at all.
        let probe = encoder.run(vec![0.0; batch * numbers])?;
        for (tensor, values) in outputs.iter().zip(&probe) {
            // Empty: none, or no row for each image (see `run`).
            if values.is_empty() {
                return Err(Error::input(
                    &encoder.name,
                    Place::Part(tensor.clone()),
                    format!("the first axis of the tensor is not the batch of {batch} images"),
                    "name a tensor that has a row for each image",
                ));
            }
        }
        encoder.dims = probe.iter().map(|values| values.len() / batch).collect();
        Ok(encoder)
    }

    /// All tensors of one batch's input; empty for one whose first axis is not the batch.
    fn run(&self, input: Vec<f32>) -> Result<Vec<Vec<f32>>> {
        let failed = |why: String| {
            Error::input(
                &self.name,
                Place::Whole,
                format!("the network cannot be run on these images: {why}"),
                "check size=, layout= and the file",
            )
        };
        let ran = catch_unwind(AssertUnwindSafe(|| -> TractResult<Vec<Vec<f32>>> {
            let input = Tensor::from_shape(&self.axes, &input)?;
            let outputs = self.plan.run(tvec![input.into_tvalue()])?;
            outputs
                .iter()
                .map(|tensor| {
                    // Cut into rows, it would mix images.
                    if tensor.shape().first() != Some(&self.batch) {
                        return Ok(Vec::new());
                    }
                    let tensor = tensor.cast_to::<f32>()?;
                    let view = tensor.to_plain_array_view::<f32>()?;
                    Ok(view.iter().copied().collect())
                })
                .collect()
        }));
        match ran {
            Ok(Ok(outputs)) => Ok(outputs),
            Ok(Err(error)) => Err(failed(format!("{error:#}"))),
            Err(_) => Err(failed("tract gave up".into())),
        }
    }

    /// All tensors of up to a batch of images.
    fn encode(&self, images: &[f64]) -> Result<Vec<Vec<f32>>> {
        let mut input = self.preparation.apply(images)?;
        let numbers = self.preparation.numbers();
        let count = input.len() / numbers;
        input.resize(self.batch * numbers, 0.0);
        let mut outputs = self.run(input)?;
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
            .map(|(name, dim)| Collector::new(name, *dim, budget / names.len() as u64))
            .collect();
        let (n, d) = (rows.len(), rows.dim());
        let together = self.batch * AHEAD * rayon::current_num_threads();
        for first in (0..n).step_by(together) {
            control.check()?;
            let end = n.min(first + together);
            let parts: Vec<Vec<Vec<f32>>> = (first..end)
                .into_par_iter()
                .step_by(self.batch)
                .map(|start| {
                    let mut images = vec![0.0; self.batch.min(end - start) * d];
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

/// The network up to the tensors, optimised for one input shape.
fn built(
    model: &Model,
    input: &str,
    axes: &[usize],
    outputs: &[String],
) -> TractResult<Arc<TypedRunnableModel>> {
    // Shapes that the file states are for open axes, and would contradict the fixed ones.
    let framework = onnx().with_ignore_value_info(true);
    let parsed = framework.parse(&model.proto, model.folder.as_deref())?;
    let mut graph = parsed.model;
    graph.set_input_names([input])?;
    graph.set_input_fact(0, f32::fact(axes).into())?;
    graph.select_outputs_by_name(outputs)?;
    graph.into_optimized()?.into_runnable()
}

/// Run a step of tract, which may panic on a broken graph; its trouble becomes an error.
fn guarded<T>(model: &Model, step: impl FnOnce() -> TractResult<T>) -> Result<T> {
    let why = match catch_unwind(AssertUnwindSafe(step)) {
        Ok(Ok(done)) => return Ok(done),
        Ok(Err(error)) => format!("{error:#}"),
        Err(_) => "tract gave up".into(),
    };
    Err(Error::input(
        &model.name,
        Place::Whole,
        format!("tract cannot run this network: {why}"),
        "check size= and layout=, or export the network with other operators",
    ))
}

impl Preparation {
    fn new(
        model: &Model,
        args: &OnnxArgs,
        axes: &[Option<usize>],
        shape: Shape,
        range: f64,
    ) -> Result<Self> {
        if ![2, 4].contains(&axes.len()) {
            return Err(model.unfit(&format!("its input has {} axes, not 4 (or 2)", axes.len())));
        }
        let colours = |axis: usize| matches!(axes.get(axis), Some(Some(1 | 3)));
        let guess = if axes.len() == 2 || (colours(3) && !colours(1)) {
            Layout::Nhwc
        } else {
            Layout::Nchw
        };
        let layout = args.layout.or(model.says_layout()).unwrap_or(guess);
        let axis = |nchw: usize, nhwc: usize| {
            let place = if layout == Layout::Nchw { nchw } else { nhwc };
            axes.get(place)
                .copied()
                .flatten()
                .filter(|_| axes.len() == 4)
        };
        let fixed = axis(3, 2).zip(axis(2, 1));
        let size = args.size.or(fixed).or(model.says_size());
        let (width, height) = size.unwrap_or((shape.width, shape.height));
        if let Some((w, h)) = fixed.filter(|fixed| *fixed != (width, height)) {
            return Err(model.unfit(&format!(
                "its images are {w} x {h} pixels, and size={width}x{height} was asked for"
            )));
        }
        let channels = axis(1, 3).unwrap_or(shape.channels);
        let gray = (channels == 1 && shape.channels != 1).then(|| Gray::new(shape));
        let mut now = gray.as_ref().and_then(|gray| gray.shape()).unwrap_or(shape);
        if now.channels != channels && now.channels != 1 {
            return Err(model.unfit(&format!(
                "its input has {channels} channels, and the images have {}",
                shape.channels
            )));
        }
        let same = (now.width, now.height) == (width, height);
        let resample = (!same).then(|| Resample::resize(now, width, height));
        now = Shape {
            width,
            height,
            ..now
        };
        let numbers = width * height * channels;
        if axes.len() == 2 && axes[1].is_some_and(|wanted| wanted != numbers) {
            return Err(model.unfit(&format!(
                "its input has {} numbers, and the images have {numbers}",
                axes[1].unwrap_or(0)
            )));
        }
        let each = |given: &Option<Vec<f64>>, key: &str, otherwise: f64| -> Result<Vec<f64>> {
            let said = match given {
                Some(values) => Some(values.clone()),
                None => model.says_numbers(key)?,
            };
            let values = said.unwrap_or_else(|| vec![otherwise]);
            match values.len() {
                1 => Ok(vec![values[0]; channels]),
                n if n == channels => Ok(values),
                n => Err(model.unfit(&format!(
                    "{key}= has {n} numbers, and its input has {channels} channels"
                ))),
            }
        };
        Ok(Preparation {
            mean: each(&args.mean, "mean", 0.0)?,
            std: each(&args.std, "std", 1.0)?,
            stored: shape.height * shape.width * shape.channels,
            gray,
            resample,
            shape: now,
            channels,
            layout,
            range,
        })
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

#[cfg(test)]
mod tests;
