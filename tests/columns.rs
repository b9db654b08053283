//! Which columns of a table become the rows, which are left out, and that the program reports both.

use crate::formats::{Folder, arrow_file, batch, fails, options, parquet, read, values};
use arrow_array::builder::{BinaryBuilder, Int64Builder};
use arrow_array::types::{Int8Type, Int32Type, UInt8Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, FixedSizeListArray,
    Float32Array, Float64Array, Int16RunArray, Int32Array, Int64Array, ListArray, ListViewArray,
    NullArray, RecordBatch, StringArray, StringViewArray, StructArray,
};
use arrow_schema::{DataType, Field};
use hullscope::rows::{Choice, OpenOptions, Order};
use parquet::basic::Compression;
use serde_json::Value;
use std::sync::Arc;

/// Writes a table as Parquet and as an Arrow file; returns the paths.
fn both(folder: &Folder, columns: Vec<(&str, ArrayRef)>) -> [String; 2] {
    let columns = columns.into_iter().map(|(name, column)| {
        let nullable = column.null_count() > 0 || column.data_type() == &DataType::Null;
        (name, column, nullable)
    });
    let batch = [RecordBatch::try_from_iter_with_nullable(columns).unwrap()];
    [
        folder.file("t.parquet", &parquet(&batch, Compression::UNCOMPRESSED)),
        folder.file("t.arrow", &arrow_file(&batch, None)),
    ]
}

fn ids(n: i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values((0..n).map(|i| 7 * i)))
}

fn floats(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn chosen(columns: &[&str], drop: &[&str]) -> OpenOptions {
    let all = |names: &[&str]| names.iter().map(|&name| name.into()).collect();
    OpenOptions {
        choice: Choice {
            columns: all(columns),
            drop: all(drop),
            ..Choice::default()
        },
        ..options()
    }
}

/// The line that reports the columns of a set.
fn line(spec: &str, options: &OpenOptions) -> String {
    let rows = read(spec, options).unwrap();
    rows.provenance().unwrap().columns.line()
}

#[test]
fn vectors_of_any_type_are_the_rows_and_not_the_id_beside_them() {
    let folder = Folder::new();
    let expected = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    let rows = || (0..3).map(|i| Some([Some(2 * i), Some(2 * i + 1)]));
    let small = ListArray::from_iter_primitive::<Int8Type, _, _>(
        rows().map(|r| r.map(|r| r.map(|v| v.map(|v| v as i8)))),
    );
    let bytes = ListArray::from_iter_primitive::<UInt8Type, _, _>(
        rows().map(|r| r.map(|r| r.map(|v| v.map(|v| v as u8)))),
    );
    let whole = ListArray::from_iter_primitive::<Int32Type, _, _>(rows());
    let views = ListViewArray::from(whole.clone());
    let fixed = FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(rows(), 2);
    let flat: ArrayRef = Arc::new(whole.clone());
    let offsets = arrow_buffer::OffsetBuffer::from_lengths([1, 1, 1]);
    let item = Arc::new(Field::new_list_field(flat.data_type().clone(), true));
    let nested = ListArray::new(item, offsets, flat, None);
    let columns: [(&str, ArrayRef); 5] = [
        ("int8", Arc::new(small)),
        ("uint8", Arc::new(bytes)),
        ("int32", Arc::new(whole)),
        ("fixed", Arc::new(fixed)),
        ("nested", Arc::new(nested)),
    ];
    for (name, column) in columns {
        for path in both(&folder, vec![("id", ids(3)), ("v", column)]) {
            let rows = read(&path, &options()).unwrap();
            assert_eq!(values(&*rows), expected, "{name}");
            let said = line(&path, &options());
            assert_eq!(said, "the vectors of v; left out: id (beside the vectors)");
        }
    }
    let views = [batch(vec![("id", ids(3)), ("v", Arc::new(views))])];
    let path = folder.file("views.arrow", &arrow_file(&views, None));
    assert_eq!(values(&*read(&path, &options()).unwrap()), expected);
}

#[test]
fn vectors_that_are_not_read_are_refused_with_every_column() {
    let folder = Folder::new();
    let mut bytes = BinaryBuilder::new();
    (0..3).for_each(|_| bytes.append_value([0; 8]));
    let parts = StructArray::from(vec![(
        Arc::new(Field::new("x", DataType::Float64, false)),
        floats(&[1.0, 2.0, 3.0]),
    )]);
    let columns: [(&str, ArrayRef); 4] = [
        ("binary", Arc::new(bytes.finish())),
        ("text", texts(&["[0.1, 0.2]", "[0.3, 0.4]", "[0.5, 0.6]"])),
        ("struct", Arc::new(parts)),
        ("null", Arc::new(NullArray::new(3))),
    ];
    for (name, column) in columns {
        for path in both(&folder, vec![("id", ids(3)), ("emb", column.clone())]) {
            let parts = [
                "emb: ",
                "id: int64",
                "may hold some",
                "FILE:COLUMN",
                "--drop",
            ];
            fails(&path, &options(), &parts);
            // If the user names the other column, that one is read.
            let rows = read(&path, &chosen(&[], &["emb"])).unwrap();
            assert_eq!(values(&*rows), [0.0, 7.0, 14.0], "{name}");
        }
    }
    let two = || -> ArrayRef {
        let rows = (0..3).map(|i| Some([Some(i), Some(i + 1)]));
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows))
    };
    for path in both(&folder, vec![("a", two()), ("id", ids(3)), ("b", two())]) {
        fails(
            &path,
            &options(),
            &[
                "several columns",
                "a: list of int32",
                "b: list",
                "id: int64",
            ],
        );
        assert_eq!(
            values(&*read(&format!("{path}:b"), &options()).unwrap()).len(),
            6
        );
        assert_eq!(
            values(&*read(&path, &chosen(&[], &["a"])).unwrap()).len(),
            6
        );
    }
}

