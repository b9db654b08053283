//! The k nearest reference rows, exactly.
//!
//! The f32 scan proposes a few more rows than k; their distances are computed again in f64 from the stored values (as
//! differences, so that near-duplicates keep their digits). A row that was not proposed scores at most the last proposed
//! score plus the scan's proven error, which bounds its distance from below; if the k-th exact distance is under that bound,
//! the answer is proved. Otherwise more rows are proposed, and in the end, as with thousands of rows at one distance, all
//! distances are computed in f64. Ties go to the lower row number. Equal queries are answered once, and the scan gets only
//! the first of equal rows ([`Neighbours::filling`]).
//!
//! In few dimensions a [`Tree`] gives the same answers without a scan.

use super::fits::Fits;
use super::metric::{Metric, Near};
use super::tree::Tree;
use super::wide::{Wide, distance, product};
use crate::control::Control;
use crate::error::Result;
use crate::rows::{Repeats, Rows, map_chunks};
use crate::scan::rounding::{U32, U64, gamma};
use crate::scan::{Batch, Engine, Hits, Scan};
use crate::space::{Unit, normalise};
use rayon::prelude::*;
use std::sync::Arc;

/// A [`Near`] row while rows are ranked, with a distance that cannot overflow or underflow.
type Ranked = (usize, Wide);

/// Rows proposed in addition to k at first, and the factor by which proposals grow if those are too few.
const SPARE: usize = 4;
const GROWTH: usize = 8;

/// Beyond this many proposals, computing every distance is cheaper; with at most `NARROW` columns beyond `MOST_NARROW`.
const MOST: usize = 1024;
const NARROW: usize = 64;
const MOST_NARROW: usize = 32;

/// The most proposals, over all queries and workers, in one scan: 12 bytes each.
const PROPOSED: usize = 8 << 20;

/// The most rows of the set that are answered together, and the most values in them.
const ROWS: usize = 8192;
const NUMBERS: usize = 1 << 22;

/// Queries that share a pass that computes every distance.
const TOGETHER: usize = 32;

/// The longest and the shortest direction (in the frame, where the norms of rows are about sqrt(d)) for which the error bound of
/// f32 scores is valid.
const LONGEST: f64 = 1e15;
const SHORTEST: f64 = 1e-25;

/// What underflow can hide in a bound, in the data's units: bounds below this are not used.
const HIDDEN: f64 = 1e-290;

/// Exact nearest-neighbour search over one reference set.
pub struct Neighbours<'a> {
    rows: &'a dyn Rows,
    metric: Metric,
    means: Means<'a>,
    repeats: Option<&'a Repeats>,
}

/// The method of the search.
enum Means<'a> {
    Scan(&'a dyn Scan),
    Tree(Arc<Tree>),
}

/// The method of a search; answers do not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Every row was scored against every query.
    Scan,
    /// A k-d tree pruned most rows.
    Tree,
}

/// A reference set for cosine searches: unit rows, with their own scan.
pub struct UnitReference<'a> {
    rows: Unit<'a>,
}

impl<'a> UnitReference<'a> {
    /// A view of the rows; nothing is copied.
    pub fn new(rows: &'a dyn Rows) -> Self {
        UnitReference { rows: Unit(rows) }
    }

    /// The scan over the unit rows; their frame is kept in `fits`.
    pub fn scan(
        &self,
        engine: &dyn Engine,
        fits: &Fits,
        control: &Control,
    ) -> Result<Box<dyn Scan + '_>> {
        fits.scan("unit rows", &self.rows, engine, control)
    }
}

/// Queries of a scan.
#[derive(Clone, Copy)]
struct Asked<'q> {
    /// The values, B x d.
    queries: &'q [f64],
    posed: &'q [Posed],
    /// The indices of those that have no answer yet.
    open: &'q [usize],
    k: usize,
}

