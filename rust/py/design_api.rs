//! Run designs: `isoflop._core.exchange_design`, `design_variances` and `schedule_runs`.

use isoflop_core::inference::matrix::Square;
use isoflop_core::plan::design::{Belief, Field, Limits, Version, exchange, schedule};
use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::convert::{self, column, get};
use crate::run;

/// Designs of more runs go through the side thread: their covariances are inverted.
const FEW: usize = 32;

/// Beliefs: dicts of `versions` (dicts), `apart` (targets) and `weight`.
fn beliefs(list: &Bound<'_, PyList>) -> PyResult<Vec<Belief>> {
    list.iter()
        .map(|item| {
            let dict = item.cast::<PyDict>()?;
            let versions = convert::item(dict, "versions")?;
            Ok(Belief {
                versions: versions.cast::<PyList>()?.iter().map(|v| version(v.cast()?)).collect::<PyResult<_>>()?,
                apart: column(dict, "apart")?,
                weight: get(dict, "weight")?,
            })
        })
        .collect()
}

/// A version of the law: `before` (q, q), `slopes` (candidates, q), `targets` (targets, q), `weight` and `field`, which
/// is None or a dict of `covariance` (candidates, candidates), `noise`, `near` (candidates) and `open`.
fn version(dict: &Bound<'_, PyDict>) -> PyResult<Version> {
    let matrix = |key: &str| convert::matrix_of(&convert::item(dict, key)?);
    let (before, targets) = (matrix("before")?, matrix("targets")?);
    Ok(Version {
        before: Square { q: before.columns, a: before.values },
        slopes: matrix("slopes")?.values,
        targets: targets.values.chunks_exact(targets.columns.max(1)).map(<[f64]>::to_vec).collect(),
        weight: get(dict, "weight")?,
        field: convert::maybe(dict, "field", |field| read_field(field.cast()?))?,
    })
}

fn read_field(dict: &Bound<'_, PyDict>) -> PyResult<Field> {
    Ok(Field {
        covariance: convert::matrix_of(&convert::item(dict, "covariance")?)?.values,
        noise: get(dict, "noise")?,
        near: column(dict, "near")?,
        open: get(dict, "open")?,
    })
}

/// Searches the design of the smallest variances; see `isoflop_core::plan::design::exchange`.
#[pyfunction]
#[pyo3(signature = (beliefs, cost, limits, starts, seed))]
pub fn exchange_design<'py>(
    py: Python<'py>,
    beliefs: &Bound<'py, PyList>,
    cost: PyReadonlyArray1<'py, f64>,
    limits: &Bound<'py, PyDict>,
    starts: usize,
    seed: u64,
) -> PyResult<Bound<'py, PyDict>> {
    let beliefs = self::beliefs(beliefs)?;
    let limits = Limits {
        cost: cost.as_slice()?.to_vec(),
        budget: get(limits, "budget")?,
        cap: get(limits, "cap")?,
        runs: get(limits, "runs")?,
        slots: get(limits, "slots")?,
        longest: get(limits, "longest")?,
    };
    let found = run::long(py, None, |cancel| exchange(&beliefs, &limits, starts, seed, cancel))?;
    let out = PyDict::new(py);
    let chosen = found.chosen.into_iter().map(|i| i as i64).collect();
    out.set_item("chosen", PyArray1::<i64>::from_vec(py, chosen))?;
    out.set_item("value", found.value)?;
    out.set_item("ends", PyArray1::from_vec(py, found.ends))?;
    out.set_item("sweeps", found.sweeps)?;
    Ok(out)
}

/// Variances of the targets once each of `n` candidates is run: an array (beliefs, targets).
#[pyfunction]
pub fn design_variances<'py>(py: Python<'py>, beliefs: &Bound<'py, PyList>, n: usize) -> PyResult<Bound<'py, PyAny>> {
    let beliefs = self::beliefs(beliefs)?;
    let shape = [beliefs.len(), beliefs.first().map_or(0, |b| b.apart.len())];
    let design: Vec<usize> = (0..n).collect();
    let found = run::long_if(py, n > FEW, |cancel| {
        let mut out = vec![];
        for belief in &beliefs {
            cancel.check()?;
            belief.check(n)?;
            out.extend(belief.variances(&design));
        }
        Ok(out)
    })?;
    Ok(convert::reshaped(py, found, shape)?.into_any())
}

/// The slot of each run, and what the busiest slot costs.
#[pyfunction]
pub fn schedule_runs<'py>(
    py: Python<'py>,
    cost: PyReadonlyArray1<'py, f64>,
    slots: usize,
) -> PyResult<(Bound<'py, PyArray1<i64>>, f64)> {
    let cost = cost.as_slice()?.to_vec();
    let (slot, longest) = run::short(py, |_| Ok(schedule(&cost, slots)))?;
    Ok((PyArray1::from_vec(py, slot.into_iter().map(|i| i as i64).collect()), longest))
}

/// Columns (n, m) whitened by the lower factor of a covariance (n, n).
#[pyfunction]
pub fn whiten<'py>(
    py: Python<'py>,
    covariance: PyReadonlyArray2<'py, f64>,
    columns: PyReadonlyArray2<'py, f64>,
) -> PyResult<Bound<'py, PyAny>> {
    let (k, b) = (convert::matrix(&covariance)?.values, convert::matrix(&columns)?);
    let found = run::long_if(py, k.len() > run::SMALL, |_| {
        isoflop_core::discrepancy::whiten(&k, b.rows, &b.values, convert::simd()?)
    })?;
    Ok(convert::reshaped(py, found, [b.rows, b.columns])?.into_any())
}
