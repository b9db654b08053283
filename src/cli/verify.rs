//! `hullscope verify`: do the certificates of a file hold? The check uses none of the solver's code.
//!
//! Nothing in the file is trusted: inputs, row options and tolerance come from the caller, and the run that the file
//! states is compared with them.

use super::run::Manner;
use crate::control::Control;
use crate::error::Result;
use crate::job::guard::Outputs;
use crate::job::row_args::COLUMNS;
use crate::job::verify::{Checked, Options};
use std::time::Instant;

const EXAMPLES: &str = "\
Examples:
  hullscope analyze train.npy test.npy --scale 2 --certificates proof.parquet
  hullscope verify proof.parquet train.npy test.npy --scale 2
  hullscope verify proof.parquet train.npy test.npy --scale 2 --json -
  hullscope compare train/ test/ --space pixels --space pca:16 --certificates -o out/
  hullscope verify out/ train/ test/
      the certificates of every space, which is fitted anew

Nothing is taken from the file but the claims: the inputs, the options that say how rows are read (--scale,
--normalize, limits ...) and the tolerance are those given here, and must be those of the analysis. Exits with 1 if a
certificate does not hold, if a query has none or two, or if the file is of other rows or other options.";

/// Check every certificate of a file against the two inputs
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("{EXAMPLES}\n\n{COLUMNS}"))]
#[command(mut_arg("quiet", |quiet| quiet.help("Print nothing; the exit code is the result")))]
pub struct Args {
    #[command(flatten)]
    what: Options,
    /// Write the result as JSON (- for stdout)
    #[arg(long, value_name = "FILE|-")]
    json: Option<String>,
    #[command(flatten)]
    manner: Manner,
}

/// Runs the command; the exit code says whether every certificate holds.
pub fn run(args: &Args, control: &Control) -> Result<u8> {
    let outputs = Outputs::files([], args.json.as_deref());
    outputs.check(&args.what.inputs())?;
    let started = Instant::now();
    let bar = args.manner.begin(control, "verify")?;
    let found = args.what.run(control)?;
    drop(bar);
    let faults = found.iter().flat_map(faults);
    faults.for_each(|line| args.manner.tell(&line));
    let seconds = started.elapsed().as_secs_f64();
    outputs.deliver(
        || args.what.json(&found, super::command_line(), seconds),
        || match args.manner.quiet {
            true => String::new(),
            false => found
                .iter()
                .map(|found| sentence(&args.what, found))
                .collect(),
        },
    )?;
    Ok(u8::from(!found.iter().all(|found| found.audit.holds())))
}

/// The name of the space as the start of a line.
fn of(found: &Checked) -> String {
    let space = found.space.as_ref();
    space.map_or(String::new(), |space| format!("{space}: "))
}

/// What does not hold, line by line.
fn faults(found: &Checked) -> Vec<String> {
    let of = of(found);
    let problems = found.audit.problems.iter();
    let mut all: Vec<String> = problems
        .map(|problem| format!("{of}not verified: {problem}"))
        .collect();
    all.extend(found.advice.as_ref().map(|line| {
        format!("to check the certificates against the rows that they are about, type: {line}")
    }));
    all.extend(found.failures.iter().map(|failure| {
        let (query, verdict, reason) = (failure.query, &failure.verdict, &failure.reason);
        format!("{of}does not hold: query {query} ({verdict}): {reason}")
    }));
    let failed = found.audit.tally.map_or(0, |tally| tally.failed);
    let more = failed.saturating_sub(found.failures.len() as u64);
    all.extend((more > 0).then(|| format!("{of}... and {more} more")));
    all
}

/// The result for one file, for the terminal.
fn sentence(what: &Options, found: &Checked) -> String {
    let of = of(found);
    let Some(tally) = &found.audit.tally else {
        return format!("{of}no certificate was checked\n");
    };
    let (holds, rows) = (tally.holds(), what.rows.settings.words());
    let all = holds + tally.failed;
    format!(
        "{of}{holds} of {all} certificates hold: {} inside exactly, {} inside within tolerance ({:e} of the local scale), {} \
         outside, {} about the cone; {} queries are undecided, for which nothing is claimed; rows read {rows}\n",
        tally.exact, tally.tolerance, what.tolerance, tally.separated, tally.cone, tally.undecided
    )
}
