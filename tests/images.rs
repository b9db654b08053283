//! Sets of images: the images read are those written, with shape, labels and names, in the same order for any number of
//! threads and any memory budget; a broken file is an error with its name, or is skipped and counted; no header is
//! trusted without a check.

use crate::common::alloc::largest;
use crate::common::random;
use crate::formats::{Folder, encode, gzip, idx, npy, npz, safetensors, values};
use hullscope::control::{Control, WorkStage};
use hullscope::rows::images::{Bits, ImageOptions, Images, Labels, Shape, open_images};
use hullscope::rows::{Element, OpenOptions, Subset, open};
use hullscope::{Error, Result};
use image::{ExtendedColorType, ImageFormat};
use rand::RngExt;
use std::io::Cursor;

pub fn options() -> ImageOptions {
    ImageOptions {
        open: OpenOptions {
            memory: 1 << 30,
            ..OpenOptions::default()
        },
        ..ImageOptions::default()
    }
}

fn within(memory: u64) -> ImageOptions {
    let mut options = options();
    options.open.memory = memory;
    options
}

pub fn limited(limit: usize) -> ImageOptions {
    let mut options = options();
    options.open.limit = Some(limit);
    options
}

fn labelled(labels: &str) -> ImageOptions {
    ImageOptions {
        labels: Some(labels.into()),
        ..options()
    }
}

fn of_bits(bits: Bits) -> ImageOptions {
    ImageOptions {
        bits: Some(bits),
        ..options()
    }
}

pub fn skipping() -> ImageOptions {
    ImageOptions {
        skip_broken: true,
        ..options()
    }
}

fn try_read(spec: &str, options: &ImageOptions) -> Result<Images> {
    open_images(spec, options, &Control::default())
}

#[track_caller]
pub fn read(spec: &str, options: &ImageOptions) -> Images {
    try_read(spec, options).unwrap_or_else(|error| panic!("{error}"))
}

/// The set, and the notes about it.
pub fn read_and_hear(spec: &str, options: &ImageOptions) -> (Images, String) {
    let mut images = read(spec, options);
    let said = images.warnings.take().join("\n");
    (images, said)
}

/// Asserts that reading fails; the message must be about the input and contain all `parts`.
#[track_caller]
pub fn fails(spec: &str, options: &ImageOptions, parts: &[&str]) {
    let error = match try_read(spec, options) {
        Err(error) => error,
        Ok(images) => panic!("{spec} was read as {} rows", images.rows.len()),
    };
    assert!(
        matches!(
            error,
            Error::Input { .. } | Error::Io { .. } | Error::Missing { .. }
        ),
        "{error:?}"
    );
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

pub fn bytes(images: &Images) -> Vec<u8> {
    values(&*images.rows).iter().map(|&v| v as u8).collect()
}

pub fn shape(height: usize, width: usize, channels: usize, planar: bool) -> Option<Shape> {
    Some(Shape {
        height,
        width,
        channels,
        planar,
    })
}

fn files(images: &Images) -> Vec<String> {
    let known = images.rows.provenance().unwrap();
    assert!(known.are_files());
    let file = |row| known.file_row(images.rows.number(row)).unwrap().file.into();
    (0..images.rows.len()).map(file).collect()
}

pub fn labels(images: &Images) -> &Labels {
    let labels = images.labels.as_ref().unwrap();
    assert_eq!(labels.classes.len(), images.rows.len());
    labels
}

/// The class name of each row.
pub fn classes(images: &Images) -> Vec<&str> {
    let labels = labels(images);
    let name = |&class: &u32| labels.names[class as usize].as_str();
    labels.classes.iter().map(name).collect()
}

/// An encoded image file of these bytes (height x width x channels).
pub fn encoded(
    format: ImageFormat,
    width: u32,
    height: u32,
    kind: ExtendedColorType,
    pixels: &[u8],
) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image::write_buffer_with_format(&mut file, pixels, width, height, kind, format).unwrap();
    file.into_inner()
}

/// A grey PNG of one value.
pub fn flat(width: u32, height: u32, value: u8) -> Vec<u8> {
    let pixels = vec![value; (width * height) as usize];
    encoded(
        ImageFormat::Png,
        width,
        height,
        ExtendedColorType::L8,
        &pixels,
    )
}

/// A drawing with gradients and an edge, which lossy formats preserve well.
fn drawing(width: usize, height: usize, channels: usize) -> Vec<u8> {
    let pixel = |i: usize, c: usize| {
        let (x, y) = (i % width, i / width);
        let edge = if x > width / 2 { 60 } else { 0 };
        (20 + 3 * x + 5 * y + 25 * c + edge).min(255) as u8
    };
    (0..width * height)
        .flat_map(|i| (0..channels).map(move |c| pixel(i, c)))
        .collect()
}

// The axes of a row.

#[test]
fn rows_keep_their_axes_in_memory_and_out_of_it() {
    let folder = Folder::new();
    let body: Vec<f64> = (0..24).map(f64::from).collect();
    let f32s = |big| encode(Element::F32, &body, big);
    let cube = npy(1, "'<f4'", "False", "(2, 3, 4)", &f32s(false));
    let fortran = npy(1, "'<f4'", "True", "(2, 3, 4)", &f32s(false));
    let tensor = r#"{"a":{"dtype":"F32","shape":[2,3,4],"data_offsets":[0,96]}}"#;
    for (name, file, axes) in [
        ("cube.npy", cube.clone(), &[3, 4][..]),
        ("cube.npy.gz", gzip(&cube), &[3, 4]),
        ("fortran.npy", fortran, &[3, 4]),
        (
            "x.npz",
            npz(&[("a.npy", &cube)], zip::CompressionMethod::Deflated),
            &[3, 4],
        ),
        (
            "flat.npy",
            npy(1, "'<f4'", "False", "(2, 12)", &f32s(false)),
            &[12],
        ),
        (
            "line.npy",
            npy(1, "'<f4'", "False", "(24,)", &f32s(false)),
            &[1],
        ),
        (
            "four.npy",
            npy(1, "'<f4'", "False", "(2, 2, 3, 2)", &f32s(false)),
            &[2, 3, 2],
        ),
        ("cube.idx", idx(0x0d, &[2, 3, 4], &f32s(true)), &[3, 4]),
        (
            "cube.idx.gz",
            gzip(&idx(0x0d, &[2, 3, 4], &f32s(true))),
            &[3, 4],
        ),
        ("line.idx", idx(0x0d, &[24], &f32s(true)), &[1]),
        ("x.safetensors", safetensors(tensor, &f32s(false)), &[3, 4]),
        ("x.csv", b"1,2,3\n4,5,6\n".to_vec(), &[3]),
    ] {
        let path = folder.file(name, &file);
        for memory in [0, 1 << 30] {
            let rows = open(&path, &within(memory).open, &Control::default()).unwrap();
            assert_eq!(rows.axes(), axes, "{name} within {memory}");
            assert_eq!(
                rows.dim(),
                axes.iter().product::<usize>(),
                "{name} within {memory}"
            );
        }
    }
}

