//! A sink for tests that keeps the records of an analysis as text.

use super::{Record, Sink};
use crate::error::Result;

/// The records, in their order.
#[derive(Default)]
pub struct KeptRecords(pub Vec<String>);

impl Sink for KeptRecords {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        self.0.extend(records.iter().map(|r| format!("{r:?}")));
        Ok(())
    }
}
