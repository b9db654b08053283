//! Access to the files of a Zarr hierarchy, in a folder or a zip archive.

use crate::error::{Error, Place, Result};
use crate::rows::archive::Archive;
use crate::rows::input::{Input, input_error};
use crate::rows::read_at::read_at;
use serde_json::Value;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The longest metadata file that is read: a group of version 3 can hold the metadata of all its members.
const LONGEST: u64 = 64 << 20;

/// The deepest nesting of groups, the most arrays, and the most folders that are searched.
const DEEPEST: usize = 32;
const MOST_ARRAYS: usize = 10_000;
const MOST_FOLDERS: usize = 100_000;

/// The metadata files: in version 3, of an array or a group; in version 2, of an array and of a group.
const V3: &str = "zarr.json";
const ARRAY: &str = ".zarray";
const GROUP: &str = ".zgroup";

/// A hierarchy of groups and arrays; its keys are paths with `/`.
pub(super) enum Store {
    Folder(PathBuf),
    /// An archive, and the prefix of all keys in it.
    Zip(PathBuf, Archive, String),
}

/// An array with its metadata.
pub(super) struct Node {
    /// Its path in the hierarchy; empty if the whole hierarchy is this array.
    pub name: String,
    pub metadata: Value,
}

/// The metadata file of a folder that is an array or a group.
pub(super) fn metadata(folder: &Path) -> Option<PathBuf> {
    let files = [V3, ARRAY, GROUP].into_iter();
    let mut files = files.map(|name| folder.join(name));
    files.find(|file| file.is_file())
}

/// Whether a name in an archive is that of a metadata file.
pub(super) fn is_metadata(name: &str) -> bool {
    [V3, ARRAY, GROUP].contains(&last(name).1)
}

/// A key's parent, and the last part of it.
fn last(key: &str) -> (&str, &str) {
    key.rsplit_once('/').unwrap_or(("", key))
}

/// The key of a member of a group.
pub(super) fn join(parent: &str, name: &str) -> String {
    match parent {
        "" => name.into(),
        parent => format!("{parent}/{name}"),
    }
}

impl Store {
    pub fn of(input: &Input) -> Result<Self> {
        if input.path.is_dir() {
            return Ok(Store::Folder(input.path.clone()));
        }
        let archive = Archive::open(input)?;
        // Archives hold the folder's contents with or without the folder's name.
        let names = archive.names();
        let parents = names
            .iter()
            .filter(|name| is_metadata(name))
            .map(|name| last(name).0);
        let root = parents.min_by_key(|parent| (parent.split('/').count(), parent.len()));
        let root = root.filter(|root| !root.is_empty());
        let prefix = root.map_or_else(String::new, |root| format!("{root}/"));
        Ok(Store::Zip(input.path.clone(), archive, prefix))
    }

    /// The object under a key, if it exists.
    pub fn object(&mut self, key: &str, most: u64) -> Result<Option<Object>> {
        match self {
            Store::Folder(root) => {
                let path = root.join(key);
                let file = match File::open(&path) {
                    Ok(file) => file,
                    Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                    Err(error) => return Err(Error::io("open", path, error)),
                };
                let size = file
                    .metadata()
                    .map_err(|error| Error::io("read", &path, error))?
                    .len();
                Ok(Some(Object::File {
                    file,
                    path,
                    start: 0,
                    size,
                }))
            }
            Store::Zip(path, archive, prefix) => {
                let name = format!("{prefix}{key}");
                if !archive.contains(&name) {
                    return Ok(None);
                }
                if let Some((file, start, size)) = archive.stored(&name)? {
                    let path = path.clone();
                    return Ok(Some(Object::File {
                        file,
                        path,
                        start,
                        size,
                    }));
                }
                let bytes = archive.small(&name, most)?;
                Ok(bytes.map(|bytes| Object::Bytes(path.clone(), bytes)))
            }
        }
    }

    /// All arrays.
    pub fn arrays(&mut self) -> Result<Vec<Node>> {
        let mut all = Vec::new();
        match self {
            Store::Folder(_) => self.walk("", 0, &mut 0, &mut all)?,
            Store::Zip(_, archive, prefix) => {
                let mut groups: Vec<String> = archive.names();
                groups.retain(|name| is_metadata(name));
                let mut groups: Vec<String> = groups
                    .iter()
                    .filter_map(|name| name.strip_prefix(prefix.as_str()))
                    .map(|name| last(name).0.into())
                    .collect();
                groups.sort();
                groups.dedup();
                for group in groups {
                    all.extend(self.node(&group)?);
                    if all.len() >= MOST_ARRAYS {
                        break;
                    }
                }
            }
        }
        Ok(all)
    }

