//! The experiments of Balestriero, Pesenti and LeCun, "Learning in High Dimension Always Amounts to Extrapolation" (arXiv
//! 2110.09485): plans for the other studies, and the points of the figures.
//!
//! - [`fig1`]: the probability that a new sample is inside the hull of N others, against N, for three laws.
//! - [`images`]: the share of test images inside the hull of the training images, against dimension, in pixels and in
//!   the latent space of a network.
//! - [`hypercube`]: the vertices of a cube, each against the others, before and after a linear map.
//!
//! All rates here are of samples *inside*, as in the paper.

pub mod fig1;
pub mod hypercube;
pub mod images;

use super::compare::SpaceReport;
use super::rate::wilson95;
use super::theory;
use serde::{Deserialize, Serialize};

/// One point of a figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// `fig1`, `pixels`, `latents` or `fig5`.
    pub figure: String,
    /// The law or the data set.
    pub data: String,
    /// The curve that the point is on.
    pub series: String,
    /// The space as typed; empty for laws.
    pub space: String,
    pub d: u64,
    /// Dimension of the affine hull of the reference, the paper's d*.
    pub rank: Option<u64>,
    /// Reference rows.
    pub n: u64,
    /// Trials, or queries.
    pub trials: u64,
    pub inside: u64,
    pub undecided: u64,
    /// inside / trials.
    pub rate: f64,
    /// Wilson's 95 % interval.
    pub interval95: [f64; 2],
    /// The exact probability; for data sets, that for Gaussian rows of the same N and rank.
    pub theory: Option<f64>,
}

impl Point {
    /// The point of a space's report.
    fn of(figure: &str, data: &str, series: &str, report: &SpaceReport) -> Self {
        let hull = &report.notions[0].rate;
        let inside = hull.queries - hull.outside - hull.undecided;
        Point {
            figure: figure.into(),
            data: data.into(),
            series: series.into(),
            space: report.space.clone(),
            d: report.d,
            rank: report.rank,
            n: report.n_reference,
            trials: hull.queries,
            inside,
            undecided: hull.undecided,
            rate: inside as f64 / hull.queries.max(1) as f64,
            interval95: wilson95(inside, hull.queries),
            theory: report
                .rank
                // A reference of rank 0 is a single point, for which there is no null model.
                .filter(|rank| *rank > 0)
                .map(|rank| theory::absorption(report.n_reference, rank, 1.0).inside),
        }
    }
}

/// The dimension at which a curve first falls to one half, interpolated linearly in log d.
pub fn dimension_of_half(points: &[&Point]) -> Option<f64> {
    let mut points = points.to_vec();
    points.sort_by_key(|point| point.d);
    points.windows(2).find_map(|pair| {
        let (above, below) = (pair[0].rate - 0.5, pair[1].rate - 0.5);
        let (from, to) = ((pair[0].d as f64).ln(), (pair[1].d as f64).ln());
        (above > 0.0 && below <= 0.0).then(|| (from + (to - from) * above / (above - below)).exp())
    })
}
