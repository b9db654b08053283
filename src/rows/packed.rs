//! Packed files (`.gz`, `.zst`, `.bz2`, `.xz`) and pipes: unpacked once into a spool file, which is then read like any
//! file.
//!
//! A few packed bytes can unpack to a disk full of zeros, so the size of a spool file is bounded.

use super::input::{Input, input_error};
use super::table::Ask;
use crate::error::{Error, Place, Result};
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::Path;

/// The packing of a file, recognised by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Packing {
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

impl Packing {
    pub fn of(head: &[u8]) -> Option<Self> {
        Some(match head {
            [0x1F, 0x8B, 8, ..] => Packing::Gzip,
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Packing::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..] => Packing::Bzip2,
            [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => Packing::Xz,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
            Packing::Bzip2 => "bzip2",
            Packing::Xz => "xz",
        }
    }

    /// A reader of the unpacked data.
    pub fn decoder<'r>(self, file: impl BufRead + 'r) -> std::io::Result<Box<dyn Read + 'r>> {
        Ok(match self {
            Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
            Packing::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(file)?;
                // The file determines the window's memory: 128 MiB is what the program `zstd` allows by default.
                decoder.window_log_max(27)?;
                Box::new(decoder)
            }
            Packing::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(file)),
            Packing::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(
                file,
                true,
                DICTIONARY_KIB,
            )),
        })
    }
}

/// The largest dictionary of an `.xz` file, in KiB: files by `xz -9` need 64 MiB to unpack.
const DICTIONARY_KIB: u32 = 128 << 10;

/// Unpacks a file into a spool file.
///
/// Errors: data that cannot be unpacked; more than the spool file may take.
pub(super) fn unpack(packing: Packing, input: Input, ask: &Ask) -> Result<Input> {
    let path = input.path.clone();
    let inner = path.with_extension("");
    let extension = super::input::extension(&inner);
    let file = BufReader::with_capacity(1 << 16, input.rewound()?);
    let mut decoder = packing
        .decoder(file)
        .map_err(|error| broken_stream(&path, 0, &error))?;
    let spool = spool(&path, &mut *decoder, None, ask)?;
    let mut inner = Input::of(spool, path, extension)?;
    inner.packed = Some(packing.name());
    Ok(inner)
}

/// Reads a pipe into a spool file.
///
/// Errors: the pipe cannot be read; more than the spool file may take.
pub(super) fn drain(path: &Path, mut pipe: impl Read, ask: &Ask) -> Result<Input> {
    let spool = spool(path, &mut pipe, None, ask)?;
    Input::of(spool, path.into(), super::input::extension(path))
}

/// Copies all of `from` to a spool file. `claimed` is the size that an archive states, refused at once if it is too
/// large. An error in reading is about the file, one in writing about the spool file.
pub(super) fn spool(
    path: &Path,
    from: &mut dyn Read,
    claimed: Option<u64>,
    ask: &Ask,
) -> Result<File> {
    let folder = ask.temporary;
    let too_much = |what: String| {
        input_error(
            path,
            Place::Whole,
            format!(
                "{what}, and a spool file may take {} bytes (in {})",
                ask.spool,
                folder.display()
            ),
            "allow more with --spool SIZE, or unpack it beforehand",
        )
    };
    if let Some(claimed) = claimed.filter(|&claimed| claimed > ask.spool) {
        return Err(too_much(format!("it claims to unpack to {claimed} bytes")));
    }
    let failed = |error| Error::io("write a spool file in", folder, error);
    let mut file = tempfile::tempfile_in(folder).map_err(failed)?;
    let mut buffer = vec![0; 1 << 16];
    let mut size = 0;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(file),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken_stream(path, size, &error)),
        };
        size += read as u64;
        if size > ask.spool {
            return Err(too_much(format!(
                "it unpacks to more than {} bytes",
                size - 1
            )));
        }
        file.write_all(&buffer[..read]).map_err(failed)?;
    }
}

/// The error for a packed stream that ends early or cannot be decoded.
pub(super) fn broken_stream(path: &Path, at: u64, error: &std::io::Error) -> Error {
    match error.raw_os_error() {
        Some(code) => Error::io("read", path, std::io::Error::from_raw_os_error(code)),
        None => {
            let too_large = error.to_string().contains("memory");
            let (what, advice) = match error.kind() {
                ErrorKind::UnexpectedEof => ("ends early", "it is truncated: copy it again"),
                _ if too_large => (
                    "needs more memory to unpack than is given to it",
                    "unpack it beforehand, with the program that packed it",
                ),
                _ => (
                    "cannot be unpacked",
                    "it is corrupt, or packed in a way that is not known: unpack it beforehand",
                ),
            };
            let what = format!("the packed data {what}: {error}");
            input_error(path, Place::Byte(at), what, advice)
        }
    }
}
