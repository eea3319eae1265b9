//! The functions of `isoflop._core` that give intervals: convert, run through the door, convert back.

use isoflop_core::error::{Error, Result};
use isoflop_core::fit::{Problem, Recipe, Workspace};
use isoflop_core::inference::gls::Gls;
use isoflop_core::inference::state::State;
use isoflop_core::interval::{
    Ask, DoubleBootstrap, Intervals, Method, Quantity, Reading, Sample, Settings, Study, ends as read_ends,
    intervals as run_intervals, study as run_study,
};
use isoflop_core::resample::{Responder, Sampler, Scheme};
use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::api::{problem, scheme};
use crate::convert;
use crate::run;

/// The quantities of a call.
fn asks(list: &Bound<'_, PyList>) -> PyResult<Vec<Ask>> {
    list.iter()
        .map(|item| {
            let dict = item.cast::<PyDict>()?;
            let (mut spec, _, _) = convert::law(convert::item(dict, "spec")?.cast::<PyDict>()?)?;
            spec.frozen = convert::get(dict, "frozen")?;
            let names: Vec<String> = convert::get(dict, "names")?;
            let places: Vec<usize> = convert::get(dict, "places")?;
            Ok(Ask {
                spec,
                places: names.into_iter().zip(places).collect(),
                log: convert::get(dict, "log")?,
                new_run: convert::get(dict, "new_run")?,
                parameter: convert::get(dict, "parameter")?,
            })
        })
        .collect()
}

fn compile(asks: &[Ask]) -> Result<Vec<Quantity>> {
    let kernels = convert::simd()?;
    asks.iter().map(|ask| Quantity::new(ask, kernels)).collect()
}

fn reading(name: &str) -> PyResult<Reading> {
    match name {
        "percentile" => Ok(Reading::Percentile),
        "basic" => Ok(Reading::Basic),
        "bca" => Ok(Reading::Bca),
        "studentised" => Ok(Reading::Studentised),
        "calibrated" => Ok(Reading::Calibrated),
        other => Err(PyValueError::new_err(format!("unknown reading '{other}'"))),
    }
}

/// A method by its name; `SCHEME:READING` for those that read draws.
fn method(name: &str) -> PyResult<Method> {
    Ok(match name {
        "delta" => Method::Delta,
        "hc3" => Method::Hc3,
        "profile" => Method::Profile,
        "gls" => Method::Gls,
        "gls-ar1" => Method::GlsSerial,
        "wild-cluster" => Method::WildCluster,
        "jackknife" => Method::Jackknife,
        other => match other.split_once(':') {
            Some((drawn, read)) => Method::Draws(scheme(drawn)?, reading(read)?),
            None => return Err(PyValueError::new_err(format!("unknown method '{other}'"))),
        },
    })
}

/// What a law, a table and a recipe come in as, and what resampling needs beside them.
struct Job {
    problem: Problem,
    recipe: Recipe,
    groups: Option<Vec<u32>>,
    order: Option<Vec<f64>>,
    strata: Option<Vec<u32>>,
}

impl Job {
    fn read(
        py: Python<'_>,
        spec: &Bound<'_, PyDict>,
        table: &Bound<'_, PyDict>,
        recipe: &Bound<'_, PyDict>,
        options: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        let make = problem(spec, table)?;
        let problem = run::long(py, None, |_| make())?;
        let mut recipe = convert::recipe(recipe, problem.domains())?;
        if let Some(delta) = options.get_item("delta")? {
            recipe.criterion.delta = delta.extract()?;
            recipe.auto_delta = false;
        }
        let given = |key: &str| -> PyResult<_> { Ok(options.get_item(key)?.filter(|x| !x.is_none())) };
        let groups = given("groups")?.map(|x| convert::codes(&x)).transpose()?;
        let order = given("order")?.map(|x| convert::floats(&x)).transpose()?;
        let strata = convert::strata(&problem);
        Ok(Job { problem, recipe, groups, order, strata })
    }

