//! Reads an ONNX file: its tensors, its input, its metadata. Nothing is computed here.
//!
//! A file may state in its metadata how images are prepared: `mean` and `std` (numbers separated by commas, for pixels
//! from 0 to 1), `size` (`WxH`) and `layout` (`nchw` or `nhwc`).

use super::super::spec::{AxisOrder, divisors, layout, reals, size};
use super::graph::fields::Fields;
use super::graph::listing::{self, Listed};
use super::graph::tensors::{Tensor, Tensors};
use super::graph::{Prepared, functions, holds, stored, tensor_type};
use crate::error::{Error, Place, Result, nearest};
use crate::rows::open_file;
use std::borrow::Cow;
use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use tract_onnx::pb;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Extent;
use tract_onnx::prelude::*;

/// The built-in network, trained and before training; see `assets/encoder/README.md`.
const SAMPLE: &[u8] = include_bytes!("../../../assets/encoder/fashion-encoder.onnx");
const SAMPLE_UNTRAINED: &[u8] =
    include_bytes!("../../../assets/encoder/fashion-encoder-untrained.onnx");

/// Their names.
const BUILT_IN: [&str; 2] = ["sample", "sample-untrained"];

/// The most axes that a tensor may have, counted from either end; those of real networks have fewer than ten.
const MOST_AXES: u64 = 64;

/// The most tensors that a message lists.
const LISTED: usize = 24;

/// The width and height of images that shape lists assume where neither the network nor the user fixes them.
const USUAL: (usize, usize) = (224, 224);

/// The bytes of the built-in network of this name.
pub fn builtin(name: &Path) -> Option<&'static [u8]> {
    match name.to_str() {
        Some("sample") => Some(SAMPLE),
        Some("sample-untrained") => Some(SAMPLE_UNTRAINED),
        _ => None,
    }
}

/// The name that means all inputs of piecewise-linear activations.
const PREACTIVATIONS: &str = "preactivations";

/// A network that was read but not yet prepared to run.
pub struct Model {
    signature: Arc<Signature>,
    proto: pb::ModelProto,
    /// The folder of tensors that are stored in separate files.
    folder: Option<PathBuf>,
}

/// What is known of a network without its weights.
pub struct Signature {
    /// The file as the user named it.
    pub name: String,
    pub input: Input,
    tensors: Tensors,
    /// The graph without its weights.
    skeleton: pb::ModelProto,
    metadata: Vec<pb::StringStringEntryProto>,
}

/// The image input of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    pub name: String,
    /// Lengths of the axes; `None` where the model leaves them open.
    pub axes: Vec<Option<usize>>,
    /// Whether it takes bytes, 0 to 255.
    pub bytes: bool,
}