    /// Collects the arrays in a folder and in its subgroups.
    fn walk(&mut self, at: &str, deep: usize, seen: &mut usize, all: &mut Vec<Node>) -> Result<()> {
        // Links can make a folder contain itself.
        *seen += 1;
        if deep > DEEPEST || *seen > MOST_FOLDERS || all.len() >= MOST_ARRAYS {
            return Ok(());
        }
        if let Some(node) = self.node(at)? {
            all.push(node);
            return Ok(());
        }
        let Store::Folder(root) = self else {
            return Ok(());
        };
        let folder = root.join(at);
        let mut names = Vec::new();
        let failed = |error| Error::io("list", &folder, error);
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if let Some(name) = entry.file_name().to_str()
                && !name.starts_with('.')
                && entry.path().is_dir()
            {
                names.push(name.to_string());
            }
        }
        names.sort();
        for name in names {
            self.walk(&join(at, &name), deep + 1, seen, all)?;
        }
        Ok(())
    }

    /// The array at a path, if there is one.
    fn node(&mut self, at: &str) -> Result<Option<Node>> {
        for name in [V3, ARRAY] {
            let key = join(at, name);
            let Some(object) = self.object(&key, LONGEST)? else {
                continue;
            };
            let size = object.size();
            if size > LONGEST {
                let what = format!("the metadata have {size} bytes, more than {LONGEST}");
                return Err(object.error(&key, what));
            }
            let bytes = object.read(0, size)?;
            let metadata: Value = serde_json::from_slice(&bytes).map_err(|error| {
                object.error(&key, format!("the metadata are no JSON: {error}"))
            })?;
            let group = metadata
                .get("node_type")
                .is_some_and(|kind| kind == "group");
            return Ok((!group).then(|| Node {
                name: at.into(),
                metadata,
            }));
        }
        Ok(None)
    }

    /// Calls `each` for every file below a key, with the rest of its path and in no particular order, until it returns
    /// false.
    pub fn below(&self, key: &str, each: &mut dyn FnMut(&str) -> bool) -> Result<()> {
        match self {
            Store::Folder(root) => {
                let root = root.join(key);
                for entry in walkdir::WalkDir::new(&root).follow_links(true) {
                    let entry = entry.map_err(|error| {
                        let error = error.into_io_error();
                        let error =
                            error.unwrap_or_else(|| std::io::Error::other("a loop of links"));
                        Error::io("list", &root, error)
                    })?;
                    let path = entry.path().strip_prefix(&root).unwrap_or(entry.path());
                    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
                    if entry.file_type().is_file() && !each(&parts.join("/")) {
                        break;
                    }
                }
            }
            Store::Zip(_, archive, prefix) => {
                let prefix = match key {
                    "" => prefix.clone(),
                    key => format!("{prefix}{key}/"),
                };
                for name in archive.names() {
                    if let Some(rest) = name.strip_prefix(&prefix)
                        && !each(rest)
                    {
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

/// An object of the hierarchy: a file, or a member of an archive.
pub(super) enum Object {
    File {
        file: File,
        path: PathBuf,
        start: u64,
        size: u64,
    },
    Bytes(PathBuf, Vec<u8>),
}

impl Object {
    pub fn size(&self) -> u64 {
        match self {
            Object::File { size, .. } => *size,
            Object::Bytes(_, bytes) => bytes.len() as u64,
        }
    }

    pub fn path(&self) -> &Path {
        match self {
            Object::File { path, .. } | Object::Bytes(path, _) => path,
        }
    }

    /// Reads some of its bytes; allocates them only if they exist.
    pub fn read(&self, from: u64, count: u64) -> Result<Vec<u8>> {
        let end = from.checked_add(count).filter(|&end| end <= self.size());
        let (Some(_), Ok(count)) = (end, usize::try_from(count)) else {
            let what = format!(
                "{count} bytes are claimed from byte {from} on, and it has {}",
                self.size()
            );
            return Err(self.error("", what));
        };
        match self {
            Object::File {
                file, path, start, ..
            } => {
                let mut bytes = vec![0; count];
                read_at(file, path, &mut bytes, start + from)?;
                Ok(bytes)
            }
            Object::Bytes(_, bytes) => Ok(bytes[from as usize..][..count].to_vec()),
        }
    }

    /// An error about the object.
    pub fn error(&self, key: &str, what: String) -> Error {
        let place = match (self, key) {
            (_, "") => Place::Whole,
            // The path of a file contains its key.
            (Object::File { start: 0, .. }, _) => Place::Whole,
            (_, key) => Place::Part(key.into()),
        };
        input_error(
            self.path(),
            place,
            what,
            "it is truncated or corrupt; write it again",
        )
    }
}
