//! Runs a decoder that may panic on corrupt data, and turns a panic into an error about the file.

use super::input::input_error;
use crate::error::{Place, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// The advice for a file whose content contradicts itself.
pub(super) const CORRUPT: &str = "it is truncated or corrupt; write it again";

/// Runs a decoder that may panic on corrupt data; a panic becomes an error about the file.
pub(super) fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(input_error(
            path,
            Place::Whole,
            "the file's structure contradicts itself",
            CORRUPT,
        ))
    })
}
