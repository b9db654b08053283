//! A network is tried on images of noise before it runs on any: each image must become a row that is its own.

use super::batch_tensor::BatchTensor;
use super::model::Signature;
use super::network::Network;
use super::preparation::Preparation;
use super::runtime::Runtime;
use crate::error::Result;
use std::sync::Arc;
use tract_onnx::prelude::InferenceModel;

/// Numbers of a batch's input, about: enough work for one call, little memory for one thread.
const BATCH_NUMBERS: usize = 1 << 16;

/// Images of a batch at most.
const BATCH_MOST: usize = 32;

/// Images of the trial where every image is run alone.
const TRIED: usize = 8;

/// What is said where every image is run alone.
pub const ALONE: &str = "what the network gives for an image depends on the other images of its batch, as where it finds \
                         the range of its integers while it runs; so every image is run in a batch of its own";

/// What networks for batches of any size are made of.
pub enum Engine {
    Tract(InferenceModel),
    Library(Arc<Runtime>),
}

/// A network on trial.
pub struct Trial<'t> {
    signature: &'t Signature,
    preparation: &'t Preparation,
    outputs: &'t [String],
    engine: &'t Engine,
}

/// A network that gives every image a row that is its own.
pub struct Tried {
    pub network: Network,
    /// What the first images of noise became.
    pub shown: Vec<BatchTensor>,
    /// Whether every image is a batch, because its row would depend on the others.
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

    /// Errors: a network that tract cannot run, a tensor without a row for each image.
    pub fn run(&self) -> Result<Tried> {
        let fixed = self.signature.input.axes.first().copied().flatten();
        if fixed.is_none() && self.signature.finds_ranges() {
            return self.one_by_one();
        }
        self.together(fixed).or_else(|error| match fixed {
            // Of the two, what is wrong with batches says more.
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

    /// In batches, in which an image's row must be the same whatever the others are.
    fn together(&self, fixed: Option<usize>) -> Result<Tried> {
        let open = (BATCH_NUMBERS / self.preparation.numbers()).clamp(1, BATCH_MOST);
        let [shown, again] = trial(fixed.unwrap_or(open), fixed.is_some());
        // An axis that is as long as the batch by accident is not as long as another one; the smaller network goes
        // before the larger one comes.
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

    /// Every image in a batch of its own: it must become the same each time, and images must differ in what they
    /// become.
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
