//! Zarr arrays written by zarr-python 2 and 3 and AnnData, in folders and in zip archives, and folders with false metadata.

use crate::common::alloc::largest;
use crate::formats::{Folder, fails, options, read, values};
use hullscope::rows::Element;
use std::io::Read;
use std::path::Path;

fn data(name: &str) -> String {
    format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The contents of the small arrays: 4 x 3, from -1 in steps of a quarter; and of the wide ones, 40 x 16, which
/// continue the sequence.
fn quarters(count: i32) -> Vec<f64> {
    (0..count).map(|i| f64::from(i) / 4.0 - 1.0).collect()
}

/// Unpack an archive of the samples into a folder of this name.
fn unpack(archive: &str, folder: &Folder, name: &str) -> String {
    let file = std::fs::File::open(data(archive)).unwrap();
    let mut archive = zip::ZipArchive::new(file).unwrap();
    for place in 0..archive.len() {
        let mut member = archive.by_index(place).unwrap();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        let path = format!("{name}/{}", member.name().unwrap());
        folder.file(&path, &bytes);
    }
    folder.path(name)
}

#[track_caller]
fn is(spec: &str, rows: usize, expected: &[f64]) {
    let read = read(spec, &options()).unwrap();
    assert_eq!(
        (read.len(), read.len() * read.dim()),
        (rows, expected.len()),
        "{spec}"
    );
    assert_eq!(values(&*read), expected, "{spec}");
}

/// Asserts the contents of the arrays that both versions have, in a folder or an archive.
fn holds_what_both_have(root: &str) {
    let x = quarters(12);
    let by = |scale: f64, more: f64| x.iter().map(|v| v * scale + more).collect::<Vec<f64>>();
    for name in ["plain", "big", "half", "/plain"] {
        is(&format!("{root}:{name}"), 4, &x);
    }
    is(&format!("{root}:integers"), 4, &by(4.0, 0.0));
    is(&format!("{root}:bytes"), 4, &by(4.0, 4.0));
    let positive: Vec<f64> = x.iter().map(|&v| f64::from(v > 0.0)).collect();
    is(&format!("{root}:yes"), 4, &positive);
    is(&format!("{root}:axes"), 2, &x);
    is(&format!("{root}:line"), 3, &x[..3]);
    is(
        &format!("{root}:missing"),
        4,
        &[&x[..6], &[7.5; 6]].concat(),
    );
    is(&format!("{root}:void"), 4, &[-3.0; 12]);
    for (name, element) in [
        ("big", Element::F64),
        ("half", Element::F16),
        ("integers", Element::I16),
        ("yes", Element::Bool),
    ] {
        let rows = read(&format!("{root}:{name}"), &options()).unwrap();
        assert_eq!(rows.element(), element, "{root}:{name}");
    }
    let axes = read(&format!("{root}:axes"), &options()).unwrap();
    assert_eq!(axes.axes(), [2, 3]);
    let missing = read(&format!("{root}:missing"), &options()).unwrap();
    let notes = missing.provenance().unwrap().notes.join("; ");
    assert!(
        notes.contains("1 of 2 chunks were never written") && notes.contains("7.5"),
        "{notes}"
    );
    for (name, parts) in [
        (":text", &["text", "numpy.save", "['text']"][..]),
        (":plan", &["did you mean plain", "PATH:ARRAY"]),
        (
            "",
            &["several arrays", "plain [4, 3]", "packed/zlib [40, 16]"],
        ),
    ] {
        fails(&format!("{root}{name}"), &options(), parts);
    }
}

#[test]
fn version_2_of_every_type_and_layout() {
    let folder = Folder::new();
    for root in [data("zarr2.zip"), unpack("zarr2.zip", &folder, "x.zarr")] {
        holds_what_both_have(&root);
        for name in ["fortran", "slashes"] {
            is(&format!("{root}:{name}"), 4, &quarters(12));
        }
        for name in [
            "packed/gzip",
            "packed/zlib",
            "packed/zstd",
            "packed/bz2",
            "packed/lz4",
            "packed/lzma",
            "packed/shuffle",
            "blosc/blosclz",
            "blosc/lz4",
            "blosc/lz4hc",
            "blosc/zstd",
            "blosc/zlib",
            "blosc/blocks",
        ] {
            is(&format!("{root}:{name}"), 40, &quarters(640));
        }
        fails(
            &format!("{root}:delta"),
            &options(),
            &["\"delta\" is not read", "zarr.open(", "['delta'][:]"],
        );
        let shown = read(&format!("{root}:text"), &options()).err().unwrap();
        assert!(!shown.to_string().contains("blosc"), "{shown}");
    }
    // The path of an array or a group inside is a set as well.
    is(&folder.path("x.zarr/blosc/zstd"), 40, &quarters(640));
    is(&folder.path("x.zarr/blosc:zstd"), 40, &quarters(640));
    fails(
        &folder.path("x.zarr/plain:plain"),
        &options(),
        &["one array", "leave out the colon"],
    );
}

#[test]
fn version_3_of_every_type_and_layout() {
    let folder = Folder::new();
    for root in [data("zarr3.zip"), unpack("zarr3.zip", &folder, "x")] {
        holds_what_both_have(&root);
        for name in ["usual", "turned", "dots", "checked"] {
            is(&format!("{root}:{name}"), 4, &quarters(12));
        }
        for name in [
            "packed/bz2",
            "packed/lz4",
            "packed/zlib",
            "shards/end",
            "shards/start",
            "shards/turned",
        ] {
            is(&format!("{root}:{name}"), 40, &quarters(640));
        }
        let missing = [&quarters(80)[..], &[7.5; 560]].concat();
        is(&format!("{root}:shards/missing"), 40, &missing);
    }
}

#[test]
fn annotated_matrices_in_zarr() {
    let folder = Folder::new();
    let roots = [
        data("annotated.zarr.zip"),
        format!(
            "{}/annotated.zarr",
            unpack("annotated.zarr.zip", &folder, "x")
        ),
    ];
    for root in roots {
        is(&format!("{root}:obsm/X_pca"), 4, &quarters(12));
        // The only two-dimensional array beside lists of names and a sparse matrix.
        is(&root, 4, &quarters(12));
        fails(&format!("{root}:X"), &options(), &["sparse", "toarray"]);
    }
}

#[test]
fn folders_and_patterns_of_arrays_are_one_set() {
    let folder = Folder::new();
    unpack("zarr3.zip", &folder, "parts/part-10.zarr");
    unpack("zarr2.zip", &folder, "parts/part-9.zarr");
    for spec in ["parts:plain", "parts/part-*.zarr:plain"] {
        let rows = read(&folder.path(spec), &options()).unwrap();
        assert_eq!(values(&*rows), quarters(12).repeat(2), "{spec}");
        let origin = rows.provenance().unwrap().file_row(4).unwrap();
        assert!(origin.file.ends_with("part-10.zarr"), "{}", origin.file);
    }
    let lines = read(&folder.path("parts:line"), &options()).unwrap();
    assert_eq!((lines.len(), lines.dim()), (2, 3));
}

#[test]
fn rows_are_read_in_slabs_whatever_the_chunks() {
    let folder = Folder::new();
    // 3,001 rows of 101 numbers: a slab is about a MiB, so there are several slabs, and no chunk ends with a slab.
    let value = |row: u64, column: u64| ((row * 101 + column) % 60_000) as u16;
    let expected: Vec<f64> = (0..3001 * 101)
        .map(|i| f64::from(value(i / 101, i % 101)))
        .collect();
    for (chunk, name) in [
        ([700, 40], "wide"),
        ([3001, 1], "columns"),
        ([1, 101], "rows"),
    ] {
        let metadata = format!(
            r#"{{"zarr_format": 2, "shape": [3001, 101], "chunks": {chunk:?}, "dtype": ">u2", "compressor": null,
                "filters": null, "fill_value": 0, "order": "C"}}"#
        );
        folder.file(&format!("{name}/.zarray"), metadata.as_bytes());
        for i in 0..3001u64.div_ceil(chunk[0]) {
            for j in 0..101u64.div_ceil(chunk[1]) {
                let numbers = (0..chunk[0] * chunk[1]).flat_map(|at| {
                    let (row, column) =
                        (i * chunk[0] + at / chunk[1], j * chunk[1] + at % chunk[1]);
                    value(row, column).to_be_bytes()
                });
                folder.file(&format!("{name}/{i}.{j}"), &numbers.collect::<Vec<u8>>());
            }
        }
        is(&folder.path(name), 3001, &expected);
        let mut some = options();
        some.limit = Some(1500);
        let rows = read(&folder.path(name), &some).unwrap();
        assert_eq!(values(&*rows), expected[..1500 * 101]);
    }
}

