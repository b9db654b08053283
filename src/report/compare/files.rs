//! Rates as tidy Parquet: a row a space and notion, and with classes a row a space, class and notion.
//! What each column says is in [`RATES`] and [`LABELS`], which `--help-columns` prints.

use crate::error::Result;
use crate::report::parquet_file;
use crate::study::compare::{LabelReport, Rate, Report, SpaceReport};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use arrow_schema::ArrowError;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// The columns of `rates.parquet`, in order, and what they say.
pub const RATES: &[(&str, &str)] = &[
    ("space", "the space, as typed"),
    ("notion", "the notion, by its id, as in hull or knn_10"),
    ("d", "columns of the space"),
    (
        "rank",
        "affine rank of the reference; null where it is not known",
    ),
    (
        "two_nn",
        "intrinsic dimension of the reference by TwoNN; null where it has none",
    ),
    ("mle", "the same by maximum likelihood over 20 nearest rows"),
    ("n_reference", "reference rows"),
    ("n_queries", "queries that were judged"),
    ("outside", "of these, how many are outside"),
    ("rate", "their share; null of no query"),
    (
        "interval_low",
        "lower end of the rate's 95 % interval (Wilson)",
    ),
    ("interval_high", "its upper end"),
    (
        "null_rate",
        "of the hull: the rate of Gaussian data with as many rows of that rank",
    ),
    (
        "d_eff",
        "of the hull: the rank at which Gaussian data would have the rate; null where all or none are outside",
    ),
    (
        "undecided",
        "of the queries that were judged, how many are neither proved inside nor outside",
    ),
    (
        "left_out",
        "reference rows that were judged as if they were not in the reference; null where none were",
    ),
    ("left_out_outside", "of these, how many are outside"),
    ("left_out_rate", "their share"),
    (
        "left_out_interval_low",
        "lower end of its 95 % interval (Wilson)",
    ),
    ("left_out_interval_high", "its upper end"),
    (
        "left_out_undecided",
        "of the rows left out, how many are neither proved inside nor outside",
    ),
];

/// The same of `by_label.parquet`.
pub const LABELS: &[(&str, &str)] = &[
    ("space", "the space, as typed"),
    ("label", "the class of the queries"),
    (
        "notion",
        "the notion, by its id; own_class_hull is the hull of the reference rows of the query's own class",
    ),
    ("n_reference", "reference rows of the class"),
    ("n_queries", "queries of the class that were judged"),
    ("outside", "of these, how many are outside"),
    ("rate", "their share; null of no query"),
    (
        "interval_low",
        "lower end of the rate's 95 % interval (Wilson)",
    ),
    ("interval_high", "its upper end"),
    (
        "undecided",
        "of the queries that were judged, how many are neither proved inside nor outside",
    ),
];

/// Write the rates of all spaces.
pub fn write_rates(path: &Path, command: &str, settings: &Value, report: &Report) -> Result<()> {
    parquet_file::write(path, command, settings, rates(report))
}

/// Write the rates of all spaces by class.
pub fn write_labels(path: &Path, command: &str, settings: &Value, report: &Report) -> Result<()> {
    parquet_file::write(path, command, settings, labels(report))
}

