//! Checks that all certificates of a file hold, and that they are about the given rows; and so for the files that a
//! comparison keeps: each space is fitted and applied anew to the sets that the caller names, and only the names of the
//! spaces are taken from the folder.

use super::archive::certified;
use super::images::ImageArgs;
use super::networks::NetworkArgs;
use super::row_args::RowArgs;
use crate::control::Control;
use crate::error::Result;
use crate::hull::certificate::{Claim, Fault, STRICT, Tally, check};
use crate::rows::{RowSettings, Rows, sample};
use crate::space::{Spec, Views, frames};
use crate::store::InputInfo;
use crate::store::certificates::{CertificateReader, Counts, Identity, Origin, Problem};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::PathBuf;

/// The certificates, the sets that they are about, and how these are read.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The file that `analyze` or `score --certificates` wrote, or the folder of `compare --certificates -o`
    certificates: PathBuf,
    /// The reference rows of that analysis (without it: the built-in sample)
    #[arg(requires = "queries")]
    reference: Option<String>,
    /// The queries of that analysis
    queries: Option<String>,
    /// Largest residual of an inside certificate whose proof is `tolerance`: its distance from the query as a share of the mean
    /// distance to its rows, in units of the columns' spreads
    #[arg(long, value_name = "T", default_value_t = STRICT)]
    pub tolerance: f64,
    #[command(flatten)]
    pub rows: RowArgs,
    #[command(flatten)]
    images: ImageArgs,
    #[command(flatten)]
    networks: NetworkArgs,
    /// Seed of random spaces, as in the comparison
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
}

/// The certificates of one file.
#[derive(Default)]
pub struct Checked {
    /// Their space as typed, if the file is in a comparison's folder.
    pub space: Option<String>,
    /// Both sets; `None` in a folder, and where the file was refused before they were read.
    pub inputs: Option<[InputInfo; 2]>,
    pub audit: Audit,
    /// The first `SHOWN` claims that do not hold.
    pub failures: Vec<Failure>,
    /// What to type instead, where that is known.
    pub advice: Option<String>,
}

/// A claim that does not hold.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    pub query: u64,
    pub verdict: String,
    pub reason: String,
}

/// The most failures of a file that are described.
const SHOWN: usize = 10;

impl Options {
    /// Every file and folder that is read, as typed.
    pub fn inputs(&self) -> Vec<String> {
        let sets = [&self.reference, &self.queries].into_iter().flatten();
        let certificates = self.certificates.display().to_string();
        sets.cloned().chain([certificates]).collect()
    }

    /// Checks every certificate of a file, or of the files in a comparison's folder.
    ///
    /// Errors: a folder without certificates, sets or networks that cannot be read, and interruption; certificates that do not
    /// hold are in the result.
    pub fn run(&self, control: &Control) -> Result<Vec<Checked>> {
        match self.certificates.is_dir() {
            true => self.folder(control),
            false => self.file(control).map(|checked| vec![checked]),
        }
    }

    /// Both sets as typed; `None` for the built-in sample.
    fn named(&self) -> Option<(&str, &str)> {
        self.reference.as_deref().zip(self.queries.as_deref())
    }

    fn folder(&self, control: &Control) -> Result<Vec<Checked>> {
        let files = certified(&self.certificates)?;
        let texts: Vec<String> = files.iter().map(|(space, _)| space.clone()).collect();
        let specs = Spec::parse_all(&texts)?;
        let mut views = self.views(&specs, control)?;
        let mut all = Vec::new();
        for (spec, (space, path)) in specs.iter().zip(files) {
            control.set_task(space.clone());
            let reader = CertificateReader::open(&path)?;
            let view = views.view(spec, control)?;
            let checked = self.check(reader, (&*view.reference, &*view.queries), control)?;
            all.push(Checked {
                space: Some(space),
                ..checked
            });
        }
        control.set_task("");
        Ok(all)
    }

