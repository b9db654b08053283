//! Turns the device's lists into answers: exact scores on the host, and the proof that no better row was left out.

use super::tile::Entry;
use crate::error::Result;
use crate::rows::Rows;
use crate::scan::Frame;
use crate::scan::rounding::U32;
use crate::scan::topk::order;
use rayon::prelude::*;

/// The most numbers of gathered rows in one task.
const GATHER: usize = 1 << 19;

/// One direction and the list that the device found for it.
pub struct DeviceList<'a> {
    /// w, in the frame.
    pub direction: &'a [f32],
    pub c: f32,
    pub entries: &'a [Entry],
    /// An upper bound, in the frame's units, on the exact score of every row that is not in `entries`.
    pub missed: f64,
    /// How much a row that is not listed may exceed the last stated score: the scan's error bound. Not used with `bounds`.
    pub allowed: f64,
    /// Set if the device's scores are upper bounds (eight bits).
    pub bounds: Option<Bounds>,
}

/// How an upper bound in f32, in the device's units, becomes one on the exact score.
pub struct Bounds {
    /// What underflow can hide in a bound.
    pub slack: f64,
    /// The factor of the device's scores.
    pub factor: f64,
    /// How much the host's own arithmetic can add to a score.
    pub hidden: f64,
}

/// How many entries beyond the first k are scored at once: with these the k-th best is usually known.
const AHEAD: usize = 6;

impl DeviceList<'_> {
    /// An upper bound on the score of an entry's row.
    fn most(bounds: &Bounds, entry: &Entry) -> f64 {
        let score = f64::from(entry.score);
        let rounding = 8.0 * U32 * (score.abs() + 2.0 * bounds.slack);
        (score + bounds.slack + rounding) / bounds.factor
    }

    /// Whether a row that scores at most `most` would have a stated score below `last`.
    fn below(bounds: &Bounds, most: f64, last: f32) -> bool {
        most + bounds.hidden < f64::from(last.next_down())
    }

    /// The rows to score first: all, or with bounds those that can score most.
    fn first(&self, k: usize) -> &[Entry] {
        match self.bounds {
            None => self.entries,
            Some(_) => &self.entries[..self.entries.len().min(k + AHEAD)],
        }
    }

    /// The other entries that may be among the k best, given the ranking of the first ones.
    fn rest(&self, k: usize, ranked: &[(f32, usize)]) -> Vec<Entry> {
        let others = &self.entries[self.first(k).len()..];
        let (Some(bounds), Some(&(last, _))) = (&self.bounds, ranked.get(k.wrapping_sub(1))) else {
            return others.to_vec();
        };
        let may = |entry: &&Entry| !Self::below(bounds, Self::most(bounds, entry), last);
        others.iter().filter(may).copied().collect()
    }

    /// Whether no unlisted row can be better than the last of the k best.
    fn proven(&self, last: f32) -> bool {
        match &self.bounds {
            None => self.missed <= f64::from(last) + self.allowed,
            Some(bounds) => Self::below(bounds, self.missed, last),
        }
    }
}

/// The k best rows with exact scores; `None` if a row that was left out may be better than allowed.
pub type Answer = Option<(Vec<f32>, Vec<usize>)>;

