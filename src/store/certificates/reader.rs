//! Reads a certificate file, claim by claim.

use super::super::parquet_file::ParquetSource;
use super::{BATCH, OF, Origin, Problem, schema};
use crate::error::{Place, Result};
use crate::hull::Evidence;
use crate::hull::certificate::{Body, Claim, Proof};
use crate::rows::RowSettings;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::file::metadata::FileMetaData;
use std::path::{Path, PathBuf};

/// An open certificate file; iterates over its claims, in the order of the file.
pub struct CertificateReader {
    path: PathBuf,
    batches: ParquetRecordBatchReader,
    origin: Result<Origin, Problem>,
    held: std::vec::IntoIter<Claim>,
    row: u64,
    failed: bool,
}

fn source(path: &Path) -> ParquetSource<'_> {
    let advice = "name a file written by `hullscope analyze --certificates`, unchanged";
    ParquetSource { path, advice }
}

impl CertificateReader {
    /// Opens a certificate file and checks its columns. Wrong metadata are an error of [`CertificateReader::origin`] only.
    pub fn open(path: &Path) -> Result<Self> {
        let source = source(path);
        let builder = source.open()?;
        source.guarded(|| {
            check_columns(source, builder.schema())?;
            let metadata = builder.metadata().file_metadata();
            let origin = Origin::read(|key| value(metadata, key));
            let batches = builder.with_batch_size(BATCH).build();
            Ok(CertificateReader {
                path: path.into(),
                batches: batches.map_err(|error| source.undecodable(error))?,
                origin,
                held: Vec::new().into_iter(),
                row: 0,
                failed: false,
            })
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

    /// The claims of the next batch; `None` at the end.
    fn next_batch(&mut self) -> Result<Option<Vec<Claim>>> {
        let path = self.path.clone();
        let source = source(&path);
        source.guarded(|| {
            let Some(batch) = self.batches.next() else {
                return Ok(None);
            };
            let fault = |what: String| source.wrong(Place::Row(self.row), what);
            let batch = batch.map_err(|error| fault(format!("cannot be decoded: {error}")))?;
            let claims = (0..batch.num_rows())
                .map(|i| BatchRow { batch: &batch, i }.claim(source, self.row + i as u64))
                .collect::<Result<_>>()?;
            self.row += batch.num_rows() as u64;
            Ok(Some(claims))
        })
    }
}

/// The one value of a key of the metadata, or what is wrong with it.
fn value(metadata: &FileMetaData, key: &str) -> Result<String, String> {
    let all = metadata.key_value_metadata().into_iter().flatten();
    let mut values = all.filter(|pair| pair.key == key);
    match (values.next().map(|pair| &pair.value), values.next()) {
        (Some(Some(value)), None) => Ok(value.clone()),
        (Some(_), Some(_)) => Err("there are several".into()),
        _ => Err("it is missing".into()),
    }
}

/// Checks that the file has the columns of a certificate file.
fn check_columns(source: ParquetSource, found: &Schema) -> Result<()> {
    for field in schema().fields() {
        let fault = |what: String| Err(source.wrong(Place::Part(field.name().clone()), what));
        let column = match found.field_with_name(field.name()) {
            Ok(column) => column.data_type(),
            Err(_) if field.name() == OF => continue,
            Err(_) => return fault("the column is missing".into()),
        };
        let same = match (column, field.data_type()) {
            (DataType::List(a), DataType::List(b)) => a.data_type() == b.data_type(),
            (a, b) => a == b,
        };
        if !same {
            return fault(format!(
                "the column holds {column}, not {}",
                field.data_type()
            ));
        }
    }
    Ok(())
}

/// One row of a batch.
struct BatchRow<'b> {
    batch: &'b RecordBatch,
    i: usize,
}

impl<'b> BatchRow<'b> {
    /// A column. Errors: it is missing, which opening the file has ruled out.
    fn column(&self, name: &str) -> Result<&'b ArrayRef, String> {
        let column = self.batch.column_by_name(name);
        column.ok_or_else(|| format!("the column {name} is missing"))
    }

    /// A text of the row, if it is not null.
    fn text(&self, name: &str) -> Result<Option<&'b str>, String> {
        let column = self.column(name)?;
        let texts = column.as_string::<i32>();
        Ok((!column.is_null(self.i)).then(|| texts.value(self.i)))
    }

