//! Finds the tensors of a network by the names that users give: their own names, PyTorch's module paths, `penultimate`.
//!
//! A module's tensor is one that is computed in the module and read outside of it. The module of a node is known from
//! torch's metadata ([`super::fields`]), or from node names that begin with the path (`/layer4/layer4.1/relu_1/Relu`).

use super::fields::module_of;
use std::collections::{HashMap, HashSet};
use tract_onnx::pb;

/// Operators that depend on shapes alone; tensors computed from their results are not features.
const OF_SHAPES: [&str; 2] = ["Shape", "Size"];

/// Operators that may follow the last linear layer and do not mix its numbers.
const AFTER: [&str; 15] = [
    "Add",
    "Cast",
    "DequantizeLinear",
    "Dropout",
    "Flatten",
    "Identity",
    "LogSoftmax",
    "Mul",
    "QuantizeLinear",
    "Relu",
    "Reshape",
    "Sigmoid",
    "Softmax",
    "Squeeze",
    "Tanh",
];

/// The two steps of quantisation, which belong to the module of their input.
const ROUNDING: [&str; 2] = ["QuantizeLinear", "DequantizeLinear"];

/// Operators that pass on their input, possibly rounded or cast.
const HANDING_ON: [&str; 4] = ["Cast", "DequantizeLinear", "Identity", "QuantizeLinear"];

/// A tensor that is computed from the images.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    pub name: String,
    /// The ONNX operator that computes it.
    pub operator: String,
    /// PyTorch's path of the module that computes it; empty if that is not known.
    pub module: String,
    /// The tensors from which it is computed, as indices into the list.
    from: Vec<usize>,
    /// The modules that read it.
    readers: Vec<String>,
    is_output: bool,
    /// Whether it is the output of a ReLU or a similar activation.
    bends: bool,
}

/// Why no tensor was found, with the candidates in reverse order of the file.
#[derive(Debug)]
pub struct Unfound<'t> {
    pub what: &'static str,
    pub candidates: Vec<&'t Tensor>,
    /// Whether the name matches several tensors.
    pub several: bool,
}

/// All tensors that are computed from the images, in the order of the file.
#[derive(Debug, Default)]
pub struct Tensors {
    list: Vec<Tensor>,
    first: String,
    /// Whether modules are inferred from node names, in which a second call of a module ends in `_1`.
    from_names: bool,
}

impl Tensors {
    /// The tensors of a graph whose image input is `input`.
    pub fn new(graph: &pb::GraphProto, input: &str) -> Tensors {
        let modules = Modules::new(graph);
        let outputs: HashSet<&str> = graph.output.iter().map(|o| o.name.as_str()).collect();
        let mut list: Vec<Tensor> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for node in &graph.node {
            let inputs = node
                .input
                .iter()
                .filter_map(|name| places.get(name.as_str()));
            let from: Vec<usize> = inputs.copied().collect();
            let direct = node.input.iter().any(|name| name == input);
            if (from.is_empty() && !direct) || OF_SHAPES.contains(&node.op_type.as_str()) {
                continue;
            }
            let module = match &from[..] {
                [rounded] if ROUNDING.contains(&node.op_type.as_str()) => {
                    list[*rounded].module.clone()
                }
                _ => modules.of(node),
            };
            for &place in &from {
                list[place].readers.push(module.clone());
            }
            for name in node.output.iter().filter(|name| !name.is_empty()) {
                places.insert(name, list.len());
                list.push(Tensor {
                    name: name.clone(),
                    operator: node.op_type.clone(),
                    module: module.clone(),
                    from: from.clone(),
                    readers: Vec::new(),
                    is_output: outputs.contains(name.as_str()),
                    bends: bends(node, graph),
                });
            }
        }
        Tensors {
            list,
            first: graph
                .output
                .first()
                .map_or(String::new(), |o| o.name.clone()),
            from_names: modules.from_names,
        }
    }

    /// The file's first output.
    pub fn first(&self) -> &str {
        &self.first
    }

    /// The tensors in reverse order of the file.
    pub fn last_first(&self) -> impl Iterator<Item = &Tensor> {
        self.list.iter().rev()
    }

    /// The tensors that enter a piecewise-linear activation with its kink at 0, in the order of the file.
    pub fn bent(&self) -> Vec<String> {
        let mut bent: Vec<String> = Vec::new();
        for tensor in self.list.iter().filter(|tensor| tensor.bends) {
            if let Some(&from) = tensor.from.first()
                && !bent.contains(&self.list[from].name)
            {
                bent.push(self.list[from].name.clone());
            }
        }
        bent
    }

