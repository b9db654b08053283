//! `hullscope verify`: do the certificates of a file hold? Checked without any of the solver's code.
//!
//! The file is believed in nothing: inputs, row options and tolerance are the caller's, and what the file says of its
//! own run is held against them.

use super::progress::{Bar, Shown};
use crate::control::Control;
use crate::error::Result;
use crate::hull::certificate::{Claim, Fault, STRICT, Tally};
use crate::job::inputs::{COLUMNS, Inputs, RowArgs};
use crate::report::certificates::{Audit, Origin, Problem, Reader, audit};
use crate::report::{InputInfo, file, json};
use crate::rows::{Rows, sample};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// Failures that are described one by one.
const SHOWN: usize = 10;

const EXAMPLES: &str = "\
Examples:
  hullscope analyze train.npy test.npy --scale 2 --certificates proof.parquet
  hullscope verify proof.parquet train.npy test.npy --scale 2
  hullscope verify proof.parquet train.npy test.npy --scale 2 --json -

Nothing is taken from the file but the claims: the inputs, the options that say how rows are read (--scale,
--normalize, limits ...) and the tolerance are those given here, and must be those of the analysis. Exits with 1 if a
certificate does not hold, if a query has none or two, or if the file is of other rows or other options.";

/// Check every certificate of a file against the two inputs
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("{EXAMPLES}\n\n{COLUMNS}"))]
pub struct Args {
    /// The file that `analyze --certificates` wrote
    certificates: PathBuf,
    /// The reference rows of that analysis (without it: the built-in sample)
    #[arg(requires = "queries")]
    reference: Option<String>,
    /// The queries of that analysis
    queries: Option<String>,
    /// Largest distance of an inside certificate within tolerance from its query, as a share of the mean distance to
    /// its rows, in units of the columns' spreads
    #[arg(long, value_name = "T", default_value_t = STRICT)]
    tolerance: f64,
    /// Write the result as JSON (- for stdout)
    #[arg(long, value_name = "FILE|-")]
    json: Option<String>,
    #[command(flatten)]
    rows: RowArgs,
    /// Worker threads (default: all cores)
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Only the exit code
    #[arg(short, long)]
    quiet: bool,
    /// How far it is: a bar on a terminal and plain lines elsewhere (auto), lines, or nothing
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Shown::Auto)]
    progress: Shown,
}

/// What came of it, with everything that is said of it.
struct Found {
    /// Absent where the file was refused before the inputs were read.
    inputs: Option<Inputs>,
    audit: Audit,
    /// The first certificates that do not hold: query, verdict, reason.
    failures: Vec<Value>,
    /// What to type instead, where that is known.
    advice: Option<String>,
}

/// Run the command; the exit code says whether every certificate holds.
pub fn run(args: Args, control: &Arc<Control>) -> Result<ExitCode> {
    super::threads(args.threads)?;
    let mut inputs = vec![args.certificates.display().to_string()];
    inputs.extend(
        [&args.reference, &args.queries]
            .into_iter()
            .flatten()
            .cloned(),
    );
    super::check_outputs(None, args.json.as_deref(), &inputs)?;
    let started = Instant::now();
    let bar = Bar::start(control, args.progress.unless(args.quiet));
    let found = find(&args, control)?;
    drop(bar);
    show(&args, &found)?;
    if let Some(target) = &args.json {
        let text = json::pretty(&result(&args, &found, started.elapsed().as_secs_f64()));
        file::write_text(target, &text)?;
    }
    Ok(ExitCode::from(u8::from(!found.audit.holds())))
}

fn find(args: &Args, control: &Control) -> Result<Found> {
    let reader = Reader::open(&args.certificates)?;
    let given = args.rows.settings();
    let origin = reader.origin().ok().cloned();
    let mut found = Found {
        inputs: None,
        audit: Audit::default(),
        failures: Vec::new(),
        advice: None,
    };
    // Before the inputs are read: under other options they may not even be readable.
    match reader.origin_under(&given) {
        Err(problem) => found.audit = Audit::of(vec![problem]),
        Ok(_) => {
            let named = (args.reference.as_deref(), args.queries.as_deref());
            let inputs = args.rows.inputs(named.0, named.1, control)?;
            let (reference, queries) = (&*inputs.reference, &*inputs.queries);
            let failures = &mut found.failures;
            let mut failed = |claim: &Claim, fault: Fault| {
                if failures.len() < SHOWN {
                    let (query, verdict, reason) =
                        (claim.query, claim.verdict(), fault.to_string());
                    failures.push(json!({ "query": query, "verdict": verdict, "reason": reason }));
                }
            };
            let tolerance = args.tolerance;
            found.audit = audit(
                reader,
                &given,
                reference,
                queries,
                tolerance,
                control,
                &mut failed,
            )?;
            found.inputs = Some(inputs);
        }
    }
    found.advice = origin.and_then(|origin| advice(args, &found.audit, &origin));
    Ok(found)
}

