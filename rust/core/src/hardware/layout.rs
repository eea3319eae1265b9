//! How a job is cut over devices, and which cuts fit together.

use super::machine::Job;
use crate::transformer::Recompute;

/// Degrees of each kind of parallelism.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layout {
    /// Tensor parallel.
    pub tp: u64,
    /// Pipeline stages.
    pub pp: u64,
    /// Virtual stages of a device.
    pub virtual_stages: u64,
    /// Context parallel.
    pub cp: u64,
    /// Expert parallel, inside of tensor, context and data parallel.
    pub ep: u64,
    /// Data parallel.
    pub dp: u64,
    /// Data-parallel ranks that a ZeRO shard is spread over (the rest are copies).
    pub shards: u64,
    /// ZeRO stage, 0 to 3.
    pub zero: u8,
    /// Sequences of a micro-batch.
    pub micro_batch: u64,
    /// What the backward pass computes again.
    pub recompute: Recompute,
    /// Share of the blocks that `recompute` applies to.
    pub recompute_share: f64,
    /// Whether norms and dropout are cut along the sequence inside of a tensor-parallel group.
    pub sequence_parallel: bool,
    /// Whether attention is fused, without its square in memory.
    pub flash: bool,
    /// Whether dropout's masks are kept.
    pub dropout: bool,
    /// Whether data-parallel and pipeline traffic runs beside the work.
    pub overlap_data: bool,
    /// Whether tensor-parallel traffic does.
    pub overlap_tensor: bool,
    /// Whether ZeRO-3 gathers tensor by tensor instead of block by block.
    pub gather_tensors: bool,
}

/// Why a layout cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Refusal {
    /// The degrees do not multiply to the devices.
    Devices,
    /// Heads, widths or vocabulary cannot be cut so.
    TensorParallel,
    /// Layers cannot be cut so.
    Pipeline,
    /// The sequence cannot be cut so.
    Context,
    /// Experts cannot be cut so.
    Experts,
    /// The batch cannot be cut so.
    Batch,
    /// More than the device's memory is needed.
    Memory,
}

impl Refusal {
    /// All, in the order of their codes.
    pub const ALL: [Self; 7] =
        [Self::Devices, Self::TensorParallel, Self::Pipeline, Self::Context, Self::Experts, Self::Batch, Self::Memory];

    /// A word for tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Devices => "devices",
            Self::TensorParallel => "tensor_parallel",
            Self::Pipeline => "pipeline",
            Self::Context => "context",
            Self::Experts => "experts",
            Self::Batch => "batch",
            Self::Memory => "memory",
        }
    }

    /// What must hold.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Devices => "tp x pp x cp x dp must be the number of devices",
            Self::TensorParallel => "tp must divide heads and widths, and divide kv_heads or be a multiple of them",
            Self::Pipeline => {
                "pp x virtual_stages must not exceed layers; interleaving needs micro-batches in multiples of pp"
            }
            Self::Context => "2 x cp must divide the sequence length",
            Self::Experts => "ep must divide the experts and tp x cp x dp",
            Self::Batch => "dp x micro_batch must divide the batch",
            Self::Memory => "memory of the device",
        }
    }
}

impl Layout {
    /// Micro-batches of a step, for a layout that was checked.
    #[inline]
    pub fn micro_batches(&self, batch: u64) -> u64 {
        batch / (self.dp * self.micro_batch)
    }

    /// Checks everything but memory. With `even`, stages must hold equally many layers.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn check(&self, job: &Job, even: bool) -> Result<(), Refusal> {
        let m = &job.model;
        // Degrees whose products do not fit into a word fit no job either.
        let product = |factors: &[u64]| factors.iter().try_fold(1_u64, |all, &x| all.checked_mul(x)).unwrap_or(0);
        let holds = |yes: bool, refusal| if yes { Ok(()) } else { Err(refusal) };
        let devices = product(&[self.tp, self.pp, self.cp, self.dp]);
        holds(devices == job.devices && devices > 0, Refusal::Devices)?;
        holds(tensor_fits(job, self.tp), Refusal::TensorParallel)?;
        holds(expert_fits(job, self.ep, self.tp * self.cp * self.dp), Refusal::Experts)?;
        holds(self.cp == 1 || job.seq_len.is_multiple_of(product(&[2, self.cp])), Refusal::Context)?;
        let sequences = product(&[self.dp, self.micro_batch]);
        holds(sequences > 0 && job.batch.is_multiple_of(sequences), Refusal::Batch)?;
        let stages = product(&[self.pp, self.virtual_stages]);
        let whole = !even || m.layers.is_multiple_of(stages);
        let interleaved =
            self.virtual_stages == 1 || self.pp > 1 && (!even || self.micro_batches(job.batch).is_multiple_of(self.pp));
        // Uneven cuts count the embedding and the output layer as a layer each.
        let room = if even { m.layers } else { m.layers.saturating_add(2) };
        holds(stages > 0 && stages <= room && whole && interleaved, Refusal::Pipeline)
    }
}

/// Whether tensor parallelism of degree `tp` divides the model.
pub fn tensor_fits(job: &Job, tp: u64) -> bool {
    let m = &job.model;
    let kv = m.mla.is_some() || m.kv_heads.is_multiple_of(tp) || tp.is_multiple_of(m.kv_heads);
    m.heads.is_multiple_of(tp) && m.width.is_multiple_of(tp) && m.mlp_width.is_multiple_of(tp) && kv
}

/// Whether expert parallelism of degree `ep` divides the model and its group.
pub fn expert_fits(job: &Job, ep: u64, group: u64) -> bool {
    let experts = job.model.moe.map_or(1, |m| m.experts);
    experts.is_multiple_of(ep) && group.is_multiple_of(ep)
}
