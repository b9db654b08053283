//! Is q in conv(X)? A verdict and a certificate for each query, from batched scans.
//!
//! A query passes up to four steps, from the cheapest to the most expensive: the affine hull of the rows (no scan); the
//! first direction `w = C^-1 (q - m)` (Mahalanobis; one scan, which settles almost every query in high dimension); the
//! pool of rows that earlier queries used; the loop of `solve`. If distances are asked for, the same loop in the
//! Euclidean metric brackets them. It runs first where most queries are outside, because the direction that brackets a
//! distance also separates the query (`distance`); what follows in the other metric starts where it ended (`warm`).
//! The solver uses only [`Rows`] and a [`Scan`]; it knows nothing of files, threads or devices. Many small sets with one
//! query each are a different problem: [`tiny`]; a few rows in memory need no scan: [`few`].

mod alone;
mod basis;
pub mod certificate;
mod columns;
pub mod cone;
mod conic;
mod distance;
mod extreme;
mod factor;
pub mod few;
mod finish;
#[cfg(test)]
mod fixture;
pub mod gauge;
mod lawson_hanson;
pub mod lifted;
mod metric;
mod min_norm;
mod penalty;
mod pool;
mod prove;
mod reduce;
mod soften;
mod solve;
pub mod tiny;
mod warm;

pub use certificate::{Certificate, Evidence, Verdict};
pub use columns::GAP;
pub use extreme::extreme;
pub use metric::{AffineHull, Metric, Off};

use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;
use crate::scan::Scan;
use min_norm::MinNorm;
use pool::Pool;
use prove::{Direction, Judge, Scanned};
use rayon::prelude::*;
use solve::{FIRST_K, FIRST_WITHIN, Goal, Group, Open, Outcome, Queries, Settled, loop_k};
use warm::Given;

/// Which step of the solver settled a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SolverStage {
    /// Off the affine hull of the reference: no scan was needed.
    OffAffineHull,
    /// The first (Mahalanobis) direction separates.
    FirstDirection,
    /// A convex combination of pooled rows, found with at most one full scan for the verdict.
    Pool,
    /// The direction that brackets the query's distance, which was computed before the verdict.
    Distance,
    /// One or more further full scans.
    FullSolve,
    /// A proof that needed f64 scores.
    F64Recheck,
    /// Not settled.
    Open,
}

/// Why a query stayed undecided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// `max_rounds` full scans did not settle it.
    Rounds,
    /// Neither the residual nor the margin exceeds what f64 rounding can hide.
    Rounding,
}

/// A certified bracket of the Euclidean distance to the hull.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Bracket {
    pub lower: f64,
    pub upper: f64,
}

impl Bracket {
    /// An upper bound on the distance between the hull point that gives the upper end and the projection of the query:
    /// `sqrt(upper^2 - lower^2)`.
    pub fn off(self) -> f64 {
        // With the projection z, |q - p|^2 >= |q - z|^2 + |z - p|^2, because the hull lies behind the plane at z
        // orthogonal to q - z.
        let (wide, sum) = (self.upper - self.lower, self.upper + self.lower);
        (wide.max(0.0).sqrt() * sum.sqrt()) * (1.0 + 8.0 * f64::EPSILON)
    }

    /// (upper - lower) / upper, the relative width; 0 if both ends are 0, 1 if there is no upper end.
    pub fn gap(&self) -> f64 {
        match self.upper {
            0.0 => 0.0,
            f64::INFINITY => 1.0,
            upper => (upper - self.lower) / upper,
        }
    }
}

/// The point of the hull that gives the upper end of a distance, `sum weights[j] * x[rows[j]]`: rows are row indices of
/// the reference, weights are positive and sum to 1. Its distance from the projection of the query is at most
/// `sqrt(upper^2 - lower^2)` for the bracket `[lower, upper]`. Empty where no point is known.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Nearest {
    pub rows: Vec<usize>,
    pub weights: Vec<f64>,
}

/// The solver's answer for one query.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub verdict: Verdict,
    /// How the verdict is proved; `None` when undecided.
    pub proof: Option<Evidence>,
    /// Of an inside verdict: how far the weighted rows of the certificate are from the query, as a share of the local
    /// scale (see [`certificate`]).
    pub residual: Option<f64>,
    /// Set if the verdict is undecided.
    pub reason: Option<Reason>,
    pub stage: SolverStage,
    /// Certified lower bound on the Euclidean distance to the hull; 0 for inside and undecided.
    pub margin: f64,
    /// Rows in the inside certificate, or in the active set of an outside query when it was settled.
    pub support: usize,
    /// Full scans this query took part in.
    pub scans: u32,
    pub certificate: Certificate,
    /// Set if a distance was asked for.
    pub distance: Option<Bracket>,
    /// Set if a distance was asked for and the query is not inside.
    pub nearest: Option<Nearest>,
}

