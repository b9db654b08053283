//! Labelled images in a column of a table: found, selected, reported, and the same from any file; names of classes; and
//! sets of images that are recognised and refused.

use crate::common::alloc::largest;
use crate::formats::{Folder, values};
use crate::images::{
    bytes, classes, data, encoded, fails, flat, labels, limited, options, read, read_and_hear,
    shape, skipping,
};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Float32Array, Int8Array, Int64Array, RecordBatch,
    StringArray, StructArray,
};
use hullscope::control::Control;
use hullscope::error::Error;
use hullscope::rows::images::{ImageOptions, Names, open_images};
use image::{ExtendedColorType, ImageFormat};
use std::sync::Arc;

/// Image i of the library's files: 8 x 8, pixel (y, x) = (40 i, 8 y, 8 x).
fn pixels(images: std::ops::Range<u8>) -> Vec<u8> {
    let pixel = |i: u8, at: u8| [40 * i, 8 * (at / 8), 8 * (at % 8)];
    images
        .flat_map(|i| (0..64).flat_map(move |at| pixel(i, at)))
        .collect()
}

/// A column of images, each of one grey value, as bytes; `None` for an image with a path but no bytes.
fn column(greys: &[Option<u8>], paths: &[&str]) -> ArrayRef {
    let files: Vec<Option<Vec<u8>>> = greys
        .iter()
        .map(|grey| grey.map(|v| flat(2, 2, v)))
        .collect();
    let bytes: BinaryArray = files.iter().map(Option::as_deref).collect();
    let paths = StringArray::from(paths.to_vec());
    let parts: Vec<(&str, ArrayRef)> = vec![("bytes", Arc::new(bytes)), ("path", Arc::new(paths))];
    Arc::new(StructArray::try_from(parts).unwrap())
}

/// Three images with the grey values 10, 20 and 30.
fn three() -> ArrayRef {
    column(&[Some(10), Some(20), Some(30)], &["a", "b", "c"])
}

/// A Parquet file of these columns.
fn parquet(columns: &[(&str, ArrayRef)]) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns.iter().cloned()).unwrap();
    let mut file = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    file
}

