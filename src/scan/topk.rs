//! The k best of a stream under one total order: score descending, then row ascending.
//!
//! Every engine ranks by this order, so answers do not depend on how rows were split between threads, chunks
//! or devices. [`Best`] holds the running k best of B directions; rows must be offered in ascending order to
//! one `Best`, because a row whose score equals the bar does not enter.
//!
//! A long list ([`Running`]) is not kept in order: it takes in some more than k rows before it is cut to the k best, which costs
//! less than finding each row's place. A score and its row are one integer there, which is greater for the row that ranks first.
//!
//! Every offered row counts. A score that is NaN, for example after an overflow, ranks above all others, and callers
//! examine that row again. A list of k rows therefore always holds k rows.

use rayon::prelude::*;
use std::cmp::Ordering;
use std::ops::Range;

/// A score type: f32 or f64.
pub trait Score: Copy + PartialOrd + Send + Sync + 'static {
    /// The initial bar: every score is above it.
    const NONE: Self;
    /// At or above every score.
    const HIGHEST: Self;
    /// An integer in the order of the scores, the same for -0 and 0. The score must not be NaN.
    fn rank(self) -> u64;
    /// The score of a rank.
    fn of_rank(rank: u64) -> Self;
}

/// The bits of a number, flipped so that their order is that of the numbers.
macro_rules! score {
    ($float:ty, $bits:ty) => {
        impl Score for $float {
            const NONE: Self = <$float>::NAN;
            const HIGHEST: Self = <$float>::INFINITY;

            #[inline(always)]
            fn rank(self) -> u64 {
                // The sum with 0 is 0 for -0 too.
                let bits = (self + 0.0).to_bits();
                let sign = 1 << (<$bits>::BITS - 1);
                u64::from(if bits & sign == 0 { bits | sign } else { !bits })
            }

            fn of_rank(rank: u64) -> Self {
                let (rank, sign) = (rank as $bits, 1 << (<$bits>::BITS - 1));
                <$float>::from_bits(if rank & sign == 0 { !rank } else { rank ^ sign })
            }
        }
    };
}

score!(f32, u32);
score!(f64, u64);

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

/// Lists of so many rows are kept in order: their bars are then never late, and finding the place costs little.
const SHORT: usize = 16;

/// A longer list takes in k more rows, but no more than so many, before it is cut to the k best.
const MOST_MORE: usize = 96;

/// The running k best rows of one direction, and some that are no longer among them.
#[derive(Debug, Clone, Default)]
pub struct Running {
    /// Rank and row of each; in order only if the list is short.
    held: Vec<u128>,
}

impl Running {
    /// The most rows that a list of the k best holds.
    pub fn most(k: usize) -> usize {
        if k <= SHORT { k } else { k + k.min(MOST_MORE) }
    }

    /// Add a row; its score must not be NaN. Returns the k-th best score so far where it is known again: in a short list whenever a
    /// row enters the k best, in a longer one once k rows are here and whenever it is cut.
    #[inline]
    pub fn add<T: Score>(&mut self, score: T, row: usize, k: usize) -> Option<T> {
        let held = (u128::from(score.rank()) << 64) | u128::from(!(row as u64));
        let most = Self::most(k);
        if self.held.is_empty() {
            self.held.reserve_exact(most);
        }
        if k <= SHORT {
            return self.insert(held, k);
        }
        self.held.push(held);
        (self.held.len() == k || self.held.len() == most).then(|| self.cut(k))
    }

    /// Add a row to a list in order.
    #[inline]
    fn insert<T: Score>(&mut self, row: u128, k: usize) -> Option<T> {
        let better = self.held.iter().take_while(|&&held| held > row).count();
        if better == k {
            return None;
        }
        self.held.truncate(k - 1);
        self.held.insert(better, row);
        (self.held.len() == k).then(|| T::of_rank((self.held[k - 1] >> 64) as u64))
    }

    /// Keep the k best of more rows; returns the score of the last, if there are more.
    pub fn settle<T: Score>(&mut self, k: usize) -> Option<T> {
        (self.held.len() > k && k > 0).then(|| self.cut(k))
    }

    /// Keep the k best, of which there must be as many; returns the score of the last.
    fn cut<T: Score>(&mut self, k: usize) -> T {
        let (_, last, _) = self.held.select_nth_unstable_by(k - 1, |a, b| b.cmp(a));
        let last = *last;
        self.held.truncate(k);
        T::of_rank((last >> 64) as u64)
    }

