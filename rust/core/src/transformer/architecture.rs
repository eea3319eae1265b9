//! The description of a decoder: sizes and switches, and which of them fit together.

use crate::error::{Error, Result};

/// Sizes stay below it, so that sums of some are exact and signed conversions hold.
const LIMIT: u64 = 1 << 60;

/// Low-rank attention (MLA): keys and values are rebuilt from one small vector per token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latent {
    /// Rank of the queries; 0 where they come straight from the model width.
    pub query_rank: u64,
    /// Rank that keys and values share.
    pub kv_rank: u64,
    /// Size of the part of a head without positions.
    pub nope_size: u64,
    /// Size of the rotary part.
    pub rope_size: u64,
    /// Size of a value head.
    pub value_size: u64,
}

/// A mixture of experts in place of the MLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mixture {
    /// Routed experts of a layer.
    pub experts: u64,
    /// Routed experts that a token uses.
    pub top_k: u64,
    /// Inner width of a routed expert.
    pub expert_width: u64,
    /// Inner width of all shared experts together.
    pub shared_width: u64,
    /// Layers that keep a plain MLP.
    pub dense_layers: u64,
    /// Whether the shared path has a gate of its own.
    pub shared_gate: bool,
    /// Whether the router has one bias for each expert.
    pub router_bias: bool,
}

/// A decoder-only transformer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Architecture {
    /// Blocks.
    pub layers: u64,
    /// Model width.
    pub width: u64,
    /// Query heads.
    pub heads: u64,
    /// Key and value heads.
    pub kv_heads: u64,
    /// Size of a head.
    pub head_size: u64,
    /// Inner width of the MLP.
    pub mlp_width: u64,
    /// Matrices of an MLP: 2, or 3 where it is gated.
    pub mlp_matrices: u64,
    /// Rows of the embedding.
    pub vocab: u64,
    /// Rows of a learned position table.
    pub positions: u64,
    /// Whether the output layer is the embedding.
    pub tied: bool,
    /// Vectors of the model width in one norm: 0 none, 1 scale, 2 scale and bias.
    pub norm_vectors: u64,
    /// Norms of a block.
    pub norms_per_layer: u64,
    /// Norms outside of the blocks.
    pub outer_norms: u64,
    /// Elements of the query and key norms of a layer.
    pub qk_norm: u64,
    /// Biases of queries, keys and values.
    pub qkv_bias: bool,
    /// Bias of the attention's output.
    pub attention_out_bias: bool,
    /// Biases of the MLP, experts included.
    pub mlp_bias: bool,
    /// Bias of the output layer.
    pub output_bias: bool,
    /// One learned sink per query head.
    pub sinks: bool,
    /// Span of windowed attention in tokens.
    pub window: u64,
    /// Layers with windowed attention.
    pub windowed_layers: u64,
    /// Multi-token prediction modules.
    pub mtp: u64,
    /// Experts, where there are any.
    pub moe: Option<Mixture>,
    /// Low-rank attention, where it is used.
    pub mla: Option<Latent>,
}

impl Architecture {
    /// Layers with experts, multi-token prediction not counted.
    #[inline]
    pub fn moe_layers(&self) -> u64 {
        self.moe.map_or(0, |m| self.layers - m.dense_layers)
    }

    /// Layers with a plain MLP.
    #[inline]
    pub fn dense_layers(&self) -> u64 {
        self.layers - self.moe_layers()
    }

    /// # Errors
    /// [`Error::Setting`] that names the size at fault.
    #[inline]
    pub fn check(&self) -> Result<()> {
        let positive = [self.layers, self.width, self.heads, self.kv_heads, self.head_size, self.vocab];
        if let Some(i) = positive.iter().position(|&size| size == 0) {
            let name = ["layers", "width", "heads", "kv_heads", "head_size", "vocab"][i];
            return Err(Error::Setting(format!("{name} is 0, expected at least 1")));
        }
        if self.heads != self.kv_heads && !self.heads.is_multiple_of(self.kv_heads) {
            let text = format!("heads is {}, expected a multiple of kv_heads ({})", self.heads, self.kv_heads);
            return Err(Error::Setting(text));
        }
        if self.all_bits() >= LIMIT {
            return Err(self.too_large());
        }
        if self.windowed_layers > self.layers {
            let text =
                format!("windowed_layers is {}, expected at most layers ({})", self.windowed_layers, self.layers);
            return Err(Error::Setting(text));
        }
        self.moe.map_or(Ok(()), |moe| self.check_mixture(&moe))
    }

    #[cold]
    fn too_large(&self) -> Error {
        let sizes = [
            ("layers", self.layers),
            ("width", self.width),
            ("heads", self.heads),
            ("kv_heads", self.kv_heads),
            ("head_size", self.head_size),
            ("mlp_width", self.mlp_width),
            ("vocab", self.vocab),
            ("positions", self.positions),
        ];
        let found = sizes.iter().find(|(_, size)| *size >= LIMIT);
        let what = found
            .map_or("a size of attention or experts is too large,".into(), |(name, size)| format!("{name} is {size},"));
        Error::Setting(format!("{what} expected less than 2**60"))
    }

    /// The bits that any size has.
    #[inline]
    fn all_bits(&self) -> u64 {
        let attention = self.layers | self.width | self.heads | self.kv_heads | self.head_size | self.window;
        let other = self.mlp_width | self.mlp_matrices | self.vocab | self.positions | self.mtp | self.norm_vectors;
        let norms = self.norms_per_layer | self.outer_norms | self.qk_norm;
        let moe = self.moe.map_or(0, |m| m.experts | m.expert_width | m.shared_width);
        let mla = self.mla.map_or(0, |m| m.query_rank | m.kv_rank | m.nope_size | m.rope_size | m.value_size);
        attention | other | norms | moe | mla
    }

    fn check_mixture(&self, moe: &Mixture) -> Result<()> {
        if moe.top_k == 0 || moe.top_k > moe.experts {
            let text = format!("experts_per_token is {}, expected 1 to experts ({})", moe.top_k, moe.experts);
            return Err(Error::Setting(text));
        }
        if moe.dense_layers > self.layers {
            let text = format!("dense_layers is {}, expected at most layers ({})", moe.dense_layers, self.layers);
            return Err(Error::Setting(text));
        }
        Ok(())
    }
}
