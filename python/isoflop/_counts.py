"""Counts over arrays of architectures: parameters and FLOPs of millions of candidates at once.

One architecture is `Architecture`; here its sizes may be arrays, which broadcast.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _engine
from ._architecture import Architecture, Pass, Recompute
from ._errors import DataError, compose, listed

#: Sizes that may be arrays.
VARYING = (
    "layers", "width", "heads", "kv_heads", "head_size", "mlp_width", "vocab", "positions",
    "experts", "experts_per_token", "expert_width", "shared_width", "dense_layers",
)  # fmt: skip


def transformer_params(**sizes: Any) -> dict[str, NDArray[np.int64]]:
    """Count the parameters of many architectures.

    Parameters
    ----------
    **sizes
        What `Architecture` takes; layers, width, heads, kv_heads, head_size, mlp_width, vocab, positions and the sizes
        of experts may be arrays of whole numbers, which broadcast.

    Returns
    -------
    dict of int64 arrays
        `total`, `active` and `non_embedding`, in the broadcast shape; exact.

    Raises
    ------
    DataError
        A size is missing, not a whole number, does not divide, or the count leaves 63 bits; the row is named.

    Examples
    --------
    >>> import isoflop as iso
    >>> counts = iso.transformer_params(layers=[12, 24], width=[768, 1024], heads=[12, 16], vocab=50257, mlp="gelu",
    ...     norm="layer", tied=True, positions=1024, qkv_bias=True, attention_out_bias=True, mlp_bias=True)
    >>> counts["total"].tolist()
    [124439808, 354823168]
    """
    return _count(sizes, PARAMETERS, 1, None)


def transformer_flops(
    *,
    seq_len: Any,
    convention: str = "exact",
    passes: Pass = "train",
    recompute: Recompute = "none",
    **sizes: Any,
) -> NDArray[np.float64]:
    """Return the FLOPs per token of many architectures.

    Parameters
    ----------
    seq_len : int or array
        Sequence length in tokens.
    convention, passes, recompute
        As in `Architecture.flops_per_token`.
    **sizes
        As in `transformer_params`.

    Returns
    -------
    float64 array
        FLOPs per token, in the broadcast shape.

    Examples
    --------
    >>> import isoflop as iso
    >>> flops = iso.transformer_flops(layers=[32, 80], width=[4096, 8192], heads=[32, 64], kv_heads=8,
    ...     mlp_width=[14336, 28672], vocab=128256, seq_len=8192)
    >>> [f"{x:.3e}" for x in flops]
    ['5.147e+10', '4.492e+11']
    """
    flops: NDArray[np.float64] = _count(sizes, ("flops",), seq_len, (convention, passes, recompute))["flops"]
    return flops


def transformer_counts(
    *,
    seq_len: Any,
    convention: str = "exact",
    passes: Pass = "train",
    recompute: Recompute = "none",
    **sizes: Any,
) -> dict[str, NDArray[Any]]:
    """Count parameters and FLOPs of many architectures in one pass: what a sweep over shapes needs.

    Parameters
    ----------
    seq_len, convention, passes, recompute
        As in `transformer_flops`.
    **sizes
        As in `transformer_params`.

    Returns
    -------
    dict of arrays
        `total`, `active` and `non_embedding` parameters (int64, exact), and `flops` per token (float64).

    Raises
    ------
    DataError
        As in `transformer_params`.

    Examples
    --------
    >>> import isoflop as iso
    >>> llama = iso.transformer_counts(layers=[32, 80], width=[4096, 8192], heads=[32, 64], kv_heads=8,
    ...     mlp_width=[14336, 28672], vocab=128256, seq_len=8192)
    >>> llama["total"].tolist(), [f"{x:.3e}" for x in llama["flops"]]
    ([8030261248, 70553706496], ['5.147e+10', '4.492e+11'])
    """
    return _count(sizes, (*PARAMETERS, "flops"), seq_len, (convention, passes, recompute))


#: Names of the counts of parameters, in the core's order; FLOPs come after them.
PARAMETERS = ("total", "active", "non_embedding")


def _count(
    sizes: dict[str, Any], wanted: tuple[str, ...], seq_len: Any, how: tuple[str, str, str] | None
) -> dict[str, NDArray[Any]]:
    """Count block by block into arrays of the broadcast shape."""
    base, columns, follow, shape = _split({**sizes, "seq_len": seq_len} if how else sizes)
    first = int(np.ravel(np.asarray(seq_len))[0]) if np.size(seq_len) else 1
    out = {name: np.empty(int(np.prod(shape)), float if name == "flops" else np.int64) for name in wanted}
    for block, part in _blocks(columns, int(np.prod(shape))):
        counts = _engine.batch_counts(base.sizes, part, follow, block, first, "total" in out, how)
        for name, values in zip((*PARAMETERS, "flops"), counts, strict=True):
            if name in out:
                out[name][block] = values
    return {name: column.reshape(shape) for name, column in out.items()}


#: Rows that cross to the core at once: few enough to stay in the cache, and for an interrupt to be quick.
BLOCK = 8192


def _blocks(columns: dict[str, NDArray[np.int64]], n: int) -> Iterator[tuple[slice, dict[str, NDArray[np.int64]]]]:
    """Yield slices of the rows, and the columns there."""
    for start in range(0, n, BLOCK):
        block = slice(start, min(start + BLOCK, n))
        yield block, {name: values[block] for name, values in columns.items()}


def _split(sizes: dict[str, Any]) -> tuple[Architecture, dict[str, NDArray[np.int64]], list[str], tuple[int, ...]]:
    """Separate what varies: the first row, the columns, what follows them, the broadcast shape."""
    may_vary = (*VARYING, "seq_len")
    many = {name: _whole(name, value) for name, value in sizes.items() if np.ndim(value) and name in may_vary}
    odd = [name for name, value in sizes.items() if np.ndim(value) and name not in may_vary]
    if odd:
        raise DataError(compose(f"{listed(odd)} cannot be an array", f"these can: {listed(may_vary, limit=20)}"))
    try:
        shape = np.broadcast_shapes(*(value.shape for value in many.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {value.shape}" for name, value in many.items())
        raise DataError(f"sizes do not broadcast: {shapes}") from None
    if 0 in shape:
        raise DataError("the columns have no rows")
    columns = {n: _engine.integers(np.broadcast_to(v, shape).ravel()) for n, v in many.items()}
    fixed = {name: value for name, value in sizes.items() if name not in columns}
    base = Architecture(
        **{k: v for k, v in (fixed | {n: int(c[0]) for n, c in columns.items()}).items() if k != "seq_len"}
    )
    follow = _follow(base, sizes, columns)
    if "seq_len" in columns and columns["seq_len"].min() < 1:
        raise DataError(f"seq_len is {columns['seq_len'].min()}, expected a positive count")
    return base, columns, follow, shape


def _follow(base: Architecture, sizes: dict[str, Any], columns: dict[str, NDArray[np.int64]]) -> list[str]:
    """Name the sizes that were not given and follow those that vary, as they do in `Architecture`."""
    missing = [name for name in ("kv_heads", "head_size", "mlp_width") if not np.any(sizes.get(name, 0))]
    moved = {"kv_heads": {"heads"}, "head_size": {"heads", "width"}, "mlp_width": {"width"}}
    out = [name for name in missing if moved[name] & set(columns)]
    if base.mla is not None and "head_size" in out:
        out.remove("head_size")
    if not base.dense_count and "mlp_width" in out:
        out.remove("mlp_width")
    return out


def _whole(name: str, value: Any) -> NDArray[np.int64]:
    array = np.asarray(value)
    if array.dtype.kind in "iu":
        return array.astype(np.int64, copy=False)
    if array.dtype.kind == "f" and np.all(array == np.rint(array)):
        return array.astype(np.int64)
    raise DataError(f"{name} has type {array.dtype}, expected whole numbers")


def convert_mfu(
    value: float,
    arch: Architecture,
    seq_len: int,
    *,
    given: str,
    wanted: str = "exact",
    given_recompute: Recompute = "none",
    wanted_recompute: Recompute = "none",
) -> float:
    """Convert an MFU or a TFLOP/s from one FLOP convention to another.

    Parameters
    ----------
    value : float
        What was published; the unit does not matter, and stays.
    arch : Architecture
        The model.
    seq_len : int
        Sequence length in tokens.
    given, wanted : str
        Conventions of `Architecture.flops_per_token`.
    given_recompute, wanted_recompute : {"none", "selective", "full"}
        Recomputed work that is counted (an HFU counts it).

    Returns
    -------
    float
        The same throughput in the wanted convention.

    Examples
    --------
    >>> import isoflop as iso
    >>> gpt3 = iso.Architecture(layers=96, width=12288, heads=96, vocab=51200, mlp="gelu", tied=True)
    >>> f"{iso.convert_mfu(0.45, gpt3, 2048, given='megatron', given_recompute='full', wanted='megatron'):.3f}"
    '0.338'
    """
    before = arch.flops_per_token(seq_len, convention=given, recompute=given_recompute)
    return value * arch.flops_per_token(seq_len, convention=wanted, recompute=wanted_recompute) / before
