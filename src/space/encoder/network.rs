//! A network prepared for batches of one size, and the checks that an image's row does not depend on its batch.

use super::batch_tensor::BatchTensor;
use super::model::Signature;
use super::runtime::{Fault, Runtime};
use crate::error::{Error, Place, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use tract_onnx::prelude::*;

/// The most bytes of a batch's input, and of all output tensors of a batch: files can claim any size.
const MOST_BYTES: usize = 1 << 28;

/// The most bytes of one inner tensor for a batch: an operator of a few bytes can claim any size.
const MOST_WITHIN: usize = 1 << 32;

/// How far two rows of one image may differ, relative to the longest row: sums of f32 numbers depend on their order,
/// which depends on the batch.
const ROUNDING: f64 = 1e-3;

/// How far rows of a quantised network may differ from those without quantisation, relative to the spread of the
/// images, and relative to the rows' length. Beyond the first two limits together, or beyond the last, the difference
/// is not mere rounding. A byte-quantised transformer was off by 0.91 and 0.13 when its attention was broken, and by
/// 0.09 and 0.01 when it was not.
const COARSE_APART: f64 = 0.5;
const COARSE_BESIDE: f64 = 0.05;
const COARSE: f64 = 0.5;

/// A network for batches of one size.
pub struct Network {
    name: String,
    plan: Executor,
    outputs: Vec<String>,
    /// The lengths of the input's axes, the batch first.
    axes: Vec<usize>,
}

/// The runtime of a network.
enum Executor {
    Tract(Arc<TypedRunnableModel>),
    Library(Arc<Runtime>),
}

impl Network {
    /// A network up to the tensors `outputs`, optimised by tract for one input shape.
    pub fn new(
        signature: &Signature,
        graph: &InferenceModel,
        axes: Vec<usize>,
        outputs: &[String],
    ) -> Result<Self> {
        let typed = guarded(&signature.name, || {
            let mut graph = graph.clone();
            graph.set_input_names([&signature.input.name])?;
            graph.set_input_fact(0, f32::fact(&axes).into())?;
            graph.select_outputs_by_name(outputs)?;
            graph.into_typed()
        })?;
        all_within_reason(&signature.name, axes[0], &typed)?;
        let plan = guarded(&signature.name, || typed.into_optimized()?.into_runnable())?;
        let model = plan.model();
        let facts = model
            .outputs
            .iter()
            .map(|&outlet| model.outlet_fact(outlet));
        // Shapes that depend on values are not known yet; such tensors are bounded by the input.
        let numbers = facts
            .filter_map(|fact| fact.ok()?.shape.as_concrete().map(volume))
            .fold(0, usize::saturating_add);
        within_reason(&signature.name, axes[0], "tensors", &[numbers])?;
        Ok(Network {
            name: signature.name.clone(),
            plan: Executor::Tract(plan),
            outputs: outputs.to_vec(),
            axes,
        })
    }

    /// A network up to the tensors `outputs`, run by a library.
    pub fn by_library(
        signature: &Signature,
        runtime: &Arc<Runtime>,
        axes: Vec<usize>,
        outputs: &[String],
    ) -> Self {
        Network {
            name: signature.name.clone(),
            plan: Executor::Library(Arc::clone(runtime)),
            outputs: outputs.to_vec(),
            axes,
        }
    }

    /// The name of the library, if it is not tract.
    pub fn about(&self) -> Option<String> {
        match &self.plan {
            Executor::Tract(_) => None,
            Executor::Library(runtime) => {
                Some(format!("the network is run by {}", runtime.about()))
            }
        }
    }

    pub fn batch(&self) -> usize {
        self.axes[0]
    }

    /// Runs one batch; returns all tensors, each with a row for each image.
    ///
    /// Errors: a network that fails on the batch; a tensor whose first axis is not the batch.
    pub fn run(&self, input: Vec<f32>) -> Result<Vec<BatchTensor>> {
        let found = match &self.plan {
            Executor::Tract(plan) => self.run_tract(plan, &input),
            Executor::Library(runtime) => runtime.run(&self.axes, input),
        };
        found.map_err(|fault| match fault {
            Fault::Failed(why) => Error::input(
                &self.name,
                Place::Whole,
                format!("the network cannot be run on these images: {why}"),
                "check size=, layout= and the file",
            ),
            Fault::NoRows(place) => {
                let batch = self.batch();
                let what =
                    format!("the first axis of the tensor is not the batch of {batch} images");
                self.no_rows(&self.outputs[place], &what)
            }
        })
    }

    fn run_tract(
        &self,
        plan: &Arc<TypedRunnableModel>,
        input: &[f32],
    ) -> Result<Vec<BatchTensor>, Fault> {
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let input = Tensor::from_shape(&self.axes, input)?;
            plan.run(tvec![input.into_tvalue()])
        }));
        let tensors = match ran {
            Ok(Ok(tensors)) => tensors,
            Ok(Err(error)) => return Err(Fault::Failed(format!("{error:#}"))),
            Err(_) => return Err(Fault::Failed("tract gave up".into())),
        };
        let rows = |(place, tensor): (usize, TValue)| {
            if tensor.shape().first() != Some(&self.batch()) || tensor.len() == 0 {
                return Err(Fault::NoRows(place));
            }
            let plain = || -> TractResult<BatchTensor> {
                let axes = tensor.shape()[1..].to_vec();
                let tensor = tensor.cast_to::<f32>()?;
                let values = tensor.to_plain_array_view::<f32>()?;
                Ok(BatchTensor {
                    axes,
                    values: values.iter().copied().collect(),
                })
            };
            plain().map_err(|error| Fault::Failed(format!("{error:#}")))
        };
        tensors.into_iter().enumerate().map(rows).collect()
    }

    /// Checks that images have the same rows in two batches, `first` and `second`, at different places and among
    /// different neighbours; `shown` holds the image numbers of each batch.
    pub fn independent(
        &self,
        shown: [&[usize]; 2],
        first: &[BatchTensor],
        second: &[BatchTensor],
    ) -> Result<()> {
        let pairs = first.iter().zip(second);
        let pairs = pairs.map(|(first, second)| (&first.values, &second.values));
        for (name, (one, other)) in self.outputs.iter().zip(pairs) {
            let dims = [one.len() / shown[0].len(), other.len() / shown[1].len()];
            let rows = one.chunks_exact(dims[0]).chain(other.chunks_exact(dims[1]));
            let longest = rows.map(|row| distance(row, &[])).fold(0.0, f64::max);
            let same = |place: usize, image: &usize| {
                let Some(there) = shown[1].iter().position(|shown| shown == image) else {
                    return true;
                };
                let a = &one[place * dims[0]..][..dims[0]];
                let b = &other[there * dims[1]..][..dims[1]];
                distance(a, b) <= ROUNDING * longest
            };
            let mut images = shown[0].iter().enumerate();
            if dims[0] != dims[1] || !images.all(|(place, image)| same(place, image)) {
                return Err(self.no_rows(
                    name,
                    "what the tensor has for an image depends on the other images of its batch, or on chance",
                ));
            }
        }
        Ok(())
    }

    /// Checks that every tensor differed between images.
    pub fn varied(&self, varied: &[bool]) -> Result<()> {
        match self
            .outputs
            .iter()
            .zip(varied)
            .find(|(_, varied)| !**varied)
        {
            Some((name, _)) => Err(self.no_rows(name, "the tensor is the same for all images")),
            None => Ok(()),
        }
    }

    /// Checks that quantisation changes rows by little: `rounded` are the outputs for the images of the trial, and
    /// `unrounded` those without quantisation.
    pub fn rounds_little(&self, rounded: &[BatchTensor], unrounded: &[BatchTensor]) -> Result<()> {
        for (name, (one, other)) in self.outputs.iter().zip(rounded.iter().zip(unrounded)) {
            let (rounded, unrounded) = (&one.values, &other.values);
            let dim = volume(&other.axes).max(1);
            let moved = distance(rounded, unrounded);
            let off = moved / distance(unrounded, &[]);
            let apart = moved / spread(unrounded, dim);
            let coarse = off > COARSE || (off > COARSE_BESIDE && apart > COARSE_APART);
            if rounded.len() != unrounded.len() || coarse {
                return Err(Error::input(
                    &self.name,
                    Place::Part(name.clone()),
                    format!(
                        "on images of noise, the network with its rounding to integers gives rows that are off by \
                         {:.0} % from the same without rounding, which rounding does not do",
                        100.0 * off
                    ),
                    "give the network as it was before it was quantised, or compute the embeddings elsewhere and give \
                     them as file:REFERENCE,QUERIES",
                ));
            }
        }
        Ok(())
    }

    fn no_rows(&self, tensor: &str, what: &str) -> Error {
        Error::input(
            &self.name,
            Place::Part(tensor.into()),
            what,
            "name a tensor that has a row for each image, or export the network for a batch of 1",
        )
    }
}