fn text(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn numbers(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn label_column(name: &str) -> ImageOptions {
    let mut options = options();
    options.open.choice.label = Some(name.into());
    options
}

#[test]
fn files_of_the_library_are_labelled_images() {
    for (spec, which) in [
        ("images.parquet", 0..4u8),
        ("images.parquet:image", 0..4),
        ("images-saved:train", 0..4),
        ("images-saved:train:image", 0..4),
        ("images-saved/train", 0..4),
        ("images-saved/train/data-00001-of-00002.arrow", 2..4),
        ("images-saved/train/*.arrow", 0..4),
        ("images-saved:test", 4..6),
    ] {
        let (images, said) = read_and_hear(&data(spec), &options());
        assert_eq!(images.shape, shape(8, 8, 3, false), "{spec}");
        assert_eq!(bytes(&images), pixels(which.clone()), "{spec}");
        let names = ["cat", "dog", "newt"];
        let expected: Vec<&str> = which.map(|i| names[usize::from(i) % 3]).collect();
        assert_eq!(classes(&images), expected, "{spec}");
        for part in [
            "the column image",
            "the column label",
            "3 names of the file",
        ] {
            assert!(said.contains(part), "{spec}: {said}");
        }
        assert_eq!(
            said.contains("the split train"),
            spec.contains(":train"),
            "{said}"
        );
    }
    let some = read(&data("images.parquet"), &limited(2));
    assert_eq!(
        (bytes(&some), labels(&some).classes.len()),
        (pixels(0..2), 2)
    );
    for spec in ["images-saved", "images-saved:nope", "images-saved:image"] {
        fails(
            &data(spec),
            &options(),
            &["several splits: train, test", "FOLDER:SPLIT"],
        );
    }
    fails(
        &data("images-saved:test:label2"),
        &options(),
        &["no column \"label2\"", "image"],
    );
    fails(
        &data("images.parquet:label2"),
        &options(),
        &["no column \"label2\"", "image"],
    );
    // Columns without images are read as numbers.
    let numbers = read(&data("images.parquet:label"), &options());
    assert_eq!(values(&*numbers.rows), [0.0, 1.0, 2.0, 0.0]);
}

#[test]
fn shards_are_one_set_and_splits_are_not() {
    let folder = Folder::new();
    let one = std::fs::read(data("images.parquet")).unwrap();
    let other = parquet(&[("image", three())]);
    for i in [0, 1, 10] {
        folder.file(&format!("data/train-{i}-of-11.parquet"), &one);
    }
    folder.file("data/README.md", b"text");
    folder.file("data/test-00000-of-00001-0f3c.parquet", &one);
    fails(
        &folder.path("data"),
        &options(),
        &["several splits: test, train", "data:test"],
    );
    for spec in ["data:train", "data/train-*.parquet", "data/tr*:image"] {
        let images = read(&folder.path(spec), &options());
        assert_eq!(bytes(&images), pixels(0..4).repeat(3), "{spec}");
        assert_eq!(classes(&images)[4..6], ["cat", "dog"]);
    }
    assert_eq!(
        read(&folder.path("data/*.parquet"), &options()).rows.len(),
        16
    );
    // Without split names all files are one set; files without rows add none.
    folder.file("plain/a.parquet", &one);
    let none = parquet(&[("image", column(&[], &[])), ("label", numbers(&[]))]);
    folder.file("plain/b.parquet", &none);
    folder.file("plain/c.parquet", &one);
    assert_eq!(read(&folder.path("plain"), &options()).rows.len(), 8);
    folder.file("plain/c.parquet", &other);
    fails(
        &folder.path("plain"),
        &options(),
        &["c.parquet", "no column \"label\""],
    );
    // A list of files in another folder is not followed.
    let state = br#"{"_data_files": [{"filename": "../plain/a.parquet"}]}"#;
    folder.file("saved/state.json", state);
    fails(
        &folder.path("saved"),
        &options(),
        &["state.json", "../plain/a.parquet"],
    );
}

#[test]
fn of_several_columns_one_is_chosen_by_name() {
    let folder = Folder::new();
    let vectors: ArrayRef = Arc::new(Float32Array::from(vec![1.0, 2.0, 3.0]));
    let raw: BinaryArray = [
        Some(flat(2, 2, 7)),
        Some(flat(2, 2, 8)),
        Some(flat(2, 2, 9)),
    ]
    .iter()
    .map(Option::as_deref)
    .collect();
    let mask = column(&[Some(1), Some(2), Some(3)], &["a", "b", "c"]);
    let file = parquet(&[
        ("vector", vectors),
        ("image", three()),
        ("mask", mask),
        ("raw", Arc::new(raw)),
    ]);
    let path = folder.file("x.parquet", &file);
    fails(
        &path,
        &options(),
        &["several columns hold images: image, mask", "PATH:COLUMN"],
    );
    for (column, greys) in [
        ("image", [10, 20, 30]),
        ("mask", [1, 2, 3]),
        ("raw", [7, 8, 9]),
    ] {
        let images = read(&format!("{path}:{column}"), &options());
        let expected: Vec<u8> = greys.iter().flat_map(|&v| [v; 4]).collect();
        assert_eq!(bytes(&images), expected, "{column}");
        assert!(images.labels.is_none());
    }
    let images = read(&format!("{path}:vector"), &options());
    assert_eq!(
        (values(&*images.rows), images.shape),
        (vec![1.0, 2.0, 3.0], None)
    );
}

#[test]
fn labels_are_numbers_or_text_of_a_column_that_is_said() {
    let folder = Folder::new();
    let with = |columns: &[(&str, ArrayRef)], options: &ImageOptions| {
        let all = [&[("image", three())][..], columns].concat();
        let (images, said) = read_and_hear(&folder.file("x.parquet", &parquet(&all)), options);
        let labels = images.labels.is_some();
        let classes = if labels { classes(&images) } else { Vec::new() };
        (classes.join(" "), said)
    };
    let (found, said) = with(&[("label", numbers(&[7, -1, 7]))], &options());
    assert_eq!(found, "7 -1 7");
    assert!(
        said.contains("labels of the column label") && !said.contains("names"),
        "{said}"
    );
    assert_eq!(
        with(&[("class", text(&["b", "a", "b"]))], &options()).0,
        "b a b"
    );
    let flags: ArrayRef = Arc::new(BooleanArray::from(vec![true, false, true]));
    assert_eq!(with(&[("target", flags)], &options()).0, "1 0 1");
    let small: ArrayRef = Arc::new(Int8Array::from(vec![3, 4, 5]));
    let two = [("label", small), ("species", text(&["b", "a", "b"]))];
    assert_eq!(with(&two, &options()).0, "3 4 5");
    let (found, said) = with(&two, &label_column("species"));
    assert_eq!(found, "b a b");
    assert!(said.contains("the column species"), "{said}");
    // Two columns with usual names: neither is used.
    let two = [
        ("label", numbers(&[1, 2, 3])),
        ("class", text(&["b", "a", "b"])),
    ];
    let (found, said) = with(&two, &options());
    assert_eq!(found, "");
    assert!(
        said.contains("(label, class)") && said.contains("--label-column"),
        "{said}"
    );
    // A null means that this row has no label; other rows are not affected.
    let some: ArrayRef = Arc::new(Int64Array::from(vec![Some(-5), None, Some(7)]));
    let words: ArrayRef = Arc::new(StringArray::from(vec![None, Some("b"), Some("a")]));
    for (column, expected) in [(some, "-5 (no label) 7"), (words, "(no label) b a")] {
        let (found, said) = with(&[("label", column)], &options());
        assert_eq!(found, expected);
        assert!(said.contains("1 of 3 rows have no label"), "{said}");
    }
    let none: ArrayRef = Arc::new(Int64Array::from(vec![None, None, None]));
    let (found, said) = with(&[("label", none)], &options());
    assert_eq!(found, "");
    assert!(said.contains("null in all rows"), "{said}");
    let path = folder.path("x.parquet");
    fails(
        &path,
        &label_column("nothing"),
        &["no column \"nothing\"", "label"],
    );
    // A file of labels takes precedence over a column.
    let given = ImageOptions {
        labels: Some(folder.file("l.csv", b"5\n6\n7\n")),
        ..options()
    };
    assert_eq!(
        classes(&read(
            &data("images.parquet"),
            &ImageOptions {
                labels: Some(folder.file("m.csv", b"5\n6\n7\n8\n")),
                ..options()
            }
        )),
        ["5", "6", "7", "8"]
    );
    fails(
        &data("images.parquet"),
        &given,
        &["l.csv", "3 labels", "4 images"],
    );
}

#[test]
fn images_without_bytes_are_read_from_their_path() {
    let folder = Folder::new();
    let images = column(
        &[Some(10), None, Some(30), None],
        &["", "deep/b.png", "", "c.png"],
    );
    let label = numbers(&[1, 2, 3, 4]);
    let path = folder.file(
        "set/x.parquet",
        &parquet(&[("image", images), ("label", label)]),
    );
    folder.file("set/deep/b.png", &flat(2, 2, 77));
    fails(
        &path,
        &options(),
        &[
            "x.parquet, row 3",
            "only its path \"c.png\"",
            "set/c.png",
            "save_to_disk",
        ],
    );
    let kept = read(&path, &skipping());
    assert_eq!(
        (bytes(&kept), kept.skipped),
        ([10, 77, 30].map(|v| [v; 4]).concat(), 1)
    );
    assert_eq!(classes(&kept), ["1", "2", "3"]);
    folder.file("set/c.png", &flat(2, 2, 88));
    assert_eq!(bytes(&read(&path, &options()))[12..], [88; 4]);
    // Labels stay with their images if an earlier image is left out.
    folder.file("set/deep/b.png", b"not an image");
    fails(&path, &options(), &["set/deep/b.png", "cannot be decoded"]);
    assert_eq!(classes(&read(&path, &skipping())), ["1", "3", "4"]);
}

#[test]
fn broken_images_are_named_by_their_row() {
    let folder = Folder::new();
    let whole = flat(2, 2, 5);
    let wide = encoded(ImageFormat::Png, 3, 2, ExtendedColorType::L8, &[1; 6]);
    let of = |third: Option<&[u8]>| {
        let raw: BinaryArray = [Some(&whole[..]), Some(&whole[..]), third]
            .into_iter()
            .collect();
        let parts: Vec<(&str, ArrayRef)> = vec![("bytes", Arc::new(raw))];
        let images = StructArray::try_from(parts).unwrap();
        folder.file("x.parquet", &parquet(&[("image", Arc::new(images))]))
    };
    for (third, parts) in [
        (None, ["row 2", "neither bytes nor a path"]),
        (Some(&b""[..]), ["row 2", "no bytes"]),
        (Some(&whole[..40]), ["row 2", "cannot be decoded"]),
        (
            Some(&wide),
            ["row 2: the image is 3 x 2", "x.parquet, row 0 is 2 x 2"],
        ),
    ] {
        fails(&of(third), &options(), &parts);
    }
}

#[test]
fn tables_of_images_that_are_cut_or_flipped_are_survived() {
    let folder = Folder::new();
    for name in [
        "images.parquet",
        "images-saved/train/data-00000-of-00002.arrow",
    ] {
        let whole = std::fs::read(data(name)).unwrap();
        let path = folder.path("x.table");
        let read = |file: &[u8]| {
            std::fs::write(&path, file).unwrap();
            let most = largest(
                || match open_images(&path, &skipping(), &Control::default()) {
                    Ok(_) | Err(Error::Input { .. } | Error::Usage(_)) => {}
                    Err(other) => panic!("{other}"),
                },
            );
            // The most memory that an image may claim in its header.
            assert!(most <= 80 << 20, "{name}: {most} bytes at once");
        };
        (0..whole.len())
            .step_by(13)
            .for_each(|length| read(&whole[..length]));
        for bit in (0..8 * whole.len()).step_by(11) {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            read(&flipped);
        }
    }
}

#[test]
fn classes_are_called_by_the_names_that_are_given() {
    let folder = Folder::new();
    let called = |text: &str| ImageOptions {
        names: Some(Names::read(&folder.file("names", text.as_bytes())).unwrap()),
        ..options()
    };
    let set = data("images.parquet");
    assert_eq!(
        classes(&read(&set, &called("x\ny\nz\n"))),
        ["x", "y", "z", "x"]
    );
    assert_eq!(
        classes(&read(&set, &called("[\"x\", \"y\", \"x\"]"))),
        ["x (0)", "y", "x (2)", "x (0)"]
    );
    fails(
        &set,
        &called("x\ny\n"),
        &["names", "no name for the classes 2", "images.parquet"],
    );
    // Folders are classes; a JSON object may rename them.
    for (name, grey) in [("n02/a.png", 1), ("n10/b.png", 2)] {
        folder.file(&format!("set/{name}"), &flat(2, 2, grey));
    }
    let set = folder.path("set");
    let other = called("{\"n10\": \"snail\", \"n02\": \"cat\"}");
    assert_eq!(classes(&read(&set, &other)), ["cat", "snail"]);
    fails(&set, &called("cat\nsnail\n"), &["n02, n10", "JSON object"]);
    // Folders with numbers as names are class codes.
    for (name, grey) in [("0/a.png", 1), ("1/b.png", 2)] {
        folder.file(&format!("digits/{name}"), &flat(2, 2, grey));
    }
    let digits = read(&folder.path("digits"), &called("zero\none\n"));
    assert_eq!(classes(&digits), ["zero", "one"]);
    // A file of labels.
    let given = ImageOptions {
        labels: Some(folder.file("l.csv", b"1\n0\n")),
        ..called("zero\none\n")
    };
    assert_eq!(classes(&read(&set, &given)), ["one", "zero"]);
}

#[test]
fn a_comparison_shows_the_names_and_says_what_it_read() {
    let folder = Folder::new();
    folder.file(
        "names.json",
        b"{\"0\": \"lynx\", \"1\": \"wolf\", \"2\": \"toad\"}",
    );
    let (train, test) = (data("images-saved:train"), data("images-saved:test"));
    let words = ["compare", &train, &test, "--space", "pixels", "--by-label"];
    let run = |more: &[&str]| {
        let out = folder.run(&[&words[..], more].concat());
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        (
            String::from_utf8(out.stdout).unwrap(),
            String::from_utf8(out.stderr).unwrap(),
        )
    };
    let (summary, said) = run(&["--json", "-"]);
    for name in ["\"dog\"", "\"newt\""] {
        assert!(summary.contains(name), "{name}: {summary}");
    }
    assert!(
        said.contains("the split test of") && said.contains("images of the column image"),
        "{said}"
    );
    let (summary, _) = run(&["--json", "-", "--class-names", "names.json", "-o", "out"]);
    assert!(
        summary.contains("\"wolf\"") && !summary.contains("\"dog\""),
        "{summary}"
    );
    let page = std::fs::read_to_string(folder.path("out/report.html")).unwrap();
    assert!(page.contains("wolf") && page.contains("the column label"));
    let table = classes_in(&folder.path("out/by_label.parquet"));
    assert_eq!(table, ["wolf", "toad"]);
    // If such a file is read as numbers, the message says what it is for.
    let out = folder.run(&["analyze", &data("images.parquet"), &data("images.parquet")]);
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(
        out.status.code() == Some(2) && said.contains("hullscope compare"),
        "{said}"
    );
    // The program's own sample, and labels for spaces read from files.
    folder.file(
        "ten.txt",
        (0..10)
            .map(|i| format!("class {i}\n"))
            .collect::<String>()
            .as_bytes(),
    );
    let out = folder.run(&[
        "compare",
        "--space",
        "pca:2",
        "--by-label",
        "--limit-queries",
        "50",
        "--limit-reference",
        "200",
        "--class-names",
        "ten.txt",
        "--json",
        "-",
    ]);
    let summary = String::from_utf8(out.stdout).unwrap();
    assert!(
        summary.contains("\"class 9\"") && !summary.contains("Sneaker"),
        "{summary}"
    );
}

/// A column of a Parquet file, as text.
fn texts(path: &str, column: &str) -> Vec<Option<String>> {
    use arrow_array::cast::AsArray;
    let file = std::fs::File::open(path).unwrap();
    let reader =
        parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    let values = batches.iter().flat_map(|batch| {
        let column = batch.column_by_name(column);
        let column = column.unwrap_or_else(|| panic!("{:?}", batch.schema()));
        column.as_string::<i32>().iter()
    });
    values.map(|text| text.map(String::from)).collect()
}

#[test]
fn queries_without_a_label_are_a_class_of_no_reference_row() {
    let folder = Folder::new();
    let labelled = |name: &str, labels: Vec<Option<i64>>| {
        let label: ArrayRef = Arc::new(Int64Array::from(labels));
        folder.file(name, &parquet(&[("image", three()), ("label", label)]));
    };
    labelled("train.parquet", vec![Some(0), Some(1), None]);
    labelled("test.parquet", vec![None, Some(1), Some(1)]);
    folder.file("names", b"cat\ndog\n");
    let words = "compare train.parquet test.parquet --space pixels --by-label --class-names names -o out --json -";
    let out = folder.run(&words.split(' ').collect::<Vec<_>>());
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(out.status.success(), "{said}");
    assert_eq!(
        said.matches("1 of 3 rows have no label").count(),
        2,
        "{said}"
    );
    let summary: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let classes = summary["spaces"][0]["labels"].as_array().unwrap();
    let of = |class: &serde_json::Value| {
        let counts = ["n_reference", "n_queries"].map(|key| class[key].as_u64().unwrap());
        (
            class["label"].as_str().unwrap().to_string(),
            counts,
            class["own_class"].is_null(),
        )
    };
    let found: Vec<_> = classes.iter().map(of).collect();
    assert_eq!(
        found,
        [
            ("dog".into(), [1, 2], false),
            ("(no label)".into(), [0, 1], true)
        ]
    );
    // A row without a label is null in the rows of a space.
    let words = "embed train.parquet --space pixels --format parquet -o rows";
    let out = folder.run(&words.split(' ').collect::<Vec<_>>());
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let labels = texts(&folder.path("rows/train.parquet"), "label");
    assert_eq!(labels, [Some("0".to_string()), Some("1".into()), None]);
}

#[test]
fn lists_of_images_are_refused_with_the_line_that_makes_rows_of_them() {
    for spec in ["image-lists.parquet", "image-lists.parquet:images"] {
        fails(
            &data(spec),
            &options(),
            &[
                "images",
                "list of images",
                ".explode('images')",
                "pandas.read_parquet(",
            ],
        );
    }
    // Another column of the file is read.
    let labels = read(&data("image-lists.parquet:label"), &options());
    assert_eq!(values(&*labels.rows), [0.0, 1.0]);
}

#[test]
fn records_of_images_name_their_files() {
    let folder = Folder::new();
    for (name, grey) in [
        ("train/a/9.png", 10),
        ("train/a/10.png", 90),
        ("train/b/1.png", 50),
    ] {
        folder.file(name, &flat(2, 2, grey));
    }
    for (name, grey) in [
        ("test/b/x.png", 52),
        ("test/broken.png", 0),
        ("test/a/y.png", 11),
    ] {
        let bytes = if grey == 0 {
            b"no image".to_vec()
        } else {
            flat(2, 2, grey)
        };
        folder.file(name, &bytes);
    }
    let words = "compare train test --skip-broken --exclude-rows 1 --space pixels -o out";
    let out = folder.run(&words.split(' ').collect::<Vec<_>>());
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let records = folder.path("out/spaces/pixels.parquet");
    let of = |column: &str| {
        texts(&records, column)
            .into_iter()
            .flatten()
            .collect::<Vec<String>>()
    };
    assert_eq!(of("file"), ["a/y.png", "b/x.png"]);
    assert_eq!(of("nearest_file"), ["a/9.png", "b/1.png"]);
    // Each row of a set of several tables has its own file and row number as its origin.
    let one = parquet(&[("image", three())]);
    for name in ["shards/1.parquet", "shards/2.parquet"] {
        folder.file(name, &one);
    }
    let shards = read(&folder.path("shards"), &options());
    let known = shards.rows.provenance().unwrap();
    let origin = known.file_row(4).unwrap();
    assert!(
        origin.file.ends_with("2.parquet") && origin.row == 1,
        "{origin:?}"
    );
}

#[test]
fn the_papers_experiments_take_image_sets_and_names_of_classes() {
    let folder = Folder::new();
    let mut random = crate::common::random(5);
    let mut table = |count: usize| {
        use rand::RngExt;
        let files: Vec<Vec<u8>> = (0..count)
            .map(|_| {
                let pixels: Vec<u8> = (0..25).map(|_| random.random()).collect();
                encoded(ImageFormat::Png, 5, 5, ExtendedColorType::L8, &pixels)
            })
            .collect();
        let bytes: BinaryArray = files.iter().map(|file| Some(file.as_slice())).collect();
        let paths = StringArray::from(vec![None::<&str>; count]);
        let parts: Vec<(&str, ArrayRef)> =
            vec![("bytes", Arc::new(bytes)), ("path", Arc::new(paths))];
        let labels: Vec<i64> = (0..count as i64).map(|row| row % 2).collect();
        let images: ArrayRef = Arc::new(StructArray::try_from(parts).unwrap());
        parquet(&[("image", images), ("label", numbers(&labels))])
    };
    folder.file("set/train-00000-of-00001.parquet", &table(60));
    folder.file("set/test-00000-of-00001.parquet", &table(20));
    folder.file("names", b"cat\ndog\n");
    folder.file("one", b"cat\n");
    let run = |names: &str| {
        let words = format!(
            "paper pixels --quick --images set:train set:test --class-names {names} -o out"
        );
        folder.run(&words.split(' ').collect::<Vec<_>>())
    };
    let out = run("one");
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(2), "{said}");
    assert!(said.contains("no name for the classes 1"), "{said}");
    let out = run("names");
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(0), "{said}");
    assert!(
        said.contains("the split train, images of the column image"),
        "{said}"
    );
    let page = std::fs::read_to_string(folder.path("out/report.html")).unwrap();
    assert!(page.contains("set:train") && page.contains("<svg"));
}

