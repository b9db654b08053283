//! Tables as lists of columns: each column has its name, help, type and value in one place, and every format and
//! `--help-columns` are made from such a list.

use crate::error::Result;
use crate::notion::{Type, Value};
use crate::store::parquet_file::{ParquetWriter, metadata, properties};
use arrow_array::builder::{
    BooleanBuilder, Float64Builder, Int64Builder, ListBuilder, StringBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use itertools::Itertools;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// A column of a table whose rows are made from `R`.
pub struct TableColumn<'r, R> {
    pub name: String,
    pub of: Type,
    /// The meaning, with the unit.
    pub help: String,
    /// Whether the column may hold nulls.
    pub nullable: bool,
    get: Box<dyn Fn(&R) -> Value + 'r>,
}

impl<'r, R: 'r> TableColumn<'r, R> {
    /// A column that may hold nulls.
    pub fn new(
        name: impl Into<String>,
        of: Type,
        help: impl Into<String>,
        get: impl Fn(&R) -> Value + 'r,
    ) -> Self {
        TableColumn {
            name: name.into(),
            of,
            help: help.into(),
            nullable: true,
            get: Box::new(get),
        }
    }

    pub fn value(&self, row: &R) -> Value {
        (self.get)(row)
    }

    /// The same column of a table whose rows may have an `R` as a part; null where the part is missing.
    pub fn of_part<S>(self, part: impl Fn(&S) -> Option<&R> + 'r) -> TableColumn<'r, S> {
        let get = self.get;
        TableColumn {
            name: self.name,
            of: self.of,
            help: self.help,
            nullable: true,
            get: Box::new(move |row: &S| part(row).map_or(Value::Null, &get)),
        }
    }
}

/// A Rust type of values, which gives a column its type. A column of `Option` may hold nulls.
pub trait Cell {
    const OF: Type;
    const NULLABLE: bool = false;
    fn value(self) -> Value;
}

/// A row number, for columns of [`Type::Row`].
pub struct RowNumber(pub u64);

impl From<RowNumber> for u64 {
    fn from(row: RowNumber) -> u64 {
        row.0
    }
}

macro_rules! cells {
    ($($from:ty as $of:ident;)*) => {$(
        impl Cell for $from {
            const OF: Type = Type::$of;
            fn value(self) -> Value {
                Value::$of(self.into())
            }
        }
    )*};
}

cells! {
    String as Text;
    &str as Text;
    bool as Bool;
    f64 as Float;
    u64 as Count;
    RowNumber as Row;
    Vec<String> as Texts;
    Vec<f64> as Floats;
    Vec<u64> as Rows;
}

impl<C: Cell> Cell for Option<C> {
    const OF: Type = C::OF;
    const NULLABLE: bool = true;
    fn value(self) -> Value {
        Value::of(self, C::value)
    }
}

/// A column whose type is that of its values.
pub fn column<'r, R: 'r, C: Cell>(
    name: &str,
    help: &str,
    get: impl Fn(&R) -> C + 'r,
) -> TableColumn<'r, R> {
    TableColumn {
        nullable: C::NULLABLE,
        ..TableColumn::new(name, C::OF, help, move |row| get(row).value())
    }
}

/// A list of columns, each written as `"name" = value of the row, "help";`.
macro_rules! columns {
    ($row:ident: $of:ty; $($name:literal = $value:expr, $help:expr;)*) => {
        vec![$($crate::report::columns::column($name, $help, move |$row: &$of| $value)),*]
    };
}
pub(super) use columns;

