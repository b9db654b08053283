//! The certificate of one verdict, and its check, which uses none of the solver's code.

use super::arrays::{Given, Seen};
use super::waiting::{How, waited};
use crate::error::Error;
use crate::hull::Answer;
use crate::hull::certificate::{self, Body, Claim, Proof, STRICT, check};
use crate::rows::Rows;
use numpy::PyArray1;
use pyo3::prelude::*;

/// The certificate of one query's verdict.
#[pyclass(module = "hullscope._core", frozen)]
#[derive(Clone)]
pub struct Certificate(Proof);

impl Certificate {
    /// The certificate of an answer about `reference`.
    pub fn of(answer: Option<&Answer>, reference: &dyn Rows) -> Self {
        Certificate(answer.map_or(Proof::None, |answer| answer.certificate.proof(reference)))
    }

    fn claim(&self) -> Claim {
        Claim {
            of: Body::Hull,
            query: 0,
            proof: self.0.clone(),
        }
    }
}

#[pymethods]
impl Certificate {
    /// inside, outside or undecided.
    #[getter]
    fn verdict(&self) -> String {
        self.claim().verdict().into()
    }

    /// exact, tolerance or separated; None for an undecided query.
    #[getter]
    fn proof(&self) -> Option<&'static str> {
        self.claim().evidence().map(certificate::Evidence::name)
    }

    /// The numbers of the reference rows whose weighted mean is the query.
    #[getter]
    fn rows<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<i64>>> {
        let Proof::Inside { rows, .. } = &self.0 else {
            return None;
        };
        let rows = rows.iter().map(|&row| row as i64);
        Some(PyArray1::from_iter(py, rows))
    }

    /// The weight of each of these rows.
    #[getter]
    fn weights<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        match &self.0 {
            Proof::Inside { weights, .. } => Some(PyArray1::from_slice(py, weights)),
            _ => None,
        }
    }

    /// The normal of a hyperplane that separates the query from all reference rows.
    #[getter]
    fn direction<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        match &self.0 {
            Proof::Outside { direction, .. } => Some(PyArray1::from_slice(py, direction)),
            _ => None,
        }
    }

    /// A certified lower bound on the distance to the hull.
    #[getter]
    fn margin(&self) -> Option<f64> {
        match &self.0 {
            Proof::Outside { margin, .. } => Some(*margin),
            _ => None,
        }
    }

    /// Checks the certificate against these rows and the one query; returns what is wrong, or nothing.
    #[pyo3(signature = (rows, query, *, threads))]
    fn check(
        &self,
        py: Python<'_>,
        rows: &Bound<'_, PyAny>,
        query: &Bound<'_, PyAny>,
        threads: Option<usize>,
    ) -> PyResult<Option<String>> {
        let (rows, query) = (Given::of(rows)?, Given::of(query)?);
        let (rows, query) = (rows.source("X")?, query.source("q")?);
        let how = How {
            threads,
            progress: None,
        };
        waited(py, &how, |control| {
            let rows = rows.open(Seen::Never, None, control)?;
            let query = query.open(Seen::Never, None, control)?;
            if query.len() != 1 {
                return Err(Error::Usage(format!(
                    "q has {} rows; give the one query that the certificate is about",
                    query.len()
                )));
            }
            if self.0 == Proof::None {
                return Ok(Some("nothing is claimed: the query is undecided".into()));
            }
            let mut wrong = None;
            let mut failed = |_: &Claim, fault| wrong = Some(format!("{fault}"));
            let claims = [Ok(self.claim())];
            check(claims, &*rows, &*query, STRICT, control, &mut failed)?;
            Ok(wrong)
        })
    }
}
