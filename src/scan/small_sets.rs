//! Many small sets at once: what an engine may claim about them, for its caller to prove.
//!
//! Of each set of vectors one asks for which of its prefixes the origin is in the hull. A device that goes through
//! thousands of them together in f32 answers with a direction, behind which all vectors lie, or with the vectors that
//! surround the origin. The caller believes neither: it scores all vectors along the direction in f64, and solves for the
//! weights of the support in f64. No number that a device computed is part of a proof.

use crate::control::Control;
use crate::error::Result;

/// Sets of the same shape.
#[derive(Debug, Clone, Copy)]
pub struct Sets<'a> {
    pub d: usize,
    /// Vectors of each set.
    pub rows: usize,
    /// Prefixes to ask about: ascending, from 1 to `rows`.
    pub sizes: &'a [u32],
    /// sets x d x rows, finite: column by column, each set scaled so that its longest vector is about 1.
    pub vectors: &'a [f32],
}

/// What is claimed of one prefix.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// All its vectors lie behind the direction (d numbers).
    Outside { direction: Vec<f32> },
    /// The origin lies between these vectors.
    Inside { support: Vec<u32> },
    /// Nothing.
    Open,
}

/// An engine that makes such claims.
pub trait Propose: Send + Sync {
    /// Dimensions at most.
    fn most_dims(&self) -> usize;

    /// Numbers that `vectors` may hold in one call.
    fn most_numbers(&self) -> usize;

    /// Numbers that one set may hold: a larger one would keep a single workgroup busy for too long.
    fn most_numbers_of_one(&self) -> usize;

    /// Claims about each set, one a size; after a first `Inside` or `Open` the rest of a set's are left out. None if
    /// the device failed, which it says as a warning. Errors: [`crate::Error::Interrupted`].
    fn propose(&self, sets: &Sets<'_>, control: &Control) -> Result<Option<Vec<Vec<Claim>>>>;
}
