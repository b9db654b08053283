//! Every reader: the rows read are those written, in every type, order and location; faults are errors that name the
//! file and the place; and no file, however damaged, makes a reader panic or allocate as much as the file claims.

use crate::common::alloc::largest;
use crate::common::random;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{
    ArrayRef, FixedSizeListArray, Float32Array, Float64Array, Int32Array, LargeListArray,
    ListArray, RecordBatch, StringArray,
};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use half::{bf16, f16};
use hullscope::control::Control;
use hullscope::rows::{Element, OpenOptions, Rows, open};
use hullscope::{Error, Result};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use rand::RngExt;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

const ALL: [Element; 15] = [
    Element::F8E4M3,
    Element::F8E5M2,
    Element::F16,
    Element::BF16,
    Element::F32,
    Element::F64,
    Element::I8,
    Element::I16,
    Element::I32,
    Element::I64,
    Element::U8,
    Element::U16,
    Element::U32,
    Element::U64,
    Element::Bool,
];

/// A folder for one test's files.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        // In memory if the system offers that: ten times as fast for thousands of small files.
        Folder(
            tempfile::tempdir_in("/dev/shm")
                .or_else(|_| tempfile::tempdir())
                .unwrap(),
        )
    }

    /// Write a file; returns its path.
    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Run the program in the folder, on the CPU whatever adapters there are.
    pub fn run(&self, words: &[&str]) -> std::process::Output {
        std::process::Command::new(env!("CARGO_BIN_EXE_hullscope"))
            .env("HULLSCOPE_BACKEND", "cpu")
            .env_remove("HULLSCOPE_DATA")
            .current_dir(self.0.path())
            .args(words)
            .output()
            .unwrap()
    }

    pub fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }
}

pub fn options() -> OpenOptions {
    OpenOptions {
        memory: 1 << 30,
        ..OpenOptions::default()
    }
}

pub fn read(spec: &str, options: &OpenOptions) -> Result<Box<dyn Rows>> {
    open(spec, options, &Control::default())
}

pub fn values(rows: &dyn Rows) -> Vec<f64> {
    let mut values = vec![0.0; rows.len() * rows.dim()];
    rows.read_f64(0, &mut values).unwrap();
    values
}

/// Asserts that the set holds exactly these rows: resident and with a memory budget of zero (positioned reads or a
/// spool file); read as a whole, row by row, and gathered in reverse.
fn holds(spec: &str, element: Element, d: usize, expected: &[f64]) {
    for memory in [1 << 30, 0] {
        let rows = read(
            spec,
            &OpenOptions {
                memory,
                ..options()
            },
        )
        .unwrap();
        let what = format!("{spec} with a budget of {memory}");
        assert_eq!(
            (rows.len(), rows.dim(), rows.element()),
            (expected.len() / d, d, element),
            "{what}"
        );
        assert_eq!(
            rows.resident_bytes(),
            if memory == 0 {
                0
            } else {
                (expected.len() * element.size()) as u64
            }
        );
        assert_eq!(rows.fits_f32(), element.fits_f32(), "{what}");
        assert_eq!(values(&*rows), expected, "{what}");
        let mut single = vec![0.0f32; expected.len()];
        rows.read_f32(0, &mut single).unwrap();
        assert!(
            single
                .iter()
                .zip(expected)
                .all(|(single, value)| *single == *value as f32),
            "{what}"
        );
        let (mut row, mut backwards) = (vec![0.0; d], vec![0.0; expected.len()]);
        let order: Vec<usize> = (0..rows.len()).rev().collect();
        rows.gather(&order, &mut backwards).unwrap();
        for (i, expected) in expected.chunks_exact(d).enumerate() {
            rows.read_f64(i, &mut row).unwrap();
            assert_eq!(row, expected, "row {i} of {what}");
            assert_eq!(
                &backwards[(rows.len() - 1 - i) * d..][..d],
                expected,
                "row {i}, gathered, of {what}"
            );
            assert_eq!(rows.number(i), i as u64);
        }
    }
}

/// Asserts that reading fails, and returns the message, which must be about the input and contain all `parts`.
#[track_caller]
pub fn fails(spec: &str, options: &OpenOptions, parts: &[&str]) {
    let error = match read(spec, options) {
        Err(error) => error,
        Ok(rows) => panic!("{spec} was read as {} x {}", rows.len(), rows.dim()),
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

/// Values that are exact in the type, with its extremes.
fn sample(element: Element, count: usize) -> Vec<f64> {
    let edges: &[f64] = match element {
        Element::Bool => &[0.0, 1.0],
        Element::U8 => &[0.0, 255.0, 7.0],
        Element::I8 => &[-128.0, 127.0, -1.0],
        Element::U16 => &[65535.0, 0.0, 258.0],
        Element::I16 => &[-32768.0, 32767.0, 258.0],
        Element::U32 => &[4294967295.0, 0.0, 66051.0],
        Element::I32 => &[-2147483648.0, 2147483647.0, 66051.0],
        Element::U64 => &[9007199254740992.0, 0.0, 66051.0],
        Element::I64 => &[-9007199254740992.0, 9007199254740991.0, 66051.0],
        Element::F8E4M3 => &[448.0, -1.0 / 512.0, 1.5],
        Element::F8E5M2 => &[57344.0, -1.0 / 65_536.0, 1.5],
        Element::F16 => &[65504.0, -1.0 / 16_777_216.0, 1.5],
        Element::BF16 => &[3.3895313892515355e38, -1.0, 0.0078125],
        Element::F32 => &[f32::MAX as f64, 1e-45_f32 as f64, -1.25],
        Element::F64 => &[1e300, 5e-324, -0.1],
    };
    (0..count).map(|i| edges[i % edges.len()]).collect()
}

/// The values encoded in an element type.
pub fn encode(element: Element, values: &[f64], big: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for &v in values {
        let mut one = match element {
            // The bit patterns of the largest, the smallest and a medium number, from the formats' definition.
            Element::F8E4M3 | Element::F8E5M2 => vec![match v {
                448.0 => 0x7e,
                57344.0 => 0x7b,
                1.5 if element == Element::F8E4M3 => 0x3c,
                1.5 => 0x3e,
                _ => 0x81,
            }],
            Element::F16 => f16::from_f64(v).to_le_bytes().to_vec(),
            Element::BF16 => bf16::from_f64(v).to_le_bytes().to_vec(),
            Element::F32 => (v as f32).to_le_bytes().to_vec(),
            Element::F64 => v.to_le_bytes().to_vec(),
            Element::I8 => (v as i8).to_le_bytes().to_vec(),
            Element::I16 => (v as i16).to_le_bytes().to_vec(),
            Element::I32 => (v as i32).to_le_bytes().to_vec(),
            Element::I64 => (v as i64).to_le_bytes().to_vec(),
            Element::U8 | Element::Bool => vec![v as u8],
            Element::U16 => (v as u16).to_le_bytes().to_vec(),
            Element::U32 => (v as u32).to_le_bytes().to_vec(),
            Element::U64 => (v as u64).to_le_bytes().to_vec(),
        };
        if big {
            one.reverse();
        }
        bytes.extend(one);
    }
    bytes
}

// Writers, each from the format's description and not from the library's reader.

pub fn npy(version: u8, descr: &str, fortran: &str, shape: &str, body: &[u8]) -> Vec<u8> {
    let mut text = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}")
        .into_bytes();
    let length = if version == 1 { 10 } else { 12 };
    text.resize(
        (length + text.len() + 1).next_multiple_of(64) - length - 1,
        b' ',
    );
    text.push(b'\n');
    let mut file = vec![0x93, b'N', b'U', b'M', b'P', b'Y', version, 0];
    match version {
        1 => file.extend((text.len() as u16).to_le_bytes()),
        _ => file.extend((text.len() as u32).to_le_bytes()),
    }
    [file, text, body.to_vec()].concat()
}

/// A .npy file of 3 x 2 in f32.
fn small_npy() -> Vec<u8> {
    npy(
        1,
        "'<f4'",
        "False",
        "(3, 2)",
        &encode(Element::F32, &SIX, false),
    )
}

const SIX: [f64; 6] = [1.0, -2.0, 3.0, 0.5, 5.0, 6.0];

pub fn idx(kind: u8, axes: &[u32], body: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, kind, axes.len() as u8];
    axes.iter().for_each(|axis| file.extend(axis.to_be_bytes()));
    [file, body.to_vec()].concat()
}

