//! Sinks that write: tables of records, certificates, summaries. Each knows one format.
//!
//! A [`Context`] says where the numbers come from; it goes into every file, so that a result can be traced and
//! repeated. Files appear whole or not at all ([`mod@file`]).

pub mod archive;
pub mod bench;
pub mod certificates;
pub mod compare;
#[cfg(feature = "gpu")]
pub mod devices;
pub mod embeddings;
pub mod file;
pub mod html;
pub mod hull_file;
pub mod json;
pub mod lock;
pub(crate) mod numerals;
pub mod outcomes;
pub mod paper;
mod parquet_file;
mod part;
pub mod plot;
pub mod queries;
pub mod records;
pub mod results;
pub mod sheet;
pub mod sweep;
pub mod table;
pub(crate) mod text_table;

use crate::error::Result;
use crate::rows::{Choice, Columns, Element, OpenOptions, Order, RowList, Rows};
use crate::study::Sink;
use crate::study::analyze::AnalysisPlan;
use serde::{Deserialize, Deserializer, Serialize};

/// One input, as it was read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InputInfo {
    pub path: String,
    pub rows: u64,
    pub dim: u64,
    pub element: Element,
    /// Rows left out: for a NaN or an infinity, or by number.
    pub dropped: u64,
    /// Which columns of a table the rows were made of; null for formats without columns.
    pub columns: Option<Columns>,
    /// What else was chosen as the set was read, a sentence each.
    pub notes: Vec<String>,
}

impl InputInfo {
    /// What there is to say of a set.
    pub fn of(rows: &dyn Rows) -> Self {
        let known = rows.provenance();
        let columns = known.map(|known| known.columns.clone());
        InputInfo {
            path: rows.name().into(),
            rows: rows.len() as u64,
            dim: rows.dim() as u64,
            element: rows.element(),
            dropped: rows.dropped(),
            columns: columns.filter(|columns| *columns != Columns::default()),
            notes: known.map_or_else(Vec::new, |known| known.notes.clone()),
        }
    }

    /// What was chosen as the set was read, a sentence each, beginning with its name.
    pub fn sentences(&self) -> impl Iterator<Item = String> {
        self.notes
            .iter()
            .map(|note| format!("{}: {note}", self.path))
    }
}

/// Which rows of the files were used, and how their values were changed. Read back, no field may be absent or unknown.
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
    /// Which columns of a table.
    pub choice: Choice,
    /// The order of a set's files.
    pub order: Order,
    /// The type of numbers that a file does not name.
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

    /// The options to type for these settings; empty if there are none.
    pub fn options(&self) -> String {
        // Every field is named, so that none is forgotten when one is added.
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

    /// How rows were read, for a sentence.
    pub fn words(&self) -> String {
        match self.options().as_str() {
            "" => "as they stand in the files".into(),
            options => format!("with {options}"),
        }
    }
}

/// Where results come from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Context {
    /// The command line.
    pub command: String,
    pub reference: InputInfo,
    pub queries: InputInfo,
    pub plan: AnalysisPlan,
    pub rows: RowSettings,
}

impl Context {
    /// Key-value metadata for file formats that have it: every value is plain text or JSON.
    pub fn metadata(&self) -> Vec<(String, String)> {
        let json = |value: serde_json::Value| value.to_string();
        vec![
            ("hullscope.version".into(), env!("CARGO_PKG_VERSION").into()),
            ("hullscope.command".into(), self.command.clone()),
            (
                "hullscope.reference".into(),
                json(serde_json::json!(self.reference)),
            ),
            (
                "hullscope.queries".into(),
                json(serde_json::json!(self.queries)),
            ),
            (
                "hullscope.settings".into(),
                json(serde_json::json!(self.plan)),
            ),
            (ROW_SETTINGS.into(), json(serde_json::json!(self.rows))),
        ]
    }
}

/// The metadata key of the [`RowSettings`].
pub const ROW_SETTINGS: &str = "hullscope.rows";

/// A sink that ends in a file.
pub trait FileSink: Sink {
    /// Write what is left; committing the file puts it in its place.
    fn written(self: Box<Self>) -> Result<file::Output>;

    /// Write what is left and put the file in its place.
    fn finish(self: Box<Self>) -> Result<()> {
        self.written()?.commit()
    }
}
