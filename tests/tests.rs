//! What a user relies on, one module a subject, in one binary.

mod common;

/// `bench`: what it measures, what it writes, what it refuses.
mod bench;
/// The program as a user meets it: outputs, exit codes, nothing left behind.
mod commands;
/// Every file format: golden, truncated, flipped, lying.
mod formats;
/// The GPU on every adapter that is there: passes against twins, the suite, faults.
#[cfg(feature = "gpu")]
mod gpu;
/// Imports go one way; files say what they are for.
mod house;
/// Known answers on MNIST.
mod mnist;
/// Nearest neighbours are exact, whatever the data.
mod neighbours;
/// Shaders are valid and laid out as the host thinks, without any driver.
#[cfg(feature = "gpu")]
mod shaders;
/// Closed forms and hull probabilities.
mod theory;
/// Every scan through one suite, and the suite through planted faults.
mod twins;
/// Verdicts against a linear program; invariants; degenerate references.
mod verdicts;
