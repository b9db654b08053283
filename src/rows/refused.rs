//! Formats that are recognised and not read, each with what to do instead.

use super::input::Input;
use crate::error::{Error, Place};

/// Why a file is not read although its format is known.
pub(super) fn refusal(input: &Input) -> Option<Error> {
    let head = input.head.as_slice();
    let extension = input.extension.as_str();
    let (what, advice) = match head {
        [b'F', b'E', b'A', b'1', ..] => (
            "this is Feather version 1",
            "write it again as Feather version 2 (Arrow IPC)",
        ),
        [0x89, b'H', b'D', b'F', ..] => (
            "this is HDF5, which is not read",
            "export the data set as .npy or Parquet",
        ),
        [0x80, 2..=5, ..] if matches!(extension, "npy" | "pkl" | "pickle" | "pt" | "pth") => (
            "this is a Python pickle, which is never loaded",
            "save a plain array with numpy.save(..., allow_pickle=False)",
        ),
        _ => return None,
    };
    Some(input.error(Place::Byte(0), what, advice))
}
