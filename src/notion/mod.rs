//! Other answers to "inside?", one file each. They see [`Rows`](crate::rows::Rows) and a
//! [`Scan`](crate::scan::Scan), never the hull solver's insides.

pub mod ball;
pub mod neighbours;
pub mod range;
mod wide;
