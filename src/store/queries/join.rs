//! `queries.parquet` of a comparison: one row per query and space, joined from the tables of the spaces.

use super::super::parquet_file::{ParquetSource, ParquetWriter, properties};
use crate::error::{Error, Result};
use arrow_array::{ArrayRef, RecordBatch, new_null_array};
use arrow_schema::{Field, Schema};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The table of a space.
fn source(path: &Path) -> ParquetSource<'_> {
    let advice = "remove it, and compare again";
    ParquetSource { path, advice }
}

/// Writes the tables of all spaces as one; a column that a space lacks is null in its rows.
///
/// Errors: a table that cannot be read, columns with the same name and different types, a path that cannot be written.
pub fn join(tables: &[PathBuf], to: &Path, metadata: Vec<(String, String)>) -> Result<()> {
    let failed = |why: String| Error::io("write", to, std::io::Error::other(why));
    let mut schema = Schema::empty();
    for table in tables {
        let other = Arc::clone(source(table).open()?.schema());
        let field = |field: &Arc<Field>| field.as_ref().clone().with_nullable(true);
        let other = Schema::new(other.fields().iter().map(field).collect::<Vec<_>>());
        let merged = Schema::try_merge([schema, other]);
        schema = merged.map_err(|error| failed(error.to_string()))?;
    }
    let schema = Arc::new(schema);
    let mut file = ParquetWriter::create(to, &schema, properties(metadata).build())?;
    for table in tables {
        let source = source(table);
        let reader = source.open()?.build();
        for batch in reader.map_err(|error| source.undecodable(error))? {
            let batch = batch.map_err(|error| source.undecodable(error))?;
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
