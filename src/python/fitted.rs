//! A fitted reference: made from an array or a file, saved, loaded, and asked about queries.

use super::answers::{Answers, answered, engine, sign};
use super::arrays::{ArrayOrFile, Given, Seen, memory};
use super::asked::{Asked, Coded, Labels, QueryFacts};
use super::fault::raised;
use super::waiting::{How, waited};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::notion::registry::Wanted;
use crate::rows::{self, RowSettings, Rows};
use crate::space::{Settings, Way};
use crate::store::hull_file::{self, ReferenceFacts, Source, SpaceAndLabels};
use crate::study::analyze::{AnalysisPlan, Sets, prepare, with_session};
use crate::study::reference::Prepared;
use crate::warnings::Warnings;
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::exceptions::{PyIndexError, PyRuntimeError};
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::Arc;

/// The storage of a reference's rows.
enum Home {
    /// An array that the calling program owns.
    There(Py<PyAny>),
    Here(Arc<dyn Rows>),
}

/// A reference with everything that is computed before the first query.
#[pyclass(module = "hullscope._core", frozen)]
pub struct Fitted {
    home: Home,
    /// The transformation into its space, which is applied to queries too.
    way: Option<Way>,
    plan: AnalysisPlan,
    known: Prepared,
    labels: Option<Coded>,
    /// The files of the rows before any space, if they are not from an array or from a file with the reference itself.
    source: Option<Source>,
    #[pyo3(get)]
    shape: (usize, usize),
}

#[pymethods]
impl Fitted {
    /// Fits `rows`, an array or the name of a file. `axes` are those of a row before it was flattened: for an image its height,
    /// width and channels.
    #[new]
    #[pyo3(signature = (rows, asked, *, axes, space, labels, threads, progress))]
    #[allow(clippy::too_many_arguments)]
    fn new<'py>(
        py: Python<'py>,
        rows: &Bound<'py, PyAny>,
        asked: Asked,
        axes: Vec<usize>,
        space: Option<String>,
        labels: Option<Labels>,
        threads: Option<usize>,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Self> {
        let plan = asked.plan().map_err(raised)?;
        let labels = labels.map(|all| Coded::of(all.iter().map(Option::as_deref)));
        if let Some(space) = &space {
            Way::check(space).map_err(raised)?;
        }
        let given = Given::of(rows)?;
        let named = given.source("X")?;
        let array = rows.clone().unbind();
        waited(py, &How { threads, progress }, |control| {
            if space.is_none() && !matches!(named, ArrayOrFile::File(_)) {
                let rows = named.open(Seen::Never, None, control)?;
                return Ok(Fitted {
                    shape: (rows.len(), rows.dim()),
                    known: known(&plan, labels.as_ref(), &*rows, &[], control)?,
                    home: Home::There(array),
                    way: None,
                    plan,
                    labels,
                    source: None,
                });
            }
            let source = match named {
                ArrayOrFile::File(file) => Some(Source::of(file)?),
                _ => None,
            };
            let mut warnings = Warnings::default();
            let (rows, way) = match &space {
                Some(space) => {
                    let settings = Settings {
                        seed: plan.seed,
                        memory: memory(),
                        ..Settings::default()
                    };
                    let before = named.set(&axes, &mut warnings, control)?;
                    let (rows, way) = Way::fit(before, space, settings, &mut warnings, control)?;
                    (rows, Some(way))
                }
                None => (named.kept(control)?, None),
            };
            Ok(Fitted {
                shape: (rows.len(), rows.dim()),
                known: known(&plan, labels.as_ref(), &*rows, &warnings, control)?,
                home: Home::Here(rows),
                way,
                plan,
                labels,
                source,
            })
        })
    }

    /// The space of the rows; None if they are used as they are.
    #[getter]
    fn space(&self) -> Option<&str> {
        self.way.as_ref().map(|way| way.ends.space.as_str())
    }

    /// Caveats about the rows that matter before a rate is interpreted; empty for a loaded reference.
    #[getter]
    fn warnings(&self) -> Vec<String> {
        self.known.warnings.clone()
    }

