//! Records as CSV on the standard output, for a program that reads them as they are found.

use super::column::{About, RecordColumn, all};
use super::{csv_head, csv_line};
use crate::error::Result;
use crate::store::file::write_stdout;
use crate::study::{Record, Sink};

/// The lines of a `.csv` file, each batch of records as soon as it is known.
pub struct Stream<'r> {
    columns: Vec<RecordColumn<'r>>,
}

impl<'r> Stream<'r> {
    /// Writes the line of names.
    ///
    /// Errors: unknown notions; a closed pipe, which ends the work.
    pub fn create(about: &About<'r, '_>) -> Result<Self> {
        let columns = all(about)?;
        write_stdout(&format!("{}\n", csv_head(&columns)))?;
        Ok(Stream { columns })
    }
}

impl Sink for Stream<'_> {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        let each = records.iter();
        let text: String = each
            .map(|record| csv_line(&self.columns, record) + "\n")
            .collect();
        write_stdout(&text)
    }
}
