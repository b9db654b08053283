//! Rows of a known shape in a file, held against its size.

use super::input::{Input, input_error};
use super::packed::broken_stream;
use crate::error::{Place, Result};
use std::io::Read;
use std::path::Path;

/// Bytes of a header; a file that ends inside it is truncated.
pub(super) fn read_header(
    path: &Path,
    reader: &mut dyn Read,
    bytes: &mut [u8],
    at: u64,
) -> Result<()> {
    reader
        .read_exact(bytes)
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => input_error(
                path,
                Place::Byte(at),
                "the file ends inside its header",
                "it is truncated; copy it again",
            ),
            _ => broken_stream(path, at, &error),
        })
}

/// The axes of one row, from those of the array after its first; the header's product is known to fit.
pub(super) fn row_axes(rest: impl Iterator<Item = usize>) -> Vec<usize> {
    let axes: Vec<usize> = rest.collect();
    if axes.is_empty() { vec![1] } else { axes }
}

/// Check that `len` rows of `stride` bytes from `offset` fill the file exactly.
pub(super) fn measure(input: &Input, offset: u64, len: u64, stride: u64) -> Result<usize> {
    let needed = len
        .checked_mul(stride)
        .and_then(|bytes| bytes.checked_add(offset));
    let Some(needed) = needed.filter(|_| usize::try_from(len).is_ok()) else {
        return Err(input.error(
            Place::Byte(0),
            format!("the header claims {len} rows of {stride} bytes"),
            "no file can hold that; it is corrupt",
        ));
    };
    if needed > input.size {
        return Err(input.error(
            Place::Byte(input.size),
            format!(
                "the header claims {len} rows, which need {needed} bytes, but the file has {}",
                input.size
            ),
            "its end is missing, or not written yet, or its header is wrong",
        ));
    }
    if needed < input.size {
        return Err(input.error(
            Place::Byte(needed),
            format!(
                "{} bytes follow the {len} rows that the header claims",
                input.size - needed
            ),
            "the header is wrong, or something was appended",
        ));
    }
    Ok(len as usize)
}