    /// Judges `queries`, an array or the name of a file, each as if it were the only one; `axes` as in [`Fitted::new`].
    #[pyo3(signature = (queries, beside, *, axes, threads, progress))]
    fn score<'py>(
        &self,
        py: Python<'py>,
        queries: &Bound<'py, PyAny>,
        beside: QueryFacts,
        axes: Vec<usize>,
        threads: Option<usize>,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Answers> {
        let (given, queries) = (self.given(py)?, Given::of(queries)?);
        let (held, source) = (self.held(&given)?, queries.source("Q")?);
        let plan = AnalysisPlan {
            alone: true,
            ..self.plan.clone()
        };
        waited(py, &How { threads, progress }, |control| {
            held.with(control, |reference| {
                let like = rows::like(reference);
                let mut warnings = Warnings::default();
                let queries = self.queries(source, &axes, like, &mut warnings, control)?;
                beside.check(queries.len())?;
                let labels = self.labels.as_ref();
                let classes = beside.classes(labels, reference.len(), queries.len());
                let sets = Sets {
                    reference,
                    queries: &*queries,
                    classes: classes.as_ref(),
                    layers: &[],
                    warnings: &warnings,
                    memory: memory(),
                };
                let found = Some((&self.known, self.space()));
                answered(&plan, &sets, found, beside.outcome(), control)
            })
        })
    }

    /// Verdicts on some rows of the reference, each against the hull of all others (1 inside, -1 outside, 0 undecided), and
    /// lower bounds on their distances to it.
    #[pyo3(signature = (rows, *, threads))]
    #[allow(clippy::type_complexity)]
    fn others<'py>(
        &self,
        py: Python<'py>,
        rows: Vec<usize>,
        threads: Option<usize>,
    ) -> PyResult<(Bound<'py, PyArray1<i8>>, Bound<'py, PyArray1<f64>>)> {
        if let Some(row) = rows.iter().find(|row| **row >= self.shape.0) {
            let text = format!("there is no row {row}; there are {}", self.shape.0);
            return Err(PyIndexError::new_err(text));
        }
        let given = self.given(py)?;
        let held = self.held(&given)?;
        let plan = AnalysisPlan {
            alone: true,
            notions: Wanted(Vec::new()),
            neighbours: 0,
            ..self.plan.clone()
        };
        let how = How {
            threads,
            progress: None,
        };
        let found = waited(py, &how, |control| {
            held.with(control, |reference| {
                let sets = Sets {
                    reference,
                    queries: reference,
                    classes: None,
                    layers: &[],
                    warnings: &[],
                    memory: memory(),
                };
                let known = Some(&self.known);
                with_session(
                    &plan,
                    engine(reference)?,
                    &sets,
                    known,
                    control,
                    |mut session| session.others(&rows),
                )
            })
        })?;
        let verdict = found.iter().map(|answer| match answer.as_ref() {
            None => 1,
            Some(answer) => sign(answer.verdict),
        });
        let margin = found
            .iter()
            .map(|answer| answer.as_ref().map_or(0.0, |answer| answer.margin));
        Ok((
            PyArray1::from_iter(py, verdict),
            PyArray1::from_iter(py, margin),
        ))
    }

    /// Rows as they are in the space of the reference, n x d; `axes` as in [`Fitted::new`], and `name` is that in messages.
    #[pyo3(signature = (rows, name, *, axes, threads))]
    fn transform<'py>(
        &self,
        py: Python<'py>,
        rows: &Bound<'py, PyAny>,
        name: &str,
        axes: Vec<usize>,
        threads: Option<usize>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let given = Given::of(rows)?;
        let source = given.source(name)?;
        let how = How {
            threads,
            progress: None,
        };
        let (shape, values) = waited(py, &how, |control| {
            let none = &mut Warnings::default();
            let rows = self.queries(source, &axes, None, none, control)?;
            let shape = [rows.len(), rows.dim()];
            let mut values = vec![0.0; shape[0] * shape[1]];
            rows.read_f64(0, &mut values)?;
            Ok((shape, values))
        })?;
        PyArray1::from_vec(py, values).reshape(shape)
    }

    /// Saves the fitted reference to a file that [`Fitted::load`] and the command line read: with the rows, or with the path of
    /// their file if `link` is true.
    #[pyo3(signature = (path, *, link))]
    fn save(&self, py: Python<'_>, path: PathBuf, link: bool) -> PyResult<()> {
        let given = self.given(py)?;
        let held = self.held(&given)?;
        waited(py, &How::default(), |control| {
            held.with(control, |rows| {
                let space_and_labels = SpaceAndLabels {
                    way: self.way.clone(),
                    labels: self.labels.as_ref().map(Coded::labels),
                };
                let source = self.source.as_ref();
                let link = link.then(|| Source::link(source, &space_and_labels, control));
                let about = ReferenceFacts {
                    plan: self.plan.clone(),
                    // Query arrays have no column names, and those of files are matched before the space.
                    columns: rows::like(rows).filter(|_| self.way.is_none()),
                    link: link.transpose()?,
                    ..ReferenceFacts::of(rows, &space_and_labels)
                };
                let copy = Some(memory());
                hull_file::write(&path, about, copy, rows, &self.known, &space_and_labels)
            })
        })
    }

    /// A reference that was saved by [`Fitted::save`] or the command line.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let found = waited(py, &How::default(), |control| {
            let found = hull_file::open(&path, memory(), control)?;
            let engine = engine(&*found.rows)?;
            found.known.make_ready(&*found.rows, engine, control)?;
            Ok(found)
        })?;
        if found.about.settings != RowSettings::default() {
            let options = found.about.settings.options();
            return Err(raised(Error::Usage(format!(
                "the rows of {} were read with {options}, which arrays cannot be; use hullscope score",
                path.display()
            ))));
        }
        Ok(Fitted {
            shape: (found.rows.len(), found.rows.dim()),
            home: Home::Here(Arc::from(found.rows)),
            way: found.space_and_labels.way,
            plan: found.about.plan,
            known: found.known,
            source: found.about.link.map(Source::Linked),
            labels: found.space_and_labels.labels.map(|labels| {
                let rows = 0..labels.classes.len();
                Coded::of(rows.map(|row| labels.name(row)))
            }),
        })
    }
}

