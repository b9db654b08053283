//! Errors of the library as exceptions of Python.

use crate::Error;
use pyo3::PyErr;
use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError, PyRuntimeError, PyValueError};
use std::any::Any;

/// The exception that says the same: `ValueError` of inputs and options, `OSError` of files, `KeyboardInterrupt`.
pub fn raised(error: Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::Input { .. } | Error::Usage(_) => PyValueError::new_err(text),
        Error::Io { .. } => PyOSError::new_err(text),
        Error::Interrupted => PyKeyboardInterrupt::new_err(text),
    }
}

/// A panic, which is a fault of this library, as `RuntimeError`.
pub fn panicked(panic: Box<dyn Any + Send>) -> PyErr {
    let text = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_string(),
        (_, Some(text)) => text.clone(),
        _ => "no message".into(),
    };
    PyRuntimeError::new_err(format!("a fault of hullscope, please report it: {text}"))
}
