//! Files that are read repeatedly: changes to them are detected, and most files of a large set are closed between
//! reads.

use super::input::{input_error, open_file};
use super::read_at::read_at;
use crate::error::{Error, Place, Result};
use std::fs::{File, Metadata};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// How many files of a set stay open; the others are opened for each read. A process may often have 1024 open files,
/// sometimes 256, and there may be several sets.
pub(super) const OPEN: usize = 16;

/// File metadata that changes when the file is written to or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    /// The device and the inode number.
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

    /// The stamp of a path, if it names a regular file.
    pub fn of_file(path: &Path) -> Option<Self> {
        let metadata = path.metadata().ok().filter(Metadata::is_file);
        metadata.map(|metadata| Stamp::of(&metadata))
    }

    /// Errors: the file has changed. A missing file is no error, since it was read completely before.
    pub fn check_file(&self, path: &Path) -> Result<()> {
        match path.metadata() {
            Ok(now) => self.check(&now, path),
            Err(_) => Ok(()),
        }
    }

    /// Errors: the file has changed.
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
            "an answer would hold for neither content; run again once the file is complete",
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

/// An open file, or what is needed to open it.
#[derive(Debug)]
pub(super) enum Handle {
    /// A file that a format's reader passed on, or the spool file of this part alone.
    Open(File),
    /// A spool file that several parts share.
    Shared(Arc<File>),
    /// The user's own file, which others may write to. `None`: it is opened for each read.
    Watched(Option<File>, Stamp),
}

impl Handle {
    /// Watches the file for changes if `path` names it, and then closes it unless it may stay open.
    pub fn watched(self, path: &Path, stays_open: bool) -> Result<Self> {
        let Handle::Open(file) = self else {
            return Ok(self);
        };
        let failed = |error| Error::io("read", path, error);
        let stamp = Stamp::of(&file.metadata().map_err(failed)?);
        // A spool file has the path of the file that was unpacked into it.
        let same = path
            .metadata()
            .is_ok_and(|named| Stamp::of(&named).place == stamp.place && named.is_file());
        Ok(match cfg!(unix) && same {
            true => Handle::Watched(stays_open.then_some(file), stamp),
            false => Handle::Open(file),
        })
    }

    /// Fills `buffer` from byte `offset` on. Errors: the file ends before, or has changed since the set was opened.
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
    /// Reads first and then checks the stamp, since a write changes the time before it changes the content.
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
