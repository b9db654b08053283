//! `.fvecs`, `.bvecs`, `.ivecs` (TEXMEX): each row is its dimension as a little-endian i32, then its values.

use super::Element;
use super::format::Format;
use super::input::{Input, input_error};
use super::store::FixedRows;
use super::table::{Ask, Table};
use crate::error::{Place, Result};

/// How many bytes of row headers are checked at a time.
const STEP: u64 = 1 << 22;

/// The element type, from the extension of the file.
fn element(input: &Input) -> Option<Element> {
    Some(match input.extension.as_str() {
        "fvecs" => Element::F32,
        "bvecs" => Element::U8,
        "ivecs" => Element::I32,
        _ => return None,
    })
}

/// TexMex files of vectors.
pub(in crate::rows) struct Vecs;

impl Format for Vecs {
    fn name(&self) -> &'static str {
        "vecs"
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
        ".fvecs/.bvecs/.ivecs"
    }
}

/// Whether a file has such an extension and the length of whole rows. This decides even if its first bytes look like
/// another format.
fn is_measured(input: &Input) -> bool {
    let stated = input.head.first_chunk::<4>();
    let dim = stated.map_or(0, |bytes| i32::from_le_bytes(*bytes));
    element(input).is_some_and(|element| {
        let stride = 4 + dim.max(0) as u64 * element.size() as u64;
        dim > 0 && input.size.is_multiple_of(stride)
    })
}

fn open(input: Input, _: &Ask) -> Result<Table> {
    let element = element(&input).unwrap_or(Element::F32);
    let Some((first, _)) = input.head.split_first_chunk::<4>() else {
        return Err(input.error(
            Place::Byte(0),
            "the file is shorter than one row's dimension",
            "it is truncated",
        ));
    };
    let dim = i32::from_le_bytes(*first);
    if dim <= 0 {
        return Err(input.error(
            Place::Byte(0),
            format!("the first row claims {dim} values"),
            "it is not a .vecs file, or corrupt",
        ));
    }
    let width = dim as u64 * element.size() as u64;
    let stride = 4 + width;
    if !input.size.is_multiple_of(stride) {
        let whole = input.size / stride;
        return Err(input.error(
            Place::Byte(whole * stride),
            format!("the file has {} bytes, not a whole number of rows of {dim} values ({stride} bytes each)", input.size),
            "it is truncated, or rows differ in length",
        ));
    }
    let len = input.size / stride;
    let layout = FixedRows {
        file: input.file.into(),
        path: input.path,
        offset: 4,
        stride,
        foreign: cfg!(target_endian = "big"),
    };
    check_dimensions(&layout, len, dim)?;
    Ok(Table::plain(
        layout,
        vec![dim as usize],
        len as usize,
        element,
    ))
}

/// Checks that every row states the dimension of the first.
fn check_dimensions(layout: &FixedRows, len: u64, dim: i32) -> Result<()> {
    let step = (STEP / layout.stride).max(1);
    // Of rows longer than the step, only the first bytes are read.
    let (mut buffer, whole) = (Vec::new(), layout.stride <= STEP);
    for first in (0..len).step_by(step as usize) {
        let count = step.min(len - first);
        let bytes = if whole { count * layout.stride } else { 4 };
        buffer.resize(bytes as usize, 0);
        layout.read_at(&mut buffer, first * layout.stride)?;
        for (i, row) in buffer.chunks(layout.stride as usize).enumerate() {
            let stated = row
                .first_chunk::<4>()
                .map_or(0, |bytes| i32::from_le_bytes(*bytes));
            if stated != dim {
                return Err(input_error(
                    &layout.path,
                    Place::Row(first + i as u64),
                    format!("the row claims {stated} values, but the first row has {dim}"),
                    "all rows of a set must have the same length; the file is corrupt or mixed",
                ));
            }
        }
    }
    Ok(())
}
