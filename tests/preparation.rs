//! Images go into a network as Pillow, torchvision and transformers prepare them: their numbers are in
//! `tests/data/preparation.json`, and a network that negates its input shows ours.

use crate::common::onnx::{network, one_node};
use crate::formats::{Folder, encode, npy};
use hullscope::Result;
use hullscope::control::Control;
use hullscope::rows::images::Shape;
use hullscope::rows::{Element, Memory, Rows};
use hullscope::space::{Set, Settings, Spec, Views, network_files};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

const GOLDEN: &str = include_str!("data/preparation.json");

/// The name of the config that is kept beside a network.
const CONFIG: &str = "preprocessor_config.json";

/// A network for colour images of any size.
const OPEN: [usize; 4] = [0, 3, 0, 0];

fn golden() -> Value {
    serde_json::from_str(GOLDEN).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    let values = value.as_array().unwrap().iter();
    values.map(|value| value.as_f64().unwrap()).collect()
}

/// The picture, as bytes or as numbers from 0 to 1, one channel after the other.
fn picture(bytes: bool) -> Set {
    let golden = golden();
    let side = |key: &str| golden[key].as_u64().unwrap() as usize;
    let shape = Shape {
        height: side("height"),
        width: side("width"),
        channels: 3,
        planar: false,
    };
    let pixels = numbers(&golden["picture"]);
    let rows: Arc<dyn Rows> = match bytes {
        true => as_bytes(shape, &pixels),
        false => {
            let pixels = pixels.iter().map(|pixel| pixel / 255.0).collect();
            Arc::new(Memory::from_f64("picture", pixels_of(shape), pixels))
        }
    };
    Set {
        rows,
        shape: Some(shape),
        range: if bytes { 255.0 } else { 1.0 },
        framed: Vec::new(),
    }
}

fn pixels_of(shape: Shape) -> usize {
    shape.height * shape.width * shape.channels
}

/// Rows of bytes, which only files give.
pub fn as_bytes(shape: Shape, pixels: &[f64]) -> Arc<dyn Rows> {
    let folder = Folder::new();
    let axes = format!("(1, {})", pixels_of(shape));
    let bytes = npy(
        1,
        "'|u1'",
        "False",
        &axes,
        &encode(Element::U8, pixels, false),
    );
    let path = folder.file("picture.npy", &bytes);
    let options = hullscope::rows::OpenOptions {
        memory: 1 << 20,
        ..Default::default()
    };
    let rows = hullscope::rows::open(&path, &options, &Control::default()).unwrap();
    assert_eq!(rows.element(), Element::U8);
    Arc::from(rows)
}

/// The rows of `set` in the space of the network in `folder`, and what was said about it.
pub fn seen(path: &str, settings: &str, set: Set) -> Result<(Vec<f64>, Vec<String>)> {
    let comma = if settings.is_empty() { "" } else { "," };
    let specs = Spec::parse(&format!("onnx:{path}{comma}{settings}"))?;
    let control = Control::default();
    let how = Settings {
        seed: 0,
        memory: 1 << 30,
        ..Settings::default()
    };
    let mut views = Views::new(Some((set.clone(), set)), specs.clone(), how, &control)?;
    let view = views.view(&specs[0], &control)?;
    let mut rows = vec![0.0; view.reference.len() * view.reference.dim()];
    view.reference.read_f64(0, &mut rows)?;
    Ok((rows, views.take_warnings()))
}

/// What goes into a network of any size, with a config beside it.
fn input(settings: &str, set: Set, config: &Value) -> Result<(Vec<f64>, Vec<String>)> {
    input_beside(CONFIG, settings, set, config)
}

/// The same, with the config in a file of this name.
fn input_beside(
    file: &str,
    settings: &str,
    set: Set,
    config: &Value,
) -> Result<(Vec<f64>, Vec<String>)> {
    let folder = Folder::new();
    let path = folder.file("net.onnx", &one_node("Neg", &OPEN));
    if !config.is_null() {
        folder.file(file, config.to_string().as_bytes());
    }
    let (rows, notes) = seen(&path, settings, set)?;
    Ok((rows.iter().map(|value| -value).collect(), notes))
}

