//! `hullscope fit`: a reference with everything that can be computed before the first query, in a file for `score` and
//! `analyze`.

use super::progress::{Bar, JUDGING};
use super::run::RunArgs;
use crate::control::{Control, WorkStage};
use crate::error::{Error, Result};
use crate::job::backend::Chosen;
use crate::job::images::{classes_beside, open_plain};
use crate::job::judging::JudgingArgs;
use crate::job::row_args::RowArgs;
use crate::rows::{self, Rows};
use crate::space::{Set, Settings, Way};
use crate::store::hull_file::{self, ReferenceFacts, Source, SpaceAndLabels};
use crate::store::{InputInfo, file};
use crate::study::analyze::{Sets, prepare};
use crate::warnings::Warnings;
use std::path::PathBuf;
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  hullscope fit train.npy -o ref.hull
      verdicts and nearest rows of any queries; then: hullscope score ref.hull queries.npy
  hullscope fit train.npy --distance --neighbours 10 --metric cosine -o ref.hull
      with distances to the hull, and ten nearest rows by the cosine
  hullscope fit train.npy --link -o ref.hull
      the rows stay in train.npy, which must not change";

/// Prepare a reference for queries and write it to a file, from which `score` and `analyze` start at once
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// The rows whose convex hull will be asked about
    reference: String,
    /// The file to write, as in ref.hull
    #[arg(short, long, value_name = "FILE.hull")]
    output: PathBuf,
    /// Do not copy the rows into the file: store their path and a hash of their content; they must stay there unchanged
    #[arg(long)]
    link: bool,
    /// The space to fit and judge in, as in pca:16 or 'patch:8|pca:4'; queries are transformed in the same way
    #[arg(long, value_name = "SPACE", conflicts_with = "link")]
    space: Option<String>,
    /// Classes of the rows, for notions that use them: a file of one integer a row (with --space the default is the classes
    /// beside MNIST, CIFAR and in a label column)
    #[arg(long, value_name = "FILE", conflicts_with = "link")]
    labels: Option<String>,
    /// Compute no hull verdicts
    #[arg(long, conflicts_with = "distance")]
    no_hull: bool,
    #[command(flatten)]
    judging: JudgingArgs,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    run: RunArgs,
}

/// Runs the command.
pub fn run(args: &Args, control: &Arc<Control>) -> Result<()> {
    super::threads(args.run.threads)?;
    if !hull_file::is_hull(&args.output) {
        let named = args.output.display();
        return Err(Error::Usage(format!(
            "{named} does not end in .hull; write -o NAME.hull"
        )));
    }
    if args.rows.limit_queries.is_some() {
        return Err(Error::Usage(
            "--limit-queries goes with score and analyze: fit reads no queries".into(),
        ));
    }
    if let Some(space) = &args.space {
        Way::check(space)?;
    }
    let mut inputs = vec![args.reference.clone()];
    inputs.extend(args.labels.iter().cloned().chain(args.judging.files()));
    crate::job::guard::check(&[&args.output], None, None, &inputs)?;
    file::Output::create(&args.output)?;
    let Chosen { engine, note } = args.run.backend.engine(args.rows.memory, control)?;
    let bar = Bar::advising(control, args.run.shown(), &[JUDGING]);
    args.run.tell(note);
    let source = Source::of(&args.reference)?;
    let Read {
        rows: reference,
        columns,
        space_and_labels,
        warnings,
    } = read(args, control)?;
    let plan = args.judging.plan(!args.no_hull, super::analyze::DEFAULTS);
    let names = (reference.name(), reference.name());
    let labels = space_and_labels.labels.as_ref();
    let classes = labels.map(|labels| classes_beside(labels, None, 0, names));
    let classes = classes.transpose()?;
    let sets = Sets {
        reference: &*reference,
        queries: &*reference,
        classes: classes.as_ref(),
        layers: &[],
        warnings: &warnings,
        memory: args.rows.budget(),
    };
    let known = prepare(&plan, &*engine, &sets, control)?;
    let mut notes: Vec<String> = InputInfo::of(&*reference).sentences().collect();
    notes.extend(known.warnings.iter().cloned());
    let link = args
        .link
        .then(|| Source::link(Some(&source), &space_and_labels, control));
    let about = ReferenceFacts {
        plan,
        settings: args.rows.settings(),
        columns,
        link: link.transpose()?,
        ..ReferenceFacts::of(&*reference, &space_and_labels)
    };
    let copy = args.run.backend.allows_int8().then(|| args.rows.budget());
    let (target, rows) = (&args.output, &*reference);
    hull_file::write(target, about, copy, rows, &known, &space_and_labels)?;
    drop(bar);
    args.run.note(notes);
    if !args.run.quiet {
        let (n, d) = (reference.len(), reference.dim());
        file::tell(&format!("{}: {n} rows x {d}, ready", args.output.display()));
    }
    Ok(())
}

/// The reference as it was read.
struct Read {
    /// The rows in their space.
    rows: Arc<dyn Rows>,
    /// The names of the columns before the space.
    columns: Option<(String, Vec<String>)>,
    space_and_labels: SpaceAndLabels,
    /// What was noticed as they were read, and taken to their space.
    warnings: Warnings,
}

fn read(args: &Args, control: &Arc<Control>) -> Result<Read> {
    control.begin(WorkStage::Read, 0);
    let budget = args.rows.budget();
    let limit = args.rows.limit_reference;
    let options = args.rows.options(limit, budget, "reference")?;
    let mut warnings = Warnings::default();
    let (set, labels) = match args.space.is_some() || args.labels.is_some() {
        true => {
            let labels = args.labels.as_deref();
            let opened = open_plain(&args.reference, options, labels, control)?;
            warnings = opened.warnings;
            (opened.set, opened.labels)
        }
        false => {
            let rows = rows::open(&args.reference, &options, control)?;
            (Set::vectors(Arc::from(rows)), None)
        }
    };
    let columns = rows::like(&*set.rows);
    let (rows, way) = match &args.space {
        Some(space) => {
            let settings = Settings {
                seed: args.judging.seed,
                memory: budget.saturating_sub(set.rows.resident_bytes()),
                ..Settings::default()
            };
            let (rows, way) = Way::fit(set, space, settings, &mut warnings, control)?;
            (rows, Some(way))
        }
        None => (set.rows, None),
    };
    Ok(Read {
        rows,
        columns,
        space_and_labels: SpaceAndLabels { way, labels },
        warnings,
    })
}
