//! The functions of `isoflop._core`: convert, run through the door, convert back.

use std::sync::Arc;

use isoflop_core::band::{DrawTable, Point};
use isoflop_core::bootstrap::Bootstrap;
use isoflop_core::error::Error;
use isoflop_core::expr::{Law, Scale, Spec};
use isoflop_core::fit::{Fit, Problem, Search, Status, fit as run_fit, objective_at};
use isoflop_core::predict::{Points, Predictor};
use isoflop_core::resample::{Sampler, Scheme, Scratch};
use isoflop_core::schedule::Schedules;
use isoflop_core::simd::Level;
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert;
use crate::interval_api::with_responses;
use crate::run;

/// Names and advice, by code.
pub fn status_table() -> Vec<(&'static str, &'static str)> {
    Status::ALL.iter().map(|s| (s.name(), s.advice())).collect()
}

fn matrix(py: Python<'_>, values: Vec<f64>, rows: usize, columns: usize) -> PyResult<Bound<'_, PyAny>> {
    Ok(PyArray1::from_vec(py, values).reshape([rows, columns])?.into_any())
}

/// Reads a law.
#[pyfunction]
pub fn law_info<'py>(py: Python<'py>, spec: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
    let (spec, _, _) = convert::law(spec)?;
    let law = run::long(py, None, |_| Law::new(&spec))?;
    let out = PyDict::new(py);
    let names: Vec<&str> = law.parameters.iter().map(|p| p.name.as_str()).collect();
    out.set_item("parameters", names)?;
    let levels = PyDict::new(py);
    for p in &law.parameters {
        if let Some(f) = p.factor {
            levels.set_item(&p.name, &law.factors[f])?;
        }
    }
    out.set_item("levels", levels)?;
    out.set_item("variables", &law.variables)?;
    out.set_item("unused", law.unused())?;
    out.set_item("schedules", &law.schedules)?;
    let positive: Vec<&String> = law.variables.iter().zip(&law.logged).filter(|(_, l)| **l).map(|(v, _)| v).collect();
    out.set_item("positive", positive)?;
    Ok(out)
}

/// What compiles a law against a table, away from the interpreter.
pub fn problem(
    spec: &Bound<'_, PyDict>,
    table: &Bound<'_, PyDict>,
) -> PyResult<impl FnOnce() -> Result<Problem, Error> + Send> {
    let (spec, scale, start) = convert::law(spec)?;
    let table = convert::table(table)?;
    Ok(move || Problem::new(spec, scale, start, table, convert::simd()?))
}

/// Fits one table.
#[pyfunction]
#[pyo3(signature = (spec, table, recipe, starts, n_starts, seed, only_starts))]
#[allow(clippy::too_many_arguments)]
pub fn fit<'py>(
    py: Python<'py>,
    spec: &Bound<'py, PyDict>,
    table: &Bound<'py, PyDict>,
    recipe: &Bound<'py, PyDict>,
    starts: Option<PyReadonlyArray2<'py, f64>>,
    n_starts: usize,
    seed: u64,
    only_starts: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let _ = seed; // The search is deterministic: its quasi-random points need no seed.
    let make = problem(spec, table)?;
    let compiled = run::long(py, None, |_| make())?;
    let recipe = convert::recipe(recipe, compiled.domains())?;
    let starts: Vec<Vec<f64>> =
        starts.map(|s| s.as_array().rows().into_iter().map(|r| r.to_vec()).collect()).unwrap_or_default();
    let starts_given = starts.len();
    let search = Search { starts, only_starts, n_starts };
    let job = |cancel: &_| run_fit(&compiled, &recipe, &search, cancel);
    let descents = starts_given + if n_starts == 0 { 8 } else { n_starts };
    let work = compiled.n() * compiled.p() * descents.div_ceil(8);
    let found = run::long_if(py, work > run::SMALL, job)?;
    describe(py, &compiled, found)
}

