//! The columns of records, each listed once: name, type and value. Every format is written from this list.

use crate::hull::{Answer, Bracket};
use crate::rows::{Provenance, Rows};
use crate::study::summary::name;
use crate::study::{Neighbour, Record};
use arrow_array::builder::{
    Float64Builder, ListBuilder, StringBuilder, UInt32Builder, UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use std::collections::HashMap;
use std::sync::Arc;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Float,
    Count,
    Row,
    Texts,
    Floats,
    Rows,
}

impl Type {
    fn arrow(self) -> DataType {
        let list = |item| DataType::List(Arc::new(Field::new_list_field(item, true)));
        match self {
            Type::Text => DataType::Utf8,
            Type::Float => DataType::Float64,
            Type::Count => DataType::UInt32,
            Type::Row => DataType::UInt64,
            Type::Texts => list(DataType::Utf8),
            Type::Floats => list(DataType::Float64),
            Type::Rows => list(DataType::UInt64),
        }
    }
}

/// The value of a column for one record.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Not asked for, or it does not apply.
    Null,
    Text(String),
    Float(f64),
    Count(u32),
    Row(u64),
    Texts(Vec<String>),
    Floats(Vec<f64>),
    Rows(Vec<u64>),
}

impl Value {
    fn of<T>(value: Option<T>, make: impl FnOnce(T) -> Value) -> Value {
        value.map_or(Value::Null, make)
    }
}

type Get<'r> = Box<dyn Fn(&Record) -> Value + 'r>;

/// A column.
pub(super) struct Column<'r> {
    pub name: &'static str,
    pub of: Type,
    get: Get<'r>,
}

impl<'r> Column<'r> {
    fn new(name: &'static str, of: Type, get: impl Fn(&Record) -> Value + 'r) -> Self {
        Column {
            name,
            of,
            get: Box::new(get),
        }
    }

    /// A column that says something of a hull verdict.
    fn hull(name: &'static str, of: Type, get: impl Fn(&Answer) -> Value + 'r) -> Self {
        Self::new(name, of, move |record| {
            record.hull.as_ref().map_or(Value::Null, &get)
        })
    }

    /// A column that says something of the nearest row.
    fn nearest(name: &'static str, of: Type, get: impl Fn(&Neighbour) -> Value + 'r) -> Self {
        Self::new(name, of, move |record| {
            record.neighbours.first().map_or(Value::Null, &get)
        })
    }

    pub fn value(&self, record: &Record) -> Value {
        (self.get)(record)
    }
}

fn text(text: Option<&str>) -> Value {
    Value::of(text, |text| Value::Text(text.into()))
}

/// What is known of the rows of a set, if there are several files, ids or labels.
fn known(
    rows: &dyn Rows,
) -> (
    Option<&Provenance>,
    Option<&Provenance>,
    Option<&Provenance>,
) {
    let known = rows.provenance();
    (
        known.filter(|known| known.has_ids()),
        known.filter(|known| known.has_labels()),
        known.filter(|known| known.has_files()),
    )
}

/// All columns of an analysis of `queries` against `reference`; `lists` where there are several neighbours a query.
pub(super) fn columns<'r>(
    reference: &'r dyn Rows,
    queries: &'r dyn Rows,
    lists: bool,
) -> Vec<Column<'r>> {
    let mut all = vec![Column::new("query", Type::Row, |r| Value::Row(r.query))];
    all.extend(of_query(queries));
    all.extend(of_hull());
    let nearest = |name, get: fn(&Neighbour) -> Value| {
        let of = if name == "nearest_row" {
            Type::Row
        } else {
            Type::Float
        };
        Column::nearest(name, of, get)
    };
    all.push(nearest("nearest_row", |n| Value::Row(n.row)));
    all.extend(of_nearest(reference));
    all.push(nearest("nearest_distance", |n| Value::Float(n.distance)));
    all.push(Column::new("nearest_ratio", Type::Float, |r| {
        let ratio = Some(r.nearest_ratio).filter(|ratio| ratio.is_finite());
        Value::of(ratio, Value::Float)
    }));
    if lists {
        all.extend(of_neighbours(reference));
    }
    all
}

/// What a query is called, and where it comes from.
fn of_query(queries: &dyn Rows) -> Vec<Column<'_>> {
    let mut all = Vec::new();
    let (ids, labels, files) = known(queries);
    if let Some(known) = ids {
        all.push(Column::new("id", Type::Text, |r| text(known.id(r.query))));
    }
    if let Some(known) = files {
        all.push(Column::new("file", Type::Text, |r| {
            text(known.origin(r.query).map(|origin| origin.file))
        }));
        all.push(Column::new("row_in_file", Type::Row, |r| {
            Value::of(known.origin(r.query), |origin| Value::Row(origin.row))
        }));
    }
    if let Some(known) = labels {
        all.push(Column::new("label", Type::Text, |r| {
            text(known.label(r.query))
        }));
    }
    all
}

/// What is found out about the hull.
fn of_hull() -> Vec<Column<'static>> {
    let float = |name, get: fn(&Answer) -> Option<f64>| {
        Column::hull(name, Type::Float, move |answer| {
            Value::of(get(answer), Value::Float)
        })
    };
    let word = |name, get: fn(&Answer) -> Option<String>| {
        Column::hull(name, Type::Text, move |answer| {
            Value::of(get(answer), Value::Text)
        })
    };
    vec![
        word("verdict", |a| Some(a.verdict.name().into())),
        word("proof", |a| a.proof.map(|proof| proof.name().into())),
        word("reason", |a| a.reason.map(name)),
        float("margin", |a| Some(a.margin)),
        float("residual", |a| a.residual),
        float("distance_lower", |a| a.distance.map(|d| d.lower)),
        float("distance_upper", |a| a.distance.map(|d| d.upper)),
        float("gap", |a| a.distance.as_ref().map(Bracket::gap)),
        Column::hull("support", Type::Count, |a| Value::Count(a.support as u32)),
        Column::hull("scans", Type::Count, |a| Value::Count(a.scans)),
    ]
}

