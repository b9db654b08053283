//! The point of least norm in the convex hull of a few vectors, in f64, with an active set.
//!
//! `min |sum_i l_i a_i|, l >= 0, sum l = 1` is solved as the non-negative least-squares problem
//! `min |[A; t 1^T] u - [0; t]|^2, u >= 0` with `l = u / sum u`: the two are equivalent for every t > 0.
//! A vector far longer than t, such as the difference to a row 1e14 away, is scaled down by a power of two s together with
//! its entry of t, and its u grows by s: its column `[a; t] / s` is nearly a direction, and the others keep their digits.
//! The method is Lawson and Hanson's (Solving Least Squares Problems, ch. 23), on the inverse of the Cholesky factor
//! `R^T R = A^T A + T T^T` (T the entries t / s) of the active vectors, which is extended by a column when a vector enters and
//! restored by Givens rotations when one leaves. Active vectors stay affinely independent, so there are at most
//! d+1. The set survives between calls: new candidates continue where the last call stopped.

mod start;

use super::factor::{InverseFactor, padded, roomy};
use super::lawson_hanson;
use crate::linear::products::{self, one};
use pulp::Simd;
use std::borrow::Cow;

/// A vector depends on the active ones if its pivot is below this share of its diagonal.
const DEPENDENT: f64 = 1e-14;

/// The combination that a vector depends on is corrected if its pivot is below this share of its diagonal.
const NEARLY: f64 = 1e-4;

/// Solutions are refined once a vector with a pivot below this share of its diagonal has entered.
const WEARS: f64 = 1e-6;

/// A candidate enters only if it lowers the norm by more than rounding: this share of the lengths involved.
const IMPROVES: f64 = 1e-13;

/// A point whose square is below this share of a typical square is refined, because the factor alone loses half the digits.
const DELICATE: f64 = 1e-12;

/// How many candidates are tried, best first, before the remaining ones are ranked again.
const RANKED: usize = 8;

/// A block has one vector for each so many active ones: the active vectors are read once for a block, but some of a
/// large block enter in vain.
const PER_BLOCK: usize = 16;

/// A vector more than this many times longer than t is scaled down.
pub(super) const LONG: f64 = 64.0;

/// A norm below this share of the vectors' typical length counts as zero up to rounding.
const VANISHED: f64 = 1e-15;

/// The active set of one query.
#[derive(Debug, Clone)]
pub struct MinNorm {
    d: usize,
    /// The lift t.
    lift: f64,
    /// t / s of each active vector, in the order of the factor's columns.
    lifts: Vec<f64>,
    /// The caller's name of each active vector, in the order of the factor's columns.
    ids: Vec<usize>,
    /// Active vectors, d numbers each, stored in any free place.
    vectors: Vec<f64>,
    /// The place in `vectors` of each active vector, in the order of the factor's columns; and the free places.
    places: Vec<usize>,
    free: Vec<usize>,
    /// R^-1.
    factor: InverseFactor,
    /// `R^-T t T`.
    half: Vec<f64>,
    /// The solution, and scratch for the next one.
    u: Vec<f64>,
    next: Vec<f64>,
    /// `sum_i u_i a_i / s_i`, its square, and `sum_i u_i / s_i`.
    sum: Vec<f64>,
    square: f64,
    total: f64,
    /// The point is short enough for rounding to matter.
    delicate: bool,
    /// A vector that nearly depended on others has entered: what it cost the factor in digits stays when it leaves.
    worn: bool,
}

/// A vector that may enter: the caller's name and its d numbers.
pub type Candidate<'a> = (usize, &'a [f64]);

/// A candidate as a column of the problem, scaled down if it is long.
#[derive(Debug, Clone)]
struct CandidateColumn<'a> {
    id: usize,
    vector: Cow<'a, [f64]>,
    /// The squared length of the scaled vector.
    square: f64,
    /// t / s.
    lift: f64,
}

impl MinNorm {
    /// An empty set in d dimensions; `scale` is a typical length of the vectors to come.
    pub fn new(d: usize, scale: f64) -> Self {
        MinNorm {
            d,
            lift: if scale > 0.0 { scale } else { 1.0 },
            lifts: Vec::new(),
            ids: Vec::new(),
            vectors: Vec::new(),
            places: Vec::new(),
            free: Vec::new(),
            factor: InverseFactor::default(),
            half: Vec::new(),
            u: Vec::new(),
            next: Vec::new(),
            sum: vec![0.0; d],
            square: 0.0,
            total: 0.0,
            delicate: false,
            worn: false,
        }
    }