#[test]
fn wide_tables_use_their_numbers_and_no_index() {
    let folder = Folder::new();
    let decimal = Decimal128Array::from(vec![15, -25, 5])
        .with_precision_and_scale(9, 1)
        .unwrap();
    let dictionary: DictionaryArray<Int32Type> =
        DictionaryArray::new(Int32Array::from(vec![1, 0, 1]), floats(&[0.5, 8.0]));
    let table = || -> Vec<(&str, ArrayRef)> {
        vec![
            ("", Arc::new(Int64Array::from(vec![0, 1, 2]))),
            (
                "flag",
                Arc::new(BooleanArray::from(vec![true, false, true])),
            ),
            ("price", Arc::new(decimal.clone())),
            ("code", Arc::new(dictionary.clone())),
            ("name", Arc::new(StringViewArray::from(vec!["a", "b", "c"]))),
            ("size", Arc::new(Float32Array::from(vec![4.0, 5.5, 6.0]))),
        ]
    };
    for path in both(&folder, table()) {
        let rows = read(&path, &options()).unwrap();
        let expected = [1.0, 1.5, 8.0, 4.0, 0.0, -2.5, 0.5, 5.5, 1.0, 0.5, 8.0, 6.0];
        assert_eq!(values(&*rows), expected);
        assert_eq!(
            line(&path, &options()),
            "4 columns: flag .. size; left out: (unnamed) (it has no name and counts the rows), name (text)"
        );
        let rows = read(&path, &chosen(&["pr*", "size"], &[])).unwrap();
        assert_eq!(values(&*rows), [1.5, 4.0, -2.5, 5.5, 0.5, 6.0]);
        fails(
            &path,
            &chosen(&["colour"], &[]),
            &["--columns colour", "no column is called so", "price"],
        );
        fails(
            &path,
            &chosen(&["name", "size"], &[]),
            &["column name holds neither"],
        );
    }
    let runs: Int16RunArray = ["x", "x", "y"].into_iter().collect();
    let table = vec![("runs", Arc::new(runs) as ArrayRef), ("n", ids(3))];
    let path = folder.file("runs.arrow", &arrow_file(&[batch(table)], None));
    let named = OpenOptions {
        choice: Choice {
            label: Some("runs".into()),
            ..Choice::default()
        },
        ..options()
    };
    let rows = read(&path, &named).unwrap();
    let label = |row| rows.provenance().unwrap().label(row);
    assert_eq!(
        [label(0), label(1), label(2)],
        [Some("x"), Some("x"), Some("y")]
    );
}

