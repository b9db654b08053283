//! The table of queries of a comparison, read back.

use arrow_array::{ArrayRef, RecordBatch, create_array};
use hullscope::store::queries::{FILE, read};
use parquet::arrow::ArrowWriter;
use std::path::Path;

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let columns = columns.into_iter();
    let columns = columns.map(|(name, column)| (name, column, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn table() -> Vec<(&'static str, ArrayRef)> {
    let outside = vec![Some(true), None, Some(false), Some(true)];
    vec![
        ("space", create_array!(Utf8, ["a", "a", "b", "b"])),
        ("query_row", create_array!(Int64, [3, 7, 3, 7])),
        (
            "label",
            create_array!(Utf8, [Some("cat"), None, Some("cat"), None]),
        ),
        ("hull_outside", create_array!(Boolean, outside)),
        (
            "hull_score",
            create_array!(Float64, [Some(1.5), None, Some(0.0), Some(2.0)]),
        ),
        (
            "nearest_distance",
            create_array!(Float64, [1.0, 2.0, 3.0, 4.0]),
        ),
    ]
}

#[test]
fn a_table_comes_back_by_space_and_notion() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    write(&path, table());
    let kept = read(&path).unwrap();
    assert_eq!(
        (kept.rows, kept.nearest, kept.errors),
        (vec![3, 7], "nearest", None)
    );
    assert_eq!(kept.labels, Some(vec![Some("cat".into()), None]));
    let names = kept.scores.iter();
    let names = names.map(|scores| format!("{} {}", scores.space, scores.notion));
    let names: Vec<String> = names.collect();
    assert_eq!(names, ["a hull", "a nearest", "b hull", "b nearest"]);
    assert_eq!(kept.scores[0].outside, [Some(true), None]);
    assert!(kept.scores[0].score[0] == 1.5 && kept.scores[0].score[1].is_nan());
    assert_eq!(kept.scores[3].score, [3.0, 4.0]);
    // A notion whose score is the nearest distance takes the place of `nearest`.
    let mut more = table();
    more.push(("ball_outside", create_array!(Boolean, vec![true; 4])));
    more.push(("ball_score", create_array!(Float64, [1.0, 2.0, 3.0, 4.0])));
    write(&path, more);
    let kept = read(&path).unwrap();
    assert_eq!((kept.nearest, kept.scores.len()), ("ball", 4));
}

#[test]
fn tables_of_others_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let refused = || read(&path).unwrap_err().to_string();
    let says = |columns: Vec<(&str, ArrayRef)>, what: &str| {
        write(&path, columns);
        let error = refused();
        assert!(
            error.contains(what) && error.contains("hullscope compare -o"),
            "{error}"
        );
    };
    says(table()[1..].to_vec(), "there is no column space");
    let mut other = table();
    other[1].1 = create_array!(Int64, [3, 7, 3, 8]);
    says(
        other,
        "the space b is not about the same queries, in the same order, as a",
    );
    let mut other = table();
    other[4].1 = create_array!(Utf8, vec!["x"; 4]);
    says(other, "the column hull_score holds Utf8, not Float64");
    std::fs::write(&path, b"PAR1 and nothing more").unwrap();
    assert!(refused().contains("not a valid Parquet file"));
}
