//! HDF5: one data set of numbers, by its path in the file, read in slabs of rows.
//!
//! MATLAB 7.3 files are HDF5 with the axes in reverse order: the rows of their data sets are along the last axis. The
//! crate that decodes the format bounds what it allocates; if it panics nevertheless, the file is reported as corrupt.

mod filters;

use super::format::Format;
use super::guarded::guarded;
use super::input::{Input, input_error};
use super::members::{Words, choose, tables};
use super::size_check::{claimed, row_axes, slab};
use super::table::{Ask, Chunk, STEP, Stream, Table};
use super::{Element, array, decode, refused};
use crate::error::{Error, Place, Result};
use hdf5_reader::group::Group;
use hdf5_reader::{
    ByteOrder, Dataset, Datatype, FileStorage, H5Type, Hdf5File, SliceInfo, SliceInfoElem,
};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";

/// The deepest nesting of groups, and the most groups of a file.
const DEEPEST: usize = 32;
const MOST_GROUPS: usize = 10_000;

/// The least memory that the reader is given.
const LEAST: u64 = 16 << 20;

/// The most bytes to which one packed byte unpacks: about the maximum of gzip.
const DENSEST: u64 = 1100;

/// The advice for a data set with unsupported filters; FILE stands for the file and NAME for the data set.
const CONVERT: &str = "where Python reads it: python -c \"import hdf5plugin, h5py, numpy; numpy.save('rows.npy', h5py.File('FILE')['NAME'][:])\"";

/// Groups in which MATLAB stores the contents of cell arrays and objects.
const INTERNAL: [&str; 2] = ["#refs#", "#subsystem#"];

const DATASETS: Words = Words {
    one: "data set of numbers",
    several: "data sets of numbers",
    write: "write FILE:DATASET, as in FILE:obsm/X_pca",
};

/// HDF5.
pub(in crate::rows) struct Hdf5;

impl Format for Hdf5 {
    fn name(&self) -> &'static str {
        "hdf5"
    }

    fn sniff(&self, input: &Input) -> bool {
        sniff(input)
    }

    fn open(&self, input: Input, ask: &Ask) -> Result<Table> {
        open(input, ask)
    }

    fn help(&self) -> &'static str {
        "HDF5 (also of AnnData and MATLAB 7.3)"
    }

    fn member(&self) -> Option<&'static str> {
        Some("DATASET")
    }
}

/// Whether a file has the signature, at its start or after a user block.
fn sniff(input: &Input) -> bool {
    [0, 512, 1024, 2048].iter().any(|&at| {
        let rest = input.head.get(at..);
        rest.is_some_and(|rest| rest.starts_with(SIGNATURE))
    })
}

fn open(input: Input, ask: &Ask) -> Result<Table> {
    let path = input.path.clone();
    guarded(&path, || {
        let file = file(&input, ask)?;
        let (name, set) = chosen(&file, &input, ask)?;
        let fail = |error| broken(&path, Place::Part(name.clone()), error);
        if let Some(what) = filters::refused(&file, &set).map_err(fail)? {
            let advice = refused::of_file(CONVERT, &path).replace("NAME", &name);
            return Err(input.error(Place::Part(name), what, advice));
        }
        Slabs::of(&input, name, set, ask)
    })
}

/// Opens the file, read by ranges within the given memory.
fn file(input: &Input, ask: &Ask) -> Result<Hdf5File> {
    let path = &input.path;
    let fail = |error| broken(path, Place::Whole, error);
    // A slab has at least a MiB, however little memory is given.
    let memory = usize::try_from(ask.memory.max(LEAST)).unwrap_or(usize::MAX);
    let densest = usize::try_from(input.size.saturating_mul(DENSEST)).unwrap_or(usize::MAX);
    let chunk = (memory / 4).min(densest);
    let options = hdf5_reader::OpenOptions::default()
        .with_filter_registry(filters::registry(chunk))
        .with_chunk_cache_bytes((memory / 8).min(hdf5_reader::DEFAULT_CHUNK_CACHE_BYTES))
        .with_max_chunk_bytes(chunk)
        .with_max_read_bytes(memory / 2)
        .with_max_object_header_bytes(16 << 20);
    let handle = input.file.try_clone();
    let handle = handle.map_err(|error| Error::io("open", path, error))?;
    let storage = FileStorage::from_file(handle).map_err(fail)?;
    let file = Hdf5File::from_storage_with_options(Arc::new(storage), options).map_err(fail)?;
    let end = file.superblock().eof_address;
    if end > input.size {
        let what = format!(
            "the file should have {end} bytes, but it has {}",
            input.size
        );
        return Err(input.corrupt(Place::Byte(input.size), what));
    }
    Ok(file)
}

