//! Records as a table: Parquet, Arrow IPC, CSV or JSON lines, by the file's extension; as CSV on stdout; as batches in memory.
//!
//! The columns are those of `column.rs`. Results that were not asked for have no column. A value that does not apply is null,
//! in CSV an empty field; lists in CSV are joined by semicolons. Row numbers are those of the files. Records arrive in
//! batches and are written as they come.

mod column;

use super::columns::{as_field, batch, schema};
use crate::error::{Error, Result};
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

/// The columns of an analysis.
struct Table<'r> {
    schema: Arc<Schema>,
    columns: Vec<RecordColumn<'r>>,
}

impl<'r> Table<'r> {
    fn new(about: &About<'r, '_>, metadata: Vec<(String, String)>) -> Result<Self> {
        let columns = all(about)?;
        Ok(Table {
            schema: schema(&columns, metadata.into_iter().collect()),
            columns,
        })
    }

    fn batch(&self, records: &[Record]) -> Result<RecordBatch, ArrowError> {
        batch(&self.schema, &self.columns, records)
    }

    /// The text made from each column, separated by commas.
    fn joined(&self, text: impl Fn(&RecordColumn) -> String) -> String {
        self.columns.iter().map(text).collect::<Vec<_>>().join(",")
    }

    /// The first line of CSV: the names of the columns.
    fn csv_head(&self) -> String {
        self.joined(|column| column.name.clone()) + "\n"
    }

    /// A record as a line of CSV; fields are quoted where necessary.
    fn csv_line(&self, record: &Record) -> String {
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

/// A file of batches or of lines.
enum TableFile {
    Parquet(ParquetWriter),
    Arrow(Output, FileWriter<BufWriter<File>>),
    Lines(Output, BufWriter<File>, Format),
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
        let written = match format {
            Format::Json => Ok(()),
            _ => writer.write_all(table.csv_head().as_bytes()),
        };
        written.map_err(|error| output.error(error))?;
        Ok(TableFile::Lines(output, writer, format))
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
            TableFile::Lines(output, writer, format) => {
                let lines = records.iter().map(|record| match format {
                    Format::Json => table.json_line(record),
                    _ => table.csv_line(record),
                });
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

/// Records as CSV on stdout, each batch as soon as it is known, for a program that reads them as they are found.
pub struct Stream<'r>(Table<'r>);

impl<'r> Stream<'r> {
    /// Writes the line of names.
    ///
    /// Errors: unknown notions; a closed pipe, which ends the work.
    pub fn create(about: &About<'r, '_>) -> Result<Self> {
        let table = Table::new(about, Vec::new())?;
        file::write_stdout(&table.csv_head())?;
        Ok(Stream(table))
    }
}

impl Sink for Stream<'_> {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        let lines = records.iter().map(|record| self.0.csv_line(record));
        file::write_stdout(&lines.collect::<String>())
    }
}

/// The table that [`create`] would write, in memory, for callers that take arrays instead of files.
pub struct Collected<'r> {
    table: Table<'r>,
    batches: Vec<RecordBatch>,
}

impl<'r> Collected<'r> {
    /// An empty table of the columns of an analysis.
    ///
    /// Errors: unknown notions.
    pub fn new(about: &About<'r, '_>) -> Result<Self> {
        Ok(Collected {
            table: Table::new(about, Vec::new())?,
            batches: Vec::new(),
        })
    }

    /// The schema, and the batches in query order.
    pub fn finish(self) -> (Arc<Schema>, Vec<RecordBatch>) {
        (self.table.schema, self.batches)
    }
}

impl Sink for Collected<'_> {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        let batch = self.table.batch(records);
        let failed = |error| Error::Usage(format!("the records are no table: {error}"));
        self.batches.push(batch.map_err(failed)?);
        Ok(())
    }
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
