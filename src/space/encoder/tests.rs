//! The built-in network against what another runtime made of the same images.

use super::super::spec::AxisOrder;
use super::graph::DEEPEST;
use super::*;
use crate::rows::images::Shape;
use crate::rows::sample;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

const GOLDEN: &str = include_str!("../../../assets/encoder/golden.json");
const TENSORS: [&str; 5] = [
    "features",
    "bottleneck16",
    "bottleneck8",
    "bottleneck2",
    "logits",
];

fn shape() -> Shape {
    Shape {
        height: 28,
        width: 28,
        channels: 1,
        planar: false,
    }
}

fn bytes(shape: Shape) -> Pixels {
    Pixels {
        shape,
        range: 255.0,
        bytes: true,
        framed: false,
    }
}

fn wanted(tensor: &str) -> Wanted {
    Wanted {
        tensors: vec![tensor.into()],
        pool: None,
    }
}

fn encoder(name: &str) -> Encoder {
    let model = Model::open(Path::new(name)).unwrap();
    let wanted = TENSORS.map(wanted);
    Encoder::new(model, &OnnxArgs::default(), &wanted, bytes(shape()), None).unwrap()
}

/// The first four test images of Fashion-MNIST are the sample's first four queries.
fn images(count: usize) -> Vec<f64> {
    let mut images = vec![0.0; count * 784];
    sample::queries().unwrap().read_f64(0, &mut images).unwrap();
    images
}

#[test]
fn features_are_those_of_another_runtime() {
    let golden: serde_json::Value = serde_json::from_str(GOLDEN).unwrap();
    for (name, key) in [("sample", "trained"), ("sample-untrained", "untrained")] {
        let encoder = encoder(name);
        assert_eq!(encoder.dims(), [64, 16, 8, 2, 10]);
        let found = encoder.encode(&images(4)).unwrap();
        for (tensor, found) in TENSORS.iter().zip(found) {
            let rows = golden[key]["outputs"][tensor].as_array().unwrap();
            let expected: Vec<f64> = rows
                .iter()
                .flat_map(|row| row.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()))
                .collect();
            assert_eq!(found.len(), expected.len());
            let largest = expected.iter().fold(0f64, |most, v| most.max(v.abs()));
            for (found, expected) in found.iter().zip(&expected) {
                let difference = (f64::from(*found) - expected).abs();
                assert!(
                    difference < 1e-4 * largest,
                    "{name} {tensor}: {found} {expected}"
                );
            }
        }
    }
}

#[test]
fn batches_do_not_change_features_and_order_is_kept() {
    let encoder = encoder("sample");
    let rows = sample::queries().unwrap();
    let names = TENSORS.map(String::from);
    let sets = encoder
        .encode_all(
            &rows,
            &names,
            u64::MAX,
            &mut Warnings::default(),
            &Control::default(),
        )
        .unwrap();
    assert_eq!((sets[0].len(), sets[0].dim()), (1000, 64));
    let mut some = vec![0f32; 64];
    for row in [0, 31, 32, 999] {
        let mut image = vec![0.0; 784];
        rows.read_f64(row, &mut image).unwrap();
        sets[0].read_f32(row, &mut some).unwrap();
        let alone = encoder.encode(&image).unwrap();
        for (a, b) in some.iter().zip(&alone[0]) {
            assert!((a - b).abs() < 1e-5 * (1.0 + b.abs()));
        }
    }
}

