//! An ONNX file as it stands: its tensors, its input, what it says of itself. Nothing is computed here.
//!
//! A file may say how it wants images, in its metadata: `mean` and `std` (numbers separated by commas, on the scale
//! where pixels run from 0 to 1), `size` (`WxH`) and `layout` (`nchw` or `nhwc`).

use super::super::spec::{Layout, divisors, layout, reals, size};
use crate::error::{Error, Place, Result, nearest};
use std::fs::File;
use std::path::{Path, PathBuf};
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Extent;
use tract_onnx::pb::{self, type_proto};
use tract_onnx::prelude::*;

/// The network that the program carries, trained and as it was before training; see `assets/encoder/README.md`.
const SAMPLE: &[u8] = include_bytes!("../../../assets/encoder/fashion-encoder.onnx");
const SAMPLE_UNTRAINED: &[u8] =
    include_bytes!("../../../assets/encoder/fashion-encoder-untrained.onnx");

/// Their names.
const BUILT_IN: [&str; 2] = ["sample", "sample-untrained"];

/// Tensors that a message lists at most.
const LISTED: usize = 60;

/// The domains of ONNX's own operators.
const OWN_DOMAINS: [&str; 3] = ["", "ai.onnx", "ai.onnx.ml"];

/// Operators of the domain com.microsoft that tract knows as that domain defines them. It goes by the name alone, and
/// others of these names (as Attention) are defined differently there.
const MICROSOFT: [&str; 12] = [
    "BiasGelu",
    "DequantizeLinear",
    "FastGelu",
    "GatherBlockQuantized",
    "Gelu",
    "MatMulNBits",
    "QuantizeLinear",
    "QuickGelu",
    "RotaryEmbedding",
    "SimplifiedLayerNormalization",
    "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
];

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
    signature: Arc<Signature>,
    proto: pb::ModelProto,
    /// Where tensors that are kept in files of their own lie.
    folder: Option<String>,
}

/// What a network says of itself: little, unlike its weights.
pub struct Signature {
    /// The file as the user named it.
    pub name: String,
    pub input: Input,
    /// All tensors that are computed, in the order of the file.
    tensors: Vec<String>,
    /// The first output.
    first: String,
    metadata: Vec<pb::StringStringEntryProto>,
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
    /// Errors: a file that cannot be read, that is no ONNX, that holds operators that tract does not know, or that has
    /// no input for images.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let (proto, folder) = match builtin(path).filter(|_| !path.is_file()) {
            Some(mut bytes) => (onnx().proto_model_for_read(&mut bytes), None),
            None => {
                let mut file = File::open(path).map_err(|error| missing(path, error))?;
                let folder = path.parent().and_then(Path::to_str).map(String::from);
                (onnx().proto_model_for_read(&mut file), folder)
            }
        };
        let proto = proto.map_err(|error| match error.downcast() {
            Ok(error) => Error::io("read", path, error),
            Err(error) => not_onnx(&name, &error.to_string()),
        })?;
        Model::new(name, proto, folder)
    }

    pub(super) fn new(name: String, proto: pb::ModelProto, folder: Option<String>) -> Result<Self> {
        let graph = match &proto.graph {
            Some(graph) if !graph.node.is_empty() && !graph.output.is_empty() => graph,
            _ => return Err(not_onnx(&name, "it holds no graph with nodes and outputs")),
        };
        check_operators(&name, graph)?;
        let outputs = graph.node.iter().flat_map(|node| &node.output);
        let signature = Signature {
            input: input(graph).map_err(|what| unfit(&name, &what))?,
            tensors: outputs.filter(|name| !name.is_empty()).cloned().collect(),
            first: graph.output[0].name.clone(),
            metadata: proto.metadata_props.clone(),
            name,
        };
        Ok(Model {
            signature: Arc::new(signature),
            proto,
            folder,
        })
    }

    pub fn signature(&self) -> Arc<Signature> {
        Arc::clone(&self.signature)
    }

    /// The files beside the network that hold tensors of it.
    pub fn data_files(&self) -> Vec<PathBuf> {
        let folder = Path::new(self.folder.as_deref().unwrap_or(""));
        let graphs = self.proto.graph.iter().flat_map(all_graphs);
        let mut files: Vec<PathBuf> = graphs
            .flat_map(stored)
            .flat_map(|tensor| &tensor.external_data)
            .filter(|entry| entry.key == "location")
            .map(|entry| folder.join(&entry.value))
            .collect();
        files.sort();
        files.dedup();
        files
    }

    /// The network in tract's terms, its weights included; the file's own terms are let go.
    pub fn into_graph(self) -> TractResult<InferenceModel> {
        // Shapes that the file states are for open axes, and would contradict the fixed ones.
        let framework = onnx().with_ignore_value_info(true);
        let parsed = framework.parse(&self.proto, self.folder.as_deref())?;
        Ok(parsed.model)
    }
}

