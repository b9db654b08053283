//! JSON and JSON Lines: where the rows are found, which fields are used, and messages about faults.

use crate::common::alloc::largest;
use crate::formats::{Folder, fails, gzip, options, read, values};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hullscope::rows::{Choice, Element, OpenOptions, Rows};
use std::fmt::Write;

const SIX: [f64; 6] = [1.5, 2.0, -3.0, 4.0, 5e-1, 6.0];

/// Asserts that a file with this name and text, and this member if any, holds the expected rows of three numbers.
#[track_caller]
fn reads(name: &str, text: &str, member: &str) -> Box<dyn Rows> {
    let folder = Folder::new();
    let path = folder.file(name, text.as_bytes());
    let rows = read(&format!("{path}{member}"), &options()).unwrap();
    assert_eq!((rows.len(), rows.dim()), (2, 3), "{text}");
    assert_eq!(values(&*rows), SIX, "{text}");
    let small = OpenOptions {
        memory: 0,
        ..options()
    };
    let spooled = read(&format!("{path}{member}"), &small).unwrap();
    assert_eq!(values(&*spooled), SIX, "{text}");
    rows
}

#[track_caller]
fn refuses(name: &str, text: &str, parts: &[&str]) {
    let folder = Folder::new();
    let path = folder.file(name, text.as_bytes());
    fails(&path, &options(), parts);
}

#[test]
fn lines_and_arrays_of_objects_and_of_lists() {
    let (a, b) = ("[1.5, 2, -3]", "[4, 0.5, 6.0e0]");
    for text in [
        format!("{{\"id\":\"a\",\"v\":{a}}}\n{{\"v\":{b},\"id\":\"b\"}}\n"),
        format!("{{\"v\":{a}}}{{\"v\":{b}}}"),
        format!("\u{feff}[{{\"v\":{a}}},\r\n {{\"v\":{b}}}]\n"),
        format!("[{a}, {b}]"),
        format!("\n {a}\n{b}"),
        format!("\u{1e}{{\"v\":{a}}}\n\u{1e}{{\"v\":{b}}}\n"),
        format!("{{\"n\": 1, \"train\": [{a}, {b}], \"s\": \"]\\\"[\"}}"),
        format!("{{\"a\": {{\"b\": {{\"c\": [{a}, {b}]}}}}}}"),
        format!("[{{\"meta\":{{\"v\":{a}}}}},{{\"meta\":{{\"v\":{b}}}}}]"),
        "[[[1.5, 2, -3]], [[4, 0.5, 6]]]".into(),
        "[[[1.5, 2, -3]]]\n[[[4, 0.5, 6]]]".into(),
        "{\"v\":\"[1.5, 2, -3]\"}\n{\"v\":\"[4, 0.5, 6]\"}".into(),
    ] {
        // Whatever the name of the file.
        for name in ["x.json", "x.jsonl", "x.txt", "x"] {
            // In a file named .jsonl, an object on one line is a row.
            if name == "x.jsonl" && text.starts_with(['{']) && !text.contains("}{") {
                let lines = text.lines().count();
                if lines == 1 {
                    continue;
                }
            }
            reads(name, &text, "");
        }
    }
}

/// Both texts start an array or object at byte 8, like the header of safetensors.
#[test]
fn eight_bytes_before_an_object_are_no_header_of_safetensors() {
    let text = "[       {\"v\": [1.5, 2, -3]}, {\"v\": [4, 0.5, 6]}]";
    assert_eq!(&text[8..10], "{\"");
    reads("x.json", text, "");
    reads("x", text, "");
}

#[test]
fn a_field_is_named_by_its_path() {
    let row = |v: &str| format!("{{\"a\":{{\"b\":{v},\"c\":[9,9]}},\"d\":[8]}}");
    let lines = format!("{}\n{}\n", row("[1.5,2,-3]"), row("[4,0.5,6]"));
    reads("x.jsonl", &lines, ":a.b");
    refuses(
        "x.jsonl",
        &lines,
        &[
            "several columns",
            "a.b: lists of 3 numbers",
            "a.c: lists of 2",
            "d: lists of 1",
            "FILE:COLUMN",
        ],
    );
    let both = "{\"train\": [[1.5,2,-3],[4,0.5,6]], \"test\": [[0,0,0]], \"ids\": [\"a\"]}";
    reads("x.json", both, ":train");
    refuses(
        "x.json",
        both,
        &["several arrays", "train, test", "FILE:NAME"],
    );
    let deep =
        "{\"r\": {\"data\": [{\"e\": [1.5,2,-3], \"f\": [1]}, {\"e\": [4,0.5,6], \"f\": [1]}]}}";
    reads("x.json", deep, ":e");
    reads("x.json", deep, ":r.data.e");
    reads("x.json", deep, ":r.data[].e");
    let folder = Folder::new();
    let path = folder.file("x.json", deep.as_bytes());
    fails(
        &format!("{path}:g"),
        &options(),
        &["no such column", "e, f"],
    );
}

