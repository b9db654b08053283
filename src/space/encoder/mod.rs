//! The latent space of a network: images through an ONNX file up to a named tensor, run by tract on the CPU.
//!
//! [`Preparation`] brings images to the network's size, channels and scale. Batches run in parallel, in f32; a tensor
//! of several positions an image is pooled as was asked for, or flattened. All tensors that are asked of one
//! network come from one pass. Before any, a trial on noise shows that an image's row is its own, whichever images are
//! in its batch; where it is not, every image is run alone. Another shows that a network that rounds to integers gives
//! about what it gives unrounded.

mod batch_tensor;
mod config_faults;
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

use super::Layer;
use super::spec::{OnnxArgs, Pool};
use crate::control::Control;
use crate::error::{Error, Place, Result};
use crate::rows::{Collector, Element, Rows, Store};
use crate::warnings::Warnings;
use batch_tensor::BatchTensor;
use network::{Network, guarded};
use pool::{Pooling, unpooled};
use preparation::Preparation;
use rayon::prelude::*;
use runtime::{Library, Runtime};
use std::path::Path;
use std::sync::Arc;
use tract_onnx::prelude::InferenceModel;
use trial::{Engine, Trial, Tried};

/// Numbers of a row, at most.
const MOST: usize = 1 << 22;

/// Batches in the air a thread.
const AHEAD: usize = 4;

/// What is asked of a network: tensors that stand side by side in a row, and what becomes of one that has several
/// positions an image.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wanted {
    pub tensors: Vec<String>,
    pub pool: Option<Pool>,
}

impl Wanted {
    /// The tensors as they are typed after `@`.
    pub fn name(&self) -> String {
        self.tensors.join("+")
    }
}

/// A network ready to run on images of one shape.
pub struct Encoder {
    name: String,
    network: Network,
    preparation: Preparation,
    /// For each row that was wanted, its parts: which of the network's tensors, and what becomes of it.
    rows: Vec<Vec<(usize, Pooling)>>,
    /// The same parts by name.
    layers: Vec<Vec<Layer>>,
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
            for tensor in &wanted.tensors {
                if !tensors.contains(tensor) {
                    tensors.push(tensor.clone());
                }
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
            layers: Vec::new(),
            notes: Vec::new(),
        };
        for wanted in wanted {
            encoder.pool(wanted, &tensors, &tried.shown, tried.alone)?;
        }
        Ok(encoder)
    }

    /// Add what becomes of the tensors of a row that is wanted, now that their axes are known.
    fn pool(
        &mut self,
        wanted: &Wanted,
        tensors: &[String],
        outputs: &[BatchTensor],
        alone: bool,
    ) -> Result<()> {
        let layout = self.preparation.layout();
        let mut notes = self.preparation.notes().to_vec();
        notes.extend(self.network.about());
        let (mut parts, mut layers) = (Vec::new(), Vec::new());
        for tensor in &wanted.tensors {
            let place = tensors.iter().position(|known| known == tensor);
            let place = place.unwrap_or_default();
            let axes = &outputs[place].axes;
            let pooling = Pooling::new(&self.name, tensor, axes, wanted.pool, layout)?;
            layers.push(Layer {
                tensor: tensor.clone(),
                dim: pooling.dim(),
            });
            parts.push((place, pooling));
            if wanted.tensors.len() == 1 {
                notes.extend(unpooled(tensor, axes, wanted.pool));
            }
        }
        notes.extend(side_by_side(&layers));
        notes.extend(alone.then(|| trial::ALONE.to_string()));
        let dim = layers.iter().map(|layer| layer.dim).sum();
        self.within(dim, wanted)?;
        self.rows.push(parts);
        self.layers.push(layers);
        self.notes.push(notes);
        Ok(())
    }

    /// Refuse rows that nobody can compare.
    fn within(&self, dim: usize, wanted: &Wanted) -> Result<()> {
        if dim <= MOST {
            return Ok(());
        }
        Err(Error::input(
            &self.name,
            Place::Part(wanted.name()),
            format!("it has {dim} numbers an image, and at most {MOST} make a row"),
            "name fewer tensors, as in @layer3+layer4, or pool=mean or pool=max to take one number a channel",
        ))
    }

    /// Numbers of a row of each that was wanted.
    pub fn dims(&self) -> Vec<usize> {
        let sum = |layers: &Vec<Layer>| layers.iter().map(|layer| layer.dim).sum();
        self.layers.iter().map(sum).collect()
    }

    /// What the rows of each that was wanted consist of, in order.
    pub fn layers(&self) -> &[Vec<Layer>] {
        &self.layers
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
        let part = |(place, pooling): &(usize, Pooling)| {
            let values = &outputs[*place].values;
            let image = values.len() / self.network.batch();
            pooling.apply(&values[..count * image])
        };
        let row = |parts: &Vec<(usize, Pooling)>| {
            let parts: Vec<Vec<f32>> = parts.iter().map(part).collect();
            joined(parts, count)
        };
        let rows: Vec<Vec<f32>> = self.rows.iter().map(row).collect();
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
        warnings: &mut Warnings,
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
                warnings.add(note);
            }
        }
        Ok(sets)
    }
}

/// Rows of several parts, each `count` rows itself.
fn joined(mut parts: Vec<Vec<f32>>, count: usize) -> Vec<f32> {
    if let [_] = parts[..] {
        return parts.remove(0);
    }
    let row = |image: usize| {
        parts.iter().flat_map(move |part| {
            let dim = part.len() / count;
            part[image * dim..][..dim].iter().copied()
        })
    };
    (0..count).flat_map(row).collect()
}

/// What to say of rows of several tensors.
fn side_by_side(layers: &[Layer]) -> Option<String> {
    let [first, .., last] = layers else {
        return None;
    };
    let dim: usize = layers.iter().map(|layer| layer.dim).sum();
    Some(format!(
        "a row is {} tensors side by side, {dim} numbers: {} ({}) to {} ({})",
        layers.len(),
        first.tensor,
        first.dim,
        last.tensor,
        last.dim
    ))
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
