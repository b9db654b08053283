//! The Minkowski gauge of a query about a centre c inside the hull: its distance from c in multiples of the hull's
//! extent in the same direction.
//!
//! ```text
//! g(q) = min { t : c + (q - c) / t in conv(X) } = min { sum u : sum u_i (x_i - c) = q - c, u >= 0 }
//!      = max { <w, q - c> : <w, x_i - c> <= 1 for every i }
//! ```
//!
//! g < 1 inside and > 1 outside, and an invertible affine map of all points changes nothing. The linear program is
//! solved by column generation: in the solver's metric, `min |sum u_i (y_i, e) - (y_q, 0)|` with a small e has the same
//! solution up to e^2 (`columns`), and its residual is the direction w. Both bounds are proved from the stored numbers:
//! any scanned w bounds g from below by `<w, q - c> / max_i <w, x_i - c>`, less all rounding; weights bound it from
//! above if the weighted rows meet the point on the ray to within the tolerance of inside verdicts (see
//! [`certificate`](super::certificate)).

use super::certificate::{local, separation};
use super::columns::{GAP, Open, Seen, SharedColumns, held};
use super::metric::Metric;
use super::{Answer, Bracket, Certificate, Settings, SolverStage};
use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;
use crate::scan::Scan;
use crate::scan::rounding::{U64, gamma};
use std::sync::Mutex;

/// e, as a share of the typical length of a row in the metric.
const LIFT: f64 = 1e-6;

/// A query and its centre.
#[derive(Debug, Clone, Copy)]
pub struct Ray<'q> {
    /// q and c, raw.
    pub query: &'q [f64],
    pub centre: &'q [f64],
    /// The solver's answer for the query against the same rows, if there is one.
    pub answer: Option<&'q Answer>,
}

/// Finds gauges about centres in the hull of one reference.
pub struct Gauge<'a> {
    columns: SharedColumns<'a>,
    settings: Settings,
}

impl<'a> Gauge<'a> {
    /// For the hull of `rows`, which `scan` scans, in a metric of its frame: that in which verdicts are found
    /// ([`Metric::whitening`]). `alone`: whether no bracket may depend on the other queries.
    pub fn new(
        rows: &'a dyn Rows,
        scan: &'a dyn Scan,
        metric: Metric,
        settings: Settings,
        alone: bool,
    ) -> Self {
        Gauge {
            columns: SharedColumns::new(rows, scan, metric, alone),
            settings,
        }
    }

    /// A bracket of the gauge of each query; the upper end is infinite where none was found. Each finished query counts
    /// as one unit of progress.
    ///
    /// Errors: rows that can no longer be read, and [`crate::Error::Interrupted`].
    pub fn brackets(&mut self, rays: &[Ray<'_>], control: &Control) -> Result<Vec<Bracket>> {
        let found: Vec<Mutex<Bracket>> = rays.iter().map(|ray| Mutex::new(known(ray))).collect();
        let open = |place: &usize| {
            let ray = &rays[*place];
            let off = ray
                .answer
                .is_some_and(|a| a.stage == SolverStage::OffAffineHull);
            ray.query != ray.centre && !off
        };
        let left: Vec<usize> = (0..rays.len()).filter(open).collect();
        control.advance((rays.len() - left.len()) as u64);
        let tolerance = self.settings.tolerance;
        let gap = self.settings.gap.unwrap_or(GAP);
        for part in left.chunks(self.columns.together()) {
            let mut open: Vec<Open> = part
                .iter()
                .map(|&place| open_ray(&self.columns, place, &rays[place], gap))
                .collect();
            let close = |columns: &SharedColumns<'_>, q: &mut Open, seen: &Seen<'_>| {
                let ray = &rays[q.place];
                let (w, most) = columns.highest(seen, ray.centre, None);
                let (value, error) = separation(&w, ray.query, ray.centre);
                let mut bracket = held(&found[q.place]);
                bracket.lower = bracket.lower.max(quotient(value - error, most, 8));
                let total: f64 = q.conic.weights().iter().sum();
                if total > 0.0 && bracket.lower >= (1.0 - gap) * total {
                    bracket.upper = bracket.upper.min(upper(columns, q, ray, tolerance)?);
                    q.done = bracket.gap() <= gap;
                }
                control.advance(u64::from(q.done));
                Ok(())
            };
            let last = |columns: &SharedColumns<'_>, q: &mut Open| {
                let mut bracket = held(&found[q.place]);
                let upper = upper(columns, q, &rays[q.place], tolerance)?;
                bracket.upper = bracket.upper.min(upper);
                control.advance(1);
                Ok(())
            };
            let most = self.settings.max_rounds;
            self.columns.run(&mut open, most, &close, &last, control)?;
            self.columns.trim();
        }
        Ok(found.iter().map(|bracket| *held(bracket)).collect())
    }
}

fn open_ray(columns: &SharedColumns<'_>, place: usize, ray: &Ray<'_>, gap: f64) -> Open {
    let centre = columns.coordinates(ray.centre);
    let query = columns.coordinates(ray.query);
    let mut target: Vec<f64> = query.iter().zip(&centre).map(|(q, c)| q - c).collect();
    target.push(0.0);
    let lift = LIFT * (centre.len() as f64).sqrt();
    let open = Open::new(place, &target, centre, lift);
    open.within_gap(gap)
}

/// The upper bound that the weights prove: their sum, if the weighted rows meet the point on the ray.
fn upper(columns: &SharedColumns<'_>, q: &Open, ray: &Ray<'_>, tolerance: f64) -> Result<f64> {
    let (rows, mut weights) = columns.unlifted(q);
    let total: f64 = weights.iter().sum();
    if rows.is_empty() || !total.is_finite() {
        return Ok(f64::INFINITY);
    }
    weights.iter_mut().for_each(|u| *u /= total);
    let each = ray.query.iter().zip(ray.centre);
    let point: Vec<f64> = each.map(|(q, c)| c + (q - c) / total).collect();
    let mut points = vec![0.0; rows.len() * point.len()];
    columns.rows.gather(&rows, &mut points)?;
    let share = local::share(&points, &weights, &point, &columns.scan.frame().unit);
    Ok(match share <= tolerance {
        true => total * (1.0 + tolerance),
        false => f64::INFINITY,
    })
}

/// The quotient of a number and a positive one, rounded down by the given number of roundings; 0 where it proves nothing.
fn quotient(value: f64, most: f64, roundings: usize) -> f64 {
    if !(value > 0.0 && value.is_finite()) || most.is_nan() {
        return 0.0;
    }
    if most <= 0.0 {
        // No row is on the query's side of the centre.
        return f64::INFINITY;
    }
    value / most * (1.0 - gamma(roundings, U64))
}

/// The bracket that follows from the solver's answer.
fn known(ray: &Ray<'_>) -> Bracket {
    let open = Bracket {
        lower: 0.0,
        upper: f64::INFINITY,
    };
    if ray.query == ray.centre {
        return Bracket {
            lower: 0.0,
            upper: 0.0,
        };
    }
    match ray.answer.map(|answer| &answer.certificate) {
        Some(Certificate::Inside { .. }) => Bracket { upper: 1.0, ..open },
        Some(Certificate::Outside { direction, margin }) => {
            let (value, error) = separation(direction, ray.query, ray.centre);
            let separated = margin * super::prove::length(direction);
            let most = value + error - separated * (1.0 - gamma(direction.len() + 8, U64));
            let lower = quotient(value - error, most, 8).max(1.0);
            Bracket { lower, ..open }
        }
        _ => open,
    }
}
