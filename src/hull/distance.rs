//! Brackets of the Euclidean distance to the hull, after the verdict or before it.
//!
//! The loop of `solve`, in the Euclidean metric, ends with a direction that nearly attains the distance. For a query
//! outside, that direction separates, so it proves the verdict too. Where most queries are outside, the distance is
//! therefore computed first, from the rows that earlier queries used, and the scan for the verdict is saved. A query
//! that a few such scans do not separate goes through the verdict after all, from the point that its distance reached;
//! if that happens to most queries, verdicts are computed first.

use super::certificate::residual;
use super::min_norm::MinNorm;
use super::prove::{Direction, Scanned};
use super::solve::{DISTANCE_K, Goal, Open, Outcome, Queries, Settled};
use super::warm::{Given, ends};
use super::{
    Answer, Bracket, Certificate, FEWEST_TOGETHER, MOST_TOGETHER, Nearest, SEED_GROUP, Solver,
    SolverStage, Verdict, pool,
};
use crate::control::Control;
use crate::error::Result;

/// Distances start from pooled rows once the pool holds this many rows for each dimension.
const POOL_STARTS: usize = 2;

/// The number of queries after which the order (distance or verdict first) is decided.
const JUDGED: u64 = 64;

/// Counts of past queries, which decide whether distances are computed first.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// Queries whose verdict came first, and how many of them are outside.
    settled: u64,
    outside: u64,
    /// Queries whose distance came first, and how many of them that settled.
    tried: u64,
    won: u64,
}

impl Before {
    /// Whether to compute distances first: most queries are outside, and most queries tried so far were settled.
    fn pays(&self) -> bool {
        let mostly_outside = self.settled >= JUDGED && 2 * self.outside > self.settled;
        mostly_outside && (self.tried < JUDGED || 2 * self.won > self.tried)
    }
}

/// The answer of a query that its distance settled, or what is known of another one.
type Early = std::result::Result<Box<Answer>, Late>;

/// A query that its distance did not settle.
#[derive(Default)]
struct Late {
    scans: u32,
    /// The point with which the search for the distance ended.
    nearest: Nearest,
}

