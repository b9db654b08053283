//! A reference in shards: the part that an actor of a cluster holds, and the caller's part, which sends questions through a
//! Python function and answers the queries.

use super::answers::cpu;
use super::arrays::Given;
use super::asked::Asked;
use super::fault::raised;
use super::fitted::Fitted;
use super::waiting::{How, waited};
use crate::control::Control;
use crate::error::{Error, Place, Result};
use crate::rows::sharded::{Sharded, Shards};
use crate::rows::{Element, Pack};
use crate::scan::LocalShard;
use crate::study::shard;
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use std::sync::Arc;

/// A shard: rows of a larger set, which answers questions about them.
#[pyclass(module = "hullscope._core", frozen)]
pub struct Shard(LocalShard);

#[pymethods]
impl Shard {
    /// A shard of `rows`, an array or the name of a file. An array is copied.
    #[new]
    #[pyo3(signature = (rows, *, threads))]
    fn new(py: Python<'_>, rows: &Bound<'_, PyAny>, threads: Option<usize>) -> PyResult<Self> {
        let given = Given::of(rows)?;
        let source = given.source("the shard")?;
        let how = How {
            threads,
            progress: None,
        };
        let rows = waited(py, &how, |control| source.kept(control))?;
        let engine = Arc::new(cpu().map_err(raised)?.clone());
        Ok(Shard(LocalShard::new(rows, engine)))
    }

    /// The numbers of rows and columns, the number type, and whether each number is exactly an f32.
    fn about(&self) -> (usize, usize, String, bool) {
        let rows = self.0.rows();
        let element = format!("{:?}", rows.element()).to_lowercase();
        (rows.len(), rows.dim(), element, rows.fits_f32())
    }

    /// The answer to a question.
    #[pyo3(signature = (what, question, *, threads))]
    fn answer<'py>(
        &self,
        py: Python<'py>,
        what: &str,
        question: &[u8],
        threads: Option<usize>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let how = How {
            threads,
            progress: None,
        };
        let answer = waited(py, &how, |control| {
            let question = Pack::of_bytes("a question to a shard", question)?;
            Ok(shard::answer(&self.0, what, question, control)?.to_bytes())
        })?;
        Ok(PyBytes::new(py, &answer))
    }
}

/// Shards behind a Python function `ask(what, [(shard, question), ...])`. It returns a function that is called until it
/// returns the answers: `ready() -> [answer, ...]`, or `None` if some are missing after a moment. Questions and answers are
/// bytes.
struct Called {
    lens: Vec<usize>,
    ask: Py<PyAny>,
}

impl Shards for Called {
    fn lens(&self) -> &[usize] {
        &self.lens
    }

    fn ask(
        &self,
        what: &str,
        questions: Vec<(usize, Pack)>,
        control: &Control,
    ) -> Result<Vec<Pack>> {
        // Equal questions are one object, so that it is sent only once.
        let mut bytes: Vec<(usize, Option<Vec<u8>>)> = Vec::with_capacity(questions.len());
        for (at, (shard, question)) in questions.iter().enumerate() {
            let same = at > 0 && questions[at - 1].1 == *question;
            bytes.push((*shard, (!same).then(|| question.to_bytes())));
        }
        drop(questions);
        let ready = Python::attach(|py| {
            let list = PyList::empty(py);
            let mut last = PyBytes::new(py, &[]);
            for (shard, question) in bytes {
                if let Some(question) = question {
                    last = PyBytes::new(py, &question);
                }
                list.append((shard, &last))?;
            }
            self.ask.call1(py, (what, list))
        })
        .map_err(failed)?;
        let answers = loop {
            control.check()?;
            if let Some(answers) = answered(&ready).map_err(failed)? {
                break answers;
            }
        };
        let parsed = |answer: &Vec<u8>| Pack::of_bytes("the answer of a shard", answer);
        answers.iter().map(parsed).collect()
    }
}

/// The answers, if all have arrived.
fn answered(ready: &Py<PyAny>) -> PyResult<Option<Vec<Vec<u8>>>> {
    Python::attach(|py| {
        let answers = ready.bind(py).call0()?;
        if answers.is_none() {
            return Ok(None);
        }
        let copied = |answer: PyResult<Bound<'_, PyAny>>| {
            Ok(answer?.cast_into::<PyBytes>()?.as_bytes().to_vec())
        };
        let answers = answers.try_iter()?.map(copied);
        answers.collect::<PyResult<_>>().map(Some)
    })
}

/// The error for an exception of a Python function.
fn failed(error: PyErr) -> Error {
    Python::attach(|py| match error.is_instance_of::<PyKeyboardInterrupt>(py) {
        true => Error::Interrupted,
        false => Error::input(
            "the shards",
            Place::Whole,
            format!("asking them failed with {error}"),
            "see that every machine is there and holds its shard",
        ),
    })
}

/// A reference in shards of `lens` rows of `kind` (columns, number type, whether all numbers are exactly f32), which are asked
/// through `ask`.
#[pyfunction]
#[pyo3(signature = (lens, kind, ask, asked, *, threads, progress))]
pub fn fit_shards<'py>(
    py: Python<'py>,
    lens: Vec<usize>,
    kind: (usize, String, bool),
    ask: Py<PyAny>,
    asked: Asked,
    threads: Option<usize>,
    progress: Option<Bound<'py, PyAny>>,
) -> PyResult<Fitted> {
    let plan = asked.plan().map_err(raised)?;
    let (dim, element, fits_f32) = kind;
    let element: Element = serde_json::from_value(element.into())
        .map_err(|error| raised(Error::Usage(format!("the type of the shards: {error}"))))?;
    let shards = Arc::new(Called { lens, ask });
    let rows = Sharded::new("X", (dim, element, fits_f32), shards).map_err(raised)?;
    waited(py, &How { threads, progress }, |control| {
        Fitted::of(plan, Arc::new(rows), control)
    })
}
