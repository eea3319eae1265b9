"""From what a user has (runs, a fit, draws, published values) to what is known before a design."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import laws
from .._dependence import anova
from .._draws import Bootstrap
from .._engine import floats
from .._errors import DataError, FitError, LawError, compose, counted, listed
from .._fit import fit as fit_law
from .._fitted import Fit
from .._forecast import Forecaster
from .._forecast._component import Component, component
from .._given import scalar
from .._law import Law
from .._points import backend_of
from .._prior import Prior, lowest_of, weak
from .._published import Published, values_of
from .._repr import percent
from .._runs import Runs, as_runs
from ._known import Known, Made
from ._target import Version

#: The law that designs are made for where it is not another one's choice, and the exponents p that are averaged.
ROBUST, SHAPES = "pnorm", (1.0, 2.0)
#: Draws of a bootstrap that are averaged.
DRAWS = 16


@dataclass(frozen=True)
class Given:
    """What the caller said beside the model; see `plan_runs`."""

    law: Any
    sigma: float | None
    prior: Any
    held: Mapping[str, float]
    discrepancy: float


def read_known(model: Any, given: Given) -> Known:
    """Return what a model knows: runs, a fit, a bootstrap, a forecaster, published values, or (law, values)."""
    expected = "the noise of one run's ln L, a number above 0 such as 0.005"
    if given.sigma is not None and not 0 < scalar("sigma", given.sigma, expected) < np.inf:
        raise DataError(f"sigma is {given.sigma!r}, expected {expected}")
    if isinstance(model, Published) or _is_pair(model):
        return _from_values(model, given)
    if not isinstance(model, Fit | Bootstrap | Forecaster):
        model = as_runs(model)
    return replace(_from_model(model, given), backend=_backend(model))


def _backend(model: Fit | Bootstrap | Forecaster | Runs) -> str:
    if isinstance(model, Runs):
        return backend_of(model._columns.table)
    return model.backend if isinstance(model, Fit) else model.fit.backend


def _from_model(model: Any, given: Given) -> Known:
    draws = model if isinstance(model, Bootstrap) else None
    if isinstance(model, Bootstrap | Forecaster):
        model = model.fit
    if isinstance(model, Fit):
        return _from_fit(model, draws, given)
    return _from_runs(model, _law(given.law or ROBUST), given)


def _is_pair(model: Any) -> bool:
    return isinstance(model, tuple) and len(model) == 2 and isinstance(model[0], Law | str)


def _law(law: Law | str) -> Law:
    found = laws.get(law) if isinstance(law, str) else law
    if not isinstance(found, Law):
        raise LawError(f"law is a {type(found).__name__}, expected a Law or a name")
    return found


def _is_robust(law: Law) -> bool:
    """Whether designs for this law are made for the p-norm, of which it is a member."""
    return law.formula in (laws.get("chinchilla").formula, laws.get(ROBUST).formula)


def _check(law: Law, held: Mapping[str, float]) -> dict[str, float]:
    """Refuse laws that no design can be made for; return the values of the law's other variables than N and D."""
    if law.levels or law.schedules or not {"N", "D"} <= set(law.variables):
        raise LawError(
            compose(
                f"the law {law.name or law.formula!r} is over {listed([*law.variables, *law.levels.values()])}, "
                "expected one over N and D",
                "leave law out: runs with N and D are planned for the p-norm law",
            )
        )
    open_ = [name for name in law.variables if name not in ("N", "D", *held)]
    if open_:
        raise DataError(
            compose(f"the law has the variable {open_[0]!r} beside N and D", f"hold it: held={{{open_[0]!r}: ...}}")
        )
    return {name: float(value) for name, value in held.items() if name in law.variables}


def _priors(law: Law, lowest: float, prior: Any) -> dict[str, Prior]:
    if prior is None:
        return {}
    usual = weak(lowest).items()
    found = {k: p for k, p in usual if k in law.parameters and law.domain(k) == p.domain and k not in law.constants}
    return found if isinstance(prior, str) else {**found, **prior}


def _from_values(model: Any, given: Given) -> Known:
    if given.sigma is None:
        raise DataError(
            compose("published values do not say how noisy a run is", "pass sigma=0.005, the noise of one run's ln L")
        )
    own, values = (model.law, model) if isinstance(model, Published) else (_law(model[0]), model[1])
    if own is None:
        raise LawError("these published values belong to no law")
    if given.law is not None:
        raise LawError(compose("law is given twice", "leave out law=, the values belong to one"))
    params = {**own.constants, **values_of(own, values)}
    if _is_robust(own):
        own, params = laws.get(ROBUST), {"p": 1.0, **params}
    held = _check(own, given.held)
    missing = [name for name in own.parameters if name not in params]
    if missing:
        raise LawError(f"no value for {listed(missing)}, a design needs every parameter of the law")
    best = Version(own, params, _free(own, params), held)
    lowest = float(params.get("E", 1.0)) / 0.7
    versions = _shaped(best, [params] * len(SHAPES)) if own.name == ROBUST else (best,)
    return Known(best, versions, _priors(own, lowest, given.prior), given.sigma, None, ())


