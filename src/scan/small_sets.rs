//! Many small sets at once: what an engine may claim about them, and its caller has to prove.
//!
//! The question for each set of vectors is which of its prefixes have the origin in their hull. A device processes
//! thousands of sets together in f32 and answers with a direction behind which all vectors lie, or with vectors that
//! surround the origin. The caller trusts neither: it scores all vectors along the direction in f64, and solves for the
//! weights of the support in f64. No number that a device computed is part of a proof.

use crate::control::Control;
use crate::error::Result;

/// Sets of equal shape.
#[derive(Debug, Clone, Copy)]
pub struct Sets<'a> {
    pub d: usize,
    /// The number of vectors of each set.
    pub rows: usize,
    /// The sizes of the prefixes: ascending, from 1 to `rows`.
    pub sizes: &'a [u32],
    /// sets x d x rows, finite: column by column, each set scaled so that its longest vector is about 1.
    pub vectors: &'a [f32],
}

/// A claim about one prefix.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// All its vectors lie behind this direction (d numbers).
    Outside { direction: Vec<f32> },
    /// The origin is in the hull of these vectors.
    Inside { support: Vec<u32> },
    /// No claim.
    Open,
}

/// An engine that makes such claims.
pub trait Propose: Send + Sync {
    /// The most dimensions.
    fn most_dims(&self) -> usize;

    /// The most numbers in the `vectors` of one call.
    fn most_numbers(&self) -> usize;

    /// The most numbers in one set: a larger one would keep a single workgroup busy for too long.
    fn most_numbers_of_one(&self) -> usize;

    /// Claims about each set, one for each size, up to and including the first `Inside` or `Open`. `None` if the device
    /// failed, after a warning. Errors: [`crate::Error::Interrupted`].
    fn propose(&self, sets: &Sets<'_>, control: &Control) -> Result<Option<Vec<Vec<Claim>>>>;
}
