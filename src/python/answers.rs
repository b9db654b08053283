//! What was found about a set of queries, as arrays, as a stream of Arrow batches, and as certificates.

use super::certificate::Certificate;
use super::fault::raised;
use super::{figure, table};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::hull::{Answer, Verdict};
use crate::job::memory::default_budget;
use crate::report::records::{About, Collected};
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

/// Records of one call.
struct Gathered<'r> {
    table: Collected<'r>,
    answers: Vec<Option<Answer>>,
    rows: Vec<i64>,
    distances: Vec<f64>,
    /// What each notion says, in their order.
    scores: Vec<Scores>,
}

impl Sink for Gathered<'_> {
    fn records(&mut self, records: &[Record]) -> Result<()> {
        self.table.records(records)?;
        for record in records {
            self.answers.push(record.hull.clone());
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
    answers: Vec<Option<Answer>>,
    /// The number in its file of each reference row, where these are not their places.
    numbers: Option<Vec<u64>>,
    near: (Vec<i64>, Vec<f64>),
    /// Which of the warnings says that queries are rows of the reference, if one does.
    #[pyo3(get)]
    overlap: Option<String>,
    /// The summary as JSON.
    #[pyo3(get)]
    summary: String,
    /// What notions say of the outcomes, as JSON, where outcomes are known.
    #[pyo3(get)]
    outcomes: Option<String>,
    facts: Summary,
    queries: usize,
}

/// What scans a reference: its shards, where it lies in shards. Errors: an environment that names no kernel of this machine.
pub fn engine(reference: &dyn Rows) -> Result<&'static dyn Engine> {
    match reference.shards() {
        Some(_) => Ok(&ShardedEngine),
        None => Ok(cpu()?),
    }
}

/// The machine's own cores, in eight bits where that is faster, as the command line has them. Errors: as [`engine`].
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

/// Answer the queries of `sets`; `known` is what was found of the reference before, and the space that both are in.
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
        table: Collected::new(&about)?,
        answers: Vec::new(),
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
    let (schema, batches) = sink.table.finish();
    Ok(Answers {
        schema,
        batches,
        numbers: numbers(sets.reference),
        answers: sink.answers,
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

fn numbers(rows: &dyn Rows) -> Option<Vec<u64>> {
    let all = || (0..rows.len()).map(|row| rows.number(row));
    let same = all().enumerate().all(|(row, number)| row as u64 == number);
    (!same).then(|| all().collect())
}

impl Answers {
    fn each<T: Copy>(&self, get: impl Fn(&Answer) -> T, none: T) -> Vec<T> {
        let answers = self.answers.iter();
        answers
            .map(|answer| answer.as_ref().map_or(none, &get))
            .collect()
    }
}

#[pymethods]
impl Answers {
    fn __len__(&self) -> usize {
        self.queries
    }

    /// What a reader must know before believing a rate.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        self.facts.warnings.clone()
    }

    /// The verdict of each query: 1 inside, -1 outside, 0 undecided.
    fn verdict<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i8>> {
        PyArray1::from_vec(py, self.each(|answer| sign(answer.verdict), 0))
    }

    /// A certified lower bound on each query's distance to the hull.
    fn margin<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_vec(py, self.each(|answer| answer.margin, f64::NAN))
    }

    /// Bounds of each query's distance to the hull, where they were asked for.
    #[allow(clippy::type_complexity)]
    fn bracket<'py>(
        &self,
        py: Python<'py>,
    ) -> (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>) {
        let lower = |answer: &Answer| answer.distance.map_or(f64::NAN, |bracket| bracket.lower);
        let upper = |answer: &Answer| answer.distance.map_or(f64::NAN, |bracket| bracket.upper);
        (
            PyArray1::from_vec(py, self.each(lower, f64::NAN)),
            PyArray1::from_vec(py, self.each(upper, f64::NAN)),
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
    fn rates(&self) -> PyResult<Option<String>> {
        figure::rates(&self.facts).map_err(raised)
    }

    /// All columns as a stream of the Arrow C data interface.
    fn stream<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        table::stream(py, &self.schema, &self.batches)
    }

    /// What proves the verdict of a query.
    fn certificate(&self, query: usize) -> PyResult<Certificate> {
        let Some(answer) = self.answers.get(query) else {
            let text = format!("there is no query {query}; there are {}", self.queries);
            return Err(PyIndexError::new_err(text));
        };
        Ok(Certificate::of(answer.as_ref(), self.numbers.as_deref()))
    }
}
