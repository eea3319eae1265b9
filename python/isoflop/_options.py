"""What the user says about single parameters: fixed values, bounds, priors, starts; as the core's arrays.

A plain name means all levels of a parameter (`E`), an expanded one a single level (`E[a]`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from ._engine import Floats, floats
from ._errors import LawError, compose
from ._evaluate import unknown_parameter
from ._law import Law
from ._prior import Prior, weak

T = TypeVar("T")
_OPEN = {"positive": (0.0, math.inf), "unit": (0.0, 1.0), "real": (-math.inf, math.inf)}

_INSIDE = {"positive": "a finite number above 0", "unit": "one between 0 and 1", "real": "a finite number"}


def per_name(given: Mapping[str, T] | None, law: Law, names: Sequence[str], where: str) -> dict[str, T]:
    """Return one entry per expanded name; a single level stands over the plain name."""
    plain: dict[str, T] = {}
    single: dict[str, T] = {}
    for key, value in (given or {}).items():
        if key in law.levels:
            plain.update({n: value for n in names if n.partition("[")[0] == key})
        elif key in names:
            single[key] = value
        elif key in law.tied:
            raise LawError(f"{where} names {key!r}, which is tied to {law.tied[key]!r}")
        else:
            raise unknown_parameter(key, names, where)
    return {**plain, **single}


def fixed_array(given: Mapping[str, float | None] | None, law: Law, names: Sequence[str]) -> Floats:
    """Return native values of fixed parameters, the law's constants among them, NaN where free."""
    asked = {**law.constants, **(given or {})}
    fixed = {k: v for k, v in per_name(asked, law, names, "fixed").items() if v is not None}
    for name, value in fixed.items():
        low, high = _OPEN[law.domain(name)]
        if not (low <= value <= high and math.isfinite(value)):
            raise LawError(f"fixed {name} is {value}, expected a value of its {law.domain(name)} domain")
    return floats([fixed.get(name, math.nan) for name in names])


def bound_arrays(
    given: Mapping[str, tuple[float | None, float | None]] | None, law: Law, names: Sequence[str], fixed: Floats
) -> tuple[Floats, Floats]:
    """Return native lower and upper bounds, those of the domain where none are given."""
    bounds = per_name(given, law, names, "bounds")
    pairs = [_bound(name, bounds.get(name, (None, None)), law) for name in names]
    for name, (low, high), value in zip(names, pairs, fixed, strict=True):
        if not (math.isnan(value) or low <= value <= high):
            raise LawError(f"{name} is fixed at {value:g}, outside its bounds {low:g} to {high:g}")
    return floats([low for low, _ in pairs]), floats([high for _, high in pairs])


def _bound(name: str, given: tuple[float | None, float | None], law: Law) -> tuple[float, float]:
    try:
        low, high = given
    except (TypeError, ValueError):
        raise LawError(f"bounds of {name} are {given!r}, expected a pair (low, high)") from None
    first, last = _OPEN[law.domain(name)]
    low, high = first if low is None else float(low), last if high is None else float(high)
    if not low < high:
        raise LawError(compose(f"bounds of {name} are {low:g} to {high:g}, expected low < high", "fix it instead"))
    if high <= first or low >= last:
        raise LawError(f"bounds of {name}, {low:g} to {high:g}, lie outside its {law.domain(name)} domain")
    return max(low, first), min(high, last)


def priors_of(
    given: Mapping[str, Prior] | str | None, law: Law, names: Sequence[str], lowest: float
) -> dict[str, Prior]:
    """Return the prior per expanded name; "weak" gives those that the law's parameters have."""
    if isinstance(given, str):
        if given != "weak":
            raise LawError(f"prior is {given!r}, expected 'weak' or priors by parameter")
        given = {k: v for k, v in weak(lowest).items() if k in law.parameters and law.domain(k) == v.domain}
    priors = per_name(given, law, names, "prior")
    for name, prior in priors.items():
        if not isinstance(prior, Prior):
            raise LawError(
                compose(f"prior of {name} is {prior!r}", "write iso.LogNormal(median=.35, sd=.35), for example")
            )
        if prior.domain != law.domain(name):
            kind = {"positive": "LogNormal", "real": "Normal", "unit": "LogitNormal"}[law.domain(name)]
            raise LawError(f"prior of {name} is {prior!r}, its {law.domain(name)} domain takes an iso.{kind}")
    return priors


def prior_arrays(priors: Mapping[str, Prior], names: Sequence[str], fixed: Floats) -> tuple[Floats, Floats]:
    """Return means and sds on the internal scale, NaN where there is no prior or the parameter is fixed."""
    none = (math.nan, math.nan)
    pairs = [
        priors[name].internal() if name in priors and math.isnan(value) else none
        for name, value in zip(names, fixed, strict=True)
    ]
    return floats([mean for mean, _ in pairs]), floats([sd for _, sd in pairs])


def start_array(given: Any, law: Law, names: Sequence[str], fixed: Floats) -> Floats | None:
    """Return starting points as rows, or None where a count or nothing was given; fixed parameters need no start."""
    if given is None or isinstance(given, int | np.integer):
        if given is not None and (isinstance(given, bool) or given < 1):
            raise LawError(f"starts is {given!r}, expected at least 1, or values by parameter")
        return None
    if isinstance(given, Mapping):
        given = [given]
    if isinstance(given, np.ndarray):
        rows = np.atleast_2d(given)
    else:
        rows = np.array([_start_row(g, law, names, fixed) if isinstance(g, Mapping) else list(g) for g in given])
    if rows.ndim != 2 or rows.shape[1] != len(names) or not rows.size:
        raise LawError(f"starts have shape {rows.shape}, expected (k, {len(names)}) for {', '.join(names)}")
    _check_starts(rows, law, names, fixed)
    return floats(rows)


def _start_row(given: Mapping[str, float], law: Law, names: Sequence[str], fixed: Floats) -> list[float]:
    held = {name: float(x) for name, x in zip(names, fixed, strict=True) if not math.isnan(x)}
    values = {**held, **per_name({**law.constants, **given}, law, names, "starts")}
    missing = [name for name in names if name not in values]
    if missing:
        raise LawError(f"a start has no value for {', '.join(missing)}")
    return [float(values[name]) for name in names]


def _check_starts(rows: np.ndarray, law: Law, names: Sequence[str], fixed: Floats) -> None:
    """Refuse starts outside a domain, or at its end, where no descent can leave them."""
    for k, name in enumerate(names):
        low, high = _OPEN[law.domain(name)]
        inside = (rows[:, k] > low) & (rows[:, k] < high)
        if math.isnan(fixed[k]) and not inside.all():
            value = rows[int(np.argmin(inside)), k]
            hint = "list it in the law's real= if it may be another" if law.domain(name) != "real" else None
            raise LawError(compose(f"a start has {name} = {value:g}, expected {_INSIDE[law.domain(name)]}", hint))
