//! IDX, the format of MNIST: bytes 0, 0, type, number of axes; the axes as big-endian u32; then big-endian values.

use super::Element;
use super::format::Format;
use super::input::{Input, input_error};
use super::size_check::{measure, read_header, row_axes};
use super::store::FixedRows;
use super::table::{Ask, Table};
use crate::error::{Error, Place, Result};
use std::io::Read;
use std::path::Path;

struct Header {
    element: Element,
    len: u64,
    axes: Vec<usize>,
    dim: usize,
    bytes: u64,
}

/// MNIST's IDX.
pub(in crate::rows) struct Idx;

impl Format for Idx {
    fn name(&self) -> &'static str {
        "idx"
    }

    fn sniff(&self, input: &Input) -> bool {
        matches!(input.head[..], [0, 0, 8 | 9 | 0x0B..=0x0E, 1..=8, ..])
    }

    fn open(&self, input: Input, ask: &Ask) -> Result<Table> {
        open(input, ask)
    }

    fn help(&self) -> &'static str {
        "IDX"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["idx"]
    }
}

fn open(input: Input, ask: &Ask) -> Result<Table> {
    let header = header(&input.path, &mut input.head.as_slice(), ask.several)?;
    let stride = (header.dim * header.element.size()) as u64;
    let len = measure(&input, header.bytes, header.len, stride)?;
    let foreign = cfg!(target_endian = "little");
    let layout = FixedRows {
        file: input.file.into(),
        path: input.path,
        offset: header.bytes,
        stride,
        foreign,
    };
    Ok(Table::plain(layout, header.axes, len, header.element))
}

/// Parses the header; in a set of `several` files, one may have no rows.
fn header(path: &Path, reader: &mut dyn Read, several: bool) -> Result<Header> {
    let mut read = |bytes: &mut [u8], at: u64| read_header(path, reader, bytes, at);
    let mut magic = [0; 4];
    read(&mut magic, 0)?;
    let element = match magic[2] {
        0x08 => Element::U8,
        0x09 => Element::I8,
        0x0B => Element::I16,
        0x0C => Element::I32,
        0x0D => Element::F32,
        0x0E => Element::F64,
        other => {
            return Err(wrong(
                path,
                2,
                format!("element type {other:#04x} does not exist in IDX"),
            ));
        }
    };
    let axes = u64::from(magic[3]);
    let mut sizes = Vec::new();
    for axis in 0..axes {
        let mut size = [0; 4];
        read(&mut size, 4 + 4 * axis)?;
        sizes.push(u64::from(u32::from_be_bytes(size)));
    }
    let Some((&len, rest)) = sizes.split_first() else {
        return Err(wrong(path, 3, "the header has no axes".into()));
    };
    let dim = rest
        .iter()
        .try_fold(1u64, |product, &size| product.checked_mul(size));
    let dim = dim.filter(|dim| {
        dim.checked_mul(8)
            .is_some_and(|bytes| isize::try_from(bytes).is_ok())
    });
    let Some(dim) = dim else {
        return Err(wrong(
            path,
            4,
            format!("the header claims axes of {sizes:?}, more than any file can hold"),
        ));
    };
    if dim == 0 || len == 0 && !several {
        return Err(wrong(
            path,
            4,
            format!("the header claims axes of {sizes:?}; none may be zero"),
        ));
    }
    Ok(Header {
        element,
        len,
        axes: row_axes(rest.iter().map(|&axis| axis as usize)),
        dim: dim as usize,
        bytes: 4 + 4 * axes,
    })
}

fn wrong(path: &Path, at: u64, what: String) -> Error {
    input_error(
        path,
        Place::Byte(at),
        what,
        "it is not an IDX file, or it is corrupt",
    )
}
