"""Approach 3 beside approach 2: a law fitted to the same runs, and the bias of a curve if that law were true.

Profiles and their minima are in `_budgets`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import laws
from .._bootstrap import bootstrap
from .._engine import Floats
from .._errors import DataError, compose, listed
from .._fit import fit
from .._fitted import Fit
from .._law import Law
from .._quantiles import tails
from .._runs import Runs
from ._budgets import Profile, lines, minima
from ._profile import Curve

#: How far, in ln N, beyond the sizes of a profile the optimum of a law is looked for, and how finely.
BEYOND, FINE = 4.0, 2001


@dataclass(frozen=True)
class Beside:
    """What a fitted law says of the same runs.

    Attributes
    ----------
    fit : Fit
    N_opt : ndarray
        Optimum of the law at each budget.
    bias : ndarray
        ln of what the curve finds on noiseless losses of the law at this very grid, over `N_opt`; NaN where it finds
        no minimum.
    a, bias_a : float
        The law's exponent over these budgets, and by how much the line through the curves' minima misses it.
    a_interval : tuple of float
        Of the law's exponent, at 95 %; NaN where the law has no derived quantity a.
    """

    fit: Fit
    N_opt: Floats
    bias: Floats
    a: float
    bias_a: float
    a_interval: tuple[float, float]


def put_beside(
    runs: Runs, profiles: list[Profile], curve: Curve, scale: str, law: Law | str, seed: int, count: int
) -> Beside:
    """Fit a law to the same runs, and lay the same curve through its noiseless losses on the same grid."""
    chosen = laws.get(law) if isinstance(law, str) else law
    if set(chosen.variables) != {"N", "D"}:
        raise DataError(
            compose(f"the law beside the profiles is over {listed(chosen.variables)}, expected N and D", "law=None")
        )
    found: Fit = fit(runs, chosen)
    best = np.array([_optimum(found, p) for p in profiles])
    losses = [np.asarray(found.predict(N=np.exp(p.x), D=p.C / (p.kappa * np.exp(p.x)))) for p in profiles]
    at, _ = minima(profiles, curve, scale, losses)
    interval = (float("nan"), float("nan"))
    if "a" in chosen.derived:
        boot = bootstrap(found, count, scheme="bayesian", rng=seed)
        interval = ends(boot.derived({"a": chosen.derived["a"]})["a"][boot.ok], tails(0.95), np.asarray)
    # The bias over the budgets at which the curve has a minimum, so that only the curve differs.
    same = np.where(np.isfinite(at), best, np.nan)
    a, a_curve, a_same = (float(lines(profiles, x[None])["a"][0]) for x in (best, at, same))
    return Beside(found, np.exp(best), at - best, a, a_curve - a_same, interval)


def _optimum(found: Fit, profile: Profile) -> float:
    """Return ln N at which the law is lowest on the budget, by a fine scan and a parabola through the lowest three."""
    x = np.linspace(profile.x[0] - BEYOND, profile.x[-1] + BEYOND, FINE)
    y = np.asarray(found.predict(N=np.exp(x), D=profile.C / (profile.kappa * np.exp(x))))
    i = int(np.clip(np.argmin(y), 1, FINE - 2))
    left, middle, right = y[i - 1 : i + 2]
    bend = left - 2 * middle + right
    return float(x[i] + 0.5 * (x[1] - x[0]) * (left - right) / bend) if bend > 0 else float("nan")


def ends(draws: Floats, probs: tuple[float, float], back: Callable[[Any], Any] = np.exp) -> tuple[float, float]:
    """Return quantiles of the finite draws; NaN where there are none."""
    finite = draws[np.isfinite(draws)]
    if not len(finite):
        return float("nan"), float("nan")
    low, high = back(np.quantile(finite, probs, method="weibull"))
    return float(low), float(high)
