//! The counting functions of `isoflop._core`: convert, run through the door, convert back.

use isoflop_core::transformer::batch::{Column, Follow, Rows, VARYING};
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
    run::short(py, |_| {
        // Sizes of a model whose parameters can be counted multiply without wrapping around.
        Parameters::exact(&a)?;
        Ok(flops::per_token(&a, seq_len as f64, convention?, pass, recompute))
    })
}

/// Forward FLOPs of a token by part, causal.
#[pyfunction]
pub fn forward_flops<'py>(py: Python<'py>, model: &Bound<'py, PyDict>, seq_len: u64) -> PyResult<Bound<'py, PyDict>> {
    let a = architecture(model)?;
    let f = run::short(py, |_| Parameters::exact(&a).map(|_| flops::forward(&a, seq_len as f64, Span::Causal)))?;
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
    (first, n): (usize, usize),
    follow: Follow,
) -> PyResult<Rows<'a>> {
    let mut out = Rows { base, columns: [None; VARYING.len()], n, seq_len: Column::One(seq_len), follow, first };
    for (name, values) in columns {
        if values.len() != n {
            return Err(PyValueError::new_err(format!("{name} has {} values, expected {n}", values.len())));
        }
        if name == "seq_len" {
            out.seq_len = Column::Many(values);
            continue;
        }
        let place = VARYING.iter().position(|known| known == name);
        let place = place.ok_or_else(|| PyValueError::new_err(format!("{name} cannot vary by row")))?;
        out.columns[place] = Some(values);
    }
    Ok(out)
}

/// Counts of a block of models.
type CountArrays<'py> =
    (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<f64>>);

/// Total, active and non-embedding parameters and FLOPs per token of a block of models, in one pass.
///
/// `how` is (convention, pass, recompute); without it, and without `parameters`, those arrays are empty.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
pub fn batch_counts<'py>(
    py: Python<'py>,
    model: &Bound<'py, PyDict>,
    columns: &Bound<'py, PyDict>,
    follow: Vec<String>,
    rows: (usize, usize),
    seq_len: u64,
    parameters: bool,
    how: Option<(String, String, String)>,
) -> PyResult<CountArrays<'py>> {
    let (base, columns) = (architecture(model)?, owned(columns)?);
    let table = self::rows(base, &columns, seq_len, rows, following(&follow))?;
    let how = how.map(|(convention, pass, recompute)| counting(&convention, &pass, &recompute)).transpose()?;
    let c = run::short(py, |_| {
        let how = how.map(|(convention, pass, recompute)| Ok((convention?, pass, recompute))).transpose()?;
        table.counts(parameters, how)
    })?;
    let ints = |column| PyArray1::from_vec(py, column);
    Ok((ints(c.total), ints(c.active), ints(c.non_embedding), PyArray1::from_vec(py, c.flops)))
}
