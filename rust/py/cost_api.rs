//! The counting functions of `isoflop._core`: convert, run through the door, convert back.

use isoflop_core::transformer::batch::{Column, Follow, Rows, setter};
use isoflop_core::transformer::flops::{self, Span};
use isoflop_core::transformer::parameters::Whole;
use isoflop_core::transformer::{Block, Parameters};
use numpy::{PyArray1, PyArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::cost_convert::{architecture, counting};
use crate::run;

fn block<'py>(py: Python<'py>, b: &Block<Whole>) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    let parts = [
        ("attention", b.attention),
        ("mlp", b.mlp),
        ("router", b.router),
        ("experts", b.experts),
        ("active_experts", b.active_experts),
        ("norms", b.norms),
        ("total", b.total()),
        ("active", b.active()),
    ];
    for (name, Whole(n)) in parts {
        out.set_item(name, n)?;
    }
    Ok(out)
}

/// Parameters of one model, by part.
#[pyfunction]
pub fn count_parameters<'py>(py: Python<'py>, model: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyDict>> {
    let a = architecture(model)?;
    let p = run::short(py, |_| Parameters::exact(&a))?;
    let out = PyDict::new(py);
    out.set_item("dense_block", block(py, &p.dense_block)?)?;
    out.set_item("moe_block", block(py, &p.moe_block)?)?;
    let parts = [
        ("embedding", p.embedding),
        ("positions", p.positions),
        ("output", p.output),
        ("outer_norms", p.outer_norms),
        ("blocks", p.blocks),
        ("mtp", p.mtp),
        ("total", p.total()),
        ("active", p.active()),
        ("non_embedding", p.non_embedding()),
    ];
    for (name, Whole(n)) in parts {
        out.set_item(name, n)?;
    }
    Ok(out)
}

/// FLOPs of a token at one sequence length by a convention.
#[pyfunction]
pub fn flops_per_token(
    py: Python<'_>,
    model: &Bound<'_, PyDict>,
    seq_len: u64,
    convention: &str,
    pass_: &str,
    recompute: &str,
) -> PyResult<f64> {
    let a = architecture(model)?;
    let (convention, pass, recompute) = counting(convention, pass_, recompute)?;
    run::short(py, |_| Ok(flops::per_token(&a, seq_len as f64, convention?, pass, recompute)))
}

/// Forward FLOPs of a token by part, causal.
#[pyfunction]
pub fn forward_flops<'py>(py: Python<'py>, model: &Bound<'py, PyDict>, seq_len: u64) -> PyResult<Bound<'py, PyDict>> {
    let a = architecture(model)?;
    let f = run::short(py, |_| Ok(flops::forward(&a, seq_len as f64, Span::Causal)))?;
    let out = PyDict::new(py);
    out.set_item("projections", f.projections)?;
    out.set_item("mlp", f.mlp)?;
    out.set_item("router", f.router)?;
    out.set_item("scores", f.scores)?;
    out.set_item("output", f.output)?;
    out.set_item("mixing", f.mixing)?;
    out.set_item("total", f.total())?;
    Ok(out)
}

/// Names of the FLOP conventions.
pub fn conventions() -> Vec<&'static str> {
    isoflop_core::transformer::Convention::NAMES.iter().map(|(name, _)| *name).collect()
}

/// A column: its name and its values.
type Owned = (String, Vec<i64>);

fn whole(value: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    let array =
        value.cast::<PyArray1<i64>>().map_err(|_| PyTypeError::new_err("expected a one-dimensional int64 array"))?;
    Ok(array.readonly().as_slice()?.to_vec())
}

fn owned(columns: &Bound<'_, PyDict>) -> PyResult<Vec<Owned>> {
    columns.iter().map(|(name, values)| Ok((name.extract()?, whole(&values)?))).collect()
}

/// Which sizes follow others.
fn following(names: &[String]) -> Follow {
    let has = |name: &str| names.iter().any(|n| n == name);
    Follow { kv_heads: has("kv_heads"), head_size: has("head_size"), mlp_width: has("mlp_width") }
}

/// Borrows columns as rows of architectures; the sequence length is a column too.
fn rows<'a>(
    base: isoflop_core::transformer::Architecture,
    columns: &'a [Owned],
    seq_len: u64,
    first: usize,
    follow: Follow,
) -> PyResult<Rows<'a>> {
    let mut out = Rows { base, columns: Vec::new(), seq_len: Column::One(seq_len), follow, first };
    for (name, values) in columns {
        if name == "seq_len" {
            out.seq_len = Column::Many(values);
            continue;
        }
        let set = setter(name).ok_or_else(|| PyValueError::new_err(format!("{name} cannot vary by row")))?;
        out.columns.push((name, set, values));
    }
    Ok(out)
}

/// Total, active and non-embedding parameters of a block of models: three int64 arrays.
#[pyfunction]
pub fn batch_parameters<'py>(
    py: Python<'py>,
    model: &Bound<'py, PyDict>,
    columns: &Bound<'py, PyDict>,
    follow: Vec<String>,
    first: usize,
    n: usize,
) -> PyResult<[Bound<'py, PyArray1<i64>>; 3]> {
    let (base, columns) = (architecture(model)?, owned(columns)?);
    let table = rows(base, &columns, 1, first, following(&follow))?;
    let counts = run::short(py, |_| {
        let (mut total, mut active, mut rest) = (vec![0; n], vec![0; n], vec![0; n]);
        table.parameters([&mut total, &mut active, &mut rest])?;
        Ok([total, active, rest])
    })?;
    Ok(counts.map(|column| PyArray1::from_vec(py, column)))
}

/// FLOPs per token of a block of models: a float64 array.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
pub fn batch_flops<'py>(
    py: Python<'py>,
    model: &Bound<'py, PyDict>,
    columns: &Bound<'py, PyDict>,
    follow: Vec<String>,
    first: usize,
    n: usize,
    seq_len: u64,
    convention: &str,
    pass_: &str,
    recompute: &str,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let (base, columns) = (architecture(model)?, owned(columns)?);
    let table = rows(base, &columns, seq_len, first, following(&follow))?;
    let (convention, pass, recompute) = counting(convention, pass_, recompute)?;
    let values = run::short(py, |_| {
        let mut out = vec![0.0; n];
        table.flops(&mut out, (convention?, pass, recompute))?;
        Ok(out)
    })?;
    Ok(PyArray1::from_vec(py, values))
}