    /// The tensor that a user's name means.
    pub fn find(&self, wanted: &str) -> Result<String, Unfound<'_>> {
        if self.list.iter().any(|tensor| tensor.name == wanted) {
            return Ok(wanted.into());
        }
        let any = |what: &'static str| Unfound {
            what,
            candidates: self.last_first().collect(),
            several: false,
        };
        if wanted == "penultimate" {
            let what =
                "the network does not end in one linear layer, so it has no penultimate tensor";
            return self.penultimate().ok_or_else(|| any(what));
        }
        let paths = self.paths(&dotted(wanted));
        let mut found: Vec<usize> = paths.iter().flat_map(|path| self.made_in(path)).collect();
        found.sort_unstable();
        found.dedup();
        match (&found[..], paths.is_empty()) {
            ([place], _) => Ok(self.list[*place].name.clone()),
            ([], true) => Err(any("the network has no such tensor or module")),
            ([], false) => Err(any(
                "no tensor that is computed from the images leaves this module",
            )),
            (places, _) => Err(Unfound {
                what: "this may be one of several tensors, so one must be named",
                candidates: places
                    .iter()
                    .rev()
                    .map(|&place| &self.list[place])
                    .collect(),
                several: true,
            }),
        }
    }

    /// All modules, including those that contain others.
    fn modules(&self) -> HashSet<&str> {
        let mut modules = HashSet::new();
        for tensor in &self.list {
            let ends = tensor.module.match_indices('.').map(|(end, _)| end);
            let ends = ends.chain([tensor.module.len()]);
            modules.extend(ends.map(|end| &tensor.module[..end]));
        }
        modules.remove("");
        modules
    }

    /// The modules that `wanted` may mean: those of exactly that path, or otherwise those whose path ends with it.
    fn paths(&self, wanted: &str) -> Vec<String> {
        let modules = self.modules();
        let call = |module: &str| {
            let number = module.strip_prefix(wanted).and_then(|rest| {
                rest.strip_prefix('@')
                    .or(rest.strip_prefix('_').filter(|_| self.from_names))
            });
            number.is_some_and(|number| {
                !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
            })
        };
        let exact = |module: &&&str| **module == wanted || call(module);
        let ends = |module: &&&str| {
            module
                .strip_suffix(wanted)
                .is_some_and(|m| m.ends_with('.'))
        };
        let mut found: Vec<String> = modules
            .iter()
            .filter(exact)
            .map(|m| m.to_string())
            .collect();
        if found.is_empty() {
            found = modules.iter().filter(ends).map(|m| m.to_string()).collect();
        }
        found.sort();
        found
    }

    /// The tensors that are computed in a module and read outside of it, or are outputs. A tensor and its rounded or
    /// cast copies count once, as the first that is read: a quantiser omits a ReLU that its rounding implies.
    fn made_in(&self, path: &str) -> Vec<usize> {
        let inside = |module: &str| {
            let rest = module.strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let (mut found, mut origins) = (Vec::new(), HashSet::new());
        for (place, tensor) in self.list.iter().enumerate() {
            let leaves = tensor.is_output || tensor.readers.iter().any(|reader| !inside(reader));
            if !inside(&tensor.module) || !leaves {
                continue;
            }
            let mut origin = place;
            while let [from] = self.list[origin].from[..]
                && HANDING_ON.contains(&self.list[origin].operator.as_str())
                && inside(&self.list[from].module)
            {
                origin = from;
            }
            if origins.insert(origin) {
                found.push(place);
            }
        }
        found
    }

    /// The input of the last linear layer before the first output.
    fn penultimate(&self) -> Option<String> {
        let mut tensor = self.list.iter().find(|tensor| tensor.name == self.first)?;
        loop {
            let [from] = tensor.from[..] else { return None };
            if ["Gemm", "MatMul"].contains(&tensor.operator.as_str()) {
                return Some(self.list[from].name.clone());
            }
            if !AFTER.contains(&tensor.operator.as_str()) {
                return None;
            }
            tensor = &self.list[from];
        }
    }
}

