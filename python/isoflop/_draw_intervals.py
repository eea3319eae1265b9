"""Intervals read from the draws of a bootstrap, for parameters and anything derived from them.

Quantiles, their corrections and second bootstraps are the core's; which draws they are read from is decided here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from . import _engine
from ._engine import Floats, Job
from ._errors import DataError, PrecisionWarning, compose, listed, warn
from ._quantity import Of, Quantity, over_draws, quantities

if TYPE_CHECKING:
    from ._draws import Bootstrap

DrawMethod = Literal["percentile", "basic", "bca", "studentised", "double"]
DRAW_METHODS: tuple[str, ...] = get_args(DrawMethod)
#: Inner resamples of a double bootstrap where the user does not say.
N_INNER = 500
#: Logarithms below this are of zero.
_LOWEST = -745.0
#: Schemes whose units are groups.
BY_GROUP = ("groups", "wild-groups")


def draw_intervals(
    boot: Bootstrap, level: float, method: str, of: Of, n_inner: int, n_threads: int | None
) -> dict[str, Any]:
    """Return columns parameter, estimate, low, high, low_error, high_error.

    Parameters
    ----------
    boot : Bootstrap
    level : float
    method : str
        One of `DRAW_METHODS`.
    of : str, sequence or mapping, optional
        As in `Fit.interval`; a mapping may hold functions of the parameters, too.
    n_inner : int
        Inner resamples (``double``).
    n_threads : int, optional
    """
    if method not in DRAW_METHODS:
        raise DataError(compose(f"method is {method!r}", f"choose one of {listed(DRAW_METHODS)}"))
    asked = quantities(boot.fit, of)
    threads = _engine.thread_count(n_threads)
    functions = [q.name for q in asked if q.core is None]
    if functions and method in ("studentised", "double"):
        hint = "write a formula, or use method='percentile'"
        raise DataError(compose(f"{listed(functions)} is a function, method {method!r} needs formulas", hint))
    if method == "studentised":
        return _studentised(boot, level, asked, threads)
    if method == "double":
        return _double(boot, level, asked, n_inner, threads)
    jackknife = (
        _values(boot, asked, _left_out(boot, threads)) if method == "bca" else [(np.empty(0), False)] * len(asked)
    )
    estimates = _values(boot, asked, boot.fit.theta[None, :])
    draws = boot.draws[boot.ok]
    rows = [
        (q.name, *_read(method, level, values, float(estimate[0]), left_out, log))
        for q, (values, log), (estimate, _), (left_out, _) in zip(
            asked, _values(boot, asked, draws), estimates, jackknife, strict=True
        )
    ]
    return _columns(rows)


def _read(
    method: str, level: float, values: Floats, estimate: float, jackknife: Floats, log: bool
) -> tuple[float, float, float, float, float]:
    """Return estimate, low, high and their errors, native; a basic interval is taken on the working scale."""
    native = float(np.exp(estimate)) if log else estimate
    if method == "basic" and np.isfinite(estimate):  # at zero there is nothing to mirror at
        low, high, a, b = _engine.ends(method, estimate, level, np.maximum(values, _LOWEST) if log else values)
        if log:
            low, high = float(np.exp(low)), float(np.exp(high))
            a, b = a * low, b * high
        return native, low, high, a, b
    own = np.exp(values) if log else values
    method = "percentile" if method == "basic" else method
    return native, *_engine.ends(method, native, level, own, jackknife)


def _values(boot: Bootstrap, asked: list[Quantity], draws: Floats) -> list[tuple[Floats, bool]]:
    """Return each quantity over native draws on its working scale."""
    formulas = iter(_engine.quantity_draws([q.core for q in asked if q.core is not None], draws))
    tied = boot.fit.law.tied and boot.tied_columns(draws)
    return [
        next(formulas) if q.core is not None else (over_draws(q, boot.names, draws, tied or {}), False) for q in asked
    ]


def _job(boot: Bootstrap, scheme: str) -> Job:
    fit = boot.fit
    assert fit.problem is not None
    groups = None if boot.scheme == "rows" else fit.groups
    return Job(fit.problem, fit.theta, fit.delta, scheme, groups, boot.seed)


def _left_out(boot: Bootstrap, threads: int) -> Floats:
    """Return the refits that each leave out one unit: a group where groups are drawn, else a row."""
    fit = boot.fit
    assert fit.problem is not None
    groups = fit.groups if boot.scheme in BY_GROUP else None
    seen = fit.problem.table["weights"] > 0
    count = int(seen.sum()) if groups is None else len(np.unique(groups[seen]))
    job = replace(_job(boot, "jackknife"), groups=groups)
    draws, _, status = _engine.bootstrap_chunk(job, 0, count, threads)
    sound = status <= _engine.LAST_OK
    _remark(count - int(sound.sum()), count, "jackknife refits")
    return draws[sound]


def _options(boot: Bootstrap, level: float, threads: int) -> dict[str, Any]:
    job = _job(boot, boot.scheme)
    return {
        "delta": job.delta,
        "level": float(level),
        "groups": job.groups,
        "n_resamples": boot.n_resamples,
        "seed": boot.seed,
        "n_threads": threads,
    }


def _studentised(boot: Bootstrap, level: float, asked: list[Quantity], threads: int) -> dict[str, Any]:
    """Refit the same resamples again, each with a standard error of its own."""
    fit = boot.fit
    assert fit.problem is not None
    cores = [q.core for q in asked if q.core is not None]
    out = _engine.intervals(fit.problem, fit.theta, cores, f"{boot.scheme}:studentised", _options(boot, level, threads))
    _remark(out["n_failed"], boot.n_resamples, "refits")
    rows = zip(
        [q.name for q in asked], *(out[k] for k in ("estimate", "low", "high", "low_error", "high_error")), strict=True
    )
    return _columns([(name, *(float(x) for x in rest)) for name, *rest in rows])


def _double(boot: Bootstrap, level: float, asked: list[Quantity], n_inner: int, threads: int) -> dict[str, Any]:
    if isinstance(n_inner, bool) or not isinstance(n_inner, int | np.integer) or n_inner < 10:
        raise DataError(f"n_inner is {n_inner!r}, expected a whole number of at least 10")
    cores = [q.core for q in asked if q.core is not None]
    job = _job(boot, boot.scheme)
    out = _engine.double_bootstrap(job, cores, int(n_inner), _options(boot, level, threads))
    _remark(out["n_failed"], boot.n_resamples, "outer refits")
    _remark(out["n_inner_failed"], boot.n_resamples * int(n_inner), "inner refits")
    rows = []
    for q, values, shares, (estimate, log) in zip(
        asked, out["values"], out["shares"], _values(boot, asked, boot.fit.theta[None, :]), strict=True
    ):
        own, native = (np.exp(values), float(np.exp(estimate[0]))) if log else (values, float(estimate[0]))
        rows.append((q.name, native, *_engine.ends("calibrated", native, level, own, shares=shares)))
    return _columns(rows)


def _columns(rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    names = ("parameter", "estimate", "low", "high", "low_error", "high_error")
    return dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True))


def _remark(n_failed: int, count: int, what: str) -> None:
    if n_failed > 0.01 * count:
        warn(
            f"{n_failed:,} of {count:,} {what} are unsound and left out",
            PrecisionWarning,
            "add runs, fix or tie a parameter, or use a prior",
        )
