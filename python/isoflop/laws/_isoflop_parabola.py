"""What a parabola through one isoFLOP curve makes of a known law: the bias of approach 2, calculated."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._calculation import Results, calculation
from ._compute_optimal import chinchilla_opt, loss_at


@calculation
def isoflop_parabola(*, C: float, n: int, w: float, E: float, A: float, B: float, alpha: float, beta: float) -> Results:
    """Return the vertex of the parabola in log N through an isoFLOP curve without noise.

    Parameters
    ----------
    C : float
        Budget in FLOP.
    n : int
        Model sizes, 3 or more, evenly spaced in log N.
    w : float
        They run from N_opt/w to N_opt·w; above 1.
    E, A, B, alpha, beta : float
        Parameters of `chinchilla`.

    Returns
    -------
    Results
        ``N_vertex`` and ``L_vertex`` of the parabola, ``N_opt_true`` of the law.

    Notes
    -----
    Least squares on the loss (not its log). Unless alpha = beta the curve is skewed, and the vertex is off by a factor
    that is the same at every budget where the grid follows the optimum, and drifts where the grid stands still: then
    the exponent is biased too.

    References
    ----------
    Hoffmann et al. 2022, arXiv 2203.15556, approach 2.

    Examples
    --------
    >>> hoffmann = {"E": 1.6934, "A": 406.4, "B": 410.7, "alpha": 0.3392, "beta": 0.2849}
    >>> wide = isoflop_parabola(C=1e20, n=11, w=16, **hoffmann)
    >>> round(wide.N_vertex / wide.N_opt_true, 4)
    1.0507
    """
    best = chinchilla_opt(C=C, E=E, A=A, B=B, alpha=alpha, beta=beta).N_opt
    x = np.linspace(-np.log10(w), np.log10(w), int(n))
    N = best * 10**x
    y = loss_at(N, C / (6 * N), E, A, B, alpha, beta)
    level, tilt, bend = _parabola(x, y)
    vertex = -tilt / (2 * bend)
    return Results(
        N_vertex=best * 10**vertex,
        N_opt_true=best,
        L_vertex=level + tilt * vertex + bend * vertex * vertex,
    )


def _parabola(x: Any, y: Any) -> tuple[float, float, float]:
    """Return the least-squares parabola through points that lie symmetrically about 0."""
    middle, square = y.mean(), (x * x).mean()
    curved = x * x - square
    bend = (curved * (y - middle)).sum() / (curved * curved).sum()
    return middle - bend * square, (x * (y - middle)).sum() / (x * x).sum(), bend
