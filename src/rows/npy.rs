//! NumPy's `.npy`, versions 1 to 3: a magic, a Python dictionary of type, order and shape, then the values.
//!
//! More than two axes are flattened to (N, rest); one axis is N rows of one value. The dictionary is parsed by hand:
//! it is three known keys, and a parser of Python literals would recurse on what a corrupt header claims.

use super::Element;
use super::input::{Input, input_error};
use super::shape::{measure, read_header, row_axes};
use super::store::Layout;
use super::table::{Ask, Chunk, STEP, Stream, Table};
use crate::error::{Error, Place, Result};
use std::io::Read;
use std::path::Path;

/// NumPy itself refuses longer headers.
const LONGEST_HEADER: usize = 1 << 16;

/// What a header says.
pub(super) struct Header {
    element: Element,
    big_endian: bool,
    fortran: bool,
    shape: Vec<u64>,
    /// Bytes before the values.
    bytes: u64,
    len: u64,
    dim: usize,
}

impl Header {
    fn axes(&self) -> Vec<usize> {
        row_axes(self.shape[1..].iter().map(|&axis| axis as usize))
    }
}

pub(super) fn open(input: Input, _: &Ask) -> Result<Table> {
    let header = {
        let mut reader = (&input.file).take(0).chain(input.head.as_slice());
        match header(&input.path, &mut reader) {
            // The header may be longer than the part of the file that was read to recognise it.
            Err(_) if input.head.len() as u64 != input.size => whole_header(&input)?,
            other => other?,
        }
    };
    let stride = (header.dim * header.element.size()) as u64;
    let len = measure(&input, header.bytes, header.len, stride)?;
    let foreign = header.big_endian != cfg!(target_endian = "big");
    let layout = Layout {
        file: input.file,
        path: input.path,
        offset: header.bytes,
        stride,
        foreign,
    };
    if header.fortran && header.dim > 1 && len > 1 {
        return Ok(Table::stream(Columns::new(layout, &header, len)));
    }
    Ok(Table::plain(layout, header.axes(), len, header.element))
}

/// The header, read with as much of the file as it can take.
fn whole_header(input: &Input) -> Result<Header> {
    let mut head = vec![0; (LONGEST_HEADER + 12).min(input.size as usize)];
    let probe = Layout {
        file: input
            .file
            .try_clone()
            .map_err(|error| Error::io("open", &input.path, error))?,
        path: input.path.clone(),
        offset: 0,
        stride: 1,
        foreign: false,
    };
    probe.read_at(&mut head, 0)?;
    header(&input.path, &mut head.as_slice())
}

fn corrupt(path: &Path, at: u64, what: impl Into<String>) -> Error {
    input_error(
        path,
        Place::Byte(at),
        what,
        "it is not an .npy file, or it is corrupt; save it again with numpy.save",
    )
}

fn header(path: &Path, reader: &mut dyn Read) -> Result<Header> {
    let mut read = |bytes: &mut [u8], at: u64| read_header(path, reader, bytes, at);
    let mut magic = [0; 8];
    read(&mut magic, 0)?;
    let (length, start) = match magic[6] {
        1 => {
            let mut size = [0; 2];
            read(&mut size, 8)?;
            (usize::from(u16::from_le_bytes(size)), 10)
        }
        2 | 3 => {
            let mut size = [0; 4];
            read(&mut size, 8)?;
            (u32::from_le_bytes(size) as usize, 12)
        }
        other => {
            return Err(corrupt(
                path,
                6,
                format!("version {other} of .npy is not known (1 to 3 are)"),
            ));
        }
    };
    if length > LONGEST_HEADER {
        return Err(corrupt(
            path,
            8,
            format!("the header claims to be {length} bytes long; {LONGEST_HEADER} is the most"),
        ));
    }
    let mut text = vec![0; length];
    read(&mut text, start)?;
    let text = String::from_utf8_lossy(&text);
    dictionary(path, &text, start, start + length as u64)
}

/// The value of a key in the dictionary's text.
fn value<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let at = text
        .find(&format!("'{key}'"))
        .or_else(|| text.find(&format!("\"{key}\"")))?;
    text[at + key.len() + 2..]
        .trim_start()
        .strip_prefix(':')
        .map(str::trim_start)
}

