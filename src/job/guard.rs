//! No output of a command may be one of its inputs: one check for all commands, before anything is read or written.
//!
//! Inputs are what was typed: files, `file:member` and `file:column`, folders of shards or images, and patterns. Files
//! are compared by canonical path, and by device and inode, so that a second name of a file counts as that file.

use crate::error::{Error, Result};
use crate::rows::named_files;
use crate::space::network_files;
use crate::space::spec::{SpaceStage, Spec};
use std::path::{Path, PathBuf};

/// The extensions of the files that commands write into the folder of -o.
const WRITTEN: [&str; 5] = ["html", "json", "parquet", "png", "svg"];

/// Refuses outputs that are inputs. `json` is the target of `--json`, where `-` is no file; `folder` is that of `-o`,
/// in which the command chooses the file names.
///
/// Errors ([`Error::Usage`]): the output that is also an input, or that the next run would read as one.
pub fn check(
    files: &[&Path],
    json: Option<&str>,
    folder: Option<&Path>,
    inputs: &[String],
) -> Result<()> {
    let json = json.filter(|target| *target != "-").map(Path::new);
    for output in files.iter().copied().chain(json) {
        let place = resolved(output);
        if inputs.iter().any(|input| is_of(&place, input)) {
            return Err(also(output, "name another file"));
        }
    }
    let Some(folder) = folder else { return Ok(()) };
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
    }
    Ok(())
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
pub fn resolved(path: &Path) -> PathBuf {
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