#[test]
fn files_of_a_set_that_differ_in_shape_are_vectors_and_no_images() {
    let folder = Folder::new();
    let one = |shape: &str| npy(1, "'|u1'", "False", shape, &[7; 12]);
    folder.file("set/a.npy", &one("(1, 3, 4)"));
    folder.file("set/b.npy", &one("(1, 12)"));
    folder.file("set/c.npy", &one("(1, 3, 4)"));
    let path = folder.path("set");
    let rows = open(&path, &options().open, &Control::default()).unwrap();
    assert_eq!((rows.len(), rows.axes()), (3, vec![12]));
    fails(&path, &options(), &["b.npy", "a.npy", "[12]", "[3, 4]"]);
    folder.file("set/b.npy", &one("(1, 3, 4)"));
    assert_eq!(read(&path, &options()).shape, shape(3, 4, 1, false));
}

// Arrays.

#[test]
fn arrays_are_images_by_their_axes() {
    let folder = Folder::new();
    let body: Vec<u8> = (0..2 * 36).collect();
    let expected: Vec<f64> = body.iter().copied().map(f64::from).collect();
    let arrays = [
        ("(2, 6, 6)", shape(6, 6, 1, false)),
        ("(2, 6, 2, 3)", shape(6, 2, 3, false)),
        ("(2, 3, 4, 3)", shape(3, 4, 3, false)),
        ("(2, 9, 1, 4)", shape(9, 1, 4, false)),
        ("(2, 3, 2, 6)", shape(2, 6, 3, true)),
        ("(2, 1, 6, 6)", shape(6, 6, 1, true)),
        ("(2, 2, 3, 6)", None),
        ("(2, 36)", None),
        ("(2, 2, 3, 2, 3)", None),
    ];
    for (axes, expected_shape) in arrays {
        let path = folder.file("x.npy", &npy(1, "'|u1'", "False", axes, &body));
        for memory in [0, 1 << 30] {
            let images = read(&path, &within(memory));
            assert_eq!(images.shape, expected_shape, "{axes}");
            assert_eq!(values(&*images.rows), expected, "{axes}");
            assert!(images.labels.is_none() && images.skipped == 0);
        }
    }
    let path = folder.file("x.idx", &idx(8, &[2, 4, 3, 3], &body));
    assert_eq!(read(&path, &options()).shape, shape(4, 3, 3, false));
    let floats = encode(Element::F32, &expected, false);
    let path = folder.file("f.npy", &npy(1, "'<f4'", "False", "(2, 6, 6)", &floats));
    let images = read(&path, &options());
    assert_eq!(images.shape, shape(6, 6, 1, false));
    assert_eq!(
        (images.rows.element(), values(&*images.rows)),
        (Element::F32, expected)
    );
}

/// Ten images of 2 x 3, and their labels.
fn small_mnist() -> (Vec<u8>, Vec<u8>) {
    let pixels: Vec<u8> = (0..60).collect();
    (
        idx(8, &[10, 2, 3], &pixels),
        idx(8, &[10], &[5, 0, 4, 1, 9, 2, 1, 3, 1, 4]),
    )
}

#[test]
fn labels_of_mnist_are_found_beside_it() {
    let (images, classes_file) = small_mnist();
    for (name, beside) in [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte.gz"),
        ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte"),
        ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
        ("a-train-images.idx3-ubyte", "a-train-labels.idx1-ubyte"),
    ] {
        let folder = Folder::new();
        let pack = |name: &str, file: &[u8]| {
            if name.ends_with(".gz") {
                gzip(file)
            } else {
                file.into()
            }
        };
        let path = folder.file(name, &pack(name, &images));
        assert!(read(&path, &options()).labels.is_none(), "{name}");
        folder.file(beside, &pack(beside, &classes_file));
        let set = read(&path, &options());
        assert_eq!(
            labels(&set).classes,
            [5, 0, 4, 1, 9, 2, 1, 3, 1, 4],
            "{name}"
        );
        assert_eq!(
            labels(&set).names,
            ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
        );
        let cut = read(&path, &limited(3));
        assert_eq!(labels(&cut).classes, [5, 0, 4], "{name}");
        assert_eq!(
            labels(&cut).names.len(),
            10,
            "classes do not depend on the limit"
        );
        assert_eq!(labels(&read(&path, &limited(10))).classes.len(), 10);

        folder.file(beside, &pack(beside, &idx(8, &[9], &[1; 9])));
        fails(&path, &options(), &[beside, name, "9 labels", "10 images"]);
        folder.file(beside, &pack(beside, &idx(8, &[11], &[1; 11])));
        fails(&path, &options(), &[beside, name, "11 labels", "10 images"]);
        fails(&path, &limited(11), &[beside, "11 labels", "10 images"]);
        // Labels named by the user replace the file's own.
        let given = folder.file("given.csv", b"class\n1\n2\n1\n2\n1\n2\n1\n2\n1\n-3\n");
        let set = read(&path, &labelled(&given));
        assert_eq!(
            classes(&set),
            ["1", "2", "1", "2", "1", "2", "1", "2", "1", "-3"]
        );
    }
}

#[test]
fn labels_are_whole_numbers_or_words_one_a_row() {
    let folder = Folder::new();
    let path = folder.file("x.npy", &npy(1, "'|u1'", "False", "(3, 2, 2)", &[1; 12]));
    for (name, file) in [
        ("l.csv", b"2\n0\n1\n".to_vec()),
        ("l.idx.gz", gzip(&idx(8, &[3], &[2, 0, 1]))),
        (
            "l.npy",
            npy(
                1,
                "'<i8'",
                "False",
                "(3,)",
                &encode(Element::I64, &[2.0, 0.0, 1.0], false),
            ),
        ),
        (
            "m.npy",
            npy(
                1,
                "'<f4'",
                "False",
                "(3, 1)",
                &encode(Element::F32, &[2.0, 0.0, 1.0], false),
            ),
        ),
    ] {
        let labels_path = folder.file(name, &file);
        assert_eq!(
            classes(&read(&path, &labelled(&labels_path))),
            ["2", "0", "1"],
            "{name}"
        );
    }
    let given = |text: &str| labelled(&folder.file("l.csv", text.as_bytes()));
    fails(
        &path,
        &given("1\n2\n"),
        &["l.csv", "x.npy", "2 labels", "3 images"],
    );
    fails(
        &path,
        &given("1\n2\n3\n4\n"),
        &["l.csv", "x.npy", "4 labels", "3 images"],
    );
    fails(&path, &given("1\n2.5\n3\n"), &["l.csv", "row 1", "2.5"]);
    fails(
        &path,
        &given("1,1\n2,2\n3,3\n"),
        &["l.csv", "several columns: 0, 1"],
    );
    fails(&path, &given("1\n1e300\n3\n"), &["l.csv", "row 1", "whole"]);
    fails(
        &path,
        &labelled(&folder.path("none.csv")),
        &["none.csv", "no such file"],
    );
}