#[track_caller]
fn refused(settings: &str, config: &Value, parts: &[&str]) {
    let message = match input(settings, picture(true), config) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("{settings} {config} was taken"),
    };
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

#[test]
fn pixels_are_those_of_pillow_torchvision_transformers_and_timm() {
    for case in golden()["cases"].as_array().unwrap() {
        let (settings, kind) = (case["settings"].as_str().unwrap(), &case["kind"]);
        let (file, config) = (case["file"].as_str().unwrap(), &case["config"]);
        let (found, notes) =
            input_beside(file, settings, picture(kind != "floats"), config).unwrap();
        assert_eq!(notes[0].contains(file), !config.is_null(), "{notes:?}");
        let count: f64 = numbers(&case["shape"]).iter().product();
        assert_eq!(found.len(), count as usize, "{case}");
        let step = case["step"].as_u64().unwrap() as usize;
        let expected = numbers(&case["values"]);
        let found: Vec<f64> = found.into_iter().step_by(step).collect();
        assert_eq!(found.len(), expected.len());
        // Bytes are equal; the others were written with seven digits, and f32 is no better.
        let bytes = kind == "bytes" || kind == "rounded";
        let off = found
            .iter()
            .zip(&expected)
            .map(|(found, expected)| match bytes {
                true => (255.0 * found - expected).abs() - 1e-4,
                false => (found - expected).abs() - 1e-5 * expected.abs().max(1.0),
            });
        let off: Vec<f64> = off.filter(|&off| off > 0.0).collect();
        let what = format!("{settings} {}: {off:?}", case["config"]);
        match kind == "rounded" {
            // f32 may round a half to either side.
            true => assert!(
                50 * off.len() < found.len() && off.iter().all(|&off| off < 1.0),
                "{what}"
            ),
            false => assert!(off.is_empty(), "{what}"),
        }
    }
}

#[test]
fn what_was_chosen_is_said_and_what_is_typed_wins() {
    let said = |settings: &str, config: &Value| {
        let (rows, notes) = input(settings, picture(true), config).unwrap();
        (rows.len() / 3, notes.first().cloned().unwrap_or_default())
    };
    let config = json!({
        "size": {"shortest_edge": 10}, "crop_size": {"height": 8, "width": 6}, "do_center_crop": true, "resample": 3,
        "image_mean": [0.5, 0.25, 0.5], "image_std": 0.5,
    });
    let (pixels, note) = said("pool=none", &config);
    assert_eq!(pixels, 48);
    for part in [
        CONFIG,
        "resampled to 15 x 10 (bicubic), the centre of 6 x 8",
        "mean 0.5,0.25,0.5, std 0.5",
    ] {
        assert!(note.contains(part), "{note}");
    }
    for (settings, pixels, part) in [
        (
            "resize=9,pool=none",
            48,
            "13 x 9 (bicubic), the centre of 6 x 8",
        ),
        (
            "crop=7,pool=none",
            49,
            "15 x 10 (bicubic), the centre of 7 x 7",
        ),
        ("size=5x4,pool=none", 20, "squashed to 5 x 4"),
        (
            "size=5x4,filter=bilinear,pool=none",
            20,
            "resampled to 5 x 4 (bilinear)",
        ),
        (
            "filter=bilinear,antialias=no,pool=none",
            48,
            "15 x 10 (bilinear without antialias)",
        ),
        ("mean=0.125,pool=none", 48, "mean 0.125,0.125,0.125"),
    ] {
        let (found, note) = said(settings, &config);
        assert!(
            found == pixels && note.contains(part) && note.contains("but for what was typed"),
            "{settings}: {found} {note}"
        );
    }
    let (found, note) = said("preset=none,pool=none", &config);
    assert_eq!((found, note.as_str()), (26 * 17, ""));
    let (found, note) = said("preset=clip,resize=20,crop=20,pool=none", &config);
    assert!(found == 400 && note.contains("preset=clip"), "{note}");
}

