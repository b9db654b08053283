//! The metrics of nearest rows, and what a search states.

/// The metric in which rows are near.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    clap::ValueEnum,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// |x - q|.
    #[default]
    Euclidean,
    /// 1 - cos(x, q); a zero vector has cosine 0 with everything.
    Cosine,
    /// -<x, q>.
    Dot,
}

/// A nearest reference row: its index in the reference, and its distance in the metric, rounded to f64 (infinite if it
/// overflows).
pub type Near = (usize, f64);
