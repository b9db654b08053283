//! The owner of a folder of results: `results.json` names the command and its inputs, so that another run does not silently
//! replace them, and file names tell which files of a folder are the program's.

use crate::error::{Error, Result};
use crate::store::file;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The file that names the command and inputs of a folder's results.
const FILE: &str = "results.json";

/// Everything that `compare`, `errors` and `paper` write into a folder, as patterns. `report.html` and other pages come
/// first: messages name the first file found.
const RESULT_FILES: [&str; 19] = [
    "report.html",
    "summary.json",
    "rates.parquet",
    "queries.parquet",
    "by_label.parquet",
    "points.parquet",
    "outcomes.html",
    "outcome*.parquet",
    "outcome*.png",
    "outcome*.svg",
    "outcomes-*/outcome*.*",
    "sheet-*.png",
    "spaces/*.parquet",
    "spaces/*.json",
    "certificates/*.parquet",
    "pixels-*/spaces/*.*",
    "latents-*/spaces/*.*",
    "findings/*.json",
    FILE,
];

/// The figures of `compare` and of `paper`, written as PNG and SVG.
const FIGURES: [&str; 7] = [
    "rank",
    "rates",
    "distances",
    "fig1",
    "pixels",
    "latents",
    "fig5",
];

/// The command and the inputs of results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FolderOwner {
    /// The subcommand, as in `compare`.
    pub command: String,
    /// The inputs as typed; empty for the built-in sample.
    pub inputs: Vec<String>,
    /// Whether the inputs are embeddings with one space each, so that a later run may add some.
    pub grows: bool,
}

impl FolderOwner {
    /// Whether the results `self` may replace the results `other`.
    fn continues(&self, other: &FolderOwner) -> bool {
        let inputs = match self.grows && other.grows {
            true => self.inputs.starts_with(&other.inputs),
            false => self.inputs == other.inputs,
        };
        self.command == other.command && inputs
    }

    /// The command and inputs as a message names them.
    fn words(&self) -> String {
        match self.inputs.is_empty() {
            true => format!("hullscope {}", self.command),
            false => format!("hullscope {} of {}", self.command, self.inputs.join(", ")),
        }
    }
}

/// Refuses a folder with the results of another run, unless `replace` is set. Nothing is written.
///
/// Errors ([`Error::Usage`]): a folder with results of another command, of other inputs, or of unknown origin.
pub fn check(folder: &Path, owner: &FolderOwner, replace: bool) -> Result<()> {
    if replace {
        return Ok(());
    }
    let what = match read(folder) {
        Some(other) if owner.continues(&other) => return Ok(()),
        Some(other) => format!("the results of {}", other.words()),
        None => match files(folder).first() {
            None => return Ok(()),
            Some(file) => format!(
                "{}, and no {FILE} that names its command and inputs",
                file.display()
            ),
        },
    };
    Err(Error::Usage(format!(
        "-o {} holds {what}; name another folder, or add --replace to remove what is there",
        folder.display()
    )))
}

/// Marks the folder with this command and these inputs. What another run left is removed first.
///
/// Errors: files that cannot be removed or written.
pub fn claim(folder: &Path, owner: &FolderOwner) -> Result<()> {
    if read(folder).as_ref() == Some(owner) {
        return Ok(());
    }
    clear(folder, owner)?;
    file::create_folder(folder)?;
    let path = folder.join(FILE);
    let text = serde_json::to_string(owner);
    let text = text.map_err(|error| Error::io("write", &path, error.into()))?;
    file::write_text(&path.display().to_string(), &(text + "\n"))
}

/// Removes the files that another run left in a folder.
///
/// Errors: files that cannot be removed.
pub fn clear(folder: &Path, owner: &FolderOwner) -> Result<()> {
    match read(folder).is_some_and(|other| owner.continues(&other)) {
        true => Ok(()),
        false => remove(folder, files(folder).into_iter()),
    }
}

/// Removes the files of `errors` from a folder, because they belong to another comparison than the files beside them.
///
/// Errors: files that cannot be removed.
pub fn clear_outcomes(folder: &Path) -> Result<()> {
    let outcome = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with("outcome")
    };
    remove(folder, files(folder).into_iter().filter(outcome))
}

/// The command and inputs of a folder's results, if it states them.
fn read(folder: &Path) -> Option<FolderOwner> {
    let text = std::fs::read_to_string(folder.join(FILE)).ok()?;
    serde_json::from_str(&text).ok()
}

/// The program's files in a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let escaped = glob::Pattern::escape(&folder.display().to_string());
    let figures = FIGURES.iter();
    let figures = figures.flat_map(|name| ["png", "svg"].map(|ending| format!("{name}.{ending}")));
    let patterns = RESULT_FILES
        .iter()
        .map(|name| name.to_string())
        .chain(figures);
    let found = patterns.filter_map(|name| glob::glob(&format!("{escaped}/{name}")).ok());
    let found = found.flatten().flatten();
    found.filter(|path| path.is_file()).collect()
}

/// Removes some of the program's files, and folders that are empty then.
fn remove(folder: &Path, files: impl Iterator<Item = PathBuf>) -> Result<()> {
    for file in files {
        std::fs::remove_file(&file).map_err(|error| Error::io("remove", &file, error))?;
        let within = file.ancestors().skip(1);
        for within in within.take_while(|within| *within != folder) {
            // A folder with other files stays.
            let _ = std::fs::remove_dir(within);
        }
    }
    Ok(())
}
