//! Fields of an ONNX file that tract's parser ignores: the metadata of nodes, the defaults and overloads of functions.
//!
//! Field numbers are those of `onnx.proto3`.

use prost::Message;
use tract_onnx::pb;

/// The key of node metadata in which torch's exporter writes the modules that contain the node, outermost first, then
/// its own name.
const SCOPES: &str = "pkg.torch.onnx.name_scopes";

/// The fields of a file that this module reads.
#[derive(Clone, PartialEq, Message)]
pub struct Fields {
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
    /// In the order of the file.
    #[prost(message, repeated, tag = "25")]
    pub functions: Vec<Function>,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(message, repeated, tag = "1")]
    node: Vec<Node>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Function {
    #[prost(message, repeated, tag = "7")]
    node: Vec<Node>,
    /// Attributes that a call may omit, with their default values.
    #[prost(message, repeated, tag = "11")]
    pub defaults: Vec<pb::AttributeProto>,
    #[prost(string, tag = "13")]
    overload: String,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, tag = "8")]
    overload: String,
    #[prost(message, repeated, tag = "9")]
    metadata: Vec<pb::StringStringEntryProto>,
}

impl Fields {
    /// Reads the fields from a file's bytes; empty if they are not ONNX, which the caller reports.
    pub fn read(bytes: &[u8]) -> Fields {
        Fields::decode(bytes).unwrap_or_default()
    }

    /// Stores these fields in `proto`: a node's `doc_string` becomes a dot and its module (see [`module_of`]), and
    /// overloads are appended to the names of functions and of their calls.
    pub fn apply(&self, proto: &mut pb::ModelProto) {
        let graphs = self.graph.iter().zip(&mut proto.graph);
        graphs.for_each(|(fields, graph)| name_nodes(&fields.node, &mut graph.node));
        for (fields, function) in self.functions.iter().zip(&mut proto.functions) {
            name_nodes(&fields.node, &mut function.node);
            if let Some(name) = &mut function.name {
                *name = overloaded(name, &fields.overload);
            }
        }
    }
}

fn overloaded(name: &str, overload: &str) -> String {
    match overload {
        "" => name.into(),
        _ => format!("{name}:{overload}"),
    }
}

fn name_nodes(fields: &[Node], nodes: &mut [pb::NodeProto]) {
    for (fields, node) in fields.iter().zip(nodes) {
        let scopes = fields.metadata.iter().find(|entry| entry.key == SCOPES);
        let module = scopes.and_then(|entry| module(&entry.value));
        node.doc_string = module.map_or(String::new(), |module| format!(".{module}"));
        node.op_type = overloaded(&node.op_type, &fields.overload);
    }
}

/// The module of a node, as [`Fields::apply`] stored it; the whole network is the empty path. None if it is not known.
pub fn module_of(node: &pb::NodeProto) -> Option<&str> {
    node.doc_string.strip_prefix('.')
}

/// The innermost module of a list as Python prints it: for `['', 'layer1', 'layer1.0', 'conv2d_1']` it is `layer1.0`.
fn module(scopes: &str) -> Option<String> {
    let quoted = scopes.split(['\'', '"']).skip(1).step_by(2);
    let names: Vec<&str> = quoted.collect();
    let innermost = names.iter().rev().nth(1)?;
    // The placeholder that torch writes for an unknown module.
    let lost = innermost.starts_with("_empty_nn_module_stack");
    (!lost).then(|| innermost.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_the_last_but_one_of_the_scopes() {
        for (scopes, expected) in [
            ("['', 'layer1', 'layer1.0', 'conv2d_1']", Some("layer1.0")),
            ("['', 'relu']", Some("")),
            ("['', \"fc\", 'linear']", Some("fc")),
            ("[]", None),
            ("", None),
            ("fc", None),
            (
                "['_empty_nn_module_stack_from_metadata_hook', 'sym_size']",
                None,
            ),
        ] {
            assert_eq!(module(scopes).as_deref(), expected, "{scopes}");
        }
    }
}
