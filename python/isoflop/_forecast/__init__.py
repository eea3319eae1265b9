"""`forecaster` and `forecast`: what will the large run score, with bands that hold.

The recommended model: a p-norm law with weak priors, whose errors are white noise, an effect shared by rows of a
group and a smooth discrepancy from the law, averaged over a grid of their shares. One-variable curves go to `_curve`,
several laws are averaged by `_average`. The core does the sums (`rust/core/src/discrepancy`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np

from .. import _engine
from .._engine import Floats, floats
from .._errors import DataError, LawError, compose, listed
from .._fit import fit as fit_law
from .._fitted import Fit
from .._law import Law
from .._prior import Prior, lowest_of, weak
from .._runs import Runs, as_runs
from . import _curve
from ._average import inverse_weights, rolling_errors
from ._beliefs import changed, prior_text
from ._component import component
from ._grid import DISCREPANCY, check_probability
from ._model import Forecaster
from ._notes import remarks_on
from ._place import log_compute
from ._result import Forecast

__all__ = ["Forecast", "Forecaster", "forecast", "forecaster"]

#: What is fitted where the runs have N and D.
DEFAULT = "pnorm"
LawLike = Law | str


def forecaster(
    runs: Any,
    law: LawLike | Sequence[LawLike] | None = None,
    *,
    prior: Mapping[str, Prior] | Literal["weak"] | None = "weak",
    discrepancy: float = DISCREPANCY,
    law_weights: Sequence[float] | None = None,
    n_threads: int | None = None,
    **variables: str,
) -> Forecaster:
    """Fit the recommended forecaster: a law with weak priors and correlated errors.

    Parameters
    ----------
    runs : Runs or frame
        Training runs; a frame is taken as ``Runs(frame, **variables)``. Name `groups` where rows share a run: without
        them a band over checkpoints holds far less than it says.
    law : Law, str, or sequence of them, optional
        What is fitted: "pnorm" where the runs have N and D, else "power_floor" over their one variable. Several laws
        are averaged with weights from rolling origins inside the data.
    prior : mapping of str to prior, "weak", or None
        Beliefs about parameters. A mapping stands over the weak priors, name by name; None trusts the rows alone.
    discrepancy : float
        Prior probability that the law's form is off by a smooth function of the variables; 0 trusts the form.
    law_weights : sequence of float, optional
        Weights of several laws, in place of those from rolling origins.
    n_threads : int, optional
        Threads; all CPUs that this process may use where None. Results do not depend on it.
    **variables : str
        Columns of the law's variables and other roles, as in `Runs`.

    Returns
    -------
    Forecaster

    Raises
    ------
    DataError
        If the runs cannot carry the forecast.
    LawError
        If a law cannot be used, or laws are on different scales.

    Notes
    -----
    Errors have covariance s² K, K = r K_smooth + (1 - r) [g K_group + (1 - g) I]: a squared exponential in ln N and
    ln D of length 0.7, 2 or 4 with share 0, 0.4, 0.8 or 0.95, and a group effect of share 0 to 0.98, lasting or half
    fading along ln D. Each of up to 50 such covariances is a generalised least-squares fit with priors, weighted by
    its marginal likelihood (Laplace); the forecast is their mixture, with Student quantiles whose degrees of freedom
    count groups where groups share noise. Steps go on until the posterior no longer improves. For curves in one
    variable the law is fitted to the upper half of the range of ln X with priors of its own, and the centre is moved
    by the last residuals. More than 1,000 rows are thinned for K, with a note.

    References
    ----------
    Kennedy and O'Hagan 2001, Bayesian calibration of computer models. Brynjarsdóttir and O'Hagan 2014, Learning about
    physical parameters: the importance of model discrepancy.

    Examples
    --------
    >>> import isoflop as iso
    >>> grid = {"N": [1e8, 3e8, 1e9, 3e9] * 5, "D": [2e9] * 4 + [6e9] * 4 + [2e10] * 4 + [6e10] * 4 + [2e11] * 4}
    >>> model = iso.forecaster(iso.simulate("chinchilla", grid, noise=0.002, rng=1))
    >>> truth = iso.laws.get("chinchilla").predict("epoch2024", N=1e10, D=1e12)
    >>> abs(model.predict(N=1e10, D=1e12) / truth - 1) < 0.01
    True
    """
    threads = _engine.thread_count(n_threads)
    discrepancy = check_probability(discrepancy)
    laws, runs, variables = _settle(runs, law, variables)
    fitters = [_fitter(one, prior, variables) for one in laws]
    fits = [fitter(runs) for fitter in fitters]
    components = [component(fit, discrepancy, threads, shift) for fit, shift in fits]
    chosen, remark = _weigh(runs, [f for f, _ in fits], fitters, law_weights)
    best = components[int(np.argmax(chosen))].fit
    remarks = remarks_on(components, prior_text(best))
    return Forecaster(tuple(components), chosen, (*remarks, *remark), threads)


def forecast(
    runs: Any,
    law: LawLike | Sequence[LawLike] | None = None,
    *,
    level: float = 0.95,
    prior: Mapping[str, Prior] | Literal["weak"] | None = "weak",
    discrepancy: float = DISCREPANCY,
    law_weights: Sequence[float] | None = None,
    sensitivity: bool = False,
    n_threads: int | None = None,
    **points: Any,
) -> Forecast:
    """Forecast the loss of runs that have not been made, with bands that hold.

    Parameters
    ----------
    runs : Runs or frame
        Training runs. Columns with other names than the usual ones need ``iso.Runs(frame, N=..., groups=...)``.
    law, prior, discrepancy, law_weights, n_threads
        As in `forecaster`.
    level : float
        Nominal coverage of both bands.
    sensitivity : bool
        Repeat the forecast under priors twice as wide, and moved down and up by one standard deviation.
    **points
        The law's variables, which broadcast: ``N=400e9, D=15e12``.

    Returns
    -------
    Forecast

    Raises
    ------
    DataError, LawError
        As `forecaster`; for a level outside (0, 1) or points without a variable.

    Examples
    --------
    >>> import isoflop as iso
    >>> runs = iso.simulate("power_floor", {"X": [2.0**i for i in range(12)]}, noise=0.002, rng=1)
    >>> result = iso.forecast(runs, X=1e5)
    >>> result.low < result.mean_low < result.loss < result.mean_high < result.high
    True
    """
    words = {name: value for name, value in points.items() if isinstance(value, str)}
    runs = as_runs(runs)
    options: dict[str, Any] = {"discrepancy": discrepancy, "law_weights": law_weights, "n_threads": n_threads}
    model = forecaster(runs, law, prior=prior, **options)
    columns = [name for name in words if name in model.law.variables]
    if columns:
        raise DataError(
            compose(
                f"{columns[0]} is {words[columns[0]]!r}, expected the point to forecast at",
                f"name columns in iso.Runs(frame, {columns[0]}={words[columns[0]]!r})",
            )
        )
    result = model.forecast(None, level=level, **points)
    if not sensitivity:
        return result
    return replace(result, sensitivity=_sensitivity(runs, law, model, result, options, points))


def _settle(
    runs: Any, law: LawLike | Sequence[LawLike] | None, variables: dict[str, str]
) -> tuple[list[Law], Runs, dict[str, str]]:
    """Return laws, runs, and the letters that the law's variables are mapped by."""
    runs = as_runs(runs, **variables)
    letters: dict[str, str] = {}
    if law is None:
        names = set(runs.roles) | set(runs.derived)
        if {"N", "D"} <= names:
            law = DEFAULT
        else:
            law = _curve.LAW
            letters = {} if "X" in runs.roles or "X" in runs.columns else {"X": _only_variable(runs)}
    given = [law] if isinstance(law, Law | str) else list(law)
    if not given:
        raise LawError(compose("no law was given", "leave out law=, or name at least one"))
    from .. import laws as catalogue

    found = [catalogue.get(one) if isinstance(one, str) else one for one in given]
    for one in found:
        if not isinstance(one, Law):
            raise LawError(f"law is a {type(one).__name__}, expected a Law, a name, or a list of them")
    if len({one.scale for one in found}) > 1:
        raise LawError("the laws are on different response scales, expected all log or all linear")
    if len({frozenset((*one.variables, *one.levels.values())) for one in found}) > 1:
        shown = "; ".join(f"{one.name or one.formula}: {listed(one.variables)}" for one in found)
        raise LawError(f"the laws to average have different variables ({shown}), expected the same")
    return found, runs, letters


