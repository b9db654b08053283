//! Local functions, which tract does not know: every call becomes the nodes of its function.

use super::each_graph;
use super::fields::Function;
use std::collections::HashMap;
use tract_onnx::pb;

/// Calls within calls, at most: functions must not call themselves.
const DEEPEST: usize = 64;

/// Nodes that a graph may grow to.
const MOST_NODES: usize = 1 << 20;

/// Names inside a function to names outside.
type Names = HashMap<String, String>;

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
    let mut known = HashMap::new();
    for (place, function) in functions.iter().enumerate() {
        let defaults = fields.get(place).map_or(&[][..], |fields| &fields.defaults);
        let key = (
            function.domain.clone().unwrap_or_default(),
            function.name.clone().unwrap_or_default(),
        );
        known.insert(key, (function, defaults));
    }
    let (mut calls, mut trouble) = (0, None);
    for round in 0.. {
        let mut found = false;
        each_graph(graph, &mut |graph| {
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
                nodes.extend(body(&node, function, defaults, calls));
            }
            if round == DEEPEST || nodes.len() > MOST_NODES {
                trouble = Some("its functions call one another without an end".into());
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
