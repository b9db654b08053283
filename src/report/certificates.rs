//! The certificate file (Parquet, zstd): one row a query, everything that a re-check needs but the inputs.
//!
//! Columns: `query` (u64, row number in the file), `verdict` (text), `direction` (list of f64; null unless outside),
//! `margin` (f64; null unless outside), `rows` (list of u64, row numbers in the reference file) and `weights` (list of
//! f64; both null unless inside). The metadata holds the settings under which rows were read. Reading trusts
//! nothing: what it cannot make a claim of is an error that names the row.

use super::file::Output;
use super::records::properties;
use super::{Context, FileSink, ROW_SETTINGS, RowSettings};
use crate::error::{Error, Place, Result};
use crate::hull::Certificate;
use crate::hull::certificate::{Claim, Proof};
use crate::rows::{Rows, pages};
use crate::study::{Record, Sink};
use arrow_array::builder::{Float64Builder, ListBuilder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::Encoding;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use std::fs::File;
use std::io::BufWriter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Certificates written, and read, at a time: directions are long.
const BATCH: usize = 256;

/// Writes certificates as records arrive.
pub struct Writer<'r> {
    output: Output,
    writer: ArrowWriter<BufWriter<File>>,
    schema: Arc<Schema>,
    reference: &'r dyn Rows,
}

fn schema() -> Arc<Schema> {
    let list = |name: &str, data_type| {
        Field::new(
            name,
            DataType::List(Arc::new(Field::new_list_field(data_type, true))),
            true,
        )
    };
    Arc::new(Schema::new(vec![
        Field::new("query", DataType::UInt64, false),
        Field::new("verdict", DataType::Utf8, false),
        list("direction", DataType::Float64),
        Field::new("margin", DataType::Float64, true),
        list("rows", DataType::UInt64),
        list("weights", DataType::Float64),
    ]))
}

impl<'r> Writer<'r> {
    /// A writer to `path`; row numbers are looked up in `reference`.
    pub fn create(path: &Path, context: &Context, reference: &'r dyn Rows) -> Result<Self> {
        check_name(path)?;
        let output = Output::create(path)?;
        let schema = schema();
        let writer = ArrowWriter::try_new(
            output.writer()?,
            Arc::clone(&schema),
            Some(packed(properties(context))),
        )
        .map_err(|error| output.failed(error))?;
        Ok(Writer {
            output,
            writer,
            schema,
            reference,
        })
    }

    fn batch(&self, records: &[Record]) -> Result<RecordBatch, arrow_schema::ArrowError> {
        let mut directions = ListBuilder::new(Float64Builder::new());
        let mut rows = ListBuilder::new(UInt64Builder::new());
        let mut weights = ListBuilder::new(Float64Builder::new());
        let mut margins = Float64Builder::new();
        let mut verdicts = Vec::new();
        for answer in records.iter().filter_map(|record| record.hull.as_ref()) {
            verdicts.push(answer.verdict.name());
            match &answer.certificate {
                Certificate::Outside { direction, margin } => {
                    directions.append_value(direction.iter().map(|&v| Some(v)));
                    margins.append_value(*margin);
                    rows.append_null();
                    weights.append_null();
                }
                Certificate::Inside {
                    rows: support,
                    weights: shares,
                    ..
                } => {
                    directions.append_null();
                    margins.append_null();
                    rows.append_value(support.iter().map(|&row| Some(self.reference.number(row))));
                    weights.append_value(shares.iter().map(|&v| Some(v)));
                }
                Certificate::None => {
                    directions.append_null();
                    margins.append_null();
                    rows.append_null();
                    weights.append_null();
                }
            }
        }
        let queries = records
            .iter()
            .filter(|record| record.hull.is_some())
            .map(|record| record.query);
        RecordBatch::try_new(
            Arc::clone(&self.schema),
            vec![
                Arc::new(UInt64Array::from_iter_values(queries)) as ArrayRef,
                Arc::new(StringArray::from(verdicts)),
                Arc::new(directions.finish()),
                Arc::new(margins.finish()),
                Arc::new(rows.finish()),
                Arc::new(weights.finish()),
            ],
        )
    }
}

