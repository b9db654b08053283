//! NumPy arrays as rows, read where they lie.

use super::fault::raised;
use crate::rows::{Borrowed, Rows};
use numpy::{PyReadonlyArray2, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

/// A C-contiguous array of one of the types that are read in place. While it is held, NumPy's owner may not be written to
/// through Rust, and it stays in memory.
pub enum Array<'py> {
    F16(PyReadonlyArray2<'py, half::f16>),
    F32(PyReadonlyArray2<'py, f32>),
    F64(PyReadonlyArray2<'py, f64>),
    U8(PyReadonlyArray2<'py, u8>),
}

impl<'py> Array<'py> {
    /// Errors: `TypeError` of an object that is no array of two axes of float16, float32, float64 or uint8.
    pub fn of(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(array) = object.extract() {
            return Ok(Array::F32(array));
        }
        if let Ok(array) = object.extract() {
            return Ok(Array::F64(array));
        }
        if let Ok(array) = object.extract() {
            return Ok(Array::U8(array));
        }
        if let Ok(array) = object.extract() {
            return Ok(Array::F16(array));
        }
        let found = match object.cast::<PyUntypedArray>() {
            Ok(array) => format!("{} axes of {}", array.ndim(), array.dtype()),
            Err(_) => object.get_type().to_string(),
        };
        Err(PyTypeError::new_err(format!(
            "a C-contiguous array of two axes of float16, float32, float64 or uint8 is needed, not {found}"
        )))
    }

    /// The rows, called `name` in messages.
    ///
    /// Errors: `ValueError` of an array that is not C-contiguous, is empty, or holds a value that is not finite.
    pub fn rows<'a>(&'a self, name: &'a str) -> PyResult<Box<dyn Rows + 'a>> {
        macro_rules! rows {
            ($array:expr) => {{
                let values = $array.as_slice().map_err(|_| {
                    PyValueError::new_err(format!("{name} is not C-contiguous: copy it first"))
                })?;
                let dim = $array.shape()[1];
                Ok(Box::new(Borrowed::new(name, dim, values).map_err(raised)?))
            }};
        }
        match self {
            Array::F16(array) => rows!(array),
            Array::F32(array) => rows!(array),
            Array::F64(array) => rows!(array),
            Array::U8(array) => rows!(array),
        }
    }
}
