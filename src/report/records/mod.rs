//! Records as a table: Parquet, Arrow IPC, CSV or JSON lines, by the file's extension.
//!
//! The columns are those of `column.rs`. Results that were not asked for have no column. A value that does not apply is null,
//! in CSV an empty field; lists in CSV are joined by semicolons. Row numbers are those of the files. Records arrive in
//! batches and are written as they come.

mod collected;
mod column;
mod stream;

pub(super) use column::array;

use super::file::Output;
use super::{Context, FileSink};
use crate::error::{Error, Result};
use crate::study::{Record, Sink};
use arrow_schema::Schema;
pub use collected::Collected;
pub use column::About;
use column::{RecordColumn, as_field, as_json, batch, columns, schema};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterPropertiesBuilder;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
pub use stream::Stream;

/// The file extensions, for messages.
const KNOWN: &str = ".parquet (.pq), .arrow (.feather, .ipc), .csv and .jsonl (.ndjson)";

/// The formats of records.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Format {
    Parquet,
    Arrow,
    Csv,
    Json,
}

impl Format {
    /// The format by extension; the error lists the known ones.
    pub fn of(path: &Path) -> Result<Self> {
        let extension = path.extension().unwrap_or_default();
        Ok(match extension.to_string_lossy().to_lowercase().as_str() {
            "parquet" | "pq" => Format::Parquet,
            "arrow" | "feather" | "ipc" => Format::Arrow,
            "csv" => Format::Csv,
            "jsonl" | "ndjson" => Format::Json,
            _ => {
                return Err(Error::Usage(format!(
                    "cannot tell from {:?} how to write the records; give the file one of the extensions {KNOWN}",
                    path.display().to_string()
                )));
            }
        })
    }
}

/// A sink for the file's extension. The file exists only after
/// [`FileSink::finish`].
///
/// Errors: an unknown extension, a path that cannot be written.
pub fn create<'r>(
    path: &Path,
    context: &Context,
    about: &About<'r, '_>,
) -> Result<Box<dyn FileSink + 'r>> {
    let columns = columns(about)?;
    Ok(match Format::of(path)? {
        Format::Parquet => Box::new(Batches::parquet(path, context, columns)?),
        Format::Arrow => Box::new(Batches::arrow(path, context, columns)?),
        Format::Csv => Box::new(Lines::create(path, columns, Style::Csv)?),
        Format::Json => Box::new(Lines::create(path, columns, Style::Json)?),
    })
}

/// The compression and the metadata of Parquet files.
pub(super) fn properties(context: &Context) -> WriterPropertiesBuilder {
    super::parquet_file::properties(context.metadata())
}

/// A writer of Arrow batches.
enum Writer {
    Parquet(ArrowWriter<BufWriter<File>>),
    Arrow(arrow_ipc::writer::FileWriter<BufWriter<File>>),
}

/// A sink that writes records as batches, in a format with types.
struct Batches<'r> {
    output: Output,
    writer: Writer,
    schema: Arc<Schema>,
    columns: Vec<RecordColumn<'r>>,
}

impl<'r> Batches<'r> {
    fn parquet(path: &Path, context: &Context, columns: Vec<RecordColumn<'r>>) -> Result<Self> {
        Self::create(path, context, columns, |output, schema| {
            let properties = properties(context).build();
            ArrowWriter::try_new(output.writer()?, Arc::clone(schema), Some(properties))
                .map(Writer::Parquet)
                .map_err(|error| output.failed(error))
        })
    }

    fn arrow(path: &Path, context: &Context, columns: Vec<RecordColumn<'r>>) -> Result<Self> {
        Self::create(path, context, columns, |output, schema| {
            arrow_ipc::writer::FileWriter::try_new(output.writer()?, schema)
                .map(Writer::Arrow)
                .map_err(|error| output.failed(error))
        })
    }

