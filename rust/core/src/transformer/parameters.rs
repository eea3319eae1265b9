//! Parameters, one formula for exact integers and for float64.

use std::ops::{Add, Mul};

use super::architecture::{Architecture, Mixture};
use crate::error::{Error, Result};

/// A number that counts: `u64` exactly, `f64` without overflow.
pub trait Count: Copy + Add<Output = Self> + Mul<Output = Self> {
    /// The number for a size.
    fn of(size: u64) -> Self;
    /// `self` where `yes`, otherwise nothing.
    #[inline]
    fn when(self, yes: bool) -> Self {
        self * Self::of(u64::from(yes))
    }
}

/// A wrapping `u64`, so that sums of a table need no check for each step; [`Parameters::exact`] checks the total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Whole(pub u64);

impl Add for Whole {
    type Output = Self;
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }
}

impl Mul for Whole {
    type Output = Self;
    #[inline]
    fn mul(self, other: Self) -> Self {
        Self(self.0.wrapping_mul(other.0))
    }
}

impl Count for Whole {
    #[inline]
    fn of(size: u64) -> Self {
        Self(size)
    }
}

impl Count for f64 {
    #[inline]
    fn of(size: u64) -> Self {
        float(size)
    }
}

/// A size as a float. Sizes stay below 2^63 (a model with one beyond is refused), and signed conversions are far faster.
#[inline(always)]
pub(crate) fn float(size: u64) -> f64 {
    size.cast_signed() as f64
}

/// Parameters of one block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block<T> {
    /// Projections of the attention with biases, query and key norms, sinks.
    pub attention: T,
    /// The plain MLP, or the shared experts with their gate.
    pub mlp: T,
    /// The router with its biases.
    pub router: T,
    /// All routed experts.
    pub experts: T,
    /// The routed experts that a token uses.
    pub active_experts: T,
    /// Norms of the model width.
    pub norms: T,
}

impl<T: Count> Block<T> {
    /// Parameters of the block.
    #[inline]
    pub fn total(&self) -> T {
        self.active_rest() + self.experts
    }

    /// Parameters that a token uses.
    #[inline]
    pub fn active(&self) -> T {
        self.active_rest() + self.active_experts
    }

    #[inline]
    fn active_rest(&self) -> T {
        self.attention + self.mlp + self.router + self.norms
    }
}

/// Parameters of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters<T> {
    /// A block with a plain MLP.
    pub dense_block: Block<T>,
    /// A block with experts (equal to the dense one where there are none).
    pub moe_block: Block<T>,
    /// Token embedding.
    pub embedding: T,
    /// Learned positions.
    pub positions: T,
    /// Output matrix where it is not the embedding, and its bias.
    pub output: T,
    /// Norms outside of the blocks.
    pub outer_norms: T,
    /// Multi-token prediction modules, without the embedding and output layer that they share.
    pub mtp: T,
    /// The part of `mtp` that a token uses.
    pub mtp_active: T,
    /// All blocks.
    pub blocks: T,
    /// The part of all blocks that a token uses.
    pub blocks_active: T,
}

impl<T: Count> Parameters<T> {
    /// Counts a model.
    #[inline]
    pub fn count(a: &Architecture) -> Self {
        let dense = dense_block(a);
        let moe = a.moe.map_or(dense, |m| moe_block(a, &m));
        let (h, v) = (T::of(a.width), T::of(a.vocab));
        let (n_dense, n_moe) = (T::of(a.dense_layers()), T::of(a.moe_layers()));
        // One more block, a mixing matrix 2h × h, norms of both halves of its input and of its output.
        let around = T::of(2) * h * h + T::of(3) * norm(a);
        Self {
            embedding: v * h,
            positions: T::of(a.positions) * h,
            output: (v * h).when(!a.tied) + v.when(a.output_bias),
            outer_norms: T::of(a.outer_norms) * norm(a),
            mtp: T::of(a.mtp) * (moe.total() + around),
            mtp_active: T::of(a.mtp) * (moe.active() + around),
            blocks: n_dense * dense.total() + n_moe * moe.total(),
            blocks_active: n_dense * dense.active() + n_moe * moe.active(),
            dense_block: dense,
            moe_block: moe,
        }
    }

