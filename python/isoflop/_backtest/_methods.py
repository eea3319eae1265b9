"""The forecasters that a back-test compares: each takes the earlier rows and the later points.

A method returns the centre and the quantiles of log loss of a new run at the later points.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import _engine
from .._bootstrap import bootstrap
from .._draws import Bootstrap
from .._engine import Floats, floats
from .._errors import ConvergenceWarning, DataError, compose, listed
from .._fit import fit as fit_law
from .._fitted import Fit
from .._forecast import forecaster
from .._law import Law
from ._protocol import Table
from ._scores import PROBABILITIES

Answer = tuple[Floats, Floats]
Method = Callable[[Table, Table], Answer]
#: Resamples of the bootstraps: enough for a 95 % interval; small tables need rescue starts, which take their time.
RESAMPLES = 399
#: Losses of draws that ran away to zero or beyond float64 end here, so that scores stay numbers.
EXTREMES = (np.finfo(float).tiny, np.finfo(float).max)

_ADDITIVE = "E + A / N**alpha + B / D**beta"
#: Kaplan's coupling with a floor: the p-norm with p = 1/beta.
KAPLAN_FLOOR = Law("E + ((A * N**-alpha)**(1 / beta) + (B * D**-beta)**(1 / beta))**beta", name="kaplan_floor")
SYMMETRIC = Law(_ADDITIVE, tied={"beta": "alpha"}, name="symmetric")
MIXED: tuple[Law | str, ...] = ("chinchilla", KAPLAN_FLOOR, SYMMETRIC, "pnorm")


def recommended(fitted: Table, later: Table) -> Answer:
    """Take `iso.forecaster` as it comes."""
    model = forecaster(fitted.runs())
    quantiles = np.log(model.quantiles(PROBABILITIES, N=later.N, D=later.D))
    return np.log(model.predict(N=later.N, D=later.D)), quantiles


def chinchilla_rows(fitted: Table, later: Table) -> Answer:
    """Do as is published: Chinchilla by Huber 1e-3, percentile bootstrap of rows."""
    return _refitted(fitted, later, "rows")


def chinchilla_groups(fitted: Table, later: Table) -> Answer:
    """Do the same with whole groups as the unit of resampling."""
    return _refitted(fitted, later, "groups")


def _refitted(fitted: Table, later: Table, scheme: Any) -> Answer:
    fit = fit_law(fitted.runs(), "chinchilla")
    boot = _bootstrap(fit, scheme)
    spec, columns = fit.law.spec, {"N": floats(later.N), "D": floats(later.D)}
    ends = _engine.band(spec, boot.draws, boot.ok, columns, {}, PROBABILITIES, _threads(), boot._noise())
    return np.log(fit.predict(N=later.N, D=later.D)), np.log(np.clip(ends, *EXTREMES))


def mixture(fitted: Table, later: Table) -> Answer:
    """Average four laws with weak priors; variance of the cluster bootstrap, between laws, and of residuals."""
    runs = fitted.runs()
    centres, variances, residual = [], [], []
    for law in MIXED:
        fit = _robust(runs, law)
        boot = _bootstrap(fit, "groups")
        draws = np.log(boot.predict(N=later.N, D=later.D)[boot.ok])
        centres.append(np.log(fit.predict(N=later.N, D=later.D)))
        variances.append(draws.var(axis=0, ddof=1))
        residual.append(float(np.sum(fit.residuals**2) / max(fit.n_rows - len(fit.free), 1)))
    centre = np.mean(centres, axis=0)
    variance = np.mean(variances, axis=0) + np.var(centres, axis=0, ddof=1) + np.mean(residual)
    t = _engine.student(PROBABILITIES, max(len(np.unique(fitted.groups)) - 1, 1))
    return centre, centre[:, None] + np.sqrt(variance)[:, None] * t


def _robust(runs: Any, law: Law | str) -> Fit:
    """Fit with adaptive Huber and the weak priors that the law's parameters have."""
    fit: Fit = fit_law(runs, law, criterion="huber", delta="auto", prior="weak")
    return fit


def _bootstrap(fit: Fit, scheme: Any) -> Bootstrap:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # unsound refits are part of what is judged
        return bootstrap(fit, RESAMPLES, scheme=scheme, rng=0)


def _threads() -> int:
    return _engine.thread_count(None)


METHODS: Mapping[str, Method] = {
    "recommended": recommended,
    "chinchilla-huber-groups": chinchilla_groups,
    "chinchilla-huber-rows": chinchilla_rows,
    "mixture": mixture,
}


def methods_of(given: Any) -> dict[str, Method]:
    """Return methods by name: all of ours, some of them, or the caller's own functions.

    Examples
    --------
    >>> list(methods_of(None))
    ['recommended', 'chinchilla-huber-groups', 'chinchilla-huber-rows', 'mixture']
    """
    if given is None:
        return dict(METHODS)
    if isinstance(given, str):
        given = [given]
    chosen: dict[str, Any] = dict(given) if isinstance(given, Mapping) else {name: name for name in given}
    found = {name: METHODS.get(value) if isinstance(value, str) else value for name, value in chosen.items()}
    for name, value in found.items():
        if not callable(value):
            raise DataError(compose(f"unknown method {name!r}", f"choose among {listed(METHODS)}, or pass a function"))
    if not found:
        raise DataError("no method was named")
    return found  # type: ignore[return-value]
