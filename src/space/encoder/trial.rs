//! Tries a network on images of noise before it runs on real ones: the row of an image must not depend on its batch.

use super::batch_tensor::BatchTensor;
use super::model::Signature;
use super::network::Network;
use super::preparation::Preparation;
use super::runtime::Runtime;
use crate::error::Result;
use std::sync::Arc;
use tract_onnx::prelude::InferenceModel;

/// About how many numbers a batch's input has: enough work for one call, little memory for one thread.
const BATCH_NUMBERS: usize = 1 << 16;

/// The most images of a batch.
const BATCH_MOST: usize = 32;

/// The number of images in a trial where every image is run alone.
const TRIED: usize = 8;

/// The note if every image is run alone.
pub const ALONE: &str = "what the network gives for an image depends on the other images of its batch, as where it finds \
                         the range of its integers while it runs; so every image is run in a batch of its own";

/// The source of networks for batches of any size.
pub enum Engine {
    Tract(InferenceModel),
    Library(Arc<Runtime>),
}

/// A trial of a network.
pub struct Trial<'t> {
    signature: &'t Signature,
    preparation: &'t Preparation,
    outputs: &'t [String],
    engine: &'t Engine,
}

/// A network that passed the trial.
pub struct Tried {
    pub network: Network,
    /// Its outputs for the first images of noise.
    pub shown: Vec<BatchTensor>,
    /// Whether every image is run in a batch of its own, because its row would depend on the others.
    pub alone: bool,
}

impl<'t> Trial<'t> {
    pub fn new(
        signature: &'t Signature,
        preparation: &'t Preparation,
        outputs: &'t [String],
        engine: &'t Engine,
    ) -> Self {
        Trial {
            signature,
            preparation,
            outputs,
            engine,
        }
    }

    /// Runs the trial. Errors: a network that tract cannot run, a tensor without a row for each image.
    pub fn run(&self) -> Result<Tried> {
        let fixed = self.signature.input.axes.first().copied().flatten();
        if fixed.is_none() && self.signature.finds_ranges() {
            return self.one_by_one();
        }
        self.together(fixed).or_else(|error| match fixed {
            // Of the two errors, that of batches is more informative.
            None => self.one_by_one().map_err(|_| error),
            Some(_) => Err(error),
        })
    }

    fn network(&self, batch: usize) -> Result<Network> {
        let axes = self
            .preparation
            .axes(self.signature.input.axes.len(), batch);
        match self.engine {
            Engine::Tract(graph) => Network::new(self.signature, graph, axes, self.outputs),
            Engine::Library(runtime) => Ok(Network::by_library(
                self.signature,
                runtime,
                axes,
                self.outputs,
            )),
        }
    }

    fn of(&self, images: &[usize]) -> Result<Vec<f32>> {
        self.preparation.noise(images)
    }

    /// Tries batches, in which an image's row must be the same whatever the other images are.
    fn together(&self, fixed: Option<usize>) -> Result<Tried> {
        let open = (BATCH_NUMBERS / self.preparation.numbers()).clamp(1, BATCH_MOST);
        let [shown, again] = trial(fixed.unwrap_or(open), fixed.is_some());
        // Two batch sizes reveal an axis whose length equals the batch only by accident. The smaller network is freed
        // before the larger one is made.
        let other = match fixed {
            Some(_) => None,
            None => Some(self.network(again.len())?.run(self.of(&again)?)?),
        };
        let network = self.network(shown.len())?;
        let first = network.run(self.of(&shown)?)?;
        let second = other.map_or_else(|| network.run(self.of(&again)?), Ok)?;
        network.independent([&shown, &again], &first, &second)?;
        Ok(Tried {
            network,
            shown: first,
            alone: false,
        })
    }

    /// Runs every image in a batch of its own: repeated runs must agree, and different images must give different rows.
    fn one_by_one(&self) -> Result<Tried> {
        let network = self.network(1)?;
        let first = network.run(self.of(&[0])?)?;
        network.independent([&[0], &[0]], &first, &network.run(self.of(&[0])?)?)?;
        let mut varied = vec![false; first.len()];
        let mut shown = first;
        for image in 1..TRIED {
            for (place, other) in network.run(self.of(&[image])?)?.into_iter().enumerate() {
                let values = &mut shown[place].values;
                varied[place] |= values[..other.values.len()] != other.values;
                values.extend(other.values);
            }
        }
        network.varied(&varied)?;
        Ok(Tried {
            network,
            shown,
            alone: true,
        })
    }
}

/// Two batches of image numbers that share images at other places or among other images. If the batch size is fixed,
/// both have it; otherwise the second has another size.
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