    /// The memory of the active vectors and their factor.
    pub fn bytes(&self) -> usize {
        8 * (self.vectors.capacity() + self.factor.numbers())
    }

    /// The memory of so many active vectors in d dimensions that entered one after the other.
    pub fn bytes_with(d: usize, active: usize) -> usize {
        let mut growth = std::iter::successors(Some(0), |&room| Some(roomy(room)));
        let room = growth.find(|&room| room >= active).unwrap_or(active);
        8 * (room * d + InverseFactor::most_numbers(active))
    }

    /// The most memory of so many active vectors in d dimensions.
    pub fn most_bytes(d: usize, active: usize) -> usize {
        8 * (roomy(active) * d + InverseFactor::most_numbers(active))
    }

    /// Names of the active vectors.
    pub fn ids(&self) -> &[usize] {
        &self.ids
    }

    /// Convex weights of the active vectors, in the order of [`MinNorm::ids`].
    pub fn weights(&self) -> Vec<f64> {
        let shares = self.u.iter().zip(&self.lifts);
        shares
            .map(|(u, lift)| u * (lift / self.lift) / self.total)
            .collect()
    }

    /// The point of least norm, `sum_i l_i a_i`. At least one vector must be active.
    pub fn point(&self) -> Vec<f64> {
        self.sum.iter().map(|s| s / self.total).collect()
    }