/// Files written by pandas 3.1.1, pyarrow 26.0.1 and datasets 5.2.0: `tests/data/make/tables.py`.
#[test]
fn real_tables_are_read_as_their_writers_mean_them() {
    let rows = read("tests/data/pandas-index.parquet", &options()).unwrap();
    assert_eq!((rows.len(), rows.dim()), (6, 2));
    let said = rows.provenance().unwrap().columns.line();
    assert_eq!(
        said,
        "2 columns: x, y; left out: __index_level_0__ (an index, as the file says)"
    );
    for name in ["tensor.parquet", "tensor.arrow"] {
        let rows = read(&format!("tests/data/{name}"), &options()).unwrap();
        assert_eq!((rows.len(), rows.axes()), (4, vec![3, 2]), "{name}");
        assert_eq!(
            values(&*rows)[..6],
            [0.0, 3.0, 1.0, 4.0, 2.0, 5.0],
            "{name}"
        );
    }
    let rows = read("tests/data/saved:train", &options()).unwrap();
    assert_eq!((rows.len(), rows.axes()), (5, vec![2, 2]));
    assert!(values(&*rows).into_iter().eq((0..20).map(f64::from)));
    let rows = read("tests/data/saved:test:v", &options()).unwrap();
    assert_eq!(rows.len(), 2);
    fails(
        "tests/data/saved",
        &options(),
        &["several splits: train, test", "FOLDER:SPLIT"],
    );
    fails("tests/data/saved:dev", &options(), &["dev", "train, test"]);
}

#[test]
fn nulls_and_short_lists_are_named_or_skipped() {
    let folder = Folder::new();
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
        Some(vec![Some(1), Some(2)]),
        None,
        Some(vec![Some(3)]),
        Some(vec![Some(4), None]),
        Some(vec![Some(5), Some(6)]),
    ]);
    let skip = OpenOptions {
        skip_nonfinite: true,
        ..options()
    };
    for path in both(&folder, vec![("v", Arc::new(lists))]) {
        fails(&path, &options(), &["row 1", "null", "--skip-nonfinite"]);
        let rows = read(&path, &skip).unwrap();
        assert_eq!(values(&*rows), [1.0, 2.0, 5.0, 6.0]);
        assert_eq!((rows.dropped(), rows.number(1)), (3, 4));
    }
    let mut numbers = Int64Builder::new();
    [Some(1), None, Some(3)]
        .into_iter()
        .for_each(|v| numbers.append_option(v));
    let table = vec![
        ("a", Arc::new(numbers.finish()) as ArrayRef),
        ("b", floats(&[0.5, 1.5, 2.5])),
    ];
    for path in both(&folder, table) {
        fails(&path, &options(), &["row 1, column 0", "null"]);
        assert_eq!(values(&*read(&path, &skip).unwrap()), [1.0, 0.5, 3.0, 2.5]);
    }
}

#[test]
fn sets_and_shards_are_matched_by_name() {
    let folder = Folder::new();
    let shard = |name: &str, order: [&'static str; 3]| {
        let column =
            |name: &'static str| (name, floats(&[name.len() as f64, 10.0 + name.len() as f64]));
        let table = [batch(order.map(column).to_vec())];
        folder.file(name, &parquet(&table, Compression::UNCOMPRESSED))
    };
    shard("set/1.parquet", ["a", "bb", "ccc"]);
    shard("set/2.parquet", ["ccc", "a", "bb"]);
    let set = folder.path("set");
    let rows = read(&set, &options()).unwrap();
    assert_eq!(values(&*rows), [1.0, 2.0, 3.0, 11.0, 12.0, 13.0].repeat(2));
    let queries = shard("q.parquet", ["bb", "ccc", "a"]);
    let output = folder.run(&[
        "analyze",
        &set,
        &queries,
        "--no-hull",
        "-o",
        &folder.path("o.csv"),
    ]);
    assert!(output.status.success(), "{output:?}");
    let text = std::fs::read_to_string(folder.path("o.csv")).unwrap();
    assert!(
        text.lines().skip(1).all(|line| line.contains(",0.0,")),
        "{text}"
    );
    assert!(
        text.starts_with("query_row,range_outside")
            && text.contains("nearest_file,nearest_row_in_file"),
        "{text}"
    );
    let other = shard("other.parquet", ["bb", "dddd", "a"]);
    let output = folder.run(&["analyze", &set, &other]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said.contains("lacks ccc") && said.contains("dddd besides"),
        "{said}"
    );
    let plain = folder.file(
        "plain.npy",
        &crate::formats::npy(1, "'<f8'", "False", "(1, 3)", &[0; 24]),
    );
    let output = folder.run(&["analyze", &set, &plain]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("matched by position"), "{said}");
    shard("set/3.parquet", ["bb", "dddd", "a"]);
    fails(&set, &options(), &["3.parquet", "lacks ccc"]);
}

