//! Rows and directions in eight bits for a device, and what it needs to bound each score from above.
//!
//! Row `x = s q + e`, direction `w = t v + f`, quantised as the CPU does it ([`numbers`]): one scale a vector, and the
//! lengths of what was lost measured in f64 and rounded up. By Cauchy-Schwarz, with the bias `c b` (c >= 0, b <= 0),
//!
//! ```text
//! <x, w> + c b  =  s t <q, v> + s <q, f> + <e, w> + c b  <=  s t <q, v> + phi l + n e + c b
//!     l >= s |q|    e >= |x - s q|    phi >= |f|    n >= |w|
//! ```
//!
//! `<q, v>` is exact. The device computes the right side in f32: s, b, l, e are the [`TERMS`] of a row, t, c, phi, n those of
//! a direction. Each of its four parts goes through at most eight roundings, so what is computed lacks at most
//! `G (l t |v| + phi l + n e + |c b|)` with `G = gamma(8, u)`, besides what underflow hides. That is put in beforehand,
//! twice over: phi is raised by `2 G t |v|`, phi and n by a share `2 G`, and the size of b is lowered by a share `2 G`,
//! which also covers that b was rounded. The row as stored differs from the exact one by `u |x|`: it is a part of e.
//! What underflow hides is left to the slack of a direction ([`hidden`]).

use super::tile::TERMS;
use super::twin::place;
use crate::scan::int8::numbers::{self, Quantised};
use crate::scan::rounding::{DeviceError, U32, gamma};
use rayon::prelude::*;

/// Twice the share of each part that its roundings on a device can lose; a unit there is two of ours.
fn rounding() -> f64 {
    2.0 * gamma(8, 2.0 * U32)
}

/// Directions whose c is larger get this one: as b is not positive, the bound stays one, and no product overflows.
const LARGEST_BIAS: f64 = (1u64 << 20) as f64;

/// Vectors that one task quantises.
const TOGETHER: usize = 256;

/// Whether vectors of d columns can be told apart well enough by integers whose products fit 32 bits.
pub fn fits(d: usize) -> bool {
    numbers::levels(d) >= numbers::FEWEST_LEVELS
}

/// What the bound of any row can lack through underflow, for a direction of this length as the device has it.
pub fn hidden(d: usize, norm: f64) -> f64 {
    DeviceError::f32(d).constant * (1.0 + norm)
}

/// Rounded up to f32.
fn up(value: f64) -> f32 {
    let near = value as f32;
    if f64::from(near) < value {
        near.next_up()
    } else {
        near
    }
}

/// A vector in words of four columns. Entries beyond all reason, which no frame makes, are all lost.
fn words(x: &[f32], out: &mut [u32]) -> Quantised {
    let mut bytes = vec![0i8; 4 * out.len()];
    let length = |x: &[f32]| x.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
    let found = numbers::quantise(x, numbers::levels(x.len()), &mut bytes[..x.len()]);
    let found = found.unwrap_or_else(|| {
        bytes.fill(0);
        let length = length(x) * (1.0 + U32);
        Quantised {
            scale: numbers::SMALLEST,
            integers: 0.0,
            lost: length,
            length,
        }
    });
    for (out, four) in out.iter_mut().zip(bytes.chunks_exact(4)) {
        *out = u32::from_le_bytes([four[0] as u8, four[1] as u8, four[2] as u8, four[3] as u8]);
    }
    found
}

/// s, b, l, e of a row in the frame.
fn row_terms(row: &Quantised, bias: f32) -> [f32; TERMS] {
    let scale = f64::from(row.scale);
    let share = 1.0 - rounding();
    [
        row.scale,
        // Towards zero: a bias is not positive.
        up(f64::from(bias) * share),
        up(scale * row.integers),
        up(row.lost + 2.0 * U32 * row.length),
    ]
}

