//! Converts stored bytes to numbers, with one tight loop per element type.
//!
//! Bytes are in the machine's own byte order (readers swap foreign ones first, with [`swap`]). The loops have no
//! branches, so that the compiler vectorises them: each matrix product starts with such a conversion.

use super::Element;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

/// Half-precision numbers converted at a time, through a buffer on the stack.
const HALVES: usize = 512;

/// Reverse the bytes of every number.
pub fn swap(element: Element, bytes: &mut [u8]) {
    match element.size() {
        2 => bytes
            .as_chunks_mut::<2>()
            .0
            .iter_mut()
            .for_each(|v| v.reverse()),
        4 => bytes
            .as_chunks_mut::<4>()
            .0
            .iter_mut()
            .for_each(|v| v.reverse()),
        8 => bytes
            .as_chunks_mut::<8>()
            .0
            .iter_mut()
            .for_each(|v| v.reverse()),
        _ => {}
    }
}

macro_rules! each {
    ($bytes:expr, $out:expr, $from:ty, $size:literal, $to:ty) => {
        for (out, bytes) in $out.iter_mut().zip($bytes.as_chunks::<$size>().0) {
            *out = <$from>::from_ne_bytes(*bytes) as $to;
        }
    };
}

/// Decodes a number of the type that PyTorch calls float8_e4m3fn: 4 bits of exponent, 3 of mantissa, no infinity.
/// Micikevicius et al., "FP8 formats for deep learning", arXiv 2209.05433.
fn e4m3(byte: u8) -> f32 {
    let (exponent, mantissa) = (i32::from(byte >> 3 & 15), f32::from(byte & 7));
    let size = match (exponent, byte & 7) {
        (15, 7) => f32::NAN,
        (0, _) => mantissa * 2f32.powi(-9),
        _ => (8.0 + mantissa) * 2f32.powi(exponent - 10),
    };
    if byte < 128 { size } else { -size }
}

