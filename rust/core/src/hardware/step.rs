//! Seconds of a training step, put together from the passes of a micro-batch.

use super::communication::Group;
use super::layer::{Micro, Passes};
use super::layout::Layout;
use super::machine::Job;
use super::memory::local_parameters;
use crate::transformer::Recompute;

/// Parameter tensors of a block: four products, their biases, two norms (one call each where they are gathered so).
const BLOCK_TENSORS: f64 = 12.0;

/// Seconds of a step, by cause; they add up to `total`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Step {
    /// Matrix products, attention and operations bound by bandwidth, recomputed ones included.
    pub compute: f64,
    /// Waiting for kernels to be launched.
    pub launch: f64,
    /// Tensor-, context- and expert-parallel traffic that is not hidden.
    pub inner: f64,
    /// Pipeline transfers that are not hidden.
    pub pipeline: f64,
    /// Idle stages.
    pub bubble: f64,
    /// Data-parallel traffic that is not hidden.
    pub data: f64,
    /// The optimizer's update and what a step does once.
    pub update: f64,
    /// The sum.
    pub total: f64,
}

/// Forward, backward and recomputation of one block: seconds that compute, launch, and communicate.
#[inline]
fn both(job: &Job, p: &Passes, l: &Layout) -> (f64, f64, f64) {
    let backward_attention = if l.flash { 2.5 } else { 2.0 };
    let (again, square) = match l.recompute {
        Recompute::None => (0.0, 0.0),
        Recompute::Selective => (0.0, l.recompute_share),
        Recompute::Full => (job.constants.recompute * l.recompute_share, job.constants.recompute * l.recompute_share),
    };
    let gpu = (3.0 + again) * (p.matmul + p.pointwise) + (1.0 + backward_attention + square) * p.attention;
    let floor = (3.0 + again) * p.kernels * job.constants.launch_s;
    // The slower of the two sets the pace, with a soft corner.
    let pace = (gpu.powi(4) + floor.powi(4)).sqrt().sqrt();
    (gpu, pace - gpu, (2.0 + again) * p.tensor + 2.0 * p.expert + again * p.expert)
}

/// Seconds of a step. `micro` comes from [`super::layer::micro`] for the same layout.
pub fn step(job: &Job, l: &Layout, micro: &Micro) -> Step {
    let a = &job.model;
    let n = l.micro_batches(job.batch) as f64;
    let (pp, v) = (l.pp as f64, l.virtual_stages as f64);
    let dense = both(job, &micro.dense, l);
    let moe = if a.moe.is_some() { both(job, &micro.moe, l) } else { (0.0, 0.0, 0.0) };
    let extra = a.mtp as f64;
    let (n_dense, n_moe) = match a.moe {
        Some(_) => (a.dense_layers() as f64, a.moe_layers() as f64 + extra),
        None => (a.layers as f64 + extra, 0.0),
    };
    let sum = |pick: fn((f64, f64, f64)) -> f64| (n_dense * pick(dense) + n_moe * pick(moe)) / pp;
    let output = 3.0 * micro.output;
    // The stage with most layers sets the pace; the output layer adds to the last one as far as that does not hold fewer.
    let most = a.layers.div_ceil(l.pp) as f64 * pp / a.layers as f64;
    let blocks = sum(|x| x.0);
    let mean = blocks + output / pp;
    let slowest = mean.max(blocks * most + job.constants.imbalance * output);
    let (launch, inner) = (sum(|x| x.1) * most, sum(|x| x.2) * most);
    let transfer = transfers(job, l, micro);
    let one = mean + launch + inner + transfer;
    let mut out = Step {
        compute: n * mean,
        launch: n * launch,
        inner: n * inner,
        pipeline: n * transfer,
        bubble: n * (slowest - mean) + (pp - 1.0) / v * one,
        ..Step::default()
    };
    out.data = data(job, l, n * (mean + launch));
    out.update = update(job, l);
    out.total = out.compute + out.launch + out.inner + out.pipeline + out.bubble + out.data + out.update;
    out
}

/// Exposed seconds of the transfers of one micro-batch between stages, both directions, and of handling it.
#[inline]
fn transfers(job: &Job, l: &Layout, micro: &Micro) -> f64 {
    if l.pp == 1 {
        return 0.0;
    }
    let c = &job.constants;
    let group = Group::new(&job.machine, c, 2, job.devices / l.pp);
    let exposed = if l.overlap_data { c.pp_exposed } else { 1.0 };
    let once = exposed * 2.0 * (micro.boundary / group.rate + group.latency) + c.micro_batch_s;
    l.virtual_stages as f64 * once
}

/// Exposed seconds of gradient reduction and weight gathering, given seconds of work that may hide them.
#[inline]
fn data(job: &Job, l: &Layout, work: f64) -> f64 {
    let group_size = l.dp * l.cp;
    if group_size == 1 {
        return 0.0;
    }
    let [dense, expert] = local_parameters(job, l);
    let experts_over = |ranks: u64| (ranks * l.cp * l.tp / l.ep).max(1);
    let mut seconds = exchange(job, l, dense, (group_size, l.shards * l.cp), l.tp);
    if expert > 0.0 {
        seconds += exchange(job, l, expert, (experts_over(l.dp), experts_over(l.shards)), l.ep);
    }
    let exposed = if l.overlap_data { job.constants.dp_exposed } else { 1.0 };
    let hidden = (1.0 - exposed) * seconds;
    // Only the backward pass of the last micro-batch hides a reduction; gathering runs all along.
    let room = if l.zero == 3 { work } else { work / l.micro_batches(job.batch) as f64 * 0.6 };
    exposed * seconds + (hidden - room).max(0.0)
}

/// Seconds to reduce the gradients of `n` parameters over some ranks and gather their weights, sharded over `shards`.
#[inline]
fn exchange(job: &Job, l: &Layout, n: f64, (ranks, shards): (u64, u64), stride: u64) -> f64 {
    let (r, group) = (&job.recipe, |ranks, stride| Group::new(&job.machine, &job.constants, ranks, stride));
    if l.zero == 0 {
        return group(ranks, stride).all_reduce(n * r.reduced);
    }
    let share = group(shards, stride);
    // Copies of a shard (HSDP) add up their parts once a step.
    let copies = group(ranks / shards, stride * shards).all_reduce(n * r.reduced / share.ranks);
    if l.zero < 3 {
        return share.half(n * r.reduced, 1.0) + share.half(n * r.gathered, 1.0) + copies;
    }
    // A pipeline gathers its stage once a step.
    let times = if l.pp == 1 { l.micro_batches(job.batch) as f64 } else { 1.0 };
    let pieces = job.model.layers.div_ceil(l.pp) as f64 * if l.gather_tensors { BLOCK_TENSORS } else { 1.0 };
    times * (share.half(n * r.reduced, pieces) + 2.0 * share.half(n * r.gathered, pieces)) + copies
}

/// Seconds of the optimizer's update: states cross memory twice.
#[inline]
fn update(job: &Job, l: &Layout) -> f64 {
    let [dense, expert] = local_parameters(job, l);
    let cut = if l.zero == 0 { 1.0 } else { (l.shards * l.cp) as f64 };
    let bytes = 2.0 * job.recipe.optimizer + job.recipe.gradient + job.recipe.weight;
    let expert_cut = if l.zero == 0 { 1.0 } else { (l.shards * l.cp * l.tp / l.ep).max(1) as f64 };
    let local = dense / cut + expert / expert_cut;
    local * bytes / (job.machine.memory_rate * job.constants.memory) + job.constants.step_s
}
