//! The big-ann-benchmarks formats `.fbin`, `.f16bin`, `.u8bin`, `.i8bin`: u32 N, u32 d (little-endian), then N x d values.

use super::Element;
use super::format::Format;
use super::input::Input;
use super::size_check::measure;
use super::store::FixedRows;
use super::table::{Ask, Table};
use crate::error::{Place, Result};

/// The element type, from the extension of the file.
fn element(input: &Input) -> Option<Element> {
    Some(match input.extension.as_str() {
        "fbin" => Element::F32,
        "f16bin" => Element::F16,
        "u8bin" => Element::U8,
        "i8bin" => Element::I8,
        _ => return None,
    })
}

/// Files of big-ann-benchmarks.
pub(in crate::rows) struct Bin;

impl Format for Bin {
    fn name(&self) -> &'static str {
        "bin"
    }

    fn is_measured(&self, input: &Input) -> bool {
        is_measured(input)
    }

    fn sniff(&self, input: &Input) -> bool {
        element(input).is_some()
    }

    fn open(&self, input: Input, ask: &Ask) -> Result<Table> {
        open(input, ask)
    }

    fn help(&self) -> &'static str {
        ".fbin/.f16bin/.u8bin/.i8bin"
    }
}

/// Whether a file has one of these extensions and the length that its header states. This decides even if its first
/// bytes look like another format.
fn is_measured(input: &Input) -> bool {
    let number = |at: usize| {
        let bytes = input.head.get(at..at + 4)?.first_chunk::<4>()?;
        Some(u64::from(u32::from_le_bytes(*bytes)))
    };
    let stated = element(input).zip(number(0).zip(number(4)));
    stated.is_some_and(|(element, (len, dim))| {
        let bytes = (len * dim).saturating_mul(element.size() as u64);
        bytes.saturating_add(8) == input.size
    })
}

fn open(input: Input, ask: &Ask) -> Result<Table> {
    let element = element(&input).unwrap_or(Element::F32);
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
    let is_shard = ask.several && dim > 0 && input.size == 8;
    if dim == 0 || len == 0 && !is_shard {
        return Err(input.error(
            Place::Byte(0),
            format!("the header claims {len} rows of {dim} values"),
            "a set needs at least one of each",
        ));
    }
    let stride = u64::from(dim) * element.size() as u64;
    let len = measure(&input, 8, u64::from(len), stride)?;
    let layout = FixedRows {
        file: input.file.into(),
        path: input.path,
        offset: 8,
        stride,
        foreign: cfg!(target_endian = "big"),
    };
    Ok(Table::plain(layout, vec![dim as usize], len, element))
}
