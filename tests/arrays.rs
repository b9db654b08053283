//! Arrays by name in files of scientific formats: HDF5 as h5py, AnnData and MATLAB write it.

use crate::common::alloc::largest;
use crate::formats::{Folder, fails, options, read, values};

fn data(name: &str) -> String {
    format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The contents of most arrays in the files: 4 x 3, from -1 in steps of a quarter.
fn quarters() -> Vec<f64> {
    (0..12).map(|i| f64::from(i) / 4.0 - 1.0).collect()
}

#[track_caller]
fn is(name: &str, rows: usize, expected: &[f64]) {
    let read = read(&data(name), &options()).unwrap();
    assert_eq!(
        (read.len(), read.len() * read.dim()),
        (rows, expected.len()),
        "{name}"
    );
    assert_eq!(values(&*read), expected, "{name}");
}

#[test]
fn hdf5_of_every_type_and_layout() {
    let x = quarters();
    for name in [
        "plain", "/plain", "big", "half", "bfloat", "packed", "growing",
    ] {
        is(&format!("layouts.h5:{name}"), 4, &x);
    }
    let by = |scale: f64, more: f64| x.iter().map(|v| v * scale + more).collect::<Vec<f64>>();
    is("layouts.h5:integers", 4, &by(4.0, 0.0));
    is("layouts.h5:bytes", 4, &by(4.0, 4.0));
    let positive: Vec<f64> = x.iter().map(|&v| f64::from(v > 0.0)).collect();
    is("layouts.h5:yes", 4, &positive);
    is("layouts.h5:axes", 2, &x);
    is("layouts.h5:line", 3, &x[..3]);
    is("layouts.h5:missing", 4, &[&x[..6], &[7.5; 6]].concat());
}

#[test]
fn hdf5_that_is_no_table_of_numbers_is_refused_by_what_it_is() {
    for (name, part) in [
        (":text", "text"),
        (":records", "compound"),
        (":number", "single number"),
        (":vast", "claims 3377699720527872 bytes"),
        (":plan", "did you mean plain"),
        ("", "packed [4, 3]"),
    ] {
        fails(
            &format!("{}{name}", data("layouts.h5")),
            &options(),
            &[part],
        );
    }
}

#[test]
fn hdf5_through_the_filters_of_h5py_and_hdf5plugin() {
    let wide: Vec<f64> = (0..640).map(|i| f64::from(i) / 4.0 - 1.0).collect();
    for name in [
        "lzf",
        "lzf-shuffle",
        "blosc-blosclz",
        "blosc-lz4",
        "blosc-zlib",
        "blosc-zstd",
        "blosc-bits",
        "lz4",
        "zstd",
        "bzip2",
    ] {
        is(&format!("filters.h5:{name}"), 40, &wide);
    }
    for (name, part) in [
        ("bitshuffle", "the filter bitshuffle"),
        ("blosc2", "the filter Blosc2"),
        ("twice", "packed twice"),
    ] {
        let convert = format!("['{name}'][:])");
        let parts = [part, "import hdf5plugin", convert.as_str()];
        fails(&data(&format!("filters.h5:{name}")), &options(), &parts);
    }
}

#[test]
fn hdf5_is_read_in_several_slabs() {
    // Seven chunks of 7,000 rows are the smallest number to exceed a MiB, so the rows are read in slabs of 70,000 and 30,000.
    let expected: Vec<f64> = (0..100_000 * 16)
        .map(|i| f64::from((i / 16 + i % 16) % 251))
        .collect();
    is("layouts.h5:slabs", 100_000, &expected);
    let mut some = options();
    some.limit = Some(80_000);
    let rows = read(&data("layouts.h5:slabs"), &some).unwrap();
    assert_eq!(values(&*rows), expected[..80_000 * 16]);
    // With hardly any memory no whole chunk fits, and slabs end inside of them.
    let small = hullscope::rows::OpenOptions {
        memory: 300_000,
        ..options()
    };
    let rows = read(&data("layouts.h5:slabs"), &small).unwrap();
    assert_eq!(values(&*rows), expected);
}

#[test]
fn annotated_matrices_by_path() {
    is("annotated.h5ad:obsm/X_pca", 4, &quarters());
    // The only two-dimensional array in the file beside lists, names and the parts of a sparse matrix.
    is("annotated.h5ad", 4, &quarters());
    fails(
        &data("annotated.h5ad:X"),
        &options(),
        &["sparse", "toarray"],
    );
}

#[test]
fn rows_of_matlab_are_matlabs_rows() {
    is("matlab.mat:x", 4, &quarters());
    is("matlab.mat:cube", 2, &quarters());
    let rows = read(&data("matlab.mat:x"), &options()).unwrap();
    let notes = &rows.provenance().unwrap().notes;
    assert!(
        notes
            .iter()
            .any(|note| note.contains("MATLAB's rows, 4 of 3 numbers")),
        "{notes:?}"
    );
    fails(&data("matlab.mat:name"), &options(), &["MATLAB's char"]);
}

/// A file cut anywhere is an error. A file with any bit flipped is an error or gives numbers: no panic, no large allocation.
#[test]
fn broken_hdf5_is_survived() {
    let folder = Folder::new();
    for (name, part) in [
        ("layouts.h5", ":packed"),
        ("filters.h5", ":blosc-bits"),
        ("filters.h5", ":blosc-blosclz"),
        ("filters.h5", ":lzf"),
        ("filters.h5", ":lz4"),
        ("annotated.h5ad", ":obsm/X_pca"),
        ("matlab.mat", ":x"),
    ] {
        let whole = std::fs::read(data(name)).unwrap();
        let step = (whole.len() / 400).max(1);
        for at in (0..whole.len()).step_by(step) {
            let path = folder.file(name, &whole[..at]);
            let outcome = read(&format!("{path}{part}"), &options());
            assert!(outcome.is_err(), "{name} cut to {at}");
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            let path = folder.file(name, &flipped);
            let most = largest(|| drop(read(&format!("{path}{part}"), &options())));
            assert!(most <= 64 << 20, "{name}, byte {at}: {most} bytes");
        }
    }
}
