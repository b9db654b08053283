//! Records as a table: Parquet, Arrow IPC, CSV or JSON lines, by the file's extension.
//!
//! The columns are those of `column.rs`. What was not asked for has no column. What does not apply is null; in CSV an empty
//! field, and lists are joined by semicolons. Row numbers are those of the files. Records arrive in batches and are
//! written as they come.

mod collected;
mod column;

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

/// What can be written, for messages.
const KNOWN: &str = ".parquet (.pq), .arrow (.feather, .ipc), .csv and .jsonl (.ndjson)";

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

/// How this program compresses Parquet.
pub(super) fn properties(context: &Context) -> WriterPropertiesBuilder {
    super::parquet_file::properties(context.metadata())
}

/// A writer of batches of records.
enum Writer {
    Parquet(ArrowWriter<BufWriter<File>>),
    Arrow(arrow_ipc::writer::FileWriter<BufWriter<File>>),
}

/// Records in batches, in a format that has types.
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
            let names: Vec<&str> = lines.columns.iter().map(|column| &*column.name).collect();
            lines.line(&names.join(","))?;
        }
        Ok(lines)
    }

    fn line(&mut self, text: &str) -> Result<()> {
        writeln!(self.writer, "{text}").map_err(|error| self.output.error(error))
    }
}

/// A field of CSV, in quotes where it needs them.
fn quoted(field: String) -> String {
    match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field,
    }
}

impl Sink for Lines<'_> {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        for record in records {
            let values = self
                .columns
                .iter()
                .map(|column| (&column.name, column.value(record)));
            let text = match self.style {
                Style::Csv => {
                    let fields = values.map(|(_, value)| quoted(as_field(value)));
                    fields.collect::<Vec<_>>().join(",")
                }
                // By hand, so that the keys stand in the order of the columns.
                Style::Json => {
                    let fields = values.map(|(name, value)| {
                        format!(
                            "{}:{}",
                            serde_json::Value::from(name.as_str()),
                            as_json(value)
                        )
                    });
                    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
                }
            };
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

/// The name of each column that a plan gives, and what it says.
///
/// Errors: notions that are not known.
pub fn explained(about: &About<'_, '_>) -> Result<Vec<(String, String)>> {
    let each = columns(about)?.into_iter();
    Ok(each.map(|column| (column.name, column.help)).collect())
}

/// A line for each column that a plan gives, with its type and what it says.
///
/// Errors: notions that are not known.
pub fn help(about: &About<'_, '_>) -> Result<String> {
    let columns = columns(about)?;
    let line = |column: &RecordColumn| {
        let of = format!("{:?}", column.of).to_lowercase();
        format!("{:<24} {of:<7} {}\n", column.name, column.help)
    };
    Ok(columns.iter().map(line).collect())
}
