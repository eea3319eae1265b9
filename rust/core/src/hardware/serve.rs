//! Prefill and decoding on a tensor-parallel group: rooflines of compute and bandwidth, and latency of collectives.

use super::communication::Group;
use super::machine::{Constants, Machine};
use crate::transformer::flops::{Span, forward, score_flops, span};
use crate::transformer::{Architecture, Parameters};

/// What is served.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Serving {
    /// The model.
    pub model: Architecture,
    /// Device and links.
    pub machine: Machine,
    /// Calibration.
    pub constants: Constants,
    /// Tensor-parallel devices.
    pub tp: u64,
    /// Sequences at once.
    pub batch: u64,
    /// Bytes of a weight.
    pub weight_bytes: f64,
    /// Bytes of a number in the cache.
    pub cache_bytes: f64,
}

/// Seconds and bytes of serving.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Times {
    /// Of the prompts of one batch.
    pub prefill: f64,
    /// Of one token for each sequence.
    pub decode: f64,
    /// Lower bound of `decode`: bytes over peak bandwidth.
    pub decode_floor: f64,
    /// Bytes of weights on a device.
    pub weights: f64,
    /// Bytes of the cache on a device at the end of the context.
    pub cache: f64,
}

/// Bytes that the cache holds for one sequence of `x` tokens; windows cap what their layers keep.
pub fn cache_per_sequence(a: &Architecture, x: f64, bytes: f64) -> f64 {
    let per_layer = match a.mla {
        Some(m) => (m.kv_rank + m.rope_size) as f64,
        None => 2.0 * (a.kv_heads * a.head_size) as f64,
    };
    let windowed = a.windowed_layers as f64;
    let capped = if a.window > 0 { x.min(a.window as f64) } else { x };
    per_layer * bytes * ((a.layers as f64 - windowed) * x + windowed * capped)
}

/// Weights that one decoding step of `batch` tokens touches: of the experts, the distinct ones that are drawn; the
/// embedding counts whole, as published bounds do it.
pub fn touched(a: &Architecture, batch: f64) -> f64 {
    let p = Parameters::<f64>::count(&Architecture { mtp: 0, ..*a });
    let shared = p.total();
    let Some(m) = a.moe else { return shared };
    let all = p.moe_block.experts * a.moe_layers() as f64;
    let idle = (1.0 - m.top_k as f64 / m.experts as f64).powf(batch);
    shared - all + all * (1.0 - idle)
}

/// Times for prompts of `prompt` tokens and a context of `context` tokens while decoding.
pub fn times(s: &Serving, prompt: f64, context: f64) -> Times {
    let (a, m, c) = (&s.model, &s.machine, &s.constants);
    let (t, batch) = (s.tp as f64, s.batch as f64);
    let bandwidth = m.memory_rate * t;
    let rate = m.peak * m.matmul_fraction * t;
    let group = Group::new(m, c, s.tp, 1);
    let reduce = |tokens: f64| {
        if s.tp == 1 { 0.0 } else { 2.0 * a.layers as f64 * group.all_reduce(2.0 * tokens * a.width as f64) }
    };
    let launch = a.layers as f64 * 12.0 * c.launch_s.min(4e-6);
    let f = forward(&Architecture { mtp: 0, ..*a }, prompt, Span::Causal);
    let linear = f.total() - f.scores - f.output;
    let attention = m.peak_16 * m.attention_fraction * t;
    let rows = batch * prompt;
    let share = rows / (rows + c.gemm_half_rows);
    // Only the last token of a prompt needs logits.
    let prefill =
        rows * linear / (rate * share) + rows * f.scores / attention + batch * f.output / rate + reduce(rows) + launch;
    let bytes = touched(a, batch) * s.weight_bytes + batch * cache_per_sequence(a, context, s.cache_bytes);
    let keys =
        context * a.layers as f64 - a.windowed_layers as f64 * (context - span(Span::Full, context, a.window.max(1)));
    let compute = batch * (linear + f.output) / rate + batch * score_flops(a) * keys / attention;
    let decode = (bytes / (bandwidth * c.memory)).max(compute) + reduce(batch) + launch;
    let p = Parameters::<f64>::count(&Architecture { mtp: 0, ..*a });
    Times {
        prefill,
        decode,
        decode_floor: bytes / bandwidth,
        weights: p.total() * s.weight_bytes / t,
        cache: batch * cache_per_sequence(a, context, s.cache_bytes)
            / if a.mla.is_some() { 1.0 } else { t.min(a.kv_heads as f64) },
    }
}
