//! Local functions, which tract does not know: every call becomes the nodes of its function.

use super::each_graph;
use super::fields::Function;
use std::collections::HashMap;
use tract_onnx::pb;

/// Calls and graphs within one another, at most: functions must not call themselves.
const DEEPEST: usize = 64;

/// Nodes that all graphs of a file may grow to together.
const MOST_NODES: usize = 1 << 20;

const ENDLESS: &str =
    "its functions call one another without an end, or grow to more than a million operators";

/// Names inside a function to names outside.
type Names = HashMap<String, String>;

/// The domain and name of a function.
type Key = (String, String);

/// The functions of a file, with the defaults of their attributes.
type KnownFunctions<'f> = HashMap<Key, (&'f pb::FunctionProto, &'f [pb::AttributeProto])>;

/// What some nodes grow to: how many, and how many calls and graphs lie in one another.
#[derive(Debug, Clone, Copy, Default)]
struct Extent {
    nodes: usize,
    depth: usize,
}

/// What nodes that lie so many levels deep grow to; `found` remembers the functions. Errors: more than is allowed.
fn extent(
    nodes: &[pb::NodeProto],
    level: usize,
    known: &KnownFunctions<'_>,
    found: &mut HashMap<Key, Extent>,
) -> Result<Extent, String> {
    if level > DEEPEST {
        return Err(ENDLESS.into());
    }
    let mut all = Extent::default();
    for node in nodes {
        let key = (node.domain.clone(), node.op_type.clone());
        let graphs = node.attribute.iter();
        let graphs = graphs.flat_map(|a| a.g.iter().chain(&a.graphs));
        let mut grown = Vec::new();
        for graph in graphs {
            grown.push(extent(&graph.node, level + 1, known, found)?);
        }
        if let Some(&(function, _)) = known.get(&key) {
            let body = match found.get(&key) {
                Some(body) => *body,
                None => extent(&function.node, level + 1, known, found)?,
            };
            found.insert(key, body);
            grown.push(body);
        }
        all.nodes = all.nodes.saturating_add(1);
        for inner in grown {
            all.nodes = all.nodes.saturating_add(inner.nodes);
            all.depth = all.depth.max(inner.depth + 1);
        }
        if all.nodes > MOST_NODES || level + all.depth > DEEPEST {
            return Err(ENDLESS.into());
        }
    }
    Ok(all)
}

/// Replace all calls of the file's own functions, whose further fields are `fields` (or none).
///
/// Errors: why it cannot be done.
pub fn inline(proto: &mut pb::ModelProto, fields: &[Function]) -> Result<(), String> {
    let functions = std::mem::take(&mut proto.functions);
    let Some(graph) = &mut proto.graph else {
        return Ok(());
    };
    if functions.is_empty() {
        return Ok(());
    }
    let own = version(&proto.opset_import);
    let mut known: KnownFunctions<'_> = HashMap::new();
    for (place, function) in functions.iter().enumerate() {
        let defaults = fields.get(place).map_or(&[][..], |fields| &fields.defaults);
        let key = (
            function.domain.clone().unwrap_or_default(),
            function.name.clone().unwrap_or_default(),
        );
        known.insert(key, (function, defaults));
    }
    extent(&graph.node, 0, &known, &mut HashMap::new())?;
    let (mut calls, mut trouble) = (0, None);
    for round in 0.. {
        let (mut found, mut total) = (false, 0);
        each_graph(graph, &mut |graph| {
            if trouble.is_some() {
                return;
            }
            total += graph.node.len();
            let mut nodes = Vec::with_capacity(graph.node.len());
            for node in std::mem::take(&mut graph.node) {
                let key = (node.domain.clone(), node.op_type.clone());
                let Some((function, defaults)) = known.get(&key) else {
                    nodes.push(node);
                    continue;
                };
                let theirs = version(&function.opset_import);
                if theirs.is_some() && theirs != own {
                    trouble = Some(format!(
                        "its function {} is written for version {} of the operators, and its graph for {}",
                        node.op_type,
                        theirs.unwrap_or(0),
                        own.unwrap_or(0)
                    ));
                }
                found = true;
                calls += 1;
                // A graph that is given to a function may stand in it many times.
                total += function.node.len();
                if round == DEEPEST || total > MOST_NODES {
                    trouble = Some(ENDLESS.into());
                    break;
                }
                nodes.extend(body(&node, function, defaults, calls));
            }
            graph.node = nodes;
        });
        if let Some(why) = trouble {
            return Err(why);
        }
        if !found {
            return Ok(());
        }
    }
    Ok(())
}

/// The version of ONNX's own operators.
fn version(imports: &[pb::OperatorSetIdProto]) -> Option<i64> {
    let own = |import: &&pb::OperatorSetIdProto| ["", "ai.onnx"].contains(&import.domain.as_str());
    imports.iter().find(own).map(|import| import.version)
}

