//! The compiled part of the Python package `hullscope`: arrays in, arrays out. Code that only arranges arguments and results
//! is Python, in `python/hullscope`.

mod answers;
mod arrays;
mod asked;
mod certificate;
mod compared;
mod fault;
mod figure;
mod fitted;
mod sample;
mod sharded;
mod table;
mod waiting;

use crate::study::analyze::Sets;
use answers::{Answers, answered};
use arrays::{Given, Seen, memory};
use asked::Asked;
use fault::{panicked, raised};
use pyo3::prelude::*;
use waiting::{How, waited};

/// Answers queries against a reference that is not kept.
#[pyfunction]
#[pyo3(signature = (reference, queries, asked, *, threads, progress))]
fn analyze<'py>(
    py: Python<'py>,
    reference: &Bound<'py, PyAny>,
    queries: &Bound<'py, PyAny>,
    asked: Asked,
    threads: Option<usize>,
    progress: Option<Bound<'py, PyAny>>,
) -> PyResult<Answers> {
    let plan = asked.plan().map_err(raised)?;
    let (reference, queries) = (Given::of(reference)?, Given::of(queries)?);
    let (reference, queries) = (reference.source("X")?, queries.source("Q")?);
    waited(py, &How { threads, progress }, |control| {
        let reference = reference.open(Seen::Never, None, control)?;
        let like = crate::rows::like(&*reference);
        let queries = queries.open(Seen::Never, like, control)?;
        let sets = Sets {
            reference: &*reference,
            queries: &*queries,
            classes: None,
            layers: &[],
            warnings: &[],
            memory: memory(),
        };
        answered(&plan, &sets, None, None, control)
    })
}

/// Runs the command `hullscope` with these arguments, the first of which is its name; returns the exit code.
#[pyfunction]
fn command(py: Python<'_>, words: Vec<std::ffi::OsString>) -> PyResult<u8> {
    let ran = py.detach(|| std::panic::catch_unwind(|| crate::cli::run(words)));
    ran.map_err(panicked)
}

/// Checks that a file is a `.hull` file of this version, without reading its arrays; it returns nothing.
#[pyfunction]
fn check_hull(path: std::path::PathBuf) -> PyResult<()> {
    crate::store::hull_file::check(&path).map_err(raised)
}

/// The compiled part of the package.
#[pymodule]
mod _core {
    #[pymodule_export]
    use super::analyze;
    #[pymodule_export]
    use super::answers::Answers;
    #[pymodule_export]
    use super::certificate::Certificate;
    #[pymodule_export]
    use super::check_hull;
    #[pymodule_export]
    use super::command;
    #[pymodule_export]
    use super::compared::compare;
    #[pymodule_export]
    use super::fitted::Fitted;
    #[pymodule_export]
    use super::sample::sample_arrays;
    #[pymodule_export]
    use super::sharded::Shard;
    #[pymodule_export]
    use super::sharded::fit_shards;
    #[pymodule_export]
    use super::waiting::fail;
}