fn describe<'py>(py: Python<'py>, problem: &Problem, found: Fit) -> PyResult<Bound<'py, PyDict>> {
    let (n, p) = (problem.n(), problem.p());
    let out = PyDict::new(py);
    out.set_item("fitted", PyArray1::from_vec(py, problem.native_fitted(&found.residuals)))?;
    out.set_item("theta", PyArray1::from_vec(py, found.native))?;
    out.set_item("objective", found.objective)?;
    out.set_item("penalised", found.penalised)?;
    out.set_item("status", found.status as u8)?;
    out.set_item("delta", found.delta)?;
    out.set_item("kappa", found.kappa)?;
    out.set_item("n_evaluations", found.n_evaluations)?;
    out.set_item("n_starts", found.n_starts)?;
    out.set_item("n_best", found.n_best)?;
    out.set_item("n_optima", found.n_optima)?;
    out.set_item("residuals", PyArray1::from_vec(py, found.residuals))?;
    out.set_item("jacobian", matrix(py, found.jacobian, n, p)?)?;
    out.set_item("at_bound", PyArray1::from_vec(py, found.at_bound))?;
    out.set_item("standard_error", PyArray1::from_vec(py, found.standard_error))?;
    out.set_item("covariance", matrix(py, found.covariance, p, p)?)?;
    out.set_item("unidentified", found.unidentified)?;
    Ok(out)
}

/// A resampling scheme by its name.
pub fn scheme(name: &str) -> PyResult<Scheme> {
    match name {
        "rows" => Ok(Scheme::Rows),
        "groups" => Ok(Scheme::Groups),
        "bayesian" => Ok(Scheme::Bayesian),
        "jackknife" => Ok(Scheme::Jackknife),
        "wild" => Ok(Scheme::Wild),
        "wild-groups" => Ok(Scheme::WildGroups),
        "residual" => Ok(Scheme::Residual),
        "parametric" => Ok(Scheme::Parametric),
        other => Err(PyValueError::new_err(format!("unknown scheme '{other}'"))),
    }
}

/// Refits resamples.
#[pyfunction]
#[pyo3(signature = (spec, table, recipe, theta, delta, scheme, groups, first, count, seed, n_threads, progress))]
#[allow(clippy::too_many_arguments)]
pub fn bootstrap<'py>(
    py: Python<'py>,
    spec: &Bound<'py, PyDict>,
    table: &Bound<'py, PyDict>,
    recipe: &Bound<'py, PyDict>,
    theta: PyReadonlyArray1<'py, f64>,
    delta: f64,
    scheme: &str,
    groups: Option<Bound<'py, PyAny>>,
    first: u64,
    count: usize,
    seed: u64,
    n_threads: usize,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let kind = self::scheme(scheme)?;
    let groups = groups.map(|g| convert::codes(&g)).transpose()?;
    let make = problem(spec, table)?;
    let compiled = run::long(py, None, |_| make())?;
    let mut recipe = convert::recipe(recipe, compiled.domains())?;
    recipe.criterion.delta = delta;
    recipe.auto_delta = false;
    let theta = compiled.inward(theta.as_slice()?);
    let strata = convert::strata(&compiled);
    let p = compiled.p();
    let drawn = run::long(py, progress.as_ref(), |cancel| {
        let sampler = Sampler::new(kind, &compiled.table().weights, groups.as_deref(), strata.as_deref(), seed, 0)?;
        let sampler = with_responses(sampler, kind, &compiled, &recipe, &theta, groups.as_deref())?;
        Bootstrap { problem: &compiled, recipe: &recipe, theta: &theta, sampler: &sampler }
            .run(first, count, n_threads, cancel)
    })?;
    let out = PyDict::new(py);
    out.set_item("draws", matrix(py, drawn.draws, count, p)?)?;
    out.set_item("objective", PyArray1::from_vec(py, drawn.objective))?;
    out.set_item("status", PyArray1::from_vec(py, drawn.status))?;
    Ok(out)
}

/// Row weights of one resample.
#[pyfunction]
#[pyo3(signature = (n, scheme, groups, strata, seed, index))]
pub fn resample_weights<'py>(
    py: Python<'py>,
    n: usize,
    scheme: &str,
    groups: Option<Bound<'py, PyAny>>,
    strata: Option<Bound<'py, PyAny>>,
    seed: u64,
    index: u64,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let kind = self::scheme(scheme)?;
    let groups = groups.map(|g| convert::codes(&g)).transpose()?;
    let strata = strata.map(|g| convert::codes(&g)).transpose()?;
    let weights = run::short(py, |_| {
        let sampler = Sampler::new(kind, &vec![1.0; n], groups.as_deref(), strata.as_deref(), seed, 0)?;
        let mut weights = vec![0.0; n];
        sampler.draw(index, &mut Scratch::default(), &mut weights);
        Ok(weights)
    })?;
    Ok(PyArray1::from_vec(py, weights))
}