    /// Let the candidates enter that lower the norm, until none does. No candidate may be active already.
    pub fn improve(&mut self, candidates: &[Candidate<'_>]) {
        pulp::Arch::new().dispatch(Improve {
            set: self,
            candidates,
        });
    }

    /// The column of a candidate.
    #[inline(always)]
    fn column<'a, S: Simd>(&self, simd: S, (id, a): Candidate<'a>) -> CandidateColumn<'a> {
        let square = one(simd, a, a);
        // A square that overflows belongs to a long vector. Vectors that are longer than can be scaled are used as they are.
        if square <= (LONG * self.lift).powi(2) {
            let vector = Cow::Borrowed(a);
            return CandidateColumn {
                id,
                vector,
                square,
                lift: self.lift,
            };
        }
        let shrink = shrinking(a, self.lift);
        let vector: Vec<f64> = a.iter().map(|v| v * shrink).collect();
        CandidateColumn {
            id,
            square: one(simd, &vector, &vector),
            vector: Cow::Owned(vector),
            lift: self.lift * shrink,
        }
    }

    #[inline(always)]
    fn run<S: Simd>(&mut self, simd: S, candidates: &[Candidate<'_>]) {
        // Loops, because closures may not be compiled for the instruction set.
        let mut open: Vec<CandidateColumn<'_>> = Vec::with_capacity(candidates.len());
        for &candidate in candidates {
            let column = self.column(simd, candidate);
            // A vector that overflowed in the map to the metric has no direction.
            if column.square.is_finite() {
                open.push(column);
            }
        }
        if self.ids.is_empty()
            && let Some(nearest) = (0..open.len()).min_by(|&i, &j| {
                let square = |c: &CandidateColumn<'_>| c.square * (self.lift / c.lift).powi(2);
                square(&open[i]).total_cmp(&square(&open[j]))
            })
        {
            let first = open.swap_remove(nearest);
            self.enter(simd, &first, Vec::new());
            self.settle(simd);
        }
        loop {
            let mut ranked: Vec<(f64, usize)> = Vec::with_capacity(open.len());
            for first in (0..open.len()).step_by(4) {
                let some = &open[first..open.len().min(first + 4)];
                let gains = self.gains(simd, some).into_iter().zip(first..);
                ranked.extend(gains.filter_map(|(gain, place)| Some((gain?, place))));
            }
            if ranked.is_empty() {
                return;
            }
            ranked.sort_unstable_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(&y.1)));
            ranked.truncate(RANKED);
            for block in ranked.chunks((self.ids.len() / PER_BLOCK).clamp(1, RANKED)) {
                let block: Vec<_> = block.iter().map(|&(_, place)| &open[place]).collect();
                self.enter_block(simd, &block);
            }
            ranked.sort_unstable_by_key(|&(_, place)| std::cmp::Reverse(place));
            for (_, place) in ranked {
                open.swap_remove(place);
            }
        }
    }

    /// Let the vectors of a block that still lower the norm enter together, and settle once. Some of them may have to
    /// leave at once, but never all: the best one alone would stay.
    #[inline(always)]
    fn enter_block<S: Simd>(&mut self, simd: S, block: &[&CandidateColumn<'_>]) {
        let mut gaining: Vec<&CandidateColumn<'_>> = Vec::with_capacity(block.len());
        for column in block {
            if self.gain(simd, column).is_some() {
                gaining.push(column);
            }
        }
        let block = gaining;
        let active = self.ids.len();
        // Each active vector is read once for the whole block.
        let room = || Vec::with_capacity(padded(active + block.len()));
        let mut products: Vec<Vec<f64>> = block.iter().map(|_| room()).collect();
        for first in (0..active).step_by(4) {
            for (products, column) in products.iter_mut().zip(&block) {
                self.multiply(simd, first, active, &column.vector, products);
            }
        }
        let mut entered = false;
        for (column, known) in block.iter().zip(products) {
            entered |= self.enter(simd, column, known);
        }
        if let ([column], false) = (block.as_slice(), entered) {
            entered = self.exchange(simd, column);
        }
        if entered {
            self.settle(simd);
        }
    }

    /// The [`MinNorm::gain`] of up to four vectors.
    #[inline(always)]
    fn gains<S: Simd>(&self, simd: S, columns: &[CandidateColumn<'_>]) -> [Option<f64>; 4] {
        let mut gains = [None; 4];
        match columns {
            [a, b, c, d] => {
                let four = [&*a.vector, &*b.vector, &*c.vector, &*d.vector];
                let products = products::four(simd, four, &self.sum);
                for ((gain, column), product) in gains.iter_mut().zip(columns).zip(products) {
                    *gain = self.gain_by(column, product);
                }
            }
            _ => {
                for (gain, column) in gains.iter_mut().zip(columns) {
                    *gain = self.gain(simd, column);
                }
            }
        }
        gains
    }

    /// The rate at which a vector lowers the norm: how far `<a, sum u_i a_i>` is below the product that every active
    /// vector has with that sum, `|sum|^2 / sum u`; both divided by s. `None` if it does not lower the norm by more
    /// than rounding.
    #[inline(always)]
    fn gain<S: Simd>(&self, simd: S, column: &CandidateColumn<'_>) -> Option<f64> {
        self.gain_by(column, one(simd, &column.vector, &self.sum))
    }

    /// The same if `product` is `<a, sum u_i a_i> / s`.
    #[inline(always)]
    fn gain_by(&self, column: &CandidateColumn<'_>, product: f64) -> Option<f64> {
        let length = self.square.sqrt();
        if length <= VANISHED * self.lift {
            return None;
        }
        let level = self.square / self.total * (column.lift / self.lift);
        let gain = level - product;
        (gain > IMPROVES * length * (column.square.sqrt() + length)).then_some(gain)
    }

    /// One step of iterative refinement of `next`: the factor squares the condition number, and this step recovers the lost digits.
    #[inline(always)]
    fn refine<S: Simd>(&mut self, simd: S) {
        let mut next = std::mem::take(&mut self.next);
        let nothing = vec![0.0; self.d];
        self.correct(simd, (&nothing, self.lift), &mut next);
        self.next = next;
    }

    /// What is left of a vector and its entry of t without a combination of the active vectors.
    #[inline(always)]
    fn without<S: Simd>(
        &self,
        simd: S,
        (vector, lift): (&[f64], f64),
        combination: &[f64],
    ) -> (Vec<f64>, f64) {
        let mut rest = vector.to_vec();
        self.subtract(simd, combination, &mut rest);
        (rest, lift - one(simd, combination, &self.lifts))
    }

    /// One step of iterative refinement of the combination of active vectors that is nearest to a vector and its entry of t, with
    /// the rest from the vectors themselves.
    #[inline(always)]
    fn correct<S: Simd>(&self, simd: S, of: (&[f64], f64), combination: &mut [f64]) {
        let (rest, lift) = self.without(simd, of, combination);
        let mut step = Vec::with_capacity(combination.len());
        for j in 0..combination.len() {
            step.push(one(simd, self.vector(j), &rest) + self.lifts[j] * lift);
        }
        self.factor.solve_transposed(simd, &mut step);
        self.factor.solve(simd, &mut step);
        for (share, step) in combination.iter_mut().zip(&step) {
            *share += step;
        }
    }

    /// Subtract a combination of the active vectors.
    #[inline(always)]
    fn subtract<S: Simd>(&self, simd: S, combination: &[f64], from: &mut [f64]) {
        let (eights, rest) = self.places.as_chunks::<8>();
        let (shares, rest_shares) = combination.as_chunks::<8>();
        for (places, shares) in eights.iter().zip(shares) {
            let vectors = places.map(|place| &self.vectors[place * self.d..][..self.d]);
            products::subtract_eight(simd, *shares, vectors, from);
        }
        for (&place, share) in rest.iter().zip(rest_shares) {
            let vector = &self.vectors[place * self.d..][..self.d];
            products::subtract(simd, *share, vector, from);
        }
    }

    /// Let a vector enter that depends on the active ones up to less than the factor can resolve: with
    /// `a = sum m_i a_i`, weight moves from the active vectors to it until one of them has weight 0 and leaves. Needed for rows on
    /// one face of the hull whose coordinates are rounded.
    #[inline(always)]
    fn exchange<S: Simd>(&mut self, simd: S, column: &CandidateColumn<'_>) -> bool {
        let mut share: Vec<f64> = (0..self.ids.len())
            .map(|j| one(simd, self.vector(j), &column.vector) + self.lifts[j] * column.lift)
            .collect();
        self.factor.solve_transposed(simd, &mut share);
        self.factor.solve(simd, &mut share);
        let blocking = (0..share.len())
            .filter(|&j| share[j] > 0.0)
            .min_by(|&i, &j| (self.u[i] / share[i]).total_cmp(&(self.u[j] / share[j])));
        let Some(gone) = blocking else { return false };
        let step = self.u[gone] / share[gone];
        for (u, share) in self.u.iter_mut().zip(&share) {
            *u = (*u - step * share).max(0.0);
        }
        self.next.clone_from(&self.u);
        self.leave(gone);
        if self.enter(simd, column, Vec::new())
            && let Some(u) = self.u.last_mut()
        {
            *u = step;
        }
        true
    }

    /// Extend the factor by a vector. False if it depends on the active ones. `products` are its products with the
    /// first active vectors, as far as they are computed.
    #[inline(always)]
    fn enter<S: Simd>(
        &mut self,
        simd: S,
        entering: &CandidateColumn<'_>,
        products: Vec<f64>,
    ) -> bool {
        // d+1 independent vectors already span the space, and then the point of least norm is zero.
        if self.ids.len() > self.d {
            return false;
        }
        let mut column = products;
        while column.len() < self.ids.len() {
            self.multiply(
                simd,
                column.len(),
                self.ids.len(),
                &entering.vector,
                &mut column,
            );
        }
        for (product, lift) in column.iter_mut().zip(&self.lifts) {
            *product += lift * entering.lift;
        }
        self.factor.solve_transposed(simd, &mut column);
        let diagonal = entering.square + entering.lift * entering.lift;
        let mut square = diagonal - one(simd, &column, &column);
        let mut rest = entering.lift - one(simd, &column, &self.half) / self.lift;
        self.factor.solve(simd, &mut column);
        if square < NEARLY * diagonal && !column.is_empty() {
            // Products with the inverse of the factor lose as many digits as the vectors are nearly dependent.
            let of = (&*entering.vector, entering.lift);
            self.correct(simd, of, &mut column);
            let (left, lift) = self.without(simd, of, &column);
            (square, rest) = (one(simd, &left, &left) + lift * lift, lift);
        }
        if square <= DEPENDENT * diagonal {
            return false;
        }
        self.worn |= square < WEARS * diagonal;
        let pivot = square.sqrt();
        self.half.push(self.lift * rest / pivot);
        self.factor.push(&column, pivot);
        self.ids.push(entering.id);
        self.lifts.push(entering.lift);
        self.store(&entering.vector);
        self.u.push(0.0);
        true
    }

    /// Append the products of a vector with up to four active ones, from `first` to below `end`.
    #[inline(always)]
    fn multiply<S: Simd>(
        &self,
        simd: S,
        first: usize,
        end: usize,
        vector: &[f64],
        products: &mut Vec<f64>,
    ) {
        match end - first {
            4.. => {
                let four = [
                    self.vector(first),
                    self.vector(first + 1),
                    self.vector(first + 2),
                    self.vector(first + 3),
                ];
                products.extend_from_slice(&products::four(simd, four, vector));
            }
            _ => {
                for j in first..end {
                    products.push(one(simd, self.vector(j), vector));
                }
            }
        }
    }

    /// The active vector that belongs to column `j`.
    #[inline(always)]
    fn vector(&self, j: usize) -> &[f64] {
        &self.vectors[self.places[j] * self.d..][..self.d]
    }

    /// Store a vector as the one of the last column.
    #[inline(always)]
    fn store(&mut self, a: &[f64]) {
        let place = self.free.pop().unwrap_or(self.vectors.len() / self.d);
        if place * self.d == self.vectors.len() {
            if self.vectors.len() == self.vectors.capacity() {
                let room = roomy(place) * self.d;
                self.vectors.reserve_exact(room - self.vectors.len());
            }
            self.vectors.extend_from_slice(a);
        } else {
            self.vectors[place * self.d..][..self.d].copy_from_slice(a);
        }
        self.places.push(place);
    }

    /// Lawson and Hanson's inner loop: move to the least-squares solution, dropping weights that turn negative.
    #[inline(always)]
    fn settle<S: Simd>(&mut self, simd: S) {
        loop {
            self.solve(simd);
            let Some(least) = lawson_hanson::step(&mut self.u, &self.next) else {
                break;
            };
            for j in (0..self.ids.len()).rev() {
                if self.next[j] <= 0.0 && self.u[j] <= least {
                    self.leave(j);
                }
            }
            if self.ids.is_empty() {
                break;
            }
        }
        self.add_up(simd);
    }

    /// `sum = sum_i u_i a_i`.
    #[inline(always)]
    fn add_up<S: Simd>(&mut self, simd: S) {
        let mut sum = std::mem::take(&mut self.sum);
        sum.fill(0.0);
        self.subtract(simd, &self.u, &mut sum);
        for value in &mut sum {
            *value = -*value;
        }
        self.sum = sum;
        self.square = one(simd, &self.sum, &self.sum);
        self.total = one(simd, &self.u, &self.lifts) / self.lift;
        self.delicate = self.square < DELICATE * (self.lift * self.total).powi(2);
    }

    /// Solve `R next = half`, refined if the point is so short that rounding matters, or the factor has lost digits.
    #[inline(always)]
    fn solve<S: Simd>(&mut self, simd: S) {
        self.next.clear();
        self.next.extend_from_slice(&self.half);
        self.factor.solve(simd, &mut self.next);
        if self.delicate || self.worn {
            self.refine(simd);
        }
        if self.delicate {
            self.refine(simd);
        }
    }

    /// Remove the active vector of column `gone`.
    #[inline(always)]
    fn leave(&mut self, gone: usize) {
        self.ids.remove(gone);
        self.lifts.remove(gone);
        self.u.remove(gone);
        self.next.remove(gone);
        self.free.push(self.places.remove(gone));
        self.factor.remove(gone, &mut self.half);
    }
}

/// [`MinNorm::run`], compiled for the instruction set found at run time.
struct Improve<'a, 'b> {
    set: &'a mut MinNorm,
    candidates: &'a [Candidate<'b>],
}

