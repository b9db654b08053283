//! `embed`: the rows of a space as files that can be read back, with names and labels; and refused input.

use crate::common::gaussian;
use crate::formats::{Folder, encode, npy};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray};
use hullscope::control::Control;
use hullscope::rows::{Element, Memory, OpenOptions, Rows, open};
use hullscope::space::{Set, Settings, Spec, Views};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::sync::Arc;

const D: usize = 5;

/// Rows that are exact in f32.
fn rows(count: usize, seed: u64) -> Vec<f64> {
    let values = gaussian(count * D, seed).into_iter();
    values.map(|value| f64::from(value as f32)).collect()
}

fn array(values: &[f64]) -> Vec<u8> {
    let shape = format!("({}, {D})", values.len() / D);
    npy(
        1,
        "'<f4'",
        "False",
        &shape,
        &encode(Element::F32, values, false),
    )
}

fn read(path: &str) -> (Box<dyn Rows>, Vec<f64>) {
    let options = OpenOptions {
        memory: 1 << 24,
        ..OpenOptions::default()
    };
    let rows = open(path, &options, &Control::default()).unwrap();
    let mut values = vec![0.0; rows.len() * rows.dim()];
    rows.read_f64(0, &mut values).unwrap();
    (rows, values)
}

/// Run the program, which must succeed; returns its stdout and stderr.
#[track_caller]
fn embed(folder: &Folder, words: &[&str]) -> (String, String) {
    let output = folder.run(&[&["embed"], words].concat());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{err}");
    (out, err)
}

