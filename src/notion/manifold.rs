//! The k-NN manifold: a query is inside when it is within the distance of some reference row's K-th nearest other row.
//!
//! ```text
//! inside  <=>  |q - x_i| <= r_i for some row i,      r_i the distance from x_i to its K-th nearest other row
//! ```
//!
//! (Kynkäänniemi et al., NeurIPS 2019.) It also gives numbers about a whole set of queries (Naeem et al., ICML 2020):
//!
//! - precision: the share of queries that are inside;
//! - recall: the share of reference rows that are inside the manifold of the queries;
//! - density: the mean number of balls that contain a query, divided by K;
//! - coverage: the share of reference rows whose ball contains a query.
//!
//! Distances are Euclidean. A point on the edge of a ball is inside, as in the first paper; `prdc`, the second paper's
//! program, excludes the edge, which differs where distances tie. By this definition a single far row has a ball that may
//! contain most of the space around it; the density, to which it adds one ball in K, hardly changes.
//!
//! If reference row i is left out, the radii of others may grow, but whether i is inside does not change. Let row j have the
//! radius r_j with i and s_j >= r_j without. If |x_i - x_j| <= r_j, then also <= s_j. If |x_i - x_j| > r_j, then i is not
//! among the rows within r_j of j, of which there are at least K without it: s_j = r_j, and i is outside that ball too. Only
//! the depth grows, as s_j is the distance to the (K+1)-th nearest of all rows.

use super::balls::{Balls, Sizes, Sought, tangent};
use super::metric::{Metric, Near};
use super::neighbours::Neighbours;
use super::{Block, Column, Fact, Judge, Judgement, Notion, Reference, Type, Value};
use crate::control::{Control, WorkStage};
use crate::error::{Error, Result};
use crate::rows::{Memory, Pack, Repeats, Rows};
use crate::scan::{Engine, Scan};
use std::sync::Arc;

/// The most numbers, and the most rows, in one search.
const PART: usize = 1 << 22;
const ROWS: usize = 8192;

/// The most numbers of queries that are kept for the recall (512 MiB).
const KEPT: usize = 1 << 26;

/// The union of balls around the reference rows, each with the distance to the row's K-th nearest other row as radius.
pub struct Manifold {
    pub id: String,
    pub k: usize,
}

impl Notion for Manifold {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn score(&self) -> String {
        "length of the tangent to the nearest ball of the manifold: the signed root of the least \
         distance^2 - radius^2, negative inside"
            .into()
    }

    fn outside(&self) -> String {
        format!(
            "from every reference row farther than that row is from its nearest other row number {}",
            self.k
        )
    }

    fn columns(&self) -> Vec<Column> {
        let help = format!(
            "how many balls of the manifold hold the query, as a share of K = {}",
            self.k
        );
        vec![Column::new(
            format!("{}_density", self.id),
            Type::Float,
            help,
        )]
    }

    fn fit<'r>(&self, reference: &Reference<'r>, control: &Control) -> Result<Box<dyn Judge + 'r>> {
        let all = reference.rows.len();
        if all <= self.k {
            return Err(Error::Usage(format!(
                "{} asks for {} other rows of each reference row, and the reference has {all} in all",
                self.id, self.k
            )));
        }
        let set = Set {
            distinct: reference.distinct,
            repeats: reference.repeats,
        };
        let radii = reference.fits.of(&format!("{} balls", self.id), || {
            let [radii, next] = self.radii(reference, set, control)?;
            Ok(Radii {
                balls: Arc::new(Sizes::new(reference.distinct, radii)?),
                next,
            })
        })?;
        Ok(Box::new(Fitted {
            id: self.id.clone(),
            k: self.k,
            balls: Balls::new(reference.distinct, Arc::clone(&radii.balls)),
            radii,
            set,
            engine: reference.engine,
            covered: vec![false; reference.distinct.len()],
            judged: 0,
            inside: 0,
            held: 0,
            queries: Vec::new(),
            recall: None,
        }))
    }
}

