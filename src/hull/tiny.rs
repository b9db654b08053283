//! Thousands of independent small problems: one query each, against a set that grows.
//!
//! A problem draws its query and then its rows, block by block. The result is the size from which on the query is
//! inside the hull of the rows drawn so far: sets are nested, so a query once inside stays inside, and no more rows are
//! drawn. The separating direction is kept from block to block. Only rows on its wrong side change anything, and these
//! become rare: of N rows at most d touch the slab that separates best, so the next row does with probability d/N. Then
//! the least-squares problem of `active` includes them, and all rows are priced again.
//!
//! Everything is in f64, on the differences `a = x - q`. The query is outside when every row scores below zero along
//! the direction w by more than its rounding: `<a, w> < -gamma(d + 3) sum_j |a_j w_j|`, which covers the difference, the
//! products and their sum (and is implied, for all rows at once, by the largest score and the largest `|a|`). Where that
//! fails along the last residual, the query is inside when weights `l > 0, sum l = 1` of at most d + 1 rows leave
//! `|sum l a|` of at most 1e-9 of `sum l |a|`, the weighted mean distance of these rows from the query. Both rules look
//! at single rows or at the rows of one combination, so a far row does not affect them. Otherwise the query stays
//! undecided until more rows settle it.

mod active;
mod proved;

pub use proved::{Shares, first_inside_with};

use super::{Certificate, Verdict};
use crate::control::Control;
use crate::error::Result;
use crate::rows::law::{Law, Query};
use crate::scan::rounding::{U64, gamma};
pub(super) use active::Active;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Rows whose differences lie together: `a[panel][column][row]`.
const LANES: usize = 8;

/// The fewest and the most rows drawn at a time; in between, a fixed share of the rows drawn so far.
const BLOCK_LEAST: usize = 16;
const BLOCK_MOST: usize = 2048;

/// The most rows that enter from one pricing.
const TAKEN: usize = 8;

/// A row enters only if its distance to the query along the direction is below this share of that of the nearest point.
const KEEN: f64 = 0.5;

/// The most pricings of one block. A few suffice, because each shortens the residual; the limit is for rounding.
const ROUNDS: usize = 10_000;

/// Largest residual of an inside certificate, as a share of the mean distance of its rows from the query.
const TOLERANCE: f64 = 1e-9;

/// The most problems of one task, between two checks for an interrupt; fewer if a problem takes long.
const TASK: u64 = 64;

/// Fills a slice with a problem's next rows.
pub type RowGenerator<'p> = Box<dyn FnMut(&mut [f64]) + 'p>;

/// Independent problems, numbered from 0.
pub trait Problems: Sync {
    /// The number of dimensions, d.
    fn dim(&self) -> usize;

    /// Bytes that a problem needs beside its rows.
    fn bytes(&self) -> u64 {
        0
    }

    /// Begin a problem: writes its query (d numbers) to `query` and returns a source of its rows, which must not depend
    /// on how many rows are requested at a time.
    fn begin<'p>(&'p self, number: u64, query: &mut [f64]) -> RowGenerator<'p>;
}

/// Problems drawn from a distribution: problem `number` is one trial, which draws the query first, then the rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trials {
    pub law: Law,
    pub query: Query,
    pub d: usize,
    pub seed: u64,
}

impl Problems for Trials {
    fn dim(&self) -> usize {
        self.d
    }

    fn bytes(&self) -> u64 {
        self.law.bytes(self.d)
    }

    fn begin<'p>(&'p self, number: u64, query: &mut [f64]) -> RowGenerator<'p> {
        let mut sampler = self.law.sampler(self.d, self.seed, number);
        sampler.query(self.query, query);
        Box::new(move |rows| sampler.rows(rows))
    }
}

/// Where a problem's verdict changes along ascending sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Turn {
    /// How many leading sizes are proved outside.
    pub outside: usize,
    /// The index of the first size that is inside; the number of sizes if none is. The sizes in between are undecided.
    pub inside: usize,
}

impl Turn {
    /// The verdict at the size with this index.
    pub fn verdict(&self, size: usize) -> Verdict {
        if size < self.outside {
            Verdict::Outside
        } else if size >= self.inside {
            Verdict::Inside
        } else {
            Verdict::Undecided
        }
    }
}

