//! The output of a network for a batch of images.

/// An output tensor for a batch.
pub struct BatchTensor {
    /// The lengths of its axes, without the batch axis.
    pub axes: Vec<usize>,
    pub values: Vec<f32>,
}
