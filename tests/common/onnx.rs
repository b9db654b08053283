//! ONNX networks, encoded by hand as protobuf fields.

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 128 {
        bytes.push(value as u8 | 128);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A field that holds bytes.
fn field(number: u64, body: &[u8]) -> Vec<u8> {
    [
        varint(number << 3 | 2),
        varint(body.len() as u64),
        body.to_vec(),
    ]
    .concat()
}

/// A field that holds an integer.
fn whole(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

/// A tensor of f32 with these axes; an axis of 0 has no fixed length.
fn value(name: &str, axes: &[usize]) -> Vec<u8> {
    let axis = |length: &usize| match length {
        0 => field(1, &[]),
        _ => field(1, &whole(1, *length as u64)),
    };
    let shape = field(2, &axes.iter().flat_map(axis).collect::<Vec<_>>());
    let tensor = field(1, &[whole(1, 1), shape].concat());
    [field(1, name.as_bytes()), field(2, &tensor)].concat()
}

fn node(operator: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let inputs = inputs.iter().flat_map(|name| field(1, name.as_bytes()));
    let rest = [
        field(2, output.as_bytes()),
        field(3, output.as_bytes()),
        field(4, operator.as_bytes()),
    ];
    [inputs.collect(), rest.concat()].concat()
}

/// A network of nodes (operator, inputs, output) from the input `x` with these axes to the last node's output.
pub fn network(axes: &[usize], nodes: &[(&str, &[&str], &str)]) -> Vec<u8> {
    let last = nodes.last().unwrap().2;
    let all = nodes.iter();
    let all = all.flat_map(|(operator, inputs, output)| field(1, &node(operator, inputs, output)));
    let graph = [
        all.collect(),
        field(2, b"g"),
        field(11, &value("x", axes)),
        field(12, &value(last, axes)),
    ]
    .concat();
    [whole(1, 8), field(7, &graph), field(8, &whole(2, 13))].concat()
}

/// A network of one node, from `x` to `y`.
pub fn one_node(operator: &str, axes: &[usize]) -> Vec<u8> {
    network(axes, &[(operator, &["x"], "y")])
}
