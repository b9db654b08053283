//! Is a sample an interpolation or an extrapolation of a data set? For millions of embeddings at a time, and with a
//! proof for each.
//!
//! A query q *interpolates* the reference rows X when it lies in their convex hull (Balestriero, Pesenti and LeCun,
//! arXiv 2110.09485, definition 1). That is a dual problem: q is outside exactly when some direction w separates it,
//!
//! ```text
//! g(w) = <w, q> - max_i <w, x_i> > 0,        and then g(w) / |w| bounds its distance from below,
//! ```
//!
//! and inside exactly when `q = sum l_i x_i` with `l >= 0`, `sum l = 1`, for at most d+1 rows. One matrix product, the
//! *scan*, evaluates g for thousands of directions; a small active-set problem for each query proposes the next
//! direction; and either the direction or the weights are kept as a **certificate** that can be checked independently.
//! The scan runs in f32 with a proven bound on its rounding; what f32 cannot prove is decided in f64; what f64 cannot
//! prove is called undecided, never guessed.
//!
//! ```
//! use hullscope::control::Control;
//! use hullscope::hull::{Settings, Solver, Verdict};
//! use hullscope::rows::Memory;
//! use hullscope::scan::CpuScan;
//!
//! let control = Control::default();
//! let square = Memory::from_f64("square", 2, vec![0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
//! let scan = CpuScan::new(&square, &control)?;
//! let mut solver = Solver::new(&square, &scan, Settings::default(), &control)?;
//! let answers = solver.answer(&[0.5, 0.25, 2.0, 0.5], None, &control)?;
//! assert_eq!(answers[0].verdict, Verdict::Inside);
//! assert_eq!(answers[1].verdict, Verdict::Outside);
//! assert!(answers[1].margin > 0.5 && answers[1].margin <= 1.0);
//! # Ok::<(), hullscope::Error>(())
//! ```
//!
//! # The map
//!
//! Data flows one way, in import order; each module may use those before it and none after.
//!
//! - [`error`], [`control`]: the one error type; the stop flag and the counters of work done.
//! - `linear`: products, solves and decompositions whose digits do not depend on the number of threads.
//! - [`rows`]: where vectors come from: file formats, memory and spool files, synthetic sets and distributions of
//!   random points, the built-in sample. It must not know what the rows are used for.
//! - [`space`]: maps of rows before any analysis: patches, principal components, a network's features; fitted on the
//!   reference. A mapped set is itself rows.
//! - [`scan`]: the basic operation, `max_i <x_i, w> + c (-|x_i|^2 / 2)` with the k best rows, in one total order, with
//!   a proven error bound, on the CPU, on a GPU (`scan::gpu`), or on shards of the rows ([`scan::sharded`]). It must
//!   not know hulls, files or terminals.
//! - [`hull`]: verdicts, distances and certificates. It uses rows and `dyn Scan`. [`hull::tiny`] is for thousands of
//!   small sets, each with one query.
//! - [`notion`]: other definitions of "inside": nearest rows, range box, hulls of a class and of the nearest rows,
//!   gauge, cone.
//! - [`study`]: experiments: a plan in, records and a summary out, through a sink. No terminal, no files of its own.
//!   [`study::theory`] has the exactly known probabilities and distances, [`study::compare`] the same queries in
//!   several spaces, [`study::outcomes`] which notion predicts a model's errors.
//! - [`store`]: files that the program reads back (certificates, `.hull`, the queries of a comparison), and how any output
//!   appears whole or not at all.
//! - [`report`]: what people read: tables as Parquet, Arrow, CSV and JSON or on a terminal, plots, pages.
//! - [`mod@bench`]: times the engines of this machine and checks that their answers agree, and that its adapters compute
//!   right.
//! - [`job`]: turns options into a complete plan and runs it, below the command line: options, budgets, default spaces,
//!   classes, and the folders of results: what they keep for later runs, whose they are, and who writes into them.
//! - `python`: arrays of a Python program become jobs, and records arrays (feature `python`).
//! - [`cli`]: command lines become jobs; progress; exit codes. No mathematics.
//!
//! The way of a row: file, [`rows::open`] (header checked before anything is allocated), a chunk in a reused buffer,
//! the scan (all open directions at once), the hull's small f64 problem or a notion's measure, the study's sink,
//! a report. The only feedback is from hull to scan, with new directions for the queries that are still open.

pub mod bench;
pub mod cli;
pub mod control;
pub mod error;
pub mod hull;
pub mod job;
mod linear;
pub mod notion;
#[cfg(feature = "python")]
pub mod python;
pub mod report;
pub mod rows;
pub mod scan;
pub mod space;
pub mod store;
pub mod study;
pub mod warnings;

pub use error::{Error, Result};
