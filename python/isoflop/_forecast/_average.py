"""Rolling origins: how well laws forecast later rows from earlier ones, inside the data, and weights from it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._engine import Floats, floats
from .._errors import DataError, FitError, IsoflopWarning, LawError, compose
from .._fitted import Fit
from .._runs import Runs

Mask = NDArray[np.bool_]

#: Cuts at the largest compute over these, each with at least so many rows and sizes below it.
RATIOS = (2, 4, 8, 16)
MIN_ROWS, MIN_SIZES = 10, 3


def cuts(compute: Floats, sizes: Floats) -> list[tuple[int, Mask]]:
    """Return (ratio, which rows lie below) for every cut that leaves enough rows and sizes, and rows to score.

    Examples
    --------
    >>> c = np.geomspace(1, 100, 30)
    >>> [(ratio, int(below.sum())) for ratio, below in cuts(c, c)]
    [(2, 25), (4, 21), (8, 16), (16, 12)]
    """
    out = []
    for ratio in RATIOS:
        below = compute <= compute.max() / ratio
        if below.sum() >= MIN_ROWS and len(np.unique(sizes[below])) >= MIN_SIZES and not below.all():
            out.append((ratio, below))
    return out


def rolling_errors(
    runs: Runs, compute: Floats, sizes: Floats, fitters: Sequence[Callable[[Runs], Fit]]
) -> tuple[Floats, int]:
    """Return the mean squared error of each law over all cuts, and how many cuts there were.

    A law that cannot be fitted below a cut gets an infinite error there.
    """
    found = cuts(compute, sizes)
    if not found:
        raise DataError(
            compose(
                f"no cut leaves {MIN_ROWS} rows and {MIN_SIZES} sizes below it, so laws cannot be weighed",
                "pass law_weights=[...], or one law",
            )
        )
    errors = [[_error(runs, below, fitter) for _, below in found] for fitter in fitters]
    return floats(np.mean(errors, axis=1)), len(found)


def _error(runs: Runs, below: Mask, fitter: Callable[[Runs], Fit]) -> float:
    later = runs.where(~below)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", IsoflopWarning)
            fit = fitter(runs.where(below))
            predicted = np.asarray(fit.predict(**_points(fit, later)))
    except (DataError, FitError, LawError):
        return float("inf")
    miss = np.log(predicted / later.loss) if fit.law.scale == "log" else predicted - later.loss
    return float(np.mean(miss**2)) if np.isfinite(miss).all() else float("inf")


def _points(fit: Fit, later: Runs) -> dict[str, Any]:
    levels = {f: later.factor(f) for f in dict.fromkeys(fit.law.levels.values())}
    columns: dict[str, Any] = {name: later.variable(name) for name in fit.law.variables}
    return columns | {f: np.array(labels, dtype=object)[codes] for f, (codes, labels) in levels.items()}


def inverse_weights(errors: Floats) -> Floats:
    """Return weights in proportion to one over the mean squared errors.

    Examples
    --------
    >>> inverse_weights(np.array([1.0, 3.0, np.inf])).tolist()
    [0.75, 0.25, 0.0]
    """
    if not np.isfinite(errors).any():
        raise FitError("none of the laws could be fitted below any cut")
    raw = 1 / np.maximum(errors, 1e-12)
    return floats(raw / raw.sum())
