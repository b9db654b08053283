//! The certificate file (Parquet, zstd): one row per query and body, with everything that a re-check needs but the inputs.
//!
//! Columns: `of` (text: hull or cone, the body that the query is inside or outside of; hull where the column is missing),
//! `query` (u64, row number in the file), `verdict` (text), `proof` (text: exact, tolerance or separated; null if
//! undecided), `direction` (list of f64; null unless outside), `margin` (f64; null unless outside), `rows` (list of u64, row
//! numbers in the reference file) and `weights` (list of f64; both null unless inside). The metadata identify the rows of
//! the certificates and count the certificates ([`Origin`]). Reading trusts nothing: a row that contradicts itself becomes a
//! claim that fails, and the audit of `job::verify` compares the metadata with the inputs and the claims.

mod origin;
mod problem;
mod reader;
mod writer;

pub use origin::{Counts, Identity, Origin};
pub use problem::Problem;
pub use reader::CertificateReader;
pub use writer::CertificateWriter;

use arrow_schema::{DataType, Field, Schema};
use std::sync::Arc;

/// Certificates that are written, and read, at a time: directions are long.
const BATCH: usize = 256;

/// The column that names the body; older files lack it.
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
