//! Stub.
pub struct Residual {
    pub per_column: Vec<f64>,
    pub length: f64,
}
pub enum Combination {
    Proved { weights: Vec<f64> },
    OffAffineHull,
    Unproved { lower: Vec<f64>, upper: Vec<f64> },
    TooLarge,
}
pub fn combination(_p: &[f64], _q: &[f64]) -> Combination {
    Combination::OffAffineHull
}
pub fn residual(_p: &[f64], _w: &[f64], q: &[f64]) -> Residual {
    Residual {
        per_column: vec![0.0; q.len()],
        length: 0.0,
    }
}
