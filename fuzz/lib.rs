//! What the fuzz targets do with the bytes that they are given. The package's own tests run the same on the files of
//! `seeds/` ("tests/fuzzing.rs").
//!
//! Files go to the system's folder for temporary files; point `TMPDIR` at a memory file system for speed.

use hullscope::control::Control;
use hullscope::rows::{OpenOptions, open};
use hullscope::space::{Spec, network_tensors};
use hullscope::store::{certificates, hull_file};
use std::path::{Path, PathBuf};

/// Extensions of the formats of rows. The first byte of a `rows` input is a place in this list.
pub const EXTENSIONS: [&str; 23] = [
    "npy",
    "npz",
    "idx",
    "fvecs",
    "bvecs",
    "ivecs",
    "fbin",
    "u8bin",
    "i8bin",
    "parquet",
    "arrow",
    "h5",
    "mat",
    "faiss",
    "json",
    "jsonl",
    "safetensors",
    "pt",
    "vec",
    "txt",
    "csv",
    "tsv",
    "zip",
];

/// A target's name and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 5] = [
    ("rows", rows),
    ("certificates", certificates),
    ("hull", hull),
    ("network", network),
    ("spec", spec),
];

/// These bytes as a file of this extension, in a folder that goes with the value.
fn file(extension: &str, data: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let path = folder.path().join(format!("x.{extension}"));
    std::fs::write(&path, data).expect("room for a temporary file");
    (folder, path)
}

/// The values of a file, if it can be opened, with so many bytes of memory for them.
fn values(path: &Path, memory: u64) -> Option<(usize, Vec<f64>)> {
    let options = OpenOptions {
        memory,
        spool: Some(1 << 26),
        ..OpenOptions::default()
    };
    let rows = open(path.to_str()?, &options, &Control::default()).ok()?;
    let mut values = vec![0.0; rows.len() * rows.dim()];
    rows.read_f64(0, &mut values)
        .expect("what was opened can be read");
    assert!(values.iter().all(|value| value.is_finite()));
    Some((rows.dim(), values))
}

/// A file of rows, in the format that the first byte chooses, read from memory and by position: both fail, or both give
/// the same finite values.
pub fn rows(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else {
        return;
    };
    let extension = EXTENSIONS[usize::from(*choice) % EXTENSIONS.len()];
    let (_folder, path) = file(extension, data);
    assert_eq!(values(&path, 1 << 30), values(&path, 0));
}

/// A file of certificates.
pub fn certificates(data: &[u8]) {
    let (_folder, path) = file("parquet", data);
    if let Ok(reader) = certificates::CertificateReader::open(&path) {
        // A fault ends the reading.
        reader.take_while(Result::is_ok).for_each(drop);
    }
}

/// A fitted reference.
pub fn hull(data: &[u8]) {
    let (_folder, path) = file("hull", data);
    drop(hull_file::open(&path, 1 << 26, &Control::default()));
}

/// A network in ONNX, of which the tensors are listed.
pub fn network(data: &[u8]) {
    let (_folder, path) = file("onnx", data);
    drop(network_tensors(&path, Some((8, 8))));
}

/// What is typed after `--space`. What is read is written so that it is read as the same again.
pub fn spec(data: &[u8]) {
    let Ok(specs) = str::from_utf8(data).map(Spec::parse) else {
        return;
    };
    for spec in specs.unwrap_or_default() {
        let again = Spec::parse(&spec.text).expect("a space is read by its own name");
        assert_eq!(again, [spec]);
    }
}