/// The value of the objective at given parameters.
#[pyfunction]
pub fn objective(
    py: Python<'_>,
    spec: &Bound<'_, PyDict>,
    table: &Bound<'_, PyDict>,
    recipe: &Bound<'_, PyDict>,
    theta: PyReadonlyArray1<'_, f64>,
) -> PyResult<f64> {
    let make = problem(spec, table)?;
    let compiled = run::long(py, None, |_| make())?;
    let recipe = convert::recipe(recipe, compiled.domains())?;
    let theta = compiled.inward(theta.as_slice()?);
    run::long(py, None, |cancel| Ok(objective_at(&compiled, &recipe, &theta, cancel)))
}

/// Codes of each factor of a law, in its order.
fn factor_codes(law: &Law, codes: &Bound<'_, PyDict>) -> PyResult<Vec<Vec<u32>>> {
    law.factors.iter().map(|name| convert::codes(&convert::item(codes, name)?)).collect()
}

/// Native parameters, split by parameter of the law; the levels of a factor share the rest.
fn split(law: &Law, theta: &[f64], levels: &[usize]) -> PyResult<Vec<(usize, usize)>> {
    let mut spans = Vec::new();
    let mut first = 0;
    for p in &law.parameters {
        let count = p.factor.map_or(1, |f| levels[f]);
        spans.push((first, count));
        first += count;
    }
    if first != theta.len() {
        return Err(PyValueError::new_err(format!("the law has {first} parameters, {} given", theta.len())));
    }
    Ok(spans)
}

/// How many levels each factor has: parameters of one factor share their number, so it follows
/// from the count where there is one factor; otherwise from `levels` of the spec.
fn level_counts(law: &Law, spec: &Bound<'_, PyDict>, p: usize) -> PyResult<Vec<usize>> {
    if law.factors.is_empty() {
        return Ok(vec![]);
    }
    if let Some(counts) = spec.get_item("n_levels")? {
        let counts = counts.cast::<PyDict>()?.clone();
        return law.factors.iter().map(|name| convert::item(&counts, name)?.extract()).collect();
    }
    let plain = law.parameters.iter().filter(|q| q.factor.is_none()).count();
    let levelled = law.parameters.len() - plain;
    if law.factors.len() == 1 && (p - plain).is_multiple_of(levelled) {
        return Ok(vec![(p - plain) / levelled]);
    }
    Err(PyValueError::new_err("a law with several factors needs spec['n_levels']"))
}

/// Schedules in the order of the law's schedule variables.
fn in_order(mut found: Vec<(Option<usize>, Schedules)>) -> Arc<[Schedules]> {
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, schedules)| schedules).collect()
}

/// Points of a call, borrowed from its arrays, with the parameters by law order.
struct Borrowed<'py> {
    native: Vec<Vec<f64>>,
    arrays: Vec<PyReadonlyArray1<'py, f64>>,
    lists: Vec<Vec<u32>>,
    schedules: Arc<[Schedules]>,
    n: usize,
}

