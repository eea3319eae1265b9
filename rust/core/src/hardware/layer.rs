//! One micro-batch on one device: seconds of a block's passes, by what depends on tp, cp, ep and the micro-batch only.

use super::communication::{Group, all_to_all};
use super::layout::Layout;
use super::machine::Job;
use crate::transformer::flops::{Span, score_flops, span};

/// Seconds and bytes of a block's forward pass.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Passes {
    /// Matrix products.
    pub matmul: f64,
    /// Attention scores and values.
    pub attention: f64,
    /// Operations bound by memory bandwidth.
    pub pointwise: f64,
    /// Tensor-parallel collectives that are not hidden.
    pub tensor: f64,
    /// Expert traffic that is not hidden.
    pub expert: f64,
    /// Kernels.
    pub kernels: f64,
}

/// The passes of one micro-batch through each part.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Micro {
    /// A block with a plain MLP.
    pub dense: Passes,
    /// A block with experts.
    pub moe: Passes,
    /// Output layer and loss, forward.
    pub output: f64,
    /// Bytes between two stages.
    pub boundary: f64,
}

/// 16-bit elements that tensor cores load at once; sides that it does not divide leave them idle.
const TENSOR_CORE: u64 = 8;

/// Tokens of a micro-batch on one device.
#[inline]
pub fn local_tokens(job: &Job, l: &Layout) -> f64 {
    (l.micro_batch * job.seq_len) as f64 / l.cp as f64
}

/// Share of the peak that a product of these sides reaches: less for few rows or narrow sides.
#[inline]
fn shape_share(job: &Job, rows: f64, columns: f64, inner: f64) -> f64 {
    let c = &job.constants;
    let side = columns.min(inner);
    rows / (rows + c.gemm_half_rows) * side / (side + c.gemm_half_sides)
}

/// Seconds of a product rows × inner by inner × columns, in the precision of the job.
#[inline]
fn matmul(job: &Job, rows: f64, columns: f64, inner: f64) -> f64 {
    let m = &job.machine;
    let compute = 2.0 * rows * columns * inner / (m.peak * m.matmul_fraction * shape_share(job, rows, columns, inner));
    let bytes = job.recipe.activation * (rows * inner + inner * columns + rows * columns);
    compute.max(bytes / (m.memory_rate * job.constants.memory))
}

/// Seconds of all projections of the attention.
fn projections(job: &Job, tokens: f64, t: f64) -> f64 {
    let a = &job.model;
    let (h, heads) = (a.width as f64, a.heads as f64);
    match a.mla {
        Some(m) => {
            let (rq, rkv) = (m.query_rank as f64, m.kv_rank as f64);
            let key = (m.nope_size + m.rope_size) as f64;
            let query = if m.query_rank == 0 {
                matmul(job, tokens, heads * key / t, h)
            } else {
                matmul(job, tokens, rq, h) + matmul(job, tokens, heads * key / t, rq)
            };
            let value = m.value_size as f64;
            query
                + matmul(job, tokens, rkv + m.rope_size as f64, h)
                + matmul(job, tokens, heads * (m.nope_size as f64 + value) / t, rkv)
                + matmul(job, tokens, h, heads * value / t)
        }
        None => {
            let d = a.head_size as f64;
            let kv = (a.kv_heads as f64 / t).max(1.0);
            matmul(job, tokens, d * (heads / t + 2.0 * kv), h) + matmul(job, tokens, h, heads * d / t)
        }
    }
}

/// Seconds of an MLP of one inner width.
fn mlp(job: &Job, tokens: f64, inner: f64) -> f64 {
    let (h, g) = (job.model.width as f64, job.model.mlp_matrices as f64);
    matmul(job, tokens, (g - 1.0) * inner, h) + matmul(job, tokens, h, inner)
}

/// Seconds of scores and values, averaged over windowed and full layers.
fn attention(job: &Job, l: &Layout, tokens: f64) -> f64 {
    let (a, m, c) = (&job.model, &job.machine, &job.constants);
    let s = job.seq_len as f64;
    let heads = tokens / l.tp as f64;
    if l.flash {
        let windowed = a.windowed_layers as f64 / a.layers as f64;
        let mut mean = (1.0 - windowed) * span(Span::Half, s, 0);
        if windowed > 0.0 {
            mean += windowed * span(Span::Half, s, a.window);
        }
        return score_flops(a) * heads * mean / (m.peak_16 * m.attention_fraction);
    }
    // The whole square is computed, and crosses memory several times.
    let flops = score_flops(a) * heads * s / (m.peak_16 * m.attention_fraction);
    let bytes = c.square_passes * 2.0 * a.heads as f64 * heads * s;
    let aligned = a.head_size.is_multiple_of(TENSOR_CORE);
    (flops + bytes / (m.memory_rate * c.memory)) * if aligned { 1.0 } else { c.unaligned }
}

/// Seconds of norms, residuals, rotary positions and activations.
fn pointwise(job: &Job, l: &Layout, tokens: f64, inner: f64) -> f64 {
    let c = &job.constants;
    let t = l.tp as f64;
    let cut = if l.sequence_parallel { t } else { 1.0 };
    let casts = if job.recipe.low { c.cast_passes } else { 0.0 };
    let passes = if l.flash { c.pointwise_passes } else { c.unfused_passes };
    let width = job.model.width as f64;
    let inner = job.model.mlp_matrices as f64 * inner / t;
    let elements = tokens * ((passes + casts) * width / cut + (2.0 + casts) * inner);
    job.recipe.activation * elements / (job.machine.memory_rate * c.memory)
}