#[test]
fn pixels_reach_the_network_in_its_own_order_and_scale() {
    let colour = Shape {
        height: 1,
        width: 2,
        channels: 3,
        planar: false,
    };
    let mut preparation = Preparation {
        stored: 6,
        steps: Vec::new(),
        notes: Vec::new(),
        shape: colour,
        channels: 3,
        layout: AxisOrder::Nchw,
        range: 10.0,
        white: 1.0,
        mean: vec![0.0, 0.5, 0.0],
        std: vec![1.0, 0.5, 1.0],
    };
    let image = [1.0, 5.0, 9.0, 2.0, 10.0, 8.0];
    let near = |found: Vec<f32>, expected: [f32; 6]| {
        assert!(
            found
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-6),
            "{found:?}"
        );
    };
    near(
        preparation.apply(&image).unwrap(),
        [0.1, 0.2, 0.0, 1.0, 0.9, 0.8],
    );
    preparation.layout = AxisOrder::Nhwc;
    near(
        preparation.apply(&image).unwrap(),
        [0.1, 0.0, 0.9, 0.2, 1.0, 0.8],
    );
    // Grey is repeated.
    preparation.shape.channels = 1;
    preparation.stored = 2;
    near(
        preparation.apply(&[1.0, 5.0]).unwrap(),
        [0.1, -0.8, 0.1, 0.5, 0.0, 0.5],
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let model = || Model::open(Path::new("sample")).unwrap();
    let outputs = [wanted("features")];
    let refused = |args: OnnxArgs, shape: Shape| {
        let made = Encoder::new(model(), &args, &outputs, bytes(shape), None);
        made.err().unwrap().to_string()
    };
    let size = OnnxArgs {
        size: Some((32, 32)),
        ..OnnxArgs::default()
    };
    assert!(refused(size, shape()).contains("28 x 28"));
    let mean = OnnxArgs {
        mean: Some(vec![0.1, 0.2, 0.3]),
        ..OnnxArgs::default()
    };
    assert!(refused(mean, shape()).contains("mean= has 3 numbers"));
    // Other sizes and colours are brought to the network's.
    let large = Shape {
        height: 40,
        width: 30,
        channels: 3,
        planar: true,
    };
    let made = Encoder::new(model(), &OnnxArgs::default(), &outputs, bytes(large), None).unwrap();
    let features = made.encode(&vec![100.0; 3 * 40 * 30]).unwrap();
    assert_eq!(features[0].len(), 64);
}

/// Small networks for images of 2 x 2 pixels, made here: nodes as (operator, inputs, output), numbers they take.
mod made {
    use super::*;
    use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value as Extent};
    use tract_onnx::pb::{self, attribute_proto::AttributeType, type_proto};

    pub type Node = (
        &'static str,
        &'static [&'static str],
        &'static str,
        &'static [(&'static str, &'static [i64])],
    );

    pub type Metadata<'m> = &'m [(&'m str, &'m str)];

    /// Axes of 0 are open.
    pub fn network(
        axes: &[i64],
        nodes: &[Node],
        numbers: &[(&str, &[i64])],
        metadata: Metadata,
    ) -> Model {
        let dim = axes.iter().map(|&length| Dimension {
            value: (length > 0).then_some(Extent::DimValue(length)),
            ..Default::default()
        });
        let tensor = type_proto::Tensor {
            elem_type: 1,
            shape: Some(pb::TensorShapeProto { dim: dim.collect() }),
        };
        let value = |name: &str, tensor| pb::ValueInfoProto {
            name: name.into(),
            r#type: Some(pb::TypeProto {
                value: Some(type_proto::Value::TensorType(tensor)),
                ..Default::default()
            }),
            ..Default::default()
        };
        let output = value(
            "y",
            type_proto::Tensor {
                elem_type: 1,
                shape: None,
            },
        );
        let graph = pb::GraphProto {
            node: nodes.iter().map(node).collect(),
            initializer: numbers
                .iter()
                .map(|&(name, numbers)| stored(name, numbers))
                .collect(),
            input: vec![value("x", tensor)],
            output: vec![output],
            ..Default::default()
        };
        let entry = |&(key, value): &(&str, &str)| pb::StringStringEntryProto {
            key: key.into(),
            value: value.into(),
        };
        let proto = pb::ModelProto {
            ir_version: 8,
            opset_import: vec![pb::OperatorSetIdProto {
                domain: String::new(),
                version: 13,
            }],
            graph: Some(graph),
            metadata_props: metadata.iter().map(entry).collect(),
            ..Default::default()
        };
        Model::new("made.onnx".into(), proto, None).unwrap()
    }

    fn node(&(operator, inputs, output, attributes): &Node) -> pb::NodeProto {
        let attribute = |&(name, ints): &(&str, &[i64])| match ints {
            [one] if name == "keepdims" => pb::AttributeProto {
                name: name.into(),
                r#type: AttributeType::Int.into(),
                i: *one,
                ..Default::default()
            },
            _ => pb::AttributeProto {
                name: name.into(),
                r#type: AttributeType::Ints.into(),
                ints: ints.to_vec(),
                ..Default::default()
            },
        };
        pb::NodeProto {
            // tract reads the names of random operators.
            name: operator.into(),
            op_type: operator.into(),
            input: inputs.iter().map(|&name| name.into()).collect(),
            output: vec![output.into()],
            attribute: attributes.iter().map(attribute).collect(),
            ..Default::default()
        }
    }

    /// Whole numbers, for shapes (7 is i64 in ONNX).
    fn stored(name: &str, numbers: &[i64]) -> pb::TensorProto {
        pb::TensorProto {
            name: name.into(),
            dims: vec![numbers.len() as i64],
            data_type: 7,
            int64_data: numbers.to_vec(),
            ..Default::default()
        }
    }

    pub const FLAT: Node = ("Flatten", &["x"], "f", &[]);

    pub fn encoder(model: Model, args: &OnnxArgs) -> Result<Encoder> {
        let shape = Shape {
            height: 2,
            width: 2,
            ..shape()
        };
        let images = Pixels {
            range: 1.0,
            bytes: false,
            ..bytes(shape)
        };
        Encoder::new(model, args, &[wanted("y")], images, None)
    }

    pub fn refused(model: Model, args: &OnnxArgs) -> String {
        encoder(model, args).err().expect("refused").to_string()
    }
}