#[test]
fn a_config_is_found_beside_the_network_or_above_its_folder_onnx() {
    let config = json!({"size": {"height": 4, "width": 4}, "resample": 2, "do_normalize": false})
        .to_string();
    for (network, beside, found) in [
        ("a/net.onnx", "a/", true),
        ("a/onnx/net.onnx", "a/", true),
        ("a/other/net.onnx", "a/", false),
    ] {
        let folder = Folder::new();
        let path = folder.file(network, &one_node("Neg", &OPEN));
        folder.file(&format!("{beside}{CONFIG}"), config.as_bytes());
        let (rows, _) = seen(&path, "", picture(true)).unwrap();
        assert_eq!(rows.len() == 48, found, "{network}");
        // Finished work is done again when it changes.
        let files = network_files(Path::new(&path));
        let noticed = files.iter().any(|file| file.ends_with(CONFIG));
        assert_eq!(noticed, found, "{files:?}");
    }
}

#[test]
fn of_several_configs_the_one_that_its_library_reads_first_counts() {
    let side = |side: usize| json!({"size": {"height": side, "width": side}, "resample": 2, "do_normalize": false});
    let timm = |side: usize| json!({"pretrained_cfg": {"input_size": [3, side, side]}});
    let nested = |side_of: Value| json!({"image_processor": side_of});
    let names = ["processor_config.json", CONFIG, "config.json"];
    // (what each file says, the one that counts and its side; other files are about something else)
    type Case = ([Value; 3], Option<(usize, usize)>);
    let cases: [Case; 6] = [
        ([nested(side(4)), side(5), timm(6)], Some((0, 4))),
        (
            [json!({"processor_class": "C"}), side(5), timm(6)],
            Some((1, 5)),
        ),
        ([Value::Null, Value::Null, timm(6)], Some((2, 6))),
        // A file of timm before it had parts.
        (
            [
                Value::Null,
                Value::Null,
                json!({"architecture": "a", "input_size": [3, 7, 7]}),
            ],
            Some((2, 7)),
        ),
        (
            [Value::Null, Value::Null, json!({"model_type": "vit"})],
            None,
        ),
        ([Value::Null, Value::Null, json!("not timm's")], None),
    ];
    for (files, expected) in cases {
        let folder = Folder::new();
        let path = folder.file("net.onnx", &one_node("Neg", &OPEN));
        for (name, config) in names
            .iter()
            .zip(&files)
            .filter(|(_, config)| !config.is_null())
        {
            folder.file(name, config.to_string().as_bytes());
        }
        let (rows, notes) = seen(&path, "pool=none", picture(true)).unwrap();
        let noticed = network_files(Path::new(&path));
        match expected {
            Some((file, side)) => {
                assert_eq!(rows.len(), 3 * side * side, "{files:?}");
                assert!(notes[0].contains(names[file]), "{notes:?}");
                assert!(
                    noticed
                        .iter()
                        .any(|file_seen| file_seen.ends_with(names[file]))
                );
            }
            None => assert!(rows.len() == 3 * 17 * 26 && noticed.len() == 1, "{files:?}"),
        }
    }
}

