//! The certificate file (Parquet, zstd): one row a query and body, everything that a re-check needs but the inputs.
//!
//! Columns: `of` (text: hull or cone; what the query is inside or outside of; files without it are about the hull), `query` (u64, row number in the file), `verdict` (text), `proof` (text: exact, tolerance or separated; null
//! if undecided), `direction` (list of f64; null unless outside), `margin` (f64; null unless outside), `rows` (list of
//! u64, row numbers in the reference file) and `weights` (list of f64; both null unless inside). The metadata say which
//! rows the certificates are of, and how many there are ([`Origin`]). Reading trusts nothing: what contradicts itself
//! becomes a claim that fails, and [`audit()`] holds what the metadata say against what is there.

mod audit;
mod origin;
mod reader;
mod writer;

pub use audit::{Audit, Problem, audit};
pub use origin::{Counts, Identity, Origin};
pub use reader::Reader;
pub use writer::Writer;

use crate::error::{Error, Result};
use arrow_schema::{DataType, Field, Schema};
use std::path::Path;
use std::sync::Arc;

/// Certificates written, and read, at a time: directions are long.
const BATCH: usize = 256;

/// The column that names the body, which older files lack.
const OF: &str = "of";

fn schema() -> Arc<Schema> {
    let list = |name: &str, data_type| {
        Field::new(
            name,
            DataType::List(Arc::new(Field::new_list_field(data_type, true))),
            true,
        )
    };
    Arc::new(Schema::new(vec![
        Field::new(OF, DataType::Utf8, false),
        Field::new("query", DataType::UInt64, false),
        Field::new("verdict", DataType::Utf8, false),
        Field::new("proof", DataType::Utf8, true),
        list("direction", DataType::Float64),
        Field::new("margin", DataType::Float64, true),
        list("rows", DataType::UInt64),
        list("weights", DataType::Float64),
    ]))
}

/// Certificates have one format; a name that says otherwise is a mistake.
pub fn check_name(path: &Path) -> Result<()> {
    let extension = path.extension().unwrap_or_default();
    if extension.eq_ignore_ascii_case("parquet") {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "certificates are written as Parquet; give {:?} the extension .parquet",
        path.display().to_string()
    )))
}
