//! A file whose first bytes were read, from which its format is recognised.

use super::read_at::read_at;
use crate::error::{Error, Place, Result};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

/// How many bytes of a file are read first; they identify most formats.
pub(super) const HEAD: usize = 4096;

/// A file whose first bytes were read, or a folder that is a set in itself (its `size` is 0 and `head` is empty).
pub(super) struct Input {
    pub file: File,
    pub path: PathBuf,
    pub size: u64,
    pub head: Vec<u8>,
    /// The extension in lower case, without that of a packing (`csv` for `.csv.gz`); empty if there is none.
    pub extension: String,
    /// The packing of the file from which this content was unpacked.
    pub packed: Option<&'static str>,
}

/// Opens a file or folder for random access, unlike a set of rows, which may also come from a pipe.
///
/// Errors: those of the system; a pipe or a device, which is not opened because that could block forever.
pub(crate) fn open_file(path: &Path) -> Result<File> {
    opened(path, |error| Error::io("open", path, error))
}

/// The same; `advice` says what was expected if nothing is there.
pub(crate) fn open_expected(path: &Path, advice: &str) -> Result<File> {
    opened(path, |error| Error::opening(path, error, advice))
}

fn opened(path: &Path, failed: impl Fn(io::Error) -> Error) -> Result<File> {
    let kind = path.metadata().map_err(&failed)?;
    if !kind.is_file() && !kind.is_dir() {
        return Err(input_error(
            path,
            Place::Whole,
            "it is a pipe or a device",
            "write what comes out of it to a file, and name that; only the rows of a set can come from a pipe",
        ));
    }
    File::open(path).map_err(&failed)
}

/// Opens a file and reads its first bytes.
pub(super) fn probe(path: &Path) -> Result<Input> {
    let file = open_file(path)?;
    Input::of(file, path.into(), extension(path))
}

/// The last extension of a file name, in lower case.
pub(super) fn extension(path: &Path) -> String {
    let extension = path.extension().unwrap_or_default();
    extension.to_string_lossy().to_lowercase()
}

impl Input {
    /// Reads the first bytes of an open file; `path` is its name in messages.
    pub fn of(mut file: File, path: PathBuf, extension: String) -> Result<Self> {
        let failed = |error| Error::io("read", &path, error);
        let metadata = file.metadata().map_err(failed)?;
        let mut head = Vec::new();
        if metadata.is_file() {
            file.rewind().map_err(failed)?;
            (&mut file)
                .take(HEAD as u64)
                .read_to_end(&mut head)
                .map_err(failed)?;
        }
        Ok(Input {
            size: if metadata.is_file() {
                metadata.len()
            } else {
                0
            },
            file,
            path,
            head,
            extension,
            packed: None,
        })
    }

    pub fn error(&self, place: Place, what: impl Into<String>, advice: impl Into<String>) -> Error {
        input_error(&self.path, place, what, advice)
    }

    /// The error for a file whose parts contradict each other.
    pub fn corrupt(&self, place: Place, what: impl Into<String>) -> Error {
        self.error(place, what, "it is truncated or corrupt; write it again")
    }

    /// Reads `count` bytes from `offset` on; allocates them only if the file is long enough.
    pub fn bytes(&self, offset: u64, count: u64) -> Result<Vec<u8>> {
        let end = offset.checked_add(count).filter(|&end| end <= self.size);
        let (Some(_), Ok(count)) = (end, usize::try_from(count)) else {
            let what = format!(
                "{count} bytes are claimed here, but the file has {} in all",
                self.size
            );
            return Err(self.corrupt(Place::Byte(offset), what));
        };
        let mut bytes = vec![0; count];
        read_at(&self.file, &self.path, &mut bytes, offset)?;
        Ok(bytes)
    }

    /// The file, positioned at its start.
    pub fn rewound(mut self) -> Result<File> {
        self.file
            .rewind()
            .map_err(|error| Error::io("read", &self.path, error))?;
        Ok(self.file)
    }
}

/// An error about a file or a part of it.
pub(super) fn input_error(
    path: &Path,
    place: Place,
    what: impl Into<String>,
    advice: impl Into<String>,
) -> Error {
    Error::input(path.display().to_string(), place, what, advice)
}