#[test]
fn labels_belong_to_the_rows_that_are_kept() {
    let folder = Folder::new();
    let pixels = [1.0, 2.0, f64::NAN, 4.0, 5.0, 6.0, 7.0, 8.0];
    let body = encode(Element::F32, &pixels, false);
    let path = folder.file("x.npy", &npy(1, "'<f4'", "False", "(4, 1, 2)", &body));
    let mut options = labelled(&folder.file("l.csv", b"3\n1\n4\n1\n"));
    options.open.skip_nonfinite = true;
    let images = read(&path, &options);
    assert_eq!((images.rows.len(), images.rows.dropped()), (3, 1));
    assert_eq!(labels(&images).classes, [3, 4, 1]);
    assert_eq!(images.rows.number(1), 2);
}

#[test]
fn arrays_are_not_brought_to_a_size_or_to_grey() {
    let folder = Folder::new();
    let colour = folder.file("c.npy", &npy(1, "'|u1'", "False", "(1, 2, 3, 3)", &[1; 18]));
    let vectors = folder.file("v.npy", &npy(1, "'|u1'", "False", "(1, 18)", &[1; 18]));
    let sized = |resize| ImageOptions {
        resize: Some(resize),
        ..options()
    };
    let gray = ImageOptions {
        gray: true,
        ..options()
    };
    assert_eq!(read(&colour, &sized((3, 2))).shape, shape(2, 3, 3, false));
    fails(&colour, &sized((2, 3)), &["c.npy", "3 x 2", "2 x 3"]);
    fails(&vectors, &sized((3, 2)), &["v.npy", "not images"]);
    fails(&colour, &gray, &["c.npy", "grey"]);
    for wrong in [(0, 2), (2, 0), (5000, 2)] {
        let error = try_read(&colour, &sized(wrong)).err().unwrap();
        assert!(matches!(error, Error::Usage(_)), "{error}");
    }
}

// CIFAR.

/// The bytes of record `i`: `labels`, then pixels that differ by record, plane and position.
fn record(i: usize, labels: &[u8]) -> Vec<u8> {
    let pixels = (0..3072).map(|place| ((i * 101 + place / 1024 * 7 + place) % 251) as u8);
    labels.iter().copied().chain(pixels).collect()
}

fn cifar10(first: usize, labels: &[u8]) -> Vec<u8> {
    let records = labels.iter().enumerate();
    records
        .flat_map(|(i, &label)| record(first + i, &[label]))
        .collect()
}

fn cifar100(labels: &[(u8, u8)]) -> Vec<u8> {
    let records = labels.iter().enumerate();
    records
        .flat_map(|(i, &(coarse, fine))| record(i, &[coarse, fine]))
        .collect()
}

#[test]
fn cifar_is_read_by_its_records() {
    let folder = Folder::new();
    let pixels =
        |range: std::ops::Range<usize>| -> Vec<u8> { range.flat_map(|i| record(i, &[])).collect() };
    folder.file("c10/data_batch_2.bin", &cifar10(3, &[9, 8]));
    folder.file("c10/data_batch_1.bin", &cifar10(0, &[3, 0, 9]));
    folder.file("c10/data_batch_10.bin", &cifar10(5, &[1]));
    let test = folder.file("c10/test_batch.bin", &cifar10(7, &[4, 4]));
    folder.file("c10/readme.html", b"<html>");
    for memory in [0, 1 << 30] {
        let images = read(&folder.path("c10"), &within(memory));
        assert_eq!(images.rows.axes(), [3, 32, 32]);
        assert_eq!(images.shape, shape(32, 32, 3, true));
        assert_eq!(labels(&images).classes, [3, 0, 9, 9, 8, 1]);
        assert_eq!(
            labels(&images).names,
            ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
        );
        assert_eq!(bytes(&images), pixels(0..6));
        assert_eq!(
            images.rows.resident_bytes(),
            if memory == 0 { 0 } else { 6 * 3072 }
        );
        let images = read(&test, &within(memory));
        assert_eq!(
            (labels(&images).classes.clone(), bytes(&images)),
            (vec![4, 4], pixels(7..9))
        );
        let images = read(&folder.path("c10/data_batch_?.bin"), &within(memory));
        assert_eq!(bytes(&images), pixels(0..5));
    }
    let some = read(&folder.path("c10"), &limited(4));
    assert_eq!(
        (labels(&some).classes.clone(), bytes(&some)),
        (vec![3, 0, 9, 9], pixels(0..4))
    );

    folder.file(
        "c10/batches.meta.txt",
        b"airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n",
    );
    assert_eq!(classes(&read(&test, &options())), ["deer", "deer"]);
    folder.file("c10/batches.meta.txt", b"airplane\n");
    let (images, said) = read_and_hear(&test, &options());
    assert_eq!(classes(&images), ["4", "4"]);
    assert!(said.contains("batches.meta.txt"), "{said}");

    let train = folder.file("c100/train.bin", &cifar100(&[(19, 99), (0, 0), (7, 55)]));
    folder.file("c100/test.bin", &cifar100(&[(1, 2)]));
    let images = read(&train, &options());
    assert_eq!(
        (labels(&images).classes.clone(), bytes(&images)),
        (vec![99, 0, 55], pixels(0..3))
    );
    assert_eq!(labels(&images).names.len(), 100);
    let names: String = (0..100).map(|i| format!("class {i}\r\n")).collect();
    folder.file("c100/fine_label_names.txt", names.as_bytes());
    assert_eq!(
        classes(&read(&train, &options())),
        ["class 99", "class 0", "class 55"]
    );
    fails(
        &folder.path("c100"),
        &options(),
        &["c100", "train.bin", "test.bin"],
    );
    fails(
        &folder.path("*/t*_batch.bin"),
        &labelled(&folder.file("l.csv", b"1\n")),
        &["l.csv", "1 labels", "2 images"],
    );
}

#[test]
fn what_is_not_cifar_is_not_taken_for_it() {
    let folder = Folder::new();
    let file = |bytes: &[u8]| folder.file("x.bin", bytes);
    let good = cifar10(0, &[1, 2, 3]);
    for length in [1, 3072, 3074 * 3, good.len() - 1] {
        let mut cut = good.clone();
        cut.resize(length, 200);
        fails(&file(&cut), &options(), &["x.bin", "CIFAR-10"]);
    }
    fails(
        &file(&good[..3072 * 2]),
        &options(),
        &["x.bin", "6144 bytes", "3073", "3074"],
    );
    fails(
        &file(&cifar10(0, &[1, 2, 10])),
        &options(),
        &["x.bin", "byte 6146", "label is 10"],
    );
    fails(
        &file(&cifar100(&[(20, 99)])),
        &options(),
        &["x.bin", "byte 0", "20", "CIFAR-100"],
    );
    fails(
        &file(&cifar100(&[(1, 1), (19, 100)])),
        &options(),
        &["x.bin", "byte 3075", "100"],
    );
    fails(&file(&[]), &options(), &["x.bin", "empty"]);
    // Files of two kinds in one set.
    folder.file("set/data_batch_1.bin", &good);
    folder.file("set/data_batch_2.bin", &cifar100(&[(1, 2)]));
    fails(
        &folder.path("set"),
        &options(),
        &["data_batch_2.bin", "CIFAR-100", "CIFAR-10"],
    );
    // The content decides the format: dark pixels after label 0 look like IDX, but the size does not fit; a file that
    // is an array is read as one.
    let mut dark = vec![0; 3073];
    (dark[2], dark[3]) = (8, 3);
    assert_eq!(read(&file(&dark), &options()).shape, shape(32, 32, 3, true));
    let array = npy(1, "'|u1'", "False", "(3, 2)", &[1; 6]);
    assert_eq!(read(&file(&array), &options()).shape, None);
    // With any bit flipped: an error about a label, or the same number of records.
    let name = folder.file("flip.bin", &good);
    for bit in (0..good.len() * 8).step_by(1531).chain(3073 * 8..3074 * 8) {
        let mut broken = good.clone();
        broken[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&name, &broken).unwrap();
        match try_read(&name, &options()) {
            Ok(images) => assert_eq!(images.rows.len(), 3),
            Err(error) => assert!(error.to_string().contains("label"), "{error}"),
        }
    }
}