#[test]
fn other_fields_are_columns_ids_and_labels() {
    let folder = Folder::new();
    let text = "{\"id\": 7, \"who\": {\"name\": \"ada\"}, \"v\": [1, 2]}\n\
                {\"id\": 12345678901234567890, \"who\": null, \"v\": [3, 4]}\n";
    let path = folder.file("x.jsonl", text.as_bytes());
    let choice = Choice {
        id: Some("id".into()),
        label: Some("who.name".into()),
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
    let known = rows.provenance().unwrap();
    assert_eq!(known.id(1), Some("12345678901234567890"));
    assert_eq!((known.label(0), known.label(1)), (Some("ada"), Some("")));
    assert_eq!(known.columns.vector.as_deref(), Some("v"));
    let said = known.columns.line();
    assert!(said.contains("ids from id; labels from who.name"), "{said}");

    // Only numbers: columns by name, in the file's order.
    let text =
        "[{\"y\": 1, \"x\": 2.5, \"t\": \"a\", \"ok\": true}, {\"x\": 4, \"ok\": false, \"y\": 3}]";
    let path = folder.file("x.json", text.as_bytes());
    let rows = read(&path, &options()).unwrap();
    assert_eq!(values(&*rows), [1.0, 2.5, 1.0, 3.0, 4.0, 0.0]);
    let columns = &rows.provenance().unwrap().columns;
    assert_eq!(columns.names, ["y", "x", "ok"]);
    assert!(columns.line().contains("left out: t (text)"));
    // In lists of text and numbers, columns go by position.
    let path = folder.file("y.json", b"[[\"a\", 1, 2.5], [\"b\", 3, 4.5]]");
    let choice = Choice {
        id: Some("0".into()),
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
    assert_eq!(values(&*rows), [1.0, 2.5, 3.0, 4.5]);
    assert_eq!(rows.provenance().unwrap().id(1), Some("b"));
}

#[test]
fn answers_of_embedding_services() {
    let packed = |values: &[f32]| STANDARD.encode(bytemuck::cast_slice::<f32, u8>(values));
    let rows = [[1.5f32, 2.0, -3.0, 0.0], [4.0, 0.1, 6.0, 1.0]];
    let data = rows.iter().enumerate().map(|(i, row)| {
        format!(
            "{{\"object\":\"embedding\",\"index\":{i},\"embedding\":\"{}\"}}",
            packed(row)
        )
    });
    let data = data.collect::<Vec<_>>().join(",\n");
    let text =
        format!("{{\"object\":\"list\",\"data\":[{data}],\"usage\":{{\"total_tokens\":9}}}}");
    let folder = Folder::new();
    let path = folder.file("x.json", text.as_bytes());
    let read_as = |member: &str| read(&format!("{path}{member}"), &options()).unwrap();
    for member in ["", ":embedding", ":data.embedding", ":data[].embedding"] {
        let set = read_as(member);
        assert_eq!(set.element(), Element::F32);
        let expected: Vec<f64> = rows.concat().into_iter().map(f64::from).collect();
        assert_eq!(values(&*set), expected, "{member}");
    }
    // A base64 text beside a list is not a second vector.
    let word = packed(&rows[0]);
    let both = format!(
        "{{\"sum\":\"{word}\",\"v\":[1.5,2,-3]}}\n{{\"sum\":\"{word}\",\"v\":[4,0.5,6]}}\n"
    );
    reads("x.jsonl", &both, "");
    let path = folder.file("y.jsonl", both.as_bytes());
    assert_eq!(read(&format!("{path}:sum"), &options()).unwrap().dim(), 4);
    // Responses of the services of Gemini, Cohere and Ollama.
    for text in [
        "{\"embeddings\": [{\"values\": [1.5,2,-3]}, {\"values\": [4,0.5,6]}]}",
        "{\"id\":\"a\",\"embeddings\":{\"float\":[[1.5,2,-3],[4,0.5,6]]},\"texts\":[\"a\",\"b\"]}",
        "{\"model\":\"m\",\"embeddings\":[[1.5,2,-3],[4,0.5,6]],\"total_duration\":14143917}",
    ] {
        reads("x.json", text, "");
    }
}

#[test]
fn packed_json_and_pipes() {
    let text = b"[[1.5, 2, -3], [4, 0.5, 6]]";
    let folder = Folder::new();
    for (name, bytes) in [
        ("x.json.gz", gzip(text)),
        ("x.jsonl.zst", zstd::encode_all(&text[..], 3).unwrap()),
    ] {
        let path = folder.file(name, &bytes);
        assert_eq!(values(&*read(&path, &options()).unwrap()), SIX, "{name}");
    }
    folder.file("x.json", text);
    let output = crate::texts::piped(
        &folder,
        &["analyze", "x.json", "-", "--no-hull", "--json", "-"],
        text,
    );
    assert!(output.status.success(), "{output:?}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["leakage"]["repeats"], 2);
}

#[test]
fn rows_that_lack_a_number_are_named_or_skipped() {
    let folder = Folder::new();
    let skip = OpenOptions {
        skip_nonfinite: true,
        choice: Choice {
            id: Some("id".into()),
            ..Choice::default()
        },
        ..options()
    };
    for (bad, part) in [
        ("{\"id\": 1, \"v\": [1, null]}", "place 1 is null"),
        ("{\"id\": 1, \"v\": [NaN, -Infinity]}", "null"),
        (
            "{\"id\": 1, \"v\": [1]}",
            "has 1 values, but the first row has 2",
        ),
        ("{\"id\": 1, \"v\": []}", "has 0 values"),
        ("{\"id\": 1, \"v\": [[1, 2], [3, 4]]}", "has 2 x 2 values"),
        ("{\"id\": 1, \"v\": null}", "field v is null"),
        ("{\"id\": 1}", "field v is missing"),
    ] {
        let text = format!("{{\"id\": 0, \"v\": [1, 2]}}\n{bad}\n{{\"id\": 2, \"v\": [3, 4]}}\n");
        let path = folder.file("x.jsonl", text.as_bytes());
        fails(
            &path,
            &options(),
            &["x.jsonl, row 1", part, "--skip-nonfinite"],
        );
        let rows = read(&path, &skip).unwrap();
        assert_eq!(values(&*rows), [1.0, 2.0, 3.0, 4.0], "{bad}");
        assert_eq!(rows.provenance().unwrap().id(rows.number(1)), Some("2"));
    }
    let path = folder.file(
        "y.json",
        b"[{\"x\": 1, \"y\": 2}, {\"x\": null, \"y\": 3}, {\"y\": 3}]",
    );
    fails(&path, &options(), &["row 1", "field x is null"]);
    let rows = read(
        &path,
        &OpenOptions {
            skip_nonfinite: true,
            ..options()
        },
    )
    .unwrap();
    assert_eq!((values(&*rows), rows.dropped()), (vec![1.0, 2.0], 2));
}

#[test]
fn what_is_wrong_with_json_is_said() {
    for (text, parts) in [
        ("[[1, 2], [3, 4]", &["the file ends", "truncated"][..]),
        ("[[1, 2], [3, ", &["the file ends"]),
        ("{\"data\": [[1, 2]]", &["the file ends"]),
        (
            "[[1, 2], [3 4]]",
            &["row 1", "not valid JSON", "byte 4 of the row"],
        ),
        ("[[1, 2], ]", &["a value is missing"]),
        ("[[1, 2] [3, 4]]", &["'['", "','"]),
        (
            "[[1, 2], [3, 4]] [5, 6]",
            &["row 1", "has 2 values, but the first row has 2 x 2"],
        ),
        ("[[1, 2], \"a\"]", &["row 1", "expected a list"]),
        ("[[1, 2], [3, \"a\"]]", &["row 1", "not a vector"]),
        ("[[1, 2], {\"a\": 1}]", &["row 1", "expected a list"]),
        (
            "[{\"a\": 1}, {\"a\": \"x\"}, {\"a\": 2}]",
            &["row 1", "field a is no number", "--drop"],
        ),
        (
            "[{\"a\": 1}, {\"a\": 1, \"a\": 2}]",
            &["row 1", "field a occurs twice"],
        ),
        (
            "[{\"a\": [1]}, {\"a\": {\"b\": 1}}]",
            &["row 1", "field a holds an object"],
        ),
        (
            "[9007199254740993, 1]\n[1, 1]\n",
            &["9007199254740993", "2^53"],
        ),
        ("[1e999, 1]\n[1, 1]\n", &["row 0", "out of range"]),
        (
            "{\"a\": \"b\", \"c\": {\"d\": 1}}",
            &["one object without rows", "a, c", "orient='records'"],
        ),
        ("{\"a\": [{\"n\": \"x\"}]}", &["one object without rows"]),
        (
            "[{\"t\": \"x\"}]",
            &["no column holds numbers or vectors", "t: text"],
        ),
        (
            "[{\"t\": [{\"x\": 1}]}]",
            &["may hold some", "t: lists of objects"],
        ),
        ("[{\"t\": [1, [2]]}]", &["lists of numbers and lists"]),
        ("[]", &["no rows"]),
        ("{\"data\": []}", &["no rows"]),
        ("{}", &["one object without rows"]),
    ] {
        refuses("x.json", text, parts);
    }
    refuses(
        "x.npy",
        "{\"error\": 404}",
        &["does not begin as a .npy file does"],
    );
    // A field that is missing in the first rows.
    let mut text = "{\"a\": 1}\n".repeat(100);
    text += "{\"a\": 1, \"b\": 2}\n";
    refuses(
        "x.jsonl",
        &text,
        &["row 100", "field b holds a number", "--columns"],
    );
}

#[test]
fn shards_without_rows_add_none() {
    let folder = Folder::new();
    folder.file("set/1.json", b"[{\"y\": 1, \"x\": 2}]");
    folder.file("set/2.json", b"[]");
    folder.file("set/3.json", b"[{\"x\": 4, \"y\": 3}]");
    let rows = read(&folder.path("set"), &options()).unwrap();
    assert_eq!(values(&*rows), [1.0, 2.0, 3.0, 4.0]);
}

/// Unclosed brackets, endless rows and endless names: an error, in little memory.
#[test]
fn hostile_documents_are_errors_in_bounded_memory() {
    let many = 2 << 20;
    let mut wide = String::from("{");
    for field in 0..270_000 {
        write!(wide, "\"{field}\":1,").unwrap();
    }
    wide += "\"z\":1}\n";
    let folder = Folder::new();
    for (what, text) in [
        ("deep arrays", "[".repeat(many)),
        ("deep objects", "{\"a\":".repeat(many / 8)),
        (
            "closed deep arrays",
            ["[".repeat(1000), "]".repeat(1000)].concat(),
        ),
        ("a text", format!("[\"{}", "a".repeat(many))),
        ("a name", format!("{{\"{}\": 1}}", "a".repeat(many))),
        ("fields", wide + "{}"),
        ("closing", "[[1]]]".into()),
    ] {
        let path = folder.file("x.json", text.as_bytes());
        let most = largest(|| fails(&path, &options(), &["x.json"]));
        assert!(most <= 64 << 20, "{what}: {most} bytes");
    }
    // More text after a long array.
    let long = format!("[[1, 2]{}] [5, 6]", ", [3, 4]".repeat(200_000));
    refuses("x.json", &long, &["more follows"]);
    // A longer row is accepted only if the memory budget allows it.
    let long = format!("[{}1]\n", "1,".repeat(9 << 20));
    let path = folder.file("x.jsonl", long.as_bytes());
    let small = OpenOptions {
        memory: 0,
        ..options()
    };
    fails(&path, &small, &["more than 16777216 bytes", "--memory"]);
}

#[test]
fn what_pandas_and_services_write() {
    let (a, three) = (env!("CARGO_MANIFEST_DIR"), 3);
    let quarter: Vec<f64> = (0..12).map(|i| f64::from(i) / 4.0 - 1.0).collect();
    let of = |name: &str| read(&format!("{a}/tests/data/texts/{name}"), &options());
    for name in [
        "lines.jsonl",
        "records.json",
        "split.json",
        "table.json",
        "openai.json",
    ] {
        let rows = of(name).unwrap();
        assert_eq!(
            (rows.dim(), values(&*rows)),
            (three, quarter.clone()),
            "{name}"
        );
    }
    let columns = of("split.json")
        .unwrap()
        .provenance()
        .unwrap()
        .columns
        .clone();
    assert_eq!(columns.names, ["x", "y", "z"]);
    let rows = of("openai-base64.json").unwrap();
    let half: Vec<f64> = values(&*rows)
        .chunks(6)
        .flat_map(|row| row[3..].to_vec())
        .collect();
    assert_eq!((rows.dim(), half), (6, quarter));
    let error = of("columns.json").err().unwrap().to_string();
    assert!(error.contains("orient='records'"), "{error}");
}
