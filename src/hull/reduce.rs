//! Fewer vectors with the same weighted sum: at most as many as there are dimensions (Carathéodory).
//!
//! A basis is chosen among the vectors. Each other vector is a combination of the basis, `m = sum y_i m_i`, so its weight
//! can move to the basis until it is zero, or until a weight of the basis is: then the two change places. All other
//! combinations follow a change of the basis by one elimination, and they are computed anew after every [`BLOCK`] vectors.

use crate::linear;
use faer::Mat;

/// Vectors whose combinations are computed together.
const BLOCK: usize = 64;

/// Of vectors `rows(i)` of `size` numbers and positive weights: at most `size` of them, with positive weights whose
/// weighted sum is the same, up to rounding. `None` if the heaviest vectors do not span the space.
pub(super) fn reduce<'r>(
    size: usize,
    rows: impl Fn(usize) -> &'r [f32],
    weights: &[f64],
) -> Option<Vec<(usize, f64)>> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_unstable_by(|&i, &j| weights[j].total_cmp(&weights[i]).then(i.cmp(&j)));
    let mut others = order.split_off(size.min(order.len()));
    let mut basis = order;
    let mut kept: Vec<f64> = basis.iter().map(|&i| weights[i]).collect();
    while !others.is_empty() {
        let rest = others.split_off(BLOCK.min(others.len()));
        let matrix =
            |which: &[usize]| Mat::from_fn(size, which.len(), |i, j| f64::from(rows(which[j])[i]));
        let mut combinations = linear::solve(matrix(&basis), matrix(&others));
        for (j, &other) in others.iter().enumerate() {
            let one: Vec<f64> = combinations.col(j).iter().copied().collect();
            if !one.iter().all(|y| y.is_finite()) {
                return None;
            }
            let Some(place) = shift(&mut kept, &one, weights[other]) else {
                continue;
            };
            basis[place] = other;
            for k in j + 1..others.len() {
                let column = combinations.as_mut().col_mut(k).try_as_col_major_mut()?;
                let column = column.as_slice_mut();
                let share = column[place] / one[place];
                for (value, y) in column.iter_mut().zip(&one) {
                    *value -= share * y;
                }
                column[place] = share;
            }
        }
        others = rest;
    }
    let pairs = basis.into_iter().zip(kept);
    let positive: Vec<(usize, f64)> = pairs.filter(|(_, weight)| *weight > 0.0).collect();
    let finite = positive.iter().all(|(_, weight)| weight.is_finite());
    finite.then_some(positive)
}

/// Move a weight to the basis, by the vector's combination of it; the place in the basis that the vector takes if
/// a weight there vanishes first.
fn shift(kept: &mut [f64], combination: &[f64], weight: f64) -> Option<usize> {
    let (mut moved, mut place) = (weight, None);
    for (i, (kept, y)) in kept.iter().zip(combination).enumerate() {
        if *y < 0.0 && kept + moved * y < 0.0 {
            (moved, place) = (kept / -y, Some(i));
        }
    }
    for (kept, y) in kept.iter_mut().zip(combination) {
        *kept = (*kept + moved * y).max(0.0);
    }
    if let Some(place) = place {
        kept[place] = weight - moved;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// However many vectors there are, at most as many as dimensions are left, with the same weighted sum.
    #[test]
    fn fewer_vectors_have_the_same_sum() {
        let mut random = ChaCha8Rng::seed_from_u64(8);
        for (size, count) in [
            (1, 5),
            (3, 3),
            (3, 4),
            (5, 90),
            (20, 19),
            (20, 21),
            (33, 250),
        ] {
            let mut next = || random.random_range(-1.0f32..1.0);
            let rows: Vec<Vec<f32>> = (0..count)
                .map(|_| (0..size).map(|_| next()).collect())
                .collect();
            let weights: Vec<f64> = (0..count).map(|_| f64::from(next().abs()) + 1e-3).collect();
            let reduced = reduce(size, |i| &rows[i], &weights).unwrap();
            assert!(reduced.len() <= size, "{size} {count}");
            assert!(reduced.iter().all(|(_, weight)| *weight > 0.0));
            let all: Vec<(usize, f64)> = weights.iter().copied().enumerate().collect();
            let sum = |pairs: &[(usize, f64)], k: usize| -> f64 {
                pairs.iter().map(|&(i, u)| u * f64::from(rows[i][k])).sum()
            };
            for k in 0..size {
                let off = sum(&all, k) - sum(&reduced, k);
                assert!(off.abs() < 1e-9 * count as f64, "{size} {count}: {off}");
            }
            let mut places: Vec<usize> = reduced.iter().map(|pair| pair.0).collect();
            places.sort_unstable();
            places.dedup();
            assert_eq!(places.len(), reduced.len());
        }
    }

    #[test]
    fn vectors_that_do_not_span_the_space_are_refused() {
        let row = [1.0f32, 2.0, 3.0];
        assert!(reduce(3, |_| &row, &[1.0; 5]).is_none());
    }
}