#[track_caller]
fn refused(folder: &Folder, words: &[&str], parts: &[&str]) {
    let output = folder.run(&[&["embed"], words].concat());
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

fn listed(folder: &Folder, name: &str) -> Vec<String> {
    let files = std::fs::read_dir(folder.path(name)).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn every_set_is_in_the_space_of_the_first() {
    let folder = Folder::new();
    let sets = [("train", 40, 1), ("test", 7, 2), ("extra", 9, 3)];
    for (name, count, seed) in sets {
        folder.file(&format!("{name}.npy"), &array(&rows(count, seed)));
    }
    let words = [
        "train.npy",
        "test.npy",
        "extra.npy",
        "--space",
        "pca:3",
        "-o",
        "out",
    ];
    let (out, _) = embed(&folder, &words);
    assert_eq!(
        listed(&folder, "out"),
        ["extra.npy", "test.npy", "train.npy"]
    );
    assert!(out.contains("test.npy: 7 x 3 f64, pca:3"), "{out}");
    let set = |count, seed| {
        Set::vectors(Arc::new(Memory::from_f64("set", D, rows(count, seed))) as Arc<dyn Rows>)
    };
    for (name, count, seed) in sets {
        let specs = Spec::parse("pca:3").unwrap();
        let settings = Settings {
            memory: 1 << 24,
            ..Settings::default()
        };
        let pair = Some((set(40, 1), set(count, seed)));
        let control = Control::default();
        let mut views = Views::new(pair, specs.clone(), settings, &control).unwrap();
        let view = views.view(&specs[0], &control).unwrap();
        let mut expected = vec![0.0; count * 3];
        view.queries.read_f64(0, &mut expected).unwrap();
        let (found, values) = read(&folder.path(&format!("out/{name}.npy")));
        assert_eq!((found.len(), found.dim()), (count, 3));
        for (found, expected) in values.iter().zip(&expected) {
            // The last bits of a matrix product depend on which rows share a block.
            assert!(
                (found - expected).abs() < 1e-12,
                "{name}: {found} {expected}"
            );
        }
    }
    // One set alone, and numbers that are not changed.
    embed(&folder, &["test.npy", "--space", "pixels", "-o", "alone"]);
    let (found, values) = read(&folder.path("alone/test.npy"));
    assert_eq!((found.element(), values), (Element::F32, rows(7, 2)));
}

#[test]
fn the_sample_has_its_classes() {
    let folder = Folder::new();
    let words = [
        "--space",
        "patch:2",
        "--space",
        "onnx:sample@bottleneck2",
        "-o",
        "out",
        "--limit-reference",
        "50",
    ];
    let more = ["--limit-queries", "20", "--progress", "none"];
    let (out, err) = embed(&folder, &[&words[..], &more].concat());
    let network = "onnx-sample-bottleneck2";
    let names = listed(&folder, "out");
    assert_eq!(names.len(), 8, "{names:?}");
    assert!(out.contains("20 labels of 10 classes"), "{out}");
    assert!(err.is_empty(), "{err}");
    for (set, count) in [("reference", 50), ("queries", 20)] {
        let labels =
            std::fs::read_to_string(folder.path(&format!("out/sample-{set}-patch-2.labels.txt")));
        let labels = labels.unwrap();
        assert_eq!(labels.lines().count(), count);
        assert!(
            labels.lines().any(|label| label == "Ankle boot"),
            "{labels}"
        );
        let own = names.iter().find(|name| {
            name.starts_with(&format!("sample-{set}-{network}")) && name.ends_with(".npy")
        });
        let (rows, _) = read(&folder.path(&format!("out/{}", own.unwrap())));
        assert_eq!(
            (rows.len(), rows.dim(), rows.element()),
            (count, 2, Element::F32)
        );
    }
}

fn parquet(path: &str) -> RecordBatch {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    builder.build().unwrap().next().unwrap().unwrap()
}

/// A table of names, two columns of numbers, and classes.
fn table() -> Vec<u8> {
    let text = |texts: [&str; 3]| Arc::new(StringArray::from_iter_values(texts)) as ArrayRef;
    let float = |values: [f64; 3]| Arc::new(Float64Array::from_iter_values(values)) as ArrayRef;
    let batch = RecordBatch::try_from_iter([
        ("name", text(["ann", "bob", "cid"])),
        ("x", float([1.0, 3.0, 5.0])),
        ("y", float([2.0, 4.0, 7.0])),
        ("kind", text(["cat", "dog", "cat"])),
    ]);
    let batch = batch.unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn parquet_keeps_numbers_ids_and_labels() {
    let folder = Folder::new();
    folder.file("a.parquet", &table());
    let words = [
        "a.parquet",
        "--space",
        "pixels",
        "-o",
        "out",
        "--format",
        "parquet",
        "--id-column",
        "name",
        "--label-column",
        "kind",
        "--exclude-rows",
        "1",
    ];
    embed(&folder, &words);
    assert_eq!(listed(&folder, "out"), ["a.parquet"]);
    let batch = parquet(&folder.path("out/a.parquet"));
    let column = |name: &str| batch.column_by_name(name).unwrap();
    let text = |name: &str| -> Vec<String> {
        let column = column(name).as_string::<i32>();
        column
            .iter()
            .map(|text| text.unwrap().to_string())
            .collect()
    };
    assert_eq!(column("row").as_primitive::<Int64Type>().values(), &[0, 2]);
    assert_eq!(text("id"), ["ann", "cid"]);
    assert_eq!(text("label"), ["cat", "cat"]);
    let vectors = column("embedding").as_fixed_size_list();
    assert_eq!((vectors.len(), vectors.value_length()), (2, 2));
    let numbers = vectors.values();
    let numbers: Vec<f64> = match numbers.as_primitive_opt::<Float32Type>() {
        Some(numbers) => numbers.values().iter().copied().map(f64::from).collect(),
        None => numbers
            .as_primitive::<arrow_array::types::Float64Type>()
            .values()
            .to_vec(),
    };
    assert_eq!(numbers, [1.0, 2.0, 5.0, 7.0]);
    // The program reads the file back, and takes its only column of vectors.
    let (rows, values) = read(&folder.path("out/a.parquet"));
    assert_eq!((rows.dim(), values), (2, numbers));
    // In an .npy file the row numbers are lost, and the program says so.
    let words = [
        &words[..5],
        &[
            "--id-column",
            "name",
            "--label-column",
            "kind",
            "--exclude-rows",
            "1",
        ],
    ]
    .concat();
    let (_, err) = embed(&folder, &words);
    assert!(err.contains("--format parquet"), "{err}");
    let labels = std::fs::read_to_string(folder.path("out/a.labels.txt")).unwrap();
    assert_eq!(labels, "cat\ncat\n");
}

#[test]
fn several_files_and_sets_of_one_name_stay_apart() {
    let folder = Folder::new();
    for (name, seed) in [
        ("a/x.npy", 1),
        ("b/x.npy", 2),
        ("shards/1.npy", 3),
        ("shards/2.npy", 4),
    ] {
        folder.file(name, &array(&rows(6, seed)));
    }
    embed(
        &folder,
        &["a/x.npy", "b/x.npy", "--space", "pixels", "-o", "out"],
    );
    assert_eq!(listed(&folder, "out"), ["a-x.npy", "b-x.npy"]);
    assert_eq!(read(&folder.path("out/b-x.npy")).1, rows(6, 2));
    embed(
        &folder,
        &["a/x.npy", "a/x.npy", "--space", "pixels", "-o", "same"],
    );
    assert_eq!(listed(&folder, "same"), ["1-x.npy", "2-x.npy"]);
    embed(
        &folder,
        &[
            "shards", "--space", "pixels", "-o", "out", "--format", "parquet",
        ],
    );
    let batch = parquet(&folder.path("out/shards.parquet"));
    let within = batch.column_by_name("row_in_file").unwrap();
    let within = within.as_primitive::<Int64Type>().values().to_vec();
    assert_eq!(within, [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]);
    let files = batch.column_by_name("file").unwrap().as_string::<i32>();
    assert!(files.value(5).ends_with("1.npy") && files.value(6).ends_with("2.npy"));
    embed(
        &folder,
        &["--space", "file:a/x.npy,b/x.npy|pca:2", "-o", "made"],
    );
    assert_eq!(listed(&folder, "made"), ["a-x.npy", "b-x.npy"]);
}

#[test]
fn nothing_is_overwritten_that_was_read_and_nothing_is_left_half_written() {
    let folder = Folder::new();
    folder.file("train.npy", &array(&rows(6, 1)));
    folder.file("test.npy", &array(&rows(6, 2)));
    folder.file(
        "odd.npy",
        &npy(
            1,
            "'<f4'",
            "False",
            "(3, 2)",
            &encode(Element::F32, &[1.0; 6], false),
        ),
    );
    let space = ["--space", "pca:2"];
    let with = |words: &[&'static str]| [words, &space].concat();
    refused(
        &folder,
        &with(&["train.npy", "test.npy", "-o", "."]),
        &["train.npy", "also an input"],
    );
    folder.file("set/1.npy", &array(&rows(6, 3)));
    refused(&folder, &with(&["set", "-o", "set"]), &["also an input"]);
    refused(
        &folder,
        &with(&["train.npy", "odd.npy", "-o", "out"]),
        &["odd.npy", "2"],
    );
    refused(
        &folder,
        &with(&["train.npy", "missing.npy", "-o", "out"]),
        &["missing.npy"],
    );
    refused(
        &folder,
        &with(&["train.npy", "-o", "test.npy"]),
        &["is a file"],
    );
    refused(
        &folder,
        &[
            "train.npy",
            "--space",
            "file:train.npy,test.npy",
            "-o",
            "out",
        ],
        &["names its own two sets"],
    );
    refused(
        &folder,
        &["train.npy", "--space", "pca:9", "-o", "out"],
        &["9", "5 numbers"],
    );
    refused(
        &folder,
        &[
            "--space",
            "onnx:sample",
            "--onnx-runtime",
            "train.npy",
            "-o",
            "out",
        ],
        &["train.npy", "cannot be used as ONNX Runtime"],
    );
    assert!(!std::path::Path::new(&folder.path("out")).exists());
    assert_eq!(read(&folder.path("train.npy")).1, rows(6, 1));
}
