//! The options that say which rows are read and how; `analyze` and `verify` share them.

use super::images::{Labelled, classes_beside, open_plain};
use super::memory;
use crate::control::{Control, WorkStage};
use crate::error::{Error, Result};
use crate::notion::Classes;
use crate::report::RowSettings;
use crate::report::hull_file::{self, SpaceAndLabels};
use crate::rows::{
    Choice, Element, OpenOptions, Order, PIPE, RowList, Rows, like, open, said, sample,
};
use crate::study::analyze::AnalysisPlan;
use crate::study::reference::Prepared;
use crate::warnings::Warnings;
use clap::Args;
use std::path::Path;
use std::sync::Arc;

/// A set that streams still needs this much for its buffers; the second set gets no less.
const LEAST: u64 = 64 << 20;

/// Which columns of a table are the rows; for the help of commands that read sets.
pub const COLUMNS: &str = "\
Columns: a table with exactly one column of vectors (lists or tensors of numbers of any type) is that column. With several,
or with none but one that may hold vectors in a form that is not read, all columns are listed: write FILE:COLUMN, or choose
with --columns 'f*,g' or --drop NAME,... Only a table without vectors uses its columns of numbers, without text and dates,
without what the file calls an index, and without columns that have no name and count the rows; --label-column and
--id-column are no part of a row. Columns of two sets, and of the files of one, are matched by name. What was used and
what was left out is a line of the output.

Sets: a file, packed (.gz, .zst, .bz2, .xz) or not; a folder, or a quoted pattern, whose files are one set, also with
:COLUMN; - for the standard input, of one of the two. Files are in natural order (--order text for that of pyarrow, pandas,
polars and DuckDB); records of several files have file and row_in_file.";

/// Which rows, and how.
#[derive(Debug, Clone, Args)]
pub struct RowArgs {
    /// Use only the first N rows of the reference
    #[arg(long, value_name = "N")]
    pub limit_reference: Option<usize>,
    /// Use only the first N queries
    #[arg(long, value_name = "N")]
    pub limit_queries: Option<usize>,
    /// Leave out these rows of the reference, whatever they hold: numbers and ranges of the file, as in 7,12-19
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
    /// The column of a table that names each row: it stands beside row numbers in every output, and is no part of the row
    #[arg(long, value_name = "NAME")]
    pub id_column: Option<String>,
    /// In which order the files of a folder or pattern are read: natural (part-2 before part-10) or text, as pyarrow,
    /// pandas, polars and DuckDB read them
    #[arg(long, value_name = "ORDER", value_enum, default_value_t = Order::Natural)]
    pub order: Order,
    /// The type of numbers where a file does not name it (.npy of bfloat16 is <V2 to NumPy): bf16, f8e4m3, f8e5m2
    #[arg(long, value_name = "TYPE")]
    pub dtype: Option<Element>,
    /// What packed files and pipes may take on disk while they are read (default: a quarter of what is free)
    #[arg(long, value_name = "SIZE", value_parser = memory::parse)]
    pub spool: Option<u64>,
    /// Budget for rows kept in memory, for example 4GiB (default: half of the machine's memory)
    #[arg(long, value_name = "SIZE", value_parser = memory::parse)]
    pub memory: Option<u64>,
}

/// The two sets, open.
pub struct Inputs {
    pub reference: Box<dyn Rows>,
    pub queries: Arc<dyn Rows>,
}

/// Queries, and a reference that is ready.
pub struct FittedInputs {
    pub inputs: Inputs,
    pub known: Prepared,
    /// How the reference was fitted.
    pub plan: AnalysisPlan,
    /// How the rows of both were read.
    pub settings: RowSettings,
    /// Where the reference has labels: its classes, and those of the queries as far as they are known.
    pub classes: Option<Classes>,
    /// The space that both are in, where it is one.
    pub space: Option<String>,
    /// What was noticed as the queries were read.
    pub warnings: Warnings,
}

impl Inputs {
    /// What was chosen as the sets were read.
    pub fn said(&self) -> impl Iterator<Item = String> {
        said(&*self.reference).chain(said(&*self.queries))
    }
}

impl RowArgs {
    /// What a file needs to say so that the same rows can be read again.
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

    /// Which columns of tables are asked for.
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

    /// How the two files of a `file:` space are read. Errors: options that make no sense.
    pub fn both(&self) -> Result<[OpenOptions; 2]> {
        Ok([
            self.options(self.limit_reference, 0, "reference")?,
            self.options(self.limit_queries, 0, "queries")?,
        ])
    }

    /// The named sets, or the built-in sample.
    pub fn inputs(
        &self,
        reference: Option<&str>,
        queries: Option<&str>,
        control: &Control,
    ) -> Result<Inputs> {
        match (reference, queries) {
            (Some(reference), Some(queries)) => self.open(reference, queries, control),
            _ => self.sample(control),
        }
    }

