//! The machine functions of `isoflop._core`: step time, memory, search of layouts, serving.

use isoflop_core::error::Result;
use isoflop_core::hardware::layout::Refusal;
use isoflop_core::hardware::memory::{Memory, memory};
use isoflop_core::hardware::search::{Axes, Found, search};
use isoflop_core::hardware::serve::{Serving, times};
use isoflop_core::hardware::step::{Step, step};
use isoflop_core::hardware::{Constants, Job, Layout, layer};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::convert::{get, reshaped};
use crate::cost_convert as convert;
use crate::run;

/// Names of the calibrated constants.
pub fn constant_names() -> Vec<&'static str> {
    Constants::NAMES.to_vec()
}

/// (name, rule) of what can be wrong with a layout.
pub fn refusals() -> Vec<(&'static str, &'static str)> {
    Refusal::ALL.iter().map(|r| (r.name(), r.rule())).collect()
}

/// Columns of [`evaluate`].
pub const COLUMNS: [&str; 16] = [
    "total",
    "compute",
    "launch",
    "inner",
    "pipeline",
    "bubble",
    "data",
    "update",
    "weights",
    "gradients",
    "optimizer",
    "activations",
    "logits",
    "buffers",
    "reserve",
    "refusal",
];

fn line(s: &Step, m: &Memory, refusal: Option<Refusal>) -> [f64; 16] {
    let code = refusal.map_or(-1.0, |r| f64::from(r as u8));
    [
        s.total,
        s.compute,
        s.launch,
        s.inner,
        s.pipeline,
        s.bubble,
        s.data,
        s.update,
        m.weights,
        m.gradients,
        m.optimizer,
        m.activations,
        m.logits,
        m.buffers,
        m.reserve,
        code,
    ]
}

fn one(job: &Job, l: &Layout) -> [f64; 16] {
    match l.check(job, false) {
        Err(refusal) => line(&Step::default(), &Memory::default(), Some(refusal)),
        Ok(()) => {
            let memory = memory(job, l);
            let refusal = (memory.total() > job.machine.memory).then_some(Refusal::Memory);
            line(&step(job, l, &layer::micro(job, l)), &memory, refusal)
        }
    }
}

/// Step time and memory of many (job, layout) pairs: an array (pairs, columns).
#[pyfunction]
pub fn evaluate_layouts<'py>(
    py: Python<'py>,
    pairs: &Bound<'py, PyList>,
    constants: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let constants = convert::constants(constants)?;
    let read = |pair: Bound<'py, PyAny>| -> PyResult<(Job, Layout)> {
        let pair = pair.cast_into::<PyDict>()?;
        Ok((convert::job(&pair, &constants)?, convert::layout(&get(&pair, "layout")?)?))
    };
    let jobs = pairs.iter().map(read).collect::<PyResult<Vec<_>>>()?;
    let all = |_: &_| jobs.iter().map(|(job, l)| job.model.check().map(|()| one(job, l))).collect::<Result<Vec<_>>>();
    let lines = run::short(py, all)?;
    let n = lines.len();
    Ok(reshaped(py, lines.into_flattened(), [n, COLUMNS.len()])?.into_any())
}

fn describe(found: &Found) -> ([u64; 9], [f64; 2]) {
    let l = &found.layout;
    let (zero, again) = (u64::from(l.zero), l.recompute as u64);
    let cut = [l.tp, l.pp, l.virtual_stages, l.cp, l.ep, zero, l.shards, l.micro_batch, again];
    (cut, [found.seconds, found.bytes])
}

/// Tries every layout of a job on some axes.
#[pyfunction]
pub fn search_layouts<'py>(
    py: Python<'py>,
    job: &Bound<'py, PyDict>,
    constants: &Bound<'py, PyAny>,
    axes: &Bound<'py, PyDict>,
    keep: usize,
    n_threads: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let job = convert::job(job, &convert::constants(constants)?)?;
    let names: Vec<String> = get(axes, "recompute")?;
    let axes = Axes {
        tp: get(axes, "tp")?,
        pp: get(axes, "pp")?,
        virtual_stages: get(axes, "virtual_stages")?,
        cp: get(axes, "cp")?,
        ep: get(axes, "ep")?,
        zero: get(axes, "zero_stage")?,
        shards: get(axes, "shards")?,
        micro_batch: get(axes, "micro_batch")?,
        recompute: names.iter().map(|name| convert::recompute(name)).collect::<PyResult<_>>()?,
        base: convert::layout(&get(axes, "base")?)?,
    };
    job.model.check().map_err(|e| crate::error::to_python(py, e))?;
    let report = run::long(py, None, |cancel| search(&job, &axes, keep, n_threads, cancel))?;
    let out = PyDict::new(py);
    out.set_item("best", report.best.iter().map(describe).collect::<Vec<_>>())?;
    out.set_item("front", report.front.iter().map(describe).collect::<Vec<_>>())?;
    out.set_item("smallest", report.smallest.as_ref().map(describe))?;
    out.set_item("tried", report.tried)?;
    out.set_item("fit", report.fit)?;
    let refused: Vec<(&str, u64)> = Refusal::ALL.iter().map(|r| (r.name(), report.refused[*r as usize])).collect();
    out.set_item("refused", refused)?;
    Ok(out)
}

/// Seconds and bytes of serving a model on a tensor-parallel group.
#[pyfunction]
pub fn serve<'py>(
    py: Python<'py>,
    job: &Bound<'py, PyDict>,
    constants: &Bound<'py, PyAny>,
    prompt: f64,
    context: f64,
) -> PyResult<Bound<'py, PyDict>> {
    let serving = Serving {
        model: convert::architecture(&get(job, "model")?)?,
        machine: convert::machine(&get(job, "machine")?)?,
        constants: convert::constants(constants)?,
        tp: get(job, "tp")?,
        batch: get(job, "batch")?,
        weight_bytes: get(job, "weight_bytes")?,
        cache_bytes: get(job, "cache_bytes")?,
    };
    let t = run::short(py, |_| Ok(times(&serving, prompt, context)))?;
    let out = PyDict::new(py);
    out.set_item("prefill", t.prefill)?;
    out.set_item("decode", t.decode)?;
    out.set_item("decode_floor", t.decode_floor)?;
    out.set_item("weights", t.weights)?;
    out.set_item("cache", t.cache)?;
    Ok(out)
}
