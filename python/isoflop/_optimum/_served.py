"""What serving adds to the cost of a model: tokens of a lifetime, at 2 FLOP per parameter or a price of one's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .._cost_curve import CostCurve
from .._engine import Floats, floats
from .._errors import DataError, compose
from ._formulas import check_cost, value_of


def served(cost: Any, size: str, known: Iterable[str], lifetime_tokens: Any, inference: Any) -> Any:
    """Return what serving costs: a formula, or a value per size of a cost curve; empty for nothing."""
    if lifetime_tokens is None:
        if inference is not None:
            raise DataError(compose("inference has a price but no tokens", "pass lifetime_tokens=..."))
        return ""
    try:
        tokens = float(lifetime_tokens)
    except (TypeError, ValueError):
        tokens = -1.0
    if not 0 <= tokens < float("inf"):
        raise DataError(f"lifetime_tokens is {lifetime_tokens!r}, expected a number of 0 or more")
    if isinstance(cost, CostCurve):
        return _by_table(cost, tokens, inference)
    if isinstance(inference, CostCurve):
        raise DataError(compose("inference is a table and the cost a formula", "give both as formulas or as tables"))
    price = f"2*{size}" if inference is None else inference
    check_cost(price, known)
    return f"{tokens!r} * ({price})" if tokens > 0 else ""


def _by_table(cost: CostCurve, tokens: float, inference: Any) -> Floats:
    if isinstance(inference, CostCurve):
        if inference.unit != cost.unit:
            raise DataError(f"inference is in {inference.unit}, expected {cost.unit} as the cost of training")
        ok = cost.can_run
        price = np.zeros(len(cost.N))
        price[ok] = inference(cost.N[ok], 1.0)
        return floats(tokens * price)
    if inference is None and cost.unit == "FLOP":
        return floats(tokens * 2.0 * cost.N)
    if isinstance(inference, str):
        check_cost(inference, ["N"])
        return floats(tokens * value_of(inference, {"N": cost.N}, "inference"))
    raise DataError(
        compose(
            f"the price of an inference token in {cost.unit} is not known",
            "pass inference=, a formula over N or an iso.CostCurve in the same unit",
        )
    )
