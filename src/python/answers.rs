//! The results for a set of queries: as arrays, as a stream of Arrow batches, and as certificates.

use super::certificate::Certificate;
use super::{figure, table};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::hull::{Answer, Verdict};
use crate::job::memory::default_budget;
use crate::report::records::{About, Table};
use crate::rows::Rows;
use crate::scan::int8::Precision;
use crate::scan::{Engine, Int8Engine, ShardedEngine};
use crate::study::analyze::{AnalysisPlan, Sets, run_prepared};
use crate::study::compare::RowContext;
use crate::study::notes::leakage;
use crate::study::outcomes::{Outcome, Scores, measure};
use crate::study::reference::Prepared;
use crate::study::summary::Summary;
use crate::study::{Record, Sink};
use arrow_array::RecordBatch;
use arrow_schema::Schema;
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::{PyIndexError, PyKeyError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use std::sync::{Arc, OnceLock};

/// The notion whose score is the distance to the nearest row.
const NEAREST: &str = "ball";

/// What is kept of the hull's answer to a query.
struct HullAnswer {
    verdict: i8,
    margin: f64,
    /// Lower and upper bound of the distance.
    bracket: (f64, f64),
    certificate: Certificate,
}

impl HullAnswer {
    /// From an answer about `reference`; `None` without hull verdicts.
    fn of(answer: Option<&Answer>, reference: &dyn Rows) -> Self {
        let bracket = answer.and_then(|answer| answer.distance);
        HullAnswer {
            verdict: answer.map_or(0, |answer| sign(answer.verdict)),
            margin: answer.map_or(f64::NAN, |answer| answer.margin),
            bracket: bracket.map_or((f64::NAN, f64::NAN), |found| (found.lower, found.upper)),
            certificate: Certificate::of(answer, reference),
        }
    }
}

/// A sink that collects the records of one call.
struct Gathered<'r> {
    reference: &'r dyn Rows,
    table: Table<'r>,
    batches: Vec<RecordBatch>,
    hull: Vec<HullAnswer>,
    rows: Vec<i64>,
    distances: Vec<f64>,
    /// The scores of each notion, in the order of the plan.
    scores: Vec<Scores>,
}

impl Sink for Gathered<'_> {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        let failed = |error| Error::Usage(format!("the records are no table: {error}"));
        self.batches
            .push(self.table.batch(records).map_err(failed)?);
        for record in records {
            let answer = HullAnswer::of(record.hull.as_ref(), self.reference);
            self.hull.push(answer);
            for near in &record.neighbours {
                self.rows.push(near.row as i64);
                self.distances.push(near.distance);
            }
            for (scores, judgement) in self.scores.iter_mut().zip(&record.judgements) {
                scores.push(judgement);
            }
        }
        Ok(())
    }
}

/// The answers about all queries of one call.
#[pyclass(module = "hullscope._core", frozen)]
pub struct Answers {
    schema: Arc<Schema>,
    batches: Vec<RecordBatch>,
    hull: Vec<HullAnswer>,
    near: (Vec<i64>, Vec<f64>),
    /// The index of the warning that says that queries are rows of the reference, if there is one.
    #[pyo3(get)]
    overlap: Option<String>,
    /// The summary as JSON.
    #[pyo3(get)]
    summary: String,
    /// How well notions predict the outcomes, as JSON, if outcomes are known.
    #[pyo3(get)]
    outcomes: Option<String>,
    facts: Summary,
    queries: usize,
}

/// The engine for a reference: its shards, if it is sharded. Errors: an environment variable that names no CPU kernel of this
/// machine.
pub fn engine(reference: &dyn Rows) -> Result<&'static dyn Engine> {
    match reference.shards() {
        Some(_) => Ok(&ShardedEngine),
        None => Ok(cpu()?),
    }
}

/// The CPU engine, with int8 where that is faster, as in the command line. Errors: as [`engine`].
pub fn cpu() -> Result<&'static Int8Engine> {
    static CPU: OnceLock<Int8Engine> = OnceLock::new();
    match CPU.get() {
        Some(engine) => Ok(engine),
        None => {
            let engine = Int8Engine::new(Precision::Auto, default_budget())?;
            Ok(CPU.get_or_init(|| engine))
        }
    }
}

