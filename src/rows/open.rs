//! From what the user typed to a set of rows: which files, which format, in memory or not, all finite.
//!
//! A format's reader gives a [`Table`]: rows at fixed places of a file, or a stream of rows. Nothing is
//! allocated on a header's word: plain files are measured against their size first, streams grow as data comes.

use super::store::{Bytes, Layout, Part, Store, Transform, read_at};
use super::{Element, Rows, bin, csv, decode, idx, npy, npz, parquet, safetensors, vecs};
use crate::control::Control;
use crate::error::{Error, Place, Result};
use std::fs::{self, File};
use std::io::{Read, Write};
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
    /// Drop rows with NaN or infinity instead of refusing them.
    pub skip_nonfinite: bool,
    /// Where spool files go; the system's temporary directory by default.
    pub temporary: Option<PathBuf>,
}

/// What a format's reader found.
pub(super) enum Table {
    /// Rows at fixed places.
    Plain {
        layout: Layout,
        dim: usize,
        len: usize,
        element: Element,
    },
    /// Rows one after the other.
    Stream(Box<dyn Stream>),
}

/// Rows that can only be read in order.
pub(super) trait Stream {
    fn dim(&self) -> usize;
    fn element(&self) -> Element;
    /// Append the values of some whole rows, native order, about [`STEP`] bytes; false at the end.
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool>;
}

/// Bytes that a stream gives at a time, about.
pub(super) const STEP: usize = 1 << 20;

/// The first bytes of a file, which tell most formats.
pub(super) const HEAD: usize = 4096;

/// Numbers checked at a time.
const CHECK: usize = 1 << 17;

/// Open a set of rows: a path, a folder, a glob, or `file:member`.
///
/// Errors: everything a file can be wrong in, naming it and the place; [`Error::Interrupted`].
pub fn open(spec: &str, options: &OpenOptions, control: &Control) -> Result<Box<dyn Rows>> {
    let (files, member) = files(spec)?;
    let mut set = Assembly::new(spec, options, control);
    for file in &files {
        if set.complete() {
            break;
        }
        let (table, format) = table(file, member.as_deref(), &set.folder())?;
        set.add(file, format, table)?;
    }
    Ok(Box::new(set.finish()?))
}

