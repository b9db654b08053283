//! What the Python package `hullscope` calls: arrays in, arrays out. Everything that only arranges arguments and results is
//! Python, in `python/hullscope`.

mod answers;
mod arrays;
mod fault;
mod waiting;

use crate::control::Control;
use crate::error::Result;
use crate::notion::registry::Wanted;
use crate::report::records::{About, Collected};
use crate::rows::Rows;
use crate::scan::CpuEngine;
use crate::study::analyze::{Metric, Plan, Sets, run_sets};
use crate::study::compare::Known;
use answers::{Answers, Gathered};
use arrays::Array;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use waiting::{How, waited};

/// Bytes of rows and of trees over them.
const MEMORY: u64 = 8 << 30;

/// The plan of a call, its names as the command has them.
fn plan(
    hull: bool,
    neighbours: usize,
    metric: &str,
    notions: Vec<String>,
    gap: Option<f64>,
    seed: u64,
) -> PyResult<Plan> {
    let metric = match metric {
        "euclidean" => Metric::Euclidean,
        "cosine" => Metric::Cosine,
        "dot" => Metric::Dot,
        other => {
            let known = ["euclidean", "cosine", "dot"];
            let text = crate::error::unknown("metric", other, &known);
            return Err(PyValueError::new_err(text));
        }
    };
    Ok(Plan {
        hull,
        neighbours,
        metric,
        notions: Wanted(notions),
        gap,
        seed,
        ..Plan::default()
    })
}

/// Queries answered against a reference, both C-contiguous arrays.
#[pyfunction]
#[pyo3(signature = (reference, queries, *, hull, neighbours, metric, notions, gap, seed, threads, progress))]
#[allow(clippy::too_many_arguments)]
fn analyze<'py>(
    py: Python<'py>,
    reference: &Bound<'py, PyAny>,
    queries: &Bound<'py, PyAny>,
    hull: bool,
    neighbours: usize,
    metric: &str,
    notions: Vec<String>,
    gap: Option<f64>,
    seed: u64,
    threads: Option<usize>,
    progress: Option<Bound<'py, PyAny>>,
) -> PyResult<Answers> {
    let plan = plan(hull, neighbours, metric, notions, gap, seed)?;
    let (reference, queries) = (Array::of(reference)?, Array::of(queries)?);
    let (reference, queries) = (reference.rows("X")?, queries.rows("Q")?);
    let how = How { threads, progress };
    waited(py, &how, |control| {
        answered(&plan, &*reference, &*queries, control)
    })?
    .map_err(|error| PyRuntimeError::new_err(error.to_string()))
}

type Answered = std::result::Result<Answers, serde_json::Error>;

fn answered(
    plan: &Plan,
    reference: &dyn Rows,
    queries: &dyn Rows,
    control: &Control,
) -> Result<Answered> {
    let about = About {
        reference,
        queries,
        plan,
        space: None,
        known: Known::default(),
    };
    let mut sink = Gathered {
        table: Collected::new(&about)?,
        answers: Vec::new(),
        rows: Vec::new(),
        distances: Vec::new(),
        warnings: Vec::new(),
    };
    let sets = Sets {
        reference,
        queries,
        classes: None,
        layers: &[],
        memory: MEMORY,
    };
    let summary = run_sets(plan, &CpuEngine, &sets, &mut sink, control)?;
    let (schema, batches) = sink.table.finish();
    Ok(serde_json::to_string(&summary).map(|summary| Answers {
        schema,
        batches,
        answers: sink.answers,
        near: (sink.rows, sink.distances),
        warnings: sink.warnings,
        summary,
        queries: queries.len(),
    }))
}

/// The compiled half of the package.
#[pymodule]
mod _core {
    #[pymodule_export]
    use super::analyze;
    #[pymodule_export]
    use super::answers::Answers;
}
