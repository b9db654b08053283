//! Thousands of independent small problems: one query each, against a set that grows.
//!
//! A problem draws its query and then its rows, block by block. What is asked is from which size on the query is
//! inside the hull of the rows so far: a set holds its prefixes, so once inside it stays, and no more rows are drawn.
//! The direction that separates is kept from block to block. Only rows on the wrong side of it change anything, and
//! these become rare: of N rows at most d touch the slab that separates best, so the next one does with probability
//! d/N. Then the least-squares problem of `active` takes them in, and all rows are priced again.
//!
//! Everything is in f64, on the differences `a = x - q`. With s the largest `<a, w>` of all rows, the query is outside
//! when `s < -gamma(d + 3) |w| max |a|`, which covers the rounding of the differences and of the products. Where that
//! fails, it is inside when weights `l > 0, sum l = 1` of at most d + 1 rows leave `|sum l a|` of at most 1e-9 of the
//! reference radius. Otherwise it stays undecided until more rows settle it.

mod active;
mod proved;

pub use proved::{Shares, first_inside_with};

use super::{Certificate, Verdict};
use crate::control::Control;
use crate::error::Result;
use crate::rows::law::{Law, Query};
use crate::scan::rounding::{U64, gamma};
use active::Active;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Rows whose differences lie together: `a[panel][column][row]`.
const LANES: usize = 8;

/// Rows drawn at a time, at least and at most; in between, a share of those there are.
const BLOCK_LEAST: usize = 16;
const BLOCK_MOST: usize = 2048;

/// Rows taken from one pricing.
const TAKEN: usize = 8;

/// A row is taken while it lies closer to the query, along the direction, than this share of the nearest point.
const KEEN: f64 = 0.5;

/// Pricings of one block. Each shortens the residual, and a few do; the limit is for rounding.
const ROUNDS: usize = 10_000;

/// Largest residual of an inside certificate, as a share of the reference radius.
const TOLERANCE: f64 = 1e-9;

/// Problems of a task, between two looks at the stop flag: fewer where one takes long.
const TASK: u64 = 64;

/// Writes a problem's next rows, a whole number of them.
pub type Source<'p> = Box<dyn FnMut(&mut [f64]) + 'p>;

/// Independent problems, numbered from 0.
pub trait Problems: Sync {
    /// d.
    fn dim(&self) -> usize;

    /// Bytes that a problem keeps beside its rows.
    fn bytes(&self) -> u64 {
        0
    }

    /// Begin a problem: its query goes to `query` (d numbers), its rows come from what is returned, and may not depend on
    /// how many are asked for at a time.
    fn begin<'p>(&'p self, number: u64, query: &mut [f64]) -> Source<'p>;
}

/// Problems drawn from a law, a trial each: the query first, then the rows.
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

    fn begin<'p>(&'p self, number: u64, query: &mut [f64]) -> Source<'p> {
        let mut sampler = self.law.sampler(self.d, self.seed, number);
        sampler.query(self.query, query);
        Box::new(move |rows| sampler.rows(rows))
    }
}

/// Where a problem changes its answer among ascending sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Turn {
    /// The first so many sizes are proven outside.
    pub outside: usize,
    /// From this size on the query is inside; the number of sizes if it never is. Sizes between are undecided.
    pub inside: usize,
}

impl Turn {
    /// The verdict at one of the sizes.
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

/// From which size on each problem's query is inside the hull of its first rows.
///
/// `sizes` ascend. A problem under way keeps its rows: `memory` bytes at most are used for all of them together, by
/// working on fewer at a time. Answers are in the problems' order and do not depend on the number of threads. Units of
/// progress are problems. Errors: [`crate::Error::Interrupted`].
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

/// The certificate of each verdict of one problem, against the rows up to each size. That of the first size inside
/// holds for the larger ones. Errors: [`crate::Error::Interrupted`].
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

/// One problem under way, with room that the next one uses again.
#[derive(Debug, Clone, Default)]
struct Problem {
    d: usize,
    query: Vec<f64>,
    /// Rows as they are drawn.
    drawn: Vec<f64>,
    /// `x - q` of all rows so far; the last panel is filled up with copies of a row.
    panels: Vec<f64>,
    count: usize,
    /// The largest `|a|`.
    far: f64,
    active: Active,
    /// Rows below this number are priced under the present direction; the largest `<a, w>` among them.
    priced: usize,
    top: f64,
    taken: Taken,
    /// Scratch: lifted vectors of the rows taken.
    lifted: Vec<f64>,
}

/// The rows of a pricing that are best along the direction.
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

