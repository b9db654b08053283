//! What people read: tables of records, summaries, figures, pages.

pub mod bench;
mod columns;
pub mod compare;
#[cfg(feature = "gpu")]
pub mod devices;
mod document;
pub mod embeddings;
pub mod html;
pub mod json;
pub mod numerals;
pub mod outcomes;
pub mod paper;
pub mod plot;
pub mod records;
pub mod sheet;
pub mod sweep;
pub mod table;
pub(crate) mod text_table;
