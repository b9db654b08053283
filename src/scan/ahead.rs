//! A scan that is told which batch will be scanned soon, and scans it together with the batch before it.
//!
//! The speed of a scan of one direction is limited by memory, so a second direction in the same pass costs little. A query
//! that comes alone needs two scans: one for its first direction of the hull, and one for its nearest rows. Both directions
//! depend only on the query, and the score of a direction does not depend on the other directions of the batch.

use super::{Batch, Floor, Frame, Hits, Scan};
use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;
use std::sync::{Mutex, MutexGuard};

/// A scan that may scan one announced batch early.
pub struct Ahead<'a> {
    scan: &'a dyn Scan,
    next: Mutex<Option<Next>>,
}

/// The announced batch, and its answer once it was scanned.
struct Next {
    directions: Vec<f32>,
    bias: Vec<f32>,
    k: usize,
    hits: Option<Hits>,
}

impl Next {
    fn is(&self, batch: &Batch<'_>) -> bool {
        let same = |a: &[f32], b: &[f32]| {
            a.iter()
                .map(|v| v.to_bits())
                .eq(b.iter().map(|v| v.to_bits()))
        };
        self.k == batch.k
            && same(&self.bias, batch.bias)
            && same(&self.directions, batch.directions)
    }
}

impl<'a> Ahead<'a> {
    /// Gives the same answers as `scan`.
    pub fn new(scan: &'a dyn Scan) -> Self {
        Ahead {
            scan,
            next: Mutex::new(None),
        }
    }

    fn next(&self) -> MutexGuard<'_, Option<Next>> {
        // A poisoned lock still holds a whole batch, or none.
        self.next.lock().unwrap_or_else(|held| held.into_inner())
    }

    /// Scans both together; returns the answers to `batch` and to the announced batch.
    fn both(
        &self,
        batch: &Batch<'_>,
        floors: &[Floor],
        next: &Next,
        control: &Control,
    ) -> Result<(Hits, Hits)> {
        let together = Batch {
            directions: &[batch.directions, &next.directions].concat(),
            bias: &[batch.bias, &next.bias].concat(),
            k: batch.k.max(next.k),
        };
        let count = batch.bias.len();
        let mut floors = floors.to_vec();
        if !floors.is_empty() {
            floors.resize(together.bias.len(), Floor::NONE);
        }
        let hits = self.scan.scan_above(&together, &floors, control)?;
        Ok((
            self.some(&hits, 0..count, batch.k),
            self.some(&hits, count..together.bias.len(), next.k),
        ))
    }

    /// The k best rows of some of the directions.
    fn some(&self, hits: &Hits, which: std::ops::Range<usize>, k: usize) -> Hits {
        let k = k.min(hits.k());
        let scores = which.clone().flat_map(|b| &hits.of(b).0[..k]).copied();
        let rows = which.clone().flat_map(|b| &hits.of(b).1[..k]).copied();
        Hits::new(self.scan.len(), k, scores.collect(), rows.collect())
    }
}

impl Scan for Ahead<'_> {
    fn len(&self) -> usize {
        self.scan.len()
    }

    fn frame(&self) -> &Frame {
        self.scan.frame()
    }

    fn expect(&self, batch: &Batch<'_>) {
        *self.next() = Some(Next {
            directions: batch.directions.to_vec(),
            bias: batch.bias.to_vec(),
            k: batch.k,
            hits: None,
        });
    }

    fn scan_above(&self, batch: &Batch<'_>, floors: &[Floor], control: &Control) -> Result<Hits> {
        let now = || self.scan.scan_above(batch, floors, control);
        let Some(mut next) = self.next().take() else {
            return now();
        };
        if next.is(batch) {
            return match next.hits {
                Some(hits) => Ok(hits),
                None => now(),
            };
        }
        let hits = match next.hits {
            Some(_) => now()?,
            None => {
                let (hits, later) = self.both(batch, floors, &next, control)?;
                next.hits = Some(later);
                hits
            }
        };
        *self.next() = Some(next);
        Ok(hits)
    }

    fn own(&self, k: usize, control: &Control) -> Result<Option<Hits>> {
        self.scan.own(k, control)
    }

    fn error_bound(&self, norm: f64, c: f32) -> f64 {
        self.scan.error_bound(norm, c)
    }

    fn scan_f64(
        &self,
        rows: &dyn Rows,
        directions: &[f64],
        k: usize,
        control: &Control,
    ) -> Result<(Vec<f64>, Vec<usize>)> {
        self.scan.scan_f64(rows, directions, k, control)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Memory;
    use crate::scan::{CountingEngine, CpuEngine, Engine};

    #[test]
    fn what_was_expected_is_answered_with_the_batch_before_it() {
        let values = (0..900 * 7).map(|i: i32| f64::from(i * 37 % 1009) / 64.0);
        let rows = Memory::from_f64("rows", 7, values.collect());
        let control = Control::default();
        let engine = CountingEngine::new(&CpuEngine);
        let scan = engine.scan(&rows, &control).unwrap();
        let ahead = Ahead::new(&*scan);
        let directions: Vec<f32> = (0..21).map(|i| (i * i % 13) as f32 - 6.0).collect();
        let batch = |b: usize, bias: &'static [f32], k| Batch {
            directions: &directions[b * 7..(b + 1) * 7],
            bias,
            k,
        };
        let (hull, near, other) = (
            batch(0, &[0.0], 32),
            batch(1, &[1.0], 5),
            batch(2, &[0.0], 9),
        );
        let asked = |batch| ahead.scan(batch, &control).unwrap();
        let truth = |batch| scan.scan(batch, &control).unwrap();
        let passes = || engine.counts().directions["f32"];
        let expected = [&hull, &near, &other].map(truth);
        let before = passes();
        // With the batch before it, after another one in between, and a second time.
        ahead.expect(&near);
        assert_eq!(asked(&hull), expected[0]);
        assert_eq!(passes(), before + 2);
        assert_eq!(asked(&other), expected[2]);
        assert_eq!(asked(&near), expected[1]);
        assert_eq!(
            passes(),
            before + 3,
            "the expected batch is not scanned again"
        );
        assert_eq!(asked(&near), expected[1]);
        assert_eq!(passes(), before + 4);
        // By itself where nothing was asked before it; and where more rows are expected than asked for.
        ahead.expect(&near);
        assert_eq!(asked(&near), expected[1]);
        assert_eq!(passes(), before + 5);
        ahead.expect(&hull);
        assert_eq!(asked(&near), expected[1]);
        assert_eq!(asked(&hull), expected[0]);
    }
}
