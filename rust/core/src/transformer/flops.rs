//! FLOPs of a token, by part and by published convention. One multiply-add is two FLOPs.

use super::architecture::Architecture;
use super::parameters::{Parameters, float};
use crate::error::{Error, Result};

/// How a paper or a framework counts the FLOPs of a training token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convention {
    /// Matrix products that are needed: causal attention, experts that are used, output layer.
    Exact,
    /// 6 × parameters in use.
    SixN,
    /// 6 × matrix parameters of the blocks + 6 L s a d (Kaplan et al. 2020, table 1).
    Kaplan,
    /// 6 N + 12 L a d s (Chowdhery et al. 2022, appendix B).
    Palm,
    /// As `Palm`, with N less the position table.
    NanoGpt,
    /// Matrix products with the full attention square (Narayanan et al. 2021, equation 3).
    Megatron,
    /// As `Megatron` with the whole score term twice (Korthikanti et al. 2022, equation 8).
    KorthikantiHw,
    /// Hoffmann et al. 2022, appendix F, as listed.
    Chinchilla,
    /// The same without embedding and logits, which is what their table A4 holds.
    ChinchillaA4,
    /// Matrix products with causal attention as half of the square.
    Nemo,
    /// 6 N + 12 L h s.
    Mosaic,
}

impl Convention {
    /// Every convention with its names; the first name of each is the one that is printed.
    pub const NAMES: [(&'static str, Self); 15] = [
        ("exact", Self::Exact),
        ("6N", Self::SixN),
        ("kaplan", Self::Kaplan),
        ("palm", Self::Palm),
        ("nanogpt", Self::NanoGpt),
        ("megatron", Self::Megatron),
        ("nemo-launcher", Self::Megatron),
        ("maxtext-old", Self::Megatron),
        ("korthikanti_hw", Self::KorthikantiHw),
        ("chinchilla", Self::Chinchilla),
        ("chinchilla_a4", Self::ChinchillaA4),
        ("nemo", Self::Nemo),
        ("maxtext", Self::Nemo),
        ("torchtitan", Self::Palm),
        ("mosaic", Self::Mosaic),
    ];

    /// # Errors
    /// [`Error::Setting`] for a name that is not known.
    pub fn named(name: &str) -> Result<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, convention)| *convention).ok_or_else(|| {
            let known: Vec<&str> = Self::NAMES.iter().map(|(n, _)| *n).collect();
            Error::Setting(format!("unknown convention '{name}'\n\nHint: known are {}", known.join(", ")))
        })
    }
}

/// Which passes are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Forward only.
    Forward,
    /// Backward only: twice the forward pass.
    Backward,
    /// Both.
    Train,
}

impl Pass {
    fn factor(self) -> f64 {
        match self {
            Self::Forward => 1.0,
            Self::Backward => 2.0,
            Self::Train => 3.0,
        }
    }
}

/// What is computed again in the backward pass instead of being kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recompute {
    /// Nothing.
    None,
    /// The attention square.
    Selective,
    /// Each block.
    Full,
}

/// Forward FLOPs of one token, by part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forward {
    /// Projections of the attention, all layers.
    pub projections: f64,
    /// Plain MLPs, shared experts, and routed experts in use, all layers.
    pub mlp: f64,
    /// Routers.
    pub router: f64,
    /// Scores and their sum over values.
    pub scores: f64,
    /// Output layers, that of a multi-token prediction module included.
    pub output: f64,
    /// Mixing matrices of multi-token prediction.
    pub mixing: f64,
}

impl Forward {
    /// The sum.
    #[inline]
    pub fn total(&self) -> f64 {
        self.blocks() + self.output
    }

    /// Without the output layer.
    #[inline]
    pub fn blocks(&self) -> f64 {
        self.projections + self.mlp + self.router + self.scores + self.mixing
    }
}

/// How attention spans are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Mean number of keys that a causal query sees, itself included.
    Causal,
    /// Half of the square.
    Half,
    /// The square.
    Full,
}

/// Mean keys per query at sequence length `s`, for attention with a window of `w` tokens (0: none).
#[inline]
pub fn span(kind: Span, s: f64, w: u64) -> f64 {
    let w = if w == 0 { s } else { (w as f64).min(s) };
    match kind {
        Span::Full => w,
        Span::Half if w >= s => 0.5 * s,
        Span::Half => w - 0.5 * w * w / s,
        Span::Causal => w - 0.5 * w * (w - 1.0) / s,
    }
}

/// Multiply-adds of the projections of one layer.
#[inline]
pub fn projection_macs(a: &Architecture) -> f64 {
    let (h, heads) = (float(a.width), float(a.heads));
    match a.mla {
        Some(m) => {
            let (rq, rkv) = (float(m.query_rank), float(m.kv_rank));
            let key = float(m.nope_size + m.rope_size);
            let query = if m.query_rank == 0 { h * heads * key } else { h * rq + rq * heads * key };
            let down = h * (rkv + float(m.rope_size));
            query + down + rkv * heads * float(m.nope_size + m.value_size) + heads * float(m.value_size) * h
        }
        None => h * (float(a.head_size)) * (2.0 * heads + 2.0 * float(a.kv_heads)),
    }
}