/// Answers the queries of `sets`; `known` is the prepared reference, and the space of both sets.
///
/// Errors: as [`run_prepared`].
pub fn answered(
    plan: &AnalysisPlan,
    sets: &Sets<'_>,
    known: Option<(&Prepared, Option<&str>)>,
    outcome: Option<Outcome>,
    control: &Control,
) -> Result<Answers> {
    let about = About {
        reference: sets.reference,
        queries: sets.queries,
        plan,
        space: None,
        known: RowContext {
            classes: sets.classes,
            outcome: outcome.as_ref(),
            ..RowContext::default()
        },
    };
    let notions = plan.made(sets.classes)?;
    let scores = notions.iter().map(|notion| Scores::empty("", &**notion));
    let mut sink = Gathered {
        reference: sets.reference,
        table: Table::new(&about, Vec::new())?,
        batches: Vec::new(),
        hull: Vec::new(),
        rows: Vec::new(),
        distances: Vec::new(),
        scores: scores.collect(),
    };
    let (engine, prepared) = (engine(sets.reference)?, known.map(|known| known.0));
    let mut summary = run_prepared(plan, engine, sets, prepared, &mut sink, control)?;
    let overlap = leakage(&summary, known.and_then(|known| known.1));
    summary.warnings.splice(0..0, overlap.clone());
    let queries = sets.queries.len();
    let classes = sets.classes.map(|classes| {
        let class = |query| classes.of_query(query);
        (0..queries).map(class).collect::<Vec<_>>()
    });
    let outcomes = outcome.as_ref();
    let outcomes = outcomes.map(|all| measure(&sink.scores, all, classes.as_deref(), NEAREST));
    let outcomes = outcomes.transpose()?;
    Ok(Answers {
        schema: sink.table.schema,
        batches: sink.batches,
        hull: sink.hull,
        near: (sink.rows, sink.distances),
        overlap,
        summary: json(&summary)?,
        outcomes: outcomes.as_ref().map(json).transpose()?,
        facts: summary,
        queries,
    })
}

/// A verdict as a number.
pub fn sign(verdict: Verdict) -> i8 {
    match verdict {
        Verdict::Inside => 1,
        Verdict::Outside => -1,
        Verdict::Undecided => 0,
    }
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    let text = serde_json::to_string(value);
    text.map_err(|error| Error::Usage(format!("the summary is no JSON: {error}")))
}

impl Answers {
    fn each<T>(&self, get: impl Fn(&HullAnswer) -> T) -> Vec<T> {
        self.hull.iter().map(get).collect()
    }
}

#[pymethods]
impl Answers {
    fn __len__(&self) -> usize {
        self.queries
    }

    /// Caveats that matter before a rate is interpreted.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        self.facts.warnings.clone()
    }

    /// The verdict of each query: 1 inside, -1 outside, 0 undecided.
    fn verdict<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i8>> {
        PyArray1::from_vec(py, self.each(|query| query.verdict))
    }

    /// A certified lower bound on each query's distance to the hull.
    fn margin<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_vec(py, self.each(|query| query.margin))
    }

    /// Bounds of each query's distance to the hull, where they were asked for.
    #[allow(clippy::type_complexity)]
    fn bracket<'py>(
        &self,
        py: Python<'py>,
    ) -> (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>) {
        (
            PyArray1::from_vec(py, self.each(|query| query.bracket.0)),
            PyArray1::from_vec(py, self.each(|query| query.bracket.1)),
        )
    }

    /// The nearest rows of each query and their distances, both queries x k.
    #[allow(clippy::type_complexity)]
    fn neighbours<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyArray2<i64>>, Bound<'py, PyArray2<f64>>)> {
        let shape = [self.queries, self.near.0.len() / self.queries.max(1)];
        let rows = PyArray1::from_slice(py, &self.near.0).reshape(shape)?;
        let distances = PyArray1::from_slice(py, &self.near.1).reshape(shape)?;
        Ok((rows, distances))
    }

    /// The names of the columns.
    fn columns(&self) -> Vec<String> {
        let fields = self.schema.fields().iter();
        fields.map(|field| field.name().clone()).collect()
    }

    /// A column: numbers as an array (NaN where there is none), anything else as a list.
    fn column<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let Ok(at) = self.schema.index_of(name) else {
            let known = self.columns().join(", ");
            let text = format!("there is no column {name:?}; there are: {known}");
            return Err(PyKeyError::new_err(text));
        };
        table::column(py, &self.schema, &self.batches, at)
    }

    /// The share of queries outside by each notion as an SVG figure; None without notions.
    fn rates(&self) -> Option<String> {
        figure::rates(&self.facts)
    }

    /// All columns as a stream of the Arrow C data interface.
    fn stream<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        table::stream(py, &self.schema, &self.batches)
    }

    /// The certificate of a query's verdict.
    fn certificate(&self, query: usize) -> PyResult<Certificate> {
        let Some(answer) = self.hull.get(query) else {
            let text = format!("there is no query {query}; there are {}", self.queries);
            return Err(PyIndexError::new_err(text));
        };
        Ok(answer.certificate.clone())
    }
}