impl Manifold {
    /// [`Set::radii`], or what [`Judge::pack`] stored of them.
    fn radii(
        &self,
        reference: &Reference<'_>,
        set: Set<'_>,
        control: &Control,
    ) -> Result<[Vec<f64>; 2]> {
        let (stored, n) = (reference.stored, set.distinct.len());
        let [radii, next] = names(&self.id);
        if stored.has(&radii) {
            let look = |name: &str| match stored.look(name, n)? {
                found if found.iter().all(|radius| *radius >= 0.0) => Ok(found.to_vec()),
                _ => Err(stored.fault(name, "a distance is negative or no number")),
            };
            return Ok([look(&radii)?, look(&next)?]);
        }
        control.begin(WorkStage::Fit, n as u64);
        set.radii(reference.scan, self.k, control)
    }
}

/// The names of the stored arrays.
fn names(id: &str) -> [String; 2] {
    [format!("{id}.radii"), format!("{id}.next")]
}

/// What depends on the reference alone.
struct Radii {
    balls: Arc<Sizes>,
    /// For each distinct row, the distance to its (K+1)-th nearest other row.
    next: Vec<f64>,
}

/// The distinct rows of a set, with the groups of equal rows.
#[derive(Clone, Copy)]
struct Set<'r> {
    distinct: &'r dyn Rows,
    repeats: Option<&'r Repeats>,
}

impl Set<'_> {
    /// How many rows equal a distinct row.
    fn count(&self, place: usize) -> usize {
        self.repeats.map_or(1, |repeats| repeats.count(place))
    }

    /// The number of all rows.
    fn len(&self) -> usize {
        self.repeats.map_or(self.distinct.len(), Repeats::rows)
    }

    /// The index of a row among the distinct ones.
    fn place(&self, row: usize) -> usize {
        self.repeats.map_or(row, |repeats| repeats.place(row))
    }

    /// For each distinct row the distances to its K-th and its (K+1)-th nearest other row; infinite where there is none. Each
    /// row counts as a unit of progress.
    fn radii(&self, scan: &dyn Scan, k: usize, control: &Control) -> Result<[Vec<f64>; 2]> {
        let search = Neighbours::new(self.distinct, scan, Metric::Euclidean).filling(self.repeats);
        let n = self.distinct.len();
        let mut radii = [Vec::with_capacity(n), Vec::with_capacity(n)];
        search.others_of_all(k + 1, control, |near| {
            let at = |place: usize| near.get(place).map_or(f64::INFINITY, |near| near.1);
            radii[0].push(at(k - 1));
            radii[1].push(at(k));
        })?;
        Ok(radii)
    }
}

/// The number of rows in one search.
fn part_rows(d: usize) -> usize {
    (PART / d).clamp(1, ROWS)
}

struct Fitted<'r> {
    id: String,
    k: usize,
    balls: Balls<'r>,
    radii: Arc<Radii>,
    set: Set<'r>,
    engine: &'r dyn Engine,
    /// Whether the ball of each distinct row contains a query.
    covered: Vec<bool>,
    judged: u64,
    inside: u64,
    /// The number of balls that contain a query, summed over all queries.
    held: u64,
    /// The values of the queries, as long as they fit.
    queries: Vec<f64>,
    recall: Option<f64>,
}

/// The balls that contain one point.
struct BallHits {
    balls: u64,
    tangent: f64,
}

