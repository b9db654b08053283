//! What the columns of an Arrow schema may be used for, by their types and by what the file says of them.

use super::arrow_values::number;
use super::columns::{COUNTS, ColumnKind, SourceColumn, counts, unnamed};
use super::{Element, vector_text};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use std::collections::HashMap;

/// Rows that are looked at before columns are chosen.
pub(super) const LOOK: usize = 1024;

/// What a list holds, and its length where the type states it.
fn items(data_type: &DataType) -> Option<(&DataType, Option<usize>)> {
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field) => Some((field.data_type(), None)),
        DataType::FixedSizeList(field, length) => {
            Some((field.data_type(), usize::try_from(*length).ok()))
        }
        DataType::Dictionary(_, values) => items(values),
        DataType::RunEndEncoded(_, values) => items(values.data_type()),
        _ => None,
    }
}

/// The type of the numbers of a column of vectors: lists, or lists of lists, of numbers.
pub(super) fn vector(data_type: &DataType) -> Option<Element> {
    let (item, _) = items(data_type)?;
    number(item).or_else(|| vector(item))
}

/// Whether a type is text.
pub(super) fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        DataType::RunEndEncoded(_, values) => is_text(values.data_type()),
        _ => false,
    }
}

fn kind(field: &Field, index: bool) -> ColumnKind {
    let data_type = field.data_type();
    if index {
        return ColumnKind::Index("an index, as the file says");
    }
    if number(data_type).is_some() {
        return ColumnKind::Number;
    }
    if vector(data_type).is_some() {
        return ColumnKind::Vector;
    }
    if is_text(data_type) {
        return ColumnKind::Other("text");
    }
    if items(data_type).is_some_and(|(item, _)| is_text(item)) {
        return ColumnKind::Other("lists of text");
    }
    if data_type.is_temporal() {
        return ColumnKind::Other("dates and times");
    }
    ColumnKind::Unread
}

/// The columns that pandas calls the index of a table, by the metadata it leaves.
fn index(metadata: &HashMap<String, String>) -> Vec<String> {
    let pandas = metadata
        .get("pandas")
        .and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    let columns = pandas
        .as_ref()
        .and_then(|pandas| pandas["index_columns"].as_array());
    let names = columns.into_iter().flatten();
    names
        .filter_map(|name| Some(name.as_str()?.to_string()))
        .collect()
}

/// The type of a column in words that people know.
fn stored(data_type: &DataType) -> String {
    match (items(data_type), data_type) {
        (Some((item, Some(length))), _) => format!("list of {length} {}", stored(item)),
        (Some((item, None)), _) => format!("list of {}", stored(item)),
        (None, DataType::Struct(fields)) => {
            let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
            format!("struct of {}", names.join(", "))
        }
        (None, DataType::Dictionary(_, values)) => format!("dictionary of {}", stored(values)),
        (None, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) => "text".into(),
        (None, other) => other.to_string().to_lowercase(),
    }
}

/// The columns of a schema. `metadata` is that of the file, which says which are an index.
pub(super) fn columns(schema: &Schema, metadata: &HashMap<String, String>) -> Vec<SourceColumn> {
    let index = index(metadata);
    let fields = schema.fields().iter();
    let column = fields.map(|field| SourceColumn {
        name: field.name().clone(),
        kind: kind(field, index.contains(field.name())),
        stored: stored(field.data_type()),
    });
    column.collect()
}

/// Which columns must be looked at before it is known what they are: text that may spell vectors, and numbers without a
/// name that may count the rows.
pub(super) fn doubtful(columns: &[SourceColumn], schema: &Schema) -> Vec<usize> {
    let is = |place: &usize| match columns[*place].kind {
        ColumnKind::Number => unnamed(&columns[*place].name),
        ColumnKind::Other(_) => is_text(schema.field(*place).data_type()),
        _ => false,
    };
    (0..columns.len()).filter(is).collect()
}

/// Settle what the doubtful columns are by some rows of them, in the order of `places`.
pub(super) fn settle(columns: &mut [SourceColumn], places: &[usize], rows: &RecordBatch) {
    for (&place, values) in places.iter().zip(rows.columns()) {
        let column = &mut columns[place];
        if column.kind == ColumnKind::Number {
            let Ok(values) = super::arrow_values::numbers(values) else {
                continue;
            };
            if counts(values.into_iter()) {
                column.kind = ColumnKind::Index(COUNTS);
            }
        } else if first_text(values).is_some_and(|text| vector_text::parse(&text).is_some()) {
            column.kind = ColumnKind::Unread;
            column.stored = "text that spells vectors".into();
        }
    }
}

/// The first text of a column that is not null.
fn first_text(values: &ArrayRef) -> Option<String> {
    let values = super::arrow_values::plain(values).ok()?;
    let row = (0..values.len()).find(|&row| values.is_valid(row))?;
    Some(match values.data_type() {
        DataType::Utf8 => values.as_string::<i32>().value(row).into(),
        DataType::LargeUtf8 => values.as_string::<i64>().value(row).into(),
        DataType::Utf8View => values.as_string_view().value(row).into(),
        _ => return None,
    })
}