/// For each problem, from which size on its query is inside the hull of its first rows.
///
/// `sizes` must ascend. A running problem keeps its rows: all of them together use at most `memory` bytes, which limits
/// how many run at a time. Answers are in the problems' order and do not depend on the number of threads. A unit of
/// progress is a problem. Errors: [`crate::Error::Interrupted`].
pub fn first_inside(
    problems: &dyn Problems,
    numbers: Range<u64>,
    sizes: &[usize],
    memory: u64,
    control: &Control,
) -> Result<Vec<Turn>> {
    assert!(
        sizes.is_sorted() && sizes.first() != Some(&0),
        "sizes ascend from 1"
    );
    let count = numbers.end.saturating_sub(numbers.start);
    let most = bytes(sizes.last().copied().unwrap_or(0), problems.dim()) + problems.bytes();
    let task = (TASK * (1 << 20) / most.max(1 << 20)).max(1);
    let workers = (memory / most.max(1)).clamp(1, rayon::current_num_threads() as u64);
    let next = AtomicU64::new(0);
    let work = |_| -> Result<Vec<(u64, Vec<Turn>)>> {
        let mut problem = Problem::new(problems.dim());
        let mut done = Vec::new();
        loop {
            let first = next.fetch_add(task, Relaxed);
            if first >= count {
                return Ok(done);
            }
            let part = first..(first + task).min(count);
            let length = part.end - part.start;
            let turns = part
                .map(|i| problem.run(problems, numbers.start + i, sizes, control, |_, _| ()))
                .collect::<Result<_>>()?;
            control.advance(length);
            done.push((first, turns));
        }
    };
    let mut parts: Vec<(u64, Vec<Turn>)> = (0..workers)
        .into_par_iter()
        .map(work)
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .flatten()
        .collect();
    parts.sort_unstable_by_key(|(first, _)| *first);
    Ok(parts.into_iter().flat_map(|(_, turns)| turns).collect())
}

/// Bytes that a problem of n rows keeps: the rows, and two square matrices.
pub fn bytes(n: usize, d: usize) -> u64 {
    let rows = (n as u64).saturating_add(LANES as u64);
    let columns = d as u64 + 1;
    rows.saturating_add(2 * columns).saturating_mul(8 * columns)
}

/// The certificate of each verdict of one problem, for the rows up to each size. The certificate of the first inside
/// size holds for larger sizes too. Errors: [`crate::Error::Interrupted`].
pub fn certificates(
    problems: &dyn Problems,
    number: u64,
    sizes: &[usize],
    control: &Control,
) -> Result<Vec<Certificate>> {
    let mut all = Vec::new();
    let mut problem = Problem::new(problems.dim());
    problem.run(problems, number, sizes, control, |problem, verdict| {
        all.push(problem.certificate(verdict));
    })?;
    if let Some(last @ Certificate::Inside { .. }) = all.last().cloned() {
        all.resize(sizes.len(), last);
    }
    Ok(all)
}

/// One running problem; its buffers are reused by the next one.
#[derive(Debug, Clone, Default)]
struct Problem {
    d: usize,
    query: Vec<f64>,
    /// Rows as they are drawn.
    drawn: Vec<f64>,
    /// `x - q` of all rows so far, in panels; the last panel is padded with copies of a row.
    panels: Vec<f64>,
    count: usize,
    /// The largest `|a|`.
    far: f64,
    active: Active,
    /// How many rows are priced along the present direction; and the largest `<a, w>` among them.
    priced: usize,
    top: f64,
    /// After the verdict outside: a bound on how far below zero the scores of all rows are.
    clear: f64,
    taken: Taken,
    /// Scratch: lifted vectors of the entering rows.
    lifted: Vec<f64>,
}

/// The best rows of a pricing along the direction.
#[derive(Debug, Clone, Default)]
struct Taken {
    ids: Vec<usize>,
    scores: Vec<f64>,
}

impl Taken {
    fn clear(&mut self) {
        self.ids.clear();
        self.scores.clear();
    }

    /// Add a row; returns the score that the next row must exceed.
    #[inline(always)]
    fn offer(&mut self, score: f64, id: usize, bar: f64) -> f64 {
        if self.ids.len() == TAKEN {
            let worst = self.worst();
            (self.scores[worst], self.ids[worst]) = (score, id);
        } else {
            self.scores.push(score);
            self.ids.push(id);
        }
        if self.ids.len() == TAKEN {
            self.scores[self.worst()]
        } else {
            bar
        }
    }

