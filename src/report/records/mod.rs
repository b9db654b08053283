//! Records as a table: Parquet, Arrow IPC, CSV or JSON lines, by the file's extension; as CSV on stdout; as batches in memory.
//!
//! The columns are those of `column.rs`. Results that were not asked for have no column. A value that does not apply is null,
//! in CSV an empty field; lists in CSV are joined by semicolons. Row numbers are those of the files. Records arrive in
//! batches and are written as they come.

mod column;

use super::columns::{as_field, batch, schema};
use crate::error::Result;
use crate::store::file::{self, Output};
use crate::store::parquet_file::{ParquetWriter, properties};
use crate::store::{Context, FileSink};
use crate::study::{Record, Sink};
use arrow_array::RecordBatch;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, Schema};
pub use column::About;
pub(super) use column::provenance;
use column::{RecordColumn, all};
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

/// The file extensions, for messages.
const KNOWN: &str = ".parquet (.pq), .arrow (.feather, .ipc), .csv or .jsonl (.ndjson)";

/// The format of a file.
enum Format {
    Parquet,
    Arrow,
    Csv,
    Json,
}

/// The format of a file, by its extension; the error lists the known ones.
fn format(path: &Path) -> Result<Format> {
    Ok(match file::ending(path).as_str() {
        "parquet" | "pq" => Format::Parquet,
        "arrow" | "feather" | "ipc" => Format::Arrow,
        "csv" => Format::Csv,
        "jsonl" | "ndjson" => Format::Json,
        _ => return Err(file::wrong_ending(path, "records", KNOWN)),
    })
}

/// Checks that records can be written to a file; nothing is left behind.
///
/// Errors: an unknown extension, a path that cannot be written.
pub fn check(path: &Path) -> Result<()> {
    // The error about a folder comes before the one about the extension.
    Output::create(path)?;
    format(path).map(drop)
}

/// A sink that writes the format of the file's extension. The file appears when its output is committed.
///
/// Errors: as [`check`], and unknown notions.
pub fn create<'r>(
    path: &Path,
    context: &Context,
    about: &About<'r, '_>,
) -> Result<Box<dyn FileSink + 'r>> {
    let table = Table::new(about, context.metadata())?;
    let file = TableFile::create(path, &table, context)?;
    Ok(Box::new(TableSink { file, table }))
}

/// The columns of an analysis, which make records batches for callers that take arrays, or lines.
pub struct Table<'r> {
    pub schema: Arc<Schema>,
    columns: Vec<RecordColumn<'r>>,
}

impl<'r> Table<'r> {
    /// Errors: unknown notions.
    pub fn new(about: &About<'r, '_>, metadata: Vec<(String, String)>) -> Result<Self> {
        let columns = all(about)?;
        Ok(Table {
            schema: schema(&columns, metadata.into_iter().collect()),
            columns,
        })
    }

    /// Records as arrays.
    pub fn batch(&self, records: &[Record]) -> Result<RecordBatch, ArrowError> {
        batch(&self.schema, &self.columns, records)
    }

    /// The text made from each column, separated by commas.
    fn joined(&self, text: impl Fn(&RecordColumn) -> String) -> String {
        self.columns.iter().map(text).collect::<Vec<_>>().join(",")
    }

    /// The first line of CSV: the names of the columns.
    pub fn csv_head(&self) -> String {
        self.joined(|column| column.name.clone()) + "\n"
    }

    /// A record as a line of CSV; fields are quoted where necessary.
    pub fn csv_line(&self, record: &Record) -> String {
        let line = self.joined(|column| {
            let field = as_field(column.value(record));
            match field.contains([',', '"', '\n', '\r']) {
                true => format!("\"{}\"", field.replace('"', "\"\"")),
                false => field,
            }
        });
        line + "\n"
    }

    /// A record as a line with a JSON object, whose keys are in the order of the columns.
    fn json_line(&self, record: &Record) -> String {
        let fields = self.joined(|column| {
            let (name, value) = (json!(column.name), json!(column.value(record)));
            format!("{name}:{value}")
        });
        format!("{{{fields}}}\n")
    }
}

/// Makes a record a line.
type ToLine = fn(&Table, &Record) -> String;

/// A file of batches or of lines.
enum TableFile {
    Parquet(ParquetWriter),
    Arrow(Output, FileWriter<BufWriter<File>>),
    Lines(Output, BufWriter<File>, ToLine),
}

impl TableFile {
    fn create(path: &Path, table: &Table, context: &Context) -> Result<Self> {
        let format = format(path)?;
        if let Format::Parquet = format {
            let options = properties(context.metadata()).build();
            return ParquetWriter::create(path, &table.schema, options).map(TableFile::Parquet);
        }
        let output = Output::create(path)?;
        let mut writer = output.writer()?;
        if let Format::Arrow = format {
            let writer = FileWriter::try_new(writer, &table.schema);
            let writer = writer.map_err(|error| output.format_error(error))?;
            return Ok(TableFile::Arrow(output, writer));
        }
        let (head, line): (_, ToLine) = match format {
            Format::Json => (String::new(), |table, record| table.json_line(record)),
            _ => (table.csv_head(), |table, record| table.csv_line(record)),
        };
        let written = writer.write_all(head.as_bytes());
        written.map_err(|error| output.error(error))?;
        Ok(TableFile::Lines(output, writer, line))
    }
}

/// A sink that writes a table.
struct TableSink<'r> {
    file: TableFile,
    table: Table<'r>,
}

impl Sink for TableSink<'_> {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        let table = &self.table;
        match &mut self.file {
            TableFile::Parquet(file) => file.write(table.batch(records)),
            TableFile::Arrow(output, writer) => {
                let written = table.batch(records).and_then(|batch| writer.write(&batch));
                written.map_err(|error| output.format_error(error))
            }
            TableFile::Lines(output, writer, line) => {
                let lines = records.iter().map(|record| line(table, record));
                let written = writer.write_all(lines.collect::<String>().as_bytes());
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

/// A line of `--help-columns` for each column of an analysis, in the file `file`.
///
/// Errors: unknown notions.
pub fn help(file: &str, about: &About<'_, '_>) -> Result<String> {
    Ok(super::columns::help(file, &all(about)?))
}
