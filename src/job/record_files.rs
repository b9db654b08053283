//! Records and certificates of the same queries, as files that appear together.

use crate::control::Control;
use crate::error::Result;
use crate::report::records::{self, About};
use crate::store::certificates::{CertificateWriter, Origin};
use crate::store::{Context, FileSink, file};
use crate::study::{Record, Sink};
use std::path::Path;

/// The files that are being written.
pub struct RecordFiles<'r>(Vec<Box<dyn FileSink + 'r>>);

impl<'r> RecordFiles<'r> {
    /// Begins the files that are named.
    ///
    /// Errors: files that cannot be written, rows that can no longer be read, unknown notions.
    pub fn create(
        context: &Context,
        about: &About<'r, '_>,
        [records, certificates]: [Option<&Path>; 2],
        control: &Control,
    ) -> Result<Self> {
        let mut files = Vec::new();
        if let Some(path) = records {
            files.push(records::create(path, context, about)?);
        }
        if let Some(path) = certificates {
            let (reference, rows) = (about.reference, context.rows.clone());
            let origin = Origin::of(reference, about.queries, rows, control)?;
            let writer = CertificateWriter::create(path, context, origin, reference)?;
            files.push(Box::new(writer));
        }
        Ok(RecordFiles(files))
    }

    /// Puts the files in their places, or none of them.
    pub fn finish(self) -> Result<()> {
        let written = self.0.into_iter().map(|sink| sink.written());
        file::commit_all(written.collect::<Result<_>>()?)
    }
}

impl Sink for RecordFiles<'_> {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        self.0.iter_mut().try_for_each(|sink| sink.records(records))
    }
}
