//! The cone of the rows: whether a query is a non-negative combination of them, and its angle to the cone otherwise.
//!
//! The lengths of rows and query do not matter, except for rounding: where lengths of rows differ by more than about 1e4,
//! queries may stay undecided, and so do queries outside a cone that is a subspace or a half space. If all rows have the
//! same length, as embeddings of unit norm do, no row is in the hull of others and the hull is vacuous; the cone asks the
//! same question about directions. For random directions (a fresh reference per query) P(inside) is
//! `1 - 2^-N sum_{k<d} C(N, k)`: one half at N = 2d - 1.

use super::{Asked, Block, Column, Judge, Judgement, Needs, Notion, Reference, Type, Value};
use crate::control::Control;
use crate::error::Result;
use crate::hull::cone::{self, Angle, Cone, Strict};
use crate::hull::{Answer, Certificate, GAP};
use crate::rows::{Pack, Repeats, Rows, map_chunks};
use std::sync::Arc;

/// The cone of the reference.
pub struct Directions;

impl Notion for Directions {
    fn id(&self) -> String {
        "cone".into()
    }

    fn score(&self) -> String {
        "certified lower bound of the angle between the query and the cone of the rows, in radians, 0 inside; at most a \
         right angle"
            .into()
    }

    fn outside(&self) -> String {
        "no non-negative combination of the reference rows".into()
    }

    fn columns(&self) -> Vec<Column> {
        let upper = "upper bound of the angle between the query and the cone, in radians, at most a right angle";
        vec![Column::new("cone_angle_upper", Type::Float, upper)]
    }

    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn fit<'r>(&self, reference: &Reference<'r>, control: &Control) -> Result<Box<dyn Judge + 'r>> {
        let (rows, settings) = (reference.distinct, reference.settings);
        let stored = reference.stored;
        let zeros = reference
            .fits
            .of("cone.zeros", || match stored.has("cone.zeros") {
                true => stored.clone().ascending("cone.zeros", rows.len()),
                false => zeros(rows, control),
            })?;
        let (scan, alone) = (reference.scan, reference.alone);
        let mut cone = Cone::new(rows, scan, settings, zeros.to_vec(), alone);
        let rounds = u64::from(settings.max_rounds);
        let name = format!("cone.strict {rounds}");
        let strict = reference
            .fits
            .of(&name, || match stored.holds("cone.asked", &[rounds]) {
                true => strict(stored, rows.dim()),
                false => cone.find_strict(control),
            })?;
        cone.strict = strict.as_ref().clone();
        Ok(Box::new(Angles {
            cone,
            zeros,
            rounds,
            gap: settings.gap.unwrap_or(GAP),
            repeats: reference.repeats,
            certificates: None,
        }))
    }
}

/// The strict direction that [`Judge::pack`] stored, of d numbers after the smallest product.
fn strict(stored: &Pack, d: usize) -> Result<Option<Strict>> {
    if !stored.has("cone.strict") {
        return Ok(None);
    }
    let values = stored.look("cone.strict", 1 + d)?;
    Ok(Some(Strict {
        least: values[0],
        v: values[1..].to_vec(),
    }))
}

/// The rows with all values 0.
fn zeros(rows: &dyn Rows, control: &Control) -> Result<Vec<usize>> {
    let parts = map_chunks(rows, control, |first, values| {
        let each = (first..).zip(values.chunks_exact(rows.dim()));
        let zeros = each.filter(|(_, x)| x.iter().all(|&v| v == 0.0));
        zeros.map(|(row, _)| row).collect::<Vec<_>>()
    })?;
    Ok(parts.concat())
}

struct Angles<'r> {
    cone: Cone<'r>,
    /// The rows with all values 0.
    zeros: Arc<Vec<usize>>,
    /// The rounds in which the strict direction was searched.
    rounds: u64,
    /// The relative gap of the bounds.
    gap: f64,
    repeats: Option<&'r Repeats>,
    /// The certificates of the block that was judged last.
    certificates: Option<Vec<Option<Certificate>>>,
}

