//! A scan of rows that lie in shards elsewhere: every shard scans its own, and the lists are merged here.
//!
//! ```text
//! answer(b) = the k best of the shards' k best, score descending, row of the whole set ascending
//! bound     = the largest of the shards' bounds
//! ```
//!
//! All shards scan in one frame, that of the whole set. A row that a shard leaves out is no better than the shard's
//! k-th best, so the merged list equals that of one machine, whichever shard answers first. What f32 cannot prove the
//! shards compute in f64 ([`Scan::scan_f64`]). A shard gets its part of the frame before its first answer, and again
//! whenever it replies that it does not have it.

#[cfg(test)]
pub(crate) mod fixture;
mod shard;
#[cfg(test)]
mod tests;

pub use shard::LocalShard;

use super::topk::{Score, order};
use super::{Batch, CpuScan, Engine, Floor, Frame, Hits, Scan, cpu};
use crate::control::Control;
use crate::error::Result;
use crate::rows::sharded::{Name, Sharded, Share};
use crate::rows::{Numbers, Pack, Rows};
use std::cell::Cell;
use std::ops::Range;

/// The questions: prepare a scan; the k best rows of each direction in f32, and in f64.
const READY: &str = "ready";
const SCAN: &str = "scan";
const JUDGE: &str = "judge";

/// The field in the answer of a shard that is not prepared.
const UNREADY: &str = "unready";

/// The field that says whether a shard scanned in eight bits, and the name of that precision.
const INT8: &str = "int8";

/// How many times shards are prepared for one batch before the scan fails: each time needs a shard that was restarted.
const TIMES: usize = 16;

/// A scan over shards.
pub struct ShardedScan<'a> {
    rows: &'a dyn Rows,
    share: Share<'a>,
    frame: Frame,
    name: Name,
    /// The shards with rows of this scan, and the index range of these rows in the scan.
    parts: Vec<(usize, Range<usize>)>,
}

impl<'a> ShardedScan<'a> {
    /// For rows stored in shards, in their frame. `None` if they are not, or not in the order of the shards.
    ///
    /// Panics unless the frame has a bias for each row (a caller's mistake).
    pub fn in_frame(rows: &'a dyn Rows, frame: &Frame) -> Option<Self> {
        let share = rows.shards()?;
        assert_eq!(rows.len(), frame.bias.len(), "a frame of the same rows");
        let mut scan = ShardedScan {
            parts: share.parts(rows.len())?,
            frame: frame.clone(),
            rows,
            name: Name::default(),
            share,
        };
        let told = scan.parts.iter().map(|part| scan.preparation(part).1);
        scan.name = scan.share.all.named(told.collect());
        Some(scan)
    }

    fn shards(&self) -> &Sharded {
        self.share.all
    }

    /// What a shard must know about its part before it scans.
    fn preparation(&self, (shard, part): &(usize, Range<usize>)) -> (usize, Pack) {
        let mut question = self.question();
        let view = [self.shards().fits_f32(), self.share.unit].map(usize::from);
        question.put_counts("view", view);
        if let Some(chosen) = self.share.chosen.as_deref() {
            let start = self.shards().starts()[*shard];
            question.put_counts("chosen", chosen[part.clone()].iter().map(|row| row - start));
        }
        self.frame.of_run(part.clone()).pack(&mut question);
        (*shard, question)
    }

    fn question(&self) -> Pack {
        let mut question = Pack::new("a question");
        question.put("name", Numbers::U64(self.name.to_vec()));
        question
    }

    /// The answers of all parts, in order.
    fn ask(&self, what: &str, question: &Pack, control: &Control) -> Result<Vec<Pack>> {
        let shards = self.shards();
        let mut answers: Vec<Option<Pack>> = vec![None; self.parts.len()];
        for _ in 0..TIMES {
            let open: Vec<usize> = (0..answers.len())
                .filter(|&at| answers[at].is_none())
                .collect();
            let questions = open.iter().map(|&at| (self.parts[at].0, question.clone()));
            let found = shards.ask(what, questions.collect(), control)?;
            let mut unready = Vec::new();
            for (at, answer) in open.into_iter().zip(found) {
                match answer.has(UNREADY) {
                    true => unready.push(self.preparation(&self.parts[at])),
                    false => answers[at] = Some(answer),
                }
            }
            if unready.is_empty() {
                return Ok(answers.into_iter().flatten().collect());
            }
            shards.ask(READY, unready, control)?;
        }
        Err(shards.fault(format!(
            "a shard lost what it was told {TIMES} times in a row"
        )))
    }

