//! Operators that tract 0.23 reads otherwise than ONNX means them, in words that it reads right; and the input as f32.

use super::{each_graph, stored, tensor_type_mut};
use std::collections::HashMap;
use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;

/// Ends of a slice beyond this mean "to the end", as ONNX says.
pub const FURTHEST: i64 = i32::MAX as i64;

/// A tensor of one f32 number.
pub fn number(name: &str, value: f32) -> pb::TensorProto {
    numbers(name, Vec::new(), &[value])
}

/// A tensor of f32 numbers with these axes.
pub fn numbers(name: &str, dims: Vec<i64>, values: &[f32]) -> pb::TensorProto {
    pb::TensorProto {
        name: name.into(),
        dims,
        data_type: DataType::Float as i32,
        raw_data: values.iter().copied().flat_map(f32::to_le_bytes).collect(),
        ..Default::default()
    }
}

/// A tensor of whole numbers, as shapes are.
pub fn shape(name: &str, values: &[i64]) -> pb::TensorProto {
    pb::TensorProto {
        name: name.into(),
        dims: vec![values.len() as i64],
        data_type: DataType::Int64 as i32,
        raw_data: values.iter().copied().flat_map(i64::to_le_bytes).collect(),
        ..Default::default()
    }
}

/// A node that has the place of `old` in its module.
pub fn beside(old: &pb::NodeProto, operator: &str, inputs: &[&str], output: &str) -> pb::NodeProto {
    pb::NodeProto {
        name: output.into(),
        op_type: operator.into(),
        input: inputs.iter().map(|&name| name.into()).collect(),
        output: vec![output.into()],
        doc_string: old.doc_string.clone(),
        ..Default::default()
    }
}

/// All of it, in this graph and in those that its operators hold.
pub fn rewrite(graph: &mut pb::GraphProto) {
    each_graph(graph, &mut |graph| {
        for node in &mut graph.node {
            fill_with_f32(node);
        }
        pass_casts(graph);
        bound_slices(graph);
    });
}

/// Casts of stored i64 numbers to i64 hand them on. tract makes other numbers of them, which it calculates with
/// differently: the largest i64, as the end of a slice, becomes a length less one.
fn pass_casts(graph: &mut pb::GraphProto) {
    let known = constants(graph);
    let stored = |name: &String| {
        tensor(&known, name).is_some_and(|tensor| tensor.data_type == DataType::Int64 as i32)
    };
    let nodes = graph.node.iter();
    let casts: Vec<bool> = nodes
        .map(|node| node.op_type == "Cast" && to_whole(node) && node.input.iter().all(stored))
        .collect();
    for (node, _) in graph.node.iter_mut().zip(casts).filter(|(_, cast)| *cast) {
        node.op_type = "Identity".into();
        node.attribute.clear();
    }
}

/// Whether a cast is one to i64.
fn to_whole(node: &pb::NodeProto) -> bool {
    let mut types = node.attribute.iter().filter(|a| a.name == "to");
    types.any(|a| a.i == DataType::Int64 as i64)
}

/// ConstantOfShape fills with zeros of f32 where nothing is said; tract fills with f64.
fn fill_with_f32(node: &mut pb::NodeProto) {
    if node.op_type == "ConstantOfShape" && node.attribute.iter().all(|a| a.name != "value") {
        node.attribute.push(pb::AttributeProto {
            name: "value".into(),
            r#type: AttributeType::Tensor.into(),
            t: Some(pb::TensorProto {
                dims: vec![1],
                ..number("", 0.0)
            }),
            ..Default::default()
        });
    }
}

/// Starts and ends of slices, where they are stored, within reach: what is calculated with them cannot overflow.
fn bound_slices(graph: &mut pb::GraphProto) {
    let mut bounds: Vec<(usize, usize, pb::TensorProto)> = Vec::new();
    let known = constants(graph);
    for (place, node) in graph.node.iter().enumerate() {
        if node.op_type != "Slice" {
            continue;
        }
        for at in [1, 2] {
            let Some(values) = node.input.get(at).and_then(|name| whole(&known, name)) else {
                continue;
            };
            let values = values.iter().map(|&v| v.clamp(-FURTHEST, FURTHEST));
            let values: Vec<i64> = values.collect();
            let name = format!("{} (bound {at})", node.output.join(" "));
            bounds.push((place, at, shape(&name, &values)));
        }
    }
    for (place, at, tensor) in bounds {
        graph.node[place].input[at] = tensor.name.clone();
        graph.initializer.push(tensor);
    }
}

