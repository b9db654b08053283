//! Sinks that write: tables of records, certificates, summaries. Each knows one format.
//!
//! A [`Context`] says where the numbers come from; it goes into every file, so that a result can be traced and
//! repeated. Files appear whole or not at all ([`mod@file`]).

pub mod archive;
mod batch;
pub mod bench;
pub mod certificates;
pub mod compare;
#[cfg(feature = "gpu")]
pub mod devices;
pub mod file;
pub mod html;
pub mod json;
pub mod paper;
mod plain;
pub mod plot;
pub mod records;
pub mod sheet;
pub mod sweep;
pub mod table;

use crate::error::Result;
use crate::rows::{Element, RowList};
use crate::study::Sink;
use crate::study::analyze::Plan;
use serde::{Deserialize, Serialize};

/// One input, as it was read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InputInfo {
    pub path: String,
    pub rows: u64,
    pub dim: u64,
    pub element: Element,
    /// Rows left out: for a NaN or an infinity, or by number.
    pub dropped: u64,
}

/// Which rows of the files were used, and how their values were changed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RowSettings {
    pub limit_reference: Option<usize>,
    pub limit_queries: Option<usize>,
    /// Rows of the reference that were left out by number.
    #[serde(default)]
    pub exclude_rows: Option<RowList>,
    pub scale: Option<f64>,
    pub normalize: bool,
    pub skip_nonfinite: bool,
}

/// Where results come from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Context {
    /// The command line.
    pub command: String,
    pub reference: InputInfo,
    pub queries: InputInfo,
    pub plan: Plan,
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
    /// Write what is left and put the file in its place.
    fn finish(self: Box<Self>) -> Result<()>;
}
