//! The point of least norm in the convex hull of a few vectors, in f64, with an active set.
//!
//! `min |sum_i l_i a_i|, l >= 0, sum l = 1` is solved as the non-negative least-squares problem
//! `min |[A; t 1^T] u - [0; t]|^2, u >= 0` with `l = u / sum u`: the two are equivalent for every t > 0.
//! A vector far longer than t, such as the difference to a row 1e14 away, is scaled down by a power of two s together with
//! its entry of t, and its u grows by s: its column `[a; t] / s` is nearly a direction, and the others keep their digits.
//! The method is Lawson and Hanson's (Solving Least Squares Problems, ch. 23), on the Cholesky factor
//! `R^T R = A^T A + T T^T` (T the entries t / s) of the active vectors, which is extended by a column when a vector enters and
//! restored by Givens rotations when one leaves. Active vectors stay affinely independent, so there are at most
//! d+1. The set survives between calls: new candidates continue where the last call stopped.

use super::lawson_hanson;
use std::borrow::Cow;

/// A pivot below this share of its diagonal means that the vector depends on the active ones.
const DEPENDENT: f64 = 1e-14;

/// A candidate must lower the norm by more than rounding: this share of the lengths involved.
const IMPROVES: f64 = 1e-13;

/// Below this share of a typical square, a point's square is refined: the factor alone loses half the digits.
const DELICATE: f64 = 1e-12;

/// Candidates taken, best first, between two rankings of all that are left.
const RANKED: usize = 8;

/// One vector of a block for so many active ones: a block reads them once, but some of it enters in vain.
const PER_BLOCK: usize = 16;

/// A vector more than this many times longer than t is scaled down.
const LONG: f64 = 64.0;

/// A norm below this share of the vectors' typical length is zero but for rounding.
const VANISHED: f64 = 1e-15;

/// The active set of one query.
#[derive(Debug, Clone)]
pub struct MinNorm {
    d: usize,
    /// t.
    lift: f64,
    /// t / s of each active vector, in the order of the factor's columns.
    lifts: Vec<f64>,
    /// The caller's name of each active vector, in the order of the factor's columns.
    ids: Vec<usize>,
    /// Active vectors, d numbers each, where there was room.
    vectors: Vec<f64>,
    /// Where in `vectors` each active vector is, in the order of the factor's columns; and free places.
    places: Vec<usize>,
    free: Vec<usize>,
    /// R by columns: column j holds j + 1 numbers.
    factor: Vec<Vec<f64>>,
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
}

/// A vector that may enter: the caller's name and its d numbers.
pub type Candidate<'a> = (usize, &'a [f64]);

