//! What was found about a set of queries, as arrays.

use crate::error::Result;
use crate::hull::{Answer, Verdict};
use crate::report::records::Collected;
use crate::study::{Record, Sink};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema};
use arrow_select::concat::concat;
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::{PyKeyError, PyRuntimeError};
use pyo3::prelude::*;
use std::sync::Arc;

/// Records of one call, and what was said of them.
pub struct Gathered<'r> {
    pub table: Collected<'r>,
    pub answers: Vec<Option<Answer>>,
    pub rows: Vec<i64>,
    pub distances: Vec<f64>,
    pub warnings: Vec<String>,
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
        }
        Ok(())
    }
    fn warning(&mut self, text: &str) {
        self.warnings.push(text.into());
    }
}

/// The answers about all queries of one call.
#[pyclass(module = "hullscope._core", frozen)]
pub struct Answers {
    pub schema: Arc<Schema>,
    pub batches: Vec<RecordBatch>,
    pub answers: Vec<Option<Answer>>,
    pub near: (Vec<i64>, Vec<f64>),
    /// Warnings.
    #[pyo3(get)]
    pub warnings: Vec<String>,
    /// The summary as JSON.
    #[pyo3(get)]
    pub summary: String,
    pub queries: usize,
}

impl Answers {
    fn each<T>(&self, get: impl Fn(&Answer) -> T, none: T) -> Vec<T>
    where
        T: Copy,
    {
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

    /// The verdict of each query: 1 inside, -1 outside, 0 undecided.
    fn verdict<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i8>> {
        let sign = |answer: &Answer| match answer.verdict {
            Verdict::Inside => 1,
            Verdict::Outside => -1,
            Verdict::Undecided => 0,
        };
        PyArray1::from_vec(py, self.each(sign, 0))
    }

    /// A certified lower bound on each query's distance to the hull.
    fn margin<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_vec(py, self.each(|answer| answer.margin, f64::NAN))
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
        let parts: Vec<&dyn Array> = self.batches.iter().map(|b| &**b.column(at)).collect();
        let all = concat(&parts).map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        match all.data_type() {
            DataType::Float64 => {
                let values = all.as_primitive::<Float64Type>().iter();
                let values = values.map(|value| value.unwrap_or(f64::NAN)).collect();
                Ok(PyArray1::from_vec(py, values).into_any())
            }
            DataType::Int64 if all.null_count() == 0 => {
                let values = all.as_primitive::<Int64Type>().values().to_vec();
                Ok(PyArray1::from_vec(py, values).into_any())
            }
            DataType::Int64 => {
                let values: Vec<Option<i64>> = all.as_primitive::<Int64Type>().iter().collect();
                values.into_pyobject(py)
            }
            DataType::Boolean if all.null_count() == 0 => {
                let values = all.as_boolean().iter().flatten().collect();
                Ok(PyArray1::from_vec(py, values).into_any())
            }
            DataType::Boolean => {
                let values: Vec<Option<bool>> = all.as_boolean().iter().collect();
                values.into_pyobject(py)
            }
            DataType::Utf8 => {
                let values: Vec<Option<&str>> = all.as_string::<i32>().iter().collect();
                values.into_pyobject(py)
            }
            other => Err(PyRuntimeError::new_err(format!(
                "the column {name:?} is {other}: take it from to_arrow()"
            ))),
        }
    }
}