/// What the nearest row is called, and where it comes from.
fn of_nearest(reference: &dyn Rows) -> Vec<Column<'_>> {
    let mut all = Vec::new();
    let (ids, labels, files) = known(reference);
    if let Some(known) = ids {
        all.push(Column::nearest("nearest_id", Type::Text, |n| {
            text(known.id(n.row))
        }));
    }
    if let Some(known) = files {
        all.push(Column::nearest("nearest_file", Type::Text, |n| {
            text(known.origin(n.row).map(|origin| origin.file))
        }));
        all.push(Column::nearest("nearest_row_in_file", Type::Row, |n| {
            Value::of(known.origin(n.row), |origin| Value::Row(origin.row))
        }));
    }
    if let Some(known) = labels {
        all.push(Column::nearest("nearest_label", Type::Text, |n| {
            text(known.label(n.row))
        }));
    }
    all
}

/// A text of each neighbour.
fn texts<'r>(name: &'static str, get: impl Fn(u64) -> Option<&'r str> + 'r) -> Column<'r> {
    Column::new(name, Type::Texts, move |r| {
        let each = r.neighbours.iter();
        let text = |n: &Neighbour| get(n.row).unwrap_or_default().to_string();
        Value::Texts(each.map(text).collect())
    })
}

/// All neighbours, nearest first.
fn of_neighbours(reference: &dyn Rows) -> Vec<Column<'_>> {
    let mut all = vec![Column::new("neighbour_rows", Type::Rows, |r| {
        Value::Rows(r.neighbours.iter().map(|n| n.row).collect())
    })];
    let (ids, labels, files) = known(reference);
    if let Some(known) = ids {
        all.push(texts("neighbour_ids", |row| known.id(row)));
    }
    if let Some(known) = files {
        all.push(texts("neighbour_files", |row| {
            known.origin(row).map(|origin| origin.file)
        }));
        all.push(Column::new("neighbour_rows_in_file", Type::Rows, |r| {
            let each = r.neighbours.iter();
            let row = |n: &Neighbour| known.origin(n.row).map_or(0, |origin| origin.row);
            Value::Rows(each.map(row).collect())
        }));
    }
    if let Some(known) = labels {
        all.push(texts("neighbour_labels", |row| known.label(row)));
    }
    all.push(Column::new("neighbour_distances", Type::Floats, |r| {
        Value::Floats(r.neighbours.iter().map(|n| n.distance).collect())
    }));
    all
}

/// The Arrow schema of the columns. The number of the query alone is never null.
pub(super) fn schema(columns: &[Column], metadata: HashMap<String, String>) -> Arc<Schema> {
    let field =
        |column: &Column| Field::new(column.name, column.of.arrow(), column.name != "query");
    let fields: Vec<Field> = columns.iter().map(field).collect();
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

/// Records as a batch.
pub(super) fn batch(
    schema: &Arc<Schema>,
    columns: &[Column],
    records: &[Record],
) -> Result<RecordBatch, ArrowError> {
    let array = |column: &Column| array(column, records);
    RecordBatch::try_new(Arc::clone(schema), columns.iter().map(array).collect())
}

/// One column of a batch.
fn array(column: &Column, records: &[Record]) -> ArrayRef {
    let values = records.iter().map(|record| column.value(record));
    macro_rules! build {
        ($builder:expr, $kind:path) => {{
            let mut builder = $builder;
            for value in values {
                match value {
                    $kind(value) => builder.append_value(value),
                    _ => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }};
    }
    macro_rules! lists {
        ($builder:expr, $kind:path) => {{
            let mut builder = ListBuilder::new($builder);
            for value in values {
                match value {
                    $kind(items) => builder.append_value(items.into_iter().map(Some)),
                    _ => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }};
    }
    match column.of {
        Type::Text => build!(StringBuilder::new(), Value::Text),
        Type::Float => build!(Float64Builder::new(), Value::Float),
        Type::Count => build!(UInt32Builder::new(), Value::Count),
        Type::Row => build!(UInt64Builder::new(), Value::Row),
        Type::Texts => lists!(StringBuilder::new(), Value::Texts),
        Type::Floats => lists!(Float64Builder::new(), Value::Floats),
        Type::Rows => lists!(UInt64Builder::new(), Value::Rows),
    }
}

/// A value as JSON, which writes every f64 so that it reads back the same.
pub(super) fn as_json(value: Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Text(text) => text.into(),
        Value::Float(number) => number.into(),
        Value::Count(count) => count.into(),
        Value::Row(row) => row.into(),
        Value::Texts(texts) => texts.into(),
        Value::Floats(numbers) => numbers.into(),
        Value::Rows(rows) => rows.into(),
    }
}

/// A value as a field of CSV, not yet quoted; lists are joined by semicolons.
pub(super) fn as_field(value: Value) -> String {
    fn join<T>(items: Vec<T>, write: impl Fn(&T) -> String) -> String {
        items.iter().map(write).collect::<Vec<_>>().join(";")
    }
    // `Debug` writes an exponent where plain digits would be hundreds.
    let number = |value: &f64| format!("{value:?}");
    match value {
        Value::Null => String::new(),
        Value::Text(text) => text,
        Value::Float(value) => number(&value),
        Value::Count(count) => count.to_string(),
        Value::Row(row) => row.to_string(),
        Value::Texts(texts) => texts.join(";"),
        Value::Floats(numbers) => join(numbers, number),
        Value::Rows(rows) => join(rows, u64::to_string),
    }
}