    fn worst(&self) -> usize {
        (1..self.scores.len()).fold(0, |worst, i| {
            if self.scores[i] < self.scores[worst] {
                i
            } else {
                worst
            }
        })
    }
}

impl Problem {
    fn new(d: usize) -> Self {
        Problem {
            d,
            query: vec![0.0; d],
            ..Problem::default()
        }
    }

    /// Run a problem through ascending sizes until it is inside; `seen` is called with the verdict at each size.
    fn run(
        &mut self,
        problems: &dyn Problems,
        number: u64,
        sizes: &[usize],
        control: &Control,
        mut seen: impl FnMut(&Problem, Verdict),
    ) -> Result<Turn> {
        self.panels.clear();
        (self.count, self.priced, self.far) = (0, 0, 0.0);
        self.top = f64::NEG_INFINITY;
        let mut rows = problems.begin(number, &mut self.query);
        let mut turn = Turn {
            outside: 0,
            inside: sizes.len(),
        };
        let mut verdict = Verdict::Outside;
        for (place, &size) in sizes.iter().enumerate() {
            while self.count < size {
                control.check()?;
                let block = (self.count / 2).clamp(BLOCK_LEAST, BLOCK_MOST);
                self.draw(block.min(size - self.count), &mut rows);
                verdict = pulp::Arch::new().dispatch(Judge(self));
                if verdict == Verdict::Inside {
                    break;
                }
            }
            seen(self, verdict);
            match verdict {
                // Smaller sets, whose verdicts were undecided, are outside too.
                Verdict::Outside => turn.outside = place + 1,
                Verdict::Undecided => (),
                Verdict::Inside => {
                    turn.inside = place;
                    break;
                }
            }
        }
        Ok(turn)
    }

    /// Draw rows and store their differences to the query.
    fn draw(&mut self, rows: usize, source: &mut dyn FnMut(&mut [f64])) {
        let d = self.d;
        self.drawn.resize(rows * d, 0.0);
        source(&mut self.drawn);
        let first = self.count;
        self.count += rows;
        self.panels
            .resize(self.count.next_multiple_of(LANES) * d, 0.0);
        let (mut far, mut near) = (self.far * self.far, (f64::INFINITY, 0));
        for (id, row) in (first..).zip(self.drawn.chunks_exact(d)) {
            let panel = &mut self.panels[id / LANES * LANES * d..][..LANES * d];
            let mut square = 0.0;
            for ((x, q), lanes) in row
                .iter()
                .zip(&self.query)
                .zip(panel.chunks_exact_mut(LANES))
            {
                let difference = x - q;
                lanes[id % LANES] = difference;
                square += difference * difference;
            }
            far = far.max(square);
            if square < near.0 {
                near = (square, id);
            }
        }
        // Pad the last panel with copies of an existing row, which add no new score.
        let used = self.count % LANES;
        if used > 0 {
            let last = self.count / LANES * LANES * d;
            for lanes in self.panels[last..].chunks_exact_mut(LANES) {
                lanes.copy_within(..1, used);
                let copy = lanes[0];
                lanes[used..].fill(copy);
            }
        }
        self.far = far.sqrt() * (1.0 + gamma(d + 3, U64));
        if first == 0 {
            self.begin(near.1);
        }
    }

    /// The difference of row `id` to the query.
    fn row(&self, id: usize) -> impl Iterator<Item = &f64> {
        let panel = &self.panels[id / LANES * LANES * self.d..][..LANES * self.d];
        panel.iter().skip(id % LANES).step_by(LANES)
    }

    /// Start from the nearest row of the first block. The lift is the length of the block's median row: with a far
    /// row's length the others would look alike.
    fn begin(&mut self, nearest: usize) {
        let square = |id| self.row(id).map(|a| a * a).sum::<f64>();
        let mut squares: Vec<f64> = (0..self.count).map(square).collect();
        let middle = squares.len() / 2;
        let (_, middle, _) = squares.select_nth_unstable_by(middle, f64::total_cmp);
        let lift = [middle.sqrt(), self.far]
            .into_iter()
            .find(|lift| *lift > 0.0 && lift.is_finite());
        self.active.reset(self.d, lift.unwrap_or(1.0));
        self.lift(&[nearest]);
        self.active.improve(&[nearest], &self.lifted);
    }

