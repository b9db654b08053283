//! Whether the files of inputs are still those that a run found at its start: what a run keeps under the hash of an input
//! must be of the files that were read, and not of others that took their place.

use super::fingerprint::named_files;
use super::handle::Stamp;
use super::input::input_error;
use crate::error::{Place, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The files of inputs at one moment: the size, the time of change and the place on the disk of each.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    inputs: BTreeMap<String, BTreeMap<PathBuf, Option<Stamp>>>,
}

impl Watch {
    /// The files of these inputs as they are now. Made before any of them is opened.
    pub fn of(inputs: impl IntoIterator<Item = String>) -> Self {
        let inputs = inputs.into_iter().map(|input| {
            let files = now(&input);
            (input, files)
        });
        Watch {
            inputs: inputs.collect(),
        }
    }

    /// Errors: a file of the input was written to, replaced, added or removed since the watch began, or the input is not
    /// one of those watched.
    pub fn check(&self, input: &str) -> Result<()> {
        if self.inputs.get(input) == Some(&now(input)) {
            return Ok(());
        }
        Err(input_error(
            Path::new(input),
            Place::Whole,
            "it was changed or replaced during the run",
            "run again once it stays as it is",
        ))
    }
}

fn now(input: &str) -> BTreeMap<PathBuf, Option<Stamp>> {
    let files = named_files(input).into_iter();
    files
        .map(|file| {
            let stamp = Stamp::of_file(&file);
            (file, stamp)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn any_change_of_a_file_or_a_folder_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["a.csv", "b.csv"] {
            fs::write(path(name), "1,2\n").unwrap();
        }
        let inputs = [path("a.csv"), path("b.csv"), folder.path().into()];
        let inputs = inputs.map(|input| input.display().to_string());
        let watch = Watch::of(inputs.clone());
        let same = || inputs.each_ref().map(|input| watch.check(input).is_ok());
        assert_eq!(same(), [true; 3]);
        fs::write(path("c"), "1,3\n").unwrap();
        assert_eq!(same(), [true, true, false], "a file was added");
        fs::rename(path("c"), path("a.csv")).unwrap();
        assert_eq!(
            same(),
            [false, true, false],
            "a file of the same size took its place"
        );
        fs::write(path("b.csv"), "1,2\n3,4\n").unwrap();
        assert_eq!(same(), [false; 3]);
        assert!(watch.check("another").is_err());
    }
}
