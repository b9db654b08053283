//! Opens a set of rows: finds its files, recognises the format of each, and joins their rows.

use super::assemble::Assembly;
use super::columns::Choice;
use super::handle::Stamp;
use super::input::{Input, probe};
use super::options::OpenOptions;
use super::pipe::Pipe;
use super::sources::{Order, PIPE, sources};
use super::store::Store;
use super::table::Ask;
use super::{Rows, formats, packed, zarr};
use crate::control::Control;
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// Opens a set of rows: a path, a folder, a glob, a pipe (`-`), or any of these with `:member`.
///
/// Errors: any fault of a file, with its name and the place; [`Error::Interrupted`].
pub fn open(spec: &str, options: &OpenOptions, control: &Control) -> Result<Box<dyn Rows>> {
    let set = Assembly::new(spec, options, control);
    Ok(Box::new(gather(spec, set, options)?))
}

/// As [`open()`], but refuses files whose rows agree in dimension and not in shape.
pub(super) fn open_shaped(spec: &str, options: &OpenOptions, control: &Control) -> Result<Store> {
    let set = Assembly::new(spec, options, control).of_one_shape();
    gather(spec, set, options)
}

fn gather(spec: &str, mut set: Assembly<'_>, options: &OpenOptions) -> Result<Store> {
    let sources = sources(spec, options.order)?;
    set.note(sources.notes);
    let temporary = set.folder();
    let ask = Ask {
        member: sources.member.as_deref(),
        choice: &options.choice,
        dtype: options.dtype,
        temporary: &temporary,
        spool: match options.spool {
            Some(spool) => spool,
            None => quarter_of_free(&temporary),
        },
        memory: options.memory,
        several: sources.files.len() > 1,
    };
    for file in &sources.files {
        if set.complete() {
            break;
        }
        let before = Stamp::of_file(file);
        let input = input(file, &ask, set.control())?;
        if ask.several && input.size == 0 && file.is_file() {
            set.without_rows(file);
            continue;
        }
        let keys = partitions(file);
        let asked = options.choice.label.as_deref();
        let value = keys.iter().find(|(key, _)| Some(*key) == asked);
        let choice = Choice {
            label: options.choice.label.clone().filter(|_| value.is_none()),
            ..options.choice.clone()
        };
        let ask = Ask {
            choice: &choice,
            ..ask
        };
        let (table, format) = formats::open(input, &ask)?;
        set.add(file, format, table)?;
        if let Some(stamp) = before {
            stamp.check_file(file)?;
        }
        match value {
            Some((key, value)) => set.label(key, value),
            None => set.note(unused(&keys)),
        }
    }
    set.finish()
}

/// The keys and values of the folders `key=value` that contain a file.
fn partitions(file: &Path) -> Vec<(&str, &str)> {
    let folders = file.parent().into_iter().flat_map(Path::components);
    folders
        .filter_map(|folder| folder.as_os_str().to_str()?.split_once('='))
        .collect()
}

/// A note on folder keys that are not used.
fn unused(keys: &[(&str, &str)]) -> Vec<String> {
    let names: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
    match names.as_slice() {
        [] => Vec::new(),
        names => vec![format!(
            "the folder key {} is not used as a part of the rows; --label-column makes it the class",
            names.join(", ")
        )],
    }
}

/// A quarter of the free bytes in the folder of spool files; no limit where the system does not report it.
fn quarter_of_free(folder: &Path) -> u64 {
    fs4::available_space(folder).map_or(u64::MAX, |bytes| bytes / 4)
}

/// Opens a file, or reads a pipe to its end.
fn input(path: &Path, ask: &Ask, control: &Control) -> Result<Input> {
    let drained = |path, pipe| {
        let drained = packed::drain(path, pipe, ask);
        // The pipe also ends when the work is interrupted.
        control.check()?;
        drained
    };
    if path == Path::new(PIPE) {
        return drained(
            Path::new("(standard input)"),
            Pipe::standard_input(control)?,
        );
    }
    if let Some(metadata) = zarr::metadata(path) {
        return Ok(Input {
            path: path.into(),
            size: 0,
            head: Vec::new(),
            ..probe(&metadata)?
        });
    }
    let kind = path
        .metadata()
        .map_err(|error| Error::io("read", path, error))?;
    match kind.is_file() || kind.is_dir() {
        true => probe(path),
        false => drained(path, Pipe::named(path, control)?),
    }
}

/// The column names that a second set must match, with the name of the set they come from; None if they have no names.
pub(crate) fn like(reference: &dyn Rows) -> Option<(String, Vec<String>)> {
    let columns = &reference.provenance()?.columns;
    let names = columns.names.clone();
    columns
        .vector
        .is_none()
        .then(|| (reference.name().into(), names))
}

/// Checks that a set's files exist. Errors: they do not.
pub(crate) fn check_there(spec: &str) -> Result<()> {
    sources(spec, Order::Natural).map(drop)
}

/// Whether a path is a folder that is a set in itself.
pub(super) fn is_one_set(path: &Path) -> bool {
    zarr::metadata(path).is_some()
}

/// The files that a spec names, and the member after the colon.
pub(super) fn files(spec: &str, order: Order) -> Result<(Vec<PathBuf>, Option<String>)> {
    let sources = sources(spec, order)?;
    Ok((sources.files, sources.member))
}
