//! Jobs, independent of the command line: options that are typed or set by a program, their defaults (budgets, spaces,
//! classes, folders), and the runs themselves. `cli` parses into these types and `python` builds them; neither makes
//! decisions.
//!
//! The options derive `clap::Args`, so that a name, its help and its default are in one place. The largest job is
//! [`compare::Compare`]: the same queries through several spaces, with the folder of its results. A folder keeps spaces
//! ([`archive`]) and experiments ([`findings`]) for later runs; [`results`] names the command that owns it, and [`lock`]
//! keeps a second run out.

pub mod archive;
pub mod backend;
pub mod compare;
pub mod embed;
pub mod findings;
pub mod fit;
pub mod folder;
pub mod guard;
pub mod images;
pub mod inputs;
pub mod judge;
pub mod judging;
pub mod lock;
pub mod memory;
pub mod networks;
pub mod numbers;
pub mod outcomes;
pub mod paper;
mod record_files;
pub mod results;
pub mod row_args;
pub mod sweep;
pub mod top;
pub mod verify;
