//! From what the user typed to a set of rows: which files, and which format each has.
//!
//! A format's reader gives a `Table`: rows at fixed places of a file, or a stream of rows. Nothing is allocated on
//! a header's word: plain files are measured against their size first, streams grow as data comes.

use super::assemble::Assembly;
use super::store::{Layout, Store, read_at};
use super::{Element, RowList, Rows, bin, csv, idx, npy, npz, parquet, safetensors, vecs};
use crate::control::Control;
use crate::error::{Error, Place, Result};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// How a set is to be read.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// Only the first so many rows.
    pub limit: Option<usize>,
    /// Multiply every value.
    pub scale: Option<f64>,
    /// Scale rows to unit length.
    pub normalize: bool,
    /// Bytes of rows that may stay in memory.
    pub memory: u64,
    /// Bytes that working on rows may take whatever their number: rows so wide that it takes more are refused. `None` for
    /// no limit.
    pub work: Option<u64>,
    /// Drop rows with NaN or infinity instead of refusing them.
    pub skip_nonfinite: bool,
    /// Leave out these rows of the file (of the first so many, if there is a limit), whatever they hold.
    pub exclude: Option<RowList>,
    /// Where spool files go; the system's temporary directory by default.
    pub temporary: Option<PathBuf>,
}

/// What a format's reader found.
pub(super) enum Table {
    /// Rows at fixed places.
    Plain {
        layout: Layout,
        axes: Vec<usize>,
        len: usize,
        element: Element,
    },
    /// Rows one after the other.
    Stream(Box<dyn Stream>),
}

/// Rows that can only be read in order.
pub(super) trait Stream {
    /// The axes of one row; their product is its dimension.
    fn axes(&self) -> Vec<usize>;
    fn element(&self) -> Element;
    /// Append the values of some whole rows, native order, about [`STEP`] bytes; false at the end.
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool>;
}

/// Bytes that a stream gives at a time, about.
pub(super) const STEP: usize = 1 << 20;

/// The first bytes of a file, which tell most formats.
pub(super) const HEAD: usize = 4096;

/// Open a set of rows: a path, a folder, a glob, or `file:member`.
///
/// Errors: everything a file can be wrong in, naming it and the place; [`Error::Interrupted`].
pub fn open(spec: &str, options: &OpenOptions, control: &Control) -> Result<Box<dyn Rows>> {
    let set = Assembly::new(spec, options, control);
    Ok(Box::new(gather(spec, set)?))
}

/// As [`open()`], but files whose rows agree in dimension and not in shape are refused.
pub(super) fn open_shaped(spec: &str, options: &OpenOptions, control: &Control) -> Result<Store> {
    gather(spec, Assembly::new(spec, options, control).of_one_shape())
}

fn gather(spec: &str, mut set: Assembly<'_>) -> Result<Store> {
    let (files, member) = files(spec)?;
    for file in &files {
        if set.complete() {
            break;
        }
        let (table, format) = table(file, member.as_deref(), &set.folder())?;
        set.add(file, format, table)?;
    }
    set.finish()
}

/// Whether a set's files are there, as far as their names tell. Errors: they are not.
pub(crate) fn check_there(spec: &str) -> Result<()> {
    files(spec).map(drop)
}

/// The files that a spec names, and the member asked for.
pub(super) fn files(spec: &str) -> Result<(Vec<PathBuf>, Option<String>)> {
    let path = Path::new(spec);
    if path.is_dir() {
        return Ok((folder(path)?, None));
    }
    if path.exists() {
        return Ok((vec![path.to_path_buf()], None));
    }
    if let Some((file, member)) = spec.rsplit_once(':')
        && Path::new(file).is_file()
    {
        if member.is_empty() {
            return Err(Error::input(
                spec,
                Place::Whole,
                "there is no name after the colon",
                "write FILE:NAME",
            ));
        }
        return Ok((vec![file.into()], Some(member.into())));
    }
    if spec.contains(['*', '?', '[']) {
        return Ok((matches(spec)?, None));
    }
    Err(Error::input(
        spec,
        Place::Whole,
        "there is no such file or folder",
        "check the path",
    ))
}

/// Whether a file or folder of this name is passed over.
pub(super) fn is_hidden(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with('.')
}

/// The files of a folder, hidden ones left out, in natural order.
fn folder(path: &Path) -> Result<Vec<PathBuf>> {
    let listing = fs::read_dir(path).map_err(|error| Error::io("list", path, error))?;
    let mut files = Vec::new();
    for entry in listing {
        let file = entry
            .map_err(|error| Error::io("list", path, error))?
            .path();
        if file.is_file() && !file.file_name().is_some_and(is_hidden) {
            files.push(file);
        }
    }
    sorted(
        files,
        path.display().to_string(),
        "the folder holds no files",
    )
}

