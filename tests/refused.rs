//! File formats that are recognised but not read: each is refused with the command that converts it, and files that
//! only look similar are not refused.

use crate::common::alloc::largest;
use crate::formats::{
    Folder, encode, fails, gzip, idx, npy, npz, options, read, safetensors, values,
};
use hullscope::rows::{Element, OpenOptions};
use zip::CompressionMethod::{Deflated, Stored};

/// A block of a tar archive that holds one empty file, by the POSIX description.
fn tar() -> Vec<u8> {
    let mut block = vec![0; 1024];
    block[..5].copy_from_slice(b"a.csv");
    block[257..263].copy_from_slice(b"ustar\0");
    block
}

#[test]
fn what_is_not_read_is_refused_with_the_line_that_converts_it() {
    let folder = Folder::new();
    let duckdb = [&[7; 8][..], b"DUCK", &64u64.to_le_bytes(), &[0; 40]].concat();
    let workbook = npz(&[("xl/workbook.xml", b"<workbook/>")], Stored);
    let cases: [(&str, &[u8], &[&str]); 28] = [
        (
            "x.feather",
            b"FEA1rest",
            &["Feather version 1", "write_feather"],
        ),
        (
            "x.lance",
            b"pages\x02\0\x01\0LANC",
            &["Lance", "lance.dataset("],
        ),
        (
            "cc.en.300.bin",
            b"\xba\x16\x4f\x2f\x0c\0\0\0",
            &["fastText", "load_facebook_vectors('", "cc.en.300.bin"],
        ),
        (
            "x.orc",
            b"ORC\x0a\x03ORC\x17",
            &["ORC", "read_table('", "x.orc"],
        ),
        (
            "x.pkl",
            b"\x80\x04\x95\x02\0\0\0\0\0\0\0K\x01.",
            &["pickle", "pickle.load(open('", "x.pkl"],
        ),
        ("x.dat", b"\x80\x02]q\x00.", &["pickle", "never loaded"]),
        ("y.dat", b"\x80\x05N.", &["pickle", "never loaded"]),
        (
            "x.csv",
            b"ccopy_reg\n_reconstructor\n",
            &["pickle", "never loaded"],
        ),
        (
            "x.npy",
            b"\x80\x03cnumpy.core.multiarray\n_reconstruct\n",
            &["pickle", "never loaded"],
        ),
        (
            "x.joblib",
            b"\x80\x03cjoblib.numpy_pickle\nNumpyArrayWrapper\n",
            &["joblib.load('", "x.joblib"],
        ),
        (
            "z.joblib",
            b"\x78\x5e\x01\x02\x03",
            &["joblib.load('", "z.joblib"],
        ),
        (
            "x.pt",
            b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.",
            &[
                "before version 1.6",
                "torch.save(torch.load('",
                "weights_only=True",
            ],
        ),
        (
            "x.gguf",
            b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0",
            &["GGUF", "dequantize"],
        ),
        (
            "x.parquet",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            &["git LFS", "git lfs pull"],
        ),
        (
            "y.parquet",
            b"<!DOCTYPE html>\n<html>",
            &["web page", "curl -L"],
        ),
        (
            "y.csv",
            b"\xef\xbb\xbf\r\n <HTML lang=en>",
            &["web page", "curl -L"],
        ),
        ("y.npy", b"\n<!doctype HTML>", &["web page", "curl -L"]),
        ("x.tar", &tar(), &["tar archive", "tar -xf", "x.tar"]),
        (
            "x.tar.gz",
            &gzip(&tar()),
            &["tar archive", "gzip", "tar -xf", "x.tar.gz"],
        ),
        (
            "y.joblib",
            &gzip(b"\x80\x03cjoblib.numpy_pickle\n"),
            &["joblib.load('", "y.joblib'"],
        ),
        ("x.tgz", &gzip(&tar()), &["tar archive", "gzip", "x.tgz"]),
        (
            "x.pkl.gz",
            &gzip(b"\x80\x04N."),
            &["pickle", "gzip", "unpack it first", "x.pkl'"],
        ),
        (
            "x.db",
            b"SQLite format 3\0\x10\0",
            &["SQLite", "sqlite3 -header -csv"],
        ),
        ("x.duckdb", &duckdb, &["DuckDB", "COPY (FROM name)"]),
        ("x.xlsx", &workbook, &["Excel", "pandas.read_excel('"]),
        (
            "x.mat",
            b"MATLAB 5.0 MAT-file, Platform: GLNXA64",
            &["MATLAB file of version 5", "scipy.io.loadmat('"],
        ),
        (
            "name with blanks.db",
            b"SQLite format 3\0",
            &["-csv FILE 'SELECT"],
        ),
        ("$(echo).db", b"SQLite format 3\0", &["-csv FILE 'SELECT"]),
    ];
    for (name, bytes, parts) in cases {
        fails(&folder.file(name, bytes), &options(), parts);
    }
}

