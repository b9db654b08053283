//! A comparison of spaces as Parquet, as JSON, as text for a terminal, as figures and as a page.
//!
//! All of them show the same [`Report`]: rates of queries *outside*, in text in percent. Each measured rate is shown with
//! that of Gaussian rows of the same number and rank, and with the rank at which the two are equal: without these a
//! comparison of rates misleads.

mod figures;
mod files;
mod findings;
mod names;
mod sections;
pub(super) mod words;

pub use figures::{figures, share};
pub use files::{help, write_labels, write_rates};
pub use findings::findings;
pub use names::shortened;
pub use sections::{RunInfo, page, text, write_page};

use crate::study::compare::Report;
use serde_json::{Value, json};

/// The report as JSON, without the verdict of each query and the queries of the contact sheets. Field names are part of the
/// interface.
pub fn json(command: &str, settings: &Value, report: &Report) -> Value {
    let mut spaces = json!(report.spaces);
    let all = spaces.as_array_mut().into_iter().flatten();
    for space in all.filter_map(Value::as_object_mut) {
        space.remove("verdicts");
        space.remove("picks");
    }
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "command": command,
        "settings": settings,
        "spaces": spaces,
        "pairs": report.pairs,
        "outcomes": report.outcomes,
    })
}
