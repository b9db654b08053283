//! ONNX Runtime in place of tract: a shared library that the user names, loaded when it is asked for.
//!
//! The network is given to it as its file has it. A tensor that is no output of the graph is made one: protobuf joins
//! the parts of a message that come one after another, so a second, small `graph` with nothing but outputs is
//! appended to the file's bytes.

use super::batch_tensor::BatchTensor;
use super::model::{Signature, builtin};
use crate::error::{Error, Place, Result};
use half::{bf16, f16};
use ort::environment::Environment;
use ort::session::{Session, builder::SessionBuilder};
use ort::value::{DynValue, PrimitiveTensorElementType, Tensor, TensorElementType, ValueType};
use std::fmt::Debug;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The library of this process: one at most.
static LOADED: Mutex<Option<Arc<Library>>> = Mutex::new(None);

/// ONNX Runtime, ready to run networks.
pub struct Library {
    path: PathBuf,
    environment: Environment,
}

/// A network in ONNX Runtime.
pub struct Runtime {
    library: Arc<Library>,
    session: Mutex<Session>,
    input: String,
    /// The type of the numbers that it takes.
    takes: TensorElementType,
    outputs: Vec<String>,
}

impl Library {
    /// Load the library, or take it as it is loaded.
    ///
    /// Errors: a file that is not there, that is no ONNX Runtime, or a version that is too old; a second library.
    pub fn open(path: &Path) -> Result<Arc<Library>> {
        let path = path
            .canonicalize()
            .map_err(|error| Error::io("open", path, error))?;
        // A poisoned lock holds no library that was not loaded whole.
        let mut loaded = LOADED.lock().unwrap_or_else(|held| held.into_inner());
        if let Some(known) = &*loaded {
            return match known.path == path {
                true => Ok(Arc::clone(known)),
                false => Err(Error::Usage(format!(
                    "{} is loaded, and {} is asked for: one library a process",
                    known.path.display(),
                    path.display()
                ))),
            };
        }
        let library = Arc::new(Library {
            environment: start(&path)?,
            path,
        });
        *loaded = Some(Arc::clone(&library));
        Ok(library)
    }

    /// Its name and where it is, for messages.
    pub fn about(&self) -> String {
        format!("ONNX Runtime ({})", self.path.display())
    }
}

/// Load the library, which may be anything.
fn start(path: &Path) -> Result<Environment> {
    let started = catch_unwind(|| -> std::result::Result<Environment, String> {
        let builder = ort::init_from(path).map_err(|error| error.to_string())?;
        let environment = builder.with_name("hullscope").with_telemetry(false).build();
        environment.map_err(|error| error.to_string())
    });
    match started {
        Ok(Ok(environment)) => Ok(environment),
        Ok(Err(why)) => Err(no_library(path, &why)),
        Err(_) => Err(no_library(path, "it does not start")),
    }
}

fn no_library(path: &Path, why: &str) -> Error {
    Error::input(
        path.display().to_string(),
        Place::Whole,
        format!("it cannot be used as ONNX Runtime: {why}"),
        "name libonnxruntime.so of version 1.18 or later; the Python package onnxruntime has it in its folder capi/",
    )
}

impl Runtime {
    /// The network in `file` up to the tensors `outputs`; `data` are the files that hold weights of it, by the names
    /// that it has for them.
    ///
    /// Errors: files that cannot be read, a network that the library does not take.
    pub fn new(
        library: &Arc<Library>,
        file: &Path,
        data: &[(String, PathBuf)],
        signature: &Signature,
        outputs: &[String],
    ) -> Result<Self> {
        let read =
            |path: &Path| std::fs::read(path).map_err(|error| Error::io("read", path, error));
        let mut bytes = match builtin(file).filter(|_| !file.is_file()) {
            Some(bytes) => bytes.to_vec(),
            None => read(file)?,
        };
        let mut weights: Vec<(&str, Arc<[u8]>)> = Vec::new();
        for (name, path) in data {
            weights.push((name, read(path)?.into()));
        }
        let session = |bytes: &[u8]| {
            let refused = |error: ort::Error| refused(&signature.name, library, &error.to_string());
            let mut builder = options(library).map_err(refused)?;
            for (name, weights) in &weights {
                let with =
                    builder.with_external_initializer_file_in_memory(name, Arc::clone(weights));
                builder = with.map_err(|error| refused(error.into()))?;
            }
            builder.commit_from_memory(bytes).map_err(refused)
        };
        let mut made = session(&bytes)?;
        let known: Vec<&str> = made.outputs().iter().map(|output| output.name()).collect();
        let hidden: Vec<&str> = outputs
            .iter()
            .map(String::as_str)
            .filter(|name| !known.contains(name))
            .collect();
        if !hidden.is_empty() {
            bytes.extend(more_outputs(&hidden));
            made = session(&bytes)?;
        }
        let input = signature.input.name.clone();
        let takes = takes(&made, &input).map_err(|wrong| {
            Error::input(
                &signature.name,
                Place::Whole,
                format!("{} cannot run this network: {wrong}", library.about()),
                "leave --onnx-runtime away, or export the image encoder alone, in f32",
            )
        })?;
        Ok(Runtime {
            library: Arc::clone(library),
            session: Mutex::new(made),
            input,
            takes,
            outputs: outputs.to_vec(),
        })
    }

