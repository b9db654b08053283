//! The list of all supported formats, and how the format of a file is recognised.
//!
//! The content decides, and the extension only where the content is inconclusive. A file that no format recognises is
//! refused with the list of supported formats. Formats that are recognised only to be refused are in [`refused`].

use super::format::Format;
use super::input::{Input, input_error};
use super::packed::{self, Packing};
use super::table::{Ask, Table};
use super::{
    bin, csv, faiss, hdf5, idx, json, npy, npz, parquet, refused, safetensors, torch, vecs, words,
    zarr,
};
use crate::error::{Place, Result};

/// All formats, in the order in which they are tried: first those with a magic number, then those known by their
/// extension, then those known by their look.
static FORMATS: &[&dyn Format] = &[
    &npy::Npy,
    &torch::Torch,
    &zarr::Zarr,
    &npz::Npz,
    &parquet::Parquet,
    &parquet::Arrow,
    &hdf5::Hdf5,
    &faiss::Faiss,
    &idx::Idx,
    &json::Json,
    &safetensors::Safetensors,
    &vecs::Vecs,
    &bin::Bin,
    &words::BinaryWords,
    &words::TextWords,
    &csv::Csv,
];

/// The list of formats, for a message.
fn known() -> String {
    let names: Vec<&str> = FORMATS.iter().map(|format| format.help()).collect();
    format!(
        "the known formats are {}, each also in .gz, .zst, .bz2 or .xz",
        names.join(", ")
    )
}

/// Whether this extension belongs to a format with a magic number.
fn has_magic(extension: &str) -> bool {
    let mut all = FORMATS.iter().flat_map(|format| format.extensions());
    all.any(|known| *known == extension)
}

/// The format whose extension a file has, if the file also has exactly the length that its header states.
fn measured(input: &Input) -> Option<&'static dyn Format> {
    let mut all = FORMATS.iter().copied();
    all.find(|format| format.is_measured(input))
}

/// The format of a file. Errors: an unknown or an unsupported format.
pub(super) fn recognise(input: &Input) -> Result<&'static dyn Format> {
    if let Some(format) = measured(input) {
        return Ok(format);
    }
    let told = FORMATS.iter().copied().find(|format| format.sniff(input));
    if let Some(refusal) = refused::refusal(input) {
        return Err(refusal);
    }
    // Text under the extension of a format with a magic number is a damaged file, such as a saved error page.
    let magic = has_magic(&input.extension);
    let told = told.filter(|format| !(magic && format.is_text()));
    told.ok_or_else(|| {
        let what = match (magic, input.packed) {
            (true, _) => format!(
                "the file does not begin as a .{} file does",
                input.extension
            ),
            (false, Some(packing)) => {
                format!("the format of the content packed by {packing} is not known")
            }
            (false, None) => "the format is not known".into(),
        };
        input.error(Place::Byte(0), what, known())
    })
}

/// Opens a file of any format, packed or not. Errors: any fault of the file.
pub(super) fn open(mut input: Input, ask: &Ask) -> Result<(Table, &'static str)> {
    while let Some(packing) = packing(&input) {
        input = packed::unpack(packing, input, ask)?;
    }
    if input.size == 0 && input.path.is_file() {
        return Err(input.error(
            Place::Whole,
            "the file is empty",
            "it should hold rows of numbers",
        ));
    }
    let format = recognise(&input)?;
    if let (None, Some(member)) = (format.member(), ask.member) {
        return Err(input_error(
            &input.path,
            Place::Part(member.into()),
            format!("a file of format {} has no members", format.name()),
            "leave out the colon and the name",
        ));
    }
    Ok((format.open(input, ask)?, format.name()))
}

/// How a file is packed; None if its length shows that it holds rows whose first bytes only look like a packed file.
pub(super) fn packing(input: &Input) -> Option<Packing> {
    Packing::of(&input.head).filter(|_| measured(input).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_and_extensions_are_unique_and_every_format_is_in_the_list_of_messages() {
        let names: HashSet<&str> = FORMATS.iter().map(|format| format.name()).collect();
        assert_eq!(names.len(), FORMATS.len());
        let extensions: Vec<&str> = FORMATS
            .iter()
            .flat_map(|format| format.extensions().iter().copied())
            .collect();
        let different: HashSet<&str> = extensions.iter().copied().collect();
        assert_eq!(different.len(), extensions.len());
        let known = known();
        for format in FORMATS {
            assert!(!format.help().is_empty() && known.contains(format.help()));
        }
    }
}
