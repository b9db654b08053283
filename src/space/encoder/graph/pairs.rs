//! Quantised networks: every QuantizeLinear that a DequantizeLinear follows is rounding, and written as such, in f32.
//!
//! ```text
//! (clamp(round(x / s) + z, low, high) - z) s  =  clamp(round(x / s), low - z, high - z) s
//! ```
//!
//! with one scale s and one zero point z, or with one of each for every place of an axis. tract multiplies by 1 / s where a
//! graph divides, which moves quotients that are near a half to the other integer. So x / s is taken in f64 and brought to
//! f32: of two f32 numbers no quotient is as near to the middle of two f32 numbers as f64 is off, and it comes out as
//! if it were divided in f32.
//!
//! tract 0.23 takes what stands between such pairs for a map from number to number wherever its axes look like one's,
//! and tabulates it for the 256 integers: a Softmax, whose numbers depend on their neighbours, becomes 1 everywhere.
//! Between rounded f32 numbers it tabulates nothing.

use super::plain::{FURTHEST, KnownTensor, beside, constants, number, numbers, shape, tensor};
use super::stored;
use std::collections::HashMap;
use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;

/// Scales along an axis, at most: more than any network has channels.
const MOST_SCALES: u64 = 1 << 20;

/// One rounding to integers and back.
struct Pair {
    /// The place of the DequantizeLinear among the nodes.
    back: usize,
    /// What is rounded, and the rounded.
    from: String,
    rounded: String,
    grid: Grid,
}

/// The numbers that are left after rounding: multiples of a scale. Of each there is one, or one for each place of `axis`.
struct Grid {
    scale: Vec<f32>,
    /// Smallest and largest integer, less the zero point.
    low: Vec<f32>,
    high: Vec<f32>,
    axis: Option<i64>,
}

/// The stored numbers that quantising nodes are given.
struct Parameters<'g> {
    known: HashMap<&'g str, KnownTensor<'g>>,
}

impl Parameters<'_> {
    /// A number, or a list of them, and their type.
    fn list(&self, name: &str) -> Option<(Vec<f64>, DataType)> {
        let tensor = tensor(&self.known, name)?;
        let values = stored::numbers(tensor, MOST_SCALES)?;
        let listed = values.len() == 1 || tensor.dims.len() == 1;
        let kind = DataType::try_from(tensor.data_type).ok()?;
        (listed && !values.is_empty()).then_some((values, kind))
    }

    /// Scales, zero points and their type, for the `inputs` of a node after its first. A zero point that is left out is
    /// 0, of the type `otherwise`.
    fn of(&self, inputs: &[String], otherwise: DataType) -> Option<(Vec<f64>, Vec<f64>, DataType)> {
        let (scale, _) = self.list(inputs.first()?)?;
        let (zero, kind) = match inputs.get(1).filter(|name| !name.is_empty()) {
            Some(name) => self.list(name)?,
            None => (vec![0.0], otherwise),
        };
        let zero = match zero[..] {
            [one] => vec![one; scale.len()],
            _ => zero,
        };
        (zero.len() == scale.len()).then_some((scale, zero, kind))
    }

    /// What rounding by `there` and back by `back` leaves; nothing if both are not of one scale, or of scales that are not
    /// stored, or not along one axis.
    fn grid(&self, there: &pb::NodeProto, back: &pb::NodeProto) -> Option<Grid> {
        let kind = output_type(there);
        let (scale, zero, kind) = self.of(there.input.get(1..)?, kind)?;
        let (scale_back, zero_back, _) = self.of(back.input.get(1..)?, kind)?;
        let axis = along(there, &scale);
        let same = scale == scale_back && zero == zero_back && axis == along(back, &scale_back);
        let (low, high) = limits(kind)?;
        let steps = scale.iter().all(|&scale| scale > 0.0);
        let less = |limit: f64| zero.iter().map(|zero| (limit - zero) as f32).collect();
        (same && steps).then(|| Grid {
            low: less(low),
            high: less(high),
            axis,
            scale: scale.iter().map(|&scale| scale as f32).collect(),
        })
    }
}

/// The axis that a node's scales stand along, if there are several.
fn along(node: &pb::NodeProto, scales: &[f64]) -> Option<i64> {
    let mut axes = node.attribute.iter().filter(|a| a.name == "axis");
    (scales.len() > 1).then(|| axes.next().map_or(1, |axis| axis.i))
}

