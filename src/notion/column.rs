//! Columns of results: a name, a type, a help text; and the values that they hold. Files, tables and help are derived
//! from lists of them.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Text,
    Bool,
    Float,
    Count,
    /// A row of the reference: in a [`Value`] its index, in files its number.
    Row,
    Texts,
    Floats,
    Rows,
}

/// The value of a column for one query.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Not asked for, or it does not apply.
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
    /// What is made of a value, or null.
    pub fn of<T>(value: Option<T>, make: impl FnOnce(T) -> Value) -> Value {
        value.map_or(Value::Null, make)
    }

    /// A number, or null where it is not finite.
    pub fn finite(value: f64) -> Value {
        Value::of(Some(value).filter(|value| value.is_finite()), Value::Float)
    }
}

/// A column that a notion adds to its own two.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub name: String,
    pub of: Type,
    /// What it says, with its unit.
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
