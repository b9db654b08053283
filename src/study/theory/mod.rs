//! Exact results about hulls of random points: they check the experiments, and are the null model of comparisons.
//!
//! - [`absorption`]: Gaussian rows, Gaussian query (Kabluchko and Zaporozhets 2020; theorem 4 of arXiv 2110.09485).
//! - [`wendel`]: rows symmetric about the query (Wendel 1962).
//! - [`expected_vertices`]: how many rows are vertices of their hull (Efron 1965).
//! - [`effective_dimension`]: at which dimension Gaussian rows would give a measured rate.
//! - [`barany_furedi`], [`hypercube_extreme`]: a threshold for points in a ball, and the extreme vertices of a mapped cube.

mod gaussian;
mod special;

pub use gaussian::absorption;

use special::ln_fair_binomial;

/// Two probabilities whose sum is 1, each with full relative precision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Absorption {
    pub inside: f64,
    pub outside: f64,
}

impl Absorption {
    const NEVER: Absorption = Absorption {
        inside: 0.0,
        outside: 1.0,
    };
    const ALWAYS: Absorption = Absorption {
        inside: 1.0,
        outside: 0.0,
    };

    fn from_inside(inside: f64) -> Self {
        Absorption {
            inside,
            outside: 1.0 - inside,
        }
    }

    fn from_outside(outside: f64) -> Self {
        Absorption {
            inside: 1.0 - outside,
            outside,
        }
    }
}

/// The Gaussian null model: the extrapolation rate of a Gaussian query among `n` Gaussian rows of affine rank `rank`.
pub fn null_rate(n: u64, rank: u64) -> f64 {
    absorption(n, rank, 1.0).outside
}

/// The share inside of Gaussian queries among `n` Gaussian rows, by rank from `low` to `high`.
pub fn absorption_curve(n: u64, low: u64, high: u64) -> Vec<(f64, f64)> {
    let mut curve = Vec::new();
    let mut rank = low;
    while rank <= high {
        let inside = absorption(n, rank, 1.0).inside;
        curve.push((rank as f64, inside));
        // Where the share is nearly 0, one more point completes the curve.
        rank += if inside < 1e-6 {
            (high - rank).max(1)
        } else {
            1
        };
    }
    curve
}

/// The origin among n points of any law that is symmetric about it, of which any d are independent:
/// `P(inside) = 1 - 2^-(n-1) sum_{k<d} C(n-1, k)` (Wendel 1962); exactly 1/2 at n = 2d.
pub fn wendel(n: u64, d: u64) -> Absorption {
    if n <= d {
        return Absorption::NEVER;
    }
    if d == 0 {
        return Absorption::ALWAYS;
    }
    // The terms decrease away from the middle, so the smaller side is summed outwards.
    let term = |k: u64| ln_fair_binomial(n - 1, k).exp();
    if 2 * d <= n {
        Absorption::from_outside(shrinking((0..d).rev().map(term)))
    } else {
        Absorption::from_inside(shrinking((d..n).map(term)))
    }
}

/// The sum of ever faster decreasing terms, up to those that no longer change it.
fn shrinking(terms: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut before) = (0.0, 0.0);
    for term in terms {
        sum += term;
        // The remaining terms are less than a geometric series with the ratio of the last two.
        let ratio = term / before;
        if ratio < 1.0 && term * ratio / (1.0 - ratio) < 1e-17 * sum || term == 0.0 {
            break;
        }
        before = term;
    }
    sum
}

/// The expected number of vertices of the hull of `points` independent Gaussian points in d dimensions: a point is a vertex
/// if it is outside the hull of the others (Efron 1965).
pub fn expected_vertices(points: u64, d: u64) -> f64 {
    if points == 0 {
        return 0.0;
    }
    points as f64 * absorption(points - 1, d, 1.0).outside
}

/// The least N at which a Gaussian query is inside with probability one half or more.
pub fn first_n_half(d: u64) -> u64 {
    let half = |n: u64| absorption(n, d, 1.0).inside >= 0.5;
    let mut high = d + 1;
    while !half(high) {
        high *= 2;
    }
    let mut low = high / 2;
    while high - low > 1 {
        let middle = low.midpoint(high);
        if half(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

/// The effective hull dimension: the d at which the Gaussian null model with n rows has the extrapolation rate `rate`.
///
/// Between whole dimensions the log odds are interpolated linearly. Below d = 1, where the null rate is 2/(n+1), the rate
/// itself is interpolated, to 0 at d = 0. `None` for a rate of 0 or 1, which no dimension has, and for fewer than two rows.
pub fn effective_dimension(n: u64, rate: f64) -> Option<f64> {
    if n < 2 || !(rate > 0.0 && rate < 1.0) {
        return None;
    }
    let null = |d: u64| null_rate(n, d);
    if rate <= null(1) {
        return Some(rate / null(1));
    }
    let mut low = 1;
    let mut high = 2;
    while null(high) < rate {
        low = high;
        high = (2 * high).min(n);
    }
    while high - low > 1 {
        let middle = low.midpoint(high);
        if null(middle) < rate {
            low = middle;
        } else {
            high = middle;
        }
    }
    let log_odds = |d: u64| {
        let found = absorption(n, d, 1.0);
        found.outside.ln() - found.inside.max(f64::MIN_POSITIVE).ln()
    };
    let (below, above) = (log_odds(low), log_odds(high));
    let wanted = (rate / (1.0 - rate)).ln();
    Some(low as f64 + (wanted - below) / (above - below))
}

/// `2^(d/2) / d`: of fewer uniform points in a ball none is likely to be inside the hull of the others (Bárány and Füredi
/// 1988, theorem 1 of the paper). This is about all points at once. The other half of the paper's theorem, that beyond this
/// number a single new point is almost surely inside, does not hold: at d = 20 and N = 10,000, two hundred times the
/// threshold, none of 40 new points was inside.
pub fn barany_furedi(d: u64) -> f64 {
    (0.5 * d as f64).exp2() / d as f64
}

/// How many of the 2^d vertices of a cube are extreme after a generic linear map to k dimensions:
/// `2 sum_{i<k} C(d-1, i)`, the number of vertices of a zonotope of d generic segments; `None` beyond 64 bits.
pub fn hypercube_extreme(d: u64, k: u64) -> Option<u64> {
    let (mut binomial, mut sum) = (1u64, 0u64);
    for i in 0..k.min(d) {
        sum = sum.checked_add(binomial)?;
        binomial = binomial.checked_mul(d - 1 - i)? / (i + 1);
    }
    sum.checked_mul(2)
}

#[cfg(test)]
mod tests;