    /// The row as a claim; a row that contradicts itself is a claim of a contradiction.
    fn claim(&self, source: ParquetSource, row: u64) -> Result<Claim> {
        let fault = |what: String| source.wrong(Place::Row(row), what);
        let query = self.column("query").map_err(fault)?;
        let verdict = self.text("verdict").map_err(fault)?;
        let Some(verdict) = verdict.filter(|_| !query.is_null(self.i)) else {
            return Err(fault("the query number or the verdict is null".into()));
        };
        let (of, proof) = match self.body() {
            Ok(of) => (of, self.proved(verdict)),
            // The cone, so that it is not counted among the hull's certificates.
            Err(what) => (Body::Cone, Err(what)),
        };
        Ok(Claim {
            of,
            query: query.as_primitive::<UInt64Type>().value(self.i),
            proof: proof.unwrap_or_else(|what| Proof::Contradiction {
                verdict: verdict.into(),
                what,
            }),
        })
    }

    fn body(&self) -> Result<Body, String> {
        if self.batch.column_by_name(OF).is_none() {
            return Ok(Body::Hull);
        }
        let name = self.text(OF)?;
        let known = Body::ALL.into_iter().find(|body| Some(body.name()) == name);
        known.ok_or_else(|| format!("`{OF}` is {}, not hull or cone", name.unwrap_or("null")))
    }

    /// The proof of the verdict, or why the row holds none.
    fn proved(&self, verdict: &str) -> Result<Proof, String> {
        let proof = self.text("proof")?;
        let is = |evidence: Evidence| proof == Some(evidence.name());
        let separated = is(Evidence::Separated);
        let combined = is(Evidence::Exact) || is(Evidence::Tolerance);
        match verdict {
            "outside" if separated => {
                self.null(&["rows", "weights"])?;
                let margin = self.column("margin")?;
                if margin.is_null(self.i) {
                    return Err("the verdict needs a margin, but it is null".into());
                }
                Ok(Proof::Outside {
                    direction: self.floats("direction")?,
                    margin: margin.as_primitive::<Float64Type>().value(self.i),
                })
            }
            "inside" if combined => {
                self.null(&["direction", "margin"])?;
                let rows = self.item("rows")?;
                Ok(Proof::Inside {
                    rows: rows.as_primitive::<UInt64Type>().values().to_vec(),
                    weights: self.floats("weights")?,
                    exact: is(Evidence::Exact),
                })
            }
            "undecided" if proof.is_none() => {
                self.null(&["direction", "margin", "rows", "weights"])?;
                Ok(Proof::None)
            }
            "outside" | "inside" | "undecided" => Err(match proof {
                Some(proof) => format!("the verdict is {verdict}, the proof {proof:?}"),
                None => format!("the verdict is {verdict}, and there is no proof"),
            }),
            other => Err(format!(
                "{other:?} is not a verdict (inside, outside, undecided)"
            )),
        }
    }

    /// Checks that columns which belong to another verdict are null.
    fn null(&self, names: &[&str]) -> Result<(), String> {
        for name in names {
            if !self.column(name)?.is_null(self.i) {
                return Err(format!("with this verdict `{name}` must be null"));
            }
        }
        Ok(())
    }

    /// One list, without nulls.
    fn item(&self, name: &str) -> Result<ArrayRef, String> {
        let column = self.column(name)?;
        if column.is_null(self.i) {
            return Err(format!("the verdict needs {name}, but they are null"));
        }
        let item = column.as_list::<i32>().value(self.i);
        if item.null_count() > 0 {
            return Err(format!("the {name} hold a null"));
        }
        Ok(item)
    }

    fn floats(&self, name: &str) -> Result<Vec<f64>, String> {
        let item = self.item(name)?;
        Ok(item.as_primitive::<Float64Type>().values().to_vec())
    }
}

impl Iterator for CertificateReader {
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
