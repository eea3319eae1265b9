"""What intervals are asked for: parameters, formulas over them, the loss at a point; as the core takes them.

A user's function of the parameters has no formula: it is evaluated over draws in Python, and only there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._errors import DataError, LawError, compose, listed, nearest
from ._fitted import Fit
from ._formula import names_in, plain_spec
from ._points import read_points

#: What `of` takes: names, formulas, points and functions, by the name that they get in the result.
Of = str | Mapping[str, Any] | Sequence[str] | None


@dataclass(frozen=True)
class Quantity:
    """One row of an interval table.

    Attributes
    ----------
    name : str
    core : dict or None
        The quantity as the core compiles it; None for a function.
    function : callable or None
        A function of a dict of arrays, one array of draws per parameter.
    """

    name: str
    core: dict[str, Any] | None
    function: Callable[[Mapping[str, Any]], Any] | None = None


def quantities(fit: Fit, of: Of, kind: str = "mean") -> list[Quantity]:
    """Return the quantities that `of` asks for; every parameter and the law's derived quantities where None.

    Parameters
    ----------
    fit : Fit
    of : str, sequence of str, mapping or None
        Text is a parameter, a derived quantity of the law, or a formula over parameters. A mapping gives names to
        formulas, to points (a mapping of the law's variables: the loss there) and to functions. A mapping whose keys
        are the law's variables is one point.
    kind : {"mean", "new_run"}
        Whether a loss is the law's curve or what one more run would score.
    """
    if kind not in ("mean", "new_run"):
        raise DataError(compose(f"kind is {kind!r}", "'mean' is the law's curve, 'new_run' what one more run scores"))
    if of is None:
        return [_formula(fit, n, n) for n in (*fit.names, *fit.law.tied)] + [
            _formula(fit, n, text) for n, text in fit.law.derived.items()
        ]
    if isinstance(of, str):
        return [_named(fit, of)]
    if isinstance(of, Mapping):
        needed = {*fit.law.variables, *fit.law.levels.values(), *fit.columns.values()}
        if of and all(word in needed for word in of):
            return _points(fit, "loss", of, kind)
        return [q for name, what in of.items() for q in _any(fit, name, what, kind)]
    return [_named(fit, str(text)) for text in of]


def _any(fit: Fit, name: str, what: Any, kind: str) -> list[Quantity]:
    if callable(what):
        return [Quantity(name, None, what)]
    if isinstance(what, Mapping):
        return _points(fit, name, what, kind)
    if isinstance(what, str):
        return [_formula(fit, name, fit.law.derived.get(what, what))]
    raise DataError(
        compose(f"{name!r} is a {type(what).__name__}", "write a formula, a point {'N': ..., 'D': ...} or a function")
    )


def _named(fit: Fit, text: str) -> Quantity:
    return _formula(fit, text, fit.law.derived.get(text, text))


def _formula(fit: Fit, name: str, text: str) -> Quantity:
    """Return a formula over parameters; levels are written as they are named (``E[a]``)."""
    aliases = _aliases(fit.names)
    known = {**dict(zip(aliases, fit.names, strict=True)), **{t: t for t in fit.law.tied}}
    text = _replace(text, dict(zip(fit.names, aliases, strict=True)))
    for used in names_in(text, name):
        if used not in known:
            close = nearest(used, known.values())
            hint = f"did you mean {listed(close)}?" if close else f"it may use {listed(known.values())}"
            raise LawError(compose(f"the quantity {name!r} uses {used!r}, which is no parameter of the law", hint))
    tied = {k: _replace(v, dict(zip(fit.names, aliases, strict=True))) for k, v in fit.law.tied.items()}
    plain = name if name in fit.names and text == aliases[fit.names.index(name)] else None
    return Quantity(name, _core(fit, text, {}, tied, plain))


def _points(fit: Fit, name: str, point: Mapping[str, Any], kind: str) -> list[Quantity]:
    """Return the loss at each point of a mapping of variables, which broadcast."""
    points = read_points(fit.law, fit.labels, None, point, fit.columns)
    if fit.law.schedules:
        raise LawError(compose("the loss after a schedule has no interval here yet", "use Bootstrap.band"))
    labels = [name] if points.size == 1 else [f"{name}[{i}]" for i in range(points.size)]
    return [_loss(fit, label, points, i, kind) for i, label in enumerate(labels)]


def _loss(fit: Fit, name: str, points: Any, i: int, kind: str) -> Quantity:
    text, parts, tied = fit.law.formula, dict(fit.law.where), dict(fit.law.tied)
    aliases = dict(zip(fit.names, _aliases(fit.names), strict=True))
    levels = {f"{p}[{f}]": aliases[f"{p}[{fit.labels[f][points.codes[f][i]]}]"] for p, f in fit.law.levels.items()}
    text, parts = _replace(text, levels), {k: _replace(v, levels) for k, v in parts.items()}
    frozen = {v: float(points.columns[v][i]) for v in fit.law.variables}
    core = _core(fit, text, frozen, tied, None)
    core["spec"]["where"], core["new_run"] = parts, kind == "new_run"
    core["log"] = fit.law.scale == "log" or None
    if core["new_run"] and fit.law.scale != "log":
        core["log"] = False
    return Quantity(name, _prune(fit, core))


def _core(
    fit: Fit, text: str, frozen: Mapping[str, float], tied: Mapping[str, str], parameter: str | None
) -> dict[str, Any]:
    names = _aliases(fit.names)
    core: dict[str, Any] = {
        "spec": {**plain_spec(text, ()), "tied": dict(tied)},
        "frozen": {k: v for k, v in {**fit.law.constants, **frozen}.items() if k not in names},
        "names": names,
        "places": list(range(len(fit.names))),
        "log": None,
        "new_run": False,
        "parameter": None if parameter is None else fit.names.index(parameter),
    }
    return _prune(fit, core)


def _prune(fit: Fit, core: dict[str, Any]) -> dict[str, Any]:
    """Name the domains of those parameters only that the formula uses: the core refuses others."""
    from . import _engine

    spec = {**core["spec"], "real": [], "unit": [], "variables": list(core["frozen"])}
    used = set(_engine.law_info(spec)["parameters"])
    domains = {alias: fit.law.domain(name) for alias, name in zip(core["names"], fit.names, strict=True)}
    core["spec"] |= {kind: [a for a, d in domains.items() if d == kind and a in used] for kind in ("real", "unit")}
    return core


def _aliases(names: Sequence[str]) -> list[str]:
    return [f"level_{i}_" if "[" in name else name for i, name in enumerate(names)]


def _replace(text: str, names: Mapping[str, str]) -> str:
    for name in sorted((n for n in names if "[" in n), key=len, reverse=True):
        base, _, rest = name.partition("[")
        pattern = rf"(?<![\w.]){re.escape(base)}\s*\[\s*{re.escape(rest[:-1])}\s*\]"
        text = re.sub(pattern, names[name], text)
    return text


def over_draws(quantity: Quantity, names: Sequence[str], draws: np.ndarray, tied: Mapping[str, Any]) -> np.ndarray:
    """Return a user's function over draws, one value per draw."""
    assert quantity.function is not None
    columns = {name: draws[:, j] for j, name in enumerate(names)} | dict(tied)
    out = np.asarray(quantity.function(columns), dtype=np.float64)
    if out.shape != (len(draws),):
        raise DataError(
            compose(
                f"the function {quantity.name!r} returned shape {out.shape}, expected one value per draw: "
                f"({len(draws)},)",
                "it gets a mapping of parameter to array of draws: lambda p: p['beta'] / (p['alpha'] + p['beta'])",
            )
        )
    return out
