//! The one door: everything that computes goes through here.
//!
//! It lets go of the interpreter, runs the job on a side thread, wakes every 50 ms to look for
//! signals and to report progress from the calling thread, and turns errors and panics into
//! Python exceptions. Nothing else in the binding detaches, attaches or starts a thread.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use isoflop_core::cancel::Cancel;
use isoflop_core::error::Result;
use pyo3::prelude::*;

use crate::error::{internal, to_python};

/// How often the calling thread looks up.
const TICK: Duration = Duration::from_millis(50);
/// Room for formulas that recurse deeply.
const STACK: usize = 64 << 20;

/// Work below this (rows times starts or resamples) stays on the calling thread: it takes less
/// than about a millisecond.
pub const SMALL: usize = 20_000;

/// Runs a short job on the calling thread.
pub fn short<T: Send>(py: Python<'_>, job: impl FnOnce(&Cancel) -> Result<T> + Send) -> PyResult<T> {
    let cancel = Cancel::default();
    let end = py.detach(|| catch_unwind(AssertUnwindSafe(|| job(&cancel))));
    finish(py, end)
}

/// Runs a long job on a side thread; `progress` is called with the units done.
pub fn long<T: Send>(
    py: Python<'_>,
    progress: Option<&Py<PyAny>>,
    job: impl FnOnce(&Cancel) -> Result<T> + Send,
) -> PyResult<T> {
    let cancel = Cancel::default();
    let (end, interrupt) = py.detach(|| {
        std::thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            let cancel = &cancel;
            let work = move || {
                let end = catch_unwind(AssertUnwindSafe(|| job(cancel)));
                // The receiver outlives the scope's threads.
                let _ = sender.send(end);
            };
            if let Err(error) = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work) {
                let end: std::thread::Result<Result<T>> = Err(Box::new(error.to_string()));
                return (end, None);
            }
            let mut interrupt = None;
            loop {
                match receiver.recv_timeout(TICK) {
                    Ok(end) => return (end, interrupt),
                    Err(mpsc::RecvTimeoutError::Timeout) if interrupt.is_none() => {
                        if let Err(error) = look_up(progress, cancel) {
                            cancel.stop();
                            interrupt = Some(error);
                        }
                    }
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                    Err(mpsc::RecvTimeoutError::Disconnected) => {
                        let lost: Box<dyn Any + Send> = Box::new("the side thread was lost".to_string());
                        return (Err(lost), interrupt);
                    }
                }
            }
        })
    });
    if let Some(error) = interrupt {
        return Err(error);
    }
    let value = finish(py, end)?;
    report(py, progress, &cancel)?;
    Ok(value)
}

fn look_up(progress: Option<&Py<PyAny>>, cancel: &Cancel) -> PyResult<()> {
    Python::attach(|py| {
        py.check_signals()?;
        report(py, progress, cancel)
    })
}

fn report(py: Python<'_>, progress: Option<&Py<PyAny>>, cancel: &Cancel) -> PyResult<()> {
    match progress {
        Some(callback) => callback.call1(py, (cancel.done(),)).map(|_| ()),
        None => Ok(()),
    }
}

fn finish<T>(py: Python<'_>, end: std::thread::Result<Result<T>>) -> PyResult<T> {
    match end {
        Ok(result) => result.map_err(|error| to_python(py, error)),
        Err(panic) => Err(internal(py, message(panic.as_ref()))),
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_string()
}

/// Runs a job on a side thread where it is `long`, else on the calling thread.
pub fn long_if<T: Send>(py: Python<'_>, is_long: bool, job: impl FnOnce(&Cancel) -> Result<T> + Send) -> PyResult<T> {
    if is_long { long(py, None, job) } else { short(py, job) }
}
