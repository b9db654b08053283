//! Temporary files of outputs, beside their targets: `.hullscope-XXXXXX.part`.
//!
//! A run that is killed leaves them behind. Each is locked while its run lives, and the system releases the lock when the
//! run ends, however it ends: a file that another process can lock is therefore abandoned, and the next run that writes
//! into the folder removes it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
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
    loop {
        let part = usual_permissions(&mut tempfile::Builder::new())
            .prefix(PREFIX)
            .suffix(SUFFIX)
            .tempfile_in(folder)?;
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
    let first = SWEPT
        .lock()
        .unwrap_or_else(|held| held.into_inner())
        .insert(place);
    let Some(entries) = first.then(|| folder.read_dir().ok()).flatten() else {
        return;
    };
    for entry in entries.flatten() {
        let plain = entry.file_type().is_ok_and(|kind| kind.is_file());
        if plain && is_part(&entry.file_name()) {
            remove_if_dead(&entry.path());
        }
    }
}

fn is_part(name: &OsStr) -> bool {
    name.to_str()
        .is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX))
}

fn remove_if_dead(path: &Path) {
    // Opened for writing: some network file systems lock no other files.
    let Ok(file) = File::options().write(true).open(path) else {
        return;
    };
    if file.try_lock().is_ok() {
        let _ = std::fs::remove_file(path);
    }
}

/// Temporary files are private by default; a result should have the permissions of the user's other new files (the system
/// applies the umask).
#[cfg(unix)]
fn usual_permissions<'b, 'x, 'y>(
    builder: &'b mut tempfile::Builder<'x, 'y>,
) -> &'b mut tempfile::Builder<'x, 'y> {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(std::fs::Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn usual_permissions<'b, 'x, 'y>(
    builder: &'b mut tempfile::Builder<'x, 'y>,
) -> &'b mut tempfile::Builder<'x, 'y> {
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_whose_run_has_ended_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let dead = folder.path().join(".hullscope-dead00.part");
        let other = folder.path().join(".hullscope-notes.txt");
        std::fs::write(&dead, "half a table").unwrap();
        std::fs::write(&other, "not ours").unwrap();
        let alive = folder.path().join(".hullscope-alive0.part");
        let owner = File::create(&alive).unwrap();
        owner.lock().unwrap();
        let part = create(folder.path()).unwrap();
        assert!(!dead.exists() && alive.exists() && other.exists() && part.path().exists());
        drop(owner);
        remove_if_dead(&alive);
        remove_if_dead(part.path());
        assert!(!alive.exists() && part.path().exists());
    }
}