    /// A reference that `fit` made ready, and queries whose rows are read as its were, in its space. `labels` is the file of
    /// their classes.
    ///
    /// Errors: options that say otherwise how rows are read, those of both files, and labels where the reference has none.
    pub fn fitted(
        &self,
        reference: &Path,
        queries: &str,
        labels: Option<&str>,
        control: &Control,
    ) -> Result<FittedInputs> {
        let typed = RowSettings {
            limit_queries: None,
            ..self.settings()
        };
        if typed != RowSettings::default() {
            return Err(Error::Usage(format!(
                "how rows are read was settled by hullscope fit, and {} holds it; leave out {}",
                reference.display(),
                typed.options()
            )));
        }
        control.begin(WorkStage::Read, 0);
        let budget = self.budget();
        let found = hull_file::open(reference, budget, control)?;
        let left = budget.saturating_sub(found.rows.resident_bytes());
        let about = found.about;
        let settings = RowSettings {
            limit_queries: self.limit_queries,
            ..about.settings
        };
        let options = OpenOptions {
            limit: self.limit_queries,
            exclude: None,
            memory: left.max(LEAST.min(budget)),
            work: Some(budget),
            spool: self.spool,
            like: about.columns,
            ..settings.reference_options()
        };
        let SpaceAndLabels { way, labels: own } = found.beside;
        if labels.is_some() && own.is_none() {
            return Err(Error::Usage(format!(
                "{} holds no labels to compare those of the queries with; make it again with hullscope fit --labels",
                reference.display()
            )));
        }
        let mut warnings = Warnings::default();
        let (queries, named) = match way.is_some() || own.is_some() {
            true => {
                let Labelled {
                    set,
                    labels: named,
                    warnings: noticed,
                    ..
                } = open_plain(queries, options, labels, control)?;
                warnings = noticed;
                let rows = match &way {
                    Some(way) => way.take(set, left, control)?,
                    None => set.rows,
                };
                (rows, named)
            }
            false => (Arc::from(open(queries, &options, control)?), None),
        };
        let classes = own.map(|own| {
            let names = (queries.name(), found.rows.name());
            let known = classes_beside(&own, named.as_ref(), queries.len(), names);
            // Labels that were found by themselves may be of other classes.
            known.or_else(|fault| match labels {
                Some(_) => Err(fault),
                None => {
                    warnings.add(format!(
                        "the labels found with the queries are not used: {fault}"
                    ));
                    classes_beside(&own, None, queries.len(), names)
                }
            })
        });
        Ok(FittedInputs {
            inputs: Inputs {
                reference: found.rows,
                queries,
            },
            known: found.known,
            plan: about.plan,
            settings,
            classes: classes.transpose()?,
            space: about.space.map(|ends| ends.space),
            warnings,
        })
    }

    /// Bytes that rows, and what is built over them, may take.
    pub fn budget(&self) -> u64 {
        self.memory.unwrap_or_else(memory::default_budget)
    }

    /// Open both sets: the reference first, the queries with what is left of the budget.
    fn open(&self, reference: &str, queries: &str, control: &Control) -> Result<Inputs> {
        control.begin(WorkStage::Read, 0);
        one_pipe(reference, queries)?;
        let budget = self.budget();
        let reference = open(
            reference,
            &self.options(self.limit_reference, budget, "reference")?,
            control,
        )?;
        let left = budget
            .saturating_sub(reference.resident_bytes())
            .max(LEAST.min(budget));
        let mut options = self.options(self.limit_queries, left, "queries")?;
        options.like = like(&*reference);
        let queries = Arc::from(open(queries, &options, control)?);
        Ok(Inputs { reference, queries })
    }

    /// The built-in sample, with the same options.
    fn sample(&self, control: &Control) -> Result<Inputs> {
        let prepare = |rows: crate::rows::Memory, limit, what| -> Result<Box<dyn Rows>> {
            let options = self.options(limit, u64::MAX, what)?;
            Ok(Box::new(rows.prepared(&options, control)?))
        };
        Ok(Inputs {
            reference: prepare(sample::reference()?, self.limit_reference, "reference")?,
            queries: Arc::from(prepare(sample::queries()?, self.limit_queries, "queries")?),
        })
    }
}

/// A pipe can be read once.
pub fn one_pipe(reference: &str, queries: &str) -> Result<()> {
    let piped = |spec: &str| spec.split(':').next() == Some(PIPE);
    match piped(reference) && piped(queries) {
        true => Err(Error::Usage(
            "both sets are to come from the standard input; name a file for one of them".into(),
        )),
        false => Ok(()),
    }
}
