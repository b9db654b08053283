//! `hullscope verify`: do the certificates of a file hold? The check uses none of the solver's code.
//!
//! Nothing in the file is trusted: inputs, row options and tolerance come from the caller, and the run that the file
//! states is compared with them.

use super::run::Manner;
use crate::control::Control;
use crate::error::Result;
use crate::hull::certificate::{STRICT, Tally};
use crate::job::guard::Outputs;
use crate::job::images::ImageArgs;
use crate::job::networks::NetworkArgs;
use crate::job::row_args::{COLUMNS, RowArgs};
use crate::job::verify::{Checked, Sets, files};
use crate::store::file;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
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
pub fn run(args: &Args, control: &Arc<Control>) -> Result<u8> {
    let named = [&args.reference, &args.queries].into_iter().flatten();
    let inputs = named
        .cloned()
        .chain([args.certificates.display().to_string()]);
    let outputs = Outputs::files([], args.json.as_deref());
    outputs.check(&inputs.collect::<Vec<_>>())?;
    let started = Instant::now();
    let bar = args.manner.begin(control, &[])?;
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
    if !args.manner.quiet {
        found.iter().for_each(tell);
    }
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
    let certificates = args.certificates.display().to_string();
    let mut all = match found {
        [found] if found.space.is_none() => {
            let [reference, queries] = match &found.inputs {
                Some([reference, queries]) => [Some(reference), Some(queries)],
                None => [None, None],
            };
            let mut all = found.json();
            all["inputs"] = json!({
                "certificates": certificates, "reference": reference, "queries": queries });
            all
        }
        spaces => json!({
            "inputs": {
                "certificates": certificates,
                "reference": args.reference,
                "queries": args.queries,
            },
            "spaces": spaces.iter().map(Checked::json).collect::<Vec<_>>(),
        }),
    };
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

/// Tells on stderr what does not hold.
fn tell(found: &Checked) {
    let of = of(found);
    for problem in &found.audit.problems {
        file::tell(&format!("{of}not verified: {problem}"));
    }
    if let Some(line) = &found.advice {
        file::tell(&format!(
            "to check the certificates against the rows that they are about, type: {line}"
        ));
    }
    for failure in &found.failures {
        file::tell(&format!(
            "{of}does not hold: query {} ({}): {}",
            failure.query, failure.verdict, failure.reason
        ));
    }
    let failed = found.audit.tally.map_or(0, |tally| tally.failed);
    let more = failed.saturating_sub(found.failures.len() as u64);
    if more > 0 {
        file::tell(&format!("{of}... and {more} more"));
    }
}

/// The result for one file, for the terminal.
fn sentence(args: &Args, found: &Checked) -> String {
    let Some(tally) = &found.audit.tally else {
        return format!("{}no certificate was checked\n", of(found));
    };
    let (rows, tolerance) = (args.rows.settings.words(), args.tolerance);
    let parts: String = [
        (tally.cone, " are about the cone"),
        (
            tally.undecided,
            " queries are undecided, for which nothing is claimed",
        ),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("; {count}{what}"))
    .collect();
    let Tally {
        failed,
        exact,
        tolerance: near,
        separated,
        ..
    } = tally;
    let holds = tally.holds();
    format!(
        "{}{holds} of {} certificates hold: {exact} inside exactly, {near} inside within tolerance ({tolerance:e} of the \
         local scale), {separated} outside{parts}; rows read {rows}\n",
        of(found),
        holds + failed
    )
}
