//! The k best rows of each direction so far, shared by all workers, and the bars that follow.
//!
//! Rows may be offered in any order by any worker: the final k best under the total order of [`super::topk`] are the same. A
//! bar only rises, and a row with a score strictly below it is not among the k best, or not needed of them ([`Floor`]).

use crate::scan::Floor;
use crate::scan::topk::Running;
use rayon::prelude::*;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard};

/// The list of one direction, and its best score.
struct List {
    rows: Running,
    best: f32,
    /// The k-th best score when it was asked for last; NaN until there are k rows.
    last: f32,
}

/// The running lists of B directions.
pub struct Lists {
    k: usize,
    lists: Vec<Mutex<List>>,
    /// One for each direction, or none.
    floors: Vec<Floor>,
    /// The greater of a score that k rows reach and the least score that is needed, as bits; NaN until there are k rows.
    bars: Vec<AtomicU32>,
    /// How many lists hold k rows.
    full: AtomicUsize,
}

impl Lists {
    /// Empty lists for `directions` directions.
    pub fn new(directions: usize, k: usize) -> Self {
        Lists {
            k,
            lists: (0..directions)
                .map(|_| {
                    Mutex::new(List {
                        rows: Running::default(),
                        best: f32::NEG_INFINITY,
                        last: f32::NAN,
                    })
                })
                .collect(),
            floors: Vec::new(),
            bars: (0..directions)
                .map(|_| AtomicU32::new(f32::NAN.to_bits()))
                .collect(),
            full: AtomicUsize::new(0),
        }
    }

    /// The same, of which no more is needed than the floors say: one for each direction, or none.
    pub fn above(directions: usize, k: usize, floors: &[Floor]) -> Self {
        assert!(floors.is_empty() || floors.len() == directions);
        Lists {
            floors: floors.to_vec(),
            ..Self::new(directions, k)
        }
    }

    /// The greater of a score that k rows reach with direction `b` and the least score that is needed; NaN until there are k
    /// rows.
    pub fn bar(&self, b: usize) -> f32 {
        f32::from_bits(self.bars[b].load(Relaxed))
    }

    /// Whether every list holds k rows; the last bar may be seen a little later.
    pub fn full(&self) -> bool {
        self.full.load(Relaxed) == self.lists.len()
    }

    /// Offer a row, at most once, with its score, which must not be NaN.
    pub fn offer(&self, b: usize, score: f32, row: usize) {
        if enters_shared(score, self.bar(b)) {
            self.add(b, &mut self.lock(b), score, row);
        }
    }

    /// Offer the rows from `first` on with their scores, which must not be NaN, each at most once; then the bar is not late.
    pub fn offer_all(&self, b: usize, first: usize, scores: impl Iterator<Item = f32>) {
        let mut list = self.lock(b);
        for (row, score) in (first..).zip(scores) {
            if enters_shared(score, self.bar(b)) {
                self.add(b, &mut list, score, row);
            }
        }
        self.settle_locked(b, &mut list);
    }

    /// Raise the bar of direction `b` to the k-th best score, which it may lag behind.
    pub fn settle(&self, b: usize) {
        self.settle_locked(b, &mut self.lock(b));
    }

    fn settle_locked(&self, b: usize, list: &mut List) {
        if let Some(last) = list.rows.settle(self.k) {
            list.last = last;
            self.raise(b, list);
        }
    }

    fn lock(&self, b: usize) -> MutexGuard<'_, List> {
        // A list behind a poisoned lock is still valid.
        self.lists[b]
            .lock()
            .unwrap_or_else(|held| held.into_inner())
    }

    /// Add a row to the locked list of direction `b`, and raise the bar.
    fn add(&self, b: usize, list: &mut List, score: f32, row: usize) {
        debug_assert!(!score.is_nan(), "a score must be a number");
        let last = list.rows.add(score, row, self.k);
        let becomes_full = list.last.is_nan() && last.is_some();
        let better = score > list.best;
        list.best = list.best.max(score);
        list.last = last.unwrap_or(list.last);
        if last.is_some() || (better && !self.floors.is_empty()) {
            self.raise(b, list);
        }
        self.full.fetch_add(usize::from(becomes_full), Relaxed);
    }

    /// Set the bar of the locked list of direction `b`.
    fn raise(&self, b: usize, list: &List) {
        let needed = |floor: &Floor| list.best.min(floor.score) - floor.slack;
        // NaN stays, until there are k rows.
        let bar = match self.floors.get(b) {
            Some(floor) if !list.last.is_nan() => list.last.max(needed(floor)),
            _ => list.last,
        };
        self.bars[b].store(bar.to_bits(), Relaxed);
    }

    /// B x k scores and rows.
    ///
    /// Panics unless every direction was offered at least k rows (a caller's mistake).
    pub fn finish(self) -> (Vec<f32>, Vec<usize>) {
        assert!(self.full(), "every list must hold k rows");
        let ranked = |list: Mutex<List>| {
            let list = list.into_inner().unwrap_or_else(|held| held.into_inner());
            list.rows.ranked::<f32>(self.k)
        };
        let lists: Vec<_> = self.lists.into_par_iter().map(ranked).collect();
        lists.into_iter().flatten().unzip()
    }
}

