"""How loosely a task hangs on the loss, on the user's own runs: variance explained, scale, large runs left out.

A loss may fall while a task does not move, and models of equal loss may differ on a task: how much is measured here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._engine import Floats, floats
from .._errors import IsoflopError
from .._fit import fit as fit_law
from .._fitted import Fit
from .._law import Law
from ._ranks import rank_correlation

#: Share of rows, those of the largest scale, that are left out; a link needs so many rows more than parameters.
LARGE, SPARE = 0.25, 2


@dataclass(frozen=True)
class Looseness:
    """What the loss leaves open about one task.

    Attributes
    ----------
    explained : float
        Share of the score's variance over rows that the link explains.
    noise : float
        Standard deviation of what is left, in the score's unit.
    scale_correlation, scale_p : float
        Rank correlation of what is left with scale, and its p-value: at equal loss larger runs score higher (above 0).
    large_error, large_bias : float
        Root mean square and mean of predicted minus observed score on the quarter of rows of the largest scale, from
        a link fitted to the others; NaN where too few are left.
    """

    explained: float
    noise: float
    scale_correlation: float
    scale_p: float
    large_error: float
    large_bias: float


def looseness(link: Law, fitted: Fit, loss: Floats, scores: Floats, scale: Floats) -> Looseness:
    """Return how loosely scores hang on the loss.

    Parameters
    ----------
    link : Law
    fitted : Fit
        The link fitted to all rows.
    loss, scores, scale : ndarray
        By row; scale is compute, or what the runs have of it.
    """
    rest = scores - fitted.fitted
    total = float(((scores - scores.mean()) ** 2).sum())
    left = float(rest @ rest)
    free = max(len(rest) - len(fitted.free), 1)
    r, p = rank_correlation(floats(rest), scale)
    error, bias = _left_out(link, loss, scores, scale, len(fitted.free))
    return Looseness(1 - left / total if total > 0 else 0.0, float(np.sqrt(left / free)), r, p, error, bias)


def _left_out(link: Law, loss: Floats, scores: Floats, scale: Floats, n_free: int) -> tuple[float, float]:
    order = np.argsort(scale, kind="stable")
    n_small = len(order) - max(1, round(LARGE * len(order)))
    small, large = order[:n_small], order[n_small:]
    if n_small < n_free + SPARE:
        return float("nan"), float("nan")
    found = quiet_fit(link, loss[small], scores[small])
    if found is None:
        return float("nan"), float("nan")
    miss = np.asarray(found.predict(**{link.variables[0]: loss[large]})) - scores[large]
    return float(np.sqrt(np.mean(miss**2))), float(miss.mean())


def quiet_fit(link: Law, x: Any, y: Floats, **options: Any) -> Fit | None:
    """Return a link fitted to scores, or None where the rows cannot carry it."""
    import warnings

    letter = link.variables[0]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = fit_law({letter: x, "loss": y}, link, loss="loss", criterion="squared", **options)
    except IsoflopError:
        return None
    assert isinstance(found, Fit)
    return found