// Folders of image files.

#[test]
fn every_format_gives_the_pixels_that_were_written() {
    use ExtendedColorType::{L8, Rgb8};
    let folder = Folder::new();
    let formats = [
        ("png", ImageFormat::Png, true),
        ("bmp", ImageFormat::Bmp, true),
        ("webp", ImageFormat::WebP, true),
        ("tiff", ImageFormat::Tiff, true),
        ("ppm", ImageFormat::Pnm, true),
        ("jpg", ImageFormat::Jpeg, false),
    ];
    for (extension, format, exact) in formats {
        for (kind, channels) in [(L8, 1), (Rgb8, 3)] {
            let drawn = drawing(19, 11, channels);
            let name = format!("{extension}{channels}/x.{}", extension.to_uppercase());
            folder.file(&name, &encoded(format, 19, 11, kind, &drawn));
            let images = read(&folder.path(&format!("{extension}{channels}")), &options());
            // BMP and WebP have no grey format.
            let drawn = if matches!(extension, "bmp" | "webp") && channels == 1 {
                drawn.iter().flat_map(|&v| [v; 3]).collect()
            } else {
                drawn
            };
            let kept = drawn.len() / (19 * 11);
            assert_eq!(images.shape, shape(11, 19, kept, false), "{name}");
            let found = bytes(&images);
            let most = found.iter().zip(&drawn).map(|(&a, &b)| a.abs_diff(b)).max();
            assert!(
                most <= Some(if exact { 0 } else { 24 }),
                "{name} differs by {most:?}"
            );
            let sum: i64 = found
                .iter()
                .zip(&drawn)
                .map(|(&a, &b)| i64::from(a) - i64::from(b))
                .sum();
            assert!(
                sum.abs() <= drawn.len() as i64 * 2,
                "{name} differs by {sum} in all"
            );
        }
    }
    let drawn = drawing(13, 9, 3);
    for (name, file) in [("p.jpg", PROGRESSIVE), ("l.webp", LOSSY)] {
        let found = bytes(&read(&folder.file(name, &hex(file)), &options()));
        let most = found.iter().zip(&drawn).map(|(&a, &b)| a.abs_diff(b)).max();
        assert!(most <= Some(12), "{name} differs by {most:?}");
    }
    // A palette of few colours, which GIF stores exactly.
    let few: Vec<u8> = (0..40)
        .flat_map(|i| [[0, 80, 255], [200, 10, 10]][i % 2])
        .collect();
    folder.file("gif/x.gif", &encoded(ImageFormat::Gif, 8, 5, Rgb8, &few));
    assert_eq!(bytes(&read(&folder.path("gif"), &options())), few);
    // The content decides, not the name.
    let pixels = drawing(6, 4, 3);
    let path = folder.file("wrong.jpg", &encoded(ImageFormat::Png, 6, 4, Rgb8, &pixels));
    let images = read(&path, &options());
    assert_eq!(
        (bytes(&images), files(&images)),
        (pixels, vec!["wrong.jpg".into()])
    );
    assert!(images.labels.is_none());
}

#[test]
fn other_kinds_of_pixels_become_bytes() {
    let folder = Folder::new();
    let png = |kind, pixels: &[u8]| encoded(ImageFormat::Png, 2, 1, kind, pixels);
    // Alpha is dropped, whatever its value.
    let path = folder.file(
        "a.png",
        &png(ExtendedColorType::Rgba8, &[1, 2, 3, 0, 4, 5, 6, 128]),
    );
    let images = read(&path, &options());
    assert_eq!(
        (bytes(&images), images.shape),
        (vec![1, 2, 3, 4, 5, 6], shape(1, 2, 3, false))
    );
    let path = folder.file("b.png", &png(ExtendedColorType::La8, &[9, 0, 8, 255]));
    assert_eq!(bytes(&read(&path, &options())), [9, 8]);
    // 16 bits are kept, or rounded to 8: 65535 / 255 = 257.
    let deep = [257u16 * 7 + 128, 257 * 7 + 129];
    let file = png(ExtendedColorType::L16, bytemuck::cast_slice(&deep));
    let path = folder.file("c.png", &file);
    let (images, said) = read_and_hear(&path, &options());
    assert_eq!(values(&*images.rows), deep.map(f64::from));
    assert_eq!((images.rows.element(), said.as_str()), (Element::U16, ""));
    let (images, said) = read_and_hear(&path, &of_bits(Bits::Eight));
    assert_eq!(
        (bytes(&images), images.rows.element()),
        (vec![7, 8], Element::U8)
    );
    assert!(
        said.contains("1 of 1 images") && said.contains("rounded to 8"),
        "{said}"
    );
    let images = read(&path.replace("c.png", "b.png"), &of_bits(Bits::Sixteen));
    assert_eq!(values(&*images.rows), [9.0 * 257.0, 8.0 * 257.0]);
    // Floating-point images have no known range.
    let floats: Vec<u8> = [0.5f32; 6].iter().flat_map(|v| v.to_ne_bytes()).collect();
    let tiff = encoded(ImageFormat::Tiff, 2, 1, ExtendedColorType::Rgb32F, &floats);
    fails(
        &folder.file("d.tif", &tiff),
        &options(),
        &["d.tif", "floating"],
    );
}