#[test]
fn rows_are_those_of_their_images_whatever_the_batch() {
    for batch in [0, 1, 2, 3, 5] {
        let nodes = [made::FLAT, ("Neg", &["f"], "y", &[])];
        let model = made::network(&[batch, 1, 2, 2], &nodes, &[], &[]);
        let encoder = made::encoder(model, &OnnxArgs::default()).unwrap();
        let values: Vec<f64> = (0..70 * 4).map(f64::from).collect();
        let rows = crate::rows::Memory::from_f64("rows", 4, values.clone());
        let sets = encoder.encode_all(
            &rows,
            &["y".into()],
            u64::MAX,
            &mut Warnings::default(),
            &Control::default(),
        );
        let mut found = vec![0.0; 70 * 4];
        sets.unwrap()[0].read_f64(0, &mut found).unwrap();
        assert!(found.iter().zip(&values).all(|(a, b)| *a == -b));
    }
}

const MEAN: made::Node = (
    "ReduceMean",
    &["f"],
    "m",
    &[("axes", &[0]), ("keepdims", &[1])],
);

#[test]
fn tensors_that_are_not_rows_of_images_are_refused() {
    let mixed = "depends on the other images";
    // (nodes, numbers that they take, batch of the network, what is said)
    type Case<'c> = (&'c [made::Node], &'c [i64], &'c [i64], &'c str);
    let cases: [Case; 5] = [
        // Images less the mean of their batch: alone, each would be nothing.
        (&[MEAN, ("Sub", &["f", "m"], "y", &[])], &[], &[0, 4], mixed),
        // Numbers of several images in one row: no image is lost, but none has a row.
        (
            &[
                ("Transpose", &["f"], "t", &[("perm", &[1, 0])]),
                ("Reshape", &["t", "s"], "y", &[]),
            ],
            &[-1, 4],
            &[4],
            mixed,
        ),
        // As many rows as a batch of small images, by accident.
        (
            &[MEAN, ("Expand", &["m", "s"], "y", &[])],
            &[32, 4],
            &[0],
            "first axis of the tensor",
        ),
        (
            &[MEAN, ("Expand", &["m", "s"], "y", &[])],
            &[32, 4],
            &[32],
            mixed,
        ),
        (
            &[("RandomNormalLike", &["f"], "y", &[])],
            &[],
            &[0, 1, 4],
            mixed,
        ),
    ];
    for (nodes, numbers, batches, said) in cases {
        let nodes = [&[made::FLAT], nodes].concat();
        for &batch in batches {
            let model = made::network(&[batch, 1, 2, 2], &nodes, &[("s", numbers)], &[]);
            let message = made::refused(model, &OnnxArgs::default());
            assert!(message.contains(said), "{nodes:?} {batch}: {message}");
        }
    }
}

