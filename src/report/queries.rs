//! `queries.parquet` of a comparison: one row per query and space, joined from the tables of the spaces.

use super::parquet_file::{ParquetWriter, properties};
use crate::error::{Error, Result};
use crate::rows::open_file;
use arrow_array::{ArrayRef, RecordBatch, new_null_array};
use arrow_schema::{Field, Schema, SchemaRef};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Opens a table that this program wrote.
///
/// Errors: a file that does not exist, or that is not Parquet.
fn open(path: &Path) -> Result<(SchemaRef, ParquetRecordBatchReader)> {
    let failed = |why: String| Error::io("read", path, std::io::Error::other(why));
    let file = open_file(path)?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file);
    let builder = builder.map_err(|error| failed(error.to_string()))?;
    let schema = Arc::clone(builder.schema());
    let reader = builder.build().map_err(|error| failed(error.to_string()))?;
    Ok((schema, reader))
}

/// Writes the tables of all spaces as one; a column that a space lacks is null in its rows.
///
/// Errors: a table that cannot be read, columns with the same name and different types, a path that cannot be written.
pub fn join(tables: &[PathBuf], to: &Path, metadata: Vec<(String, String)>) -> Result<()> {
    let failed = |why: String| Error::io("write", to, std::io::Error::other(why));
    let mut schema = Schema::empty();
    for table in tables {
        let (other, _) = open(table)?;
        let field = |field: &Arc<Field>| field.as_ref().clone().with_nullable(true);
        let other = Schema::new(other.fields().iter().map(field).collect::<Vec<_>>());
        let merged = Schema::try_merge([schema, other]);
        schema = merged.map_err(|error| failed(error.to_string()))?;
    }
    let schema = Arc::new(schema);
    let mut file = ParquetWriter::create(to, &schema, properties(metadata).build())?;
    for table in tables {
        let (_, reader) = open(table)?;
        for batch in reader {
            let batch = batch.map_err(|error| file.output.format_error(error))?;
            let column = |field: &Arc<Field>| -> ArrayRef {
                let known = batch.column_by_name(field.name()).cloned();
                known.unwrap_or_else(|| new_null_array(field.data_type(), batch.num_rows()))
            };
            let columns = schema.fields().iter().map(column).collect();
            file.write(RecordBatch::try_new(Arc::clone(&schema), columns))?;
        }
    }
    file.written()?.commit()
}