fn matches(spec: &str) -> Result<Vec<PathBuf>> {
    let pattern = glob::glob(spec).map_err(|error| {
        Error::input(
            spec,
            Place::Whole,
            format!("not a valid pattern: {error}"),
            "quote it or mend it",
        )
    })?;
    let files = pattern
        .filter_map(|found| found.ok())
        .filter(|file| file.is_file())
        .collect();
    sorted(files, spec.into(), "no file matches the pattern")
}

fn sorted(mut files: Vec<PathBuf>, name: String, empty: &str) -> Result<Vec<PathBuf>> {
    if files.is_empty() {
        return Err(Error::input(
            name,
            Place::Whole,
            empty,
            "name a file, a folder of files, or a pattern",
        ));
    }
    files.sort_by(|a, b| {
        let order = natord::compare(&a.to_string_lossy(), &b.to_string_lossy());
        // Natural order takes some names for equal; the order of the file system is no order.
        order.then_with(|| a.cmp(b))
    });
    Ok(files)
}

/// Open a file and read its first bytes.
pub(super) fn probe(path: &Path) -> Result<Input> {
    let mut file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    let size = file
        .metadata()
        .map_err(|error| Error::io("read", path, error))?
        .len();
    let mut head = vec![0; HEAD.min(size as usize)];
    file.read_exact(&mut head)
        .map_err(|error| Error::io("read", path, error))?;
    Ok(Input {
        file,
        path: path.to_path_buf(),
        size,
        head,
    })
}

/// Read a file's header: content decides, the extension only where content cannot.
fn table(path: &Path, member: Option<&str>, temporary: &Path) -> Result<(Table, &'static str)> {
    let input = probe(path)?;
    if input.size == 0 {
        return Err(input.error(
            Place::Whole,
            "the file is empty",
            "it should hold rows of numbers",
        ));
    }
    let extension = extension(path);
    let format = recognise(&input, &extension)?;
    let no_members = |table: Result<Table>| match member {
        None => table,
        Some(member) => Err(input_error(
            path,
            Place::Part(member.into()),
            format!("a file of format {format} has no members"),
            "leave out the colon and the name",
        )),
    };
    let table = match format {
        "npy" => no_members(npy::open(input)),
        "npz" => npz::open(input, member, temporary),
        "parquet" => parquet::open_parquet(input, member),
        "arrow" => parquet::open_arrow(input, member),
        "safetensors" => safetensors::open(input, member),
        "vecs" => no_members(vecs::open(input, &extension)),
        "bin" => no_members(bin::open(input, &extension)),
        "idx" => no_members(idx::open(input)),
        "gzip" => no_members(gzip(input)),
        _ => no_members(csv::open(input)),
    };
    Ok((table?, format))
}

/// A file whose first bytes were read.
pub(super) struct Input {
    pub file: File,
    pub path: PathBuf,
    pub size: u64,
    pub head: Vec<u8>,
}

impl Input {
    pub fn error(&self, place: Place, what: impl Into<String>, advice: impl Into<String>) -> Error {
        input_error(&self.path, place, what, advice)
    }

    /// An error about a file whose parts contradict each other.
    pub fn corrupt(&self, place: Place, what: impl Into<String>) -> Error {
        self.error(place, what, "it is truncated or corrupt; write it again")
    }

    /// `count` bytes from `offset` on, allocated only if the file holds them.
    pub fn bytes(&self, offset: u64, count: u64) -> Result<Vec<u8>> {
        let end = offset.checked_add(count).filter(|&end| end <= self.size);
        let (Some(_), Ok(count)) = (end, usize::try_from(count)) else {
            let what = format!(
                "{count} bytes are claimed here, but the file has {} in all",
                self.size
            );
            return Err(self.corrupt(Place::Byte(offset), what));
        };
        let mut bytes = vec![0; count];
        read_at(&self.file, &self.path, &mut bytes, offset)?;
        Ok(bytes)
    }

    /// The whole file from its start.
    pub fn rewound(mut self) -> Result<File> {
        use std::io::Seek;
        self.file
            .rewind()
            .map_err(|error| Error::io("read", &self.path, error))?;
        Ok(self.file)
    }
}

pub(super) fn input_error(
    path: &Path,
    place: Place,
    what: impl Into<String>,
    advice: impl Into<String>,
) -> Error {
    Error::input(path.display().to_string(), place, what, advice)
}