#[test]
fn sparse_matrices_and_folders_of_lance_are_refused_with_the_line_that_converts_them() {
    let folder = Folder::new();
    let array = npy(
        1,
        "'<f8'",
        "False",
        "(1,)",
        &encode(Element::F64, &[2.5], false),
    );
    let names = [
        "indices.npy",
        "indptr.npy",
        "format.npy",
        "shape.npy",
        "data.npy",
    ];
    let members = names.map(|name| (name, &array[..]));
    let path = folder.file("x.npz", &npz(&members, Deflated));
    fails(
        &path,
        &options(),
        &["sparse", "scipy.sparse.load_npz('", "x.npz').toarray()"],
    );
    let rows = read(&format!("{path}:data"), &options()).unwrap();
    assert_eq!(values(&*rows), [2.5]);
    // Without one of the members it is an ordinary archive of arrays.
    let path = folder.file("y.npz", &npz(&members[1..4], Deflated));
    fails(&path, &options(), &["several arrays"]);

    folder.file("set/_versions/1.manifest", b"LANC");
    folder.file("set/data/0.lance", b"LANC");
    fails(
        &folder.path("set"),
        &options(),
        &["Lance", "lance.dataset('", "set')"],
    );
}

/// Folders of Parquet files with a log of the valid ones: reading all files would bring deleted rows back.
#[test]
fn tables_whose_log_says_which_files_count_are_refused() {
    let folder = Folder::new();
    let rows = npy(
        1,
        "'<f8'",
        "False",
        "(1, 1)",
        &encode(Element::F64, &[1.0], false),
    );
    folder.file("delta/part-0.npy", &rows);
    folder.file("delta/_delta_log/00000000000000000000.json", b"{}");
    folder.file("ice/data/part-0.npy", &rows);
    folder.file("ice/metadata/00000-a.metadata.json", b"{}");
    fails(
        &folder.path("delta"),
        &options(),
        &["Delta Lake", "deltalake.DeltaTable('", "delta')"],
    );
    fails(
        &folder.path("ice"),
        &options(),
        &["Iceberg", "StaticTable", "ice/metadata/"],
    );
    // Folders that merely have such a name.
    folder.file("plain/metadata/notes.txt", b"words");
    folder.file("plain/a.npy", &rows);
    assert_eq!(read(&folder.path("plain"), &options()).unwrap().len(), 1);
}

/// Text and lengths that begin like a magic number.
#[test]
fn what_only_looks_like_another_format_is_read() {
    let folder = Folder::new();
    for (name, head) in [
        ("orc.csv", "ORC,b"),
        ("gguf.csv", "GGUF,b"),
        ("duck.csv", "nam,ids,DUCK"),
        ("zlib.csv", "x^2,b"),
    ] {
        let numbers = vec!["1"; head.split(',').count()].join(",");
        let path = folder.file(name, format!("{head}\n{numbers}\n{numbers}\n").as_bytes());
        assert_eq!(read(&path, &options()).unwrap().len(), 2, "{name}");
    }
    // A header of 640 to 1,408 bytes has a length whose bytes begin like a pickle.
    for length in [640, 896, 1152, 1408] {
        let mut header = r#"{"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}"#.to_string();
        header += &" ".repeat(length - header.len());
        let body = encode(Element::F32, &[1.0, 2.0], false);
        let path = folder.file("x.safetensors", &safetensors(&header, &body));
        assert_eq!(
            values(&*read(&path, &options()).unwrap()),
            [1.0, 2.0],
            "{length}"
        );
    }
    // Rows of 640 numbers, and counts of numbers or rows whose bytes equal the signatures of gzip and of pickles.
    for signature in [
        *b"\x80\x02\0\0",
        *b"\x1f\x8b\0\0",
        *b"\x1f\x8b\x08\0",
        *b"\x80\x02]\0",
    ] {
        let count = u32::from_le_bytes(signature) as usize;
        let body = encode(Element::F32, &vec![0.5; count], false);
        let path = folder.file("x.fvecs", &[&signature[..], &body].concat());
        let rows = read(&path, &options()).unwrap();
        assert_eq!((rows.len(), rows.dim()), (1, count), "{signature:02x?}");
        let path = folder.file(
            "x.fbin",
            &[&signature[..], &1u32.to_le_bytes(), &body].concat(),
        );
        let rows = read(&path, &options()).unwrap();
        assert_eq!((rows.len(), rows.dim()), (count, 1), "{signature:02x?}");
    }
}

