//! Runs long work on separate threads while Python waits: other Python threads can run, Ctrl-C stops the work, and a progress
//! bar is updated.

use super::fault::{panicked, raised, watch};
use crate::control::Control;
use crate::error::Result;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// The time between checks for signals and progress.
const LOOK: Duration = Duration::from_millis(50);

/// Options of a call.
#[derive(Default)]
pub struct How<'py> {
    /// The number of threads of this call; `None` for one per core.
    pub threads: Option<usize>,
    /// Called with (stage, done, total) a few times a second.
    pub progress: Option<Bound<'py, PyAny>>,
}

/// Runs `work` on a pool of threads for this call only: threads that outlived it would break after a fork.
///
/// Errors: the error of the work as an exception, `KeyboardInterrupt`, any exception of `progress`, and `RuntimeError` for a
/// panic.
pub fn waited<T: Send>(
    py: Python<'_>,
    how: &How<'_>,
    work: impl FnOnce(&Control) -> Result<T> + Send,
) -> PyResult<T> {
    if how.threads == Some(0) {
        return Err(PyValueError::new_err("threads must be at least 1"));
    }
    watch();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(how.threads.unwrap_or_else(usual_threads))
        .build()
        .map_err(|error| PyRuntimeError::new_err(format!("threads cannot be started: {error}")))?;
    let progress = how.progress.as_ref().map(|call| call.clone().unbind());
    py.detach(move || {
        let control = &Control::default();
        let (done, end) = channel();
        pool.in_place_scope(|scope| {
            scope.spawn(move |_| {
                let result = catch_unwind(AssertUnwindSafe(|| work(control)));
                // The receiver waits until this arrives.
                let _ = done.send(result);
            });
            let mut stopped = Ok(());
            let result = loop {
                match end.recv_timeout(LOOK) {
                    Ok(result) => break result,
                    Err(RecvTimeoutError::Disconnected) => break Err(Box::new("no result")),
                    Err(RecvTimeoutError::Timeout) => {}
                }
                if stopped.is_ok() {
                    stopped = look(control, progress.as_ref());
                    if stopped.is_err() {
                        control.stop();
                    }
                }
            };
            stopped?;
            result.map_err(panicked)?.map_err(raised)
        })
    })
}

/// The number of threads of a call that names none: as rayon decides it, from `RAYON_NUM_THREADS` or the cores that this process may
/// use. Linux reads several files for the latter, so it is asked again only after a second.
fn usual_threads() -> usize {
    static KNOWN: Mutex<Option<(Instant, usize)>> = Mutex::new(None);
    // 0 leaves the decision to rayon.
    if std::env::var_os("RAYON_NUM_THREADS").is_some() {
        return 0;
    }
    // Another thread, or one that a fork left behind, may hold the lock.
    let Ok(mut known) = KNOWN.try_lock() else {
        return 0;
    };
    match *known {
        Some((since, cores)) if since.elapsed() < Duration::from_secs(1) => cores,
        _ => {
            let cores = available_parallelism().map_or(1, usize::from);
            *known = Some((Instant::now(), cores));
            cores
        }
    }
}

/// Checks for signals, and reports the progress.
fn look(control: &Control, progress: Option<&Py<PyAny>>) -> PyResult<()> {
    Python::attach(|py| {
        py.check_signals()?;
        if let Some(progress) = progress {
            let now = control.progress();
            let stage = format!("{:?}", now.stage).to_lowercase();
            progress.call1(py, (stage, now.done, now.total))?;
        }
        Ok(())
    })
}

/// Panics, so that a test can see how a bug of this library is reported.
#[pyfunction]
pub fn fail(py: Python<'_>) -> PyResult<u8> {
    waited(py, &How::default(), |_| {
        let none: Vec<u8> = Vec::new();
        Ok(rayon::join(|| none[0], || ()).0)
    })
}
