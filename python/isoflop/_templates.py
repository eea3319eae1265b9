"""`template`: an architecture of about a given size, in the shape of a family.

A family is one published model; its other sizes are that model made narrower or wider, with the habits that published
ladders share. What a shape costs belongs to `_cost`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ._architecture import Architecture, Latent
from ._counts import transformer_params
from ._errors import DataError, compose, listed, nearest
from ._given import scalar
from ._repr import count as count_text

Count = Literal["total", "non_embedding", "active"]
Whole = NDArray[np.int64]
#: One published model per family.
FAMILIES: Mapping[str, Architecture] = {
    "llama": Architecture(
        layers=32, width=4096, heads=32, kv_heads=8, mlp_width=14336, vocab=128256, max_seq_len=8192, name="llama"
    ),  # Llama 3 8B, arXiv:2407.21783, table 3
    "llama2": Architecture(
        layers=32, width=4096, heads=32, mlp_width=11008, vocab=32000, max_seq_len=4096, name="llama2"
    ),  # LLaMA and Llama 2 7B, arXiv:2302.13971, table 2
    "qwen": Architecture(
        layers=36, width=4096, heads=32, kv_heads=8, mlp_width=12288, vocab=151936, qk_norm="head", max_seq_len=32768,
        name="qwen",
    ),  # Qwen3 8B, arXiv:2505.09388, table 1
    "gpt": Architecture(
        layers=32, width=4096, heads=32, vocab=50257, mlp="gelu", norm="layer", tied=True, positions=2048,
        outer_norms=1, qkv_bias=True, attention_out_bias=True, mlp_bias=True, max_seq_len=2048, name="gpt",
    ),  # GPT-3 6.7B, arXiv:2005.14165, table 2.1
    "mixtral": Architecture(
        layers=32, width=4096, heads=32, kv_heads=8, vocab=32000, experts=8, experts_per_token=2, expert_width=14336,
        max_seq_len=32768, name="mixtral",
    ),  # Mixtral 8x7B, arXiv:2401.04088, table 1
    "deepseek": Architecture(
        layers=61, width=7168, heads=128, mlp_width=18432, vocab=129280, experts=256, experts_per_token=8,
        expert_width=2048, shared_width=2048, dense_layers=3, router_bias=True, max_seq_len=4096, name="deepseek",
        mla=Latent(kv_rank=512, query_rank=1536, nope_size=128, rope_size=64, value_size=128),
    ),  # DeepSeek-V3 without its MTP module, arXiv:2412.19437, section 4.2
}  # fmt: skip

#: Heads of a sensible model: 8, 10, 12 or 14 times a power of two, so that they divide over devices.
HEADS = tuple(m << k for k in range(6) for m in (8, 10, 12, 14))
#: Standard deviations that a shape is weighed by, of the logarithms of: parameters, width over layers, inner widths.
SPREAD = {"size": 0.01, "aspect": 0.25, "inner": 0.05}
#: Inner widths that are tried, as factors of the family's.
INNER = tuple(np.exp(np.linspace(-0.1, 0.1, 9)).tolist())
#: Layers that are tried have a width over layers at most this factor from the family's. They are even, and multiples
#: of four from 32 on, so that pipelines divide them.
REACH = 2.5
#: Both embeddings are one where two would be more than this share of the parameters (Llama 3.2 3B, Qwen3 4B are tied,
#: Llama 3 8B and Qwen3 8B are not).
TIED_ABOVE = 1 / 6
#: A template farther than this from the size that was asked for is an error.
FARTHEST = 0.1


def template(N: float, family: str | Architecture = "llama", *, count: Count = "total") -> Architecture:
    """Return an architecture of about a given size, in the shape of a family.

    Parameters
    ----------
    N : float
        Parameters.
    family : str or Architecture
        llama (Llama 3), llama2, qwen (Qwen3), gpt (GPT-3), mixtral, deepseek (DeepSeek-V3); or a model of your own, of
        which narrower and wider ones are made.
    count : {"total", "non_embedding", "active"}
        What `N` counts, as in the runs that it comes from; "active" are those that a token uses.

    Returns
    -------
    Architecture
        Its `n_params` is exact, and usually within 1 % of `N`.

    Raises
    ------
    DataError
        The family is not known, or has no member within 10 % of the size.

    Notes
    -----
    Heads are 8, 10, 12 or 14 times a power of two; a head has the family's size, half of it in models narrower than
    eight heads. Key and value heads are at most the family's. Layers are even, and multiples of four from 32 on. Inner
    widths are the family's share of the width, to 10 %, in steps of 256 (128 for experts and narrow models). Width over
    layers is that of the family for its width and above, and falls with the root of the width below, as in the ladders
    of GPT-3 and Qwen3. Among all such shapes the one with the smallest sum of squares of ln(size) / 0.01, ln(width over
    layers) / 0.25 and ln(inner width) / 0.05 is taken, each against what is wanted. Two embeddings are made one where
    they would exceed a sixth of the model.

    Examples
    --------
    >>> import isoflop as iso
    >>> iso.template(70e9)
    <llama 70.6B: 80 × 8192, 70,553,706,496 parameters>
    >>> small = iso.template(400e6, "qwen")
    >>> small.tied, small.heads, small.kv_heads
    (True, 8, 8)
    """
    anchor = _anchor(family)
    expected = "a positive number of parameters"
    if not 0 < scalar("N", N, expected) < np.inf:
        raise DataError(f"N is {N!r}, expected {expected}")
    shapes = _shapes(anchor)
    sizes = _sizes(shapes, count)
    off = np.log(sizes / N)
    best = int(np.argmin((off / SPREAD["size"]) ** 2 + shapes.strangeness))
    if abs(np.expm1(off[best])) > FARTHEST:
        name = anchor.name or "this model"
        text = f"the {name} family has no model of {N:.3g} parameters ({count}), the nearest has {sizes[best]:.3g}"
        raise DataError(compose(text, f"its sizes go from {sizes.min():.3g} to {sizes.max():.3g}"))
    return _named(replace(anchor, **shapes.fields(best)), anchor.name or "model")


def size_range(family: str | Architecture, count: Count = "total") -> tuple[float, float]:
    """Return the smallest and the largest size of a family.

    Examples
    --------
    >>> low, high = size_range("llama")
    >>> low < 1e8 < 1e12 < high
    True
    """
    sizes = _sizes(_shapes(_anchor(family)), count)
    return float(sizes.min()), float(sizes.max())


def _sizes(shapes: _Shapes, count: Count) -> Any:
    if count not in ("total", "non_embedding", "active"):
        raise DataError(f"count is {count!r}, expected 'total', 'non_embedding' or 'active'")
    return getattr(shapes, count)


def _anchor(family: str | Architecture) -> Architecture:
    if isinstance(family, Architecture):
        return family
    if family not in FAMILIES:
        close = nearest(str(family), FAMILIES)
        hint = f"did you mean {close[0]!r}?" if close else "a model of your own works, too"
        raise DataError(compose(f"unknown family {family!r}, expected one of {listed(FAMILIES)}", hint))
    return FAMILIES[family]


def _named(arch: Architecture, family: str) -> Architecture:
    return replace(arch, name=f"{family} {count_text(arch.n_params)}")


@dataclass(frozen=True, eq=False)
class _Shapes:
    """All shapes of a family: what varies, what that counts to, and how unusual each is."""

    varied: dict[str, Whole]
    tied: NDArray[np.bool_]
    total: Whole
    active: Whole
    non_embedding: Whole
    strangeness: NDArray[np.float64]

    def fields(self, i: int) -> dict[str, Any]:
        """Return what `Architecture` takes, of one shape."""
        return {name: int(values[i]) for name, values in self.varied.items()} | {"tied": bool(self.tied[i])}


@lru_cache(maxsize=16)
def _shapes(anchor: Architecture) -> _Shapes:
    """Return every shape of a family."""
    parts = [_of_width(anchor, *head) for head in _heads(anchor)]
    varied = {name: np.concatenate([part[0][name] for part in parts]) for name in parts[0][0]}
    strangeness = np.concatenate([part[1] for part in parts])
    base = {f.name: getattr(anchor, f.name) for f in fields(anchor) if f.name not in varied}
    counts = transformer_params(**{**base, **varied})
    output = varied["width"] * anchor.vocab
    tied = (2 * output > TIED_ABOVE * counts["total"]) | anchor.tied
    saved = np.where(tied & (not anchor.tied), output, 0)
    total, active = counts["total"] - saved, counts["active"] - saved
    return _Shapes(varied, tied, total, active, counts["non_embedding"], strangeness)


def _heads(anchor: Architecture) -> list[tuple[int, int, int]]:
    """Return (width, heads, size of a head) of every width: heads keep their share of the width."""
    share = anchor.heads * anchor.head_size / anchor.width
    out = []
    for size in (anchor.head_size // 2, anchor.head_size):
        for heads in HEADS:
            width = heads * size / share
            narrow = heads * size < 8 * anchor.head_size
            if width == int(width) and int(width) % 128 == 0 and narrow == (size < anchor.head_size):
                out.append((int(width), heads, size))
    return out


def _of_width(
    anchor: Architecture, width: int, heads: int, head_size: int
) -> tuple[dict[str, Whole], NDArray[np.float64]]:
    """Return the shapes of one width, and how unusual each is."""
    wanted = anchor.width / anchor.layers * min(1.0, (width / anchor.width) ** 0.5)
    few, many = (width / wanted * factor for factor in (1 / REACH, REACH))
    depths = [n for n in (*range(2, 32, 2), *range(32, 513, 4)) if few <= n <= many]
    layers, inner = (x.ravel() for x in np.meshgrid(depths, INNER, indexing="ij"))
    scale = width / anchor.width * inner
    varied = {
        "layers": layers.astype(np.int64),
        "width": np.full(layers.size, width, dtype=np.int64),
        "heads": np.full(layers.size, heads, dtype=np.int64),
        "kv_heads": np.full(layers.size, _kv_heads(anchor, heads), dtype=np.int64),
    }
    if anchor.mla is None:
        varied["head_size"] = np.full(layers.size, head_size, dtype=np.int64)
    step = 256 if width >= 2048 else 128
    for name, unit in (("mlp_width", step), ("expert_width", 128), ("shared_width", 128)):
        if getattr(anchor, name):
            varied[name] = np.maximum(np.ceil(np.round(getattr(anchor, name) * scale / unit, 6)), 1).astype(np.int64)
            varied[name] *= unit
    if anchor.dense_layers:
        varied["dense_layers"] = np.minimum(anchor.dense_layers, layers - 1).astype(np.int64)
    aspect = np.log(width / layers / wanted)
    return varied, (aspect / SPREAD["aspect"]) ** 2 + (np.log(inner) / SPREAD["inner"]) ** 2


def _kv_heads(anchor: Architecture, heads: int) -> int:
    """Return key and value heads: as many as heads where the family has that, else a power of two, at most its own."""
    if anchor.kv_heads == anchor.heads:
        return heads
    return min(anchor.kv_heads, heads & -heads)
