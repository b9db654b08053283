//! Checks that all certificates of a file hold, and that they are about the given rows; and so for the files that a
//! comparison keeps: each space is fitted and applied anew to the sets that the caller names, and only the names of the
//! spaces are taken from the folder.

use super::archive::certified;
use super::images::ImageArgs;
use super::networks::NetworkArgs;
use super::row_args::RowArgs;
use crate::control::Control;
use crate::error::Result;
use crate::hull::certificate::{Claim, Fault, Tally, check};
use crate::rows::{RowSettings, Rows};
use crate::space::{Settings, Spec, Views, frames};
use crate::store::certificates::{CertificateReader, Counts, Identity, Origin, Problem};
use serde::Serialize;
use std::path::Path;

/// The sets, and how they are read.
pub struct Sets<'a> {
    /// Reference and queries as typed; `None` for the built-in sample.
    pub named: Option<(&'a str, &'a str)>,
    pub rows: &'a RowArgs,
    pub images: &'a ImageArgs,
    pub networks: &'a NetworkArgs,
    /// Seed of random spaces.
    pub seed: u64,
}

/// The certificates of one space.
pub struct Checked {
    /// As typed.
    pub space: String,
    pub audit: Audit,
    /// The first claims that do not hold.
    pub failures: Vec<Failure>,
}

/// Checks every certificate in a comparison's folder; `shown` failures of each space are described.
///
/// Errors: a folder without certificates, sets or networks that cannot be read, and interruption; certificates that do not
/// hold are in the result.
pub fn folder(
    folder: &Path,
    sets: &Sets<'_>,
    tolerance: f64,
    shown: usize,
    control: &Control,
) -> Result<Vec<Checked>> {
    let files = certified(folder)?;
    let texts: Vec<String> = files.iter().map(|(space, _)| space.clone()).collect();
    let specs = Spec::parse_all(&texts)?;
    let mut views = views(sets, &specs, control)?;
    let given = sets.rows.settings();
    let mut checked = Vec::new();
    for (spec, (space, path)) in specs.iter().zip(files) {
        control.set_task(space.clone());
        let reader = CertificateReader::open(&path)?;
        let view = views.view(spec, control)?;
        let sets = (&*view.reference, &*view.queries);
        let (audit, failures) = audited(reader, &given, sets, tolerance, shown, control)?;
        checked.push(Checked {
            space,
            audit,
            failures,
        });
    }
    control.set_task("");
    Ok(checked)
}

/// A claim that does not hold.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    pub query: u64,
    pub verdict: String,
    pub reason: String,
}

/// Checks a file against reference and queries, which were read under the settings `given`; the first `shown` claims that
/// do not hold are described.
///
/// Errors: as [`audit()`].
pub fn audited(
    reader: CertificateReader,
    given: &RowSettings,
    (reference, queries): (&dyn Rows, &dyn Rows),
    tolerance: f64,
    shown: usize,
    control: &Control,
) -> Result<(Audit, Vec<Failure>)> {
    let mut failures = Vec::new();
    let mut failed = |claim: &Claim, fault: Fault| {
        if failures.len() < shown {
            failures.push(Failure {
                query: claim.query,
                verdict: claim.verdict().into(),
                reason: fault.to_string(),
            });
        }
    };
    let audit = audit(
        reader,
        given,
        reference,
        queries,
        tolerance,
        control,
        &mut failed,
    )?;
    Ok((audit, failures))
}

/// The spaces of the sets.
fn views(sets: &Sets<'_>, specs: &[Spec], control: &Control) -> Result<Views> {
    let rows = sets.rows;
    let opened = match sets.named.is_none() && super::compare::brings_all(specs) {
        true => None,
        false => {
            let frames = frames(specs)?;
            Some(
                sets.images
                    .open(rows, sets.named, frames.as_ref(), control)?,
            )
        }
    };
    let settings = Settings {
        seed: sets.seed,
        memory: opened
            .as_ref()
            .map_or_else(|| rows.budget(), |opened| opened.left),
        files: rows.both()?,
        onnx_runtime: sets.networks.onnx_runtime.clone(),
    };
    let pair = opened.map(|opened| (opened.reference, opened.queries));
    Views::new(pair, specs.to_vec(), settings, control)
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
