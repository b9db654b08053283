//! Records as a table: Parquet, Arrow IPC, CSV or JSON lines, by the file's extension.
//!
//! Columns: `query`, `verdict`, `proof` (exact, tolerance or separated), `reason` (why it is undecided), `margin`,
//! `residual` (of an inside certificate, as a share of the local scale), `distance_lower`, `distance_upper`, `gap`
//! ((upper - lower) / upper), `support`, `scans`, `nearest_row`, `nearest_distance`, `nearest_ratio`, and with K > 1 the
//! lists `neighbour_rows` and `neighbour_distances`. What was not asked for, or does not apply, is null; in CSV an empty
//! field, and lists are joined by semicolons. Row numbers are those of the files. Records arrive in batches and are
//! written as they come.

use super::file::Output;
use super::{Context, FileSink};
use crate::error::{Error, Result};
use crate::hull::{Answer, Bracket};
use crate::study::summary::name;
use crate::study::{Neighbour, Record, Sink};
use arrow_array::builder::{Float64Builder, ListBuilder, UInt64Builder};
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterPropertiesBuilder;
use serde_json::json;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

/// What can be written, for messages.
const KNOWN: &str = ".parquet, .arrow, .csv and .jsonl";

/// How records can be written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Format {
    Parquet,
    Arrow,
    Csv,
    Json,
}

impl Format {
    /// By the extension; an error lists those that are known.
    pub fn of(path: &Path) -> Result<Self> {
        let extension = path.extension().unwrap_or_default();
        Ok(match extension.to_string_lossy().to_lowercase().as_str() {
            "parquet" => Format::Parquet,
            "arrow" | "feather" => Format::Arrow,
            "csv" => Format::Csv,
            "jsonl" => Format::Json,
            _ => {
                return Err(Error::Usage(format!(
                    "cannot tell from {:?} how to write the records; give the file one of the extensions {KNOWN}",
                    path.display().to_string()
                )));
            }
        })
    }
}

/// A sink for the file's extension. The file exists only after [`FileSink::finish`].
///
/// Errors: an unknown extension, a path that cannot be written.
pub fn create(path: &Path, context: &Context) -> Result<Box<dyn FileSink>> {
    let lists = context.plan.neighbours > 1;
    Ok(match Format::of(path)? {
        Format::Parquet => Box::new(Parquet::create(path, context, lists)?),
        Format::Arrow => Box::new(Arrow::create(path, context, lists)?),
        Format::Csv => Box::new(Lines::create(path, lists, Style::Csv)?),
        Format::Json => Box::new(Lines::create(path, lists, Style::Json)?),
    })
}

fn schema(context: &Context, lists: bool) -> Arc<Schema> {
    let list = |name: &str, data_type| {
        Field::new(
            name,
            DataType::List(Arc::new(Field::new_list_field(data_type, true))),
            true,
        )
    };
    let mut fields = vec![
        Field::new("query", DataType::UInt64, false),
        Field::new("verdict", DataType::Utf8, true),
        Field::new("proof", DataType::Utf8, true),
        Field::new("reason", DataType::Utf8, true),
        Field::new("margin", DataType::Float64, true),
        Field::new("residual", DataType::Float64, true),
        Field::new("distance_lower", DataType::Float64, true),
        Field::new("distance_upper", DataType::Float64, true),
        Field::new("gap", DataType::Float64, true),
        Field::new("support", DataType::UInt32, true),
        Field::new("scans", DataType::UInt32, true),
        Field::new("nearest_row", DataType::UInt64, true),
        Field::new("nearest_distance", DataType::Float64, true),
        Field::new("nearest_ratio", DataType::Float64, true),
    ];
    if lists {
        fields.extend([
            list("neighbour_rows", DataType::UInt64),
            list("neighbour_distances", DataType::Float64),
        ]);
    }
    Arc::new(Schema::new_with_metadata(
        fields,
        context.metadata().into_iter().collect::<HashMap<_, _>>(),
    ))
}

/// The nearest row of a record.
fn nearest(record: &Record) -> Option<&Neighbour> {
    record.neighbours.first()
}

fn ratio(record: &Record) -> Option<f64> {
    Some(record.nearest_ratio).filter(|ratio| ratio.is_finite())
}

/// How a verdict is proved, by name.
fn proof(answer: &Answer) -> Option<String> {
    answer.proof.map(|proof| proof.name().into())
}

/// Why a query is undecided, by name.
fn reason(answer: &Answer) -> Option<String> {
    answer.reason.map(name)
}

