"""`Fit.interval`: intervals from one fit, without a stored bootstrap.

What is read from stored draws is in `_draws`; which quantities are asked for, in `_quantity`.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np

from . import _engine
from ._dependence import warn_repeats
from ._errors import DataError, FitError, PrecisionWarning, compose, counted, listed, warn
from ._fitted import Fit
from ._points import make_frame
from ._quantiles import tails
from ._quantity import Of, Quantity, quantities
from ._seed import seed_of

Method = Literal["auto", "delta", "hc3", "profile", "gls", "gls-ar1", "wild-cluster", "jackknife"]
METHODS: tuple[str, ...] = get_args(Method)
#: Methods that need groups of several rows.
CLUSTERED = ("gls", "gls-ar1", "wild-cluster")
#: Resamples of the wild cluster bootstrap where the user does not say.
N_RESAMPLES = 1_999


def interval(
    fit: Fit,
    level: float = 0.95,
    method: Method = "auto",
    *,
    of: Of = None,
    kind: Literal["mean", "new_run"] = "mean",
    monte_carlo: bool = False,
    order: str | None = None,
    n_resamples: int = N_RESAMPLES,
    rng: Any = 0,
    n_threads: int | None = None,
) -> Any:
    """Return an interval per parameter or derived quantity, from this one fit.

    Parameters
    ----------
    fit : Fit
    level : float
        Nominal coverage.
    method : {"auto", "delta", "hc3", "profile", "gls", "gls-ar1", "wild-cluster", "jackknife"}
        ``delta`` is estimate ± t × standard error with one residual variance; ``hc3`` the same where rows may differ
        in noise; ``profile`` where the objective has risen too far, asymmetric where the law is. For rows that share
        noise: ``gls``, generalised least squares with an effect per group, and ``gls-ar1``, with neighbouring rows of
        a group correlated too; ``wild-cluster``, the studentised wild bootstrap of groups, which holds from 6 groups;
        ``jackknife``, which leaves out one group (or row) at a time and is wide. ``auto`` is ``gls`` where the runs
        declare groups of several rows, else ``hc3``.
    of : str, sequence or mapping, optional
        Parameters and derived quantities of the law where None. Text is a formula over parameters; a mapping gives
        names to formulas and to points, ``{"a": "beta / (alpha + beta)", "big": {"N": 4e11, "D": 1e13}}``, or is one
        point.
    kind : {"mean", "new_run"}
        Whether a loss is the law's curve, or what one more run would score (``delta`` and ``hc3`` only).
    monte_carlo : bool
        Add columns ``low_error`` and ``high_error``, the standard errors of the ends from a finite number of
        resamples (0 where nothing is drawn).
    order : str, optional
        Variable that puts rows of a group in order for ``gls-ar1``; the order of the table where None.
    n_resamples, rng, n_threads
        For ``wild-cluster``.

    Returns
    -------
    frame
        Columns parameter, estimate, low, high, sides. ``sides`` is "two", or "upper" and "lower" for a parameter at
        zero or at a bound, whose interval begins there and has a one-sided end of the profile.

    Raises
    ------
    DataError
        If the method cannot use these rows, groups or settings.
    FitError
        If the fit holds no data, or does not determine its parameters.

    Warns
    -----
    PrecisionWarning
        If sizes repeat, no groups are declared, and residuals of a size are alike; if a variance between groups came
        out negative; if a parameter at a bound is taken as known; if resamples were left out.

    Notes
    -----
    Quantities that cannot be negative are worked with by their logarithms. Generalised least squares moves the
    estimate: the column holds its own.

    References
    ----------
    Huber 1981, section 7.6; MacKinnon and White 1985; Bates and Watts 1988; Cameron, Gelbach and Miller 2008;
    Webb 2023.

    Examples
    --------
    >>> import isoflop as iso
    >>> runs = iso.simulate("power_floor", {"X": [1, 3, 10, 30, 100, 300, 1000, 3000] * 5}, noise=0.01)
    >>> fit = iso.fit(runs, "power_floor", criterion="squared")
    >>> fit.interval(method="profile", of={"half": "2**(1 / alpha)", "far": {"X": 1e5}}).columns
    ['parameter', 'estimate', 'low', 'high', 'sides']
    """
    tails(level)
    if fit.problem is None:
        raise FitError("this fit holds no data")
    if fit.unidentified:
        raise FitError(compose(f"the rows do not determine {listed(fit.unidentified)}", "fix, tie, or add a prior"))
    name = choose_method(fit, method)
    asked = quantities(fit, of, kind)
    _check(fit, name, asked, kind)
    if name not in (*CLUSTERED, "jackknife"):
        warn_repeats(fit)
    options = {
        "delta": fit.delta,
        "level": float(level),
        "groups": fit.groups,
        "order": _order(fit, order),
        "n_resamples": count_of(n_resamples),
        "seed": seed_of(rng),
        "n_threads": _engine.thread_count(n_threads),
    }
    _warn_bound(fit, name, asked)
    out = _engine.intervals(fit.problem, fit.theta, [q.core for q in asked if q.core], name, options)
    _remarks(out, name, options["n_resamples"])
    sides = [("two", "upper", "lower")[s] for s in out["side"]]
    columns = {"parameter": [q.name for q in asked], **{k: out[k] for k in ("estimate", "low", "high")}, "sides": sides}
    if monte_carlo:
        columns |= {k: out[k] for k in ("low_error", "high_error")}
    return make_frame(columns, fit.backend)


def choose_method(fit: Fit, method: str) -> str:
    """Return the method, chosen from the groups for "auto"."""
    if method not in METHODS:
        raise DataError(compose(f"method is {method!r}", f"choose one of {listed(METHODS)}"))
    if method != "auto":
        return method
    return "gls" if fit.groups is not None and len(np.unique(fit.groups)) < fit.n_rows else "hc3"


def count_of(n_resamples: Any) -> int:
    """Return a number of resamples, refusing what is none."""
    if isinstance(n_resamples, bool) or not isinstance(n_resamples, int | np.integer) or n_resamples < 2:
        raise DataError(f"n_resamples is {n_resamples!r}, expected a whole number of at least 2")
    return int(n_resamples)


def _check(fit: Fit, method: str, asked: list[Quantity], kind: str) -> None:
    functions = [q.name for q in asked if q.core is None]
    if functions:
        raise DataError(
            compose(
                f"{listed(functions)} is a function, which has no derivative here",
                "write it as a formula, or use fit.bootstrap(...).interval(of=...)",
            )
        )
    if kind == "new_run" and method not in ("delta", "hc3"):
        raise DataError(compose(f"method {method!r} knows no new runs", "use method='hc3', or Bootstrap.band"))
    if fit.problem is not None and fit.problem.recipe["continuation"] and method != "jackknife":
        text = f"a fit by {fit.criterion!r} has no residual variance that method {method!r} could use"
        raise DataError(compose(text, "use fit.bootstrap(...).interval(), or criterion='huber' with delta='auto'"))
    if method not in CLUSTERED:
        return
    if fit.groups is None:
        raise DataError(compose(f"method {method!r} needs groups", "name their column: iso.Runs(..., groups='run_id')"))
    n_groups, q = len(np.unique(fit.groups)), len(fit.free)
    if n_groups == fit.n_rows:
        raise DataError(compose("every group has one row, so none shares noise", "use method='hc3'"))
    if n_groups <= q and method != "wild-cluster":
        text = f"{counted(n_groups, 'group')} for {counted(q, 'parameter')}: an effect per group cannot be told apart"
        raise DataError(compose(text, "use method='wild-cluster', or add groups"))


def _warn_bound(fit: Fit, method: str, asked: list[Quantity]) -> None:
    """Warn where a parameter at a bound is taken as known."""
    others = [q.name for q in asked if q.name not in fit.at_bound]
    if fit.at_bound and others and method not in ("profile", "jackknife"):
        warn(
            f"{listed(fit.at_bound)} lies at zero or at a bound, and method {method!r} takes it as known: intervals of "
            f"{listed(others, 4)} are too narrow on one side",
            PrecisionWarning,
            "use method='profile', or quantiles of a bootstrap",
        )


def _order(fit: Fit, order: str | None) -> Any:
    if order is None:
        return None
    assert fit.problem is not None
    columns = fit.problem.table["columns"]
    if order not in columns:
        raise DataError(compose(f"order names {order!r}", f"it may be one of the law's variables {listed(columns)}"))
    return _engine.floats(columns[order])


def _remarks(out: dict[str, Any], method: str, n_resamples: int) -> None:
    if method == "gls" and out["gls"][3]:
        warn(
            "the variance between groups came out as zero or below, so rows are taken as independent",
            PrecisionWarning,
            "compare with method='wild-cluster'",
        )
    if out["n_failed"]:
        total = f" of {n_resamples}" if method == "wild-cluster" else ""
        warn(
            f"{out['n_failed']}{total} refits are unsound and left out",
            PrecisionWarning,
            "add runs, fix or tie a parameter, or use a prior",
        )
