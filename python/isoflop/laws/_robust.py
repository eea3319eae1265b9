"""The robust losses that papers minimise, as functions of one residual (fits use the core's own)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._calculation import Results, calculation


@calculation
def huber(*, r: Any, delta: Any = 1e-3) -> Results:
    """Return the Huber loss of a residual, and two losses that go by similar names.

    Parameters
    ----------
    r : float or array
        Residual, usually predicted minus observed log loss.
    delta : float or array, default 1e-3
        Half-width of the quadratic middle, above 0, in units of the residual.

    Returns
    -------
    Results
        ``rho`` (r²/2 inside, delta(abs(r) - delta/2) outside), ``pseudo_huber``
        (delta²(√(1 + (r/delta)²) - 1)) and ``rho_smooth_l1`` (rho/delta).

    References
    ----------
    Huber 1964, Ann. Math. Statist. 35, 73; delta = 1e-3 on log loss is Hoffmann et al. 2022, arXiv 2203.15556.

    Examples
    --------
    >>> huber(r=-0.02, delta=1e-3).rho
    1.95e-05
    """
    size = np.abs(r)
    rho = np.where(size <= delta, 0.5 * size * size, delta * (size - 0.5 * delta))
    square = (size / delta) ** 2
    return Results(
        rho=rho,
        pseudo_huber=delta * delta * square / (np.sqrt(1 + square) + 1),
        rho_smooth_l1=rho / delta,
    )
