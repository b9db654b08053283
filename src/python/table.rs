//! A table of records for Python: its columns as NumPy arrays, all of it as a stream of Arrow batches.

use arrow_array::cast::AsArray;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchIterator, new_empty_array};
use arrow_schema::{DataType, Schema};
use arrow_select::concat::concat;
use numpy::PyArray1;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict};
use std::sync::Arc;

/// The column with this index: numbers as an array (NaN for null), anything else as a list. Arrays cannot be written to: an
/// array of one batch without nulls is a view of the batch, and to a caller all columns are alike.
pub fn column<'py>(
    py: Python<'py>,
    schema: &Schema,
    batches: &[RecordBatch],
    at: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let all = match batches {
        [] => new_empty_array(schema.field(at).data_type()),
        [one] => Arc::clone(one.column(at)),
        several => {
            let parts: Vec<&dyn Array> = several.iter().map(|batch| &**batch.column(at)).collect();
            concat(&parts).map_err(|error| PyRuntimeError::new_err(error.to_string()))?
        }
    };
    let full = all.null_count() == 0;
    let array = match all.data_type() {
        DataType::Float64 | DataType::Int64 if full && !all.is_empty() => {
            return py.import("numpy")?.call_method1("asarray", (View(all),));
        }
        DataType::Float64 => {
            let values = all.as_primitive::<Float64Type>().iter();
            let values = values.map(|value| value.unwrap_or(f64::NAN)).collect();
            PyArray1::from_vec(py, values).into_any()
        }
        DataType::Int64 if full => PyArray1::<i64>::from_vec(py, Vec::new()).into_any(),
        DataType::Boolean if full => {
            let values = all.as_boolean().iter().flatten().collect();
            PyArray1::from_vec(py, values).into_any()
        }
        _ => return listed(py, &*all),
    };
    let words = PyDict::new(py);
    words.set_item("write", false)?;
    array.call_method("setflags", (), Some(&words))?;
    Ok(array)
}

/// Numbers of a batch, without nulls, of which NumPy makes an array without copying them. The array holds this object, and with
/// it the numbers.
#[pyclass(frozen)]
struct View(ArrayRef);

#[pymethods]
impl View {
    /// What NumPy's array interface, version 3, asks for.
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (place, name) = match self.0.data_type() {
            DataType::Int64 => {
                let values = self.0.as_primitive::<Int64Type>().values();
                (values.as_ptr() as usize, "i8")
            }
            _ => {
                let values = self.0.as_primitive::<Float64Type>().values();
                (values.as_ptr() as usize, "f8")
            }
        };
        let order = if cfg!(target_endian = "big") {
            '>'
        } else {
            '<'
        };
        let found = PyDict::new(py);
        found.set_item("version", 3)?;
        found.set_item("shape", (self.0.len(),))?;
        found.set_item("typestr", format!("{order}{name}"))?;
        found.set_item("data", (place, true))?;
        Ok(found)
    }
}

/// The values as a list, with `None` for null; lists of lists too.
fn listed<'py>(py: Python<'py>, all: &dyn Array) -> PyResult<Bound<'py, PyAny>> {
    match all.data_type() {
        DataType::Float64 => {
            let values = all.as_primitive::<Float64Type>().iter();
            values.collect::<Vec<_>>().into_pyobject(py)
        }
        DataType::Int64 => {
            let values = all.as_primitive::<Int64Type>().iter();
            values.collect::<Vec<_>>().into_pyobject(py)
        }
        DataType::Boolean => {
            let values = all.as_boolean().iter();
            values.collect::<Vec<_>>().into_pyobject(py)
        }
        DataType::Utf8 => {
            let values = all.as_string::<i32>().iter();
            values.collect::<Vec<_>>().into_pyobject(py)
        }
        DataType::List(_) => {
            let lists = all.as_list::<i32>().iter();
            let lists = lists.map(|list| list.map(|list| listed(py, &*list)).transpose());
            lists.collect::<PyResult<Vec<_>>>()?.into_pyobject(py)
        }
        other => Err(PyRuntimeError::new_err(format!(
            "a column of {other} is not known here; take it from to_arrow()"
        ))),
    }
}

/// All columns as a stream of the Arrow C data interface, in a capsule with the name that consumers expect.
pub fn stream<'py>(
    py: Python<'py>,
    schema: &Arc<Schema>,
    batches: &[RecordBatch],
) -> PyResult<Bound<'py, PyCapsule>> {
    let batches: Vec<_> = batches.iter().cloned().map(Ok).collect();
    let reader = RecordBatchIterator::new(batches, Arc::clone(schema));
    let stream = FFI_ArrowArrayStream::new(Box::new(reader));
    PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
}