macro_rules! decoder {
    ($(#[$doc:meta])* $name:ident, $to:ty, $convert:ident) => {
        $(#[$doc])*
        pub fn $name(element: Element, bytes: &[u8], out: &mut [$to]) {
            assert_eq!(bytes.len(), out.len() * element.size(), "bytes and numbers must match");
            match element {
                Element::F32 => each!(bytes, out, f32, 4, $to),
                Element::F64 => each!(bytes, out, f64, 8, $to),
                Element::I8 => each!(bytes, out, i8, 1, $to),
                Element::U8 => each!(bytes, out, u8, 1, $to),
                Element::I16 => each!(bytes, out, i16, 2, $to),
                Element::U16 => each!(bytes, out, u16, 2, $to),
                Element::I32 => each!(bytes, out, i32, 4, $to),
                Element::U32 => each!(bytes, out, u32, 4, $to),
                Element::I64 => each!(bytes, out, i64, 8, $to),
                Element::U64 => each!(bytes, out, u64, 8, $to),
                Element::Bool => {
                    for (out, byte) in out.iter_mut().zip(bytes) {
                        *out = <$to>::from(u8::from(*byte != 0));
                    }
                }
                Element::F8E4M3 => {
                    for (out, &byte) in out.iter_mut().zip(bytes) {
                        *out = <$to>::from(e4m3(byte));
                    }
                }
                Element::F8E5M2 => {
                    for (out, &byte) in out.iter_mut().zip(bytes) {
                        // The byte is the upper half of an f16.
                        *out = <$to>::from(f16::from_bits(u16::from(byte) << 8));
                    }
                }
                Element::F16 => {
                    for (bytes, out) in bytes.chunks(2 * HALVES).zip(out.chunks_mut(HALVES)) {
                        let mut halves = [f16::ZERO; HALVES];
                        for (half, bytes) in halves.iter_mut().zip(bytes.as_chunks::<2>().0) {
                            *half = f16::from_ne_bytes(*bytes);
                        }
                        halves[..out.len()].$convert(out);
                    }
                }
                Element::BF16 => {
                    for (bytes, out) in bytes.chunks(2 * HALVES).zip(out.chunks_mut(HALVES)) {
                        let mut halves = [bf16::ZERO; HALVES];
                        for (half, bytes) in halves.iter_mut().zip(bytes.as_chunks::<2>().0) {
                            *half = bf16::from_ne_bytes(*bytes);
                        }
                        halves[..out.len()].$convert(out);
                    }
                }
            }
        }
    };
}

decoder! {
    /// Converts numbers to f32, rounded to nearest.
    to_f32, f32, convert_to_f32_slice
}

decoder! {
    /// Converts numbers to f64, exactly except for the 64-bit integers that [`rounded`] finds.
    to_f64, f64, convert_to_f64_slice
}

/// The first 64-bit integer that f64 does not represent exactly: its index and its value. None for any other type.
pub fn rounded(element: Element, bytes: &[u8]) -> Option<(usize, i128)> {
    let words = bytes.as_chunks::<8>().0;
    let read = |word: &[u8; 8]| match element {
        Element::I64 => i128::from(i64::from_ne_bytes(*word)),
        _ => i128::from(u64::from_ne_bytes(*word)),
    };
    // No integer below 2^53 is rounded, so the largest of a block settles most blocks.
    let suspect = match element {
        Element::I64 => words.chunks(HALVES).any(|block| {
            let sizes = block
                .iter()
                .map(|word| i64::from_ne_bytes(*word).unsigned_abs());
            sizes.fold(0, u64::max) > EXACT
        }),
        Element::U64 => words.chunks(HALVES).any(|block| {
            let sizes = block.iter().map(|word| u64::from_ne_bytes(*word));
            sizes.fold(0, u64::max) > EXACT
        }),
        _ => false,
    };
    if !suspect {
        return None;
    }
    let place = words.iter().position(|word| !holds(read(word)))?;
    Some((place, read(&words[place])))
}

/// Whether f64 represents an integer exactly.
pub fn holds(value: i128) -> bool {
    value as f64 as i128 == value
}

/// f64 represents every integer up to this one.
const EXACT: u64 = 1 << 53;

/// Whether a decimal number is an integer that f64 does not represent: true of 9007199254740993, but not of
/// 9007199254740992 or 0.1. An integer written as f64 prints it (1e23 is printed as 100000000000000000000000) counts as
/// that f64.
pub fn rounded_text(text: &str, value: f64) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let integer = !whole.is_empty()
        && whole.bytes().all(|b| b.is_ascii_digit())
        && fraction.bytes().all(|b| b == b'0');
    if !integer || value.abs() < EXACT as f64 {
        return false;
    }
    let whole = whole.trim_start_matches('0');
    let value = value.abs();
    whole != format!("{value:.0}") && whole != format!("{value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_that_f64_rounds_are_found() {
        let edge = 1i64 << 53;
        let find = |values: &[i64]| rounded(Element::I64, bytemuck::cast_slice(values));
        assert_eq!(find(&[0, -1, edge, -edge, edge + 2, i64::MIN]), None);
        assert_eq!(find(&[edge, edge + 1]), Some((1, i128::from(edge) + 1)));
        assert_eq!(find(&[-edge - 1]), Some((0, -i128::from(edge) - 1)));
        assert_eq!(find(&[i64::MAX]), Some((0, i128::from(i64::MAX))));
        let long: Vec<i64> = (0..2000)
            .map(|v| if v == 1700 { edge + 1 } else { v })
            .collect();
        assert_eq!(find(&long).unwrap().0, 1700);
        let find = |values: &[u64]| rounded(Element::U64, bytemuck::cast_slice(values));
        assert_eq!(find(&[1 << 63, 3]), None);
        assert_eq!(find(&[u64::MAX]), Some((0, i128::from(u64::MAX))));
        let floats = bytemuck::cast_slice::<i64, u8>(&[i64::MAX]);
        assert_eq!(rounded(Element::F64, floats), None);
    }

    #[test]
    fn integers_in_text_that_f64_rounds_are_found() {
        let rounded = |text: &str| rounded_text(text, text.parse().unwrap());
        for exact in [
            "0",
            "-12",
            "9007199254740992",
            "+9007199254740994.000",
            "0.1",
            "1e23",
            "1.5e300",
            "9007199254740993e2",
            "100000000000000000000000",
            "99999999999999991611392",
            "00009007199254740992",
        ] {
            assert!(!rounded(exact), "{exact}");
        }
        for lost in [
            "9007199254740993",
            "-9007199254740993",
            "10000000000000001",
            "9007199254740993.0",
            "18446744073709551615",
            "100000000000000000000001",
        ] {
            assert!(rounded(lost), "{lost}");
        }
    }
}
