//! Records as a table: Parquet, Arrow IPC, CSV or JSON lines, by the file's extension.
//!
//! The columns are those of `column.rs`. Results that were not asked for have no column. A value that does not apply is null,
//! in CSV an empty field; lists in CSV are joined by semicolons. Row numbers are those of the files. Records arrive in
//! batches and are written as they come.

mod collected;
mod column;
mod stream;

use super::columns::{as_field, as_json, batch, schema};
use super::file::Output;
use super::{Context, FileSink};
use crate::error::{Error, Result};
use crate::study::{Record, Sink};
use arrow_ipc::writer::FileWriter;
use arrow_schema::Schema;
pub use collected::Collected;
pub use column::About;
use column::{RecordColumn, all};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterPropertiesBuilder;
use std::fmt::Display;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
pub use stream::Stream;

/// The file extensions, for messages.
const KNOWN: &str = ".parquet (.pq), .arrow (.feather, .ipc), .csv and .jsonl (.ndjson)";

/// The formats of records.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RecordFormat {
    Parquet,
    Arrow,
    Csv,
    Json,
}

impl RecordFormat {
    /// The format by extension; the error lists the known ones.
    pub fn of(path: &Path) -> Result<Self> {
        let extension = path.extension().unwrap_or_default();
        Ok(match extension.to_string_lossy().to_lowercase().as_str() {
            "parquet" | "pq" => RecordFormat::Parquet,
            "arrow" | "feather" | "ipc" => RecordFormat::Arrow,
            "csv" => RecordFormat::Csv,
            "jsonl" | "ndjson" => RecordFormat::Json,
            _ => {
                return Err(Error::Usage(format!(
                    "cannot tell from {:?} how to write the records; give the file one of the extensions {KNOWN}",
                    path.display().to_string()
                )));
            }
        })
    }
}

/// Checks that records can be written to a file; nothing is left behind.
///
/// Errors: an unknown extension, a path that cannot be written.
pub fn check(path: &Path) -> Result<()> {
    // The error about a folder comes before the one about the extension.
    Output::create(path)?;
    RecordFormat::of(path).map(drop)
}

/// A sink that writes the format of the file's extension. The file appears when its output is committed.
///
/// Errors: as [`check`], and unknown notions.
pub fn create<'r>(
    path: &Path,
    context: &Context,
    about: &About<'r, '_>,
) -> Result<Box<dyn FileSink + 'r>> {
    let columns = all(about)?;
    let format = RecordFormat::of(path)?;
    let output = Output::create(path)?;
    let schema = schema(&columns, context.metadata().into_iter().collect());
    let mut file = output.writer()?;
    let writer = match format {
        RecordFormat::Parquet => {
            let properties = properties(context).build();
            let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties));
            FormatWriter::Parquet(writer.map_err(|error| output.format_error(error))?)
        }
        RecordFormat::Arrow => {
            let writer = FileWriter::try_new(file, &schema);
            FormatWriter::Arrow(writer.map_err(|error| output.format_error(error))?)
        }
        RecordFormat::Csv => {
            writeln!(file, "{}", csv_head(&columns)).map_err(|error| output.error(error))?;
            FormatWriter::Lines(file, csv_line)
        }
        RecordFormat::Json => FormatWriter::Lines(file, json_line),
    };
    Ok(Box::new(TableSink {
        output,
        writer,
        schema,
        columns,
    }))
}

/// The compression and the metadata of Parquet files.
pub(super) fn properties(context: &Context) -> WriterPropertiesBuilder {
    super::parquet_file::properties(context.metadata())
}

/// A writer of batches, or of lines made from the columns of a record.
enum FormatWriter {
    Parquet(ArrowWriter<BufWriter<File>>),
    Arrow(FileWriter<BufWriter<File>>),
    Lines(BufWriter<File>, fn(&[RecordColumn], &Record) -> String),
}

/// A sink that writes a table.
struct TableSink<'r> {
    output: Output,
    writer: FormatWriter,
    schema: Arc<Schema>,
    columns: Vec<RecordColumn<'r>>,
}

impl Sink for TableSink<'_> {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        let batch = || batch(&self.schema, &self.columns, records);
        let written = match &mut self.writer {
            FormatWriter::Parquet(writer) => batch()
                .map_err(ParquetError::from)
                .and_then(|batch| writer.write(&batch))
                .map_err(as_io_error),
            FormatWriter::Arrow(writer) => batch()
                .and_then(|batch| writer.write(&batch))
                .map_err(as_io_error),
            FormatWriter::Lines(writer, line) => {
                let mut lines = records.iter().map(|record| line(&self.columns, record));
                lines.try_for_each(|line| writeln!(writer, "{line}"))
            }
        };
        written.map_err(|error| self.output.error(error))
    }
}

impl FileSink for TableSink<'_> {
    fn written(self: Box<Self>) -> Result<Output> {
        let TableSink { output, writer, .. } = *self;
        let inner = match writer {
            FormatWriter::Parquet(writer) => writer.into_inner().map_err(as_io_error),
            FormatWriter::Arrow(writer) => writer.into_inner().map_err(as_io_error),
            FormatWriter::Lines(writer, _) => Ok(writer),
        };
        let inner = inner.map_err(|error| output.error(error))?;
        output.flush(inner)
    }
}

/// An error of a format's writer as one of the file.
fn as_io_error(error: impl Display) -> std::io::Error {
    std::io::Error::other(error.to_string())
}

/// The first line of CSV: the names of the columns.
fn csv_head(columns: &[RecordColumn]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
    names.join(",")
}

/// A record as a line of CSV; fields are quoted where necessary.
fn csv_line(columns: &[RecordColumn], record: &Record) -> String {
    let field = |column: &RecordColumn| {
        let field = as_field(column.value(record));
        match field.contains([',', '"', '\n', '\r']) {
            true => format!("\"{}\"", field.replace('"', "\"\"")),
            false => field,
        }
    };
    columns.iter().map(field).collect::<Vec<_>>().join(",")
}

/// A record as a JSON object, made by hand, so that the keys are in the order of the columns.
fn json_line(columns: &[RecordColumn], record: &Record) -> String {
    let field = |column: &RecordColumn| {
        let name = serde_json::Value::from(column.name.as_str());
        format!("{name}:{}", as_json(column.value(record)))
    };
    format!(
        "{{{}}}",
        columns.iter().map(field).collect::<Vec<_>>().join(",")
    )
}

/// A line of `--help-columns` for each column of a plan, in the file `file`.
///
/// Errors: unknown notions.
pub fn explained(file: &str, about: &About<'_, '_>) -> Result<String> {
    Ok(super::columns::help(file, &all(about)?))
}

/// A line for each column of a plan, with its type and its meaning.
///
/// Errors: unknown notions.
pub fn help(about: &About<'_, '_>) -> Result<String> {
    let columns = all(about)?;
    let line = |column: &RecordColumn| {
        let of = format!("{:?}", column.of).to_lowercase();
        format!("{:<24} {of:<7} {}\n", column.name, column.help)
    };
    Ok(columns.iter().map(line).collect())
}
