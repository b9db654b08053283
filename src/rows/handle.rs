//! Files that rows are read from again and again: watched for changes, and closed where a set has many of them.

use super::input::{input_error, open_file};
use super::read_at::read_at;
use crate::error::{Error, Place, Result};
use std::fs::{File, Metadata};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// Files of a set that stay open; the others are opened for each read. A process may often have 1024, sometimes 256, and
/// there may be several sets.
pub(super) const OPEN: usize = 16;

/// What tells that a file was written to, or that another stands in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    /// Device and number.
    place: (u64, u64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Stamp {
            size: metadata.len(),
            modified: metadata.modified().ok(),
            place: place(metadata),
        }
    }

    /// That of a plain file which is there.
    pub fn of_file(path: &Path) -> Option<Self> {
        let metadata = path.metadata().ok().filter(Metadata::is_file);
        metadata.map(|metadata| Stamp::of(&metadata))
    }

    /// Errors: the file is not as it was. One that is gone was read to its end before.
    pub fn check_file(&self, path: &Path) -> Result<()> {
        match path.metadata() {
            Ok(now) => self.check(&now, path),
            Err(_) => Ok(()),
        }
    }

    /// Errors: the file is not as it was.
    fn check(&self, now: &Metadata, path: &Path) -> Result<()> {
        let now = Stamp::of(now);
        if now == *self {
            return Ok(());
        }
        let what = match (now.place == self.place, now.size == self.size) {
            (false, _) => "another file took its place while it was read".into(),
            (true, false) => format!(
                "it was written to while it was read: it had {} bytes, and has {} now",
                self.size, now.size
            ),
            (true, true) => "it was written to while it was read".into(),
        };
        Err(input_error(
            path,
            Place::Whole,
            what,
            "no answer would be about either content; run again once it is whole",
        ))
    }
}

#[cfg(unix)]
fn place(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn place(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// An open file, or the way to one.
#[derive(Debug)]
pub(super) enum Handle {
    /// As a reader of a format hands it over, or a spool file of its own.
    Open(File),
    /// A spool file that several parts share.
    Shared(Arc<File>),
    /// The user's own file, which anyone may write to. `None`: it is opened for each read.
    Watched(Option<File>, Stamp),
}

impl Handle {
    /// Watch the file if it is the one that the path names, and close it unless it may stay open.
    pub fn watched(self, path: &Path, stays_open: bool) -> Result<Self> {
        let Handle::Open(file) = self else {
            return Ok(self);
        };
        let failed = |error| Error::io("read", path, error);
        let stamp = Stamp::of(&file.metadata().map_err(failed)?);
        // A spool file has the path of what it was unpacked from.
        let same = path
            .metadata()
            .is_ok_and(|named| Stamp::of(&named).place == stamp.place && named.is_file());
        Ok(match cfg!(unix) && same {
            true => Handle::Watched(stays_open.then_some(file), stamp),
            false => Handle::Open(file),
        })
    }

    /// Exactly these bytes. Errors: the file ends before, or is not as it was when the set was opened.
    pub fn read_at(&self, path: &Path, buffer: &mut [u8], offset: u64) -> Result<()> {
        match self {
            Handle::Open(file) => read_at(file, path, buffer, offset),
            Handle::Shared(file) => read_at(file, path, buffer, offset),
            Handle::Watched(Some(file), stamp) => stamp.read_at(file, path, buffer, offset),
            Handle::Watched(None, stamp) => stamp.read_at(&open_file(path)?, path, buffer, offset),
        }
    }
}

impl Stamp {
    /// Read, then look: a write changes the time before it changes the content.
    fn read_at(&self, file: &File, path: &Path, buffer: &mut [u8], offset: u64) -> Result<()> {
        let read = read_at(file, path, buffer, offset);
        let now = file.metadata();
        self.check(&now.map_err(|error| Error::io("read", path, error))?, path)?;
        read
    }
}

impl From<File> for Handle {
    fn from(file: File) -> Self {
        Handle::Open(file)
    }
}