fn gap(answer: &Answer) -> Option<f64> {
    answer.distance.as_ref().map(Bracket::gap)
}

fn batch(
    schema: &Arc<Schema>,
    records: &[Record],
    lists: bool,
) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let word = |pick: fn(&Answer) -> Option<String>| -> ArrayRef {
        let words = records.iter().map(|r| r.hull.as_ref().and_then(pick));
        Arc::new(words.collect::<StringArray>())
    };
    let hull = |pick: fn(&Answer) -> Option<f64>| -> ArrayRef {
        let numbers = records.iter().map(|r| r.hull.as_ref().and_then(pick));
        Arc::new(numbers.collect::<Float64Array>())
    };
    let count = |pick: fn(&Answer) -> u32| -> ArrayRef {
        Arc::new(
            records
                .iter()
                .map(|r| r.hull.as_ref().map(pick))
                .collect::<UInt32Array>(),
        )
    };
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(UInt64Array::from_iter_values(
            records.iter().map(|r| r.query),
        )),
        word(|answer| Some(answer.verdict.name().into())),
        word(proof),
        word(reason),
        hull(|answer| Some(answer.margin)),
        hull(|answer| answer.residual),
        hull(|answer| answer.distance.map(|bracket| bracket.lower)),
        hull(|answer| answer.distance.map(|bracket| bracket.upper)),
        hull(gap),
        count(|answer| answer.support as u32),
        count(|answer| answer.scans),
        Arc::new(
            records
                .iter()
                .map(|r| nearest(r).map(|n| n.row))
                .collect::<UInt64Array>(),
        ),
        Arc::new(
            records
                .iter()
                .map(|r| nearest(r).map(|n| n.distance))
                .collect::<Float64Array>(),
        ),
        Arc::new(records.iter().map(ratio).collect::<Float64Array>()),
    ];
    if lists {
        let mut rows = ListBuilder::new(UInt64Builder::new());
        let mut distances = ListBuilder::new(Float64Builder::new());
        for record in records {
            rows.append_value(record.neighbours.iter().map(|n| Some(n.row)));
            distances.append_value(record.neighbours.iter().map(|n| Some(n.distance)));
        }
        columns.extend([
            Arc::new(rows.finish()) as ArrayRef,
            Arc::new(distances.finish()),
        ]);
    }
    RecordBatch::try_new(Arc::clone(schema), columns)
}

/// How this program compresses Parquet.
pub(super) fn properties(context: &Context) -> WriterPropertiesBuilder {
    super::batch::properties(context.metadata())
}

struct Parquet {
    output: Output,
    writer: ArrowWriter<BufWriter<File>>,
    schema: Arc<Schema>,
    lists: bool,
}

impl Parquet {
    fn create(path: &Path, context: &Context, lists: bool) -> Result<Self> {
        let output = Output::create(path)?;
        let schema = schema(context, lists);
        let writer = ArrowWriter::try_new(
            output.writer()?,
            Arc::clone(&schema),
            Some(properties(context).build()),
        )
        .map_err(|error| output.failed(error))?;
        Ok(Parquet {
            output,
            writer,
            schema,
            lists,
        })
    }
}

impl Sink for Parquet {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        let batch =
            batch(&self.schema, records, self.lists).map_err(|error| self.output.failed(error))?;
        self.writer
            .write(&batch)
            .map_err(|error| self.output.failed(error))
    }
}

impl FileSink for Parquet {
    fn finish(self: Box<Self>) -> Result<()> {
        let Parquet { output, writer, .. } = *self;
        let inner = writer.into_inner().map_err(|error| output.failed(error))?;
        output.close(inner)
    }
}

struct Arrow {
    output: Output,
    writer: arrow_ipc::writer::FileWriter<BufWriter<File>>,
    schema: Arc<Schema>,
    lists: bool,
}

impl Arrow {
    fn create(path: &Path, context: &Context, lists: bool) -> Result<Self> {
        let output = Output::create(path)?;
        let schema = schema(context, lists);
        let writer = arrow_ipc::writer::FileWriter::try_new(output.writer()?, &schema)
            .map_err(|error| output.failed(error))?;
        Ok(Arrow {
            output,
            writer,
            schema,
            lists,
        })
    }
}

impl Sink for Arrow {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        let batch =
            batch(&self.schema, records, self.lists).map_err(|error| self.output.failed(error))?;
        self.writer
            .write(&batch)
            .map_err(|error| self.output.failed(error))
    }
}

