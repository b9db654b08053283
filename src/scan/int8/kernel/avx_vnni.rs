//! AVX-VNNI: the instruction of [`super::vnni`] on 256 bits, for processors without AVX-512.

use super::{GROUP, Lanes, Panel, QUAD, unsigned};
use std::arch::x86_64::*;

/// How many rows' sums are in registers at a time, with 16 lanes each: 12 of 16 registers.
const TOGETHER: usize = 6;

/// The products of a panel: equal to `plain::product`; `bytes` is a buffer.
pub fn product(panel: Panel<'_>, lanes: &Lanes, bytes: &mut Vec<u8>, out: &mut [i32]) {
    assert!(is_x86_feature_detected!("avxvnni") && is_x86_feature_detected!("avx2"));
    unsigned(panel.rows, bytes);
    for group in 0..lanes.count / GROUP {
        let mut row = 0;
        while row < panel.count() {
            let rows = &bytes[row * panel.stride..];
            let out = &mut out[row * lanes.count..];
            // SAFETY: AVX-VNNI was found above, and as many rows are left as the branch says.
            row += unsafe {
                match panel.count() - row {
                    TOGETHER.. => block::<TOGETHER>(rows, lanes, group, out),
                    4 | 5 => block::<4>(rows, lanes, group, out),
                    _ => block::<1>(rows, lanes, group, out),
                }
            };
        }
    }
}

/// R rows with one group of lanes; returns R.
///
/// # Safety
///
/// AVX2 and AVX-VNNI; `rows` and `out` hold R whole rows.
#[target_feature(enable = "avx2,avxvnni")]
unsafe fn block<const R: usize>(
    rows: &[u8],
    lanes: &Lanes,
    group: usize,
    out: &mut [i32],
) -> usize {
    let (stride, count, lane) = (lanes.stride, lanes.count, group * GROUP);
    assert!(rows.len() >= R * stride && out.len() >= R * count && lane + GROUP <= count);
    assert!(lanes.bytes.len() == count * stride && lanes.sums.len() == count);
    assert!(lanes.quads() * QUAD <= stride);
    let mut sums = [[_mm256_setzero_si256(); 2]; R];
    for quad in 0..lanes.quads() {
        // SAFETY: the quad's 64 bytes lie inside the group, which is GROUP * stride bytes long.
        let v: [__m256i; 2] = std::array::from_fn(|half| unsafe {
            let at = lane * stride + quad * GROUP * QUAD + half * 32;
            _mm256_loadu_si256(lanes.bytes.as_ptr().add(at).cast())
        });
        for (r, sums) in sums.iter_mut().enumerate() {
            // SAFETY: four bytes of row r, inside its `stride`.
            let x = unsafe {
                rows.as_ptr()
                    .add(r * stride + quad * QUAD)
                    .cast::<i32>()
                    .read_unaligned()
            };
            let x = _mm256_set1_epi32(x);
            for half in 0..2 {
                sums[half] = _mm256_dpbusd_avx_epi32(sums[half], x, v[half]);
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        for half in 0..2 {
            let lane = lane + half * GROUP / 2;
            // SAFETY: 8 sums of lanes, and 8 places of row r, which are there as asserted.
            unsafe {
                let over = _mm256_loadu_si256(lanes.sums.as_ptr().add(lane).cast());
                let sum = _mm256_sub_epi32(sums[half], _mm256_slli_epi32::<7>(over));
                _mm256_storeu_si256(out.as_mut_ptr().add(r * count + lane).cast(), sum);
            }
        }
    }
    R
}
