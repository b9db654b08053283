//! safetensors: a u64 header length, a JSON header of names, types, shapes and offsets, then the tensors.

use super::Element;
use super::input::Input;
use super::shape::row_axes;
use super::store::Layout;
use super::table::{Ask, Table};
use crate::error::{Place, Result};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

/// The format's own limit on its header.
const LONGEST_HEADER: u64 = 100_000_000;

pub(super) fn open(input: Input, ask: &Ask) -> Result<Table> {
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
    let mut layout = Layout {
        file: input
            .file
            .try_clone()
            .map_err(|error| crate::Error::io("open", &input.path, error))?,
        path: input.path.clone(),
        offset: 8,
        stride: 1,
        foreign: cfg!(target_endian = "big"),
    };
    let mut text = vec![0; header as usize];
    layout.read_at(&mut text, 8)?;
    let metadata: Metadata = serde_json::from_slice(&text).map_err(|error| {
        input.error(
            Place::Byte(8),
            format!("the header is not valid: {error}"),
            advice,
        )
    })?;
    let (name, tensor) = choose(&input, &metadata, ask.member)?;
    let part = || Place::Part(name.clone());
    let Some(element) = element(tensor.dtype) else {
        return Err(input.error(
            part(),
            format!("element type {:?} is not read", tensor.dtype),
            "convert it to F32",
        ));
    };
    let Some((&len, rest)) = tensor.shape.split_first() else {
        return Err(input.error(
            part(),
            "the tensor is a single number, not a table of rows",
            "name another tensor",
        ));
    };
    // The header's own check has multiplied the axes, but from the first on, where a 0 hides what follows.
    let dim = rest
        .iter()
        .try_fold(1usize, |product, &axis| product.checked_mul(axis))
        .unwrap_or(0);
    if len == 0 || dim == 0 {
        return Err(input.error(
            part(),
            format!("the shape is {:?}: no axis may be zero", tensor.shape),
            "name another tensor",
        ));
    }
    layout.offset = 8 + header + tensor.data_offsets.0 as u64;
    layout.stride = (dim * element.size()) as u64;
    // The tensors fill the file, so that a truncation shows even where it does not touch this one.
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
    let axes = row_axes(rest.iter().copied());
    Ok(Table::plain(layout, axes, len, element))
}

/// The tensor asked for, or the only one.
fn choose<'m>(
    input: &Input,
    metadata: &'m Metadata,
    member: Option<&str>,
) -> Result<(String, &'m TensorInfo)> {
    let mut tensors: Vec<(String, &TensorInfo)> = metadata.tensors().into_iter().collect();
    tensors.sort_by(|a, b| natord::compare(&a.0, &b.0));
    let list = tensors
        .iter()
        .map(|(name, info)| format!("{name} {:?}", info.shape))
        .collect::<Vec<_>>()
        .join(", ");
    let fault = |place, what: String| Err(input.error(place, what, "write FILE:TENSOR"));
    match (member, tensors.as_slice()) {
        (_, []) => fault(Place::Whole, "the file holds no tensors".into()),
        (Some(member), _) => match tensors.iter().position(|(name, _)| name == member) {
            Some(place) => Ok(tensors.swap_remove(place)),
            None => fault(
                Place::Part(member.into()),
                format!("there is no such tensor; there are: {list}"),
            ),
        },
        (None, [_]) => Ok(tensors.swap_remove(0)),
        (None, _) => fault(
            Place::Whole,
            format!("the file holds several tensors: {list}"),
        ),
    }
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
        _ => return None,
    })
}
