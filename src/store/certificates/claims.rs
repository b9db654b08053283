//! Claims as rows of a certificate file, and rows as claims.

use crate::error::{Error, Place, Result};
use crate::hull::Evidence;
use crate::hull::certificate::{Body, Claim, Proof};
use crate::store::parquet_file::ParquetSource;
use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float64Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, Float64Array, ListArray, RecordBatch, StringArray, UInt64Array,
};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use std::sync::Arc;

/// The column that names the body; older files lack it, and are about the hull.
const OF: &str = "of";

/// The columns.
pub(super) fn schema() -> Arc<Schema> {
    let list = |of| DataType::List(Arc::new(Field::new_list_field(of, true)));
    Arc::new(Schema::new(vec![
        Field::new(OF, DataType::Utf8, false),
        Field::new("query", DataType::UInt64, false),
        Field::new("verdict", DataType::Utf8, false),
        Field::new("proof", DataType::Utf8, true),
        Field::new("direction", list(DataType::Float64), true),
        Field::new("margin", DataType::Float64, true),
        Field::new("rows", list(DataType::UInt64), true),
        Field::new("weights", list(DataType::Float64), true),
    ]))
}

/// Checks that a file has the columns.
pub(super) fn check_columns(source: &ParquetSource, found: &Schema) -> Result<()> {
    for field in schema().fields() {
        let (name, wanted) = (field.name(), field.data_type());
        let fault = |what: String| Err(source.wrong(Place::Part(name.clone()), what));
        let column = match found.field_with_name(name) {
            Ok(column) => column.data_type(),
            Err(_) if name == OF => continue,
            Err(_) => return fault("the column is missing".into()),
        };
        // The names of a list's items may differ.
        let same = match (column, wanted) {
            (DataType::List(a), DataType::List(b)) => a.data_type() == b.data_type(),
            (a, b) => a == b,
        };
        if !same {
            return fault(format!("the column holds {column}, not {wanted}"));
        }
    }
    Ok(())
}

/// The direction and margin, or the rows and weights of a claim.
type Parts<'c> = (
    Option<&'c [f64]>,
    Option<f64>,
    Option<&'c [u64]>,
    Option<&'c [f64]>,
);

fn parts(claim: &Claim) -> Parts<'_> {
    match &claim.proof {
        Proof::Outside { direction, margin } => (Some(direction), Some(*margin), None, None),
        Proof::Inside { rows, weights, .. } => (None, None, Some(rows), Some(weights)),
        Proof::None | Proof::Contradiction { .. } => (None, None, None, None),
    }
}

/// Claims as rows.
pub(super) fn batch(claims: &[Claim]) -> Result<RecordBatch, ArrowError> {
    fn list<'l, T: ArrowPrimitiveType>(
        lists: impl Iterator<Item = Option<&'l [T::Native]>>,
    ) -> ArrayRef {
        let items = lists.map(|list| Some(list?.iter().map(|&item| Some(item))));
        Arc::new(ListArray::from_iter_primitive::<T, _, _>(items))
    }
    let text = |text: fn(&Claim) -> Option<&str>| -> ArrayRef {
        Arc::new(claims.iter().map(text).collect::<StringArray>())
    };
    let parts = || claims.iter().map(parts);
    let queries = claims.iter().map(|claim| claim.query);
    let columns: Vec<ArrayRef> = vec![
        text(|claim| Some(claim.of.name())),
        Arc::new(UInt64Array::from_iter_values(queries)),
        text(|claim| Some(claim.verdict())),
        text(|claim| claim.evidence().map(Evidence::name)),
        list::<Float64Type>(parts().map(|part| part.0)),
        Arc::new(parts().map(|part| part.1).collect::<Float64Array>()),
        list::<UInt64Type>(parts().map(|part| part.2)),
        list::<Float64Type>(parts().map(|part| part.3)),
    ];
    RecordBatch::try_new(schema(), columns)
}