#[test]
fn ids_labels_and_files_stand_beside_the_row_numbers() {
    let folder = Folder::new();
    let shard = |name: &str, first: i64| {
        let numbers = (first..first + 3)
            .map(|i| i as f64 / 2.0)
            .collect::<Vec<_>>();
        let names: Vec<String> = (first..first + 3).map(|i| format!("doc,{i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let table = batch(vec![
            ("key", texts(&names)),
            ("x", floats(&numbers)),
            ("y", floats(&[1.0, 3.0, 2.0])),
            ("class", ids(3)),
        ]);
        folder.file(name, &parquet(&[table], Compression::UNCOMPRESSED));
    };
    shard("set/part-2.parquet", 0);
    shard("set/part-10.parquet", 3);
    let set = folder.path("set");
    let run = |out: &str, more: &[&str]| {
        let words = [
            &[
                "analyze",
                &set,
                &set,
                "--id-column",
                "key",
                "--label-column",
                "class",
            ][..],
            &["--neighbours", "2", "-o", out, "--json", "-"],
            more,
        ];
        folder.run(&words.concat())
    };
    let output = run("o.jsonl", &[]);
    assert!(output.status.success(), "{output:?}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let columns = &json["inputs"]["reference"]["columns"];
    assert_eq!(columns["names"], serde_json::json!(["x", "y"]));
    assert_eq!(
        (&columns["id"], &columns["label"]),
        (&"key".into(), &"class".into())
    );
    assert_eq!(json["leakage"]["repeats"], 6);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("6 queries repeat a reference row"), "{said}");
    assert!(
        said.contains("part-2.parquet before part-10.parquet"),
        "{said}"
    );
    let text = std::fs::read_to_string(folder.path("o.jsonl")).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let fourth = &lines[3];
    assert_eq!(
        (&fourth["query_row"], &fourth["id"]),
        (&3.into(), &"doc,3".into())
    );
    assert!(
        fourth["file"]
            .as_str()
            .unwrap()
            .ends_with("part-10.parquet")
    );
    assert_eq!(
        (&fourth["row_in_file"], &fourth["label"]),
        (&0.into(), &"0".into())
    );
    assert_eq!(fourth["nearest_id"], "doc,3");
    assert_eq!(fourth["neighbour_ids"][0], "doc,3");
    assert_eq!(fourth["neighbour_rows_in_file"][0], 0);
    let output = run("o.csv", &["--order", "text"]);
    assert!(output.status.success(), "{output:?}");
    let text = std::fs::read_to_string(folder.path("o.csv")).unwrap();
    let first = text.lines().nth(1).unwrap();
    assert!(
        first.starts_with("0,\"doc,3\",") && first.contains("part-10.parquet,0,0,"),
        "{first}"
    );
    let output = run("o.parquet", &[]);
    assert!(output.status.success(), "{output:?}");
    let rows = read(
        &format!("{}:nearest_distance", folder.path("o.parquet")),
        &options(),
    )
    .unwrap();
    assert!(values(&*rows).iter().all(|&distance| distance == 0.0));
    let text_order = OpenOptions {
        order: Order::Text,
        ..options()
    };
    let rows = read(&format!("{set}:x"), &text_order).unwrap();
    assert_eq!(values(&*rows), [1.5, 2.0, 2.5, 0.0, 0.5, 1.0]);
}