impl Fitted<'_> {
    /// The hits of a query, from its candidates.
    fn of_query(&self, near: &[Near]) -> BallHits {
        let mut found = BallHits {
            balls: 0,
            tangent: f64::INFINITY,
        };
        for &(place, distance) in near {
            let radius = self.balls.radius(place);
            if distance <= radius {
                found.balls += self.set.count(place) as u64;
            }
            found.tangent = found.tangent.min(tangent(distance, radius));
        }
        found
    }

    /// The hits of a reference row when it is left out, from its candidates.
    fn of_other(&self, near: &[Near], row: usize) -> BallHits {
        let own = self.set.place(row);
        let mut found = BallHits {
            balls: 0,
            tangent: f64::INFINITY,
        };
        for &(place, distance) in near {
            let count = self.set.count(place) - usize::from(place == own);
            if count == 0 {
                continue;
            }
            let mut radius = self.balls.radius(place);
            if distance <= radius {
                found.balls += count as u64;
                radius = self.radii.next[place];
            }
            found.tangent = found.tangent.min(tangent(distance, radius));
        }
        found
    }

    /// Counts a query.
    fn count(&mut self, near: &[Near], found: &BallHits) {
        self.judged += 1;
        self.inside += u64::from(found.balls > 0);
        self.held += found.balls;
        for &(place, distance) in near {
            self.covered[place] |= distance <= self.balls.radius(place);
        }
    }

    /// Keeps the queries for the recall; if they do not all fit, none are kept.
    fn keep(&mut self, block: &Block<'_>, before: u64) {
        let all_kept = self.queries.len() as u64 == before * block.dim as u64;
        if all_kept && self.queries.len() + block.values.len() <= KEPT {
            self.queries.extend_from_slice(block.values);
        } else {
            self.queries = Vec::new();
        }
    }

    /// The share of reference rows inside the manifold of the queries.
    fn find_recall(&self, control: &Control) -> Result<f64> {
        let d = self.set.distinct.dim();
        let repeats = Repeats::of_values(&self.queries, d, control)?;
        let values = match &repeats {
            Some(repeats) => repeats.pick(&self.queries, d),
            None => self.queries.clone(),
        };
        let rows = Memory::from_f64("the queries", d, values);
        let scan = self.engine.scan(&rows, control)?;
        let queries = Set {
            distinct: &rows,
            repeats: repeats.as_ref(),
        };
        let n = self.set.distinct.len();
        control.begin(WorkStage::Figures, (rows.len() + n) as u64);
        let [radii, _] = queries.radii(&*scan, self.k, control)?;
        drop(scan);
        let balls = Balls::new(&rows, Arc::new(Sizes::new(&rows, radii)?));
        let places: Vec<usize> = (0..n).collect();
        let mut inside = 0;
        for part in places.chunks(part_rows(d)) {
            let mut points = vec![0.0; part.len() * d];
            self.set.distinct.read_f64(part[0], &mut points)?;
            let near = balls.candidates(&points, Sought::Any, self.engine, control)?;
            for (&place, near) in part.iter().zip(near) {
                let held = near.iter().any(|near| near.1 <= balls.radius(near.0));
                inside += if held { self.set.count(place) } else { 0 };
            }
            control.advance(part.len() as u64);
        }
        Ok(inside as f64 / self.set.len() as f64)
    }
}

