//! The gauge about the mean: by how much the hull must grow about its mean to reach a query.
//!
//! ```text
//! g(q) = min { t : c + (q - c) / t in the hull },    c the mean of the rows
//! ```
//!
//! It is below 1 inside and above 1 outside, has no unit, and does not change under an invertible affine map of both
//! sets: a depth inside, a distance outside. Rows that are far from all others (`scan::Far`) do not count
//! towards the mean. Both ends of the bracket are held against the stored numbers: `hull::gauge`.

use super::hull::of;
use super::{Block, Column, Judge, Judgement, Needs, Notion, Reference, Type, Value};
use crate::control::Control;
use crate::error::Result;
use crate::hull::gauge::{Gauge, Ray};
use crate::hull::{Bracket, Metric};
use crate::rows::{Repeats, map_chunks};
use crate::scan::Far;

/// The gauge of the hull about the mean.
pub struct GaugeAboutMean;

impl Notion for GaugeAboutMean {
    fn id(&self) -> String {
        "gauge".into()
    }

    fn score(&self) -> String {
        "times that the hull must grow about its mean to reach the query: the lower end outside, the upper end inside"
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

    fn fit<'r>(&self, reference: &Reference<'r>, control: &Control) -> Result<Box<dyn Judge + 'r>> {
        let far = &reference.scan.frame().far;
        let metric = match reference.whitening {
            Some(found) => found.clone(),
            None => Metric::whitening(reference.distinct, reference.scan.frame(), control)?.0,
        };
        let (rows, settings) = (reference.distinct, reference.settings);
        Ok(Box::new(Brackets {
            gauge: Gauge::new(rows, reference.scan, metric, settings),
            mean: Mean::of(reference, control)?,
            repeats: reference.repeats,
            far,
        }))
    }
}

/// The mean of the rows that are not far.
struct Mean {
    count: usize,
    mean: Vec<f64>,
}

impl Mean {
    fn of(reference: &Reference<'_>, control: &Control) -> Result<Self> {
        let (d, far) = (reference.rows.dim(), &reference.scan.frame().far);
        let origin = &reference.scan.frame().centre;
        // Sums of differences to a point in their middle keep the digits of data far from 0.
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
        Ok(Mean {
            mean: mean.collect(),
            count,
        })
    }

    /// The mean without one of the rows that it is of.
    fn without(&self, row: &[f64]) -> Vec<f64> {
        let left = (self.count.max(2) - 1) as f64;
        let each = self.mean.iter().zip(row);
        each.map(|(mean, x)| mean + (mean - x) / left).collect()
    }
}

/// The place of a row among the different ones.
fn place(repeats: Option<&Repeats>, row: usize) -> usize {
    repeats.map_or(row, |all| all.place(row))
}

struct Brackets<'r> {
    gauge: Gauge<'r>,
    mean: Mean,
    repeats: Option<&'r Repeats>,
    far: &'r Far,
}

impl Judge for Brackets<'_> {
    fn judge(&mut self, block: &Block<'_>, control: &Control) -> Result<Vec<Judgement>> {
        let queries: Vec<&[f64]> = block.queries().collect();
        let places =
            (0..queries.len()).map(|i| block.without(i).map(|row| place(self.repeats, row)));
        let places: Vec<Option<usize>> = places.collect();
        let centres: Vec<Vec<f64>> = (queries.iter().zip(&places))
            .map(|(query, place)| match place {
                Some(place) if !self.far.contains(*place) => self.mean.without(query),
                _ => self.mean.mean.clone(),
            })
            .collect();
        let rays: Vec<Ray<'_>> = (0..queries.len())
            .map(|i| Ray {
                query: queries[i],
                centre: &centres[i],
                // A row that equals another one is judged with it, and has no answer.
                excluded: places[i].filter(|_| block.hull[i].is_some()),
                answer: block.hull[i].as_ref(),
            })
            .collect();
        let brackets = self.gauge.brackets(&rays, control)?;
        let each = block.hull.iter().zip(brackets);
        Ok(each
            .map(|(answer, bracket)| judged(of(answer.as_ref()).outside, bracket))
            .collect())
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
    }
}