/// Whether a row with this score may be needed beside a bar, which is NaN until there is one.
#[inline(always)]
#[allow(clippy::neg_cmp_op_on_partial_ord)] // what cannot be compared must enter
fn enters_shared(score: f32, bar: f32) -> bool {
    !(score < bar)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::topk::order;
    use proptest::prelude::*;

    proptest! {
        /// With a floor the best row, all within the slack of it, and all of the k best that reach the floor are those of a full
        /// sort.
        #[test]
        fn what_is_needed_above_a_floor_is_there(
            values in prop::collection::vec(0u8..30, 30..200), k in 1usize..30, score in 0u8..30, slack in 0u8..5,
        ) {
            let floor = Floor { score: f32::from(score), slack: f32::from(slack) };
            let lists = Lists::above(1, k, &[floor]);
            for (row, &value) in values.iter().enumerate() {
                let (bar, value) = (lists.bar(0), f32::from(value));
                // What a scan does with rows that cannot reach the bar.
                if bar.is_nan() || value >= bar {
                    lists.offer(0, value, row);
                }
            }
            let mut expected: Vec<_> = values.iter().map(|&v| f32::from(v)).zip(0..).collect();
            expected.sort_by(|&a, &b| order(a, b));
            let best = expected[0].0;
            let bar = best.min(floor.score) - floor.slack;
            if let Some(&(last, _)) = expected.get(k - 1) {
                prop_assert!(bar <= lists.bar(0) && lists.bar(0) <= last.max(bar));
                lists.settle(0);
                prop_assert_eq!(lists.bar(0), last.max(bar));
            }
            let needed = |&(score, _): &(f32, usize)| score >= best - floor.slack || score >= floor.score;
            let expected: Vec<_> = expected.into_iter().take(k).filter(needed).collect();
            let (scores, rows) = lists.finish();
            let found: Vec<_> = scores.into_iter().zip(rows).filter(needed).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn lists_equal_a_full_sort_in_whatever_order_rows_come(
            values in prop::collection::vec(0u8..6, 1..80), k in 1usize..30, step in 1usize..83,
        ) {
            let k = k.min(values.len());
            let lists = Lists::new(1, k);
            // 83 is prime, so every step visits every row once.
            for row in (0..83).map(|place| place * step % 83).filter(|&row| row < values.len()) {
                prop_assert_eq!(lists.full(), !lists.bar(0).is_nan());
                lists.offer(0, f32::from(values[row]), row);
            }
            let mut expected: Vec<_> = values.iter().map(|&v| f32::from(v)).zip(0..).collect();
            expected.sort_by(|&a, &b| order(a, b));
            expected.truncate(k);
            prop_assert!(lists.bar(0) <= expected[k - 1].0);
            lists.settle(0);
            prop_assert_eq!(lists.bar(0), expected[k - 1].0);
            let (scores, rows) = lists.finish();
            prop_assert_eq!(scores.into_iter().zip(rows).collect::<Vec<_>>(), expected);
        }
    }

    /// Bars follow lists that grow: at most so many rows late that a list takes in beyond k.
    #[test]
    fn bars_rise() {
        for (k, late) in [(5, 0), (20, 20), (200, 96)] {
            let n = 1000;
            let one_by_one = Lists::new(1, k);
            (0..n).for_each(|row| one_by_one.offer(0, row as f32, row));
            let at_once = Lists::new(1, k);
            at_once.offer_all(0, 0, (0..n).map(|row| row as f32));
            assert_eq!(at_once.bar(0), (n - k) as f32);
            for lists in [one_by_one, at_once] {
                assert!(lists.bar(0) >= (n - k - late) as f32, "{}", lists.bar(0));
                let (scores, rows) = lists.finish();
                assert_eq!(rows, (n - k..n).rev().collect::<Vec<_>>());
                assert_eq!(scores[0], (n - 1) as f32);
            }
        }
    }
}
