//! The graph of an ONNX file, made into what tract runs right, before tract sees it.
//!
//! In this order: calls of the file's own functions become nodes ([`functions`]); what the wanted tensors do not need
//! is left out ([`needed`]); numbers kept in other files are brought in, and halves become f32 ([`stored`]); operators
//! that tract 0.23 reads otherwise than ONNX means them are written in other words ([`plain`]); rounding to integers
//! and back is written in f32 ([`pairs`]).

pub mod fields;
pub mod functions;
pub mod listing;
mod needed;
mod pairs;
mod plain;
pub mod stored;
pub mod tensors;

use crate::error::{Error, Place, Result};
use std::path::Path;
use tract_onnx::pb::{self, type_proto};
use tract_onnx::prelude::*;

/// The domains of ONNX's own operators.
const OWN_DOMAINS: [&str; 3] = ["", "ai.onnx", "ai.onnx.ml"];

/// Operators of the domain com.microsoft that tract knows as that domain defines them. It goes by the name alone, and
/// others of these names (as Attention) are defined differently there.
pub const MICROSOFT: [&str; 12] = [
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

/// Operators that may follow one another: the time that tract takes to prepare a chain grows with its length squared.
/// Residual networks of a thousand layers have about three thousand.
pub const DEEPEST: usize = 4096;

/// A file's graph up to some tensors, ready for tract.
pub struct Prepared {
    proto: pb::ModelProto,
    /// The nodes without any rounding to integers, if there was some.
    unrounded: Option<Vec<pb::NodeProto>>,
}

impl Prepared {
    /// `proto` up to `outputs`; `folder` is the file's, `input` the name of its images.
    ///
    /// Errors: a tensor that needs more than images, or more operators one after another than [`DEEPEST`]; operators that
    /// tract does not know; numbers that are not there.
    pub fn new(
        name: &str,
        mut proto: pb::ModelProto,
        folder: Option<&Path>,
        input: &str,
        outputs: &[String],
    ) -> Result<Prepared> {
        let mut graph = proto.graph.take().unwrap_or_default();
        needed::keep(&mut graph, outputs);
        only_images(name, &graph, input, outputs)?;
        check_operators(name, &graph)?;
        check_depth(name, &graph)?;
        stored::bring_in(name, &mut graph, folder)?;
        stored::widen(&mut graph);
        plain::rewrite(&mut graph);
        plain::take_f32(&mut graph, input);
        let unrounded = pairs::in_f32(&mut graph);
        needed::keep_nodes(&mut graph.node, outputs);
        proto.graph = Some(graph);
        Ok(Prepared { proto, unrounded })
    }

    /// The graph in tract's terms, its weights included.
    pub fn parsed(&self) -> TractResult<InferenceModel> {
        parse(&self.proto)
    }

    /// The graph without any rounding to integers, in tract's terms; nothing if there is none.
    pub fn take_unrounded(&mut self) -> Option<TractResult<InferenceModel>> {
        let mut nodes = self.unrounded.take()?;
        let graph = self.proto.graph.as_mut()?;
        std::mem::swap(&mut graph.node, &mut nodes);
        let parsed = parse(&self.proto);
        if let Some(graph) = &mut self.proto.graph {
            graph.node = nodes;
        }
        Some(parsed)
    }
}

fn parse(proto: &pb::ModelProto) -> TractResult<InferenceModel> {
    // Shapes that the file states are for open axes, and would contradict the fixed ones.
    let framework = onnx().with_ignore_value_info(true);
    Ok(framework.parse(proto, None)?.model)
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

/// Change a graph and those that its operators hold. Reading a file bounds how deep they lie in one another.
fn each_graph(graph: &mut pb::GraphProto, visit: &mut dyn FnMut(&mut pb::GraphProto)) {
    visit(graph);
    let attributes = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
    for inner in attributes.flat_map(|a| a.g.iter_mut().chain(&mut a.graphs)) {
        each_graph(inner, visit);
    }
}

/// Whether a graph holds numbers under this name, so that it is no input.
pub fn holds(graph: &pb::GraphProto, name: &str) -> bool {
    graph.initializer.iter().any(|tensor| tensor.name == name)
}

/// What is said of a value, if it is a tensor.
pub fn tensor_type(value: &pb::ValueInfoProto) -> Option<&type_proto::Tensor> {
    let type_proto::Value::TensorType(tensor) = value.r#type.as_ref()?.value.as_ref()?;
    Some(tensor)
}

fn tensor_type_mut(value: &mut pb::ValueInfoProto) -> Option<&mut type_proto::Tensor> {
    let type_proto::Value::TensorType(tensor) = value.r#type.as_mut()?.value.as_mut()?;
    Some(tensor)
}

/// The tensors must be computed from images alone.
fn only_images(name: &str, graph: &pb::GraphProto, input: &str, outputs: &[String]) -> Result<()> {
    let others = graph.input.iter().map(|input| input.name.as_str());
    let others: Vec<&str> = others
        .filter(|other| *other != input && !holds(graph, other))
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    Err(Error::input(
        name,
        Place::Part(outputs.join(", ")),
        format!(
            "it is computed from {} as well as from the images, {input}",
            others.join(", ")
        ),
        format!(
            "name a tensor that needs the images alone (`hullscope encoder {name}` lists them)"
        ),
    ))
}

/// No chain of operators may be longer than tract prepares in seconds.
fn check_depth(name: &str, graph: &pb::GraphProto) -> Result<()> {
    let depth = needed::depth(&graph.node);
    if depth <= DEEPEST {
        return Ok(());
    }
    Err(Error::input(
        name,
        Place::Whole,
        format!("{depth} of its operators follow one another, and {DEEPEST} may"),
        "name an earlier tensor, export it with constants folded, or have ONNX Runtime run it (--onnx-runtime LIB)",
    ))
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
