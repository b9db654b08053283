//! The built-in sample as arrays.

use super::fault::raised;
use crate::error::Result;
use crate::rows::{Rows, sample};
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Images (n x 784 bytes) and classes of the reference `X`, `y` and of the queries `Q`, `yq`; the class `p` that a network
/// predicts for each query; the `names` of the classes.
#[pyfunction]
pub fn sample_arrays(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let all = PyDict::new(py);
    all.set_item("X", images(py, sample::reference())?)?;
    all.set_item("Q", images(py, sample::queries())?)?;
    let codes = [
        ("y", sample::REFERENCE_LABELS),
        ("yq", sample::QUERY_LABELS),
        ("p", sample::QUERY_PREDICTIONS),
    ];
    for (name, codes) in codes {
        all.set_item(name, PyArray1::from_slice(py, codes))?;
    }
    all.set_item("names", sample::CLASSES.to_vec())?;
    Ok(all)
}

fn images<'py>(py: Python<'py>, rows: Result<impl Rows>) -> PyResult<Bound<'py, PyArray2<u8>>> {
    let rows = rows.map_err(raised)?;
    let shape = [rows.len(), rows.dim()];
    let mut values = vec![0.0; shape[0] * shape[1]];
    rows.read_f32(0, &mut values).map_err(raised)?;
    let bytes = values.iter().map(|&value| value as u8).collect();
    PyArray1::from_vec(py, bytes).reshape(shape)
}
