"""How the numbers of a plan are written: counts with a letter, money, intervals, an architecture on one line."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from .._architecture import Architecture
from .._optimum import Optimum
from .._repr import count, number
from ._choice import Choice


def described(arch: Architecture) -> str:
    """Return an architecture on one line."""
    heads = f"{arch.heads} heads" + (f" ({arch.kv_heads} for keys)" if arch.kv_heads != arch.heads else "")
    moe = f"{arch.experts} experts of {arch.expert_width:,}, {arch.experts_per_token} used"
    inner = moe if arch.experts else f"inner width {arch.mlp_width:,}"
    return f"{arch.name}: {arch.layers} layers of {arch.width:,}, {heads}, {inner}"


def money(value: float) -> str:
    """Return dollars to three digits, with commas.

    Examples
    --------
    >>> money(1234567.0), money(12.345)
    ('1,230,000', '12.3')
    """
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if rounded >= 100 else f"{rounded:g}"


def best_ends(best: Optimum, name: str) -> str:
    """Return the interval of an optimum's quantity in words; empty where there is none."""
    low, high = best.interval(name)
    shown = (number(low, 3), number(high, 3)) if name == "tokens_per_param" else (count(low), count(high))
    return f"  (optimum {shown[0]} to {shown[1]})" if np.isfinite(low) and np.isfinite(high) else ""


def span(ends: tuple[float, float]) -> str:
    """Return an interval to three digits."""
    return f"  ({number(ends[0], 3)} to {number(ends[1], 3)})"


def one_run(one: Choice) -> str:
    """Return the band of the run itself in words; empty where there is none."""
    ends = band(one.low, one.high, "")
    return f", one run {ends[1:-1]}" if ends else ""


def band(low: float, high: float, lead: str = "  ") -> str:
    """Return a band of losses; empty where there is none."""
    return f"{lead}({low:.4f} to {high:.4f})" if np.isfinite(low) and np.isfinite(high) else ""


def shape(arch: Architecture) -> dict[str, Any]:
    """Return an architecture as `iso.Architecture` takes it, without what is at its default."""
    out: dict[str, Any] = {"n_params": arch.n_params, "n_active_params": arch.n_active_params}
    for item in fields(arch):
        value = getattr(arch, item.name)
        if value != item.default:
            out[item.name] = {f.name: getattr(value, f.name) for f in fields(value)} if is_dataclass(value) else value
    return out
