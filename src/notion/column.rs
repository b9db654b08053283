//! Columns of results: a name, a type and a help text; and their values. Files, tables and help are derived from lists of
//! columns.

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Text,
    Bool,
    Float,
    Count,
    /// A row of the reference: in a [`Value`] its index, in files its row number.
    Row,
    Texts,
    Floats,
    Rows,
}

/// The value of a column for one query; as JSON it is the plain value.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(untagged)]
pub enum Value {
    /// The value was not computed, or does not apply.
    Null,
    Text(String),
    Bool(bool),
    Float(f64),
    Count(u64),
    Row(u64),
    Texts(Vec<String>),
    Floats(Vec<f64>),
    Rows(Vec<u64>),
}

impl Value {
    /// The value that `make` gives, or null for `None`.
    pub fn of<T>(value: Option<T>, make: impl FnOnce(T) -> Value) -> Value {
        value.map_or(Value::Null, make)
    }

    /// A number, or null where it is not finite.
    pub fn finite(value: f64) -> Value {
        Value::of(Some(value).filter(|value| value.is_finite()), Value::Float)
    }
}

/// A column that a notion adds to its outside and score columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub name: String,
    pub of: Type,
    /// The meaning, with the unit.
    pub help: String,
}

impl Column {
    /// A column.
    pub fn new(name: impl Into<String>, of: Type, help: impl Into<String>) -> Self {
        Column {
            name: name.into(),
            of,
            help: help.into(),
        }
    }
}
