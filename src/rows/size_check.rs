//! Checks the claimed shape of rows in a file against the size of the file.

use super::Element;
use super::input::{Input, input_error};
use super::packed::broken_stream;
use super::table::Ask;
use crate::error::{Place, Result};
use std::io::Read;
use std::path::Path;

/// Reads the bytes of a header; a file that ends inside it is truncated.
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

/// The axes of one row, from the array's axes after its first; the header's product is known not to overflow.
pub(super) fn row_axes(rest: impl Iterator<Item = usize>) -> Vec<usize> {
    let axes: Vec<usize> = rest.collect();
    if axes.is_empty() { vec![1] } else { axes }
}

/// Checks that `len` rows of `stride` bytes from `offset` on fill the file exactly.
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

/// The number and size of the rows that an array claims to have.
pub(super) struct Claim {
    pub len: u64,
    /// The number of values in a row.
    pub dim: usize,
    /// The number of bytes of all rows.
    pub bytes: u64,
}

/// The memory, in bytes, that a row may always take.
const LEAST: u64 = 16 << 20;

/// The rows that the array `name` of this shape claims; its first axis counts the rows. Errors: no rows, or more bytes
/// than may be stored.
pub(super) fn claimed(
    input: &Input,
    name: &str,
    shape: &[u64],
    element: Element,
    ask: &Ask,
) -> Result<Claim> {
    let place = match name {
        "" => Place::Whole,
        name => Place::Part(name.into()),
    };
    let fault = |what: String, advice: &str| Err(input.error(place, what, advice));
    let Some((&len, rest)) = shape.split_first() else {
        return fault(
            "it is a single number, not a table of rows".into(),
            "name an array with rows and columns",
        );
    };
    if shape.contains(&0) {
        return fault(
            format!("the shape is {shape:?}: no axis may be zero"),
            "an array with rows and columns is needed",
        );
    }
    let size = element.size() as u64;
    let row = product(rest).and_then(|dim| dim.checked_mul(size));
    let bytes = row.and_then(|row| row.checked_mul(len));
    let (most, widest) = (ask.memory.max(ask.spool), (ask.memory / 4).max(LEAST));
    match (row, bytes) {
        (Some(row), Some(bytes)) if bytes <= most && row <= widest => Ok(Claim {
            len,
            dim: usize::try_from(row / size).unwrap_or(usize::MAX),
            bytes,
        }),
        _ => {
            let said = bytes.map_or("more than 2^64".into(), |bytes| bytes.to_string());
            fault(
                format!("the shape {shape:?} claims {said} bytes, more than may be kept"),
                "allow more with --memory SIZE and --spool SIZE",
            )
        }
    }
}

/// How many rows to read at a time, about `most` bytes: a multiple of the chunk length `along`, so that each chunk is
/// unpacked once. None if that takes more than `memory`.
pub(super) fn slab(most: u64, row: u64, along: u64, memory: u64) -> Option<u64> {
    let fits = along > 0 && along.saturating_mul(row) <= memory;
    fits.then(|| (most / row).max(1).div_ceil(along) * along)
}

/// The product of the axes; None if it overflows.
pub(super) fn product(axes: &[u64]) -> Option<u64> {
    axes.iter()
        .try_fold(1u64, |product, &axis| product.checked_mul(axis))
}
