//! Records as a table: Parquet, Arrow IPC, CSV or JSON lines, by the file's extension.
//!
//! The columns are those of `column.rs`. Results that were not asked for have no column. A value that does not apply is null,
//! in CSV an empty field; lists in CSV are joined by semicolons. Row numbers are those of the files. Records arrive in
//! batches and are written as they come.

mod collected;
mod column;
mod stream;

use super::columns::{as_field, as_json, batch, schema};
use crate::error::Result;
use crate::store::file::{self, Output};
use crate::store::parquet_file::{ParquetWriter, properties};
use crate::store::{Context, FileSink};
use crate::study::{Record, Sink};
use arrow_ipc::writer::FileWriter;
use arrow_schema::Schema;
pub use collected::Collected;
pub use column::About;
pub(super) use column::provenance;
use column::{RecordColumn, all};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
pub use stream::Stream;

/// The file extensions, for messages.
const KNOWN: &str = ".parquet (.pq), .arrow (.feather, .ipc), .csv or .jsonl (.ndjson)";

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
        Ok(match file::ending(path).as_str() {
            "parquet" | "pq" => RecordFormat::Parquet,
            "arrow" | "feather" | "ipc" => RecordFormat::Arrow,
            "csv" => RecordFormat::Csv,
            "jsonl" | "ndjson" => RecordFormat::Json,
            _ => return Err(file::wrong_ending(path, "records", KNOWN)),
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
    let schema = schema(&columns, context.metadata().into_iter().collect());
    let file = match RecordFormat::of(path)? {
        RecordFormat::Parquet => TableFile::Parquet(ParquetWriter::create(
            path,
            &schema,
            properties(context.metadata()).build(),
        )?),
        RecordFormat::Arrow => {
            let output = Output::create(path)?;
            let writer = FileWriter::try_new(output.writer()?, &schema);
            let writer = writer.map_err(|error| output.format_error(error))?;
            TableFile::Arrow(output, writer)
        }
        RecordFormat::Csv => {
            let output = Output::create(path)?;
            let mut writer = output.writer()?;
            writeln!(writer, "{}", csv_head(&columns)).map_err(|error| output.error(error))?;
            TableFile::Lines(output, writer, csv_line)
        }
        RecordFormat::Json => {
            let output = Output::create(path)?;
            let writer = output.writer()?;
            TableFile::Lines(output, writer, json_line)
        }
    };
    Ok(Box::new(TableSink {
        file,
        schema,
        columns,
    }))
}

/// A file of batches, or of lines made from the columns of a record.
enum TableFile {
    Parquet(ParquetWriter),
    Arrow(Output, FileWriter<BufWriter<File>>),
    Lines(
        Output,
        BufWriter<File>,
        fn(&[RecordColumn], &Record) -> String,
    ),
}

/// A sink that writes a table.
struct TableSink<'r> {
    file: TableFile,
    schema: Arc<Schema>,
    columns: Vec<RecordColumn<'r>>,
}

impl Sink for TableSink<'_> {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        let batch = || batch(&self.schema, &self.columns, records);
        match &mut self.file {
            TableFile::Parquet(file) => file.write(batch()),
            TableFile::Arrow(output, writer) => {
                let written = batch().and_then(|batch| writer.write(&batch));
                written.map_err(|error| output.format_error(error))
            }
            TableFile::Lines(output, writer, line) => {
                let mut lines = records.iter().map(|record| line(&self.columns, record));
                let written = lines.try_for_each(|line| writeln!(writer, "{line}"));
                written.map_err(|error| output.error(error))
            }
        }
    }
}

impl FileSink for TableSink<'_> {
    fn written(self: Box<Self>) -> Result<Output> {
        match self.file {
            TableFile::Parquet(file) => file.written(),
            TableFile::Arrow(output, writer) => match writer.into_inner() {
                Ok(inner) => output.flush(inner),
                Err(error) => Err(output.format_error(error)),
            },
            TableFile::Lines(output, writer, _) => output.flush(writer),
        }
    }
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
