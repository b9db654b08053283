//! An ONNX file as it stands: its tensors, its input, what it says of itself. Nothing is computed here.
//!
//! A file may say how it wants images, in its metadata: `mean` and `std` (numbers separated by commas, on the scale
//! where pixels run from 0 to 1), `size` (`WxH`) and `layout` (`nchw` or `nhwc`).

use super::super::spec::{Layout, extent, in_reach, reals};
use crate::error::{Error, Place, Result};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Extent;
use tract_onnx::pb::{self, type_proto};
use tract_onnx::prelude::*;

/// The network that the program carries, trained and as it was before training; see `assets/encoder/README.md`.
const SAMPLE: &[u8] = include_bytes!("../../../assets/encoder/fashion-encoder.onnx");
const SAMPLE_UNTRAINED: &[u8] =
    include_bytes!("../../../assets/encoder/fashion-encoder-untrained.onnx");

/// Tensors that a message lists at most.
const LISTED: usize = 60;

/// The bytes of the built-in network of this name.
pub fn builtin(name: &Path) -> Option<&'static [u8]> {
    match name.to_str() {
        Some("sample") => Some(SAMPLE),
        Some("sample-untrained") => Some(SAMPLE_UNTRAINED),
        _ => None,
    }
}

/// A network that was read but not yet made to run.
pub struct Model {
    pub name: String,
    pub proto: pb::ModelProto,
    /// Where tensors that are kept in files of their own lie.
    pub folder: Option<String>,
}

/// A network's image input.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    pub name: String,
    /// Lengths of the axes; `None` where the model leaves them open.
    pub axes: Vec<Option<usize>>,
}

impl Model {
    /// Read a file, or the built-in network of that name.
    ///
    /// Errors: a file that cannot be read, that is no ONNX, or that holds operators that tract does not know.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let (bytes, folder) = match builtin(path).filter(|_| !path.exists()) {
            Some(bytes) => (Cow::Borrowed(bytes), None),
            None => {
                let bytes = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
                let folder = path.parent().and_then(Path::to_str).map(String::from);
                (Cow::Owned(bytes), folder)
            }
        };
        let parsed = onnx().proto_model_for_read(&mut &bytes[..]);
        let proto = parsed.map_err(|error| not_onnx(&name, &error.to_string()))?;
        match &proto.graph {
            Some(graph) if !graph.node.is_empty() && !graph.output.is_empty() => {}
            _ => return Err(not_onnx(&name, "it holds no graph with nodes and outputs")),
        }
        let model = Model {
            name,
            proto,
            folder,
        };
        model.check_operators()?;
        Ok(model)
    }

    /// The files beside the network that hold tensors of it.
    pub fn data_files(&self) -> Vec<PathBuf> {
        let folder = Path::new(self.folder.as_deref().unwrap_or(""));
        let graph = self.proto.graph.iter();
        let entries = graph
            .flat_map(|graph| &graph.initializer)
            .flat_map(|tensor| &tensor.external_data);
        let mut files: Vec<PathBuf> = entries
            .filter(|entry| entry.key == "location")
            .map(|entry| folder.join(&entry.value))
            .collect();
        files.sort();
        files.dedup();
        files
    }

    fn nodes(&self) -> &[pb::NodeProto] {
        self.proto.graph.as_ref().map_or(&[], |graph| &graph.node)
    }

    /// Every operator must be one that tract knows.
    fn check_operators(&self) -> Result<()> {
        let known = onnx().op_register.0;
        let mut missing: Vec<&str> = self
            .nodes()
            .iter()
            .map(|node| node.op_type.as_str())
            .filter(|name| !known.contains_key(*name))
            .collect();
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Error::input(
            &self.name,
            Place::Part(missing[0].into()),
            format!(
                "the network uses operators that tract does not know: {}",
                missing.join(", ")
            ),
            "export it with other operators, or compute the embeddings elsewhere and give them as file:REFERENCE,QUERIES",
        ))
    }

    /// The names of all tensors that are computed, in the order of the file.
    pub fn tensors(&self) -> Vec<&str> {
        let outputs = self.nodes().iter().flat_map(|node| &node.output);
        outputs
            .map(String::as_str)
            .filter(|name| !name.is_empty())
            .collect()
    }

    /// The tensor asked for, or the first output.
    pub fn output(&self, wanted: Option<&str>) -> Result<String> {
        let Some(wanted) = wanted else {
            let first = self.proto.graph.as_ref().and_then(|g| g.output.first());
            return Ok(first.map(|output| output.name.clone()).unwrap_or_default());
        };
        let tensors = self.tensors();
        if tensors.contains(&wanted) {
            return Ok(wanted.into());
        }
        let mut listed = tensors[..tensors.len().min(LISTED)].join(", ");
        if tensors.len() > LISTED {
            listed += &format!(" and {} more", tensors.len() - LISTED);
        }
        Err(Error::input(
            &self.name,
            Place::Part(wanted.into()),
            "the network has no such tensor",
            format!("its tensors are {listed}"),
        ))
    }

    /// The one input that is not a stored weight.
    pub fn input(&self) -> Result<Input> {
        let graph = self.proto.graph.clone().unwrap_or_default();
        let stored = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
        let mut inputs = graph.input.iter().filter(|input| !stored(&input.name));
        let (Some(input), None) = (inputs.next(), inputs.next()) else {
            return Err(self.unfit(
                "an image encoder has exactly one input, and this network has another number",
            ));
        };
        let tensor = input.r#type.as_ref().and_then(|kind| kind.value.as_ref());
        let Some(type_proto::Value::TensorType(tensor)) = tensor else {
            return Err(self.unfit("its input is not a tensor"));
        };
        // 1 is f32 in ONNX.
        if tensor.elem_type != 1 {
            return Err(self.unfit("its input does not take f32 numbers"));
        }
        let extents = tensor.shape.iter().flat_map(|shape| &shape.dim);
        let axes = extents.map(|extent| match extent.value {
            Some(Extent::DimValue(length)) => usize::try_from(length).ok().filter(|&n| n > 0),
            _ => None,
        });
        Ok(Input {
            name: input.name.clone(),
            axes: axes.collect(),
        })
    }

    pub fn unfit(&self, what: &str) -> Error {
        Error::input(
            &self.name,
            Place::Whole,
            what,
            "give a network from one image (f32) to a vector",
        )
    }

    /// What the file says under a key of its metadata.
    fn says(&self, key: &str) -> Option<&str> {
        let mut entries = self.proto.metadata_props.iter();
        entries
            .find(|entry| entry.key == key)
            .map(|entry| entry.value.as_str())
    }

    /// Numbers under a key, if they are there.
    pub fn says_numbers(&self, key: &str) -> Result<Option<Vec<f64>>> {
        let Some(text) = self.says(key) else {
            return Ok(None);
        };
        let values: Vec<&str> = text.split(',').collect();
        match reals(key, &values) {
            Ok(numbers) if key != "std" || !numbers.contains(&0.0) => Ok(Some(numbers)),
            _ => Err(Error::input(
                &self.name,
                Place::Part(key.into()),
                format!("the file's metadata says {text:?}, which are not usable numbers"),
                format!("give {key}= yourself"),
            )),
        }
    }

    /// The order of axes that the file states.
    pub fn says_layout(&self) -> Option<Layout> {
        match self.says("layout")?.to_lowercase().as_str() {
            "nchw" => Some(Layout::Nchw),
            "nhwc" => Some(Layout::Nhwc),
            _ => None,
        }
    }

    /// The width and height that the file states.
    pub fn says_size(&self) -> Option<(usize, usize)> {
        extent(self.says("size")?).filter(in_reach)
    }
}