#[test]
fn images_are_run_alone_where_their_batch_would_change_their_rows() {
    // Each image over the largest number of its batch.
    let nodes = [
        made::FLAT,
        (
            "ReduceMax",
            &["f"],
            "m",
            &[("axes", &[0, 1]), ("keepdims", &[1])],
        ),
        ("Div", &["f", "m"], "y", &[]),
    ];
    let model = made::network(&[0, 1, 2, 2], &nodes, &[], &[]);
    let encoder = made::encoder(model, &OnnxArgs::default()).unwrap();
    let rows =
        crate::rows::Memory::from_f64("rows", 4, vec![1.0, 2.0, 4.0, 2.0, 8.0, 4.0, 2.0, 1.0]);
    let control = Control::default();
    let sets = encoder.encode_all(
        &rows,
        &["y".into()],
        u64::MAX,
        &mut Warnings::default(),
        &control,
    );
    let mut found = vec![0.0; 8];
    sets.unwrap()[0].read_f64(0, &mut found).unwrap();
    assert_eq!(found, [0.25, 0.5, 1.0, 0.5, 1.0, 0.5, 0.25, 0.125]);
    let said = encoder.notes()[0].join(" ");
    assert!(said.contains("batch of its own"), "{said}");
}

#[test]
fn features_that_hardly_vary_are_said() {
    let rows = |count: usize, spread: f64| -> Vec<f64> {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        (0..count * 4)
            .map(|_| 1.0 + spread * random.random::<f64>())
            .collect()
    };
    let warned = |values: Vec<f64>| {
        let model = made::network(
            &[0, 1, 2, 2],
            &[made::FLAT, ("Neg", &["f"], "y", &[])],
            &[],
            &[],
        );
        let encoder = made::encoder(model, &OnnxArgs::default()).unwrap();
        let rows = crate::rows::Memory::from_f64("rows", 4, values);
        let (mut warnings, control) = (Warnings::default(), Control::default());
        encoder
            .encode_all(&rows, &["y".into()], u64::MAX, &mut warnings, &control)
            .unwrap();
        warnings.join(" ")
    };
    assert!(warned(rows(200, 1e-6)).contains("y: these features hardly vary"));
    // One row that lies far away does not hide it, nor do few rows or large sets bring it about.
    let mut outlier = rows(200, 1e-6);
    outlier[0] = 1e6;
    assert!(warned(outlier).contains("hardly vary"));
    assert_eq!(warned(rows(200, 1e-3)), "");
    assert_eq!(warned(rows(1, 1e-6)), "");
    assert_eq!(warned(vec![0.0; 40]), "");
}

#[test]
fn a_tensor_beyond_reason_within_a_network_is_refused_unseen() {
    const MEAN_OF_TILES: made::Node = (
        "ReduceMean",
        &["t"],
        "y",
        &[("axes", &[1]), ("keepdims", &[1])],
    );
    let nodes = [made::FLAT, ("Tile", &["f", "s"], "t", &[]), MEAN_OF_TILES];
    let of = |times| made::network(&[1, 1, 2, 2], &nodes, &[("s", &[1, times])], &[]);
    let message = made::refused(of((1 << 28) + 1), &OnnxArgs::default());
    assert!(
        message.contains("would take 4096 MiB, and may take 4096"),
        "{message}"
    );
    assert!(message.contains("Tile"), "{message}");
    made::encoder(of(1 << 8), &OnnxArgs::default()).unwrap();
}

#[test]
fn a_chain_of_operators_beyond_reason_is_refused_unseen() {
    let name = |at: usize| -> &'static str { Box::leak(format!("t{at}").into_boxed_str()) };
    let chain = |length: usize| {
        let step = |at: usize| -> made::Node {
            let input: &'static [&'static str] =
                Box::leak(Box::new([if at == 0 { "f" } else { name(at) }]));
            (
                "Neg",
                input,
                if at + 1 == length { "y" } else { name(at + 1) },
                &[],
            )
        };
        let nodes: Vec<made::Node> = [made::FLAT]
            .into_iter()
            .chain((0..length).map(step))
            .collect();
        made::network(&[0, 1, 2, 2], &nodes, &[], &[])
    };
    let message = made::refused(chain(DEEPEST), &OnnxArgs::default());
    assert!(
        message.contains("4097 of its operators follow one another, and 4096 may"),
        "{message}"
    );
    assert!(message.contains("--onnx-runtime"), "{message}");
    // One operator less is tract's to judge, which takes no two nodes of one name.
    let message = made::refused(chain(DEEPEST - 1), &OnnxArgs::default());
    assert!(message.contains("Duplicate node name"), "{message}");
}

