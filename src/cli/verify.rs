//! `hullscope verify`: do the certificates of a file hold? The check uses none of the solver's code.
//!
//! Nothing in the file is trusted: inputs, row options and tolerance come from the caller, and the run that the file
//! states is compared with them.

use super::numbers;
use super::progress::{Bar, Shown};
use crate::control::Control;
use crate::error::Result;
use crate::hull::certificate::{STRICT, Tally};
use crate::job::images::ImageArgs;
use crate::job::networks::NetworkArgs;
use crate::job::row_args::{COLUMNS, RowArgs};
use crate::job::verify::{self, Audit, Failure};
use crate::report::json;
use crate::rows::sample;
use crate::store::certificates::{CertificateReader, Origin, Problem};
use crate::store::{InputInfo, file};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// The most failures that are described.
const SHOWN: usize = 10;

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
    /// Worker threads (default: all cores)
    #[arg(long, value_name = "N", value_parser = numbers::threads)]
    threads: Option<usize>,
    /// Print nothing; the exit code is the result
    #[arg(short, long)]
    quiet: bool,
    /// How progress is shown: a bar on a terminal and plain lines elsewhere (auto), lines, or nothing
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Shown::Auto)]
    progress: Shown,
}

/// The result for one certificate file.
struct FileAudit {
    /// The space of the certificates, if the file is in a comparison's folder.
    space: Option<String>,
    /// `None` where the file was refused before the inputs were read.
    inputs: Option<[InputInfo; 2]>,
    audit: Audit,
    /// The first certificates that do not hold.
    failures: Vec<Failure>,
    /// What to type instead, where that is known.
    advice: Option<String>,
}

/// Runs the command; the exit code says whether every certificate holds.
pub fn run(args: Args, control: &Arc<Control>) -> Result<u8> {
    super::threads(args.threads)?;
    let mut inputs = vec![args.certificates.display().to_string()];
    inputs.extend(args.reference.iter().chain(&args.queries).cloned());
    super::check_outputs(None, args.json.as_deref(), &inputs)?;
    let started = Instant::now();
    let bar = Bar::start(control, args.progress.unless(args.quiet));
    let found = match args.certificates.is_dir() {
        true => folder(&args, control)?,
        false => vec![audit_file(&args, control)?],
    };
    drop(bar);
    found.iter().try_for_each(|found| show(&args, found))?;
    let holds = found.iter().all(|found| found.audit.holds());
    if let Some(target) = &args.json {
        let seconds = started.elapsed().as_secs_f64();
        let text = json::pretty(&result(&args, &found, holds, seconds));
        file::write_text(target, &text)?;
    }
    Ok(u8::from(!holds))
}

/// Checks the certificates of every space in a comparison's folder.
fn folder(args: &Args, control: &Control) -> Result<Vec<FileAudit>> {
    let sets = verify::Sets {
        named: args.reference.as_deref().zip(args.queries.as_deref()),
        rows: &args.rows,
        images: &args.images,
        networks: &args.networks,
        seed: args.seed,
    };
    let all = verify::folder(&args.certificates, &sets, args.tolerance, SHOWN, control)?;
    let found = all.into_iter().map(|checked| FileAudit {
        space: Some(checked.space),
        inputs: None,
        failures: checked.failures,
        advice: None,
        audit: checked.audit,
    });
    Ok(found.collect())
}