/// A query as a direction for the scan.
struct Posed {
    direction: Vec<f32>,
    /// Whether it is out of the scan's range, so that every distance must be computed.
    wild: bool,
    /// Length of the direction before rounding to f32.
    norm: f64,
}

impl<'a> Neighbours<'a> {
    /// A search of `rows` by `scan`, which scans the same rows, or for [`Metric::Cosine`] the unit rows of
    /// [`UnitReference`].
    pub fn new(rows: &'a dyn Rows, scan: &'a dyn Scan, metric: Metric) -> Self {
        Neighbours {
            rows,
            metric,
            means: Means::Scan(scan),
            repeats: None,
        }
    }

    /// A search of `rows` by a tree over them, in the tree's metric.
    pub fn by_tree(rows: &'a dyn Rows, tree: Arc<Tree>) -> Self {
        Neighbours {
            rows,
            metric: tree.metric(),
            means: Means::Tree(tree),
            repeats: None,
        }
    }

    /// The method of the search.
    pub fn method(&self) -> Method {
        match self.means {
            Means::Scan(_) => Method::Scan,
            Means::Tree(_) => Method::Tree,
        }
    }

    /// Makes the answers refer to the larger set of which the rows are the distinct values ([`Repeats::subset`]): with its row
    /// indices, and all rows of equal value.
    pub fn filling(self, repeats: Option<&'a Repeats>) -> Self {
        assert!(repeats.is_none_or(|all| all.distinct() == self.rows.len()));
        Neighbours { repeats, ..self }
    }

    /// The k nearest rows of each query (B x d, raw values), nearest first; min(k, N) each.
    ///
    /// Errors: rows that can no longer be read, and [`crate::Error::Interrupted`].
    pub fn nearest(&self, raw: &[f64], k: usize, control: &Control) -> Result<Vec<Vec<Near>>> {
        let mut answers = self.nearest_values(raw, k, control)?;
        if let Some(repeats) = self.repeats {
            for near in &mut answers {
                *near = filled(near, repeats, k);
            }
        }
        Ok(answers)
    }

    /// Announce to the scan the batch that [`Neighbours::nearest`] will scan for a query.
    pub fn expect(&self, query: &[f64], k: usize) {
        if let Means::Scan(scan) = self.means
            && self.metric != Metric::Cosine
        {
            let scanned = Scanned { search: self, scan };
            scanned.expect(query, k.min(self.rows.len()));
        }
    }

    /// The same among the distinct rows, by their indices, ignoring [`Neighbours::filling`].
    ///
    /// Errors: as [`Neighbours::nearest`].
    pub fn nearest_values(
        &self,
        raw: &[f64],
        k: usize,
        control: &Control,
    ) -> Result<Vec<Vec<Near>>> {
        let d = self.rows.dim();
        let mut queries = raw.to_vec();
        if self.metric == Metric::Cosine {
            normalise(&mut queries, d);
        }
        match Repeats::of_values(&queries, d, control)? {
            Some(alike) => Ok(alike.spread(&self.search(&alike.pick(&queries, d), k, control)?)),
            None => self.search(&queries, k, control),
        }
    }

    /// The k nearest of the distinct rows; for cosine, queries have unit length.
    fn search(&self, queries: &[f64], k: usize, control: &Control) -> Result<Vec<Vec<Near>>> {
        let k = k.min(self.rows.len());
        let mut answers = vec![Vec::new(); queries.len() / self.rows.dim()];
        let left = match &self.means {
            Means::Scan(scan) => {
                let scanned = Scanned {
                    search: self,
                    scan: *scan,
                };
                scanned.search(queries, k, &mut answers, control)?
            }
            Means::Tree(tree) => {
                let found = tree.nearest(queries, self.rows.dim(), k, control)?;
                let mut left = Vec::new();
                for (query, near) in found.into_iter().enumerate() {
                    match near {
                        Some(near) => answers[query] = near,
                        None => left.push(query),
                    }
                }
                left
            }
        };
        let d = self.rows.dim();
        for part in left.chunks(TOGETHER) {
            let group: Vec<&[f64]> = part.iter().map(|&b| &queries[b * d..][..d]).collect();
            for (&b, near) in part.iter().zip(self.all_distances(&group, k, control)?) {
                answers[b] = near;
            }
        }
        Ok(answers)
    }