/// The Euclidean distance of two rows, or the length of `a` if `b` is empty. Differences that are not finite are
/// ignored; [`super::Encoder::encode`] reports them.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    let b = b.iter().copied().chain(std::iter::repeat(0.0));
    let differences = a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(b));
    let squares = differences.filter(|d| d.is_finite()).map(|d| d * d);
    squares.sum::<f64>().sqrt()
}

/// The root of the summed squared distances of all rows (n x d) from their mean.
fn spread(values: &[f32], d: usize) -> f64 {
    let n = (values.len() / d).max(1) as f64;
    let squares = (0..d).map(|column| {
        let of_column = || values.iter().skip(column).step_by(d).map(|v| f64::from(*v));
        let mean = of_column().sum::<f64>() / n;
        of_column().map(|v| (v - mean).powi(2)).sum::<f64>()
    });
    squares.sum::<f64>().sqrt()
}

fn volume(axes: &[usize]) -> usize {
    axes.iter().copied().fold(1, usize::saturating_mul)
}

/// Refuses tensors that are too large for a batch of this many images.
pub fn within_reason(name: &str, batch: usize, what: &str, axes: &[usize]) -> Result<()> {
    let bytes = volume(axes).saturating_mul(4);
    if bytes <= MOST_BYTES {
        return Ok(());
    }
    Err(Error::input(
        name,
        Place::Whole,
        format!(
            "the {what} of its batch of {batch} images would take {} MiB, and may take {}",
            bytes >> 20,
            MOST_BYTES >> 20
        ),
        "export it for a smaller batch or an open one, or name a smaller tensor",
    ))
}

