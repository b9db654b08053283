//! The command line. Each command parses its options, opens its inputs, has the analysis done by `study`, writes the
//! results through `report`, and turns errors into a message and an exit code.
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
mod numbers;
mod paper;
mod progress;
mod run;
mod score;
mod sweep;
mod top;
mod verify;

use crate::control::Control;
use crate::error::Error;
use crate::job::archive;
use crate::job::guard::{self, resolved};
use crate::job::lock::Lock;
use crate::report::json;
use crate::rows::check_repeatable;
use crate::store::file;
use crate::store::file::tell;
use clap::{Parser, Subcommand};
use serde_json::Value;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

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

/// Refuses outputs that cannot be written, or that are inputs, before anything is computed. The folder is locked for this
/// run as long as the returned lock lives.
fn check_outputs(
    folder: Option<&Path>,
    json: Option<&str>,
    inputs: &[String],
) -> crate::error::Result<Option<Lock>> {
    guard::check(&[], json, folder, inputs)?;
    if let Some(folder) = folder {
        inputs
            .iter()
            .try_for_each(|input| check_repeatable(input))?;
        archive::check(folder)?;
    }
    if let (Some(folder), Some(json)) = (folder, json.filter(|target| *target != "-"))
        && resolved(Path::new(json)).parent() == resolved(&folder.join("x")).parent()
    {
        return Err(Error::Usage(format!(
            "--json {json} is in the folder of -o, which may hold only the command's own files; name another place (summary.json \
             is written there anyway)"
        )));
    }
    json.map_or(Ok(()), file::check_text)?;
    folder.map(Lock::take).transpose()
}

/// Refuses outputs of a command that are inputs, or that are named twice, and a `json` that cannot be written.
fn check_files(
    files: &[Option<&Path>],
    json: Option<&str>,
    inputs: &[String],
) -> crate::error::Result<()> {
    let of_json = json.filter(|target| *target != "-").map(Path::new);
    let named = files.iter().copied().chain([of_json]).flatten();
    let named: Vec<&Path> = named.collect();
    check_apart(&named)?;
    guard::check(&named, None, None, inputs)?;
    json.map_or(Ok(()), file::check_text)
}

/// Writes results as JSON where that was asked for, and prints them as text unless the JSON was printed.
fn deliver(
    target: Option<&str>,
    value: impl FnOnce() -> Value,
    text: impl FnOnce() -> String,
) -> crate::error::Result<()> {
    if let Some(target) = target {
        file::write_text(target, &json::pretty(&value()))?;
    }
    match target {
        Some("-") => Ok(()),
        _ => file::print(&text()),
    }
}

/// Refuses two outputs of one command that are the same file ([`Error::Usage`]).
fn check_apart(outputs: &[&Path]) -> crate::error::Result<()> {
    let places: Vec<PathBuf> = outputs.iter().map(|path| resolved(path)).collect();
    match (0..places.len()).find(|&place| places[..place].contains(&places[place])) {
        None => Ok(()),
        Some(place) => Err(Error::Usage(format!(
            "{} is named for two outputs",
            outputs[place].display()
        ))),
    }
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
    let control = Arc::new(Control::default());
    interrupt::stop_when_asked(&control);
    let outcome: crate::error::Result<u8> = match cli.command {
        Command::Analyze(args) => analyze::run(args, &control).map(|()| 0),
        Command::Fit(args) => fit::run(&args, &control).map(|()| 0),
        Command::Score(args) => score::run(&args, &control).map(|()| 0),
        Command::Verify(args) => verify::run(args, &control),
        Command::Devices(args) => devices::run(&args, &control).map(|()| 0),
        Command::Encoder(args) => encoder::run(&args).map(|()| 0),
        Command::Bench(args) => bench::run(args, &control),
        Command::Compare(args) => compare::run(args, &control).map(|()| 0),
        Command::Errors(args) => errors::run(&args, &control).map(|()| 0),
        Command::Embed(args) => embed::run(args, &control).map(|()| 0),
        Command::Paper(args) => paper::run(args, &control).map(|()| 0),
        Command::Sweep(args) => sweep::run(args, &control).map(|()| 0),
        Command::Top(args) => top::run(&args, &control).map(|()| 0),
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

/// Builds the global pool of worker threads.
fn threads(wanted: Option<usize>) -> crate::Result<()> {
    let Some(wanted) = wanted else { return Ok(()) };
    rayon::ThreadPoolBuilder::new()
        .num_threads(wanted)
        .build_global()
        .map_err(|error| Error::Usage(format!("{wanted} threads cannot be started: {error}")))
}