/// A column, whether it has nulls, and its name.
type FileColumn = (&'static str, ArrayRef, bool);

fn rates(report: &Report) -> Result<RecordBatch, ArrowError> {
    let mut rows: Vec<(&SpaceReport, &Rate, Option<&Rate>)> = Vec::new();
    for space in &report.spaces {
        let each = space.notions.iter();
        rows.extend(each.map(|notion| (space, &notion.rate, notion.leave_one_out.as_ref())));
    }
    let text = |pick: fn(&SpaceReport, &Rate) -> String| {
        parquet_file::text(rows.iter().map(|(space, rate, _)| pick(space, rate)))
    };
    let whole = |pick: fn(&SpaceReport) -> u64| {
        parquet_file::whole(rows.iter().map(|(space, ..)| pick(space)))
    };
    let rank: Int64Array = rows
        .iter()
        .map(|(space, ..)| space.rank.map(|rank| rank as i64))
        .collect();
    let counts = |pick: fn(&Rate) -> u64| -> ArrayRef {
        let value =
            |row: &(&SpaceReport, &Rate, Option<&Rate>)| row.2.map(|rate| pick(rate) as i64);
        Arc::new(rows.iter().map(value).collect::<Int64Array>())
    };
    let shares = |pick: fn(&Rate) -> Option<f64>| -> ArrayRef {
        let value = |row: &(&SpaceReport, &Rate, Option<&Rate>)| row.2.and_then(pick);
        Arc::new(rows.iter().map(value).collect::<Float64Array>())
    };
    let of_space = |pick: fn(&SpaceReport) -> Option<f64>| -> ArrayRef {
        let values = rows.iter().map(|(space, ..)| pick(space));
        Arc::new(values.collect::<Float64Array>())
    };
    let of_hull = |pick: fn(&SpaceReport) -> Option<f64>| -> ArrayRef {
        let value = |row: &(&SpaceReport, &Rate, Option<&Rate>)| {
            pick(row.0).filter(|_| row.1.notion == "hull")
        };
        Arc::new(rows.iter().map(value).collect::<Float64Array>())
    };
    let mut columns: Vec<FileColumn> = vec![
        ("space", text(|space, _| space.space.clone()), false),
        ("notion", text(|_, rate| rate.notion.clone()), false),
        ("d", whole(|space| space.d), false),
        ("rank", Arc::new(rank), true),
        ("two_nn", of_space(|space| space.two_nn), true),
        ("mle", of_space(|space| space.mle), true),
        ("n_reference", whole(|space| space.n_reference), false),
    ];
    let [queries @ .., undecided] = measured(rows.iter().map(|row| row.1));
    columns.extend(queries);
    columns.extend([
        ("null_rate", of_hull(|space| space.null_rate), true),
        ("d_eff", of_hull(|space| space.d_eff), true),
        undecided,
        ("left_out", counts(|rate| rate.queries), true),
        ("left_out_outside", counts(|rate| rate.outside), true),
        ("left_out_rate", shares(|rate| rate.rate), true),
        ("left_out_interval_low", shares(|rate| end(rate, 0)), true),
        ("left_out_interval_high", shares(|rate| end(rate, 1)), true),
        ("left_out_undecided", counts(|rate| rate.undecided), true),
    ]);
    RecordBatch::try_from_iter_with_nullable(columns)
}

fn labels(report: &Report) -> Result<RecordBatch, ArrowError> {
    let mut rows: Vec<(&SpaceReport, &LabelReport, &str, &Rate)> = Vec::new();
    for space in &report.spaces {
        for label in &space.labels {
            let rates = label.rates.iter();
            rows.extend(rates.map(|rate| (space, label, rate.notion.as_str(), rate)));
            let own = label.own_class.iter();
            rows.extend(own.map(|rate| (space, label, "own_class_hull", rate)));
        }
    }
    let mut columns: Vec<FileColumn> = vec![
        (
            "space",
            parquet_file::text(rows.iter().map(|row| &row.0.space)),
            false,
        ),
        (
            "label",
            parquet_file::text(rows.iter().map(|row| &row.1.label)),
            false,
        ),
        (
            "notion",
            parquet_file::text(rows.iter().map(|row| row.2)),
            false,
        ),
        (
            "n_reference",
            parquet_file::whole(rows.iter().map(|row| row.1.n_reference)),
            false,
        ),
    ];
    columns.extend(measured(rows.iter().map(|row| row.3)));
    RecordBatch::try_from_iter_with_nullable(columns)
}

/// One end of a rate's interval.
fn end(rate: &Rate, end: usize) -> Option<f64> {
    rate.interval95.map(|ends| ends[end])
}

/// The columns of a rate, null where there is none of no query; the undecided last.
fn measured<'r>(rates: impl Iterator<Item = &'r Rate> + Clone) -> [FileColumn; 6] {
    let whole = |pick: fn(&Rate) -> u64| parquet_file::whole(rates.clone().map(pick));
    let float = |pick: fn(&Rate) -> Option<f64>| -> ArrayRef {
        Arc::new(rates.clone().map(pick).collect::<Float64Array>())
    };
    [
        ("n_queries", whole(|rate| rate.queries), false),
        ("outside", whole(|rate| rate.outside), false),
        ("rate", float(|rate| rate.rate), true),
        ("interval_low", float(|rate| end(rate, 0)), true),
        ("interval_high", float(|rate| end(rate, 1)), true),
        ("undecided", whole(|rate| rate.undecided), false),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::compare::tests::report;
    use arrow_array::{Array, cast::AsArray, types::Float64Type, types::Int64Type};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

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

    /// A table's columns, and those that are explained, are these.
    #[track_caller]
    fn are_named(batch: &RecordBatch, explained: &[(&str, &str)], columns: &str) {
        let columns: Vec<&str> = columns.split_whitespace().collect();
        assert_eq!(names(batch), columns);
        let explained: Vec<&str> = explained.iter().map(|column| column.0).collect();
        assert_eq!(explained, columns);
    }

    fn names(batch: &RecordBatch) -> Vec<String> {
        let schema = batch.schema();
        schema.fields().iter().map(|f| f.name().clone()).collect()
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
        are_named(&batch, RATES, columns);
        let (first, second) = ("dims:16,seed=<b>&\"", "pixels");
        assert_eq!(
            text(&batch, "space"),
            [first, first, first, second, second, second]
        );
        let notions = ["hull", "range", "ball"];
        assert_eq!(text(&batch, "notion"), [notions, notions].concat());
        assert_eq!(whole(&batch, "d"), [Some(784); 6]);
        let rank = [Some(16), Some(16), Some(16), None, None, None];
        assert_eq!(whole(&batch, "rank"), rank);
        assert_eq!(float(&batch, "two_nn"), [Some(7.5); 6]);
        assert_eq!(float(&batch, "mle"), [None; 6]);
        assert_eq!(whole(&batch, "n_reference"), [Some(6000); 6]);
        assert_eq!(whole(&batch, "n_queries"), [Some(1000); 6]);
        let outside = [300, 150, 60, 1000, 500, 60].map(Some);
        assert_eq!(whole(&batch, "outside"), outside);
        assert_eq!(
            float(&batch, "rate"),
            [0.3, 0.15, 0.06, 1.0, 0.5, 0.06].map(Some)
        );
        let rates = || {
            report
                .spaces
                .iter()
                .flat_map(|space| &space.notions)
                .map(|notion| &notion.rate)
        };
        let ends = |end: usize| {
            rates()
                .map(|rate| rate.interval95.map(|ends| ends[end]))
                .collect::<Vec<_>>()
        };
        assert_eq!(float(&batch, "interval_low"), ends(0));
        assert_eq!(float(&batch, "interval_high"), ends(1));
        let null = [Some(0.625), None, None, Some(0.625), None, None];
        assert_eq!(float(&batch, "null_rate"), null);
        assert_eq!(
            float(&batch, "d_eff"),
            [Some(17.25), None, None, None, None, None]
        );
        assert_eq!(whole(&batch, "undecided"), [0, 0, 0, 3, 0, 0].map(Some));
        assert_eq!(whole(&batch, "left_out"), [Some(500); 6]);
        let outside = [75, 37, 15, 250, 125, 15].map(Some);
        assert_eq!(whole(&batch, "left_out_outside"), outside);
    }

    #[test]
    fn rates_of_no_query_are_null() {
        let mut report = report(false);
        report.spaces[0].notions[0].rate = crate::report::compare::tests::rate("hull", 0, 0);
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
        are_named(&batch, LABELS, columns);
        // The class without rows of its own has no rate of its own.
        let notions = [
            "hull",
            "range",
            "ball",
            "own_class_hull",
            "hull",
            "range",
            "ball",
        ];
        assert_eq!(text(&batch, "notion"), [notions, notions].concat());
        assert_eq!(
            text(&batch, "label")[..7],
            ["Bag", "Bag", "Bag", "Bag", "Coat", "Coat", "Coat"]
        );
        assert_eq!(text(&batch, "space")[7..], ["pixels"; 7]);
        assert_eq!(
            float(&batch, "rate")[..5],
            [0.4, 0.2, 0.06, 0.75, 0.4].map(Some)
        );
        assert_eq!(whole(&batch, "outside")[..5], [40, 20, 6, 75, 40].map(Some));
        assert_eq!(whole(&batch, "n_reference"), [Some(600); 14]);
        assert_eq!(whole(&batch, "n_queries"), [Some(100); 14]);
        assert_eq!(
            batch.column_by_name("interval_low").unwrap().null_count(),
            0
        );
    }
}