/// Whether a node is an activation with a kink at 0, linear on both sides.
fn bends(node: &pb::NodeProto, graph: &pb::GraphProto) -> bool {
    match node.op_type.as_str() {
        "Relu" | "LeakyRelu" | "PRelu" => true,
        // ReLU6 and similar; in old files the limits are attributes.
        "Clip" => lower_limit(node, graph) == Some(0.0),
        _ => false,
    }
}

fn lower_limit(node: &pb::NodeProto, graph: &pb::GraphProto) -> Option<f64> {
    if let Some(limit) = node.attribute.iter().find(|a| a.name == "min") {
        return Some(limit.f.into());
    }
    let name = node.input.get(1).filter(|name| !name.is_empty())?;
    let stored = graph.initializer.iter().find(|tensor| tensor.name == *name);
    let made = || {
        let maker = graph
            .node
            .iter()
            .find(|node| node.output.first() == Some(name))?;
        maker.attribute.iter().find_map(|a| a.t.as_ref())
    };
    super::stored::small(stored.or_else(made)?)?
        .first()
        .copied()
}

/// The modules of nodes.
struct Modules {
    from_names: bool,
    /// For each tensor, the known modules of the nodes that compute or read it.
    around: HashMap<String, Vec<String>>,
}

impl Modules {
    fn new(graph: &pb::GraphProto) -> Self {
        let mut modules = Modules {
            from_names: graph.node.iter().all(|node| module_of(node).is_none()),
            around: HashMap::new(),
        };
        for node in &graph.node {
            if let Some(module) = modules.said(node) {
                for name in node.input.iter().chain(&node.output) {
                    let around = modules.around.entry(name.clone()).or_default();
                    around.push(module.clone());
                }
            }
        }
        modules
    }

    /// The module of a node, if the file states it.
    fn said(&self, node: &pb::NodeProto) -> Option<String> {
        match self.from_names {
            true => enclosing(&node.name).map(dotted),
            false => module_of(node).map(String::from),
        }
    }

    /// The module of a node. If the file does not state it, for instance for nodes that optimisers inserted, it is the
    /// innermost module that contains all known neighbours.
    fn of(&self, node: &pb::NodeProto) -> String {
        if let Some(module) = self.said(node) {
            return module;
        }
        let names = node.input.iter().chain(&node.output);
        let mut modules = names.filter_map(|name| self.around.get(name)).flatten();
        let first = modules.next().map_or("", String::as_str);
        modules
            .fold(first, |held, module| common(held, module))
            .into()
    }
}

/// The innermost module that contains both.
fn common<'m>(one: &'m str, other: &str) -> &'m str {
    let mut end = 0;
    for (a, b) in one.split('.').zip(other.split('.')) {
        if a != b {
            break;
        }
        end += a.len() + 1;
    }
    &one[..end.saturating_sub(1)]
}

/// The part of a node's name before the last slash: for `/layer4/relu/Relu` it is `/layer4/relu`.
fn enclosing(name: &str) -> Option<&str> {
    name.rsplit_once('/').map(|(around, _)| around)
}

/// Converts a path with slashes to PyTorch's form. A part may repeat the part before it, as in `/layer4/layer4.1`.
fn dotted(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        if let Some(last) = parts.last()
            && part
                .strip_prefix(last)
                .is_some_and(|rest| rest.starts_with('.'))
        {
            parts.pop();
        }
        parts.push(part);
    }
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_have_a_smallest_around_them() {
        for (one, other, expected) in [
            ("blocks.0.attn", "blocks.0.attn", "blocks.0.attn"),
            ("blocks.0.attn", "blocks.0.mlp.1", "blocks.0"),
            ("layer1", "layer10", ""),
            ("layer1", "", ""),
            ("", "layer1", ""),
        ] {
            assert_eq!(common(one, other), expected);
        }
    }

    #[test]
    fn paths_with_slashes_become_pytorchs() {
        for (path, expected) in [
            ("/layer4/layer4.1/relu_1", "layer4.1.relu_1"),
            ("/blocks/blocks.0/mlp/mlp.2", "blocks.0.mlp.2"),
            (
                "/vit/encoder/layer.0/attention",
                "vit.encoder.layer.0.attention",
            ),
            ("/layer1/layer10", "layer1.layer10"),
            ("layer4.1", "layer4.1"),
            ("", ""),
        ] {
            assert_eq!(dotted(path), expected);
        }
        assert_eq!(enclosing("/fc/Gemm"), Some("/fc"));
        assert_eq!(enclosing("Conv_0"), None);
    }
}