/// A candidate as its column is formed: scaled down where it is long.
#[derive(Debug, Clone)]
struct CandidateColumn<'a> {
    id: usize,
    vector: Cow<'a, [f64]>,
    /// The square of the scaled vector.
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
            factor: Vec::new(),
            half: Vec::new(),
            u: Vec::new(),
            next: Vec::new(),
            sum: vec![0.0; d],
            square: 0.0,
            total: 0.0,
            delicate: false,
        }
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

    /// The point of least norm, `sum_i l_i a_i`. Call it only when something is active.
    pub fn point(&self) -> Vec<f64> {
        self.sum.iter().map(|s| s / self.total).collect()
    }

    /// Take the candidates that lower the norm, until none does. Candidates must not be active already.
    pub fn improve(&mut self, candidates: &[Candidate<'_>]) {
        pulp::Arch::new().dispatch(Improve {
            set: self,
            candidates,
        });
    }

    /// The column of a candidate.
    #[inline(always)]
    fn column<'a>(&self, (id, a): Candidate<'a>) -> CandidateColumn<'a> {
        let square = dot(a, a);
        // Squares that overflow belong to long vectors too; those beyond are left to their luck.
        if square <= (LONG * self.lift).powi(2) {
            let vector = Cow::Borrowed(a);
            return CandidateColumn {
                id,
                vector,
                square,
                lift: self.lift,
            };
        }
        let longest = a.iter().fold(0f64, |most, v| most.max(v.abs()));
        let shrink = (self.lift / longest).log2().floor().exp2();
        let vector: Vec<f64> = a.iter().map(|v| v * shrink).collect();
        CandidateColumn {
            id,
            square: dot(&vector, &vector),
            vector: Cow::Owned(vector),
            lift: self.lift * shrink,
        }
    }

    #[inline(always)]
    fn run(&mut self, candidates: &[Candidate<'_>]) {
        let columns = candidates.iter().map(|&candidate| self.column(candidate));
        // A vector that overflowed on its way into the metric has no direction.
        let mut open: Vec<CandidateColumn<'_>> = columns.filter(|c| c.square.is_finite()).collect();
        if self.ids.is_empty()
            && let Some(nearest) = (0..open.len()).min_by(|&i, &j| {
                let square = |c: &CandidateColumn<'_>| c.square * (self.lift / c.lift).powi(2);
                square(&open[i]).total_cmp(&square(&open[j]))
            })
        {
            let first = open.swap_remove(nearest);
            self.enter(&first, std::iter::empty());
            self.settle();
        }
        loop {
            let mut ranked: Vec<(f64, usize)> = Vec::new();
            for (place, column) in open.iter().enumerate() {
                if let Some(gain) = self.gain(column) {
                    ranked.push((gain, place));
                }
            }
            if ranked.is_empty() {
                return;
            }
            ranked.sort_unstable_by(|x, y| y.0.total_cmp(&x.0).then(x.1.cmp(&y.1)));
            ranked.truncate(RANKED);
            for block in ranked.chunks((self.ids.len() / PER_BLOCK).clamp(1, RANKED)) {
                let block: Vec<_> = block.iter().map(|&(_, place)| &open[place]).collect();
                self.enter_block(&block);
            }
            ranked.sort_unstable_by_key(|&(_, place)| std::cmp::Reverse(place));
            for (_, place) in ranked {
                open.swap_remove(place);
            }
        }
    }

    /// Let the vectors of a block that still lower the norm enter together, and settle once. Of several that enter
    /// some may have to leave at once, but never all: the best alone would stay.
    #[inline(always)]
    fn enter_block(&mut self, block: &[&CandidateColumn<'_>]) {
        let gaining = block.iter().filter(|column| self.gain(column).is_some());
        let block: Vec<&CandidateColumn<'_>> = gaining.copied().collect();
        let active = self.ids.len();
        // Each active vector is read once for the whole block.
        let mut products = vec![0.0; active * block.len()];
        for (j, products) in products.chunks_exact_mut(block.len().max(1)).enumerate() {
            for (product, column) in products.iter_mut().zip(&block) {
                *product = dot(self.vector(j), &column.vector);
            }
        }
        let mut entered = false;
        for (place, column) in block.iter().enumerate() {
            let known = products.iter().skip(place).step_by(block.len()).copied();
            entered |= self.enter(column, known);
        }
        if let ([column], false) = (block.as_slice(), entered) {
            entered = self.exchange(column);
        }
        if entered {
            self.settle();
        }
    }

    /// How fast a vector would lower the norm: how far `<a, sum u_i a_i>` is below the product that every active
    /// vector has with that sum, `|sum|^2 / sum u`; both over s. `None` if not at all, but for rounding.
    #[inline(always)]
    fn gain(&self, column: &CandidateColumn<'_>) -> Option<f64> {
        let length = self.square.sqrt();
        if length <= VANISHED * self.lift {
            return None;
        }
        let level = self.square / self.total * (column.lift / self.lift);
        let gain = level - dot(&column.vector, &self.sum);
        (gain > IMPROVES * length * (column.square.sqrt() + length)).then_some(gain)
    }

    /// One step of iterative refinement of `next`, with residuals from the vectors themselves: the factor squares
    /// the condition number, and this takes the loss back.
    #[inline(always)]
    fn refine(&mut self) {
        let mut sum = vec![0.0; self.d];
        for (&place, &u) in self.places.iter().zip(&self.next) {
            for (sum, value) in sum
                .iter_mut()
                .zip(&self.vectors[place * self.d..][..self.d])
            {
                *sum += u * value;
            }
        }
        let missing = self.lift - dot(&self.lifts, &self.next);
        let mut step: Vec<f64> = (0..self.ids.len())
            .map(|j| missing * self.lifts[j] - dot(self.vector(j), &sum))
            .collect();
        forward_substitute(&self.factor, &mut step);
        back_substitute(|j| &self.factor[j], &mut step);
        for (next, change) in self.next.iter_mut().zip(&step) {
            *next += change;
        }
    }

    /// Let a vector in that depends on the active ones but for less than the factor can hold: with
    /// `a = sum m_i a_i`, weight moves from the others to it until one of them has none, and that one leaves. Rows on
    /// one face of the hull, rough by their own rounding, need this.
    #[inline(always)]
    fn exchange(&mut self, column: &CandidateColumn<'_>) -> bool {
        let mut share: Vec<f64> = (0..self.ids.len())
            .map(|j| dot(self.vector(j), &column.vector) + self.lifts[j] * column.lift)
            .collect();
        forward_substitute(&self.factor, &mut share);
        back_substitute(|j| &self.factor[j], &mut share);
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
        if self.enter(column, std::iter::empty())
            && let Some(u) = self.u.last_mut()
        {
            *u = step;
        }
        true
    }

    /// Extend the factor by a vector; false if it depends on the active ones. `products` are its products with the
    /// first of them, as far as they are known.
    #[inline(always)]
    fn enter(
        &mut self,
        entering: &CandidateColumn<'_>,
        products: impl Iterator<Item = f64>,
    ) -> bool {
        // d+1 independent vectors already span the space, and then the point of least norm is zero.
        if self.ids.len() > self.d {
            return false;
        }
        let mut column = Vec::with_capacity(self.ids.len() + 1);
        column.extend(products);
        for j in column.len()..self.ids.len() {
            column.push(dot(self.vector(j), &entering.vector));
        }
        for (product, lift) in column.iter_mut().zip(&self.lifts) {
            *product += lift * entering.lift;
        }
        for j in 0..column.len() {
            let known = dot(&self.factor[j][..j], &column[..j]);
            column[j] = (column[j] - known) / self.factor[j][j];
        }
        let diagonal = entering.square + entering.lift * entering.lift;
        let pivot = diagonal - dot(&column, &column);
        if pivot <= DEPENDENT * diagonal {
            return false;
        }
        let pivot = pivot.sqrt();
        self.half
            .push((self.lift * entering.lift - dot(&column, &self.half)) / pivot);
        column.push(pivot);
        self.factor.push(column);
        self.ids.push(entering.id);
        self.lifts.push(entering.lift);
        self.store(&entering.vector);
        self.u.push(0.0);
        true
    }

    /// The active vector of column `j`.
    #[inline(always)]
    fn vector(&self, j: usize) -> &[f64] {
        &self.vectors[self.places[j] * self.d..][..self.d]
    }

    /// Keep a vector as that of the last column.
    #[inline(always)]
    fn store(&mut self, a: &[f64]) {
        let place = self.free.pop().unwrap_or(self.vectors.len() / self.d);
        if place * self.d == self.vectors.len() {
            self.vectors.extend_from_slice(a);
        } else {
            self.vectors[place * self.d..][..self.d].copy_from_slice(a);
        }
        self.places.push(place);
    }

    /// Lawson and Hanson's inner loop: move to the least-squares solution, dropping what turns negative.
    #[inline(always)]
    fn settle(&mut self) {
        loop {
            self.solve();
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
        self.add_up();
    }

    /// `sum = sum_i u_i a_i`.
    #[inline(always)]
    fn add_up(&mut self) {
        self.sum.fill(0.0);
        for (&place, &u) in self.places.iter().zip(&self.u) {
            for (sum, value) in self
                .sum
                .iter_mut()
                .zip(&self.vectors[place * self.d..][..self.d])
            {
                *sum += u * value;
            }
        }
        self.square = dot(&self.sum, &self.sum);
        self.total = dot(&self.u, &self.lifts) / self.lift;
        self.delicate = self.square < DELICATE * (self.lift * self.total).powi(2);
    }

    /// `R next = half`, refined where the point is so short that rounding would show.
    #[inline(always)]
    fn solve(&mut self) {
        self.next.clear();
        self.next.extend_from_slice(&self.half);
        back_substitute(|j| &self.factor[j], &mut self.next);
        if self.delicate {
            self.refine();
            self.refine();
        }
    }

    /// Remove column `gone` from the factor; rotations make it triangular again.
    #[inline(always)]
    fn leave(&mut self, gone: usize) {
        self.ids.remove(gone);
        self.lifts.remove(gone);
        self.u.remove(gone);
        self.next.remove(gone);
        self.free.push(self.places.remove(gone));
        self.factor.remove(gone);
        // Column by column: the earlier rotations first, then the one that clears its subdiagonal.
        let mut rotations: Vec<(f64, f64)> = Vec::with_capacity(self.factor.len() - gone);
        for column in &mut self.factor[gone..] {
            let last = column.len() - 2;
            for (pair, &(c, s)) in (gone..last).zip(&rotations) {
                let (upper, lower) = (column[pair], column[pair + 1]);
                column[pair] = c * upper + s * lower;
                column[pair + 1] = c * lower - s * upper;
            }
            let (upper, lower) = (column[last], column[last + 1]);
            let length = upper.hypot(lower);
            rotations.push((upper / length, lower / length));
            column[last] = length;
            column.truncate(last + 1);
        }
        for (pair, &(c, s)) in (gone..).zip(&rotations) {
            let (upper, lower) = (self.half[pair], self.half[pair + 1]);
            self.half[pair] = c * upper + s * lower;
            self.half[pair + 1] = c * lower - s * upper;
        }
        self.half.truncate(self.factor.len());
    }
}

/// [`MinNorm::run`], compiled for the instruction set found at run time.
struct Improve<'a, 'b> {
    set: &'a mut MinNorm,
    candidates: &'a [Candidate<'b>],
}

impl pulp::NullaryFnOnce for Improve<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.set.run(self.candidates);
    }
}

/// `R^T x = b` in place, R by columns.
#[inline(always)]
fn forward_substitute(factor: &[Vec<f64>], b: &mut [f64]) {
    for j in 0..b.len() {
        let known = dot(&factor[j][..j], &b[..j]);
        b[j] = (b[j] - known) / factor[j][j];
    }
}

/// `R x = b` from below, in place of b; `column` gives the columns of R, of which the first j + 1 numbers of column j count.
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

/// A dot product in sixteen running sums, which the compiler can keep in vector registers.
#[inline(always)]
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    dot_in::<16>(a, b)
}

/// The same in so many sums: fewer are quicker for a few numbers.
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
            prop_assert!(set.weights().iter().all(|&w| w >= 0.0));
        }
    }
}
