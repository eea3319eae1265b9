"""The grid of error covariances that a forecast averages over, and its prior probabilities.

Residuals have covariance s² K with K = r K_smooth + (1 - r) [g K_group + (1 - g) I]. The values were settled on
simulated designs and are not tuned to any table of runs.
"""

from __future__ import annotations

import math

from .._engine import Floats, floats
from .._errors import DataError, compose

#: Shares of the smooth discrepancy and its lengths, in natural logarithms of N and D.
SHARES = (0.4, 0.8, 0.95)
LENGTHS = (0.7, 2.0, 4.0)
#: Share of the group effect in the rest, and which part of it does not fade along a run.
GROUPS = ((0.0, 1.0), (0.4, 1.0), (0.8, 1.0), (0.8, 0.5), (0.98, 0.5))
#: Prior probability that there is a smooth discrepancy at all.
DISCREPANCY = 0.2

SMOOTH, LENGTH, GROUP, LASTING, LOG_PRIOR = range(5)


def check_probability(value: float) -> float:
    """Return the prior probability of a discrepancy, if it is one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise DataError(
            compose(f"discrepancy is {value!r}, expected a probability from 0 to below 1", "0 trusts the law's form")
        )
    return float(value)


def grid(discrepancy: float, *, smooth: bool, groups: bool) -> Floats:
    """Return one row per cell: share, length, group share, lasting part, log prior.

    Parameters
    ----------
    discrepancy : float
        Prior probability of a smooth discrepancy, shared equally by its cells.
    smooth, groups : bool
        Whether the rows have coordinates and groups that such effects could live on.

    Examples
    --------
    >>> grid(0.2, smooth=True, groups=True).shape, grid(0.2, smooth=True, groups=False).shape
    ((50, 5), (10, 5))
    >>> round(sum(math.exp(row[LOG_PRIOR]) for row in grid(0.2, smooth=True, groups=True)), 12)
    1.0
    """
    shapes = [(0.0, 1.0)]
    if smooth and discrepancy > 0:
        shapes += [(share, length) for share in SHARES for length in LENGTHS]
    effects = GROUPS if groups else GROUPS[:1]
    rest = 1 - discrepancy if len(shapes) > 1 else 1.0
    each = (1 - rest) / max(len(shapes) - 1, 1)
    return floats(
        [
            (share, length, g, c, math.log((each if share else rest) / len(effects)))
            for share, length in shapes
            for g, c in effects
        ]
    )
