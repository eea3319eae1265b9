//! Plain dicts → the types of the cost model.

use isoflop_core::hardware::{Constants, Job, Layout, Machine, Recipe};
use isoflop_core::transformer::{Architecture, Convention, Latent, Mixture, Pass, Recompute};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::{floats, get};

/// The model.
pub fn architecture(d: &Bound<'_, PyDict>) -> PyResult<Architecture> {
    Ok(Architecture {
        layers: get(d, "layers")?,
        width: get(d, "width")?,
        heads: get(d, "heads")?,
        kv_heads: get(d, "kv_heads")?,
        head_size: get(d, "head_size")?,
        mlp_width: get(d, "mlp_width")?,
        mlp_matrices: get(d, "mlp_matrices")?,
        vocab: get(d, "vocab")?,
        positions: get(d, "positions")?,
        tied: get(d, "tied")?,
        norm_vectors: get(d, "norm_vectors")?,
        norms_per_layer: get(d, "norms_per_layer")?,
        outer_norms: get(d, "outer_norms")?,
        qk_norm: get(d, "qk_norm")?,
        qkv_bias: get(d, "qkv_bias")?,
        attention_out_bias: get(d, "attention_out_bias")?,
        mlp_bias: get(d, "mlp_bias")?,
        output_bias: get(d, "output_bias")?,
        sinks: get(d, "sinks")?,
        window: get(d, "window")?,
        windowed_layers: get(d, "windowed_layers")?,
        mtp: get(d, "mtp")?,
        moe: mixture(d)?,
        mla: latent(d)?,
    })
}

fn mixture(d: &Bound<'_, PyDict>) -> PyResult<Option<Mixture>> {
    if get::<u64>(d, "experts")? == 0 {
        return Ok(None);
    }
    Ok(Some(Mixture {
        experts: get(d, "experts")?,
        top_k: get(d, "experts_per_token")?,
        expert_width: get(d, "expert_width")?,
        shared_width: get(d, "shared_width")?,
        dense_layers: get(d, "dense_layers")?,
        shared_gate: get(d, "shared_gate")?,
        router_bias: get(d, "router_bias")?,
    }))
}

fn latent(d: &Bound<'_, PyDict>) -> PyResult<Option<Latent>> {
    if get::<u64>(d, "mla_kv_rank")? == 0 {
        return Ok(None);
    }
    Ok(Some(Latent {
        query_rank: get(d, "mla_query_rank")?,
        kv_rank: get(d, "mla_kv_rank")?,
        nope_size: get(d, "mla_nope_size")?,
        rope_size: get(d, "mla_rope_size")?,
        value_size: get(d, "mla_value_size")?,
    }))
}

/// How FLOPs are counted.
pub fn counting(convention: &str, pass: &str, recompute: &str) -> PyResult<(ConventionResult, Pass, Recompute)> {
    let pass = match pass {
        "forward" => Pass::Forward,
        "backward" => Pass::Backward,
        "train" => Pass::Train,
        other => return Err(PyValueError::new_err(format!("unknown pass '{other}'"))),
    };
    Ok((Convention::named(convention), pass, self::recompute(recompute)?))
}

/// A convention, or why there is none of that name.
pub type ConventionResult = isoflop_core::error::Result<Convention>;

/// What is computed again.
pub fn recompute(name: &str) -> PyResult<Recompute> {
    match name {
        "none" => Ok(Recompute::None),
        "selective" => Ok(Recompute::Selective),
        "full" => Ok(Recompute::Full),
        other => Err(PyValueError::new_err(format!("unknown recompute '{other}'"))),
    }
}

/// Job, apart from its constants.
pub fn job(d: &Bound<'_, PyDict>, constants: &Constants) -> PyResult<Job> {
    let recipe: Bound<'_, PyDict> = get(d, "recipe")?;
    let machine: Bound<'_, PyDict> = get(d, "machine")?;
    Ok(Job {
        model: architecture(&get(d, "model")?)?,
        seq_len: get(d, "seq_len")?,
        batch: get(d, "batch")?,
        devices: get(d, "devices")?,
        recipe: Recipe {
            weight: get(&recipe, "weight")?,
            gradient: get(&recipe, "gradient")?,
            optimizer: get(&recipe, "optimizer")?,
            activation: get(&recipe, "activation")?,
            gathered: get(&recipe, "gathered")?,
            reduced: get(&recipe, "reduced")?,
            low: get(&recipe, "low")?,
        },
        machine: self::machine(&machine)?,
        constants: *constants,
    })
}

/// A device and its links.
pub fn machine(d: &Bound<'_, PyDict>) -> PyResult<Machine> {
    Ok(Machine {
        peak: get(d, "peak")?,
        peak_16: get(d, "peak_16")?,
        matmul_fraction: get(d, "matmul_fraction")?,
        matmul_fraction_16: get(d, "matmul_fraction_16")?,
        attention_fraction: get(d, "attention_fraction")?,
        memory: get(d, "memory")?,
        memory_rate: get(d, "memory_rate")?,
        link_rate: get(d, "link_rate")?,
        domain: get(d, "domain")?,
        network_rate: get(d, "network_rate")?,
    })
}

/// How a job is cut.
pub fn layout(d: &Bound<'_, PyDict>) -> PyResult<Layout> {
    Ok(Layout {
        tp: get(d, "tp")?,
        pp: get(d, "pp")?,
        virtual_stages: get(d, "virtual_stages")?,
        cp: get(d, "cp")?,
        ep: get(d, "ep")?,
        dp: get(d, "dp")?,
        shards: get(d, "shards")?,
        zero: get(d, "zero_stage")?,
        micro_batch: get(d, "micro_batch")?,
        recompute: recompute(&get::<String>(d, "recompute")?)?,
        recompute_share: get(d, "recompute_share")?,
        sequence_parallel: get(d, "sequence_parallel")?,
        flash: get(d, "flash")?,
        dropout: get(d, "dropout")?,
        overlap_data: get::<String>(d, "overlap")? != "none",
        overlap_tensor: get::<String>(d, "overlap")? == "all",
        gather_tensors: get::<String>(d, "gather")? == "tensor",
    })
}

/// Calibrated constants, in the order of their names.
pub fn constants(value: &Bound<'_, PyAny>) -> PyResult<Constants> {
    let values = floats(value)?;
    let expected = || PyValueError::new_err(format!("expected {} constants", Constants::NAMES.len()));
    values.as_slice().try_into().map(Constants::from_array).map_err(|_| expected())
}