impl Sink for Writer<'_> {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        for part in records.chunks(BATCH) {
            let batch = self
                .batch(part)
                .map_err(|error| self.output.failed(error))?;
            self.writer
                .write(&batch)
                .map_err(|error| self.output.failed(error))?;
            // A row group at a time: what is buffered does not grow with the number of queries.
            if self.writer.in_progress_size() > 64 << 20 {
                self.writer
                    .flush()
                    .map_err(|error| self.output.failed(error))?;
            }
        }
        Ok(())
    }
}

impl FileSink for Writer<'_> {
    fn finish(self: Box<Self>) -> Result<()> {
        let Writer { output, writer, .. } = *self;
        let inner = writer.into_inner().map_err(|error| output.failed(error))?;
        output.close(inner)
    }
}

/// Directions are f32 numbers times powers of two: split into byte planes, their lower halves are zeros. No value
/// comes twice, so dictionaries would only cost time.
fn packed(properties: WriterPropertiesBuilder) -> WriterProperties {
    let items = |list: &str| ColumnPath::new(vec![list.into(), "list".into(), "item".into()]);
    properties
        .set_dictionary_enabled(false)
        .set_column_encoding(items("direction"), Encoding::BYTE_STREAM_SPLIT)
        .set_column_encoding(items("weights"), Encoding::BYTE_STREAM_SPLIT)
        .set_statistics_enabled(EnabledStatistics::None)
        .build()
}

/// Certificates have one format; a name that says otherwise is a mistake.
pub fn check_name(path: &Path) -> Result<()> {
    let extension = path.extension().unwrap_or_default();
    if extension.eq_ignore_ascii_case("parquet") {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "certificates are written as Parquet; give {:?} the extension .parquet",
        path.display().to_string()
    )))
}

/// Reads a certificate file, claim by claim.
pub struct Reader {
    path: PathBuf,
    batches: ParquetRecordBatchReader,
    settings: RowSettings,
    tolerance: Option<f64>,
    held: std::vec::IntoIter<Claim>,
    row: u64,
    failed: bool,
}

fn wrong(path: &Path, place: Place, what: impl Into<String>) -> Error {
    let advice = "name a file written by `hullscope analyze --certificates`, unchanged";
    Error::input(path.display().to_string(), place, what, advice)
}

/// Decoding corrupt data can panic inside the Parquet crate; to the reader of a file that is the file's fault.
fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(wrong(
            path,
            Place::Whole,
            "the file's structure contradicts itself",
        ))
    })
}

impl Reader {
    /// Open a certificate file and check its columns.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
        let again = file
            .try_clone()
            .map_err(|error| Error::io("open", path, error))?;
        guarded(path, || {
            let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| {
                wrong(
                    path,
                    Place::Whole,
                    format!("not a valid Parquet file: {error}"),
                )
            })?;
            check_columns(path, builder.schema())?;
            pages::check_all(path, &again, builder.metadata())?;
            let value = |key: &str| {
                let all = builder.metadata().file_metadata().key_value_metadata()?;
                all.iter().find(|pair| pair.key == key)?.value.clone()
            };
            let settings = value(ROW_SETTINGS)
                .and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or_default();
            let plan: Option<serde_json::Value> =
                value("hullscope.settings").and_then(|text| serde_json::from_str(&text).ok());
            let tolerance = plan.and_then(|plan| plan.get("tolerance")?.as_f64());
            let batches = builder.with_batch_size(BATCH).build().map_err(|error| {
                wrong(path, Place::Whole, format!("cannot be decoded: {error}"))
            })?;
            let held = Vec::new().into_iter();
            Ok(Reader {
                path: path.into(),
                batches,
                settings,
                tolerance,
                held,
                row: 0,
                failed: false,
            })
        })
    }

    /// How the rows were read when the certificates were made.
    pub fn settings(&self) -> &RowSettings {
        &self.settings
    }

    /// The tolerance of inside certificates when they were made.
    pub fn tolerance(&self) -> Option<f64> {
        self.tolerance
    }

    /// The claims of the next batch; `None` at the end.
    fn next_batch(&mut self) -> Result<Option<Vec<Claim>>> {
        let path = self.path.clone();
        guarded(&path, || {
            let Some(batch) = self.batches.next() else {
                return Ok(None);
            };
            let batch = batch.map_err(|error| {
                wrong(
                    &path,
                    Place::Row(self.row),
                    format!("cannot be decoded: {error}"),
                )
            })?;
            let claims = (0..batch.num_rows())
                .map(|i| claim(&path, &batch, i, self.row + i as u64))
                .collect::<Result<_>>()?;
            self.row += batch.num_rows() as u64;
            Ok(Some(claims))
        })
    }
}