    fn create(
        path: &Path,
        context: &Context,
        columns: Vec<RecordColumn<'r>>,
        writer: impl FnOnce(&Output, &Arc<Schema>) -> Result<Writer>,
    ) -> Result<Self> {
        let output = Output::create(path)?;
        let schema = schema(&columns, context.metadata().into_iter().collect());
        Ok(Batches {
            writer: writer(&output, &schema)?,
            output,
            schema,
            columns,
        })
    }
}

impl Sink for Batches<'_> {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        let batch = batch(&self.schema, &self.columns, records)
            .map_err(|error| self.output.failed(error))?;
        match &mut self.writer {
            Writer::Parquet(writer) => writer
                .write(&batch)
                .map_err(|error| self.output.failed(error)),
            Writer::Arrow(writer) => writer
                .write(&batch)
                .map_err(|error| self.output.failed(error)),
        }
    }
}

impl FileSink for Batches<'_> {
    fn written(self: Box<Self>) -> Result<Output> {
        let Batches { output, writer, .. } = *self;
        let inner = match writer {
            Writer::Parquet(writer) => writer.into_inner().map_err(|error| output.failed(error)),
            Writer::Arrow(writer) => writer.into_inner().map_err(|error| output.failed(error)),
        }?;
        output.flushed(inner)
    }
}

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Style {
    Csv,
    Json,
}

struct Lines<'r> {
    output: Output,
    writer: BufWriter<File>,
    columns: Vec<RecordColumn<'r>>,
    style: Style,
}

impl<'r> Lines<'r> {
    fn create(path: &Path, columns: Vec<RecordColumn<'r>>, style: Style) -> Result<Self> {
        let output = Output::create(path)?;
        let mut lines = Lines {
            writer: output.writer()?,
            output,
            columns,
            style,
        };
        if style == Style::Csv {
            let names = head(&lines.columns);
            lines.line(&names)?;
        }
        Ok(lines)
    }

    fn line(&mut self, text: &str) -> Result<()> {
        writeln!(self.writer, "{text}").map_err(|error| self.output.error(error))
    }
}

/// The first line of CSV: the names of the columns.
fn head(columns: &[RecordColumn<'_>]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
    names.join(",")
}

/// A record as a line.
fn line(columns: &[RecordColumn<'_>], record: &Record, style: Style) -> String {
    let values = columns
        .iter()
        .map(|column| (&column.name, column.value(record)));
    match style {
        Style::Csv => {
            let fields = values.map(|(_, value)| quoted(as_field(value)));
            fields.collect::<Vec<_>>().join(",")
        }
        // Written by hand, so that the keys are in the order of the columns.
        Style::Json => {
            let fields = values.map(|(name, value)| {
                let name = serde_json::Value::from(name.as_str());
                format!("{name}:{}", as_json(value))
            });
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
    }
}

/// A field of CSV, quoted where necessary.
fn quoted(field: String) -> String {
    match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field,
    }
}

impl Sink for Lines<'_> {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        for record in records {
            let text = line(&self.columns, record, self.style);
            self.line(&text)?;
        }
        Ok(())
    }
}

impl FileSink for Lines<'_> {
    fn written(self: Box<Self>) -> Result<Output> {
        let Lines { output, writer, .. } = *self;
        output.flushed(writer)
    }
}

/// The name and the meaning of each column of a plan.
///
/// Errors: unknown notions.
pub fn explained(about: &About<'_, '_>) -> Result<Vec<(String, String)>> {
    let each = columns(about)?.into_iter();
    Ok(each.map(|column| (column.name, column.help)).collect())
}

/// A line for each column of a plan, with its type and its meaning.
///
/// Errors: unknown notions.
pub fn help(about: &About<'_, '_>) -> Result<String> {
    let columns = columns(about)?;
    let line = |column: &RecordColumn| {
        let of = format!("{:?}", column.of).to_lowercase();
        format!("{:<24} {of:<7} {}\n", column.name, column.help)
    };
    Ok(columns.iter().map(line).collect())
}
