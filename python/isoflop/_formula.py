"""Formulas as text: the names that one uses, errors that point into it, values over named arrays.

What a law is stands in `_law`; the compiler itself is in the core.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import _engine
from ._errors import LawError, compose, listed

#: Functions of formulas, as the core knows them.
FUNCTIONS = (
    "exp, log, log10, log1p, expm1, sqrt, abs, min, max, sin, cos, atan, logistic, softplus, logsumexp, "
    "implicit_m4, lr_sum, anneal, multi_power"
)


def placed(error: LawError, text: str) -> LawError:
    """Return the core's error with the formula in it; the core counts bytes, people count characters."""
    if error.position is None or error.text is not None:
        return error
    at = len(text.encode()[: error.position].decode(errors="ignore"))
    hint = f"known are {FUNCTIONS}" if error.message.startswith("unknown function") else None
    return LawError(compose(error.message, hint), at, text)


def names_in(text: str, what: str, schedules: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names that a formula uses, but for `schedules`; `what` says whose formula it is in errors."""
    try:
        return tuple(_engine.law_info({**plain_spec(text, ()), "schedules": list(schedules)})["parameters"])
    except LawError as error:
        shown = placed(error, text)
        raise LawError(f"{what}: {shown.message}", shown.position, text) from None


#: Stands for a parameter that is exactly 0 where a formula takes its logarithm or a power.
_NEXT_TO_ZERO = 1e-300


def evaluate(text: str, values: Mapping[str, Any], what: str = "derived") -> np.ndarray:
    """Evaluate a formula over named parameters, one array entry per draw.

    Parameters
    ----------
    text : str
        Formula over names of `values`; levels are written as they are named, ``E[a]``.
    values : mapping of str to array
        Equally long arrays per parameter.

    Examples
    --------
    >>> evaluate("beta / (alpha + beta)", {"alpha": np.array([0.3]), "beta": np.array([0.1])})
    array([0.25])
    """
    size = max((np.size(v) for v in values.values()), default=1)
    safe, text_safe = {}, text
    for i, name in enumerate(sorted(values, key=len, reverse=True)):
        alias = f"level_{i}_" if "[" in name else name
        text_safe = text_safe.replace(name, alias) if alias != name else text_safe
        safe[alias] = values[name]
    for name in names_in(text_safe, what):
        if name not in safe:
            raise LawError(compose(f"{what} formula {text!r} uses {name!r}", f"it may use {listed(values)}"))
    used = {n: _engine.floats(np.broadcast_to(safe[n], size)) for n in names_in(text_safe, what)}
    for name in _engine.law_info(plain_spec(text_safe, tuple(used)))["positive"]:
        used[name] = np.where(used[name] == 0, _NEXT_TO_ZERO, used[name])
    out = _engine.predict(plain_spec(text_safe, tuple(used)), (), used, {})
    return np.broadcast_to(out, size) if out.size != size else out


def plain_spec(text: str, variables: Sequence[str]) -> dict[str, Any]:
    """Return a formula without any settings as the core takes it; names that are no variables are parameters."""
    return {
        "formula": text,
        "variables": list(variables),
        "real": [],
        "unit": [],
        "scale": "linear",
        "tied": {},
        "where": {},
        "seed_at": {},
        "box": {},
    }