/// What is known of a name without running anything.
pub enum KnownTensor<'g> {
    Numbers(&'g pb::TensorProto),
    /// The same numbers as another name's, in whichever shape.
    Same(&'g str),
}

/// Stored numbers of a graph by their names, and names that stand for them.
pub fn constants(graph: &pb::GraphProto) -> HashMap<&str, KnownTensor<'_>> {
    let mut known = HashMap::new();
    for tensor in &graph.initializer {
        known.insert(tensor.name.as_str(), KnownTensor::Numbers(tensor));
    }
    for node in &graph.node {
        let [output] = &node.output[..] else { continue };
        let found = match (node.op_type.as_str(), &node.input[..]) {
            ("Constant", _) => {
                let mut values = node.attribute.iter().filter(|a| a.name == "value");
                values.find_map(|a| a.t.as_ref()).map(KnownTensor::Numbers)
            }
            ("Identity", [input]) => Some(KnownTensor::Same(input)),
            ("Reshape" | "Squeeze" | "Unsqueeze", [input, ..]) => Some(KnownTensor::Same(input)),
            ("Cast", [input]) => to_whole(node).then_some(KnownTensor::Same(input)),
            _ => None,
        };
        if let Some(found) = found {
            known.insert(output.as_str(), found);
        }
    }
    known
}

/// The stored tensor that a name stands for.
pub fn tensor<'g>(
    known: &HashMap<&str, KnownTensor<'g>>,
    name: &str,
) -> Option<&'g pb::TensorProto> {
    let mut name = name;
    // As many steps as there are names: a circle ends.
    for _ in 0..=known.len() {
        match known.get(name)? {
            KnownTensor::Numbers(tensor) => return Some(tensor),
            KnownTensor::Same(other) => name = other,
        }
    }
    None
}

/// The whole numbers of a small stored i64 or i32 tensor.
fn whole(known: &HashMap<&str, KnownTensor>, name: &str) -> Option<Vec<i64>> {
    let tensor = tensor(known, name)?;
    let Some(1..=16) = stored::volume(tensor) else {
        return None;
    };
    let raw = &tensor.raw_data;
    match (DataType::try_from(tensor.data_type).ok()?, raw.is_empty()) {
        (DataType::Int64, true) => Some(tensor.int64_data.clone()),
        (DataType::Int64, false) => {
            let words = raw.chunks_exact(8).filter_map(|word| word.try_into().ok());
            Some(words.map(i64::from_le_bytes).collect())
        }
        (DataType::Int32, _) => Some(stored::small(tensor)?.iter().map(|&v| v as i64).collect()),
        _ => None,
    }
}

/// Make the input `name` take f32: bytes are made of it by the graph itself, from pixels that run from 0 to 1.
pub fn take_f32(graph: &mut pb::GraphProto, name: &str) {
    let mut inputs = graph.input.iter_mut().filter(|input| input.name == name);
    let Some(tensor) = inputs.next().and_then(tensor_type_mut) else {
        return;
    };
    let wanted = tensor.elem_type;
    if wanted == DataType::Float as i32 {
        return;
    }
    tensor.elem_type = DataType::Float as i32;
    let cast = format!("{name} (as it is taken)");
    for node in &mut graph.node {
        let inputs = node.input.iter_mut().filter(|input| *input == name);
        inputs.for_each(|input| *input = cast.clone());
    }
    let old = pb::NodeProto::default();
    let mut nodes = Vec::new();
    let mut source = name.to_string();
    if wanted == DataType::Uint8 as i32 {
        let named = |what: &str| format!("{name} ({what})");
        let constants = [("255", 255.0), ("0", 0.0)];
        let numbers = constants.map(|(what, value)| number(&named(what), value));
        graph.initializer.extend(numbers);
        let (scaled, whole) = (named("in bytes"), named("whole"));
        nodes.push(beside(&old, "Mul", &[name, &named("255")], &scaled));
        nodes.push(beside(&old, "Round", &[&scaled], &whole));
        let below = named("not above");
        source = named("in range");
        nodes.push(beside(&old, "Min", &[&whole, &named("255")], &below));
        nodes.push(beside(&old, "Max", &[&below, &named("0")], &source));
    }
    let mut node = beside(&old, "Cast", &[&source], &cast);
    node.attribute.push(pb::AttributeProto {
        name: "to".into(),
        r#type: AttributeType::Int.into(),
        i: wanted.into(),
        ..Default::default()
    });
    nodes.push(node);
    graph.node.splice(0..0, nodes);
}
