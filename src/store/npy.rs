//! The `.npy` format, version 1, as this program writes it.

use crate::error::Result;
use crate::rows::{Element, Numbers, Rows};
use std::ops::Range;

/// What every file begins with; the length of the header follows, in two bytes.
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

/// The most numbers that are read at a time.
const PART: usize = 1 << 18;

/// The name of a number type. Rows are written in one of three.
pub(crate) fn kind(element: Element) -> &'static str {
    match element {
        Element::U8 => "|u1",
        Element::F32 => "<f4",
        _ => "<f8",
    }
}

/// All bytes before the numbers, padded to a multiple of 64.
pub(crate) fn header(kind: &str, shape: &[usize]) -> Vec<u8> {
    let axes: Vec<String> = shape.iter().map(usize::to_string).collect();
    // A tuple with one element is written with a comma.
    let shape = axes.join(", ") + if axes.len() == 1 { "," } else { "" };
    let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
    let before = MAGIC.len() + 2;
    let width = (before + text.len() + 1).next_multiple_of(64) - before - 1;
    let mut header = MAGIC.to_vec();
    header.extend((width as u16 + 1).to_le_bytes());
    header.extend(format!("{text:<width$}\n").as_bytes());
    header
}

/// The numbers of a file in one of the types of [`Numbers`], whatever its shape.
pub(crate) fn numbers(file: &[u8]) -> Option<Numbers> {
    let (length, rest) = file.strip_prefix(MAGIC)?.split_first_chunk::<2>()?;
    let (text, numbers) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
    let kind = text.strip_prefix(b"{'descr': '")?.get(..3)?;
    Numbers::of_bytes(std::str::from_utf8(kind).ok()?, numbers)
}

/// A range of rows in consecutive parts of it, each not too large to read at once.
pub(crate) fn parts(range: Range<usize>, dim: usize) -> impl Iterator<Item = Range<usize>> {
    let step = (PART / dim.max(1)).max(1);
    let end = range.end;
    range
        .step_by(step)
        .map(move |first| first..end.min(first + step))
}

/// A range of rows as the bytes of a number type, which must hold them exactly; part by part.
pub(crate) fn bytes(
    rows: &dyn Rows,
    range: Range<usize>,
    element: Element,
) -> impl Iterator<Item = Result<Vec<u8>>> {
    parts(range, rows.dim()).map(move |part| {
        let count = part.len() * rows.dim();
        if element == Element::F64 {
            let mut values = vec![0.0; count];
            rows.read_f64(part.start, &mut values)?;
            return Ok(values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect());
        }
        let mut values = vec![0f32; count];
        rows.read_f32(part.start, &mut values)?;
        Ok(match element {
            Element::U8 => values.iter().map(|&value| value as u8).collect(),
            _ => values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
        })
    })
}
