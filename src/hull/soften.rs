//! The first scans of a query near the boundary: its constraints are soft at first, and hard for the last step.
//!
//! The exact active set of [`MinNorm`] takes in one vector at a time, and most of them leave again: among 60,000 Gaussian
//! rows in 128 dimensions a query near the boundary takes 600 vectors in for the 128 that it needs. Here the problem with
//! a [`penalty`](super::penalty) is solved over all rows that the query has met; its direction is scanned for more rows, and may separate
//! the query; then the penalty grows. After the last, the vectors with weight are reduced to a basis ([`reduce`]), and the
//! active set starts from it: about 15 more vectors enter. Scans and proofs are those of `solve`.

use super::min_norm::{Candidate, MinNorm, median_length};
use super::penalty::{Columns, minimise};
use super::pool::{Pool, Slot};
use super::prove::Scanned;
use super::reduce::reduce;

/// The penalties, for vectors of typical length 1. In a model of 60,000 x 128 Gaussian rows, the exact search of a query
/// outside takes in 85 more vectors if they end at 2,500, 20 if at 5,000 and 3 if at 20,000; and about four times as many
/// if they start at 250 as if at 25.
const PENALTIES: [f32; 5] = [25.0, 250.0, 1250.0, 5000.0, 20000.0];

/// The point has vanished, but for the penalty, if its square is below this share of what the penalty costs.
const VANISHED: f32 = 0.2;

/// Rows to start from, and from the first scan, for each dimension; later scans return half as many.
const WANTED: usize = 2;

/// The fewest rows that a scan returns, and the most numbers in the rows that one returns for all queries together (128 MiB in
/// f64; they stay in the pool, and scans after the first return half as many, until the queries are settled).
const FEWEST: usize = 32;
const MOST: usize = 1 << 24;

/// In how many dimensions. Measured in 32, 36 and 128 only. A Newton step takes time with the cube of the dimensions,
/// also for queries that few vectors settle.
const DIMENSIONS: std::ops::RangeInclusive<usize> = 24..=256;

/// Among how many rows at most. A soft query takes part in 0.3 to 0.8 scans more: at 60,000 x 128 a scan takes about 0.5 ms a
/// query, and what is saved next to the boundary 20; with 60 times the rows the scans would take it all. By arithmetic, not
/// measured.
const ROWS: usize = 1 << 20;

/// A query is deep inside if it is less than this share of the way to the boundary.
const DEEP: f64 = 0.5;

/// Whether constraints are soft at first among n rows in d dimensions, with at most so many scans for each query. Soft steps take
/// some of these, and settle no query inside.
pub(super) fn pays(n: usize, d: usize, scans: u32) -> bool {
    n <= ROWS && DIMENSIONS.contains(&d) && scans as usize >= 4 * PENALTIES.len()
}

/// Whether a query is near the boundary or beyond: its product with itself is at least [`DEEP`] of the largest product of a
/// row with it. Deeper inside, the exact search takes in few vectors.
pub(super) fn near(square: f64, reach: f64) -> bool {
    square >= DEEP * reach
}

/// How many rows each of `together` queries starts with, in d dimensions.
pub(super) fn wanted(d: usize, together: usize) -> usize {
    (WANTED * d).min(MOST / d / together.max(1)).max(FEWEST)
}

/// A soft direction that separates ends the search if it does by this share of what the rows met allow.
pub(super) const ENOUGH: f64 = 0.35;

/// A query's problem while its constraints are soft.
#[derive(Debug)]
pub(super) struct Soft {
    /// The rows met so far, in ascending order.
    slots: Vec<Slot>,
    /// The length by which vectors are divided.
    lift: f64,
    /// The last solution; empty before the first step.
    w: Vec<f32>,
    /// The index of the next penalty.
    stage: usize,
    /// The next step is the last: it goes through all penalties that are left.
    last: bool,
    /// At least the largest separation that the vectors met allow, in the square of the metric's unit.
    pub level: f64,
    /// How many rows the next scan should return.
    pub wanted: usize,
}

/// What one step leaves.
pub(super) enum Step {
    /// A point to scan along.
    Scan(Vec<f64>),
    /// The active set to go on with.
    Hard(Box<MinNorm>),
}

impl Soft {
    /// Before the first step, with the number of rows to start with.
    pub fn new(wanted: usize) -> Self {
        Soft {
            slots: Vec::new(),
            lift: 0.0,
            w: Vec::new(),
            stage: 0,
            last: false,
            level: 0.0,
            wanted,
        }
    }

