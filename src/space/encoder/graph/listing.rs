//! Lists the tensors of a network with their shapes, found without the weights by tract's analysis for images of one
//! size.

use super::tensors::{Tensor, Tensors};
use super::{holds, parse, stored};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tract_onnx::pb::{self, type_proto};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;
use tract_onnx::tract_hir::internal::DimLike;

/// The most numbers of a stored tensor that may determine a shape.
const SMALL: u64 = 256;

/// A tensor with a row for each image.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    pub name: String,
    pub operator: String,
    /// PyTorch's path of the module, or empty.
    pub module: String,
    /// The lengths of its axes after the batch; None if they cannot be found without running the network.
    pub shape: Option<Vec<usize>>,
}

impl Listed {
    /// The lengths as text: `512 x 7 x 7`, or `1` for a single number per image.
    pub fn lengths(&self) -> Option<String> {
        let lengths: Vec<String> = self.shape.as_ref()?.iter().map(usize::to_string).collect();
        Some(match lengths.is_empty() {
            true => "1".into(),
            false => lengths.join(" x "),
        })
    }
}

/// A file's graph without its weights, which become inputs of their types.
pub fn skeleton(proto: &pb::ModelProto) -> pb::ModelProto {
    let mut inputs = Vec::new();
    let mut graph = pb::GraphProto::default();
    if let Some(full) = &proto.graph {
        let small = |tensor: &pb::TensorProto| {
            stored::volume(tensor).is_some_and(|numbers| numbers <= SMALL)
                && !stored::is_outside(tensor)
        };
        for tensor in &full.initializer {
            match small(tensor) {
                true => graph.initializer.push(tensor.clone()),
                false => inputs.push(as_input(&tensor.name, tensor)),
            }
        }
        for node in &full.node {
            let large = node
                .attribute
                .iter()
                .filter_map(|a| a.t.as_ref())
                .find(|t| !small(t));
            match (node.op_type.as_str(), large, &node.output[..]) {
                ("Constant", Some(tensor), [output]) => inputs.push(as_input(output, tensor)),
                _ => graph.node.push(node.clone()),
            }
        }
        let images = full.input.iter().filter(|input| !holds(full, &input.name));
        graph.input = images.cloned().chain(inputs).collect();
        graph.output = full.output.clone();
    }
    stored::widen(&mut graph);
    super::plain::rewrite(&mut graph);
    pb::ModelProto {
        graph: Some(graph),
        opset_import: proto.opset_import.clone(),
        ..Default::default()
    }
}

fn as_input(name: &str, tensor: &pb::TensorProto) -> pb::ValueInfoProto {
    let dim = tensor
        .dims
        .iter()
        .map(|&length| pb::tensor_shape_proto::Dimension {
            value: Some(pb::tensor_shape_proto::dimension::Value::DimValue(length)),
            ..Default::default()
        });
    let kind = type_proto::Tensor {
        elem_type: tensor.data_type,
        shape: Some(pb::TensorShapeProto { dim: dim.collect() }),
    };
    pb::ValueInfoProto {
        name: name.into(),
        r#type: Some(pb::TypeProto {
            value: Some(type_proto::Value::TensorType(kind)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// The lengths of all axes of every tensor, for an input of these lengths; `None` for an unknown axis.
fn shapes(
    skeleton: &pb::ModelProto,
    input: &str,
    axes: &[usize],
) -> HashMap<String, Option<Vec<usize>>> {
    let analysed = || -> TractResult<_> {
        let mut model = parse(skeleton)?;
        let place = model
            .input_outlets()?
            .iter()
            .position(|outlet| model.node(outlet.node).name == input);
        let fact = f32::fact(axes).into();
        model.set_input_fact(place.unwrap_or(0), fact)?;
        // If the analysis fails at one node, the results for the others still hold.
        let _ = model.analyse(true);
        let mut shapes = HashMap::new();
        for node in model.nodes() {
            for (slot, outlet) in node.outputs.iter().enumerate() {
                let fact = &outlet.fact;
                let float = fact
                    .datum_type
                    .concretize()
                    .is_none_or(|kind| kind.is_float());
                if let (Some(label), true) = (model.outlet_label((node.id, slot).into()), float) {
                    let shape = fact.shape.concretize();
                    let lengths = shape.and_then(|s| s.iter().map(|d| d.to_usize().ok()).collect());
                    shapes.insert(label.to_string(), lengths);
                }
            }
        }
        Ok(shapes)
    };
    match catch_unwind(AssertUnwindSafe(analysed)) {
        Ok(Ok(shapes)) => shapes,
        _ => HashMap::new(),
    }
}

/// The tensors that have a row for each image, in reverse order, for network inputs of axes `axes(batch)`.
pub fn list(
    skeleton: &pb::ModelProto,
    tensors: &Tensors,
    input: &str,
    axes: [Vec<usize>; 2],
) -> Vec<Listed> {
    let batches = axes
        .each_ref()
        .map(|axes| axes.first().copied().unwrap_or(0));
    let found = axes.each_ref().map(|axes| shapes(skeleton, input, axes));
    let listed = |tensor: &Tensor| {
        let shapes = found.each_ref().map(|shapes| shapes.get(&tensor.name));
        let shape = match shapes {
            // The tensor does not hold floating-point numbers.
            [None, _] | [_, None] if found.iter().all(|found| !found.is_empty()) => return None,
            [Some(Some(one)), Some(Some(other))] => {
                let rows = [one.first(), other.first()] == [Some(&batches[0]), Some(&batches[1])];
                (rows && one[1..] == other[1..])
                    .then(|| one[1..].to_vec())
                    .map(Some)?
            }
            _ => None,
        };
        Some(Listed {
            name: tensor.name.clone(),
            operator: tensor.operator.clone(),
            module: tensor.module.clone(),
            shape,
        })
    };
    tensors.last_first().filter_map(listed).collect()
}
