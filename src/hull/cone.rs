//! Is q a non-negative combination of the rows, and if not, at what angle from all of them?
//!
//! ```text
//! inside:   q = sum u_i x_i,  u >= 0             outside:  a direction r with <x_i, r> <= 0 < <q, r> for every i
//! ```
//!
//! Then `<q, r> / (|q| |r|)` bounds the sine of the angle between q and the cone from below. The nearest combination is
//! found by column generation. Its residual has product 0 with the rows that carry weight, so no scan can prove the
//! sign of these products. The residual is therefore tilted away from all rows: with v such that `<x_i, v> >= m > 0`,
//! which exists if the cone is pointed, and `<x_i, r> <= s`, both proved, `r - (s / m) v` has no positive product with
//! any row. Inside is proved exactly, by verified arithmetic on rows and origin (`2^-k q` is in the hull of 0 and the
//! rows), or within the same tolerance as inside verdicts of the hull, for `q / sum u` (see
//! [`certificate`](super::certificate)). Rows of zeros do not change a cone and are left out.
//!
//! A certificate that can be checked without a scan is a set of weights that meet the tolerance, or a direction tilted
//! by a little more than was proved necessary, so that its own rounding changes no sign. Where neither exists (a cone
//! that contains a line; weights that only the exact proof accepts), there is no certificate.

use super::certificate::{local, residual, separation};
use super::columns::{Open, Seen, SharedColumns, held};
use super::finish::proved;
use super::metric::Metric;
use super::{Certificate, Evidence, Settings, Verdict, prove};
use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;
use crate::scan::Scan;
use crate::scan::rounding::{U64, f64_score, gamma};
use rayon::prelude::*;
use std::f64::consts::FRAC_PI_2;
use std::sync::Mutex;

/// With at most this many rows in a combination the exact proof is tried first; with more, only if the tolerance is missed.
const WORTH_EXACT: usize = 64;

/// Directions that share one f64 scan.
const TOGETHER: usize = 512;

/// A query is rescaled only if its length and the rows' differ by at least this power of two.
const ALIKE: i32 = 8;

/// A residual below this share of the query's length is taken as zero: it is rounding.
const VANISHED: f64 = 1e-11;

/// What is proved about one query. Angles are in radians; the angle is a right angle if no row has a positive product
/// with the query.
#[derive(Debug, Clone, PartialEq)]
pub struct Angle {
    pub verdict: Verdict,
    /// `None` when undecided.
    pub proof: Option<Evidence>,
    /// Certified lower bound of the angle between the query and the cone; 0 for inside and undecided.
    pub lower: f64,
    /// Upper bound of the angle, at most a right angle.
    pub upper: f64,
    /// A certificate that can be checked independently; see `Body::Cone` of the certificates.
    pub certificate: Certificate,
}

/// Values times a power of two, exactly; `None` if a value overflows or underflows.
fn times_power(values: &[f64], power: i32) -> Option<Vec<f64>> {
    let scaled: Vec<f64> = values.iter().map(|&v| libm::scalbn(v, power)).collect();
    let mut both = scaled.iter().zip(values);
    both.all(|(s, v)| s.is_finite() && libm::scalbn(*s, -power) == *v)
        .then_some(scaled)
}

impl Angle {
    fn inside(proof: Evidence, certificate: Certificate) -> Self {
        Angle {
            verdict: Verdict::Inside,
            proof: Some(proof),
            lower: 0.0,
            upper: 0.0,
            certificate,
        }
    }

    /// Undecided, with the trivial bounds.
    fn open() -> Self {
        Angle {
            verdict: Verdict::Undecided,
            proof: None,
            lower: 0.0,
            upper: FRAC_PI_2,
            certificate: Certificate::None,
        }
    }

    /// The answer for a query of zeros, which is in every cone.
    fn of_zero() -> Self {
        let certificate = Certificate::Inside {
            rows: Vec::new(),
            weights: Vec::new(),
            exact: false,
        };
        Angle::inside(Evidence::Exact, certificate)
    }
}