/// All pairs of which scales and zero points are stored.
fn find(graph: &pb::GraphProto) -> Vec<Pair> {
    let parameters = Parameters {
        known: constants(graph),
    };
    let mut there = HashMap::new();
    for node in graph.node.iter().filter(|n| n.op_type == "QuantizeLinear") {
        there.extend(node.output.first().map(|output| (output.as_str(), node)));
    }
    let mut pairs = Vec::new();
    let backs = graph.node.iter().enumerate();
    for (place, back) in backs.filter(|(_, node)| node.op_type == "DequantizeLinear") {
        let ([input, ..], [rounded]) = (&back.input[..], &back.output[..]) else {
            continue;
        };
        let Some((before, from)) = there
            .get(input.as_str())
            .and_then(|before| Some((before, before.input.first()?)))
        else {
            continue;
        };
        pairs.extend(parameters.grid(before, back).map(|grid| Pair {
            back: place,
            from: from.clone(),
            rounded: rounded.clone(),
            grid,
        }));
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
        let Some(pair) = places.remove(&place) else {
            graph.node.push(node.clone());
            unrounded.push(node);
            continue;
        };
        let named = |what: &str| format!("{} ({what})", pair.rounded);
        let shared = pair.constants(&node, &mut graph.initializer);
        graph.node.extend(shared.iter().cloned());
        unrounded.extend(shared);
        let Pair { from, rounded, .. } = &pair;
        let (over, whole) = (named("in steps"), named("whole"));
        let [wide, wide_scale, quotient] = ["in f64", "scale in f64", "in steps of f64"].map(named);
        let (below, held) = (named("not above"), named("in range"));
        graph.node.extend([
            cast(beside(&node, "Cast", &[from], &wide), DataType::Double),
            cast(
                beside(&node, "Cast", &[&named("scale")], &wide_scale),
                DataType::Double,
            ),
            beside(&node, "Div", &[&wide, &wide_scale], &quotient),
            cast(beside(&node, "Cast", &[&quotient], &over), DataType::Float),
            beside(&node, "Round", &[&over], &whole),
            beside(&node, "Min", &[&whole, &named("high")], &below),
            beside(&node, "Max", &[&below, &named("low")], &held),
            beside(&node, "Mul", &[&held, &named("scale")], rounded),
        ]);
        unrounded.extend([
            beside(&node, "Min", &[from, &named("most")], &below),
            beside(&node, "Max", &[&below, &named("least")], rounded),
        ]);
    }
    Some(unrounded)
}

impl Pair {
    /// The numbers of the grid, so that each meets its own among those that are rounded; and the nodes that this takes.
    fn constants(
        &self,
        node: &pb::NodeProto,
        stored: &mut Vec<pb::TensorProto>,
    ) -> Vec<pb::NodeProto> {
        let Grid {
            scale,
            low,
            high,
            axis,
        } = &self.grid;
        let times = |limits: &[f32]| limits.iter().zip(scale).map(|(a, b)| a * b).collect();
        let all: [(&str, Vec<f32>); 5] = [
            ("scale", scale.clone()),
            ("low", low.clone()),
            ("high", high.clone()),
            ("least", times(low)),
            ("most", times(high)),
        ];
        let named = |what: &str| format!("{} ({what})", self.rounded);
        let count = scale.len() as i64;
        match *axis {
            None => stored.extend(all.map(|(what, values)| number(&named(what), values[0]))),
            // From the end: as many axes of length 1 follow.
            Some(axis @ ..0) => {
                let ones = axis.unsigned_abs() as usize - 1;
                let dims = [vec![count], vec![1; ones]].concat();
                stored
                    .extend(all.map(|(what, values)| numbers(&named(what), dims.clone(), &values)));
            }
            // From the front: as many axes follow as the rounded has.
            Some(axis) => {
                stored.extend([
                    shape(&named("next axis"), &[axis + 1]),
                    shape(&named("end"), &[FURTHEST]),
                    shape(&named("count"), &[count]),
                ]);
                let [lengths, rest, ones, dims] = ["lengths", "rest", "ones", "axes"].map(named);
                let mut nodes = vec![
                    beside(node, "Shape", &[&self.from], &lengths),
                    beside(
                        node,
                        "Slice",
                        &[&lengths, &named("next axis"), &named("end")],
                        &rest,
                    ),
                    beside(node, "Div", &[&rest, &rest], &ones),
                    joined(beside(node, "Concat", &[&named("count"), &ones], &dims)),
                ];
                for (what, values) in all {
                    let listed = named(&format!("{what} as a list"));
                    nodes.push(beside(node, "Reshape", &[&listed, &dims], &named(what)));
                    stored.push(numbers(&listed, vec![count], &values));
                }
                return nodes;
            }
        }
        Vec::new()
    }
}

/// A Concat along the first axis.
fn joined(node: pb::NodeProto) -> pb::NodeProto {
    with_number(node, "axis", 0)
}

/// A Cast to this type.
fn cast(node: pb::NodeProto, to: DataType) -> pb::NodeProto {
    with_number(node, "to", (to as i32).into())
}

fn with_number(mut node: pb::NodeProto, name: &str, value: i64) -> pb::NodeProto {
    node.attribute.push(pb::AttributeProto {
        name: name.into(),
        r#type: AttributeType::Int.into(),
        i: value,
        ..Default::default()
    });
    node
}
