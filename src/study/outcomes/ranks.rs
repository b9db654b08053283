//! Sorting and ranking of numbers with ties: equal numbers form a group and share its mean rank.

use std::ops::Range;

/// Numbers in ascending order, in groups of equal ones. Numbers must not be NaN; 0 and -0 are equal.
pub(super) struct Order {
    /// Indices into the sorted slice.
    pub places: Vec<usize>,
    /// The range of each group of equal numbers in `places`, in ascending order.
    pub groups: Vec<Range<usize>>,
}

impl Order {
    pub fn of(values: &[f64]) -> Self {
        let mut places: Vec<usize> = (0..values.len()).collect();
        // Adding 0 turns -0 into 0.
        places.sort_unstable_by(|&a, &b| (values[a] + 0.0).total_cmp(&(values[b] + 0.0)));
        let mut groups: Vec<Range<usize>> = Vec::new();
        for (at, &place) in places.iter().enumerate() {
            match groups.last_mut() {
                Some(group) if values[places[group.start]] == values[place] => group.end = at + 1,
                _ => groups.push(at..at + 1),
            }
        }
        Order { places, groups }
    }

    /// Whether all numbers are equal.
    pub fn constant(&self) -> bool {
        self.groups.len() < 2
    }

    /// The rank of every number from 1; equal numbers have the mean of their ranks.
    pub fn midranks(&self) -> Vec<f64> {
        let mut ranks = vec![0.0; self.places.len()];
        for group in &self.groups {
            for &place in &self.places[group.clone()] {
                ranks[place] = (group.start + group.end + 1) as f64 / 2.0;
            }
        }
        ranks
    }
}

/// The ranks of [`Order::midranks`].
pub(super) fn midranks(values: &[f64]) -> Vec<f64> {
    Order::of(values).midranks()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_share_a_rank() {
        let values = [2.0, 0.0, 5.0, -0.0, 2.0, f64::INFINITY, 2.0];
        assert_eq!(midranks(&values), [4.0, 1.5, 6.0, 1.5, 4.0, 7.0, 4.0]);
        let order = Order::of(&values);
        assert_eq!(order.groups, [0..2, 2..5, 5..6, 6..7]);
        assert!(!order.constant() && Order::of(&[0.0, -0.0]).constant());
        assert!(midranks(&[]).is_empty());
    }
}
