//! The options that say which rows are read and how; commands that read sets share them.

use super::memory;
use super::networks::NetworkArgs;
use crate::error::{Error, Result};
use crate::rows::{OpenOptions, PIPE, RowSettings};
use crate::space::Settings;
use clap::Args;

/// How the columns of a table become rows; for the help of commands that read sets.
pub const COLUMNS: &str = "\
Columns: if a table has exactly one column of vectors (lists or tensors of numbers of any type), this column is used. If
it has several, or only columns that may hold vectors in an unsupported form, an error lists all columns: write
FILE:COLUMN, or choose with --columns 'f*,g' or --drop NAME,... If a table has no vectors, its columns of numbers are used,
without text and dates, without the file's index, and without unnamed columns that number the rows; --label-column and
--id-column are not part of a row. Columns of two sets, and of the files of one set, are matched by name. A line of the
output says which columns were used and which were left out.

Sets: a file, compressed (.gz, .zst, .bz2, .xz) or not; a folder, or a quoted pattern, whose files form one set, also with
:COLUMN; - for the standard input, for one of the two sets. Files are in natural order (--order text for the order of
pyarrow, pandas, polars and DuckDB); records of sets of several files have file and row_in_file.";

/// Options that choose rows and say how they are read, and the room that they may take.
#[derive(Debug, Clone, Args)]
pub struct RowArgs {
    #[command(flatten)]
    pub settings: RowSettings,
    /// Disk space for unpacking packed files and pipes (default: a quarter of the free space)
    #[arg(long, value_name = "SIZE", value_parser = memory::parse)]
    pub spool: Option<u64>,
    /// Budget for rows kept in memory, for example 4GiB (default: half of the machine's memory)
    #[arg(long, value_name = "SIZE", value_parser = memory::parse)]
    pub memory: Option<u64>,
}

/// What a set is to the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Reference,
    Queries,
    /// Neither: no rows are left out.
    Other,
}

impl RowArgs {
    /// How a set is read, with `left` bytes for its rows.
    pub fn options(&self, role: Role, left: u64) -> OpenOptions {
        let settings = &self.settings;
        OpenOptions {
            limit: match role {
                Role::Reference => settings.limit_reference,
                Role::Queries => settings.limit_queries,
                Role::Other => None,
            },
            exclude: settings
                .exclude_rows
                .clone()
                .filter(|_| role == Role::Reference),
            memory: left,
            work: Some(self.budget()),
            spool: self.spool,
            ..settings.reference_options()
        }
    }

    /// The settings of spaces, with `memory` bytes for their rows.
    pub fn spaces(&self, seed: u64, memory: u64, networks: &NetworkArgs) -> Settings {
        Settings {
            seed,
            memory,
            files: [Role::Reference, Role::Queries].map(|role| self.options(role, 0)),
            onnx_runtime: networks.onnx_runtime.clone(),
        }
    }

    /// The most bytes that rows, and indexes built from them, may take.
    pub fn budget(&self) -> u64 {
        self.memory.unwrap_or_else(memory::default_budget)
    }
}

/// Refuses standard input for several sets: a pipe can be read only once.
pub fn one_pipe(sets: &[&str]) -> Result<()> {
    let piped = |set: &&&str| set.split(':').next() == Some(PIPE);
    match sets.iter().filter(piped).count() {
        0 | 1 => Ok(()),
        _ => Err(Error::Usage(
            "more than one set is to come from the standard input; name files for the others"
                .into(),
        )),
    }
}
