"""The recommended extrapolator of one-variable curves: the upper half of the curve, weak priors, a last level shift.

L = E + A X**-alpha on the rows in the upper half of the ln X range, adaptive Huber on log loss, moved by the mean log
residual of the last rows. What other laws make of a curve goes the general way.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._engine import Floats
from .._fit import fit as fit_law
from .._fitted import Fit
from .._prior import LogNormal, Prior
from .._runs import Runs

#: The law that is fitted so, and the fewest rows that make the upper half.
LAW, FEWEST = "power_floor", 6


def curve_priors(lowest: float) -> dict[str, Prior]:
    """Return the priors of a curve whose smallest value is `lowest`.

    Examples
    --------
    >>> curve_priors(0.5)["E"]
    LogNormal(median=0.3, sd=0.6)
    """
    return {"E": LogNormal(0.6 * lowest, 0.6), "alpha": LogNormal(0.35, 0.5)}


def upper_half(x: Floats) -> Any:
    """Return which values lie in the upper half of the range of ln x, all of them where those are fewer than six.

    Examples
    --------
    >>> upper_half(np.array([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048.0])).sum().item()
    6
    """
    log = np.log(x)
    upper = log >= 0.5 * (log.min() + log.max())
    return upper if upper.sum() >= FEWEST else np.ones(len(x), dtype=bool)


def fit_curve(runs: Runs, law: Any, settings: dict[str, Any], variables: dict[str, str]) -> tuple[Fit, float]:
    """Fit a curve and return it with its level shift (log observed minus log predicted, of the last rows)."""
    letter = law.variables[0]
    if variables:
        runs = runs.with_roles(**variables)
    used, _ = runs.for_variables([letter], positive=[letter, "loss"])
    part = used.where(upper_half(used.variable(letter)))
    priors = {**curve_priors(float(part.loss.min())), **(settings.get("prior") or {})}
    fit = fit_law(part, law, **{**settings, "prior": priors})
    last = np.argsort(part.variable(letter), kind="stable")[-max(2, len(part) // 10) :]
    return fit, float(-fit.residuals[last].mean())
