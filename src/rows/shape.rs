//! Rows of a known shape in a file: held against its size, or cut from a stream.

use super::open::{Input, STEP, Stream, broken_stream, input_error};
use super::{Element, decode};
use crate::error::{Place, Result};
use std::io::Read;
use std::path::{Path, PathBuf};

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
            "it is truncated or its header is wrong; copy it again",
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

/// Values of a stream in a foreign byte order, or not, cut into whole rows.
pub(super) struct Cut {
    pub path: PathBuf,
    pub reader: Box<dyn Read>,
    pub axes: Vec<usize>,
    pub element: Element,
    pub foreign: bool,
    /// Rows still promised by the header.
    pub left: u64,
    /// Bytes of the (decompressed) file so far.
    pub at: u64,
}

impl Stream for Cut {
    fn axes(&self) -> Vec<usize> {
        self.axes.clone()
    }

    fn element(&self) -> Element {
        self.element
    }

    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        let width = self.axes.iter().product::<usize>() * self.element.size();
        if self.left == 0 {
            return self.end();
        }
        let rows = self.left.min((STEP / width).max(1) as u64);
        let start = out.len();
        let wanted = rows * width as u64;
        let read = (&mut self.reader)
            .take(wanted)
            .read_to_end(out)
            .map_err(|error| broken_stream(&self.path, self.at, &error))?;
        self.at += read as u64;
        if (read as u64) < wanted {
            return Err(input_error(
                &self.path,
                Place::Byte(self.at),
                format!(
                    "the data ends here, {} rows before what the header claims",
                    self.left - read as u64 / width as u64
                ),
                "it is truncated or its header is wrong; copy it again",
            ));
        }
        if self.foreign {
            decode::swap(self.element, &mut out[start..]);
        }
        self.left -= rows;
        Ok(true)
    }
}

impl Cut {
    /// Nothing may follow the promised rows.
    fn end(&mut self) -> Result<bool> {
        let mut one = [0];
        match self.reader.read(&mut one) {
            Ok(0) => Ok(false),
            Ok(_) => Err(input_error(
                &self.path,
                Place::Byte(self.at),
                "more data follows the rows that the header claims",
                "the header is wrong, or something was appended",
            )),
            Err(error) => Err(broken_stream(&self.path, self.at, &error)),
        }
    }
}
