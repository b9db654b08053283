//! The latent space of a network: images through an ONNX file up to a named tensor, run by tract on the CPU.
//!
//! [`Preparation`] brings images to the network's size, channels and scale. Batches run in parallel, in f32; a tensor
//! of several positions an image is pooled as was asked for, or flattened. All tensors that are asked of one
//! network come from one pass. Before any, a trial on noise shows that an image's row is its own, whichever images are
//! in its batch; where it is not, every image is run alone. Another shows that a network that rounds to integers gives
//! about what it gives unrounded.

mod configs;
mod graph;
mod model;
mod network;
mod pool;
mod preparation;
mod processor;
mod recipe;
mod runtime;
mod spread;
mod timm;
mod trial;

pub use configs::config_of;
pub use graph::listing::Listed;
pub use model::{Model, Signature};
pub use preparation::{Pixels, frame};

use super::spec::{OnnxArgs, Pool};
use crate::control::Control;
use crate::error::{Error, Place, Result};
use crate::rows::{Collector, Element, Rows, Store};
use network::{Network, Output, guarded};
use pool::{Pooling, unpooled};
use preparation::Preparation;
use rayon::prelude::*;
use runtime::{Library, Runtime};
use std::path::Path;
use std::sync::Arc;
use tract_onnx::prelude::InferenceModel;
use trial::{Engine, Trial, Tried};

/// Batches in the air a thread.
const AHEAD: usize = 4;

/// What is asked of a network: a tensor, and what becomes of it where it has several positions an image.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wanted {
    pub tensor: String,
    pub pool: Option<Pool>,
}

/// A network ready to run on images of one shape.
pub struct Encoder {
    name: String,
    network: Network,
    preparation: Preparation,
    /// What becomes of which of the network's tensors, for each that was wanted.
    rows: Vec<(usize, Pooling)>,
    /// What the user should know, for each that was wanted.
    notes: Vec<Vec<String>>,
}

impl Encoder {
    /// Make a network ready for what is wanted of it, on `images`, for tract or the `library` of ONNX Runtime. What was
    /// read of its file is let go.
    ///
    /// Errors: no such tensor, an input that images do not fit, a network that cannot be run, a tensor without a
    /// row for each image, or that cannot be pooled as was asked for.
    pub fn new(
        model: Model,
        args: &OnnxArgs,
        wanted: &[Wanted],
        images: Pixels,
        library: Option<&Path>,
    ) -> Result<Self> {
        let signature = model.signature();
        let preparation = Preparation::new(&signature, args, images)?;
        let mut tensors: Vec<String> = Vec::new();
        for wanted in wanted {
            if !tensors.contains(&wanted.tensor) {
                tensors.push(wanted.tensor.clone());
            }
        }
        let tried = match library {
            None => by_tract(model, &preparation, &tensors)?,
            Some(library) => {
                let runtime = runtime(library, &model, &args.file, &tensors)?;
                let engine = Engine::Library(runtime);
                Trial::new(&signature, &preparation, &tensors, &engine).run()?
            }
        };
        let mut encoder = Encoder {
            name: signature.name.clone(),
            network: tried.network,
            preparation,
            rows: Vec::new(),
            notes: Vec::new(),
        };
        for wanted in wanted {
            encoder.pool(wanted, &tensors, &tried.shown, tried.alone)?;
        }
        Ok(encoder)
    }

    /// Add what becomes of a tensor that is wanted, now that its axes are known.
    fn pool(
        &mut self,
        wanted: &Wanted,
        tensors: &[String],
        outputs: &[Output],
        alone: bool,
    ) -> Result<()> {
        let Wanted { tensor, pool } = wanted;
        let place = tensors.iter().position(|known| known == tensor);
        let place = place.unwrap_or_default();
        let axes = &outputs[place].axes;
        let layout = self.preparation.layout();
        let pooling = Pooling::new(&self.name, tensor, axes, *pool, layout)?;
        let mut notes = self.preparation.notes().to_vec();
        notes.extend(self.network.about());
        notes.extend(unpooled(tensor, axes, *pool));
        notes.extend(alone.then(|| trial::ALONE.to_string()));
        self.rows.push((place, pooling));
        self.notes.push(notes);
        Ok(())
    }

    /// Numbers of a row of each that was wanted.
    pub fn dims(&self) -> Vec<usize> {
        let rows = self.rows.iter();
        rows.map(|(_, pooling)| pooling.dim()).collect()
    }

    /// What the user should know of each that was wanted: how images went in, what became of the tensor.
    pub fn notes(&self) -> &[Vec<String>] {
        &self.notes
    }

    /// The rows of up to a batch of images, for each that was wanted.
    fn encode(&self, images: &[f64]) -> Result<Vec<Vec<f32>>> {
        let mut input = self.preparation.apply(images)?;
        let numbers = self.preparation.numbers();
        let count = input.len() / numbers;
        input.resize(self.network.batch() * numbers, 0.0);
        let outputs = self.network.run(input)?;
        let rows = self.rows.iter().map(|(place, pooling)| {
            let values = &outputs[*place].values;
            let image = values.len() / self.network.batch();
            pooling.apply(&values[..count * image])
        });
        let rows: Vec<Vec<f32>> = rows.collect();
        let wild = rows.iter().flatten().find(|value| !value.is_finite());
        match wild {
            None => Ok(rows),
            Some(wild) => Err(Error::input(
                &self.name,
                Place::Whole,
                format!("the network gives {wild} for an image"),
                "check mean=, std= and the file",
            )),
        }
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
            .zip(self.dims())
            .map(|(name, dim)| Collector::new(name, dim, Element::F32, budget / names.len() as u64))
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
        let sets: Vec<Store> = sets.into_iter().map(Collector::finish).collect();
        for (name, set) in names.iter().zip(&sets) {
            if let Some(note) = spread::note(name, set)? {
                control.warn(note);
            }
        }
        Ok(sets)
    }
}

/// The network of tract, which must give about what it gives without rounding to integers, if it does round.
fn by_tract(model: Model, preparation: &Preparation, tensors: &[String]) -> Result<Tried> {
    let signature = model.signature();
    let tried = |graph: InferenceModel| {
        let engine = Engine::Tract(graph);
        Trial::new(&signature, preparation, tensors, &engine).run()
    };
    let mut prepared = model.prepare(tensors)?;
    let unrounded = match prepared.take_unrounded() {
        Some(parsed) => Some(tried(guarded(&signature.name, || parsed)?)?.shown),
        None => None,
    };
    let graph = guarded(&signature.name, || prepared.parsed())?;
    drop(prepared);
    let made = tried(graph)?;
    if let Some(unrounded) = &unrounded {
        made.network.rounds_little(&made.shown, unrounded)?;
    }
    Ok(made)
}

/// A network in the library at `library`.
fn runtime(library: &Path, model: &Model, file: &Path, tensors: &[String]) -> Result<Arc<Runtime>> {
    let library = Library::open(library)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let files = model.data_files().into_iter().map(|path| {
        let name = path.strip_prefix(folder).unwrap_or(&path);
        (name.display().to_string(), path.clone())
    });
    let files: Vec<_> = files.collect();
    let runtime = Runtime::new(&library, file, &files, &model.signature(), tensors)?;
    Ok(Arc::new(runtime))
}

#[cfg(test)]
mod tests;
