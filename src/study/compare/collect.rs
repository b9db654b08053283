//! The data that a comparison keeps from the records of one space: verdicts, distances, and a few queries to show.

use super::{Keeper, Pick, Picks, Scores};
use crate::error::Result;
use crate::hull::{Certificate, Verdict};
use crate::rows::Rows;
use crate::space::View;
use crate::study::rate::{Quantiles, quantiles};
use crate::study::{Record, Sink};

/// A sink that collects these data and passes records on.
pub(super) struct Collected<'c, 'v> {
    view: &'v View,
    next: &'c mut (dyn Keeper + 'v),
    picks: usize,
    found: QueryResults,
}

/// The data collected from all queries.
#[derive(Default)]
pub(super) struct QueryResults {
    pub verdicts: Vec<Verdict>,
    /// Certified lower bounds of the distance to the hull; 0 inside.
    pub distances: Vec<f64>,
    /// The scores of each notion.
    pub scores: Vec<Scores>,
    /// Candidates for the contact sheet, in the order of [`Picks`]; distances are not yet ratios.
    interpolated: Vec<Pick>,
    extrapolated: Vec<Pick>,
}

impl<'c, 'v> Collected<'c, 'v> {
    /// A sink that passes records on and adds the judgements to `scores`, which are in the order of the plan's notions.
    pub fn new(
        picks: usize,
        scores: Vec<Scores>,
        view: &'v View,
        next: &'c mut (dyn Keeper + 'v),
    ) -> Self {
        Collected {
            view,
            next,
            picks,
            found: QueryResults {
                scores,
                ..QueryResults::default()
            },
        }
    }

    pub fn finish(self) -> QueryResults {
        self.found
    }

    fn note(&mut self, record: &Record) {
        for (scores, judgement) in self.found.scores.iter_mut().zip(&record.judgements) {
            scores.push(judgement);
        }
        let Some(answer) = &record.hull else { return };
        let distance = answer
            .distance
            .map_or(answer.margin, |bracket| bracket.lower);
        let near = record.neighbours.first();
        let pick = Pick {
            query: self.found.verdicts.len() as u64,
            verdict: answer.verdict.name().into(),
            distance_ratio: distance,
            nearest: near.map_or(0, |near| place(&*self.view.reference, near.row)),
            nearest_ratio: near.map_or(f64::INFINITY, |near| near.distance),
            support: Vec::new(),
            seen: None,
            mean: None,
        };
        self.found.verdicts.push(answer.verdict);
        self.found.distances.push(distance);
        if self.picks == 0 {
            return;
        }
        let certificate = &answer.certificate;
        keep(
            &mut self.found.interpolated,
            &pick,
            self.picks,
            certificate,
            by_depth,
        );
        if answer.verdict == Verdict::Outside {
            keep(
                &mut self.found.extrapolated,
                &pick,
                self.picks,
                certificate,
                |a, b| by_depth(b, a),
            );
        }
    }
}

/// The order of interpolated queries: inside first, by the distance of the nearest row; then by the distance to the hull;
/// then by row number.
fn by_depth(a: &Pick, b: &Pick) -> std::cmp::Ordering {
    let beyond = |pick: &Pick| pick.verdict != Verdict::Inside.name();
    let near = |pick: &Pick| {
        if beyond(pick) {
            0.0
        } else {
            pick.nearest_ratio
        }
    };
    beyond(a)
        .cmp(&beyond(b))
        .then(near(a).total_cmp(&near(b)))
        .then(a.distance_ratio.total_cmp(&b.distance_ratio))
        .then(a.query.cmp(&b.query))
}

/// Inserts a pick into a sorted list of the best `most`, if it belongs there.
fn keep(
    best: &mut Vec<Pick>,
    pick: &Pick,
    most: usize,
    certificate: &Certificate,
    order: impl Fn(&Pick, &Pick) -> std::cmp::Ordering,
) {
    let place = best.partition_point(|held| order(held, pick).is_lt());
    if place >= most {
        return;
    }
    let mut pick = pick.clone();
    if let Certificate::Inside { rows, weights, .. } = certificate {
        let mut all: Vec<(u64, f64)> = rows
            .iter()
            .map(|&row| row as u64)
            .zip(weights.iter().copied())
            .collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        pick.support = all;
    }
    best.insert(place, pick);
    best.truncate(most);
}

/// The index of the row with this number in the file; numbers ascend.
fn place(rows: &dyn Rows, number: u64) -> u64 {
    let (mut low, mut high) = (0, rows.len());
    while low < high {
        let middle = low.midpoint(high);
        if rows.number(middle) < number {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low as u64
}

impl Sink for Collected<'_, '_> {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        records.iter().for_each(|record| self.note(record));
        self.next.records(records)
    }
}

impl QueryResults {
    /// The verdicts, one letter per query.
    pub fn letters(&self) -> String {
        let letter = |verdict: &Verdict| match verdict {
            Verdict::Inside => 'i',
            Verdict::Outside => 'o',
            Verdict::Undecided => 'u',
        };
        self.verdicts.iter().map(letter).collect()
    }

    /// Distances to the hull in units of the reference's median nearest distance; `None` if that is 0, or so small that a ratio
    /// overflows f64.
    pub fn distance_ratio(&self, median: Option<f64>) -> Option<Quantiles> {
        let median = median.filter(|&median| median > 0.0)?;
        let mut ratios: Vec<f64> = self.distances.iter().map(|d| d / median).collect();
        ratios.iter().all(|ratio| ratio.is_finite()).then_some(())?;
        quantiles(&mut ratios)
    }

    /// The queries to show. Their distances are ratios, or as measured where there is no unit.
    pub fn picks(&mut self, median: Option<f64>) -> Picks {
        let known = median.filter(|&median| median > 0.0);
        let unit = known.unwrap_or(1.0);
        let scaled = |picks: &mut Vec<Pick>| {
            let mut picks = std::mem::take(picks);
            for pick in &mut picks {
                // JSON has no infinity, so the ratio is capped.
                pick.distance_ratio = (pick.distance_ratio / unit).min(f64::MAX);
                pick.nearest_ratio = (pick.nearest_ratio / unit).min(f64::MAX);
            }
            picks
        };
        Picks {
            without_unit: known.is_none(),
            margins: false,
            interpolated: scaled(&mut self.interpolated),
            extrapolated: scaled(&mut self.extrapolated),
        }
    }
}
