//! The best model and data under a budget: `isoflop._core.optimum` and its inverse questions.

use std::collections::BTreeMap;

use isoflop_core::plan::optimum::{Draws, Optima, Pieces, Price, Question, Surface, Table};
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert;
use crate::run;

type Floats<'py> = Bound<'py, PyArray1<f64>>;

/// What compiles a question, away from the interpreter.
///
/// `question`: spec, over (name, low, high), boxes, tokens, ratio, cost (text or table), cost_parts, tokens_name.
fn surface(question: &Bound<'_, PyDict>) -> PyResult<impl FnOnce() -> isoflop_core::error::Result<Surface> + Send> {
    let spec = convert::item(question, "spec")?;
    let asked = Question {
        spec: convert::law(spec.cast::<PyDict>()?)?.0,
        over: convert::item(question, "over")?.extract()?,
        boxes: convert::item(question, "boxes")?.extract()?,
        tokens: convert::item(question, "tokens")?.extract()?,
        ratio: convert::item(question, "ratio")?.extract()?,
    };
    let cost = convert::item(question, "cost")?;
    let parts: BTreeMap<String, String> = convert::item(question, "cost_parts")?.extract()?;
    let tokens: String = convert::item(question, "tokens_name")?.extract()?;
    let text: Option<String> = cost.extract().ok();
    let table = if text.is_none() { Some(table(cost.cast::<PyDict>()?)?) } else { None };
    Ok(move || {
        let kernels = convert::simd()?;
        let price = match (text, table) {
            (Some(text), _) => Price::formula(&text, &Surface::coordinates(&asked), &parts, &tokens, kernels)?,
            (_, table) => Price::Table(table.unwrap_or_default()),
        };
        Surface::new(asked, price, kernels)
    })
}

fn table(dict: &Bound<'_, PyDict>) -> PyResult<Table> {
    let fixed = convert::item(dict, "fixed")?;
    Ok(Table {
        knots: convert::floats(&convert::item(dict, "knots")?)?,
        per_token: pieces(&convert::item(dict, "per_token")?)?,
        fixed_is_log: convert::item(dict, "fixed_is_log")?.extract()?,
        fixed: if fixed.is_none() { None } else { Some(pieces(&fixed)?) },
    })
}

fn pieces(value: &Bound<'_, PyAny>) -> PyResult<Pieces> {
    let array: PyReadonlyArray2<'_, f64> = value.extract()?;
    Ok(Pieces { coefficients: array.as_array().rows().into_iter().map(|r| std::array::from_fn(|k| r[k])).collect() })
}

fn describe<'py>(py: Python<'py>, found: Optima, targets: usize, draws: usize) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    let matrix = |values: Vec<f64>| PyArray1::from_vec(py, values).reshape([targets, draws]);
    for (name, values) in [
        ("size", found.size),
        ("tokens", found.tokens),
        ("loss", found.loss),
        ("budget", found.budget),
        ("gain", found.gain),
    ] {
        out.set_item(name, matrix(values)?)?;
    }
    out.set_item("end", PyArray1::from_vec(py, found.end).reshape([targets, draws])?)?;
    out.set_item("over", found.over.into_iter().map(matrix).collect::<PyResult<Vec<_>>>()?)?;
    Ok(out)
}

/// The optimum of every draw at each target: a log budget, or (with `budgets` as first guesses) a loss.
#[pyfunction]
#[pyo3(signature = (question, draws, targets, starts, budgets, n_threads))]
pub fn optimum<'py>(
    py: Python<'py>,
    question: &Bound<'py, PyDict>,
    draws: PyReadonlyArray2<'py, f64>,
    targets: PyReadonlyArray1<'py, f64>,
    starts: PyReadonlyArray1<'py, f64>,
    budgets: Option<PyReadonlyArray1<'py, f64>>,
    n_threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let make = surface(question)?;
    let (m, p) = (draws.as_array().nrows(), draws.as_array().ncols());
    let (values, targets) = (draws.as_slice()?.to_vec(), targets.as_slice()?.to_vec());
    let starts = starts.as_slice()?.to_vec();
    let budgets = budgets.map(|b| Ok::<_, PyErr>(b.as_slice()?.to_vec())).transpose()?;
    let found = run::long_if(py, m * targets.len() > 64, |cancel| {
        let (surface, draws) = (make()?, Draws { values: &values, p });
        match &budgets {
            None => surface.at_budgets(draws, &targets, &starts, n_threads, cancel),
            Some(budgets) => surface.at_losses(draws, &targets, &starts, budgets, n_threads, cancel),
        }
    })?;
    describe(py, found, targets.len(), m)
}

/// ln N on both sides of each size at which the loss under a log budget comes up to a target, for one draw.
#[pyfunction]
pub fn optimum_around<'py>(
    py: Python<'py>,
    question: &Bound<'py, PyDict>,
    draw: PyReadonlyArray1<'py, f64>,
    sizes: PyReadonlyArray1<'py, f64>,
    budgets: PyReadonlyArray1<'py, f64>,
    losses: PyReadonlyArray1<'py, f64>,
) -> PyResult<(Floats<'py>, Floats<'py>)> {
    let make = surface(question)?;
    let (draw, sizes) = (draw.as_slice()?.to_vec(), sizes.as_slice()?.to_vec());
    let (budgets, losses) = (budgets.as_slice()?.to_vec(), losses.as_slice()?.to_vec());
    let (low, high) = run::short(py, |_| {
        let draw = Draws { p: draw.len(), values: &draw };
        make()?.around(draw, &sizes, &budgets, &losses)
    })?;
    Ok((PyArray1::from_vec(py, low), PyArray1::from_vec(py, high)))
}

/// ln D at which every draw of a size (ln N) reaches a loss: an array (questions, draws), infinite where none does.
#[pyfunction]
pub fn optimum_tokens<'py>(
    py: Python<'py>,
    question: &Bound<'py, PyDict>,
    draws: PyReadonlyArray2<'py, f64>,
    sizes: PyReadonlyArray1<'py, f64>,
    losses: PyReadonlyArray1<'py, f64>,
    n_threads: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let make = surface(question)?;
    let (m, p) = (draws.as_array().nrows(), draws.as_array().ncols());
    let values = draws.as_slice()?.to_vec();
    let (sizes, losses) = (sizes.as_slice()?.to_vec(), losses.as_slice()?.to_vec());
    let found = run::long_if(py, m * sizes.len() > 64, |cancel| {
        make()?.tokens_at(Draws { values: &values, p }, &sizes, &losses, n_threads, cancel)
    })?;
    Ok(PyArray1::from_vec(py, found).reshape([sizes.len(), m])?.into_any())
}
