//! Reads bytes at an offset of a file, from any number of threads.

use crate::error::{Error, Place, Result};
use std::fs::File;
use std::path::Path;

/// Fills `buffer` from byte `offset` on, or fails with an error that says where the file ended.
pub(super) fn read_at(file: &File, path: &Path, buffer: &mut [u8], offset: u64) -> Result<()> {
    read_exact_at(file, buffer, offset).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => Error::input(
            path.display().to_string(),
            Place::Byte(offset),
            format!(
                "the file ends before the {} bytes that its header promises here",
                buffer.len()
            ),
            "it is truncated, or was changed while it was read",
        ),
        _ => Error::io("read", path, error),
    })
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> std::io::Result<()> {
    while !buffer.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, buffer, offset)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        buffer = &mut buffer[read..];
        offset += read as u64;
    }
    Ok(())
}
