"""`Architecture`: the sizes of a decoder, checked, with exact counts of parameters and FLOPs.

Reading Hugging Face files belongs to `_hf`, machines to `_cluster` and above; the arithmetic is in the core.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from . import _engine
from ._errors import DataError, compose, listed
from ._repr import facts

if TYPE_CHECKING:
    from os import PathLike

Pass = Literal["train", "forward", "backward"]
Recompute = Literal["none", "selective", "full"]
#: Matrices of an MLP, by activation.
MATRICES = {"gelu": 2, "relu": 2, "relu2": 2, "swiglu": 3, "geglu": 3}
#: Vectors of the model width in one norm.
NORM_VECTORS = {"none": 0, "rms": 1, "layer": 2}


@dataclass(frozen=True, kw_only=True)
class Latent:
    """Sizes of multi-head latent attention (MLA).

    Parameters
    ----------
    kv_rank : int
        Rank that keys and values share; what the cache holds of a token, with `rope_size`.
    nope_size, rope_size, value_size : int
        Sizes of a head: the part without positions, the rotary part, the value.
    query_rank : int
        Rank of the queries, 0 where they come straight from the model width.

    References
    ----------
    DeepSeek-AI 2024, arXiv:2405.04434.

    Examples
    --------
    >>> import isoflop as iso
    >>> mla = iso.Latent(kv_rank=512, nope_size=128, rope_size=64, value_size=128, query_rank=1536)
    >>> deep = iso.Architecture(layers=60, width=5120, heads=128, mlp_width=12288, vocab=102400, mla=mla)
    >>> deep.n_params
    21327467520
    """

    kv_rank: int
    nope_size: int
    rope_size: int
    value_size: int
    query_rank: int = 0

    def __post_init__(self) -> None:
        for item in fields(self):
            whole(item.name, getattr(self, item.name), least=0 if item.name == "query_rank" else 1)


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A decoder-only transformer: dense or with experts, any grouping of heads.

    Parameters
    ----------
    layers, width, heads, vocab : int
        Blocks, model width, query heads, rows of the embedding (as stored, padding included).
    kv_heads, head_size, mlp_width : int, optional
        Key and value heads (as many as `heads`), size of a head (`width / heads`), inner width of the MLP (4 times
        `width` without a gate; a gated MLP has no default).
    mlp : {"swiglu", "geglu", "gelu", "relu", "relu2"}
        Activation; the first two are gated and have three matrices.
    tied : bool
        Whether the output layer is the embedding.
    norm : {"rms", "layer", "none"}
        A scale; a scale and a bias; no parameters.
    norms_per_layer, outer_norms : int
        Norms of the model width in a block, and outside of the blocks.
    qk_norm : {"none", "head", "full"}
        Norms of queries and keys: over a head, or over all heads.
    qkv_bias, attention_out_bias, mlp_bias, output_bias : bool
        Which matrices have biases.
    positions : int
        Rows of a learned position table; 0 for rotary positions or ALiBi.
    sinks : bool
        One learned attention sink per query head.
    window, windowed_layers : int
        Span of sliding-window attention in tokens, and how many layers use it.
    experts, experts_per_token, expert_width, shared_width : int
        Routed experts of a layer, those that a token uses, inner width of one, inner width of all shared ones together.
    dense_layers : int
        Leading layers with a plain MLP in a model with experts.
    shared_gate, router_bias : bool
        Whether the shared path has a gate, and the router a bias per expert.
    mla : Latent, optional
        Low-rank attention.
    mtp : int
        Multi-token prediction modules: each one more block, a mixing matrix and a use of the output layer.
    max_seq_len : int
        Sequence length that the model was made for; 0 where it is not known.
    name : str
        For messages and tables.

    Attributes
    ----------
    n_params, n_active_params, n_non_embedding : int
        All parameters; those that a token uses (both embeddings and the router count); all without embedding, position
        table and a separate output layer. Exact.

    Raises
    ------
    DataError
        A size is missing, not positive, or does not divide.

    Examples
    --------
    >>> import isoflop as iso
    >>> llama = iso.Architecture(layers=32, width=4096, heads=32, kv_heads=8, mlp_width=14336, vocab=128256)
    >>> llama.n_params
    8030261248
    >>> f"{llama.flops_per_token(8192):.4g}"
    '5.147e+10'
    """

    layers: int
    width: int
    heads: int
    vocab: int
    kv_heads: int = 0
    head_size: int = 0
    mlp_width: int = 0
    mlp: Literal["swiglu", "geglu", "gelu", "relu", "relu2"] = "swiglu"
    tied: bool = False
    norm: Literal["rms", "layer", "none"] = "rms"
    norms_per_layer: int = 2
    outer_norms: int = 1
    qk_norm: Literal["none", "head", "full"] = "none"
    qkv_bias: bool = False
    attention_out_bias: bool = False
    mlp_bias: bool = False
    output_bias: bool = False
    positions: int = 0
    sinks: bool = False
    window: int = 0
    windowed_layers: int = 0
    experts: int = 0
    experts_per_token: int = 0
    expert_width: int = 0
    shared_width: int = 0
    dense_layers: int = 0
    shared_gate: bool = False
    router_bias: bool = False
    mla: Latent | None = None
    mtp: int = 0
    max_seq_len: int = 0
    name: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        for item in fields(self):
            if item.type == "int":
                positive = item.name in ("layers", "width", "heads", "vocab")
                object.__setattr__(self, item.name, whole(item.name, getattr(self, item.name), least=int(positive)))
        for name, known in (("mlp", MATRICES), ("norm", NORM_VECTORS), ("qk_norm", ("none", "head", "full"))):
            if getattr(self, name) not in known:
                raise DataError(f"{name} is {getattr(self, name)!r}, expected one of {listed(known)}")
        self._fill_in()
        _engine.count_parameters(self.sizes)  # refuses what does not fit together

    def _fill_in(self) -> None:
        """Put derived defaults in place of the zeros."""
        if not self.kv_heads:
            object.__setattr__(self, "kv_heads", self.heads)
        if not self.head_size and self.mla is None:
            if self.width % self.heads:
                hint = "pass head_size= where heads and model width are independent"
                text = f"width is {self.width}, expected a multiple of heads ({self.heads})"
                raise DataError(compose(text, hint))
            object.__setattr__(self, "head_size", self.width // self.heads)
        elif not self.head_size and self.mla is not None:
            object.__setattr__(self, "head_size", self.mla.value_size)
        if not self.mlp_width and self.dense_count:
            if MATRICES[self.mlp] == 3:
                hint = "pass mlp_width=; a gated MLP is often 8/3 of the width, rounded up"
                raise DataError(compose(f"mlp_width is missing for a {self.mlp} MLP", hint))
            object.__setattr__(self, "mlp_width", 4 * self.width)
        if self.experts and not self.expert_width:
            raise DataError("expert_width is missing for a model with experts")
        if self.windowed_layers and not self.window:
            raise DataError(f"window is missing for {self.windowed_layers} layers with windowed attention")

    @property
    def dense_count(self) -> int:
        """Layers with a plain MLP."""
        return self.dense_layers if self.experts else self.layers

    @cached_property
    def sizes(self) -> dict[str, Any]:
        """The numbers that the core counts from."""
        mla = self.mla or Latent(kv_rank=1, nope_size=1, rope_size=1, value_size=1)
        heads = {"none": 0, "head": 2 * self.head_size, "full": (self.heads + self.kv_heads) * self.head_size}
        out = {f.name: getattr(self, f.name) for f in fields(self) if f.type in ("int", "bool")}
        return out | {
            "mlp_matrices": MATRICES[self.mlp],
            "norm_vectors": NORM_VECTORS[self.norm],
            "qk_norm": heads[self.qk_norm],
            "mla_query_rank": mla.query_rank,
            "mla_kv_rank": mla.kv_rank if self.mla else 0,
            "mla_nope_size": mla.nope_size,
            "mla_rope_size": mla.rope_size,
            "mla_value_size": mla.value_size,
        }

    @classmethod
    def from_hf(cls, config: str | PathLike[str] | dict[str, Any]) -> Architecture:
        """Read a Hugging Face `config.json`.

        Parameters
        ----------
        config : path or dict
            The file, the folder that holds it, or its content.

        Returns
        -------
        Architecture

        Raises
        ------
        DataError
            The family is not known, a size is missing, or a switch has a value that would change the counts.

        Notes
        -----
        Families: gpt2, llama, mistral, mixtral, qwen2, qwen2_moe, qwen3, qwen3_moe, gemma, gemma2, gemma3_text,
        deepseek_v2, deepseek_v3, gpt_oss, olmo, olmo2, olmoe, falcon, mpt, opt, bloom, phi, phi3.

        Examples
        --------
        >>> import isoflop as iso
        >>> config = {"model_type": "gpt2", "vocab_size": 50257, "n_embd": 768, "n_layer": 12, "n_head": 12,
        ...           "n_positions": 1024}
        >>> iso.Architecture.from_hf(config).n_params
        124439808
        """
        from ._hf import read

        return read(config)

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """Exact counts by part, for a block of each kind and for the model."""
        return _engine.count_parameters(self.sizes)

    @property
    def n_params(self) -> int:
        """All parameters."""
        return int(self.parameters["total"])

    @property
    def n_active_params(self) -> int:
        """Parameters that a token uses."""
        return int(self.parameters["active"])

    @property
    def n_non_embedding(self) -> int:
        """All parameters without embedding, position table and separate output layer."""
        return int(self.parameters["non_embedding"])

    def flops_per_token(
        self,
        seq_len: int,
        *,
        convention: str = "exact",
        passes: Pass = "train",
        recompute: Recompute = "none",
    ) -> float:
        """Return FLOPs per token by a named convention.

        Parameters
        ----------
        seq_len : int
            Sequence length in tokens.
        convention : str
            `exact` (causal attention, no embedding look-up), or one of `iso.flops_conventions()`.
        passes : {"train", "forward", "backward"}
            Both passes, or one of them.
        recompute : {"none", "selective", "full"}
            Work of the forward pass that is done again; counted by the conventions that add up matrix products.

        Returns
        -------
        float
            FLOPs per token; one multiply-add is two.

        Examples
        --------
        >>> import isoflop as iso
        >>> gpt2 = iso.Architecture(layers=12, width=768, heads=12, vocab=50257, mlp="gelu", norm="layer", tied=True,
        ...     positions=1024, qkv_bias=True, attention_out_bias=True, mlp_bias=True)
        >>> f"{gpt2.flops_per_token(1024, convention='palm'):,.0f}"
        '859,885,056'
        """
        whole("seq_len", seq_len, least=1)
        return _engine.flops_per_token(self.sizes, int(seq_len), convention, passes, recompute)

    def forward_flops(self, seq_len: int) -> dict[str, float]:
        """Return the forward FLOPs of a token by part (causal attention)."""
        return _engine.forward_flops(self.sizes, whole("seq_len", seq_len, least=1))

    def kv_bytes_per_token(self, element_bytes: float = 2.0) -> float:
        """Return the bytes that one token takes in the key-value cache.

        Parameters
        ----------
        element_bytes : float
            Bytes of a number: 2 for 16 bit, 1 for fp8.

        Returns
        -------
        float
            Bytes over all layers; windowed layers count until their window is full.

        Examples
        --------
        >>> import isoflop as iso
        >>> llama = iso.Architecture(layers=32, width=4096, heads=32, kv_heads=8, mlp_width=14336, vocab=128256)
        >>> llama.kv_bytes_per_token()
        131072.0
        """
        if self.mla is not None:
            return self.layers * (self.mla.kv_rank + self.mla.rope_size) * element_bytes
        return 2.0 * self.layers * self.kv_heads * self.head_size * element_bytes

    def summary(self) -> str:
        """Return sizes and counts as text."""
        moe = f"{self.experts} experts, {self.experts_per_token} used, width {self.expert_width:,}"
        attention = f"MLA, rank {self.mla.kv_rank}" if self.mla else f"{self.kv_heads} key-value heads"
        return facts(
            [
                ("model", self.name),
                ("layers", f"{self.layers} of width {self.width:,}"),
                ("heads", f"{self.heads} of size {self.head_size}, {attention}"),
                ("MLP", f"{self.mlp}, width {self.mlp_width:,}" if self.dense_count else ""),
                ("mixture", moe if self.experts else ""),
                ("vocabulary", f"{self.vocab:,}{', tied' if self.tied else ''}"),
                ("parameters", f"{self.n_params:,}"),
                ("in use", f"{self.n_active_params:,}" if self.experts else ""),
                ("without embedding", f"{self.n_non_embedding:,}"),
            ]
        )

    def __repr__(self) -> str:
        title = self.name or "Architecture"
        return f"<{title}: {self.layers} × {self.width}, {self.n_params:,} parameters>"


def whole(name: str, value: Any, *, least: int = 1) -> int:
    """Return a whole number, or say what is wrong with it.

    Examples
    --------
    >>> whole("layers", 12)
    12
    """
    try:
        exact = not isinstance(value, bool) and int(value) == value
    except (TypeError, ValueError, OverflowError):
        exact = False
    if not exact or value < least:
        raise DataError(f"{name} is {value!r}, expected a whole number of at least {least}")
    return int(value)


def flops_conventions() -> tuple[str, ...]:
    """Return the names of the FLOP conventions.

    Examples
    --------
    >>> "palm" in flops_conventions()
    True
    """
    return _engine.CONVENTIONS
