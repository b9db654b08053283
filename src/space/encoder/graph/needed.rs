//! Reduces a graph to what some tensors need: their ancestors.

use super::all_graphs;
use std::collections::{HashMap, HashSet};
use tract_onnx::pb;

/// The names of all tensors that a node reads, including those that its inner graphs read from outside.
fn reads(node: &pb::NodeProto) -> impl Iterator<Item = &String> {
    let inner = node
        .attribute
        .iter()
        .flat_map(|a| a.g.iter().chain(&a.graphs));
    let inner = inner.flat_map(all_graphs).flat_map(|graph| {
        let nodes = graph.node.iter().flat_map(|node| &node.input);
        nodes.chain(graph.output.iter().map(|output| &output.name))
    });
    node.input
        .iter()
        .chain(inner)
        .filter(|name| !name.is_empty())
}

/// The names of all tensors from which `outputs` are computed, including `outputs`.
fn ancestors(nodes: &[pb::NodeProto], outputs: &[String]) -> HashSet<String> {
    let mut made = HashMap::new();
    for (place, node) in nodes.iter().enumerate() {
        made.extend(node.output.iter().map(|name| (name.as_str(), place)));
    }
    let mut open: Vec<&String> = outputs.iter().collect();
    let mut seen = HashSet::new();
    while let Some(name) = open.pop() {
        if seen.insert(name.clone())
            && let Some(&place) = made.get(name.as_str())
        {
            open.extend(reads(&nodes[place]));
        }
    }
    seen
}

/// The length of the longest chain of nodes, in a graph whose nodes are in topological order, as ONNX requires.
pub fn depth(nodes: &[pb::NodeProto]) -> usize {
    let mut of_name: HashMap<&str, usize> = HashMap::new();
    for node in nodes {
        let before = reads(node).filter_map(|name| of_name.get(name.as_str()));
        let depth = before.max().copied().unwrap_or(0) + 1;
        of_name.extend(node.output.iter().map(|name| (name.as_str(), depth)));
    }
    of_name.into_values().max().unwrap_or(0)
}

/// Removes the nodes that `outputs` do not need.
pub fn keep_nodes(nodes: &mut Vec<pb::NodeProto>, outputs: &[String]) {
    let needed = ancestors(nodes, outputs);
    nodes.retain(|node| node.output.iter().any(|name| needed.contains(name)));
}

/// Removes what `outputs` do not need, and makes them the graph's outputs.
pub fn keep(graph: &mut pb::GraphProto, outputs: &[String]) {
    keep_nodes(&mut graph.node, outputs);
    let needed = ancestors(&graph.node, outputs);
    graph
        .initializer
        .retain(|tensor| needed.contains(&tensor.name));
    graph.input.retain(|input| needed.contains(&input.name));
    graph.value_info.clear();
    let output = |name: &String| pb::ValueInfoProto {
        name: name.clone(),
        ..Default::default()
    };
    graph.output = outputs.iter().map(output).collect();
}
