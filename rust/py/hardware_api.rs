//! The machine functions of `isoflop._core`: step time, memory, search of layouts, serving.

use isoflop_core::hardware::layout::Refusal;
use isoflop_core::hardware::memory::{Memory, memory};
use isoflop_core::hardware::step::{Step, step};
use isoflop_core::hardware::{Constants, Job, Layout, layer};
use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

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
pub const COLUMNS: [&str; 17] = [
    "total",
    "compute",
    "launch",
    "inner",
    "pipeline",
    "bubble",
    "data",
    "update",
    "straggler",
    "weights",
    "gradients",
    "optimizer",
    "activations",
    "logits",
    "buffers",
    "reserve",
    "refusal",
];

fn line(s: &Step, m: &Memory, refusal: Option<Refusal>) -> [f64; 17] {
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
        s.straggler,
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

fn one(job: &Job, l: &Layout) -> [f64; 17] {
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
        Ok((convert::job(&pair, &constants)?, convert::layout(&convert::get(&pair, "layout")?)?))
    };
    let jobs = pairs.iter().map(read).collect::<PyResult<Vec<_>>>()?;
    let lines = run::short(py, |_| Ok(jobs.iter().map(|(job, l)| one(job, l)).collect::<Vec<_>>()))?;
    let n = lines.len();
    Ok(PyArray1::from_vec(py, lines.into_flattened()).reshape([n, COLUMNS.len()])?.into_any())
}