impl Model {
    /// Reads a file, or the built-in network of that name.
    ///
    /// Errors: a file that cannot be read, that is not ONNX, or that has no input for images.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let (bytes, folder) = match builtin(path).filter(|_| !path.is_file()) {
            Some(bytes) => (Cow::Borrowed(bytes), None),
            None => {
                path.metadata().map_err(|error| missing(path, error))?;
                let mut file = open_file(path)?;
                let mut bytes = Vec::new();
                let read = file.read_to_end(&mut bytes);
                read.map_err(|error| Error::io("read", path, error))?;
                (Cow::Owned(bytes), path.parent().map(PathBuf::from))
            }
        };
        let proto = onnx().proto_model_for_read(&mut &bytes[..]);
        let mut proto = proto.map_err(|error| not_onnx(&name, &error.to_string()))?;
        let fields = Fields::read(&bytes);
        drop(bytes);
        fields.apply(&mut proto);
        functions::inline(&mut proto, &fields.functions).map_err(|why| unusual(&name, &why))?;
        Model::new(name, proto, folder)
    }

    pub(super) fn new(
        name: String,
        proto: pb::ModelProto,
        folder: Option<PathBuf>,
    ) -> Result<Self> {
        let graph = match &proto.graph {
            Some(graph) if !graph.node.is_empty() && !graph.output.is_empty() => graph,
            _ => return Err(not_onnx(&name, "it holds no graph with nodes and outputs")),
        };
        if let Some(output) = unmade(graph) {
            let why = format!("its output {output} comes from no operator, input or weight");
            return Err(not_onnx(&name, &why));
        }
        if let Some(why) = far_axis(graph) {
            return Err(not_onnx(&name, &why));
        }
        let input = input(graph).map_err(|what| unfit(&name, &what))?;
        let signature = Signature {
            tensors: Tensors::new(graph, &input.name),
            skeleton: listing::skeleton(&proto),
            metadata: proto.metadata_props.clone(),
            input,
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

    /// The files beside the network that hold its tensors.
    pub fn data_files(&self) -> Vec<PathBuf> {
        let folder = self.folder.as_deref().unwrap_or(Path::new(""));
        let graph = self.proto.graph.as_ref();
        graph.map_or_else(Vec::new, |graph| stored::files(graph, folder))
    }

    /// The graph up to some tensors, ready for tract; everything else is freed.
    ///
    /// Errors: tensors that need other inputs than images, operators that tract does not support, missing weights.
    pub fn prepare(self, outputs: &[String]) -> Result<Prepared> {
        let Signature { name, input, .. } = &*self.signature;
        Prepared::new(
            name,
            self.proto,
            self.folder.as_deref(),
            &input.name,
            outputs,
        )
    }
}

/// The first output of the graph that nothing in it makes, which tract does not expect.
fn unmade(graph: &pb::GraphProto) -> Option<&str> {
    let made = graph.node.iter().flat_map(|node| &node.output);
    let given = graph.input.iter().map(|input| &input.name);
    let made: HashSet<&String> = made.chain(given).collect();
    let outputs = graph.output.iter().map(|output| &output.name);
    let mut unmade = outputs.filter(|name| !made.contains(name) && !holds(graph, name));
    unmade.next().map(String::as_str)
}

/// What is said of the first operator that names an axis that no tensor has: preparing such a network may not end. (Axes that the
/// operator's own input lacks are not known here.)
fn far_axis(graph: &pb::GraphProto) -> Option<String> {
    let of_node = |node: &pb::NodeProto| {
        let mut attributes = node.attribute.iter();
        attributes.find_map(|attribute| {
            let axes: &[i64] = match attribute.name.as_str() {
                "axis" => std::slice::from_ref(&attribute.i),
                "axes" => &attribute.ints,
                _ => &[],
            };
            let far = axes.iter().find(|axis| axis.unsigned_abs() > MOST_AXES);
            let own = far.map(|axis| {
                let (operator, output) = (&node.op_type, node.output.first());
                let output = output.map_or("", String::as_str);
                format!("{operator}, which makes {output}, names axis {axis}, and tensors have at most {MOST_AXES}")
            });
            own.or_else(|| attribute.g.iter().chain(&attribute.graphs).find_map(far_axis))
        })
    };
    graph.node.iter().find_map(of_node)
}

/// The image input: the only one that is not a stored weight, or the only one with four axes. Errors: why there is
/// none.
fn input(graph: &pb::GraphProto) -> Result<Input, String> {
    let inputs = graph
        .input
        .iter()
        .filter(|input| !holds(graph, &input.name));
    let inputs: Vec<&pb::ValueInfoProto> = inputs.collect();
    let of_images = |input: &&pb::ValueInfoProto| {
        let tensor = tensor_type(input);
        tensor.is_some_and(|tensor| {
            takes_pixels(tensor.elem_type)
                && tensor.shape.as_ref().is_some_and(|s| s.dim.len() == 4)
        })
    };
    let images: Vec<_> = inputs.iter().copied().filter(of_images).collect();
    let input = match (&inputs[..], &images[..]) {
        ([input], _) | (_, [input]) => input,
        _ => {
            let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
            return Err(format!(
                "it is not clear which of its inputs takes the images: {}",
                names.join(", ")
            ));
        }
    };
    let Some(tensor) = tensor_type(input) else {
        return Err("its input is not a tensor".into());
    };
    if !takes_pixels(tensor.elem_type) {
        return Err("its input takes neither floating-point numbers nor bytes".into());
    }
    let extents = tensor.shape.iter().flat_map(|shape| &shape.dim);
    let axes = extents.map(|extent| match extent.value {
        Some(Extent::DimValue(length)) => usize::try_from(length).ok().filter(|&n| n > 0),
        _ => None,
    });
    Ok(Input {
        name: input.name.clone(),
        axes: axes.collect(),
        bytes: tensor.elem_type == DataType::Uint8 as i32,
    })
}

/// Whether an input of this type can be fed with pixels.
fn takes_pixels(kind: i32) -> bool {
    let kinds = [DataType::Float, DataType::Double, DataType::Uint8];
    stored::is_half(kind.into()) || kinds.iter().any(|&own| own as i32 == kind)
}

impl Signature {
    /// Whether the network computes its quantisation range at run time over a whole batch, so that every row depends
    /// slightly on all images of the batch.
    pub fn finds_ranges(&self) -> bool {
        let nodes = self.skeleton.graph.iter().flat_map(|graph| &graph.node);
        nodes
            .into_iter()
            .any(|node| node.op_type == "DynamicQuantizeLinear")
    }

    /// The tensors of which a row consists: one, several joined by `+`, or `preactivations`, which means all inputs of
    /// piecewise-linear activations (ReLU and similar).
    ///
    /// Errors: as for [`Signature::output`]; a network without such activations.
    pub fn outputs(&self, wanted: Option<&str>) -> Result<Vec<String>> {
        let known = wanted.is_some_and(|name| self.tensors.find(name).is_ok());
        match wanted {
            Some(PREACTIVATIONS) if !known => match self.tensors.bent() {
                bent if bent.is_empty() => Err(Error::input(
                    &self.name,
                    Place::Part(PREACTIVATIONS.into()),
                    "the network has no ReLU, LeakyReLU, PReLU or clip at 0, so it has no linear regions to tell apart",
                    format!(
                        "`hullscope encoder {}` lists the tensors that can be named",
                        self.name
                    ),
                )),
                bent => Ok(bent),
            },
            Some(several) if !known && several.contains('+') => {
                let each = several
                    .split('+')
                    .map(|name| self.output(Some(name.trim())));
                each.collect()
            }
            _ => Ok(vec![self.output(wanted)?]),
        }
    }

    /// The tensor that the user names: by its own name, by PyTorch's path of the module whose output it is, or as
    /// `penultimate`; without a name, the first output.
    ///
    /// Errors: no such tensor, or several; the error lists candidates.
    pub fn output(&self, wanted: Option<&str>) -> Result<String> {
        let Some(wanted) = wanted else {
            return Ok(self.tensors.first().into());
        };
        self.tensors.find(wanted).map_err(|unfound| {
            let tensors = unfound.candidates.iter();
            let names = tensors.flat_map(|t| {
                // A path to a module also names the modules that contain it.
                let dots = t.module.match_indices('.').map(|(at, _)| &t.module[..at]);
                dots.chain([t.name.as_str(), t.module.as_str()])
            });
            let names: Vec<&str> = names
                .filter(|name| !name.is_empty() && !unfound.several)
                .collect();
            let meant = nearest(wanted, &names)
                .map_or(String::new(), |name| format!(" (did you mean {name}?)"));
            Error::input(
                &self.name,
                Place::Part(wanted.into()),
                format!("{}{meant}", unfound.what),
                self.advice(&unfound.candidates),
            )
        })
    }

    /// The list of candidates, in reverse order.
    fn advice(&self, candidates: &[&Tensor]) -> String {
        let rows = self.list(None);
        let meant = |listed: &&Listed| candidates.iter().any(|tensor| tensor.name == listed.name);
        let meant: Vec<&Listed> = rows.iter().filter(meant).collect();
        if meant.is_empty() {
            return format!("`hullscope encoder {}` lists the tensors", self.name);
        }
        let shown: Vec<String> = meant.iter().take(LISTED).map(|l| described(l)).collect();
        let more = match meant.len().saturating_sub(LISTED) {
            0 => String::new(),
            more => format!(
                " and {more} more, which `hullscope encoder {}` lists",
                self.name
            ),
        };
        let shown = shown.join(", ");
        format!("tensors with a row for each image are, from the end, {shown}{more}")
    }

    /// The tensors with a row for each image, in reverse order; `size` is that of images where the network leaves it
    /// open.
    pub fn list(&self, size: Option<(usize, usize)>) -> Vec<Listed> {
        let fixed = self.input.axes.first().copied().flatten();
        let batches = fixed.map_or([2, 3], |batch| [batch, batch]);
        let axes = batches.map(|batch| self.axes(batch, size));
        listing::list(&self.skeleton, &self.tensors, &self.input.name, axes)
    }

    /// The lengths of the input's axes for a batch; where the network leaves them open, `size` or the usual ones.
    fn axes(&self, batch: usize, size: Option<(usize, usize)>) -> Vec<usize> {
        let said = self.size().ok().flatten();
        let (width, height) = size.or(said).unwrap_or(USUAL);
        let axes = &self.input.axes;
        let last_are_colours = matches!(axes.get(3), Some(Some(1 | 3)));
        let usual = match self.layout().ok().flatten() {
            Some(AxisOrder::Nhwc) => [batch, height, width, 3],
            None if last_are_colours => [batch, height, width, 3],
            _ => [batch, 3, height, width],
        };
        let lengths = axes.iter().enumerate();
        lengths
            .map(|(axis, length)| match axis {
                0 => batch,
                _ => length.unwrap_or(usual.get(axis).copied().unwrap_or(1)),
            })
            .collect()
    }

    pub fn unfit(&self, what: &str) -> Error {
        unfit(&self.name, what)
    }

    /// The value of a key in the file's metadata, parsed by `read`; None if the key is missing.
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

    /// The mean that the file states, which is subtracted from pixels.
    pub fn mean(&self) -> Result<Option<Vec<f64>>> {
        self.says("mean", |text| reals("mean", &parts(text)).ok())
    }

    /// The standard deviation that the file states, by which pixels are divided.
    pub fn std(&self) -> Result<Option<Vec<f64>>> {
        self.says("std", |text| divisors(&parts(text)).ok())
    }

    /// The order of axes that the file states.
    pub fn layout(&self) -> Result<Option<AxisOrder>> {
        self.says("layout", |text| layout(text).ok())
    }

    /// The width and height of images that the file states.
    pub fn size(&self) -> Result<Option<(usize, usize)>> {
        self.says("size", size)
    }
}

fn parts(text: &str) -> Vec<&str> {
    text.split(',').collect()
}

/// The text for a tensor in a message.
fn described(listed: &Listed) -> String {
    let Listed {
        name,
        operator,
        module,
        ..
    } = listed;
    let place = match module.is_empty() {
        true => String::new(),
        false => format!(" in {module}"),
    };
    let shape = listed.lengths().map_or(String::new(), |s| format!(", {s}"));
    format!("{name} ({operator}{place}{shape})")
}

fn unusual(name: &str, why: &str) -> Error {
    Error::input(
        name,
        Place::Whole,
        why,
        "export the network again, with its functions inlined (`onnx.inliner` does it)",
    )
}

fn unfit(name: &str, what: &str) -> Error {
    Error::input(
        name,
        Place::Whole,
        what,
        "give a network from one image (f32) to a vector",
    )
}

/// The error for a file that cannot be opened; it suggests a built-in network if one may be meant.
fn missing(path: &Path, error: std::io::Error) -> Error {
    let name = path.to_str().unwrap_or_default();
    match nearest(name, &BUILT_IN) {
        Some(meant) if error.kind() == std::io::ErrorKind::NotFound => Error::input(
            name,
            Place::Whole,
            format!("there is no such file (did you mean {meant}?)"),
            format!("built-in networks are {}", BUILT_IN.join(" and ")),
        ),
        _ => Error::opening(path, error, "name a network in ONNX, as in resnet18.onnx"),
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

    /// The sample network after a change, as if read from a file.
    fn changed(change: impl FnOnce(&mut pb::ModelProto)) -> Result<Model> {
        let mut proto = sample();
        change(&mut proto);
        Model::new("nets/x.onnx".into(), proto, Some("nets".into()))
    }

    /// The sample network after a change, prepared up to its features.
    fn prepared(change: impl FnOnce(&mut pb::ModelProto)) -> Result<Prepared> {
        changed(change)?.prepare(&["features".into()])
    }

    fn refused(change: impl FnOnce(&mut pb::ModelProto)) -> String {
        prepared(change).err().unwrap().to_string()
    }

    #[test]
    fn the_built_in_networks_say_how_they_want_images() {
        for name in BUILT_IN {
            let signature = Model::open(Path::new(name)).unwrap().signature();
            assert_eq!(signature.input.axes, [None, Some(1), Some(28), Some(28)]);
            assert_eq!(signature.layout().unwrap(), Some(AxisOrder::Nchw));
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
    fn an_output_that_nothing_makes_is_refused_unseen() {
        let message = refused(|proto| graph_of(proto).output[0].name = "nowhere".into());
        let said = "its output nowhere comes from no operator, input or weight";
        assert!(message.contains(said), "{message}");
        // Weights and inputs may be outputs.
        let kept = prepared(|proto| {
            let graph = graph_of(proto);
            let (weight, input) = (graph.initializer[0].name.clone(), graph.input[0].clone());
            graph.output.push(input);
            graph.output.push(pb::ValueInfoProto {
                name: weight,
                ..Default::default()
            });
        });
        assert!(kept.is_ok(), "{:?}", kept.err());
    }

    #[test]
    fn an_axis_that_no_tensor_has_is_refused_unseen() {
        let attribute = |name: &str, axis: i64| pb::AttributeProto {
            name: name.into(),
            i: axis,
            ints: vec![1, axis],
            ..Default::default()
        };
        for (name, axis) in [("axis", 65), ("axis", -65), ("axes", 65), ("axes", -65)] {
            let far = attribute(name, axis);
            let message = refused(|proto| first(proto).attribute.push(far.clone()));
            let said = format!("names axis {axis}, and tensors have at most 64");
            assert!(message.contains(&said), "{message}");
            let node = pb::NodeProto {
                attribute: vec![far],
                ..Default::default()
            };
            let inner = holding(pb::GraphProto {
                node: vec![node],
                ..Default::default()
            });
            let message = refused(|proto| first(proto).attribute.extend(inner.attribute));
            assert!(message.contains(&said), "{message}");
        }
        assert!(changed(|proto| first(proto).attribute.push(attribute("axis", 64))).is_ok());
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

    /// A node whose attribute holds a graph, as that of If does.
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

    /// The first node, which all tensors need.
    fn first(proto: &mut pb::ModelProto) -> &mut pb::NodeProto {
        &mut graph_of(proto).node[0]
    }

    #[test]
    fn unknown_operators_are_named_wherever_they_are() {
        let teleport = pb::NodeProto {
            op_type: "Teleport".into(),
            ..Default::default()
        };
        let message = refused(|proto| first(proto).op_type = "Teleport".into());
        assert!(
            message.contains("Teleport") && message.contains("file:"),
            "{message}"
        );
        // A node in a branch of a branch.
        let inner = |node| pb::GraphProto {
            node: vec![node],
            ..Default::default()
        };
        let deep = holding(inner(holding(inner(teleport.clone()))));
        let message = refused(|proto| first(proto).attribute.extend(deep.attribute));
        assert!(message.contains("Teleport"), "{message}");
        // The name of an operator in another domain, which defines it differently.
        for (domain, operator) in [("com.microsoft", "Attention"), ("pkg.mine", "Conv")] {
            let message = refused(|proto| {
                first(proto).domain = domain.into();
                first(proto).op_type = operator.into();
            });
            assert!(
                message.contains(&format!("{domain}.{operator}")),
                "{message}"
            );
        }
        for (domain, operator) in [("com.microsoft", "FastGelu"), ("ai.onnx", "Relu")] {
            let model = prepared(|proto| {
                first(proto).domain = domain.into();
                first(proto).op_type = operator.into();
            });
            assert!(model.is_ok());
        }
        // Any operator is allowed where the tensor does not need it.
        assert!(prepared(|proto| graph_of(proto).node.push(teleport)).is_ok());
        // Every operator in the list is still known to tract.
        let known = onnx().op_register.0;
        assert!(
            super::super::graph::MICROSOFT
                .iter()
                .all(|name| known.contains_key(*name))
        );
    }
}
