//! The hull of the K nearest rows: whether a query is between its neighbours.
//!
//! The hulls of the 1, 2, .. nearest rows are nested, and the last one is the hull of all rows: a query inside a local hull
//! is inside the hull, but not the reverse. Each query is a small problem ([`few`]) that is solved with the same proofs as
//! for the hull. `local:min` finds the smallest of 2, 4, .. nearest rows whose hull contains the query.

use super::{Block, Column, Judge, Judgement, Needs, Notion, Reference, Type, Value};
use crate::control::Control;
use crate::error::Result;
use crate::hull::few::{self, Few};
use crate::rows::Rows;
use rayon::prelude::*;

/// The default number of rows, and the largest that `local:min` tries.
pub const USUAL: usize = 32;
const MOST: usize = 512;

/// The number of nearest rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    Rows(usize),
    /// The smallest power of two from 2 to `MOST` whose hull contains the query.
    Smallest,
}

/// The hull of the nearest rows.
pub struct Local {
    pub id: String,
    pub size: Size,
}

impl Local {
    fn most(&self) -> usize {
        match self.size {
            Size::Rows(k) => k,
            Size::Smallest => MOST,
        }
    }
}

impl Notion for Local {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn score(&self) -> String {
        match self.size {
            Size::Rows(k) => format!(
                "certified lower bound of the Euclidean distance to the hull of the {k} nearest rows, 0 inside"
            ),
            Size::Smallest => format!(
                "the smallest of 2, 4, .. {MOST} nearest rows whose hull holds the query, {} where none does",
                2 * MOST
            ),
        }
    }

    fn outside(&self) -> String {
        format!(
            "outside the hull of the {} nearest reference rows",
            self.most()
        )
    }

    fn columns(&self) -> Vec<Column> {
        let help =
            "smallest of 2, 4, .. nearest rows whose hull holds the query, null where none does";
        match self.size {
            Size::Rows(_) => Vec::new(),
            Size::Smallest => vec![Column::new("local_smallest", Type::Count, help)],
        }
    }

    fn needs(&self) -> Needs {
        Needs {
            neighbours: self.most(),
            ..Needs::default()
        }
    }

    fn fit<'r>(&self, reference: &Reference<'r>, _: &Control) -> Result<Box<dyn Judge + 'r>> {
        Ok(Box::new(Nearest {
            rows: reference.rows,
            unit: &reference.scan.frame().unit,
            tolerance: reference.settings.tolerance,
            size: self.size,
            most: self.most(),
        }))
    }
}

struct Nearest<'r> {
    rows: &'r dyn Rows,
    unit: &'r [f64],
    tolerance: f64,
    size: Size,
    most: usize,
}

impl Judge for Nearest<'_> {
    fn judge(&mut self, block: &Block<'_>, control: &Control) -> Result<Vec<Judgement>> {
        let this = &*self;
        let queries: Vec<&[f64]> = block.queries().collect();
        let each = queries.par_iter().zip(block.near);
        each.map(|(query, near)| {
            control.check()?;
            let near: Vec<usize> = near.iter().take(this.most).map(|(row, _)| *row).collect();
            let mut points = vec![0.0; near.len() * query.len()];
            this.rows.gather(&near, &mut points)?;
            let judged = match this.size {
                Size::Rows(_) => this.one(&points, query),
                Size::Smallest => this.smallest(&points, query),
            };
            control.advance(1);
            judged
        })
        .collect()
    }

    fn why_open(&self) -> String {
        "they are too near the surface of a hull of nearest rows for double precision".into()
    }
}

impl Nearest<'_> {
    /// The verdict for the hull of the first `count` rows; `None` for no rows.
    fn first(&self, count: usize, points: &[f64], query: &[f64]) -> Result<Option<Few>> {
        let points = &points[..points.len().min(count * query.len())];
        if points.is_empty() {
            return Ok(None);
        }
        few::judge(points, query, self.unit, self.tolerance).map(Some)
    }

    fn one(&self, points: &[f64], query: &[f64]) -> Result<Judgement> {
        let found = self.first(self.most, points, query)?;
        let outside = outside(found);
        Ok(Judgement {
            outside,
            score: match (outside, found) {
                (Some(_), Some(found)) => found.lower,
                _ => f64::NAN,
            },
            more: Vec::new(),
            open: outside.is_none() && found.is_some(),
            ..Judgement::default()
        })
    }

    /// A binary search over the sizes, as the hulls are nested: the result is the smallest size proved to contain the query, if
    /// the next smaller one is proved not to.
    fn smallest(&self, points: &[f64], query: &[f64]) -> Result<Judgement> {
        let sizes: Vec<usize> = (1..).map(|e| 1 << e).take_while(|&k| k <= MOST).collect();
        let found = self.first(MOST, points, query)?;
        let whole = outside(found);
        let mut judgement = Judgement {
            outside: whole,
            score: match whole {
                Some(true) => (2 * MOST) as f64,
                _ => f64::NAN,
            },
            more: vec![Value::Null],
            open: whole.is_none() && found.is_some(),
            ..Judgement::default()
        };
        if whole != Some(false) {
            return Ok(judgement);
        }
        let (mut low, mut high) = (0, sizes.len() - 1);
        while low < high {
            let middle = (low + high) / 2;
            match outside(self.first(sizes[middle], points, query)?) {
                Some(false) => high = middle,
                Some(true) => low = middle + 1,
                // The smallest size is ambiguous.
                None => {
                    judgement.open = true;
                    return Ok(judgement);
                }
            }
        }
        judgement.score = sizes[high] as f64;
        judgement.more = vec![Value::Count(sizes[high] as u64)];
        Ok(judgement)
    }
}

fn outside(found: Option<Few>) -> Option<bool> {
    found?.verdict.outside()
}