/// Seconds of the forward tensor-parallel collectives of a block that are not hidden.
fn tensor(job: &Job, l: &Layout, tokens: f64) -> f64 {
    if l.tp == 1 {
        return 0.0;
    }
    let group = Group::new(&job.machine, &job.constants, l.tp, 1);
    let bytes = job.recipe.activation * tokens * job.model.width as f64;
    // Nobody hides tensor-parallel traffic that leaves a domain.
    let exposed = if l.overlap_tensor && l.tp <= job.machine.domain { job.constants.tp_exposed } else { 1.0 };
    2.0 * exposed * group.all_reduce(bytes)
}

/// Exposed seconds of the ring that passes keys and values along a context-parallel group.
fn ring(job: &Job, l: &Layout, tokens: f64, attention: f64) -> f64 {
    if l.cp == 1 {
        return 0.0;
    }
    let a = &job.model;
    let group = Group::new(&job.machine, &job.constants, l.cp, l.tp);
    let kv = a.mla.map_or(2 * a.kv_heads * a.head_size, |m| a.heads * (m.nope_size + m.rope_size + m.value_size));
    let bytes = job.recipe.activation * tokens * kv as f64 / l.tp.min(a.kv_heads) as f64;
    let seconds = (l.cp - 1) as f64 * (bytes / group.rate + group.latency);
    (seconds - attention).max(0.0) + 0.1 * seconds.min(attention)
}

/// Forward pass of the experts of a block.
fn experts(job: &Job, l: &Layout, tokens: f64, out: &mut Passes) {
    let (Some(moe), c) = (job.model.moe, &job.constants) else { return };
    let (e, k, t) = (moe.experts as f64, moe.top_k as f64, l.tp as f64);
    // With expert parallelism each rank holds whole experts; without, each expert is cut over tp.
    let (here, cut) = if l.ep > 1 { (e / l.ep as f64, 1.0) } else { (e, t) };
    let copies = tokens * k / if l.ep > 1 { t } else { 1.0 };
    let width = job.model.width as f64;
    let inner = moe.expert_width as f64 / cut;
    out.matmul += here * mlp(job, copies / here, inner);
    if moe.shared_width > 0 {
        out.matmul += mlp(job, tokens, moe.shared_width as f64 / t);
    }
    out.matmul += 2.0 * tokens * width * e / (job.machine.peak_16 * job.machine.matmul_fraction_16 * 0.25);
    let moved = copies * (c.expert_passes * width + 3.0 * inner);
    out.pointwise += job.recipe.activation * moved / (job.machine.memory_rate * c.memory);
    let exposed = if l.overlap_data { c.ep_exposed } else { 1.0 };
    out.expert = 2.0 * exposed * all_to_all(&job.machine, c, job.recipe.activation * copies * width, l.ep, 1);
    out.kernels += 20.0;
}

/// Forward passes of one micro-batch.
pub fn micro(job: &Job, l: &Layout) -> Micro {
    let tokens = local_tokens(job, l);
    let (a, t) = (&job.model, l.tp as f64);
    let score = attention(job, l, tokens);
    let shared = Passes {
        matmul: projections(job, tokens, t),
        attention: score,
        pointwise: 0.0,
        tensor: tensor(job, l, tokens) + ring(job, l, tokens, score),
        expert: 0.0,
        kernels: if l.flash { 16.0 } else { 24.0 },
    };
    let inner = a.mlp_width as f64;
    let mut dense = shared;
    dense.matmul += mlp(job, tokens, inner / t);
    dense.pointwise = pointwise(job, l, tokens, inner);
    let mut moe = Passes::default();
    if let Some(m) = a.moe {
        moe = Passes { pointwise: pointwise(job, l, tokens, m.shared_width as f64), ..shared };
        experts(job, l, tokens, &mut moe);
    }
    Micro { dense, moe, output: output(job, l, tokens), boundary: boundary(job, l, tokens) }
}

/// Seconds of the output layer and the loss, forward.
fn output(job: &Job, l: &Layout, tokens: f64) -> f64 {
    let columns = job.model.vocab as f64 / l.tp as f64;
    // The output layer stays in 16 bit; its logits cross memory in 32 bit.
    let wide = Job {
        machine: super::machine::Machine {
            peak: job.machine.peak_16,
            matmul_fraction: job.machine.matmul_fraction_16,
            ..job.machine
        },
        ..*job
    };
    let loss = 12.0 * tokens * columns / (job.machine.memory_rate * job.constants.memory);
    (1 + job.model.mtp) as f64 * (matmul(&wide, tokens, columns, job.model.width as f64) + loss)
}

/// Bytes of activations that a device sends to the next stage: each tensor-parallel rank sends its part.
fn boundary(job: &Job, l: &Layout, tokens: f64) -> f64 {
    job.recipe.activation * tokens * job.model.width as f64 / l.tp as f64
}
