//! The nearest-neighbour ball: a query extrapolates when its nearest reference row is farther than is usual among the
//! reference rows themselves.
//!
//! ```text
//! outside  when  r_1(q) > t,      t = the 95 % quantile of the leave-one-out r_1 of reference rows
//! ```
//!
//! By this scale one new point in twenty of the same law is outside, whatever the dimension.

/// The share of reference rows that are inside by their own measure.
pub const SHARE: f64 = 0.95;

/// The ball's radius around every reference row.
#[derive(Debug, Clone, Copy)]
pub struct Ball {
    pub radius: f64,
}

impl Ball {
    /// Whether a query whose nearest reference row is at this distance is outside every ball.
    pub fn outside(&self, nearest: f64) -> bool {
        nearest > self.radius
    }
}
