//! What may be done to pictures as they are decoded, each from its own size.

use super::Shape;
use std::fmt::Debug;

/// Brings every picture of a set to sizes that are the same for all.
pub trait Prepare: Debug + Send + Sync {
    /// Width and height of each image that is made of a picture of this width and height.
    ///
    /// Errors: a picture that does not fit.
    fn sizes(&self, width: usize, height: usize) -> Result<Vec<(usize, usize)>, Misfit>;

    /// These images one after the other, in numbers of the picture's own kind, native order.
    fn apply(&self, picture: &Pixels) -> Vec<u8>;
}

/// A decoded picture.
pub struct Pixels<'p> {
    pub shape: Shape,
    /// Of 8 bits a number, or of 16 in native order.
    pub bytes: &'p [u8],
    pub deep: bool,
}

/// Why a picture does not fit, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    pub what: String,
    pub advice: String,
}
