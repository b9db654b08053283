//! Dumps of other libraries: tensors of torch, indexes of faiss, arrays whose types NumPy does not know.

use crate::formats::{Folder, encode, npy, values};
use hullscope::control::Control;
use hullscope::rows::{Element, OpenOptions, Rows, open};

fn read(spec: &str, dtype: Option<Element>) -> hullscope::Result<Box<dyn Rows>> {
    let options = OpenOptions {
        memory: 1 << 30,
        dtype,
        ..OpenOptions::default()
    };
    open(spec, &options, &Control::default())
}

#[track_caller]
fn refused(spec: &str, dtype: Option<Element>, part: &str) {
    let message = match read(spec, dtype) {
        Ok(rows) => panic!("{spec} was read as {} x {}", rows.len(), rows.dim()),
        Err(error) => error.to_string(),
    };
    assert!(message.contains(part), "{part:?} is not in: {message}");
}

fn data(name: &str) -> String {
    format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// What the files in `tests/data` hold: 4 x 3, from -1 in steps of a quarter.
fn quarters() -> Vec<f64> {
    (0..12).map(|i| f64::from(i) / 4.0 - 1.0).collect()
}

#[test]
fn npy_of_types_that_numpy_does_not_know() {
    let folder = Folder::new();
    let six = [1.0, -2.0, 3.0, 0.5, 5.0, 6.0];
    for order in ["<", "|"] {
        let body = encode(Element::BF16, &six, false);
        let path = folder.file(
            "x.npy",
            &npy(1, &format!("'{order}V2'"), "False", "(3, 2)", &body),
        );
        let rows = read(&path, Some(Element::BF16)).unwrap();
        assert_eq!(values(&*rows), six);
        assert!(
            rows.provenance()
                .unwrap()
                .notes
                .iter()
                .any(|note| note.contains("--dtype"))
        );
        refused(&path, None, "--dtype bf16");
        refused(&path, Some(Element::F8E4M3), "--dtype bf16");
        let body = [0x7e, 0x81, 0x3c, 0x7e];
        let path = folder.file(
            "y.npy",
            &npy(1, &format!("'{order}V1'"), "False", "(2, 2)", &body),
        );
        let rows = read(&path, Some(Element::F8E4M3)).unwrap();
        assert_eq!(values(&*rows), [448.0, -1.0 / 512.0, 1.5, 448.0]);
        refused(&path, None, "--dtype f8e4m3");
    }
}

#[test]
fn a_file_of_one_axis_in_a_set_of_several_is_one_row() {
    let folder = Folder::new();
    for part in 0..3 {
        let body = encode(Element::F32, &[f64::from(part), 1.0], false);
        folder.file(
            &format!("set/{part}.npy"),
            &npy(1, "'<f4'", "False", "(2,)", &body),
        );
    }
    let rows = read(&folder.path("set"), None).unwrap();
    assert_eq!((rows.len(), rows.dim()), (3, 2));
    assert_eq!(values(&*rows), [0.0, 1.0, 1.0, 1.0, 2.0, 1.0]);
    assert!(
        rows.provenance()
            .unwrap()
            .notes
            .iter()
            .any(|note| note.contains("each file is one row"))
    );
    let one = read(&folder.path("set/1.npy"), None).unwrap();
    assert_eq!((one.len(), one.dim()), (2, 1));
}

#[test]
fn flat_indexes_of_faiss_with_and_without_ids() {
    for (name, ids) in [
        ("l2.faiss", None),
        ("l1.faiss", None),
        ("map.faiss", Some(["7", "-3", "1099511627776", "5"])),
        ("map2.faiss", Some(["7", "9", "11", "5"])),
    ] {
        let rows = read(&data(name), None).unwrap();
        assert_eq!((rows.dim(), values(&*rows)), (3, quarters()), "{name}");
        for row in 0..4 {
            assert_eq!(
                rows.provenance().unwrap().id(row as u64),
                ids.map(|ids| ids[row]),
                "{name}"
            );
        }
    }
    let mut other = std::fs::read(data("map.faiss")).unwrap();
    other[0x25..0x29].copy_from_slice(b"IwFl");
    let path = Folder::new();
    refused(&path.file("x.faiss", &other), None, "IndexIVFFlat");
}

#[test]
fn tensors_of_torch_in_every_type_and_stride() {
    let path = data("tensors.pt");
    let q = quarters();
    let turned: Vec<f64> = (0..3)
        .flat_map(|j| (0..4).map(move |i| f64::from(i * 3 + j) / 4.0 - 1.0))
        .collect();
    let cases: [(&str, Element, Vec<f64>); 8] = [
        ("emb", Element::F32, turned),
        ("bf", Element::BF16, q.clone()),
        ("f8", Element::F8E4M3, q.clone()),
        ("f8b", Element::F8E5M2, q.clone()),
        ("h", Element::F16, q.clone()),
        ("l.2", Element::F32, q[3..9].to_vec()),
        (
            "nest.a.b",
            Element::F32,
            [0, 2, 3, 5, 6, 8, 9, 11].map(|i: usize| q[i]).to_vec(),
        ),
        ("e", Element::F32, [&q[..3]; 4].concat()),
    ];
    for (key, element, expected) in cases {
        let rows = read(&format!("{path}:{key}"), None).unwrap();
        assert_eq!(
            (rows.element(), values(&*rows)),
            (element, expected),
            "{key}"
        );
    }
    refused(&path, None, "nest.a.b [4, 2]");
    refused(&format!("{path}:c"), None, "ComplexFloatStorage");
}

/// Cut anywhere, or with any bit turned: an error or finite numbers, and no panic.
#[test]
fn broken_dumps_are_survived() {
    let folder = Folder::new();
    for (name, part) in [("map.faiss", ""), ("tensors.pt", ":nest.a.b")] {
        let whole = std::fs::read(data(name)).unwrap();
        let step = (whole.len() / 300).max(1);
        for at in (0..whole.len()).step_by(step) {
            let path = folder.file(name, &whole[..at]);
            assert!(
                read(&format!("{path}{part}"), None).is_err(),
                "{name} cut to {at}"
            );
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            let path = folder.file(name, &flipped);
            let most = crate::common::alloc::largest(|| drop(read(&format!("{path}{part}"), None)));
            assert!(most <= 64 << 20, "{name}, byte {at}: {most} bytes");
        }
    }
}
