//! What is to be done, and the doing of it, below the command line: options that can be typed or set by a program, what
//! they imply (budgets, default spaces, classes, folders), and the runs themselves. `cli` parses into these types and
//! `python` builds them; neither decides.
//!
//! The options derive `clap::Args` so that a name, its help and its default stand in one place. [`compare::Compare`] is
//! the job that has most to decide: the same queries through several spaces, with the folder that it leaves.

pub mod backend;
pub mod compare;
pub mod folder;
pub mod guard;
pub mod images;
pub mod inputs;
pub mod judging;
pub mod memory;
pub mod networks;
pub mod outcomes;
pub mod verify;
