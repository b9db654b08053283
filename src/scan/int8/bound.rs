//! Which rows an integer product excludes, as below a bar: the proof, and the comparison.
//!
//! Row `x = s q + e`, direction `w = t v + f`, with `|e| <= rho`, `|f| = phi` ([`super::numbers`]). By Cauchy-Schwarz
//!
//! ```text
//! <x, w> = s t <q, v> + s <q, f> + <e, w>  <=  s t <q, v> + s |q| phi + rho |w|
//! ```
//!
//! The score that the f32 scan would state is above the exact one by at most `gamma (|x| |w| + c |b|) + tiny`
//! ([`rounding::f32_score`]), where `c b <= 0` is the bias. So that score is below a bar, and the row is not among the k
//! best, wherever
//!
//! ```text
//! <q, v>  <  u alpha + g h - K
//!     u = 1 / s    alpha = (bar - tiny) / t    g = |b| (1 - gamma) / s    h = c / t
//!     K = (|w| R + phi Q) / t,    R >= (rho + gamma |x|) / s and Q >= |q| of every row of the panel
//! ```
//!
//! The left side is exact, and conversion to f32 keeps the order of an integer and an f32. The right side is computed
//! in f32 from numbers rounded to f32, in two products and two sums: each of the three terms is off by at most five
//! units of 2^-24 of its size. [`SLACK`] of its size is subtracted beforehand for this, and 2^-10 for underflow. Sizes
//! are limited so that no product overflows; a row with a size beyond the limit is not excluded.
//!
//! Where most is lost in a direction, not in the rows, its integers are split in two, `v = base h + l` with parts of eight bits, so
//! that phi is 255 times smaller: `<q, v> = base <q, h> + <q, l>` is computed in f32, in four roundings of which each loses at
//! most 2^-24 of `|q| (base |h| + |l|)`; K counts that too.
//!
//! Columns in which every row is zero may be left out of x and w: their terms of the f32 sum are exactly zero.

use super::numbers::{self, Level, Quantised, quantise};
use crate::scan::rounding::{self, U32, gamma};

/// Eight units of f32 rounding.
const SLACK: f64 = 8.0 * U32;

/// A bound on underflow: products of numbers up to 2^60 with what f32 cannot represent.
const HIDDEN: f64 = 1.0 / 1024.0;

/// The limit on the size of factors; [`super::numbers::SMALLEST`] limits u.
const LARGEST: f64 = (1u64 << 60) as f64;

/// How many lanes are compared at a time.
const GROUP: usize = 64;

/// The terms of a row in the comparison.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Row {
    /// u, the inverse of the row's scale.
    pub inverse: f32,
    /// g, the row's bias in integer units.
    pub bias: f32,
}

/// The terms of a panel of rows in the comparison.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Panel {
    /// R, the largest error of a row in integer units.
    lost: f64,
    /// Q, the largest |q|.
    integers: f64,
}

impl Panel {
    /// Adds a row of d columns, with its bias (not positive), to the panel. Returns the row's terms.
    pub fn admit(&mut self, row: &Quantised, bias: f32, d: usize) -> Row {
        let scale = f64::from(row.scale);
        let gamma = gamma(d + 3, U32);
        self.lost = self.lost.max((row.lost + gamma * row.length) / scale);
        self.integers = self.integers.max(row.integers);
        let bias = f64::from(bias).abs() * (1.0 - gamma).max(0.0) / scale;
        Row {
            inverse: (1.0 / scale) as f32,
            bias: bias.min(LARGEST) as f32,
        }
    }
}

/// The terms of a direction in the comparison, in f64.
#[derive(Debug, Clone, Copy)]
pub struct Lane {
    /// 1 / t.
    inverse: f64,
    /// h.
    bias: f64,
    /// |w| / t and phi / t.
    length: f64,
    lost: f64,
    tiny: f64,
}

