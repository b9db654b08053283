//! NEON with the dot product: `sdot` adds four products of signed bytes to 32 bits, for four lanes at once.

use super::{GROUP, Lanes, Panel, QUAD};
use std::arch::aarch64::*;
use std::arch::asm;

/// How many rows' sums are in registers at a time, with 16 lanes each: 16 of 32 registers.
const TOGETHER: usize = 4;

/// The products of a panel: equal to `plain::product`.
pub fn product(panel: Panel<'_>, lanes: &Lanes, out: &mut [i32]) {
    assert!(std::arch::is_aarch64_feature_detected!("dotprod"));
    let count = lanes.count;
    for group in 0..count / GROUP {
        let rows = panel.rows.chunks_exact(TOGETHER * panel.stride);
        for (rows, out) in rows.zip(out.chunks_exact_mut(TOGETHER * count)) {
            // SAFETY: the dot product was found above; these are TOGETHER whole rows, and panels hold a multiple of them.
            unsafe { block(rows, lanes, group, out) };
        }
    }
}

/// TOGETHER rows with one group of lanes.
///
/// # Safety
///
/// NEON with the dot product.
#[target_feature(enable = "neon,dotprod")]
unsafe fn block(rows: &[i8], lanes: &Lanes, group: usize, out: &mut [i32]) {
    let (stride, count) = (lanes.stride, lanes.count);
    assert!(rows.len() == TOGETHER * stride && out.len() == TOGETHER * count);
    assert!((group + 1) * GROUP <= count && lanes.bytes.len() == count * stride);
    let mut sums = [[vdupq_n_s32(0); 4]; TOGETHER];
    for quad in 0..lanes.quads() {
        // SAFETY: the quad's 64 bytes lie inside the group, which is GROUP * stride bytes long.
        let v: [int8x16_t; 4] = std::array::from_fn(|part| unsafe {
            let at = group * GROUP * stride + quad * GROUP * QUAD + part * 16;
            vld1q_s8(lanes.bytes.as_ptr().add(at))
        });
        for (r, sums) in sums.iter_mut().enumerate() {
            // SAFETY: four bytes of row r, inside its `stride`.
            let x = unsafe {
                rows.as_ptr()
                    .add(r * stride + quad * QUAD)
                    .cast::<i32>()
                    .read_unaligned()
            };
            let x = vreinterpretq_s8_s32(vdupq_n_s32(x));
            for (sum, v) in sums.iter_mut().zip(v) {
                // SAFETY: the processor has the dot product; registers only.
                unsafe {
                    asm!(
                        "sdot {sum:v}.4s, {x:v}.16b, {v:v}.16b",
                        sum = inout(vreg) *sum, x = in(vreg) x, v = in(vreg) v,
                        options(pure, nomem, nostack, preserves_flags),
                    );
                }
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        for (part, sum) in sums.iter().enumerate() {
            // SAFETY: four places of row r, which are there as asserted.
            unsafe {
                vst1q_s32(
                    out.as_mut_ptr().add(r * count + group * GROUP + part * 4),
                    *sum,
                )
            };
        }
    }
}
