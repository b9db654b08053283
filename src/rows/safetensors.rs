//! safetensors: a u64 header length, a JSON header of names, types, shapes and offsets, then the tensors.

use super::Element;
use super::array::Array;
use super::format::Format;
use super::input::Input;
use super::members::{TENSORS, choose};
use super::table::{Ask, Table};
use crate::error::{Place, Result};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

/// The format's own limit on the length of its header.
const LONGEST_HEADER: u64 = 100_000_000;

/// safetensors.
pub(in crate::rows) struct Safetensors;

impl Format for Safetensors {
    fn name(&self) -> &'static str {
        "safetensors"
    }

    fn sniff(&self, input: &Input) -> bool {
        input.extension == "safetensors" || input.head.get(8..10).is_some_and(|v| v == b"{\"")
    }

    fn open(&self, input: Input, ask: &Ask) -> Result<Table> {
        open(input, ask)
    }

    fn help(&self) -> &'static str {
        "safetensors"
    }

    fn member(&self) -> Option<&'static str> {
        Some("TENSOR")
    }
}

fn open(input: Input, ask: &Ask) -> Result<Table> {
    let advice = "it is truncated or corrupt; save it again";
    let stated = input
        .head
        .first_chunk::<8>()
        .map(|bytes| u64::from_le_bytes(*bytes));
    let Some(header) = stated
        .filter(|&n| n <= LONGEST_HEADER && n.checked_add(8).is_some_and(|n| n <= input.size))
    else {
        return Err(input.error(
            Place::Byte(0),
            format!(
                "the header claims {} bytes, the file has {}",
                stated.unwrap_or(0),
                input.size
            ),
            advice,
        ));
    };
    let text = input.bytes(8, header)?;
    let metadata: Metadata = serde_json::from_slice(&text).map_err(|error| {
        let what = format!("the header is not valid: {error}");
        let advice = match what.contains("unknown variant") {
            true => {
                "it holds a type that is not known here: convert those tensors, or leave them out"
            }
            false => advice,
        };
        input.error(Place::Byte(8), what, advice)
    })?;
    let mut tensors: Vec<(String, &TensorInfo)> = metadata.tensors().into_iter().collect();
    tensors.sort_by(|a, b| natord::compare(&a.0, &b.0));
    let shape = |tensor: &TensorInfo| tensor.shape.iter().map(|&axis| axis as u64).collect();
    let all: Vec<(String, Vec<u64>)> = tensors
        .iter()
        .map(|(name, tensor)| (name.clone(), shape(tensor)))
        .collect();
    let (name, tensor) = &tensors[choose(&input.path, &TENSORS, &all, ask.member)?];
    let part = || Place::Part(name.clone());
    let Some(element) = element(tensor.dtype) else {
        return Err(input.error(
            part(),
            format!("element type {:?} is not read", tensor.dtype),
            "convert it to F32",
        ));
    };
    // The tensors fill the file, so a truncation shows even where it does not affect the chosen one.
    let end = (8 + header).saturating_add(metadata.data_len() as u64);
    if end != input.size {
        return Err(input.error(
            Place::Byte(end.min(input.size)),
            format!(
                "the tensors should end at byte {end}, but the file has {} bytes",
                input.size
            ),
            advice,
        ));
    }
    let (start, end) = tensor.data_offsets;
    Array {
        offset: 8 + header + start as u64,
        bytes: end.saturating_sub(start) as u64,
        element,
        foreign: cfg!(target_endian = "big"),
        shape: shape(tensor),
        strides: None,
        place: part(),
        file: input.file,
        path: input.path,
    }
    .table(ask)
}

fn element(dtype: Dtype) -> Option<Element> {
    Some(match dtype {
        Dtype::F64 => Element::F64,
        Dtype::F32 => Element::F32,
        Dtype::F16 => Element::F16,
        Dtype::BF16 => Element::BF16,
        Dtype::I64 => Element::I64,
        Dtype::I32 => Element::I32,
        Dtype::I16 => Element::I16,
        Dtype::I8 => Element::I8,
        Dtype::U64 => Element::U64,
        Dtype::U32 => Element::U32,
        Dtype::U16 => Element::U16,
        Dtype::U8 => Element::U8,
        Dtype::BOOL => Element::Bool,
        Dtype::F8_E4M3 => Element::F8E4M3,
        Dtype::F8_E5M2 => Element::F8E5M2,
        _ => return None,
    })
}
