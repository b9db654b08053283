//! The tables of a comparison as Parquet.

use super::fixtures::{rate, report};
use arrow_array::{RecordBatch, cast::AsArray, types::Float64Type, types::Int64Type};
use hullscope::Result;
use hullscope::report::compare::{write_labels, write_rates};
use hullscope::study::compare::Report;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::path::Path;

type Write = fn(&Path, &str, &Value, &Report) -> Result<()>;

fn read_back(write: Write, report: &Report) -> RecordBatch {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rates.parquet");
    write(&path, "hullscope compare", &Value::Null, report).unwrap();
    let file = std::fs::File::open(&path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let metadata = reader.metadata().file_metadata().key_value_metadata();
    assert!(metadata.unwrap().iter().any(|pair| {
        pair.key == "hullscope.command" && pair.value.as_deref() == Some("hullscope compare")
    }));
    reader.build().unwrap().next().unwrap().unwrap()
}

fn names(batch: &RecordBatch) -> String {
    let schema = batch.schema();
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    names.join(" ")
}

fn text(batch: &RecordBatch, name: &str) -> Vec<String> {
    let column = batch.column_by_name(name).unwrap().as_string::<i32>();
    column.iter().map(|v| v.unwrap().to_string()).collect()
}

fn whole(batch: &RecordBatch, name: &str) -> Vec<Option<i64>> {
    let column = batch.column_by_name(name).unwrap();
    column.as_primitive::<Int64Type>().iter().collect()
}

fn float(batch: &RecordBatch, name: &str) -> Vec<Option<f64>> {
    let column = batch.column_by_name(name).unwrap();
    column.as_primitive::<Float64Type>().iter().collect()
}

#[test]
fn rates_read_back_column_by_column() {
    let mut report = report(false);
    report.spaces[1].rank = None;
    report.spaces[1].notions[0].rate.undecided = 3;
    let batch = read_back(write_rates, &report);
    let columns = "space notion d rank two_nn mle n_reference n_queries outside rate interval_low interval_high \
                   null_rate d_eff undecided left_out left_out_outside left_out_rate left_out_interval_low \
                   left_out_interval_high left_out_undecided";
    assert_eq!(names(&batch), columns);
    let spaces = ["dims:16,seed=<b>&\"", "pixels"].map(|space| [space; 3]);
    assert_eq!(text(&batch, "space"), spaces.concat());
    assert_eq!(
        text(&batch, "notion"),
        [["hull", "range", "ball"]; 2].concat()
    );
    let rank = [Some(16), Some(16), Some(16), None, None, None];
    assert_eq!(whole(&batch, "rank"), rank);
    for (name, value) in [
        ("d", 784),
        ("n_reference", 6000),
        ("n_queries", 1000),
        ("left_out", 500),
    ] {
        assert_eq!(whole(&batch, name), [Some(value); 6], "{name}");
    }
    for (name, values) in [
        ("outside", [300, 150, 60, 1000, 500, 60]),
        ("undecided", [0, 0, 0, 3, 0, 0]),
        ("left_out_outside", [75, 37, 15, 250, 125, 15]),
    ] {
        assert_eq!(whole(&batch, name), values.map(Some), "{name}");
    }
    let null = [Some(0.625), None, None, Some(0.625), None, None];
    let d_eff = [Some(17.25), None, None, None, None, None];
    let rates = [0.3, 0.15, 0.06, 1.0, 0.5, 0.06].map(Some);
    for (name, values) in [
        ("two_nn", [Some(7.5); 6]),
        ("mle", [None; 6]),
        ("rate", rates),
        ("null_rate", null),
        ("d_eff", d_eff),
    ] {
        assert_eq!(float(&batch, name), values, "{name}");
    }
    let notions = || report.spaces.iter().flat_map(|space| &space.notions);
    for (end, name) in ["interval_low", "interval_high"].into_iter().enumerate() {
        let ends = notions().map(|notion| notion.rate.interval95.map(|ends| ends[end]));
        assert_eq!(float(&batch, name), ends.collect::<Vec<_>>());
    }
}

#[test]
fn rates_of_no_query_are_null() {
    let mut report = report(false);
    report.spaces[0].notions[0].rate = rate("hull", 0, 0);
    let batch = read_back(write_rates, &report);
    for name in ["rate", "interval_low", "interval_high"] {
        assert_eq!(float(&batch, name)[0], None, "{name}");
        assert!(float(&batch, name)[1].is_some(), "{name}");
    }
}

#[test]
fn classes_read_back_column_by_column() {
    let batch = read_back(write_labels, &report(true));
    let columns = "space label notion n_reference n_queries outside rate interval_low interval_high undecided";
    assert_eq!(names(&batch), columns);
    // A class without reference rows has no rate against its own hull.
    let all = ["hull range ball own_class_hull hull range ball"; 2].join(" ");
    assert_eq!(text(&batch, "notion").join(" "), all);
    assert_eq!(
        text(&batch, "label")[..7].join(" "),
        "Bag Bag Bag Bag Coat Coat Coat"
    );
    assert_eq!(text(&batch, "space")[7..], ["pixels"; 7]);
    let rates = [0.4, 0.2, 0.06, 0.75, 0.4].map(Some);
    assert_eq!(float(&batch, "rate")[..5], rates);
    assert_eq!(whole(&batch, "outside")[..5], [40, 20, 6, 75, 40].map(Some));
    assert_eq!(whole(&batch, "n_reference"), [Some(600); 14]);
    assert_eq!(whole(&batch, "n_queries"), [Some(100); 14]);
    assert!(float(&batch, "interval_low").iter().all(Option::is_some));
}