#[test]
fn grey_and_colour_together_are_colour_unless_grey_is_asked_for() {
    let folder = Folder::new();
    let colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]];
    // Many grey images first, so that the first with colour is in a later batch.
    for i in 0..100u8 {
        folder.file(&format!("set/a{i}.png"), &flat(2, 2, i));
    }
    let pixels = colours.concat();
    folder.file(
        "set/b.png",
        &encoded(ImageFormat::Png, 2, 2, ExtendedColorType::Rgb8, &pixels),
    );
    let set = folder.path("set");
    let expected: Vec<u8> = (0..100u8).flat_map(|i| [i; 12]).chain(pixels).collect();
    for memory in [0, 1 << 30] {
        let images = read(&set, &within(memory));
        assert_eq!(
            (images.shape, bytes(&images)),
            (shape(2, 2, 3, false), expected.clone())
        );
    }
    // The luma of Rec. 709, rounded; for a grey pixel it is the same grey.
    let luma = |[r, g, b]: [u8; 3]| {
        (2126 * u32::from(r) + 7152 * u32::from(g) + 722 * u32::from(b) + 5_000) / 10_000
    };
    let gray = ImageOptions {
        gray: true,
        ..options()
    };
    let greys: Vec<u8> = (0..=255).collect();
    let colours_of_grey: Vec<u8> = greys.iter().flat_map(|&v| [v; 3]).collect();
    let file = encoded(
        ImageFormat::Png,
        16,
        16,
        ExtendedColorType::Rgb8,
        &colours_of_grey,
    );
    assert_eq!(bytes(&read(&folder.file("greys.png", &file), &gray)), greys);
    let images = read(&set, &gray);
    assert_eq!(images.shape, shape(2, 2, 1, false));
    assert_eq!(
        bytes(&images)[400..],
        colours.map(|colour| luma(colour) as u8)
    );
    // Without the colour image the set is grey; also if that image comes after the limit.
    let images = read(&set, &limited(100));
    assert_eq!(
        (images.shape, bytes(&images).len()),
        (shape(2, 2, 1, false), 400)
    );
}

#[test]
fn a_set_is_as_wide_as_its_widest_image_wherever_that_comes() {
    use ExtendedColorType::{L16, Rgb8};
    // 8-bit grey images, then colour after some batches, and 16 bits after some more.
    let words = [0u16, 7, 300, 65_535];
    let deep = encoded(ImageFormat::Png, 2, 2, L16, bytemuck::cast_slice(&words));
    let colours: Vec<u8> = (0..12).map(|i| 20 * i).collect();
    let colour = encoded(ImageFormat::Png, 2, 2, Rgb8, &colours);
    let folder = Folder::new();
    for (set, [colour_at, deep_at]) in [("a", [0, 299]), ("b", [150, 269]), ("c", [270, 149])] {
        let mut expected = Vec::new();
        for i in 0..300u16 {
            let grey = 255 - i % 256;
            let (file, row): (_, Vec<u16>) = if i == deep_at {
                (deep.clone(), words.iter().flat_map(|&v| [v; 3]).collect())
            } else if i == colour_at {
                let row = colours.iter().map(|&v| 257 * u16::from(v));
                (colour.clone(), row.collect())
            } else {
                (flat(2, 2, grey as u8), vec![257 * grey; 12])
            };
            folder.file(&format!("{set}/{i}.png"), &file);
            expected.extend(row.into_iter().map(f64::from));
        }
        for memory in [0, 1 << 30] {
            let (images, said) = read_and_hear(&folder.path(set), &within(memory));
            assert_eq!(
                (images.shape, images.rows.element()),
                (shape(2, 2, 3, false), Element::U16)
            );
            assert!(values(&*images.rows) == expected, "{set} in {memory} bytes");
            assert!(
                said.contains("299 of 300 images") && said.contains("brought to 16"),
                "{said}"
            );
        }
    }
    // An image is resized in its own bit depth, so the other images do not matter.
    let mut halved = options();
    halved.resize = Some((1, 1));
    let alone = values(&*read(&folder.path("b/150.png"), &halved).rows);
    let beside = values(&*read(&folder.path("b"), &halved).rows);
    let found: Vec<f64> = beside[450..453].iter().map(|v| v / 257.0).collect();
    assert_eq!(found, alone);
}

/// EXIF data with this orientation, as a TIFF directory of one entry.
fn exif(orientation: u8) -> Vec<u8> {
    let mut notes = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    notes.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    notes
}

#[test]
fn images_are_turned_as_their_notes_say() {
    use image::ImageEncoder;
    use image::codecs::png::PngEncoder;
    // Stored pixels, each with the orientation that turns them into 1 2 3 / 4 5 6: EXIF 2.3, section 4.6.4, tag 0x0112.
    let stored: [(u32, [u8; 6]); 8] = [
        (3, [1, 2, 3, 4, 5, 6]),
        (3, [3, 2, 1, 6, 5, 4]),
        (3, [6, 5, 4, 3, 2, 1]),
        (3, [4, 5, 6, 1, 2, 3]),
        (2, [1, 4, 2, 5, 3, 6]),
        (2, [3, 6, 2, 5, 1, 4]),
        (2, [6, 3, 5, 2, 4, 1]),
        (2, [4, 1, 5, 2, 6, 3]),
    ];
    let folder = Folder::new();
    for (orientation, (width, pixels)) in (1..).zip(stored) {
        let mut file = Vec::new();
        let mut encoder = PngEncoder::new(&mut file);
        encoder.set_exif_metadata(exif(orientation)).unwrap();
        encoder
            .write_image(&pixels, width, 6 / width, ExtendedColorType::L8)
            .unwrap();
        folder.file(&format!("set/{orientation}.png"), &file);
    }
    let (images, said) = read_and_hear(&folder.path("set"), &options());
    assert_eq!(images.shape, shape(2, 3, 1, false));
    assert_eq!(bytes(&images), [1, 2, 3, 4, 5, 6].repeat(8));
    assert!(
        said.contains("7 of 8 images") && said.contains("--no-exif"),
        "{said}"
    );
    // Without applying the orientation the images have two sizes.
    let as_stored = ImageOptions {
        ignore_orientation: true,
        ..options()
    };
    fails(
        &folder.path("set"),
        &as_stored,
        &["5.png", "2 x 3", "3 x 2"],
    );
    for (orientation, (width, pixels)) in (1..).zip(stored) {
        let path = folder.path(&format!("set/{orientation}.png"));
        let (images, said) = read_and_hear(&path, &as_stored);
        assert_eq!((bytes(&images), said.as_str()), (pixels.to_vec(), ""));
        assert_eq!(
            images.shape,
            shape(6 / width as usize, width as usize, 1, false)
        );
    }
    // Written by Pillow: white above black, to be rotated clockwise.
    let images = read(&data("turned.jpg"), &options());
    assert_eq!(images.shape, shape(8, 16, 1, false));
    let row: Vec<bool> = bytes(&images)[..16].iter().map(|&v| v > 127).collect();
    assert_eq!(row, [[false; 8], [true; 8]].concat());
}

#[test]
fn of_several_frames_the_first_is_taken_and_that_is_said() {
    // Written by Pillow: a red frame, then a blue one.
    for name in ["frames.gif", "frames.png", "frames.webp", "pages.tif"] {
        let (images, said) = read_and_hear(&data(name), &options());
        assert_eq!(bytes(&images), [255, 0, 0].repeat(16), "{name}");
        assert!(
            said.contains("1 of 1 images") && said.contains("several frames"),
            "{name}: {said}"
        );
        // Cut anywhere: an error, or the same first picture.
        let whole = std::fs::read(data(name)).unwrap();
        let folder = Folder::new();
        for length in 0..whole.len() {
            let path = folder.file(name, &whole[..length]);
            if let Ok(images) = try_read(&path, &options()) {
                assert_eq!(
                    bytes(&images),
                    [255, 0, 0].repeat(16),
                    "{name} cut at {length}"
                );
            }
        }
    }
    let folder = Folder::new();
    for (extension, format) in [
        ("gif", ImageFormat::Gif),
        ("png", ImageFormat::Png),
        ("webp", ImageFormat::WebP),
        ("tif", ImageFormat::Tiff),
    ] {
        let file = encoded(format, 2, 2, ExtendedColorType::Rgb8, &[9; 12]);
        let path = folder.file(&format!("one.{extension}"), &file);
        assert_eq!(read_and_hear(&path, &options()).1, "", "{extension}");
    }
}