    /// Exact distances of some rows, sorted by distance, then by row.
    fn distances(&self, query: &[f64], rows: &[usize]) -> Result<Vec<Ranked>> {
        let d = query.len();
        let mut values = vec![0.0; rows.len() * d];
        self.rows.gather(rows, &mut values)?;
        let each = rows.iter().zip(values.chunks_exact_mut(d));
        let mut near: Vec<Ranked> = each
            .map(|(&row, x)| (row, self.distance(query, x)))
            .collect();
        sort(&mut near);
        Ok(near)
    }

    /// The distance of one row, whose values are overwritten; for cosine, the query has unit length.
    fn distance(&self, query: &[f64], x: &mut [f64]) -> Wide {
        match self.metric {
            Metric::Euclidean => distance(x, query),
            Metric::Dot => product(x, query).negated(),
            Metric::Cosine => {
                if x.iter().all(|&v| v == 0.0) || query.iter().all(|&v| v == 0.0) {
                    return Wide::from(1.0);
                }
                normalise(x, query.len());
                let square: f64 = x.iter().zip(query).map(|(x, q)| (x - q).powi(2)).sum();
                Wide::from(0.5 * square)
            }
        }
    }

    /// The k nearest of all rows for each query of a group, by computing every distance in f64 in one pass.
    fn all_distances(
        &self,
        group: &[&[f64]],
        k: usize,
        control: &Control,
    ) -> Result<Vec<Vec<Near>>> {
        let d = self.rows.dim();
        let parts = map_chunks(self.rows, control, |first, values| {
            let mut row = vec![0.0; d];
            let nearest = |query: &&[f64]| {
                let mut near: Vec<Ranked> = Vec::with_capacity(k + 1);
                for (number, x) in (first..).zip(values.chunks_exact(d)) {
                    let at = match self.metric {
                        Metric::Euclidean => distance(x, query),
                        _ => {
                            row.copy_from_slice(x);
                            self.distance(query, &mut row)
                        }
                    };
                    insert(&mut near, (number, at), k);
                }
                near
            };
            group.iter().map(nearest).collect::<Vec<_>>()
        })?;
        let mut answers = vec![Vec::new(); group.len()];
        for part in parts {
            for (answer, near) in answers.iter_mut().zip(part) {
                answer.extend(near);
                sort(answer);
                answer.truncate(k);
            }
        }
        Ok(answers.into_iter().map(rounded).collect())
    }

    /// The k nearest other rows of each given row (leave-one-out), nearest first; min(k, N - 1) each.
    ///
    /// Errors: rows that can no longer be read, and [`crate::Error::Interrupted`].
    pub fn others(&self, rows: &[usize], k: usize, control: &Control) -> Result<Vec<Vec<Near>>> {
        let d = self.rows.dim();
        let mut values = vec![0.0; rows.len() * d];
        match self.repeats {
            Some(repeats) => {
                let places: Vec<usize> = rows.iter().map(|&row| repeats.place(row)).collect();
                self.rows.gather(&places, &mut values)?;
            }
            None => self.rows.gather(rows, &mut values)?,
        }
        let found = self.nearest(&values, k + 1, control)?;
        let each = rows.iter().zip(found);
        Ok(each.map(|(&row, near)| without(near, row, k)).collect())
    }

