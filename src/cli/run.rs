//! Options of the commands that scan: the engine, the number of threads, and what is printed.

use super::numbers;
use super::progress::Shown;
use crate::job::backend::BackendArgs;
use crate::store::file;
use clap::Args;
use std::fmt::Display;

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub backend: BackendArgs,
    /// Worker threads (default: all cores)
    #[arg(long, value_name = "N", value_parser = numbers::threads)]
    pub threads: Option<usize>,
    /// No notes and no progress; the table stays
    #[arg(short, long)]
    pub quiet: bool,
    /// How progress is shown: a bar on a terminal and plain lines elsewhere (auto), lines, or nothing
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Shown::Auto)]
    progress: Shown,
}

impl RunArgs {
    /// Prints notes on stderr, one line each, unless --quiet.
    pub fn note(&self, notes: impl IntoIterator<Item = impl Display>) {
        tell_notes(self.quiet, notes);
    }

    /// Prints a line on stderr, such as the engine that was taken, unless --quiet.
    pub fn tell(&self, line: Option<String>) {
        if let Some(line) = line.filter(|_| !self.quiet) {
            file::tell(&line);
        }
    }

    /// How progress is shown.
    pub fn shown(&self) -> Shown {
        self.progress.unless(self.quiet)
    }
}

/// Prints notes on stderr, one line each, unless `quiet`.
pub fn tell_notes(quiet: bool, notes: impl IntoIterator<Item = impl Display>) {
    for note in notes.into_iter().filter(|_| !quiet) {
        file::tell(&format!("note: {note}"));
    }
}
