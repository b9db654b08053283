//! Networks written by torch, onnx and onnxruntime: features compared with those of other programs for the same images,
//! and the names of tensors. Files and expected numbers come from `tests/data/make/encoders.py`.

use crate::formats::Folder;
use hullscope::control::Control;
use hullscope::rows::Memory;
use hullscope::rows::images::Shape;
use hullscope::space::{Set, Settings, Spec, Views};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The number of images in the files' tests, and the number of pixels of one.
const IMAGES: usize = 3;
const PIXELS: usize = 64;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/encoders")
        .join(name)
}

fn expected() -> Value {
    serde_json::from_str(&std::fs::read_to_string(data("expected.json")).unwrap()).unwrap()
}

/// The images of `encoders.py`.
fn images() -> Vec<f64> {
    (0..(IMAGES * PIXELS) as u64)
        .map(|k| ((k * k * 31 + k * 17 + 7) % 257 % 256) as f64)
        .collect()
}

/// The features of the images at a tensor of a network, and the notes.
fn features(network: &Path, tensor: &str) -> Result<(Vec<f64>, usize, String), String> {
    features_by(None, network, tensor)
}

/// The same with a given ONNX Runtime library, or with tract.
fn features_by(
    library: Option<&Path>,
    network: &Path,
    tensor: &str,
) -> Result<(Vec<f64>, usize, String), String> {
    let set = || Set {
        rows: Arc::new(Memory::from_f64("images", PIXELS, images())),
        shape: Some(Shape {
            height: 8,
            width: 8,
            channels: 1,
            planar: false,
        }),
        range: 255.0,
        framed: Vec::new(),
    };
    let settings = Settings {
        memory: 1 << 30,
        onnx_runtime: library.map(PathBuf::from),
        ..Settings::default()
    };
    let name = match tensor {
        "-" => String::new(),
        _ => format!("@{tensor}"),
    };
    let specs = Spec::parse(&format!("onnx:{}{name}", network.display())).unwrap();
    let control = Control::default();
    let made = Views::new(Some((set(), set())), specs.clone(), settings, &control);
    let mut views = made.map_err(|error| error.to_string())?;
    let view = views.view(&specs[0], &control);
    let view = view.map_err(|error| error.to_string())?;
    let mut values = vec![0.0; IMAGES * view.reference.dim()];
    view.reference.read_f64(0, &mut values).unwrap();
    Ok((
        values,
        view.reference.dim(),
        views.take_warnings().join(" "),
    ))
}

fn refused(network: &Path, tensor: &str) -> String {
    features(network, tensor).expect_err("refused")
}

/// Asserts that rows are those expected, up to a share of the largest number.
fn check(name: &str, called: &str, rows: &Value, found: &[f64], dim: usize) {
    let expected: Vec<f64> = rows
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()))
        .collect();
    assert_eq!(
        (expected.len(), dim),
        (found.len(), found.len() / IMAGES),
        "{name} {called}"
    );
    let largest = expected.iter().fold(0f64, |most, v| most.max(v.abs()));
    // A sum that is rounded to an integer may change by one if its terms are added in another order. The expected rows
    // of f16 networks are computed in f32 from rounded weights; an exporter may fold constants and round them again.
    let share = match name {
        name if name.contains("int8") && !name.contains("axes") => 0.05,
        name if name.contains("f16") || name.contains("halves") => 1e-3,
        _ => 2e-5,
    };
    for (found, expected) in found.iter().zip(&expected) {
        assert!(
            (found - expected).abs() <= share * largest,
            "{name} {called}: {found} {expected}"
        );
    }
}

#[test]
fn rows_are_those_of_other_programs_whatever_tensors_are_called() {
    for (name, tensors) in expected().as_object().unwrap() {
        let tensors = tensors.as_object().unwrap();
        for (called, tensor) in tensors {
            let (found, dim, said) = features(&data(name), called).unwrap();
            check(name, called, &tensor["rows"], &found, dim);
            // The tensor's own name selects the same tensor. Checked once per network, for networks that have several names.
            let own = tensor["tensor"].as_str().unwrap();
            if tensors.len() > 1 && tensors.keys().next_back() == Some(called) {
                assert_eq!(features(&data(name), own).unwrap().0, found, "{name} {own}");
            }
            assert_eq!(
                said.contains("batch of its own"),
                name == "residual-dynamic.onnx",
                "{name}: {said}"
            );
        }
    }
}