    /// The k best, or all if they are fewer, best first.
    pub fn ranked<T: Score>(mut self, k: usize) -> Vec<(T, usize)> {
        self.settle::<T>(k);
        self.held.sort_unstable_by(|a, b| b.cmp(a));
        let best = self.held.into_iter().take(k);
        best.map(|held| (T::of_rank((held >> 64) as u64), !(held as u64) as usize))
            .collect()
    }
}

/// The running k best rows of B directions.
#[derive(Debug, Clone)]
pub struct Best<T> {
    k: usize,
    lists: Vec<Running>,
    /// A score that a row must exceed to be among the k best of each direction; a row [`enters`] only if it does.
    bar: Vec<T>,
}

impl<T: Score> Best<T> {
    /// Empty lists for `directions` directions.
    pub fn new(directions: usize, k: usize) -> Self {
        Best::above(vec![T::NONE; directions], k)
    }

    /// Empty lists, one for each bar, that only rows with a score above the bar enter.
    pub fn above(bars: Vec<T>, k: usize) -> Self {
        Best {
            k,
            lists: vec![Running::default(); bars.len()],
            bar: bars,
        }
    }

    /// For each direction, the score that a row must exceed to enter.
    pub fn bars(&self) -> &[T] {
        &self.bar
    }

    /// Offer a row that [`enters`] the list of direction `b`.
    #[inline]
    #[allow(clippy::eq_op)] // what is not a number is not equal to itself
    pub fn offer(&mut self, b: usize, score: T, row: usize) {
        let score = if score == score { score } else { T::HIGHEST };
        if let Some(bar) = self.lists[b].add(score, row, self.k) {
            self.bar[b] = bar;
        }
    }

    /// The lists of some of the directions.
    pub fn part(&self, directions: Range<usize>) -> Self {
        Best {
            k: self.k,
            lists: self.lists[directions.clone()].to_vec(),
            bar: self.bar[directions].to_vec(),
        }
    }

    /// The lists of all directions, from those of consecutive parts.
    pub fn joined(parts: Vec<Best<T>>) -> Self {
        let mut parts = parts.into_iter();
        let mut all = parts.next().unwrap_or_else(|| Best::new(0, 0));
        for mut part in parts {
            all.lists.append(&mut part.lists);
            all.bar.append(&mut part.bar);
        }
        all
    }

    /// Merge the lists of disjoint row sets. Nothing may be offered afterwards.
    pub fn merge(parts: Vec<Best<T>>) -> Best<T> {
        let mut parts = parts.into_iter();
        let Some(mut all) = parts.next() else {
            return Best::new(0, 0);
        };
        let k = all.k;
        for part in parts {
            for (list, mut more) in all.lists.iter_mut().zip(part.lists) {
                list.held.append(&mut more.held);
                list.settle::<T>(k);
            }
        }
        all
    }

    /// The k best rows of each direction with their scores, best first; fewer if fewer entered.
    pub fn lists(self) -> Vec<Vec<(T, usize)>> {
        let k = self.k;
        let lists = self.lists.into_par_iter();
        lists.map(|list| list.ranked(k)).collect()
    }

    /// B x k scores and rows.
    ///
    /// Panics unless every direction was offered at least k rows (a caller's mistake).
    pub fn whole(self) -> (Vec<T>, Vec<usize>) {
        let k = self.k;
        let lists = self.lists();
        assert!(
            lists.iter().all(|list| list.len() == k),
            "every list must hold k rows"
        );
        lists.into_iter().flatten().unzip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn merged_parts_equal_a_full_sort(
            values in prop::collection::vec(0u8..6, 1..200), k in 1usize..30, parts in 1usize..5, bar in -1i8..6,
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
            prop_assert_eq!(merged.lists(), vec![expected]);
        }
    }

    #[test]
    fn ranks_have_the_order_of_scores() {
        let scores = [
            f64::NEG_INFINITY,
            -1e300,
            -1.0,
            -1e-310,
            0.0,
            1e-310,
            1.0,
            1e300,
            f64::INFINITY,
        ];
        assert!(scores.is_sorted_by_key(|score| score.rank()));
        assert!(scores.is_sorted_by_key(|&score| (score as f32).rank()));
        assert!((-0.0f64).rank() == 0f64.rank() && (-0.0f32).rank() == 0f32.rank());
        for score in scores {
            assert_eq!(f64::of_rank(score.rank()), score);
            assert_eq!(f32::of_rank((score as f32).rank()), score as f32);
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
