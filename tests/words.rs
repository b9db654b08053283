//! Word vectors: text with or without a first line of counts, tokens of any kind, and word2vec's binary format.

use crate::formats::{Folder, fails, gzip, options, read, values};
use hullscope::rows::{Choice, Element, OpenOptions, Rows};

/// The ids and the values of a file.
#[track_caller]
fn of(folder: &Folder, name: &str, bytes: &[u8]) -> (Vec<String>, Vec<f64>) {
    let rows = read(&folder.file(name, bytes), &options()).unwrap();
    (ids(&*rows), values(&*rows))
}

fn ids(rows: &dyn Rows) -> Vec<String> {
    let known = rows.provenance().unwrap();
    let ids = (0..rows.len() as u64).filter_map(|row| known.id(row));
    ids.map(String::from).collect()
}

#[test]
fn tokens_of_any_kind_become_ids() {
    let folder = Folder::new();
    let lines = "the 0.5 -1 2e-1\n, 1 2 3\nNew York 1 2 4\n1984 3 2 1\nroute 66 7 8 9\n# 0 0 1\n\" 0 1 0\nnan 1 0 0\nkönig 5 5 5\n";
    let tokens = [
        "the", ",", "New York", "1984", "route 66", "#", "\"", "nan", "könig",
    ];
    let numbers = [
        0.5, -1.0, 0.2, 1.0, 2.0, 3.0, 1.0, 2.0, 4.0, 3.0, 2.0, 1.0, 7.0, 8.0, 9.0, 0.0, 0.0, 1.0,
        0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 5.0, 5.0, 5.0,
    ];
    // fastText ends lines with a blank and starts with a line of counts.
    let ended = lines.replace('\n', " \n");
    for text in [
        lines.into(),
        lines.replace('\n', "\r\n"),
        format!("9 3\n{ended}"),
    ] {
        for name in ["glove.txt", "x.vec", "x"] {
            let (ids, values) = of(&folder, name, text.as_bytes());
            assert_eq!(
                (ids, values),
                (tokens.map(String::from).to_vec(), numbers.to_vec())
            );
        }
    }
    let (ids, _) = of(&folder, "x.vec.gz", &gzip(lines.as_bytes()));
    assert_eq!(ids.len(), 9);
    let rows = read(&folder.file("x.vec", lines.as_bytes()), &options()).unwrap();
    let said: Vec<String> = rows.provenance().unwrap().said().collect();
    assert!(said.join("\n").contains("tokens are the ids"), "{said:?}");
    assert!(said.join("\n").contains("ids from token"), "{said:?}");
}

#[test]
fn numbers_alone_are_words_only_under_a_first_line_that_says_so() {
    let folder = Folder::new();
    // Written by node2vec.
    let nodes = b"3 2\n7 0.5 1.5\n12 2.5 3.5\n3 4.5 5.5\n";
    let (ids, numbers) = of(&folder, "nodes.emb", nodes);
    assert_eq!(ids, ["7", "12", "3"]);
    assert_eq!(numbers, [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]);
    // Written by numpy.savetxt, also with blanks before unsigned numbers.
    for (text, expected) in [
        ("3 2\n7 0.5\n12 2.5\n", vec![3.0, 2.0, 7.0, 0.5, 12.0, 2.5]),
        (" 0.5 -1.5\n-2.5  3.5\n", vec![0.5, -1.5, -2.5, 3.5]),
        (
            " 0.5 -1.5 2\n 2.5 -3.5 3\n",
            vec![0.5, -1.5, 2.0, 2.5, -3.5, 3.0],
        ),
    ] {
        let (ids, numbers) = of(&folder, "x.txt", text.as_bytes());
        assert_eq!((ids.len(), numbers), (0, expected), "{text}");
    }
}