/// One query with what is known about it.
#[derive(Debug, Clone)]
pub struct ConeQuery<'q> {
    /// The query's raw values.
    pub query: &'q [f64],
    /// A reference row that is left out.
    pub excluded: Option<usize>,
    /// Rows and convex weights that prove the query inside the hull, and whether that proof is exact.
    pub inside: Option<(Vec<usize>, Vec<f64>, bool)>,
    /// Rows with a combination that may be near the query, such as those of the nearest point of the hull; tried before
    /// the first scan.
    pub near: Vec<usize>,
}

/// A non-negative combination of rows, and the query divided by the sum of the weights.
struct Sum {
    rows: Vec<usize>,
    weights: Vec<f64>,
    points: Vec<f64>,
    shares: Vec<f64>,
    at: Vec<f64>,
    total: f64,
}

/// A direction that has a positive product with every row that is not 0, and the smallest of these products.
#[derive(Debug, Clone, PartialEq)]
pub struct Strict {
    /// In the data's units.
    pub v: Vec<f64>,
    pub least: f64,
}

/// Finds angles to the cone of one reference.
pub struct Cone<'a> {
    columns: SharedColumns<'a>,
    settings: Settings,
    /// For all rows; `None` if there is none, or none is known.
    pub strict: Option<Strict>,
}

impl<'a> Cone<'a> {
    /// The cone of `rows` (distinct rows, which `scan` scans); `zeros` are the rows that are all zero.
    /// `alone`: whether no angle may depend on the other queries.
    pub fn new(
        rows: &'a dyn Rows,
        scan: &'a dyn Scan,
        settings: Settings,
        zeros: Vec<usize>,
        alone: bool,
    ) -> Self {
        let metric = Metric::euclidean(scan.frame());
        let mut columns = SharedColumns::new(rows, scan, metric, alone);
        columns.ignored = zeros;
        Cone {
            columns,
            settings,
            strict: None,
        }
    }

    /// Finds the strict direction for all rows, if there is one. Without it, many queries outside stay undecided.
    ///
    /// Errors: rows that can no longer be read, and [`crate::Error::Interrupted`].
    pub fn find_strict(&mut self, control: &Control) -> Result<Option<Strict>> {
        // Found in the same way whether queries are answered alone or not.
        let alone = std::mem::replace(&mut self.columns.alone, true);
        let found = self.strictly(&[None], control);
        self.columns.alone = alone;
        let found = found?.pop().flatten();
        // Later answers are the same as with a direction that was found before.
        self.columns.clear();
        Ok(found)
    }

