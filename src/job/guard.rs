//! The outputs of a command: checked before anything is read or written, and delivered at the end. No output may be one of
//! the command's inputs.
//!
//! Inputs are what was typed: files, `file:member` and `file:column`, folders of shards or images, and patterns. Files
//! are compared by canonical path, and by device and inode, so that a second name of a file counts as that file.

use super::archive;
use super::lock::Lock;
use crate::error::{Error, Result};
use crate::rows::{check_repeatable, named_files};
use crate::space::network_files;
use crate::space::spec::{SpaceStage, Spec};
use crate::store::file;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The name of the standard output.
const STDOUT: &str = "-";

/// The extensions of the files that commands write into the folder of -o.
const WRITTEN: [&str; 5] = ["html", "json", "parquet", "png", "svg"];

/// Where the results of a command go.
#[derive(Debug)]
pub struct Outputs<'a> {
    /// Named files; `-` for the standard output.
    files: Vec<&'a Path>,
    /// The folder of -o, in which the command chooses the file names.
    folder: Option<&'a Path>,
    /// The target of --json; `-` for the standard output.
    json: Option<&'a str>,
}

impl<'a> Outputs<'a> {
    /// Named files, and the target of --json.
    pub fn files(files: impl IntoIterator<Item = &'a Path>, json: Option<&'a str>) -> Self {
        Outputs {
            files: files.into_iter().collect(),
            folder: None,
            json,
        }
    }

    /// The folder of -o, and the target of --json.
    pub fn folder(folder: Option<&'a Path>, json: Option<&'a str>) -> Self {
        Outputs {
            files: Vec::new(),
            folder,
            json,
        }
    }

    /// Refuses outputs that cannot be written, that are the same, or that are inputs, before anything is computed. The folder
    /// is locked for this run as long as the returned lock lives.
    ///
    /// Errors ([`Error::Usage`]): the output that is also another, or an input, or that the next run would read as one.
    pub fn check(&self, inputs: &[String]) -> Result<Option<Lock>> {
        if self.json == Some(STDOUT) && self.stdout() {
            let what = "both -o and --json would write to stdout: give one of them a file";
            return Err(Error::Usage(what.into()));
        }
        let json = self.json.map(Path::new);
        let mut places = Vec::new();
        for output in self.files.iter().copied().chain(json) {
            let place = resolved(output);
            if places.contains(&place) {
                let output = output.display();
                let what =
                    format!("{output} is named for two outputs; name another file for one of them");
                return Err(Error::Usage(what));
            }
            if output != Path::new(STDOUT) && inputs.iter().any(|input| is_of(&place, input)) {
                return Err(also(output, "name another file"));
            }
            places.push(place);
        }
        if let Some(folder) = self.folder {
            self.check_folder(folder, inputs)?;
        }
        self.json.map_or(Ok(()), file::check_text)?;
        self.folder.map(Lock::take).transpose()
    }

    fn check_folder(&self, folder: &Path, inputs: &[String]) -> Result<()> {
        let place = resolved(folder);
        for input in inputs {
            let path = Path::new(input);
            if path.is_dir() && place.starts_with(resolved(path)) {
                return Err(also(folder, "name another folder"));
            }
            let kept = |file: &PathBuf| {
                let ending = file.extension().and_then(|ending| ending.to_str());
                resolved(file).starts_with(&place) && ending.is_some_and(|e| WRITTEN.contains(&e))
            };
            if let Some(file) = named_files(input).iter().find(|file| kept(file)) {
                return Err(Error::Usage(format!(
                    "the input {} is in the folder {}, whose files are written anew; name another folder with -o",
                    file.display(),
                    folder.display()
                )));
            }
            check_repeatable(input)?;
        }
        archive::check(folder)?;
        // The parent of a file in the folder is also right if the folder does not exist yet.
        let inside = resolved(&folder.join("x"));
        let json = self.json.filter(|target| *target != STDOUT);
        match json.filter(|json| resolved(Path::new(json)).parent() == inside.parent()) {
            None => Ok(()),
            Some(json) => Err(Error::Usage(format!(
                "--json {json} is in the folder of -o, which may hold only the command's own files; name another place \
                 (summary.json is written there anyway)"
            ))),
        }
    }

    /// Whether a file is the standard output.
    pub fn stdout(&self) -> bool {
        self.files.contains(&Path::new(STDOUT))
    }

    /// Writes results as JSON where that was asked for, and prints them as text unless something else was printed.
    pub fn deliver(
        &self,
        value: impl FnOnce() -> Value,
        text: impl FnOnce() -> String,
    ) -> Result<()> {
        if let Some(target) = self.json {
            file::write_text(target, &file::pretty(&value()))?;
        }
        match self.json == Some(STDOUT) || self.stdout() {
            true => Ok(()),
            false => file::print(&text()),
        }
    }
}

fn also(output: &Path, instead: &str) -> Error {
    Error::Usage(format!(
        "{} is also an input, or would be read as one; {instead}",
        output.display()
    ))
}

/// Whether `file`, a canonical path, is or would be among the files that an input names.
fn is_of(file: &Path, input: &str) -> bool {
    let path = Path::new(input);
    if path.is_dir() && file.starts_with(resolved(path)) {
        return true;
    }
    let pattern = glob::Pattern::new(&resolved(path).to_string_lossy());
    if !path.exists() && pattern.is_ok_and(|pattern| pattern.matches_path(file)) {
        return true;
    }
    let container = input.rsplit_once(':').map(|(file, _)| Path::new(file));
    if container.is_some_and(|other| resolved(other) == file || same(other, file)) {
        return true;
    }
    // A file that does not exist yet is none of the existing inputs.
    file.exists()
        && named_files(input)
            .iter()
            .any(|other| resolved(other) == file || same(other, file))
}

/// Whether two names are of one file on disk.
#[cfg(unix)]
fn same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (one, other) = (one.metadata(), other.metadata());
    one.is_ok_and(|one| {
        other.is_ok_and(|other| (one.dev(), one.ino()) == (other.dev(), other.ino()))
    })
}

#[cfg(not(unix))]
fn same(_: &Path, _: &Path) -> bool {
    false
}

/// The files that spaces read in addition to the sets: embeddings, and networks with their weights and settings.
pub fn of_spaces(specs: &[Spec]) -> Vec<String> {
    let mut files = Vec::new();
    for stage in specs.iter().flat_map(|spec| &spec.stages) {
        match stage {
            SpaceStage::File { reference, queries } => {
                files.extend([reference.clone(), queries.clone()]);
            }
            SpaceStage::Onnx(network) => {
                let each = network_files(&network.file);
                files.extend(each.iter().map(|file| file.display().to_string()));
            }
            _ => {}
        }
    }
    files
}

/// The canonical path, also of a file or folder that does not exist yet.
fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        match (
            folder.unwrap_or(Path::new(".")).canonicalize(),
            path.file_name(),
        ) {
            (Ok(folder), Some(name)) => folder.join(name),
            _ => path.into(),
        }
    })
}
