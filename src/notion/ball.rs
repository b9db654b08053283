//! Distance to the K-th nearest row: a query is outside when it is farther than is usual among the reference rows.
//!
//! ```text
//! score r_K(q);    outside when r_K(q) > t,    t = the 95 % quantile of r_K of reference rows, each left out
//! ```
//!
//! Thus one new point in twenty from the reference's distribution is outside, in any dimension. The quantile is taken over
//! a seeded sample of reference rows.

use super::{Block, Fact, Judge, Judgement, Needs, Notion, Reference, quantile};
use crate::control::Control;
use crate::error::{Error, Result};

/// The distance to the K-th nearest row.
pub struct Ball {
    pub id: String,
    pub k: usize,
}

impl Notion for Ball {
    fn id(&self) -> String {
        self.id.clone()
    }

    fn score(&self) -> String {
        format!("distance to the {} reference row", nth(self.k))
    }

    fn outside(&self) -> String {
        format!(
            "farther from the {} reference row than --quantile of the reference rows are among themselves",
            nth(self.k)
        )
    }

    fn needs(&self) -> Needs {
        Needs {
            neighbours: self.k,
            ..Needs::default()
        }
    }

    fn fit<'r>(&self, reference: &Reference<'r>, _: &Control) -> Result<Box<dyn Judge + 'r>> {
        if reference.rows.len() < self.k {
            return Err(Error::Usage(format!(
                "{} asks for the {} row, and the reference has {}",
                self.id,
                nth(self.k),
                reference.rows.len()
            )));
        }
        let own = reference.own.iter();
        let mut own: Vec<f64> = own
            .filter_map(|(_, near)| Some(near.get(self.k - 1)?.1))
            .collect();
        let sample = own.len();
        Ok(Box::new(Radius {
            k: self.k,
            radius: quantile(&mut own, reference.quantile),
            sample,
        }))
    }
}

/// "nearest", "10th nearest".
fn nth(k: usize) -> String {
    match (k, k % 10, k % 100) {
        (1, ..) => "nearest".into(),
        (_, 1, rest) if rest != 11 => format!("{k}st nearest"),
        (_, 2, rest) if rest != 12 => format!("{k}nd nearest"),
        (_, 3, rest) if rest != 13 => format!("{k}rd nearest"),
        _ => format!("{k}th nearest"),
    }
}

struct Radius {
    k: usize,
    radius: f64,
    sample: usize,
}

impl Judge for Radius {
    fn judge(&mut self, block: &Block<'_>, _: &Control) -> Result<Vec<Judgement>> {
        let judgement = |near: &Vec<(usize, f64)>| {
            // Without the left-out row, the others may be fewer than K.
            let Some(&(_, distance)) = near.get(self.k - 1) else {
                return Judgement {
                    score: f64::NAN,
                    ..Judgement::default()
                };
            };
            Judgement {
                outside: Some(distance > self.radius),
                score: distance,
                more: Vec::new(),
                ..Judgement::default()
            }
        };
        Ok(block.near.iter().map(judgement).collect())
    }

    fn facts(&self) -> Vec<Fact> {
        vec![Fact {
            name: "radius".into(),
            value: self.radius,
            what: format!(
                "distance beyond which a query is outside, from {} reference rows",
                self.sample
            ),
        }]
    }
}