impl<'py> Borrowed<'py> {
    fn read(
        law: &Law,
        spec: &Bound<'py, PyDict>,
        theta: &PyReadonlyArray1<'py, f64>,
        columns: &Bound<'py, PyDict>,
        codes: &Bound<'py, PyDict>,
    ) -> PyResult<Self> {
        let theta = theta.as_slice()?;
        let spans = split(law, theta, &level_counts(law, spec, theta.len())?)?;
        let native = spans.iter().map(|&(first, count)| theta[first..first + count].to_vec()).collect();
        let mut schedules = vec![];
        let mut arrays = vec![];
        for name in &law.variables {
            let mut column = convert::item(columns, name)?;
            if let Some((_, found)) = convert::schedules(&column)? {
                schedules.push((law.schedules.iter().position(|s| s == name), found));
                column = column.get_item(0)?;
            }
            arrays.push(column.extract::<PyReadonlyArray1<'py, f64>>()?);
        }
        let lists = factor_codes(law, codes)?;
        let first = arrays.first().map(|a| a.as_slice()).transpose()?.map(<[f64]>::len);
        let n = first.or_else(|| lists.first().map(Vec::len)).unwrap_or(1);
        Ok(Borrowed { native, arrays, lists, schedules: in_order(schedules), n })
    }

    fn columns(&self) -> PyResult<Vec<&[f64]>> {
        self.arrays.iter().map(|a| Ok(a.as_slice()?)).collect()
    }

    fn codes(&self) -> Vec<&[u32]> {
        self.lists.iter().map(Vec::as_slice).collect()
    }
}

/// A law at points, for one parameter vector: reads the arrays in place.
#[pyfunction]
pub fn predict<'py>(
    py: Python<'py>,
    spec: &Bound<'py, PyDict>,
    theta: PyReadonlyArray1<'py, f64>,
    columns: &Bound<'py, PyDict>,
    codes: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let (read, _, _) = convert::law(spec)?;
    let predictor = run::long_if(py, is_large(&read), |_| Predictor::new(&read, convert::simd()?))?;
    let at = Borrowed::read(predictor.law(), spec, &theta, columns, codes)?;
    let (slices, lists) = (at.columns()?, at.codes());
    let points = Points { columns: &slices, codes: &lists };
    let predictor = predictor.with_schedules(at.schedules.clone());
    // numpy's own allocation: it asks for large pages, which Rust's does not.
    let out = py.import("numpy")?.call_method1("empty", (at.n,))?.cast_into::<PyArray1<f64>>()?;
    let mut target = out.readwrite();
    let values = target.as_slice_mut()?;
    run::long_if(py, at.n > run::SMALL, |cancel| predictor.predict(&at.native, points, values, cancel))?;
    drop(target);
    Ok(out)
}

/// Derivatives of a law by its parameters at points: one array per parameter of the law.
#[pyfunction]
pub fn jacobian<'py>(
    py: Python<'py>,
    spec: &Bound<'py, PyDict>,
    theta: PyReadonlyArray1<'py, f64>,
    columns: &Bound<'py, PyDict>,
    codes: &Bound<'py, PyDict>,
) -> PyResult<Vec<Bound<'py, PyArray1<f64>>>> {
    let (read, _, _) = convert::law(spec)?;
    let predictor = run::long_if(py, is_large(&read), |_| Predictor::with_derivatives(&read, convert::simd()?))?;
    let at = Borrowed::read(predictor.law(), spec, &theta, columns, codes)?;
    let (slices, lists) = (at.columns()?, at.codes());
    let points = Points { columns: &slices, codes: &lists };
    let predictor = predictor.with_schedules(at.schedules.clone());
    let by = run::long_if(py, at.n > run::SMALL, |cancel| predictor.jacobian(&at.native, points, at.n, cancel))?;
    Ok(by.into_iter().map(|values| PyArray1::from_vec(py, values)).collect())
}

/// Whether compiling may take long or recurse deeply, and belongs on the side thread.
fn is_large(spec: &Spec) -> bool {
    let parts: usize = spec.parts.values().map(String::len).sum();
    spec.formula.len() + parts > 500
}

/// Points of equal levels, with their places in the caller's order.
type Batch = (Vec<usize>, Vec<usize>, Vec<Point>);

struct Draws {
    spec: Spec,
    scale: Scale,
    draws: Vec<f64>,
    spans: Vec<(usize, usize)>,
    batches: Vec<Batch>,
    schedules: Arc<[Schedules]>,
    k: usize,
    m: usize,
}

impl Draws {
    fn read(
        spec: &Bound<'_, PyDict>,
        draws: &PyReadonlyArray2<'_, f64>,
        columns: &Bound<'_, PyDict>,
        codes: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        let (read, scale, _) = convert::law(spec)?;
        let law = Law::new(&read).map_err(|e| crate::error::to_python(spec.py(), e))?;
        let m = draws.as_array().nrows();
        let levels = level_counts(&law, spec, draws.as_array().ncols())?;
        let spans = split(&law, &vec![0.0; draws.as_array().ncols()], &levels)?;
        let mut schedules = vec![];
        let values = law
            .variables
            .iter()
            .map(|name| {
                let column = convert::item(columns, name)?;
                let Some((numbers, found)) = convert::schedules(&column)? else { return convert::floats(&column) };
                schedules.push((law.schedules.iter().position(|s| s == name), found));
                Ok(numbers)
            })
            .collect::<PyResult<Vec<_>>>()?;
        let lists = factor_codes(&law, codes)?;
        let k = values.first().map(Vec::len).or_else(|| lists.first().map(Vec::len)).unwrap_or(1);
        let mut batches: Vec<Batch> = vec![];
        for i in 0..k {
            let key: Vec<usize> = lists.iter().map(|l| l[i] as usize).collect();
            let point = Point { values: values.iter().map(|v| v[i]).collect(), codes: key.clone() };
            let at = batches.iter().position(|b| b.0 == key).unwrap_or_else(|| {
                batches.push((key, vec![], vec![]));
                batches.len() - 1
            });
            batches[at].1.push(i);
            batches[at].2.push(point);
        }
        let schedules = in_order(schedules);
        Ok(Draws { spec: read, scale, draws: draws.as_slice()?.to_vec(), spans, batches, schedules, k, m })
    }
}

