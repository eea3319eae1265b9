//! Plain dicts and arrays → the core's types. Everything is copied in, except where a slice is
//! borrowed for prediction.

use std::collections::BTreeMap;

use isoflop_core::expr::{Domain, Scale, Spec};
use isoflop_core::fit::{Prior, Problem, Recipe, Start};
use isoflop_core::schedule::Schedules;
use isoflop_core::simd::{Criterion, Kernels, Shape, kernels};
use isoflop_core::table::Table;
use numpy::{Element, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::{PyKeyError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// A required item of a dict.
pub fn item<'py>(dict: &Bound<'py, PyDict>, key: &str) -> PyResult<Bound<'py, PyAny>> {
    dict.get_item(key)?.ok_or_else(|| PyKeyError::new_err(key.to_string()))
}

fn optional<'py>(dict: &Bound<'py, PyDict>, key: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(dict.get_item(key)?.filter(|x| !x.is_none()))
}

/// A required item, converted.
pub fn get<'py, T: FromPyObjectOwned<'py>>(dict: &Bound<'py, PyDict>, key: &str) -> PyResult<T> {
    item(dict, key)?.extract().map_err(|_| PyTypeError::new_err(format!("'{key}' has the wrong type")))
}

/// A required item as `read` takes it, none where it is None.
pub fn maybe<'py, T>(
    dict: &Bound<'py, PyDict>,
    key: &str,
    read: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<T>,
) -> PyResult<Option<T>> {
    let value = item(dict, key)?;
    if value.is_none() { Ok(None) } else { read(&value).map(Some) }
}

/// A required float64 array as a vector.
pub fn column(dict: &Bound<'_, PyDict>, key: &str) -> PyResult<Vec<f64>> {
    floats(&item(dict, key)?)
}

/// A float64 array of two axes, row by row.
pub struct Matrix {
    pub values: Vec<f64>,
    pub rows: usize,
    pub columns: usize,
}

impl Matrix {
    /// The rows as arrays of a fixed length.
    pub fn rows_of<const N: usize>(&self) -> PyResult<Vec<[f64; N]>> {
        if self.columns != N {
            return Err(PyValueError::new_err(format!("an array has {} columns, expected {N}", self.columns)));
        }
        Ok(self.values.as_chunks().0.to_vec())
    }
}

/// Copies a two-dimensional array.
pub fn matrix(array: &PyReadonlyArray2<'_, f64>) -> PyResult<Matrix> {
    let (rows, columns) = array.as_array().dim();
    Ok(Matrix { values: array.as_slice()?.to_vec(), rows, columns })
}

/// A required two-dimensional float64 array.
pub fn matrix_of(value: &Bound<'_, PyAny>) -> PyResult<Matrix> {
    let array = value.extract().map_err(|_| PyTypeError::new_err("expected a two-dimensional float64 array"))?;
    matrix(&array)
}

/// Values as an array of two axes, without copying.
pub fn reshaped<'py, T: Element>(
    py: Python<'py>,
    values: Vec<T>,
    shape: [usize; 2],
) -> PyResult<Bound<'py, PyArray2<T>>> {
    PyArray1::from_vec(py, values).reshape(shape)
}

/// A float64 array as a vector.
pub fn floats(value: &Bound<'_, PyAny>) -> PyResult<Vec<f64>> {
    let array: PyReadonlyArray1<'_, f64> =
        value.extract().map_err(|_| PyTypeError::new_err("expected a one-dimensional float64 array"))?;
    Ok(array.as_slice()?.to_vec())
}

/// An int64 array of codes as a vector.
pub fn codes(value: &Bound<'_, PyAny>) -> PyResult<Vec<u32>> {
    let array: PyReadonlyArray1<'_, i64> =
        value.extract().map_err(|_| PyTypeError::new_err("expected a one-dimensional int64 array"))?;
    let convert = |&x: &i64| u32::try_from(x).map_err(|_| PyValueError::new_err(format!("code {x} is out of range")));
    array.as_slice()?.iter().map(convert).collect()
}

/// How the formula is to be read, the response scale, and where its search begins.
pub fn law(dict: &Bound<'_, PyDict>) -> PyResult<(Spec, Scale, Start)> {
    let spec = Spec {
        formula: get(dict, "formula")?,
        variables: get(dict, "variables")?,
        real: get(dict, "real")?,
        unit: get(dict, "unit")?,
        tied: get(dict, "tied")?,
        parts: get(dict, "where")?,
        frozen: BTreeMap::new(),
        schedules: optional(dict, "schedules")?.map(|x| x.extract()).transpose()?.unwrap_or_default(),
        positive: vec![],
    };
    let scale: String = get(dict, "scale")?;
    let scale = match scale.as_str() {
        "log" => Scale::Log,
        "linear" => Scale::Linear,
        other => return Err(PyValueError::new_err(format!("scale '{other}' is neither 'log' nor 'linear'"))),
    };
    let start = Start { seed_at: get(dict, "seed_at")?, search_box: get(dict, "box")? };
    Ok((spec, scale, start))
}

