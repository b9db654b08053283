//! Vectors in eight bits, with bounds on the quantisation error.
//!
//! `x = s q + e`: q integers of at most [`levels`] in magnitude, s one scale for each vector, `|e|` computed in f64 and
//! rounded up. The bounds hold for any q, because e is measured afterwards.

use crate::scan::rounding::{U64, gamma};

/// Integers lie in `-levels ..= levels`: 127, or fewer if sums of d products would overflow i32.
///
/// Some kernels use `q + 128` instead of q, so a product is at most `255 levels`; 0 if d is too large for any.
pub fn levels(d: usize) -> i32 {
    (i32::MAX as usize / 255 / d.max(1)).min(127) as i32
}

/// The same for directions in 16 bits with rows of [`levels`]: finer, for kernels that take them.
pub fn wide_levels(d: usize) -> i32 {
    let rows = levels(d).max(1) as usize;
    (i32::MAX as usize / rows / d.max(1)).min(i16::MAX as usize) as i32
}

/// The same for directions whose numbers are [`split`] in two of `levels` each: 32,384 for 127.
pub fn split_levels(levels: i32) -> i32 {
    2 * levels * levels + levels - 1
}

/// What the high part of a split number counts for.
pub fn base(levels: i32) -> i32 {
    2 * levels
}

/// Two integers h and l of at most `levels` in magnitude with `base h + l` equal to a number of at most [`split_levels`].
pub fn split(number: i16, levels: i32) -> (i8, i8) {
    let (number, base) = (i32::from(number), base(levels));
    let high = (number + levels).div_euclid(base);
    (high as i8, (number - base * high) as i8)
}

/// The integer type of a quantised vector.
pub trait Level: Copy {
    /// The integer that equals a whole number in range.
    fn of(value: f32) -> Self;
}

impl Level for i8 {
    #[inline(always)]
    fn of(value: f32) -> Self {
        value as i8
    }
}

impl Level for i16 {
    #[inline(always)]
    fn of(value: f32) -> Self {
        value as i16
    }
}

/// With fewer levels than this too few rows are excluded; this takes 557,000 columns.
pub const FEWEST_LEVELS: i32 = 15;

/// Scales are at least this, and entries at most its inverse, so that their quotients stay in the range of f32.
pub const SMALLEST: f32 = 1.0 / (1u64 << 60) as f32;

/// The scale and the lengths of a quantised vector x. Lengths are rounded up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantised {
    /// s.
    pub scale: f32,
    /// |q|.
    pub integers: f64,
    /// |x - s q|.
    pub lost: f64,
    /// |x|.
    pub length: f64,
}

/// The number of f64 running sums, which the compiler keeps in vector registers; an entry's index fixes its sum.
const SUMS: usize = 8;

/// How many entries are quantised together. Loops that only convert, and loops that only add, become vector instructions; one
/// that does both takes ten times as long.
const CHUNK: usize = 128;

/// Adds the squares of some numbers.
#[inline(always)]
fn add_squares(values: &[f64; CHUNK], sums: &mut [f64; SUMS]) {
    for values in values.as_chunks::<SUMS>().0 {
        for place in 0..SUMS {
            sums[place] += values[place] * values[place];
        }
    }
}

/// The largest absolute value of a vector, or NaN if an entry is not a number.
#[inline(always)]
fn largest(x: &[f32]) -> f32 {
    // Without their sign the bits of numbers have the order of the numbers, and those of NaN come last.
    let bits = |v: &f32| v.to_bits() & (u32::MAX >> 1);
    let (whole, rest) = x.as_chunks::<16>();
    let mut most = [0u32; 16];
    for x in whole {
        for (most, v) in most.iter_mut().zip(x) {
            *most = bits(v).max(*most);
        }
    }
    let most = most.into_iter().chain(rest.iter().map(bits)).max();
    f32::from_bits(most.unwrap_or(0))
}

/// Quantise a vector into `out`, of the same length. `None` if an entry is not finite or too large.
#[inline(always)]
pub fn quantise<T: Level>(x: &[f32], levels: i32, out: &mut [T]) -> Option<Quantised> {
    let most = levels as f32;
    let largest = largest(x);
    // False also for NaN and infinity.
    let in_range = largest <= 1.0 / SMALLEST;
    if !in_range {
        return None;
    }
    let scale = (largest / most).max(SMALLEST);
    let inverse = 1.0 / scale;
    let (mut integers, mut lost, mut length) = ([0f64; SUMS], [0f64; SUMS], [0f64; SUMS]);
    let (mut rounded, mut rests, mut values) = ([0f64; CHUNK], [0f64; CHUNK], [0f64; CHUNK]);
    for (x, out) in x.chunks(CHUNK).zip(out.chunks_mut(CHUNK)) {
        let n = x.len();
        for buffer in [&mut rounded, &mut rests, &mut values] {
            buffer[n..].fill(0.0);
        }
        let (out, q, rest, v) = (
            &mut out[..n],
            &mut rounded[..n],
            &mut rests[..n],
            &mut values[..n],
        );
        for j in 0..n {
            let nearest = (x[j] * inverse).round_ties_even().clamp(-most, most);
            out[j] = T::of(nearest);
            v[j] = f64::from(x[j]);
            q[j] = f64::from(nearest);
            rest[j] = v[j] - f64::from(scale) * q[j];
        }
        // Exact: squares of at most 2^30, of fewer than 2^23 columns.
        add_squares(&rounded, &mut integers);
        add_squares(&rests, &mut lost);
        add_squares(&values, &mut length);
    }
    // Squares of f32 and their differences are far inside the range of f64: no term is lost to underflow.
    let up = up(x.len());
    Some(Quantised {
        scale,
        integers: integers.iter().sum::<f64>().sqrt() * up,
        lost: lost.iter().sum::<f64>().sqrt() * up,
        length: length.iter().sum::<f64>().sqrt() * up,
    })
}