/// Refuses a network with an inner tensor that no machine can hold. This comes before tract optimises the network,
/// which allocates tables as long as an axis.
fn all_within_reason(name: &str, batch: usize, model: &TypedModel) -> Result<()> {
    for node in model.nodes() {
        let shapes = node.outputs.iter().map(|outlet| &outlet.fact.shape);
        let largest = shapes
            .filter_map(|shape| shape.as_concrete().map(volume))
            .max();
        let bytes = largest.unwrap_or(0).saturating_mul(4);
        if bytes > MOST_WITHIN {
            return Err(Error::input(
                name,
                Place::Part(node.name.clone()),
                format!(
                    "what it computes for a batch of {batch} images would take {} MiB, and may take {}",
                    bytes >> 20,
                    MOST_WITHIN >> 20
                ),
                "check size= and the file, export it for a smaller batch or an open one, or name an earlier tensor",
            ));
        }
    }
    Ok(())
}

/// Runs a step of tract, and turns its errors and panics into an error about the file.
pub fn guarded<T>(name: &str, step: impl FnOnce() -> TractResult<T>) -> Result<T> {
    let why = match catch_unwind(AssertUnwindSafe(step)) {
        Ok(Ok(done)) => return Ok(done),
        Ok(Err(error)) => format!("{error:#}"),
        Err(_) => "tract gave up".into(),
    };
    Err(Error::input(
        name,
        Place::Whole,
        format!("tract cannot run this network: {why}"),
        "check size= and layout=, or export the network with other operators",
    ))
}
