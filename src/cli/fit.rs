//! `hullscope fit`: everything that can be known of a reference before the first query, in a file for `score` and
//! `analyze`.

use super::progress::Bar;
use super::run::RunArgs;
use crate::control::{Control, Stage};
use crate::error::{Error, Result};
use crate::job::backend::Chosen;
use crate::job::inputs::RowArgs;
use crate::job::judging::JudgingArgs;
use crate::report::file;
use crate::report::hull_file::{self, About, Link};
use crate::rows::{self, SetFacts};
use crate::study::analyze::{Sets, prepare};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  hullscope fit train.npy -o ref.hull
      verdicts and nearest rows of any queries; then: hullscope score ref.hull queries.npy
  hullscope fit train.npy --distance --neighbours 10 --metric cosine -o ref.hull
      with distances to the hull, and ten nearest rows by the cosine
  hullscope fit train.npy --link -o ref.hull
      the rows stay in train.npy, which must not change";

/// Make a reference ready for queries, in a file: `score` and `analyze` then begin with the first query
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// The rows whose convex hull will be asked about
    reference: String,
    /// The file to write, as in ref.hull
    #[arg(short, long, value_name = "FILE.hull")]
    output: PathBuf,
    /// Leave the rows where they are, and note what they hold: the file is small, and must find them unchanged
    #[arg(long)]
    link: bool,
    /// No hull verdicts
    #[arg(long, conflicts_with = "distance")]
    no_hull: bool,
    #[command(flatten)]
    judging: JudgingArgs,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    run: RunArgs,
}

/// Run the command.
pub fn run(args: &Args, control: &Arc<Control>) -> Result<()> {
    super::threads(args.run.threads)?;
    if !is_hull(&args.output) {
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
    crate::job::guard::check(
        &[&args.output],
        None,
        None,
        std::slice::from_ref(&args.reference),
    )?;
    file::Output::create(&args.output)?;
    let Chosen { engine, note } = args.run.backend.engine(args.rows.memory, control)?;
    let bar = Bar::start(control, args.run.shown());
    control.begin(Stage::Read, 0);
    let budget = args.rows.budget();
    let limit = args.rows.limit_reference;
    let options = args.rows.options(limit, budget, "reference")?;
    let reference = rows::open(&args.reference, &options, control)?;
    if let Some(note) = note.filter(|_| !args.run.quiet) {
        file::tell(&note);
    }
    let plan = args.judging.plan(!args.no_hull, super::analyze::DEFAULTS);
    let sets = Sets {
        reference: &*reference,
        queries: &*reference,
        classes: None,
        layers: &[],
        memory: budget,
    };
    let known = prepare(&plan, &*engine, &sets, control)?;
    let link = args.link.then(|| link(&args.reference, control));
    let about = About {
        plan,
        settings: args.rows.settings(),
        set: SetFacts::of(&*reference),
        columns: rows::like(&*reference),
        link: link.transpose()?,
    };
    hull_file::write(&args.output, about, &*reference, &known)?;
    drop(bar);
    if !args.run.quiet {
        let (n, d) = (reference.len(), reference.dim());
        file::tell(&format!("{}: {n} rows x {d}, ready", args.output.display()));
    }
    Ok(())
}

/// Where the rows are, from any folder, and what they hold.
fn link(reference: &str, control: &Control) -> Result<Link> {
    if reference.split(':').next() == Some(rows::PIPE) {
        return Err(Error::Usage(
            "rows from the standard input are nowhere to be read again; leave --link out".into(),
        ));
    }
    let path = std::path::absolute(reference);
    let path = path.map_err(|error| Error::io("find", Path::new(reference), error))?;
    Ok(Link {
        path: path.display().to_string(),
        fingerprint: rows::fingerprint(reference, control)?,
    })
}

/// Whether a name is that of such a file.
pub(super) fn is_hull(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "hull")
}
