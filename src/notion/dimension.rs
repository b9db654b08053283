//! Intrinsic dimension of a reference set: the number of dimensions that its rows fill locally, whatever the columns.
//!
//! ```text
//! TwoNN:  -ln(1 - F(mu)) = D ln mu,       mu = r_2 / r_1 of each row, F its empirical distribution; a line through 0, the
//!                                         largest tenth of mu left out (Facco et al., Scientific Reports 7, 2017)
//! MLE:    1 / D = mean over rows of 1/(k-1) sum_j<k ln(r_k / r_j),      k = 20
//!                                         (Levina and Bickel, NIPS 2004; averaged as MacKay and Ghahramani 2005)
//! ```
//!
//! Distances are Euclidean; r_j is that to the j-th nearest row with another value: equal rows count once, because
//! distances of 0 have no ratio. The estimates equal those of scikit-dimension 0.5.0 for the distinct rows, from all of
//! them or a seeded sample.

use super::metric::{Metric, Near};
use super::neighbours::Neighbours;
use super::sample;
use crate::control::Control;
use crate::error::Result;
use crate::rows::Rows;
use crate::scan::Scan;

/// The number of nearest rows used.
pub const NEIGHBOURS: usize = 20;

/// The most rows whose neighbours are used.
const SAMPLE: usize = 2_000;

/// The most numbers of these rows in one search.
const PART: usize = 1 << 22;

/// The share of TwoNN's ratios that is left out, the largest ones.
const DISCARDED: f64 = 0.1;

/// Estimates of the intrinsic dimension; `None` if there are too few distinct rows, or all distances are equal.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Dimension {
    pub two_nn: Option<f64>,
    pub mle: Option<f64>,
    /// The number of rows whose neighbours were used.
    pub sample: usize,
}

impl Dimension {
    /// The estimates from the distinct rows of a set and a scan of them.
    ///
    /// Errors: rows that can no longer be read, and [`crate::Error::Interrupted`].
    pub fn of(distinct: &dyn Rows, scan: &dyn Scan, seed: u64, control: &Control) -> Result<Self> {
        let search = Neighbours::new(distinct, scan, Metric::Euclidean);
        let sample = sample(distinct.len(), SAMPLE, seed);
        let mut distances = Vec::with_capacity(sample.len());
        for part in sample.chunks((PART / distinct.dim()).max(1)) {
            let near = search.others(part, NEIGHBOURS, control)?;
            let each = near.iter().map(|near| near.iter().map(|near| near.1));
            distances.extend(each.map(Iterator::collect));
        }
        Ok(Dimension::of_distances(&distances))
    }

    /// The estimates from rows of a set without repeats, each with its [`NEIGHBOURS`] or more nearest other rows.
    pub fn of_nearest(own: &[(usize, Vec<Near>)]) -> Self {
        let each = own.iter().map(|(_, near)| {
            let near = near.iter().take(NEIGHBOURS);
            near.map(|near| near.1).collect()
        });
        Dimension::of_distances(&each.collect::<Vec<_>>())
    }

    fn of_distances(distances: &[Vec<f64>]) -> Self {
        Dimension {
            two_nn: two_nn(distances),
            mle: mle(distances),
            sample: distances.len(),
        }
    }
}

/// TwoNN from the distances of each row to its nearest others, nearest first.
fn two_nn(distances: &[Vec<f64>]) -> Option<f64> {
    let ratio = |near: &Vec<f64>| Some(near.get(1)? / near.first()?);
    let mut ratios: Vec<f64> = distances.iter().filter_map(ratio).collect();
    ratios.retain(|ratio| ratio.is_finite());
    ratios.sort_unstable_by(f64::total_cmp);
    let all = ratios.len() as f64;
    let kept = (all * (1.0 - DISCARDED)) as usize;
    if kept < 2 {
        return None;
    }
    let (mut both, mut square) = (0.0, 0.0);
    for (place, ratio) in ratios[..kept].iter().enumerate() {
        let x = ratio.ln();
        both -= x * (-((place + 1) as f64) / all).ln_1p();
        square += x * x;
    }
    finite(both / square)
}

/// The maximum likelihood estimate from the same distances.
fn mle(distances: &[Vec<f64>]) -> Option<f64> {
    let inverse = |near: &Vec<f64>| {
        let last = *near.last()?;
        let sum: f64 = near.iter().map(|distance| (last / distance).ln()).sum();
        Some(sum / (near.len() as f64 - 1.0)).filter(|inverse| inverse.is_finite())
    };
    let inverses: Vec<f64> = distances.iter().filter_map(inverse).collect();
    finite(inverses.len() as f64 / inverses.iter().sum::<f64>())
}

fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::waves;
    use super::*;
    use crate::rows::{Memory, synthetic};
    use crate::scan::CpuScan;

    fn of(rows: &dyn Rows) -> Dimension {
        let control = Control::default();
        let scan = CpuScan::new(rows, &control).unwrap();
        Dimension::of(rows, &scan, 0, &control).unwrap()
    }

    /// scikit-dimension 0.5.0 (benches/peers/notions.py): TwoNN(discard_fraction=0.1) and MLE, 20 neighbours.
    #[test]
    fn estimates_are_those_of_scikit_dimension() {
        let found = of(&Memory::from_f64("rows", 5, waves(0, 300, 5)));
        assert!(
            (found.two_nn.unwrap() - 1.1049532840143064).abs() < 1e-9,
            "{found:?}"
        );
        assert!(
            (found.mle.unwrap() - 1.2895934935794424).abs() < 1e-9,
            "{found:?}"
        );
        assert_eq!(found.sample, 300);
    }

    #[test]
    fn gaussian_rows_fill_their_dimension() {
        let found = of(&synthetic::gaussian(3000, 4, 5));
        for estimate in [found.two_nn.unwrap(), found.mle.unwrap()] {
            assert!((3.4..4.4).contains(&estimate), "{found:?}");
        }
        assert_eq!(found.sample, SAMPLE);
    }

    #[test]
    fn too_few_rows_have_none() {
        let one = of(&Memory::from_f64("one", 2, vec![1.0, 2.0]));
        assert_eq!((one.two_nn, one.mle), (None, None));
        let two = of(&Memory::from_f64("two", 2, vec![1.0, 2.0, 3.0, 4.0]));
        assert_eq!((two.two_nn, two.mle), (None, None));
        let even = Memory::from_f64("corners", 2, vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
        assert_eq!(of(&even).two_nn, None);
    }
}