impl Judge for Fitted<'_> {
    fn judge(&mut self, block: &Block<'_>, control: &Control) -> Result<Vec<Judgement>> {
        let near = self
            .balls
            .candidates(block.values, Sought::All, self.engine, control)?;
        let before = self.judged;
        let mut judgements = Vec::with_capacity(near.len());
        for (place, near) in near.iter().enumerate() {
            let found = match block.without(place) {
                Some(row) => self.of_other(near, row),
                None => {
                    let found = self.of_query(near);
                    self.count(near, &found);
                    found
                }
            };
            judgements.push(Judgement {
                outside: Some(found.balls == 0),
                score: found.tangent,
                more: vec![Value::Float(found.balls as f64 / self.k as f64)],
                ..Judgement::default()
            });
        }
        if self.judged > before {
            self.keep(block, before);
        }
        Ok(judgements)
    }

    fn pack(&self, pack: &mut Pack) {
        let [radii, next] = names(&self.id);
        pack.put_reals(&radii, self.balls.radii().iter().copied());
        pack.put_reals(&next, self.radii.next.iter().copied());
    }

    fn finish(&mut self, control: &Control) -> Result<()> {
        let kept = (self.queries.len() / self.set.distinct.dim()) as u64;
        if self.judged > self.k as u64 && kept == self.judged {
            self.recall = Some(self.find_recall(control)?);
        }
        Ok(())
    }

    fn warnings(&self) -> Vec<String> {
        if self.judged == 0 || self.recall.is_some() {
            return Vec::new();
        }
        vec![format!(
            "the recall of the manifold of K = {} is not known: it takes more than K queries, and no more than fit in {} \
             MiB",
            self.k,
            (KEPT * size_of::<f64>()) >> 20
        )]
    }

    fn facts(&self) -> Vec<Fact> {
        if self.judged == 0 {
            return Vec::new();
        }
        let judged = self.judged as f64;
        let places = (0..self.covered.len()).filter(|&place| self.covered[place]);
        let covered: usize = places.map(|place| self.set.count(place)).sum();
        let all = [
            (
                "precision",
                Some(self.inside as f64 / judged),
                "share of queries inside the manifold of the reference",
            ),
            (
                "recall",
                self.recall,
                "share of reference rows inside the manifold of the queries",
            ),
            (
                "density",
                Some(self.held as f64 / judged / self.k as f64),
                "mean number of the reference's balls that hold a query, as a share of K",
            ),
            (
                "coverage",
                Some(covered as f64 / self.set.len() as f64),
                "share of reference rows whose ball holds a query",
            ),
        ];
        let fact = |(name, value, what): (&str, Option<f64>, &str)| {
            Some(Fact {
                name: name.into(),
                value: value?,
                what: what.into(),
            })
        };
        all.into_iter().filter_map(fact).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, Judged, waves};
    use super::super::wide::distance;
    use super::*;
    use crate::rows::synthetic;

    fn manifold(k: usize) -> Manifold {
        Manifold {
            id: format!("manifold_{k}"),
            k,
        }
    }

    fn judged(values: &[f64], d: usize, k: usize, queries: &[f64]) -> Judged {
        let rows = Memory::from_f64("rows", d, values.to_vec());
        Fixture::new(rows).judged(&manifold(k), queries)
    }

    fn of(rows: &Memory) -> Vec<f64> {
        let mut values = vec![0.0; rows.len() * rows.dim()];
        rows.read_f64(0, &mut values).unwrap();
        values
    }

    fn apart(a: &[f64], b: &[f64]) -> f64 {
        distance(a, b).rounded()
    }

    /// (outside, tangent, balls) of a point, by computing every distance.
    fn brute(rows: &[&[f64]], k: usize, point: &[f64]) -> (bool, f64, usize) {
        let (mut least, mut balls) = (f64::INFINITY, 0);
        for (i, x) in rows.iter().enumerate() {
            let others = rows.iter().enumerate().filter(|(j, _)| *j != i);
            let mut others: Vec<f64> = others.map(|(_, y)| apart(x, y)).collect();
            others.sort_unstable_by(f64::total_cmp);
            let (radius, distance) = (others[k - 1], apart(x, point));
            balls += usize::from(distance <= radius);
            least = least.min(tangent(distance, radius));
        }
        (balls == 0, least, balls)
    }

    fn agrees(found: &Judgement, expected: (bool, f64, usize), k: usize) {
        assert_eq!(found.outside, Some(expected.0), "{found:?} {expected:?}");
        assert_eq!(found.more, [Value::Float(expected.2 as f64 / k as f64)]);
        assert!((found.score - expected.1).abs() <= 1e-9 * (1.0 + expected.1.abs()));
    }

    /// prdc 0.2 (benches/peers/notions.py).
    #[test]
    fn the_figures_of_two_sets_are_those_of_prdc() {
        let rows = waves(0, 300, 5);
        let queries: Vec<f64> = waves(1000, 80, 5).iter().map(|v| 1.2 * v).collect();
        for (k, expected) in [
            (1, [0.0875, 0.5966666666666667, 0.0875, 0.02]),
            (5, [0.75, 1.0, 0.485, 0.36]),
        ] {
            let found = judged(&rows, 5, k, &queries);
            let names = ["precision", "recall", "density", "coverage"];
            for (name, expected) in names.into_iter().zip(expected) {
                assert!(
                    (found.fact(name) - expected).abs() < 1e-6,
                    "{k} {name} {found:?}"
                );
            }
        }
    }

    /// Repeated rows, queries that equal rows, far queries, and radii of very different size; more rows than are tested one by
    /// one.
    #[test]
    fn queries_and_rows_left_out_are_judged_as_by_every_distance() {
        let d = 3;
        let mut values = of(&synthetic::gaussian(100, d, 3));
        for row in 0..20 {
            for value in &mut values[row * d..][..d] {
                *value = 100.0 + *value * 1e-4;
            }
        }
        let repeated = values[60 * d..64 * d].to_vec();
        values.extend_from_slice(&repeated);
        values.extend_from_slice(&repeated[..d]);
        values.extend([1e7, -1e7, 1e7]);
        let rows: Vec<&[f64]> = values.chunks_exact(d).collect();
        let mut queries = of(&synthetic::gaussian(30, d, 4));
        let apart: Vec<f64> = queries.iter().map(|value| 3.0 * value).collect();
        queries.extend(apart);
        queries.extend_from_slice(&values[..8 * d]);
        queries.extend_from_slice(&repeated);
        queries.extend([100.0, 100.0001, 100.0, 3e7, 0.0, -1e9, 1e200, 0.0, 0.0]);
        for k in [1, 3] {
            let found = judged(&values, d, k, &queries);
            let mut seen = [0, 0];
            for (found, query) in found.queries.iter().zip(queries.chunks_exact(d)) {
                let expected = brute(&rows, k, query);
                seen[usize::from(expected.0)] += 1;
                if expected.1.is_finite() {
                    agrees(found, expected, k);
                }
            }
            assert!(seen[0] > 5 && seen[1] > 2, "{seen:?}");
            for (row, found) in found.others.iter().enumerate().skip(1).step_by(2) {
                let mut others = rows.clone();
                let value = others.remove(row);
                agrees(found, brute(&others, k, value), k);
            }
        }
    }

    /// More balls contain a point than a search is asked for: those of rows on a circle, with equal radii.
    #[test]
    fn many_balls_may_hold_a_point() {
        let (n, k) = (1100, 700);
        let on_circle = |i: usize| {
            let angle = i as f64 * std::f64::consts::TAU / n as f64;
            [angle.cos(), angle.sin()]
        };
        let values: Vec<f64> = (0..n).flat_map(on_circle).collect();
        let radius = 2.0 * (std::f64::consts::PI * (k / 2) as f64 / n as f64).sin();
        let found = judged(&values, 2, k, &[0.0, 0.0, 0.3, 0.1]);
        for (found, nearest) in found.queries.iter().zip([1.0, 1.0 - 0.1f64.sqrt()]) {
            assert_eq!(found.more, [Value::Float(n as f64 / k as f64)]);
            assert!(
                (found.score - tangent(nearest, radius)).abs() < 1e-4,
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_larger_k_holds_more_and_the_order_of_rows_does_not_matter() {
        let d = 4;
        let values = of(&synthetic::gaussian(400, d, 6));
        let queries = of(&synthetic::gaussian(100, d, 7));
        let turned: Vec<f64> = values.chunks_exact(d).rev().flatten().copied().collect();
        let mut before: Option<Judged> = None;
        for k in [1, 2, 5, 20] {
            let found = judged(&values, d, k, &queries);
            let other = judged(&turned, d, k, &queries);
            assert_eq!(found.queries, other.queries);
            assert_eq!(found.facts, other.facts);
            if let Some(before) = before {
                for (more, less) in found.queries.iter().zip(&before.queries) {
                    assert!(more.score <= less.score && more.outside <= less.outside);
                }
            }
            before = Some(found);
        }
    }

    #[test]
    fn too_few_rows_are_named() {
        let rows = Memory::from_f64("rows", 1, vec![1.0, 2.0, 3.0]);
        let found = std::panic::catch_unwind(|| Fixture::new(rows).judged(&manifold(3), &[1.0]));
        assert!(found.is_err());
        assert_eq!(
            judged(&[1.0, 2.0, 4.0], 1, 2, &[9.0]).queries[0].outside,
            Some(true)
        );
    }
}