impl Lane {
    /// From the stored columns of a direction, quantised, and its c, which must not be negative; d is the number of terms of a
    /// score.
    pub fn new(direction: &Quantised, c: f32, d: usize) -> Self {
        let inverse = 1.0 / f64::from(direction.scale);
        Lane {
            inverse,
            bias: f64::from(c) * inverse,
            length: direction.length * inverse,
            lost: direction.lost * inverse,
            tiny: rounding::f32_score(d, 0.0, direction.length, 0.0),
        }
    }

    /// At least |w|, up to the columns that are left out because all rows have zeros there.
    pub fn norm(&self) -> f64 {
        self.length / self.inverse * (1.0 + 1e-12)
    }
}

/// Whether no score of this direction leaves the range of f32: entries of rows are at most 2^60.
fn in_range(c: f32, length: f64) -> bool {
    (0.0..=1e6).contains(&c) && length <= 1e15
}

/// Directions as integers of so many levels, and the bounds that comparisons need of each; None if one is out of range.
/// Scores are sums over `d` columns, of which some may be left out in the directions because all rows have zeros there.
pub fn quantised<T: Level + Default>(
    directions: &[f32],
    bias: &[f32],
    levels: i32,
    d: usize,
) -> Option<(Vec<T>, Vec<Lane>)> {
    let width = directions.len() / bias.len();
    let mut numbers = vec![T::default(); directions.len()];
    let each = directions.chunks_exact(width);
    let each = each.zip(numbers.chunks_exact_mut(width));
    let bounds = each.zip(bias).map(|((w, v), &c)| {
        let direction = quantise(w, levels, v)?;
        in_range(c, direction.length).then(|| Lane::new(&direction, c, d))
    });
    let bounds = bounds.collect::<Option<_>>()?;
    Some((numbers, bounds))
}

/// Directions as integers in two parts, of `levels` each: all high parts, padded with zeros to `count` directions, then all low
/// parts. As [`quantised`] else.
pub fn split(
    directions: &[f32],
    bias: &[f32],
    (levels, count): (i32, usize),
    d: usize,
) -> Option<(Vec<i8>, Vec<Lane>)> {
    let (numbers, mut bounds) =
        quantised::<i16>(directions, bias, numbers::split_levels(levels), d)?;
    let width = directions.len() / bias.len();
    let mut parts = vec![0; 2 * count * width];
    let (high, low) = parts.split_at_mut(count * width);
    for (number, (high, low)) in numbers.iter().zip(high.iter_mut().zip(low.iter_mut())) {
        (*high, *low) = numbers::split(*number, levels);
    }
    let length = |part: &[i8]| -> f64 {
        let square: f64 = part.iter().map(|&v| f64::from(v).powi(2)).sum();
        square.sqrt()
    };
    let base = f64::from(numbers::base(levels));
    let each = high.chunks_exact(width).zip(low.chunks_exact(width));
    for (lane, (high, low)) in bounds.iter_mut().zip(each) {
        lane.lost += (4.0 + 1e-6) * U32 * (base * length(high) + length(low));
    }
    Some((parts, bounds))
}

/// The right sides of the comparison, for the lanes of a block and one panel: three numbers for each lane.
#[derive(Debug, Clone, Default)]
pub struct Thresholds {
    alpha: Vec<f32>,
    bias: Vec<f32>,
    less: Vec<f32>,
}

