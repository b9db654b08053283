//! What every command does: it starts worker threads, shows its progress, prints notes, and with a reference opens an
//! engine.

use super::progress::{Bar, Shown};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::job::backend::BackendArgs;
use crate::scan::Engine;
use crate::store::file;
use clap::Args;
use std::fmt::Display;

/// Worker threads, and what is printed beside the results.
#[derive(Debug, Args)]
pub struct Manner {
    /// Worker threads (default: all cores)
    #[arg(long, value_name = "N", value_parser = threads)]
    threads: Option<usize>,
    /// No notes and no progress; the table stays
    #[arg(short, long)]
    pub quiet: bool,
    /// How progress is shown: a bar on a terminal and plain lines elsewhere (auto), lines, or nothing
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Shown::Auto)]
    progress: Shown,
}

/// The options of the commands that scan.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub backend: BackendArgs,
    #[command(flatten)]
    pub manner: Manner,
}

/// A number of threads; beyond the number of cores of any machine, more only take memory and time to start.
fn threads(text: &str) -> std::result::Result<usize, String> {
    let known = text.parse().ok().filter(|n| (1..=1024).contains(n));
    known.ok_or_else(|| {
        "the number of worker threads is at least 1 and at most 1024; type for example --threads 4, or leave it out for \
         all cores"
            .into()
    })
}

impl Manner {
    /// Builds the global pool of worker threads.
    pub fn start_threads(&self) -> Result<()> {
        let Some(wanted) = self.threads else {
            return Ok(());
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(wanted);
        pool.build_global()
            .map_err(|error| Error::Usage(format!("{wanted} threads cannot be started: {error}")))
    }

    /// Starts the worker threads and the display of progress for a subcommand.
    pub fn begin(&self, control: &Control, command: &'static str) -> Result<Bar> {
        self.start_threads()?;
        let shown = match self.quiet {
            true => Shown::None,
            false => self.progress,
        };
        Ok(Bar::start(control, shown, command))
    }

    /// Prints a line on stderr, unless --quiet.
    pub fn tell(&self, line: &str) {
        if !self.quiet {
            file::tell(line);
        }
    }

    /// Prints notes on stderr, one line each, unless --quiet.
    pub fn note(&self, notes: impl IntoIterator<Item = impl Display>) {
        for note in notes {
            self.tell(&format!("note: {note}"));
        }
    }
}

impl RunArgs {
    /// Has `work` done on an engine, while its progress is shown. `memory` is the budget for rows, in bytes. `work` calls its second
    /// argument once its sets are open: it tells that `auto` takes the CPU, which an error about the sets comes without.
    pub fn run<T>(
        &self,
        memory: Option<u64>,
        command: &'static str,
        control: &Control,
        work: impl FnOnce(&dyn Engine, &dyn Fn()) -> Result<T>,
    ) -> Result<T> {
        let _bar = self.manner.begin(control, command)?;
        let (engine, note) = self.backend.engine(memory, control)?;
        work(&*engine, &|| self.manner.note(&note))
    }

    /// Has `work` done that opens sets and scans nothing: options of the engine are checked, and none is opened.
    pub fn read<T>(&self, control: &Control, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.backend.check()?;
        let _bar = self.manner.begin(control, "")?;
        work()
    }
}
