//! NumPy's `.npy`, versions 1 to 3: a magic, a Python dictionary of type, order and shape, then the values.
//!
//! Further axes are flattened to (N, rest); an array of one axis is N rows of one value. The dictionary is parsed by
//! hand: it has three known keys, and a general parser of Python literals would recurse as deep as a corrupt header
//! demands.

use super::Element;
use super::array::{self, Array};
use super::format::Format;
use super::input::{Input, input_error};
use super::size_check::{measure, product, read_header};
use super::table::{Ask, Table};
use crate::error::{Error, Place, Result};
use std::io::Read;
use std::path::Path;

/// NumPy itself refuses longer headers.
pub(super) const LONGEST_HEADER: usize = 1 << 16;

/// The content of a header.
struct Header {
    element: Element,
    /// Whether the user gave the type, because the file does not name it.
    told: bool,
    big_endian: bool,
    fortran: bool,
    shape: Vec<u64>,
    /// The number of bytes before the values.
    bytes: u64,
}

/// NumPy's arrays.
pub(in crate::rows) struct Npy;

impl Format for Npy {
    fn name(&self) -> &'static str {
        "npy"
    }

    fn sniff(&self, input: &Input) -> bool {
        input.head.starts_with(b"\x93NUMPY")
    }

    fn open(&self, input: Input, ask: &Ask) -> Result<Table> {
        open(input, ask)
    }

    fn help(&self) -> &'static str {
        ".npy"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["npy"]
    }
}

pub(super) fn open(input: Input, ask: &Ask) -> Result<Table> {
    let header = {
        let mut reader = (&input.file).take(0).chain(input.head.as_slice());
        match header(&input.path, &mut reader, ask.dtype) {
            // The header may be longer than the bytes that were read to recognise the format.
            Err(_) if input.head.len() as u64 != input.size => whole_header(&input, ask.dtype)?,
            other => other?,
        }
    };
    let len = header.shape.first().copied().unwrap_or(0);
    let row = product(header.shape.get(1..).unwrap_or_default());
    let row = row.and_then(|dim| dim.checked_mul(header.element.size() as u64));
    if let Some(row) = row.filter(|&row| row > 0 && (len > 0 || ask.several)) {
        measure(&input, header.bytes, len, row)?;
    }
    let mut table = Array {
        bytes: input.size - header.bytes,
        file: input.file,
        path: input.path,
        offset: header.bytes,
        element: header.element,
        foreign: header.big_endian != cfg!(target_endian = "big"),
        strides: header.fortran.then(|| array::fortran_order(&header.shape)),
        shape: header.shape,
        place: Place::Byte(10),
    }
    .table(ask)?;
    if header.told {
        let note = format!(
            "the numbers are read as {}, as --dtype says: the file does not name their type",
            header.element
        );
        table.columns.notes.push(note);
    }
    Ok(table)
}

/// The size of the whole file in bytes, from its header, which `head` holds completely.
///
/// Errors: not the header of a supported array.
pub(super) fn size(path: &Path, mut head: &[u8], dtype: Option<Element>) -> Result<u64> {
    let header = header(path, &mut head, dtype)?;
    let values = product(&header.shape).unwrap_or(u64::MAX);
    let bytes = values.saturating_mul(header.element.size() as u64);
    Ok(bytes.saturating_add(header.bytes))
}

/// The header, read from as much of the file as a header can take.
fn whole_header(input: &Input, dtype: Option<Element>) -> Result<Header> {
    let head = input.bytes(0, input.size.min(LONGEST_HEADER as u64 + 12))?;
    header(&input.path, &mut head.as_slice(), dtype)
}

fn corrupt(path: &Path, at: u64, what: impl Into<String>) -> Error {
    input_error(
        path,
        Place::Byte(at),
        what,
        "it is not an .npy file, or it is corrupt; save it again with numpy.save",
    )
}

fn header(path: &Path, reader: &mut dyn Read, dtype: Option<Element>) -> Result<Header> {
    let (text, start) = header_text(path, reader)?;
    dictionary(path, &text, start, start + text.len() as u64, dtype)
}