    fn file(&self, control: &Control) -> Result<Checked> {
        let reader = CertificateReader::open(&self.certificates)?;
        let origin = reader.origin().ok().cloned();
        // This check comes before the inputs are read: under other options they may not even be readable.
        let mut checked = match reader.origin_under(&self.rows.settings) {
            Err(problem) => Checked {
                audit: Audit::of(vec![problem]),
                ..Checked::default()
            },
            Ok(_) => {
                let inputs = self.rows.inputs(self.named(), control)?;
                let pair = (&*inputs.reference, &*inputs.queries);
                Checked {
                    inputs: Some([InputInfo::of(pair.0), InputInfo::of(pair.1)]),
                    ..self.check(reader, pair, control)?
                }
            }
        };
        checked.advice = origin.and_then(|origin| self.advice(&checked.audit, &origin));
        Ok(checked)
    }

    /// Checks a file against reference and queries. Errors: as [`audit()`].
    fn check(
        &self,
        reader: CertificateReader,
        (reference, queries): (&dyn Rows, &dyn Rows),
        control: &Control,
    ) -> Result<Checked> {
        let mut failures = Vec::new();
        let failed = &mut |claim: &Claim, fault: Fault| {
            if failures.len() < SHOWN {
                failures.push(Failure {
                    query: claim.query,
                    verdict: claim.verdict().into(),
                    reason: fault.to_string(),
                });
            }
        };
        let (given, tolerance) = (&self.rows.settings, self.tolerance);
        let audit = audit(
            reader, given, reference, queries, tolerance, control, failed,
        )?;
        Ok(Checked {
            audit,
            failures,
            ..Checked::default()
        })
    }

    /// A line that names the rows of the certificates, if the caller named other rows or none.
    fn advice(&self, audit: &Audit, origin: &Origin) -> Option<String> {
        let made = [&origin.reference.name, &origin.queries.name];
        let of_sample = made == sample::NAMES;
        let wrong = |problem: &Problem| match problem {
            Problem::Settings { .. } => true,
            Problem::OtherSet { .. } => self.named().is_none() && !of_sample,
            _ => false,
        };
        if !audit.problems.iter().any(wrong) {
            return None;
        }
        let names: Vec<&str> = match self.named() {
            Some((reference, queries)) => vec![reference, queries],
            None if of_sample => Vec::new(),
            None => made.map(String::as_str).into(),
        };
        let file = self.certificates.display().to_string();
        let words = [file.as_str()].into_iter().chain(names).map(quoted);
        let words = words.collect::<Vec<_>>().join(" ");
        let line = format!("hullscope verify {words} {}", origin.rows.options());
        Some(line.trim_end().into())
    }

    /// The spaces of the sets.
    fn views(&self, specs: &[Spec], control: &Control) -> Result<Views> {
        let rows = &self.rows;
        let opened = match self.named().is_none() && super::compare::brings_all(specs) {
            true => None,
            false => {
                let (frames, named) = (frames(specs)?, self.named().map(|(a, b)| [a, b]));
                let named = named.as_ref().map_or(&[][..], |pair| &pair[..]);
                Some((self.images).open(rows, named, frames.as_ref(), control)?)
            }
        };
        let left = opened.as_ref().map_or(rows.budget(), |opened| opened.left);
        let settings = rows.spaces(self.seed, left, &self.networks);
        let pair = opened.map(|opened| (opened.reference, opened.queries));
        Views::new(pair, specs.to_vec(), settings, control)
    }

    /// All results as JSON; `command` is the command line, and `seconds` what the run took.
    pub fn json(&self, found: &[Checked], command: String, seconds: f64) -> Value {
        let mut sets = json!([self.reference, self.queries]);
        let mut all = match found {
            [found] if found.space.is_none() => {
                sets = found
                    .inputs
                    .as_ref()
                    .map_or(json!([null, null]), |sets| json!(sets));
                found.json()
            }
            spaces => json!({ "spaces": spaces.iter().map(Checked::json).collect::<Vec<_>>() }),
        };
        all["inputs"] = json!({
            "certificates": self.certificates.display().to_string(), "reference": sets[0], "queries": sets[1] });
        all["version"] = json!(env!("CARGO_PKG_VERSION"));
        all["command"] = json!(command);
        all["settings"] = json!({ "tolerance": self.tolerance, "rows": self.rows.settings });
        all["verified"] = json!(found.iter().all(|found| found.audit.holds()));
        all["seconds"] = json!({ "total": seconds });
        all
    }
}

