"""How likely residuals are under heavy tails: Student's t with 4 degrees of freedom and a scale of its own.

By a Gaussian likelihood a handful of outliers would decide between laws.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np

from ._engine import Floats
from ._errors import ConvergenceWarning
from ._fit import fit as fit_law
from ._fitted import Fit
from ._runs import Runs

#: Degrees of freedom.
NU = 4.0
#: The logarithm of the density's constant: Γ(5/2) / (Γ(2) √(4π)).
_CONSTANT = math.lgamma((NU + 1) / 2) - math.lgamma(NU / 2) - 0.5 * math.log(NU * math.pi)
#: Steps of expectation and maximisation, and the gain of one at which they end.
STEPS, GAIN = 50, 1e-7
#: Residuals of exact data are rounding: a scale below this says nothing.
SMALLEST = 1e-14


@dataclass(frozen=True)
class Likelihood:
    """The largest likelihood of a law on one table.

    Attributes
    ----------
    log_likelihood : float
        Of the residuals on the response scale.
    scale : float
        Of Student's t; its standard deviation is √2 of it.
    n : float
        Sum of row weights.
    k : int
        Free parameters, and the scale.
    """

    log_likelihood: float
    scale: float
    n: float
    k: int

    @property
    def aicc(self) -> float:
        """Akaike's criterion with the correction for few rows; infinite where there are too few."""
        spare = self.n - self.k - 1
        return -2 * self.log_likelihood + 2 * self.k + (2 * self.k * (self.k + 1) / spare if spare > 0 else math.inf)

    @property
    def bic(self) -> float:
        """Schwarz's criterion."""
        return -2 * self.log_likelihood + self.k * math.log(self.n)


def student(found: Fit, runs: Runs) -> Likelihood:
    """Return the likelihood of a fit's law on the runs that it was fitted to, at the parameters where it is largest.

    Each step weighs rows by how well they agree with the scale at hand and refits by least squares from where it
    stands (Lange, Little and Taylor 1989), so it ends in the optimum next to the fit.
    """
    assert found.problem is not None, "a fit that was just made holds its rows"
    weights = np.asarray(found.problem.table["weights"])
    scale = _scale(found.residuals, weights)
    best = _log_likelihood(found.residuals, weights, scale)
    for _ in range(STEPS):
        if scale <= SMALLEST:
            break
        found = _refit(found, runs, (NU + 1) / (NU + (found.residuals / scale) ** 2))
        scale = _scale(found.residuals, weights)
        value = _log_likelihood(found.residuals, weights, scale)
        best, gained = max(best, value), value - best
        if gained < GAIN * weights.sum():
            break
    return Likelihood(best, scale, float(weights.sum()), len(found.free) + 1)


def _refit(found: Fit, runs: Runs, weights: Floats) -> Fit:
    """Return the weighted least squares next to a fit; what is at a bound stays there."""
    ended = {name for name in found.names if name not in found.free or name in found.at_bound}
    ended |= {name for name in found.names if found.params[name] == 0 and found.law.domain(name) == "positive"}
    held = {name: found.params[name] for name in found.names if name in ended}
    start = {name: found.params[name] for name in found.names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        again = fit_law(
            runs,
            found.law,
            criterion="squared",
            weights=weights / weights.max(),
            fixed={**dict.fromkeys(found.law.constants), **held},
            starts=[start],
        )
    assert isinstance(again, Fit)
    # Parameters at a bound still count as free ones.
    object.__setattr__(again, "free", found.free)
    return again


def _scale(residuals: Floats, weights: Floats) -> float:
    """Return the scale of largest likelihood for given residuals."""
    used = weights > 0
    r, w = residuals[used], weights[used]
    scale = max(1.4826 * float(np.median(np.abs(r))), SMALLEST)
    for _ in range(200):
        shares = w * (NU + 1) / (NU + (r / scale) ** 2)
        last, scale = scale, max(float(np.sqrt((shares * r * r).sum() / w.sum())), SMALLEST)
        if abs(scale - last) < 1e-10 * scale:
            break
    return scale


def _log_likelihood(residuals: Floats, weights: Floats, scale: float) -> float:
    values = _CONSTANT - math.log(scale) - 0.5 * (NU + 1) * np.log1p((residuals / scale) ** 2 / NU)
    return float((weights * values).sum())
