//! A small table as Parquet: one batch, zstd, with where it comes from in the metadata.

use super::file::Output;
use crate::error::Result;
use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde_json::Value;
use std::path::Path;

/// Write a table; `settings` is what the numbers depend on.
pub fn write(
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
    let metadata = metadata.map(|(key, value)| KeyValue::new(key.to_string(), value));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(metadata.to_vec()));
    let mut writer =
        ArrowWriter::try_new(output.writer()?, batch.schema(), Some(properties.build()))
            .map_err(|error| output.failed(error))?;
    writer.write(&batch).map_err(|error| output.failed(error))?;
    let inner = writer.into_inner().map_err(|error| output.failed(error))?;
    output.close(inner)
}
