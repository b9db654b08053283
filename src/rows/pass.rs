//! One pass over a set, chunk by chunk, with the results in row order, for rows on this machine or in shards elsewhere.
//!
//! Rows on this machine are read on all threads. If the rows lie in shards, each shard processes the chunks that it
//! holds completely and sends their results; the few chunks that straddle two shards are fetched. The chunks are always
//! those of the whole set, and their results are joined in order, so sums are the same to the last bit however the rows
//! are distributed over shards.

use super::sharded::Share;
use super::{Numbers, Pack, Rows, Subset, chunk_rows, map_chunks};
use crate::control::{Control, WorkStage};
use crate::error::Result;
use std::collections::BTreeMap;
use std::ops::Range;

/// How many chunks one question to a shard covers.
const GROUP: usize = 64;

/// The name of the array in a question that asks for the shard's rows scaled to unit length; the shard must then call
/// [`answer`] with such rows.
pub const UNIT: &str = "unit";

/// A computation on each chunk of rows, on this machine or on that of a shard, which is sent the parameters of the
/// pass.
pub trait Pass: Sync + Sized {
    /// The result for a chunk.
    type Part: Send;

    /// The name of the question to a shard.
    const NAME: &'static str;

    /// Whether the rows count as progress in a survey.
    const COUNTED: bool = false;

    /// Computes the result for a chunk whose first row is `first` (values row-major).
    fn chunk(&self, first: usize, values: &[f64]) -> Self::Part;

    /// Encodes the pass.
    fn put(&self, question: &mut Pack);

    /// Decodes a pass over rows of `dim` numbers. Errors: arrays that do not fit.
    fn of(question: &mut Pack, dim: usize) -> Result<Self>;

    /// Encodes the result for a chunk.
    fn put_part(part: Self::Part, answer: &mut Pack);

    /// Decodes the result for a chunk of `rows` rows of `dim` numbers. Errors: arrays that do not fit.
    fn part(answer: &mut Pack, rows: usize, dim: usize) -> Result<Self::Part>;
}

/// The results of a pass for all chunks of a set, in row order.
///
/// Errors: rows that can no longer be read, a shard that cannot answer, [`crate::Error::Interrupted`].
pub fn pass<P: Pass>(rows: &dyn Rows, pass: &P, control: &Control) -> Result<Vec<P::Part>> {
    let look = |first: usize, values: &[f64]| {
        if P::COUNTED {
            control.advance_in(WorkStage::Survey, (values.len() / rows.dim()) as u64);
        }
        pass.chunk(first, values)
    };
    let spread = rows.shards().and_then(|share| {
        let parts = share.parts(rows.len())?;
        Some(Spread { share, parts })
    });
    let Some(spread) = spread else {
        return map_chunks(rows, control, look);
    };
    let (own, shared) = spread.chunks(rows.len(), chunk_rows(rows.dim()));
    let mut found: BTreeMap<usize, P::Part> = BTreeMap::new();
    let mut values = Vec::new();
    for chunk in shared {
        values.resize(chunk.len() * rows.dim(), 0.0);
        rows.read_f64(chunk.start, &mut values)?;
        found.insert(chunk.start, look(chunk.start, &values));
    }
    let rounds = own.iter().map(|groups| groups.1.len()).max().unwrap_or(0);
    for round in 0..rounds {
        let groups = own
            .iter()
            .filter_map(|(part, groups)| Some((*part, groups.get(round)?)));
        let groups: Vec<(usize, &Range<usize>)> = groups.collect();
        let questions = groups
            .iter()
            .map(|&(part, run)| spread.question(pass, part, run));
        let answers = spread
            .share
            .all
            .ask(P::NAME, questions.collect(), control)?;
        for ((_, run), answer) in groups.into_iter().zip(answers) {
            for (first, part) in parts::<P>(answer, run, rows.dim())? {
                found.insert(first, part);
            }
            if P::COUNTED {
                control.advance_in(WorkStage::Survey, run.len() as u64);
            }
        }
    }
    Ok(found.into_values().collect())
}

