//! Quantised networks: every QuantizeLinear that a DequantizeLinear follows is rounding, and written as such, in f32.
//!
//! ```text
//! (clamp(round(x / s) + z, low, high) - z) s  =  clamp(round(x / s), low - z, high - z) s
//! ```
//!
//! tract 0.23 takes what stands between such pairs for a map from number to number wherever its axes look like one's,
//! and tabulates it for the 256 integers: a Softmax, whose numbers depend on their neighbours, becomes 1 everywhere.
//! Between rounded f32 numbers it tabulates nothing.

use super::plain::{beside, constants, number, tensor};
use super::stored;
use std::collections::HashMap;
use tract_onnx::pb;
use tract_onnx::pb::tensor_proto::DataType;

/// One rounding to integers and back.
#[derive(Clone)]
struct Pair {
    /// The place of the DequantizeLinear among the nodes.
    back: usize,
    /// What is rounded, and the rounded.
    from: String,
    rounded: String,
    scale: f32,
    /// Smallest and largest integer, less the zero point.
    range: (f32, f32),
}

/// All pairs with one scale and one zero point that are stored.
fn find(graph: &pb::GraphProto) -> Vec<Pair> {
    let known = constants(graph);
    let one = |name: Option<&String>| {
        let tensor = tensor(&known, name?)?;
        match stored::small(tensor)?[..] {
            [value] => Some((value, DataType::try_from(tensor.data_type).ok()?)),
            _ => None,
        }
    };
    let mut there = HashMap::new();
    for node in graph.node.iter().filter(|n| n.op_type == "QuantizeLinear") {
        there.extend(node.output.first().map(|output| (output.as_str(), node)));
    }
    let mut pairs = Vec::new();
    for (back, node) in graph.node.iter().enumerate() {
        let (true, [input, parameters @ ..], [rounded]) = (
            node.op_type == "DequantizeLinear",
            &node.input[..],
            &node.output[..],
        ) else {
            continue;
        };
        let Some(before) = there.get(input.as_str()) else {
            continue;
        };
        // A zero point that is left out is the 0 of a byte, unless another type is named.
        let zero = |parameters: &[String]| match parameters.get(1).filter(|name| !name.is_empty()) {
            Some(name) => one(Some(name)),
            None => Some((0.0, output_type(before))),
        };
        let quantised = before.input.get(1..).unwrap_or_default();
        let (Some((scale, _)), Some(zero_point)) = (one(quantised.first()), zero(quantised)) else {
            continue;
        };
        let same = one(parameters.first()).is_some_and(|back| back.0 == scale)
            && zero(parameters).is_some_and(|back| back.0 == zero_point.0);
        let (true, Some((low, high))) = (same && scale > 0.0, limits(zero_point.1)) else {
            continue;
        };
        pairs.push(Pair {
            back,
            from: before.input[0].clone(),
            rounded: rounded.clone(),
            scale: scale as f32,
            range: ((low - zero_point.0) as f32, (high - zero_point.0) as f32),
        });
    }
    pairs
}

/// The type of integers that a QuantizeLinear without a zero point makes.
fn output_type(node: &pb::NodeProto) -> DataType {
    let mut types = node.attribute.iter().filter(|a| a.name == "output_dtype");
    let named = types.next().and_then(|a| i32::try_from(a.i).ok());
    match named.map(DataType::try_from) {
        Some(Ok(named)) if named != DataType::Undefined => named,
        _ => DataType::Uint8,
    }
}

fn limits(kind: DataType) -> Option<(f64, f64)> {
    match kind {
        DataType::Uint8 => Some((0.0, 255.0)),
        DataType::Int8 => Some((-128.0, 127.0)),
        DataType::Uint16 => Some((0.0, 65535.0)),
        DataType::Int16 => Some((-32768.0, 32767.0)),
        _ => None,
    }
}

/// Write all pairs as rounding in f32, with the numbers that this takes. Given back are the nodes for the same without
/// rounding, each number only kept in its range: quantisers leave out a ReLU that the range makes anyway. Nothing is done
/// and given back if there are no pairs.
pub fn in_f32(graph: &mut pb::GraphProto) -> Option<Vec<pb::NodeProto>> {
    let pairs = find(graph);
    if pairs.is_empty() {
        return None;
    }
    let mut places: HashMap<usize, Pair> =
        pairs.into_iter().map(|pair| (pair.back, pair)).collect();
    let nodes = std::mem::take(&mut graph.node);
    let mut unrounded = Vec::with_capacity(nodes.len());
    for (place, node) in nodes.into_iter().enumerate() {
        let Some(Pair {
            from,
            rounded,
            scale,
            range,
            ..
        }) = places.remove(&place)
        else {
            graph.node.push(node.clone());
            unrounded.push(node);
            continue;
        };
        let named = |what: &str| format!("{rounded} ({what})");
        let numbers = [
            ("scale", scale),
            ("low", range.0),
            ("high", range.1),
            ("least", range.0 * scale),
            ("most", range.1 * scale),
        ];
        let numbers = numbers.map(|(what, value)| number(&named(what), value));
        graph.initializer.extend(numbers);
        let (over, whole) = (named("in steps"), named("whole"));
        let (below, held) = (named("not above"), named("in range"));
        graph.node.extend([
            beside(&node, "Div", &[&from, &named("scale")], &over),
            beside(&node, "Round", &[&over], &whole),
            beside(&node, "Min", &[&whole, &named("high")], &below),
            beside(&node, "Max", &[&below, &named("low")], &held),
            beside(&node, "Mul", &[&held, &named("scale")], &rounded),
        ]);
        unrounded.extend([
            beside(&node, "Min", &[&from, &named("most")], &below),
            beside(&node, "Max", &[&below, &named("least")], &rounded),
        ]);
    }
    Some(unrounded)
}