/// The columns, all of which may hold nulls.
pub fn nullable<R>(mut columns: Vec<TableColumn<'_, R>>) -> Vec<TableColumn<'_, R>> {
    for column in &mut columns {
        column.nullable = true;
    }
    columns
}

/// A line of `--help-columns` for each column of a file, with its type.
pub fn help<R>(file: &str, columns: &[TableColumn<'_, R>]) -> String {
    let line = |column: &TableColumn<'_, R>| {
        let of = format!("{:?}", column.of).to_lowercase();
        format!("{file}  {} ({of}): {}\n", column.name, column.help)
    };
    columns.iter().map(line).collect()
}

/// The Arrow schema of the columns.
pub fn schema<R>(columns: &[TableColumn<'_, R>], metadata: HashMap<String, String>) -> Arc<Schema> {
    let field =
        |column: &TableColumn<'_, R>| Field::new(&column.name, arrow(column.of), column.nullable);
    let fields: Vec<Field> = columns.iter().map(field).collect();
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

/// Rows as a batch.
pub fn batch<R>(
    schema: &Arc<Schema>,
    columns: &[TableColumn<'_, R>],
    rows: &[R],
) -> Result<RecordBatch, ArrowError> {
    let array = |column: &TableColumn<'_, R>| {
        let values = rows.iter().map(|row| column.value(row));
        array(column.of, values)
    };
    RecordBatch::try_new(Arc::clone(schema), columns.iter().map(array).collect())
}

/// Writes rows as Parquet, with the command line and the settings of the run.
///
/// Errors: a file that cannot be written.
pub fn write<R>(
    path: &Path,
    command: &str,
    settings: &serde_json::Value,
    columns: &[TableColumn<'_, R>],
    rows: &[R],
) -> Result<()> {
    let schema = schema(columns, HashMap::new());
    let options = properties(metadata(command, settings)).build();
    let mut file = ParquetWriter::create(path, &schema, options)?;
    file.write(batch(&schema, columns, rows))?;
    file.written()?.commit()
}

/// The Arrow type of a column. Whole numbers are signed, because differences of unsigned ones wrap around in data frames.
fn arrow(of: Type) -> DataType {
    let list = |item| DataType::List(Arc::new(Field::new_list_field(item, true)));
    match of {
        Type::Text => DataType::Utf8,
        Type::Bool => DataType::Boolean,
        Type::Float => DataType::Float64,
        Type::Count | Type::Row => DataType::Int64,
        Type::Texts => list(DataType::Utf8),
        Type::Floats => list(DataType::Float64),
        Type::Rows => list(DataType::Int64),
    }
}

/// Values of one type as a column of a batch.
fn array(of: Type, values: impl Iterator<Item = Value>) -> ArrayRef {
    macro_rules! built {
        ($builder:expr, $kind:ident, $map:expr) => {{
            let mut builder = $builder;
            builder.extend(values.map(|value| match value {
                Value::$kind(value) => Some($map(value)),
                _ => None,
            }));
            Arc::new(builder.finish())
        }};
    }
    let signed = |number: u64| number as i64;
    let rows = |rows: Vec<u64>| rows.into_iter().map(|row| Some(row as i64));
    let floats = |numbers: Vec<f64>| numbers.into_iter().map(Some);
    let texts = |texts: Vec<String>| texts.into_iter().map(Some);
    let (int, float, text) = (Int64Builder::new, Float64Builder::new, StringBuilder::new);
    match of {
        Type::Text => built!(text(), Text, String::from),
        Type::Bool => built!(BooleanBuilder::new(), Bool, bool::from),
        Type::Float => built!(float(), Float, f64::from),
        Type::Count => built!(int(), Count, signed),
        Type::Row => built!(int(), Row, signed),
        Type::Texts => built!(ListBuilder::new(text()), Texts, texts),
        Type::Floats => built!(ListBuilder::new(float()), Floats, floats),
        Type::Rows => built!(ListBuilder::new(int()), Rows, rows),
    }
}

/// A value as a field of CSV, not yet quoted; lists are joined by semicolons.
pub fn as_field(value: Value) -> String {
    // `{:?}` writes very large and small numbers with an exponent instead of hundreds of digits.
    let number = |value: &f64| format!("{value:?}");
    match value {
        Value::Null => String::new(),
        Value::Text(text) => text,
        Value::Bool(value) => value.to_string(),
        Value::Float(value) => number(&value),
        Value::Count(number) | Value::Row(number) => number.to_string(),
        Value::Texts(texts) => texts.join(";"),
        Value::Floats(numbers) => numbers.iter().map(number).join(";"),
        Value::Rows(rows) => rows.iter().join(";"),
    }
}