    /// Solve for the rows met so far and the fresh ones.
    pub fn step(&mut self, fresh: &[Slot], target: &[f64], pool: &Pool) -> Step {
        let d = target.len();
        let columns = self.meet(fresh, target, pool);
        loop {
            let found = minimise(&columns, PENALTIES[self.stage], &mut self.w);
            let ends = match &found {
                Some(u) => self.ends(u, d),
                None => true,
            };
            if ends {
                let u = found.unwrap_or_default();
                return Step::Hard(Box::new(self.harden(&columns, &u, target, pool)));
            }
            if !self.last {
                break;
            }
        }
        if self.stage == 2 {
            self.wanted = (self.wanted / 2).max(FEWEST);
        }
        let last = f64::from(self.w[d]);
        let left = 1.0 - last;
        let each = self.w[..d].iter();
        let point = each.map(|&v| -f64::from(v) * self.lift / left);
        self.level = self.lift.powi(2) * last / left;
        Step::Scan(point.collect())
    }

    /// Add fresh rows to those met, and return the columns of all. The first rows give the unit of length.
    fn meet(&mut self, fresh: &[Slot], target: &[f64], pool: &Pool) -> Columns {
        self.slots.extend_from_slice(fresh);
        self.slots.sort_unstable();
        self.slots.dedup();
        let first = self.w.is_empty();
        if first {
            let vectors = pool.relative(&self.slots, target);
            let square = |a: &[f64]| a.iter().map(|v| v * v).sum();
            let length = median_length(vectors.chunks_exact(target.len()).map(square));
            let usable = length > 0.0 && length.is_finite();
            self.lift = if usable { length } else { 1.0 };
        }
        let points = |i: usize| pool.point(self.slots[i]);
        let columns = Columns::of(self.slots.len(), points, target, self.lift);
        if first {
            self.w = columns.start();
        }
        columns
    }

    /// Counts a solution with weights u; whether the exact search comes next: after the last penalty, if the point has
    /// vanished, or if it gives no direction.
    fn ends(&mut self, u: &[f32], d: usize) -> bool {
        let square = |v: &[f32]| v.iter().map(|v| v * v).sum::<f32>();
        let vanished = square(&self.w) < VANISHED / PENALTIES[self.stage] * square(u);
        self.stage += 1;
        let pointing = self.w[d] < 1.0;
        vanished || self.stage == PENALTIES.len() || !pointing
    }

    /// The exact active set, which starts from the weights u; all other rows met are candidates.
    fn harden(&self, columns: &Columns, u: &[f32], target: &[f64], pool: &Pool) -> MinNorm {
        let d = target.len();
        let mut set = MinNorm::new(d, self.lift);
        let vectors = pool.relative(&self.slots, target);
        let vector = |i: usize| &vectors[i * d..][..d];
        let positive: Vec<usize> = (0..u.len()).filter(|&i| u[i] > 0.0).collect();
        let weights: Vec<f64> = positive.iter().map(|&i| f64::from(u[i])).collect();
        let reduced = reduce(d + 1, |i| columns.row(positive[i]), &weights);
        // Vectors that do not span the space: the heaviest come first.
        let reduced = reduced.unwrap_or_else(|| {
            let mut all: Vec<(usize, f64)> = weights.iter().copied().enumerate().collect();
            all.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            all
        });
        let start: Vec<usize> = reduced.iter().map(|&(place, _)| positive[place]).collect();
        let each = reduced.iter().zip(&start);
        let shares: Vec<f64> = each.map(|(&(_, u), &i)| columns.share(i, u)).collect();
        let named = |&i: &usize| -> Candidate<'_> { (self.slots[i], vector(i)) };
        set.start(&start.iter().map(named).collect::<Vec<_>>(), &shares);
        let mut active = set.ids().to_vec();
        active.sort_unstable();
        let open = |&i: &usize| active.binary_search(&self.slots[i]).is_err();
        let rest: Vec<usize> = (0..columns.len()).filter(open).collect();
        set.improve(&rest.iter().map(named).collect::<Vec<_>>());
        set
    }

    /// Make the next step the last: from small penalties, the largest one at once would take twice the steps.
    pub fn end(&mut self) {
        self.last = true;
    }

    /// After a scan that did not separate the query: the rows of `found` that are new. If there are none, or f32
    /// could not rank them, the next step is the last.
    pub fn after_scan(&mut self, found: &Scanned, mut fresh: Vec<Slot>) -> Vec<Slot> {
        fresh.retain(|slot| self.slots.binary_search(slot).is_err());
        if fresh.is_empty() || found.blurred {
            self.end();
        }
        fresh
    }
}

#[cfg(test)]
mod tests {
    use crate::control::Control;
    use crate::hull::fixture::{gaussian, separation};
    use crate::hull::{Certificate, Settings, Solver, Verdict};
    use crate::rows::{Memory, Rows};
    use crate::scan::{CpuEngine, Engine};