    /// [`Neighbours::others`] of the first row of each distinct value, passed to `then` in row order. Every row counts as
    /// progress.
    ///
    /// Errors: as [`Neighbours::others`].
    pub fn others_of_all(
        &self,
        k: usize,
        control: &Control,
        mut then: impl FnMut(Vec<Near>),
    ) -> Result<()> {
        let (n, d) = (self.rows.len(), self.rows.dim());
        let wanted = (k + 1).min(n);
        let scanned = match &self.means {
            Means::Scan(scan) if self.metric == Metric::Euclidean => Some(Scanned {
                search: self,
                scan: *scan,
            }),
            _ => None,
        };
        let together = scanned.as_ref().map(|scanned| scanned.own(wanted, control));
        let hits = together.transpose()?.flatten();
        let step = (NUMBERS / d).clamp(1, ROWS);
        for first in (0..n).step_by(step) {
            let mut values = vec![0.0; step.min(n - first) * d];
            self.rows.read_f64(first, &mut values)?;
            let found = match (&scanned, &hits) {
                (Some(scanned), Some(hits)) => {
                    scanned.of_own(hits, first, &values, wanted, control)?
                }
                _ => {
                    let found = self.nearest_values(&values, wanted, control)?;
                    control.advance(found.len() as u64);
                    found
                }
            };
            for (place, near) in (first..).zip(found) {
                then(match self.repeats {
                    Some(all) => without(filled(&near, all, k + 1), all.first(place), k),
                    None => without(near, place, k),
                });
            }
        }
        Ok(())
    }
}

/// A search in which a scan proposes the rows.
struct Scanned<'s, 'a> {
    search: &'s Neighbours<'a>,
    scan: &'a dyn Scan,
}

impl Scanned<'_, '_> {
    /// Finds the k nearest rows of each query; returns the queries for which the scans gave no proof.
    fn search(
        &self,
        queries: &[f64],
        k: usize,
        answers: &mut [Vec<Near>],
        control: &Control,
    ) -> Result<Vec<usize>> {
        let (n, d) = (self.scan.len(), self.scan.dim());
        let posed: Vec<Posed> = queries.par_chunks_exact(d).map(|q| self.pose(q)).collect();
        let (wild, mut open): (Vec<usize>, Vec<usize>) =
            (0..posed.len()).partition(|&b| posed[b].wild);
        let mut proposals = at_first(k, n);
        let most = if d <= NARROW { MOST_NARROW } else { MOST };
        while !open.is_empty() {
            // Each worker stores the proposals of all queries of a scan.
            let together = (PROPOSED / proposals / rayon::current_num_threads()).max(64);
            let mut rest = Vec::new();
            for part in open.chunks(together) {
                let asked = Asked {
                    queries,
                    posed: &posed,
                    open: part,
                    k,
                };
                rest.extend(self.propose(&asked, proposals, answers, control)?);
            }
            open = rest;
            if proposals >= most.max(2 * k) {
                break;
            }
            proposals = (proposals * GROWTH).min(n);
        }
        open.extend(wild);
        Ok(open)
    }

    /// The scores of all rows with each other, if the scan can compute them together.
    fn own(&self, k: usize, control: &Control) -> Result<Option<Hits>> {
        self.scan.own(at_first(k, self.scan.len()), control)
    }

    /// The k nearest rows of each row from `first` on, whose values are given: from the scores of all rows with each other, or, if
    /// these prove too little, from a scan for the row.
    fn of_own(
        &self,
        hits: &Hits,
        first: usize,
        values: &[f64],
        k: usize,
        control: &Control,
    ) -> Result<Vec<Vec<Near>>> {
        let d = self.scan.dim();
        let posed: Vec<Posed> = values.par_chunks_exact(d).map(|q| self.pose(q)).collect();
        let far = &self.scan.frame().far;
        let (mut rest, open): (Vec<usize>, Vec<usize>) =
            (0..posed.len()).partition(|&b| posed[b].wild || far.contains(first + b));
        let asked = Asked {
            queries: values,
            posed: &posed,
            open: &open,
            k,
        };
        let mut answers = vec![Vec::new(); posed.len()];
        let scored = |place: usize| hits.of(first + open[place]);
        rest.extend(self.settle(&asked, scored, &mut answers)?);
        let left: Vec<f64> = rest
            .iter()
            .flat_map(|&b| &values[b * d..][..d])
            .copied()
            .collect();
        for (b, near) in rest.into_iter().zip(self.search.search(&left, k, control)?) {
            answers[b] = near;
        }
        Ok(answers)
    }