def _only_variable(runs: Runs) -> str:
    known = [name for name in ("C", "N", "D") if name in runs.roles]
    if len(known) != 1:
        has = f"the runs have {listed(known)}" if known else "the runs have no N, D, C or X"
        raise DataError(
            compose(f"{has}: which law is meant is not clear", 'name N and D, or the variable of a curve: X="samples"')
        )
    return known[0]


def _fitter(law: Law, prior: Any, letters: dict[str, str]) -> Callable[[Runs], tuple[Fit, float | None]]:
    """Return what fits one law as a forecast does: adaptive Huber, weak priors."""
    settings: dict[str, Any] = {"criterion": "huber", "delta": "auto"}
    own = None if prior == "weak" or prior is None else dict(prior)
    if own is not None:
        own = {name: p for name, p in own.items() if name.partition("[")[0] in law.parameters}
    if law.name == _curve.LAW:
        return partial(_fit_curve, law=law, settings={**settings, "prior": own}, letters=letters)
    return partial(_fit_general, law=law, settings=settings, own=own, use=prior is not None, letters=letters)


def _fit_curve(runs: Runs, law: Law, settings: dict[str, Any], letters: dict[str, str]) -> tuple[Fit, float | None]:
    return _curve.fit_curve(runs, law, settings, letters)


