//! Scans with deliberate faults, which the suite must detect, a scan with the largest allowed errors, and one that gives the least.

use super::naive::{Naive, best};
use hullscope::control::Control;
use hullscope::rows::Rows;
use hullscope::scan::{Batch, Floor, Frame, Hits, Scan};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The naive scan, which gives no more of a list than is needed: in the other places are the lowest rows.
pub struct Sparing {
    inner: Naive,
    /// How many places have held other rows than the best.
    pub spared: AtomicUsize,
}

impl Sparing {
    pub fn new(rows: &dyn Rows) -> Self {
        Sparing {
            inner: Naive::new(rows),
            spared: AtomicUsize::new(0),
        }
    }
}

/// Of the k best of all rows, which are in order, those that the floor leaves no choice about, and the lowest of all.
fn spared(all: &[(f32, usize)], k: usize, floor: &Floor) -> Vec<(f32, usize)> {
    let least = all[0].0 - floor.slack;
    let is_needed = |&&(score, _): &&(f32, usize)| score >= least || score >= floor.score;
    let needed = all[..k].iter().take_while(is_needed).count();
    let others = &all[all.len() - (k - needed)..];
    [&all[..needed], others].concat()
}

impl Scan for Sparing {
    fn len(&self) -> usize {
        self.inner.len()
    }

    fn frame(&self) -> &Frame {
        self.inner.frame()
    }

    fn scan_above(
        &self,
        batch: &Batch<'_>,
        floors: &[Floor],
        control: &Control,
    ) -> hullscope::Result<Hits> {
        if floors.is_empty() {
            return self.inner.scan(batch, control);
        }
        let (n, k) = (self.len(), batch.k.min(self.len()));
        let whole = self.inner.scan(&Batch { k: n, ..*batch }, control)?;
        let (mut scores, mut rows) = (Vec::new(), Vec::new());
        for (b, floor) in floors.iter().enumerate() {
            let (list, places) = whole.of(b);
            let all: Vec<(f32, usize)> = list.iter().copied().zip(places.iter().copied()).collect();
            let given = spared(&all, k, floor);
            let others = given.iter().zip(&all).filter(|(one, best)| one != best);
            self.spared.fetch_add(others.count(), Relaxed);
            scores.extend(given.iter().map(|one| one.0));
            rows.extend(given.iter().map(|one| one.1));
        }
        Ok(Hits::new(n, k, scores, rows))
    }

    fn error_bound(&self, norm: f64, c: f32) -> f64 {
        self.inner.error_bound(norm, c)
    }
}

/// A fault that an engine could have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// The last row is never scored.
    LastRowLost,
    /// Row numbers are one too high.
    OffByOne,
    /// Of equal scores the higher row number comes first.
    TieTheWrongWay,
    /// A call returns the answers for the directions of the call before.
    StaleBuffer,
    /// One score is off by a thousandth.
    ScoreOff,
    /// The bias of nearest-neighbour scores is missing.
    BiasForgotten,
    /// A list has one row too few.
    ShortList,
}

/// The naive scan with one fault.
pub struct Faulty {
    inner: Naive,
    fault: Fault,
    before: Mutex<Option<Hits>>,
}

impl Faulty {
    pub fn new(rows: &dyn Rows, fault: Fault) -> Self {
        Faulty {
            inner: Naive::new(rows),
            fault,
            before: Mutex::new(None),
        }
    }
}

impl Scan for Faulty {
    fn len(&self) -> usize {
        self.inner.len()
    }

    fn frame(&self) -> &Frame {
        self.inner.frame()
    }

