//! What `analyze` and `score` have in common: they open two sets, judge the queries, write records and certificates as these
//! come, and show the summary.

use super::progress::{Advice, Bar};
use super::run::RunArgs;
use crate::control::Control;
use crate::error::{Error, Result};
use crate::job::backend::Chosen;
use crate::job::inputs::JudgedInputs;
use crate::job::row_args::RowArgs;
use crate::report::{json, records, table};
use crate::store::{Context, FileSink, InputInfo, certificates, file};
use crate::study::analyze::{AnalysisPlan, Sets, run_prepared};
use crate::study::compare::RowContext;
use crate::study::notes::leakage;
use crate::study::summary::Summary;
use crate::study::{Record, Sink};
use std::io::ErrorKind::BrokenPipe;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// The options of a command that judges queries.
pub(super) struct Judging<'a> {
    pub run: &'a RunArgs,
    pub rows: &'a RowArgs,
    /// Every file, folder and pattern that is read.
    pub inputs: Vec<String>,
    /// Where records are written, as Parquet, Arrow, CSV or JSON lines; - for CSV on the standard output.
    pub output: Option<&'a Path>,
    pub json: Option<&'a str>,
    pub certificates: Option<&'a Path>,
    /// Whether the columns of the records are listed, and nothing is judged.
    pub help_columns: bool,
    pub advice: Advice,
}

impl Judging<'_> {
    /// Judges the queries of the sets that `open` returns, by the plan that it returns.
    pub fn judge(
        &self,
        open: impl FnOnce() -> Result<(JudgedInputs, AnalysisPlan)>,
        control: &Arc<Control>,
    ) -> Result<()> {
        super::threads(self.run.threads)?;
        self.check_outputs()?;
        let started = Instant::now();
        let Chosen { engine, note } = self.run.backend.engine(self.rows.memory, control)?;
        let opened = started.elapsed().as_secs_f64();
        let bar = Bar::advising(control, self.run.shown(), self.advice);
        let (judged, plan) = open()?;
        let read = started.elapsed().as_secs_f64() - opened;
        let (reference, queries) = (&*judged.inputs.reference, &*judged.inputs.queries);
        let context = Context {
            command: super::command_line(),
            reference: InputInfo::of(reference),
            queries: InputInfo::of(queries),
            plan,
            rows: judged.settings.clone(),
        };
        if self.help_columns {
            drop(bar);
            return file::print(&records::help(&about(&context, &judged))?);
        }
        let mut outputs = Outputs::create(self, &context, &judged, control)?;
        self.run.tell(note);
        let sets = Sets {
            reference,
            queries,
            classes: judged.classes.as_ref(),
            layers: &[],
            warnings: &judged.warnings,
            memory: self.rows.budget(),
        };
        let (plan, known) = (&context.plan, judged.known.as_ref());
        let mut summary = run_prepared(plan, &*engine, &sets, known, &mut outputs, control)?;
        annotate(&context, judged.space.as_deref(), &mut summary)?;
        let writing = Instant::now();
        outputs.finish()?;
        *summary.seconds.entry("write".into()).or_default() += writing.elapsed().as_secs_f64();
        let total = started.elapsed().as_secs_f64();
        let stages = [("read", read), ("open_backend", opened), ("total", total)];
        summary
            .seconds
            .extend(stages.map(|(stage, seconds)| (stage.into(), seconds)));
        drop(bar);
        self.show(&context, &summary)
    }

    /// Checks that all outputs can be written, and that none overwrites another or an input.
    fn check_outputs(&self) -> Result<()> {
        if self.to_stdout() && self.json == Some("-") {
            let text = "- is named for two outputs; give one of -o and --json a file";
            return Err(Error::Usage(text.into()));
        }
        let output = self.output.filter(|_| !self.to_stdout());
        super::check_files(&[output, self.certificates], self.json, &self.inputs)?;
        output.map_or(Ok(()), records::check)?;
        let check = |path| file::check_parquet(path, "certificates");
        self.certificates.map_or(Ok(()), check)
    }

    /// Whether records are written to the standard output.
    fn to_stdout(&self) -> bool {
        self.output == Some(Path::new("-"))
    }

    /// Prints the summary, unless records were printed, and writes it as JSON where that was asked for.
    fn show(&self, context: &Context, summary: &Summary) -> Result<()> {
        self.run.note(&summary.warnings);
        let value = || json::summary(context, summary);
        match (self.to_stdout(), self.json) {
            (true, None) => Ok(()),
            (true, Some(target)) => file::write_text(target, &json::pretty(&value())),
            (false, json) => super::deliver(json, value, || table::summary(context, summary)),
        }
    }
}