/// Computes the answers of all directions.
pub fn finish(
    rows: &dyn Rows,
    frame: &Frame,
    found: &[DeviceList<'_>],
    k: usize,
) -> Result<Vec<Answer>> {
    let most = found
        .iter()
        .map(|one| one.entries.len())
        .max()
        .unwrap_or(1)
        .max(1);
    let part = (GATHER / most / frame.dim()).max(1);
    let parts: Vec<Vec<Answer>> = found
        .par_chunks(part)
        .map(|part| finish_part(rows, frame, part, k))
        .collect::<Result<_>>()?;
    Ok(parts.into_iter().flatten().collect())
}

/// The same for a few directions, which often share rows: each row is gathered once, or twice if there are bounds.
fn finish_part(
    rows: &dyn Rows,
    frame: &Frame,
    found: &[DeviceList<'_>],
    k: usize,
) -> Result<Vec<Answer>> {
    let first: Vec<Vec<usize>> = found.iter().map(|one| listed(one.first(k))).collect();
    let mut ranked = scored(rows, frame, found, &first)?;
    let each = found.iter().zip(&mut ranked);
    let rest: Vec<Vec<usize>> = each
        .map(|(one, ranked)| {
            ranked.sort_unstable_by(|&a, &b| order(a, b));
            listed(&one.rest(k, ranked))
        })
        .collect();
    if rest.iter().any(|rest| !rest.is_empty()) {
        let more = scored(rows, frame, found, &rest)?;
        for (ranked, more) in ranked.iter_mut().zip(more) {
            ranked.extend(more);
            ranked.sort_unstable_by(|&a, &b| order(a, b));
        }
    }
    let answers = found.iter().zip(ranked).map(|(one, mut ranked)| {
        ranked.truncate(k);
        let &(last, _) = ranked.get(k.wrapping_sub(1))?;
        let complete = listed(one.entries).len() == rows.len() || one.proven(last);
        complete.then(|| ranked.into_iter().unzip())
    });
    Ok(answers.collect())
}

/// The rows of some entries.
fn listed(entries: &[Entry]) -> Vec<usize> {
    let rows = entries.iter().filter_map(Entry::row);
    rows.map(|row| row as usize).collect()
}

/// Exact scores, rounded to f32, of a list of rows for each direction.
fn scored(
    rows: &dyn Rows,
    frame: &Frame,
    found: &[DeviceList<'_>],
    lists: &[Vec<usize>],
) -> Result<Vec<Vec<(f32, usize)>>> {
    let d = frame.dim();
    let mut wanted: Vec<usize> = lists.concat();
    wanted.sort_unstable();
    wanted.dedup();
    let mut values = vec![0.0; wanted.len() * d];
    rows.gather(&wanted, &mut values)?;
    let mut lengths = Vec::new();
    if found.iter().any(|one| one.c != 0.0) {
        let square = |row: &[f64]| {
            row.iter()
                .zip(&frame.centre)
                .map(|(x, m)| ((x - m) * frame.euclid).powi(2))
                .sum::<f64>()
        };
        lengths = values.chunks_exact(d).map(square).collect();
    }
    frame.apply(&mut values);
    for (at, row) in wanted.iter().enumerate() {
        if frame.far.contains(*row) {
            values[at * d..(at + 1) * d].fill(0.0);
            if let Some(length) = lengths.get_mut(at) {
                *length = -2.0 * f64::from(frame.bias[*row]);
            }
        }
    }
    let score = |one: &DeviceList<'_>, row: usize| {
        // Every listed row is in `wanted`.
        let at = wanted.partition_point(|&known| known < row);
        let product: f64 = values[at * d..(at + 1) * d]
            .iter()
            .zip(one.direction)
            .map(|(x, &w)| x * f64::from(w))
            .sum();
        match one.c {
            0.0 => product as f32,
            c => (product - 0.5 * f64::from(c) * lengths[at]) as f32,
        }
    };
    let each = found.iter().zip(lists);
    let all = each.map(|(one, list)| list.iter().map(|&row| (score(one, row), row)).collect());
    Ok(all.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Control;
    use crate::rows::Memory;
    use proptest::prelude::*;

    proptest! {
        /// For any valid bounds from a device: either the k best rows in order, or no answer; and always an answer if
        /// all other rows have bounds below the last of the k best.
        #[test]
        fn bounded_rows_are_ranked_by_their_exact_scores(
            values in prop::collection::vec(-8i8..8, 60),
            above in prop::collection::vec(0f32..4.0, 30),
            (k, kept) in (1usize..8, 8usize..30),
        ) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let rows = Memory::from_f64("rows", 2, values.clone());
            let frame = Frame::survey(&rows, &Control::default()).unwrap();
            let mut framed = values;
            frame.apply(&mut framed);
            let direction = [1.0f32, -0.5];
            let score = |x: &[f64]| (x[0] - 0.5 * x[1]) as f32;
            let mut ranked: Vec<(f32, usize)> = framed.chunks_exact(2).map(score).zip(0..).collect();
            let mut stated: Vec<(f32, usize)> =
                ranked.iter().map(|&(score, row)| (score + above[row] + 1e-3, row)).collect();
            stated.sort_by(|&a, &b| order(a, b));
            ranked.sort_by(|&a, &b| order(a, b));
            let entry = |&(score, row): &(f32, usize)| Entry { score, low: row as u32, high: 0 };
            let entries: Vec<Entry> = stated[..kept].iter().map(entry).collect();
            let one = DeviceList {
                direction: &direction,
                c: 0.0,
                entries: &entries,
                missed: f64::from(stated[kept].0),
                allowed: 9.0,
                bounds: Some(Bounds { slack: 0.0, factor: 1.0, hidden: 1e-9 }),
            };
            let found = finish(&rows, &frame, &[one], k).unwrap().remove(0);
            let clear = stated[kept].0 + 1e-6 < ranked[k - 1].0;
            prop_assert!(found.is_some() || !clear);
            if let Some((scores, places)) = found {
                let found: Vec<(f32, usize)> = scores.into_iter().zip(places).collect();
                prop_assert_eq!(&found[..], &ranked[..k]);
            }
        }
    }
}
