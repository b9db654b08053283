//! Parquet files of this program: they are written batch by batch, and read without trust.

use super::file::Output;
use crate::error::{Error, Place, Result};
use crate::rows::{open_expected, parquet_pages};
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
use std::path::{Path, PathBuf};
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

    /// Ends the row group if it takes more than `most` bytes.
    pub fn end_group_beyond(&mut self, most: usize) -> Result<()> {
        if self.writer.in_progress_size() <= most {
            return Ok(());
        }
        let ended = self.writer.flush();
        ended.map_err(|error| self.output.format_error(error))
    }

    /// Writes the remaining data; the file appears when the output is committed.
    pub fn written(self) -> Result<Output> {
        let ParquetWriter { output, writer } = self;
        match writer.into_inner() {
            Ok(inner) => output.flush(inner),
            Err(error) => Err(output.format_error(error)),
        }
    }
}

/// A Parquet file that a command wrote, as another reads it.
#[derive(Clone)]
pub(crate) struct ParquetSource {
    pub path: PathBuf,
    /// What to name instead of a file that is wrong.
    pub advice: &'static str,
}

impl ParquetSource {
    /// An error about the file.
    pub fn wrong(&self, place: Place, what: impl Into<String>) -> Error {
        Error::input(self.path.display().to_string(), place, what, self.advice)
    }

    /// The error of the Parquet crate.
    pub fn undecodable(&self, place: Place, error: impl Display) -> Error {
        self.wrong(place, format!("cannot be decoded: {error}"))
    }

    /// Decoding corrupt data can panic inside the Parquet crate; such a panic becomes an error about the file.
    pub fn guarded<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let what = "the file's structure contradicts itself";
        let panicked = |_| Err(self.wrong(Place::Whole, what));
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked)
    }

    /// Opens the file and checks its pages.
    pub fn open(&self) -> Result<ParquetRecordBatchReaderBuilder<File>> {
        let file = open_expected(&self.path, self.advice)?;
        let again = file.try_clone();
        let again = again.map_err(|error| Error::io("open", &self.path, error))?;
        self.guarded(|| {
            let builder = ParquetRecordBatchReaderBuilder::try_new(file);
            let not_parquet = |error| format!("not a valid Parquet file: {error}");
            let builder = builder.map_err(|error| self.wrong(Place::Whole, not_parquet(error)))?;
            parquet_pages::check_all(&self.path, &again, builder.metadata())?;
            Ok(builder)
        })
    }

    /// The batches of the opened file, each with the number of its first row. The first error ends them.
    pub fn batches(
        &self,
        opened: ParquetRecordBatchReaderBuilder<File>,
    ) -> Result<impl Iterator<Item = Result<(u64, RecordBatch)>> + use<>> {
        let reader = self.guarded(|| {
            let built = opened.build();
            built.map_err(|error| self.undecodable(Place::Whole, error))
        })?;
        let (source, mut reader, mut row) = (self.clone(), Some(reader), 0);
        Ok(std::iter::from_fn(move || {
            let next = source.guarded(|| {
                let next = reader.as_mut().and_then(Iterator::next).transpose();
                next.map_err(|error| source.undecodable(Place::Row(row), error))
            });
            if next.is_err() {
                reader = None;
            }
            let first = row;
            let batch = next.transpose()?;
            row += batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
            Some(batch.map(|batch| (first, batch)))
        }))
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
