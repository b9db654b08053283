//! The k best rows of each direction so far, shared by all workers, and the bars that follow.
//!
//! Rows may be offered in any order by any worker: the final k best under the total order of [`topk`] are the same. A
//! bar only rises, and a row with a score strictly below it is not among the k best, or not needed of them ([`Floor`]).

use crate::scan::{Floor, topk};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

/// The running lists of B directions.
pub struct Lists {
    k: usize,
    lists: Vec<Mutex<Vec<(f32, usize)>>>,
    /// One for each direction, or none.
    floors: Vec<Floor>,
    /// The greater of the k-th best score so far and the least score that is needed, as bits; NaN until there are k rows.
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
                .map(|_| Mutex::new(Vec::with_capacity(k)))
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

    /// The greater of the k-th best score of direction `b` so far and the least score that is needed; NaN until there are k
    /// rows.
    pub fn bar(&self, b: usize) -> f32 {
        f32::from_bits(self.bars[b].load(Relaxed))
    }

    /// Whether every direction has a bar.
    pub fn full(&self) -> bool {
        self.full.load(Relaxed) == self.lists.len()
    }

    /// Offer a row, at most once, with its score, which must not be NaN.
    pub fn offer(&self, b: usize, score: f32, row: usize) {
        if score < self.bar(b) {
            return;
        }
        // A list behind a poisoned lock is still valid.
        let mut list = self.lists[b]
            .lock()
            .unwrap_or_else(|held| held.into_inner());
        let place = list.partition_point(|&held| topk::order(held, (score, row)).is_lt());
        if place == self.k {
            return;
        }
        let was_full = list.len() == self.k;
        list.truncate(self.k - 1);
        list.insert(place, (score, row));
        if let Some(&(bar, _)) = list.get(self.k - 1) {
            let needed = |floor: &Floor| list[0].0.min(floor.score) - floor.slack;
            // `max` ignores what is not a number.
            let bar = self
                .floors
                .get(b)
                .map_or(bar, |floor| bar.max(needed(floor)));
            self.bars[b].store(bar.to_bits(), Relaxed);
            self.full.fetch_add(usize::from(!was_full), Relaxed);
        }
    }

    /// B x k scores and rows.
    ///
    /// Panics unless every direction was offered at least k rows (a caller's mistake).
    pub fn finish(self) -> (Vec<f32>, Vec<usize>) {
        assert!(self.full(), "every list must hold k rows");
        let lists = self.lists.into_iter();
        lists
            .flat_map(|list| list.into_inner().unwrap_or_else(|held| held.into_inner()))
            .unzip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// With a floor the best row, all within the slack of it, and all of the k best that reach the floor are those of a full
        /// sort.
        #[test]
        fn what_is_needed_above_a_floor_is_there(
            values in prop::collection::vec(0u8..30, 9..80), k in 1usize..9, score in 0u8..30, slack in 0u8..5,
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
            expected.sort_by(|&a, &b| topk::order(a, b));
            let best = expected[0].0;
            let bar = best.min(floor.score) - floor.slack;
            if let Some(&(last, _)) = expected.get(k - 1) {
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
            values in prop::collection::vec(0u8..6, 1..80), k in 1usize..9, step in 1usize..83,
        ) {
            let k = k.min(values.len());
            let lists = Lists::new(1, k);
            // 83 is prime, so every step visits every row once.
            for row in (0..83).map(|place| place * step % 83).filter(|&row| row < values.len()) {
                prop_assert_eq!(lists.full(), !lists.bar(0).is_nan());
                lists.offer(0, f32::from(values[row]), row);
            }
            let mut expected: Vec<_> = values.iter().map(|&v| f32::from(v)).zip(0..).collect();
            expected.sort_by(|&a, &b| topk::order(a, b));
            expected.truncate(k);
            prop_assert_eq!(lists.bar(0), expected[k - 1].0);
            let (scores, rows) = lists.finish();
            prop_assert_eq!(scores.into_iter().zip(rows).collect::<Vec<_>>(), expected);
        }
    }
}