    /// The angle of each query to a relative gap; with a gap of 1, only on which side of the cone it is. Each finished
    /// query counts as one unit of progress.
    ///
    /// Errors: rows that can no longer be read, and [`crate::Error::Interrupted`].
    pub fn angles(
        &mut self,
        asked: &[ConeQuery<'_>],
        gap: f64,
        control: &Control,
    ) -> Result<Vec<Angle>> {
        let mut found: Vec<Mutex<Angle>> = asked
            .par_iter()
            .map(|asked| Ok(Mutex::new(self.known(asked)?)))
            .collect::<Result<_>>()?;
        let each = asked.iter().zip(&found);
        let scaled: Vec<Option<(i32, Vec<f64>)>> = each
            .map(|(one, angle)| match held(angle).verdict {
                Verdict::Undecided => self.scaled(one.query),
                _ => None,
            })
            .collect();
        let each = asked.iter().zip(&scaled);
        let asked: Vec<ConeQuery<'_>> = each
            .map(|(one, scaled)| ConeQuery {
                query: scaled.as_ref().map_or(one.query, |(_, query)| query),
                excluded: one.excluded,
                inside: None,
                near: one.near.clone(),
            })
            .collect();
        self.search(&asked, gap, &found, control)?;
        let each = found.iter_mut().zip(&scaled);
        Ok(each
            .map(|(angle, scaled)| {
                let angle = angle.get_mut().unwrap_or_else(|held| held.into_inner());
                match scaled {
                    Some((power, _)) => angle.clone().of_scaled(*power),
                    None => angle.clone(),
                }
            })
            .collect())
    }

    /// The angles of the queries that are still undecided.
    fn search(
        &mut self,
        asked: &[ConeQuery<'_>],
        gap: f64,
        found: &[Mutex<Angle>],
        control: &Control,
    ) -> Result<()> {
        let undecided = |place: &usize| held(&found[*place]).verdict == Verdict::Undecided;
        let places: Vec<usize> = (0..asked.len()).filter(undecided).collect();
        control.advance((asked.len() - places.len()) as u64);
        let strict = self.strict.clone();
        let zero = vec![0.0; self.columns.rows.dim()];
        for part in places.chunks(self.columns.together()) {
            let mut open: Vec<Open> = part
                .iter()
                .map(|&place| self.open(place, &asked[place]))
                .collect();
            let most = self.settings.max_rounds;
            let close = |columns: &SharedColumns<'_>, q: &mut Open, seen: &Seen<'_>| {
                q.done = vanished(q);
                if !q.done {
                    let (r, top) = columns.highest(seen, &zero, q.excluded());
                    let tilted = tilted(columns, &r, top, strict.as_ref(), asked[q.place].query);
                    let sine = prove::length(q.conic.residual()) / q.size;
                    let upper = sine.min(1.0).asin();
                    let near = |(_, sine): &(Vec<f64>, f64)| sine.asin() >= (1.0 - gap) * upper;
                    if let Some(tilted) = tilted.filter(near) {
                        held(&found[q.place]).separate(tilted);
                        q.done = true;
                    }
                }
                control.advance(u64::from(q.done));
                Ok(())
            };
            let last = |_: &SharedColumns<'_>, _: &mut Open| {
                control.advance(1);
                Ok(())
            };
            self.columns.run(&mut open, most, &close, &last, control)?;
            open.par_iter().try_for_each(|q| -> Result<()> {
                let by_weights = self.by_weights(q, asked[q.place].query)?;
                let mut angle = held(&found[q.place]);
                match angle.verdict {
                    Verdict::Outside => angle.upper = by_weights.upper.max(angle.lower),
                    _ => *angle = by_weights,
                }
                Ok(())
            })?;
            self.by_directions(&open, asked, found, control)?;
            self.columns.trim();
        }
        Ok(())
    }

    /// The query times a power of two that makes it about as long as the longest rows, and the exponent: in the frame,
    /// whose origin lies among the rows, a much shorter query would lose all its digits to rounding. `None` where no
    /// scaling is needed, and where a value would overflow or underflow.
    fn scaled(&self, query: &[f64]) -> Option<(i32, Vec<f64>)> {
        let frame = self.columns.scan.frame();
        let largest = |values: &[f64]| values.iter().fold(0f64, |most, v| most.max(v.abs()));
        let rows = largest(&frame.lowest).max(largest(&frame.highest));
        let power = libm::frexp(rows).1 - libm::frexp(largest(query)).1;
        match power.abs() <= ALIKE {
            true => None,
            false => Some((power, times_power(query, power)?)),
        }
    }

    /// What is known without a scan: for a query of zeros, and for one inside the hull.
    fn known(&self, asked: &ConeQuery<'_>) -> Result<Angle> {
        let query = asked.query;
        if query.iter().all(|&v| v == 0.0) {
            return Ok(Angle::of_zero());
        }
        let Some((rows, weights, exact)) = &asked.inside else {
            return Ok(Angle::open());
        };
        let sum = self.sum(rows.clone(), weights.clone(), query)?;
        Ok(match (exact, self.within_tolerance(&sum)) {
            (true, certificate) => Angle::inside(Evidence::Exact, certificate),
            (false, Certificate::None) => Angle::open(),
            (false, certificate) => Angle::inside(Evidence::Tolerance, certificate),
        })
    }

    fn open(&self, place: usize, asked: &ConeQuery<'_>) -> Open {
        let query = asked.query;
        let origin = self.columns.coordinates(&vec![0.0; query.len()]);
        let at = self.columns.coordinates(query);
        let mut target: Vec<f64> = at.iter().zip(&origin).map(|(q, o)| q - o).collect();
        target.push(0.0);
        Open::new(place, &target, origin, 0.0)
            .without(asked.excluded)
            .starting_from(asked.near.clone())
    }

    /// Prove what is still open by an f64 scan of the residuals.
    fn by_directions(
        &mut self,
        open: &[Open],
        asked: &[ConeQuery<'_>],
        found: &[Mutex<Angle>],
        control: &Control,
    ) -> Result<()> {
        let d = self.columns.rows.dim();
        let undecided = |q: &&Open| held(&found[q.place]).verdict == Verdict::Undecided;
        let left: Vec<&Open> = open.iter().filter(undecided).collect();
        let stricts = self.stricts(&left, control)?;
        for (part, stricts) in left.chunks(TOGETHER).zip(stricts.chunks(TOGETHER)) {
            let mut directions: Vec<f64> = part
                .iter()
                .flat_map(|q| q.conic.residual()[..d].iter().copied())
                .collect();
            self.columns.metric.direction(&mut directions);
            directions.chunks_exact_mut(d).for_each(|w| {
                let length = prove::length(w);
                w.iter_mut().for_each(|v| *v /= length);
            });
            let tops = self.highest(&directions, part, control)?;
            let each = part.iter().zip(directions.chunks_exact(d));
            for (((q, w), top), strict) in each.zip(tops).zip(stricts) {
                let r = self.in_data(w);
                let query = asked[q.place].query;
                if let Some(tilted) = tilted(&self.columns, &r, top, strict.as_ref(), query) {
                    held(&found[q.place]).separate(tilted);
                }
            }
        }
        Ok(())
    }

    /// Inside, if the weighted rows meet the query; else undecided, with the angle to the weighted sum.
    fn by_weights(&self, q: &Open, query: &[f64]) -> Result<Angle> {
        let (rows, weights) = self.columns.weighted(&q.conic);
        if rows.is_empty() {
            return Ok(Angle::open());
        }
        let sum = self.sum(rows, weights, query)?;
        if vanished(q) {
            let certificate = self.within_tolerance(&sum);
            let near = certificate != Certificate::None;
            if (sum.rows.len() <= WORTH_EXACT || !near) && exactly(&sum.points, sum.total, query) {
                return Ok(Angle::inside(Evidence::Exact, certificate));
            }
            if near {
                return Ok(Angle::inside(Evidence::Tolerance, certificate));
            }
        }
        Ok(Angle::open().missing(&sum.points, &sum.shares, &sum.at))
    }

    fn sum(&self, rows: Vec<usize>, weights: Vec<f64>, query: &[f64]) -> Result<Sum> {
        let mut points = vec![0.0; rows.len() * query.len()];
        self.columns.rows.gather(&rows, &mut points)?;
        let total: f64 = weights.iter().sum();
        Ok(Sum {
            points,
            shares: weights.iter().map(|u| u / total).collect(),
            at: query.iter().map(|v| v / total).collect(),
            total,
            rows,
            weights,
        })
    }

    /// The certificate of a combination that meets the query to within the tolerance.
    fn within_tolerance(&self, sum: &Sum) -> Certificate {
        let unit = &self.columns.scan.frame().unit;
        let share = local::share(&sum.points, &sum.shares, &sum.at, unit);
        match share <= self.settings.tolerance {
            true => Certificate::Inside {
                rows: sum.rows.clone(),
                weights: sum.weights.clone(),
                exact: false,
            },
            false => Certificate::None,
        }
    }

    /// A strict direction for each problem: one for all rows, or a separate one for a problem that leaves a row out.
    fn stricts(&mut self, left: &[&Open], control: &Control) -> Result<Vec<Option<Strict>>> {
        let own = |q: &&&Open| self.strict.is_none() && q.excluded().is_some();
        let without: Vec<Option<usize>> = left.iter().filter(own).map(|q| q.excluded()).collect();
        if without.is_empty() {
            return Ok(vec![self.strict.clone(); left.len()]);
        }
        let mut found = self.strictly(&without, control)?.into_iter();
        let each = left
            .iter()
            .map(|q| q.excluded().and_then(|_| found.next().flatten()));
        Ok(each.collect())
    }

    /// For each left-out row, a direction with a positive product with all other rows that are not 0: the direction
    /// from the origin to their hull, if the origin is outside.
    fn strictly(
        &mut self,
        excluded: &[Option<usize>],
        control: &Control,
    ) -> Result<Vec<Option<Strict>>> {
        let d = self.columns.rows.dim();
        let zero = vec![0.0; d];
        let origin = self.columns.coordinates(&zero);
        let lift = prove::length(&origin) + self.columns.scan.frame().euclid_radius;
        let target: Vec<f64> = zero.iter().copied().chain([lift]).collect();
        let found: Vec<Mutex<Option<Strict>>> = excluded.iter().map(|_| Mutex::new(None)).collect();
        let places: Vec<usize> = (0..excluded.len()).collect();
        for part in places.chunks(self.columns.together()) {
            let make = |&place: &usize| {
                Open::new(place, &target, origin.clone(), lift).without(excluded[place])
            };
            let mut open: Vec<Open> = part.iter().map(make).collect();
            let close = |columns: &SharedColumns<'_>, q: &mut Open, seen: &Seen<'_>| {
                let (w, top) = columns.highest(seen, &zero, q.excluded());
                let mut best = held(&found[q.place]);
                if top < 0.0 && best.as_ref().is_none_or(|best| best.least < -top) {
                    *best = Some(Strict {
                        v: w.iter().map(|v| -v).collect(),
                        least: -top,
                    });
                }
                // A bound of half the distance from the origin to the hull is good enough.
                let total: f64 = q.conic.weights().iter().sum();
                let euclid = columns.scan.frame().euclid;
                let distance = prove::length(&q.conic.residual()[..d]) / total / euclid;
                let margin = |best: &Strict| best.least / prove::length(&best.v);
                let enough = best
                    .as_ref()
                    .is_some_and(|best| margin(best) > 0.5 * distance);
                q.done = enough || q.conic.vanished();
                Ok(())
            };
            let last = |_: &SharedColumns<'_>, _: &mut Open| Ok(());
            let most = self.settings.max_rounds;
            self.columns.run(&mut open, most, &close, &last, control)?;
            self.columns.trim();
        }
        let each = found.into_iter();
        Ok(each
            .map(|best| best.into_inner().unwrap_or_else(|held| held.into_inner()))
            .collect())
    }

    /// Upper bounds of `<S w, x_i>` over the rows of each problem, w in the frame, from an f64 scan.
    fn highest(&self, directions: &[f64], part: &[&Open], control: &Control) -> Result<Vec<f64>> {
        let (rows, frame) = (self.columns.rows, self.columns.scan.frame());
        let d = rows.dim();
        let zero = vec![0.0; d];
        // Left-out rows, and the centre (which stands in for far rows), may rank first.
        let k = 2 + self.columns.ignored.len() + frame.far.rows.len();
        let scan = self.columns.scan;
        let (scores, hits) = scan.scan_f64(rows, directions, k, control)?;
        let k = scores.len() / part.len();
        let bound = |(i, q): (usize, &&Open)| {
            let counts = |row: usize| self.columns.counts(row, q.excluded());
            let list = scores[i * k..(i + 1) * k]
                .iter()
                .zip(&hits[i * k..(i + 1) * k]);
            let mut kept = list
                .filter(|(_, row)| counts(**row))
                .map(|(score, _)| *score);
            let w = &directions[i * d..(i + 1) * d];
            let norm = prove::length(w) * (1.0 + 1e-12);
            let best = match kept.next() {
                Some(best) => best + f64_score(d, frame.radius, norm),
                None if k == rows.len() => f64::NEG_INFINITY,
                None => f64::INFINITY,
            };
            if best == f64::NEG_INFINITY && frame.far.rows.is_empty() {
                return best;
            }
            self.columns
                .with_far(&self.in_data(w), best, &zero, q.excluded())
        };
        Ok(part.iter().enumerate().map(bound).collect())
    }

    /// A direction of the frame in the data's units: exact.
    fn in_data(&self, w: &[f64]) -> Vec<f64> {
        let scale = &self.columns.scan.frame().scale;
        w.iter().zip(scale).map(|(w, s)| w * s).collect()
    }
}

impl Angle {
    /// Outside, by a direction and the sine that it proves.
    fn separate(&mut self, (direction, sine): (Vec<f64>, f64)) {
        self.verdict = Verdict::Outside;
        self.proof = Some(Evidence::Separated);
        self.lower = sine.asin() * (1.0 - 1e-12);
        self.upper = self.upper.max(self.lower);
        self.certificate = Certificate::Outside {
            direction,
            margin: sine,
        };
    }

    /// The angle of a query that was multiplied by a power of two: its weights are divided by it. Without a certificate
    /// where a weight overflows or underflows.
    fn of_scaled(mut self, power: i32) -> Self {
        if let Certificate::Inside { weights, .. } = &mut self.certificate {
            match times_power(weights, -power) {
                Some(divided) => *weights = divided,
                None => self.certificate = Certificate::None,
            }
        }
        self
    }

    /// Sets the angle between `at`, the query over the sum of the weights, and the weighted points.
    fn missing(self, points: &[f64], shares: &[f64], at: &[f64]) -> Self {
        // The division is rounded.
        let missed = residual(points, shares, at).length + U64 * prove::length(at);
        let sine = missed * (1.0 + 1e-12) / prove::length(at);
        let upper = match sine < 1.0 {
            true => (sine.asin() * (1.0 + 1e-12)).min(FRAC_PI_2),
            false => self.upper,
        };
        Angle { upper, ..self }
    }
}

/// A direction r whose product with every row is at most `top`, tilted until none is above 0, and slightly further for
/// its own rounding; with a lower bound of the sine of the angle that it proves. `None` if it proves no positive angle.
fn tilted(
    columns: &SharedColumns<'_>,
    r: &[f64],
    top: f64,
    strict: Option<&Strict>,
    query: &[f64],
) -> Option<(Vec<f64>, f64)> {
    let frame = columns.scan.frame();
    let mut direction = r.to_vec();
    match strict {
        Some(Strict { v, least }) => {
            let step = (top.max(0.0) / least) * (1.0 + 1e-9);
            let largest = frame.lowest.iter().zip(&frame.highest);
            let largest = largest.map(|(low, high)| low.abs().max(high.abs()));
            let sizes = r.iter().zip(v).map(|(r, v)| r.abs() + 4.0 * step * v.abs());
            let lost: f64 = sizes.zip(largest).map(|(size, x)| size * x).sum();
            let step = step + 16.0 * U64 * lost / least;
            let each = direction.iter_mut().zip(v);
            each.for_each(|(r, v)| *r -= step * v);
        }
        None if top > 0.0 => return None,
        None => (),
    }
    let (value, error) = separation(&direction, query, &vec![0.0; query.len()]);
    let sine = (value - error) / (prove::length(&direction) * prove::length(query));
    let sine = sine * (1.0 - gamma(query.len() + 16, U64));
    // An overflow proves nothing.
    (sine > 0.0 && sine.is_finite()).then(|| (direction, sine.min(1.0)))
}

/// Whether the residual is zero up to rounding.
fn vanished(q: &Open) -> bool {
    let residual = prove::length(q.conic.residual());
    q.conic.vanished() || residual <= VANISHED * q.size
}

/// Whether the query is exactly a non-negative combination of the rows: `2^-k` times the query is in the hull of 0 and
/// the rows.
fn exactly(points: &[f64], total: f64, query: &[f64]) -> bool {
    let shrink = (-(total.log2().floor() + 2.0)).exp2();
    let at: Vec<f64> = query.iter().map(|v| v * shrink).collect();
    // Exact, because the factor is a power of two, unless a value falls below the smallest f64.
    let same = at.iter().zip(query).all(|(a, q)| a / shrink == *q);
    let all = [&vec![0.0; query.len()], points].concat();
    same && proved(all, &at).is_ok()
}
