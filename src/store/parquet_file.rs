//! Parquet files of this program: they are written batch by batch, or at once from a table in memory such as the points of
//! a sweep, and read without trust.

use super::file::Output;
use crate::error::{Error, Place, Result};
use crate::rows::{open_file, parquet_pages};
use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use serde_json::Value;
use std::fmt::Display;
use std::fs::File;
use std::io::BufWriter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

/// A file that is being written.
pub(crate) struct ParquetWriter {
    pub output: Output,
    pub writer: ArrowWriter<BufWriter<File>>,
}

impl ParquetWriter {
    /// A file of that schema. Errors: a path that cannot be written.
    pub fn create(path: &Path, schema: &Arc<Schema>, options: WriterProperties) -> Result<Self> {
        let output = Output::create(path)?;
        let writer = ArrowWriter::try_new(output.writer()?, Arc::clone(schema), Some(options));
        let writer = writer.map_err(|error| output.format_error(error))?;
        Ok(ParquetWriter { output, writer })
    }

    pub fn write(&mut self, batch: Result<RecordBatch, ArrowError>) -> Result<()> {
        let batch = batch.map_err(|error| self.output.format_error(error))?;
        let written = self.writer.write(&batch);
        written.map_err(|error| self.output.format_error(error))
    }

    /// Writes the remaining data; the file appears when the output is committed.
    pub fn written(self) -> Result<Output> {
        let ParquetWriter { output, writer } = self;
        let inner = writer
            .into_inner()
            .map_err(|error| output.format_error(error))?;
        output.flush(inner)
    }
}

/// A Parquet file that a command wrote, as another reads it.
#[derive(Clone, Copy)]
pub(crate) struct ParquetSource<'p> {
    pub path: &'p Path,
    /// What to name instead of a file that is wrong.
    pub advice: &'static str,
}

impl ParquetSource<'_> {
    /// An error about the file.
    pub fn wrong(&self, place: Place, what: impl Into<String>) -> Error {
        Error::input(self.path.display().to_string(), place, what, self.advice)
    }

    /// The error of the Parquet crate.
    pub fn undecodable(&self, error: impl Display) -> Error {
        self.wrong(Place::Whole, format!("cannot be decoded: {error}"))
    }

    /// Decoding corrupt data can panic inside the Parquet crate; such a panic becomes an error about the file.
    pub fn guarded<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let what = "the file's structure contradicts itself";
        let panicked = |_| Err(self.wrong(Place::Whole, what));
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked)
    }

    /// Opens the file and checks its pages.
    pub fn open(&self) -> Result<ParquetRecordBatchReaderBuilder<File>> {
        let file = open_file(self.path)?;
        let again = file.try_clone();
        let again = again.map_err(|error| Error::io("open", self.path, error))?;
        self.guarded(|| {
            let builder = ParquetRecordBatchReaderBuilder::try_new(file);
            let not_parquet = |error| format!("not a valid Parquet file: {error}");
            let builder = builder.map_err(|error| self.wrong(Place::Whole, not_parquet(error)))?;
            parquet_pages::check_all(self.path, &again, builder.metadata())?;
            Ok(builder)
        })
    }
}

/// The compression and the metadata of a Parquet file.
pub(crate) fn properties(
    metadata: impl IntoIterator<Item = (String, String)>,
) -> WriterPropertiesBuilder {
    let metadata = metadata.into_iter();
    let metadata = metadata.map(|(key, value)| KeyValue::new(key, value));
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(metadata.collect()))
}

/// The metadata of a table: the command line and the settings of the run.
pub(crate) fn metadata(command: &str, settings: &Value) -> Vec<(String, String)> {
    vec![
        ("hullscope.version".into(), env!("CARGO_PKG_VERSION").into()),
        ("hullscope.command".into(), command.into()),
        ("hullscope.settings".into(), settings.to_string()),
    ]
}

/// Writes a batch, with the command line and the settings of the run.
pub(crate) fn write(
    path: &Path,
    command: &str,
    settings: &Value,
    batch: Result<RecordBatch, ArrowError>,
) -> Result<()> {
    let failed = |error: ArrowError| Error::io("write", path, std::io::Error::other(error));
    let batch = batch.map_err(failed)?;
    let options = properties(metadata(command, settings)).build();
    let mut file = ParquetWriter::create(path, &batch.schema(), options)?;
    file.write(Ok(batch))?;
    file.written()?.commit()
}