fn audit_file(args: &Args, control: &Control) -> Result<FileAudit> {
    let reader = CertificateReader::open(&args.certificates)?;
    let given = args.rows.settings();
    let origin = reader.origin().ok().cloned();
    let mut found = FileAudit {
        space: None,
        inputs: None,
        audit: Audit::default(),
        failures: Vec::new(),
        advice: None,
    };
    // This check comes before the inputs are read: under other options they may not even be readable.
    match reader.origin_under(&given) {
        Err(problem) => found.audit = Audit::of(vec![problem]),
        Ok(_) => {
            let named = (args.reference.as_deref(), args.queries.as_deref());
            let inputs = args.rows.inputs(named.0, named.1, control)?;
            let (reference, queries) = (&*inputs.reference, &*inputs.queries);
            let (sets, tolerance) = ((reference, queries), args.tolerance);
            (found.audit, found.failures) =
                verify::audited(reader, &given, sets, tolerance, SHOWN, control)?;
            found.inputs = Some([InputInfo::of(reference), InputInfo::of(queries)]);
        }
    }
    found.advice = origin.and_then(|origin| advice(args, &found.audit, &origin));
    Ok(found)
}

/// A line that names the rows of the certificates, if the caller named other rows or none.
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

/// A word quoted for a shell.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "/._-:=+,@%\\".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The result as JSON.
fn result(args: &Args, found: &[FileAudit], holds: bool, seconds: f64) -> Value {
    let mut all = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "command": super::command_line(),
        "settings": { "tolerance": args.tolerance, "rows": args.rows.settings() },
        "verified": holds,
        "seconds": { "total": seconds },
    });
    let certificates = args.certificates.display().to_string();
    let parts = match found {
        [found] if found.space.is_none() => {
            let [reference, queries] = match &found.inputs {
                Some([reference, queries]) => [Some(reference), Some(queries)],
                None => [None, None],
            };
            let inputs = json!({
                "certificates": certificates, "reference": reference, "queries": queries });
            let mut parts = of_file(found);
            parts["inputs"] = inputs;
            parts
        }
        spaces => json!({
            "inputs": {
                "certificates": certificates,
                "reference": args.reference,
                "queries": args.queries,
            },
            "spaces": spaces.iter().map(of_file).collect::<Vec<_>>(),
        }),
    };
    if let (Some(all), Value::Object(parts)) = (all.as_object_mut(), parts) {
        all.extend(parts);
    }
    all
}

/// The result for one file, as JSON.
fn of_file(found: &FileAudit) -> Value {
    let problems = found.audit.problems.iter().map(Problem::to_string);
    let mut parts = json!({
        "certificates": found.audit.tally,
        "holds": found.audit.tally.map_or(0, |tally| tally.holds()),
        "problems": problems.collect::<Vec<_>>(),
        "advice": found.advice,
        "failures": found.failures,
    });
    if let Some(space) = &found.space {
        parts["space"] = json!(space);
        parts["verified"] = json!(found.audit.holds());
    }
    parts
}

/// Prints the result for one file.
fn show(args: &Args, found: &FileAudit) -> Result<()> {
    if args.quiet {
        return Ok(());
    }
    let space = found.space.as_ref();
    let of = space.map_or(String::new(), |space| format!("{space}: "));
    for problem in &found.audit.problems {
        file::tell(&format!("{of}not verified: {problem}"));
    }
    if let Some(line) = &found.advice {
        file::tell(&format!(
            "to check the certificates against the rows that they are about, type: {line}"
        ));
    }
    for Failure {
        query,
        verdict,
        reason,
    } in &found.failures
    {
        file::tell(&format!(
            "{of}does not hold: query {query} ({verdict}): {reason}"
        ));
    }
    let shown = found.failures.len() as u64;
    let failed = found.audit.tally.map_or(0, |tally| tally.failed);
    if failed > shown {
        file::tell(&format!("{of}... and {} more", failed - shown));
    }
    if args.json.as_deref() == Some("-") {
        return Ok(());
    }
    let rows = args.rows.settings().words();
    let text = match &found.audit.tally {
        Some(tally) => format!("{}; rows read {rows}", sentence(tally, args.tolerance)),
        None => "no certificate was checked".into(),
    };
    file::print(&format!("{of}{text}\n"))
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
            "; {} queries are undecided, for which nothing is claimed",
            tally.undecided
        );
    }
    text
}