    /// The k best of the parts' lists: for each part and direction the best rows, best first.
    fn merged<T: Score>(
        &self,
        lists: Vec<(Vec<T>, Vec<usize>)>,
        directions: usize,
        k: usize,
    ) -> (Vec<T>, Vec<usize>) {
        let (mut scores, mut rows) = (Vec::new(), Vec::new());
        let mut pairs: Vec<(T, usize)> = Vec::new();
        for b in 0..directions {
            pairs.clear();
            for ((_, part), (scores, rows)) in self.parts.iter().zip(&lists) {
                let count = k.min(part.len());
                let rows = rows[b * count..][..count]
                    .iter()
                    .map(|row| part.start + row);
                pairs.extend(scores[b * count..][..count].iter().copied().zip(rows));
            }
            pairs.sort_unstable_by(|&x, &y| order(x, y));
            scores.extend(pairs[..k].iter().map(|pair| pair.0));
            rows.extend(pairs[..k].iter().map(|pair| pair.1));
        }
        (scores, rows)
    }

    /// Ask the shards, and merge the lists that `take` reads from the answers.
    #[allow(clippy::type_complexity)]
    fn best<T: Score>(
        &self,
        what: &str,
        question: &Pack,
        (directions, k): (usize, usize),
        take: impl Fn(&mut Pack, usize) -> Result<Vec<T>>,
        control: &Control,
    ) -> Result<(Vec<T>, Vec<usize>)> {
        let answers = self.ask(what, question, control)?;
        let mut lists = Vec::with_capacity(answers.len());
        for ((_, part), mut answer) in self.parts.iter().zip(answers) {
            let len = directions * k.min(part.len());
            let scores = take(&mut answer, len)?;
            #[allow(clippy::eq_op)] // what is not a number is not equal to itself
            if scores.iter().any(|score| score != score) {
                return Err(answer.fault("scores", "one is not a number"));
            }
            lists.push((scores, answer.indices("rows", Some(len), part.len())?));
        }
        Ok(self.merged(lists, directions, k))
    }
}

impl Scan for ShardedScan<'_> {
    fn len(&self) -> usize {
        self.frame.bias.len()
    }

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn scan_above(&self, batch: &Batch<'_>, _: &[Floor], control: &Control) -> Result<Hits> {
        let (count, k) = (batch.bias.len(), batch.k.min(self.len()));
        assert_eq!(batch.directions.len(), count * self.dim(), "B x d");
        let mut question = self.question();
        question.put("directions", Numbers::F32(batch.directions.to_vec()));
        question.put("bias", Numbers::F32(batch.bias.to_vec()));
        question.put_counts("k", [k]);
        let int8 = Cell::new(true);
        let (scores, rows) = cpu::counted(self.rows, count, control, || {
            let take = |answer: &mut Pack, len| {
                int8.set(answer.indices(INT8, Some(1), 2)? == [1] && int8.get());
                answer.floats("scores", Some(len))
            };
            self.best(SCAN, &question, (count, k), take, control)
        })?;
        let precision = if int8.get() { INT8 } else { "f32" };
        Ok(Hits::new(self.len(), k, scores, rows).proved_in(precision, count))
    }

    /// The largest of the shards' bounds: each shard gives the answers of [`CpuScan`], in a frame with the radius of all rows.
    fn error_bound(&self, norm: f64, c: f32) -> f64 {
        cpu::error_bound(&self.frame, norm, c)
    }

    fn scan_f64(
        &self,
        _: &dyn Rows,
        directions: &[f64],
        k: usize,
        control: &Control,
    ) -> Result<(Vec<f64>, Vec<usize>)> {
        let (count, k) = (directions.len() / self.dim(), k.min(self.len()));
        let mut question = self.question();
        question.put_reals("directions", directions.iter().copied());
        question.put_counts("k", [k]);
        cpu::counted(self.rows, count, control, || {
            let take = |answer: &mut Pack, len| answer.reals("scores", Some(len));
            self.best(JUDGE, &question, (count, k), take, control)
        })
    }
}

/// Scans rows where they are stored: those of shards on the shards, others on this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShardedEngine;

impl Engine for ShardedEngine {
    fn scan_in<'r>(
        &self,
        rows: &'r dyn Rows,
        frame: Frame,
        _: &Control,
    ) -> Result<Box<dyn Scan + 'r>> {
        Ok(match ShardedScan::in_frame(rows, &frame) {
            Some(scan) => Box::new(scan),
            None => Box::new(CpuScan::in_frame(rows, frame)),
        })
    }

    fn describe(&self) -> String {
        "shards, each on its machine's cores".into()
    }
}