impl Checked {
    /// The result as JSON.
    pub fn json(&self) -> Value {
        let problems = self.audit.problems.iter().map(Problem::to_string);
        let mut all = json!({
            "certificates": self.audit.tally,
            "holds": self.audit.tally.map_or(0, |tally| tally.holds()),
            "problems": problems.collect::<Vec<_>>(),
            "advice": self.advice,
            "failures": self.failures,
        });
        if let Some(space) = &self.space {
            all["space"] = json!(space);
            all["verified"] = json!(self.audit.holds());
        }
        all
    }
}

/// A word quoted for a shell.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "/._-:=+,@%\\".contains(letter);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The result of checking a file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Audit {
    pub problems: Vec<Problem>,
    /// `None` where the certificates are about other rows, so that they were not checked.
    pub tally: Option<Tally>,
}

impl Audit {
    /// The result for a file whose certificates were not checked.
    pub fn of(problems: Vec<Problem>) -> Self {
        Audit {
            problems,
            tally: None,
        }
    }

    /// Whether every certificate holds, and there is one for every query.
    pub fn holds(&self) -> bool {
        self.problems.is_empty() && self.tally.is_some_and(|tally| tally.failed == 0)
    }
}

/// Checks a file against the two sets, which were read under the settings `given`.
///
/// Each claim that does not hold goes to `failed`. The certificates are not checked where the sets are not those of the
/// file. Errors: sets of different dimensions, rows that can no longer be read, a file that cannot be decoded, and
/// interruption; claims that do not hold are in the result.
pub fn audit(
    reader: CertificateReader,
    given: &RowSettings,
    reference: &dyn Rows,
    queries: &dyn Rows,
    tolerance: f64,
    control: &Control,
    failed: &mut dyn FnMut(&Claim, Fault),
) -> Result<Audit> {
    let origin = match reader.origin_under(given) {
        Ok(origin) => origin.clone(),
        Err(problem) => return Ok(Audit::of(vec![problem])),
    };
    let problems = other_sets(&origin, reference, queries, control)?;
    if !problems.is_empty() {
        return Ok(Audit::of(problems));
    }
    let mut found = origin.clone();
    (found.certificates, found.cone) = (Counts::default(), 0);
    let claims = reader.inspect(|claim| claim.iter().for_each(|claim| found.count(claim)));
    let tally = check(claims, reference, queries, tolerance, control, failed)?;
    let mut audit = Audit {
        problems: Vec::new(),
        tally: Some(tally),
    };
    let (stated, queries) = (origin.certificates, queries.len() as u64);
    if stated != found.certificates || stated.total() != queries {
        audit.problems.push(Problem::Count {
            stated,
            found: found.certificates,
            queries,
        });
    }
    if origin.cone != found.cone {
        audit.problems.push(Problem::Cone {
            stated: origin.cone,
            found: found.cone,
        });
    }
    if let Some(first) = tally.first_missing {
        let queries = tally.missing;
        audit.problems.push(Problem::Missing { queries, first });
    }
    Ok(audit)
}

/// The sets that are not those of the certificates.
fn other_sets(
    origin: &Origin,
    reference: &dyn Rows,
    queries: &dyn Rows,
    control: &Control,
) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for (role, made, rows) in [
        ("reference rows", &origin.reference, reference),
        ("queries", &origin.queries, queries),
    ] {
        let given = Identity::of(rows, control)?;
        if !made.same_rows(&given) {
            problems.push(Problem::OtherSet {
                role,
                made: Box::new(made.clone()),
                given: Box::new(given),
            });
        }
    }
    Ok(problems)
}
