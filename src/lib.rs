//! hullscope (skeleton; the map comes here)

pub mod cli;
pub mod control;
pub mod error;
pub mod hull;
pub mod notion;
pub mod report;
pub mod rows;
pub mod scan;
pub mod space;
pub mod study;

pub use error::{Error, Result};