#[test]
fn names_that_mean_no_tensor_or_several_list_what_may_be_meant() {
    let message = refused(&data("residual-dynamo.onnx"), "layer2");
    for part in [
        "no such tensor or module",
        "did you mean layer1?",
        "from the end, linear (Gemm in fc, 3), view (Reshape, 2), mean (ReduceMean in avgpool, 2 x 1 x 1), relu_3 (Relu",
    ] {
        assert!(message.contains(part), "{message}");
    }
    // A module that is called twice, with both naming conventions.
    for (network, listed) in [
        (
            "residual-dynamo.onnx",
            "relu_1 (Relu in layer1.0.relu, 2 x 4 x 4), relu (Relu in layer1.0.relu, 2 x 4 x 4)",
        ),
        (
            "residual-legacy.onnx",
            "/layer1/layer1.0/relu_1/Relu_output_0 (Relu in layer1.0.relu_1, 2 x 4 x 4), \
             /layer1/layer1.0/relu/Relu_output_0 (Relu in layer1.0.relu, 2 x 4 x 4)",
        ),
    ] {
        let message = refused(&data(network), "layer1.0.relu");
        assert!(
            message.contains("one of several tensors") && message.contains(listed),
            "{message}"
        );
    }
    // The end of a path is sufficient if only one module has it.
    let message = refused(&data("residual-dynamo.onnx"), "conv2");
    assert!(message.contains("one of several tensors"), "{message}");
    // There is no linear layer at the end.
    let message = refused(&data("bytes.onnx"), "penultimate");
    assert!(
        message.contains("does not end in one linear layer"),
        "{message}"
    );
    // A tensor that needs a second input, in a network in which another tensor does not.
    let message = refused(&data("two-inputs.onnx"), "both");
    assert!(
        message.contains("computed from ids as well as from the images, x"),
        "{message}"
    );
}

#[test]
fn the_command_lists_tensors_last_first() {
    let folder = Folder::new();
    let run = |words: &[&str]| {
        let output = folder.run(words);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let network = data("residual-legacy.onnx");
    let network = network.to_str().unwrap();
    let (code, out, _) = run(&["encoder", network]);
    assert_eq!(code, Some(0));
    let squeezed: Vec<String> = out
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert!(
        squeezed[0].contains("tensor") && squeezed[0].contains("module"),
        "{out}"
    );
    let place = |line: &str| squeezed.iter().position(|found| found == line);
    let order = [
        "y 3 Gemm fc",
        "/Flatten_output_0 2 Flatten",
        "/avgpool/GlobalAveragePool_output_0 2 x 1 x 1 GlobalAveragePool avgpool",
        "/layer1/layer1.1/relu_1/Relu_output_0 2 x 4 x 4 Relu layer1.1.relu_1",
        "/stem/Conv_output_0 2 x 4 x 4 Conv stem",
    ];
    let places: Vec<usize> = order
        .iter()
        .map(|line| place(line).unwrap_or_else(|| panic!("{line}: {out}")))
        .collect();
    assert!(places.is_sorted(), "{out}");
    // Tensors that need another input or have no row for each image are left out; weights are not read.
    let (_, out, _) = run(&[
        "encoder",
        data("two-inputs.onnx").to_str().unwrap(),
        "--json",
    ]);
    let listed: Value = serde_json::from_str(&out).unwrap();
    let names: Vec<_> = listed["tensors"].as_array().unwrap().iter().collect();
    assert_eq!(names.last().unwrap()["tensor"], "f");
    assert!(
        !out.contains("\"zeros\"") && !out.contains("text_embeds"),
        "{out}"
    );
    let external = std::fs::read(data("residual-external.onnx")).unwrap();
    let alone = folder.file("alone.onnx", &external);
    assert_eq!(run(&["encoder", &alone]).0, Some(0));
    // An image size for a network that does not fix it.
    let (_, out, _) = run(&["encoder", "sample", "--json", "--size", "28x28"]);
    let listed: Value = serde_json::from_str(&out).unwrap();
    let features = listed["tensors"].as_array().unwrap().iter();
    let mut features = features.filter(|tensor| tensor["tensor"] == "features");
    assert_eq!(features.next().unwrap()["numbers"], 64);
    let (code, _, error) = run(&["encoder", "nowhere.onnx"]);
    assert!(code == Some(2) && error.contains("nowhere.onnx"), "{error}");
    // Named as in a space.
    let (_, plain, _) = run(&["encoder", "sample"]);
    assert!(plain.contains("features"), "{plain}");
    assert_eq!(run(&["encoder", "onnx:sample"]).1, plain);
    assert_eq!(
        run(&["encoder", &format!("onnx:{network}")]).1,
        run(&["encoder", network]).1
    );
    for (typed, said) in [
        ("onnx:nowhere.onnx", "nowhere.onnx"),
        (
            "onnx:sample@features",
            "every tensor of the network is listed; type onnx:sample",
        ),
        ("onnx:sample|pca:2", "several steps"),
    ] {
        let (code, _, error) = run(&["encoder", typed]);
        assert!(code == Some(2) && error.contains(said), "{error}");
    }
}

/// The ONNX Runtime library on this machine: the one named by the environment, or one in a usual folder.
fn library() -> Option<PathBuf> {
    let named = std::env::var_os("HULLSCOPE_ONNX_RUNTIME").map(PathBuf::from);
    let folders = [
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/usr/lib/x86_64-linux-gnu",
    ];
    let usual = folders.map(|folder| Path::new(folder).join("libonnxruntime.so"));
    named
        .into_iter()
        .chain(usual)
        .find(|library| library.is_file())
}

#[test]
fn a_library_of_onnx_runtime_gives_the_same_rows_whatever_numbers_it_takes() {
    let Some(library) = library() else {
        // Directly to stderr, because the test harness captures printed output.
        use std::io::Write;
        let skipped = "SKIPPED: no libonnxruntime.so on this machine; HULLSCOPE_ONNX_RUNTIME names one (the Python package \
                       onnxruntime has it in capi/)";
        writeln!(std::io::stderr(), "{skipped}").unwrap();
        return;
    };
    // f32, also up to an inner tensor; bytes; f16 inputs, and f16 throughout; integers.
    for (name, called) in [
        ("residual-legacy.onnx", "layer1"),
        ("bytes.onnx", "-"),
        ("halves.onnx", "-"),
        ("residual-f16.onnx", "-"),
        ("transformer-int8.onnx", "-"),
        ("axes-int8.onnx", "-"),
    ] {
        let (found, dim, said) = features_by(Some(&library), &data(name), called).unwrap();
        check(name, called, &expected()[name][called]["rows"], &found, dim);
        assert!(said.contains("ONNX Runtime"), "{name}: {said}");
    }
    // Weights in a separate file, as a plain file and behind links.
    let name = "residual-weights.onnx";
    let rows = &expected()[name]["-"]["rows"];
    let (found, dim, _) = features_by(Some(&library), &data(name), "-").unwrap();
    check(name, "-", rows, &found, dim);
    #[cfg(unix)]
    {
        let folder = Folder::new();
        let (found, dim, _) = features_by(Some(&library), &linked(&folder, name), "-").unwrap();
        check(name, "-", rows, &found, dim);
    }
}

/// A network with a separate weights file as a hub's cache stores them: links to files elsewhere, with other names.
#[cfg(unix)]
fn linked(folder: &Folder, name: &str) -> PathBuf {
    let read = |name: &str| std::fs::read(data(name)).unwrap();
    folder.file("blobs/1", &read(name));
    folder.file("blobs/2", &read(&format!("{name}.data")));
    let snapshot = PathBuf::from(folder.path("snapshots/a"));
    std::fs::create_dir_all(&snapshot).unwrap();
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, snapshot.join(name)).unwrap();
    link("../../blobs/1", "m.onnx");
    link("../../blobs/2", &format!("{name}.data"));
    snapshot.join("m.onnx")
}

