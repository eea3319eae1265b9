"""From a model to parameters: a central value, and draws that say how sure it is.

A fit is refitted to resamples, a bootstrap has its own draws, a forecaster those of every covariance that it averages;
published values have none, since nobody prints their correlations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import laws
from .._bootstrap import bootstrap
from .._draws import Bootstrap
from .._engine import Floats, floats
from .._errors import DataError, FitError, LawError, compose
from .._evaluate import theta_of
from .._fitted import Fit
from .._forecast import Forecaster
from .._law import Law
from .._points import expand
from .._published import Published, values_of
from .._seed import seed_of
from ._cells import cell_samples
from ._deviation import Deviation

#: Draws of a forecaster, and refits of a fit, where the caller does not say.
N_DRAWS, N_REFITS = 4_000, 2_000


@dataclass(frozen=True)
class Sample:
    """A law with parameters: rows of native values in the order of `law.parameters`.

    Attributes
    ----------
    spec : dict
        The law as the core takes it.
    centre, weights : ndarray
        One vector or several, and what each counts in the estimate.
    draws : ndarray or None
        Equally likely vectors.
    deviations : tuple of Deviation
        What the law misses, for each central vector and the draws around it; empty where nobody knows.
    """

    law: Law
    spec: dict[str, Any]
    centre: Floats
    weights: Floats
    draws: Floats | None
    deviations: tuple[Deviation, ...] = ()


def read_model(model: Any) -> tuple[Law, Any]:
    """Return the law of whatever is a model, and the model itself in a form that `samples` knows."""
    if isinstance(model, Fit | Bootstrap | Forecaster):
        return (model.fit.law if isinstance(model, Bootstrap) else model.law), model
    if isinstance(model, Published):
        return model._bound(), (model._bound(), model)
    if isinstance(model, tuple) and len(model) == 2:
        law = laws.get(model[0]) if isinstance(model[0], str) else model[0]
        if isinstance(law, Law):
            return law, (law, model[1])
    if isinstance(model, Law | str):
        raise LawError(compose("a law without parameters has no optimum", "pass (law, params), or law.published[...]"))
    raise DataError(
        compose(
            f"model is a {type(model).__name__}",
            "pass a Fit, a Bootstrap, a Forecaster, published values of a law, or (law, params)",
        )
    )


def samples(model: Any, level: Mapping[str, Any], n_draws: int | None, rng: Any) -> tuple[list[Sample], list[str]]:
    """Return the laws of a model with their parameters, and what to say about them."""
    if isinstance(model, Fit):
        return _of_fit(model, level, n_draws, rng)
    if isinstance(model, Bootstrap):
        return _of_bootstrap(model, level, n_draws)
    if isinstance(model, Forecaster):
        return _of_forecaster(model, level, n_draws, rng)
    law, params = model
    labels, theta = theta_of(law, values_of(law, params))
    pick = _columns(law, expand(law.parameters, law.levels, labels), level)
    centre = floats([theta])[:, pick]
    lost = np.flatnonzero(~np.isfinite(centre[0]))
    if len(lost):
        name, value = law.parameters[lost[0]], centre[0, lost[0]]
        raise DataError(f"parameter {name!r} is {value:g}, expected a finite number")
    note = "published values come without correlations, so there are no intervals" if params is not None else ""
    return [Sample(law, _any_sign(law, centre), centre, np.ones(1), None)], [note]


def _of_fit(fit: Fit, level: Mapping[str, Any], n_draws: int | None, rng: Any) -> tuple[list[Sample], list[str]]:
    """Refit resamples on the spot: the normal approximation of a robust fit is too narrow to plan with."""
    count = _count(n_draws, N_REFITS)
    if count and fit.problem is not None and fit.free and fit.n_rows > len(fit.free):
        boot = bootstrap(fit, count, rng=rng)
        found, notes = _of_bootstrap(boot, level, None)
        said = f"intervals rest on {count:,} refits by {boot.scheme}{f' ({boot.reason})' if boot.reason else ''}"
        return found, [said, *notes]
    pick = _columns(fit.law, fit.names, level)
    centre = floats(fit.theta[None, :][:, pick])
    notes = ["the fit has no rows or freedom to judge errors by, so there are no intervals"] if count else []
    return [Sample(fit.law, _any_sign(fit.law, centre), centre, np.ones(1), None)], notes


def _of_bootstrap(boot: Bootstrap, level: Mapping[str, Any], n_draws: int | None) -> tuple[list[Sample], list[str]]:
    fit, notes = boot.fit, []
    if boot.scheme == "jackknife":
        raise FitError(compose("jackknife draws have no quantiles", "use another scheme"))
    pick = _columns(fit.law, fit.names, level)
    draws = boot.draws[boot.ok] if boot.n_failed else boot.draws
    count = len(draws) if n_draws is None else _count(n_draws)
    if boot.n_failed:
        notes.append(f"{boot.n_failed:,} unsound refits are left out: {boot.failures()}")
    if not len(draws):
        raise FitError(compose("no refit is sound", "fix or tie parameters, or add a prior"))
    centre = floats(fit.theta[None, :][:, pick])
    used = floats(draws[:count, pick]) if count else None
    return [Sample(fit.law, _any_sign(fit.law, centre), centre, np.ones(1), used)], notes


def _of_forecaster(
    model: Forecaster, level: Mapping[str, Any], n_draws: int | None, rng: Any
) -> tuple[list[Sample], list[str]]:
    count, seed = _count(n_draws), seed_of(rng)
    out = []
    for k, (component, weight) in enumerate(zip(model.components, model.weights, strict=True)):
        if weight <= 0:
            continue
        law = component.fit.law
        pick = _columns(law, component.fit.names, level)
        share = round(count * float(weight))
        weights, parts = cell_samples(component, share, [seed, k])
        centre = floats(np.vstack([part.theta[:1] for part in parts])[:, pick])
        draws = floats(np.vstack([part.theta[1:] for part in parts])[:, pick])
        drawn = draws if len(draws) else None
        out.append(Sample(law, _any_sign(law, centre), centre, weights * weight, drawn, parts))
    return out, []


def _count(n_draws: int | None, usual: int = N_DRAWS) -> int:
    if n_draws is None:
        return usual
    if isinstance(n_draws, bool) or not isinstance(n_draws, int | np.integer) or n_draws < 0:
        raise DataError(f"n_draws is {n_draws!r}, expected a whole number of 0 or more")
    return int(n_draws)


def _columns(law: Law, names: tuple[str, ...], level: Mapping[str, Any]) -> list[int]:
    """Return which columns hold the law's parameters, those of one level where it has levels."""
    out = []
    for base in law.parameters:
        name = f"{base}[{level[law.levels[base]]}]" if base in law.levels else base
        if name not in names:
            known = [n.partition("[")[2][:-1] for n in names if n.startswith(f"{base}[")]
            factor = law.levels.get(base, base)
            raise DataError(compose(f"{factor} {level.get(factor)!r} is not among the levels", f"it knows {known}"))
        out.append(names.index(name))
    return out


def _any_sign(law: Law, centre: Floats) -> dict[str, Any]:
    """Return the law as the core takes it; a parameter outside its domain is taken as it is."""
    spec = law.spec
    outside = {
        name
        for name, column in zip(law.parameters, centre.T, strict=True)
        if name not in law.real and ((column < 0).any() or (name in law.unit and (column > 1).any()))
    }
    return {**spec, "real": [*law.real, *sorted(outside)], "unit": [n for n in law.unit if n not in outside]}
