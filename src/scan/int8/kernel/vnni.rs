//! AVX-512 VNNI: `vpdpbusd` adds four products of an unsigned and a signed byte to 32 bits without saturation.
//!
//! Rows are stored as `q + 128`, so each sum is too large by 128 times the sum of its lane.

use super::{GROUP, Lanes, Panel, QUAD, unsigned};
use std::arch::x86_64::*;

/// How many rows' sums, with groups of 16 lanes, are in registers at a time: 24 of 32 registers.
const TOGETHER: usize = 12;

/// The products of a panel: equal to `plain::product`; `bytes` is a buffer.
pub fn product(panel: Panel<'_>, lanes: &Lanes, bytes: &mut Vec<u8>, out: &mut [i32]) {
    assert!(is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512bw"));
    unsigned(panel.rows, bytes);
    let groups = lanes.count / GROUP;
    let mut group = 0;
    while group < groups {
        let wide = if groups - group >= 2 { 2 } else { 1 };
        let mut row = 0;
        while row < panel.count() {
            let work = Block {
                rows: &bytes[row * panel.stride..],
                lanes,
                group,
                out: &mut out[row * lanes.count..],
            };
            let left = panel.count() - row;
            // SAFETY: AVX-512 VNNI was found above, and as many rows are left as the branch says.
            row += unsafe {
                match (left, wide) {
                    (TOGETHER.., 2) => work.run::<TOGETHER, 2>(),
                    (4.., 2) => work.run::<4, 2>(),
                    (_, 2) => work.run::<1, 2>(),
                    (TOGETHER.., _) => work.run::<TOGETHER, 1>(),
                    (4.., _) => work.run::<4, 1>(),
                    (_, _) => work.run::<1, 1>(),
                }
            };
        }
        group += wide;
    }
}

/// One block of sums: rows from the first of `rows` on, groups of lanes from `group` on.
struct Block<'a> {
    rows: &'a [u8],
    lanes: &'a Lanes,
    group: usize,
    out: &'a mut [i32],
}

impl Block<'_> {
    /// R rows with W groups of lanes; returns R.
    ///
    /// # Safety
    ///
    /// AVX-512 F, BW and VNNI; `rows` and `out` hold R whole rows.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    unsafe fn run<const R: usize, const W: usize>(self) -> usize {
        let (stride, count) = (self.lanes.stride, self.lanes.count);
        assert!(self.rows.len() >= R * stride && self.out.len() >= R * count);
        assert!((self.group + W) * GROUP <= count && self.lanes.quads() * QUAD <= stride);
        assert!(self.lanes.bytes.len() == count * stride && self.lanes.sums.len() == count);
        let mut sums = [[_mm512_setzero_si512(); W]; R];
        for quad in 0..self.lanes.quads() {
            // SAFETY: the quad's 64 bytes lie inside each group, which is GROUP * stride bytes long.
            let v: [__m512i; W] = std::array::from_fn(|w| unsafe {
                let at = (self.group + w) * GROUP * stride + quad * GROUP * QUAD;
                _mm512_loadu_si512(self.lanes.bytes.as_ptr().add(at).cast())
            });
            for (r, sums) in sums.iter_mut().enumerate() {
                // SAFETY: four bytes of row r, inside its `stride`.
                let x = unsafe {
                    self.rows
                        .as_ptr()
                        .add(r * stride + quad * QUAD)
                        .cast::<i32>()
                        .read_unaligned()
                };
                let x = _mm512_set1_epi32(x);
                for w in 0..W {
                    sums[w] = _mm512_dpbusd_epi32(sums[w], x, v[w]);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for w in 0..W {
                let lane = (self.group + w) * GROUP;
                // SAFETY: 16 sums of lanes, and 16 places of row r, which are there as asserted.
                unsafe {
                    let over = _mm512_loadu_si512(self.lanes.sums.as_ptr().add(lane).cast());
                    let over = _mm512_slli_epi32::<7>(over);
                    let sum = _mm512_sub_epi32(sums[w], over);
                    _mm512_storeu_si512(self.out.as_mut_ptr().add(r * count + lane).cast(), sum);
                }
            }
        }
        R
    }
}
