//! The gauge about the mean: the factor by which the hull must grow about the mean of its rows to reach a query.
//!
//! ```text
//! g(q) = min { t : c + (q - c) / t in the hull },    c the mean of the rows
//! ```
//!
//! It is below 1 inside and above 1 outside, has no unit, and is invariant under invertible affine maps of both sets: a depth
//! inside, a distance outside. Rows that are far from all others (`scan::Far`) do not count towards the mean. Both bounds of
//! the gauge are proved for the stored numbers: `hull::gauge`.

use super::hull::of;
use super::{Block, Column, Judge, Judgement, Needs, Notion, Reference, Type, Value};
use crate::control::Control;
use crate::error::Result;
use crate::hull::gauge::{Gauge, Ray};
use crate::hull::{Bracket, Metric};
use crate::rows::{Pack, Repeats, map_chunks};
use std::sync::Arc;

/// The gauge of the hull about the mean.
pub struct GaugeAboutMean;

impl Notion for GaugeAboutMean {
    fn id(&self) -> String {
        "gauge".into()
    }

    fn score(&self) -> String {
        "factor by which the hull must grow about its mean to reach the query: its lower bound outside the hull, its upper bound \
         inside"
            .into()
    }

    fn outside(&self) -> String {
        "the hull must grow about its mean to reach the query: outside the hull".into()
    }

    fn columns(&self) -> Vec<Column> {
        let lower = "certified lower bound of the gauge about the mean, 1 on the hull's boundary";
        let upper = "upper bound of the gauge, proved as inside verdicts are, within --tolerance; null where none is";
        vec![
            Column::new("gauge_lower", Type::Float, lower),
            Column::new("gauge_upper", Type::Float, upper),
        ]
    }

    fn needs(&self) -> Needs {
        Needs {
            hull: true,
            ..Needs::default()
        }
    }

    fn is_hull(&self) -> bool {
        true
    }

    fn fit<'r>(&self, reference: &Reference<'r>, control: &Control) -> Result<Box<dyn Judge + 'r>> {
        let metric = match reference.whitening {
            Some(found) => found.clone(),
            None => Metric::whitening(reference.distinct, reference.scan.frame(), control)?.0,
        };
        let (rows, settings) = (reference.distinct, reference.settings);
        Ok(Box::new(Brackets {
            gauge: Gauge::new(rows, reference.scan, metric, settings, reference.alone),
            mean: reference.fits.of("gauge.mean", || {
                let stored = reference.stored;
                match stored.has("gauge.mean") {
                    true => Ok(stored.look("gauge.mean", rows.dim())?.to_vec()),
                    false => mean(reference, control),
                }
            })?,
        }))
    }
}

/// The mean of all rows but the far ones.
fn mean(reference: &Reference<'_>, control: &Control) -> Result<Vec<f64>> {
    let (d, far) = (reference.rows.dim(), &reference.scan.frame().far);
    let origin = &reference.scan.frame().centre;
    // Differences to a point amid the rows are summed, to keep the digits of data far from 0.
    let parts = map_chunks(reference.rows, control, |first, values| {
        let (mut sum, mut count) = (vec![0.0; d], 0);
        for (row, x) in (first..).zip(values.chunks_exact(d)) {
            if far.contains(place(reference.repeats, row)) {
                continue;
            }
            count += 1;
            for ((sum, x), m) in sum.iter_mut().zip(x).zip(origin) {
                *sum += x - m;
            }
        }
        (sum, count)
    })?;
    let count = parts.iter().map(|(_, count)| count).sum::<usize>();
    let mean = (0..d).map(|j| {
        let sum: f64 = parts.iter().map(|(sum, _)| sum[j]).sum();
        origin[j] + sum / count.max(1) as f64
    });
    Ok(mean.collect())
}

/// The index of a row among the distinct ones.
fn place(repeats: Option<&Repeats>, row: usize) -> usize {
    repeats.map_or(row, |all| all.place(row))
}

struct Brackets<'r> {
    gauge: Gauge<'r>,
    /// The centre of the growth.
    mean: Arc<Vec<f64>>,
}

impl Judge for Brackets<'_> {
    fn judge(&mut self, block: &Block<'_>, control: &Control) -> Result<Vec<Judgement>> {
        let answers = block.hull.iter().map(Option::as_ref);
        let rays: Vec<Ray<'_>> = (block.queries().zip(answers.clone()))
            .map(|(query, answer)| Ray {
                query,
                centre: &self.mean,
                answer,
            })
            .collect();
        let brackets = self.gauge.brackets(&rays, control)?;
        let each = answers.zip(brackets);
        Ok(each
            .map(|(answer, bracket)| judged(of(answer).outside, bracket))
            .collect())
    }

    fn pack(&self, pack: &mut Pack) {
        pack.put_reals("gauge.mean", self.mean.iter().copied());
    }

    fn why_open(&self) -> String {
        "the hull left them undecided".into()
    }
}

fn judged(outside: Option<bool>, bracket: Bracket) -> Judgement {
    let upper = match outside {
        Some(false) => bracket.upper.min(1.0),
        _ => bracket.upper,
    };
    Judgement {
        outside,
        score: match outside {
            Some(true) => bracket.lower,
            Some(false) => upper,
            None => f64::NAN,
        },
        more: vec![Value::finite(bracket.lower), Value::finite(upper)],
        open: outside.is_none(),
        ..Judgement::default()
    }
}