#[test]
fn weights_in_a_file_of_their_own_are_found_and_checked() {
    let folder = Folder::new();
    let network = std::fs::read(data("residual-external.onnx")).unwrap();
    let weights = std::fs::read(data("residual-external.onnx.data")).unwrap();
    let path = |name: &str| PathBuf::from(folder.file(name, &network));
    #[cfg(unix)]
    {
        let (found, dim, _) = features(&linked(&folder, "residual-external.onnx"), "-").unwrap();
        let rows = &expected()["residual-external.onnx"]["-"]["rows"];
        check("residual-external.onnx", "-", rows, &found, dim);
    }
    let missing = refused(&path("missing/m.onnx"), "-");
    for part in ["residual-external.onnx.data", "cannot be read", "beside it"] {
        assert!(missing.contains(part), "{missing}");
    }
    assert!(!missing.contains("size="), "{missing}");
    let cut = path("cut/m.onnx");
    folder.file(
        "cut/residual-external.onnx.data",
        &weights[..weights.len() / 2],
    );
    let message = refused(&cut, "-");
    assert!(
        message.contains("which has 378") && message.contains("residual-external.onnx.data"),
        "{message}"
    );
    // A weights file outside the network's folder is not read.
    let from = b"residual-external.onnx.data";
    let to = b"../sidual-external.onnx.data";
    let mut outside = network.clone();
    let places: Vec<usize> = (0..network.len() - from.len())
        .filter(|&at| network[at..].starts_with(from))
        .collect();
    for &at in &places {
        outside[at..at + from.len()].copy_from_slice(&to[..from.len()]);
    }
    let outside = PathBuf::from(folder.file("cut/outside.onnx", &outside));
    let message = refused(&outside, "-");
    assert!(
        message.contains("not below the network's folder"),
        "{message}"
    );
}