/// A law at points, for every draw.
#[pyfunction]
pub fn predict_draws<'py>(
    py: Python<'py>,
    spec: &Bound<'py, PyDict>,
    draws: PyReadonlyArray2<'py, f64>,
    columns: &Bound<'py, PyDict>,
    codes: &Bound<'py, PyDict>,
    n_threads: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let d = Draws::read(spec, &draws, columns, codes)?;
    let values = run::long(py, None, |cancel| {
        let mut out = vec![0.0; d.m * d.k];
        for (levels, places, points) in &d.batches {
            let table = DrawTable::new(&d.spec, convert::simd()?, &d.draws, &d.spans, levels, None)?
                .with_schedules(d.schedules.clone());
            let rows = table.all(points, n_threads, cancel)?;
            for (row, &place) in rows.chunks_exact(d.m.max(1)).zip(places) {
                for (i, &x) in row.iter().enumerate() {
                    out[i * d.k + place] = x;
                }
            }
        }
        Ok(out)
    })?;
    matrix(py, values, d.m, d.k)
}

/// Quantiles over draws, point by point.
#[pyfunction]
#[pyo3(signature = (spec, draws, keep, columns, codes, probs, n_threads, noise))]
#[allow(clippy::too_many_arguments)]
pub fn band<'py>(
    py: Python<'py>,
    spec: &Bound<'py, PyDict>,
    draws: PyReadonlyArray2<'py, f64>,
    keep: PyReadonlyArray1<'py, bool>,
    columns: &Bound<'py, PyDict>,
    codes: &Bound<'py, PyDict>,
    probs: PyReadonlyArray1<'py, f64>,
    n_threads: usize,
    noise: Option<PyReadonlyArray1<'py, f64>>,
) -> PyResult<Bound<'py, PyAny>> {
    let d = Draws::read(spec, &draws, columns, codes)?;
    let (keep, probs) = (keep.as_slice()?.to_vec(), probs.as_slice()?.to_vec());
    let noise: Option<Vec<f64>> = match noise {
        Some(noise) => Some(noise.as_slice()?.iter().zip(&keep).filter(|(_, k)| **k).map(|(e, _)| *e).collect()),
        None => None,
    };
    let q = probs.len();
    let values = run::long(py, None, |cancel| {
        let mut out = vec![0.0; d.k * q];
        for (levels, places, points) in &d.batches {
            let table = DrawTable::new(&d.spec, convert::simd()?, &d.draws, &d.spans, levels, Some(&keep))?
                .with_schedules(d.schedules.clone());
            let rows = table.band(points, &probs, noise.as_deref().map(|e| (e, d.scale)), n_threads, cancel)?;
            for (row, &place) in rows.chunks_exact(q).zip(places) {
                out[place * q..(place + 1) * q].copy_from_slice(row);
            }
        }
        Ok(out)
    })?;
    matrix(py, values, d.k, q)
}

/// The vector level in use.
#[pyfunction]
pub fn simd(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let level = run::short(py, |_| Ok(convert::simd()?.level.to_string()))?;
    let out = PyDict::new(py);
    out.set_item("level", level)?;
    out.set_item("available", Level::available().iter().map(ToString::to_string).collect::<Vec<_>>())?;
    out.set_item("cores", std::thread::available_parallelism().map_or(1, usize::from))?;
    Ok(out)
}

/// Panics, for the test of the door.
#[pyfunction]
pub fn _panic(py: Python<'_>) -> PyResult<()> {
    run::short(py, |_| panic!("asked to"))
}
