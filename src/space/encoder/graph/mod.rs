//! Rewrites the graph of an ONNX file into one that tract runs correctly, before tract parses it.
//!
//! In this order: calls of the file's own functions are inlined ([`functions`]); nodes that the wanted tensors do not
//! need are removed ([`needed`]); weights in other files are loaded, and half precision becomes f32 ([`stored`]);
//! operators that tract 0.23 interprets differently from ONNX are replaced by equivalents ([`plain`]); quantisation to
//! integers and back is rewritten in f32 ([`pairs`]).

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

/// Operators of the domain com.microsoft that tract implements as that domain defines them. tract looks at the operator
/// name alone, and others of its names (such as Attention) are defined differently in that domain.
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

/// The longest chain of operators: the time that tract takes to prepare a chain grows with the square of its length.
/// Residual networks of a thousand layers have chains of about three thousand.
pub const DEEPEST: usize = 4096;

/// A file's graph up to the wanted tensors, ready for tract.
pub struct Prepared {
    proto: pb::ModelProto,
    /// The nodes without any quantisation, if the graph has some.
    unrounded: Option<Vec<pb::NodeProto>>,
}

impl Prepared {
    /// Prepares `proto` up to the tensors `outputs`; `folder` is that of the file, `input` the name of the image input.
    ///
    /// Errors: a tensor that needs other inputs than images, or a chain of more operators than [`DEEPEST`]; operators
    /// that tract does not support; missing weights.
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

    /// The graph as a tract model, with its weights.
    pub fn parsed(&self) -> TractResult<InferenceModel> {
        parse(&self.proto)
    }

    /// The graph without quantisation as a tract model; None if the graph has none.
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
    // Shapes in the file assume open axes, and would contradict the fixed ones.
    let framework = onnx().with_ignore_value_info(true);
    Ok(framework.parse(proto, None)?.model)
}

/// A graph and all graphs nested in its operators, such as the branches of If.
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

/// Applies `visit` to a graph and all graphs nested in its operators. The parser bounds the depth of nesting.
fn each_graph(graph: &mut pb::GraphProto, visit: &mut dyn FnMut(&mut pb::GraphProto)) {
    visit(graph);
    let attributes = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
    for inner in attributes.flat_map(|a| a.g.iter_mut().chain(&mut a.graphs)) {
        each_graph(inner, visit);
    }
}

/// Whether a graph stores an initializer under this name, so that it is not a real input.
pub fn holds(graph: &pb::GraphProto, name: &str) -> bool {
    graph.initializer.iter().any(|tensor| tensor.name == name)
}

/// The type of a value, if it is a tensor.
pub fn tensor_type(value: &pb::ValueInfoProto) -> Option<&type_proto::Tensor> {
    let type_proto::Value::TensorType(tensor) = value.r#type.as_ref()?.value.as_ref()?;
    Some(tensor)
}

fn tensor_type_mut(value: &mut pb::ValueInfoProto) -> Option<&mut type_proto::Tensor> {
    let type_proto::Value::TensorType(tensor) = value.r#type.as_mut()?.value.as_mut()?;
    Some(tensor)
}

/// Checks that the tensors can be computed from images alone.
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

/// Checks that no chain of operators is so long that tract takes more than seconds to prepare it.
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

/// Checks that tract supports every operator.
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
