//! Runs a decoder that may panic on corrupt data: a panic becomes an error of the file.

use super::input::input_error;
use crate::error::{Place, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// What to do with a file whose content contradicts itself.
pub(super) const CORRUPT: &str = "it is truncated or corrupt; write it again";

/// Run a decoder that may panic on corrupt data it was not hardened against; a panic is the file's fault.
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