    /// The factor of a row's bias in its score.
    fn bias(&self) -> f32 {
        match self.search.metric {
            Metric::Euclidean => 1.0,
            Metric::Cosine | Metric::Dot => 0.0,
        }
    }

    /// Announce to the scan the batch of the first search for k rows.
    fn expect(&self, query: &[f64], k: usize) {
        let posed = self.pose(query);
        if !posed.wild {
            self.scan.expect(&Batch {
                directions: &posed.direction,
                bias: &[self.bias()],
                k: at_first(k, self.scan.len()),
            });
        }
    }

    /// The direction, in the scan's frame, whose scores rank rows by nearness to q.
    fn pose(&self, query: &[f64]) -> Posed {
        let frame = self.scan.frame();
        let each = query.iter().zip(&frame.centre).zip(&frame.scale);
        let exact: Vec<f64> = match self.search.metric {
            Metric::Euclidean => each
                .map(|((q, m), s)| (q - m) * frame.euclid / s * frame.euclid)
                .collect(),
            Metric::Cosine | Metric::Dot => {
                let longest = query.iter().fold(0f64, |most, v| most.max(v.abs()));
                let unit = if longest > 0.0 { longest } else { 1.0 };
                each.map(|((q, _), s)| q / unit / s * frame.euclid)
                    .collect()
            }
        };
        let norm = exact.iter().map(|v| v * v).sum::<f64>().sqrt();
        Posed {
            direction: exact.iter().map(|&v| v as f32).collect(),
            // The entries of a direction this short lose digits in f32, unless it is zero.
            wild: norm.is_nan()
                || norm > LONGEST
                || (norm < SHORTEST && exact.iter().any(|&v| v != 0.0)),
            norm,
        }
    }

    /// Scans for `proposals` rows each; stores the answers that are proved and returns the queries that are not.
    fn propose(
        &self,
        asked: &Asked<'_>,
        proposals: usize,
        answers: &mut [Vec<Near>],
        control: &Control,
    ) -> Result<Vec<usize>> {
        let Asked { posed, open, .. } = *asked;
        let directions: Vec<f32> = open
            .iter()
            .flat_map(|&b| posed[b].direction.iter().copied())
            .collect();
        let bias = vec![self.bias(); open.len()];
        let hits = self.scan.scan(
            &Batch {
                directions: &directions,
                bias: &bias,
                k: proposals,
            },
            control,
        )?;
        self.settle(asked, |place| hits.of(place), answers)
    }