impl FileSink for Arrow {
    fn finish(self: Box<Self>) -> Result<()> {
        let Arrow { output, writer, .. } = *self;
        let inner = writer.into_inner().map_err(|error| output.failed(error))?;
        output.close(inner)
    }
}

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Style {
    Csv,
    Json,
}

struct Lines {
    output: Output,
    writer: BufWriter<File>,
    lists: bool,
    style: Style,
}

impl Lines {
    fn create(path: &Path, lists: bool, style: Style) -> Result<Self> {
        let output = Output::create(path)?;
        let mut lines = Lines {
            writer: output.writer()?,
            output,
            lists,
            style,
        };
        if style == Style::Csv {
            let lists = if lists {
                ",neighbour_rows,neighbour_distances"
            } else {
                ""
            };
            let names = "query,verdict,proof,reason,margin,residual,distance_lower,distance_upper,gap,support,scans,\
                         nearest_row,nearest_distance,nearest_ratio";
            lines.line(&format!("{names}{lists}"))?;
        }
        Ok(lines)
    }

    fn line(&mut self, text: &str) -> Result<()> {
        writeln!(self.writer, "{text}").map_err(|error| self.output.error(error))
    }
}

/// A record as JSON, which writes every f64 so that it reads back the same.
fn as_json(record: &Record, lists: bool) -> serde_json::Value {
    let hull = record.hull.as_ref();
    let distance = hull.and_then(|answer| answer.distance);
    let mut line = json!({
        "query": record.query,
        "verdict": hull.map(|answer| answer.verdict.name()),
        "proof": hull.and_then(proof),
        "reason": hull.and_then(reason),
        "margin": hull.map(|answer| answer.margin),
        "residual": hull.and_then(|answer| answer.residual),
        "distance_lower": distance.map(|d| d.lower),
        "distance_upper": distance.map(|d| d.upper),
        "gap": hull.and_then(gap),
        "support": hull.map(|answer| answer.support),
        "scans": hull.map(|answer| answer.scans),
        "nearest_row": nearest(record).map(|n| n.row),
        "nearest_distance": nearest(record).map(|n| n.distance),
        "nearest_ratio": ratio(record),
    });
    if lists {
        line["neighbour_rows"] = record.neighbours.iter().map(|n| n.row).collect();
        line["neighbour_distances"] = record.neighbours.iter().map(|n| n.distance).collect();
    }
    line
}

/// A record as CSV.
fn as_csv(record: &Record, lists: bool) -> String {
    fn field<T: ToString>(value: Option<T>) -> String {
        value.map_or_else(String::new, |value| value.to_string())
    }
    // `Debug` writes an exponent where plain digits would be hundreds.
    let number = |value: f64| format!("{value:?}");
    let float = |value: Option<f64>| value.map_or_else(String::new, number);
    let hull = record.hull.as_ref();
    let distance = hull.and_then(|answer| answer.distance);
    let mut fields = vec![
        record.query.to_string(),
        field(hull.map(|answer| answer.verdict.name())),
        field(hull.and_then(proof)),
        field(hull.and_then(reason)),
        float(hull.map(|answer| answer.margin)),
        float(hull.and_then(|answer| answer.residual)),
        float(distance.map(|d| d.lower)),
        float(distance.map(|d| d.upper)),
        float(hull.and_then(gap)),
        field(hull.map(|answer| answer.support)),
        field(hull.map(|answer| answer.scans)),
        field(nearest(record).map(|n| n.row)),
        float(nearest(record).map(|n| n.distance)),
        float(ratio(record)),
    ];
    if lists {
        let join = |each: Vec<String>| each.join(";");
        fields.push(join(
            record
                .neighbours
                .iter()
                .map(|n| n.row.to_string())
                .collect(),
        ));
        fields.push(join(
            record
                .neighbours
                .iter()
                .map(|n| number(n.distance))
                .collect(),
        ));
    }
    fields.join(",")
}

impl Sink for Lines {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        for record in records {
            let text = match self.style {
                Style::Csv => as_csv(record, self.lists),
                Style::Json => as_json(record, self.lists).to_string(),
            };
            self.line(&text)?;
        }
        Ok(())
    }
}

impl FileSink for Lines {
    fn finish(self: Box<Self>) -> Result<()> {
        let Lines {
            output, mut writer, ..
        } = *self;
        writer.flush().map_err(|error| output.error(error))?;
        drop(writer);
        output.commit()
    }
}
