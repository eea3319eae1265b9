//! Core errors → Python exceptions, in one match. The classes live in `isoflop._errors`.

use isoflop_core::error::Error;
use pyo3::call::PyCallArgs;
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

/// An error of the core as the Python exception that users see.
pub fn to_python(py: Python<'_>, error: Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::Formula { message, position } => raise(py, "LawError", (message, position)),
        Error::Law(_) => raise(py, "LawError", (text,)),
        Error::MissingColumn(_) | Error::NotPositive { .. } | Error::Shape { .. } | Error::Setting(_) => {
            raise(py, "DataError", (text,))
        }
        Error::NoStart(_) => raise(py, "FitError", (text,)),
        Error::Cancelled => PyKeyboardInterrupt::new_err(()),
        _ => raise(py, "InternalError", (text,)),
    }
}

/// A panic of the core: always a bug.
pub fn internal(py: Python<'_>, message: String) -> PyErr {
    raise(
        py,
        "InternalError",
        (format!("the core panicked: {message}\n\nHint: this is a bug of isoflop, please report it"),),
    )
}

fn raise<A>(py: Python<'_>, class: &str, arguments: A) -> PyErr
where
    A: for<'py> PyCallArgs<'py>,
{
    let made = py.import("isoflop._errors").and_then(|m| m.getattr(class)).and_then(|c| c.call1(arguments));
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}
