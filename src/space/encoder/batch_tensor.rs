//! What a network makes of a batch of images.

/// A tensor of a batch.
pub struct BatchTensor {
    /// Lengths of its axes, without the batch.
    pub axes: Vec<usize>,
    pub values: Vec<f32>,
}
