//! Records as batches in memory, for callers that take arrays instead of files.

use super::column::{About, RecordColumn, all};
use crate::error::{Error, Result};
use crate::report::columns::{batch, schema};
use crate::study::{Record, Sink};
use arrow_array::RecordBatch;
use arrow_schema::Schema;
use std::collections::HashMap;
use std::sync::Arc;

/// The table that [`create`](super::create) would write, in memory.
pub struct Collected<'r> {
    schema: Arc<Schema>,
    columns: Vec<RecordColumn<'r>>,
    batches: Vec<RecordBatch>,
}

impl<'r> Collected<'r> {
    /// An empty table of the columns of an analysis.
    ///
    /// Errors: unknown notions.
    pub fn new(about: &About<'r, '_>) -> Result<Self> {
        let columns = all(about)?;
        Ok(Collected {
            schema: schema(&columns, HashMap::new()),
            columns,
            batches: Vec::new(),
        })
    }

    /// The schema, and the batches in query order.
    pub fn finish(self) -> (Arc<Schema>, Vec<RecordBatch>) {
        (self.schema, self.batches)
    }
}

impl Sink for Collected<'_> {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        let batch = batch(&self.schema, &self.columns, records)
            .map_err(|error| Error::Usage(format!("the records are no table: {error}")))?;
        self.batches.push(batch);
        Ok(())
    }
}