/// The data set that the user names, or else the only one that holds numbers.
fn chosen(file: &Hdf5File, input: &Input, ask: &Ask) -> Result<(String, Dataset)> {
    if let Some(member) = ask.member {
        if let Ok(set) = file.dataset(member) {
            return Ok((member.trim_start_matches('/').into(), set));
        }
        let group = file.group(member);
        if group.is_ok_and(|group| group.dataset("indptr").is_ok()) {
            return Err(input.error(
                Place::Part(member.into()),
                "it is a sparse matrix, which is not read",
                "write it dense in Python: numpy.save('x.npy', anndata.read_h5ad(FILE).X.toarray())",
            ));
        }
    }
    let mut all = Vec::new();
    let root = file.root_group();
    let root = root.map_err(|error| broken(&input.path, Place::Whole, error))?;
    list(&root, "", &mut HashSet::new(), &mut all)
        .map_err(|error| broken(&input.path, Place::Whole, error))?;
    all.retain(|(_, set)| set.ndim() > 0 && number(set).is_ok());
    if ask.member.is_none() {
        tables(&mut all, |(_, set)| set.ndim());
    }
    let shapes: Vec<(String, Vec<u64>)> = all
        .iter()
        .map(|(name, set)| (name.clone(), set.shape().to_vec()))
        .collect();
    let place = choose(&input.path, &DATASETS, &shapes, ask.member)?;
    Ok(all.swap_remove(place))
}

/// Lists all data sets of a group and of its subgroups, by their paths.
fn list(
    group: &Group,
    prefix: &str,
    seen: &mut HashSet<u64>,
    all: &mut Vec<(String, Dataset)>,
) -> hdf5_reader::error::Result<()> {
    // Links can make a group contain itself.
    let deep = prefix.matches('/').count() > DEEPEST;
    if deep || seen.len() >= MOST_GROUPS || !seen.insert(group.address()) {
        return Ok(());
    }
    let (mut groups, sets) = group.members()?;
    let named = sets.into_iter();
    all.extend(named.map(|set| (format!("{prefix}{}", set.name()), set)));
    groups.retain(|group| !INTERNAL.contains(&group.name()));
    for group in groups {
        list(&group, &format!("{prefix}{}/", group.name()), seen, all)?;
    }
    Ok(())
}

/// The error for a fault that the crate reports.
fn broken(path: &Path, place: Place, error: hdf5_reader::error::Error) -> Error {
    use hdf5_reader::error::Error as Fault;
    let advice = match &error {
        Fault::Io(io) if io.raw_os_error().is_some() => {
            let code = io.raw_os_error().unwrap_or_default();
            return Error::io("read", path, std::io::Error::from_raw_os_error(code));
        }
        Fault::Context { source, .. } => advice(source),
        other => advice(other),
    };
    input_error(path, place, format!("cannot be decoded: {error}"), advice)
}

fn advice(error: &hdf5_reader::error::Error) -> &'static str {
    use hdf5_reader::error::Error as Fault;
    match error {
        Fault::ResourceLimit(_) => "give more --memory, or write it again in smaller chunks",
        Fault::UnsupportedFilter(_) => "write it again with gzip: h5repack -f GZIP=4 FILE NEW",
        Fault::UnsupportedEncoding(_) => "write it again as a plain data set",
        _ => "it is truncated or corrupt; write it again",
    }
}