/// The nodes that stand for a call, the `number`th of the file.
fn body(
    call: &pb::NodeProto,
    function: &pb::FunctionProto,
    defaults: &[pb::AttributeProto],
    number: usize,
) -> Vec<pb::NodeProto> {
    let mut names = Names::new();
    let made = function.node.iter().flat_map(|node| &node.output);
    for name in made.filter(|name| !name.is_empty()) {
        names.insert(name.clone(), format!("{name} (call {number})"));
    }
    let mut nodes = Vec::new();
    for (place, formal) in function.output.iter().enumerate() {
        let Some(actual) = call.output.get(place).filter(|name| !name.is_empty()) else {
            continue;
        };
        if names.contains_key(formal) {
            names.insert(formal.clone(), actual.clone());
        } else if let Some(at) = function.input.iter().position(|input| input == formal) {
            // An input that is handed through.
            nodes.push(pb::NodeProto {
                op_type: "Identity".into(),
                input: call.input.get(at).cloned().into_iter().collect(),
                output: vec![actual.clone()],
                doc_string: call.doc_string.clone(),
                ..Default::default()
            });
        }
    }
    for (place, formal) in function.input.iter().enumerate() {
        names.insert(
            formal.clone(),
            call.input.get(place).cloned().unwrap_or_default(),
        );
    }
    for node in &function.node {
        let mut node = node.clone();
        if node.doc_string.is_empty() {
            node.doc_string = call.doc_string.clone();
        }
        if !node.name.is_empty() {
            node.name = format!("{} (call {number})", node.name);
        }
        settle(&mut node, &names, &call.attribute, defaults);
        nodes.push(node);
    }
    nodes
}

/// A node of a function under the names and with the attributes of a call; so are the graphs that it holds.
fn settle(
    node: &mut pb::NodeProto,
    names: &Names,
    given: &[pb::AttributeProto],
    defaults: &[pb::AttributeProto],
) {
    for name in node.input.iter_mut().chain(&mut node.output) {
        if let Some(outside) = names.get(name) {
            *name = outside.clone();
        }
    }
    let attributes = std::mem::take(&mut node.attribute);
    for mut attribute in attributes {
        if !attribute.ref_attr_name.is_empty() {
            let mut values = given.iter().chain(defaults);
            let Some(value) = values.find(|value| value.name == attribute.ref_attr_name) else {
                continue;
            };
            attribute = pb::AttributeProto {
                name: attribute.name,
                ..value.clone()
            };
        }
        for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
            for inner in &mut graph.node {
                settle(inner, names, given, defaults);
            }
            for output in &mut graph.output {
                if let Some(outside) = names.get(&output.name) {
                    output.name = outside.clone();
                }
            }
        }
        node.attribute.push(attribute);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, graph: Option<Vec<pb::NodeProto>>) -> pb::NodeProto {
        let attribute = graph.map(|node| pb::AttributeProto {
            g: Some(pb::GraphProto {
                node,
                ..Default::default()
            }),
            ..Default::default()
        });
        pb::NodeProto {
            op_type: name.into(),
            attribute: attribute.into_iter().collect(),
            ..Default::default()
        }
    }

    /// The number of nodes in a graph that calls the first of some functions, with all calls replaced.
    fn grown(functions: Vec<(&str, Vec<pb::NodeProto>)>) -> Result<usize, String> {
        let call = node(functions[0].0, None);
        let mut proto = pb::ModelProto {
            graph: Some(pb::GraphProto {
                node: vec![call],
                ..Default::default()
            }),
            functions: functions
                .into_iter()
                .map(|(name, node)| pb::FunctionProto {
                    name: Some(name.into()),
                    node,
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        };
        inline(&mut proto, &[])?;
        Ok(proto.graph.map_or(0, |graph| graph.node.len()))
    }

    #[test]
    fn functions_that_call_themselves_or_grow_beyond_reason_are_refused() {
        let plain = || node("Relu", None);
        assert_eq!(grown(vec![("f", vec![plain(), plain()])]), Ok(2));
        let itself = vec![plain(), node("f", None)];
        assert_eq!(grown(vec![("f", itself.clone())]), Err(ENDLESS.into()));
        let in_a_branch = vec![node("If", Some(itself))];
        assert_eq!(grown(vec![("f", in_a_branch)]), Err(ENDLESS.into()));
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        let each = |levels: usize| {
            let called = |at: usize| match at + 1 < levels {
                true => node(names[at + 1], None),
                false => plain(),
            };
            let all = (0..levels).map(|at| (names[at], vec![called(at); 10]));
            grown(all.collect())
        };
        assert_eq!(each(4), Ok(10_000));
        assert_eq!(each(7), Err(ENDLESS.into()));
    }
}
