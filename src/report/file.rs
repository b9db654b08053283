//! Files that appear whole or not at all: a temporary name beside the target, and one rename at the end.
//!
//! The temporary file is made before the work starts, so a path that cannot be written is found out then; it is
//! removed when dropped.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file on its way.
#[derive(Debug)]
pub struct Output {
    target: PathBuf,
    temporary: NamedTempFile,
}

impl Output {
    /// Ready to write to `target`.
    ///
    /// Errors: the folder does not exist or cannot be written, or the target is a folder.
    pub fn create(target: &Path) -> Result<Self> {
        if target.is_dir() {
            return Err(Error::Usage(format!(
                "{} is a folder; name a file in it",
                target.display()
            )));
        }
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        if target
            .metadata()
            .is_ok_and(|target| target.permissions().readonly())
        {
            let source = std::io::ErrorKind::PermissionDenied.into();
            return Err(Error::io("write", target, source));
        }
        let temporary = tempfile::Builder::new()
            .prefix(".hullscope-")
            .suffix(".part")
            .tempfile_in(folder)
            .map_err(|error| Error::io("create a file in", folder, error))?;
        Ok(Output {
            target: target.into(),
            temporary,
        })
    }

    /// Where to write. Buffer what is written in small pieces.
    pub fn writer(&self) -> Result<BufWriter<File>> {
        let file = self
            .temporary
            .as_file()
            .try_clone()
            .map_err(|error| self.error(error))?;
        Ok(BufWriter::with_capacity(1 << 16, file))
    }

    /// An error in writing this file.
    pub fn error(&self, source: std::io::Error) -> Error {
        Error::io("write", &self.target, source)
    }

    /// An error that a format's writer made of an I/O error.
    pub fn failed(&self, error: impl std::fmt::Display) -> Error {
        self.error(std::io::Error::other(error.to_string()))
    }

    /// Put the file in its place. Whatever was written must have been flushed.
    pub fn commit(self) -> Result<()> {
        let Output { target, temporary } = self;
        give_usual_permissions(&temporary);
        temporary
            .as_file()
            .sync_all()
            .map_err(|error| Error::io("write", &target, error))?;
        temporary
            .persist(&target)
            .map_err(|error| Error::io("write", &target, error.error))?;
        Ok(())
    }
}

/// Temporary files are private; a result should be as readable as any other new file.
#[cfg(unix)]
fn give_usual_permissions(temporary: &NamedTempFile) {
    use std::os::unix::fs::PermissionsExt;
    // Best effort: a file that only its owner can read is still a result.
    let _ = temporary
        .as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o644));
}

#[cfg(not(unix))]
fn give_usual_permissions(_: &NamedTempFile) {}

/// Write text to a file, or to stdout for `-`.
pub fn write_text(target: &str, text: &str) -> Result<()> {
    if target == "-" {
        return print(text);
    }
    let output = Output::create(Path::new(target))?;
    let mut writer = output.writer()?;
    writer
        .write_all(text.as_bytes())
        .and_then(|()| writer.flush())
        .map_err(|error| output.error(error))?;
    drop(writer);
    output.commit()
}

/// Text to stdout; a reader that went away is an error of kind `BrokenPipe`.
pub fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Error::io("write to", "stdout", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_there_until_committed_and_nothing_is_left_when_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out.txt");
        let output = Output::create(&target).unwrap();
        output.writer().unwrap().write_all(b"half").unwrap();
        assert!(!target.exists());
        drop(output);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        write_text(target.to_str().unwrap(), "whole").unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "whole");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_found_out_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let error = Output::create(&folder.path().join("no/such/out.csv")).unwrap_err();
        assert!(error.to_string().contains("no/such"), "{error}");
        assert!(
            Output::create(folder.path())
                .unwrap_err()
                .to_string()
                .contains("folder")
        );
    }
}