#[test]
fn rows_are_in_natural_order_and_classes_are_the_first_folders() {
    let folder = Folder::new();
    let order = [
        "class 2/0.png",
        "class 2/2.png",
        "class 2/10.png",
        "class 10/9/x.png",
        "class 10/10/x.png",
        "class 10/b.png",
        "zebra/A.PNG",
        "zebra/a.png",
    ];
    for (i, name) in order.iter().enumerate().rev() {
        folder.file(&format!("set/{name}"), &flat(3, 2, i as u8));
    }
    folder.file("set/.hidden/x.png", b"no");
    folder.file("set/zebra/.hidden.png", b"no");
    folder.file("set/zebra/notes.txt", b"no");
    folder.file("set/labels.csv", b"no");
    folder.file("set/unused/model.npy", b"no");
    let (images, said) = read_and_hear(&folder.path("set"), &options());
    assert_eq!(images.shape, shape(2, 3, 1, false));
    assert_eq!(files(&images), order);
    assert_eq!(
        bytes(&images),
        (0..8u8).flat_map(|i| [i; 6]).collect::<Vec<_>>()
    );
    assert_eq!(labels(&images).names, ["class 2", "class 10", "zebra"]);
    assert_eq!(labels(&images).classes, [0, 0, 0, 1, 1, 1, 2, 2]);
    assert!(
        said.contains("1 of .npy") && !said.contains("csv"),
        "{said}"
    );
    assert_eq!(images.rows.number(5), 5);

    // A pattern: the classes are the folders below its fixed part.
    let images = read(&folder.path("set/*/?.png"), &options());
    assert_eq!(
        files(&images),
        [
            "class 2/0.png",
            "class 2/2.png",
            "class 10/b.png",
            "zebra/a.png"
        ]
    );
    assert_eq!(
        classes(&images),
        ["class 2", "class 2", "class 10", "zebra"]
    );
    // The folder of a single class has no classes.
    let images = read(&folder.path("set/zebra"), &options());
    assert!(images.labels.is_none());
    assert_eq!(files(&images), ["A.PNG", "a.png"]);
    // Images both in subfolders and beside them.
    folder.file("set/stray.png", &flat(3, 2, 9));
    let (images, said) = read_and_hear(&folder.path("set"), &options());
    assert!(
        images.labels.is_none() && said.contains("stray.png"),
        "{said}"
    );
    let given = labelled(&folder.file("l.csv", b"0\n1\n2\n3\n4\n5\n6\n7\n8\n"));
    assert_eq!(
        labels(&read(&folder.path("set"), &given)).classes,
        (0..9).collect::<Vec<_>>()
    );
    fails(
        &folder.path("set"),
        &labelled(&folder.file("l.csv", b"0\n1\n")),
        &["l.csv", "set", "2 labels", "9 images"],
    );
    let limit = read(&folder.path("set"), &limited(4));
    assert_eq!(
        files(&limit),
        order[..3]
            .iter()
            .chain(&order[3..4])
            .copied()
            .collect::<Vec<_>>()
    );
}

#[test]
fn images_of_different_sizes_need_resize() {
    let folder = Folder::new();
    for i in 0..60u8 {
        folder.file(&format!("set/{i}.png"), &flat(4, 3, i));
    }
    folder.file("set/40.png", &flat(3, 4, 40));
    folder.file("set/41.png", &flat(9, 9, 41));
    let set = folder.path("set");
    for options in [options(), skipping()] {
        fails(
            &set,
            &options,
            &["set/40.png", "3 x 4", "set/0.png", "4 x 3", "resize"],
        );
    }
    let sized = |width, height| ImageOptions {
        resize: Some((width, height)),
        ..options()
    };
    let images = read(&set, &sized(5, 2));
    assert_eq!(images.shape, shape(2, 5, 1, false));
    assert_eq!(
        bytes(&images),
        (0..60u8).flat_map(|i| [i; 10]).collect::<Vec<_>>()
    );
    // Computed by hand: halving with a triangle filter of 2 pixels to each side has weights 3 : 3 : 1, the last one
    // across the edge.
    let edge = folder.file(
        "edge.png",
        &encoded(
            ImageFormat::Png,
            4,
            1,
            ExtendedColorType::L8,
            &[0, 0, 100, 100],
        ),
    );
    assert_eq!(bytes(&read(&edge, &sized(2, 1))), [14, 86]);
    // An image that has the requested size is not changed.
    assert_eq!(bytes(&read(&edge, &sized(4, 1))), [0, 0, 100, 100]);
}

#[test]
fn broken_files_are_named_or_skipped() {
    let folder = Folder::new();
    let put = |name: &str, file: &[u8]| folder.file(&format!("set/{name}"), file);
    for i in 0..12u8 {
        put(
            &format!("{}/{i}.png", if i < 6 { "a" } else { "b" }),
            &flat(5, 5, i),
        );
    }
    let set = folder.path("set");
    let whole = flat(5, 5, 3);
    put("a/3.png", &whole[..whole.len() / 2]);
    put("b/7.png", b"not an image");
    put("b/8.png", b"");
    fails(
        &set,
        &options(),
        &["set/a/3.png", "cannot be decoded", "--skip-broken"],
    );
    let (images, said) = read_and_hear(&set, &skipping());
    assert_eq!(
        (images.skipped, images.rows.len(), images.rows.dropped()),
        (3, 9, 0)
    );
    assert_eq!(
        files(&images),
        [
            "a/0.png", "a/1.png", "a/2.png", "a/4.png", "a/5.png", "b/6.png", "b/9.png",
            "b/10.png", "b/11.png"
        ]
    );
    assert_eq!(
        classes(&images),
        ["a", "a", "a", "a", "a", "b", "b", "b", "b"]
    );
    let kept = [0, 1, 2, 4, 5, 6, 9, 10, 11u8];
    assert_eq!(
        bytes(&images),
        kept.iter().flat_map(|&i| [i; 25]).collect::<Vec<_>>()
    );
    assert!((0..9).all(|row| images.rows.number(row) == row as u64));
    assert!(
        said.contains("3 images") && said.contains("a/3.png"),
        "{said}"
    );

    // A file of labels has one label for each file, broken or not.
    let text: String = (0..12).map(|i| format!("{i}\n")).collect();
    let given = folder.file("l.csv", text.as_bytes());
    let images = read(
        &set,
        &ImageOptions {
            labels: Some(given),
            ..skipping()
        },
    );
    assert_eq!(labels(&images).classes, kept.map(u32::from));
    // A limit counts rows, not files.
    let mut some = skipping();
    some.open.limit = Some(7);
    assert_eq!(files(&read(&set, &some))[5..], ["b/6.png", "b/9.png"]);
    // If the first file is broken, it does not fix the shape of the set.
    put("a/0.png", &[0x89, b'P', b'N', b'G', 13, 10, 26, 10, 0, 0]);
    fails(&set, &options(), &["set/a/0.png"]);
    assert_eq!(read(&set, &skipping()).skipped, 4);

    folder.file("bad/x.png", b"no");
    folder.file("bad/y.jpg", b"no");
    fails(
        &folder.path("bad"),
        &skipping(),
        &["bad", "none of the 2 images", "x.png"],
    );
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_faults_in_them_named() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new();
    folder.file("elsewhere/7.png", &flat(2, 2, 7));
    folder.file("set/a/1.png", &flat(2, 2, 1));
    symlink(folder.path("elsewhere"), folder.path("set/b")).unwrap();
    symlink(folder.path("elsewhere/7.png"), folder.path("set/a/2.png")).unwrap();
    let set = folder.path("set");
    let images = read(&set, &options());
    assert_eq!(files(&images), ["a/1.png", "a/2.png", "b/7.png"]);
    assert_eq!(bytes(&images), [1, 1, 1, 1, 7, 7, 7, 7, 7, 7, 7, 7]);
    symlink(folder.path("nowhere"), folder.path("set/a/3.png")).unwrap();
    symlink(folder.path("nowhere"), folder.path("set/a/3.txt")).unwrap();
    fails(&set, &options(), &["set/a/3.png"]);
    assert_eq!(read(&set, &skipping()).skipped, 1);
    symlink(folder.path("set"), folder.path("set/a/loop")).unwrap();
    fails(&set, &skipping(), &["set/a/loop", "leads back"]);
}

