//! A comparison of spaces, from arguments as on the command line.

use super::answers::cpu;
use super::fault::raised;
use super::waiting::{How, waited};
use crate::error::Error;
use crate::job::compare::Options;
use crate::job::folder;
use crate::job::lock::Lock;
use crate::store::file::pretty;
use clap::Parser;
use pyo3::prelude::*;
use std::path::PathBuf;

/// The arguments of `hullscope compare`.
#[derive(Debug, Parser)]
#[command(name = "compare", no_binary_name = true, disable_help_flag = true)]
struct Words {
    #[command(flatten)]
    what: Options,
}

/// Compares spaces. `folder` is where tables, figures and the page are written; `replace` removes the results of another run
/// from it. Returns all results as JSON, the tables that the command prints, and the notes.
#[pyfunction]
#[pyo3(signature = (words, *, folder, replace, threads, progress))]
pub fn compare<'py>(
    py: Python<'py>,
    words: Vec<String>,
    folder: Option<PathBuf>,
    replace: bool,
    threads: Option<usize>,
    progress: Option<Bound<'py, PyAny>>,
) -> PyResult<(String, String, Vec<String>)> {
    let Words { mut what } = Words::try_parse_from(words).map_err(|error| {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        raised(Error::Usage(first.trim_start_matches("error: ").into()))
    })?;
    what.replace = replace;
    waited(py, &How { threads, progress }, |control| {
        let specs = what.specs()?;
        what.plan().analysis.check()?;
        let _lock = folder.as_deref().map(Lock::take).transpose()?;
        let job = what.open("hullscope.compare", specs, control)?;
        let done = job.run(cpu()?, folder.as_deref(), control)?;
        if let Some(folder) = &folder {
            folder::write(folder, &done)?;
        }
        Ok((pretty(&done.json()), done.text(), done.all_notes()))
    })
}