/// The dictionary as text, and the number of bytes before the values.
fn header_text(path: &Path, reader: &mut dyn Read) -> Result<(String, u64)> {
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
            return Err(input_error(
                path,
                Place::Byte(6),
                format!("version {other} of .npy is not known (1 to 3 are)"),
                "save it again with numpy.save; if it was, it is corrupt",
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
    let text = String::from_utf8(text)
        .map_err(|_| corrupt(path, start, "the header is not text in UTF-8"))?;
    Ok((text, start))
}

/// The texts of an array of one axis, `<U..` or `|S..`; None for an array of any other type.
///
/// Errors: a header that is not valid, a file shorter than its header states, invalid characters.
pub(super) fn texts(input: &Input) -> Result<Option<Vec<String>>> {
    let path = &input.path;
    let head = input.bytes(0, input.size.min(LONGEST_HEADER as u64 + 12))?;
    let (text, start) = header_text(path, &mut head.as_slice())?;
    let descr = value(&text, "descr").unwrap_or_default();
    let name = descr.trim_start_matches(['\'', '"']);
    let name = name.split(['\'', '"']).next().unwrap_or_default();
    let big = name.starts_with('>');
    let kind = name.trim_start_matches(['<', '>', '|', '=']);
    let wide = match kind.split_at_checked(1) {
        Some(("U", letters)) => letters.parse::<u64>().ok().and_then(|n| n.checked_mul(4)),
        Some(("S", letters)) => letters.parse::<u64>().ok(),
        _ => return Ok(None),
    };
    let shape = value(&text, "shape").and_then(|text| text.strip_prefix('('));
    let shape = shape
        .and_then(|text| text.split_once(')'))
        .map(|split| split.0);
    let axes = shape.into_iter().flat_map(|shape| shape.split(','));
    let mut axes = axes
        .map(str::trim)
        .filter(|axis| !axis.is_empty())
        .map(str::parse::<u64>);
    let (Some(wide), Some(Ok(len)), None) = (wide, axes.next(), axes.next()) else {
        let what = format!(
            "an array of one text a row was expected; the header says {}",
            text.trim()
        );
        return Err(corrupt(path, start, what));
    };
    let bytes = len
        .checked_mul(wide)
        .ok_or_else(|| corrupt(path, start, "the array is too large"))?;
    let values = input.bytes(start + text.len() as u64, bytes)?;
    let each = values.chunks_exact((wide as usize).max(1)).enumerate();
    let texts = each.map(|(row, bytes)| {
        let letters = match kind.starts_with('U') {
            true => utf32(bytes, big),
            false => String::from_utf8(bytes.into()).ok(),
        };
        let letters = letters.ok_or_else(|| {
            input_error(
                path,
                Place::Row(row as u64),
                "the text has invalid characters",
                "save it again with numpy.save",
            )
        })?;
        Ok(letters.trim_end_matches('\0').to_string())
    });
    texts.collect::<Result<_>>().map(Some)
}

/// Decodes text in UTF-32.
fn utf32(bytes: &[u8], big: bool) -> Option<String> {
    let letters = bytes.as_chunks::<4>().0.iter();
    let code = |bytes: &[u8; 4]| match big {
        true => u32::from_be_bytes(*bytes),
        false => u32::from_le_bytes(*bytes),
    };
    letters.map(|bytes| char::from_u32(code(bytes))).collect()
}

/// The value of a key in the dictionary.
fn value<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let at = text
        .find(&format!("'{key}'"))
        .or_else(|| text.find(&format!("\"{key}\"")))?;
    text[at + key.len() + 2..]
        .trim_start()
        .strip_prefix(':')
        .map(str::trim_start)
}

fn dictionary(
    path: &Path,
    text: &str,
    start: u64,
    bytes: u64,
    dtype: Option<Element>,
) -> Result<Header> {
    let missing = |key: &str| corrupt(path, start, format!("the header has no valid {key:?}"));
    let descr = value(text, "descr").ok_or_else(|| missing("descr"))?;
    let (element, told, big_endian) = element(path, start, descr, dtype)?;
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
    Ok(Header {
        element,
        told,
        big_endian,
        fortran,
        bytes,
        shape: shape.ok_or_else(|| missing("shape"))?,
    })
}

/// The element type, whether the user gave it, and whether the numbers are big-endian.
fn element(
    path: &Path,
    start: u64,
    descr: &str,
    dtype: Option<Element>,
) -> Result<(Element, bool, bool)> {
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
    let element = match (numeric(kind), kind) {
        (Some(element), _) => element,
        (None, "V1" | "V2") => unnamed(path, start, name, dtype)?,
        (None, _) if kind.starts_with('O') => {
            return refuse(
                "the array holds Python objects (pickled), which are never loaded".into(),
                "save numbers: array.astype('float32')",
            );
        }
        (None, _) if kind.starts_with(['U', 'S', 'a']) => {
            return refuse(
                format!("the array holds strings ({name:?})"),
                "save numbers",
            );
        }
        (None, _) => {
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
    Ok((element, kind.starts_with('V'), big_endian))
}

/// The element type for a NumPy type code, without its byte order.
pub(super) fn numeric(kind: &str) -> Option<Element> {
    Some(match kind {
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
        _ => return None,
    })
}

/// The type that the user gives for a type without a name in NumPy: bfloat16 and float8 are stored as raw bytes.
fn unnamed(path: &Path, start: u64, name: &str, dtype: Option<Element>) -> Result<Element> {
    let two = name.ends_with('2');
    let (bytes, types) = match two {
        true => ("2 bytes", "--dtype bf16 or --dtype f16"),
        false => ("1 byte", "--dtype f8e4m3 or --dtype f8e5m2"),
    };
    let fault = |what, advice| Err(input_error(path, Place::Byte(start), what, advice));
    match dtype {
        Some(element) if element.size() == 1 + usize::from(two) => Ok(element),
        Some(element) => fault(
            format!(
                "its numbers ({name:?}) are {bytes} each, and {element} takes {}",
                element.size()
            ),
            format!("write {types}"),
        ),
        None => fault(
            format!(
                "the file does not say what its numbers ({name:?}, {bytes} each) are: NumPy writes bfloat16 and float8 so"
            ),
            format!("write {types}"),
        ),
    }
}