impl Thresholds {
    /// Sets the lanes with their bars (NaN: no bar yet); lanes up to `count` are padding, of which every product is excluded.
    pub fn set(
        &mut self,
        panel: &Panel,
        lanes: &[Lane],
        bars: impl Iterator<Item = f32>,
        count: usize,
    ) {
        for column in [&mut self.alpha, &mut self.bias, &mut self.less] {
            column.clear();
        }
        for (lane, bar) in lanes.iter().zip(bars) {
            let alpha = (f64::from(bar) - lane.tiny) * lane.inverse;
            let alpha = alpha - SLACK * alpha.abs();
            // Without a bar, or with one below the range, nothing is excluded.
            self.alpha.push(if alpha >= -LARGEST {
                alpha.min(LARGEST) as f32
            } else {
                f32::NEG_INFINITY
            });
            let bias = lane.bias * (1.0 - SLACK);
            self.bias.push(bias.min(LARGEST) as f32);
            let less = lane.length * panel.lost + lane.lost * panel.integers;
            let less = less * (1.0 + SLACK) + HIDDEN;
            self.less.push(if less <= LARGEST {
                less as f32
            } else {
                f32::INFINITY
            });
        }
        self.alpha.resize(count, f32::MAX);
        self.bias.resize(count, 0.0);
        self.less.resize(count, 0.0);
    }

    /// The products of a panel (rows x lanes) that are not excluded: (row, lane), ordered by row, then lane. With a base, the
    /// products of each row with the low parts of all lanes follow those with the high parts.
    #[inline(always)]
    pub fn survivors(
        &self,
        rows: &[Row],
        products: &[i32],
        base: Option<f32>,
        found: &mut Vec<(u32, u32)>,
    ) {
        let count = self.alpha.len();
        let stored = if base.is_some() { 2 * count } else { count };
        for (r, (row, products)) in rows.iter().zip(products.chunks_exact(stored)).enumerate() {
            let (high, low) = products.split_at(count);
            for first in (0..count).step_by(GROUP) {
                let size = GROUP.min(count - first);
                let (lanes, high) = (self.lanes(first, size), &high[first..][..size]);
                let mut marks = [0; GROUP];
                let any = match base {
                    None => lanes.mark(row, high, &mut marks),
                    Some(base) => {
                        lanes.mark_split(row, (high, &low[first..][..size]), base, &mut marks)
                    }
                };
                if !any {
                    continue;
                }
                for (place, eight) in marks.as_chunks::<8>().0.iter().enumerate() {
                    let mut marks = u64::from_le_bytes(*eight);
                    while marks != 0 {
                        let lane = first + place * 8 + marks.trailing_zeros() as usize / 8;
                        found.push((r as u32, lane as u32));
                        marks &= marks - 1;
                    }
                }
            }
        }
    }

    /// Calls `found` with the place of each row of a panel that its product with one lane does not exclude.
    pub fn survivors_of(
        &self,
        lane: usize,
        rows: &[Row],
        products: &[i32],
        mut found: impl FnMut(usize),
    ) {
        let terms = self.lanes(lane, 1);
        let any = pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                // No iterator with a closure, which may not be compiled for the instruction set.
                let mut any = false;
                for (row, &product) in rows.iter().zip(products) {
                    any |= terms.survives(row, product as f32, 0);
                }
                any
            },
        );
        if any {
            for (r, (row, &product)) in rows.iter().zip(products).enumerate() {
                if terms.survives(row, product as f32, 0) {
                    found(r);
                }
            }
        }
    }

    /// The terms of some lanes.
    #[inline(always)]
    fn lanes(&self, first: usize, count: usize) -> Lanes<'_> {
        Lanes {
            alpha: &self.alpha[first..][..count],
            bias: &self.bias[first..][..count],
            less: &self.less[first..][..count],
        }
    }
}

/// The terms of some lanes: slices of the same length.
struct Lanes<'t> {
    alpha: &'t [f32],
    bias: &'t [f32],
    less: &'t [f32],
}