impl Solver<'_> {
    /// How many of `count` queries are answered together: few at first, so that later ones find rows in the pool.
    pub(super) fn together(&self, count: usize) -> usize {
        match self.before.settled + self.before.tried {
            0 => SEED_GROUP,
            _ => count,
        }
    }

    /// The queries in groups whose distances are sought together, as many as their active sets have room for: a step adds at most as
    /// many rows to each as a scan gives.
    fn groups(&self, queries: &[usize], given: Given<'_>) -> Vec<Vec<usize>> {
        let d = self.metric.dim();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut bytes = 0;
        for &query in queries {
            let each = match given.starts.get(query).map_or(0, |start| start.rows.len()) {
                0 => MinNorm::bytes_with(d, DISTANCE_K),
                rows => MinNorm::most_bytes(d, rows.max(DISTANCE_K)),
            };
            bytes += each;
            let fits = |group: &Vec<usize>| {
                let few = group.len() < FEWEST_TOGETHER;
                few || (bytes <= self.budget && group.len() < MOST_TOGETHER)
            };
            match groups.last_mut().filter(|group| fits(group)) {
                Some(group) => group.push(query),
                None => {
                    groups.push(vec![query]);
                    bytes = each;
                }
            }
        }
        groups
    }

    /// Whether the distance loop starts from pooled rows.
    fn pool_starts(&self) -> bool {
        self.euclidean_pool.len() >= POOL_STARTS * self.metric.dim()
    }

    /// Verdicts and distances, in whichever order is expected to be cheaper.
    pub(super) fn with_distances(
        &mut self,
        raw: &[f64],
        gap: f64,
        excluded: Option<&[usize]>,
        control: &Control,
    ) -> Result<Vec<Answer>> {
        let given = Given::without(excluded);
        if !(self.before.pays() && self.pool_starts()) {
            return self.verdicts_first(raw, gap, given, control);
        }
        let dim = self.metric.dim();
        let mut early = self.distances_first(raw, gap, given, control)?;
        let left: Vec<usize> = (0..early.len()).filter(|&q| early[q].is_err()).collect();
        let each = left.iter().flat_map(|&q| &raw[q * dim..][..dim]);
        let raw: Vec<f64> = each.copied().collect();
        let excluded = excluded.map(|rows| left.iter().map(|&q| rows[q]).collect::<Vec<_>>());
        let late = early.iter_mut().filter_map(|one| one.as_mut().err());
        let starts: Vec<Nearest> = late.map(|late| std::mem::take(&mut late.nearest)).collect();
        let given = Given {
            excluded: excluded.as_deref(),
            starts: &starts,
        };
        let late = self.verdicts_first(&raw, gap, given, control)?;
        let mut late = late.into_iter();
        let each = early.into_iter();
        let all = each.filter_map(|early| match early {
            Ok(answer) => Some(*answer),
            Err(known) => late.next().map(|answer| Answer {
                scans: answer.scans + known.scans,
                ..answer
            }),
        });
        Ok(all.collect())
    }

    /// Verdicts first, then the distances of the queries that are not inside.
    fn verdicts_first(
        &mut self,
        raw: &[f64],
        gap: f64,
        given: Given<'_>,
        control: &Control,
    ) -> Result<Vec<Answer>> {
        let framed = self.framed(raw);
        let queries = self.queries(raw, &framed);
        let mut settled = self.settled(&queries, given, control)?;
        let starts = ends(&mut settled);
        let mut answers = self.answers(settled, &queries)?;
        self.before.settled += answers.len() as u64;
        let outside = answers.iter().filter(|one| one.verdict == Verdict::Outside);
        self.before.outside += outside.count() as u64;
        let given = Given {
            starts: &starts,
            ..given
        };
        self.bracket(&mut answers, gap, &queries, given, control)?;
        Ok(answers)
    }

    /// Distances first, of queries about which nothing is known yet; the distances also prove their verdicts.
    fn distances_first(
        &mut self,
        raw: &[f64],
        gap: f64,
        given: Given<'_>,
        control: &Control,
    ) -> Result<Vec<Early>> {
        let framed = self.framed(raw);
        let queries = &self.queries(raw, &framed);
        let count = raw.len() / queries.dim;
        let mut all: Vec<Early> = (0..count).map(|_| Err(Late::default())).collect();
        let on_affine_hull = |&query: &usize| self.off_affine_hull(query, queries).is_none();
        let asked: Vec<usize> = (0..count).filter(on_affine_hull).collect();
        self.before.tried += asked.len() as u64;
        for group in self.groups(&asked, given) {
            let open = self.first_steps(&group, |_| 0.0, queries, given, control)?;
            for done in self.group(Goal::Both(gap)).run(open, queries, control)? {
                let query = done.query;
                all[query] = self.early(done, queries)?;
                if all[query].is_ok() {
                    self.before.won += 1;
                    // One unit for the verdict and one for the distance.
                    control.advance(2);
                }
            }
            self.euclidean_pool.trim();
        }
        Ok(all)
    }

    /// The answer for a query whose distance came first, if a direction separates it; else the scans spent and the point reached.
    fn early(&self, done: Settled, queries: &Queries<'_>) -> Result<Early> {
        let Outcome::Bracketed {
            bracket,
            nearest,
            separated: Some(separated),
        } = done.outcome
        else {
            return Ok(Err(Late {
                scans: done.scans,
                nearest: done.nearest,
            }));
        };
        let stage = match separated.exact {
            true => SolverStage::F64Recheck,
            false => SolverStage::Distance,
        };
        let settled = Settled {
            outcome: Outcome::Outside {
                direction: separated.direction,
                margin: separated.margin,
                exact: separated.exact,
            },
            stage,
            ..done
        };
        let unit = &self.judge.scan.frame().unit;
        let raw = queries.raw(settled.query);
        let answer = settled.answer(raw, unit, self.judge.rows)?;
        Ok(Ok(Box::new(Answer {
            distance: Some(bracket),
            nearest: Some(nearest),
            ..answer
        })))
    }

    /// Bracket the distance of every query that is not inside.
    pub(super) fn bracket(
        &mut self,
        answers: &mut [Answer],
        gap: f64,
        queries: &Queries<'_>,
        given: Given<'_>,
        control: &Control,
    ) -> Result<()> {
        for (query, answer) in answers.iter_mut().enumerate() {
            if let Certificate::Inside {
                rows,
                weights,
                exact,
            } = &answer.certificate
            {
                let mut upper = 0.0;
                if !exact {
                    let mut points = vec![0.0; rows.len() * queries.dim];
                    self.judge.rows.gather(rows, &mut points)?;
                    upper = residual(&points, weights, queries.raw(query)).length;
                }
                answer.distance = Some(Bracket { lower: 0.0, upper });
            }
        }
        let left: Vec<usize> = (0..answers.len())
            .filter(|&q| answers[q].distance.is_none())
            .collect();
        control.advance((answers.len() - left.len()) as u64);
        for group in self.groups(&left, given) {
            let known = |query: usize| answers[query].margin;
            let open = self.first_steps(&group, known, queries, given, control)?;
            for done in self
                .group(Goal::Distance(gap))
                .run(open, queries, control)?
            {
                let answer = &mut answers[done.query];
                answer.scans += done.scans;
                if let Outcome::Bracketed {
                    bracket, nearest, ..
                } = done.outcome
                {
                    answer.distance = Some(bracket);
                    answer.nearest = Some(nearest);
                }
            }
            self.euclidean_pool.trim();
        }
        Ok(())
    }

    /// Starting candidates of the distance loop: the rows furthest along `q - m`, from the pool once it holds enough
    /// rows of earlier queries, else from one scan of the group. `known` gives the proved lower bound of a query's distance.
    fn first_steps(
        &mut self,
        group: &[usize],
        known: impl Fn(usize) -> f64,
        queries: &Queries<'_>,
        given: Given<'_>,
        control: &Control,
    ) -> Result<Vec<Open>> {
        let dim = queries.dim;
        let k = DISTANCE_K;
        // Before the rows to start from join the pool.
        let from_pool = self.pool_starts();
        let (warm, group) = given.parted(group);
        let mut warm = self.warm(Goal::Distance(0.0), (&warm, k), queries, given)?;
        warm.iter_mut().for_each(|q| q.lower = known(q.query));
        let mut targets = queries.points(&group);
        self.euclidean.whiten(&mut targets);
        let offers = match from_pool {
            false => self.scanned((&group, k), targets.clone(), queries, given, control)?,
            true => {
                let prices = self
                    .euclidean_pool
                    .price(&targets, (k, None), false, control)?;
                let slots = |b| prices.of(b).1.to_vec();
                (0..group.len()).map(|b| (slots(b), 0, 0.0)).collect()
            }
        };
        let each = group.iter().zip(targets.chunks_exact(dim)).zip(offers);
        let open = each.map(|((&query, target), (slots, scans, margin))| {
            let mut q = Open::new(query, target.to_vec(), slots, k);
            q.exclude(given.excluded(query), &self.euclidean_pool);
            q.scans = scans;
            q.lower = known(query).max(margin);
            q
        });
        Ok(warm.into_iter().chain(open).collect())
    }

    /// For each target, the k rows furthest along it, by one scan for all targets; with the number of scans and the
    /// proved margin.
    fn scanned(
        &mut self,
        (group, k): (&[usize], usize),
        mut targets: Vec<f64>,
        queries: &Queries<'_>,
        given: Given<'_>,
        control: &Control,
    ) -> Result<Vec<(Vec<pool::Slot>, u32, f64)>> {
        self.euclidean.direction(&mut targets);
        let directions: Vec<Direction<'_>> = group
            .iter()
            .zip(targets.chunks_exact(queries.dim))
            .map(|(&query, vector)| {
                let mut direction = Direction::new(vector, queries.both(query), None, k);
                direction.excluded = given.excluded(query);
                direction
            })
            .collect();
        let found = self.judge.scan(&directions, control)?;
        let wanted: Vec<usize> = found.iter().flat_map(|f| f.rows.iter().copied()).collect();
        self.euclidean_pool.admit(
            &wanted,
            self.judge.rows,
            self.judge.scan.frame(),
            &self.euclidean,
        )?;
        let offer = |found: Scanned| {
            let rows = found.rows.iter();
            let slots = rows.filter_map(|&row| self.euclidean_pool.slot(row));
            let margin = match found.separation > 0.0 {
                true => self.judge.margin(&found),
                false => 0.0,
            };
            (slots.collect(), 1, margin)
        };
        Ok(found.into_iter().map(offer).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hull::Settings;
    use crate::hull::fixture::{gaussian, separation};
    use crate::rows::{Memory, Rows};
    use crate::scan::{CpuEngine, Engine};

    /// Distances computed before verdicts agree with those computed after, for queries outside, inside and near the
    /// boundary, and their bounds hold for every row.
    #[test]
    fn distances_before_verdicts_say_the_same() {
        let (n, d, count) = (400, 12, 1_500);
        let values = gaussian(n * d, 1);
        let mut queries = gaussian(count * d, 2);
        queries.iter_mut().for_each(|v| *v *= 1.2);
        for query in queries.chunks_exact_mut(d).step_by(9) {
            query.iter_mut().for_each(|v| *v *= 0.3);
        }
        let control = Control::default();
        let rows = Memory::from_f64("rows", d, values.clone());
        let scan = CpuEngine.scan(&rows as &dyn Rows, &control).unwrap();
        let settings = Settings {
            gap: Some(0.02),
            ..Settings::default()
        };
        let solver = || Solver::new(&rows, &*scan, settings, &control).unwrap();
        let mut first = solver();
        let found = first.answer(&queries, None, &control).unwrap();
        let before = &first.before;
        assert!(before.won > 600 && before.tried > before.won, "{before:?}");
        let alone = solver().answer_alone(&queries, &control).unwrap();
        // With so little memory, all active sets but one are given up again and again.
        let mut cramped = solver();
        cramped.budget = 1;
        let cramped = cramped.answer(&queries, None, &control).unwrap();
        let (mut inside, mut tight) = (0, 0);
        for (i, (query, one)) in queries.chunks_exact(d).zip(&found).enumerate() {
            let a = one.distance.unwrap();
            for other in [&alone[i], &cramped[i]] {
                let b = other.distance.unwrap();
                assert!(one.verdict == other.verdict && b.gap() <= 0.02);
                assert!(a.lower <= b.upper && b.lower <= a.upper, "{a:?} {b:?}");
            }
            let Certificate::Outside { direction, margin } = &one.certificate else {
                inside += 1;
                continue;
            };
            let off = separation(direction, query, values.chunks_exact(d));
            assert!(0.0 < *margin && *margin <= off && one.margin == *margin);
            assert!(a.lower >= *margin && a.gap() <= 0.02 && one.scans >= 1);
            tight += usize::from(*margin >= 0.9 * a.upper);
        }
        assert!(inside > 150 && tight > 600, "{inside} {tight}");
    }

    /// Reference rows, each without itself, beside other queries: no search takes the row in that it leaves out, wherever it
    /// starts.
    #[test]
    fn rows_that_are_left_out_stay_out() {
        let (n, d) = (900, 8);
        let values = gaussian(n * d, 13);
        let control = Control::default();
        let rows = Memory::from_f64("rows", d, values.clone());
        let scan = CpuEngine.scan(&rows as &dyn Rows, &control).unwrap();
        let settings = Settings {
            gap: Some(0.05),
            ..Settings::default()
        };
        let mut solver = Solver::new(&rows, &*scan, settings, &control).unwrap();
        let excluded: Vec<usize> = (0..n).collect();
        let found = solver.answer(&values, Some(&excluded), &control).unwrap();
        let mut outside = 0;
        for (row, one) in found.iter().enumerate() {
            match &one.certificate {
                Certificate::Inside { rows, .. } => assert!(!rows.contains(&row)),
                Certificate::Outside { direction, margin } => {
                    outside += 1;
                    let nearest = one.nearest.as_ref().unwrap();
                    assert!(!nearest.rows.contains(&row));
                    let others = values.chunks_exact(d).enumerate();
                    let others = others.filter(|&(i, _)| i != row).map(|(_, other)| other);
                    let off = separation(direction, &values[row * d..][..d], others);
                    assert!(0.0 < *margin && *margin <= off);
                    assert!(one.distance.unwrap().gap() <= 0.05);
                }
                Certificate::None => panic!("{row}: {:?}", one.verdict),
            }
        }
        assert!(outside > 300, "{outside}");
        assert!(solver.before.tried > 100);
    }
}