/// FLOPs of scores and values for one query and one key, all heads.
#[inline]
pub fn score_flops(a: &Architecture) -> f64 {
    let sizes = a.mla.map_or(2 * a.head_size, |m| m.nope_size + m.rope_size + m.value_size);
    2.0 * float(a.heads) * float(sizes)
}

/// Forward FLOPs of a token at sequence length `s`.
#[inline]
pub fn forward(a: &Architecture, s: f64, kind: Span) -> Forward {
    let (layers, extra) = (float(a.layers), float(a.mtp));
    let (h, g) = (float(a.width), float(a.mlp_matrices));
    let (mut mlp, mut router) = (float(a.dense_layers()) * g * h * float(a.mlp_width), 0.0);
    let mut moe_layers = 0.0;
    if let Some(m) = a.moe {
        moe_layers = float(a.moe_layers()) + extra;
        mlp += moe_layers * g * h * (float(m.top_k) * float(m.expert_width) + float(m.shared_width));
        router = moe_layers * h * float(m.experts);
    } else {
        mlp += extra * g * h * float(a.mlp_width);
    }
    let windowed = float(a.windowed_layers);
    let full = layers + extra - windowed;
    let spans = full * span(kind, s, 0) + if windowed > 0.0 { windowed * span(kind, s, a.window) } else { 0.0 };
    debug_assert!(moe_layers <= layers + extra);
    Forward {
        projections: 2.0 * (layers + extra) * projection_macs(a),
        mlp: 2.0 * mlp,
        router: 2.0 * router,
        scores: score_flops(a) * spans,
        output: 2.0 * h * float(a.vocab) * (1.0 + extra),
        mixing: 4.0 * h * h * extra,
    }
}

/// FLOPs of a token by a convention, at sequence length `s`.
///
/// Recomputed work is added where the convention has matrix products by part (`exact`, `megatron`, `nemo`); the
/// rules of thumb stay what they are.
#[inline]
pub fn per_token(a: &Architecture, s: f64, convention: Convention, pass: Pass, recompute: Recompute) -> f64 {
    match convention {
        Convention::Exact => by_part(&forward(a, s, Span::Causal), pass, recompute),
        Convention::Nemo => by_part(&forward(a, s, Span::Half), pass, recompute),
        Convention::Megatron => by_part(&forward(a, s, Span::Full), pass, recompute),
        Convention::KorthikantiHw => {
            let f = forward(a, s, Span::Full);
            pass.factor() * (f.total() + f.scores)
        }
        other => pass.factor() / 3.0 * rule_of_thumb(a, s, other),
    }
}

fn by_part(f: &Forward, pass: Pass, recompute: Recompute) -> f64 {
    let again = match recompute {
        Recompute::None => 0.0,
        Recompute::Selective => f.scores,
        Recompute::Full => f.blocks(),
    };
    pass.factor() * f.total() + if pass == Pass::Forward { 0.0 } else { again }
}

/// Training FLOPs of a token by the conventions that are one closed formula.
#[inline]
fn rule_of_thumb(a: &Architecture, s: f64, convention: Convention) -> f64 {
    let (layers, h) = (float(a.layers), float(a.width));
    let inner = float(a.heads * a.head_size);
    let active = || Parameters::<f64>::count(a).active();
    match convention {
        Convention::Kaplan => 6.0 * block_matrices(a) + 6.0 * layers * s * inner,
        Convention::Palm => 6.0 * active() + 12.0 * layers * inner * s,
        Convention::NanoGpt => 6.0 * (active() - float(a.positions * a.width)) + 12.0 * layers * inner * s,
        Convention::Mosaic => 6.0 * active() + 12.0 * layers * h * s,
        Convention::Chinchilla => 3.0 * (chinchilla(a, s) + 4.0 * float(a.vocab) * h),
        Convention::ChinchillaA4 => 3.0 * chinchilla(a, s),
        _ => 6.0 * active(),
    }
}

/// Matrix parameters of the blocks in use: Kaplan's N, 12 L h² for GPT.
#[inline]
pub fn block_matrices(a: &Architecture) -> f64 {
    let f = forward(&Architecture { mtp: 0, ..*a }, 0.0, Span::Full);
    0.5 * (f.projections + f.mlp + f.router)
}

/// Appendix F of Hoffmann et al. 2022 without embedding and logits, forward.
fn chinchilla(a: &Architecture, s: f64) -> f64 {
    let f = forward(a, s, Span::Full);
    f.projections + f.mlp + f.router + f.scores + 3.0 * float(a.layers * a.heads) * s
}