/// Metadata of version 2 with one part replaced.
fn version_2(part: &str, by: &str) -> String {
    let usual = r#"{"zarr_format": 2, "shape": [4, 3], "chunks": [2, 3], "dtype": "<f4", "compressor": null,
        "filters": null, "fill_value": 0, "order": "C"}"#;
    assert!(usual.contains(part), "{part}");
    usual.replace(part, by)
}

/// Metadata of version 3 with one part replaced.
fn version_3(part: &str, by: &str) -> String {
    let usual = r#"{"zarr_format": 3, "node_type": "array", "shape": [4, 3], "data_type": "float32",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 3]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}}, "fill_value": 0.0,
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}], "attributes": {}}"#;
    assert!(usual.contains(part), "{part}");
    usual.replace(part, by)
}

#[test]
fn metadata_that_are_not_read_are_refused_by_what_they_say() {
    let folder = Folder::new();
    let chunk: Vec<u8> = (0..6u8).flat_map(|i| f32::from(i).to_le_bytes()).collect();
    for key in ["0.0", "1.0", "c/0/0", "c/1/0"] {
        folder.file(&format!("x/{key}"), &chunk);
    }
    let path = folder.path("x");
    let six: Vec<f64> = (0..6).map(f64::from).collect();
    for (name, metadata) in [
        (".zarray", version_2("4", "4")),
        ("zarr.json", version_3("4", "4")),
    ] {
        folder.file(&format!("x/{name}"), metadata.as_bytes());
        is(&path, 4, &six.repeat(2));
    }
    for (part, by, told) in [
        ("\"float32\"", "\"complex64\"", "complex64"),
        ("\"regular\"", "\"rectilinear\"", "rectilinear"),
        ("\"default\"", "\"suffix\"", "suffix"),
        ("0.0", "\"x\"", "fill value"),
        ("\"bytes\"", "\"pcodec\"", "pcodec"),
        ("\"bytes\"", "\"vlen-utf8\"", "vlen-utf8"),
        (
            ", \"configuration\": {\"endian\": \"little\"}",
            "",
            "order of bytes",
        ),
        ("\"attributes\"", "\"mended_by\"", "mended_by"),
        (
            "\"attributes\": {}",
            "\"storage_transformers\": [{}]",
            "transformers",
        ),
        ("\"zarr_format\": 3", "\"zarr_format\": 4", "version 3"),
        ("[2, 3]", "[2]", "do not belong together"),
        ("[2, 3]", "[0, 3]", "do not belong together"),
        ("[2, 3]", "[2, -3]", "no list of numbers"),
        ("[4, 3]", "[4, 0]", "no axis may be zero"),
        ("[4, 3]", "[]", "do not belong together"),
        ("\"codecs\"", "\"codes\"", "codecs"),
    ] {
        folder.file("x/zarr.json", version_3(part, by).as_bytes());
        fails(&path, &options(), &[told]);
    }
    std::fs::remove_file(folder.path("x/zarr.json")).unwrap();
    for (part, by, told) in [
        ("\"<f4\"", "\"<c8\"", "<c8"),
        ("\"<f4\"", "[[\"a\", \"<f4\"]]", "several fields"),
        ("\"<f4\"", "\"|O\"", "objects of Python"),
        (
            "\"compressor\": null",
            "\"compressor\": {\"id\": \"zfpy\"}",
            "zfpy",
        ),
        ("\"C\"", "\"K\"", "order"),
    ] {
        folder.file("x/.zarray", version_2(part, by).as_bytes());
        fails(&path, &options(), &[told]);
    }
    folder.file("x/.zarray", b"{");
    fails(&path, &options(), &["no JSON"]);
}