/// t, c, phi, n of a direction.
fn query_terms(direction: &Quantised, c: f32) -> [f32; TERMS] {
    let (scale, more) = (f64::from(direction.scale), 1.0 + rounding());
    let lost = direction.lost + rounding() * scale * direction.integers;
    [
        direction.scale,
        f64::from(c).min(LARGEST_BIAS) as f32,
        up(lost * more),
        up(direction.length * more),
    ]
}

/// Compiled for the instruction set found at run time.
struct QuantiseVectors<'a> {
    vectors: &'a [f32],
    d: usize,
    beside: &'a [f32],
    terms: fn(&Quantised, f32) -> [f32; TERMS],
    words: &'a mut [u32],
}

impl pulp::NullaryFnOnce for QuantiseVectors<'_> {
    type Output = Vec<[f32; TERMS]>;

    #[inline(always)]
    fn call(self) -> Self::Output {
        let each = self.vectors.chunks_exact(self.d).zip(self.beside);
        let out = self.words.chunks_exact_mut(self.d.div_ceil(4));
        each.zip(out)
            .map(|((x, &beside), out)| (self.terms)(&words(x, out), beside))
            .collect()
    }
}

/// Vectors (row-major) in words, and the terms of each.
fn quantised(
    vectors: &[f32],
    d: usize,
    beside: &[f32],
    terms: fn(&Quantised, f32) -> [f32; TERMS],
) -> (Vec<u32>, Vec<[f32; TERMS]>) {
    let each = d.div_ceil(4);
    let mut words = vec![0; beside.len() * each];
    let parts: Vec<Vec<[f32; TERMS]>> = vectors
        .par_chunks(TOGETHER * d)
        .zip(beside.par_chunks(TOGETHER))
        .zip(words.par_chunks_mut(TOGETHER * each))
        .map(|((vectors, beside), words)| {
            pulp::Arch::new().dispatch(QuantiseVectors {
                vectors,
                d,
                beside,
                terms,
                words,
            })
        })
        .collect();
    (words, parts.concat())
}

/// Rows in the frame with their biases, which are not positive.
pub fn rows(framed: &[f32], d: usize, bias: &[f32]) -> (Vec<u32>, Vec<[f32; TERMS]>) {
    quantised(framed, d, bias, row_terms)
}

/// Directions as the device has them with their c, which is not negative.
pub fn directions(vectors: &[f32], d: usize, c: &[f32]) -> (Vec<u32>, Vec<[f32; TERMS]>) {
    quantised(vectors, d, c, query_terms)
}

