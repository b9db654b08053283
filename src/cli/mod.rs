//! The command line. Each command parses its options, has the work done by `job`, prints the result, and turns errors into
//! a message and an exit code.
//!
//! Exit codes: 0 done; 1 a certificate file does not hold (`verify`) or engines differ (`bench`); 2 bad input, bad
//! options, or a file that cannot be read or written; 130 interrupted. Output goes to stdout, messages go to stderr.

mod analyze;
mod bench;
mod compare;
mod devices;
mod embed;
mod encoder;
mod errors;
mod fit;
mod interrupt;
mod judge;
mod paper;
pub mod progress;
mod run;
mod score;
mod sweep;
mod top;
mod verify;

use crate::control::Control;
use crate::error::{Error, Result};
use crate::store::file::tell;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::ExitCode;

/// Is a sample an interpolation or an extrapolation of a data set? Convex-hull verdicts with proofs, and exact
/// nearest neighbours, for millions of embeddings.
#[derive(Debug, Parser)]
#[command(name = "hullscope", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Analyze(analyze::Args),
    Fit(fit::Args),
    Score(score::Args),
    Compare(compare::Args),
    Errors(errors::Args),
    Embed(embed::Args),
    Sweep(sweep::Args),
    Top(top::Args),
    Paper(paper::Args),
    Verify(verify::Args),
    Devices(devices::Args),
    Encoder(encoder::Args),
    Bench(bench::Args),
}

/// Runs the program.
pub fn main() -> ExitCode {
    ExitCode::from(run(std::env::args_os().collect()))
}

/// Runs the program with these arguments, the first of which is its name; returns the exit code.
pub fn run(words: Vec<OsString>) -> u8 {
    #[cfg(feature = "gpu")]
    crate::scan::gpu::layer::quiet();
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(message) => {
            // An error of printing to a closed stream cannot be reported anywhere.
            let _ = message.print();
            return message.exit_code() as u8;
        }
    };
    let control = Control::default();
    interrupt::stop_when_asked(&control);
    let done = |outcome: Result<()>| outcome.map(|()| 0);
    let outcome = match &cli.command {
        Command::Analyze(args) => done(analyze::run(args, &control)),
        Command::Fit(args) => done(fit::run(args, &control)),
        Command::Score(args) => done(score::run(args, &control)),
        Command::Compare(args) => done(compare::run(args, &control)),
        Command::Errors(args) => done(errors::run(args, &control)),
        Command::Embed(args) => done(embed::run(args, &control)),
        Command::Sweep(args) => done(sweep::run(args, &control)),
        Command::Top(args) => done(top::run(args, &control)),
        Command::Paper(args) => done(paper::run(args, &control)),
        Command::Verify(args) => verify::run(args, &control),
        Command::Devices(args) => done(devices::run(args, &control)),
        Command::Encoder(args) => done(encoder::run(args)),
        Command::Bench(args) => bench::run(args, &control),
    };
    outcome.unwrap_or_else(|error| finish(&error))
}

/// The command line as typed, for the metadata of files.
fn command_line() -> String {
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    words.collect::<Vec<_>>().join(" ")
}

/// Prints the error; returns the exit code.
fn finish(error: &Error) -> u8 {
    match error {
        Error::Interrupted => {
            tell("interrupted");
            130
        }
        // The reader of our output has closed the pipe: that is no error.
        Error::Io { source, .. } if source.kind() == ErrorKind::BrokenPipe => 0,
        other => {
            tell(&format!("error: {other}"));
            2
        }
    }
}