#[test]
fn batches_beyond_reason_are_refused_unseen() {
    let nodes = [made::FLAT, ("Tile", &["f", "s"], "y", &[])];
    for (batch, repeats, said) in [
        (1 << 40, 1, "the input of its batch"),
        (1 << 25, 1, "would take 512 MiB"),
        (
            1,
            1 << 26,
            "the tensors of its batch of 1 images would take 1024 MiB",
        ),
        (0, 1 << 26, "the tensors of its batch"),
    ] {
        let model = made::network(&[batch, 1, 2, 2], &nodes, &[("s", &[1, repeats])], &[]);
        let message = made::refused(model, &OnnxArgs::default());
        assert!(message.contains(said), "{message}");
    }
}

#[test]
fn what_the_file_says_must_fit_its_own_input() {
    let nodes = [made::FLAT, ("Neg", &["f"], "y", &[])];
    let (none, nhwc, nchw) = (
        OnnxArgs::default(),
        OnnxArgs {
            layout: Some(AxisOrder::Nhwc),
            ..OnnxArgs::default()
        },
        OnnxArgs {
            layout: Some(AxisOrder::Nchw),
            ..OnnxArgs::default()
        },
    );
    type Case<'c> = (&'c [i64], &'c OnnxArgs, made::Metadata<'c>, &'c str);
    let cases: [Case; 10] = [
        (&[0, 3, 4, 4], &nhwc, &[], "give layout=nchw"),
        (&[0, 4, 4, 1], &nchw, &[], "give layout=nhwc"),
        (
            &[0, 3, 4, 4],
            &none,
            &[("layout", "nhwc")],
            "give layout=nchw",
        ),
        (&[0, 4, 2, 2], &none, &[], "4 channels"),
        (&[0, 1, 4, 0], &none, &[], "axis 2 of its input has 4"),
        (&[0, 5], &none, &[], "axis 1 of its input has 5"),
        (
            &[0, 1, 2, 2],
            &none,
            &[("size", "3x3")],
            "size=3x3 is what the file's metadata says",
        ),
        (
            &[0, 1, 2, 2],
            &none,
            &[("size", "large")],
            "size = \"large\"",
        ),
        (
            &[0, 1, 2, 2],
            &none,
            &[("layout", "chw")],
            "layout = \"chw\"",
        ),
        (&[0, 1, 1 << 20, 1 << 20], &none, &[], "4096 x 4096"),
    ];
    for (axes, args, metadata, said) in cases {
        let message = made::refused(made::network(axes, &nodes, &[], metadata), args);
        assert!(message.contains(said), "{axes:?} {metadata:?}: {message}");
    }
    // Grey to three channels, and what is typed instead of metadata that cannot be read.
    let fits = |axes: &[i64], args: &OnnxArgs, metadata: made::Metadata| {
        made::encoder(made::network(axes, &nodes, &[], metadata), args)
            .unwrap()
            .dims()
    };
    assert_eq!(fits(&[0, 3, 4, 4], &none, &[]), [48]);
    assert_eq!(fits(&[0, 4, 4, 3], &none, &[("size", "4")]), [48]);
    assert_eq!(fits(&[0, 1, 2, 2], &nchw, &[("layout", "chw")]), [4]);
}