fn vecs(element: Element, d: usize, values: &[f64]) -> Vec<u8> {
    let row = |row: &[f64]| {
        [
            (d as i32).to_le_bytes().to_vec(),
            encode(element, row, false),
        ]
        .concat()
    };
    values.chunks(d).flat_map(row).collect()
}

fn bin(element: Element, n: u32, d: u32, values: &[f64]) -> Vec<u8> {
    [
        n.to_le_bytes().to_vec(),
        d.to_le_bytes().to_vec(),
        encode(element, values, false),
    ]
    .concat()
}

pub fn safetensors(header: &str, body: &[u8]) -> Vec<u8> {
    [
        &(header.len() as u64).to_le_bytes(),
        header.as_bytes(),
        body,
    ]
    .concat()
}

fn small_safetensors() -> Vec<u8> {
    let header = r#"{"a":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]},"b":{"dtype":"I64","shape":[1],"data_offsets":[24,32]}}"#;
    safetensors(
        header,
        &[
            encode(Element::F32, &SIX, false),
            vec![1, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat(),
    )
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn npz(members: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        archive.start_file(*name, options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

pub fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

pub fn parquet(batches: &[RecordBatch], compression: Compression) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .build();
    let mut writer =
        ArrowWriter::try_new(Vec::new(), batches[0].schema(), Some(properties)).unwrap();
    batches
        .iter()
        .for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

pub fn arrow_file(batches: &[RecordBatch], compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default()
        .try_with_compression(compression)
        .unwrap();
    let mut writer =
        FileWriter::try_new_with_options(Vec::new(), &batches[0].schema(), options).unwrap();
    batches
        .iter()
        .for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

pub fn arrow_stream(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    batches
        .iter()
        .for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

/// Rows as lists of f32.
fn lists(d: usize, values: &[f64]) -> ListArray {
    let row = |row: &[f64]| Some(row.iter().map(|&v| Some(v as f32)).collect::<Vec<_>>());
    ListArray::from_iter_primitive::<Float32Type, _, _>(values.chunks(d).map(row))
}

/// An id column and a list column, 3 x 2.
fn small_batch() -> RecordBatch {
    batch(vec![
        ("id", Arc::new(Int32Array::from(vec![7, 8, 9]))),
        ("v", Arc::new(lists(2, &SIX))),
    ])
}

// Golden files.

#[test]
fn npy_in_every_type_order_version_and_shape() {
    let folder = Folder::new();
    let nameless = [Element::BF16, Element::F8E4M3, Element::F8E5M2];
    for element in ALL
        .into_iter()
        .filter(|element| !nameless.contains(element))
    {
        let kind = match element {
            Element::F16 | Element::F32 | Element::F64 => 'f',
            Element::Bool => 'b',
            Element::U8 | Element::U16 | Element::U32 | Element::U64 => 'u',
            _ => 'i',
        };
        let expected = sample(element, 12);
        for (version, big) in [(1, false), (2, true), (3, false)] {
            let order = if element.size() == 1 {
                '|'
            } else {
                ['<', '>'][usize::from(big)]
            };
            let descr = format!("'{order}{kind}{}'", element.size());
            let body = encode(element, &expected, big);
            for (shape, d) in [
                ("(4, 3)", 3),
                ("(2, 2, 3)", 6),
                ("(12,)", 1),
                ("(1, 12)", 12),
                ("(4L, 3L)", 3),
            ] {
                let path = folder.file("x.npy", &npy(version, &descr, "False", shape, &body));
                holds(&path, element, d, &expected);
            }
            // Fortran order: the first axis varies fastest.
            let columns: Vec<f64> = (0..3)
                .flat_map(|j| (0..4).map(move |i| i * 3 + j))
                .map(|at| expected[at])
                .collect();
            let path = folder.file(
                "x.npy",
                &npy(
                    version,
                    &descr,
                    "True",
                    "(4, 3)",
                    &encode(element, &columns, big),
                ),
            );
            holds(&path, element, 3, &expected);
        }
    }
}

#[test]
fn npy_in_fortran_order_with_three_axes_is_flattened_in_c_order() {
    let (n, a, b) = (3, 2, 4);
    let expected: Vec<f64> = (0..n * a * b).map(|v| v as f64).collect();
    let mut stored = vec![0.0; expected.len()];
    for i in 0..n {
        for j in 0..a {
            for k in 0..b {
                stored[i + n * (j + a * k)] = expected[(i * a + j) * b + k];
            }
        }
    }
    let folder = Folder::new();
    let file = npy(
        1,
        "'<f8'",
        "True",
        "(3, 2, 4)",
        &encode(Element::F64, &stored, false),
    );
    holds(&folder.file("x.npy", &file), Element::F64, a * b, &expected);
}

#[test]
fn npz_stored_and_deflated() {
    let folder = Folder::new();
    let other = npy(
        1,
        "'<f8'",
        "False",
        "(2, 1)",
        &encode(Element::F64, &[8.0, 9.0], false),
    );
    for method in [
        zip::CompressionMethod::Stored,
        zip::CompressionMethod::Deflated,
    ] {
        let path = folder.file("one.npz", &npz(&[("x.npy", &small_npy())], method));
        holds(&path, Element::F32, 2, &SIX);
        let path = folder.file(
            "two.npz",
            &npz(&[("x.npy", &small_npy()), ("y.npy", &other)], method),
        );
        holds(&format!("{path}:y"), Element::F64, 1, &[8.0, 9.0]);
        holds(&format!("{path}:x.npy"), Element::F32, 2, &SIX);
        fails(&path, &options(), &["two.npz", "x, y"]);
        fails(
            &format!("{path}:z"),
            &options(),
            &["two.npz", "\"z\"", "x, y"],
        );
    }
    fails(
        &folder.file(
            "none.npz",
            &npz(&[("a.txt", b"1")], zip::CompressionMethod::Stored),
        ),
        &options(),
        &["none.npz"],
    );
}

#[test]
fn safetensors_in_every_type() {
    let folder = Folder::new();
    let name = |element| match element {
        Element::Bool => "BOOL".to_owned(),
        Element::F8E4M3 => "F8_E4M3".to_owned(),
        Element::F8E5M2 => "F8_E5M2".to_owned(),
        other => format!("{other:?}"),
    };
    for element in ALL {
        let expected = sample(element, 6);
        let (dtype, size) = (name(element), 6 * element.size());
        let header = format!(
            r#"{{"__metadata__":{{"k":"v"}},"w":{{"dtype":"{dtype}","shape":[3,2],"data_offsets":[0,{size}]}}}}"#
        );
        let path = folder.file(
            "x.safetensors",
            &safetensors(&header, &encode(element, &expected, false)),
        );
        holds(&path, element, 2, &expected);
        holds(&format!("{path}:w"), element, 2, &expected);
    }
    let path = folder.file("two.safetensors", &small_safetensors());
    holds(&format!("{path}:a"), Element::F32, 2, &SIX);
    holds(&format!("{path}:b"), Element::I64, 1, &[1.0]);
    fails(
        &path,
        &options(),
        &["two.safetensors", "several tensors", "a [3, 2]", "b [1]"],
    );
    fails(
        &format!("{path}:c"),
        &options(),
        &["two.safetensors", "\"c\"", "a [3, 2]", "b [1]"],
    );
    // As the format's own library writes the file.
    let body = encode(Element::F32, &SIX, false);
    let view =
        safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![3, 2], &body).unwrap();
    let path = folder.file(
        "theirs.safetensors",
        &safetensors::serialize([("w", view)], None).unwrap(),
    );
    holds(&path, Element::F32, 2, &SIX);
}

#[test]
fn vecs_and_bin_in_every_type() {
    let folder = Folder::new();
    let vec_types = [
        ("fvecs", Element::F32),
        ("bvecs", Element::U8),
        ("ivecs", Element::I32),
    ];
    for (extension, element) in vec_types {
        for d in [1, 3, 6] {
            let expected = sample(element, 6);
            holds(
                &folder.file(&format!("x.{extension}"), &vecs(element, d, &expected)),
                element,
                d,
                &expected,
            );
        }
    }
    let bin_types = [
        ("fbin", Element::F32),
        ("f16bin", Element::F16),
        ("u8bin", Element::U8),
        ("i8bin", Element::I8),
    ];
    for (extension, element) in bin_types {
        let expected = sample(element, 6);
        holds(
            &folder.file(&format!("x.{extension}"), &bin(element, 2, 3, &expected)),
            element,
            3,
            &expected,
        );
    }
}

#[test]
fn idx_in_every_type_plain_and_gzipped() {
    let folder = Folder::new();
    let types = [
        (0x08, Element::U8),
        (0x09, Element::I8),
        (0x0b, Element::I16),
        (0x0c, Element::I32),
        (0x0d, Element::F32),
        (0x0e, Element::F64),
    ];
    for (kind, element) in types {
        let expected = sample(element, 12);
        let body = encode(element, &expected, true);
        for (axes, d) in [(vec![12], 1), (vec![4, 3], 3), (vec![2, 2, 3], 6)] {
            let file = idx(kind, &axes, &body);
            holds(&folder.file("x-ubyte", &file), element, d, &expected);
            holds(
                &folder.file("x-ubyte.gz", &gzip(&file)),
                element,
                d,
                &expected,
            );
        }
    }
}

#[test]
fn parquet_and_arrow_lists_and_columns() {
    let folder = Folder::new();
    let large = LargeListArray::from_iter_primitive::<Float64Type, _, _>(
        SIX.chunks(2)
            .map(|row| Some(row.iter().map(|&v| Some(v)).collect::<Vec<_>>())),
    );
    let fixed = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
        SIX.chunks(2)
            .map(|row| Some(row.iter().map(|&v| Some(v as f32)).collect::<Vec<_>>())),
        2,
    );
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
    let with = |column: ArrayRef| batch(vec![("text", text.clone()), ("v", column)]);
    let cases = [
        (with(Arc::new(lists(2, &SIX))), Element::F32),
        (with(Arc::new(large)), Element::F64),
        (with(Arc::new(fixed)), Element::F32),
        (small_batch(), Element::F32),
    ];
    let zstd = Compression::ZSTD(ZstdLevel::default());
    for (batch, element) in cases {
        let twice = [batch.clone(), batch];
        let expected = [SIX, SIX].concat();
        let files = [
            ("x.parquet", parquet(&twice, Compression::UNCOMPRESSED)),
            ("z.parquet", parquet(&twice, zstd)),
            ("s.parquet", parquet(&twice, Compression::SNAPPY)),
            ("x.arrow", arrow_file(&twice, None)),
            ("z.feather", arrow_file(&twice, Some(CompressionType::ZSTD))),
            (
                "l.feather",
                arrow_file(&twice, Some(CompressionType::LZ4_FRAME)),
            ),
            ("x.arrows", arrow_stream(&twice)),
        ];
        for (name, file) in files {
            let path = folder.file(name, &file);
            holds(&path, element, 2, &expected);
            holds(&format!("{path}:v"), element, 2, &expected);
            fails(
                &format!("{path}:w"),
                &options(),
                &[name, "\"w\"", "no such column", "v"],
            );
        }
    }
}

#[test]
fn parquet_numbers_side_by_side() {
    let folder = Folder::new();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("a", Arc::new(Int32Array::from(vec![1, 2, 3]))),
        ("t", Arc::new(StringArray::from(vec!["x", "y", "z"]))),
        ("b", Arc::new(Float64Array::from(vec![0.25, -1.0, 1e300]))),
    ];
    let mixed = batch(columns);
    for (name, file) in [
        (
            "m.parquet",
            parquet(std::slice::from_ref(&mixed), Compression::UNCOMPRESSED),
        ),
        ("m.arrow", arrow_file(std::slice::from_ref(&mixed), None)),
    ] {
        let path = folder.file(name, &file);
        holds(&path, Element::F64, 2, &[1.0, 0.25, 2.0, -1.0, 3.0, 1e300]);
        holds(&format!("{path}:b"), Element::F64, 1, &[0.25, -1.0, 1e300]);
        fails(
            &format!("{path}:t"),
            &options(),
            &[name, "column t", "t: text"],
        );
    }
    let two: Vec<(&str, ArrayRef)> = vec![
        ("p", Arc::new(lists(2, &SIX))),
        ("q", Arc::new(lists(3, &SIX[..]))),
    ];
    let two = RecordBatch::try_from_iter(
        two.into_iter()
            .map(|(name, column)| (name, column.slice(0, 2))),
    )
    .unwrap();
    let path = folder.file("two.parquet", &parquet(&[two], Compression::UNCOMPRESSED));
    fails(
        &path,
        &options(),
        &["two.parquet", "p: list of float32, q: list"],
    );
    holds(&format!("{path}:q"), Element::F32, 3, &SIX);
}

#[test]
fn parquet_nulls_and_ragged_lists_are_named() {
    let folder = Folder::new();
    let list = |rows: Vec<Option<Vec<Option<f32>>>>| -> ArrayRef {
        Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(rows))
    };
    let cases: [(ArrayRef, &[&str]); 4] = [
        (
            list(vec![Some(vec![Some(1.0), Some(2.0)]), None]),
            &["row 1", "null"],
        ),
        (
            list(vec![
                Some(vec![Some(1.0), Some(2.0)]),
                Some(vec![Some(1.0), None]),
            ]),
            &["row 1, column 1", "null"],
        ),
        (
            list(vec![
                Some(vec![Some(1.0), Some(2.0)]),
                Some(vec![Some(1.0)]),
            ]),
            &["row 1", "1 values"],
        ),
        (
            Arc::new(Float32Array::from(vec![Some(1.0), None])),
            &["row 1, column 0", "null"],
        ),
    ];
    for (column, parts) in cases {
        let one = [batch(vec![("v", column)])];
        for (name, file) in [
            ("x.parquet", parquet(&one, Compression::UNCOMPRESSED)),
            ("x.arrow", arrow_file(&one, None)),
        ] {
            fails(
                &folder.file(name, &file),
                &options(),
                &[&[name], parts].concat(),
            );
        }
    }
    let empty = list(vec![Some(vec![])]);
    let path = folder.file(
        "empty.parquet",
        &parquet(&[batch(vec![("v", empty)])], Compression::UNCOMPRESSED),
    );
    fails(
        &path,
        &options(),
        &["empty.parquet", "none of the first rows has a vector"],
    );
    let none = batch(vec![("v", Arc::new(Float32Array::from(Vec::<f32>::new())))]);
    for (name, file) in [
        (
            "none.parquet",
            parquet(std::slice::from_ref(&none), Compression::UNCOMPRESSED),
        ),
        ("none.arrow", arrow_file(std::slice::from_ref(&none), None)),
    ] {
        fails(&folder.file(name, &file), &options(), &[name, "no rows"]);
    }
}

#[test]
fn text_with_every_separator_with_and_without_names() {
    let folder = Folder::new();
    for (name, separator) in [
        ("x.csv", ","),
        ("x.tsv", "\t"),
        ("x.csv", ";"),
        ("x.csv", ", "),
    ] {
        for (names, end) in [
            ("", "\n"),
            ("first,second\n", "\n"),
            ("first,second\n", "\r\n"),
            ("\u{feff}", ""),
        ] {
            let text = format!("{names}1,-2.0\n3e0,0.5\n5,6{end}").replace(',', separator);
            holds(&folder.file(name, text.as_bytes()), Element::F64, 2, &SIX);
            holds(
                &folder.file("x.csv.gz", &gzip(text.as_bytes())),
                Element::F64,
                2,
                &SIX,
            );
        }
    }
    holds(
        &folder.file("one.csv", b"v\n1\n2\n"),
        Element::F64,
        1,
        &[1.0, 2.0],
    );
    holds(
        &folder.file("quoted.csv", b"\"a,b\",c\n\"1\",2\n"),
        Element::F64,
        2,
        &[1.0, 2.0],
    );
    let cases: [(&[u8], &[&str]); 6] = [
        (b"1,2\n3,4,5\n", &["line 2", "3"]),
        (b"1,2\n3,x\n", &["line 2", "\"x\""]),
        (b"a,b\n1,2\n3,\n", &["line 3", "not a number"]),
        (b"1,2\nnan,4\n", &["row 1, column 0", "NaN"]),
        (b"a,b\n", &["no rows"]),
        (b"1,2\n3,\xff\n", &["line 2"]),
    ];
    for (text, parts) in cases {
        fails(
            &folder.file("bad.csv", text),
            &options(),
            &[&["bad.csv"], parts].concat(),
        );
    }
}

// Sets of files.

#[test]
fn folders_and_patterns_are_one_set_in_natural_order() {
    let folder = Folder::new();
    let one = |v: f64| {
        npy(
            1,
            "'<f2'",
            "False",
            "(1, 2)",
            &encode(Element::F16, &[v, -v], false),
        )
    };
    for number in [0, 2, 10, 1] {
        folder.file(
            &format!("set/img_emb_{number}.npy"),
            &one(f64::from(number)),
        );
    }
    folder.file("set/.hidden", b"no");
    let expected = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 10.0, -10.0];
    holds(&folder.path("set"), Element::F16, 2, &expected);
    holds(
        &folder.path("set/img_emb_*.npy"),
        Element::F16,
        2,
        &expected,
    );
    let limited = read(
        &folder.path("set"),
        &OpenOptions {
            limit: Some(3),
            ..options()
        },
    )
    .unwrap();
    assert_eq!(values(&*limited), expected[..6]);
    fails(
        &folder.path("set/*.fbin"),
        &options(),
        &["set/*.fbin", "no file"],
    );

    folder.file("set/img_emb_3.npy", &small_npy());
    fails(
        &folder.path("set"),
        &options(),
        &["img_emb_3.npy", "img_emb_0.npy", "F32", "F16"],
    );
    folder.file(
        "set/img_emb_3.npy",
        &npy(1, "'<f2'", "False", "(1, 3)", &[0; 6]),
    );
    fails(
        &folder.path("set"),
        &options(),
        &["img_emb_3.npy", "img_emb_0.npy", "3", "2"],
    );
    folder.file("set/img_emb_3.npy", &one(3.0));
    folder.file("set/info.csv", b"1,2\n");
    fails(
        &folder.path("set"),
        &options(),
        &["info.csv", "img_emb_0.npy", "csv", "npy"],
    );
    std::fs::create_dir(folder.path("bare")).unwrap();
    fails(&folder.path("bare"), &options(), &["bare", "no files"]);
}

#[test]
fn what_is_there_as_written_wins_over_the_colon() {
    let folder = Folder::new();
    let path = folder.file("a.npy:b", &small_npy());
    holds(&path, Element::F32, 2, &SIX);
    let path = folder.file("c.npy", &small_npy());
    fails(
        &format!("{path}:b"),
        &options(),
        &["c.npy", "\"b\"", "no members"],
    );
    fails(&folder.path("d.npy:b"), &options(), &["d.npy"]);
    fails(
        &folder.path("d.npy"),
        &options(),
        &["d.npy", "no such file"],
    );
}

#[test]
fn content_decides_before_the_name() {
    let folder = Folder::new();
    holds(
        &folder.file("x.parquet", &small_npy()),
        Element::F32,
        2,
        &SIX,
    );
    holds(&folder.file("x.fvecs", &small_npy()), Element::F32, 2, &SIX);
    holds(
        &folder
            .file("plain", &small_safetensors())
            .replace("plain", "plain:a"),
        Element::F32,
        2,
        &SIX,
    );
    fails(
        &folder.file("x.npy", b"\x80\x04\x95pickle"),
        &options(),
        &["x.npy", "pickle"],
    );
    fails(
        &folder.file("x.npy", b"\x01\x02\x03\x04"),
        &options(),
        &["x.npy", ".npy"],
    );
    fails(
        &folder.file("x.data", b"\x01\x02\x03\x04"),
        &options(),
        &["x.data", ".fvecs", "Parquet", "IDX"],
    );
    fails(&folder.file("x.npy", b""), &options(), &["x.npy", "empty"]);
    fails(
        &folder.file("x.gz", &gzip(b"\x01\x02\x03\x04")),
        &options(),
        &["x.gz", "gzip"],
    );
}

// Conversion of values when reading and writing.

/// Text without numbers is not read as a table of words: it is refused with a list of the known formats.
#[test]
fn text_of_no_format_is_refused() {
    let folder = Folder::new();
    let texts: [&[u8]; 4] = [
        b"no numbers here",
        b"Dear all,\nthe embeddings are in the other folder.\nBest, A.\n",
        b"# A heading\n\nSome words, and more.\n\n- a list\n",
        b"<?xml version=\"1.0\"?>\n<rows><row>one</row></rows>\n",
    ];
    for text in texts {
        for name in ["notes.txt", "README.md", "page.xml", "none"] {
            let path = folder.file(name, text);
            fails(
                &path,
                &options(),
                &[
                    name,
                    "the format is not known",
                    ".npy",
                    "Zarr",
                    "CSV or TSV",
                ],
            );
        }
    }
    // For a file named as a table the message says what its columns lack.
    let path = folder.file("words.csv", b"a,b\none,two\nthree,four\n");
    fails(
        &path,
        &options(),
        &["words.csv", "no column holds numbers", "a", "b"],
    );
    // One number in the first lines makes any text a table.
    holds(
        &folder.file("x.txt", b"word 1\nword 2\n"),
        Element::F64,
        1,
        &[1.0, 2.0],
    );
}

#[test]
fn values_that_are_not_finite_are_named_or_skipped() {
    let folder = Folder::new();
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for element in [Element::F16, Element::BF16, Element::F32, Element::F64] {
            let mut stored: Vec<f64> = (0..20).map(f64::from).collect();
            stored[3] = bad;
            stored[14] = bad;
            stored[15] = bad;
            let body = encode(element, &stored, false);
            let file = match element {
                Element::BF16 => safetensors(
                    r#"{"w":{"dtype":"BF16","shape":[10,2],"data_offsets":[0,40]}}"#,
                    &body,
                ),
                _ => npy(
                    1,
                    &format!("'<f{}'", element.size()),
                    "False",
                    "(10, 2)",
                    &body,
                ),
            };
            let path = folder.file("x", &file);
            for memory in [1 << 30, 0] {
                let budget = OpenOptions {
                    memory,
                    ..options()
                };
                fails(
                    &path,
                    &budget,
                    &[&path, "row 1, column 1", "--skip-nonfinite"],
                );
                let rows = read(
                    &path,
                    &OpenOptions {
                        skip_nonfinite: true,
                        ..budget.clone()
                    },
                )
                .unwrap();
                assert_eq!((rows.len(), rows.dropped()), (8, 2));
                assert_eq!(
                    (0..8).map(|row| rows.number(row)).collect::<Vec<_>>(),
                    [0, 2, 3, 4, 5, 6, 8, 9]
                );
                let kept = [&stored[..2], &stored[4..14], &stored[16..]].concat();
                assert_eq!(values(&*rows), kept);
                let mut single = vec![0.0f32; 16];
                rows.read_f32(0, &mut single).unwrap();
                assert!(
                    single
                        .iter()
                        .zip(&kept)
                        .all(|(single, kept)| f64::from(*single) == *kept)
                );
                // The limit counts rows of the file.
                let few = OpenOptions {
                    skip_nonfinite: true,
                    limit: Some(4),
                    ..budget
                };
                assert_eq!(
                    values(&*read(&path, &few).unwrap()),
                    [0.0, 1.0, 4.0, 5.0, 6.0, 7.0]
                );
            }
        }
    }
    let nothing = npy(
        1,
        "'<f4'",
        "False",
        "(2, 1)",
        &encode(Element::F32, &[f64::NAN, f64::NAN], false),
    );
    let path = folder.file("nothing.npy", &nothing);
    fails(
        &path,
        &OpenOptions {
            skip_nonfinite: true,
            ..options()
        },
        &["nothing.npy"],
    );
}

#[test]
fn a_fault_in_a_set_names_the_file_and_its_row() {
    let folder = Folder::new();
    folder.file("set/0.npy", &small_npy());
    folder.file(
        "set/1.npy",
        &npy(
            1,
            "'<f4'",
            "False",
            "(2, 2)",
            &encode(Element::F32, &[0.0, 0.0, 1.0, f64::NAN], false),
        ),
    );
    fails(&folder.path("set"), &options(), &["1.npy, row 1, column 1"]);
    let normalize = OpenOptions {
        normalize: true,
        skip_nonfinite: true,
        ..options()
    };
    fails(
        &folder.path("set"),
        &normalize,
        &["1.npy, row 0", "zero", "--normalize"],
    );
    let rows = read(
        &folder.path("set"),
        &OpenOptions {
            skip_nonfinite: true,
            ..options()
        },
    )
    .unwrap();
    assert_eq!((rows.len(), rows.dropped(), rows.number(3)), (4, 1, 3));
}

#[test]
fn scale_and_normalize() {
    let folder = Folder::new();
    let path = folder.file("x.u8bin", &bin(Element::U8, 2, 2, &[3.0, 4.0, 0.0, 255.0]));
    for memory in [1 << 30, 0] {
        let scaled = read(
            &path,
            &OpenOptions {
                scale: Some(1.0 / 255.0),
                memory,
                ..options()
            },
        )
        .unwrap();
        assert_eq!(values(&*scaled), [3.0 / 255.0, 4.0 / 255.0, 0.0, 1.0]);
        assert!(!scaled.fits_f32());
        let unit = read(
            &path,
            &OpenOptions {
                normalize: true,
                memory,
                ..options()
            },
        )
        .unwrap();
        let mut single = vec![0.0f32; 4];
        unit.read_f32(0, &mut single).unwrap();
        assert_eq!(single, [0.6, 0.8, 0.0, 1.0]);
        assert!(!unit.fits_f32());
    }
    let path = folder.file(
        "big.npy",
        &npy(
            1,
            "'<f8'",
            "False",
            "(1, 1)",
            &encode(Element::F64, &[1e300], false),
        ),
    );
    fails(
        &path,
        &OpenOptions {
            scale: Some(1e10),
            ..options()
        },
        &["big.npy", "row 0, column 0"],
    );
}

#[test]
fn a_file_cut_short_after_opening_is_an_error() {
    let folder = Folder::new();
    for (name, file) in [
        (
            "x.npy",
            npy(
                1,
                "'<f4'",
                "False",
                "(3, 2)",
                &encode(Element::F32, &SIX, false),
            ),
        ),
        ("x.fvecs", vecs(Element::F32, 2, &SIX)),
    ] {
        let path = folder.file(name, &file);
        let rows = read(
            &path,
            &OpenOptions {
                memory: 0,
                ..options()
            },
        )
        .unwrap();
        std::fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(file.len() as u64 - 5)
            .unwrap();
        let mut values = [0.0; 6];
        let message = rows.read_f64(0, &mut values).unwrap_err().to_string();
        assert!(
            message.contains(name) && message.contains("byte"),
            "{message}"
        );
        // The rows that remain may have changed as well.
        assert!(rows.read_f64(0, &mut values[..4]).is_err());
    }
}

// Headers that lie.

#[test]
fn npy_headers_that_lie() {
    let folder = Folder::new();
    let body = encode(Element::F32, &SIX, false);
    let with = |descr: &str, shape: &str| npy(1, descr, "False", shape, &body);
    let cases: Vec<(Vec<u8>, &[&str])> = vec![
        (with("'<f4'", "(4, 2)"), &["4 rows", "160", "152"]),
        (with("'<f4'", "(2, 2)"), &["byte 144", "8 bytes follow"]),
        (with("'<f4'", "(1000000000000, 2)"), &["1000000000000"]),
        (
            with("'<f4'", "(4611686018427387904, 4)"),
            &["4611686018427387904"],
        ),
        (
            with("'<f4'", "(4, 4611686018427387904)"),
            &["4611686018427387904"],
        ),
        (
            with("'<f4'", "(3, 4294967296, 4294967296)"),
            &["4294967296"],
        ),
        (with("'<f4'", "(-3, 2)"), &["shape"]),
        (with("'<f4'", "(99999999999999999999, 2)"), &["shape"]),
        (with("'<f4'", "(0, 2)"), &["[0, 2]", "zero"]),
        (with("'<f4'", "(3, 0)"), &["[3, 0]", "zero"]),
        (with("'<f4'", "()"), &["single number"]),
        (with("'|O'", "(3, 2)"), &["pickle"]),
        (with("'<U5'", "(3, 2)"), &["strings"]),
        (with("'|S5'", "(3, 2)"), &["strings"]),
        (with("'<c8'", "(3,)"), &["\"<c8\""]),
        (with("'<M8[ns]'", "(3,)"), &["\"<M8[ns]\""]),
        (
            with("[('a', '<f4'), ('b', '<f4')]", "(3,)"),
            &["structured"],
        ),
        (with("'<f4'", "3"), &["shape"]),
        (npy(1, "'<f4'", "1", "(3, 2)", &body), &["fortran_order"]),
        (npy(9, "'<f4'", "False", "(3, 2)", &body), &["version 9"]),
        (npy(1, "'<f4'", "True", "(4, 2)", &body), &["4 rows"]),
        (
            [
                b"\x93NUMPY\x02\x00".as_slice(),
                &u32::MAX.to_le_bytes(),
                &body,
            ]
            .concat(),
            &["4294967295"],
        ),
        (
            [b"\x93NUMPY\x01\x00\x04\x00".as_slice(), b"{}\n\n", &body].concat(),
            &["descr"],
        ),
        (b"\x93NUMPY".to_vec(), &["header"]),
    ];
    for (file, parts) in cases {
        let path = folder.file("x.npy", &file);
        fails(&path, &options(), &[&["x.npy"], parts].concat());
        // The same false header inside a compressed archive.
        let path = folder.file(
            "x.npz",
            &npz(&[("m.npy", &file)], zip::CompressionMethod::Deflated),
        );
        fails(&path, &options(), &["x.npz"]);
    }
}

#[test]
fn other_headers_that_lie() {
    let folder = Folder::new();
    let six = encode(Element::F32, &SIX, false);
    let big = encode(Element::F32, &SIX, true);
    let tensor = |shape: &str, offsets: &str| {
        let header =
            format!(r#"{{"w":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#);
        safetensors(&header, &six)
    };
    let huge = u32::MAX;
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        (
            "x.fbin",
            bin(Element::F32, 4, 2, &SIX),
            &["4 rows", "40", "32"],
        ),
        (
            "x.fbin",
            bin(Element::F32, 2, 2, &SIX),
            &["byte 24", "8 bytes"],
        ),
        (
            "x.fbin",
            bin(Element::F32, huge, huge, &SIX),
            &["4294967295"],
        ),
        ("x.fbin", bin(Element::F32, 0, 2, &[]), &["0 rows"]),
        ("x.fbin", bin(Element::F32, 2, 0, &[]), &["0 values"]),
        ("x.fbin", vec![1, 0, 0], &["truncated"]),
        ("x.fvecs", vec![2, 0, 0], &["truncated"]),
        (
            "x.fvecs",
            vecs(Element::F32, 2, &SIX)[..30].to_vec(),
            &["byte 24"],
        ),
        ("x.fvecs", [0i32.to_le_bytes(); 3].concat(), &["0 values"]),
        (
            "x.fvecs",
            [(-2i32).to_le_bytes(); 3].concat(),
            &["-2 values"],
        ),
        (
            "x.bvecs",
            [i32::MAX.to_le_bytes(); 3].concat(),
            &["2147483647"],
        ),
        (
            "x.fvecs",
            [
                vecs(Element::F32, 2, &SIX[..2]),
                vecs(Element::I32, 1, &[2.0]),
                vec![0; 4],
            ]
            .concat(),
            &["row 1", "1"],
        ),
        ("x.idx", idx(0x0d, &[4, 2], &big), &["4 rows", "44", "36"]),
        ("x.idx", idx(0x0d, &[2, 2], &big), &["byte 28", "8 bytes"]),
        ("x.idx", idx(0x0d, &[huge, huge], &big), &["4294967295"]),
        ("x.idx", idx(0x0d, &[huge; 8], &big), &["4294967295"]),
        ("x.idx", idx(0x0d, &[0, 2], &[]), &["[0, 2]", "zero"]),
        ("x.idx", idx(0x0d, &[2, 0], &[]), &["[2, 0]", "zero"]),
        (
            "x.idx",
            idx(0x0d, &[3, 2], &big)[..10].to_vec(),
            &["header"],
        ),
        ("x.idx.gz", gzip(&idx(0x0d, &[4, 2], &big)), &["byte 36"]),
        ("x.idx.gz", gzip(&idx(0x0d, &[2, 2], &big)), &["byte 28"]),
        (
            "x.idx.gz",
            gzip(&idx(0x08, &[huge, huge], &big)),
            &["byte 36"],
        ),
        (
            "x.idx.gz",
            gzip(&idx(0x0d, &[3, 2], &big))[..40].to_vec(),
            &["truncated"],
        ),
        ("x.safetensors", tensor("[3,2]", "[0,20]"), &["byte 8"]),
        ("x.safetensors", tensor("[4,2]", "[0,32]"), &["byte"]),
        ("x.safetensors", tensor("[2,2]", "[0,16]"), &["byte"]),
        ("x.safetensors", tensor("[3,2]", "[8,32]"), &["byte 8"]),
        (
            "x.safetensors",
            tensor("[4294967296,4294967296,4]", "[0,24]"),
            &["byte 8"],
        ),
        (
            "x.safetensors",
            tensor("[0,4294967296,4294967296]", "[0,0]"),
            &["x.safetensors"],
        ),
        (
            "x.safetensors",
            tensor("[0,2]", "[0,0]"),
            &["x.safetensors"],
        ),
        ("x.safetensors", tensor("[]", "[0,4]"), &["x.safetensors"]),
        (
            "x.safetensors",
            [(1u64 << 60).to_le_bytes().to_vec(), six.clone()].concat(),
            &["1152921504606846976"],
        ),
        (
            "x.safetensors",
            [99_999_999u64.to_le_bytes().to_vec(), six.clone()].concat(),
            &["99999999"],
        ),
    ];
    for (name, file, parts) in cases {
        fails(
            &folder.file(name, &file),
            &options(),
            &[&[name], parts].concat(),
        );
    }
}

#[test]
fn parquet_pages_that_lie() {
    let folder = Folder::new();
    let sound = parquet(&[small_batch()], Compression::UNCOMPRESSED);
    // The dictionary page of the six values: type 2, 24 bytes, 24 bytes, then field 7 with 6 entries.
    let page = [0x15, 4, 0x15, 48, 0x15, 48, 0x4c, 0x15, 12];
    let at = sound
        .windows(page.len())
        .position(|window| window == page)
        .unwrap();
    for (place, byte, part) in [
        (3, 50, "from 24 to 25"),
        (5, 126, "63"),
        (8, 126, "63 entries"),
    ] {
        let mut lying = sound.clone();
        lying[at + place] = byte;
        let path = folder.file("x.parquet", &lying);
        fails(
            &path,
            &options(),
            &["x.parquet", &format!("byte {at}"), part],
        );
    }
}

// Broken files.

/// A small valid file of each kind; `wrap` compresses it after the damage, so that the damage is inside.
struct Specimen {
    name: &'static str,
    part: &'static str,
    file: Vec<u8>,
    wrap: fn(&[u8]) -> Vec<u8>,
}

fn specimens() -> Vec<Specimen> {
    let body = encode(Element::F32, &SIX, false);
    let idx3 = idx(0x0d, &[3, 2], &encode(Element::F32, &SIX, true));
    let fortran = npy(2, "'>f4'", "True", "(3, 2)", &body);
    let zipped = |method| npz(&[("x.npy", &small_npy()), ("y.npy", &fortran)], method);
    let small = [small_batch()];
    // Enough repetition for dictionaries and run lengths.
    let repeated: Vec<f64> = (0..600).map(|i| f64::from(i % 5)).collect();
    let many = [batch(vec![("v", Arc::new(lists(3, &repeated)))])];
    let flat = [batch(vec![(
        "a",
        Arc::new(Int32Array::from_iter_values((0..300).map(|i| i % 3))),
    )])];
    let zstd = Compression::ZSTD(ZstdLevel::default());
    let plain = |name, file| Specimen {
        name,
        part: "",
        file,
        wrap: <[u8]>::to_vec,
    };
    let part = |name, part, file| Specimen {
        name,
        part,
        file,
        wrap: <[u8]>::to_vec,
    };
    vec![
        plain("x.npy", small_npy()),
        plain("f.npy", fortran.clone()),
        plain("x.npy.gz", gzip(&small_npy())),
        Specimen {
            name: "inside.npy.gz",
            part: "",
            file: small_npy(),
            wrap: gzip,
        },
        Specimen {
            name: "inside.npz",
            part: "",
            file: fortran.clone(),
            wrap: |bytes| npz(&[("x.npy", bytes)], zip::CompressionMethod::Deflated),
        },
        part("s.npz", ":y", zipped(zip::CompressionMethod::Stored)),
        part("d.npz", ":x", zipped(zip::CompressionMethod::Deflated)),
        part("x.safetensors", ":a", small_safetensors()),
        plain("x.fvecs", vecs(Element::F32, 2, &SIX)),
        plain("x.bvecs", vecs(Element::U8, 3, &[1.0; 12])),
        plain("x.fbin", bin(Element::F32, 3, 2, &SIX)),
        plain("x.idx", idx3.clone()),
        plain("x.idx.gz", gzip(&idx3)),
        Specimen {
            name: "inside.idx.gz",
            part: "",
            file: idx3,
            wrap: gzip,
        },
        plain("x.csv", b"a,b\n1,-2\n3,0.5\n\"5\",6\n".to_vec()),
        plain("x.json", b"{\"data\": [[1, -2], [3, 0.5]]}".to_vec()),
        plain(
            "x.jsonl",
            b"{\"a\": {\"b\": [1, 2]}}\n{\"a\": {\"b\": [3, 4]}}\n".to_vec(),
        ),
        plain("x.vec", b"2 2\nada 1 0.5\nbob c 3 4\n".to_vec()),
        plain(
            "x.bin",
            b"2 2\na 1\0\0\x3f2\0\0\x40b 1\0\0\x3f\x80\0\0\x40".to_vec(),
        ),
        plain("u.parquet", parquet(&small, Compression::UNCOMPRESSED)),
        plain("z.parquet", parquet(&many, zstd)),
        plain("s.parquet", parquet(&flat, Compression::SNAPPY)),
        plain("x.arrow", arrow_file(&small, None)),
        plain("z.arrow", arrow_file(&many, Some(CompressionType::ZSTD))),
        plain(
            "l.arrow",
            arrow_file(&many, Some(CompressionType::LZ4_FRAME)),
        ),
        plain("x.arrows", arrow_stream(&small)),
    ]
}

/// Open a possibly damaged file and read all of it: an error or finite values, and no large allocation.
fn survives(folder: &Folder, specimen: &Specimen, broken: &[u8], how: &str) {
    let path = folder.file(specimen.name, &(specimen.wrap)(broken));
    let spec = format!("{path}{}", specimen.part);
    let what = format!("{} {how}", specimen.name);
    let most = largest(|| {
        let outcome = std::panic::catch_unwind(|| match read(&spec, &options()) {
            Ok(rows) => assert!(values(&*rows).iter().all(|value| value.is_finite())),
            Err(Error::Input { input, .. }) => {
                assert!(input.contains(specimen.name), "{input} is not the file")
            }
            Err(Error::Io { path, .. }) => panic!("an I/O error on {path:?}"),
            Err(error) => panic!("not an error about the file: {error}"),
        });
        assert!(outcome.is_ok(), "{what} makes a reader panic");
    });
    assert!(
        most <= 64 << 20,
        "{what} makes a reader allocate {most} bytes"
    );
}

#[test]
fn truncations_are_survived() {
    let folder = Folder::new();
    for specimen in specimens() {
        // The undamaged specimen is readable.
        let whole = folder.file(specimen.name, &(specimen.wrap)(&specimen.file));
        assert!(
            read(&format!("{whole}{}", specimen.part), &options()).is_ok(),
            "{}",
            specimen.name
        );
        let step = (specimen.file.len() / 500).max(1);
        for length in (0..specimen.file.len()).step_by(step) {
            survives(
                &folder,
                &specimen,
                &specimen.file[..length],
                &format!("cut to {length} bytes"),
            );
        }
    }
}

/// For formats that state their size, no truncated file is valid.
#[test]
fn truncations_are_errors() {
    let folder = Folder::new();
    for specimen in specimens() {
        // Truncated at a line, a vecs row or a stream message, these formats are still valid.
        if matches!(
            Path::new(specimen.name)
                .extension()
                .unwrap()
                .to_str()
                .unwrap(),
            "csv" | "fvecs" | "bvecs" | "arrows" | "jsonl" | "vec" | "bin"
        ) {
            continue;
        }
        let step = (specimen.file.len() / 200).max(1);
        for length in (0..specimen.file.len())
            .step_by(step)
            .chain([specimen.file.len() - 1])
        {
            let path = folder.file(specimen.name, &(specimen.wrap)(&specimen.file[..length]));
            let outcome = read(&format!("{path}{}", specimen.part), &options());
            assert!(
                outcome.is_err(),
                "{} of {length} bytes was read",
                specimen.name
            );
        }
    }
}

#[test]
fn bit_flips_are_survived() {
    let folder = Folder::new();
    let mut random = random(5);
    for specimen in specimens() {
        let bits = specimen.file.len() * 8;
        let step = (bits / 1500).max(1);
        for bit in (0..bits)
            .step_by(step)
            .map(|bit| (bit + random.random_range(0..step)).min(bits - 1))
        {
            let mut broken = specimen.file.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            survives(
                &folder,
                &specimen,
                &broken,
                &format!("with bit {bit} flipped"),
            );
        }
    }
}

/// Words of extreme values at every position, which flips of single bits do not produce.
#[test]
fn extreme_words_are_survived() {
    let folder = Folder::new();
    let words: [&[u8]; 6] = [
        &[0xff; 4],
        &[0xff; 8],
        &[0xff, 0xff, 0xff, 0x7f],
        &[0, 0, 0, 0x80],
        &[0, 0, 0, 0, 1, 0, 0, 0],
        &[0; 8],
    ];
    for specimen in specimens() {
        let step = (specimen.file.len() / 150).max(1);
        for at in (0..specimen.file.len()).step_by(step) {
            for word in words {
                let mut broken = specimen.file.clone();
                let end = broken.len().min(at + word.len());
                broken[at..end].copy_from_slice(&word[..end - at]);
                survives(
                    &folder,
                    &specimen,
                    &broken,
                    &format!("with {word:02x?} at {at}"),
                );
            }
        }
    }
}

#[test]
fn random_bytes_are_survived() {
    let folder = Folder::new();
    let mut random = random(6);
    for specimen in specimens() {
        for round in 0..300 {
            let mut broken = specimen.file.clone();
            for _ in 0..random.random_range(1..12) {
                let at = random.random_range(0..broken.len());
                broken[at] = random.random();
            }
            survives(
                &folder,
                &specimen,
                &broken,
                &format!("in random round {round}"),
            );
        }
    }
}

#[test]
fn stop_is_heard() {
    let folder = Folder::new();
    let path = folder.file("x.npy", &small_npy());
    let control = Control::default();
    control.stop();
    assert!(matches!(
        open(&path, &options(), &control),
        Err(Error::Interrupted)
    ));
}
