//! Writes certificates as records arrive, and at the end the count of each kind.

use super::super::file::Output;
use super::super::parquet_file::{ParquetWriter, properties};
use super::super::{Context, FileSink};
use super::origin::{KEY, Origin};
use super::{BATCH, schema};
use crate::error::Result;
use crate::hull::certificate::Body;
use crate::hull::{Certificate, Evidence, Verdict};
use crate::rows::Rows;
use crate::study::{Record, Sink};
use arrow_array::builder::{Float64Builder, ListBuilder, StringBuilder, UInt64Builder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::Schema;
use parquet::basic::Encoding;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use std::path::Path;
use std::sync::Arc;

/// A certificate file that is being written.
pub struct CertificateWriter<'r> {
    file: ParquetWriter,
    schema: Arc<Schema>,
    reference: &'r dyn Rows,
    origin: Origin,
}

impl<'r> CertificateWriter<'r> {
    /// A writer to `path`. `origin` identifies the rows of the certificates (its counts are set here); row numbers are looked up
    /// in `reference`.
    pub fn create(
        path: &Path,
        context: &Context,
        origin: Origin,
        reference: &'r dyn Rows,
    ) -> Result<Self> {
        let schema = schema();
        Ok(CertificateWriter {
            file: ParquetWriter::create(path, &schema, packed(properties(context.metadata())))?,
            schema,
            reference,
            origin,
        })
    }

    fn batch(&mut self, records: &[Record]) -> Result<RecordBatch, arrow_schema::ArrowError> {
        let mut columns = CertificateBuilders::default();
        for record in records {
            if let Some(answer) = &record.hull {
                let certificate = &answer.certificate;
                columns.append(Body::Hull, record.query, certificate, self.reference);
                self.origin.certificates.add(evidence(certificate));
            }
            if let Some(certificate) = &record.cone {
                columns.append(Body::Cone, record.query, certificate, self.reference);
                self.origin.cone += 1;
            }
        }
        RecordBatch::try_new(Arc::clone(&self.schema), columns.finish())
    }
}

/// The kind of proof of a certificate.
fn evidence(certificate: &Certificate) -> Option<Evidence> {
    match certificate {
        Certificate::Inside { exact: true, .. } => Some(Evidence::Exact),
        Certificate::Inside { exact: false, .. } => Some(Evidence::Tolerance),
        Certificate::Outside { .. } => Some(Evidence::Separated),
        Certificate::None => None,
    }
}

fn verdict(certificate: &Certificate) -> Verdict {
    match certificate {
        Certificate::Inside { .. } => Verdict::Inside,
        Certificate::Outside { .. } => Verdict::Outside,
        Certificate::None => Verdict::Undecided,
    }
}

/// The columns of a batch, in the order of the schema.
#[derive(Default)]
struct CertificateBuilders {
    of: StringBuilder,
    queries: UInt64Builder,
    verdicts: StringBuilder,
    proofs: StringBuilder,
    directions: ListBuilder<Float64Builder>,
    margins: Float64Builder,
    rows: ListBuilder<UInt64Builder>,
    weights: ListBuilder<Float64Builder>,
}

impl CertificateBuilders {
    fn append(&mut self, of: Body, query: u64, certificate: &Certificate, reference: &dyn Rows) {
        self.of.append_value(of.name());
        self.queries.append_value(query);
        self.verdicts.append_value(verdict(certificate).name());
        let proof = evidence(certificate);
        self.proofs.append_option(proof.map(Evidence::name));
        let (mut direction, mut margin, mut rows, mut weights) = (None, None, None, None);
        match certificate {
            Certificate::Outside {
                direction: normal,
                margin: least,
            } => {
                direction = Some(normal.iter().map(|&v| Some(v)));
                margin = Some(*least);
            }
            Certificate::Inside {
                rows: support,
                weights: shares,
                ..
            } => {
                rows = Some(support.iter().map(|&row| Some(reference.number(row))));
                weights = Some(shares.iter().map(|&v| Some(v)));
            }
            Certificate::None => {}
        }
        self.directions.append_option(direction);
        self.margins.append_option(margin);
        self.rows.append_option(rows);
        self.weights.append_option(weights);
    }

    fn finish(mut self) -> Vec<ArrayRef> {
        vec![
            Arc::new(self.of.finish()),
            Arc::new(self.queries.finish()),
            Arc::new(self.verdicts.finish()),
            Arc::new(self.proofs.finish()),
            Arc::new(self.directions.finish()),
            Arc::new(self.margins.finish()),
            Arc::new(self.rows.finish()),
            Arc::new(self.weights.finish()),
        ]
    }
}

impl Sink for CertificateWriter<'_> {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        for part in records.chunks(BATCH) {
            let batch = self.batch(part);
            self.file.write(batch)?;
            let ParquetWriter { output, writer } = &mut self.file;
            // Row groups have a fixed size, so that memory does not grow with the number of queries.
            if writer.in_progress_size() > 64 << 20 {
                writer.flush().map_err(|error| output.format_error(error))?;
            }
        }
        Ok(())
    }
}

impl FileSink for CertificateWriter<'_> {
    fn written(self: Box<Self>) -> Result<Output> {
        let CertificateWriter {
            mut file, origin, ..
        } = *self;
        let entry = KeyValue::new(KEY.to_string(), origin.to_json());
        file.writer.append_key_value_metadata(entry);
        file.written()
    }
}

/// Directions are f32 numbers times powers of two: as f64 split into byte planes, their lower halves are zeros. Values do
/// not repeat, so dictionaries would only cost time.
fn packed(properties: WriterPropertiesBuilder) -> WriterProperties {
    let items = |list: &str| ColumnPath::new(vec![list.into(), "list".into(), "item".into()]);
    properties
        .set_dictionary_enabled(false)
        .set_column_encoding(items("direction"), Encoding::BYTE_STREAM_SPLIT)
        .set_column_encoding(items("weights"), Encoding::BYTE_STREAM_SPLIT)
        .set_statistics_enabled(EnabledStatistics::None)
        .build()
}