    /// All tensors of one batch's input; the first axis of each is left out, and must be `axes[0]`.
    ///
    /// Errors: what the library complains of, or a tensor (by its place) that has another first axis; as text.
    pub fn run(
        &self,
        axes: &[usize],
        input: Vec<f32>,
    ) -> std::result::Result<Vec<BatchTensor>, Fault> {
        let failed = |error: ort::Error| Fault::Failed(error.to_string());
        let shape: Vec<i64> = axes.iter().map(|&length| length as i64).collect();
        let input = self.fed(shape, input).map_err(failed)?;
        let mut session = self.session.lock().unwrap_or_else(|held| held.into_inner());
        let found = session
            .run(ort::inputs![self.input.as_str() => input])
            .map_err(failed)?;
        let tensors = self.outputs.iter().enumerate().map(|(place, name)| {
            let tensor = found.get(name.as_str()).ok_or(Fault::NoRows(place))?;
            let (shape, values) = in_f32(tensor).map_err(failed)?;
            match shape.split_first() {
                Some((&batch, rest)) if batch == axes[0] as i64 && !values.is_empty() => {
                    Ok(BatchTensor {
                        axes: rest.iter().map(|&length| length as usize).collect(),
                        values,
                    })
                }
                _ => Err(Fault::NoRows(place)),
            }
        });
        tensors.collect()
    }

    /// The input, in the numbers that the network takes: of bytes, those that stand for pixels from 0 to 1.
    fn fed(&self, shape: Vec<i64>, input: Vec<f32>) -> ort::Result<DynValue> {
        let byte = |value: f32| (255.0 * value).round_ties_even().clamp(0.0, 255.0) as u8;
        Ok(match self.takes {
            TensorElementType::Uint8 => each(shape, input, byte)?,
            TensorElementType::Float16 => each(shape, input, f16::from_f32)?,
            TensorElementType::Bfloat16 => each(shape, input, bf16::from_f32)?,
            TensorElementType::Float64 => each(shape, input, f64::from)?,
            _ => Tensor::from_array((shape, input))?.into_dyn(),
        })
    }

    /// What runs the network.
    pub fn about(&self) -> String {
        self.library.about()
    }
}

/// The numbers that the input for images takes. Or what stands in the way of feeding it.
fn takes(session: &Session, images: &str) -> std::result::Result<TensorElementType, String> {
    let mut found = TensorElementType::Float32;
    for input in session.inputs() {
        match (input.name() == images, input.dtype()) {
            (true, ValueType::Tensor { ty, .. }) if FED.contains(ty) => found = *ty,
            (true, kind) => {
                return Err(format!(
                    "its input takes {kind}, and it is fed with floating-point numbers or bytes"
                ));
            }
            (false, _) => {
                return Err(format!(
                    "it needs {:?} beside images, whichever tensor is asked for",
                    input.name()
                ));
            }
        }
    }
    Ok(found)
}

/// Types of numbers that networks are fed with.
const FED: [TensorElementType; 5] = [
    TensorElementType::Float32,
    TensorElementType::Float64,
    TensorElementType::Float16,
    TensorElementType::Bfloat16,
    TensorElementType::Uint8,
];

/// A tensor of other numbers than f32.
fn each<T: PrimitiveTensorElementType + Debug + Clone + 'static>(
    shape: Vec<i64>,
    values: Vec<f32>,
    of: impl Fn(f32) -> T,
) -> ort::Result<DynValue> {
    let values: Vec<T> = values.into_iter().map(of).collect();
    Ok(Tensor::from_array((shape, values))?.into_dyn())
}

/// Axes and numbers of a tensor that was computed.
fn in_f32(tensor: &DynValue) -> ort::Result<(Vec<i64>, Vec<f32>)> {
    let kind = tensor.dtype().tensor_type();
    Ok(match kind {
        Some(TensorElementType::Float16) => widened(tensor, f16::to_f32)?,
        Some(TensorElementType::Bfloat16) => widened(tensor, bf16::to_f32)?,
        Some(TensorElementType::Float64) => widened(tensor, |value: f64| value as f32)?,
        Some(TensorElementType::Uint8) => widened(tensor, |value: u8| value.into())?,
        _ => widened(tensor, |value: f32| value)?,
    })
}

fn widened<T: PrimitiveTensorElementType + Copy>(
    tensor: &DynValue,
    to_f32: impl Fn(T) -> f32,
) -> ort::Result<(Vec<i64>, Vec<f32>)> {
    let (shape, values) = tensor.try_extract_tensor::<T>()?;
    Ok((shape.to_vec(), values.iter().copied().map(to_f32).collect()))
}

/// Why a batch came to nothing.
pub enum Fault {
    Failed(String),
    /// The tensor of this place has no row for each image.
    NoRows(usize),
}

