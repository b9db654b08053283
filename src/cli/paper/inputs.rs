//! Opens and checks everything that the experiments need; whatever can be refused is refused here.

use super::sets::{self, ImagePair, Named};
use super::{Args, CUBES, Which};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::rows::{Rows, open};
use crate::space::Settings;
use crate::study::paper::fig1;
use crate::study::paper::images::{self, Data, Series};

/// The least budget of rows and spaces, in bytes, whatever the sets take.
const LEAST: u64 = 64 << 20;

/// The inputs of the experiments that were asked for.
pub struct PaperInputs {
    pub fig1: Option<fig1::Fig1Plan>,
    /// Curves of figures 3 and 4, and of table 1.
    pub pixels: Vec<SetCurves>,
    pub latents: Vec<SetCurves>,
    /// The cubes of figure 5, each with its embeddings.
    pub fig5: Vec<(u64, Embeddings)>,
    /// Bytes that the sets leave for spaces.
    pub memory: u64,
    pub sets: Vec<ImagePair>,
}

/// Embeddings as typed, and their rows.
pub type Embeddings = Vec<(String, Box<dyn Rows>)>;

/// The curves of one set.
pub struct SetCurves {
    /// The index of the set.
    pub set: usize,
    pub series: Vec<Series>,
    /// A note about points that were left out.
    pub note: Option<String>,
}

impl PaperInputs {
    /// Opens all sets and embeddings, and checks that the experiments can use them.
    ///
    /// Errors: files that cannot be read, spaces and embeddings that do not fit, too little memory.
    pub fn new(args: &Args, named: Vec<Named>, control: &Control) -> Result<Self> {
        let fig5 = match args.asks_for(Which::Fig5) {
            true => cubes(args, control)?,
            false => Vec::new(),
        };
        let sets = sets::open(args, named, control)?;
        let resident = sets.iter().map(|set| {
            let [first, second] = [&set.opened.reference, &set.opened.queries];
            first.rows.resident_bytes() + second.rows.resident_bytes()
        });
        let left = args.memory().saturating_sub(resident.sum());
        let memory = left.max(LEAST.min(args.memory()));
        let fig1 = args.asks_for(Which::Fig1).then(|| args.fig1(memory));
        fig1.iter().try_for_each(fig1::Fig1Plan::check)?;
        let mut inputs = PaperInputs {
            fig1,
            pixels: Vec::new(),
            latents: Vec::new(),
            fig5,
            memory,
            sets,
        };
        for (place, set) in inputs.sets.iter().enumerate() {
            let shape = set.opened.reference.shape;
            if args.asks_for(Which::Pixels) {
                let series = images::pixels(shape, &set.named.name, args.quick)?;
                inputs.pixels.push(SetCurves {
                    set: place,
                    series,
                    note: None,
                });
            }
            if args.asks_for(Which::Latents) && set.named.has_latents() {
                let numbers = set.opened.reference.rows.dim();
                let (series, note) = images::latents(args.quick, numbers)?;
                inputs.latents.push(SetCurves {
                    set: place,
                    series,
                    note,
                });
            }
        }
        for SetCurves { set, series, .. } in inputs.pixels.iter().chain(&inputs.latents) {
            let settings = inputs.settings(args);
            images::check(&inputs.data(*set), series, settings, control)?;
        }
        Ok(inputs)
    }

    /// The settings of the spaces.
    pub fn settings(&self, args: &Args) -> Settings {
        Settings {
            seed: args.seed,
            memory: self.memory,
            // None of these spaces begins with `file:`.
            files: Default::default(),
            onnx_runtime: args.networks.onnx_runtime.clone(),
        }
    }

    /// The images of a set.
    pub fn data(&self, set: usize) -> Data {
        let ImagePair { named, opened, .. } = &self.sets[set];
        Data {
            name: named.name.clone(),
            reference: opened.reference.clone(),
            queries: opened.queries.clone(),
        }
    }
}

/// The cubes with their embeddings: an embedding belongs to the cube that has as many vertices as the embedding has rows.
fn cubes(args: &Args, control: &Control) -> Result<Vec<(u64, Embeddings)>> {
    let options = args.rows.options(None, args.memory(), "embeddings")?;
    let mut cubes = CUBES.map(|d| (d, Embeddings::new()));
    for (text, path) in args.embeddings()? {
        let rows = open(&path, &options, control)?;
        match cubes.iter_mut().find(|(d, _)| rows.len() == 1 << d) {
            Some((_, own)) => own.push((text, rows)),
            None => {
                return Err(Error::Usage(format!(
                    "{text} has {} rows, and the cubes of figure 5 have {} vertices: one row a vertex is needed",
                    rows.len(),
                    CUBES.map(|d| (1u64 << d).to_string()).join(" and ")
                )));
            }
        }
    }
    Ok(cubes.into())
}