/// Sizes in metadata are neither allocated nor written before the data is known to exist.
#[test]
fn claims_are_held_against_what_is_there() {
    let folder = Folder::new();
    folder.file("x/c/0/0", &[0; 24]);
    let path = folder.path("x");
    for (part, by, told) in [
        (
            "[4, 3]",
            "[1099511627776, 768]",
            "claims 3377699720527872 bytes",
        ),
        (
            "[4, 3]",
            "[18446744073709551615, 18446744073709551615]",
            "more than 2^64",
        ),
        ("[4, 3]", "[100000, 1000]", "1 of 16700000 chunks are there"),
        ("[2, 3]", "[1099511627776, 1024]", "more memory"),
        ("[2, 3]", "[18446744073709551615, 2]", "more memory"),
    ] {
        folder.file("x/zarr.json", version_3(part, by).as_bytes());
        let most = largest(|| fails(&path, &options(), &[told]));
        assert!(most < 1 << 20, "{by}: {most} bytes");
    }
    // A chunk that unpacks to more than one chunk, or has another size, or cannot be unpacked.
    let zstd = "\"codecs\": [{\"name\": \"bytes\", \"configuration\": {\"endian\": \"little\"}}, {\"name\": \"zstd\"}]";
    let plain = "\"codecs\": [{\"name\": \"bytes\", \"configuration\": {\"endian\": \"little\"}}]";
    let bomb = zstd::bulk::compress(&vec![0; 100 << 20], 3).unwrap();
    for (metadata, chunk, told) in [
        (version_3(plain, zstd), &bomb[..], "more than 24 bytes"),
        (version_3(plain, zstd), b"not packed at all", "unpacked"),
        (version_3(plain, plain), &[0; 23], "23 bytes instead of 24"),
        (version_3(plain, plain), &[0; 200_000], "200000 bytes"),
    ] {
        folder.file("x/zarr.json", metadata.as_bytes());
        folder.file("x/c/0/0", chunk);
        let most = largest(|| fails(&path, &options(), &[told, "c/0/0"]));
        assert!(most < 4 << 20, "{told}: {most} bytes");
    }
}

