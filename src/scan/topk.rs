//! The k best of a stream under one total order: score descending, then row ascending.
//!
//! Every engine ranks by this order, so answers do not depend on how rows were split between threads, chunks
//! or devices. [`Best`] holds the running k best of B directions; rows must be offered in ascending order to
//! one `Best`, so that a later row with an equal score never displaces an earlier one.
//!
//! Every offered row counts. A score that is NaN, for example after an overflow, ranks above all others, and callers
//! examine that row again. A list of k rows therefore always holds k rows.

use std::cmp::Ordering;

/// A score type: f32 or f64.
pub trait Score: Copy + PartialOrd + Send + Sync + 'static {
    /// The initial bar: every score is above it.
    const NONE: Self;
    /// At or above every score.
    const HIGHEST: Self;
}

impl Score for f32 {
    const NONE: Self = f32::NAN;
    const HIGHEST: Self = f32::INFINITY;
}

impl Score for f64 {
    const NONE: Self = f64::NAN;
    const HIGHEST: Self = f64::INFINITY;
}

/// Whether a row with this score enters a list with this bar. True also if either is NaN.
#[inline(always)]
#[allow(clippy::neg_cmp_op_on_partial_ord)] // what cannot be compared must enter
pub fn enters<T: Score>(score: T, bar: T) -> bool {
    !(score <= bar)
}

/// Score descending, then row ascending. Scores must not be NaN.
pub fn order<T: Score>(a: (T, usize), b: (T, usize)) -> Ordering {
    b.0.partial_cmp(&a.0)
        .unwrap_or(Ordering::Equal)
        .then(a.1.cmp(&b.1))
}

/// The running k best rows of B directions.
#[derive(Debug, Clone)]
pub struct Best<T> {
    k: usize,
    /// How many rows each direction holds so far, at most k; later entries are unused.
    filled: Vec<usize>,
    /// The k-th best score of each direction so far; a row [`enters`] only if it scores above.
    bar: Vec<T>,
    scores: Vec<T>,
    rows: Vec<usize>,
}

/// Lists up to this length are shifted in a loop, which is faster than two calls of memmove.
const SHORT: usize = 64;

/// Shift the entries below `score` among the first `end` of a list by one place; returns the free place.
#[inline(always)]
fn make_room<T: Score>(scores: &mut [T], rows: &mut [usize], score: T, end: usize) -> usize {
    let mut place = end;
    while place > 0 && scores[place - 1] < score {
        scores[place] = scores[place - 1];
        rows[place] = rows[place - 1];
        place -= 1;
    }
    place
}

impl<T: Score> Best<T> {
    /// Empty lists for `directions` directions.
    pub fn new(directions: usize, k: usize) -> Self {
        Best::above(vec![T::NONE; directions], k)
    }

    /// Empty lists, one for each bar, that only rows with a score above the bar enter.
    pub fn above(bars: Vec<T>, k: usize) -> Self {
        let directions = bars.len();
        Best {
            k,
            filled: vec![0; directions],
            bar: bars,
            scores: vec![T::HIGHEST; directions * k],
            rows: vec![0; directions * k],
        }
    }

    /// The list of direction `b`: scores and rows, best first.
    pub fn of(&self, b: usize) -> (&[T], &[usize]) {
        let held = b * self.k..b * self.k + self.filled[b];
        (&self.scores[held.clone()], &self.rows[held])
    }

    /// For each direction, the score that a row must exceed to enter.
    pub fn bars(&self) -> &[T] {
        &self.bar
    }