/// The line that names the rows of the file, where other rows were asked about or none.
fn advice(args: &Args, audit: &Audit, origin: &Origin) -> Option<String> {
    let made = [&origin.reference.name, &origin.queries.name];
    let of_sample = made == sample::NAMES;
    let wrong = |problem: &Problem| match problem {
        Problem::Settings { .. } => true,
        Problem::OtherSet { .. } => args.reference.is_none() && !of_sample,
        _ => false,
    };
    if !audit.problems.iter().any(wrong) {
        return None;
    }
    let mut words = vec![args.certificates.display().to_string()];
    match (&args.reference, &args.queries) {
        (Some(reference), Some(queries)) => words.extend([reference.clone(), queries.clone()]),
        _ if of_sample => {}
        _ => words.extend(made.map(String::clone)),
    }
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    let line = format!(
        "hullscope verify {} {}",
        words.join(" "),
        origin.rows.options()
    );
    Some(line.trim_end().into())
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "/._-:=+,@%\\".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The result for programs.
fn result(args: &Args, found: &Found, seconds: f64) -> Value {
    let of = |set: fn(&Inputs) -> &dyn Rows| {
        let inputs = found.inputs.as_ref();
        inputs.map(|inputs| InputInfo::of(set(inputs)))
    };
    let problems = found.audit.problems.iter().map(Problem::to_string);
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "command": super::command_line(),
        "inputs": {
            "certificates": args.certificates.display().to_string(),
            "reference": of(|inputs| &*inputs.reference),
            "queries": of(|inputs| &*inputs.queries),
        },
        "settings": { "tolerance": args.tolerance, "rows": args.rows.settings() },
        "certificates": found.audit.tally,
        "holds": found.audit.tally.map_or(0, |tally| tally.holds()),
        "verified": found.audit.holds(),
        "problems": problems.collect::<Vec<_>>(),
        "advice": found.advice,
        "failures": found.failures,
        "seconds": { "total": seconds },
    })
}

/// The result for people.
fn show(args: &Args, found: &Found) -> Result<()> {
    if args.quiet {
        return Ok(());
    }
    for problem in &found.audit.problems {
        file::tell(&format!("not verified: {problem}"));
    }
    if let Some(line) = &found.advice {
        file::tell(&format!(
            "to check the rows that the file is of, type: {line}"
        ));
    }
    for failure in &found.failures {
        let text = |key: &str| failure[key].as_str().unwrap_or_default().to_string();
        file::tell(&format!(
            "does not hold: query {} ({}): {}",
            failure["query"],
            text("verdict"),
            text("reason")
        ));
    }
    let shown = found.failures.len() as u64;
    let failed = found.audit.tally.map_or(0, |tally| tally.failed);
    if failed > shown {
        file::tell(&format!("... and {} more", failed - shown));
    }
    if args.json.as_deref() == Some("-") {
        return Ok(());
    }
    let rows = args.rows.settings().words();
    let text = match &found.audit.tally {
        Some(tally) => format!("{}; rows read {rows}", sentence(tally, args.tolerance)),
        None => "no certificate was checked".into(),
    };
    file::print(&format!("{text}\n"))
}

fn sentence(tally: &Tally, tolerance: f64) -> String {
    let mut text = format!(
        "{} of {} certificates hold: {} inside exactly, {} inside within tolerance ({tolerance:e} of the local scale), \
         {} outside",
        tally.holds(),
        tally.holds() + tally.failed,
        tally.exact,
        tally.tolerance,
        tally.separated
    );
    if tally.cone > 0 {
        text += &format!("; {} are about the cone", tally.cone);
    }
    if tally.undecided > 0 {
        text += &format!(
            "; {} queries are undecided, which claims nothing",
            tally.undecided
        );
    }
    text
}