    fn settings(&self, options: &Bound<'_, PyDict>) -> PyResult<Settings<'_>> {
        Ok(Settings {
            level: convert::get(options, "level")?,
            groups: self.groups.as_deref(),
            order: self.order.as_deref(),
            strata: self.strata.as_deref(),
            n_resamples: convert::get(options, "n_resamples")?,
            seed: convert::get(options, "seed")?,
            threads: convert::get(options, "n_threads")?,
            quick: false,
        })
    }
}

/// The same sampler with the responses of its scheme, where it has any.
pub fn with_responses(
    sampler: Sampler,
    kind: Scheme,
    problem: &Problem,
    recipe: &Recipe,
    theta: &[f64],
    groups: Option<&[u32]>,
) -> Result<Sampler> {
    if !kind.draws_response() {
        return Ok(sampler);
    }
    let cancel = isoflop_core::cancel::Cancel::default();
    let state = State::of(problem, recipe, theta, &cancel);
    let responder = Responder::new(kind, &state, problem.response(), groups, sampler.seed())?;
    Ok(sampler.with_responder(responder))
}

/// Intervals of quantities of one fit.
#[pyfunction]
#[pyo3(signature = (spec, table, recipe, theta, quantities, method, options, progress))]
#[allow(clippy::too_many_arguments)]
pub fn intervals<'py>(
    py: Python<'py>,
    spec: &Bound<'py, PyDict>,
    table: &Bound<'py, PyDict>,
    recipe: &Bound<'py, PyDict>,
    theta: PyReadonlyArray1<'py, f64>,
    quantities: &Bound<'py, PyList>,
    method: &str,
    options: &Bound<'py, PyDict>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let kind = self::method(method)?;
    let job = Job::read(py, spec, table, recipe, options)?;
    let settings = job.settings(options)?;
    let theta = job.problem.inward(theta.as_slice()?);
    let asks = asks(quantities)?;
    let found = run::long(py, progress.as_ref(), |cancel| {
        run_intervals(&job.problem, &job.recipe, &theta, &compile(&asks)?, kind, &settings, cancel)
    })?;
    describe(py, found)
}

fn describe<'py>(py: Python<'py>, found: Intervals) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    let column = |pick: fn(&isoflop_core::interval::Interval) -> f64| {
        PyArray1::from_vec(py, found.list.iter().map(pick).collect())
    };
    out.set_item("estimate", column(|x| x.estimate))?;
    out.set_item("low", column(|x| x.low))?;
    out.set_item("high", column(|x| x.high))?;
    out.set_item("low_error", column(|x| x.low_error))?;
    out.set_item("high_error", column(|x| x.high_error))?;
    out.set_item("side", found.list.iter().map(|x| x.side as u8 as usize).collect::<Vec<_>>())?;
    out.set_item("df", found.df)?;
    out.set_item("n_failed", found.n_failed)?;
    if let Some(Gls { within, between, phi, clipped, .. }) = found.gls {
        out.set_item("gls", (within.sqrt(), between.sqrt(), phi, clipped))?;
    }
    Ok(out)
}

/// Intervals for many simulated responses (simulations × rows, on the residual's scale) of one design:
/// low and high by simulation, method and quantity.
#[pyfunction]
#[pyo3(signature = (spec, table, recipe, start, responses, quantities, methods, options, progress))]
#[allow(clippy::too_many_arguments)]
pub fn study<'py>(
    py: Python<'py>,
    spec: &Bound<'py, PyDict>,
    table: &Bound<'py, PyDict>,
    recipe: &Bound<'py, PyDict>,
    start: PyReadonlyArray1<'py, f64>,
    responses: PyReadonlyArray2<'py, f64>,
    quantities: &Bound<'py, PyList>,
    methods: Vec<String>,
    options: &Bound<'py, PyDict>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let kinds = methods.iter().map(|name| method(name)).collect::<PyResult<Vec<_>>>()?;
    let job = Job::read(py, spec, table, recipe, options)?;
    let settings = job.settings(options)?;
    let (start, rows) = (start.as_slice()?.to_vec(), responses.as_slice()?.to_vec());
    let asks = asks(quantities)?;
    let found = run::long(py, progress.as_ref(), |cancel| {
        let quantities = compile(&asks)?;
        let (problem, recipe) = (&job.problem, &job.recipe);
        let study = Study { problem, recipe, start: &start, quantities: &quantities, methods: &kinds, settings };
        run_study(&study, &rows, cancel)
    })?;
    let shape = [responses.as_array().nrows(), kinds.len(), asks.len(), 2];
    Ok(PyArray1::from_vec(py, found).reshape(shape)?.into_any())
}

/// Outer values and inner shares of a double bootstrap, one list for each quantity.
#[pyfunction]
#[pyo3(signature = (spec, table, recipe, theta, quantities, scheme, n_inner, options, progress))]
#[allow(clippy::too_many_arguments)]
pub fn double_bootstrap<'py>(
    py: Python<'py>,
    spec: &Bound<'py, PyDict>,
    table: &Bound<'py, PyDict>,
    recipe: &Bound<'py, PyDict>,
    theta: PyReadonlyArray1<'py, f64>,
    quantities: &Bound<'py, PyList>,
    scheme: &str,
    n_inner: usize,
    options: &Bound<'py, PyDict>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let kind = crate::api::scheme(scheme)?;
    let job = Job::read(py, spec, table, recipe, options)?;
    let s = job.settings(options)?;
    let theta = job.problem.inward(theta.as_slice()?);
    let asks = asks(quantities)?;
    let found = run::long(py, progress.as_ref(), |cancel| {
        let sampler = Sampler::new(kind, &job.problem.table().weights, s.groups, s.strata, s.seed, 0)?;
        let sampler = with_responses(sampler, kind, &job.problem, &job.recipe, &theta, s.groups)?;
        let quantities = compile(&asks)?;
        let (problem, recipe) = (&job.problem, &job.recipe);
        let (theta, groups) = (&theta[..], s.groups);
        DoubleBootstrap { problem, recipe, theta, sampler: &sampler, quantities: &quantities, groups }.run(
            s.n_resamples,
            n_inner,
            s.threads,
            cancel,
        )
    })?;
    let out = PyDict::new(py);
    let arrays = |lists: Vec<Vec<f64>>| lists.into_iter().map(|x| PyArray1::from_vec(py, x)).collect::<Vec<_>>();
    out.set_item("values", arrays(found.values))?;
    out.set_item("shares", arrays(found.shares))?;
    out.set_item("n_failed", found.n_failed)?;
    out.set_item("n_inner_failed", found.n_inner_failed)?;
    Ok(out)
}