    /// The lifted vectors of some rows, one after the other.
    #[inline(always)]
    fn lift(&mut self, ids: &[usize]) {
        let d = self.d;
        self.lifted.clear();
        for &id in ids {
            let panel = &self.panels[id / LANES * LANES * d..][..LANES * d];
            self.lifted
                .extend(panel.iter().skip(id % LANES).step_by(LANES));
            self.lifted.push(self.active.lift());
        }
    }

    /// Price the new rows, let rows on the wrong side enter, and price all rows again, until a verdict holds.
    #[inline(always)]
    fn judge(&mut self) -> Verdict {
        for _ in 0..ROUNDS {
            let noise = self.noise();
            let top = self.price(noise);
            if top < -noise {
                self.clear = -top - noise;
                return Verdict::Outside;
            }
            let ids = std::mem::take(&mut self.taken.ids);
            self.lift(&ids);
            let improved = self.active.improve(&ids, &self.lifted);
            self.taken.ids = ids;
            self.priced = 0;
            self.top = f64::NEG_INFINITY;
            if !improved || self.active.vanished() {
                break;
            }
        }
        let rows = (0..self.count).map(|id| self.row(id));
        let direction = self.active.direction();
        self.clear = separation(direction, hidden(direction, &self.query), rows);
        if self.clear > 0.0 {
            Verdict::Outside
        } else if self.meets() {
            Verdict::Inside
        } else {
            Verdict::Undecided
        }
    }

    /// A bound on the rounding error of any row's score: `gamma(d + 3) |w| max |a|`, plus a denormal number for each product.
    #[inline(always)]
    fn noise(&self) -> f64 {
        let square: f64 = self.active.direction().iter().map(|w| w * w).sum();
        gamma(self.d + 3, U64) * square.sqrt() * self.far * (1.0 + 1e-9) + self.d as f64 * LEAST
    }

    /// Score the new rows and keep the best in `taken`. Returns the largest score of all rows.
    #[inline(always)]
    fn price(&mut self, noise: f64) -> f64 {
        let d = self.d;
        let direction = self.active.direction();
        self.taken.clear();
        let mut bar = f64::min(-noise, -KEEN * self.active.square());
        let first = self.priced / LANES;
        let panels = self.panels[first * LANES * d..].chunks_exact(LANES * d);
        for (panel, values) in (first..).zip(panels) {
            let mut scores = [0.0; LANES];
            let (columns, _) = values.as_chunks::<LANES>();
            for (w, column) in direction.iter().zip(columns) {
                for lane in 0..LANES {
                    scores[lane] += w * column[lane];
                }
            }
            let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            self.top = self.top.max(top);
            if top > bar {
                for (lane, &score) in scores.iter().enumerate() {
                    let id = panel * LANES + lane;
                    if score > bar && id < self.count {
                        bar = self.taken.offer(score, id, bar);
                    }
                }
            }
        }
        self.priced = self.count;
        self.top
    }

    /// Whether convex weights of the active rows meet the query, to the tolerance.
    fn meets(&mut self) -> bool {
        let ids = self.active.ids().to_vec();
        self.lift(&ids);
        meets(self.d, &self.lifted, self.active.weights())
    }

    /// The proof of the last verdict.
    fn certificate(&self, verdict: Verdict) -> Certificate {
        match verdict {
            Verdict::Inside => {
                let own = |id: &&usize| self.row(**id).all(|&a| a == 0.0);
                if let Some(&id) = self.active.ids().iter().find(own) {
                    return Certificate::Inside {
                        rows: vec![id],
                        weights: vec![1.0],
                        exact: false,
                    };
                }
                let total: f64 = self.active.weights().iter().sum();
                let pairs = self.active.ids().iter().zip(self.active.weights());
                // Rows on a grid can have weight 0.
                let pairs = pairs.filter(|(_, u)| **u > 0.0);
                let (rows, weights) = pairs.map(|(&id, u)| (id, u / total)).unzip();
                Certificate::Inside {
                    rows,
                    weights,
                    exact: false,
                }
            }
            Verdict::Outside => {
                let direction = self.active.direction().to_vec();
                let margin = self.clear / length(&direction) * (1.0 - gamma(self.d + 4, U64));
                Certificate::Outside {
                    // For directions near the ends of the range of f64, the length may be 0 or infinite.
                    margin: if margin.is_finite() { margin } else { 0.0 },
                    direction,
                }
            }
            Verdict::Undecided => Certificate::None,
        }
    }
}