def _fit_general(
    runs: Runs, law: Law, settings: dict[str, Any], own: Any, use: bool, letters: dict[str, str]
) -> tuple[Fit, float | None]:
    words: dict[str, Any] = dict(letters)
    if not use:
        return fit_law(runs, law, **settings, **words), None
    usual = {k: p for k, p in weak(lowest_of(runs.loss)).items() if k in law.parameters and law.domain(k) == p.domain}
    return fit_law(runs, law, prior={**usual, **(own or {})}, **settings, **words), None


def _weigh(
    runs: Runs, fits: list[Fit], fitters: Sequence[Any], given: Sequence[float] | None
) -> tuple[Floats, list[str]]:
    if given is not None:
        array = np.asarray(given, dtype=np.float64)
        if array.shape != (len(fits),) or not (array >= 0).all() or not array.sum() > 0:
            raise DataError(f"law_weights are {list(given)!r}, expected {len(fits)} numbers of 0 or more")
        return floats(array / array.sum()), []
    if len(fits) == 1:
        return floats([1.0]), []
    law = fits[0].law
    used, _ = runs.for_variables([v for v in law.variables if v not in law.schedules])
    columns = {name: used.variable(name) for name in law.variables if name not in law.schedules}
    compute = log_compute(law, columns)
    if compute is None:
        raise DataError(
            compose("the laws have no compute to cut at, so they cannot be weighed", "pass law_weights=[...]")
        )
    sizes = columns.get("N", next(iter(columns.values())))
    plain = [lambda part, f=fitter: f(part)[0] for fitter in fitters]
    errors, n_cuts = rolling_errors(used, 10.0**compute, sizes, plain)
    shown = ", ".join(f"{f.law.name or f.law.formula} {np.sqrt(e):.4f}" for f, e in zip(fits, errors, strict=True))
    remark = f"laws are weighed by their errors over {n_cuts} rolling origins inside the data (RMSE {shown})"
    return inverse_weights(errors), [remark]


def _sensitivity(
    runs: Runs, law: Any, model: Forecaster, result: Forecast, options: dict[str, Any], points: dict[str, Any]
) -> Any:
    """Return the forecast under changed priors, one row per change and point."""
    from .._points import make_frame

    changes = {
        "as given": (0.0, 1.0),
        "twice as wide": (0.0, 2.0),
        "one sd lower": (-1.0, 1.0),
        "one sd higher": (1.0, 1.0),
    }
    columns: dict[str, list[Any]] = {"priors": [], "point": [], "loss": [], "low": [], "high": []}
    for label, (shift, width) in changes.items():
        prior = {name: changed(p, shift, width) for c in model.components for name, p in c.fit.priors.items()}
        again = forecaster(runs, law, prior=prior, **options).forecast(None, level=result.level, **points)
        n = int(np.size(again.loss))
        columns["priors"] += [label] * n
        columns["point"] += list(range(n))
        for name in ("loss", "low", "high"):
            columns[name] += np.ravel(getattr(again, name)).tolist()
    return make_frame(columns, result.backend)
