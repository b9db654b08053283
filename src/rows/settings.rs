//! The options under which rows were read, as files keep them.

use super::{Choice, Element, OpenOptions, Order, RowList};
use serde::{Deserialize, Deserializer, Serialize};

/// The options under which rows were read. When these are read back, no field may be absent or unknown.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowSettings {
    #[serde(deserialize_with = "present")]
    pub limit_reference: Option<usize>,
    #[serde(deserialize_with = "present")]
    pub limit_queries: Option<usize>,
    /// Rows of the reference that were left out by number.
    #[serde(deserialize_with = "present")]
    pub exclude_rows: Option<RowList>,
    #[serde(deserialize_with = "present")]
    pub scale: Option<f64>,
    pub normalize: bool,
    pub skip_nonfinite: bool,
    /// The choice of the columns of a table.
    pub choice: Choice,
    /// The order of a set's files.
    pub order: Order,
    /// The number type of files that do not name it.
    #[serde(deserialize_with = "present")]
    pub dtype: Option<Element>,
}

/// A field that may be null but not absent.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(from)
}

impl RowSettings {
    /// How the reference is read with these settings.
    pub fn reference_options(&self) -> OpenOptions {
        OpenOptions {
            limit: self.limit_reference,
            scale: self.scale,
            normalize: self.normalize,
            skip_nonfinite: self.skip_nonfinite,
            exclude: self.exclude_rows.clone(),
            choice: self.choice.clone(),
            order: self.order,
            dtype: self.dtype,
            ..OpenOptions::default()
        }
    }

    /// The command-line options of these settings; empty for the defaults.
    pub fn options(&self) -> String {
        // All fields are named, so that a new one cannot be forgotten here.
        let RowSettings {
            limit_reference,
            limit_queries,
            exclude_rows,
            scale,
            normalize,
            skip_nonfinite,
            choice,
            order,
            dtype,
        } = self;
        let list = |option: &str, names: &[String]| {
            (!names.is_empty()).then(|| format!("{option} '{}'", names.join(",")))
        };
        let one = |option: &str, name: &Option<String>| {
            name.as_ref().map(|name| format!("{option} '{name}'"))
        };
        let parts = [
            limit_reference.map(|n| format!("--limit-reference {n}")),
            limit_queries.map(|n| format!("--limit-queries {n}")),
            exclude_rows
                .as_ref()
                .map(|rows| format!("--exclude-rows {rows}")),
            scale.map(|s| format!("--scale {s}")),
            normalize.then(|| "--normalize".into()),
            skip_nonfinite.then(|| "--skip-nonfinite".into()),
            list("--columns", &choice.columns),
            list("--drop", &choice.drop),
            one("--label-column", &choice.label),
            one("--id-column", &choice.id),
            (*order == Order::Text).then(|| "--order text".into()),
            dtype.map(|dtype| format!("--dtype {dtype}")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// How rows were read, as part of a sentence.
    pub fn words(&self) -> String {
        match self.options().as_str() {
            "" => "as they stand in the files".into(),
            options => format!("with {options}"),
        }
    }
}
