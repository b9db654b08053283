//! `hullscope analyze`: is each query inside the convex hull of the reference rows, and how far are its neighbours?

use super::progress::{ASKING, Advice, Bar, JUDGING};
use super::run::RunArgs;
use crate::control::{Control, WorkStage};
use crate::error::{Error, Result};
use crate::job::backend::Chosen;
use crate::job::inputs::Inputs;
use crate::job::judging::{self, Defaults, JudgingArgs};
use crate::job::row_args::{COLUMNS, RowArgs};
use crate::report::{Context, FileSink, InputInfo, certificates, file, json, records, table};
use crate::rows::RowSettings;
use crate::study::analyze::{self as study, AnalysisPlan, Sets};
use crate::study::compare::{Classes, RowContext};
use crate::study::notes::leakage;
use crate::study::reference::Prepared;
use crate::study::summary::Summary;
use crate::study::{Record, Sink};
use crate::warnings::Warnings;
use std::io::ErrorKind::BrokenPipe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

const EXAMPLES: &str = "\
Examples:
  hullscope analyze
      the built-in sample: 1,000 test images of Fashion-MNIST against 6,000 training images
  hullscope analyze train.npy test.npy -o verdicts.parquet --json summary.json
  hullscope analyze train-images-idx3-ubyte.gz t10k-images-idx3-ubyte.gz --neighbours 10 --distance
  hullscope analyze embeddings.safetensors:train embeddings.safetensors:test --certificates proof.parquet
  hullscope analyze 'img_emb/*.npy' queries.fvecs --normalize --metric cosine --no-hull --neighbours 5
  hullscope analyze train.npy test.npy --backend gpu --gpu-memory 8GiB
  hullscope analyze train.parquet:embedding test.parquet:embedding --self-test 500 --json -

Columns of -o: --help-columns lists them with their meaning. Of each notion there are NOTION_outside (null where it cannot
decide) and NOTION_score (larger is more extrapolated).

Formats: .npy, .npz (FILE:MEMBER), Parquet and Arrow IPC (FILE:COLUMN), folders of save_to_disk (FOLDER:SPLIT),
HDF5 (FILE:DATASET, as in FILE:obsm/X_pca; MATLAB 7.3), Zarr 2 and 3 (FOLDER:ARRAY, FILE.zip:ARRAY),
safetensors (FILE:TENSOR), .fvecs .bvecs .ivecs,
.fbin .f16bin .u8bin .i8bin, IDX, torch's .pt (FILE:TENSOR), flat faiss indexes, CSV or TSV, JSON and JSON Lines
(FILE:FIELD, as in FILE:data.embedding), word vectors in text or word2vec's binary form (tokens become ids).";

/// Certified hull verdicts and exact nearest neighbours of QUERIES against REFERENCE
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("{EXAMPLES}\n\n{}\n{COLUMNS}", judging::help()), after_help = "`--help` shows examples and formats.")]
pub struct Args {
    /// The rows whose convex hull is asked about (without it: the built-in sample)
    #[arg(requires = "queries")]
    reference: Option<String>,
    /// The rows to ask about
    queries: Option<String>,
    /// Write a record for each query: .parquet, .arrow, .csv or .jsonl (- for CSV on stdout, without the table)
    #[arg(short, long, value_name = "FILE|-")]
    output: Option<PathBuf>,
    /// Write the summary as JSON (- for stdout)
    #[arg(long, value_name = "FILE|-")]
    json: Option<String>,
    /// Write a certificate for each verdict (.parquet), for `hullscope verify`
    #[arg(long, value_name = "FILE", conflicts_with = "no_hull")]
    certificates: Option<PathBuf>,
    /// Compute no hull verdicts
    #[arg(long, conflicts_with = "distance")]
    no_hull: bool,
    /// Before the queries, judge N reference rows (all must be inside), and then each against all other rows
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        conflicts_with = "no_hull"
    )]
    self_test: usize,
    /// List the columns of -o for these sets and options, and stop
    #[arg(long)]
    help_columns: bool,
    #[command(flatten)]
    judging: JudgingArgs,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    run: RunArgs,
}

/// The defaults of `analyze`: verdicts, and no distances.
pub(super) const DEFAULTS: Defaults = Defaults {
    distance: false,
    gap: 0.01,
    leave_one_out: 0,
};

/// Options that make each stage faster.
const QUICKER: Advice = &[
    &[(
        WorkStage::Hull,
        "fewer queries (--limit-queries N) are quicker, and so are verdicts without --distance",
    )],
    ASKING,
    JUDGING,
];

