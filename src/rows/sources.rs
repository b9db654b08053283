//! Resolves what the user typed to files: a path, a folder, a pattern or a pipe, each optionally with `:MEMBER`.

use super::{refused, saved, zarr};
use crate::error::{Error, Place, Result};
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// The order in which the files of a set are read; row numbers count through them in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Numbers within names by their value: `part-2` before `part-10`.
    #[default]
    Natural,
    /// Names character by character, as pyarrow, pandas, polars and DuckDB read folders: `part-10` before `part-2`.
    Text,
}

/// The files that a spec names, and folders that are a set in themselves.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub files: Vec<PathBuf>,
    /// The part after the colon.
    pub member: Option<String>,
    /// Notes for the user, one sentence each, for instance on skipped files.
    pub notes: Vec<String>,
}

/// The spec of the standard input.
pub(crate) const PIPE: &str = "-";

/// The files of a spec. Errors: there are none, or the pattern is not valid.
pub(super) fn sources(spec: &str, order: Order) -> Result<Sources> {
    // The brackets of `FILE:data[].embedding` are not a pattern.
    let split = spec.rsplit_once(':');
    let is_member = split.is_some_and(|(path, _)| Path::new(path).is_file());
    if (!is_member || Path::new(spec).exists())
        && let Some(sources) = of_path(spec, order)?
    {
        return Ok(sources);
    }
    if let Some((path, member)) = spec.rsplit_once(':')
        && let Some(sources) = of_split(path, member, order)?
    {
        return Ok(sources);
    }
    if let Some((path, member)) = spec.rsplit_once(':')
        && let Some(sources) = of_path(path, order)?
    {
        if member.is_empty() {
            return Err(Error::input(
                spec,
                Place::Whole,
                "there is no name after the colon",
                "write FILE:NAME",
            ));
        }
        return Ok(Sources {
            member: Some(member.into()),
            ..sources
        });
    }
    let advice = "check the path; name a file, a folder of files, or a pattern";
    Err(match is_pattern(spec) {
        true => Error::input(spec, Place::Whole, "no file matches the pattern", advice),
        false => Error::missing(spec, advice),
    })
}

/// The files of a split of a `DatasetDict`, given as `path:member`, or as `path` (with the split after its colon) and
/// the column `member`. None if there is no such folder.
fn of_split(path: &str, member: &str, order: Order) -> Result<Option<Sources>> {
    let split = |folder: &str, split: &str, column: Option<&str>| -> Result<Option<Sources>> {
        let folder = Path::new(folder);
        if !saved::has_splits(folder) {
            return Ok(None);
        }
        if !saved::splits(folder)?.iter().any(|known| known == split) {
            return Err(saved::unnamed(folder, Some(split))?);
        }
        let sources = self::folder(&folder.join(split), order)?;
        Ok(Some(Sources {
            member: column.map(String::from),
            notes: vec![format!("the split {split} of {}", folder.display())],
            ..sources
        }))
    };
    if let Some(sources) = split(path, member, None)? {
        return Ok(Some(sources));
    }
    match path.rsplit_once(':') {
        Some((folder, name)) => split(folder, name, Some(member)),
        None => Ok(None),
    }
}

