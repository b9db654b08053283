//! A lock on a folder of results: two runs that write into it at once would mix their files.

use crate::error::{Error, Result};
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The file that is locked; it holds the process id.
const NAME: &str = ".hullscope-lock";

/// A folder locked for this run until dropped, or until the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    /// Folders that were created for the lock, the innermost first; they are removed if nothing was written into them.
    made: Vec<PathBuf>,
    /// Holds the lock: the system releases it when the file is closed.
    _file: File,
}

impl Lock {
    /// Locks a folder, which is created if it does not exist.
    ///
    /// Errors ([`Error::Usage`]): another run writes into it, or it cannot be created or written.
    pub fn take(folder: &Path) -> Result<Self> {
        let missing = folder
            .ancestors()
            .take_while(|above| !above.as_os_str().is_empty() && !above.exists());
        let made: Vec<PathBuf> = missing.map(PathBuf::from).collect();
        crate::store::file::create_folder(folder)?;
        let path = folder.join(NAME);
        loop {
            let failed = |error| Error::io("lock", &path, error);
            let opened = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path);
            let mut file = opened.map_err(failed)?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Err(taken(folder, &path)),
                // The previous run may have removed the file after it was opened here and before it was locked.
                Ok(()) if !path.exists() => continue,
                // Some network file systems have no locks: there the user must not run two at a time.
                Ok(()) | Err(TryLockError::Error(_)) => {}
            }
            let process = std::process::id().to_string();
            let written = file
                .set_len(0)
                .and_then(|()| file.write_all(process.as_bytes()));
            written.map_err(failed)?;
            return Ok(Lock {
                path,
                made,
                _file: file,
            });
        }
    }
}

fn taken(folder: &Path, path: &Path) -> Error {
    let process = fs::read_to_string(path).unwrap_or_default();
    let process = match process.trim() {
        "" => String::new(),
        number => format!(" (process {number})"),
    };
    Error::Usage(format!(
        "another run{process} writes into {}; wait until it ends, or name another folder with -o",
        folder.display()
    ))
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        for folder in &self.made {
            // A folder that is not empty cannot be removed, and stays.
            let _ = fs::remove_dir(folder);
        }
    }
}