impl Args {
    /// Every file, folder and pattern that is read.
    fn files(&self) -> Vec<String> {
        let sets = [&self.reference, &self.queries].into_iter().flatten();
        sets.cloned().chain(self.judging.files()).collect()
    }

    fn plan(&self) -> AnalysisPlan {
        AnalysisPlan {
            self_test: self.self_test,
            ..self.judging.plan(!self.no_hull, DEFAULTS)
        }
    }
}

/// Runs the command.
pub fn run(args: Args, control: &Arc<Control>) -> Result<()> {
    super::threads(args.run.threads)?;
    check_outputs(&args)?;
    let started = Instant::now();
    let Chosen { engine, note } = args.run.backend.engine(args.rows.memory, control)?;
    let opened = started.elapsed().as_secs_f64();
    let bar = Bar::advising(control, args.run.shown(), QUICKER);
    let Opened {
        inputs,
        known,
        settings,
        classes,
        space,
        warnings,
    } = both_sets(&args, control)?;
    let read = started.elapsed().as_secs_f64() - opened;
    let context = Context {
        command: super::command_line(),
        reference: InputInfo::of(&*inputs.reference),
        queries: InputInfo::of(&*inputs.queries),
        plan: args.plan(),
        rows: settings,
    };
    if args.help_columns {
        drop(bar);
        return file::print(&records::help(&about(&context, &inputs, classes.as_ref()))?);
    }
    let mut outputs = Outputs::create(&args, &context, &inputs, classes.as_ref(), control)?;
    args.run.tell(note);
    let sets = Sets {
        reference: &*inputs.reference,
        queries: &*inputs.queries,
        classes: classes.as_ref(),
        layers: &[],
        warnings: &warnings,
        memory: args.rows.budget(),
    };
    let (plan, known) = (&context.plan, known.as_ref());
    let mut summary = study::run_prepared(plan, &*engine, &sets, known, &mut outputs, control)?;
    annotate(&context, space.as_deref(), &mut summary)?;
    let writing = Instant::now();
    outputs.finish()?;
    *summary.seconds.entry("write".into()).or_default() += writing.elapsed().as_secs_f64();
    summary.seconds.insert("read".into(), read);
    summary.seconds.insert("open_backend".into(), opened);
    summary
        .seconds
        .insert("total".into(), started.elapsed().as_secs_f64());
    drop(bar);
    let taken = is_stdout(args.output.as_deref());
    show(&args.run, args.json.as_deref(), taken, &context, &summary)
}

/// Whether records are written to the standard output.
pub(super) fn is_stdout(output: Option<&Path>) -> bool {
    output == Some(Path::new("-"))
}

/// Both sets, and the plan of the reference where it is a `.hull` file of `hullscope fit`.
struct Opened {
    inputs: Inputs,
    known: Option<Prepared>,
    settings: RowSettings,
    classes: Option<Classes>,
    /// The space of the rows; `None` where they are used as they are.
    space: Option<String>,
    /// What was noticed as they were read.
    warnings: Warnings,
}

fn both_sets(args: &Args, control: &Control) -> Result<Opened> {
    let (reference, queries) = (args.reference.as_deref(), args.queries.as_deref());
    let hull = reference
        .map(Path::new)
        .filter(|path| crate::report::hull_file::is_hull(path));
    if let (Some(hull), Some(queries)) = (hull, queries) {
        let fitted = args.rows.fitted(hull, queries, None, control)?;
        if let (Some(space), true) = (&fitted.space, args.certificates.is_some()) {
            return Err(Error::Usage(format!(
                "certificates are checked against the rows of a file, and those of {} are in the space {space}; use \
                 hullscope compare --certificates",
                hull.display()
            )));
        }
        return Ok(Opened {
            inputs: fitted.inputs,
            known: Some(fitted.known),
            settings: fitted.settings,
            classes: fitted.classes,
            space: fitted.space,
            warnings: fitted.warnings,
        });
    }
    Ok(Opened {
        inputs: args.rows.inputs(reference, queries, control)?,
        known: None,
        settings: args.rows.settings(),
        classes: None,
        space: None,
        warnings: Warnings::default(),
    })
}

