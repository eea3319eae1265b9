"""Formulas of costs and held values: the names they may use, and their values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .._cost_curve import CostCurve
from .._engine import Floats, floats
from .._errors import DataError, LawError, compose, listed, nearest
from .._formula import evaluate, names_in


def value_of(text: str, known: Mapping[str, Any], what: str) -> Floats:
    """Return a formula's value at known variables, which broadcast.

    Examples
    --------
    >>> value_of("6*N*D", {"N": np.array([1.0, 2.0]), "D": 3.0}, "cost")
    array([18., 36.])
    """
    used = {name: known[name] for name in names_in(text, what)}
    shape = np.broadcast_shapes(*(np.shape(x) for x in used.values())) if used else ()
    flat = {k: np.ravel(np.broadcast_to(v, shape)) for k, v in used.items()}
    return floats(evaluate(text, flat, what)).reshape(shape)


def check_cost(cost: Any, known: Iterable[str]) -> None:
    """Refuse what is neither a cost curve nor a formula over known names."""
    if isinstance(cost, CostCurve):
        return
    if not isinstance(cost, str):
        raise DataError(f"cost is a {type(cost).__name__}, expected a formula or an iso.CostCurve")
    require_known(names_in(cost, "cost"), known, "the cost")


def require_known(names: Sequence[str], known: Iterable[str], what: str) -> None:
    """Refuse names that nothing stands for."""
    for name in names:
        if name not in known:
            close = nearest(name, known)
            hint = f"did you mean {listed(close)}?" if close else f"give it a value: held={{{name!r}: ...}}"
            raise LawError(compose(f"{what} uses {name!r}, which has no value", hint))