/// The sizes in an archive are checked before anything is written; a stream stops at the limit. Neither uses much memory.
#[test]
fn what_unpacks_to_more_than_a_spool_file_may_take_is_refused() {
    let folder = Folder::new();
    let count = 8 << 20;
    let array = npy(
        1,
        "'|u1'",
        "False",
        &format!("({count}, 1)"),
        &vec![0; count],
    );
    let options = OpenOptions {
        spool: Some(1 << 20),
        ..options()
    };
    for (name, bytes, claim) in [
        ("x.npz", npz(&[("a.npy", &array)], Deflated), array.len()),
        ("x.npy.gz", gzip(&array), 1 << 20),
    ] {
        let path = folder.file(name, &bytes);
        let said = format!("{claim} bytes");
        let most = largest(|| {
            fails(
                &path,
                &options,
                &["unpack", &said, "1048576 bytes", "--spool"],
            )
        });
        assert!(most <= 1 << 20, "{name}: {most} bytes at once");
        let enough = OpenOptions {
            spool: Some(16 << 20),
            ..options.clone()
        };
        assert_eq!(read(&path, &enough).unwrap().len(), count, "{name}");
    }
}

#[test]
fn files_without_rows_add_none_to_a_set_of_several() {
    let folder = Folder::new();
    let body = encode(Element::F32, &[1.0, 2.0], false);
    folder.file("set/0.npy", &npy(1, "'<f8'", "False", "(0, 2)", b""));
    folder.file("set/1.npy", &npy(1, "'<f4'", "False", "(1, 2)", &body));
    folder.file("set/2.npy", &npy(1, "'<f8'", "False", "(0,)", b""));
    folder.file("set/3.npy", &npy(1, "'<f4'", "False", "(1, 2)", &body));
    let rows = read(&folder.path("set"), &options()).unwrap();
    assert_eq!(values(&*rows), [1.0, 2.0, 1.0, 2.0]);
    let about = rows.provenance().unwrap();
    assert!(
        about
            .notes
            .iter()
            .any(|note| note.starts_with("2 files hold no rows")),
        "{:?}",
        about.notes
    );
    fails(
        &folder.path("set/0.npy"),
        &options(),
        &["no axis may be zero"],
    );
    folder.file("bins/0.fbin", &[0, 0, 0, 0, 2, 0, 0, 0]);
    folder.file(
        "bins/1.fbin",
        &[&[1, 0, 0, 0, 2, 0, 0, 0][..], &body].concat(),
    );
    assert_eq!(
        values(&*read(&folder.path("bins"), &options()).unwrap()),
        [1.0, 2.0]
    );
    let images = |count: u32, body: &[u8]| idx(0x08, &[count, 1, 2], body);
    folder.file("images/0-ubyte", &images(0, b""));
    folder.file("images/1-ubyte", &images(1, &[1, 2]));
    assert_eq!(
        values(&*read(&folder.path("images"), &options()).unwrap()),
        [1.0, 2.0]
    );
    fails(&folder.path("images/0-ubyte"), &options(), &["zero"]);
    folder.file("none/0.npy", &npy(1, "'<f8'", "False", "(0, 2)", b""));
    folder.file("none/1.npy", &npy(1, "'<f8'", "False", "(0, 2)", b""));
    fails(&folder.path("none"), &options(), &["no rows"]);
}

/// A fault is reported as a truncation only if the data end early.
#[test]
fn messages_blame_the_file_only_where_that_is_known() {
    let folder = Folder::new();
    let whole = gzip(&npy(1, "'|u1'", "False", "(3, 1)", &[1, 2, 3]));
    let cut = folder.file("x.npy.gz", &whole[..whole.len() - 9]);
    fails(&cut, &options(), &["ends early", "copy it again"]);
    let mut turned = whole.clone();
    let at = whole.len() - 6;
    turned[at] ^= 1;
    let path = folder.file("y.npy.gz", &turned);
    fails(&path, &options(), &["cannot be unpacked"]);
    // A zstd frame with a window of 2 GiB, as `zstd --long=31` writes it: it is intact, and refused because of its memory.
    let long = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00];
    let path = folder.file("z.npy.zst", &long);
    fails(&path, &options(), &["more memory", "unpack it beforehand"]);
}