/// Whether the combination of some lifted vectors, with weights that sum to about 1, is zero to the tolerance.
///
/// The residual is measured by the sum of the magnitudes of its entries, which is at least its Euclidean length; each
/// vector by its largest entry, which is at most its Euclidean length. Neither overflows or underflows on the way.
fn meets(d: usize, lifted: &[f64], weights: &[f64]) -> bool {
    let total: f64 = weights.iter().sum();
    let mut sum = vec![0.0; d];
    let mut distance = 0.0;
    for (vector, u) in lifted.chunks_exact(d + 1).zip(weights) {
        let share = u / total;
        for (sum, value) in sum.iter_mut().zip(vector) {
            *sum += share * value;
        }
        let largest = vector[..d].iter().fold(0f64, |most, a| most.max(a.abs()));
        distance += share * largest;
    }
    // A row that equals the query suffices alone.
    let mut rows = lifted.chunks_exact(d + 1).zip(weights);
    if rows.any(|(vector, &u)| u > 0.0 && vector[..d].iter().all(|&a| a == 0.0)) {
        return true;
    }
    let residual: f64 = sum.iter().map(|v| v.abs()).sum();
    let roundings = weights.len() + d + 5;
    let hidden = d as f64 * gamma(roundings, U64) * distance + (roundings * d) as f64 * LEAST;
    distance < f64::INFINITY && residual + hidden <= TOLERANCE * distance
}

/// The smallest positive number: the most that a product can lose to underflow.
const LEAST: f64 = f64::from_bits(1);

/// A lower bound on how far below zero the exact scores of all rows are along a direction; not positive if some score
/// may be zero or more. `hidden` bounds the effect of the query's own rounding on a score.
fn separation<'a>(
    direction: &[f64],
    hidden: f64,
    rows: impl Iterator<Item = impl Iterator<Item = &'a f64>>,
) -> f64 {
    let share = gamma(direction.len() + 3, U64);
    let lost = direction.len() as f64 * LEAST + hidden;
    let mut clear = f64::INFINITY;
    for row in rows {
        let (mut score, mut size) = (0.0, 0.0);
        for (a, w) in row.zip(direction) {
            let product = a * w;
            score += product;
            size += product.abs();
        }
        let of_row = -score - (share * size * (1.0 + 1e-9) + lost);
        // NaN if a product is NaN.
        if of_row.is_nan() || of_row <= 0.0 {
            return f64::NEG_INFINITY;
        }
        clear = clear.min(of_row);
    }
    clear
}

/// A bound on the effect that rounding the query's input numbers has on a score: `gamma(d + 3) sum_j |w_j q_j|`.
fn hidden(direction: &[f64], query: &[f64]) -> f64 {
    let sizes = direction.iter().zip(query).map(|(w, q)| (w * q).abs());
    gamma(direction.len() + 3, U64) * sizes.sum::<f64>()
}

/// |v|.
fn length(v: &[f64]) -> f64 {
    v.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// [`Problem::judge`], compiled for the instruction set found at run time.
struct Judge<'p>(&'p mut Problem);

