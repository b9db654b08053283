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
        let shown = target.display();
        let refused = |what: String| Err(Error::Usage(format!("{shown} {what}")));
        if target.is_dir() {
            return refused("is a folder; name a file in it".into());
        }
        let last = target.as_os_str().as_encoded_bytes().last();
        if last.is_some_and(|&letter| std::path::is_separator(char::from(letter))) {
            let file = target.join("result.json");
            return refused(format!(
                "is written as a folder's name; name a file in it, as in {}",
                file.display()
            ));
        }
        // A rename would replace the link, or the device.
        let target = target.canonicalize().unwrap_or_else(|_| target.into());
        if is_stream(&target) {
            return refused("is not a plain file; name another".into());
        }
        let is_readonly = |there: std::fs::Metadata| there.permissions().readonly();
        if target.metadata().is_ok_and(is_readonly) {
            let source = std::io::ErrorKind::PermissionDenied.into();
            return Err(Error::io("write", target, source));
        }
        let folder = target.parent().filter(|folder| *folder != Path::new(""));
        let folder = folder.unwrap_or(Path::new("."));
        if !folder.exists() {
            let advice = format!("create this folder for {shown}, or name another file");
            return Err(Error::missing(folder, advice));
        }
        match part::create(folder) {
            Ok(temporary) => Ok(Output { target, temporary }),
            Err(error) => Err(Error::io("create a file in", folder, error)),
        }
    }

    /// A buffered writer to the temporary file.
    pub fn writer(&self) -> Result<BufWriter<File>> {
        let file = self.temporary.as_file().try_clone();
        let file = file.map_err(|error| self.error(error))?;
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

    /// Renames the file to its target, when its data are on the disk. Everything must have been flushed.
    pub fn commit(self) -> Result<()> {
        commit_all(vec![self])
    }
}

/// Renames all files to their targets, or none if one cannot be written.
///
/// Errors: data that cannot be brought to the disk, a target that cannot be replaced; if that happens after others were
/// renamed, these are named.
pub fn commit_all(outputs: Vec<Output>) -> Result<()> {
    for output in &outputs {
        let synced = output.temporary.as_file().sync_all();
        synced.map_err(|error| output.error(error))?;
    }
    let mut there: Vec<String> = Vec::new();
    for Output { target, temporary } in outputs {
        let renamed = temporary.persist(&target);
        renamed.map_err(|failed| match there.is_empty() {
            true => Error::io("write", &target, failed.error),
            false => {
                let there = there.join(", ");
                let what = format!(
                    "{}; of the outputs of this run only {there} was written",
                    failed.error
                );
                Error::io("write", &target, std::io::Error::other(what))
            }
        })?;
        there.push(target.display().to_string());
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
    match target == "-" || is_stream(Path::new(target)) {
        true => Ok(()),
        false => Output::create(Path::new(target)).map(drop),
    }
}

/// Writes text to a file, or to stdout for `-`.
pub fn write_text(target: &str, text: &str) -> Result<()> {
    let path = Path::new(target);
    match target {
        "-" => print(text),
        _ if is_stream(path) => {
            std::fs::write(path, text).map_err(|error| Error::io("write", path, error))
        }
        _ => write_bytes(path, text),
    }
}

/// Writes all bytes of a file.
pub fn write_bytes(target: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    write_parts(target, [Ok(bytes)])
}

/// Writes all bytes of a file, part by part.
pub fn write_parts<B: AsRef<[u8]>>(
    target: &Path,
    parts: impl IntoIterator<Item = Result<B>>,
) -> Result<()> {
    let output = Output::create(target)?;
    let mut writer = output.writer()?;
    for part in parts {
        let written = writer.write_all(part?.as_ref());
        written.map_err(|error| output.error(error))?;
    }
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