#[test]
fn configs_of_timm_that_ask_for_what_is_not_done_are_refused() {
    let plain = json!({"input_size": [3, 8, 8], "crop_pct": 0.9});
    let with = |key: &str, value: Value| {
        let mut config = plain.clone();
        config[key] = value;
        input_beside(
            "config.json",
            "",
            picture(true),
            &json!({"pretrained_cfg": config}),
        )
    };
    assert!(with("crop_mode", Value::Null).is_ok());
    for (key, value, part) in [
        ("interpolation", json!("lanczos"), "interpolation = lanczos"),
        ("crop_mode", json!("border"), "crop_mode = border"),
        ("input_size", json!([3, 8, 9]), "not square"),
        ("input_size", json!([8, 8]), "input_size"),
        ("input_size", json!([3, 0, 0]), "4096"),
        ("crop_pct", json!(1.5), "crop_pct = 1.5"),
        ("crop_pct", json!(1e-9), "4096"),
        ("mean", json!("half"), "mean"),
        ("std", json!([0.5, 0.0, 0.5]), "std divides"),
    ] {
        let message = with(key, value).unwrap_err().to_string();
        for part in ["config.json", part, "preset=none"] {
            assert!(message.contains(part), "{part:?} is not in: {message}");
        }
    }
    // A network that was exported in its size for tests is prepared as for tests.
    let config = json!({"pretrained_cfg": {
        "input_size": [3, 8, 8], "test_input_size": [3, 12, 12], "crop_pct": 0.5, "test_crop_pct": 1.0,
    }});
    let folder = Folder::new();
    folder.file("config.json", config.to_string().as_bytes());
    let path = folder.file("net.onnx", &one_node("Neg", &[0, 3, 12, 12]));
    let (_, notes) = seen(&path, "", picture(true)).unwrap();
    assert!(
        notes[0].contains("resampled to 18 x 12 (bicubic), the centre of 12 x 12"),
        "{notes:?}"
    );
}

#[test]
fn pixels_that_nothing_scales_are_spoken_of() {
    let none = Value::Null;
    let raw = |settings: &str, config: &Value| {
        let (_, notes) = input(settings, picture(true), config).unwrap();
        notes
            .iter()
            .filter(|note| note.contains("from 0 to 1") && note.contains("preset=imagenet"))
            .count()
    };
    assert_eq!(raw("pool=none", &none), 1);
    assert_eq!(raw("resize=8,crop=8,pool=none", &none), 1);
    let config = json!({"size": {"height": 4, "width": 4}, "resample": 2, "do_normalize": false});
    for (settings, config) in [
        ("mean=0,std=1,pool=none", &none),
        ("std=0.5,pool=none", &none),
        ("preset=none,pool=none", &none),
        ("preset=clip,pool=none", &none),
        ("pool=none", &config),
    ] {
        assert_eq!(raw(settings, config), 0, "{settings}");
    }
}

#[test]
fn configs_that_ask_for_what_is_not_done_are_refused() {
    let plain = json!({
        "size": {"height": 4, "width": 4}, "resample": 2, "image_mean": [0.5], "image_std": [0.5],
    });
    assert!(input("", picture(true), &plain).is_ok());
    for (key, value, part) in [
        ("resample", json!(1), "resample = 2"),
        ("resample", Value::Null, "resample = 2"),
        ("size", json!({"longest_edge": 8}), "longest_edge"),
        (
            "size",
            json!({"shortest_edge": 8, "longest_edge": 9}),
            "longest_edge",
        ),
        ("size", json!(8), "size = 8"),
        ("size", json!({"height": 1 << 20, "width": 4}), "4096"),
        ("size", Value::Null, "no size"),
        ("do_pad", json!(true), "do_pad"),
        (
            "do_flip_channel_order",
            json!(true),
            "do_flip_channel_order",
        ),
        ("rescale_offset", json!(true), "rescale_offset"),
        ("crop_size", json!(3), "do_center_crop"),
        ("do_center_crop", json!(true), "no crop_size"),
        ("do_resize", json!("yes"), "not true or false"),
        ("rescale_factor", json!(0), "rescale_factor"),
        ("image_mean", json!("half"), "image_mean"),
        ("image_std", json!([0.0]), "image_std"),
        ("crop_pct", json!(2), "crop_pct"),
    ] {
        let mut config = plain.clone();
        if key == "crop_pct" {
            config["size"] = json!({"shortest_edge": 8});
        }
        config[key] = value;
        refused("", &config, &[CONFIG, part, "preset=none"]);
    }
    refused("", &json!([1]), &[CONFIG, "not an object"]);
    // A number for the size, where it is known which side is meant.
    for (kind, count) in [("ViTFeatureExtractor", 64), ("CLIPFeatureExtractor", 96)] {
        let mut config = plain.clone();
        config["size"] = json!(8);
        config["feature_extractor_type"] = json!(kind);
        let (rows, _) = input("", picture(true), &config).unwrap();
        assert_eq!(rows.len(), 3 * count, "{kind}");
    }
    let off =
        json!({"do_pad": false, "rescale_offset": null, "do_resize": false, "do_normalize": false});
    assert!(input("", picture(true), &off).is_ok());
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let none = Value::Null;
    refused(
        "resize=8,crop=9",
        &none,
        &["12 x 8", "9 x 9", "larger resize="],
    );
    refused("crop=18", &none, &["26 x 17", "18 x 18"]);
    refused("filter=bicubic", &none, &["give resize= or size="]);
    refused("resize=4000", &none, &["4096", "smaller resize="]);
    let folder = Folder::new();
    let path = folder.file("net.onnx", &one_node("Neg", &[0, 3, 12, 12]));
    for (settings, part) in [
        (
            "preset=imagenet",
            "12 x 12 pixels, and these become 224 x 224 by preset=imagenet",
        ),
        ("resize=12", "become 18 x 12"),
        ("size=8", "size=8x8 was asked for"),
    ] {
        let message = seen(&path, settings, picture(true))
            .unwrap_err()
            .to_string();
        assert!(message.contains(part), "{message}");
    }
    // Presets of any size take the network's.
    for (settings, said) in [
        ("preset=clip", "18 x 12 (bicubic), the centre of 12 x 12"),
        ("preset=siglip", "12 x 12 (bicubic), mean 0.5"),
        ("filter=bicubic", ""),
    ] {
        let (rows, notes) = seen(&path, settings, picture(true)).unwrap();
        assert_eq!(rows.len(), 432);
        assert!(notes[0].contains(said), "{notes:?}");
    }
}

