//! Checks the certificates that a comparison keeps: each space is fitted and applied anew to the sets that the caller
//! names, and every certificate is checked against the rows of that space. Only the names of the spaces are taken from
//! the folder.

use super::archive::certified;
use super::images::ImageArgs;
use super::networks::NetworkArgs;
use super::row_args::RowArgs;
use crate::control::Control;
use crate::error::Result;
use crate::hull::certificate::{Claim, Fault};
use crate::report::RowSettings;
use crate::report::certificates::{Audit, CertificateReader, audit};
use crate::rows::Rows;
use crate::space::{Settings, Spec, Views, frames};
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
