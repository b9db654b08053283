//! The trait for image preparation while decoding, applied to each image at its own size.

use super::Shape;
use std::fmt::Debug;

/// Converts every image of a set to the same list of sizes.
pub trait Prepare: Debug + Send + Sync {
    /// The width and height of each output for an image of this width and height.
    ///
    /// Errors: an image that cannot be converted.
    fn sizes(&self, width: usize, height: usize) -> Result<Vec<(usize, usize)>, Misfit>;

    /// The outputs one after the other, with the bit depth of the image, in native byte order.
    fn apply(&self, picture: &Pixels) -> Vec<u8>;
}

/// The pixels of a decoded image.
pub struct Pixels<'p> {
    pub shape: Shape,
    /// Values of 8 bits, or of 16 in native byte order.
    pub bytes: &'p [u8],
    pub deep: bool,
}

/// Why an image cannot be converted, and what the user can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    pub what: String,
    pub advice: String,
}