/// The files of a path or pattern without a member; None if there are none.
fn of_path(text: &str, order: Order) -> Result<Option<Sources>> {
    let path = Path::new(text);
    if text == PIPE {
        return Ok(Some(Sources {
            files: vec![path.into()],
            ..Sources::default()
        }));
    }
    let is_set = zarr::metadata(path).is_some();
    if path.is_dir() && !is_set {
        return folder(path, order).map(Some);
    }
    if path.exists() {
        return Ok(Some(Sources {
            files: vec![path.into()],
            ..Sources::default()
        }));
    }
    if is_pattern(text) {
        return matches(text, order);
    }
    Ok(None)
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Whether a file or folder of this name is skipped as hidden.
pub(crate) fn is_hidden(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with('.')
}

/// Whether a file of this name accompanies data without being data: `_SUCCESS`, `_metadata`, `README.md`.
fn is_bystander(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_lowercase();
    let texts = [
        "readme",
        "license",
        "licence",
        "dataset_info.json",
        "dataset_infos.json",
    ];
    name.starts_with(['_', '.'])
        || texts.iter().any(|start| name.starts_with(start))
        || [".md", ".crc", ".sha256", ".md5"]
            .iter()
            .any(|end| name.ends_with(end))
}

/// The contents of a folder.
#[derive(Default)]
struct FolderListing {
    files: Vec<PathBuf>,
    passed: Vec<String>,
    folders: Vec<String>,
}

/// The files of a folder, in order.
fn folder(path: &Path, order: Order) -> Result<Sources> {
    if saved::has_splits(path) {
        return Err(saved::unnamed(path, None)?);
    }
    if let Some(files) = saved::files(path)? {
        return Ok(Sources {
            files,
            ..Sources::default()
        });
    }
    unread(path)?;
    let mut found = FolderListing::default();
    list(path, &mut found)?;
    let mut notes = Vec::new();
    let some = super::columns::some::<String>;
    found.passed.sort();
    found.folders.sort();
    if !found.passed.is_empty() {
        let (count, names) = (found.passed.len(), some(&found.passed));
        let files = if count == 1 { "file" } else { "files" };
        notes.push(format!(
            "{count} {files} of {} passed over: {names}",
            path.display()
        ));
    }
    if !found.folders.is_empty() {
        let (count, names) = (found.folders.len(), some(&found.folders));
        let folders = if count == 1 { "folder" } else { "folders" };
        notes.push(format!(
            "{count} {folders} in {} not read: {names}",
            path.display()
        ));
    }
    if found.files.is_empty() {
        let what = match notes.as_slice() {
            [] => "the folder holds no files".into(),
            notes => format!("the folder holds no files of rows: {}", notes.join("; ")),
        };
        return Err(Error::input(
            path.display().to_string(),
            Place::Whole,
            what,
            "name a file, a folder of files, or a pattern",
        ));
    }
    Ok(ordered(found.files, order, notes))
}

/// Refuses a folder that is a table in a format whose rows only its own library can find.
fn unread(path: &Path) -> Result<()> {
    let has = |names: &[&str]| names.iter().all(|name| path.join(name).is_dir());
    let metadata = || {
        let listed = fs::read_dir(path.join("metadata")).into_iter().flatten();
        let mut names = listed.flatten().map(|entry| entry.file_name());
        names.any(|name| name.to_string_lossy().ends_with(".metadata.json"))
    };
    let (what, advice) = if has(&["_versions", "data"]) {
        ("data set of Lance", refused::LANCE)
    } else if has(&["_delta_log"]) {
        ("table of Delta Lake", refused::DELTA)
    } else if has(&["metadata", "data"]) && metadata() {
        ("table of Iceberg", refused::ICEBERG)
    } else {
        return Ok(());
    };
    Err(Error::input(
        path.display().to_string(),
        Place::Whole,
        format!("the folder is a {what}, which is not read: its log says which of its files count"),
        refused::of_file(advice, path),
    ))
}

/// Collects the files of a folder and of its subfolders `key=value`.
fn list(path: &Path, found: &mut FolderListing) -> Result<()> {
    let failed = |error| Error::io("list", path, error);
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?.path();
        let name = entry.file_name().unwrap_or_default();
        let shown = || name.to_string_lossy().into_owned();
        if is_hidden(name) {
            continue;
        }
        if zarr::metadata(&entry).is_some() {
            found.files.push(entry);
        } else if entry.is_dir() {
            // Partition folders, as Hive, Spark and pyarrow write them.
            match name.to_string_lossy().contains('=') {
                true => list(&entry, found)?,
                false => found.folders.push(shown()),
            }
        } else if is_bystander(name) {
            found.passed.push(shown());
        } else {
            found.files.push(entry);
        }
    }
    Ok(())
}

fn matches(spec: &str, order: Order) -> Result<Option<Sources>> {
    let pattern = glob::glob(spec).map_err(|error| {
        Error::input(
            spec,
            Place::Whole,
            format!("not a valid pattern: {error}"),
            "quote it or mend it",
        )
    })?;
    let files: Vec<PathBuf> = pattern
        .filter_map(|found| found.ok())
        .filter(|file| file.is_file() || zarr::metadata(file).is_some())
        .collect();
    Ok((!files.is_empty()).then(|| ordered(files, order, Vec::new())))
}

/// The files in the requested order, with a note where the other order differs.
fn ordered(mut files: Vec<PathBuf>, order: Order, mut notes: Vec<String>) -> Sources {
    let natural = |a: &PathBuf, b: &PathBuf| {
        let order = natord::compare(&a.to_string_lossy(), &b.to_string_lossy());
        // Natural order considers some names equal; they are then compared literally, since the file system has no
        // order.
        order.then_with(|| a.cmp(b))
    };
    files.sort();
    let mut other = files.clone();
    other.sort_by(natural);
    if let Some(place) = (0..files.len()).find(|&place| files[place] != other[place]) {
        let name = |file: &Path| {
            let name = file.file_name().unwrap_or_default();
            name.to_string_lossy().into_owned()
        };
        let (by_text, by_number) = (name(&files[place]), name(&other[place]));
        notes.push(match order {
            Order::Natural => format!(
                "the files are read in natural order ({by_number} before {by_text}), which pyarrow, pandas, polars and \
                 DuckDB do not use: join by file and row_in_file, or read in their order with --order text"
            ),
            Order::Text => format!(
                "the files are read in the order of their letters ({by_text} before {by_number})"
            ),
        });
    }
    Sources {
        files: match order {
            Order::Natural => other,
            Order::Text => files,
        },
        member: None,
        notes,
    }
}