def _free(law: Law, params: Mapping[str, float], fixed: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the parameters that runs are to tell: neither constants nor fixed nor at zero."""
    out = [name for name in law.parameters if name not in (*law.constants, *fixed)]
    return tuple(name for name in out if name in law.real or params[name] > 0)


def _shaped(best: Version, params: Sequence[Mapping[str, float]]) -> tuple[Version, ...]:
    return tuple(
        replace(best, params={**values, "p": p}, weight=1 / len(SHAPES))
        for values, p in zip(params, SHAPES, strict=True)
    )


def _from_runs(runs: Runs, law: Law, given: Given) -> Known:
    asked = law
    if _is_robust(law):
        law = laws.get(ROBUST)
    _check(law, given.held)
    priors = _priors(law, lowest_of(runs.loss), given.prior)
    settings: dict[str, Any] = {"criterion": "huber", "delta": "auto"}
    fit = fit_law(runs, law, prior=priors or None, **settings)
    known = _of_fit(fit, None, priors, given)
    if law.name != ROBUST:
        return known
    if asked.formula != law.formula:
        note = "made for the p-norm law, of which chinchilla is p = 1: a design that trusts p is poor where it is off"
        known = replace(known, notes=(*known.notes, note))
    rest = {name: p for name, p in priors.items() if name != "p"}
    shapes = [fit_law(runs, law, prior=rest or None, fixed={"p": p}, **settings) for p in SHAPES]
    return replace(known, versions=_shaped(known.best, [one.params for one in shapes]))


def _from_fit(fit: Fit, draws: Bootstrap | None, given: Given) -> Known:
    chosen = fit.law if given.law is None else _law(given.law)
    drawn = draws is not None and fit.law.formula == laws.get(ROBUST).formula
    if not drawn and _is_robust(chosen) and set(fit.law.variables) >= {"N", "D"}:
        prior = dict(fit.priors) if given.prior == "weak" and fit.priors else given.prior
        return _from_runs(_runs_of(fit), chosen, replace(given, prior=prior))
    if given.law is not None and chosen != fit.law:
        raise LawError(compose("law is another one than that of the fit", "leave out law=, or pass the runs"))
    _check(fit.law, given.held)
    lowest = float(fit.problem.table["response"].min()) if fit.problem is not None else 1.0
    own = given.prior == "weak" and bool(fit.priors)
    return _of_fit(fit, draws, dict(fit.priors) if own else _priors(fit.law, lowest, given.prior), given)


def _runs_of(fit: Fit) -> Runs:
    """Return the rows of a fit as runs."""
    if fit.problem is None:
        raise DataError("this fit holds no data, pass the runs")
    table = fit.problem.table
    seen = table["weights"] > 0
    columns: dict[str, Any] = {name: table["columns"][name][seen] for name in ("N", "D")}
    columns |= {"loss": table["response"][seen], "weights": table["weights"][seen]}
    roles = {"N": "N", "D": "D", "loss": "loss", "weights": "weights"}
    if fit.groups is not None:
        columns["group"], roles["groups"] = fit.groups[seen], "group"
    return as_runs(columns, **roles)


def _of_fit(fit: Fit, draws: Bootstrap | None, priors: Mapping[str, Prior], given: Given) -> Known:
    if fit.problem is None:
        raise DataError("this fit holds no data, pass the runs")
    table = fit.problem.table
    seen = table["weights"] > 0
    groups = None if fit.groups is None else fit.groups[seen]
    shared = 0.0
    if groups is not None and 1 < len(np.unique(groups)) < len(groups):
        shared = min(anova(fit.residuals[seen], groups).intraclass, 0.99)
    columns = {name: floats(table["columns"][name][seen]) for name in fit.law.variables}
    made = Made(columns, floats(table["weights"][seen]), groups, shared)
    fixed = [name for name in fit.law.parameters if name not in fit.free or name in fit.at_bound]
    best = Version(fit.law, fit.params, _free(fit.law, fit.params, fixed), _check(fit.law, given.held))
    noise = given.sigma or _noise(fit, seen)
    structures = None if draws is not None else _structures(fit, given.discrepancy)
    return Known(best, _drawn(best, draws), priors, noise, made, _notes_on(fit, shared), structures)


def _structures(fit: Fit, discrepancy: float) -> Component | None:
    """Return the forecaster's error structures around a fit; None where its rows carry none."""
    if fit.law.scale != "log":
        return None
    try:
        return component(fit, discrepancy, 1)
    except (DataError, FitError):
        return None


def _drawn(best: Version, draws: Bootstrap | None) -> tuple[Version, ...]:
    """Return versions at draws of a bootstrap, the best alone where there are none."""
    if draws is None:
        return (best,)
    inside = draws.ok & np.all([draws.draws[:, draws.names.index(name)] != 0 for name in best.free], axis=0)
    rows = np.flatnonzero(inside)
    if not len(rows):
        return (best,)
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, DRAWS).round().astype(np.int64))]
    return tuple(
        replace(best, params=dict(zip(draws.names, draws.draws[i].tolist(), strict=True)), weight=1 / len(rows))
        for i in rows
    )


def _noise(fit: Fit, seen: Any) -> float:
    """Return the robust standard deviation of residuals of ln L, freedom counted."""
    r = fit.residuals[seen]
    if fit.law.scale != "log":
        r = r / fit.fitted[seen]
    n, q = len(r), len(fit.free)
    sigma = float(1.4826 * np.median(np.abs(r)) * np.sqrt(n / max(n - q, 1)))
    if not sigma > 1e-9:
        raise DataError(
            compose(f"residuals of the {n} runs are zero: how noisy a run is cannot be told", "pass sigma=0.005")
        )
    return sigma


def _notes_on(fit: Fit, shared: float) -> tuple[str, ...]:
    notes = []
    if shared > 0.05 and fit.groups is not None:
        groups = len(np.unique(fit.groups))
        notes.append(f"runs of a group share {percent(shared)} of their noise: {groups} groups count")
    if fit.n_omitted:
        notes.append(f"{counted(fit.n_omitted, 'row')} of the runs made cannot be used, left out")
    if fit.at_bound:
        notes.append(f"{', '.join(fit.at_bound)} ended at a bound and is held there")
    return tuple(notes)
