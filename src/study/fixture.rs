//! What an analysis says, kept as text; for tests.

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