/// The solver's settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Largest residual of an inside certificate that is not exact, as a share of the local scale (see [`certificate`]).
    pub tolerance: f64,
    /// Full scans per query after which it is undecided.
    pub max_rounds: u32,
    /// Bracket the distance to the hull to this relative gap.
    pub gap: Option<f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            tolerance: 1e-9,
            max_rounds: 200,
            gap: None,
        }
    }
}

/// Queries in the first group: few, so that later queries find its rows in the pool.
const SEED_GROUP: usize = 256;

/// How many open queries a group has at least, whatever their memory, and at most.
const FEWEST_TOGETHER: usize = 16;
const MOST_TOGETHER: usize = 4096;

/// The most bytes for the active sets of a group of open queries.
const GROUP_BUDGET: usize = 192 << 20;

/// The solver for one reference set. The pool is kept from call to call.
pub struct Solver<'a> {
    judge: Judge<'a>,
    settings: Settings,
    metric: Metric,
    affine: AffineHull,
    pool: Pool,
    euclidean: Metric,
    euclidean_pool: Pool,
    /// Counts that decide whether distances are computed before verdicts.
    before: distance::Before,
    /// The most bytes for the active sets of a group of open queries.
    budget: usize,
}

impl<'a> Solver<'a> {
    /// Computes the metric and the affine hull. Reads the rows once or twice.
    pub fn new(
        rows: &'a dyn Rows,
        scan: &'a dyn Scan,
        settings: Settings,
        control: &Control,
    ) -> Result<Self> {
        let (metric, affine) = Metric::whitening(rows, scan.frame(), control)?;
        Ok(Solver::of(rows, scan, settings, metric, affine))
    }

    /// A solver for a subset of the rows whose hull contains all others (`extreme`), with a scan of the subset in the
    /// frame of all rows ([`Frame::of_some`](crate::scan::Frame::of_some)). Its answers refer to rows by their indices
    /// in `rows`.
    pub fn within<'b>(&self, rows: &'b dyn Rows, scan: &'b dyn Scan) -> Solver<'b> {
        let (metric, affine) = (self.metric.clone(), self.affine.clone());
        Solver::of(rows, scan, self.settings, metric, affine)
    }

    /// A solver with the metric and the affine hull that [`Metric::whitening`] computed for these rows in this frame.
    pub fn of(
        rows: &'a dyn Rows,
        scan: &'a dyn Scan,
        settings: Settings,
        metric: Metric,
        affine: AffineHull,
    ) -> Self {
        let frame = scan.frame();
        Solver {
            judge: Judge::new(rows, scan, settings.tolerance),
            settings,
            pool: Pool::new(metric.dim()),
            metric,
            affine,
            euclidean: Metric::euclidean(frame),
            euclidean_pool: Pool::new(frame.dim()),
            before: distance::Before::default(),
            budget: GROUP_BUDGET,
        }
    }

    /// The metric in which verdicts are found.
    pub fn metric(&self) -> &Metric {
        &self.metric
    }

    /// The affine hull of the reference.
    pub fn affine(&self) -> &AffineHull {
        &self.affine
    }

    /// Rows in the pool.
    pub fn pool_rows(&self) -> usize {
        self.pool.len()
    }

    /// Answer queries (B x d, raw values), in their order.
    ///
    /// `excluded[b]`, where given, is a reference row that query b is to be judged without. Errors: rows that
    /// can no longer be read, and [`crate::Error::Interrupted`].
    pub fn answer(
        &mut self,
        raw: &[f64],
        excluded: Option<&[usize]>,
        control: &Control,
    ) -> Result<Vec<Answer>> {
        let Some(gap) = self.settings.gap else {
            return self.verdicts(raw, excluded, control);
        };
        let dim = self.metric.dim();
        let count = raw.len() / dim;
        let mut answers = Vec::with_capacity(count);
        while answers.len() < count {
            let place = answers.len();
            let end = count.min(place + self.together(count));
            let raw = &raw[place * dim..end * dim];
            let excluded = excluded.map(|rows| &rows[place..end]);
            answers.extend(self.with_distances(raw, gap, excluded, control)?);
        }
        Ok(answers)
    }