impl pulp::NullaryFnOnce for Judge<'_> {
    type Output = Verdict;

    #[inline(always)]
    fn call(self) -> Verdict {
        self.0.judge()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One problem: a query and its rows, d numbers each.
    struct Given {
        query: Vec<f64>,
        rows: Vec<f64>,
    }

    impl Problems for Given {
        fn dim(&self) -> usize {
            self.query.len()
        }

        fn begin<'p>(&'p self, _: u64, query: &mut [f64]) -> RowGenerator<'p> {
            query.copy_from_slice(&self.query);
            let mut rest = &self.rows[..];
            Box::new(move |rows| {
                let (now, later) = rest.split_at(rows.len());
                rows.copy_from_slice(now);
                rest = later;
            })
        }
    }

    /// The verdict for all rows; asserts that its certificate is of the same kind.
    fn verdict(query: &[f64], rows: &[f64]) -> Verdict {
        let d = query.len();
        let sizes = [rows.len() / d];
        let given = Given {
            query: query.to_vec(),
            rows: rows.to_vec(),
        };
        let control = Control::default();
        let turns = first_inside(&given, 0..1, &sizes, 1 << 20, &control).unwrap();
        let certificate = certificates(&given, 0, &sizes, &control).unwrap();
        let verdict = turns[0].verdict(0);
        match &certificate[0] {
            Certificate::Outside { margin, .. } => {
                assert!(verdict == Verdict::Outside && margin.is_finite() && *margin >= 0.0);
            }
            Certificate::Inside { .. } => assert_eq!(verdict, Verdict::Inside),
            _ => assert_eq!(verdict, Verdict::Undecided),
        }
        verdict
    }

    const SQUARE: [f64; 8] = [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0];

    /// The hull of the square and of a far point on its diagonal is known: queries beside the long edges are outside.
    #[test]
    fn one_far_row_decides_about_no_other_row() {
        for far in [1e5, 1e9, 1e14, 1e20, 1e100, 1e153] {
            for at_first in [true, false] {
                let mut rows = SQUARE.to_vec();
                let at = if at_first { 0 } else { rows.len() };
                rows.splice(at..at, [far, far]);
                let of = |x: f64, y: f64| verdict(&[x, y], &rows);
                for off in [1e-1, 1e-3, 1e-6, 1e-9] {
                    let what = format!("{off} off, a row at {far}");
                    assert_eq!(of(0.5, -off), Verdict::Outside, "below, {what}");
                    assert_eq!(of(-off, 0.25), Verdict::Outside, "left, {what}");
                    assert_eq!(of(-off, -off), Verdict::Outside, "the corner, {what}");
                }
                assert_eq!(of(0.25, 0.5), Verdict::Inside, "a row at {far}");
                assert_eq!(of(1.0, 0.0), Verdict::Inside, "a corner, a row at {far}");
            }
        }
    }

    /// Scaling by powers of two changes only exponents; near the ends of the range a verdict may be missing, but never wrong.
    #[test]
    fn no_scale_gives_a_wrong_verdict() {
        for exponent in (-1070..=1020).step_by(10) {
            let scale = f64::powi(2.0, exponent / 2) * f64::powi(2.0, exponent - exponent / 2);
            let rows = SQUARE.map(|x| x * scale);
            let of = |x: f64, y: f64| verdict(&[x * scale, y * scale], &rows);
            let (inside, outside) = (of(0.5, 0.25), of(1.5, 0.25));
            assert_ne!(inside, Verdict::Outside, "2^{exponent}");
            assert_ne!(outside, Verdict::Inside, "2^{exponent}");
            if (-400..=400).contains(&exponent) {
                assert_eq!(inside, Verdict::Inside, "2^{exponent}");
                assert_eq!(outside, Verdict::Outside, "2^{exponent}");
            }
        }
    }

    #[test]
    fn a_combination_meets_by_a_share_of_its_own_distances() {
        // Lifted vectors: the last number is not a coordinate.
        let pair = |off: f64| [1.0, off, 1.0, -1.0, off, 1.0];
        assert!(meets(2, &pair(0.9e-9), &[0.5, 0.5]));
        assert!(!meets(2, &pair(1.1e-9), &[0.5, 0.5]));
        // A far row with a negligible weight does not loosen the tolerance.
        let with_far = [pair(1e-6).as_slice(), &[1e9, 1e-6, 1.0]].concat();
        assert!(!meets(2, &with_far, &[0.5, 0.5, 1e-18]));
        assert!(!meets(
            2,
            &[f64::MAX, 0.0, 1.0, f64::MAX, 0.0, 1.0],
            &[0.5, 0.5]
        ));
        assert!(!meets(2, &[], &[]));
        assert!(meets(2, &[0.0, 0.0, 1.0], &[1.0]));
    }

    #[test]
    fn a_row_on_the_plane_is_not_behind_it() {
        let clear =
            |rows: &[[f64; 2]]| separation(&[0.0, 1.0], 0.0, rows.iter().map(|row| row.iter()));
        assert!(clear(&[[5.0, -1e-3], [1e300, -1.0]]) > 9e-4);
        assert_eq!(clear(&[[5.0, -1.0], [1.0, 0.0]]), f64::NEG_INFINITY);
        assert_eq!(clear(&[[5.0, -1.0], [1.0, f64::NAN]]), f64::NEG_INFINITY);
        // 3 + 1e16 - 1e16 is lost in rounding.
        let row = [3.0, 1e16, -1e16 - 4.0];
        let lost = separation(&[1.0; 3], 0.0, std::iter::once(row.iter()));
        assert_eq!(lost, f64::NEG_INFINITY);
    }
}
