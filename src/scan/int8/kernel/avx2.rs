//! AVX2: numbers widened to 16 bits, whose products `vpmaddwd` adds in pairs to 32 bits without loss.
//!
//! (`vpmaddubsw` would take the bytes as they are, but its sums of two products saturate at 16 bits.)

use super::{FEW, GROUP, Lanes, Panel};
use std::arch::x86_64::*;

/// How many rows' sums are in registers at a time, with 16 lanes each.
const TOGETHER: usize = 6;

/// The products of a panel: equal to `plain::product`; `wide` is a buffer.
pub fn product(panel: Panel<'_>, lanes: &Lanes, wide: &mut Vec<i16>, out: &mut [i32]) {
    assert!(is_x86_feature_detected!("avx2"));
    wide.clear();
    wide.extend(panel.rows.iter().map(|&q| i16::from(q)));
    let (count, stride) = (panel.count(), panel.stride);
    let pairs = lanes.columns.div_ceil(2);
    assert!(lanes.pairs.len() == lanes.count * stride && out.len() == count * lanes.count);
    for (group, laid) in lanes.pairs.chunks_exact(GROUP * stride).enumerate() {
        let laid = &laid[..pairs * 2 * GROUP];
        let mut row = 0;
        while row < count {
            let rows = &wide[row * stride..];
            let out = &mut out[row * lanes.count + group * GROUP..];
            // SAFETY: AVX2 was found above. `laid` holds `pairs` pairs of 16 lanes; `rows` starts with as many rows of
            // `stride >= 2 pairs` numbers, and `out` with as many rows of `lanes.count` places (of the last one at least
            // the GROUP that are written), as the branch says.
            unsafe {
                match count - row {
                    TOGETHER.. => block::<TOGETHER>(rows, stride, laid, out, lanes.count),
                    4 | 5 => block::<4>(rows, stride, laid, out, lanes.count),
                    2 | 3 => block::<2>(rows, stride, laid, out, lanes.count),
                    _ => block::<1>(rows, stride, laid, out, lanes.count),
                }
            }
            row += match count - row {
                TOGETHER.. => TOGETHER,
                4 | 5 => 4,
                2 | 3 => 2,
                _ => 1,
            };
        }
    }
}

/// The products with a few directions in 16 bits ([`Lanes::wide`]): `out` is directions x rows.
pub fn few(panel: Panel<'_>, lanes: &Lanes, out: &mut [i32]) {
    assert!(is_x86_feature_detected!("avx2"));
    let stride = panel.stride;
    assert!(stride.is_multiple_of(STEP) && panel.rows.len().is_multiple_of(stride));
    let used = lanes.used;
    assert!((1..=FEW).contains(&used) && lanes.few.len() == used * stride);
    assert!(out.len() == panel.count() * used);
    // SAFETY: AVX2 was found above, and the assertions are the conditions of `dots`.
    unsafe {
        match used {
            1 => dots::<1, 4>(panel, lanes, out),
            2 => dots::<2, 2>(panel, lanes, out),
            3 => dots::<3, 1>(panel, lanes, out),
            _ => dots::<FEW, 1>(panel, lanes, out),
        }
    }
}

/// The distance in bytes at which rows are requested from memory in advance. The processor itself looks ahead only to the end of a
/// page of 4096 bytes. Of 512 to 4096, this was the fastest for a set of 47 MB (AMD EPYC). The rows are used once, and are requested
/// so ("NTA"): what else the caches hold stays there, which saved 0.1 to 0.5 of 5 ms for a query that comes alone.
const AHEAD: usize = 2048;

