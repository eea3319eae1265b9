"""`contours`: the loss over N and D, and the efficient frontier through it with its band."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._engine import Floats
from .._errors import DataError, counted
from .._optimum import Optimum
from .._repr import percent
from . import _axes, _words
from ._surface import Surface, surface_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Cells along each side of the plane, budgets along the frontier, contours.
CELLS, BUDGETS, CONTOURS = 120, 60, 8
#: Marks nearer to the edges of the axes than this share of them are left out.
EDGE = 0.05
#: Where there are no runs: sizes, and tokens. Where there are: how far the plane goes below and above them.
RANGES, ROOM = ((1e8, 1e12), (1e9, 1e14)), (0.5, 10.0)


def contours(
    model: Any,
    *,
    N: tuple[float, float] | None = None,
    D: tuple[float, float] | None = None,
    levels: Sequence[float] | None = None,
    level: float = 0.95,
    ax: Axes | None = None,
    **held: Any,
) -> Axes:
    """Draw lines of equal loss over N and D, and the frontier: the best N and D for each compute.

    Parameters
    ----------
    model : Fit, Bootstrap, Forecaster, Published or (law, params)
        Its law is one over N and D. The frontier has a band where the model has draws or errors.
    N, D : (float, float), optional
        What the axes show; from half the smallest run to ten times the largest where None.
    levels : sequence of float, optional
        Losses of the lines, in nats per token; eight that cut the frontier at even steps of compute where None.
    level : float
        Of the band.
    ax : Axes, optional
    **held
        The law's other variables and levels, at one value.

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        If the law is not over N and D, or a range is empty.

    Notes
    -----
    Compute is C = 6 N D; its decades are marked on the frontier. The band holds the best N at each C, so it is as wide
    across the frontier as its edges are apart along a line of constant C.

    Examples
    --------
    >>> import isoflop as iso
    >>> ax = iso.plot.contours(iso.laws.get("chinchilla").published["epoch2024"])
    >>> ax.get_ylabel()
    'training tokens D'
    """
    surface = surface_of("contours", model, held)
    across, up = (_range(surface, i, name, given) for i, (name, given) in enumerate((("N", N), ("D", D))))
    best = _frontier(surface, across, up, level)
    ax = _axes.new_axes(ax)
    if surface.runs is not None:
        sizes, tokens, loss = surface.runs
        ax.scatter(sizes, tokens, s=7, color="0.45", linewidths=0, zorder=2, label=counted(len(loss), "run"))
    _draw_frontier(ax, best, level)
    ax.set(xlim=across, ylim=up)
    _axes.finish(ax, _words.LABELS["N"], _words.LABELS["D"])
    _lines(ax, surface, across, up, _levels(best.loss) if levels is None else sorted(levels))
    _decades(ax, best)
    _axes.legend(ax, "upper left", over_lines=True)
    return ax


def _range(surface: Surface, place: int, name: str, given: tuple[float, float] | None) -> tuple[float, float]:
    """Return what an axis shows."""
    if given is not None:
        low, high = given
        if not 0 < low < high < np.inf:
            raise DataError(f"{name} is {given!r}, expected two numbers above 0, the smaller first")
        return float(low), float(high)
    if surface.runs is None:
        return RANGES[place]
    seen = surface.runs[place]
    return ROOM[0] * float(seen.min()), ROOM[1] * float(seen.max())


def _frontier(surface: Surface, across: tuple[float, float], up: tuple[float, float], level: float) -> Optimum:
    """Return the optima for compute from one corner of the plane to the other."""
    C = np.geomspace(6 * across[0] * up[0], 6 * across[1] * up[1], BUDGETS)
    return surface.best(C, level=level)


def _draw_frontier(ax: Axes, best: Optimum, level: float) -> None:
    low, high = best.interval("N")
    if np.isfinite(low).all() and np.isfinite(high).all():
        edge = np.concatenate([low, high[::-1]])
        compute = np.concatenate([best.C, best.C[::-1]])
        label = f"{percent(level)} band"
        ax.fill(edge, compute / (6 * edge), color=_axes.CURVE, alpha=0.3, linewidth=0, zorder=2.5, label=label)
    ax.plot(best.N, best.D, color=_axes.CURVE, linewidth=1.4, zorder=3, label="efficient frontier, C in FLOP")


def _levels(loss: Floats) -> Floats:
    """Return losses at even steps along the frontier, rounded to as many digits as keep them apart."""
    at = loss[np.linspace(0, len(loss) - 1, CONTOURS + 2).astype(int)][1:-1]
    digits = max(int(np.ceil(-np.log10(np.abs(np.diff(at)).min()))), 0)
    return np.unique(at.round(digits))


def _lines(ax: Axes, surface: Surface, across: tuple[float, float], up: tuple[float, float], levels: Any) -> None:
    N, D = (np.geomspace(low, high, CELLS) for low, high in (across, up))
    sizes, tokens = (x.ravel() for x in np.meshgrid(N, D))
    loss = surface.loss(sizes, tokens).reshape(CELLS, CELLS)
    lines = ax.contour(N, D, loss, levels, colors=_axes.PLAIN, linewidths=0.9, zorder=1)
    ax.clabel(lines, fmt=lambda value: f"{value:.4g}", fontsize=_axes.small(ax), inline_spacing=2)


def _decades(ax: Axes, best: Optimum) -> None:
    """Mark powers of ten of compute on the frontier, every second one where they are many."""
    low, high = np.log10(best.C[[0, -1]])
    powers = np.arange(np.ceil(low), np.floor(high) + 1)
    powers = powers[:: 1 if len(powers) <= 6 else 2]
    N, D = (np.exp(np.interp(powers, np.log10(best.C), np.log(x))) for x in (best.N, best.D))
    places = ax.transLimits.transform(np.log10(np.column_stack([N, D])))
    inside = ((places > EDGE) & (places < 1 - EDGE)).all(axis=1)
    ax.plot(N[inside], D[inside], "o", color=_axes.CURVE, markersize=4, markeredgecolor="white", zorder=4)
    for x, y, power in zip(N[inside], D[inside], powers[inside], strict=True):
        where: dict[str, Any] = {"xytext": (5, -3), "ha": "left", "va": "top", "color": _axes.CURVE}
        _axes.write(ax, f"$10^{{{power:.0f}}}$", (x, y), **where)
