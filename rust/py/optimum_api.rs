//! The best model and data under a budget: `isoflop._core.optimum` and its inverse questions.

use std::collections::BTreeMap;

use isoflop_core::plan::optimum::{Draws, Optima, Pieces, Price, Question, Surface, Table};
use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::{self, Matrix, column, get};
use crate::run;

/// More searches than these go through the side thread.
const FEW: usize = 64;

fn rows(draws: &Matrix) -> Draws<'_> {
    Draws { values: &draws.values, p: draws.columns }
}

/// What compiles a question, away from the interpreter.
///
/// `question`: spec, over (name, low, high), boxes, tokens, ratio, cost (text or table), cost_parts, tokens_name.
fn surface(question: &Bound<'_, PyDict>) -> PyResult<impl FnOnce() -> isoflop_core::error::Result<Surface> + Send> {
    let spec = convert::item(question, "spec")?;
    let asked = Question {
        spec: convert::law(spec.cast::<PyDict>()?)?.0,
        over: get(question, "over")?,
        boxes: get(question, "boxes")?,
        tokens: get(question, "tokens")?,
        ratio: get(question, "ratio")?,
    };
    let cost = convert::item(question, "cost")?;
    let parts: BTreeMap<String, String> = get(question, "cost_parts")?;
    let tokens: String = get(question, "tokens_name")?;
    let (text, table) = match cost.extract::<String>() {
        Ok(text) => (text, None),
        Err(_) => (String::new(), Some(table(cost.cast::<PyDict>()?)?)),
    };
    Ok(move || {
        let kernels = convert::simd()?;
        let price = match table {
            Some(table) => Price::Table(table),
            None => Price::formula(&text, &Surface::coordinates(&asked), &parts, &tokens, kernels)?,
        };
        Surface::new(asked, price, kernels)
    })
}

fn table(dict: &Bound<'_, PyDict>) -> PyResult<Table> {
    Ok(Table {
        knots: column(dict, "knots")?,
        per_token: pieces(&convert::item(dict, "per_token")?)?,
        fixed_is_log: get(dict, "fixed_is_log")?,
        fixed: convert::maybe(dict, "fixed", pieces)?,
    })
}

fn pieces(value: &Bound<'_, PyAny>) -> PyResult<Pieces> {
    Ok(Pieces { coefficients: convert::matrix_of(value)?.rows_of()? })
}

fn describe<'py>(py: Python<'py>, found: Optima, targets: usize, draws: usize) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    let matrix = |values: Vec<f64>| convert::reshaped(py, values, [targets, draws]);
    for (name, values) in [
        ("size", found.size),
        ("tokens", found.tokens),
        ("loss", found.loss),
        ("budget", found.budget),
        ("gain", found.gain),
    ] {
        out.set_item(name, matrix(values)?)?;
    }
    out.set_item("end", convert::reshaped(py, found.end, [targets, draws])?)?;
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
    let draws = convert::matrix(&draws)?;
    let (targets, starts) = (targets.as_slice()?.to_vec(), starts.as_slice()?.to_vec());
    let budgets = budgets.map(|b| Ok::<_, PyErr>(b.as_slice()?.to_vec())).transpose()?;
    // A search inside a search takes seconds for one draw.
    let is_long = budgets.is_some() || convert::item(question, "over")?.len()? > 0;
    let found = run::long_if(py, is_long || draws.rows * targets.len() > FEW, |cancel| {
        let (surface, draws) = (make()?, rows(&draws));
        match &budgets {
            None => surface.at_budgets(draws, &targets, &starts, n_threads, cancel),
            Some(budgets) => surface.at_losses(draws, &targets, &starts, budgets, n_threads, cancel),
        }
    })?;
    describe(py, found, targets.len(), draws.rows)
}

/// The low and the high end of each question.
type Ends<'py> = (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>);

/// ln N on both sides of each size at which the loss under a log budget comes up to a target, for one draw.
#[pyfunction]
pub fn optimum_around<'py>(
    py: Python<'py>,
    question: &Bound<'py, PyDict>,
    draw: PyReadonlyArray1<'py, f64>,
    sizes: PyReadonlyArray1<'py, f64>,
    budgets: PyReadonlyArray1<'py, f64>,
    losses: PyReadonlyArray1<'py, f64>,
) -> PyResult<Ends<'py>> {
    let make = surface(question)?;
    let (draw, sizes) = (draw.as_slice()?.to_vec(), sizes.as_slice()?.to_vec());
    let (budgets, losses) = (budgets.as_slice()?.to_vec(), losses.as_slice()?.to_vec());
    let (low, high) = run::long_if(py, sizes.len() > FEW, |cancel| {
        let draw = Draws { p: draw.len(), values: &draw };
        make()?.around(draw, &sizes, &budgets, &losses, cancel)
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
    let draws = convert::matrix(&draws)?;
    let (sizes, losses) = (sizes.as_slice()?.to_vec(), losses.as_slice()?.to_vec());
    let found = run::long_if(py, draws.rows * sizes.len() > FEW, |cancel| {
        make()?.tokens_at(rows(&draws), &sizes, &losses, n_threads, cancel)
    })?;
    Ok(convert::reshaped(py, found, [sizes.len(), draws.rows])?.into_any())
}
