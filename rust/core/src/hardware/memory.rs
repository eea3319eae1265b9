//! Bytes on the fullest device, by kind.
//!
//! Activations follow Korthikanti et al. 2022, section 4, with gated MLPs, grouped heads and experts.

use super::layer::local_tokens;
use super::layout::Layout;
use super::machine::Job;
use crate::transformer::{Parameters, Recompute};

/// Bytes of a device.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Memory {
    /// Weights that the passes use.
    pub weights: f64,
    /// Gradients.
    pub gradients: f64,
    /// Master weights and moments.
    pub optimizer: f64,
    /// What the backward pass needs of the micro-batches in flight.
    pub activations: f64,
    /// Logits and their gradient.
    pub logits: f64,
    /// Gathered weights, gradients before they are added up, one block's temporary tensors.
    pub buffers: f64,
    /// Allocator's slack, runtime and communication libraries.
    pub reserve: f64,
}

/// Slack of the allocator, as a share of what is allocated (SimuMax's B200 rows: 3 to 8 %).
const SLACK: f64 = 0.05;
/// Runtime context, libraries and communication buffers.
const RUNTIME: f64 = 1.6e9;
/// Small tensors that nobody counts.
const SMALL: f64 = 0.35e9;

impl Memory {
    /// What the framework's allocator hands out.
    #[inline]
    pub fn allocated(&self) -> f64 {
        self.weights + self.gradients + self.optimizer + self.activations + self.logits + self.buffers
    }

    /// All that the device must have.
    #[inline]
    pub fn total(&self) -> f64 {
        self.allocated() + self.reserve
    }
}

/// Parameters of the fullest stage on one device: those that all data-parallel ranks share, and experts.
#[inline]
pub fn local_parameters(job: &Job, l: &Layout) -> [f64; 2] {
    let [first, last] = stages(job, l);
    if first[0] + first[1] >= last[0] + last[1] { first } else { last }
}

/// Parameters of the first and of the last stage on one device.
fn stages(job: &Job, l: &Layout) -> [[f64; 2]; 2] {
    let a = &job.model;
    let p = Parameters::<f64>::count(a);
    let t = l.tp as f64;
    let blocks = a.layers.div_ceil(l.pp);
    let dense = |n: u64| {
        let b = &p.dense_block;
        n as f64 * ((b.total() - b.norms) / t + b.norms)
    };
    let moe = |n: u64| {
        let b = &p.moe_block;
        n as f64 * ((b.attention + b.mlp) / t + b.norms + b.router)
    };
    let cut = if l.ep > 1 { l.ep as f64 } else { t };
    let experts = |n: u64| n as f64 * p.moe_block.experts / cut;
    let leading = if a.moe.is_some() { a.dense_layers().min(blocks) } else { blocks };
    let first = [dense(leading) + moe(blocks - leading) + (p.embedding + p.positions) / t, experts(blocks - leading)];
    // The last stage may hold dense layers only where there is just one stage.
    let plain = if l.pp == 1 || a.moe.is_none() { leading } else { 0 };
    let head = if a.tied { p.embedding } else { p.output } / t;
    let mut last = [dense(plain) + moe(blocks - plain) + head, experts(blocks - plain)];
    let extra = (p.mtp - a.mtp as f64 * p.moe_block.experts).max(0.0) / t;
    last[0] += extra + p.outer_norms;
    last[1] += experts(a.mtp);
    if l.pp == 1 {
        let outer = if a.tied { 0.0 } else { head };
        let one = [first[0] + outer + extra + p.outer_norms, first[1] + experts(a.mtp)];
        return [one, one];
    }
    [first, last]
}

