//! The k best of a stream under one total order: score descending, then row ascending.
//!
//! Every engine ranks by this order, so answers do not depend on how rows were split between threads, chunks
//! or devices. [`Best`] holds the running k best of B directions; rows must be offered in ascending order to
//! one `Best`, so that a later row with an equal score never displaces an earlier one.

use std::cmp::Ordering;

/// A score type: f32 or f64.
pub trait Score: Copy + PartialOrd + Send + Sync + 'static {
    /// Below every score.
    const LOWEST: Self;
}

impl Score for f32 {
    const LOWEST: Self = f32::NEG_INFINITY;
}

impl Score for f64 {
    const LOWEST: Self = f64::NEG_INFINITY;
}

/// Score descending, then row ascending. Scores are finite.
pub fn order<T: Score>(a: (T, usize), b: (T, usize)) -> Ordering {
    b.0.partial_cmp(&a.0)
        .unwrap_or(Ordering::Equal)
        .then(a.1.cmp(&b.1))
}

/// The running k best rows of B directions.
#[derive(Debug, Clone)]
pub struct Best<T> {
    k: usize,
    filled: Vec<usize>,
    /// The k-th best score of each direction so far; a row enters only if it scores above.
    bar: Vec<T>,
    scores: Vec<T>,
    rows: Vec<usize>,
}

impl<T: Score> Best<T> {
    /// Nothing seen yet, of `directions` directions.
    pub fn new(directions: usize, k: usize) -> Self {
        Best {
            k,
            filled: vec![0; directions],
            bar: vec![T::LOWEST; directions],
            scores: vec![T::LOWEST; directions * k],
            rows: vec![usize::MAX; directions * k],
        }
    }

    /// The scores that a row must exceed to enter, a direction each.
    pub fn bars(&self) -> &[T] {
        &self.bar
    }

    /// Offer a row that exceeds the bar of direction `b`.
    pub fn offer(&mut self, b: usize, score: T, row: usize) {
        let (start, filled) = (b * self.k, self.filled[b]);
        let scores = &mut self.scores[start..start + self.k];
        let rows = &mut self.rows[start..start + self.k];
        let place = scores[..filled].partition_point(|&held| held >= score);
        let end = if filled < self.k { filled } else { self.k - 1 };
        scores.copy_within(place..end, place + 1);
        rows.copy_within(place..end, place + 1);
        scores[place] = score;
        rows[place] = row;
        self.filled[b] = end + 1;
        if self.filled[b] == self.k {
            self.bar[b] = scores[self.k - 1];
        }
    }

    /// Join the bests of disjoint row sets: (B x k scores, B x k rows), all of them filled.
    pub fn merge(parts: Vec<Best<T>>) -> (Vec<T>, Vec<usize>) {
        let mut parts = parts.into_iter();
        let Some(mut all) = parts.next() else {
            return (Vec::new(), Vec::new());
        };
        let (k, directions) = (all.k, all.bar.len());
        let mut pairs = Vec::with_capacity(2 * k);
        for part in parts {
            for b in 0..directions {
                pairs.clear();
                for side in [&all, &part] {
                    let range = b * k..b * k + side.filled[b];
                    pairs.extend(
                        side.scores[range.clone()]
                            .iter()
                            .copied()
                            .zip(side.rows[range].iter().copied()),
                    );
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
        (all.scores, all.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn merged_parts_equal_a_full_sort(
            values in prop::collection::vec(0u8..6, 1..80), k in 1usize..9, parts in 1usize..5,
        ) {
            let k = k.min(values.len());
            let mut bests = vec![Best::<f32>::new(1, k); parts];
            for (row, &value) in values.iter().enumerate() {
                let best = &mut bests[row * 7 % parts];
                if f32::from(value) > best.bars()[0] {
                    best.offer(0, f32::from(value), row);
                }
            }
            let mut expected: Vec<_> = values.iter().map(|&v| f32::from(v)).zip(0..).collect();
            expected.sort_by(|&a, &b| order(a, b));
            expected.truncate(k);
            let (scores, rows) = Best::merge(bests);
            prop_assert_eq!(scores.into_iter().zip(rows).collect::<Vec<_>>(), expected);
        }
    }
}