/// A shard's answer to a [`Pass`], computed from its rows.
///
/// Errors: a question that does not fit the rows, rows that can no longer be read, [`crate::Error::Interrupted`].
pub fn answer<P: Pass>(rows: &dyn Rows, mut question: Pack, control: &Control) -> Result<Pack> {
    let first = question.indices("first", Some(1), usize::MAX)?[0];
    let chosen = match question.has("chosen") {
        true => question.indices("chosen", None, rows.len())?,
        false => {
            let run = question.indices("run", Some(2), rows.len() + 1)?;
            (run[0]..run[1].max(run[0])).collect()
        }
    };
    let pass = P::of(&mut question, rows.dim())?;
    let some = Subset::new(rows.name(), rows, chosen);
    let found = map_chunks(&some, control, |at, values| pass.chunk(first + at, values))?;
    let mut answer = Pack::new("an answer");
    for (place, part) in found.into_iter().enumerate() {
        let mut one = Pack::new("");
        P::put_part(part, &mut one);
        for (name, numbers) in one.into_arrays() {
            answer.put(&format!("{place}.{name}"), numbers);
        }
    }
    Ok(answer)
}

/// Decodes the results for the chunks of a run of rows, each with its first row.
fn parts<P: Pass>(answer: Pack, run: &Range<usize>, dim: usize) -> Result<Vec<(usize, P::Part)>> {
    let step = chunk_rows(dim);
    let starts: Vec<usize> = run.clone().step_by(step).collect();
    let mut packs = vec![Pack::new("the answer of a shard"); starts.len()];
    for (name, numbers) in answer.into_arrays() {
        if let Some((place, name)) = name.split_once('.')
            && let Some(pack) = place.parse().ok().and_then(|at: usize| packs.get_mut(at))
        {
            pack.put(name, numbers);
        }
    }
    let each = starts.into_iter().zip(packs);
    each.map(|(first, mut pack)| {
        let count = step.min(run.end - first);
        Ok((first, P::part(&mut pack, count, dim)?))
    })
    .collect()
}

/// The rows of a set in shards, and which of them each shard holds.
struct Spread<'a> {
    share: Share<'a>,
    parts: Vec<(usize, Range<usize>)>,
}

impl Spread<'_> {
    /// For each part, the runs of chunks that it holds completely; and the chunks that straddle parts.
    #[allow(clippy::type_complexity)]
    fn chunks(
        &self,
        n: usize,
        step: usize,
    ) -> (Vec<(usize, Vec<Range<usize>>)>, Vec<Range<usize>>) {
        let mut own = Vec::new();
        let mut shared = Vec::new();
        let mut next = 0;
        for (at, (_, part)) in self.parts.iter().enumerate() {
            let start = part.start.next_multiple_of(step);
            let end = if part.end == n {
                n
            } else {
                part.end / step * step
            };
            if start >= end {
                continue;
            }
            shared.extend((next..start).step_by(step).map(|first| first..first + step));
            let runs = (start..end).step_by(GROUP * step);
            own.push((
                at,
                runs.map(|first| first..end.min(first + GROUP * step))
                    .collect(),
            ));
            next = end;
        }
        shared.extend(
            (next..n)
                .step_by(step)
                .map(|first| first..n.min(first + step)),
        );
        (own, shared)
    }

    fn question<P: Pass>(&self, pass: &P, part: usize, run: &Range<usize>) -> (usize, Pack) {
        let (shard, places) = &self.parts[part];
        let mut question = Pack::new("a question");
        pass.put(&mut question);
        question.put_counts("first", [run.start]);
        match self.share.chosen.as_deref() {
            Some(chosen) => {
                let start = self.share.all.starts()[*shard];
                question.put_counts("chosen", chosen[run.clone()].iter().map(|row| row - start));
            }
            None => question.put_counts("run", [run.start, run.end].map(|row| row - places.start)),
        }
        if self.share.unit {
            question.put(UNIT, Numbers::U64(Vec::new()));
        }
        (*shard, question)
    }
}