/// Bytes per token that one block keeps for its backward pass: (plain, with experts).
fn kept(job: &Job, l: &Layout) -> [f64; 2] {
    if l.recompute_share < 1.0 && l.recompute != Recompute::None {
        let open = kept(job, &Layout { recompute: Recompute::None, ..*l });
        let again = kept(job, &Layout { recompute_share: 1.0, ..*l });
        let mix = |i: usize| again[i] * l.recompute_share + open[i] * (1.0 - l.recompute_share);
        return [mix(0), mix(1)];
    }
    let a = &job.model;
    let (h, t, byte) = (a.width as f64, l.tp as f64, job.recipe.activation);
    let outer = if l.sequence_parallel { t } else { 1.0 };
    if l.recompute == Recompute::Full {
        return [byte * h / outer; 2];
    }
    let heads = a.heads as f64;
    if l.recompute == Recompute::Selective && l.flash && l.zero == 3 && a.moe.is_none() && a.mla.is_none() {
        // FSDP frameworks keep every other product: queries, values, one side of the MLP, its output; and attention.
        let inner = a.head_size as f64 * (2.0 * heads + (a.kv_heads as f64).max(t)) + a.mlp_width as f64;
        return [byte * (2.0 * h / outer + inner / t); 2];
    }
    let attention = match a.mla {
        Some(m) => {
            let key = (m.nope_size + m.rope_size) as f64;
            let latent = 2.0 * (m.query_rank + m.kv_rank) as f64 + m.rope_size as f64;
            latent / outer + heads * (2.0 * key + m.nope_size as f64 + 2.0 * m.value_size as f64) / t
        }
        None => a.head_size as f64 * (2.0 * heads + 2.0 * (a.kv_heads as f64).max(t)) / t,
    };
    // Inputs and outputs of two norms; the residual is the first input. A mask is one byte an element.
    let masks = if l.dropout { 2.0 / byte * h / outer } else { 0.0 };
    let norms = 4.0 * h / outer + masks;
    let gated = a.mlp_matrices as f64;
    // Of the square: the softmax, and with dropout its output and mask. Fused attention keeps one statistic a row.
    let square = match (l.flash, l.recompute) {
        (true, _) => 4.0 / byte * heads / t,
        (false, Recompute::Selective) => 0.0,
        (false, _) => (1.0 + if l.dropout { 1.0 + 1.0 / byte } else { 0.0 }) * heads * job.seq_len as f64 / t,
    };
    let base = attention + norms + square;
    let dense = base + gated * a.mlp_width as f64 / t;
    let Some(m) = a.moe else { return [byte * dense; 2] };
    let cut = if l.ep > 1 { t } else { 1.0 };
    let inner = if l.ep > 1 { gated * m.expert_width as f64 } else { gated * m.expert_width as f64 / t };
    let copies = m.top_k as f64 / cut * (2.0 * h + inner);
    [byte * dense, byte * (base + gated * m.shared_width as f64 / t + copies) + 4.0 * m.experts as f64]
}

/// Bytes of the first and of the last stage; the fuller one counts.
pub fn memory(job: &Job, l: &Layout) -> Memory {
    let [first, last] = stages(job, l);
    let first = stage(job, l, first, true);
    let last = stage(job, l, last, l.pp == 1);
    if first.total() >= last.total() && l.pp > 1 { first } else { last }
}

/// Bytes of a stage with these parameters; `first` holds the most micro-batches.
fn stage(job: &Job, l: &Layout, parameters: [f64; 2], first: bool) -> Memory {
    let (a, r) = (&job.model, &job.recipe);
    let (tokens, t) = (local_tokens(job, l), l.tp as f64);
    let [dense, expert] = parameters;
    let group = (l.shards * l.cp) as f64;
    let expert_group = (l.shards * l.cp * l.tp / l.ep).max(1) as f64;
    let cut = |stage: u8, bytes: f64| {
        if l.zero >= stage { bytes * (dense / group + expert / expert_group) } else { bytes * (dense + expert) }
    };
    let last = l.pp == 1 || !first;
    let blocks = a.layers.div_ceil(l.pp) as f64;
    let [plain, moe] = kept(job, l);
    let leading = if a.moe.is_none() {
        blocks
    } else if first {
        (a.dense_layers() as f64).min(blocks)
    } else {
        0.0
    };
    let per_token = leading * plain + (blocks - leading + if last { a.mtp as f64 } else { 0.0 }) * moe;
    let mut out = Memory {
        weights: cut(3, r.weight),
        gradients: cut(2, r.gradient),
        optimizer: cut(1, r.optimizer),
        activations: tokens * per_token * in_flight(job, l, first),
        logits: if last { logit_bytes(l) * tokens * a.vocab as f64 / t } else { 0.0 },
        ..Memory::default()
    };
    let ends = tokens * ends(job, l) * in_flight(job, l, first);
    out.buffers = buffers(job, l, parameters, last) + ends + SMALL;
    out.reserve = SLACK * out.allocated() + RUNTIME;
    out
}

