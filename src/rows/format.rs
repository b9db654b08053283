//! The formats that are read, a line each, and those that are recognised and refused.
//!
//! Content decides; the extension only where content cannot. A format is a name, a test of the first bytes, and a reader;
//! nothing falls through from one to another.

use super::archive;
use super::input::{Input, input_error};
use super::packed::{self, Packing};
use super::table::{Ask, Table};
use super::{
    bin, csv, faiss, hdf5, idx, json, npy, npz, parquet, refused, safetensors, torch, vecs, words,
    zarr,
};
use crate::error::{Place, Result};

/// A format that is read.
pub(super) struct Format {
    pub name: &'static str,
    /// Whether a file is of this format.
    pub sniff: fn(&Input) -> bool,
    pub open: fn(Input, &Ask) -> Result<Table>,
    /// What stands after the colon of `FILE:...`, where there is such a thing.
    pub member: Option<&'static str>,
}

/// All formats, in the order in which they are tried: those told by their length, by a magic number, by their extension,
/// by their look.
const FORMATS: &[Format] = &[
    Format {
        name: "vecs",
        sniff: vecs::sniff,
        open: vecs::open,
        member: None,
    },
    Format {
        name: "bin",
        sniff: bin::sniff,
        open: bin::open,
        member: None,
    },
    Format {
        name: "npy",
        sniff: |input| input.head.starts_with(b"\x93NUMPY"),
        open: npy::open,
        member: None,
    },
    Format {
        name: "torch",
        sniff: torch::sniff,
        open: torch::open,
        member: Some("TENSOR"),
    },
    Format {
        name: "zarr",
        sniff: zarr::sniff,
        open: zarr::open,
        member: Some("ARRAY"),
    },
    Format {
        name: "npz",
        sniff: archive::is_zip,
        open: npz::open,
        member: Some("MEMBER"),
    },
    Format {
        name: "parquet",
        sniff: |input| input.head.starts_with(b"PAR1"),
        open: parquet::open_parquet,
        member: Some("COLUMN"),
    },
    Format {
        name: "arrow",
        sniff: |input| {
            input.head.starts_with(b"ARROW1") || input.head.starts_with(&[0xFF, 0xFF, 0xFF, 0xFF])
        },
        open: parquet::open_arrow,
        member: Some("COLUMN"),
    },
    Format {
        name: "hdf5",
        sniff: hdf5::sniff,
        open: hdf5::open,
        member: Some("DATASET"),
    },
    Format {
        name: "faiss",
        sniff: faiss::sniff,
        open: faiss::open,
        member: None,
    },
    Format {
        name: "idx",
        sniff: |input| matches!(input.head[..], [0, 0, 8 | 9 | 0x0B..=0x0E, 1..=8, ..]),
        open: idx::open,
        member: None,
    },
    Format {
        name: "json",
        sniff: json::sniff,
        open: json::open,
        member: Some("FIELD"),
    },
    Format {
        name: "safetensors",
        sniff: |input| {
            input.extension == "safetensors" || input.head.get(8..10).is_some_and(|v| v == b"{\"")
        },
        open: safetensors::open,
        member: Some("TENSOR"),
    },
    Format {
        name: "vecs",
        sniff: vecs::is_named,
        open: vecs::open,
        member: None,
    },
    Format {
        name: "bin",
        sniff: bin::is_named,
        open: bin::open,
        member: None,
    },
    Format {
        name: "word2vec",
        sniff: words::is_binary,
        open: words::open_binary,
        member: None,
    },
    Format {
        name: "words",
        sniff: words::sniff,
        open: words::open,
        // As a table, which a choice of columns makes it.
        member: Some("COLUMN"),
    },
    Format {
        name: "csv",
        sniff: csv::sniff,
        open: csv::open,
        member: Some("COLUMN"),
    },
];

/// The formats, for a message.
pub(super) const KNOWN: &str = "the known formats are .npy, .npz, Parquet, Arrow IPC (Feather 2), HDF5 (also of AnnData and MATLAB 7.3), Zarr, safetensors, \
.fvecs/.bvecs/.ivecs, .fbin/.f16bin/.u8bin/.i8bin, IDX, torch's .pt, flat faiss indexes, JSON and JSON Lines, word vectors (GloVe, word2vec, fastText's .vec), and CSV or TSV of numbers, each also in .gz, .zst, .bz2 or .xz";

/// The extensions of formats that say so in their first bytes.
const MAGIC: [&str; 7] = ["npy", "npz", "parquet", "arrow", "feather", "ipc", "idx"];

/// The formats that are text.
const TEXT: [&str; 3] = ["json", "words", "csv"];

/// The format of a file. Errors: it is of none, or of one that is not read.
pub(super) fn recognise(input: &Input) -> Result<&'static Format> {
    let told = FORMATS.iter().find(|format| (format.sniff)(input));
    if let Some(refusal) = refused::refusal(input).filter(|_| !is_measured(input)) {
        return Err(refusal);
    }
    let told = told.filter(|format| {
        // Text under the extension of a format that has a magic number is a file gone wrong, such as an error page.
        !TEXT.contains(&format.name) || !MAGIC.contains(&input.extension.as_str())
    });
    told.ok_or_else(|| {
        let what = match MAGIC.contains(&input.extension.as_str()) {
            true => format!(
                "the file does not begin as a .{} file does",
                input.extension
            ),
            false => match input.packed {
                Some(packing) => format!("the format of what {packing} packed is not known"),
                None => "the format is not known".into(),
            },
        };
        input.error(Place::Byte(0), what, KNOWN)
    })
}

/// Open a file of any format, packed or not. Errors: everything that a file can be wrong in.
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
    if let (None, Some(member)) = (format.member, ask.member) {
        return Err(input_error(
            &input.path,
            Place::Part(member.into()),
            format!("a file of format {} has no members", format.name),
            "leave out the colon and the name",
        ));
    }
    Ok(((format.open)(input, ask)?, format.name))
}

/// How a file is packed, unless its length shows that it is rows whose first bytes look so.
pub(super) fn packing(input: &Input) -> Option<Packing> {
    Packing::of(&input.head).filter(|_| !is_measured(input))
}

/// Whether a file has the name of a format without a magic number, and exactly the length that it must have.
fn is_measured(input: &Input) -> bool {
    vecs::sniff(input) || bin::sniff(input)
}