/// The files that a spec names, and the member asked for.
fn files(spec: &str) -> Result<(Vec<PathBuf>, Option<String>)> {
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

/// The files of a folder, hidden ones left out, in natural order.
fn folder(path: &Path) -> Result<Vec<PathBuf>> {
    let listing = fs::read_dir(path).map_err(|error| Error::io("list", path, error))?;
    let mut files = Vec::new();
    for entry in listing {
        let file = entry
            .map_err(|error| Error::io("list", path, error))?
            .path();
        let hidden = file
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if file.is_file() && !hidden {
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
    files.sort_by(|a, b| natord::compare(&a.to_string_lossy(), &b.to_string_lossy()));
    Ok(files)
}

/// Read a file's header: content decides, the extension only where content cannot.
fn table(path: &Path, member: Option<&str>, temporary: &Path) -> Result<(Table, &'static str)> {
    let mut file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    let size = file
        .metadata()
        .map_err(|error| Error::io("read", path, error))?
        .len();
    let mut head = vec![0; HEAD.min(size as usize)];
    file.read_exact(&mut head)
        .map_err(|error| Error::io("read", path, error))?;
    let input = Input {
        file,
        path: path.to_path_buf(),
        size,
        head,
    };
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

fn recognise(input: &Input, extension: &str) -> Result<&'static str> {
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

/// A set being put together.
struct Assembly<'a> {
    options: &'a OpenOptions,
    control: &'a Control,
    format: Option<&'static str>,
    store: Store,
    resident: u64,
}

impl<'a> Assembly<'a> {
    fn new(spec: &str, options: &'a OpenOptions, control: &'a Control) -> Self {
        let transform = Transform {
            scale: options.scale,
            normalize: options.normalize,
        };
        let store = Store {
            name: spec.into(),
            dim: 0,
            element: Element::F32,
            parts: Vec::new(),
            transform,
            dropped: Vec::new(),
            len: 0,
        };
        Assembly {
            options,
            control,
            format: None,
            store,
            resident: 0,
        }
    }

    fn left(&self) -> usize {
        self.options
            .limit
            .map_or(usize::MAX, |limit| limit - self.store.len)
    }

    fn complete(&self) -> bool {
        self.left() == 0
    }

    /// Add a file's rows.
    fn add(&mut self, path: &Path, format: &'static str, table: Table) -> Result<()> {
        let (dim, element) = match &table {
            Table::Plain { dim, element, .. } => (*dim, *element),
            Table::Stream(stream) => (stream.dim(), stream.element()),
        };
        if dim == 0 {
            return Err(input_error(
                path,
                Place::Whole,
                "the rows have no columns",
                "each row needs at least one number",
            ));
        }
        self.same_kind(path, format, dim, element)?;
        let name = path.display().to_string();
        let (len, bytes) = match table {
            Table::Plain { layout, len, .. } => self.plain(layout, len)?,
            Table::Stream(stream) => self.stream(path, stream)?,
        };
        if len == 0 && self.left() > 0 {
            return Err(input_error(
                path,
                Place::Whole,
                "the file holds no rows",
                "at least one row is needed",
            ));
        }
        self.store.len += len;
        self.store.parts.push(Part { name, len, bytes });
        Ok(())
    }

    /// Files of one set must agree.
    fn same_kind(
        &mut self,
        path: &Path,
        format: &'static str,
        dim: usize,
        element: Element,
    ) -> Result<()> {
        let Some(first) = self.store.parts.first() else {
            self.format = Some(format);
            self.store.dim = dim;
            self.store.element = element;
            return Ok(());
        };
        let known = self.format.unwrap_or(format);
        let differs = |what: String| {
            Err(input_error(
                path,
                Place::Whole,
                what,
                "the files of a set must be alike; name the right ones",
            ))
        };
        if known != format {
            return differs(format!(
                "the format is {format}, but that of {} is {known}",
                first.name
            ));
        }
        if self.store.dim != dim {
            return differs(format!(
                "the rows have {dim} columns, but those of {} have {}",
                first.name, self.store.dim
            ));
        }
        if self.store.element != element {
            return differs(format!(
                "the numbers are {element:?}, but those of {} are {:?}",
                first.name, self.store.element
            ));
        }
        Ok(())
    }

    fn width(&self) -> usize {
        self.store.width()
    }

    /// Rows at fixed places: resident if they fit, else left where they are.
    fn plain(&mut self, layout: Layout, len: usize) -> Result<(usize, Bytes)> {
        let len = len.min(self.left());
        let bytes = len as u64 * self.width() as u64;
        if self.resident + bytes > self.options.memory {
            return Ok((len, Bytes::File(layout)));
        }
        let mut resident = vec![0; bytes as usize];
        let step = (STEP / self.width()).max(1);
        let mut buffer = Vec::new();
        for (chunk, out) in resident.chunks_mut(step * self.width()).enumerate() {
            self.control.check()?;
            let rows = out.len() / self.width();
            layout.read(
                chunk * step,
                rows,
                self.width(),
                self.store.element,
                &mut buffer,
            )?;
            out.copy_from_slice(&buffer);
            self.control.advance(out.len() as u64);
        }
        self.resident += bytes;
        Ok((len, Bytes::Resident(resident)))
    }

    /// Rows in order: gathered in memory, and moved to a spool file once they outgrow the budget.
    fn stream(&mut self, path: &Path, mut stream: Box<dyn Stream>) -> Result<(usize, Bytes)> {
        let width = self.width();
        let (mut held, mut spool): (Vec<u8>, Option<File>) = (Vec::new(), None);
        let (mut rows, most) = (0usize, self.left());
        let budget = self.options.memory.saturating_sub(self.resident);
        while rows < most {
            self.control.check()?;
            let before = held.len();
            if !stream.next(&mut held)? {
                break;
            }
            let new = ((held.len() - before) / width).min(most - rows);
            held.truncate(before + new * width);
            rows += new;
            self.control.advance((new * width) as u64);
            // A vector doubles as it grows: what is held may take twice its length.
            if spool.is_none() && 2 * held.len() as u64 > budget {
                spool = Some(self.spool()?);
            }
            if let Some(spool) = &mut spool {
                spool
                    .write_all(&held)
                    .map_err(|error| self.spool_error(error))?;
                held.clear();
            }
        }
        match spool {
            None => {
                held.shrink_to_fit();
                self.resident += held.len() as u64;
                Ok((rows, Bytes::Resident(held)))
            }
            Some(file) => {
                let layout = Layout {
                    file,
                    path: path.into(),
                    offset: 0,
                    stride: width as u64,
                    foreign: false,
                };
                Ok((rows, Bytes::File(layout)))
            }
        }
    }

    fn folder(&self) -> PathBuf {
        self.options
            .temporary
            .clone()
            .unwrap_or_else(std::env::temp_dir)
    }

    fn spool(&self) -> Result<File> {
        tempfile::tempfile_in(self.folder()).map_err(|error| self.spool_error(error))
    }

    fn spool_error(&self, error: std::io::Error) -> Error {
        Error::io("write a spool file in", self.folder(), error)
    }

    /// The set, checked.
    fn finish(mut self) -> Result<Store> {
        if self.store.len == 0 {
            return Err(Error::input(
                &self.store.name,
                Place::Whole,
                "no rows are left",
                "ask for at least one row",
            ));
        }
        if self.store.element.is_float() || self.store.transform.scale.is_some() {
            self.check_finite()?;
        }
        if self.options.normalize {
            self.check_nonzero()?;
        }
        Ok(self.store)
    }

    /// Refuse, or drop, rows with NaN or infinity.
    fn check_finite(&mut self) -> Result<()> {
        let normalize = std::mem::replace(&mut self.store.transform.normalize, false);
        let mut bad = Vec::new();
        each_chunk(&self.store, self.control, |first, values| {
            // NaN and infinity are the only values whose product with zero is not zero.
            if values.iter().fold(0.0, |sum, v| sum + v * 0.0) == 0.0 {
                return Ok(());
            }
            for (row, values) in values.chunks_exact(self.store.dim).enumerate() {
                let Some(column) = values.iter().position(|v| !v.is_finite()) else {
                    continue;
                };
                if !self.options.skip_nonfinite {
                    return Err(self.nonfinite(first + row, column, values[column]));
                }
                bad.push(first + row);
            }
            Ok(())
        })?;
        self.store.len -= bad.len();
        self.store.dropped = bad;
        self.store.transform.normalize = normalize;
        if self.store.len == 0 {
            return Err(Error::input(
                &self.store.name,
                Place::Whole,
                "every row has a NaN or an infinity",
                "no row is left",
            ));
        }
        Ok(())
    }

    fn nonfinite(&self, row: usize, column: usize, value: f64) -> Error {
        let (file, row) = self.store.locate(row);
        Error::input(
            file,
            Place::Cell {
                row: row as u64,
                column: column as u64,
            },
            format!("the value is {value}, and only finite numbers can be used"),
            "mend the data, or drop such rows with --skip-nonfinite",
        )
    }

    /// A zero row has no direction.
    fn check_nonzero(&self) -> Result<()> {
        each_chunk(&self.store, self.control, |first, values| {
            let zero = values
                .chunks_exact(self.store.dim)
                .position(|row| row.iter().all(|&v| v == 0.0));
            let Some(row) = zero else { return Ok(()) };
            let (file, row) = self.store.locate(self.store.number(first + row) as usize);
            Err(Error::input(
                file,
                Place::Row(row as u64),
                "the row is zero, so it cannot be scaled to unit length",
                "remove it, or leave out --normalize",
            ))
        })
    }
}

/// All rows in order, some at a time.
fn each_chunk(
    store: &Store,
    control: &Control,
    mut work: impl FnMut(usize, &[f64]) -> Result<()>,
) -> Result<()> {
    let step = (CHECK / store.dim).max(1);
    let mut values = Vec::new();
    for first in (0..store.len).step_by(step) {
        control.check()?;
        values.resize(step.min(store.len - first) * store.dim, 0.0);
        store.read_f64(first, &mut values)?;
        work(first, &values)?;
    }
    Ok(())
}

/// Check that `len` rows of `stride` bytes from `offset` fill the file exactly.
pub(super) fn measure(input: &Input, offset: u64, len: u64, stride: u64) -> Result<usize> {
    let needed = len
        .checked_mul(stride)
        .and_then(|bytes| bytes.checked_add(offset));
    let Some(needed) = needed.filter(|_| usize::try_from(len).is_ok()) else {
        return Err(input.error(
            Place::Byte(0),
            format!("the header claims {len} rows of {stride} bytes"),
            "no file can hold that; it is corrupt",
        ));
    };
    if needed > input.size {
        return Err(input.error(
            Place::Byte(input.size),
            format!(
                "the header claims {len} rows, which need {needed} bytes, but the file has {}",
                input.size
            ),
            "it is truncated or its header is wrong; copy it again",
        ));
    }
    if needed < input.size {
        return Err(input.error(
            Place::Byte(needed),
            format!(
                "{} bytes follow the {len} rows that the header claims",
                input.size - needed
            ),
            "the header is wrong, or something was appended",
        ));
    }
    Ok(len as usize)
}

/// Values of a stream in a foreign byte order, or not, cut into whole rows.
pub(super) struct Cut {
    pub path: PathBuf,
    pub reader: Box<dyn Read>,
    pub dim: usize,
    pub element: Element,
    pub foreign: bool,
    /// Rows still promised by the header.
    pub left: u64,
    /// Bytes of the (decompressed) file so far.
    pub at: u64,
}

impl Stream for Cut {
    fn dim(&self) -> usize {
        self.dim
    }

    fn element(&self) -> Element {
        self.element
    }

    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        let width = self.dim * self.element.size();
        if self.left == 0 {
            return self.end();
        }
        let rows = self.left.min((STEP / width).max(1) as u64);
        let start = out.len();
        let wanted = rows * width as u64;
        let read = (&mut self.reader)
            .take(wanted)
            .read_to_end(out)
            .map_err(|error| broken_stream(&self.path, self.at, &error))?;
        self.at += read as u64;
        if (read as u64) < wanted {
            return Err(input_error(
                &self.path,
                Place::Byte(self.at),
                format!(
                    "the data ends here, {} rows before what the header claims",
                    self.left - read as u64 / width as u64
                ),
                "it is truncated or its header is wrong; copy it again",
            ));
        }
        if self.foreign {
            decode::swap(self.element, &mut out[start..]);
        }
        self.left -= rows;
        Ok(true)
    }
}

impl Cut {
    /// Nothing may follow the promised rows.
    fn end(&mut self) -> Result<bool> {
        let mut one = [0];
        match self.reader.read(&mut one) {
            Ok(0) => Ok(false),
            Ok(_) => Err(input_error(
                &self.path,
                Place::Byte(self.at),
                "more data follows the rows that the header claims",
                "the header is wrong, or something was appended",
            )),
            Err(error) => Err(broken_stream(&self.path, self.at, &error)),
        }
    }
}
