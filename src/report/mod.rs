//! Writers of results: tables of records, certificates, summaries, figures, pages. There is one source file per format.
//!
//! A [`Context`] is the origin of the numbers (command, inputs, settings); it goes into every file, so that a result can be
//! traced and repeated. Files appear whole or not at all ([`mod@file`]).

pub mod bench;
pub mod certificates;
mod columns;
pub mod compare;
#[cfg(feature = "gpu")]
pub mod devices;
pub mod embeddings;
pub mod file;
pub mod html;
pub mod hull_file;
pub mod json;
pub(crate) mod numerals;
pub mod outcomes;
pub mod paper;
pub(crate) mod parquet_file;
mod part;
pub mod plot;
pub mod queries;
pub mod records;
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
    /// The number of rows left out, for a NaN or an infinity or by number.
    pub dropped: u64,
    /// The columns of a table that make the rows; null for formats without columns.
    pub columns: Option<Columns>,
    /// Other choices that were made when the set was read, one sentence each.
    pub notes: Vec<String>,
}

impl InputInfo {
    /// The facts about a set.
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

    /// The choices that were made when the set was read, one sentence each, beginning with the set's name.
    pub fn sentences(&self) -> impl Iterator<Item = String> {
        self.notes
            .iter()
            .map(|note| format!("{}: {note}", self.path))
    }
}

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

/// The origin of results.
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
    /// Key-value metadata for file formats that have them: every value is plain text or JSON.
    pub fn metadata(&self) -> Vec<(String, String)> {
        let json = |value: serde_json::Value| value.to_string();
        let settings = serde_json::json!(self.plan);
        let mut all = parquet_file::metadata(&self.command, &settings);
        all.extend([
            (
                "hullscope.reference".into(),
                json(serde_json::json!(self.reference)),
            ),
            (
                "hullscope.queries".into(),
                json(serde_json::json!(self.queries)),
            ),
            (ROW_SETTINGS.into(), json(serde_json::json!(self.rows))),
        ]);
        all
    }
}

/// The metadata key of the [`RowSettings`].
pub const ROW_SETTINGS: &str = "hullscope.rows";

/// A sink that writes a file.
pub trait FileSink: Sink {
    /// Writes the remaining data; the file appears when the output is committed.
    fn written(self: Box<Self>) -> Result<file::Output>;
}