    /// The queries in the coordinates of the scan's frame.
    fn framed(&self, raw: &[f64]) -> Vec<f64> {
        let mut framed = raw.to_vec();
        self.judge.scan.frame().apply(&mut framed);
        framed
    }

    /// The queries, raw and in the frame.
    fn queries<'q>(&self, raw: &'q [f64], framed: &'q [f64]) -> Queries<'q> {
        Queries {
            dim: self.metric.dim(),
            raw,
            framed,
        }
    }

    /// Verdicts only, whatever distances the settings ask for.
    pub fn verdicts(
        &mut self,
        raw: &[f64],
        excluded: Option<&[usize]>,
        control: &Control,
    ) -> Result<Vec<Answer>> {
        let framed = self.framed(raw);
        let queries = self.queries(raw, &framed);
        let settled = self.settled(&queries, Given::without(excluded), control)?;
        self.answers(settled, &queries)
    }

    /// Settles every query, without distances.
    fn settled(
        &mut self,
        queries: &Queries<'_>,
        given: Given<'_>,
        control: &Control,
    ) -> Result<Vec<Settled>> {
        let count = queries.raw.len() / queries.dim;
        let mut settled: Vec<Option<Settled>> = (0..count).map(|_| None).collect();
        let mut left = Vec::new();
        for query in 0..count {
            settled[query] = self.off_affine_hull(query, queries);
            if settled[query].is_none() {
                left.push(query);
            }
        }
        control.advance((count - left.len()) as u64);
        while !left.is_empty() {
            let size = if self.pool.len() == 0 {
                SEED_GROUP
            } else {
                left.len()
            }
            .min(left.len());
            let group: Vec<usize> = left.drain(..size).collect();
            for done in self.settle_group(&group, queries, given, control)? {
                let place = done.query;
                settled[place] = Some(done);
            }
        }
        let settled: Vec<Settled> = settled.into_iter().flatten().collect();
        assert_eq!(settled.len(), count, "every query is settled once");
        Ok(settled)
    }

    /// The answers, without distances, of the settled queries.
    fn answers(&self, settled: Vec<Settled>, queries: &Queries<'_>) -> Result<Vec<Answer>> {
        let unit = &self.judge.scan.frame().unit;
        settled
            .into_par_iter()
            .map(|done| {
                let raw = queries.raw(done.query);
                done.answer(raw, unit, self.judge.rows)
            })
            .collect()
    }

    /// Step one: outside if the component along the normals is longer than any row's.
    fn off_affine_hull(&self, query: usize, queries: &Queries<'_>) -> Option<Settled> {
        if self.affine.codimension() == 0 {
            return None;
        }
        let point = queries.point(query);
        let component = self.affine.component(point);
        let length = prove::length(&component);
        let reach = prove::length(point) + self.judge.scan.frame().radius;
        let separation = length - self.affine.slack - self.affine.rounding(reach);
        // Negated, so that the test is true for NaN: an overflow proves nothing.
        if !(separation > 0.0 && length.is_finite()) {
            return None;
        }
        let unit: Vec<f64> = component.iter().map(|c| c / length).collect();
        let mut found = Scanned {
            vector: self.affine.direction(&unit),
            separation,
            faint: 0.0,
            exact: true,
            rows: Vec::new(),
            blurred: false,
        };
        let direction = Direction::sharp(&found.vector, queries.both(query), 0);
        self.judge.judge_far(&mut found, &direction);
        if found.separation <= 0.0 {
            return None;
        }
        let outcome = Outcome::Outside {
            margin: self.judge.margin(&found),
            direction: self.judge.in_data_units(&found),
            exact: false,
        };
        Some(Settled {
            query,
            outcome,
            stage: SolverStage::OffAffineHull,
            support: 0,
            scans: 0,
            nearest: Nearest::default(),
        })
    }

    /// Steps two to four, for a group of queries.
    fn settle_group(
        &mut self,
        group: &[usize],
        queries: &Queries<'_>,
        given: Given<'_>,
        control: &Control,
    ) -> Result<Vec<Settled>> {
        let mut settled = Vec::new();
        let (warm, cold) = given.parted(group);
        let mut open = self.first_direction(&cold, queries, given, &mut settled, control)?;
        self.soften(&mut open, control)?;
        let k = loop_k(queries.dim, group.len());
        open.extend(self.warm(Goal::Verdict, (&warm, k), queries, given)?);
        while !open.is_empty() {
            let rest = open.split_off(self.group_size().min(open.len()));
            settled.extend(self.group(Goal::Verdict).run(open, queries, control)?);
            open = rest;
        }
        self.pool.trim();
        Ok(settled)
    }

