//! A table of records for Python: its columns as NumPy arrays, all of it as a stream of Arrow batches.

use arrow_array::cast::AsArray;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch, RecordBatchIterator, new_empty_array};
use arrow_schema::{DataType, Schema};
use arrow_select::concat::concat;
use numpy::PyArray1;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use std::sync::Arc;

/// The column with this index: numbers as an array that owns them (NaN for null), anything else as a list.
pub fn column<'py>(
    py: Python<'py>,
    schema: &Schema,
    batches: &[RecordBatch],
    at: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let parts: Vec<&dyn Array> = batches.iter().map(|batch| &**batch.column(at)).collect();
    let all = match parts.is_empty() {
        true => new_empty_array(schema.field(at).data_type()),
        false => concat(&parts).map_err(|error| PyRuntimeError::new_err(error.to_string()))?,
    };
    let full = all.null_count() == 0;
    match all.data_type() {
        DataType::Float64 => {
            let values = all.as_primitive::<Float64Type>().iter();
            let values = values.map(|value| value.unwrap_or(f64::NAN)).collect();
            Ok(PyArray1::from_vec(py, values).into_any())
        }
        DataType::Int64 if full => {
            let values = all.as_primitive::<Int64Type>().values().to_vec();
            Ok(PyArray1::from_vec(py, values).into_any())
        }
        DataType::Boolean if full => {
            let values = all.as_boolean().iter().flatten().collect();
            Ok(PyArray1::from_vec(py, values).into_any())
        }
        _ => listed(py, &*all),
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
