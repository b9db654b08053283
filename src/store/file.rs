//! Files that appear whole or not at all: they are written under a temporary name in the target's folder, and renamed.
//!
//! The temporary file is created before the work starts, so that a path that cannot be written is found out at once. It is
//! removed when dropped; if a run was killed, the next run removes it.

use super::part;
use crate::error::{Error, Result};
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file that is being written.
#[derive(Debug)]
pub struct Output {
    target: PathBuf,
    temporary: NamedTempFile,
}

impl Output {
    /// Creates the temporary file for `target`; a link is followed.
    ///
    /// Errors: the folder does not exist or cannot be written, or the target exists and is not a plain file.
    pub fn create(target: &Path) -> Result<Self> {
        if target.is_dir() {
            return Err(Error::Usage(format!(
                "{} is a folder; name a file in it",
                target.display()
            )));
        }
        let last = target.as_os_str().as_encoded_bytes().last();
        if last.is_some_and(|&letter| std::path::is_separator(char::from(letter))) {
            return Err(Error::Usage(format!(
                "{} is written as a folder's name; name a file in it, as in {}",
                target.display(),
                target.join("result.json").display()
            )));
        }
        // A rename would replace the link, or the device.
        let target = &target.canonicalize().unwrap_or_else(|_| target.into());
        if target.exists() && !target.is_file() {
            return Err(Error::Usage(format!(
                "{} is not a plain file; name another",
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
        let temporary =
            part::create(folder).map_err(|error| Error::io("create a file in", folder, error))?;
        Ok(Output {
            target: target.into(),
            temporary,
        })
    }

    /// A buffered writer to the temporary file.
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

    /// The error of a format's writer (Parquet, Arrow, zip), as an error in writing this file.
    pub fn format_error(&self, error: impl std::fmt::Display) -> Error {
        self.error(std::io::Error::other(error.to_string()))
    }

    /// Flushes the writer, then puts the file in its place.
    pub fn close(self, writer: BufWriter<File>) -> Result<()> {
        self.flush(writer)?.commit()
    }

    /// Flushes the writer: the file is ready to be committed.
    pub fn flush(self, mut writer: BufWriter<File>) -> Result<Self> {
        writer.flush().map_err(|error| self.error(error))?;
        Ok(self)
    }

    /// Renames the file to its target. Everything must have been flushed.
    pub fn commit(self) -> Result<()> {
        self.sync()?;
        self.rename()
    }

    /// Waits until the data are on the disk.
    fn sync(&self) -> Result<()> {
        let synced = self.temporary.as_file().sync_all();
        synced.map_err(|error| self.error(error))
    }

    fn rename(self) -> Result<()> {
        let Output { target, temporary } = self;
        temporary
            .persist(&target)
            .map_err(|error| Error::io("write", &target, error.error))?;
        Ok(())
    }
}

/// Renames all files to their targets, or none if one cannot be written.
///
/// Errors: as [`Output::commit`]; if a rename fails after others succeeded, the renamed files are named.
pub fn commit_all(outputs: Vec<Output>) -> Result<()> {
    outputs.iter().try_for_each(Output::sync)?;
    let mut there: Vec<String> = Vec::new();
    for output in outputs {
        let target = output.target.clone();
        match output.rename() {
            Ok(()) => there.push(target.display().to_string()),
            Err(error) if there.is_empty() => return Err(error),
            Err(error) => {
                let what = format!(
                    "{error}; of the outputs of this run only {} was written",
                    there.join(", ")
                );
                return Err(Error::io("write", &target, std::io::Error::other(what)));
            }
        }
    }
    Ok(())
}

/// The ending of a file's name, in small letters; it decides the file's format.
pub fn ending(path: &Path) -> String {
    let ending = path.extension().unwrap_or_default();
    ending.to_string_lossy().to_lowercase()
}

/// The error for a file whose ending is none of those of its formats; `what` is its content.
pub fn wrong_ending(path: &Path, what: &str, endings: &str) -> Error {
    let path = path.display();
    Error::Usage(format!(
        "{path}: {what} are written as {endings}; change the name's ending"
    ))
}

/// Checks that a Parquet file can be written; nothing is left behind.
///
/// Errors: another ending, a path that cannot be written.
pub fn check_parquet(path: &Path, what: &str) -> Result<()> {
    match ending(path).as_str() {
        "parquet" => Output::create(path).map(drop),
        _ => Err(wrong_ending(path, what, ".parquet")),
    }
}

/// A device or a pipe, which cannot be replaced: text is written straight into it.
fn is_stream(target: &Path) -> bool {
    target.exists() && !target.is_file() && !target.is_dir()
}

/// Checks that text can be written to a file, or to stdout for `-`; nothing is left behind.
pub fn check_text(target: &str) -> Result<()> {
    let (stdout, target) = (target == "-", Path::new(target));
    if stdout || is_stream(target) {
        Ok(())
    } else {
        Output::create(target).map(drop)
    }
}

/// Writes text to a file, or to stdout for `-`.
pub fn write_text(target: &str, text: &str) -> Result<()> {
    if target == "-" {
        return print(text);
    }
    if is_stream(Path::new(target)) {
        return std::fs::write(target, text).map_err(|error| Error::io("write", target, error));
    }
    write_bytes(Path::new(target), text.as_bytes())
}

/// Writes all bytes of a file.
pub fn write_bytes(target: &Path, bytes: &[u8]) -> Result<()> {
    let output = Output::create(target)?;
    let mut writer = output.writer()?;
    writer
        .write_all(bytes)
        .map_err(|error| output.error(error))?;
    output.close(writer)
}

/// Removes a file, if it is there.
pub fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", path, error))
        }
        _ => Ok(()),
    }
}

/// Creates a folder and those above it, if they are not there.
pub fn create_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|error| Error::io("create", path, error))
}

/// The object as indented text.
pub fn pretty(value: &serde_json::Value) -> String {
    // Serialising a JSON value to text cannot fail; its alternate form is the same text.
    format!("{value:#}\n")
}

/// Writes a value as one line of JSON.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string(value);
    let text = text.map_err(|error| Error::io("write", path, error.into()))?;
    write_text(&path.display().to_string(), &text)
}

/// Writes what was drawn, or says why it could not be drawn.
pub fn write_drawn(
    target: &Path,
    drawn: std::result::Result<impl AsRef<[u8]>, String>,
) -> Result<()> {
    let failed = |why| Error::io("draw", target, std::io::Error::other(why));
    write_bytes(target, drawn.map_err(failed)?.as_ref())
}

/// Prints text to stdout. A closed pipe is no error: its reader has read what it wanted.
pub fn print(text: &str) -> Result<()> {
    match write_stdout(text) {
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes text to stdout at once. Errors: also a closed pipe.
pub fn write_stdout(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    written.map_err(|error| Error::io("write to", "stdout", error))
}

/// Prints a line to stderr; errors are ignored.
pub fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
