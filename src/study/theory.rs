//! Stub until the numerics land.
pub fn null_rate(_n: u64, _d: u64) -> f64 {
    0.5
}
pub fn effective_dimension(_n: u64, _rate: f64) -> Option<f64> {
    None
}
