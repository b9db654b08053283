//! The options that say which rows are read and how; commands that read sets share them.

use super::memory;
use super::networks::NetworkArgs;
use crate::error::{Error, Result};
use crate::rows::{Choice, Element, OpenOptions, Order, PIPE, RowList, RowSettings};
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

/// Options that choose rows and say how they are read.
#[derive(Debug, Clone, Args)]
pub struct RowArgs {
    /// Use only the first N rows of the reference
    #[arg(long, value_name = "N")]
    pub limit_reference: Option<usize>,
    /// Use only the first N queries
    #[arg(long, value_name = "N")]
    pub limit_queries: Option<usize>,
    /// Leave out these reference rows, by number or range, as in 7,12-19
    #[arg(long, value_name = "LIST")]
    pub exclude_rows: Option<RowList>,
    /// Multiply every value by S (bytes are not rescaled unless asked)
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub scale: Option<f64>,
    /// Scale every row to unit length
    #[arg(long)]
    pub normalize: bool,
    /// Drop rows with NaN or infinity instead of refusing them; row numbers stay those of the file
    #[arg(long)]
    pub skip_nonfinite: bool,
    /// Columns of a table that make a row: names or patterns, as in 'f*,g' (default: the one column of vectors; in a table
    /// without any, all columns of numbers but those that number the rows)
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// Columns of a table to leave out: names or patterns
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub drop: Vec<String>,
    /// The column of a table that holds the class of each row; it is no part of the row
    #[arg(long, value_name = "NAME")]
    pub label_column: Option<String>,
    /// The column of a table that names each row: the name is in every output beside the row number, and is no part of the row
    #[arg(long, value_name = "NAME")]
    pub id_column: Option<String>,
    /// In which order the files of a folder or pattern are read: natural (part-2 before part-10) or text, as pyarrow,
    /// pandas, polars and DuckDB read them
    #[arg(long, value_name = "ORDER", value_enum, default_value_t = Order::Natural)]
    pub order: Order,
    /// Number type where the file does not name it (.npy of bfloat16 is <V2 to NumPy): bf16, f8e4m3, f8e5m2
    #[arg(long, value_name = "TYPE")]
    pub dtype: Option<Element>,
    /// Disk space for unpacking packed files and pipes (default: a quarter of the free space)
    #[arg(long, value_name = "SIZE", value_parser = memory::parse)]
    pub spool: Option<u64>,
    /// Budget for rows kept in memory, for example 4GiB (default: half of the machine's memory)
    #[arg(long, value_name = "SIZE", value_parser = memory::parse)]
    pub memory: Option<u64>,
}

impl RowArgs {
    /// The settings that are written into files so that the same rows can be read again.
    pub fn settings(&self) -> RowSettings {
        RowSettings {
            limit_reference: self.limit_reference,
            limit_queries: self.limit_queries,
            exclude_rows: self.exclude_rows.clone(),
            scale: self.scale,
            normalize: self.normalize,
            skip_nonfinite: self.skip_nonfinite,
            choice: self.choice(),
            order: self.order,
            dtype: self.dtype,
        }
    }

    /// The columns of tables that are asked for.
    fn choice(&self) -> Choice {
        Choice {
            columns: self.columns.clone(),
            drop: self.drop.clone(),
            label: self.label_column.clone(),
            id: self.id_column.clone(),
        }
    }

    pub fn options(&self, limit: Option<usize>, left: u64, what: &str) -> Result<OpenOptions> {
        if limit == Some(0) {
            return Err(Error::Usage(format!("--limit-{what} must be at least 1")));
        }
        if self
            .scale
            .is_some_and(|scale| !scale.is_finite() || scale == 0.0)
        {
            return Err(Error::Usage(
                "--scale must be a finite number other than 0".into(),
            ));
        }
        Ok(OpenOptions {
            limit,
            scale: self.scale,
            normalize: self.normalize,
            memory: left,
            work: Some(self.budget()),
            skip_nonfinite: self.skip_nonfinite,
            exclude: self.exclude_rows.clone().filter(|_| what == "reference"),
            temporary: None,
            spool: self.spool,
            choice: self.choice(),
            order: self.order,
            dtype: self.dtype,
            like: None,
        })
    }

    /// The settings of spaces, with `memory` bytes for their rows. Errors: options that contradict each other.
    pub fn spaces(&self, seed: u64, memory: u64, networks: &NetworkArgs) -> Result<Settings> {
        Ok(Settings {
            seed,
            memory,
            files: [
                self.options(self.limit_reference, 0, "reference")?,
                self.options(self.limit_queries, 0, "queries")?,
            ],
            onnx_runtime: networks.onnx_runtime.clone(),
        })
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
            "both sets are to come from the standard input; name a file for one of them".into(),
        )),
    }
}
