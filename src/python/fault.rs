//! Errors of the library as Python exceptions.

use crate::Error;
use pyo3::exceptions::{
    PyFileNotFoundError, PyKeyboardInterrupt, PyOSError, PyRuntimeError, PyValueError,
};
use pyo3::prelude::*;
use std::any::Any;
use std::sync::{Mutex, Once};

/// The exception for an error: `ValueError` for inputs and options, `FileNotFoundError` for a path with nothing there, `OSError`
/// for other files, `KeyboardInterrupt`.
pub fn raised(error: Error) -> PyErr {
    let text = error.to_string();
    let text = worded(&text).unwrap_or(text);
    match error {
        Error::Input { .. } | Error::Usage(_) => PyValueError::new_err(text),
        Error::Missing { .. } => PyFileNotFoundError::new_err(text),
        Error::Io { .. } => PyOSError::new_err(text),
        Error::Interrupted => PyKeyboardInterrupt::new_err(text),
    }
}

/// Replaces option names in a message by those of the Python API, with the package's function for warnings.
fn worded(text: &str) -> PyResult<String> {
    Python::attach(|py| {
        let words = py.import("hullscope._words")?;
        words.call_method1("typed", (text,))?.extract()
    })
}

/// The location of the last panic.
static PLACE: Mutex<Option<String>> = Mutex::new(None);

/// Installs a panic hook that stores the location, and then calls the previous hook.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if let Ok(mut place) = PLACE.lock() {
                *place = panic.location().map(|place| place.to_string());
            }
            before(panic);
        }));
    });
}

/// A `RuntimeError` for a panic, which is a bug of this library, with its location.
pub fn panicked(panic: Box<dyn Any + Send>) -> PyErr {
    let text = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_string(),
        (_, Some(text)) => text.clone(),
        _ => "no message".into(),
    };
    let place = PLACE.lock().ok().and_then(|place| place.clone());
    let place = place.map_or_else(String::new, |place| format!(" at {place}"));
    PyRuntimeError::new_err(format!(
        "a fault of hullscope{place}, please report it: {text}"
    ))
}