impl Lanes<'_> {
    /// Sets the mark of each lane with which a row's product is not excluded to 1, and the others to 0; whether there is any.
    /// The compiler turns this loop into vector instructions only if it knows that all slices have its length; else it
    /// takes longer than the products themselves.
    #[inline(always)]
    fn mark(&self, row: &Row, products: &[i32], marks: &mut [u8]) -> bool {
        let count = products.len();
        let (lanes, marks) = (self.first(count), &mut marks[..count]);
        let mut any = false;
        for b in 0..count {
            let survives = lanes.survives(row, products[b] as f32, b);
            marks[b] = u8::from(survives);
            any |= survives;
        }
        any
    }

    /// The same for products with the high and the low parts of directions.
    #[inline(always)]
    fn mark_split(
        &self,
        row: &Row,
        (high, low): (&[i32], &[i32]),
        base: f32,
        marks: &mut [u8],
    ) -> bool {
        let count = high.len();
        let (lanes, marks, low) = (self.first(count), &mut marks[..count], &low[..count]);
        let mut any = false;
        for b in 0..count {
            let product = base * high[b] as f32 + low[b] as f32;
            let survives = lanes.survives(row, product, b);
            marks[b] = u8::from(survives);
            any |= survives;
        }
        any
    }

    /// The first lanes: slices of a length that the compiler knows to be `count`.
    #[inline(always)]
    fn first(&self, count: usize) -> Lanes<'_> {
        Lanes {
            alpha: &self.alpha[..count],
            bias: &self.bias[..count],
            less: &self.less[..count],
        }
    }

    #[inline(always)]
    #[allow(clippy::neg_cmp_op_on_partial_ord)] // what cannot be compared survives
    fn survives(&self, row: &Row, product: f32, lane: usize) -> bool {
        let bar = row.inverse * self.alpha[lane] + (row.bias * self.bias[lane] - self.less[lane]);
        !(product < bar)
    }
}