/// The element type of a data set's numbers and whether their bytes must be swapped; otherwise a text that says what it
/// holds.
fn number(set: &Dataset) -> std::result::Result<(Element, bool), String> {
    if let Ok(class) = set
        .attribute("MATLAB_class")
        .and_then(|class| class.read_string())
        && matches!(
            class.as_str(),
            "char" | "cell" | "struct" | "function_handle"
        )
    {
        return Err(format!("MATLAB's {class}"));
    }
    let dtype = set.dtype();
    let (element, order) = match dtype {
        Datatype::FixedPoint {
            size,
            signed,
            byte_order,
        } => {
            let element = match (size, signed) {
                (1, true) => Element::I8,
                (2, true) => Element::I16,
                (4, true) => Element::I32,
                (8, true) => Element::I64,
                (1, false) => Element::U8,
                (2, false) => Element::U16,
                (4, false) => Element::U32,
                (8, false) => Element::U64,
                _ => return Err(format!("integers of {size} bytes")),
            };
            let bits = bits(set, 12).unwrap_or_default();
            if bits[..4] != [0, 0, 8 * size, 0] {
                return Err("integers of odd numbers of bits".into());
            }
            (element, byte_order)
        }
        Datatype::FloatingPoint { size, byte_order } => {
            let bits = bits(set, 20).unwrap_or_default();
            // The sizes of exponent and mantissa distinguish bfloat16 from f16.
            let element = match (size, bits[5], bits[7]) {
                (2, 5, 10) => Element::F16,
                (2, 8, 7) => Element::BF16,
                (4, 8, 23) => Element::F32,
                (8, 11, 52) => Element::F64,
                _ => {
                    return Err(format!(
                        "floats of {size} bytes in a format other than IEEE 754"
                    ));
                }
            };
            (element, byte_order)
        }
        // h5py writes booleans as an enumeration of two names.
        Datatype::Enum { base, members } if members.len() == 2 => match **base {
            Datatype::FixedPoint {
                size: 1,
                ref byte_order,
                ..
            } => (Element::U8, byte_order),
            _ => return Err(kind(dtype).into()),
        },
        other => return Err(kind(other).into()),
    };
    let native = match cfg!(target_endian = "big") {
        true => ByteOrder::BigEndian,
        false => ByteOrder::LittleEndian,
    };
    Ok((element, *order != native))
}

/// The bit layout of a number: from byte 8 of the description of its type on.
fn bits(set: &Dataset, length: usize) -> Option<[u8; 12]> {
    let raw = set.raw_datatype().ok()?;
    let said = raw.get(8..length)?;
    let mut bits = [0; 12];
    bits[..said.len()].copy_from_slice(said);
    Some(bits)
}

/// The name of a type that is not a number.
fn kind(dtype: &Datatype) -> &'static str {
    match dtype {
        Datatype::String { .. } => "text",
        Datatype::Compound { .. } => "records of several fields (a compound)",
        Datatype::Array { .. } => "arrays as elements",
        Datatype::Enum { .. } => "names of a choice",
        Datatype::VarLen { .. } => "text or lists of any length",
        Datatype::Opaque { .. } => "opaque bytes",
        Datatype::Reference { .. } => "references to other data sets",
        Datatype::Bitfield { .. } => "fields of bits",
        _ => "numbers of a type that is not read",
    }
}

/// A number as stored in the file.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Stored<const N: usize>([u8; N]);

impl<const N: usize> H5Type for Stored<N> {
    fn hdf5_type() -> Datatype {
        Datatype::Bitfield {
            size: N as u8,
            byte_order: ByteOrder::LittleEndian,
        }
    }

    fn from_bytes(bytes: &[u8], _: &Datatype) -> hdf5_reader::error::Result<Self> {
        let number = bytes.first_chunk::<N>();
        let number = number.ok_or(hdf5_reader::error::Error::Other("a number is cut".into()))?;
        Ok(Stored(*number))
    }

    fn element_size(_: &Datatype) -> usize {
        N
    }
}

/// A stream of the rows of a data set.
struct Slabs {
    path: PathBuf,
    name: String,
    set: Dataset,
    element: Element,
    foreign: bool,
    /// The axes of a row.
    axes: Vec<usize>,
    len: u64,
    dim: usize,
    /// If the rows are along the last axis: the place in the row of each stored number.
    turned: Option<Vec<usize>>,
    /// Whether the data set has one axis and is a single row.
    single: bool,
    /// Rows to read at a time.
    step: u64,
    next: u64,
}

