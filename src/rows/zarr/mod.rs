//! Zarr, versions 2 and 3: one array of numbers, by its path in a folder or a zip archive, read in slabs of rows.
//!
//! This is our own code because the crate `zarrs` 0.23.14 takes 224 s of CPU time to build, even with the fewest
//! features that would serve and with dependencies such as zstd that we build anyway.

mod codec;
mod layout;
mod slabs;
mod store;

use super::input::{Input, input_error};
use super::members::{Words, choose, tables};
use super::table::{Ask, Table};
use super::{archive, refused};
use crate::error::{Error, Place, Result};
use crate::rows::format::Format;
use slabs::Slabs;
use std::path::{Path, PathBuf};
use store::{Node, Store};

const ARRAYS: Words = Words {
    one: "array of numbers",
    several: "arrays of numbers",
    write: "write PATH:ARRAY, as in PATH:obsm/X_pca",
};

/// The advice for an unsupported array; FILE stands for the folder and NAME for the array.
const CONVERT: &str =
    "python -c \"import zarr, numpy; numpy.save('rows.npy', zarr.open('FILE', mode='r')NAME[:])\"";

/// The metadata file of a folder that is a Zarr array or group; None for any other folder.
pub(super) fn metadata(folder: &Path) -> Option<PathBuf> {
    store::metadata(folder)
}

/// Zarr arrays, in a folder or an archive.
pub(in crate::rows) struct Zarr;

impl Format for Zarr {
    fn name(&self) -> &'static str {
        "zarr"
    }

    fn sniff(&self, input: &Input) -> bool {
        input.path.is_dir() || archive::has(input, store::is_metadata)
    }

    fn open(&self, input: Input, ask: &Ask) -> Result<Table> {
        open(input, ask)
    }

    fn help(&self) -> &'static str {
        "Zarr"
    }

    fn member(&self) -> Option<&'static str> {
        Some("ARRAY")
    }
}

fn open(input: Input, ask: &Ask) -> Result<Table> {
    let mut store = Store::of(&input)?;
    let node = chosen(store.arrays()?, &input.path, ask)?;
    let layout = layout::ZarrArray::of(&node.metadata)
        .map_err(|what| refusal(&input.path, &node.name, what))?;
    Slabs::table(&input, store, node.name, layout, ask)
}

/// The array that the user names, or the only one that holds numbers.
fn chosen(mut arrays: Vec<Node>, path: &Path, ask: &Ask) -> Result<Node> {
    let shapes = |arrays: &[Node]| -> Vec<(String, Vec<u64>)> {
        let shape = |node: &Node| layout::shape(&node.metadata).unwrap_or_default();
        arrays
            .iter()
            .map(|node| (node.name.clone(), shape(node)))
            .collect()
    };
    if let Some(member) = ask.member.map(|member| member.trim_matches('/')) {
        if let [Node { name, .. }] = &arrays[..]
            && name.is_empty()
        {
            return Err(input_error(
                path,
                Place::Part(member.into()),
                "this is one array, and no group of arrays",
                "leave out the colon and the name",
            ));
        }
        if let Some(place) = arrays.iter().position(|node| node.name == member) {
            return Ok(arrays.swap_remove(place));
        }
        let of = |name: &str| {
            arrays
                .iter()
                .any(|node| node.name == store::join(member, name))
        };
        if of("indptr") && of("data") {
            return Err(input_error(
                path,
                Place::Part(member.into()),
                "it is a sparse matrix, which is not read",
                "write it dense in Python: numpy.save('x.npy', anndata.read_zarr(FOLDER).X.toarray())",
            ));
        }
        arrays.retain(is_of_numbers);
        let place = choose(path, &ARRAYS, &shapes(&arrays), Some(member))?;
        return Ok(arrays.swap_remove(place));
    }
    // If there is only one array, the error says why it is not supported.
    if arrays.len() > 1 {
        arrays.retain(is_of_numbers);
        tables(&mut arrays, |node| {
            layout::shape(&node.metadata).map_or(0, |shape| shape.len())
        });
    }
    let place = choose(path, &ARRAYS, &shapes(&arrays), None)?;
    Ok(arrays.swap_remove(place))
}

fn is_of_numbers(node: &Node) -> bool {
    let shape = layout::shape(&node.metadata);
    shape.is_some_and(|shape| !shape.is_empty()) && layout::element(&node.metadata).is_ok()
}

/// The error for an unsupported array, with the command that converts it.
fn refusal(path: &Path, name: &str, what: String) -> Error {
    let place = match name {
        "" => Place::Whole,
        name => Place::Part(name.into()),
    };
    let part = match name {
        "" => String::new(),
        name => format!("['{name}']"),
    };
    let advice = refused::of_file(CONVERT, path).replace("NAME", &part);
    input_error(path, place, what, advice)
}
