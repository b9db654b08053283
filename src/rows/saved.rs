//! Folders that Hugging Face `datasets` writes with `save_to_disk`: Arrow streams listed in `state.json`, in this
//! order. A `DatasetDict` is a folder of such folders, one for each split.

use super::columns::some;
use super::input::{input_error, open_file};
use crate::error::{Error, Place, Result};
use serde::Deserialize;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// The largest JSON file that is read.
const LONGEST: u64 = 16 << 20;

const STATE: &str = "state.json";
const SPLITS: &str = "dataset_dict.json";

#[derive(Deserialize)]
struct State {
    #[serde(rename = "_data_files")]
    files: Vec<DataFile>,
    /// In older versions, a selection of rows in separate files.
    #[serde(rename = "_indices_data_files", default)]
    indices: Option<Vec<DataFile>>,
}

#[derive(Deserialize)]
struct DataFile {
    filename: String,
}

#[derive(Deserialize)]
struct Splits {
    splits: Vec<String>,
}

fn json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let file = open_file(path)?;
    serde_json::from_reader(BufReader::new(file.take(LONGEST))).map_err(|error| {
        input_error(
            path,
            Place::Line(error.line() as u64),
            format!("it is not what datasets writes: {error}"),
            "save the data set again with save_to_disk",
        )
    })
}

/// Whether a folder is a `DatasetDict`, of several splits.
pub(super) fn has_splits(folder: &Path) -> bool {
    folder.join(SPLITS).is_file()
}

/// The splits of a `DatasetDict`.
pub(super) fn splits(folder: &Path) -> Result<Vec<String>> {
    let Splits { splits } = json(&folder.join(SPLITS))?;
    Ok(splits)
}

/// The error for a `DatasetDict` if no split is named, or one that does not exist.
pub(super) fn unnamed(folder: &Path, wanted: Option<&str>) -> Result<Error> {
    let splits = splits(folder)?;
    let place = wanted.map_or(Place::Whole, |wanted| Place::Part(wanted.into()));
    Ok(input_error(
        folder,
        place,
        format!("the folder holds several splits: {}", some(&splits)),
        "write FOLDER:SPLIT, or FOLDER:SPLIT:COLUMN",
    ))
}

/// The files of one saved data set; None for any other folder. Errors: missing files, or a selection of rows.
pub(super) fn files(folder: &Path) -> Result<Option<Vec<PathBuf>>> {
    let state = folder.join(STATE);
    if !state.is_file() {
        return Ok(None);
    }
    let State { files, indices } = json(&state)?;
    if indices.is_some_and(|indices| !indices.is_empty()) {
        return Err(input_error(
            &state,
            Place::Whole,
            "the rows are chosen by an index beside the data",
            "save it with ds.flatten_indices().save_to_disk(...)",
        ));
    }
    let mut paths = Vec::new();
    for DataFile { filename } in files {
        // The name must not lead out of the folder.
        let name = Path::new(&filename).file_name().unwrap_or_default();
        let path = folder.join(name);
        if Path::new(&filename) != Path::new(name) || !path.is_file() {
            return Err(input_error(
                &state,
                Place::Part(filename),
                "this file of the data set is not in its folder",
                "copy the whole folder",
            ));
        }
        paths.push(path);
    }
    Ok(Some(paths))
}