/// The rows of a batch as claims; the batch begins with the row `first` of the file.
pub(super) fn read(source: &ParquetSource, first: u64, batch: &RecordBatch) -> Vec<Result<Claim>> {
    let read = || {
        let rows = (0..batch.num_rows()).map(|at| Row { batch, at });
        let claim = |row: Row| {
            let place = Place::Row(first + row.at as u64);
            row.claim().map_err(|what| source.wrong(place, what))
        };
        Ok(rows.map(claim).collect())
    };
    source
        .guarded(read)
        .unwrap_or_else(|error: Error| vec![Err(error)])
}

/// One row of a batch.
struct Row<'b> {
    batch: &'b RecordBatch,
    at: usize,
}

impl<'b> Row<'b> {
    /// The column, unless the row is null in it. A column that is missing is one that older files lack.
    fn known(&self, name: &str) -> Option<&'b ArrayRef> {
        let column = self.batch.column_by_name(name)?;
        column.is_valid(self.at).then_some(column)
    }

    fn text(&self, name: &str) -> Option<&'b str> {
        Some(self.known(name)?.as_string::<i32>().value(self.at))
    }

    /// A list that the verdict needs, without nulls.
    fn list<T: ArrowPrimitiveType>(&self, name: &str) -> Result<Vec<T::Native>, String> {
        let column = self.known(name);
        let column =
            column.ok_or_else(|| format!("the verdict needs {name}, but they are null"))?;
        let items = column.as_list::<i32>().value(self.at);
        match items.null_count() {
            0 => Ok(items.as_primitive::<T>().values().to_vec()),
            _ => Err(format!("the {name} hold a null")),
        }
    }

    /// Checks that columns which belong to another verdict are null.
    fn null(&self, names: &[&str]) -> Result<(), String> {
        match names.iter().find(|name| self.known(name).is_some()) {
            Some(name) => Err(format!("with this verdict `{name}` must be null")),
            None => Ok(()),
        }
    }

    /// The row as a claim; a row that contradicts itself is a claim of a contradiction.
    fn claim(&self) -> Result<Claim, String> {
        let query = self
            .known("query")
            .map(|column| column.as_primitive::<UInt64Type>());
        let (Some(query), Some(verdict)) = (query, self.text("verdict")) else {
            return Err("the query number or the verdict is null".into());
        };
        let (of, proof) = match self.body() {
            Ok(of) => (of, self.proof(verdict)),
            // The cone, so that it is not counted among the hull's certificates.
            Err(what) => (Body::Cone, Err(what)),
        };
        Ok(Claim {
            of,
            query: query.value(self.at),
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
        let name = self.text(OF);
        let known = Body::ALL.into_iter().find(|body| Some(body.name()) == name);
        known.ok_or_else(|| format!("`{OF}` is {}, not hull or cone", name.unwrap_or("null")))
    }

    /// The proof of the verdict, or why the row holds none.
    fn proof(&self, verdict: &str) -> Result<Proof, String> {
        match (verdict, self.text("proof")) {
            ("outside", Some("separated")) => {
                self.null(&["rows", "weights"])?;
                let margin = self.known("margin");
                let margin = margin.ok_or("the verdict needs a margin, but it is null")?;
                Ok(Proof::Outside {
                    direction: self.list::<Float64Type>("direction")?,
                    margin: margin.as_primitive::<Float64Type>().value(self.at),
                })
            }
            ("inside", Some(proof @ ("exact" | "tolerance"))) => {
                self.null(&["direction", "margin"])?;
                Ok(Proof::Inside {
                    rows: self.list::<UInt64Type>("rows")?,
                    weights: self.list::<Float64Type>("weights")?,
                    exact: proof == "exact",
                })
            }
            ("undecided", None) => {
                self.null(&["direction", "margin", "rows", "weights"])?;
                Ok(Proof::None)
            }
            ("outside" | "inside" | "undecided", Some(proof)) => {
                Err(format!("the verdict is {verdict}, the proof {proof:?}"))
            }
            ("outside" | "inside", None) => {
                Err(format!("the verdict is {verdict}, and there is no proof"))
            }
            _ => Err(format!(
                "{verdict:?} is not a verdict (inside, outside, undecided)"
            )),
        }
    }
}