/// The factor by which a computed length of n numbers is rounded up.
#[inline(always)]
fn up(n: usize) -> f64 {
    1.0 + gamma(n + 8, U64)
}

/// The length of the integers of a quantised vector, to the last bit as [`quantise`] states it: their squares are summed exactly.
#[inline(always)]
pub fn length(integers: &[i8]) -> f64 {
    let mut sum = 0;
    for part in integers.chunks(CHUNK) {
        // At most 2^7 squares of at most 2^14.
        let mut squares = 0;
        for &q in part {
            squares += i32::from(q) * i32::from(q);
        }
        sum += i64::from(squares);
    }
    (sum as f64).sqrt() * up(integers.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn split_numbers_are_their_parts_together() {
        for levels in [1, 15, 126, 127] {
            let most = split_levels(levels) as i16;
            for number in -most..=most {
                let (high, low) = split(number, levels);
                let largest = i32::from(high).abs().max(i32::from(low).abs());
                assert!(largest <= levels, "{number}: {high}, {low}");
                let sum = base(levels) * i32::from(high) + i32::from(low);
                assert_eq!(sum, i32::from(number));
            }
        }
        assert_eq!(split_levels(127), 32_384);
    }

    #[test]
    fn sums_of_products_never_leave_i32() {
        for d in [
            1,
            2,
            784,
            66_000,
            66_311,
            66_312,
            100_000,
            1 << 20,
            8_421_504,
            1 << 40,
        ] {
            let levels = levels(d) as u64;
            assert!(
                levels <= 127 && 255 * levels * d as u64 <= i32::MAX as u64,
                "{d}"
            );
        }
        for d in [1, 784, 66_312, 8_421_504] {
            let (rows, wide) = (levels(d) as u64, wide_levels(d) as u64);
            assert!(
                wide >= rows && rows * wide * d as u64 <= i32::MAX as u64,
                "{d}"
            );
        }
        assert_eq!(wide_levels(784), 21_568);
        assert_eq!(
            [784, 66_311, 66_312, 1 << 40].map(levels),
            [127, 127, 126, 0]
        );
    }

    proptest! {
        #[test]
        fn in_16_bits_less_is_lost(x in prop::collection::vec(-2f32..2.0, 1..70)) {
            let mut q = vec![0i16; x.len()];
            let levels = wide_levels(x.len());
            let found = quantise(&x, levels, &mut q).unwrap();
            let each = x.iter().zip(&q);
            let lost = each.map(|(x, q)| (f64::from(*x) - f64::from(found.scale) * f64::from(*q)).powi(2)).sum::<f64>().sqrt();
            prop_assert!(q.iter().all(|q| i32::from(*q).abs() <= levels));
            prop_assert!(found.lost >= lost && found.lost <= lost * (1.0 + 1e-12));
            prop_assert!(found.lost <= 0.501 * f64::from(found.scale) * (x.len() as f64).sqrt());
        }

        #[test]
        fn what_was_lost_is_known(
            x in prop::collection::vec(prop_oneof![-2f32..2.0, Just(0.0), -1e-20f32..1e-20, -1e12f32..1e12], 1..70),
            levels in 1i32..=127,
        ) {
            let mut q = vec![0i8; x.len()];
            let found = quantise(&x, levels, &mut q).unwrap();
            let length = |v: &mut dyn Iterator<Item = f64>| v.map(|v| v * v).sum::<f64>().sqrt();
            let lost = length(&mut x.iter().zip(&q).map(|(x, q)| f64::from(*x) - f64::from(found.scale) * f64::from(*q)));
            prop_assert!(q.iter().all(|q| i32::from(q.abs()) <= levels));
            prop_assert!(found.lost >= lost && found.lost <= lost * (1.0 + 1e-12));
            prop_assert_eq!(found.integers, super::length(&q));
            prop_assert!(found.integers >= length(&mut q.iter().map(|q| f64::from(*q))));
            prop_assert!(found.length >= length(&mut x.iter().map(|x| f64::from(*x))));
            // At most half a quantisation step for each entry, up to the rounding of the quotient.
            let most = 0.501 * f64::from(found.scale) * (x.len() as f64).sqrt();
            prop_assert!(found.lost <= most, "{} of {most}", found.lost);
        }
    }

    #[test]
    fn what_is_no_number_of_reasonable_size_is_refused() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30] {
            assert_eq!(quantise(&[1.0, bad, 0.0], 127, &mut [0i8; 3]), None);
        }
        let zero = quantise(&[0.0, -0.0], 127, &mut [0i8; 2]).unwrap();
        assert_eq!(
            (zero.scale, zero.integers, zero.lost, zero.length),
            (SMALLEST, 0.0, 0.0, 0.0)
        );
    }
}