#[test]
fn folders_without_images() {
    let folder = Folder::new();
    let make = |name: &str| std::fs::create_dir_all(folder.path(name)).unwrap();
    make("empty/deeper");
    fails(
        &folder.path("empty"),
        &options(),
        &["empty", "no images", ".png", ".jpg", ".tiff"],
    );
    folder.file("phone/a.heic", b"no");
    folder.file("phone/b.heic", b"no");
    folder.file("phone/notes.txt", b"no");
    fails(
        &folder.path("phone"),
        &options(),
        &["phone", "no images", "2 of .heic"],
    );
    folder.file("below/deep/x.npy", b"no");
    fails(
        &folder.path("below"),
        &options(),
        &["below", "no images", "1 of .npy"],
    );
    fails(
        &folder.path("nowhere"),
        &options(),
        &["nowhere", "no such file"],
    );
    // Several arrays in a folder are one set.
    let (images, _) = small_mnist();
    folder.file(
        "rows/x1.npy",
        &npy(1, "'|u1'", "False", "(1, 2, 2)", &[1; 4]),
    );
    folder.file(
        "rows/x2.npy",
        &npy(1, "'|u1'", "False", "(2, 2, 2)", &[2; 8]),
    );
    assert_eq!(
        bytes(&read(&folder.path("rows"), &options())),
        [1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2]
    );
    folder.file("bare/train-images-idx3-ubyte", &images);
    assert_eq!(read(&folder.path("bare"), &options()).rows.len(), 10);
    folder.file("text/x.csv", b"1,2\n3,4\n");
    let images = read(&folder.path("text"), &options());
    assert_eq!((images.rows.dim(), images.shape), (2, None));
}

#[test]
fn rows_are_the_same_on_any_number_of_threads_and_in_any_memory() {
    let folder = Folder::new();
    let mut random = random(11);
    for i in 0..400 {
        let (format, extension) = [
            (ImageFormat::Png, "png"),
            (ImageFormat::Jpeg, "jpg"),
            (ImageFormat::WebP, "webp"),
        ][i % 3];
        let pixels: Vec<u8> = (0..7 * 9 * 3).map(|_| random.random()).collect();
        let file = encoded(format, 7, 9, ExtendedColorType::Rgb8, &pixels);
        folder.file(
            &format!("set/{}/{i}.{extension}", i % 7),
            if i % 50 == 13 { &file[..40] } else { &file },
        );
    }
    let set = folder.path("set");
    let on = |threads, memory| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let mut options = skipping();
        options.open.memory = memory;
        pool.install(|| read(&set, &options))
    };
    let one = on(1, 1 << 30);
    assert_eq!((one.rows.len(), one.skipped), (392, 8));
    assert_eq!(one.rows.resident_bytes(), 392 * 189);
    for (threads, memory) in [(1, 0), (2, 1 << 30), (2, 0), (5, 20_000)] {
        let other = on(threads, memory);
        assert_eq!(other.rows.resident_bytes() == 0, memory <= 20_000);
        assert_eq!((bytes(&other), other.skipped), (bytes(&one), 8));
        assert_eq!((files(&other), &other.labels), (files(&one), &one.labels));
        assert_eq!(
            (other.rows.axes(), other.shape),
            (one.rows.axes(), one.shape)
        );
        // One class of a spooled set.
        let labels = labels(&other);
        let chosen: Vec<usize> = (0..labels.classes.len())
            .filter(|&row| labels.classes[row] == 3)
            .collect();
        let class = Subset::new("class 3", &*other.rows, chosen.clone());
        let expected: Vec<u8> = chosen
            .iter()
            .flat_map(|&row| bytes(&one)[row * 189..][..189].to_vec())
            .collect();
        assert_eq!(
            values(&class),
            expected.iter().copied().map(f64::from).collect::<Vec<_>>()
        );
    }
}

#[test]
fn progress_is_counted_and_stop_is_heard() {
    let folder = Folder::new();
    for i in 0..50u8 {
        folder.file(&format!("set/{i}.png"), &flat(4, 4, i));
    }
    let control = Control::default();
    open_images(&folder.path("set"), &options(), &control)
        .unwrap_or_else(|error| panic!("{error}"));
    let progress = control.progress();
    assert_eq!(
        (progress.stage, progress.done, progress.total),
        (WorkStage::Read, 800, 800)
    );
    control.stop();
    let stopped = open_images(&folder.path("set"), &options(), &control);
    assert!(matches!(stopped, Err(Error::Interrupted)));
}

// Broken image files.

/// A small file of each format, with the pixels that it should give.
fn specimens(folder: &Folder) -> Vec<(String, Vec<u8>, Vec<u8>)> {
    use ExtendedColorType::{L8, Rgb8, Rgba8};
    let colour = drawing(13, 9, 3);
    let few: Vec<u8> = (0..117)
        .flat_map(|i| [[0, 80, 255], [200, 10, 10]][i % 2])
        .collect();
    let specimens = vec![
        ("x.png", encoded(ImageFormat::Png, 13, 9, Rgb8, &colour)),
        (
            "g.png",
            encoded(ImageFormat::Png, 13, 9, L8, &drawing(13, 9, 1)),
        ),
        ("x.jpg", encoded(ImageFormat::Jpeg, 13, 9, Rgb8, &colour)),
        ("p.jpg", hex(PROGRESSIVE)),
        ("x.webp", encoded(ImageFormat::WebP, 13, 9, Rgb8, &colour)),
        ("l.webp", hex(LOSSY)),
        ("x.bmp", encoded(ImageFormat::Bmp, 13, 9, Rgb8, &colour)),
        ("x.gif", encoded(ImageFormat::Gif, 13, 9, Rgb8, &few)),
        (
            "x.tif",
            encoded(ImageFormat::Tiff, 13, 9, Rgba8, &drawing(13, 9, 4)),
        ),
        ("x.ppm", encoded(ImageFormat::Pnm, 13, 9, Rgb8, &colour)),
        (
            "t.pgm",
            b"P2\n# a comment\n3 2\n255\n0 10 20\n30 40 255\n".to_vec(),
        ),
    ];
    specimens
        .into_iter()
        .map(|(name, file)| {
            let pixels = bytes(&read(&folder.file(name, &file), &options()));
            (name.to_owned(), file, pixels)
        })
        .collect()
}