/// Estimates of the scores of rows with a direction, from their products, up to a factor and rounding: they order rows
/// well, and prove nothing. A row whose bias is out of range, as that of a far row, has the least.
pub fn estimates(lane: &Lane, rows: &[Row], products: &[i32], out: &mut [f32]) {
    let bias = lane.bias as f32;
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || {
            for ((out, row), product) in out.iter_mut().zip(rows).zip(products) {
                let estimate = (*product as f32 - row.bias * bias) / row.inverse;
                *out = match row.bias < LARGEST as f32 {
                    true => estimate,
                    false => f32::NEG_INFINITY,
                };
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::super::numbers::{levels, quantise};
    use super::*;
    use proptest::prelude::*;

    /// Whether a row survives the comparison with a direction, both quantised as in the scan.
    fn survives(x: &[f32], w: &[f32], c: f32, row_bias: f32, bar: f32, levels: i32) -> bool {
        let d = x.len();
        let (mut q, mut v) = (vec![0i8; d], vec![0i8; d]);
        let row = quantise(x, levels, &mut q).unwrap();
        let lane = Lane::new(&quantise(w, levels, &mut v).unwrap(), c, d);
        let mut panel = Panel::default();
        let row = panel.admit(&row, row_bias, d);
        let product = q
            .iter()
            .zip(&v)
            .map(|(q, v)| i32::from(*q) * i32::from(*v))
            .sum();
        let mut thresholds = Thresholds::default();
        thresholds.set(&panel, &[lane], [bar].into_iter(), 16);
        let mut found = Vec::new();
        let mut products = vec![i32::MAX; 16];
        products[0] = product;
        thresholds.survivors(&[row], &products, None, &mut found);
        let mut of_lane = Vec::new();
        thresholds.survivors_of(0, &[row], &products[..1], |r| of_lane.push((r as u32, 0)));
        assert_eq!(found, of_lane);
        found == [(0, 0)]
    }

    /// The same with the direction in two parts.
    fn survives_split(x: &[f32], w: &[f32], c: f32, row_bias: f32, bar: f32, levels: i32) -> bool {
        let d = x.len();
        let mut q = vec![0i8; d];
        let row = quantise(x, levels, &mut q).unwrap();
        let (parts, lanes) = split(w, &[c], (levels, 16), d).unwrap();
        let mut panel = Panel::default();
        let row = panel.admit(&row, row_bias, d);
        let products: Vec<i32> = parts
            .chunks_exact(d)
            .map(|v| q.iter().zip(v).map(|(q, v)| i32::from(*q) * i32::from(*v)))
            .map(Iterator::sum)
            .collect();
        let mut thresholds = Thresholds::default();
        thresholds.set(&panel, &lanes, [bar].into_iter(), 16);
        let (base, mut found) = (numbers::base(levels) as f32, Vec::new());
        thresholds.survivors(&[row], &products, Some(base), &mut found);
        found == [(0, 0)]
    }

    /// The score as the f32 scan states it, with the additions in the given order.
    fn stated(x: &[f32], w: &[f32], c: f32, bias: f32) -> f32 {
        let sum = x.iter().zip(w).fold(0f32, |sum, (x, w)| x.mul_add(*w, sum));
        sum + c * bias
    }

    fn entries(count: usize) -> impl Strategy<Value = Vec<f32>> {
        let entry = prop_oneof![
            -2f32..2.0,
            -1e-3f32..1e-3,
            Just(0.0),
            Just(1.9999),
            -1e-20f32..1e-20
        ];
        prop::collection::vec(entry, count)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// With a bar at the stated score or slightly below it, the row is never excluded.
        #[test]
        fn a_row_whose_stated_score_reaches_the_bar_is_never_excluded(
            (x, w) in (1usize..40).prop_flat_map(|d| (entries(d), entries(d))),
            size in prop_oneof![Just(1f32), Just(1e-12), Just(1e6)],
            c in prop_oneof![Just(0f32), Just(1.0), Just(0.3)],
            bias in prop_oneof![-8f32..=0.0, Just(-1e30)],
            levels in prop_oneof![Just(127), 1i32..20],
        ) {
            let w: Vec<f32> = w.iter().map(|w| w * size).collect();
            let score = stated(&x, &w, c, bias);
            for bar in [score, score.next_down(), score - score.abs() * 0.1 - 1e-9, f32::NEG_INFINITY, f32::NAN] {
                prop_assert!(survives(&x, &w, c, bias, bar, levels), "{} at {}", score, bar);
                prop_assert!(survives_split(&x, &w, c, bias, bar, levels), "split: {} at {}", score, bar);
            }
        }
    }

    /// Each entry loses almost half a quantisation step, all in the same direction: the bound must be almost attained.
    #[test]
    fn the_bound_holds_and_is_sharp_where_every_entry_loses_half_a_level() {
        let d = 64;
        // Scale 1: entries are half a step below an integer; the first entry sets the scale.
        let mut x = vec![3.499f32; d];
        x[0] = 127.0;
        let mut w = vec![127f32; d];
        w[0] = 0.0;
        let score = stated(&x, &w, 0.0, 0.0);
        assert!(survives(&x, &w, 0.0, 0.0, score, levels(d)));
        let lost = 0.499 * 127.0 * 63.0;
        assert!(survives(&x, &w, 0.0, 0.0, score + 0.0 * lost, 127));
        assert!(
            !survives(&x, &w, 0.0, 0.0, score + 0.05 * lost, 127),
            "a loose bound"
        );
    }

    #[test]
    fn padding_never_survives_and_a_missing_bar_excludes_nothing() {
        let mut thresholds = Thresholds::default();
        let lane = Lane::new(&quantise(&[1.0], 127, &mut [0i8]).unwrap(), 1.0, 1);
        let mut panel = Panel::default();
        let row = panel.admit(&quantise(&[1.0], 127, &mut [0i8]).unwrap(), -0.5, 1);
        thresholds.set(
            &panel,
            &[lane; 3],
            [f32::NAN, 1e9, f32::NEG_INFINITY].into_iter(),
            16,
        );
        let mut found = Vec::new();
        thresholds.survivors(&[row], &[127 * 127; 16], None, &mut found);
        assert_eq!(found, [(0, 0), (0, 2)]);
    }
}