/// The rows.
pub fn table(dict: &Bound<'_, PyDict>) -> PyResult<Table> {
    let mut out = Table { response: column(dict, "response")?, weights: column(dict, "weights")?, ..Table::default() };
    out.n = out.response.len();
    for (name, column) in item(dict, "columns")?.cast::<PyDict>()?.iter() {
        let name: String = name.extract()?;
        let values = match schedules(&column)? {
            Some((numbers, found)) => {
                out.schedules.insert(name.clone(), found);
                numbers
            }
            None => floats(&column)?,
        };
        out.columns.insert(name, values);
    }
    for (name, factor) in item(dict, "factors")?.cast::<PyDict>()?.iter() {
        let (list, levels): (Bound<'_, PyAny>, usize) = factor.extract()?;
        out.factors.insert(name.extract()?, (codes(&list)?, levels));
    }
    Ok(out)
}

/// A schedule column (`isoflop._schedules.Schedules`): prefix numbers, rates of all curves one after the
/// other, where each curve begins (and the last ends), curve and length of each prefix; none for other columns.
pub fn schedules(column: &Bound<'_, PyAny>) -> PyResult<Option<(Vec<f64>, Schedules)>> {
    let Ok(parts) = column.cast::<PyTuple>() else { return Ok(None) };
    let (numbers, rates) = (floats(&parts.get_item(0)?)?, floats(&parts.get_item(1)?)?);
    let part = |i: usize| -> PyResult<Vec<usize>> {
        Ok(codes(&parts.get_item(i)?)?.into_iter().map(|x| x as usize).collect())
    };
    let (starts, prefixes) = (part(2)?, part(3)?.into_iter().zip(part(4)?).collect::<Vec<_>>());
    let curve = |w: &[usize]| rates.get(w[0]..w[1]).ok_or_else(|| PyValueError::new_err("curves do not fit the rates"));
    let curves = starts.windows(2).map(curve).collect::<PyResult<Vec<_>>>()?;
    let found = Schedules::new(&curves, &prefixes).map_err(|e| crate::error::to_python(column.py(), e))?;
    Ok(Some((numbers, found)))
}

/// What is minimised; bounds are native in Python and internal here.
pub fn recipe(dict: &Bound<'_, PyDict>, domains: &[Domain]) -> PyResult<Recipe> {
    let shape: String = get(dict, "shape")?;
    let shape = match shape.as_str() {
        "huber" => Shape::Huber,
        "pseudo_huber" => Shape::PseudoHuber,
        "log_cosh" => Shape::LogCosh,
        other => return Err(PyValueError::new_err(format!("unknown shape '{other}'"))),
    };
    let criterion =
        Criterion { shape, delta: get(dict, "delta")?, over: get(dict, "over")?, under: get(dict, "under")? };
    let mut out = Recipe::new(criterion, domains.len());
    out.auto_delta = get(dict, "auto_delta")?;
    out.continuation = get(dict, "continuation")?;
    out.fixed = column(dict, "fixed")?;
    out.lower = inward(&column(dict, "lower")?, domains, f64::NEG_INFINITY);
    out.upper = inward(&column(dict, "upper")?, domains, f64::INFINITY);
    let (mean, sd) = (column(dict, "prior_mean")?, column(dict, "prior_sd")?);
    out.priors = mean.iter().zip(&sd).map(|(&mean, &sd)| (!mean.is_nan()).then_some(Prior { mean, sd })).collect();
    out.kappa = optional(dict, "kappa")?.map(|x| x.extract()).transpose()?;
    Ok(out)
}

/// Native bounds → internal ones; a bound outside the domain is none.
fn inward(native: &[f64], domains: &[Domain], none: f64) -> Vec<f64> {
    let convert = |(&x, domain): (&f64, &Domain)| {
        let inner = if x.is_infinite() { x } else { domain.inward(x) };
        if inner.is_nan() { none } else { inner }
    };
    native.iter().zip(domains).map(convert).collect()
}

/// The vector operations in use.
pub fn simd() -> isoflop_core::error::Result<&'static Kernels> {
    kernels().map_err(|e| isoflop_core::error::Error::Setting(e.to_string()))
}

/// The levels of the law's factors, combined: resampling stays within them.
pub fn strata(problem: &Problem) -> Option<Vec<u32>> {
    let table = problem.table();
    let factors: Vec<&Vec<u32>> = problem.factor_names().iter().map(|name| &table.factors[name].0).collect();
    if factors.is_empty() {
        return None;
    }
    let mut seen = BTreeMap::new();
    let keys: Vec<Vec<u32>> = (0..table.n).map(|i| factors.iter().map(|f| f[i]).collect()).collect();
    for key in &keys {
        let next = seen.len() as u32;
        seen.entry(key.clone()).or_insert(next);
    }
    Some(keys.iter().map(|key| seen[key]).collect())
}
