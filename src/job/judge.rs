//! Queries of opened sets are judged; records and certificates are written as they come.

use super::guard::Outputs;
use super::inputs::JudgedInputs;
use super::record_files::RecordFiles;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::report::records;
use crate::scan::Engine;
use crate::store::{Context, InputInfo, file};
use crate::study::analyze::{AnalysisPlan, Sets, run_prepared};
use crate::study::compare::RowContext;
use crate::study::notes::leakage;
use crate::study::summary::Summary;
use crate::study::{Record, Sink};
use std::io::ErrorKind::BrokenPipe;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The sets, and what is asked about them.
pub struct Judge {
    pub judged: JudgedInputs,
    /// The origin of the results.
    pub context: Context,
}

/// The files of a command that judges queries.
#[derive(Debug, clap::Args)]
pub struct Targets {
    /// Write a record for each query: .parquet, .arrow, .csv or .jsonl (- for CSV on stdout, without the table)
    #[arg(short, long, value_name = "FILE|-")]
    output: Option<PathBuf>,
    /// Write a certificate for each verdict (.parquet), for `hullscope verify`
    #[arg(long, value_name = "FILE")]
    certificates: Option<PathBuf>,
    /// Write the summary as JSON (- for stdout)
    #[arg(long, value_name = "FILE|-")]
    json: Option<String>,
}

impl Targets {
    /// The targets as outputs of a command.
    pub fn outputs(&self) -> Outputs<'_> {
        let files = self.output.iter().chain(&self.certificates);
        Outputs::files(files.map(PathBuf::as_path), self.json.as_deref())
    }

    /// Refuses targets that cannot be written, or that are inputs.
    pub fn check(&self, inputs: &[String]) -> Result<()> {
        self.outputs().check(inputs)?;
        self.file().map_or(Ok(()), records::check)?;
        let check = |path| file::check_parquet(path, "certificates");
        self.certificates.as_deref().map_or(Ok(()), check)
    }

    /// The file of the records, if they are not printed.
    fn file(&self) -> Option<&Path> {
        self.output
            .as_deref()
            .filter(|path| *path != Path::new("-"))
    }
}

impl Judge {
    /// Sets that are to be judged by a plan; `command` is written into every file.
    pub fn new(command: String, judged: JudgedInputs, plan: AnalysisPlan) -> Self {
        let context = Context {
            command,
            reference: InputInfo::of(&*judged.inputs.reference),
            queries: InputInfo::of(&*judged.inputs.queries),
            plan,
            rows: judged.settings.clone(),
        };
        Judge { judged, context }
    }

    /// A line for each column of the records. Errors: unknown notions.
    pub fn help_columns(&self) -> Result<String> {
        records::help("records", &self.about())
    }

    /// Judges all queries. `memory` is the budget for rows, in bytes.
    ///
    /// Errors: rows that can no longer be read, a target that cannot be written, an engine that fails, an interrupt.
    pub fn run(
        &self,
        targets: &Targets,
        memory: u64,
        engine: &dyn Engine,
        control: &Control,
    ) -> Result<Summary> {
        let Judge { judged, context } = self;
        if targets.certificates.is_some() && (judged.space.is_some() || !context.plan.hull) {
            return Err(Error::Usage(
                "certificates are of hull verdicts about the rows of a file; fit the reference without --space and \
                 without --no-hull, or use hullscope compare --certificates"
                    .into(),
            ));
        }
        let mut writing = Writing::start(targets, self, control)?;
        let sets = Sets {
            reference: &*judged.inputs.reference,
            queries: &*judged.inputs.queries,
            classes: judged.classes.as_ref(),
            layers: &[],
            warnings: &judged.warnings,
            memory,
        };
        let known = judged.known.as_ref();
        let mut summary = run_prepared(&context.plan, engine, &sets, known, &mut writing, control)?;
        // The facts about the sets come before the other notes.
        let facts = (context.reference.sentences()).chain(context.queries.sentences());
        let sampled = context.plan.sampled(summary.queries as usize)?;
        let leaks = leakage(&summary, judged.space.as_deref());
        let notes: Vec<String> = facts.chain(leaks).chain(sampled).collect();
        summary.warnings.splice(0..0, notes);
        let started = Instant::now();
        writing.files.finish()?;
        *summary.seconds.entry("write".into()).or_default() += started.elapsed().as_secs_f64();
        Ok(summary)
    }

    /// What the columns of the records are made from.
    fn about(&self) -> records::About<'_, '_> {
        records::About {
            reference: &*self.judged.inputs.reference,
            queries: &*self.judged.inputs.queries,
            plan: &self.context.plan,
            space: None,
            known: RowContext {
                classes: self.judged.classes.as_ref(),
                ..RowContext::default()
            },
        }
    }
}

/// The targets, open.
struct Writing<'r> {
    files: RecordFiles<'r>,
    /// The records on the standard output; `None` also once nobody reads it any more.
    stream: Option<records::Table<'r>>,
    /// Whether the run is for more than the standard output: then it goes on if nobody reads that any more.
    more: bool,
}

impl<'r> Writing<'r> {
    fn start(targets: &Targets, judge: &'r Judge, control: &Control) -> Result<Self> {
        let about = judge.about();
        let paths = [targets.file(), targets.certificates.as_deref()];
        let mut writing = Writing {
            files: RecordFiles::create(&judge.context, &about, paths, control)?,
            stream: None,
            more: targets.certificates.is_some() || targets.json.is_some(),
        };
        if targets.outputs().stdout() {
            let table = records::Table::new(&about, Vec::new())?;
            let written = file::write_stdout(&table.csv_head());
            writing.stream = writing.unless_closed(written)?.map(|()| table);
        }
        Ok(writing)
    }

    /// `None` if nobody reads the standard output any more and the run has other outputs.
    fn unless_closed<T>(&self, written: Result<T>) -> Result<Option<T>> {
        match written {
            Err(Error::Io { source, .. }) if self.more && source.kind() == BrokenPipe => Ok(None),
            other => other.map(Some),
        }
    }
}

impl Sink for Writing<'_> {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        self.files.records(records)?;
        // A program that reads the lines gets each batch as soon as it is known.
        if let Some(table) = self.stream.take() {
            let lines = records.iter().map(|record| table.csv_line(record));
            let written = file::write_stdout(&lines.collect::<String>());
            self.stream = self.unless_closed(written)?.map(|()| table);
        }
        Ok(())
    }
}