/// Values of quantities for every native draw, on their working scales, and which of them are logarithms.
#[pyfunction]
pub fn quantity_draws<'py>(
    py: Python<'py>,
    quantities: &Bound<'py, PyList>,
    draws: PyReadonlyArray2<'py, f64>,
) -> PyResult<Vec<(Bound<'py, PyArray1<f64>>, bool)>> {
    let asks = asks(quantities)?;
    let (rows, p) = (draws.as_slice()?.to_vec(), draws.as_array().ncols());
    let found = run::long(py, None, |cancel| {
        let list = compile(&asks)?;
        list.iter().map(|q| cancel.check().map(|()| (q.over(&rows, p), q.log))).collect::<Result<Vec<_>>>()
    })?;
    Ok(found.into_iter().map(|(values, log)| (PyArray1::from_vec(py, values), log)).collect())
}

/// Low and high of an interval from draws, and their Monte-Carlo errors, on the scale of the draws.
#[pyfunction]
#[pyo3(signature = (reading, estimate, level, values, jackknife, shares))]
pub fn ends<'py>(
    py: Python<'py>,
    reading: &str,
    estimate: f64,
    level: f64,
    values: PyReadonlyArray1<'py, f64>,
    jackknife: PyReadonlyArray1<'py, f64>,
    shares: PyReadonlyArray1<'py, f64>,
) -> PyResult<(f64, f64, f64, f64)> {
    let kind = self::reading(reading)?;
    let (values, jackknife, shares) = (values.as_slice()?, jackknife.as_slice()?, shares.as_slice()?);
    let sample = Sample { estimate, values, jackknife, shares, ..Sample::default() };
    let found = run::short(py, |_| read_ends(kind, &sample, level))?;
    Ok((found.low, found.high, found.low_error, found.high_error))
}

/// The distribution function of F.
#[pyfunction]
pub fn f_cdf(x: f64, d1: f64, d2: f64) -> f64 {
    isoflop_core::inference::special::f_cdf(x, d1, d2)
}

/// The response of one resample, on the residual's scale.
#[pyfunction]
#[pyo3(signature = (spec, table, recipe, theta, scheme, index, options))]
#[allow(clippy::too_many_arguments)]
pub fn resample_response<'py>(
    py: Python<'py>,
    spec: &Bound<'py, PyDict>,
    table: &Bound<'py, PyDict>,
    recipe: &Bound<'py, PyDict>,
    theta: PyReadonlyArray1<'py, f64>,
    scheme: &str,
    index: u64,
    options: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let kind = crate::api::scheme(scheme)?;
    let job = Job::read(py, spec, table, recipe, options)?;
    let s = job.settings(options)?;
    let theta = job.problem.inward(theta.as_slice()?);
    let response = run::long(py, None, |_| {
        let sampler = Sampler::new(kind, &job.problem.table().weights, s.groups, s.strata, s.seed, 0)?;
        let sampler = with_responses(sampler, kind, &job.problem, &job.recipe, &theta, s.groups)?;
        let mut out = job.problem.response().to_vec();
        sampler.draw_response(index, &mut out);
        Ok(out)
    })?;
    Ok(PyArray1::from_vec(py, response))
}

/// Leverages of the rows of weight above zero, in the order of the table.
#[pyfunction]
pub fn leverages<'py>(
    py: Python<'py>,
    spec: &Bound<'py, PyDict>,
    table: &Bound<'py, PyDict>,
    recipe: &Bound<'py, PyDict>,
    theta: PyReadonlyArray1<'py, f64>,
    options: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let job = Job::read(py, spec, table, recipe, options)?;
    let theta = job.problem.inward(theta.as_slice()?);
    let found = run::long(py, None, |cancel| {
        let mut ws = Workspace::new(&job.problem, cancel);
        ws.set_free(&job.recipe.free());
        let state = State::at(&mut ws, &job.recipe, &theta);
        let (_, inverse) = state
            .information(state.share())
            .ok_or_else(|| Error::Setting("the rows do not determine the parameters".into()))?;
        Ok(state.leverage(&inverse))
    })?;
    Ok(PyArray1::from_vec(py, found))
}
