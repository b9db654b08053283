//! Errors about configs that say how images are prepared.

use crate::error::{Error, Place, Result};

/// The error for a config that cannot be followed.
pub fn refused(name: &str, what: &str) -> Error {
    Error::input(
        name,
        Place::Whole,
        format!("how images are prepared cannot be taken from it: {what}"),
        "say it yourself: preset=none with resize=, crop=, filter=, mean= and std=",
    )
}

/// The side of an image from the config `name`, in pixels. Errors: a side that is out of range.
pub fn pixels(name: &str, side: u64) -> Result<usize> {
    let longest = crate::rows::images::LONGEST;
    match usize::try_from(side) {
        Ok(side) if (1..=longest).contains(&side) => Ok(side),
        _ => Err(refused(
            name,
            &format!("a side is not of 1 to {longest} pixels"),
        )),
    }
}
