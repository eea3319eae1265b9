//! Forecasts with correlated errors: `isoflop._core.discrepancy` and Student's quantiles.

use isoflop_core::discrepancy::{Cell, Field, Model, Solution, solve};
use isoflop_core::fit::Problem;
use isoflop_core::inference::special::t_quantile;
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::convert;
use crate::run;

/// Fits a grid of covariances and forecasts targets.
///
/// `field`: coordinates (list of arrays), clock, groups (codes or None), targets (list of arrays or None).
/// `grid`: a row for each cell: smooth, length, group, lasting, log prior.
#[pyfunction]
#[pyo3(signature = (spec, table, recipe, starts, refit, field, grid, targets, n_threads))]
#[allow(clippy::too_many_arguments)]
pub fn discrepancy<'py>(
    py: Python<'py>,
    spec: &Bound<'py, PyDict>,
    table: &Bound<'py, PyDict>,
    recipe: &Bound<'py, PyDict>,
    starts: PyReadonlyArray2<'py, f64>,
    refit: bool,
    field: &Bound<'py, PyDict>,
    grid: PyReadonlyArray2<'py, f64>,
    targets: Option<&Bound<'py, PyDict>>,
    n_threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let make = crate::api::problem(spec, table)?;
    let make_targets = targets.map(|t| crate::api::problem(spec, t)).transpose()?;
    let (problem, points) = run::long(py, None, |_| Ok((make()?, make_targets.map(|m| m()).transpose()?)))?;
    let recipe = convert::recipe(recipe, problem.domains())?;
    let native: Vec<Vec<f64>> = starts.as_array().rows().into_iter().map(|r| r.to_vec()).collect();
    let starts: Vec<Vec<f64>> = native.iter().map(|theta| problem.inward(theta)).collect();
    let cells: Vec<Cell> = convert::matrix(&grid)?.rows_of()?.into_iter().map(cell).collect();
    let places = columns(field, "targets")?;
    let model = Model {
        free: recipe.free(),
        bounds: recipe.lower.iter().copied().zip(recipe.upper.iter().copied()).collect(),
        priors: recipe.priors.clone(),
        field: read_field(field, &problem)?,
        problem: &problem,
    };
    let at = points.as_ref().map(|p| (p, places.as_slice()));
    let found = run::long(py, None, |cancel| solve(&model, &cells, &starts, refit, at, n_threads, cancel))?;
    describe(py, &problem, found)
}

fn cell([smooth, length, group, lasting, log_prior]: [f64; 5]) -> Cell {
    Cell { smooth, length, group, lasting, log_prior }
}

fn columns(field: &Bound<'_, PyDict>, key: &str) -> PyResult<Vec<Vec<f64>>> {
    let read = |list: &Bound<'_, PyAny>| list.cast::<PyList>()?.iter().map(|x| convert::floats(&x)).collect();
    Ok(convert::maybe(field, key, read)?.unwrap_or_default())
}

fn read_field(field: &Bound<'_, PyDict>, problem: &Problem) -> PyResult<Field> {
    Ok(Field {
        coordinates: columns(field, "coordinates")?,
        clock: convert::column(field, "clock")?,
        groups: convert::maybe(field, "groups", convert::codes)?.unwrap_or_default(),
        weights: problem.table().weights.clone(),
    })
}

fn describe<'py>(py: Python<'py>, problem: &Problem, found: Solution) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    let (cells, p) = (found.theta.len(), problem.p());
    let theta: Vec<f64> = found.theta.iter().flat_map(|theta| problem.outward(theta)).collect();
    out.set_item("theta", convert::reshaped(py, theta, [cells, p])?)?;
    let covariance: Vec<f64> = found.covariance.concat();
    let q = (covariance.len() / cells.max(1)).isqrt();
    out.set_item("covariance", PyArray1::from_vec(py, covariance).reshape([cells, q, q])?)?;
    out.set_item("row_leverage", found.row_leverage)?;
    let f = found.forecast;
    for (name, values) in [
        ("variance", found.variance),
        ("log_weight", found.log_weight),
        ("weight", found.weight),
        ("mean", f.mean),
        ("curve", f.curve),
        ("parameters", f.parameters),
        ("form", f.form),
        ("discrepancy", f.discrepancy),
        ("noise", f.noise),
        ("leverage", f.leverage),
    ] {
        out.set_item(name, PyArray1::from_vec(py, values))?;
    }
    Ok(out)
}

/// Student's quantiles at probabilities, for degrees of freedom that may be infinite.
#[pyfunction]
pub fn student<'py>(
    py: Python<'py>,
    probabilities: PyReadonlyArray1<'py, f64>,
    df: f64,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let probabilities = probabilities.as_slice()?.to_vec();
    let values = run::short(py, |_| Ok(probabilities.iter().map(|&p| t_quantile(p, df)).collect()))?;
    Ok(PyArray1::from_vec(py, values))
}