/// The columns that make a certificate file.
fn check_columns(path: &Path, found: &Schema) -> Result<()> {
    for field in schema().fields() {
        let Ok(column) = found.field_with_name(field.name()) else {
            return Err(wrong(
                path,
                Place::Part(field.name().clone()),
                "the column is missing",
            ));
        };
        let same = match (column.data_type(), field.data_type()) {
            (DataType::List(a), DataType::List(b)) => a.data_type() == b.data_type(),
            (a, b) => a == b,
        };
        if !same {
            let what = format!(
                "the column holds {}, not {}",
                column.data_type(),
                field.data_type()
            );
            return Err(wrong(path, Place::Part(field.name().clone()), what));
        }
    }
    Ok(())
}

/// One row as a claim.
fn claim(path: &Path, batch: &RecordBatch, i: usize, row: u64) -> Result<Claim> {
    let fault = |what: &str| wrong(path, Place::Row(row), what);
    let column = |name: &str| {
        batch
            .column_by_name(name)
            .ok_or_else(|| fault("a column is missing"))
    };
    let query = column("query")?.as_primitive::<UInt64Type>();
    let verdict = column("verdict")?.as_string::<i32>();
    if query.is_null(i) || verdict.is_null(i) {
        return Err(fault("the query number or the verdict is null"));
    }
    let floats = |name: &str| -> Result<Vec<f64>> {
        let all = column(name)?.as_list::<i32>();
        if all.is_null(i) {
            return Err(fault(&format!(
                "the verdict needs a {name}, but it is null"
            )));
        }
        let one = all.value(i);
        let values: &Float64Array = one.as_primitive::<Float64Type>();
        if values.null_count() > 0 {
            return Err(fault(&format!("the {name} holds a null")));
        }
        Ok(values.values().to_vec())
    };
    let proof = match verdict.value(i) {
        "outside" => {
            let margin = column("margin")?.as_primitive::<Float64Type>();
            if margin.is_null(i) {
                return Err(fault("the verdict needs a margin, but it is null"));
            }
            Proof::Outside {
                direction: floats("direction")?,
                margin: margin.value(i),
            }
        }
        "inside" => {
            let all = column("rows")?.as_list::<i32>();
            if all.is_null(i) || all.value(i).null_count() > 0 {
                return Err(fault("the verdict needs rows, but they are null"));
            }
            let rows = all.value(i).as_primitive::<UInt64Type>().values().to_vec();
            Proof::Inside {
                rows,
                weights: floats("weights")?,
                exact: false,
            }
        }
        "undecided" => Proof::None,
        other => {
            return Err(fault(&format!(
                "{other:?} is not a verdict (inside, outside, undecided)"
            )));
        }
    };
    Ok(Claim {
        query: query.value(i),
        proof,
    })
}

impl Iterator for Reader {
    type Item = Result<Claim>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(claim) = self.held.next() {
                return Some(Ok(claim));
            }
            if self.failed {
                return None;
            }
            match self.next_batch() {
                Ok(Some(claims)) => self.held = claims.into_iter(),
                Ok(None) => return None,
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
    }
}
