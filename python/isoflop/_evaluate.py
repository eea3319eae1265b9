"""A law at points: its response, its named parts, its derivatives by parameters.

One vector of parameters here; many draws at few points are in `_draws`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _engine
from ._errors import LawError, compose, listed, nearest
from ._formula import evaluate
from ._points import expand, part_spec, read_points
from ._published import values_of

if TYPE_CHECKING:
    from ._law import Law


@dataclass(frozen=True)
class Part:
    """What evaluation needs to know of a law, for one of its parts."""

    name: str
    formula: str
    spec: dict[str, Any]
    parameters: tuple[str, ...]
    variables: tuple[str, ...]
    schedules: tuple[str, ...]
    levels: dict[str, str]
    positive: tuple[str, ...]
    range: Mapping[str, tuple[float, float]]
    constants: Mapping[str, float]


def predict(law: Law, params: Any, frame: Any, variables: Mapping[str, Any]) -> Any:
    """Return the response of a law at points, in the form that the points came in."""
    return _at_points(_whole(law), values_of(law, params), frame, variables, "loss")


def quantity(law: Law, name: str, params: Any, frame: Any, variables: Mapping[str, Any]) -> Any:
    """Return the response by its letter, a named part, or a derived quantity, at points."""
    values = values_of(law, params)
    if name == law.response:
        return _at_points(_whole(law), values, frame, variables, name)
    if name in law.where:
        part = _part(law, name)
        spare = {*law.variables, *law.levels.values()} - {*part.variables, *part.levels.values()}
        used = {word: value for word, value in variables.items() if word not in spare}
        return _at_points(part, values, frame, used, name)
    if name in law.derived:
        return float(evaluate(law.derived[name], {**law.constants, **values}, name)[0])
    known = [law.response, *law.where, *law.derived]
    close = nearest(name, known)
    hint = f"did you mean {listed(close)}?" if close else f"it has {listed(known)}"
    raise LawError(compose(f"the law {law.name or law.formula!r} has no quantity {name!r}", hint))


def jacobian(
    law: Law, params: Any, frame: Any, by: Sequence[str] | None, log: bool, variables: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the derivative of the response, or of its logarithm, by each parameter or its logarithm."""
    values = values_of(law, params)
    if law.levels:
        raise LawError("jacobian knows no levels yet, pass a law without them")
    names = {word: _base(law, word) for word in (law.parameters if by is None else by)}
    whole = _whole(law)
    labels, theta = theta_of(whole, values)
    points = read_points(whole, labels, frame, variables)
    slopes = _engine.jacobian(_spec(whole, labels, theta), theta, points.columns, points.codes)
    native = dict(zip(law.parameters, slopes, strict=True))
    scale = _engine.predict(_spec(whole, labels, theta), theta, points.columns, points.codes) if log else 1.0
    full = dict(zip(law.parameters, theta, strict=True))
    found = {
        word: native[name] / scale * (full[name] if word.startswith("log ") else 1.0) for word, name in names.items()
    }
    return {word: x.reshape(points.shape) if points.shape else float(x[0]) for word, x in found.items()}


def _base(law: Law, word: str) -> str:
    name = word.removeprefix("log ")
    if name not in law.parameters:
        raise unknown_parameter(name, law.parameters, "by")
    if name != word and name in law.real:
        raise LawError(f"by names {word!r}, but {name} may have any sign and has no logarithm")
    return name


def _whole(law: Law) -> Part:
    return Part(
        law.name,
        law.formula,
        law.spec,
        law.parameters,
        tuple(law.variables),
        tuple(law.schedules),
        law.levels,
        law.positive,
        law.range,
        law.constants,
    )


def _part(law: Law, name: str) -> Part:
    spec = part_spec(law.spec, name)
    info = _engine.law_info(spec)
    used = set(info["parameters"])
    spec |= {"real": [p for p in law.real if p in used], "unit": [p for p in law.unit if p in used]}
    constants = {k: v for k, v in law.constants.items() if k in used}
    return Part(
        law.name,
        law.where[name],
        spec,
        tuple(info["parameters"]),
        tuple(info["variables"]),
        tuple(info["schedules"]),
        dict(info["levels"]),
        tuple(info["positive"]),
        {k: v for k, v in law.range.items() if k in info["variables"]},
        constants,
    )


def _at_points(part: Part, values: Mapping[str, float], frame: Any, given: Mapping[str, Any], name: str) -> Any:
    labels, theta = theta_of(part, values)
    if not part.variables and not part.levels:
        return float(_engine.predict(_spec(part, labels, theta), theta, {}, {})[0])
    points = read_points(part, labels, frame, given)
    out = _engine.predict(_spec(part, labels, theta), theta, points.columns, points.codes)
    return points.give_back(out, name)


def _spec(part: Part, labels: Mapping[str, Sequence[Any]], theta: Sequence[float]) -> dict[str, Any]:
    """Return the law as the core takes it beside values: domains guide fits, a formula takes any value."""
    spec = {**part.spec, "n_levels": {factor: len(known) for factor, known in labels.items()}}
    names = expand(part.parameters, part.levels, labels)
    real, unit = set(spec["real"]), set(spec["unit"])
    bases = [name.partition("[")[0] for name in names]
    outside = {b for b, x in zip(bases, theta, strict=True) if b not in real and (x < 0 or (b in unit and x > 1))}
    if outside:
        spec |= {"real": [*spec["real"], *sorted(outside)], "unit": sorted(unit - outside)}
    return spec


def theta_of(law: Law | Part, values: Mapping[str, float]) -> tuple[dict[str, tuple[str, ...]], list[float]]:
    """Return the labels that the names of `values` (``E[a]``) speak of, and the values in the core's order."""
    values = {**law.constants, **values}
    labels: dict[str, tuple[str, ...]] = {}
    for name in values:
        base, bracket, rest = name.partition("[")
        factor = law.levels.get(base)
        if bracket and factor is not None and rest[:-1] not in labels.get(factor, ()):
            labels[factor] = (*labels.get(factor, ()), rest[:-1])
    names = expand(law.parameters, law.levels, labels)
    missing = [name for name in names if name not in values]
    missing += [f"{p}[...]" for p, factor in law.levels.items() if not labels.get(factor)]
    if missing:
        raise LawError(f"no value for {listed(missing)}, the law {law.formula!r} needs one")
    return labels, [float(np.asarray(values[name]).item()) for name in names]


def unknown_parameter(name: str, known: Sequence[str], where: str) -> LawError:
    """Return the error for a parameter that the law does not have."""
    close = nearest(name, known)
    hint = f"did you mean {listed(close)}?" if close else f"its parameters are {listed(known)}"
    return LawError(compose(f"{where} names {name!r}, which is no free parameter of the law", hint))