/// One session for all threads: the library spreads a batch over its own, as many as ours, which sleep when idle.
fn options(library: &Library) -> ort::Result<SessionBuilder> {
    let builder = Session::builder(&library.environment)?;
    let builder = builder.with_intra_threads(rayon::current_num_threads())?;
    Ok(builder.with_config_entry("session.intra_op.allow_spinning", "0")?)
}

fn refused(name: &str, library: &Library, why: &str) -> Error {
    Error::input(
        name,
        Place::Whole,
        format!("{} does not take this network: {why}", library.about()),
        "leave --onnx-runtime away, or export the network again",
    )
}

/// A part of a model that adds tensors to its outputs: ModelProto.graph (7) with GraphProto.output (12), each with a
/// name (1) alone.
fn more_outputs(names: &[&str]) -> Vec<u8> {
    let outputs = names.iter();
    let outputs = outputs.flat_map(|name| field(12, &field(1, name.as_bytes())));
    field(7, &outputs.collect::<Vec<u8>>())
}

/// A field of bytes, as protobuf writes it.
fn field(number: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = body.len();
    while length >= 128 {
        bytes.push(length as u8 | 128);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::{Encoder, Model, Pixels, Wanted};
    use super::*;
    use crate::control::Control;
    use crate::rows::images::Shape;
    use crate::rows::{Rows, Store, sample};
    use crate::space::spec::OnnxArgs;
    use crate::warnings::Warnings;
    use std::io::Write;
    use tract_onnx::prelude::Framework;

    #[test]
    fn outputs_are_added_and_the_rest_stays() {
        let framework = tract_onnx::onnx();
        let read = |bytes: &[u8]| framework.proto_model_for_read(&mut &*bytes).unwrap();
        let plain = builtin(Path::new("sample")).unwrap();
        let long = "n".repeat(300);
        let more = read(&[plain, &more_outputs(&["a", &long])].concat());
        let (before, after) = (read(plain).graph.unwrap(), more.graph.unwrap());
        assert_eq!(
            (before.node.len(), before.initializer.len()),
            (after.node.len(), after.initializer.len())
        );
        let names: Vec<&str> = after
            .output
            .iter()
            .map(|output| output.name.as_str())
            .collect();
        let own = before.output.len();
        assert_eq!(names[own..], ["a", long.as_str()]);
        assert!(own > 0 && names[..own].iter().all(|name| !name.is_empty()));
    }

    /// All tensors of the built-in network for some images, by tract or by a library.
    fn rows(library: Option<&Path>) -> Vec<Vec<f32>> {
        // The last is no output of the graph.
        let names = ["features", "logits", "stage2"];
        let wanted = names.map(|tensor| Wanted {
            tensors: vec![tensor.into()],
            pool: None,
        });
        let images = Pixels {
            shape: Shape {
                height: 28,
                width: 28,
                channels: 1,
                planar: false,
            },
            range: 255.0,
            bytes: true,
            framed: false,
        };
        let model = Model::open(Path::new("sample")).unwrap();
        let args = OnnxArgs {
            file: "sample".into(),
            ..OnnxArgs::default()
        };
        let encoder = Encoder::new(model, &args, &wanted, images, library).unwrap();
        let said = encoder.notes()[0].join("");
        assert_eq!(said.contains("ONNX Runtime"), library.is_some(), "{said}");
        let rows = sample::queries().unwrap();
        let names = names.map(String::from);
        let sets = encoder.encode_all(
            &rows,
            &names,
            u64::MAX,
            &mut Warnings::default(),
            &Control::default(),
        );
        let values = |set: &Store| {
            let mut values = vec![0f32; set.len() * set.dim()];
            set.read_f32(0, &mut values).unwrap();
            values
        };
        sets.unwrap().iter().map(values).collect()
    }

    #[test]
    fn numbers_are_those_of_tract() {
        let Some(library) = std::env::var_os("HULLSCOPE_ONNX_RUNTIME") else {
            // Past the harness, which keeps what tests print to itself.
            let skipped = "SKIPPED: HULLSCOPE_ONNX_RUNTIME does not name a libonnxruntime.so";
            writeln!(std::io::stderr(), "{skipped}").unwrap();
            return;
        };
        let theirs = rows(Some(Path::new(&library)));
        for (ours, theirs) in rows(None).iter().zip(&theirs) {
            assert_eq!(ours.len(), theirs.len());
            let largest = ours.iter().fold(0f32, |most, value| most.max(value.abs()));
            assert!(largest > 0.0);
            let off = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs());
            let off = off.fold(0f32, f32::max);
            assert!(off <= 1e-5 * largest, "{off} of {largest}");
        }
    }

    #[test]
    fn what_is_no_library_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lib.so");
        let missing = Library::open(&path).err().unwrap().to_string();
        assert!(missing.contains("lib.so"), "{missing}");
        std::fs::write(&path, "not a library").unwrap();
        // Another test may have loaded a library; this is what would come before.
        let message = if LOADED.lock().unwrap().is_some() {
            return;
        } else {
            start(&path).err().unwrap().to_string()
        };
        assert!(
            message.contains("cannot be used as ONNX Runtime") && message.contains("capi/"),
            "{message}"
        );
    }
}
