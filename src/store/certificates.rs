//! The certificate file (Parquet, zstd): one row per query and body, with everything that a re-check needs but the inputs.
//!
//! Columns: `of` (text: hull or cone, the body that the query is inside or outside of; hull where the column is missing),
//! `query` (u64, row number in the file), `verdict` (text), `proof` (text: exact, tolerance or separated; null if
//! undecided), `direction` (list of f64; null unless outside), `margin` (f64; null unless outside), `rows` (list of u64, row
//! numbers in the reference file) and `weights` (list of f64; both null unless inside). The metadata identify the rows of
//! the certificates and count the certificates ([`Origin`]). Reading trusts nothing: a row that contradicts itself becomes a
//! claim that fails, and the audit of `job::verify` compares the metadata with the inputs and the claims.

mod claims;
mod origin;
mod problem;

pub use origin::{Counts, Identity, Origin};
pub use problem::Problem;

use super::file::Output;
use super::parquet_file::{ParquetSource, ParquetWriter, properties};
use super::{Context, FileSink};
use crate::error::Result;
use crate::hull::certificate::{Body, Claim};
use crate::rows::{RowSettings, Rows};
use crate::study::{Record, Sink};
use origin::KEY;
use parquet::basic::Encoding;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use std::path::Path;

/// Certificates that are written, and read, at a time: directions are long.
const BATCH: usize = 256;

/// The size of a row group in bytes, so that memory does not grow with the number of queries.
const GROUP: usize = 64 << 20;

/// A certificate file that is being written.
pub struct CertificateWriter<'r> {
    file: ParquetWriter,
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
        let options = packed(properties(context.metadata()));
        Ok(CertificateWriter {
            file: ParquetWriter::create(path, &claims::schema(), options)?,
            reference,
            origin,
        })
    }

    /// The claims of a record, which are counted.
    fn claims(&mut self, record: &Record) -> Vec<Claim> {
        let hull = record.hull.as_ref().map(|answer| &answer.certificate);
        let each = [(Body::Hull, hull), (Body::Cone, record.cone.as_ref())];
        let known = each
            .into_iter()
            .filter_map(|(of, known)| Some((of, known?)));
        let claims = known.map(|(of, certificate)| Claim {
            of,
            query: record.query,
            proof: certificate.proof(self.reference),
        });
        let claims: Vec<Claim> = claims.collect();
        claims.iter().for_each(|claim| self.origin.count(claim));
        claims
    }
}

impl Sink for CertificateWriter<'_> {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        for part in records.chunks(BATCH) {
            let claims: Vec<Claim> = part.iter().flat_map(|record| self.claims(record)).collect();
            self.file.write(claims::batch(&claims))?;
            self.file.end_group_beyond(GROUP)?;
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

/// An open certificate file; iterates over its claims, in the order of the file.
pub struct CertificateReader {
    origin: Result<Origin, Problem>,
    claims: Box<dyn Iterator<Item = Result<Claim>>>,
}

impl CertificateReader {
    /// Opens a certificate file and checks its columns. Wrong metadata are an error of [`CertificateReader::origin`] only.
    pub fn open(path: &Path) -> Result<Self> {
        let source = ParquetSource {
            path: path.into(),
            advice: "name a file written by `hullscope analyze --certificates`, or the folder of `hullscope compare \
                     --certificates`, unchanged",
        };
        let builder = source.open()?;
        claims::check_columns(&source, builder.schema())?;
        let origin = Origin::read(builder.metadata().file_metadata());
        let batches = source.batches(builder.with_batch_size(BATCH))?;
        let claims = batches.flat_map(move |batch| match batch {
            Ok((first, batch)) => claims::read(&source, first, &batch),
            Err(error) => vec![Err(error)],
        });
        Ok(CertificateReader {
            origin,
            claims: Box::new(claims),
        })
    }

    /// The run that the certificates are from, or why the file does not say.
    pub fn origin(&self) -> Result<&Origin, &Problem> {
        self.origin.as_ref()
    }

    /// The same for a caller that reads rows under the settings `given`: a problem if the run had other settings.
    pub fn origin_under(&self, given: &RowSettings) -> Result<&Origin, Problem> {
        let origin = self.origin().map_err(Problem::clone)?;
        if origin.rows == *given {
            return Ok(origin);
        }
        Err(Problem::Settings {
            made: Box::new(origin.rows.clone()),
            given: Box::new(given.clone()),
        })
    }
}

impl Iterator for CertificateReader {
    type Item = Result<Claim>;

    fn next(&mut self) -> Option<Self::Item> {
        self.claims.next()
    }
}