/// Puts the facts about the sets, seen in `space`, before the other notes.
pub(super) fn annotate(
    context: &Context,
    space: Option<&str>,
    summary: &mut Summary,
) -> Result<()> {
    let (reference, queries) = (&context.reference, &context.queries);
    let sets = reference.sentences().chain(queries.sentences());
    let sampled = context.plan.sampled(summary.queries as usize)?;
    let notes = sets.chain(leakage(summary, space)).chain(sampled);
    let notes: Vec<String> = notes.collect();
    summary.warnings.splice(0..0, notes);
    Ok(())
}

/// Prints the summary, and writes it as JSON where that was asked for. Nothing is printed if stdout is `taken` by the records.
pub(super) fn show(
    run: &RunArgs,
    json: Option<&str>,
    taken: bool,
    context: &Context,
    summary: &Summary,
) -> Result<()> {
    run.note(&summary.warnings);
    match (taken, json) {
        (true, None) => Ok(()),
        (true, Some(target)) => {
            file::write_text(target, &json::pretty(&json::summary(context, summary)))
        }
        (false, _) => super::deliver(
            json,
            || json::summary(context, summary),
            || table::summary(context, summary),
        ),
    }
}

/// Checks that all outputs can be written, and that none overwrites another or an input.
fn check_outputs(args: &Args) -> Result<()> {
    let json = args.json.as_deref();
    let output = record_file(args.output.as_deref(), json)?;
    let certificates = args.certificates.as_deref();
    super::check_files(&[output, certificates], json, &args.files())?;
    output.map_or(Ok(()), records::check)?;
    certificates.map_or(Ok(()), certificates::check)
}

/// The target of `-o` if it is a file and not the standard output.
///
/// Errors: `--json` names the standard output as well.
pub(super) fn record_file<'a>(
    output: Option<&'a Path>,
    json: Option<&str>,
) -> Result<Option<&'a Path>> {
    if is_stdout(output) && json == Some("-") {
        let text = "- is named for two outputs; give one of -o and --json a file";
        return Err(Error::Usage(text.into()));
    }
    Ok(output.filter(|path| !is_stdout(Some(path))))
}

/// The inputs from which the columns of the records are made.
pub(super) fn about<'r, 'c>(
    context: &'c Context,
    inputs: &'r Inputs,
    classes: Option<&'r Classes>,
) -> records::About<'r, 'c> {
    records::About {
        reference: &*inputs.reference,
        queries: &*inputs.queries,
        plan: &context.plan,
        space: None,
        known: RowContext {
            classes,
            ..RowContext::default()
        },
    }
}

/// What records and certificates are written to, if anything.
#[derive(Default)]
pub(super) struct Outputs<'r> {
    sinks: Vec<Box<dyn FileSink + 'r>>,
    /// The records on the standard output; `None` also once nobody reads it any more.
    stream: Option<records::Stream<'r>>,
    /// Whether the run is for more than the standard output: then it goes on if nobody reads that.
    more: bool,
}

impl<'r> Outputs<'r> {
    fn create(
        args: &Args,
        context: &Context,
        inputs: &'r Inputs,
        classes: Option<&'r Classes>,
        control: &Control,
    ) -> Result<Self> {
        let mut outputs = Outputs::default();
        let about = about(context, inputs, classes);
        let more = args.certificates.is_some() || args.json.is_some();
        outputs.record(args.output.as_deref(), more, context, &about)?;
        if let Some(path) = &args.certificates {
            let (reference, queries) = (&*inputs.reference, &*inputs.queries);
            let rows = context.rows.clone();
            let origin = certificates::Origin::of(reference, queries, rows, control)?;
            let writer = certificates::CertificateWriter::create(path, context, origin, reference)?;
            outputs.sinks.push(Box::new(writer));
        }
        Ok(outputs)
    }

    /// Writes the records to `output`, if that is given: a file, or - for the standard output. `more`: whether the run has
    /// other outputs.
    pub(super) fn record(
        &mut self,
        output: Option<&Path>,
        more: bool,
        context: &Context,
        about: &records::About<'r, '_>,
    ) -> Result<()> {
        self.more = more;
        match output {
            _ if is_stdout(output) => {
                self.stream = self.unless_closed(records::Stream::create(about))?
            }
            Some(path) => self.sinks.push(records::create(path, context, about)?),
            None => {}
        }
        Ok(())
    }

    /// `None` if nobody reads the standard output any more and the run has other outputs.
    fn unless_closed<T>(&self, written: Result<T>) -> Result<Option<T>> {
        match written {
            Err(Error::Io { source, .. }) if self.more && source.kind() == BrokenPipe => Ok(None),
            other => other.map(Some),
        }
    }

    pub(super) fn finish(self) -> Result<()> {
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
