//! Stored bytes to numbers, a tight loop per element type.
//!
//! Bytes are in the machine's own byte order (readers swap foreign ones first, with [`swap`]). The loops have no
//! branch inside, so the compiler vectorises them: they sit in front of every matrix product.

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
    /// Numbers as f32, rounded to nearest.
    to_f32, f32, convert_to_f32_slice
}

decoder! {
    /// Numbers as f64, exact but for 64-bit integers beyond 2^53.
    to_f64, f64, convert_to_f64_slice
}