    /// Queries on both sides of the boundary, also among rows that are all repeated: every certificate is checked
    /// against all rows, and answers together and alone have the same verdicts.
    #[test]
    fn certificates_of_queries_near_the_boundary_hold() {
        let (n, d, count) = (500, 24, 60);
        assert!(super::pays(n, d, Settings::default().max_rounds));
        let mut values = gaussian((n + count) * d, 6);
        let mut queries = values.split_off(n * d);
        for (i, query) in queries.chunks_exact_mut(d).enumerate() {
            let share = 0.2 + 0.3 * (i as f64 / count as f64);
            query.iter_mut().for_each(|v| *v *= share);
        }
        let control = Control::default();
        for repeated in [false, true] {
            if repeated {
                values.extend_from_within(..);
            }
            let rows = Memory::from_f64("rows", d, values.clone());
            let scan = CpuEngine.scan(&rows as &dyn Rows, &control).unwrap();
            let solver = || Solver::new(&rows, &*scan, Settings::default(), &control).unwrap();
            let together = solver().answer(&queries, None, &control).unwrap();
            let alone = solver().answer_alone(&queries, &control).unwrap();
            let mut inside = 0;
            for ((query, one), other) in queries.chunks_exact(d).zip(&together).zip(&alone) {
                assert_eq!(one.verdict, other.verdict);
                match &one.certificate {
                    Certificate::Inside { rows, weights, .. } => {
                        inside += 1;
                        for (j, value) in query.iter().enumerate() {
                            let each = rows.iter().zip(weights);
                            let sum: f64 = each.map(|(r, w)| w * values[r * d + j]).sum();
                            assert!((sum - value).abs() < 1e-9, "{sum} {value}");
                        }
                    }
                    Certificate::Outside { direction, margin } => {
                        let off = separation(direction, query, values.chunks_exact(d));
                        assert!(0.0 < *margin && *margin <= off);
                    }
                    Certificate::None => panic!("{:?}", one.verdict),
                }
                assert_ne!(one.verdict, Verdict::Undecided);
            }
            assert!(inside > 10 && inside < count - 10, "{inside}");
        }
    }

    /// Queries of which about half are inside.
    fn near_the_boundary(count: usize, d: usize, share: f64) -> Vec<f64> {
        gaussian(count * d, 9).iter().map(|v| v * share).collect()
    }

    #[test]
    fn soft_answers_do_not_depend_on_threads() {
        let (n, d, count) = (3000, 48, 24);
        let rows = Memory::from_f64("rows", d, gaussian(n * d, 8));
        let queries = near_the_boundary(count, d, 0.45);
        let control = Control::default();
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build().unwrap().install(|| {
                let scan = CpuEngine.scan(&rows as &dyn Rows, &control).unwrap();
                let solver = Solver::new(&rows, &*scan, Settings::default(), &control);
                let answers = solver.unwrap().answer(&queries, None, &control).unwrap();
                let each = answers.iter();
                each.map(|a| (a.verdict, a.margin.to_bits(), a.scans, a.support))
                    .collect::<Vec<_>>()
            })
        };
        let first = on(1);
        let inside = first.iter().filter(|a| a.0 == Verdict::Inside).count();
        assert!(inside > 0 && inside < count, "{inside}");
        assert!(on(2) == first && on(3) == first);
    }

    /// Rows of rank 30 in 40 dimensions, some equal, one far away; queries in their affine hull, on rows and off it.
    #[test]
    fn degenerate_rows_have_right_verdicts() {
        let (n, d, rank) = (400, 40, 30);
        let mut values = gaussian(n * d, 3);
        for row in values.chunks_exact_mut(d) {
            for j in rank..d {
                row[j] = row[j - rank];
            }
        }
        values.copy_within(0..40 * d, 40 * d);
        values[200 * d..201 * d].iter_mut().for_each(|v| *v *= 1e12);
        let rows = Memory::from_f64("rows", d, values.clone());
        let mut queries = near_the_boundary(12, d, 0.3);
        for query in queries.chunks_exact_mut(d).take(9) {
            for j in rank..d {
                query[j] = query[j - rank];
            }
        }
        queries.extend_from_slice(&values[7 * d..8 * d]);
        let control = Control::default();
        let scan = CpuEngine.scan(&rows as &dyn Rows, &control).unwrap();
        let solver = || Solver::new(&rows, &*scan, Settings::default(), &control).unwrap();
        let together = solver().answer(&queries, None, &control).unwrap();
        let alone = solver().answer_alone(&queries, &control).unwrap();
        let verdicts = |answers: &[crate::hull::Answer]| -> Vec<Verdict> {
            answers.iter().map(|answer| answer.verdict).collect()
        };
        assert_eq!(verdicts(&together), verdicts(&alone));
        assert!(
            together[9..12]
                .iter()
                .all(|a| a.verdict == Verdict::Outside)
        );
        assert_eq!(together[12].verdict, Verdict::Inside);
    }
}