/// Every byte of metadata and chunks changed: an error or numbers, no panic, no large allocation.
#[test]
fn broken_arrays_are_survived() {
    let folder = Folder::new();
    let (old, new) = (
        unpack("zarr2.zip", &folder, "two"),
        unpack("zarr3.zip", &folder, "three"),
    );
    for (array, files) in [
        (format!("{old}/blosc/blosclz"), [".zarray", "0.0"]),
        (format!("{old}/blosc/blocks"), [".zarray", "0.0"]),
        (format!("{old}/packed/lz4"), [".zarray", "0.0"]),
        (format!("{new}/shards/start"), ["zarr.json", "c/0/0"]),
        (format!("{new}/turned"), ["zarr.json", "c/0/0"]),
    ] {
        for name in files {
            let path = Path::new(&array).join(name);
            let whole = std::fs::read(&path).unwrap();
            for at in (0..whole.len()).step_by((whole.len() / 150).max(1)) {
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << (at % 8);
                std::fs::write(&path, &flipped).unwrap();
                let most = largest(|| drop(read(&array, &options())));
                assert!(most <= 64 << 20, "{array}/{name}, byte {at}: {most} bytes");
                std::fs::write(&path, &whole[..at]).unwrap();
                let outcome = read(&array, &options());
                assert!(outcome.is_err(), "{array}/{name} cut to {at}");
            }
            std::fs::write(&path, &whole).unwrap();
        }
    }
}