/// Open a possibly damaged file: an error about it, or an image; no panic, no large allocation.
fn survives(folder: &Folder, name: &str, file: &[u8], how: &str) -> Option<Vec<u8>> {
    let path = folder.file(name, file);
    let mut found = None;
    let most = largest(|| {
        let outcome = std::panic::catch_unwind(|| match try_read(&path, &options()) {
            Ok(images) => Some(bytes(&images)),
            Err(Error::Input { input, .. }) => {
                assert!(input.contains(name), "{input} is not the file");
                None
            }
            Err(error) => panic!("not an error about the file: {error}"),
        });
        found = outcome.unwrap_or_else(|_| panic!("{name} {how} makes a reader panic"));
    });
    assert!(
        most <= 100 << 20,
        "{name} {how} makes a reader allocate {most} bytes"
    );
    found
}

#[test]
fn an_image_cut_short_is_an_error_unless_no_pixel_is_lost() {
    let folder = Folder::new();
    for (name, file, pixels) in specimens(&folder) {
        for length in 0..file.len() {
            // Some digits of a text file's last number are a number as well.
            if name == "t.pgm" && (2..=3).contains(&(file.len() - length)) {
                continue;
            }
            let found = survives(
                &folder,
                &name,
                &file[..length],
                &format!("cut to {length} bytes"),
            );
            if let Some(found) = found {
                assert_eq!(
                    found,
                    pixels,
                    "{name} cut to {length} of {} bytes",
                    file.len()
                );
            }
        }
    }
}

#[test]
fn images_with_flipped_bits_and_random_bytes_are_survived() {
    let folder = Folder::new();
    let mut random = random(12);
    for (name, file, _) in specimens(&folder) {
        let bits = file.len() * 8;
        for bit in (0..bits).step_by((bits / 1500).max(1)) {
            let mut broken = file.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            survives(&folder, &name, &broken, &format!("with bit {bit} flipped"));
        }
        for round in 0..300 {
            let mut broken = file.clone();
            for _ in 0..random.random_range(1..12) {
                let at = random.random_range(0..broken.len());
                broken[at] = random.random();
            }
            survives(&folder, &name, &broken, &format!("in random round {round}"));
        }
    }
}

/// A PNG with this header, with a correct checksum, and hardly any pixel data.
fn claiming(width: u32, height: u32) -> Vec<u8> {
    let mut file = encoded(ImageFormat::Png, 1, 1, ExtendedColorType::Rgb8, &[1, 2, 3]);
    file[16..20].copy_from_slice(&width.to_be_bytes());
    file[20..24].copy_from_slice(&height.to_be_bytes());
    let mut checksum = flate2::Crc::new();
    checksum.update(&file[12..29]);
    file[29..33].copy_from_slice(&checksum.sum().to_be_bytes());
    file
}

#[test]
fn claims_of_size_are_held_against_the_file() {
    let folder = Folder::new();
    let bomb = |name: &str, file: &[u8]| {
        let most = largest(|| {
            fails(
                &folder.file(name, file),
                &options(),
                &[name, "cannot be decoded"],
            )
        });
        assert!(
            most <= 1 << 20,
            "{name} makes a reader allocate {most} bytes"
        );
    };
    bomb("a.png", &claiming(60_000, 60_000));
    bomb("b.png", &claiming(6_000, 6_000));
    bomb("c.png", &claiming(u32::MAX, u32::MAX));
    let mut bmp = encoded(ImageFormat::Bmp, 1, 1, ExtendedColorType::Rgb8, &[1, 2, 3]);
    bmp[18..22].copy_from_slice(&30_000i32.to_le_bytes());
    bmp[22..26].copy_from_slice(&30_000i32.to_le_bytes());
    bomb("d.bmp", &bmp);
    bomb("e.pgm", b"P5 50000 50000 255\n123");
    let mut gif = encoded(ImageFormat::Gif, 1, 1, ExtendedColorType::Rgb8, &[1, 2, 3]);
    gif[6..10].copy_from_slice(&[0xff; 4]);
    bomb("f.gif", &gif);
    // A large plain image is accepted.
    let wide = encoded(
        ImageFormat::Png,
        4_000,
        1_000,
        ExtendedColorType::L8,
        &vec![7; 4_000_000],
    );
    assert!(wide.len() < 40_000);
    let images = read(&folder.file("wide.png", &wide), &options());
    assert_eq!(images.rows.dim(), 4_000_000);
    assert!(bytes(&images).iter().all(|&v| v == 7));
}

/// The drawing of 13 x 9 pixels as a progressive JPEG and as a lossy WebP, written by Pillow 13.0.0, because the Rust
/// encoders write neither.
const PROGRESSIVE: &str = "\
ffd8ffe000104a46494600010100000100010000ffdb004300080606070605080707070909080a0c140d0c0b0b0c1912130f141d1a1f1e1d\
1a1c1c20242e2720222c231c1c2837292c30313434341f27393d38323c2e333432ffdb0043010909090c0b0c180d0d1832211c2132323232\
32323232323232323232323232323232323232323232323232323232323232323232323232323232323232323232ffc20011080009000d03\
012200021101031101ffc4001500010100000000000000000000000000000506ffc40014010100000000000000000000000000000003ffda\
000c0301000210031000000112985a570fffc400191000020301000000000000000000000000000102032333ffda0008010100010502aa1a\
28157447ffc40014110100000000000000000000000000000000ffda0008010301013f017fffc40014110100000000000000000000000000\
000000ffda0008010201013f017fffc400161000030000000000000000000000000000021071ffda0008010100063f021a86afffc4001810\
0100030100000000000000000000000000213191a1ffda0008010100013f21cd2172947fffda000c030100020003000000108fffc4001411\
0100000000000000000000000000000000ffda0008010301013f107fffc40014110100000000000000000000000000000000ffda00080102\
01013f107fffc4001a10000202030000000000000000000000000001105141f0f1ffda0008010100013f10c6764573656a3fffd9";
const LOSSY: &str = "\
524946463c000000574542505650382030000000b001009d012a0d00090002804225004e801ba30bbd8000fef6e05cd5db2195dc15ef70cf\
ab2d44391fae2e6c86f00000";

/// A file made by another library; `tests/data/README.md` says how.
pub fn data(name: &str) -> String {
    format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |i: usize| u8::from_str_radix(&text[i..i + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}