/// A graph, and those that its operators hold, as the branches of If.
fn all_graphs(graph: &pb::GraphProto) -> Vec<&pb::GraphProto> {
    let mut all = vec![graph];
    let mut seen = 0;
    while seen < all.len() {
        let attributes = all[seen].node.iter().flat_map(|node| &node.attribute);
        let inner: Vec<_> = attributes
            .flat_map(|a| a.g.iter().chain(&a.graphs))
            .collect();
        all.extend(inner);
        seen += 1;
    }
    all
}

/// The tensors that a graph holds, those of its operators included.
fn stored(graph: &pb::GraphProto) -> impl Iterator<Item = &pb::TensorProto> {
    let attributes = graph.node.iter().flat_map(|node| &node.attribute);
    let constants = attributes.flat_map(|a| a.t.iter().chain(&a.tensors));
    graph.initializer.iter().chain(constants)
}

/// Every operator must be one that tract knows.
fn check_operators(name: &str, graph: &pb::GraphProto) -> Result<()> {
    let known = onnx().op_register.0;
    let is_known = |node: &pb::NodeProto| {
        let operator = node.op_type.as_str();
        let domain = node.domain.as_str();
        let meant = OWN_DOMAINS.contains(&domain)
            || domain == "com.microsoft" && MICROSOFT.contains(&operator);
        meant && known.contains_key(operator)
    };
    let nodes = all_graphs(graph).into_iter().flat_map(|graph| &graph.node);
    let mut missing: Vec<String> = nodes
        .filter(|node| !is_known(node))
        .map(|node| match node.domain.as_str() {
            "" => node.op_type.clone(),
            domain => format!("{domain}.{}", node.op_type),
        })
        .collect();
    missing.sort_unstable();
    missing.dedup();
    let Some(first) = missing.first() else {
        return Ok(());
    };
    Err(Error::input(
        name,
        Place::Part(first.clone()),
        format!(
            "the network uses operators that tract does not know: {}",
            missing.join(", ")
        ),
        "export it with other operators, or compute the embeddings elsewhere and give them as file:REFERENCE,QUERIES",
    ))
}