/// Terms of vectors in panels of `width`, zero-padded to whole panels.
pub fn in_panels(terms: &[[f32; TERMS]], width: u32) -> Vec<f32> {
    let width = width as usize;
    let mut out = vec![0.0; terms.len().next_multiple_of(width) * TERMS];
    for (v, terms) in terms.iter().enumerate() {
        for (which, &term) in terms.iter().enumerate() {
            out[place(v, which, TERMS, width)] = term;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tile::{LOWEST, PLAIN_TILE, RescoreParams, SPAN, Stored, Tile};
    use super::super::twin::{self, Words};
    use super::*;
    use proptest::prelude::*;

    /// The bound of one row for one direction, as the pass computes it.
    fn bound(x: &[f32], bias: f32, w: &[f32], c: f32) -> f32 {
        let d = x.len();
        let depth = Stored::Int8.depth(d);
        let packed = |words: Vec<u32>, width: u32| {
            let mut out = vec![0; depth * width as usize];
            for (k, word) in words.into_iter().enumerate() {
                out[place(0, k, depth, width as usize)] = word;
            }
            out
        };
        let Tile { rows, queries, .. } = PLAIN_TILE;
        let (row, row_terms) = super::rows(x, d, &[bias]);
        let (direction, query_terms) = directions(w, d, &[c]);
        let (row, direction) = (packed(row, rows), packed(direction, queries));
        let (row_terms, query_terms) = (
            in_panels(&row_terms, rows),
            in_panels(&query_terms, queries),
        );
        let params = RescoreParams {
            rows: 1,
            slots: 1,
            queries: 1,
            first_query: 0,
            depth: depth as u32,
        };
        let mut scores = [0.0; SPAN as usize];
        let of = |words, terms, width| Words {
            words,
            terms,
            width,
        };
        twin::rescore_int8(
            &params,
            of(&row, &row_terms, rows),
            of(&direction, &query_terms, queries),
            &[0],
            &mut scores,
        );
        assert_eq!(scores[1], LOWEST);
        scores[0]
    }

    fn exact(x: &[f32], bias: f32, w: &[f32], c: f32) -> f64 {
        let each = x.iter().zip(w);
        let product: f64 = each.map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
        product + f64::from(c) * f64::from(bias)
    }

    fn entries(count: usize, most: f32) -> impl Strategy<Value = Vec<f32>> {
        let entry = prop_oneof![
            -1f32..1.0,
            -1e-3f32..1e-3,
            Just(0.0),
            Just(0.9999),
            -1e-20f32..1e-20
        ];
        prop::collection::vec(entry.prop_map(move |v| v * most), count)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn no_row_scores_more_than_its_bound(
            (x, w) in (1usize..70).prop_flat_map(|d| (entries(d, 2.0), entries(d, 255.0))),
            c in prop_oneof![Just(0f32), Just(1.0), Just(1e4), Just(1e25)],
            bias in prop_oneof![-8f32..=0.0, Just(-1e30)],
        ) {
            let d = x.len();
            let norm = exact(&w, 0.0, &w, 0.0).sqrt();
            let (score, bound) = (exact(&x, bias, &w, c), f64::from(bound(&x, bias, &w, c)));
            prop_assert!(bound + hidden(d, norm) >= score, "{bound} below {score}");
            prop_assert!(bound.is_finite());
            // Half a level of each entry on either side is lost, and little more.
            if c <= 1e4 && bias > -10.0 {
                let size = exact(&x, 0.0, &x, 0.0).sqrt();
                let level = |v: &[f32]| {
                    let most = v.iter().fold(0f32, |most, v| most.max(v.abs()));
                    f64::from((most / 127.0).max(numbers::SMALLEST))
                };
                let lost = 0.51 * (d as f64).sqrt() * (level(&x) * norm + level(&w) * (size + level(&x)));
                let rounding = 1e-5 * (size * norm + f64::from(c * bias).abs());
                prop_assert!(bound - score <= 2.0 * lost + rounding + 1e-18, "{bound} far above {score}");
            }
        }
    }

    /// Whole numbers that eight bits hold: nothing is lost, and the bound is the score but for the room for rounding.
    #[test]
    fn what_eight_bits_hold_is_bounded_sharply() {
        let x: Vec<f32> = (0..50).map(|i| (i * 37 % 255 - 127) as f32).collect();
        let mut w = vec![1f32; 50];
        w[3] = 127.0;
        let (score, bound) = (
            exact(&x, -3.0, &w, 1.0),
            f64::from(bound(&x, -3.0, &w, 1.0)),
        );
        let size = 512.0 * exact(&w, 0.0, &w, 0.0).sqrt();
        assert!(
            bound >= score && bound - score <= 1e-5 * size,
            "{bound} {score}"
        );
    }

    /// Numbers of which eight bits make nothing are bounded by lengths.
    #[test]
    fn what_cannot_be_quantised_is_bounded_by_its_length() {
        let x = [3e30f32, 0.0, 4e30];
        let bound = f64::from(bound(&x, 0.0, &[0.6, 0.0, 0.8], 0.0));
        assert!((5e30..5.1e30).contains(&bound), "{bound}");
    }

    #[test]
    fn every_number_of_columns_that_is_taken_has_exact_sums() {
        assert!(fits(1) && fits(66_311) && fits(500_000) && !fits(600_000));
    }
}