/// Bytes of a logit: a fused loss keeps one 32-bit copy, that of FSDP frameworks three: softmax, its gradient, the loss's.
#[inline]
fn logit_bytes(l: &Layout) -> f64 {
    if l.zero == 3 { 12.0 } else { 4.0 }
}

/// Bytes per token of what a stage of a pipeline received and sends.
#[inline]
fn ends(job: &Job, l: &Layout) -> f64 {
    let cut = if l.sequence_parallel { l.tp as f64 } else { 1.0 };
    if l.pp == 1 { 0.0 } else { 2.0 * job.recipe.activation * job.model.width as f64 / cut }
}

/// Micro-batches whose activations a stage holds.
fn in_flight(job: &Job, l: &Layout, first: bool) -> f64 {
    let n = l.micro_batches(job.batch) as f64;
    if l.pp == 1 {
        return 1.0;
    }
    let (pp, v) = (l.pp as f64, l.virtual_stages as f64);
    let held = if first { pp } else { 1.0 };
    let interleaved = if l.virtual_stages > 1 { 1.0 + (pp - 1.0) / (pp * v) } else { 1.0 };
    (held * interleaved).min(n.max(1.0) * interleaved)
}

/// Temporary tensors at the worst moment, and gathered weights.
fn buffers(job: &Job, l: &Layout, parameters: [f64; 2], last: bool) -> f64 {
    let (a, r) = (&job.model, &job.recipe);
    let (tokens, t, h) = (local_tokens(job, l), l.tp as f64, a.width as f64);
    let output = if last { 2.0 * a.vocab as f64 * h / t } else { 0.0 };
    let inner = match a.moe {
        Some(m) => m.expert_width as f64 * m.top_k as f64 + m.shared_width as f64 / t,
        None => a.mlp_width as f64 / t,
    };
    let block = r.activation * (a.mlp_matrices as f64 * inner * tokens);
    let whole = match l.recompute {
        // The block that is computed again is whole for a moment.
        Recompute::Full => {
            let open = Layout { recompute: Recompute::None, ..*l };
            let [plain, moe] = kept(job, &open);
            tokens * if a.moe.is_some() { moe } else { plain }
        }
        _ => 0.0,
    };
    let weight_gradient = r.weight * a.mlp_matrices as f64 * h * a.mlp_width as f64 / t;
    let at_block = block + whole + if a.moe.is_some() { 0.0 } else { weight_gradient };
    let gathered = if l.zero == 3 {
        let p = Parameters::<f64>::count(a);
        let unit = if a.moe.is_some() { p.moe_block.total() / l.ep as f64 } else { p.dense_block.total() };
        // A pipeline keeps its stage gathered, and gradients whole, until the step ends.
        let stage = if l.pp > 1 { (r.gathered + r.gradient) * (parameters[0] + parameters[1]) } else { 0.0 };
        let ends = if a.tied { 1.0 } else { 2.0 } * a.vocab as f64 * h;
        stage + r.gathered * (2.0 * unit + if l.pp > 1 { 0.0 } else { ends }) / t
    } else {
        0.0
    };
    gathered + output.max(if last { at_block - 4.0 * tokens * a.vocab as f64 / t } else { at_block })
}