#[test]
fn bystanders_are_passed_over_and_said_and_partitions_are_read() {
    let folder = Folder::new();
    let shard = |name: &str, values: &[f64]| {
        let table = [batch(vec![("x", floats(values)), ("y", floats(values))])];
        folder.file(name, &parquet(&table, Compression::UNCOMPRESSED))
    };
    shard("set/year=1/a.parquet", &[1.0, 2.0]);
    shard("set/year=2/a.parquet", &[3.0]);
    shard("set/year=3/a.parquet", &[]);
    folder.file("set/_SUCCESS", b"");
    folder.file("set/README.md", b"words");
    folder.file("set/.crc", b"1");
    folder.file("set/other/b.parquet", b"no");
    let rows = read(&folder.path("set"), &options()).unwrap();
    assert_eq!(values(&*rows), [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
    let notes = rows.provenance().unwrap().notes.join("\n");
    for part in [
        "2 files",
        "README.md, _SUCCESS",
        "1 folder",
        "other",
        "1 file holds no rows",
    ] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
}

#[test]
fn keys_among_the_features_are_suspicious() {
    let folder = Folder::new();
    let noise = crate::common::gaussian(20, 1);
    let table = vec![
        ("doc", ids(20)),
        ("x", floats(&noise)),
        ("y", floats(&noise)),
    ];
    let [path, _] = both(&folder, table);
    let rows = read(&path, &options()).unwrap();
    let notes = rows.provenance().unwrap().notes.join("\n");
    assert!(
        notes.contains("doc grow from row to row") && notes.contains("--drop"),
        "{notes}"
    );
    let output = folder.run(&["analyze", &path, &path, "--drop", "doc", "--no-hull"]);
    let (said, table) = (
        String::from_utf8_lossy(&output.stderr).into_owned(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    );
    assert!(!said.contains("grow from row to row"), "{said}");
    assert!(
        table.contains("2 columns: x, y; left out: doc (--drop)"),
        "{table}"
    );
}

#[test]
fn near_and_exact_repeats_of_reference_rows_are_counted() {
    let folder = Folder::new();
    let reference = crate::common::gaussian(200 * 3, 5);
    let mut queries = crate::common::gaussian(50 * 3, 6);
    queries[..9].copy_from_slice(&reference[30..39]);
    queries[9..12].copy_from_slice(&reference[60..63]);
    queries[9] += 1e-6;
    let npy = |name: &str, values: &[f64]| {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let shape = format!("({}, 3)", values.len() / 3);
        folder.file(
            name,
            &crate::formats::npy(1, "'<f8'", "False", &shape, &bytes),
        )
    };
    let (reference, queries) = (npy("r.npy", &reference), npy("q.npy", &queries));
    for (metric, near) in [("euclidean", Value::from(1)), ("dot", Value::Null)] {
        let words = [
            "analyze", &reference, &queries, "--json", "-", "--metric", metric,
        ];
        let output = folder.run(&words);
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["leakage"]["repeats"], 3, "{metric}");
        assert_eq!(json["leakage"]["near_repeats"], near, "{metric}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("3 queries repeat a reference row"), "{said}");
    }
}

#[test]
fn verify_reads_the_same_columns() {
    let folder = Folder::new();
    let noise = crate::common::gaussian(60, 3);
    let table = vec![
        ("doc", ids(20)),
        ("x", floats(&noise[..20])),
        ("y", floats(&noise[20..40])),
    ];
    let [path, _] = both(&folder, table);
    let words = [
        "analyze",
        &path,
        &path,
        "--columns",
        "x,y",
        "--certificates",
        "c.parquet",
    ];
    assert!(folder.run(&words).status.success());
    let wrong = folder.run(&["verify", "c.parquet", &path, &path]);
    let said = String::from_utf8_lossy(&wrong.stderr);
    assert_eq!(wrong.status.code(), Some(1), "{said}");
    assert!(said.contains("--columns 'x,y'"), "{said}");
    let right = folder.run(&["verify", "c.parquet", &path, &path, "--columns", "x,y"]);
    assert_eq!(right.status.code(), Some(0), "{right:?}");
}
