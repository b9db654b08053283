//! Temporary files of outputs, beside their targets: `.hullscope-XXXXXX.part`.
//!
//! A run that is killed leaves them behind. Each is locked while its run lives, and the system releases the lock when the
//! run ends, however it ends: a file that another process can lock is therefore abandoned, and the next run that writes
//! into the folder removes it.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tempfile::NamedTempFile;

const PREFIX: &str = ".hullscope-";
const SUFFIX: &str = ".part";

/// The folders that this run has swept.
static SWEPT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A new locked temporary file in a folder; abandoned ones in it are removed first.
pub(super) fn create(folder: &Path) -> io::Result<NamedTempFile> {
    sweep(folder);
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    // The temporary file becomes the output, which must be as readable to others as usual files (the system applies the umask).
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    loop {
        let part = builder.tempfile_in(folder)?;
        match part.as_file().try_lock() {
            // Another run may have locked it as abandoned between its creation and its lock.
            Err(TryLockError::WouldBlock) => continue,
            Ok(()) if !part.path().exists() => continue,
            // On a file system without locks (some network ones) nothing is swept either.
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(part),
        }
    }
}

/// Removes the files of runs that have ended, once per run and folder. Files that cannot be removed stay.
fn sweep(folder: &Path) {
    let place = folder.canonicalize().unwrap_or_else(|_| folder.into());
    let mut swept = SWEPT.lock().unwrap_or_else(|held| held.into_inner());
    let Some(entries) = swept
        .insert(place)
        .then(|| folder.read_dir().ok())
        .flatten()
    else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        let is_part = name.starts_with(PREFIX) && name.ends_with(SUFFIX);
        if !is_part || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        // Opened for writing: some network file systems lock no other files.
        let Ok(file) = File::options().write(true).open(entry.path()) else {
            continue;
        };
        // The lock is held until the file is gone, so that the run that has just created it sees that it is lost.
        if file.try_lock().is_ok() {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
