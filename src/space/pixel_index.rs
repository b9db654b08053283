//! The index of a pixel's channel in a row that is an image.

use crate::rows::images::Shape;

/// The index of a pixel's channel in its row.
pub fn index(shape: Shape, y: usize, x: usize, c: usize) -> usize {
    if shape.planar {
        (c * shape.height + y) * shape.width + x
    } else {
        (y * shape.width + x) * shape.channels + c
    }
}