#[test]
fn images_that_lose_their_ratio_of_sides_are_spoken_of() {
    let folder = Folder::new();
    let path = folder.file("net.onnx", &one_node("Neg", &[0, 3, 12, 12]));
    let notes = |settings: &str| seen(&path, settings, picture(true)).unwrap().1.join("\n");
    let note = notes("");
    assert!(
        note.contains("26 x 17 pixels are squashed to 12 x 12") && note.contains("preset=clip"),
        "{note}"
    );
    for settings in ["size=12", "resize=12x12", "resize=12,crop=12"] {
        assert!(!notes(settings).contains("squashed"), "{settings}");
    }
    // 26 x 17 to 52 x 34 keeps it.
    let path = folder.file("twice.onnx", &one_node("Neg", &[0, 3, 34, 52]));
    let (_, notes) = seen(&path, "mean=0,pool=none", picture(true)).unwrap();
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn tensors_of_several_positions_are_pooled_or_spoken_of() {
    let (plain, notes) = input("mean=0", picture(true), &Value::Null).unwrap();
    assert!(
        notes.len() == 1 && notes[0].contains("3 x 17 x 26") && notes[0].contains("pool=mean"),
        "{notes:?}"
    );
    let channels: Vec<&[f64]> = plain.chunks_exact(17 * 26).collect();
    let (mean, notes) = input("mean=0,pool=mean", picture(true), &Value::Null).unwrap();
    assert!(mean.len() == 3 && notes.is_empty(), "{notes:?}");
    for (mean, channel) in mean.iter().zip(&channels) {
        let expected = channel.iter().sum::<f64>() / (17.0 * 26.0);
        assert!((mean - expected).abs() < 1e-6);
    }
    // The largest of the negated numbers.
    let (most, _) = input("pool=max", picture(true), &Value::Null).unwrap();
    for (most, channel) in most.iter().zip(&channels) {
        assert_eq!(*most, channel.iter().copied().fold(f64::INFINITY, f64::min));
    }
    refused("pool=cls", &Value::Null, &["grid", "pool=mean"]);
    let folder = Folder::new();
    let flat = [("Flatten", &["x"][..], "f"), ("Neg", &["f"][..], "y")];
    let path = folder.file("flat.onnx", &network(&OPEN, &flat));
    let message = seen(&path, "pool=mean", picture(true))
        .unwrap_err()
        .to_string();
    assert!(message.contains("take pool= away"), "{message}");
}