    /// The loop for a goal: verdicts in the whitened metric, distances in the Euclidean one, each with its own pool.
    fn group(&mut self, goal: Goal) -> Group<'_, 'a> {
        let (metric, pool) = match goal {
            Goal::Verdict => (&self.metric, &mut self.pool),
            Goal::Distance(_) | Goal::Both(_) => (&self.euclidean, &mut self.euclidean_pool),
        };
        Group {
            judge: &self.judge,
            metric,
            pool,
            settings: &self.settings,
            goal,
            budget: self.budget,
        }
    }

    /// Let open queries near the boundary start with soft constraints, where these pay, and with more rows from the pool.
    fn soften(&self, open: &mut [Open], control: &Control) -> Result<()> {
        let d = self.metric.dim();
        if !soften::pays(self.judge.rows.len(), d, self.settings.max_rounds) || open.is_empty() {
            return Ok(());
        }
        let targets: Vec<f64> = open.iter().flat_map(|q| q.target.iter().copied()).collect();
        let wanted = soften::wanted(d, open.len());
        let prices = self.pool.price(&targets, (wanted, None), false, control)?;
        for (b, q) in open.iter_mut().enumerate() {
            let (scores, slots, _) = prices.of(b);
            let reach = scores.first().copied().unwrap_or(0.0);
            if !soften::near(min_norm::dot(&q.target, &q.target), reach) {
                continue;
            }
            q.soften(wanted);
            let allowed = |slot: &&pool::Slot| Some(self.pool.row(**slot)) != q.excluded;
            q.fresh.extend(slots.iter().filter(allowed));
        }
        Ok(())
    }

    /// How many open queries' active sets fit the memory budget together.
    fn group_size(&self) -> usize {
        let d = self.metric.dim();
        let each = MinNorm::most_bytes(d, (d + 1).min(300));
        (GROUP_BUDGET / each).clamp(FEWEST_TOGETHER, MOST_TOGETHER)
    }

    /// Step two: one direction for each query, tested against the pool and, if no pooled row refutes it, against the reference.
    fn first_direction(
        &mut self,
        group: &[usize],
        queries: &Queries<'_>,
        given: Given<'_>,
        settled: &mut Vec<Settled>,
        control: &Control,
    ) -> Result<Vec<Open>> {
        let dim = queries.dim;
        let mut targets = queries.points(group);
        self.metric.whiten(&mut targets);
        let mut open = Vec::new();
        let mut scanning = Vec::new();
        let offers = self.pool_offers(&targets, control)?;
        for (place, (&query, mut offer)) in group.iter().zip(offers).enumerate() {
            offer.retain(|&slot| Some(self.pool.row(slot)) != given.excluded(query));
            let target = &targets[place * dim..(place + 1) * dim];
            if offer.is_empty() {
                scanning.push((query, target));
            } else {
                let mut q = Open::new(query, target.to_vec(), offer, loop_k(dim, group.len()));
                q.exclude(given.excluded(query), &self.pool);
                open.push(q);
            }
        }
        let targets = scanning.iter().flat_map(|(_, target)| *target);
        let mut vectors: Vec<f64> = targets.copied().collect();
        self.metric.direction(&mut vectors);
        let first = (scanning.as_slice(), vectors.as_slice());
        self.scan_first(first, queries, given, &mut open, settled, control)?;
        Ok(open)
    }