impl pulp::WithSimd for Improve<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.set.run(simd, self.candidates);
    }
}

/// The power of two that makes a long vector about as long as t.
#[inline(always)]
pub(super) fn shrinking(a: &[f64], lift: f64) -> f64 {
    let longest = a.iter().fold(0f64, |most, v| most.max(v.abs()));
    (lift / longest).log2().floor().exp2()
}

/// The median length of vectors with these squared lengths; 0 without any.
pub(super) fn median_length(squares: impl Iterator<Item = f64>) -> f64 {
    let mut squares: Vec<f64> = squares.collect();
    squares.sort_unstable_by(f64::total_cmp);
    let median = squares.get(squares.len() / 2).copied();
    median.unwrap_or_default().sqrt()
}

/// `R x = b` by back substitution, in place of b. `column(j)` is column j of R, of which only the first j + 1 numbers
/// are read.
#[inline(always)]
pub(super) fn back_substitute<'r>(column: impl Fn(usize) -> &'r [f64], b: &mut [f64]) {
    for j in (0..b.len()).rev() {
        let column = column(j);
        let value = b[j] / column[j];
        b[j] = value;
        for (out, r) in b[..j].iter_mut().zip(column) {
            *out -= value * r;
        }
    }
}

/// From this length of the vectors on, it pays to choose vector instructions at run time.
const WIDE: usize = 24;