    fn scan_above(
        &self,
        batch: &Batch<'_>,
        _: &[Floor],
        control: &Control,
    ) -> hullscope::Result<Hits> {
        let last = self.len() - 1;
        let unbiased = vec![0.0; batch.bias.len()];
        let hits = match self.fault {
            Fault::BiasForgotten => self.inner.scan(
                &Batch {
                    bias: &unbiased,
                    ..*batch
                },
                control,
            )?,
            Fault::LastRowLost => self.inner.scan(
                &Batch {
                    k: batch.k + 1,
                    ..*batch
                },
                control,
            )?,
            _ => self.inner.scan(batch, control)?,
        };
        let mut k = hits.k();
        let (mut scores, mut rows) = (hits.scores().to_vec(), hits.rows().to_vec());
        match self.fault {
            // The inner scan was asked for one row more than wanted.
            Fault::LastRowLost if k > batch.k => {
                let without = |list: usize| {
                    let kept = (list * k..(list + 1) * k).filter(|&slot| rows[slot] != last);
                    kept.take(batch.k).collect::<Vec<_>>()
                };
                let kept: Vec<usize> = (0..batch.bias.len()).flat_map(without).collect();
                scores = kept.iter().map(|&slot| scores[slot]).collect();
                rows = kept.iter().map(|&slot| rows[slot]).collect();
                k = batch.k;
            }
            Fault::OffByOne => rows.iter_mut().for_each(|row| *row = (*row + 1).min(last)),
            Fault::TieTheWrongWay => {
                for b in 0..batch.bias.len() {
                    for slot in b * k + 1..(b + 1) * k {
                        if scores[slot] == scores[slot - 1] {
                            rows.swap(slot, slot - 1);
                        }
                    }
                }
            }
            Fault::StaleBuffer => {
                let stale = self.before.lock().unwrap().replace(hits.clone());
                if let Some(stale) = stale.filter(|stale| stale.rows().len() == rows.len()) {
                    return Ok(stale);
                }
            }
            Fault::ScoreOff => scores[0] += 1e-3,
            Fault::ShortList if k > 1 => {
                scores = scores
                    .chunks(k)
                    .flat_map(|list| list[..k - 1].to_vec())
                    .collect();
                rows = rows
                    .chunks(k)
                    .flat_map(|list| list[..k - 1].to_vec())
                    .collect();
                k -= 1;
            }
            Fault::LastRowLost | Fault::ShortList | Fault::BiasForgotten => {}
        }
        Ok(Hits::new(self.len(), k, scores, rows))
    }

    fn error_bound(&self, norm: f64, c: f32) -> f64 {
        self.inner.error_bound(norm, c)
    }
}

/// A scan with every score wrong by almost the full stated bound: the best rows too low and the others too high, so
/// that the ranking is as wrong as possible.
pub struct Worst {
    inner: Naive,
    /// The stated bound, as a share of radius times norm.
    share: f64,
}

impl Worst {
    pub fn new(rows: &dyn Rows, share: f64) -> Self {
        Worst {
            inner: Naive::new(rows),
            share,
        }
    }
}

impl Scan for Worst {
    fn len(&self) -> usize {
        self.inner.len()
    }

    fn frame(&self) -> &Frame {
        self.inner.frame()
    }

    fn scan_above(&self, batch: &Batch<'_>, _: &[Floor], _: &Control) -> hullscope::Result<Hits> {
        let k = batch.k.min(self.len());
        let (mut scores, mut rows) = (Vec::new(), Vec::new());
        for (direction, &c) in batch.directions.chunks_exact(self.dim()).zip(batch.bias) {
            let norm = direction
                .iter()
                .map(|w| f64::from(*w).powi(2))
                .sum::<f64>()
                .sqrt();
            // The remaining part of the bound covers the rounding of the stated score to f32.
            let error = 0.99 * self.share * self.frame().radius * norm;
            let truth = self.inner.scores(direction, c);
            let highest = truth.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let moved = truth.iter().map(|s| {
                if *s > highest - error {
                    s - error
                } else {
                    s + error
                }
            });
            for (score, row) in best(moved, k) {
                scores.push(score);
                rows.push(row);
            }
        }
        Ok(Hits::new(self.len(), k, scores, rows))
    }

    fn error_bound(&self, norm: f64, c: f32) -> f64 {
        self.share * self.frame().radius * norm + self.inner.error_bound(norm, c)
    }
}