    /// For each target whose first direction a pooled row refutes, the pooled rows to start from; else none.
    fn pool_offers(&self, targets: &[f64], control: &Control) -> Result<Vec<Vec<pool::Slot>>> {
        let dim = self.metric.dim();
        let mut offers = vec![Vec::new(); targets.len() / dim];
        if self.pool.len() == 0 {
            return Ok(offers);
        }
        let squares: Vec<f64> = targets
            .chunks_exact(dim)
            .map(|t| min_norm::dot(t, t))
            .collect();
        let asked = (1, Some(squares.as_slice()));
        let prices = self.pool.price(targets, asked, false, control)?;
        let target = |b: usize| &targets[b * dim..(b + 1) * dim];
        let is_refuted = |&b: &usize| {
            prices
                .of(b)
                .0
                .first()
                .is_some_and(|&best| best >= squares[b])
        };
        let refuted: Vec<usize> = (0..offers.len()).filter(is_refuted).collect();
        if refuted.is_empty() {
            return Ok(offers);
        }
        let each = refuted.iter().flat_map(|&b| target(b));
        let again: Vec<f64> = each.copied().collect();
        let prices = self
            .pool
            .price(&again, (loop_k(dim, refuted.len()), None), false, control)?;
        for (i, b) in refuted.into_iter().enumerate() {
            offers[b] = prices.of(i).1.to_vec();
        }
        Ok(offers)
    }

    /// Scan the first directions of queries and their targets; a query that this does not settle joins the open queries.
    fn scan_first(
        &mut self,
        (scanning, vectors): (&[(usize, &[f64])], &[f64]),
        queries: &Queries<'_>,
        given: Given<'_>,
        open: &mut Vec<Open>,
        settled: &mut Vec<Settled>,
        control: &Control,
    ) -> Result<()> {
        let dim = queries.dim;
        let directions: Vec<Direction<'_>> = scanning
            .iter()
            .zip(vectors.chunks_exact(dim))
            .map(|((query, _), vector)| {
                let mut direction = Direction::new(vector, queries.both(*query), None, FIRST_K);
                direction.excluded = given.excluded(*query);
                direction.within = Some(FIRST_WITHIN);
                direction
            })
            .collect();
        let found = self.judge.scan(&directions, control)?;
        drop(directions);
        let unsettled = found.iter().filter(|f| f.separation <= 0.0);
        let wanted: Vec<usize> = unsettled.flat_map(|f| f.rows.iter().copied()).collect();
        self.pool.admit(
            &wanted,
            self.judge.rows,
            self.judge.scan.frame(),
            &self.metric,
        )?;
        for (&(query, target), found) in scanning.iter().zip(found) {
            if found.separation > 0.0 {
                let stage = if found.exact {
                    SolverStage::F64Recheck
                } else {
                    SolverStage::FirstDirection
                };
                let margin = self.judge.margin(&found);
                let direction = self.judge.in_data_units(&found);
                let outcome = Outcome::Outside {
                    direction,
                    margin,
                    exact: found.exact,
                };
                settled.push(Settled {
                    query,
                    outcome,
                    stage,
                    support: 0,
                    scans: 1,
                    nearest: Nearest::default(),
                });
                control.advance(1);
                continue;
            }
            let slots = found
                .rows
                .iter()
                .filter_map(|&row| self.pool.slot(row))
                .collect();
            let mut q = Open::new(query, target.to_vec(), slots, loop_k(dim, scanning.len()));
            q.exclude(given.excluded(query), &self.pool);
            q.scans = 1;
            open.push(q);
        }
        Ok(())
    }
}

impl Settled {
    /// The answer without its distance. `raw` is the query, `unit` holds the units of the columns.
    fn answer(self, raw: &[f64], unit: &[f64], rows: &dyn Rows) -> Result<Answer> {
        let (verdict, proof, reason, margin) = match &self.outcome {
            Outcome::Inside { exact: true, .. } => {
                (Verdict::Inside, Some(Evidence::Exact), None, 0.0)
            }
            Outcome::Inside { .. } => (Verdict::Inside, Some(Evidence::Tolerance), None, 0.0),
            Outcome::Outside { margin, .. } => {
                (Verdict::Outside, Some(Evidence::Separated), None, *margin)
            }
            Outcome::Undecided(reason) => (Verdict::Undecided, None, Some(*reason), 0.0),
            Outcome::Bracketed { .. } | Outcome::NotSeparated => {
                (Verdict::Undecided, None, Some(Reason::Rounding), 0.0)
            }
        };
        let certificate = self.outcome.certificate();
        let residual = match &certificate {
            Certificate::Inside {
                rows: support,
                weights,
                ..
            } => {
                let mut points = vec![0.0; support.len() * raw.len()];
                rows.gather(support, &mut points)?;
                Some(certificate::local::share(&points, weights, raw, unit))
            }
            _ => None,
        };
        Ok(Answer {
            verdict,
            proof,
            residual,
            reason,
            stage: self.stage,
            margin,
            support: self.support,
            scans: self.scans,
            certificate,
            distance: None,
            nearest: None,
        })
    }
}