impl Judge for Angles<'_> {
    fn judge(&mut self, block: &Block<'_>, control: &Control) -> Result<Vec<Judgement>> {
        // A row that equals another one is in the cone even when left out.
        let alone = |row: usize| match self.repeats {
            Some(all) => {
                let place = all.place(row);
                (all.count(place) == 1).then_some(place)
            }
            None => Some(row),
        };
        let excluded: Vec<Option<usize>> = (0..block.len())
            .map(|place| block.without(place).and_then(alone))
            .collect();
        let places = (block.queries().zip(excluded)).enumerate();
        let asked: Vec<cone::ConeQuery<'_>> = places
            .map(|(place, (query, excluded))| {
                let answer = block.hull.get(place).and_then(Option::as_ref);
                cone::ConeQuery {
                    query,
                    excluded,
                    inside: self.inside(answer),
                    near: self.near(answer),
                }
            })
            .collect();
        // For left-out rows only the verdict is used.
        let gap = match block.asked {
            Asked::Queries { .. } => self.gap,
            Asked::Others(_) => 1.0,
        };
        let angles = self.cone.angles(&asked, gap, control)?;
        let judged = angles.iter().map(judged).collect();
        let certificates = angles
            .into_iter()
            .map(|angle| Some(self.of_rows(angle.certificate)));
        self.certificates = Some(certificates.collect());
        Ok(judged)
    }

    fn certificates(&mut self) -> Option<Vec<Option<Certificate>>> {
        self.certificates.take()
    }

    fn pack(&self, pack: &mut Pack) {
        pack.put_counts("cone.zeros", self.zeros.iter().copied());
        pack.put_counts("cone.asked", [self.rounds as usize]);
        if let Some(Strict { v, least }) = &self.cone.strict {
            let values = std::iter::once(*least).chain(v.iter().copied());
            pack.put_reals("cone.strict", values);
        }
    }

    fn why_open(&self) -> String {
        "they are too near the surface of the cone for double precision, or were not decided in the rounds allowed".into()
    }
}

impl Angles<'_> {
    /// The certificate of a query that is inside the hull and therefore in the cone. Rows are indices among the distinct
    /// ones.
    fn inside(&self, answer: Option<&Answer>) -> Option<(Vec<usize>, Vec<f64>, bool)> {
        let Certificate::Inside {
            rows,
            weights,
            exact,
        } = &answer?.certificate
        else {
            return None;
        };
        Some((self.places(rows), weights.clone(), *exact))
    }

    /// The rows whose combination is the hull's point nearest to the query, if it is known.
    fn near(&self, answer: Option<&Answer>) -> Vec<usize> {
        let nearest = answer.and_then(|answer| answer.nearest.as_ref());
        nearest.map_or(Vec::new(), |nearest| self.places(&nearest.rows))
    }

    /// The indices of rows among the distinct ones.
    fn places(&self, rows: &[usize]) -> Vec<usize> {
        let place = |&row: &usize| self.repeats.map_or(row, |all| all.place(row));
        rows.iter().map(place).collect()
    }

    /// The certificate with row indices of the whole reference, for equal rows the first.
    fn of_rows(&self, mut certificate: Certificate) -> Certificate {
        if let (Certificate::Inside { rows, .. }, Some(all)) = (&mut certificate, self.repeats) {
            rows.iter_mut().for_each(|row| *row = all.first(*row));
        }
        certificate
    }
}

fn judged(angle: &Angle) -> Judgement {
    let outside = angle.verdict.outside();
    Judgement {
        outside,
        score: match outside {
            Some(_) => angle.lower,
            None => f64::NAN,
        },
        more: vec![Value::Float(angle.upper)],
        open: outside.is_none(),
        ..Judgement::default()
    }
}