impl Slabs {
    fn of(input: &Input, name: String, set: Dataset, ask: &Ask) -> Result<Table> {
        let place = || Place::Part(name.clone());
        let (element, foreign) = number(&set).map_err(|what| {
            let what = format!("it holds {what}, not numbers that are read");
            input.error(place(), what, "name a data set of numbers")
        })?;
        let mut shape = set.shape().to_vec();
        let matlab = input.head.starts_with(b"MATLAB 7.3 MAT-file");
        let turned = shape.len() > 1 && (matlab || set.attribute("MATLAB_class").is_ok());
        if turned {
            shape.reverse();
        }
        let single = shape.len() == 1 && ask.several;
        if single {
            shape.insert(0, 1);
        }
        let claim = claimed(input, &name, &shape, element, ask)?;
        held(input, &name, &shape, claim.bytes, &set)?;
        let (len, dim) = (claim.len, claim.dim);
        let row = dim as u64 * element.size() as u64;
        let mut slabs = Slabs {
            path: input.path.clone(),
            axes: row_axes(shape[1..].iter().map(|&axis| axis as usize)),
            turned: turned.then(|| array::turned(&shape[1..])),
            step: step(&set, row, turned, ask).min(len),
            name,
            set,
            element,
            foreign,
            len,
            dim,
            single,
            next: 0,
        };
        if single {
            slabs.step = 1;
        }
        let mut table = Table::stream(slabs);
        if single {
            table.columns.notes.push(array::ONE_ROW.into());
        }
        if turned {
            let note = format!(
                "MATLAB stores its axes in reverse order: the rows are MATLAB's rows, {len} of {dim} numbers"
            );
            table.columns.notes.push(note);
        }
        Ok(table)
    }

    /// Reads the next `count` rows in their stored order.
    fn read<const N: usize>(&self, count: u64) -> hdf5_reader::error::Result<Vec<u8>> {
        let mut selection = SliceInfo::all(self.set.ndim());
        if !self.single {
            let axis = match self.turned {
                Some(_) => self.set.ndim() - 1,
                None => 0,
            };
            selection.selections[axis] = SliceInfoElem::Slice {
                start: self.next,
                end: self.next + count,
                step: 1,
            };
        }
        let numbers = self.set.read_slice::<Stored<N>>(&selection)?;
        let mut values = Vec::with_capacity(numbers.len() * N);
        for number in &numbers {
            values.extend_from_slice(&number.0);
        }
        Ok(values)
    }
}

/// Refuses a shape with more bytes than the file could hold.
fn held(input: &Input, name: &str, shape: &[u64], bytes: u64, set: &Dataset) -> Result<()> {
    let held = match set.chunks() {
        Some(_) => input.size.saturating_mul(DENSEST),
        None => input.size,
    };
    if bytes <= held {
        return Ok(());
    }
    Err(input.error(
        Place::Part(name.into()),
        format!(
            "the shape {shape:?} claims {bytes} bytes, and the file has {}",
            input.size
        ),
        "most of it was never written, or it is truncated or corrupt; write it again",
    ))
}

/// How many rows to read at a time: whole chunks where they fit the memory, so that each is unpacked once.
fn step(set: &Dataset, row: u64, turned: bool, ask: &Ask) -> u64 {
    // Reversed axes need one read for each number of a row.
    let most = STEP as u64 * if turned { 8 } else { 1 };
    let chunks = set.chunks().unwrap_or_default();
    let along = if turned {
        chunks.last()
    } else {
        chunks.first()
    };
    let along = along.copied().map_or(1, u64::from);
    slab(most, row, along, ask.memory / 8).unwrap_or((most / row).max(1))
}

impl Stream for Slabs {
    fn axes(&self) -> Vec<usize> {
        self.axes.clone()
    }

    fn element(&self) -> Element {
        self.element
    }

    fn next(&mut self, chunk: &mut Chunk) -> Result<bool> {
        let count = self.step.min(self.len - self.next);
        if count == 0 {
            return Ok(false);
        }
        let path = self.path.clone();
        let mut values = guarded(&path, || {
            let values = match self.element.size() {
                1 => self.read::<1>(count),
                2 => self.read::<2>(count),
                4 => self.read::<4>(count),
                _ => self.read::<8>(count),
            };
            values.map_err(|error| broken(&path, Place::Part(self.name.clone()), error))
        })?;
        let (count, size) = (count as usize, self.element.size());
        if values.len() != count * self.dim * size {
            let what = "a slab of the data set has another shape than the set";
            let advice = "it is corrupt; write it again";
            return Err(input_error(
                &path,
                Place::Part(self.name.clone()),
                what,
                advice,
            ));
        }
        if let Some(places) = &self.turned {
            let mut rows = vec![0; values.len()];
            for (from, &to) in places.iter().enumerate() {
                for row in 0..count {
                    let value = &values[(from * count + row) * size..][..size];
                    rows[(row * self.dim + to) * size..][..size].copy_from_slice(value);
                }
            }
            values = rows;
        }
        if self.foreign {
            decode::swap(self.element, &mut values);
        }
        chunk.values.extend_from_slice(&values);
        self.next += count as u64;
        Ok(true)
    }
}