    /// Offer a row; the score that the next one must beat.
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

    /// Run a problem through ascending sizes until it is inside; `seen` is told the verdict at each size.
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
                // Whatever was undecided before is a smaller set, and outside with this one.
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

    /// Draw rows and keep their differences to the query.
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
        // Places without a row get a copy of one that is there: no score of theirs is new.
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

    /// Start from the nearest row of the first block.
    fn begin(&mut self, nearest: usize) {
        let lift = if self.far > 0.0 { self.far } else { 1.0 };
        self.active.reset(self.d, lift);
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

    /// Price the rows not priced yet, take in what is on the wrong side, and again, until a verdict holds.
    #[inline(always)]
    fn judge(&mut self) -> Verdict {
        for _ in 0..ROUNDS {
            let noise = self.noise();
            let top = self.price(noise);
            if top < -noise {
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
        if self.meets() {
            Verdict::Inside
        } else {
            Verdict::Undecided
        }
    }

    /// What rounding may hide in a score: `gamma(d + 3) |w| max |a|`.
    #[inline(always)]
    fn noise(&self) -> f64 {
        let square: f64 = self.active.direction().iter().map(|w| w * w).sum();
        gamma(self.d + 3, U64) * square.sqrt() * self.far * (1.0 + 1e-9)
    }

    /// Score the rows not priced yet; the best are taken. The largest score of all rows.
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
        if ids.is_empty() {
            return false;
        }
        self.lift(&ids);
        let met = meets(self.d, &self.lifted, self.active.weights());
        met.within(TOLERANCE) || met.residual <= TOLERANCE * self.radius()
    }

    /// The reference radius: the largest distance of a row so far from their mean.
    fn radius(&self) -> f64 {
        let d = self.d;
        let row = |id: usize| {
            let panel = &self.panels[id / LANES * LANES * d..][..LANES * d];
            panel.iter().skip(id % LANES).step_by(LANES)
        };
        let mut mean = vec![0.0; d];
        for id in 0..self.count {
            for (sum, value) in mean.iter_mut().zip(row(id)) {
                *sum += value / self.count as f64;
            }
        }
        let distance = |id: usize| {
            let differences: Vec<f64> = row(id).zip(&mean).map(|(a, m)| a - m).collect();
            length(&differences)
        };
        (0..self.count).map(distance).fold(0.0, f64::max)
    }

    /// The proof of a verdict that was just found.
    fn certificate(&self, verdict: Verdict) -> Certificate {
        match verdict {
            Verdict::Inside => {
                let total: f64 = self.active.weights().iter().sum();
                let pairs = self.active.ids().iter().zip(self.active.weights());
                // Data on a grid can leave a row without weight.
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
                let separation = -self.top - self.noise();
                Certificate::Outside {
                    margin: separation / length(&direction) * (1.0 - gamma(self.d + 4, U64)),
                    direction,
                }
            }
            Verdict::Undecided => Certificate::None,
        }
    }
}

/// How near a convex combination comes to the query.
struct Met {
    residual: f64,
    /// The largest distance between two of its rows.
    widest: f64,
}

impl Met {
    /// Whether the residual is below a share of the reference radius: no centre is nearer to all rows than half of what
    /// two of them are apart.
    fn within(&self, tolerance: f64) -> bool {
        self.residual <= tolerance * 0.5 * self.widest
    }
}

/// The combination of some lifted vectors with weights that sum to about 1.
fn meets(d: usize, lifted: &[f64], weights: &[f64]) -> Met {
    let total: f64 = weights.iter().sum();
    let vectors = || lifted.chunks_exact(d + 1);
    let mut sum = vec![0.0; d];
    for (vector, u) in vectors().zip(weights) {
        for (sum, value) in sum.iter_mut().zip(vector) {
            *sum += u / total * value;
        }
    }
    let apart = |a: &[f64], b: &[f64]| {
        let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
        length(&differences)
    };
    let pairs = vectors().flat_map(|a| vectors().map(move |b| apart(a, b)));
    Met {
        residual: length(&sum),
        widest: pairs.fold(0.0, f64::max),
    }
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