    /// Offer a row that [`enters`] the list of direction `b`.
    #[allow(clippy::eq_op)] // what is not a number is not equal to itself
    pub fn offer(&mut self, b: usize, score: T, row: usize) {
        let score = if score == score { score } else { T::HIGHEST };
        let (start, filled) = (b * self.k, self.filled[b]);
        let scores = &mut self.scores[start..start + self.k];
        let rows = &mut self.rows[start..start + self.k];
        let full = filled == self.k;
        if full && scores[self.k - 1] >= score {
            // The score is NaN, and every score in the list ranks as high.
            return;
        }
        let end = if full { self.k - 1 } else { filled };
        let place = match self.k <= SHORT {
            true => make_room(scores, rows, score, end),
            false => {
                let place = scores[..end].partition_point(|&held| held >= score);
                scores.copy_within(place..end, place + 1);
                rows.copy_within(place..end, place + 1);
                place
            }
        };
        scores[place] = score;
        rows[place] = row;
        self.filled[b] = end + 1;
        if self.filled[b] == self.k {
            self.bar[b] = scores[self.k - 1];
        }
    }

    /// Merge the lists of disjoint row sets.
    pub fn merge(parts: Vec<Best<T>>) -> Best<T> {
        let mut parts = parts.into_iter();
        let Some(mut all) = parts.next() else {
            return Best::new(0, 0);
        };
        let (k, directions) = (all.k, all.bar.len());
        let mut pairs = Vec::with_capacity(2 * k);
        for part in parts {
            for b in 0..directions {
                pairs.clear();
                for (scores, rows) in [all.of(b), part.of(b)] {
                    pairs.extend(scores.iter().copied().zip(rows.iter().copied()));
                }
                pairs.sort_unstable_by(|&x, &y| order(x, y));
                pairs.truncate(k);
                all.filled[b] = pairs.len();
                for (slot, &(score, row)) in pairs.iter().enumerate() {
                    all.scores[b * k + slot] = score;
                    all.rows[b * k + slot] = row;
                }
            }
        }
        all
    }

    /// B x k scores and rows.
    ///
    /// Panics unless every direction was offered at least k rows (a caller's mistake).
    pub fn whole(self) -> (Vec<T>, Vec<usize>) {
        assert!(
            self.filled.iter().all(|&filled| filled == self.k),
            "every list must hold k rows"
        );
        (self.scores, self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn merged_parts_equal_a_full_sort(
            values in prop::collection::vec(0u8..6, 1..80), k in 1usize..9, parts in 1usize..5, bar in -1i8..6,
        ) {
            let bar = f32::from(bar);
            let mut bests = vec![Best::<f32>::above(vec![bar], k); parts];
            for (row, &value) in values.iter().enumerate() {
                let best = &mut bests[row * 7 % parts];
                if enters(f32::from(value), best.bars()[0]) {
                    best.offer(0, f32::from(value), row);
                }
            }
            let mut expected: Vec<_> = values.iter().map(|&v| f32::from(v)).zip(0..).collect();
            expected.retain(|&(score, _)| score > bar);
            expected.sort_by(|&a, &b| order(a, b));
            expected.truncate(k);
            let merged = Best::merge(bests);
            let (scores, rows) = merged.of(0);
            prop_assert_eq!(scores.iter().copied().zip(rows.iter().copied()).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn scores_that_are_no_numbers_come_first_and_the_lowest_are_not_lost() {
        let (none, low) = (f32::NAN, f32::NEG_INFINITY);
        let values = [low, 1.0, none, low, 2.0, none];
        for k in 1..=values.len() {
            let mut best = Best::<f32>::new(1, k);
            for (row, &value) in values.iter().enumerate() {
                if enters(value, best.bars()[0]) {
                    best.offer(0, value, row);
                }
            }
            let (_, rows) = Best::merge(vec![best]).whole();
            assert_eq!(rows, [2, 5, 4, 1, 0, 3][..k]);
        }
    }

    #[test]
    #[should_panic(expected = "every list must hold k rows")]
    fn a_list_that_is_not_full_is_not_given() {
        let mut best = Best::<f32>::new(1, 2);
        best.offer(0, 1.0, 7);
        Best::merge(vec![best]).whole();
    }
}