/// Puts the facts about the sets, seen in `space`, before the other notes.
fn annotate(context: &Context, space: Option<&str>, summary: &mut Summary) -> Result<()> {
    let (reference, queries) = (&context.reference, &context.queries);
    let sets = reference.sentences().chain(queries.sentences());
    let sampled = context.plan.sampled(summary.queries as usize)?;
    let notes = sets.chain(leakage(summary, space)).chain(sampled);
    let notes: Vec<String> = notes.collect();
    summary.warnings.splice(0..0, notes);
    Ok(())
}

/// What the columns of the records are made from.
fn about<'r, 'c>(context: &'c Context, judged: &'r JudgedInputs) -> records::About<'r, 'c> {
    records::About {
        reference: &*judged.inputs.reference,
        queries: &*judged.inputs.queries,
        plan: &context.plan,
        space: None,
        known: RowContext {
            classes: judged.classes.as_ref(),
            ..RowContext::default()
        },
    }
}

/// What records and certificates are written to, if anything.
struct Outputs<'r> {
    sinks: Vec<Box<dyn FileSink + 'r>>,
    /// The records on the standard output; `None` also once nobody reads it any more.
    stream: Option<records::Stream<'r>>,
    /// Whether the run is for more than the standard output: then it goes on if nobody reads that.
    more: bool,
}

impl<'r> Outputs<'r> {
    fn create(
        judging: &Judging,
        context: &Context,
        judged: &'r JudgedInputs,
        control: &Control,
    ) -> Result<Self> {
        let mut outputs = Outputs {
            sinks: Vec::new(),
            stream: None,
            more: judging.certificates.is_some() || judging.json.is_some(),
        };
        let about = about(context, judged);
        match judging.output {
            _ if judging.to_stdout() => {
                outputs.stream = outputs.unless_closed(records::Stream::create(&about))?
            }
            Some(path) => outputs.sinks.push(records::create(path, context, &about)?),
            None => {}
        }
        if let Some(path) = judging.certificates {
            let (rows, reference) = (context.rows.clone(), about.reference);
            let origin = certificates::Origin::of(reference, about.queries, rows, control)?;
            let writer = certificates::CertificateWriter::create(path, context, origin, reference)?;
            outputs.sinks.push(Box::new(writer));
        }
        Ok(outputs)
    }

    /// `None` if nobody reads the standard output any more and the run has other outputs.
    fn unless_closed<T>(&self, written: Result<T>) -> Result<Option<T>> {
        match written {
            Err(Error::Io { source, .. }) if self.more && source.kind() == BrokenPipe => Ok(None),
            other => other.map(Some),
        }
    }

    fn finish(self) -> Result<()> {
        let written = self.sinks.into_iter().map(|sink| sink.written());
        file::commit_all(written.collect::<Result<_>>()?)
    }
}

impl Sink for Outputs<'_> {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        for sink in &mut self.sinks {
            sink.records(records)?;
        }
        let Some(mut stream) = self.stream.take() else {
            return Ok(());
        };
        let written = stream.records(records);
        self.stream = self.unless_closed(written)?.map(|()| stream);
        Ok(())
    }
}
