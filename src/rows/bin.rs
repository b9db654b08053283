//! The big-ann-benchmarks formats `.fbin`, `.f16bin`, `.u8bin`, `.i8bin`: u32 N, u32 d (little-endian), then N x d values.

use super::Element;
use super::open::{Input, Table};
use super::shape::measure;
use super::store::Layout;
use crate::error::{Place, Result};

pub(super) fn open(input: Input, extension: &str) -> Result<Table> {
    let element = match extension {
        "f16bin" => Element::F16,
        "u8bin" => Element::U8,
        "i8bin" => Element::I8,
        _ => Element::F32,
    };
    let Some((header, _)) = input.head.split_first_chunk::<8>() else {
        return Err(input.error(
            Place::Byte(0),
            "the file is shorter than its header of 8 bytes",
            "it is truncated",
        ));
    };
    let [a, b, c, d, e, f, g, h] = *header;
    let (len, dim) = (
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    );
    if len == 0 || dim == 0 {
        return Err(input.error(
            Place::Byte(0),
            format!("the header claims {len} rows of {dim} values"),
            "a set needs at least one of each",
        ));
    }
    let stride = u64::from(dim) * element.size() as u64;
    let len = measure(&input, 8, u64::from(len), stride)?;
    let layout = Layout {
        file: input.file,
        path: input.path,
        offset: 8,
        stride,
        foreign: cfg!(target_endian = "big"),
    };
    Ok(Table::Plain {
        layout,
        axes: vec![dim as usize],
        len,
        element,
    })
}