/// The one input that is not a stored weight; or why it is not for images.
fn input(graph: &pb::GraphProto) -> Result<Input, String> {
    let stored = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
    let mut inputs = graph.input.iter().filter(|input| !stored(&input.name));
    let (Some(input), None) = (inputs.next(), inputs.next()) else {
        let what = "an image encoder has exactly one input, and this network has another number";
        return Err(what.into());
    };
    let tensor = input.r#type.as_ref().and_then(|kind| kind.value.as_ref());
    let Some(type_proto::Value::TensorType(tensor)) = tensor else {
        return Err("its input is not a tensor".into());
    };
    // 1 is f32 in ONNX.
    if tensor.elem_type != 1 {
        return Err("its input does not take f32 numbers".into());
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

impl Signature {
    /// The tensor asked for, or the first output.
    pub fn output(&self, wanted: Option<&str>) -> Result<String> {
        let Some(wanted) = wanted else {
            return Ok(self.first.clone());
        };
        let tensors: Vec<&str> = self.tensors.iter().map(String::as_str).collect();
        if tensors.contains(&wanted) {
            return Ok(wanted.into());
        }
        let mut listed = tensors[..tensors.len().min(LISTED)].join(", ");
        if tensors.len() > LISTED {
            listed += &format!(" and {} more", tensors.len() - LISTED);
        }
        let meant = nearest(wanted, &tensors)
            .map_or(String::new(), |name| format!(" (did you mean {name}?)"));
        Err(Error::input(
            &self.name,
            Place::Part(wanted.into()),
            format!("the network has no such tensor{meant}"),
            format!("its tensors are {listed}"),
        ))
    }

    pub fn unfit(&self, what: &str) -> Error {
        unfit(&self.name, what)
    }

    /// What the file says under a key of its metadata, read with `read`; nothing if it says nothing.
    fn says<T>(&self, key: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>> {
        let Some(entry) = self.metadata.iter().find(|entry| entry.key == key) else {
            return Ok(None);
        };
        let value = read(&entry.value).ok_or_else(|| {
            let what = match key {
                "layout" => "nchw or nhwc",
                "size" => "a width and a height, as 28x28, of 1 to 4096 pixels",
                _ => "usable numbers",
            };
            Error::input(
                &self.name,
                Place::Part(key.into()),
                format!(
                    "the file's metadata says {key} = {:?}, which is not {what}",
                    entry.value
                ),
                format!("give {key}= yourself"),
            )
        })?;
        Ok(Some(value))
    }

    /// What is subtracted from pixels, as the file states it.
    pub fn mean(&self) -> Result<Option<Vec<f64>>> {
        self.says("mean", |text| reals("mean", &parts(text)).ok())
    }

    /// What divides pixels, as the file states it.
    pub fn std(&self) -> Result<Option<Vec<f64>>> {
        self.says("std", |text| divisors(&parts(text)).ok())
    }

    /// The order of axes that the file states.
    pub fn layout(&self) -> Result<Option<Layout>> {
        self.says("layout", |text| layout(text).ok())
    }

    /// The width and height that the file states.
    pub fn size(&self) -> Result<Option<(usize, usize)>> {
        self.says("size", size)
    }
}

fn parts(text: &str) -> Vec<&str> {
    text.split(',').collect()
}

fn unfit(name: &str, what: &str) -> Error {
    Error::input(
        name,
        Place::Whole,
        what,
        "give a network from one image (f32) to a vector",
    )
}

/// A file that cannot be opened; a built-in network may have been meant.
fn missing(path: &Path, error: std::io::Error) -> Error {
    let name = path.to_str().unwrap_or_default();
    match nearest(name, &BUILT_IN) {
        Some(meant) if error.kind() == std::io::ErrorKind::NotFound => Error::input(
            name,
            Place::Whole,
            format!("there is no such file (did you mean {meant}?)"),
            format!("built-in networks are {}", BUILT_IN.join(" and ")),
        ),
        _ => Error::io("open", path, error),
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

    fn sample() -> pb::ModelProto {
        onnx().proto_model_for_read(&mut &SAMPLE[..]).unwrap()
    }

    /// The sample after a change, as if read from a file.
    fn changed(change: impl FnOnce(&mut pb::ModelProto)) -> Result<Model> {
        let mut proto = sample();
        change(&mut proto);
        Model::new("nets/x.onnx".into(), proto, Some("nets".into()))
    }

    fn refused(change: impl FnOnce(&mut pb::ModelProto)) -> String {
        changed(change).err().unwrap().to_string()
    }

    #[test]
    fn the_built_in_networks_say_how_they_want_images() {
        for name in BUILT_IN {
            let signature = Model::open(Path::new(name)).unwrap().signature();
            assert_eq!(signature.input.axes, [None, Some(1), Some(28), Some(28)]);
            assert_eq!(signature.layout().unwrap(), Some(Layout::Nchw));
            assert_eq!(signature.mean().unwrap().unwrap().len(), 1);
            assert_eq!(signature.output(None).unwrap(), "features");
            let message = signature.output(Some("featurs")).unwrap_err().to_string();
            for part in ["did you mean features?", "bottleneck2", "logits"] {
                assert!(message.contains(part), "{message}");
            }
        }
        let message = Model::open(Path::new("sampel")).err().unwrap().to_string();
        assert!(message.contains("did you mean sample?"), "{message}");
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
        let message = Model::open(folder.path()).err().unwrap().to_string();
        assert!(message.starts_with("cannot read"), "{message}");
    }

    #[test]
    fn metadata_that_cannot_be_read_is_refused() {
        for (key, value) in [
            ("size", "28 by 28"),
            ("size", "0x28"),
            ("size", "5000x5000"),
            ("layout", "chwn"),
            ("mean", "half"),
            ("std", "0"),
        ] {
            let model = changed(|proto| {
                proto.metadata_props.retain(|entry| entry.key != key);
                proto.metadata_props.push(entry(key, value));
            });
            let signature = model.unwrap().signature();
            let message = match key {
                "size" => signature.size().err(),
                "layout" => signature.layout().err(),
                "mean" => signature.mean().err(),
                _ => signature.std().err(),
            };
            let message = message.unwrap().to_string();
            let said = format!("{key} = {value:?}");
            assert!(
                message.starts_with("nets/x.onnx") && message.contains(&said),
                "{message}"
            );
        }
    }

    fn entry(key: &str, value: &str) -> pb::StringStringEntryProto {
        pb::StringStringEntryProto {
            key: key.into(),
            value: value.into(),
        }
    }

    fn graph_of(proto: &mut pb::ModelProto) -> &mut pb::GraphProto {
        proto.graph.as_mut().unwrap()
    }

    /// A node whose attribute holds a graph, as If has them.
    fn holding(inner: pb::GraphProto) -> pb::NodeProto {
        pb::NodeProto {
            op_type: "If".into(),
            attribute: vec![pb::AttributeProto {
                name: "then_branch".into(),
                g: Some(inner),
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    #[test]
    fn files_of_tensors_are_found_once_each() {
        let elsewhere = |file: &str| pb::TensorProto {
            external_data: vec![entry("location", file), entry("offset", "0")],
            ..Default::default()
        };
        assert!(changed(|_| ()).unwrap().data_files().is_empty());
        let model = changed(|proto| {
            let graph = graph_of(proto);
            graph
                .initializer
                .extend(["b.bin", "a.bin", "b.bin"].map(elsewhere));
            graph.node.push(holding(pb::GraphProto {
                initializer: vec![elsewhere("c.bin")],
                ..Default::default()
            }));
            graph.node[0].attribute.push(pb::AttributeProto {
                t: Some(elsewhere("d.bin")),
                ..Default::default()
            });
        });
        let files = ["nets/a.bin", "nets/b.bin", "nets/c.bin", "nets/d.bin"].map(PathBuf::from);
        assert_eq!(model.unwrap().data_files(), files);
    }

    #[test]
    fn unknown_operators_are_named_wherever_they_are() {
        let teleport = pb::NodeProto {
            op_type: "Teleport".into(),
            ..Default::default()
        };
        let message = refused(|proto| graph_of(proto).node.push(teleport.clone()));
        assert!(
            message.contains("Teleport") && message.contains("file:"),
            "{message}"
        );
        // In a branch of a branch.
        let inner = |node| pb::GraphProto {
            node: vec![node],
            ..Default::default()
        };
        let deep = holding(inner(holding(inner(teleport.clone()))));
        let message = refused(|proto| graph_of(proto).node.push(deep));
        assert!(message.contains("Teleport"), "{message}");
        // Under the name of another domain, which defines it otherwise.
        for (domain, operator) in [("com.microsoft", "Attention"), ("pkg.mine", "Conv")] {
            let message = refused(|proto| {
                graph_of(proto).node[0].domain = domain.into();
                graph_of(proto).node[0].op_type = operator.into();
            });
            assert!(
                message.contains(&format!("{domain}.{operator}")),
                "{message}"
            );
        }
        for (domain, operator) in [("com.microsoft", "FastGelu"), ("ai.onnx", "Relu")] {
            let model = changed(|proto| {
                graph_of(proto).node[0].domain = domain.into();
                graph_of(proto).node[0].op_type = operator.into();
            });
            assert!(model.is_ok());
        }
        // The list holds nothing that tract has dropped.
        let known = onnx().op_register.0;
        assert!(MICROSOFT.iter().all(|name| known.contains_key(*name)));
    }
}