    #[inline]
    fn outside(&self) -> T {
        self.embedding + self.positions + self.output + self.outer_norms
    }

    /// All parameters.
    #[inline]
    pub fn total(&self) -> T {
        self.blocks + self.mtp + self.outside()
    }

    /// Those that a token uses: top-k experts, and everything else (both embeddings and the router count).
    #[inline]
    pub fn active(&self) -> T {
        self.blocks_active + self.mtp_active + self.outside()
    }

    /// All without the embedding, the positions and an output layer of its own.
    #[inline]
    pub fn non_embedding(&self) -> T {
        self.blocks + self.mtp + self.outer_norms
    }
}

impl Parameters<Whole> {
    /// Counts a model exactly.
    ///
    /// # Errors
    /// [`Error::Setting`] where sizes do not fit together or the count leaves 63 bits.
    #[inline]
    pub fn exact(a: &Architecture) -> Result<Self> {
        a.check()?;
        let size = Parameters::<f64>::count(a).total();
        if size > 9.2e18 {
            return Err(Error::Setting(format!("the model has {size:.3e} parameters, expected at most 9.2e18")));
        }
        Ok(Self::count(a))
    }
}

#[inline]
fn norm<T: Count>(a: &Architecture) -> T {
    T::of(a.norm_vectors) * T::of(a.width)
}

#[inline]
fn attention<T: Count>(a: &Architecture) -> T {
    let (h, heads, kv, d) = (T::of(a.width), T::of(a.heads), T::of(a.kv_heads), T::of(a.head_size));
    let extra = T::of(a.qk_norm) + heads.when(a.sinks);
    if let Some(m) = a.mla {
        let (rq, rkv) = (T::of(m.query_rank), T::of(m.kv_rank));
        let key = T::of(m.nope_size + m.rope_size);
        let from = if m.query_rank == 0 { h * heads * key } else { h * rq + rq + rq * heads * key };
        let down = h * (rkv + T::of(m.rope_size)) + rkv;
        let up = rkv * heads * T::of(m.nope_size + m.value_size);
        return from + down + up + heads * T::of(m.value_size) * h + extra + h.when(a.attention_out_bias);
    }
    let qkv = d * (heads + T::of(2) * kv);
    h * qkv + qkv.when(a.qkv_bias) + heads * d * h + h.when(a.attention_out_bias) + extra
}

/// An MLP of some inner width.
#[inline]
fn mlp<T: Count>(a: &Architecture, inner: u64) -> T {
    let (g, h, f) = (T::of(a.mlp_matrices), T::of(a.width), T::of(inner));
    g * h * f + (T::of(a.mlp_matrices - 1) * f + h).when(a.mlp_bias && inner > 0)
}

#[inline]
fn dense_block<T: Count>(a: &Architecture) -> Block<T> {
    let zero = T::of(0);
    Block {
        attention: attention(a),
        mlp: mlp(a, a.mlp_width),
        router: zero,
        experts: zero,
        active_experts: zero,
        norms: T::of(a.norms_per_layer) * norm(a),
    }
}

#[inline]
fn moe_block<T: Count>(a: &Architecture, m: &Mixture) -> Block<T> {
    let h = T::of(a.width);
    let one: T = mlp(a, m.expert_width);
    Block {
        mlp: mlp::<T>(a, m.shared_width) + h.when(m.shared_gate),
        router: h * T::of(m.experts) + T::of(m.experts).when(m.router_bias),
        experts: T::of(m.experts) * one,
        active_experts: T::of(m.top_k) * one,
        ..dense_block(a)
    }
}