impl Fitted {
    /// Fits rows that are already in memory, without classes.
    ///
    /// Errors: as [`prepare`].
    pub fn of(plan: AnalysisPlan, rows: Arc<dyn Rows>, control: &Control) -> Result<Self> {
        Ok(Fitted {
            shape: (rows.len(), rows.dim()),
            known: known(&plan, None, &*rows, &[], control)?,
            home: Home::Here(rows),
            way: None,
            plan,
            labels: None,
            source: None,
        })
    }

    /// The array of the calling program, if it holds the rows.
    fn given<'py>(&self, py: Python<'py>) -> PyResult<Option<Given<'py>>> {
        match &self.home {
            Home::There(array) => Given::of(array.bind(py)).map(Some),
            Home::Here(_) => Ok(None),
        }
    }

    /// The rows; `given` is the result of [`Fitted::given`].
    fn held<'a>(&'a self, given: &'a Option<Given<'_>>) -> PyResult<Held<'a>> {
        match (given, &self.home) {
            (Some(given), _) => given.source("X").map(Held::There),
            (None, Home::Here(rows)) => Ok(Held::Here(&**rows)),
            (None, Home::There(_)) => Err(PyRuntimeError::new_err("the rows are gone")),
        }
    }

    /// Queries, transformed into the space of the reference.
    fn queries<'a>(
        &self,
        source: ArrayOrFile<'a>,
        axes: &[usize],
        like: Option<(String, Vec<String>)>,
        warnings: &mut Warnings,
        control: &Control,
    ) -> Result<Arc<dyn Rows + 'a>> {
        let Some(way) = &self.way else {
            return Ok(Arc::from(source.open(Seen::Never, like, control)?));
        };
        way.take(source.set(axes, warnings, control)?, memory(), control)
    }
}

/// Rows that can be read during a call.
#[derive(Clone, Copy)]
enum Held<'a> {
    There(ArrayOrFile<'a>),
    Here(&'a dyn Rows),
}

impl Held<'_> {
    /// Passes the rows to `then`; their values were checked when the reference was fitted.
    fn with<T>(self, control: &Control, then: impl FnOnce(&dyn Rows) -> Result<T>) -> Result<T> {
        match self {
            Held::Here(rows) => then(rows),
            Held::There(source) => then(&*source.open(Seen::Before, None, control)?),
        }
    }
}

/// Computes everything about the rows that does not depend on queries.
fn known(
    plan: &AnalysisPlan,
    labels: Option<&Coded>,
    rows: &dyn Rows,
    warnings: &[String],
    control: &Control,
) -> Result<Prepared> {
    if let Some(labels) = labels
        && labels.len() != rows.len()
    {
        return Err(Error::Usage(format!(
            "labels has {} values, and X has {} rows; give one for each",
            labels.len(),
            rows.len()
        )));
    }
    let classes = QueryFacts::default().classes(labels, rows.len(), 0);
    let sets = Sets {
        reference: rows,
        queries: rows,
        classes: classes.as_ref(),
        layers: &[],
        warnings,
        memory: memory(),
    };
    prepare(plan, engine(rows)?, &sets, control)
}
