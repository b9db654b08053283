//! One Arrow batch as a Parquet file: for small tables in memory, such as the points of a sweep.

use super::file::Output;
use crate::error::Result;
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// The compression and the metadata of a Parquet file.
pub(super) fn properties(
    metadata: impl IntoIterator<Item = (String, String)>,
) -> WriterPropertiesBuilder {
    let metadata = metadata
        .into_iter()
        .map(|(key, value)| KeyValue::new(key, value));
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(metadata.collect()))
}

/// A column of text.
pub(super) fn text(values: impl Iterator<Item = impl AsRef<str>>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// A column of counts.
pub(super) fn whole(values: impl Iterator<Item = u64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(
        values.map(|value| value as i64),
    ))
}

/// A column of numbers.
pub(super) fn float(values: impl Iterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

/// Writes a batch, with the command line and the settings of the run.
pub(super) fn write(
    path: &Path,
    command: &str,
    settings: &Value,
    batch: Result<RecordBatch, ArrowError>,
) -> Result<()> {
    let output = Output::create(path)?;
    let batch = batch.map_err(|error| output.failed(error))?;
    let metadata = [
        ("hullscope.version", env!("CARGO_PKG_VERSION").to_string()),
        ("hullscope.command", command.to_string()),
        ("hullscope.settings", settings.to_string()),
    ];
    let properties = properties(metadata.map(|(key, value)| (key.to_string(), value))).build();
    let mut writer = ArrowWriter::try_new(output.writer()?, batch.schema(), Some(properties))
        .map_err(|error| output.failed(error))?;
    writer.write(&batch).map_err(|error| output.failed(error))?;
    let inner = writer.into_inner().map_err(|error| output.failed(error))?;
    output.close(inner)
}
