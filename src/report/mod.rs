//! Writers of results: tables of records, certificates, summaries, figures, pages.
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
use crate::rows::{Columns, Element, RowSettings, Rows};
use crate::study::Sink;
use crate::study::analyze::AnalysisPlan;
use serde::Serialize;
use serde_json::json;

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
        let mut all = parquet_file::metadata(&self.command, &json!(self.plan));
        all.extend([
            (
                "hullscope.reference".into(),
                json!(self.reference).to_string(),
            ),
            ("hullscope.queries".into(), json!(self.queries).to_string()),
            (ROW_SETTINGS.into(), json!(self.rows).to_string()),
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