/// A dot product, with vector instructions where the vectors are long.
#[inline]
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    match a.len() < WIDE {
        true => dot_in::<4>(a, b),
        false => pulp::Arch::new().dispatch(products::One(a, b)),
    }
}

/// The dot product in `LANES` running sums: for few numbers, few sums are faster.
#[inline(always)]
pub(super) fn dot_in<const LANES: usize>(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a_whole, a_rest) = a.as_chunks::<LANES>();
    let (b_whole, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_whole.iter().zip(b_whole) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    match a_whole.is_empty() {
        true => rest,
        false => sums.iter().sum::<f64>() + rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn solve(d: usize, points: &[Vec<f64>]) -> MinNorm {
        let mut set = MinNorm::new(d, 1.0);
        let candidates: Vec<Candidate<'_>> = points
            .iter()
            .enumerate()
            .map(|(i, p)| (i, p.as_slice()))
            .collect();
        for _ in 0..50 {
            let fresh: Vec<_> = candidates
                .iter()
                .copied()
                .filter(|(i, _)| !set.ids().contains(i))
                .collect();
            set.improve(&fresh);
        }
        set
    }

    #[test]
    fn triangle_around_the_origin_has_norm_zero() {
        let set = solve(2, &[vec![1.0, 0.0], vec![-1.0, 1.0], vec![-1.0, -1.0]]);
        assert!(set.point().iter().all(|v| v.abs() < 1e-15));
        for (weight, expected) in set.weights().iter().zip([0.5, 0.25, 0.25]) {
            assert!((weight - expected).abs() < 0.26);
        }
    }

    #[test]
    fn segment_beside_the_origin_is_met_at_its_foot() {
        let set = solve(2, &[vec![1.0, -1.0], vec![1.0, 3.0]]);
        let point = set.point();
        assert!((point[0] - 1.0).abs() < 1e-12 && point[1].abs() < 1e-12);
    }

    /// Vectors in nearly equal pairs are independent, a mean of some is not, and what is left when one of each pair leaves has the
    /// right solution.
    #[test]
    fn nearly_equal_vectors_enter_and_dependent_ones_do_not() {
        let (simd, d, pairs) = (pulp::Scalar, 40, 12);
        for (seed, distance) in [1e-3, 1e-4, 1e-5, 1e-6].into_iter().enumerate() {
            let mut random = ChaCha8Rng::seed_from_u64(seed as u64);
            let mut next = |length: f64| -> Vec<f64> {
                let each = (0..d).map(|_| length * random.random_range(-1.0..1.0));
                each.collect()
            };
            let mut set = MinNorm::new(d, 1.0);
            let mut mean = vec![0.0; d];
            for pair in 0..pairs {
                let one = next(1.0);
                let other: Vec<f64> = one.iter().zip(next(distance)).map(|(v, w)| v + w).collect();
                if pair < 7 {
                    mean.iter_mut().zip(&one).for_each(|(m, v)| *m += v / 7.0);
                }
                for vector in [&one, &other] {
                    let column = set.column(simd, (pair, vector));
                    assert!(set.enter(simd, &column, Vec::new()), "{distance} {pair}");
                }
            }
            let column = set.column(simd, (pairs, &mean));
            assert!(!set.enter(simd, &column, Vec::new()), "{distance}");
            set.next = set.u.clone();
            (0..pairs).rev().for_each(|pair| set.leave(2 * pair + 1));
            set.solve(simd);
            let sum: Vec<f64> = (0..d)
                .map(|k| (0..pairs).map(|j| set.next[j] * set.vector(j)[k]).sum())
                .collect();
            let total: f64 = set.next.iter().sum();
            for j in 0..pairs {
                let off = dot(set.vector(j), &sum) + total - 1.0;
                assert!(off.abs() < 1e-12, "{distance} {j}: {off}");
            }
        }
    }

    proptest! {
        /// The optimality condition of the projection: `<a_i, p> >= |p|^2` for every vector (Wolfe 1976).
        #[test]
        fn no_vector_lies_below_the_supporting_plane(
            d in 1usize..7, values in prop::collection::vec(-1.0f64..1.0, 7..140), lift in 0.0f64..2.0,
        ) {
            let points: Vec<Vec<f64>> = values
                .chunks_exact(d)
                .map(|p| p.iter().enumerate().map(|(j, v)| if j == 0 { v + lift } else { *v }).collect())
                .collect();
            let set = solve(d, &points);
            let point = set.point();
            let square = dot(&point, &point);
            for a in &points {
                prop_assert!(dot(a, &point) >= square - 1e-10);
            }
            prop_assert!(set.ids().len() <= d + 1);
            prop_assert!(set.bytes() <= MinNorm::most_bytes(d, d + 1));
            prop_assert!(set.bytes() <= MinNorm::bytes_with(d, d + 1));
            prop_assert!(set.weights().iter().all(|&w| w >= 0.0));
        }
    }
}