    /// Answer what the proposed rows of each open query and their scores prove; returns the queries that they do not.
    fn settle<'h>(
        &self,
        asked: &Asked<'_>,
        scored: impl Fn(usize) -> (&'h [f32], &'h [usize]) + Sync,
        answers: &mut [Vec<Near>],
    ) -> Result<Vec<usize>> {
        let Asked {
            queries,
            posed,
            open,
            k,
        } = *asked;
        let d = self.scan.dim();
        let judged: Vec<(Vec<Near>, bool)> = open
            .par_iter()
            .enumerate()
            .map(|(place, &b)| {
                let query = &queries[b * d..(b + 1) * d];
                let (scores, rows) = scored(place);
                let mut near = self.search.distances(query, &self.candidates(rows))?;
                near.truncate(k);
                let near = rounded(near);
                let nearer = |last: &Near| last.1 < self.beyond(query, &posed[b], scores);
                let proved = rows.len() == self.scan.len()
                    || (near.len() == k && near.last().is_none_or(nearer));
                Ok((near, proved))
            })
            .collect::<Result<_>>()?;
        let mut rest = Vec::new();
        for (&b, (near, proved)) in open.iter().zip(judged) {
            if proved {
                answers[b] = near;
            } else {
                rest.push(b);
            }
        }
        Ok(rest)
    }

    /// The proposed rows, and the far rows, which a scan leaves out.
    fn candidates(&self, proposed: &[usize]) -> Vec<usize> {
        let far = &self.scan.frame().far;
        let near = proposed.iter().copied().filter(|&row| !far.contains(row));
        near.chain(far.rows.iter().copied()).collect()
    }

    /// A lower bound on the distance of every row that was not proposed and is not far.
    fn beyond(&self, query: &[f64], posed: &Posed, scores: &[f32]) -> f64 {
        let Some(&last) = scores.last() else {
            return f64::INFINITY;
        };
        let frame = self.scan.frame();
        // The scan's own error, and the rounding of the direction to f32.
        let error = self.scan.error_bound(posed.norm * (1.0 + U32), self.bias())
            + U32 * 1.001 * posed.norm * frame.radius;
        let best = f64::from(last) + error;
        match self.search.metric {
            Metric::Euclidean => {
                let square: f64 = query
                    .iter()
                    .zip(&frame.centre)
                    .map(|(q, m)| ((q - m) * frame.euclid).powi(2))
                    .sum();
                let rounding = gamma(query.len() + 4, U64) * (square + frame.euclid_radius.powi(2));
                (square - 2.0 * best - rounding).max(0.0).sqrt() / frame.euclid * (1.0 - 1e-12)
            }
            Metric::Cosine | Metric::Dot => {
                let longest = query.iter().fold(0f64, |most, v| most.max(v.abs()));
                let unit = if longest > 0.0 { longest } else { 1.0 };
                let offset: f64 = query.iter().zip(&frame.centre).map(|(q, m)| q * m).sum();
                let lengths: f64 = query
                    .iter()
                    .zip(&frame.centre)
                    .map(|(q, m)| (q * m).abs())
                    .sum();
                let product = offset + best * unit / frame.euclid;
                let rounding =
                    gamma(query.len() + 4, U64) * (2.0 * lengths + product.abs()) + HIDDEN;
                let constant = if self.search.metric == Metric::Cosine {
                    1.0
                } else {
                    0.0
                };
                constant - product - rounding
            }
        }
    }
}

/// The number of rows that are requested at first, for the k nearest of n.
fn at_first(k: usize, n: usize) -> usize {
    (k + SPARE + k / 8).min(n)
}

/// The k nearest rows other than `row` itself, which may be missing: of many equal rows only the first k + 1 are found.
fn without(mut near: Vec<Near>, row: usize, k: usize) -> Vec<Near> {
    near.retain(|other| other.0 != row);
    near.truncate(k);
    near
}

/// The k nearest rows of the whole set, given the nearest distinct values. Rows at equal distance are ordered by index, so
/// the k nearest rows have the k nearest values.
fn filled(near: &[Near], repeats: &Repeats, k: usize) -> Vec<Near> {
    let mut rows: Vec<Near> = near
        .iter()
        .flat_map(|&(place, distance)| {
            let members = repeats.members(place).take(k);
            members.map(move |row| (row, distance))
        })
        .collect();
    rows.sort_unstable_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    rows.truncate(k);
    rows
}

/// Inserts a row into the k nearest; rows come in ascending order, and of equally near ones the first are kept.
fn insert(near: &mut Vec<Ranked>, new: Ranked, k: usize) {
    let held = |known: &Ranked| known.1.order(new.1).is_le();
    if near.len() == k && near.last().is_none_or(held) {
        return;
    }
    let place = near.partition_point(held);
    near.insert(place, new);
    near.truncate(k);
}

fn sort(near: &mut [Ranked]) {
    near.sort_unstable_by(|a, b| a.1.order(b.1).then(a.0.cmp(&b.0)));
}

/// The list with distances rounded to f64.
fn rounded(near: Vec<Ranked>) -> Vec<Near> {
    near.into_iter()
        .map(|(row, distance)| (row, distance.rounded()))
        .collect()
}