fn not_onnx(name: &str, why: &str) -> Error {
    Error::input(
        name,
        Place::Whole,
        format!("the file is not a network in ONNX: {why}"),
        "export the network as .onnx",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_networks_say_how_they_want_images() {
        for name in ["sample", "sample-untrained"] {
            let model = Model::open(Path::new(name)).unwrap();
            assert_eq!(
                model.input().unwrap().axes,
                [None, Some(1), Some(28), Some(28)]
            );
            assert_eq!(model.says_layout(), Some(Layout::Nchw));
            assert_eq!(model.says_numbers("mean").unwrap().unwrap().len(), 1);
            assert_eq!(model.output(None).unwrap(), "features");
        }
        let model = Model::open(Path::new("sample")).unwrap();
        let message = model.output(Some("feature")).unwrap_err().to_string();
        for tensor in ["features", "bottleneck2", "logits"] {
            assert!(message.contains(tensor), "{message}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for bytes in [
            &b""[..],
            b"hello, world",
            &[0; 64],
            &SAMPLE[..SAMPLE.len() / 2],
        ] {
            let path = folder.path().join("model.onnx");
            std::fs::write(&path, bytes).unwrap();
            let message = Model::open(&path).err().unwrap().to_string();
            assert!(message.contains("not a network in ONNX"), "{message}");
        }
    }

    #[test]
    fn files_of_tensors_are_found_once_each() {
        let mut model = Model::open(Path::new("sample")).unwrap();
        assert!(model.data_files().is_empty());
        model.folder = Some("nets".into());
        let graph = model.proto.graph.as_mut().unwrap();
        for (tensor, file) in graph
            .initializer
            .iter_mut()
            .zip(["b.bin", "a.bin", "b.bin"])
        {
            let entry = |key: &str, value: &str| pb::StringStringEntryProto {
                key: key.into(),
                value: value.into(),
            };
            tensor.external_data = vec![entry("location", file), entry("offset", "0")];
        }
        let files = ["nets/a.bin", "nets/b.bin"].map(PathBuf::from);
        assert_eq!(model.data_files(), files);
    }

    #[test]
    fn unknown_operators_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut model = Model::open(Path::new("sample")).unwrap();
        let graph = model.proto.graph.as_mut().unwrap();
        graph.node[0].op_type = "Teleport".into();
        model.name = folder.path().join("x.onnx").display().to_string();
        let message = model.check_operators().unwrap_err().to_string();
        assert!(
            message.contains("Teleport") && message.contains("file:"),
            "{message}"
        );
    }
}
