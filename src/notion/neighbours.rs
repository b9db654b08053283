//! The k nearest reference rows, exactly.
//!
//! The f32 scan proposes a few more rows than k; their distances are computed again in f64 from the stored values
//! (from differences, so near-duplicates keep their digits). A row that was not proposed scores at most the last
//! proposed score plus the scan's proven error, so its distance is bounded from below; if the k-th exact distance
//! is under that bound the answer is proved. Otherwise more rows are proposed, and in the end, as with thousands
//! of rows at one distance, all distances are computed in f64. Ties go to the lower row number. Equal queries are
//! answered once, and of equal rows the scan sees the first ([`Neighbours::filling`]).
//!
//! In few dimensions a [`Tree`] gives the same answers without a scan.

use super::tree::Tree;
use super::wide::{Wide, distance, product};
use crate::control::Control;
use crate::error::Result;
use crate::rows::{Repeats, Rows, map_chunks};
use crate::scan::rounding::{U32, U64, gamma};
use crate::scan::{Batch, Engine, Scan};
use crate::space::{Unit, normalise};
use rayon::prelude::*;

/// How nearness is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// |x - q|.
    #[default]
    Euclidean,
    /// 1 - cos(x, q); a zero vector has cosine 0 with everything.
    Cosine,
    /// -<x, q>.
    Dot,
}

/// A near reference row: its index in the reference, and its distance in the metric asked for, rounded to f64 (infinite if it
/// is beyond them).
pub type Near = (usize, f64);

/// The same while rows are ranked: the distance as it is, even beyond f64 or below.
type Ranked = (usize, Wide);

/// Rows proposed beyond k at first, and the factor by which proposals grow where that proves too few.
const SPARE: usize = 4;
const GROWTH: usize = 8;

/// Proposals beyond this cost more than computing every distance; and of rows of no more than so many columns.
const MOST: usize = 1024;
const NARROW: usize = 64;
const MOST_NARROW: usize = 32;

/// Proposals, over all queries and workers, that one scan may hold: 12 bytes each.
const PROPOSED: usize = 8 << 20;

/// Queries that share a pass in which every distance is computed.
const TOGETHER: usize = 32;

/// A direction longer than this (in the frame, where rows are about as long as their dimension's root) would
/// leave the range in which f32 scores are exact to the bound.
const LONGEST: f64 = 1e15;
const SHORTEST: f64 = 1e-25;

/// What underflow can hide in a bound, in the data's units: no bound is believed below this.
const HIDDEN: f64 = 1e-290;

/// Exact nearest-neighbour search over one reference set.
pub struct Neighbours<'a> {
    rows: &'a dyn Rows,
    metric: Metric,
    means: Means<'a>,
    repeats: Option<&'a Repeats>,
}

/// What finds the rows.
enum Means<'a> {
    Scan(&'a dyn Scan),
    Tree(Tree),
}

/// What found the rows: the answers are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Every row was scored against every query.
    Scan,
    /// A k-d tree left most rows out.
    Tree,
}

/// A reference set as cosine search needs it: unit rows and a scan of their own.
pub struct UnitReference<'a> {
    rows: Unit<'a>,
}

impl<'a> UnitReference<'a> {
    /// A view of the rows; nothing is copied.
    pub fn new(rows: &'a dyn Rows) -> Self {
        UnitReference { rows: Unit(rows) }
    }

    /// The scan over the unit rows.
    pub fn scan(&self, engine: &dyn Engine, control: &Control) -> Result<Box<dyn Scan + '_>> {
        engine.scan(&self.rows, control)
    }
}

/// Queries that a scan is asked about.
#[derive(Clone, Copy)]
struct Asked<'q> {
    /// B x d.
    queries: &'q [f64],
    posed: &'q [Posed],
    /// Those that have no answer yet.
    open: &'q [usize],
    k: usize,
}

/// A query as the scan takes it.
struct Posed {
    direction: Vec<f32>,
    /// Beyond the scan's range: compute every distance.
    wild: bool,
    /// Length of the direction before rounding to f32.
    norm: f64,
}

impl<'a> Neighbours<'a> {
    /// Search `rows` with `scan`, which scans the same rows, or for [`Metric::Cosine`] the unit rows of
    /// [`UnitReference`].
    pub fn new(rows: &'a dyn Rows, scan: &'a dyn Scan, metric: Metric) -> Self {
        Neighbours {
            rows,
            metric,
            means: Means::Scan(scan),
            repeats: None,
        }
    }

