//! Text tables as people write them: decimal commas, quotes, comments, headers, blanks, compressed files.

use crate::formats::{Folder, fails, gzip, options, read, values};
use hullscope::rows::{Choice, OpenOptions};
use std::io::Write;
use std::process::{Command, Output, Stdio};

#[track_caller]
fn reads(text: &str, dim: usize, expected: &[f64]) {
    let folder = Folder::new();
    let path = folder.file("x.csv", text.as_bytes());
    let rows = read(&path, &options()).unwrap();
    assert_eq!(rows.dim(), dim, "{text}");
    assert_eq!(values(&*rows), expected, "{text}");
}

#[test]
fn numbers_as_other_programs_write_them() {
    let four = [1.5, 2.25, 3.5, 4.75];
    reads("a;b\n1,5;2,25\n3,5;4,75\n", 2, &four);
    reads("\"1.5\",\"2.25\"\n\"3.5\",\"4.75\"\n", 2, &four);
    reads("# made by hand\n1.5,2.25\n3.5,4.75\n", 2, &four);
    reads("\u{feff}a,b\r\n1.5,2.25\r\n3.5,4.75\r\n", 2, &four);
    reads("1.5e+00 2.25e+00\n3.5e+00 4.75e+00\n", 2, &four);
    reads(
        "a,b\n\"1,234.5\",1.5\n\"2,345.5\",2.5\n",
        2,
        &[1234.5, 1.5, 2345.5, 2.5],
    );
}

#[test]
fn headers_are_no_rows() {
    let four = [1.5, 2.25, 3.5, 4.75];
    reads("0,1\n1.5,2.25\n3.5,4.75\n", 2, &four);
    reads("x,y\n1.5,2.25\n3.5,4.75\n", 2, &four);
    reads(",x,y\n0,1.5,2.25\n1,3.5,4.75\n", 2, &four);
    reads("x,name,y\n1.5,ada,2.25\n3.5,bob,4.75\n", 2, &four);
    reads("id,v\na,\"[1.5, 2.25]\"\nb,\"[3.5, 4.75]\"\n", 2, &four);
}

#[test]
fn packed_tables_and_pipes_are_read_as_the_table_in_them() {
    let folder = Folder::new();
    let text = b"x,y\n1.5,2.25\n3.5,4.75\n";
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
    bzip2.write_all(text).unwrap();
    let packed = [
        ("t.csv.gz", gzip(text)),
        ("t.csv.zst", zstd::encode_all(&text[..], 3).unwrap()),
        ("t.csv.bz2", bzip2.finish().unwrap()),
        ("t.csv.xz", XZ.to_vec()),
    ];
    for (name, bytes) in packed {
        let path = folder.file(name, &bytes);
        let rows = read(&path, &options()).unwrap();
        assert_eq!(values(&*rows), [1.5, 2.25, 3.5, 4.75], "{name}");
        let half = folder.file("half", &bytes[..bytes.len() / 2]);
        assert!(read(&half, &options()).is_err(), "half of {name}");
    }
    let path = folder.file("t.csv", text);
    let output = piped(
        &folder,
        &["analyze", &path, "-", "--no-hull", "--json", "-"],
        text,
    );
    assert!(output.status.success(), "{output:?}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["leakage"]["repeats"], 2);
    let output = piped(&folder, &["analyze", "-", "-", "--no-hull"], text);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("more than one set"), "{said}");
}

#[test]
fn cells_without_a_number_are_named_or_skipped_and_ids_are_kept() {
    let folder = Folder::new();
    let path = folder.file("t.csv", b"name,x,y\nada,1.5,2.5\nbob,,1.5\neve,3.5,4.5\n");
    fails(&path, &options(), &["line 3", "--skip-nonfinite"]);
    let skip = OpenOptions {
        skip_nonfinite: true,
        choice: Choice {
            id: Some("name".into()),
            ..Choice::default()
        },
        ..options()
    };
    let rows = read(&path, &skip).unwrap();
    assert_eq!(values(&*rows), [1.5, 2.5, 3.5, 4.5]);
    let number = rows.number(1);
    assert_eq!(
        (number, rows.provenance().unwrap().id(number)),
        (2, Some("eve"))
    );
}

#[test]
fn shards_of_text_are_matched_by_name() {
    let folder = Folder::new();
    folder.file("set/1.csv", b"x,y\n1.5,2.5\n");
    folder.file("set/2.csv", b"y,x\n4.5,3.5\n");
    let rows = read(&folder.path("set"), &options()).unwrap();
    assert_eq!(values(&*rows), [1.5, 2.5, 3.5, 4.5]);
}

/// When JSON was read as a table of text, the second number of each vector became the whole row.
#[test]
fn json_is_no_table_of_text() {
    let folder = Folder::new();
    let lines = b"{\"id\":1,\"v\":[1,2,3]}\n{\"id\":2,\"v\":[4,5,6]}\n";
    for (name, text) in [
        ("t.jsonl", &lines[..]),
        ("t.txt", lines),
        ("t.csv", b" [[1, 2, 3], [4, 5, 6]]"),
        ("u.csv", b"[1, 2, 3]\n[4, 5, 6]\n"),
    ] {
        let rows = read(&folder.file(name, text), &options()).unwrap();
        assert_eq!(values(&*rows), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "{name}");
    }
    let vectors = folder.file("cells.csv", b"\"[1.5, 2]\"\n\"[3, 4]\"\n");
    assert_eq!(
        values(&*read(&vectors, &options()).unwrap()),
        [1.5, 2.0, 3.0, 4.0]
    );
}

/// Run the program with this on its standard input.
pub fn piped(folder: &Folder, words: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hullscope"))
        .env("HULLSCOPE_BACKEND", "cpu")
        .current_dir(folder.path(""))
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its options may end before it reads its input.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// The table above as Python 3.11's `lzma.compress` packs it.
const XZ: [u8; 80] = [
    253, 55, 122, 88, 90, 0, 0, 4, 230, 214, 180, 70, 2, 0, 33, 1, 22, 0, 0, 0, 116, 47, 229, 163,
    1, 0, 21, 120, 44, 121, 10, 49, 46, 53, 44, 50, 46, 50, 53, 10, 51, 46, 53, 44, 52, 46, 55, 53,
    10, 0, 0, 0, 255, 130, 210, 190, 214, 153, 177, 120, 0, 1, 46, 22, 86, 9, 85, 223, 31, 182,
    243, 125, 1, 0, 0, 0, 0, 4, 89, 90,
];