/// The products of a panel with D directions, each in S running sums: independent sums keep the processor busy.
///
/// # Safety
///
/// AVX2; D directions of `stride` numbers each, `stride` a multiple of STEP; `out` holds D x rows places.
#[target_feature(enable = "avx2")]
unsafe fn dots<const D: usize, const S: usize>(panel: Panel<'_>, lanes: &Lanes, out: &mut [i32]) {
    let stride = panel.stride;
    debug_assert!(lanes.few.len() == D * stride && LINE.is_multiple_of(S * STEP));
    let (count, whole) = (panel.count(), stride / LINE * LINE);
    for (r, row) in panel.rows.chunks_exact(stride).enumerate() {
        let mut sums = [[_mm256_setzero_si256(); S]; D];
        for column in (0..whole).step_by(LINE) {
            // A prefetch of an address outside the set does nothing.
            _mm_prefetch::<_MM_HINT_NTA>(row.as_ptr().wrapping_add(column + AHEAD));
            for part in 0..LINE / STEP {
                // SAFETY: the STEP numbers lie inside the row, and so inside each of D directions.
                unsafe { add(row, lanes, column + part * STEP, part % S, &mut sums) };
            }
        }
        if whole < stride {
            _mm_prefetch::<_MM_HINT_NTA>(row.as_ptr().wrapping_add(whole + AHEAD));
        }
        for column in (whole..stride).step_by(STEP) {
            // SAFETY: as above.
            unsafe { add(row, lanes, column, 0, &mut sums) };
        }
        for (lane, sums) in sums.into_iter().enumerate() {
            let all = sums.into_iter().reduce(|a, b| _mm256_add_epi32(a, b));
            out[lane * count + r] = all.map_or(0, |all| total(all));
        }
    }
}

/// The numbers that are multiplied by one instruction.
const STEP: usize = 16;

/// The bytes that the processor reads from memory at once.
const LINE: usize = 64;

/// Adds the products of STEP numbers of a row with those of D directions to the sums `to`.
///
/// # Safety
///
/// AVX2; the row has STEP numbers from `at` on; D directions of as many numbers as the row.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn add<const D: usize, const S: usize>(
    row: &[i8],
    lanes: &Lanes,
    at: usize,
    to: usize,
    sums: &mut [[__m256i; S]; D],
) {
    debug_assert!(at + STEP <= row.len() && lanes.few.len() == D * row.len());
    // SAFETY: the numbers lie inside the row.
    let x = unsafe { _mm_loadu_si128(row.as_ptr().add(at).cast()) };
    let x = _mm256_cvtepi8_epi16(x);
    for (lane, sums) in sums.iter_mut().enumerate() {
        // SAFETY: as above, of direction `lane` of D.
        let v = unsafe { _mm256_loadu_si256(lanes.few.as_ptr().add(lane * row.len() + at).cast()) };
        sums[to] = _mm256_add_epi32(sums[to], _mm256_madd_epi16(x, v));
    }
}

/// The sum of eight numbers.
#[target_feature(enable = "avx2")]
fn total(sums: __m256i) -> i32 {
    let four = _mm_add_epi32(
        _mm256_castsi256_si128(sums),
        _mm256_extracti128_si256::<1>(sums),
    );
    let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
    let one = _mm_add_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two));
    _mm_cvtsi128_si32(one)
}

/// R rows with 16 lanes.
///
/// # Safety
///
/// AVX2; `rows` holds R rows, `stride` numbers apart, of at least `laid.len() / 16` numbers each; `laid` is a whole
/// number of times 32 numbers; `out` holds R rows of 16 places, `apart` places apart.
#[target_feature(enable = "avx2")]
unsafe fn block<const R: usize>(
    rows: &[i16],
    stride: usize,
    laid: &[i16],
    out: &mut [i32],
    apart: usize,
) {
    debug_assert!(rows.len() >= (R - 1) * stride + laid.len() / GROUP);
    debug_assert!(out.len() >= (R - 1) * apart + GROUP);
    let mut sums = [[_mm256_setzero_si256(); 2]; R];
    for pair in 0..laid.len() / (2 * GROUP) {
        // SAFETY: the pair's 32 numbers lie inside `laid`.
        let (low, high) = unsafe {
            let at = laid.as_ptr().add(pair * 2 * GROUP);
            (
                _mm256_loadu_si256(at.cast()),
                _mm256_loadu_si256(at.add(GROUP).cast()),
            )
        };
        for (r, sums) in sums.iter_mut().enumerate() {
            // SAFETY: two numbers of row r, which is long enough.
            let x = unsafe {
                rows.as_ptr()
                    .add(r * stride + 2 * pair)
                    .cast::<i32>()
                    .read_unaligned()
            };
            let x = _mm256_set1_epi32(x);
            sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(x, low));
            sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(x, high));
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        // SAFETY: 16 places of row r.
        unsafe {
            let at = out.as_mut_ptr().add(r * apart);
            _mm256_storeu_si256(at.cast(), sums[0]);
            _mm256_storeu_si256(at.add(GROUP / 2).cast(), sums[1]);
        }
    }
}