    /// Search `rows` with a tree over them, and by its metric.
    pub fn by_tree(rows: &'a dyn Rows, tree: Tree) -> Self {
        Neighbours {
            rows,
            metric: tree.metric(),
            means: Means::Tree(tree),
            repeats: None,
        }
    }

    /// What finds the rows.
    pub fn method(&self) -> Method {
        match self.means {
            Means::Scan(_) => Method::Scan,
            Means::Tree(_) => Method::Tree,
        }
    }

    /// Answer about the larger set of which the rows are the different values ([`Repeats::subset`]): with its row
    /// indices, and every row of a value.
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

    /// Tell the scan what [`Neighbours::nearest`] will ask of it about a query.
    pub fn expect(&self, query: &[f64], k: usize) {
        if let Means::Scan(scan) = self.means
            && self.metric != Metric::Cosine
        {
            let scanned = Scanned { search: self, scan };
            scanned.expect(query, k.min(self.rows.len()));
        }
    }

    /// The same of the rows that are searched, each value once ([`Neighbours::filling`]), by their places.
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

    /// The k nearest of the different rows, for queries that are of unit length where the metric is cosine.
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

    /// Exact distances of some rows, sorted: distance ascending, row ascending.
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

    /// The distance of one row, whose values are used up; a query for cosine is already of unit length.
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

    /// The k nearest of all rows to each query of a group, every distance in f64, in one pass.
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
        let mut found = self.nearest(&values, k + 1, control)?;
        for (&row, near) in rows.iter().zip(&mut found) {
            // The row itself may not be among them: of many equal rows the first k + 1 are.
            near.retain(|other| other.0 != row);
            near.truncate(k);
        }
        Ok(found)
    }
}

/// A search whose rows a scan proposes.
struct Scanned<'s, 'a> {
    search: &'s Neighbours<'a>,
    scan: &'a dyn Scan,
}

impl Scanned<'_, '_> {
    /// Find the k nearest rows of each query; those that scans did not prove are returned.
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
        let mut proposals = self.proposals(k);
        let most = if d <= NARROW { MOST_NARROW } else { MOST };
        while !open.is_empty() {
            // Each worker holds the proposals of all queries of a scan.
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

    /// Rows that are proposed for k at first.
    fn proposals(&self, k: usize) -> usize {
        (k + SPARE + k / 8).min(self.scan.len())
    }

    /// The factor of a row's bias in its score.
    fn bias(&self) -> f32 {
        match self.search.metric {
            Metric::Euclidean => 1.0,
            Metric::Cosine | Metric::Dot => 0.0,
        }
    }

    /// Tell the scan what the first search for k rows will ask of it.
    fn expect(&self, query: &[f64], k: usize) {
        let posed = self.pose(query);
        if !posed.wild {
            self.scan.expect(&Batch {
                directions: &posed.direction,
                bias: &[self.bias()],
                k: self.proposals(k),
            });
        }
    }

    /// The direction that ranks rows by nearness to q, in the scan's frame.
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
            // A direction so short loses entries in f32, unless it is zero.
            wild: norm.is_nan()
                || norm > LONGEST
                || (norm < SHORTEST && exact.iter().any(|&v| v != 0.0)),
            norm,
        }
    }

    /// Scan for `proposals` rows each; answers what that proves and returns the queries it does not.
    fn propose(
        &self,
        asked: &Asked<'_>,
        proposals: usize,
        answers: &mut [Vec<Near>],
        control: &Control,
    ) -> Result<Vec<usize>> {
        let Asked {
            queries,
            posed,
            open,
            k,
        } = *asked;
        let d = self.scan.dim();
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
        let judged: Vec<(Vec<Near>, bool)> = open
            .par_iter()
            .enumerate()
            .map(|(place, &b)| {
                let query = &queries[b * d..(b + 1) * d];
                let (scores, rows) = hits.of(place);
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

    /// The proposed rows, and the far ones, which a scan leaves out.
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

/// The k nearest rows of the set whose nearest different values are these: a row comes before another of its distance if
/// its number is lower, so the k nearest rows have the k nearest values.
fn filled(near: &[Near], repeats: &Repeats, k: usize) -> Vec<Near> {
    let mut rows: Vec<Near> = near
        .iter()
        .flat_map(|&(place, distance)| {
            let members = repeats.members(place).iter().take(k);
            members.map(move |&row| (row, distance))
        })
        .collect();
    rows.sort_unstable_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    rows.truncate(k);
    rows
}

/// Keep the k nearest of ascending rows; of equals the first.
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

/// As they are given.
fn rounded(near: Vec<Ranked>) -> Vec<Near> {
    near.into_iter()
        .map(|(row, distance)| (row, distance.rounded()))
        .collect()
}