/// The extension in lower case; that before `.gz` where there is one.
fn extension(path: &Path) -> String {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.rsplit_once('.')
        .map_or_else(String::new, |(_, extension)| extension.into())
}

const KNOWN: &str = "the known formats are .npy, .npz, Parquet, Arrow IPC (Feather 2), safetensors, .fvecs/.bvecs/.ivecs, \
.fbin/.f16bin/.u8bin/.i8bin, IDX (also gzip'd), and CSV or TSV of numbers";

pub(super) fn recognise(input: &Input, extension: &str) -> Result<&'static str> {
    let head = input.head.as_slice();
    let unknown = |what: &str, advice: &str| Err(input.error(Place::Byte(0), what, advice));
    Ok(match head {
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => "npy",
        [b'P', b'K', 3 | 5, 4 | 6, ..] => "npz",
        [b'P', b'A', b'R', b'1', ..] => "parquet",
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => "arrow",
        [0xFF, 0xFF, 0xFF, 0xFF, ..] if !matches!(extension, "ivecs" | "i8bin" | "u8bin") => {
            "arrow"
        }
        [b'F', b'E', b'A', b'1', ..] => {
            return unknown(
                "this is Feather version 1",
                "write it again as Feather version 2 (Arrow IPC)",
            );
        }
        [0x1F, 0x8B, ..] => "gzip",
        [0x89, b'H', b'D', b'F', ..] => {
            return unknown(
                "this is HDF5, which is not read",
                "export the data set as .npy or Parquet",
            );
        }
        [0x80, 2..=5, ..] if matches!(extension, "npy" | "pkl" | "pickle" | "pt" | "pth") => {
            return unknown(
                "this is a Python pickle, which is never loaded",
                "save a plain array with numpy.save(..., allow_pickle=False)",
            );
        }
        _ if matches!(extension, "fvecs" | "bvecs" | "ivecs") => "vecs",
        _ if matches!(extension, "fbin" | "f16bin" | "u8bin" | "i8bin") => "bin",
        [0, 0, 8 | 9 | 0x0B..=0x0E, 1..=8, ..] => "idx",
        _ if extension == "safetensors" || head.get(8..10).is_some_and(|v| v == b"{\"") => {
            "safetensors"
        }
        _ if matches!(
            extension,
            "npy" | "npz" | "parquet" | "arrow" | "feather" | "ipc" | "idx"
        ) =>
        {
            return unknown(
                &format!("the file does not begin as a .{extension} file does"),
                KNOWN,
            );
        }
        _ if head
            .iter()
            .all(|&b| b >= 0x20 || matches!(b, b'\n' | b'\r' | b'\t')) =>
        {
            "csv"
        }
        _ => return unknown("the format is not known", KNOWN),
    })
}

/// What is inside a gzip'd file: IDX, .npy or text.
fn gzip(input: Input) -> Result<Table> {
    let path = input.path.clone();
    let mut inner = Unzipped::new(input)?;
    let mut head = [0; 8];
    let read = inner.read_some(&mut head)?;
    let whole = std::io::Cursor::new(head[..read].to_vec()).chain(inner.decoder);
    match &head[..read] {
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => npy::stream(path, Box::new(whole)),
        [0, 0, 8 | 9 | 0x0B..=0x0E, 1..=8, ..] => idx::stream(path, Box::new(whole)),
        [0xEF, 0xBB, 0xBF, ..] => csv::stream(path, Box::new(whole)),
        [first, ..] if first.is_ascii_graphic() || first.is_ascii_whitespace() => {
            csv::stream(path, Box::new(whole))
        }
        _ => Err(input_error(
            &path,
            Place::Byte(0),
            "the gzip'd content is not known",
            "unpack it, or give IDX, .npy or CSV",
        )),
    }
}

/// A gzip'd file being decoded.
struct Unzipped {
    path: PathBuf,
    decoder: flate2::read::MultiGzDecoder<std::io::BufReader<File>>,
}

impl Unzipped {
    fn new(input: Input) -> Result<Self> {
        let path = input.path.clone();
        let file = std::io::BufReader::with_capacity(1 << 16, input.rewound()?);
        Ok(Unzipped {
            path,
            decoder: flate2::read::MultiGzDecoder::new(file),
        })
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match self.decoder.read(&mut buffer[done..]) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) => return Err(broken_stream(&self.path, done as u64, &error)),
            }
        }
        Ok(done)
    }
}

/// A compressed stream that ends early or does not decode.
pub(super) fn broken_stream(path: &Path, at: u64, error: &std::io::Error) -> Error {
    input_error(
        path,
        Place::Byte(at),
        format!("the compressed data is truncated or corrupt: {error}"),
        "copy or download it again",
    )
}
