//! The built-in network against what another runtime made of the same images.

use super::*;
use crate::rows::sample;
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

fn encoder(name: &str) -> Encoder {
    let model = Model::open(Path::new(name)).unwrap();
    let outputs = TENSORS.map(String::from);
    Encoder::new(&model, &OnnxArgs::default(), &outputs, shape(), 255.0).unwrap()
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
        assert_eq!(encoder.dims, [64, 16, 8, 2, 10]);
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
        .encode_all(&rows, &names, u64::MAX, &Control::default())
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
        gray: None,
        resample: None,
        shape: colour,
        channels: 3,
        layout: Layout::Nchw,
        range: 10.0,
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
    preparation.layout = Layout::Nhwc;
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
    let model = Model::open(Path::new("sample")).unwrap();
    let outputs = ["features".to_string()];
    let refused = |args: OnnxArgs, shape: Shape| {
        let made = Encoder::new(&model, &args, &outputs, shape, 255.0);
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
    let made = Encoder::new(&model, &OnnxArgs::default(), &outputs, large, 255.0).unwrap();
    let features = made.encode(&vec![100.0; 3 * 40 * 30]).unwrap();
    assert_eq!(features[0].len(), 64);
}