/// All that the ReLUs of the built-in network bend, and tensors side by side: the rows of each, in order.
#[test]
fn tensors_stand_side_by_side_in_a_row() {
    let model = Model::open(Path::new("sample")).unwrap();
    let signature = model.signature();
    let bent = signature.outputs(Some("preactivations")).unwrap();
    let convolved = [
        "stage1_conv1",
        "stage1_sum",
        "stage2_conv1",
        "stage2_sum",
        "stage3_conv1",
        "stage3_sum",
    ];
    assert_eq!(bent[0], "stem_conv");
    assert_eq!(bent[1..], convolved);
    let pair = signature.outputs(Some("logits+bottleneck8")).unwrap();
    let row = |tensors: Vec<String>| Wanted {
        tensors,
        pool: None,
    };
    let all = [
        row(bent),
        row(pair),
        wanted("logits"),
        wanted("bottleneck8"),
    ];
    let encoder = Encoder::new(model, &OnnxArgs::default(), &all, bytes(shape()), None).unwrap();
    assert_eq!(
        encoder.dims(),
        [6272 + 2 * 3136 + 2 * 1568 + 2 * 1024, 18, 10, 8]
    );
    let layers: Vec<usize> = encoder.layers()[0].iter().map(|layer| layer.dim).collect();
    assert_eq!(layers, [6272, 3136, 3136, 1568, 1568, 1024, 1024]);
    assert!(
        encoder.notes()[0]
            .iter()
            .any(|note| note.contains("7 tensors side by side, 17728 numbers"))
    );
    let found = encoder.encode(&images(3)).unwrap();
    for image in 0..3 {
        let parts = [&found[2][image * 10..][..10], &found[3][image * 8..][..8]].concat();
        assert_eq!(found[1][image * 18..][..18], parts);
    }
    let missing = signature
        .outputs(Some("logits+nothing"))
        .unwrap_err()
        .to_string();
    assert!(missing.contains("nothing"), "{missing}");
}

/// What bends at 0 and is linear elsewhere; a clip between other limits is not.
#[test]
fn activations_that_bend_at_zero_are_found() {
    let clips: &[made::Node] = &[
        ("Relu", &["x"], "a", &[]),
        ("Clip", &["a", "zero", "six"], "b", &[]),
        ("Clip", &["b", "one", "six"], "c", &[]),
        ("Sigmoid", &["c"], "d", &[]),
        ("PRelu", &["d", "six"], "e", &[]),
        ("LeakyRelu", &["d"], "g", &[]),
        ("Add", &["e", "g"], "f", &[]),
        ("Flatten", &["f"], "y", &[]),
    ];
    let numbers: &[(&str, &[i64])] = &[("zero", &[0]), ("one", &[1]), ("six", &[6])];
    let bent = |nodes: &[made::Node]| {
        let model = made::network(&[0, 1, 2, 2], nodes, numbers, &[]);
        model.signature().outputs(Some("preactivations"))
    };
    assert_eq!(bent(clips).unwrap(), ["a", "d"]);
    let smooth: &[made::Node] = &[("Sigmoid", &["x"], "f", &[]), ("Flatten", &["f"], "y", &[])];
    let message = bent(smooth).unwrap_err().to_string();
    assert!(message.contains("no ReLU"), "{message}");
}

/// A file that another program wrote.
fn written(name: &str) -> std::path::PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/encoders");
    folder.join(name)
}

/// A quantised transformer as it stands, in which tract 0.23 takes its softmax for a map from number to number.
#[test]
fn what_rounding_does_not_do_is_found_before_any_row_is_made() {
    use tract_onnx::prelude::Framework;
    let path = written("transformer-int8.onnx");
    let signature = Model::open(&path).unwrap().signature();
    let outputs = [signature.output(None).unwrap()];
    let images = Pixels {
        range: 1.0,
        bytes: false,
        ..bytes(Shape {
            height: 8,
            width: 8,
            ..shape()
        })
    };
    let preparation = Preparation::new(&signature, &OnnxArgs::default(), images).unwrap();
    let tried = |graph: InferenceModel| {
        let engine = Engine::Tract(graph);
        let trial = Trial::new(&signature, &preparation, &outputs, &engine);
        trial.run().unwrap()
    };
    let mut prepared = Model::open(&path).unwrap().prepare(&outputs).unwrap();
    let unrounded = tried(prepared.take_unrounded().unwrap().unwrap()).shown;
    let right = tried(prepared.parsed().unwrap());
    right
        .network
        .rounds_little(&right.shown, &unrounded)
        .unwrap();
    let wrong = tried(tract_onnx::onnx().model_for_path(&path).unwrap());
    let found = wrong.network.rounds_little(&wrong.shown, &unrounded);
    let message = found.unwrap_err().to_string();
    assert!(message.contains("which rounding does not do"), "{message}");
}