#[test]
fn tables_stay_tables() {
    let folder = Folder::new();
    for (text, expected) in [
        ("name x y\nada 1 2\nbob 3 4\n", &[1.0, 2.0, 3.0, 4.0][..]),
        ("\"ada\" 1 2\n\"bob\" 3 4\n", &[1.0, 2.0, 3.0, 4.0]),
        ("ada,1,2\nbob,3,4\n", &[1.0, 2.0, 3.0, 4.0]),
        ("ada\t1 2.5\nbob\t3.5 4.5\n", &[1.0, 2.5, 3.5, 4.5]),
    ] {
        let path = folder.file("x.csv", text.as_bytes());
        let rows = read(&path, &options()).unwrap();
        assert_eq!(
            (ids(&*rows), values(&*rows)),
            (Vec::new(), expected.to_vec()),
            "{text}"
        );
    }
    // If the user selects columns, lines of words are read as a table.
    let path = folder.file("x.txt", b"ada 1 2\nbob 3 4\n");
    let choice = Choice {
        label: Some("0".into()),
        ..Choice::default()
    };
    let rows = read(
        &path,
        &OpenOptions {
            choice,
            ..options()
        },
    )
    .unwrap();
    assert_eq!(values(&*rows), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(rows.provenance().unwrap().label(1), Some("bob"));
}

#[test]
fn lying_first_lines_and_uneven_lines() {
    let folder = Folder::new();
    let fails = |text: &str, parts: &[&str]| {
        fails(&folder.file("x.vec", text.as_bytes()), &options(), parts);
    };
    let lines = "ada 1 2 3\nbob 3 4 5\neve 5 6 7\n";
    fails(
        &format!("4 3\n{lines}"),
        &["line 1", "says 4 rows", "holds 3"],
    );
    fails(
        &format!("2 3\n{lines}"),
        &["line 1", "says 2 rows", "holds 3"],
    );
    fails(
        &format!("3 4\n{lines}"),
        &["line 1", "has 4 numbers", "end in 3"],
    );
    fails(
        &format!("3 2\n{lines}"),
        &["line 1", "has 2 numbers", "end in 3"],
    );
    fails("18446744073709551615 3\nada 1 2 3\n", &["holds 1"]);
    let short = format!("{lines}mia 7 8\n");
    fails(&short, &["line 4", "ends in 2 numbers", "--skip-nonfinite"]);
    fails(
        &format!("{lines}mia 7 x 8\n"),
        &["line 4", "ends in 1 numbers"],
    );
    fails(
        &format!("{lines}mia 0.5 7 8 9\n"),
        &["line 4", "more than 3 numbers"],
    );
    fails(&format!("{lines}mia 7 8 inf\n"), &["inf"]);
    let skip = OpenOptions {
        skip_nonfinite: true,
        ..options()
    };
    let path = folder.file("x.vec", format!("ann 0 0 0\nmia 7 8\n{lines}").as_bytes());
    let rows = read(&path, &skip).unwrap();
    assert_eq!(
        values(&*rows),
        [0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 3.0, 4.0, 5.0, 5.0, 6.0, 7.0]
    );
    assert_eq!(rows.provenance().unwrap().id(rows.number(1)), Some("ada"));
}

#[test]
fn the_binary_form_of_word2vec() {
    let folder = Folder::new();
    let file = |first: &str, end: &[u8]| {
        let mut bytes = first.as_bytes().to_vec();
        for (token, row) in [("the", [0.5f32, -1.0]), ("könig", [f32::MIN_POSITIVE, 3e9])] {
            bytes.extend_from_slice(token.as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(&row.map(f32::to_le_bytes).concat());
            bytes.extend_from_slice(end);
        }
        bytes
    };
    let expected = [0.5, -1.0, f64::from(f32::MIN_POSITIVE), 3e9];
    for end in [&b"\n"[..], b""] {
        let rows = read(&folder.file("x.bin", &file("2 2\n", end)), &options()).unwrap();
        assert_eq!(rows.element(), Element::F32);
        assert_eq!(
            (ids(&*rows), values(&*rows)),
            (vec!["the".into(), "könig".into()], expected.to_vec())
        );
    }
    for (first, parts) in [
        ("9 2\n", &["9 rows", "the file has"][..]),
        ("3 2\n", &["row 2", "token does not end"]),
        ("18446744073709551615 2\n", &["18446744073709551615 rows"]),
        ("2 4000000000\n", &["4000000000 numbers"]),
        ("1 2\n", &["goes on after the 1 rows"]),
        ("1 5\n", &["goes on"]),
    ] {
        fails(
            &folder.file("x.bin", &file(first, b"\n")),
            &options(),
            parts,
        );
    }
    let whole = file("2 2\n", b"");
    for cut in 5..whole.len() {
        let path = folder.file("x.bin", &whole[..cut]);
        assert!(read(&path, &options()).is_err(), "cut to {cut} bytes");
    }
}

#[test]
fn what_gensim_writes() {
    let quarter: Vec<f64> = (0..12).map(|i| f64::from(i) / 4.0 - 1.0).collect();
    let of = |name: &str| {
        let path = format!("{}/tests/data/texts/{name}", env!("CARGO_MANIFEST_DIR"));
        read(&path, &options())
    };
    let words = ["the", "New York", "1984", ","].map(String::from);
    let nodes = ["0", "1", "2", "3"].map(String::from);
    for (name, tokens) in [
        ("words.vec", &words[..]),
        ("glove.txt", &words),
        ("nodes.vec", &nodes),
        ("nodes.bin", &nodes),
        ("savetxt.txt", &[]),
    ] {
        let rows = of(name).unwrap();
        assert_eq!(
            (ids(&*rows), values(&*rows)),
            (tokens.to_vec(), quarter.clone()),
            "{name}"
        );
    }
    let error = of("fasttext.bin").err().unwrap().to_string();
    assert!(error.contains("load_facebook_vectors('"), "{error}");
}