/// The labels in a file of rates by class, in order, without repeats.
fn classes_in(path: &str) -> Vec<String> {
    use arrow_array::cast::AsArray;
    let file = std::fs::File::open(path).unwrap();
    let reader =
        parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let mut labels = Vec::new();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let column = batch
            .column_by_name("label")
            .unwrap()
            .as_string::<i32>()
            .clone();
        labels.extend(column.iter().map(|label| label.unwrap().to_string()));
    }
    labels.dedup();
    labels
}

#[test]
fn pickled_batches_of_cifar_are_refused_with_the_line_that_converts_them() {
    let folder = Folder::new();
    let pickle = b"\x80\x02}q\x00.";
    for name in ["data_batch_1", "data_batch_2", "test_batch", "batches.meta"] {
        folder.file(&format!("ten/{name}"), pickle);
    }
    for name in ["train", "test", "meta"] {
        folder.file(&format!("hundred/{name}"), pickle);
    }
    for (spec, labels) in [
        ("ten", "b['labels']"),
        ("ten/test_batch", "b['labels']"),
        ("ten/data_batch_*", "b['labels']"),
        ("hundred", "b['fine_labels']"),
        ("hundred/train", "b['fine_labels']"),
    ] {
        let parts = [
            "a pickle",
            "never loaded",
            "python3 -c",
            labels,
            "--labels train-labels.npy",
        ];
        fails(&folder.path(spec), &options(), &parts);
    }
}
