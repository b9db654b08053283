//! `hullscope verify`: do the certificates of a file hold? The check uses none of the solver's code.
//!
//! Nothing in the file is trusted: inputs, row options and tolerance come from the caller, and the run that the file
//! states is compared with them.

use super::run::Manner;
use crate::control::Control;
use crate::error::Result;
use crate::hull::certificate::STRICT;
use crate::job::guard::Outputs;
use crate::job::images::ImageArgs;
use crate::job::networks::NetworkArgs;
use crate::job::row_args::{COLUMNS, RowArgs};
use crate::job::verify::{Checked, Sets, files};
use serde_json::{Value, json};
use std::path::PathBuf;
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
    /// The file that `analyze --certificates` wrote, or the folder of `compare --certificates -o`
    certificates: PathBuf,
    /// The reference rows of that analysis (without it: the built-in sample)
    #[arg(requires = "queries")]
    reference: Option<String>,
    /// The queries of that analysis
    queries: Option<String>,
    /// Largest residual of an inside certificate whose proof is `tolerance`: its distance from the query as a share of the mean
    /// distance to its rows, in units of the columns' spreads
    #[arg(long, value_name = "T", default_value_t = STRICT)]
    tolerance: f64,
    /// Write the result as JSON (- for stdout)
    #[arg(long, value_name = "FILE|-")]
    json: Option<String>,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    images: ImageArgs,
    #[command(flatten)]
    networks: NetworkArgs,
    /// Seed of random spaces, as in the comparison
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    manner: Manner,
}

/// Runs the command; the exit code says whether every certificate holds.
pub fn run(args: &Args, control: &Control) -> Result<u8> {
    let named = [&args.reference, &args.queries].into_iter().flatten();
    let inputs = named
        .cloned()
        .chain([args.certificates.display().to_string()]);
    let outputs = Outputs::files([], args.json.as_deref());
    outputs.check(&inputs.collect::<Vec<_>>())?;
    let started = Instant::now();
    let bar = args.manner.begin(control, "verify")?;
    let sets = Sets {
        named: args.reference.as_deref().zip(args.queries.as_deref()),
        rows: &args.rows,
        images: &args.images,
        networks: &args.networks,
        seed: args.seed,
    };
    let found = files(&args.certificates, &sets, args.tolerance, control)?;
    drop(bar);
    let holds = found.iter().all(|found| found.audit.holds());
    let faults = found.iter().flat_map(faults);
    faults.for_each(|line| args.manner.tell(&line));
    let text = || match args.manner.quiet {
        true => String::new(),
        false => found.iter().map(|found| sentence(args, found)).collect(),
    };
    let seconds = started.elapsed().as_secs_f64();
    outputs.deliver(|| result(args, &found, holds, seconds), text)?;
    Ok(u8::from(!holds))
}

/// The result as JSON.
fn result(args: &Args, found: &[Checked], holds: bool, seconds: f64) -> Value {
    let typed = [&args.reference, &args.queries].map(|set| json!(set));
    let (mut all, [reference, queries]) = match found {
        [found] if found.space.is_none() => {
            let sets = found.inputs.as_ref();
            (
                found.json(),
                [0, 1].map(|set| json!(sets.map(|sets| &sets[set]))),
            )
        }
        spaces => {
            let spaces: Vec<Value> = spaces.iter().map(Checked::json).collect();
            (json!({ "spaces": spaces }), typed)
        }
    };
    all["inputs"] = json!({
        "certificates": args.certificates.display().to_string(), "reference": reference, "queries": queries });
    all["version"] = json!(env!("CARGO_PKG_VERSION"));
    all["command"] = json!(super::command_line());
    all["settings"] = json!({ "tolerance": args.tolerance, "rows": args.rows.settings });
    all["verified"] = json!(holds);
    all["seconds"] = json!({ "total": seconds });
    all
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
fn sentence(args: &Args, found: &Checked) -> String {
    let of = of(found);
    let Some(tally) = &found.audit.tally else {
        return format!("{of}no certificate was checked\n");
    };
    let (holds, rows) = (tally.holds(), args.rows.settings.words());
    let all = holds + tally.failed;
    format!(
        "{of}{holds} of {all} certificates hold: {} inside exactly, {} inside within tolerance ({:e} of the local scale), {} \
         outside, {} about the cone; {} queries are undecided, for which nothing is claimed; rows read {rows}\n",
        tally.exact, tally.tolerance, args.tolerance, tally.separated, tally.cone, tally.undecided
    )
}
