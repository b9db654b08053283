//! Files of this program that it reads back, and how any output appears whole or not at all.
//!
//! What it reads back: certificates ([`certificates`]), a fitted reference ([`hull_file`]) and the queries of a comparison
//! ([`queries`]). Every output is written through [`mod@file`]. A [`Context`] is the origin of the numbers (command, inputs,
//! settings); it goes into every file, so that a result can be traced and repeated.

pub mod certificates;
pub mod file;
pub mod hull_file;
pub(crate) mod npy;
pub(crate) mod parquet_file;
mod part;
pub mod queries;

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