fn dictionary(path: &Path, text: &str, start: u64, bytes: u64) -> Result<Header> {
    let missing = |key: &str| corrupt(path, start, format!("the header has no valid {key:?}"));
    let descr = value(text, "descr").ok_or_else(|| missing("descr"))?;
    let (element, big_endian) = element(path, start, descr)?;
    let order = value(text, "fortran_order").ok_or_else(|| missing("fortran_order"))?;
    let fortran = order.starts_with("True");
    if !fortran && !order.starts_with("False") {
        return Err(missing("fortran_order"));
    }
    let shape = value(text, "shape")
        .and_then(|text| text.strip_prefix('('))
        .and_then(|text| text.split_once(')'));
    let (shape, _) = shape.ok_or_else(|| missing("shape"))?;
    let sizes = shape
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty());
    let shape: Option<Vec<u64>> = sizes
        .map(|size| size.trim_end_matches('L').parse().ok())
        .collect();
    let shape = shape.ok_or_else(|| missing("shape"))?;
    let Some((&len, rest)) = shape.split_first() else {
        return Err(corrupt(
            path,
            start,
            "the array is a single number, not a table of rows",
        ));
    };
    let dim = rest
        .iter()
        .try_fold(1u64, |product, &size| product.checked_mul(size));
    let dim = dim.filter(|dim| {
        dim.checked_mul(8)
            .is_some_and(|bytes| isize::try_from(bytes).is_ok())
    });
    let dim = dim.ok_or_else(|| {
        corrupt(
            path,
            start,
            format!("the shape {shape:?} is more than any file can hold"),
        )
    })?;
    if len == 0 || dim == 0 {
        return Err(input_error(
            path,
            Place::Byte(start),
            format!("the shape is {shape:?}: no axis may be zero"),
            "save an array with rows and columns",
        ));
    }
    Ok(Header {
        element,
        big_endian,
        fortran,
        bytes,
        len,
        dim: dim as usize,
        shape,
    })
}

/// The element type and whether it is big-endian.
fn element(path: &Path, start: u64, descr: &str) -> Result<(Element, bool)> {
    let refuse =
        |what: String, advice: &str| Err(input_error(path, Place::Byte(start), what, advice));
    let Some(quote) = descr.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
        return refuse(
            "the array is structured (named fields)".into(),
            "save the numeric fields as a plain two-dimensional array",
        );
    };
    let name = descr[1..].split(quote).next().unwrap_or_default();
    let order = name.chars().next().filter(|c| "<>=|".contains(*c));
    let kind = &name[order.map_or(0, char::len_utf8)..];
    let element = match kind {
        "f2" => Element::F16,
        "f4" => Element::F32,
        "f8" => Element::F64,
        "i1" => Element::I8,
        "i2" => Element::I16,
        "i4" => Element::I32,
        "i8" => Element::I64,
        "u1" => Element::U8,
        "u2" => Element::U16,
        "u4" => Element::U32,
        "u8" => Element::U64,
        "b1" => Element::Bool,
        _ if kind.starts_with('O') => {
            return refuse(
                "the array holds Python objects (pickled), which are never loaded".into(),
                "save numbers: array.astype('float32')",
            );
        }
        _ if kind.starts_with(['U', 'S', 'a']) => {
            return refuse(
                format!("the array holds strings ({name:?})"),
                "save numbers",
            );
        }
        _ => {
            return refuse(
                format!(
                    "element type {name:?} is not read (f2, f4, f8, i1 to i8, u1 to u8 and b1 are)"
                ),
                "convert it: array.astype('float32')",
            );
        }
    };
    let big_endian = match order {
        Some('>') => true,
        Some('<') => false,
        _ => cfg!(target_endian = "big"),
    };
    Ok((element, big_endian))
}

/// Rows of an array in Fortran order, where each column is contiguous.
struct Columns {
    layout: Layout,
    element: Element,
    len: usize,
    axes: Vec<usize>,
    /// For each feature (the rest of the axes in C order), its column in the file (in Fortran order).
    columns: Vec<u64>,
    next: usize,
}

impl Columns {
    fn new(layout: Layout, header: &Header, len: usize) -> Self {
        let rest = &header.shape[1..];
        let columns = (0..header.dim as u64)
            .map(|feature| {
                let (mut left, mut column) = (feature, 0);
                // C order runs through the last axis fastest, Fortran order through the first.
                for axis in (0..rest.len()).rev() {
                    let index = left % rest[axis];
                    left /= rest[axis];
                    column += index * rest[..axis].iter().product::<u64>();
                }
                column
            })
            .collect();
        Columns {
            layout,
            element: header.element,
            len,
            axes: header.axes(),
            columns,
            next: 0,
        }
    }
}

impl Stream for Columns {
    fn axes(&self) -> Vec<usize> {
        self.axes.clone()
    }

    fn element(&self) -> Element {
        self.element
    }

    fn next(&mut self, chunk: &mut Chunk) -> Result<bool> {
        let out = &mut chunk.values;
        let (size, dim) = (self.element.size(), self.columns.len());
        let rows = (8 * STEP / (dim * size))
            .clamp(1, self.len)
            .min(self.len - self.next);
        if rows == 0 {
            return Ok(false);
        }
        let start = out.len();
        out.resize(start + rows * dim * size, 0);
        let mut column = vec![0; rows * size];
        for (feature, &place) in self.columns.iter().enumerate() {
            let at =
                self.layout.offset + (place * self.len as u64 + self.next as u64) * size as u64;
            self.layout.read_at(&mut column, at)?;
            for (row, value) in column.chunks_exact(size).enumerate() {
                out[start + (row * dim + feature) * size..][..size].copy_from_slice(value);
            }
        }
        if self.layout.foreign {
            super::decode::swap(self.element, &mut out[start..]);
        }
        self.next += rows;
        Ok(true)
    }
}
