//! A hash of the files of a set: an unchanged set has the same hash, a changed set another.
//!
//! Files of up to [`WHOLE`] bytes are hashed whole. For larger ones, and for folders of many files, the hash covers
//! names, sizes and times of change instead of the content.

use super::input::{input_error, open_file};
use super::open::files;
use super::sources::{Order, PIPE, is_hidden};
use crate::control::Control;
use crate::error::{Error, Place, Result};
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The largest file that is read whole, which takes about a second.
const WHOLE: u64 = 1 << 30;

/// Bytes read at a time.
const STEP: usize = 1 << 20;

/// The hash of a set as the user names it: a path, a folder (with its subfolders), a pattern, `file:member`.
///
/// Errors: files that do not exist or cannot be read.
pub fn fingerprint(spec: &str, control: &Control) -> Result<String> {
    let mut hash = blake3::Hasher::new();
    let path = Path::new(spec);
    if path.is_dir() {
        for entry in walkdir::WalkDir::new(path)
            .follow_links(true)
            .sort_by_file_name()
            .into_iter()
            // Hidden files are not read as rows or images either.
            .filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.file_name()))
        {
            control.check()?;
            let entry = match entry {
                Ok(entry) => entry,
                // A dangling link holds no data; a link through which an image was read is not dangling.
                Err(error)
                    if error
                        .io_error()
                        .is_some_and(|e| e.kind() == ErrorKind::NotFound) =>
                {
                    continue;
                }
                Err(error) => return Err(Error::io("list", path, error.into())),
            };
            if entry.file_type().is_file() {
                listed(entry.path(), &mut hash)?;
            }
        }
        return Ok(hash.finalize().to_hex().to_string());
    }
    let (files, member) = files(spec, Order::Natural)?;
    hash.update(member.unwrap_or_default().as_bytes());
    for file in &files {
        check_again(file)?;
        let size = metadata(file)?.len();
        if size <= WHOLE && files.len() == 1 {
            content(file, &mut hash, control)?;
        } else {
            listed(file, &mut hash)?;
        }
    }
    Ok(hash.finalize().to_hex().to_string())
}

/// Refuses a set that cannot be read a second time, before any of it is read.
///
/// Errors: the set is, or holds, a pipe or a device.
pub(crate) fn check_repeatable(spec: &str) -> Result<()> {
    // Missing files are reported when the set is read.
    let (files, _) = files(spec, Order::Natural).unwrap_or_default();
    files.iter().try_for_each(|file| check_again(file))
}

fn check_again(file: &Path) -> Result<()> {
    let stream = |kind: fs::Metadata| !kind.is_file() && !kind.is_dir();
    if file != Path::new(PIPE) && !file.metadata().is_ok_and(stream) {
        return Ok(());
    }
    Err(input_error(
        file,
        Place::Whole,
        "it is a pipe, which can be read only once, and results in a folder are identified by the content of their inputs",
        "write what comes out of it to a file, and name that",
    ))
}

/// The files that an input names: itself, all files in its folder that are not hidden, or the matches of its pattern.
/// Empty where they cannot be listed; reading the input then reports the error.
pub fn named_files(spec: &str) -> Vec<PathBuf> {
    if !Path::new(spec).is_dir() {
        return files(spec, Order::Natural).map_or_else(|_| Vec::new(), |(files, _)| files);
    }
    walkdir::WalkDir::new(spec)
        .follow_links(true)
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.file_name()))
        .filter_map(|entry| entry.ok())
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect()
}

fn metadata(path: &Path) -> Result<fs::Metadata> {
    fs::metadata(path).map_err(|error| Error::io("read", path, error))
}

/// Hashes a file's name, size and time of change.
fn listed(path: &Path, hash: &mut blake3::Hasher) -> Result<()> {
    let metadata = metadata(path)?;
    hash.update(path.to_string_lossy().as_bytes());
    hash.update(&metadata.len().to_le_bytes());
    // On the few file systems without modification times, the size alone is hashed.
    let changed = metadata.modified().ok();
    let since = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    hash.update(&since.map_or(0, |since| since.as_nanos()).to_le_bytes());
    Ok(())
}

/// Hashes a file's bytes.
fn content(path: &Path, hash: &mut blake3::Hasher, control: &Control) -> Result<()> {
    let failed = |error| Error::io("read", path, error);
    let mut file = open_file(path)?;
    let mut buffer = vec![0; STEP];
    loop {
        control.check()?;
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok(()),
            read => hash.update(&buffer[..read]),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_for_a_file_and_listing_for_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let of =
            |spec: &Path| fingerprint(&spec.display().to_string(), &Control::default()).unwrap();
        fs::write(&path, "1,2\n").unwrap();
        let (file, mut all) = (of(&path), of(folder.path()));
        assert_eq!(file, of(&path));
        fs::write(&path, "1,3\n").unwrap();
        assert_ne!(file, of(&path));
        fs::write(folder.path().join("b.csv"), "1,2\n").unwrap();
        let before = std::mem::replace(&mut all, of(folder.path()));
        assert_ne!(before, all);
        fs::create_dir(folder.path().join(".git")).unwrap();
        fs::write(folder.path().join(".git/head"), "1").unwrap();
        fs::write(folder.path().join(".DS_Store"), "1").unwrap();
        assert_eq!(all, of(folder.path()), "hidden files are no part of a set");
        assert!(fingerprint("no/such/file", &Control::default()).is_err());
    }
}
